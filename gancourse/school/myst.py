"""MyST's Markdown as tokens that know where they stand in the text.

markdown-it-py parses it, with the plugins that the book's own parser uses. It says of a block on
which lines it stands; here, each role, link, picture and formula inside a line also says where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from mdit_py_plugins.myst_role.index import myst_role
from mdit_py_plugins.substitution import substitution_plugin

from gancourse.files import CourseError

PLACED = ("myst_role", "link_open", "image", "math_inline")  # their tokens have meta["at"]
OPTION = re.compile(r"[ \t]*:([\w-]+):(?:[ \t]+(.*?))?[ \t]*")
HEADER = re.compile(r"\A---[ \t]*\n((?s:.*?))^---[ \t]*(?:\n|\Z)", re.MULTILINE)
TARGETED = re.compile(r"(.*?)\s*<([^<>]+)>", re.DOTALL)  # words <target>


def parser() -> MarkdownIt:
    md = MarkdownIt("commonmark").enable("table")
    md.use(myst_block_plugin).use(myst_role_plugin).use(footnote_plugin)
    md.use(dollarmath_plugin).use(amsmath_plugin).use(colon_fence_plugin).use(deflist_plugin)
    md.use(substitution_plugin)
    md.disable(["footnote_inline", "footnote_tail"])
    inside = {"myst_role": myst_role, "link": link, "image": image}
    for name, rule in (inside | {"math_inline": math_inline_dollar()}).items():
        md.inline.ruler.at(name, placing(rule))
    return md


def placing(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """A rule of the parser whose tokens also say from where to where in their text they stand."""

    def placed(state: StateInline, silent: bool) -> bool:
        start, before = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        if not silent:
            token = next(token for token in state.tokens[before:] if token.type in PLACED)
            token.meta = {**token.meta, "at": (start, state.pos)}
        return True

    return placed


MARKDOWN = parser()
BLOCKS = parser().disable("inline")  # does not look inside lines, and takes a third of the time


@dataclass(frozen=True)
class Directive:
    """A fence whose info is {name} and an argument; its options and body stand inside."""

    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""


def directive(token: Token) -> Directive | None:
    """The directive that a fence is, or None for one that shows code.

    Raises:
        CourseError: it looks like one, and the book would not take it for one.
    """
    if token.type not in ("fence", "colon_fence"):
        return None
    name, _, argument = token.info.strip().partition(" ")
    name, _, rest = name.partition("\t")
    if not (name.startswith("{") and name.endswith("}") and len(name) > 2):
        if "{" in name or token.type == "colon_fence":
            raise CourseError(
                f"{token.markup}{token.info.strip()}: neither a directive nor a language; "
                "write {name}, a blank and the argument."
            )
        return None
    options, body = split_options(token.content)
    return Directive(name[1:-1].lower(), f"{rest} {argument}".strip(), options, body)


def split_options(content: str) -> tuple[dict[str, str], str]:
    """A directive's options, as `:key: value` lines or between two lines of ---, and its body."""
    if header := HEADER.match(content):
        pairs = (line.partition(":") for line in header[1].splitlines() if line.strip())
        options = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
        return options, content[header.end() :].strip("\n")
    lines, options = content.split("\n"), {}
    while lines and (option := OPTION.fullmatch(lines[0])):
        options[option[1]] = (option[2] or "").strip()
        lines.pop(0)
    return options, "\n".join(lines).strip("\n")


def split_target(content: str) -> tuple[str, str]:
    """A reference's own words, or "", and what it refers to."""
    found = TARGETED.fullmatch(content.strip())
    words, target = found.groups() if found else ("", content.strip())
    return " ".join(words.split()), target.lstrip("!~")


def labels(text: str) -> Iterator[tuple[str, str, str, bool]]:
    """What can be referred to, in order: (kind, label, title, whether the book numbers it).

    The kind `page` stands for the text's first heading of the first level. A label may be "".
    """
    waiting: list[str] = []  # labels, until what they stand for comes
    tokens = BLOCKS.parse(text)
    for place, token in enumerate(tokens):
        if token.type == "myst_target":
            waiting.append(token.content)
        elif token.type == "heading_open":
            title = tokens[place + 1].content
            if token.tag == "h1":
                yield "page", "", title, False
            yield from (("section", label, title, False) for label in waiting)
            waiting = []
        elif token.type == "math_block_label":
            yield "equation", token.info, "", True
        elif (found := directive(token)) and found.name != "glossary":
            yield from labels_of(found)
        elif token.level == 0 and token.nesting >= 0 and waiting and token.type != "html_block":
            yield from (("section", label, "", False) for label in waiting)
            waiting = []


def labels_of(found: Directive) -> Iterator[tuple[str, str, str, bool]]:
    """The same of a directive and what stands in it."""
    label = found.options.get("label") or found.options.get("name", "")
    if found.name == "figure":
        yield "figure", label, found.body.split("\n\n")[0], bool(found.body)
    elif found.name in ("exercise", "exercise-start"):
        unnumbered = "nonumber" in found.options
        yield "exercise", label, found.argument, not unnumbered
    elif found.name == "math" and label:
        yield "equation", label, "", True
    elif label:
        yield "section", label, found.argument, False
    if found.name not in ("figure", "math", "code-block", "code", "bibliography"):
        yield from (each for each in labels(found.body) if each[0] != "page")
