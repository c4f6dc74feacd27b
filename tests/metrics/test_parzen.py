from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from gancourse.files import CourseError
from gancourse.metrics.parzen import SIGMAS, log_likelihoods, parzen


def pictures(n, seed, side=6):
    return torch.randint(
        256, (n, 1, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def test_the_grid_of_the_paper():
    assert np.allclose(SIGMAS, np.logspace(-1, 0, 10), rtol=1e-14)


def test_the_density_is_that_of_scikit_learn():
    samples, points = (
        pictures(n, seed).flatten(1).double() / 255 for n, seed in ((40, 1), (25, 2))
    )
    found = log_likelihoods(samples, points, [0.1, 0.3], chunk=7)
    for row, sigma in zip(found, (0.1, 0.3), strict=True):
        reference = KernelDensity(kernel="gaussian", bandwidth=sigma).fit(samples.numpy())
        assert np.allclose(row, reference.score_samples(points.numpy()), rtol=1e-9)


def test_the_whole_protocol_against_scikit_learn():
    samples, test, validation = pictures(60, 1), pictures(30, 2), pictures(20, 3)
    rows = {
        name: x.flatten(1).numpy() / 255
        for name, x in (("s", samples), ("t", test), ("v", validation))
    }
    fitted = {s: KernelDensity(bandwidth=s).fit(rows["s"]) for s in np.logspace(-1, 0, 10)}
    best = max(fitted, key=lambda s: fitted[s].score(rows["v"]))
    scores = fitted[best].score_samples(rows["t"])
    assert 0.1 < best < 1  # the choice is a real one
    found = parzen(samples, test, validation)
    assert found["sigma"] == pytest.approx(best)
    assert found["nats"] == pytest.approx(scores.mean(), rel=1e-9)
    assert found["standard_error"] == pytest.approx(scores.std(ddof=1) / math.sqrt(30), rel=1e-9)


def test_the_closed_form_of_one_sample():
    """One black sample, one white test picture of 784 pixels: a single Gaussian's log density."""
    black, white = (
        torch.zeros(1, 1, 28, 28, dtype=torch.uint8),
        torch.full((2, 1, 28, 28), 255, dtype=torch.uint8),
    )
    found = parzen(black, white, white, sigmas=[0.5])
    assert found["nats"] == pytest.approx(
        -784 / (2 * 0.25) - 784 * math.log(0.5 * math.sqrt(2 * math.pi)), rel=1e-12
    )
    assert found["standard_error"] == 0


def test_far_pictures_stay_finite():
    """exp(-784 / .02) is 0 in any float; its logarithm is not lost."""
    black, white = (
        torch.zeros(5, 1, 28, 28, dtype=torch.uint8),
        torch.full((5, 1, 28, 28), 255, dtype=torch.uint8),
    )
    assert math.isfinite(parzen(black, white, white, sigmas=[0.1])["nats"])


def test_bytes_and_a_games_floats_score_the_same():
    sets = pictures(30, 1), pictures(20, 2), pictures(10, 3)
    assert parzen(*[x / 127.5 - 1 for x in sets]) == pytest.approx(parzen(*sets), rel=1e-5)


def test_sigma_is_chosen_on_validation_not_on_test():
    samples = pictures(30, 1)
    assert parzen(samples, test=pictures(20, 2), validation=samples)["sigma"] == SIGMAS[0]
    assert parzen(samples, test=samples, validation=pictures(20, 2))["sigma"] > SIGMAS[0]


def test_wrong_inputs_are_explained():
    with pytest.raises(CourseError, match=r"samples=0..255: .* \[-1, 1\]"):
        parzen(torch.linspace(0, 255, 36).view(1, 1, 6, 6), pictures(2, 1), pictures(2, 2))
    with pytest.raises(CourseError, match="test: 16 numbers per row, but samples has 36"):
        parzen(pictures(2, 1), pictures(2, 1, side=4), pictures(2, 2))
    with pytest.raises(CourseError, match="no pictures"):
        parzen(pictures(0, 1), pictures(2, 1), pictures(2, 2))
    with pytest.raises(CourseError, match="torch.int64"):
        parzen(pictures(2, 1).long(), pictures(2, 1), pictures(2, 2))
