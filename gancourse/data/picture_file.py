"""One picture from one file that somebody gives: read whole, or refused with a reason; squared, and made a tensor.

What is too large, damaged, animated or a trap is a CourseError that says so, and what to do.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gancourse.files import CourseError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MOST_PIXELS = 64_000_000  # a larger picture is refused before it is decoded
MOST_SVG_BYTES = 5_000_000
MOST_SVG_ELEMENTS = 200_000  # once every reference is followed
SMALLEST = 16  # pixels of the shorter side


def read(path: str | Path, mode: str = "RGB", *, size: int = 512) -> Image.Image:
    """The picture in a file, upright (EXIF), on white where it is transparent, in mode "RGB" or "L" (grey).

    Args:
        size: longer side at which an SVG drawing is rendered; other pictures keep their size.

    Raises:
        CourseError: the file is missing, may not be read, is no picture, is truncated, has more than one frame (animated),
            16 bits or more a grey pixel, more than 64 megapixels or a side under 16; or it is an SVG file that is longer
            than 5 MB, holds other pictures, or draws more than 200,000 elements.
    """
    path = Path(path)
    if mode not in ("RGB", "L"):
        raise CourseError(f'Pictures are read as "RGB" or "L" (grey), got mode={mode!r}.')
    try:
        if not path.is_file():
            raise CourseError(
                f"{path} is {'no file' if path.exists() else 'missing'}. Name a picture."
            )
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = (
                _drawing(file, path, size) if path.suffix.lower() == ".svg" else _photo(file, path)
            )
        return on_white(ImageOps.exif_transpose(image)).convert("RGB").convert(mode)
    except CourseError:
        raise
    except PermissionError as error:
        raise CourseError(
            f"{path} may not be read ({error.strerror}). Change its permissions."
        ) from error
    except Image.DecompressionBombError as error:
        raise CourseError(_too_large(path)) from error
    except Exception as error:  # a hostile file makes a decoder raise anything
        raise CourseError(
            f"{path} cannot be opened as a picture, or is truncated ({error or type(error).__name__}). "
            "Save it again as PNG or JPEG."
        ) from error


def _too_large(path: Path) -> str:
    return f"{path} has more than {MOST_PIXELS // 1_000_000} megapixels and was not opened. Make it smaller."


def _photo(file, path: Path) -> Image.Image:
    """The decoded picture of an open file."""
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise CourseError(_too_large(path))
    if min(image.size) < SMALLEST:
        raise CourseError(
            f"{path} has {image.width} x {image.height} pixels; each side must have {SMALLEST} or more."
        )
    # MPO is what some phones save: the photo, and further views of it that nobody misses.
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise CourseError(
            f"{path} has {frames} frames (animated, or several pages). Save one of them as PNG."
        )
    if image.mode.startswith(("I", "F")):
        raise CourseError(
            f"{path} has 16 or more bits a pixel (mode {image.mode}). Save it with 8 bits as PNG."
        )
    image.load()
    return image


def _drawing(file, path: Path, size: int) -> Image.Image:
    """The SVG drawing of an open file, rendered so that its longer side is `size`."""
    from gancourse.data.emoji import rasterize

    contents = file.read(MOST_SVG_BYTES + 1)
    remedy = "Save it as PNG."
    if len(contents) > MOST_SVG_BYTES:
        raise CourseError(
            f"{path} is longer than the {MOST_SVG_BYTES:,} bytes allowed for an SVG file. {remedy}"
        )
    svg = contents.decode("utf-8-sig")
    if "<!ENTITY" in svg:
        raise CourseError(f"{path} defines XML entities, which are not followed. {remedy}")
    elements = ElementTree.fromstring(svg)
    if any(element.tag.rpartition("}")[2] in ("image", "feImage") for element in elements.iter()):
        raise CourseError(f"{path} holds another picture. {remedy}")
    if _expanded(elements) > MOST_SVG_ELEMENTS:
        raise CourseError(f"{path} draws more than {MOST_SVG_ELEMENTS:,} elements. {remedy}")
    return rasterize(svg, size)


def _expanded(drawing: ElementTree.Element) -> float:
    """How many elements a drawing has when every reference (#name) is replaced by what it names; infinite for a loop."""
    named = {element.get("id"): element for element in drawing.iter() if element.get("id")}
    counted: dict[ElementTree.Element, float] = {}

    def count(element: ElementTree.Element) -> float:
        if element not in counted:
            counted[element] = float("inf")  # what a reference back to here finds
            names = re.findall(r"#([^)\"'\s]+)", " ".join(element.attrib.values()))
            inside = [*element, *(named[name] for name in names if name in named)]
            counted[element] = 1 + sum(count(part) for part in inside)
        return counted[element]

    return count(drawing)


def on_white(image: Image.Image) -> Image.Image:
    """The picture on white where it is transparent; one that is nowhere transparent stays as it is."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def square(image: Image.Image, size: int) -> Image.Image:
    """The picture's middle, resized (antialiased) to size x size: its shorter side is kept whole."""
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def tensor(image: Image.Image) -> Tensor:
    """The picture as (C, H, W) uint8."""
    array = np.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def check_size(size: int) -> None:
    """Raise a CourseError unless the side of a square picture is a whole number of pixels, 16 to 1024."""
    if isinstance(size, bool) or not isinstance(size, int) or not SMALLEST <= size <= 1024:
        raise CourseError(f"size must be {SMALLEST} to 1024 pixels, got {size!r}.")
