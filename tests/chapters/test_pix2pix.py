from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout, leaky_relu, pad, relu

from gancourse.chapters import pix2pix
from gancourse.chapters.pix2pix import (
    Config,
    UNet,
    jitter,
    patch_discriminator,
    receptive_field,
)
from gancourse.files import CourseError
from gancourse.layers import Noise
from gancourse.training import Machine, checkpoint
from gancourse.training.hardware import accelerator
from gancourse.training.loop import Play
from tests import games

SIDE = 32
NORMED = (nn.BatchNorm2d, nn.GroupNorm)


def small(seed: int = 0, **changes) -> pix2pix.Pix2Pix:
    torch.manual_seed(seed)
    return Config.at("check", **{"width": 2, "shape": (3, SIDE, SIDE), **changes}).build()


def pairs(n: int = 4, inputs: int = 1, side: int = SIDE, seed: int = 3) -> dict[str, torch.Tensor]:
    dice = torch.Generator().manual_seed(seed)
    shapes = {"input": (n, inputs, side, side), "target": (n, 3, side, side)}
    return {
        name: torch.randint(0, 256, shape, dtype=torch.uint8, generator=dice)
        for name, shape in shapes.items()
    }


def batch_of(n: int = 4, **options) -> dict[str, torch.Tensor]:
    return {name: value / 127.5 - 1 for name, value in pairs(n, **options).items()}


def line_art(n: int = 2, height: int = SIDE, width: int = SIDE, seed: int = 5) -> torch.Tensor:
    return torch.randint(
        0,
        256,
        (n, 1, height, width),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(seed),
    )


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolutions(network: nn.Module) -> list[nn.Module]:
    return [
        module
        for module in network.modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
    ]


# The generator

C64_ON = [64, 128, 256, 512, 512, 512, 512, 512]  # appendix 6.1.1, encoder


def test_parameter_counts_of_the_papers_networks():
    game = Config().build()
    kernel = 4 * 4
    # C64 and the bottleneck have a bias and no BatchNorm, all between two numbers a channel of
    # BatchNorm and no bias.
    encoder = (
        sum(a * b * kernel for a, b in pairwise([3, *C64_ON])) + 64 + 2 * sum(C64_ON[1:-1]) + 512
    )
    taken, given = (
        [512, 1024, 1024, 1024, 1024, 512, 256, 128],
        [512, 512, 512, 512, 256, 128, 64, 3],
    )
    decoder = (
        sum(a * b * kernel for a, b in zip(taken, given, strict=True)) + 2 * sum(given[:-1]) + 3
    )
    assert count(game.generator.down) == encoder and count(game.generator.up) == decoder
    assert count(game.generator) == encoder + decoder == 54_414_531
    layers = [6, 64, 128, 256, 512, 1]
    weights = sum(a * b * kernel for a, b in pairwise(layers))
    assert count(game.discriminator) == weights + 64 + 2 * (128 + 256 + 512) + 1 == 2_768_705


def test_the_papers_channels():
    """Appendix 6.1.1 names the U-Net's decoder by what its blocks take, and the plain one's by what
    they give.
    """
    for form in Config.FORMS:
        with torch.device("meta"):
            network = UNet(3, 3, 256, 64, 0.5, "batch", skips=form == "unet")
        down, up = (convolutions(part) for part in (network.down, network.up))
        assert [layer.out_channels for layer in down] == C64_ON
        if form == "unet":
            assert [layer.in_channels for layer in up] == [
                512,
                1024,
                1024,
                1024,
                1024,
                512,
                256,
                128,
            ]
        assert [layer.out_channels for layer in up] == [512, 512, 512, 512, 256, 128, 64, 3]
        for layer in [*down, *up]:
            assert (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (2, 2), (1, 1))


@pytest.mark.parametrize("side", [32, 64, 128, 256])
def test_the_bottleneck_is_one_pixel_at_every_size(side):
    network, seen = UNet(1, 3, side, 2, 0.5, "running").eval(), []
    network.down[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    with torch.no_grad():
        assert network(torch.zeros(1, 1, side, side)).shape == (1, 3, side, side)
    assert seen == [(1, 16, 1, 1)]


@pytest.mark.parametrize("norm", pix2pix.NORMS)
def test_which_layers_have_norm_and_noise(norm):
    with torch.device("meta"):
        network = UNet(3, 3, 256, 2, 0.5, norm)
        judge = patch_discriminator(6, 70, 2, norm)
    kinds = [
        [any(isinstance(m, NORMED) for m in block.modules()) for block in part]
        for part in (network.down, network.up)
    ]
    assert kinds == [[False] + [True] * 6 + [False], [True] * 7 + [False]]
    noisy = [
        [any(isinstance(m, Noise) for m in block.modules()) for block in part]
        for part in (network.down, network.up)
    ]
    assert noisy == [[False] * 8, [True] * 3 + [False] * 5]
    assert not any(isinstance(module, nn.Dropout) for module in network.modules())
    at = [i for i, layer in enumerate(judge) if isinstance(layer, NORMED)]
    assert [type(judge[i - 1]) for i in at] == [nn.Conv2d] * 3 and len(convolutions(judge)) == 5
    assert not isinstance(judge[1], NORMED) and isinstance(judge[-2], nn.Conv2d)
    kept = [
        getattr(m, "running_mean", None) is not None
        for m in [*network.modules(), *judge]
        if isinstance(m, NORMED)
    ]
    assert kept == [norm == "running"] * len(kept)


def test_the_instance_norm_is_pytorchs_own():
    """A group a channel is the same function with the same parameters, and on a CPU the faster
    kernel.
    """
    ours, theirs = pix2pix.NORMS["instance"](5), nn.InstanceNorm2d(5, affine=True)
    weights = {name: torch.randn(5) for name in ("weight", "bias")}
    x = torch.randn(3, 5, 4, 6) * 3 + 1
    for layer in (ours, theirs):
        layer.load_state_dict(weights)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5) and ours.eps == theirs.eps
    assert {norm: small(norm=norm).contiguous_on for norm in pix2pix.NORMS} == {
        "batch": (), "running": (), "instance": ("cpu",),
    }  # fmt: skip


def test_slopes():
    game = small()
    leaky = [m.negative_slope for m in game.modules() if isinstance(m, nn.LeakyReLU)]
    assert leaky == [0.2] * (len(game.generator.down) + len(convolutions(game.discriminator)) - 1)
    assert [type(block[0]) for block in game.generator.up] == [nn.ReLU] * len(game.generator.up)
    assert isinstance(game.generator.up[-1][-1], nn.Tanh)


@pytest.mark.parametrize("norm", pix2pix.NORMS)
def test_first_weights(norm):
    game = small(width=16, norm=norm)
    kernels = torch.cat([layer.weight.flatten() for layer in convolutions(game)])
    assert abs(kernels.mean()) < 1e-3 and kernels.std().item() == pytest.approx(0.02, rel=0.01)
    biases = [layer.bias for layer in convolutions(game) if layer.bias is not None]
    assert len(biases) == 5 and not any(bias.any() for bias in biases)
    norms = [module for module in game.modules() if isinstance(module, NORMED)]
    gains = torch.cat([module.weight for module in norms])
    assert gains.mean().item() == pytest.approx(
        1, abs=0.005
    ) and gains.std().item() == pytest.approx(0.02, rel=0.15)
    assert not any(module.bias.any() for module in norms)


@pytest.mark.parametrize("norm", pix2pix.NORMS)
@pytest.mark.parametrize("form", Config.FORMS)
def test_it_computes_what_the_authors_code_computes(form, norm):
    """Their models.lua joins a map before its LeakyReLU; the ReLU that follows makes that the
    same.
    """
    network = small(form=form, norm=norm).generator
    with torch.no_grad():  # larger than at first, so that no path is lost in rounding
        for parameter in network.parameters():
            parameter.normal_(0, 0.3)
    x = batch_of(3)["input"]
    e = []
    for i, block in enumerate(network.down):
        conv, *norms = [module for module in block if not isinstance(module, nn.LeakyReLU)]
        h = conv(leaky_relu(e[-1], 0.2) if i else x)
        e.append(norms[0](h) if norms else h)
    d = e[-1]
    torch.manual_seed(1)
    for i, block in enumerate(network.up):
        if form == "unet" and i:
            d = torch.cat([d, e[-1 - i]], 1)
        d = block[1](relu(d))
        if i < len(network.up) - 1:
            d = block[2](d)
        if i < 3:
            d = dropout(d, 0.5, training=True)
    torch.manual_seed(1)
    assert torch.allclose(network(x), torch.tanh(d), atol=1e-5)


def test_without_skips_everything_passes_the_bottleneck():
    """With the bottleneck held still, the plain decoder draws one picture whatever it is shown; the
    U-Net sees past it.
    """
    x = batch_of(2)["input"]
    for form in Config.FORMS:
        game = small(form=form, norm="instance", noise=0.0)
        game.generator.down[-1].register_forward_hook(
            lambda module, inputs, output: torch.ones_like(output)
        )
        first, second = game.generator(x)
        assert torch.equal(first, second) == (form == "encoder-decoder")


def test_every_skip_carries_something():
    game = small(norm="running", noise=0.0).eval()
    with torch.no_grad():
        for parameter in game.generator.parameters():
            parameter.normal_(0, 0.3)
    x, plain = batch_of(1)["input"], None
    for muted in [None, *range(len(game.generator.down) - 1)]:
        hook = None
        if muted is not None:  # the encoder itself goes on with the map: only the decoder misses it
            kept = {}
            block, below = game.generator.down[muted], game.generator.down[muted + 1]
            hook = [
                block.register_forward_hook(
                    lambda module, inputs, output, kept=kept: (kept.update(map=output), 0 * output)[
                        1
                    ]
                ),
                below.register_forward_pre_hook(lambda module, inputs, kept=kept: (kept["map"],)),
            ]
        y = game.generator(x)
        plain = y if plain is None else plain
        assert torch.equal(y, plain) == (muted is None)
        for each in hook or []:
            each.remove()


# The discriminator


@pytest.mark.parametrize("patch", pix2pix.PATCHES)
def test_receptive_fields(patch):
    assert list(pix2pix.PATCHES) == [1, 16, 34, 70, 142, 286]
    assert (
        receptive_field(patch_discriminator(2, patch, 2, "running"), 2, side=max(64, 2 * patch))
        == patch
    )


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_probe_of_the_receptive_field_is_not_fooled_by_the_norm(norm):
    """Statistics of the whole map reach every logit, and are not what is asked for."""
    assert receptive_field(patch_discriminator(2, 16, 2, norm), 2, side=64) == 16


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.Conv2d(1, 1, 1)], 1),
        ([nn.Conv2d(1, 1, 3, padding=1)] * 3, 7),
        ([nn.Conv2d(1, 2, 5, 2), nn.Conv2d(2, 1, 3)], 9),
        ([nn.Conv2d(1, 1, 3, padding=2, dilation=2)], 5),
    ],
)
def test_the_probe_is_right_on_networks_whose_field_is_known(layers, expected):
    assert receptive_field(nn.Sequential(*layers, nn.Flatten(1, 2)), 1, side=33) == expected


def test_the_probe_leaves_no_trace():
    network = patch_discriminator(2, 16, 2, "running").train()
    state = torch.get_rng_state()
    receptive_field(network, 2, side=64)
    assert network.training and all(module.training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("patch", "channels"),
    [
        (1, [64, 128, 1]),
        (16, [64, 128, 1]),
        (34, [64, 128, 256, 1]),
        (70, [64, 128, 256, 512, 1]),
        (142, [64, 128, 256, 512, 512, 1]),
        (286, [64, 128, 256, 512, 512, 512, 1]),
    ],
)
def test_the_papers_discriminators(patch, channels):
    """Appendix 6.1.2, which lists 1, 16, 70 and 286 px."""
    with torch.device("meta"):
        layers = convolutions(patch_discriminator(6, patch, 64, "batch"))
    assert [layer.out_channels for layer in layers] == channels
    halve = len(channels) - 2 if patch > 1 else 0
    assert [layer.stride for layer in layers] == [(2, 2)] * halve + [(1, 1)] * (len(layers) - halve)
    assert {layer.kernel_size for layer in layers} == {(4, 4) if patch > 1 else (1, 1)}


def test_a_logit_a_patch():
    """At 256 px and 70 px patches 30 x 30, as in the authors' code; of single pixels one each."""
    with torch.device("meta"):
        assert patch_discriminator(6, 70, 2, "batch")(torch.zeros(2, 6, 256, 256)).shape == (
            2,
            30,
            30,
        )
        assert patch_discriminator(6, 1, 2, "batch")(torch.zeros(2, 6, 32, 32)).shape == (2, 32, 32)
        assert patch_discriminator(6, 286, 2, "batch")(torch.zeros(2, 6, 256, 256)).shape == (
            2,
            6,
            6,
        )


def seen_by(game: pix2pix.Pix2Pix) -> list[torch.Tensor]:
    seen = []
    game.discriminator.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach())
    )
    return seen


@pytest.mark.parametrize("conditional", [True, False])
def test_the_discriminator_sees_pairs(conditional):
    game = small(conditional=conditional, inputs=2).train()
    batch, seen = game.share(batch_of(inputs=2)), seen_by(game)
    game.discriminator_loss(batch)
    game.generator_loss(batch)
    beside = [batch["input"]] if conditional else []
    expected = [
        torch.cat([*beside, picture], 1)
        for picture in (batch["target"], batch["output"], batch["output"])
    ]
    assert len(seen) == 3 and all(map(torch.equal, seen, expected))


# The two turns


def test_one_run_of_the_generator_serves_both_turns():
    """As in the authors' code. It is recorded, for G's turn, and D's turn takes it as data."""
    game, runs = small().train(), []
    game.generator.register_forward_hook(lambda module, inputs, output: runs.append(output))
    play = Play(game, accelerator("cpu", "no"), Machine(channels_last=False))
    before = {name: value.clone() for name, value in game.state_dict().items()}
    play.step(batch_of(), 0)
    assert len(runs) == 1 and runs[0].requires_grad
    moved = {
        name.partition(".")[0]
        for name, value in game.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"generator", "discriminator"}


def at_chance(game: pix2pix.Pix2Pix) -> pix2pix.Pix2Pix:
    last = convolutions(game.discriminator)[-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return game


def test_losses_at_chance():
    """D's objective is halved (section 3.3): a discriminator that knows nothing pays ln 2, not 2 ln
    2. G's is not.
    """
    game = at_chance(small())
    batch = game.share(batch_of())
    discriminator, generator = game.discriminator_loss(batch), game.generator_loss(batch)
    assert {name: term.item() for name, term in discriminator.items()} == pytest.approx(
        {"real": math.log(2) / 2, "fake": math.log(2) / 2}
    )
    assert generator["fake"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("loss", pix2pix.UNPAIRED)
def test_the_discriminators_objective_is_halved_whatever_the_loss(loss):
    game = small(loss=loss, noise=0.0)
    batch = game.share(batch_of())
    terms = game.discriminator_loss(batch)
    with torch.no_grad():
        rule = game.rules.discriminator(
            game.judge(batch["target"], batch), game.judge(game.generator(batch["input"]), batch)
        )
    assert {name: 2 * term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in rule.items()}
    )


def test_l1_is_the_mean_over_all_pixels_times_its_weight():
    batch = batch_of()
    for weight in (100.0, 10.0):
        game = small(l1=weight, noise=0.0)
        expected = weight * (batch["target"] - game.generator(batch["input"])).abs().mean()
        assert game.generator_loss(game.share(batch))["l1"].item() == pytest.approx(
            expected.item(), rel=1e-5
        )


def test_the_weight_of_the_game():
    games = [small(adversarial=weight, noise=0.0) for weight in (1.0, 3.0)]
    terms = [game.generator_loss(game.share(batch_of())) for game in games]
    assert terms[1]["fake"].item() == pytest.approx(3 * terms[0]["fake"].item(), rel=1e-5)
    assert terms[1]["l1"].item() == pytest.approx(terms[0]["l1"].item(), rel=1e-5)


def test_a_turn_moves_its_own_player_only():
    game = small().train()
    discriminator, generator = game.phases()
    assert (discriminator.name, generator.name) == ("discriminator", "generator")
    assert set(discriminator.parameters) == set(game.discriminator.parameters())
    assert set(generator.parameters) == set(game.generator.parameters())
    sum(game.discriminator_loss(game.share(batch_of())).values()).backward()
    assert all(p.grad is None for p in game.generator.parameters()), "fakes are data in this turn"
    assert all(p.grad.abs().sum() > 0 for p in game.discriminator.parameters() if p.dim() > 1)
    game.zero_grad(set_to_none=True)
    game.requires_grad_(False)
    game.generator.requires_grad_(True)
    sum(game.generator_loss(game.share(batch_of())).values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in game.generator.parameters() if p.dim() > 1)
    assert all(p.grad is None for p in game.discriminator.parameters())


def test_the_game_pays_the_generator_through_the_picture():
    game = small(l1=0.0).train()
    terms = game.generator_loss(game.share(batch_of()))
    assert set(terms) == {"fake"}
    terms["fake"].backward()
    assert game.generator.up[-1][1].weight.grad.abs().sum() > 0


def test_without_a_game_there_is_no_discriminator():
    game = small(adversarial=0.0)
    assert not hasattr(game, "discriminator")
    (phase,) = game.phases()
    assert phase.name == "generator" and set(game.generator_loss(game.share(batch_of()))) == {"l1"}
    assert game.translate(line_art()).shape == (2, 3, SIDE, SIDE)


def test_both_optimizers_and_their_schedule():
    """Section 3.3: Adam with 2e-4, .5 and .999; and the schedule of the authors' code."""
    config = Config(steps=100, width=2)
    for phase in config.build().phases():
        group = phase.optimizer(phase.parameters).param_groups[0]
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))
        rates = [phase.schedule(step)["lr"] for step in range(101)]
        assert rates[:51] == [2e-4] * 51
        assert (
            rates[75] == pytest.approx(1e-4)
            and rates[99] == pytest.approx(2e-4 / 50)
            and rates[100] == 0
        )
        assert all(a > b for a, b in pairwise(rates[50:]))


# Jitter


def coordinates(n: int, side: int = SIDE) -> dict[str, torch.Tensor]:
    """Pairs whose input says where a pixel was, x, and whose target says x, y and which pair."""
    x = torch.arange(float(side)).expand(n, 1, side, side)
    number = torch.arange(float(n)).view(n, 1, 1, 1).expand_as(x)
    return {"input": x, "target": torch.cat([x, x.transpose(2, 3), number], 1)}


def test_jitter_treats_both_pictures_of_a_pair_alike():
    game = small(enlarge=8, flip=True)
    batch = game.augment(coordinates(64))
    assert torch.equal(batch["input"][:, 0], batch["target"][:, 0])
    assert torch.allclose(batch["target"][:, 2, 0, 0], torch.arange(64.0)), (
        "pairs stay in their order"
    )
    assert {name: value.shape for name, value in batch.items()} == {
        "input": (64, 1, SIDE, SIDE),
        "target": (64, 3, SIDE, SIDE),
    }


def test_without_jitter_pictures_stay_and_so_do_other_tensors():
    batch = small(enlarge=0, flip=False).augment({**batch_of(), "concept": torch.arange(4)})
    assert torch.equal(batch["concept"], torch.arange(4))
    for name, picture in batch_of().items():
        assert torch.equal(batch[name], picture)


def test_jitter_enlarges_and_cuts_every_square():
    n, side, enlarge = 600, 16, 4
    x, y, _ = jitter(coordinates(n, side)["target"], enlarge, flip=False).unbind(1)
    assert torch.allclose(x[:, 8, 9] - x[:, 8, 8], torch.tensor(side / (side + enlarge))), (
        "the picture was not enlarged"
    )
    corners = torch.stack([y[:, 0, 0], x[:, 0, 0]], 1)
    squares, counts = corners.mul(1e3).round().unique(dim=0, return_counts=True)
    assert len(squares) == (enlarge + 1) ** 2 and counts.min() > n / 25 / 3, (
        "the last row and column belong to it too"
    )


def test_jitter_mirrors_half_of_the_pairs_and_never_upside_down():
    x, y, _ = jitter(coordinates(400, 8)["target"], 0, flip=True).unbind(1)
    mirrored = x[:, 0, 0] > x[:, 0, -1]
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert torch.equal(x[mirrored], x[~mirrored][:1].flip(2).expand_as(x[mirrored]))
    assert (y[:, 0] < y[:, -1]).all()


def test_jitter_may_be_left_out():
    picture = torch.rand(3, 4, 8, 8)
    assert torch.equal(jitter(picture, 0, flip=False), picture)
    picture = jitter(coordinates(50, 8)["target"], 3, flip=False)
    assert (picture[:, 0, :, 0] < picture[:, 0, :, -1]).all()


# Translating


@pytest.mark.parametrize("height, width", [(SIDE, SIDE), (1, 1), (20, 33), (45, 70), (64, 32)])
def test_any_size(height, width):
    y = small().translate(line_art(2, height, width))
    assert y.shape == (2, 3, height, width) and y.dtype == torch.float32 and y.abs().max() <= 1


def test_other_sizes_are_padded_with_their_edge_and_cut_back():
    game, x = small(), line_art(2, 40, 33)
    whole = game.translate(pad(x / 127.5 - 1, (0, 31, 0, 24), mode="replicate"), seed=4)
    assert whole.shape == (2, 3, 64, 64)
    assert torch.equal(game.translate(x, seed=4), whole[:, :, :40, :33])


def test_a_multiple_of_the_networks_side_is_given_as_it_is():
    game, x = small(), line_art(2, 2 * SIDE, SIDE) / 127.5 - 1
    seen = []
    game.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    y = game.translate(x, noise=False)
    assert torch.equal(seen[0], x)
    for module in game.modules():
        if isinstance(module, Noise):
            module.p = 0.0
    with torch.no_grad():
        assert torch.allclose(y, game.generator(x), atol=1e-6)


def test_bytes_and_floats_are_the_same_picture():
    game, x = small(), line_art()
    assert torch.equal(game.translate(x), game.translate(x / 127.5 - 1))


@pytest.mark.parametrize("norm", pix2pix.NORMS)
def test_the_seed_is_the_noise(norm):
    game, x = small(norm=norm).train(), line_art()
    state = torch.get_rng_state()
    first = game.translate(x, seed=1)
    assert torch.equal(game.translate(x, seed=1), first)
    assert not torch.equal(game.translate(x, seed=2), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in game.modules())
    assert not first.requires_grad and not any(p.grad is not None for p in game.parameters())


def test_modes_come_back_as_they_were():
    game = small().train()
    game.generator.up.eval()
    before = [module.training for module in game.modules()]
    game.translate(line_art())
    game.sample(2)
    assert [module.training for module in game.modules()] == before


def noises(game: pix2pix.Pix2Pix) -> list[float]:
    return [module.p for module in game.modules() if isinstance(module, Noise)]


def test_without_noise_there_is_one_answer():
    game, x = small(noise=0.4), line_art()
    assert torch.equal(
        game.translate(x, seed=1, noise=False), game.translate(x, seed=2, noise=False)
    )
    assert noises(game) == [0.4] * 3
    game.generator.up[-1].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        game.train().translate(x, noise=False)
    assert noises(game) == [0.4] * 3 and all(module.training for module in game.modules())


def test_a_game_trained_without_noise_has_one_answer_too():
    game = small(noise=0.0)
    assert torch.equal(game.translate(line_art(), seed=1), game.translate(line_art(), seed=2))


@pytest.mark.parametrize("norm", pix2pix.NORMS)
def test_a_translation_does_not_depend_on_its_neighbours(norm):
    """The batch's statistics would make it: with norm="batch" pictures go one at a time, at test as
    in the paper.
    """
    game = small(norm=norm).train()
    a, b, c = line_art(3).split(1)
    together = game.translate(torch.cat([a, b]), noise=False)
    assert torch.allclose(together[:1], game.translate(a, noise=False), atol=1e-6)
    assert torch.allclose(together[1:], game.translate(b, noise=False), atol=1e-6)
    noisy = [game.translate(torch.cat([a, other]), seed=3)[:1] for other in (b, c)]
    assert torch.allclose(*noisy, atol=1e-6)


def test_batch_statistics_stay_on_and_averages_stand_still():
    """In eval mode too: "batch" is normalised by the picture at hand, "running" by what training
    has seen.
    """
    x = line_art(1)
    batch, instance = (small(norm=norm) for norm in ("batch", "instance"))
    instance.load_state_dict(batch.state_dict())
    assert torch.allclose(
        batch.translate(x, noise=False), instance.translate(x, noise=False), atol=1e-5
    )
    running = small(norm="running").train()
    before = {name: value.clone() for name, value in running.state_dict().items()}
    running.translate(x)
    assert all(torch.equal(value, before[name]) for name, value in running.state_dict().items())


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (
            line_art().float(),
            r"float32, from .* to 255; give uint8, .* such as pictures.byte\(\) or pictures / 127.5 - 1",
        ),
        (line_art().long(), "int64, from"),
        (torch.full((1, 1, SIDE, SIDE), torch.nan), "from nan to nan"),
        (torch.full((1, 1, SIDE, SIDE), -torch.inf), "from -inf to -inf"),
    ],
)
def test_numbers_far_from_minus_1_to_1_are_not_translated(pictures, words):
    with pytest.raises(CourseError, match=words):
        small().translate(pictures)
    assert small().translate(line_art() / 127.5 * 1.2 - 1.2).isfinite().all(), (
        "resized pictures overshoot a little"
    )


@pytest.mark.parametrize("n", ["a", 2.5, 0])
def test_no_number_of_samples(n):
    with pytest.raises(CourseError, match="give a whole number from 1 up"):
        small().sample(n)


@pytest.mark.parametrize(
    "shape", [(2, 3, SIDE, SIDE), (SIDE, SIDE), (1, SIDE, SIDE), (0, 1, SIDE, SIDE), (1, 1, 0, 5)]
)
def test_pictures_that_it_cannot_translate(shape):
    with pytest.raises(CourseError, match=r"give \(N, 1, H, W\), uint8 or floats"):
        small().translate(torch.zeros(shape))


# The kept examples


def test_sample_translates_the_kept_examples_in_turn():
    game = small(noise=0.0)
    data = pairs(64)
    game.begin(data)
    assert torch.equal(game.examples, data["input"][::2])  # from all over the data
    assert game.sample().shape == (32, 3, SIDE, SIDE)
    y = game.sample(35)
    assert torch.equal(y[32:], y[:3])
    assert torch.equal(y[:32], game.translate(data["input"][::2]))


def test_samples_noise_is_its_seeds():
    game = small()
    game.begin(pairs(20))
    assert torch.equal(game.sample(3, seed=1), game.sample(3, seed=1))
    assert not torch.equal(game.sample(3, seed=1), game.sample(3, seed=2))


def test_the_preview_shows_inputs_above_their_translations():
    game = small(noise=0.0)
    game.begin(pairs(20))
    sheet = game.preview().unflatten(
        0, (4, 2, 8)
    )  # a square number, so that a run's sheet has eight columns too
    given = (game.examples / 127.5 - 1).expand(-1, 3, -1, -1).unflatten(0, (4, 8))
    made = game.sample().unflatten(0, (4, 8))
    assert torch.equal(sheet[:, 0], given) and torch.equal(sheet[:, 1], made)


@pytest.mark.parametrize("n", [0, -1])
def test_sample_of_nothing(n):
    with pytest.raises(CourseError, match="from 1 up"):
        small().sample(n)


def test_few_examples_are_kept_again_and_a_data_set_read_by_row_is_taken_too():
    data, game = pairs(3), small()
    game.begin(data)
    kept = game.examples.clone()
    assert torch.equal(kept, data["input"][[0] * 11 + [1] * 11 + [2] * 10])
    game.examples.zero_()
    game.begin([{name: value[i] for name, value in data.items()} for i in range(3)])
    assert torch.equal(game.examples, kept)


def test_inputs_that_are_no_bytes_are_refused():
    with pytest.raises(CourseError, match="uint8"):
        small().begin({name: value / 127.5 - 1 for name, value in pairs(3).items()})


def test_the_examples_travel_with_the_weights():
    game, other = small(), small(seed=1)
    assert (game.examples == 255).all() and game.examples.dtype == torch.uint8
    game.begin(pairs(20))
    other.load_state_dict(game.state_dict())
    assert torch.equal(other.examples, game.examples) and torch.equal(
        other.sample(3), game.sample(3)
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"image": torch.zeros(4, 3, SIDE, SIDE)},
            r"^shape=\(1, 32, 32\): this game learns from 'input' of this shape, and the data have \{'image'",
        ),
        ({"input": pairs()["input"]}, r"the data have {'input': \(1, 32, 32\)}"),
        (pairs(inputs=3), r"the data have {'input': \(3, 32, 32\)"),
        (pairs(side=64), r"the data have {'input': \(1, 64, 64\), 'target': \(3, 64, 64\)}"),
    ],
)
def test_data_that_it_cannot_learn_from(data, words):
    with pytest.raises(CourseError, match=words):
        small().begin(data)


# Config


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", Config.FORMS)
def test_every_form_has_every_scale(scale, form):
    config, largest = Config.at(scale, form), Config.at("gpu", form)
    assert config.form == form and config.options == {"size": config.shape[1]}
    assert config.steps <= largest.steps and config.width <= largest.width
    with torch.device("meta"):
        game = replace(config, width=2).build()
        assert (game.generator.skips, game.config.inputs) == (form == "unet", 1)
        batch = {
            "input": torch.zeros(2, 1, *config.shape[1:]),
            "target": torch.zeros(2, *config.shape),
        }
        assert game.judge(game.generator(batch["input"]), batch).dim() == 3


def test_the_defaults_are_the_papers():
    config = Config()
    assert (config.l1, config.adversarial, config.patch, config.noise) == (100.0, 1.0, 70, 0.5)
    assert (config.lr, config.beta1, config.batch_size, config.steps) == (2e-4, 0.5, 1, 200 * 400)
    assert (config.shape, config.shape[1] + config.enlarge, config.flip) == (
        (3, 256, 256),
        286,
        True,
    )
    assert (config.norm, config.conditional, config.loss, config.ema) == (
        "batch",
        True,
        "non-saturating",
        0.0,
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": "resnet"}, "form='resnet': not known; choose one of: unet, encoder-decoder"),
        (
            {"loss": "relativistic"},
            "loss='relativistic': not known; choose one of: non-saturating",
        ),
        ({"patch": 71}, "patch=71: not known; choose one of: 1, 16, 34, 70, 142, 286"),
        ({"norm": "layer"}, "norm='layer': not known; choose one of: batch, running, instance"),
        ({"inputs": 0}, "inputs=0: out of range"),
        ({"width": -1}, "width=-1"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"steps": 0}, "steps=0"),
        ({"batch_size": 0}, "batch_size=0"),
        (
            {"shape": (3, 256)},
            r"shape=\(3, 256\): 2 numbers; form='unet' has 3, as in \(3, 256, 256\)",
        ),
        ({"shape": (3, 256, 128)}, "a side of 32, 64, 128, 256 px"),
        ({"shape": (3, 96, 96)}, "a side of 32, 64, 128, 256 px"),
        ({"shape": (3, 512, 512)}, "a side of 32, 64, 128, 256 px"),
        ({"adversarial": -1.0}, "adversarial=-1.0: out of range; give 0 or more"),
        ({"l1": -1.0}, "l1=-1.0"),
        ({"l1": 0.0, "adversarial": 0.0}, "nothing is left to learn from; give one of them"),
        ({"noise": 1.0}, "noise=1.0: out of range; give 0 or more and less than 1"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"enlarge": -1}, "enlarge=-1"),
        ({"enlarge": 2.5}, "enlarge=2.5.*whole number"),
        ({"l1": float("nan")}, "l1=nan"),
        ({"adversarial": float("inf")}, "adversarial=inf"),
        ({"shape": (0, 64, 64)}, "out of range; give 1 or more"),
        ({"shape": (2, 64, 64)}, "1 or 3, side, side"),
        ({"lr": float("inf")}, "lr=inf: out of range"),
        ({"ema": 1.0}, "ema=1.0: out of range"),
        ({"beta1": -0.5}, "beta1=-0.5"),
        (
            {"shape": (3, 32, 32), "patch": 142},
            "patch=142: halves pictures of 32 px until nothing is left; give patch=70 or less",
        ),
    ],
)
def test_numbers_that_cannot_be(change, words):
    with pytest.raises(CourseError, match=words):
        Config(**change)


def test_the_largest_patch_at_every_size_is_convolved():
    with torch.device("meta"):
        for side, largest in ((32, 70), (64, 142), (128, 286), (256, 286)):
            for patch in (patch for patch in pix2pix.PATCHES if patch <= largest):
                Config(shape=(3, side, side), patch=patch, width=2)
                assert patch_discriminator(6, patch, 2, "batch")(
                    torch.zeros(2, 6, side, side)
                ).numel()


def test_a_patch_that_nobody_looks_at_may_be_any():
    assert small(adversarial=0.0, patch=286).generator is not None


# Learning


def play(folder, seed: int = 0, **options):
    game = small(seed=seed, enlarge=4, norm="running", patch=16)
    numbers = {"batch_size": 2, "ema": 0.9, "save_every": 3, "preview": lambda game: game.sample(1)}
    return games.play(game, pairs(6), 8, folder, **numbers, **options)


def stored(folder) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoints" / "step-00000008")[0]


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path):
    """Dropout, jitter, the schedule, both optimizers, the averages and the examples, past the
    middle of the run.
    """
    whole = play(tmp_path / "whole")
    play(tmp_path / "parts", stop_at=5)
    torch.manual_seed(123)
    parts = play(tmp_path / "parts", seed=99)
    expected, found = stored(tmp_path / "whole"), stored(tmp_path / "parts")
    assert expected.keys() == found.keys() and "game/examples" in expected
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert torch.equal(parts.game.sample(3), whole.game.sample(3))
    assert torch.equal(whole.game.examples, pairs(6)["input"][[i * 6 // 32 for i in range(32)]])


def test_the_loop_follows_the_schedule(monkeypatch, tmp_path):
    rates, really = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *a, **k: (rates.append(self.param_groups[0]["lr"]), really(self, *a, **k))[1],
    )
    play(tmp_path)
    assert (
        rates[::2]
        == rates[1::2]
        == pytest.approx(
            [pix2pix.CHECK["lr"] * share for share in (1, 1, 1, 1, 1, 0.75, 0.5, 0.25)]
        )
    )


def test_what_is_no_tensor_cannot_be_translated():
    with pytest.raises(CourseError, match="pictures: of type list, not a tensor"):
        small().translate([[0.0]])
