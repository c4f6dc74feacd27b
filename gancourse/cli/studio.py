"""Work on your own files with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancourse.chapters import STUDIO
from gancourse.cli.options import SEEDS, Device, Force, Model
from gancourse.files import CourseError


def draw(
    sentences: Annotated[
        list[str] | None,
        typer.Argument(help='What to draw, e.g. "a red boat on a lake"; each gets a row.'),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A text file (UTF-8) with one sentence per line.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="Pictures per sentence.")] = 8,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A picture (png, jpg, webp), or a folder. Default: named by the sentence.",
        ),
    ] = None,
    separate: Annotated[
        bool, typer.Option("--separate", help="Write a file for each picture, into a folder.")
    ] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="Show each picture after the first stage too, above it."),
    ] = False,
    size: Annotated[
        int,
        typer.Option(
            min=16,
            max=1024,
            help="Width and height of each picture in pixels. What the model drew is enlarged "
            "smoothly.",
        ),
    ] = 256,
    seed: Annotated[
        int, typer.Option(**SEEDS, help="Seed of the latents; another seed draws other pictures.")
    ] = 0,
    model: Annotated[
        str, typer.Option(help="A published model that reads sentences, or the folder of a run.")
    ] = STUDIO["draw"],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="What reads the sentences instead of the model's own encoder: a published one, or "
            "the folder of a run, that learned from it. One that reads any words needs "
            'pip install "gancourse[text]".'
        ),
    ] = None,
    device: Device = None,
    force: Force = False,
) -> None:
    """Draw what sentences say: a sheet with a row for each, or a file for each picture.

    Words that the model does not know are named and left out.
    """
    from gancourse.models import load
    from gancourse.studio import drawing
    from gancourse.studio.batch import save

    found = drawing.collect(sentences or [], file)
    texts = list(found)
    if separate:
        places = drawing.places_of_each(output, texts, n, stages, force)
    else:
        place = drawing.place_of_sheet(output, texts, force)
        drawing.check_sheet(place, len(texts), n, size, stages)
    game = load(model, device, **({"text": encoder} if encoder else {}))
    drawing.check(game, stages)
    more = "" if encoder else drawing.reads_more(game)
    for text, where in found.items():
        with drawing.at(where):
            drawing.understand(game, text, more)
    drawn = (drawing.draw(game, text, n, seed=seed, stages=stages) for text in texts)
    if separate:
        drawing.save_each(drawn, places, size)
    else:
        save(drawing.sheet(list(drawn), size), place)
        typer.echo(place)


def export(
    model: Model,
    onnx: Annotated[Path | None, typer.Option(help="Write an ONNX model, for any runtime.")] = None,
    live: Annotated[
        Path | None,
        typer.Option(help="Write a script for a web page, as the book's live figures load it."),
    ] = None,
    force: Force = False,
) -> None:
    """Write a model's network as ONNX, or as a script that runs it in a page."""
    from gancourse.files import write_text
    from gancourse.live import script
    from gancourse.models import load
    from gancourse.studio import exporting

    if not (onnx or live):
        raise CourseError("nothing to write; give --onnx FILE, --live FILE, or both.")
    for path in filter(None, (onnx, live)):
        exporting.require_new(path, force)
    game = load(model)
    if onnx:
        exporting.to_onnx(game, onnx)
        typer.echo(onnx)
    if live:
        write_text(live, script.of(game, Path(model).name))
        typer.echo(live)


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
    even: Annotated[
        bool,
        typer.Option(
            "--even/--as-painted",
            help="What lines enclose gets one colour, or stays as the network paints it.",
        ),
    ] = True,
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
    batch.run(lambda path: colouring.colour(game, path, size=size, seed=seed, even=even), places)


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
