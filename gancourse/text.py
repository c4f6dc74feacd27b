"""Sentences as a network reads them: split into words, and the words looked up.

A network knows the words that it was trained with and no others. What it does not know is said,
with the word that comes nearest, instead of being passed over in silence.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from gancourse.files import CourseError

WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")  # letters and digits, joined by - or '
LONGEST = 64  # words of a sentence that a network reads
LETTERS = 24  # bytes of a word that are kept


def words(text: str) -> list[str]:
    """The words of a sentence, in small letters: "A hot-air Balloon!" -> a, hot-air, balloon."""
    return WORD.findall(unicodedata.normalize("NFKC", text).lower())


def sentences(given, n: int | None) -> list[str]:
    """One sentence for each of `n` pictures: one for all, or as many as there are pictures.

    Raises:
        CourseError: no text, no word in it, too many words, or more or fewer sentences than `n`.
    """
    texts = [given] * (n or 1) if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not all(isinstance(each, str) for each in texts):
        raise CourseError(
            f"text={given!r}: no sentence; give one, such as 'a small red boat', or a list."
        )
    if n not in (None, len(texts)):
        raise CourseError(
            f"text: {len(texts)} sentences for {n} pictures; give one for all, or one for each."
        )
    for text in set(texts):
        found = len(words(text))
        if not found:
            raise CourseError(f"text={shortened(text)}: no word in it; write a sentence.")
        if found > LONGEST:
            raise CourseError(f"text={shortened(text)}: {found:,} words; write {LONGEST} or fewer.")
    return list(texts)


def shortened(text: str, most: int = 60) -> str:
    """A text as an error quotes it."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."


class Vocabulary(nn.Module):
    """The words that a network knows, kept with its weights: a word -> its number, from 1 up.

    Number 0 is no word: what fills up short sentences.

    Args:
        size: how many words there is room for.
    """

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("spelling", torch.zeros(size, LETTERS, dtype=torch.uint8))
        self._numbers: dict[str, int] = {}

    def fill(self, texts: Iterable[str]) -> None:
        """Take the most frequent words of some sentences, as many as there is room for."""
        counts = Counter(word for text in texts for word in words(text))
        common = sorted(counts, key=lambda word: (-counts[word], word))
        self.spelling.zero_()
        for i, word in enumerate(common[: len(self.spelling)]):
            letters = word.encode()[:LETTERS]
            self.spelling[i, : len(letters)] = torch.tensor(list(letters), dtype=torch.uint8)
        self._numbers = {}

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each word that is known."""
        if not self._numbers:
            rows = (bytes(row).rstrip(b"\0") for row in self.spelling.tolist())
            self._numbers = {row.decode(errors="ignore"): i for i, row in enumerate(rows, 1) if row}
        return self._numbers

    def _load_from_state_dict(self, *args):
        self._numbers = {}
        return super()._load_from_state_dict(*args)

    def number(self, word: str) -> int:
        """Its number, 0 if it is not known."""
        return self.numbers.get(word.encode()[:LETTERS].decode(errors="ignore"), 0)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Sentences as numbers (N, L) int64, those of short ones filled up with 0.

        Words that are not known are left out.
        """
        rows = [[i for i in map(self.number, words(text)) if i][:LONGEST] for text in texts]
        tokens = torch.zeros(len(rows), max(1, *map(len, rows)), dtype=torch.int64)
        for row, found in zip(tokens, rows, strict=True):
            row[: len(found)] = torch.tensor(found, dtype=torch.int64)
        return tokens.to(self.spelling.device)

    def unknown(self, text: str) -> dict[str, str]:
        """The words of a sentence that are not known, each with the nearest that is, or ""."""
        found = {}
        for word in words(text):
            if not self.number(word):
                near = difflib.get_close_matches(word, self.numbers, n=1, cutoff=0.65)
                found[word] = near[0] if near else ""
        return found
