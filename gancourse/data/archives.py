"""Published archives, downloaded, checked and unpacked: the pairs of the pix2pix paper, which
`pairs` reads, and photographs, which `photo_sets` reads.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gancourse import files
from gancourse.data import sources
from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError, DamagedFile

ARCHIVES_AT = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets"


@dataclass(frozen=True)
class Archive:
    """An official data set: what its halves show, and the most bytes that its archive may have.

    `md5` is the one that a user of the archive wrote down in public; the authors published none.
    """

    a: str
    b: str
    direction: str
    most_bytes: int
    md5: str

    @property
    def most_unpacked(self) -> int:
        return 3 * self.most_bytes


ARCHIVES = {
    "facades": Archive("photo", "labels", "BtoA", 60_000_000, "e2e25dd517e9d15828416ab329da2854"),
    "maps": Archive("aerial photo", "map", "AtoB", 400_000_000, "e5f65d26eb288457f5ac056deb94d154"),
    "edges2shoes": Archive(
        "edges", "shoe", "AtoB", 3_000_000_000, "71da478b54fedde126e234a2a050bc15"
    ),
}


@dataclass(frozen=True)
class Photographs:
    """An archive of photographs: where it is, and which of its members are photographs.

    Args:
        sha256: of the archive; None if it is packed anew for who asks. Its photographs are checked
            one by one in any case.
        most_bytes: that the archive may have.
        member: pattern of a photograph's name in it, whose group is the file's name for us.
    """

    url: str
    sha256: str | None
    most_bytes: int
    member: str

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[1]


PHOTOGRAPHS = {
    # The repository of the Berkeley Institute for Data Science. BSR_bsds500.tgz, as the authors
    # packed it, has the same folders inside.
    "bsds": Photographs(
        "https://github.com/BIDS/BSDS500/archive/refs/heads/master.tar.gz",
        None,
        150_000_000,
        r"(?:[^/]+/)*BSDS500/data/images/(?:train|test)/(\d+\.jpg)",
    ),
    "flowers": Photographs(
        "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
        "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
        228_813_984,
        r"(?:\./)?flower_photos/([a-z]+/\w+\.jpg)",
    ),
}


def download(
    name: str,
    root: str | Path | None = None,
    *,
    sha256: str | None = None,
    trust: bool = False,
    timeout: float = 30.0,
) -> Path:
    """Download and unpack an official data set; returns its folder, with "train", "val" or "test".

    | name          | A (left)     | B (right) | usual direction | about  |
    |---------------|--------------|-----------|-----------------|--------|
    | "facades"     | photo        | labels    | "BtoA"          | 30 MB  |
    | "maps"        | aerial photo | map       | "AtoB"          | 250 MB |
    | "edges2shoes" | edges        | shoe      | "AtoB"          | 2 GB   |

    Read it with `pairs.side_by_side(folder / "train", direction=...)`. Its authors published no
    checksum, so the first download has to be trusted: say so with trust=True, or give the SHA-256
    that you know. The hash of what came is kept beside the archive, and every later call checks the
    archive against it.

    Args:
        root: folder of full data sets (default: GANCOURSE_DATA, else ~/.cache/gancourse).
        sha256: what the archive must have.
        trust: take what comes the first time.
        timeout: seconds of silence after which the server counts as gone.

    Raises:
        CourseError: an unknown name, no network, a sha256 that is none, neither sha256 nor trust,
            or an archive that holds something else.
        DamagedFile: the archive is not the one that sha256, or the hash kept beside it, names.
    """
    if name not in ARCHIVES:
        raise CourseError(f"name={name!r}: no such archive; choose one of: {', '.join(ARCHIVES)}.")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise CourseError(
            f"sha256={sha256!r}: not a SHA-256; give 64 hexadecimal digits, as sha256sum prints."
        )
    known = ARCHIVES[name]
    folder = sources.root(root) / "pairs"
    archive, kept, unpacked = (
        folder / f"{name}.tar.gz",
        folder / f"{name}.tar.gz.sha256",
        folder / name,
    )
    url = f"{ARCHIVES_AT}/{name}.tar.gz"
    recorded = kept.read_text(encoding="utf-8").strip() if kept.is_file() else None
    expected = sha256.lower() if sha256 else recorded
    try:
        if expected:
            if archive.is_file():
                files.verify(
                    archive, expected, f"Delete {archive} and {kept}, and download it again."
                )
            else:
                sources.fetch(url, expected, archive, known.most_bytes, timeout=timeout)
        elif trust:
            expected = _first(url, archive, known, timeout)
        else:
            raise CourseError(
                f"{url}: its authors published no checksum, so the first download cannot be "
                f"verified; take it on trust with trust=True, or `gancourse data {name} --trust`. "
                "Its SHA-256 is then kept, and checked from then on. If you know its SHA-256, "
                "give sha256=..., or --sha256."
            )
    except DamagedFile:
        raise
    except CourseError as error:
        raise CourseError(
            f'{error} Pairs that need no download: gancourse.data.load("emoji").'
        ) from error
    if recorded != expected:
        files.write_text(kept, expected + "\n")
        shutil.rmtree(unpacked, ignore_errors=True)  # it came from another archive
    if not unpacked.is_dir():
        _unpack(archive, name, unpacked, known.most_unpacked)
    return unpacked


def _first(url: str, archive: Path, known: Archive, timeout: float) -> str:
    """Download an archive that cannot be verified, unless it is there already; its SHA-256."""
    sources.fetch(url, None, archive, known.most_bytes, timeout=timeout)
    with open(archive, "rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    found = files.sha256(archive)
    if md5 != known.md5:
        warnings.warn(
            f"{archive}: MD5 {md5}, not {known.md5}, which another user of this archive wrote "
            "down. It may be a newer edition, or another file. "
            f"Its SHA-256 {found} is checked from now on.",
            CourseWarning,
            stacklevel=3,
        )
    return found


def photographs(
    name: str, wanted: Mapping[str, str], folder: Path, *, timeout: float = 30.0
) -> None:
    """Download an archive of `PHOTOGRAPHS` and put the wanted files of it into `folder` / name.

    Each is checked before any is put there. The archive is removed again.

    Args:
        wanted: file -> SHA-256 of it.
        folder: where the archive is put for as long as it is needed.
        timeout: seconds of silence after which the server counts as gone.

    Raises:
        CourseError: no network, an archive that holds something else, or no room.
        DamagedFile: the archive, or a file of it, is not the published one.
    """
    known = PHOTOGRAPHS[name]
    archive = folder / f"{name}-{known.file}"
    sources.fetch(known.url, known.sha256, archive, known.most_bytes, timeout=timeout)
    with (
        files.writing(folder),
        tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder) as beside,
    ):

        def place(member: str) -> str | None:
            match = re.fullmatch(known.member, member)
            return match[1] if match and match[1] in wanted else None

        _extract(archive, place, Path(beside), 3 * known.most_bytes)
        for file, sha256 in wanted.items():
            files.verify(Path(beside, file), sha256, f"Delete {archive} and try again later.")
        for file in wanted:
            to = folder / name / file
            to.parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(beside, file), to)
        archive.unlink(missing_ok=True)


def _unpack(archive: Path, name: str, to: Path, most: int) -> None:
    """Unpack the archive's JPEG files into the folder `to`, all or none, and nothing else of it."""
    part = to.with_name(f".{name}.{os.getpid()}.part")
    wanted = re.compile(rf"(?:\./)?{name}/(train|val|test)/([\w-]+\.jpg)")

    def place(member: str) -> str | None:
        return f"{match[1]}/{match[2]}" if (match := wanted.fullmatch(member)) else None

    try:
        shutil.rmtree(part, ignore_errors=True)
        _extract(archive, place, part, most)
        if not part.is_dir():
            raise CourseError(
                f"{archive}: holds no {name}/train/*.jpg, so it is another archive; delete it."
            )
        try:
            os.replace(part, to)
        except OSError:
            if not to.is_dir():  # else another process was faster
                raise
    except OSError as error:
        raise _unusable(archive, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(archive: Path, place: Callable[[str], str | None], to: Path, most: int) -> None:
    """Unpack the files of an archive for whose names `place` gives a path, into the folder `to`."""
    held = 0
    try:
        with tarfile.open(archive, "r|gz") as opened:
            for member in opened:
                held += member.size
                if held > most:
                    raise CourseError(
                        f"{archive}: unpacks to more than {most:,} bytes, so that was stopped; "
                        "delete it."
                    )
                if member.isreg() and (path := place(member.name)):
                    member.name = path
                    opened.extract(member, to, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise _unusable(archive, error) from error


def _unusable(archive: Path, error: Exception) -> CourseError:
    return CourseError(f"{archive}: cannot be unpacked ({error}); delete it and download it again.")
