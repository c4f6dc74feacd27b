"""Files on disk: where the bundled ones lie, how their hash is checked, how a new one is written
whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# An installed wheel carries the repository's data/ and runs/ inside the package; a checkout has
# them beside it.
BUNDLED = _PACKAGE / "_bundled" if (_PACKAGE / "_bundled").is_dir() else _PACKAGE.parent / "data"
DOSSIERS = _PACKAGE / "_runs" if (_PACKAGE / "_runs").is_dir() else _PACKAGE.parent / "runs"
NOTEBOOKS = _PACKAGE.parent / "notebooks"  # a checkout has them, an installed wheel does not
CHAPTERS = "[0-9]*_*.ipynb"  # those of them that are chapters


class CourseError(Exception):
    """A mistake a person can mend.

    Its message says what was given, what was expected and what to do.
    """


class DamagedFile(CourseError):
    """A file whose bytes are not the ones that were published."""


class Unwritable(CourseError, OSError):
    """A place that cannot be written to; still an OSError for those who can do without the file."""


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(
    path: str | Path, expected: str, remedy: str = "Delete it and install or download it again."
) -> Path:
    """Return `path` when its SHA-256 is `expected`.

    Raises:
        CourseError: the file is missing.
        DamagedFile: it is there, but truncated, swapped or changed.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(f"{path} is missing. {remedy}")
    found = sha256(path)
    if found != expected:
        raise DamagedFile(
            f"{path} ({path.stat().st_size:,} bytes) is damaged or not the published file: "
            f"its SHA-256 is {found}, expected {expected}. {remedy}"
        )
    return path


@contextmanager
def writing(path: Path, *troubles: type[Exception]):
    """An OSError, or one of `troubles`, becomes an `Unwritable` that says what to do."""
    try:
        yield
    except Unwritable:  # said already, by what was called
        raise
    except (OSError, *troubles) as error:
        raise Unwritable(
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Make room there or change its permissions, or give another place."
        ) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there."""
    if os.path.exists(path) and not os.path.isdir(path):
        raise Unwritable(
            f"{path} cannot be written: it is a file, and a folder is needed there. Give another "
            "place."
        )
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: str | Path):
    """Yield a temporary path; on success sync it and rename it over `path`, else remove it.

    A reader sees the old file or the new one, never half of either, even if the power fails in
    between. What processes killed while writing `path` left behind is removed.

    Raises:
        Unwritable: the folder cannot be made, may not be written to or is full, or no file can
            stand at `path`.
    """
    path = Path(path)
    make_folder(path.parent)
    if os.path.exists(path) and not os.path.isfile(
        path
    ):  # renamed over by root, /dev/null would be gone for everyone
        raise Unwritable(
            f"{path} cannot be written: it is a {'folder' if path.is_dir() else 'device'}. Give "
            "the name of a file."
        )
    with writing(path):
        sweep(path)
    # The suffix stays last: savers that choose a format by it (pictures, archives) must not be
    # misled.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with writing(path):
            temporary.chmod(0o644)  # some savers give a file that its owner alone may read
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
    except OSError as error:
        if error.errno not in FULL and str(error.filename) != str(temporary):  # a network's, say
            raise
        with writing(path):
            raise
    finally:
        with suppress(OSError):  # the trouble above is what counts
            temporary.unlink(missing_ok=True)


FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
)  # of a disk; such errors do not name the file


def sweep(path: Path, age: float = 86_400) -> None:
    """Remove temporary files of `path` that nobody has written to for `age` seconds.

    Age decides, not the process number in the name: the writer may run on another machine of a
        shared disk.
    """
    for found in path.parent.glob(".*.part*"):
        middle = found.name.removeprefix(f".{path.stem}.").removesuffix(f".part{path.suffix}")
        if found.name == f".{path.stem}.{middle}.part{path.suffix}" and middle.isdecimal():
            with suppress(OSError):  # another process swept at the same moment
                if time.time() - found.stat().st_mtime > age:
                    found.unlink()


def sync(path: str | Path) -> None:
    """Ask the operating system to put a file's bytes, or a folder's list of names, on the disk."""
    if os.name == "nt" and Path(path).is_dir():
        return  # Windows cannot open a folder, and needs no such request
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: str | Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path):
    """Parse a JSON file. Raises `DamagedFile` when it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFile(
            f"{path} is not valid JSON ({error}). Restore it, or delete it and start again."
        ) from error
