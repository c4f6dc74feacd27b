"""The live figures, one module per chapter: what each needs from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from gancourse.files import CourseError

if TYPE_CHECKING:
    from PIL.Image import Image

# Where each figure is defined. Its script is book/assets/live/NAME.js.
FIGURES = {"ring": "gan", "words": "stackgan", "colouring": "pix2pix", "measures": "metrics"}


@dataclass(frozen=True)
class Figure:
    """A live figure, but for its script.

    Attributes:
        still: draws the picture that stands in its place until it wakes, and on paper.
        alt: that picture in words.
        models: names of the published networks that it runs.
        data: numbers and names for the script, as JSON can hold them.
        made_from: names of published networks that `still` and `data` use besides `models`.
        sources: rooms of the package whose code decides what `data` holds.
    """

    still: Callable[[], Image]
    alt: str
    models: tuple[str, ...] = ()
    data: Callable[[], dict] | None = None
    made_from: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def figure(name: str) -> Figure:
    """A figure by its name.

    Raises:
        CourseError: there is none of this name.
    """
    if name not in FIGURES:
        raise CourseError(
            f"live figure {name!r}: not one of {', '.join(FIGURES)}; use one of them."
        )
    return import_module(f"{__name__}.{FIGURES[name]}").FIGURES[name]
