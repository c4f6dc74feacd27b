"""What a metric accepts: bytes 0..255 or a game's floats in [-1, 1] for pictures, rows of numbers for points."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError


def checked(images: Tensor) -> Tensor:
    """The same pictures (N, C, H, W), uint8 or float32 within [-1, 1].

    Raises:
        CourseError: another shape or dtype, values that are not finite, or values outside [-1, 1].
    """
    if images.ndim != 4:
        raise CourseError(
            f"Pictures must have the shape (N, C, H, W), but these have {tuple(images.shape)}."
        )
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise CourseError(
            f"Pictures must be uint8 (0..255) or float in [-1, 1], but these are {images.dtype}."
        )
    images = images.detach().float()
    low, high = (images.min().item(), images.max().item()) if images.numel() else (0.0, 0.0)
    if not (low >= -1.001 and high <= 1.001):
        raise CourseError(
            f"Float pictures must lie in [-1, 1], but these reach from {low:.4g} to {high:.4g}. "
            "Scale them: x / 127.5 - 1 for values 0..255, 2 * x - 1 for values 0..1."
        )
    return images


def as_uint8(images: Tensor) -> Tensor:
    """Pictures as bytes: uint8 stays as it is, floats in [-1, 1] are rounded to the 256 greys a file can hold.

    So a picture has one score, whether it comes from a generator or from the PNG it was saved in.
    """
    images = checked(images)
    return (
        images
        if images.dtype == torch.uint8
        else ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    )


def as_unit(images: Tensor) -> Tensor:
    """Pictures as rows (N, C*H*W) of float64 in [0, 1] on the CPU; nothing is rounded."""
    images = checked(images)
    rows = images.flatten(1).cpu().double()
    return rows / 255 if images.dtype == torch.uint8 else (rows + 1) / 2


def as_points(points: Tensor, what: str, least: int = 1) -> Tensor:
    """Points or features (N, D) as float64 on the CPU; `what` names them in an error.

    Raises:
        CourseError: not two-dimensional, fewer than `least` rows, or values that are not finite.
    """
    if points.ndim != 2 or len(points) < least:
        raise CourseError(
            f"{what} must be {least} or more rows of numbers (N, D), not of shape {tuple(points.shape)}."
        )
    points = points.detach().cpu().double()
    broken = (~points.isfinite()).any(1).sum().item()
    if broken:
        raise CourseError(
            f"{what} must be finite, but {broken:,} of {len(points):,} rows hold NaN or infinity."
        )
    return points


def as_class(labels: Tensor, count: int, what: str, classes: int | None = None) -> Tensor:
    """One class a picture: (count,) int64 on the CPU, 0 or more and under `classes`; `what` names them in an error.

    Raises:
        CourseError: none at all, another shape or dtype, or a label out of range.
    """
    if labels.shape != (count,) or not count:
        raise CourseError(
            f"The {count:,} {what} need one label each, but the labels have shape {tuple(labels.shape)}."
        )
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise CourseError(
            f"Labels of the {what} must be whole numbers, but these are {labels.dtype}: use .long()."
        )
    labels = labels.detach().cpu().long()
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or (classes is not None and high >= classes):
        limit = "0 or more" if classes is None else f"0..{classes - 1}"
        raise CourseError(
            f"Labels of the {what} must be {limit}, but these reach from {low} to {high}."
        )
    return labels
