"""How to beat the Parzen window without generating anything: training pictures, averaged a little.

A window's centre in the middle of several pictures is nearer to an unseen one than any of them is, so averages score far
above the real pictures they are made of, and no person would prefer them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError


def memorised(pictures: Tensor, n: int, seed: int = 0) -> Tensor:
    """`n` different pictures out of `pictures` (N, C, H, W), unchanged: the honest baseline.

    Raises:
        CourseError: `n` is more than there are.
    """
    if not 0 < n <= len(pictures):
        raise CourseError(f"Cannot take {n:,} different pictures out of {len(pictures):,}.")
    return pictures[
        torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:n]
    ]


def centroids(pictures: Tensor, n: int, seed: int = 0, rounds: int = 5) -> Tensor:
    """The `n` means that k-means (Lloyd's rounds from random pictures) finds: (N, C, H, W) uint8 -> (n, C, H, W) uint8."""
    points = pictures.flatten(1).float()
    centres = memorised(points, n, seed)
    for _ in range(rounds):
        nearest = torch.cat([torch.cdist(part, centres).argmin(1) for part in points.split(1000)])
        counts = nearest.bincount(minlength=n)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(
            counts > 0, sums / counts.clamp(min=1), centres
        )  # a centre without points stays
    return _as_pictures(centres, pictures)


def blurred_neighbours(pictures: Tensor, n: int, seed: int = 0, neighbours: int = 4) -> Tensor:
    """`n` pictures out of (N, C, H, W) uint8, each blurred into the mean of itself and its nearest `neighbours` - 1."""
    points = pictures.flatten(1).float()
    chosen = memorised(points, n, seed)
    nearest = [
        torch.cdist(part, points).topk(neighbours, largest=False).indices
        for part in chosen.split(1000)
    ]
    return _as_pictures(points[torch.cat(nearest)].mean(1), pictures)


def _as_pictures(points: Tensor, like: Tensor) -> Tensor:
    return points.round().to(torch.uint8).view(-1, *like.shape[1:])
