"""What the book is made of, read without building it: pages, glossary, bibliography, diagrams,
colours, vendored files.
"""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
ASSETS = BOOK / "assets"
PAGES = sorted(BOOK.glob("*.md"))
DIAGRAMS = sorted((ASSETS / "diagrams").glob("*.svg"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def prose() -> dict[str, str]:
    """Name -> Markdown of every page, notebooks without their code."""
    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path.name] = "\n\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
    return texts


# --- configuration and contents ---


def listed() -> list[str]:
    chapters = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
    return [TOC["root"], *chapters]


def test_the_contents_name_every_page_once_and_nothing_else():
    files = listed()
    assert [name for name, count in Counter(files).items() if count > 1] == []
    assert {f"book/{page.stem}" for page in PAGES} == {
        name for name in files if name.startswith("book/")
    }
    notebooks = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == {name for name in files if name.startswith("notebooks/")}


def test_the_book_never_runs_a_notebook_and_reads_only_what_the_contents_name():
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["only_build_toc_files"] is True
    assert {"_build", ".venv", "work", "node_modules", ".*/**"} <= set(CONFIG["exclude_patterns"])
    assert "sphinx_thebe" not in CONFIG["sphinx"]["config"]["extensions"]
    assert not (ROOT / "_static").exists(), (
        "Jupyter Book adds every script in a root _static to every page"
    )


# --- words ---

FILLER = re.compile(
    r"\b(dive into|deep dive|delve|powerful|it is important to note|it's worth noting|state-of-the-art|leverag\w+|"
    r"cutting-edge|unleash\w*|seamless\w*|game-chang\w+|revolutioni\w+|simply|obviously|in order to)\b",
    re.I,
)


@pytest.mark.parametrize("name", sorted(prose()))
def test_no_filler_and_no_hype(name):
    assert FILLER.findall(prose()[name]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_assets_that_a_page_names_exist(page):
    named = re.findall(
        r"_static/([\w./-]+)|:file: assets/([\w./-]+)", page.read_text(encoding="utf-8")
    )
    served = ASSETS, BOOK.parent / "runs"  # html_static_path
    assert [
        name
        for pair in named
        for name in pair
        if name and not any((at / name).is_file() for at in served)
    ] == []


def glossary() -> dict[str, str]:
    """Term -> definition, in the order of the page."""
    body = (
        (BOOK / "glossary.md")
        .read_text(encoding="utf-8")
        .split(":::{glossary}\n")[1]
        .split("\n:::")[0]
    )
    entries = [entry.strip("\n").split("\n", 1) for entry in re.split(r"\n\n(?=\S)", body)]
    return {term: " ".join(definition.split()) for term, definition in entries}


def test_the_glossary_is_large_enough_sorted_and_short():
    terms = glossary()
    assert len(terms) >= 50
    assert list(terms) == sorted(terms, key=str.casefold)
    assert {
        term: len(text.split()) for term, text in terms.items() if not 4 <= len(text.split()) <= 55
    } == {}


# --- bibliography ---


def bibliography() -> dict[str, dict[str, str]]:
    """Key -> fields of every entry."""
    text = (BOOK / "references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}", text, re.M | re.S)
    assert len(entries) == text.count("\n@") + text.startswith("@"), (
        "an entry does not end in a line of its own"
    )
    fields = re.compile(r"^\s*(\w+)\s*=\s*\{(.*?)\},?$", re.M | re.S)
    return {key: {"kind": kind, **dict(fields.findall(body))} for kind, key, body in entries}


def test_every_entry_can_be_found_by_its_reader():
    for key, entry in bibliography().items():
        assert entry["author"] and entry["title"] and re.fullmatch(r"(19|20)\d\d", entry["year"]), (
            key
        )
        assert entry["year"] in key, f"{key} says another year than {entry['year']}"
        assert entry.keys() & {"eprint", "doi", "url"}, f"{key} has no arXiv id, DOI or address"
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.get("eprint", "1406.2661")), key
        if entry["kind"] == "inproceedings":
            assert entry["booktitle"], key


def test_no_paper_is_listed_twice():
    titles = Counter(
        re.sub(r"\W", "", entry["title"]).casefold() for entry in bibliography().values()
    )
    ids = Counter(entry["eprint"] for entry in bibliography().values() if "eprint" in entry)
    assert [name for name, count in (titles | ids).items() if count > 1] == []


def test_every_citation_has_an_entry():
    groups = [
        keys
        for text in prose().values()
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    ]
    cited = {key.strip() for keys in groups for key in keys.split(",")}
    assert len(cited) > 30
    assert cited - bibliography().keys() == set()


# --- diagrams ---

SVG = "{http://www.w3.org/2000/svg}"


def test_there_are_diagrams():
    assert {path.stem for path in DIAGRAMS} >= {"game", "ladder", "which"}


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_diagram_can_be_read_by_all(path):
    """Words for those who do not see it, real text, colours from the page's theme, wide enough type
    on a phone.
    """
    svg = ET.parse(path).getroot()
    title, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert len(title.text) > 8 and len(description.text) > 150
    assert len(list(svg.iter(f"{SVG}text"))) >= 5
    coloured = [
        node.tag
        for node in svg.iter()
        if {"fill", "stroke", "style", "font-size"} & set(node.keys())
    ]
    assert coloured == [], (
        "colours and sizes belong into course.css, where they follow the page's theme"
    )
    left, top, width, height = map(float, svg.get("viewBox").split())
    assert width <= 480, (
        "shown 358 pixels wide on a phone, type of 14 units would be under 10 pixels high"
    )
    for node in svg.iter(f"{SVG}rect"):
        x, y, w, h = (float(node.get(name)) for name in ("x", "y", "width", "height"))
        assert left <= x and top <= y and x + w <= left + width and y + h <= top + height


def test_identifiers_differ_between_diagrams():
    ids = Counter(
        node.get("id") for path in DIAGRAMS for node in ET.parse(path).iter() if node.get("id")
    )
    assert [name for name, count in ids.items() if count > 1] == []


# --- colours ---


def palette(theme: str) -> dict[str, str]:
    css = (ASSETS / "course.css").read_text(encoding="utf-8")
    chosen = 'html[data-theme="dark"]' if theme == "dark" else 'html:not([data-theme="dark"])'
    block = re.search(rf"^{re.escape(chosen)} \{{\n(.*?)^\}}", css, re.M | re.S)[1]
    return dict(re.findall(r"--gc-([\w-]+): (#[0-9a-f]{6});", block))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_rightly():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


TEXT_ON = {
    "paper": ("ink", "muted", "data", "generator", "discriminator", "ready"),
    "panel": ("ink", "muted", "data", "generator", "discriminator", "ready"),
    "data-wash": ("ink",),
    "generator-wash": ("ink", "muted"),
    "discriminator-wash": ("ink",),
    "added-wash": ("ink",),
    "data": ("paper",),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_ink_can_be_read_on_its_paper(theme):
    colours = palette(theme)
    pairs = {
        (ink, paper): contrast(colours[ink], colours[paper])
        for paper, inks in TEXT_ON.items()
        for ink in inks
    }
    assert {pair: round(value, 2) for pair, value in pairs.items() if value < 4.5} == {}


def test_both_themes_name_the_same_colours():
    assert palette("light").keys() == palette("dark").keys()


# --- vendored and own files ---


@pytest.mark.parametrize("folder", ["mathjax", "fonts"])
def test_vendored_files_are_the_published_ones(folder):
    folder = ASSETS / folder
    sums = dict(
        line.split("  ")[::-1]
        for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    assert found.keys() == sums.keys() | {"README.md", "SHA256SUMS"}
    assert "LICENSE" in sums
    assert {
        name
        for name, sha in sums.items()
        if hashlib.sha256(found[name].read_bytes()).hexdigest() != sha
    } == set()
    assert re.search(r"sha256 +[0-9a-f]{64}", (folder / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["course.css", "course.js", "logo.svg"])
def test_own_files_ask_nobody_and_find_what_they_name(name):
    text = (ASSETS / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+|@import", text) == []
    assert [
        url
        for url in re.findall(r"url\(([^)]+)\)", text)
        if not (ASSETS / url.strip("'\"")).is_file()
    ] == []
