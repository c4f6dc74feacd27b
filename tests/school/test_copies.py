"""Every notebook as its readers see it outside the book: rendered, and looked at.

The copies are made by `gancourse.school.plain`, with a parser. Here nbconvert renders them, as
Jupyter does, with another parser (mistune); what is looked for, is looked for in the text of the
page.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from gancourse import files
from gancourse.school import notebooks
from gancourse.school.book import COLAB, REPOSITORY, Page

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KINDS = ("jupyter", "student")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_chapter = pytest.mark.parametrize(
    "path", sorted(files.NOTEBOOKS.glob(files.CHAPTERS)), ids=lambda path: path.stem
)
pytestmark = pytest.mark.slow
each_kind = pytest.mark.parametrize("kind", KINDS)

MYST = {
    "directive": re.compile(
        r"[`:~]{3,}\s*\{|\{(?:admonition|exercise|solution|figure|live|note|tip|warning|math)\b"
    ),
    "role": re.compile(r"\{(?:cite|doc|ref|numref|eq|term|math)(?::\w)?\}"),
    "label": re.compile(r"^\([a-z][\w-]*\)=", re.MULTILINE),
    "option": re.compile(r"^:(?:label|class|name|alt|width|nonumber)\b", re.MULTILINE),
}


@functools.cache
def made(path: Path, kind: str) -> str:
    """The copy as JSON: each caller gets one of its own."""
    page = Page.of(path)
    return nbformat.writes(notebooks.COPIES[kind](notebooks.read(path), page))


@functools.cache
def html(path: Path, kind: str) -> str:
    """A copy, or for "source" the notebook itself, as a page without what its code put out."""
    notebook = notebooks.read(path) if kind == "source" else nbformat.reads(made(path, kind), 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return HTMLExporter(template_name="basic").from_notebook_node(notebook)[0]


def rendered(path: Path, kind: str) -> BeautifulSoup:
    return BeautifulSoup(html(path, kind), "html.parser")


def myst(page: BeautifulSoup) -> list[str]:
    """What is left of MyST in the words of a page, code in cells left out."""
    for cell in page.find_all(class_=["jp-CodeCell", "code_cell"]):
        cell.decompose()
    text = page.get_text("\n")
    return [
        f"{kind}: {found[0]}" for kind, pattern in MYST.items() for found in pattern.finditer(text)
    ]


def secrets(path: Path) -> set[str]:
    """Lines of code that stand in the cells tagged `solution`, and in no cell before an exercise."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    hidden, known = set(), set()
    for cell in cells:
        tags = set(cell["metadata"].get("tags", []))
        lines = {line.strip() for line in "".join(cell["source"]).splitlines()}
        if "solution" in tags and "check" not in tags:
            hidden |= {line for line in lines if len(line) > 12}
        elif cell["cell_type"] == "code":
            known |= lines
    return hidden - known


def seen(page: BeautifulSoup) -> str:
    """A page's text as it opens: without what <details> fold, but for their summaries."""
    page = BeautifulSoup(str(page), "html.parser")
    for folded in page.find_all("details", open=False):
        folded.decompose()
    return page.get_text()


@each_kind
@each_notebook
def test_no_myst_is_shown(path, kind):
    assert myst(rendered(path, kind)) == []


@each_chapter
def test_the_source_itself_would_be_caught(path):
    """The same look at what the copies are made from finds all four kinds, and every solution."""
    text = seen(rendered(path, "source"))
    assert len([line for line in secrets(path) if line in text]) > 10
    complaints = myst(rendered(path, "source"))
    assert {complaint.partition(":")[0] for complaint in complaints} == set(MYST)


@each_notebook
def test_solutions_are_folded_for_jupyter(path):
    page = rendered(path, "jupyter")
    opened, everything = seen(page), page.get_text()
    assert [line for line in secrets(path) if line in opened] == []
    missing = [line for line in secrets(path) if line not in everything]
    assert missing == []  # folded, not lost


@each_notebook
def test_students_get_no_solution_at_all(path):
    everything = rendered(path, "student").get_text()
    assert [line for line in secrets(path) if line in everything] == []
    assert "Solution of" not in everything


@each_kind
@each_notebook
def test_the_code_to_run_is_the_same(path, kind):
    """All of the source's code cells but the solutions, in their order."""
    source = [
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code" and "solution" not in cell["metadata"].get("tags", [])
    ]
    cells = nbformat.reads(made(path, kind), 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.source for cell in code] == source
    assert "google.colab" in code[0].source and "%pip install" in code[0].source


@each_kind
@each_notebook
def test_pictures_and_links_work_from_anywhere(path, kind):
    page = rendered(path, kind)
    targets = [tag["src"] for tag in page.find_all("img", src=True)]
    targets += [
        tag["href"] for tag in page.find_all("a", href=True) if not tag["href"].startswith("#")
    ]
    assert targets
    assert [target for target in targets if not re.match(r"https://|mailto:", target)] == []
    assert [str(tag)[:80] for tag in page.find_all("img") if not tag.get("alt")] == []


@each_notebook
def test_formulas_in_boxes_keep_no_mark_of_quotation(path):
    """Jupyter takes formulas out of the text before it reads the Markdown."""
    for cell in nbformat.reads(made(path, "jupyter"), 4).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
            for formula in re.findall(r"\$\$.*?\$\$|(?<![\\$])\$[^$]+\$", text, flags=re.DOTALL):
                assert "\n>" not in formula


@each_notebook
def test_a_copy_is_a_valid_notebook(path):
    for kind in KINDS:
        notebook = nbformat.reads(made(path, kind), 4)
        nbformat.validate(notebook)
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_addresses_are_those_of_the_repository():
    """As the book's settings and its workflow name them."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert f"url: {REPOSITORY}\n" in config
    site = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    branch = COLAB.rpartition("/")[2]
    assert f"--branch {branch} " in site
    assert COLAB.endswith(f"{REPOSITORY.removeprefix('https://github.com')[1:]}/blob/{branch}")
