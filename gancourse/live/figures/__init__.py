"""The live figures, one module per chapter: what each needs from Python."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.files import CourseError

if TYPE_CHECKING:
    from PIL.Image import Image


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
        script: the figure in whose script this one's is found as well (default: its own).
    """

    still: Callable[[], Image]
    alt: str
    models: tuple[str, ...] = ()
    data: Callable[[], dict] | None = None
    made_from: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    script: str = ""


@functools.cache
def found() -> dict[str, tuple[Figure, tuple[Path, ...]]]:
    """Every figure by name, which is what the modules here call FIGURES; and the files it is made
    by: its module, and those that define none and help.
    """
    here, helpers = {}, []
    for each in pkgutil.iter_modules(__path__):
        path = Path(__file__).with_name(f"{each.name}.py")
        defined = getattr(import_module(f"{__name__}.{each.name}"), "FIGURES", None)
        helpers += [] if defined else [path]
        here |= {name: (figure, path) for name, figure in (defined or {}).items()}
    return {name: (figure, (path, *helpers)) for name, (figure, path) in here.items()}


def figure(name: str) -> Figure:
    """A figure by its name. Its script is book/assets/live/NAME.js, unless it names another.

    Raises:
        CourseError: there is none of this name.
    """
    if name not in found():
        raise CourseError(
            f"live figure {name!r}: not one of {', '.join(found())}; use one of them."
        )
    return found()[name][0]
