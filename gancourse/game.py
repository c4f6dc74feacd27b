"""The one abstraction: a game is networks and the phases in which they learn.

GAN training is a two-player game played in turns. A `Game` holds the players and describes each
turn as data, a `Phase`; the training loop plays any list of phases and knows no chapter. A
super-resolution network that only regresses has one phase, a GAN two, and a two-stage model is
two games, the second of which borrows the first.
"""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gancourse.conditions import Condition
from gancourse.dice import Dice, thrown
from gancourse.files import CourseError
from gancourse.recipe import Recipe

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """One player's turn.

    Attributes:
        name: how the record calls it, e.g. "discriminator".
        parameters: what this turn may change. Everything else is frozen while it lasts.
        loss: batch -> named terms, scalars with a gradient. The loop sums them, differentiates
            and logs each.
        optimizer: parameters -> optimizer; `functools.partial(torch.optim.Adam, lr=2e-4)` is one.
        schedule: step (from 0) -> numbers written into the optimizer before that step, such as
            {"lr": 1e-4}. A function of the step alone has no state, so there is none to save and
            none to lose.
        every: the turn is played at steps every - 1, 2 every - 1, ...; WGAN's generator plays
            every fifth.
        twice: the loss holds a gradient that is differentiated again, such as r1's. torch.compile
            cannot do that.
        clip: the longest that this turn's gradient may be, over all its parameters; a longer one
            is shortened (Pascanu et al. 2013, section 3.2). None: as it is.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[Batch], Terms]
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer]
    schedule: Callable[[int], dict[str, float]] | None = None
    every: int = 1
    twice: bool = False
    clip: float | None = None


class Drawing(NamedTuple):
    """What draws a game's pictures, as another program needs to know it.

    Attributes:
        network: its first output is the picture, or whatever else the game makes.
        inputs: an example of each input by name, a batch of one.
        free: dimensions of inputs that may have any size, such as {"low": (2, 3)}.
    """

    network: nn.Module
    inputs: dict[str, Tensor]
    free: dict[str, tuple[int, ...]] = {}


def falling(lr: float, step: int, steps: int, last: int) -> dict[str, float]:
    """A schedule: `lr`, then over the `last` steps along a line to 0; last=0: constant."""
    return {"lr": lr * max(0.0, min(1.0, (steps - step) / last if last else 1.0))}


class Game(nn.Module, ABC):
    """Networks and their phases, and how pictures are drawn with them.

    Class attributes:
        conditions: what `sample` can be asked for besides a number and a seed.
        averaged: names of the networks whose exponential moving average is kept and sampled from.
        for_sampling: names of the networks that drawing needs; a published file holds no others.
        contiguous_on: types of devices on which its convolutions are faster in contiguous memory.

    Attributes:
        config: every number of the game.
        borrowed: networks by name that the game uses and does not own. They are frozen and in
            eval mode, they move with the game between devices, and no checkpoint and no published
            file holds them.
    """

    conditions: tuple[Condition, ...] = ()
    averaged: tuple[str, ...] = ()
    for_sampling: tuple[str, ...] = ("generator",)
    contiguous_on: tuple[str, ...] = ()

    def __init__(self, config: Recipe):
        super().__init__()
        self.config = config
        self.borrowed: dict[str, nn.Module] = {}
        self.origin: str | None = None

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The turns of one training step, in order."""

    def turn(self, name: str, loss: Callable[[Batch], Terms], *how, **more) -> Phase:
        """The phase of a player, by its network's name; the rest as `Phase` has it."""
        return Phase(name, tuple(getattr(self, name).parameters()), loss, *how, **more)

    @abstractmethod
    def sample(self, n: int | None = None, *, seed: int = 0) -> Tensor:
        """`n` samples (n, *shape), pictures in [-1, 1]. Conditions are further keyword arguments.

        The same seed gives the same samples, whatever other threads do.
        """

    @abstractmethod
    def drawing(self) -> Drawing:
        """The network that draws, and what it takes: what `gancourse export` writes."""

    def preview(self) -> Tensor:
        """What the pictures of progress show, always from the same latents."""
        return self.sample(64, seed=0)

    def start_from(self, first: Game) -> None:
        """Begin with the weights of another game: every network of the same name takes them.

        Raises:
            CourseError: no network has the same name, or its layers differ.
        """
        shared = [name for name, _ in first.named_children() if name in dict(self.named_children())]
        try:
            for name in shared:
                getattr(self, name).load_state_dict(getattr(first, name).state_dict())
        except RuntimeError as error:
            raise CourseError(
                f"starts_from={self.config.starts_from}: its networks have other layers ({error}); "
                "start from a run with the same settings."
            ) from error
        if not shared:
            raise CourseError(
                f"starts_from={self.config.starts_from}: it has no network that this game has; "
                "choose another run."
            )
        self.origin = fingerprint(first)

    def borrow(self, name: str, network: nn.Module) -> None:
        """Take a network that the game uses and does not own."""
        self.borrowed[name] = network.requires_grad_(False).eval()

    def answers_as(self, other: Game) -> bool:
        """Whether this game may take the place of another one that is borrowed.

        Override it where a game has learned the answers of another: else its weights are the same.
        """
        return fingerprint(self) == fingerprint(other)

    def lineage(self) -> dict[str, str]:
        """Fingerprints of what the game borrows, and of the weights that it began with."""
        found = {
            f"borrowed {name}": fingerprint(network) for name, network in self.borrowed.items()
        }
        return found | ({"starts_from": self.origin} if self.origin else {})

    def begin(self, data: Mapping[str, Tensor]) -> None:
        """Called with the whole data before training: check them, or use their statistics.

        A run that goes on calls it too, and then takes its checkpoint's weights.
        """

    def augment(self, batch: Batch) -> Batch:
        """Override it to change a training batch at random: floats in [-1, 1], on the device."""
        return batch

    def share(self, batch: Batch) -> Batch:
        """Called once per step, after `augment`, with every player's weights learning.

        Override it to add what several turns need, such as a picture that one judges and the
        other is judged by.
        """
        return batch

    def with_networks(self, **networks: nn.Module) -> Game:
        """A second view of this game: the named networks are replaced, all others are shared."""
        view = copy.copy(self)
        view._modules = {**self._modules, **networks}
        return view

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def _apply(self, fn, recurse=True):
        for network in self.borrowed.values():
            network._apply(fn, recurse)
        return super()._apply(fn, recurse)


def require_rows(data, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raise a CourseError unless a data set's rows have these names and shapes.

    Args:
        data: tensors by name, or a data set that is read row by row.
    """
    is_table = isinstance(data, Mapping)
    row = {name: value[0] for name, value in data.items()} if is_table else data[0]
    found = {name: tuple(value.shape) for name, value in row.items() if isinstance(value, Tensor)}
    for name, shape in expected.items():
        if found.get(name) != tuple(shape):
            raise CourseError(
                f"shape={tuple(shape)}: this game learns from {name!r} of this shape, and the data "
                f"have {found}; give shape= the shape of the data, or other data."
            )


@runtime_checkable
class Source(Protocol):
    """Data that cut their own batches, e.g. random crops from photos of many sizes.

    Attributes:
        draws: how many random numbers each row of a batch takes.
        nbytes: what it holds, in bytes.
        shown: data of the same kind that may be passed on with weights, if these may not.
    """

    draws: int
    shown: Self | None

    @property
    def nbytes(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> dict[str, Tensor | str]:
        """A row by itself, of the shape that it has in a batch."""

    def to(self, device: torch.device) -> Self:
        """The same data, held on `device`."""

    def batch(self, rows: Tensor, uniform: Tensor) -> Batch:
        """A batch on the data's device, which depends on the arguments alone.

        Args:
            rows: (M,) int64 on the CPU.
            uniform: (M, draws) float64 on the CPU, random numbers in [0, 1).
        """

    def identity(self) -> dict:
        """What a run that goes on knows its data by: "rows", and a checksum of all bytes."""


def examples(data, name: str, n: int) -> Tensor:
    """`n` pictures (n, C, H, W) uint8 from all over a data set, to be kept with the weights.

    Args:
        data: tensors by name, a `Source`, or a data set that is read row by row.

    Raises:
        CourseError: they are not uint8.
    """
    if isinstance(data, Source):
        data = data.shown or data
    count = len(data[name]) if isinstance(data, Mapping) else len(data)
    rows = torch.arange(n) * count // n
    if isinstance(data, Mapping):
        found = data[name][rows]
    elif isinstance(data, Source):
        places = torch.Generator().manual_seed(0)
        places = torch.rand(n, data.draws, generator=places, dtype=torch.float64)
        found = data.batch(rows, places)[name]
    else:
        found = torch.stack([data[i][name] for i in rows.tolist()])
    if found.dtype != torch.uint8:
        raise CourseError(f"{name}: type {found.dtype}; give pictures as uint8, 0 to 255.")
    return found


@runtime_checkable
class Worded(Protocol):
    """Data in which some texts have several wordings of each row.

    Attributes:
        wordings: the names of these texts -> N tuples of strings.
    """

    wordings: Mapping[str, Sequence[tuple[str, ...]]]


def every_text(data, name: str) -> list[str]:
    """All texts of a column, from which a vocabulary is made: of several wordings, each."""
    several = data.wordings.get(name) if isinstance(data, Worded) else None
    return [text for wordings in several for text in wordings] if several else data[name]


def to_float(batch: Batch) -> Batch:
    """A batch as stored -> as networks take it: uint8 pictures 0..255 become floats in [-1, 1], the
    rest stays.
    """

    def as_float(value):
        is_picture = isinstance(value, Tensor) and value.dtype == torch.uint8
        return value / 127.5 - 1 if is_picture else value

    return {name: as_float(value) for name, value in batch.items()}


def fingerprint(network: nn.Module) -> str:
    """SHA-256 of a network's weights by their names, types and bytes, the same on every device."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def sampling(game: Game, seed: int = 0, *, noise: bool = True):
    """Inference mode and eval mode, with the game's noise drawn from `seed`, or left out.

    On leaving, every module is back in its mode. Nobody else's random numbers are touched, so
    that several threads may sample at once.
    """
    learning = [module for module in game.modules() if module.training]
    for module in learning:
        module.training = False
    try:
        with torch.inference_mode(), thrown(Dice(seed, silent=not noise)):
            yield
    finally:
        for module in learning:
            module.training = True


def in_parts(network: Callable[..., Tensor], *inputs: Tensor, size: int = 500) -> Tensor:
    """`network(*inputs)` as float32, run on `size` rows at a time so that memory does not grow with
    the inputs.
    """
    parts = zip(*(each.split(size) for each in inputs), strict=True)
    return torch.cat([network(*part).float() for part in parts])


@torch.no_grad()
def in_tiles(
    network: Callable[[Tensor], Tensor], picture: Tensor, tile: int = 256, overlap: int = 16
) -> Tensor:
    """`network` on a picture of any size, one tile at a time: (C, H, W) -> (C', s H, s W).

    It equals `network(picture[None])[0]` within rounding if no output pixel depends on more than
    `overlap` pixels to each side, as in a convolutional network without strides whose receptive
    field has at most 2 * overlap + 1 pixels. Memory grows with the tile, not with the picture. The
    result has the type of the network's output: one that ends in bytes needs a quarter of the room.

    Args:
        network: (1, C, h, w) -> (1, C', s h, s w) on any device, for every h and w up to `tile`; s
            is a whole number.
        picture: (C, H, W) on the CPU.
        tile: side of what the network sees at once, in pixels of the picture.
        overlap: pixels along each inner side of a tile that are context only, and thrown away.

    Raises:
        CourseError: nothing of the tile is left between two overlaps.
    """
    if not 0 <= 2 * overlap < tile:
        raise CourseError(
            f"tile={tile}, overlap={overlap}: no core left; give a tile above twice the overlap."
        )
    height, width = picture.shape[1:]
    whole = None
    for top, upper, lower in cores(height, tile, overlap):
        for left, first, last in cores(width, tile, overlap):
            made = network(picture[None, :, top : top + tile, left : left + tile])[0]
            if whole is None:
                scale = made.shape[-1] // min(tile, width)
                # A pixel's channels lie side by side, as picture files want them.
                whole = made.new_empty((scale * height, scale * width, len(made)), device="cpu")
            to = slice(scale * upper, scale * lower), slice(scale * first, scale * last)
            core = (
                slice(scale * (upper - top), scale * (lower - top)),
                slice(scale * (first - left), scale * (last - left)),
            )
            whole[to] = made.permute(1, 2, 0)[core]
    return whole.permute(2, 0, 1)


def cores(length: int, tile: int, overlap: int) -> list[tuple[int, int, int]]:
    """(tile's start, core's start, core's end) along a side that cores cover once, without gaps."""
    last = max(0, length - tile)
    starts = [*range(0, last, tile - 2 * overlap), last]
    cuts = [0, *(start + overlap for start in starts[1:]), length]
    return list(zip(starts, cuts, cuts[1:], strict=False))
