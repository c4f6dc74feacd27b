"""Your own pictures, read the same way for every chapter: `gancourse train CHAPTER --data FOLDER`.

| kind       | the folder                                                 | a row          |
|------------|------------------------------------------------------------|----------------|
| "pictures" | pictures, also in folders inside it                        | image          |
| "classes"  | a folder of pictures for each class                        | image, label   |
| "pairs"    | files with A left of B; or folders A and B; or photos      | input, target  |
| "captions" | pictures and captions.json; or cat.txt beside each cat.jpg | image, caption |
| "photos"   | photos of any size, also in folders inside it              | a random crop  |

Captions also lie as those of CUB-200-2011 (Wah et al. 2011) and Oxford-102 flowers (Nilsback &
Zisserman 2008) do, which Reed et al. 2016 (arXiv 1605.05395) collected:

    images/001.Black_footed_Albatross/NAME.jpg    text_c10/001.Black_footed_Albatross/NAME.txt
    jpg/image_00001.jpg                           text_c10/class_00077/image_00001.txt

A picture may have several captions: lines of a .txt, or a list in captions.json. Then each batch
draws one of them for each of its pictures.
"""

from __future__ import annotations

import json
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from gancourse.data import pairs, photos
from gancourse.data.picture_file import check_size, read, square, tensor
from gancourse.data.picture_folder import collect, distinct, listed, spelled
from gancourse.data.sources import CourseWarning, Pictures, one_of
from gancourse.files import CourseError

KINDS = ("pictures", "classes", "pairs", "captions", "photos")
HOW = (
    "Each picture is turned upright, laid on white where it is transparent, resized with "
    "antialiasing until its shorter side fits (a smaller one is enlarged), cropped to its middle "
    "square, and converted to RGB or grey."
)
HOW_PHOTOS = (
    "Each photo is turned upright, laid on white where it is transparent, converted to RGB and "
    "kept in its own size; every batch is cut from it anew."
)
CAPTIONS = "captions.json"
TEXTS = "text_c10"  # ten captions of each picture, in files of their own
BESIDE_TEXTS = ("images", "jpg", "CUB_200_2011/images")  # where their pictures lie
PARTS = {"train", "val", "valid", "validation", "test"}  # folders of a split data set, not classes

# kind -> (fewest rows that may do well, what to expect of fewer). Fewer get a warning.
FEW = {
    # Karras et al. 2020 (arXiv 2006.06676): with a few thousand, discriminators overfit; their
    # smallest set, MetFaces, has 1,336.
    "pictures": (
        1_000,
        "the discriminator learns so few by heart, and samples look like copies of them",
    ),
    # Of the smallest class. Zhao et al. 2020 (arXiv 2006.10738): on a tenth of CIFAR-10, 500 of
    # each class, conditional GANs get far worse.
    "classes": (
        500,
        "the discriminator learns the smallest class by heart, and its samples look alike",
    ),
    # Isola et al. 2017 (arXiv 1611.07004): their smallest set, the facades, has 400.
    "pairs": (400, "it repeats what it has seen, and blurs or guesses on new pictures"),
    # Zhang et al. 2017 (arXiv 1612.03242): their smallest set, Oxford-102 flowers, has 8,189.
    "captions": (5_000, "samples follow only words that occur in many captions"),
    # Dong et al. 2015 (arXiv 1501.00092): SRCNN learned from 91; each gives thousands of crops.
    "photos": (91, "it learns the textures of these photos, and smears others"),
}


def own(
    kind: str,
    folder: str | Path,
    *,
    shape: tuple[int, int, int],
    direction: str | None = None,
    make: str | None = None,
    limit: int | None = None,
    learning: bool = True,
) -> Pictures | photos.Photos:
    """The pictures of your own folder. `HOW` says how each becomes a square of one size, and
    `HOW_PHOTOS` what is done to photos.

    Files that cannot be used are left out, and one warning names them. Fewer pictures than `FEW`
    says get a second warning, which says what to expect. Copies of a file count once, but for pairs
    and captions.

    Args:
        shape: of a picture, (channels, S, S): 3 channels (colour) or 1 (grey), and S pixels, 16 to
            1024. Pairs and photos are in colour. Photos are cut into crops of S pixels.
        learning: whether a game is to learn from them; few are enough to look at or to measure.
        direction: of pairs, "AtoB": A (the left half, or the folder A) is the input; or "BtoA".
        make: "grey", "edges" or "hole" makes the inputs of pairs from photos.
        limit: no more than this many pictures (of each class), from the first names on.

    Returns:
        Pictures with tensors "image" (N, *shape) uint8. Classes also have "label" (N,) int64, whose
        `words` are the folders' names, and captions the texts "caption", tuples of them if any
        picture has several (see `Pictures`); a line without a letter or digit is none. Pairs have
        "input" and "target" instead (see `pairs`). Photos come as `Photos`.

    Raises:
        CourseError: an unknown kind, shape or option, an option of another kind, or no picture that
            can be used.
    """
    one_of("kind", kind, KINDS, "pictures of your own")
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise CourseError(
            f"shape={shape!r}: not a square picture; give (3, S, S), or (1, S, S) for grey."
        )
    if kind in ("pairs", "photos") and shape[0] != 3:
        raise CourseError(f"shape={shape!r}: {kind} are in colour; give (3, S, S).")
    check_size(shape[1])
    if limit is not None and limit < 1:
        raise CourseError(f"limit={limit!r}: too few; give 1 or more, or None for all.")
    for name, value in (("direction", direction), ("make", make)):
        if value is not None and kind != "pairs":
            raise CourseError(
                f"{name}={value!r}: only pairs have it, and these are {kind}; leave it out."
            )
    if kind == "pairs":
        found = _pairs(Path(folder), shape[1], direction, make, limit)
    elif kind == "photos":
        found = photos.load(folder, "all", side=shape[1], limit=limit)
    else:
        found = {"pictures": _pictures, "classes": _classes, "captions": _captions}[kind](
            Path(folder), shape, limit
        )
    rows = int(found["label"].bincount().min()) if kind == "classes" else len(found)
    enough, expect = FEW[kind]
    if learning and rows < enough:
        what = "pictures in the smallest class" if kind == "classes" else kind
        warnings.warn(
            f"{folder}: {rows:,} {what}, fewer than {enough:,}; expect that {expect}. "
            "More would help.",
            CourseWarning,
            stacklevel=2,
        )
    return found


def picture(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """The picture in a file as a tensor (channels, S, S) uint8, as `HOW` says.

    Raises:
        CourseError: the file cannot be used (see `picture_file.read`).
    """
    image = read(path, "L" if shape[0] == 1 else "RGB", size=2 * shape[1])
    return tensor(square(image, shape[1]))


def _pictures(folder: Path, shape: tuple[int, int, int], limit: int | None) -> Pictures:
    paths, reasons = distinct(listed(folder))
    kept = _read(folder, paths, shape, limit, reasons)
    return _yours(folder, {"image": torch.stack([image for _, image in kept])})


def _classes(folder: Path, shape: tuple[int, int, int], limit: int | None) -> Pictures:
    """A class for each folder that holds pictures, by name; loose pictures are left out."""
    classes: dict[str, list[Path]] = {}
    paths, reasons = [], []
    for path in listed(folder):
        name, *rest = path.relative_to(folder).parts
        if rest:
            classes.setdefault(name, []).append(path)
        else:
            reasons.append(f"{path}: in no class; move it into the folder of its class.")
    if classes.keys() <= PARTS:
        raise CourseError(
            f"{folder}: {' and '.join(classes) or 'no folders'}, which are not classes; give a "
            "folder that holds a folder for each class."
        )
    for found in classes.values():
        once, copies = distinct(found)
        paths += list(once)[:limit]
        reasons += copies
    kept = _read(folder, paths, shape, None, reasons)
    labels = [path.relative_to(folder).parts[0] for path, _ in kept]
    names = tuple(dict.fromkeys(labels))
    if len(names) < 2:
        raise CourseError(
            f"{folder}: only the class {names[0]} has pictures that can be used; "
            "give two classes or more."
        )
    columns = {
        "image": torch.stack([image for _, image in kept]),
        "label": torch.tensor([names.index(label) for label in labels]),
    }
    return _yours(folder, columns, words={"label": names})


def _pairs(
    folder: Path, size: int, direction: str | None, make: str | None, limit: int | None
) -> Pictures:
    if (direction is None) == (make is None):
        both = "both given" if make else "neither given"
        raise CourseError(
            f"direction={direction!r}, make={make!r}: {both}; give direction for pairs, AtoB if "
            "the left half or the folder A is the input, else BtoA; or make for photos, grey, "
            "edges or hole."
        )
    if make:
        return pairs.photos(folder, kind=make, size=size, limit=limit)
    a, b = (_inside(folder, name) for name in "AB")
    if (a is None) != (b is None):
        raise CourseError(f"{folder}: has a folder {'A' if a else 'B'} only; give A and B.")
    if a and b:
        found = pairs.two_folders(a, b, direction=direction, size=size, limit=limit)
        return _yours(folder, found.tensors)
    return pairs.side_by_side(folder, direction=direction, size=size, limit=limit)


def _inside(folder: Path, name: str) -> Path | None:
    """The folder of this name in a folder, in capitals or small letters; None if there is none."""
    return next((folder / each for each in (name, name.lower()) if (folder / each).is_dir()), None)


def _captions(folder: Path, shape: tuple[int, int, int], limit: int | None) -> Pictures:
    paths: dict[str, Path] = {}
    twins = []
    texts = folder / TEXTS
    for path in listed(_pictures_of_texts(folder) if texts.is_dir() else folder):
        if paths.setdefault(spelled(path.relative_to(folder).as_posix()), path) is not path:
            twins.append(
                f"{path}: another file has this name, with accents stored otherwise; rename it."
            )
    written = folder / CAPTIONS
    if written.is_file():
        captions, reasons = _written(written, paths)
    elif texts.is_dir():
        captions, reasons = _apart(texts, paths)
    else:
        captions, reasons = _beside(paths)
    caption = {paths[name]: lines for name, lines in captions.items()}
    kept = _read(folder, caption, shape, limit, twins + reasons)
    images = torch.stack([image for _, image in kept])
    found: list = [tuple(caption[path]) for path, _ in kept]
    if all(len(lines) == 1 for lines in found):
        found = [text for (text,) in found]
    return _yours(folder, {"image": images}, texts={"caption": found})


def _pictures_of_texts(folder: Path) -> Path:
    """The folder of the pictures that `TEXTS` describes; others, such as CUB's masks, have none."""
    for name in BESIDE_TEXTS:
        if (folder / name).is_dir():
            return folder / name
    raise CourseError(
        f"{folder}: has {TEXTS}, and no pictures beside it; add those of CUB-200-2011 as images, "
        "or those of Oxford-102 as jpg."
    )


def _lines(texts: Iterable[str]) -> list[str]:
    """Captions without spaces around them. What has no letter and no digit is none."""
    plain = (" ".join(text.encode(errors="ignore").decode().split()) for text in texts)
    return [text for text in plain if any(map(str.isalnum, text))]


def _written(path: Path, known: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """({name of a picture: captions}, reasons why others are left out) of a captions.json."""
    try:  # as pairs, since a dict would keep only the last caption of a name
        entries = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=tuple)
    except (ValueError, RecursionError, OSError) as error:
        raise CourseError(
            f"{path}: cannot be read as JSON ({error}); repair it, or save it again as UTF-8."
        ) from error
    form = '{"cat.jpg": "a grey cat", ...}, or a list of captions for each'
    if not isinstance(entries, tuple):
        raise CourseError(f"{path}: not one caption for each name; write {form}.")
    captions: dict[str, list[str]] = {}
    reasons = []
    for name, given in entries:
        name = spelled(name.replace("\\", "/").removeprefix("./"))
        if name in captions:
            raise CourseError(
                f"{path}: {name} occurs twice; keep one, with a list if it has several captions."
            )
        texts = given if isinstance(given, list) else [given]
        if not all(isinstance(text, str) for text in texts):
            raise CourseError(f"{path}: the caption of {name} is not a text; write {form}.")
        captions[name] = _lines(texts)
    known = dict.fromkeys(known)
    for name in captions.keys() - known.keys():
        reasons.append(
            f"{path.parent / name}: has a caption, but there is no such picture; add it."
        )
    for name in known:
        if not captions.get(name):
            reasons.append(f"{path.parent / name}: no caption; add it to {path.name}.")
    return {name: captions[name] for name in known if captions.get(name)}, sorted(reasons)


def _beside(known: dict[str, Path]) -> tuple[dict[str, list[str]], list[str]]:
    """({name of a picture: captions}, reasons to leave out others) from cat.txt beside cat.jpg."""
    files = {}
    for name, path in known.items():
        forms = (unicodedata.normalize(form, path.stem) for form in ("NFC", "NFD"))
        beside = [path.with_name(f"{stem}.txt") for stem in (path.stem, *forms)]
        files[name] = next((each for each in beside if each.is_file()), beside[0])
    return _in_files(files, known)


def _apart(texts: Path, known: dict[str, Path]) -> tuple[dict[str, list[str]], list[str]]:
    """The same from a folder of texts: NAME.txt in any folder there belongs to NAME.jpg."""
    places: dict[str, list[Path]] = {}
    for path in sorted(texts.rglob("*.txt")):
        if not path.name.startswith("."):
            places.setdefault(spelled(path.stem), []).append(path)
    files, reasons = {}, []
    for name, path in known.items():
        found = places.get(spelled(path.stem), [texts / path.parent.name / f"{path.stem}.txt"])
        same = [each for each in found if each.parent.name == path.parent.name]
        if len(same or found) > 1:
            reasons.append(f"{path}: captions in {found[0]} and {found[1]}; keep one of the two.")
        else:
            files[name] = (same or found)[0]
    for stem in sorted(places.keys() - {spelled(path.stem) for path in known.values()}):
        reasons.append(f"{places[stem][0]}: captions of no picture; add {stem}.jpg.")
    captions, others = _in_files(files, known)
    return captions, reasons + others


def _in_files(
    files: dict[str, Path], known: dict[str, Path]
) -> tuple[dict[str, list[str]], list[str]]:
    """({name of a picture: captions}, reasons to leave out others): each line of its file is one.

    Args:
        files: the name of a picture -> the file of its captions.
        known: the name of a picture -> its file.
    """
    captions: dict[str, list[str]] = {}
    owner: dict[Path, Path] = {}
    reasons = []
    for name, file in files.items():
        path = known[name]
        try:
            lines = _lines(file.read_text(encoding="utf-8-sig").splitlines())
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            reasons.append(f"{path}: no caption in {file.name} ({why}); write it there, in UTF-8.")
            continue
        if not lines:
            reasons.append(
                f"{path}: no caption, {file.name} is empty or has no letter; write it there."
            )
        elif owner.setdefault(file, path) is not path:
            reasons.append(
                f"{path}: {file.name} is the caption of {owner[file].name}; rename one of the two."
            )
        else:
            captions[name] = lines
    return captions, reasons


def _read(
    folder: Path,
    paths: Iterable[Path],
    shape: tuple[int, int, int],
    limit: int | None,
    reasons: Iterable[str],
) -> list[tuple[Path, Tensor]]:
    return collect(folder, paths, lambda path: picture(path, shape), limit=limit, reasons=reasons)


def _yours(folder: Path, tensors: dict[str, Tensor], **more) -> Pictures:
    return Pictures(tensors, folder.resolve().name, "yours", "your own pictures", **more)
