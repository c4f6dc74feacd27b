"""The `gancourse` command: one door to everything that a user starts.

Its commands lie in a file for each room.

Nothing heavy is imported until a command needs it, so that --help answers at once. A mistake that
a person can mend is one message and exit status 1, Ctrl-C is 130, and a wrong option is 2.
"""

from __future__ import annotations

import io
import sys
import warnings
from itertools import pairwise
from pathlib import Path

import typer
from typer.core import TyperGroup

from gancourse.cli import catalogue, data, notebooks, press, publishing, studio, training
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
COMMANDS = {
    "Models": [catalogue.chapters, training.train, training.sample, training.evaluate],
    "Files and data": [studio.draw, studio.colour, studio.upscale, studio.export, data.data],
    "For those who make the course": [
        publishing.run,
        publishing.publish,
        publishing.judge,
        press.experiment,
        press.bench,
        press.bench_upscaling,
        press.bench_live,
    ],
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(notebooks.app, name="notebooks", rich_help_panel=panel)


def main() -> None:
    """Run the command that sys.argv names.

    A mistake that a person can mend never ends in a traceback.
    """
    print_anything(sys.stdout, sys.stderr)
    warnings.formatwarning = warned
    try:
        refuse_empty(sys.argv[1:])
        app()
    except CourseError as error:
        fail(str(error))
    except UnicodeEncodeError as error:
        wrong = error.object[error.start : error.end]
        fail(
            f"{wrong!a}: a character that cannot be written as {error.encoding}, probably in the "
            "name of a file; rename that file, or give another name."
        )


def fail(message: str) -> None:
    typer.secho(f"gancourse: {message}", err=True, fg=typer.colors.RED)
    sys.exit(1)


def print_anything(*streams) -> None:
    """Print characters that a stream cannot encode, as in a file's name, as escapes."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def warned(message, category, filename, lineno, line=None) -> str:
    """A warning of this package as a message; that of another with the place that it comes from."""
    if Path(__file__).parent.parent in Path(filename).parents:
        return f"gancourse: {message}\n"
    return USUAL(message, category, filename, lineno, line)


USUAL = warnings.formatwarning


def refuse_empty(arguments: list[str]) -> None:
    """Raise a CourseError at an empty text, which would mean the current folder."""
    for before, text in pairwise(["", *arguments]):
        name, equals, value = text.partition("=")
        if not text and arguments[0] == "draw" and not before.startswith("-"):
            continue  # a sentence, which the command refuses in its own words
        if not text or (name.startswith("--") and equals and not value):
            option = name or (before if before.startswith("-") else "an argument")
            raise CourseError(
                f"{option}: empty; give a name. The folder that you are in is called . here."
            )
