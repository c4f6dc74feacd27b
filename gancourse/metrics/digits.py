"""The scores of a digit generator in one call, together with the protocol that gives them meaning.

The published protocol compares 10,000 samples with the 60,000 training pictures of MNIST. Scores
depend on the number of samples, the reference and the classifier, so the result contains all three.
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
STREAM = 1_000_003  # or samples drawn from the reference with this seed would meet themselves


def digit_scores(
    samples: Tensor,
    reference,
    *,
    name: str | None = None,
    judge: DigitCNN | None = None,
    seed: int = 0,
) -> dict:
    """Classifier-FID, KID, recall, density and coverage, on the digit classifier's features.

    Args:
        samples: pictures (N, 1, 28, 28), uint8 or float in [-1, 1], or their features (N, 128).
        reference: a data set with a name, a source and `["image"]`, as `gancourse.data` loads it;
            or pictures or features as above. To score many samples, compute the features once:
            `judge().features(images)`.
        name: of the reference; required for pictures and features.
        judge: the classifier; by default the bundled one.
        seed: for KID's subsets and for the pictures drawn for recall, density and coverage.

    Returns:
        dict of numbers and names. FID and KID use all pictures; `kid_std` is the spread between
        KID's subsets. Recall, density and coverage (k = 5) depend on the number of pictures, so
        they compare equally many on both sides: `neighbourhood_samples`, the smallest of N, the
        size of the reference and 10,000, drawn at random. Precision is left out, since even uniform
        noise can score well.

    Raises:
        CourseError: no name, wrong shapes or ranges, or five pictures or fewer.
    """
    if not isinstance(reference, Tensor):
        name, reference = name or f"{reference.name} ({reference.source})", reference["image"]
    if not name:
        raise CourseError(
            f"name={name!r}: a score needs the name of its reference; "
            'give one, such as name="MNIST train, 60,000".'
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
