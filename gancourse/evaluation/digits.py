"""What the protocols for digits share: distances between features, and Parzen windows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from torch import Tensor

from gancourse.evaluation.protocol import Column, Where
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digits import digit_scores
from gancourse.metrics.parzen import parzen
from gancourse.recipe import Recipe

JUDGE = "digit-cnn"  # the published network whose features are compared
PARZEN = Column("parzen_nats", "Parzen log-likelihood, nats", ".1f")
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
    """What `distances` and `likelihood` were measured on; nothing for a row without them."""
    said = []
    if "reference" in row:
        said.append(
            f"{row['samples']:,} samples are compared with {row['reference_samples']:,} pictures "
            f"of {row['reference']}; recall, density and coverage use "
            f"{row['neighbourhood_samples']:,} of each and k = {row['k']}."
        )
    if "parzen_test" in row:
        said.append(f"The Parzen log-likelihood is that of {row['parzen_test']}.")
    return " ".join(said)
