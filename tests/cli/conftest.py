from __future__ import annotations

import sys
import warnings

import pytest
from PIL import Image

from gancourse import cli


@pytest.fixture
def gancourse(monkeypatch, capsys):
    """Run the command as a shell would: (exit status, output, error output)."""
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gancourse", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def wide(monkeypatch):
    """A window in which no option's name is cut short."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERMINAL_WIDTH", "160")


@pytest.fixture
def photos(tmp_path):
    """photos/ with eight pictures, classes/ with the same by two names, pairs/ with the same beside
    white.
    """
    for i in range(8):
        picture = Image.radial_gradient("L").resize((40, 40)).rotate(45 * i)
        layers = (picture, Image.new("L", (40, 40), 30 * i), picture.rotate(45))
        picture = Image.merge("RGB", layers)
        double = Image.new("RGB", (80, 40), "white")
        double.paste(picture, (40, 0))
        kind = ("cats", "dogs")[i % 2]
        for place, image in (("photos", picture), (f"classes/{kind}", picture), ("pairs", double)):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            image.save(tmp_path / place / f"{i}.png")
    return tmp_path
