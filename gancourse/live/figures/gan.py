"""Chapter 1's live figures."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.chapters import gan
from gancourse.data.toy import ring
from gancourse.layers import gaussian_latents
from gancourse.live.figures import Figure
from gancourse.show.explorers import walk
from gancourse.show.grids import tile
from gancourse.show.style import DPI, MUTED, Plate, house
from gancourse.show.toy import draw_points, draw_probability, name_axes

LIMITS = (-3.0, 3.0, -3.0, 3.0)
STEPS = 400
MOMENTA = (0.5, 0.9)  # Adam's beta1: the game works, and it collapses


def ring_still() -> Image.Image:
    """Two games after 400 steps, 840 px wide, that differ in Adam's momentum alone."""
    data = ring(modes=8, std=0.1).sample(10_000, 0)
    plate = Plate(width=840 / DPI, height=4.2)
    with house():
        for axes, beta1 in zip(plate.subplots(1, 2, sharey=True), MOMENTA, strict=True):
            config = gan.Config.at("check", "toy", beta1=beta1, steps=STEPS)
            game = models.play(config, data, seed=0, device="cpu", progress=False).game
            fake = game.sample(300, seed=1)
            draw_probability(axes, game.discriminator, LIMITS)
            name_axes(axes, draw_points(axes, data["point"][:300], fake, limits=LIMITS))
            axes.set_title(f"Momentum {beta1}, step {STEPS}")
        plate.legend(handles=axes.get_legend_handles_labels()[0], loc="outside upper left", ncols=2)
    return plate.picture()


# --- walk: from one digit to another

CHOICE, FRAMES = 8, 11  # digits to choose from; pictures of the filmstrip
WALK_SEED = 8  # of the first eight digits, among which most kinds of digit occur
START, END = 1, 4  # where the first walk begins and ends


def walk_latents() -> Tensor:
    """The first eight digits' latents, (8, 100) float64, rounded as the script gets them."""
    latents = gaussian_latents(CHOICE, 100, torch.Generator().manual_seed(WALK_SEED))
    return latents.double().round(decimals=3)


def walk_data() -> dict:
    latents = walk_latents().tolist()
    return {"latents": latents, "start": START, "end": END, "frames": FRAMES}


def walk_still() -> Image.Image:
    """The digits to choose from, the picture halfway, and the filmstrip."""
    latents, game = walk_latents(), models.load("gan")
    ends = latents[START], latents[END]
    way = [torch.from_numpy(walk(*ends, t)) for t in torch.linspace(0, 1, FRAMES).tolist()]
    sheets = [
        tile(game.sample(latent=rows.float()), len(rows))
        for rows in (latents, way[FRAMES // 2][None], torch.stack(way))
    ]
    plate = Plate(width=7, height=4.6, layout=None)
    places = (0.02, 0.755, 0.96, 0.19), (0.3, 0.265, 0.4, 0.44), (0.02, 0.04, 0.96, 0.15)
    with house():
        for sheet, place in zip(sheets, places, strict=True):
            axes = plate.add_axes(place)
            axes.imshow(sheet, interpolation="nearest")
            axes.set_axis_off()
        for index, word in (START, "start"), (END, "end"):
            x = 0.02 + 0.96 * (index + 0.5) / CHOICE
            plate.text(x, 0.95, word, fontsize=11.5, color=MUTED, ha="center")
    return plate.picture()


FIGURES = {
    "ring": Figure(
        still=ring_still,
        alt="Two maps of the plane, coloured by the discriminator's D(x), with eight clusters of "
        "real points on a ring. With momentum 0.5 the generated points lie along it and reach all "
        "eight clusters; with 0.9 they are a swarm inside it, on its way to another cluster.",
    ),
    "walk": Figure(
        still=walk_still,
        alt="Eight generated digits, two of them marked as start and end. Below, large, the "
        "picture halfway between the two, and a strip of eleven pictures in which the first digit "
        "turns into the second by small steps.",
        models=("gan",),
        data=walk_data,
    ),
}
