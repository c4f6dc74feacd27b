"""Has a generator left a pattern of single pixels?

A transposed convolution whose kernel the stride does not divide paints every second row or column
with more of its weights (Odena et al. 2016, "Deconvolution and checkerboard artifacts"), and one
whose kernel it does divide can learn to. This is for small pictures, many at a time; for photos,
`gancourse.metrics.restoration.grid_energy` compares each with its own original.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_unit, checked

BESIDE = 3  # lines of the spectrum, next to the finest one, from which that may stand out
SMALLEST = 16  # px; below, all lines of the spectrum lie too close together
ROUNDING = 1 / (12 * 255**2)  # variance of a pixel that is rounded to one of 256 levels


def chequers(pictures: Tensor, real: Tensor) -> float:
    """Does every second row or column stand out, more than in real pictures? 1: no; 2: by twice
    the power.

    A pattern that repeats every 2 px has its power in one line of the spectrum, at half a cycle per
    px. Its height is that power over the geometric mean of the three lines beside it, and is
    divided by the height in real pictures. The larger result of rows and columns counts. Grain has
    its power in all lines alike, and goes unseen; so does a pattern of 4 px.

    Args:
        pictures: (N, C, S, S), uint8 or float in [-1, 1], S even and at least 16 px.
        real: (M, C, S, S), what the pictures should look like.

    Raises:
        CourseError: pictures of another shape or range, none, or of two sizes.
    """
    if pictures.shape[1:] != real.shape[1:]:
        raise CourseError(
            f"pictures.shape={tuple(pictures.shape)}: real pictures have {tuple(real.shape[1:])} "
            "each; give both in one size."
        )
    heights = [_heights(each, name) for each, name in ((pictures, "pictures"), (real, "real"))]
    return (heights[0] - heights[1]).max().exp().item()


def _heights(pictures: Tensor, name: str) -> Tensor:
    """How far rows, and columns, of 2 px stand out: (2,), in nats."""
    count, *shape = checked(pictures, name).shape
    side = shape[2]
    if not count or shape[1] != side or side % 2 or side < SMALLEST:
        raise CourseError(
            f"{name}.shape={tuple(pictures.shape)}: not (N, C, S, S) with an even S of "
            f"{SMALLEST} px or more; give such pictures."
        )
    grey = as_unit(pictures, name).view(count, *shape).mean(1)
    power = torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs().square().mean(0)
    found = []
    for lines in (power.sum(1), power.sum(0)):
        lines = (lines / side**3 + ROUNDING)[side // 2 - BESIDE : side // 2 + 1].log()
        found.append(lines[-1] - lines[:-1].mean())
    return torch.stack(found)
