from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torchvision.transforms.functional import gaussian_blur

from gancourse.chapters import gan, pix2pix
from gancourse.files import CourseError
from gancourse.metrics.outlines import enclosed, unevenness
from gancourse.studio import colouring

YELLOW = (252, 234, 43)


def scene(side: int, size: int = 128):
    """A yellow disc in a black circle: line art and colours, (small, large, small, large)."""
    found = []
    for s in (side, size):
        box = [0.48 * s, 0.48 * s, 3.52 * s, 3.52 * s]  # drawn at four times the size
        art, picture = (
            Image.new("L", (4 * s, 4 * s), 255),
            Image.new("RGB", (4 * s, 4 * s), "white"),
        )
        ImageDraw.Draw(art).ellipse(box, outline=0, width=round(s / 9))
        ImageDraw.Draw(picture).ellipse(box, fill=YELLOW, outline=0, width=round(s / 9))
        art, picture = (
            torch.from_numpy(np.array(each.resize((s, s), Image.Resampling.BOX)))
            for each in (art, picture)
        )
        found.append((art[None, None], picture.permute(2, 0, 1)[None].float() / 127.5 - 1))
    (small, colours), (large, truth) = found
    return small, large, colours, truth


def rings(size: int):
    """Where `scene` is (line, inside, outside), without a pixel on each side of an edge."""
    at = torch.arange(size) - (size - 1) / 2
    r, outer = (at[:, None] ** 2 + at**2).sqrt(), 0.38 * size
    inner = outer - size / 36
    return (r > inner + 1) & (r < outer - 1), r < inner - 1, r > outer + 1


@pytest.mark.parametrize("blur", [0, 0.5, 0.7])
def test_no_dark_rim_lies_beside_a_line(blur):
    small, large, colours, truth = scene(64, 512)
    if blur:
        colours = gaussian_blur(colours, 9, blur)  # as a network draws
    error = (colouring.painted(colours, small, large) - truth).abs()[0].amax(0) * 127.5
    line, inside, _ = rings(512)
    assert error[line].max() == 0, "lines are as black and sharp as they were drawn"
    assert error[inside].max() < 20 and error[inside].mean() < 1


def test_flat_colours_and_the_paper_stay_as_they_are():
    small, large, colours, truth = scene(64)
    made = colouring.painted(colours, small, large)
    assert made.shape == (1, 3, 128, 128) and made.min() == -1 and made.max() <= 1
    assert torch.allclose(made[..., 64, 64], truth[..., 64, 64], atol=0.01)
    assert made[..., :6, :6].min() > 0.99
    grey = torch.full((1, 3, 32, 32), -0.4)
    blank = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    assert torch.allclose(colouring.painted(grey, blank, blank), grey, atol=1e-5)
    assert colouring.painted(grey, torch.zeros_like(blank), torch.zeros_like(blank)).max() == -1, (
        "a black picture"
    )


def test_no_colour_crosses_a_line():
    small = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    small[..., 15:17] = 0
    colours = torch.full((1, 3, 32, 32), -1.0)
    colours[:, 0, :, :15], colours[:, 2, :, 17:] = 1, 1  # red on the left, blue on the right
    made = colouring.painted(colours, small, small)
    assert torch.allclose(made[..., :15], colours[..., :15], atol=1e-4)
    assert torch.allclose(made[..., 17:], colours[..., 17:], atol=1e-4)
    room = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    room[..., 10:16, 10:16], room[..., 12:14, 12:14] = 0, 255
    painted = torch.full((1, 3, 32, 32), -1.0)
    painted[:, 0] = 1
    painted[..., 12:14, 12:14] = torch.tensor([-1.0, -1.0, 1.0]).view(3, 1, 1)
    assert torch.allclose(
        colouring.painted(painted, room, room)[..., 12:14, 12:14],
        painted[..., 12:14, 12:14],
        atol=1e-4,
    ), "a place too small to have a middle keeps the network's colour"


@pytest.fixture(scope="module")
def game():
    torch.manual_seed(0)
    return pix2pix.Config.at("check", width=2, shape=(3, 32, 32)).build().eval()


@pytest.fixture
def drawing() -> Image.Image:
    picture = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(picture).ellipse([60, 30, 220, 170], outline=0, width=7)
    return picture


@pytest.mark.parametrize("size", [16, 100, 512])
def test_a_drawing_of_any_size_becomes_a_square_picture(game, drawing, size):
    made = colouring.colour(game, drawing, size=size)
    assert made.mode == "RGB" and made.size == (size, size)
    assert np.asarray(made).min() < (100 if size == 16 else 1), "its lines are black"


def test_another_seed_is_another_opinion(game, drawing, tmp_path):
    drawing.save(tmp_path / "drawing.png")
    first, again, other = (
        colouring.colour(game, tmp_path / "drawing.png", size=64, seed=seed) for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_a_model_that_cannot_colour_says_so(drawing):
    with pytest.raises(CourseError, match="model: it draws from nothing.*; take a translator"):
        colouring.colour(gan.Config.at("check", width=2).build(), drawing)
    with pytest.raises(CourseError, match="3 channels, and line art has one"):
        colouring.colour(
            pix2pix.Config.at("check", width=2, shape=(3, 32, 32), inputs=3).build(), drawing
        )
    with pytest.raises(CourseError, match=r"\(1, 32, 32\), and colours need 3"):
        colouring.colour(pix2pix.Config.at("check", width=2, shape=(1, 32, 32)).build(), drawing)


class Blotched:
    """Paints paper grey and adds blotches that stand still when the drawing moves."""

    config = pix2pix.Config.at("check", width=2, shape=(3, 32, 32))
    asked: int = 0

    def translate(self, given, *, seed=0, noise=True):
        self.asked += len(given)
        blotches = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0)) / 5
        return (given.float() / 255 - 1).expand(-1, 3, -1, -1) * 0.5 + blotches


class Even(Blotched):
    """Answers alike in every view."""

    def translate(self, given, *, seed=0, noise=True):
        return (given.float() / 127.5 - 1).expand(-1, 3, -1, -1) * torch.tensor(
            [1.0, 0.5, -1.0]
        ).view(3, 1, 1)


def test_the_mean_of_views_lies_where_the_drawing_does():
    lines = torch.randint(
        256, (2, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    even = Even()
    assert torch.allclose(colouring.calm(even, lines), even.translate(lines), atol=1e-5)


def test_blotches_fade_in_the_mean_of_views():
    game, paper = Blotched(), torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    one, mean = game.translate(paper), colouring.calm(game, paper)
    assert game.asked == 1 + len(colouring.VIEWS)
    assert mean.std() < 1.2 * one.std() / len(colouring.VIEWS) ** 0.5
    assert len(set(colouring.VIEWS)) == len(colouring.VIEWS) and colouring.VIEWS[0] == (0, 0)


def test_a_drawing_is_coloured_from_all_views(drawing):
    game = Blotched()
    colouring.colour(game, drawing, size=64)
    assert game.asked == len(colouring.VIEWS)


def test_each_view_has_noise_of_its_own(game):
    lines = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    lines[..., 8:24, 8] = 0
    alone = game.translate(lines.repeat(8, 1, 1, 1), seed=0)
    assert (alone[0] - alone[1]).abs().max() > 1e-4
    first, again = (colouring.calm(game, lines, seed=seed) for seed in (0, 0))
    assert torch.equal(first, again)
    assert not torch.equal(first, colouring.calm(game, lines, seed=1))


def rooms() -> torch.Tensor:
    """Two rooms side by side and an open one below, with walls of two pixels: (1, 1, 32, 32)."""
    lines = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    lines[..., 4:16, 4:28] = 0
    lines[..., 6:14, 6:15] = lines[..., 6:14, 17:26] = 255
    lines[..., 16:, 4:6] = lines[..., 16:, 26:28] = 0
    return lines


def test_what_a_line_encloses_gets_the_colour_of_most_of_its_pixels():
    lines = rooms()
    made = (lines.float() / 127.5 - 1).repeat(1, 3, 1, 1)
    left, right, below = (..., slice(6, 14), slice(6, 15)), (..., slice(6, 14), slice(17, 26)), 20
    red, blue = (torch.tensor(each).view(3, 1, 1) for each in ([1.0, -1, -1], [-1.0, -1, 1]))
    made[left], made[right] = red, blue
    made[..., 6:14, 6:9], made[..., 6:14, 17:20] = blue, red  # a third votes for the other colour
    made[..., below : below + 2, 10:20] = red
    even = colouring.evened(made, lines)
    assert torch.allclose(even[left], red.expand(1, 3, 8, 9))
    assert torch.allclose(even[right], blue.expand(1, 3, 8, 9))
    outside = enclosed(lines)[0] == 0
    assert torch.equal(even[..., outside], made[..., outside]), "neither lines nor open rooms"
    as_stored = ((made + 1) * 127.5).round().byte()
    assert torch.allclose(colouring.evened(as_stored, lines), even, atol=0.01)


def test_colours_that_are_alike_vote_together():
    """In noise no two pixels agree; a mean of all would still be brown."""
    lines = rooms()
    made, dice = torch.zeros(1, 3, 32, 32), torch.Generator().manual_seed(0)
    yellow = torch.tensor([0.9, 0.8, -0.8]).view(3, 1, 1)
    room = made[..., 6:14, 6:15]
    room[:] = yellow + 0.02 * torch.randn(1, 3, 8, 9, generator=dice)
    room[..., :3] = -0.9  # a third is black
    even = colouring.evened(made, lines)[..., 6:14, 6:15]
    assert torch.allclose(even, yellow.expand_as(even), atol=0.03)


def test_large_regions_are_even_too():
    lines = torch.full((1, 1, 64, 64), 255, dtype=torch.uint8)
    lines[..., 1, 1:-1] = lines[..., -2, 1:-1] = 0
    lines[..., 1:-1, 1] = lines[..., 1:-1, -2] = 0
    made = torch.linspace(-0.9, 0.9, 64).expand(1, 3, 64, 64)
    assert (enclosed(lines) > 0).sum() > 4 * colouring.VOTES
    assert unevenness(colouring.evened(made, lines), lines).item() < 1e-3 < unevenness(made, lines)


def test_a_drawing_is_even_unless_asked_otherwise(drawing):
    game = Blotched()
    even, painted = (colouring.colour(game, drawing, size=64, even=e) for e in (True, False))
    assert even.tobytes() == colouring.colour(game, drawing, size=64).tobytes()
    middle = (28, 28, 36, 36)
    assert [len(each.crop(middle).getcolors()) > 1 for each in (even, painted)] == [False, True]


def test_pictures_of_other_drawings_are_refused():
    with pytest.raises(CourseError, match=r"pictures.shape=\(1, 3, 16, 32\): .* asks for"):
        colouring.evened(torch.zeros(1, 3, 16, 32), rooms())
