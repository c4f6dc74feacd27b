"""What there is to train and to draw with: chapters, forms, settings and models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated

import typer

from gancourse.cli.options import Scale


def chapters(
    name: Annotated[
        str | None, typer.Argument(help="A chapter, e.g. gan, to list its settings.")
    ] = None,
    scale: Scale = "class",
) -> None:
    """List the chapters, their forms and the published models; or, with a name, a chapter's settings."""
    if name:
        settings(name, scale)
    else:
        listing()


def listing() -> None:
    from gancourse.chapters import CHAPTERS
    from gancourse.files import BUNDLED, read_json
    from gancourse.models import published

    models: dict[str, list[str]] = {}
    for name in published():
        config = read_json(BUNDLED / "weights" / name / "config.json")
        models.setdefault(config["chapter"], []).append(name)
    rows = [("chapter", "forms", "published models", "")]
    for name, chapter in CHAPTERS.items():
        known = ", ".join(models.get(name, ["none yet"]))
        rows.append((name, ", ".join(chapter.forms), known, chapter.title))
    table(rows)
    typer.echo(
        "\nThe first form is the one that is trained if you name none. For the settings of a "
        "chapter:\ngancourse chapters CHAPTER"
    )


def settings(name: str, scale: str) -> None:
    from gancourse.chapters import chapter
    from gancourse.cli.own import HOLDS
    from gancourse.recipe import spell

    row = chapter(name)
    recipe = row.config
    typer.echo(f"{row.title}\n\nSettings, changed with -s NAME=VALUE:\n")
    table([("name", "default", "meaning"), *recipe.table()])
    typer.echo(f"\nForms, and what each changes at --scale {scale}:\n")
    table(
        (
            form,
            " ".join(
                f"{each.name}={spell(value)}"
                for each in fields(recipe)
                if (value := getattr(recipe.at(scale, form), each.name)) != each.default
                and each.name != "form"
            ),
        )
        for form in row.forms
    )
    if recipe.OWN:
        changed = " ".join(f"{key}={spell(value)}" for key, value in recipe.OWN.items())
        typer.echo(
            f"\nYour own data, --data FOLDER, a folder of: {HOLDS[recipe.takes]}.\n"
            f"Then also, unless you say otherwise: {changed}"
        )


def table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns as wide as the window allows; a long last cell is broken into lines."""
    from rich.console import Console
    from rich.table import Table

    columns = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        columns.add_row(*row)
    Console(markup=False, highlight=False).print(columns)
