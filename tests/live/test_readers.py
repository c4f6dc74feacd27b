"""The live figures of the built book for readers with other wishes and means: no scripts, little
data, no motion, a screen reader.
"""

from __future__ import annotations

import pytest

from tests.live import checks
from tests.live.figures import FIGURES, each_figure, each_page

pytestmark = pytest.mark.book


@each_figure
def test_without_scripts_there_is_a_picture(visit, book, page, name):
    visited = visit(book / page, home=book, width=390, scripts=False)
    assert checks.still_missing(visited, name) + checks.overflow(visited, name) == []


@each_figure
def test_nothing_moves_for_a_reader_who_asked_for_less_motion(visit, book, page, name):
    visited = visit(book / page, home=book, still=True)
    visited.wake(name)
    assert checks.restless(visited, name) == []


@each_figure
def test_a_reader_who_saves_data_is_asked_first(visit, book, page, name):
    visited = visit(book / page, home=book, saving=True)
    figure = visited.figure(name)
    figure.scroll_into_view_if_needed()
    visited.settle(500)
    asked = figure.get_attribute("data-models") is not None
    fetched = [url for url in visited.requests if "/live/models/" in url]
    assert not fetched and (not asked or not figure.get_attribute("data-state"))
    visited.wake(name, unasked=not asked)
    assert checks.unsettled(visited) == []


@each_page
def test_a_page_is_light_until_a_figure_wakes(visit, book, page):
    """With every picture that loads only when the reader scrolls to it. And a figure that wakes
    pushes nothing about: it is as high as its still.
    """
    visited = visit(book / page, home=book, asleep=True)
    height = visited.page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 2000):
        visited.page.evaluate("(top) => scrollTo({ top, behavior: 'instant' })", top)
        visited.settle(20)
    visited.page.wait_for_load_state("networkidle")
    wrong = checks.early(visited) + checks.heavy(visited, book)
    for where, name in FIGURES:
        if where == page:
            wrong += [f"{name}: {each}" for each in checks.growth(visited, name)]
    assert wrong == []


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers(visit, book, page, scheme):
    """Every figure of the page awake, axe-core finds nothing."""
    visited = visit(book / page, home=book, dark=scheme == "dark")
    assert visited.page.evaluate("document.documentElement.dataset.theme") == scheme
    for where, name in FIGURES:
        if where == page:
            visited.wake(name)
    assert checks.barriers(visited) == []
