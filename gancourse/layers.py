"""Blocks that more than one chapter builds with."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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


def dcgan_init(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm's gain (Radford et al. 2015, section 4). Use with `apply`."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def gaussian_latents(n: int, size: int, generator: torch.Generator | None = None, device=None) -> Tensor:
    """(n, size) draws of N(0, 1). With a CPU `generator` the same seed gives the same latents on every device."""
    if generator is None:
        return torch.randn(n, size, device=device)
    return torch.randn(n, size, generator=generator).to(device)
