"""A notebook's page as a reader's window shows it: no line is cut off, what is folded opens, films stop."""

from __future__ import annotations

import pytest

from gancourse import files
from gancourse.files import NOTEBOOKS

CHAPTERS = [path.stem for path in sorted(NOTEBOOKS.glob(files.CHAPTERS))]
PAGES = [*CHAPTERS, "workbench"]
OPEN = """() => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  for (const each of document.querySelectorAll(".toggle-hidden")) each.classList.remove("toggle-hidden");
}"""
# Of each block of code and each printed result: what is cut off, in px, and how many characters fit.
BLOCKS = """() => [...document.querySelectorAll(".bd-article pre")].map((pre) => {
  const style = getComputedStyle(pre), pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  const room = pre.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const hides = ["hidden", "clip"].includes(style.overflowX) ? 0 : pre.scrollWidth - pre.clientWidth;
  const inBox = Boolean(pre.closest(".admonition, .exercise, .solution, details, li"));
  return { cut: Math.max(hides, 0), fits: Math.floor(room / pen.measureText("m").width + 0.01), inBox };
}).filter((block) => block.fits > 0)"""


def blocks(visit, book, chapter, width):
    page = visit(book / "notebooks" / f"{chapter}.html", width=width, asleep=True).page
    page.evaluate(OPEN)
    found = page.evaluate(BLOCKS)
    assert len(found) > (30 if chapter in CHAPTERS else 10)
    return page, found


@pytest.mark.parametrize("chapter", PAGES)
def test_no_line_is_cut_at_1280_px_and_88_columns_fit(visit, book, chapter):
    page, found = blocks(visit, book, chapter, 1280)
    assert [block for block in found if block["cut"]] == []
    assert min(block["fits"] for block in found if not block["inBox"]) >= 88
    page.add_style_tag(content=".bd-article pre { white-space: pre !important; }")
    assert any(block["cut"] for block in page.evaluate(BLOCKS)), "the measure sees what is cut"


@pytest.mark.parametrize("chapter", PAGES)
def test_on_a_phone_at_most_a_tenth_is_cut(visit, book, chapter):
    page, found = blocks(visit, book, chapter, 390)
    assert sum(block["cut"] > 0 for block in found) <= len(found) / 10
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_table_that_is_wider_than_the_page_says_so(visit, book):
    page = visit(book / "notebooks" / "02_cgan.html", width=390, asleep=True).page
    shades = page.evaluate("""() => [...document.querySelectorAll(".pst-scrollable-table-container")]
      .filter((box) => box.scrollWidth > box.clientWidth)
      .map((box) => getComputedStyle(box).backgroundAttachment)""")
    assert shades and all("local" in shade and "scroll" in shade for shade in shades)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_difference_marks_what_was_added(visit, book, dark):
    page = visit(book / "notebooks" / "02_cgan.html", dark=dark, asleep=True).page
    added, taken, plain = (
        page.evaluate(
            """(selector) => {
              const style = getComputedStyle(document.querySelector(selector));
              return [style.backgroundColor, style.color];
            }""",
            f".highlight-diff {mark}",
        )
        for mark in (".gi", ".gd", "pre")
    )
    assert added[0] not in ("rgba(0, 0, 0, 0)", plain[0])
    assert taken[0] == "rgba(0, 0, 0, 0)" and taken[1] != added[1]


@pytest.mark.parametrize("chapter", PAGES)
def test_a_notebook_says_how_long_it_takes(visit, book, chapter):
    page = visit(book / "notebooks" / f"{chapter}.html", asleep=True).page
    assert page.locator("h1 + p.minutes").inner_text().startswith("First reading: ")


def first_folded(visit, book):
    for chapter in CHAPTERS:
        page = visit(book / "notebooks" / f"{chapter}.html", asleep=True).page
        if page.locator("details.deeper").count():
            return page
    raise AssertionError("no chapter has anything folded")


def test_a_link_opens_what_is_folded(visit, book):
    page = first_folded(visit, book)
    folded = page.locator("details.deeper").first
    assert not folded.evaluate("(node) => node.open")
    link = page.locator(f'a[href="#{folded.locator("section").first.get_attribute("id")}"]').first
    link.evaluate("(node) => node.click()")  # the page's contents show it near its place only
    page.wait_for_function("document.querySelector('details.deeper').open")
    assert folded.locator("summary").evaluate("(node) => node.getBoundingClientRect().top > 0")


def test_paper_shows_what_is_folded(visit, book):
    page = first_folded(visit, book)
    section = page.locator("details.deeper section").first
    assert not section.is_visible()
    page.emulate_media(media="print")
    assert section.evaluate("(node) => node.checkVisibility({ contentVisibilityAuto: true })")


@pytest.mark.parametrize("still", [False, True], ids=["moving", "less motion"])
def test_a_film_can_be_stopped(visit, book, still):
    page = visit(book / "notebooks" / "01_gan.html", still=still, asleep=True).page
    film = page.locator(".film")
    names = {True: "film-still.png", False: ".webp"}
    assert film.locator("img").get_attribute("src").endswith(names[still])
    film.get_by_role("button").click()
    assert film.locator("img").get_attribute("src").endswith(names[not still])


def test_on_a_dark_page_charts_are_dark_and_pictures_are_not_turned(visit, book):
    page = visit(book / "notebooks" / "01_gan.html", dark=True, asleep=True).page
    charts = page.locator(".cell_output img.chart")
    assert charts.count() >= 3
    assert "invert" in charts.first.evaluate("(node) => getComputedStyle(node).filter")
    others = page.locator(".cell_output img:not(.chart)")
    assert "invert" not in others.first.evaluate("(node) => getComputedStyle(node).filter")
