"""Scores of enlarged pictures, against slow references and pictures whose score is known."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean, geometric_mean

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from torch.nn.functional import avg_pool2d

from gancourse import data, features
from gancourse.bicubic import enlarge, shrink
from gancourse.files import CourseError, DamagedFile
from gancourse.metrics import shift_tolerant
from gancourse.metrics.floors import gridded, moved, noisy
from gancourse.metrics.restoration import (
    ROUNDING,
    consistency,
    distance,
    grid_energy,
    luma,
    power,
    psnr,
    restoration_scores,
    spectrum_error,
    ssim,
    stlpips,
)

WITH_STLPIPS = pytest.mark.skipif(
    not shift_tolerant.installed(), reason="the extra `perceptual` is not installed"
)


def noise(*shape, seed=0, low=0, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, shape, dtype=torch.uint8, generator=generator)


def as_bytes(x):
    return x.round().clamp(0, 255).byte()


def flat(level=128, side=64):
    return torch.full((1, 3, side, side), level, dtype=torch.uint8)


@pytest.fixture(scope="module")
def texture():
    """A picture (1, 3, 160, 192) with power at every frequency, less the finer: like a photo's."""
    made = torch.zeros(1, 3, 160, 192)
    for i, step in enumerate((1, 2, 4, 8, 16)):
        size = 160 // step, 192 // step
        layer = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(i))
        made += 1.5 * step * enlarge(layer, step)
    return as_bytes(128 + made)


@pytest.fixture(scope="module")
def cat():
    """A bundled photo (1, 3, 300, 444)."""
    photos = data.load("photos", "test", source="bundled")
    sizes = photos.shapes.prod(1)
    return photos.photo(int(sizes.argmin()))[None]


def bicubic(true, scale=4):
    """(low, enlarged) as files hold them."""
    low = as_bytes(shrink(true.double(), scale))
    return low, as_bytes(enlarge(low.double(), scale))


# --- the slow reference of bicubic + PSNR


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def imresize_line(line, size):
    """MATLAB's imresize of a list of numbers, as its `contributions` and `resizeAlongDim` do it."""
    scale, made = size / len(line), []
    squeeze = min(scale, 1)
    for i in range(1, size + 1):
        u = i / scale + 0.5 * (1 - 1 / scale)
        first = math.floor(u - 2 / squeeze)
        taps = range(first, first + math.ceil(4 / squeeze) + 2)
        weights = [squeeze * cubic(squeeze * (u - tap)) for tap in taps]
        mirror = [*range(1, len(line) + 1), *range(len(line), 0, -1)]
        values = [line[mirror[(tap - 1) % len(mirror)] - 1] for tap in taps]
        made.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return made


def imresize(channel, height, width):
    """Rows of numbers -> rows of numbers."""
    columns = [imresize_line(column, height) for column in zip(*channel, strict=True)]
    return [imresize_line(list(row), width) for row in zip(*columns, strict=True)]


def rounded(channel):
    return [[min(max(math.floor(v + 0.5), 0), 255) for v in row] for row in channel]


def slow_psnr(true, scale=4, border=4):
    """PSNR in dB of a picture (3, H, W) shrunk and enlarged again, by loops over pixels."""
    _, height, width = true.shape
    made = []
    for channel in true.double().tolist():
        low = rounded(imresize(channel, height // scale, width // scale))
        made.append(rounded(imresize(low, height, width)))
    total = count = 0
    for y in range(border, height - border):
        for x in range(border, width - border):
            pairs = [(made[c][y][x], int(true[c, y, x])) for c in range(3)]
            ya, yb = (
                16 + (65.481 * p[0] + 128.553 * p[1] + 24.966 * p[2]) / 255
                for p in zip(*pairs, strict=True)
            )
            total, count = total + (ya - yb) ** 2, count + 1
    return 10 * math.log10(255**2 / (total / count))


@pytest.mark.parametrize(("top", "left"), [(100, 200), (0, 0)])
def test_bicubic_and_psnr_are_those_of_a_slow_reference(cat, top, left):
    true = cat[0, :, top : top + 60, left : left + 72]
    _, made = bicubic(true[None])
    assert psnr(made, true) == pytest.approx(slow_psnr(true), abs=1e-9)


def test_bicubic_scores_on_a_bundled_photo_are_these(cat):
    """Pinned, so that no change of filter, rounding, luma or border goes unseen."""
    low, made = bicubic(cat)
    assert psnr(made, cat) == pytest.approx(31.2727, abs=1e-4)
    assert ssim(made, cat) == pytest.approx(0.79853, abs=1e-5)
    assert consistency(made, low, 4) == pytest.approx(42.345, abs=1e-3)


# --- luma, PSNR, SSIM


def test_luma_is_matlabs():
    pictures = noise(2, 3, 5, 7)
    found = luma(pictures)
    assert found.shape == (2, 5, 7) and found.dtype == torch.float64
    expected = rgb2ycbcr(pictures.permute(0, 2, 3, 1).numpy())[..., 0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
    assert luma(flat(0))[0, 0, 0] == 16 and luma(flat(255))[0, 0, 0].item() == pytest.approx(235)


def test_psnr_of_a_known_shift():
    """Ten levels in all channels are 10 x 219 / 255 in Y."""
    found = psnr(flat(110), flat(100))
    assert found == pytest.approx(20 * math.log10(255 / (10 * 219 / 255)))
    assert psnr(flat(), flat()) == math.inf
    two = torch.cat([flat(110), flat(101)]), torch.cat([flat(100), flat(100)])
    one = psnr(flat(101), flat(100))
    assert psnr(*two) == pytest.approx((found + one) / 2), "the mean of decibels, not of errors"


def test_psnr_cuts_the_border():
    true = noise(1, 3, 20, 24)
    edge, within = true.clone(), true.clone()
    edge[..., :4, :] = edge[..., -4:, :] = edge[..., :4] = edge[..., -4:] = 0
    within[..., 4, 4] = 255 - within[..., 4, 4]
    assert psnr(edge, true) == math.inf
    assert psnr(within, true) < 100
    assert psnr(within, true, border=5) == math.inf


def test_floats_are_rounded_to_the_levels_of_a_file():
    made, true = noise(1, 3, 16, 16), noise(1, 3, 16, 16, seed=1)
    expected = psnr(made, true)
    assert psnr((made / 127.5 - 1 + 0.001).clamp(-1, 1), true / 127.5 - 1) == expected
    assert psnr(made[0], true[0]) == expected


def slow_ssim(a, b):
    """Wang et al. 2004 by a loop over windows of 11 x 11 px."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2, found = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for y in range(a.shape[0] - 10):
        for x in range(a.shape[1] - 10):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            found.append(
                (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
            )
    return np.mean(found)


def test_ssim_is_that_of_a_slow_reference(texture):
    true = texture[..., :30, :36]
    for made in (noisy(true, 0.05), bicubic(texture)[1][..., :30, :36]):
        ya, yb = (luma(each)[0, 4:-4, 4:-4].numpy() for each in (made, true))
        assert ssim(made, true) == pytest.approx(slow_ssim(ya, yb), abs=1e-9)
    assert ssim(true, true) == pytest.approx(1)


def test_averages_win_by_psnr():
    """Two equally likely originals: their mean is nearer to each, on average, than a guess is."""
    one, other = noise(1, 3, 32, 32), noise(1, 3, 32, 32, seed=1)
    mean = as_bytes((one.double() + other.double()) / 2)
    guesses = [psnr(one, one.clone().fill_(0)), psnr(other, one)]
    assert psnr(mean, one) > guesses[1] + 5 and psnr(mean, other) > guesses[1] + 5


# --- consistency


def test_consistency_of_a_known_shift_and_of_the_original(texture):
    low, made = bicubic(texture)
    assert consistency(texture, low, 4) == pytest.approx(58.9, abs=0.3)
    assert consistency(flat(130), flat(127, side=16), 4) == pytest.approx(20 * math.log10(255 / 3))
    assert 30 < consistency(made, low, 4) < 50


def test_consistency_sees_what_contradicts_the_given_pixels_and_nothing_else(texture):
    low, made = bicubic(texture)
    checker = 20 * (1 - 2 * ((torch.arange(160)[:, None] + torch.arange(192)) % 2))
    invented = as_bytes(texture + checker)
    assert consistency(invented, low, 4) > 50, "shrinking removes it"
    assert psnr(invented, texture) < 25
    moved = texture.roll(4, -1)
    assert consistency(moved, low, 4) < 30


# --- the spectrum


def test_the_power_of_noise_is_its_variance_at_every_frequency():
    levels = noise(4, 1, 192, 256, low=118, high=139).expand(-1, 3, -1, -1)
    variance = luma(levels).var().item()
    found = power(levels).mean(0)
    assert found.shape == (64,)
    assert found[4:].mean().item() == pytest.approx(variance, rel=0.03)
    assert (found[8:] / variance - 1).abs().max() < 0.2


@pytest.mark.parametrize("across", [True, False])
def test_a_wave_stands_in_its_own_ring(across):
    phase = 2 * math.pi * 26 / 128 * torch.arange(128)
    wave = 128 + 50 * torch.sin(phase if across else phase[:, None])
    found = power(as_bytes(wave.expand(1, 3, 128, 128)))[0]
    assert found.argmax() == 26
    assert found[25:28].sum() > 0.99 * found.sum()


def test_power_is_that_of_a_slow_reference(texture):
    picture = texture[..., :64, :72]
    y = luma(picture)[0].numpy()
    window = np.outer(np.hanning(64), np.hanning(72))
    y = (y - y.mean()) * window
    rings = [[] for _ in range(64)]
    down, across = np.arange(64), np.arange(72)
    for k in range(64):
        for m in range(72):
            frequency = math.hypot(min(k, 64 - k) / 64, min(m, 72 - m) / 72)
            if (ring := math.floor(frequency * 128)) < 64:
                wave = np.exp(-2j * np.pi * (k * down[:, None] / 64 + m * across / 72))
                rings[ring].append(abs((y * wave).sum()) ** 2 / (window**2).sum())
    expected = [np.mean(ring) if ring else 0 for ring in rings]
    np.testing.assert_allclose(power(picture)[0].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_spectrum_error_is_the_distance_in_decades(texture):
    """Half the contrast is a quarter of the power at every frequency."""
    half = noise(1, 3, 80, 96, low=32, high=96)
    for made, true in ((half, 2 * half), (2 * half, half)):
        assert spectrum_error(made, true) == pytest.approx(math.log10(4))
    assert spectrum_error(texture, texture) == 0
    assert spectrum_error(texture.flip(-1), texture) == pytest.approx(0, abs=1e-9), "it is blind"


def test_spectrum_error_finds_blur_and_is_fooled_by_noise(texture):
    _, made = bicubic(texture)
    blurred = spectrum_error(made, texture)
    assert blurred > 1
    assert spectrum_error(noisy(made, 0.015), texture) < blurred / 2
    assert psnr(noisy(made, 0.015), texture) < psnr(made, texture)
    assert spectrum_error(noisy(texture, 0.2), texture) > 0.5, "too much of it is found"


@pytest.mark.parametrize(("scale", "first"), [(2, 32), (3, 21), (4, 16)])
def test_only_what_the_small_picture_could_not_hold_counts(texture, scale, first):
    """From half a cycle per pixel of the small picture on, 1 / (2 scale) of 1/2."""
    _, made = bicubic(texture)
    ratio = (power(made) / power(texture))[0].log10().abs()
    assert spectrum_error(made, texture, scale) == pytest.approx(ratio[first:].mean().item())
    assert ratio[first:].mean() > ratio.mean() + 0.1


def test_flat_pictures_have_a_finite_spectrum():
    assert spectrum_error(flat(), flat(100)) == 0
    assert 0 < spectrum_error(noise(1, 3, 64, 64), flat()) < 10


# --- the grid


def lattice(height, width, period, across=True, down=False):
    """A wave of this period, amplitude 1, along rows, along columns, or both."""
    wave = [
        torch.cos(2 * math.pi * (torch.arange(side) + 0.25) / period) for side in (height, width)
    ]
    wave = [each / each.abs().max() for each in wave]
    rows = wave[1] if across else torch.ones(width)
    return rows * (wave[0] if down else torch.ones(height))[:, None]


def slow_heights(picture, period):
    """Height of the line at a grid's period, for rows and columns, by sums over segments."""
    y, found = luma(picture)[0].numpy(), []
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    for lines in (y.T, y):
        total = np.zeros(64)
        count = 0
        for line in lines:
            for start in range(0, len(line) - 63, 32):
                part = line[start : start + 64]
                total += np.abs(np.fft.fft((part - part.mean()) * window)) ** 2
                count += 1
        spectrum = total / count / (window**2).sum() + ROUNDING
        at = 64 // period
        beside = [spectrum[(at + bins) % 64] for bins in (-3, -2, 2, 3)]
        found.append(spectrum[at] / np.prod(beside) ** 0.25)
    return found


@pytest.mark.parametrize("period", [2, 4, 8])
def test_grid_energy_is_that_of_a_slow_reference(texture, period):
    made = as_bytes(texture + 2 * lattice(160, 192, 4))
    ratios = np.divide(slow_heights(made, period), slow_heights(texture, period))
    assert grid_energy(made, texture, period) == pytest.approx(math.sqrt(ratios.prod()), rel=1e-6)


def test_a_healthy_picture_has_no_grid(texture):
    for period in (2, 4):
        assert grid_energy(texture, texture, period) == 1
        assert grid_energy(texture.flip(-1), texture, period) == pytest.approx(1, abs=0.03)
        assert grid_energy(noisy(texture, 0.02), texture, period) == pytest.approx(1, abs=0.1)
        assert grid_energy(flat(10), flat(200), period) == 1


@pytest.mark.parametrize(("period", "other"), [(2, 4), (4, 2)])
@pytest.mark.parametrize(("across", "down"), [(True, False), (False, True), (True, True)])
def test_a_grid_is_found_at_its_period_only(texture, period, other, across, down):
    faint = lattice(160, 192, period, across, down)
    found = [grid_energy(as_bytes(texture + a * faint), texture, period) for a in (0, 2, 4, 8)]
    assert found == sorted(found) and found[1] > 1.2
    assert grid_energy(as_bytes(texture + 4 * faint), texture, other) == pytest.approx(1, abs=0.1)


def test_a_grid_in_a_corner_is_found(texture):
    faint = 8 * lattice(160, 192, 4)
    faint[80:], faint[:, 96:] = 0, 0
    assert grid_energy(as_bytes(texture + faint), texture, 4) > 1.5


def test_pixels_repeated_lack_what_a_grid_would_add(cat):
    """Bicubic enlarging has zeros at the periods of the small picture's pixels."""
    _, made = bicubic(cat)
    assert grid_energy(made, cat, 4) < 0.5


# --- distances


class Pixels(torch.nn.Module):
    def distance(self, made, true):
        assert made.abs().max() <= 1
        return (made - true).square().mean()


def test_a_distance_is_the_networks():
    made, true = noise(2, 3, 8, 8), noise(2, 3, 8, 8, seed=1)
    expected = ((made.float() - true.float()) / 127.5).square().mean().item()
    assert distance(made, true, Pixels()) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def judge():
    return features.load("efficientnet-lite2")


def test_noise_and_blur_are_far_in_the_judges_features(cat, judge):
    true = cat[..., 60:220, 100:260]
    _, made = bicubic(true)
    assert distance(true, true, judge) == 0
    assert 0.1 < distance(made, true, judge) < 0.4
    steps = [distance(noisy(true, sigma), true, judge) for sigma in (0.01, 0.03, 0.1)]
    assert steps == sorted(steps) and steps[0] > 0
    soft = as_bytes(avg_pool2d(true.float(), 3, 1, 1, count_include_pad=False))
    assert distance(soft, true, judge) < distance(made, true, judge)


def random_network():
    torch.manual_seed(0)
    stored = {}
    for i, (name, below, above, kernel, _) in enumerate(shift_tolerant.LAYERS):
        deviation = (2 / (below * kernel**2)) ** 0.5
        stored[f"{name}.weight"] = deviation * torch.randn(above, below, kernel, kernel)
        stored[f"{name}.bias"] = 0.1 * torch.randn(above)
        stored[f"lin{i}.model.1.weight"] = torch.rand(1, above, 1, 1)
    network = shift_tolerant.ShiftTolerant()
    network.take(stored)
    return network.requires_grad_(False).eval(), stored


def test_the_network_of_stlpips_is_alexnet_with_blurred_halvings():
    """Against the same layers as a list, their filter in a loop."""
    network, stored = random_network()
    x, other = torch.rand(2, 1, 3, 32, 40) * 2 - 1
    seen_in_x = network(x)

    def halved(maps):
        maps = torch.nn.functional.pad(maps, [2] * 4, mode="reflect")
        height, width = maps.shape[2] - 2, maps.shape[3] - 2
        total = 0
        for i, a in enumerate((1, 2, 1)):
            for j, b in enumerate((1, 2, 1)):
                total = total + a * b / 16 * maps[:, :, i : i + height, j : j + width]
        return total[:, :, ::2, ::2]

    def layer(i, maps, padding):
        name = shift_tolerant.LAYERS[i][0]
        weights = stored[f"{name}.weight"], stored[f"{name}.bias"]
        return torch.nn.functional.conv2d(maps, *weights, padding=padding)

    mean, deviation = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    y = (x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    seen = [halved(layer(0, y, 2)).relu()]
    for i, padding in ((1, 2), (2, 1)):
        pooled = torch.nn.functional.max_pool2d(seen[-1], 3, 1)
        seen.append(layer(i, halved(pooled), padding).relu())
    for i in (3, 4):
        seen.append(layer(i, seen[-1], 1).relu())
    for found, expected in zip(seen_in_x, seen, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)

    total = 0
    for i, (a, b) in enumerate(zip(seen_in_x, network(other), strict=True)):
        a, b = (each / each.square().sum(1, keepdim=True).sqrt() for each in (a, b))
        total += (stored[f"lin{i}.model.1.weight"][0] * (a - b).square()).sum(1).mean()
    assert network.distance(x, other).item() == pytest.approx(total.item(), rel=1e-4)
    assert network.distance(x, x).item() == 0


def test_stlpips_without_its_weights_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shift_tolerant, "PACKAGE", "no_such_package")
    shift_tolerant.network.cache_clear()
    with pytest.raises(CourseError, match=r'stlpips: .* pip install "gancourse\[perceptual\]"'):
        stlpips(noise(1, 3, 64, 64), noise(1, 3, 64, 64))


def test_damaged_weights_of_stlpips_are_refused(monkeypatch, tmp_path):
    path = tmp_path / "damaged_stlpips" / shift_tolerant.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"?")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(shift_tolerant, "PACKAGE", "damaged_stlpips")
    shift_tolerant.network.cache_clear()
    with pytest.raises(DamagedFile, match="Install stlpips-pytorch"):
        stlpips(noise(1, 3, 64, 64), noise(1, 3, 64, 64))


@WITH_STLPIPS
def test_stlpips_is_the_authors(texture):
    """The authors' own code gives these numbers for these pictures."""
    shift_tolerant.network.cache_clear()
    assert stlpips(bicubic(texture)[1], texture) == pytest.approx(0.19235, abs=1e-3)
    assert stlpips(noisy(texture, 0.05), texture) == pytest.approx(0.45238, abs=1e-3)
    assert stlpips(texture, texture) == 0


# --- all of it


def test_all_scores_of_a_picture_in_one_call(texture, judge):
    low, made = bicubic(texture)
    found = restoration_scores(made, texture, low, 4, judge)
    names = ["psnr", "ssim", "consistency", "distance", "spectrum", "grid_2", "grid_4"]
    assert list(found) == names + ["stlpips"] * shift_tolerant.installed()
    assert found["psnr"] == psnr(made, texture) and found["grid_4"] == grid_energy(made, texture, 4)
    low, made = bicubic(texture, 2)
    found = restoration_scores(made, texture, low, 2, judge)
    assert found["psnr"] == psnr(made, texture, border=2)
    assert found["spectrum"] == spectrum_error(made, texture, scale=2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: luma(noise(1, 1, 8, 8)), r"pictures.shape=\(1, 1, 8, 8\): not \(N, 3, H, W\)"),
        (lambda: luma(noise(3, 8, 8)[:0]), r"\(1, 0, 8, 8\)"),
        (lambda: psnr(flat(), flat()[..., :60]), r"made.shape=.*one original per picture"),
        (lambda: psnr(flat().float(), flat()), r"made=128..128: .* \[-1, 1\]"),
        (lambda: psnr(flat(side=8), flat(side=8)), "border=4: leaves 0 x 0 px of 8 x 8, and 1 x 1"),
        (lambda: psnr(flat(), flat(), border=-1), "border=-1: "),
        (lambda: ssim(flat(side=18), flat(side=18)), "leaves 10 x 10 px .* 11 x 11 are needed"),
        (lambda: consistency(flat(), flat(side=15), 4), "scale=4; give pictures of 60 x 60 px"),
        (lambda: power(flat(side=63)), "pictures: 63 x 63 px; give pictures of 64 x 64 px or more"),
        (lambda: grid_energy(flat(side=60), flat(side=60), 4), "60 x 60 px; give"),
        (lambda: stlpips(flat(side=60), flat(side=60)), "60 x 60 px; give"),
    ],
)
def test_a_wrong_question_is_explained(call, says):
    with pytest.raises(CourseError, match=says):
        call()


# --- what book/metrics.md says of the bundled photos

PAGE = Path(__file__).parents[2] / "book" / "metrics.md"
MADE = {
    "bicubic": lambda true, low: bicubic(true)[1],
    "bicubic, with noise of standard deviation .03 (of 1)": lambda true, low: noisy(
        bicubic(true)[1], 0.03
    ),
    "each pixel repeated 4 × 4": lambda true, low: low.repeat_interleave(4, 2).repeat_interleave(
        4, 3
    ),
    "the original, one pixel to the right": lambda true, low: moved(true),
    "the original, with a grid of ±8 levels": lambda true, low: gridded(true, 4, 8),
    "the original": lambda true, low: true,
}
COLUMNS = ("psnr", "ssim", "consistency", "stlpips", "distance", "spectrum", "grid_4")


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_the_page_says_what_is_measured(name, judge):
    shift_tolerant.network.cache_clear()
    photos = data.load("photos", "test", source="bundled")
    rows = []
    for i in range(len(photos)):
        true = photos.photo(i)[None]
        low, _ = bicubic(true)
        rows.append(restoration_scores(MADE[name](true, low), true, low, 4, judge))
    (line,) = [
        line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {name} |")
    ]
    said = line.replace("∞", "inf").split("|")[2:-1]
    for column, cell in zip(COLUMNS, said, strict=True):
        if column == "stlpips" and not shift_tolerant.installed():
            continue
        mean = geometric_mean if "grid" in column else fmean
        found = mean(row[column] for row in rows)
        digits = len(cell.strip().partition(".")[2])
        assert found == pytest.approx(float(cell), abs=0.51 * 10**-digits), column
