"""Pictures are measured against their sentences: between a floor and what real pictures score."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from gancourse import evaluation
from gancourse.chapters import protocol, stackgan
from gancourse.data import scenes
from gancourse.evaluation import Where, readers
from gancourse.evaluation.stackgan import most_frequent, probe, right_words
from gancourse.files import CourseError
from tests.readers import Dictionary

ROWS = 300
CONFIG = stackgan.Config.at("full", "stage1", shape=(3, 64, 64), rows=ROWS)


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """Every evaluation asks for the same scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "load", cache(scenes.load))
        yield


class Drawer:
    """Draws what a sentence says, as well as the data do, or another sentence's picture."""

    def __init__(self, deaf: bool = False):
        self.config, self.deaf = CONFIG, deaf
        parts = [Where().load(CONFIG, split) for split in ("train", "test")]
        self.known = {
            text: image
            for part in parts
            for text, image in zip(part["caption"], part["image"], strict=True)
        }

    def sample(self, n=None, *, text, seed=0):
        pictures = torch.stack([self.known[each] for each in text]) / 127.5 - 1
        return pictures.roll(7, 0) if self.deaf else pictures


@pytest.fixture(scope="module")
def scores():
    return {deaf: evaluation.evaluate(Drawer(deaf), n=ROWS) for deaf in (False, True)}


def test_a_perfect_drawer_scores_as_real_pictures_do(scores):
    found = scores[False]
    assert found["whole"] == found["real_whole"] > 0.95
    assert found["bound"] > 0.97 and found["swapped"] < 0.01
    assert found["frechet"] == pytest.approx(0, abs=1e-3)
    assert found["nearest"] == pytest.approx(1)
    assert found["spread"] == pytest.approx(0, abs=1e-5)  # it has one picture of each sentence
    assert set(PROTOCOL_KEYS) <= found.keys()


PROTOCOL_KEYS = [column.key for column in protocol("stackgan").columns(CONFIG)]


def test_a_drawer_that_does_not_read_scores_as_the_floor_does(scores):
    found = scores[True]
    assert found["whole"] < 0.1 and found["mean"] < 0.6
    assert found["whole"] == pytest.approx(found["floor_whole"], abs=0.05)
    assert found["mean"] == pytest.approx(found["floor_mean"], abs=0.1)
    assert found["frechet"] == pytest.approx(0, abs=1e-3)  # which asks for no sentence


def test_the_card_says_on_what_it_was_measured(scores):
    said = protocol("stackgan").sentence(scores[False])
    assert "300 sentences of scenes test (made)" in said and "never" not in said


def test_a_judge_may_not_be_borrowed():
    config = stackgan.Config.at("check", "stage1", text="scene-cnn")
    with pytest.raises(CourseError, match="judges chapter stackgan"):
        evaluation.refuse_a_partial_judge(protocol("stackgan"), config)


def test_an_encoder_is_probed_and_searched():
    torch.manual_seed(0)
    game = stackgan.Config.at("check", "words", rows=ROWS).build()
    game.begin(scenes.load("train", size=32, n=ROWS).columns)
    found = evaluation.evaluate(game, n=ROWS)
    keys = [column.key for column in protocol("stackgan").columns(game.config)]
    assert keys == ["probe", "finds", "named"] and set(keys) <= found.keys()
    assert 0.3 < found["probe"] < 0.99  # random features of the words say a good deal
    assert found["finds"] < 0.2 and found["named"] < 0.2  # but nothing of pictures


def test_an_encoder_of_any_words_is_asked_for_words_that_its_teacher_lacks():
    torch.manual_seed(0)
    data = scenes.load("train", size=32, n=ROWS)
    teacher = stackgan.Config.at("check", "words", rows=ROWS).build()
    teacher.begin(data.columns)
    config = stackgan.Config.at("check", "free", rows=ROWS, states=24)
    game = config.build()
    game.borrow("text", teacher)
    game.borrow("reader", Dictionary())
    found = evaluation.evaluate(game, n=ROWS)
    keys = [column.key for column in protocol("stackgan").columns(config)]
    assert keys[0] == "other" and set(keys) <= found.keys()
    assert (
        all(0 <= found[key] <= 1 for key in keys if key != "cosine") and -1 <= found["cosine"] <= 1
    )
    # What a word says that is left out can only be guessed, from what it stands beside.
    assert found["own_other"] < 0.5 and 0.1 < found["floor_other"] < 0.5
    assert found["own_probe_ground"] > found["own_other"], "words that were taught are read"
    said = protocol("stackgan").sentence(found)
    assert f"{found['other_sentences']:,} sentences" in said and "Guessing" in said
    assert "--encoder tiny" in protocol("stackgan").use("tiny", config)


def test_words_are_right_if_the_linear_layer_of_their_attribute_says_so():
    words = {"colour": ("red", "blue"), "thing": ("boat", "tree")}
    said = torch.tensor([[0, 1], [1, -1], [1, 1]])
    lines = {name: torch.nn.Linear(2, 2, bias=False) for name in words}
    for line in lines.values():
        torch.nn.init.eye_(line.weight)
    about = [
        {"attribute": "colour", "value": "red"},
        {"attribute": "thing", "value": "tree"},
        {"attribute": "thing", "value": "boat"},
    ]
    vectors = torch.tensor([[1.0, 0], [0, 1.0], [0, 1.0]])
    assert right_words(lines, vectors, about, words) == pytest.approx(2 / 3)
    assert most_frequent(said, about, words) == pytest.approx(1 / 3)  # blue, tree


def test_a_probe_reads_what_is_there_and_no_more():
    generator = torch.Generator().manual_seed(0)
    said = torch.randint(3, (400, 2), generator=generator)
    vectors = torch.nn.functional.one_hot(said[:, 0], 3).float()
    vectors = torch.cat([vectors, torch.randn(400, 5, generator=generator)], 1)
    words = {"there": ("a", "b", "c"), "not there": ("a", "b", "c")}
    found = probe(vectors[:300], said[:300], vectors[300:], said[300:], words, seed=0)
    assert found["there"] == 1.0 and found["not there"] < 0.5


def test_a_reader_of_unknown_data_is_refused(tmp_path):
    with pytest.raises(CourseError, match="no reader for it; choose one of: scenes, portraits"):
        readers.train_reader(tmp_path, "digits")
