"""Measuring a game's samples by the protocols of `gancourse.metrics`, and training the judge they look through."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gancourse import data
from gancourse.data.sprites import FACTORS
from gancourse.files import CourseError
from gancourse.game import Game
from gancourse.metrics import colour, conditional, handwriting
from gancourse.metrics.codes import (
    auc,
    best_code,
    matched,
    matching_error,
    mutual_information,
    spearman,
)
from gancourse.metrics.digit_cnn import accuracy, fit, judge, publish
from gancourse.metrics.digits import digit_scores
from gancourse.metrics.disentanglement import factor_vae_score, mutual_information_gap
from gancourse.metrics.parzen import parzen


class Column(NamedTuple):
    """A score as tables show it: its key in `evaluate`'s result, its heading, and its format."""

    key: str
    head: str
    form: str


PARZEN = Column("parzen_nats", "Parzen, nats", ".1f")
DISTANCES = (
    Column("classifier_fid", "classifier-FID", ".2f"),
    Column("kid", "KID", ".4f"),
    Column("recall", "recall", ".3f"),
    Column("density", "density", ".3f"),
    Column("coverage", "coverage", ".3f"),
)
# A network that learns from samples gets as many as there are training pictures (Ravuri & Vinyals 2019), as long as that is
# no more than so many for each one that the other scores see.
LESSONS = 5
ASKED = Column("label_accuracy", "label accuracy", ".2%")
COLUMNS: dict[tuple[str, str], tuple[Column, ...]] = {
    ("gan", "digits"): (PARZEN, *DISTANCES),
    ("cgan", "digits"): (
        ASKED,
        Column("trained_on_generated", "trained on generated", ".2%"),
        Column("class_coverage_min", "coverage, worst class", ".3f"),
        PARZEN,
        *DISTANCES,
    ),
    ("cgan", "fashion"): (ASKED, Column("judge_on_real", "the judge on real", ".2%")),
    ("infogan", "digits"): (
        Column("matching_error", "error of matched categories", ".2%"),
        Column("information", "L_I, nats", ".3f"),
        Column("slant_spearman", "slant, Spearman", ".2f"),
        Column("width_spearman", "width, Spearman", ".2f"),
        *DISTANCES,
    ),
    ("infogan", "faces"): tuple(
        Column(f"{name}_auc", f"{name.replace('_', ' ')}, AUC", ".3f")
        for name in ("glasses", "hair_length", "hat")
    ),
    ("infogan", "sprites"): (
        Column("factor_vae", "FactorVAE", ".3f"),
        Column("untrained_factor_vae", "before training", ".3f"),
        Column("mig", "MIG", ".3f"),
        Column("untrained_mig", "before training", ".3f"),
    ),
    ("pix2pix", "emoji"): (
        Column("per_pixel", "per pixel", ".3f"),
        Column("per_class", "per class", ".3f"),
        Column("class_iou", "class IoU", ".3f"),
        Column("inside", "inside the coloured region", ".3f"),
        Column("inside_best", "best of 5", ".3f"),
        Column("histogram_a", "histogram a", ".3f"),
        Column("histogram_b", "histogram b", ".3f"),
        Column("colourfulness_ratio", "colourfulness", ".2f"),
    ),
}


def columns(config) -> tuple[Column, ...]:
    """The scores that a game with this Config is published with.

    Raises:
        CourseError: there is no protocol for its pictures.
    """
    key = chapter_of(config), config.pictures
    if key not in COLUMNS:
        known = ", ".join(pictures for chapter, pictures in COLUMNS if chapter == key[0])
        raise CourseError(
            f"Chapter {key[0]} has scores for {known or 'nothing'}, and none for {config.pictures!r}."
        )
    return COLUMNS[key]


def chapter_of(config) -> str:
    return type(config).__module__.rpartition(".")[2]


def evaluate(
    game: Game,
    *,
    n: int = 10_000,
    seed: int = 0,
    root: str | Path | None = None,
    source: str = "auto",
    strict: bool = False,
) -> dict:
    """The scores of `columns(game.config)` on `n` samples, with what they were measured on.

    The protocol's numbers need n = 10,000 and the full data. With the bundled pictures the same scores come out for a
    smaller reference, and say so: compare them with each other, never with a published one.

    Args:
        root, source, strict: of the pictures to measure against, as `gancourse.data.load` takes them.

    Raises:
        CourseError: there is no protocol for the game's pictures; with `strict`, the full data cannot be had.
    """
    wanted = columns(game.config)
    chapter, pictures = chapter_of(game.config), game.config.pictures
    if (
        chapter == "pix2pix"
    ):  # it is measured on all held-out pairs, however many samples were asked for
        return {"seed": seed, **translation_scores(game, seed=seed, root=root)}
    measure = {"cgan": labels_scores, "infogan": codes_scores}.get(chapter)
    where = {"root": root, "source": source, "strict": strict}
    samples = game.sample(n, seed=seed).cpu()
    scores = {"seed": seed, "samples": n}
    if pictures == "digits":
        reference, name = features_of("train", **where)
        scores |= digit_scores(samples, reference, name=name, seed=seed)
    if PARZEN in wanted:
        validation, test = (data.load(pictures, split, **where) for split in ("validation", "test"))
        window = parzen(samples, test["image"], validation["image"][:1000])
        scores |= {
            "parzen_nats": window["nats"],
            "parzen_standard_error": window["standard_error"],
            "parzen_sigma": window["sigma"],
            "parzen_test": f"{test.name}, {len(test):,} ({test.source})",
        }
    return scores | (measure(game, samples, seed=seed, **where) if measure else {})


@lru_cache(maxsize=2)
def features_of(split: str, **where) -> tuple[Tensor, str]:
    """(the judge's features of a split of the digits, its name): computed once for the seeds of one table."""
    digits = data.load("digits", split, **where)
    return judge().features(digits["image"]), f"{digits.name} ({digits.source})"


def labels_scores(game: Game, samples: Tensor, *, seed: int, **where) -> dict:
    """Scores of samples whose labels were asked for in turn, 0, 1, 2 ..., as `CGAN.sample` does without a label."""
    config = game.config
    asked = torch.arange(len(samples)) % config.classes
    train, test = (data.load(config.pictures, split, **where) for split in (config.split, "test"))
    if config.pictures == "digits":
        covered = conditional.class_coverage(
            samples, asked, test["image"], test["label"], seed=seed
        )
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
    reader = fit(train["image"][:20_000], train["label"][:20_000], seed=seed, epochs=5)
    return {
        "label_accuracy": conditional.label_accuracy(samples, asked, reader),
        "judge_on_real": accuracy(reader, test["image"], test["label"]),
        "labels_test": f"{test.name}, {len(test):,} ({test.source})",
    }


def translation_scores(game: Game, *, seed: int, root: str | Path | None, draws: int = 5) -> dict:
    """Scores of held-out pairs, each translated `draws` times with other noise and counted together."""
    config = game.config
    train, test = (
        data.load(config.pictures, split, root=root, **config.options)
        for split in ("train", "test")
    )
    made = torch.stack(
        [game.translate(test["input"], seed=seed + draw).cpu() for draw in range(draws)]
    )
    scores = colour.colour_scores(
        made, test["target"], test["input"], palette=colour.palette(train["target"])
    )
    return {**scores, "pairs_test": f"{test.name}, {len(test):,} ({test.source})"}


def codes_scores(game: Game, samples: Tensor, *, seed: int, **where) -> dict:
    config = game.config
    train, test = (data.load(config.pictures, split, **where) for split in ("train", "test"))
    if config.pictures == "digits":
        return {
            **category_scores(game, train, test, len(samples), seed),
            **stroke_scores(game, seed),
        }
    if config.pictures == "faces":
        return attribute_scores(game, train, test)
    factors = torch.stack([test[name] for name in FACTORS], 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = config.build().eval()
    scores = {}
    for name, each in {
        "": game,
        "untrained_": untrained,
    }.items():  # a score says nothing without the one before training
        codes, _ = code_table(each, test["image"])
        scores[f"{name}factor_vae"] = factor_vae_score(codes, factors, seed=seed)
        scores[f"{name}mig"] = mutual_information_gap(codes, factors)
    return {**scores, "codes_test": f"{test.name}, {len(test):,} ({test.source})"}


def category_scores(game: Game, train, test, n: int, seed: int) -> dict:
    """Does the first categorical code stand for the classes, and do its pictures show it?"""
    found = [game.infer(pictures["image"][:10_000])[0][0].argmax(1) for pictures in (train, test)]
    names = matched(found[0], train["label"][:10_000])
    size = game.config.categories[0]
    category = torch.arange(2 * n) % size
    pictures = game.sample(category=wide(game, category), seed=seed + 1)
    return {
        "matching_error": matching_error(found[1], test["label"][:10_000], names),
        "matching": names.tolist(),
        "information": mutual_information(pictures, category, size, seed=seed),
        "codes_test": f"{test.name}, {min(len(test), 10_000):,} ({test.source})",
    }


def wide(game: Game, category: Tensor) -> Tensor:
    """Values of the first categorical code (N,) beside evenly spread ones of the others: (N, K)."""
    return torch.stack(
        [
            category,
            *((category * 7 + 3 * i) % size for i, size in enumerate(game.config.categories[1:])),
        ],
        1,
    )


def stroke_scores(game: Game, seed: int, each: int = 200) -> dict:
    """Which continuous code slants, which thickens: |Spearman| inside a category, the median over categories.

    Noise and all other codes are drawn at random. Each measure is matched with a code of its own, so that one code
    cannot be both.
    """
    count, size = game.config.continuous, game.config.categories[0]
    if count < 2:
        return {}
    rho = torch.zeros(2, count, size)
    for category in range(size):
        codes = (
            torch.rand(each, count, generator=torch.Generator().manual_seed(seed + category)) * 2
            - 1
        )
        first = wide(game, torch.full((each,), category))
        pictures = game.sample(category=first, continuous=codes, seed=seed + category).cpu()
        for row, measure in enumerate((handwriting.slant, handwriting.stroke_width)):
            measured = measure(pictures)
            for code in range(count):
                rho[row, code, category] = spearman(codes[:, code], measured)
    strength = rho.abs().median(2).values  # (2, codes)
    pairs = [
        (float(strength[0, i] + strength[1, j]), i, j)
        for i in range(count)
        for j in range(count)
        if i != j
    ]
    _, slant, width = max(pairs)
    return {
        "slant_spearman": strength[0, slant].item(),
        "slant_code": slant,
        "width_spearman": strength[1, width].item(),
        "width_code": width,
    }


def code_table(game: Game, images: Tensor) -> tuple[Tensor, list[str]]:
    """What Q reads in pictures as one table (N, columns), and the name of each column.

    A code of two values is one column (the second's probability), a larger one a column a value.
    """
    categories, means = game.infer(images)
    columns, names = [], []
    for i, probabilities in enumerate(categories):
        values = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        columns += [probabilities[:, value] for value in values]
        names += [f"category {i} = {value}" for value in values]
    names += [f"continuous {i}" for i in range(means.shape[1])]
    return torch.cat([torch.stack(columns, 1), means] if columns else [means], 1), names


def attribute_scores(game: Game, train, test) -> dict:
    """Which code found which attribute unasked: chosen on training faces, measured by AUC on test faces."""
    table, names = code_table(game, train["image"])
    held_out, _ = code_table(game, test["image"])
    scores: dict = {"codes_test": f"{test.name}, {len(test):,} ({test.source})"}
    for attribute in ("glasses", "hat", "beard", "hair_length"):
        best = best_code(table, train[attribute], names)
        area = auc(held_out[:, best["column"]], test[attribute])
        scores[f"{attribute}_auc"] = area if best["direction"] > 0 else 1 - area
        scores[f"{attribute}_code"] = best["code"]
    return scores


def train_judge(folder: str | Path, *, root: str | Path | None = None, seed: int = 0) -> Path:
    """Train and publish the digit classifier on MNIST's training digits 10,000 to 59,999, and test it on the test digits.

    The first 10,000 are left out because the course bundles them: the judge has never seen a picture it may be asked
    to compare with. Takes about eight minutes on one CPU core.
    """
    train, test = (
        data.load("digits", split, root=root, source="full", strict=True)
        for split in ("train", "test")
    )
    cnn = fit(train["image"][10_000:], train["label"][10_000:], seed=seed)
    return publish(
        folder, cnn, {"seed": seed, "test_accuracy": accuracy(cnn, test["image"], test["label"])}
    )
