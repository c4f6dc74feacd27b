"""Handwritten digits: the 70,000 of MNIST, the 10,000 that ship with the course, and three at a time as Stacked MNIST.

MNIST: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
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
from pathlib import Path

import torch
from torch import Tensor

from gancourse import files
from gancourse.data.sources import CourseWarning, Pictures, bundled, generator
from gancourse.data.sources import root as data_root
from gancourse.files import CourseError, DamagedFile

RAW = Path("MNIST", "raw")
LICENCE = "CC BY-SA 3.0, Yann LeCun and Corinna Cortes"
SPLITS = ("train", "test", "train-50000", "validation")
SOURCES = ("auto", "bundled", "full")

# SHA-256 of the official files, as torchvision unpacks them and as they are published.
OFFICIAL = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
NAMES = [name for name in OFFICIAL if not name.endswith(".gz")]


def load(
    split: str = "train", *, source: str = "auto", root: str | Path | None = None, strict: bool = False
) -> Pictures:
    """Digits with tensors "image" (N, 1, 28, 28) uint8 (0 paper, 255 ink) and "label" (N,) int64, 0..9.

    | split         | full           | bundled                                                   |
    |---------------|----------------|-----------------------------------------------------------|
    | "train"       | 60,000         | 8,000                                                     |
    | "test"        | 10,000         | 2,000                                                     |
    | "train-50000" | first 50,000   | first 6,666 (five sixths) of its train                    |
    | "validation"  | the last 10,000 of train, as Goodfellow et al. 2014 | the last 1,334 (a sixth) of its train |

    The bundled digits, test ones too, are MNIST's first 10,000 *training* pictures: never judge on them a network
    that was trained on the full set.

    Args:
        source: "full" takes the official files from the root and downloads them through torchvision when they are not
            there; "bundled" takes the digits that ship with the course; "auto" takes the full set when it already
            lies in the root, never downloads, and takes the bundled digits otherwise.
        root: folder that holds MNIST/raw, plain or .gz files (default: see `sources.root`).
        strict: raise where this function would warn and go on with the bundled digits. Published runs use it.

    Raises:
        CourseError: an unknown split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file in the root, or a bundled one, is truncated, swapped or changed.
    """
    _one_of("split", split, SPLITS)
    _one_of("source", source, SOURCES)
    folder = data_root(root) / RAW
    if source == "bundled" or not _have_full(folder, source, explicit=root is not None, strict=strict):
        found, read = "bundled", lambda name: bundled((RAW / name).as_posix()).read_bytes()
    else:
        found, read = "full", lambda name: _official(folder, name)

    part = "t10k" if split == "test" else "train"
    image = _parse(read(f"{part}-images-idx3-ubyte"), f"{part}-images-idx3-ubyte").unsqueeze(1)
    label = _parse(read(f"{part}-labels-idx1-ubyte"), f"{part}-labels-idx1-ubyte").long()
    cut = len(image) * 5 // 6
    kept = {"train-50000": slice(cut), "validation": slice(cut, None)}.get(split, slice(None))
    return Pictures({"image": image[kept], "label": label[kept]}, f"MNIST {split}", found, LICENCE)


def stacked(
    n: int = 25_600,
    seed: int | torch.Generator = 0,
    split: str = "train",
    *,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Stacked MNIST: three digits a, b, c drawn at random become the red, green and blue of one picture.

    Its 1,000 modes can be counted, which is what it is for (Metz et al. 2017, "Unrolled GANs", arXiv 1611.02163;
    Srivastava et al. 2017, "VEEGAN", arXiv 1705.07761; Lin et al. 2018, "PacGAN", arXiv 1712.04086).

    Args:
        n: how many pictures to make.
        split, source, root, strict: which digits to draw from, as in `load`.

    Returns:
        "image" (n, 3, 28, 28) uint8 and "label" (n,) int64 = 100 a + 10 b + c, 0..999.

    Raises:
        CourseError: `n` is not positive, and all that `load` raises.
    """
    if n < 1:
        raise CourseError(f"Stacked MNIST needs n >= 1 pictures, got {n}.")
    digits = load(split, source=source, root=root, strict=strict)
    chosen = torch.randint(len(digits), (n, 3), generator=generator(seed))
    image = digits["image"][chosen].squeeze(2)  # (n, 3, 1, 28, 28) -> (n, 3, 28, 28)
    label = digits["label"][chosen] @ torch.tensor([100, 10, 1])
    return Pictures({"image": image, "label": label}, f"Stacked MNIST {split}", digits.source, LICENCE)


def _one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise CourseError(f"There is no {what} {given!r} of the digits. Choose from: {', '.join(known)}.")


def _have_full(folder: Path, source: str, *, explicit: bool, strict: bool) -> bool:
    """Whether the official files lie in `folder`, downloading them first when `source` is "full".

    All four or none: a train part of the full set beside the bundled test part would train on the test pictures.
    """
    own = folder.resolve() == (files.BUNDLED / RAW).resolve()
    missing = [name for name in NAMES if _lying(folder, name) is None]
    if own:
        why = (
            f"{folder} holds the course's own 10,000 digits, which the full set must not overwrite. Give another root."
        )
    elif not missing:
        return True
    elif source == "full":
        why = _download(folder)
        if why is None:
            return True
    elif len(missing) < len(NAMES):
        why = f"{folder} holds only a part of MNIST: {', '.join(missing)} missing."
    else:
        why = f"{folder} does not hold MNIST."

    remedy = (
        'To have all 70,000, load once with source="full" and a network, or put the four official files '
        f"({', '.join(NAMES)}, plain or .gz) into {folder}."
    )
    if strict:
        raise CourseError(f"{why} With strict, the bundled digits may not stand in for it. {remedy}")
    asked_for = source == "full" or (not own and (explicit or len(missing) < len(NAMES)))
    if asked_for:
        warnings.warn(f"{why} Using the 10,000 bundled digits instead. {remedy}", CourseWarning, stacklevel=3)
    return False


def _lying(folder: Path, name: str) -> Path | None:
    """The file as torchvision unpacks it or else as it is published, whichever is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _official(folder: Path, name: str) -> bytes:
    """Contents of an official file. The hash comes first: nothing of an unknown file is unpacked or believed."""
    path = _lying(folder, name)
    remedy = 'Delete it and load with source="full" to download it again, or use source="bundled".'
    contents = files.verify(path, OFFICIAL[path.name], remedy).read_bytes()
    return gzip.decompress(contents) if path.suffix == ".gz" else contents


def _download(folder: Path) -> str | None:
    """Put the four official files into `folder` through torchvision, whole and verified; else return why not."""
    from torchvision.datasets import MNIST

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the root and then renamed: a broken download is never taken for a data set, and two may run at once.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as beside, _silence(seconds=30):
            MNIST(beside, download=True)
            for name in NAMES:
                path = files.verify(Path(beside) / RAW / name, OFFICIAL[name], "Nothing was kept. Try again later.")
                files.sync(path)
                os.replace(path, folder / name)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"The full MNIST could not be downloaded to {folder} ({reason})."
    return None


@contextmanager
def _silence(seconds: float):
    """A server that says nothing for so long counts as gone; torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _parse(contents: bytes, name: str) -> Tensor:
    """The uint8 tensor in an IDX file: bytes 0, 0, 8 (uint8), the number of axes, each axis as int32, then the data.

    Raises:
        DamagedFile: the header does not describe exactly the bytes that follow it.
    """
    axes = contents[3] if len(contents) > 3 and contents[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * axes
    shape = [int.from_bytes(contents[place : place + 4], "big") for place in range(4, start, 4)]
    if not axes or len(contents) - start != math.prod(shape) or 0 in shape:
        raise DamagedFile(
            f"{name} is not an IDX file of bytes: its header promises {' x '.join(map(str, shape)) or 'nothing'}, "
            f"{len(contents):,} bytes are there. Install the course again, or delete the file and download it again."
        )
    return torch.frombuffer(bytearray(contents[start:]), dtype=torch.uint8).view(shape)
