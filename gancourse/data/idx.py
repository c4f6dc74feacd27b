"""Data sets in MNIST's file format: four files, found in a folder, downloaded or bundled.

`digits` and `fashion` say what there is; how it is found, verified and read stands here, once.
"""

from __future__ import annotations

import gzip
import http.client
import math
import os
import socket
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gancourse import files
from gancourse.data.sources import CourseWarning, Pictures, bundled, one_of
from gancourse.data.sources import root as data_root
from gancourse.files import CourseError, DamagedFile

SPLITS = ("train", "test", "train-50000", "validation")
SOURCES = ("auto", "bundled", "full")
NAMES = [
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
]


@dataclass(frozen=True)
class Published:
    """A data set published in MNIST's format, 70,000 pictures in all.

    Args:
        name: for captions, e.g. "MNIST".
        torchvision: the class that downloads it, and so the folder that holds raw/.
        things: what the pictures show, in the plural, e.g. "digits".
        shipped: how many of them ship with the course, in words, e.g. "10,000".
        licence: of the pictures.
        official: file name -> SHA-256 of the four files as torchvision unpacks them, and as they
            are published (.gz).
    """

    name: str
    torchvision: str
    things: str
    shipped: str
    licence: str
    official: dict[str, str]

    @property
    def raw(self) -> Path:
        return Path(self.torchvision, "raw")


def load(
    published: Published,
    split: str = "train",
    *,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """One split of a published set, as `digits.load` and `fashion.load` describe it.

    Raises:
        CourseError: an unknown split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file in the root, or a bundled one, is truncated, swapped or changed.
    """
    one_of("split", split, SPLITS, published.things)
    one_of("source", source, SOURCES, published.things)
    folder = data_root(root) / published.raw
    if source == "bundled" or not _have_full(
        published, folder, source, explicit=root is not None, strict=strict
    ):
        found, read = (
            "bundled",
            lambda name: bundled((published.raw / name).as_posix()).read_bytes(),
        )
    else:
        found, read = "full", lambda name: _official(published, folder, name)

    part = "t10k" if split == "test" else "train"
    image = parse(read(f"{part}-images-idx3-ubyte"), f"{part}-images-idx3-ubyte").unsqueeze(1)
    label = parse(read(f"{part}-labels-idx1-ubyte"), f"{part}-labels-idx1-ubyte").long()
    cut = len(image) * 5 // 6
    kept = {"train-50000": slice(cut), "validation": slice(cut, None)}.get(split, slice(None))
    return Pictures(
        {"image": image[kept], "label": label[kept]},
        f"{published.name} {split}",
        found,
        published.licence,
    )


def parse(contents: bytes, name: str) -> Tensor:
    """The uint8 tensor in an IDX file.

    The file holds the bytes 0, 0, 8 (uint8), the number of axes, each axis as int32, then the data.

    Raises:
        DamagedFile: the header does not describe exactly the bytes that follow it.
    """
    axes = contents[3] if len(contents) > 3 and contents[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * axes
    shape = [int.from_bytes(contents[place : place + 4], "big") for place in range(4, start, 4)]
    if not axes or len(contents) - start != math.prod(shape) or 0 in shape:
        raise DamagedFile(
            f"{name}: not an IDX file of bytes, its header promises "
            f"{' x '.join(map(str, shape)) or 'nothing'} and {len(contents):,} bytes are there; "
            "install the course again, or delete the file and download it again."
        )
    return torch.frombuffer(bytearray(contents[start:]), dtype=torch.uint8).view(shape)


def _have_full(
    published: Published, folder: Path, source: str, *, explicit: bool, strict: bool
) -> bool:
    """Whether the official files lie in `folder`, downloading them first when `source` is "full".

    All four or none: a train part of the full set beside the bundled test part would train on the
    test pictures.
    """
    own = folder.resolve() == (files.BUNDLED / published.raw).resolve()
    missing = [name for name in NAMES if _lying(folder, name) is None]
    if own:
        why = (
            f"{folder}: holds the course's own {published.shipped} {published.things}, which the "
            "full set must not overwrite; give another root."
        )
    elif not missing:
        return True
    elif source == "full":
        why = _download(published, folder)
        if why is None:
            return True
    elif len(missing) < len(NAMES):
        why = f"{folder}: only a part of {published.name}, {', '.join(missing)} missing."
    else:
        why = f"{folder}: {published.name} is not there."

    remedy = (
        'To have all 70,000, load once with source="full" and an internet connection, or put the '
        f"four official files ({', '.join(NAMES)}, plain or .gz) into {folder}."
    )
    if strict:
        raise CourseError(
            f"{why} The bundled {published.things} cannot stand in for it here. {remedy}"
        )
    asked_for = source == "full" or (not own and (explicit or len(missing) < len(NAMES)))
    if asked_for:
        instead = f"Using the {published.shipped} bundled {published.things} instead."
        # Level 4 is whoever called `digits.load` or `fashion.load`.
        warnings.warn(f"{why} {instead} {remedy}", CourseWarning, stacklevel=4)
    return False


def _lying(folder: Path, name: str) -> Path | None:
    """The file as torchvision unpacks it or else as it is published, whichever is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _official(published: Published, folder: Path, name: str) -> bytes:
    """Contents of an official file, whose hash is checked before anything of it is used."""
    path = _lying(folder, name)
    remedy = 'Delete it and load with source="full" to download it again, or use source="bundled".'
    contents = files.verify(path, published.official[path.name], remedy).read_bytes()
    return gzip.decompress(contents) if path.suffix == ".gz" else contents


def _download(published: Published, folder: Path) -> str | None:
    """Put the four official files into `folder` through torchvision; else return why not."""
    from torchvision import datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the root and then renamed: a broken download is never taken for a data set, and two
        # may run at once.
        with (
            tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as beside,
            _silence(seconds=30),
        ):
            getattr(datasets, published.torchvision)(beside, download=True)
            for name in NAMES:
                path = Path(beside) / published.raw / name
                files.sync(
                    files.verify(
                        path, published.official[name], "Nothing was kept. Try again later."
                    )
                )
                os.replace(path, folder / name)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"{folder}: the full {published.name} could not be downloaded ({reason})."
    return None


@contextmanager
def _silence(seconds: float):
    """Give up on a server that sends nothing for so long; torchvision would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
