"""Full-scale runs: the dossier that a published run leaves in the repository.

runs/<name>/
    scores.json       the protocol's numbers, a row a seed, and their medians
    config.json, environment.json, summary.json, metrics.jsonl   of the first seed's run
    film.webp, film-still.png, samples.png
    table.md          what the book shows, written from the files above
runs/LEDGER.md        a line a model: what is trained, on what, and what is still wanted
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from gancourse import data, models
from gancourse.data.sources import MANIFEST, manifest
from gancourse.evaluation import chapter_of, columns, evaluate
from gancourse.files import (
    BUNDLED,
    DOSSIERS,
    CourseError,
    make_folder,
    read_json,
    replacing,
    sha256,
    write_json,
    write_text,
)
from gancourse.show.films import film_of_run
from gancourse.show.grids import save_grid
from gancourse.training import read_metrics
from gancourse.training.feed import identity

# What a published model was trained on, and what its weights may be used under.
DATA = {
    "digits": (
        "MNIST, {split} (Yann LeCun and Corinna Cortes, CC BY-SA 3.0)",
        "CC BY-SA 3.0, as the data",
    ),
    "fashion": ("Fashion-MNIST, {split} (Zalando SE, MIT)", "MIT, as the data"),
    "faces": ("9,000 pixel-art faces (DiceBear, CC0 1.0)", "CC0 1.0, as the data"),
    "sprites": ("shapes drawn by our own code", "MIT"),
    "emoji": (
        "line art and colour art of OpenMoji (CC BY-SA 4.0)",
        "CC BY-SA 4.0, as the data. All emojis designed by "
        "OpenMoji – the open-source emoji and icon project. License: CC BY-SA 4.0",
    ),
}
SPLITS = {"train-50000": "the first 50,000 training digits", "train": "the whole training part"}
LIMITS = {
    "digits": "Black-and-white digits of 28 x 28 px and nothing else. The training digits' writers (census workers and\n"
    "pupils in the United States) are the only hands it knows.",
    "fashion": "Small grey pictures of ten kinds of clothes and nothing else.",
    "faces": "Drawn faces of 32 x 32 px from one generator's parts, and no person's. What its codes mean was found after\n"
    "training and differs from seed to seed.",
    "sprites": "White squares, ellipses and hearts of 64 x 64 px and nothing else.",
    "emoji": "Flat drawings with closed black outlines, in OpenMoji's colours. It knows what OpenMoji draws, so that a face\n"
    "is yellow; where nothing in the lines tells a colour it guesses, and a photo is beyond it.",
}
USES = {
    "pix2pix": '`gancourse.load("{name}").translate(line_art)` takes (N, {inputs}, H, W), uint8 or floats in [-1, 1], and '
    "gives (N, {shape[0]}, H, W) floats in [-1, 1]; `gancourse colour drawing.png` does it for files.",
}  # for chapters that do not draw from nothing
ASKING = {
    "cgan": "`label=8` asks for one class, `label=[8, 0, ...]` for one a picture; without it the classes come in turn.",
    "infogan": "`category={category}` and `continuous={continuous}` set the codes, one entry a code; what is left out is drawn.",
}


def spelled(value) -> str:
    """A value as `gancourse train -s` takes it: tuples as 2,3."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def publish(
    name: str, folders: list[Path], *, root: str | Path | None = None, n: int = 10_000
) -> dict:
    """Score a model's runs, one folder a seed, and publish the first: its weights in data/weights, its dossier in runs/.

    Raises:
        CourseError: no such name can be given, a run is unfinished or was not trained on the full data of its recipe, the
            runs differ in more than their seed, or the full data cannot be had.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise CourseError(
            f"{name!r} was given as the model's name; it is the name of its folders, such as gan or gan-paper: "
            "lower-case letters, digits and dashes, no dash first."
        )
    settings = [models.of_run(folder)[0] for folder in folders]
    for folder, each in zip(folders, settings, strict=True):
        summary = folder / "summary.json"
        done = read_json(summary)["step"] if summary.is_file() else 0
        if done < each["steps"]:
            raise CourseError(
                f"{folder} is unfinished: step {done:,} of {each['steps']:,}. Train it on, then publish."
            )
    if len({(models.configure(each), each["processes"]) for each in settings}) > 1:
        raise CourseError(
            "The runs differ in more than their seed; a table of seeds needs one recipe."
        )
    config = models.configure(settings[0])
    where = {"root": root, "source": "full", "strict": True}
    full = data.load(config.pictures, config.split, **where, **config.options)
    known = identity(full.tensors)
    for folder, each in zip(folders, settings, strict=True):
        if each.get("data", known) != known:
            raise CourseError(
                f"{folder} was not trained on {full.name}: it saw {each['data']['rows']:,} rows, of other bytes, and that "
                f"has {len(full):,}. Train with --source full, on the recipe's own data, to publish."
            )
    rows = [evaluate(as_stored(models.load(folder)), n=n, **where) for folder in folders]
    for row, each in zip(rows, settings, strict=True):
        row["seed"] = each["seed"]
    rows.sort(key=lambda row: row["seed"])
    shown = columns(config)
    scores = {
        "median": {each.key: statistics.median(row[each.key] for row in rows) for each in shown},
        "seeds": rows,
    }

    dossier = DOSSIERS / name
    make_folder(dossier)
    for file in ("config.json", "environment.json", "summary.json"):
        shutil.copyfile(folders[0] / file, dossier / file)
    lines = read_metrics(folders[0])
    thinned = lines[:: max(1, len(lines) // 400)]  # a curve on a page needs no more
    write_text(dossier / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in thinned))
    write_json(dossier / "scores.json", scores)
    film_of_run(folders[0], dossier / "film.webp")
    game = as_stored(models.load(folders[0]))
    save_grid(dossier / "samples.png", showcase(game, root), columns=10)

    weights = BUNDLED / "weights" / name
    tensors = {key: value.contiguous() for key, value in game.state_dict().items()}
    if in_half(game):
        tensors = {
            key: value.half() if value.is_floating_point() else value
            for key, value in tensors.items()
        }
    with replacing(weights / "model.safetensors") as temporary:
        save_file(tensors, temporary)
    shutil.copyfile(dossier / "config.json", weights / "config.json")
    write_pages(name)
    write_json(BUNDLED / MANIFEST, manifest(BUNDLED))
    write_text(DOSSIERS / "LEDGER.md", ledger())
    return scores


def in_half(game) -> bool:
    """Whether a game's weights are published as float16: those of more than 2 MB are."""
    return sum(value.nbytes for value in game.state_dict().values()) > 2e6


def as_stored(game):
    """The game with its weights rounded as they are published, so that the table is of what the reader loads."""
    if in_half(game):
        for value in game.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
    return game


def showcase(game, root: str | Path | None = None) -> Tensor:
    """What a dossier's sheet of ten columns shows: 80 samples; of a translator, rows of input, translation and target."""
    if not hasattr(game, "translate"):
        return game.sample(80, seed=0)
    config = game.config
    test = data.load(config.pictures, "test", root=root, **config.options).take(30, seed=0)
    inputs, targets = (test[name].float() / 127.5 - 1 for name in ("input", "target"))
    rows = (
        inputs.expand_as(targets),
        game.translate(test["input"]),
        targets,
    )  # three of (30, 3, S, S)
    return torch.stack([row.unflatten(0, (3, 10)) for row in rows], 1).flatten(0, 2)


def write_pages(name: str) -> None:
    """Write a dossier's table and card anew from its files."""
    write_text(DOSSIERS / name / "table.md", table(name))
    write_text(BUNDLED / "weights" / name / "README.md", card(name))


def table(name: str) -> str:
    """A dossier's scores as a Markdown table: a row a seed, and the medians."""
    shown, scores = columns(config_of(name)), read_json(DOSSIERS / name / "scores.json")
    rows = [(str(row["seed"]), row) for row in scores["seeds"]] + [("median", scores["median"])]
    heads = f"| {' | '.join(['seed', *(each.head for each in shown)])} |\n|{'---|' * (len(shown) + 1)}\n"
    return heads + "".join(
        f"| {' | '.join([label, *(format(row[each.key], each.form) for each in shown)])} |\n"
        for label, row in rows
    )


def config_of(name: str):
    """The Config of a published run."""
    return models.configure(read_json(DOSSIERS / name / "config.json"))


def hardware(name: str) -> str:
    """Where a dossier's run was made, in words."""
    environment = read_json(DOSSIERS / name / "environment.json")
    if environment["kind"] == "cpu":
        threads = environment["threads"]
        return f"{threads} CPU thread{'s' if threads > 1 else ''}, {environment['precision'].replace('no', 'float32')}"
    return f"{environment['device']}, {environment['precision'].replace('no', 'float32')}"


def card(name: str) -> str:
    """The model card that lies beside the weights."""
    config, summary = (
        read_json(DOSSIERS / name / f"{file}.json") for file in ("config", "summary")
    )
    first = read_json(DOSSIERS / name / "scores.json")["seeds"][0]
    weights = BUNDLED / "weights" / name / "model.safetensors"
    changes = " ".join(
        f"-s {key}={spelled(value)}" for key, value in difference_from_scale(config).items()
    )
    recipe = f"gancourse train {config['chapter']} --scale {scale_of(config)} {changes} --seed {config['seed']} --source full"
    trained_on, licence = DATA[config["pictures"]]
    networks = " and ".join(config_of(name).build().averaged)
    return f"""# {name}

{models.CHAPTERS[config["chapter"]]}, form `{config["form"]}`: all networks of the game, the {networks} averaged.

- **Use:** {use(name, config)}
- **Trained on:** {trained_on.format(split=SPLITS.get(config["split"], config["split"]))}.
- **Recipe:** `{recipe} --folder RUN`
- **Made on:** {hardware(name)}; {summary["step"]:,} steps of {config["batch_size"]} in {minutes(summary)} minutes.
- **Still wanted:** {wanted(name) or "nothing"}.
- **Licence of the weights:** {licence}.
- **SHA-256 of model.safetensors:** `{sha256(weights)}` ({weights.stat().st_size:,} bytes).

## Scores

{table(name)}
{protocol(first)} The weights are those of seed {config["seed"]}.

## Limits

{LIMITS[config["pictures"]]}
"""


def use(name: str, config: dict) -> str:
    """How pictures are drawn with a model, and how a chapter's conditions are given."""
    if config["chapter"] in USES:
        return USES[config["chapter"]].format(name=name, **config)
    shape = ", ".join(map(str, config["shape"]))
    drawn = f'`gancourse.load("{name}").sample(64, seed=0)` gives (64, {shape}) floats in [-1, 1].'
    asking = ASKING.get(config["chapter"], "")
    if config["chapter"] == "infogan":
        category = tuple(min(3, size - 1) for size in config["categories"])
        continuous = tuple((0.5, -1.0)[i % 2] for i in range(config["continuous"]))
        asking = asking.format(
            category=category[0] if len(category) == 1 else category, continuous=continuous
        )
    return f"{drawn} {asking}".strip()


def protocol(row: dict) -> str:
    """What the scores of a dossier's row were measured on, in a sentence or two."""
    said = []
    if "reference" in row:
        said.append(
            f"{row['samples']:,} samples against {row['reference']}, {row['reference_samples']:,} pictures; recall, density "
            f"and coverage with k = {row['k']} on {row['neighbourhood_samples']:,} of each."
        )
    if "parzen_test" in row:
        said.append(f"Parzen on {row['parzen_test']}.")
    if "labels_test" in row:
        said.append(
            f"Labels: {row['samples']:,} samples, the classes in turn; real pictures: {row['labels_test']}."
        )
    if "taught_samples" in row:
        said.append(f"Trained on {row['taught_samples']:,} samples.")
    if "pairs_test" in row:
        said.append(
            f"{row['draws']} draws of each pair of {row['pairs_test']}, after quantisation to the {row['colours']} commonest "
            f"colours of the training pictures ({row['covered']:.1%} of the pixels have one exactly). The line art unchanged "
            f"scores {row['floor_per_pixel']:.3f}, {row['floor_per_class']:.3f} and {row['floor_class_iou']:.3f}, and "
            f"{row['floor_inside']:.3f} inside the {row['region']:.1%} of the pixels that need colour."
        )
    if "mig" in row:
        said.append(
            f"Codes are scored on {row['codes_test']}; before training the same networks have fresh weights."
        )
    elif "codes_test" in row:
        said.append(f"Codes are matched on training pictures and scored on {row['codes_test']}.")
    return "\n".join(said)


def minutes(summary: dict) -> int:
    """A run's length as a reader plans it, at least one minute."""
    return max(1, round(summary["seconds"] / 60))


def scale_of(config: dict) -> str:
    """The scale whose recipe is nearest to a stored config."""
    return min(
        ("full", "class", "check"), key=lambda scale: len(difference_from_scale(config, scale))
    )


def difference_from_scale(config: dict, scale: str | None = None) -> dict:
    """Form, and every value in which a stored config differs from the recipe of its form at a scale."""
    chosen = models.configure(config)
    recipe = type(chosen).at(scale or scale_of(config), config["form"])
    fields = {key: value for key, value in vars(chosen).items() if value != getattr(recipe, key)}
    return {"form": config["form"], **fields}


def others(config: dict) -> str:
    """What else a stored config changes in its scale's recipe: ", augment=1.0"."""
    said = ("form", "width", "steps", "batch_size")
    changes = {
        key: value for key, value in difference_from_scale(config).items() if key not in said
    }
    return "".join(f", {key}={spelled(value)}" for key, value in changes.items())


def wanted(name: str) -> str:
    """What a published run still lacks: "a GPU", "the full recipe", both, or nothing ("")."""
    config = read_json(DOSSIERS / name / "config.json")
    on_cpu = read_json(DOSSIERS / name / "environment.json")["kind"] == "cpu"
    reduced = scale_of(config) != "full" or len(difference_from_scale(config)) > 1
    return " and ".join(["a GPU"] * on_cpu + ["the full recipe"] * reduced)


def headline(name: str, median: dict) -> str:
    """The one score by which a reader knows the model: classifier-FID in chapter 1, else the table's first."""
    shown = columns(config_of(name))
    best = next(
        (
            each
            for each in shown
            if (each.key, chapter_of(config_of(name))) == ("classifier_fid", "gan")
        ),
        shown[0],
    )
    return f"{best.head} {median[best.key]:{best.form}}"


def ledger() -> str:
    """runs/LEDGER.md: what is published, and what a GPU should still train."""
    lines = [
        "| model | chapter | recipe | hardware | minutes | seeds | median score | still wanted |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in models.published():
        config, summary, scores = (
            read_json(DOSSIERS / name / f"{file}.json") for file in ("config", "summary", "scores")
        )
        lines.append(
            f"| {name} | {config['chapter']} | {config['form']}, width {config['width']}, {summary['step']:,} steps "
            f"of {config['batch_size']}{others(config)} | {hardware(name)} | {minutes(summary)} | {len(scores['seeds'])} "
            f"| {headline(name, scores['median'])} | {wanted(name) or 'nothing'} |"
        )
    return "# Ledger of runs\n\n" + "\n".join(lines) + "\n"
