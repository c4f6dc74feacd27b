"""The data sets that the course uses."""

from __future__ import annotations

from typing import Annotated

import typer

from gancourse.cli.options import Root, Source, quoted
from gancourse.files import CourseError


def data(
    name: Annotated[
        str | None, typer.Argument(help="A data set, e.g. digits. Without it: all of them.")
    ] = None,
    data_root: Root = None,
    source: Source = "auto",
    sha256: Annotated[
        str | None, typer.Option(help="Of an official set of pairs: the SHA-256 of its archive.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Of an official set of pairs, whose authors published no checksum: download it "
            "unverified the first time.",
        ),
    ] = False,
) -> None:
    """List the data sets on this machine, or download one: `gancourse data digits --source full`.

    facades, maps and edges2shoes are the official pairs of pix2pix: `gancourse data facades`
        downloads them, and prints
    the command that trains on them.
    """
    from gancourse import data as room
    from gancourse.chapters import CHAPTERS
    from gancourse.data import archives

    if name in archives.ARCHIVES:
        folder = archives.download(name, data_root, sha256=sha256, trust=trust)
        learner = next(each for each, row in CHAPTERS.items() if row.config.takes == "pairs")
        typer.echo(
            f"gancourse train {learner} --data {quoted(folder / 'train')} "
            f"--direction {archives.ARCHIVES[name].direction} --folder RUN"
        )
        return
    if trust or sha256 is not None:
        option = "--trust" if trust else f"--sha256 {sha256}"
        raise CourseError(
            f"{option}: is for {', '.join(archives.ARCHIVES)}; all other data are verified "
            "without it, leave it out."
        )
    for line in room.listing(*[name] * bool(name), root=data_root, source=source):
        typer.echo(line)
