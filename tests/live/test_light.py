"""What `gancourse.live.light` leaves of a built book."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gancourse.live import light
from gancourse.show.style import PANEL

ICONS = 'x={github:[496,512,["gh"],"f09b","M1"],"sun-one":[5,5,[],"f1",["M2","M3"]],moon:[5,5,[],"f2","M4"]}'
PAGE = """<i class="fa-brands fa-gh"></i> <img alt="a" src="../_images/big.png" />
<img src="../_images/small.png" width="9"/> <th class="head"></th><th>Name</th>"""


@pytest.fixture
def built(tmp_path):
    book = tmp_path / "html"
    for folder in ("_images", "_static/scripts", "book"):
        (book / folder).mkdir(parents=True)
    shades = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(shades).save(book / "_images" / "big.png")
    Image.fromarray(shades[:9, :9]).save(book / "_images" / "small.png")
    (book / "_static" / "scripts" / "fontawesome.js").write_text(ICONS)
    (book / "book" / "page.html").write_text(PAGE)
    return book


def lighten(built) -> str:
    builder = SimpleNamespace(format="html")
    light.lighten(SimpleNamespace(outdir=built, srcdir=built.parent, builder=builder), None)
    return (built / "book" / "page.html").read_text()


def test_a_page_shows_the_same_and_weighs_less(built):
    before = np.asarray(Image.open(built / "_images" / "big.png"))
    page = lighten(built)
    assert '<img alt="a" src="../_images/big.webp" width="160" height="120" />' in page
    assert '<img src="../_images/small.png" width="9"/>' in page
    assert "<td></td><th>Name</th>" in page
    assert np.array_equal(np.asarray(Image.open(built / "_images" / "big.webp")), before)
    kept = (built / "_static" / "scripts" / "fontawesome.js").read_text()
    assert kept == 'x={github:[496,512,["gh"],"f09b","M1"],}'
    assert lighten(built) == page


def test_a_new_picture_of_an_old_name_is_packed_anew(built):
    lighten(built)
    shades = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(shades).save(built / "_images" / "big.png")
    lighten(built)
    assert np.array_equal(np.asarray(Image.open(built / "_images" / "big.webp")), shades)


def test_a_chart_is_marked_and_a_sheet_of_pictures_is_not(built):
    chart = Image.new("RGB", (160, 120), PANEL)
    chart.paste("#1B68C6", (20, 20, 40, 80))  # a bar: 6 % of it
    sheet = Image.new("RGB", (160, 120), PANEL)
    sheet.paste("#808080", (20, 20, 140, 100))  # half of it
    chart.save(built / "_images" / "big.png")
    sheet.save(built / "_images" / "small.png")
    page = lighten(built)
    assert '<img class="chart" alt="a" src="../_images/big' in page
    assert '<img src="../_images/small' in page
    assert lighten(built) == page
    assert 'class="chart x"' in light.marked('<img class="x" src="a"')
