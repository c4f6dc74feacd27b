"""The three ablations of pix2pix (Isola et al. 2016, sections 4.2 to 4.4), on the course's own pairs.

    python -m gancourse.press.experiments.ablations [--scale class] [--seeds 0 1 2] [--steps 1000] [--width 32] [--folder runs/pix2pix]

Every row is one Config trained anew; the rows of a table differ in nothing but what the first column names. What is done
is kept in the folder's ablations.json row by row, so that an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from functools import partial
from pathlib import Path

from gancourse import data
from gancourse.chapters import pix2pix
from gancourse.evaluation import evaluate
from gancourse.evaluation.pix2pix import SCORES
from gancourse.files import DOSSIERS, CourseError
from gancourse.press.experiments import keep
from gancourse.school import lesson
from gancourse.training.loop import describe

LOSSES: dict[str, dict] = {
    "L1": {"adversarial": 0.0},
    "GAN": {"l1": 0.0, "conditional": False},
    "cGAN": {"l1": 0.0},
    "L1 + GAN": {"conditional": False},
    "L1 + cGAN": {},
}


def tables(config: pix2pix.Config) -> dict[str, dict[str, dict]]:
    """Title -> row -> what the row changes in `config`; of the patches that cover a whole picture only the smallest is kept."""
    encoder = {
        f"encoder-decoder, {name}": {**LOSSES[name], "form": "encoder-decoder"}
        for name in ("L1", "L1 + cGAN")
    }
    unet = {f"U-Net, {name}": {**LOSSES[name], "form": "unet"} for name in ("L1", "L1 + cGAN")}
    most = min(
        (patch for patch in pix2pix.PATCHES if patch >= config.shape[1]),
        default=max(pix2pix.PATCHES),
    )
    patches = {f"{patch} px": {"patch": patch} for patch in pix2pix.PATCHES if patch <= most}
    return {
        "The loss": LOSSES,
        "The generator": encoder | unet,
        "The discriminator's patch": patches,
    }


def train(config: pix2pix.Config, seeds: list[int], folder: Path, root: Path | None = None) -> None:
    """Train what ablations.json in `folder` lacks, and write it and ablations.md anew after each run.

    Raises:
        CourseError: the folder's runs had another recipe.
    """
    pictures = data.load(config.pictures, config.split, root=root, **config.options)

    def run(wanted: dict) -> dict:
        record = lesson.play(replace(config, **wanted["change"]), pictures, seed=wanted["seed"])
        scores = evaluate(record.game, seed=wanted["seed"], root=root)
        return {"seconds": record.summary["seconds"], "scores": scores}

    wanted = [{"change": change, "seed": seed} for seed in seeds for change in distinct(config)]
    keep(folder / "ablations.json", describe(vars(config)), wanted, run, partial(page, config))


def distinct(config: pix2pix.Config) -> list[dict]:
    """Every change of every table once: the row that changes nothing stands in all three."""
    changes = [
        effective(config, change) for rows in tables(config).values() for change in rows.values()
    ]
    return [change for i, change in enumerate(changes) if change not in changes[:i]]


def effective(config: pix2pix.Config, change: dict) -> dict:
    return {name: value for name, value in change.items() if getattr(config, name) != value}


def page(config: pix2pix.Config, runs: list[dict]) -> str:
    """The three tables in Markdown: medians over the seeds of which every row is done, or over all while none is."""
    rows = len(distinct(config))
    whole = [run for run in runs if sum(other["seed"] == run["seed"] for other in runs) == rows]
    runs = whole or runs
    seeds = sorted({run["seed"] for run in runs})
    text = [
        f"Width {config.width}, {config.steps:,} steps of {config.batch_size} at {config.shape[1]} px; "
        f"{'medians over seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}."
    ]
    for title, rows in tables(config).items():
        lines = [
            f"| {title} | {' | '.join(each.head for each in SCORES)} |",
            f"|---{'|---' * len(SCORES)}|",
        ]
        for name, change in rows.items():
            found = [run["scores"] for run in runs if run["change"] == effective(config, change)]
            if found:
                medians = [
                    format(statistics.median(one[each.key] for one in found), each.form)
                    for each in SCORES
                ]
                lines.append(f"| {name} | {' | '.join(medians)} |")
        text.append("\n".join(lines))
    return "\n\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", choices=list(pix2pix.SCALES), default="class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--folder", type=Path, default=DOSSIERS / "pix2pix")
    given = parser.parse_args()
    changes = {name: value for name in ("steps", "width") if (value := getattr(given, name))}
    try:
        train(pix2pix.Config.at(given.scale, **changes), given.seeds, given.folder)
    except CourseError as error:
        raise SystemExit(f"gancourse.press.experiments.ablations: {error}") from error


if __name__ == "__main__":
    main()
