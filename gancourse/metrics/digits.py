"""The scores of a digit generator in one call, each with the protocol it needs to mean anything.

The published protocol: 10,000 samples against the 60,000 training pictures of MNIST. Numbers of another N, another
reference or another judge are other numbers, so all three are part of the result.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.coverage import manifold
from gancourse.metrics.digit_cnn import DigitCNN
from gancourse.metrics.digit_cnn import judge as bundled_judge
from gancourse.metrics.frechet import frechet, kernel

NEIGHBOURS = 5
MANIFOLD_LIMIT = 10_000
STREAM = 1_000_003  # samples drawn from the reference with the same seed must not be compared with themselves


def digit_scores(
    samples: Tensor,
    reference,
    *,
    name: str | None = None,
    judge: DigitCNN | None = None,
    seed: int = 0,
) -> dict:
    """Classifier-FID, KID, recall, density and coverage of generated digits, on the judge's 128 features.

    Args:
        samples: pictures (N, 1, 28, 28), uint8 or float in [-1, 1]; or their features (N, 128).
        reference: a data set with a name and `["image"]` (as `gancourse.data` loads it), or pictures or features as
            above. Compute the features once, `judge().features(images)`, to score many samples.
        name: of the reference; needed unless it is a data set, which knows its own.
        judge: None for the bundled one.
        seed: of KID's subsets and of the pictures drawn for coverage.

    Returns:
        dict of plain numbers and names. FID and KID use all the pictures given. Recall, density and coverage (k = 5)
        compare sets of one size, `neighbourhood_samples` = the smaller of N, the reference's and 10,000, drawn with
        `seed` from the larger: their values depend on it. Precision is left out on purpose: uniform noise scores well.
        `kid_std` is the spread between KID's subsets.

    Raises:
        CourseError: no name, wrong shapes or ranges, or five pictures or fewer.
    """
    if not isinstance(reference, Tensor):
        name, reference = name or f"{reference.name} ({reference.source})", reference["image"]
    if not name:
        raise CourseError(
            'A score needs the name of its reference: digit_scores(..., name="MNIST train, 60,000").'
        )
    judge = judge or bundled_judge()
    real, fake = _features(reference, judge), _features(samples, judge)
    size = min(len(real), len(fake), MANIFOLD_LIMIT)
    generator = torch.Generator().manual_seed(seed + STREAM)
    some_real, some_fake = (
        x[torch.randperm(len(x), generator=generator)[:size]] for x in (real, fake)
    )
    neighbourhood = manifold(some_real, some_fake, NEIGHBOURS)
    kid = kernel(real, fake, seed)
    return {
        "classifier_fid": frechet(real, fake),
        "kid": kid["mean"],
        "kid_std": kid["std"],
        **{key: neighbourhood[key] for key in ("recall", "density", "coverage")},
        "samples": len(fake),
        "reference": name,
        "reference_samples": len(real),
        "neighbourhood_samples": size,
        "k": NEIGHBOURS,
        "judge": judge.sha256,
    }


def _features(pictures: Tensor, judge: DigitCNN) -> Tensor:
    return pictures if pictures.ndim == 2 else judge.features(pictures)
