"""A Sphinx extension that makes the built pages light: what a reader's browser has to fetch.

Pictures are fetched when the reader comes near; each says its size, so that nothing moves when it
comes. Those that are large become lossless WebP, a third smaller than PNG. Charts are marked, so
that a dark page can turn their paper dark. And of the theme's two thousand icons, which make a
fifth of a chapter, those stay that a page shows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gancourse.files import replacing, sha256, write_text
from gancourse.show.style import FIELD, PANEL, RULE

SHOWN = re.compile(r'(<img [^>]*src="(?:\.\./)*_images/([^"]+)"[^>]*?)(?= ?/?>)')
PNG = re.compile(r"(?<=_images/)[\w-]+\.png")
LARGE = 15_000  # bytes of a picture that is worth it
PAPER = 0.82  # of a chart, at least, is the house's paper; of sheets of pictures, at most .8 was
KEPT = Path("_build", "webp")  # what was made, by the SHA-256 of the PNG
# "name":[width, height, [other names], "code", "path" or ["path", "path"]]
ICON = re.compile(
    r'(?:"([\w-]+)"|([\w$]+)):\[\d+,\d+,\[([^\[\]]*)\],"[0-9a-f]+",'
    r'(?:"[^"]*"|\[(?:"[^"]*",?)+\])\],?'
)


def be_lazy(app) -> None:
    app.env.settings["image_loading"] = "lazy"


def lighten(app, exception) -> None:
    """Once the pages are written."""
    if exception is None and app.builder.format == "html":
        built = Path(app.outdir)
        pages = {path: path.read_text(encoding="utf-8") for path in built.rglob("*.html")}
        drop_icons(built, pages.values())
        drawn = charts(built)
        size, smaller = sizes(built), shrunk(built, Path(app.srcdir, KEPT))
        for path, text in pages.items():
            after = SHOWN.sub(lambda m: m[0] if " width=" in m[0] else m[1] + size(m[2]), text)
            after = SHOWN.sub(lambda m: marked(m[1]) if m[2] in drawn else m[0], after)
            after = PNG.sub(lambda m: smaller.get(m[0], m[0]), after)
            # The empty corner of a table is no header: it would be announced as a nameless one.
            after = re.sub(r"<th[^>]*>(<p></p>)?</th>", "<td></td>", after)
            if after != text:
                write_text(path, after)


def drop_icons(built: Path, pages: Iterable[str]) -> None:
    """Leave those in the theme's script whose name stands in a page or in another script."""
    script = built / "_static" / "scripts" / "fontawesome.js"
    others = (path for path in (built / "_static").rglob("*.js") if path != script)
    texts = [*pages, *(path.read_text("utf-8", errors="replace") for path in others)]
    shown = {name for text in texts for name in re.findall(r"\bfa-([\w-]+)", text)}

    def kept(icon: re.Match) -> str:
        names = {icon[1] or icon[2], *re.findall(r'"([\w-]+)"', icon[3])}
        return icon[0] if names & shown else ""

    if script.is_file():
        write_text(script, ICON.sub(kept, script.read_text(encoding="utf-8")))


def sizes(built: Path) -> Callable[[str], str]:
    """The name of a page's picture -> the attributes that say its width and height, or ""."""

    @functools.cache
    def size(name: str) -> str:
        png = built / "_images" / name
        path = png if png.is_file() else png.with_suffix(".webp")  # which took its place
        if path.suffix == ".svg" or not path.is_file():
            return ""
        with Image.open(path) as picture:
            return ' width="{}" height="{}"'.format(*picture.size)

    return size


def charts(built: Path) -> set[str]:
    """The names of pictures that are curves, points or bars on the house's paper."""
    inks = [[int(ink[at : at + 2], 16) for at in (1, 3, 5)] for ink in (PANEL, FIELD, RULE)]
    found = set()
    for path in (built / "_images").glob("*.png"):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=np.int16)
        near = [np.abs(pixels - np.array(ink)).max(-1) <= 6 for ink in inks]
        if np.logical_or.reduce(near).mean() > PAPER:
            found.add(path.name)
    return found


def marked(image: str) -> str:
    """An <img ...> tag, not yet closed, with the class "chart"."""
    if ' class="chart' in image:  # marked by an earlier build
        return image
    if " class=" in image:
        return image.replace(' class="', ' class="chart ', 1)
    return image.replace("<img ", '<img class="chart" ', 1)


def shrunk(built: Path, kept: Path) -> dict[str, str]:
    """Put a lossless WebP in the place of each large PNG: names before -> names after."""
    changed = {}
    for path in sorted((built / "_images").glob("*.png")):
        if path.stat().st_size < LARGE:
            continue
        made, place = kept / f"{sha256(path)}.webp", path.with_suffix(".webp")
        if not made.is_file():
            with replacing(made) as temporary, Image.open(path) as picture:
                picture.save(temporary, lossless=True, method=4)
        if made.stat().st_size < path.stat().st_size:
            place.write_bytes(made.read_bytes())
            changed[path.name] = place.name
            path.unlink()
    return changed


def setup(app) -> dict:
    app.connect("builder-inited", be_lazy)
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
