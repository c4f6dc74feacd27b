"""A curve of two scores, and the slider along it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gancourse import show
from gancourse.files import CourseError

ROWS = [
    {"blend": 1.0, "psnr": 27.0, "distance": 0.1},
    {"blend": 0.0, "psnr": 31.0, "distance": 0.3},
    {"blend": 0.5, "psnr": 30.0, "distance": 0.15},
]
X, Y = ("psnr", "PSNR (dB)"), ("distance", "distance of features")


def test_points_are_joined_in_order_and_named_at_the_ends():
    plate = show.tradeoff(ROWS, X, Y, others={"bicubic": {"psnr": 28, "distance": 0.5}})
    (axes,) = plate.axes
    curve, other = axes.get_lines()
    assert curve.get_xydata().tolist() == [[31, 0.3], [30, 0.15], [27, 0.1]]
    assert other.get_xydata().tolist() == [[28, 0.5]]
    assert [text.get_text() for text in axes.texts] == ["blend 0", "blend 1", "bicubic"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (X[1], Y[1])
    assert "blend 1: 27, 0.1" in plate.alt and "bicubic: 28, 0.5" in plate.alt


def test_a_mark_lies_on_the_curve_between_points():
    marked = show.tradeoff(ROWS, X, Y, marked=0.75).axes[0].get_lines()[-1]
    assert marked.get_xydata()[0] == pytest.approx([28.5, 0.125])


def test_one_point_is_no_curve():
    with pytest.raises(CourseError, match="rows: 1; give two points or more"):
        show.tradeoff(ROWS[:1], X, Y)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_slider_moves_the_picture_and_the_mark():
    pytest.importorskip("ipywidgets")
    asked = []

    def draw(blend):
        asked.append(blend)
        return np.full((1, 3, 8, 8), round(200 * blend), np.uint8)

    slider, picture, curve = show.slide(draw, ROWS, X, Y, start=0.2).children
    assert (slider.min, slider.max, asked) == (0, 1, [0.2])
    before = bytes(curve.value)
    slider.value = 0.8
    shown = Image.open(io.BytesIO(bytes(picture.value))).convert("RGB").getpixel((10, 10))[0]
    assert asked == [0.2, 0.8] and shown == 160 and bytes(curve.value) != before
