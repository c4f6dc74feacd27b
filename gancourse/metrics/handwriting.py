"""Handwriting measured without a network: slant, breadth and stroke width.

Slant and stroke width follow Castro et al. 2019 (Morpho-MNIST), who measure MNIST in this way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8

FINER = 3  # strokes are measured on a grid this many times finer, which tells 2.3 pixels from 2.6


def slant(images: Tensor) -> Tensor:
    """How far each picture leans, in degrees from upright, right positive, -90..90, from moments.

        tan(slant) = - mu11 / mu02,   mu_pq = sum of ink (column - mean)^p (row - mean)^q

    This is the slope of the line that best predicts a pixel's column from its row (rows count
    downward, hence the minus), so a shear changes the tangent by exactly the shear. Some digits,
    such as 2 and 7, lean by their shape alone: compare pictures of one digit.

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink, or all of it is in one row.

    Raises:
        CourseError: another shape or range, or no pictures.
    """
    _, mu11, mu02 = _moments(_ink(images))
    return (-mu11 / mu02.clamp(min=1e-9)).atan().rad2deg()


def breadth(images: Tensor) -> Tensor:
    """The width of each picture after deskewing: the standard deviation of its ink, in pixels.

        breadth^2 = (mu20 - mu11^2 / mu02) / mu00,   moments as in `slant`

    What a shear explains is removed, so leaning further makes no digit wider. A bar of width w has
    w / sqrt(12).

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink.

    Raises:
        CourseError: another shape or range, or no pictures.
    """
    ink = _ink(images)
    mu20, mu11, mu02 = _moments(ink)
    across = (mu20 - mu11.square() / mu02.clamp(min=1e-9)).clamp(min=0)
    return (across / ink.sum((1, 2)).clamp(min=1e-9)).sqrt()


def stroke_width(images: Tensor) -> Tensor:
    """The stroke width of each picture in pixels: twice the depth of the strokes' centre line.

    Ink is what is brighter than half, on a grid three times finer. Each of its points has a
    distance to the nearest paper (Euclidean distance transform), and the centre line is where this
    distance has a local maximum. Blots and crossings count as thick strokes.

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink. Takes about a millisecond per picture.

    Raises:
        CourseError: another shape or range, or no pictures.
    """
    return torch.tensor([_width(picture) for picture in _ink(images).float()], dtype=torch.float64)


def _width(picture: Tensor) -> float:
    """The stroke width of one picture (H, W) in 0..1, in pixels."""
    framed = F.pad(picture, [1] * 4)[None, None]  # with paper on all sides
    ink = F.interpolate(framed, scale_factor=FINER, mode="bilinear") > 0.5
    if not ink.any():
        return 0.0
    depth = torch.from_numpy(distance_transform_edt(ink[0, 0].numpy()))[None, None]
    middle = depth[ink & (depth >= F.max_pool2d(depth, 3, stride=1, padding=1))]
    # Depth is measured to the centre of a paper pixel: k for strokes of width 2 k - 1 and 2 k.
    return (2 * middle.mean().item() - 0.5) / FINER


def _moments(ink: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ink (N, H, W) -> its central moments mu20 (columns), mu11 and mu02 (rows), each (N,)."""
    rows, columns = (torch.arange(size).double() for size in ink.shape[1:])
    total = ink.sum((1, 2)).clamp(min=1e-9)
    down = rows - (ink.sum(2) @ rows / total)[:, None]  # (N, H)
    right = columns - (ink.sum(1) @ columns / total)[:, None]  # (N, W)
    mu20 = torch.einsum("nhw,nw->n", ink, right.square())
    mu02 = torch.einsum("nhw,nh->n", ink, down.square())
    return mu20, torch.einsum("nhw,nh,nw->n", ink, down, right), mu02


def _ink(images: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, H, W) float64 in 0..1."""
    images = as_uint8(images).cpu()
    if not len(images) or images.shape[1] != 1:
        raise CourseError(
            f"images.shape={tuple(images.shape)}: not (N, 1, H, W) with N of 1 or more; "
            "give pictures of one channel."
        )
    return images[:, 0].double() / 255
