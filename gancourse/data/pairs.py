"""Pairs from your own pictures: halves of a file, two folders, or photos and what is made of them.

A file that cannot be used is left out, and one warning names it and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancourse.data.picture_file import SMALLEST, check_size, read, square, tensor
from gancourse.data.picture_folder import collect, distinct, listed, spelled
from gancourse.data.sources import Pictures, one_of
from gancourse.files import CourseError

DIRECTIONS = ("AtoB", "BtoA")
KINDS = ("grey", "edges", "hole")  # what `photos` makes the input of


def side_by_side(
    folder: str | Path,
    *,
    direction: str,
    size: int = 256,
    channels: int = 3,
    limit: int | None = None,
) -> Pictures:
    """Pairs from files with A in their left half and B in their right half.

    Gives tensors "input" (N, channels, size, size) and "target" (N, 3, size, size), uint8, in the
    order of the file names. Folders inside the folder are not looked into.

    Args:
        direction: "AtoB": A (left) is the input; "BtoA": B (right) is the input.
        size: 16 to 1024. Each half is resized, its shorter side to `size`, and cropped to its
            middle.
        channels: of the input, 3 or 1 (grey).
        limit: no more than this many pairs, from the first file names on (default: all).

    Raises:
        CourseError: no such folder, direction, size or number, or no file in the folder can be
            used. Files that cannot are left out with one CourseWarning that names them.
    """
    _check(size, direction=direction, channels=channels, limit=limit)

    def halves(path: Path) -> tuple[Tensor, Tensor]:
        image = read(path, size=2 * size)
        width, height = image.size
        if width % 2 or min(width // 2, height) < SMALLEST:
            raise CourseError(
                f"{path}: {_by(image)} pixels, not two pictures of equal width side by side; "
                f"give an even width, and halves of {SMALLEST} x {SMALLEST} or more."
            )
        parts = image.crop((0, 0, width // 2, height)), image.crop((width // 2, 0, width, height))
        return _pair(*parts, direction, size, channels)

    return _pairs(folder, listed(folder, nested=False), halves, limit)


def two_folders(
    a: str | Path,
    b: str | Path,
    *,
    direction: str,
    size: int = 256,
    channels: int = 3,
    limit: int | None = None,
) -> Pictures:
    """Pairs from two folders: a/cat.png belongs to b/cat.jpg.

    Arguments, tensors and errors are those of `side_by_side`.
    Both pictures of a pair must have the same size in pixels. One without a partner is left out,
    and so is one with several. Names match however their accents are stored.
    """
    _check(size, direction=direction, channels=channels, limit=limit)
    in_a, in_b = _by_stem(a), _by_stem(b)

    def pair(path: Path) -> tuple[Tensor, Tensor]:
        stem = spelled(path.stem)
        here, there = in_a.get(stem, []), in_b.get(stem, [])
        if not here or not there:
            raise CourseError(
                f"{path}: no partner; put a picture called {stem}.* into {b if here else a}."
            )
        if len(here) > 1 or len(there) > 1:
            raise CourseError(
                f"{path}: several files are called {stem}.*, so its partner is not certain; "
                "keep one."
            )
        first, second = read(here[0], size=size), read(there[0], size=size)
        if first.size != second.size:
            raise CourseError(
                f"{path}: {_by(first)} pixels, but {there[0]} has {_by(second)}; make them equal."
            )
        return _pair(first, second, direction, size, channels)

    paths = [path for found in in_a.values() for path in found]
    paths += [path for stem, found in in_b.items() if stem not in in_a for path in found]
    return _pairs(a, paths, pair, limit)


def photos(
    folder: str | Path, *, kind: str = "grey", size: int = 256, limit: int | None = None
) -> Pictures:
    """Pairs made from photos: the input is what `grey`, `edges` or `hole` makes of the target.

    Gives tensors "input" (N, 1, size, size), of a hole (N, 3, size, size), and "target" (N, 3,
    size, size), uint8. Photos in folders inside the folder count too, copies of a file count once.
    Other arguments and errors as for `side_by_side`.
    """
    _check(size, limit=limit)
    one_of("kind", kind, KINDS, "inputs made from photos")
    make = {"grey": grey, "edges": edges, "hole": hole}[kind]

    def pair(path: Path) -> tuple[Tensor, Tensor]:
        target = tensor(square(read(path, size=size), size))
        return make(target[None])[0], target

    paths, reasons = distinct(listed(folder))
    return _pairs(folder, paths, pair, limit, reasons)


def grey(image: Tensor) -> Tensor:
    """Luma (0.299 R + 0.587 G + 0.114 B) of pictures (N, 3, H, W) uint8 -> (N, 1, H, W) uint8.

    Raises:
        CourseError: other shapes or types.
    """
    _colour_pictures(image)
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=image.device)
    luma = (image.int() * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True) + 0x8000
    return luma.div(0x10000, rounding_mode="floor").byte()


def edges(image: Tensor, sigma: float = 2.0) -> Tensor:
    """Canny's edges: (N, 3, H, W) uint8 -> (N, 1, H, W) uint8, lines of one pixel, 0 on 255.

    Args:
        sigma: of the Gaussian blur before, in pixels: the larger, the fewer edges.

    Raises:
        CourseError: other shapes or types, or a negative sigma.
    """
    from skimage.feature import canny

    _colour_pictures(image)
    if not 0 <= sigma < float("inf"):
        raise CourseError(f"sigma={sigma!r}: not a width in pixels; give 0 or more.")
    luma = grey(image)[:, 0].cpu().numpy() / 255.0
    found = np.array([canny(one, sigma=sigma) for one in luma], dtype=bool).reshape(luma.shape)
    return torch.from_numpy(np.where(found, 0, 255).astype(np.uint8))[:, None].to(image.device)


def hole(image: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) uint8 with a white square from 5/16 to 11/16 of their side.

    Raises:
        CourseError: other shapes or types.
    """
    _colour_pictures(image)
    side = image.shape[-1]
    middle = slice(side * 5 // 16, side * 11 // 16)
    holed = image.clone()
    holed[:, :, middle, middle] = 255
    return holed


def _colour_pictures(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or image.dtype != torch.uint8:
        raise CourseError(
            f"image={tuple(image.shape)} {image.dtype}: not colour pictures; "
            "give (N, 3, H, W) uint8."
        )


def _by(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"


def _check(
    size: int, *, direction: str = "AtoB", channels: int = 3, limit: int | None = None
) -> None:
    if direction not in DIRECTIONS:
        raise CourseError(
            f"direction={direction!r}: does not say which picture is the input; give "
            '"AtoB" (A, the left or first one) or "BtoA" (B).'
        )
    check_size(size)
    if channels not in (1, 3):
        raise CourseError(f"channels={channels!r}: not colour, not grey; give 3 or 1.")
    if limit is not None and limit < 1:
        raise CourseError(f"limit={limit!r}: too few; give 1 or more, or None for all.")


def _pair(
    a: Image.Image, b: Image.Image, direction: str, size: int, channels: int
) -> tuple[Tensor, Tensor]:
    given, wanted = (a, b) if direction == "AtoB" else (b, a)
    given = given.convert("L") if channels == 1 else given
    return tensor(square(given, size)), tensor(square(wanted, size))


def _by_stem(folder: str | Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in listed(folder, nested=False):
        found.setdefault(spelled(path.stem), []).append(path)
    return found


def _pairs(
    folder: str | Path,
    paths: Iterable[Path],
    make: Callable[[Path], tuple[Tensor, Tensor]],
    limit: int | None,
    reasons: Iterable[str] = (),
) -> Pictures:
    kept = collect(folder, paths, make, limit=limit, reasons=reasons)
    inputs, targets = zip(*(pair for _, pair in kept), strict=True)
    tensors = {"input": torch.stack(inputs), "target": torch.stack(targets)}
    return Pictures(tensors, Path(folder).resolve().name, "yours", "your own pictures")
