"""Measuring a game's samples by its chapter's protocol, and training the judges of digits."""

from __future__ import annotations

from pathlib import Path

from gancourse import chapters, data
from gancourse.data.sources import Pictures
from gancourse.evaluation.protocol import YOURS, Column, Protocol, Where
from gancourse.files import CourseError
from gancourse.game import Game
from gancourse.metrics import digit_hog
from gancourse.metrics.digit_cnn import accuracy, fit, publish

__all__ = ["Column", "Protocol", "Where", "evaluate", "train_judge"]


def evaluate(
    game: Game,
    *,
    n: int = 10_000,
    seed: int = 0,
    root: str | Path | None = None,
    source: str = "auto",
    strict: bool = False,
    data: Pictures | None = None,
) -> dict:
    """The scores of a game's protocol on `n` samples, with what they were measured on.

    Published scores need n = 10,000 and the full data. With the bundled pictures the reference is
    smaller, and the result says
    so: compare such scores with each other, never with a published one.

    Args:
        n: samples; the protocols of translations and of some codes measure all test pictures
            instead.
        seed: of latents, noise, and every random draw of a score.
        root, source, strict: of the real pictures, as `gancourse.data.load` takes them.
        data: the reader's pictures, for a game that was trained on a reader's own.

    Returns:
        Plain numbers, texts and lists by name; `chapters.protocol(chapter).columns(config)` names
        the main ones.

    Raises:
        CourseError: there is no protocol for the game's pictures; its own pictures are missing,
            or do not fit; it was trained against the network that judges it; with `strict`, the
            full data cannot be had.
    """
    config = game.config
    protocol = chapters.protocol(config.chapter)
    protocol.columns(config)  # an error, before anything is measured, if there are none
    refuse_a_partial_judge(protocol, config)
    if config.pictures == YOURS and data is None:
        raise CourseError(
            f"pictures={YOURS!r}: the game was trained on your own pictures; give the folder with "
            "--data FOLDER (in Python, data=)."
        )
    if config.pictures != YOURS and data is not None:
        raise CourseError(
            f"data={data.name!r}: this game was trained on {config.pictures}, which are loaded by "
            "name; leave your own pictures out."
        )
    where = Where(root, source, strict, own=data)
    return {"seed": seed, **protocol.measure(game, n=n, seed=seed, where=where)}


def refuse_a_partial_judge(protocol: Protocol, config) -> None:
    """Raise a CourseError if the game learned from a network that its protocol scores with.

    A network that a generator was trained to please is no longer a measure of it.
    """
    for name, source in {**config.borrows, **config.teachers}.items():
        if source in protocol.judges:
            raise CourseError(
                f"{name}={source!r}: this network judges chapter {config.chapter}, so no game may "
                "be trained against it; borrow another one."
            )


def train_judge(
    folder: str | Path, *, root: str | Path | None = None, seed: int = 0, second: bool = False
) -> Path:
    """Train and publish the digit classifier, and test it on the 10,000 test digits.

    It learns from MNIST's training digits 10,000 to 59,999. The first 10,000 are the ones that
    the course bundles, so no bundled digit that it is asked about was in its training data. About
    eight minutes on one CPU core. `second` trains the second judge, which differs in kind, on the
    same digits; about two minutes.

    Returns:
        The path of its weights.

    Raises:
        CourseError: the full MNIST cannot be had, or the folder cannot be written.
    """
    train, test = (
        data.load("digits", split, root=root, source="full", strict=True)
        for split in ("train", "test")
    )
    learn = digit_hog.fit if second else fit
    reader = learn(train["image"][10_000:], train["label"][10_000:], seed=seed)
    tested = {"seed": seed, "test_accuracy": accuracy(reader, test["image"], test["label"])}
    return publish(folder, reader, tested, half=second)
