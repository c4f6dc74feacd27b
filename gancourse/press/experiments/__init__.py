"""Questions that no single run can answer: many short runs that differ in one thing, all kept.

A chapter's file in this folder holds CONFIG, the recipe that its runs share, and `run`, which
trains what is missing. The runs, and the table that the book shows, are kept in the dossier of a
published model. A call without options has nothing left to do: it finds the book's own runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gancourse import chapters
from gancourse.files import CourseError, read_json, write_json, write_text

SEEDS = (0, 1, 2)


def keep(
    file: Path,
    recipe: dict,
    wanted: Iterable[dict],
    train: Callable[[dict], dict],
    page: Callable[[list], str],
) -> list[dict]:
    """Do the runs that `file` lacks, and write it and its page (.md) after each of them.

    An interrupted call continues where it stopped.

    Args:
        file: JSON with "recipe" and "runs".
        recipe: what all runs share, as plain values that JSON returns unchanged.
        wanted: what identifies each run, such as {"seed": 0}.
        train: does one of them and returns what it measured.
        page: all runs so far, identification and measurements together -> Markdown.

    Returns:
        All runs, the oldest first.

    Raises:
        CourseError: the runs in the file have another recipe.
    """
    kept = read_json(file) if file.is_file() else {"recipe": recipe, "runs": []}
    known = kept["recipe"]
    if "chapter" in known:  # it may be older than a setting
        known = chapters.chapter(known["chapter"]).config.completed(known)
    if known != recipe:
        raise CourseError(
            f"{file}: holds runs of another recipe; give another --folder, or delete the file."
        )
    for each in wanted:
        if not any(each.items() <= done.items() for done in kept["runs"]):
            kept["runs"].append({**each, **train(each)})
            write_json(file, kept)
            write_text(file.with_suffix(".md"), page(kept["runs"]))
    return kept["runs"]


def spread(values: Sequence[float], form: str) -> str:
    """Median (least to most), each formatted by `form`; an infinite value is "never"."""
    median, least, most = (
        format(value, form) if math.isfinite(value) else "never"
        for value in (statistics.median(values), min(values), max(values))
    )
    return f"{median} ({least} to {most})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    first, *others = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([first, "|" + "---|" * len(head), *others])
