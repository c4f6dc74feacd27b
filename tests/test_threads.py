"""One seed, one picture, whoever else draws at the same moment: several threads may sample at
once.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
import torch

from gancourse import models
from gancourse.chapters import CHAPTERS

THREADS = 4
SEEDS = [0, 1, 2, 3] * 6
# A form of each chapter, and those whose dropout stays on when they draw.
FIND = ("words", "free")  # forms that draw nothing: they find pictures
FORMS = [(name, form) for name, row in CHAPTERS.items() for form in row.config.FORMS]


def small(chapter: str, form: str):
    config = CHAPTERS[chapter].config
    narrow = {"width": 12} if form not in FIND else {}
    narrow |= {"shape": (3, 32, 32)} if config.takes == "pairs" else {}
    torch.manual_seed(0)
    game = config.at("check", form, **narrow).build().eval()
    return models.lend(game) if config.takes == "captions" else game


@pytest.mark.parametrize("shared", [True, False], ids=["one game", "a game for each thread"])
@pytest.mark.parametrize(("chapter", "form"), FORMS)
def test_the_same_seed_gives_the_same_picture_in_threads(chapter, form, shared):
    game = small(chapter, form)
    alone = {seed: game.sample(2, seed=seed) for seed in set(SEEDS)}
    # To enlarge a photo, or to find one, takes no dice: its seed changes nothing.
    assert torch.equal(alone[0], alone[1]) == (chapter == "srgan" or form in FIND)
    free, own = SimpleQueue(), threading.local()
    for _ in range(THREADS):
        free.put(game if shared else small(chapter, form))

    def begin():
        own.game = free.get_nowait()

    with ThreadPoolExecutor(THREADS, initializer=begin) as pool:
        together = list(pool.map(lambda seed: own.game.sample(2, seed=seed), SEEDS))
    wrong = [
        seed
        for seed, found in zip(SEEDS, together, strict=True)
        if not torch.equal(found, alone[seed])
    ]
    assert wrong == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_drawing_leaves_the_global_generator_alone(chapter):
    game = small(chapter, CHAPTERS[chapter].config.DEFAULT)
    state = torch.get_rng_state()
    game.sample(3, seed=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_loading_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    models.load(models.published()[0])
    assert torch.equal(torch.get_rng_state(), state)
