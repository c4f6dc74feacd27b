"""How samples that were asked for by their label are measured: chapter 2."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gancourse.data.sources import Pictures
from gancourse.evaluation import digits
from gancourse.evaluation.protocol import YOURS, Column, Protocol, Where
from gancourse.files import CourseError
from gancourse.game import Game, require_rows
from gancourse.metrics import conditional
from gancourse.metrics.chequers import chequers
from gancourse.metrics.codes import fit_reader
from gancourse.metrics.digit_cnn import accuracy, fit
from gancourse.metrics.inputs import as_uint8
from gancourse.recipe import Recipe

# A classifier that learns from samples gets as many as there are training pictures (Ravuri &
# Vinyals 2019, section 3), but no more than this many for each sample that the other scores see.
LESSONS = 5
SEEN = 60_000  # pictures over all epochs of the classifier of a reader's own
ACCURACY = Column("label_accuracy", "label accuracy", ".2%")
BY_A_CLASSIFIER = (ACCURACY, Column("judge_on_real", "label accuracy of real pictures", ".2%"))


class Labels(Protocol):
    """Do samples show the label that they were generated with?

    The published digit classifier reads digits. For clothes and for a reader's own pictures a
    classifier is trained first, on real pictures, and its accuracy on others that it has not seen
    stands beside the samples'. Of a reader's own pictures, a fifth is held out for that; the
    generator may have been trained on them, the classifier was not.
    """

    tables = {
        "digits": (
            ACCURACY,
            Column("trained_on_generated", "classification accuracy score", ".2%"),
            Column("class_coverage_min", "coverage, worst class", ".3f"),
            digits.PARZEN,
            digits.READABLE,
            *digits.DISTANCES,
        ),
        "fashion": (*BY_A_CLASSIFIER, Column("chequers", "chequers", ".2f")),
        YOURS: BY_A_CLASSIFIER,
    }
    judges = digits.JUDGES

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        config = game.config
        samples = game.sample(n, seed=seed).cpu()  # without a label, the classes come in turn
        asked = torch.arange(n) % config.classes
        scores = {"samples": n}
        if config.pictures == "digits":
            return {
                **scores,
                **digits.distances(samples, config, seed, where),
                **digits.legibility(samples, config, seed, where),
                **digits.likelihood(samples, config, where),
                **digit_scores(game, samples, asked, seed, where),
            }
        if config.pictures == YOURS:
            return scores | own_scores(config, samples, asked, seed, where.load(config, "train"))
        train, test = (where.load(config, split) for split in (config.split, "test"))
        reader = fit(train["image"][:20_000], train["label"][:20_000], seed=seed, epochs=5)
        return {
            **scores,
            "label_accuracy": conditional.label_accuracy(samples, asked, reader),
            "judge_on_real": accuracy(reader, test["image"], test["label"]),
            "chequers": chequers(samples, test["image"]),
            "labels_test": f"{test.name}, {len(test):,} ({test.source})",
        }

    def sentence(self, row: Mapping) -> str:
        said = [digits.sentence(row)] if "reference" in row else []
        said.append(
            f"Labels are read in {row['samples']:,} samples, generated with each class in turn; "
            f"the real pictures are {row['labels_test']}."
        )
        if "taught_samples" in row:
            said.append(
                "For the classification accuracy score, a classifier is trained on "
                f"{row['taught_samples']:,} samples and tested on the real pictures."
            )
        return " ".join(said)

    def use(self, name: str, config: Recipe) -> str:
        return (
            f"{super().use(name, config)} `label=8` asks for one class, `label=[8, 0, ...]` for "
            "one class per picture; without a label the classes come in turn."
        )


def digit_scores(game: Game, samples: Tensor, asked: Tensor, seed: int, where: Where) -> dict:
    """The scores that need labels, of digits (N, 1, 28, 28) generated with `asked` (N,)."""
    config = game.config
    train, test = (where.load(config, split) for split in (config.split, "test"))
    covered = conditional.class_coverage(samples, asked, test["image"], test["label"], seed=seed)
    taught = min(LESSONS * len(samples), len(train))
    lessons, taught_as = game.sample(taught, seed=seed), torch.arange(taught) % config.classes
    return {
        "label_accuracy": conditional.label_accuracy(samples, asked),
        "trained_on_generated": conditional.trained_on_generated(
            lessons, taught_as, test["image"], test["label"], seed=seed
        ),
        "taught_samples": taught,
        "class_coverage_min": covered["min"],
        "class_coverage": covered["coverage"],
        "labels_test": f"{test.name}, {len(test):,} ({test.source})",
    }


def own_scores(config: Recipe, samples: Tensor, asked: Tensor, seed: int, own: Pictures) -> dict:
    """Scores by a classifier trained on four fifths of a reader's pictures, in random order.

    Raises:
        CourseError: the pictures have another shape than the samples, or fewer than five are there.
    """
    require_rows(own.tensors, {"image": config.shape, "label": ()})
    shuffled = own.take(len(own), seed)
    image, label = shuffled["image"], shuffled["label"]
    held_out = len(own) // 5
    if not held_out:
        raise CourseError(f"{own.name}: {len(own)} pictures; give at least 5, better hundreds.")
    learn, test = slice(held_out, None), slice(held_out)
    reader = fit_reader(
        image[learn],
        label[learn],
        max(config.classes, int(label.max()) + 1),
        torch.Generator().manual_seed(seed),
        epochs=max(5, SEEN // len(image[learn])),
    )
    return {
        "label_accuracy": read_as(reader, samples, asked),
        "judge_on_real": read_as(reader, image[test], label[test]),
        "labels_test": f"{held_out:,} of {len(own):,} of {own.name}, held out ({own.source})",
    }


@torch.no_grad()
def read_as(reader: torch.nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """The fraction of pictures (N, C, H, W) in which the reader sees their labels (N,)."""
    found = [reader(part).argmax(1) for part in as_uint8(pictures).split(250)]
    return (torch.cat(found) == labels).double().mean().item()


PROTOCOL = Labels()
