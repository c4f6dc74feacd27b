"""`gancourse notebooks`: running notebooks in place, and taking solutions out or putting them
in.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)
from typer.testing import CliRunner

from gancourse.cli import app
from gancourse.files import CourseError
from gancourse.school import guards, myst, notebooks

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
                "```{exercise-end}\n```\n\n```{solution-start} area\n:label: area-solution\n"
                ":class: dropdown\n```\n\nPi lives in `math`."
            ),
            code(
                "def area(radius):\n    return math.pi * radius**2",
                "solution",
                outputs=[printed("28.27")],
            ),
            code("check(area, 3)", "solution", "check", outputs=[printed("passed")]),
            text("That was all about it.\n\n```{solution-end}\n```\n\nNow balls."),
            text(
                "````{exercise} Volume\n:label: volume\n:class: hard\n\n"
                "Of a ball, in\n```python\nmetres\n```\n````"
            ),
            code("def volume(radius):\n    ...", "stub"),
            code("check(volume, 3)", "check"),
            text(":::{solution-start} volume\n:label: volume-solution\n:::"),
            code("FOUR_THIRDS = 4 / 3", "solution"),
            code("def volume(radius):\n    return FOUR_THIRDS * math.pi * radius**3", "solution"),
            text(":::{solution-end}\n:::"),
            text(
                "Also without a cell:\n\n"
                "```{solution} volume\nDifferentiate the volume.\n```\n\nThe end."
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
        "Also without a cell:",
        "The end.",
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
    assert guards.leaks(book, notebooks.student(book)) == []


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
    assert len(guards.leaks(book, handed_out)) == 1


def test_what_the_stub_shows_already_is_no_leak():
    book = exercise_book()
    handed_out = notebooks.student(book)
    handed_out.cells.append(text("It begins with\n\n    def area(radius):\n\nlike every function."))
    assert guards.leaks(book, handed_out) == []


@pytest.mark.parametrize("first", [True, False], ids=["before the exercises", "after the first"])
def test_what_the_lesson_shows_before_its_exercises_is_no_leak(first):
    book = exercise_book()
    shown = code("FOUR_THIRDS = 4 / 3")
    book.cells.insert(2 if first else len(book.cells), shown)
    if first:
        assert shown.source in sources(notebooks.student(book))
    else:
        with pytest.raises(CourseError, match="'FOUR_THIRDS = 4 / 3' would give a solution away"):
            notebooks.student(book)


@pytest.mark.parametrize(
    "tagged", [text("The trick: pi.", "solution"), code("area = 3.14", "Solution ")]
)
def test_a_tag_is_enough(tagged):
    book = new_notebook(cells=[text("Before."), tagged, text("After.")])
    assert sources(notebooks.student(book)) == ["Before.", "After."]
    assert guards.leaks(book, book) == [tagged.source]


def test_a_code_cell_between_the_fences_goes_even_without_its_tag():
    book = exercise_book()
    book.cells[6].metadata.tags = []
    assert sources(notebooks.student(book)) == sources(notebooks.student(exercise_book()))


SOLVED = code("def area(r):\n    return 3.14159 * r**2")  # without a tag: only the marks hide it


def marked(start: str, end: str = "```{solution-end}\n```"):
    """One solution between two marks."""
    cells = [text(start), copy.deepcopy(SOLVED), text(end), text("After.")]
    return new_notebook(cells=[text("Before."), *cells])


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_make_no_difference(end):
    """VS Code on Windows keeps \\r\\n in the cells."""
    book = exercise_book()
    for cell in book.cells:
        cell.source = cell.source.replace("\n", end)
    assert sources(notebooks.student(book)) == sources(notebooks.student(exercise_book()))
    assert sources(notebooks.solved(book)) == sources(notebooks.solved(exercise_book()))


@pytest.mark.parametrize(
    "start",
    [
        "~~~{solution-start} area\n~~~",
        "````{solution-start} area\n````",
        "::::::{solution-start} area\n:label: area-solution\n::::::",
        "``` {solution-start} area\n```",
        "```{solution-start}\tarea  \n:class: dropdown\t\n```\t ",
        "   ```{solution-start} area\n  ```",
        "```{Solution-START} area\n```",
        "```{solution-start} area\n---\nclass: dropdown\n---\n```",
        "```{solution-start} area\n``````",
        "```{solution-start} area",  # a fence without its end ends with its cell
        "- ```{solution-start} area\n  ```",
        "1. first\n\n\t```{solution-start} area\n\t```",
        "> ```{solution-start} area\n> ```",
    ],
)
def test_a_solution_is_left_out_however_its_fence_is_spelled(start):
    """As in the book: the fences are those of CommonMark, and of MyST with colons."""
    end = start.replace("start", "end").replace("START", "END")
    kept = sources(notebooks.student(marked(start, end)))
    assert [line for line in kept if line not in ("1. first",)] == ["Before.", "After."]


@pytest.mark.parametrize(
    "book",
    [
        marked("    ```{solution-start} area\n    ```", "    ```{solution-end}\n    ```"),
        marked("\t```{solution-start} area\n\t```", "\t```{solution-end}\n\t```"),
        marked("```{solution-start}area\n```", "```{solution-end}.\n```"),
        marked("```{ solution-start } area\n```", "```{ solution-end }\n```"),
        marked("```{\u200bsolution-start} area\n```", "```{\u200bsolution-end}\n```"),
        marked("Look:\u2028```{solution-start} area\u2028```", "```{solution-end}\n```"),
        marked("``{solution-start} area\n``", "``{solution-end}\n``"),
        marked("<div>\n```{solution-start} area\n```\n</div>", "<p>\n```{solution-end}\n```\n</p>"),
        marked("<!-- solution-start -->", "<!-- solution-end -->"),
        marked("### Solution"),
        new_notebook(cells=[text("````{note}\n```{solution} area\nIt is pi r r.\n```\n````")]),
        new_notebook(cells=[text("````{exercise} A\n```{solution} a\nIt is pi r r.\n```\n````")]),
        new_notebook(cells=[text("```\u2028{solution} area\u2028It is pi r r.\u2028```")]),
        new_notebook(cells=[code("### BEGIN SOLUTION\nreturn 3\n### END SOLUTION")]),
        new_notebook(cells=[code("# Solution: pi\nreturn 3")]),
        new_notebook(cells=[code("return 3", "area-solution")]),
        new_notebook(cells=[new_raw_cell("```{solution} area\nIt is pi r r.\n```")]),
    ],
)
def test_what_may_be_a_solution_is_never_handed_out(book):
    """Marks that the book does not read either: nobody can tell where such a solution ends."""
    with pytest.raises(CourseError, match="(?i)solution"):
        notebooks.student(book)


def test_the_guard_does_not_see_with_the_eyes_of_what_it_guards(monkeypatch):
    """With a parser that finds nothing, every solution is still found, and all MyST."""
    monkeypatch.setattr(myst.MARKDOWN, "parse", lambda text: [])
    book = exercise_book()
    found = guards.leaks(book, book)
    assert {"Pi lives in `math`.", "Differentiate the volume.", "FOUR_THIRDS = 4 / 3"} <= set(found)
    assert "That was all about it." in found and "Now balls." not in found
    assert "a directive: ```{exercise-start} Area" in guards.raw(book)
    with pytest.raises(CourseError, match="would stand there as source text"):
        notebooks.student(book)


def test_the_words_around_a_solution_may_speak_of_it():
    said = "In the end, solutions are folded; the solution starts with `{exercise}`'s formula."
    assert sources(notebooks.student(new_notebook(cells=[text(said)]))) == [said]


def test_an_exercises_options_are_left_out():
    book = new_notebook(
        cells=[
            text("```{exercise} A\n---\nlabel: a\nclass: hard\n---\nAsk.\n```"),
            text(":::{exercise}\n:label: b\n:nonumber:\n\nAsk: again.\n:::"),
        ]
    )
    assert sources(notebooks.student(book)) == [
        "### Exercise: A\n\nAsk.",
        "### Exercise\n\nAsk: again.",
    ]


@pytest.mark.parametrize(
    "broken, says",
    [
        (["```{solution-start} a\n```"], "the last {solution-start} has no {solution-end}"),
        (["Text.", "```{solution-end}\n```"], "cell 2: a {solution-end} has no {solution-start}"),
        (
            ["```{solution-start} a\n```", "```{solution-start} b\n```", "```{solution-end}\n```"],
            "cell 2: a {solution-start} has another one inside",
        ),
    ],
)
def test_half_a_solution_is_refused(broken, says):
    with pytest.raises(CourseError, match=says):
        notebooks.student(new_notebook(cells=[text(source) for source in broken]))


# --- the copy for Colab and Jupyter ---


def test_a_copy_for_jupyter_folds_the_solutions():
    made = notebooks.jupyter(exercise_book())
    assert sources(made)[5] == (
        "<details>\n<summary>Solution of exercise</summary>\n\nPi lives in `math`.\n\n"
        "```python\ndef area(radius):\n    return math.pi * radius**2\n```\n\n"
        "That was all about it.\n\n</details>"
    )
    assert [cell.source for cell in made.cells if cell.cell_type == "code"] == [
        cell.source for cell in notebooks.student(exercise_book()).cells if cell.cell_type == "code"
    ]
    assert guards.unfolded(exercise_book(), made) == []
    nbformat.validate(made)


def test_a_copy_for_jupyter_keeps_the_outputs():
    made = notebooks.jupyter(exercise_book())
    assert [output.text for cell in made.cells for output in cell.get("outputs", [])] == [
        "not done yet"
    ]


def test_a_tagged_solution_is_folded_as_well():
    book = new_notebook(cells=[text("Before."), code("area = 3.14159", "solution"), text("After.")])
    made = sources(notebooks.jupyter(book))
    assert made[::2] == ["Before.", "After."]
    assert made[1].startswith("<details>\n<summary>Solution</summary>")


@pytest.mark.parametrize(
    "cell",
    [
        code("    return math.pi * radius**2"),
        text("Pi lives in `math`."),
        text("<details>\nA hint.\n</details>\n\nDifferentiate the volume."),
        text("<details open>\n\nDifferentiate the volume.\n\n</details>"),
    ],
)
def test_an_open_solution_is_seen(cell):
    book = exercise_book()
    made = notebooks.jupyter(book)
    made.cells.append(cell)
    assert len(guards.unfolded(book, made)) == 1


def test_a_solution_that_stands_elsewhere_too_is_refused():
    book = exercise_book()
    book.cells.append(text("Differentiate the volume."))
    with pytest.raises(CourseError, match="'Differentiate the volume.' would show a solution"):
        notebooks.jupyter(book)


def test_a_picture_gets_its_caption_and_its_words():
    drawn = new_output("display_data", {"image/png": "aGk=", "text/plain": "a figure"})
    cell = code("draw()", outputs=[drawn])
    cell.metadata["mystnb"] = {
        "figure": {"caption": "Forty *real* digits.", "name": "fig-digits"},
        "image": {"alt": "Four rows of ten."},
    }
    made = notebooks.jupyter(new_notebook(cells=[cell]))
    assert sources(made) == ["draw()", "**Figure.** Forty *real* digits."]
    assert made.cells[0].outputs[0].metadata["image/png"] == {"alt": "Four rows of ten."}
    assert "mystnb" not in made.cells[0].metadata


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_make_no_difference_to_jupyter(end):
    book = exercise_book()
    for cell in book.cells:
        cell.source = cell.source.replace("\n", end)
    assert sources(notebooks.jupyter(book)) == sources(notebooks.jupyter(exercise_book()))


def test_a_notebook_without_identities_gets_them():
    """Version 4.4, from before cells had one."""
    book = exercise_book()
    for cell in book.cells:
        del cell["id"]
    book.nbformat_minor = 4
    made = notebooks.jupyter(book)
    nbformat.validate(made)
    assert len({cell.id for cell in made.cells}) == len(made.cells)


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
    with pytest.raises(CourseError, match="cell 4: a stub without a solution"):
        notebooks.solved(book)


def test_a_solution_without_a_stub_is_refused():
    book = exercise_book()
    del book.cells[3]
    with pytest.raises(CourseError, match="cell 6: a solution without a stub"):
        notebooks.solved(book)


# --- what is kept of a run ---

BAR = (
    "\r  0%|          | 0/300 [00:00<?, ?step/s]"
    "\r 57%|#####7    | 171/300 [00:02<00:01, 84.1step/s]\x1b[A\n"
)
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


def command(*arguments: str | Path):
    return CliRunner().invoke(app, ["notebooks", *map(str, arguments)])


def test_copies_are_written_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [save(exercise_book(), Path("notebooks", name)) for name in ("1_a.ipynb", "2_b.ipynb")]
    done = command("student", *paths)
    assert (done.exit_code, done.stdout.split()) == (
        0,
        [str(Path("_build", "student", path.name)) for path in paths],
    )
    assert command("solved", paths[0], "--to", "elsewhere").exit_code == 0
    student, solved = notebooks.student(exercise_book()), notebooks.solved(exercise_book())
    assert sources(nbformat.read("_build/student/2_b.ipynb", 4)) == sources(student)
    assert sources(nbformat.read("elsewhere/1_a.ipynb", 4)) == sources(solved)


def test_a_notebook_is_never_overwritten_by_its_copy(tmp_path):
    path = save(exercise_book(), tmp_path / "a.ipynb")
    before = path.read_bytes()
    done = command("student", path, "--to", tmp_path)
    assert (done.exit_code, path.read_bytes()) == (1, before)
    assert f"{path}: would be overwritten" in done.stderr and "--to" in done.stderr


def test_two_notebooks_of_one_name_are_not_copied_over_each_other(tmp_path):
    paths = [save(exercise_book(), tmp_path / folder / "a.ipynb") for folder in ("one", "two")]
    with pytest.raises(CourseError, match="a.ipynb: 2 notebooks have this name"):
        CliRunner().invoke(
            app,
            ["notebooks", "student", *map(str, paths), "--to", str(tmp_path / "out")],
            catch_exceptions=False,
        )
    assert not (tmp_path / "out").exists()


def test_a_copy_that_leaks_is_not_written(tmp_path):
    book = exercise_book()
    book.cells.append(code("    return math.pi * radius**2"))
    path = save(book, tmp_path / "a.ipynb")
    done = command("student", path, "--to", tmp_path / "out")
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert f"{path}: 'return math.pi * radius**2' would give a solution away" in done.stderr


def test_what_is_no_notebook_is_named_and_the_others_have_their_turn(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    good = save(exercise_book(), tmp_path / "good.ipynb")
    bad = [tmp_path / "missing.ipynb", tmp_path / "broken.ipynb", tmp_path]
    done = command("student", *bad, good, "--to", tmp_path / "out")
    assert done.exit_code == 1
    assert [line.partition(": ")[2].partition(": ")[0] for line in done.stderr.splitlines()] == [
        str(path) for path in bad
    ]
    assert done.stdout.split() == [str(tmp_path / "out" / "good.ipynb")]


@pytest.mark.parametrize("kind", ["student", "jupyter"])
def test_a_copy_of_a_notebook_from_windows_shows_no_solution(tmp_path, kind):
    """A byte order mark, and \\r\\n in the file and in its cells."""
    book = exercise_book()
    for cell in book.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    content = nbformat.writes(book).replace("\n", "\r\n").encode("utf-8-sig")
    (tmp_path / "a.ipynb").write_bytes(content)
    assert command(kind, tmp_path / "a.ipynb", "--to", tmp_path / "out").exit_code == 0
    copied = sources(nbformat.read(tmp_path / "out" / "a.ipynb", 4))
    assert copied == sources(notebooks.COPIES[kind](exercise_book()))


def test_the_command_needs_no_library_before_it_runs():
    script = "import sys, gancourse.cli; print({'nbformat', 'torch', 'papermill'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_refresh(tmp_path, repository):
    """One good notebook and one whose second cell fails, in one call: a kernel takes a second."""
    good = new_notebook(
        cells=[
            code(
                "from pathlib import Path\n"
                "from tqdm.auto import tqdm\n"
                "for _ in tqdm(range(3)): pass"
            ),
            text("Between."),
            code("print(Path('beside.txt').read_text())", "keep", outputs=[printed("stale")]),
            code("import ipywidgets\nipywidgets.IntSlider()"),
        ],
        metadata={"kernelspec": {"name": "elsewhere", "display_name": "?", "language": "python"}},
    )
    bad = new_notebook(
        cells=[code("print('fine')"), code("# the culprit\n1 / 0"), code("print('never')")]
    )
    good_path, bad_path = (
        save(book, tmp_path / "notebooks" / f"{name}.ipynb")
        for name, book in (("good", good), ("bad", bad))
    )
    (tmp_path / "notebooks" / "beside.txt").write_text("read from the notebook's folder")
    before = bad_path.read_bytes()

    done = subprocess.run(
        [sys.executable, "-m", "gancourse.cli", "notebooks", "refresh", bad_path, good_path],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 1
    assert "bad.ipynb: cell 2 (`# the culprit`) raised ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert "good.ipynb: run in" in done.stdout
    assert bad_path.read_bytes() == before
    new = nbformat.read(good_path, 4)
    cells = [cell for cell in new.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert [cell.outputs for cell in cells][::2] == [[], []]
    assert cells[1].outputs[0].text == "read from the notebook's folder\n"
    assert cells[1].metadata.tags == ["keep"] and "execution" not in cells[1].metadata
    assert "widgets" not in new.metadata and new.metadata.kernelspec.name == "python3"
    assert {path.name for path in good_path.parent.iterdir()} == {
        "bad.ipynb",
        "beside.txt",
        "good.ipynb",
    }
