"""Figures: sheets of pictures, curves, points, films, live views, explorers, a sketchpad.

Every function returns a figure, an array, a path or a widget, and prints nothing.
"""

from __future__ import annotations

from gancourse.show.explorers import codes, knobs, latent_walk, walk
from gancourse.show.films import film, film_of_run
from gancourse.show.grids import compare, grid, save_grid, tile
from gancourse.show.live import Live
from gancourse.show.plots import curves
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
    if name == "sketch":  # its widget is slow to import, and few chapters need it
        from gancourse.show.sketchpad import sketch

        return sketch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
