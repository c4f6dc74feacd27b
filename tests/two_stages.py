"""A chapter of two stages, as small as one can be: the second paints over what a frozen first has
drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from gancourse.game import Drawing, Game, Phase, in_parts, sampling
from gancourse.recipe import Recipe, setting


@dataclass(frozen=True)
class Config(Recipe):
    chapter, DEFAULT = "two_stages", "first"
    FORMS, SCALES = {"first": {}, "second": {}}, {"check": {}, "full": {}}

    form: str = "first"
    shape: tuple[int, ...] = (1, 8, 8)
    steps: int = 4
    batch_size: int = 8
    ema: float = 0.5
    first: str = setting("", "published model or run of stage one", only={"form": ["second"]})

    @property
    def borrows(self):
        return {"first": self.first} if self.form == "second" else {}

    def build(self):
        return (Second if self.form == "second" else First)(self)


class First(Game):
    """Draws the mean picture; its BatchNorm would drift if anybody left it in train mode."""

    averaged = ("generator",)

    def __init__(self, config):
        super().__init__(config)
        layers = nn.Linear(4, 64), nn.BatchNorm1d(64), nn.Unflatten(1, (1, 8, 8))
        self.generator, self.critic = nn.Sequential(*layers), nn.Linear(1, 1)

    def phases(self):
        adam = partial(torch.optim.Adam, lr=0.01)
        return [Phase("generator", tuple(self.generator.parameters()), self.loss, adam)]

    def draw(self, z):
        return self.generator(z)

    def loss(self, batch):
        z = torch.randn(len(batch["image"]), 4)
        return {"error": (self.draw(z) - batch["image"]).square().mean()}

    def drawing(self):
        return Drawing(self.generator, {"latent": torch.zeros(1, 4)})

    def sample(self, n=None, *, seed=0):
        z = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
        with sampling(self):
            return in_parts(self.draw, z).clamp(-1, 1)


class Second(First):
    def __init__(self, config):
        super().__init__(config)
        self.generator = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 1))

    def draw(self, z):
        return self.generator(self.borrowed["first"].draw(z))
