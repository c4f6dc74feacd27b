"""Chapter 6: the three ablations of the paper, on the course's own pairs.

Isola et al. 2016, sections 4.2 (the loss), 4.3 (the generator) and 4.4 (the patch).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gancourse import data
from gancourse.chapters import pix2pix, protocol
from gancourse.evaluation import evaluate
from gancourse.files import DOSSIERS
from gancourse.models import play
from gancourse.press.experiments import SEEDS, keep, table

FOLDER = DOSSIERS / "pix2pix"
CONFIG = pix2pix.Config.at("check", steps=500)
LOSSES: dict[str, dict] = {
    "L1": {"adversarial": 0.0},
    "GAN": {"l1": 0.0, "conditional": False},
    "cGAN": {"l1": 0.0},
    "L1 + GAN": {"conditional": False},
    "L1 + cGAN": {},
}


def run(
    config: pix2pix.Config = CONFIG,
    seeds: Sequence[int] = SEEDS,
    folder: Path = FOLDER,
    root: Path | None = None,
) -> list[dict]:
    """Every change for each seed, kept in the folder's ablations.json and .md; see `keep`."""
    pairs = data.load(config.pictures, config.split, root=root, **config.options)

    def one(wanted: dict) -> dict:
        changed, seed = replace(config, **wanted["change"]), wanted["seed"]
        record = play(changed, pairs, seed=seed)
        scores = evaluate(record.game, seed=seed, root=root)
        return {"seconds": record.summary["seconds"], "scores": scores}

    wanted = [{"change": change, "seed": seed} for seed in seeds for change in distinct(config)]
    return keep(folder / "ablations.json", config.stored(), wanted, one, partial(page, config))


def tables(config: pix2pix.Config) -> dict[str, dict[str, dict]]:
    """Title -> row -> what the row changes in `config`.

    Of the patches that cover a whole picture, only the smallest is kept.
    """
    generators = {
        f"{title}, {name}": {**LOSSES[name], "form": form}
        for title, form in (("encoder-decoder", "encoder-decoder"), ("U-Net", "unet"))
        for name in ("L1", "L1 + cGAN")
    }
    covering = [patch for patch in pix2pix.PATCHES if patch >= config.shape[1]]
    most = min(covering, default=max(pix2pix.PATCHES))
    patches = {f"{patch} px": {"patch": patch} for patch in pix2pix.PATCHES if patch <= most}
    return {
        "The loss": LOSSES,
        "The generator": generators,
        "The discriminator's patch": patches,
    }


def distinct(config: pix2pix.Config) -> list[dict]:
    """Every change of every table once: the row that changes nothing is in all three."""
    rows = [change for each in tables(config).values() for change in each.values()]
    changes = [effective(config, change) for change in rows]
    return [change for i, change in enumerate(changes) if change not in changes[:i]]


def effective(config: pix2pix.Config, change: dict) -> dict:
    """The values of a change that differ from the Config's."""
    return {name: value for name, value in change.items() if getattr(config, name) != value}


def page(config: pix2pix.Config, runs: Sequence[dict]) -> str:
    """The three tables in Markdown, medians over the seeds with every row.

    While no seed is complete, over all runs.
    """
    shown, count = protocol(config.chapter).columns(config), len(distinct(config))
    done = [run["seed"] for run in runs]
    runs = [run for run in runs if done.count(run["seed"]) == count] or runs
    seeds = sorted({run["seed"] for run in runs})
    text = [
        f"Width {config.width}, {config.steps:,} steps of {config.batch_size} at "
        f"{config.shape[1]} px; {'medians over seeds' if len(seeds) > 1 else 'seed'} "
        f"{', '.join(map(str, seeds))}."
    ]
    for title, changes in tables(config).items():
        rows = []
        for name, change in changes.items():
            wanted = effective(config, change)
            found = [run["scores"] for run in runs if run["change"] == wanted]
            if found:
                medians = [statistics.median(one[each.key] for one in found) for each in shown]
                cells = zip(medians, shown, strict=True)
                rows.append([name, *(format(median, each.form) for median, each in cells)])
        text.append(table([title, *(each.head for each in shown)], rows))
    return "\n\n".join(text) + "\n"
