"""What a trivial answer scores: real pictures degraded or moved, line art filled with one colour.

A score means little before it is compared with these.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from scipy.ndimage import binary_fill_holes, generate_binary_structure
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8

INK = 128  # grey levels below this are ink


def noisy(images: Tensor, sigma: float = 0.1, seed: int = 0) -> Tensor:
    """Pictures (N, C, H, W) uint8 with noise of standard deviation `sigma` (pixels in [0, 1])."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return _bytes(images + 255 * sigma * noise)


def blurred(images: Tensor) -> Tensor:
    """Pictures (N, C, H, W) uint8, each pixel the mean of 3 x 3 around it; black outside."""
    return _bytes(F.avg_pool2d(images.float(), 3, stride=1, padding=1))


def without(images: Tensor, labels: Tensor, label: int, seed: int = 0) -> Tensor:
    """As many pictures (N, C, H, W), those of class `label` (N,) replaced by random others.

    Raises:
        CourseError: all pictures have this label.
    """
    missing = labels == label
    kept = images[~missing]
    if not len(kept):
        raise CourseError(
            f"label={label}: all {len(images):,} pictures have it; give more than one class."
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(kept), (int(missing.sum()),), generator=generator)
    return torch.cat([kept, kept[drawn]])


def overlaid(images: Tensor, labels: Tensor, seed: int = 0) -> Tensor:
    """Pictures (N, C, H, W) uint8, each the mean of itself and a random one of another class.

    Raises:
        CourseError: all pictures have the same label.
    """
    if len(labels.unique()) < 2:
        raise CourseError(
            f"labels: one class in {len(images):,} pictures; give more than one class."
        )
    generator = torch.Generator().manual_seed(seed)
    other = torch.randint(len(images), (len(images),), generator=generator)
    while (same := labels == labels[other]).any():
        other[same] = torch.randint(len(images), (int(same.sum()),), generator=generator)
    return _bytes((images.float() + images[other]) / 2)


def uniform(like: Tensor, seed: int = 0) -> Tensor:
    """Pictures of the shape of `like`, uint8, whose pixels are drawn uniformly from 0..255."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, like.shape, dtype=torch.uint8, generator=generator)


def flat() -> Tensor:
    """One picture of digits' size per grey level, black to white: (256, 1, 28, 28) uint8."""
    return torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 28, 28)


def spoilt(images: Tensor, labels: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """The rows of the table of floors: pictures (N, C, H, W) uint8, and degraded in four ways."""
    return {
        "real": images,
        "noise, sigma .1": noisy(images, 0.1, seed),
        "no digit 8": without(images, labels, 8, seed),
        "3 x 3 blur": blurred(images),
        "uniform noise": uniform(images, seed),
    }


def moved(images: Tensor, pixels: int = 1) -> Tensor:
    """Pictures (N, C, H, W), their content that many pixels to the right; the left edge repeated.

    `pixels` is from 0 to the width.
    """
    edge = images[..., :1].expand(*images.shape[:-1], pixels)
    return torch.cat([edge, images], -1)[..., : images.shape[-1]]


def gridded(images: Tensor, period: int = 4, height: float = 4) -> Tensor:
    """Pictures (N, C, H, W) uint8 with waves of `period` px across and down, of +-`height` levels.

    What is left of a network's steps of two is such a grid.
    """
    phases = (2 * torch.pi * (torch.arange(side) + 0.25) / period for side in images.shape[2:])
    down, across = (wave.cos() / wave.cos().abs().max() for wave in phases)
    return _bytes(images + height * (down[:, None] + across) / 2)


def filled(line_art: Tensor, colour: Sequence[int]) -> Tensor:
    """Line art with every closed outline filled in one colour: a floor that takes no learning.

    Everything is painted that no white path, in steps up, down, left or right, joins to the border
    of the picture. The lines are painted as well, as if they lay on top of the colour: each pixel
    is its grey level times `colour`, so that black stays black and the grey edges of a line are
    tinted, as they are in the true pictures.

    Args:
        line_art: (N, 1, H, W), uint8 or float in [-1, 1], black on white. Below level 128 counts as
            ink.
        colour: (red, green, blue), 0..255. The floor of emoji is their yellow, (252, 234, 43).

    Returns:
        (N, 3, H, W) uint8 on the CPU.

    Raises:
        CourseError: another shape or range, or a colour that is not three levels 0..255.
    """
    line_art = as_uint8(line_art, "line_art").cpu()
    if line_art.shape[1] != 1:
        raise CourseError(
            f"line_art.shape={tuple(line_art.shape)}: not (N, 1, H, W); give one grey channel."
        )
    if len(colour) != 3 or not all(0 <= level <= 255 for level in colour):
        raise CourseError(f"colour={colour!r}: not a colour; give (red, green, blue), each 0..255.")
    within = generate_binary_structure(2, 1)[None]  # no step leads from one picture to another
    enclosed = torch.from_numpy(binary_fill_holes((line_art[:, 0] < INK).numpy(), within))
    paint = _bytes(torch.as_tensor(colour)[:, None, None] * (line_art / 255))
    return torch.where(enclosed[:, None], paint, line_art)


def _bytes(images: Tensor) -> Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)
