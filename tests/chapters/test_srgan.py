from __future__ import annotations

import math
import shutil
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from gancourse import bicubic, features, models
from gancourse.chapters import srgan
from gancourse.chapters.srgan import Compact, Config, PaperGenerator, dense_judge, patch_judge
from gancourse.data import load
from gancourse.data.photos import Photos
from gancourse.files import CourseError
from gancourse.game import fingerprint, in_tiles, to_float
from gancourse.training import Machine, checkpoint
from gancourse.training.hardware import accelerator
from gancourse.training.loop import Play
from tests import games

FORMS = tuple(Config.FORMS)
SIDES = {2: 16, 3: 18, 4: 16}  # of a crop, by scale
TERMS = ("content", "adversarial", "l1", "consistency", "grid")


def small(form: str = "srresnet", seed: int = 0, scale: int = 4, **changes) -> srgan.SRResNet:
    """A game with a tiny generator, which starts from nothing and has its features."""
    side = SIDES[scale]
    numbers = {"width": 4, "blocks": 1, "scale": scale, "shape": (3, side, side), "steps": 8}
    if form == "srgan":
        numbers["starts_from"] = ""
    return models.begin(Config.at("check", form, **{**numbers, **changes}), seed)


def only(**weights) -> dict[str, float]:
    """The weights of the terms of SRGAN's generator: the named, and no others."""
    return {**dict.fromkeys(TERMS, 0.0), **weights}


@cache
def bundled(split: str) -> Photos:
    return load("photos", split, side=64, source="bundled")


def crops(n: int = 6, scale: int = 4, seed: int = 0, side: int | None = None) -> torch.Tensor:
    """Crops of bundled photos with their border, (n, 3, S, S) uint8."""
    side = (side or SIDES[scale]) + 4 * scale
    photos = bundled("train").crops(side)
    places = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return photos.batch(torch.arange(n) % len(photos), places)["image"].contiguous()


def batch_of(game: srgan.SRResNet, n: int = 4) -> dict[str, torch.Tensor]:
    """What a turn is given, with no picture turned."""
    config = game.config
    given = crops(n, config.scale, side=config.shape[1])
    return game.share(game.halve(to_float({"image": given})["image"]))


def louder(network: nn.Module) -> nn.Module:
    """Weights so large that no path is lost in rounding or begins at zero."""
    dice = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                fan = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=dice) / math.sqrt(fan))
    return network


def photo(height: int, width: int) -> torch.Tensor:
    """A part of a bundled photo, (1, 3, height, width) uint8."""
    whole = bundled("test").photo(0)
    return whole[None, :, 60 : 60 + height, 40 : 40 + width].contiguous()


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


# The paper's networks


@pytest.mark.parametrize(("scale", "steps"), [(4, (2, 2)), (3, (3,)), (2, (2,))])
def test_parameter_counts_of_the_papers_generator(scale, steps):
    """Figure 4: k9n64s1, 16 blocks of k3n64s1, k3n64s1, k3n256s1 with a shuffle by 2, k9n3s1.

    A PReLU has one slope; a convolution before BatchNorm needs no bias, and BatchNorm has two
    numbers per channel.
    """
    first = 3 * 64 * 9**2 + 64 + 1
    normed = 64 * 64 * 3**2 + 2 * 64
    block = 2 * normed + 1
    larger = sum(64 * 64 * r**2 * 3**2 + 64 * r**2 + 1 for r in steps)
    last = 64 * 3 * 9**2 + 3
    total = first + 16 * block + normed + larger + last
    assert count(PaperGenerator(scale)) == total
    assert count(Config(scale=scale).build().generator) == total
    assert total == {4: 1_547_350, 3: 1_584_277, 2: 1_399_637}[scale]


def test_parameter_counts_of_the_papers_discriminator():
    """Figure 4, for 96 px: eight convolutions, 512 maps of 6 x 6 px, 1024 units, one logit."""
    channels = [3, 64, 64, 128, 128, 256, 256, 512, 512]
    convolved = sum(a * b * 3**2 for a, b in pairwise(channels))
    rest = 64 + 2 * sum(channels[2:])  # a bias, then BatchNorm
    dense = 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    with torch.device("meta"):
        assert count(dense_judge(96)) == convolved + rest + dense == 23_563_649
    config = Config(form="srgan", starts_from="srresnet")
    with torch.device("meta"):
        assert count(config.build().discriminator) == 23_563_649


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_papers_generator_layer_by_layer(scale):
    with torch.device("meta"):
        network = PaperGenerator(scale)
        layers = convolutions(network)
    steps = {2: [2], 3: [3], 4: [2, 2]}[scale]
    kernels = [layer.kernel_size[0] for layer in layers]
    assert kernels == [9] + [3] * (33 + len(steps)) + [9]
    assert {layer.stride for layer in layers} == {(1, 1)}
    assert [layer.out_channels for layer in layers[33:]] == [64, *(64 * r**2 for r in steps), 3]
    kinds = Counter(type(module) for module in network.modules())
    assert kinds[nn.BatchNorm2d] == 33 and kinds[nn.PReLU] == 1 + 16 + len(steps)
    shuffles = [m.upscale_factor for m in network.modules() if isinstance(m, nn.PixelShuffle)]
    assert shuffles == steps
    assert not any(isinstance(m, (nn.ReLU, nn.Tanh, nn.Sigmoid)) for m in network.modules())


def test_the_papers_discriminator_layer_by_layer():
    with torch.device("meta"):
        network = dense_judge(96)
        layers = convolutions(network)
        assert network(torch.zeros(2, 3, 96, 96)).shape == (2, 1)
    assert [layer.out_channels for layer in layers] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in layers] == [1, 2] * 4
    assert {layer.kernel_size for layer in layers} == {(3, 3)}
    slopes = [m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2] * 9
    assert not isinstance(network[1], nn.BatchNorm2d), "none on the first layer"
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network) == 7
    assert isinstance(network[-1], nn.Linear), "a logit, which no sigmoid has rounded"


def test_the_papers_generator_takes_0_to_1():
    """Section 3.2: low resolution in [0, 1], high resolution in [-1, 1]."""
    network, given = PaperGenerator(4, 4, 1), []
    network.head.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    network(torch.tensor([-1.0, 0.0, 1.0]).expand(1, 3, 1, 3))
    assert given[0].unique().tolist() == [0, 0.5, 1]


def test_both_skips_of_the_papers_generator():
    """Without what the blocks add, the head goes straight to the tail."""
    network = louder(PaperGenerator(2, 4, 3)).eval()
    low = photo(6, 7) / 127.5 - 1
    with torch.no_grad():
        for block in network.body:
            if isinstance(block, srgan.Residual):
                last = convolutions(block)[-1]
                last.weight.zero_()
        x = network.head((low + 1) / 2)
        bent = network.body[-1](network.body[-2](x))
        torch.testing.assert_close(network(low), network.tail(x + bent))
        network.body[-2].weight.zero_()
        torch.testing.assert_close(network(low), network.tail(x))


# The lean networks


def test_the_lean_networks_differ_where_they_say():
    with torch.device("meta"):
        generator, judge = Compact(4, 48, 8), patch_judge()
    for network in (generator, judge):
        assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert {layer.kernel_size for layer in convolutions(generator)} == {(3, 3)}
    shuffles = [m.upscale_factor for m in generator.modules() if isinstance(m, nn.PixelShuffle)]
    assert shuffles == [4]
    assert isinstance(judge[0], nn.PixelUnshuffle) and isinstance(judge[-1], nn.Conv2d)
    bounded = [hasattr(layer, "parametrizations") for layer in convolutions(judge)]
    assert bounded == [True] * 4 + [False]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_lean_generator_begins_near_bilinear_enlarging(scale):
    """Only detail is to be learned (Kim et al. 2016)."""
    torch.manual_seed(0)
    low = photo(12, 15) / 127.5 - 1
    smooth = nn.functional.interpolate(low, scale_factor=scale, mode="bilinear")
    made = Compact(scale, 48, 8)(low)
    assert (made - smooth).abs().mean() < 0.1
    assert Compact(scale, 48, 8).eval()(low).shape == smooth.shape


def test_every_skip_of_the_lean_generator():
    """Around each block, around all of them, around the network, and around its last layers."""
    network = louder(Compact(3, 4, 2))
    low = photo(6, 7) / 127.5 - 1
    x = start = network.head(low)
    *blocks, last = network.body
    for block in blocks:
        x = x + block.change(x)
    detail = network.tail(start + last(x))
    smooth = nn.functional.interpolate(low, scale_factor=3, mode="bilinear")
    high = smooth + detail
    torch.testing.assert_close(network(low), high + network.fine(high))


def test_the_last_layers_of_the_lean_generator_see_the_enlarged_picture():
    """A grid that PixelShuffle leaves can only be removed by a layer with neighbours at full
    size.
    """
    network, seen = Compact(4, 4, 1), []
    for layer in convolutions(network.fine):
        layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[2:]))
    network(torch.zeros(1, 3, 5, 6))
    assert seen == [(20, 24)] * 2


@pytest.mark.parametrize("side", [48, 92, 44])
def test_the_lean_judge_has_a_verdict_per_patch(side):
    logits = patch_judge(4)(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 1, math.ceil(side / 8), math.ceil(side / 8))


# Sizes, and tiles


@pytest.mark.parametrize("network", ["paper", "compact"])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (16, 16), (23, 40)])
def test_any_size_at_any_scale(network, scale, height, width):
    game = small(network=network, scale=scale)
    made = game.upscale(photo(height, width))
    assert made.shape == (1, 3, scale * height, scale * width)
    assert made.dtype == torch.float32 and made.abs().max() <= 1


def seen_around(network: nn.Module, scale: int, side: int) -> int:
    """How many pixels of the small picture to each side the outputs of the middle one see."""
    low = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2
    at = slice(scale * middle, scale * (middle + 1))
    network.double()(low)[:, :, at, at].abs().sum().backward()
    rows, columns = low.grad[0].abs().sum(0).nonzero().unbind(1)
    places = torch.cat([rows, columns])
    return max(middle - places.min().item(), places.max().item() - middle)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("network", "blocks"), [("paper", 2), ("compact", 3), ("compact", 1)])
def test_reach_bounds_what_an_output_sees(network, blocks, scale):
    game = small(network=network, scale=scale, blocks=blocks)
    side = 2 * game.reach + 9
    found = seen_around(louder(game.generator).eval(), scale, side)
    assert found <= game.reach <= found + 6
    assert found < side // 2, "the probe saw to its own border"


@pytest.mark.parametrize("network", ["paper", "compact"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiles_give_the_untiled_picture(network, scale):
    game = small(network=network, scale=scale, blocks=2)
    louder(game.generator).eval()
    low = photo(61, 93)[0] / 127.5 - 1
    with torch.no_grad():
        whole = game.generator(low[None])[0]
        tiled = in_tiles(game.generator, low, 2 * game.reach + 10, game.reach)
        seams = in_tiles(game.generator, low, 2 * game.reach + 10, 1)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=1e-5)
    assert (seams - whole).abs().max() > 1e-3


def test_upscale_cuts_large_pictures_into_tiles():
    game, seen = small(), []
    louder(game.generator)
    game.generator.register_forward_pre_hook(
        lambda module, inputs: seen.append(tuple(inputs[0].shape))
    )
    low = photo(20, 310)
    made = game.upscale(low)
    assert len(seen) > 1 and max(shape[3] for shape in seen) < 310
    with torch.no_grad():
        whole = game.generator.eval()(low / 127.5 - 1).clamp(-1, 1)
    torch.testing.assert_close(made, whole, atol=1e-5, rtol=1e-5)


# What is shown, and what a camera saw


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_crop_shrinks_to_what_the_whole_photo_shrinks_to(scale):
    """What the border is for: a camera sees beyond the crop's edge."""
    whole = bundled("test").photo(1) / 127.5 - 1
    height, width = (side // scale * scale for side in whole.shape[1:])
    whole = whole[None, :, :height, :width]
    seen = bicubic.shrink(whole, scale).clamp(-1, 1)
    game = small(scale=scale)
    side, border = game.config.options["side"], 2
    assert side == SIDES[scale] + 2 * border * scale
    for top, left in ((0, 0), (10 * scale, 23 * scale), (height - side, width - side)):
        crop = whole[:, :, top : top + side, left : left + side]
        made = game.halve(crop)
        n = SIDES[scale] // scale
        y, x = top // scale + border, left // scale + border
        expected = (seen[:, :, y : y + n, x : x + n] * 127.5 + 127.5).round()
        found = made["low"] * 127.5 + 127.5
        # A level may fall to either side of a half; nothing else differs.
        assert (found - expected).abs().max() < 1.001
        assert ((found - expected).abs() > 0.5).float().mean() < 0.01
        inner = slice(border * scale, -border * scale)
        assert torch.equal(made["image"], crop[:, :, inner, inner])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_border_of_one_pixel_would_not_do(scale):
    whole = crops(1, scale, side=40 * scale)[0] / 127.5 - 1
    side = 20 * scale
    wrong = bicubic.shrink(whole[:, :side, :side], scale)
    right = bicubic.shrink(whole, scale)[:, :20, :20]
    difference = (wrong - right)[:, :-2].abs().amax((0, 1))  # of each column
    assert difference[:-2].max() < 1e-5 < difference[-2] < difference[-1]


def test_low_resolution_is_rounded_to_bytes():
    game = small()
    low = game.halve(crops() / 127.5 - 1)["low"]
    levels = (low + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-4
    assert torch.equal(to_float({"low": levels.round().byte()})["low"], low)
    white = torch.ones(1, 3, 32, 32)
    white[:, :, :, 16:] = -1  # overshoots beside the edge
    low = game.halve(white)["low"]
    assert low.min() == -1 and low.max() == 1


def test_crops_are_turned_in_all_eight_ways_alike_often():
    game, n = small(), 1600
    (crop,) = crops(1)
    batch = game.augment(to_float({"image": crop.expand(n, -1, -1, -1)}))
    seen = Counter(image.numpy().tobytes() for image in batch["image"])
    inner = (crop / 127.5 - 1)[:, 8:-8, 8:-8]
    ways = [
        turned.contiguous().numpy().tobytes()
        for k in range(4)
        for turned in (inner.rot90(k, (1, 2)), inner.flip(2).rot90(k, (1, 2)))
    ]
    assert set(seen) == set(ways) and len(ways) == 8
    assert min(seen.values()) > n / 8 * 0.7


def test_what_is_turned_is_shrunk_afterwards():
    """Otherwise the network would be asked for another picture than the one it is shown."""
    torch.manual_seed(0)
    batch = small(shape=(3, 48, 48)).augment(to_float({"image": crops(40, side=48)}))
    assert batch["image"].shape == (40, 3, 48, 48) and batch["low"].shape == (40, 3, 12, 12)
    inner = slice(2, -2)  # without the pixels that see beyond the crop
    again = bicubic.shrink(batch["image"], 4).clamp(-1, 1)[:, :, inner, inner]
    assert (again - batch["low"][:, :, inner, inner]).abs().max() < 0.5 / 127.5 + 1e-5


def test_the_turns_are_the_steps_own():
    """Drawn from the global state, which a run saves: the same state, the same turns."""
    game, batch = small(), to_float({"image": crops(8)})
    for seed, same in ((1, True), (2, False)):
        torch.manual_seed(1)
        first = game.augment(batch)["image"]
        torch.manual_seed(seed)
        assert torch.equal(game.augment(batch)["image"], first) == same


# The regression


@pytest.mark.parametrize("pixel", ["mse", "l1"])
def test_the_regression_is_the_mean_over_all_pixels(pixel):
    game = small(pixel=pixel)
    louder(game.generator)
    batch = game.augment(to_float({"image": crops()}))
    ((name, term),) = game.regression(batch).items()
    difference = (game.generator(batch["low"]) - batch["image"]).flatten()
    power = {"mse": 2, "l1": 1}[pixel]
    total = sum(abs(value) ** power for value in difference.tolist())
    assert name == pixel and term.item() == pytest.approx(total / len(difference), rel=1e-4)


def test_the_regression_has_one_player():
    game = small()
    (phase,) = game.phases()
    assert phase.name == "generator" and not hasattr(game, "discriminator")
    assert set(phase.parameters) == set(game.generator.parameters())


# The game


def grid_of(made: torch.Tensor, true: torch.Tensor, scale: int) -> float:
    """Detail by place crop by crop, lines in the batch's spectrum, and what a crop has too much."""
    made, true = made.double().numpy(), true.double().numpy()
    crops = [(a[None], b[None]) for a, b in zip(made, true, strict=True)]
    details = [np.abs(details_of(a, scale) - details_of(b, scale)).mean() for a, b in crops]
    swings = [heights_of(a, scale) - heights_of(b, scale) for a, b in crops]
    batch = np.abs(heights_of(made, scale) - heights_of(true, scale)).mean()
    return np.mean(details) + batch + np.maximum(np.array(swings) - 0.2, 0).mean()


def details_of(x: np.ndarray, scale: int) -> np.ndarray:
    side = x.shape[2]
    power = np.zeros((3, scale, scale))
    for row in range(scale, side - scale):
        for column in range(scale, side - scale):
            beside = x[:, :, row - 1, column] + x[:, :, row + 1, column]
            beside = beside + x[:, :, row, column - 1] + x[:, :, row, column + 1]
            detail = x[:, :, row, column] - beside / 4
            power[:, row % scale, column % scale] += (detail**2).sum(0)
    cells = len(x) * (side // scale - 2) ** 2
    logs = np.log(power / cells + 1e-5)
    return logs - logs.mean((1, 2), keepdims=True)


def heights_of(x: np.ndarray, scale: int) -> np.ndarray:
    side, found = x.shape[3], []
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)  # Hann's
    for rows in (x, x.swapaxes(2, 3)):
        power = np.log((np.abs(np.fft.fft(rows * window)) ** 2).mean((0, 2)) + 1e-2)
        for period in {2: (2,), 3: (3,), 4: (2, 4)}[scale]:
            at = side // period
            beside = [power[:, (at + step) % side] for step in (-3, -2, 2, 3)]
            found.append(power[:, at] - np.mean(beside, 0))
    return np.stack(found)


def texture(scale: int) -> torch.Tensor:
    side = 16 * scale
    return torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(0)) / 8


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_grid_term_is_detail_by_place_and_lines_in_the_spectrum(scale):
    made = texture(scale)
    made[:, :, ::scale, ::scale] *= 2
    true = texture(scale).flip(3)
    found = srgan.grid(made, true, scale).item()
    assert found == pytest.approx(grid_of(made, true, scale), rel=1e-3)
    assert srgan.grid(true, true, scale).item() == 0


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_grid_term_sees_a_grid_and_no_texture(scale):
    true = texture(scale)
    noise = torch.randn(true.shape, generator=torch.Generator().manual_seed(1)) / 8
    plain = srgan.grid(true + noise, true, scale)
    assert srgan.grid(true + 0.3, true, scale).item() == pytest.approx(0, abs=0.02)
    bright = true.clone()
    bright[:, :, ::scale, ::scale] += 0.25
    assert srgan.grid(bright, true, scale) > 3 * plain
    # Bright and dark in equal parts, so that the means of the places say nothing.
    dots = noise.sign() / 4
    anywhere = torch.rand(true.shape, generator=torch.Generator().manual_seed(2)) < scale**-2
    at_one_place = torch.zeros_like(true)
    at_one_place[:, :, ::scale, ::scale] = 1
    seen = srgan.grid(true + dots * at_one_place, true, scale)
    assert seen > 1.5 * srgan.grid(true + dots * anywhere, true, scale)


def test_the_grid_term_sees_a_weave_on_a_dim_crop_among_bright_ones():
    true = texture(4) * torch.tensor([0.2, 4, 4, 4]).view(-1, 1, 1, 1)
    weave = torch.zeros_like(true)
    weave[0, :, :, ::4] += 0.05
    plain = torch.randn(true.shape, generator=torch.Generator().manual_seed(1)) / 100
    assert srgan.grid(true + weave + plain, true, 4) > 2 * srgan.grid(true + plain, true, 4)


def test_what_the_generators_loss_is_made_of():
    """Each term by itself, times its weight; a weight of 0 leaves it out."""
    weights = {"content": 2.0, "adversarial": 3.0, "l1": 5.0, "consistency": 7.0, "grid": 11.0}
    game = small("srgan", **weights, loss="non-saturating")
    louder(game.generator)
    torch.manual_seed(0)
    batch = batch_of(game)
    terms = game.generator_loss(batch)
    assert set(terms) == set(weights)
    output, low = batch["output"], batch["low"]
    lite = features.load("efficientnet-lite0")
    logits = game.discriminator(batch["made"])
    expected = {
        "content": lite.distance(batch["made"], batch["true"]),
        "adversarial": torch.log1p(torch.exp(-logits)).mean(),
        "l1": (output - batch["image"]).abs().mean(),
        "consistency": (bicubic.shrink(output, 4) - low).abs().mean(),
        "grid": torch.tensor(grid_of(output.detach(), batch["image"], 4)),
    }
    for name, weight in weights.items():
        # A spectral norm goes on estimating with every look.
        assert terms[name].item() == pytest.approx(weight * expected[name].item(), rel=1e-2)
        alone = small("srgan", **only(**{name: weight}))
        assert set(alone.generator_loss(batch_of(alone))) == {name}


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic", "hinge", "least-squares"])
@pytest.mark.parametrize("network", ["paper", "compact"])
def test_every_loss_moves_both_players(loss, network):
    side = {"paper": 48, "compact": 16}[network]
    game = small(
        "srgan", loss=loss, network=network, shape=(3, side, side), **only(adversarial=1.0)
    )
    louder(game.generator)
    batch = batch_of(game, 2)
    for turn in (game.discriminator_loss, game.generator_loss):
        total = sum(turn(batch).values())
        assert total.isfinite() and total.dim() == 0
        total.backward()
    assert all(p.grad is not None for p in game.generator.parameters())


def moved_by(game: srgan.SRGAN, turn: str, batch: dict) -> set[str]:
    """The networks whose parameters a turn of the loop changes."""
    play = Play(game, accelerator("cpu", "no"), Machine(channels_last=False))
    play.turns = [each for each in play.turns if each[0].name == turn]
    assert len(play.turns) == 1
    networks = {**dict(game.named_children()), **game.borrowed}
    before = {
        (name, key): value.detach().clone()
        for name, network in networks.items()
        for key, value in network.named_parameters()
    }
    play.step(batch, 0)
    return {
        name
        for name, network in networks.items()
        for key, value in network.named_parameters()
        if not torch.equal(value, before[name, key])
    }


@pytest.mark.parametrize("turn", ["generator", "discriminator"])
@pytest.mark.parametrize("network", ["paper", "compact"])
def test_a_turn_moves_its_own_player_only(turn, network):
    side = {"paper": 48, "compact": 16}[network]
    game = small("srgan", network=network, shape=(3, side, side)).train()
    assert set(game.borrowed) == {"features"}
    assert moved_by(game, turn, {"image": crops(2, side=side)}) == {turn}


def test_made_pictures_are_data_in_the_discriminators_turn():
    game = small("srgan")
    sum(game.discriminator_loss(batch_of(game)).values()).backward()
    assert all(p.grad is None for p in game.generator.parameters())
    assert all(p.grad.abs().sum() > 0 for p in game.discriminator.parameters() if p.dim() > 1)


def test_originals_are_data_in_the_generators_turn():
    """Also where the loss pairs them: the generator must not pay for what D thinks of them."""
    game = small("srgan", loss="relativistic", **only(adversarial=1.0))
    game.discriminator.requires_grad_(False)
    batch = batch_of(game)
    batch["true"] = batch["true"].clone().requires_grad_()
    sum(game.generator_loss(batch).values()).backward()
    assert batch["true"].grad is None


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("network", ["paper", "compact"])
def test_each_term_reaches_every_weight_of_the_generator(term, network):
    side = {"paper": 48, "compact": 16}[network]
    game = small("srgan", network=network, shape=(3, side, side), **only(**{term: 1.0}))
    louder(game.generator)
    game.requires_grad_(False).generator.requires_grad_(True)
    sum(game.generator_loss(batch_of(game, 2)).values()).backward()
    for name, parameter in game.generator.named_parameters():
        if parameter.dim() > 1:
            assert parameter.grad.abs().sum() > 0, name
    for network in game.borrowed.values():
        assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_the_gradient_of_consistency_is_the_filters_transpose():
    """Each pixel pays for the small pixels that it is a part of, by its part in them."""
    game = small("srgan", **only(consistency=3.0))
    batch = batch_of(game, 2)
    output = batch["output"].detach().double().requires_grad_()
    low = batch["low"].double()
    term = game.generator_loss({**batch, "output": output, "low": low})["consistency"]
    term.backward()
    table = torch.zeros(4, 16, dtype=torch.float64)  # what each of 16 pixels gives to each of 4
    for i in range(16):
        single = torch.zeros(16, 1, dtype=torch.float64)
        single[i] = 1
        table[:, i] = bicubic.resize(single, (4, 1))[:, 0]
    sign = (table @ output.detach() @ table.T - low).sign()
    expected = 3.0 * table.T @ sign @ table / low.numel()
    torch.testing.assert_close(output.grad, expected)
    step = output.detach() - 1e-3 * output.grad / output.grad.abs().max()
    after = game.generator_loss({**batch, "output": step, "low": low})["consistency"]
    assert after < term


def test_the_original_is_consistent_but_for_the_rounding():
    game = small("srgan", shape=(3, 48, 48), **only(consistency=1.0))
    batch = batch_of(game)
    batch["output"] = batch["image"]
    term = game.generator_loss(batch)["consistency"].item()
    other = game.generator_loss({**batch, "output": batch["image"].roll(2, 3)})["consistency"]
    # Inside, a quarter of a level; at the edge of the crop its neighbours are missing.
    assert 0.2 / 127.5 < term < 0.04 and other.item() > 1.5 * term


def test_judges_look_from_another_corner_at_every_step():
    """In all four by four places of a grid of 4 px, at made and original pictures alike."""
    game = small("srgan")
    batch = game.halve(to_float({"image": crops(1)})["image"])
    corners, places = Counter(), batch["image"].unfold(2, 12, 1).unfold(3, 12, 1)
    torch.manual_seed(0)
    for _ in range(300):
        seen = game.share(batch)
        same = (places == seen["true"][:, :, None, None]).flatten(4).all(4).all(1)
        ((_, top, left),) = same.nonzero().tolist()
        at = slice(top, top + 12), slice(left, left + 12)
        assert torch.equal(seen["made"], seen["output"][:, :, at[0], at[1]])
        corners[top, left] += 1
    assert set(corners) == {(y, x) for y in range(4) for x in range(4)}
    assert min(corners.values()) > 5


def test_the_papers_judge_sees_whole_crops():
    game = small("srgan", network="paper", shape=(3, 48, 48))
    batch = batch_of(game, 2)
    assert torch.equal(batch["made"], batch["output"])
    assert torch.equal(batch["true"], batch["image"])


def test_one_run_of_the_generator_serves_both_turns():
    game, runs = small("srgan").train(), []
    game.generator.register_forward_hook(lambda module, inputs, output: runs.append(output))
    play = Play(game, accelerator("cpu", "no"), Machine(channels_last=False))
    play.step({"image": crops(2)}, 0)
    assert len(runs) == 1 and runs[0].requires_grad


def test_losses_are_compared_in_float32_under_autocast():
    """Half a grey level is .004; 16 bits have steps of .008 just below 1."""
    game = small("srgan", **only(consistency=1.0))
    with torch.autocast("cpu", torch.bfloat16):
        batch = batch_of(game)
        terms = game.generator_loss(batch)
    assert batch["output"].dtype == torch.float32
    plain = game.generator_loss(batch)
    assert terms["consistency"].item() == plain["consistency"].item()


def test_optimizers_and_schedules():
    """Section 3.2: Adam, 1e-4, .9, for both."""
    for form in FORMS:
        numbers = {"starts_from": "srresnet"} if form == "srgan" else {}
        with torch.device("meta"):
            config = Config(form=form, steps=100, **numbers)
            for phase in config.build().phases():
                group = phase.optimizer(phase.parameters).param_groups[0]
                assert (group["lr"], group["betas"]) == (1e-4, (0.9, 0.999))
                assert {phase.schedule(step)["lr"] for step in range(100)} == {1e-4}
    game = small("srgan", lr=3e-4, lr_d=2e-4, beta1=0.8, beta1_d=0.4, steps=100, anneal=0.5)
    for phase, lr, beta in zip(game.phases(), (2e-4, 3e-4), (0.4, 0.8), strict=True):
        group = phase.optimizer(phase.parameters).param_groups[0]
        assert (group["lr"], group["betas"]) == (lr, (beta, 0.999))
        rates = [phase.schedule(step)["lr"] for step in range(101)]
        assert rates[:51] == [lr] * 51 and rates[100] == 0
        assert rates[75] == pytest.approx(lr / 2) and all(a > b for a, b in pairwise(rates[50:]))


# From the regression to the game


def play(folder, form: str = "srresnet", seed: int = 0, **options):
    """Eight steps into a folder."""
    numbers = {name: options.pop(name) for name in ("starts_from", "features") if name in options}
    game = small(form, seed, ema=0.9, batch_size=2, anneal=0.5, **numbers)
    return games.play(game, {"image": crops()}, 8, folder, save_every=3, **options)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder of a run of the regression, which nobody changes."""
    folder = tmp_path_factory.mktemp("first") / "run"
    play(folder)
    return str(folder)


@pytest.fixture(scope="module")
def second(tmp_path_factory, first):
    """The folder of a run of the game that started from it, which nobody changes either."""
    folder = tmp_path_factory.mktemp("second") / "run"
    play(folder, "srgan", starts_from=first)
    return folder


def stored(folder) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoints" / "step-00000008")[0]


def test_the_game_starts_from_the_regression_and_borrows_it(first):
    game, begun_with = small("srgan", starts_from=first), models.load(first)
    lite = features.load("efficientnet-lite0")
    assert fingerprint(game.generator) == fingerprint(begun_with.generator)
    assert game.lineage() == {
        "borrowed first": fingerprint(begun_with),
        "borrowed features": fingerprint(lite),
        "starts_from": fingerprint(begun_with),
    }
    low = photo(8, 9)
    assert torch.equal(game.upscale(low), begun_with.upscale(low))
    assert game.config.borrows == {"first": first}
    assert game.config.teachers == {"features": "efficientnet-lite0"}


def test_what_needs_no_network_borrows_none(first):
    assert small().config.borrows == small().config.teachers == {}
    game = small("srgan", starts_from=first, content=0.0)
    assert game.config.teachers == {} and set(game.borrowed) == {"first"}
    game = small("srgan")
    assert game.config.borrows == {} and set(game.borrowed) == {"features"}


def test_borrowed_networks_stand_still_and_are_in_no_checkpoint(tmp_path, first):
    game = play(tmp_path, "srgan", starts_from=first).game
    for name, known in (
        ("first", models.load(first)),
        ("features", features.load("efficientnet-lite0")),
    ):
        assert fingerprint(game.borrowed[name]) == fingerprint(known)
        game.train()
        assert not any(module.training for module in game.borrowed[name].modules())
    kept = {
        name.split("/")[1].split(".")[0]
        for name in stored(tmp_path)
        if not name.startswith("random/")
    }
    assert kept == {"generator", "discriminator", "examples"}


def test_a_regression_of_another_scale_or_width_is_refused(tmp_path, first):
    for change in (
        {"width": 5},
        {"blocks": 2},
        {"scale": 2},
        {"network": "paper", "shape": (3, 48, 48)},
    ):
        with pytest.raises(CourseError, match="^starts_from=.*: its networks have other layers"):
            small("srgan", starts_from=first, **change)


def test_a_game_can_start_from_a_game(second):
    game = small("srgan", starts_from=str(second))
    assert fingerprint(game.generator) == fingerprint(models.load(second).generator)
    assert set(game.lineage()) == {"borrowed first", "borrowed features", "starts_from"}


def test_blending_is_linear_in_the_weights(first, second):
    """0 is the regression, 1 the game, and between them lies a line (Wang et al. 2018, 3.4)."""
    regression, game, low = models.load(first), models.load(second), photo(9, 8)
    ends = regression.generator.state_dict(), game.generator.state_dict()
    assert any(not torch.equal(*pair) for pair in zip(*map(dict.values, ends), strict=True))
    for blend in (0.0, 0.25, 0.7, 1.0):
        between = game.network(blend=blend).state_dict()
        for name, a in ends[0].items():
            torch.testing.assert_close(between[name], (1 - blend) * a + blend * ends[1][name])
    for blend, same in ((0.0, regression.generator), (1.0, game.generator)):
        assert fingerprint(game.network(blend=blend)) == fingerprint(same)
    shown = [with_blend(game, blend).upscale(low) for blend in (0.0, 0.5, 1.0)]
    assert torch.equal(shown[0], regression.upscale(low))
    assert not torch.equal(shown[1], shown[0]) and not torch.equal(shown[1], shown[2])


def with_blend(game: srgan.SRGAN, blend: float) -> srgan.SRGAN:
    view = game.with_networks()
    view.config = replace(game.config, blend=blend)
    return view


def test_blending_leaves_both_ends_as_they_are(second):
    game = models.load(second)
    before = fingerprint(game.generator), fingerprint(game.borrowed["first"])
    game.network(blend=0.3)
    game.upscale(photo(4, 4))
    assert (fingerprint(game.generator), fingerprint(game.borrowed["first"])) == before


def test_blending_mixes_what_batchnorm_has_seen_too(tmp_path):
    """Weights of one network with the statistics of another fit neither."""
    numbers = {"network": "paper", "shape": (3, 48, 48), "ema": 0.0, "batch_size": 2}
    data = {"image": crops(4, side=48)}
    games.play(small(**numbers), data, 2, tmp_path / "first")
    game = small("srgan", starts_from=str(tmp_path / "first"), **numbers)
    norm = next(m for m in game.generator.modules() if isinstance(m, nn.BatchNorm2d))
    start = norm.running_mean.clone()
    norm.running_mean += 1
    mixed = next(m for m in game.network(blend=0.25).modules() if isinstance(m, nn.BatchNorm2d))
    torch.testing.assert_close(mixed.running_mean, start + 0.25)


def test_a_blend_with_nothing_or_out_of_range_is_refused(second):
    alone = small("srgan")
    assert alone.network() is alone.generator and alone.network(blend=1) is alone.generator
    with pytest.raises(CourseError, match="^blend=0.5: this game started from no other"):
        alone.network(blend=0.5)
    for blend in (-0.1, 1.5, math.nan):
        with pytest.raises(CourseError, match=f"^blend={blend}: out of range; give 0"):
            models.load(second).network(blend=blend)


def test_the_averages_are_what_is_blended_and_shown(tmp_path, first):
    """A run shows what a loaded game will draw: the averaged generator, blended."""
    record = play(tmp_path, "srgan", starts_from=first)
    loaded = models.load(tmp_path)
    torch.testing.assert_close(record.game.preview(), loaded.sample())
    last = checkpoint.with_prefix(stored(tmp_path), "game")
    loaded.load_state_dict(last, strict=False)
    assert (record.game.preview() - loaded.sample()).abs().max() > 1e-4


def test_a_loaded_game_needs_no_features(second):
    game = models.load(second)
    assert set(game.borrowed) == {"first"}
    assert game.upscale(photo(5, 6)).shape == (1, 3, 20, 24)
    assert game.config.blend == Config.at("full", "srgan").blend


def test_a_changed_regression_is_refused_when_the_run_goes_on(tmp_path):
    first = tmp_path / "first"
    play(first)
    play(tmp_path / "second", "srgan", starts_from=str(first), stop_at=4)
    shutil.rmtree(first)
    play(first, seed=1)
    with pytest.raises(CourseError, match="^borrowed first: these weights are not those"):
        play(tmp_path / "second", "srgan", starts_from=str(first))


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path, first, form):
    """Turns and corners of crops, the schedule, the optimizers, the averages and the examples."""
    how = {"starts_from": first} if form == "srgan" else {}
    whole = play(tmp_path / "whole", form, **how)
    play(tmp_path / "parts", form, stop_at=5, **how)
    torch.manual_seed(123)
    parts = play(tmp_path / "parts", form, seed=99, **how)
    expected, found = stored(tmp_path / "whole"), stored(tmp_path / "parts")
    assert expected.keys() == found.keys() and "game/examples" in expected
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert torch.equal(parts.game.sample(3), whole.game.sample(3))


def test_a_run_of_photos_goes_on_bit_for_bit(tmp_path):
    photos = bundled("train").crops(32)
    ends = []
    for stops in ((None,), (3, None)):
        folder = tmp_path / str(len(stops))
        for stop_at in stops:
            games.play(small(batch_size=2, ema=0.9), photos, 8, folder, stop_at=stop_at)
        ends.append(stored(folder))
    assert [name for name in ends[0] if not torch.equal(ends[0][name], ends[1][name])] == []


# Upscaling


def test_bytes_and_floats_are_the_same_picture():
    game, low = small(), photo(8, 11)
    floats = low / 127.5 - 1
    assert torch.equal(game.upscale(low), game.upscale(floats))
    assert torch.equal(game.upscale(floats.double()), game.upscale(floats))
    assert game.upscale(floats.half()).dtype == torch.float32


def test_several_pictures_are_enlarged_each_by_itself():
    game = small(network="paper")
    several = torch.cat([photo(8, 9), photo(9, 9)[:, :, 1:]])
    made = game.upscale(several)
    torch.testing.assert_close(made[1:], game.upscale(several[1:]))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_smaller_scale_is_shrunk_from_the_networks_own(scale):
    game, low = small(), photo(7, 10)
    louder(game.generator)
    made = game.upscale(low, scale=scale)
    with torch.no_grad():
        own = game.generator.eval()(low / 127.5 - 1)
    expected = bicubic.resize(own, (scale * 7, scale * 10)).clamp(-1, 1)
    torch.testing.assert_close(made, expected)


@pytest.mark.parametrize("scale", [0, 5, -1, 2.5, "4"])
def test_a_scale_that_it_does_not_make_is_refused(scale):
    with pytest.raises(CourseError, match=f"^scale={scale!r}: this network enlarges 4 times"):
        small().upscale(photo(4, 4), scale=scale)


@pytest.mark.parametrize(
    "shape", [(3, 8, 8), (1, 1, 8, 8), (1, 4, 8, 8), (0, 3, 8, 8), (1, 3, 0, 8)]
)
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(CourseError, match=r"give \(N, 3, H, W\), uint8 or floats"):
        small().upscale(torch.zeros(shape))


def test_numbers_far_from_minus_1_to_1_are_refused():
    with pytest.raises(CourseError, match="float32, from .* to 255; give uint8"):
        small().upscale(photo(4, 4).float().clamp(min=0).index_fill(3, torch.tensor(0), 255.0))
    with pytest.raises(CourseError, match="^pictures: of type list"):
        small().upscale([[0.0]])


def test_modes_and_random_numbers_are_as_before():
    game = small(network="paper").train()
    before = {name: value.clone() for name, value in game.state_dict().items()}
    state = torch.get_rng_state()
    first = game.upscale(photo(6, 6))
    assert torch.equal(game.upscale(photo(6, 6)), first)
    assert all(module.training for module in game.modules())
    assert torch.equal(torch.get_rng_state(), state) and not first.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in game.state_dict().items())


# The kept examples


def test_sample_enlarges_the_kept_examples_in_turn():
    game = small()
    data = {"image": crops(20)}
    game.begin(data)
    low = game.halve(data["image"][[i * 20 // 16 for i in range(16)]] / 127.5 - 1)["low"]
    assert torch.equal(to_float({"low": game.examples})["low"], low)
    assert game.sample().shape == game.preview().shape == (16, 3, 16, 16)
    made = game.sample(18)
    assert torch.equal(made[16:], made[:2])
    assert torch.equal(made[:16], game.upscale(game.examples))


@pytest.mark.parametrize("n", [0, -1, 2.5, "a", True])
def test_no_number_of_samples(n):
    with pytest.raises(CourseError, match="give a whole number from 1 up"):
        small().sample(n)


def test_few_examples_are_kept_again_and_a_data_set_read_by_row_is_taken_too():
    data, game = {"image": crops(3)}, small()
    game.begin(data)
    kept = game.examples.clone()
    assert torch.equal(kept, kept[[0] * 6 + [6] * 5 + [11] * 5])
    game.examples.zero_()
    game.begin([{"image": image} for image in data["image"]])
    assert torch.equal(game.examples, kept)


def test_examples_are_of_photos_that_may_be_shown():
    """Weights travel with sixteen small pictures: not with pictures that may not be passed on."""
    kept = bundled("test").crops(32)
    secret = Photos(
        torch.zeros(3 * 40 * 40, dtype=torch.uint8), torch.tensor([[40, 40]]), 32, "secret", "full",
        "not to be passed on", shown=kept,
    )  # fmt: skip
    game, other = small(), small()
    game.begin(secret)
    other.begin(kept)
    assert torch.equal(game.examples, other.examples) and game.examples.any()
    other.begin(replace(secret, shown=None))
    assert not other.examples.any()


def test_the_examples_travel_with_the_weights():
    game, other = small(), small(seed=1)
    assert (game.examples == 255).all() and game.examples.dtype == torch.uint8
    game.begin({"image": crops()})
    other.load_state_dict(game.state_dict())
    assert torch.equal(other.sample(3), game.sample(3))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"picture": crops()}, r"learns from 'image' of this shape, and the data have \{'picture'"),
        ({"image": crops()[:, :1]}, r"the data have {'image': \(1, 32, 32\)}"),
        ({"image": crops()[:, :, :16, :16]}, r"shape=\(3, 32, 32\).*{'image': \(3, 16, 16\)}"),
        ({"image": crops() / 127.5 - 1}, "image: type torch.float32; give pictures as uint8"),
    ],
)
def test_data_that_it_cannot_learn_from(data, words):
    with pytest.raises(CourseError, match=words):
        small().begin(data)


# Config


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_every_scale(scale, form):
    config, largest = Config.at(scale, form), Config.at("gpu", form)
    assert config.form == form and config.options == {"side": config.shape[1] + 16}
    assert config.steps <= largest.steps and config.width <= largest.width
    with torch.device("meta"):
        game = config.build()
        assert type(game) is {"srresnet": srgan.SRResNet, "srgan": srgan.SRGAN}[form]
        side = config.shape[1]
        low = torch.zeros(2, 3, side // 4, side // 4)
        assert game.generator(low).shape == (2, 3, side, side)


def test_the_game_goes_on_with_the_networks_of_the_regression():
    """What the published game starts from must fit it."""
    regression, game = (Config.at("full", form) for form in FORMS)
    shared = ("network", "width", "blocks", "scale")
    assert [getattr(regression, name) for name in shared] == [
        getattr(game, name) for name in shared
    ]
    assert game.starts_from == "srresnet"


def test_the_scale_of_a_run_and_that_of_the_network_are_two_settings():
    config = Config.read("check", ["scale=2", "form=srgan"])
    assert config.scale == 2 and config.steps == Config.at("check", "srgan").steps


def test_the_defaults_are_the_papers():
    """Section 3.2."""
    config = Config(form="srgan")
    assert (config.shape, config.batch_size, config.scale) == ((3, 96, 96), 16, 4)
    assert (config.network, config.width, config.blocks) == ("paper", 64, 16)
    assert (config.features, config.content, config.adversarial) == ("vgg54", 1.0, 1e-3)
    assert (config.l1, config.consistency, config.loss) == (0.0, 0.0, "non-saturating")
    assert (config.lr, config.lr_d, config.beta1, config.beta1_d) == (1e-4, 1e-4, 0.9, 0.9)
    assert (config.blend, config.ema, config.anneal) == (1.0, 0.0, 0.0)
    assert (Config().form, Config().pixel, Config().steps) == ("srresnet", "mse", 1_000_000)
    assert Config.at("gpu") == Config()
    game = {"steps": 200_000, "anneal": 0.5, "starts_from": "srresnet-gpu"}
    assert Config.at("gpu", "srgan") == replace(config, **game)


GAME = {"form": "srgan", "network": "compact"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": "gan"}, "^form='gan': not known; choose one of: srresnet, srgan"),
        ({"scale": 5}, "^scale=5: not known; choose one of: 2, 3, 4"),
        ({"scale": 2.0}, "^scale=2.0: not a whole number"),
        ({"network": "edsr"}, "^network='edsr': not known; choose one of: paper, compact"),
        ({"width": 0}, "^width=0: out of range"),
        ({"blocks": 0}, "^blocks=0: out of range"),
        ({"pixel": "l2"}, "^pixel='l2': not known; choose one of: mse, l1"),
        ({"lr": 0.0}, "^lr=0.0: out of range"),
        ({"lr": math.nan}, "^lr=nan"),
        ({"beta1": 1.0}, "^beta1=1.0: out of range"),
        ({"anneal": 1.5}, "^anneal=1.5: out of range; give 0 or more and at most 1"),
        ({"shape": (1, 96, 96)}, r"^shape=\(1, 96, 96\): not \(3, side, side\)"),
        ({"shape": (3, 96, 48)}, "a side that is a multiple of 4 px"),
        ({"shape": (3, 98, 98)}, "a side that is a multiple of 4 px"),
        ({"shape": (3, 96)}, "2 numbers; form='srresnet' has 3"),
        ({"shape": (3, 16, 16), "scale": 3}, "a side that is a multiple of 3 px"),
        ({**GAME, "network": "paper", "shape": (3, 88, 88)}, "a multiple of 48 px, 48 or more"),
        ({**GAME, "shape": (3, 33, 33), "scale": 3}, "a multiple of 6 px"),
        ({**GAME, "shape": (3, 4, 4)}, "a multiple of 4 px, 6 or more"),
        ({**GAME, "features": "efficientnet-lite2"}, "^features='efficientnet-lite2': not known"),
        ({**GAME, "loss": "log"}, "^loss='log': not known"),
        ({**GAME, "content": -1.0}, "^content=-1.0: out of range"),
        ({**GAME, "blend": 1.1}, "^blend=1.1: out of range; give 0 or more and at most 1"),
        ({**GAME, "lr_d": 0.0}, "^lr_d=0.0: out of range"),
        ({**GAME, "beta1_d": -0.1}, "^beta1_d=-0.1: out of range"),
        ({**GAME, "pixel": "l1"}, "^pixel='l1': form='srgan' does not use it"),
        ({**GAME, **only()}, "grid=0: nothing is left to learn from; give one of them a weight"),
        *(
            ({name: value}, f"^{name}=.*: form='srresnet' does not use it; .*form=srgan")
            for name, value in {
                "features": "vgg22", "content": 2.0, "adversarial": 1.0, "l1": 1.0, "blend": 0.5,
                "consistency": 1.0, "loss": "hinge", "lr_d": 1e-3, "beta1_d": 0.5,
            }.items()
        ),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be(change, words):
    with pytest.raises(CourseError, match=words):
        Config(**change)


@pytest.mark.parametrize(("scale", "sides"), [(2, (6, 8, 50)), (3, (6, 12, 48)), (4, (8, 16))])
def test_every_side_that_is_allowed_can_be_judged(scale, sides):
    for side in sides:
        game = small("srgan", scale=scale, shape=(3, side, side))
        batch = batch_of(game, 2)
        for turn in (game.discriminator_loss, game.generator_loss):
            assert sum(turn(batch).values()).isfinite()


def test_without_the_game_there_is_no_discriminator():
    game = small("srgan", adversarial=0.0)
    assert [phase.name for phase in game.phases()] == ["generator"]
    assert "discriminator" not in dict(game.named_children())
    assert "adversarial" not in game.generator_loss(batch_of(game))
