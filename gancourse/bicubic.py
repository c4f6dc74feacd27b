"""Bicubic resizing as papers on super-resolution mean it: MATLAB's imresize.

A low-resolution picture of these papers is the original seen through this filter. Other programs
sample without the filter, weight neighbours otherwise or round on the way, and every score moves
by tenths of a decibel.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import torch
from torch import Tensor

from gancourse.files import CourseError


def cubic(distance: Tensor) -> Tensor:
    """A neighbour's weight by its distance in samples (Keys 1981, eq. 8, a = -1/2)."""
    d = distance.abs()
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return near * (d <= 1) + far * ((d > 1) & (d < 2))


def weights(old: int, new: int) -> Tensor:
    """(new, old) float64: row i holds what each old sample adds to new sample i.

    Where there are fewer new samples than old ones, the kernel is stretched by their
    ratio, so that it takes away the detail that they cannot carry (antialiasing). The
    line goes on mirrored beyond its ends.
    """
    step = old / new
    stretch = max(step, 1.0)
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) * step - 0.5
    taps = torch.arange(ceil(4 * stretch) + 2)
    place = (centre - 2 * stretch).floor().long()[:, None] + taps  # (new, taps)
    weight = cubic((centre[:, None] - place) / stretch)
    weight = weight / weight.sum(1, keepdim=True)
    place = place % (2 * old)  # mirrored: 0 1 2 | 2 1 0
    place = torch.where(place < old, place, 2 * old - 1 - place)
    return torch.zeros(new, old, dtype=torch.float64).scatter_add_(1, place, weight)


def resize(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize floating-point pictures to `size`, (height, width) in pixels.

    (..., H, W) -> (..., height, width), in any range of values, which it may leave by a little
    beside edges. Differentiable.

    Raises:
        CourseError: the pictures are not floating-point, or a side, old or new, is less than 1 px.
    """
    if not pictures.is_floating_point():
        raise CourseError(
            f"pictures: type {pictures.dtype}; give floats, as `gancourse.game.to_float` makes "
            "them: bytes would be rounded and cut off on the way."
        )
    if min(size) < 1:
        raise CourseError(f"size={tuple(size)}: no pixel is left; give sides of 1 px or more.")
    if min(pictures.shape[-2:]) < 1:
        raise CourseError(
            f"pictures: shape {tuple(pictures.shape)} has no pixel; give sides of 1 px or more."
        )
    down, across = (
        on(pictures.device, pictures.dtype, old, new)
        for old, new in zip(pictures.shape[-2:], size, strict=True)
    )
    with torch.autocast(pictures.device.type, enabled=False):  # 16 bits would lose grey levels
        return down @ (pictures @ across.t())  # (h, H) (..., H, W) (W, w)


@lru_cache(16)  # a table of a large photo's side takes tens of megabytes
def on(device: torch.device, dtype: torch.dtype, old: int, new: int) -> Tensor:
    """`weights`, kept where they are used."""
    with torch.inference_mode(False):  # kept ones serve training as well
        return weights(old, new).to(device, dtype)


def shrink(pictures: Tensor, scale: int) -> Tensor:
    """(..., H, W) -> (..., H / scale, W / scale).

    Raises:
        CourseError: a side is no multiple of the scale.
    """
    height, width = pictures.shape[-2:]
    if height % scale or width % scale:
        cut = f"{width // scale * scale} x {height // scale * scale}"
        remedy = f"cut them to {cut} px first"
        if min(height, width) < scale:
            remedy = f"give pictures of {scale} px or more"
        raise CourseError(
            f"pictures: {width} x {height} px, not multiples of scale={scale}; {remedy}."
        )
    return resize(pictures, (height // scale, width // scale))


def enlarge(pictures: Tensor, scale: int) -> Tensor:
    """(..., H, W) -> (..., scale H, scale W)."""
    height, width = pictures.shape[-2:]
    return resize(pictures, (scale * height, scale * width))
