"""`gancourse draw`, `gancourse colour`, `gancourse upscale` and `gancourse export`."""

from __future__ import annotations

import builtins
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageDraw

from gancourse import language, models
from gancourse.chapters import ANY_WORDS, STUDIO, pix2pix, srgan, stackgan
from gancourse.data import CourseWarning
from gancourse.files import BUNDLED, CourseError
from gancourse.show import grids
from gancourse.studio import batch, drawing, upscaling
from tests.cli.shell import TINY, mistake
from tests.readers import Dictionary


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


# upscale


def lean(form: str, folder: Path, **changes) -> Path:
    """The folder of a run whose network has hardly learned to enlarge."""
    numbers = {"shape": (3, 16, 16), "width": 4, "blocks": 1, "steps": 1, "batch_size": 2}
    config = srgan.Config.at("check", form, **numbers, **changes)
    crops = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    data = {"image": crops.byte()}
    models.play(config, data, seed=len(form), folder=folder, progress=False, device="cpu")
    return folder


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    return lean("srresnet", tmp_path_factory.mktemp("regression") / "run")


@pytest.fixture(scope="module")
def adversary(tmp_path_factory, regression):
    """The run of a game that began elsewhere than at what it blends with."""
    folder = tmp_path_factory.mktemp("adversary") / "run"
    return lean("srgan", folder, starts_from=str(regression), content=0.0, lr=0.05)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Photos of several formats and sizes in a folder of their own, which is the working folder."""
    place = tmp_path / "album"
    place.mkdir()
    monkeypatch.chdir(place)
    picture = Image.merge("RGB", [Image.radial_gradient("L").rotate(90 * i) for i in range(3)])
    names = {
        "beach.jpg": (40, 30),
        "cliff.png": (17, 23),
        "dune.webp": (31, 9),
        "elm.tif": (12, 12),
    }
    for name, size in names.items():
        picture.resize(size).save(name)
    return list(names)


@pytest.fixture
def upscale(gancourse):
    return lambda *given, model="bicubic": gancourse("upscale", *given, "--model", model)


def opened(name: str | Path) -> Image.Image:
    with Image.open(name) as picture:
        picture.load()
        return picture


def pixels(name: str | Path) -> np.ndarray:
    return np.asarray(opened(name)).astype(int)


def test_photos_of_every_format_are_enlarged_beside_them_or_in_a_folder(upscale, album, regression):
    status, out, err = upscale(*album, model=regression)
    made = {f"{Path(name).stem}-x4.png" for name in album}
    assert status == 0, err
    assert set(out.split()) == made and names() == made | set(album) and "gancourse:" not in err
    for name in album:
        width, height = opened(name).size
        large = opened(f"{Path(name).stem}-x4.png")
        assert (large.size, large.format, large.mode) == ((4 * width, 4 * height), "PNG", "RGB")
    status, out, _ = upscale(*album, "-o", "new/large", "--scale", 3)
    assert status == 0 and names("new/large") == {f"{Path(name).stem}-x3.png" for name in album}
    assert opened("new/large/elm-x3.png").size == (36, 36)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF")]
)
def test_the_suffix_of_the_output_says_its_format(upscale, album, suffix, kind):
    assert upscale("cliff.png", "-o", f"large.{suffix}")[:2] == (0, f"large.{suffix}\n")
    upscale("cliff.png", "-o", "exact.png")
    assert opened(f"large.{suffix}").format == kind
    assert np.abs(pixels(f"large.{suffix}") - pixels("exact.png")).mean() < 4
    status, _, err = upscale("cliff.png", "-o", "large.bmp")
    assert status == 1 and "large.bmp: not a format that is written; give .png, .jpg" in err


def test_a_smaller_scale_is_the_large_picture_shrunk(upscale, album, regression):
    for scale in (2, 4):
        upscale("beach.jpg", "--scale", scale, model=regression)
    shrunk = opened("beach-x4.png").resize((80, 60), Image.Resampling.BICUBIC)
    assert np.abs(pixels("beach-x2.png") - np.asarray(shrunk)).mean() < 2


def test_what_a_camera_wrote_stays_and_the_photo_stands_upright(upscale, album):
    """As tall as it was shown, with the same inches when printed, and not turned a second time."""
    picture, exif = opened("beach.jpg"), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"  # turn by a quarter; who made the camera
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save("turned.png", exif=exif, icc_profile=profile, dpi=(100, 100))
    picture.transpose(Image.Transpose.ROTATE_270).save("upright.png")
    for place in ("large.png", "large.tif", "large.jpg", "large.webp"):
        assert upscale("turned.png", "-o", place)[0] == 0
        large = opened(place)
        assert large.size == (4 * 30, 4 * 40) and large.info["icc_profile"] == profile
        assert large.getexif().get(0x0112, 1) == 1 and large.getexif()[0x010F] == "Maker"
        if place != "large.webp":  # a format without dpi
            assert large.info["dpi"] == pytest.approx((400, 400), abs=0.1)
    upscale("upright.png", "-o", "same.png")
    assert (pixels("large.png") == pixels("same.png")).all()


def test_grey_opacity_and_16_bits_stay(upscale, album, regression):
    deep = np.linspace(0, 65_535, 30 * 20).reshape(20, 30).astype(np.uint16)
    Image.fromarray(deep).save("deep.png")
    Image.fromarray(deep).save("deep.tif")
    Image.fromarray((deep >> 8).astype(np.uint8)).save("grey.png")
    clear = Image.merge("RGBA", [Image.radial_gradient("L").resize((30, 20))] * 4)
    clear.save("clear.png")
    clear.convert("CMYK").save("ink.tif")
    for name, place, mode in (
        ("grey.png", "grey-x4.png", "L"),
        ("clear.png", "clear-x4.png", "RGBA"),
        ("deep.png", "deep-x4.png", "I;16"),
        ("deep.tif", "large.tif", "I;16"),
        ("deep.png", "large.jpg", "L"),
        ("ink.tif", "ink-x4.png", "RGB"),
    ):
        given = [] if place.endswith("x4.png") else ["-o", place]
        for model in ("bicubic", regression):
            status, _, err = upscale(name, *given, "--force", model=model)
            assert status == 0, err
            assert opened(place).mode == mode
    assert len(np.unique(pixels("deep-x4.png"))) > 256
    assert "JPEG holds no transparency" in mistake(upscale("clear.png", "-o", "clear.jpg"))
    assert not Path("clear.jpg").exists()


def test_of_an_animation_the_first_frame_with_a_warning(upscale, album):
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(CourseWarning, match="^moving.gif: 2 frames .*; the first is taken"):
        status, out, _ = upscale("moving.gif")
    assert (status, out) == (0, "moving-x4.png\n")
    assert (pixels("moving-x4.png") == (255, 0, 0)).all()


def test_a_blend_goes_from_the_regression_to_the_game(upscale, album, regression, adversary):
    for blend in (0, 0.5, 1):
        status, _, err = upscale(
            "cliff.png", "--blend", blend, "-o", f"{blend}.png", model=adversary
        )
        assert status == 0, err
    upscale("cliff.png", model=regression)
    assert np.abs(pixels("0.png") - pixels("cliff-x4.png")).max() <= 1
    assert np.abs(pixels("1.png") - pixels("0.png")).max() > 5
    assert (pixels("0.5.png") != pixels("1.png")).any()
    for model in ("bicubic", regression):
        message = mistake(upscale("cliff.png", "--blend", 0.5, "--force", model=model))
        assert message.startswith("blend=0.5: ") and "leave it out" in message


def test_a_bad_photo_is_named_and_the_others_are_done(upscale, album):
    kinds = {
        kind: words for kind, words in BAD.items() if kind not in ("small", "blank", "animated")
    }
    bad = {bad_file(kind): words for kind, words in kinds.items()}
    Path("half.jpg").write_bytes(Path("beach.jpg").read_bytes()[:600])
    Path("cliff-x4.png").mkdir()
    bad |= {"half.jpg": "truncated", "cliff.png": "exists already"}
    Image.new("RGB", (1, 1), (10, 200, 30)).save("dot.png")  # small, and no mistake
    before = names()
    status, out, err = upscale("beach.jpg", *bad, "dot.png")
    assert status == 1 and out.split() == ["beach-x4.png", "dot-x4.png"]
    assert names() == before | {"beach-x4.png", "dot-x4.png"}
    lines = [line for line in re.split("[\\r\\n]", err) if "gancourse:" in line]
    for name, words in bad.items():
        assert any(Path(name).stem in line and words in line for line in lines), (name, lines)
    assert f"{len(bad)} of {len(bad) + 2} files: failed" in lines[-1] and "Traceback" not in err
    assert opened("dot-x4.png").size == (4, 4) and (pixels("dot-x4.png") == (10, 200, 30)).all()


def test_places_that_cannot_be_written_are_named_before_any_work(upscale, album, monkeypatch):
    def never(*given, **options):
        raise AssertionError("work was done")

    monkeypatch.setattr(upscaling, "upscale", never)
    Path("file").write_text("")
    message = mistake(upscale("cliff.png", "-o", "file/large.png"))
    assert "file/large.png cannot be written (file is no folder)" in message
    Path("cliff-x4.png").mkdir()
    message = mistake(upscale("cliff.png", "--force"))
    assert "cliff-x4.png cannot be written (it is a folder)" in message
    monkeypatch.setattr(batch.os, "access", lambda path, mode: mode != batch.os.W_OK)
    message = mistake(upscale("cliff.png", "-o", "locked/large.png"))
    assert "locked/large.png cannot be written (its folder is read-only)" in message


def test_a_photo_and_what_is_there_stay_without_force(upscale, album):
    Path("cliff-x4.png").write_bytes(b"mine")
    before = Path("cliff.png").read_bytes()
    assert "cliff-x4.png: exists already" in mistake(upscale("cliff.png"))
    assert "would be written over cliff.png" in mistake(
        upscale("cliff.png", "-o", "cliff.png", "--force")
    )
    assert Path("cliff-x4.png").read_bytes() == b"mine"
    assert Path("cliff.png").read_bytes() == before
    assert upscale("cliff.png", "--force")[0] == 0 and opened("cliff-x4.png").size == (68, 92)


def test_control_c_within_a_photo_leaves_nothing_half_written(upscale, album, monkeypatch):
    real, parts = upscaling.enlarged, []

    def interrupted(*given):
        parts.append(given)
        if len(parts) == 2:  # the second photo
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(upscaling, "enlarged", interrupted)
    status, out, err = upscale("beach.jpg", "cliff.png", "dune.webp")
    assert status == 130 and out == "beach-x4.png\n"
    assert "stopped; 1 of 3 files are done" in err and "Traceback" not in err
    assert names() == {*album, "beach-x4.png"}


def test_a_model_that_enlarges_nothing_says_so_once(upscale, album):
    before = names()
    assert "it enlarges no pictures" in mistake(upscale("cliff.png", "beach.jpg", model="gan"))
    assert "'nobody': neither a published model" in mistake(upscale("cliff.png", model="nobody"))
    assert upscale("cliff.png", "--scale", 5)[0] == upscale("cliff.png", "--scale", 1)[0] == 2
    assert names() == before


# draw

KNOWN = ("a red boat on a lake", "a blue tree under the moon", "a small red tree", "the blue boat")


def reader(form: str, folder: Path, size: int = 32, **changes) -> Path:
    """The folder of a run that has hardly learned to draw what sentences say."""
    numbers = {"shape": (3, size, size), "steps": 2, "batch_size": 4, **changes}
    if form != "words":
        numbers |= {"width": 4, "width_d": 4}
    config = stackgan.Config.at("check", form, **numbers)
    dice = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (8, 3, size, size), generator=dice).byte()
    data = {"image": pictures, "caption": [*KNOWN, *KNOWN]}
    models.play(config, data, folder=folder, progress=False, device="cpu")
    return folder


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """The folders of three runs: the text encoder, Stage I and Stage II."""
    folder = tmp_path_factory.mktemp("readers")
    words = str(reader("words", folder / "words"))
    first = str(reader("stage1", folder / "stage1", text=words))
    reader("stage2", folder / "stage2", 64, text=words, first=first)
    return folder


@pytest.fixture
def draw(gancourse, readers, tmp_path, monkeypatch):
    """`gancourse draw` in a folder of its own, with Stage I and small pictures."""
    place = tmp_path / "desk"
    place.mkdir()
    monkeypatch.chdir(place)

    def run(*given, model=readers / "stage1", size=32):
        return gancourse("draw", *given, "--model", model, "--size", size)

    return run


def cells(name: str | Path, size: int = 32, gap: int = 2, high: int | None = None) -> np.ndarray:
    """The pictures of a sheet: (rows, columns, high, size, 3)."""
    sheet, high = pixels(name), high or size
    rows, columns = (sheet.shape[0] - gap) // (high + gap), (sheet.shape[1] - gap) // (size + gap)
    assert sheet.shape[:2] == (rows * (high + gap) + gap, columns * (size + gap) + gap)
    cut = sheet[gap:, gap:].reshape(rows, high + gap, columns, size + gap, 3)[:, :high, :, :size]
    return cut.swapaxes(1, 2)


def test_a_sentence_becomes_a_sheet_of_its_pictures(draw, readers):
    status, out, err = draw(KNOWN[0])
    assert (status, out, err) == (0, "a-red-boat-on-a-lake.png\n", "")
    assert names() == {"a-red-boat-on-a-lake.png"}
    made = models.load(readers / "stage1").sample(8, text=KNOWN[0], seed=0)
    wanted = grids.to_bytes(made)
    assert (cells("a-red-boat-on-a-lake.png") == wanted).all(), "pixel by pixel at its own size"
    assert len(np.unique(wanted.reshape(8, -1), axis=0)) == 8
    draw(KNOWN[0], "--seed", 1, "-o", "other.png")
    assert (pixels("other.png") != pixels("a-red-boat-on-a-lake.png")).any()
    draw(KNOWN[0], "--seed", 0, "-o", "same.png")
    assert (pixels("same.png") == pixels("a-red-boat-on-a-lake.png")).all()


def test_each_sentence_has_a_row_which_the_others_do_not_change(draw):
    Path("more.txt").write_text(f"\ufeff{KNOWN[2]}\n\n  \n{KNOWN[1]}\n", encoding="utf-8")
    status, out, err = draw(KNOWN[0], f" {KNOWN[1]} ", "--file", "more.txt", "-n", 3)
    assert (status, out, err) == (0, "a-red-boat-on-a-lake-and-2-more.png\n", "")
    found = cells("a-red-boat-on-a-lake-and-2-more.png")
    assert found.shape[:2] == (3, 3), "a sentence that was given twice has one row"
    for i in range(3):
        draw(KNOWN[i], "-n", 3, "-o", f"{i}.png")
        assert (cells(f"{i}.png")[0] == found[i]).all()
    assert (found[0] != found[1]).any()
    draw("--file", "more.txt", "-n", 9, "-o", "block.png")
    assert cells("block.png").shape[:2] == (6, 3), "many of a sentence make a block"


def test_pictures_are_enlarged_smoothly_to_the_size_that_is_asked_for(draw):
    draw(KNOWN[0], "-n", 1, "-o", "small.png")
    draw(KNOWN[0], "-n", 1, "-o", "large.png", size=96)
    draw(KNOWN[0], "-n", 1, "-o", "tiny.png", size=16)
    small, large = (
        cells(name, size, gap)[0, 0]
        for name, size, gap in (("small.png", 32, 2), ("large.png", 96, 3))
    )
    assert cells("tiny.png", 16).shape == (1, 1, 16, 16, 3)
    blocks = large.reshape(32, 3, 32, 3, 3)
    assert np.abs(blocks.mean((1, 3)) - small).mean() < 12 and (blocks[:, 0] != blocks[:, 2]).any()


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("webp", "WEBP"), ("PNG", "PNG")])
def test_the_sheet_has_the_format_of_its_name(draw, suffix, kind):
    assert draw(KNOWN[0], "-o", f"new/boats.{suffix}")[:2] == (0, f"new/boats.{suffix}\n")
    assert opened(f"new/boats.{suffix}").format == kind
    assert draw(KNOWN[0], "-o", "new")[1] == "new/a-red-boat-on-a-lake.png\n"


def test_each_picture_in_a_file_of_its_own(draw):
    draw(KNOWN[0], KNOWN[1], "-n", 2, "-o", "sheet.png")
    status, out, err = draw(KNOWN[0], KNOWN[1], "-n", 2, "--separate", "-o", "new/album")
    made = [
        f"{row}-{name}-{i}.png"
        for row, name in ((1, "a-red-boat-on-a-lake"), (2, "a-blue-tree-under-the-moon"))
        for i in (1, 2)
    ]
    assert status == 0 and out.split() == [f"new/album/{name}" for name in made], err
    assert names("new/album") == set(made)
    found = cells("sheet.png").reshape(4, 32, 32, 3)
    for name, picture in zip(made, found, strict=True):
        assert (pixels(f"new/album/{name}") == picture).all()
    assert draw(KNOWN[0], "-n", 10, "--separate")[0] == 0
    folder = "a-red-boat-on-a-lake"
    assert names(folder) == {f"{folder}-{i:02}.png" for i in range(1, 11)}
    message = mistake(draw(KNOWN[0], "-n", 10, "--separate"))
    assert message.startswith(f"{folder}/{folder}-01.png: exists already")
    assert draw(KNOWN[0], "-n", 10, "--separate", "--force")[0] == 0
    assert "boats.png: one picture, and --separate writes several" in mistake(
        draw(KNOWN[0], "--separate", "-o", "boats.png")
    )


def test_both_stages_of_each_picture(draw, readers, monkeypatch):
    second = readers / "stage2"
    assert (
        draw(KNOWN[0], KNOWN[1], "-n", 2, "--stages", "-o", "both.png", model=second, size=64)[0]
        == 0
    )
    found = cells("both.png", 64, high=128)
    assert found.shape[:2] == (2, 2)
    game = models.load(second)
    for row, text in zip(found, KNOWN, strict=False):
        small, large = game.stages(2, text=text, seed=0)
        assert (row[:, 64:] == grids.to_bytes(large)).all()
        wide = [np.asarray(drawing.enlarged(each, 64)) for each in grids.to_bytes(small)]
        assert (row[:, :64] == np.stack(wide)).all()
    draw(KNOWN[0], "-n", 2, "-o", "last.png", model=second, size=64)
    assert (cells("last.png", 64)[0] == found[0, :, 64:]).all()
    draw(KNOWN[0], "-n", 1, "--stages", "--separate", "-o", "each", model=second, size=64)
    assert names("each") == {f"a-red-boat-on-a-lake-1-stage{i}.png" for i in (1, 2)}
    assert (pixels("each/a-red-boat-on-a-lake-1-stage1.png") == found[0, 0, :64]).all()
    assert "stages: this model draws in one stage" in mistake(draw(KNOWN[0], "--stages"))
    monkeypatch.setattr(drawing, "MOST_PIXELS", 1)
    message = mistake(draw(KNOWN[0], KNOWN[1], "-n", 2, "--stages", model=second, size=64))
    assert "{} x {} pixels".format(*opened("both.png").size) in message


def test_words_that_are_not_known_are_named_with_the_nearest(draw):
    with pytest.warns(CourseWarning) as caught:
        assert draw("a rad boot on a zeppelin 🚤!", KNOWN[1], "-n", 2, "-o", "x.png")[0] == 0
    (said,) = (str(each.message) for each in caught)
    assert said == (
        "'a rad boot on a zeppelin 🚤!': not known and left out: rad (nearest: red), "
        "boot (nearest: boat), zeppelin, 🚤"
    )
    draw("a on a", "-n", 2, "-o", "y.png")
    assert (cells("x.png")[0] == cells("y.png")[0]).all()


@pytest.fixture
def free(readers, tmp_path, monkeypatch):
    """The folder of an encoder of any words, taught by the one of `readers`."""
    monkeypatch.setattr(language, "load", lambda name: Dictionary())
    folder, words = tmp_path / "free", str(readers / "words")
    numbers = {"shape": (3, 32, 32), "steps": 2, "batch_size": 4, "states": 24, "text": words}
    config = stackgan.Config.at("check", "free", **numbers)
    pictures = torch.zeros(8, 3, 32, 32, dtype=torch.uint8)
    data = {"image": pictures, "caption": [*KNOWN, *KNOWN]}
    models.play(config, data, folder=folder, progress=False, device="cpu")
    return folder


def test_another_encoder_reads_words_that_the_models_own_does_not(draw, readers, free, recwarn):
    text = "a crimson zeppelin"
    assert draw(text, "-n", 2, "-o", "x.png", "--encoder", free)[0] == 0
    assert not recwarn.list
    game = models.load(readers / "stage1", text=free)
    made = grids.to_bytes(game.sample(2, text=text, seed=0))
    assert (cells("x.png")[0] == made).all()
    with pytest.warns(CourseWarning, match="left out: zzip"):
        draw("a zzip", "-n", 1, "-o", "y.png", "--encoder", free)
    message = mistake(draw(text, "-o", "z.png", "--encoder", "gan"))
    assert "text='gan': has not learned to answer as" in message
    message = mistake(draw(text, "-o", "z.png", "--encoder", free, model="gan"))
    assert "this model borrows no network of that name; it borrows none" in message


def test_the_published_encoder_of_any_words_is_pointed_to(readers, tmp_path, monkeypatch):
    game = models.load(readers / "stage1")
    monkeypatch.setattr(models, "published", lambda: [ANY_WORDS])
    monkeypatch.setattr(drawing, "BUNDLED", tmp_path)
    shelf = tmp_path / "weights" / ANY_WORDS
    shelf.mkdir(parents=True)
    for learned, more in ((game.config.text, ANY_WORDS), ("another", "")):
        (shelf / "config.json").write_text(json.dumps({"text": learned}))
        assert drawing.reads_more(game) == more
    monkeypatch.setattr(models, "published", list)
    assert drawing.reads_more(game) == ""
    with pytest.warns(CourseWarning, match="left out: zeppelin; to read any English words: --enc"):
        drawing.understand(game, "a red zeppelin", "x")
    with pytest.raises(CourseError, match="knows none .* To read any English words: --encoder x"):
        drawing.understand(game, "zeppelin", "x")


def test_a_warning_of_unknown_words_goes_to_stderr(readers, tmp_path):
    command = [sys.executable, "-m", "gancourse.cli", "draw", "a red zeppelin", "-n", "1"]
    command += ["--model", str(readers / "stage1"), "-o", str(tmp_path / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"{tmp_path / 'x.png'}\n"
    assert done.stderr == "gancourse: 'a red zeppelin': not known and left out: zeppelin\n"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("", "text='': no word in it; write a sentence"),
        (" \t ", "no word in it"),
        ("🚤 🌙", "text='🚤 🌙': no word in it"),
        ("?!", "no word in it"),
        ("boat " * 10_000, "10,000 words; write 64 or fewer"),
        (
            "ein grünes Boot",
            "knows none of these words; it knows 11, such as a, .* The nearest: boat for boot.",
        ),
        ("лодка 船", "knows none of these words"),
        ("zeppelin", "knows none of these words"),
        ("x" * 5_000, "knows none of these words"),
    ],
)
def test_what_cannot_be_drawn_is_one_message(draw, sentence, words):
    assert re.search(words, mistake(draw(sentence)))
    assert names() == set()
    mistake(draw(KNOWN[0], sentence, "-o", "x.png"))  # the others are not drawn either
    assert names() == set()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{KNOWN[0]}\n\n..!\n".encode(), "lines.txt, line 3: text='..!': no word in it"),
        (f"{KNOWN[0]}\nzeppelin".encode(), "lines.txt, line 2: text='zeppelin': .*knows none"),
        (b"\n \n", "lines.txt: no sentence in it; write one in each line"),
        ("лодка".encode("utf-16"), "lines.txt: no text in UTF-8"),
        (None, "lines.txt: cannot be read .No such file"),
    ],
)
def test_a_file_of_sentences_that_cannot_be_used(draw, content, words):
    if content is not None:
        Path("lines.txt").write_bytes(content)
    before = names()
    assert re.search(words, mistake(draw("--file", "lines.txt")))
    assert names() == before
    Path("folder").mkdir()
    assert "folder: cannot be read" in mistake(draw("--file", "folder"))
    assert "no sentence: give one, or a file" in mistake(draw())


def test_a_sheet_is_never_written_over_without_force(draw):
    Path("boats.png").write_bytes(b"mine")
    assert "boats.png: exists already" in mistake(draw(KNOWN[0], "-o", "boats.png"))
    assert Path("boats.png").read_bytes() == b"mine"
    assert draw(KNOWN[0], "-o", "boats.png", "--force")[0] == 0 and cells("boats.png").any()
    assert "boats.gif: not a format that is written; give .png" in mistake(
        draw(KNOWN[0], "-o", "boats.gif")
    )
    assert "boats: not a format" in mistake(draw(KNOWN[0], "-o", "boats"))
    assert "boats.png is no folder" in mistake(draw(KNOWN[0], "-o", "boats.png/x.png"))


def test_numbers_that_cannot_be(draw):
    for given in (["-n", 0], ["-n", 1001], ["--seed", -1]):
        assert draw(KNOWN[0], *given)[0] == 2
    assert draw(KNOWN[0], size=15)[0] == draw(KNOWN[0], size=1025)[0] == 2
    drawing.check_sheet(Path("x.png"), 4, 8, 1000, stages=False)
    with pytest.raises(CourseError, match="8,279 x 8,155 pixels, more than 64 megapixels"):
        drawing.check_sheet(Path("x.png"), 4, 8, 1000, stages=True)
    message = mistake(draw(KNOWN[0], "-n", 1000, size=1024))
    assert "more than 64 megapixels; ask for fewer pictures" in message and names() == set()


def test_a_name_is_short_and_of_letters(draw):
    draw("A  red/blue BOAT: on a\\lake, " + "under the moon " * 9, "-n", 1)
    (name,) = names()
    assert name.startswith("a-red-blue-boat-on-a-lake-under") and len(name) <= 64
    with pytest.warns(CourseWarning, match="left out"):
        draw("船" * 40 + " boat", "-n", 1)
    assert "船" * 20 + ".png" in names()


@pytest.mark.parametrize("model", ["gan", "cgan", "pix2pix", "srgan"])
def test_a_model_that_reads_no_sentences_is_refused(draw, model):
    message = mistake(draw(KNOWN[0], model=model))
    assert message.startswith("model: it draws nothing that a sentence says; take one that does: ")
    assert "the folder of a run that learned from pictures with captions" in message
    assert names() == set()


def test_models_that_can_draw_are_named(draw, readers, tmp_path, monkeypatch):
    """The text encoder reads sentences, and draws nothing: it finds pictures."""
    weights = tmp_path / "weights"
    for name in ("words", "stage1", "gan"):
        (weights / name).mkdir(parents=True)
        home = BUNDLED / "weights" if name == "gan" else readers
        (weights / name / "config.json").write_bytes((home / name / "config.json").read_bytes())
    monkeypatch.setattr(drawing, "BUNDLED", tmp_path)
    monkeypatch.setattr(models, "published", lambda: ["gan", "words", "stage1"])
    # Of those that learned from no captions no weights are read: there are none here.
    monkeypatch.setattr(models, "stored", lambda name: models.of_run(readers / Path(name).name))
    message = mistake(draw(KNOWN[0], model="words"))
    assert "take one that does: stage1, the folder of a run" in message


def test_an_unknown_model_is_named(draw):
    assert "'nobody': neither a published model" in mistake(draw(KNOWN[0], model="nobody"))


@pytest.mark.parametrize("separate", [False, True])
def test_control_c_leaves_nothing_half_drawn(draw, monkeypatch, separate):
    real, parts = drawing.enlarged, []

    def interrupted(*given):
        parts.append(given)
        if len(parts) == 3:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(drawing, "enlarged", interrupted)
    given = ["--separate", "-o", "album"] if separate else []
    status, out, err = draw(KNOWN[0], "-n", 4, *given)
    assert status == 130 and "stopped" in err and "Traceback" not in err
    assert (
        len(out.split())
        == len([path for path in Path().rglob("*") if path.is_file()])
        == 2 * separate
    )
    assert not separate or "stopped; 2 of 4 pictures are written" in err


@pytest.mark.parametrize("separate", [False, True])
def test_a_full_disk_leaves_nothing_half_drawn(draw, monkeypatch, separate):
    def full(self, path, **how):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    given = ["--separate", "-o", "album"] if separate else ["-o", "boats.png"]
    message = mistake(draw(KNOWN[0], *given))
    assert "cannot be written (No space left on device). Make room" in message
    assert not [path for path in Path().rglob("*") if path.is_file()]


@pytest.mark.skipif(STUDIO["draw"] not in models.published(), reason="no such model is published")
def test_the_published_weights_draw_a_sentence(gancourse, tmp_path):
    text = "a small red boat on a lake under the moon"
    status, out, err = gancourse("draw", text, "-n", 8, "-o", tmp_path / "boats.png")
    assert (status, err) == (0, ""), "every word is known"
    found = cells(tmp_path / "boats.png", 256, 8)
    assert found.shape[:2] == (1, 8)
    red, _, blue = found.reshape(8, -1, 3).transpose(2, 0, 1)
    assert ((red > 120) & (blue < 90)).any(1).sum() >= 6, "something red in most of them"
    assert np.median(found[:, :, :64]) < 110, "at night"


def test_export_writes_a_script_and_an_onnx_model(gancourse, tmp_path):
    onnx = pytest.importorskip("onnx")
    model, script = tmp_path / "faces.onnx", tmp_path / "faces.js"
    status, out, _ = gancourse(
        "export", "infogan-faces", "--onnx", str(model), "--live", str(script)
    )
    assert (status, out.split()) == (0, [str(model), str(script)])
    assert script.read_text().startswith('Live.model("infogan-faces",{"name":"infogan-faces",')
    graph = onnx.load(model).graph
    assert [each.name for each in graph.input] == ["latent"]
    assert [each.name for each in graph.output] == ["image"]


def test_export_of_a_run_is_named_by_its_folder(gancourse, painter, tmp_path):
    script = tmp_path / "own.js"
    assert gancourse("export", str(painter), "--live", str(script))[0] == 0
    assert script.read_text().startswith('Live.model("run",')


def test_export_overwrites_nothing_unasked(gancourse, tmp_path):
    script = tmp_path / "faces.js"
    script.write_text("mine")
    said = mistake(gancourse("export", "infogan-faces", "--live", str(script)))
    assert said == f"{script}: exists already; give another name, or write over it with --force."
    assert script.read_text() == "mine"
    assert gancourse("export", "infogan-faces", "--live", str(script), "--force")[0] == 0
    assert script.read_text() != "mine"


def test_export_asks_for_something_to_write(gancourse):
    said = mistake(gancourse("export", "infogan-faces"))
    assert said == "nothing to write; give --onnx FILE, --live FILE, or both."
