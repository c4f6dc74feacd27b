"""Render the SVG portraits of make_portraits.mjs and pack them with their attributes.

Needs resvg-py 0.5.0 and the course.

    python data/faces/make_portraits.py portraits.jsonl

A face that looks like an earlier one is left out: two bald heads may differ in nothing but the
colour of their hair. With --check nothing is written: the first faces of the bundled file are
compared with freshly rendered ones.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from make import render, save  # noqa: E402

from gancourse.data.portraits import ATTRIBUTES, ROWS, TILE  # noqa: E402

FACES = sum(ROWS.values())


def pack(faces: list[dict], count: int, size: int) -> dict[str, np.ndarray]:
    """The first `count` different faces -> "image", as `tiles` cuts them, and each attribute (N,)
    uint8, an index into its words.

    A word that the course does not know is a ValueError.
    """
    images, told, seen = [], [], set()
    for face in faces:
        image = render(face["svg"], size)
        if len(images) < count and image.tobytes() not in seen:
            seen.add(image.tobytes())
            images.append(image)
            told.append(face["words"])
    packed = {"image": tiles(np.stack(images))}
    for name, values in ATTRIBUTES.items():
        packed[name] = np.array([values.index(each[name]) for each in told], dtype=np.uint8)
    return packed


def tiles(images: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) -> (S / 16, S / 16, N, 16, 16, 3): all upper left tiles, then those beside them.

    A tile returns in other faces, where a face does not. Its copies must lie within the 8 MiB that
    LZMA looks back: packed so, the file is little more than half as large.
    """
    n, size = len(images), images.shape[1]
    cut = images.reshape(n, size // TILE, TILE, size // TILE, TILE, 3)
    return np.ascontiguousarray(cut.transpose(1, 3, 0, 2, 4, 5))


def first(stored: np.ndarray, count: int) -> np.ndarray:
    """What a packed array holds of the first faces."""
    return stored[:count] if stored.ndim == 1 else stored[:, :, :count]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faces", type=Path, help="the JSON lines that make_portraits.mjs wrote")
    parser.add_argument("--size", type=int, default=64, help="pixels a side (default: 64)")
    parser.add_argument(
        "--to",
        type=Path,
        default=HERE / "portraits.npz",
        help="file to write (default: beside this)",
    )
    parser.add_argument(
        "--check", type=int, metavar="N", help="compare the first N faces with the file"
    )
    given = parser.parse_args()

    with open(given.faces, encoding="utf-8") as lines:
        faces = [json.loads(line) for line in itertools.islice(lines, given.check)]
    packed = pack(faces, FACES, given.size)
    count = len(packed["hair"])
    if given.check:
        with np.load(given.to, allow_pickle=False) as stored:
            differing = [
                name
                for name, value in packed.items()
                if not np.array_equal(first(stored[name], count), value)
            ]
        if differing:
            parser.exit(1, f"{given.to}: {', '.join(differing)} differ\n")
        print(f"{given.to}: the first {count:,} faces are the same")
        return
    if count < FACES:
        parser.exit(
            1, f"{given.faces}: {count:,} different faces of {FACES:,}; draw more of them\n"
        )
    save(given.to, packed)
    contents = given.to.read_bytes()
    print(
        f"{hashlib.sha256(contents).hexdigest()}  {len(contents):>9,} bytes  {given.to.name}: {count:,} faces"
    )


if __name__ == "__main__":
    main()
