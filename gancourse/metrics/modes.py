"""Mode coverage where the modes are known: toy mixtures in the plane, and Stacked MNIST's thousand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.digit_cnn import DigitCNN
from gancourse.metrics.inputs import as_points


def toy_modes(points: Tensor, centres: Tensor, std: float, *, least: int = 1) -> dict:
    """How many Gaussians of a mixture a sample covers (protocol: Srivastava et al. 2017, VEEGAN, and Lin et al. 2018,
    PacGAN, section 4.1; both draw 2,500 points).

    Every point belongs to its nearest centre. It is of high quality when it lies within 3 std of it.

    Args:
        points: (N, D).  centres: (K, D).  std: of one Gaussian, in the points' unit.
        least: a mode counts as covered from this many high-quality points on. The papers take 1, so that a single stray
            point covers a mode.

    Returns:
        dict of `modes` covered, `of` K, `quality` (the high-quality part of the points, 0..1; of a perfect sample in the
        plane .989) and `kl` = sum p log(p K) in nats, p being the part of all the points that belongs to a mode: 0 when
        they are spread evenly, log K when they all sit in one.

    Raises:
        CourseError: shapes that do not fit, or points that are not finite.
    """
    points, centres = as_points(points, "Points"), as_points(centres, "Centres")
    if points.shape[1] != centres.shape[1]:
        raise CourseError(
            f"Points have {points.shape[1]} coordinates and centres {centres.shape[1]}."
        )
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
    """Modes of Stacked MNIST: three digits in the three colour channels make one of 1,000 numbers.

    The standard is 26,000 samples (Metz et al. 2017; Srivastava et al. 2017; Lin et al. 2018, section 4.2).

    Args:
        images: (N, 3, 28, 28), uint8 or float in [-1, 1]; red holds the hundreds, green the tens, blue the units.
        judge: reads the digits.

    Returns:
        dict of `modes` read at least once, `of` 1000, `kl` in nats of the numbers read against the uniform distribution
        (26,000 even draws have 999 / (2 N) = .019; real digits, whose classes are not equally frequent, .025), and
        `samples` N.

    Raises:
        CourseError: another shape.
    """
    if images.ndim != 4 or images.shape[1:] != (3, 28, 28):
        raise CourseError(
            f"Stacked digits must be (N, 3, 28, 28), but these are {tuple(images.shape)}."
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
    """KL divergence in nats of a histogram (K,) from the uniform distribution: log K minus its entropy."""
    share = counts.double() / counts.sum()
    return math.log(len(counts)) + torch.special.xlogy(share, share).sum().item()
