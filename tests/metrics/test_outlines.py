from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from gancourse.data import emoji
from gancourse.files import CourseError
from gancourse.metrics.floors import filled
from gancourse.metrics.outlines import outside, spill, unevenness

RED = (234, 90, 71)
YELLOW = (252, 234, 43)


def box(gap: int = 0, side: int = 32) -> torch.Tensor:
    """A square outline from 8 to 23, 2 px wide, whose upper side has a gap: (1, 1, side, side)."""
    picture = torch.full((1, 1, side, side), 255, dtype=torch.uint8)
    picture[..., 8:24, 8:24] = 0
    picture[..., 10:22, 10:22] = 255
    picture[..., 8:10, 14 : 14 + gap] = 255
    return picture


def painted(line_art, *patches):
    """The line art with patches (rows, columns, colour) on its paper."""
    picture = line_art.expand(-1, 3, -1, -1).clone()
    for rows, columns, colour in patches:
        free = line_art[0, 0, rows, columns] == 255
        picture[0, :, rows, columns][:, free] = torch.tensor(colour, dtype=torch.uint8)[:, None]
    return picture


ALL, INSIDE = slice(None), slice(10, 22)


@pytest.mark.parametrize("gap", [0, 1, 2, 3, 4])
def test_what_lies_outside(gap):
    whole = outside(box(), 0)
    assert whole.sum() == 32 * 32 - 16 * 16 and not whole[0, INSIDE, INSIDE].any()
    found = outside(box(gap), 0)
    assert bool(found[0, 15, 15]) == (gap > 0), "without a bound any gap lets the border in"
    assert not outside(box(gap), gap + gap % 2)[0, INSIDE, INSIDE].any()
    assert torch.equal(outside(box(gap), 0), outside(box(gap).float() / 127.5 - 1, 0))


def test_a_gap_that_is_too_wide_opens_an_outline():
    assert not outside(box(2), 2)[0, 15, 15] and outside(box(5), 2)[0, 15, 15]


def test_an_outline_at_the_border_encloses_nothing_beyond_it():
    picture = torch.full((1, 1, 16, 16), 255, dtype=torch.uint8)
    picture[..., 7:9, :] = 0
    assert outside(picture, 2).sum() == 16 * 14, "both halves touch the border"
    assert not outside(torch.zeros(1, 1, 8, 8, dtype=torch.uint8)).any()


def test_spill_is_the_part_of_the_colour_that_is_outside():
    lines = box()
    assert spill(painted(lines, (INSIDE, INSIDE, RED)), lines).tolist() == [0]
    assert spill(painted(lines, (slice(0, 6), ALL, RED)), lines).tolist() == [1]
    half = painted(lines, (INSIDE, INSIDE, RED), (slice(0, 6), slice(0, 24), RED))  # 144 and 144
    assert spill(half, lines).item() == pytest.approx(0.5)
    assert spill(lines.expand(-1, 3, -1, -1), lines).item() == 0, "nobody has coloured it"
    grey = painted(lines, (INSIDE, INSIDE, RED), (slice(0, 6), ALL, (90, 90, 90)))
    assert spill(grey, lines).item() == 0, "grey is no colour"


def test_a_picture_counts_by_itself():
    lines = torch.cat([box(), box()])
    both = torch.cat([painted(box(), (INSIDE, INSIDE, RED)), painted(box(), (ALL, ALL, RED))])
    found = spill(both, lines)
    assert found[0] == 0 and found[1] == pytest.approx(768 / (768 + 144))


def test_flat_colours_are_even_and_stripes_are_not():
    lines = box()
    flat = painted(lines, (INSIDE, INSIDE, RED))
    assert unevenness(flat, lines).item() == pytest.approx(0, abs=1e-6)
    two = painted(lines, (INSIDE, slice(10, 16), (0, 0, 0)), (INSIDE, slice(16, 22), (255,) * 3))
    assert unevenness(two, lines).item() == pytest.approx(50, abs=0.01), "L is 0 and 100"
    outer = painted(lines, (INSIDE, INSIDE, RED), (slice(0, 4), ALL, YELLOW))
    assert unevenness(outer, lines).item() == pytest.approx(0, abs=1e-6), "only what is enclosed"
    assert unevenness(flat, torch.full_like(lines, 255)).isnan().all()


def test_each_region_has_its_own_mean():
    lines = box()
    lines[..., 15:17, 8:24] = 0
    two = painted(lines, (slice(10, 15), INSIDE, RED), (slice(17, 22), INSIDE, YELLOW))
    assert unevenness(two, lines).item() == pytest.approx(0, abs=1e-6)
    lines[..., 15:17, 12:14] = 255
    assert unevenness(two, lines).item() > 10, "joined by a gap they are one"


def test_smooth_edges_of_lines_count_for_nothing():
    art = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(art).ellipse([40, 40, 216, 216], outline=0, width=9)
    lines = torch.from_numpy(np.array(art.resize((64, 64), Image.Resampling.BOX)))[None, None]
    made = filled(lines, YELLOW)
    assert spill(made, lines).item() == 0 and unevenness(made, lines).item() < 1e-6


def test_the_true_emoji_are_near_the_floor_and_shuffled_ones_are_not(tmp_path, monkeypatch):
    whole = emoji.index
    monkeypatch.setattr(emoji, "index", lambda split: whole(split)[::6])
    pairs = emoji.load("test", root=tmp_path)
    lines, truth = pairs["input"], pairs["target"]
    assert unevenness(truth, lines).nanmean() < 5
    assert unevenness(truth.roll(1, 0), lines).nanmean() > 15
    assert spill(truth, lines).mean() < spill(truth.roll(1, 0), lines).mean() - 0.1


def test_what_cannot_be_measured_is_said():
    lines = box()
    flat = painted(lines, (INSIDE, INSIDE, RED))
    for measure in (spill, unevenness):
        with pytest.raises(CourseError, match=r"pictures.shape=\(1, 3, 16, 32\): .* asks for"):
            measure(flat[:, :, :16], lines)
        with pytest.raises(CourseError, match=r"line_art.shape=\(1, 3, 32, 32\): not \(N, 1"):
            measure(flat, flat)
    with pytest.raises(CourseError, match="gap=-1: a width in pixels; give 0 or more"):
        outside(lines, -1)
