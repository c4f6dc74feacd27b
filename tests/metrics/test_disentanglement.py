from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from gancourse.files import CourseError
from gancourse.metrics.disentanglement import factor_vae_score, mutual_information_gap


def grid(*sizes, copies):
    """Factors (N, F): every combination, `copies` times."""
    axes = torch.meshgrid(*[torch.arange(size) for size in sizes], indexing="ij")
    return torch.stack([axis.flatten() for axis in axes], 1).repeat(copies, 1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def turned(codes, degrees):
    """The first two columns turned about each other, each scaled to unit variance before."""
    codes = (codes.double() - codes.double().mean(0)) / codes.double().std(0)
    angle = math.radians(degrees)
    turn = torch.eye(codes.shape[1], dtype=torch.float64)
    turn[:2, :2] = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return codes @ turn


FACTORS = grid(5, 4, 4, copies=50)  # 4,000 pictures


def naive_vote(codes, factors, f, value, batch, rng):
    rows = rng.permutation(np.flatnonzero(factors[:, f] == value))[:batch]
    return int(np.argmin(codes[rows].var(axis=0) / codes.var(axis=0)))


def naive_score(codes, factors, votes=1000, batch=64):
    """Kim & Mnih's section 4 read aloud, one vote at a time."""
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(2):
        table = np.zeros((codes.shape[1], factors.shape[1]))
        for _ in range(votes):
            f = rng.integers(factors.shape[1])
            table[naive_vote(codes, factors, f, rng.choice(factors[:, f]), batch, rng), f] += 1
        halves.append(table)
    return sum(halves[1][code, halves[0][code].argmax()] for code in range(codes.shape[1])) / votes


@pytest.mark.parametrize(
    "codes", [FACTORS, -(FACTORS[:, [2, 0, 1]].double()).exp(), torch.cat([FACTORS, FACTORS], 1)]
)
def test_a_code_for_each_factor_scores_one(codes):
    """In any order, on any scale, and though two codes know the same."""
    assert factor_vae_score(codes, FACTORS, votes=500) == 1


def test_useless_codes_name_a_factor_by_chance():
    assert factor_vae_score(normal(4000, 6), FACTORS) == pytest.approx(1 / 3, abs=0.04)
    assert factor_vae_score(torch.ones(4000, 6), FACTORS) == pytest.approx(1 / 3, abs=0.04)


def test_a_code_is_named_by_other_votes_than_it_is_judged_on():
    """With few votes a useless code would look good on those that named it: .57 here."""
    codes = normal(4000, 6)
    found = [factor_vae_score(codes, FACTORS, seed=seed, votes=30) for seed in range(60)]
    assert sum(found) / 60 == pytest.approx(1 / 3, abs=0.04)


def test_a_factor_that_no_code_knows_costs_its_votes():
    """One code knows factor 0, two know nothing. A third of the votes is certain; of the others a
    third falls to the code that names factor 0, and of those that the two cast half are right: 1/3
    + 2/3 * 2/3 * 1/2.
    """
    codes = torch.cat([FACTORS[:, :1].double(), normal(4000, 2).double()], 1)
    assert factor_vae_score(codes, FACTORS) == pytest.approx(5 / 9, abs=0.04)


@pytest.mark.parametrize("degrees", [20, 45])
def test_the_score_is_that_of_a_plain_loop(degrees):
    codes = turned(FACTORS, degrees) + 0.3 * normal(4000, 3).double()
    expected = naive_score(codes.numpy(), FACTORS.numpy())
    assert factor_vae_score(codes, FACTORS) == pytest.approx(expected, abs=0.05)


def test_turned_codes_fall_between():
    """At 45 degrees two codes know two factors equally: of their votes, half are right."""
    found = [factor_vae_score(turned(FACTORS, degrees), FACTORS) for degrees in (0, 45)]
    assert found[0] == 1
    assert 1 / 3 < found[1] < 0.85


def test_a_still_code_has_no_vote():
    codes = torch.cat([torch.full((4000, 1), 0.1), FACTORS], 1)
    assert factor_vae_score(codes, FACTORS, votes=500) == 1


def test_votes_are_decided_by_their_seed():
    codes = turned(FACTORS, 40) + normal(4000, 3).double()
    found = [factor_vae_score(codes, FACTORS, seed=seed, votes=500) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert factor_vae_score(codes, FACTORS, votes=500, chunk=7) == pytest.approx(found[0], abs=0.05)


def test_a_code_for_each_factor_has_the_whole_gap():
    noise = normal(4000, 1).double()
    assert mutual_information_gap(torch.cat([FACTORS, 0 * noise], 1), FACTORS) == pytest.approx(
        1, abs=1e-9
    )
    assert mutual_information_gap(-3.0 * FACTORS[:, [1, 2, 0]], FACTORS) == pytest.approx(
        1, abs=1e-9
    )


def test_two_codes_that_know_the_same_have_no_gap():
    assert mutual_information_gap(torch.cat([FACTORS, FACTORS], 1), FACTORS) == pytest.approx(
        0, abs=1e-9
    )


def test_useless_codes_have_no_gap():
    assert mutual_information_gap(normal(4000, 6), FACTORS) == pytest.approx(0, abs=0.003)
    assert mutual_information_gap(torch.ones(4000, 6), FACTORS) == pytest.approx(0, abs=1e-9)


def test_the_gap_by_hand():
    """Factor 0 is told by code 0, its parity by code 1 too; of factor 1 nobody knows anything."""
    factors = grid(4, 2, copies=10)
    codes = torch.stack([factors[:, 0], factors[:, 0] % 2], 1)
    assert mutual_information_gap(codes, factors) == pytest.approx(
        (math.log(4) - math.log(2)) / math.log(4) / 2
    )


def test_the_gap_is_that_of_scikit_learns_information():
    codes = turned(FACTORS, 30) + 0.3 * normal(4000, 3).double()
    edges = [np.histogram_bin_edges(code, 20)[1:-1] for code in codes.T.numpy()]
    cut = [np.digitize(code, edge) for code, edge in zip(codes.T.numpy(), edges, strict=True)]
    gaps = []
    for factor in FACTORS.T.numpy():
        known = sorted(mutual_info_score(factor, code) for code in cut)
        gaps.append((known[-1] - known[-2]) / mutual_info_score(factor, factor))
    assert mutual_information_gap(codes, FACTORS) == pytest.approx(np.mean(gaps), rel=1e-6)


def test_turning_closes_the_gap():
    noise = 0.1 * normal(4000, 3).double()
    found = [
        mutual_information_gap(turned(FACTORS, degrees) + noise, FACTORS)
        for degrees in (0, 15, 30, 45)
    ]
    assert found == sorted(found, reverse=True)
    assert 0.95 < found[0] < 1
    assert found[3] == pytest.approx(1 / 3, abs=0.05)  # the third factor is known as before


def test_more_values_than_bins_cannot_be_told():
    """40 values in 20 bins, two in each: log 20 of log 40."""
    factors = grid(40, 2, copies=5)
    found = mutual_information_gap(factors, factors)
    assert found == pytest.approx((math.log(20) / math.log(40) + 1) / 2)


@pytest.mark.parametrize("score", [factor_vae_score, mutual_information_gap])
@pytest.mark.parametrize(
    ("codes", "factors", "says"),
    [
        (
            normal(100, 3),
            FACTORS,
            r"factors.shape=\(4000, 3\): not \(100, F\)",
        ),
        (normal(4000, 3), FACTORS[:, 0], r"\(4000,\)"),
        (normal(4000, 3) * math.nan, FACTORS, "NaN"),
        (normal(4000, 3), FACTORS.float(), r"factors\[:, 0\].dtype=torch.float32: not integers"),
        (normal(4000, 3), FACTORS - 1, r"factors\[:, 0\]=-1..3: "),
        (normal(4000, 3), FACTORS * torch.tensor([1, 0, 1]), r"factors\[:, 1\]: one value only"),
    ],
)
def test_a_wrong_input_is_explained(score, codes, factors, says):
    with pytest.raises(CourseError, match=says):
        score(codes, factors)


def test_too_few_pictures_or_codes_are_explained():
    with pytest.raises(CourseError, match="batch=64: a value of factor 0 has only 40"):
        factor_vae_score(normal(160, 3), grid(4, 2, copies=20))
    with pytest.raises(CourseError, match="one code has no second best"):
        mutual_information_gap(normal(4000, 1), FACTORS)
