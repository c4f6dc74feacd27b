"""The one abstraction: a game is networks and the phases in which they learn.

GAN training is a two-player game played in turns. A `Game` holds the players and describes each turn as data, a `Phase`;
the training loop plays any list of phases and knows no chapter. A super-resolution network that only regresses has one
phase, a GAN two, and a two-stage model is two games, the second of which keeps the first frozen.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """One player's turn.

    Attributes:
        name: how the record calls it, e.g. "discriminator".
        parameters: what this turn may change. Everything else is frozen while it lasts.
        loss: batch -> named terms, scalars with a gradient. The loop sums them, differentiates and logs each.
        optimizer: parameters -> optimizer; `functools.partial(torch.optim.Adam, lr=2e-4)` is one.
        schedule: step (from 0) -> numbers written into the optimizer before that step, such as {"lr": 1e-4}. A function
            of the step alone has no state, so there is none to save and none to lose.
        every: the turn is played at steps every - 1, 2 every - 1, ...; WGAN's generator plays every fifth.
        twice: the loss holds a gradient that is differentiated again, such as r1's. torch.compile cannot do that.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[Batch], Terms]
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer]
    schedule: Callable[[int], dict[str, float]] | None = None
    every: int = 1
    twice: bool = False


def falling(lr: float, steps: int, step: int, last: float | None = None) -> dict[str, float]:
    """A schedule: `lr`, then over the `last` of all `steps` (None: over half of them) along a line to 0."""
    return {"lr": lr * max(0.0, min(1.0, (steps - step) / (last or steps / 2)))}


class Game(nn.Module, ABC):
    """Networks and their phases.

    Attributes:
        averaged: names of the networks whose exponential moving average is kept and sampled from.
        frozen: names of the networks that never learn. They stay in eval mode, so their BatchNorm statistics stand still.
        contiguous_on: types of devices on which its convolutions are the faster for contiguous memory, whatever is usual.
    """

    averaged: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    contiguous_on: tuple[str, ...] = ()

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The turns of one training step, in order."""

    def begin(self, data: Mapping[str, Tensor]) -> None:
        """Called with the whole data before training; override it to start from its statistics.

        A run that goes on calls it too, and then takes its checkpoint's weights.
        """

    def prepare(self, batch: Batch) -> Batch:
        """A batch as stored -> as the networks take it: uint8 pictures 0..255 become floats in [-1, 1].

        It runs on the device; override it to augment there.
        """
        return {
            name: value / 127.5 - 1 if value.dtype == torch.uint8 else value
            for name, value in batch.items()
        }

    def share(self, batch: Batch) -> Batch:
        """Called once a step, after `prepare` and before the first turn, with every player's weights learning.

        Override it to add what several turns need, such as a picture that one judges and the other is judged by.
        """
        return batch

    def train(self, mode: bool = True):
        super().train(mode)
        for name in self.frozen:
            getattr(self, name).eval()
        return self

    def with_networks(self, **networks: nn.Module) -> Game:
        """A second view of this game in which the named networks are replaced and all others are shared."""
        view = copy.copy(self)
        view._modules = {**self._modules, **networks}
        return view

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


@contextmanager
def sampling(game: Game, seed: int = 0):
    """Inference mode, eval mode and `seed`; on leaving, every module is back in its mode and chance in its state."""
    modes = [(module, module.training) for module in game.modules()]
    devices = [game.device] if game.device.type == "cuda" else []
    game.eval()
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def is_count(n) -> bool:
    """Whether `n` is a whole number from 1 up; True is none."""
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= 1


def in_parts(network: Callable[..., Tensor], *inputs: Tensor, size: int = 500) -> Tensor:
    """`network(*inputs)` as float32, run on `size` rows at a time so that memory does not grow with the inputs."""
    parts = zip(*(each.split(size) for each in inputs), strict=True)
    return torch.cat([network(*part).float() for part in parts])
