"""The judge's card and its page agree with each other and with what the code measures today."""

from __future__ import annotations

import pytest
import torch

from gancourse.data import digits
from gancourse.files import read_json
from gancourse.metrics.coverage import manifold
from gancourse.metrics.digit_cnn import FOLDER, TOTAL_VARIANCE, accuracy, judge
from gancourse.metrics.frechet import frechet

CARD = read_json(FOLDER / "card.json")
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bundled():
    return {split: digits.load(split, source="bundled") for split in ("train", "test")}


def test_the_page_names_the_file():
    assert f"`{CARD['sha256']}`" in PAGE
    assert f"{CARD['bytes']:,}" in PAGE


def test_the_page_shows_the_cards_accuracies():
    for name, value in CARD["accuracy"].items():
        assert f"| {name} | {100 * value:.2f} % |" in PAGE


@pytest.mark.parametrize("protocol", CARD["floors"])
def test_the_page_shows_the_cards_floors(protocol):
    for row, s in CARD["floors"][protocol].items():
        cells = (
            f"{s['classifier_fid']:.2f} | {s['kid']:.3f} | {s['recall']:.3f} | {s['density']:.2f}"
        )
        assert f"| {row} | {cells} | {s['coverage']:.3f} | {s['precision']:.3f} |" in PAGE


def test_the_page_shows_the_cards_other_tables():
    for row, s in CARD["real_fid_by_n"].items():
        assert f"| {row} | {s['median']:.2f}" in PAGE
    for table in ("parzen_cheats", "parzen_cheats_bundled"):
        for row, s in CARD[table].items():
            if row != "protocol":
                assert (
                    f"| {row} | {s['nats']:.1f} ± {s['standard_error']:.1f} | {s['sigma']:.3f} |"
                    in PAGE
                )
    stacked = CARD["stacked_floor"]
    assert f"{stacked['modes']:,} of 1,000 modes, KL {stacked['kl']:.4f} nats" in PAGE
    missing = CARD["fid_without_one_class"].values()
    assert f"between {min(missing):.1f} and {max(missing):.1f}" in PAGE


def test_the_accuracy_is_what_the_code_measures(bundled):
    found = accuracy(judge(), bundled["test"]["image"], bundled["test"]["label"])
    assert found == pytest.approx(
        CARD["accuracy"]["bundled test digits, 2,000, never seen"], abs=0.001
    )


def test_the_floor_is_what_the_code_measures(bundled):
    """The first row of the card's last table of floors, and the same pictures at random from the
    reference.
    """
    floor = list(CARD["floors"].values())[-1]["real"]
    real = judge().features(bundled["train"]["image"])
    fake = judge().features(bundled["test"].take(1000, seed=0)["image"])
    some = real[
        torch.randperm(8000, generator=torch.Generator().manual_seed(0))[:1000]
    ]  # the first 1,000 are unlike
    assert frechet(real, fake) == pytest.approx(floor["classifier_fid"], rel=0.01)
    assert manifold(some, fake)["coverage"] == pytest.approx(floor["coverage"], abs=0.03)
    assert real.var(0).sum() == pytest.approx(TOTAL_VARIANCE, rel=0.1)
