"""Chapter 4: what is worth its time? Networks, sizes and stages, each trained for equally long.

The base is a short run of the lean Stage I. Every other row gets as many steps as take the same
processor time on the same machine, so that what costs more per step has to be worth it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from gancourse import data
from gancourse.chapters import stackgan
from gancourse.data.sources import Pictures
from gancourse.evaluation.readers import READERS
from gancourse.evaluation.stackgan import picture_scores
from gancourse.files import DOSSIERS
from gancourse.metrics import attribute_cnn
from gancourse.metrics.frechet import frechet
from gancourse.models import begin, play
from gancourse.press.bench import ours
from gancourse.press.experiments import SEEDS, keep, table
from gancourse.training import Progress
from gancourse.training.hardware import accelerator

FOLDER = DOSSIERS / "stackgan"
WORK = Path("_build") / "experiments" / "stackgan"  # first stages, which second ones need
CONFIG = stackgan.Config.at("full", "stage1", steps=400, ema=0.985)
ASKED = 500  # sentences of the test split
MEASURES = {"mean": ".1%", "whole": ".1%", "frechet": ".2f"}
TRIED = 32  # steps that are timed, of which about four have the penalty on D's slope


@dataclass(frozen=True)
class Row:
    """One thing that is trained.

    Attributes:
        change: how its recipe differs from the base's, or from the lean Stage II's.
        first: the row that trains its Stage I; "": it is one.
        times: how many times the base's time it gets.
    """

    change: dict = field(default_factory=dict)
    first: str = ""
    times: int = 1


BASE, LARGE = "lean, 32 px", "lean, 64 px, twice the time"
SIDE = {"shape": (3, 64, 64)}  # the smallest that the paper's networks are made for
# The lean recipe's numbers that the paper's form does not have, or has other values for.
NAMES = (
    "network", "loss", "latent", "condition", "kl", "contrast", "r1", "temperature", "lr",
    "beta1", "beta2", "anneal", "resize",
)  # fmt: skip
PAPER = {name: stackgan.Config.default(name) for name in NAMES} | SIDE
ROWS = {
    BASE: Row(),
    "lean, without contrast": Row({"contrast": 0.0}),
    "lean, without conditioning augmentation": Row({"augmentation": False, "kl": 0.0}),
    LARGE: Row(SIDE, times=2),
    "the paper's networks and recipe, as long": Row(
        {**PAPER, "width": 128, "width_d": 64}, times=2
    ),
    "the same, as narrow as the lean ones": Row(PAPER, times=2),
    "two stages, 32 and 64 px": Row(first=BASE),
    "the same, Stage II without the sentence": Row({"reads": False}, first=BASE),
    "two stages, 32 and 128 px": Row({"shape": (3, 128, 128)}, first=BASE),
    "two stages, 64 and 128 px": Row({"shape": (3, 128, 128), "small": 64}, first=LARGE),
}  # fmt: skip


@dataclass
class Measured:
    """Reads held-out pictures at each progress report from step `begin` on.

    Attributes:
        test: pictures of the test split, and their sentences.
        judge: reads attributes off pictures.
        begin: the first step that is measured.
        lines: a dict per report: "step", "mean" of the attributes that sentences mention,
            "whole" sentences right, and "frechet" distance from the real pictures.
    """

    test: Pictures
    judge: attribute_cnn.AttributeCNN
    begin: int = 40
    lines: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.real = self.judge.features(self.test["image"])

    def __call__(self, progress: Progress) -> None:
        if progress.step < min(self.begin, progress.steps):
            return
        game, test = progress.game, self.test
        made = game.sample(len(test), text=test["caption"], seed=1).cpu()
        scores = picture_scores(self.judge, made, test, game.config.pictures)
        self.lines.append(
            {
                "step": progress.step,
                "mean": scores["mean"],
                "whole": scores["whole"],
                "frechet": frechet(self.real, self.judge.features(made)),
            }
        )


def run(
    config: stackgan.Config = CONFIG,
    seeds: Sequence[int] = SEEDS[:1],
    folder: Path = FOLDER,
    root: Path | None = None,
    work: Path = WORK,
    cost: Callable[[stackgan.Config, Pictures], float] | None = None,
) -> list[dict]:
    """Every row for each seed, kept in the folder's time.json and time.md; see `keep`.

    Args:
        config: of the base; its steps' time is what every row gets.
        work: where first stages leave their checkpoints.
        cost: seconds of processor time per step (default: `seconds`, measured).
    """
    pictures: dict[int, Pictures] = {}
    cost, base = cost or seconds, None
    judge = attribute_cnn.load(READERS[config.pictures])
    asked = data.load(config.pictures, "test", root=root, size=config.shape[1], n=ASKED)

    def at(size: int) -> Pictures:
        if size not in pictures:
            options = {**config.options, "size": size}
            pictures[size] = data.load(config.pictures, config.split, root=root, **options)
        return pictures[size]

    def one(wanted: dict) -> dict:
        nonlocal base
        row, seed = ROWS[wanted["row"]], wanted["seed"]
        recipe = of(row, config, work / f"{row.first}, seed {seed}")
        rows = at(recipe.shape[1])
        base = base or cost(config, at(config.shape[1]))
        step = base if recipe == config else cost(recipe, rows)
        steps = max(1, round(row.times * config.steps * base / step))
        measured = Measured(asked, judge)
        needed = any(each.first == wanted["row"] for each in ROWS.values())
        play(
            replace(recipe, steps=steps), rows, seed=seed, watch=[measured],
            folder=work / f"{wanted['row']}, seed {seed}" if needed else None,
        )  # fmt: skip
        return {"steps": steps, "seconds_per_step": step, "curve": measured.lines}

    wanted = [{"row": name, "seed": seed} for seed in seeds for name in ROWS]
    return keep(folder / "time.json", config.stored(), wanted, one, partial(page, config))


def of(row: Row, config: stackgan.Config, first: Path) -> stackgan.Config:
    """The recipe of a row; `first`: the run of its Stage I."""
    if not row.first:
        return replace(config, **row.change)
    lean = stackgan.Config.at("full", "stage2", ema=config.ema, rows=config.rows, text=config.text)
    return replace(lean, **{"small": config.shape[1], "first": str(first), **row.change})


def seconds(config: stackgan.Config, pictures: Pictures) -> float:
    """Processor time of one training step, the mean of `TRIED`."""
    step = ours(begin(config), pictures.columns, accelerator())
    step()
    start = time.process_time()
    for _ in range(TRIED):
        step()
    return (time.process_time() - start) / TRIED


def own_minutes(run: dict) -> float:
    """Processor time of a run, without that of its Stage I."""
    return run["steps"] * run["seconds_per_step"] / 60


def minutes(row: str, own: Callable[[str], float]) -> float:
    """Those of a row and of its Stage I; `own`: a row's alone."""
    first = ROWS[row].first
    return own(row) + (minutes(first, own) if first else 0)


def page(config: stackgan.Config, runs: Sequence[dict]) -> str:
    """A line per row in Markdown, medians over the seeds; minutes are those of all its stages."""
    seeds = sorted({run["seed"] for run in runs})
    found = {name: [run for run in runs if run["row"] == name] for name in ROWS}

    def median(name: str, measure: Callable[[dict], float]) -> float:
        return statistics.median(measure(run) for run in found[name])

    def at_the_end(name: str, key: str) -> float:
        return median(name, lambda run: run["curve"][-1][key])

    rows = [
        [
            name,
            f"{minutes(name, lambda row: median(row, own_minutes)):.0f}",
            f"{median(name, lambda run: run['steps']):,.0f}",
            *(format(at_the_end(name, key), form) for key, form in MEASURES.items()),
        ]
        for name in ROWS
        if found[name]
    ]
    head = "trained", "CPU minutes", "steps", "mean of attributes", "whole sentence", "Fréchet"
    of_seeds = f"{'medians over seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}"
    return (
        f"{ASKED} sentences with combinations that no training picture has; "
        f"{of_seeds}.\n\n{table(head, rows)}\n"
    )
