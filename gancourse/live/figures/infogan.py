"""Chapter 3's live figures: a control for each code, named after what it turned out to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.layers import uniform_latents
from gancourse.live.figures import Figure
from gancourse.live.figures.front import front
from gancourse.show.grids import compare

PICTURES = 8  # with a noise of its own each


@dataclass(frozen=True)
class Knobs:
    """The codes of a published network, and the names that the chapter found for them.

    Attributes:
        model: the network.
        categories: for each categorical code its name, or "", and a name for each of its values.
        codes: for each continuous code its name, or "" where nothing was found.
        category: the value that each categorical code starts with.
        sweep: the rows of the still picture: title -> values of the categorical codes, and of the
            continuous ones.
        seed: of the first noise.
    """

    model: str
    categories: Sequence[tuple[str, Sequence[str]]]
    codes: Sequence[str]
    category: Sequence[int]
    sweep: Mapping[str, tuple[Sequence[int], Sequence[float]]]
    seed: int = 0


KNOBS = {
    # Names by matching on 2,000 training digits, and by rank correlation (chapter 3's Explore).
    "codes": Knobs(
        "infogan",
        [("", tuple("5382417906"))],
        ["slant, right to left", "pen, thick to thin"],
        category=(4,),
        sweep={"slant at -1": ((4,), (-1, 0)), "slant at 1": ((4,), (1, 0))},
    ),
    # What separates faces best: an AUC of .94 for glasses and .78 for hats. (Untrained networks
    # reach the .75 for long hair, too.) Where colours are named, it is by rank correlation with
    # those of the place.
    "faces": Knobs(
        "infogan-faces",
        [("glasses", ("", "")), ("hats (partly)", ("", ""))],
        ["", "", "skin, light to dark", "", "shirt, red to blue", "", "", ""],
        category=(0, 0),
        sweep={
            "without glasses": ((0, 0), (0, 0, 0, 0, 0, 0, -1, 0)),
            "with glasses": ((1, 0), (0, 0, 0, 0, 0, 0, -1, 0)),
        },
    ),
}


def noises(name: str) -> Tensor:
    """The first noise, (8, 62) float64 in [-1, 1], rounded as the script gets it."""
    knobs = KNOBS[name]
    n = models.load(knobs.model).config.latent
    noise = uniform_latents(PICTURES, n, torch.Generator().manual_seed(knobs.seed))
    return noise.double().round(decimals=3)


def data(name: str) -> dict:
    knobs, config = KNOBS[name], models.load(KNOBS[name].model).config
    categories = [
        {"name": title, "values": list(values), "start": first}
        for (title, values), first in zip(knobs.categories, knobs.category, strict=True)
    ]
    assert [len(each["values"]) for each in categories] == list(config.categories)
    assert len(knobs.codes) == config.continuous
    noise = noises(name).tolist()
    return {"noise": noise, "categories": categories, "codes": list(knobs.codes)}


def still(name: str) -> Image.Image:
    """The eight pictures with a code at several values."""
    knobs = KNOBS[name]
    game, noise = models.load(knobs.model), noises(name)
    rows = {
        title: game.sample(noise=noise, category=list(category), continuous=list(continuous))
        for title, (category, continuous) in knobs.sweep.items()
    }
    return compare(rows, scale=3).picture()


FIGURES = {
    "front": front("infogan"),
    "codes": Figure(
        still=partial(still, "codes"),
        alt="Two rows of eight generated 4s, from the same noises. With the code for slant at -1 "
        "they all lean to the right, and at 1 they stand upright.",
        models=("infogan",),
        data=partial(data, "codes"),
    ),
    "faces": Figure(
        still=partial(still, "faces"),
        alt="Two rows of the same eight generated faces, for both values of the code for glasses. "
        "In the second row all wear black glasses, and the complexion is darker.",
        models=("infogan-faces",),
        data=partial(data, "faces"),
        script="codes",
    ),
}
