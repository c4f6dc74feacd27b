"""Line art like chapter 6's training data, from a scan or a photo of a reader's own drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gancourse.data.picture_file import SMALLEST, check_size, on_white, read, square, tensor
from gancourse.files import CourseError

STROKE = 2 / 72  # width of OpenMoji's strokes, in sides
EXTENT = 0.76  # median longer side of OpenMoji's drawings, in sides
WORKING = 1024  # a longer side is reduced to about this many pixels before lines are looked for
THICKEST = 0.1  # what is wider (in sides) and not black is a coloured area, not a stroke
STEEPEST = 0.27  # of the rules of a sheet photographed at an angle, pixels per pixel (15 degrees)


def line_art(
    image: str | Path | Image.Image,
    *,
    size: int = 256,
    stroke: float | None = STROKE,
    extent: float | None = EXTENT,
) -> Tensor:
    """A drawing, scanned or photographed, as line art like OpenMoji's: (1, size, size) uint8.

    The result is black on white. Ink is what is darker than the paper around it, or of another
    colour: pencil, yellow and light blue count too. Colours inside dark outlines are left out; a
    coloured area without an outline is reduced to its edge. Shadows and coloured paper do no harm.
    A mostly dark picture is inverted (chalk on a blackboard). The rules of ruled or squared paper
    are removed.

    The drawing is then centred and resized, and its strokes are redrawn at one width. A drawing
    that has the right place and strokes already keeps both.

    Args:
        image: a file, or a picture that was read.
        size: 16 to 1024 pixels.
        stroke: width of the strokes, in sides; None keeps their width, with thin lines at a pixel.
        extent: longer side of the drawing, in sides; None keeps the picture's middle square as is.

    Raises:
        CourseError: no lines are found, the paper's rules look like the drawing's own lines, or the
            file cannot be read.
    """
    check_size(size)
    name = "the picture" if isinstance(image, Image.Image) else str(image)
    colour, grey = _dark_on_light(_opened(image, size, name))
    ink, clean, black = _ink(colour, grey, name)
    if not ink.any():
        raise CourseError(
            f"{name}: no lines found (blank, or too faint); draw with a dark pen on light paper, "
            "and let the drawing fill most of the picture."
        )
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longer, side = max(bottom - top, right - left), min(ink.shape)
    if clean and _fits(ink, stroke, extent, longer / side, (top + bottom, left + right)):
        if black and (stroke is None or not _thin(ink, stroke * side / 4).any()):
            return tensor(square(grey, size))
        extent = None

    if extent is None:
        middle, scale = (ink.shape[0] / 2, ink.shape[1] / 2), 1 / side
    else:
        middle, scale = ((top + bottom) / 2, (left + right) / 2), extent / longer
    step = 4 if size <= 256 else 2
    fine = step * size
    scale *= fine
    # Sampling would lose lines thinner than two of the new pixels.
    drawn = _placed(_at_least(ink, 2 / scale, 3 / scale), middle, scale, fine)
    if stroke is not None:
        drawn = _stroked(drawn, stroke * fine)
    width = step if stroke is None else stroke * fine
    drawn = _at_least(drawn, width / 4, width)
    share = drawn.reshape(size, step, size, step).mean(axis=(1, 3))
    return torch.from_numpy(np.rint(255 * (1 - share)).astype(np.uint8))[None]


# Reading ---------------------------------------------------------------------


def _opened(image: str | Path | Image.Image, size: int, name: str) -> Image.Image:
    """The picture on white, in mode "L" or "RGB"."""
    if not isinstance(image, Image.Image):
        image = read(image, "RGB", size=max(512, size))
    if min(image.size) < SMALLEST:
        raise CourseError(
            f"{name}: {image.width} x {image.height} pixels are too few; "
            f"give {SMALLEST} or more on each side."
        )
    image = on_white(image)
    return image.convert("L" if image.mode in ("1", "L") or image.mode[0] in "IF" else "RGB")


def _dark_on_light(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The picture in colour and in grey, both inverted if its lines are lighter than its ground."""
    grey = image.convert("L")
    cumulated = np.cumsum(grey.histogram()) / (grey.width * grey.height)
    darkest, middle, lightest = np.searchsorted(cumulated, (0.005, 0.5, 0.995))
    if middle < 100 and lightest - middle >= middle - darkest:
        image, grey = ImageOps.invert(image), ImageOps.invert(grey)
    return image, grey


def _reduced(channel: Image.Image, factor: int, keep_lines: bool) -> np.ndarray:
    """One channel, float32, with each factor x factor block as one pixel.

    That is the block's darkest, so that a thin line stays, or its mean, so that noise goes.
    """
    if factor == 1 or not keep_lines:
        return np.asarray(channel.reduce(factor), dtype=np.float32)
    pixels = np.asarray(channel)
    pad = [(0, -length % factor) for length in pixels.shape]
    pixels = np.pad(pixels, pad, mode="edge")
    darkest = pixels[::factor, ::factor].copy()
    for row in range(factor):
        for column in range(factor):
            np.minimum(darkest, pixels[row::factor, column::factor], out=darkest)
    return darkest.astype(np.float32)


# Ink -------------------------------------------------------------------------


def _ink(colour: Image.Image, grey: Image.Image, name: str) -> tuple[np.ndarray, bool, bool]:
    """The lines (H, W) bool, at the working size; whether the picture is digital; and
    whether it is black on white.

    `darkest` is each pixel's least channel relative to the paper's, so that a yellow line is as
    dark as a black one.
    """
    clean = _is_clean(grey)
    factor = max(1, round(max(grey.size) / WORKING))
    levels = _reduced(grey, factor, keep_lines=False)
    channels = np.stack([_reduced(channel, factor, clean) for channel in colour.split()])
    paper = np.median(channels[:, levels >= np.median(levels)], axis=1)
    channels *= (255 / np.maximum(paper, 1))[:, None, None]
    thin = _reduced(grey, factor, clean)

    rules = _rules(channels, name)
    if rules is not None:
        levels, thin = (np.where(rules, _closed(plane, 40), plane) for plane in (levels, thin))
        channels = np.stack([np.where(rules, _closed(plane, 40), plane) for plane in channels])
        clean = clean or _is_clean(Image.fromarray(levels.astype(np.uint8)))
    darkest = channels.min(axis=0)

    if clean:
        black, lighter = _clean_ink(levels, thin, darkest)
    else:
        black, lighter = _photographed_ink(levels, 0.15), _photographed_ink(darkest, 0.2)
    margin = 1 if clean else 3
    added = _lighter_strokes(black, lighter, margin)
    ink = black | added
    if not clean:
        ink = _without_specks_and_rim(ink)
    coloured = (lighter & ~_grown(black, margin)).sum() > 0.01 * black.sum()
    return ink, clean, bool(clean and rules is None and levels.min() < 64 and not coloured)


def _is_clean(grey: Image.Image) -> bool:
    """Whether a picture is digital: plain paper, and little or flat grey besides.

    The paper of a photo is uneven, and its shadows are not flat.
    """
    counts = np.array(grey.histogram()) / (grey.width * grey.height)
    paper = int(np.searchsorted(np.cumsum(counts), 0.75))
    plain, between = counts[max(0, paper - 5) :].sum(), counts[41 : max(41, paper - 5)].sum()
    if plain <= 0.5 or between < 0.12:
        return bool(plain > 0.5)
    pixels = np.asarray(grey)
    corner = pixels[:-1, :-1].astype(np.int16)
    inside = (corner > 40) & (corner < paper - 5)
    flat = (np.abs(pixels[1:, :-1] - corner) <= 1) & (np.abs(pixels[:-1, 1:] - corner) <= 1)
    return bool(flat[inside].mean() > 0.5)


def _clean_ink(
    levels: np.ndarray, thin: np.ndarray, darkest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Black lines, and all lines, of digital line art: (H, W) bool each.

    Black is darker than half-way from the paper to black, or to the drawing's own ink if that is
    lighter. The other threshold has hysteresis: a faint pixel counts if its line has a clearer one.
    """
    from scipy.ndimage import label

    contrast = 255 - darkest
    marks = contrast > 10
    if not marks.any():
        return marks, marks
    paper, ink = np.percentile(levels, 75), np.percentile(thin[marks], 0.1)
    half = paper * 128 / 255 if ink < 128 else (paper + ink) / 2
    black = levels < half
    black |= (thin < half) & ~_grown(black, 1)  # lines lost in a block's mean
    seed = min(48, np.percentile(contrast[marks], 99) / 2)
    parts, n = label(contrast > max(10, seed / 2), np.ones((3, 3)))
    seeded = np.bincount(parts[contrast >= seed], minlength=n + 1) > 0
    seeded[0] = False
    return black, seeded[parts]


def _photographed_ink(levels: np.ndarray, k: float) -> np.ndarray:
    """What is darker than its surroundings (H, W) bool (Sauvola and Pietikainen, 2000, eq. 5)."""
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_sauvola

    side = max(levels.shape)
    smooth = gaussian_filter(levels.astype(np.float64), side / 1000)
    window = min(2 * (side // 16) + 1, 2 * ((min(levels.shape) - 1) // 2) + 1)
    ink = smooth < threshold_sauvola(smooth, window_size=window, k=k, r=128)
    return ink | (smooth < 0.4 * np.percentile(smooth, 90))  # the middle of large black areas


def _lighter_strokes(black: np.ndarray, lighter: np.ndarray, margin: int) -> np.ndarray:
    """The strokes (H, W) bool of `lighter` that are not `black`.

    Blurred edges (within `margin` pixels of black), specks, and colours inside black outlines are
    left out. Lighter parts of a line that is black elsewhere stay. A coloured area that has no
    outline is reduced to its edge.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt, label, maximum

    side = max(black.shape)
    edge = _grown(black, margin)
    parts, n = label(lighter & ~edge, np.ones((3, 3)))
    if n == 0:
        return np.zeros_like(black)
    area = np.bincount(parts.ravel(), minlength=n + 1)
    border = (parts > 0) & ~binary_erosion(parts > 0, border_value=1)
    length = np.bincount(parts[border], minlength=n + 1)
    shared = np.bincount(parts[border & _grown(edge, 1)], minlength=n + 1)
    depth = distance_transform_edt(np.pad(lighter | black, 1))[1:-1, 1:-1]
    deepest = np.array([0, *maximum(depth, parts, np.arange(1, n + 1))])

    of_a_line = deepest <= (0.65 * _width(black) if black.any() else 0) + 1.5
    kept = (area >= max(4, (side * STROKE / 3) ** 2)) | (of_a_line & (shared > 0))
    kept &= of_a_line | (shared <= 0.6 * length)
    kept[0] = False
    strokes = kept[parts]
    strokes |= lighter & edge & _grown((kept & of_a_line)[parts], 2 * margin)
    filled = (deepest > THICKEST / 2 * side)[parts]
    return strokes & ~(filled & (depth > STROKE * side)) & ~black


def _without_specks_and_rim(ink: np.ndarray) -> np.ndarray:
    """The ink without specks, the rim of the sheet and the table.

    The last two touch the picture's edge, and lie along it or are the smaller part.
    """
    from scipy.ndimage import find_objects, label

    parts, n = label(ink, np.ones((3, 3)))
    area = np.bincount(parts.ravel(), minlength=n + 1)
    kept = area >= max(4, (max(ink.shape) * STROKE / 3) ** 2)
    kept[0] = False
    at_edge = np.zeros(n + 1, dtype=bool)
    at_edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    depth = [
        min(rows.stop - rows.start, columns.stop - columns.start)
        for rows, columns in find_objects(parts)
    ]
    rim = at_edge & (np.array([0, *depth]) < 0.15 * min(ink.shape))
    for dropped, least in ((rim, 0.02), (at_edge, 0.5)):
        if area[kept & ~dropped].sum() > least * area[kept].sum():
            kept &= ~dropped
    return kept[parts]


# Ruled paper -----------------------------------------------------------------


def _rules(channels: np.ndarray, name: str) -> np.ndarray | None:
    """The rules (H, W) bool of ruled or squared paper, in a picture (C, H, W), 0..255; or None.

    Rules are thin, straight, parallel and evenly spaced, and cross the picture. They count only if
    they are lighter than the drawing, of another colour, or much thinner: a fence drawn with the
    same pen stays. A margin, across the others, counts if it has another colour than the drawing.

    Raises:
        CourseError: the paper is ruled from edge to edge, in the colour and width of the drawing.
    """
    from scipy.ndimage import binary_opening

    side = max(channels.shape[1:])
    if side < 200:
        return None
    raised = np.stack([_closed(channel, 40) for channel in channels]) - channels
    strength = raised.max(axis=0)
    noise = np.median(strength)
    spread = 1.5 * np.median(np.abs(strength - noise))
    thin = strength > max(20, noise + 3 * spread)
    families = [_parallels(thin), _parallels(thin.T)]
    families[1] = (families[1][0].T, *families[1][1:])
    even = [_evenly_spaced(places) for _, places, _ in families]
    if not any(even):
        return None

    paper = np.stack([_closed(channel, 8) for channel in channels])
    contrast = 255 * (1 - channels / np.maximum(paper, 1))
    marks = contrast.max(axis=0) > 40
    rest = marks & ~_grown((families[0][0] > 0) | (families[1][0] > 0), 2)
    if rest.sum() < 0.001 * rest.size:
        return None  # nothing but the pattern: it is the drawing
    ink, pen = _colour_of(contrast, rest), _width(rest)
    core = binary_opening(marks, np.ones((3, 3)))
    rules = np.zeros(thin.shape, dtype=bool)
    for (lines, _, edges), regular in zip(families, even, strict=True):
        width = _width(thin & (lines > 0)) if lines.any() else 0
        if not lines.any() or width > max(4, side / 150):
            continue
        numbers = np.unique(lines[lines > 0])
        tones = [np.median(contrast[:, thin & (lines == number)], axis=1) for number in numbers]
        usual = [np.median(tones, axis=0)] if regular else []
        for number, tone in zip(numbers, tones, strict=True):
            y, x = np.nonzero(_grown(lines == number, 2))
            for shade in (
                tone,
                *usual,
            ):  # a line that runs along the drawing has the drawing's tone
                if np.linalg.norm(shade - ink) > 0.25 * np.linalg.norm(ink):
                    rules[y, x] |= _nearer(contrast[:, y, x], shade, ink)
        alike = regular and edges and np.linalg.norm(usual[0] - ink) <= 0.25 * np.linalg.norm(ink)
        if alike and width > 0.4 * pen:
            raise CourseError(
                f"{name}: its ruled paper has lines as dark as the drawing; draw on plain paper, "
                "or with a darker or thicker pen."
            )
        if alike:
            rules |= _grown(lines > 0, 2) & ~core
    return rules if rules.any() else None


def _parallels(thin: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Parallel straight lines across a picture (H, W) bool, from left to right.

    The columns are shifted until the lines are level. A line's pixel is then one whose
    surroundings along the row are mostly set.

    Returns:
        each pixel's line (H, W) int, 0 where there is none; the rows of the lines that cover half
        of their way through the picture; whether these reach both edges.
    """
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    height, width = thin.shape
    y, x = np.nonzero(thin)
    x = x - width // 2

    def evenness(slope: float, blur: int) -> float:
        counts = np.bincount((y - slope * x + width).astype(np.int64) // blur)
        return float((counts.astype(np.float64) ** 2).sum())

    coarse = max(np.linspace(-STEEPEST, STEEPEST, 109), key=lambda slope: evenness(slope, 4))
    slope = max(np.linspace(coarse - 0.005, coarse + 0.005, 21), key=lambda s: evenness(s, 1))

    shift = np.rint(slope * (np.arange(width) - width // 2)).astype(np.int64)
    beyond = int(np.abs(shift).max())  # lines whose middle is above or below the picture
    rows = np.arange(-beyond, height + beyond)[:, None]
    inside = (rows + shift >= 0) & (rows + shift < height)
    level = np.take_along_axis(thin, (rows + shift).clip(0, height - 1), axis=0) & inside
    thick = level.copy()
    thick[1:] |= level[:-1]
    thick[:-1] |= level[1:]
    along = max(9, width // 8)
    runs = thick & (uniform_filter1d(thick.astype(np.float32), along, axis=1) > 0.6)

    band = max(3, width // 250)
    reach = runs.sum(axis=1) / np.maximum(inside.sum(axis=1), along)
    found, _ = find_peaks(reach, height=0.25, distance=band)
    places = found[reach[found] > 0.5]
    if not _evenly_spaced(places):
        found = places
    numbered = np.zeros(runs.shape, dtype=np.int32)
    for number, row in enumerate(found, start=1):
        near = slice(max(0, row - band), row + band + 1)
        numbered[near][runs[near]] = number
    numbered = np.take_along_axis(numbered, np.arange(height)[:, None] - shift + beyond, axis=0)
    return numbered, places, bool(len(places) and np.median(reach[places]) > 0.95)


def _evenly_spaced(places: np.ndarray) -> bool:
    """Whether these are four rows or more at equal distances; a few may be missing."""
    if len(places) < 4:
        return False
    gaps = np.diff(places)
    turns = gaps / np.median(gaps)
    return bool((np.abs(turns - np.rint(turns)) < 0.2).mean() >= 0.7)


def _colour_of(contrast: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The contrast to the paper (C,) of the darkest quarter of some pixels."""
    inside = contrast[:, where]
    strength = np.linalg.norm(inside, axis=0)
    return np.median(inside[:, strength >= np.percentile(strength, 75)], axis=1)


def _nearer(contrast: np.ndarray, rule: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Which contrasts (C, N) mix paper with the rule's (C,) and not with the ink's (C,): (N,)."""

    def distance(colour: np.ndarray, low: float, high: float) -> np.ndarray:
        share = np.tensordot(colour, contrast, 1) / (colour @ colour)
        return np.linalg.norm(contrast - share.clip(low, high) * colour[:, None], axis=0)

    return distance(rule, 0, 1.2) <= distance(ink, 0.5, 2)


def _closed(plane: np.ndarray, part: int) -> np.ndarray:
    """The picture (H, W) without dark lines thinner than the longer side / `part`."""
    from scipy.ndimage import grey_closing

    window = max(5, max(plane.shape) // part)
    return grey_closing(plane, (window, window))


# Strokes ---------------------------------------------------------------------


def _fits(
    ink: np.ndarray, stroke: float | None, extent: float | None, found: float, ends: tuple[int, int]
) -> bool:
    """Whether a drawing has OpenMoji's place and strokes, in a square picture."""
    height, width = ink.shape
    central = all(
        abs(end / 2 / side - 0.5) < 0.1 for end, side in zip(ends, (height, width), strict=True)
    )
    placed = extent is None or (abs(found - extent) < 0.2 and central)
    return (
        height == width and placed and (stroke is None or 0.6 < _width(ink) / height / stroke < 1.6)
    )


def _grown(ink: np.ndarray, by: int) -> np.ndarray:
    """The ink (H, W) bool, `by` pixels wider on each side."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(ink, 2 * by + 1)


def _depths(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's distance to what is not ink, and the middle lines of the strokes."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    ink = np.pad(ink, 1)
    return distance_transform_edt(ink)[1:-1, 1:-1], skeletonize(ink)[1:-1, 1:-1]


def _width(ink: np.ndarray) -> float:
    """Median width of the strokes in pixels."""
    depth, middle = _depths(ink)
    return float(2 * np.median(depth[middle]) - 1)


def _thin(ink: np.ndarray, least: float) -> np.ndarray:
    """The middle (H, W) bool of lines thinner than `least` pixels; ends and corners are none."""
    from scipy.ndimage import distance_transform_edt, label

    depth, middle = _depths(ink)
    wide = middle & (2 * depth - 1 >= least)
    branches, n = label(middle & ~wide, np.ones((3, 3)))
    if n == 0 or not wide.any():
        return branches > 0
    clear = (branches > 0) & (distance_transform_edt(~wide) > 4 * least)
    return np.isin(branches, np.unique(branches[clear]))


def _at_least(ink: np.ndarray, least: float, width: float) -> np.ndarray:
    """The ink, with lines thinner than `least` pixels redrawn `width` pixels wide."""
    from scipy.ndimage import distance_transform_edt

    thin = _thin(ink, least)
    return ink | (distance_transform_edt(~thin) <= width / 2) if thin.any() else ink


def _placed(ink: np.ndarray, middle: tuple[float, float], scale: float, fine: int) -> np.ndarray:
    """The ink enlarged `scale` times, with `middle` (row, column) in the middle of (fine, fine)."""
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
    """The ink (H, W) with strokes about `width` pixels wide; a width that is right stays."""
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
    thinned = (depth > (found - width) / 2) | (
        distance_transform_edt(~skeletonize(ink)) <= width / 2
    )
    # What is wider than one and a half strokes is a dot or a black area, and stays.
    core = 0.75 * found
    areas = (
        distance_transform_edt(depth <= core) <= core
        if (depth > core).any()
        else np.zeros_like(ink)
    )
    return ink & (thinned | areas)
