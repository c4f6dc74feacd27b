"""Chapter 2: does conditioning on labels make training faster, and steadier?

The cGAN against the same game with an unconditional discriminator: same networks, same initial
weights, same pictures in the same order.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gancourse import data
from gancourse.chapters import cgan
from gancourse.data.sources import Pictures
from gancourse.files import DOSSIERS
from gancourse.game import Batch, to_float
from gancourse.metrics.conditional import label_accuracy
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.frechet import frechet
from gancourse.press.experiments import SEEDS, keep, spread, table
from gancourse.training import Progress, Record, train

FOLDER = DOSSIERS / "cgan"
CONFIG = cgan.Config.at("class", steps=2_000, width=16)
SAMPLES = 2_000  # per report
GAMES = {True: "conditional", False: "unconditional"}
FEATURES = {"judge": "classifier features", "thumbnails": "thumbnails of 7 x 7 px"}


class Unconditional(cgan.CGAN):
    """A cGAN whose discriminator ignores the label: it always gets label 0.

    The generator is still given the label, which is then no more to it than ten further
    latent numbers.
    """

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        return self.discriminator(x, torch.zeros_like(batch["label"]))


def thumbnails(images: Tensor) -> Tensor:
    """Means over 4 x 4 px: features that know nothing of classes.

    (N, 1, 28, 28), uint8 or floats in [-1, 1] -> (N, 49)
    """
    return avg_pool2d(to_float({"image": images})["image"], 4).flatten(1)


@dataclass
class Measured:
    """Measures samples at each progress report from step `first` on.

    Attributes:
        pictures: (N, 1, 28, 28), the real pictures for both Fréchet distances.
        n: how many samples, of the labels 0 to 9 in turn.
        lines: one dict per report: "step", the distance by each kind of features, and
            "accuracy", the fraction of samples read as their label.
    """

    pictures: Tensor
    n: int = 500
    first: int = 40
    lines: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.real = self.features(self.pictures)

    @staticmethod
    def features(images: Tensor) -> dict[str, Tensor]:
        return {"judge": judge().features(images), "thumbnails": thumbnails(images)}

    def __call__(self, progress: Progress) -> None:
        if progress.step >= self.first:
            self.lines.append({"step": progress.step, **self.measure(progress.game)})

    def measure(self, game: cgan.CGAN) -> dict:
        """Of `n` samples: "accuracy", and the distance by each kind of features."""
        samples = game.sample(self.n, seed=1).cpu()
        made = self.features(samples)
        distances = {name: frechet(self.real[name], made[name]) for name in made}
        labels = torch.arange(self.n) % game.config.classes
        return {**distances, "accuracy": label_accuracy(samples, labels)}


def play(
    config: cgan.Config, pictures: Pictures, *, conditional: bool, seed: int = 0, **options
) -> Record:
    """Train the cGAN or its `Unconditional` twin. A seed gives both the same weights."""
    torch.manual_seed(seed)
    game = (cgan.CGAN if conditional else Unconditional)(config)
    return train(game, pictures.tensors, seed=seed, **options)


def run(
    config: cgan.Config = CONFIG,
    seeds: Sequence[int] = SEEDS,
    folder: Path = FOLDER,
    root: Path | None = None,
) -> list[dict]:
    """Both games for each seed, kept in the folder's labels.json and labels.md; see `keep`."""
    pictures = data.load(config.pictures, config.split, root=root)
    reference = pictures.take(5_000, seed=0)["image"]
    source = f"{pictures.name} ({pictures.source})"
    recipe = {**config.stored(), "data": source, "samples": SAMPLES}

    def one(wanted: dict) -> dict:
        measured = Measured(reference, n=SAMPLES)
        record = play(config, pictures, **wanted, watch=[measured])
        second_half = [line for line in record.metrics if line["step"] > config.steps / 2]
        losses = [line["generator/fake"] for line in second_half]
        return {"seconds": record.summary["seconds"], "curve": measured.lines, "losses": losses}

    wanted = [{"conditional": each, "seed": seed} for seed in seeds for each in (True, False)]
    return keep(folder / "labels.json", recipe, wanted, one, partial(page, config))


def level_at(curve: Sequence[dict], name: str, level: float) -> float:
    """The step at which a curve first falls to `level`; infinite if it never does.

    Between two reports the curve is a straight line in the logarithms of step and value.
    """
    if curve[0][name] <= level:
        return float(curve[0]["step"])
    for before, after in pairwise(curve):
        if after[name] <= level:
            steps, values = (
                [math.log(line[key]) for line in (before, after)] for key in ("step", name)
            )
            way = (values[0] - math.log(level)) / (values[0] - values[1])
            return math.exp(steps[0] + (steps[1] - steps[0]) * way)
    return math.inf


def wobble(losses: Sequence[float]) -> float:
    """Standard deviation of an evenly spaced curve from its best straight line.

    So a steady drift does not count. Of fewer than three values it is 0.
    """
    if len(losses) < 3:
        return 0.0
    slope, start = statistics.linear_regression(range(len(losses)), losses)
    return statistics.pstdev(loss - start - slope * i for i, loss in enumerate(losses))


def page(config: cgan.Config, runs: Sequence[dict]) -> str:
    """One row per measure in Markdown: median (least to most) over the seeds with both games."""
    seeds = {each: {run["seed"] for run in runs if run["conditional"] == each} for each in GAMES}
    whole = sorted(seeds[True] & seeds[False])
    if not whole:
        return "No seed has both games yet.\n"
    of = {
        each: [run for run in runs if run["conditional"] == each and run["seed"] in whole]
        for each in GAMES
    }
    rows = []
    for name, title in FEATURES.items():
        ends = [[run["curve"][-1][name] for run in of[each]] for each in GAMES]
        level = statistics.median(ends[1])
        when = [[level_at(run["curve"], name, level) for run in of[each]] for each in GAMES]
        steps = [[pair for run in of[each] for pair in pairwise(run["curve"])] for each in GAMES]
        worse = [sum(after[name] > before[name] for before, after in each) for each in steps]
        rows += [
            [f"{title}: final Fréchet distance", *(spread(each, ".3g") for each in ends)],
            [
                f"{title}: steps to the unconditional game's final distance ({level:.3g})",
                *(spread(each, ",.0f") for each in when),
            ],
            [
                f"{title}: largest final distance of a seed over the smallest",
                *(f"{max(each) / min(each):.2f}" for each in ends),
            ],
            [
                f"{title}: reports that are worse than the one before",
                *(f"{bad} of {len(each)}" for bad, each in zip(worse, steps, strict=True)),
            ],
        ]
    wobbles = [[wobble(run["losses"]) for run in of[each]] for each in GAMES]
    row = "generator's loss: deviation from a straight line, second half"
    rows.append([row, *(spread(each, ".4f") for each in wobbles)])
    recipe = (
        f"Width {config.width}, {config.steps:,} steps of {config.batch_size}; "
        f"median (least to most) over seeds {', '.join(map(str, whole))}."
    )
    return f"{recipe}\n\n{table(['measure', *GAMES.values()], rows)}\n"
