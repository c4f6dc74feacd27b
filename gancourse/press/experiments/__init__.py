"""Questions that no single run can answer: many short ones that differ in one thing, trained in turn and kept.

    python -m gancourse.press.experiments.labels       chapter 2: is a GAN that is told the labels faster, and steadier?
    python -m gancourse.press.experiments.faces        chapter 3: what finds glasses: the price, the codes, or the seed?
    python -m gancourse.press.experiments.ablations    chapter 6: what each part of pix2pix is worth

An experiment keeps its runs, and the page that the book shows, in the dossier of its chapter's model.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gancourse.files import CourseError, read_json, write_json, write_text


def keep(
    file: Path,
    recipe: dict,
    wanted: Iterable[dict],
    run: Callable[[dict], dict],
    page: Callable[[list], str],
) -> list:
    """Do every wanted run that `file` lacks, and write it and the page beside it (.md) anew after each.

    An interrupted call goes on where it was.

    Args:
        file: JSON with "recipe" and "runs".
        recipe: what all runs share, as plain values that JSON gives back the same.
        wanted: what tells one run from another, such as {"seed": 0}.
        run: does one, and returns what was measured.
        page: all runs so far, each what it was wanted as and what was measured -> Markdown.

    Returns:
        All runs, those that were there before first.

    Raises:
        CourseError: the file's runs had another recipe.
    """
    kept = read_json(file) if file.is_file() else {"recipe": recipe, "runs": []}
    if kept["recipe"] != recipe:
        raise CourseError(
            f"{file} holds runs of another recipe. Give another --folder, or delete it."
        )
    for each in wanted:
        if not any(each.items() <= done.items() for done in kept["runs"]):
            kept["runs"].append({**each, **run(each)})
            write_json(file, kept)
            write_text(file.with_suffix(".md"), page(kept["runs"]))
    return kept["runs"]


def spread(values: Sequence[float], form: str) -> str:
    """Median, least and most; a run that never came there is "never"."""
    shown = [
        format(value, form) if math.isfinite(value) else "never"
        for value in (statistics.median(values), min(values), max(values))
    ]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"
