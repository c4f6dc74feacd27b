"""Rebuild data/FashionMNIST/raw from the four official files. Needs the course and no network.

    apt-get download dataset-fashion-mnist
    dpkg-deb -x dataset-fashion-mnist_*.deb unpacked
    python data/FashionMNIST/make.py unpacked/usr/share/datasets/fashion-mnist

Kept are the first 600 of each class of the training part and the first 100 of each class of the
test part, dealt in
rounds: the first of each class, the second of each, and so on, so that any cut leaves the classes
    balanced. The .gz
files may come from elsewhere: what counts is the SHA-256 of what is in them.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gancourse.data.fashion import OFFICIAL  # noqa: E402
from gancourse.data.idx import NAMES  # noqa: E402

EACH = {"train": 600, "t10k": 100}
PIXELS = 28 * 28


def rounds(labels: bytes, each: int) -> list[int]:
    """The places of the first `each` entries of every class, round by round, in the official
    order within a round.
    """
    seen, kept = dict.fromkeys(range(10), 0), []
    for place, label in enumerate(labels):
        if seen[label] < each:
            kept.append((seen[label], place))
        seen[label] += 1
    return [place for _, place in sorted(kept)]


def files(images: bytes, labels: bytes, part: str) -> dict[str, bytes]:
    """A part's official files -> the same two cut down: name -> contents.

    Headers are 16 and 8 bytes long.
    """
    pixels, classes = images[16:], labels[8:]
    kept = rounds(classes, EACH[part])
    chosen = b"".join(pixels[place * PIXELS : (place + 1) * PIXELS] for place in kept)
    return {
        f"{part}-images-idx3-ubyte": struct.pack(">4i", 2051, len(kept), 28, 28) + chosen,
        f"{part}-labels-idx1-ubyte": struct.pack(">2i", 2049, len(kept))
        + bytes(classes[place] for place in kept),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the four official .gz files lie")
    parser.add_argument(
        "--to", type=Path, default=HERE / "raw", help="folder to write (default: raw, beside this)"
    )
    given = parser.parse_args()

    whole = {}
    for name in NAMES:
        whole[name] = gzip.decompress((given.folder / f"{name}.gz").read_bytes())
        found = hashlib.sha256(whole[name]).hexdigest()
        if found != OFFICIAL[name]:
            parser.error(
                f"{name}.gz is not the official file: SHA-256 within {found}, expected {OFFICIAL[name]}"
            )
    given.to.mkdir(parents=True, exist_ok=True)
    for part in EACH:
        made = files(whole[f"{part}-images-idx3-ubyte"], whole[f"{part}-labels-idx1-ubyte"], part)
        for name, contents in made.items():
            (given.to / name).write_bytes(contents)
            print(f"{hashlib.sha256(contents).hexdigest()}  {len(contents):>9,} bytes  {name}")


if __name__ == "__main__":
    main()
