"""A Sphinx extension for readers: what goes deeper is folded, the minutes stand at the head, and a
film can be stopped.

A section whose title begins with "Deeper: " becomes a <details> element, closed. The browser opens
it by itself when a link leads into it or when the reader searches the page; for paper the style
sheet opens it. In a notebook elsewhere it stays an ordinary section.

A chapter says under its title how long it takes. The three numbers are counted here and written
nowhere. The film of a published run gets its last picture beside it, for the button that stops it
(book/assets/course.js).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import dirname, relpath
from typing import NamedTuple

from docutils import nodes

from gancourse.school import myst

DEEPER = "Deeper: "
EXERCISES = "Exercises"
WORDS_A_MINUTE = 220
SHOWS_WORDS = {"admonition", "figure", "hint", "live", "note", "seealso", "tip", "warning"}
TITLED = {"admonition"}  # what stands beside the directive's name is read as well
MINUTES = re.compile(r"\*(\d+) minutes, \w+\.\*")


class Reading(NamedTuple):
    """How much there is to read in a chapter, and to do.

    Attributes:
        first: words of the first reading.
        deeper: words of what is folded.
        exercises: minutes of all exercises, by what each says of itself.
    """

    first: int
    deeper: int
    exercises: int


def reading(markdown: list[str]) -> Reading:
    """Count the words of a chapter.

    A word is whatever stands between blanks and has a letter or a digit in it. The first reading
    is all Markdown but

    - sections whose title begins with "Deeper: ", each up to the next heading of its level;
    - the section "Exercises", with its project, and every exercise and solution elsewhere;
    - code, displayed formulas, HTML tags, addresses, and options of directives, alt texts among
      them.

    Captions and boxes count when they stand in Markdown. A formula within a line is one word.

    Args:
        markdown: the sources of a notebook's Markdown cells, in order, or one page.
    """
    words, inside, folded = {"first": 0, "deeper": 0, "exercises": 0}, None, []
    minutes = 0
    for source in markdown:
        minutes += sum(int(each) for each in MINUTES.findall(source))
        for kind, text in pieces(source):
            if kind == "gate":
                inside = text.removesuffix("-start") if text.endswith("-start") else None
            elif kind.startswith("h"):
                level = int(kind[1:])
                folded = [each for each in folded if each[0] < level]
                if text.startswith(DEEPER) or text == EXERCISES:
                    folded.append((level, "exercises" if text == EXERCISES else "deeper"))
            place = "exercises" if inside else folded[0][1] if folded else "first"
            if kind != "gate":
                words[place] += count(text)
    return Reading(words["first"], words["deeper"], minutes)


def pieces(source: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of what is read in Markdown; kind is "gate", "text", or "h2" for a heading.

    A gate is the name of the directive that begins or ends an exercise or a solution.
    """
    heading = None
    for token in myst.MARKDOWN.parse(source):
        if token.type == "heading_open":
            heading = token.tag
        elif token.type == "inline":
            yield heading or "text", said(token)
            heading = None
        elif token.type == "html_block":
            yield "text", re.sub(r"<[^>]*>", " ", token.content)
        elif found := myst.directive(token):
            if re.fullmatch(r"(exercise|solution)-(start|end)", found.name):
                yield "gate", found.name
            elif found.name in SHOWS_WORDS:
                if found.name in TITLED:
                    yield "text", found.argument
                yield from pieces(found.body)


def said(inline) -> str:
    """The words of a paragraph's token: of a role those that it shows, not its name."""
    parts = []
    for token in inline.children or []:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "math_inline":
            parts.append("x")
        elif token.type == "myst_role":
            words, target = myst.split_target(token.content)
            parts.append(words or target)
        elif token.type in ("text", "code_inline"):
            parts.append(token.content)
    return "".join(parts)


def count(text: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def of_notebook(path: Path) -> Reading:
    """The count of a notebook file."""
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    return reading([cell.source for cell in cells if cell.cell_type == "markdown"])


def minutes(words: int) -> int:
    return round(words / WORDS_A_MINUTE)


def line(found: Reading) -> str:
    """What a chapter says at its head."""
    parts = [f"First reading: {minutes(found.first)} minutes"]
    if found.deeper:
        parts.append(f"folded sections: {minutes(found.deeper)} more")
    if found.exercises:
        parts.append(f"exercises: {found.exercises} minutes and a project")
    return "; ".join(parts) + "."


class Deeper(nodes.General, nodes.Element):
    """A folded section: a `Summary`, then the section without its title."""


class Summary(nodes.General, nodes.TextElement):
    """The title of a folded section; `anchor` is the section's id."""


class Film(nodes.General, nodes.Element):
    """Around the figure of a film; `still` is the address of its last picture."""


def fold(section: nodes.section) -> None:
    """Put a section into a `Deeper`. It stays inside, so that a link to it opens what holds it."""
    title = section.next_node(nodes.title)
    summary = Summary("", "", *title.children, anchor=section["ids"][0])
    section.remove(title)
    section.replace_self(deeper := Deeper())
    deeper += [summary, section]


def stoppable(figure: nodes.figure, folder: str) -> None:
    """Put a run's film into a `Film`, for a page in this folder."""
    image = figure.next_node(nodes.image)
    path = PurePosixPath(image["uri"] if image else "")  # runs/NAME/film.webp
    if path.name == "film.webp" and path.parts[0] == "runs":
        still = f"_static/{path.parts[1]}/film-still.png"  # html_static_path has runs
        figure.replace_self(film := Film(still=relpath(still, folder or ".")))
        film += figure


def arrange(app, doctree, docname: str) -> None:
    """Fold the sections of a page and write its head, once contents and numbers are known."""
    if app.builder.format != "html":
        return
    for section in list(doctree.findall(nodes.section)):
        if section[0].astext().startswith(DEEPER):
            fold(section)
    for figure in list(doctree.findall(nodes.figure)):
        stoppable(figure, dirname(docname))
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb" and (title := doctree.next_node(nodes.title)):
        head = nodes.paragraph("", line(of_notebook(path)), classes=["minutes"])
        title.parent.insert(title.parent.index(title) + 1, head)


def open_details(self, node: Deeper) -> None:
    self.body.append('<details class="deeper">\n')


def close_details(self, node: Deeper) -> None:
    self.body.append("</details>\n")


def open_summary(self, node: Summary) -> None:
    level = self.section_level + self.initial_header_level
    self.body.append(f"<summary><h{level}>")
    if number := self.builder.secnumbers.get(f"#{node['anchor']}"):
        number = ".".join(map(str, number)) + self.secnumber_suffix
        self.body.append(f'<span class="section-number">{number}</span>')


def close_summary(self, node: Summary) -> None:
    level = self.section_level + self.initial_header_level
    self.body.append(f"</h{level}></summary>\n")


def open_film(self, node: Film) -> None:
    self.body.append(f'<div class="film" data-still="{node["still"]}">\n')


def close_film(self, node: Film) -> None:
    self.body.append("</div>\n")


def setup(app) -> dict:
    app.add_node(Film, html=(open_film, close_film))
    app.add_node(Deeper, html=(open_details, close_details))
    app.add_node(Summary, html=(open_summary, close_summary))
    app.connect("doctree-resolved", arrange)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
