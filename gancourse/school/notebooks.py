"""The course's notebooks as files: run in place, or copied for students or with the stubs solved.

`gancourse notebooks refresh|student|solved` calls these functions. Tags say what a code cell is:

    exercise-setup    imports what the exercises need
    stub              for the student to fill in
    check             calls the stub's checker
    solution          follows its stub, between sphinx-exercise's {solution-start} and
                      {solution-end}; tagged `check` as well, it checks the solution
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from nbformat import NotebookNode

from gancourse.files import CourseError
from gancourse.press.running import ANSI, read, run, with_plain_line_ends, write

WIDGET = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"\d+%\||\[\d\d:\d\d(:\d\d)?[<,]")  # tqdm's, with or without a known end
MARKDOWN = MarkdownIt().use(colon_fence_plugin)  # what MyST parses the book with
FENCES = ("fence", "colon_fence")
DIRECTIVE = re.compile(r"\{((?:exercise|solution)(?:-start|-end)?)\}(?:\s+(.*))?", re.IGNORECASE)
OPTIONS = re.compile(r"\A(?:---\n(?:.*\n)*?---\n|(?:[ \t]*:[\w-]+:.*\n)*)")  # of a directive
# A line that marks a solution, in any spelling. `leaks` must not depend on how MARKDOWN reads it.
MARK = re.compile(
    r"\{\W*solution|solution[-_](?:start|end)|^\W*#\W*solution|^\W*(?:begin|end)\W+solution",
    re.IGNORECASE,
)


def refresh(path: str | Path, timeout: int = 600) -> float:
    """Run a notebook in place, in its own folder, and return the seconds it took.

    Outputs that differ from run to run, or that need a kernel to be seen, are left out: see `tidy`.

    Args:
        timeout: seconds that one cell may take.

    Raises:
        CourseError: it is no notebook or failed (see `running.run`); the file is as it was.
    """
    path, began = Path(path), time.perf_counter()
    notebook = read(path)
    run(notebook, path, timeout)
    write(tidy(notebook), path)
    return time.perf_counter() - began


def tidy(notebook: NotebookNode) -> NotebookNode:
    """A copy without widgets, progress bars, execution times and the version of Python."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(without_progress, cell.outputs) if output]
    return notebook


def without_progress(output: NotebookNode) -> NotebookNode | None:
    """An output without what only a running kernel can show, or None if nothing is left."""
    if WIDGET in output.get("data", {}):
        return None
    if output.output_type != "stream" or output.name != "stderr":
        return output
    lines = ANSI.sub("", output.text).replace("\r", "\n").splitlines()
    kept = [line for line in lines if line.strip() and not BAR.search(line)]
    return NotebookNode({**output, "text": "\n".join(kept) + "\n"}) if kept else None


def student(notebook: NotebookNode) -> NotebookNode:
    """A copy to work in: no solutions, no outputs, and exercises under plain headings.

    Raises:
        CourseError: a solution lacks its start or end, or something of one is left (see `leaks`).
    """
    made, cells, inside = with_plain_line_ends(tidy(notebook)), [], False
    for number, cell in enumerate(made.cells, 1):
        kept = not inside
        if cell.cell_type == "markdown":
            try:
                cell.source, inside = without_solutions(cell.source, inside)
            except CourseError as error:
                raise CourseError(f"cell {number}: {error}") from error
            kept = bool(cell.source)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if kept and "solution" not in tags(cell):
            cells.append(cell)
    if inside:
        raise CourseError(
            "the last {solution-start} has no {solution-end}; add one below its last cell."
        )
    made.cells = cells
    if found := leaks(notebook, made):
        raise CourseError(
            f"{found[0]!r} would give a solution away; move it between {{solution-start}} and "
            "{solution-end}, tag its cell `solution`, or correct the mark."
        )
    return made


def without_solutions(text: str, inside: bool) -> tuple[str, bool]:
    """Markdown without its solutions and with headings for exercises.

    Args:
        inside: whether a solution that an earlier cell started is still open.

    Returns:
        The text, and whether a solution is open at its end.

    Raises:
        CourseError: a solution starts inside another one, or ends where none is open.
    """
    lines, kept, at = text.split("\n"), [], 0
    for token in MARKDOWN.parse(text):
        found = DIRECTIVE.fullmatch(token.info.strip()) if token.type in FENCES else None
        if not found:
            continue
        kind, title = found[1].lower(), (found[2] or "").strip()
        start, end = token.map
        kept += [] if inside else lines[at:start]
        at = end
        if kind in ("solution-start", "solution-end"):
            if inside == (kind == "solution-start"):
                said = "has another one inside" if inside else "has no {solution-start} above"
                raise CourseError(f"a {{{kind}}} {said}; let solutions start and end in turn.")
            inside = not inside
        elif kind in ("exercise", "exercise-start") and not inside:
            body = OPTIONS.sub("", token.content).strip()
            kept += [f"### Exercise: {title}", *(["", body] if body else [])]
    kept += [] if inside else lines[at:]
    return "\n".join(kept).strip(), inside


def solved(notebook: NotebookNode) -> NotebookNode:
    """The student's copy with each stub replaced by its solution: what a perfect student hands in.

    Raises:
        CourseError: a stub has no solution, a solution has no stub, or as `student` does.
    """
    notebook, answers = copy.deepcopy(notebook), {}
    for place, cell in enumerate(notebook.cells):
        if "stub" in tags(cell):
            answers[place] = []
        elif cell.cell_type == "code" and "solution" in tags(cell) and "check" not in tags(cell):
            if not answers:
                raise CourseError(f"cell {place + 1}: a solution without a stub above; add one.")
            answers[max(answers)].append(cell.source)
    for place, sources in answers.items():
        if not sources:
            raise CourseError(
                f"cell {place + 1}: a stub without a solution; add a cell tagged `solution`."
            )
        notebook.cells[place].source = "\n\n".join(sources)
    return student(notebook)


def leaks(notebook: NotebookNode, handed_out: NotebookNode) -> list[str]:
    """Lines of a copy to hand out that give a solution away, or that mark one.

    This guards `student` and uses none of its parsing: it compares plain lines. Lines of under ten
    characters (`else:`) and those that a stub shows as well give nothing away.
    """
    shared = {
        line
        for cell in notebook.cells
        if tags(cell) & {"exercise-setup", "stub"}
        for line in plain(cell.source)
    }
    secret = {line for line in solutions(notebook) if len(line) >= 10} - shared
    tagged = {
        next(iter(plain(cell.source)), "an empty cell tagged `solution`")
        for cell in handed_out.cells
        if any("solution" in tag for tag in tags(cell))
    }
    shown = {line for cell in handed_out.cells for line in plain(cell.source)}
    marked = {line for line in shown if MARK.search(line)}
    rest = json.dumps(
        [{**handed_out, "cells": None}, *({**cell, "source": ""} for cell in handed_out.cells)]
    )
    hidden = {line for line in secret if json.dumps(line)[1:-1] in rest}
    return sorted(tagged | marked | secret & shown | hidden)


def solutions(notebook: NotebookNode) -> Iterator[str]:
    """The lines of every solution: of tagged cells, and between lines that mark start and end."""
    inside = False
    for cell in notebook.cells:
        fence = ""  # of a {solution} that is one directive; it ends with its cell at the latest
        for line in plain(cell.source):
            bare = "".join(line.lower().split()).lstrip(">")
            if "{solution-start}" in bare or "{solution-end}" in bare:
                inside = "{solution-start}" in bare
            elif "{solution}" in bare:
                fence = bare.partition("{")[0]
            elif fence and bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
            elif re.match(r":[\w-]+:", bare) or "check" in tags(cell):
                continue  # options of a directive and calls of a checker are no secret
            elif inside or fence or "solution" in tags(cell):
                yield line


def plain(text: str) -> list[str]:
    """A text's lines, at every kind of line end, without the blanks around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def tags(cell: NotebookNode) -> set[str]:
    return {tag.strip().lower() for tag in cell.metadata.get("tags", [])}


def hand_out(path: Path, action: str, folder: Path) -> Path:
    """Write the `student` or `solved` copy of a notebook into a folder; return its path.

    Raises:
        CourseError: no copy can be made (see both), or it would replace the notebook itself.
    """
    target = folder / path.name
    if target.resolve() == path.resolve():
        raise CourseError(f"{target}: would be overwritten by its copy; give another folder, --to.")
    notebook = read(path)
    try:
        made = {"student": student, "solved": solved}[action](notebook)
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error
    write(made, target)
    return target
