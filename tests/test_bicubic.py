"""MATLAB's imresize, against its own description written as slow loops, and against Pillow where the
two agree.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from gancourse import bicubic
from gancourse.files import CourseError


def kernel(x: float) -> float:
    """MATLAB's `cubic`, as its source states it (Keys 1981)."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x <= 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def slow_line(line: list[float], new: int) -> list[float]:
    """One row or column, sample by sample, counted from 1 as MATLAB's `contributions` does."""
    old = len(line)
    scale = new / old
    squeeze = min(scale, 1.0)  # antialiasing: the kernel is widened by 1 / scale
    width = 4 / squeeze
    mirrored = [*range(old), *reversed(range(old))]
    result = []
    for x in range(1, new + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        total = weighted = 0.0
        for place in range(left, left + math.ceil(width) + 2):
            weight = squeeze * kernel(squeeze * (u - place))
            total += weight
            weighted += weight * line[mirrored[(place - 1) % len(mirrored)]]
        result.append(weighted / total)
    return result


def slow(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) -> (height, width), columns first and then rows."""
    tall = np.array([slow_line(column, height) for column in picture.T.tolist()]).T
    return np.array([slow_line(row, width) for row in tall.tolist()])


def photo(height: int, width: int) -> np.ndarray:
    """A corner of a photo, (height, width) float64, 0 to 255."""
    return data.coffee()[90 : 90 + height, 200 : 200 + width, 0].astype(np.float64)


SIZES = [
    ((24, 32), (6, 8)),  # the papers' case
    ((24, 32), (12, 16)),
    ((24, 33), (8, 11)),
    ((6, 8), (24, 32)),
    ((6, 8), (18, 24)),
    ((23, 31), (10, 7)),  # no whole ratio, and another one in each direction
    ((11, 13), (17, 29)),
    ((20, 9), (7, 21)),  # smaller one way, larger the other
    ((12, 12), (12, 12)),
    ((7, 5), (1, 1)),
    ((2, 3), (8, 12)),  # the kernel is wider than the picture, mirrored over and over
    ((1, 1), (4, 4)),
    ((3, 40), (1, 3)),
]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_every_size_is_what_slow_loops_make_of_it(old, new):
    picture = photo(*old)
    made = bicubic.resize(torch.from_numpy(picture), new)
    assert made.shape == new and made.dtype == torch.float64
    np.testing.assert_allclose(made.numpy(), slow(picture, *new), rtol=0, atol=1e-9)


def test_it_is_exactly_keys_interpolation_between_samples():
    """Enlarged twice, a sample lies a quarter of the way between two: Keys' weights at .25."""
    line = torch.zeros(1, 9, dtype=torch.float64)
    line[0, 4] = 1
    found = bicubic.resize(line, (1, 18))[0]
    expected = [kernel((x + 0.5) / 2 - 0.5 - 4) for x in range(18)]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    assert max(expected) == 0.8671875 and min(expected) == -0.0703125


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_away_from_the_border_pillow_agrees_and_at_the_border_it_does_not(scale):
    """Pillow has the same kernel and widens it too, but leaves out what lies beyond the edge."""
    picture = photo(16 * scale, 20 * scale).astype(np.float32)
    theirs = Image.fromarray(picture).resize((20, 16), Image.Resampling.BICUBIC)
    ours = bicubic.shrink(torch.from_numpy(picture), scale).numpy()
    difference = np.abs(ours - np.asarray(theirs))
    assert difference[2:-2, 2:-2].max() < 1e-3 and difference.max() > 0.1


def test_without_antialiasing_detail_would_turn_into_something_else():
    """Stripes of one pixel: at a third of the size they can only be grey."""
    stripes = torch.arange(60).remainder(2).mul(2.0).sub(1).expand(60, 60)
    assert bicubic.shrink(stripes, 3)[:, 2:-2].abs().max() < 0.05
    plain = torch.nn.functional.interpolate(
        stripes[None, None], scale_factor=1 / 3, mode="bicubic", align_corners=False
    )
    assert plain.abs().max() > 0.9


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_a_flat_picture_stays_flat(old, new):
    made = bicubic.resize(torch.full((2, 3, *old), -0.7), new)
    assert made.shape == (2, 3, *new)
    torch.testing.assert_close(made, torch.full_like(made, -0.7), atol=1e-6, rtol=0)


def test_the_border_is_mirrored_with_its_own_pixel_twice():
    """As if the picture's reflection lay beside it: symmetric, not reflect and not replicate."""
    picture = torch.from_numpy(photo(12, 16))
    beside = torch.cat([picture.flip(0), picture, picture.flip(0)])
    tall = torch.cat([beside.flip(1), beside, beside.flip(1)], 1)
    for size, factor in (((3, 4), 1 / 4), ((48, 64), 4)):
        whole = bicubic.resize(tall, (3 * size[0], 3 * size[1]))
        middle = whole[size[0] : 2 * size[0], size[1] : 2 * size[1]]
        torch.testing.assert_close(bicubic.resize(picture, size), middle, msg=f"{factor}")


def test_mirrored_and_turned_pictures_are_resized_alike():
    picture = torch.from_numpy(photo(22, 31))
    made = bicubic.resize(picture, (9, 40))
    torch.testing.assert_close(bicubic.resize(picture.flip(0), (9, 40)), made.flip(0))
    torch.testing.assert_close(bicubic.resize(picture.flip(1), (9, 40)), made.flip(1))
    torch.testing.assert_close(bicubic.resize(picture.T, (40, 9)), made.T)


def test_any_range_and_nothing_is_cut_off_or_rounded():
    edge = torch.tensor([[0.0] * 4 + [255.0] * 4])
    made = bicubic.resize(edge, (1, 16))
    assert made.min() < -5 and made.max() > 260 and (made != made.round()).any()
    shifted = bicubic.resize(edge / 127.5 - 1, (1, 16))
    torch.testing.assert_close((shifted + 1) * 127.5, made, atol=1e-3, rtol=0)


def test_every_leading_dimension_is_kept():
    pictures = torch.rand(2, 5, 3, 8, 12)
    made = bicubic.shrink(pictures, 4)
    assert made.shape == (2, 5, 3, 2, 3)
    torch.testing.assert_close(made[1, 4, 2], bicubic.shrink(pictures[1, 4, 2], 4))


def test_shrink_and_enlarge_are_resize_with_the_sizes_worked_out():
    picture = torch.from_numpy(photo(12, 18))
    assert torch.equal(bicubic.shrink(picture, 3), bicubic.resize(picture, (4, 6)))
    assert torch.equal(bicubic.enlarge(picture, 3), bicubic.resize(picture, (36, 54)))
    assert torch.equal(bicubic.shrink(picture, 1), picture)
    assert torch.equal(bicubic.enlarge(picture, 1), picture)


@pytest.mark.parametrize("new", [(3, 4), (9, 13)])
def test_the_gradient_is_the_derivative(new):
    picture = torch.rand(6, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: bicubic.resize(x, new), picture)


def test_a_first_call_in_inference_mode_spoils_no_later_gradient():
    """What is kept between calls must not be a tensor that autograd refuses."""
    bicubic.on.cache_clear()
    picture = torch.rand(3, 10, 14)
    with torch.inference_mode():
        bicubic.resize(picture, (5, 7))
    picture.requires_grad_()
    bicubic.resize(picture, (5, 7)).square().sum().backward()
    assert picture.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 0.05)]
)
def test_the_type_is_the_pictures_own(dtype, close):
    picture = torch.from_numpy(photo(16, 16)) / 127.5 - 1
    made = bicubic.shrink(picture.to(dtype), 4)
    assert made.dtype == dtype
    torch.testing.assert_close(made.double(), bicubic.shrink(picture, 4), atol=close, rtol=0)


def test_autocast_takes_no_digits():
    """A loss of half a grey level is compared in float32, also where the networks run in 16 bits."""
    picture = torch.from_numpy(photo(16, 16)).float() / 127.5 - 1
    with torch.autocast("cpu", torch.bfloat16):
        made = bicubic.shrink(picture, 4)
    assert torch.equal(made, bicubic.shrink(picture, 4))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_bytes_are_refused(dtype):
    with pytest.raises(CourseError, match=r"^pictures: type torch\..*; give floats"):
        bicubic.resize(torch.zeros(3, 8, 8, dtype=dtype), (4, 4))


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4)])
def test_a_size_without_a_pixel_is_refused(size):
    with pytest.raises(CourseError, match=r"^size=\(.*: no pixel is left; give sides of 1"):
        bicubic.resize(torch.zeros(3, 8, 8), size)


@pytest.mark.parametrize("shape", [(3, 0, 8), (0, 5)])
def test_a_picture_without_a_pixel_is_refused(shape):
    with pytest.raises(CourseError, match=r"^pictures: .* no pixel"):
        bicubic.resize(torch.zeros(shape), (4, 4))


@pytest.mark.parametrize(("shape", "cut"), [((9, 8), "8 x 8"), ((8, 15), "12 x 8")])
def test_sides_that_are_no_multiples_are_refused_with_those_that_are(shape, cut):
    with pytest.raises(CourseError, match=f"not multiples of scale=4; cut them to {cut} px first"):
        bicubic.shrink(torch.zeros(3, *shape), 4)


def test_pictures_smaller_than_the_scale_have_nothing_to_be_cut_to():
    with pytest.raises(CourseError, match="3 x 2 px, .*scale=4; give pictures of 4 px or more"):
        bicubic.shrink(torch.zeros(3, 2, 3), 4)
