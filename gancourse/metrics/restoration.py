"""How close is an enlarged picture to the original? Errors, structure, texture, distances.

Each of these numbers is best for some picture that no person would choose, and each function says
for which. Read an error (`psnr`) beside a distance (`distance`, `stlpips`): no method is best at
both (Blau and Michaeli 2018).

Pictures are (N, 3, H, W) or (3, H, W), uint8 or float in [-1, 1]; floats are rounded to the levels
of a file first. A score is the mean over the N pictures.
"""

from __future__ import annotations

import torch
from scipy.signal import welch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from gancourse.bicubic import shrink
from gancourse.files import CourseError
from gancourse.metrics import shift_tolerant
from gancourse.metrics.inputs import as_uint8

# Red, green and blue in Y, of 0..255: ITU-R BT.601 with 16..235, as MATLAB's rgb2ycbcr.
LUMA = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64) / 255
ROUNDING = LUMA.square().sum().item() / 12  # variance of Y when red, green and blue are rounded
RING = 1 / 128  # width of a ring of frequencies, in cycles per pixel
SEGMENT = 64  # px of a line that one estimate of its spectrum is made of
BESIDE = (-3, -2, 2, 3)  # bins that a grid is compared with; +-1 holds a part of its own energy


def degrade(original: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """What a network is given to enlarge, and what it should make of it.

    The original, (N, 3, H, W) uint8, is cut at its right and lower border to sides that are
    multiples of the scale, shrunk with antialiasing and rounded to bytes.

    Returns:
        (N, 3, h, w) and (N, 3, scale h, scale w), both uint8 on the CPU.
    """
    height, width = (side // scale * scale for side in original.shape[2:])
    original = original[:, :, :height, :width].cpu()
    return shrink(original.double(), scale).round().clamp(0, 255).byte(), original


def luma(pictures: Tensor) -> Tensor:
    """Y of YCbCr: (N, H, W) float64, 16 (black) to 235 (white), not rounded.

    Raises:
        CourseError: pictures of another shape or range.
    """
    return 16 + torch.einsum("c,nchw->nhw", LUMA, colour(pictures, "pictures").double())


def psnr(made: Tensor, true: Tensor, border: int = 4) -> float:
    """Peak signal-to-noise ratio of Y in dB, with the peak at 255; infinite for equal pictures.

    The protocol of papers on super-resolution, whose numbers hold for no other: Y instead of RGB,
    16..235, `border` px cut from each side.

    It lies for averages. Where the original could be one of many pictures, their mean has the
    best expected score and looks like none of them: PSNR rewards blur.

    Raises:
        CourseError: pictures of another shape or range, or nothing left within the border.
    """
    made, true = (inside(luma(each), border) for each in pairs(made, true))
    return decibels((made - true).square().mean((1, 2)))


def ssim(made: Tensor, true: Tensor, border: int = 4) -> float:
    """Structural similarity of Y, at most 1 (Wang et al. 2004, section III).

    Means, variances and covariance under a Gaussian window of 11 x 11 px, sigma 1.5, as in the
    authors' MATLAB code; the border is cut as for `psnr`.

    It lies much as PSNR does, only later: it forgives changes of contrast and brightness, and in
    smooth regions a little noise costs more than a wrong texture does elsewhere.

    Raises:
        CourseError: as for `psnr`, or less than 11 px left within the border.
    """
    made, true = (inside(luma(each), border, 11) for each in pairs(made, true))
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    found = [
        structural_similarity(a.numpy(), b.numpy(), data_range=255, **how)
        for a, b in zip(made, true, strict=True)
    ]
    return sum(found) / len(found)


def consistency(made: Tensor, low: Tensor, scale: int) -> float:
    """Does the enlarged picture shrink to the one it was made from? PSNR in dB, over RGB.

    `made` is shrunk as the original was, but not rounded again. The original itself scores about
    59 dB, because `low` was rounded.

    It lies for everything that shrinking removes: noise, a grid and invented texture cost next to
    nothing, and bicubic enlarging, though blurred, has 37 dB. It only finds what contradicts the
    given pixels.

    Args:
        made: (N, 3, scale h, scale w).
        low: (N, 3, h, w).

    Raises:
        CourseError: pictures of another shape or range, or sizes that do not fit.
    """
    made, low = colour(made, "made"), colour(low, "low")
    height, width = low.shape[2:]
    if made.shape != (len(low), 3, scale * height, scale * width):
        raise CourseError(
            f"made.shape={tuple(made.shape)}: low has {tuple(low.shape)} and scale={scale}; give "
            f"pictures of {scale * width} x {scale * height} px, as many as low has."
        )
    return decibels((shrink(made.double(), scale) - low).square().mean((1, 2, 3)))


def power(pictures: Tensor) -> Tensor:
    """Power of Y by frequency, averaged over all directions: (N, 64) float64.

    Entry i is the mean over frequencies of i / 128 to (i + 1) / 128 cycles per px. A Hann window
    hides the jump from one border to the opposite one. The unit is such that white noise has its
    variance at every frequency.

    Raises:
        CourseError: pictures of another shape or range, or a side of less than 64 px.
    """
    y = luma(large(pictures, "pictures"))
    window = [torch.hann_window(side, periodic=False, dtype=y.dtype) for side in y.shape[1:]]
    window = window[0][:, None] * window[1]
    y = (y - y.mean((1, 2), keepdim=True)) * window
    spectrum = torch.fft.fft2(y).abs().square() / window.square().sum()
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in y.shape[1:])
    ring = (torch.hypot(down[:, None], across) / RING).long().flatten()
    rings = round(0.5 / RING)
    kept = ring < rings  # corners, beyond half a cycle per px, hold diagonals only
    total = spectrum.new_zeros(len(y), rings)
    total.index_add_(1, ring[kept], spectrum.flatten(1)[:, kept])
    return total / ring[kept].bincount(minlength=rings).clamp(min=1)


def spectrum_error(made: Tensor, true: Tensor, scale: int = 4) -> float:
    """How far the fine detail departs in amount from the original's, in decades of power; 0 best.

    The mean of |log10(power of made / power of true)| over the frequencies that the low-resolution
    picture could not hold, 1 / (2 scale) to 1/2 cycles per px; see `power`. Bicubic enlarging by 4
    has 2.4 on Set5: of the finest detail one part in 200 is left.

    It lies for noise. It asks how much there is at each frequency, not where: noise of the right
    spectrum, added anywhere, is perfect, and so is the original mirrored.

    Raises:
        CourseError: as for `power`.
    """
    first = round(0.5 / scale / RING)
    made, true = (
        power(each)[:, first:].clamp(min=ROUNDING / 100).log10() for each in pairs(made, true)
    )
    return (made - true).abs().mean().item()


def grid_energy(made: Tensor, true: Tensor, period: int) -> float:
    """Is there a grid of this period that the original does not have? 1: no; 2: twice the energy.

    Networks that enlarge in steps of two may leave a pattern of period 2 or 4 px, which shows as a
    line in the spectrum. Its height is the power of rows, and of columns, at the grid's frequency
    over the geometric mean of the power at frequencies just beside it (Welch 1967). Here it is
    divided by the original's, and the geometric mean over both directions and all pictures is
    taken. Below 1 the frequency is missing, as it is in pictures that were enlarged bicubically.

    It lies for a grid that is buried: next to strong texture or noise a line needs more energy.

    Args:
        period: 2, 4, 8, 16 in px.

    Raises:
        CourseError: as for `power`.
    """
    at = SEGMENT // period

    def height(pictures: Tensor) -> Tensor:
        y, found = luma(large(pictures, "pictures")), []
        for axis in (1, 2):
            # Two-sided, so that the frequencies beyond the finest one are its neighbours too.
            _, lines = welch(y.numpy(), nperseg=SEGMENT, return_onesided=False, axis=axis)
            spectrum = torch.from_numpy(lines).mean(3 - axis) + ROUNDING  # (N, SEGMENT)
            beside = spectrum[:, [(at + bins) % SEGMENT for bins in BESIDE]].log().mean(1)
            found.append(spectrum[:, at].log() - beside)
        return torch.stack(found)

    made, true = pairs(made, true)
    return (height(made) - height(true)).mean().exp().item()


@torch.no_grad()
def distance(made: Tensor, true: Tensor, network: nn.Module) -> float:
    """Distance in the activations of a network that no loss uses; 0 for equal pictures.

    It lies with its network, in whose blind spots nothing counts, and most of all for pictures
    that were trained to please it: then it falls while the picture gets no better. An average of
    two likely textures is far from both, so that a guess which is wrong in every detail may do
    better.

    Args:
        network: one of `gancourse.features`; its `distance` takes floats in [-1, 1].

    Raises:
        CourseError: pictures of another shape or range.
    """
    made, true = (each / 127.5 - 1 for each in pairs(made, true))
    return network.distance(made, true).item()


@torch.no_grad()
def stlpips(made: Tensor, true: Tensor) -> float:
    """Shift-tolerant LPIPS on AlexNet: a distance fitted to what people chose; 0 for equal ones.

    Ghildyal and Liu 2022. People were asked which of two distorted patches of 64 px is closer to
    the original (Zhang et al. 2018), and a network was trained to answer as they did. The weights
    come with the optional package stlpips-pytorch.

    It lies beyond what those people were shown: blur, noise, compression and the errors of the
    networks of their time, in small patches without context. A number plate with other letters is
    close.

    Raises:
        CourseError: pictures of another shape or range, a side of less than 64 px, or the weights
            are not installed.
        DamagedFile: they are not the published ones.
    """
    made, true = (large(each, "pictures") / 127.5 - 1 for each in pairs(made, true))
    return shift_tolerant.network().distance(made, true).item()


def restoration_scores(
    made: Tensor, true: Tensor, low: Tensor, scale: int, network: nn.Module
) -> dict[str, float]:
    """All scores of this module, by name; `stlpips` only where its weights are installed.

    Args:
        made, true: (N, 3, scale h, scale w).
        low: (N, 3, h, w), what `made` was made from.
        network: for `distance`.

    Returns:
        dict of `psnr`, `ssim` (with a border as wide as the scale), `consistency`, `stlpips`,
        `distance`, `spectrum`, `grid_2`, `grid_4`.
    """
    found = {
        "psnr": psnr(made, true, border=scale),
        "ssim": ssim(made, true, border=scale),
        "consistency": consistency(made, low, scale),
        "distance": distance(made, true, network),
        "spectrum": spectrum_error(made, true, scale),
        **{f"grid_{period}": grid_energy(made, true, period) for period in (2, 4)},
    }
    return found | ({"stlpips": stlpips(made, true)} if shift_tolerant.installed() else {})


def pairs(made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Both as uint8 (N, 3, H, W) on the CPU.

    Raises:
        CourseError: pictures of another shape or range, or of two sizes.
    """
    made, true = colour(made, "made"), colour(true, "true")
    if made.shape != true.shape:
        raise CourseError(
            f"made.shape={tuple(made.shape)}: true has {tuple(true.shape)}; give one original per "
            "picture, of the same size."
        )
    return made, true


def colour(pictures: Tensor, name: str) -> Tensor:
    pictures = as_uint8(pictures[None] if pictures.ndim == 3 else pictures, name).cpu()
    if pictures.shape[1] != 3 or not pictures.numel():
        raise CourseError(
            f"{name}.shape={tuple(pictures.shape)}: not (N, 3, H, W); give RGB pictures."
        )
    return pictures


def large(pictures: Tensor, name: str) -> Tensor:
    """RGB pictures as uint8; a CourseError if they are too small for a spectrum."""
    pictures = colour(pictures, name)
    height, width = pictures.shape[2:]
    if min(height, width) < SEGMENT:
        raise CourseError(
            f"{name}: {width} x {height} px; give pictures of {SEGMENT} x {SEGMENT} px or more."
        )
    return pictures


def inside(y: Tensor, border: int, least: int = 1) -> Tensor:
    """(N, H, W) without `border` px on each side."""
    height, width = (side - 2 * border for side in y.shape[1:])
    if border < 0 or min(height, width) < least:
        raise CourseError(
            f"border={border!r}: leaves {width} x {height} px of {y.shape[2]} x {y.shape[1]}, and "
            f"{least} x {least} are needed; give a narrower border or larger pictures."
        )
    return y[:, border : border + height, border : border + width]


def decibels(errors: Tensor) -> float:
    """The mean PSNR of pictures with these mean squared errors (N,), for a peak of 255."""
    return (10 * (255**2 / errors).log10()).mean().item()
