from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from gancourse.data import line_art
from gancourse.files import CourseError


def drawing(
    side: int, stroke: float, box=(0.12, 0.12, 0.88, 0.88), dots: bool = True
) -> Image.Image:
    """A face: a circle, two eyes, a mouth, black on white, antialiased."""
    fine = Image.new("L", (4 * side, 4 * side), 255)
    pen, width = ImageDraw.Draw(fine), round(4 * side * stroke)
    x0, y0, x1, y1 = (4 * side * part for part in box)
    w, h = x1 - x0, y1 - y0
    pen.ellipse((x0, y0, x1, y1), outline=0, width=width)
    pen.line((x0 + 0.3 * w, y0 + 0.7 * h, x0 + 0.7 * w, y0 + 0.7 * h), fill=0, width=width)
    for eye in (0.33, 0.67) if dots else ():
        x, y, r = x0 + eye * w, y0 + 0.4 * h, 0.055 * w
        pen.ellipse((x - r, y - r, x + r, y + r), fill=0)
    return fine.resize((side, side), Image.Resampling.BOX)


def alike(found: torch.Tensor, expected: Image.Image) -> float:
    """Intersection over union of the two inks, each thickened by two pixels."""
    one, other = (
        np.asarray(picture.filter(ImageFilter.MinFilter(5))) < 128
        for picture in (Image.fromarray(found[0].numpy()), expected)
    )
    return (one & other).sum() / (one | other).sum()


def test_clean_line_art_passes_unchanged():
    clean = drawing(128, line_art.STROKE)
    assert bool((line_art.line_art(clean, size=128)[0].numpy() == np.array(clean)).all())
    half = line_art.line_art(clean, size=64)
    assert half.shape == (1, 64, 64) and half.dtype == torch.uint8
    expected = torch.from_numpy(np.array(clean.resize((64, 64), Image.Resampling.LANCZOS)))
    assert (half[0].int() - expected.int()).abs().max() <= 2


def photographed(sheet: Image.Image) -> Image.Image:
    """Grey paper in uneven light, noise, a pen that is not black, specks, and the dark table at the left edge."""
    random = np.random.default_rng(0)
    height, width = sheet.height, sheet.width
    light = np.linspace(0.5, 0.95, width)[None] * np.linspace(1, 0.85, height)[:, None]
    levels = 255 * light * (0.3 + 0.7 * np.asarray(sheet.filter(ImageFilter.GaussianBlur(1))) / 255)
    levels += random.normal(0, 5, levels.shape)
    for y, x in random.integers(10, (height - 10, width - 10), (15, 2)):
        levels[y : y + 2, x : x + 2] = 30
    levels[:, : width // 40] = 15
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def test_a_photo_of_a_drawing_becomes_clean_centred_line_art():
    sheet = Image.new("L", (640, 480), 255)
    sheet.paste(drawing(360, 0.02), (240, 60))
    expected = drawing(128, line_art.STROKE)
    found = line_art.line_art(photographed(sheet), size=128)
    assert found.shape == (1, 128, 128) and found.dtype == torch.uint8
    assert alike(found, expected) > 0.8
    assert (found == 255).float().mean() > 0.75, "the ground is not white"
    rows, columns = (torch.nonzero((found[0] < 128).any(dim=side)).flatten() for side in (1, 0))
    for at in (rows, columns):
        assert abs((at.min() + at.max()).item() / 2 - 63.5) < 3
        assert abs((at.max() - at.min()).item() / 128 - line_art.EXTENT) < 0.06
    negative = Image.fromarray(255 - np.asarray(sheet))
    assert alike(line_art.line_art(negative, size=128), expected) > 0.8, "chalk on a blackboard"


@pytest.mark.parametrize("stroke", [0.008, 0.015, 0.05])
def test_strokes_get_the_width_that_the_network_was_trained_on(stroke):
    found = line_art.line_art(drawing(320, stroke, (0.3, 0.05, 0.7, 0.45), dots=False), size=128)
    ink = found[0].numpy() < 128
    assert 0.7 < line_art._width(ink) / 128 / line_art.STROKE < 1.3


def test_thinner_strokes_leave_the_eyes_alone():
    found = line_art.line_art(drawing(256, 0.05), size=128)[0]
    eyes = (found[40:58, 35:93] < 128).float().mean()
    assert eyes > 0.75 * (np.asarray(drawing(128, line_art.STROKE))[40:58, 35:93] < 128).mean()


def test_a_blank_page_has_no_lines():
    paper = (200 + np.random.default_rng(0).normal(0, 6, (300, 400))).clip(0, 255).astype(np.uint8)
    for page in (
        Image.fromarray(paper),
        *(Image.new("L", (99, 99), level) for level in (0, 128, 255)),
    ):
        with pytest.raises(CourseError, match="No lines found.*dark pen"):
            line_art.line_art(page)
