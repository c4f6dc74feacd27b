"""Chapter 3: which code finds glasses in faces, with no label of glasses in the training data?

Asked of other weights of the information (lambda), other numbers of codes, and other seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gancourse import data
from gancourse.chapters import infogan
from gancourse.evaluation import evaluate
from gancourse.files import DOSSIERS
from gancourse.models import play
from gancourse.press.experiments import SEEDS, keep, spread, table

FOLDER = DOSSIERS / "infogan-faces"
CONFIG = infogan.Config.at("class", "faces", steps=1_500)
CHANGES: tuple[dict, ...] = (
    {},
    {"information": 0.3},
    {"information": 3.0},
    {"categories": [2]},
    {"categories": [2, 2, 2], "continuous": 0},
)
ATTRIBUTES = ("glasses", "hair_length")
FOUND = 0.9  # AUC from which an attribute counts as found


def run(
    config: infogan.Config = CONFIG,
    seeds: Sequence[int] = SEEDS,
    folder: Path = FOLDER,
    root: Path | None = None,
) -> list[dict]:
    """Every change for each seed, kept in the folder's variants.json and .md; see `keep`."""
    pictures, recipe = data.load(config.pictures, config.split, root=root), config.stored()

    def one(wanted: dict) -> dict:
        changed, seed = infogan.Config.of({**recipe, **wanted["change"]}), wanted["seed"]
        record = play(changed, pictures, seed=seed)
        scores = evaluate(record.game, seed=seed, root=root)
        return {"seconds": record.summary["seconds"], "scores": scores}

    wanted = [{"change": change, "seed": seed} for seed in seeds for change in CHANGES]
    return keep(folder / "variants.json", recipe, wanted, one, partial(page, config))


def page(config: infogan.Config, runs: Sequence[dict]) -> str:
    """A row per change in Markdown: of each attribute the AUC, and how many seeds found it."""
    rows = []
    for change in CHANGES:
        found = [run for run in runs if run["change"] == change]
        if not found:
            continue
        changed = infogan.Config.of({**config.stored(), **change})
        row = [", ".join(map(str, changed.categories)), str(changed.continuous)]
        row += [f"{changed.information:g}", ", ".join(str(run["seed"]) for run in found)]
        for name in ATTRIBUTES:
            areas = [run["scores"][f"{name}_auc"] for run in found]
            count = sum(area >= FOUND for area in areas)
            row += [spread(areas, ".3f"), f"{count} of {len(areas)}"]
        rows.append(row)
    head = ["categories", "continuous", "lambda", "seeds"]
    for name in ATTRIBUTES:
        head += [f"{name.replace('_', ' ')}: AUC", "found"]
    return (
        f"{table(head, rows)}\n\n"
        f"Width {config.width}, {config.steps:,} steps of {config.batch_size}; median (least to "
        "most) over the seeds. The best code is\nchosen on the training faces and measured on "
        f"{runs[0]['scores']['codes_test']}. Found: an AUC of {FOUND} or more.\n"
    )
