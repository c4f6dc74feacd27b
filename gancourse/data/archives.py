"""The official pairs of the pix2pix paper: downloaded, checked and unpacked; `pairs` reads them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import warnings
import zlib
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


def _unpack(archive: Path, name: str, to: Path, most: int) -> None:
    """Unpack the archive's JPEG files into the folder `to`, all or none, and nothing else of it."""
    part = to.with_name(f".{name}.{os.getpid()}.part")
    wanted = re.compile(rf"(?:\./)?{name}/(train|val|test)/([\w-]+\.jpg)")
    held = 0
    try:
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(archive, "r|gz") as opened:
            for member in opened:
                held += member.size
                if held > most:
                    raise CourseError(
                        f"{archive}: unpacks to more than {most:,} bytes, so that was stopped; "
                        "delete it."
                    )
                if member.isreg() and (match := wanted.fullmatch(member.name)):
                    member.name = f"{match[1]}/{match[2]}"
                    opened.extract(member, part, filter="data")
        if not part.is_dir():
            raise CourseError(
                f"{archive}: holds no {name}/train/*.jpg, so it is another archive; delete it."
            )
        try:
            os.replace(part, to)
        except OSError:
            if not to.is_dir():  # else another process was faster
                raise
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise CourseError(
            f"{archive}: cannot be unpacked ({error}); delete it and download it again."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
