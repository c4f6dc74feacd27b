"""Files in, files out: what the studio's commands do with several files, whatever is done to each.

`plan` says where each result goes before any work is done; `run` does the work. A bad file does not
stop the others, no input is ever written over, and nothing is left half-written.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from gancourse.data import raster
from gancourse.data.raster import Raster
from gancourse.files import CourseError, replacing, writing

FORMATS = (".png", ".jpg", ".jpeg", ".webp")

Plan = dict[Path, Path | CourseError]


def plan(
    inputs: Iterable[Path],
    output: Path | None = None,
    *,
    suffix: str,
    formats: Sequence[str] = FORMATS,
    force: bool = False,
) -> Plan:
    """Where the result of each input goes, or why it cannot go there.

    One file under several names (links, another case or Unicode form on a disk that ignores them)
    is one input.

    Args:
        output: a picture for one input; a folder for any number; None for beside each input.
        suffix: "-coloured" turns cat.svg into cat-coloured.png, in folders and beside inputs.
        formats: suffixes that are written.
        force: whether a file that exists may be written over. An input never is.

    Raises:
        CourseError: no input; several for one picture; or a format that is not written.
    """
    given: dict[Hashable, Path] = {}
    for path in inputs:
        given.setdefault(_file(path) or _name(path), path)
    if not given:
        raise CourseError("inputs=[]: no file; give one or more.")
    single = output is not None and output.suffix.lower() in formats and not os.path.isdir(output)
    if single and len(given) > 1:
        raise CourseError(
            f"{output}: one picture for {len(given)} files; give a folder with -o instead."
        )
    if output is not None and output.suffix and not single and not os.path.isdir(output):
        raise CourseError(
            f"{output}: not a format that is written; give {', '.join(formats)}, or a folder."
        )
    kept = {mark: path for path in given.values() for mark in (_file(path), _name(path)) if mark}
    taken: dict[Hashable, Path] = {}
    places: Plan = {}
    for path in given.values():
        place = output if single else (output or path.parent) / f"{path.stem}{suffix}.png"
        name = _name(place)
        if lost := kept.get(_file(place)) or kept.get(name):
            places[path] = CourseError(
                f"{path}: its result would be written over {lost}, an input; "
                "give another place with -o."
            )
        elif name in taken:
            places[path] = _shared(path, place, taken[name])
        elif os.path.lexists(place) and not force:
            places[path] = CourseError(
                f"{place}: exists already; give another place with -o, "
                "or write over it with --force."
            )
        else:
            places[path] = place
            taken[name] = path
    return places


def run(work: Callable[[Path], Image.Image | Raster], places: Plan) -> None:
    """Save `work(path)` at its place, for each path of a `plan`, and print where.

    Failures are printed on stderr, and the others go on.

    Args:
        work: gives a picture, or raises a CourseError for a file that it cannot use.

    Raises:
        CourseError: some failed; if there is only one file, what it failed of.
        KeyboardInterrupt: stopped by Ctrl-C; says how many files are done.
    """
    done: dict[Hashable, Path] = {}
    failed = 0
    # A bar of one file tells nothing, and neither does one that goes into a log.
    hidden = True if len(places) == 1 else None
    try:
        for path, place in tqdm(places.items(), unit="file", disable=hidden, leave=False):
            try:
                if isinstance(place, CourseError):
                    raise place
                # The disk may hold two names for one: it knows once the first is written.
                if earlier := done.get(_file(place)):
                    raise _shared(path, place, earlier)
                check_place(place)
                save(work(path), place)
                done[_file(place)] = path
                tqdm.write(str(place), file=sys.stdout)
            except CourseError as error:
                message = str(error) if str(path) in str(error) else f"{path}: {error}"
                if len(places) == 1:
                    raise CourseError(message) from error
                failed += 1
                tqdm.write(f"gancourse: {message}", file=sys.stderr)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"stopped; {len(done)} of {len(places)} files are done") from stop
    if failed:
        raise CourseError(f"{failed} of {len(places)} files: failed; see the messages above.")


def check_place(place: Path) -> None:
    """Raise an Unwritable, before any work is done, if no file can be made at `place`."""
    folder = place.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent  # folders that are not there will be made
    with writing(place):
        if not os.path.isdir(folder):
            raise NotADirectoryError(f"{folder} is no folder")
        if os.path.isdir(place):
            raise IsADirectoryError("it is a folder")
        if not os.access(folder, os.W_OK):
            raise PermissionError("its folder is read-only")


def save(image: Image.Image | Raster, path: Path) -> None:
    """Write a picture in the format of its name, whole or not at all.

    Raises:
        CourseError: the folder cannot be written to, or the format takes no picture so large.
    """
    with replacing(path) as temporary, writing(path, ValueError):
        if isinstance(image, Raster):
            raster.write(image, temporary)
        else:
            image.save(temporary, quality=95)  # lossy formats only; 75 shows rings beside lines


def _shared(path: Path, place: Path, earlier: Path) -> CourseError:
    return CourseError(
        f"{path}: its result would go to {place}, as that of {earlier} does; run it by itself."
    )


def _file(path: Path) -> Hashable | None:
    """What tells one file from another, whatever its names; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:  # missing, or in a locked folder: whoever reads or writes it will say so
        return None
    return found.st_dev, found.st_ino


def _name(path: Path) -> str:
    """The full name, links followed, in one Unicode form: macOS writes "é" as two characters."""
    return unicodedata.normalize("NFC", os.path.realpath(path))
