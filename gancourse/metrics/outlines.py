"""Does colour stay inside the lines, and is it flat between them? No true picture is needed.

Both look only at what lies between the lines. So neither knows whether a colour is the right one: a
drawing that nobody has coloured has no spill and no unevenness.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import binary_dilation, binary_propagation, generate_binary_structure, label
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.colour import lab
from gancourse.metrics.inputs import as_uint8

FREE = 250  # grey levels from here are paper; below, a line or its smooth edge
INK = 128  # below this is a line through which no colour gets
GAP = 2  # pixels; an outline with a gap this wide counts as closed


def outside(line_art: Tensor, gap: int = GAP) -> Tensor:
    """The paper outside all outlines: (N, H, W) bool.

    It is what a path from the border of the picture reaches, in steps up, down, left or right,
    without crossing a line or passing a gap of `gap` pixels or less.

    Args:
        line_art: (N, 1, H, W), uint8 or float in [-1, 1], black on white.
        gap: 0 or more pixels; hand-drawn outlines do not quite close.

    Raises:
        CourseError: line art of another shape or range, or a negative gap.
    """
    levels = _levels(line_art)
    if gap < 0:
        raise CourseError(f"gap={gap}: a width in pixels; give 0 or more.")
    wider = (gap + 1) // 2  # on each side of the gap
    found = [_reached(each < INK, wider) & (each >= FREE) for each in levels]
    return torch.from_numpy(np.stack(found))


def enclosed(line_art: Tensor) -> Tensor:
    """The regions that lines enclose: (N, H, W) int64, 0 where there is none, else a number each.

    A region is paper without the smooth edges of lines, joined by steps up, down, left or right. It
    is enclosed unless it touches the border of the picture; no gap counts as closed.

    Args:
        line_art: (N, 1, H, W), uint8 or float in [-1, 1], black on white.

    Raises:
        CourseError: line art of another shape or range.
    """
    found = []
    for each in _levels(line_art):
        regions, _ = label(each >= FREE)
        border = [regions[0], regions[-1], regions[:, 0], regions[:, -1]]
        found.append(np.where(np.isin(regions, np.concatenate(border)), 0, regions))
    return torch.from_numpy(np.stack(found)).long()


def spill(pictures: Tensor, line_art: Tensor, gap: int = GAP) -> Tensor:
    """The fraction of each picture's colour that lies outside the outlines: (N,) float64, 0..1.

    The colour of a pixel is its chroma, the distance from grey in Lab; lines and their smooth edges
    are left out. It is 0 where nothing is coloured. True pictures are not at 0: a flame, a splash
    or a figure without an outline is coloured too.

    Args:
        pictures: (N, 3, H, W), uint8 or float in [-1, 1].
        line_art: (N, 1, H, W), black on white, what the pictures were made from.
        gap: see `outside`.

    Raises:
        CourseError: shapes that do not match, or values out of range.
    """
    colours, levels = in_lab(pictures, line_art)
    chroma = colours[:, 1:].norm(dim=1).double() * torch.from_numpy(levels >= FREE)
    chroma[chroma < 1] = 0  # one level of rounding in 255
    out = (chroma * outside(line_art, gap)).sum((1, 2))
    return out / chroma.sum((1, 2)).clamp_min(1e-9)


def unevenness(pictures: Tensor, line_art: Tensor) -> Tensor:
    """How far pixels lie from the mean colour of their region, in Lab units: (N,) float64.

    The regions are those of `enclosed`. The distances are averaged over all pixels of all regions
    of a picture. 2 is about the least that an eye sees in areas that touch. True pictures are not
    at 0, since some areas are shaded in two tones. NaN where nothing is enclosed.

    Args:
        pictures: (N, 3, H, W), uint8 or float in [-1, 1].
        line_art: (N, 1, H, W), black on white, what the pictures were made from.

    Raises:
        CourseError: shapes that do not match, or values out of range.
    """
    colours, _ = in_lab(pictures, line_art)
    found = []
    for picture, regions in zip(colours.double(), enclosed(line_art), strict=True):
        inside, n = regions > 0, int(regions.max())
        which, pixels = regions[inside], picture[:, inside]
        count = which.bincount(minlength=n + 1).clamp_min(1)
        mean = torch.zeros(3, n + 1, dtype=torch.float64).index_add_(1, which, pixels) / count
        found.append((pixels - mean[:, which]).norm(dim=0).mean())
    return torch.stack(found)


def in_lab(pictures: Tensor, line_art: Tensor) -> tuple[Tensor, np.ndarray]:
    """The pictures in Lab (N, 3, H, W), and the grey levels of the line art (N, H, W).

    Raises:
        CourseError: shapes that do not match, or values out of range.
    """
    pictures, levels = as_uint8(pictures, "pictures").cpu(), _levels(line_art)
    wanted = (len(levels), 3, *levels.shape[1:])
    if pictures.shape != wanted:
        raise CourseError(
            f"pictures.shape={tuple(pictures.shape)}: the line art asks for {wanted}; give one "
            "colour picture for each drawing, of its size."
        )
    return lab(pictures), levels


def _reached(ink: np.ndarray, wider: int) -> np.ndarray:
    """What is reached from the border when ink (H, W) bool is `wider` pixels wider on each side."""
    ink = np.pad(ink, wider + 1)
    cross = generate_binary_structure(2, 1)
    walls = binary_dilation(ink, cross, iterations=wider) if wider else ink
    border = np.ones_like(ink)
    border[1:-1, 1:-1] = False
    reached = binary_propagation(border, cross, mask=~walls)
    if wider:  # up to the lines again
        reached = binary_dilation(reached, cross, iterations=wider, mask=~ink)
    cut = slice(wider + 1, -wider - 1)
    return reached[cut, cut]


def _levels(line_art: Tensor) -> np.ndarray:
    line_art = as_uint8(line_art, "line_art").cpu()
    if line_art.shape[1] != 1 or not line_art.numel():
        raise CourseError(
            f"line_art.shape={tuple(line_art.shape)}: not (N, 1, H, W) with N of 1 or more; "
            "give one grey channel."
        )
    return line_art[:, 0].numpy()
