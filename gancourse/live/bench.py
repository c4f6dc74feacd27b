"""The engine of the pages beside onnxruntime-web: pictures per second, and the first one.

Both run in one page of a Chromium without a window, served by this machine, with one thread and
the same inputs. They take turns in every round, so that a busy machine slows both alike; the
median of the rounds counts. What is timed is what a reader waits for while dragging: one picture,
from numbers to numbers. The first picture is timed from nothing loaded, once.
"""

from __future__ import annotations

import importlib
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gancourse.files import CourseError, write_text
from gancourse.live import script
from gancourse.models import load
from gancourse.studio.exporting import to_onnx

PEER = "onnxruntime-web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 0.4  # of each timing
PAGE = Path(__file__).with_name("bench.html")


@dataclass(frozen=True)
class Speed:
    """How long both take for a network's picture, in milliseconds.

    Attributes:
        ours, theirs: one picture, the median of the rounds.
        ratio: theirs / ours, the median of the rounds' own ratios.
        first: the first picture of each, everything to load included.
    """

    name: str
    ours: float
    theirs: float
    ratio: float
    first: tuple[float, float]


def compare(names: Sequence[str], assets: Path, peers: Path, rounds: int = 7) -> Iterator[Speed]:
    """Time networks in a page.

    Args:
        names: published models or folders of runs.
        assets: the folder of live.js and engine.js (book/assets/live of the repository).
        peers: where `make peers` installed onnxruntime-web.

    Raises:
        CourseError: a part that this takes is missing; the message says how to get it.
    """
    peer = peers / "node_modules" / PEER / "dist"
    if not (assets / "engine.js").is_file():
        raise CourseError(f"assets={assets}: no engine.js there; give book/assets/live.")
    if not peer.is_dir():
        raise CourseError(f"peers={peers}: no {PEER} there; type: make peers")
    with tempfile.TemporaryDirectory() as place, served(Path(place)) as address:
        root = Path(place)
        shutil.copytree(assets, root / "live")
        shutil.copytree(peer, root / "peer")
        (root / "models").mkdir()
        shutil.copy(PAGE, root / "index.html")
        with page() as opened:
            for name in names:
                game, called = load(name), Path(name).name
                write_text(root / "live" / "models" / f"{called}.js", script.of(game, called))
                to_onnx(game, root / "models" / f"{called}.onnx")
                shapes = [
                    {"name": key, "shape": list(x.shape), "whole": not x.is_floating_point()}
                    for key, x in game.drawing().inputs.items()
                ]
                yield timed(opened, address, called, shapes, rounds)


def timed(opened, address: str, name: str, shapes: list[dict], rounds: int) -> Speed:
    opened.goto(f"{address}/index.html")
    opened.wait_for_function("window.ready")
    who = ("ours", "theirs")
    first = tuple(opened.evaluate("(a) => first(...a)", [each, name, shapes]) for each in who)
    ask = "(a) => time(...a)"
    for each in who:
        opened.evaluate(ask, [each, SECONDS])  # until the browser has compiled its loops
    pairs = [[opened.evaluate(ask, [each, SECONDS]) for each in who] for _ in range(rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Speed(name, ours, theirs, statistics.median(b / a for a, b in pairs), first)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over HTTP on a free port of this machine: its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def page():
    """A page of a browser without a window."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        sync_playwright = importlib.import_module("playwright.sync_api").sync_playwright
    except ImportError:
        program = None
    if program is None:
        raise CourseError(
            "no browser to time in; install Chromium, and type: pip install playwright"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser.new_page()
        finally:
            browser.close()
