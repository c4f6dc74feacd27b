"""Publishing a run: it is checked, scored, and put into the repository.

Nothing is written before every check has passed and every score is known.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nbformat import NotebookNode
from safetensors.torch import save_file
from torch import Tensor

from gancourse import chapters, data, models
from gancourse.data.sources import MANIFEST, manifest
from gancourse.evaluation import Where, evaluate
from gancourse.files import (
    BUNDLED,
    DOSSIERS,
    CourseError,
    make_folder,
    read_json,
    replacing,
    write_json,
    write_text,
)
from gancourse.game import Game, fingerprint
from gancourse.press import executed
from gancourse.press.dossier import Dossier, ledger
from gancourse.recipe import Recipe
from gancourse.show.films import film_of_run
from gancourse.show.grids import save_grid
from gancourse.training import read_metrics
from gancourse.training.feed import identity

LARGE = 2e6  # bytes of weights above which they are published as float16
LINES = 400  # of metrics in a dossier; a curve on a page needs no more


def publish(
    name: str,
    folders: Sequence[Path],
    *,
    root: str | Path | None = None,
    n: int = 10_000,
    also: Sequence[str] = (),
    notebook: NotebookNode | None = None,
    keep_seeds: bool = False,
) -> dict:
    """Score a model's runs, one folder per seed, and publish the first of them.

    Its weights go to data/weights, its dossier to runs/, and the notebook that made it to
    runs/notebooks.

    Args:
        name: of the model: lower-case letters, digits and dashes.
        folders: of finished runs that differ in their seed only.
        root: folder of the full data sets (default: see `gancourse.data.load`).
        n: samples that are measured.
        also: networks to publish besides those that drawing needs, such as "discriminator".
            Those that the model's file already has stay in it.
        notebook: the executed notebook that made the first run, checked and made small (see
            `executed` and `shrinking`); None if no notebook did.
        keep_seeds: the scores of other seeds, which its dossier has, stay beside the new ones.

    Returns:
        {"median": {score: value}, "seeds": [a result of `evaluate` per seed]}.

    Raises:
        CourseError: no model can have this name; a run is unfinished, was trained on a reader's
            own data or not on its recipe's full data, or depends on weights that are not
            published; the runs differ in more than their seed, or from the dossier whose seeds
            are to be kept; the full data cannot be had.
    """
    check_name(name)
    settings = [finished(folder) for folder in folders]
    config = one_recipe(settings)
    others = rows_of_others(name, config, settings) if keep_seeds else []
    where = Where(root, source="full", strict=True)
    check_data(config, folders, settings, where)
    for folder, each in zip(folders, settings, strict=True):
        check_lineage(config, folder, each["lineage"])
    games = [models.load(folder) for folder in folders]
    also = {*also, *(standing_networks(name) & dict(games[0].named_children()).keys())}
    games = [as_published(game, also) for game in games]
    rows = [
        {**evaluate(game, n=n, root=root, source="full", strict=True), "seed": each["seed"]}
        for game, each in zip(games, settings, strict=True)
    ]
    scores = with_medians(config, rows + others)

    dossier, first = Dossier(name), Path(folders[0])
    write_dossier(dossier, first, scores)
    sheet = dossier.protocol.showcase(games[0], where)
    save_grid(dossier.folder / "samples.png", sheet, columns=10)
    with replacing(dossier.shelf / "model.safetensors") as temporary:
        save_file(stored_tensors(games[0], also), temporary)
    shutil.copyfile(first / "config.json", dossier.shelf / "config.json")
    executed.keep(notebook, config.chapter, [name])
    write_pages([dossier])
    return scores


def write_pages(dossiers: Iterable[Dossier]) -> None:
    """Write what is written from dossiers that have changed: their pages, manifest and ledger."""
    for dossier in dossiers:
        dossier.write_pages()
    write_json(BUNDLED / MANIFEST, manifest(BUNDLED))
    write_text(DOSSIERS / "LEDGER.md", ledger())


def standing_networks(name: str) -> set[str]:
    """The networks in the file of a published model, which somebody may load it for."""
    if name not in models.published():
        return set()
    _, tensors = models.stored(name)
    return {key.partition(".")[0] for key in tensors if "." in key}


def check_name(name: str) -> None:
    """Raise a CourseError unless a model can be published under this name."""
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise CourseError(
            f"name={name!r}: no name for a model's folders; give lower-case letters, digits and "
            "dashes, no dash first."
        )
    if (BUNDLED / "weights" / name).is_dir() and name not in models.published():
        raise CourseError(
            f"name={name!r}: the name of a network that no chapter made; choose another one."
        )


def finished(folder: Path) -> dict:
    """The settings of a run.

    Raises:
        CourseError: the run has not reached its last step, or there is no run.
    """
    settings, _ = models.of_run(Path(folder))
    summary = Path(folder) / "summary.json"
    done = read_json(summary)["step"] if summary.is_file() else 0
    if done < settings["steps"]:
        raise CourseError(
            f"{folder}: unfinished, step {done:,} of {settings['steps']:,}; train it to the end "
            "first."
        )
    return settings


def one_recipe(settings: Sequence[dict]) -> Recipe:
    """The Config of all runs.

    Raises:
        CourseError: they differ in more than their seed.
    """
    recipes = [(chapters.configure(each), each["processes"]) for each in settings]
    if any(each != recipes[0] for each in recipes):
        raise CourseError(
            f"folders: {len(recipes)} runs that differ in more than their seed; give runs of one "
            "recipe."
        )
    return recipes[0][0]


def rows_of_others(name: str, config: Recipe, settings: Sequence[dict]) -> list[dict]:
    """The scores of seeds that a model's dossier has and that are not published now.

    Raises:
        CourseError: the model has no dossier, or its recipe is another one.
    """
    standing = Dossier(name)
    if not standing.folder.is_dir():
        raise CourseError(f"keep_seeds: {name} has no dossier yet; publish all its seeds at once.")
    if standing.config != config:
        raise CourseError(
            f"keep_seeds: the seeds in the dossier of {name} were trained by another recipe; train "
            "them again, and give their folders too."
        )
    new = {each["seed"] for each in settings}
    return [row for row in standing.scores["seeds"] if row["seed"] not in new]


def check_data(
    config: Recipe, folders: Sequence[Path], settings: Sequence[dict], where: Where
) -> None:
    """Raise a CourseError unless the runs were trained on all of a data set that the course has.

    A game that uses no labels may have been given the pictures without them.
    """
    if config.pictures not in data.NAMES:
        raise CourseError(
            f"pictures={config.pictures!r}: no data set of the course, and a published run can be "
            "made again by anyone; load this one by its folder, "
            f"gancourse.load({str(folders[0])!r})."
        )
    full = where.load(config, config.split)
    known = [identity(full.columns)]
    if isinstance(full.columns, Mapping) and "image" in full.columns:
        known.append(identity({"image": full.columns["image"]}))
    for folder, each in zip(folders, settings, strict=True):
        if each["data"] not in known:
            raise CourseError(
                f"{folder}: trained on {each['data']['rows']:,} rows that are not {full.name}, "
                f"which has {len(full):,}; train with --source full, on the recipe's own data, to "
                "publish."
            )


def check_lineage(config: Recipe, folder: Path, lineage: Mapping[str, str]) -> None:
    """Raise a CourseError unless all foreign weights that a run depends on are published ones."""
    sources = {f"borrowed {name}": source for name, source in config.borrows.items()}
    if config.starts_from:
        sources["starts_from"] = config.starts_from
    for name, source in sources.items():
        if source not in models.published():
            raise CourseError(
                f"{folder}: {name} is {source}, which nobody else has; publish that run first, and "
                "train this one with its published name."
            )
        if fingerprint(models.load(source)) != lineage.get(name):
            raise CourseError(
                f"{folder}: {name} is {source}, and its published weights are no longer those that "
                "the run was begun with; train it again."
            )


def with_medians(config: Recipe, rows: list[dict]) -> dict:
    """What scores.json holds: the rows by seed, and the median of each column.

    A column that came after some of the runs has no median, unless all of them were measured again.
    """
    keys = [each.key for each in chapters.protocol(config.chapter).columns(config)]
    known = [key for key in keys if all(key in row for row in rows)]
    return {
        "median": {key: statistics.median(row[key] for row in rows) for key in known},
        "seeds": sorted(rows, key=lambda row: row["seed"]),
    }


def write_dossier(dossier: Dossier, run: Path, scores: dict) -> None:
    """Write the scores, the run's own files, its curves thinned out, and its film."""
    make_folder(dossier.folder)
    shutil.copyfile(run / "config.json", dossier.folder / "config.json")
    write_record(dossier, run)
    write_json(dossier.folder / "scores.json", scores)
    film_of_run(run, dossier.folder / "film.webp")


def write_record(dossier: Dossier, run: Path) -> None:
    """Write what may differ between two runs with the same weights: machine, seconds and speed."""
    for file in ("environment.json", "summary.json"):
        shutil.copyfile(run / file, dossier.folder / file)
    lines = read_metrics(run)
    thinned = lines[:: max(1, len(lines) // LINES)]
    text = "".join(json.dumps(line) + "\n" for line in thinned)
    write_text(dossier.folder / "metrics.jsonl", text)


def kept(game: Game, also: Sequence[str] = ()) -> dict[str, Tensor]:
    """The tensors that are published: of networks that drawing needs, those in `also`, and buffers.

    Raises:
        CourseError: `also` names no network of the game.
    """
    networks, wanted = dict(game.named_children()), {*game.for_sampling, *also}
    for name in wanted - networks.keys():
        raise CourseError(
            f"also={name!r}: no network of this game; choose from: {', '.join(networks)}."
        )
    left_out = networks.keys() - wanted
    return {
        key: value
        for key, value in game.state_dict().items()
        if key.partition(".")[0] not in left_out
    }


def is_large(tensors: Mapping[str, Tensor]) -> bool:
    """Whether weights are published as float16: those of more than 2 MB are."""
    return sum(value.nbytes for value in tensors.values()) > LARGE


def as_published(game: Game, also: Sequence[str] = ()) -> Game:
    """The game with its weights rounded as they are published: what is scored is what is loaded."""
    tensors = kept(game, also)
    if is_large(tensors):
        for value in tensors.values():
            if value.is_floating_point():
                value.copy_(value.half())
    return game


def stored_tensors(game: Game, also: Sequence[str] = ()) -> dict[str, Tensor]:
    """What a published file holds, on the CPU's terms: contiguous, and float16 if it is large."""
    tensors = kept(game, also)
    half = is_large(tensors)
    return {
        key: (value.half() if half and value.is_floating_point() else value).contiguous()
        for key, value in tensors.items()
    }
