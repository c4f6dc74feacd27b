"""Chapter 1's live figures."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.layers import gaussian_latents
from gancourse.live.figures import Figure
from gancourse.show.explorers import walk
from gancourse.show.grids import tile
from gancourse.show.style import MUTED, Plate, house


def ring_still() -> Image.Image:
    return Image.new("RGB", (720, 360), "white")


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
    return Image.open(io.BytesIO(plate.png())).convert("RGB")


FIGURES = {
    "ring": Figure(still=ring_still, alt="A ring of eight clusters."),
    "walk": Figure(
        still=walk_still,
        alt="Eight generated digits, two of them marked as start and end. Below, large, the "
        "picture halfway between the two, and a strip of eleven pictures in which the first digit "
        "turns into the second by small steps.",
        models=("gan",),
        data=walk_data,
    ),
}
