"""Chapter 3: which code finds glasses unasked, and what the price of information, the codes and the seed change in that.

    python -m gancourse.press.experiments.faces [--seeds 0 1 2] [--steps 1500] [--folder runs/infogan-faces]

Every row is one Config trained anew, a seed at a time. What is done is kept in the folder's variants.json run by run, so that
an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gancourse import data
from gancourse.chapters import infogan
from gancourse.evaluation.infogan import attribute_scores
from gancourse.files import DOSSIERS, CourseError
from gancourse.models import configure
from gancourse.press.experiments import keep, spread
from gancourse.school.lesson import play
from gancourse.training.loop import describe, describe_config

ROWS: tuple[dict, ...] = (
    {},
    {"information": 0.3},
    {"information": 3.0},
    {"categories": [2]},
    {"categories": [2, 2, 2], "continuous": 0},
)
ATTRIBUTES = ("glasses", "hair_length")
FOUND = 0.9  # AUC from which an attribute counts as found


def train(
    config: infogan.Config, seeds: Sequence[int], folder: Path, root: Path | None = None
) -> list:
    """Train what variants.json in `folder` lacks, and write it and variants.md anew after each run.

    Raises:
        CourseError: the folder's runs had another recipe.
    """
    pictures, held_out = (
        data.load(config.pictures, split, root=root) for split in (config.split, "test")
    )

    def run(wanted: dict) -> dict:
        changed = configure({**describe_config(config), **wanted["change"]})
        record = play(changed, pictures, seed=wanted["seed"])
        return {
            "seconds": record.summary["seconds"],
            "scores": attribute_scores(record.game, pictures, held_out),
        }

    wanted = [{"change": change, "seed": seed} for seed in seeds for change in ROWS]
    return keep(
        folder / "variants.json", describe(vars(config)), wanted, run, partial(page, config)
    )


def page(config: infogan.Config, runs: Sequence[dict]) -> str:
    """The table in Markdown: a row a change; of each attribute the median AUC, its least and most, and how many found it."""
    heads = [f"{name.replace('_', ' ')}: AUC" for name in ATTRIBUTES]
    lines = [
        f"| categories | continuous | lambda | seeds | {' | '.join(f'{head} | found' for head in heads)} |",
        f"|---|---|---|---|{'---|---|' * len(heads)}",
    ]
    for change in ROWS:
        found = [run for run in runs if run["change"] == change]
        if not found:
            continue
        numbers = {
            name: change.get(name, getattr(config, name))
            for name in ("categories", "continuous", "information")
        }
        cells = [
            ", ".join(map(str, numbers["categories"])),
            str(numbers["continuous"]),
            f"{numbers['information']:g}",
            ", ".join(str(run["seed"]) for run in found),
        ]
        for name in ATTRIBUTES:
            areas = [run["scores"][f"{name}_auc"] for run in found]
            cells += [
                spread(areas, ".3f"),
                f"{sum(area >= FOUND for area in areas)} of {len(areas)}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    measured = runs[0]["scores"]["codes_test"]
    return (
        "\n".join(
            [
                *lines,
                "",
                f"{config.steps:,} steps of {config.batch_size}, width {config.width}; the median over the seeds, with the least and",
                f"the most. The best code is chosen on training faces and measured on the {measured}. Found: an AUC of {FOUND} or more.",
            ]
        )
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--folder", type=Path, default=DOSSIERS / "infogan-faces")
    given = parser.parse_args()
    try:
        train(infogan.Config.at("class", "faces", steps=given.steps), given.seeds, given.folder)
    except CourseError as error:
        raise SystemExit(f"gancourse.press.experiments.faces: {error}") from error


if __name__ == "__main__":
    main()
