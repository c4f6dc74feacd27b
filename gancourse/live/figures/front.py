"""The live figure of the front page: ten digits that lean and thicken together."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gancourse import models
from gancourse.game import Game
from gancourse.layers import uniform_latents
from gancourse.live.figures import Figure
from gancourse.metrics.codes import matched
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.handwriting import slant, stroke_width
from gancourse.metrics.inputs import as_uint8
from gancourse.show.style import MUTED, PANEL, VERMILION

SEED = 0  # of the noise that is shown first
SAMPLES = 50  # pictures of each category that name it
MEASURES = (slant, stroke_width)  # what the two axes of the pad mean, across and up
COLUMNS, GAP = 5, 2  # as in front.js
STILL, INSET = (672, 408), (24, 64)  # px; from the border to the digits


def noise(game: Game) -> Tensor:
    """(1, latent) in [-1, 1], to three decimals, as the page reads it."""
    drawn = uniform_latents(1, game.config.latent, torch.Generator().manual_seed(SEED))
    return drawn.mul(1000).round() / 1000


def categories(game: Game) -> Tensor:
    """(10,) int64: for the digits 0 to 9 the category that draws it, as a classifier reads them."""
    chosen = torch.arange(10).repeat_interleave(SAMPLES)
    drawn = game.sample(len(chosen), category=chosen, seed=SEED)
    read = judge().head(judge().features(as_uint8(drawn))).argmax(1)
    return matched(chosen, read).argsort()


def knob(game: Game, order: Tensor, measure) -> dict:
    """The code that moves a measure of ten digits most, and the sign with which it grows."""
    moves = []
    for code in range(game.config.continuous):
        ends = []
        for value in (-1.0, 1.0):
            codes = [value if i == code else 0.0 for i in range(game.config.continuous)]
            pictures = game.sample(
                noise=noise(game).expand(10, -1), category=order, continuous=codes
            )
            ends.append(measure(pictures).mean().item())
        moves.append(ends[1] - ends[0])
    code = max(range(len(moves)), key=lambda i: abs(moves[i]))
    return {"code": code, "sign": 1 if moves[code] > 0 else -1}


def data(model: str) -> dict:
    """What the script has to know of the network."""
    game = models.load(model)
    order = categories(game)
    return {
        "noise": [round(value, 3) for value in noise(game)[0].tolist()],
        "codes": game.config.continuous,
        "categories": order.tolist(),
        "knobs": [knob(game, order, measure) for measure in MEASURES],
    }


def still(model: str) -> Image.Image:
    """The digits as the figure begins, in ink on a panel."""
    game = models.load(model)
    order, first = categories(game), noise(game).expand(10, -1)
    centre = [0.0] * game.config.continuous
    pictures = game.sample(noise=first, category=order, continuous=centre)
    rows = ((pictures[:, 0] + 1) / 2).clamp(0, 1).numpy().reshape(2, COLUMNS, 28, 28)
    ink = np.pad(rows, ((0, 0), (0, 0), (0, GAP), (0, GAP)))
    ink = ink.transpose(0, 2, 1, 3).reshape(2 * (28 + GAP), -1)[:-GAP, :-GAP]
    size = STILL[0] - 2 * INSET[0], STILL[1] - 2 * INSET[1]
    mask = Image.fromarray((ink * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    plate = Image.new("RGB", STILL, PANEL)
    plate.paste(Image.new("RGB", size, VERMILION), INSET, mask)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 24)
    write = ImageDraw.Draw(plate)
    write.text((16, 12), "↑ thickness", MUTED, font)
    write.text((STILL[0] - 16, STILL[1] - 12), "slant →", MUTED, font, anchor="rd")
    return plate


def front(model: str) -> Figure:
    """The figure, run by a network with a category for each digit and two codes."""
    return Figure(
        still=partial(still, model),
        alt="The digits 0 to 9 in two rows, drawn by a network. Across them runs an axis called "
        "slant, and upwards one called thickness.",
        models=(model,),
        data=partial(data, model),
        made_from=("digit-cnn",),
    )
