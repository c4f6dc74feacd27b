"""How to beat the Parzen estimate without a generator: averages of training pictures.

The mean of several similar pictures lies closer to an unseen picture than any of them does.
Averages therefore score far above the real pictures that they are made of, although everybody would
prefer the real ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError


def memorised(pictures: Tensor, n: int, seed: int = 0) -> Tensor:
    """`n` different pictures drawn from `pictures` (N, C, H, W), unchanged: the honest baseline.

    Raises:
        CourseError: `n` is not in 1..N.
    """
    if not 0 < n <= len(pictures):
        raise CourseError(
            f"n={n:,}: cannot draw as many different pictures from {len(pictures):,}; "
            f"give 1 to {len(pictures):,}."
        )
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    return pictures[order[:n]]


def centroids(pictures: Tensor, n: int, seed: int = 0, rounds: int = 5) -> Tensor:
    """The `n` means found by k-means (Lloyd's algorithm, started at random pictures).

    (N, C, H, W) uint8 -> (n, C, H, W) uint8. A centre that no picture is nearest to stays where it
    is.
    """
    points = pictures.flatten(1).float()
    centres = memorised(points, n, seed)
    for _ in range(rounds):
        nearest = torch.cat([torch.cdist(part, centres).argmin(1) for part in points.split(1000)])
        counts = nearest.bincount(minlength=n)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return _as_pictures(centres, pictures)


def blurred_neighbours(pictures: Tensor, n: int, seed: int = 0, neighbours: int = 4) -> Tensor:
    """`n` of the pictures (N, C, H, W) uint8, each averaged with its `neighbours` - 1 nearest."""
    points = pictures.flatten(1).float()
    chosen = memorised(points, n, seed)
    nearest = [
        torch.cdist(part, points).topk(neighbours, largest=False).indices
        for part in chosen.split(1000)
    ]
    return _as_pictures(points[torch.cat(nearest)].mean(1), pictures)


def _as_pictures(points: Tensor, like: Tensor) -> Tensor:
    return points.round().to(torch.uint8).view(-1, *like.shape[1:])
