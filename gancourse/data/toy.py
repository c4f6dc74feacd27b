"""Mixtures of Gaussians in the plane, whose modes can be counted.

They are the smallest place to watch a generator lose modes.

Ring of 8 with radius 2 and deviation 0.02: Metz et al. 2017, "Unrolled Generative Adversarial
Networks" (arXiv 1611.02163). Grid of 25 at -4, -2, 0, 2, 4 with deviation 0.05: Srivastava et al.
2017, "VEEGAN" (arXiv 1705.07761); its numbers as given by Lin et al. 2018, "PacGAN" (arXiv
1712.04086). The spiral is ours, a Swiss roll that has modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gancourse.data.sources import About, Pictures, generator, one_of
from gancourse.files import CourseError


@dataclass(frozen=True, eq=False, repr=False)
class Toy:
    """K equally likely round Gaussians in the plane.

    Args:
        name: for captions.
        centres: (K, 2) float32, their means.
        std: the deviation of each along each axis.
    """

    name: str
    centres: Tensor
    std: float

    @property
    def modes(self) -> int:
        return len(self.centres)

    def __repr__(self) -> str:
        return f"Toy({self.name}: {self.modes} modes, std {self.std})"

    def sample(self, n: int, seed: int | torch.Generator) -> Pictures:
        """Draw "point" (n, 2) float32 and "label" (n,) int64, the mode 0..K-1 of each point.

        Raises:
            CourseError: `n` is not positive.
        """
        if n < 1:
            raise CourseError(
                f"n={n!r}: too few points to draw of the {self.name}; give 1 or more."
            )
        random = generator(seed)
        label = torch.randint(self.modes, (n,), generator=random)
        point = self.centres[label] + self.std * torch.randn(n, 2, generator=random)
        return Pictures({"point": point, "label": label}, self.name, "made", "CC0")


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> Toy:
    """`modes` Gaussians evenly round a circle, the first at (radius, 0), counter-clockwise."""
    _positive(modes=modes, radius=radius, std=std)
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return Toy(f"ring of {modes}", radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Toy:
    """`side` x `side` Gaussians on a square lattice about the origin, row by row from below."""
    _positive(side=side, spacing=spacing, std=std)
    line = spacing * (torch.arange(side) - (side - 1) / 2)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return Toy(f"grid of {side * side}", torch.stack([x.flatten(), y.flatten()], dim=1), std)


def spiral(turns: float = 2.0, modes: int = 24, radius: float = 2.0, std: float = 0.05) -> Toy:
    """`modes` Gaussians evenly along a spiral of `turns` turns, from radius / 4 to `radius`."""
    _positive(turns=turns, modes=modes, radius=radius, std=std)
    angle = torch.linspace(0, 2 * math.pi * turns, 10_000, dtype=torch.float64)
    away = torch.linspace(radius / 4, radius, 10_000, dtype=torch.float64)
    path = away[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    walked = torch.cat([torch.zeros(1), path.diff(dim=0).norm(dim=1).cumsum(0)])
    stops = torch.searchsorted(
        walked, torch.linspace(0, 1, modes, dtype=torch.float64) * walked[-1]
    )
    return Toy(f"spiral of {modes}", path[stops].float(), std)


TOYS = {"ring": ring, "grid": grid, "spiral": spiral}
SEEDS = {"train": 0, "test": 1, "validation": 2}
SOURCES = ("auto", "bundled", "full")
ABOUT = {
    name: About(
        title=f"points of the {name}, drawn by our own code",
        credit="",
        licence="CC0",
        weights_licence="MIT",
        limits=f"Points in the plane, around the centres of the {name}, and nothing else.",
        holds="point (2,) with label",
        sizes={"made": (50_000, 50_000)},
        splits={"train": "50,000 for training"},
    )
    for name in TOYS
}


def load(
    name: str,
    split: str = "train",
    *,
    n: int = 50_000,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
    **shape,
) -> Pictures:
    """`n` points of the toy `name` ("ring", "grid", "spiral"); each split has a seed of its own.

    Args:
        source, root, strict: as every loader takes them; toys are always made.
        shape: what the toy's own function takes, e.g. modes=12.

    Raises:
        CourseError: an unknown toy, split or source, or a size that is not positive.
    """
    one_of("name", name, tuple(TOYS), "toys")
    one_of("split", split, tuple(SEEDS), "toys")
    one_of("source", source, SOURCES, "toys")
    return TOYS[name](**shape).sample(n, SEEDS[split])


load_ring, load_grid, load_spiral = (partial(load, name) for name in ("ring", "grid", "spiral"))


def _positive(**sizes: float) -> None:
    for name, size in sizes.items():
        if not size > 0:
            raise CourseError(f"{name}={size!r}: not positive; give a number above 0.")
