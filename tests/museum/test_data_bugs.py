"""Museum, the data's exhibits. Number 4: the training split contains the test pictures."""

from __future__ import annotations

import os

import pytest
import torch

from gancourse.data import digits, sources
from gancourse.files import CourseError

# Read while tests are collected: during a test the reader's own settings are hidden.
FULL = os.environ.get("GANCOURSE_DATA")
needs_full = pytest.mark.skipif(
    FULL is None, reason="set GANCOURSE_DATA to a folder that holds the full MNIST"
)


def pictures(found: sources.Pictures) -> set[bytes]:
    return {image.numpy().tobytes() for image in found["image"].flatten(0, 1)}


def parts(**where) -> dict[str, sources.Pictures]:
    return {split: digits.load(split, **where) for split in digits.SPLITS}


def assert_disjoint(found: dict[str, sources.Pictures]) -> None:
    seen = {split: pictures(part) for split, part in found.items()}
    for split, part in found.items():
        assert len(seen[split]) == len(part), f"{split} holds the same picture twice"
    assert not seen["train"] & seen["test"]
    assert not seen["train-50000"] & seen["validation"]
    assert seen["train-50000"] | seen["validation"] == seen["train"]


def test_4_the_bundled_parts_share_no_picture():
    assert_disjoint(parts(source="bundled"))


@needs_full
def test_4_the_full_parts_share_no_picture():
    assert_disjoint(parts(root=FULL, strict=True))


@needs_full
def test_4_the_bundled_test_part_lies_in_the_full_training_part():
    """Why the two sets are never mixed: this is the leak that would follow."""
    full = digits.load("train", root=FULL, strict=True)
    assert pictures(digits.load("test", source="bundled")) <= pictures(full)


@pytest.mark.parametrize("lacking", digits.NAMES)
def test_4_a_root_with_a_part_of_mnist_gives_no_full_train_beside_a_bundled_test(tmp_path, lacking):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in digits.NAMES:
        if name != lacking:
            (folder / name).write_bytes(b"never read")
    for split in ("train", "test"):
        with pytest.warns(sources.CourseWarning, match=lacking):
            assert digits.load(split, root=tmp_path).source == "bundled"
    with pytest.raises(CourseError, match=lacking):
        digits.load(root=tmp_path, strict=True)


def test_4_stacked_digits_for_training_hold_no_test_digit():
    made = digits.stacked(2_000, seed=0, split="train", source="bundled")
    assert not pictures(made) & pictures(digits.load("test", source="bundled"))


def test_4_the_parts_are_alike():
    """Sorted data cut in two would be disjoint and useless: each class has its share in each
    part.
    """
    shares = [
        torch.bincount(part["label"], minlength=10) / len(part)
        for part in parts(source="bundled").values()
    ]
    assert all((share - shares[0]).abs().max() < 0.02 for share in shares)
