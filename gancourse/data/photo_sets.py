"""Photographs by name: a bundled handful or 828 to learn from, and two benchmarks to measure on.

- "photos": BSDS500 (Arbeláez, Maire, Fowlkes and Malik, "Contour Detection and Hierarchical Image
  Segmentation", PAMI 2011) without its part "val", whose pictures are the benchmark BSD100; and
  flowers from TensorFlow's flower_photos.
- "set5": Bevilacqua, Roumy, Guillemot and Alberi-Morel, "Low-Complexity Single-Image
  Super-Resolution based on Nonnegative Neighbor Embedding", BMVC 2012.
- "kodak24": Kodak's Lossless True Color Image Suite, scanned for PhotoCD PCD0992, 1991.

What belongs to each, with its SHA-256 and credit, is listed in data/photos/photos.tsv.
"""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gancourse import files
from gancourse.data import archives
from gancourse.data.photos import Photos, decode
from gancourse.data.picture_file import read
from gancourse.data.sources import About, CourseWarning, bundled, fetch, one_of
from gancourse.data.sources import root as data_root
from gancourse.files import CourseError, DamagedFile

SPLITS = ("train", "test")
SOURCES = ("auto", "bundled", "full")
INDEX = "photos/photos.tsv"
FULL = ("bsds", "flowers")  # the sets of which the full edition of "photos" consists
KODAK_AT = "https://r0k.us/graphics/kodak/kodak"
KODAK_BYTES = 1_000_000  # more than the largest of its files

# set -> where its file KIND/NAME.SUFFIX may lie in the data root; a download goes to the first.
PLACES = {
    "bsds": (
        "photos/bsds/{name}",
        *(
            f"{top}BSDS500/data/images/{part}/{{name}}"
            for top in ("BSR/", "BSDS500-master/", "")
            for part in ("train", "test")
        ),
    ),
    "flowers": (
        "photos/flowers/{kind}/{name}",
        "photos/flowers/train/{kind}__{name}",
        "photos/flowers/valid/{kind}__{name}",
        "flower_photos/{kind}/{name}",
    ),
    "kodak24": ("Kodak24/{name}", "kodak/{name}", "sr_eval/Kodak24/{name}"),
    "set5": tuple(
        f"{folder}/{{stem}}{suffix}"
        for folder in ("Set5", "Set5/HR", "sr_eval/Set5")
        for suffix in (".png", ".bmp")
    ),
}


class Photo(NamedTuple):
    """A line of the index.

    `sha256` is that of the file, but for Set5, whose pictures go round in several formats: there it
    is that of the pixels, see `digest`.
    """

    set: str
    split: str
    file: str
    sha256: str
    licence: str
    credit: str


def index(*sets: str, split: str | None = None) -> list[Photo]:
    """The photographs of the given sets ("bundled", "bsds", "flowers", "kodak24", "set5").

    Args:
        split: "train" or "test" (default: both).

    Raises:
        DamagedFile: the bundled index is not the published one.
    """
    with open(bundled(INDEX), encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        listed = [Photo(*line) for line in lines][1:]
    return [photo for photo in listed if photo.set in sets and split in (None, photo.split)]


def lying(folder: Path, photo: Photo) -> Path | None:
    """Where the photo lies in the data root `folder`, if it does."""
    kind, _, name = photo.file.rpartition("/")
    stem = Path(name).stem
    places = (place.format(kind=kind, name=name, stem=stem) for place in PLACES[photo.set])
    return next((folder / place for place in places if (folder / place).is_file()), None)


def missing(folder: Path, *sets: str) -> list[Photo]:
    """The photographs of the given sets that do not lie in the data root `folder`."""
    return [photo for photo in index(*sets) if lying(folder, photo) is None]


ABOUT = {
    "photos": About(
        title="photographs: BSDS500 without its part val, and flowers",
        credit="the Berkeley Computer Vision Group, and the photographers that "
        "data/photos/photos.tsv names",
        licence="BSDS500: for non-commercial research and education; flowers: CC BY 2.0",
        weights_licence="for non-commercial research and education, as the larger part of the data",
        limits="Photographs of animals, people, buildings, landscapes and flowers, about 500 px "
        "wide and saved as JPEG. Lettering, screens and drawings are rare among them; noise and "
        "strong compression do not occur.",
        holds="image (3, 112, 112), a random crop",
        sizes={"bundled": (10, 4), "full": (798, 30)},
        splits={"train": "all but 30 flowers"},
        bundled_terms="CC0, public domain or CC BY, as data/photos/README.md says of each",
        complete=lambda folder: not missing(folder, *FULL),
    ),
    "set5": About(
        title="Set5",
        credit="Marco Bevilacqua, Aline Roumy, Christine Guillemot and Marie-Line Alberi-Morel",
        licence="none stated: to measure on, not to show",
        weights_licence="none: a benchmark is not trained on",
        limits="Five small pictures that have been measured on for years, and nothing else.",
        holds="image (3, 96, 96), a random crop",
        sizes={"full": (0, 5)},
        complete=lambda folder: not missing(folder, "set5"),
    ),
    "kodak24": About(
        title="Kodak's Lossless True Color Image Suite",
        credit="Eastman Kodak Company",
        licence="released for unrestricted usage",
        weights_licence="none: a benchmark is not trained on",
        limits="Twenty-four photographs of 768 x 512 px, scanned from film, and nothing else.",
        holds="image (3, 96, 96), a random crop",
        sizes={"full": (0, 24)},
        complete=lambda folder: not missing(folder, "kodak24"),
    ),
}


def load(
    split: str = "train",
    *,
    side: int = 112,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Photos:
    """Photographs to learn from, cut into crops of `side` pixels.

    | split   | full                        | bundled |
    |---------|-----------------------------|---------|
    | "train" | 399 of BSDS500, 399 flowers | 10      |
    | "test"  | 30 flowers                  | 4       |

    Measure on a benchmark rather than on the 30 flowers, which only watch a run.

    Args:
        side: of the crops; photos with a shorter side than this are left out with a warning.
        source: "full" takes the full set from the root and downloads what is not there (300 MB);
            "bundled" takes what ships with the course; "auto" takes the full set when it already
            lies in the root, never downloads, and takes the bundled photos otherwise.
        root: folder of full data sets (default: see `sources.root`). It may hold what the archives
            unpack to (BSR or BSDS500, flower_photos), or photos/bsds and photos/flowers.
        strict: raise where this function would warn and go on with the bundled photos.

    Raises:
        CourseError: an unknown split or source, or crops larger than every photo; with `strict`, a
            full set that cannot be had.
        DamagedFile: a file in the root, or a bundled one, is not the published one.
    """
    one_of("split", split, SPLITS, "photos")
    one_of("source", source, SOURCES, "photos")
    folder = data_root(root)
    if source != "bundled" and _have_full(folder, source, explicit=root is not None, strict=strict):
        photos = _published("photos", "full", folder, index(*FULL, split=split), split, side)
        return replace(photos, shown=load("test", side=side, source="bundled"))
    found = {bundled(f"photos/{photo.file}"): photo for photo in index("bundled", split=split)}
    return decode(
        found,
        side,
        f"photos {split}",
        "bundled",
        ABOUT["photos"].terms_of("bundled"),
        ", ".join(dict.fromkeys(photo.credit for photo in found.values())),
        credits={path: _credit(photo) for path, photo in found.items()},
    )


def load_set5(split: str = "test", **how) -> Photos:
    """The five pictures of Set5, whole (`Photos.photo`), from the root: see `load_kodak24`.

    They come with no licence, so nothing is downloaded: put baby, bird, butterfly, head and woman,
    as PNG or BMP, into the folder Set5 of the root. Their pixels are checked.
    """
    return _benchmark("set5", split, **how)


def load_kodak24(split: str = "test", **how) -> Photos:
    """Kodak's 24 photographs, whole (`Photos.photo`), from the root or downloaded.

    Args:
        split: "test"; a benchmark has no other.
        side: of the crops that its batches would give (default: 96).
        source: "auto" takes them from the root; "full" downloads what is not there (15 MB).
        root: folder of full data sets (default: see `sources.root`).
        strict: as for every loader. Nothing is bundled, so nothing stands in.

    Raises:
        CourseError: an unknown split or source, or the pictures cannot be had.
        DamagedFile: a file is not the published one.
    """
    return _benchmark("kodak24", split, **how)


def digest(path: Path) -> str:
    """SHA-256 of a picture's size and pixels, whatever the format of its file."""
    image = read(path)
    return hashlib.sha256(
        f"{image.width} x {image.height}\n".encode() + image.tobytes()
    ).hexdigest()


def _benchmark(
    name: str,
    split: str,
    *,
    side: int = 96,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = True,
) -> Photos:
    one_of("split", split, ("test",), f"pictures of {name}")
    one_of("source", source, ("auto", "full"), f"pictures of {name}")
    folder = data_root(root)
    absent = missing(folder, name)
    if absent and name == "set5":
        raise CourseError(
            f"{folder}: {', '.join(photo.file for photo in absent)} of Set5 missing; it has no "
            "licence and is not downloaded, so put the original pictures, PNG or BMP, into "
            f"{folder / 'Set5'}."
        )
    if absent and source != "full":
        raise CourseError(
            f"{folder}: {len(absent)} of Kodak's 24 pictures missing; download them once with "
            f'`gancourse data {name} --source full`, or load with source="full".'
        )
    for photo in absent:
        to = folder / PLACES[name][0].format(name=photo.file)
        fetch(f"{KODAK_AT}/{photo.file}", photo.sha256, to, KODAK_BYTES)
    return _published(name, "full", folder, index(name), split, side)


def _published(
    name: str, source: str, folder: Path, listed: Iterable[Photo], split: str, side: int
) -> Photos:
    """The listed photos from the data root, each checked before any is used."""
    found = {_verified(lying(folder, photo), photo): photo for photo in listed}
    return decode(
        found,
        side,
        f"{name} {split}",
        source,
        ABOUT[name].licence,
        ABOUT[name].credit,
        credits={path: _credit(photo) for path, photo in found.items()},
    )


def _verified(path: Path, photo: Photo) -> Path:
    if photo.set != "set5":
        return files.verify(path, photo.sha256, "Delete it, and download or unpack it again.")
    if (pixels := digest(path)) != photo.sha256:
        raise DamagedFile(
            f"{path}: not the picture of Set5 (SHA-256 of its pixels {pixels}, expected "
            f"{photo.sha256}); put the original there, not cropped or resized."
        )
    return path


def _credit(photo: Photo) -> str:
    return ", ".join(filter(None, [photo.credit, photo.licence]))


def _have_full(folder: Path, source: str, *, explicit: bool, strict: bool) -> bool:
    """Whether the full set lies in `folder`, after downloading it when `source` is "full"."""
    absent = missing(folder, *FULL)
    if not absent:
        return True
    total = len(index(*FULL))
    if source == "full":
        why = _download(folder, absent)
        if why is None:
            return True
    elif len(absent) < total:
        why = f"{folder}: {len(absent)} of the {total} photos missing, such as {absent[0].file}."
    else:
        why = f"{folder}: the photos are not there."
    remedy = (
        f'To have all {total}, load once with source="full" and an internet connection, or unpack '
        f"{' and '.join(archives.PHOTOGRAPHS[name].url for name in FULL)} in {folder}."
    )
    if strict:
        raise CourseError(f"{why} The bundled photos cannot stand in for it here. {remedy}")
    if source == "full" or explicit or len(absent) < total:
        instead = f"Using the {sum(ABOUT['photos'].sizes['bundled'])} bundled photos instead."
        # Level 4 is whoever called `data.load`.
        warnings.warn(f"{why} {instead} {remedy}", CourseWarning, stacklevel=4)
    return False


def _download(folder: Path, absent: list[Photo]) -> str | None:
    """Download the absent photos into the data root; else return why not."""
    for name in FULL:
        wanted = {photo.file: photo.sha256 for photo in absent if photo.set == name}
        try:
            if wanted:
                archives.photographs(name, wanted, folder / "photos")
        except DamagedFile:
            raise
        except CourseError as error:
            return f"{folder}: not all photos are there. {error}"
    return None
