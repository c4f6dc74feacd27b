"""The small pictures of the pages: one function each, one place in the book each, few bytes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BOOK = Path(__file__).resolve().parents[2] / "book"
NOTEBOOKS = BOOK.parent / "notebooks"
FOLDER = BOOK / "assets" / "figures"
SHOWN = re.compile(r"!\[([^\]]*)\]\(assets/figures/([\w-]+)\.webp\)")
CARD = re.compile(r":img-top: assets/figures/([\w-]+)\.webp\n:img-alt: (.+)")
DEFINED = re.compile(r"^@figure\ndef (\w+)\(", re.MULTILINE)


def on_pages() -> list[tuple[str, str, str]]:
    """(page, figure, alt text) of every picture."""
    found = []
    for page in sorted(BOOK.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        found += [(page.stem, name, alt) for alt, name in SHOWN.findall(text)]
        found += [(page.stem, name, alt) for name, alt in CARD.findall(text)]
    return found


def drawn() -> set[str]:
    text = (BOOK / "figures.py").read_text(encoding="utf-8")
    return {name.replace("_", "-") for name in DEFINED.findall(text)}


def test_every_figure_has_a_function_and_a_place():
    files = {path.stem for path in FOLDER.iterdir()}
    notebooks = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb"))
    in_chapters = re.findall(r"assets/figures/([\w-]+)\.webp", notebooks)
    assert files == drawn() == {name for _, name, _ in on_pages()} | set(in_chapters)
    assert len(files) > 40


def test_every_picture_is_said_in_words():
    for page, name, alt in on_pages():
        assert len(alt.split()) >= 8, f"{page}: {name}"


def test_every_failure_has_a_picture():
    """A failure is a defined term of the page."""
    text = (BOOK / "failures.md").read_text(encoding="utf-8").split("## The museum")[0]
    entries = re.split(r"\n(?=[^\n]+\n: )", text)[1:]
    assert len(entries) > 30
    bare = [entry.split("\n")[0] for entry in entries if not SHOWN.search(entry)]
    assert bare == []


def test_every_section_on_a_metric_has_a_picture():
    text = (BOOK / "metrics.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    advice = {"What to do with all this", "Where these numbers come from"}
    bare = [part.split("\n")[0] for part in sections if not SHOWN.search(part)]
    assert set(bare) == advice


def test_the_figures_are_small():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(sizes.values()) < 1_000_000
    gallery = [size for name, size in sizes.items() if name.startswith("gallery-")]
    assert len(gallery) == 6 and sum(gallery) < 200_000


@pytest.mark.parametrize("name", ["chequers", "two-softmaxes", "one-pixel"])
def test_a_figure_is_what_its_function_draws(name):
    """Those that need no weights, but for what WebP loses."""
    spec = importlib.util.spec_from_file_location("figures", BOOK / "figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    made = np.asarray(figures.FIGURES[name]().picture(), dtype=float)
    kept = np.asarray(Image.open(FOLDER / f"{name}.webp").convert("RGB"), dtype=float)
    assert made.shape == kept.shape
    assert np.abs(made - kept).mean() < 3
