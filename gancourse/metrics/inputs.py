"""What every metric accepts: pictures, uint8 or float in [-1, 1]; points as rows; classes."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError


def checked(images: Tensor, name: str = "images") -> Tensor:
    """The same pictures (N, C, H, W), uint8 or float32 in [-1, 1]; errors call them `name`.

    Raises:
        CourseError: another shape or dtype, values that are not finite, or values outside [-1, 1].
    """
    if images.ndim != 4:
        raise CourseError(
            f"{name}.shape={tuple(images.shape)}: not (N, C, H, W); add or remove dimensions."
        )
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise CourseError(
            f"{name}.dtype={images.dtype}: neither uint8 nor float; "
            "give uint8 in 0..255 or float in [-1, 1]."
        )
    images = images.detach().float()
    low, high = (images.min().item(), images.max().item()) if images.numel() else (0.0, 0.0)
    if not (low >= -1.001 and high <= 1.001):  # written so that NaN fails too
        raise CourseError(
            f"{name}={low:.4g}..{high:.4g}: float pictures outside [-1, 1]; "
            "rescale them with x / 127.5 - 1 from 0..255, or with 2 * x - 1 from 0..1."
        )
    return images


def as_uint8(images: Tensor, name: str = "images") -> Tensor:
    """Pictures as uint8: floats in [-1, 1] are rounded to the 256 levels that a file can hold.

    A picture therefore scores the same whether it comes from a generator or from a saved PNG.
    Errors as for `checked`.
    """
    images = checked(images, name)
    if images.dtype == torch.uint8:
        return images
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def as_unit(images: Tensor, name: str = "images") -> Tensor:
    """Pictures as rows (N, C*H*W) of float64 in [0, 1], on the CPU, unrounded; see `checked`."""
    images = checked(images, name)
    rows = images.flatten(1).cpu().double()
    return rows / 255 if images.dtype == torch.uint8 else (rows + 1) / 2


def as_points(points: Tensor, name: str, least: int = 1) -> Tensor:
    """Points or features (N, D) as float64 on the CPU; `name` stands for them in errors.

    Raises:
        CourseError: not two-dimensional, fewer than `least` rows, or values that are not finite.
    """
    if points.ndim != 2 or len(points) < least:
        raise CourseError(
            f"{name}.shape={tuple(points.shape)}: not (N, D) with N of {least} or more; "
            "give one row of numbers per point."
        )
    points = points.detach().cpu().double()
    broken = (~points.isfinite()).any(1).sum().item()
    if broken:
        raise CourseError(
            f"{name}: {broken:,} of {len(points):,} rows contain NaN or infinity; remove them, "
            "or check whether training has diverged."
        )
    return points


def same_width(a: Tensor, b: Tensor, names: tuple[str, str]) -> None:
    """Raise a CourseError unless rows (N, D) and (M, D) have the same D; `names` stand for them."""
    if a.shape[1] != b.shape[1]:
        raise CourseError(
            f"{names[1]}: {b.shape[1]} numbers per row, but {names[0]} has {a.shape[1]}; "
            "give both the same picture size, or features of the same network."
        )


def as_class(labels: Tensor, count: int, name: str, classes: int | None = None) -> Tensor:
    """One class per picture: (count,) int64 on the CPU, each 0 or more and below `classes`.

    `name` stands for the labels in errors.

    Raises:
        CourseError: no pictures, another shape or dtype, or a class out of range.
    """
    if labels.shape != (count,) or not count:
        raise CourseError(
            f"{name}.shape={tuple(labels.shape)}: not one class for each of {count:,} pictures; "
            f"give shape ({count or 'N'},)."
        )
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise CourseError(f"{name}.dtype={labels.dtype}: not integers; convert them with .long().")
    labels = labels.detach().cpu().long()
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or (classes is not None and high >= classes):
        limit = "0 or more" if classes is None else f"0..{classes - 1}"
        raise CourseError(f"{name}={low}..{high}: classes out of range; give {limit}.")
    return labels
