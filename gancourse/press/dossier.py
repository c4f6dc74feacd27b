"""The dossier that a published run leaves in the repository, and the pages written from it.

runs/<name>/
    scores.json       the protocol's numbers, a row per seed, and their medians
    config.json, environment.json, summary.json, metrics.jsonl   of the first seed's run
    film.webp, film-still.png, samples.png
    notebook.json     which of runs/notebooks made it, if a notebook did (see `executed`)
    table.md          the scores as the book shows them
runs/LEDGER.md        a line per model: what was trained, on what, and what is still wanted
data/weights/<name>/README.md   the model's card
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import torch
from safetensors import safe_open

from gancourse import chapters, data, models
from gancourse.evaluation import Column
from gancourse.files import BUNDLED, DOSSIERS, CourseError, read_json, sha256, write_text
from gancourse.recipe import Recipe, spell

POINTER = "notebook.json"
HEADS = ("model", "chapter", "recipe", "made on", "minutes", "seeds", "median score", "wanted")


class Dossier:
    """A published run as its files describe it. Each file is read once, when it is first needed."""

    def __init__(self, name: str):
        self.name = name
        self.folder, self.shelf = DOSSIERS / name, BUNDLED / "weights" / name

    @cached_property
    def settings(self) -> dict:
        """The Config and what the training loop added to it: seed, processes, data, lineage."""
        return read_json(self.folder / "config.json")

    @cached_property
    def config(self) -> Recipe:
        return chapters.configure(self.settings)

    @cached_property
    def environment(self) -> dict:
        return read_json(self.folder / "environment.json")

    @cached_property
    def summary(self) -> dict:
        return read_json(self.folder / "summary.json")

    @cached_property
    def scores(self) -> dict:
        return read_json(self.folder / "scores.json")

    @cached_property
    def notebook(self) -> dict | None:
        """The executed notebook that made the run: file, scale, when it began, and its seconds."""
        path = self.folder / POINTER
        return read_json(path) if path.is_file() else None

    def recipe(self, scale: str = "full") -> Recipe:
        """At "full", the run's own Config. At another scale, that scale's recipe for the same form
        and pictures, with whatever else sets this run apart from its full recipe; its length is
        that scale's.
        """
        told = changes(self.config)
        if scale != "full":
            told.pop("steps", None)
        return type(self.config).at(scale, **told)

    @property
    def protocol(self):
        return chapters.protocol(self.config.chapter)

    @property
    def hardware(self) -> str:
        """What the run was made on: "1 CPU thread, float32"."""
        made, precision = self.environment, self.environment["precision"]
        device, threads = made["device"], made["threads"]
        if made["kind"] == "cpu":
            device = f"{threads} CPU thread{'s' if threads > 1 else ''}"
        return f"{device}, {'float32' if precision == 'no' else precision}"

    @property
    def minutes(self) -> int:
        """How long the run took, at least one minute."""
        return max(1, round(self.summary["seconds"] / 60))

    @property
    def took(self) -> str:
        """How long the run took, in words: "1 minute"."""
        return f"{self.minutes} minute{'' if self.minutes == 1 else 's'}"

    @property
    def energy(self) -> str:
        """What the hardware counted: "0.12 kWh by the CPU's counters", or ""."""
        counted = {kind: each for kind, each in self.summary.get("joules", {}).items() if each}
        parts = [
            f"{each / 3.6e6:.2g} kWh by the {kind.upper()}'s" for kind, each in counted.items()
        ]
        return f"{' and '.join(parts)} counters" if parts else ""

    @property
    def length(self) -> str:
        return f"{self.summary['step']:,} steps of {self.config.batch_size}"

    @property
    def wanted(self) -> str:
        """What nobody has trained yet: "the gpu recipe", or "" if this run is that."""
        smaller = changes(self.config, "gpu").keys() - {"form", "pictures", "split"}
        return "the gpu recipe" if smaller else ""

    @property
    def headline(self) -> str:
        """The one score by which a reader knows the model, the median over seeds."""
        column = self.protocol.headline(self.config)
        return f"{column.head} {self.scores['median'][column.key]:{column.form}}"

    @property
    def networks(self) -> str:
        """The networks that the published file holds."""
        with safe_open(self.shelf / "model.safetensors", "np") as file:
            held = {key.partition(".")[0] for key in file.keys() if "." in key}  # noqa: SIM118
        with torch.device("meta"):
            game = self.config.build()
        averaged = game.averaged if self.config.ema else ()
        return ", ".join(
            f"{name} (averaged over training)" if name in averaged else name
            for name, _ in game.named_children()
            if name in held
        )

    @property
    def measured_on(self) -> str:
        """What the scores were measured on, in sentences."""
        seed = self.settings["seed"]
        (published,) = (row for row in self.scores["seeds"] if row["seed"] == seed)
        return f"{self.protocol.sentence(published)} {self.dashes}".strip()

    @property
    def dashes(self) -> str:
        """Why the table has dashes, or "" if it has none."""
        shown = self.protocol.columns(self.config)
        missing = [each.head for each in shown if each.key not in self.scores["median"]]
        if not missing:
            return ""
        return (
            f"A dash: this score ({', '.join(missing)}) is newer than the runs, and could only be "
            f"measured where the weights are kept, for seed {self.settings['seed']}."
        )

    def table(self) -> str:
        """The scores in Markdown: a row per seed, then the medians. A dash: not measured."""
        shown, scores = self.protocol.columns(self.config), self.scores
        rows = {str(row["seed"]): row for row in scores["seeds"]} | {"median": scores["median"]}
        return markdown(
            ["seed", *(column.head for column in shown)],
            ([label, *cells(shown, row)] for label, row in rows.items()),
        )

    @property
    def command(self) -> str:
        """What trains it again."""
        config = self.config
        changed = " ".join(f"-s {key}={spell(value)}" for key, value in changes(config).items())
        return (
            f"gancourse train {config.chapter} --scale full {changed} "
            f"--seed {self.settings['seed']} --source full --folder RUN"
        )

    def card(self) -> str:
        """The model card that lies beside the weights."""
        config, seed = self.config, self.settings["seed"]
        about = data.about(config.pictures)
        weights = self.shelf / "model.safetensors"
        return f"""# {self.name}

{chapters.chapter(config.chapter).title}, form `{config.form}`.

- **Use:** {self.protocol.use(self.name, config)}
- **Networks in the file:** {self.networks}.
- **Trained on:** {about.trained_on(config.split)}.
- **Recipe:** `{self.command}`
- **Made on:** {self.hardware}; {self.length} in {self.took}.
- **Still wanted:** {self.wanted or "nothing"}.
- **Licence of the weights:** {about.weights_licence}.
- **SHA-256 of model.safetensors:** `{sha256(weights)}` ({weights.stat().st_size:,} bytes).

## Scores

{self.table()}
{self.measured_on} The weights are those of seed {seed}.

## Limits

{about.limits}
"""

    def line(self) -> list[str]:
        """The model's cells in the ledger."""
        config = self.config
        told = ("form", "steps", "batch_size")
        changed = (
            f", {key}={spell(value)}" for key, value in changes(config).items() if key not in told
        )
        return [
            self.name,
            config.chapter,
            f"{config.form}: {self.length}{''.join(changed)}",
            self.hardware,
            str(self.minutes),
            str(len(self.scores["seeds"])),
            self.headline,
            self.wanted or "nothing",
        ]

    def write_pages(self) -> None:
        """Write the table and the card anew."""
        write_text(self.folder / "table.md", self.table())
        write_text(self.shelf / "README.md", self.card())


def recipe_of(model: str, scale: str) -> Recipe:
    """The Config by which a published model is trained at a scale (see `Dossier.recipe`).

    Raises:
        CourseError: no published model has this name.
    """
    if model not in models.published():
        raise CourseError(
            f"model={model!r}: no published model; give one of {', '.join(models.published())}."
        )
    return Dossier(model).recipe(scale)


def ledger() -> str:
    """runs/LEDGER.md: what is published, and what somebody with a GPU could still train."""
    rows = (Dossier(name).line() for name in models.published())
    return f"""# Ledger of runs

One line per published model. `gancourse run MODEL` makes it again. `gancourse train CHAPTER --scale
full` only trains it, with the form and the settings that its recipe names. The gpu recipe has the
paper's sizes and steps: `--scale gpu`.

{markdown(HEADS, rows)}"""


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace(" --- ", "---")


def cells(columns: Iterable[Column], row: dict) -> list[str]:
    """A row's scores as the table shows them; a dash for one that was not measured."""
    return [
        format(row[column.key], column.form) if column.key in row else "–" for column in columns
    ]


def changes(config: Recipe, scale: str = "full") -> dict:
    """The form, and what else makes a Config of the recipe of its form at a scale.

    Other pictures come first, since they may have a recipe of their own.
    """
    kind, form, pictures = type(config), config.form, config.pictures
    named = {"pictures": pictures} if pictures != kind.at(scale, form).pictures else {}
    recipe = kind.at(scale, form, **named)
    found = {key: value for key, value in vars(config).items() if value != getattr(recipe, key)}
    return {"form": form, **named, **found}
