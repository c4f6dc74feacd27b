"""Sheets of pictures: every pixel where it belongs, every wrong picture refused with its reason."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from gancourse import show
from gancourse.files import CourseError
from gancourse.show.grids import GAP, shape_of_sheet, to_bytes
from gancourse.show.style import DPI, PANEL

BACK = np.array([round(255 * c) for c in to_rgb(PANEL)], np.uint8)


def digits(count=6, channels=1, size=4):
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def drawn(plate):
    return np.asarray(Image.open(io.BytesIO(plate.png())).convert("RGB"))


def test_tile_puts_every_pixel_in_its_place():
    images = digits(5, channels=3)
    sheet = show.tile(images, 2)
    assert sheet.shape == (3 * 6 + 2, 2 * 6 + 2, 3) and sheet.dtype == np.uint8
    rest = np.ones(sheet.shape[:2], bool)
    for index, image in enumerate(images):
        top, left = 2 + 6 * (index // 2), 2 + 6 * (index % 2)
        np.testing.assert_array_equal(
            sheet[top : top + 4, left : left + 4], image.transpose(1, 2, 0)
        )
        rest[top : top + 4, left : left + 4] = False
    assert (sheet[rest] == BACK).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_float_and_bytes_make_the_same_sheet(dtype):
    images = torch.from_numpy(digits())
    game = (images.to(torch.float64) / 127.5 - 1).to(dtype).requires_grad_()
    np.testing.assert_array_equal(show.tile(game, 3), show.tile(images, 3))


def test_range_ends_are_black_and_white():
    images = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1)
    assert to_bytes(images)[:, 0, 0, 0].tolist() == [0, 128, 255]
    assert to_bytes(images.bfloat16())[:, 0, 0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((5, 28, 28)), r"\(5, 28, 28\).*images\[:, None\]"),
        (np.zeros((5, 28, 28, 3)), r"\(5, 28, 28, 3\).*permute"),
        (np.zeros((0, 1, 28, 28)), r"images.shape=\(0, 1, 28, 28\): .* N of 1 or more"),
        (np.full((1, 1, 2, 2), 255.0), r"images=255..255: .*\[-1, 1\]"),
        (np.full((1, 1, 2, 2), np.nan), "nan.*diverged"),
        (np.zeros((1, 1, 2, 2), np.int64), "int64.*uint8"),
        ([np.zeros((1, 2, 2)), np.zeros((1, 3, 3))], "different shapes"),
    ],
)
def test_wrong_pictures_are_refused_with_the_reason(images, message):
    with pytest.raises(CourseError, match=message):
        show.tile(images, 2)


@pytest.mark.parametrize("columns", [0, -1, 2.0, True, "8"])
def test_wrong_columns_are_refused(columns):
    with pytest.raises(CourseError, match=f"columns={columns!r}"):
        show.tile(digits(), columns)


def test_a_sheet_is_full_and_nearly_square_when_it_can_be():
    shapes = {count: shape_of_sheet(count, None) for count in (1, 8, 10, 13, 64, 100, 144, 1000)}
    assert (
        shapes[1] == (1, 1)
        and shapes[8] == (2, 4)
        and shapes[10] == (2, 5)
        and shapes[13] == (4, 4)
    )
    assert (
        shapes[64] == (8, 8)
        and shapes[100] == (10, 10)
        and shapes[144] == (15, 10)
        and shapes[1000] == (100, 10)
    )


def test_save_grid_writes_the_sheet_or_nothing(tmp_path):
    path = show.save_grid(tmp_path / "samples" / "step-000100.png", digits(), 3)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), show.tile(digits(), 3))
    with pytest.raises(CourseError):
        show.save_grid(path, np.zeros(3))
    assert [file.name for file in path.parent.iterdir()] == ["step-000100.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), show.tile(digits(), 3))


@pytest.mark.parametrize(
    "caption", [None, "A caption that is long enough to need a second line. Seed 0, step 100."]
)
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_grid_draws_each_pixel_as_a_square_of_whole_pixels(scale, caption):
    images = digits(12, size=28)
    sheet = show.tile(images, 4).repeat(scale, 0).repeat(scale, 1)
    picture = drawn(show.grid(images, columns=4, scale=scale, caption=caption))
    np.testing.assert_array_equal(
        picture[12 : 12 + sheet.shape[0], 12 : 12 + sheet.shape[1]], sheet
    )


def test_long_labels_are_wrapped_and_touch_no_picture_and_no_neighbour():
    texts = ["a surprised person with a blue bob, wearing a red polo shirt", "one"] * 2
    plate = show.grid(digits(4, size=64), columns=2, labels=texts, scale=3)
    renderer = FigureCanvasAgg(plate).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in plate.axes[0].texts]
    assert len(boxes) == 4 and boxes[0].height > 1.8 * boxes[1].height
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    sheet = plate.axes[0].get_window_extent(renderer)
    scale = sheet.width / (2 * (64 + GAP) + GAP)
    for box in boxes:  # below its own row of pictures and above the next
        above = (sheet.y1 - box.y1) / scale % (sheet.height / scale / 2)
        assert above >= 64 and above + box.height / scale <= sheet.height / scale / 2 + GAP


def test_grid_makes_room_for_labels_and_caption():
    plain = show.grid(digits(4, size=28))
    labelled = show.grid(digits(4, size=28), labels=torch.arange(4), caption="Asked labels.")
    assert [text.get_text() for text in labelled.axes[0].texts] == ["0", "1", "2", "3"]
    assert labelled.get_figheight() > plain.get_figheight()
    assert "Asked labels." in labelled.alt and "4 pictures" in labelled.alt
    labelled.png()
    for text in [*labelled.texts, *labelled.axes[0].texts]:
        box = text.get_window_extent()
        assert box.x0 > 0 and box.y0 > 0 and box.x1 < labelled.get_figwidth() * DPI
    with pytest.raises(CourseError, match="labels: 3 for 4 pictures"):
        show.grid(digits(4), labels=[1, 2, 3])
    with pytest.raises(CourseError, match=r"scale=1\.5"):
        show.grid(digits(4), scale=1.5)


def test_compare_names_its_rows_and_enlarges_small_pictures():
    small = digits(3, size=14)
    plate = show.compare({"low": small, "real": digits(3, size=28)}, scale=1)
    assert [text.get_text() for text in plate.axes[0].texts] == ["low", "real"]
    assert plate.alt == "2 rows of 3 pictures, from top to bottom: low, real."
    large = small.repeat(2, 2).repeat(2, 3)
    sheet = show.tile(large, 3)
    picture = drawn(plate)
    tops = [
        top
        for top in range(picture.shape[0] - sheet.shape[0])
        if (picture[top : top + sheet.shape[0], 12 : 12 + sheet.shape[1]] == sheet).all()
    ]
    assert len(tops) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, r"rows=\{\}: "),
        ({"real": digits(3), "generated": digits(4)}, "real: 3, generated: 4"),
        (
            {"real": digits(3, size=28), "small": digits(3, size=20)},
            r"rows\['small'\]: 20 x 20 .*28 x 28",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(CourseError, match=message):
        show.compare(rows)
