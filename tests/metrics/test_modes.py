from __future__ import annotations

import math

import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics.modes import stacked_modes, toy_modes

CENTRES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def test_a_perfect_sample():
    generator = torch.Generator().manual_seed(0)
    points = CENTRES.repeat(2500, 1) + 0.05 * torch.randn(10_000, 2, generator=generator)
    found = toy_modes(points, CENTRES, 0.05)
    assert (found["modes"], found["of"]) == (4, 4)
    assert found["quality"] == pytest.approx(
        1 - math.exp(-9 / 2), abs=0.003
    )  # a plane Gaussian within 3 std
    assert found["kl"] == pytest.approx(0, abs=1e-12)


def test_three_standard_deviations_is_the_edge():
    inside = toy_modes(torch.tensor([[2.99, 0.0], [0.0, 0.0]]), torch.zeros(1, 2), 1.0)
    outside = toy_modes(torch.tensor([[3.01, 0.0], [0.0, 0.0]]), torch.zeros(1, 2), 1.0)
    assert (inside["quality"], outside["quality"]) == (1.0, 0.5)


def test_a_collapsed_sample_is_log_k_away():
    assert toy_modes(CENTRES[:1].repeat(50, 1), CENTRES, 0.05) == {
        "modes": 1,
        "of": 4,
        "quality": 1.0,
        "kl": pytest.approx(math.log(4)),
    }


def test_kl_of_an_uneven_sample_by_hand():
    points = torch.cat([CENTRES[:1].repeat(3, 1), CENTRES[1:2]])
    by_hand = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert toy_modes(points, CENTRES, 0.05)["kl"] == pytest.approx(by_hand)


def test_points_between_the_modes_cover_nothing_but_are_counted_in_kl():
    found = toy_modes(torch.full((10, 2), 1.9), CENTRES, 0.05)
    assert (found["modes"], found["quality"]) == (0, 0.0)
    assert found["kl"] == pytest.approx(math.log(4))


def test_a_stray_point_covers_a_mode_unless_more_are_asked():
    points = torch.cat([CENTRES[:1].repeat(99, 1), CENTRES[1:2]])
    assert toy_modes(points, CENTRES, 0.05)["modes"] == 2
    assert toy_modes(points, CENTRES, 0.05, least=2)["modes"] == 1


class ReadsTheCorner:
    """A judge for tests: the digit is the value of the first pixel."""

    def labels(self, images):
        assert images.shape[1:] == (1, 28, 28)
        return images[:, 0, 0, 0].long()


def stacked(numbers):
    digits = torch.stack([numbers // 100, numbers // 10 % 10, numbers % 10], 1).to(torch.uint8)
    return digits[:, :, None, None].expand(-1, 3, 28, 28).contiguous()


def test_a_thousand_modes_evenly():
    found = stacked_modes(stacked(torch.arange(1000).repeat(2)), ReadsTheCorner())
    assert found == {"modes": 1000, "of": 1000, "kl": pytest.approx(0, abs=1e-9), "samples": 2000}


def test_channels_are_hundreds_tens_and_units():
    """Two numbers that differ only by the order of their channels are two modes."""
    found = stacked_modes(stacked(torch.tensor([123, 321, 123, 123])), ReadsTheCorner())
    assert found["modes"] == 2
    assert found["kl"] == pytest.approx(
        math.log(1000) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    )


def test_an_even_sample_still_has_a_floor():
    """(K - 1) / (2 N): .019 for 100 modes and 2,600 points, as for 1,000 modes and 26,000."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randint(100, (2600, 1), generator=generator) for _ in range(20)]
    floors = [toy_modes(points, torch.arange(100)[:, None], 0.1)["kl"] for points in drawn]
    assert sum(floors) / 20 == pytest.approx(99 / 5200, rel=0.1)


def test_wrong_inputs_are_explained():
    with pytest.raises(CourseError, match="centres: 3 numbers per row, but points has 2"):
        toy_modes(torch.zeros(5, 2), torch.zeros(4, 3), 0.1)
    with pytest.raises(CourseError, match="NaN"):
        toy_modes(torch.full((5, 2), float("nan")), CENTRES, 0.1)
    with pytest.raises(CourseError, match=r"\(5, 1, 28, 28\)"):
        stacked_modes(torch.zeros(5, 1, 28, 28), ReadsTheCorner())
