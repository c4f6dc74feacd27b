from __future__ import annotations

import pytest
import torch

from gancourse.data import digits
from gancourse.files import CourseError
from gancourse.metrics.cheats import blurred_neighbours, centroids, memorised
from gancourse.metrics.parzen import parzen


def corners(n, seed=0):
    """Pictures 2 x 2 near two greys, 50 and 200, in turn."""
    generator = torch.Generator().manual_seed(seed)
    greys = torch.tensor([50, 200]).repeat(n // 2)[:, None, None, None]
    return (greys + torch.randint(-3, 4, (n, 1, 2, 2), generator=generator)).to(torch.uint8)


def test_memorised_pictures_are_different_and_seeded():
    pictures = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1)
    chosen = memorised(pictures, 40, seed=1)
    assert len(chosen.unique()) == 40
    assert torch.equal(chosen, memorised(pictures, 40, seed=1))
    assert not torch.equal(chosen, memorised(pictures, 40, seed=2))
    with pytest.raises(CourseError, match="n=101: .* from 100; give 1 to 100"):
        memorised(pictures, 101)


def test_k_means_finds_the_means():
    pictures = corners(200)
    found = centroids(pictures, 2, seed=3, rounds=10)
    means = torch.stack([pictures[i::2].float().mean(0).round().to(torch.uint8) for i in (0, 1)])
    assert found.dtype == torch.uint8
    assert torch.equal(found[found[:, 0, 0, 0].argsort()], means)


def test_every_round_brings_the_means_nearer_and_a_lonely_centre_stays():
    pictures = memorised(digits.load("train", source="bundled")["image"], 500)

    def error(rounds):
        centres = centroids(pictures, 20, rounds=rounds).flatten(1).float()
        return torch.cdist(pictures.flatten(1).float(), centres).min(1).values.square().mean()

    assert error(5) < error(1) < error(0)
    same = torch.full((4, 1, 2, 2), 7, dtype=torch.uint8)
    assert torch.equal(centroids(same, 3), same[:3])  # two of the three centres win no point


def test_a_blurred_neighbour_is_the_mean_of_the_nearest():
    pictures = torch.tensor([0, 10, 20, 200, 210, 220], dtype=torch.uint8).view(6, 1, 1, 1)
    found = blurred_neighbours(pictures, 6, neighbours=3).flatten()
    assert sorted(found.tolist()) == [10, 10, 10, 210, 210, 210]
    assert torch.equal(
        blurred_neighbours(pictures, 6, neighbours=1).flatten().sort().values, pictures.flatten()
    )


def test_averages_beat_real_pictures_on_the_bundled_digits():
    """The table of the chapter, small: what no person would prefer scores higher."""
    train = digits.load("train-50000", source="bundled")["image"]
    test, validation = (
        digits.load(split, source="bundled")["image"][:200] for split in ("test", "validation")
    )
    honest, means, blur = (
        parzen(samples, test, validation)["nats"]
        for samples in (
            memorised(train, 500),
            centroids(train, 500, rounds=3),
            blurred_neighbours(train, 500),
        )
    )
    assert min(means, blur) > honest + 20
