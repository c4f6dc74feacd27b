from __future__ import annotations

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError
from gancourse.metrics import readable as module
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import second_judge
from gancourse.metrics.floors import flat, noisy, overlaid, uniform
from gancourse.metrics.readable import readable


class Says:
    """A judge for tests: of picture i it says digit and probability i."""

    def __init__(self, *said):
        self.said = said

    def probabilities(self, pictures):
        rows = torch.full((len(pictures), 10), 0.0)
        for row, (digit, sure) in zip(rows, self.said, strict=True):
            row[:] = (1 - sure) / 9
            row[digit] = sure
        return rows


PICTURES = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
FIRST = Says((3, 0.95), (3, 0.95), (7, 0.99), (1, 0.5))


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (Says((3, 0.95), (3, 0.95), (7, 0.99), (1, 0.99)), 0.75),  # one judge unsure
        (Says((3, 0.95), (3, 0.85), (7, 0.99), (1, 0.99)), 0.5),  # the other
        (Says((3, 0.95), (8, 0.95), (7, 0.99), (1, 0.99)), 0.5),  # both sure of different digits
        (Says((4, 0.95), (8, 0.95), (2, 0.99), (0, 0.99)), 0.0),
    ],
)
def test_both_must_be_sure_and_of_the_same_digit(second, found):
    assert readable(PICTURES, [FIRST, second]) == readable(PICTURES, [second, FIRST]) == found


def test_exactly_as_sure_is_not_surer():
    tied = Says(*[(2, 0.75)] * 4)
    assert readable(PICTURES, [tied, tied], sure=0.75) == 0
    assert readable(PICTURES, [tied, tied], sure=0.74) == 1


def test_real_digits_are_readable_and_what_is_none_is_not():
    """The two bundled judges, and the order of what they are shown."""
    test = digits.load("test", source="bundled").take(400, seed=0)
    real = readable(test["image"])
    assert real > 0.93
    assert readable(test["image"] / 127.5 - 1) == real
    two = overlaid(test["image"], test["label"])
    assert readable(two) < 0.3
    assert readable(two) < min(readable(two, [each]) for each in (judge(), second_judge())), (
        "one judge alone is sure of more"
    )
    assert readable(uniform(test["image"][:200])) < 0.02


def test_flat_grey_is_no_digit_with_faint_noise_or_without():
    """What an untrained generator draws."""
    assert readable(flat()) < 0.05
    for sigma in (0.01, 0.05, 0.1):
        assert readable(noisy(flat(), sigma)) < 0.05


def test_a_digit_stays_readable_under_noise_that_a_person_hardly_sees():
    test = digits.load("test", source="bundled").take(400, seed=0)
    assert readable(noisy(test["image"], 0.1)) > 0.8


def test_one_good_picture_repeated_is_perfect():
    """How it lies: nothing is asked about variety."""
    test = digits.load("test", source="bundled")
    (one,) = (x for x in test["image"][:1])
    assert readable(one.expand(50, 1, 28, 28)) == 1


def test_by_default_the_bundled_judges_read(monkeypatch):
    monkeypatch.setattr(module, "judge", lambda: FIRST)
    monkeypatch.setattr(module, "second_judge", lambda: FIRST)
    assert readable(PICTURES) == 0.75


def test_no_pictures_and_other_pictures_are_explained():
    with pytest.raises(CourseError, match="pictures: 0 of them"):
        readable(PICTURES[:0])
    with pytest.raises(CourseError, match=r"reads \(N, 1, 28, 28\)"):
        readable(torch.zeros(2, 3, 28, 28))
