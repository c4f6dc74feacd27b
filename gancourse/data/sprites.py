"""White shapes on black whose five factors are known: dSprites, drawn by our own renderer.

Matthey, Higgins, Hassabis and Lerchner, "dSprites: Disentanglement testing Sprites dataset", 2017.
Factors and their values are the paper's: 3 shapes x 6 scales x 40 orientations x 32 x 32 places =
737,280 pictures, none anti-aliased. The outlines are ours, chosen so that area and centre of mass
are known in closed form; pictures therefore differ from the published file in their pixels.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from gancourse.data.sources import About, Pictures, generator, one_of
from gancourse.files import CourseError

FACTORS = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
SHAPES = ("square", "ellipse", "heart")
COMBINATIONS = math.prod(FACTORS.values())
ABOUT = {
    "sprites": About(
        title="shapes drawn by our own code",
        credit="",
        licence="CC0",
        weights_licence="MIT",
        limits="White squares, ellipses and hearts of 64 x 64 px and nothing else.",
        holds=f"image (1, 64, 64) with {', '.join(FACTORS)}",
        sizes={"made": (20_000, 20_000)},
        splits={"train": "drawn at random from the nine tenths for training"},
    )
}
SPLITS = ("train", "test")
SOURCES = ("auto", "bundled", "full")

# In pixels of a 64 px picture at scale 1. Centres lie on the corners of pixels, so that no edge of
# an upright square passes through the centre of one.
SIDE = 20.0  # of the square
AXES = (7.0, 14.0)  # half the ellipse's width and height
LOBE = 16.0  # of the heart: side of a square on its corner, with half a disc on both upper sides
FIRST_PLACE = 16.0
REACH = 15.0  # every shape stays within this of its centre, and so within the picture

_HALF_DISC = math.pi * LOBE**2 / 8
_HEART = LOBE**2 + 2 * _HALF_DISC
# A half disc's centre of mass lies 4 r / (3 pi) beyond its straight side, and that side faces up at
# 45 degrees.
_HEART_RISE = 2 * _HALF_DISC * (LOBE / 2 + 2 * LOBE / (3 * math.pi)) / math.sqrt(2) / _HEART
AREAS = {"square": SIDE**2, "ellipse": math.pi * AXES[0] * AXES[1], "heart": _HEART}


def scales() -> Tensor:
    """(6,) float32: 0.5, 0.6 ... 1."""
    return torch.linspace(0.5, 1, FACTORS["scale"])


def angles() -> Tensor:
    """(40,) float32 radians, counter-clockwise as seen, from 0 to a full turn.

    Both ends are there, as in dSprites: orientations 0 and 39 look alike. No other two show a
    square or an ellipse in the same rotation, since 39 steps are no multiple of 4 or 2; in pixels a
    few rotations of the small shapes still agree.
    """
    return torch.linspace(0, 2 * math.pi, FACTORS["orientation"])


def render(factors: Tensor, size: int = 64) -> Tensor:
    """Draw shapes: factors (N, 5) int64, as in `FACTORS` -> (N, 1, size, size) uint8, 0 or 255.

    A pixel is white when its centre lies in the shape. x counts from the left and y from above; one
    step of either is 1/64 of the picture. At orientation 0 the heart's tip points down.

    Raises:
        CourseError: another shape of `factors`, a factor out of its range, or a size below 1.
    """
    _check(factors, size)
    zoom = size / 64
    window = torch.arange(
        min(size, math.floor(2 * REACH * zoom) + 2)
    )  # only there is anything to draw
    drawn = torch.zeros(len(factors), size, size, dtype=torch.uint8)
    for kind, inside in enumerate((_in_square, _in_ellipse, _in_heart)):
        for rows in torch.nonzero(factors[:, 0] == kind).flatten().split(4096):
            _, scale, angle, x, y = factors[rows].T
            scale, angle = scales()[scale].view(-1, 1, 1), angles()[angle].view(-1, 1, 1)
            column, row = (_window(FIRST_PLACE + place, window, zoom, size) for place in (x, y))
            right = ((column + 0.5) / zoom - FIRST_PLACE - x.view(-1, 1)).unsqueeze(1)
            up = (FIRST_PLACE + y.view(-1, 1) - (row + 0.5) / zoom).unsqueeze(2)
            # Rotate the pixel back rather than the shape forward.
            u = (angle.cos() * right + angle.sin() * up) / scale
            v = (angle.cos() * up - angle.sin() * right) / scale
            drawn[rows.view(-1, 1, 1), row.unsqueeze(2), column.unsqueeze(1)] = (
                inside(u, v).to(torch.uint8) * 255
            )
    return drawn.unsqueeze(1)


def load(
    split: str = "train",
    *,
    n: int = 20_000,
    seed: int | torch.Generator = 0,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """`n` different combinations: "image" (n, 1, 64, 64) uint8 and each factor (n,) int64.

    "train" draws from nine tenths of all combinations, "test" from the last tenth; no seed mixes
    them.

    Args:
        n: up to 663,552 for training and 73,728 for testing; each picture takes 4 KiB.
        source, root, strict: as every loader takes them; sprites are always made.

    Raises:
        CourseError: an unknown split or source, or an `n` that the split does not hold.
    """
    one_of("split", split, SPLITS, "sprites")
    one_of("source", source, SOURCES, "sprites")
    cut = COMBINATIONS * 9 // 10
    order = torch.randperm(COMBINATIONS, generator=generator(0))
    part = order[:cut] if split == "train" else order[cut:]
    if not 0 < n <= len(part):
        raise CourseError(
            f"n={n!r}: the sprites have {len(part):,} pictures for {split}; "
            f"give 1 to {len(part):,}."
        )
    chosen = part[torch.randperm(len(part), generator=generator(seed))[:n]]
    factors = torch.stack(torch.unravel_index(chosen, tuple(FACTORS.values())), dim=1)
    named = dict(zip(FACTORS, factors.T.contiguous(), strict=True))
    return Pictures(
        {"image": render(factors), **named}, f"sprites {split}", "made", ABOUT["sprites"].terms
    )


def _window(centre: Tensor, window: Tensor, zoom: float, size: int) -> Tensor:
    """Centres (N,) in 64ths of the picture -> (N, W), the pixels that a shape can reach."""
    first = ((centre - REACH) * zoom).floor().long().clamp(max=size - len(window))
    return first.view(-1, 1) + window


def _in_square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) <= SIDE / 2


def _in_ellipse(u: Tensor, v: Tensor) -> Tensor:
    return (u / AXES[0]).square() + (v / AXES[1]).square() <= 1


def _in_heart(u: Tensor, v: Tensor) -> Tensor:
    v = v + _HEART_RISE  # from the centre of mass to the centre of the square
    lobe = LOBE / 2 / math.sqrt(2)
    disc = (u.abs() - lobe).square() + (v - lobe).square() <= (LOBE / 2) ** 2
    return disc | (u.abs() + v.abs() <= LOBE / math.sqrt(2))


def _check(factors: Tensor, size: int) -> None:
    if size < 1:
        raise CourseError(f"size={size!r}: too small for a picture; give 1 pixel or more.")
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS) or factors.is_floating_point():
        raise CourseError(
            f"factors={tuple(factors.shape)} {factors.dtype}: not one factor per column; "
            f"give whole numbers (N, {len(FACTORS)}), the columns {', '.join(FACTORS)}."
        )
    for (name, count), column in zip(FACTORS.items(), factors.T, strict=True):
        if len(column) and not 0 <= int(column.min()) <= int(column.max()) < count:
            raise CourseError(
                f"{name}={column.min()} to {column.max()}: out of range; give 0 to {count - 1}."
            )
