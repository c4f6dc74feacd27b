from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn

from gancourse.files import CourseError
from gancourse.layers import (
    JoinedConv2d,
    JoinedConvTranspose2d,
    Maxout,
    Project,
    ReadOut,
    dcgan_init,
    gaussian_latents,
    halvings,
    join,
    random_affine,
    unmoved,
)


def test_maxout_is_the_largest_of_its_pieces():
    layer, x = Maxout(5, 3, pieces=4), torch.randn(7, 5)
    weight, bias = layer.linear.weight, layer.linear.bias
    naive = torch.empty(7, 3)
    for row in range(7):
        for unit in range(3):
            pieces = [
                x[row] @ weight[unit * 4 + piece] + bias[unit * 4 + piece] for piece in range(4)
            ]
            naive[row, unit] = max(pieces)
    assert torch.allclose(layer(x), naive, atol=1e-6)


def test_maxout_can_be_a_relu_and_an_absolute_value():
    """Goodfellow et al. 2013, figure 1."""
    layer = Maxout(1, 2, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [0.0], [1.0], [-1.0]]))
        layer.linear.bias.zero_()
    x = torch.linspace(-2, 2, 9)[:, None]
    assert torch.equal(layer(x), torch.cat([x.relu(), x.abs()], dim=1))


def test_maxout_sends_its_gradient_to_the_winning_piece_alone():
    layer = Maxout(3, 2, pieces=5)
    layer(torch.randn(1, 3)).sum().backward()
    used = layer.linear.weight.grad.abs().sum(1).view(2, 5) > 0
    assert used.sum(1).tolist() == [1, 1]


PRODUCTS = {
    "Project": (Project(6, 5, 3), nn.ConvTranspose2d(6, 5, 3, bias=False), (4, 6, 1, 1)),
    "ReadOut": (ReadOut(6, 5, 3), nn.Conv2d(6, 5, 3, bias=False), (4, 6, 3, 3)),
}


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_convolution_written_as_a_product_is_the_same_function(name, memory):
    """Weights by name and shape, results, gradients, and the gradient of a gradient (for R1)."""
    ours, theirs, shape = PRODUCTS[name]
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours.to(memory_format=memory), theirs.to(memory_format=memory)):
        x = (
            torch.randn(shape, generator=torch.Generator().manual_seed(0))
            .to(memory_format=memory)
            .requires_grad_()
        )
        y = layer(x)
        first = torch.autograd.grad(y.sin().sum(), [x, layer.weight], create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), [x, layer.weight])
        found.append([y, *first, *second])
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_takes_channels_last_as_it_lies(name):
    """Maps keep the order, and a gradient has its weight's strides, which fused Adam needs."""
    layer, _, shape = PRODUCTS[name]
    layer.to(memory_format=torch.channels_last).zero_grad()
    y = layer(torch.randn(shape).to(memory_format=torch.channels_last))
    y.sum().backward()
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert layer.weight.grad.stride() == layer.weight.stride()


JOINED = {
    "JoinedConv2d": (JoinedConv2d(6 + 3, 5, 5, stride=2, padding=2), nn.Conv2d),
    "JoinedConvTranspose2d": (
        JoinedConvTranspose2d(6 + 3, 5, 5, stride=2, padding=2, output_padding=1, bias=False),
        nn.ConvTranspose2d,
    ),
}


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", JOINED)
def test_a_joined_condition_is_the_condition_on_constant_maps(name, memory):
    """Results and all gradients, against the usual layer with constant maps appended."""
    ours, ordinary = JOINED[name]
    ours.to(memory_format=memory)
    found = []
    for joined in (True, False):
        dice = torch.Generator().manual_seed(0)
        x = torch.randn(4, 6, 8, 8, generator=dice).to(memory_format=memory).requires_grad_()
        # Mixtures, not only one-hot rows.
        condition = torch.rand(4, 3, generator=dice).requires_grad_()
        y = ours(x, condition) if joined else ordinary.forward(ours, join(x, condition))
        found.append([y, *torch.autograd.grad(y.sin().sum(), [x, condition, ours.weight])])
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape and torch.allclose(a, b, atol=1e-5)
    if memory == torch.channels_last:
        assert found[0][0].is_contiguous(memory_format=memory)


def test_dcgan_init_has_the_papers_numbers():
    network = nn.Sequential(
        nn.Conv2d(64, 64, 4), nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(4096), nn.Linear(32, 32)
    )
    nn.init.ones_(network[2].bias)
    network.apply(dcgan_init)
    for layer in (network[0], network[1], network[3]):
        error = 0.02 / math.sqrt(2 * layer.weight.numel())
        assert layer.weight.std().item() == pytest.approx(0.02, abs=5 * error)
        assert layer.weight.mean().abs() < 5 * 0.02 / math.sqrt(layer.weight.numel())
    assert network[2].weight.mean().item() == pytest.approx(1, abs=5 * 0.02 / 64)
    assert network[2].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not network[2].bias.any()


def test_latents_are_standard_normal():
    z = gaussian_latents(2000, 50, torch.Generator().manual_seed(0))
    assert z.shape == (2000, 50) and z.dtype == torch.float32
    error = 1 / math.sqrt(z.numel())
    assert z.mean().abs() < 5 * error and z.std().item() == pytest.approx(1, abs=5 * error)
    fourth_moment = z.pow(4).mean().item()
    assert fourth_moment == pytest.approx(3, abs=5 * math.sqrt(96) * error)


def test_a_generator_decides_the_latents_and_leaves_the_global_state():
    before = torch.get_rng_state()
    first, second = (gaussian_latents(3, 4, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    assert torch.equal(gaussian_latents(3, 4), first)


@pytest.mark.parametrize(
    ("side", "found"), [(8, (1, 4)), (28, (2, 7)), (32, (3, 4)), (64, (4, 4)), (96, (4, 6))]
)
def test_a_square_picture_is_halved_to_a_map_of_4_to_7_px(side, found):
    assert halvings((3, side, side)) == found


@pytest.mark.parametrize("shape", [(1, 28, 32), (3, 50, 50), (1, 7, 7), (1, 4, 4)])
def test_a_picture_that_cannot_be_halved_is_refused_with_sizes_that_can(shape):
    with pytest.raises(CourseError, match=rf"shape={re.escape(str(shape))}: .*such as 28, 32"):
        halvings(shape)


# Random affine copies


def dots(n: int = 400, side: int = 28) -> torch.Tensor:
    """Pictures with one soft spot, upper right of the middle."""
    place = torch.arange(side) - (side - 1) / 2
    spot = torch.exp(-((place[:, None] + 6) ** 2 + (place[None] - 6) ** 2) / 4)
    return (2 * spot - 1).expand(n, 1, side, side)


def middles(pictures: torch.Tensor) -> torch.Tensor:
    """Centre of the ink, (N, 2) in px from the middle: right, down."""
    ink = (pictures[:, 0] + 1) / 2
    place = torch.arange(ink.shape[-1]) - (ink.shape[-1] - 1) / 2
    total = ink.sum((1, 2))
    return torch.stack(
        [(ink.sum(1) * place).sum(1) / total, (ink.sum(2) * place).sum(1) / total], 1
    )


def test_an_affine_copy_of_amount_0_is_the_picture():
    pictures = torch.rand(3, 2, 28, 28) * 2 - 1
    assert torch.allclose(random_affine(pictures, 0.0), pictures, atol=1e-5)


def test_an_affine_copy_is_moved_as_far_as_it_says_and_no_further():
    """A shift moves by up to 7 % of 28 px; the rest move a spot 6 px out by up to 5.5 px."""
    moved = middles(random_affine(dots())) - middles(dots())
    assert moved.mean(0).abs().max() < 0.4  # no direction is preferred
    reach = moved.abs().max(0).values
    assert ((reach > 2.5) & (reach < 0.07 * 28 + 5.5)).all(), reach
    half = (middles(random_affine(dots(), 0.5)) - middles(dots())).abs().max(0).values
    assert (half < 0.65 * reach).all() and (half > 0.35 * reach).all(), (half, reach)


def test_each_picture_is_moved_differently():
    moved = middles(random_affine(dots(10)))
    assert len(moved.round(decimals=3).unique(dim=0)) == 10


def test_new_pixels_at_the_border_are_background():
    copies = random_affine(torch.ones(200, 1, 28, 28))
    assert copies.amin() == -1 and copies.amax() <= 1 + 1e-5
    assert (copies[:, :, 10:18, 10:18] > 1 - 1e-5).all()


def test_an_affine_copy_passes_the_gradient_on():
    pictures = dots(4).clone().requires_grad_()
    random_affine(pictures).sum().backward()
    assert (pictures.grad.abs().sum((1, 2, 3)) > 100).all()


def test_unmoved_norms_use_their_batch_and_keep_their_averages():
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, momentum=0.3))
    x = torch.randn(4, 2, 5, 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ZeroDivisionError), unmoved(network):
        made = network(x)
        1 / 0  # noqa: B018
    torch.testing.assert_close(made.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    for name in ("1.running_mean", "1.running_var"):
        assert torch.equal(network.state_dict()[name], before[name])
    network(x)
    assert network[1].momentum == 0.3
    assert not torch.equal(network.state_dict()["1.running_mean"], before["1.running_mean"])
