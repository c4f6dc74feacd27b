"""Clean line art from the reader's own drawings: a scan or a photo becomes what the network of chapter 6 has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gancourse.data.picture_file import SMALLEST, check_size, on_white, read, square, tensor
from gancourse.files import CourseError

STROKE = 2 / 72  # width of OpenMoji's strokes, in sides
EXTENT = 0.76  # median longer side of OpenMoji's drawings, in sides


def line_art(
    image: str | Path | Image.Image,
    *,
    size: int = 256,
    stroke: float | None = STROKE,
    extent: float | None = EXTENT,
) -> Tensor:
    """A scan or a phone photo of a drawing -> clean line art (1, size, size) uint8, black on white, as OpenMoji's.

    What is darker than its surroundings (Sauvola's threshold) is ink, so shadows and yellow paper do no harm; white on a
    dark ground is turned round. Specks go, and so does what touches the picture's edge (the rim of the sheet, the table)
    when it lies along it or is the smaller part. The drawing is centred and resized, and its strokes redrawn. Digital
    line art that has the right place and strokes already is only resized.

    Args:
        image: a file, or a picture that was read.
        size: 16 to 1024.
        stroke: width of the strokes, in sides; None leaves them.
        extent: longer side of the drawing, in sides; None leaves the drawing where it is, in the middle square.

    Raises:
        CourseError: no lines can be found, or the file cannot be read.
    """
    check_size(size)
    if not isinstance(image, Image.Image):
        image = read(image, "L", size=max(512, size))
    image = on_white(image).convert("L")
    if min(image.size) < SMALLEST:
        raise CourseError(
            f"The drawing has {image.width} x {image.height} pixels; each side must have {SMALLEST} or more."
        )
    original = image
    if max(image.size) > 1024:
        image.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    levels = np.asarray(image, dtype=np.float64)
    if np.median(levels) < 100:
        levels, original = 255 - levels, ImageOps.invert(original)

    clean = _is_clean(levels)
    ink = levels < 128 if clean else _ink(levels)
    if not ink.any():
        raise CourseError(
            "No lines found in the picture: it seems blank, or its lines are too faint. Draw with a dark pen on light "
            "paper, and let the drawing fill most of the picture."
        )
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longer, side = max(bottom - top, right - left), min(ink.shape)
    if clean and _fits(ink, stroke, extent, longer / side, (top + bottom, left + right)):
        return tensor(square(original, size))

    if extent is None:
        middle, scale = (ink.shape[0] / 2, ink.shape[1] / 2), 1 / side
    else:
        middle, scale = ((top + bottom) / 2, (left + right) / 2), extent / longer
    fine = 4 * size if size <= 256 else 2 * size
    drawn = _placed(ink, middle, scale * fine, fine)
    if stroke is not None:
        drawn = _stroked(drawn, stroke * fine)
    step = fine // size
    share = drawn.reshape(size, step, size, step).mean(axis=(1, 3))
    return torch.from_numpy(np.rint(255 * (1 - share)).astype(np.uint8))[None]


def _is_clean(levels: np.ndarray) -> bool:
    """Whether nearly all of a picture (H, W), 0..255, is white or black, as in a digital drawing."""
    return bool((levels >= 250).mean() > 0.5 and ((levels > 40) & (levels < 250)).mean() < 0.12)


def _fits(
    ink: np.ndarray, stroke: float | None, extent: float | None, found: float, ends: tuple[int, int]
) -> bool:
    """Whether a drawing has OpenMoji's place and strokes already: square, near the middle, neither small nor thin."""
    height, width = ink.shape
    central = all(
        abs(end / 2 / side - 0.5) < 0.1 for end, side in zip(ends, (height, width), strict=True)
    )
    placed = extent is None or (abs(found - extent) < 0.2 and central)
    return (
        height == width and placed and (stroke is None or 0.6 < _width(ink) / height / stroke < 1.6)
    )


def _ink(levels: np.ndarray) -> np.ndarray:
    """The lines of a photographed drawing (H, W), 0..255 -> bool: by Sauvola's threshold, without specks and rim."""
    from scipy.ndimage import find_objects, gaussian_filter, label
    from skimage.filters import threshold_sauvola

    side = max(levels.shape)
    smooth = gaussian_filter(levels, side / 1000)
    window = min(2 * (side // 16) + 1, 2 * ((min(levels.shape) - 1) // 2) + 1)
    ink = smooth < threshold_sauvola(smooth, window_size=window, k=0.15, r=128)
    ink |= smooth < 0.4 * np.percentile(smooth, 90)  # the middle of large black areas
    parts, n = label(ink, np.ones((3, 3)))
    area = np.bincount(parts.ravel(), minlength=n + 1)
    kept = area >= max(4, (side * STROKE / 3) ** 2)
    kept[0] = False
    at_edge = np.zeros(n + 1, dtype=bool)
    at_edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    depth = [
        min(rows.stop - rows.start, columns.stop - columns.start)
        for rows, columns in find_objects(parts)
    ]
    rim = at_edge & (np.array([0, *depth]) < 0.15 * min(levels.shape))
    for dropped, least in ((rim, 0.02), (at_edge, 0.5)):
        if area[kept & ~dropped].sum() > least * area[kept].sum():
            kept &= ~dropped
    return kept[parts]


def _width(ink: np.ndarray) -> float:
    """Median width of the strokes in pixels."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    return float(
        2 * np.median(distance_transform_edt(np.pad(ink, 1))[skeletonize(np.pad(ink, 1))]) - 1
    )


def _placed(ink: np.ndarray, middle: tuple[float, float], scale: float, fine: int) -> np.ndarray:
    """The drawing enlarged `scale` times with its point `middle` (row, column) in the middle of (fine, fine), bool."""
    half = fine / 2 / scale
    box = (middle[1] - half, middle[0] - half, middle[1] + half, middle[0] + half)
    picture = Image.fromarray(np.where(ink, 255, 0).astype(np.uint8))
    corner = (box[2] - box[0]) / fine
    moved = picture.transform(
        (fine, fine),
        Image.Transform.AFFINE,
        (corner, 0, box[0], 0, corner, box[1]),
        Image.Resampling.BILINEAR,
        fillcolor=0,
    )
    return np.asarray(moved) > 127


def _stroked(ink: np.ndarray, width: float) -> np.ndarray:
    """The drawing (H, W) bool with strokes about `width` pixels wide; a width right already stays."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    if not ink.any():
        return ink
    found = _width(ink)
    if 0.8 < found / width < 1.25:
        return ink
    if found < width:
        return distance_transform_edt(~ink) <= (width - found) / 2
    depth = distance_transform_edt(ink)
    thinned = (depth > (found - width) / 2) | (
        distance_transform_edt(~skeletonize(ink)) <= width / 2
    )
    # Dots and black areas are no strokes: what is wider than one and a half of them stays.
    core = 0.75 * found
    areas = (
        distance_transform_edt(depth <= core) <= core
        if (depth > core).any()
        else np.zeros_like(ink)
    )
    return ink & (thinned | areas)
