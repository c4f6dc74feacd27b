"""Measuring a game's samples by the protocols of `gancourse.metrics`, and training the judge they look through."""

from __future__ import annotations

from pathlib import Path

from gancourse import data
from gancourse.files import CourseError
from gancourse.game import Game
from gancourse.metrics.digit_cnn import accuracy, fit, publish
from gancourse.metrics.digits import digit_scores
from gancourse.metrics.parzen import parzen


def evaluate(
    game: Game, *, n: int = 10_000, seed: int = 0, root: str | Path | None = None, source: str = "auto"
) -> dict:
    """Parzen log-likelihood (nats), classifier-FID, KID, recall, density and coverage of `n` samples.

    The protocol's numbers need n = 10,000 and the full MNIST. With the bundled digits the same scores come out for a
    smaller reference, and say so: compare them with each other, never with a published one.

    Raises:
        CourseError: the game does not make digits.
    """
    if game.config.pictures != "digits":
        raise CourseError(f"These scores are for digits; this game was trained on {game.config.pictures!r}.")
    train, validation, test = (
        data.load("digits", split, root=root, source=source) for split in ("train", "validation", "test")
    )
    samples = game.sample(n, seed=seed).cpu()
    window = parzen(samples, test["image"], validation["image"][:1000])
    return {
        "parzen_nats": window["nats"],
        "parzen_standard_error": window["standard_error"],
        "parzen_sigma": window["sigma"],
        "parzen_test": f"{test.name}, {len(test):,} ({test.source})",
        **digit_scores(samples, train, seed=seed),
        "seed": seed,
    }


def train_judge(folder: str | Path, *, root: str | Path | None = None, seed: int = 0) -> Path:
    """Train and publish the digit classifier on MNIST's training digits 10,000 to 59,999, and test it on the test digits.

    The first 10,000 are left out because the course bundles them: the judge has never seen a picture it may be asked
    to compare with. Takes about eight minutes on one CPU core.
    """
    train, test = (data.load("digits", split, root=root, source="full", strict=True) for split in ("train", "test"))
    cnn = fit(train["image"][10_000:], train["label"][10_000:], seed=seed)
    return publish(folder, cnn, {"seed": seed, "test_accuracy": accuracy(cnn, test["image"], test["label"])})
