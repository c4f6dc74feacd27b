"""What a data set is, and where its files come from: bundled or downloaded, and always verified."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor
from tqdm import tqdm

from gancourse import files
from gancourse.files import CourseError, DamagedFile

MANIFEST = "manifest.json"
CHUNK = 1 << 20  # bytes that a download writes at a time
RETRIES = 2
NOT_LISTED = {"README.md", MANIFEST}
SCRIPTS = {".py", ".mjs", ".js", ".sh"}


class CourseWarning(UserWarning):
    """Something a reader should know, though the course goes on without it."""


@dataclass(frozen=True)
class About:
    """What is known of a data set without loading a picture.

    Args:
        title: its name for a reader, e.g. "MNIST".
        credit: who made it, as whoever shows it must name them; "" if nobody need be named.
        licence: of the pictures.
        weights_licence: what weights that were trained on it may be used under.
        limits: what such weights know, and what they do not.
        holds: the tensors and the shape of a row, e.g. "image (1, 28, 28) with label".
        sizes: edition ("bundled", "full" or "made") -> (rows for training, rows for testing).
        splits: split -> which part of the data it is.
        full: the files of the full edition, in the data root, plain or .gz.
        bundled_terms: licence and credit of the bundled edition, if the full one has others.
        complete: of a full edition whose files may lie in several places, whether they all lie in a
            data root.
    """

    title: str
    credit: str
    licence: str
    weights_licence: str
    limits: str
    holds: str
    sizes: Mapping[str, tuple[int, int]]
    splits: Mapping[str, str] = field(default_factory=dict)
    full: tuple[str, ...] = ()
    bundled_terms: str = ""
    complete: Callable[[Path], bool] | None = None

    @property
    def terms(self) -> str:
        """Licence and credit, e.g. "MIT, Zalando SE"."""
        return ", ".join(filter(None, [self.licence, self.credit]))

    def terms_of(self, edition: str) -> str:
        """Licence and credit of an edition."""
        return self.bundled_terms if edition == "bundled" and self.bundled_terms else self.terms

    def trained_on(self, split: str) -> str:
        """What a model was trained on, for its card: title, split, credit and licence."""
        credit = ", ".join(filter(None, [self.credit, self.licence]))
        return f"{self.title}, {self.splits.get(split, split)} ({credit})"

    def edition(self, folder: Path | None) -> str:
        """The edition to load: "full" if it lies in the data root `folder`, else the other.

        A benchmark has no other: it is "absent".
        """
        if folder and self._lies_in(folder):
            return "full"
        return next((edition for edition in self.sizes if edition != "full"), "absent")

    def _lies_in(self, folder: Path) -> bool:
        if self.complete:
            return self.complete(folder)
        places = [(folder / name, folder / f"{name}.gz") for name in self.full]
        return bool(places) and all(plain.is_file() or packed.is_file() for plain, packed in places)


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """A data set held in memory: named columns of the same length N, and where they come from.

    Args:
        tensors: plain names ("image", "label", "point" ...) -> tensor (N, ...). Images are uint8
            (N, C, H, W), 0..255.
        name: what they are, for captions.
        source: "bundled" (shipped with the course), "full" (the official set), "made" (drawn by our
            code) or "yours" (the reader's own folders).
        licence: of the pictures.
        texts: plain names ("caption") -> N strings; or N tuples of strings, if rows have several
            wordings. Then every batch draws one for each of its rows (see `Worded`), and the column
            shows the first.
        words: the name of a column of whole numbers -> the word of each of its values 0, 1, ...

    Raises:
        CourseError: the columns are of different lengths, or a row has no wording.
    """

    tensors: dict[str, Tensor]
    name: str
    source: str
    licence: str
    texts: dict[str, list[str] | list[tuple[str, ...]]] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in (self.tensors | self.texts).items()}
        if len(set(lengths.values())) != 1:
            raise CourseError(
                f"{self.name}: columns of different lengths ({lengths}); "
                "give each the same number of rows."
            )
        for name, wordings in self.wordings.items():
            if not all(wordings):
                raise CourseError(
                    f"{self.name}: row {wordings.index(())} has no {name}; give one, or leave it "
                    "out."
                )

    @property
    def wordings(self) -> dict[str, list[tuple[str, ...]]]:
        """The texts that have several wordings, with all of them."""
        return {n: each for n, each in self.texts.items() if each and isinstance(each[0], tuple)}

    @property
    def columns(self) -> Mapping[str, Tensor | list[str]]:
        """Tensors and texts by name: what a batch is cut from."""
        columns = {**self.tensors, **self.texts}
        return Worded(columns) if self.wordings else columns

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, name: str) -> Tensor | list[str]:
        return self.columns[name]

    def __repr__(self) -> str:
        columns = [f"{name} {tuple(t.shape)} {t.dtype}" for name, t in self.tensors.items()]
        for name, texts in self.texts.items():
            several = f" in {sum(map(len, texts)):,} wordings" if name in self.wordings else ""
            columns.append(f"{name} ({len(texts)},) str{several}")
        return f"Pictures({self.name}, {self.source}: {', '.join(columns)}; {self.licence})"

    def select(self, rows: Tensor) -> Pictures:
        """The given rows (M,) int64 of every column, in that order."""
        return replace(
            self,
            tensors={name: tensor[rows] for name, tensor in self.tensors.items()},
            texts={name: [texts[i] for i in rows.tolist()] for name, texts in self.texts.items()},
        )

    def take(self, n: int, seed: int | torch.Generator) -> Pictures:
        """`n` different rows drawn at random, in random order.

        Raises:
            CourseError: `n` is not between 1 and the length.
        """
        if not 0 < n <= len(self):
            raise CourseError(
                f"n={n!r}: {self.name} has {len(self):,} rows; give 1 to {len(self):,}."
            )
        return self.select(torch.randperm(len(self), generator=generator(seed))[:n])


class Worded(Mapping):
    """Columns of which some hold several wordings of a row, e.g. ten captions of a picture.

    A mapping of the columns, in which the first wording stands for the row; and a `Source` of the
    feed, whose batches draw one for each of their rows, all equally likely. Pictures are held once.

    Args:
        columns: tensors, lists of strings, and lists of tuples of strings, by name.
    """

    shown = None  # nothing else may be passed on in their place

    def __init__(self, columns: Mapping[str, Tensor | list]):
        self.stored = dict(columns)
        texts = {name: each for name, each in columns.items() if not isinstance(each, Tensor)}
        self.wordings = {name: each for name, each in texts.items() if isinstance(each[0], tuple)}
        self.draws = len(self.wordings)

    def __getitem__(self, name: str) -> Tensor | list[str]:
        if name in self.wordings:
            return [wordings[0] for wordings in self.wordings[name]]
        return self.stored[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in self.stored.values() if isinstance(each, Tensor))

    def to(self, device: torch.device | str) -> Worded:
        """The same with the tensors on `device`."""
        return Worded(
            {
                name: each.to(device) if isinstance(each, Tensor) else each
                for name, each in self.stored.items()
            }
        )

    def batch(self, rows: Tensor, uniform: Tensor) -> dict[str, Tensor | list[str]]:
        """The given rows, with one wording of each.

        Args:
            rows: (M,) int64 on the CPU.
            uniform: (M, draws) float64 in [0, 1) on the CPU, which wording.
        """
        found, drawn = {}, dict(zip(self.wordings, uniform.unbind(1), strict=True))
        for name, column in self.stored.items():
            if isinstance(column, Tensor):
                found[name] = column[rows.to(column.device)]
            else:
                found[name] = [column[i] for i in rows.tolist()]
            if name in drawn:
                pairs = zip(found[name], drawn[name].tolist(), strict=True)
                found[name] = [wordings[int(u * len(wordings))] for wordings, u in pairs]
        return found

    def identity(self) -> dict:
        """What a resumed run knows its data by: "rows", and "crc32" of tensors and all wordings."""
        crc32 = 0
        for name in sorted(self.stored):
            column = self.stored[name]
            if isinstance(column, Tensor):
                content = column.cpu().contiguous().view(torch.uint8).numpy()
            else:
                content = repr(column).encode()
            crc32 = zlib.crc32(content, crc32)
        return {"rows": len(next(iter(self.stored.values()))), "crc32": crc32}


def generator(seed: int | torch.Generator) -> torch.Generator:
    """A CPU generator started from `seed`; a generator is handed back as it is."""
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)


def root(given: str | Path | None = None) -> Path:
    """The folder for full data sets: `given`, else $GANCOURSE_DATA, else ~/.cache/gancourse.

    It need not exist yet.

    Raises:
        CourseError: the place is a file.
    """
    folder = Path(given or os.environ.get("GANCOURSE_DATA") or "~/.cache/gancourse").expanduser()
    if folder.is_file():
        raise CourseError(
            f"{folder}: a file, but the data root is a folder; give another root or GANCOURSE_DATA."
        )
    return folder


def one_of(what: str, given: str, known: tuple[str, ...], whose: str) -> None:
    """Raise a CourseError unless `given`, a `what` of the data `whose`, is a known one."""
    if given not in known:
        raise CourseError(
            f"{what}={given!r}: the {whose} have no such {what}; choose one of: {', '.join(known)}."
        )


def manifest(folder: str | Path) -> dict[str, dict]:
    """{relative path: {"sha256", "bytes"}} of the data files in `folder`, scripts left out."""
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
            f"{files.BUNDLED / MANIFEST}: missing, and with it the bundled data; "
            "install the course again."
        )
    listed = files.read_json(files.BUNDLED / MANIFEST)
    if relative_path not in listed:
        raise CourseError(
            f"{relative_path}: not among the {len(listed)} files that {files.BUNDLED / MANIFEST} "
            "names; if you have just added it, run `python data/make_manifest.py`."
        )
    remedy = f"Restore it with `git checkout -- data/{relative_path}`, or install the course again."
    return files.verify(files.BUNDLED / relative_path, listed[relative_path]["sha256"], remedy)


def fetch(
    url: str, sha256: str | None, to: str | Path, bytes_limit: int, *, timeout: float = 30.0
) -> Path:
    """Download `url` to the path `to`, whole and verified or not at all.

    A file that is there already and right is kept. A try that breaks off, or brings other bytes, is
    repeated `RETRIES` times.

    Args:
        sha256: hexadecimal SHA-256 the file must have; None takes what comes, and keeps what is
            there.
        bytes_limit: more than this is refused, whatever the server announces.
        timeout: seconds of silence after which the server counts as gone.

    Raises:
        CourseError: no network, or more than `bytes_limit` bytes.
        DamagedFile: the bytes that came are not the published ones.
    """
    to = Path(to)
    if to.is_file() and sha256 in (None, files.sha256(to)):
        return to
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    by_hand = f"To place it by hand, save {url} as {to}{f' (SHA-256 {sha256})' if sha256 else ''}."
    too_long = (
        f"{url}: longer than the {bytes_limit:,} bytes expected, so the download was stopped; "
        f"look whether it is the right file. {by_hand}"
    )

    def download(url: str, part: str, shelf: pooch.Pooch) -> None:
        """One try. An archive must arrive as it is, so the server is asked not to encode it."""
        with (
            open(part, "wb") as file,
            tqdm(desc=to.name, total=bytes_limit, unit="B", unit_scale=True, leave=False) as bar,
        ):
            pooch.HTTPDownloader(
                bar, chunk_size=CHUNK, timeout=timeout, headers={"Accept-Encoding": "identity"}
            )(url, Bounded(file, bytes_limit, too_long), shelf)

    with files.replacing(to) as part:
        shelf = pooch.create(
            part.parent,
            base_url="",
            registry={part.name: f"sha256:{sha256}" if sha256 else None},
            urls={part.name: url},
            retry_if_failed=RETRIES,
        )
        try:
            shelf.fetch(part.name, downloader=download)
        except requests.RequestException as error:
            raise CourseError(
                f"{url}: could not be downloaded ({error}); try again with an internet "
                f"connection. {by_hand}"
            ) from error
        except ValueError as error:  # pooch's word for another hash
            raise DamagedFile(
                f"{url}: not the published file ({str(error).partition('. ')[0]}); "
                f"nothing was kept, try again later. {by_hand}"
            ) from error
    return to


@dataclass
class Bounded:
    """A file that refuses to grow beyond `limit` bytes, with the message `too_long`."""

    file: BinaryIO
    limit: int
    too_long: str

    def write(self, chunk: bytes) -> None:
        if self.file.tell() + len(chunk) > self.limit:
            raise CourseError(self.too_long)
        self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()
