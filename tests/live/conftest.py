"""The live figures in real browsers.

The system's own browser is used and nothing is downloaded: any Chromium through Playwright (PyPI),
and Firefox through Marionette, the protocol that Firefox speaks itself (firefox.py). Without a
Chromium these tests are skipped with one line that says how to get it; where the environment
variable CI is set, that is a failure. Firefox is never demanded.

Fixtures:

    visit(address, width=1280, dark=False, scripts=True, still=False, saving=False, asleep=False)
        opens a page in a context of its own and returns a `browsing.Visit`: `.page` is Playwright's
        page, `.requests` every address asked for, `.errors` every complaint of the page's scripts
        so far, `.wake(name)` scrolls to a figure and waits until it is awake. An address is a path
        (opened with file://) or a URL. `still` asks for reduced motion, `saving` for less data, and
        `asleep` keeps figures from waking until they are told to.
    serve(folder)
        the folder over HTTP on a free port of this machine: the URL it begins with.
    live_page
        Playwright's page, blank and opened with file://, with the kit and the engine
        (book/assets/live/live.js and engine.js) loaded, for tests of what they compute:

            def test_it_adds(live_page):
                assert live_page.evaluate("Live.random(1).normals(3).length") == 3

        Scripts come in with `live_page.add_script_tag(path=...)`, or lie in `live_folder`, the
        folder of its live.js: what is written to live_folder / "models" / "x.js" is found by
        `await Live.load("x")`. An error in the page fails the test at its end.
    toy_page
        writes a small page with a live figure (toybook.py), whole or broken.
    book
        the folder of the built book (tests/conftest.py).
    firefox
        a `firefox.Firefox`.

Playwright keeps an event loop running in the thread that started it, so it is stopped as soon as
the tests of this folder are over: others start loops of their own. Hence __init__.py, which makes
the folder a scope.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

import pytest

from gancourse.live.bench import served
from tests.live import toybook
from tests.live.browsing import CHROMIUM, Browsing, find_chromium, find_firefox
from tests.live.firefox import Firefox

KIT = Path(__file__).resolve().parents[2] / "book" / "assets" / "live"


class Unavailable(pytest.skip.Exception):
    """A browser is missing."""


def unavailable(what: str) -> None:
    """Skip, or fail where continuous integration runs: there the figures must be tried."""
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    raise Unavailable(what)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """One place for all tests that lack a browser, so that pytest's summary has one line of them."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Unavailable):
        report.longrepr = (__file__, None, call.excinfo.value.msg)
    return report


@pytest.fixture(scope="package")
def browser():
    """A Chromium without a window."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        unavailable("live figures not tried: type `pip install playwright`, then try again.")
    program = find_chromium()
    if program is None:
        unavailable(
            "live figures not tried, for want of a browser: install Chromium "
            "(`sudo apt install chromium`) or Chrome, or set BROWSER=/path/to/it."
        )
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        except Error as error:
            unavailable(
                f"live figures not tried: {program} does not start "
                f"({error.message.splitlines()[0]}); set BROWSER=/path/to/another."
            )
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    visits = Browsing(browser)
    yield visits.open
    visits.close()


@pytest.fixture(scope="package")
def serve():
    with ExitStack() as servers:
        yield cache(lambda folder: servers.enter_context(served(folder)))


@pytest.fixture
def live_folder(tmp_path) -> Path:
    """A copy of the kit, to put models, data and figures beside."""
    return shutil.copytree(KIT, tmp_path / "live")


@pytest.fixture
def live_page(visit, live_folder):
    blank = live_folder.parent / "blank.html"
    tags = "".join(f'<script src="live/{name}"></script>' for name in ("live.js", "engine.js"))
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Blank</title>{tags}'
    blank.write_text(head, encoding="utf-8")
    visited = visit(blank)
    yield visited.page
    assert visited.errors == []


@pytest.fixture
def toy_page(tmp_path):
    """toy_page(**changes) -> path of a page with one live figure."""
    return partial(toybook.write, tmp_path / "book", KIT)


@pytest.fixture(scope="package")
def firefox():
    """A Firefox without a window."""
    program = find_firefox()
    if program is None:
        raise Unavailable(
            "live figures not tried in Firefox: install it (`sudo apt install firefox-esr`)."
        )
    try:
        started = Firefox(program)
    except OSError as error:
        raise Unavailable(
            f"live figures not tried in Firefox: {program} does not start ({error})."
        ) from error
    yield started
    started.close()
