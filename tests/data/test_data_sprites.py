from __future__ import annotations

import math

import pytest
import torch

from gancourse import data
from gancourse.data import sprites
from gancourse.files import CourseError

MIDDLE = 16  # the place whose centre is the picture's: 16 + 16 = 32


def factors(**fixed: int) -> torch.Tensor:
    """All combinations of the factors that are not fixed."""
    values = [
        torch.tensor([fixed[name]]) if name in fixed else torch.arange(count)
        for name, count in sprites.FACTORS.items()
    ]
    return torch.cartesian_prod(*values)


def area_and_centre(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(N, 1, S, S) -> white pixels, and their mean column and row as parts of the picture."""
    white = (images.squeeze(1) > 0).double()
    place = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1]
    area = white.sum(dim=(1, 2))
    return (
        area,
        (white.sum(dim=1) * place).sum(dim=1) / area,
        (white.sum(dim=2) * place).sum(dim=1) / area,
    )


@pytest.mark.parametrize("kind", range(3), ids=sprites.SHAPES)
def test_area_and_centre_of_mass_are_those_of_the_closed_forms(kind):
    """At eight times the resolution: a circumference of 80 pixels can be off by a part of a pixel
    all the way round.
    """
    chosen = factors(shape=kind, x=5, y=22)[::7]
    area, x, y = area_and_centre(sprites.render(chosen, size=512))
    expected = (
        sprites.AREAS[sprites.SHAPES[kind]] * sprites.scales()[chosen[:, 1]].double().square() * 64
    )
    assert (area / expected - 1).abs().max() < 0.01
    assert (64 * x - 21).abs().max() < 0.03 and (64 * y - 38).abs().max() < 0.03


def test_areas_are_known():
    assert sprites.AREAS["square"] == 400
    assert sprites.AREAS["ellipse"] == pytest.approx(98 * math.pi)
    assert sprites.AREAS["heart"] == pytest.approx(256 + 64 * math.pi)


def test_an_upright_square_is_exact():
    for scale in range(6):
        image = sprites.render(factors(shape=0, scale=scale, orientation=0, x=MIDDLE, y=MIDDLE))[
            0, 0
        ]
        half = 5 + scale
        expected = torch.zeros(64, 64, dtype=torch.uint8)
        expected[32 - half : 32 + half, 32 - half : 32 + half] = 255
        assert torch.equal(image, expected)


def test_an_ellipse_turns_counter_clockwise():
    """The axis of inertia points where the orientation says: upright at 0, then falling to the
    left.
    """
    chosen = factors(shape=1, scale=5, x=MIDDLE, y=MIDDLE)
    white = sprites.render(chosen, size=256).squeeze(1) > 0
    place = (torch.arange(256) + 0.5) / 4 - 32
    for image, angle in zip(white, sprites.angles(), strict=True):
        down, right = (place[at].double() for at in image.nonzero(as_tuple=True))
        axis = 0.5 * math.atan2(
            -2 * (right * down).mean(), right.square().mean() - down.square().mean()
        )
        turned = axis - math.pi / 2 - float(angle)
        assert abs(math.remainder(turned, math.pi)) < 0.02


def test_the_heart_points_down_and_turns_counter_clockwise():
    chosen = factors(shape=2, scale=5, x=MIDDLE, y=MIDDLE)
    images = sprites.render(chosen, size=256).squeeze(1) > 0
    upright = images[0]
    assert torch.equal(upright, upright.flip(1)), "at orientation 0 left and right are alike"
    place = (torch.arange(256) + 0.5) / 4 - 32
    for image, angle in zip(images, sprites.angles(), strict=True):
        down, right = (place[at] for at in image.nonzero(as_tuple=True))
        tip = torch.hypot(
            down, right
        ).argmax()  # the point is what lies farthest from the centre of mass
        turned = math.atan2(-float(down[tip]), float(right[tip])) + math.pi / 2 - float(angle)
        assert abs(math.remainder(turned, 2 * math.pi)) < 0.05


def test_a_step_of_place_is_a_pixel_and_nothing_is_cut_off():
    corner = factors(x=0, y=0)
    drawn = sprites.render(corner)
    for x, y in ((31, 0), (0, 31), (31, 31), (7, 12)):
        moved = corner.clone()
        moved[:, 3], moved[:, 4] = x, y
        assert torch.equal(sprites.render(moved), drawn.roll((y, x), dims=(2, 3)))
    edge = torch.cat(
        [drawn[..., 0, :], drawn[..., :, 0], sprites.render(moved)[..., -1, :]], dim=-1
    )
    assert not edge.any()


def test_no_grey_and_the_sizes_in_order():
    images = sprites.render(factors(orientation=11, x=MIDDLE, y=MIDDLE))
    assert images.unique().tolist() == [0, 255]
    area, _, _ = area_and_centre(images)
    assert (area.view(3, 6).diff(dim=1) > 0).all()


def test_a_full_turn_is_no_turn():
    first, last = (
        sprites.render(factors(orientation=which, x=MIDDLE, y=MIDDLE)) for which in (0, 39)
    )
    assert torch.equal(first, last)
    hearts = sprites.render(factors(shape=2, scale=5, x=MIDDLE, y=MIDDLE))
    assert len(hearts.flatten(1).unique(dim=0)) == 39


def test_load_draws_different_combinations_and_keeps_the_test_apart():
    train, test = data.load("sprites", n=3000, seed=1), data.load("sprites", "test", n=3000, seed=1)
    assert (
        train.source == "made"
        and train["image"].shape == (3000, 1, 64, 64)
        and train["image"].dtype == torch.uint8
    )
    rows = []
    for found in (train, test):
        assert list(found.tensors) == ["image", *sprites.FACTORS]
        rows.append(torch.stack([found[name] for name in sprites.FACTORS], dim=1))
        assert rows[-1].dtype == torch.int64
        assert torch.equal(found["image"], sprites.render(rows[-1]))
        assert [len(column.unique()) for column in rows[-1].T] == list(sprites.FACTORS.values())
    assert len(torch.cat(rows).unique(dim=0)) == 6000, "a combination comes twice, or in both parts"
    again, other = data.load("sprites", n=3000, seed=1), data.load("sprites", n=3000, seed=2)
    assert torch.equal(again["image"], train["image"]) and not torch.equal(
        other["image"], train["image"]
    )


def test_impossible_factors_are_explained():
    for wrong in (
        torch.zeros(3, 4, dtype=torch.int64),
        torch.zeros(5, dtype=torch.int64),
        torch.zeros(2, 5),
    ):
        with pytest.raises(CourseError, match="shape, scale, orientation, x, y"):
            sprites.render(wrong)
    for column, value in ((0, 3), (2, -1), (4, 32)):
        row = torch.zeros(2, 5, dtype=torch.int64)
        row[1, column] = value
        with pytest.raises(
            CourseError, match=f"{list(sprites.FACTORS)[column]}=.*: out of range; give 0 to"
        ):
            sprites.render(row)
    with pytest.raises(CourseError, match="1 pixel or more"):
        sprites.render(torch.zeros(1, 5, dtype=torch.int64), size=0)
    assert sprites.render(torch.zeros(0, 5, dtype=torch.int64)).shape == (0, 1, 64, 64)
    assert sprites.render(torch.zeros(1, 5, dtype=torch.int64), size=1).shape == (1, 1, 1, 1)


def test_impossible_wishes_are_explained():
    with pytest.raises(CourseError, match="give 1 to 73,728"):
        sprites.load("test", n=73_729)
    with pytest.raises(CourseError, match="give 1 to 663,552"):
        sprites.load(n=0)
    with pytest.raises(CourseError, match="split='validation': the sprites have no.*train, test"):
        sprites.load("validation")
    with pytest.raises(CourseError, match="source='web': the sprites have no.*auto, bundled, full"):
        sprites.load(source="web")
