"""The blind comparison: fair pairs, honest counts, and nothing that gives the methods away."""

from __future__ import annotations

import io
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from gancourse import show
from gancourse.files import CourseError

widgets = pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from gancourse.show import comparison  # noqa: E402

METHODS = ["bicubic", "first", "second"]
LEVELS = dict(zip(METHODS, (10, 20, 30), strict=True))


def flat(level: int, count: int = 4) -> np.ndarray:
    return np.full((count, 3, 8, 8), level, np.uint8)


def test_every_pair_comes_equally_often_and_on_either_side():
    found = list(islice(comparison.trials(METHODS, 4, seed=0), 300))
    pairs = Counter(frozenset(methods) for _, *methods in found)
    assert len(pairs) == 3 and set(pairs.values()) == {100}
    left = Counter(left for _, left, _ in found)
    assert all(70 <= left[name] <= 130 for name in METHODS), "a side is no hint"
    assert {subject for subject, *_ in found} == set(range(4))
    assert found == list(islice(comparison.trials(METHODS, 4, seed=0), 300))
    assert found != list(islice(comparison.trials(METHODS, 4, seed=1), 300))


def parts(box):
    _, halves, reveal, answer = box.children
    screens, buttons = zip(*(half.children for half in halves.children), strict=True)
    return screens, buttons, reveal, answer


def seen(screen) -> str:
    level = Image.open(io.BytesIO(bytes(screen.value))).getpixel((0, 0))[0]
    return {value: name for name, value in LEVELS.items()}[level]


def test_what_is_clicked_is_counted_and_told_only_when_asked():
    box = show.blind(
        {name: flat(level) for name, level in LEVELS.items()},
        reference=("MOS", {"bicubic": 1.47, "first": 2.29}),
    )
    screens, buttons, reveal, answer = parts(box)
    won, shown = Counter(), Counter()
    for turn in range(30):
        pair = [seen(screen) for screen in screens]
        side = turn % 2
        won[pair[side]] += 1
        shown.update(pair)
        buttons[side].click()
        assert not any(name in answer.value for name in METHODS)
    assert answer.value == "30 answered."
    reveal.click()
    for name in METHODS:
        share = f"{won[name] / shown[name]:.0%}"
        cells = f"<td>{name}</td><td>{won[name]}</td><td>{shown[name]}</td><td>{share}</td>"
        assert cells in answer.value
    assert "<th>MOS</th>" in answer.value and "<td>2.29</td>" in answer.value
    assert answer.value.count("–") == 1, "the paper has no value for the last"


def test_a_tally_without_answers_and_names_with_signs():
    found = comparison.tally({"a<b": 0, "c": 0}, {"a<b": 0, "c": 0})
    assert "a&lt;b" in found and found.count("–") == 2 and found.count("<th>") == 4


@pytest.mark.parametrize(
    "pictures",
    [{}, {"one": flat(1)}, {"one": flat(1), "two": flat(1, count=3)}],
)
def test_what_cannot_be_compared_is_refused(pictures):
    with pytest.raises(CourseError, match="give two methods or more"):
        show.blind(pictures)
