"""Does each code hold one factor, and each factor sit in one code? For pictures whose factors are known.

Both scores ask that codes and factors lie along the same axes; no data says which axes are the right ones (Locatello et al.
2019), so they belong to made-up worlds like sprites, and to many seeds.
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
    """FactorVAE score (Kim & Mnih 2018, section 4): hold one factor still, and the code that stands stillest names it.

    A vote: draw a factor and a value of it, take `batch` pictures that share the value, divide each code by its standard
    deviation over all pictures, and find the code with the least variance. From half of the votes each code learns
    which factor it stands for most often; the score is the part of the other half that it names rightly.

    Args:
        codes: (N, K), what is read from each picture (a mean, a category's probability), any float.
        factors: (N, F) whole numbers from 0 on: the truth of each picture.  N: 10,000 or more.
        seed: of the votes.
        votes: for each half.  batch: pictures a vote.  chunk: votes counted at a time.

    Returns:
        0..1: 1 when every factor has a code that no other factor moves, about 1 / F for useless codes. Factors that no
        code knows cost at most their share of the votes, and codes that share a factor cost nothing. A code that never
        moves says nothing and has no vote.

    Raises:
        CourseError: shapes that do not fit, codes that are not finite, a factor that has one value only, or fewer than
            `batch` pictures of a value.
    """
    codes, factors = _checked(codes, factors)
    count = factors.shape[1]
    spread = codes.std(0)
    codes = codes / spread
    still = spread <= 1e-9 * spread.max()  # also when all of them are, and the division gave NaN
    generator = torch.Generator().manual_seed(seed)
    rows = [_rows(factors[:, f], f, batch) for f in range(count)]
    table = torch.zeros(
        2, codes.shape[1], count, dtype=torch.float64
    )  # votes to learn from and to score: code, factor
    for half in table:
        for drawn in torch.randint(count, (votes,), generator=generator).split(chunk):
            groups = torch.stack(
                [_group(rows[f], batch, generator) for f in drawn.tolist()]
            )  # (chunk, batch)
            variance = codes[groups].var(1).where(~still, torch.inf)  # (chunk, K)
            half.index_put_(
                (variance.argmin(1), drawn),
                torch.ones(len(drawn), dtype=torch.float64),
                accumulate=True,
            )
    learn, score = table
    named = learn.argmax(1, keepdim=True)  # the factor that each code stands for
    return (score.gather(1, named).sum() / votes).item()


def mutual_information_gap(codes: Tensor, factors: Tensor, *, bins: int = 20) -> float:
    """Mutual information gap, MIG (Chen et al. 2018, section 4.1): how far the best code of a factor is ahead of the next.

        MIG = 1/F sum over factors v of (I(z_best; v) - I(z_second; v)) / H(v)

    Every code is cut into `bins` of equal width between its extremes (20 as in Locatello et al. 2019), and the mutual
    information is that of the table of counts.

    Args:
        codes: (N, K), K >= 2, any float.  factors: (N, F) whole numbers from 0 on.  N: 10,000 or more.

    Returns:
        0..1: 1 when each factor is told by exactly one code, 0 when two codes know each factor equally well or none
        knows any. A factor of V > `bins` values reaches log(bins) / log(V) at most: of the 3, 6, 40, 32 and 32 values of
        dSprites, perfect codes have .90.

    Raises:
        CourseError: shapes that do not fit, one code only, codes that are not finite, or a factor that has one value.
    """
    codes, factors = _checked(codes, factors)
    if codes.shape[1] < 2:
        raise CourseError("The gap lies between two codes, but there is only one.")
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
    """Mutual information in nats of two rows (N,) of whole numbers; of a row with itself, its entropy."""
    width = int(b.max()) + 1
    table = (width * a + b).bincount(minlength=(int(a.max()) + 1) * width).view(-1, width) / len(a)
    return _entropy(table.sum(0)) + _entropy(table.sum(1)) - _entropy(table)


def _entropy(share: Tensor) -> Tensor:
    return torch.special.entr(share).sum()


def _rows(factor: Tensor, name: int, least: int) -> list[Tensor]:
    """For each value of a factor (N,) the rows that have it."""
    counts = factor.bincount()
    counts = counts[counts > 0]
    if counts.min() < least:
        raise CourseError(
            f"A value of factor {name} has {counts.min()} pictures, and a vote needs {least}: "
            "give more pictures, or a smaller batch."
        )
    return list(factor.argsort().split(counts.tolist()))


def _group(rows: list[Tensor], batch: int, generator: torch.Generator) -> Tensor:
    """`batch` different rows that share a value drawn at random."""
    some = rows[int(torch.randint(len(rows), (1,), generator=generator))]
    return some[torch.randperm(len(some), generator=generator)[:batch]]


def _checked(codes: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    codes = as_points(codes, "Codes", 2)
    if factors.ndim != 2 or len(factors) != len(codes) or not factors.shape[1]:
        raise CourseError(
            f"{len(codes):,} rows of codes need one row of factors each, (N, F), but these are {tuple(factors.shape)}."
        )
    factors = torch.stack(
        [as_class(f, len(codes), f"pictures (factor {i})") for i, f in enumerate(factors.T)], 1
    )
    same = (factors == factors[0]).all(0)
    if same.any():
        raise CourseError(
            f"Factor {same.nonzero()[0].item()} has one value only: there is nothing to tell apart."
        )
    return codes, factors
