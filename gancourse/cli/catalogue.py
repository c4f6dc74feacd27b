"""What there is to train and to draw with: chapters, forms, settings and models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from gancourse.cli.options import Scale

if TYPE_CHECKING:
    from gancourse.recipe import Recipe


def chapters(
    name: Annotated[str | None, typer.Argument(help="A chapter, to list its settings.")] = None,
    scale: Scale = "class",
) -> None:
    """List the chapters, their forms and the published models; or, with a name, a chapter's
    settings.
    """
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
    for name, chapter in CHAPTERS.items():
        known = ", ".join(models.get(name, ["none yet"]))
        forms = ", ".join(chapter.forms)
        table([(name, f"{chapter.title}\nforms: {forms}\npublished models: {known}")])
    typer.echo(
        "\nThe first form is trained if you name no other. For the settings of a chapter:\n"
        "gancourse chapters CHAPTER"
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
    table((form, changed(recipe, recipe.at(scale, form))) for form in row.forms)
    if recipe.OWN:
        usual = " ".join(f"{key}={spell(value)}" for key, value in recipe.OWN.items())
        typer.echo("\nYour own data:\n")
        table([("--data FOLDER", f"holds {HOLDS[recipe.takes]}.\nIt also changes {usual}")])


def changed(recipe: type[Recipe], config: Recipe) -> str:
    """The settings of a config that are not the recipe's defaults, as -s takes them."""
    from gancourse.recipe import spell

    values = {each.name: getattr(config, each.name) for each in fields(recipe)}
    return " ".join(
        f"{name}={spell(value)}"
        for name, value in values.items()
        if name != "form" and value != recipe.default(name)
    )


def table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns as wide as the window allows; a long last cell is broken into lines."""
    from rich.console import Console
    from rich.table import Table

    columns = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        columns.add_row(*row)
    columns.columns[0].min_width = 10
    Console(markup=False, highlight=False).print(columns)
