"""Scenes and sentences, both made by our own code: "a small red boat on a lake under the moon".

What a picture shows is known, and so is what its sentence says of it. That makes two things
possible which photos with captions do not allow: a caption is *wrong* exactly if it says what the
picture does not show, and a generator can be asked for combinations that it has never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gancourse.data import scene_art as art
from gancourse.data import wording
from gancourse.data.sources import About, Pictures, one_of
from gancourse.files import CourseError

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "sky": ("day", "sunset", "night"),
    "light": ("none", "sun", "moon", "stars"),
    "weather": ("clear", "clouds", "rain", "snow"),
    "ground": tuple(art.GROUNDS),
    "first": tuple(art.THINGS),
    "first_colour": tuple(art.COLOURS),
    "first_size": tuple(art.SIZES),
    "second": ("none", *art.THINGS),
    "second_colour": tuple(art.COLOURS),
    "second_size": tuple(art.SIZES),
}
# What no picture of "train" shows and no sentence of it says; every picture of "test" shows one.
HELD_OUT_COLOURS = {
    "house": "purple", "tree": "pink", "fir": "blue", "car": "green", "balloon": "white",
    "flower": "orange", "boat": "yellow",
}  # fmt: skip
HELD_OUT_PAIRS = {("boat", "tree"), ("car", "house"), ("flower", "balloon")}  # left of right
HELD_OUT_GROUNDS = {"sunset": "snow"}  # sky -> ground

WORDS: dict[str, tuple[str, ...]] = {
    "house": ("house", "cottage", "home"),
    "tree": ("tree", "leafy tree", "oak"),
    "fir": ("fir", "fir tree", "pine"),
    "car": ("car", "automobile"),
    "balloon": ("balloon", "hot-air balloon"),
    "flower": ("flower", "blossom"),
    "boat": ("boat", "sailing boat", "yacht"),
    "red": ("red", "red", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow", "yellow", "golden"),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "rosy"),
    "white": ("white",),
    "small": ("small", "little", "tiny"),
    "big": ("big", "large", "huge"),
    "grass": ("on grass", "in a meadow", "on green grass", "in a field"),
    "sand": ("on sand", "on a beach", "in the desert"),
    "snow": ("on snow", "in the snow", "on snowy ground"),
    "water": ("on a lake", "on the water", "on the sea"),
    "day": ("by day", "in the daytime", "in daylight"),
    "sunset": ("at sunset", "in the evening", "at dusk"),
    "night": ("at night", "in the dark", "after dark"),
    "sun": ("under the sun", "in sunshine", "while the sun shines"),
    "moon": ("under the moon", "in the moonlight", "while the moon shines"),
    "stars": ("under the stars", "in starlight", "while the stars shine"),
    "clear": ("under a clear sky", "in clear weather"),
    "clouds": ("under clouds", "in cloudy weather", "with clouds in the sky"),
    "rain": ("in the rain", "while it rains", "in rainy weather"),
    "falling": ("in falling snow", "while it snows", "in snowy weather"),
}
# Other words for the same, none of which is in a sentence of this data set: for asking how well an
# encoder reads what it was not taught. A word with two meanings is here for its more common one.
OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "house": ("hut", "cabin", "villa", "bungalow"),
    "tree": ("maple", "birch", "elm"),
    "fir": ("spruce", "conifer", "Christmas tree"),
    "car": ("taxi", "limousine", "jeep"),
    "balloon": ("airship", "zeppelin", "blimp"),
    "flower": ("rose", "tulip", "daisy"),
    "boat": ("ship", "dinghy", "sailboat"),
    "red": ("crimson", "ruby", "vermilion"),
    "orange": ("tangerine", "apricot"),
    "yellow": ("lemon", "mustard"),
    "green": ("emerald", "lime", "olive"),
    "blue": ("azure", "navy", "cobalt"),
    "purple": ("lilac", "lavender", "mauve"),
    "pink": ("fuchsia", "magenta"),
    "white": ("ivory", "snow-white"),
    "small": ("miniature", "mini"),
    "big": ("enormous", "giant", "massive"),
    "grass": ("on a lawn", "in a pasture", "on the prairie"),
    "sand": ("on a dune", "at the seaside", "on the shore"),
    "snow": ("on ice", "on a glacier", "on a ski slope"),
    "water": ("on a river", "on the ocean", "on a pond"),
    "day": ("at noon", "in the morning", "in the afternoon"),
    "sunset": ("at twilight", "at sundown"),
    "night": ("at midnight", "after nightfall"),
    "sun": ("while it is sunny",),
    "moon": ("beneath a crescent",),
    "stars": ("under the Milky Way", "beneath the constellations"),
    "clear": ("in fine weather", "under a cloudless sky"),
    "clouds": ("in overcast weather", "under an overcast sky"),
    "rain": ("in a downpour", "in a drizzle", "in a thunderstorm"),
    "falling": ("in a blizzard", "in a snowstorm"),
}
SIDE_BY_SIDE = (
    "{left} and {right}", "{left} beside {right}", "{left} next to {right}",
    "{left} left of {right}", "{left} to the left of {right}", "{right} right of {left}",
    "{right} to the right of {left}", "on the left {left} and on the right {right}",
)  # fmt: skip
SAID = {"colour": 0.92, "size": 0.7, "ground": 0.85, "sky": 0.6, "light": 0.6, "weather": 0.5}
ROWS = {"train": 24_000, "test": 2_000, "judge": 24_000}
SIDES = (16, 1024)
ABOUT = {
    "scenes": About(
        title="scenes drawn from words",
        credit="",
        licence="MIT, as the course",
        weights_licence="MIT, as the course",
        limits="Flat drawings of one or two things out of seven, in eight colours, with a sky and "
        "a ground. It knows the words of `gancourse.data.scenes.WORDS` and no others.",
        holds="image (3, S, S) with caption, facts and said",
        sizes={"made": (ROWS["train"], ROWS["test"])},
        splits={"train": "drawn without the held-out combinations"},
    )
}


def draw_words(lot: np.random.Generator) -> dict[str, str]:
    """What a scene shows, drawn by lot: a value of each of `ATTRIBUTES`."""
    words = {name: str(lot.choice(values)) for name, values in ATTRIBUTES.items()}
    words["weather"] = str(lot.choice(["clear", "clear", "clouds", "rain", "snow"]))
    words["second"] = "none" if lot.random() < 0.35 else str(lot.choice(tuple(art.THINGS)))
    overcast = words["weather"] in ("rain", "snow")
    lights = {"day": ("sun", "sun", "none"), "sunset": ("sun", "none"), "night": ("moon", "stars")}
    words["light"] = "none" if overcast else str(lot.choice(lights[words["sky"]]))
    if words["light"] == "stars":
        words["weather"] = "clear"  # clouds would hide them
    return words


def held_out(words: Mapping[str, str]) -> bool:
    """Whether a scene has a combination that no training picture has."""
    slots = ("first",) if words["second"] == "none" else ("first", "second")
    colours = any(HELD_OUT_COLOURS[words[slot]] == words[f"{slot}_colour"] for slot in slots)
    pair = (words["first"], words["second"]) in HELD_OUT_PAIRS
    return colours or pair or HELD_OUT_GROUNDS.get(words["sky"]) == words["ground"]


def facts_of(words: Mapping[str, str]) -> list[int]:
    """The values of a scene by number, in the order of `ATTRIBUTES`; -1: not to be seen."""
    hidden = {"second_colour", "second_size"} if words["second"] == "none" else set()
    return wording.numbers(words, ATTRIBUTES, hidden)


def sentence(
    words: Mapping[str, str],
    lot: np.random.Generator,
    ways: Mapping[str, Sequence[str]] = WORDS,
) -> tuple[str, list[int]]:
    """A sentence for a scene, and what it says: numbers like those of `facts_of`; -1: not said.

    The things are always named, the rest often. Without a word for their places, two things stand
    as they are read: the first on the left.
    """
    said = dict.fromkeys(ATTRIBUTES, False)

    def says(name: str) -> bool:
        said[name] = bool(lot.random() < SAID[name.rpartition("_")[2]])
        return said[name]

    def word(name: str) -> str:
        return str(lot.choice(ways[name]))

    def thing(slot: str) -> str:
        said[slot] = True
        kinds = [word(words[slot])]
        kinds[:0] = [word(words[f"{slot}_colour"])] if says(f"{slot}_colour") else []
        kinds[:0] = [word(words[f"{slot}_size"])] if says(f"{slot}_size") else []
        phrase = " ".join(kinds)
        return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"

    things = thing("first")
    if words["second"] == "none":
        said["second"] = True  # one thing was named: there is no other
    else:
        order = str(lot.choice(SIDE_BY_SIDE))
        things = order.format(left=things, right=thing("second"))
    around = [word(words["ground"])] if says("ground") else []
    if words["light"] != "none" and says("light"):
        around.append(word(words["light"]))
        said["sky"] |= words["light"] in ("moon", "stars")  # they shine at night only
    if says("sky"):
        around.append(word(words["sky"]))
    said["sky"] |= said["light"] and words["light"] in ("moon", "stars")
    if says("weather"):
        around.append(word("falling" if words["weather"] == "snow" else words["weather"]))
    around = [around[i] for i in lot.permutation(len(around))]
    before = around[:1] if len(around) > 1 and lot.random() < 0.3 else []
    text = ", ".join([*before, " ".join([things, *around[len(before) :]])])
    return text, [
        value if said[name] else -1 for name, value in zip(said, facts_of(words), strict=True)
    ]


def with_other_words(n: int, seed: int = 0) -> tuple[list[str], Tensor, list[dict[str, str]]]:
    """Sentences of which one word each is one of `OTHER_WORDS`, `n` for every such word.

    Returns:
        the sentences; what they say, (N, K) int64 as "said" of `load`; and of each sentence the
        other word, "word", what it stands for, "value", and the "attribute" that has this value.
    """
    texts, said, about = [], [], []
    names = list(ATTRIBUTES)
    for row, (key, others) in enumerate(OTHER_WORDS.items()):
        value = "snow" if key == "falling" else key
        of = {**dict.fromkeys(art.GROUNDS, "ground"), "falling": "weather"}
        name = of.get(key) or next(name for name in names if key in ATTRIBUTES[name])
        for i, word in enumerate(others):
            lot = np.random.default_rng((seed, row, i))
            found = 0
            while found < n:
                words = draw_words(lot)
                text, says = sentence(words, lot, {**WORDS, key: (word,)})
                # The moon says that it is night as well, and then the word may be missing.
                if words[name] == value and says[names.index(name)] >= 0 and word in text:
                    texts.append(text)
                    said.append(says)
                    about.append({"word": word, "value": value, "attribute": name})
                    found += 1
    return texts, torch.tensor(said), about


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
    """Scenes that are drawn when they are asked for, each with a sentence.

    Tensors "image" (N, 3, size, size) uint8; "facts" (N, K) int64, what a picture shows of the K
    `ATTRIBUTES`, and "said" (N, K), what its sentence says of them; -1 where there is nothing to
    see, or nothing is said. Texts "caption". "test" holds only scenes with a combination that no
    scene of "train" has; "judge", for the network that reads them, holds scenes of both kinds.

    Args:
        size: of a picture in px; the same scenes at every size.
        n: how many (default: 24,000, and 2,000 for testing).
        seed: of the scenes; the same number gives other scenes in each split.
        source, root, strict: as every loader takes them. The scenes are always made.

    Raises:
        CourseError: an unknown split or source, or a size or number that cannot be.
    """
    one_of("split", split, tuple(ROWS), "scenes")
    one_of("source", source, ("auto", "bundled", "full"), "scenes")
    n = ROWS[split] if n is None else n
    whole(size, "size", *SIDES)
    whole(n, "n", 1)
    whole(seed, "seed", 0)
    image = np.empty((n, size, size, 3), np.uint8)
    texts, facts, said = [], [], []
    for row in tqdm(range(n), desc=f"drawing scenes, {split}", leave=False, disable=n < 2_000):
        lot = np.random.default_rng((seed, tuple(ROWS).index(split), row))
        words = draw_words(lot)
        while split != "judge" and held_out(words) != (split == "test"):
            words = draw_words(lot)
        text, says = sentence(words, lot)
        texts.append(text)
        said.append(says)
        facts.append(facts_of(words))
        image[row] = art.draw(words, lot, size)
    tensors = {
        "image": torch.from_numpy(image).permute(0, 3, 1, 2).contiguous(),
        "facts": torch.tensor(facts),
        "said": torch.tensor(said),
    }
    about = ABOUT["scenes"]
    return Pictures(
        tensors, f"scenes {split}", "made", about.terms, texts={"caption": texts}, words=ATTRIBUTES
    )


def whole(value, name: str, least: int, most: int | None = None) -> None:
    """Raise a CourseError unless a number is whole and within its bounds."""
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        until = "up" if most is None else f"to {most}"
        raise CourseError(f"{name}={value!r}: give a whole number from {least} {until}.")


def described(values: Sequence[int]) -> dict[str, str]:
    """A row of "facts" or "said" in words: {"sky": "night", ...}; what is -1 is left out."""
    return wording.described(values, ATTRIBUTES)
