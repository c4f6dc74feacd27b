"""How samples that were asked for nothing in particular are measured: chapter 1."""

from __future__ import annotations

from collections.abc import Mapping

from gancourse.evaluation import digits
from gancourse.evaluation.protocol import Column, Protocol, Where
from gancourse.game import Game
from gancourse.recipe import Recipe


class Unconditional(Protocol):
    """Distances from the training digits, readable samples, and the Parzen log-likelihood."""

    tables = {"digits": (digits.PARZEN, digits.READABLE, *digits.DISTANCES)}
    judges = digits.JUDGES
    no_own = (
        "look at what `gancourse sample` draws, or compare two runs on photos by the Inception FID "
        "of torch-fidelity (the distances used here need a network that knows the pictures)"
    )

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        samples = game.sample(n, seed=seed).cpu()
        return {
            "samples": n,
            **digits.distances(samples, game.config, seed, where),
            **digits.legibility(samples, game.config, seed, where),
            **digits.likelihood(samples, game.config, where),
        }

    def sentence(self, row: Mapping) -> str:
        return digits.sentence(row)

    def headline(self, config: Recipe) -> Column:
        return digits.DISTANCES[0]


PROTOCOL = Unconditional()
