from __future__ import annotations

import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics.floors import (
    blurred,
    filled,
    flat,
    gridded,
    moved,
    noisy,
    overlaid,
    spoilt,
    uniform,
    without,
)

GREY = torch.full((10, 1, 28, 28), 128, dtype=torch.uint8)


def test_noise_has_the_sigma_it_says_and_is_cut_off():
    noise = noisy(GREY, 0.1) / 255 - 128 / 255
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.003)
    assert noisy(torch.zeros_like(GREY), 0.1).float().mean() == pytest.approx(
        25.5 / (2 * torch.pi) ** 0.5, rel=0.05
    )


def test_flat_pictures_are_of_one_grey_each_and_of_every_grey():
    pictures = flat()
    assert pictures.shape == (256, 1, 28, 28) and pictures.dtype == torch.uint8
    assert torch.equal(pictures.amin((1, 2, 3)), pictures.amax((1, 2, 3)))
    assert torch.equal(pictures[:, 0, 0, 0], torch.arange(256, dtype=torch.uint8))


def test_the_blur_is_a_mean_of_nine():
    dot = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    dot[0, 0, 2, 2] = 90
    expected = torch.zeros(5, 5, dtype=torch.uint8)
    expected[1:4, 1:4] = 10
    assert torch.equal(blurred(dot)[0, 0], expected)
    white = blurred(torch.full((1, 1, 5, 5), 255, dtype=torch.uint8))[0, 0]
    assert (white[0, 0], white[0, 2], white[2, 2]) == (
        113,
        170,
        255,
    )  # black comes in over 5 and 3 of the nine


def test_a_missing_class_is_replaced_by_the_others():
    labels = torch.tensor([0, 1, 2, 3, 4, 5, 8, 8, 8, 9])
    pictures = labels.to(torch.uint8).view(10, 1, 1, 1)
    left = without(pictures, labels, 8)
    assert len(left) == 10
    assert 8 not in left
    assert {0, 1, 2, 3, 4, 5, 9} <= set(left.flatten().tolist())
    with pytest.raises(CourseError, match="label=8: all 10 pictures"):
        without(pictures, torch.full((10,), 8), 8)


def test_overlaid_pictures_are_means_of_two_of_different_classes():
    """Picture i is filled with the value of its class, twice a power of two: sums say who met."""
    labels = torch.arange(200) % 5
    pictures = (2 ** (labels + 2)).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    made = overlaid(pictures, labels)
    assert (made.dtype, made.shape) == (torch.uint8, pictures.shape)
    partner = 2 * made[:, 0, 0, 0].int() - pictures[:, 0, 0, 0]
    classes = partner.double().log2() - 2
    assert (classes != labels).all() and set(classes.tolist()) == {0, 1, 2, 3, 4}
    assert torch.equal(made, overlaid(pictures, labels))
    assert not torch.equal(made, overlaid(pictures, labels, seed=1))
    with pytest.raises(CourseError, match="labels: one class in 200 pictures"):
        overlaid(pictures, torch.zeros(200))


def test_every_row_keeps_n_shape_and_dtype_and_is_seeded():
    labels = torch.arange(10)
    rows, again = spoilt(GREY, labels, seed=1), spoilt(GREY, labels, seed=1)
    assert list(rows) == ["real", "noise, sigma .1", "no digit 8", "3 x 3 blur", "uniform noise"]
    for name, pictures in rows.items():
        assert (pictures.shape, pictures.dtype) == (GREY.shape, torch.uint8), name
        assert torch.equal(pictures, again[name]), name
    assert torch.equal(rows["real"], GREY)
    assert not torch.equal(uniform(GREY, 1), uniform(GREY, 2))


YELLOW = (252, 234, 43)


def drawing(*rows):
    """Line art (1, 1, H, W): # is black, + a dark and - a light grey, a point white."""
    levels = {"#": 0, "+": 100, "-": 200, ".": 255}
    return torch.tensor([[[[levels[each] for each in row] for row in rows]]], dtype=torch.uint8)


def yellow(pictures):
    return (pictures == torch.tensor(YELLOW)[:, None, None]).all(1)


def test_closed_outlines_are_filled_and_the_rest_stays_white():
    art = drawing(
        ".......",
        ".###.#.",
        ".#.#.#.",
        ".###.##",
        ".......",
    )
    assert yellow(filled(art, YELLOW)).nonzero().tolist() == [[0, 2, 2]]
    untouched = (art == 255) & ~yellow(filled(art, YELLOW))[:, None]
    assert (filled(art, YELLOW)[untouched.expand(-1, 3, -1, -1)] == 255).all()


def test_no_white_path_leads_through_a_corner_and_any_border_is_outside():
    diamond = drawing(".....", "..#..", ".#.#.", "..#..", ".....")
    assert yellow(filled(diamond, YELLOW)).nonzero().tolist() == [[0, 2, 2]]
    halved = drawing("..#..", "..#..", "..#..")
    assert not yellow(filled(halved, YELLOW)).any()


def test_moved_pictures_repeat_their_edge():
    picture = torch.arange(24, dtype=torch.uint8).view(1, 1, 4, 6)
    assert moved(picture, 2)[0, 0, 1].tolist() == [6, 6, 6, 7, 8, 9]
    assert torch.equal(moved(picture, 0), picture) and moved(picture).dtype == torch.uint8


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_has_its_period_and_height(period):
    grey = torch.full((1, 3, 16, 24), 100, dtype=torch.uint8)
    found = gridded(grey, period, 6)
    assert (found.min(), found.max()) == (94, 106) and found.dtype == torch.uint8
    assert torch.equal(found[..., period:], found[..., :-period])
    assert torch.equal(found[..., period:, :], found[..., :-period, :])
    assert not torch.equal(found[..., period // 2 :], found[..., : -(period // 2)])


def test_lines_lie_on_top_of_the_colour():
    """A black line stays black, a dark grey edge is tinted, a light one outside the line is not."""
    art = drawing("-----", "-+#+-", "-#.#-", "-+#+-", "-----")
    found = filled(art, YELLOW)[0]
    assert found[:, 1, 2].tolist() == [0, 0, 0]
    assert found[:, 1, 1].tolist() == [round(level * 100 / 255) for level in YELLOW]
    assert found[:, 0, 0].tolist() == [200, 200, 200]


def test_each_picture_is_filled_by_itself_whether_bytes_or_floats():
    ring, open_ring = drawing("###", "#.#", "###"), drawing("###", "#..", "###")
    both = torch.cat([open_ring, ring, open_ring])
    assert yellow(filled(both, YELLOW)).nonzero().tolist() == [[1, 1, 1]]
    assert torch.equal(filled(both / 127.5 - 1, YELLOW), filled(both, YELLOW))


@pytest.mark.parametrize(
    ("art", "colour", "says"),
    [
        (torch.zeros(1, 3, 4, 4), YELLOW, r"line_art.shape=\(1, 3, 4, 4\): .* one grey channel"),
        (torch.full((1, 1, 4, 4), 9.0), YELLOW, r"line_art=9..9: .* \[-1, 1\]"),
        (torch.zeros(1, 1, 4, 4), (0, 256, 0), r"colour=\(0, 256, 0\): "),
        (torch.zeros(1, 1, 4, 4), (1, 2), r"colour=\(1, 2\): "),
    ],
)
def test_what_is_no_drawing_or_no_colour_is_explained(art, colour, says):
    with pytest.raises(CourseError, match=says):
        filled(art, colour)
