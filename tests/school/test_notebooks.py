"""`python -m gancourse.school.notebooks`: running notebooks in place, and taking solutions out of them or putting them in."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gancourse.files import CourseError
from gancourse.school import notebooks

WIDGET = notebooks.WIDGET


def code(source: str, *tags: str, outputs=()):
    return new_code_cell(
        source, metadata={"tags": list(tags)}, outputs=list(outputs), execution_count=1
    )


def text(source: str, *tags: str):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def printed(words: str, name: str = "stdout"):
    return new_output("stream", name=name, text=words)


def exercise_book():
    """A notebook with two exercises, the second of which has its solution in two cells."""
    return new_notebook(
        cells=[
            text("# Chapter"),
            code("import math", "exercise-setup"),
            text(
                "```{exercise-start} Area\n:label: area\n```\n\n*5 minutes.* The area of a circle."
            ),
            code("def area(radius):\n    ...", "exercise", "stub"),
            code("check(area, 3)", "exercise", "check", outputs=[printed("not done yet")]),
            text(
                "```{exercise-end}\n```\n\n"
                "```{solution-start} area\n:label: area-solution\n:class: dropdown\n```\n\nPi lives in `math`."
            ),
            code(
                "def area(radius):\n    return math.pi * radius**2",
                "solution",
                outputs=[printed("28.27")],
            ),
            code("check(area, 3)", "solution", "check", outputs=[printed("passed")]),
            text("That was all about it.\n\n```{solution-end}\n```\n\nNow balls."),
            text(
                "````{exercise} Volume\n:label: volume\n:class: hard\n\nOf a ball, in\n```python\nmetres\n```\n````"
            ),
            code("def volume(radius):\n    ...", "stub"),
            code("check(volume, 3)", "check"),
            text(":::{solution-start} volume\n:label: volume-solution\n:::"),
            code("FOUR_THIRDS = 4 / 3", "solution"),
            code("def volume(radius):\n    return FOUR_THIRDS * math.pi * radius**3", "solution"),
            text(":::{solution-end}\n:::"),
            text(
                "Also without a cell:\n\n```{solution} volume\nDifferentiate the volume.\n```\n\nThe end."
            ),
        ]
    )


def sources(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells]


# --- the student's copy ---


def test_a_students_copy_is_all_but_the_solutions():
    assert sources(notebooks.student(exercise_book())) == [
        "# Chapter",
        "import math",
        "### Exercise: Area\n\n*5 minutes.* The area of a circle.",
        "def area(radius):\n    ...",
        "check(area, 3)",
        "Now balls.",
        "### Exercise: Volume\n\nOf a ball, in\n```python\nmetres\n```",
        "def volume(radius):\n    ...",
        "check(volume, 3)",
        "Also without a cell:\n\n\nThe end.",
    ]


def test_a_students_copy_has_no_outputs_and_no_counts():
    cells = [cell for cell in notebooks.student(exercise_book()).cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


def test_the_notebook_itself_is_left_alone():
    book = exercise_book()
    before = copy.deepcopy(book)
    notebooks.student(book)
    notebooks.solved(book)
    assert book == before


def test_a_students_copy_leaks_nothing():
    book = exercise_book()
    assert notebooks.leaks(book, notebooks.student(book)) == []


@pytest.mark.parametrize(
    "cell",
    [
        code("    return math.pi * radius**2"),
        code("area(1)", outputs=[printed("as in\n    return math.pi * radius**2\n")]),
        code(
            "area(1)",
            outputs=[
                new_output("display_data", {"text/html": "<pre>return math.pi * radius**2</pre>"})
            ],
        ),
        text("Remember:\n\n    return math.pi * radius**2"),
        text("Pi lives in `math`."),
        text("Differentiate the volume."),
        code("FOUR_THIRDS = 4 / 3"),
    ],
)
def test_a_leak_is_seen(cell):
    book = exercise_book()
    handed_out = notebooks.student(book)
    handed_out.cells.append(cell)
    assert len(notebooks.leaks(book, handed_out)) == 1


def test_what_the_stub_shows_already_is_no_leak():
    book = exercise_book()
    handed_out = notebooks.student(book)
    handed_out.cells.append(text("It begins with\n\n    def area(radius):\n\nlike every function."))
    assert notebooks.leaks(book, handed_out) == []


@pytest.mark.parametrize(
    "tagged", [text("The trick: pi.", "solution"), code("area = 3.14", "solution")]
)
def test_a_tag_is_enough(tagged):
    book = new_notebook(cells=[text("Before."), tagged, text("After.")])
    assert sources(notebooks.student(book)) == ["Before.", "After."]
    assert notebooks.leaks(book, book) == [tagged.source]


def test_a_code_cell_between_the_fences_goes_even_without_its_tag():
    book = exercise_book()
    book.cells[6].metadata.tags = []
    assert sources(notebooks.student(book)) == sources(notebooks.student(exercise_book()))


@pytest.mark.parametrize(
    "broken",
    [
        ["```{solution-start} a\n```"],
        ["```{solution-end}\n```"],
        ["```{solution-start} a\n```", "```{solution-start} b\n```", "```{solution-end}\n```"],
    ],
)
def test_half_a_solution_is_refused(broken):
    with pytest.raises(CourseError, match="solution-"):
        notebooks.student(new_notebook(cells=[text(source) for source in broken]))


# --- the solved copy ---


def test_a_solved_copy_has_the_solutions_where_the_stubs_were():
    solved = notebooks.solved(exercise_book())
    stubs = [cell.source for cell in solved.cells if "stub" in cell.metadata.tags]
    assert stubs == [
        "def area(radius):\n    return math.pi * radius**2",
        "FOUR_THIRDS = 4 / 3\n\ndef volume(radius):\n    return FOUR_THIRDS * math.pi * radius**3",
    ]
    others = [cell.source for cell in solved.cells if "stub" not in cell.metadata.get("tags", [])]
    student = notebooks.student(exercise_book())
    assert others == [
        cell.source for cell in student.cells if "stub" not in cell.metadata.get("tags", [])
    ]


def test_a_stub_without_a_solution_is_refused():
    book = exercise_book()
    del book.cells[6]
    with pytest.raises(CourseError, match="Cell 4 is a stub"):
        notebooks.solved(book)


def test_a_solution_without_a_stub_is_refused():
    book = exercise_book()
    del book.cells[3]
    with pytest.raises(CourseError, match="Cell 6 is a solution"):
        notebooks.solved(book)


# --- what is kept of a run ---

BAR = "\r  0%|          | 0/300 [00:00<?, ?step/s]\r 57%|#####7    | 171/300 [00:02<00:01, 84.1step/s]\x1b[A\n"
OPEN_BAR = "\r1250it [00:12, 99.2it/s]\r"


@pytest.mark.parametrize("bar", [BAR, OPEN_BAR, BAR + OPEN_BAR])
def test_progress_is_dropped(bar):
    assert notebooks.without_progress(printed(bar, "stderr")) is None


def test_a_warning_stays_without_the_bar_around_it():
    kept = notebooks.without_progress(
        printed(f"{BAR}UserWarning: the data are few\n{BAR}", "stderr")
    )
    assert kept.text == "UserWarning: the data are few\n"


@pytest.mark.parametrize(
    "output",
    [
        printed("57%| of them\n"),
        new_output("display_data", {"text/plain": "a figure", "image/png": "aGk="}),
    ],
)
def test_what_a_cell_prints_or_draws_stays(output):
    assert notebooks.without_progress(output) == output


def test_a_widget_is_dropped_with_its_state():
    book = new_notebook(
        metadata={
            "widgets": {"state": {}},
            "language_info": {"name": "python", "version": "3.11.2"},
        },
        cells=[
            new_code_cell(
                "slider()",
                metadata={"execution": {"iopub.execute_input": "2026-01-01"}, "tags": ["keep"]},
                outputs=[
                    new_output("display_data", {WIDGET: {}, "text/plain": "FloatSlider()"}),
                    printed("hello\n"),
                ],
            )
        ],
    )
    tidy = notebooks.tidy(book)
    assert tidy.metadata == {"language_info": {"name": "python"}}
    assert tidy.cells[0].metadata == {"tags": ["keep"]}
    assert [output.get("text") for output in tidy.cells[0].outputs] == ["hello\n"]


# --- the command ---


def save(notebook, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def test_copies_are_written_to_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, second = (
        save(exercise_book(), tmp_path / "notebooks" / name)
        for name in ("01_a.ipynb", "02_b.ipynb")
    )
    assert notebooks.main(["student", str(first), str(second)]) == 0
    assert notebooks.main(["solved", str(first), "--to", "elsewhere"]) == 0
    assert sources(nbformat.read("_build/student/02_b.ipynb", 4)) == sources(
        notebooks.student(exercise_book())
    )
    assert sources(nbformat.read("elsewhere/01_a.ipynb", 4)) == sources(
        notebooks.solved(exercise_book())
    )
    assert capsys.readouterr().out.split() == [
        str(Path(*parts))
        for parts in (
            ("_build/student", "01_a.ipynb"),
            ("_build/student", "02_b.ipynb"),
            ("elsewhere", "01_a.ipynb"),
        )
    ]


def test_a_notebook_is_never_overwritten_by_its_copy(tmp_path, capsys):
    path = save(exercise_book(), tmp_path / "a.ipynb")
    before = path.read_bytes()
    assert notebooks.main(["student", str(path), "--to", str(tmp_path)]) == 1
    assert path.read_bytes() == before
    assert "--to" in capsys.readouterr().err


def test_a_copy_that_leaks_is_not_written(tmp_path, capsys):
    book = exercise_book()
    book.cells.append(code("    return math.pi * radius**2"))
    path = save(book, tmp_path / "a.ipynb")
    assert notebooks.main(["student", str(path), "--to", str(tmp_path / "out")]) == 1
    assert "return math.pi * radius**2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_notebook_is_named_and_the_others_have_their_turn(tmp_path, capsys):
    (tmp_path / "broken.ipynb").write_text("{")
    paths = [
        tmp_path / "missing.ipynb",
        tmp_path / "broken.ipynb",
        save(exercise_book(), tmp_path / "good.ipynb"),
    ]
    assert notebooks.main(["student", *map(str, paths), "--to", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "missing.ipynb" in said.err and "broken.ipynb" in said.err
    assert (tmp_path / "out" / "good.ipynb").exists()


def python(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "gancourse.school.notebooks", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
def test_refresh(tmp_path, repository):
    """One good notebook and one whose second cell fails, in one call: a kernel takes a second to start."""
    good = new_notebook(
        cells=[
            code(
                "from pathlib import Path\nfrom tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass"
            ),
            text("Between."),
            code("print(Path('beside.txt').read_text())", "keep", outputs=[printed("stale")]),
            code("import ipywidgets\nipywidgets.IntSlider()"),
        ]
    )
    bad = new_notebook(
        cells=[code("print('fine')"), code("# the culprit\n1 / 0"), code("print('never')")]
    )
    good_path, bad_path = (
        save(nb, tmp_path / "notebooks" / f"{n}.ipynb") for n, nb in (("good", good), ("bad", bad))
    )
    (tmp_path / "notebooks" / "beside.txt").write_text("read from the notebook's folder")
    before = bad_path.read_bytes()

    done = python("refresh", bad_path, good_path, cwd=repository)

    assert done.returncode == 1
    assert "bad.ipynb was left as it was: its cell 2 failed" in done.stderr
    assert (
        "# the culprit" in done.stderr
        and "ZeroDivisionError" in done.stderr
        and "\x1b" not in done.stderr
    )
    assert "good.ipynb: run in" in done.stdout
    assert bad_path.read_bytes() == before
    new = nbformat.read(good_path, 4)
    cells = [cell for cell in new.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert [cell.outputs for cell in cells][::2] == [[], []]
    assert cells[1].outputs[0].text == "read from the notebook's folder\n"
    assert cells[1].metadata.tags == ["keep"] and "execution" not in cells[1].metadata
    assert "widgets" not in new.metadata and new.metadata.kernelspec.name == "python3"
    assert sorted(path.name for path in good_path.parent.iterdir()) == [
        "bad.ipynb",
        "beside.txt",
        "good.ipynb",
    ]
