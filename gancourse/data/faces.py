"""Drawn faces with known attributes: 10,000 pixel-art faces at 32 px, 4,000 of Micah's at 64 px.

What was drawn is known exactly, so that a network that claims to have found "glasses" can be held
to it. Drawn by DiceBear from seeds alone; data/faces says how, and how to draw more of them, or
larger ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gancourse.data.sources import About, Pictures, bundled, one_of

SPLITS = ("train", "test")
SOURCES = ("auto", "bundled", "full")

# Of the pixel-art faces: name -> the words of its values 0, 1, ... The four brown hair colours of
# the design, which nobody could tell apart at 32 px, are one word here.
ATTRIBUTES = {
    "glasses": ("no glasses", "glasses"),
    "hat": ("no hat", "hat"),
    "beard": ("no beard", "beard"),
    "hair_length": ("short hair", "long hair"),
    "hair_colour": ("black", "brown", "light brown", "dark blond", "blond", "red", "green", "blue"),
    "skin_colour": ("pale", "fair", "light", "beige", "tan", "bronze", "brown", "dark"),
    "mouth": ("sad", "happy"),
}

_COLOURS = (
    *("black", "brown", "copper", "peach", "pink", "pale pink", "yellow", "pale yellow"),
    *("turquoise", "pale blue", "violet", "lavender", "white"),
)
MICAH_ATTRIBUTES = {
    "glasses": ("no glasses", "glasses"),
    "frame": ("none", "round", "square"),
    "facial_hair": ("none", "stubble", "beard"),
    "earrings": ("none", "hoop", "stud"),
    "hair": ("bald", "three hairs", "mohawk", "quiff", "fringe", "bob", "long", "turban"),
    "hair_colour": _COLOURS,
    "skin_colour": ("light", "tan", "dark"),
    "mouth": ("sad", "frown", "nervous", "pucker", "surprised", "smirk", "smile", "laughing"),
    "eyes": ("plain", "round", "smiling", "plain, shadow", "smiling, shadow"),
    "eyebrows": ("down", "up", "down, lashes", "up, lashes"),
    "shirt": ("crew", "open", "collared"),
    "shirt_colour": _COLOURS,
}


@dataclass(frozen=True)
class Style:
    """A bundled set of faces: `train` of them come first, the rest are for testing."""

    file: str
    title: str
    train: int
    attributes: dict[str, tuple[str, ...]]


STYLES = {
    "faces": Style("faces/pixel-art.npz", "faces", 9_000, ATTRIBUTES),
    "faces-micah": Style("faces/micah.npz", "Micah's faces", 3_600, MICAH_ATTRIBUTES),
}
ABOUT = {
    "faces": About(
        title="pixel-art faces",
        credit="DiceBear",
        licence="CC0 1.0",
        weights_licence="CC0 1.0, as the data",
        limits="Drawn faces of 32 x 32 px, put together from one generator's parts, nobody's face. "
        "What a learned code means was found after training and differs from seed to seed.",
        holds=f"image (3, 32, 32) with {', '.join(ATTRIBUTES)}",
        sizes={"bundled": (9_000, 1_000)},
        splits={"train": "the 9,000 for training"},
    ),
    "faces-micah": About(
        title="faces in Micah Lanier's style",
        credit="Micah Lanier",
        licence="CC BY 4.0",
        weights_licence="CC BY 4.0, as the data; name Micah Lanier, who drew the parts",
        limits="Drawn faces of 64 x 64 px, put together from one designer's parts, nobody's face.",
        holds=f"image (3, 64, 64) with {', '.join(MICAH_ATTRIBUTES)}",
        sizes={"bundled": (3_600, 400)},
        splits={"train": "the 3,600 for training"},
    ),
}


def load(
    split: str = "train",
    *,
    name: str = "faces",
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Faces with tensors "image" (N, 3, S, S) uint8 and one int64 tensor (N,) for each attribute.

    | name          | S  | train       | test       | attributes: name -> words |
    |---------------|----|-------------|------------|---------------------------|
    | "faces"       | 32 | first 9,000 | last 1,000 | `ATTRIBUTES`              |
    | "faces-micah" | 64 | first 3,600 | last 400   | `MICAH_ATTRIBUTES`        |

    Attributes say what was drawn, each drawn independently of the others, but for a frame that
    needs glasses, and a shirt or hair that never has the colour of the skin ("faces-micah"). Not
    all of it can be seen in every picture: a hat hides the colour of most short hair, and bald
    heads have none. "beard" alone is what can be seen: a beard too transparent to change any pixel
    by more than 30 grey levels counts as none.

    Args:
        source, root, strict: as every loader takes them. The bundled faces are all there are, so
            every source means them.

    Raises:
        CourseError: an unknown name, split or source.
        DamagedFile: the bundled file is truncated, swapped or changed.
    """
    one_of("name", name, tuple(STYLES), "faces")
    one_of("split", split, SPLITS, "faces")
    one_of("source", source, SOURCES, "faces")
    style = STYLES[name]
    kept = slice(style.train) if split == "train" else slice(style.train, None)
    with np.load(bundled(style.file), allow_pickle=False) as stored:
        image = torch.from_numpy(stored["image"][kept]).permute(0, 3, 1, 2).contiguous()
        tensors = {key: torch.from_numpy(stored[key][kept]).long() for key in style.attributes}
    return Pictures(
        {"image": image, **tensors},
        f"{style.title} {split}",
        "bundled",
        ABOUT[name].terms,
        words=style.attributes,
    )


load_micah = partial(load, name="faces-micah")


def words(pictures: Pictures, index: int, name: str = "faces") -> dict[str, str]:
    """The attributes of picture `index` in words, e.g. {"hat": "no hat", "mouth": "sad"}."""
    return {key: known[int(pictures[key][index])] for key, known in STYLES[name].attributes.items()}
