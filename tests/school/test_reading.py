"""What is folded in the book, and how long a chapter says it takes."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from gancourse import files
from gancourse.school import reading

LONGEST = 3_500  # words of a first reading
CHAPTERS = sorted(files.NOTEBOOKS.glob(files.CHAPTERS))

PAGE = """# A title

Four words stand here, and {term}`mode collapse` makes nine: $x^2 + 1$ is one.

```{figure} x.png
:alt: words that are read aloud and not counted
A caption.
```

```python
not_a_word = 1
```

$$a + b$$

### Deeper: more of it

One two three.

#### Still deeper

Four.

## Exercises

Nobody counts this.

```{exercise-start} Title
:label: x
```
*15 minutes, hard.* Nor this.
```{exercise-end}
```
"""


def test_words_are_counted_where_they_are_read():
    found = reading.reading([PAGE])
    heading, line, caption = 2, 12, 2
    assert found.first == heading + line + caption
    assert found.deeper == 10
    assert found.exercises == 15


def test_a_folded_section_ends_at_the_next_heading_of_its_level():
    cells = ["## a\n\none", "### Deeper: b", "two three", "### c\n\nfour", "## d\n\nfive"]
    found = reading.reading(cells)
    assert (found.first, found.deeper) == (6, 4)


def test_an_exercise_that_spans_cells_is_no_reading():
    cells = ["a\n\n```{exercise-start} t\n```\n\nb c", "d e f", "```{exercise-end}\n```\n\ng"]
    assert reading.reading(cells).first == 2


def test_boxes_are_read_and_hints_in_html_too():
    box = "```{admonition} Predict\n:class: tip\nHow many?\n```"
    assert reading.reading([box, "<details>\n<summary>Answer</summary>\n\nTen.\n\n</details>"]) == (
        5,
        0,
        0,
    )


def test_the_line_at_the_head():
    found = reading.Reading(first=2_200, deeper=660, exercises=95)
    assert reading.line(found) == (
        "First reading: 10 minutes; folded sections: 3 more; exercises: 95 minutes and a project."
    )
    assert reading.line(reading.Reading(440, 0, 0)) == "First reading: 2 minutes."


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_first_reading_is_short(path):
    found = reading.of_notebook(path)
    assert found.first <= LONGEST
    assert found.exercises >= 60


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page that Sphinx made of two sections, of which one is folded."""
    from sphinx.testing.util import SphinxTestApp

    source = tmp_path_factory.mktemp("source")
    (source / "conf.py").write_text(
        "extensions = ['myst_parser', 'gancourse.school.reading']\nhtml_theme = 'basic'\n"
    )
    film = source / "runs" / "gan" / "film.webp"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"")
    (source / "index.md").write_text(
        "# Top\n\n[there](#inner)\n\n## Deeper: *this*\n\nHidden.\n\n(inner)=\n### Inner\n\nDeep.\n\n"
        "## Plain\n\n```{figure} runs/gan/film.webp\n:alt: a film\nWords.\n```\n"
    )
    app = SphinxTestApp(srcdir=source, buildername="html")
    app.build()
    assert app.warning.getvalue() == ""
    yield BeautifulSoup((app.outdir / "index.html").read_text("utf-8"), "html.parser")
    app.cleanup()


def test_a_deeper_section_is_folded_with_all_its_sections(page):
    (folded,) = page.select("details.deeper")
    assert not folded.has_attr("open")
    assert folded.summary.h2.get_text() == "Deeper: this" and folded.summary.em
    assert "Hidden." in folded.section.get_text() and folded.find("h3").get_text().startswith(
        "Inner"
    )
    plain = next(head for head in page.find_all("h2") if "Plain" in head.get_text())
    assert plain.find_parent("details") is None


def test_a_link_leads_into_what_is_folded(page):
    """The browser opens a <details> whose content, not the element itself, is linked to."""
    folded = page.select_one("details.deeper")
    assert folded.get("id") is None
    assert {"deeper-this", "inner"} <= {tag["id"] for tag in folded.find_all(id=True)}
    assert page.find("a", href="#inner")


def test_the_contents_name_a_folded_section(page):
    assert page.find("a", href="#deeper-this").get_text() == "Deeper: this"


def test_a_film_knows_its_last_picture(page):
    film = page.select_one("div.film")
    assert film["data-still"] == "_static/gan/film-still.png"
    assert film.figure.img["alt"] == "a film"
