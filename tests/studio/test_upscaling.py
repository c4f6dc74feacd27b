"""Photos of any size enlarged: by tiles, in bounded memory, with all that their files hold.

Networks are tiny and untrained, and loud enough that a pixel at the wrong place shows.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancourse import bicubic, models
from gancourse.chapters import gan, srgan
from gancourse.data.raster import Raster
from gancourse.files import CourseError
from gancourse.studio import upscaling


def small(form: str = "srresnet", seed: int = 0, **changes) -> srgan.SRResNet:
    numbers = {"width": 4, "blocks": 1, "shape": (3, 16, 16)}
    if form == "srgan":
        numbers["starts_from"] = ""
    game = models.begin(srgan.Config.at("check", form, **{**numbers, **changes}), seed)
    return loud(game.requires_grad_(False).eval(), seed)


def loud(game, seed: int):
    dice = torch.Generator().manual_seed(seed)
    for parameter in game.generator.parameters():
        if parameter.dim() > 1:
            scale = 0.5 / math.sqrt(parameter[0].numel())
            parameter.copy_(torch.randn(parameter.shape, generator=dice) * scale)
    return game


def blending() -> srgan.SRGAN:
    """A game with the regression that it started from."""
    game = small("srgan", 1)
    game.borrow("first", small(seed=2))
    return game


def levels(height: int, width: int, channels: int = 3, kind=np.uint8) -> np.ndarray:
    """Smooth waves with a little noise."""
    y, x = np.mgrid[:height, :width][..., None].astype(float)
    phase = np.arange(channels)
    dice = np.random.default_rng(0)
    waves = np.sin(x / 5 + phase) * np.cos(y / 7 - phase) + dice.normal(0, 0.1, x.shape)
    return np.round((waves.clip(-1, 1) + 1) / 2 * np.iinfo(kind).max).astype(kind)


def as_input(pixels: np.ndarray) -> torch.Tensor:
    x = torch.tensor(pixels).permute(2, 0, 1)[None].float()
    return x * (2 / np.iinfo(pixels.dtype).max) - 1


def as_levels(pictures: torch.Tensor, kind=np.uint8) -> np.ndarray:
    half = np.iinfo(kind).max / 2
    return ((pictures[0].clamp(-1, 1) + 1) * half).round().permute(1, 2, 0).numpy().astype(kind)


def apart(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference, in levels."""
    assert a.shape == b.shape and a.dtype == b.dtype
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max())


@pytest.fixture
def without_onnxruntime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


# Tiles


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(61, 150), (1, 1), (3, 90), (40, 40)])
def test_tiles_give_what_the_whole_picture_gives(height, width, scale):
    game, picture = small(), Raster(levels(height, width))
    enlarger = upscaling.of_game(game)
    enlarger = replace(enlarger, tile=2 * enlarger.overlap + 10)
    made = upscaling.upscale(enlarger, picture, scale).levels
    with torch.no_grad():
        whole = game.network()(as_input(picture.levels))
    assert whole.std() > 0.05
    if scale != 4:
        whole = bicubic.resize(whole, (scale * height, scale * width))
    assert apart(made, as_levels(whole)) <= 1
    assert made.shape == (scale * height, scale * width, 3)


def test_a_narrower_overlap_shows():
    """So the test above would see a seam."""
    game, picture = small(), Raster(levels(61, 150))
    enlarger = upscaling.of_game(game)
    whole = upscaling.upscale(enlarger, picture).levels
    seams = replace(enlarger, tile=30, overlap=1)
    assert apart(upscaling.upscale(seams, picture).levels, whole) > 2


def test_onnxruntime_and_pytorch_agree(monkeypatch):
    pytest.importorskip("onnxruntime")
    game, picture = small(), Raster(levels(50, 70))
    by_onnxruntime = upscaling.upscale(upscaling.of_game(game), picture).levels
    monkeypatch.setattr(upscaling, "exported", None)  # whoever calls it fails
    with pytest.raises(TypeError):
        upscaling.exported(game.network())
    by_pytorch = upscaling.upscale(upscaling.of_game(game), picture).levels
    assert by_onnxruntime.std() > 5 and apart(by_onnxruntime, by_pytorch) <= 1


def test_onnxruntime_is_what_runs_where_it_is_installed(monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    begun, real = [], onnxruntime.InferenceSession

    def session(*given, **options):
        begun.append(options)
        return real(*given, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    upscaling.of_game(small())
    assert len(begun) == 1


def test_pytorch_runs_where_onnxruntime_is_not(without_onnxruntime):
    game, picture = small(), Raster(levels(20, 30))
    made = upscaling.upscale(upscaling.of_game(game), picture).levels
    whole = as_levels(game.network()(as_input(picture.levels)))
    assert apart(made, whole) <= 1


def test_no_layer_takes_more_room_than_there_is(monkeypatch):
    game, sizes = small(width=64), []

    def note(module, given, made):
        if not any(module.children()):
            sizes.append(4 * (made.numel() + given[0].numel()))

    monkeypatch.setattr(upscaling, "ROOM", 8 * 2**20)
    enlarger = upscaling.of_game(game)
    assert enlarger.tile < upscaling.TILE
    for module in game.network().modules():
        module.register_forward_hook(note)
    game.network()(torch.zeros(1, 3, enlarger.tile, enlarger.tile))
    assert 0.5 * upscaling.ROOM < max(sizes) <= upscaling.ROOM


# What the file holds


@pytest.fixture(scope="module")
def plain() -> upscaling.Enlarger:
    return upscaling.load("bicubic")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_of_every_kind_of_picture(plain, channels, kind, scale):
    pixels = levels(30, 41, channels, kind)
    made = upscaling.upscale(plain, Raster(pixels), scale).levels
    expected = as_levels(bicubic.enlarge(as_input(pixels), scale), kind)
    assert apart(made, expected) <= (1 if kind == np.uint8 else 8)  # floats have 24 bits


def test_16_bits_are_more_than_8_made_large(plain):
    ramp = np.arange(32_000, 32_200, dtype=np.uint16).reshape(1, -1, 1).repeat(4, 0)
    made = upscaling.upscale(plain, Raster(ramp)).levels
    assert made.dtype == np.uint16 and len(np.unique(made)) > 150
    shallow = upscaling.upscale(plain, Raster(ramp), deep=False).levels
    assert shallow.dtype == np.uint8 and set(np.unique(shallow)) <= {124, 125, 126}


def test_grey_is_what_the_network_makes_of_it_in_grey():
    game, pixels = small(), levels(20, 30, 1)
    made = upscaling.upscale(upscaling.of_game(game), Raster(pixels)).levels
    coloured = game.network()(as_input(pixels).expand(-1, 3, -1, -1))
    weight = torch.tensor(upscaling.LUMA).reshape(1, 3, 1, 1)
    assert apart(made, as_levels((coloured * weight).sum(1, keepdim=True))) <= 1


@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_is_enlarged_by_bicubic_interpolation(channels):
    pixels = levels(40, 50, channels)
    made = upscaling.upscale(upscaling.of_game(small()), Raster(pixels)).levels
    opacity = as_levels(bicubic.enlarge(as_input(pixels[..., -1:]), 4))
    assert made.shape[2] == channels and apart(made[..., -1:], opacity) <= 1
    opaque = np.concatenate([pixels[..., :-1], np.full_like(pixels[..., -1:], 255)], 2)
    made = upscaling.upscale(upscaling.of_game(small()), Raster(opaque)).levels
    alone = upscaling.upscale(upscaling.of_game(small()), Raster(opaque[..., :-1])).levels
    assert apart(made[..., :-1], alone) <= 1 and (made[..., -1] == 255).all()


def test_black_below_transparency_makes_no_dark_edge(plain):
    """Right half: white. Left half: transparent, and black as many programs leave it."""
    pixels = np.full((20, 40, 4), 255, np.uint8)
    pixels[:, :20] = 0
    made = upscaling.upscale(plain, Raster(pixels)).levels
    seen = made[..., 3] > 0
    assert seen.any() and not seen.all() and made[..., :3][seen].min() == 255


def test_profile_and_printed_size_stay(plain):
    picture = Raster(levels(8, 10), b"profile", b"", (72.0, 144.0))
    made = upscaling.upscale(plain, picture, 3)
    assert made.profile == b"profile" and made.dpi == (216.0, 432.0)
    inches = [side / dpi for side, dpi in zip(made.levels.shape[1::-1], made.dpi, strict=True)]
    assert inches == [10 / 72, 8 / 144]
    assert upscaling.upscale(plain, replace(picture, dpi=None)).dpi is None


# Models


@pytest.mark.parametrize("blend", [0.0, 0.3, 1.0])
def test_a_blend_is_the_network_between(blend):
    pixels = levels(20, 24)
    made = upscaling.upscale(upscaling.of_game(blending(), blend), Raster(pixels)).levels
    whole = as_levels(blending().network(blend)(as_input(pixels)))
    assert apart(made, whole) <= 1
    other = as_levels(blending().network(1 - blend)(as_input(pixels)))
    assert apart(whole, other) > 10


def test_what_cannot_be_done_is_said(plain):
    with pytest.raises(CourseError, match="^blend=0.5: .*leave it out"):
        upscaling.of_game(small(), 0.5)
    with pytest.raises(CourseError, match="^blend=0.5: bicubic has nothing to blend; leave"):
        upscaling.load("bicubic", blend=0.5)
    with pytest.raises(CourseError, match="^model: it enlarges no pictures; take one"):
        upscaling.of_game(models.begin(gan.Config.at("check"), 0))
    doubler = upscaling.of_game(small(scale=2))
    for scale in (1, 3):
        with pytest.raises(CourseError, match=f"^scale={scale}: .* enlarges 2 times; give"):
            upscaling.upscale(doubler, Raster(levels(4, 4)), scale)


def refuse(*given):
    raise AssertionError("work was done")


def test_a_result_that_fits_nowhere_is_refused_before_any_work(plain, tmp_path, monkeypatch):
    idle = replace(plain, run=refuse)
    wide, clear = Raster(np.zeros((1, 5_000, 3), np.uint8)), Raster(levels(4, 4, 4))
    for picture, suffix, words in (
        (wide, ".webp", r"20,000 x 4 pixels, and .webp takes 16,383"),
        (clear, ".jpg", "JPEG holds no transparency"),
    ):
        place, file = tmp_path / f"out{suffix}", tmp_path / "in.png"
        Image.fromarray(picture.levels).save(file)
        with pytest.raises(CourseError, match=words):
            upscaling.upscale_file(idle, file, place)
    monkeypatch.setattr(upscaling, "memory", lambda: 10_000.0)
    with pytest.raises(CourseError, match="80 x 60 pixels, takes .* GiB of memory"):
        upscaling.upscale(idle, Raster(levels(15, 20)))


# Memory


MEASURED = """
import json, sys
from pathlib import Path
import torch
from gancourse import models
from gancourse.chapters import srgan
from gancourse.studio import batch, upscaling
{engine}

def kilobytes(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1])

torch.set_num_threads(1)
before = kilobytes("VmRSS")
photo, place = map(Path, sys.argv[1:])
config = srgan.Config.at("full", "srresnet", blocks=1)
enlarger = upscaling.of_game(models.begin(config).requires_grad_(False).eval())
batch.save(upscaling.upscale_file(enlarger, photo, place), place)
print(json.dumps([before, kilobytes("VmHWM")]))
"""
ENGINES = {
    "onnxruntime": "import onnxruntime",
    "pytorch": "sys.modules['onnxruntime'] = None",
}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
@pytest.mark.parametrize("engine", ENGINES)
def test_24_megapixels_in_less_than_600_mib(engine, tmp_path):
    """Read, enlarged by a network as wide as the published one, and written."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    photo, place = tmp_path / "photo.jpg", tmp_path / "large.jpg"
    Image.fromarray(levels(1_000, 1_500)).save(photo)
    command = [sys.executable, "-c", MEASURED.format(engine=ENGINES[engine]), photo, place]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    before, most = json.loads(ended.stdout)
    with Image.open(place) as large:
        assert large.size == (6_000, 4_000)
    assert most - before < 600 * 1024, f"{(most - before) / 1024:.0f} MiB"


# ONNX


@pytest.mark.parametrize("network", ["compact", "paper"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_exported_network_takes_every_size(network, scale):
    onnxruntime = pytest.importorskip("onnxruntime")
    side = 48 if network == "paper" else 6 * scale
    made = small(network=network, scale=scale, shape=(3, side, side)).network()
    assert isinstance(made, nn.Module)
    session = onnxruntime.InferenceSession(upscaling.exported(made))
    for height, width in ((1, 1), (8, 8), (17, 30)):
        low = as_input(levels(height, width))
        (high,) = session.run(None, {"low": low.numpy()})
        np.testing.assert_allclose(high, made(low).numpy(), atol=1e-4)


def test_what_is_exported_of_a_game_is_the_blended_network():
    onnxruntime = pytest.importorskip("onnxruntime")
    game, low = blending(), as_input(levels(12, 19))
    game.config = replace(game.config, blend=0.4)
    session = onnxruntime.InferenceSession(upscaling.exported(game.network()))
    (high,) = session.run(None, {"low": low.numpy()})
    np.testing.assert_allclose(high, game.network(0.4)(low).numpy(), atol=1e-4)
    assert np.abs(high - game.generator(low).numpy()).max() > 0.1
