"""Fidelity and diversity apart: do samples look real, and is every kind of picture sampled?

Around each point of a set lies a ball that reaches to its k-th nearest neighbour in that set. The
union of these balls is an estimate of the set's support.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_points, same_width


def manifold(real: Tensor, fake: Tensor, k: int = 5, *, chunk: int = 1000) -> dict:
    """Precision, recall (Kynkaanniemi et al. 2019, 2), density, coverage (Naeem et al. 2020, 3).

    Args:
        real, fake: features (N, D) and (M, D), any float.
        k: the neighbour that sets a ball's radius; the point itself does not count.
        chunk: rows of the distance matrix held in memory at once: chunk * max(N, M) * 8 bytes.

    Returns:
        dict of floats.
        `precision`: fraction of samples inside at least one real ball, 0..1. Never quote it alone:
        an outlier among the real pictures has a huge ball, and every sample inside it counts as
        good.
        `recall`: fraction of real pictures inside at least one sample's ball, 0..1. Scattered
        samples have huge balls.
        `density`: number of real balls that contain a sample, averaged over samples and divided by
        k; 0 or more. It is about 1 for samples from the real distribution. Above 1, samples crowd
        where real pictures are densest: typical pictures are over-represented, which says nothing
        about diversity. Unlike precision, it is hardly moved by one real outlier, since a sample
        counts in full only inside k balls.
        `coverage`: fraction of real balls that contain at least one sample, 0..1. It is 1 - 2^-k
        (.969 for k = 5) for samples from the real distribution and N = M, so quote N and M with it.

    Raises:
        CourseError: a set has k points or fewer, the two differ in D, or values are not finite.
    """
    real, fake = as_points(real, "real"), as_points(fake, "fake")
    same_width(real, fake, ("real", "fake"))
    if not 0 < k < min(len(real), len(fake)):
        raise CourseError(
            f"k={k}: each set needs more than k points, and k is 1 or more, but there are "
            f"{len(real):,} real and {len(fake):,} fake points; give more points or another k."
        )
    real_radius, fake_radius = _radius(real, k, chunk), _radius(fake, k, chunk)  # (N,), (M,)
    balls = torch.zeros(len(fake))  # number of real balls that contain each fake
    covered, recalled = [], []
    for part, radius in zip(real.split(chunk), real_radius.split(chunk), strict=True):
        distance = torch.cdist(part, fake)  # (chunk, M)
        inside = distance <= radius[:, None]
        balls += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distance <= fake_radius).any(1))
    return {
        "precision": (balls > 0).double().mean().item(),
        "recall": torch.cat(recalled).double().mean().item(),
        "density": balls.double().mean().item() / k,
        "coverage": torch.cat(covered).double().mean().item(),
    }


def _radius(points: Tensor, k: int, chunk: int) -> Tensor:
    """(N, D) -> (N,): distance to the k-th nearest other point; the nearest is the point itself."""
    return torch.cat(
        [torch.cdist(part, points).kthvalue(k + 1).values for part in points.split(chunk)]
    )
