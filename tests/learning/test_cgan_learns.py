"""Does chapter 2 learn to do as it is told? Bounds come from three seeds, with a margin of a fifth and more."""

from __future__ import annotations

import pytest
import torch

from gancourse.chapters.cgan import Config
from gancourse.data import load
from gancourse.metrics.conditional import label_accuracy
from gancourse.school import lesson


def accuracy(seed: int, shuffled: bool = False) -> float:
    digits = load("digits", "train", source="bundled").tensors
    if shuffled:
        order = torch.randperm(len(digits["label"]), generator=torch.Generator().manual_seed(0))
        digits = {**digits, "label": digits["label"][order]}
    config = Config.at("check", "conv", steps=150, batch_size=32)
    options = {"device": "cpu", "progress": False, "preview": lambda game: game.sample(1)}
    game = lesson.play(config, digits, seed=seed, **options).game
    return label_accuracy(game.sample(1_000, seed=1), torch.arange(1_000) % 10)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_are_made_as_asked(seed):
    """Measured after 150 steps of 32: .68, .71, .71. A generator that does not listen has .10."""
    assert accuracy(seed) > 0.5


def test_labels_that_say_nothing_teach_nothing():
    """The proof that the test above can fail: the same run on shuffled labels."""
    assert accuracy(0, shuffled=True) < 0.2
