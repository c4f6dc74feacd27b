"""What lies in the repository is fit for others: nothing of one machine, not too large, notebooks
that were run.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gancourse import files

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Homes of people and folders of build machines; "jovyan" is everybody's name on Binder.
MACHINE = re.compile(
    r"/(?:root|home/(?!jovyan\b)\w+|Users/\w+|work/(?:main|shared|plan)|opt/(?:pypi|wheels))/|[A-Z]:\\+Users\\+\w+"
    r"|/tmp/(?:ipykernel|tmp|pip)[\w-]+"
)
# An install line names a package, never where it is stored: mirrors differ, and lock files keep
# the wrong one.
REGISTRY = re.compile(
    r"(?:pythonhosted|pypi|npmjs|yarnpkg|deb\.debian|security\.debian|anaconda)\.(?:org|com)\b|proxy\.golang\.org"
)
MEGABYTE = 1_000_000


def text_of(path: Path) -> str | None:
    """A file's text, or None for a picture, weights and other binary files."""
    raw = path.read_bytes()
    if b"\0" in raw:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine", "registry"])
def test_no_place_of_one_machine_is_named(repository, repository_files, pattern):
    named = [
        f"{path.relative_to(repository)}: {hit[0]}"
        for path in repository_files
        if (text := text_of(path)) is not None
        for hit in pattern.finditer(text)
    ]
    assert named == []


HERE_AND_NOW = ["/" + "root/.cache/x", "/home" + "/ann/x", "/Users" + "/ann/x"]
HERE_AND_NOW += ["C:\\" + "Users\\ann", "/tmp/" + "ipykernel_3"]
ANYWHERE = ["/home/jovyan/x", "~/.cache/gancourse", "/content/x", "/path/to/python3.12", "/roots/x"]
HOSTS = [
    "https://files.python" + "hosted.org/x",
    "registry.npm" + "js.org",
    "//py" + "pi.org/project",
]


@pytest.mark.parametrize("text", HERE_AND_NOW)
def test_a_machine_is_recognised(text):
    assert MACHINE.search(f"see {text} here")


@pytest.mark.parametrize("text", ANYWHERE)
def test_what_is_no_machine_is_let_through(text):
    assert not MACHINE.search(f"see {text} here")


@pytest.mark.parametrize("host", HOSTS)
def test_a_registry_is_recognised(host):
    assert REGISTRY.search(host)


def test_the_repository_stays_small(repository_files):
    sizes = {path: path.stat().st_size for path in repository_files}
    assert sum(sizes.values()) < 115 * MEGABYTE
    assert {path: size for path, size in sizes.items() if size > 40 * MEGABYTE} == {}


def test_git_never_changes_a_line_end_of_bundled_files(repository):
    """Bundled text files are verified by their hash, which a checkout with other line ends would
    break.
    """
    assert "data/** -text" in (repository / ".gitattributes").read_text(encoding="utf-8")


# --- notebooks ---

TYPED = re.compile(r"^[a-z_]\w*: [^=]+ = .+  # \S")
WIDGET = "application/vnd.jupyter.widget-view+json"


def problems(notebook: dict) -> list[str]:
    """What keeps a committed notebook from being read, run by papermill and shown in the book."""
    cells = [{**cell, "text": "".join(cell["source"])} for cell in notebook["cells"]]
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["text"].strip()]
    outputs = [output for cell in code for output in cell["outputs"]]
    found = []

    counts = [cell["execution_count"] for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"the cells were not run once each from top to bottom: {counts}")
    if not outputs:
        found.append("no cell has an output")
    if any(output["output_type"] == "error" for output in outputs):
        found.append("a cell ends in an error")
    if any(WIDGET in output.get("data", {}) for output in outputs):
        found.append("a widget is among the outputs, which the page cannot show without a kernel")
    if "widgets" in notebook["metadata"]:
        found.append("the state of widgets is in the metadata")
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3, which every reader has")

    parameters = [cell["text"] for cell in code if "parameters" in tags(cell)]
    if len(parameters) != 1:
        found.append(f"{len(parameters)} cells are tagged parameters, not one")
    else:
        lines = [line for line in parameters[0].splitlines() if line.strip()]
        found += [
            f"parameter without type or comment: {line}" for line in lines if not TYPED.match(line)
        ]
        found += [
            f"parameter whose default is not a plain value: {ast.unparse(statement)}"
            for statement in ast.parse(parameters[0]).body
            if not (isinstance(statement, ast.AnnAssign) and is_plain(statement.value))
        ]

    colab = [cell for cell in code if "google.colab" in cell["text"]]
    if len(colab) != 1:
        found.append(f"{len(colab)} cells speak of Colab, not one")
    else:
        if 'if "google.colab" in sys.modules' not in colab[0]["text"]:
            found.append("the Colab cell is not guarded")
        if not {"remove-cell", "nbval-skip"} <= tags(colab[0]):
            found.append("the Colab cell lacks a tag: remove-cell, nbval-skip")
    if any(re.search(r"[!%]\s*pip ", cell["text"]) for cell in code if cell not in colab):
        found.append("a cell other than Colab's installs something")
    return found


def tags(cell: dict) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def is_plain(value: ast.expr | None) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_ready_to_be_read(path):
    assert problems(json.loads(path.read_text(encoding="utf-8"))) == []


def code_cell(source: str, count: int, *tags: str, outputs: tuple = ()) -> dict:
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {"tags": list(tags)},
        "outputs": list(outputs),
        "source": source.splitlines(keepends=True),
    }


COLAB = 'import sys\n\nif "google.colab" in sys.modules:\n    %pip install -q "gancourse @ git+https://example.org/x"'
PARAMETERS = 'scale: str = "check"  # check, class or full\nsteps: int | None = None  # None: what the scale says'
SHOWN = {"output_type": "display_data", "data": {"text/plain": ["a figure"]}, "metadata": {}}
GOOD = {
    "metadata": {"kernelspec": {"name": "python3"}},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]},
        code_cell(COLAB, 1, "remove-cell", "nbval-skip"),
        code_cell(PARAMETERS, 2, "parameters"),
        code_cell("draw(scale)", 3, outputs=(SHOWN,)),
    ],
}


def test_a_good_notebook_has_no_problem():
    assert problems(GOOD) == []


def broken(change) -> dict:
    notebook = copy.deepcopy(GOOD)
    change(notebook, notebook["cells"])
    return notebook


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda nb, cells: cells[3].update(execution_count=7), "top to bottom"),
        (lambda nb, cells: cells[3].update(execution_count=None), "top to bottom"),
        (lambda nb, cells: cells[3].update(outputs=[]), "no cell has an output"),
        (
            lambda nb, cells: cells[2].update(
                outputs=[{"output_type": "error", "ename": "KeyError"}]
            ),
            "in an error",
        ),
        (lambda nb, cells: cells[3]["outputs"].append({**SHOWN, "data": {WIDGET: {}}}), "a widget"),
        (lambda nb, cells: nb["metadata"].update(widgets={}), "state of widgets"),
        (lambda nb, cells: nb["metadata"].update(kernelspec={"name": "my-env"}), "not python3"),
        (lambda nb, cells: cells[2]["metadata"].update(tags=[]), "0 cells are tagged"),
        (
            lambda nb, cells: cells[2].update(source='scale = "check"  # untyped'),
            "without type or comment",
        ),
        (
            lambda nb, cells: cells[2].update(source='scale: str = "check"'),
            "without type or comment",
        ),
        (
            lambda nb, cells: cells[2].update(source="seed: int = draw()  # a call"),
            "not a plain value",
        ),
        (
            lambda nb, cells: cells.pop(1) and cells[1].update(execution_count=1),
            "0 cells speak of Colab",
        ),
        (lambda nb, cells: cells[1].update(source="import google.colab"), "not guarded"),
        (lambda nb, cells: cells[1]["metadata"].update(tags=["remove-cell"]), "lacks a tag"),
        (lambda nb, cells: cells[3].update(source="!pip install x"), "installs something"),
    ],
)
def test_a_broken_notebook_is_caught(change, expected):
    assert any(expected in problem for problem in problems(broken(change)))


# --- a quick start ---


def modules_loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement, started in the
    repository.
    """
    code = f"import json, sys\n{statement}\nprint()\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.skipif(
    not (ROOT / "gancourse/__init__.py").exists(), reason="gancourse/__init__.py is not written yet"
)
def test_importing_the_package_does_not_import_torch():
    loaded = modules_loaded_by("import gancourse")
    assert "gancourse" in loaded
    assert not loaded & {"torch", "torchvision", "matplotlib", "numpy"}


@pytest.mark.skipif(
    not (ROOT / "gancourse/cli/__init__.py").exists(),
    reason="gancourse/cli/__init__.py is not written yet",
)
@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["sample", "--help"]], ids=" ".join
)
def test_the_command_explains_itself_without_torch(arguments):
    loaded = modules_loaded_by(
        f"from gancourse.cli import main\nsys.argv = ['gancourse', *{arguments}]\ntry:\n    "
        "main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert not loaded & {"torch", "torchvision", "matplotlib"}


@pytest.mark.parametrize(
    "path", sorted(files.NOTEBOOKS.glob(files.CHAPTERS)), ids=lambda path: path.stem
)
def test_quoted_code_is_no_wider_than_a_page(path):
    """The book's column cuts off what is wider; what a notebook quotes is seen in its outputs."""
    outputs = [
        "".join(output.get("data", {}).get("text/markdown", []))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
    ]
    quoted = [text for text in outputs if "```python" in text]
    assert quoted
    assert [line for text in quoted for line in text.splitlines() if len(line) > 88] == []
