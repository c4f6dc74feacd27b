from __future__ import annotations

import math

import pytest
import torch

from gancourse.data import load, toy
from gancourse.files import CourseError

SHAPES = {
    "ring": (toy.ring(), 8, 0.02),
    "ring of 3": (toy.ring(modes=3, radius=1, std=0.1), 3, 0.1),
    "grid": (toy.grid(), 25, 0.05),
    "grid of 16": (toy.grid(side=4, spacing=1), 16, 0.05),
    "spiral": (toy.spiral(), 24, 0.05),
    "spiral of 40": (toy.spiral(turns=3, modes=40), 40, 0.05),
}


@pytest.mark.parametrize(("shape", "modes", "std"), SHAPES.values(), ids=SHAPES.keys())
def test_modes_are_counted_apart_and_equally_likely(shape, modes, std):
    assert (
        shape.centres.shape == (modes, 2)
        and shape.centres.dtype == torch.float32
        and shape.modes == modes
    )
    apart = torch.cdist(shape.centres, shape.centres) + torch.eye(modes) * 1e9
    assert (
        apart.min() > 6 * std
    )  # a point within 3 deviations of one centre is nearer to it than to any other

    n = 1000 * modes
    points = shape.sample(n, seed=0)
    assert points["point"].shape == (n, 2) and points["point"].dtype == torch.float32
    assert points["label"].dtype == torch.int64
    counts = torch.bincount(points["label"], minlength=modes)
    assert len(counts) == modes and (counts - 1000).abs().max() < 5 * math.sqrt(1000)
    away = points["point"] - shape.centres[points["label"]]
    assert away.std(dim=0).tolist() == pytest.approx([std, std], rel=0.05)
    assert away.mean(dim=0).abs().max() < 5 * std / math.sqrt(n)


def test_the_papers_numbers():
    assert toy.ring().centres.norm(dim=1).tolist() == pytest.approx([2.0] * 8)
    assert toy.ring().centres[0].tolist() == pytest.approx([2.0, 0.0])
    assert toy.ring().centres[2].tolist() == pytest.approx([0.0, 2.0], abs=1e-6)
    lattice = {(float(x), float(y)) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(centre) for centre in toy.grid().centres.tolist()} == lattice


def test_the_spiral_runs_outward_in_even_steps():
    centres = toy.spiral().centres
    assert (centres.norm(dim=1).diff() > 0).all()
    assert centres.norm(dim=1)[[0, -1]].tolist() == pytest.approx([0.5, 2.0])
    steps = centres.diff(dim=0).norm(dim=1)
    assert steps.max() / steps.min() < 1.15


def test_sampling_follows_its_seed():
    ring = toy.ring()
    assert torch.equal(ring.sample(50, seed=3)["point"], ring.sample(50, seed=3)["point"])
    assert not torch.equal(ring.sample(50, seed=3)["point"], ring.sample(50, seed=4)["point"])
    before = torch.random.get_rng_state()
    ring.sample(50, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["ring", "grid", "spiral"])
def test_splits_are_different_draws(name):
    train, test = load(name, n=200), load(name, "test", n=200)
    assert len(train) == 200 and train.source == "made"
    assert not torch.isin(train["point"], test["point"]).all(dim=1).any()


def test_toys_refuse_what_is_impossible():
    for wrong in (
        lambda: toy.ring(modes=0),
        lambda: toy.grid(spacing=-1),
        lambda: toy.spiral(std=float("nan")),
    ):
        with pytest.raises(CourseError, match="not positive"):
            wrong()
    with pytest.raises(CourseError, match="n=0: too few points"):
        toy.ring().sample(0, seed=0)
    with pytest.raises(CourseError, match="ring, grid, spiral"):
        toy.load("circle")
    with pytest.raises(CourseError, match="train, test, validation"):
        toy.load("ring", "train-50000")
