"""The live figures of the built book wake, from disk and over HTTP, fit, and bear being touched."""

from __future__ import annotations

from functools import partial

import pytest
from bs4 import BeautifulSoup

from tests.live import checks
from tests.live.browsing import PATIENCE
from tests.live.figures import FIGURES, each_figure

pytestmark = pytest.mark.book
WINDOWS = [(width, scheme) for scheme in ("light", "dark") for width in (1280, 390)]


def test_every_figure_of_the_book_is_tried(book):
    """What the sources ask for is what the pages hold."""
    built = {
        (path.relative_to(book).as_posix(), figure["data-figure"])
        for path in book.rglob("*.html")
        if "data-figure=" in (html := path.read_text(encoding="utf-8"))
        for figure in BeautifulSoup(html, "html.parser").select("figure.live")
    }
    assert built == set(FIGURES)


@each_figure
@pytest.mark.parametrize("over", ["file", "http"])
def test_it_wakes_and_fits(visit, serve, book, page, name, over):
    """The reader scrolls by, and nothing jumps. The window becomes wide and narrow, light and dark.
    Nobody else is asked for anything.
    """
    if over == "file":
        visited = visit(book / page, home=book)
    else:
        visited = visit(f"{serve(book)}/{page}", width=390, dark=True)
    visited.settle(300)
    wrong = checks.early(visited) + checks.shift(visited, name)
    for width, scheme in WINDOWS:
        visited.page.set_viewport_size({"width": width, "height": 800})
        visited.page.emulate_media(color_scheme=scheme)
        visited.settle()
        found = checks.overflow(visited, name)
        wrong += [f"{width} px, {scheme}: {each}" for each in found]
    assert wrong + checks.unsettled(visited) == []


@each_figure
@pytest.mark.parametrize("width", [1280, 390])
def test_it_bears_being_touched(visit, book, page, name, width):
    visited = visit(book / page, home=book, width=width)
    visited.wake(name)
    wrong = checks.nameless(visited, name) + checks.controls(visited, name)
    assert wrong + checks.poke(visited, name) == []


def test_enlarging_is_stopped_goes_on_and_starts_again(visit, book):
    """By one button, which keeps the focus. Half a second is enough for the whole work, so what must
    happen before its end happens within the page.
    """
    visited = visit(book / "notebooks" / "05_srgan.html", home=book)
    visited.wake("enlarging")
    page, figure = visited.page, visited.figure("enlarging")
    bar, button = figure.locator(".live-work progress"), figure.locator(".live-work button")
    done, most = partial(bar.evaluate, "(bar) => bar.value"), bar.evaluate("(bar) => bar.max")
    press = "button.click(); return button.textContent;"

    anew = f"(button, root) => {{ root.live.show(root.live.state.picture); {press} }}"
    assert button.evaluate(anew, figure.element_handle()) == "Go on"
    before = done()
    visited.settle(1000)
    assert done() == before < most
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('#live-enlarging .live-work button').textContent === 'Enlarge again'",
        timeout=3 * PATIENCE,
    )
    assert button.evaluate("(button) => document.activeElement === button && !button.disabled")
    assert button.evaluate(f"(button) => {{ {press} }}") == "Stop"
    assert checks.unsettled(visited) == []
