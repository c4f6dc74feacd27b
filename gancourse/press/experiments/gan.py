"""Chapter 1: what keeps a discriminator from running away, tried on the ring.

WGAN-GP (Gulrajani et al. 2017, arXiv 1704.00028), spectral normalisation (Miyato et al. 2018,
1802.05957), R1 and R2 (Mescheder et al. 2018, 1801.04406; Huang et al. 2024, 2501.05441), and
differentiable augmentation (Zhao et al. 2020, 2006.10738; Karras et al. 2020, 2006.06676).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import data
from gancourse.chapters import gan
from gancourse.data.toy import ring
from gancourse.files import DOSSIERS
from gancourse.game import Batch, Terms
from gancourse.losses import penalties, slope
from gancourse.metrics.modes import toy_modes
from gancourse.press.experiments import SEEDS, keep, spread, table
from gancourse.training import train

FOLDER = DOSSIERS / "gan"
CONFIG = gan.Config.at("check", "toy")
SPREAD = 0.1  # of each cluster; chapter 1's ring, not the narrower one of `data.load`
MANY, FEW = 10_000, 40  # points to learn from
SHIFT = 0.3  # deviation of the augmentation's shift: three times a cluster's
SAMPLES, LEAST = 2_500, 25  # drawn at the end; a hundredth of them make a mode count
BOUNDS: dict[str, dict] = {
    "no bound": {},
    "R1": {"r1": 0.1},
    "relativistic, R1 and R2": {"loss": "relativistic", "r1": 0.1, "r2": 0.1},
    "hinge, no bound": {"loss": "hinge"},
    "hinge, spectral norm": {"loss": "hinge", "spectral": True},
    "Wasserstein, no bound": {"loss": "wasserstein"},
    "WGAN-GP": {"loss": "wasserstein", "gradient_penalty": 1.0},
}
SCARCE: dict[str, dict] = {
    "as they are": {},
    "real and generated points moved": {"move": ("real", "fake")},
    "real points moved, generated ones not": {"move": ("real",)},
}
OURS = ("spectral", "move", "points")  # in a row, but no settings of the Config


class Bounded(gan.GAN):
    """The toy game with two more options: they are no settings of the chapter's.

    Args:
        spectral: every layer of the discriminator is divided by its spectral norm.
        move: which points the discriminator sees moved at random, of "real" and "fake".
    """

    def __init__(self, config: gan.Config, *, spectral: bool = False, move: Sequence[str] = ()):
        self.spectral, self.move = spectral, tuple(move)
        super().__init__(config)

    def networks(self) -> tuple[nn.Module, nn.Module]:
        generator, discriminator = super().networks()
        if self.spectral:
            bound_layers(discriminator)
        return generator, discriminator

    def seen(self, kind: str, points: Tensor) -> Tensor:
        return moved(points) if kind in self.move else points

    def discriminator_loss(self, batch: Batch) -> Terms:
        with torch.no_grad():
            fake = self.seen("fake", self.fake(batch))
        real, judge = self.seen("real", batch[self.key]), partial(self.judge, batch=batch)
        terms = self.rules.discriminator(judge(real), judge(fake))
        return terms | penalties(judge, real, fake, **self.penalties)

    def generator_loss(self, batch: Batch) -> Terms:
        fake = self.judge(self.seen("fake", self.fake(batch)), batch)
        real = self.judge(self.seen("real", batch[self.key]), batch) if self.rules.pairs else None
        return self.rules.generator(fake, real)


def bound_layers(network: nn.Module) -> None:
    """Miyato et al. 2018, eq. 9: W / sigma(W), with sigma its largest singular value."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            spectral_norm(layer)


def moved(points: Tensor) -> Tensor:
    """Shift each point at random. (N, 2) -> (N, 2), differentiable with respect to the points."""
    return points + SHIFT * torch.randn_like(points)


def play(config: gan.Config, points: dict[str, Tensor], *, seed: int, **options) -> Bounded:
    """A game trained on points (N, 2); a seed gives every row the same weights."""
    torch.manual_seed(seed)
    game = Bounded(config, **options)
    train(game, points, seed=seed, progress=False)
    return game.eval()


def measure(game: Bounded, points: Tensor) -> dict[str, float]:
    """Modes and quality of `SAMPLES` points; D's mean slope at points that it has not seen, and
    how many logits more it gives to those it learned from.
    """
    toy = ring(std=SPREAD)
    fresh = data.load("ring", "test", n=SAMPLES, std=SPREAD)["point"]
    scores = toy_modes(game.sample(SAMPLES, seed=2).cpu(), toy.centres, toy.std, least=LEAST)
    steepness = slope(game.discriminator, fresh).norm(dim=1).mean().item()
    with torch.no_grad():
        known = game.discriminator(points[:SAMPLES]).mean() - game.discriminator(fresh).mean()
    return {
        "modes": scores["modes"],
        "quality": round(scores["quality"], 4),
        "slope": round(steepness, 4),
        "known": round(known.item(), 4),
    }


def run(
    config: gan.Config = CONFIG,
    seeds: Sequence[int] = SEEDS,
    folder: Path = FOLDER,
    root: Path | None = None,
) -> list[dict]:
    """Every row for each seed, kept in the folder's regularisation.json and .md; see `keep`."""
    recipe = {**config.stored(), "std": SPREAD, "shift": SHIFT}

    def one(wanted: dict) -> dict:
        change = dict(wanted["change"])
        points = data.load("ring", n=MANY, std=SPREAD)["point"][: change.pop("points")]
        options = {name: change.pop(name) for name in OURS if name in change}
        times = -(-config.batch_size // len(points))  # a batch is never more than there is
        shown = {"point": points.repeat(times, 1)}
        began = time.perf_counter()
        game = play(replace(config, **change), shown, seed=wanted["seed"], **options)
        seconds = round(time.perf_counter() - began, 2)
        return {"seconds": seconds, **measure(game, points)}

    wanted = [{"change": change, "seed": seed} for seed in seeds for change in rows()]
    return keep(folder / "regularisation.json", recipe, wanted, one, partial(page, config))


def rows() -> list[dict]:
    """What each row of both tables changes, as JSON returns it."""
    bounds = [{"points": MANY, **change} for change in BOUNDS.values()]
    scarce = [{"points": FEW, **change, "move": list(change.get("move", ()))} for change in
              SCARCE.values()]  # fmt: skip
    return bounds + scarce


def page(config: gan.Config, runs: Sequence[dict]) -> str:
    """Two tables in Markdown: median (least to most) over the seeds with every row."""
    done = [run["seed"] for run in runs]
    runs = [run for run in runs if done.count(run["seed"]) == len(rows())] or runs
    seeds = sorted({run["seed"] for run in runs})
    of = {
        place: [run for run in runs if run["change"] == each] for place, each in enumerate(rows())
    }
    bounds = [
        [title, cell(of[place], "modes", ".0f"), cell(of[place], "quality", ".2f"),
         cell(of[place], "slope", ".2f")]
        for place, title in enumerate(BOUNDS) if of[place]
    ]  # fmt: skip
    scarce = [
        [title, cell(of[place], "modes", ".0f"), cell(of[place], "quality", ".2f"),
         cell(of[place], "known", ".2f")]
        for place, title in enumerate(SCARCE, len(BOUNDS)) if of[place]
    ]  # fmt: skip
    head = (
        f"The ring of 8, deviation {SPREAD}, {config.steps:,} steps of {config.batch_size}; median "
        f"(least to most) over seeds {', '.join(map(str, seeds))}."
    )
    columns = "modes of 8", "quality"
    first = table([f"{MANY:,} points", *columns, "slope of D"], bounds)
    second = table([f"{FEW} points", *columns, "logits more for known points"], scarce)
    return "\n\n".join([head, first, second]) + "\n"


def cell(runs: Sequence[dict], name: str, form: str) -> str:
    return spread([run[name] for run in runs], form)
