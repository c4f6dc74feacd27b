from __future__ import annotations

import codecs
import contextlib
import gzip
import importlib.util

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin, features

from gancourse.data import CourseWarning, picture_file, picture_folder, svg
from gancourse.files import CourseError

RED, BLUE = (220, 20, 20), (20, 20, 220)
SVG = '<svg viewBox="0 0 10 10" xmlns="http://www.w3.org/2000/svg">{}</svg>'


def two(left, right, width=32, height=32) -> Image.Image:
    picture = Image.new("RGB", (2 * width, height), left)
    picture.paste(Image.new("RGB", (width, height), right), (width, 0))
    return picture


def test_a_picture_is_read_upright_and_on_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    two(RED, BLUE).save(tmp_path / "turned.png", exif=exif)
    upright = picture_file.read(tmp_path / "turned.png")
    assert (
        upright.size == (32, 64)
        and upright.getpixel((5, 5)) == RED
        and upright.getpixel((5, 60)) == BLUE
    )
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((*RED, 255), (0, 0, 10, 20))
    palette = clear.quantize(4)
    for name, picture in {
        "rgba.png": clear,
        "la.png": clear.convert("LA"),
        "p.png": palette,
    }.items():
        picture.save(tmp_path / name)
        found = picture_file.read(tmp_path / name)
        assert found.mode == "RGB" and found.getpixel((15, 5)) == (255, 255, 255), name
        assert found.getpixel((5, 5)) != (255, 255, 255), name
    Image.new("CMYK", (20, 20)).save(tmp_path / "cmyk.jpg")
    assert picture_file.read(tmp_path / "cmyk.jpg").getpixel((3, 3)) == (255, 255, 255)
    assert picture_file.read(tmp_path / "cmyk.jpg", "L").mode == "L"
    two(RED, BLUE).save(
        tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[two(BLUE, RED)]
    )
    assert picture_file.read(tmp_path / "phone.jpg").getpixel((3, 3))[0] > 200, (
        "the first of a phone's two views"
    )
    (tmp_path / "wide.svg").write_text(
        SVG.replace("10 10", "20 10").format('<rect width="9" height="10"/>')
    )
    drawn = picture_file.read(tmp_path / "wide.svg", size=64)
    assert (
        drawn.size == (64, 32)
        and drawn.getpixel((2, 2)) == (0, 0, 0)
        and drawn.getpixel((60, 2)) == (255,) * 3
    )
    (tmp_path / "strip.svg").write_text(SVG.replace("10 10", "1 100000").format("<g/>"))
    assert max(picture_file.read(tmp_path / "strip.svg", size=64).size) == 64
    with pytest.raises(CourseError, match="none.png: missing; give"):
        picture_file.read(tmp_path / "none.png")
    with pytest.raises(CourseError, match="mode='RGBA'"):
        picture_file.read(tmp_path / "rgba.png", "RGBA")


# Greys of more than 8 bits

RAMP = np.linspace(0, 65_535, 64).astype(np.uint16)[None].repeat(32, axis=0)


@pytest.mark.parametrize("name", ["scan.png", "scan.tif"])
def test_a_scan_of_16_bits_keeps_its_greys(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(RAMP).save(tmp_path / name, exif=exif)
    found = np.asarray(picture_file.read(tmp_path / name, "L")).astype(float)
    assert np.abs(found - RAMP[:, ::-1] / 257).max() <= 0.5


def test_16_bits_of_a_tiff_from_elsewhere(tmp_path):
    """Big-endian; with 0 for white; and of 12 bits in each word."""
    white_is_zero = TiffImagePlugin.ImageFileDirectory_v2()
    white_is_zero[262] = 0
    for name, levels, most, tags in (
        ("big.tif", RAMP.astype(">u2"), 65_535, {}),
        ("negative.tif", 65_535 - RAMP, 65_535, white_is_zero),
    ):
        Image.fromarray(levels).save(tmp_path / name, tiffinfo=tags)
        found = np.asarray(picture_file.read(tmp_path / name, "L")).astype(float)
        assert np.abs(found - RAMP * (255 / most)).max() <= 0.5, name
    levels = Image.fromarray(RAMP // 16)
    source = Image.new("I;16", (1, 1))
    source.tag_v2 = {258: (12,), 262: 1}
    found = np.asarray(picture_file._eight_bits(levels, source)).astype(float)
    assert found.min() == 0 and found.max() == 255 and np.abs(found - RAMP / 257).max() < 1


def test_a_level_that_means_transparent_is_white(tmp_path):
    for name, picture in {
        "16.png": Image.fromarray(np.full((20, 20), 31, dtype=np.uint16)),
        "8.png": Image.new("L", (20, 20), 31),
    }.items():
        picture.save(tmp_path / name, transparency=31)
        assert picture_file.read(tmp_path / name).getpixel((3, 3)) == (255, 255, 255), name


def test_32_bits_have_no_known_white(tmp_path):
    Image.new("F", (20, 20), 0.5).save(tmp_path / "depth.tif")
    with pytest.raises(CourseError, match="depth.tif: 32 bits per pixel.*; save it with 8 or 16"):
        picture_file.read(tmp_path / "depth.tif")


def test_one_bit_per_pixel(tmp_path):
    fax = Image.new("1", (32, 32), 1)
    fax.paste(0, (0, 0, 16, 32))
    fax.save(tmp_path / "fax.tif", compression="group4")
    fax.save(tmp_path / "fax.png")
    for name in ("fax.tif", "fax.png"):
        found = picture_file.read(tmp_path / name, "L")
        assert (found.getpixel((3, 3)), found.getpixel((30, 3))) == (0, 255), name


# Formats

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
AVIF = b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"


def test_every_suffix_opens_or_is_refused_by_its_format(tmp_path):
    heif = importlib.util.find_spec("pillow_heif")
    for suffix in sorted(picture_folder.SUFFIXES | picture_folder.OTHERS | {".svgz"}):
        path = tmp_path / f"a{suffix.upper()}"
        if suffix in (".svg", ".svgz"):
            path.write_text(SVG.format('<rect width="5" height="10" fill="#dc1414"/>'))
        elif suffix in (".heic", ".heif"):
            path.write_bytes(HEIC)
            if not heif:
                with pytest.raises(CourseError, match=f"{path.name}: HEIC.*; save it as PNG or"):
                    picture_file.read(path)
            continue
        elif suffix == ".avif" and not features.check("avif"):
            continue
        else:
            two(RED, BLUE).save(path)
        found = picture_file.read(path).getpixel((5, 5))
        assert np.abs(np.subtract(found, RED)).max() < 30, suffix


def test_avif_is_read_upright_or_refused_by_name(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "phone.avif"
    if features.check("avif"):
        two(RED, BLUE).save(path, exif=exif, quality=100)
        found = picture_file.read(path)
        assert found.size == (32, 64)
        assert np.abs(np.subtract(found.getpixel((5, 60)), BLUE)).max() < 10
        two(RED, BLUE).save(path, save_all=True, append_images=[two(BLUE, RED)])
        with pytest.raises(CourseError, match="2 frames"):
            picture_file.read(path)
        path.write_bytes(path.read_bytes()[:150])
        with pytest.raises(CourseError, match="cannot be opened as a picture, or is truncated"):
            picture_file.read(path)
    monkeypatch.setattr(picture_file, "FORMATS", ["PNG"])  # a Pillow without the decoder
    path.write_bytes(AVIF)
    with pytest.raises(CourseError, match="phone.avif: AVIF, a format.*save it as PNG or JPEG"):
        picture_file.read(path)


def test_the_contents_decide_whatever_the_suffix_says(tmp_path):
    drawing = SVG.format('<rect width="5" height="10" fill="#dc1414"/>')
    for n, contents in enumerate((drawing.encode("utf-16"), gzip.compress(drawing.encode()))):
        (tmp_path / f"{n}.png").write_bytes(contents)
        assert picture_file.read(tmp_path / f"{n}.png").getpixel((5, 5)) == RED
    two(RED, BLUE).save(tmp_path / "photo.svg", "PNG")
    assert picture_file.read(tmp_path / "photo.svg").getpixel((5, 5)) == RED
    (tmp_path / "notes.svg").write_text("buy milk")
    with pytest.raises(
        CourseError, match=r"notes.svg: cannot be opened .*\(unknown format\); save"
    ):
        picture_file.read(tmp_path / "notes.svg")


# Vector graphics

INK = '<circle cx="{0}" cy="{0}" r="{1}" fill="none" stroke="#000" stroke-width="{2}"/>'


def drawn(tmp_path, contents: str | bytes, size: int = 100) -> np.ndarray:
    """Darkness (H, W), 0 to 1, of an SVG file with these contents."""
    path = tmp_path / "drawing.svg"
    path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return 1 - np.asarray(picture_file.read(path, "L", size=size)) / 255.0


def svg_of(attributes: str, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


UNITS = {"px": 1, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "Q": 96 / 101.6, "pt": 4 / 3}
UNITS |= {"pc": 16, "em": 16, "ex": 8, "rem": 16, "MM": 96 / 25.4}


@pytest.mark.parametrize("unit", UNITS)
def test_a_length_in_any_unit_is_as_long_as_css_says(tmp_path, unit):
    side, n = 400 / UNITS[unit], 1 / UNITS[unit]  # user units are pixels
    plain = drawn(tmp_path, svg_of('viewBox="0 0 400 400"', INK.format(200, 120, 40)))
    assert plain.mean() == pytest.approx(2 * np.pi * 120 * 40 / 400**2, rel=0.01)
    circle = INK.format(*(f"{length * n:.6f}{unit}" for length in (200, 120, 40)))
    styled = INK.format(200, 120, 1).replace(
        'stroke-width="1"', f'style="fill:none; stroke-width: {40 * n:.6f}{unit};"'
    )
    sheet = f"<style>circle {{ stroke-width:{40 * n:.6f}{unit} }}</style>"
    for attributes, body in (
        (f'width="{side:.6f}{unit}" height="{side:.6f}{unit}"', INK.format(200, 120, 40)),
        (f'width="{side:.6f}{unit}" height="{side:.6f}{unit}"', circle),
        ('viewBox="0 0 400 400"', circle),
        ('viewBox="0 0 400 400"', styled),
        ('viewBox="0 0 400 400"', sheet + INK.format(200, 120, 1)),
        (f'viewBox="0 0 400 400" style="width:{side}{unit};height:{side}{unit}"', circle),
    ):
        assert np.abs(drawn(tmp_path, svg_of(attributes, body)) - plain).max() < 0.1, body


def test_the_renderer_itself_knows_millimetres():
    found = svg.rasterize(
        svg_of('width="10mm" height="5mm"', '<rect width="5mm" height="5mm"/>'), 40
    )
    assert found.size == (40, 20)
    assert found.getpixel((10, 10)) == (0,) * 3 and found.getpixel((30, 10)) == (255,) * 3


def test_geometry_may_stand_in_a_style(tmp_path):
    plain = drawn(tmp_path, svg_of('viewBox="0 0 40 40"', '<circle cx="20" cy="20" r="14"/>'))
    styled = '<circle style="cx:20px; cy: 20px;r:14px"/>'
    assert (drawn(tmp_path, svg_of('viewBox="0 0 40 40"', styled)) == plain).all()


@pytest.mark.parametrize(
    "size",
    [
        'width="210mm" height="297mm" viewBox="0 0 210 297"',
        'width="100%" height="100%" viewBox="0 0 210 297"',
        'width="100%" viewBox="0 0 210 297"',
        'width="100vw" height="calc(10px + 1%)" viewBox="0,0,210,297"',
        'width="0" height="auto" viewBox="0 0 210 297"',
        'viewBox="0 0 210 297"',
        'width="21cm" height="29.7cm" viewBox="0 0 2.1 2.97"',
        'width="210" height="297"',
        'width="210px" height="2.97e2" viewBox="0 0 0 0"',
    ],
)
def test_a_page_of_any_size_has_its_shape(tmp_path, size):
    scale = 0.01 if "2.97" in size and "e2" not in size else 1
    x, y, width, height = (n * scale for n in (21, 29.7, 105, 148.5))
    body = f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'
    found = drawn(tmp_path, svg_of(size, body), size=297)
    assert found.shape == (297, 210)
    rows, columns = np.nonzero(found > 0.5)
    assert np.abs(np.subtract((rows.min(), columns.min()), (29.7, 21))).max() <= 1
    assert np.abs(np.subtract((rows.max() + 1, columns.max() + 1), (178.2, 126))).max() <= 1


@pytest.mark.parametrize("where", [(50, 40, 10), (0, 40, 10), (4000, 900, 30), (0.5, 0.4, 0.1)])
@pytest.mark.parametrize("size", ["", 'width="100%" height="100%"', 'width="0" height="0"'])
def test_a_drawing_without_any_size_is_as_large_as_its_ink(tmp_path, where, size):
    found = drawn(tmp_path, svg_of(size, INK.format(*where)))
    rows, columns = np.nonzero(found > 0.3)
    for ends in (rows, columns):
        assert ends.min() <= 4 and ends.max() >= 95
    for edge in (found[:, 0], found[:, -1], found[0], found[-1]):
        assert (edge > 0.5).mean() < 0.5, "the stroke is cut"
    assert drawn(tmp_path, svg_of(size, "<g/>")).max() == 0
    assert drawn(tmp_path, svg_of(size, '<rect width="100%" height="100%"/>')).min() == 1


@pytest.mark.parametrize("length", ["3vw", "calc(1px + 1mm)", "var(--thick)", "2furlong"])
def test_a_length_that_would_vanish_is_refused(tmp_path, length):
    for body in (
        f'<g stroke-width="{length}"/>',
        f'<g style="fill:none;stroke-width: {length}"/>',
        f"<style>g{{stroke-width:{length}}}</style>",
    ):
        with pytest.raises(CourseError, match="drawing.svg: the length stroke-width=.*; give it"):
            drawn(tmp_path, svg_of('viewBox="0 0 9 9"', body))


LINE = '<path d="M0 20H40" {}/>'


def test_css_that_would_vanish_is_refused(tmp_path):
    for body, words in (
        ("<style>circle{fill:red; r:7mm}</style>" + INK.format(9, 9, 2), "CSS sets r,"),
        ("<style>/* r:1 */ .a{transform:rotate(9deg)}</style>", "CSS sets transform,"),
        ('<g style="transform:translate(1mm,1mm)"/>', "CSS sets transform,"),
        ("<path style=\"d:path('M0 0H9')\"/>", "CSS sets d,"),
        (LINE.format('stroke="var(--a)"'), "variable --a has no value"),
        ("<style>g{--a:var(--a);stroke:var(--a)}</style>", "variable --a has no value"),
    ):
        with pytest.raises(CourseError, match=f"drawing.svg: .*{words}.* save it as PNG"):
            drawn(tmp_path, svg_of('viewBox="0 0 40 40"', body))


def test_css_that_changes_nothing_here_is_followed(tmp_path):
    plain = LINE.format('stroke="#000" stroke-width="8"')
    expected = drawn(tmp_path, svg_of('viewBox="0 0 40 40"', plain))
    for body in (
        "<style>svg{width:9px} path:hover{transform:none;rotate:9deg}</style>" + plain,
        "<style>@keyframes a{from{transform:scale(1)} 50%{transform:scale(2)}}</style>" + plain,
        LINE.format('stroke="var(--a, #000)" stroke-width="var(--b,8)"'),
        LINE.format('stroke="var(--a, var( --b , rgb(0, 0, 0)))" stroke-width="8"'),
        "<style>:root{--a:var(--b);--b:#000}</style>"
        + LINE.format('style="stroke:var(--a,red);stroke-width:8"'),
    ):
        assert (drawn(tmp_path, svg_of('viewBox="0 0 40 40"', body)) == expected).all(), body


def test_css_cannot_grow_or_take_long(tmp_path):
    itself = ":root{--a:" + "var(--a)" * 7 + "}" + "var(--a)" * 100_000
    variables = ";".join(f"--a{n}:" + f"var(--a{n + 1}) " * 5 for n in range(500))
    for css in (
        itself,
        variables,
        "/*" * 1_000_000,
        "a" * 2_000_000,
        "-" * 2_000_000,
        "var(--a,(" * 200_000,
    ):
        with contextlib.suppress(CourseError):
            drawn(tmp_path, svg_of('viewBox="0 0 9 9"', f"<style>{css}</style>"))


def test_text_is_left_out_aloud(tmp_path):
    body = INK.format(20, 9, 2)
    plain = drawn(tmp_path, svg_of('viewBox="0 0 40 40"', body + "<text> </text>"))
    with pytest.warns(CourseWarning, match="drawing.svg: its text is left out; turn it into paths"):
        found = drawn(tmp_path, svg_of('viewBox="0 0 40 40"', body + "<text>Hi</text>"))
    assert (found == plain).all()


NAMED = '<?xml version="1.0" encoding="{}"?>\n' + SVG.format(
    '<title>Möwe</title><rect id="Möwe" width="5" height="10"/>'
)


@pytest.mark.parametrize(
    ("encoding", "declared", "mark"),
    [
        ("utf-8", "UTF-8", codecs.BOM_UTF8),
        ("utf-8", "utf-16", b""),  # some programs of Windows declare what they do not write
        ("utf-8", "iso-8859-1", codecs.BOM_UTF8),
        ("latin-1", "ISO-8859-1", b""),
        ("cp1252", "windows-1252", b""),
        ("iso-8859-15", "ISO-8859-15", b""),
        ("utf-16-le", "UTF-16", codecs.BOM_UTF16_LE),
        ("utf-16-be", "UTF-16", codecs.BOM_UTF16_BE),
        ("utf-16-le", "UTF-16", b""),
        ("utf-16-be", "UTF-16BE", b""),
        ("utf-32-le", "UTF-32", codecs.BOM_UTF32_LE),
    ],
)
def test_an_encoding_that_is_declared_is_read(tmp_path, encoding, declared, mark):
    found = drawn(tmp_path, mark + NAMED.format(declared).encode(encoding))
    assert found[50, 20] == 1 and found[50, 80] == 0
    bare = SVG.format('<rect width="5" height="10"/>').encode(encoding)
    assert (drawn(tmp_path, mark + bare) == found).all()


@pytest.mark.parametrize("declared", ["UTF-8", "klingon", "punycode", "zlib_codec", "us-ascii"])
def test_an_encoding_that_does_not_fit_is_named(tmp_path, declared):
    with pytest.raises(CourseError, match=f"in its encoding, {declared}; save it as UTF-8"):
        drawn(tmp_path, NAMED.format(declared).encode("latin-1"))


def test_limits_hold_in_every_encoding_and_zipped(tmp_path, monkeypatch):
    """A zipped drawing is read, and a bomb is refused before it has filled the memory."""
    plain = SVG.format('<rect width="5" height="10"/>').encode()
    assert (drawn(tmp_path, gzip.compress(plain)) == drawn(tmp_path, plain)).all()
    monkeypatch.setattr(svg, "MOST_BYTES", 50_000)
    monkeypatch.setattr(svg, "MOST_ELEMENTS", 50)
    entity = '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;")
    many = SVG.format("<g/>" * 60)
    image = SVG.format('<image href="a.png"/>')
    for text, words in ((entity, "XML entities"), (many, "50 elements"), (image, "another pic")):
        for contents in (text.encode("utf-16"), text.encode("utf-16-le"), text.encode()):
            for sent in (contents, gzip.compress(contents)):
                with pytest.raises(CourseError, match=words):
                    drawn(tmp_path, sent)
    read = []
    monkeypatch.setattr(
        gzip.GzipFile,
        "read",
        lambda self, n, _read=gzip.GzipFile.read: read.append(n) or _read(self, n),
    )
    bomb = gzip.compress(b"<svg>" + b" " * 10_000_000)
    with pytest.raises(CourseError, match="longer than the 50,000 bytes"):
        drawn(tmp_path, bomb)
    assert read == [50_001]
    with pytest.raises(CourseError, match="cannot be opened as a picture, or is truncated"):
        drawn(tmp_path, gzip.compress(plain)[:-12])


@pytest.mark.parametrize("size", [15, 1025, 64.0, True, "64"])
def test_a_size_out_of_range_is_named(size):
    with pytest.raises(CourseError, match=rf"size={size!r}: .*; give 16 to 1024\."):
        picture_file.check_size(size)
