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


def upscale(
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos: png, jpg, webp, tif, avif, bmp, gif. Transparency, grey, 16 bits (in png "
            "and tif), EXIF, ICC profile and printed size are kept."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A picture (png, jpg, webp, tif) for one photo, a folder for several.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="A published model that enlarges, the folder of a run, or bicubic."),
    ] = STUDIO["upscale"],
    scale: Annotated[
        int,
        typer.Option(
            min=2,
            max=4,
            help="How many times as wide and as high. A model that makes 4 is asked for 4, and "
            "what it makes is then shrunk to 2 or 3 (bicubic, antialiased).",
        ),
    ] = 4,
    blend: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How much detail a GAN invents: 0 none (its regression alone), 1 all that it "
            "learned. Default: the model's own.",
        ),
    ] = None,
    device: Device = None,
    force: Force = False,
) -> None:
    """Enlarge photos: each becomes NAME-x4.png beside it, or goes where -o says.

    A photo of any size is worked on in tiles. A file that cannot be used does not stop the others.
    """
    from gancourse.data import raster
    from gancourse.studio import batch, upscaling

    suffix = f"-x{scale}"
    places = batch.plan(photos, output, suffix=suffix, formats=raster.FORMATS, force=force)
    enlarger = upscaling.load(model, device, blend)
    batch.run(lambda path: upscaling.upscale_file(enlarger, path, places[path], scale), places)
