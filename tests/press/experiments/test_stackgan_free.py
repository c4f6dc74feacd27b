from __future__ import annotations

import pytest
import torch

from gancourse import language, models
from gancourse.chapters import stackgan
from gancourse.data import scenes
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import stackgan_free as experiment
from tests.readers import Dictionary

SMALL = {"rows": 64, "batch_size": 8, "steps": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("free")
    data = scenes.load(size=32, n=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "load", lambda name: Dictionary())
        for form, more in (
            ("words", {}),
            ("stage1", {"text": str(root / "words"), "width": 2, "width_d": 2}),
            ("free", {"text": str(root / "words"), "states": 24}),
        ):
            config = stackgan.Config.at("check", form, **SMALL, **more)
            models.play(config, data, folder=root / form, progress=False, device="cpu")
        yield root


def test_every_way_of_reading_is_measured_once(runs):
    places = {"stages": runs / "stage1", "encoder": runs / "free", "folder": runs}
    found = experiment.run(**places, each=1, asked=20, lessons=30)
    ways = [experiment.OWN, experiment.POOLED, experiment.PIECES]
    assert [run["reading"] for run in found] == ways
    words = sum(len(others) for others in scenes.OTHER_WORDS.values())
    assert all(len(run["words"]) == words and 0 <= run["mean"] <= 1 for run in found)
    assert experiment.run(**places, each=1, asked=20, lessons=30) == found
    text = (runs / "words.md").read_text()
    assert f"| all {words} words |" in text and "| red: crimson |" in text
    assert read_json(runs / "words.json")["recipe"]["each"] == 1
    with pytest.raises(CourseError, match="another recipe"):
        experiment.run(**{**places, "stages": runs / "stage1"}, each=2, asked=20, lessons=30)


def test_the_ways_read_alike_in_length_and_otherwise_differently(runs):
    free = models.load(runs / "free")
    texts = ["a red boat", "a crimson boat"]
    vectors = {way: read(texts) for way, read in experiment.readings(free, 30).items()}
    for made in vectors.values():
        assert torch.allclose(made.norm(dim=1), torch.full((2,), 128**0.5), rtol=1e-4)
    own, pooled, pieces = vectors.values()
    assert torch.equal(own, free.borrowed["text"].encode(texts))
    assert torch.equal(pieces, free.encode(texts))
    assert not torch.allclose(pooled, own) and not torch.allclose(pieces, own)


def test_a_word_is_right_if_the_picture_shows_what_it_says():
    names = list(scenes.ATTRIBUTES)
    read = torch.zeros(3, len(names), dtype=torch.int64)
    read[1, names.index("first_colour")] = scenes.ATTRIBUTES["first_colour"].index("blue")
    crimson = {"word": "crimson", "value": "red", "attribute": "first_colour"}
    hut = {"word": "hut", "value": "house", "attribute": "first"}
    assert experiment.by_word(read, [crimson, crimson, hut]) == {
        "first_colour, red: crimson": 0.5,
        "first, house: hut": 1.0,
    }


def test_a_linear_map_is_found_again():
    dice = torch.Generator().manual_seed(0)
    inputs, linear = (torch.randn(shape, generator=dice) for shape in ((200, 5), (5, 3)))
    assert torch.allclose(experiment.best_map(inputs, inputs @ linear), linear, atol=1e-3)
