"""The random numbers of one call.

A seed given to `sample` belongs to that call and to no other thread's.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.nn.functional import dropout


class Dice:
    """Random numbers from `seed`, by a generator for each device that nobody else uses.

    Attributes:
        silent: draw nothing: noise is left out.
    """

    def __init__(self, seed: int, silent: bool = False):
        self.seed, self.silent = seed, silent
        self.generators: dict[torch.device, torch.Generator] = {}

    def on(self, device: torch.device) -> torch.Generator:
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]


_THROWN: ContextVar[Dice | None] = ContextVar("dice", default=None)  # each thread has its own


@contextmanager
def thrown(dice: Dice):
    """While it lasts, `drop` in this thread draws from `dice`."""
    token = _THROWN.set(dice)
    try:
        yield dice
    finally:
        _THROWN.reset(token)


def drop(x: Tensor, p: float) -> Tensor:
    """Dropout that is always on, drawn from the call's dice, else from torch's generator.

    With the same seed both give the same numbers on a CPU.
    """
    dice = _THROWN.get()
    if dice is None:
        return dropout(x, p, training=True)
    if dice.silent:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - p, generator=dice.on(x.device))
    return x * kept.div_(1 - p)
