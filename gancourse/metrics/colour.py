"""Is a drawing coloured as its truth is? Classes are the colours of a palette, so no network has to judge.

Flat art only: where nearly every pixel has one of a few exact colours, the commonest colours are the classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8, checked

COLOURS = 20  # of a palette
SOLID = 0.25  # squares of 2 x 2 a pixel, from which a colour counts as painted: OpenMoji's have .7 to .9, edges .05
BIN = 4.0  # width of a histogram's bins, units of Lab; one bin is centred on 0, so that grey lies on no edge
HALF = (
    32  # bins on either side of it: a and b of any sRGB colour lie within -108..99, L within 0..100
)
PIXELS = 1 << 18  # worked on at a time

# sRGB -> XYZ, IEC 61966-2-1 (D65); the white point is the row sums, so that every grey has a = b = 0.
XYZ = torch.tensor(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
    dtype=torch.float64,
)


def palette(images: Tensor, size: int = COLOURS) -> Tensor:
    """The commonest exact colours, commonest first: (size, 3) uint8.

    Args:
        images: (N, 3, S, S) uint8, flat art. Take the training pictures, not those to be scored.
        size: how many colours.

    The mixed colours of antialiased edges are left out: they are a pixel wide, while a colour that is painted covers
    squares of 2 x 2 pixels, at least one for four of its pixels. Black, white and the other corners of the RGB cube are
    no mixture of anything and need no square: at 64 pixels a stroke is thinner than two. Of equally common colours the
    first in the order of (red, green, blue) comes first.

    Raises:
        CourseError: not such pictures, or fewer painted colours in them than `size`.
    """
    if images.dtype != torch.uint8:
        raise CourseError(
            f"A palette is counted in uint8 pictures (0..255), but these are {images.dtype}."
        )
    code = _code(_colour(images, "Pictures"))  # (N, S, S)
    corner = code[:, 1:, 1:]
    flat = corner[
        (corner == code[:, :-1, 1:]) & (corner == code[:, 1:, :-1]) & (corner == code[:, :-1, :-1])
    ]
    found, count = code.unique(return_counts=True)
    squares = torch.zeros_like(count).index_add_(
        0, torch.searchsorted(found, flat), torch.ones_like(flat)
    )
    pure = torch.isin(
        found,
        torch.tensor([r << 16 | g << 8 | b for r in (0, 255) for g in (0, 255) for b in (0, 255)]),
    )
    painted = pure | (squares >= SOLID * count)
    found, count = found[painted], count[painted]
    if not 0 < size <= len(found):
        raise CourseError(
            f"A palette of {size} colours was asked for, but {len(images):,} pictures have {len(found):,} painted ones "
            "(edges apart). Ask for fewer, or hand over more pictures, of flat art."
        )
    best = found[
        count.argsort(descending=True, stable=True)[:size]
    ]  # `unique` sorts; a stable sort keeps that in ties
    return torch.stack([best >> 16, best >> 8 & 255, best & 255], 1).to(torch.uint8)


def covered(images: Tensor, palette: Tensor) -> float:
    """The part, 0..1, of the pixels that have exactly a colour of the palette (K, 3); images as for `quantise`."""
    colours = _code(_palette(palette)[:, :, None, None]).flatten()
    return torch.isin(_code(_colour(images, "Pictures")), colours).double().mean().item()


def quantise(images: Tensor, palette: Tensor) -> Tensor:
    """The nearest colour of the palette, a class 0..K-1 a pixel: (N, S, S) int64.

    Args:
        images: (N, 3, S, S), or (N, 1, S, S) for greys; uint8 or float in [-1, 1].
        palette: (K, 3) uint8.

    Nearest by the straight distance in CIE Lab, where equal distances look about equally far; in RGB they do not. A
    colour of the palette is always its own class; the greys at the edges of strokes fall to the palette's greys.

    Raises:
        CourseError: not such pictures, or a palette of another shape or with a colour twice.
    """
    images, colours = (
        _colour(images, "Pictures"),
        lab(_palette(palette)[:, :, None, None]).flatten(1),
    )  # (K, 3)
    classes = [
        (colours.square().sum(1) - 2 * lab(part).permute(0, 2, 3, 1) @ colours.T).argmin(-1)
        for part in _parts(images)
    ]
    return torch.cat(classes)


def segmentation_scores(predicted: Tensor, truth: Tensor, classes: int) -> dict:
    """Pixel accuracy, mean accuracy and mean IoU (Long et al. 2015, section 5), the columns of Isola et al. 2017.

    Args:
        predicted: classes (N, S, S), or several draws of them (D, N, S, S), whose pixels are counted together.
        truth: classes (N, S, S), 0..classes-1.

    Returns:
        dict of floats 0..1. `per_pixel`: the part of the pixels that are right. `per_class`: the same for each class of
        the truth, averaged over classes, so that a rare colour weighs as much as the white paper. `class_iou`: pixels
        right / (pixels of the class + pixels wrongly given to it), averaged likewise. A class that the truth does not
        have is no part of an average; painting it costs the class that it covers.

    Raises:
        CourseError: no pixels, shapes that do not fit, or a class out of range.
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
    """Accuracy where colour is needed: in the pixels whose true class is not the one that the line art shows.

    Args:
        predicted: classes (N, S, S), or several draws of them (D, N, S, S).
        truth, line_art: classes (N, S, S).

    Returns:
        dict of `inside`, 0..1, pixels right / pixels of the region over all pictures and draws; `inside_best`, the same
        with the best draw of each picture only, None for a single draw; `region`, the part of all pixels that need
        colour; `pictures`, (D, N) float64, each draw of each picture for itself, NaN where nothing needs colour.

    The line art itself scores 0 here. Paint outside of the region costs nothing: quote the per-pixel accuracy beside
    it. The best draw is chosen by looking at the truth: compare only with the best of as many draws.

    Raises:
        CourseError: shapes that do not fit, or no pixel that needs colour.
    """
    predicted, truth = _classes(predicted, truth)
    _, line_art = _classes(line_art, line_art)
    if line_art.shape != truth.shape:
        raise CourseError(
            f"The line art has the shape {tuple(line_art.shape)}, the truth {tuple(truth.shape)}."
        )
    region = truth != line_art
    size = region.flatten(1).sum(1)  # (N,)
    if not size.any():
        raise CourseError(
            f"Nothing needs colour: in all {len(truth):,} pictures the line art has the classes of the truth. "
            "Was the truth handed over in the place of the line art?"
        )
    right = torch.stack(
        [((draw == truth) & region).flatten(1).sum(1) for draw in predicted]
    )  # (D, N)
    return {
        "inside": (right.sum() / (len(right) * size.sum())).item(),
        "inside_best": (right.amax(0).sum() / size.sum()).item() if len(right) > 1 else None,
        "region": region.double().mean().item(),
        "pictures": right.double() / size,
    }


def lab_histogram_intersection(predicted: Tensor, truth: Tensor) -> dict:
    """How much two distributions of colour overlap, one number each for L, a and b (Isola et al. 2017, section 4.2).

    Args:
        predicted, truth: pictures (N, 3, S, S), (M, 3, S, S), uint8 or float in [-1, 1]; N and M may differ.

    Returns:
        dict of `L`, `a`, `b`, 0..1: the sum over bins of the smaller of the two shares, over all pixels of all pictures.

    The paper compares the marginal distributions over all pixels and does not say how wide its bins are. Here they are
    4 units wide, the middle one centred on 0. It says nothing of where a colour is: shuffled pictures score 1.
    A flat colour at the edge of a bin may fall into the next by one level and miss its whole area.

    Raises:
        CourseError: not such pictures, or none.
    """
    sides = [
        _histograms(_colour(images, what))
        for images, what in ((predicted, "Pictures"), (truth, "True pictures"))
    ]
    return dict(zip("Lab", torch.minimum(*sides).sum(1).tolist(), strict=True))


def colourfulness(images: Tensor) -> Tensor:
    """M^(3) of Hasler & Suesstrunk 2003 of each picture: (N,) float64, 0 for greys, 109 "extremely colourful".

    Args:
        images: (N, 3, S, S), uint8 or float in [-1, 1].

    The spread of red - green and of yellow - blue (levels 0..255) plus .3 of the distance of their mean from grey. So
    white paper around a picture counts: compare pictures with the same paper.

    Raises:
        CourseError: not such pictures, or none.
    """
    found = []
    for part in _parts(_colour(images, "Pictures")):
        red, green, blue = part.flatten(2).double().unbind(1)
        opponent = torch.stack([red - green, (red + green) / 2 - blue])  # (2, N, S*S)
        found.append(opponent.std(2, correction=0).norm(dim=0) + 0.3 * opponent.mean(2).norm(dim=0))
    return torch.cat(found)


def colour_scores(outputs: Tensor, targets: Tensor, inputs: Tensor, *, palette: Tensor) -> dict:
    """All of the above for pictures made from line art, beside what the line art itself would get.

    Args:
        outputs: (N, 3, S, S), or several draws (D, N, 3, S, S); uint8 or float in [-1, 1].
        targets: the true pictures (N, 3, S, S), uint8 or float in [-1, 1].
        inputs: the line art (N, 1, S, S) or (N, 3, S, S), as drawn, black on white.
        palette: (K, 3) uint8, from training pictures.

    Returns:
        dict of `per_pixel`, `per_class`, `class_iou` (`segmentation_scores`); `inside` and, for several draws,
        `inside_best` (`coloured_accuracy`); `histogram_a`, `histogram_b` (`lab_histogram_intersection`);
        `colourfulness_ratio`, the mean over outputs / the mean over targets, 1 is right; each but `inside_best` again
        as `floor_...`, for the line art unchanged. And the protocol: `colours`, K; `covered`, the part of the target's
        pixels that has a palette colour exactly; `region`, the part of the pixels that need colour; `pairs`; `draws`.
        Draws are counted together everywhere but in `inside_best`.

    Raises:
        CourseError: pictures or a palette of another shape or range, or targets without colour.
    """
    targets, inputs = _colour(targets, "Targets"), _colour(inputs, "Inputs")
    if outputs.ndim not in (4, 5):
        raise CourseError(
            f"Outputs must be pictures (N, 3, S, S) or draws of them (D, N, 3, S, S), not {tuple(outputs.shape)}."
        )
    draws = [
        _colour(draw, "Outputs", grey=False)
        for draw in (outputs if outputs.ndim == 5 else outputs[None])
    ]
    for what, pictures in (("inputs", inputs), *(("outputs", draw) for draw in draws)):
        if pictures.shape != targets.shape:
            raise CourseError(
                f"Each target needs its {what[:-1]}: targets have {tuple(targets.shape)}, {what} "
                f"{tuple(pictures.shape)}."
            )
    if not draws:
        raise CourseError("Outputs hold no draw at all.")
    truth, line_art = quantise(targets, palette), quantise(inputs, palette)
    colourful = colourfulness(targets).mean().item()
    if colourful < 1e-6:
        raise CourseError("All targets are grey: there is no colour to compare with.")

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
    """CIE Lab (D65) of sRGB pictures: (N, 3, S, S) uint8 -> float32; L in 0..100, a and b about -108..99."""
    level = torch.arange(256, dtype=torch.float64) / 255
    linear = torch.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92).float()[
        images.long()
    ]
    ratio = torch.einsum("xc,nchw->xnhw", (XYZ / XYZ.sum(1, keepdim=True)).float(), linear)
    x, y, z = torch.where(
        ratio > (6 / 29) ** 3, ratio ** (1 / 3), ratio * (29 / 6) ** 2 / 3 + 4 / 29
    )
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _histograms(images: Tensor) -> Tensor:
    """Shares (3, bins) of L, a, b over all pixels."""
    bins = 2 * HALF + 1
    count = torch.zeros(3 * bins, dtype=torch.int64)
    for part in _parts(images):
        index = (lab(part) / BIN).round().long() + HALF + bins * torch.arange(3)[:, None, None]
        count += index.flatten().bincount(minlength=3 * bins)
    return count.view(3, bins) / count.view(3, bins).sum(1, keepdim=True).double()


def _parts(images: Tensor) -> tuple[Tensor, ...]:
    return images.split(max(1, PIXELS // images[0, 0].numel()))


def _code(images: Tensor) -> Tensor:
    """(N, 3, S, S) uint8 -> (N, S, S) int64, a number a colour."""
    red, green, blue = images.long().unbind(1)
    return red << 16 | green << 8 | blue


def _colour(images: Tensor, what: str, grey: bool = True) -> Tensor:
    """Pictures as (N, 3, S, S) uint8 on the CPU; `grey`: one channel will do."""
    images = as_uint8(checked(images)).cpu()
    if images.shape[1] != 3 and not (grey and images.shape[1] == 1) or not images.numel():
        raise CourseError(
            f"{what} must be one or more pictures with {'1 or 3' if grey else '3'} channels, (N, C, S, S), "
            f"but these have the shape {tuple(images.shape)}."
        )
    return images.expand(-1, 3, -1, -1)


def _palette(palette: Tensor) -> Tensor:
    if (
        palette.dtype != torch.uint8
        or palette.ndim != 2
        or palette.shape[1] != 3
        or len(palette) < 2
    ):
        raise CourseError(
            f"A palette is two or more colours (K, 3) uint8, but this is {palette.dtype} of {tuple(palette.shape)}."
        )
    if len(palette.unique(dim=0)) < len(palette):
        raise CourseError(f"A colour stands twice in this palette of {len(palette)}.")
    return palette.cpu()


def _classes(predicted: Tensor, truth: Tensor, classes: int | None = None) -> tuple[Tensor, Tensor]:
    """Draws (D, N, S, S) and truth (N, S, S), int64 on the CPU."""
    predicted = predicted if predicted.ndim == 4 else predicted[None]
    if truth.ndim != 3 or predicted.shape[1:] != truth.shape or not predicted.numel():
        raise CourseError(
            "Classes must be (N, S, S) for the truth, and the same or (D, N, S, S) for what is scored, but the truth "
            f"has the shape {tuple(truth.shape)} and one draw {tuple(predicted.shape[1:])} (draws: {len(predicted)})."
        )
    for what, given in (("Predicted", predicted), ("True", truth)):
        if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
            raise CourseError(
                f"{what} classes must be whole numbers, but these are {given.dtype}: use `quantise`."
            )
        low, high = given.min().item(), given.max().item()
        if low < 0 or (classes is not None and high >= classes):
            limit = "0 or more" if classes is None else f"0..{classes - 1}"
            raise CourseError(
                f"{what} classes must be {limit}, but these reach from {low} to {high}."
            )
    return predicted.cpu().long(), truth.cpu().long()
