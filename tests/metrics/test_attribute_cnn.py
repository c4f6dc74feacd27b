from __future__ import annotations

import pytest
import torch

from gancourse.data import scenes
from gancourse.files import CourseError, DamagedFile
from gancourse.metrics import attribute_cnn, sentences

VALUES = {name: len(words) for name, words in scenes.ATTRIBUTES.items()}


@pytest.fixture(scope="module")
def held_out():
    return scenes.load("test", size=64, n=300)


def test_the_bundled_reader_reads_real_scenes(held_out):
    cnn = attribute_cnn.load("scene-cnn")
    found = sentences.by_attribute(cnn.read(held_out["image"]), held_out["facts"], list(VALUES))
    assert min(found.values()) > 0.97


def test_it_reads_a_small_picture_nearly_as_well(held_out):
    cnn = attribute_cnn.load("scene-cnn")
    small = scenes.load("test", size=32, n=300)
    found = sentences.by_attribute(cnn.read(small["image"]), small["facts"], list(VALUES))
    assert min(found.values()) > 0.9


def test_it_reads_less_from_what_is_no_scene(held_out):
    cnn = attribute_cnn.load("scene-cnn")
    noise = torch.randint(256, held_out["image"].shape, dtype=torch.uint8)
    found = sentences.by_attribute(cnn.read(noise), held_out["facts"], list(VALUES))
    assert found["first"] < 0.4 and found["first_colour"] < 0.4


def test_fitting_learns_and_a_seed_gives_the_same_weights():
    lessons = scenes.load("judge", size=64, n=256)
    losses = []

    def once():
        return attribute_cnn.fit(
            lessons["image"], lessons["facts"], VALUES, epochs=3, batch_size=64,
            watch=lambda epoch, loss: losses.append(loss),
        )  # fmt: skip

    first, second = once(), once()
    assert losses[2] < 0.8 * losses[0]
    assert first.features(lessons["image"]).var(0).sum().item() == pytest.approx(128, rel=0.01)
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_what_cannot_be_seen_teaches_nothing():
    lessons = scenes.load("judge", size=64, n=128)
    facts = lessons["facts"].clone()
    facts[1:, 0] = -1
    first = attribute_cnn.fit(lessons["image"], facts, VALUES, epochs=1)
    assert torch.isfinite(first.head.weight).all()
    seen = attribute_cnn.fit(lessons["image"], lessons["facts"], VALUES, epochs=1)
    assert not torch.equal(first.head.weight[:3], seen.head.weight[:3])


def test_publishing_and_a_file_that_was_changed(tmp_path, monkeypatch, held_out):
    torch.manual_seed(0)
    cnn = attribute_cnn.AttributeCNN({"sky": 3}).eval()
    attribute_cnn.publish(tmp_path / "x", cnn, {"seed": 0})
    monkeypatch.setattr(attribute_cnn, "WEIGHTS", tmp_path)
    attribute_cnn.load.cache_clear()
    again = attribute_cnn.load("x")
    assert torch.equal(again.read(held_out["image"]), cnn.read(held_out["image"]))
    path = tmp_path / "x" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    attribute_cnn.load.cache_clear()
    with pytest.raises(DamagedFile):
        attribute_cnn.load("x")
    attribute_cnn.load.cache_clear()
    with pytest.raises(CourseError, match="missing"):
        attribute_cnn.load("y")


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 3, 64, 32)])
def test_other_pictures_are_refused(shape):
    cnn = attribute_cnn.AttributeCNN({"sky": 3})
    with pytest.raises(CourseError, match="pictures: shape"):
        cnn.read(torch.zeros(shape, dtype=torch.uint8))
