from __future__ import annotations

import math

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError
from gancourse.metrics.codes import spearman
from gancourse.metrics.handwriting import breadth, slant, stroke_width

ROWS, COLUMNS = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
PARTS = torch.linspace(-1, 1, 301)


def pen(points, width):
    """(28, 28) in [-1, 1]: a round pen of `width` pixels led along `points` (P, 2) of (row,
    column); edges are grey.
    """
    distance = (
        torch.cdist(torch.stack([ROWS, COLUMNS], -1).view(-1, 2), points).min(1).values.view(28, 28)
    )
    return 2 * (width / 2 - distance + 0.5).clamp(0, 1) - 1


def line(degrees, width=2.5, length=18, centre=(13.5, 13.5)):
    """A stroke that leans `degrees` to the right of upright, as a picture (1, 28, 28)."""
    angle = math.radians(degrees)
    way = torch.tensor([-math.cos(angle), math.sin(angle)]) * length / 2
    return pen(torch.tensor(centre) + PARTS[:, None] * way, width)[None]


def ring(radius, width, centre=(13.5, 13.5)):
    angle = math.pi * PARTS
    return pen(torch.tensor(centre) + radius * torch.stack([angle.sin(), angle.cos()], 1), width)[
        None
    ]


def eight(width):
    return torch.maximum(ring(4.5, width, (8.5, 13.5)), ring(4.5, width, (18.5, 13.5)))


def test_a_drawn_line_leans_as_it_was_drawn():
    degrees = torch.linspace(-60, 60, 25)
    pictures = torch.stack([line(float(d), length=20) for d in degrees])
    # A line spreads by w^2 / 12 across and by l^2 / 12 along; the regression sees a little of both.
    assert torch.allclose(slant(pictures), degrees.double(), atol=1.5)


def test_right_is_positive():
    assert slant(line(20)[None]).item() == pytest.approx(20, abs=1)
    assert slant(line(20)[None].flip(3)).item() == pytest.approx(-20, abs=1)  # mirrored
    assert slant(line(20)[None].flip(2)).item() == pytest.approx(-20, abs=1)
    assert slant(line(20)[None].flip(2, 3)).item() == pytest.approx(20, abs=1)  # upside down


def test_slant_is_the_formula_of_moments():
    images = digits.load("test", source="bundled")["image"][:20]
    for image, found in zip(images[:, 0].double() / 255, slant(images), strict=True):
        total = image.sum()
        down = ROWS - (ROWS * image).sum() / total
        right = COLUMNS - (COLUMNS * image).sum() / total
        by_hand = torch.atan(-(image * down * right).sum() / (image * down**2).sum())
        assert found.item() == pytest.approx(math.degrees(by_hand), abs=1e-6)


def test_an_upright_bar_has_the_breadth_of_its_width():
    bars = -torch.ones(3, 1, 28, 28)
    for bar, width in zip(bars, (4, 8, 16), strict=True):
        bar[0, 6:22, 14 - width // 2 : 14 + width // 2] = 1
    wanted = [math.sqrt((width**2 - 1) / 12) for width in (4, 8, 16)]  # of so many whole columns
    assert breadth(bars).tolist() == pytest.approx(wanted)


def test_leaning_makes_nothing_wider():
    upright, wide = (
        ring(6, 2.5),
        torch.nn.functional.interpolate(ring(6, 2.5)[None], (28, 40))[0, :, :, 6:34],
    )
    leaning = torch.stack([row.roll(round((13.5 - i) / 3)) for i, row in enumerate(upright[0])])[
        None
    ]  # by shear 1/3
    found = breadth(torch.stack([upright, leaning, wide]))
    assert slant(leaning[None]).item() > 15
    assert found[1].item() == pytest.approx(found[0].item(), rel=0.05) and found[2] > 1.3 * found[0]


@pytest.mark.parametrize("shear", [-1, 1])
def test_a_shear_adds_to_the_tangent(shear):
    """Each row moves right by one pixel more than the one below: the tangent grows by exactly 1."""
    image = torch.zeros(1, 1, 60, 120, dtype=torch.uint8)
    image[0, 0, 16:44, 46:74] = digits.load("test", source="bundled")["image"][0, 0]
    sheared = torch.stack([image[0, 0, row].roll(shear * (30 - row)) for row in range(60)])[
        None, None
    ]
    tangents = torch.cat([slant(image), slant(sheared)]).deg2rad().tan()
    assert (tangents[1] - tangents[0]).item() == pytest.approx(shear, abs=1e-9)


def test_neither_place_nor_blackness_changes_the_slant():
    one = line(25, length=12, centre=(10, 9))[None]
    moved = line(25, length=12, centre=(15, 17))[None]
    assert slant(moved).item() == pytest.approx(slant(one).item(), abs=0.1)
    faint = (one + 1) / 2 - 1
    assert slant(faint).item() == pytest.approx(slant(one).item(), abs=0.1)


@pytest.mark.parametrize("width", [1.5, 2, 2.5, 3, 4, 5, 6])
def test_a_drawn_stroke_is_as_thick_as_its_pen(width):
    strokes = [line(d, width) for d in (0, 20, 45, 90)] + [
        ring(6.3, width),
        ring(8, width),
        eight(width),
    ]
    found = stroke_width(torch.stack(strokes))
    assert found.mean().item() == pytest.approx(width, abs=0.25)
    assert (found - width).abs().max() < 0.5


@pytest.mark.parametrize(
    "draw", [eight, lambda width: ring(7, width), lambda width: line(10, width)]
)
def test_thicker_pens_are_found_thicker(draw):
    widths = torch.linspace(1.5, 6, 40)
    assert spearman(stroke_width(torch.stack([draw(float(w)) for w in widths])), widths) > 0.99


def test_a_longer_stroke_is_not_a_thicker_one():
    found = stroke_width(torch.stack([line(0, 3, length) for length in (8, 12, 18)]))
    assert found.max() - found.min() < 0.15


def test_a_stroke_may_touch_the_edge():
    assert stroke_width(line(0, 3, centre=(13.5, 1))[None]).item() == pytest.approx(3, abs=0.4)
    assert stroke_width(torch.ones(1, 1, 28, 28)).item() > 14


def test_a_blank_picture_neither_leans_nor_has_strokes():
    blank = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    blank[1, 0, 14] = 255  # all ink in one row
    assert slant(blank).tolist() == [0, 0] and breadth(blank)[0] == 0
    assert stroke_width(blank)[0] == 0
    assert 0.7 < stroke_width(blank)[1] < 1.3


def test_bytes_and_a_games_floats_measure_the_same():
    images = digits.load("test", source="bundled")["image"][:30]
    for measure in (slant, breadth, stroke_width):
        found = measure(images)
        assert (found.shape, found.dtype) == ((30,), torch.float64)
        assert torch.equal(measure(images / 127.5 - 1), found)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.zeros(2, 3, 28, 28), r"images.shape=\(2, 3, 28, 28\): .* one channel"),
        (torch.zeros(0, 1, 28, 28), r"\(0, 1, 28, 28\)"),
        (torch.zeros(28, 28), r"\(28, 28\)"),
        (torch.full((1, 1, 28, 28), 2.0), r"outside \[-1, 1\]"),
    ],
)
def test_a_wrong_input_is_explained(images, says):
    for measure in (slant, breadth, stroke_width):
        with pytest.raises(CourseError, match=says):
            measure(images)
