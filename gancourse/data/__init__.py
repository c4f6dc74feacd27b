"""Where pictures come from: `load("digits")` gives `Pictures`. A data set's module is imported when it is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.files import CourseError

if TYPE_CHECKING:
    from gancourse.data.sources import Pictures

TOYS = ("grid", "ring", "spiral")
NAMES = ("digits", "stacked", *TOYS)

_HOMES = {
    "sources": ("CourseWarning", "Pictures", "bundled", "fetch", "root"),
    "toy": ("Toy",),
}
__all__ = ["NAMES", "load", *(name for names in _HOMES.values() for name in names)]


def load(
    name: str, split: str = "train", *, root: str | Path | None = None, source: str = "auto", **options
) -> Pictures:
    """The data set `name`, held whole in memory as named tensors.

    Args:
        name: "digits", "stacked" (three digits as one colour picture), or the 2-D toys "ring", "grid", "spiral".
        split: "train", "test", "validation"; "train-50000" for digits.
        root: folder of full data sets (default: GANCOURSE_DATA, else ~/.cache/gancourse). The toys need none.
        source: "auto", "bundled" or "full", see `gancourse.data.digits.load`. The toys are always made.
        options: what the data set's own function takes: strict for digits, n and seed for stacked, n for a toy.

    Raises:
        CourseError: an unknown name, split or source.
        DamagedFile: a file is truncated, swapped or changed.
    """
    if name in TOYS:
        return importlib.import_module("gancourse.data.toy").load(name, split, **options)
    if name not in NAMES:
        raise CourseError(f"There is no data set {name!r}. Choose from: {', '.join(NAMES)}.")
    digits = importlib.import_module("gancourse.data.digits")
    make = digits.load if name == "digits" else digits.stacked
    return make(split=split, root=root, source=source, **options)


def __getattr__(name: str):
    if name in ("digits", "sources", "toy"):
        return importlib.import_module(f"gancourse.data.{name}")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"gancourse.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
