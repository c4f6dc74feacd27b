"""Chapter 1's live figures."""

from __future__ import annotations

import io

from PIL import Image

from gancourse.chapters import gan
from gancourse.data.toy import ring
from gancourse.live.figures import Figure
from gancourse.models import play
from gancourse.show.style import DPI, Plate, house
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
            game = play(config, data, seed=0, device="cpu", progress=False).game
            fake = game.sample(300, seed=1)
            draw_probability(axes, game.discriminator, LIMITS)
            name_axes(axes, draw_points(axes, data["point"][:300], fake, limits=LIMITS))
            axes.set_title(f"Momentum {beta1}, step {STEPS}")
        plate.legend(handles=axes.get_legend_handles_labels()[0], loc="outside upper left", ncols=2)
    return Image.open(io.BytesIO(plate.png())).convert("RGB")


FIGURES = {
    "ring": Figure(
        still=ring_still,
        alt="Two maps of the plane, coloured by the discriminator's D(x), with eight clusters of "
        "real points on a ring. With momentum 0.5 the generated points lie along it and reach all "
        "eight clusters; with 0.9 they are a swarm inside it, on its way to another cluster.",
    )
}
