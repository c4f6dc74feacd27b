"""The teachers' pages say of the notebooks what the notebooks say of themselves, and add up."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gancourse import files
from gancourse.school import reading

ROOT = Path(__file__).resolve().parents[2]
BOOK, EXERCISES = ROOT / "book", ROOT / "gancourse" / "school" / "exercises"
CHAPTERS = {path.stem.split("_")[1]: path for path in sorted(files.NOTEBOOKS.glob(files.CHAPTERS))}
LESSON = 90  # minutes
OVERVIEW = (BOOK / "teachers.md").read_text(encoding="utf-8")
PLANS = dict(
    re.findall(
        r"^\(plan-(\w+)\)=\n(.*?)(?=^\(plan-|\Z)",
        (BOOK / "teachers-chapters.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
each_chapter = pytest.mark.parametrize("name", CHAPTERS)


def words(name: str) -> str:
    """A notebook's Markdown."""
    cells = json.loads(CHAPTERS[name].read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "markdown")


def asked(name: str) -> list[tuple[str, int, str]]:
    """Title, minutes and difficulty of each exercise of a notebook, in its order."""
    begin = r"^(?:```\{exercise-start\} |### Exercise: )(.+)\n(?::label: .*\n```\n)?\n"
    found = re.findall(begin + r"\*(\d+) minutes, (\w+)\.\*", words(name), re.MULTILINE)
    return [(title[0].upper() + title[1:], int(n), kind) for title, n, kind in found]


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the one table whose head begins so."""
    (rows,) = re.findall(rf"^\| {re.escape(head)}.*\n\|[-:| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in rows.splitlines()]


def planned(name: str) -> list[tuple[str, int, str, str]]:
    rows = table(PLANS[name], "exercise |")
    return [(title, int(minutes), *rest) for title, minutes, *rest in rows]


def spent(name: str, where: str) -> int:
    """Minutes of the exercises that a plan puts there."""
    return sum(minutes for _, minutes, _, place in planned(name) if place == where)


def built_for(name: str) -> str:
    """What a notebook's head says of the class scale."""
    (row,) = re.findall(r"^\| `class` \|.*\|$", words(name), re.MULTILINE)
    return row.strip("| ").split("|")[-1].strip()


# --- the plans ---


def test_every_chapter_has_a_plan():
    assert list(PLANS) == list(CHAPTERS)
    for number, plan in enumerate(PLANS.values(), 1):
        assert plan.startswith(f"## {number}: ")


@each_chapter
def test_a_plan_names_every_exercise_with_the_notebooks_minutes(name):
    rows = planned(name)
    assert [row[:3] for row in rows] == asked(name)
    assert {row[3] for row in rows} == {"class", "home", "extra"}
    whole = reading.of_notebook(CHAPTERS[name]).exercises
    assert sum(row[1] for row in rows) == whole
    at_home = f"{spent(name, 'home')} at home and {spent(name, 'extra')} extra"
    assert f"Of {whole} minutes, {spent(name, 'class')} are in class, {at_home}." in PLANS[name]


@each_chapter
def test_a_lesson_fills_its_minutes(name):
    rows = [(int(minutes), what) for minutes, what in table(PLANS[name], "minutes |")]
    assert sum(minutes for minutes, _ in rows) == LESSON
    ((minutes, what),) = (row for row in rows if row[1].startswith("Exercises: "))
    assert minutes == spent(name, "class")
    for title, _, _, where in planned(name):
        assert (title.lower() in what.lower()) == (where == "class"), title


def test_lessons_of_their_own_fill_their_minutes():
    assert sum(int(minutes) for minutes, _ in table(OVERVIEW, "minutes |")) == LESSON


@each_chapter
def test_the_time_of_the_class_scale_is_the_notebooks(name):
    assert f"At `class` scale the notebook is built to finish in {built_for(name)}" in PLANS[name]
    rows = {row[0]: row[1] for row in table(OVERVIEW, "chapter |")}
    (shown,) = (time for chapter, time in rows.items() if PLANS[name].startswith(f"## {chapter}\n"))
    assert shown == built_for(name)


@pytest.mark.parametrize("page", ["how-a-chapter-works", "setup"])
def test_the_time_of_any_chapter_spans_those_of_all(page):
    times = [int(each) for name in CHAPTERS for each in re.findall(r"\d+", built_for(name))]
    text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `class` \|.*\|$", text, re.MULTILINE)
    assert f"| {min(times)} to {max(times)} minutes" in row


def mistakes(name: str) -> dict[str, str]:
    """Title of an exercise -> what a plan says of it under "Mistakes to expect"."""
    (box,) = re.findall(r"\{admonition\} Mistakes to expect\n(.*?)^```", PLANS[name], re.S | re.M)
    items = re.split(r"^- ", box, flags=re.MULTILINE)[1:]
    return {
        title: " ".join(text.split()) for title, text in (each.split(": ", 1) for each in items)
    }


@each_chapter
def test_the_checkers_words_are_the_checkers(name):
    said = " ".join(
        " ".join(node.value.split())
        for module in (name, "probes", "turns")
        for node in ast.walk(ast.parse((EXERCISES / f"{module}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    quoted = [each for text in mistakes(name).values() for each in re.findall(r"\*(.+?)\*", text)]
    assert len(quoted) >= 6
    assert [each for each in quoted if each not in said] == []


@each_chapter
def test_mistakes_are_told_of_every_exercise_with_a_checker(name):
    cells = json.loads(CHAPTERS[name].read_text(encoding="utf-8"))["cells"]
    tags = [set(cell["metadata"].get("tags", [])) for cell in cells]
    checkers = sum({"exercise", "check"} <= each for each in tags)
    told = mistakes(name)
    assert len(told) == checkers
    assert [title for title, *_ in planned(name) if title in told] == list(told)


# --- the term ---


def test_the_term_adds_up():
    *weeks, total = table(OVERVIEW, "week, chapter |")
    rows = [list(map(int, row[1:])) for row in weeks]
    for name, (title, *_), row in zip(CHAPTERS, weeks, rows, strict=True):
        assert PLANS[name].startswith(f"## {title}\n")
        read, lesson, home, _, together = row
        once = reading.minutes(reading.of_notebook(CHAPTERS[name]).first)
        assert once < read and abs(read - 2 * once) <= 5, "twice the first reading, rounded"
        assert (lesson, home) == (LESSON, spent(name, "home"))
        assert together == sum(row[:-1])
    assert list(map(int, total[1:])) == [sum(column) for column in zip(*rows, strict=True)]
    (hours,) = re.findall(r"just under (\d+) hours", OVERVIEW)
    assert int(hours) - 0.5 < int(total[-1]) / 60 < int(hours)


def test_the_project_has_a_step_for_every_week():
    steps = [int(row[0]) for row in table(OVERVIEW, "by the end of week |")]
    assert steps == list(range(1, len(CHAPTERS) + 1))


# --- grading ---


def test_the_points_add_up():
    (promised,) = re.findall(r"Out of (\d+) points", OVERVIEW)
    points = {what: int(number) for what, number, _ in table(OVERVIEW, "what | points")}
    assert sum(points.values()) == int(promised) and points["Predictions"] == len(CHAPTERS)
    rubric = table(OVERVIEW, "criterion |")
    levels = [
        [float(re.match(r"\*\*([\d.]+)\*\* ", cell)[1]) for cell in row[1:]] for row in rubric
    ]
    assert sum(row[0] for row in levels) == points["Project"]
    for row in levels:
        assert row == sorted(set(row), reverse=True) and row[-1] == 0


def solves(cell) -> bool:
    return "solution" in cell.metadata.get("tags", [])


def test_the_count_of_passed_exercises_is_right(tmp_path, monkeypatch, capsys):
    """The page's own lines, on a copy with nothing done, one with two passed, and a forged one."""
    cells = nbformat.read(CHAPTERS["gan"], as_version=4).cells
    kept = [cell for cell in cells if cell.cell_type == "code" and not solves(cell)]
    for cell in kept:
        cell.outputs = []
    copy = new_notebook(cells=kept)
    nbformat.write(copy, tmp_path / "01_gan.ipynb")
    (tmp_path / "handed-in").mkdir()
    nbformat.write(copy, tmp_path / "handed-in" / "idle.ipynb")
    calls = [cell for cell in copy.cells if "check" in cell.metadata.get("tags", [])]
    for place, cell in enumerate(calls):
        verdict = "Passed: x" if place < 2 else "Not right yet: x"
        cell.outputs = [new_output("execute_result", {"text/plain": verdict})]
    nbformat.write(copy, tmp_path / "handed-in" / "two.ipynb")
    forged = new_code_cell("print('Passed: x')", outputs=[new_output("stream", text="Passed: x")])
    nbformat.write(new_notebook(cells=[forged]), tmp_path / "handed-in" / "forged.ipynb")
    (code,) = re.findall(r"^```python\n(.*?)^```", OVERVIEW, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "teachers.md", "exec"), {})
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    of = f"of {len(calls)}"
    assert lines == {"forged": f"0 {of}", "idle": f"0 {of}", "two": f"2 {of}"}
