"""What a hand can be measured by, without a network: how far it leans, how wide it writes, how thick the pen was.

Slant and thickness follow Castro et al. 2019 (Morpho-MNIST), who measure MNIST itself this way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8

FINER = 3  # the pen is measured on a grid this many times as fine: two pixels differ from three, and 2.3 from 2.6


def slant(images: Tensor) -> Tensor:
    """How far each picture leans, in degrees from upright, right positive: -90..90, from its moments, as in deskewing.

        tan(slant) = - mu11 / mu02,   mu_pq = sum of ink (column - mean)^p (row - mean)^q

    It is the slope of the line that best tells a pixel's column from its row (rows count downward, hence the minus), so
    that a sheared picture changes its tangent by just the shear. A 2 or a 7 leans without a slanted hand, for where its
    ink lies: compare pictures of one digit.

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink, or all of it in one row.

    Raises:
        CourseError: another shape or range, or none at all.
    """
    _, mu11, mu02 = _moments(_ink(images))
    return (-mu11 / mu02.clamp(min=1e-9)).atan().rad2deg()


def breadth(images: Tensor) -> Tensor:
    """How wide each picture is once it is set upright, in pixels: the standard deviation of its ink across.

        breadth^2 = (mu20 - mu11^2 / mu02) / mu00,   moments as in `slant`

    What a shear explains is taken out, so that leaning further makes no digit wider. A bar of width w has w / sqrt(12).

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink.

    Raises:
        CourseError: another shape or range, or none at all.
    """
    ink = _ink(images)
    mu20, mu11, mu02 = _moments(ink)
    across = (mu20 - mu11.square() / mu02.clamp(min=1e-9)).clamp(min=0)
    return (across / ink.sum((1, 2)).clamp(min=1e-9)).sqrt()


def stroke_width(images: Tensor) -> Tensor:
    """How thick the strokes of each picture are, in pixels: twice the distance from their middle line to the paper.

    Ink is what is brighter than half, on a grid three times as fine. Every point of it has a distance to the nearest
    paper (Euclidean distance transform); the middle line is where no neighbour's is larger. Blots and crossings count
    as thicker, as they are.

    Args:
        images: (N, 1, H, W), uint8 or float in [-1, 1]; paper is black (0 or -1).

    Returns:
        (N,) float64; 0 where there is no ink. About a millisecond a picture.

    Raises:
        CourseError: another shape or range, or none at all.
    """
    return torch.tensor([_width(picture) for picture in _ink(images).float()], dtype=torch.float64)


def _width(picture: Tensor) -> float:
    """One picture (H, W) in 0..1 -> pixels."""
    finer = F.interpolate(
        F.pad(picture, [1] * 4)[None, None], scale_factor=FINER, mode="bilinear"
    )  # paper all round
    ink = finer > 0.5
    if not ink.any():
        return 0.0
    depth = torch.from_numpy(distance_transform_edt(ink[0, 0].numpy()))[None, None]
    middle = depth[ink & (depth >= F.max_pool2d(depth, 3, stride=1, padding=1))]
    # Depth is measured to the centre of a paper pixel: of a stroke 2 k - 1 wide it is k, of one 2 k wide k as well.
    return (2 * middle.mean().item() - 0.5) / FINER


def _moments(ink: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ink (N, H, W) -> its central moments mu20 (columns), mu11 and mu02 (rows), (N,) each."""
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
            f"Handwriting is measured on pictures (N, 1, H, W) of one channel, but these are {tuple(images.shape)}."
        )
    return images[:, 0].double() / 255
