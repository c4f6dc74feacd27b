from __future__ import annotations

import numpy as np
import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics.coverage import manifold


def normal(n, width=8, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def naive(real, fake, k):
    """The four definitions as their papers write them, a loop over points."""
    real, fake = real.double().numpy(), fake.double().numpy()

    def radius(points):
        return [sorted(np.linalg.norm(points - p, axis=1))[k] for p in points]

    real_radius, fake_radius = radius(real), radius(fake)
    held = [
        [np.linalg.norm(y - x) <= r for x, r in zip(real, real_radius, strict=True)] for y in fake
    ]  # (M, N)
    near = [
        [np.linalg.norm(y - x) <= r for y, r in zip(fake, fake_radius, strict=True)] for x in real
    ]  # (N, M)
    return {
        "precision": np.mean([any(row) for row in held]),
        "recall": np.mean([any(row) for row in near]),
        "density": np.sum(held) / (k * len(fake)),
        "coverage": np.mean([any(column) for column in zip(*held, strict=True)]),
    }


@pytest.mark.parametrize(("n", "m", "k"), [(60, 60, 5), (70, 40, 3), (40, 70, 1)])
def test_it_agrees_with_the_definitions(n, m, k):
    real, fake = normal(n, seed=1), 1.3 * normal(m, seed=2) + 0.4
    expected = naive(real, fake, k)
    assert all(
        0 < expected[name] < 1 for name in expected
    )  # nothing is agreed on by being empty or full
    assert manifold(real, fake, k, chunk=16) == pytest.approx(expected)


def test_a_set_covers_itself():
    points = normal(200)
    found = manifold(points, points, k=5)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["density"] == pytest.approx(6 / 5)  # k neighbours and the point itself


def test_sets_far_apart_share_nothing():
    assert set(manifold(normal(100, seed=1), normal(100, seed=2) + 1000).values()) == {0.0}


def test_fresh_draws_cover_all_but_one_ball_in_two_to_the_k():
    found = manifold(normal(2000, seed=1), normal(2000, seed=2), k=5)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)
    assert found["density"] == pytest.approx(1, abs=0.03)


def test_a_dropped_mode_shows_in_recall_and_coverage_but_not_in_precision():
    real = torch.cat([normal(300, seed=1), normal(100, seed=2) + 50])
    found = manifold(real, normal(400, seed=3))
    assert found["precision"] > 0.9
    assert found["recall"] < 0.76
    assert found["coverage"] < 0.76


def test_an_outlier_flatters_precision_but_not_coverage():
    """The reason for coverage (Naeem et al., figure 2): one far point's ball holds whatever lies
    between.
    """
    real = torch.cat([normal(200, seed=1), torch.full((1, 8), 40.0)])
    found = manifold(real, normal(200, seed=2) + 20)
    assert found["precision"] > 0.95
    assert found["coverage"] < 0.02


def test_copies_of_one_picture_cover_next_to_nothing():
    real = normal(200)
    found = manifold(real, real[:1].repeat(200, 1))
    assert found["precision"] == 1
    assert found["recall"] <= 1 / 200
    assert found["coverage"] < 0.2


@pytest.mark.parametrize(
    ("real", "fake", "says"),
    [
        (normal(5), normal(50), "5 real and 50 fake"),
        (normal(50, 8), normal(50, 9), "fake: 9 numbers per row, but real has 8"),
        (normal(50), normal(50) * float("nan"), "NaN"),
    ],
)
def test_a_wrong_input_is_explained(real, fake, says):
    with pytest.raises(CourseError, match=says):
        manifold(real, fake)
