from __future__ import annotations

import shutil

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError, DamagedFile, read_json
from gancourse.metrics import digit_cnn
from gancourse.metrics.digit_cnn import (
    TOTAL_VARIANCE,
    DigitCNN,
    accuracy,
    fit,
    judge,
    load,
    publish,
    set_unit,
    shifted,
)


@pytest.fixture(scope="module")
def trained():
    """A judge after two epochs on 1,000 digits, and the losses it reported."""
    pictures, losses = digits.load("train", source="bundled"), []
    arguments = {
        "seed": 3,
        "epochs": 2,
        "batch_size": 25,
        "watch": lambda epoch, loss: losses.append((epoch, loss)),
    }
    return fit(pictures["image"][:1000], pictures["label"][:1000], **arguments), losses


def test_the_judge_reads_digits_it_has_never_seen(test_digits):
    assert accuracy(judge(), *test_digits) >= 0.99


def test_its_card_says_what_it_is():
    card = read_json(digit_cnn.FOLDER / "card.json")
    assert card["test_accuracy"] >= 0.99
    assert judge().sha256 == card["sha256"]
    assert (digit_cnn.FOLDER / "model.safetensors").stat().st_size == card["bytes"] <= 2_000_000


def test_bytes_and_a_games_floats_have_the_same_features(test_digits):
    images = test_digits[0][:300]
    features = judge().features(images)
    assert (features.shape, features.dtype) == ((300, 128), torch.float32)
    assert features.min() == 0 < features.max()
    floats = images / 127.5 - 1
    assert torch.equal(judge().features(floats), features)
    assert torch.equal(
        judge().features((floats + 0.003).clamp(max=1)), features
    )  # less than half a grey
    assert not torch.equal(judge().features((floats + 0.02).clamp(max=1)), features)


def test_features_are_the_penultimate_layer_in_eval_mode_without_gradient(test_digits):
    images = test_digits[0][:100]
    cnn = load(digit_cnn.FOLDER).requires_grad_(True).train()
    before = {name: tensor.clone() for name, tensor in cnn.state_dict().items()}
    features = cnn.features(images)
    assert not features.requires_grad
    assert torch.equal(features, judge().features(images))
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in cnn.state_dict().items()
    )  # no statistic moved
    assert torch.equal(judge().head(features).argmax(1), judge().labels(images))


def test_a_picture_has_the_same_features_in_any_company(test_digits):
    images = test_digits[0][:60]
    assert torch.allclose(
        judge().features(images, batch_size=7), judge().features(images), atol=1e-4
    )


def test_the_judge_is_loaded_once_and_frozen():
    assert judge() is judge("cpu")
    assert not judge().training
    assert not any(parameter.requires_grad for parameter in judge().parameters())


def test_training_learns_and_reports(trained, test_digits):
    cnn, losses = trained
    assert accuracy(cnn, *(x[:500] for x in test_digits)) > 0.85
    assert [epoch for epoch, _ in losses] == [1, 2]
    assert losses[1][1] < losses[0][1] < 2.3
    assert not cnn.training


def test_training_is_decided_by_its_seed_and_leaves_the_global_generator_alone(test_digits):
    images, labels = (x[:100] for x in test_digits)
    before = torch.get_rng_state()
    first, again, other = (
        fit(images, labels, seed=seed, epochs=1).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.1.weight"], other["head.1.weight"])
    started = [
        fit(images[:50], labels[:50], seed=seed, epochs=1, rate=1e-9).body[0].weight
        for seed in (1, 2)
    ]
    assert (
        started[0] - started[1]
    ).abs().max() > 0.01  # the first weights too, not the order alone


def test_the_unit_of_the_features_is_fixed_and_the_reading_unchanged(trained, test_digits):
    cnn = trained[0]
    seen = digits.load("train", source="bundled")["image"][:1000]
    assert cnn.features(seen).var(0).sum() == pytest.approx(TOTAL_VARIANCE, rel=1e-4)
    images = test_digits[0][:50]
    logits = cnn(images)
    cnn.body[-2].weight *= 3
    cnn.body[-2].bias *= 3
    cnn.head[-1].weight /= 3
    assert cnn.features(seen).var(0).sum() == pytest.approx(9 * TOTAL_VARIANCE, rel=1e-4)
    assert torch.allclose(set_unit(cnn, seen)(images), logits, atol=1e-4)
    assert cnn.features(seen).var(0).sum() == pytest.approx(TOTAL_VARIANCE, rel=1e-4)


def test_a_shift_moves_each_picture_whole_and_by_its_own_amount():
    dots = torch.zeros(300, 1, 28, 28, dtype=torch.uint8)
    dots[:, 0, 10, 20] = 255
    moved = shifted(dots, 2, torch.Generator().manual_seed(0))
    where = moved.nonzero()
    assert torch.equal(
        where[:, 0], torch.arange(300)
    )  # one dot a picture: nothing is lost or doubled
    assert {tuple(at) for at in where[:, 2:].tolist()} == {
        (y, x) for y in range(8, 13) for x in range(18, 23)
    }


def test_a_shift_brings_in_black():
    moved = shifted(
        torch.full((50, 1, 28, 28), 255, dtype=torch.uint8), 2, torch.Generator().manual_seed(0)
    )
    assert moved[:, :, 2:-2, 2:-2].min() == 255
    assert moved.min() == 0


def test_what_is_published_is_what_is_loaded(trained, test_digits, tmp_path):
    cnn = trained[0]
    path = publish(tmp_path / "judge", cnn, {"test_accuracy": 0.5})
    card = read_json(tmp_path / "judge" / "card.json")
    assert card == {"sha256": cnn.sha256, "bytes": path.stat().st_size, "test_accuracy": 0.5}
    again = load(tmp_path / "judge")
    assert again.sha256 == cnn.sha256
    assert torch.equal(again.features(test_digits[0][:50]), cnn.features(test_digits[0][:50]))


def test_a_damaged_judge_is_refused(tmp_path):
    shutil.copytree(digit_cnn.FOLDER, tmp_path / "judge")
    weights = tmp_path / "judge" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedFile, match="train the digit classifier again"):
        load(tmp_path / "judge")
    weights.unlink()
    with pytest.raises(CourseError, match=r"model.safetensors is missing"):
        load(tmp_path / "judge")
    (tmp_path / "judge" / "card.json").unlink()
    with pytest.raises(CourseError, match=r"card.json: missing"):
        load(tmp_path / "judge")


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(CourseError, match=r"reads \(N, 1, 28, 28\)"):
        DigitCNN().features(torch.zeros(shape))
