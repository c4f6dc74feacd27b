from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gancourse import data, files
from gancourse.data import digits
from gancourse.files import CourseError

pytestmark = pytest.mark.filterwarnings("error::gancourse.data.sources.CourseWarning")


@pytest.mark.parametrize(
    ("split", "n"), [("train", 8000), ("test", 2000), ("train-50000", 6666), ("validation", 1334)]
)
def test_bundled_digits(split, n):
    found = digits.load(split, source="bundled")
    assert found.source == "bundled" and "CC BY-SA 3.0" in found.licence and len(found) == n
    assert found["image"].shape == (n, 1, 28, 28) and found["image"].dtype == torch.uint8
    assert found["label"].shape == (n,) and found["label"].dtype == torch.int64
    assert found["label"].unique().tolist() == list(range(10))
    assert found["image"].max() == 255 and found["image"].min() == 0
    assert (
        0.12 < found["image"].float().mean() / 255 < 0.14
    )  # MNIST's mean is 0.1307: ink is bright, paper 0


def test_the_first_digits_are_mnists_own():
    assert digits.load(source="bundled")["label"][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_stacked_is_three_digits_as_one_colour_picture():
    ones = digits.load("test")
    found = data.load("stacked", "test", n=500, seed=4)
    assert found["image"].shape == (500, 3, 28, 28) and found["image"].dtype == torch.uint8
    assert (
        found["label"].dtype == torch.int64
        and found["label"].min() >= 0
        and found["label"].max() <= 999
    )
    by_picture = {
        image.numpy().tobytes(): int(label)
        for image, label in zip(ones["image"], ones["label"], strict=True)
    }
    for image, label in zip(found["image"], found["label"].tolist(), strict=True):
        red, green, blue = (by_picture[channel.numpy().tobytes()] for channel in image)
        assert label == 100 * red + 10 * green + blue
    assert torch.equal(found["image"], digits.stacked(500, 4, "test")["image"])
    assert not torch.equal(found["image"], digits.stacked(500, 5, "test")["image"])


def test_stacked_reaches_all_thousand_modes():
    assert len(digits.stacked(25_600, seed=0)["label"].unique()) == 1000
    with pytest.raises(CourseError, match="n=0: "):
        digits.stacked(0)


def test_load_by_name():
    assert repr(data.load("digits", "test", source="bundled")).startswith(
        "Pictures(MNIST test, bundled: image (2000,"
    )
    with pytest.raises(
        CourseError,
        match="digits, stacked, fashion, faces, faces-micah, sprites, scenes, portraits, emoji, drawings, "
        "photos, set5, kodak24, grid, ring, spiral",
    ):
        data.load("cats")
    with pytest.raises(AttributeError):
        data.cats  # noqa: B018


def test_importing_the_room_imports_neither_torch_nor_torchvision():
    code = "import sys, gancourse.data; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=files.BUNDLED.parent).returncode == 0
