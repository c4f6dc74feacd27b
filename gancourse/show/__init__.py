"""Seeing: sheets of pictures, curves, points in the plane, films of a run, a live picture, explorers, a sheet
to draw on.

Everything here returns a figure, an array, a path or a widget, and prints nothing. `curves` names both a module of this
folder and its function; the function is bound last, so that `gancourse.show.curves(...)` draws.
"""

from __future__ import annotations

from gancourse.show.curves import curves
from gancourse.show.explorers import codes, knobs, latent_walk, walk
from gancourse.show.films import film, film_of_run
from gancourse.show.grids import compare, grid, save_grid, tile
from gancourse.show.live import Live
from gancourse.show.style import Plate, house
from gancourse.show.toy import chase, field, scatter

__all__ = [
    "Live",
    "Plate",
    "chase",
    "codes",
    "compare",
    "curves",
    "field",
    "film",
    "film_of_run",
    "grid",
    "house",
    "knobs",
    "latent_walk",
    "save_grid",
    "scatter",
    "sketch",
    "tile",
    "walk",
]


def __getattr__(name: str):
    if name == "sketch":  # its widget takes a moment to import, and few chapters draw
        from gancourse.show.sketchpad import sketch

        return sketch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
