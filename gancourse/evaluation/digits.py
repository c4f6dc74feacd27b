"""What the protocols for digits share: distances between features, readers, Parzen windows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from torch import Tensor

from gancourse.evaluation.protocol import Column, Where
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import second_judge
from gancourse.metrics.digits import digit_scores
from gancourse.metrics.floors import flat, overlaid, uniform
from gancourse.metrics.parzen import parzen
from gancourse.metrics.readable import SURE, readable
from gancourse.recipe import Recipe

JUDGE = "digit-cnn"  # the published network whose features are compared
JUDGES = (JUDGE, "digit-hog")  # the published networks that read digits
PARZEN = Column("parzen_nats", "Parzen log-likelihood, nats", ".1f")
READABLE = Column("readable", "readable", ".1%")
DISTANCES = (
    Column("classifier_fid", "classifier FID", ".2f"),
    Column("kid", "KID", ".4f"),
    Column("recall", "recall", ".3f"),
    Column("density", "density", ".3f"),
    Column("coverage", "coverage", ".3f"),
)


def distances(samples: Tensor, config: Recipe, seed: int, where: Where) -> dict:
    """`DISTANCES` between samples (N, 1, 28, 28) and all training digits, with their protocol."""
    features, name = features_of(config, where)
    return digit_scores(samples, features, name=name, seed=seed)


@lru_cache(maxsize=2)
def features_of(config: Recipe, where: Where) -> tuple[Tensor, str]:
    """(features (N, 128), name) of all training digits, computed once for a table of seeds."""
    digits = where.load(config, "train")
    return judge().features(digits["image"]), f"{digits.name} ({digits.source})"


def legibility(samples: Tensor, config: Recipe, seed: int, where: Where) -> dict:
    """`READABLE` of samples (N, 1, 28, 28), and what real digits and none at all would score."""
    return {
        "readable": readable(samples),
        **limits_of_reading(config, seed, where),
        "second_judge": second_judge().sha256,
    }


@lru_cache(maxsize=2)
def limits_of_reading(config: Recipe, seed: int, where: Where) -> dict:
    """The ceiling and three floors of `READABLE`, computed once for a table of seeds."""
    test = where.load(config, "test")
    return {
        "readable_real": readable(test["image"]),
        "readable_overlaid": readable(overlaid(test["image"], test["label"], seed)),
        "readable_noise": readable(uniform(test["image"][:1000], seed)),
        "readable_grey": readable(flat()),
    }


def likelihood(samples: Tensor, config: Recipe, where: Where) -> dict:
    """`PARZEN` of samples (N, 1, 28, 28), with the window that suits 1,000 validation digits."""
    validation, test = (where.load(config, split) for split in ("validation", "test"))
    window = parzen(samples, test["image"], validation["image"][:1000])
    return {
        "parzen_nats": window["nats"],
        "parzen_standard_error": window["standard_error"],
        "parzen_sigma": window["sigma"],
        "parzen_test": f"{test.name}, {len(test):,} ({test.source})",
    }


def sentence(row: Mapping) -> str:
    """What `distances`, `legibility` and `likelihood` were measured on; nothing without them."""
    said = []
    if "reference" in row:
        said.append(
            f"{row['samples']:,} samples are compared with {row['reference_samples']:,} pictures "
            f"of {row['reference']}; recall, density and coverage use "
            f"{row['neighbourhood_samples']:,} of each and k = {row['k']}."
        )
    if "readable_real" in row:
        said.append(
            "A sample is readable if two judges who differ in kind see the same digit in it and "
            f"each is more than {SURE:.0%} sure: {row['readable_real']:.1%} of real test digits, "
            f"{row['readable_overlaid']:.1%} of means of two different ones, "
            f"{row['readable_noise']:.1%} of noise, and {row['readable_grey']:.1%} of flat grey."
        )
    if "parzen_test" in row:
        said.append(f"The Parzen log-likelihood is that of {row['parzen_test']}.")
    return " ".join(said)
