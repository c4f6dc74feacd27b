"""The live figures that the book's sources ask for: where each check begins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")]
FENCE = re.compile(r"(?:`{3,}|:{3,})\{live\} +([\w-]+)")

# (page of the built book, name of the figure), in the order of the pages
FIGURES = [
    (source.relative_to(ROOT).with_suffix(".html").as_posix(), name)
    for source in sorted(SOURCES)
    for name in FENCE.findall(source.read_text(encoding="utf-8"))
]
PAGES = sorted({page for page, _ in FIGURES})


def ids(value: str) -> str:
    return Path(value).stem


each_figure = pytest.mark.parametrize(("page", "name"), FIGURES, ids=ids)
each_page = pytest.mark.parametrize("page", PAGES, ids=ids)
