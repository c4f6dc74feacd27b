"""Building blocks shared by several chapters."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d, conv_transpose2d, grid_sample, one_hot

from gancourse.dice import drop
from gancourse.files import CourseError


class Maxout(nn.Module):
    """Each unit is the maximum of `pieces` linear maps: a learned convex activation.

    (N, inputs) -> (N, units). Goodfellow et al. 2013, section 3.
    """

    def __init__(self, inputs: int, units: int, pieces: int = 5):
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.units, self.pieces = units, pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (self.units, self.pieces)).amax(2)


class Noise(nn.Module):
    """Dropout that stays on in eval mode, where it is the generator's noise.

    The discriminator judged a generator with dropout. Without it the generator is a
    different network.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return drop(x, self.p) if self.p else x


@contextmanager
def unmoved(network: nn.Module):
    """Within it, BatchNorm normalises by its batch and leaves its running averages as they are.

    For batches of another kind than those that the network will be given later: eval mode uses
    the averages, which would lie between the two kinds and fit neither.
    """
    norms = [
        each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)
    ]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


@contextmanager
def silenced(network: nn.Module):
    """Turn the network's `Noise` off inside the `with` block."""
    layers = [(module, module.p) for module in network.modules() if isinstance(module, Noise)]
    for layer, _ in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, p in layers:
            layer.p = p


class Project(nn.ConvTranspose2d):
    """DCGAN's "project and reshape": one point becomes a whole map.

    (N, inputs, 1, 1) -> (N, channels, side, side). Weights and results are those of
    `nn.ConvTranspose2d(inputs, channels, side)`. Computed as the matrix product that it
    is, it takes a fifth of the time on a CPU.
    """

    def __init__(self, inputs: int, channels: int, side: int):
        super().__init__(inputs, channels, side, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # (inputs, side, side, channels) needs no copy of channels_last memory.
        weight = self.weight.permute(0, 2, 3, 1)
        maps = (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        return maps.permute(0, 3, 1, 2)


class ReadOut(nn.Conv2d):
    """The mirror of `Project`: a convolution whose kernel covers the whole map.

    (N, channels, side, side) -> (N, outputs, 1, 1). Weights and results are those of
    `nn.Conv2d(channels, outputs, side)`.
    """

    def __init__(self, channels: int, outputs: int, side: int):
        super().__init__(channels, outputs, side, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = (each.permute(0, 2, 3, 1).flatten(1) for each in (x, self.weight))
        return (x @ weight.t())[:, :, None, None]


def dcgan_init(module: nn.Module) -> None:
    """Weights from N(0, 0.02), BatchNorm's gain from N(1, 0.02); for `Module.apply`.

    Radford et al. 2015, section 4. The two numbers are mean and standard deviation.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def uniform_init(module: nn.Module, limit: float) -> None:
    """Linear weights from U(-limit, limit) and zero bias; for `Module.apply`.

    As in the authors' configuration for MNIST (code of Goodfellow et al. 2014).
    """
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.zeros_(module.bias)


def gaussian_latents(
    n: int, size: int, generator: torch.Generator | None = None, device=None
) -> Tensor:
    """(n, size) draws from N(0, 1).

    With a CPU `generator`, the same seed gives the same latents on every device.
    """
    if generator is None:
        return torch.randn(n, size, device=device)
    return torch.randn(n, size, generator=generator).to(device)


def uniform_latents(
    n: int, size: int, generator: torch.Generator | None = None, device=None
) -> Tensor:
    """(n, size) draws from U(-1, 1). Like `gaussian_latents` otherwise."""
    if generator is None:
        return torch.rand(n, size, device=device) * 2 - 1
    return (torch.rand(n, size, generator=generator) * 2 - 1).to(device)


def halvings(shape: tuple[int, ...]) -> tuple[int, int]:
    """How often a square picture is halved down to a map of 4 to 7 px; that map's side.

    28 px -> (2, 7), 64 px -> (4, 4).

    Raises:
        CourseError: the picture is not square, or its side is not 4, 5, 6 or 7 px
            doubled one or more times.
    """
    _, height, side = shape
    times = int(math.log2(side / 4)) if side >= 8 else 0
    if height != side or not times or (side >> times) << times != side:
        raise CourseError(
            f"shape={shape}: convolutions cannot halve it down to a square of 4 to 7 px; give a "
            "square whose side is 4, 5, 6 or 7 px doubled at least once, such as 28, 32 or 96."
        )
    return times, side >> times


def random_affine(pictures: Tensor, amount: float = 1.0) -> Tensor:
    """Rotate, shear, scale and shift each picture at random.

    (N, C, H, W) in [-1, 1] -> the same. Differentiable with respect to the pictures.

    At amount 1 the draws are uniform: a rotation of up to 0.2 rad (11 degrees) and a
    shear of up to 0.25 in either direction, each side divided by 0.85 to 1.15, a shift
    of up to 7 % of the side. New pixels at the border are -1, the background of MNIST.
    """
    draws = amount * (2 * torch.rand(6, len(pictures), device=pictures.device) - 1)
    most = (0.2, 0.25, 0.15, 0.15, 0.14, 0.14)  # to `affine_grid`, a side has length 2
    scaled = (limit * draw for limit, draw in zip(most, draws, strict=True))
    angle, shear, wider, taller, right, down = scaled
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos * (1 + wider), (shear - sin) * (1 + taller), right], 1)
    along = torch.stack([sin * (1 + wider), cos * (1 + taller), down], 1)
    matrices = torch.stack([across, along], 1)
    grid = affine_grid(matrices, list(pictures.shape), align_corners=False)
    # `grid_sample` pads with 0, which is the background once 1 has been added.
    return grid_sample(pictures.float() + 1, grid, align_corners=False) - 1


def receptive_field(network: nn.Module, channels: int, side: int = 512) -> int:
    """Side in px of the input that one output depends on, found by its gradient.

    Args:
        network: (1, channels, side, side) -> (1, H, W). A central output is taken.
    """
    network = copy.deepcopy(network)
    for name, module in list(network.named_modules()):
        if "Norm" in type(module).__name__:  # its statistics depend on every pixel
            network.set_submodule(name, nn.Identity())
    picture = torch.zeros(1, channels, side, side, requires_grad=True)
    outputs = network(picture)
    middle = outputs.shape[1] // 2
    (slope,) = torch.autograd.grad(outputs[0, middle, middle], picture)
    touched = slope.abs().sum((0, 1, 2)).nonzero()
    return int(touched.max() - touched.min()) + 1


def join(x: Tensor, condition: Tensor) -> Tensor:
    """Append a condition (N, K) to features (N, C) or, at every position, to maps.

    (N, C) -> (N, C + K); (N, C, H, W) -> (N, C + K, H, W)
    """
    if x.dim() == 4:
        height, width = x.shape[2:]
        condition = condition[:, :, None, None]
        condition = condition.expand(-1, -1, height, width)  # (N, K) -> (N, K, H, W)
    return torch.cat([x, condition.to(x.dtype)], 1)


class JoinedLinear(nn.Linear):
    """A fully connected layer with a condition: (N, C), (N, K) -> (N, outputs).

    Its `in_features` are C + K.
    """

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return super().forward(join(x, condition))


class JoinedConv2d(nn.Conv2d):
    """A convolution with a condition: (N, C, H, W), (N, K) -> (N, outputs, H', W').

    Its `in_channels` are C + K. It equals `nn.Conv2d` applied to `join(x, condition)`,
    but makes no constant maps. A convolution is linear, so each number of the condition
    adds its own map times that number: a bias, except at the border. That takes K such
    maps per batch instead of N x K constant ones.
    """

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        own, of_condition = self.weight.split([x.shape[1], condition.shape[1]], dim=1)
        convolve = partial(conv2d, stride=self.stride, padding=self.padding)
        added = added_maps(convolve, of_condition, condition, x.shape[2:])
        return convolve(x, own, self.bias) + added


class JoinedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with a condition, computed like `JoinedConv2d`.

    With a stride, the added map is a repeating pattern of stride x stride px.
    """

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        own, of_condition = self.weight.split([x.shape[1], condition.shape[1]], dim=0)
        convolve = partial(
            conv_transpose2d,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
        )
        added = added_maps(convolve, of_condition, condition, x.shape[2:])
        return convolve(x, own, self.bias) + added


def added_maps(
    convolve: Callable[[Tensor, Tensor], Tensor],
    weight: Tensor,
    condition: Tensor,
    size: tuple[int, int],
) -> Tensor:
    """What `convolve` makes of a condition that is the same at every position.

    (N, K), and maps of `size` (H, W) -> (N, outputs, H', W')
    """
    k = condition.shape[1]
    ones = torch.eye(k, dtype=weight.dtype, device=weight.device)[:, :, None, None]
    maps = convolve(ones.expand(-1, -1, *size), weight)
    maps = maps.permute(0, 2, 3, 1)  # (K, H', W', outputs), so the sum is channels_last
    total = (condition.to(maps.dtype) @ maps.flatten(1)).unflatten(1, maps.shape[1:])
    return total.permute(0, 3, 1, 2)


class Joining(nn.Sequential):
    """`nn.Sequential` whose first layer also takes a condition."""

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        first, *others = self
        x = first(x, *condition)
        for layer in others:
            x = layer(x)
        return x


def as_weights(label: Tensor, classes: int) -> Tensor:
    """Labels as weights over the classes.

    Whole numbers (N,) become one-hot rows (N, classes). Rows of weights (N, classes)
    pass unchanged, so a label may be a mixture, such as half an 8 and half a 0.
    """
    return one_hot(label, classes).float() if label.dim() == 1 else label
