"""The house as it is: every import between our modules, the floors they may not climb, and one
picture of both.

The picture is book/assets/diagrams/house.svg; `make house` draws it anew.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from gancourse.chapters import CHAPTERS
from gancourse.files import write_text

PACKAGE = "gancourse"
# From the ground up: a module imports from its own room and from lower floors. "" is the
# package's front.
FLOORS: list[tuple[str, ...]] = [
    ("files",),
    ("dice", "recipe", "losses"),
    ("bicubic", "conditions", "layers", "text"),
    ("game",),
    ("data", "metrics", "show", "training"),
    ("features", "language"),
    ("chapters",),
    ("models",),
    ("",),
    ("evaluation", "studio"),
    ("press",),
    ("live",),
    ("school",),
    ("cli",),
]
# Rooms that use less than what lies below them, and why.
ONLY = {
    "data": ({"files"}, "pictures know nothing of games"),
    "metrics": ({"bicubic", "files"}, "a measure knows nothing of what it measures"),
    "show": ({"files"}, "a figure takes tensors, whoever made them"),
    "chapters": (
        {"files", "dice", "bicubic", "conditions", "losses", "layers", "recipe", "text", "game"},
        "a chapter is a paper: networks, losses and turns",
    ),
}
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def forbidden(module: str, target: str) -> str | None:
    """Why `module` may not import `target`, or None when it may.

    Names are without the package's.
    """
    room, other = module.partition(".")[0], target.partition(".")[0]
    if unknown := {room, other} - LEVEL.keys():
        return f"{min(unknown)} stands on no floor: give it one in press/house.py"
    if room == other:
        later, earlier = module.partition(".")[2], target.partition(".")[2]
        joins = room == "chapters" and later in CHAPTERS and earlier in CHAPTERS
        allowed = not joins or earlier in CHAPTERS[later].builds_on
        return (
            None
            if allowed
            else "a chapter imports another only where the table of chapters says so"
        )
    if room in ONLY and other not in ONLY[room][0]:
        return f"{ONLY[room][1]}: only {', '.join(sorted(ONLY[room][0]))}"
    return None if LEVEL[other] < LEVEL[room] else f"{other} does not lie below {room}"


def modules(root: Path) -> dict[str, Path]:
    """Every module under `root`/gancourse, by its name without the package's."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Every (line, dotted name) that a module imports, relative ones from `package`.

    `from a import b` yields a.b, since b may be a module. Names given to import_module as plain
    text count as well.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *filter(None, [node.module])]
            yield from ((node.lineno, ".".join([*base, name.name])) for name in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            name = node.args[0].value
            if called in {"import_module", "__import__"} and isinstance(name, str):
                yield node.lineno, PACKAGE + name if name.startswith(".") else name


def arrows(root: Path) -> list[tuple[str, str, int]]:
    """Every (module, module of ours that it imports, line), inside functions too."""
    known, found = modules(root), []
    for module, path in known.items():
        inside = [PACKAGE, *filter(None, module.split("."))]
        package = inside if path.name == "__init__.py" else inside[:-1]
        for line, name in imports(ast.parse(path.read_text(encoding="utf-8")), package):
            top, _, target = name.partition(".")
            if top != PACKAGE:
                continue
            while target and target not in known:  # a name in a module -> the module
                target = target.rpartition(".")[0]
            if target != module:
                found.append((module, target, line))
    return found


def wrong_arrows(root: Path) -> list[str]:
    """In words, every import that climbs."""
    return [
        f"{PACKAGE}/{module.replace('.', '/') or '__init__'}, line {line}, imports "
        f"{target or PACKAGE}: {why}"
        for module, target, line in arrows(root)
        if (why := forbidden(module, target))
    ]


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that no way along others implies."""
    ways = set(pairs)  # pairs that are joined by one arrow or several
    while further := {(a, d) for a, b in ways for c, d in pairs if b == c} - ways:
        ways |= further
    return {(a, c) for a, c in pairs if not any((a, b) in pairs and (b, c) in ways for b in LEVEL)}


WIDTH, HEIGHT, GAP, BOX = 460, 44, 24, 86  # units of the picture; a phone shows 358 px


def picture(root: Path) -> str:
    """The rooms on their floors as SVG, each with its lines of code and its imports.

    An arrow that a way along others implies is left out.
    """
    lines: dict[str, int] = defaultdict(int)
    for module, path in modules(root).items():
        lines[module.partition(".")[0]] += len(path.read_text(encoding="utf-8").splitlines())
    pairs = {tuple(name.partition(".")[0] for name in arrow[:2]) for arrow in arrows(root)}
    pairs = reduced({(room, other) for room, other in pairs if room and other and room != other})
    floors = [floor for floor in FLOORS if floor != ("",)]
    place = {}
    for level, rooms in enumerate(reversed(floors)):
        for i, room in enumerate(rooms):
            place[room] = (WIDTH * (i + 1) / (len(rooms) + 1), GAP + level * (HEIGHT + GAP))
    parts = []
    for room, other in sorted(pairs):
        (x, y), (u, v) = place[room], place[other]
        start, end = y + HEIGHT, v
        bend = (end - start) / 2
        parts.append(
            f'<path class="line" d="M{x:.0f} {start} '
            f'C{x:.0f} {start + bend:.0f} {u:.0f} {end - bend:.0f} {u:.0f} {end}"/>'
        )
    for room, (x, y) in place.items():
        parts.append(
            f'<rect class="box" x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HEIGHT}" '
            'rx="8"/>'
        )
        parts.append(f'<text class="middle" x="{x:.0f}" y="{y + 19}">{room}</text>')
        parts.append(
            f'<text class="note middle" x="{x:.0f}" y="{y + 36}">{lines[room]:,} lines</text>'
        )
    height = GAP + len(floors) * (HEIGHT + GAP)
    said = "; ".join(", ".join(rooms) for rooms in floors)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="house-title house-description">\n'
        '<title id="house-title">The rooms of the package on their floors</title>\n'
        f'<desc id="house-description">From the ground up: {escape(said)}. Every line leads '
        "down: a room imports from lower floors only.</desc>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def draw() -> None:
    """Draw the picture of this checkout anew."""
    root = Path(__file__).resolve().parents[2]
    write_text(root / "book" / "assets" / "diagrams" / "house.svg", picture(root))
