"""The house has floors: a module imports from below or from its own room, never upward.

`gancourse.press.house` reads every import from the source, those inside functions and for type
checking too. What else the contract forbids is grepped for here.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace

import pytest

from gancourse.chapters import CHAPTERS
from gancourse.press import house

PACKAGE = house.PACKAGE


def test_no_arrow_goes_upward(repository):
    assert house.wrong_arrows(repository) == []


def test_the_house_was_read(repository):
    """An empty list of wrong arrows means something only if modules and arrows were found."""
    found = house.arrows(repository)
    assert {"files", "game", "losses", "layers", "chapters.gan"} <= set(house.modules(repository))
    assert {("chapters.gan", "game"), ("chapters.gan", "losses")} <= {pair[:2] for pair in found}


def test_chapters_build_on_earlier_ones_only():
    ladder = list(CHAPTERS)
    for later, row in CHAPTERS.items():
        assert all(ladder.index(name) < ladder.index(later) for name in row.builds_on), later


@pytest.mark.parametrize(
    ("module", "allowed"), [("files", set()), ("losses", {"torch"}), ("recipe", set())]
)
def test_the_lowest_floors_need_little(repository, module, allowed):
    """files runs before torch is imported (the command's --help); settings are numbers."""
    tree = ast.parse(house.modules(repository)[module].read_text(encoding="utf-8"))
    used = {name.partition(".")[0] for _, name in house.imports(tree, [PACKAGE])}
    assert used - sys.stdlib_module_names - {"__future__", PACKAGE} <= allowed


def test_the_picture_of_the_house_is_drawn_from_its_imports(repository):
    path = repository / "book" / "assets" / "diagrams" / "house.svg"
    drawn = re.sub(r"[\d,]+ lines", "lines", house.picture(repository))
    assert re.sub(r"[\d,]+ lines", "lines", path.read_text(encoding="utf-8")) == drawn, (
        "type: make house"
    )


def test_the_picture_leaves_out_what_is_implied():
    chain = {("cli", "press"), ("press", "game"), ("game", "files"), ("show", "files")}
    assert house.reduced({*chain, ("cli", "game"), ("cli", "files"), ("press", "files")}) == chain


def test_nothing_but_its_own_files_and_one_table_names_a_chapter(repository):
    """A chapter's own files bear its name, in any room.

    Docstrings and comments may name it as an example.
    """
    names = re.compile(rf"\b({'|'.join([*CHAPTERS, 'stackgan', 'srgan'])})\b")
    found = []
    for module, path in house.modules(repository).items():
        if module == "chapters" or module.rpartition(".")[2] in CHAPTERS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docstrings
            ):
                said = node.value
            elif isinstance(node, (ast.Name, ast.Attribute, ast.alias)):
                said = getattr(node, "id", None) or getattr(node, "attr", None) or node.name
            else:
                continue
            said = re.sub(r"https?://\S+", "", said)  # somebody else's address
            found += [f"{module}, line {node.lineno}: {said[:60]}" for _ in names.findall(said)]
    assert found == []


@pytest.mark.parametrize(
    "pattern", [r"hasattr\(\s*game", r"getattr\(\s*type\(", r"config\[.width.\]", r"def prepare\("]
)
def test_nothing_is_found_by_its_name(repository, pattern):
    """Games and recipes declare what everybody uses."""
    guilty = [
        m
        for m, path in house.modules(repository).items()
        if re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


TREE = ["__init__", "files", "dice", "conditions", "recipe", "game", "losses", "layers", "models"]
TREE += [
    "cli/__init__",
    "cli/training",
    "press/publishing",
    "training/loop",
    "school/lesson",
    "school/exercises/gan",
]
TREE += ["chapters/__init__", "chapters/gan", "chapters/cgan", "evaluation/gan", "studio/colouring"]
TREE += ["data/__init__", "data/digits", "data/sources", "metrics/coverage", "show/grids"]


def built(folder, module: str, source: str):
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
        ("training/loop", "from gancourse import data"),
        ("press/publishing", "from gancourse.school import lesson"),
        ("evaluation/gan", "from gancourse.studio import colouring"),
        ("attic", "from gancourse import files"),
        ("losses", "from gancourse import layers"),
        ("losses", "def lazy():\n    from . import layers"),
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
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gancourse.game import "
            "Game",
        ),
        ("files", "from gancourse import losses"),
        ("game", "from gancourse import data"),
        ("chapters/gan", "from gancourse.training import loop"),
        ("chapters/gan", "from gancourse.data import digits"),
        ("chapters/gan", "from . import cgan"),
        ("chapters/gan", "from gancourse.chapters.cgan import Config"),
        ("training/loop", "from gancourse.chapters import gan"),
        ("press/publishing", "from gancourse.cli import main"),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path, module, source):
    assert len(house.wrong_arrows(built(tmp_path, module, source))) == 1


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
            "import gancourse\nfrom gancourse import runs, published\nfrom "
            "gancourse.training.loop import train",
        ),
        (
            "school/exercises/gan",
            "from gancourse.chapters import gan\nfrom gancourse.metrics.coverage import manifold",
        ),
        (
            "__init__",
            "def __getattr__(name):\n    from gancourse import published\n    return models.load",
        ),
    ],
)
def test_a_right_arrow_is_let_through(tmp_path, module, source):
    root = built(tmp_path, module, source)
    assert house.wrong_arrows(root) == []


def test_one_chapter_builds_on_another_when_the_table_says_so(tmp_path, monkeypatch):
    root = built(tmp_path, "chapters/pix2pix", "from gancourse.chapters.gan import Discriminator")
    assert len(house.wrong_arrows(root)) == 1
    row = replace(CHAPTERS["pix2pix"], builds_on=("gan",))
    monkeypatch.setitem(CHAPTERS, "pix2pix", row)
    assert house.wrong_arrows(root) == []
