"""What a chapter's notebook needs so that its cells hold only what it teaches."""

from __future__ import annotations

import difflib
import inspect
import os
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

import torch

from gancourse import models
from gancourse.data.sources import Pictures
from gancourse.files import DOSSIERS, CourseError, read_json
from gancourse.press import runs
from gancourse.training import Machine, Record, train

SCALES = ("check", "class", "full")


def scale(given: str = "auto") -> str:
    """The scale to run at: the one given, else the environment variable GANCOURSE_SCALE, else "check".

    Raises:
        CourseError: it is none of check, class and full.
    """
    chosen = os.environ.get("GANCOURSE_SCALE", "check") if given == "auto" else given
    if chosen not in SCALES:
        raise CourseError(f"scale={chosen!r} was asked for. Choose one of: {', '.join(SCALES)}.")
    return chosen


def play(
    config,
    pictures: Pictures | dict,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    watch: Iterable[Callable] = (),
    **options,
) -> Record:
    """Build a chapter's game with weights that `seed` decides, and train it by its Config (see `training.train`).

    A game that draws nothing worth seeing without an input says by a method `preview` what its progress pictures show.
    """
    game = models.begin(config, seed)
    machine = Machine(**{name: options.pop(name) for name in MACHINE & options.keys()})
    tensors = getattr(pictures, "tensors", pictures)
    return train(
        game, tensors, seed=seed, folder=folder or None, machine=machine, watch=watch, **options
    )


MACHINE = {field.name for field in fields(Machine)}


def quote(*things):
    """The source of functions and classes as it stands in the package: a page shows what runs, never a copy."""
    from IPython.display import Markdown

    sources: dict[str, list[str]] = {}
    for thing in things:
        home = inspect.getsourcefile(thing).replace(os.sep, "/").rpartition("/gancourse/")[2]
        sources.setdefault(f"gancourse/{home}", []).append(
            textwrap.dedent(inspect.getsource(thing)).rstrip()
        )
    blocks = ("\n\n\n".join(each) for each in sources.values())
    quoted = zip(sources, blocks, strict=True)
    return Markdown("\n\n".join(f"`{home}`\n\n```python\n{source}\n```" for home, source in quoted))


def changes(before, after, context: int = 2):
    """What changes from one function, class or network to another, as a diff: lines that go (-), come (+) and stay.

    Functions and classes are compared by their source, networks by their layers. `context` lines that stay are shown
    around each change.
    """
    from IPython.display import Markdown

    texts = [
        repr(thing)
        if isinstance(thing, torch.nn.Module)
        else textwrap.dedent(inspect.getsource(thing))
        for thing in (before, after)
    ]
    lines = difflib.unified_diff(*(text.splitlines() for text in texts), n=context, lineterm="")
    kept = [
        "..." if line.startswith("@@") else line
        for line in lines
        if not line.startswith(("---", "+++"))
    ]
    return Markdown("```diff\n" + "\n".join(kept[1:] if kept[:1] == ["..."] else kept) + "\n```")


def dossier(name: str):
    """The table of a published run: its scores, seed by seed, and what it was made on."""
    from IPython.display import Markdown

    config, summary = (
        read_json(DOSSIERS / name / f"{file}.json") for file in ("config", "summary")
    )
    made = (
        f"Width {config['width']}, {summary['step']:,} steps of {config['batch_size']}, "
        f"{runs.minutes(summary)} minutes a seed on {runs.hardware(name)}."
    )
    if wanted := runs.wanted(name):
        made += f" A short run: these weights will be replaced by those of {wanted}."
    return Markdown(f"{runs.table(name)}\n{made}")
