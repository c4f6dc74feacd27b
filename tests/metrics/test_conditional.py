from __future__ import annotations

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError
from gancourse.metrics.conditional import class_coverage, label_accuracy, trained_on_generated
from gancourse.metrics.coverage import manifold
from gancourse.metrics.digit_cnn import accuracy, fit, judge


@pytest.fixture(scope="module")
def real():
    """The bundled digits: (pictures, labels) of either split."""
    found = {split: digits.load(split, source="bundled") for split in ("train", "test")}
    return {split: (pictures["image"], pictures["label"]) for split, pictures in found.items()}


class ReadsTheCorner:
    """A judge for tests: the digit is the value of the first pixel."""

    def labels(self, images):
        return images[:, 0, 0, 0].long()


def corners(*values):
    return (
        torch.tensor(values, dtype=torch.uint8)[:, None, None, None]
        .expand(-1, 1, 28, 28)
        .contiguous()
    )


def test_accuracy_counts_what_was_asked_for():
    pictures = corners(8, 0, 8, 3)
    assert label_accuracy(pictures, torch.tensor([8, 0, 8, 8]), ReadsTheCorner()) == 0.75
    assert label_accuracy(pictures, 8, ReadsTheCorner()) == 0.5
    assert (
        label_accuracy(pictures, torch.tensor([8, 0, 8, 8], dtype=torch.int32), ReadsTheCorner())
        == 0.75
    )


def test_real_digits_are_what_they_are_called(real):
    images, labels = real["test"]
    assert label_accuracy(images, labels) >= 0.99
    assert label_accuracy(images / 127.5 - 1, labels) == label_accuracy(images, labels)
    assert label_accuracy(images, (labels + 1) % 10) < 0.01


def test_shuffled_labels_are_right_one_time_in_ten(real):
    images, labels = real["test"]
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    assert label_accuracy(images, shuffled) == pytest.approx(0.1, abs=0.02)


def test_a_network_learns_from_samples_and_reads_the_real(real):
    """Few real pictures stand in for samples; the same labels shuffled teach nothing."""
    (images, labels), test = (x[:1000] for x in real["train"]), [x[:500] for x in real["test"]]
    found = trained_on_generated(images / 127.5 - 1, labels, *test, seed=1, epochs=3)
    assert found > 0.7
    shuffled = labels[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    assert trained_on_generated(images, shuffled, *test, seed=1, epochs=3) < 0.4


def test_the_recipe_is_the_judges(real):
    few, test = [x[:500] for x in real["train"]], [x[:500] for x in real["test"]]
    judge = fit(*few, seed=1, epochs=1)
    assert trained_on_generated(*few, *test, seed=1, epochs=1) == accuracy(judge, *test)


def test_what_is_never_made_is_never_read(real):
    """Samples that show a 1 wherever a 7 was asked for: no test 7 is read."""
    (images, labels), (test, truth) = (x[:1000] for x in real["train"]), real["test"]
    spoilt = images.clone()
    spoilt[labels == 7] = images[labels == 1][0]
    assert trained_on_generated(spoilt, labels, test[truth == 7], truth[truth == 7], epochs=3) < 0.1


def test_coverage_is_each_classs_own():
    """Class 0 is drawn from the real distribution; half of class 1 is never made; class 2 is
    somewhere else.
    """
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat_interleave(400)
    real = torch.randn(1200, 8, generator=generator) + 20 * labels[:, None]
    real[400:600] += 500
    fake = torch.randn(1200, 8, generator=generator) + 20 * labels[:, None]
    fake[800:] += 1000
    order = torch.randperm(1200, generator=generator)
    found = class_coverage(fake[order], labels[order], real, labels)
    assert found["coverage"] == pytest.approx([1 - 2**-5, (1 - 2**-10) / 2, 0], abs=0.02)
    assert (found["min"], found["worst"], found["samples"]) == (0, 2, [400] * 3)
    assert found["mean"] == pytest.approx(sum(found["coverage"]) / 3)
    alone = manifold(real[:400], fake[:400], 5)["coverage"]
    assert found["coverage"][0] == pytest.approx(alone)


def test_samples_of_another_class_cover_nothing():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2).repeat_interleave(100)
    points = torch.randn(200, 4, generator=generator) + 50 * labels[:, None]
    assert class_coverage(points, labels, points, labels)["min"] == 1
    assert class_coverage(points, 1 - labels, points, labels)["mean"] == 0


def test_coverage_compares_sets_of_one_size(real):
    """2,000 test digits against 8,000 train digits: as many of each as the smaller side has; and
    the seed decides which.
    """
    some, labels = (x[:600] for x in real["test"])
    features = judge().features(real["train"][0])
    found = class_coverage(some, labels, features, real["train"][1])
    assert found["samples"] == labels.bincount().tolist()
    assert found == class_coverage(judge().features(some), labels, features, real["train"][1])
    assert found != class_coverage(some, labels, features, real["train"][1], seed=1)
    assert found["mean"] > 0.9


PICTURES = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("samples", "asked", "says"),
    [
        (
            PICTURES,
            torch.zeros(19, dtype=torch.int64),
            r"asked.shape=\(19,\): .* 20 pictures",
        ),
        (PICTURES, torch.zeros(20), "asked.dtype=torch.float32: not integers"),
        (PICTURES, torch.full((20,), 10), "asked=10..10: .* give 0..9"),
        (PICTURES, -1, "asked=-1..-1: "),
        (PICTURES[:0], 3, "0 pictures"),
        (PICTURES.float() + 255, 3, r"=255..255: .* \[-1, 1\]"),
        (torch.zeros(20, 3, 32, 32, dtype=torch.uint8), 3, r"\(20, 3, 32, 32\)"),
    ],
)
def test_a_wrong_question_is_explained(samples, asked, says):
    with pytest.raises(CourseError, match=says):
        label_accuracy(samples, asked)


def test_other_wrong_inputs_are_explained():
    labels = torch.arange(20) % 10
    with pytest.raises(CourseError, match=r"labels.shape=\(5,\): .* 20 pictures"):
        trained_on_generated(PICTURES, labels[:5], PICTURES, labels)
    with pytest.raises(CourseError, match="test_labels.* 0 pictures"):
        trained_on_generated(PICTURES, labels, PICTURES[:0], labels[:0])
    with pytest.raises(
        CourseError, match="label=0: 2 real pictures and 20 samples; give more than 5"
    ):
        class_coverage(PICTURES, 0 * labels, PICTURES, labels)
