"""A picture with all that its file holds: 16 bits, transparency, ICC profile, EXIF, resolution.

`read` takes the files that `picture_file` takes, and gives what is in them instead of what a
network of fixed size wants; `write` puts it into a file again.
"""

from __future__ import annotations

import io
import math
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from gancourse.data import svg
from gancourse.data.picture_file import deep_grey, frames, identify, opened
from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError

# Format -> the longest side that it takes, in pixels.
LONGEST = {".png": 2**31 - 1, ".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
LONGEST |= {".tif": 2**31 - 1, ".tiff": 2**31 - 1}
FORMATS = tuple(LONGEST)
DEEP = (".png", ".tif", ".tiff")  # these hold 16 bits
OPAQUE = (".jpg", ".jpeg")  # these hold no transparency
BAND = 64  # rows that are compressed at once
INCH = 0.0254  # metres
# Tags of EXIF (CIPA DC-008) and of TIFF 6.0.
RESOLUTION, DETAILS, GPS, SIZES, INTEROP = (282, 283), 0x8769, 0x8825, (0xA002, 0xA003), 0xA005
STRIP = 273  # where the pixels lie
# What a TIFF file says beside EXIF, about itself and not about the photo: sizes, compression, where
# its parts lie, orientation (read pictures are upright), profile, and edits of other programs.
LAYOUT = {*range(254, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294)}
LAYOUT |= {301, *range(317, 326), 330, 332, 334, *range(336, 348), *range(512, 522)}
LAYOUT |= {*range(529, 533), 700, 33723, 34377, 34675}


@dataclass(frozen=True, eq=False)
class Raster:
    """A picture, upright, and what else its file says.

    Attributes:
        levels: (H, W, C) uint8 or uint16; C is 1 (grey), 2 (grey, opacity), 3 (RGB) or 4 (RGB,
            opacity).
        profile: ICC profile of the colours; None: they are sRGB.
        exif: EXIF data with their header; b"": none.
        dpi: pixels per inch, across and down; None: unknown.
    """

    levels: np.ndarray
    profile: bytes | None = None
    exif: bytes = b""
    dpi: tuple[float, float] | None = None


def read(path: str | Path) -> Raster:
    """The picture in a file, upright. Colours that are neither grey nor RGB become sRGB.

    16 bits stay 16 in grey and RGB with or without opacity; premultiplied RGB and CMYK become 8.
    Of several frames (animated) or pages it is the first, with a CourseWarning.

    Raises:
        CourseError: as `picture_file.read` does, but a side may be as short as 1 px, and frames may
            be several; or it is an SVG drawing, or a TIFF file of 16 bits whose colours lie apart.
    """
    path = Path(path)
    with opened(path) as file:
        if svg.begins(file.read(400)):
            raise CourseError(
                f"{path}: an SVG drawing, which has no pixels; export it at the size that you need."
            )
        file.seek(0)
        image = identify(file, path, several=True)
        if (count := frames(image)) > 1:
            warnings.warn(
                f"{path}: {count} frames (animated, or several pages); the first is taken.",
                CourseWarning,
                2,
            )
        levels, profile = _levels(image, file, path), image.info.get("icc_profile")
        if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            profile = None
        return Raster(levels, profile or None, _exif(image, path), _dpi(image))


def _levels(image: Image.Image, file: BinaryIO, path: Path) -> np.ndarray:
    """The picture of an open file, decoded and upright: (H, W, C) uint8 or uint16."""
    kinds = {_raw_mode(tile) for tile in image.tile}
    tags = getattr(image, "tag_v2", {})
    if max(tags.get(258, (8,))) > 8 and tags.get(284) == 2:  # Pillow decodes them wrongly
        raise CourseError(
            f"{path}: 16 bits, with red, green and blue apart from each other; save it with the "
            "colours of each pixel together (interleaved)."
        )
    if image.mode.startswith("I;16"):
        image.load()
        grey, clear = deep_grey(ImageOps.exif_transpose(image), image, 65_535)
        return _with_opacity(grey[..., None].astype(np.uint16), clear)
    if kinds == {"LA;16B"}:  # as many bytes as RGBA has, so they are read as that
        high_low = _upright(image, {"LA;16B": "RGBA"})
        return high_low.astype(np.uint16)[..., 0::2] << 8 | high_low[..., 1::2]
    if not kinds or not kinds <= OTHER_BYTE.keys():
        image.load()
        return _eight_bits(ImageOps.exif_transpose(image))
    # Pillow has no such mode, and keeps the upper byte of each level. Read in the other byte
    # order, the lower one is the upper one.
    high = _upright(image).astype(np.uint16)
    file.seek(0)
    levels = high << 8 | _upright(identify(file, path, several=True), OTHER_BYTE)
    clear = image.info.get("transparency")
    return _with_opacity(levels, None if clear is None else (levels == clear).all(-1))


OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # byte order
OTHER_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBX", "RGBA")
    for order, other in OTHER.items()
}


def _raw_mode(tile: Any) -> str:
    """How the bytes of a part of a file are laid out, as Pillow calls it."""
    args = tile[3]
    return args if isinstance(args, str) else args[0] if args else ""


def _upright(image: Image.Image, renamed: dict[str, str] | None = None) -> np.ndarray:
    """(H, W, C) uint8, upright, its bytes laid out otherwise than Pillow found."""

    def other(tile):
        args = tile[3]
        new = (renamed or {}).get(_raw_mode(tile), _raw_mode(tile))
        return (*tile[:3], new if isinstance(args, str) else (new, *args[1:]))

    image.tile = [type(tile)(*other(tile)) for tile in image.tile]
    image.load()
    return np.asarray(ImageOps.exif_transpose(image))


def _with_opacity(levels: np.ndarray, clear: np.ndarray | None) -> np.ndarray:
    """Levels (H, W, C) with one more channel, which is 0 where `clear` (H, W) is true."""
    if clear is None:
        return levels
    opacity = np.where(clear, 0, np.iinfo(levels.dtype).max).astype(levels.dtype)
    return np.concatenate([levels, opacity[..., None]], axis=2)


def _eight_bits(image: Image.Image) -> np.ndarray:
    """(H, W, C) uint8: grey stays grey, and transparency is kept."""
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        if image.mode in ("La", "RGBa"):
            image = image.convert(image.mode.upper())
        image = image.convert("LA" if grey else "RGBA")
    elif image.mode == "CMYK":
        image = _to_srgb(image)
    else:
        image = image.convert("L" if grey else "RGB")
    levels = np.asarray(image)
    return levels[..., None] if levels.ndim == 2 else levels


def _to_srgb(image: Image.Image) -> Image.Image:
    """CMYK to RGB through its ICC profile; without a usable one, by the plain formula."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return ImageCms.profileToProfile(
            image, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (KeyError, OSError, ImportError, ImageCms.PyCMSError):
        return image.convert("RGB")


def _exif(image: Image.Image, path: Path) -> bytes:
    """What a decoded picture's EXIF data say about the photo."""
    try:
        exif = image.getexif()
        for tag in (DETAILS, GPS):
            exif.get_ifd(tag)
        for tag in LAYOUT & set(exif):
            del exif[tag]
        return exif.tobytes() if len(exif) else b""
    except Exception as error:  # cameras and programs write what they like
        warnings.warn(
            f"{path}: its EXIF data are damaged and left out ({error}).", CourseWarning, 2
        )
        return b""


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    across, down = map(float, image.info.get("dpi", (0, 0)))
    known = all(math.isfinite(each) and each > 0 for each in (across, down))
    return (across, down) if known else None


def enlarged_exif(exif: bytes, width: int, height: int, scale: int) -> bytes:
    """EXIF data of a picture that is now `width` x `height` px and prints as large as before."""
    if not exif:
        return exif
    found = Image.Exif()
    found.load(exif)
    for tag in RESOLUTION:
        if tag in found:
            found[tag] = float(found[tag]) * scale
    details = found.get_ifd(DETAILS)
    details.update(
        {tag: side for tag, side in zip(SIZES, (width, height), strict=True) if tag in details}
    )
    if details:
        found[DETAILS] = details
    return found.tobytes()


def check_format(path: Path, width: int, height: int, channels: int, depth: int) -> None:
    """Raise a CourseError unless the format of `path` takes such a picture.

    Args:
        depth: bytes per level that it is written with.
    """
    suffix = path.suffix.lower()
    if channels in (2, 4) and suffix in OPAQUE:
        raise CourseError(
            f"{path}: JPEG holds no transparency, and the picture has it; give .png, .webp or .tif."
        )
    longest = LONGEST[suffix]
    if max(width, height) > longest:
        raise CourseError(
            f"{path}: {width:,} x {height:,} pixels, and {suffix} takes {longest:,} on a side; "
            "give .png or .tif."
        )
    if suffix in (".tif", ".tiff") and width * height * channels * depth > 0xF0000000:
        raise CourseError(
            f"{path}: {width:,} x {height:,} pixels, more than the 4 GiB of a TIFF file; give .png."
        )


def write(raster: Raster, path: Path) -> None:
    """Write a picture in the format of the path's suffix, with all that the format takes.

    Raises:
        OSError, ValueError: it cannot be written there, or the format does not take it.
    """
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        _write_tiff(raster, path)
    elif suffix == ".png" and raster.levels.dtype == np.uint16:
        _write_png(raster, path)
    else:
        levels = raster.levels[..., 0] if raster.levels.shape[2] == 1 else raster.levels
        extra = {"icc_profile": raster.profile, "exif": raster.exif, "dpi": raster.dpi}
        if suffix in OPAQUE and len(raster.exif) > 65_533:
            extra["exif"] = b""
            warnings.warn(
                f"{path.name}: EXIF data too long for JPEG are left out.", CourseWarning, 2
            )
        if suffix in OPAQUE and raster.dpi and max(raster.dpi) > 65_535:
            extra["dpi"] = None
        given = {name: value for name, value in extra.items() if value}
        # Lossy formats look at the quality (75 shows rings beside lines); JPEG at the subsampling,
        # of which 0 keeps colours as sharp as the picture.
        Image.fromarray(levels).save(path, quality=95, subsampling=0, **given)


def _bands(levels: np.ndarray, order: str) -> Iterator[np.ndarray]:
    """The rows in bands: (rows, W C) in a byte order, "<" or ">"."""
    for top in range(0, len(levels), BAND):
        band = levels[top : top + BAND]
        yield band.reshape(len(band), -1).astype(levels.dtype.newbyteorder(order))


def _write_png(raster: Raster, path: Path) -> None:
    """Levels of 16 bits as PNG (ISO/IEC 15948), which Pillow reads and does not write."""
    height, width, channels = raster.levels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    with open(path, "wb") as file:

        def chunk(name: bytes, data: bytes) -> None:
            file.write(struct.pack(">I", len(data)) + name + data)
            file.write(struct.pack(">I", zlib.crc32(name + data)))

        file.write(b"\x89PNG\r\n\x1a\n")
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        if raster.profile:
            chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(raster.profile))
        if raster.dpi:
            chunk(b"pHYs", struct.pack(">IIB", *(round(each / INCH) for each in raster.dpi), 1))
        if raster.exif:
            chunk(b"eXIf", raster.exif.removeprefix(b"Exif\0\0"))
        packer, above = zlib.compressobj(6), np.zeros((1, 2 * width * channels), np.uint8)
        for band in _bands(raster.levels, ">"):
            rows = np.concatenate([above, band.view(np.uint8)])
            above = rows[-1:]
            filtered = np.full((len(band), 1 + rows.shape[1]), 2, np.uint8)  # 2: "up"
            np.subtract(rows[1:], rows[:-1], out=filtered[:, 1:])
            chunk(b"IDAT", packer.compress(filtered.tobytes()))
        chunk(b"IDAT", packer.flush())
        chunk(b"IEND", b"")


def _write_tiff(raster: Raster, path: Path) -> None:
    """Levels of 8 or 16 bits as TIFF 6.0, compressed with deflate."""
    height, width, channels = raster.levels.shape
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    exif = Image.Exif()
    exif.load(raster.exif)
    for tag in exif:
        value = exif[tag]
        if tag in (DETAILS, GPS):
            value = dict(exif.get_ifd(tag))
            if INTEROP in value:
                value[INTEROP] = exif.get_ifd(INTEROP)
        tags[tag] = value
    if raster.dpi:
        tags[RESOLUTION[0]], tags[RESOLUTION[1]] = raster.dpi
        tags[296] = 2  # per inch
    if raster.profile:
        tags[34675] = raster.profile
    tags[256], tags[257], tags[258] = width, height, (8 * raster.levels.itemsize,) * channels
    tags[259], tags[262], tags[277] = 8, 2 if channels > 2 else 1, channels  # deflate; RGB or grey
    tags[278], tags[284], tags[317] = height, 1, 2  # one strip; interleaved; differences
    if channels in (2, 4):
        tags[338] = 2  # opacity, colours not multiplied by it
    with open(path, "wb") as file:
        file.write(b"II*\0" + bytes(4))
        packer = zlib.compressobj(6)
        for band in _bands(raster.levels, "<"):
            pixels = band.reshape(len(band), width, channels)
            differences = np.diff(pixels, axis=1, prepend=np.zeros_like(pixels[:, :1]))
            file.write(packer.compress(differences.tobytes()))
        file.write(packer.flush())
        tags[STRIP], tags[279] = 8, file.tell() - 8
        file.write(bytes(file.tell() % 2))
        end = file.tell()
        directory = bytearray(tags.tobytes(end))
        # Pillow takes it that the pixels follow the tags; their length is known after them.
        entry = 2 + 12 * sorted(tags).index(STRIP)
        struct.pack_into("<I", directory, entry + 8, 8)
        file.write(directory)
        file.seek(4)
        file.write(struct.pack("<I", end))
