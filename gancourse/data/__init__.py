"""Data sets by name: `load("digits")` gives `Pictures`, and `load("photos")` gives `Photos`.

A set's module is imported on demand.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.files import CourseError

if TYPE_CHECKING:
    from gancourse.data.photos import Photos
    from gancourse.data.sources import About, Pictures

# name -> the function that loads it, which takes split, root, source, strict and options of its
# own; its module's ABOUT says what it is.
DATASETS = {
    "digits": "digits:load",
    "stacked": "digits:stacked",
    "fashion": "fashion:load",
    "faces": "faces:load",
    "faces-micah": "faces:load_micah",
    "sprites": "sprites:load",
    "scenes": "scenes:load",
    "portraits": "portraits:load",
    "emoji": "emoji:load",
    "drawings": "drawings:load",
    "photos": "photo_sets:load",
    "set5": "photo_sets:load_set5",
    "kodak24": "photo_sets:load_kodak24",
    "grid": "toy:load_grid",
    "ring": "toy:load_ring",
    "spiral": "toy:load_spiral",
}
NAMES = tuple(DATASETS)

_HOMES = {
    "sources": ("About", "CourseWarning", "Pictures", "bundled", "fetch", "root"),
    "toy": ("Toy",),
}
_MODULES = {target.partition(":")[0] for target in DATASETS.values()}
_MODULES |= {"archives", "folders", "idx", "line_art", "pairs", "photo_sets", "photos"}
_MODULES |= {"picture_file", "picture_folder", "raster", "sources", "svg", "wording"}
__all__ = ["DATASETS", "NAMES", "about", "listing", "load"]
__all__ += [name for names in _HOMES.values() for name in names]


def load(
    name: str,
    split: str = "train",
    *,
    root: str | Path | None = None,
    source: str = "auto",
    strict: bool = False,
    **options,
) -> Pictures | Photos:
    """The data set `name`, held whole in memory: named columns, or photos of many sizes.

    Args:
        name: "digits", "stacked" (three digits as one colour picture), "fashion" (clothes), "faces"
            and "faces-micah" (drawn, with attributes), "sprites" (dSprites), "scenes" and
            "portraits" (drawn, with captions), "emoji" (line art and colour art in pairs),
            "drawings" (line art of our own), "photos" (for super-resolution) and its benchmarks
            "set5" and "kodak24", or the 2-D toys "ring", "grid", "spiral".
        split: "train" and "test" for all, but "test" alone for drawings and benchmarks;
            "validation" for digits, stacked, clothes and toys; "train-50000" for digits, stacked
            and clothes; "judge" for scenes and portraits.
        root: folder of full data sets (default: GANCOURSE_DATA, else ~/.cache/gancourse). What is
            made needs none.
        source: "auto", "bundled" or "full", see `gancourse.data.digits.load`. Faces, portraits,
            emoji and drawings are always the bundled ones; sprites, scenes and toys are always
            made; benchmarks are never bundled.
        strict: raise where digits, stacked, clothes or photos would warn and go on with the bundled
            ones.
        options: what the data set's own function takes: n and seed for stacked and sprites, n, seed
            and size for scenes, seed and size for portraits, n for a toy, size for emoji and
            drawings, side for photos.

    Raises:
        CourseError: an unknown name, split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file is truncated, swapped or changed.
    """
    module, function = _home(name)
    where = {"root": root, "source": source, "strict": strict}
    return getattr(module, function)(split=split, **where, **options)


def about(name: str) -> About:
    """Title, credit, licences, limits and size of a data set, without loading a picture.

    Raises:
        CourseError: an unknown name.
    """
    return _home(name)[0].ABOUT[name]


def listing(*names: str, root: str | Path | None = None, source: str = "auto") -> Iterator[str]:
    """One line per data set: the edition at hand, its rows and licence. No picture is loaded.

    Args:
        names: of data sets; all of them if none is given.
        source: "full" fetches and verifies the full edition where there is one; "bundled" does not
            look for it.

    Raises:
        CourseError: an unknown name, or a full edition that cannot be had.
    """
    from gancourse.data import sources

    for name in names or NAMES:
        known = about(name)
        if source == "full" and "full" in known.sizes:
            for split, rows in zip(("train", "test"), known.sizes["full"], strict=True):
                if rows:
                    load(name, split, root=root, source="full", strict=True)
        edition = known.edition(None if source == "bundled" else sources.root(root))
        train, test = known.sizes.get(edition) or known.sizes["full"]
        rows = f"{train:>6,} train, {test:>6,} test"
        yield f"{name:12} {edition:8} {rows}; {known.holds}; {known.terms_of(edition)}"


def _home(name: str) -> tuple:
    """(module, name of the function) of a data set."""
    if name not in DATASETS:
        raise CourseError(f"name={name!r}: no such data set; choose one of: {', '.join(NAMES)}.")
    module, _, function = DATASETS[name].partition(":")
    return importlib.import_module(f"gancourse.data.{module}"), function


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"gancourse.data.{name}")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"gancourse.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
