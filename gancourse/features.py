"""Frozen networks that compare two pictures by what they see in them, not pixel by pixel.

A network that was trained to name what is on a photo answers alike to two patches of grass whose
blades lie differently. Its early activations are features for a *perceptual loss* (Johnson et al.
2016; Ledig et al. 2016, section 2.2.1) or for a distance. A network in a loss never measures: what
a generator was trained to please no longer tells how good it is.

vgg22, vgg54        VGG19, the paper's choice; torchvision downloads its weights (550 MB)
efficientnet-lite0  small, quick and bundled: for losses
efficientnet-lite2  its larger sister, bundled: for measuring only
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu6

from gancourse.data.sources import bundled
from gancourse.files import CourseError

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of a photo's channels
VGG_LAYERS = {"vgg22": 9, "vgg54": 36}  # phi(i, j): up to the ReLU after convolution j of block i
# (blocks, kernel, stride, channels) of each stage (Tan & Le 2019, table 1, scaled as Lite 2 is).
LITE = {
    "efficientnet-lite0": ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80)),
    "efficientnet-lite2": ((1, 3, 1, 16), (3, 3, 2, 24), (3, 5, 2, 48), (4, 3, 2, 88)),
}
NAMES = (*VGG_LAYERS, *LITE)


class Features(nn.Module, ABC):
    """A network that gives activations, and the distance between pictures in them."""

    @abstractmethod
    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> activations (N, C, h, w), the finest first."""

    @abstractmethod
    def distance(self, made: Tensor, true: Tensor) -> Tensor:
        """One number, 0 for equal pictures; differentiable with respect to `made`."""


class Vgg(Features):
    """VGG19 up to phi(i, j), the activation after convolution j of block i and its ReLU.

    Ledig et al. 2016, section 2.2.1. The pictures are normalised as VGG's training photos were:
    without that the features are those of another, darker world.
    """

    def __init__(self, layers: nn.Sequential):
        super().__init__()
        self.layers = layers
        for name, values in zip(("mean", "deviation"), IMAGENET, strict=True):
            self.register_buffer(name, torch.tensor(values)[:, None, None])

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [self.layers(((pictures + 1) / 2 - self.mean) / self.deviation)]

    def distance(self, made: Tensor, true: Tensor) -> Tensor:
        """Mean squared difference (eq. 5) of features at a pixel's size (sect. 3.2)."""
        made, true = self(made)[0] / 12.75, self(true)[0] / 12.75
        return (made - true).square().mean()


class Lite(Features):
    """EfficientNet-Lite up to its fourth stage's first activation, at an eighth of the side.

    Each activation is the widest of its block, rectified, where most is seen and nothing summed up.
    BatchNorm is folded into the convolutions: these networks only ever run in eval mode.
    """

    def __init__(self, stages: tuple[tuple[int, int, int, int], ...]):
        super().__init__()
        self.stem = Same(3, 32, 3, 2)
        self.first = nn.ModuleList([Same(32, 32, 3, groups=32), nn.Conv2d(32, 16, 1)])
        self.blocks = nn.ModuleList()
        below = stages[0][3]
        for count, kernel, stride, above in stages[1:-1]:
            for i in range(count):
                self.blocks.append(Inverted(below, above, kernel, 1 if i else stride))
                below = above
        self.last = nn.Conv2d(below, 6 * below, 1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        x = relu6(self.stem((127.5 * pictures + 0.5) / 128))  # (255 p - 127) / 128 of p in [0, 1]
        seen = [x]
        depthwise, project = self.first
        x = project(relu6(depthwise(x)))
        for block in self.blocks:
            wide, x = block(x)
            seen.append(wide)
        return [*seen, relu6(self.last(x))]

    def distance(self, made: Tensor, true: Tensor) -> Tensor:
        """Mean squared distance of unit vectors at each position, over the activations.

        As in LPIPS (Zhang et al. 2018, eq. 1) with all weights equal.
        """
        pairs = zip(self(made), self(true), strict=True)
        found = [(unit(a) - unit(b)).square().sum(1).mean() for a, b in pairs]
        return torch.stack(found).mean()


class Inverted(nn.Module):
    """Widen, filter each channel by itself, narrow (Sandler et al. 2018, MobileNetV2)."""

    def __init__(self, below: int, above: int, kernel: int, stride: int):
        super().__init__()
        wide = 6 * below
        self.widen = nn.Conv2d(below, wide, 1)
        self.filter = Same(wide, wide, kernel, stride, groups=wide)
        self.narrow = nn.Conv2d(wide, above, 1)
        self.skips = stride == 1 and below == above

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, below, h, w) -> (N, 6 below, h, w), (N, above, h', w')"""
        wide = relu6(self.widen(x))
        y = self.narrow(relu6(self.filter(wide)))
        return wide, x + y if self.skips else y


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow does: ceil(side / stride) outputs, the odd pixel last."""

    def forward(self, x: Tensor) -> Tensor:
        sides = []
        for side, kernel, stride in zip(
            reversed(x.shape[2:]), reversed(self.kernel_size), reversed(self.stride), strict=True
        ):
            missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            sides += [missing // 2, missing - missing // 2]
        return conv2d(pad(x, sides), self.weight, self.bias, self.stride, groups=self.groups)


def unit(maps: Tensor) -> Tensor:
    """Each position's vector of channels, (N, C, h, w), at length 1."""
    return maps * (maps.square().sum(1, keepdim=True) + 1e-6).rsqrt()


def load(name: str) -> Features:
    """A feature network by its name: frozen, in eval mode, on the CPU.

    Raises:
        CourseError: there is none of this name, or its weights cannot be had.
        DamagedFile: its bundled weights are not the course's.
    """
    if name not in NAMES:
        raise CourseError(f"features={name!r}: not known; choose one of: {', '.join(NAMES)}.")
    network = vgg(name) if name in VGG_LAYERS else lite(name)
    return network.requires_grad_(False).eval()


def lite(name: str) -> Lite:
    from safetensors.torch import load_file

    network = Lite(LITE[name])
    weights = load_file(bundled(f"features/{name}/features.safetensors"))
    network.load_state_dict({key: value.float() for key, value in weights.items()})
    return network


def vgg(name: str) -> Vgg:
    from torchvision.models import VGG19_Weights, vgg19

    try:
        layers = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
    except (URLError, OSError, RuntimeError) as error:
        raise CourseError(
            f"features={name!r}: VGG19's weights cannot be had from "
            f"{VGG19_Weights.IMAGENET1K_V1.url} ({error}); connect to the network once, or give "
            "features=efficientnet-lite0, which is bundled."
        ) from error
    return cut(layers, name)


def cut(layers: nn.Sequential, name: str) -> Vgg:
    """VGG19's layers up to those of the name."""
    layers = layers[: VGG_LAYERS[name]]
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return Vgg(layers)


def untrained(name: str) -> Features:
    """A feature network with random weights, for whoever only wants to count what it does."""
    from torchvision.models import vgg19

    return cut(vgg19().features, name) if name in VGG_LAYERS else Lite(LITE[name])
