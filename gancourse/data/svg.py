"""SVG drawings as pictures. What the renderer (resvg) would drop in silence is mended or refused.

Sizes and lengths follow CSS Values 4, section 6: 96 pixels to the inch, a font of 16 pixels.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import warnings
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from PIL import Image, ImageOps

from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError

MOST_BYTES = 5_000_000  # of the text, unzipped
MOST_ELEMENTS = 200_000  # once every reference is followed
REMEDY = "save it as PNG."

GEOMETRY = {"x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"}  # CSS may set these too
STROKES = {"stroke-width", "stroke-dasharray", "stroke-dashoffset", "font-size"}
LENGTHS = GEOMETRY | STROKES | {"x1", "y1", "x2", "y2", "fx", "fy", "markerWidth", "markerHeight"}
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?+"
PIXELS = {"px": 1, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6}
PIXELS |= {"pt": 96 / 72, "pc": 16, "rem": 16, "ch": 8}
RELATIVE = {"em": 16, "ex": 8, "%": None}  # resvg knows the font and page; pixels at the root
MOVED = {"d", "transform", "translate", "rotate", "scale"}  # by CSS, which resvg does not follow
LOST = MOVED | GEOMETRY  # in a style sheet; in an attribute `style`, geometry is mended
ELSEWHERE = re.compile(r"(?is)svg|:root|from|to|[\d.]+%|.*:(hover|focus|active)")  # not the shapes
TEXT = {"text", "foreignObject"}
LONGEST = 60  # characters of a variable of CSS, so that no drawing grows without bounds
SET = re.compile(rf"(?<![\w-])(--[\w-]{{1,99}}+)\s*+:([^;}}\"'<]{{1,{LONGEST}}}+)(?=[;}}\"'<])")
VARIABLE = re.compile(r"var\(\s*+(--[\w-]{1,99}+)\s*+(?:,((?:[^()]|\([^()]{0,60}+\)){0,60}+))?\)")
MARKS = {  # how a text begins, the longer marks first; XML 1.0, appendix F
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}


def begins(contents: bytes) -> bool:
    """Whether a file that begins so is XML, zipped or not, in any encoding."""
    bare = contents.replace(b"\0", b"")
    return bare.startswith(b"\x1f\x8b") or bool(re.match(rb"[\xef\xbb\xbf\xff\xfe\s]*<", bare))


def require_size(size: int, sizes: tuple[int, int], what: str) -> None:
    """Raise a CourseError unless `size` is a number of pixels between the two of `sizes`."""
    least, most = sizes
    if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= most:
        raise CourseError(
            f"size={size!r}: not a number of pixels that {what} are rendered at; give {least} to "
            f"{most}, such as 64, 128 or 256."
        )


def rasterize(svg: str, size: int) -> Image.Image:
    """An SVG drawing on white, RGB, its longer side `size`. Raises ValueError when it is no SVG."""
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        width=size,
        height=size,
        dpi=96,  # its default of 0 makes every length in mm, in or pt 0
        background="white",
        skip_system_fonts=True,
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")


def read(file: BinaryIO, path: Path, size: int) -> Image.Image:
    """The drawing in an open SVG or SVGZ file, on white, RGB, its longer side `size`.

    Raises:
        CourseError: more than `MOST_BYTES` or `MOST_ELEMENTS`, XML entities, a picture inside, an
            encoding or unit of length that is not known, or shapes and variables of CSS that are
            not followed.
        Exception: whatever gzip, the XML parser and resvg raise for a file that is no SVG.
    """
    contents = file.read(MOST_BYTES + 1)
    if contents.startswith(b"\x1f\x8b"):
        contents = gzip.GzipFile(fileobj=io.BytesIO(contents)).read(MOST_BYTES + 1)
    if len(contents) > MOST_BYTES:
        raise CourseError(
            f"{path}: longer than the {MOST_BYTES:,} bytes allowed for an SVG file; {REMEDY}"
        )
    text = _decoded(contents, path)
    if "<!ENTITY" in text:
        raise CourseError(f"{path}: defines XML entities, which are not followed; {REMEDY}")
    drawing = ElementTree.fromstring(_resolved(text))
    if any(_tag(element) in ("image", "feImage") for element in drawing.iter()):
        raise CourseError(f"{path}: holds another picture; {REMEDY}")
    if _expanded(drawing) > MOST_ELEMENTS:
        raise CourseError(f"{path}: draws more than {MOST_ELEMENTS:,} elements; {REMEDY}")
    _mend_lengths(drawing, path)
    _refuse_lost(drawing, path)
    _mend_size(drawing, size)
    return rasterize(ElementTree.tostring(drawing, encoding="unicode"), size)


def _decoded(contents: bytes, path: Path) -> str:
    """The text of an XML file: by its byte order mark, else its declaration, else as UTF-8."""
    declared = re.match(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)", contents[:300])
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    if re.match("(?i)utf-?(16|32)|ucs|unicode", encoding):  # its bytes say that it is not
        encoding = "utf-8"
    marks = (name for mark, name in MARKS.items() if contents.startswith(mark))
    encoding = next(marks, encoding)
    try:
        if codecs.lookup(encoding).name in ("idna", "punycode"):  # slow, and of no file
            raise LookupError
        return contents.decode(encoding).lstrip("\ufeff \t\r\n")
    except (LookupError, UnicodeError) as error:
        raise CourseError(
            f"{path}: cannot be read in its encoding, {encoding}; save it as UTF-8 or PNG."
        ) from error


def _resolved(text: str) -> str:
    """The text with the variables of CSS replaced by their values, else by their fallbacks."""
    values = dict(SET.findall(text))

    def value(found: re.Match) -> str:
        return values.get(found[1], found[2] or found[0]).strip()

    for _ in range(3):  # a variable may be set to another; one that is set to itself never ends
        longer = {name: VARIABLE.sub(value, held) for name, held in values.items()}
        values = {name: held for name, held in longer.items() if len(held) <= LONGEST}
    values = {name: held for name, held in values.items() if "var(" not in held}
    for _ in range(3):  # what it falls back on may be another
        text = VARIABLE.sub(value, text)
    return text


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _expanded(drawing: ElementTree.Element) -> float:
    """Number of elements once each reference (#name) is replaced by its target; inf for a loop."""
    named = {element.get("id"): element for element in drawing.iter() if element.get("id")}
    counted: dict[ElementTree.Element, float] = {}

    def count(element: ElementTree.Element) -> float:
        if element not in counted:
            counted[element] = float("inf")  # what a reference back to here finds
            names = re.findall(r"#([^)\"'\s]+)", " ".join(element.attrib.values()))
            inside = [*element, *(named[name] for name in names if name in named)]
            counted[element] = 1 + sum(count(part) for part in inside)
        return counted[element]

    return count(drawing)


def _mend_lengths(drawing: ElementTree.Element, path: Path) -> None:
    """Write lengths in units that resvg knows, and geometry that CSS sets as attributes.

    Raises:
        CourseError: a length depends on the window or is computed; resvg would take it for 0.
    """

    def mended(name: str, value: str) -> str:
        def known(length: re.Match) -> str:
            number, unit = length[1], length[2].lower()
            if unit in RELATIVE:
                return number + unit
            if unit not in PIXELS:
                raise unknown(name, value)
            return f"{float(number) * PIXELS[unit]}px"

        if "(" in value:  # calc() or var()
            raise unknown(name, value)
        return re.sub(rf"({NUMBER})\s*([a-zA-Z]+|%)", known, value)

    def unknown(name: str, value: str) -> CourseError:
        return CourseError(
            f"{path}: the length {name}={value.strip()!r} is not known here; "
            "give it in px or mm, or save the drawing as PNG."
        )

    def declared(found: re.Match) -> str:
        return f"{found[1]}:{mended(found[1], found[2])}"

    style = rf"(?<![\w-])({'|'.join(sorted(STROKES))})\s*:([^;}}]*)"
    for element in drawing.iter():
        if _tag(element) == "style" and element.text:
            element.text = re.sub(style, declared, element.text)
        css = re.sub(style, declared, element.get("style", ""))
        if css:
            element.set("style", css)
        for name, value in re.findall(r"(?:^|;)\s*([a-z]+)\s*:([^;]*)", css):
            if name in GEOMETRY and "auto" not in value:
                element.set(name, value.strip())
        for name in LENGTHS & element.attrib.keys():
            try:
                element.set(name, mended(name, element.get(name)))
            except CourseError:
                if element is not drawing:
                    raise
                del element.attrib[name]  # what has no size of its own is as large as its ink


def _refuse_lost(drawing: ElementTree.Element, path: Path) -> None:
    """Refuse the CSS that resvg ignores, and warn of text, for which there is no font here.

    Raises:
        CourseError: a style sheet sets geometry, CSS draws or moves, or a variable has no value.
    """
    for element in drawing.iter():
        sheet = (element.text or "") if _tag(element) == "style" else ""
        blocks = [block.rpartition("{") for block in _without_comments(sheet).split("}")]
        rules = [(selector.rpartition("{")[2].strip(), css, LOST) for selector, _, css in blocks]
        for selector, css, lost in (*rules, ("", element.get("style", ""), MOVED)):
            if ELSEWHERE.fullmatch(selector):
                continue
            for name, value in re.findall(r"(?:^|;)\s*([a-z]+)\s*:\s*([^;]*)", css):
                if name in lost and value.strip() not in ("none", "auto"):
                    raise CourseError(
                        f"{path}: CSS sets {name}, which is not followed here; "
                        f"give it as an attribute, or {REMEDY}"
                    )
        for text in (sheet, *element.attrib.values()):
            if unset := VARIABLE.search(text):
                raise CourseError(f"{path}: the CSS variable {unset[1]} has no value; {REMEDY}")
    if any(words.strip() for e in drawing.iter() if _tag(e) in TEXT for words in e.itertext()):
        warnings.warn(
            f"{path}: its text is left out; turn it into paths, or {REMEDY}",
            CourseWarning,
            stacklevel=2,
        )


def _without_comments(css: str) -> str:
    first, *others = css.split("/*")
    return first + "".join(other.partition("*/")[2] for other in others)


def _mend_size(drawing: ElementTree.Element, size: int) -> None:
    """Give the drawing a view box, and a width and height of which the longer is `size`.

    resvg would round the drawing's own size to whole pixels before it scales it. A drawing without
    an absolute size has the shape of its view box, else of its ink.
    """
    box = [float(number) for number in re.findall(NUMBER, drawing.get("viewBox", ""))]
    sides = [_side(drawing.get(name, "")) for name in ("width", "height")]
    if len(box) != 4 or min(box[2:]) <= 0:
        box = [0, 0, *sides] if all(sides) else _ink(drawing)
    if not all(sides):
        sides = box[2:]
    drawing.set("viewBox", " ".join(map(str, box)))
    for name, side in zip(("width", "height"), sides, strict=True):
        drawing.set(name, str(max(1, side * size / max(sides))))


def _side(length: str) -> float | None:
    """A mended length at the root, in pixels; None unless it is absolute and more than 0."""
    found = re.fullmatch(rf"\s*({NUMBER})(px|em|ex)?\s*", length)
    pixels = float(found[1]) * (PIXELS | RELATIVE).get(found[2], 1) if found else 0
    return pixels if 0 < pixels < float("inf") else None


def _ink(drawing: ElementTree.Element) -> list[float]:
    """[x, y, width, height] of what is drawn, in user units; CSS's default page if it fills all.

    resvg would take the box of the outlines, and so cut off strokes and negative coordinates.
    """

    def seen(x: float, y: float, side: float) -> list[float] | None:
        drawing.attrib |= {"viewBox": f"{x} {y} {side} {side}", "width": "512", "height": "512"}
        picture = rasterize(ElementTree.tostring(drawing, encoding="unicode"), 512)
        box = ImageOps.invert(picture.convert("L")).getbbox()
        if box is None or min(box) == 0 or max(box) == 512:
            return None
        left, top, right, bottom = box
        pixels = (left - 1, top - 1, right - left + 2, bottom - top + 2)  # and a margin
        return [start + n * side / 512 for start, n in zip((x, y, 0, 0), pixels, strict=True)]

    for reach in (500, 5_000, 50_000):
        if found := seen(-reach, -reach, 2 * reach):
            return seen(found[0], found[1], max(found[2:])) or found  # now finely
    return [0, 0, 300, 150]
