"""Two distances between sets of features: Frechet (FID) and kernel (KID).

FID compares means and covariances, KID all moments up to the third. Both are torchmetrics' own, in
float64, given features instead of pictures.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from gancourse.metrics.inputs import as_points, same_width


def frechet(real: Tensor, fake: Tensor) -> float:
    """Squared Frechet distance of Gaussians fitted to two sets (Heusel et al. 2017, section 3).

        |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))

    The estimate is biased upward, more so for fewer samples: compare only values with the same N
    and M.

    Args:
        real, fake: (N, D) and (M, D), any float.

    Returns:
        0 or more, in the unit of the features squared.

    Raises:
        CourseError: fewer than two rows, different D, or values that are not finite.
    """
    real, fake = _pair(real, fake)
    metric = FrechetInceptionDistance(feature=_given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return max(metric.compute().item(), 0.0)


def kernel(
    real: Tensor, fake: Tensor, seed: int = 0, *, subsets: int = 20, subset_size: int = 1000
) -> dict:
    """Squared maximum mean discrepancy, kernel (x.y / D + 1)^3 (Binkowski et al. 2018, section 4).

    Args:
        real, fake: (N, D) and (M, D), any float.
        seed: for the random subsets.
        subsets: papers use 100; 20 take a fifth of the time. `std` / sqrt(subsets) says whether
            they are enough.
        subset_size: rows per subset; all rows of the smaller set if it has fewer.

    Returns:
        dict of `mean` over subsets and `std` between them. The mean is unbiased for any N: two sets
        from the same distribution score 0 on average, so values slightly below 0 are normal.

    Raises:
        CourseError: as `frechet`.
    """
    real, fake = _pair(real, fake)
    size = min(subset_size, len(real), len(fake))
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")
        torch.default_generator.manual_seed(seed)  # torchmetrics draws subsets from it
        metric = KernelInceptionDistance(
            feature=_given(real.shape[1]), subsets=subsets, subset_size=size
        )
        metric.update(real, real=True)
        metric.update(fake, real=False)
        mean, std = metric.compute()
    return {"mean": mean.item(), "std": std.item()}


def _given(width: int) -> nn.Module:
    """The feature network that torchmetrics requires, for features that are already computed."""
    network = nn.Identity()
    network.num_features = width
    return network


def _pair(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    real, fake = as_points(real, "real", 2), as_points(fake, "fake", 2)
    same_width(real, fake, ("real", "fake"))
    return real, fake
