"""Chapter 2's live figures: two axes of the latent that mean something, for all ten labels."""

from __future__ import annotations

import base64
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

SAMPLES = 3000  # that a pair of axes is found from
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
        shared: the ten labels have the same two axes. Else each has its own: what makes a dress
            brighter does not do so to a shoe.
        reach: how far the pad's edges lie from its middle along the axes. A latent drawn from the
            prior has a standard deviation of .58 along any of them.
        labels: in words.
        asked, other: the labels that are shown large and mixed at the start.
        seed: of the first latent.
    """

    model: str
    measures: dict[str, Callable[[Tensor], Tensor]]
    shared: bool
    reach: float
    labels: tuple[str, ...]
    asked: int
    other: int
    seed: int


HANDS = {
    "handwriting": Hand(
        "cgan",
        {"slant": slant, "ink": ink},
        shared=True,
        reach=2.0,
        labels=tuple("0123456789"),
        asked=4,
        other=9,
        seed=7,
    ),
    "clothes": Hand(
        "cgan-fashion",
        {"brightness": brightness, "size": size},
        shared=False,
        reach=1.4,
        labels=tuple(NAMES),
        asked=3,
        other=8,
        seed=0,
    ),
}


@cache
def axes(name: str) -> Tensor:
    """Two directions of length 1 in the latent for the measures of a figure, for each label.

    A measure is regressed on the latent, over samples of all labels, and taken relative to the mean
    and spread of its label. Each axis is then turned until the other measure's slope along it is 0.

    Returns:
        (10, 2, 100), where shared axes are ten times the same.
    """
    hand = HANDS[name]
    n = SAMPLES if hand.shared else 10 * SAMPLES
    z = uniform_latents(n, 100, torch.Generator().manual_seed(0))
    pictures = models.load(hand.model).sample(latent=z, label=torch.arange(n) % 10)
    z = z.double().view(-1, 10, 100).transpose(0, 1)  # by label
    slopes = []
    for measure in hand.measures.values():
        values = measure(pictures).view(-1, 10).T
        values = (values - values.mean(1, keepdim=True)) / values.std(1, keepdim=True)
        if hand.shared:
            slope = torch.linalg.lstsq(z.flatten(0, 1), values.flatten()[:, None]).solution
            slope = slope.expand(10, -1, -1)
        else:
            slope = torch.linalg.lstsq(z, values[..., None]).solution
        slopes.append(unit(slope[..., 0]))
    first, second = slopes
    return torch.stack([without(first, second), without(second, first)], 1)


def unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)


def without(vectors: Tensor, others: Tensor) -> Tensor:
    """The direction that each vector has at right angles to its other one, of length 1."""
    return unit(flattened(vectors, unit(others)))


def flattened(vectors: Tensor, directions: Tensor) -> Tensor:
    """What is left of vectors when they have nothing along directions of length 1."""
    return vectors - (vectors * directions).sum(-1, keepdim=True) * directions


def neutral(name: str, z: Tensor) -> Tensor:
    """Latents (N, 100), for each label without what they have along its two axes: (N, 10, 100)."""
    first, second = axes(name).unbind(1)
    return flattened(flattened(z[:, None], first), without(second, first))


def moved(name: str, z: Tensor, x: float, y: float) -> Tensor:
    """Latents (N, 100) at the place (x, y) of the pad, both -1..1: (N, 10, 100), one per label.

    They stay within the prior's box. (0, 0) is the pad's middle.
    """
    hand, place = HANDS[name], torch.tensor([x, y], dtype=torch.float64)
    to = torch.einsum("a,kad->kd", place, axes(name))
    return (neutral(name, z) + hand.reach * to).clamp(-1, 1).float()


def start(name: str) -> Tensor:
    """The latent that a figure begins with, (1, 100)."""
    return uniform_latents(1, 100, torch.Generator().manual_seed(HANDS[name].seed)).double()


def data(name: str) -> dict:
    hand = HANDS[name]
    own = axes(name)[:1] if hand.shared else axes(name)
    finest = own.abs().max() / 127
    whole = (own / finest).round().to(torch.int8)
    return {
        "names": list(hand.measures),
        "axes": base64.b64encode(whole.numpy().tobytes()).decode(),  # one pair, or one per label
        "finest": round(finest.item(), 7),
        "latent": start(name)[0].round(decimals=4).tolist(),
        "reach": hand.reach,
        "labels": list(hand.labels),
        "asked": hand.asked,
        "other": hand.other,
    }


def still(name: str) -> Image.Image:
    """The pad with its knob a little off the middle, the label asked for, and all ten."""
    hand, place = HANDS[name], (0.4, 0.2)
    z = moved(name, start(name), *place)[0]
    pictures = models.load(hand.model).sample(latent=z, label=torch.arange(10))
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
