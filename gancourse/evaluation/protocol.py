"""A chapter's protocol: its scores, how they are measured, and what a card says of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from gancourse import data
from gancourse.data.sources import Pictures
from gancourse.files import CourseError
from gancourse.game import Game
from gancourse.recipe import Recipe

YOURS = "yours"  # what a Config's `pictures` says of a reader's own data


class Column(NamedTuple):
    """A score as tables show it: its key in a protocol's result, its heading, and its format."""

    key: str
    head: str
    form: str


@dataclass(frozen=True)
class Where:
    """Where the real pictures come from: `gancourse.data.load`'s arguments, or the reader's own."""

    root: str | Path | None = None
    source: str = "auto"
    strict: bool = False
    own: Pictures | None = None

    def load(self, config: Recipe, split: str) -> Pictures:
        """A split of the data set that a Config names; all of a reader's own pictures."""
        if config.pictures == YOURS and self.own is not None:
            return self.own
        where = {"root": self.root, "source": self.source, "strict": self.strict}
        return data.load(config.pictures, split, **where, **config.options)


class Protocol(ABC):
    """How the samples of a chapter's games are measured.

    Class attributes:
        tables: data set -> the scores that its games are published with; the first is the headline.
        judges: the published networks that the scores look through. No game may train against them.
        no_own: what to do instead, where the chapter has no score for a reader's own pictures.
    """

    tables: Mapping[str, tuple[Column, ...]]
    judges: tuple[str, ...] = ()
    no_own: str = ""

    @abstractmethod
    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        """The scores of `columns(game.config)` on `n` samples, and what they were measured on.

        All values are plain numbers, texts and lists, so that they can be written as JSON.
        """

    @abstractmethod
    def sentence(self, row: Mapping) -> str:
        """What a result of `measure` was measured on, in a few sentences for a card."""

    def columns(self, config: Recipe) -> tuple[Column, ...]:
        """The scores that a game with this Config is published with.

        Raises:
            CourseError: there are none for its pictures.
        """
        if config.pictures in self.tables:
            return self.tables[config.pictures]
        if config.pictures == YOURS:
            raise CourseError(
                f"pictures={YOURS!r}: chapter {config.chapter} has no score for your own pictures; "
                f"{self.no_own}."
            )
        raise CourseError(
            f"pictures={config.pictures!r}: chapter {config.chapter} has no scores for this data "
            "set; it measures models of "
            f"{' and '.join(each for each in self.tables if each != YOURS)}."
        )

    def headline(self, config: Recipe) -> Column:
        """The one score that a list of models shows."""
        return self.columns(config)[0]

    def use(self, name: str, config: Recipe) -> str:
        """How pictures are drawn with the published model `name`, in Markdown."""
        shape = ", ".join(map(str, config.shape))
        return (
            f'`gancourse.load("{name}").sample(64, seed=0)` returns (64, {shape}), '
            "floats in [-1, 1]."
        )

    def showcase(self, game: Game, where: Where) -> Tensor:
        """The pictures of a dossier's sheet, in rows of ten: (N, C, H, W) in [-1, 1]."""
        return game.sample(80, seed=0)
