"""The built book as a browser gets it: nobody else is asked, every link leads somewhere, every
picture has words.

Each check is a function of a page's HTML, and is itself tried on a page that is wrong.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from gancourse.school import launch
from gancourse.school.book import COLAB, RAW, SITE, Page

ROOT = Path(__file__).resolve().parents[2]

# Links that a browser follows only when the reader does.
PASSIVE = {"author", "canonical", "help", "index", "license", "next", "prev", "search", "copyright"}


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def wanted(page: BeautifulSoup) -> list[str]:
    """Every address that a browser fetches to show the page."""
    found = [tag[name] for name in ("src", "poster") for tag in page.find_all(attrs={name: True})]
    found += [tag["data"] for tag in page.find_all("object", data=True)]
    found += [tag["href"] for tag in page.find_all(("use", "image"), href=True)]
    found += [
        part.split()[0] for tag in page.find_all(srcset=True) for part in tag["srcset"].split(",")
    ]
    found += [
        tag["href"]
        for tag in page.find_all("link", href=True)
        if not set(tag.get("rel", [])) <= PASSIVE
    ]
    styles = [tag["style"] for tag in page.find_all(style=True)] + [
        tag.get_text() for tag in page.find_all("style")
    ]
    return found + [url for style in styles for url in addresses(style)]


def addresses(css: str) -> list[str]:
    """What a style sheet fetches."""
    urls = [url.strip("'\"") for url in re.findall(r"url\(([^)]+)\)", css)]
    return urls + re.findall(r"@import\s+['\"]([^'\"]+)", css)


def is_foreign(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data", "blob")


def foreign(page: BeautifulSoup) -> list[str]:
    """Addresses on other hosts that the page fetches, and scripts in it that name one to fetch
    from.
    """
    scripts = " ".join(tag.get_text() for tag in page.find_all("script", src=False))
    named = re.findall(r"https?://[\w.-]*(?:unpkg|cdn|googleapis)[\w.-]*", scripts)
    return [address for address in wanted(page) if is_foreign(address)] + named


def wordless(page: BeautifulSoup) -> list[str]:
    """Pictures without words: an empty or missing alt, one that is a file's name, a drawing without
    a name.
    """

    def says_nothing(words: str) -> bool:
        return not words.strip() or bool(
            re.search(r"\.(png|svg|webp|jpe?g|gif)$|^_images|[0-9a-f]{16}", words.strip())
        )

    found = [str(tag)[:120] for tag in page.find_all("img") if says_nothing(tag.get("alt", ""))]
    for svg in page.find_all("svg"):
        labels = [page.find(id=name) for name in svg.get("aria-labelledby", "").split()]
        named = svg.get("aria-label") or (
            labels and all(label and label.get_text(strip=True) for label in labels)
        )
        if svg.get("aria-hidden") != "true" and not (svg.get("role") == "img" and named):
            found.append(str(svg)[:120])
    return found


def headings(page: BeautifulSoup) -> list[str]:
    """What is wrong with the page's headings: not one h1, or a level that is left out.

    The theme repeats the title on paper only, in a block that a screen never shows.
    """
    shown = [
        tag
        for tag in page.find_all(re.compile(r"^h[1-6]$"))
        if not tag.find_parent(class_="onlyprint")
    ]
    levels = [int(tag.name[1]) for tag in shown]
    found = [] if levels.count(1) == 1 else [f"{levels.count(1)} h1 headings"]
    return found + [
        f"h{a} is followed by h{b}" for a, b in zip(levels, levels[1:], strict=False) if b > a + 1
    ]


def anchors(page: BeautifulSoup) -> set[str]:
    named = {tag["name"] for tag in page.find_all("a", attrs={"name": True})}
    return named | {tag["id"] for tag in page.find_all(id=True)}


def broken(page: BeautifulSoup, at: Path, anchors_of) -> list[str]:
    """Links and files inside the book that lead nowhere; `anchors_of(path)` gives the ids of
    another page.
    """
    found = []
    for address in wanted(page) + [tag["href"] for tag in page.find_all("a", href=True)]:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or address in ("", "#"):
            continue
        target = (at.parent / unquote(parts.path)).resolve() if parts.path else at
        place = unquote(parts.fragment) if target.suffix == ".html" else ""
        if not target.is_file() or (place and place not in anchors_of(target)):
            found.append(address)
    return found


# --- the checks, tried on pages that are wrong and on pages that are right ---


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script src="//example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<link rel="preconnect" href="https://example.org">',
        '<img src="http://example.org/x.png">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x">',
        '<div style="background: url(https://example.org/x.png)"></div>',
        '<style>@import "https://example.org/x.css";</style>',
        '<iframe src="https://example.org"></iframe>',
        '<script>const URL = "https://unpkg.com/thebe";</script>',
    ],
)
def test_a_foreign_address_is_found(html):
    assert foreign(soup(html))


def test_own_files_and_plain_links_are_not_foreign():
    assert not foreign(
        soup(
            '<script src="../_static/x.js"></script><img src="data:image/png;base64,AA==">'
            '<a href="https://arxiv.org">paper</a><link rel="next" href="https://example.org/next">'
        )
    )


@pytest.mark.parametrize(
    "html",
    [
        '<img src="a.png">',
        '<img src="a.png" alt=" ">',
        '<img src="a.png" alt="../_images/a.png">',
        '<img src="a.png" alt="_images/11b39860a7a0cbfd473a3ad8a3178552.png">',
        "<svg><text>words</text></svg>",
        '<svg role="img" aria-labelledby="nobody"></svg>',
    ],
)
def test_a_wordless_picture_is_found(html):
    assert wordless(soup(html))


def test_a_picture_with_words_is_let_through():
    assert not wordless(
        soup(
            '<img src="a.png" alt="Eight dots on a ring."><svg aria-hidden="true"></svg>'
            '<svg role="img" aria-labelledby="t"><title id="t">The game</title></svg>'
        )
    )


@pytest.mark.parametrize("html", ["<h2>a</h2>", "<h1>a</h1><h1>b</h1>", "<h1>a</h1><h3>b</h3>"])
def test_headings_out_of_order_are_found(html):
    assert headings(soup(html))


def test_headings_in_order_are_let_through():
    assert not headings(soup("<h1>a</h1><h2>b</h2><h3>c</h3><h2>d</h2>"))


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<h1 id='top'>a</h1>", encoding="utf-8")

    def links(address: str) -> list[str]:
        return broken(
            soup(f'<a href="{address}">x</a>'),
            page,
            lambda path: anchors(soup(path.read_text("utf-8"))),
        )

    assert links("nowhere.html") and links("page.html#nowhere") and links("#nowhere")
    assert (
        not links("page.html")
        and not links("page.html#top")
        and not links("#top")
        and not links("https://x.org/y")
    )


# --- the book ---


@pytest.fixture(scope="session")
def pages(book) -> dict[str, BeautifulSoup]:
    """Address in the book -> page. index.html only sends the browser on to the first page."""
    paths = [
        path
        for path in book.rglob("*.html")
        if "_static" not in path.parts and path.name != "index.html"
    ]
    return {
        path.relative_to(book).as_posix(): soup(path.read_text(encoding="utf-8"))
        for path in sorted(paths)
    }


def complaints(pages, check) -> dict[str, list[str]]:
    return {name: found for name, page in pages.items() if (found := check(page))}


def test_every_listed_page_was_built(pages):
    listed = re.findall(
        r"(?:file|root): ([\w./-]+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")
    )
    assert {f"{name}.html" for name in listed} <= pages.keys()


def test_no_page_asks_another_host(pages):
    assert complaints(pages, foreign) == {}


def test_no_style_sheet_asks_another_host(book):
    sheets = {
        path.name: addresses(path.read_text(encoding="utf-8")) for path in book.rglob("*.css")
    }
    assert "course.css" in sheets
    assert [
        (name, address)
        for name, found in sheets.items()
        for address in found
        if is_foreign(address)
    ] == []


def test_every_internal_link_leads_somewhere(book, pages):
    @cache
    def anchors_of(path: Path) -> set[str]:
        return anchors(
            pages.get(path.relative_to(book.resolve()).as_posix())
            or soup(path.read_text(encoding="utf-8"))
        )

    found = {
        name: broken(page, (book / name).resolve(), anchors_of) for name, page in pages.items()
    }
    assert {name: links for name, links in found.items() if links} == {}
    assert (
        broken(
            soup((book / "index.html").read_text(encoding="utf-8")), book / "index.html", anchors_of
        )
        == []
    )


def test_every_picture_has_words(pages):
    assert complaints(pages, wordless) == {}


def test_headings_are_in_order(pages):
    assert complaints(pages, headings) == {}


def test_the_rocket_and_the_download_give_the_copies_in_plain_markdown(book, pages):
    notebooks = [name for name in pages if name.startswith("notebooks/")]
    assert notebooks
    for name in notebooks:
        links = [tag["href"] for tag in pages[name].find_all("a", href=True)]
        file = Path(name).with_suffix(".ipynb").name
        assert f"{COLAB}/jupyter/{file}" in links
        assert (
            "https://mybinder.org/v2/gh/gancourse/gancourse/main"
            f"?urlpath=lab/tree/jupyter/{file}" in links
        )
        assert f"../jupyter/{file}" in links
        assert [link for link in links if link.endswith(f"notebooks/{file}")] == []
        for kind in launch.KINDS:
            assert json.loads((book / kind / file).read_text(encoding="utf-8"))["cells"]


def test_every_link_of_a_copy_into_the_book_leads_somewhere(book, pages):
    """The site's addresses are looked up in the pages that were built, the repository's in it."""
    known: dict[str, set[str]] = {}
    wrong, found = [], set()
    for path in sorted((book / "jupyter").glob("*.ipynb")):
        text = "\n".join(
            "".join(cell["source"])
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "markdown"
        )
        found |= set(re.findall(rf"(?:{re.escape(SITE)}|{re.escape(RAW)})[^)\s\"]*", text))
    assert len(found) > 50
    for address in found:
        if address.startswith(RAW):
            if not (ROOT / unquote(address.removeprefix(f"{RAW}/"))).is_file():
                wrong.append(address)
            continue
        name, _, anchor = address.removeprefix(f"{SITE}/").partition("#")
        if not (book / name).is_file():
            wrong.append(address)
        elif anchor:
            known.setdefault(name, anchors(pages[name]))
            wrong += [] if anchor in known[name] else [address]
    assert wrong == []


def test_copies_number_figures_and_exercises_as_the_book_does(book, pages):
    checked = 0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = Page.of(path)
        for label, place in page.book.places.items():
            if place.page != page.name or place.kind not in ("figure", "exercise"):
                continue
            shown = pages[f"{place.page}.html"].find(id=place.anchor).find(class_="caption-number")
            assert shown.get_text(strip=True).split()[-1] == place.number, label
            checked += 1
    assert checked > 60


def test_formulas_are_set_by_the_vendored_mathjax(book, pages):
    assert any(
        page.find("script", src=re.compile(r"_static/mathjax/es5/tex-mml-chtml\.js"))
        for page in pages.values()
    )
    assert (
        book / "_static/mathjax/es5/output/chtml/fonts/woff-v2/MathJax_Math-Italic.woff"
    ).is_file()
