"""The network of ST-LPIPS: AlexNet that is hardly disturbed when a picture moves by a pixel.

Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", 2022. The weights are those of the
PyPI package stlpips-pytorch (BSD 2-Clause), which is an optional one; none of its code is imported.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad, relu

from gancourse.files import CourseError, verify

PACKAGE = "stlpips_pytorch"
FILE = "weights/vST0.0/alex_shift_tolerant.pth"
SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"
# Where the file holds each convolution: (name, channels below, channels above, kernel, padding).
LAYERS = (
    ("net.slice1.0", 3, 64, 11, 2),
    ("net.slice2.5", 64, 192, 5, 2),
    ("net.slice3.9", 192, 384, 3, 1),
    ("net.slice4.11", 384, 256, 3, 1),
    ("net.slice5.13", 256, 256, 3, 1),
)


class ShiftTolerant(nn.Module):
    """AlexNet's five convolutions, without strides: whatever is halved is blurred first."""

    def __init__(self):
        super().__init__()
        # Of ImageNet's photos in [-1, 1].
        self.register_buffer("mean", torch.tensor([-0.030, -0.088, -0.188])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.458, 0.448, 0.450])[:, None, None])
        self.layers, self.weights = nn.ModuleList(), nn.ParameterList()
        for _, below, above, kernel, margin in LAYERS:
            self.layers.append(nn.Conv2d(below, above, kernel, padding=margin))
            self.weights.append(torch.zeros(above, 1, 1))

    def take(self, stored: dict[str, Tensor]) -> None:
        """The weights as the authors' file names them."""
        for i, (name, *_) in enumerate(LAYERS):
            weights = {key: stored[f"{name}.{key}"] for key in ("weight", "bias")}
            self.layers[i].load_state_dict(weights)
            self.weights[i].data = stored[f"lin{i}.model.1.weight"][0]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> activations (N, C, h, w), the finest first."""
        first, second, third, fourth, fifth = self.layers
        x = relu(halved(first((pictures - self.mean) / self.deviation)))
        seen = [x]
        for layer in (second, third):
            seen.append(relu(layer(halved(max_pool2d(seen[-1], 3, 1)))))
        for layer in (fourth, fifth):
            seen.append(relu(layer(seen[-1])))
        return seen

    def distance(self, made: Tensor, true: Tensor) -> Tensor:
        """Weighted squared differences of unit vectors, averaged over positions (Zhang, eq. 1)."""
        maps = zip(self(made), self(true), self.weights, strict=True)
        return sum((weight * (unit(a) - unit(b)).square()).sum(1).mean() for a, b, weight in maps)


def halved(maps: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H / 2 + 1, W / 2 + 1), filtered with 1 2 1 both ways."""
    line = torch.tensor([0.25, 0.5, 0.25], device=maps.device)
    kernel = (line[:, None] * line).expand(maps.shape[1], 1, 3, 3)
    return conv2d(pad(maps, [2] * 4, mode="reflect"), kernel, stride=2, groups=maps.shape[1])


def unit(maps: Tensor) -> Tensor:
    """Each position's vector of channels, (N, C, h, w), at length 1."""
    return maps / (maps.norm(dim=1, keepdim=True) + 1e-10)


def installed() -> bool:
    """Whether the package with the weights is there."""
    return find_spec(PACKAGE) is not None


@cache
def network() -> ShiftTolerant:
    """The network, frozen and on the CPU.

    Raises:
        CourseError: the package with its weights is not installed.
        DamagedFile: they are not the published ones.
    """
    if not installed():
        raise CourseError(
            "stlpips: the weights of ST-LPIPS are not installed; type: "
            'pip install "gancourse[perceptual]"'
        )
    path = Path(find_spec(PACKAGE).submodule_search_locations[0]) / FILE
    verify(path, SHA256, "Install stlpips-pytorch 0.0.2 again.")
    found = ShiftTolerant()
    found.take(torch.load(path, map_location="cpu", weights_only=True))
    return found.requires_grad_(False).eval()
