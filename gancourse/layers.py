"""Blocks that more than one chapter builds with."""

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
    """`pieces` linear maps, of which each unit takes the largest: a learned convex activation (Goodfellow et al. 2013).

    (N, inputs) -> (N, units)
    """

    def __init__(self, inputs: int, units: int, pieces: int = 5):
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.units, self.pieces = units, pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (self.units, self.pieces)).amax(2)


class Noise(nn.Module):
    """Dropout that stays on in eval mode: a generator that was judged with it is another network without it."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return drop(x, self.p) if self.p else x


@contextmanager
def silenced(network: nn.Module):
    """While it lasts, the network's `Noise` is off."""
    layers = [(module, module.p) for module in network.modules() if isinstance(module, Noise)]
    for layer, _ in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, p in layers:
            layer.p = p


class Project(nn.ConvTranspose2d):
    """A transposed convolution of one point onto a whole map, as the matrix product it is ("project and reshape").

    (N, C, 1, 1) -> (N, channels, side, side). Weights and results are those of `nn.ConvTranspose2d(inputs, channels, side)`;
    on a CPU it takes a fifth of the time.
    """

    def __init__(self, inputs: int, channels: int, side: int):
        super().__init__(inputs, channels, side, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.permute(
            0, 2, 3, 1
        )  # (C, side, side, channels): in channels_last memory no copy
        return (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:]).permute(0, 3, 1, 2)


class ReadOut(nn.Conv2d):
    """A convolution that sees the whole map at once, as the matrix product it is: the mirror of `Project`.

    (N, channels, side, side) -> (N, outputs, 1, 1). Weights and results are those of `nn.Conv2d(channels, outputs, side)`.
    """

    def __init__(self, channels: int, outputs: int, side: int):
        super().__init__(channels, outputs, side, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = (each.permute(0, 2, 3, 1).flatten(1) for each in (x, self.weight))
        return (x @ weight.t())[:, :, None, None]


def dcgan_init(module: nn.Module) -> None:
    """N(0, 0.02) for weights, N(1, 0.02) for BatchNorm's gain (Radford et al. 2015, section 4). Use with `apply`."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def uniform_init(module: nn.Module, limit: float) -> None:
    """U(-limit, limit) and zero bias, as in the configuration of Goodfellow et al. 2014 for MNIST."""
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.zeros_(module.bias)


def gaussian_latents(
    n: int, size: int, generator: torch.Generator | None = None, device=None
) -> Tensor:
    """(n, size) draws of N(0, 1). With a CPU `generator` the same seed gives the same latents on every device."""
    if generator is None:
        return torch.randn(n, size, device=device)
    return torch.randn(n, size, generator=generator).to(device)


def uniform_latents(
    n: int, size: int, generator: torch.Generator | None = None, device=None
) -> Tensor:
    """(n, size) draws of U(-1, 1); as `gaussian_latents` otherwise."""
    if generator is None:
        return torch.rand(n, size, device=device) * 2 - 1
    return (torch.rand(n, size, generator=generator) * 2 - 1).to(device)


def halvings(shape: tuple[int, ...]) -> tuple[int, int]:
    """How often a square picture halves down to a map of 4 to 7 px, and that map's side: 28 px -> (2, 7).

    Raises:
        CourseError: the picture is no square of 4, 5, 6 or 7 px doubled at least once.
    """
    _, height, side = shape
    times = int(math.log2(side / 4)) if side >= 8 else 0
    if height != side or not times or (side >> times) << times != side:
        raise CourseError(
            f"Convolutions for pictures of {height} x {side} px were asked for. "
            "They take squares whose side is 4, 5, 6 or 7 px doubled at least once: 28, 32, 64, 96, 128 ..."
        )
    return times, side >> times


def random_affine(pictures: Tensor, amount: float = 1.0) -> Tensor:
    """Each picture (N, C, H, W) in [-1, 1] turned, sheared, scaled and shifted by chance; differentiable in the pictures.

    At amount 1 the draws are uniform: turned by up to 0.2 rad (11 degrees) and sheared by up to 0.25 either way, both sides
    divided by 0.85 to 1.15, shifted by up to 7 % of the side. What comes in over the edge is -1, MNIST's paper.
    """
    draws = amount * (2 * torch.rand(6, len(pictures), device=pictures.device) - 1)
    most = (0.2, 0.25, 0.15, 0.15, 0.14, 0.14)  # a side is 2 long for `affine_grid`
    angle, shear, wider, taller, right, down = (
        m * draw for m, draw in zip(most, draws, strict=True)
    )
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos * (1 + wider), (shear - sin) * (1 + taller), right], 1)
    along = torch.stack([sin * (1 + wider), cos * (1 + taller), down], 1)
    grid = affine_grid(torch.stack([across, along], 1), list(pictures.shape), align_corners=False)
    return (
        grid_sample(pictures.float() + 1, grid, align_corners=False) - 1
    )  # outside there is 0, before the - 1


def receptive_field(network: nn.Module, channels: int, side: int = 512) -> int:
    """Px of the input that one output in the middle depends on, found by its gradient.

    Args:
        network: (1, channels, side, side) -> (1, H, W).
    """
    network = copy.deepcopy(network)
    for name, module in list(network.named_modules()):
        if "Norm" in type(module).__name__:  # through its statistics every pixel counts
            network.set_submodule(name, nn.Identity())
    picture = torch.zeros(1, channels, side, side, requires_grad=True)
    outputs = network(picture)
    middle = outputs.shape[1] // 2
    (slope,) = torch.autograd.grad(outputs[0, middle, middle], picture)
    touched = slope.abs().sum((0, 1, 2)).nonzero()
    return int(touched.max() - touched.min()) + 1


def join(x: Tensor, condition: Tensor) -> Tensor:
    """Append a condition (N, K) to features: (N, C) -> (N, C + K), or to every place of maps (N, C, H, W)."""
    if x.dim() == 4:
        condition = condition[:, :, None, None].expand(
            -1, -1, *x.shape[2:]
        )  # (N, K) -> (N, K, H, W)
    return torch.cat([x, condition.to(x.dtype)], 1)


class JoinedLinear(nn.Linear):
    """A full layer that takes a condition too: (N, C), (N, K) -> (N, outputs). Its inputs are C + K."""

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return super().forward(join(x, condition))


class JoinedConv2d(nn.Conv2d):
    """A convolution that takes a condition too: (N, C, H, W), (N, K) -> (N, outputs, H', W'). Its channels are C + K.

    It equals `nn.Conv2d` of `join(x, condition)`, but makes no constant maps. A convolution is linear, so each number of the
    condition adds a map of its own times that number: a bias that differs at the border only. K such maps are made a batch,
    not N.
    """

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        own, of_condition = self.weight.split([x.shape[1], condition.shape[1]], dim=1)
        convolve = partial(conv2d, stride=self.stride, padding=self.padding)
        return convolve(x, own, self.bias) + added_maps(
            convolve, of_condition, condition, x.shape[2:]
        )


class JoinedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution that takes a condition too, as `JoinedConv2d` does.

    With a stride the added map is a pattern of stride x stride that repeats.
    """

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        own, of_condition = self.weight.split([x.shape[1], condition.shape[1]], dim=0)
        convolve = partial(
            conv_transpose2d,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
        )
        return convolve(x, own, self.bias) + added_maps(
            convolve, of_condition, condition, x.shape[2:]
        )


def added_maps(
    convolve: Callable[[Tensor, Tensor], Tensor], weight: Tensor, condition: Tensor, size
) -> Tensor:
    """What `convolve` makes of a condition (N, K) that stands at every place of maps of this size (H, W)."""
    k = condition.shape[1]
    ones = torch.eye(k, dtype=weight.dtype, device=weight.device)[:, :, None, None].expand(
        -1, -1, *size
    )
    maps = convolve(ones, weight).permute(
        0, 2, 3, 1
    )  # (K, H', W', outputs): then the product is channels_last
    return (
        (condition.to(maps.dtype) @ maps.flatten(1))
        .unflatten(1, maps.shape[1:])
        .permute(0, 3, 1, 2)
    )


class Joining(nn.Sequential):
    """Layers in a row, the first of which takes a condition too."""

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        first, *others = self
        x = first(x, *condition)
        for layer in others:
            x = layer(x)
        return x


def as_weights(label: Tensor, classes: int) -> Tensor:
    """Labels as weights over the classes: whole numbers (N,) become one-hot rows, rows (N, classes) stay as they are.

    So a label may also be a mixture, such as half an 8 and half a 0.
    """
    return one_hot(label, classes).float() if label.dim() == 1 else label
