"""Drawn faces and sentences: "a smiling person with a pink mohawk and round blue glasses".

The faces are put together from parts that Micah Lanier drew; data/faces says how. Their sentences
are made here, when they are loaded. Only what can be seen at 32 px has a word: a small network
reads every attribute of real faces right at that size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancourse.data import wording
from gancourse.data.sources import About, Pictures, bundled, one_of
from gancourse.data.wording import Telling, filled
from gancourse.files import CourseError

FILE = "faces/portraits.npz"
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair": ("bald", "mohawk", "quiff", "fringe", "bob", "long", "turban"),
    "hair_colour": ("black", "brown", "blond", "orange", "grey", "blue", "pink", "green", "purple"),
    "skin": ("light", "tan", "dark"),
    "glasses": ("none", "round", "square"),
    "frame": ("black", "white", "red", "blue"),
    "beard": ("none", "beard"),
    "earrings": ("none", "hoop"),
    "mouth": ("smiling", "laughing", "sad", "surprised"),
    "shirt": ("t-shirt", "sweater", "collared"),
    "shirt_colour": (
        "white", "black", "red", "orange", "yellow", "green", "blue", "purple", "pink",
    ),
    "background": ("white", "grey", "yellow", "green", "blue", "pink"),
}  # fmt: skip
# What no picture and no sentence of "train" has, and every picture of "test" has one of: about an
# eighth of the pairs of each kind.
HELD_OUT = {
    ("hair", "hair_colour"): {
        ("mohawk", "pink"), ("quiff", "purple"), ("fringe", "grey"), ("bob", "blue"),
        ("long", "green"), ("turban", "orange"), ("turban", "black"),
    },
    ("glasses", "frame"): {("round", "blue")},
    ("shirt", "shirt_colour"): {("t-shirt", "purple"), ("sweater", "green"), ("collared", "red")},
}  # fmt: skip

# Value -> its words, of which one is drawn by lot; what stands twice comes twice as often.
COLOURS: dict[str, tuple[str, ...]] = {
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "grey", "gray"),
    "brown": ("brown",),
    "blond": ("blond", "blonde"),
    "red": ("red", "red", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink",),
}
OF_HAIR = {"orange": ("orange", "ginger"), "grey": ("grey", "gray", "silver")}
OF_CLOTH = {"blond": ("yellow",)}  # a turban has a hair's colour, but is none
HAIR: dict[str, tuple[str, ...]] = {
    "bald": ("a bald head", "no hair"),
    "mohawk": ("a {} mohawk", "{} hair in a mohawk", "a {} mohican"),
    "quiff": ("a {} quiff", "{} hair in a quiff", "short {} hair swept up"),
    "fringe": ("a {} fringe", "{} hair with a fringe", "{} hair with bangs"),
    "bob": ("a {} bob", "{} hair in a bob", "chin-length {} hair"),
    "long": ("long {} hair", "long wavy {} hair", "{} hair down to the shoulders"),
    "turban": ("a {} turban", "a {} headscarf"),
}
SKIN: dict[str, tuple[str, ...]] = {
    "light": ("light", "pale"), "tan": ("tan", "tanned"), "dark": ("dark", "dark brown"),
}  # fmt: skip
GLASSES = (  # colour, shape
    "{} {} glasses", "{1} {0} glasses", "{1} glasses with a {0} frame", "{} {} spectacles",
)  # fmt: skip
NAMELESS = ("{1} glasses", "{1} spectacles")  # their colour is not said
NO_GLASSES = ("no glasses", "no spectacles")
BEARD: dict[str, tuple[str, ...]] = {
    "none": ("no beard", "a shaven chin"), "beard": ("a {} beard", "a full {} beard"),
}  # fmt: skip
EARRINGS: dict[str, tuple[str, ...]] = {
    "none": ("no earring", "no earrings"),
    "hoop": ("a hoop earring", "a gold earring", "a big golden hoop"),
}
MOODS: dict[str, tuple[str, ...]] = {  # before the person
    "smiling": ("smiling",),
    "laughing": ("laughing",),
    "sad": ("sad", "frowning", "unhappy"),
    "surprised": ("surprised", "astonished"),
}
MOUTHS: dict[str, tuple[str, ...]] = {  # among what the person has
    "smiling": ("a smile",),
    "laughing": ("a big laugh",),
    "sad": ("a frown", "a sad mouth"),
    "surprised": ("a surprised look",),
}
SHIRTS: dict[str, tuple[str, ...]] = {
    "t-shirt": ("t-shirt", "tee"),
    "sweater": ("sweater", "jumper", "pullover"),
    "collared": ("collared shirt", "polo shirt"),
}
PEOPLE = ("a {} person", "a {} person", "a {} face", "a portrait of a {} person")
SOMEBODY = ("somebody", "someone")  # takes no adjective before it
WEARING = ("wearing", "in", "dressed in")
BEHIND = ("on a {} background", "against a {} background", "in front of a {} wall")
# In which fraction of the sentences a part is said; "kind": the shape of glasses and of a shirt
# whose colour is said; "no": that there are no glasses, no beard, no earring.
SAID = {
    "hair": 0.9, "colour": 0.92, "kind": 0.9, "skin": 0.5, "glasses": 0.9, "beard": 0.85,
    "earrings": 0.85, "no": 0.3, "mouth": 0.7, "shirt": 0.85, "background": 0.75,
}  # fmt: skip
SURELY = ("hair", "shirt", "background")  # one of them is never left out
LISTED = 0.15  # of the sentences are none: "pink mohawk, round glasses, red jumper"

SPLITS = ("train", "test", "judge")
ROWS = {"train": 6_000, "test": 1_000, "judge": 3_000}
SIZES = (32, 64)
TILE = 16  # px: faces are stored in tiles
ABOUT = {
    "portraits": About(
        title="faces drawn from words, in Micah Lanier's style",
        credit="Micah Lanier",
        licence="CC BY 4.0",
        weights_licence="CC BY 4.0, as the data; name Micah Lanier, who drew the parts",
        limits="Drawn faces put together from one designer's parts, nobody's face. It knows the "
        "words of `gancourse.data.portraits` and no others.",
        holds="image (3, 64, 64) with facts, said, caption",
        sizes={"bundled": (ROWS["train"], ROWS["test"])},
        splits={"train": "the 6,000 without the held-out combinations"},
    )
}


def held_out(words: Mapping[str, str]) -> bool:
    """Whether a face has a combination that no training picture has."""
    return wording.has_pair(words, HELD_OUT)


def hidden(words: Mapping[str, str]) -> set[str]:
    """The attributes of a face that cannot be seen."""
    frame = {"frame"} if words.get("glasses") == "none" else set()
    bare = words.get("hair") == "bald" and words.get("beard") == "none"
    return frame | ({"hair_colour"} if bare else set())


def facts_of(words: Mapping[str, str]) -> list[int]:
    """The values of a face by number, in the order of `ATTRIBUTES`; -1: not to be seen.

    Raises:
        CourseError: an attribute is missing, or has a value that is not known.
    """
    return wording.numbers(words, ATTRIBUTES, hidden(words))


def sentence(words: Mapping[str, str], lot: np.random.Generator) -> tuple[str, list[int]]:
    """A sentence for a face, and what it says: numbers like those of `facts_of`; -1: not said.

    At least one attribute is said, and most are.

    Raises:
        CourseError: as `facts_of`.
    """
    facts_of(words)  # or an error
    surely = SURELY[int(lot.integers(len(SURELY)))]
    tell = Telling(words, ATTRIBUTES, lot, surely)
    found = [part(tell) for part in (_hair, _glasses, _beard, _earrings, _skin, _mouth)]
    before = tell.shuffled([adjective for adjective, _ in found if adjective])
    has = tell.shuffled([thing for _, thing in found if thing])
    shirt = _shirt(tell)
    behind = _colour(tell, "background") if tell.says("background", SAID["background"]) else ""

    if tell.chance(LISTED):
        things = [*has, shirt, behind and f"{behind} background"]
        return ", ".join([*before, *map(wording.bare, filter(None, things))]), tell.said()
    person = tell.one_of(PEOPLE if before or tell.chance(0.7) else SOMEBODY)
    phrases = [f"with {wording.listed(has)}"] if has else []
    if shirt:
        place = len(phrases) if tell.chance(0.65) else 0  # after what the person has, or before it
        phrases.insert(place, f"{tell.one_of(WEARING)} {shirt}")
    phrases.insert(0, filled(person, " ".join(before)))
    if behind:
        wall = filled(tell.one_of(BEHIND), behind)
        if tell.chance(0.25):
            phrases[0] = f"{wall}, {phrases[0]}"
        else:
            phrases.append(wall)
    return " ".join(phrases), tell.said()


def _colour(tell: Telling, name: str, others: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """A colour by one of its words, which for some things are others."""
    return tell.one_of({**COLOURS, **(others or {})}[tell.words[name]])


# Of each part of a face: what stands before the person, and what the person has. One or both are
# empty.


def _hair(tell: Telling) -> tuple[str, str]:
    hair = tell.words["hair"]
    if not tell.says("hair", SAID["hair"]):
        return "", ""
    if hair == "bald":
        return ("bald", "") if tell.chance(0.5) else ("", tell.one_of(HAIR[hair]))
    colour = ""
    if tell.says("hair_colour", SAID["colour"]):
        colour = _colour(tell, "hair_colour", OF_CLOTH if hair == "turban" else OF_HAIR)
    return "", filled(tell.one_of(HAIR[hair]), colour)


def _glasses(tell: Telling) -> tuple[str, str]:
    shape, colour = tell.words["glasses"], ""
    if shape == "none":
        return "", tell.one_of(NO_GLASSES) if tell.says("glasses", SAID["no"]) else ""
    if not tell.chance(SAID["glasses"]):
        return "", ""
    if tell.says("frame", SAID["colour"]):
        colour = _colour(tell, "frame")
    if not tell.says("glasses", SAID["kind"] if colour else 1):
        shape = ""
    return "", filled(tell.one_of(GLASSES if colour else NAMELESS), colour, shape)


def _beard(tell: Telling) -> tuple[str, str]:
    beard, colour = tell.words["beard"], ""
    if not tell.says("beard", SAID["no" if beard == "none" else "beard"]):
        return "", ""
    if tell.chance(0.3):
        return "clean-shaven" if beard == "none" else "bearded", ""
    if beard != "none":
        # The hair's colour may be said twice. Nothing but the beard shows it on a bald head.
        again = "hair_colour" in tell.told and tell.chance(0.3)
        if again or (tell.words["hair"] == "bald" and tell.says("hair_colour", SAID["colour"])):
            colour = _colour(tell, "hair_colour", OF_HAIR)
    return "", filled(tell.one_of(BEARD[beard]), colour)


def _earrings(tell: Telling) -> tuple[str, str]:
    worn = tell.words["earrings"]
    says = tell.says("earrings", SAID["no" if worn == "none" else "earrings"])
    return "", tell.one_of(EARRINGS[worn]) if says else ""


def _skin(tell: Telling) -> tuple[str, str]:
    skin = tell.words["skin"]
    return "", f"{tell.one_of(SKIN[skin])} skin" if tell.says("skin", SAID["skin"]) else ""


def _mouth(tell: Telling) -> tuple[str, str]:
    mouth = tell.words["mouth"]
    if not tell.says("mouth", SAID["mouth"]):
        return "", ""
    if tell.chance(0.75):
        return tell.one_of(MOODS[mouth]), ""
    return "", tell.one_of(MOUTHS[mouth])


def _shirt(tell: Telling) -> str:
    shirt, colour = "top", ""
    if not (tell.surely == "shirt" or tell.chance(SAID["shirt"])):
        return ""
    if tell.says("shirt_colour", SAID["colour"]):
        colour = _colour(tell, "shirt_colour")
    if tell.says("shirt", SAID["kind"] if colour else 1):
        shirt = tell.one_of(SHIRTS[tell.words["shirt"]])
    return filled(f"a {{}} {shirt}", colour)


def load(
    split: str = "train",
    *,
    size: int = 64,
    n: int | None = None,
    seed: int = 0,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Drawn faces, each with a sentence.

    Tensors "image" (N, 3, size, size) uint8; "facts" (N, K) int64, what a picture shows of the K
    `ATTRIBUTES`, and "said" (N, K), what its sentence says of them; -1 where there is nothing to
    see, or nothing is said. Texts "caption". "test" holds only faces with a combination that no
    face of "train" has; "judge", for the network that reads them, holds other faces of both kinds.

    Args:
        size: of a picture, 64 px or 32; the same faces, shrunk with antialiasing.
        n: no more than so many, from the first on (default: all of the split).
        seed: of the sentences; another number gives the same faces in other words.
        source, root, strict: as every loader takes them. The bundled faces are all there are, so
            every source means them.

    Raises:
        CourseError: an unknown split or source, a size or seed that cannot be.
        DamagedFile: the bundled file is truncated, swapped or changed.
    """
    one_of("split", split, SPLITS, "portraits")
    one_of("source", source, ("auto", "bundled", "full"), "portraits")
    if not isinstance(size, int) or size not in SIZES:
        raise CourseError(
            f"size={size!r}: the portraits have 32 or 64 px a side; give one of the two."
        )
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise CourseError(f"seed={seed!r}: no seed of sentences; give a whole number from 0 up.")
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 1):
        raise CourseError(f"n={n!r}: not a number of faces; give a whole number from 1 up.")
    with np.load(bundled(FILE), allow_pickle=False) as stored:
        drawn = np.stack([stored[name] for name in ATTRIBUTES], axis=1)
        rows, shown = rows_of(split, drawn)
        rows, shown = rows[:n], shown[:n]
        image = torch.from_numpy(joined(stored["image"][:, :, rows]))
    told = [
        sentence(words, np.random.default_rng((seed, int(row))))
        for row, words in zip(rows, shown, strict=True)
    ]
    tensors = {
        "image": image if size == image.shape[2] else halved(image),
        "facts": torch.tensor([facts_of(words) for words in shown]),
        "said": torch.tensor([said for _, said in told]),
    }
    about = ABOUT["portraits"]
    return Pictures(
        tensors,
        f"portraits {split}",
        "bundled",
        about.terms,
        texts={"caption": [text for text, _ in told]},
        words=ATTRIBUTES,
    )


def rows_of(split: str, drawn: np.ndarray) -> tuple[np.ndarray, list[dict[str, str]]]:
    """The rows of a split, and what their faces show in words.

    The first faces with a held-out combination are for testing, the first without one for
    training, and all that come later for the judge.

    Args:
        drawn: (N, K), the values of every face by number.
    """
    words = [described(row) for row in drawn]
    unseen = np.array([held_out(each) for each in words])
    test = np.flatnonzero(unseen)[: ROWS["test"]]
    train = np.flatnonzero(~unseen)[: ROWS["train"]]
    judge = np.setdiff1d(np.arange(len(drawn)), np.concatenate([train, test]))
    rows = {"train": train, "test": test, "judge": judge}[split]
    return rows, [words[row] for row in rows]


def joined(tiles: np.ndarray) -> np.ndarray:
    """Faces in tiles (rows, columns, N, TILE, TILE, 3), as they are stored -> (N, 3, S, S)."""
    down, across, n = tiles.shape[:3]
    return tiles.transpose(2, 5, 0, 3, 1, 4).reshape(n, 3, down * TILE, across * TILE)


def halved(pictures: Tensor) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, H/2, W/2): each pixel the mean of four."""
    rows = pictures[:, :, ::2].short() + pictures[:, :, 1::2]
    return ((rows[..., ::2] + rows[..., 1::2] + 2) // 4).byte()


def described(values: Sequence[int]) -> dict[str, str]:
    """A row of "facts" or "said" in words: {"hair": "bob", ...}; what is -1 is left out."""
    return wording.described(values, ATTRIBUTES)
