"""In every chapter the student's copy holds no solution and scores nothing; the solutions pass."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from gancourse import files
from gancourse.school.book import Page
from gancourse.school.exercises.checking import DIFFICULTIES, Exercise, Result
from gancourse.school.guards import leaks, solutions, tags
from gancourse.school.notebooks import read, solved, student

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted(files.NOTEBOOKS.glob(files.CHAPTERS))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def checkers(path: Path) -> tuple[Exercise, ...]:
    """The exercises of a notebook's chapter: 01_gan.ipynb -> school.exercises.gan.EXERCISES."""
    return importlib.import_module(
        f"gancourse.school.exercises.{path.stem.partition('_')[2]}"
    ).EXERCISES


def score(notebook) -> list[Result]:
    """What the check cells say when only the exercises' cells run, in order, in one namespace."""
    room, results = {"__name__": "__main__"}, []
    for cell in notebook.cells:
        if cell.cell_type == "code" and tags(cell) & {"exercise-setup", "stub", "check"}:
            module = ast.parse(cell.source)
            last = module.body.pop() if "check" in tags(cell) else None
            exec(compile(module, "<cell>", "exec"), room)
            if last is not None:
                results.append(eval(compile(ast.Expression(last.value), "<cell>", "eval"), room))
    return results


@each_notebook
def test_no_solution_is_handed_out(path):
    notebook = read(path)
    handed_out = student(notebook, Page.of(path))
    assert len(list(solutions(notebook))) >= len(checkers(path))  # there was something to leave out
    assert leaks(notebook, handed_out) == []
    assert not any("solution" in tags(cell) for cell in handed_out.cells)
    assert not any("{solution" in cell.source for cell in handed_out.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in handed_out.cells)


@each_notebook
def test_nothing_else_is_left_out(path):
    """Every stub, every check of one, every cell that is no solution is still there, in order."""
    notebook = read(path)
    kept = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and "solution" not in tags(cell)
    ]
    handed_out = student(notebook, Page.of(path))
    assert [cell.source for cell in handed_out.cells if cell.cell_type == "code"] == kept


@pytest.mark.slow
@each_notebook
def test_the_students_version_scores_nothing_and_the_solutions_everything(path):
    notebook = read(path)
    names = [exercise.name for exercise in checkers(path)]
    page = Page.of(path)
    untouched, perfect = score(student(notebook, page)), score(solved(notebook, page))
    assert [result.exercise for result in untouched] == names
    assert not any(result.passed or result.started for result in untouched)
    assert [result.exercise for result in perfect] == names
    assert [str(result) for result in perfect if not result.passed] == []


@each_notebook
def test_each_exercise_says_how_long_and_how_hard(path):
    """As its checker says: "*10 minutes, easy.*" at the head of the exercise, with a hint below.

    What is to be trained and looked at has no checker.
    """
    notebook = read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    opened = re.split(r"^[`:]{3,}\{exercise(?:-start)?\}.*$", text, flags=re.MULTILINE)[1:]
    said = [
        re.search(rf"\*(\d+) minutes?, ({'|'.join(DIFFICULTIES)})\.\*", part) for part in opened
    ]
    assert all(said)
    checked = [
        match for match, part in zip(said, opened, strict=True) if "Train, and look." not in part
    ]
    assert [(int(match[1]), match[2]) for match in checked] == [
        (exercise.minutes, exercise.difficulty) for exercise in checkers(path)
    ]
    assert all("<summary>Hint</summary>" in part for part in opened)


@each_notebook
def test_what_the_page_shows_is_not_done_and_then_passed(path):
    """The committed outputs: each stub's check says not done yet, each solution's says passed."""
    shown = {True: [], False: []}
    for cell in read(path).cells:
        if "check" in tags(cell) and cell.source.startswith("check."):  # others only show a picture
            words = (
                cell.outputs[0].data["text/plain"]
                if cell.outputs
                else "no output: run `make notebooks`"
            )
            shown["solution" in tags(cell)].append(words.partition(":")[0])
    count = len(checkers(path))
    assert shown == {False: ["Not done yet"] * count, True: ["Passed"] * count}
