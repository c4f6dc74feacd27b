"""An executed notebook made small, and without the places of the machine that ran it."""

from __future__ import annotations

import base64
import copy
import io
import re
from collections.abc import Mapping
from datetime import datetime

import nbformat
from nbformat import NotebookNode
from PIL import Image, UnidentifiedImageError

from gancourse.files import CourseError
from gancourse.press import running

LIMIT = 400_000  # bytes of a notebook
LEVELS = ((480, 75), (480, 50), (400, 50), (320, 40))  # width in px and quality, until it fits
TEXT = 3_000  # characters of a printed result
BESIDE = 200  # characters of the text that stands for a picture, in viewers without pictures
DRAWING = 30_000  # bytes of an SVG or a piece of HTML

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")
WRITTEN = ("text/html", "text/markdown", "text/latex", "image/svg+xml")
EMBEDDED = re.compile(r"data:image/(?:png|jpeg|webp|gif|bmp);base64,([A-Za-z0-9+/=\s]+)")
# From the root of a disk on: in quotation marks, where it may hold blanks; bare; or Windows's.
PATHS = re.compile(
    r"""(?<=")(?:file:/{2,3})?/[^"\n<>/]+/[^"\n<>]*(?=")
    |(?<=')(?:file:/{2,3})?/[^'\n<>/]+/[^'\n<>]*(?=')
    |(?<=["'])[A-Za-z]:[\\/][^"'\n<>|]*(?=["'])
    |(?:file:/{2,3}|(?<![\w.~:/<…)\]}+*-]))/(?:[\w.+@%~-]+/)+[\w.+@%~-]*
    |(?<!\w)[A-Za-z]:[\\/]+\w[^\s"'<>|]*""",
    re.VERBOSE,
)


def small(notebook: NotebookNode) -> NotebookNode:
    """A copy of an executed notebook that is at most `LIMIT` bytes long.

    Its pictures are at most 480 px wide (a film is its last picture), widgets and long results are
    left out where a line says so, and RUN, DATA and … stand for places of the machine. Everything
    that was typed is kept, papermill's cell of parameters too.

    Args:
        notebook: version 4, run by `running.execute`.

    Raises:
        CourseError: even with the smallest pictures it is too long.
    """
    for width, quality in LEVELS:
        made = at_level(notebook, width, quality)
        size = len(nbformat.writes(made).encode()) + 1
        if size <= LIMIT:
            return made
    longest = max(made.cells, key=lambda cell: len(str(cell)))
    first = next(iter(longest.source.strip().splitlines()), "")
    raise CourseError(
        f"notebook: {size:,} bytes, even with pictures of {width} px, and at most {LIMIT:,} are "
        f"kept; let the notebook show less, first in the cell `{first[:60]}`."
    )


def at_level(notebook: NotebookNode, width: int, quality: int) -> NotebookNode:
    """The copy with pictures of a width (px) and a quality (of JPEG, 0 to 100)."""
    made, places = copy.deepcopy(notebook), stands_for(notebook)
    kept = {key: value for key, value in made.metadata.items() if key == "language_info"}
    kept |= {"kernelspec": dict(running.KERNEL), "papermill": papermill_of(notebook, places)}
    made.metadata = NotebookNode(kept)
    for cell in made.cells:
        for key in ("execution", "papermill"):
            cell.metadata.pop(key, None)
        cell.source = named(cell.source, places)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = without_paths(cell.source)
        if cell.cell_type == "code":
            cell.outputs = [
                output
                for each in cell.outputs
                if (output := smaller(each, width, quality, places)) is not None
            ]
    return made


def papermill_of(notebook: NotebookNode, places: Mapping[str, str]) -> dict:
    """papermill's own note of the parameters, and of when the cells ran and for how long."""
    note = notebook.metadata.get("papermill", {})
    given = {
        name: without_paths(named(value, places)) if isinstance(value, str) else value
        for name, value in note.get("parameters", {}).items()
    }
    began, ended = times(notebook)
    return {
        "parameters": given,
        "start_time": began and began.isoformat(),
        "end_time": ended and ended.isoformat(),
        "duration": (ended - began).total_seconds() if began else None,
        "version": note.get("version"),
    }


def times(notebook: NotebookNode) -> tuple[datetime | None, datetime | None]:
    """When the first cell began and the last one ended, or None twice.

    By papermill's note, or else by what nbclient wrote into the cells.
    """
    note = notebook.metadata.get("papermill", {})
    texts = [note[key] for key in ("start_time", "end_time") if note.get(key)] or [
        value for cell in notebook.cells for value in cell.metadata.get("execution", {}).values()
    ]
    found = sorted(map(datetime.fromisoformat, texts))
    return (found[0], found[-1]) if found else (None, None)


def smaller(
    output: NotebookNode, width: int, quality: int, places: Mapping[str, str]
) -> NotebookNode | None:
    """An output made small; None when nothing is left of it."""
    if output.output_type == "stream":
        text = shortened(told(output.text, places), TEXT)
        return NotebookNode({**output, "text": text}) if text.strip() else None
    if output.output_type not in ("display_data", "execute_result"):
        return output
    data, metadata, left_out = {}, {}, []
    kinds = [kind for kind in PICTURES if kind in output.data][:1]  # one picture, not two of a kind
    for kind in kinds:
        made, raw = picture(base64.b64decode(output.data[kind]), width, quality)
        data[made] = base64.b64encode(raw).decode()
        if "alt" in output.metadata.get(kind, {}):
            metadata[made] = {"alt": output.metadata[kind]["alt"]}
    for kind in WRITTEN:
        if kind not in output.data:
            continue
        text = EMBEDDED.sub(lambda match: embedded(match, width, quality), output.data[kind])
        text = told(text, places)
        if len(text.encode()) > DRAWING and (kind != "text/markdown" or kinds):
            left_out.append(f"{len(text.encode()):,} bytes of {kind}")
        else:
            data[kind] = text if kind != "text/markdown" else shortened(text, DRAWING)
    if WIDGET in output.data:
        left_out.append("a widget, which needs a running notebook")
    else:
        left_out += [
            f"{len(str(value)):,} characters of {kind}"
            for kind, value in output.data.items()
            if kind not in (*PICTURES, *WRITTEN, "text/plain")
        ]
    plain = told(output.data.get("text/plain", ""), places)
    if left_out and not data:
        plain = f"[left out: {', '.join(left_out)}]"
    plain = shortened(plain, BESIDE if data else TEXT)
    return NotebookNode({**output, "data": {**data, "text/plain": plain}, "metadata": metadata})


def picture(raw: bytes, width: int, quality: int) -> tuple[str, bytes]:
    """(type, bytes) of a picture at most `width` px wide, on white: the last one of a film.

    JPEG or PNG, which every viewer of notebooks shows, as not all do WebP. Drawings are smaller as
    PNG and photos as JPEG; a PNG that is smallest as it was is kept.

    Raises:
        CourseError: the bytes are no picture.
    """
    try:
        with Image.open(io.BytesIO(raw)) as image:
            frames = getattr(image, "n_frames", 1)
            image.seek(frames - 1)
            kind, layer = image.format, image.convert("RGBA")
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise CourseError(
            f"notebook: an output is no readable picture ({error}); run the notebook again."
        ) from error
    flat = Image.new("RGBA", layer.size, "white")
    flat.alpha_composite(layer)
    flat = flat.convert("RGB")
    if flat.width > width:
        height = max(1, round(flat.height * width / flat.width))
        flat = flat.resize((width, height), Image.Resampling.LANCZOS)
    jpeg, png = io.BytesIO(), io.BytesIO()
    flat.save(jpeg, "JPEG", quality=quality, optimize=True, progressive=True)
    flat.quantize(64, dither=Image.Dither.NONE).save(png, "PNG", optimize=True)
    made = [("image/png", png.getvalue()), ("image/jpeg", jpeg.getvalue())]
    if kind == "PNG" and frames == 1:
        made.insert(0, ("image/png", raw))
    return min(made, key=lambda each: len(each[1]))


def embedded(match: re.Match, width: int, quality: int) -> str:
    """A picture inside HTML or Markdown, made small."""
    kind, raw = picture(base64.b64decode(match[1]), width, quality)
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def told(text: str, places: Mapping[str, str]) -> str:
    """A result's text without colours, the states that a bar had before its last, and paths."""
    lines = running.ANSI.sub("", text).split("\n")
    last = [next((part for part in reversed(line.split("\r")) if part), "") for line in lines]
    return without_paths(named("\n".join(last), places))


def shortened(text: str, most: int) -> str:
    """The beginning and end of a long text, with a line in between that says what is missing."""
    if len(text) <= most:
        return text
    head, tail = text[: most * 2 // 3], text[-(most // 3) :]
    missing = len(text) - len(head) - len(tail)
    return f"{head}\n[left out: {missing:,} characters]\n{tail}"


def stands_for(notebook: NotebookNode) -> dict[str, str]:
    """Folders that the parameters name -> what stands for them: RUN and DATA."""
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    names = {"folder": "RUN", "data_root": "DATA"}
    return {
        given[key].rstrip("/\\"): name
        for key, name in names.items()
        if given.get(key, "").strip("/\\.")
    }


def named(text: str, places: Mapping[str, str]) -> str:
    """A text with names for places of the machine; of two that fit, the longer one is named."""
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(re.escape(place) + r"(?![\w-])", places[place], text)
    return text


def without_paths(text: str) -> str:
    """A text in which every absolute path is … or, for a file, …/its name."""
    return PATHS.sub(file_only, text)


def file_only(match: re.Match) -> str:
    last = re.split(r"[\\/]", match[0].rstrip("\\/."))[-1]
    return f"…/{last}" if re.fullmatch(r"[^.].*\.\w{1,8}", last) else "…"
