"""What a picture can be asked for: read from a command line, and checked when given in Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancourse import conditions
from gancourse.conditions import Condition
from gancourse.files import CourseError

LABEL = Condition("label", int, "a class", in_turn=True)
CODE = Condition("code", float, "a number per code")
TEXT = Condition("text", str, "a sentence")


def test_conditions_are_read_by_their_kind():
    given = ["label=8,0", "code=0.5,-1", "text=a red bird, small = two"]
    assert conditions.read([LABEL, CODE, TEXT], given, 5) == {
        "label": [8, 0, 8, 0, 8],
        "code": [0.5, -1.0],
        "text": "a red bird, small = two",
    }
    assert conditions.read([LABEL], [], 5) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["label=x"], "^label=x: not whole numbers with commas between them; write label=8"),
        (["label=1.5"], "^label=1.5: not whole"),
        (["label=1,,2"], "^label=1,,2: not whole"),
        (["label="], "^label=: not whole"),
        ([f"label={2**63}"], "no model has so many; write small numbers"),
        (["code=high"], "^code=high: not numbers with"),
        (["label"], "^label: not of the form name=value; write"),
        (["=8"], "^=8: not of the form"),
        (["colour=3"], "^colour=3: this model has no condition 'colour'; it takes label"),
        (["label=1", "label=2"], "^label=2: label was given twice; give it once"),
    ],
)
def test_what_is_no_condition_is_refused(given, words):
    with pytest.raises(CourseError, match=words):
        conditions.read([LABEL, CODE], given, 4)


def test_a_model_without_conditions_says_so():
    with pytest.raises(CourseError, match="it takes no conditions"):
        conditions.read([], ["label=1"], 1)


@pytest.mark.parametrize(
    ("given", "n", "expected"),
    [
        (None, 4, [0, 1, 2, 0]),
        (2, 3, [2, 2, 2]),
        ([0, 2], 2, [0, 2]),
        (np.array([1, 2]), 2, [1, 2]),
        (torch.tensor(1), 2, [1, 1]),
    ],
)
def test_labels_are_one_per_picture(given, n, expected):
    found = conditions.labels(given, n, 3)
    assert found.dtype == torch.int64 and found.tolist() == expected


def test_a_mixture_of_labels_is_a_row_of_weights():
    mixture = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert torch.equal(conditions.labels(mixture.double(), 2, 3), mixture)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("8", "^label='8': not a number"),
        ([0, 1, 2], "^label: 3 labels for 2 pictures; give one label for all, or one for each"),
        ([0, 3], "^label=3: no such class; labels go from 0 to 2"),
        ([-1, 0], "^label=-1: no such class"),
        ([0.5, 1.0], "^label: shape .* give a whole number"),
        ([True, False], "^label: shape"),
        (torch.full((2, 3), torch.nan), "a row of 3 floats"),
    ],
)
def test_labels_that_cannot_be_are_refused(given, words):
    with pytest.raises(CourseError, match=words):
        conditions.labels(given, 2, 3)


def drawn_latents(n, size, generator):
    return torch.rand(n, size, generator=generator)


def test_latents_are_drawn_from_the_seed_or_taken_as_given():
    found = conditions.latents(None, 2, 3, 7, drawn_latents)
    assert torch.equal(found, torch.rand(2, 3, generator=torch.Generator().manual_seed(7)))
    own = torch.ones(4, 3, dtype=torch.float64)
    assert torch.equal(conditions.latents(own, None, 3, 0, drawn_latents), own.float())


@pytest.mark.parametrize(
    ("given", "n", "words"),
    [
        (
            None,
            None,
            "^n=None: not a number of pictures; give a whole number from 1 up, or give latent=",
        ),
        (None, 0, "^n=0: not a number"),
        (None, True, "^n=True: not a number"),
        (None, 2.0, "^n=2.0: not a number"),
        (torch.ones(4, 2), None, r"^latent: shape \(4, 2\); give \(n, 3\)"),
        (
            [[1.0, 2.0, 3.0]],
            None,
            r"^latent: of type list, not a tensor; give torch.tensor\(latent\)",
        ),
    ],
)
def test_latents_that_cannot_be_are_refused(given, n, words):
    with pytest.raises(CourseError, match=words):
        conditions.latents(given, n, 3, 0, drawn_latents)


DRAWN = torch.tensor([[0, 1], [2, 1]])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1, [[1, 1], [1, 1]]),
        ([None, 0], [[0, 0], [2, 0]]),
        ((2, 1), [[2, 1], [2, 1]]),
        (torch.tensor([[2, 0], [0, 0]]), [[2, 0], [0, 0]]),
    ],
)
def test_given_codes_are_written_over_the_drawn_ones(given, expected):
    assert conditions.codes("category", given, DRAWN, (3, 2)).tolist() == expected
    assert DRAWN.tolist() == [[0, 1], [2, 1]], "what was drawn is not changed"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1], "this model has 2 categorical codes; give whole numbers, one per code"),
        ([0.5, 1], "give whole numbers"),
        ([True, 1], "give whole numbers"),
        ([3, 0], "^category=3: code 0 has no such value; give 0 to 2"),
        ([2**70, 0], "code 0 has no such value"),
        (-1, "^category=-1: code 0 has no such value"),
        (torch.tensor([[0, 2], [0, 0]]), "^category=2: code 1 has no such value; give 0 to 1"),
        (torch.tensor([0, 1]), r"tensor of shape \(2,\) .* or a tensor of shape \(2, 2\)"),
        (torch.zeros(2, 2), "type torch.float32"),
    ],
)
def test_codes_that_cannot_be_are_refused(given, words):
    with pytest.raises(CourseError, match=words):
        conditions.codes("category", given, DRAWN, (3, 2))


@pytest.mark.parametrize(
    "given", [[1e7, 0.0], [float("nan"), 0.0], ["a", 0.0], torch.full((2, 2), torch.inf)]
)
def test_continuous_codes_are_numbers(given):
    drawn = torch.zeros(2, 2)
    assert conditions.codes("continuous", [0.5, None], drawn).tolist() == [[0.5, 0.0]] * 2
    with pytest.raises(
        CourseError, match="this model has 2 continuous codes; give numbers, one per code"
    ):
        conditions.codes("continuous", given, drawn)


def test_rows_come_from_n_or_from_a_tensor_and_must_agree():
    assert conditions.rows(3) == 3
    assert conditions.rows(None, noise=None, category=torch.zeros(5)) == 5
    with pytest.raises(
        CourseError, match="^n=3: category has 5 rows; give tensors with one row per picture"
    ):
        conditions.rows(3, category=torch.zeros(5))
    with pytest.raises(
        CourseError, match="^n=None: not a number of pictures; .* tensors with one row per picture"
    ):
        conditions.rows(None, category=[1])


def test_pictures_are_taken_as_bytes_or_floats():
    as_bytes = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    assert conditions.pictures(as_bytes, 1).flatten().tolist() == pytest.approx([-1, -0.6, 1])
    floats = torch.tensor([-1.0, 0.0, 1.1]).view(1, 1, 1, 3)
    assert conditions.pictures(floats, 1) is floats


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (torch.zeros(1, 3, 4, 4), r"^pictures: shape \(1, 3, 4, 4\); give \(N, 1, H, W\)"),
        (torch.zeros(0, 1, 4, 4), "^pictures: shape"),
        (
            torch.full((1, 1, 2, 2), 255.0),
            r"from 255 to 255; give uint8, 0 to 255, or floats in \[-1, 1\]",
        ),
        (torch.zeros(1, 1, 2, 2, dtype=torch.int64), "type torch.int64"),
        (torch.full((1, 1, 2, 2), torch.nan), "from nan to nan"),
        (np.zeros((1, 1, 2, 2)), "^pictures: of type ndarray, not a tensor"),
    ],
)
def test_pictures_that_cannot_be_are_refused(given, words):
    with pytest.raises(CourseError, match=words):
        conditions.pictures(given, 1)
