"""Chapter 2's question: do labels make a GAN's training faster, and steadier? Measured against the same GAN, not told them.

    python -m gancourse.press.experiments.labels [--seeds 0 1 2] [--steps 2000] [--width 16] [--folder runs/cgan]

Same networks, same first weights, same pictures in the same order; one thing is changed. The discriminator that is not
told hears "0" with every picture, which makes an unconditional GAN of the game (see `Untold`).
"""

from __future__ import annotations

import argparse
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
from gancourse.files import DOSSIERS, CourseError
from gancourse.metrics.conditional import label_accuracy
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.frechet import frechet
from gancourse.press.experiments import keep, spread
from gancourse.school import lesson
from gancourse.training import Progress, Record
from gancourse.training.loop import describe

YARDSTICKS = {"judge": "judge (its features)", "thumbnails": "thumbnails (7 x 7 px)"}


class Untold(cgan.CGAN):
    """A conditional GAN whose discriminator is told nothing: it hears the same label with every picture.

    Its generator still gets the label, for which it has no more use than for ten further random numbers.
    """

    def judge(self, x: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return self.discriminator(x, torch.zeros_like(batch["label"]))


class UntoldConfig(cgan.Config):
    """A cGAN's numbers, for an `Untold` game."""

    def build(self) -> Untold:
        return Untold(self)


def thumbnails(images: Tensor) -> Tensor:
    """Means of 4 x 4 px, a yardstick that has never heard of classes. (N, 1, 28, 28), uint8 or in [-1, 1] -> (N, 49)."""
    images = images / 127.5 - 1 if images.dtype == torch.uint8 else images
    return avg_pool2d(images, 4).flatten(1)


@dataclass
class Measured:
    """Measures samples, asked for 0 to 9 in turn, at every progress report from step `first` on.

    Attributes:
        pictures: (N, 1, 28, 28), the real ones that both Frechet distances are taken to.
        lines: a dict a report: "step", both distances, and "accuracy", the part that the judge reads as asked for.
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
        if progress.step < self.first:
            return
        samples = progress.game.sample(self.n, seed=1).cpu()
        distances = {
            name: frechet(self.real[name], found) for name, found in self.features(samples).items()
        }
        accuracy = label_accuracy(samples, torch.arange(self.n) % progress.game.config.classes)
        self.lines.append({"step": progress.step, **distances, "accuracy": accuracy})


def play(
    config: cgan.Config, pictures: Pictures, *, told: bool, seed: int = 0, **options
) -> Record:
    """`lesson.play` of the game as it is, or with a discriminator that is not told; a seed gives both the same weights."""
    return lesson.play(
        config if told else UntoldConfig(**vars(config)), pictures, seed=seed, **options
    )


def train(config: cgan.Config, seeds: Sequence[int], folder: Path, **where) -> list[dict]:
    """Train what labels.json in `folder` lacks, both games for each seed, and write it and labels.md anew after each run.

    Args:
        where: of the pictures, as `gancourse.data.load` takes it.

    Raises:
        CourseError: the folder's runs had another recipe.
    """
    pictures = data.load(config.pictures, config.split, **where)
    reference = pictures.take(5_000, seed=0)["image"]
    recipe = {
        **describe(vars(config)),
        "data": f"{pictures.name} ({pictures.source})",
        "samples": 2_000,
    }

    def run(wanted: dict) -> dict:
        measured = Measured(reference, n=recipe["samples"])
        record = play(config, pictures, **wanted, watch=[measured])
        losses = [
            line["generator/fake"] for line in record.metrics if line["step"] > config.steps / 2
        ]
        return {"seconds": record.summary["seconds"], "curve": measured.lines, "losses": losses}

    wanted = [{"told": told, "seed": seed} for seed in seeds for told in (True, False)]
    return keep(folder / "labels.json", recipe, wanted, run, partial(page, config))


def level_at(curve: Sequence[dict], name: str, level: float) -> float:
    """The step at which a curve first comes down to `level`, between two reports by a straight line in the logarithms.

    Infinite if it never does.
    """
    if curve[0][name] <= level:
        return float(curve[0]["step"])
    for before, after in pairwise(curve):
        if after[name] <= level:
            steps, values = (
                [math.log(line[key]) for line in (before, after)] for key in ("step", name)
            )
            return math.exp(
                steps[0]
                + (steps[1] - steps[0]) * (values[0] - math.log(level)) / (values[0] - values[1])
            )
    return math.inf


def wobble(losses: Sequence[float]) -> float:
    """Standard deviation of a curve, evenly spaced, from the straight line that fits it best: a drift is no unrest.

    Fewer than three values lie on a line.
    """
    if len(losses) < 3:
        return 0.0
    slope, start = statistics.linear_regression(range(len(losses)), losses)
    return statistics.pstdev(loss - start - slope * i for i, loss in enumerate(losses))


def page(config: cgan.Config, runs: Sequence[dict]) -> str:
    """What the runs say, in Markdown: a row a measure, medians over the seeds with the least and the most of them."""
    whole = {run["seed"] for run in runs if run["told"]} & {
        run["seed"] for run in runs if not run["told"]
    }
    of = {
        told: [run for run in runs if run["told"] == told and run["seed"] in whole]
        for told in (True, False)
    }
    if not whole:
        return "No seed has played both games yet.\n"
    rows = []
    for name, title in YARDSTICKS.items():
        ends = {told: [run["curve"][-1][name] for run in of[told]] for told in of}
        level = statistics.median(ends[False])
        when = {told: [level_at(run["curve"], name, level) for run in of[told]] for told in of}
        back = {
            told: [
                after[name] > before[name]
                for run in of[told]
                for before, after in pairwise(run["curve"])
            ]
            for told in of
        }
        rows += [
            [f"{title}: Fréchet distance at the end", *(spread(ends[told], ".3g") for told in of)],
            [
                f"{name}: steps until as near as the untold one ends ({level:.3g})",
                *(spread(when[told], ",.0f") for told in of),
            ],
            [
                f"{name}: seeds at the end, most by least",
                *(f"{max(ends[told]) / min(ends[told]):.2f}" for told in of),
            ],
            [
                f"{name}: reports that were worse than the one before",
                *(f"{sum(back[told])} of {len(back[told])}" for told in of),
            ],
        ]
    stirs = {told: [wobble(run["losses"]) for run in of[told]] for told in of}
    rows.append(
        [
            "deviation of the generator's loss from a line, second half",
            *(spread(stirs[told], ".4f") for told in of),
        ]
    )
    head = [
        f"Width {config.width}, {config.steps:,} steps of {config.batch_size}; median over seeds "
        f"{', '.join(map(str, sorted(whole)))}, with the least and the most.",
        "",
        "| | told the label | not told |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--folder", type=Path, default=DOSSIERS / "cgan")
    given = parser.parse_args()
    try:
        train(
            cgan.Config.at("class", steps=given.steps, width=given.width), given.seeds, given.folder
        )
    except CourseError as error:
        raise SystemExit(f"gancourse.press.experiments.labels: {error}") from error


if __name__ == "__main__":
    main()
