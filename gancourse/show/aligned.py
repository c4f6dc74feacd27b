"""Aligned pictures compared at a few spots: what a page shows where a magnifier needs a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from gancourse.files import CourseError
from gancourse.show.grids import GAP, line_height, panel, plate_of, to_bytes, write_on
from gancourse.show.style import INK, Plate, as_array, house

WHOLE = 0.6  # width of the whole picture in the sheet: it only shows where the squares are


def spots(
    pictures: Mapping[str, object],
    at: Sequence[tuple[int, int]],
    *,
    side: int = 48,
    zoom: int = 3,
    whole: str | None = None,
    caption: str | None = None,
) -> Plate:
    """A figure: one picture whole with numbered squares, and below it each square of each picture.

    Args:
        pictures: name -> picture (3, H, W) or (1, 3, H, W), float in [-1, 1] or uint8, all of one
            size. A column each.
        at: left and top of each square in pixels. A row each.
        side: of a square, in pixels.
        zoom: screen pixels per pixel of a square.
        whole: name of the picture to show whole (default: the last).
        caption: what the figure shows.

    Raises:
        CourseError: no pictures or different sizes, an unknown name, or a square that does not fit.
    """
    arrays = aligned(pictures)
    height, width = next(iter(arrays.values())).shape[:2]
    inside(at, side, width, height)
    whole = list(arrays)[-1] if whole is None else whole
    if whole not in arrays:
        raise CourseError(f"whole={whole!r}: no such picture; choose from: {', '.join(arrays)}.")
    across = GAP + len(arrays) * (side * zoom + GAP)  # of the sheet, px
    factor = min(WHOLE * across / width, 1)
    size = round(width * factor), round(height * factor)
    shown = Image.fromarray(arrays[whole]).resize(size, Image.Resampling.LANCZOS)
    margin = (across - shown.width) // 2
    sheet = panel(GAP + shown.height, across)
    sheet[GAP:, margin : margin + shown.width] = shown
    names, rows = len(sheet), []
    strip = panel(line_height(1), across)
    for left, top in at:
        row = panel(side * zoom + GAP, across)
        for i, array in enumerate(arrays.values()):
            square = array[top : top + side, left : left + side].repeat(zoom, 0).repeat(zoom, 1)
            start = GAP + i * (side * zoom + GAP)
            row[: side * zoom, start : start + side * zoom] = square
        rows.append(row)
    alt = (
        f"{whole}, whole, with {len(at)} numbered squares; below, each square enlarged, in "
        f"{len(arrays)} columns: {', '.join(arrays)}."
    )
    plate = plate_of(np.concatenate([sheet, strip, *rows]), 1, caption, alt)
    for i, name in enumerate(arrays):
        middle = GAP + i * (side * zoom + GAP) + side * zoom / 2
        write_on(plate, middle, names + len(strip) / 2, name, ha="center", weight="bold")
    for number, (left, top) in enumerate(at, 1):
        _frame(plate, margin + left * factor, GAP + top * factor, side * factor, number)
        _number(plate, GAP, names + len(strip) + (number - 1) * len(rows[0]), number)
    return plate


def aligned(pictures: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Name -> uint8 (H, W, 3), all of one size.

    Raises:
        CourseError: no pictures, or different sizes.
    """
    if not pictures:
        raise CourseError("pictures={}: nothing to compare; give named pictures of one size.")
    arrays = {}
    for name, picture in pictures.items():
        array = as_array(picture)
        arrays[name] = to_bytes(array[None] if array.ndim == 3 else array)[0]
    sizes = {name: f"{array.shape[1]} x {array.shape[0]}" for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        given = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise CourseError(f"pictures: different sizes ({given}); enlarge them to one size first.")
    return arrays


def inside(at: Sequence[tuple[int, int]], side: int, width: int, height: int) -> None:
    """Raise a CourseError unless the squares lie inside a picture of this size."""
    if not 1 <= side <= min(width, height):
        raise CourseError(
            f"side={side!r}: no square of a picture of {width} x {height} px; give 1 to "
            f"{min(width, height)}."
        )
    for left, top in at:
        if not (0 <= left <= width - side and 0 <= top <= height - side):
            raise CourseError(
                f"at=({left}, {top}): a square of {side} px leaves the picture; give 0 to "
                f"{width - side} for the left and 0 to {height - side} for the top."
            )


def _frame(plate: Plate, x: float, y: float, side: float, number: int) -> None:
    with house():
        for colour, width in (("white", 4.0), (INK, 1.6)):
            square = Rectangle((x, y), side, side, fill=False, edgecolor=colour, linewidth=width)
            plate.axes[0].add_patch(square)
    _number(plate, x, y, number)


def _number(plate: Plate, x: float, y: float, number: int) -> None:
    with house():
        plate.axes[0].text(
            x + 2,
            y + 2,
            str(number),
            va="top",
            color="white",
            weight="bold",
            bbox={"facecolor": INK, "edgecolor": "none", "pad": 2.5},
        )
