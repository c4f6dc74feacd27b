"""Mode coverage where the modes are known: mixtures in the plane, and Stacked MNIST."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.digit_cnn import DigitCNN
from gancourse.metrics.inputs import as_points, same_width


def toy_modes(points: Tensor, centres: Tensor, std: float, *, least: int = 1) -> dict:
    """How many Gaussians of a mixture a sample covers (Srivastava et al. 2017, VEEGAN; Lin et al.
    2018, PacGAN, section 4.1; both draw 2,500 points).

    Each point belongs to its nearest centre, and has high quality if it lies within 3 std of it.

    Args:
        points: (N, D).
        centres: (K, D).
        std: of one Gaussian, in the unit of the points.
        least: high-quality points that a mode needs to count as covered. The papers use 1, so that
            a single stray point covers a mode.

    Returns:
        dict of `modes`, the number covered; `of`, K; `quality`, the fraction of high-quality
        points, 0..1, .989 for a perfect sample in the plane; and `kl` = sum p log(p K) in nats,
        where p is the fraction of all points that belong to a mode: 0 for an even spread, log K if
        all points belong to one.

    Raises:
        CourseError: shapes that do not match, or points that are not finite.
    """
    points, centres = as_points(points, "points"), as_points(centres, "centres")
    same_width(points, centres, ("points", "centres"))
    distance, nearest = torch.cdist(points, centres).min(1)  # (N,)
    good = distance <= 3 * std
    counts = nearest.bincount(minlength=len(centres))
    return {
        "modes": int((nearest[good].bincount(minlength=len(centres)) >= least).sum()),
        "of": len(centres),
        "quality": good.double().mean().item(),
        "kl": _kl_to_uniform(counts),
    }


def stacked_modes(images: Tensor, judge: DigitCNN) -> dict:
    """Coverage of Stacked MNIST: three digits in three colour channels form one of 1,000 numbers.

    The standard is 26,000 samples (Metz et al. 2017; Srivastava et al. 2017; Lin et al. 2018,
    section 4.2).

    Args:
        images: (N, 3, 28, 28), uint8 or float in [-1, 1]; red is the hundreds, green the tens, blue
            the units.
        judge: the digit classifier that reads them.

    Returns:
        dict of `modes`, the numbers read at least once; `of`, 1000; `kl`, the divergence of the
        numbers read from the uniform distribution in nats; and `samples`, N. 26,000 even draws have
        a `kl` of 999 / (2 N) = .019; real digits, whose classes are not equally frequent, have
        .025.

    Raises:
        CourseError: another shape.
    """
    if images.ndim != 4 or images.shape[1:] != (3, 28, 28):
        raise CourseError(
            f"images.shape={tuple(images.shape)}: not (N, 3, 28, 28); stack digits as channels."
        )
    hundreds, tens, units = judge.labels(images.reshape(-1, 1, 28, 28)).view(-1, 3).T
    counts = (100 * hundreds + 10 * tens + units).bincount(minlength=1000)
    return {
        "modes": int((counts > 0).sum()),
        "of": 1000,
        "kl": _kl_to_uniform(counts),
        "samples": len(images),
    }


def _kl_to_uniform(counts: Tensor) -> float:
    """KL divergence in nats of a histogram (K,) from the uniform: log K minus its entropy."""
    return math.log(len(counts)) - torch.special.entr(counts.double() / counts.sum()).sum().item()
