"""Notebooks run in the interpreter that started them, and whatever goes wrong is said in words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gancourse import models, recipe
from gancourse.chapters import CHAPTERS, configure
from gancourse.files import CourseError
from gancourse.press import running
from gancourse.press.dossier import recipe_of

PARAMETERS = """scale: str = "auto"  # scale
folder: str = ""  # place
seed: int = 0  # seed
name: str = ""  # a word
on: bool = True  # a switch"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Writes the notebook of a chapter "tiny", whose second cell is given; returns its path."""

    def write(cell: str, **metadata) -> Path:
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        path = tmp_path / "notebooks" / "01_tiny.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[first, new_code_cell(cell)], metadata=metadata), path)
        monkeypatch.setattr(running, "NOTEBOOKS", path.parent)
        return path

    return write


def run_alone(source: str, path: Path, **options):
    running.run(new_notebook(cells=[new_code_cell(source)]), path, **options)


# --- a run ---


@pytest.mark.slow
@pytest.mark.parametrize("kernelspec", ["broken", "foreign", "half a file", "none"])
def test_a_run_uses_its_own_interpreter_whatever_is_installed(
    tmp_path, monkeypatch, tiny, kernelspec
):
    """Parameters arrive, the working folder is the notebook's, the output lies in the dossier."""
    installed = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    installed.parent.mkdir(parents=True)
    command = {"broken": "/no/such/python", "foreign": "false"}.get(kernelspec)
    if command:
        spec = {"argv": [command, "{connection_file}"], "display_name": "x", "language": "R"}
        installed.write_text(json.dumps(spec))
    elif kernelspec == "half a file":
        installed.write_text('{"argv": [')
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))  # where users install them
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")  # as outside of a virtual environment
    written_by = {"kernelspec": {"name": "my-env", "display_name": "R", "language": "R"}}
    source = tiny(
        "import os, sys\n"
        f"assert sys.executable == {sys.executable!r}\n"
        "assert (scale, seed) == ('class', 3)\n"
        "open(folder + '/made', 'w').write(os.getcwd())",
        **({} if kernelspec == "none" else written_by),
    )
    output = running.execute("tiny", "class", {"seed": "3"}, tmp_path / "dossier")
    assert output == (tmp_path / "dossier" / "notebook.ipynb").resolve()
    assert (tmp_path / "dossier" / "made").read_text() == str(source.parent.resolve())
    made = nbformat.read(output, 4)
    assert made.metadata.kernelspec.name == "python3"
    assert made.metadata.language_info.name == "python"
    assert [cell.execution_count for cell in made.cells] == [1, 2, 3]  # with the injected one


@pytest.mark.slow
def test_a_failing_cell_is_named_and_leaves_no_half_notebook(tmp_path, tiny):
    path = tiny("# the culprit\n1 / 0")
    before = path.read_bytes()
    with pytest.raises(CourseError) as caught:
        running.execute("tiny", "class", {}, tmp_path / "dossier")
    said, _, where = str(caught.value).partition("\n")
    assert said == (
        f"{path}: cell 3 (`# the culprit`) raised ZeroDivisionError: division by zero; correct the "
        "cell and run it again. Nothing was written."
    )
    assert "----> 2 1 / 0" in where
    assert "Traceback" not in where and "\x1b" not in where
    assert not list((tmp_path / "dossier").iterdir())
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "source, options, says",
    [
        ("import os; os._exit(1)", {}, r"kernel died in cell 1 \(`import os; os._exit\(1\)`\)"),
        ("while True: pass", {"timeout": 1}, "took longer than 1 s; allow more with --timeout"),
    ],
)
def test_a_dead_kernel_and_a_slow_cell_are_said_in_words(tmp_path, source, options, says):
    with pytest.raises(CourseError, match=rf"a\.ipynb: .*{says}"):
        run_alone(source, tmp_path / "a.ipynb", **options)


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", ["/no/such/python", "/bin/false"])
def test_a_kernel_that_does_not_start_is_said_in_words(tmp_path, monkeypatch, interpreter):
    monkeypatch.setattr(sys, "executable", interpreter)
    with pytest.raises(CourseError, match=f"a.ipynb: no kernel starts in {interpreter}.*pip"):
        run_alone("1", tmp_path / "a.ipynb")


@pytest.mark.slow
def test_an_error_that_a_widget_caught_still_stops_the_run(tmp_path):
    """Its traceback goes to the widget, so that the cell has none."""
    source = "import ipywidgets\nwith ipywidgets.Output():\n    pass\nraise ValueError('no')"
    with pytest.raises(CourseError, match="raised ValueError: no; correct"):
        run_alone(source, tmp_path / "a.ipynb")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gan-paper", "pix2pix", "srresnet", "stackgan-words"])
def test_the_workbench_trains_and_measures_what_it_is_told(tmp_path, model):
    """A model of each kind that the notebook itself does not run."""
    path = running.execute(running.WORKBENCH, "check", {"model": model}, tmp_path / model)
    outputs = [output for cell in running.read(path).cells for output in cell.get("outputs", [])]
    tables = [
        output.data["text/markdown"]
        for output in outputs
        if "data" in output and "text/markdown" in output.data
    ]
    assert any("\n| this run |" in table and "\n| published, median |" in table for table in tables)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    config, _ = models.of_run(tmp_path / model)
    assert configure(config) == recipe_of(model, "check")


# --- what is refused before anything runs ---


@pytest.mark.parametrize(
    "given, says",
    [
        ({"sed": "1"}, "sed='1': the notebook has no such parameter; give one of scale, .*seed"),
        ({"scale": "check"}, "scale='check': has an option of its own; give --scale check"),
        ({"folder": "x"}, "--folder x"),
    ],
)
def test_wrong_parameters_are_refused(tmp_path, tiny, given, says):
    tiny("1 / 0")
    with pytest.raises(CourseError, match=says):
        running.execute("tiny", "check", given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_notebook_is_refused_with_those_that_there_are(tmp_path, tiny, monkeypatch):
    tiny("1 / 0")
    with pytest.raises(CourseError, match="name='cyclegan': no such notebook .*one of tiny"):
        running.notebook("cyclegan")
    with pytest.raises(CourseError, match="no such notebook"):
        running.notebook("*")
    monkeypatch.setattr(running, "NOTEBOOKS", tmp_path / "nowhere")
    with pytest.raises(CourseError, match="clone of the repository"):
        running.notebook("tiny")


@pytest.mark.parametrize("in_the_way", ["file", "file/notebook.ipynb/folder"])
def test_an_output_in_the_way_is_said_before_the_run(tmp_path, tiny, in_the_way):
    tiny("1 / 0")
    place = tmp_path / in_the_way
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("kept")
    with pytest.raises(CourseError, match="cannot be written"):
        running.execute("tiny", "class", {}, tmp_path / "file")
    assert place.read_text() == "kept"


# --- parameters ---


@pytest.mark.parametrize("name", [*CHAPTERS, running.WORKBENCH])
def test_a_notebooks_parameters_declare_their_types(name):
    found = running.parameters(name)
    assert {"scale", "seed", "data_root", "folder"} <= found.keys()
    assert "check, class or full" in found["scale"]["help"]
    assert all(each["inferred_type_name"] in recipe.KINDS for each in found.values())


def test_words_from_the_command_line_are_read_as_the_declared_type(tmp_path, tiny):
    tiny("print([seed, name, on])")
    given = {"seed": "3", "name": "7", "on": "False"}
    path = running.execute("tiny", "class", given, tmp_path / "run")
    assert running.read(path).cells[-1].outputs[0].text == "[3, '7', False]\n"
    with pytest.raises(CourseError, match="^seed=many: not a whole number; write"):
        running.execute("tiny", "class", {"seed": "many"}, tmp_path / "other")
    assert not (tmp_path / "other").exists()


# --- reading and writing ---

BOOK = new_notebook(cells=[new_markdown_cell("Größe\n\n≥ 1"), new_code_cell("a = 1\nb = 2")])
JSON = nbformat.writes(BOOK)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_of_json_is_read(tmp_path, encoding):
    path = tmp_path / "a.ipynb"
    path.write_bytes(JSON.encode(encoding))
    assert [cell.source for cell in running.read(path).cells] == ["Größe\n\n≥ 1", "a = 1\nb = 2"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read_as_a_newline(tmp_path, end):
    path = tmp_path / "a.ipynb"
    path.write_text(JSON.replace("\\n", json.dumps(end)[1:-1]), encoding="utf-8")
    assert [cell.source for cell in running.read(path).cells] == ["Größe\n\n≥ 1", "a = 1\nb = 2"]


def test_an_old_notebook_is_read_as_version_4(tmp_path):
    path = tmp_path / "a.ipynb"
    cell = {"cell_type": "code", "input": ["a = 1"], "language": "python", "outputs": []}
    sheet = {"cells": [{**cell, "collapsed": False, "metadata": {}}], "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]}
    path.write_text(json.dumps(old))
    made = running.read(path)
    assert (made.nbformat, made.cells[0].source) == (4, "a = 1")


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "not a notebook"),
        (b"{", "not a notebook"),
        (b"[]", "not a notebook"),
        (b"null", "not a notebook"),
        (b"[" * 100_000, "not a notebook"),
        (b'{"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}', "not a notebook"),
        (b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}}', "not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "not a notebook"),
        (b'{"nbformat": "4", "metadata": {}, "cells": []}', "not a notebook"),
        (JSON.encode("latin-1", "replace"), "not UTF-8 text"),
        (JSON.replace("a = 1", r"\ud800").encode(), "not a notebook .*surrogates"),
        (JSON.replace('"source"', '"sauce"').encode(), "not a notebook"),
        (b"\x89PNG\r\n\x1a\n\xff", "not UTF-8 text"),
    ],
)
def test_what_is_no_notebook_is_refused_in_words(tmp_path, content, says):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=f"a.ipynb: {says}") as caught:
        running.read(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300 + len(str(path))


def test_a_place_without_a_readable_file_is_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(CourseError, match="missing.ipynb: no such file"):
        running.read(tmp_path / "missing.ipynb")
    with pytest.raises(CourseError, match=r"a folder; name its notebooks, e.g. .*\*.ipynb"):
        running.read(tmp_path)

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(CourseError, match="cannot be read .Permission denied.; change its perm"):
        running.read(tmp_path / "locked.ipynb")


def test_a_notebook_that_was_read_is_written_byte_for_byte(tmp_path, repository):
    for path in sorted((repository / "notebooks").glob("*.ipynb")):
        running.write(running.read(path), tmp_path / "copy.ipynb")
        assert (tmp_path / "copy.ipynb").read_bytes() == path.read_bytes()
