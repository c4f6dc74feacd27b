"""The executed notebooks by which published models were made.

runs/notebooks/<notebook>-<digest>.ipynb  each once, made small: a chapter's, or the workbench
runs/<name>/notebook.json                 which of them made this model, and when

One notebook can make several models, published one after the other. It is therefore kept once,
under a name that its content decides, and each dossier names it: no model can show a notebook that
made another one, and a notebook that no dossier names any longer is removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import torch
from nbformat import NotebookNode

from gancourse import chapters, models
from gancourse.files import DOSSIERS, CourseError, read_json, write_json
from gancourse.press import running
from gancourse.press.dossier import POINTER, recipe_of
from gancourse.recipe import read, spell

NAME = "notebook.ipynb"  # as `running.execute` leaves it
KEPT = "notebooks"  # the folder among the dossiers


def beside(run: Path) -> Path | None:
    """The notebook that `gancourse run` left in a run's folder or in the one above, if any.

    A chapter that trains one model does so in the folder itself, another in a folder for each.
    """
    run = Path(run).resolve()
    found = (folder / NAME for folder in (run, run.parent))
    return next((path for path in found if path.is_file()), None)


def runs_in(folder: Path) -> list[Path]:
    """The folders of the runs that a notebook left in its folder.

    Raises:
        CourseError: there is no such folder.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder}: no folder; give the one that `gancourse run` filled.")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [place for place in places if (place / "config.json").is_file()]


def check(notebook: NotebookNode, path: Path, run: Path) -> None:
    """Raise a CourseError unless a notebook was executed to its end and made a run.

    Args:
        notebook: what `path` holds.
        run: the folder of a run. It may have been moved since, together with the folder above it.
    """
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    if not {"folder", "scale"} <= given.keys():
        raise CourseError(
            f"{path}: was not run by `gancourse run`, for it has no folder and scale of "
            "papermill's; give the notebook that was."
        )
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        first = cell.source.strip().splitlines()[0]
        if any(output.output_type == "error" for output in cell.outputs):
            raise CourseError(
                f"{path}: cell {number} (`{first}`) ends in an error; run the notebook again."
            )
        if cell.execution_count is None:
            raise CourseError(
                f"{path}: cell {number} (`{first}`) was not run; run the notebook to its end."
            )
    place = Path(run).resolve()
    wrote_to = re.split(r"[\\/]", given["folder"].rstrip("\\/"))[-1]
    if wrote_to not in (place.name, place.parent.name):
        raise CourseError(
            f"{path}: its folder was {wrote_to}, and {run} does not lie in a folder of that name; "
            "give the notebook that made this run."
        )
    check_recipe(notebook, path, run)


def check_recipe(notebook: NotebookNode, path: Path, run: Path) -> None:
    """Raise a CourseError unless a run has the recipe that a notebook's parameters ask for."""
    import papermill

    settings, _ = models.of_run(Path(run))
    config = chapters.configure(settings)
    given = notebook.metadata["papermill"]["parameters"]
    wanted = {"seed": 0}
    for name, each in papermill.inspect_notebook(notebook).items():
        if name in ("seed", "form"):
            wanted[name] = read(name, each["default"].strip("\"'"), each["inferred_type_name"])
    wanted |= {name: value for name, value in given.items() if name in settings}
    wanted.pop("scale", None)  # a chapter may have a setting of this name, which is another thing
    for name, value in wanted.items():
        if settings[name] != value:
            raise CourseError(
                f"{path}: {name}={value!r}, and {run} has {name}={settings[name]!r}; give the "
                "notebook that made this run."
            )
    if source_name(notebook, config.chapter) == running.WORKBENCH:
        recipe = recipe_of(given["model"], given["scale"])
    else:
        recipe = type(config).at(given["scale"], config.form)
    if type(recipe) is not type(config):
        raise CourseError(
            f"{path}: trained {given['model']}, of chapter {recipe.chapter}, and {run} is of "
            f"chapter {config.chapter}; give the notebook that made this run."
        )
    told = {*given, *config.drawing()} - {"scale"}
    other = {
        name: value
        for name, value in vars(config).items()
        if name not in told and value != getattr(recipe, name)
    }
    if other:
        said = ", ".join(f"{name}={spell(value)}" for name, value in other.items())
        raise CourseError(
            f"{path}: ran at scale {given['scale']}, whose recipe is not that of {run} ({said}); "
            "give the notebook that made this run."
        )


def source_name(notebook: NotebookNode, chapter: str) -> str:
    """Which notebook an executed one is: the workbench, the only one that has a parameter called
    model, or the chapter's.
    """
    given = notebook.metadata["papermill"]["parameters"]
    return running.WORKBENCH if "model" in given else chapter


def made_of(run: Path) -> list[str]:
    """The published models whose weights are those of a run.

    Weights say it best: a config may have gained a setting since, and two seeds have one config.
    """
    settings, tensors = models.of_run(Path(run))
    found = []
    for name in models.published():
        known, kept = models.stored(name)
        if all(known[key] == settings[key] for key in ("chapter", "form", "seed")) and all(
            key in tensors and torch.equal(tensors[key].to(value.dtype), value)
            for key, value in kept.items()
        ):
            found.append(name)
    return found


def keep(notebook: NotebookNode | None, chapter: str, names: Iterable[str]) -> Path | None:
    """Let the dossiers of published models name an executed notebook, or none; return where it is.

    Args:
        notebook: made small, see `shrinking.small`.
        names: of the models.
    """
    path = None
    if notebook:
        content = f"{nbformat.writes(notebook)}\n".encode()
        source = source_name(notebook, chapter)
        path = DOSSIERS / KEPT / f"{source}-{digest(content)}.ipynb"
        note = notebook.metadata["papermill"]
        running.write(notebook, path)
    for name in names:
        pointer = DOSSIERS / name / POINTER
        if notebook:
            when = {"began": note["start_time"], "seconds": note["duration"]}
            scale = note["parameters"]["scale"]
            write_json(pointer, {"file": path.name, "scale": scale, **when})
        else:
            pointer.unlink(missing_ok=True)
    sweep()
    return path


def digest(content: bytes) -> str:
    """By what an executed notebook is told from others of the same name."""
    return hashlib.sha256(content).hexdigest()[:8]


def sweep() -> None:
    """Remove the notebooks that no dossier names any longer."""
    named = {read_json(path)["file"] for path in DOSSIERS.glob(f"*/{POINTER}")}
    for path in (DOSSIERS / KEPT).glob("*.ipynb"):
        if path.name not in named:
            path.unlink()
