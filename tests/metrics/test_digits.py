from __future__ import annotations

import json

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError
from gancourse.metrics import coverage, frechet
from gancourse.metrics.digit_cnn import DigitCNN, judge
from gancourse.metrics.digits import digit_scores
from gancourse.metrics.floors import spoilt


@pytest.fixture(scope="module")
def train():
    return digits.load("train", source="bundled")


@pytest.fixture(scope="module")
def scores(train):
    """The floors' table on 500 bundled test digits."""
    test = digits.load("test", source="bundled")
    features = judge().features(train["image"][:3000])
    rows = spoilt(test["image"][:500], test["label"][:500])
    return {row: digit_scores(x, features, name="bundled") for row, x in rows.items()}


def test_the_scores_are_those_of_their_own_modules(train):
    test, seen = digits.load("test", source="bundled")["image"][:250], train.take(600, seed=1)
    found = digit_scores(test, seen)
    real, fake = judge().features(seen["image"]), judge().features(test)
    assert found["classifier_fid"] == frechet.frechet(real, fake)
    assert found["kid"] == frechet.kernel(real, fake, 0)["mean"]
    assert (found["samples"], found["reference_samples"], found["neighbourhood_samples"]) == (
        250,
        600,
        250,
    )
    assert found["reference"] == "MNIST train (bundled)"
    assert (found["judge"], found["k"]) == (judge().sha256, 5)
    whole = coverage.manifold(real[:250], fake, 5)
    again = digit_scores(fake, real[:250], name="features")  # sets of one size: nothing is left out
    assert {key: again[key] for key in ("recall", "density", "coverage")} == {
        key: pytest.approx(whole[key]) for key in ("recall", "density", "coverage")
    }
    assert "precision" not in found
    assert json.loads(json.dumps(found)) == found


def test_floats_score_as_bytes_and_the_seed_decides_the_rest(train):
    test, features = (
        digits.load("test", source="bundled")["image"][:200],
        judge().features(train["image"][:600]),
    )
    first = digit_scores(test, features, name="x", seed=1)
    assert digit_scores(test / 127.5 - 1, features, name="x", seed=1) == first
    assert (
        digit_scores(test, features, name="x", seed=2)["classifier_fid"] == first["classifier_fid"]
    )
    assert digit_scores(test, features, name="x", seed=2)["kid"] != first["kid"]


def test_another_judge_is_another_score(train):
    torch.manual_seed(0)
    sets = train["image"][:100], train["image"][100:300]
    found = digit_scores(*sets, name="x", judge=DigitCNN())
    assert found["judge"] == ""
    assert found["classifier_fid"] != digit_scores(*sets, name="x")["classifier_fid"]


def test_a_reference_without_a_name_is_refused(train):
    with pytest.raises(CourseError, match="name of its reference"):
        digit_scores(train["image"][:10], train["image"][:10])


def test_every_way_to_spoil_digits_shows(scores):
    """Real is the floor, and each score sees what it is for."""
    fid = {row: s["classifier_fid"] for row, s in scores.items()}
    assert fid["real"] == min(fid.values())
    assert fid["real"] < fid["noise, sigma .1"] < fid["3 x 3 blur"] < fid["uniform noise"]
    assert (
        abs(scores["real"]["kid"]) < min(s["kid"] for row, s in scores.items() if row != "real") / 3
    )
    assert scores["real"]["coverage"] == pytest.approx(0.95, abs=0.03)
    assert scores["no digit 8"]["coverage"] < scores["real"]["coverage"] - 0.05
    assert scores["uniform noise"]["coverage"] < 0.05
    assert scores["uniform noise"]["recall"] < 0.05


def test_pictures_drawn_from_the_reference_with_the_same_seed_are_not_compared_with_themselves(
    train,
):
    features = judge().features(train["image"][:400])
    drawn = features[torch.randperm(400, generator=torch.Generator().manual_seed(0))[:200]]
    assert digit_scores(drawn, features, name="x", seed=0)["coverage"] < 1
