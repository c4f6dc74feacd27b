"""MyST's Markdown as plain Markdown, which Colab, Jupyter and GitHub show as well.

Boxes become quotations or <details>, figures become pictures with a caption, citations and other
references become links to the published book or to the paper. A directive or role without a plain
form is refused by its name, so that none is ever handed out as source text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from markdown_it.token import Token

from gancourse.files import CourseError
from gancourse.school import myst
from gancourse.school.book import RAW, REPOSITORY, SITE, Page
from gancourse.school.myst import Directive

# A box's name -> what stands over it where it has no title of its own.
BOXES = {name: name.capitalize() for name in ("note", "tip", "hint", "important", "warning")}
BOXES |= {name: name.capitalize() for name in ("attention", "caution", "danger", "error")}
BOXES["seealso"] = "See also"
NO_FORM = {
    "footnote_ref": "a footnote; say it in the text or in brackets",
    "footnote_block_open": "a footnote; say it in the text or in brackets",
    "footnote_reference_open": "a footnote; say it in the text or in brackets",
    "dl_open": "a list of definitions; write a list of points or a table",
    "substitution_inline": "a substitution; write out what it stands for",
    "substitution_block": "a substitution; write out what it stands for",
}


@dataclass(frozen=True)
class Mark:
    """Where in a text a solution starts or ends.

    Attributes:
        label: of the exercise that is solved.
    """

    starts: bool
    label: str = ""


Pieces = list["str | Mark"]
CONTAINERS = re.compile(r"(?:\s|>|[-*+]\s|\d{1,9}[.)]\s)*")  # what a list or quotation puts first


def pieces(text: str, page: Page) -> Pieces:
    """Plain Markdown, in the pieces into which marks of solutions cut it.

    Raises:
        CourseError: something has no plain form, or refers to what is not there.
    """
    lines = text.split("\n")
    starts = [0]  # of each line in the text
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] -= 1
    made: Pieces = [""]
    at = 0
    for start, end, new in edits(text, lines, starts, page):
        made[-1] += text[at:start]
        at = end
        for piece in new:
            if isinstance(piece, Mark):
                made += [piece, ""]
            else:
                made[-1] += piece
    made[-1] += text[at:]
    if at == 0:
        return made
    return [piece if isinstance(piece, Mark) else piece.strip("\n") for piece in made]


def plain(text: str, page: Page) -> str:
    """Plain Markdown of a text that holds no solution.

    Raises:
        CourseError: as `pieces`; or it holds one.
    """
    made = pieces(text, page)
    if len(made) > 1:
        raise CourseError(
            "a solution stands inside another box; give it a place between boxes, not in one."
        )
    return made[0]


def edits(
    text: str, lines: list[str], starts: list[int], page: Page
) -> Iterator[tuple[int, int, Pieces]]:
    """What to replace in a text, from its start to its end: (from, to, by what)."""
    cursor = [0] * len(lines)  # how far each line was matched, for the cells of a table's row
    for token in myst.MARKDOWN.parse(text):
        if token.type in NO_FORM:
            raise CourseError(f"{NO_FORM[token.type]}; plain Markdown has none.")
        if token.type == "html_block":
            raw_html(token.content)
        elif token.type == "inline":
            yield from inline_edits(token, lines, starts, cursor, page)
        elif token.type in ("myst_target", "myst_line_comment", "myst_block_break"):
            yield starts[token.map[0]], starts[token.map[1]], []
        elif token.type == "math_block_label":
            new = display(token.content, page.label(token.info, "eq").number)
            yield block(token, lines, starts, [new])
        elif found := myst.directive(token):
            yield block(token, lines, starts, told(found, page))


def block(
    token: Token, lines: list[str], starts: list[int], new: Pieces
) -> tuple[int, int, Pieces]:
    """The edit that replaces a block, inside the quotations and lists that hold it."""
    first = CONTAINERS.match(lines[token.map[0]])[0] if token.level else ""
    rest = re.sub(r"[^\s>]", " ", first)
    held = [
        piece if isinstance(piece, Mark) else first + piece.replace("\n", f"\n{rest}") + "\n"
        for piece in new
        if piece
    ]
    return starts[token.map[0]], starts[token.map[1]], held


def inline_edits(
    token: Token, lines: list[str], starts: list[int], cursor: list[int], page: Page
) -> Iterator[tuple[int, int, Pieces]]:
    """The edits inside a paragraph, a heading or a table's cell."""
    places: list[tuple[int, int]] = []  # of each line of the token: where in it, where in the text
    at = 0
    for number, line in enumerate(token.content.split("\n"), token.map[0]):
        column = lines[number].find(line, cursor[number])
        places.append((at, starts[number] + column if column >= 0 else -1))
        cursor[number] = max(cursor[number], column + len(line))
        at += len(line) + 1

    def absolute(offset: int) -> int:
        here, there = max(place for place in places if place[0] <= offset)
        if there < 0:
            raise CourseError(
                f"`{token.content}`: cannot be found in its line; leave out what is escaped there."
            )
        return there + offset - here

    for child in token.children:
        if child.type in NO_FORM:
            raise CourseError(f"{NO_FORM[child.type]}; plain Markdown has none.")
        if child.type == "html_inline":
            raw_html(child.content)
        if "at" not in child.meta:
            continue
        start, end = child.meta["at"]
        source = token.content[start:end]
        if child.type == "myst_role":
            new = role(child.meta["name"], child.content, page)
        elif child.type == "math_inline":
            new = source.replace("\n", " ")  # or Jupyter takes a quotation's > for a part of it
        else:
            skipped, new = moved(child, source, page)
            start += skipped
        if new != token.content[start:end]:
            yield absolute(start), absolute(end - 1) + 1, [new]


def moved(token: Token, source: str, page: Page) -> tuple[int, str]:
    """A link or picture that leads to the published book or repository.

    Returns:
        how much of the source stays in front, and what follows it.
    """
    is_picture = token.type == "image"
    target = str(token.attrGet("src" if is_picture else "href"))
    place = target.startswith("#") and page.label(target[1:], "ref")
    if re.match(r"[a-zA-Z][\w+.-]*:", target):
        return 0, source
    name, _, anchor = target.partition("#")
    if place:
        url, words = place.url, place.words
    elif not is_picture and re.search(r"\.(md|ipynb)$", name):
        other = page.other(name.rpartition(".")[0])
        url, words = other.url + (f"#{anchor}" if anchor else ""), other.words
    else:
        url = page.file(name)
        words = name
        if not is_picture:
            url = url.replace(RAW, f"{REPOSITORY}/blob/main")
    tail = source.rfind("](")
    title = re.search(r"""(\s+(?:"[^"]*"|'[^']*'))\s*\)\Z""", source)
    if tail < 0:
        raise CourseError(f"{source}: names its target elsewhere; write it as [words](target).")
    if source.startswith("[](") and not is_picture:
        return 1, f"{words}]({url})"
    return tail, f"]({url}{title[1] if title else ''})"


def raw_html(content: str) -> None:
    """Refuse what is left as it is in HTML, and would not be understood there.

    Raises:
        CourseError: a role, or a picture or link that is relative to the page.
    """
    if found := re.search(r"\{[\w:]+\}`[^`]*`", content):
        raise CourseError(f"{found[0]}: stands in HTML; put blank lines around it.")
    if found := re.search(r"""\b(?:src|href)=["']?(?![a-z]+:|[#"'])[^\s"'>]+""", content):
        raise CourseError(f"{found[0]}: is lost outside the book; use {{figure}} or a link.")


# --- roles ---


def role(name: str, content: str, page: Page) -> str:
    """What a role says.

    Raises:
        CourseError: it has no plain form, or refers to what is not there.
    """
    if name not in ROLES:
        raise CourseError(
            f"{{{name}}}`{content}`: a role without a plain form; write it as Markdown, or give it "
            f"a form in gancourse/school/plain.py. It knows {', '.join(sorted(ROLES))}."
        )
    return ROLES[name](content, page)


def cite(content: str, page: Page) -> str:
    papers = [page.paper(key.strip()) for key in content.split(",")]
    return "[" + "; ".join(f"[{p.authors}, {p.year}]({p.url})" for p in papers) + "]"


def cite_in_text(content: str, page: Page) -> str:
    papers = [page.paper(key.strip()) for key in content.split(",")]
    return ", ".join(f"[{p.authors} ({p.year})]({p.url})" for p in papers)


def ref(content: str, page: Page) -> str:
    words, label = myst.split_target(content)
    place = page.label(label, "ref")
    return f"[{words or plain(place.words, page)}]({place.url})"


def numref(content: str, page: Page) -> str:
    words, label = myst.split_target(content)
    place = page.label(label, "numref")
    if not place.number:
        raise CourseError(f"{{numref}}`{label}`: has no number; use {{ref}} and words.")
    for blank in ("%s", "{number}"):
        words = words.replace(blank, place.number)
    return f"[{words.replace('{name}', plain(place.title, page)) or place.words}]({place.url})"


def eq(content: str, page: Page) -> str:
    place = page.label(content.strip(), "eq")
    return f"[({place.number})]({place.url})"


def doc(content: str, page: Page) -> str:
    words, name = myst.split_target(content)
    place = page.other(name)
    return f"[{words or plain(place.title, page)}]({place.url})"


def term(content: str, page: Page) -> str:
    words, name = myst.split_target(content)
    place = page.term(name)
    return f"[{words or name}]({place.url})"


ROLES: dict[str, Callable[[str, Page], str]] = {
    "cite": cite,
    "cite:p": cite,
    "cite:t": cite_in_text,
    "ref": ref,
    "numref": numref,
    "eq": eq,
    "doc": doc,
    "term": term,
    "math": lambda content, page: f"${content}$",
    "sub": lambda content, page: f"<sub>{escape(content)}</sub>",
    "sup": lambda content, page: f"<sup>{escape(content)}</sup>",
}


# --- directives ---


def told(found: Directive, page: Page) -> Pieces:
    """What a directive says.

    Raises:
        CourseError: it has no plain form, or refers to what is not there.
    """
    if found.name in ("solution-start", "solution-end"):
        return [Mark(found.name.endswith("start"), found.argument)]
    if found.name == "solution":
        return [Mark(True, found.argument), plain(found.body, page), Mark(False)]
    if found.name not in FORMS:
        raise CourseError(
            f"{{{found.name}}}: a directive without a plain form; write it as Markdown, or give it "
            f"a form in gancourse/school/plain.py. It knows {', '.join(sorted(FORMS))}."
        )
    return [FORMS[found.name](found, page)]


def box(found: Directive, page: Page) -> str:
    title, body = found.argument, found.body
    if found.name in BOXES:
        title, body = BOXES[found.name], "\n".join(filter(None, [title, body]))
    title, body = plain(title, page), plain(body, page)
    if found.name == "dropdown" or "dropdown" in found.options.get("class", "").split():
        return details(title, body)
    return quotation(f"**{title}**\n\n{body}")


def quotation(text: str) -> str:
    """A text behind >, with each of its formulas on one line.

    Jupyter takes formulas out of a cell before it reads its Markdown, and a > with them.
    """
    lines = text.split("\n")
    for token in reversed(myst.BLOCKS.parse(text)):
        if token.type in ("math_block", "amsmath"):
            start, end = token.map
            indent = CONTAINERS.match(lines[start])[0] if token.level else ""
            joined = " ".join(line[len(indent) :].strip() for line in lines[start:end])
            lines[start:end] = [indent + joined.strip()]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def details(title: str, body: str) -> str:
    """A text that is folded under a line, in every viewer of notebooks."""
    summary = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(title, quote=False))
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def figure(found: Directive, page: Page) -> str:
    name = found.options.get("name", "")
    shown = picture(found, page)
    if not found.body:
        return shown
    number = page.label(name, "ref").number if name and page.name else ""
    return f"{shown}\n\n{caption(number, plain(found.body, page))}"


def caption(number: str, words: str) -> str:
    return f"**Figure{number and ' ' + number}.** {words}"


def picture(found: Directive, page: Page) -> str:
    url = found.argument
    if not re.match(r"https?:", url):
        url = page.file(url)
    alt = escape(found.options.get("alt", ""))
    width = found.options.get("width", "").removesuffix("px")
    return f'<img src="{url}" alt="{alt}"' + (f' width="{width}">' if width else ">")


def live(found: Directive, page: Page) -> str:
    from gancourse.live import figures  # here, since it imports what the figures show

    name = found.argument
    still = f'<img src="{SITE}/_static/live/stills/{name}.webp"'
    url = f"{page.url}#live-{name}"
    shown = f'<a href="{url}">{still} alt="{escape(figures.figure(name).alt)}"></a>'
    said = f"**A live figure, here as a still picture.** [It runs in the book's page]({url})."
    return f"{shown}\n\n{said} {plain(found.body, page)}"


def math(found: Directive, page: Page) -> str:
    label = found.options.get("label", "")
    number = page.label(label, "eq").number if label else ""
    return display("\n".join(filter(None, [found.argument, found.body])), number)


def display(formula: str, number: str) -> str:
    tag = f"\n\\tag{{{number}}}" if number else ""
    return f"$$\n{formula.strip()}{tag}\n$$"


def listing(found: Directive, page: Page) -> str:
    return fenced(found.body, found.argument)


def fenced(code: str, language: str) -> str:
    """Code in a fence that is longer than any in it."""
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def exercise(found: Directive, page: Page) -> str:
    body = plain(found.body, page)
    heading = f"### {exercise_name(found.options.get('label', ''), page)}"
    title = plain(found.argument, page)
    return "\n\n".join(filter(None, [f"{heading}: {title}" if title else heading, body]))


def exercise_name(label: str, page: Page) -> str:
    """Exercise, and its number where the book is known."""
    return page.label(label, "ref").words if label and page.name else "Exercise"


FORMS: dict[str, Callable[[Directive, Page], str]] = {
    **dict.fromkeys(("admonition", "dropdown", *BOXES), box),
    **dict.fromkeys(("exercise", "exercise-start"), exercise),
    **dict.fromkeys(("code-block", "code"), listing),
    "exercise-end": lambda found, page: "",
    "figure": figure,
    "image": picture,
    "live": live,
    "math": math,
}
