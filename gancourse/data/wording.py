"""What a picture shows and what its sentence says: the same numbers, so that one can be held
against the other.

A data set with captions has attributes, each with its values: `{"hair": ("bald", "bob"), ...}`.
Its pictures and sentences are rows of whole numbers, one for each attribute: the value's place
among them, or -1 where there is nothing to see or nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np

from gancourse.files import CourseError

Attributes = Mapping[str, tuple[str, ...]]
Pairs = Mapping[tuple[str, str], Collection[tuple[str, str]]]
T = TypeVar("T")


def has_pair(words: Mapping[str, str], pairs: Pairs) -> bool:
    """Whether any two attributes have two values that stand together in `pairs`.

    Args:
        pairs: two attributes -> pairs of their values, e.g.
            `{("hair", "hair_colour"): {("mohawk", "pink")}}`.
    """
    return any((words[a], words[b]) in listed for (a, b), listed in pairs.items())


def numbers(
    words: Mapping[str, str], attributes: Attributes, hidden: Collection[str] = ()
) -> list[int]:
    """The values of a picture by number, in the order of `attributes`; -1 for those `hidden`.

    Raises:
        CourseError: an attribute is missing, or has a value that is not known.
    """
    found = []
    for name, values in attributes.items():
        if words.get(name) not in values:
            raise CourseError(
                f"{name}={words.get(name)!r}: no such value; choose one of: {', '.join(values)}."
            )
        found.append(-1 if name in hidden else values.index(words[name]))
    return found


def described(values: Sequence[int], attributes: Attributes) -> dict[str, str]:
    """A row of numbers in words: {"hair": "bob", ...}; what is -1 is left out."""
    pairs = zip(attributes.items(), values, strict=True)
    return {name: known[int(value)] for (name, known), value in pairs if value >= 0}


def filled(template: str, *parts: str) -> str:
    """A phrase with its gaps filled: "a {} mohawk" and "orange" -> "an orange mohawk".

    A part may be empty.
    """
    text = " ".join(template.format(*parts).split())
    return re.sub(r"\b(a|an) (?=(\w))", lambda found: f"{article(found[2])} ", text)


def article(word: str) -> str:
    """ "a" or "an", by the first letter of the word."""
    return "an" if word[0].lower() in "aeiou" else "a"


def bare(phrase: str) -> str:
    """A phrase without its article: "a pink mohawk" -> "pink mohawk"."""
    return re.sub(r"^an? ", "", phrase)


def listed(phrases: Sequence[str]) -> str:
    """One, two or more phrases as English lists them: "a bob, a beard and round glasses"."""
    return " and ".join(filter(None, [", ".join(phrases[:-1]), *phrases[-1:]]))


class Telling:
    """A sentence in the making: the choices of its words, and the record of what they say.

    Args:
        words: what the picture shows, a value of each attribute.
        lot: makes the choices. The same numbers give the same sentence.
        surely: an attribute that is never left out.
    """

    def __init__(
        self,
        words: Mapping[str, str],
        attributes: Attributes,
        lot: np.random.Generator,
        surely: str = "",
    ):
        self.words, self.attributes, self.lot, self.surely = words, attributes, lot, surely
        self.told: set[str] = set()

    def chance(self, part: float) -> bool:
        """True in this fraction of all sentences."""
        return bool(self.lot.random() < part)

    def one_of(self, options: Sequence[T]) -> T:
        return options[int(self.lot.integers(len(options)))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return [items[i] for i in self.lot.permutation(len(items))]

    def says(self, name: str, part: float = 1.0) -> bool:
        """Whether this sentence says the attribute, as a fraction `part` of them do. If it does,
        that is on record.
        """
        says = name == self.surely or self.chance(part)
        if says:
            self.told.add(name)
        return says

    def said(self) -> list[int]:
        """The values that the sentence says, by number; -1 for the rest."""
        return numbers(self.words, self.attributes, self.attributes.keys() - self.told)
