"""Squares of aligned pictures: the same pixels of each, in their own place, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancourse import show
from gancourse.files import CourseError
from gancourse.show.grids import GAP

HEIGHT, WIDTH, SIDE, ZOOM = 40, 60, 10, 3


def counted(add: int) -> torch.Tensor:
    """A picture whose pixels all differ: red says the row, green the column, blue `add`."""
    picture = torch.empty(3, HEIGHT, WIDTH, dtype=torch.uint8)
    picture[0] = torch.arange(HEIGHT)[:, None]
    picture[1] = torch.arange(WIDTH)
    picture[2] = add
    return picture


PICTURES = {"small": counted(10), "large": counted(20)}


def sheet(plate) -> np.ndarray:
    return plate.axes[0].images[0].get_array()


def test_each_square_holds_the_pixels_of_its_own_picture():
    at = [(5, 7), (50, 30)]
    found = sheet(show.spots(PICTURES, at, side=SIDE, zoom=ZOOM))
    step = SIDE * ZOOM + GAP
    for row, (left, top) in enumerate(at):
        y = len(found) - (len(at) - row) * step
        for column, blue in enumerate((10, 20)):
            x = GAP + column * step
            square = found[y : y + SIDE * ZOOM : ZOOM, x : x + SIDE * ZOOM : ZOOM]
            assert (square[..., 0] == np.arange(top, top + SIDE)[:, None]).all()
            assert (square[..., 1] == np.arange(left, left + SIDE)).all()
            assert (square[..., 2] == blue).all(), "the columns are in the order of the names"


def test_the_whole_picture_is_the_one_asked_for():
    for whole, blue in {None: 20, "small": 10, "large": 20}.items():
        found = sheet(show.spots(PICTURES, [(0, 0)], side=SIDE, zoom=ZOOM, whole=whole))
        assert found[GAP + 3, found.shape[1] // 2, 2] == blue


def test_words_say_what_is_seen():
    plate = show.spots(PICTURES, [(0, 0), (9, 9)], side=SIDE, zoom=ZOOM, caption="A cat.")
    assert (
        "small, large" in plate.alt and "2 numbered squares" in plate.alt and "A cat." in plate.alt
    )
    written = [text.get_text() for text in plate.axes[0].texts]
    assert written.count("1") == 2 and written.count("2") == 2, "in the picture and at the row"
    assert {"small", "large"} <= set(written)


def test_pictures_may_be_floats_with_a_batch_of_one():
    floats = {name: each[None] / 127.5 - 1 for name, each in PICTURES.items()}
    one, other = (
        sheet(show.spots(each, [(5, 7)], side=SIDE, zoom=ZOOM)) for each in (PICTURES, floats)
    )
    assert (one == other).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pictures": {}}, "pictures={}: nothing to compare"),
        ({"pictures": {**PICTURES, "odd": counted(0)[:, :, :-1]}}, "odd: 59 x 40"),
        ({"whole": "other"}, "whole='other': no such picture; choose from: small, large"),
        ({"side": 41}, "side=41: no square of a picture of 60 x 40 px; give 1 to 40"),
        ({"at": [(51, 0)]}, "leaves the picture; give 0 to 50 for the left and 0 to 30"),
        ({"at": [(0, -1)]}, "leaves the picture"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, words):
    given = {"pictures": PICTURES, "at": [(0, 0)], "side": SIDE, "zoom": ZOOM} | change
    with pytest.raises(CourseError) as error:
        show.spots(given.pop("pictures"), given.pop("at"), **given)
    assert words in str(error.value)
