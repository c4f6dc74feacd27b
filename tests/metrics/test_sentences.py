from __future__ import annotations

import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics import sentences

ASKED = torch.tensor([[0, 1, 2, 3], [1, -1, 0, 2], [2, 2, -1, -1]])
PAIRS = [(0, 1), (2, 3)]


def test_only_what_a_sentence_says_counts():
    read = torch.tensor([[0, 1, 2, 0], [1, 9, 0, 2], [0, 2, 9, 9]])
    found = sentences.by_attribute(read, ASKED, ["a", "b", "c", "d"])
    assert found == pytest.approx({"a": 2 / 3, "b": 1, "c": 1, "d": 1 / 2})
    assert sentences.whole(read, ASKED) == pytest.approx(1 / 3)


def test_an_attribute_that_no_sentence_mentions_is_left_out():
    asked = ASKED.clone()
    asked[:, 1] = -1
    assert list(sentences.by_attribute(ASKED, asked, ["a", "b", "c", "d"])) == ["a", "c", "d"]


def test_binding_tells_right_from_swapped_and_counts_only_different_colours():
    asked = torch.tensor([[0, 1, 0, 2], [0, 1, 0, 2], [0, 1, 0, 1], [0, 1, 0, -1]])
    read = torch.tensor([[0, 1, 0, 2], [0, 2, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0]])
    found = sentences.binding(read, asked, PAIRS)
    assert found == {"bound": 0.5, "swapped": 0.5, "asked": 2}


def test_binding_of_no_such_sentence_is_zero_and_says_that_none_was_asked():
    assert sentences.binding(ASKED[2:], ASKED[2:], PAIRS) == {
        "bound": 0.0, "swapped": 0.0, "asked": 0,
    }  # fmt: skip


def test_spread_is_0_for_one_picture_a_sentence_and_1_if_the_sentence_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(6, 1, 16, generator=generator)
    assert sentences.spread(centres.expand(-1, 5, -1)) == pytest.approx(0, abs=1e-6)
    anything = torch.randn(12, 40, 16, generator=generator)
    assert sentences.spread(anything) == pytest.approx(1, abs=0.02)
    near = centres + 0.1 * torch.randn(6, 5, 16, generator=generator)
    assert 0.02 < sentences.spread(near) < 0.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sentences.whole(ASKED, ASKED[:2]), "read, asked: shapes"),
        (lambda: sentences.whole(ASKED[:0], ASKED[:0]), "read, asked: shapes"),
        (lambda: sentences.by_attribute(ASKED, ASKED, ["a"]), "names: 1 for 4"),
        (lambda: sentences.spread(torch.zeros(1, 4, 3)), "give two or more of each"),
    ],
)
def test_tables_that_do_not_fit_are_refused(call, message):
    with pytest.raises(CourseError, match=message):
        call()
