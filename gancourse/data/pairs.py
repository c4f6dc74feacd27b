"""Pairs of pictures from the reader's own folders: halves of one file, two folders, or photos and what is made of them.

Whatever lies in a folder, nothing in it can stop the rest: a file that cannot be used is left out, and a warning says why.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gancourse.data.picture_file import SMALLEST, check_size, read, square, tensor
from gancourse.data.sources import CourseWarning, Pictures
from gancourse.files import CourseError

SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".svg",
    ".heic",
    ".heif",
    ".avif",
}
DIRECTIONS = ("AtoB", "BtoA")


def side_by_side(
    folder: str | Path,
    *,
    direction: str,
    size: int = 256,
    channels: int = 3,
    limit: int | None = None,
) -> Pictures:
    """Pairs from files that hold A in their left half and B in their right half, as pix2pix's own data sets do.

    Gives tensors "input" (N, channels, size, size) and "target" (N, 3, size, size), uint8, in the order of the file names.

    Args:
        direction: "AtoB": A (left) is the input; "BtoA": B (right) is the input.
        size: 16 to 1024. Each half is resized, its shorter side to `size`, and cropped to its middle.
        channels: of the input, 3 or 1 (grey).
        limit: no more than this many pairs, from the first file names on (default: all).

    Raises:
        CourseError: no such folder, direction, size or number, or no file in the folder can be used. Files that cannot are
            left out with one CourseWarning that names them.
    """
    _check(size, direction=direction, channels=channels, limit=limit)

    def halves(path: Path) -> tuple[Tensor, Tensor]:
        image = read(path, size=2 * size)
        width, height = image.size
        if width % 2:
            raise CourseError(
                f"{path} is {width} pixels wide: it cannot hold two pictures of equal width."
            )
        if min(width // 2, height) < SMALLEST:
            raise CourseError(f"{path}: half of it has {width // 2} x {height} pixels, too few.")
        parts = image.crop((0, 0, width // 2, height)), image.crop((width // 2, 0, width, height))
        return _pair(*parts, direction, size, channels)

    return _collect(folder, ((path, halves) for path in _listed(folder)), limit)


def two_folders(
    a: str | Path,
    b: str | Path,
    *,
    direction: str,
    size: int = 256,
    channels: int = 3,
    limit: int | None = None,
) -> Pictures:
    """Pairs from two folders: a/cat.png belongs to b/cat.jpg. Arguments, tensors and errors as `side_by_side` has them.

    Both pictures of a pair must have the same size in pixels. One without a partner is left out, and so is one with several.
    """
    _check(size, direction=direction, channels=channels, limit=limit)
    in_a, in_b = _by_stem(a), _by_stem(b)

    def pair(path: Path) -> tuple[Tensor, Tensor]:
        here, there = in_a.get(path.stem, []), in_b.get(path.stem, [])
        if not here or not there:
            raise CourseError(f"{path} has no partner: no {path.stem}.* in {a if not here else b}.")
        if len(here) > 1 or len(there) > 1:
            raise CourseError(
                f"{path}: several files are called {path.stem}.*, so its partner is not certain."
            )
        first, second = read(here[0], size=size), read(there[0], size=size)
        if first.size != second.size:
            raise CourseError(
                f"{path} has {_by(first)} pixels, but {there[0]} has {_by(second)}: make them equal."
            )
        return _pair(first, second, direction, size, channels)

    paths = [path for found in in_a.values() for path in found]
    paths += [path for stem, found in in_b.items() if stem not in in_a for path in found]
    return _collect(a, ((path, pair) for path in paths), limit)


def photos(
    folder: str | Path, *, kind: str = "grey", size: int = 256, limit: int | None = None
) -> Pictures:
    """Pairs made from photos: the target is the photo, the input what `grey` or `edges` makes of it.

    Gives tensors "input" (N, 1, size, size) and "target" (N, 3, size, size), uint8. Other arguments and errors as
    `side_by_side` has them.
    """
    _check(size, limit=limit)
    if kind not in ("grey", "edges"):
        raise CourseError(f'The input can be made as kind "grey" or "edges", got {kind!r}.')
    made = {"grey": grey, "edges": edges}[kind]

    def pair(path: Path) -> tuple[Tensor, Tensor]:
        target = tensor(square(read(path, size=size), size))
        return made(target[None])[0], target

    return _collect(folder, ((path, pair) for path in _listed(folder)), limit)


def grey(image: Tensor) -> Tensor:
    """Luma (0.299 R + 0.587 G + 0.114 B) of pictures (N, 3, H, W) uint8 -> (N, 1, H, W) uint8.

    Raises:
        CourseError: other shapes or types.
    """
    _colour_pictures(image)
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=image.device).view(
        1, 3, 1, 1
    )
    return (
        ((image.int() * weights).sum(dim=1, keepdim=True) + 0x8000)
        .div(0x10000, rounding_mode="floor")
        .byte()
    )


def edges(image: Tensor, sigma: float = 2.0) -> Tensor:
    """Canny's edges of pictures (N, 3, H, W) uint8 -> (N, 1, H, W) uint8: lines 0, one pixel wide, on white 255.

    Args:
        sigma: of the Gaussian blur before, in pixels: the larger, the fewer edges.

    Raises:
        CourseError: other shapes or types, or a negative sigma.
    """
    from skimage.feature import canny

    _colour_pictures(image)
    if not 0 <= sigma < float("inf"):
        raise CourseError(f"sigma must be 0 or more pixels, got {sigma!r}.")
    luma = grey(image)[:, 0].cpu().numpy() / 255.0
    found = (
        np.stack([canny(one, sigma=sigma) for one in luma])
        if len(luma)
        else np.zeros(luma.shape, bool)
    )
    return torch.from_numpy(np.where(found, 0, 255).astype(np.uint8))[:, None].to(image.device)


def _colour_pictures(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or image.dtype != torch.uint8:
        raise CourseError(
            f"Pictures must be (N, 3, H, W) uint8, got {tuple(image.shape)} {image.dtype}."
        )


def _by(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"


def _check(
    size: int, *, direction: str = "AtoB", channels: int = 3, limit: int | None = None
) -> None:
    if direction not in DIRECTIONS:
        raise CourseError(
            f'direction says which picture is the input: "AtoB" (A, the left or first) or "BtoA" (B), got {direction!r}.'
        )
    check_size(size)
    if channels not in (1, 3):
        raise CourseError(
            f"The input has 3 channels (colour) or 1 (grey), got channels={channels!r}."
        )
    if limit is not None and limit < 1:
        raise CourseError(f"limit must be 1 or more, or None for all, got {limit!r}.")


def _pair(
    a: Image.Image, b: Image.Image, direction: str, size: int, channels: int
) -> tuple[Tensor, Tensor]:
    given, wanted = (a, b) if direction == "AtoB" else (b, a)
    given = given.convert("L") if channels == 1 else given
    return tensor(square(given, size)), tensor(square(wanted, size))


def _listed(folder: str | Path) -> list[Path]:
    """The files of a folder that are pictures by their suffix, by name; hidden ones are passed over."""
    folder = Path(folder)
    try:
        if not folder.is_dir():
            raise CourseError(
                f"{folder} is {'a file' if folder.exists() else 'missing'}. Name a folder of pictures."
            )
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise CourseError(
            f"The folder {folder} may not be read ({error.strerror}). Change its permissions."
        ) from error
    found = [
        folder / name
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    if not found:
        raise CourseError(
            f"No pictures lie in {folder} itself ({len(names):,} other files or folders). "
            f"Pictures end in {', '.join(sorted(SUFFIXES))}."
        )
    return found


def _by_stem(folder: str | Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in _listed(folder):
        found.setdefault(path.stem, []).append(path)
    return found


def _collect(
    folder: str | Path,
    found: Iterable[tuple[Path, Callable[[Path], tuple[Tensor, Tensor]]]],
    limit: int | None,
) -> Pictures:
    """Read the pairs one by one; those that raise a CourseError are left out, and one warning names them all."""
    found, inputs, targets, reasons = list(found), [], [], []
    for path, make in tqdm(found, desc=Path(folder).name, leave=False, delay=2):
        if len(inputs) == limit:
            break
        try:
            given, wanted = make(path)
        except CourseError as error:
            reasons.append(str(error))
            continue
        inputs.append(given)
        targets.append(wanted)
    told = "\n".join(f"- {reason}" for reason in reasons)
    if not inputs:
        raise CourseError(f"None of the {len(found):,} files of {folder} can be used:\n{told}")
    if reasons:
        warnings.warn(
            f"{len(reasons):,} of {len(found):,} files were left out:\n{told}",
            CourseWarning,
            stacklevel=3,
        )
    tensors = {"input": torch.stack(inputs), "target": torch.stack(targets)}
    return Pictures(tensors, Path(folder).resolve().name, "yours", "your own pictures")
