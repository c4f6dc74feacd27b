"""Small games and data for the tests of the training room, which itself knows no chapter."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from gancourse.game import Phase
from tests.games import Small


class Line(Small):
    """One player fits y = 2 x - 1: a game without chance, whose every number can be computed by
    hand.
    """

    averaged = ("fit",)

    def __init__(self, optimizer=None, schedule=None, every=1, seed=0):
        super().__init__(batch_size=8)
        torch.manual_seed(seed)
        self.fit = nn.Linear(1, 1)
        self.optimizer = optimizer or partial(torch.optim.SGD, lr=0.1)
        self.schedule, self.every = schedule, every

    def phases(self):
        return [
            Phase(
                "fit",
                tuple(self.fit.parameters()),
                self.loss,
                self.optimizer,
                self.schedule,
                self.every,
            )
        ]

    def loss(self, batch):
        x = batch["point"]
        return {"error": (self.fit(x) - (2 * x - 1)).square().mean()}

    def sample(self, n=None, *, seed=0):
        return self.fit(torch.linspace(-1, 1, n or 4)[:, None]).detach()


@pytest.fixture
def line_game():
    return Line


@pytest.fixture
def points():
    return {"point": torch.randn(40, 1, generator=torch.Generator().manual_seed(0))}


@pytest.fixture
def pictures():
    """48 pictures of 28 x 28 noise and their labels, as a data set stores them."""
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.randint(0, 256, (48, 1, 28, 28), dtype=torch.uint8, generator=generator),
        "label": torch.arange(48) % 10,
    }
