"""One picture from one file that somebody gives: read whole or refused; squared; as a tensor.

A file that is too large, damaged, animated or hostile gives a CourseError that says what to do.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError, features
from torch import Tensor

from gancourse.data import svg
from gancourse.files import CourseError

FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]
FORMATS += ["AVIF"] if features.check("avif") else []
FOREIGN = {  # formats that are refused by name, by how their files begin
    rb".{4}ftyp(hei|hev|mif1|msf1)": "HEIC (HEIF)",
    rb".{4}ftypavi[fs]": "AVIF",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "JPEG 2000",
    rb"8BPS": "Photoshop",
    rb"%PDF": "PDF",
}
MOST_PIXELS = 64_000_000  # a larger picture is refused before it is decoded
SMALLEST = 16  # pixels of the shorter side
LARGEST = 1024  # pixels of a square picture's side


def read(path: str | Path, mode: str = "RGB", *, size: int = 512) -> Image.Image:
    """The picture in a file, upright (EXIF), on white where it is transparent.

    Args:
        mode: "RGB" or "L" (grey), 8 bits per channel. Grey of 9 to 16 bits is scaled down.
        size: longer side at which an SVG drawing is rendered; other pictures keep their size.

    Raises:
        CourseError: the file is missing, may not be read, is no picture or one in a format that is
            not read here, is truncated, has several frames (animated), 32 bits per pixel, more than
            64 megapixels or a side under 16. SVG files have limits of their own: see `svg.read`.
    """
    path = Path(path)
    if mode not in ("RGB", "L"):
        raise CourseError(f'mode={mode!r}: not a mode to read in; give "RGB" or "L" (grey).')
    with opened(path) as file:
        drawing = svg.begins(file.read(400))  # suffixes are often wrong
        file.seek(0)
        image = svg.read(file, path, size) if drawing else _photo(file, path)
        return on_white(image).convert("RGB").convert(mode)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open; whatever goes wrong while a picture is read from it becomes a CourseError."""
    try:
        if not path.is_file():
            what = "no file" if path.exists() else "missing"
            raise CourseError(f"{path}: {what}; give the name of a picture.")
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield file
    except CourseError:
        raise
    except PermissionError as error:
        raise CourseError(
            f"{path}: may not be read ({error.strerror}); change its permissions."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # a hostile file makes a decoder raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        why = "unknown format" if unknown else error or type(error).__name__
        raise CourseError(
            f"{path}: cannot be opened as a picture, or is truncated ({why}); "
            "save it again as PNG or JPEG."
        ) from error


def _too_large(path: Path) -> CourseError:
    return CourseError(
        f"{path}: more than {MOST_PIXELS // 1_000_000} megapixels, so it was not opened; "
        "make it smaller."
    )


def _photo(file: BinaryIO, path: Path) -> Image.Image:
    """The decoded picture of an open file, upright, 8 bits per channel."""
    image = identify(file, path, SMALLEST)
    image.load()
    upright = ImageOps.exif_transpose(image)
    return _eight_bits(upright, image) if image.mode.startswith("I;16") else upright


def identify(
    file: BinaryIO, path: Path, smallest: int = 1, *, several: bool = False
) -> Image.Image:
    """The picture of an open file before it is decoded, if it is one that is read here.

    Args:
        smallest: pixels of its shorter side.
        several: whether there may be several frames, of which it is the first.
    """
    image = _opened(file, path)
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(path)
    if min(image.size) < smallest:
        raise CourseError(
            f"{path}: {image.width} x {image.height} pixels; "
            f"give a picture of {smallest} or more on each side."
        )
    if not several and frames(image) > 1:
        raise CourseError(
            f"{path}: {frames(image)} frames (animated, or several pages); save one of them as PNG."
        )
    if image.mode in ("I", "F"):
        raise CourseError(
            f"{path}: 32 bits per pixel, whose black and white are not known; "
            "save it with 8 or 16 bits as PNG."
        )
    return image


def frames(image: Image.Image) -> int:
    """How many pictures the file holds."""
    # MPO is what some phones save: the photo, and further views of it that nobody misses.
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _opened(file: BinaryIO, path: Path) -> Image.Image:
    formats = list(FORMATS)
    if importlib.util.find_spec("pillow_heif"):  # for those who have it; the course needs it not
        importlib.import_module("pillow_heif").register_heif_opener()
        formats.append("HEIF")
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        file.seek(0)
        start = file.read(16)
        for magic, name in FOREIGN.items():
            if name not in formats and re.match(magic, start, re.DOTALL):
                raise CourseError(
                    f"{path}: {name}, a format that is not read here; save it as PNG or JPEG."
                ) from error
        raise


def _eight_bits(image: Image.Image, source: Image.Image) -> Image.Image:
    """Grey of 9 to 16 bits as "L", or "LA" if one level stands for transparent."""
    grey, clear = deep_grey(image, source, 255)
    found = Image.fromarray(grey.astype(np.uint8))
    if clear is not None:
        found.putalpha(Image.fromarray(np.where(clear, 0, 255).astype(np.uint8)))
    return found


def deep_grey(
    image: Image.Image, source: Image.Image, top: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey of 9 to 16 bits: levels (H, W) uint32 from 0 to `top`, and where they are transparent.

    Args:
        image: of mode "I;16...".
        source: the same as it was opened. The tags of a TIFF file say how many bits are used
            (BitsPerSample) and whether 0 is white, which Pillow sees to for 8 bits only.
    """
    tags = getattr(source, "tag_v2", {})
    most = 2 ** tags.get(258, (16,))[0] - 1
    levels = np.asarray(image).astype(np.uint32)
    grey = (levels.clip(max=most) * top + most // 2) // most
    if tags.get(262) == 0:  # PhotometricInterpretation: WhiteIsZero
        grey = top - grey
    clear = source.info.get("transparency")
    return grey, None if clear is None else levels == clear


def on_white(image: Image.Image) -> Image.Image:
    """The picture on white where it is transparent; a picture without transparency stays as is."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def square(image: Image.Image, size: int) -> Image.Image:
    """The middle square of the picture, resized (antialiased) to size x size."""
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def tensor(image: Image.Image) -> Tensor:
    """The picture as (C, H, W) uint8."""
    array = np.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def check_size(size: int) -> None:
    """Raise a CourseError unless `size` is 16 to 1024 pixels, as the side of a square picture."""
    if isinstance(size, bool) or not isinstance(size, int):
        raise CourseError(
            f"size={size!r}: not a whole number of pixels; give {SMALLEST} to {LARGEST}."
        )
    if not SMALLEST <= size <= LARGEST:
        wrong = f"smaller than {SMALLEST}" if size < SMALLEST else f"larger than {LARGEST:,}"
        raise CourseError(f"size={size}: {wrong} pixels; give {SMALLEST} to {LARGEST}.")
