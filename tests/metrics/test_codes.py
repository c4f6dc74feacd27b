from __future__ import annotations

import itertools
import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from gancourse.files import CourseError
from gancourse.metrics.codes import (
    auc,
    best_code,
    matched,
    matching_error,
    mutual_information,
    ranks,
    spearman,
)


def drawn(classes, n, seed=0):
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_renamed_classes_are_found_again():
    labels = drawn(10, 1000)
    names = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    mapping = matched(names[labels], labels)
    assert torch.equal(mapping[names], torch.arange(10))
    assert matching_error(names[labels], labels, mapping) == 0


def test_the_matching_is_one_to_one():
    """Most pictures of both categories are of class 0: a majority vote would call both 0 and have 8
    of 10 right.
    """
    predicted = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    mapping = matched(predicted, labels)
    assert mapping.tolist() == [0, 1]
    assert matching_error(predicted, labels, mapping) == pytest.approx(0.3)


def test_the_matching_is_the_best_of_all():
    predicted, labels = drawn(4, 60, seed=1), drawn(4, 60, seed=2)
    errors = [
        matching_error(predicted, labels, torch.tensor(p)) for p in itertools.permutations(range(4))
    ]
    assert (
        matching_error(predicted, labels, matched(predicted, labels))
        == min(errors)
        < sorted(errors)[1]
    )


def test_more_categories_than_classes_leave_some_without_a_name():
    predicted = torch.tensor([0, 0, 1, 1, 1, 2])
    labels = torch.tensor([1, 1, 0, 0, 0, 0])
    mapping = matched(predicted, labels)
    assert mapping.tolist() == [1, 0, -1]
    assert matching_error(predicted, labels, mapping) == pytest.approx(1 / 6)


def test_one_category_for_all_is_right_for_one_class():
    labels = torch.arange(10).repeat(20)
    mapping = matched(torch.zeros_like(labels), labels)
    assert sorted(mapping.tolist()) == list(range(10))
    assert matching_error(torch.zeros_like(labels), labels, mapping) == pytest.approx(0.9)


def bars(codes, noise, seed=0):
    """Pictures 16 x 16 of noise with a bright row (number 3 code + 2), which tells the code."""
    pictures = torch.randint(
        noise, (len(codes), 1, 16, 16), generator=torch.Generator().manual_seed(seed)
    )
    pictures[torch.arange(len(codes)), 0, 3 * codes + 2] += 256 - noise
    return pictures.to(torch.uint8)


def test_a_picture_that_shows_its_code_tells_all_of_it():
    codes = drawn(4, 2000)
    assert mutual_information(bars(codes, 100), codes, 4) == pytest.approx(math.log(4), abs=0.02)


def test_a_picture_that_hides_its_code_tells_nothing():
    codes = drawn(4, 2000)
    assert mutual_information(bars(drawn(4, 2000, seed=1), 100), codes, 4) == pytest.approx(
        0, abs=0.02
    )


def test_a_code_shown_half_of_the_time_tells_what_the_closed_form_says():
    """With the chance 1/2 the bar is drawn anew among four: right with 5/8, each wrong one with
    1/8.
    """
    codes = drawn(4, 4000)
    shown = torch.where(drawn(2, 4000, seed=1) == 0, codes, drawn(4, 4000, seed=2))
    expected = math.log(4) + 5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(1 / 8)
    assert mutual_information(bars(shown, 100), codes, 4) == pytest.approx(expected, abs=0.05)


def test_a_code_hidden_below_a_grey_is_not_heard():
    """A generator could whisper the code to Q in the last bits of its floats. No file holds them,
    and no eye sees them.
    """
    codes = drawn(4, 2000)
    whispered = (codes - 1.5)[:, None, None, None] / 4  # less than half a grey
    pictures = ((100 + whispered) / 127.5 - 1).expand(-1, 1, 16, 16)
    assert mutual_information(pictures, codes, 4) == pytest.approx(0, abs=0.01)


def test_codes_that_were_never_drawn_tell_nothing():
    """All pictures of one code: it has no entropy, though there are ten names for it, and log 10
    would be a lie.
    """
    codes = torch.full((200,), 3)
    assert mutual_information(bars(codes, 100), codes, 10, epochs=2) < 0.001


def test_a_category_may_be_a_place():
    """Rows that touch: whoever learned from moved pictures could not tell them apart."""
    codes = drawn(4, 2000)
    pictures = torch.zeros(2000, 1, 16, 16, dtype=torch.uint8)
    pictures[torch.arange(2000), 0, 6 + codes] = 255
    assert mutual_information(pictures, codes, 4) > 1.3


def test_measuring_is_decided_by_its_seed_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    codes = drawn(4, 300)
    found = [
        mutual_information(bars(codes, 100), codes, 4, epochs=1, seed=seed) for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("ties", [False, True])
def test_rank_statistics_follow_their_definitions(ties):
    a, b = normal(200, seed=1), normal(200, seed=2)
    b = 0.5 * a + b
    if ties:
        a, b = (3 * a).round(), (2 * b).round()
    below = (a < a[:, None]).sum(1)
    assert ranks(a).tolist() == (below + ((a == a[:, None]).sum(1) + 1) / 2).tolist()
    pearson = torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1]
    assert spearman(a, b) == pytest.approx(pearson.item())
    labels = normal(200, seed=3) + a > 0
    assert auc(b, labels) == pytest.approx(roc_auc_score(labels, b))
    assert auc(b, labels.long()) == auc(b, labels)
    assert 0.2 < spearman(a, b) < 0.8


def test_any_rising_curve_is_perfect_order():
    a = normal(100)
    assert spearman(a, a.exp()) == pytest.approx(1)
    assert spearman(a, -(a**3)) == pytest.approx(-1)


def test_a_constant_row_correlates_with_nothing():
    """scipy has NaN and a warning, which pytest makes an error."""
    a = normal(100)
    assert spearman(a, torch.ones(100)) == spearman(torch.zeros(100), a) == 0


def test_auc_of_order_of_chance_and_of_ties():
    labels = torch.tensor([0, 0, 1, 1])
    assert auc(torch.tensor([1.0, 2.0, 3.0, 4.0]), labels) == 1
    assert auc(torch.tensor([4.0, 3.0, 2.0, 1.0]), labels) == 0
    assert auc(torch.tensor([1.0, 3.0, 2.0, 4.0]), labels) == 0.75
    assert auc(torch.ones(4), labels) == 0.5


def test_the_floor_of_spearman():
    """Independent rows: 95 of 100 within 2 / sqrt(N - 1)."""
    found = torch.tensor(
        [spearman(normal(500, seed=2 * s), normal(500, seed=2 * s + 1)) for s in range(200)]
    )
    assert (found.abs() < 2 / math.sqrt(499)).double().mean() == pytest.approx(0.95, abs=0.03)


def test_the_best_code_is_found_with_its_direction():
    labels = drawn(2, 400)
    scores = normal(400, 3)
    scores[:, 1] -= 2 * labels
    found = best_code(scores, labels, ["digit 0", "left", "right"])
    assert (found["code"], found["column"], found["direction"]) == ("left", 1, -1)
    assert found["auc"] == pytest.approx(1 - roc_auc_score(labels, scores[:, 1]))
    assert found["all"]["left"] == pytest.approx(1 - found["auc"])
    assert list(found["all"]) == ["digit 0", "left", "right"]
    assert best_code(-scores, labels)["code"] == "code 1"
    assert best_code(-scores, labels)["direction"] == 1


def test_the_best_of_many_useless_codes_is_above_chance():
    """14 codes that know nothing of 1,000 pictures, 300 with the attribute: what `best_code` says
    of the bound holds.
    """
    labels = torch.arange(1000) < 300
    found = [best_code(normal(1000, 14, seed=s), labels)["auc"] for s in range(40)]
    assert 0.52 < sum(found) / 40 < max(found) < 0.5 + math.sqrt(math.log(28) / 6 / 300) + 0.02


ONES = torch.ones(20, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: matched(ONES, ONES[:5]), r"labels.shape=\(5,\): .* 20 pictures"),
        (lambda: matched(ONES.float(), ONES), "predicted.dtype=torch.float32: not integers"),
        (
            lambda: matching_error(ONES + 4, ONES, torch.arange(5)),
            "predicted=5: no class .* mapping has 5",
        ),
        (
            lambda: mutual_information(torch.zeros(20, 1, 16, 16), ONES, 2),
            r"pictures.shape=\(20, 1, 16, 16\): .* 100 pictures of at least 16",
        ),
        (
            lambda: mutual_information(torch.zeros(20, 1, 16, 16), ONES, 1),
            "codes=1..1: .* give 0..0",
        ),
        (lambda: spearman(normal(5), normal(6)), r"b.shape=\(6,\): .* 5"),
        (lambda: spearman(normal(1), normal(1)), r"a.shape=\(1, 1\): .* 2 or more"),
        (lambda: spearman(normal(5) * math.nan, normal(5)), "NaN"),
        (
            lambda: spearman(normal(5, 2), normal(5, 2)),
            r"a.shape=\(5, 2\): .* one row",
        ),
        (lambda: auc(normal(20), ONES), "labels: 20 pictures .* and 0 without"),
        (lambda: auc(normal(20), 2 * ONES), "labels=2..2: .* give 0..1"),
        (lambda: best_code(normal(20, 3), ONES, ["a"]), r"names=\['a'\]: 1 names for 3 columns"),
    ],
)
def test_a_wrong_input_is_explained(call, says):
    with pytest.raises(CourseError, match=says):
        call()
