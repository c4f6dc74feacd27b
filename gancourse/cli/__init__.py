"""The `gancourse` command. Nothing heavy is imported until a command needs it: --help answers at once."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperGroup

from gancourse.cli import notebooks, press
from gancourse.files import CourseError


class Commands(TyperGroup):
    """Ctrl-C ends with the words of what was stopped; typer alone ends without a word."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt as stop:
            typer.secho(f"\ngancourse: {str(stop) or 'stopped'}", err=True)
            raise typer.Exit(130) from stop


app = typer.Typer(
    cls=Commands,
    help="Six GANs, from the papers to running code: train, sample, measure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(notebooks.app, name="notebooks")

SEEDS = {"min": 0, "max": 2**32 - 1}  # the feed multiplies it by a million, and torch takes 64 bits
Scale = Literal["check", "class", "full"]
Chapter = Annotated[str, typer.Argument(help="A chapter, e.g. gan (see `gancourse chapters`).")]
Model = Annotated[str, typer.Argument(help="A published model, e.g. gan, or the folder of a run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", help="Change a number of the recipe, e.g. -s form=mlp -s steps=500."
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of full data sets. Default: $GANCOURSE_DATA, else a cache."),
]
Source = Annotated[
    Literal["auto", "bundled", "full"],
    typer.Option(
        help="auto: the full set if it is there; bundled: what ships with the course; full: download it, or stop."
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]


@app.command()
def chapters() -> None:
    """List the chapters, their forms and the published models."""
    from gancourse.models import CHAPTERS, published

    for name, title in CHAPTERS.items():
        typer.echo(f"{name:10} {title}")
    typer.echo(f"published  {', '.join(published()) or 'none yet'}")


@app.command()
def train(
    chapter: Chapter,
    folder: Annotated[
        Path,
        typer.Option(help="Where the run goes; an interrupted one goes on from its checkpoint."),
    ],
    scale: Annotated[
        Scale, typer.Option(help="check: seconds; class: minutes; full: the published run.")
    ] = "class",
    changes: Settings = None,
    seed: Annotated[
        int, typer.Option(**SEEDS, help="Of the data's order and every random draw.")
    ] = 0,
    data_root: Root = None,
    source: Source = "auto",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps. Default: the best there is.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, bf16 or no.")] = "auto",
    compile: Annotated[bool, typer.Option(help="Compile the losses with torch.compile.")] = False,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(
            help="pix2pix: your pairs. One folder of files with A left of B, or two (--pairs A --pairs B)."
        ),
    ] = None,
    direction: Annotated[
        Literal["AtoB", "BtoA"] | None,
        typer.Option(help="pix2pix: which half, or folder, is the input."),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="pix2pix: a folder of photos; the input is made from them.")
    ] = None,
    kind: Annotated[
        Literal["grey", "edges"] | None,
        typer.Option(help="pix2pix: what is made from --photos. Default: grey."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option(help="Also log for TensorBoard, into the folder.")
    ] = False,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 1000,
) -> None:
    """Train a chapter's game. Stop with Ctrl-C and call again to go on."""
    from gancourse import data
    from gancourse.school.lesson import play

    config = parse(chapter, scale, changes or [])
    if pairs or photos or direction or kind:
        config, pictures = own_pairs(config, pairs or [], direction, photos, kind)
    else:
        pictures = data.load(
            config.pictures, config.split, **asked_for(data_root, source), **config.options
        )
    typer.echo(
        f"{pictures.name}: {len(pictures):,} ({pictures.source}). {config.steps:,} steps of {config.batch_size}."
    )
    record = play(
        config,
        pictures,
        seed=seed,
        folder=folder,
        device=device,
        precision=precision,
        compile=compile,
        tensorboard=tensorboard,
        checkpoint_every=checkpoint_every,
    )
    summary = record.summary
    if len(config.shape) == 3:
        advice = f"Look: {quoted(folder / 'samples')}. Draw: gancourse sample {quoted(folder)}"
    else:
        advice = f"It draws points: gancourse.load({str(folder)!r}).sample(1000) in Python."
    typer.echo(
        f"Step {summary['step']:,} after {summary['seconds']:,} s, {summary['images_per_second']:,} images/s. {advice}"
    )


@app.command()
def sample(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write, a .png.")
    ] = Path("samples.png"),
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(**SEEDS, help="Of the latents.")] = 0,
    label: Annotated[
        str | None, typer.Option(help="cgan: what to draw, e.g. 8, or in turn: 8,0.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="infogan: a value a categorical code, e.g. 3 or 1,0,1.")
    ] = None,
    continuous: Annotated[
        str | None, typer.Option(help="infogan: a number a continuous code, e.g. 0.5,-1.")
    ] = None,
    device: Device = "cpu",
    force: Annotated[bool, typer.Option(help="Write over an existing file.")] = False,
) -> None:
    """Draw a grid of samples into a picture file; a chapter's conditions are options."""
    if output.suffix.lower() != ".png":
        raise CourseError(
            f"{output} was given; samples are written as .png. Give such a name with -o."
        )
    if output.exists() and not force:
        raise CourseError(
            f"{output} exists already. Give another name with -o, or write over it with --force."
        )
    from gancourse.models import load
    from gancourse.show.grids import save_grid

    game = load(model, device)
    if len(game.config.shape) != 3:
        raise CourseError(
            f"{model} draws points in the plane, which make no grid of pictures. Draw them in Python: "
            f"gancourse.load({model!r}).sample({n})."
        )
    given = {"label": label, "category": category, "continuous": continuous}
    save_grid(output, game.sample(n, seed=seed, **conditions(game, given, n)).cpu())
    typer.echo(f"{n} samples of {model}, seed {seed}: {output}")


@app.command()
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
        str, typer.Option(help="A published translator of line art, or the folder of a run.")
    ] = "pix2pix",
    size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels a side of the result.")] = 512,
    seed: Annotated[
        int, typer.Option(**SEEDS, help="Of the noise; another one may choose other colours.")
    ] = 0,
    device: Device = "cpu",
    force: Annotated[bool, typer.Option(help="Write over existing files.")] = False,
) -> None:
    """Colour drawings, each into NAME-coloured.png beside it or where -o says. A bad file does not stop the others."""
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


@app.command()
def evaluate(
    model: Model,
    n: Annotated[
        int,
        typer.Option("-n", min=100, help="Samples to measure; the protocol's number is 10,000."),
    ] = 10_000,
    seed: Annotated[int, typer.Option(**SEEDS, help="Of the latents.")] = 0,
    data_root: Root = None,
    source: Source = "auto",
    device: Device = "cpu",
) -> None:
    """Measure a model's samples and print the scores as JSON, with their protocol."""
    import json

    from gancourse.evaluation import evaluate as measure
    from gancourse.models import load

    scores = measure(load(model, device), n=n, seed=seed, **asked_for(data_root, source))
    typer.echo(json.dumps(scores, indent=2))


@app.command()
def run(
    chapter: Chapter,
    scale: Annotated[
        Scale, typer.Option(help="check: seconds; class: minutes; full: the published run.")
    ] = "full",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of the notebook, e.g. -p seed=1."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the dossier goes. Default: runs/CHAPTER-SCALE.")
    ] = None,
    list_parameters: Annotated[
        bool, typer.Option("--list", help="Show the notebook's parameters and stop.")
    ] = False,
) -> None:
    """Run a chapter's notebook at a scale, into a dossier folder."""
    check_chapter(chapter)
    from gancourse.press import running

    if list_parameters:
        for name, line in running.parameters(chapter).items():
            typer.echo(f"{name:12} {line}")
        return
    typer.echo(
        running.execute(chapter, scale, dict(split_pair(pair) for pair in parameter or []), folder)
    )


@app.command()
def publish(
    name: Annotated[str, typer.Argument(help="What the published model will be called, e.g. gan.")],
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of runs that differ in their seed; the first is published."),
    ],
    data_root: Root = None,
    n: Annotated[int, typer.Option("-n", min=100, help="Samples to measure.")] = 10_000,
) -> None:
    """Score runs of one recipe and put weights, card, dossier and film into this checkout."""
    import json

    from gancourse.press.publishing import publish as into_this_checkout

    scores = into_this_checkout(name, folders, root=data_root, n=n)
    typer.echo(json.dumps(scores["median"], indent=2))


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(help="A data set, e.g. digits. Without it: a list.")
    ] = None,
    data_root: Root = None,
    source: Source = "auto",
    sha256: Annotated[
        str | None, typer.Option(help="facades, maps, edges2shoes: what the archive must have.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            help="facades, maps, edges2shoes: take what comes the first time; no checksum is published."
        ),
    ] = False,
) -> None:
    """Say which data are at hand; `gancourse data digits --source full` fetches and verifies the full set.

    `gancourse data facades` (or maps, edges2shoes) fetches an official set of pairs of pix2pix and says how to train on it.
    """
    from gancourse import data as room
    from gancourse.data import archives

    if name in archives.ARCHIVES:
        folder = archives.download(name, data_root, sha256=sha256, trust=trust)
        direction = archives.ARCHIVES[name].direction
        typer.echo(
            f"gancourse train pix2pix --pairs {quoted(folder / 'train')} --direction {direction} --folder RUN"
        )
        return
    if trust or sha256 is not None:
        raise CourseError(
            f"--trust and --sha256 are for {', '.join(archives.ARCHIVES)}, and {name or 'no name'} was given. "
            "All other data are verified without them."
        )
    for line in room.listing(*filter(None, [name]), root=data_root, source=source):
        typer.echo(line)


@app.command()
def judge(
    folder: Annotated[Path, typer.Option(help="Where the network and its card go.")],
    data_root: Root = None,
    seed: Annotated[int, typer.Option(**SEEDS, help="Of weights and order.")] = 0,
) -> None:
    """Train the digit classifier that the metrics see through, on MNIST's training digits 10,000 to 59,999."""
    if folder.exists() and (
        not folder.is_dir() or any(folder.iterdir())
    ):  # said now, not after eight minutes
        raise CourseError(
            f"{folder} exists already and is no empty folder. Give another with --folder."
        )
    from gancourse.evaluation import train_judge

    typer.echo(train_judge(folder, root=data_root, seed=seed))


app.command()(press.bench)
app.command()(press.experiment)


def asked_for(data_root: Path | None, source: str) -> dict:
    """What `data.load` is told of where the data come from: who asks for the full set gets it or an error."""
    return {"root": data_root, "source": source, "strict": source == "full"}


def check_chapter(chapter: str) -> None:
    """
    Raises:
        CourseError: there is no such chapter.
    """
    from gancourse.models import CHAPTERS

    if chapter not in CHAPTERS:
        raise CourseError(f"There is no chapter {chapter!r}. Choose from: {', '.join(CHAPTERS)}.")


def parse(chapter: str, scale: str, changes: list[str]):
    """A chapter's Config at a scale with `name=value` changes, each value read as the field's type."""
    from dataclasses import fields, replace
    from importlib import import_module

    check_chapter(chapter)
    config_class = import_module(f"gancourse.chapters.{chapter}").Config
    known = {field.name: field.default for field in fields(config_class)}
    pairs = dict(split_pair(change) for change in changes)
    for name in pairs:
        if name not in known:
            raise CourseError(
                f"--set {name}=... was given; {chapter} has no such number. It has: {', '.join(known)}."
            )
    form = {"form": pairs.pop("form")} if "form" in pairs else {}
    config = config_class.at(scale, **form)
    return replace(
        config, **{name: read_as(name, text, known[name]) for name, text in pairs.items()}
    )


def own_pairs(
    config, folders: list[Path], direction: str | None, photos: Path | None, kind: str | None
):
    """(config, pictures) for pairs of the user's own; the config takes as many input channels as they have."""
    from dataclasses import replace

    from gancourse.data import pairs

    if "size" not in config.options:
        raise CourseError(
            "--pairs and --photos, --direction and --kind are for pix2pix, which learns from pairs."
        )
    if folders and photos:
        raise CourseError("Both --pairs and --photos were given. Choose one.")
    if direction and not folders:
        raise CourseError(
            "--direction was given without --pairs. Name the folder of the pairs, or two."
        )
    if kind and not photos:
        raise CourseError("--kind was given without --photos. Name the folder of the photos.")
    if folders and direction is None:
        raise CourseError(
            "--pairs needs --direction: AtoB if the left half (the first folder) is the input, else BtoA."
        )
    if len(folders) > 2:
        raise CourseError(
            f"{len(folders)} folders of pairs were given. Give one, or two that belong together."
        )
    options = config.options
    if photos:
        pictures = pairs.photos(photos, kind=kind or "grey", **options)
    elif len(folders) == 1:
        pictures = pairs.side_by_side(folders[0], direction=direction, **options)
    else:
        pictures = pairs.two_folders(*folders, direction=direction, **options)
    return replace(config, pictures="yours", inputs=pictures["input"].shape[1]), pictures


def conditions(game, given: dict[str, str | None], n: int) -> dict:
    """The conditions that were given, as `game.sample` takes them; labels are repeated in turn up to `n`."""
    from inspect import signature

    asked = {name: text for name, text in given.items() if text is not None}
    if unknown := asked.keys() - signature(game.sample).parameters.keys():
        takes = ", ".join(
            f"--{name}" for name in given if name in signature(game.sample).parameters
        )
        raise CourseError(
            f"--{min(unknown)} was given; this model takes {takes or 'no conditions'}."
        )
    values = {}
    for name, text in asked.items():
        kind = float if name == "continuous" else int
        try:
            values[name] = [kind(part) for part in text.split(",")]
        except ValueError:
            raise CourseError(
                f"--{name} {text} was given; write numbers with commas, such as 8 or 8,0."
            ) from None
        if (
            kind is int and max(map(abs, values[name])) >= 2**63
        ):  # torch cannot hold it, so no model can refuse it
            raise CourseError(
                f"--{name} {text} was given; no model has so many. Write small numbers, such as 8 or 8,0."
            )
    if "label" in values:
        values["label"] = [values["label"][i % len(values["label"])] for i in range(n)]
    return values


def quoted(path: Path) -> str:
    """A path as this system's shell takes it for one word."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


def split_pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CourseError(f"{text!r} was given; write name=value.")
    return name, value


def read_as(name: str, text: str, like):
    """`text` as the type of the field's default value."""
    try:
        if isinstance(like, tuple):
            return tuple(int(part) for part in text.strip("()").split(",") if part)
        return type(like)(text)
    except ValueError:
        raise CourseError(
            f"{name}={text!r} was given; it must be of type {type(like).__name__}, like {like!r}."
        ) from None


def refuse_empty(arguments: list[str]) -> None:
    """An empty text, as an unset shell variable leaves it behind, would be taken for the folder one is in."""
    for before, text in pairwise(["", *arguments]):
        name, equals, value = text.partition("=")
        if not text or (name.startswith("--") and equals and not value):
            option = name or (before if before.startswith("-") else "an argument")
            raise CourseError(
                f"{option} was given as an empty text. Write a name; the folder you are in is called . here."
            )


def main() -> None:
    """Run the command; a mistake that a person can mend is one message and exit status 1, never a traceback."""
    try:
        refuse_empty(sys.argv[1:])
        app()
    except CourseError as error:
        typer.secho(f"gancourse: {error}", err=True, fg=typer.colors.RED)
        sys.exit(1)
