"""Does each code hold one factor, and each factor sit in one code? Where factors are known.

Both scores assume that codes and factors share the same axes. Unlabelled data cannot say which axes
are right (Locatello et al. 2019), so use them on synthetic data such as sprites, and over many
seeds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_class, as_points


def factor_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    seed: int = 0,
    votes: int = 5000,
    batch: int = 64,
    chunk: int = 500,
) -> float:
    """FactorVAE score (Kim & Mnih 2018, section 4): fix a factor; the stillest code should name it.

    One vote: draw a factor and one of its values, take `batch` pictures with this value, divide
    each code by its standard deviation over all pictures, and find the code with the least
    variance. The first half of the votes decides which factor each code stands for; the score is
    the fraction of the second half that this assignment gets right.

    Args:
        codes: (N, K), any float: what is read from each picture, such as a mean or the probability
            of a category.
        factors: (N, F), integers of 0 or more: the true factors of each picture. N of 10,000 or
            more.
        seed: for the votes.
        votes: number of votes in each half.
        batch: pictures per vote.
        chunk: votes computed at once.

    Returns:
        0..1: 1 when every factor has a code that no other factor moves, about 1 / F for useless
        codes. A factor that no code represents costs at most its fraction of the votes, and several
        codes for one factor cost nothing. A code that is constant gets no vote.

    Raises:
        CourseError: shapes that do not match, codes that are not finite, a factor with a single
            value, or fewer than `batch` pictures with one value.
    """
    codes, factors = _checked(codes, factors)
    count = factors.shape[1]
    spread = codes.std(0)
    codes = codes / spread
    still = (
        spread <= 1e-9 * spread.max()
    )  # also if all codes are constant and the division gave NaN
    generator = torch.Generator().manual_seed(seed)
    rows = [_rows(factors[:, f], f, batch) for f in range(count)]
    table = torch.zeros(2, codes.shape[1], count, dtype=torch.float64)  # half, code, factor
    for half in table:
        for drawn in torch.randint(count, (votes,), generator=generator).split(chunk):
            groups = torch.stack([_group(rows[f], batch, generator) for f in drawn.tolist()])
            variance = (
                codes[groups].var(1).where(~still, torch.inf)
            )  # (chunk, batch, K) -> (chunk, K)
            vote = torch.ones(len(drawn), dtype=torch.float64)
            half.index_put_((variance.argmin(1), drawn), vote, accumulate=True)
    learn, score = table
    named = learn.argmax(1, keepdim=True)  # the factor each code stands for
    return (score.gather(1, named).sum() / votes).item()


def mutual_information_gap(codes: Tensor, factors: Tensor, *, bins: int = 20) -> float:
    """Mutual information gap, MIG (Chen et al. 2018, section 4.1): the lead of the best code.

        MIG = 1/F sum over factors v of (I(z_best; v) - I(z_second; v)) / H(v)

    Every code is divided into `bins` of equal width between its extremes, 20 as in Locatello et al.
    2019, and mutual information is computed from the table of counts.

    Args:
        codes: (N, K), K >= 2, any float.
        factors: (N, F), integers of 0 or more. N of 10,000 or more.
        bins: number of bins per code.

    Returns:
        0..1: 1 when each factor is captured by exactly one code, 0 when two codes know each factor
        equally well or no code knows any. A factor with V > `bins` values reaches at most log(bins)
        / log(V): perfect codes score .90 for the 3, 6, 40, 32 and 32 values of dSprites.

    Raises:
        CourseError: shapes that do not match, a single code, codes that are not finite, or a factor
            with one value.
    """
    codes, factors = _checked(codes, factors)
    if codes.shape[1] < 2:
        raise CourseError(
            f"codes.shape={tuple(codes.shape)}: one code has no second best; give two or more."
        )
    low, high = codes.min(0).values, codes.max(0).values
    width = (high - low).where(high > low, torch.tensor(1.0, dtype=codes.dtype))
    cut = ((codes - low) / width * bins).long().clamp(max=bins - 1)  # (N, K): 0..bins-1
    gaps = []
    for factor in factors.T:
        known = torch.stack([_information(code, factor) for code in cut.T])  # (K,)
        best, second = known.topk(2).values
        gaps.append((best - second) / _information(factor, factor))
    return torch.stack(gaps).mean().item()


def _information(a: Tensor, b: Tensor) -> Tensor:
    """Mutual information in nats of two integer rows (N,); of a row with itself, its entropy."""
    width = int(b.max()) + 1
    table = (width * a + b).bincount(minlength=(int(a.max()) + 1) * width).view(-1, width) / len(a)
    return _entropy(table.sum(0)) + _entropy(table.sum(1)) - _entropy(table)


def _entropy(probability: Tensor) -> Tensor:
    return torch.special.entr(probability).sum()


def _rows(factor: Tensor, name: int, least: int) -> list[Tensor]:
    """For each value of a factor (N,), the indices of the pictures that have it."""
    counts = factor.bincount()
    counts = counts[counts > 0]
    if counts.min() < least:
        raise CourseError(
            f"batch={least}: a value of factor {name} has only {counts.min()} pictures; "
            "give more pictures or a smaller batch."
        )
    return list(factor.argsort().split(counts.tolist()))


def _group(rows: list[Tensor], batch: int, generator: torch.Generator) -> Tensor:
    """Indices of `batch` different pictures that share one value, drawn at random."""
    some = rows[int(torch.randint(len(rows), (1,), generator=generator))]
    return some[torch.randperm(len(some), generator=generator)[:batch]]


def _checked(codes: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    codes = as_points(codes, "codes", 2)
    if factors.ndim != 2 or len(factors) != len(codes) or not factors.shape[1]:
        raise CourseError(
            f"factors.shape={tuple(factors.shape)}: not ({len(codes)}, F); "
            "give one row of factors per row of codes."
        )
    columns = [as_class(f, len(codes), f"factors[:, {i}]") for i, f in enumerate(factors.T)]
    factors = torch.stack(columns, 1)
    same = (factors == factors[0]).all(0)
    if same.any():
        raise CourseError(
            f"factors[:, {same.nonzero()[0].item()}]: one value only; leave this factor out."
        )
    return codes, factors
