"""Commands of the press: the benchmark and the experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancourse.cli.options import SEEDS, OfNotebook, Root


def bench(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(help="Chapters to measure; see `gancourse chapters`. Default: all."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Paired timings per row.")] = 9,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps. Default: the best there is.")
    ] = None,
) -> None:
    """Measure how much faster our training step is than the plain form of public code."""
    from gancourse.press import bench as room
    from gancourse.press import chapters_in

    for name in chapters or chapters_in(room.__name__):
        for line in room.lines(name, rounds=rounds, device=device):
            typer.echo(line)


def bench_live(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Published models, or folders of runs. Default: all published."),
    ] = None,
    peers: Annotated[
        Path, typer.Option(help="Folder of the other programs; `make peers` fills it.")
    ] = Path("_build/peers"),
    assets: Annotated[Path, typer.Option(help="Folder of the engine.")] = Path("book/assets/live"),
    rounds: Annotated[int, typer.Option(min=1, help="Paired timings of each model.")] = 7,
) -> None:
    """Time the engine of the book's pages beside onnxruntime-web, in one page of a browser."""
    from gancourse import models
    from gancourse.live import bench as room

    typer.echo(f"{'':16}  ours, ms  theirs, ms  ratio   first picture, ms")
    for each in room.compare(names or models.published(), assets, peers, rounds):
        first = " / ".join(f"{value:.0f}" for value in each.first)
        typer.echo(
            f"{each.name:16} {each.ours:9.2f} {each.theirs:11.2f} {each.ratio:6.2f}   {first}"
        )


def bench_upscaling(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Published models, or folders of runs. Default: all that enlarge."),
    ] = None,
    photos: Annotated[
        str, typer.Option(help="A data set (photos, set5, kodak24), or a folder of photos.")
    ] = "photos",
    peers: Annotated[
        Path | None, typer.Option(help="Folder of the other programs; `make peers` fills it.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timings of each photo.")] = 3,
    data_root: Root = None,
) -> None:
    """Enlarge photos four times with our models and other programs: PSNR, and seconds.

    CPU seconds of one thread per megapixel of the enlarged photos, the median of the rounds.
    """
    import torch

    from gancourse import data
    from gancourse.press.bench import upscaling as room

    if photos in data.DATASETS:
        chosen = data.load(photos, "test", root=data_root)
    else:
        chosen = data.photos.load(photos, "all", side=room.SMALLEST)
    torch.set_num_threads(1)
    typer.echo(f"{chosen.name}: {len(chosen)} photos")
    with room.upscalers(names or room.enlargers(), peers) as (found, missing):
        for score in room.compare(chosen, found, rounds=rounds):
            typer.echo(str(score))
    if missing:
        typer.echo(f"left out, not in {peers or '--peers'}: {', '.join(missing)}")


def experiment(
    chapter: Annotated[str, typer.Argument(help="A chapter that has an experiment.")],
    seed: Annotated[
        list[int] | None,
        typer.Option(**SEEDS, help="A seed; repeat it for several. Default: 0, 1 and 2."),
    ] = None,
    scale: Annotated[
        OfNotebook | None,
        typer.Option(help="A recipe of the chapter, instead of the experiment's own."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps per run.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Width of the networks.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where runs and table are kept. Default: the chapter's dossier."),
    ] = None,
    data_root: Root = None,
) -> None:
    """Train the many short runs of a chapter's experiment, and keep them with their table.

    What the folder already holds is not trained again, so an interrupted call goes on.
    """
    from dataclasses import replace

    from gancourse.press import of_chapter

    room = of_chapter("gancourse.press.experiments", chapter)
    config = type(room.CONFIG).at(scale, room.CONFIG.form) if scale else room.CONFIG
    changes = {"steps": steps, "width": width}
    config = replace(config, **{name: value for name, value in changes.items() if value})
    folder = folder or room.FOLDER
    runs = room.run(config, seed or room.SEEDS, folder, data_root)
    typer.echo(f"{len(runs)} runs and their table: {folder}")
