"""Run a chapter's notebook into a dossier, publish runs, and train the networks that judge
digits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancourse.cli.options import SEEDS, Chapter, OfNotebook, Root
from gancourse.files import CourseError


def run(
    chapter: Chapter,
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
        Path | None, typer.Option(help="Folder for the dossier. Default: runs/CHAPTER-SCALE.")
    ] = None,
    list_parameters: Annotated[
        bool, typer.Option("--list", help="Show the notebook's parameters and stop.")
    ] = False,
) -> None:
    """Run a chapter's notebook at a scale, into a dossier folder."""
    from gancourse.chapters import chapter as row
    from gancourse.recipe import split_pair

    row(chapter)  # an error if there is none
    given = dict(map(split_pair, parameter or []))
    from gancourse.press import running

    if list_parameters:
        for name, each in running.parameters(chapter).items():
            kind, default, meaning = (
                each[key] for key in ("inferred_type_name", "default", "help")
            )
            typer.echo(f"{name:12} {kind} = {default}  # {meaning}")
        return
    typer.echo(running.execute(chapter, scale, given, folder))


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
