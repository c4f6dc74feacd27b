"""What notebooks call, so that their cells hold only what they teach."""

from __future__ import annotations

import difflib
import inspect
import os
import textwrap
from collections.abc import Mapping

import torch

from gancourse.files import CourseError
from gancourse.models import play as play  # notebooks call lesson.play

SCALES = ("check", "class", "full")  # what a notebook is written for


def scale(given: str = "auto") -> str:
    """The scale to run at: `given`, or for "auto" the environment's GANCOURSE_SCALE, else "check".

    Raises:
        CourseError: it is not check, class or full.
    """
    chosen = os.environ.get("GANCOURSE_SCALE", "check") if given == "auto" else given
    if chosen not in SCALES:
        name = "GANCOURSE_SCALE" if given == "auto" else "scale"
        raise CourseError(f"{name}={chosen!r}: no such scale; give one of {', '.join(SCALES)}.")
    return chosen


def trial(scale: str) -> str:
    """The scale of a run that is not the published one: no larger than "class".

    A notebook at full scale makes a published model once, and tries out much beside it.
    """
    return min(scale, "class", key=SCALES.index)


def quote(*things):
    """The source of functions and classes, under the name of their file, as Markdown for a page."""
    from IPython.display import Markdown

    sources: dict[str, list[str]] = {}
    for thing in things:
        home = (
            inspect.getsourcefile(inspect.unwrap(thing))
            .replace(os.sep, "/")
            .rpartition("/gancourse/")[2]
        )
        sources.setdefault(f"gancourse/{home}", []).append(source(thing))
    blocks = ((home, "\n\n\n".join(quoted)) for home, quoted in sources.items())
    return Markdown("\n\n".join(f"`{home}`\n\n```python\n{code}\n```" for home, code in blocks))


def changes(before, after, context: int = 2):
    """The difference between two functions, classes or networks, as a diff in Markdown.

    Functions and classes are compared by their source, networks by their layers.

    Args:
        context: unchanged lines to show around each change.
    """
    from IPython.display import Markdown

    texts = (
        (repr(thing) if isinstance(thing, torch.nn.Module) else source(thing)).splitlines()
        for thing in (before, after)
    )
    lines = list(difflib.unified_diff(*texts, n=context, lineterm=""))[3:]  # two names and an @@
    shown = "\n".join("..." if line.startswith("@@") else line for line in lines)
    return Markdown(f"```diff\n{shown}\n```")


def source(thing) -> str:
    """The source of a function or class, from the margin and without blank lines at its end.

    A decorated function is the function itself, decorators included.
    """
    return textwrap.dedent(inspect.getsource(inspect.unwrap(thing))).rstrip()


def recipe(model: str, scale: str):
    """The Config by which a published model is trained at a scale (see `press.dossier.recipe_of`).

    Raises:
        CourseError: no published model has this name.
    """
    from gancourse.press.dossier import recipe_of

    return recipe_of(model, scale)


def settings(config):
    """The settings of a Config that are not at their defaults, as a table in Markdown."""
    from IPython.display import Markdown

    from gancourse.press.dossier import markdown
    from gancourse.recipe import spell

    rows = (
        (f"`{name}`", spell(getattr(config, name)), default or "–", meaning.replace("|", "\\|"))
        for name, default, meaning in config.table()
        if spell(getattr(config, name)) != default
    )
    return Markdown(markdown(["setting", "here", "default", "meaning"], rows))


def scores(model: str, found: Mapping, seed: int):
    """A result of `gancourse.evaluation.evaluate` above the published scores of a model, as
    Markdown: those of the same seed, if it was published, and the median.
    """
    from IPython.display import Markdown

    from gancourse.press.dossier import Dossier, cells, markdown

    run = Dossier(model)
    shown = run.protocol.columns(run.config)
    rows = {"this run": found}
    rows |= {
        f"published, seed {row['seed']}": row for row in run.scores["seeds"] if row["seed"] == seed
    }
    rows["published, median"] = run.scores["median"]
    table = markdown(
        ["", *(column.head for column in shown)],
        ([name, *cells(shown, row)] for name, row in rows.items()),
    )
    said = f"This run: {run.protocol.sentence(found)}"
    if missing := [column.head for column in shown if column.key not in found]:
        said += f" Not measured, for lack of data: {', '.join(missing)}."
    return Markdown(f"{table}\n{said}")


def dossier(name: str):
    """A published model's scores for each seed, and what it was trained on, as Markdown.

    Raises:
        DamagedFile: a file of the dossier is not JSON.
    """
    from IPython.display import Markdown

    from gancourse.press.dossier import Dossier  # here, so that training needs no metrics and plots

    run = Dossier(name)
    made = f"{run.length}, {run.took} per seed on {run.hardware}."
    if run.wanted:
        made += f" Still wanted: {run.wanted}."
    return Markdown(f"{run.table()}\n{made} {run.dashes}".rstrip())
