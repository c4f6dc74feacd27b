"""Do pictures show what their sentences say? Scores of attributes that a reader has read.

All take what was `read` in N pictures and what was `asked` for, (N, K) int64 each, with a column
per attribute; asked is -1 where the sentence leaves something open. No reader is perfect: quote the
same scores of real pictures beside them (the ceiling), and of pictures with other pictures'
sentences (the floor).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_points


def by_attribute(read: Tensor, asked: Tensor, names: Sequence[str]) -> dict[str, float]:
    """How often each attribute is as the sentence says, 0..1; one that none mentions is left out.

    It lies for an attribute that is nearly always the same: compare it with the floor.

    Raises:
        CourseError: tables of different shapes, or another number of names.
    """
    same_tables(read, asked)
    if len(names) != read.shape[1]:
        raise CourseError(
            f"names: {len(names)} for {read.shape[1]} attributes; give a name for each column."
        )
    counts = asked >= 0
    right = ((read == asked) & counts).double().sum(0) / counts.sum(0)
    return {
        name: value
        for name, value, count in zip(names, right.tolist(), counts.any(0).tolist(), strict=True)
        if count
    }


def whole(read: Tensor, asked: Tensor) -> float:
    """The fraction of pictures in which all that the sentence says is so, 0..1.

    It falls with the length of the sentences, so that only the same ones can be compared.
    """
    same_tables(read, asked)
    return ((read == asked) | (asked < 0)).all(1).double().mean().item()


def binding(
    read: Tensor, asked: Tensor, pairs: Iterable[tuple[int, int]]
) -> dict[str, float | int]:
    """Is the right colour on the right thing, where two things are asked for in two colours?

    Args:
        pairs: the columns of each thing and of its colour, two of them.

    Returns:
        `bound`: the fraction in which both things have their colours, 0..1; `swapped`: in which
        they have each other's; `asked`: how many sentences say both colours, and different ones.
    """
    same_tables(read, asked)
    (first, colour), (second, other) = pairs
    counts = (asked[:, [first, colour, second, other]] >= 0).all(1)
    counts &= asked[:, colour] != asked[:, other]
    read, asked = read[counts], asked[counts]
    both = [colour, other]
    right = (read[:, both] == asked[:, both]).all(1)
    swapped = (read[:, both] == asked[:, both[::-1]]).all(1)
    rate = [each.double().mean().item() if len(each) else 0.0 for each in (right, swapped)]
    return {"bound": rate[0], "swapped": rate[1], "asked": int(counts.sum())}


def spread(features: Tensor) -> float:
    """How different the draws of one sentence are, against those of different ones: 0 to about 1.

    The mean distance between two draws of a sentence, over that between draws of two sentences. 0:
    every draw is the same picture. 1: the sentence changes nothing.

    Args:
        features: (S, D, F), D draws of each of S sentences.
    """
    sentences, draws, _ = features.shape
    if sentences < 2 or draws < 2:
        raise CourseError(
            f"features: {sentences} sentences with {draws} draws; give two or more of each."
        )
    points = as_points(features.flatten(0, 1), "features")
    distances = torch.cdist(points, points)
    of = torch.arange(sentences).repeat_interleave(draws)
    same = of[:, None] == of[None]
    within = same & ~torch.eye(len(of), dtype=torch.bool)
    return (distances[within].mean() / distances[~same].mean()).item()


def same_tables(read: Tensor, asked: Tensor) -> None:
    """Raise a CourseError unless the two have one shape, (N, K) with rows."""
    if read.shape != asked.shape or read.dim() != 2 or not len(read):
        raise CourseError(
            f"read, asked: shapes {tuple(read.shape)} and {tuple(asked.shape)}; give (N, K) twice."
        )
