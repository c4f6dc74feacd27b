"""What the gpu recipes would cost: estimates, since nobody has run them yet.

One training step is played on the meta device, which knows shapes and computes nothing, while
PyTorch counts its floating-point operations (a multiplication and an addition are two) and the
calls of its kernels. runs/ESTIMATES.md is the table; `make estimates` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from gancourse import features, models
from gancourse.chapters import CHAPTERS
from gancourse.files import DOSSIERS, write_text
from gancourse.game import Game, to_float
from gancourse.press import of_chapter
from gancourse.press.dossier import changes, markdown
from gancourse.recipe import Recipe
from gancourse.training.loop import learning

ROWS = 8  # of a batch that is played; operations grow with the batch, calls do not
PEAK = 312e12  # operations a second of an NVIDIA A100 in bfloat16, as its data sheet says
USED = 0.2  # the fraction of it that is assumed to be used
CALL = 1e-5  # seconds from one kernel to the next, assumed: small networks wait for these
HEADS = ("chapter", "form", "steps", "batch", "size", "GFLOP per step", "calls per step", "hours")


class Step(NamedTuple):
    """What one training step takes."""

    flops: float
    calls: int

    @property
    def seconds(self) -> float:
        return max(self.flops / (USED * PEAK), self.calls * CALL)


class Calls(TorchDispatchMode):
    """Counts the operations that PyTorch is asked for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


class Reading(nn.Module):
    """An encoder that reads sentences here and answers on the meta device."""

    def __init__(self, encoder: Game):
        super().__init__()
        self.encoder = [encoder]  # in a list, so that it stays where it is
        self.config = encoder.config

    def read(self, texts: Sequence[str]) -> Tensor:
        return self.encoder[0].read(texts).to("meta")


def shaped(config: Recipe) -> Game:
    """A game on the meta device, with what it borrows and what teaches it."""
    with torch.device("meta"):
        game = config.build()
        for name, source in config.teachers.items():
            game.borrow(name, features.untrained(source))
    for name, source in config.borrows.items():
        own = source.removesuffix("-gpu")  # the run of another form's gpu recipe
        if source in models.published():
            game.borrow(name, Reading(models.load(source)))
        else:
            game.borrow(name, shaped(config.at("gpu", own)))
    return game


def step_of(config: Recipe) -> Step:
    """What one training step of a recipe takes, all its phases and the sharing between them."""
    data = of_chapter("gancourse.press.bench", config.chapter).Plain.data(config, ROWS)
    game = shaped(config).train().requires_grad_(False)
    batch = {
        name: each.to("meta") if isinstance(each, Tensor) else each
        for name, each in game.augment(to_float(data)).items()
    }
    phases = game.phases()
    with FlopCounterMode(display=False) as counted, Calls() as calls:
        with learning(*phases):
            batch = game.share(batch)
        for phase in phases:
            with learning(phase):
                sum(phase.loss(batch).values()).backward()
    return Step(counted.get_total_flops() / ROWS * config.batch_size, calls.count)


def recipes() -> Iterator[Recipe]:
    """The gpu recipes that are larger than what was published."""
    for row in CHAPTERS.values():
        for form in row.forms:
            config = row.config.at("gpu", form)
            if changes(config).keys() - {"form"}:
                yield config


def table() -> str:
    """runs/ESTIMATES.md"""
    rows = []
    for config in recipes():
        step = step_of(config)
        rows.append(
            [
                config.chapter,
                config.form,
                f"{config.steps:,}",
                str(config.batch_size),
                " × ".join(map(str, config.shape)),
                f"{step.flops / 1e9:,.1f}" if step.flops < 1e11 else f"{step.flops / 1e9:,.0f}",
                f"{step.calls:,}",
                f"{config.steps * step.seconds / 3600:.2g}",
            ]
        )
    return markdown(HEADS, rows)


def write() -> None:
    """Write the table of this checkout again."""
    write_text(DOSSIERS / "ESTIMATES.md", table())
