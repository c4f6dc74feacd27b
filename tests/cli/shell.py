"""What tests of the command read off its answers."""

from __future__ import annotations

import re

TINY = ["--scale", "check", "--device", "cpu", "-s", "width=2", "-s", "steps=2"]
TINY += ["-s", "batch_size=8"]


def mistake(result: tuple[int, str, str]) -> str:
    """The one message of a failed command."""
    status, out, err = result
    assert status == 1 and out == "" and err.startswith("gancourse: ") and "Traceback" not in err
    assert err.count("\n") == 1, err
    return err.removeprefix("gancourse: ").rstrip("\n")


def plain(text: str) -> str:
    """Without colours, frames and line breaks."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())
