"""Does a conditional generator make what it is asked for, and all of it?

Accuracy alone can be had by one neat picture a class, coverage alone by a heap of wrong ones: quote them together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.coverage import manifold
from gancourse.metrics.digit_cnn import DigitCNN, accuracy, fit
from gancourse.metrics.digit_cnn import judge as bundled_judge
from gancourse.metrics.inputs import as_class, as_uint8

NEIGHBOURS = 5
CLASSES = 10  # what a `DigitCNN` can tell apart


def label_accuracy(samples: Tensor, asked: int | Tensor, judge: DigitCNN | None = None) -> float:
    """The part, 0..1, of the samples in which the judge reads what was asked for.

    Args:
        samples: (N, 1, 28, 28), uint8 or float in [-1, 1].
        asked: the label of all of them, or one a sample (N,).
        judge: None for the bundled judge of digits; for other pictures a `DigitCNN` that `fit` trained on them.

    The judge's own accuracy on real pictures is the measure of this number, not its limit: a generator that makes
    nothing but plain digits scores above it.

    Raises:
        CourseError: no samples, not a label 0..9 a sample, or pictures that the judge cannot read.
    """
    asked = torch.full((len(samples),), asked) if isinstance(asked, int) else asked
    return accuracy(judge or bundled_judge(), samples, _labels(asked, samples, "asked for"))


def trained_on_generated(
    samples: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    *,
    seed: int = 0,
    epochs: int = 5,
    device: str | torch.device = "cpu",
) -> float:
    """Classification accuracy score (Ravuri & Vinyals 2019, section 3): learn from the samples, be tested on the real.

    A new network with the judge's architecture is trained on (sample, label it was asked for) alone. Wrong labels and
    smudges teach it wrongly; whatever the generator never makes, it never learns to read.

    Args:
        samples: (N, 1, 28, 28), uint8 or float in [-1, 1]; N as large as the real training set.  labels: (N,), 0..9.
        test_images, test_labels: real pictures (M, 1, 28, 28) with their labels.
        seed: of weights, order and shifts; the result moves by about a tenth of a percent from one to the next.
        epochs: times through the samples; about three minutes for 5 times 50,000 on one CPU core.

    Returns:
        the part of the real pictures, 0..1, that it reads rightly. The ceiling is the same with real pictures in the
        place of the samples. Every picture is shifted by up to two pixels in training, as for the judge: a generator
        that always draws in the middle is not found out here.

    Raises:
        CourseError: no pictures, not a label 0..9 a picture, or pictures of another shape or range.
    """
    samples, labels = as_uint8(samples).cpu(), _labels(labels, samples, "samples")
    test_labels = _labels(test_labels, test_images, "test pictures")
    return accuracy(
        fit(samples, labels, seed=seed, epochs=epochs, device=device), test_images, test_labels
    )


def class_coverage(
    samples: Tensor,
    asked: Tensor,
    images: Tensor,
    labels: Tensor,
    *,
    judge: DigitCNN | None = None,
    seed: int = 0,
) -> dict:
    """Coverage (Naeem et al. 2020, section 3; k = 5) of each class by the samples that were asked for it.

    Args:
        samples: pictures (N, 1, 28, 28), uint8 or float in [-1, 1], or their features (N, D); asked: (N,).
        images, labels: the same of real pictures (M, ...) and (M,), every class 0..K-1 among them.
        judge: None for the bundled one; it makes the features.
        seed: of the pictures drawn where one side has more of a class than the other.

    Returns:
        dict of `coverage`, a list of the K values 0..1, its `min` and `mean`, `worst`, the class of the minimum, and
        `samples`, the number of real pictures and of samples compared in each class. Samples as good as real ones have
        about .97: see `coverage.manifold`, and compare only numbers of one `samples`.

    Raises:
        CourseError: five pictures or fewer of a class on either side, or labels that do not fit.
    """
    judge = judge or bundled_judge()
    asked, labels = (
        as_class(asked, len(samples), "asked for"),
        as_class(labels, len(images), "real pictures"),
    )
    fake, real = (x if x.ndim == 2 else judge.features(x) for x in (samples, images))
    generator = torch.Generator().manual_seed(seed)
    coverage, sizes = [], []
    for label in range(int(labels.max()) + 1):
        sides = real[labels == label], fake[asked == label]
        size = min(map(len, sides))
        if size <= NEIGHBOURS:
            raise CourseError(
                f"Coverage of class {label} needs more than {NEIGHBOURS} pictures on each side, "
                f"but there are {len(sides[0]):,} real ones and {len(sides[1]):,} samples."
            )
        some = [x[torch.randperm(len(x), generator=generator)[:size]] for x in sides]
        coverage.append(manifold(*some, NEIGHBOURS)["coverage"])
        sizes.append(size)
    worst = min(range(len(coverage)), key=coverage.__getitem__)
    mean = sum(coverage) / len(coverage)
    return {
        "coverage": coverage,
        "min": coverage[worst],
        "mean": mean,
        "worst": worst,
        "samples": sizes,
    }


def _labels(labels: Tensor, pictures: Tensor, what: str) -> Tensor:
    return as_class(labels, len(pictures), what, CLASSES)
