"""Twenty drawings of our own in line art, to try a network on that has learned from others.

They are bundled as vector graphics. data/drawings/README.md says how they were made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gancourse.data.sources import About, Pictures, bundled, one_of
from gancourse.data.svg import rasterize, require_size
from gancourse.files import CourseError

SPLITS = ("test",)
SOURCES = ("auto", "bundled", "full")
SIZES = (16, 1024)  # the smallest and the largest
NAMES = {  # hand -> what it drew, in the order of `load`
    "script": (
        "apple", "boat", "car", "cat", "cup", "fish", "flower", "house", "tree", "umbrella",
    ),
    "mouse": (
        "bird", "cake", "dog", "hat", "lamp", "leaf", "mushroom", "rocket", "snail", "sun",
    ),
}  # fmt: skip
ABOUT = {
    "drawings": About(
        title="twenty line drawings of our own",
        credit="",
        licence="CC0 1.0",
        weights_licence="none: it is not trained on",
        limits="Twenty simple outlines, and nothing else. There is no true colouring of them.",
        holds="input (1, 64, 64) with name, hand",
        sizes={"bundled": (0, 20)},
    )
}


def load(
    split: str = "test",
    *,
    size: int = 64,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Twenty drawings in black lines: ten by script, then ten as by mouse.

    "input" (20, 1, S, S) uint8, black line art on white (255), with strokes S / 36 wide as those of
    the emoji, and rendered by the same program; "name", such as "house"; and "hand", "script" or
    "mouse". Curves by script are exact and their outlines close. Those as by mouse sway, run past
    their corners, and leave small gaps.

    Args:
        split: "test"; they are for trying and not for learning.
        size: S, 16 to 1024 pixels.
        source, root, strict: as for every loader. The bundled drawings are all there are.

    Raises:
        CourseError: an unknown split or source, or a size out of range.
        DamagedFile: a bundled file is not the published one.
    """
    one_of("split", split, SPLITS, "drawings")
    one_of("source", source, SOURCES, "drawings")
    require_size(size, SIZES, "drawings")
    listed = [(hand, name) for hand, names in NAMES.items() for name in names]
    drawn = [rasterize(path(name).read_text(encoding="utf-8"), size) for _, name in listed]
    pictures = torch.from_numpy(np.stack([np.asarray(each.convert("L")) for each in drawn]))
    texts = {"name": [name for _, name in listed], "hand": [hand for hand, _ in listed]}
    tensors = {"input": pictures[:, None]}
    return Pictures(tensors, "drawings", "bundled", ABOUT["drawings"].terms, texts)


def path(name: str) -> Path:
    """The SVG file of a drawing, such as "house".

    Raises:
        CourseError: there is no drawing of that name.
        DamagedFile: the file is not the published one.
    """
    hand = next((hand for hand, names in NAMES.items() if name in names), None)
    if hand is None:
        known = ", ".join(sorted(name for names in NAMES.values() for name in names))
        raise CourseError(f"name={name!r}: no such drawing; choose one of: {known}.")
    return bundled(f"drawings/{hand}/{name}.svg")
