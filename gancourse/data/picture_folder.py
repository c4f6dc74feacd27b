"""The pictures of a folder: listed in one order, read in parallel, broken ones named."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from gancourse import files
from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"}
SUFFIXES |= {".svg", ".svgz"}
OTHERS = {".heic", ".heif"}  # listed all the same, so that a warning names them
NAMED = 50  # files at most that one warning names
WINDOW = 32  # files that are read ahead

Value = TypeVar("Value")


def spelled(name: str) -> str:
    """A name in one spelling: macOS stores "é" as two characters (NFD), others as one (NFC)."""
    return unicodedata.normalize("NFC", name)


def listed(folder: str | Path, *, nested: bool = True) -> list[Path]:
    """The files of a folder that are pictures by their suffix, in the order of their names.

    Hidden files and folders are passed over.

    Args:
        nested: also the pictures in folders inside it. Links to folders are not followed.

    Raises:
        CourseError: no such folder, it may not be read, or no picture lies there.
    """
    folder = Path(folder)

    def refuse(error: OSError):
        raise CourseError(
            f"{error.filename}: may not be read ({error.strerror}); change its permissions."
        ) from error

    if not os.path.isdir(folder):
        what = "a file" if os.path.exists(folder) else "missing"
        raise CourseError(f"{folder}: {what}; give a folder of pictures.")
    found, others = [], 0
    for here, inside, names in os.walk(folder, onerror=refuse):
        inside[:] = [name for name in inside if nested and not name.startswith(".")]
        pictures = [
            Path(here, name)
            for name in names
            if Path(name).suffix.lower() in SUFFIXES | OTHERS and not name.startswith(".")
        ]
        found += pictures
        others += len(names) - len(pictures)
    if not found:
        raise CourseError(
            f"{folder}: no pictures in it ({others:,} other files); "
            f"give a folder of files that end in {', '.join(sorted(SUFFIXES))}."
        )
    return sorted(found, key=lambda path: spelled(path.relative_to(folder).as_posix()))


def distinct(paths: Iterable[Path]) -> tuple[dict[Path, str], list[str]]:
    """({path: SHA-256 of its bytes}, reasons to leave out copies of an earlier file)."""
    kept: dict[Path, str] = {}
    first: dict[str, Path] = {}
    reasons = []
    for path in paths:
        try:
            digest = files.sha256(path) if path.stat().st_size else f"empty {path}"
        except OSError:  # whoever reads it says why
            digest = f"unread {path}"
        if first.setdefault(digest, path) is path:
            kept[path] = digest
        else:
            reasons.append(f"{path}: the same file as {first[digest]}; one is enough.")
    return kept, reasons


def collect(
    folder: str | Path,
    paths: Iterable[Path],
    make: Callable[[Path], Value],
    *,
    limit: int | None = None,
    reasons: Iterable[str] = (),
) -> list[tuple[Path, Value]]:
    """[(path, make(path))] of the files that can be used, at most `limit`, in their order.

    A thread per core calls `make`. Files for which it raises a CourseError are left out. One
    CourseWarning names them and the `reasons` given.

    Raises:
        CourseError: no file can be used.
    """
    paths, reasons, kept = list(paths), list(reasons), []
    total = len(paths) + len(reasons)

    def attempt(path: Path) -> Value | CourseError:
        try:
            return make(path)
        except CourseError as error:
            return error

    # Readers silence warnings for a moment, which threads undo in any order; the outer block puts
    # the filters right.
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        tqdm(total=len(paths), desc=Path(folder).name, unit="file", leave=False, delay=2) as bar,
    ):
        while paths and (limit is None or len(kept) < limit):
            ahead = WINDOW if limit is None else min(WINDOW, limit - len(kept))
            now, paths = paths[:ahead], paths[ahead:]
            for path, value in zip(now, pool.map(attempt, now), strict=True):
                bar.update()
                if isinstance(value, CourseError):
                    reasons.append(str(value))
                else:
                    kept.append((path, value))
    named = "\n".join(f"- {reason}" for reason in reasons[:NAMED])
    if len(reasons) > NAMED:
        named += f"\n- and {len(reasons) - NAMED:,} more"
    if not kept:
        raise CourseError(
            f"{folder}: none of its {total:,} pictures can be used; "
            f"mend them, or give another folder.\n{named}"
        )
    if reasons:
        warnings.warn(
            f"{folder}: {len(reasons):,} of {total:,} files were left out.\n{named}",
            CourseWarning,
            stacklevel=3,
        )
    return kept
