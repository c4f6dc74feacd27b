"""Chapter 2's live figures: two axes of the latent that mean something, for all ten labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.data.fashion import NAMES
from gancourse.layers import uniform_latents
from gancourse.live.figures import Figure
from gancourse.metrics.handwriting import slant
from gancourse.show.grids import tile
from gancourse.show.style import FIELD, MUTED, RULE, VERMILION, Plate, house

SAMPLES = 3000  # that the axes are found from
CLOTH = 0.15  # of white: what is brighter belongs to the piece of clothing, the rest is background


def ink(images: Tensor) -> Tensor:
    """How much of each picture (N, 1, 28, 28) in [-1, 1] is ink, in percent: (N,)."""
    return 50 * (images.double() + 1).mean((1, 2, 3))


def size(images: Tensor) -> Tensor:
    """How much of each picture (N, 1, 28, 28) in [-1, 1] is cloth, in percent: (N,)."""
    return 100 * cloth(images).mean((1, 2, 3))


def brightness(images: Tensor) -> Tensor:
    """The mean brightness of the cloth, in percent of white: (N,); 0 where there is none."""
    mask = cloth(images)
    light = (images.double() + 1) / 2 * mask
    return 100 * light.sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)


def cloth(images: Tensor) -> Tensor:
    """1 where a picture is brighter than the background, else 0."""
    return ((images + 1) / 2 > CLOTH).double()


@dataclass(frozen=True)
class Hand:
    """What the figures differ in.

    Attributes:
        model: a published network with ten labels.
        measures: name -> a number for each picture; across the pad, and up.
        reach: how far the pad's edges lie from its middle along the axes. A latent drawn from the
            prior has a standard deviation of .58 along any of them.
        labels: in words.
        asked, other: the labels that are shown large and mixed at the start.
        seed: of the first latent.
    """

    model: str
    measures: dict[str, Callable[[Tensor], Tensor]]
    reach: float
    labels: tuple[str, ...]
    asked: int
    other: int
    seed: int


HANDS = {
    "handwriting": Hand(
        "cgan", {"slant": slant, "ink": ink}, 2.0, tuple("0123456789"), asked=4, other=9, seed=7
    ),
    "clothes": Hand(
        "cgan-fashion",
        {"brightness": brightness, "size": size},
        1.4,
        tuple(NAMES),
        asked=3,
        other=8,
        seed=7,
    ),
}


@cache
def axes(name: str) -> Tensor:
    """Two directions of length 1 in the latent, (2, 100), for the measures of a figure.

    A measure is regressed on the latent, over samples of all labels, and taken relative to the mean
    and spread of its label. Each axis is then turned until the other measure's slope along it is 0.
    """
    hand = HANDS[name]
    z = uniform_latents(SAMPLES, 100, torch.Generator().manual_seed(0))
    pictures = models.load(hand.model).sample(latent=z, label=torch.arange(SAMPLES) % 10)
    z = z.double()
    slopes = []
    for measure in hand.measures.values():
        values = measure(pictures).view(-1, 10)  # a column for each label
        values = ((values - values.mean(0)) / values.std(0)).flatten()
        slopes.append(unit(torch.linalg.lstsq(z, values[:, None]).solution[:, 0]))
    first, second = slopes
    return torch.stack([without(first, second), without(second, first)])


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def without(vector: Tensor, other: Tensor) -> Tensor:
    """The direction that `vector` has at right angles to `other`, of length 1."""
    other = unit(other)
    return unit(vector - other * (vector @ other))


def neutral(name: str, z: Tensor) -> Tensor:
    """Latents (N, 100) without what they have along a figure's two axes: the pad's middle."""
    first, second = axes(name)
    for direction in first, without(second, first):
        z = z - (z @ direction)[:, None] * direction
    return z


def moved(name: str, z: Tensor, x: float, y: float) -> Tensor:
    """Latents (N, 100) at the place (x, y) of the pad, both -1..1, within the prior's box."""
    to = torch.tensor([x, y], dtype=torch.float64) @ axes(name)
    return (z + HANDS[name].reach * to).clamp(-1, 1).float()


def start(name: str) -> Tensor:
    """The latent that a figure begins with, (1, 100)."""
    z = uniform_latents(1, 100, torch.Generator().manual_seed(HANDS[name].seed)).double()
    return neutral(name, z)


def data(name: str) -> dict:
    hand = HANDS[name]
    return {
        "names": list(hand.measures),
        "axes": axes(name).round(decimals=4).tolist(),
        "latent": start(name)[0].round(decimals=4).tolist(),
        "reach": hand.reach,
        "labels": list(hand.labels),
        "asked": hand.asked,
        "other": hand.other,
    }


def still(name: str) -> Image.Image:
    """The pad with its knob a little off the middle, the label asked for, and all ten."""
    hand, place = HANDS[name], (0.4, 0.2)
    z = moved(name, start(name), *place)
    pictures = models.load(hand.model).sample(latent=z.expand(10, -1), label=torch.arange(10))
    plate = Plate(width=7, height=3.9, layout=None)
    across, up = hand.measures
    with house():
        pad = plate.add_axes((0.02, 0.31, 0.4, 0.65))
        pad.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], facecolor=FIELD)
        pad.axhline(0, color=RULE)
        pad.axvline(0, color=RULE)
        pad.plot(*place, "o", color=VERMILION, markersize=16)
        pad.text(0.95, -0.93, f"{across} →", color=MUTED, ha="right")
        pad.text(-0.95, 0.86, f"↑ {up}", color=MUTED)
        for sheet, box in (
            (tile(pictures[hand.asked][None]), (0.47, 0.31, 0.4, 0.65)),
            (tile(pictures, 10), (0.02, 0.04, 0.96, 0.22)),
        ):
            panel = plate.add_axes(box)
            panel.imshow(sheet, interpolation="nearest")
            panel.set_axis_off()
    return plate.picture()


FIGURES = {
    "handwriting": Figure(
        still=partial(still, "handwriting"),
        alt="A square pad with a knob, slant to the right and ink upwards; beside it, large, a "
        "generated 4; below, the digits 0 to 9, which all lean to the right as one hand would "
        "write them.",
        models=("cgan",),
        data=partial(data, "handwriting"),
    ),
    "clothes": Figure(
        still=partial(still, "clothes"),
        alt="A square pad with a knob, brightness to the right and size upwards; beside it, large, "
        "a generated dress; below, ten generated pieces of clothing, one of each class.",
        models=("cgan-fashion",),
        data=partial(data, "clothes"),
        script="handwriting",
    ),
}
