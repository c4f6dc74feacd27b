"""Fidelity and diversity apart: does each sample look like a real picture, and does each real picture have its like?

Around every point of a set lies a ball that reaches its k-th nearest neighbour in the same set; the union of the balls
stands for the set's support.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_points


def manifold(real: Tensor, fake: Tensor, k: int = 5, *, chunk: int = 1000) -> dict:
    """Precision, recall (Kynkaanniemi et al. 2019, section 2), density and coverage (Naeem et al. 2020, section 3).

    Args:
        real, fake: features (N, D) and (M, D), any float.
        k: the neighbour that sets a ball's radius (itself not counted).
        chunk: rows of the distance matrix held at a time: chunk * max(N, M) * 8 bytes.

    Returns:
        dict of floats.
        `precision`: the part of the fakes inside at least one real ball, 0..1. Never quote it alone: one outlier among
        the real pictures has a huge ball, and whatever falls into it counts as good.
        `recall`: the part of the real inside at least one fake ball, 0..1. Scattered fakes have huge balls.
        `density`: real balls around a fake, mean / k. 1 for fakes drawn from the real distribution; may exceed 1.
        `coverage`: the part of the real balls that hold at least one fake, 0..1. For fakes drawn from the real
        distribution and N = M it is 1 - 2^-k (.969 for k = 5), so N and M belong to the number.

    Raises:
        CourseError: a set has k points or fewer, another D in one than in the other, or values that are not finite.
    """
    real, fake = as_points(real, "Real features"), as_points(fake, "Fake features")
    if real.shape[1] != fake.shape[1]:
        raise CourseError(
            f"Real features have {real.shape[1]} columns and fake ones {fake.shape[1]}."
        )
    if not 0 < k < min(len(real), len(fake)):
        raise CourseError(
            f"k = {k} neighbours need more than {k} points in each set, "
            f"but there are {len(real):,} real and {len(fake):,} fake ones."
        )
    real_radius, fake_radius = _radius(real, k, chunk), _radius(fake, k, chunk)  # (N,), (M,)
    balls = torch.zeros(len(fake))  # how many real balls hold each fake
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
    """(N, D) -> (N,): each point's distance to its k-th nearest other point; the nearest of all is itself."""
    return torch.cat(
        [torch.cdist(part, points).kthvalue(k + 1).values for part in points.split(chunk)]
    )
