"""`gancourse colour`."""

from __future__ import annotations

import builtins
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from gancourse import models
from gancourse.chapters import pix2pix
from tests.cli.shell import TINY, mistake


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    """The folder of a run whose network has hardly learned to colour."""
    folder = tmp_path_factory.mktemp("painter") / "run"
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=1, batch_size=2)
    pairs = {
        name: torch.full((2, n, 32, 32), 255, dtype=torch.uint8)
        for name, n in (("input", 1), ("target", 3))
    }
    models.play(config, pairs, folder=folder, progress=False, device="cpu")
    return folder


@pytest.fixture
def drawings(tmp_path, monkeypatch):
    """Four drawings of different formats and sizes in a folder of their own, which is the working
    folder.
    """
    place = tmp_path / "drawings"
    place.mkdir()
    monkeypatch.chdir(place)
    for name, size in (("cat.png", (60, 90)), ("dog.jpg", (300, 200)), ("owl.webp", (128, 128))):
        picture = Image.new("L", size, 255)
        ImageDraw.Draw(picture).ellipse([12, 12, size[0] - 12, size[1] - 12], outline=0, width=4)
        picture.convert("RGB").save(name)
    Path("sun.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><circle cx="36" cy="36" r="24" fill="none" '
        'stroke="#000" stroke-width="2"/></svg>'
    )
    return ["cat.png", "dog.jpg", "owl.webp", "sun.svg"]


@pytest.fixture
def colour(gancourse, painter):
    return lambda *given: gancourse("colour", *given, "--model", painter, "--size", 64)


def names(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_drawings_of_every_format_are_coloured_beside_them_or_in_a_folder(colour, drawings):
    status, out, err = colour(*drawings)
    made = {f"{Path(name).stem}-coloured.png" for name in drawings}
    assert status == 0, err
    assert set(out.split()) == made and names() == made | set(drawings) and "gancourse:" not in err
    for name in made:
        with Image.open(name) as picture:
            assert (picture.size, picture.mode, picture.format) == ((64, 64), "RGB", "PNG")
    assert colour(*drawings, "-o", "new/album")[0] == 0 and names("new/album") == made
    assert colour("cat.png", "-o", "tom.jpg")[:2] == (0, "tom.jpg\n")
    with Image.open("tom.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_picture_that_is_there_stays_without_force(colour, drawings):
    Path("cat-coloured.png").write_bytes(b"mine")
    assert "cat-coloured.png: exists already" in mistake(colour("cat.png"))
    assert Path("cat-coloured.png").read_bytes() == b"mine"
    status, _, err = colour("cat.png", "dog.jpg")
    assert status == 1 and "cat-coloured.png: exists already" in err and "1 of 2 files" in err
    assert Path("cat-coloured.png").read_bytes() == b"mine" and Path("dog-coloured.png").is_file()
    assert colour("cat.png", "--force")[0] == 0 and Path("cat-coloured.png").read_bytes() != b"mine"


def test_a_drawing_is_never_written_over(colour, drawings):
    before = Path("cat.png").read_bytes()
    for force in ([], ["--force"]):
        assert "would be written over cat.png, an input" in mistake(
            colour("cat.png", "-o", "cat.png", *force)
        )
    assert Path("cat.png").read_bytes() == before and names() == set(drawings)


def bad_file(kind: str) -> str:
    """Make a file that is no drawing; its name."""
    name = f"{kind}.tif" if kind == "deep" else f"{kind}.png"
    if kind == "small":
        Image.new("L", (3, 3), 255).save(name)
    elif kind == "animated":
        frames = [Image.new("L", (40, 40), level) for level in (0, 255)]
        frames[0].save(name, save_all=True, append_images=frames[1:])
    elif kind == "deep":
        Image.new("F", (40, 40), 9).save(name)
    elif kind == "bomb":
        chunks = (
            (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"")),
        )
        parts = [
            struct.pack(">I", len(b)) + t + b + struct.pack(">I", zlib.crc32(t + b))
            for t, b in chunks
        ]
        Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    elif kind == "blank":
        Image.new("L", (80, 80), 255).save(name)
    elif kind == "text":
        Path(name).write_text("no picture")
    return name


BAD = {
    "small": "3 x 3 pixels",
    "animated": "2 frames",
    "deep": "32 bits per pixel",
    "bomb": "megapixels",
    "blank": "no lines found",
    "text": "cannot be opened",
    "missing": "missing; give",
}


def test_a_bad_file_is_named_and_the_others_are_done(colour, drawings):
    bad = [bad_file(kind) for kind in BAD]
    before = names()
    status, out, err = colour(bad[0], "cat.png", *bad[1:], "owl.webp")
    assert status == 1 and out.split() == ["cat-coloured.png", "owl-coloured.png"]
    assert names() == before | {"cat-coloured.png", "owl-coloured.png"}, (
        "nothing else, and nothing half"
    )
    lines = [line for line in re.split("[\\r\\n]", err) if "gancourse:" in line]
    for name, words in zip(bad, BAD.values(), strict=True):
        assert any(name in line and words in line for line in lines), (name, lines)
    assert f"{len(bad)} of {len(bad) + 2} files: failed" in lines[-1] and "Traceback" not in err


@pytest.mark.parametrize("kind", BAD)
def test_a_single_bad_file_is_one_message(colour, drawings, kind):
    name = bad_file(kind)
    before = names()
    message = mistake(colour(name))
    assert name in message and BAD[kind] in message and names() == before


def test_a_file_that_may_not_be_read_is_named(colour, drawings, monkeypatch):
    real = builtins.open

    def guarded(file, *given, **how):
        if str(file) == "cat.png":
            raise PermissionError(13, "Permission denied", "cat.png")
        return real(file, *given, **how)

    monkeypatch.setattr(builtins, "open", guarded)
    status, out, err = colour("cat.png", "owl.webp")
    assert status == 1 and "cat.png: may not be read" in err and out == "owl-coloured.png\n"


def test_two_drawings_of_one_name_and_places_that_make_no_sense(colour, drawings):
    Path("cat.jpg").write_bytes(Path("dog.jpg").read_bytes())
    status, out, err = colour("cat.png", "cat.jpg", "-o", "out")
    assert status == 1 and "cat.jpg: its result would go to out/cat-coloured.png" in err
    assert out == "out/cat-coloured.png\n"
    assert "one.png: one picture for 2 files" in mistake(
        colour("cat.png", "dog.jpg", "-o", "one.png")
    )
    assert "out.gif: not a format that is written; give .png" in mistake(
        colour("cat.png", "-o", "out.gif")
    )


@pytest.mark.filterwarnings("ignore:.*fewer than")
def test_a_model_that_colours_nothing_says_so_once(gancourse, drawings, photos):
    before = names()
    assert "from nothing" in mistake(gancourse("colour", "cat.png", "dog.jpg", "--model", "gan"))
    assert "'nobody': neither a published model" in mistake(
        gancourse("colour", "cat.png", "--model", "nobody")
    )
    command = ["train", "pix2pix", "--folder", photos / "run", *TINY, "-s", "shape=3,32,32"]
    assert gancourse(*command, "--data", photos / "pairs", "--direction", "AtoB")[0] == 0
    assert "translates pictures of 3 channels" in mistake(
        gancourse("colour", "cat.png", "--model", photos / "run")
    )
    assert names() == before


def test_the_published_weights_colour_a_drawing(gancourse, tmp_path):
    drawing = tmp_path / "sun.svg"
    drawing.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
        '<circle cx="36" cy="36" r="26" fill="none" stroke="#000" stroke-width="2"/></svg>'
    )
    assert gancourse("colour", drawing, "--size", 128)[0] == 0
    with Image.open(tmp_path / "sun-coloured.png") as coloured:
        inside, paper = (
            np.array(coloured.convert("HSV").crop(box))
            for box in ((52, 52, 76, 76), (0, 0, 10, 10))
        )
    assert coloured.size == (128, 128)
    assert inside[..., 1].mean() > 60 and paper[..., 1].mean() < 20  # saturation, 0 to 255
