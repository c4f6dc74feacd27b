from __future__ import annotations

import numpy as np
import pytest

from gancourse.data import wording
from gancourse.files import CourseError

KNOWN = {"hat": ("none", "cap", "bowler"), "colour": ("red", "blue")}


def test_words_and_numbers_are_each_others_inverse():
    words = {"hat": "bowler", "colour": "red"}
    assert wording.numbers(words, KNOWN) == [2, 0]
    assert wording.numbers(words, KNOWN, {"colour"}) == [2, -1]
    assert wording.described([2, 0], KNOWN) == words
    assert wording.described([-1, 1], KNOWN) == {"colour": "blue"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"hat": "fez", "colour": "red"}, "hat='fez': no such value.*none, cap, bowler"),
        ({"hat": "cap"}, "colour=None: no such value.*red, blue"),
    ],
)
def test_a_value_that_is_not_known_is_named(words, said):
    with pytest.raises(CourseError, match=said):
        wording.numbers(words, KNOWN)


def test_a_pair_is_found_in_its_order_only():
    pairs = {("hat", "colour"): {("cap", "blue")}}
    assert wording.has_pair({"hat": "cap", "colour": "blue"}, pairs)
    assert not wording.has_pair({"hat": "cap", "colour": "red"}, pairs)
    assert not wording.has_pair({"hat": "bowler", "colour": "blue"}, pairs)


def test_phrases_are_english():
    assert wording.filled("a {} cap", "orange") == "an orange cap"
    assert wording.filled("an {} cap", "red") == "a red cap"
    assert wording.filled("a {} cap", "") == "a cap"
    assert wording.filled("{1} cap with a {0} brim", "indigo", "") == "cap with an indigo brim"
    assert wording.bare("an orange cap") == "orange cap" == wording.bare("orange cap")
    assert wording.listed([]) == "" and wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"


def test_a_telling_keeps_the_record_of_what_it_says():
    tell = wording.Telling({"hat": "cap", "colour": "blue"}, KNOWN, np.random.default_rng(0), "hat")
    assert tell.said() == [-1, -1]
    assert not tell.says("colour", 0.0) and tell.said() == [-1, -1]
    assert tell.says("hat", 0.0) and tell.said() == [1, -1]
    assert tell.says("colour") and tell.said() == [1, 1]


def test_chances_are_fractions_and_the_same_lot_makes_the_same_choices():
    first, again = (
        wording.Telling({"hat": "cap", "colour": "red"}, KNOWN, np.random.default_rng(3))
        for _ in range(2)
    )
    drawn = [first.chance(0.3) for _ in range(2000)]
    assert abs(sum(drawn) / 2000 - 0.3) < 0.04
    assert drawn == [again.chance(0.3) for _ in range(2000)]
    assert first.shuffled(range(9)) == again.shuffled(range(9)) != list(range(9))
    assert {first.one_of("abc") for _ in range(50)} == set("abc")
