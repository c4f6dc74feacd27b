"""Options and arguments that several commands share, and small things around them."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Annotated, Literal

import typer

SEEDS = {"min": 0, "max": 2**32 - 1}  # the feed multiplies it by a million; torch takes 64 bits

Chapter = Annotated[str, typer.Argument(help="A chapter; `gancourse chapters` lists them.")]
Model = Annotated[str, typer.Argument(help="A published model, or the folder of a run.")]
Scale = Annotated[
    Literal["check", "class", "full", "gpu"],
    typer.Option(
        help="check: seconds; class: minutes; full: the recipe that made the published weights, "
        "minutes to hours on a CPU; gpu: the paper's sizes and steps, which nobody has run yet."
    ),
]
OfNotebook = Literal["check", "class", "full"]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 or mps. Default: cpu.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of the full data sets. Default: $GANCOURSE_DATA, else a cache."),
]
Source = Annotated[
    Literal["auto", "bundled", "full"],
    typer.Option(
        help="auto: the full data set if it is on this machine, else what ships with the course; "
        "bundled: what ships with the course; full: download the full data set if need be."
    ),
]
Own = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="A folder of your own pictures in place of the course's; `gancourse chapters "
        "CHAPTER` says what it should hold.",
    ),
]
Direction = Annotated[
    Literal["AtoB", "BtoA"] | None,
    typer.Option(
        help="With --data, for pairs: AtoB if A (the left half, or the folder A) is the input, "
        "else BtoA."
    ),
]
Make = Annotated[
    Literal["grey", "edges", "hole"] | None,
    typer.Option(
        help="With --data, for pairs: the folder holds photos; make the inputs from them."
    ),
]


def loading(root: Path | None, source: str) -> dict:
    """How `gancourse.data.load` finds the pictures.

    Whoever asks for the full set gets it, or an error.
    """
    return {"root": root, "source": source, "strict": source == "full"}


def quoted(path: Path) -> str:
    """A path as one word of this system's shell."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))
