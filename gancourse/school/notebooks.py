"""The course's notebooks as files: run them again, take the solutions out, or put the solutions in.

    python -m gancourse.school.notebooks refresh notebooks/*.ipynb                      run in place and keep the outputs
    python -m gancourse.school.notebooks student notebooks/*.ipynb --to _build/student  without solutions and outputs
    python -m gancourse.school.notebooks solved notebooks/*.ipynb --to _build/solved    each stub replaced by its solution

Tags of code cells say what is what: `exercise-setup` imports what the exercises need; `stub` is the student's to fill in,
`check` calls its checker; `solution` comes after its stub, between sphinx-exercise's {solution-start} and {solution-end}, and
a cell with both `solution` and `check` checks the solution.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gancourse.files import CourseError, replacing

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
PROGRESS = re.compile(
    r"\d+%\||\[\d\d:\d\d(:\d\d)?[<,]"
)  # a bar of tqdm, with or without a known end
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# A MyST directive of sphinx-exercise, gated or not, whose fence may hold shorter fences.
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>(?:exercise|solution)(?:-start|-end)?)\}[ \t]*(?P<title>.*)\n"
    r"(?P<body>(?:.*\n)*?)(?P=fence)[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)


def refresh(path: str | Path, timeout: int = 600) -> float:
    """Run a notebook in place, in its own folder, and return the seconds it took.

    What differs from run to run or needs a kernel to be shown is left out: see `tidy`.

    Args:
        timeout: seconds that one cell may take.

    Raises:
        CourseError: a cell failed; the file is as it was.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

    path, began = Path(path), time.perf_counter()
    notebook = read(path)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    place = {}
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.resolve().parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=lambda cell, cell_index: place.update(cell=cell, number=cell_index + 1),
    )
    try:
        client.execute()
    except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
        # CellExecutionError prints the whole traceback, the others one line.
        source = place["cell"].source.strip().splitlines()[0] if place else "before the first cell"
        raise CourseError(
            f"{path} was left as it was: its cell {place.get('number', 0)} failed (`{source}`).\n{COLOUR.sub('', str(error))}"
        ) from error
    write(tidy(notebook), path)
    return time.perf_counter() - began


def tidy(notebook: NotebookNode) -> NotebookNode:
    """A copy without the state and views of widgets, progress bars, times of execution and the version of Python."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(without_progress, cell.outputs) if output]
    return notebook


def without_progress(output: NotebookNode) -> NotebookNode | None:
    """An output less what only a running kernel can show, or None if nothing is left."""
    if WIDGET in output.get("data", {}):
        return None
    if output.output_type != "stream" or output.name != "stderr":
        return output
    lines = COLOUR.sub("", output.text).replace("\r", "\n").splitlines()
    kept = [line for line in lines if line.strip() and not PROGRESS.search(line)]
    return NotebookNode({**output, "text": "\n".join(kept) + "\n"}) if kept else None


def student(notebook: NotebookNode) -> NotebookNode:
    """A copy to work in: no solutions, no outputs, and exercises under plain headings.

    Raises:
        CourseError: a solution begins or ends without its other half.
    """
    notebook, inside = tidy(notebook), False
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source, inside = without_solutions(cell.source, inside)
            kept = cell.source and "solution" not in tags(cell)
        else:
            kept = not inside and "solution" not in tags(cell)
        if kept:
            cells.append(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if inside:
        raise CourseError(
            "A {solution-start} has no {solution-end} after it. Add one below the solution's last cell."
        )
    notebook.cells = cells
    return notebook


def without_solutions(text: str, inside: bool) -> tuple[str, bool]:
    """Markdown outside of solutions, exercises' fences made headings; and whether a solution is still open at its end."""
    kept, at = [], 0
    for mark in DIRECTIVE.finditer(text):
        if not inside:
            kept.append(text[at : mark.start()])
        at = mark.end()
        if mark["kind"] in ("solution-start", "solution-end"):
            if inside == (mark["kind"] == "solution-start"):
                raise CourseError(
                    f"A {{{mark['kind']}}} stands where none can: solutions open and close in turn."
                )
            inside = not inside
        elif mark["kind"] in ("exercise", "exercise-start") and not inside:
            body = re.sub(r"\A(?::[\w-]+:.*\n)*", "", mark["body"]).strip()
            kept.append(
                f"### Exercise: {mark['title'].strip()}\n" + (f"\n{body}\n" if body else "")
            )
    if not inside:
        kept.append(text[at:])
    return "".join(kept).strip(), inside


def solved(notebook: NotebookNode) -> NotebookNode:
    """The student's copy with each stub replaced by the solution that follows it: what a perfect student hands in.

    Raises:
        CourseError: a stub has no solution, or a solution has no stub.
    """
    notebook, answers = copy.deepcopy(notebook), {}
    for place, cell in enumerate(notebook.cells):
        if "stub" in tags(cell):
            answers[place] = []
        elif cell.cell_type == "code" and "solution" in tags(cell) and "check" not in tags(cell):
            if not answers:
                raise CourseError(f"Cell {place + 1} is a solution, and there is no stub above it.")
            answers[max(answers)].append(cell.source)
    for place, sources in answers.items():
        if not sources:
            raise CourseError(
                f"Cell {place + 1} is a stub, and below it there is no cell tagged solution."
            )
        notebook.cells[place].source = "\n\n".join(sources)
    return student(notebook)


def leaks(notebook: NotebookNode, handed_out: NotebookNode) -> list[str]:
    """Lines of a notebook's solutions, code and text, that stand in a copy to hand out or in its outputs.

    Lines of under ten letters (`else:`) and those that the solution shares with its stub give nothing away.
    """
    open_to_all = {
        line
        for cell in notebook.cells
        if tags(cell) & {"exercise-setup", "stub"}
        for line in lines(cell.source)
    }
    secret = {
        line for text in solutions(notebook) for line in lines(text) if len(line) >= 10
    } - open_to_all
    shown = {line for cell in handed_out.cells for line in lines(cell.source)}
    outputs = json.dumps([cell.get("outputs", []) for cell in handed_out.cells])
    return sorted(line for line in secret if line in shown or json.dumps(line)[1:-1] in outputs)


def solutions(notebook: NotebookNode) -> Iterator[str]:
    """The text of every solution: cells tagged so, and whatever stands between a solution's fences."""
    inside = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            at = 0
            for mark in DIRECTIVE.finditer(cell.source):
                if inside:
                    yield cell.source[at : mark.start()]
                if mark["kind"] == "solution":
                    yield mark["body"]
                inside = mark["kind"] == "solution-start" or (
                    inside and mark["kind"] != "solution-end"
                )
                at = mark.end()
            if inside or "solution" in tags(cell):
                yield cell.source[at:]
        elif (inside or "solution" in tags(cell)) and "check" not in tags(cell):
            yield cell.source


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def read(path: str | Path) -> NotebookNode:
    """Raises `CourseError` if there is no notebook at `path`."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise CourseError(f"There is no notebook {path}.") from error
    except (ValueError, AttributeError, KeyError, nbformat.ValidationError) as error:
        raise CourseError(
            f"{path} is not a notebook ({error}). Restore it, or leave it out."
        ) from error


def write(notebook: NotebookNode, path: str | Path) -> None:
    """Write whole or not at all."""
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns 1 when a notebook failed, after the others have had their turn."""
    parser = argparse.ArgumentParser(
        prog="python -m gancourse.school.notebooks", description=__doc__.splitlines()[0]
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for name, says in {
        "refresh": "run notebooks in place and keep their outputs",
        "student": "write copies without solutions and outputs",
        "solved": "write copies whose stubs are solved",
    }.items():
        action = actions.add_parser(name, help=says)
        action.add_argument("paths", nargs="+", type=Path, metavar="NOTEBOOK")
        if name == "refresh":
            action.add_argument(
                "--timeout",
                type=int,
                default=600,
                help="seconds that one cell may take (default: 600)",
            )
        else:
            action.add_argument(
                "--to",
                type=Path,
                default=Path("_build", name),
                help=f"folder (default: _build/{name})",
            )
    given = parser.parse_args(arguments)

    failed = False
    for path in given.paths:
        try:
            if given.action == "refresh":
                print(f"{path}: run in {refresh(path, given.timeout):.0f} s", flush=True)
            else:
                print(hand_out(path, given.action, given.to), flush=True)
        except CourseError as error:
            print(f"gancourse: {error}", file=sys.stderr, flush=True)
            failed = True
    return int(failed)


def hand_out(path: Path, action: str, folder: Path) -> Path:
    """Write the `student` or `solved` copy of a notebook into a folder; return its path.

    Raises:
        CourseError: it would overwrite the notebook itself, or a student's copy would hold a line of a solution.
    """
    notebook, target = read(path), folder / path.name
    if target.resolve() == path.resolve():
        raise CourseError(
            f"{target} would be overwritten by its own copy. Name another folder with --to."
        )
    made = student(notebook) if action == "student" else solved(notebook)
    if action == "student" and (found := leaks(notebook, made)):
        raise CourseError(
            f"{path}: outside of the solutions a student would find this line of one: {found[0]}"
        )
    write(made, target)
    return target


if __name__ == "__main__":
    sys.exit(main())
