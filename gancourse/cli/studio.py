"""Work on your own files with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancourse.chapters import STUDIO
from gancourse.cli.options import SEEDS, Device, Force


def colour(
    drawings: Annotated[
        list[Path],
        typer.Argument(
            help="Line art, scans or photos of drawings: png, jpg, webp, avif, tif, svg, svgz."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A picture for one drawing, a folder for several."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A published model that colours line art, or the folder of a run.")
    ] = STUDIO["colour"],
    size: Annotated[
        int, typer.Option(min=16, max=1024, help="Width and height of the result in pixels.")
    ] = 512,
    seed: Annotated[
        int, typer.Option(**SEEDS, help="Seed of the noise; another may choose other colours.")
    ] = 0,
    device: Device = None,
    force: Force = False,
) -> None:
    """Colour drawings: each becomes NAME-coloured.png beside it, or goes where -o says.

    A file that cannot be used does not stop the others.
    """
    from gancourse.models import load
    from gancourse.studio import batch, colouring

    places = batch.plan(drawings, output, suffix="-coloured", force=force)
    game = load(model, device)
    colouring.check(game)
    batch.run(lambda path: colouring.colour(game, path, size=size, seed=seed), places)
