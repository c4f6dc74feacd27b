from __future__ import annotations

import pytest
import torch

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_uint8, as_unit

BYTES = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


def test_every_grey_survives_the_way_through_a_game():
    assert torch.equal(as_uint8(BYTES / 127.5 - 1), BYTES)
    assert torch.equal(as_uint8((BYTES / 127.5 - 1).double()), BYTES)
    assert as_uint8(BYTES) is BYTES


def test_a_float_goes_to_its_nearest_grey():
    assert as_uint8(
        torch.tensor([-1.0, -0.9999, 0.0, 1.0]).view(1, 1, 2, 2)
    ).flatten().tolist() == [0, 0, 128, 255]


def test_the_unit_range_is_not_rounded():
    rows = as_unit(torch.tensor([-1.0, 0.001, 0.5, 1.0]).view(1, 1, 2, 2))
    assert rows.dtype == torch.float64
    assert rows.tolist() == [[0, pytest.approx(0.5005), 0.75, 1]]
    assert torch.equal(as_unit(BYTES)[0], torch.arange(256).double() / 255)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.zeros(28, 28), r"\(28, 28\)"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.int64), "int64"),
        (torch.full((1, 1, 2, 2), 255.0), "images=255..255: "),
        (torch.full((1, 1, 2, 2), float("nan")), "images=nan..nan: "),
        (torch.full((1, 1, 2, 2), -1.5), r"2 \* x - 1 from 0..1"),
    ],
)
def test_a_wrong_input_is_explained(images, says):
    with pytest.raises(CourseError, match=says):
        as_uint8(images)
