"""The live figure of book/metrics.md: what its caption claims is in its numbers."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gancourse.data import digits
from gancourse.files import read_json
from gancourse.live.figures import figure
from gancourse.live.figures.metrics import (
    BLUR,
    GONE,
    MEASURES,
    NOISE,
    ROWS,
    SAMPLES,
    START,
    drawn,
    measures,
    narrowed,
    pictures,
    spoilt,
)
from gancourse.metrics.digit_cnn import FOLDER

pytestmark = pytest.mark.slow  # half a minute of measuring

BOOK = Path(__file__).parents[2] / "book"
KINDS = {"blur": BLUR, "noise": NOISE}


@pytest.fixture(scope="module")
def data():
    return figure("measures").data()


@pytest.fixture(scope="module")
def at(data):
    """at(measure, kind, level, missing) -> value."""
    names = [each["name"] for each in data["measures"]]

    def value(name: str, kind: str = "blur", level: float = 0, missing: int = 0) -> float:
        row = data["values"][kind][KINDS[kind].index(level)][missing]
        return row[names.index(name)]

    return value


@pytest.fixture(scope="module")
def real(data):
    return {each["name"]: each["real"] for each in data["measures"]}


def test_there_is_a_value_for_every_position(data):
    json.dumps(data)
    assert [each["name"] for each in data["measures"]] == list(MEASURES)
    for kind, levels in KINDS.items():
        assert data["levels"][kind] == list(levels)
        shape = (len(levels), len(GONE) + 1, len(MEASURES))
        assert np.array(data["values"][kind]).shape == shape
        assert len(data["tiles"][kind]) == len(levels)
    assert data["values"]["blur"][0] == data["values"]["noise"][0]
    assert np.array(data["shown"]).shape == (len(GONE) + 1, 10 * ROWS)


def test_every_value_lies_on_its_axis(data):
    for kind in KINDS:
        for m, measure in enumerate(data["measures"]):
            values = np.array(data["values"][kind])[..., m]
            assert min(measure["axis"]) <= values.min() and values.max() <= max(measure["axis"])


def test_real_digits_score_as_on_the_judges_card(at):
    cards = list(read_json(FOLDER / "card.json")["floors"].values())[-1]
    assert at("FID") == pytest.approx(cards["real"]["classifier_fid"], rel=0.01)
    assert at("FID", "noise", 0.1) == pytest.approx(
        cards["noise, sigma .1"]["classifier_fid"], rel=0.02
    )
    assert at("FID", missing=1) == pytest.approx(cards["no digit 8"]["classifier_fid"], rel=0.05)
    for name in ("precision", "recall", "coverage"):
        assert at(name) == pytest.approx(cards["real"][name], abs=0.03)


# --- what the page says


def test_fid_calls_both_failures_about_100(at):
    assert tuple(START) == ("blur", BLUR.index(0.7), 0)  # the button "Blurred" leads there
    for spoilt_by in ({"level": 0.7}, {"missing": 4}):
        assert at("FID", **spoilt_by) == pytest.approx(100, abs=2)


def test_the_caption_has_the_numbers_of_recall_and_coverage(at):
    page = " ".join((BOOK / "metrics.md").read_text(encoding="utf-8").split())
    missing = [f"{at(name, missing=4):.2f}"[1:] for name in ("recall", "coverage")]
    blurred = [f"{at(name, level=0.7):.2f}"[1:] for name in ("recall", "coverage")]
    assert "Recall falls to {} and coverage to {} without the four".format(*missing) in page
    assert "and to {} and {} under a blur".format(*blurred) in page


@pytest.mark.parametrize("name", ["recall", "coverage"])
def test_recall_and_coverage_fall_with_every_digit_that_goes_and_with_blur(name, at):
    missing = [at(name, missing=count) for count in range(len(GONE) + 1)]
    blurred = [at(name, level=level) for level in BLUR[1:]]
    assert all(a > b + 0.03 for a, b in pairwise(missing))
    assert all(a >= b for a, b in pairwise(blurred)) and blurred[-1] < 0.05


def test_fid_rises_with_everything_that_is_done_to_real_digits(at):
    missing = [at("FID", missing=count) for count in range(len(GONE) + 1)]
    for row in missing, *([at("FID", kind, x) for x in xs] for kind, xs in KINDS.items()):
        assert all(a < b for a, b in pairwise(row))


def test_precision_minds_neither(at, real):
    assert at("precision", level=0.7) > real["precision"][1]
    assert all(at("precision", missing=count) > 0.92 for count in range(len(GONE) + 1))
    assert all(at("precision", level=level) > 0.85 for level in BLUR)


def test_parzen_prefers_the_blur_to_real_digits(at, real):
    assert all(at("Parzen", level=level) > real["Parzen"][1] + 30 for level in BLUR[2:])
    assert at("Parzen", missing=4) < at("Parzen") - 50


def test_the_classifier_reads_one_in_four_through_noise(at):
    assert at("label accuracy", "noise", NOISE[-1]) == pytest.approx(0.25, abs=0.05)
    assert at("label accuracy", missing=4) > at("label accuracy")


def test_label_accuracy_is_perfect_on_blurred_ones(at):
    assert {at("label accuracy", level=level, missing=9) for level in BLUR} == {1}


# --- pictures


def test_missing_digits_give_their_places_to_others_and_the_rest_stay():
    _, labels = drawn(0)
    choices = narrowed(labels)
    assert [len(each) for each in choices] == [SAMPLES] * 10
    for count, (before, after) in enumerate(pairwise(choices), 1):
        assert not set(labels[after].tolist()) & set(GONE[:count])
        stays = labels[before] != GONE[count - 1]
        assert after[stays].equal(before[stays])
    assert set(labels[choices[-1]].tolist()) == {1}


def test_the_pictures_on_show_are_those_that_were_measured(data):
    images, labels = drawn(0)
    choices = narrowed(labels)
    first = [(labels == digit).nonzero()[row, 0] for row in range(ROWS) for digit in range(10)]
    for kind, level, missing in (("blur", 0, 0), ("blur", 3, 0), ("noise", 6, 4)):
        sheet = pictures(data, kind, level, missing)
        every = spoilt(images)[kind][level]
        for place in (0, 8, 29):
            top, left = 30 * (place // 10), 30 * (place % 10)
            found = sheet[top : top + 28, left : left + 28, 0].astype(int)
            true = every[choices[missing][first[place]], 0].numpy().astype(int)
            assert abs(found - true).max() <= 9  # 16 grey levels


def test_samples_and_what_they_are_compared_with_are_different_pictures():
    train = digits.load("train", source="bundled")["image"].flatten(1).unique(dim=0)
    images, _ = drawn(0)
    both = np.concatenate([train, images.flatten(1)])
    assert len(np.unique(both, axis=0)) == len(train) + SAMPLES


def test_the_still_is_wide_enough_and_has_words():
    still = figure("measures").still()
    assert still.width == 840
    assert len(figure("measures").alt) > 100
    assert measures() is measures()
