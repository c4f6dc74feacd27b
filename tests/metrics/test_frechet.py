from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from gancourse.files import CourseError
from gancourse.metrics.frechet import frechet, kernel


def normal(n, width, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(n, width, seed=0):
    """Points whose mean is exactly 0 and whose (unbiased) covariance is exactly the identity."""
    points = normal(n, width, seed)
    points -= points.mean(0)
    return points @ torch.linalg.inv(torch.linalg.cholesky(points.T.cov())).T


def reference(real, fake):
    real, fake = real.double().numpy(), fake.double().numpy()
    a, b = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    return ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)


def test_the_closed_form_of_two_gaussians():
    points = whitened(500, 4)
    scale, shift = (
        torch.tensor([1.0, 2.0, 0.5, 3.0]).double(),
        torch.tensor([1.0, 0.0, -2.0, 0.5]).double(),
    )
    expected = shift.square().sum() + (1 - scale).square().sum()  # |m|^2 + sum (s1 - s2)^2
    assert frechet(points, points * scale + shift) == pytest.approx(expected.item(), rel=1e-9)


def test_it_agrees_with_scipy_on_correlated_features_of_different_n():
    mix = normal(16, 16, seed=3)
    real, fake = normal(400, 16, seed=1) @ mix, normal(300, 16, seed=2) @ mix.T + 0.3
    assert frechet(real, fake) == pytest.approx(reference(real, fake), rel=1e-7)
    assert frechet(real, fake) == pytest.approx(frechet(fake, real), rel=1e-7)


def test_a_singular_covariance_costs_no_precision():
    """16 true dimensions in 128 columns, some dead, as after a ReLU: the distance is that of the
    16.
    """
    basis = torch.linalg.qr(normal(128, 16, seed=5)).Q  # orthonormal columns: distances are kept
    real, fake = normal(1000, 16, seed=1), 1.1 * normal(1000, 16, seed=2) + 0.1
    assert frechet(real @ basis.T, fake @ basis.T) == pytest.approx(reference(real, fake), rel=1e-5)
    assert frechet((real @ basis.T).float(), (fake @ basis.T).float()) == pytest.approx(
        reference(real, fake), rel=1e-4
    )


def test_a_set_has_no_distance_from_itself():
    points = normal(300, 32) + 100  # a mean far from 0 must not eat the covariance's digits
    assert 0 <= frechet(points, points) < 1e-6


def test_the_bias_falls_with_n():
    assert frechet(normal(200, 32, 1), normal(200, 32, 2)) > 3 * frechet(
        normal(2000, 32, 1), normal(2000, 32, 2)
    )


def mmd_by_hand(real, fake):
    """The unbiased estimator, one pair at a time."""
    real, fake = real.numpy(), fake.numpy()
    n, width = real.shape

    def k(x, y):
        return (x @ y / width + 1) ** 3

    pairs = [(i, j) for i in range(n) for j in range(n)]
    within = sum(k(real[i], real[j]) + k(fake[i], fake[j]) for i, j in pairs if i != j) / (
        n * (n - 1)
    )
    return within - 2 * sum(k(real[i], fake[j]) for i, j in pairs) / n**2


def test_the_kernel_distance_is_the_unbiased_mmd():
    real, fake = normal(30, 8, 1), normal(30, 8, 2) + 0.5
    found = kernel(real, fake, subsets=3, subset_size=30)  # every subset is the whole set
    assert found["mean"] == pytest.approx(mmd_by_hand(real, fake), rel=1e-9)
    assert found["std"] == pytest.approx(0, abs=1e-9)


def test_the_kernel_distance_of_one_distribution_is_zero_on_average():
    draws = [
        kernel(normal(100, 8, 2 * i), normal(100, 8, 2 * i + 1), subsets=1)["mean"]
        for i in range(40)
    ]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(40)
    assert min(draws) < 0 < max(draws)


def test_the_seed_decides_the_subsets_and_nothing_else_is_touched():
    real, fake = normal(200, 8, 1), normal(200, 8, 2)
    before = torch.get_rng_state()
    first, again, other = (kernel(real, fake, seed, subset_size=50) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_torchmetrics_warnings_stay_inside(recwarn):
    kernel(normal(20, 4, 1), normal(20, 4, 2), subsets=2)
    assert not [w for w in recwarn if "buffer" in str(w.message)]


@pytest.mark.parametrize(
    ("real", "fake", "says"),
    [
        (normal(10, 4), normal(10, 5), "fake: 5 numbers per row, but real has 4"),
        (normal(1, 4), normal(10, 4), "2 or more"),
        (normal(10, 4), normal(10, 4) / 0, "10 of 10 rows contain NaN or infinity"),
        (torch.zeros(10, 1, 28, 28), normal(10, 4), r"\(10, 1, 28, 28\)"),
    ],
)
def test_a_wrong_input_is_explained(real, fake, says):
    for metric in (frechet, kernel):
        with pytest.raises(CourseError, match=says):
            metric(real, fake)
