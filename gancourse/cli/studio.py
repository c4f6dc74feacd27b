"""Work on your own files with a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gancourse.cli.options import SEEDS, Device, Force
from gancourse.files import CourseError


def colour(
    drawings: Annotated[
        list[Path],
        typer.Argument(help="Line art, scans or photos of drawings: png, jpg, webp, svg."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A picture for one drawing, a folder for several."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A published model that colours line art, or the folder of a run.")
    ] = "pix2pix",
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
    from tqdm import tqdm

    from gancourse.models import load
    from gancourse.studio import colouring

    places = colouring.plan(drawings, output, force)
    game, failed = load(model, device), 0
    colouring.check(game)
    for drawing, place in tqdm(
        places.items(), unit="drawing", disable=len(places) == 1, leave=False
    ):
        try:
            if isinstance(place, CourseError):
                raise place
            colouring.save(colouring.colour(game, drawing, size=size, seed=seed), place)
            tqdm.write(str(place))
        except CourseError as error:
            if len(places) == 1:
                raise
            failed += 1
            tqdm.write(f"gancourse: {error}", file=sys.stderr)
    if failed:
        raise CourseError(f"{failed} of {len(places)} drawings could not be coloured; see above.")
