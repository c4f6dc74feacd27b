"""Draw what sentences say: what `gancourse draw` does.

Every sentence is drawn from the same latents. So its pictures do not depend on the sentences beside
it, and in a sheet of several sentences a column shows what the words alone change.
"""

from __future__ import annotations

import math
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gancourse import models
from gancourse.chapters import ANY_WORDS, configure
from gancourse.data import raster
from gancourse.data.picture_file import MOST_PIXELS
from gancourse.data.sources import CourseWarning
from gancourse.files import BUNDLED, CourseError, read_json
from gancourse.show.grids import shape_of_sheet, tile, to_bytes
from gancourse.studio.batch import FORMATS, check_place, save
from gancourse.text import sentences, words

ROW = 8  # pictures of a sentence that stand in one row; more make a block
SHOWN = 40  # letters of a sentence or a word in a message
NAME = 60  # bytes of a sentence in the name of a file


@runtime_checkable
class Painter(Protocol):
    """A game that draws what a sentence says, from latents."""

    config: Any
    latent_size: int

    def encode(self, text: str, n: int | None = None) -> Tensor:
        """The sentence as a network reads it; a CourseError if it can read none of its words."""

    def unknown(self, text: str) -> dict[str, str]:
        """The words that it does not know, each with the nearest that it does, or ""."""

    def sample(self, n: int, *, text: str, seed: int) -> Tensor:
        """Pictures (n, C, H, W) in [-1, 1]."""


@runtime_checkable
class Staged(Painter, Protocol):
    """A painter that goes over its pictures a second time."""

    def stages(self, n: int, *, text: str, seed: int) -> tuple[Tensor, ...]:
        """The same pictures after each stage, (n, C, h, w) and (n, C, H, W) in [-1, 1]."""


def check(game: Any, stages: bool = False) -> None:
    """Raise a CourseError unless a game draws what sentences say, and in stages if these are asked
    for.
    """
    if not isinstance(game, Painter):
        able = [name for name in models.published() if draws(name)]
        raise CourseError(
            "model: it draws nothing that a sentence says; take one that does: "
            f"{', '.join([*able, 'the folder of a run that learned from pictures with captions'])}."
        )
    if stages and not isinstance(game, Staged):
        raise CourseError("stages: this model draws in one stage; leave it out.")


def draws(name: str) -> bool:
    """Whether a published model draws what sentences say."""
    config = configure(read_json(BUNDLED / "weights" / name / "config.json"))
    return config.takes == "captions" and isinstance(models.load(name), Painter)


def collect(given: Sequence[str], file: Path | None = None) -> dict[str, str]:
    """The sentences to draw, each once -> where it stands, for messages: "" or a line of the file.

    Args:
        file: text in UTF-8, a sentence in each line; empty lines are passed over.

    Raises:
        CourseError: there is no sentence, one has no words or too many, or the file cannot be read
            as text.
    """
    found = dict.fromkeys((text.strip() for text in given), "")
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise CourseError(
                f"{file}: no text in UTF-8 ({error.reason}); save it again as UTF-8."
            ) from error
        except OSError as error:
            raise CourseError(
                f"{file}: cannot be read ({error.strerror}); give a text file with a sentence in "
                "each line."
            ) from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                found.setdefault(line.strip(), f"{file}, line {number}: ")
    if not found:
        lines = f"{file}: no sentence in it; write one in each line."
        raise CourseError(
            lines if file else "no sentence: give one, or a file of them with --file."
        )
    for text, where in found.items():
        with at(where):
            sentences(text, 1)
    return found


@contextmanager
def at(where: str):
    """A CourseError says where the sentence stands that it is about."""
    try:
        yield
    except CourseError as error:
        raise CourseError(f"{where}{error}") from error


def reads_more(game: Painter) -> str:
    """The published encoder that reads words which a game's own does not know, or ""."""
    if ANY_WORDS not in models.published():
        return ""
    learned = read_json(BUNDLED / "weights" / ANY_WORDS / "config.json")["text"]
    return ANY_WORDS if game.config.borrows.get("text") == learned else ""


def understand(game: Painter, text: str, more: str = "") -> None:
    """Warn of the words of a sentence that a game does not know, with the nearest that it does.

    Args:
        more: an encoder that knows more words.

    Raises:
        CourseError: it knows none of them.
    """
    unknown = game.unknown(text)
    try:
        game.encode(text, 1)
    except CourseError as error:
        near = ", ".join(f"{near} for {short(word)}" for word, near in unknown.items() if near)
        said = f"{error} The nearest: {near}." if near else str(error)
        said += f" To read any English words: --encoder {more}." if more and unknown else ""
        raise CourseError(said) from error
    left_out = [
        f"{short(word)} (nearest: {near})" if near else short(word)
        for word, near in unknown.items()
    ]
    left_out += dict.fromkeys(each for each in text if unicodedata.category(each) == "So")  # emoji
    if left_out:
        remedy = f"; to read any English words: --encoder {more}" if more and unknown else ""
        warnings.warn(
            f"{short(text)!r}: not known and left out: {', '.join(left_out)}{remedy}",
            CourseWarning,
            stacklevel=2,
        )


def short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def draw(
    game: Painter, text: str, n: int = 8, *, seed: int = 0, stages: bool = False
) -> list[np.ndarray]:
    """`n` pictures of what a sentence says, as uint8 (n, H, W, 3); with `stages`, after each."""
    if stages:
        return [to_bytes(made.cpu()) for made in game.stages(n, text=text, seed=seed)]
    return [to_bytes(game.sample(n, text=text, seed=seed).cpu())]


def enlarged(picture: np.ndarray, size: int) -> Image.Image:
    """A picture (h, w, 3) uint8 at `size` x `size` pixels, smoothly; at its own size as it is."""
    return Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS)


def columns(n: int) -> int:
    """How many of the `n` pictures of a sentence stand side by side in a sheet."""
    return n if n <= ROW else shape_of_sheet(n, None)[1]


def gap(size: int) -> int:
    """Pixels between the pictures of a sheet."""
    return max(2, size // 32)


def sheet(drawn: Sequence[Sequence[np.ndarray]], size: int) -> Image.Image:
    """One picture of all: for each sentence a row, or a block of rows.

    Args:
        drawn: what `draw` gave for each sentence. A picture after the first stage stands above the
            same after the second.
        size: of each picture, in pixels.
    """
    blocks, space = [], gap(size)
    for after in drawn:
        each = np.stack(
            [
                np.concatenate([np.asarray(enlarged(picture, size)) for picture in pictures])
                for pictures in zip(*after, strict=True)
            ]
        )
        block = tile(each.transpose(0, 3, 1, 2), columns(len(each)), gap=space)
        blocks.append(block[space if blocks else 0 :])
    return Image.fromarray(np.concatenate(blocks))


def check_sheet(place: Path, rows: int, n: int, size: int, stages: bool) -> None:
    """Raise a CourseError if a sheet is too large to be opened again, or for its format."""
    across, space = columns(n), gap(size)
    width = across * (size + space) + space
    height = rows * math.ceil(n / across) * ((1 + stages) * size + space) + space
    if width * height > MOST_PIXELS:
        raise CourseError(
            f"{place}: {width:,} x {height:,} pixels, more than {MOST_PIXELS // 10**6} megapixels; "
            "ask for fewer pictures or a smaller --size, or for a file each by --separate."
        )
    raster.check_format(place, width, height, 3, 1)


def name_of(texts: Sequence[str]) -> str:
    """A name for the pictures of some sentences: "a-red-boat", "a-red-boat-and-2-more"."""
    name = "-".join(words(texts[0])).encode()[:NAME].decode(errors="ignore")
    return name.rstrip("-'") + (f"-and-{len(texts) - 1}-more" if len(texts) > 1 else "")


def place_of_sheet(output: Path | None, texts: Sequence[str], force: bool = False) -> Path:
    """Where the sheet goes: the picture `output`, or one named by the sentences in that folder.

    Raises:
        CourseError: it exists, cannot be written, or has another format than `FORMATS`.
    """
    place = output or Path()
    if os.path.isdir(place):
        place = place / f"{name_of(texts)}.png"
    if place.suffix.lower() not in FORMATS:
        raise CourseError(
            f"{place}: not a format that is written; give {', '.join(FORMATS)}, or a folder that "
            "is there."
        )
    require_free([place], force)
    return place


def places_of_each(
    output: Path | None, texts: Sequence[str], n: int, stages: bool = False, force: bool = False
) -> list[list[list[Path]]]:
    """Where each picture goes, by sentence, stage and number: files in the folder `output`.

    Raises:
        CourseError: one of them exists or cannot be written, or `output` is no folder.
    """
    folder = output or Path(name_of(texts))
    if folder.suffix.lower() in FORMATS and not os.path.isdir(folder):
        raise CourseError(f"{folder}: one picture, and --separate writes several; give a folder.")
    after = ("-stage1", "-stage2") if stages else ("",)
    places = [
        [
            [
                folder / f"{f'{row}-' if len(texts) > 1 else ''}{name_of([text])}"
                f"-{i:0{len(str(n))}}{stage}.png"
                for i in range(1, n + 1)
            ]
            for stage in after
        ]
        for row, text in enumerate(texts, 1)
    ]
    require_free([place for row in places for stage in row for place in stage], force)
    return places


def require_free(places: Sequence[Path], force: bool) -> None:
    """Raise a CourseError, before any work is done, unless all places can be written to."""
    for place in places:
        if os.path.lexists(place) and not force:
            raise CourseError(
                f"{place}: exists already; give another place with -o, or write over it with "
                "--force."
            )
        check_place(place)


def save_each(
    drawn: Iterator[list[np.ndarray]], places: Sequence[Sequence[Sequence[Path]]], size: int
) -> None:
    """Save the pictures of each sentence at their places, and print where.

    Raises:
        CourseError: one cannot be written.
        KeyboardInterrupt: stopped by Ctrl-C; says how many pictures are written.
    """
    total = sum(len(stage) for row in places for stage in row)
    done = 0
    try:
        with tqdm(total=total, unit="picture", disable=None, leave=False) as bar:
            for after, row in zip(drawn, places, strict=True):
                for pictures, stage in zip(after, row, strict=True):
                    for picture, place in zip(pictures, stage, strict=True):
                        save(enlarged(picture, size), place)
                        done += 1
                        bar.update()
                        tqdm.write(str(place), file=sys.stdout)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"stopped; {done} of {total} pictures are written") from stop
