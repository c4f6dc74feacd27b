"""Where pictures come from: `load("digits")` gives `Pictures`. A data set's module is imported when it is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.files import CourseError

if TYPE_CHECKING:
    from gancourse.data.sources import Pictures

TOYS = ("grid", "ring", "spiral")
ABRIDGED = (
    "digits",
    "stacked",
    "fashion",
)  # a part of these ships with the course; of all others there is only the whole
# name -> (module, function, what it is always given)
_LOADERS = {
    "digits": ("digits", "load", {}),
    "stacked": ("digits", "stacked", {}),
    "fashion": ("fashion", "load", {}),
    "faces": ("faces", "load", {"name": "faces"}),
    "faces-micah": ("faces", "load", {"name": "faces-micah"}),
    "sprites": ("sprites", "load", {}),
    "emoji": ("emoji", "load", {}),
}
NAMES = (*_LOADERS, *TOYS)

_HOMES = {
    "sources": ("CourseWarning", "Pictures", "bundled", "fetch", "root"),
    "toy": ("Toy",),
}
_MODULES = {"digits", "emoji", "faces", "fashion", "idx", "sources", "sprites", "toy"}
_MODULES |= {
    "archives",
    "line_art",
    "pairs",
    "picture_file",
}  # pictures of the reader's own, and pix2pix's
__all__ = ["NAMES", "load", *(name for names in _HOMES.values() for name in names)]


def load(
    name: str,
    split: str = "train",
    *,
    root: str | Path | None = None,
    source: str = "auto",
    strict: bool = False,
    **options,
) -> Pictures:
    """The data set `name`, held whole in memory as named tensors.

    Args:
        name: "digits", "stacked" (three digits as one colour picture), "fashion" (clothes), "faces" and "faces-micah"
            (drawn, with attributes), "sprites" (dSprites), "emoji" (line art and colour art in pairs), or the 2-D toys "ring",
            "grid", "spiral".
        split: "train" and "test" for all; "validation" for digits, stacked, clothes and toys; "train-50000" for
            digits, stacked and clothes.
        root: folder of full data sets (default: GANCOURSE_DATA, else ~/.cache/gancourse). What is made needs none.
        source: "auto", "bundled" or "full", see `gancourse.data.digits.load`. Faces and emoji are always the bundled ones;
            sprites and toys are always made.
        strict: raise where digits, stacked or clothes would warn and go on with the bundled ones.
        options: what the data set's own function takes: n and seed for stacked and sprites, n for a toy, size for emoji.

    Raises:
        CourseError: an unknown name, split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file is truncated, swapped or changed.
    """
    if name in TOYS:
        return importlib.import_module("gancourse.data.toy").load(name, split, **options)
    if name not in NAMES:
        raise CourseError(f"There is no data set {name!r}. Choose from: {', '.join(NAMES)}.")
    if name in ABRIDGED:
        options["strict"] = strict
    module, function, fixed = _LOADERS[name]
    make = getattr(importlib.import_module(f"gancourse.data.{module}"), function)
    return make(**fixed, split=split, root=root, source=source, **options)


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"gancourse.data.{name}")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"gancourse.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
