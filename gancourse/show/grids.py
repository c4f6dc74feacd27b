"""Sheets of pictures: as an array, as a PNG, as a figure with a caption, or as named rows."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from gancourse.files import CourseError, replacing
from gancourse.show.style import (
    DPI,
    INK,
    MUTED,
    PANEL,
    SMALL,
    TEXT,
    WIDTH,
    Plate,
    as_array,
    house,
    wrapped,
)

GAP = 2  # picture pixels between neighbours
MARGIN = 12  # pixels about a sheet


def to_bytes(images) -> np.ndarray:
    """Pictures (N, 1 or 3, H, W), float in [-1, 1] or uint8, as uint8 (N, H, W, 3), rounded.

    Raises:
        CourseError: another shape, dtype or range, or values that are not finite.
    """
    array = as_array(images)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise CourseError(
            f"images.shape={array.shape}: not (N, 1 or 3, H, W) with N of 1 or more; add a missing "
            "channel axis with images[:, None], or move a trailing one with permute(0, 3, 1, 2)."
        )
    if array.dtype != np.uint8:
        array = _from_game(array)
    height, width = array.shape[2:]
    return np.ascontiguousarray(
        np.broadcast_to(array.transpose(0, 2, 3, 1), (len(array), height, width, 3))
    )


def _from_game(array: np.ndarray) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating):
        raise CourseError(
            f"images.dtype={array.dtype}: neither uint8 nor float; "
            "give uint8 in 0..255 or float in [-1, 1]."
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= -1.001 and high <= 1.001):  # written so that NaN fails too
        raise CourseError(
            f"images={low:.4g}..{high:.4g}: float pictures outside [-1, 1]; rescale them, or give "
            "0..255 as uint8; nan means that training has diverged."
        )
    return np.rint((np.clip(array, -1, 1) + 1) * 127.5).astype(np.uint8)


def shape_of_sheet(count: int, columns: int | None) -> tuple[int, int]:
    """(rows, columns) for `count` pictures; by default nearly square, full, and at most 10 wide.

    Raises:
        CourseError: `columns` is not an integer of 1 or more.
    """
    if columns is None:
        square = math.ceil(math.sqrt(count))
        columns = next((c for c in range(square, 11) if count % c == 0), min(square, 10))
    if isinstance(columns, bool) or not isinstance(columns, (int, np.integer)) or columns < 1:
        raise CourseError(
            f"columns={columns!r}: no number of columns; give an integer of 1 or more."
        )
    return math.ceil(count / columns), min(int(columns), count)


def tile(images, columns: int | None = None, *, gap: int | tuple[int, int] = GAP) -> np.ndarray:
    """Pictures (N, 1 or 3, H, W) row by row: uint8 (rows*(H+gap)+gap, columns*(W+gap)+gap, 3).

    No pixel is resampled. `gap` is in pixels, or a pair (below a picture, beside it). Gaps and
    empty places have the colour of the panel. Errors as for `to_bytes` and `shape_of_sheet`.
    """
    pictures = to_bytes(images)
    count, height, width, _ = pictures.shape
    rows, columns = shape_of_sheet(count, columns)
    below, beside = gap if isinstance(gap, tuple) else (gap, gap)
    sheet = panel(beside + rows * (height + below), beside + columns * (width + beside))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = beside + row * (height + below), beside + column * (width + beside)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def panel(height: int, width: int) -> np.ndarray:
    """An empty sheet in the colour of the panel: uint8 (height, width, 3)."""
    return np.full((height, width, 3), np.rint(np.multiply(to_rgb(PANEL), 255)), np.uint8)


def save_grid(path: str | Path, images, columns: int | None = None) -> Path:
    """Write the sheet of `tile` as a PNG, in full or not at all, and return its path."""
    with replacing(path) as temporary:
        Image.fromarray(tile(images, columns)).save(temporary, format="PNG", optimize=True)
    return Path(path)


def grid(
    images,
    *,
    columns: int | None = None,
    caption: str | None = None,
    labels: Sequence | None = None,
    scale: int = 2,
) -> Plate:
    """A figure of pictures (N, 1 or 3, H, W), float in [-1, 1] or uint8.

    Args:
        columns: pictures per row; by default the sheet is nearly square.
        caption: what the figure shows, with seed, step and scale.
        labels: N short texts, one below each picture, wrapped to its width.
        scale: screen pixels per picture pixel, an integer.

    Raises:
        CourseError: pictures, columns, labels or scale that cannot be drawn.
    """
    images = as_array(images)
    labels = labels.tolist() if hasattr(labels, "tolist") else labels
    if labels is not None and len(labels) != len(images):
        raise CourseError(
            f"labels: {len(labels)} for {len(images)} pictures; give one per picture."
        )
    below, line = GAP, line_height(scale)
    rows, columns = shape_of_sheet(len(images), columns)
    if labels is not None:
        height, width = images.shape[2:]
        points = lettering(plate_width(columns * (width + GAP) + GAP, scale))
        labels = [wrapped(str(label), width * scale / DPI, points) for label in labels]
        more = max((label.count("\n") for label in labels), default=0)
        below = line + more * math.ceil(1.3 * points * DPI / 72 / scale)
    sheet = tile(images, columns, gap=(below, GAP))
    alt = f"A sheet of {len(images)} pictures, {rows} by {columns}."
    plate = plate_of(sheet, scale, caption, alt)
    for index, label in enumerate(labels or ()):
        row, column = divmod(index, columns)
        middle = GAP + column * (width + GAP) + width / 2
        write_on(
            plate,
            middle,
            GAP + row * (height + below) + height + 0.2 * line,
            label,
            ha="center",
            va="top",
        )
    return plate


def compare(rows: Mapping[str, object], *, caption: str | None = None, scale: int = 2) -> Plate:
    """A figure of named rows with equally many pictures: real, generated, nearest neighbour ...

    `rows` maps a name to pictures (N, 1 or 3, H, W). Smaller pictures (of a first stage, or a low
    resolution) are enlarged by an integer factor, without resampling, to the size of the largest.

    Raises:
        CourseError: no rows, rows of different lengths, or sizes that are no integer multiple of
            one another.
    """
    if not rows:
        raise CourseError(
            'rows={}: nothing to compare; give named pictures, as {"real": ..., "generated": ...}.'
        )
    rows = {name: to_bytes(images) for name, images in rows.items()}
    if len({len(pictures) for pictures in rows.values()}) > 1:
        given = ", ".join(f"{name}: {len(pictures)}" for name, pictures in rows.items())
        raise CourseError(
            f"rows: different numbers of pictures ({given}); give equally many in each row."
        )
    height, width = np.max([pictures.shape[1:3] for pictures in rows.values()], axis=0)
    sheets = [
        tile(_enlarged(name, pictures, height, width), len(pictures))
        for name, pictures in rows.items()
    ]
    name_strip = panel(line_height(scale), sheets[0].shape[1])
    sheet = np.concatenate([part for sheet in sheets for part in (name_strip, sheet)])
    count = len(next(iter(rows.values())))
    plate = plate_of(
        sheet,
        scale,
        caption,
        f"{len(rows)} rows of {count} pictures, from top to bottom: {', '.join(rows)}.",
    )
    for index, name in enumerate(rows):
        write_on(
            plate,
            GAP,
            (index + 0.55) * len(name_strip) + index * len(sheets[0]),
            name,
            ha="left",
            weight="bold",
        )
    return plate


def _enlarged(name: str, pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (N, h, w, 3) as (N, 3, height, width), each pixel repeated."""
    times = height // pictures.shape[1]
    if (pictures.shape[1] * times, pictures.shape[2] * times) != (height, width):
        raise CourseError(
            f"rows[{name!r}]: {pictures.shape[1]} x {pictures.shape[2]} pixels do not divide "
            f"the largest size, {height} x {width}; resize them."
        )
    return pictures.repeat(times, axis=1).repeat(times, axis=2).transpose(0, 3, 1, 2)


def line_height(scale: int) -> int:
    """Height of one line of text, in picture pixels."""
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
        raise CourseError(f"scale={scale!r}: not a magnification; give an integer of 1 or more.")
    return math.ceil(1.6 * TEXT * DPI / 72 / scale)


def plate_width(wide: int, scale: int) -> int:
    """Pixels of a figure whose sheet is `wide` picture pixels wide."""
    return max(wide * scale + 2 * MARGIN, 300)


def lettering(width: float) -> float:
    """Points of small letters in a figure of so many pixels; wide ones are shown smaller."""
    return SMALL * max(1.0, width / DPI / WIDTH)


def plate_of(sheet: np.ndarray, scale: int, caption: str | None, alt: str) -> Plate:
    """A figure of `sheet`, without resampling, and the caption below."""
    line_height(scale)
    high, wide = sheet.shape[0] * scale, sheet.shape[1] * scale
    width, margin = plate_width(sheet.shape[1], scale), MARGIN
    points = lettering(width)
    text = wrapped(caption, (width - 2 * margin) / DPI, points) if caption else ""
    foot = round(len(text.splitlines()) * 1.4 * points * DPI / 72) + (margin // 2 if text else 0)
    height = high + 2 * margin + foot
    plate = Plate(width / DPI, height / DPI, alt=f"{alt} {caption or ''}".strip(), layout=None)
    with house():
        axes = plate.add_axes(
            (margin / width, (foot + margin) / height, wide / width, high / height)
        )
        axes.imshow(
            sheet,
            interpolation="nearest",
            aspect="auto",
            extent=(0, sheet.shape[1], sheet.shape[0], 0),
        )
        axes.axis("off")
        place = ((margin + GAP * scale) / width, (foot + margin // 2) / height)
        plate.text(*place, text, va="top", color=MUTED, fontsize=points, linespacing=1.35)
    return plate


def write_on(plate: Plate, x: float, y: float, text: str, va: str = "center", **how) -> None:
    """Write text on a sheet at picture pixel (x, y)."""
    points = lettering(plate.get_figwidth() * DPI)
    with house():
        plate.axes[0].text(x, y, text, va=va, color=INK, fontsize=points, **how)


def png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file, packed quickly: a widget waits for it."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
