"""`in_tiles`: a picture of any size through a network, one piece at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancourse.files import CourseError
from gancourse.game import in_tiles


class Seen(nn.Module):
    """A network that notes the sizes of what it is given."""

    def __init__(self, network):
        super().__init__()
        self.network, self.sizes = network, []

    def forward(self, picture):
        assert len(picture) == 1
        self.sizes.append(tuple(picture.shape[2:]))
        return self.network(picture)


def enlarger(scale: int) -> Seen:
    """Three padded convolutions, of 3, 5 and 3 pixels: an output pixel depends on 4 input pixels to
    each side.
    """
    torch.manual_seed(0)
    return Seen(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.PReLU(),
            nn.Conv2d(8, 8, 5, padding=2),
            nn.PReLU(),
            nn.Conv2d(8, 2 * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize(
    ("height", "width"), [(64, 64), (61, 37), (20, 20), (21, 19), (7, 90), (1, 1)]
)
def test_tiles_give_what_the_whole_picture_gives(scale, height, width):
    """At the borders too, and in pictures smaller than a tile."""
    network, picture = enlarger(scale), torch.randn(3, height, width)
    tiled = in_tiles(network, picture, tile=20, overlap=4)
    assert all(max(size) <= 20 for size in network.sizes)
    assert len(network.sizes) == -(-max(height - 8, 1) // 12) * -(-max(width - 8, 1) // 12)
    whole = network(picture[None])[0]
    assert tiled.shape == (2, scale * height, scale * width) and not tiled.requires_grad
    assert torch.allclose(tiled, whole, atol=1e-5)


def test_too_little_overlap_shows_at_the_seams_alone():
    picture = torch.randn(3, 40, 40)
    wrong = (in_tiles(enlarger(1), picture, 20, 2) - enlarger(1)(picture[None])[0]).abs() > 1e-4
    assert wrong.any() and not wrong[:, :12, :12].any(), "a core's inside needs no more"


def test_tiles_keep_the_networks_dtype_in_the_order_of_picture_files():
    def to_bytes(picture):
        return (picture + 1).byte()

    picture = torch.randint(0, 255, (3, 50, 33), dtype=torch.uint8)
    tiled = in_tiles(to_bytes, picture, tile=16, overlap=1)
    assert torch.equal(tiled, picture + 1)
    assert tiled.permute(1, 2, 0).is_contiguous()


@pytest.mark.parametrize(("tile", "overlap"), [(8, 4), (8, 5), (8, -1)])
def test_a_tile_without_a_core_is_refused(tile, overlap):
    with pytest.raises(CourseError, match=f"tile=8, overlap={overlap}: no core left"):
        in_tiles(nn.Identity(), torch.zeros(3, 9, 9), tile, overlap)
