"""Pairs of line art and colour art of the same emoji: OpenMoji's drawings, rendered at any size.

They are bundled as vector graphics. data/openmoji/README.md says how they were chosen.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gancourse import files
from gancourse.data.sources import About, CourseWarning, Pictures, bundled, one_of
from gancourse.data.sources import root as data_root
from gancourse.data.svg import rasterize, require_size

SPLITS = ("train", "test")
SOURCES = ("auto", "bundled", "full")
SIZES = (16, 512)  # the smallest and the largest
ARCHIVE = "openmoji/pairs.zip"
ABOUT = {
    "emoji": About(
        title="line art and colour art",
        credit="OpenMoji",
        licence="CC BY-SA 4.0",
        weights_licence="CC BY-SA 4.0, as the data. All emojis designed by OpenMoji – the "
        "open-source emoji and icon project. License: CC BY-SA 4.0",
        limits="Flat drawings with closed black outlines, in OpenMoji's colours. It knows what "
        "OpenMoji draws, so a face is yellow; where the lines say nothing about a colour it "
        "guesses. Photos are beyond it.",
        holds="input (1, 64, 64) with target, concept",
        sizes={"bundled": (1_044, 321)},
        splits={"train": "four concepts in five"},
    )
}


def load(
    split: str = "train",
    *,
    size: int = 64,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Pairs of line art and the same drawing in colour.

    Tensors: "input" (N, 1, S, S) uint8, black line art on white (255); "target" (N, 3, S, S) uint8,
    in colour on white; and "concept" (N,) int64. A concept is what is drawn, whoever does it and
    whichever way it faces: "artist", "man artist" and "woman artist" have the same number, an index
    into `concepts()`. No concept is in both splits, and no line art has a near twin in the other.

    The rendered pictures are cached in the folder "openmoji" of the data root. A damaged file there
    is rendered again.

    Args:
        split: "train" (four concepts in five) or "test".
        size: S, 16 to 512 pixels. OpenMoji's strokes are S / 36 wide.
        source, strict: as for every loader. The bundled pairs are all there are, so every source
            gives them.
        root: folder of the cache (default: GANCOURSE_DATA, else ~/.cache/gancourse).

    Raises:
        CourseError: an unknown split or source, or a size out of range.
        DamagedFile: the bundled file is not the published one.
    """
    one_of("split", split, SPLITS, "emoji")
    one_of("source", source, SOURCES, "emoji")
    require_size(size, SIZES, "emoji")
    listed = index(split)
    number = {name: i for i, name in enumerate(concepts())}
    rendered = torch.from_numpy(_cached(split, len(listed), size, data_root(root) / "openmoji"))
    tensors = {
        "input": rendered[:, :1].contiguous(),
        "target": rendered[:, 1:].contiguous(),
        "concept": torch.tensor([number[entry["concept"]] for entry in listed]),
    }
    return Pictures(tensors, f"emoji {split}", "bundled", ABOUT["emoji"].terms)


def index(split: str) -> list[dict]:
    """The metadata of each pair of `split`, in the order of `load`.

    Keys: "hexcode", "caption", "group", "subgroup", "tags" (a list), "author", "concept", "split".
    """
    one_of("split", split, SPLITS, "emoji")
    return [dict(entry) for entry in _index(_archive()) if entry["split"] == split]


def captions(split: str = "train") -> list[str]:
    """The caption of each pair of `split`, such as "grinning face", in the order of `load`."""
    return [entry["caption"] for entry in index(split)]


def concepts() -> tuple[str, ...]:
    """The names of all concepts of both splits; "concept" of `load` is an index into them."""
    return tuple(sorted({entry["concept"] for entry in _index(_archive())}))


def words(pictures: Pictures, at: int) -> str:
    """The concept of picture `at`: its words in alphabetical order, such as "room steamy"."""
    return concepts()[int(pictures["concept"][at])]


def _archive() -> tuple[Path, str]:
    """The bundled file, checked against its published hash, and that hash (SHA-256)."""
    path = bundled(ARCHIVE)
    return path, files.read_json(files.BUNDLED / "manifest.json")[ARCHIVE]["sha256"]


@lru_cache(maxsize=2)
def _index(archive: tuple[Path, str]) -> list[dict]:
    with zipfile.ZipFile(archive[0]) as opened:
        return json.loads(opened.read("index.json"))


def _cached(split: str, length: int, size: int, folder: Path) -> np.ndarray:
    """(length, 4, size, size) uint8, line art first: cached, or else rendered and cached."""
    _, published = _archive()
    version = importlib.metadata.version("resvg-py")
    path = folder / f"{split}-{size}-{published[:12]}-resvg-{version}.bin"
    shape = (length, 4, size, size)
    found = _read(path, shape)
    if found is not None:
        return found
    rendered = _render(split, size)
    try:
        with files.replacing(path) as part, open(part, "wb") as file:
            file.write(_digest(path, rendered))
            file.write(rendered)
    except OSError as error:
        warnings.warn(
            f"{folder}: the rendered emoji cannot be kept here ({error}), so the next call renders "
            "them again; give another root or GANCOURSE_DATA.",
            CourseWarning,
            stacklevel=3,
        )
    return rendered


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The pictures in `path`; None if it is missing, unreadable or damaged."""
    try:
        if path.stat().st_size != 32 + int(np.prod(shape)):
            return None
        held = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    pictures = held[32:].reshape(shape)
    return pictures if held[:32].tobytes() == _digest(path, pictures) else None


def _digest(path: Path, pictures: np.ndarray) -> bytes:
    """SHA-256 of the pictures and of their file's name, so that no file passes for another."""
    return hashlib.sha256(
        path.name.encode() + b"\0" + hashlib.sha256(np.ascontiguousarray(pictures)).digest()
    ).digest()


def _render(split: str, size: int) -> np.ndarray:
    codes = [entry["hexcode"] for entry in index(split)]
    with zipfile.ZipFile(_archive()[0]) as opened:
        drawn = [
            [opened.read(f"{art}/{code}.svg").decode("utf-8") for art in ("line_art", "colour")]
            for code in codes
        ]
    rendered = np.empty((len(codes), 4, size, size), dtype=np.uint8)

    def draw(i: int) -> None:
        line, colour = (rasterize(svg, size) for svg in drawn[i])
        rendered[i, 0] = np.asarray(line.convert("L"))
        rendered[i, 1:] = np.asarray(colour).transpose(2, 0, 1)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        drawing = pool.map(draw, range(len(codes)))
        what = f"rendering emoji at {size} px"
        for _ in tqdm(drawing, desc=what, total=len(codes), leave=False, delay=2):
            pass
    return rendered
