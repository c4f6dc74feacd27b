"""Where pictures come from: the bundled files, the reader's own folder, or a download, each checked by its SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from gancourse import files
from gancourse.files import CourseError, DamagedFile

MANIFEST = "manifest.json"
CHUNK = 1 << 20
NOT_LISTED = {"README.md", MANIFEST}
SCRIPTS = {".py", ".mjs", ".js", ".sh"}


class CourseWarning(UserWarning):
    """Something a reader should know, though the course goes on without it."""


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """A data set held whole in memory: named tensors of the same length N, and where they come from.

    Args:
        tensors: plain names ("image", "label", "point" ...) -> tensor (N, ...). Images are uint8 (N, C, H, W), 0..255.
        name: what they are, for captions.
        source: "bundled" (shipped with the course), "full" (the official set), "made" (drawn by our code) or "yours" (the
            reader's own folders).
        licence: of the pictures.

    Raises:
        CourseError: the tensors are of different lengths.
    """

    tensors: dict[str, Tensor]
    name: str
    source: str
    licence: str

    def __post_init__(self) -> None:
        lengths = {name: len(tensor) for name, tensor in self.tensors.items()}
        if len(set(lengths.values())) != 1:
            raise CourseError(
                f"Every tensor of {self.name} must have the same length, got {lengths}."
            )

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __repr__(self) -> str:
        tensors = ", ".join(
            f"{name} {tuple(t.shape)} {t.dtype}" for name, t in self.tensors.items()
        )
        return f"Pictures({self.name}, {self.source}: {tensors}; {self.licence})"

    def take(self, n: int, seed: int | torch.Generator) -> Pictures:
        """`n` different entries drawn at random, in random order.

        Raises:
            CourseError: `n` is not between 1 and the length.
        """
        if not 0 < n <= len(self):
            raise CourseError(
                f"Cannot take {n:,} of {self.name}: it has {len(self):,}. Ask for 1 to {len(self):,}."
            )
        chosen = torch.randperm(len(self), generator=generator(seed))[:n]
        return replace(
            self, tensors={name: tensor[chosen] for name, tensor in self.tensors.items()}
        )


def generator(seed: int | torch.Generator) -> torch.Generator:
    """A CPU generator started from `seed`; a generator is handed back as it is."""
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)


def root(given: str | Path | None = None) -> Path:
    """The folder for full data sets: `given`, else the environment variable GANCOURSE_DATA, else ~/.cache/gancourse.

    It need not exist yet.

    Raises:
        CourseError: the place is a file.
    """
    folder = Path(given or os.environ.get("GANCOURSE_DATA") or "~/.cache/gancourse").expanduser()
    if folder.is_file():
        raise CourseError(
            f"The data root must be a folder, but {folder} is a file. Give another root or GANCOURSE_DATA."
        )
    return folder


def one_of(what: str, given: str, known: tuple[str, ...], whose: str) -> None:
    """Raise a CourseError unless `given`, a `what` of `whose` pictures, is one of the known ones."""
    if given not in known:
        raise CourseError(
            f"There is no {what} {given!r} of the {whose}. Choose from: {', '.join(known)}."
        )


def manifest(folder: str | Path) -> dict[str, dict]:
    """{relative path: {"sha256", "bytes"}} of all files in `folder` but READMEs, scripts, hidden files and itself."""
    folder = Path(folder)
    listed = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
        if (
            path.is_file()
            and not hidden
            and path.name not in NOT_LISTED
            and path.suffix not in SCRIPTS
        ):
            listed[relative.as_posix()] = {
                "sha256": files.sha256(path),
                "bytes": path.stat().st_size,
            }
    return listed


def bundled(relative_path: str) -> Path:
    """The path of a file that ships with the course, once its bytes agree with data/manifest.json.

    Args:
        relative_path: as the manifest names it, e.g. "MNIST/raw/train-images-idx3-ubyte".

    Raises:
        CourseError: the manifest does not name it, or the file is missing.
        DamagedFile: its bytes are not the published ones.
    """
    if not (files.BUNDLED / MANIFEST).is_file():
        raise CourseError(
            f"The bundled data are missing: no {files.BUNDLED / MANIFEST}. Install the course again."
        )
    listed = files.read_json(files.BUNDLED / MANIFEST)
    if relative_path not in listed:
        raise CourseError(
            f"{relative_path} is not among the {len(listed)} files that {files.BUNDLED / MANIFEST} names. "
            "If you have just added it, run `python data/make_manifest.py`."
        )
    remedy = f"Restore it with `git checkout -- data/{relative_path}`, or install the course again."
    return files.verify(files.BUNDLED / relative_path, listed[relative_path]["sha256"], remedy)


def fetch(
    url: str, sha256: str | None, to: str | Path, bytes_limit: int, *, timeout: float = 30.0
) -> Path:
    """Download `url` to the path `to`, whole and verified or not at all; a file already there and right is kept.

    Args:
        sha256: hexadecimal SHA-256 the file must have; None takes what comes, and keeps what is there.
        bytes_limit: more than this is refused, whatever the server announces.
        timeout: seconds of silence after which the server counts as gone.

    Raises:
        CourseError: no network, or more than `bytes_limit` bytes.
        DamagedFile: the bytes that came are not the published ones.
    """
    to = Path(to)
    if to.is_file() and sha256 in (None, files.sha256(to)):
        return to
    by_hand = f"To place it by hand, save {url} as {to}{f' (SHA-256 {sha256})' if sha256 else ''}."
    too_long = f"{url} is longer than the {bytes_limit:,} bytes expected, so the download was stopped. {by_hand}"
    digest, length = hashlib.sha256(), 0
    progress = tqdm(desc=to.name, unit="B", unit_scale=True, leave=False)
    with files.replacing(to) as part, open(part, "wb") as file, progress as bar:
        for announced, chunk in _chunks(url, timeout, by_hand):
            length += len(chunk)
            if max(length, announced) > bytes_limit:
                raise CourseError(too_long)
            bar.total = announced or None
            bar.update(len(chunk))
            digest.update(chunk)
            file.write(chunk)
        if sha256 not in (None, digest.hexdigest()):
            raise DamagedFile(
                f"{url} is not the published file: {length:,} bytes came with SHA-256 {digest.hexdigest()}, "
                f"expected {sha256}. Nothing was kept. Try again later, or find it elsewhere. {by_hand}"
            )
    return to


def _chunks(url: str, timeout: float, by_hand: str) -> Iterator[tuple[int, bytes]]:
    """Yield (bytes announced or 0, a piece of the body); every trouble of the network becomes one CourseError."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            length = response.headers.get("Content-Length") or ""
            announced, received = int(length) if length.isdecimal() else 0, 0
            while chunk := response.read(CHUNK):
                received += len(chunk)
                yield announced, chunk
            if received < announced:
                raise ConnectionError(f"it broke off after {received:,} of {announced:,} bytes")
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise CourseError(
            f"Could not download {url} ({error or type(error).__name__}). Try again with a network. {by_hand}"
        ) from error
