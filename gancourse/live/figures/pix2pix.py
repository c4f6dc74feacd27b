"""Chapter 6's live figure: draw, and it is coloured while you draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.data.line_art import STROKE
from gancourse.live.figures import Figure
from gancourse.show.style import MUTED, Plate, house
from gancourse.studio.colouring import VIEWS, calm, evened, painted

Point = tuple[float, float]
Stroke = list[Point]

UNITS = 72  # of a sheet's side, as in OpenMoji's drawings: places are given in them
WIDTH = STROKE * UNITS  # of a line
SIDE = 576  # pixels of a sheet: blocks of 9 x 9 of them make the 64 x 64 that the network sees
OPINIONS = 4  # answers to one drawing, each with noise of its own


# The examples -----------------------------------------------------------------


def curve(*points: Point, closed: bool = False, pieces: int = 8) -> Stroke:
    """A smooth line through some points, as short straight pieces (Catmull and Rom, 1974)."""
    p = np.array(points, dtype=float)
    around = [p[-1:], p, p[:2]] if closed else [p[:1], p, p[-1:]]
    p = np.concatenate(around)
    t = np.arange(pieces)[:, None] / pieces
    lines = [
        b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return [(float(x), float(y)) for x, y in np.concatenate([*lines, p[-2:-1]])]


def ring(x: float, y: float, radius: float) -> Stroke:
    """A circle. One with a radius of 1 is a dot, since the line is that wide."""
    turns = np.linspace(0, 2 * math.pi, 33)
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def outline(*points: Point) -> Stroke:
    """Straight lines from point to point, and back to the first."""
    return [*points, points[0]]


def mirrored(*strokes: Stroke) -> list[Stroke]:
    """Strokes, and the same on the other side of the sheet's middle."""
    return [*strokes, *([(UNITS - x, y) for x, y in stroke] for stroke in strokes)]


EXAMPLES: dict[str, list[Stroke]] = {
    "cat": [
        *mirrored(
            curve((36, 19), (31, 19.5), (27, 21)),
            [(27, 21), (15, 12), (14, 34)],
            curve((14, 34), (12, 43), (19, 54), (28, 59), (36, 60)),
            ring(27, 37, 1),
            curve((36, 48), (34, 51.5), (29, 51)),
            [(22, 46), (9, 44)],
            [(22, 50), (10, 53)],
        ),
        outline((34, 45), (38, 45), (36, 47.5)),
    ],
    "fish": [
        curve((9, 37), (18, 27), (32, 22), (45, 27), (53, 35)),
        curve((9, 37), (18, 46), (32, 50), (45, 45), (53, 38)),
        [(53, 35), (63, 25), (60, 36.5), (63, 48), (53, 38)],
        ring(19, 34, 1),
        curve((28, 27), (31, 36), (28, 45)),
        curve((32, 22), (38, 14), (47, 17), (45, 27)),
        curve((34, 50), (38, 57), (44, 54), (43, 46)),
    ],
    "house": [
        [(9, 36), (36, 11), (63, 36)],
        [(16, 30), (16, 61), (56, 61), (56, 30)],
        [(31, 61), (31, 45), (41, 45), (41, 61)],
        *mirrored(outline((20, 39), (27, 39), (27, 46), (20, 46))),
        [(47, 21), (47, 12), (53, 12), (53, 27)],
    ],
    "tree": [
        curve(
            (28, 45), (17, 43), (13, 34), (18, 26), (20, 15), (36, 9),
            (52, 15), (54, 26), (59, 34), (55, 43), (44, 45), closed=True,
        ),
        *mirrored([(32, 45), (32, 62)]),
        [(27, 62), (45, 62)],
    ],
    "car": [
        [(14, 48), (9, 48), (9, 38), (18, 35), (26, 24), (46, 24), (56, 35), (63, 38), (63, 48)],
        [(63, 48), (57, 48)],
        [(28, 48), (43, 48)],
        ring(21, 48, 7), ring(50, 48, 7), ring(21, 48, 2), ring(50, 48, 2),
        outline((23, 35), (29, 28), (35, 28), (35, 35)),
        outline((39, 28), (45, 28), (51, 35), (39, 35)),
    ],
    "sailing boat": [
        [(35, 10), (35, 49)],
        outline((31, 14), (31, 44), (14, 44)),
        outline((39, 18), (39, 44), (56, 44)),
        [(13, 49), (59, 49), (53, 59), (20, 59), (13, 49)],
        [(9, 59), (63, 59)],
    ],
    "person": [
        *mirrored(
            curve((36, 40), (29, 37), (26, 28), (27, 20)),
            ring(31.5, 27, 1),
            curve((32, 39), (31, 44), (22, 47), (15, 53), (14, 62)),
            curve((36, 34), (33.5, 33.5), (32, 32)),
        ),
        curve((45, 20), (36, 20), (30, 16), (27, 20)),
        curve((26, 28), (22, 20), (25, 12), (36, 8), (47, 12), (50, 20), (46, 28)),
    ],
    "face": [
        ring(36, 36, 24),
        *mirrored(ring(28, 31, 1)),
        curve((24, 42), (29, 48), (36, 50), (43, 48), (48, 42)),
    ],
}  # fmt: skip


# What the network sees --------------------------------------------------------


def drawn(strokes: Sequence[Stroke]) -> np.ndarray:
    """The ink on a sheet, (SIDE, SIDE) bool: what is no farther from a stroke than half its width.

    The script counts pixels in the same way. It does not read them from a canvas, where browsers
    smooth lines differently, and some add noise so that nobody is recognised by it.
    """
    ink, scale, radius = np.zeros((SIDE, SIDE), dtype=bool), SIDE / UNITS, WIDTH / 2 * SIDE / UNITS
    for stroke in strokes:
        points = [(x * scale, y * scale) for x, y in stroke]
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[-1]], strict=True):
            left, right = (limit(min(ax, bx) - radius), limit(max(ax, bx) + radius))
            top, bottom = (limit(min(ay, by) - radius), limit(max(ay, by) + radius))
            x, y = np.arange(left, right) + 0.5 - ax, np.arange(top, bottom)[:, None] + 0.5 - ay
            dx, dy = bx - ax, by - ay
            along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy or 1), 0, 1)
            away = (x - along * dx) ** 2 + (y - along * dy) ** 2
            ink[top:bottom, left:right] |= away <= radius * radius
    return ink


def limit(place: float) -> int:
    """The pixel border of a sheet that is next to a place."""
    return min(SIDE, max(0, math.floor(place + 0.5)))


def reduced(ink: np.ndarray, side: int) -> Tensor:
    """A sheet as line art, (1, 1, side, side) uint8: the mean of each block of its pixels."""
    block = SIDE // side
    counts = ink.reshape(side, block, side, block).sum(axis=(1, 3))
    levels = np.floor(255 * (1 - counts / block**2) + 0.5)
    return torch.from_numpy(levels.astype(np.uint8))[None, None]


@cache
def data() -> dict:
    """The numbers of a sheet, and the examples as flat lists x, y, x, y ... of each stroke."""
    examples = [
        {"name": name, "strokes": [[round(v, 1) for point in s for v in point] for s in strokes]}
        for name, strokes in EXAMPLES.items()
    ]
    side = models.load("pix2pix").config.shape[1]
    return {
        "units": UNITS, "width": WIDTH, "side": SIDE, "seen": side, "opinions": OPINIONS,
        "views": [list(view) for view in VIEWS], "examples": examples,
    }  # fmt: skip


def still() -> Image.Image:
    """The figure where it starts: the first example, coloured, and other opinions on it."""
    game, ink = models.load("pix2pix"), drawn(next(iter(EXAMPLES.values())))
    small, large = reduced(ink, game.config.shape[1]), reduced(ink, SIDE // 2)
    answers = (calm(game, small, seed=seed) for seed in range(OPINIONS))
    answers = [painted(evened(each, small), small, large) for each in answers]
    pictures = [np.asarray(((each[0] + 1) / 2).permute(1, 2, 0)) for each in answers]
    paper = np.asarray(large[0, 0, ..., None].expand(-1, -1, 3)) / 255
    plate = Plate(width=7, height=5.35, layout=None)
    places = [(0.02 + 0.49 * i, 0.32, 0.47, 0.615) for i in range(2)]
    places += [(0.02 + 0.245 * i, 0.02, 0.225, 0.22) for i in range(OPINIONS)]
    with house():
        for place, picture in zip(places, [paper, pictures[0], *pictures], strict=True):
            axes = plate.add_axes(place)
            axes.imshow(picture)
            axes.set_axis_off()
        words = {"the drawing": (0.02, 0.95), "coloured": (0.51, 0.95), "opinions": (0.02, 0.265)}
        for text, (x, y) in words.items():
            plate.text(x, y, text, fontsize=13, color=MUTED)
    return plate.picture()


FIGURES = {
    "colouring": Figure(
        still=still,
        alt="A cat's face drawn in black lines on a square sheet, the same face beside it in "
        "colours that the network has chosen, with the lines as sharp as they were drawn, and "
        f"below them {OPINIONS} opinions on the drawing, which hardly differ.",
        models=("pix2pix",),
        data=data,
        sources=("data", "studio"),
    )
}
