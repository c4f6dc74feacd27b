"""Run a notebook into a dossier, publish runs, and train the networks that judge digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancourse.cli.options import SEEDS, OfNotebook, Root
from gancourse.files import CourseError


def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CHAPTER|MODEL",
            help="A chapter, for its notebook, or another published model, for the workbench.",
        ),
    ],
    scale: Annotated[
        OfNotebook,
        typer.Option(
            help="check: seconds; class: minutes; full: the recipe that made the published "
            "weights, minutes to hours on a CPU."
        ),
    ] = "full",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="A parameter of the notebook, e.g. -p seed=1; --list shows them all.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for the dossier. Default: runs/NAME-SCALE."),
    ] = None,
    list_parameters: Annotated[
        bool, typer.Option("--list", help="Show the notebook's parameters and stop.")
    ] = False,
) -> None:
    """Run a chapter's notebook at a scale, or train a published model in the workbench, into a
    dossier folder.
    """
    from gancourse.recipe import split_pair

    notebook, told = made_by(name)
    given = dict(map(split_pair, parameter or []))
    if told.keys() & given.keys():
        raise CourseError(
            f"model={given['model']}: the model is {name}, this command's argument; leave "
            "-p model out."
        )
    from gancourse.files import DOSSIERS
    from gancourse.press import running

    if list_parameters:
        for key, each in running.parameters(notebook).items():
            kind, default, meaning = (
                each[part] for part in ("inferred_type_name", "default", "help")
            )
            if key not in told:
                typer.echo(f"{key:12} {kind} = {default}  # {meaning}")
        return
    place = folder or DOSSIERS / f"{name}-{scale}"
    typer.echo(running.execute(notebook, scale, told | given, place))


def made_by(name: str) -> tuple[str, dict[str, str]]:
    """(notebook, parameters) by which a chapter's model, or another published one, is made.

    Raises:
        CourseError: neither a chapter nor a published model has this name.
    """
    from gancourse.chapters import CHAPTERS
    from gancourse.models import published
    from gancourse.press.running import WORKBENCH

    if name in CHAPTERS:
        return name, {}
    if name not in published():
        raise CourseError(
            f"name={name}: neither a chapter nor a published model; give one of "
            f"{', '.join(dict.fromkeys([*CHAPTERS, *published()]))}."
        )
    return WORKBENCH, {"model": name}


def publish(
    name: Annotated[str, typer.Argument(help="Name of the published model.")],
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of runs that differ in their seed; the first is published."),
    ],
    data_root: Root = None,
    n: Annotated[int, typer.Option("-n", min=100, help="Samples to measure.")] = 10_000,
    notebook: Annotated[
        Path | None,
        typer.Option(
            help="The executed notebook that made the first run. Default: notebook.ipynb beside "
            "it, where `gancourse run` leaves it."
        ),
    ] = None,
    keep_seeds: Annotated[
        bool,
        typer.Option(
            "--keep-seeds", help="Keep the scores of other seeds that stand in its dossier."
        ),
    ] = False,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Publish this network besides those that drawing needs, such as discriminator. "
            "May be given several times. What the model's file has stays in it.",
        ),
    ] = None,
) -> None:
    """Measure runs of one recipe, and put weights, card, dossier, film and the executed notebook
    into this checkout.
    """
    import json

    from gancourse.press import executed
    from gancourse.press.publishing import finished
    from gancourse.press.publishing import publish as into_this_checkout
    from gancourse.school import notebooks

    first, made = folders[0], None
    if path := notebook or executed.beside(first):
        finished(first)  # what is missing is said of the run, not of its notebook
        made, _ = notebooks.kept(path, [first])
    scores = into_this_checkout(
        name,
        folders,
        root=data_root,
        n=n,
        also=also or (),
        notebook=made,
        keep_seeds=keep_seeds,
    )
    typer.echo(json.dumps(scores["median"], indent=2))


def judge(
    folder: Annotated[Path, typer.Option(help="Folder for the network and its card.")],
    of: Annotated[
        str, typer.Option(help="digits, digits-hog (their second judge), scenes or portraits.")
    ] = "digits",
    data_root: Root = None,
    seed: Annotated[int, typer.Option(**SEEDS, help="Seed of the weights and the order.")] = 0,
) -> None:
    """Train a network that measures: a judge of digits, on MNIST's training digits 10,000 to
    59,999; or one that reads what scenes or portraits show.
    """
    # Said now, not after eight minutes.
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder}: is not an empty folder; give another with --folder.")
    if of in ("digits", "digits-hog"):
        from gancourse.evaluation import train_judge

        second = of == "digits-hog"
        return typer.echo(train_judge(folder, root=data_root, seed=seed, second=second))
    from gancourse.evaluation.readers import train_reader

    typer.echo(train_reader(folder, of, seed=seed))
