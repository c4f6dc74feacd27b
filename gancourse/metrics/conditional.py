"""Do samples of a conditional generator match their labels, and do they cover each class?

One neat picture per class is enough for perfect accuracy, and wrong labels hardly hurt coverage:
quote both together.
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
CLASSES = 10  # of a `DigitCNN`


def label_accuracy(samples: Tensor, asked: int | Tensor, judge: DigitCNN | None = None) -> float:
    """The fraction of samples, 0..1, that the digit classifier assigns to their label.

    Compare it with the classifier's accuracy on real pictures, which is no upper limit: a generator
    that only makes plain digits scores higher.

    Args:
        samples: (N, 1, 28, 28), uint8 or float in [-1, 1].
        asked: the label of all samples, or one per sample (N,).
        judge: the classifier; by default the bundled one for digits. For other pictures, train one
            with `fit`.

    Raises:
        CourseError: no samples, labels that are not one per sample and 0..9, or pictures the
            classifier cannot read.
    """
    asked = torch.full((len(samples),), asked) if isinstance(asked, int) else asked
    return accuracy(
        judge or bundled_judge(), samples, as_class(asked, len(samples), "asked", CLASSES)
    )


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
    """Classification accuracy score (Ravuri & Vinyals 2019, 3): train on samples, test on real.

    A new network with the digit classifier's architecture is trained only on samples and the labels
    they were generated with. Wrong labels and unclear samples mislead it, and it never learns what
    the generator never makes.

    Args:
        samples: (N, 1, 28, 28), uint8 or float in [-1, 1]; N as large as the real training set.
        labels: (N,), 0..9.
        test_images, test_labels: real pictures (M, 1, 28, 28) with their labels.
        seed: for weights, order and shifts; another seed changes the result by about 0.1 percentage
            points.
        epochs: passes over the samples; 5 over 50,000 take about three minutes on one CPU core.

    Returns:
        accuracy on the real pictures, 0..1. Its ceiling is the accuracy after training on real
        pictures instead. As in `fit`, training pictures are shifted by up to two pixels, so a
        generator that centres every digit is not penalised.

    Raises:
        CourseError: no pictures, labels that are not one per picture and 0..9, or pictures of
            another shape or range.
    """
    samples = as_uint8(samples, "samples").cpu()
    labels = as_class(labels, len(samples), "labels", CLASSES)
    test_labels = as_class(test_labels, len(test_images), "test_labels", CLASSES)
    learned = fit(samples, labels, seed=seed, epochs=epochs, device=device)
    return accuracy(learned, test_images, test_labels)


def class_coverage(
    samples: Tensor,
    asked: Tensor,
    images: Tensor,
    labels: Tensor,
    *,
    judge: DigitCNN | None = None,
    seed: int = 0,
) -> dict:
    """Coverage (Naeem et al. 2020, section 3; k = 5), measured within each class.

    Args:
        samples: pictures (N, 1, 28, 28), uint8 or float in [-1, 1], or their features (N, D).
        asked: (N,), the label that each sample was generated with.
        images: real pictures (M, 1, 28, 28) or their features (M, D).
        labels: (M,), their labels, with every class 0..K-1 present.
        judge: the classifier that computes features; by default the bundled one for digits.
        seed: for the random choice of pictures where one side has more of a class than the other.

    Returns:
        dict of `coverage`, a list of K values 0..1; its `min` and `mean`; `worst`, the class of the
        minimum; and `samples`, a list of the number of real pictures and of samples compared per
        class. Samples as good as real pictures have about .97. The value depends on the number (see
        `coverage.manifold`), so compare only equal ones.

    Raises:
        CourseError: five pictures or fewer of a class on either side, or labels that do not match.
    """
    judge = judge or bundled_judge()
    asked = as_class(asked, len(samples), "asked")
    labels = as_class(labels, len(images), "labels")
    fake, real = (x if x.ndim == 2 else judge.features(x) for x in (samples, images))
    generator = torch.Generator().manual_seed(seed)
    coverage, sizes = [], []
    for label in range(int(labels.max()) + 1):
        sides = real[labels == label], fake[asked == label]
        size = min(map(len, sides))
        if size <= NEIGHBOURS:
            raise CourseError(
                f"label={label}: {len(sides[0]):,} real pictures and {len(sides[1]):,} samples; "
                f"give more than {NEIGHBOURS} of each."
            )
        some = [x[torch.randperm(len(x), generator=generator)[:size]] for x in sides]
        coverage.append(manifold(*some, NEIGHBOURS)["coverage"])
        sizes.append(size)
    worst = min(range(len(coverage)), key=coverage.__getitem__)
    return {
        "coverage": coverage,
        "min": coverage[worst],
        "mean": sum(coverage) / len(coverage),
        "worst": worst,
        "samples": sizes,
    }
