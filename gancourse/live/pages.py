"""The Sphinx directive of the live figures.

    ```{live} digits
    What to try, and what to see.
    ```

A page that has one gets book/assets/live/live.js. What the figure needs - its networks as scripts,
its data, its still picture - is made before the build, in _build/live, and made again only when a
network or the code for it has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import dirname, relpath

import torch
from docutils import nodes
from PIL import Image
from sphinx.util.docutils import SphinxDirective

from gancourse.data.sources import bundled
from gancourse.files import replacing, sha256, write_text
from gancourse.live import figures, script
from gancourse.models import load

MADE = Path("_build", "live")  # a static folder of the book, which is never committed
HERE = Path(__file__).parent
PACKAGE = HERE.parent
LARGE = 100_000  # bytes of a still picture


class LiveFigure(nodes.General, nodes.Element):
    """One figure in a page; its children are the caption."""


class Live(SphinxDirective):
    """```{live} NAME, with the caption as content."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        name = self.arguments[0]
        node = LiveFigure(name=name, figure=figures.figure(name))
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def visit(self, node: LiveFigure) -> None:
    name, each = node["name"], node["figure"]
    root = Path(self.builder.srcdir, MADE, "live")
    static = relpath("_static/live", dirname(self.builder.current_docname) or ".")
    width, height = Image.open(root / "stills" / f"{name}.webp").size
    attributes = {"class": "live", "ids": [f"live-{name}"], "data-figure": name}
    attributes["data-version"] = self.builder.app.live_versions[name]
    attributes["data-code"] = self.builder.app.live_code
    if each.script:
        attributes["data-script"] = each.script
    if each.data:
        attributes["data-data"] = ""
    if each.models:
        sizes = sum((root / "models" / f"{model}.js").stat().st_size for model in each.models)
        attributes |= {"data-models": " ".join(each.models), "data-size": f"{sizes / 1e6:.1f} MB"}
    self.body.append(self.starttag({}, "figure", **attributes))
    picture = {
        "class": "live-still", "src": f"{static}/stills/{name}.webp", "alt": each.alt,
        "width": width, "height": height, "loading": "lazy",
    }  # fmt: skip
    still = self.emptytag({}, "img", **picture)
    self.body.append(f'<div class="live-stage">{still}</div>')
    self.body.append('<p class="live-status" role="status"></p><figcaption>')


def depart(self, node: LiveFigure) -> None:
    self.body.append("</figcaption></figure>\n")


def caption_only(self, node: LiveFigure) -> None:
    """For builders other than HTML."""


def digest(*paths: Path, models: Iterable[str] = ()) -> str:
    """Changes when one of these files does, or the weights of one of these published models."""
    weights = (bundled(f"weights/{name}/model.safetensors") for name in models)
    every = (sha256(path) for path in (*paths, *weights))
    return hashlib.sha256(" ".join(every).encode()).hexdigest()[:12]


def version(figure: figures.Figure, files: Iterable[Path]) -> str:
    """Changes when something does that a figure's data and still picture are made from."""
    code = [path for room in figure.sources for path in sorted((PACKAGE / room).rglob("*.py"))]
    return digest(*files, *code, models=(*figure.models, *figure.made_from))


def make(root: Path, name: str) -> str:
    """What the figure `name` needs, into `root`, unless it lies there.

    Returns:
        what a page asks for it by, so that no browser takes an old file for a new one.
    """
    figure, files = figures.found()[name]

    for model in figure.models:
        now = digest(HERE / "program.py", HERE / "script.py", models=[model])
        with unless(root / "made" / f"{model}.model", now) as old:
            if old:
                write_text(root / "models" / f"{model}.js", script.of(load(model), model))

    now = version(figure, files)
    with unless(root / "made" / f"{name}.figure", now) as old:
        if old:
            make_own(root, name, figure)
    return now


def make_own(root: Path, name: str, figure: figures.Figure) -> None:
    """A figure's data and its still picture."""
    if figure.data:
        text = f"Live.data({json.dumps(name)}, {json.dumps(figure.data())});\n"
        write_text(root / "data" / f"{name}.js", text)
    with replacing(root / "stills" / f"{name}.webp") as temporary:
        save_still(figure.still(), temporary)


def save_still(picture: Image.Image, path: Path) -> None:
    """As WebP: as it is, unless that takes much, as photos do."""
    picture.save(path, lossless=True, method=4)
    if path.stat().st_size > LARGE:
        picture.save(path, quality=92, method=4)


@contextmanager
def unless(stamp: Path, now: str) -> Iterator[bool]:
    """Whether what `stamp` stands for is to be made, unless it says `now`; afterwards it does."""
    old = not stamp.is_file() or stamp.read_text(encoding="utf-8") != now
    yield old
    if old:
        write_text(stamp, now)


def begin(app, config) -> None:
    """Make all figures, and let Sphinx copy them."""
    root = Path(app.srcdir, MADE, "live")
    scripts = sorted(Path(app.srcdir, "book", "assets", "live").glob("*.js"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same numbers on every machine, and none waits for a busy core
    app.live_versions = {name: make(root, name) for name in figures.found()}
    torch.set_num_threads(threads)
    app.live_code = digest(*scripts)
    config.html_static_path.append(MADE.as_posix())


def scripts(app, page, template, context, doctree) -> None:
    if doctree is not None and next(doctree.findall(LiveFigure), None) is not None:
        app.add_js_file("live/live.js", loading_method="defer")
        app.add_css_file("live/live.css")


def setup(app) -> dict:
    app.add_node(LiveFigure, html=(visit, depart), latex=(caption_only, caption_only))
    app.add_directive("live", Live)
    app.connect("config-inited", begin)
    app.connect("html-page-context", scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
