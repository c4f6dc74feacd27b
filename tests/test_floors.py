"""The house has floors: a module imports from below or from its own room, never upward.

Every import in gancourse/ is read from the source, those inside functions and under TYPE_CHECKING too, and each arrow
from one of our modules to another is held against `forbidden`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "gancourse"
GROUND = {"losses", "layers", "data", "metrics", "show"}
LADDER = ["gan", "cgan", "infogan", "stackgan", "srgan", "pix2pix"]
# A chapter that builds on earlier ones, and which. Nothing else joins two chapters.
BUILDS_ON: dict[str, set[str]] = {"cgan": {"gan"}, "infogan": {"gan"}}


def forbidden(module: str, target: str) -> str | None:
    """Why `module` may not import `target`, or None when it may. Names are without "gancourse."; "" is the package."""
    room, other = module.partition(".")[0], target.partition(".")[0]
    if room == "files":
        return "files is below everything and imports nothing of ours"
    if room == "game":
        return "game imports nothing of ours"
    if other == "files":
        return None
    if room == "recipe":
        return "a recipe is numbers: it uses files only"
    if room in GROUND:
        return (
            None if other == room else f"{room} stands on the ground: only files and its own room"
        )
    if room == "chapters":
        if other in {"game", "losses", "layers", "recipe"} or (
            module == "chapters" and other == "chapters"
        ):
            return None
        if other == "chapters":
            later, earlier = module.partition(".")[2], target.partition(".")[2]
            if earlier in BUILDS_ON.get(later, ()):
                return None
            return "a chapter imports another only where BUILDS_ON says so"
        return "a chapter uses game, losses, layers, recipe and files only"
    if room == "training":
        return (
            None if other in {"game", "training"} else "training knows game, files and itself only"
        )
    # The top floor: the package's front, cli, runs, exercises, ...
    return "nothing imports the command" if other == "cli" and room != "cli" else None


def modules(root: Path) -> dict[str, Path]:
    """Every module under `root`/gancourse, by its name without "gancourse."."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Every (line, dotted name) that a module imports; `package` is where its relative imports start from.

    `from a import b` yields a.b, since b may be a module. Names given to import_module as plain text count as well.
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
    """Every (module, module of ours that it imports, line) under `root`/gancourse."""
    known = modules(root)
    found = []
    for module, path in known.items():
        inside = [PACKAGE, *filter(None, module.split("."))]
        package = inside if path.name == "__init__.py" else inside[:-1]
        for line, name in imports(ast.parse(path.read_text(encoding="utf-8")), package):
            top, _, target = name.partition(".")
            if top != PACKAGE:
                continue
            while target and target not in known:  # gancourse.data.digits.load -> data.digits
                target = target.rpartition(".")[0]
            if target != module:
                found.append((module, target, line))
    return found


def wrong_arrows(root: Path) -> list[str]:
    return [
        f"{PACKAGE}/{module.replace('.', '/') or '__init__'}, line {line}, imports {target or PACKAGE}: {why}"
        for module, target, line in arrows(root)
        if (why := forbidden(module, target))
    ]


def test_no_arrow_goes_upward(repository):
    assert wrong_arrows(repository) == []


def test_the_house_was_read(repository):
    """An empty list of wrong arrows means something only if modules and arrows were found."""
    found = arrows(repository)
    assert {"files", "game", "losses", "layers", "chapters.gan"} <= set(modules(repository))
    assert {("chapters.gan", "game"), ("chapters.gan", "losses")} <= {
        (module, target) for module, target, _ in found
    }


def test_chapters_build_on_earlier_ones_only():
    for later, earlier in BUILDS_ON.items():
        assert all(LADDER.index(name) < LADDER.index(later) for name in earlier), (
            f"{later} builds on {earlier}"
        )


@pytest.mark.parametrize("module, allowed", [("files", set()), ("game", {"torch"})])
def test_the_lowest_floors_need_little(repository, module, allowed):
    """files runs before torch is imported (the command's --help), and game uses nothing but torch."""
    tree = ast.parse(modules(repository)[module].read_text(encoding="utf-8"))
    used = {name.partition(".")[0] for _, name in imports(tree, [PACKAGE])}
    assert used - sys.stdlib_module_names - {"__future__"} <= allowed


TREE = [
    "__init__",
    "files",
    "game",
    "losses",
    "layers",
    "cli",
    "runs",
    "published",
    "training/loop",
    "exercises/gan",
]
TREE += ["chapters/__init__", "chapters/gan", "chapters/cgan"]
TREE += ["data/__init__", "data/digits", "data/sources", "metrics/coverage", "show/grids"]


def house(folder: Path, module: str, source: str) -> Path:
    """A house of empty modules, of which one has something in it."""
    for name in {*TREE, module}:
        path = folder / PACKAGE / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source if name == module else "", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "module, source",
    [
        ("losses", "import gancourse.layers"),
        ("losses", "from gancourse import layers"),
        ("layers", "def lazy():\n    from . import losses"),
        ("data/digits", "from ..show import grids"),
        ("data/digits", "from ..show.grids import grid"),
        ("data/digits", "import gancourse"),
        ("metrics/coverage", "import importlib\nimportlib.import_module('gancourse.data')"),
        (
            "metrics/coverage",
            "from importlib import import_module\nimport_module('.data', 'gancourse')",
        ),
        (
            "show/grids",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gancourse.game import Game",
        ),
        ("files", "from gancourse import losses"),
        ("game", "from gancourse.files import CourseError"),
        ("chapters/gan", "from gancourse.training import loop"),
        ("chapters/gan", "from gancourse.data import digits"),
        ("chapters/gan", "from . import cgan"),
        ("chapters/gan", "from gancourse.chapters.cgan import Config"),
        ("training/loop", "from gancourse.chapters import gan"),
        ("training/loop", "import gancourse.losses as losses"),
        ("runs", "from gancourse.cli import main"),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path, module, source):
    assert len(wrong_arrows(house(tmp_path, module, source))) == 1


@pytest.mark.parametrize(
    "module, source",
    [
        ("losses", "from gancourse.files import CourseError\nimport torch\nfrom torch import nn"),
        (
            "data/digits",
            "from . import sources\nfrom gancourse.data.sources import fetch\nfrom .. import files",
        ),
        ("data/__init__", "from .digits import load\nfrom gancourse.data import sources"),
        ("chapters/gan", "from gancourse import game, losses\nfrom ..layers import Maxout"),
        ("chapters/__init__", "from gancourse.chapters import gan"),
        (
            "training/loop",
            "from gancourse.game import Game\nfrom gancourse.files import write_json",
        ),
        (
            "cli",
            "import gancourse\nfrom gancourse import runs, published\nfrom gancourse.training.loop import train",
        ),
        (
            "exercises/gan",
            "from gancourse.chapters import gan\nfrom gancourse.metrics.coverage import manifold",
        ),
        (
            "__init__",
            "def __getattr__(name):\n    from gancourse import published\n    return models.load",
        ),
    ],
)
def test_a_right_arrow_is_let_through(tmp_path, module, source):
    root = house(tmp_path, module, source)
    assert wrong_arrows(root) == []


def test_one_chapter_builds_on_another_when_it_is_named(tmp_path, monkeypatch):
    root = house(tmp_path, "chapters/pix2pix", "from gancourse.chapters.gan import Discriminator")
    assert len(wrong_arrows(root)) == 1
    monkeypatch.setitem(BUILDS_ON, "pix2pix", {"gan"})
    assert wrong_arrows(root) == []
