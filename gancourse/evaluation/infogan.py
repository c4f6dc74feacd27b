"""What InfoGAN's codes have come to stand for, and how well they show: chapter 3."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from statistics import median

import torch
from torch import Tensor

from gancourse.data.sources import Pictures
from gancourse.data.sprites import FACTORS
from gancourse.evaluation import digits
from gancourse.evaluation.protocol import Column, Protocol, Where
from gancourse.game import Game
from gancourse.metrics import handwriting
from gancourse.metrics.codes import (
    auc,
    best_code,
    matched,
    matching_error,
    mutual_information,
    spearman,
)
from gancourse.metrics.disentanglement import factor_vae_score, mutual_information_gap
from gancourse.recipe import Recipe

ATTRIBUTES = ("glasses", "hat", "beard", "hair_length")  # of faces; those in the table come first
FRESH = 15  # draws of untrained weights


class Codes(Protocol):
    """Labels, attributes and factors took no part in training; here they name what a code found."""

    tables = {
        "digits": (
            Column("matching_error", "classification error of the category", ".2%"),
            Column("information", "mutual information, nats", ".3f"),
            Column("slant_spearman", "slant, Spearman", ".2f"),
            Column("width_spearman", "stroke width, Spearman", ".2f"),
            digits.READABLE,
            *digits.DISTANCES,
        ),
        "faces": (
            Column("glasses_auc", "glasses, AUC", ".3f"),
            Column("untrained_glasses_auc", "glasses, untrained", ".3f"),
            Column("hair_length_auc", "hair length, AUC", ".3f"),
            Column("untrained_hair_length_auc", "hair length, untrained", ".3f"),
            Column("hat_auc", "hat, AUC", ".3f"),
            Column("untrained_hat_auc", "hat, untrained", ".3f"),
        ),
        "sprites": (
            Column("factor_vae", "FactorVAE", ".3f"),
            Column("untrained_factor_vae", "FactorVAE, untrained", ".3f"),
            Column("mig", "MIG", ".3f"),
            Column("untrained_mig", "MIG, untrained", ".3f"),
        ),
    }
    judges = digits.JUDGES
    no_own = (
        "look at what a code changes with `gancourse sample RUN -c category=3` (the scores here "
        "compare codes with labels, attributes or factors, which your pictures do not have)"
    )

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        config, scores = game.config, {"samples": n}
        test = where.load(config, "test")
        if config.pictures == "sprites":
            return scores | factor_scores(game, test, seed)
        train = where.load(config, "train")
        if config.pictures == "faces":
            floors = untrained_scores(config, train, test, seed)
            return scores | attribute_scores(game, train, test) | floors
        samples = game.sample(n, seed=seed).cpu()
        return {
            **scores,
            **digits.distances(samples, config, seed, where),
            **digits.legibility(samples, config, seed, where),
            **category_scores(game, train, test, n, seed),
            **stroke_scores(game, seed),
        }

    def sentence(self, row: Mapping) -> str:
        if "mig" in row:
            return (
                f"Codes are scored on {row['codes_test']}; untrained: the same networks with fresh "
                "weights."
            )
        codes = f"Codes are matched on training pictures and scored on {row['codes_test']}."
        if "untrained_glasses_auc" in row:
            codes += f" Untrained: the median of {FRESH} networks with fresh weights."
        return f"{digits.sentence(row)} {codes}".strip()

    def use(self, name: str, config: Recipe) -> str:
        category = tuple(min(3, size - 1) for size in config.categories)
        continuous = tuple((0.5, -1.0)[i % 2] for i in range(config.continuous))
        chosen = category[0] if len(category) == 1 else category
        return (
            f"{super().use(name, config)} `category={chosen}` and `continuous={continuous}` set "
            "the codes, one value per code; codes that are left out are drawn at random."
        )


def category_scores(game: Game, train: Pictures, test: Pictures, n: int, seed: int) -> dict:
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
    """Values (N,) of the first categorical code beside evenly spread ones of the others: (N, K)."""
    others = enumerate(game.config.categories[1:])
    return torch.stack([category, *((category * 7 + 3 * i) % size for i, size in others)], 1)


def stroke_scores(game: Game, seed: int, each: int = 200) -> dict:
    """Which continuous code slants a digit, and which thickens it.

    |Spearman's rho| within each category, `each` pictures, then the median over categories. Noise
    and all other codes are drawn at random. Slant and stroke width are matched with two different
    codes.
    """
    count, size = game.config.continuous, game.config.categories[0]
    if count < 2:
        return {}
    rho = torch.zeros(2, count, size)
    for category in range(size):
        dice = torch.Generator().manual_seed(seed + category)
        codes = torch.rand(each, count, generator=dice) * 2 - 1
        first = wide(game, torch.full((each,), category))
        pictures = game.sample(category=first, continuous=codes, seed=seed + category).cpu()
        for row, measure in enumerate((handwriting.slant, handwriting.stroke_width)):
            measured = measure(pictures)
            for code in range(count):
                rho[row, code, category] = spearman(codes[:, code], measured)
    strength = rho.abs().median(2).values  # (2, codes)
    _, slant, width = max(
        (float(strength[0, i] + strength[1, j]), i, j) for i, j in permutations(range(count), 2)
    )
    return {
        "slant_spearman": strength[0, slant].item(),
        "slant_code": slant,
        "width_spearman": strength[1, width].item(),
        "width_code": width,
    }


def code_table(game: Game, images: Tensor) -> tuple[Tensor, list[str]]:
    """What Q reads in pictures (N, C, H, W), as a table (N, columns), and the name of each column.

    A categorical code of two values is one column, the probability of the second; a larger one
    has a column per value.
    """
    categories, means = game.infer(images)
    columns, names = [], []
    for i, probabilities in enumerate(categories):
        values = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        columns += [probabilities[:, value] for value in values]
        names += [f"category {i} = {value}" for value in values]
    names += [f"continuous {i}" for i in range(means.shape[1])]
    return torch.cat([torch.stack(columns, 1), means] if columns else [means], 1), names


def attribute_scores(game: Game, train: Pictures, test: Pictures) -> dict:
    """Which code found which attribute unasked: chosen on training faces, AUC on test faces."""
    table, names = code_table(game, train["image"])
    held_out, _ = code_table(game, test["image"])
    scores: dict = {"codes_test": f"{test.name}, {len(test):,} ({test.source})"}
    for attribute in ATTRIBUTES:
        best = best_code(table, train[attribute], names)
        area = auc(held_out[:, best["column"]], test[attribute])
        scores[f"{attribute}_auc"] = area if best["direction"] > 0 else 1 - area
        scores[f"{attribute}_code"] = best["code"]
    return scores


def untrained_scores(config: Recipe, train: Pictures, test: Pictures, seed: int) -> dict:
    """For each attribute the AUC of the best code of an untrained network, the median over `FRESH`
    of them.
    """
    drawn = [attribute_scores(untrained(config, seed + i), train, test) for i in range(FRESH)]
    keys = [f"{attribute}_auc" for attribute in ATTRIBUTES]
    return {f"untrained_{key}": median(scores[key] for scores in drawn) for key in keys}


def untrained(config: Recipe, seed: int) -> Game:
    """A game whose weights are as they were drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return config.build().eval()


def factor_scores(game: Game, test: Pictures, seed: int) -> dict:
    """Has each factor a code of its own? Untrained networks say what a score is worth."""
    factors = torch.stack([test[name] for name in FACTORS], 1)
    scores = {}
    for prefix, each in {"": game, "untrained_": untrained(game.config, seed)}.items():
        codes, _ = code_table(each, test["image"])
        scores[f"{prefix}factor_vae"] = factor_vae_score(codes, factors, seed=seed)
        scores[f"{prefix}mig"] = mutual_information_gap(codes, factors)
    return {**scores, "codes_test": f"{test.name}, {len(test):,} ({test.source})"}


PROTOCOL = Codes()
