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
    """Grey paper in uneven light, noise, a dark grey pen, specks, and a dark table at the left."""
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
        with pytest.raises(
            CourseError, match="the picture: no lines found.*; draw with a dark pen"
        ):
            line_art.line_art(page)


def coloured(picture: Image.Image, ink: tuple[int, int, int], paper=(255, 255, 255)) -> np.ndarray:
    """The drawing (H, W, 3) with another ink and on another paper."""
    share = np.asarray(picture)[..., None] / 255
    return (share * paper + (1 - share) * ink).astype(np.uint8)


def cleaned(pixels: np.ndarray, size: int = 128) -> torch.Tensor:
    return line_art.line_art(Image.fromarray(pixels), size=size)


@pytest.mark.parametrize(
    "ink",
    [(150,) * 3, (215,) * 3, (255, 230, 0), (173, 216, 230), (255, 160, 0), (20, 20, 90)],
    ids=["grey", "light grey", "yellow", "light blue", "orange", "dark blue"],
)
@pytest.mark.parametrize("stroke", [0.008, 0.028])
def test_lines_of_any_tone_and_colour_become_black(ink, stroke):
    found = cleaned(coloured(drawing(320, stroke, dots=False), ink))
    assert alike(found, drawing(128, line_art.STROKE, dots=False)) > 0.75
    assert found.min() < 40


def test_an_orange_circle_beside_a_black_square_is_drawn_too():
    for width in (8, 0):  # an outline, a disc
        sheet = Image.new("RGB", (400, 400), "white")
        pen = ImageDraw.Draw(sheet)
        pen.rectangle((40, 120, 160, 280), outline="black", width=8)
        orange = (255, 160, 0)
        pen.ellipse((230, 120, 360, 280), outline=orange, width=8, fill=None if width else orange)
        right = line_art.line_art(sheet, size=128)[0, :, 70:].numpy() < 128
        columns = np.flatnonzero(right.any(axis=0))
        assert np.ptp(columns) > 30, "the circle has its width"
        assert not right[:, columns.mean().astype(int)][60:68].any(), "and is hollow"


def test_pencil_clipped_to_white_is_not_dotted():
    random = np.random.default_rng(0)
    pressure = Image.fromarray(random.integers(0, 255, (60, 60), dtype=np.uint8))
    pressure = np.asarray(pressure.resize((480, 480), Image.Resampling.BICUBIC)) / 255
    levels = 255 - (255 - np.asarray(drawing(480, 0.012, dots=False))) * (0.2 + 0.7 * pressure)
    levels[levels > 235] = 255
    expected = drawing(128, line_art.STROKE, dots=False)
    assert alike(cleaned(levels.astype(np.uint8)), expected) > 0.8


def test_colours_inside_black_outlines_are_left_out():
    outline = drawing(256, line_art.STROKE, dots=False)
    picture = Image.fromarray(coloured(outline, (0, 0, 0)))
    for y in (128, 40):
        ImageDraw.floodfill(picture, (128, y), (255, 220, 60), thresh=120)
    assert (
        alike(line_art.line_art(picture, size=128), drawing(128, line_art.STROKE, dots=False)) > 0.8
    )


@pytest.mark.parametrize("side", [700, 3000, 6000])
@pytest.mark.parametrize("width", [1, 2])
def test_thin_lines_of_large_drawings_stay(side, width):
    sheet = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(sheet)
    low, high = round(0.12 * side), round(0.88 * side)
    pen.rectangle((low, low, high, high), outline=30, width=width)
    pen.line((low, low, high, high - side // 10), fill=30, width=width)
    expected = Image.new("L", (128, 128), 255)
    pen = ImageDraw.Draw(expected)
    pen.rectangle((15, 15, 112, 112), outline=0, width=3)
    pen.line((15, 15, 112, 99), fill=0, width=3)
    assert alike(line_art.line_art(sheet, size=128), expected) > 0.8


def test_a_thin_line_in_a_thick_drawing_stays():
    sheet = drawing(2048, line_art.STROKE, dots=False)
    ImageDraw.Draw(sheet).line((700, 800, 1400, 800), fill=0, width=1)
    row = line_art.line_art(sheet, size=128)[0, 46:54, 46:84].numpy()
    assert (row.min(axis=0) < 128).all()


def ruled(face: np.ndarray, step: int, rule, *, squared=False, margin=None, width=1) -> np.ndarray:
    """A drawing (H, W, 3) on a sheet with printed rules, and a margin across them."""
    sheet = Image.new("RGB", face.shape[1::-1], "white")
    pen, side = ImageDraw.Draw(sheet), face.shape[0]
    for at in range(step, side, step):
        pen.line((0, at, side, at), fill=rule, width=width)
        if squared:
            pen.line((at, 0, at, side), fill=rule, width=width)
    if margin:
        pen.line((side // 12, 0, side // 12, side), fill=margin, width=width)
    return np.minimum(np.asarray(sheet), face)


BLUE, GREY, RED = (150, 190, 235), (190, 190, 190), (235, 120, 120)


PAPERS = {
    "blue rules, red margin": {"rule": BLUE, "margin": RED},
    "grey squares": {"rule": GREY, "squared": True},
    "blue squares, red margin": {"rule": (110, 150, 220), "squared": True, "margin": RED},
    "thin black squares": {"rule": (0, 0, 0), "squared": True},
}


@pytest.mark.parametrize(
    ("kind", "turned"),
    [(kind, None) for kind in PAPERS]
    + [(kind, turned) for kind in list(PAPERS)[:3] for turned in (2, -12)],
)
def test_the_rules_of_the_paper_are_removed(kind, turned):
    paper = PAPERS[kind]
    width = 2 if turned else 1
    pixels = ruled(
        coloured(drawing(720, 0.012, dots=False), (20, 20, 60)), 30, width=width, **paper
    )
    if turned:
        photo = Image.fromarray(pixels).rotate(turned, Image.Resampling.BICUBIC)
        photo = photo.crop((62, 62, 658, 658))
        light = np.linspace(0.6, 0.95, 596)[None, :, None] * np.array([1, 0.97, 0.88])
        noise = np.random.default_rng(0).normal(0, 4, (596, 596, 3))
        pixels = (np.asarray(photo) * light + noise).clip(0, 255).astype(np.uint8)
    expected = drawing(128, line_art.STROKE, dots=False).rotate(turned or 0, fillcolor=255)
    assert alike(cleaned(pixels), expected) > 0.8


def test_patterns_drawn_with_the_same_pen_stay():
    fence = drawing(480, 0.012, (0.35, 0.08, 0.65, 0.38))
    pen = ImageDraw.Draw(fence)
    for x in range(30, 460, 40):
        pen.line((x, 200, x, 450), fill=0, width=6)
    for y in (260, 390):
        pen.line((10, y, 470, y), fill=0, width=6)
    fenced = line_art.line_art(fence, size=256)[0].numpy() < 128
    pickets = np.diff(fenced[170].astype(int)) > 0
    assert pickets.sum() == 11
    chequered = ruled(coloured(Image.new("L", (480, 480), 255), (0, 0, 0)), 48, (0,) * 3, width=4)
    rows = cleaned(chequered, 256)[0].numpy() < 128
    assert (np.diff(rows[:, 128].astype(int)) > 0).sum() == 9


def test_rules_like_the_drawing_are_refused_with_a_way_out():
    face = coloured(drawing(900, 3 / 900, dots=False), (0, 0, 0))
    with pytest.raises(CourseError, match="ruled paper has lines as dark.*plain paper"):
        cleaned(ruled(face, 36, (0, 0, 0), squared=True, width=3))
