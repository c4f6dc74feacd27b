"""Does a coloured drawing match the true picture? Classes are palette colours; no network judges.

For flat art only, where nearly every pixel has one of a few exact colours: the most common ones are
the classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8

COLOURS = 20  # in a palette
# A painted colour has at least so many 2 x 2 squares per pixel: OpenMoji's .7 to .9, edges .05.
SOLID = 0.25
BIN = 4.0  # width of a histogram bin in Lab units; one is centred on 0, so that grey is on no edge
HALF = 32  # bins on either side of it: sRGB colours have a and b within -108..99, L within 0..100
PIXELS = 1 << 18  # processed at once

# sRGB -> XYZ, IEC 61966-2-1 (D65). With the row sums as white point, every grey has a = b = 0.
XYZ = torch.tensor(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
    dtype=torch.float64,
)


def palette(images: Tensor, size: int = COLOURS) -> Tensor:
    """The most common exact colours, in descending order: (size, 3) uint8.

    Mixed colours at antialiased edges are left out: edges are one pixel wide, while a painted area
    covers squares of 2 x 2 pixels, at least one for every four of its pixels. Black, white and the
    other corners of the RGB cube are mixtures of nothing and need no square: at 64 pixels a stroke
    is thinner than two. Equally common colours are in the order of (red, green, blue).

    Args:
        images: (N, 3, S, S) uint8, flat art. Use the training pictures, not those to be scored.
        size: number of colours.

    Raises:
        CourseError: pictures of another shape or dtype, or fewer painted colours than `size`.
    """
    if images.dtype != torch.uint8:
        raise CourseError(
            f"images.dtype={images.dtype}: a palette needs exact colours; give uint8 in 0..255."
        )
    code = _code(_colour(images, "images"))  # (N, S, S)
    corner = code[:, 1:, 1:]
    flat = corner[
        (corner == code[:, :-1, 1:]) & (corner == code[:, 1:, :-1]) & (corner == code[:, :-1, :-1])
    ]
    found, count = code.unique(return_counts=True)
    squares = torch.zeros_like(count).index_add_(
        0, torch.searchsorted(found, flat), torch.ones_like(flat)
    )
    corners = torch.tensor([0, 255])
    pure = torch.isin(
        found, _code(torch.cartesian_prod(*[corners] * 3)[:, :, None, None]).flatten()
    )
    painted = pure | (squares >= SOLID * count)
    found, count = found[painted], count[painted]
    if not 0 < size <= len(found):
        raise CourseError(
            f"size={size}: {len(images):,} pictures with {len(found):,} painted colours, no edges; "
            f"give 1 to {len(found):,}, or more pictures of flat art."
        )
    # `unique` sorts by colour, and a stable sort keeps that order in ties.
    best = found[count.argsort(descending=True, stable=True)[:size]]
    return torch.stack([best >> 16, best >> 8 & 255, best & 255], 1).to(torch.uint8)


def covered(images: Tensor, palette: Tensor) -> float:
    """The fraction of pixels, 0..1, with exactly a colour of the palette (K, 3); see `quantise`."""
    colours = _code(_palette(palette)[:, :, None, None]).flatten()
    return torch.isin(_code(_colour(images, "images")), colours).double().mean().item()


def quantise(images: Tensor, palette: Tensor) -> Tensor:
    """The index of the nearest palette colour for each pixel: (N, S, S) int64, 0..K-1.

    Nearest by Euclidean distance in CIE Lab, where equal distances look about equally large; in RGB
    they do not. A palette colour is its own nearest one. The greys at the edges of strokes go to
    the palette's greys.

    Args:
        images: (N, 3, S, S), or (N, 1, S, S) for grey pictures; uint8 or float in [-1, 1].
        palette: (K, 3) uint8.

    Raises:
        CourseError: pictures or a palette of another shape or range, or a palette with a colour
            twice.
    """
    images = _colour(images, "images")
    colours = lab(_palette(palette)[:, :, None, None]).flatten(1)  # (K, 3)
    classes = [
        (colours.square().sum(1) - 2 * lab(part).permute(0, 2, 3, 1) @ colours.T).argmin(-1)
        for part in _parts(images)
    ]
    return torch.cat(classes)


def segmentation_scores(predicted: Tensor, truth: Tensor, classes: int) -> dict:
    """Pixel accuracy, mean accuracy and mean IoU (Long et al. 2015, section 5; Isola et al. 2017).

    Args:
        predicted: classes (N, S, S), or several draws (D, N, S, S), whose pixels are pooled.
        truth: classes (N, S, S), 0..classes-1.

    Returns:
        dict of floats 0..1. `per_pixel`: fraction of pixels that are right. `per_class`: the same
        for each class of the truth, averaged over classes, so that a rare colour weighs as much as
        white paper. `class_iou`: right pixels / (pixels of the class + pixels wrongly assigned to
        it), averaged in the same way. A class that the truth does not contain is left out of both
        averages; predicting it only costs the class that it covers.

    Raises:
        CourseError: no pixels, shapes that do not match, or a class out of range.
    """
    predicted, truth = _classes(predicted, truth, classes)
    confusion = sum(
        (truth * classes + draw).flatten().bincount(minlength=classes**2) for draw in predicted
    )
    confusion = confusion.view(classes, classes).double()  # rows: truth
    right, there, painted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    present = there > 0
    return {
        "per_pixel": (right.sum() / there.sum()).item(),
        "per_class": (right / there)[present].mean().item(),
        "class_iou": (right / (there + painted - right))[present].mean().item(),
    }


def coloured_accuracy(predicted: Tensor, truth: Tensor, line_art: Tensor) -> dict:
    """Accuracy where colour is needed: where the true class is not the class of the line art.

    The line art itself scores 0. Colour outside this region costs nothing, so quote the per-pixel
    accuracy as well.

    Args:
        predicted: classes (N, S, S), or several draws (D, N, S, S).
        truth, line_art: classes (N, S, S).

    Returns:
        dict of `inside`, 0..1, right pixels / pixels of the region over all pictures and draws;
        `inside_best`, the same for the best draw of each picture, None for a single draw; `region`,
        the fraction of all pixels that need colour; `pictures`, (D, N) float64, the score of each
        draw of each picture, NaN where nothing needs colour. The best draw is chosen by looking at
        the truth: compare it only with the best of as many draws.

    Raises:
        CourseError: shapes that do not match, or no pixel that needs colour.
    """
    predicted, truth = _classes(predicted, truth)
    _, line_art = _classes(line_art, line_art)
    if line_art.shape != truth.shape:
        raise CourseError(
            f"line_art.shape={tuple(line_art.shape)}: the truth has {tuple(truth.shape)}; "
            "give one drawing per picture, of the same size."
        )
    region = truth != line_art
    size = region.flatten(1).sum(1)  # (N,)
    if not size.any():
        raise CourseError(
            f"line_art: has the classes of the truth in all {len(truth):,} pictures; "
            "give the drawings, not the coloured pictures."
        )
    right = ((predicted == truth) & region).flatten(2).sum(2)  # (D, N)
    return {
        "inside": (right.sum() / (len(right) * size.sum())).item(),
        "inside_best": (right.amax(0).sum() / size.sum()).item() if len(right) > 1 else None,
        "region": region.double().mean().item(),
        "pictures": right.double() / size,
    }


def lab_histogram_intersection(predicted: Tensor, truth: Tensor) -> dict:
    """Overlap of two colour distributions in L, a and b (Isola et al. 2017, section 4.2).

    The distributions are marginal, over all pixels of all pictures. The paper does not give its bin
    width; here bins are 4 units wide, one of them centred on 0. The position of a colour does not
    count: shuffled pictures score 1. A flat colour close to the edge of a bin can move to the next
    bin by a change of one level and lose its whole overlap.

    Args:
        predicted, truth: pictures (N, 3, S, S) and (M, 3, S, S), uint8 or float in [-1, 1]; N and M
            may differ.

    Returns:
        dict of `L`, `a`, `b`, 0..1: the sum over bins of the smaller of the two fractions.

    Raises:
        CourseError: pictures of another shape or range, or none.
    """
    sides = [
        _histograms(_colour(images, name))
        for images, name in ((predicted, "predicted"), (truth, "truth"))
    ]
    return dict(zip("Lab", torch.minimum(*sides).sum(1).tolist(), strict=True))


def colourfulness(images: Tensor) -> Tensor:
    """Colourfulness M^(3) of Hasler & Suesstrunk 2003: 0 for grey, 109 "extremely colourful".

    It is the spread of red - green and of yellow - blue (levels 0..255) plus .3 times the distance
    of their mean from grey. White paper therefore counts: compare pictures with equally much of it.

    Args:
        images: (N, 3, S, S), uint8 or float in [-1, 1].

    Returns:
        (N,) float64, 0 or more.

    Raises:
        CourseError: pictures of another shape or range, or none.
    """
    found = []
    for part in _parts(_colour(images, "images")):
        red, green, blue = part.flatten(2).double().unbind(1)
        opponent = torch.stack([red - green, (red + green) / 2 - blue])  # (2, N, S*S)
        found.append(opponent.std(2, correction=0).norm(dim=0) + 0.3 * opponent.mean(2).norm(dim=0))
    return torch.cat(found)


def colour_scores(outputs: Tensor, targets: Tensor, inputs: Tensor, *, palette: Tensor) -> dict:
    """All scores of this module for pictures made from line art, and for the line art itself.

    Args:
        outputs: (N, 3, S, S), or several draws (D, N, 3, S, S); uint8 or float in [-1, 1].
        targets: the true pictures (N, 3, S, S), uint8 or float in [-1, 1].
        inputs: the line art (N, 1, S, S) or (N, 3, S, S), black on white.
        palette: (K, 3) uint8, from training pictures.

    Returns:
        dict of `per_pixel`, `per_class`, `class_iou` (`segmentation_scores`); `inside` and, for
        several draws, `inside_best` (`coloured_accuracy`); `histogram_a`, `histogram_b`
        (`lab_histogram_intersection`); `colourfulness_ratio`, the mean over outputs / the mean over
        targets, ideally 1. Each but `inside_best` is repeated as `floor_...` for the line art
        unchanged; `floors.filled` makes a harder floor. The protocol follows: `colours`, K;
        `covered`, the fraction of target pixels with an exact palette colour; `region`, the
        fraction of pixels that need colour; `pairs`; `draws`. Draws are pooled everywhere but in
        `inside_best`.

    Raises:
        CourseError: pictures or a palette of another shape or range, or targets without colour.
    """
    targets, inputs = _colour(targets, "targets"), _colour(inputs, "inputs")
    if outputs.ndim not in (4, 5):
        raise CourseError(
            f"outputs.shape={tuple(outputs.shape)}: neither (N, 3, S, S) nor (D, N, 3, S, S); "
            "give pictures, or several draws of them."
        )
    draws = [
        _colour(draw, "outputs", grey=False)
        for draw in (outputs if outputs.ndim == 5 else outputs[None])
    ]
    if not draws:
        raise CourseError("outputs: no draws; give at least one.")
    for name, pictures in (("inputs", inputs), *(("outputs", draw) for draw in draws)):
        if pictures.shape != targets.shape:
            raise CourseError(
                f"{name}.shape={tuple(pictures.shape)}: targets have {tuple(targets.shape)}; "
                f"give one of the {name} per target, of the same size."
            )
    truth, line_art = quantise(targets, palette), quantise(inputs, palette)
    colourful = colourfulness(targets).mean().item()
    if colourful < 1e-6:
        raise CourseError(
            "targets: all grey, so there is no colour to compare; give coloured pictures."
        )

    def scores(draws: list[Tensor]) -> dict:
        predicted, pixels = (
            torch.stack([quantise(draw, palette) for draw in draws]),
            torch.cat(draws),
        )
        overlap = lab_histogram_intersection(pixels, targets)
        return segmentation_scores(predicted, truth, len(palette)) | {
            **coloured_accuracy(predicted, truth, line_art),
            "histogram_a": overlap["a"],
            "histogram_b": overlap["b"],
            "colourfulness_ratio": colourfulness(pixels).mean().item() / colourful,
        }

    found, floor = scores(draws), scores([inputs])
    region = found.pop("region")
    for name in ("pictures", "inside_best", "region"):
        floor.pop(name)
    found.pop("pictures")
    if found["inside_best"] is None:
        found.pop("inside_best")
    return {
        **found,
        **{f"floor_{name}": value for name, value in floor.items()},
        "colours": len(palette),
        "covered": covered(targets, palette),
        "region": region,
        "pairs": len(targets),
        "draws": len(draws),
    }


def lab(images: Tensor) -> Tensor:
    """CIE Lab (D65) of sRGB pictures (N, 3, S, S) uint8: float32, L 0..100, a and b -108..99."""
    level = torch.arange(256, dtype=torch.float64) / 255
    linear = torch.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92).float()
    relative = (XYZ / XYZ.sum(1, keepdim=True)).float()
    ratio = torch.einsum("xc,nchw->xnhw", relative, linear[images.long()])
    x, y, z = torch.where(
        ratio > (6 / 29) ** 3, ratio ** (1 / 3), ratio * (29 / 6) ** 2 / 3 + 4 / 29
    )
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _histograms(images: Tensor) -> Tensor:
    """The distributions of L, a and b over all pixels: (3, bins), each row sums to 1."""
    bins = 2 * HALF + 1
    count = torch.zeros(3 * bins, dtype=torch.int64)
    for part in _parts(images):
        index = (lab(part) / BIN).round().long() + HALF + bins * torch.arange(3)[:, None, None]
        count += index.flatten().bincount(minlength=3 * bins)
    return count.view(3, bins) / count.view(3, bins).sum(1, keepdim=True).double()


def _parts(images: Tensor) -> tuple[Tensor, ...]:
    return images.split(max(1, PIXELS // images[0, 0].numel()))


def _code(images: Tensor) -> Tensor:
    """(N, 3, S, S) in 0..255 -> (N, S, S) int64, one number per colour."""
    red, green, blue = images.long().unbind(1)
    return red << 16 | green << 8 | blue


def _colour(images: Tensor, name: str, grey: bool = True) -> Tensor:
    """Pictures as (N, 3, S, S) uint8 on the CPU; with `grey`, one channel is accepted."""
    images = as_uint8(images, name).cpu()
    if images.shape[1] != 3 and not (grey and images.shape[1] == 1) or not images.numel():
        raise CourseError(
            f"{name}.shape={tuple(images.shape)}: not (N, {'1 or 3' if grey else '3'}, S, S); "
            "give at least one picture."
        )
    return images.expand(-1, 3, -1, -1)


def _palette(palette: Tensor) -> Tensor:
    shape = tuple(palette.shape)
    if palette.dtype != torch.uint8 or palette.ndim != 2 or shape[1] != 3 or shape[0] < 2:
        raise CourseError(
            f"palette.shape={shape}, {palette.dtype}: not (K, 3) uint8 with two colours or more; "
            "make one with palette(images)."
        )
    if len(palette.unique(dim=0)) < len(palette):
        raise CourseError(
            f"palette: a colour occurs twice among {len(palette)}; give each colour once."
        )
    return palette.cpu()


def _classes(predicted: Tensor, truth: Tensor, classes: int | None = None) -> tuple[Tensor, Tensor]:
    """Draws (D, N, S, S) and truth (N, S, S), int64 on the CPU."""
    predicted = predicted if predicted.ndim == 4 else predicted[None]
    if truth.ndim != 3 or predicted.shape[1:] != truth.shape or not predicted.numel():
        raise CourseError(
            f"truth.shape={tuple(truth.shape)}: each of {len(predicted)} draws has "
            f"{tuple(predicted.shape[1:])}; give classes (N, S, S) for the truth and "
            "(N, S, S) or (D, N, S, S) for the prediction, with N of 1 or more."
        )
    for name, given in (("predicted", predicted), ("truth", truth)):
        if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
            raise CourseError(
                f"{name}.dtype={given.dtype}: classes are integers; make them with quantise()."
            )
        low, high = given.min().item(), given.max().item()
        if low < 0 or (classes is not None and high >= classes):
            limit = "0 or more" if classes is None else f"0..{classes - 1}"
            raise CourseError(f"{name}={low}..{high}: classes out of range; give {limit}.")
    return predicted.cpu().long(), truth.cpu().long()
