"""Pairs of pictures from the reader's own folders, and clean line art from the reader's own drawings.

Whatever lies in a folder, nothing in it can stop the rest: a file that cannot be used is left out, and a warning says why.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from gancourse import files
from gancourse.data import sources
from gancourse.data.sources import CourseWarning, Pictures
from gancourse.files import CourseError, DamagedFile

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg", ".heic", ".heif", ".avif"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
DIRECTIONS = ("AtoB", "BtoA")
MOST_PIXELS = 64_000_000  # a larger picture is refused before it is decoded
MOST_SVG_BYTES = 5_000_000
MOST_SVG_ELEMENTS = 200_000  # once every reference is followed
SMALLEST = 16  # pixels of the shorter side

STROKE = 2 / 72  # width of OpenMoji's strokes, in sides
EXTENT = 0.76  # median longer side of OpenMoji's drawings, in sides

ARCHIVES_AT = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets"


# ------------------------------------------------------------------------------------------------ one file


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
            raise CourseError(f"{path} is {'no file' if path.exists() else 'missing'}. Name a picture.")
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = _drawing(file, path, size) if path.suffix.lower() == ".svg" else _photo(file, path)
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB").convert(mode)
    except CourseError:
        raise
    except PermissionError as error:
        raise CourseError(f"{path} may not be read ({error.strerror}). Change its permissions.") from error
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
        raise CourseError(f"{path} has {image.width} x {image.height} pixels; each side must have {SMALLEST} or more.")
    # MPO is what some phones save: the photo, and further views of it that nobody misses.
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise CourseError(f"{path} has {frames} frames (animated, or several pages). Save one of them as PNG.")
    if image.mode.startswith(("I", "F")):
        raise CourseError(f"{path} has 16 or more bits a pixel (mode {image.mode}). Save it with 8 bits as PNG.")
    image.load()
    return image


def _drawing(file, path: Path, size: int) -> Image.Image:
    """The SVG drawing of an open file, rendered so that its longer side is `size`."""
    from gancourse.data.emoji import rasterize

    contents = file.read(MOST_SVG_BYTES + 1)
    remedy = "Save it as PNG."
    if len(contents) > MOST_SVG_BYTES:
        raise CourseError(f"{path} is longer than the {MOST_SVG_BYTES:,} bytes allowed for an SVG file. {remedy}")
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


def square(image: Image.Image, size: int) -> Image.Image:
    """The picture's middle, resized (antialiased) to size x size: its shorter side is kept whole."""
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def _tensor(image: Image.Image) -> Tensor:
    """(C, H, W) uint8."""
    array = np.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


# ------------------------------------------------------------------------------------------------ folders


def side_by_side(
    folder: str | Path, *, direction: str, size: int = 256, channels: int = 3, limit: int | None = None
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
            raise CourseError(f"{path} is {width} pixels wide: it cannot hold two pictures of equal width.")
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
            raise CourseError(f"{path}: several files are called {path.stem}.*, so its partner is not certain.")
        first, second = read(here[0], size=size), read(there[0], size=size)
        if first.size != second.size:
            raise CourseError(f"{path} has {_by(first)} pixels, but {there[0]} has {_by(second)}: make them equal.")
        return _pair(first, second, direction, size, channels)

    paths = [path for found in in_a.values() for path in found]
    paths += [path for stem, found in in_b.items() if stem not in in_a for path in found]
    return _collect(a, ((path, pair) for path in paths), limit)


def photos(folder: str | Path, *, kind: str = "grey", size: int = 256, limit: int | None = None) -> Pictures:
    """Pairs made from photos: the target is the photo, the input what `grey` or `edges` makes of it.

    Gives tensors "input" (N, 1, size, size) and "target" (N, 3, size, size), uint8. Other arguments and errors as
    `side_by_side` has them.
    """
    _check(size, limit=limit)
    if kind not in ("grey", "edges"):
        raise CourseError(f'The input can be made as kind "grey" or "edges", got {kind!r}.')
    made = {"grey": grey, "edges": edges}[kind]

    def pair(path: Path) -> tuple[Tensor, Tensor]:
        target = _tensor(square(read(path, size=size), size))
        return made(target[None])[0], target

    return _collect(folder, ((path, pair) for path in _listed(folder)), limit)


def grey(image: Tensor) -> Tensor:
    """Luma (0.299 R + 0.587 G + 0.114 B) of pictures (N, 3, H, W) uint8 -> (N, 1, H, W) uint8.

    Raises:
        CourseError: other shapes or types.
    """
    _colour_pictures(image)
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=image.device).view(1, 3, 1, 1)
    return ((image.int() * weights).sum(dim=1, keepdim=True) + 0x8000).div(0x10000, rounding_mode="floor").byte()


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
    found = np.stack([canny(one, sigma=sigma) for one in luma]) if len(luma) else np.zeros(luma.shape, bool)
    return torch.from_numpy(np.where(found, 0, 255).astype(np.uint8))[:, None].to(image.device)


def _colour_pictures(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or image.dtype != torch.uint8:
        raise CourseError(f"Pictures must be (N, 3, H, W) uint8, got {tuple(image.shape)} {image.dtype}.")


def _by(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"


def _check(size: int, *, direction: str = "AtoB", channels: int = 3, limit: int | None = None) -> None:
    if direction not in DIRECTIONS:
        raise CourseError(
            f'direction says which picture is the input: "AtoB" (A, the left or first) or "BtoA" (B), got {direction!r}.'
        )
    if isinstance(size, bool) or not isinstance(size, int) or not SMALLEST <= size <= 1024:
        raise CourseError(f"size must be {SMALLEST} to 1024 pixels, got {size!r}.")
    if channels not in (1, 3):
        raise CourseError(f"The input has 3 channels (colour) or 1 (grey), got channels={channels!r}.")
    if limit is not None and limit < 1:
        raise CourseError(f"limit must be 1 or more, or None for all, got {limit!r}.")


def _pair(a: Image.Image, b: Image.Image, direction: str, size: int, channels: int) -> tuple[Tensor, Tensor]:
    given, wanted = (a, b) if direction == "AtoB" else (b, a)
    given = given.convert("L") if channels == 1 else given
    return _tensor(square(given, size)), _tensor(square(wanted, size))


def _listed(folder: str | Path) -> list[Path]:
    """The files of a folder that are pictures by their suffix, by name; hidden ones are passed over."""
    folder = Path(folder)
    try:
        if not folder.is_dir():
            raise CourseError(f"{folder} is {'a file' if folder.exists() else 'missing'}. Name a folder of pictures.")
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise CourseError(f"The folder {folder} may not be read ({error.strerror}). Change its permissions.") from error
    found = [folder / name for name in names if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")]
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
    folder: str | Path, found: Iterable[tuple[Path, Callable[[Path], tuple[Tensor, Tensor]]]], limit: int | None
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
        warnings.warn(f"{len(reasons):,} of {len(found):,} files were left out:\n{told}", CourseWarning, stacklevel=3)
    tensors = {"input": torch.stack(inputs), "target": torch.stack(targets)}
    return Pictures(tensors, Path(folder).resolve().name, "yours", "your own pictures")


# ------------------------------------------------------------------------------------------------ drawings


def line_art(
    image: str | Path | Image.Image, *, size: int = 256, stroke: float | None = STROKE, extent: float | None = EXTENT
) -> Tensor:
    """A scan or a phone photo of a drawing -> clean line art (1, size, size) uint8, black on white, as OpenMoji's.

    What is darker than its surroundings (Sauvola's threshold) is ink, so shadows and yellow paper do no harm; white on a
    dark ground is turned round. Specks go, and so does what touches the picture's edge (the rim of the sheet, the table)
    when it lies along it or is the smaller part. The drawing is centred and resized, and its strokes redrawn. Digital
    line art that has the right place and strokes already is only resized.

    Args:
        image: a file, or a picture that was read.
        size: 16 to 1024.
        stroke: width of the strokes, in sides; None leaves them.
        extent: longer side of the drawing, in sides; None leaves the drawing where it is, in the middle square.

    Raises:
        CourseError: no lines can be found, or the file cannot be read.
    """
    _check(size)
    if not isinstance(image, Image.Image):
        image = read(image, "L", size=max(512, size))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L")
    if min(image.size) < SMALLEST:
        raise CourseError(f"The drawing has {_by(image)} pixels; each side must have {SMALLEST} or more.")
    original = image
    if max(image.size) > 1024:
        image.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    levels = np.asarray(image, dtype=np.float64)
    if np.median(levels) < 100:
        levels, original = 255 - levels, ImageOps.invert(original)

    clean = _is_clean(levels)
    ink = levels < 128 if clean else _ink(levels)
    if not ink.any():
        raise CourseError(
            "No lines found in the picture: it seems blank, or its lines are too faint. Draw with a dark pen on light "
            "paper, and let the drawing fill most of the picture."
        )
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longer, side = max(bottom - top, right - left), min(ink.shape)
    if clean and _fits(ink, stroke, extent, longer / side, (top + bottom, left + right)):
        return _tensor(square(original, size))

    if extent is None:
        middle, scale = (ink.shape[0] / 2, ink.shape[1] / 2), 1 / side
    else:
        middle, scale = ((top + bottom) / 2, (left + right) / 2), extent / longer
    fine = 4 * size if size <= 256 else 2 * size
    drawn = _placed(ink, middle, scale * fine, fine)
    if stroke is not None:
        drawn = _stroked(drawn, stroke * fine)
    step = fine // size
    share = drawn.reshape(size, step, size, step).mean(axis=(1, 3))
    return torch.from_numpy(np.rint(255 * (1 - share)).astype(np.uint8))[None]


def _is_clean(levels: np.ndarray) -> bool:
    """Whether nearly all of a picture (H, W), 0..255, is white or black, as in a digital drawing."""
    return bool((levels >= 250).mean() > 0.5 and ((levels > 40) & (levels < 250)).mean() < 0.12)


def _fits(ink: np.ndarray, stroke: float | None, extent: float | None, found: float, ends: tuple[int, int]) -> bool:
    """Whether a drawing has OpenMoji's place and strokes already: square, near the middle, neither small nor thin."""
    height, width = ink.shape
    central = all(abs(end / 2 / side - 0.5) < 0.1 for end, side in zip(ends, (height, width), strict=True))
    placed = extent is None or (abs(found - extent) < 0.2 and central)
    return height == width and placed and (stroke is None or 0.6 < _width(ink) / height / stroke < 1.6)


def _ink(levels: np.ndarray) -> np.ndarray:
    """The lines of a photographed drawing (H, W), 0..255 -> bool: by Sauvola's threshold, without specks and rim."""
    from scipy.ndimage import find_objects, gaussian_filter, label
    from skimage.filters import threshold_sauvola

    side = max(levels.shape)
    smooth = gaussian_filter(levels, side / 1000)
    window = min(2 * (side // 16) + 1, 2 * ((min(levels.shape) - 1) // 2) + 1)
    ink = smooth < threshold_sauvola(smooth, window_size=window, k=0.15, r=128)
    ink |= smooth < 0.4 * np.percentile(smooth, 90)  # the middle of large black areas
    parts, n = label(ink, np.ones((3, 3)))
    area = np.bincount(parts.ravel(), minlength=n + 1)
    kept = area >= max(4, (side * STROKE / 3) ** 2)
    kept[0] = False
    at_edge = np.zeros(n + 1, dtype=bool)
    at_edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    depth = [min(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in find_objects(parts)]
    rim = at_edge & (np.array([0, *depth]) < 0.15 * min(levels.shape))
    for dropped, least in ((rim, 0.02), (at_edge, 0.5)):
        if area[kept & ~dropped].sum() > least * area[kept].sum():
            kept &= ~dropped
    return kept[parts]


def _width(ink: np.ndarray) -> float:
    """Median width of the strokes in pixels."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    return float(2 * np.median(distance_transform_edt(np.pad(ink, 1))[skeletonize(np.pad(ink, 1))]) - 1)


def _placed(ink: np.ndarray, middle: tuple[float, float], scale: float, fine: int) -> np.ndarray:
    """The drawing enlarged `scale` times with its point `middle` (row, column) in the middle of (fine, fine), bool."""
    half = fine / 2 / scale
    box = (middle[1] - half, middle[0] - half, middle[1] + half, middle[0] + half)
    picture = Image.fromarray(np.where(ink, 255, 0).astype(np.uint8))
    corner = (box[2] - box[0]) / fine
    moved = picture.transform(
        (fine, fine),
        Image.Transform.AFFINE,
        (corner, 0, box[0], 0, corner, box[1]),
        Image.Resampling.BILINEAR,
        fillcolor=0,
    )
    return np.asarray(moved) > 127


def _stroked(ink: np.ndarray, width: float) -> np.ndarray:
    """The drawing (H, W) bool with strokes about `width` pixels wide; a width right already stays."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    if not ink.any():
        return ink
    found = _width(ink)
    if 0.8 < found / width < 1.25:
        return ink
    if found < width:
        return distance_transform_edt(~ink) <= (width - found) / 2
    depth = distance_transform_edt(ink)
    thinned = (depth > (found - width) / 2) | (distance_transform_edt(~skeletonize(ink)) <= width / 2)
    # Dots and black areas are no strokes: what is wider than one and a half of them stays.
    core = 0.75 * found
    areas = distance_transform_edt(depth <= core) <= core if (depth > core).any() else np.zeros_like(ink)
    return ink & (thinned | areas)


# ------------------------------------------------------------------------------------------------ official archives


@dataclass(frozen=True)
class Archive:
    """An official data set of pix2pix: what its halves show, and how many bytes its archive may have at most.

    `md5` is the one that a user of the archive wrote down in public; the authors published none.
    """

    a: str
    b: str
    direction: str
    most_bytes: int
    md5: str

    @property
    def most_unpacked(self) -> int:
        return 3 * self.most_bytes


ARCHIVES = {
    "facades": Archive("photo", "labels", "BtoA", 60_000_000, "e2e25dd517e9d15828416ab329da2854"),
    "maps": Archive("aerial photo", "map", "AtoB", 400_000_000, "e5f65d26eb288457f5ac056deb94d154"),
    "edges2shoes": Archive("edges", "shoe", "AtoB", 3_000_000_000, "71da478b54fedde126e234a2a050bc15"),
}


def download(
    name: str, root: str | Path | None = None, *, sha256: str | None = None, trust: bool = False, timeout: float = 30.0
) -> Path:
    """Download and unpack an official data set of pix2pix; returns its folder, which holds "train", "val" and maybe "test".

    | name          | A (left)     | B (right) | usual direction | about  |
    |---------------|--------------|-----------|-----------------|--------|
    | "facades"     | photo        | labels    | "BtoA"          | 30 MB  |
    | "maps"        | aerial photo | map       | "AtoB"          | 250 MB |
    | "edges2shoes" | edges        | shoe      | "AtoB"          | 2 GB   |

    Read it with `side_by_side(folder / "train", direction=...)`. Its authors published no checksum, so the first download
    has to be trusted: say so with trust=True, or give the SHA-256 that you know. The hash of what came is kept beside the
    archive, and every later call checks the archive against it.

    Args:
        root: folder of full data sets (default: GANCOURSE_DATA, else ~/.cache/gancourse).
        sha256: what the archive must have.
        trust: take what comes the first time.
        timeout: seconds of silence after which the server counts as gone.

    Raises:
        CourseError: an unknown name, no network, neither sha256 nor trust, or an archive that holds something else.
        DamagedFile: the archive is not the one that sha256, or the hash kept beside it, names.
    """
    if name not in ARCHIVES:
        raise CourseError(f"There is no archive {name!r}. Choose from: {', '.join(ARCHIVES)}.")
    known = ARCHIVES[name]
    folder = sources.root(root) / "pix2pix"
    archive, kept, unpacked = folder / f"{name}.tar.gz", folder / f"{name}.tar.gz.sha256", folder / name
    url = f"{ARCHIVES_AT}/{name}.tar.gz"
    recorded = kept.read_text(encoding="utf-8").strip() if kept.is_file() else None
    expected = sha256.lower() if sha256 else recorded
    try:
        if expected:
            if archive.is_file():
                files.verify(archive, expected, f"Delete {archive} and {kept}, and download it again.")
            else:
                sources.fetch(url, expected, archive, known.most_bytes, timeout=timeout)
        elif trust:
            expected = _first(url, archive, known, timeout)
        else:
            raise CourseError(
                f"The authors of {name}.tar.gz published no checksum, so what {url} sends cannot be verified the first "
                f"time. To take it on trust: trust=True, or `gancourse data {name} --trust`; its SHA-256 is then kept and "
                "checked from then on. If you know its SHA-256: sha256=..., or --sha256."
            )
    except DamagedFile:
        raise
    except CourseError as error:
        raise CourseError(f'{error} The emoji are bundled pairs: gancourse.data.load("emoji").') from error
    if recorded != expected:
        files.write_text(kept, expected + "\n")
        shutil.rmtree(unpacked, ignore_errors=True)  # it came from another archive
    if not unpacked.is_dir():
        _unpack(archive, name, unpacked, known.most_unpacked)
    return unpacked


def _first(url: str, archive: Path, known: Archive, timeout: float) -> str:
    """Download what nothing vouches for, unless it lies there already; returns its SHA-256."""
    sources.fetch(url, None, archive, known.most_bytes, timeout=timeout)
    with open(archive, "rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    found = files.sha256(archive)
    if md5 != known.md5:
        warnings.warn(
            f"{archive} has MD5 {md5}, not {known.md5}, which another user of this archive wrote down. It may be a newer "
            f"edition, or not the archive at all. Its SHA-256 {found} is checked from now on.",
            CourseWarning,
            stacklevel=3,
        )
    return found


def _unpack(archive: Path, name: str, to: Path, most: int) -> None:
    """Unpack the JPEG files of the archive into the folder `to`, all or none; nothing else in it is touched."""
    part = to.with_name(f".{name}.{os.getpid()}.part")
    wanted = re.compile(rf"(?:\./)?{name}/(train|val|test)/([\w-]+\.jpg)")
    held = 0
    try:
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(archive, "r|gz") as opened:
            for member in opened:
                held += member.size
                if held > most:
                    raise CourseError(f"{archive} unpacks to more than {most:,} bytes, so it was stopped. Delete it.")
                if member.isreg() and (match := wanted.fullmatch(member.name)):
                    member.name = f"{match[1]}/{match[2]}"
                    opened.extract(member, part, filter="data")
        if not part.is_dir():
            raise CourseError(f"{archive} holds no {name}/train/*.jpg: it is not the archive expected. Delete it.")
        try:
            os.replace(part, to)
        except OSError:
            if not to.is_dir():  # else another process was faster
                raise
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise CourseError(f"{archive} cannot be unpacked ({error}). Delete it and download it again.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
