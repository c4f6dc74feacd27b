"""What tests need to play a game of their own or a chapter's: settings, and one call that
trains.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, fields, replace

import pytest
import torch
from torch import nn

from gancourse.game import Drawing, Game
from gancourse.recipe import Recipe, setting
from gancourse.training import Machine, Record, train

MACHINE = {field.name for field in fields(Machine)}


@dataclass(frozen=True)
class Numbers(Recipe):
    """The settings of a game that belongs to a test."""

    chapter, DEFAULT = "test", "only"
    FORMS, SCALES = {"only": {}}, {"full": {}}

    form: str = "only"
    shape: tuple[int, ...] = (1,)
    pictures: str = "made"
    lr: float = setting(0.1, "learning rate", above=0)


class Small(Game):
    """A game of a test: its samples are nothing to look at."""

    def __init__(self, **numbers):
        super().__init__(Numbers(**numbers))

    def drawing(self):
        return Drawing(nn.Identity(), {"latent": torch.zeros(1, 2)})

    def sample(self, n=None, *, seed=0):
        return torch.zeros(n or 1, 2)


def play(
    game: Game, data, steps: int, folder=None, *, preview=None, stop_at=None, **changes
) -> Record | None:
    """Train on the CPU, in silence, for so many steps.

    Args:
        preview: what the game shows instead of 64 samples.
        stop_at: the step, one after a look, at which the run is asked to stop.
        changes: of the game's settings, of the `Machine`, and of `train`'s arguments.
    """
    names = {field.name for field in fields(game.config)}
    numbers = {name: changes.pop(name) for name in names & changes.keys()}
    machine = Machine(
        **{"device": "cpu", **{name: changes.pop(name) for name in MACHINE & changes.keys()}}
    )
    game.config = replace(game.config, steps=steps, **numbers)
    if preview:
        game.__class__ = type(type(game).__name__, (type(game),), {"preview": preview})
    options = {"folder": folder, "machine": machine, "progress": False, **changes}
    if stop_at is None:
        return train(game, data, **options)

    def ask(progress):
        if progress.step == stop_at - 1:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt, match=f"stopped at step {stop_at} of"):
        train(game, data, **{**options, "watch": [ask]})
