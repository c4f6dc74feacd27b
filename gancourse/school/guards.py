"""What must never be handed out: a solution that is to be seen, and MyST as source text.

These guards use nothing of what makes the copies: they compare plain lines and look for plain
patterns, so that a fault of the parser cannot hide from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

# A line that marks a solution, in any spelling.
MARK = re.compile(
    r"\{\W*solution|solution[-_](?:start|end)|^\W*#\W*solution|^\W*(?:begin|end)\W+solution",
    re.IGNORECASE,
)
CODE = re.compile(r"^(`{3,}|~{3,})(?!\s*\{).*?^\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)
# MyST that stands in a text which other viewers would show as it is.
RAW = {
    "a directive": re.compile(r"^[\s>\d.*+-]*(?:`{3,}|~{3,}|:{3,}) *\{.*", re.MULTILINE),
    "a role": re.compile(r"\{[\w:.+-]+\}`[^`]*`"),
    "a label": re.compile(r"^[\s>]*\([\w:. -]+\)=[ \t]*$", re.MULTILINE),
    "an option": re.compile(r"^[\s>]*:[\w-]+:(?: .*)?$", re.MULTILINE),
    "a substitution": re.compile(r"(?<![\\${])\{\{ *\w+ *\}\}"),
    "attributes": re.compile(r"[\])]\{[.#]\w[^}]*\}"),
    "a relative picture": re.compile(
        r"!\[[^\]]*\]\((?!https?:|data:)[^)]*\)|src=\"(?!https?:|data:)"
    ),
}


def leaks(notebook: NotebookNode, handed_out: NotebookNode) -> list[str]:
    """Lines of a student's copy that give a solution away, or that mark one.

    Lines of under ten characters (`else:`) give nothing away, nor do those that are shown anyway.
    """
    secret = secrets(notebook)
    tagged = {
        next(iter(plain(cell.source)), "an empty cell tagged `solution`")
        for cell in handed_out.cells
        if any("solution" in tag for tag in tags(cell))
    }
    shown = {line for cell in handed_out.cells for line in plain(cell.source)}
    marked = {line for line in shown if MARK.search(line)}
    rest = json.dumps(
        [{**handed_out, "cells": None}, *({**cell, "source": ""} for cell in handed_out.cells)]
    )
    hidden = {line for line in secret if json.dumps(line)[1:-1] in rest}
    return sorted(tagged | marked | secret & shown | hidden)


def unfolded(notebook: NotebookNode, made: NotebookNode) -> list[str]:
    """Lines of a solution that a copy shows at once: all but those inside <details>."""
    seen = {
        line
        for cell in made.cells
        for line in (
            open_lines(cell.source) if cell.cell_type == "markdown" else plain(cell.source)
        )
    }
    return sorted(secrets(notebook) & seen)


def open_lines(text: str) -> Iterator[str]:
    """The lines of a text that no <details> folds."""
    depth = 0
    for line in plain(text):
        depth += line.startswith("<details") and " open" not in line
        if not depth:
            yield line
        depth = max(0, depth - line.startswith("</details"))


def raw(made: NotebookNode) -> list[str]:
    """MyST that is left in a copy's text, each as its kind and its beginning. Code is left out."""
    found = []
    for cell in made.cells:
        if cell.cell_type == "code":
            continue
        text = CODE.sub("", cell.source)
        bare = re.sub(r"(?<!\})(`+)(?!`).+?(?<!`)\1(?!`)", "", text)  # code inside a line
        for kind, pattern in RAW.items():
            looked_at = text if kind == "a directive" else bare
            found += [f"{kind}: {match[0].strip()[:80]}" for match in pattern.finditer(looked_at)]
    return found


def secrets(notebook: NotebookNode) -> set[str]:
    """The lines of a notebook's solutions that neither its stubs and imports show nor the code
    before its first exercise, where no solution can stand.
    """
    shared, lesson = set(), True
    for cell in notebook.cells:
        lines = list(plain(cell.source))
        lesson &= not any(re.search(r"\{\W*(?:exercise|solution)", line) for line in lines)
        if tags(cell) & {"exercise-setup", "stub"} or (lesson and cell.cell_type == "code"):
            shared |= set(lines)
    return {line for line in solutions(notebook) if len(line) >= 10} - shared


def solutions(notebook: NotebookNode) -> Iterator[str]:
    """The lines of every solution: of tagged cells, and between lines that mark start and end."""
    inside = False
    for cell in notebook.cells:
        fence = ""  # of a {solution} that is one directive; it ends with its cell at the latest
        for line in plain(cell.source):
            bare = "".join(line.lower().split()).lstrip(">")
            if "{solution-start}" in bare or "{solution-end}" in bare:
                inside = "{solution-start}" in bare
            elif "{solution}" in bare:
                fence = bare.partition("{")[0]
            elif fence and bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
            elif re.match(r":[\w-]+:", bare) or "check" in tags(cell):
                continue  # options of a directive and calls of a checker are no secret
            elif inside or fence or "solution" in tags(cell):
                yield line


def plain(text: str) -> list[str]:
    """A text's lines, at every kind of line end, without the blanks around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def tags(cell: NotebookNode) -> set[str]:
    return {tag.strip().lower() for tag in cell.metadata.get("tags", [])}
