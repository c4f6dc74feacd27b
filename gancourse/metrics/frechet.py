"""Two distances between clouds of features: Frechet (FID) compares mean and covariance, the kernel distance (KID) all
moments up to the third. Both are torchmetrics' own, given features instead of pictures, in float64.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_points


def frechet(real: Tensor, fake: Tensor) -> float:
    """Squared Frechet distance of the Gaussians fitted to two sets of features (Heusel et al. 2017, section 3).

        |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))

    Args:
        real, fake: (N, D) and (M, D), any float. The unit of the result is that of the features, squared.

    The estimate is biased upward, the more so the fewer the samples: never compare two numbers of different N or M.

    Raises:
        CourseError: fewer than two rows, another D in one than in the other, or values that are not finite.
    """
    real, fake = _pair(real, fake)
    metric = FrechetInceptionDistance(feature=_given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return max(metric.compute().item(), 0.0)


def kernel(
    real: Tensor, fake: Tensor, seed: int = 0, *, subsets: int = 20, subset_size: int = 1000
) -> dict:
    """Squared maximum mean discrepancy under the kernel (x.y / D + 1)^3 (Binkowski et al. 2018, section 4).

    Args:
        real, fake: (N, D) and (M, D), any float.
        seed: of the random subsets.
        subsets: the papers take 100; 20 are a fifth of the time, and `std` / sqrt(subsets) tells whether they suffice.
        subset_size: rows a subset; all of the smaller set when it has fewer.

    Returns:
        dict of `mean` over the subsets and `std` between them. The mean is unbiased for any N: sets of one distribution
        score 0 on average, so a little below 0 about as often as above.

    Raises:
        CourseError: as `frechet`.
    """
    real, fake = _pair(real, fake)
    size = min(subset_size, len(real), len(fake))
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")
        torch.default_generator.manual_seed(
            seed
        )  # torchmetrics draws the subsets from the global generator
        metric = KernelInceptionDistance(
            feature=_given(real.shape[1]), subsets=subsets, subset_size=size
        )
        metric.update(real, real=True)
        metric.update(fake, real=False)
        mean, std = metric.compute()
    return {"mean": mean.item(), "std": std.item()}


def _given(width: int) -> nn.Module:
    """The feature network torchmetrics asks for, when the features are there already."""
    network = nn.Identity()
    network.num_features = width
    return network


def _pair(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    real, fake = as_points(real, "Real features", 2), as_points(fake, "Fake features", 2)
    if real.shape[1] != fake.shape[1]:
        raise CourseError(
            f"Real features have {real.shape[1]} columns and fake ones {fake.shape[1]}: "
            "compute both with the same network, on pictures of the same size."
        )
    return real, fake
