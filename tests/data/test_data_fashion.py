"""What is the clothes' own; how their files are found and checked is in test_data_idx.py."""

from __future__ import annotations

import pytest
import torch

from gancourse import data
from gancourse.data import fashion


@pytest.mark.parametrize(
    ("split", "n"), [("train", 6000), ("test", 1000), ("train-50000", 5000), ("validation", 1000)]
)
def test_bundled_clothes_have_their_classes_in_equal_numbers(split, n):
    found = data.load("fashion", split, source="bundled")
    assert (
        found.source == "bundled"
        and found.licence.startswith("MIT")
        and found.name == f"Fashion-MNIST {split}"
    )
    assert found["image"].shape == (n, 1, 28, 28) and found["image"].dtype == torch.uint8
    assert found["label"].shape == (n,) and found["label"].dtype == torch.int64
    assert (found["label"].view(-1, 10).sort(dim=1).values == torch.arange(10)).all(), (
        "a round lacks a class"
    )
    assert 0.27 < found["image"].float().mean() / 255 < 0.30  # Fashion-MNIST's mean is 0.2860


def test_the_first_clothes_are_the_official_ones():
    assert data.load("fashion")["label"][:4].tolist() == [
        9,
        0,
        3,
        2,
    ]  # 9 0 0 3 0 2, each class once
    assert data.load("fashion", "test")["label"][:4].tolist() == [9, 2, 1, 6]


def test_the_parts_share_no_picture():
    train, test = (
        {image.numpy().tobytes() for image in data.load("fashion", s)["image"]}
        for s in ("train", "test")
    )
    assert len(train) == 6000 and len(test) == 1000 and not train & test


def test_words_name_what_is_seen():
    """Trousers stand upright and leave the sides empty, sneakers lie down and leave the top
    empty.
    """
    found = data.load("fashion", "test")
    ink = {
        word: found["image"][found["label"] == label].float().mean(dim=(0, 1))
        for label, word in enumerate(fashion.NAMES)
    }
    assert len(ink) == 10
    assert ink["Trouser"][:, :6].mean() < 0.05 * ink["Trouser"][:, 8:20].mean()
    assert ink["Sneaker"][:8].mean() < 0.05 * ink["Sneaker"][14:20].mean()
    assert ink["Ankle boot"][:8].mean() > 5 * ink["Sneaker"][:8].mean()
    assert (
        ink["Pullover"][:, :6].mean() > 2 * ink["T-shirt/top"][10:, :6].mean()
    )  # sleeves hang down
