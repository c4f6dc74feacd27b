from __future__ import annotations

import pytest
import torch
from torch.nn.functional import nll_loss, one_hot

from gancourse.data import digits
from gancourse.files import CourseError, read_json
from gancourse.metrics import digit_hog
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import (
    FAINT,
    DigitHOG,
    bent,
    blended,
    calibrate,
    empty,
    fit,
    grainy,
    load,
    second_judge,
)
from gancourse.metrics.digit_reader import accuracy, publish
from gancourse.metrics.floors import flat, uniform


@pytest.fixture(scope="module")
def trained():
    """A second judge after three epochs on 1,000 digits, and the losses it reported."""
    pictures, losses = digits.load("train", source="bundled"), []
    told = {"seed": 3, "epochs": 3, "batch_size": 25, "watch": lambda *each: losses.append(each)}
    return fit(pictures["image"][:1000], pictures["label"][:1000], **told), losses


def test_it_reads_digits_it_has_never_seen(test_digits):
    assert accuracy(second_judge(), *test_digits) >= 0.985


def test_its_card_says_what_it_is():
    card = read_json(digit_hog.FOLDER / "card.json")
    assert card["test_accuracy"] >= 0.99
    assert second_judge().sha256 == card["sha256"]
    assert (digit_hog.FOLDER / "model.safetensors").stat().st_size == card["bytes"] <= 500_000
    page = (digit_hog.FOLDER / "README.md").read_text(encoding="utf-8")
    assert card["sha256"] in page and f"{card['bytes']:,}" in page
    assert f"{card['test_accuracy']:.2%}" in page


def test_it_does_not_call_noise_a_digit_as_the_first_judge_does(test_digits):
    """What the second opinion is for."""
    noise = uniform(test_digits[0][:200])
    assert (judge().probabilities(noise).amax(1) > 0.9).double().mean() > 0.9
    assert (second_judge().probabilities(noise).amax(1) > 0.9).double().mean() < 0.1


def test_its_confidence_is_how_often_it_is_right(test_digits):
    """Within a point, over all digits; with a higher or lower temperature they are less likely."""
    images, labels = test_digits
    found = second_judge().probabilities(images)
    probability, read = found.max(1)
    right = (read == labels).double().mean().item()
    assert probability.mean().item() == pytest.approx(right, abs=0.01)
    colder, own, hotter = (
        nll_loss((found.log() / t).log_softmax(1), labels) for t in (0.7, 1, 1.4)
    )
    assert own < colder and own < hotter


def test_a_histogram_says_where_ink_rises_in_which_direction():
    """A bright right half: ink rises to the right along one line, and nowhere else."""
    ink = torch.zeros(1, 1, 28, 28)
    ink[..., 14:] = 1
    found = DigitHOG().histograms(ink).view(8, 7, 7)
    assert found.shape == (8, 7, 7) and found.min() == 0
    middle = found[:, 3, 1:6]
    assert (middle.sum(0) > 0).tolist() == [False, False, True, False, False]
    assert middle[:, 2].argmax() == 0, "to the right"
    assert found[[2, 3, 4, 5, 6], 3, 2:5].max() < 1e-3, "not up, not down, not to the left"
    turned = DigitHOG().histograms(ink.transpose(2, 3)).view(8, 7, 7)
    assert torch.allclose(turned[2], found[0].t(), atol=1e-3), "downward after a turn"


def test_faint_rises_and_the_edge_of_the_picture_have_no_vote():
    assert DigitHOG().histograms(flat() / 255).max() == 0
    ink = torch.zeros(1, 1, 28, 28)
    ink[..., 14:] = 0.9 * FAINT
    assert DigitHOG().histograms(ink).max() == 0
    ink[..., 14:] = 1.1 * FAINT
    assert DigitHOG().histograms(ink).max() > 0


def test_bent_pictures_keep_their_ink_and_differ(test_digits):
    ink = test_digits[0][:50].float() / 255
    moved = bent(ink, torch.Generator().manual_seed(0))
    assert moved.shape == ink.shape and moved.min() >= 0 and moved.max() <= 1
    change = (moved - ink).abs().mean((1, 2, 3))
    assert change.min() > 0.005 and moved.sum() == pytest.approx(ink.sum().item(), rel=0.1)
    still = bent(ink, torch.Generator().manual_seed(0), strength=0)
    assert torch.allclose(still, ink, atol=1e-4)


def test_a_blend_is_told_to_be_half_of_each():
    """Picture i is filled with the value i and told so: the mean value lies around what is told."""
    value = torch.arange(60.0)
    ink, told = value.view(-1, 1, 1, 1).expand(-1, 1, 28, 28), one_hot(torch.arange(60), 60).float()
    seen, truth = blended(ink, told, torch.Generator().manual_seed(0))
    assert torch.equal(seen[10:], ink[10:]) and torch.equal(truth[10:], told[10:]), (
        "the others stay"
    )
    mixed = 0
    for picture, says, own in zip(seen[:10], truth[:10], value[:10], strict=True):
        assert says.sum() == 1 and says[int(own)] >= 0.5
        (other,) = set(says.nonzero().flatten().tolist()) - {int(own)} or {int(own)}
        if other != own:
            part = ((picture.mean() - other) / (own - other)).item()
            assert says[other] == 0.5 and 0.4 <= part <= 0.6
            mixed += 1
    assert mixed >= 8


def test_grain_differs_from_picture_to_picture_and_stays_in_range():
    grey = torch.full((200, 1, 28, 28), 0.5)
    spread = (grainy(grey, torch.Generator().manual_seed(0)) - grey).std((1, 2, 3))
    assert spread.min() < 0.02 and 0.13 < spread.max() < 0.16
    black = grainy(torch.zeros(5, 1, 28, 28), torch.Generator().manual_seed(0), most=3)
    assert black.min() == 0 and black.max() == 1


def test_empty_pictures_are_told_to_be_any_digit():
    ink, told = empty(200, torch.Generator().manual_seed(0))
    assert ink.shape == (200, 1, 28, 28) and ink.min() >= 0 and ink.max() <= 1
    assert torch.equal(told, torch.full((200, 10), 0.1))
    mean, spread = ink.mean((1, 2, 3)), ink.std((1, 2, 3))
    assert mean.min() < 0.2 and mean.max() > 0.8 and spread.min() < 0.03 and spread.max() > 0.3


def test_training_learns_and_reports(trained, test_digits):
    hog, losses = trained
    assert accuracy(hog, *(x[:500] for x in test_digits)) > 0.85
    assert [epoch for epoch, _ in losses] == [1, 2, 3] and losses[2][1] < losses[0][1]
    assert not hog.training


def test_training_is_decided_by_its_seed_and_leaves_the_global_generator_alone(test_digits):
    images, labels = (x[:60] for x in test_digits)
    before = torch.get_rng_state()
    first, again, other = (
        fit(images, labels, seed=seed, epochs=1).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["body.1.weight"], other["body.1.weight"])


def test_calibration_undoes_a_wrong_confidence_and_changes_no_reading(trained, test_digits):
    hog = trained[0]
    images, labels = (x[:300] for x in test_digits)
    read, before = hog.labels(images), hog.temperature.item()
    calibrate(hog, images, labels)
    fitted = hog.temperature.item()
    hog.body[-1].weight *= 3
    hog.body[-1].bias *= 3
    calibrate(hog, images, labels)
    assert hog.temperature.item() == pytest.approx(3 * fitted, rel=0.05)
    assert torch.equal(hog.labels(images), read)
    hog.body[-1].weight /= 3
    hog.body[-1].bias /= 3
    hog.temperature.fill_(before)


def test_what_is_published_is_what_is_loaded(trained, test_digits, tmp_path):
    hog = trained[0]
    path = publish(tmp_path / "judge", hog, {"seed": 3}, half=True)
    assert path.stat().st_size < 250_000
    again = load(tmp_path / "judge")
    images = test_digits[0][:100]
    assert torch.equal(again.probabilities(images), hog.probabilities(images))
    assert again.sha256 == hog.sha256 == read_json(tmp_path / "judge" / "card.json")["sha256"]


def test_other_sizes_are_refused():
    with pytest.raises(CourseError, match=r"reads \(N, 1, 28, 28\)"):
        second_judge().probabilities(torch.zeros(2, 1, 32, 32))
