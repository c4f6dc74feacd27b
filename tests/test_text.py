"""Sentences as words, words as numbers."""

from __future__ import annotations

import pytest
import torch

from gancourse import text
from gancourse.files import CourseError
from gancourse.text import LETTERS, LONGEST, Vocabulary, sentences, words

SENTENCES = ["a red boat", "a red tree on grass", "a blue boat"]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("A hot-air Balloon!", ["a", "hot-air", "balloon"]),
        (
            "the sun's out; 3 boats,\n\ttwo_trees",
            ["the", "sun's", "out", "3", "boats", "two", "trees"],
        ),
        ("- 'red' -- o'-clock -", ["red", "o", "clock"]),
        ("ＲＥＤ ﬁre ①", ["red", "fire", "1"]),  # full width, a ligature, a circled digit
        ("Ein grünes BOOT", ["ein", "grünes", "boot"]),
        ("лодка 船", ["лодка", "船"]),
        ("🚤 ... \ud800 _", []),
        ("", []),
    ],
)
def test_the_words_of_a_sentence(sentence, found):
    assert words(sentence) == found


def test_however_accents_are_stored_a_word_is_one_word():
    assert words("cafe\u0301") == words("café") == ["café"]


def test_one_sentence_for_all_pictures_or_one_for_each():
    assert sentences("a boat", 3) == ["a boat"] * 3 and sentences("a boat", None) == ["a boat"]
    assert sentences(("a", "b"), 2) == ["a", "b"] == sentences(["a", "b"], None)
    assert sentences(" ".join(["boat"] * LONGEST), 1)


@pytest.mark.parametrize(
    ("given", "n", "reason"),
    [
        (7, 1, "text=7: no sentence; give one"),
        (None, 1, "text=None: no sentence"),
        (["a", 7], 2, "text=.*: no sentence"),
        ({"a": 1}, 1, "no sentence"),
        (["a", "b"], 3, "2 sentences for 3 pictures; give one for all, or one for each"),
        ("", 1, "text='': no word in it; write a sentence"),
        (["a", " .,! "], 2, "text=' .,! ': no word in it"),
        ("🚤🌙", 4, "no word in it"),
        ("boat " * 10_000, 8, "boat boat.*: 10,000 words; write 64 or fewer"),
        (" ".join(["boat"] * (LONGEST + 1)), 1, "65 words; write 64 or fewer"),
    ],
)
def test_what_is_no_sentence_is_refused(given, n, reason):
    with pytest.raises(CourseError, match=reason) as caught:
        sentences(given, n)
    assert len(str(caught.value)) < 200


@pytest.fixture
def vocabulary():
    made = Vocabulary(10)
    made.fill(SENTENCES)
    return made


def test_words_are_numbered_by_how_often_they_occur(vocabulary):
    assert list(vocabulary.numbers) == ["a", "boat", "red", "blue", "grass", "on", "tree"]
    assert list(vocabulary.numbers.values()) == [1, 2, 3, 4, 5, 6, 7]
    assert [vocabulary.number(word) for word in ("a", "tree", "zebra", "")] == [1, 7, 0, 0]
    again = Vocabulary(10)
    again.fill(reversed(SENTENCES))
    assert again.numbers == vocabulary.numbers, "whatever the order of the sentences"


def test_the_most_frequent_words_fill_the_room(vocabulary):
    small = Vocabulary(2)
    small.fill(SENTENCES)
    assert small.numbers == {"a": 1, "boat": 2} and small.number("red") == 0
    vocabulary.fill(["green"])
    assert vocabulary.numbers == {"green": 1} and vocabulary(["a red boat"]).tolist() == [[0]]


def test_sentences_become_numbers(vocabulary):
    tokens = vocabulary(["A red, red boat!", "a", "zebra", ""])
    assert tokens.tolist() == [[1, 3, 3, 2], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert tokens.dtype == torch.int64
    assert vocabulary(["a zebra tree"]).tolist() == [[1, 7]], "what is not known leaves no gap"
    assert vocabulary(["boat " * 10_000]).shape == (1, LONGEST)
    assert Vocabulary(3)(["a boat"]).tolist() == [[0]], "nothing is known before it is filled"


def test_words_that_are_not_known_are_named_with_the_nearest(vocabulary):
    assert vocabulary.unknown("a red boat on grass") == {}
    found = vocabulary.unknown("A bleu boot, a Xylophon and grasss")
    assert found == {"bleu": "blue", "boot": "boat", "xylophon": "", "and": "", "grasss": "grass"}
    assert Vocabulary(3).unknown("boat") == {"boat": ""} and vocabulary.unknown("🚤") == {}


def test_the_words_are_kept_with_the_weights(vocabulary):
    kept = {name: value.clone() for name, value in vocabulary.state_dict().items()}
    other = Vocabulary(10)
    other.fill(["green zebra"])
    assert other.number("zebra")
    other.load_state_dict(kept)
    assert other.numbers == vocabulary.numbers and not other.number("zebra")
    assert not list(vocabulary.parameters()) and kept["spelling"].dtype == torch.uint8
    within = torch.nn.ModuleDict({"words": Vocabulary(10)})
    within["words"].fill(["zebra"])
    assert within["words"].number("zebra")
    within.load_state_dict({f"words.{name}": value for name, value in kept.items()}, assign=True)
    assert within["words"].numbers == vocabulary.numbers


@pytest.mark.parametrize(
    "word", ["x" * 23, "x" * 24, "x" * 25, "ü" * 12, "ü" * 13, "x" + "ü" * 12, "船" * 30, "🜁x"]
)
def test_long_words_are_known_by_their_first_bytes(word):
    """Also where the last byte that is kept would cut a letter in two."""
    made = Vocabulary(3)
    made.fill([f"{word} boat"])
    (known,) = words(word)
    assert made.number(known) == made.numbers[known.encode()[:LETTERS].decode(errors="ignore")] > 0
    assert made([word]).tolist() == [[made.number(known)]] and made.unknown(word) == {}
    other = Vocabulary(3)
    other.load_state_dict(made.state_dict())
    assert other.number(known) == made.number(known)


def test_two_long_words_of_one_beginning_are_one():
    made = Vocabulary(4)
    made.fill(["x" * 30, "x" * 31, "boat"])
    assert made.number("x" * 24) == made.number("x" * 30) == made.number("x" * 99) > 0


def test_the_limits_are_those_that_the_tests_name():
    assert (text.LONGEST, text.LETTERS) == (64, 24)
