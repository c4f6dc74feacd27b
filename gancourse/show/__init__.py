"""Figures: sheets of pictures, curves, points, films, live views, explorers, a
sketchpad, a magnifier, a blind comparison.

Every function returns a figure, an array, a path or a widget, and prints nothing.
"""

from __future__ import annotations

from importlib import import_module

from gancourse.show.aligned import spots
from gancourse.show.barchart import bars
from gancourse.show.explorers import codes, knobs, latent_walk, sentences, slide, walk
from gancourse.show.films import film, film_of_run
from gancourse.show.grids import compare, grid, save_grid, tile
from gancourse.show.live import Live
from gancourse.show.plots import curves
from gancourse.show.style import Plate, house
from gancourse.show.toy import chase, field, scatter
from gancourse.show.trade import tradeoff

__all__ = [
    "Live",
    "Plate",
    "bars",
    "blind",
    "bring",
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
    "magnify",
    "save_grid",
    "scatter",
    "sentences",
    "sketch",
    "slide",
    "spots",
    "tile",
    "tradeoff",
    "walk",
]
# Name -> module. Their widgets are slow to import, and few chapters need them.
LATER = {"sketch": "sketchpad", "blind": "comparison", "magnify": "magnifier", "bring": "magnifier"}


def __getattr__(name: str):
    if name in LATER:
        return getattr(import_module(f"gancourse.show.{LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
