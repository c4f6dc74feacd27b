"""Does a picture show a digit at all? Two judges who differ in kind must see the same one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import second_judge
from gancourse.metrics.digit_reader import DigitReader

SURE = 0.9


def readable(
    pictures: Tensor, judges: Sequence[DigitReader] | None = None, sure: float = SURE
) -> float:
    """The fraction of pictures, 0..1, that all judges read as the same digit and are sure of.

    One judge is not enough: a classifier has to answer with one of ten digits, and a network that
    has seen nothing but digits is often sure of noise. Which digit is read does not matter, so
    one good picture repeated scores 1: quote it with coverage. Real test digits are the ceiling
    that means something; a generator of plain digits can pass it.

    Args:
        pictures: (N, 1, 28, 28), uint8 or float in [-1, 1].
        judges: by default the two that the course bundles.
        sure: the probability that each judge must exceed, 0..1.

    Raises:
        CourseError: no pictures, or such as the judges cannot read.
    """
    if not len(pictures):
        raise CourseError("pictures: 0 of them; give at least one.")
    if judges is None:
        judges = judge(), second_judge()
    found = [each.probabilities(pictures).max(1) for each in judges]
    confident = torch.stack([each.values for each in found]).amin(0) > sure
    seen = torch.stack([each.indices for each in found])
    return (confident & (seen == seen[0]).all(0)).double().mean().item()
