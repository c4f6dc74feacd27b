"""Firefox, from disk: a figure wakes, one drag changes its pixels, nothing is thrown."""

from __future__ import annotations

import pytest

from tests.live.figures import each_figure

DRAG = [(-20, -20), (0, 0), (15, -10), (20, 20)]


def wake(firefox, name: str) -> None:
    firefox.evaluate("document.getElementById(`live-${arguments[0]}`).scrollIntoView()", name)
    firefox.wait(f"return document.getElementById('live-{name}').dataset.state === 'awake'")


def test_a_figure_wakes_and_is_dragged(firefox, toy_page):
    page = toy_page()
    firefox.open(page.as_uri())
    wake(firefox, "toy")
    firefox.evaluate("document.querySelector('#live-toy canvas').scrollIntoView({block: 'center'})")
    firefox.drag("#live-toy canvas", DRAG)
    y = firefox.evaluate("return document.getElementById('live-toy').live.y")
    assert y == pytest.approx(0.5 + 20 / 160, abs=0.01)
    rows = firefox.evaluate(
        """
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
          const view = document.querySelector('#live-toy canvas');
          const { data } = view.getContext('2d').getImageData(0, 0, 160, 160);
          const painted = (y) => [...Array(160).keys()].filter((x) => data[4 * (160 * y + x) + 2] < 128).length;
          done([...Array(160).keys()].filter(painted));
        })));
        """
    )
    assert rows[0] == pytest.approx(90, abs=2) and rows[-1] == pytest.approx(110, abs=2)
    assert firefox.errors(page.parent.as_uri()) == []


def test_an_error_is_found(firefox, toy_page):
    page = toy_page(drag='throw new Error("bad touch")')
    firefox.open(page.as_uri())
    wake(firefox, "toy")
    assert firefox.errors(page.parent.as_uri()) == []
    firefox.evaluate("document.querySelector('#live-toy canvas').scrollIntoView({block: 'center'})")
    firefox.drag("#live-toy canvas", DRAG)
    assert any("bad touch" in error for error in firefox.errors(page.parent.as_uri()))


@pytest.mark.book
@each_figure
def test_every_figure_wakes_and_is_dragged(firefox, book, page, name):
    """Pixels can be read back, and a drag, where there is something to drag on, throws nothing."""
    firefox.open((book / page).as_uri())
    wake(firefox, name)
    firefox.evaluate(
        """
        const stage = document.querySelector(`#live-${arguments[0]} .live-stage`);
        const target = stage.querySelector(".live-drag") ?? stage.querySelector("canvas");
        target?.classList.add("test-target");
        target?.scrollIntoView({ block: "center" });
        """,
        name,
    )
    if firefox.evaluate("return document.querySelector('.test-target') !== null"):
        firefox.drag(".test-target", DRAG)
    for pixels in firefox.evaluate(
        "return [...document.querySelectorAll(`#live-${arguments[0]} canvas`)].map((each) => each.toDataURL())",
        name,
    ):
        assert pixels.startswith("data:image/png;base64,")
    assert firefox.errors(book.as_uri()) == []
