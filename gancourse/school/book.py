"""What a notebook refers to when it is read outside the book: pages, labels, terms and papers.

All of it is read from the sources in a checkout, so that no built book is needed.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import quote

from gancourse.files import CourseError
from gancourse.school import myst

SITE = "https://gancourse.github.io/gancourse"  # where .github/workflows/site.yml publishes
REPOSITORY = "https://github.com/gancourse/gancourse"
RAW = "https://raw.githubusercontent.com/gancourse/gancourse/main"
COLAB = "https://colab.research.google.com/github/gancourse/gancourse/blob/gh-pages"
CONTENTS = "_toc.yml"  # the file by which the root of a book is known
WORDS = {"figure": "Figure", "exercise": "Exercise", "equation": "Equation"}  # of a numbered thing


@dataclass(frozen=True)
class Place:
    """Something that a reference can lead to.

    Attributes:
        page: of the book, such as notebooks/01_gan.
        anchor: in that page; "" for its beginning.
        title: its heading or caption in plain Markdown; for a term, the term.
        kind: page, section, figure, exercise, equation or term.
        number: such as 1.2, if the book numbers it.
    """

    page: str
    anchor: str
    title: str
    kind: str
    number: str = ""

    @property
    def url(self) -> str:
        return f"{SITE}/{self.page}.html" + (f"#{self.anchor}" if self.anchor else "")

    @property
    def words(self) -> str:
        """What a reference says that has no words of its own."""
        if self.kind in WORDS:
            return f"{WORDS[self.kind]} {self.number}".rstrip()
        return self.title or self.anchor


@dataclass(frozen=True)
class Paper:
    """A line of the bibliography: its authors as a citation names them, its year, its address."""

    authors: str
    year: str
    url: str


class Book:
    """A checkout's pages, read when something is first asked of them."""

    def __init__(self, root: Path | None = None):
        self.root = root

    @functools.cached_property
    def places(self) -> dict[str, Place]:
        """Labels, and pages under /NAME -> where they are."""
        found: dict[str, Place] = {}
        for path in self.paths():
            name = path.relative_to(self.root).with_suffix("").as_posix()
            found |= places(name, contents(path))
        return found

    @functools.cached_property
    def terms(self) -> dict[str, str]:
        """Terms of the glossary in lower case -> as the glossary spells them."""
        path = self.root / "book" / "glossary.md" if self.root else Path()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return {term.lower(): term for term in glossary(text)}

    @functools.cached_property
    def papers(self) -> dict[str, Paper]:
        """Keys of the bibliography -> what a citation says."""
        path = self.root / "book" / "references.bib" if self.root else Path()
        if not path.is_file():
            return {}
        from pybtex.database import parse_file  # here, since it takes a while

        return {key: paper(entry) for key, entry in parse_file(str(path)).entries.items()}

    def paths(self) -> list[Path]:
        if self.root is None:
            return []
        return [*sorted(self.root.glob("book/*.md")), *sorted(self.root.glob("notebooks/*.ipynb"))]


@dataclass(frozen=True)
class Page:
    """A page of a book, from which its references are looked up. The default is no page at all."""

    name: str = ""
    book: Book = Book()

    @classmethod
    def of(cls, path: Path) -> Page:
        """The page that a file is, if it lies in a book."""
        path = path.resolve()
        for folder in path.parents:
            if (folder / CONTENTS).is_file():
                return cls(path.relative_to(folder).with_suffix("").as_posix(), book_at(folder))
        return cls()

    @property
    def url(self) -> str:
        return f"{SITE}/{self.name}.html"

    @property
    def kind(self) -> str:
        return "chapter" if chapter_number(self.name) else "page"

    def label(self, label: str, role: str) -> Place:
        """Where a label is.

        Raises:
            CourseError: no page has it.
        """
        if label not in self.book.places:
            raise CourseError(
                f"{{{role}}}`{label}`: no page of the book has this label; correct it, or give "
                "the place that is meant a line `(label)=`."
            )
        return self.book.places[label]

    def other(self, name: str) -> Place:
        """The page of the book that is called so, seen from this one; /NAME is seen from the root.

        Raises:
            CourseError: there is none.
        """
        full = normpath(join("/", dirname(self.name), name))
        if full not in self.book.places:
            raise CourseError(f"{{doc}}`{name}`: no page of the book; correct its name.")
        return self.book.places[full]

    def file(self, name: str) -> str:
        """The address of a file of the repository, which this page names relative to itself.

        Raises:
            CourseError: there is no such file.
        """
        path = normpath(join(dirname(self.name), name))
        if self.book.root is None or not (self.book.root / path).is_file():
            raise CourseError(f"{name}: no such file beside {self.name or 'it'}; correct the path.")
        return f"{RAW}/{quote(path)}"

    def term(self, term: str) -> Place:
        """Where the glossary explains a term.

        Raises:
            CourseError: it does not.
        """
        spelled = self.book.terms.get(term.lower())
        if spelled is None:
            raise CourseError(f"{{term}}`{term}`: not in the glossary; add it or correct it.")
        plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-")  # as Sphinx names it
        return Place("book/glossary", f"term-{slug}", spelled, "term")

    def paper(self, key: str) -> Paper:
        """What the bibliography says of a paper.

        Raises:
            CourseError: it has no such key.
        """
        if key not in self.book.papers:
            raise CourseError(f"{{cite}}`{key}`: not in book/references.bib; add or correct it.")
        return self.book.papers[key]


@functools.cache
def book_at(root: Path) -> Book:
    return Book(root)


def contents(path: Path) -> Iterator[str | dict]:
    """A page's Markdown, and the metadata of a notebook's code cells between it, in their order.

    Raises:
        CourseError: a notebook is none.
    """
    if path.suffix == ".md":
        yield path.read_text(encoding="utf-8")
        return
    try:
        cells = json.loads(path.read_bytes())["cells"]  # not validated: whoever copies it does that
    except (ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{path}: not a notebook; restore it, the others refer to it.") from error
    for cell in cells:
        if cell["cell_type"] == "markdown":
            yield "\n".join("".join(cell["source"]).splitlines())
        elif cell["cell_type"] == "code":
            yield cell["metadata"]


def chapter_number(page: str) -> str:
    """The number of a page that is a chapter: a notebook whose name begins with it; else ""."""
    found = re.match(r"notebooks/0*(\d+)_", page)
    return found[1] if found else ""


def places(page: str, parts: Iterator[str | dict]) -> dict[str, Place]:
    """What one page defines: itself as /NAME, and every label in it.

    Figures, exercises and labelled equations are numbered in a chapter, which is a notebook whose
    name begins with its number, as Sphinx numbers them: those with a caption, in their order.
    """
    found: dict[str, Place] = {}
    chapter = chapter_number(page)
    counts: Counter[str] = Counter()

    def number(kind: str) -> str:
        counts[kind] += 1
        return f"{chapter}.{counts[kind]}" if chapter else ""

    def add(label: str, title: str, kind: str, numbered: bool = False) -> None:
        given = number(kind) if numbered else ""
        if label:
            found[label] = Place(page, label.lower(), title, kind, given)

    for part in parts:
        if not isinstance(part, str):
            figure = part.get("mystnb", {}).get("figure", {})
            if figure.get("caption"):
                add(figure.get("name", ""), figure["caption"], "figure", numbered=True)
            continue
        for kind, label, title, numbered in myst.labels(part):
            if kind == "page":
                found.setdefault(f"/{page}", Place(page, "", title, "page"))
            else:
                add(label, title, kind, numbered)
    return found


def glossary(text: str) -> Iterator[str]:
    """The terms of a page's {glossary}, which stand at the margin above what explains them."""
    for token in myst.BLOCKS.parse(text):
        if (found := myst.directive(token)) and found.name == "glossary":
            lines = found.body.split("\n")
            for line, below in zip(lines, [*lines[1:], ""], strict=True):
                if line.strip() and not line[0].isspace() and below.strip():
                    yield line.strip()


def paper(entry) -> Paper:
    """A bibliography's entry (pybtex) as a citation: up to two authors, or the first and others."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [
        " ".join(str(part) for part in (*person.rich_prelast_names, *person.rich_last_names))
        for person in people
    ]
    if len(names) > 2 or names[1:] == ["others"]:
        authors = f"{names[0]} et al."
    else:
        authors = " and ".join(names) or entry.fields.get("key", entry.key)
    fields = entry.fields
    if "eprint" in fields:  # which everybody may read
        url = f"https://arxiv.org/abs/{fields['eprint']}"
    elif "url" in fields:
        url = fields["url"]
    elif "doi" in fields:
        url = f"https://doi.org/{quote(fields['doi'], safe='/:;')}"
    else:
        url = f"{SITE}/book/bibliography.html"
    return Paper(authors, fields.get("year", "n.d."), url)
