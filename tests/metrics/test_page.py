"""book/metrics.md says of the digits that ship with the course what the code measures on them
today.

Trainings are left out (trained on generated, mutual information): they take a minute each.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from gancourse.data import digits, fashion
from gancourse.metrics.chequers import chequers
from gancourse.metrics.codes import best_code, matched, matching_error, spearman
from gancourse.metrics.conditional import class_coverage, label_accuracy
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import second_judge
from gancourse.metrics.disentanglement import factor_vae_score, mutual_information_gap
from gancourse.metrics.floors import blurred, flat, noisy, overlaid, uniform
from gancourse.metrics.handwriting import slant, stroke_width
from gancourse.metrics.readable import readable

BOOK = Path(__file__).parents[2] / "book"


@pytest.fixture(scope="module")
def page():
    return " ".join((BOOK / "metrics.md").read_text(encoding="utf-8").split())


def row(page: str, start: str) -> list[float]:
    (found,) = re.findall(rf"\| {re.escape(start)} \|([^A-Za-z]*?)\| ?(?:\||$|!|[A-Z])", page)
    return [float(cell) for cell in found.split("|")]


def test_the_table_of_labels(page, test_digits):
    train = digits.load("train", source="bundled")
    labels = train["label"]
    learnt = torch.stack([(labels == digit).nonzero()[0, 0] for digit in range(10)])[labels]
    shuffled = labels[torch.randperm(8000, generator=torch.Generator().manual_seed(0))]
    # The judge looks at each picture once, however often it stands in the table.
    seen, real = (judge().features(x) for x in (train["image"], test_digits[0]))
    read, known = judge().labels(train["image"]), SimpleNamespace(labels=lambda read: read)
    for name, rows, asked in (
        ("real training digits", slice(None), labels),
        ("one real picture per digit, 800 times each", learnt, labels),
        ("real training digits, labels shuffled", slice(None), shuffled),
    ):
        accuracy, _, worst = row(page, name)
        assert label_accuracy(read[rows], asked, known) == pytest.approx(accuracy, abs=0.0051)
        found = class_coverage(seen[rows], asked, real, test_digits[1])
        assert found["min"] == pytest.approx(worst, abs=0.0151)


class Remembers:
    """A judge that reads each set of pictures once."""

    def __init__(self, network):
        self.network, self.known = network, {}

    def probabilities(self, pictures):
        if id(pictures) not in self.known:
            self.known[id(pictures)] = self.network.probabilities(pictures)
        return self.known[id(pictures)]


def test_the_table_of_two_judges(page, test_digits):
    images, labels = test_digits
    sets = {
        "2,000 real test digits": images,
        "the same, with noise of standard deviation 0.1": noisy(images, 0.1),
        "the same, after a 3 × 3 blur": blurred(images),
        "means of two different digits": overlaid(images, labels),
        "clothes": fashion.load("test", source="bundled")["image"],
        "noise, each pixel drawn uniformly": uniform(images[:500]),
        "flat grey, one picture for each of 256 levels": flat(),
        "one real digit, 2,000 times": images[:1].expand(20, 1, 28, 28),
    }
    first, second = Remembers(judge()), Remembers(second_judge())
    for name, pictures in sets.items():
        found = [readable(pictures, judges) for judges in ([first], [second], [first, second])]
        assert found == pytest.approx(row(page, name), abs=0.0051)


def test_the_table_of_chequers(page):
    clothes = [fashion.load(split, source="bundled")["image"][:1000] for split in ("train", "test")]
    scaled, second = clothes[0] / 127.5 - 1, (torch.arange(28) % 2)[:, None] / 127.5
    grain = torch.randn(scaled.shape, generator=torch.Generator().manual_seed(0)) / 127.5
    for name, added in (
        ("real pictures", 0),
        ("every second row brighter by 4 of 256 grey levels", 4 * second),
        ("by 16", 16 * second),
        ("grain with a deviation of 16 grey levels", 16 * grain),
    ):
        found = chequers((scaled + added).clamp(-1, 1), clothes[1])
        assert [found] == pytest.approx(row(page, name), abs=0.0051)


def test_the_floors_of_codes(page, test_digits):
    generator, labels = (
        torch.Generator().manual_seed(0),
        digits.load("train", source="bundled")["label"],
    )
    guessed, guessed_again = (torch.randint(10, (n,), generator=generator) for n in (8000, 2000))
    for mapping in (matched(guessed, labels), matched(guessed_again, test_digits[1])):
        assert f"{matching_error(guessed_again, test_digits[1], mapping):.2f}"[1:] in page
    eights = test_digits[1] == 8
    best = [best_code(torch.rand(2000, 12, generator=generator), eights)["auc"] for _ in range(30)]
    assert (
        f"the {eights.sum()} eights among 2,000 digits, the best had {median(best):.3f}".replace(
            "0.", "."
        )
        in page
    )
    assert f"and {max(best):.3f} once".replace("0.", ".") in page


def test_handwriting(page, test_digits):
    images, labels = test_digits
    lean, width = slant(images), stroke_width(images)
    for measured, said in ((lean, "with slant by"), (width, "with stroke width by")):
        by_class = torch.stack([measured[labels == digit].mean() for digit in range(10)])[labels]
        assert f"{said} {spearman(by_class, measured):.2f}".replace("0.", ".") in page
    assert f"median is {lean.median():.0f}°" in page
    assert f"above −{-lean.quantile(0.05):.0f}°" in page
    assert f"have {width.median():.1f} pixels" in page
    assert f"over {width.quantile(0.05):.1f}" in page


def test_the_ceiling_of_slant(page, test_digits):
    """Each picture sheared by an amount of its own, on top of its own lean."""
    images, labels = test_digits
    amount = torch.rand(2000, generator=torch.Generator().manual_seed(0)) - 0.5
    turn = torch.eye(2, 3).repeat(2000, 1, 1)
    turn[:, 0, 1] = amount
    grid = F.affine_grid(turn, images.shape, align_corners=False)
    sheared = (
        F.grid_sample(images.float(), grid, align_corners=False)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
    )
    found = [
        spearman(amount[labels == digit], slant(sheared[labels == digit])) for digit in range(10)
    ]
    assert f"by {min(found):.2f} to {max(found):.2f}".replace("0.", ".") in page
    assert f"±{math.degrees(math.atan(0.5)):.0f}°" in page


def test_the_table_of_factors(page):
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack(
        [torch.randint(n, (20_000,), generator=generator) for n in (3, 6, 40, 32, 32)], 1
    )
    straight = (factors - factors.double().mean(0)) / factors.double().std(0)
    rows = {
        "each code one factor": straight,
        "ten random codes": torch.randn(20_000, 10, generator=generator),
    }
    names = {
        10: "scale and orientation turned into each other by 10°, the places too",
        30: "by 30°",
        45: "by 45°",
    }
    for degrees, name in names.items():
        sine, cosine, codes = (
            math.sin(math.radians(degrees)),
            math.cos(math.radians(degrees)),
            straight.clone(),
        )
        for i, j in ((1, 2), (3, 4)):
            codes[:, i] = straight[:, i] * cosine - straight[:, j] * sine
            codes[:, j] = straight[:, i] * sine + straight[:, j] * cosine
        rows[name] = codes
    for name, codes in rows.items():
        found = [factor_vae_score(codes, factors), mutual_information_gap(codes, factors)]
        assert found == pytest.approx(row(page, name), abs=0.0151)
