"""What a score means: real pictures against real ones (the floor), and pictures spoilt in known ways."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gancourse.files import CourseError


def noisy(images: Tensor, sigma: float = 0.1, seed: int = 0) -> Tensor:
    """Gaussian noise of `sigma` (pixels in [0, 1]) on pictures (N, C, H, W) uint8, cut off at black and white."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return _bytes(images + 255 * sigma * noise)


def blurred(images: Tensor) -> Tensor:
    """Every pixel of (N, C, H, W) uint8 the mean of its 3 x 3 neighbourhood; outside is black."""
    return _bytes(F.avg_pool2d(images.float(), 3, stride=1, padding=1))


def without(images: Tensor, labels: Tensor, label: int, seed: int = 0) -> Tensor:
    """The same number of pictures without one class: those of `label` (N,) are replaced by others, drawn again.

    Raises:
        CourseError: there are no others.
    """
    missing = labels == label
    kept = images[~missing]
    if not len(kept):
        raise CourseError(f"Every picture is a {label}: without them nothing is left.")
    drawn = torch.randint(
        len(kept), (int(missing.sum()),), generator=torch.Generator().manual_seed(seed)
    )
    return torch.cat([kept, kept[drawn]])


def uniform(like: Tensor, seed: int = 0) -> Tensor:
    """Pictures of the shape of `like` whose pixels are drawn uniformly from 0..255."""
    return torch.randint(
        256, like.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def spoilt(images: Tensor, labels: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """The rows of the floors' table: real pictures (N, C, H, W) uint8 as they are, then spoilt in four ways."""
    return {
        "real": images,
        "noise, sigma .1": noisy(images, 0.1, seed),
        "no digit 8": without(images, labels, 8, seed),
        "3 x 3 blur": blurred(images),
        "uniform noise": uniform(images, seed),
    }


def _bytes(images: Tensor) -> Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)
