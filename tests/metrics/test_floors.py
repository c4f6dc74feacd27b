from __future__ import annotations

import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics.floors import blurred, noisy, spoilt, uniform, without

GREY = torch.full((10, 1, 28, 28), 128, dtype=torch.uint8)


def test_noise_has_the_sigma_it_says_and_is_cut_off():
    noise = noisy(GREY, 0.1) / 255 - 128 / 255
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.003)
    assert noisy(torch.zeros_like(GREY), 0.1).float().mean() == pytest.approx(
        25.5 / (2 * torch.pi) ** 0.5, rel=0.05
    )


def test_the_blur_is_a_mean_of_nine():
    dot = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    dot[0, 0, 2, 2] = 90
    expected = torch.zeros(5, 5, dtype=torch.uint8)
    expected[1:4, 1:4] = 10
    assert torch.equal(blurred(dot)[0, 0], expected)
    white = blurred(torch.full((1, 1, 5, 5), 255, dtype=torch.uint8))[0, 0]
    assert (white[0, 0], white[0, 2], white[2, 2]) == (
        113,
        170,
        255,
    )  # black comes in over 5 and 3 of the nine


def test_a_missing_class_is_replaced_by_the_others():
    labels = torch.tensor([0, 1, 2, 3, 4, 5, 8, 8, 8, 9])
    pictures = labels.to(torch.uint8).view(10, 1, 1, 1)
    left = without(pictures, labels, 8)
    assert len(left) == 10
    assert 8 not in left
    assert {0, 1, 2, 3, 4, 5, 9} <= set(left.flatten().tolist())
    with pytest.raises(CourseError, match="Every picture is a 8"):
        without(pictures, torch.full((10,), 8), 8)


def test_every_row_keeps_n_shape_and_dtype_and_is_seeded():
    labels = torch.arange(10)
    rows, again = spoilt(GREY, labels, seed=1), spoilt(GREY, labels, seed=1)
    assert list(rows) == ["real", "noise, sigma .1", "no digit 8", "3 x 3 blur", "uniform noise"]
    for name, pictures in rows.items():
        assert (pictures.shape, pictures.dtype) == (GREY.shape, torch.uint8), name
        assert torch.equal(pictures, again[name]), name
    assert torch.equal(rows["real"], GREY)
    assert not torch.equal(uniform(GREY, 1), uniform(GREY, 2))
