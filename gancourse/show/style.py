"""The house style: an opaque panel, and line colours that colour-blind readers can tell apart.

A page may be light or dark, so every figure has its own background. Widths are chosen for phones: 5
inches at 120 dots per inch are shown 360 CSS pixels wide there, so one point of type is about one
pixel.
"""

from __future__ import annotations

import base64
import io
import textwrap

import matplotlib.style
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from gancourse.files import CourseError

PANEL = "#EEEAE2"  # background: quiet on a white page and not glaring on a dark one
FIELD = "#F7F5F0"  # behind data, a shade lighter
RULE = "#D5CFC3"  # grid lines
MUTED = "#565B62"  # ticks, captions, notes
INK = "#1F2328"  # text

# Okabe and Ito's hues for the colour-blind, darkened to a contrast of 3:1 on PANEL (WCAG 1.4.11).
BLUE, VERMILION, GREEN, PURPLE, AMBER = "#1B68C6", "#D2530F", "#006644", "#C04A9C", "#574400"
LINES = (BLUE, VERMILION, GREEN, PURPLE, AMBER)
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 2)))
REAL, FAKE = BLUE, VERMILION

# D(x) from 0, generated, to 1, real; pale, so that points stand out on it.
PROBABILITY = LinearSegmentedColormap.from_list("probability", ["#EBA279", FIELD, "#86B3E0"])

DPI = 120
WIDTH = 5.0  # inches
TEXT, SMALL = 11.5, 10.5  # points

HOUSE = {
    "figure.dpi": DPI,
    "figure.facecolor": PANEL,
    "savefig.dpi": "figure",
    "savefig.facecolor": PANEL,
    "font.family": "DejaVu Sans",  # bundled with matplotlib, so figures look the same everywhere
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,
    "axes.facecolor": FIELD,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": SMALL,
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.prop_cycle": cycler(color=LINES) + cycler(linestyle=DASHES),
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "image.cmap": "cividis",
    "figure.constrained_layout.w_pad": 0.09,  # inches
    "figure.constrained_layout.h_pad": 0.09,
}


def house():
    """Context manager or decorator: matplotlib in the house style, whatever the user's settings.

    >>> with house():
    ...     figure, axes = plt.subplots()
    """
    return matplotlib.style.context(["default", HOUSE])


class Plate(Figure):
    """A matplotlib Figure in the house style that displays itself in any notebook.

    A plain Figure reads tick sizes from the settings at drawing time, and is displayed only if
    pyplot has chosen a backend. `alt` describes the picture in words, for wherever it cannot be
    seen.
    """

    def __init__(
        self,
        width: float = WIDTH,
        height: float = 3.2,
        *,
        alt: str = "",
        layout: str | None = "constrained",
    ):
        with house():
            super().__init__(figsize=(width, height), layout=layout)
        self.alt = alt

    def draw(self, renderer) -> None:
        with house():
            super().draw(renderer)

    def savefig(self, *args, **how) -> None:
        with house():
            super().savefig(*args, **how)

    def png(self) -> bytes:
        """The figure as PNG, exactly width x DPI by height x DPI pixels."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", metadata={"Description": self.alt, "Software": None})
        return buffer.getvalue()

    def picture(self) -> Image.Image:
        """The same as a picture of Pillow's, RGB."""
        return Image.open(io.BytesIO(self.png())).convert("RGB")

    def bundle(self) -> dict[str, str]:
        """The figure as a notebook's display data: a picture, and the alternative text."""
        return {
            "image/png": base64.b64encode(self.png()).decode(),
            "text/plain": self.alt or repr(self),
        }

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.bundle(), raw=True)


def as_array(values) -> np.ndarray:
    """`values` as a NumPy array; they may be a tensor on any device, of any precision.

    Raises:
        CourseError: a list of arrays of different shapes.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
        return values.numpy()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise CourseError(
            "values: arrays of different shapes; give arrays of one shape."
        ) from error


def wrapped(text: str, width: float, points: float = SMALL) -> str:
    """`text` broken into lines of `width` inches; a letter of DejaVu Sans is about 0.56 em wide."""
    letters = max(8, int(width * 72 / (0.56 * points)))
    return "\n".join(
        line for part in text.split("\n") for line in (textwrap.wrap(part, letters) or [""])
    )


def caption_below(figure: Figure, caption: str | None) -> None:
    """Write `caption` under a figure with constrained layout."""
    if caption:
        text = wrapped(caption, figure.get_figwidth() - 0.3)
        figure.supxlabel(text, x=0.02, ha="left", fontsize=SMALL, color=MUTED, linespacing=1.35)


def legend_above(axes: Axes, columns: int, handlelength: float = 1.9) -> None:
    """A legend above the axes, flush left, where it hides no data and can be read on a phone."""
    spacing = {
        "borderaxespad": 0.2,
        "columnspacing": 1.4,
        "handletextpad": 0.6,
        "handlelength": handlelength,
    }
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns, **spacing)
