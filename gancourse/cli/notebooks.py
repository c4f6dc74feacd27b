"""`gancourse notebooks`: run the course's notebooks in place, or write copies to hand out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gancourse.files import CourseError

app = typer.Typer(
    help="Run the course's notebooks again, or copy them for other readers.", no_args_is_help=True
)
Notebooks = Annotated[
    list[Path], typer.Argument(metavar="NOTEBOOK...", help="Notebooks, e.g. notebooks/*.ipynb.")
]
Folder = Annotated[Path, typer.Option(help="Folder for the copies.")]


@app.command()
def refresh(
    paths: Notebooks,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one cell may take.")] = 600,
) -> None:
    """Run notebooks in place and keep their outputs. One that fails stays as it was."""
    from gancourse.school import notebooks

    in_turn(paths, lambda path: f"{path}: run in {notebooks.refresh(path, timeout):.0f} s")


@app.command()
def keep(
    folder: Annotated[Path, typer.Argument(help="A folder that `gancourse run` filled.")],
) -> None:
    """Keep a run's executed notebook and its record for the published models that it made."""
    from gancourse.school import notebooks

    for name, path in notebooks.keep(folder).items():
        typer.echo(f"{name}: {path}")


@app.command()
def jupyter(paths: Notebooks, to: Folder = Path("_build/jupyter")) -> None:
    """Write copies for Colab and Jupyter: in plain Markdown, with solutions folded."""
    copies(paths, "jupyter", to)


@app.command()
def student(paths: Notebooks, to: Folder = Path("_build/student")) -> None:
    """Write copies to hand out: in plain Markdown, without solutions and outputs."""
    copies(paths, "student", to)


@app.command()
def solved(paths: Notebooks, to: Folder = Path("_build/solved")) -> None:
    """Write copies whose stubs are replaced by their solutions."""
    copies(paths, "solved", to)


def copies(paths: list[Path], action: str, folder: Path) -> None:
    from gancourse.school import notebooks

    name, count = Counter(path.name for path in paths).most_common(1)[0]
    if count > 1:
        raise CourseError(
            f"{name}: {count} notebooks have this name, and one copy would replace the other; "
            "give them in separate calls with different folders, --to."
        )
    in_turn(paths, lambda path: str(notebooks.hand_out(path, action, folder)))


def in_turn(paths: list[Path], work: Callable[[Path], str]) -> None:
    """Print what `work` says of each path. After a failure go on, and exit with 1 at the end."""
    failed = False
    for path in paths:
        try:
            typer.echo(work(path))
        except CourseError as error:
            failed = True
            typer.secho(f"gancourse: {error}", err=True, fg=typer.colors.RED)
    if failed:
        raise typer.Exit(1)
