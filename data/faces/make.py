"""Render the SVG faces of make.mjs and pack them with their attributes.

Needs resvg-py 0.5.0 and the course.

    python data/faces/make.py pixel-art pixel-art.jsonl
    python data/faces/make.py micah micah.jsonl

With --check nothing is written: the first faces of the bundled file are compared with freshly
rendered ones.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gancourse.data.emoji import rasterize  # noqa: E402
from gancourse.data.faces import ATTRIBUTES, MICAH_ATTRIBUTES  # noqa: E402

# Grey levels by which a beard must change some pixel to be called one. The design draws dark
# beards so transparent that in six faces of ten nobody could see them.
VISIBLE = 30
SIZES = {"pixel-art": 32, "micah": 64}
WORDS = {"pixel-art": ATTRIBUTES, "micah": MICAH_ATTRIBUTES}

HAIR_COLOURS = {
    **dict.fromkeys(("#603a14", "#603015", "#612616", "#611c17"), "brown"),
    "#28150a": "black",
    "#83623b": "light brown",
    "#a78961": "dark blond",
    "#cab188": "blond",
    "#bd1700": "red",
    "#91cb15": "green",
    "#009bbd": "blue",
}
SKIN_COLOURS = dict(
    zip(
        ("#ffdbac", "#f5cfa0", "#eac393", "#e0b687", "#cb9e6e", "#b68655", "#a26d3d", "#8d5524"),
        ATTRIBUTES["skin_colour"],
        strict=True,
    )
)
MICAH_COLOURS = {
    "#000000": "black",
    "#77311d": "brown",
    "#ac6651": "copper",
    "#f9c9b6": "peach",
    "#fc909f": "pink",
    "#ffedef": "pale pink",
    "#f4d150": "yellow",
    "#ffeba4": "pale yellow",
    "#6bd9e9": "turquoise",
    "#d2eff3": "pale blue",
    "#9287ff": "violet",
    "#e0ddff": "lavender",
    "#ffffff": "white",
}
MICAH_SKINS = {"#f9c9b6": "light", "#ac6651": "tan", "#77311d": "dark"}
MICAH_HAIR = {
    "mrClean": "bald",
    "dougFunny": "three hairs",
    "mrT": "mohawk",
    "fonze": "quiff",
    "dannyPhantom": "fringe",
    "pixie": "bob",
    "full": "long",
    "turban": "turban",
}
MICAH_EYES = {
    "eyes": "plain",
    "round": "round",
    "smiling": "smiling",
    "eyesShadow": "plain, shadow",
    "smilingShadow": "smiling, shadow",
}
MICAH_EYEBROWS = {
    "down": "down",
    "up": "up",
    "eyelashesDown": "down, lashes",
    "eyelashesUp": "up, lashes",
}


def in_words(style: str, drawn: dict, bearded: bool) -> dict[str, str]:
    """What DiceBear says it has drawn -> the course's words for it.

    A value that the tables lack is a KeyError.
    """
    if style == "pixel-art":
        return {
            **{part: part if drawn.get(part) else f"no {part}" for part in ("glasses", "hat")},
            "beard": "beard" if bearded else "no beard",
            "hair_length": f"{drawn['hair'].rstrip('0123456789')} hair",
            "hair_colour": HAIR_COLOURS[drawn["hairColor"]],
            "skin_colour": SKIN_COLOURS[drawn["skinColor"]],
            "mouth": drawn["mouth"].rstrip("0123456789"),
        }
    return {
        "glasses": "glasses" if drawn.get("glasses") else "no glasses",
        "frame": drawn.get("glasses") or "none",
        "facial_hair": {None: "none", "scruff": "stubble", "beard": "beard"}[
            drawn.get("facialHair")
        ],
        "earrings": drawn.get("earrings") or "none",
        "hair": MICAH_HAIR[drawn["hair"]],
        "hair_colour": MICAH_COLOURS[drawn["hairColor"]],
        "skin_colour": MICAH_SKINS[drawn["baseColor"]],
        "mouth": drawn["mouth"],
        "eyes": MICAH_EYES[drawn["eyes"]],
        "eyebrows": MICAH_EYEBROWS[drawn["eyebrows"]],
        "shirt": drawn["shirt"],
        "shirt_colour": MICAH_COLOURS[drawn["shirtColor"]],
    }


def render(svg: str, size: int) -> np.ndarray:
    """SVG -> (size, size, 3) uint8 on white."""
    return np.asarray(rasterize(svg, size))


def has_beard(face: dict, image: np.ndarray) -> bool:
    """Whether the pixel-art face, drawn as `image`, visibly differs from the same face without
    its beard.
    """
    if "beardless" not in face:
        return False
    return int(np.abs(image.astype(int) - render(face["beardless"], len(image))).max()) > VISIBLE


def pack(style: str, faces: list[dict], size: int) -> dict[str, np.ndarray]:
    """make.mjs's faces -> "image" (N, size, size, 3) uint8, and each attribute (N,) uint8, an
    index into its words.

    The channels stay last: packed so, the file is a third smaller.
    """
    packed = {"image": np.stack([render(face["svg"], size) for face in faces])}
    bearded = [has_beard(face, image) for face, image in zip(faces, packed["image"], strict=True)]
    told = [
        in_words(style, face["attributes"], seen) for face, seen in zip(faces, bearded, strict=True)
    ]
    for name, words in WORDS[style].items():
        packed[name] = np.array([words.index(each[name]) for each in told], dtype=np.uint8)
    return packed


def save(target: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz that NumPy reads, a tenth the size of what `savez_compressed` writes.

    The same eyes and hats return thousands of faces later. Deflate looks 32 KiB back, LZMA farther.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("style", choices=list(SIZES))
    parser.add_argument("faces", type=Path, help="the JSON lines that make.mjs wrote")
    parser.add_argument(
        "--size", type=int, help="pixels a side (default: 32 for pixel-art, 64 for micah)"
    )
    parser.add_argument("--to", type=Path, help="file to write (default: STYLE.npz, beside this)")
    parser.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="compare the first N faces with the file, write nothing",
    )
    given = parser.parse_args()

    target = given.to or HERE / f"{given.style}.npz"
    with open(given.faces, encoding="utf-8") as lines:
        faces = [json.loads(line) for line in itertools.islice(lines, given.check)]
    packed = pack(given.style, faces, given.size or SIZES[given.style])
    if given.check:
        with np.load(target, allow_pickle=False) as stored:
            differing = [
                name
                for name, value in packed.items()
                if not np.array_equal(stored[name][: len(value)], value)
            ]
        if differing:
            parser.exit(1, f"{target}: {', '.join(differing)} differ\n")
        print(f"{target}: the first {len(faces):,} faces are the same")
        return
    save(target, packed)
    contents = target.read_bytes()
    print(
        f"{hashlib.sha256(contents).hexdigest()}  {len(contents):>9,} bytes  {target.name}: {len(faces):,} faces"
    )


if __name__ == "__main__":
    main()
