"""Train a chapter's game, draw samples with it, and measure them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gancourse.cli.options import (
    SEEDS,
    Chapter,
    Device,
    Direction,
    Force,
    Make,
    Model,
    Own,
    Root,
    Scale,
    Source,
    loading,
    quoted,
)
from gancourse.files import CourseError


def train(
    chapter: Chapter,
    folder: Annotated[
        Path, typer.Option(help="Folder for the run; a run that was interrupted there continues.")
    ],
    scale: Scale = "class",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="NAME=VALUE",
            help="Change a setting, e.g. -s form=mlp -s steps=500. `gancourse chapters CHAPTER` "
            "lists the settings.",
        ),
    ] = None,
    data: Own = None,
    direction: Direction = None,
    make: Make = None,
    seed: Annotated[
        int, typer.Option(**SEEDS, help="Seed of the weights, the data's order and all noise.")
    ] = 0,
    data_root: Root = None,
    source: Source = "auto",
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, cuda:1 or mps. Default: the fastest on this machine."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="bf16, no (float32), or auto: bf16 on GPUs that compute in it.")
    ] = "auto",
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the losses with torch.compile.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also log for TensorBoard, into the folder.")
    ] = False,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 1000,
) -> None:
    """Train a chapter's game. Stop it with Ctrl-C; the same command goes on from there.

    `gancourse chapters` lists the chapters and their forms, `gancourse chapters CHAPTER` the
    settings of one.
    """
    from gancourse import models

    str(folder).encode()  # safetensors cannot read from a path that is no text; `main` says so
    given = own_pictures(data, direction, make, data_root, source)
    config, pictures = lesson_of(chapter, scale, changes or [], given, loading(data_root, source))
    record = models.play(
        config,
        pictures,
        seed=seed,
        folder=folder,
        # Called by the process that has checked and locked the folder.
        watch=[lambda progress: given.write(folder, pictures)] if given else [],
        save_every=checkpoint_every,
        device=device,
        precision=precision,
        compile=compile,
        tensorboard=tensorboard,
    )
    done = record.summary
    if len(config.shape) == 3:
        advice = (
            f"See {quoted(folder / 'samples')} for its progress. "
            f"Draw samples: gancourse sample {quoted(folder)}"
        )
    else:
        advice = f"It draws points; in Python: gancourse.load({str(folder)!r}).sample(1000)"
    say(
        f"Step {done['step']:,} after {done['seconds']:,} s, "
        f"{done['images_per_second']:,} samples/s. {advice}"
    )


def own_pictures(
    data: Path | None, direction: str | None, make: str | None, data_root: Path | None, source: str
) -> Any:
    """The reader's own pictures, as the options name them, or None.

    Raises:
        CourseError: options that contradict each other.
    """
    from gancourse.cli import own

    given = own.Own.given(data, direction, make)
    if given and (data_root or source != "auto"):
        raise CourseError(
            "--data: --data-root and --source are for the course's own data; leave them out."
        )
    return given


def lesson_of(
    chapter: str, scale: str, changes: Sequence[str], given: Any, where: dict
) -> tuple[Any, Any]:
    """(config, pictures) of a run on the reader's own pictures or the course's, announced."""
    from gancourse import chapters
    from gancourse.cli import own
    from gancourse.data import load

    recipe = chapters.chapter(chapter).config
    if given:
        config, pictures = given.suit(recipe, scale, changes)
        say(given.how(config))
        for column, names in own.words(pictures).items():
            say(f"{column}: {', '.join(f'{i} {name}' for i, name in enumerate(names))}")
    else:
        config = recipe.read(scale, changes)
        pictures = load(config.pictures, config.split, **where, **config.options)
    say(
        f"{pictures.name}: {len(pictures):,} samples ({pictures.source}); "
        f"{config.steps:,} steps, batch size {config.batch_size}."
    )
    return config, pictures


def say(line: str) -> None:
    """Print a line once, however many processes `accelerate launch` has started."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(line)


def sample(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write, a .png.")
    ] = Path("samples.png"),
    n: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option(**SEEDS, help="Seed of the latents and the noise.")] = 0,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            "-c",
            metavar="NAME=VALUE",
            help='What to draw, e.g. -c label=8,0 (in turn) or -c text="a red bird, small". '
            "A name that the model does not know lists those that it does.",
        ),
    ] = None,
    device: Device = None,
    force: Force = False,
) -> None:
    """Draw samples into one picture, as a grid."""
    if output.suffix.lower() != ".png":
        raise CourseError(f"{output}: not the name of a .png; give such a name with -o.")
    if output.exists() and not force:
        raise CourseError(
            f"{output}: exists already; give another name with -o, or overwrite it with --force."
        )
    from gancourse.conditions import read
    from gancourse.models import load
    from gancourse.show.grids import save_grid

    game = load(model, device)
    if len(game.config.shape) != 3:
        raise CourseError(
            f"{model}: draws points in the plane, which make no picture; draw them in Python: "
            f"gancourse.load({model!r}).sample({n})."
        )
    asked = read(game.conditions, condition or [], n)
    save_grid(output, game.sample(n, seed=seed, **asked).cpu())
    typer.echo(f"{output}: {n} samples of {model}, seed {seed}")


def evaluate(
    model: Model,
    n: Annotated[
        int, typer.Option("-n", min=100, help="Samples to measure; published scores need 10,000.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(**SEEDS, help="Seed of the latents and the noise.")] = 0,
    data: Own = None,
    direction: Direction = None,
    make: Make = None,
    data_root: Root = None,
    source: Source = "auto",
    device: Device = None,
) -> None:
    """Measure a model's samples and print the scores, and what they were measured on, as JSON.

    A run on your own pictures is measured on these again, or on others that you give with --data.
    """
    import json

    from gancourse.chapters import protocol
    from gancourse.cli import own
    from gancourse.evaluation import evaluate as measure
    from gancourse.models import load

    given = own.Own.given(data, direction, make)
    config = (game := load(model, device)).config
    protocol(config.chapter).columns(config)  # whether there are scores, before a folder is read
    found = own.of_model(model, given) if config.pictures == "yours" else given
    pictures = found.read(config, learning=False) if found else None
    scores = measure(game, n=n, seed=seed, data=pictures, **loading(data_root, source))
    typer.echo(json.dumps(scores, indent=2))
