"""Chapter 4's live figure: pick or type the words of a sentence, and see both stages draw it."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from PIL import Image

from gancourse import models, text
from gancourse.data import scenes
from gancourse.live.figures import Figure
from gancourse.show.grids import to_bytes
from gancourse.show.style import INK, MUTED, Plate, house

DRAWS = 6  # pictures of one sentence, each with noise of its own
# What is said first: a list of words, its heading there, and the word.
START = {
    "size": "small", "colour": "red", "thing": "boat", "place": "", "second size": "",
    "second colour": "", "second thing": "tree", "ground": "on a lake", "light": "under the moon",
    "sky": "", "weather": "",
}  # fmt: skip
SENTENCE = "a small red boat on a lake under the moon"  # the same
PLACES = {"and": "{} and {}", "left of": "{} left of {}", "right of": "{} right of {}"}


def phrases(*names: str) -> list[str]:
    """The first way to say each of some values."""
    return [scenes.WORDS[name][0] for name in names]


def lists() -> dict[str, list[str]]:
    """The words to pick from, by kind."""
    named = scenes.ATTRIBUTES
    return {
        "size": phrases(*named["first_size"]),
        "colour": phrases(*named["first_colour"]),
        "thing": phrases(*named["first"]),
        "ground": phrases(*named["ground"]),
        "light": phrases(*(each for each in named["light"] if each != "none")),
        "sky": phrases(*named["sky"]),
        "weather": phrases(*("falling" if each == "snow" else each for each in named["weather"])),
    }


def never_trained() -> list[str]:
    """Things in the colours that no training picture has and no training sentence says."""
    return sorted(
        f"{colour} {thing}"
        for name, kept in scenes.HELD_OUT_COLOURS.items()
        for colour, thing in product(set(scenes.WORDS[kept]), set(scenes.WORDS[name]))
    )


@cache
def data() -> dict:
    """The encoder's words in the order of their numbers, what the lists offer, and how far draws
    may differ.
    """
    numbers = models.load("stackgan-words").encoder.vocabulary.numbers
    return {
        "vocabulary": sorted(numbers, key=numbers.get),
        "longest": text.LONGEST,
        "letters": text.LETTERS,
        "draws": DRAWS,
        "temperature": models.load("stackgan").config.temperature,
        "start": START,
        "lists": lists(),
        "places": PLACES,
        "neverTrained": never_trained(),
    }


def still() -> Image.Image:
    """The figure where it starts."""
    small, large = models.load("stackgan").stages(DRAWS, text=SENTENCE, seed=0)
    first, second = np.asarray(to_bytes(small.cpu())), np.asarray(to_bytes(large.cpu()))
    plate = Plate(width=7, height=5.2, layout=None)
    places = [(0.02 + 0.49 * i, 0.26, 0.47, 0.6327) for i in range(2)]
    places += [(0.02 + 0.163 * i, 0.02, 0.145, 0.1952) for i in range(DRAWS)]
    with house():
        for place, picture in zip(places, [first[0], second[0], *second], strict=True):
            axes = plate.add_axes(place)
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
        plate.text(0.02, 0.955, f"“{SENTENCE}”", fontsize=14, color=INK)
        for x, stage, each in ((0.02, "Stage I", first), (0.51, "Stage II", second)):
            side = each.shape[1]
            plate.text(x, 0.905, f"{stage}, {side} × {side} px", fontsize=12, color=MUTED)
        plate.text(0.02, 0.227, "other draws", fontsize=12, color=MUTED)
    return plate.picture()


FIGURES = {
    "words": Figure(
        still=still,
        alt=f"The sentence “{SENTENCE}” above two pictures of it, a coarse one by Stage I and one "
        f"with twice as many pixels a side by Stage II, and below them a row of {DRAWS} small "
        "pictures of the same sentence, each drawn with other noise.",
        models=("stackgan-words", "stackgan-stage1", "stackgan"),
        data=data,
        sources=("data",),
    )
}
