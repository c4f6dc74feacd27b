"""The house style keeps its promises: contrast, colours apart for every eye, type for a phone,
settings left alone.
"""

from __future__ import annotations

import io
import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from gancourse.show import style

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
EYES = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2 contrast ratio, 1 to 21."""
    low, high = sorted(float(linear(colour) @ XYZ[1]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(light):
    x, y, z = np.cbrt(XYZ @ np.clip(light, 1e-3, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_measure_of_contrast_knows_the_ends():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("ground", [style.PANEL, style.FIELD])
def test_text_and_lines_stand_out(ground):
    assert min(contrast(text, ground) for text in (style.INK, style.MUTED)) >= 4.5
    assert min(contrast(line, ground) for line in style.LINES) >= 3


def test_the_panel_neither_glares_nor_vanishes():
    brightness = float(linear(style.PANEL) @ XYZ[1])
    assert 0.7 < brightness < 0.9
    assert contrast(style.PANEL, "#121212") > 10


def test_points_stand_out_above_the_probability():
    ends = style.PROBABILITY([0.0, 0.5, 1.0])
    assert contrast(style.REAL, ends[2]) > 2 and contrast(style.FAKE, ends[0]) > 1.8
    assert max(linear(end) @ XYZ[1] for end in ends) == pytest.approx(linear(ends[1]) @ XYZ[1])


@pytest.mark.parametrize("eye", EYES)
def test_lines_differ_for_every_eye(eye):
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in style.LINES]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 15
    assert len(set(style.DASHES)) == len(style.LINES)


def test_type_is_large_enough_on_a_phone():
    shown = 360 / (style.WIDTH * style.DPI)  # CSS pixels for a figure pixel on a phone 390 wide
    assert min(style.SMALL, style.TEXT) * style.DPI / 72 * shown >= 10


def test_house_changes_settings_inside_only():
    with matplotlib.rc_context({"font.size": 33, "axes.facecolor": "black", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        with style.house():
            assert matplotlib.rcParams["axes.facecolor"] == style.FIELD
            assert matplotlib.rcParams["font.size"] == style.TEXT
        assert dict(matplotlib.rcParams) == before


def test_plate_draws_the_same_whatever_the_readers_settings():
    def draw():
        plate = style.Plate(3, 2, alt="a line")
        with style.house():
            plate.add_subplot().plot([0, 1], [0, 1])
        return plate.png()

    usual = draw()
    with matplotlib.rc_context(
        {"xtick.labelsize": 30, "axes.unicode_minus": False, "savefig.facecolor": "black"}
    ):
        assert draw() == usual
    image = Image.open(io.BytesIO(usual))
    assert image.size == (3 * style.DPI, 2 * style.DPI)
    assert image.info["Description"] == "a line"
    assert image.convert("RGBA").getpixel((0, 0)) == (
        *(round(255 * c) for c in to_rgb(style.PANEL)),
        255,
    )


def test_plate_says_in_words_what_it_shows():
    assert style.Plate(1, 1, alt="eight digits").bundle()["text/plain"] == "eight digits"


def test_caption_is_broken_to_fit():
    plate = style.Plate()
    style.caption_below(plate, "a caption of very many words " * 8)
    plate.png()
    box = plate._supxlabel.get_window_extent()
    assert box.x0 > 0 and box.x1 < style.WIDTH * style.DPI
