"""Rows and columns that stand out are found, and nothing else is; published models have none."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

import gancourse
from gancourse import data
from gancourse.files import CourseError
from gancourse.metrics.chequers import chequers


@pytest.fixture(scope="module")
def clothes():
    """Two halves of 1,000 real pictures, in [-1, 1]."""
    return (data.load("fashion", "test", source="bundled")["image"] / 127.5 - 1).chunk(2)


def test_rows_are_found_as_well_as_columns_and_the_stronger_the_more(clothes):
    made, real = clothes
    second = torch.arange(28) % 2 / 127.5
    found = [chequers((made + level * second).clamp(-1, 1), real) for level in (0, 4, 8, 16)]
    assert 0.9 < found[0] < 1.1 and found == sorted(found) and found[3] > 3
    assert chequers((made + 16 * second[:, None]).clamp(-1, 1), real) > 3


def test_grain_blur_and_brightness_are_other_things(clothes):
    made, real = clothes
    grain = torch.randn(made.shape, generator=torch.Generator().manual_seed(0)) / 8
    blurred = nn.functional.avg_pool2d(made, 3, 1, 1)
    for other in ((made + grain).clamp(-1, 1), blurred, 0.7 * made - 0.3, made.flip(3)):
        assert 0.8 < chequers(other, real) < 1.25


def test_a_kernel_that_the_stride_does_not_divide_leaves_chequers(clothes):
    torch.manual_seed(0)
    small = interpolate(clothes[0], 13)
    five = nn.ConvTranspose2d(1, 1, 5, 2, 0, bias=False)
    nn.init.constant_(five.weight, 1 / 25)
    uneven = five(small)[:, :, :28, :28].detach()
    even = interpolate(small, 28, mode="bilinear")
    real = clothes[1]
    assert chequers(uneven, real) > 3 * chequers(even, real)


def test_a_picture_scores_the_same_from_a_generator_and_from_a_file(clothes):
    stored = [((each + 1) * 127.5).round().to(torch.uint8) for each in clothes]
    assert chequers(*stored) == pytest.approx(chequers(*clothes), rel=1e-3)


def test_flat_pictures_have_none():
    flat = torch.zeros(4, 3, 16, 16)
    assert chequers(flat, flat + 0.5) == pytest.approx(1)


@pytest.mark.parametrize(
    ("pictures", "real", "message"),
    [
        ((2, 1, 28, 28), (2, 1, 32, 32), r"pictures.shape=\(2, 1, 28, 28\): real .* one size"),
        ((0, 1, 28, 28), (2, 1, 28, 28), r"pictures.shape=\(0, 1, 28, 28\): not .* S of 16 px"),
        ((2, 1, 27, 27), (2, 1, 27, 27), "an even S"),
        ((2, 1, 8, 8), (2, 1, 8, 8), "16 px or more"),
        ((2, 1, 28, 20), (2, 1, 28, 20), "an even S"),
        ((2, 28, 28), (2, 28, 28), r"not \(N, C, H, W\)"),
    ],
)
def test_what_cannot_be_measured_is_said(pictures, real, message):
    with pytest.raises(CourseError, match=message):
        chequers(torch.zeros(pictures), torch.zeros(real))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("gan", {}),
        ("cgan", {}),
        ("cgan-fashion", {}),
        ("infogan", {}),
        ("infogan-sprites", {}),
        ("stackgan-stage1", {"size": 32, "n": 300}),
        ("stackgan", {"size": 64, "n": 300}),
        ("stackgan-faces", {"size": 64}),
    ],
)
def test_a_published_generator_has_none(name, how):
    game = gancourse.load(name)
    real = data.load(game.config.pictures, "test", source="bundled", **how)["image"][:1000]
    assert chequers(game.sample(300, seed=0), real) < 1.4  # as much as four grey levels give
