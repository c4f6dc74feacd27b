from __future__ import annotations

import math
from dataclasses import replace

import numpy
import pytest
import torch
from torch import nn

from gancourse.chapters import gan
from gancourse.chapters.gan import Config
from gancourse.files import CourseError
from gancourse.layers import Maxout
from gancourse.losses import LOSSES

SMALL = {
    "paper": {"width": 20, "latent": 6},
    "mlp": {"width": 8, "latent": 6},
    "dcgan": {"width": 2, "latent": 6, "dense": 0},
    "toy": {"width": 8, "latent": 6},
}
FORMS = tuple(SMALL)


def small(form: str, seed: int = 0, **changes) -> gan.GAN:
    torch.manual_seed(seed)
    return Config.at("check", form, **{**SMALL[form], **changes}).build()


def batch_of(game: gan.GAN, n: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {game.key: torch.rand(n, *game.config.shape, generator=generator) * 2 - 1}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def play(game: gan.GAN, name: str, **changes) -> dict[str, torch.Tensor]:
    """Differentiate one turn as the loop does: only its own player asks for a gradient."""
    game.requires_grad_(False)
    phase = next(phase for phase in game.phases() if phase.name == name)
    for parameter in phase.parameters:
        parameter.requires_grad_(True)
    terms = phase.loss(batch_of(game, **changes))
    sum(terms.values()).backward()
    return terms


# Networks and their numbers


def test_parameter_counts_of_the_64_px_dcgan():
    """Radford et al.'s public code: 3,576,704 in G (ngf 64, three channels) and 2,765,568 in D."""
    game = Config.at("gpu", "dcgan", shape=(3, 64, 64), dense=0).build()
    assert (count(game.generator), count(game.discriminator)) == (3_576_704, 2_765_568)


def test_parameter_counts_of_the_28_px_dcgan():
    """Radford et al.'s networks for MNIST: a full layer of 1024 in G and in D, no bias, 2 a channel
    for BatchNorm.
    """
    game = Config.at("gpu", "dcgan").build()
    convolutions = 128 * 64 * 16 + 64 * 1 * 16
    generator = 100 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 6272 + 2 * 64 + convolutions
    discriminator = convolutions + 2 * 128 + 6272 * 1024 + 2 * 1024 + 1024 + 1
    assert (count(game.generator), count(game.discriminator)) == (generator, discriminator)


def test_the_full_layer_is_normalised_bent_and_called():
    game = small("dcgan", dense=12).train()
    for network, inputs in (
        (game.generator, torch.randn(5, 6)),
        (game.discriminator, batch_of(game, 5)["image"]),
    ):
        kinds = [type(module).__name__ for module in network]
        place = kinds.index("Linear")
        assert kinds[place + 1].startswith("BatchNorm") and kinds[place + 2] in (
            "ReLU",
            "LeakyReLU",
        )
        assert network[place + 1].num_features == 12
        assert len(network(inputs)) == 5


def test_parameter_counts_of_the_paper():
    """100 -> 1200 -> 1200 -> 784, and maxout 240 x 5 twice -> 1, biases included."""
    game = Config().build()
    assert (
        count(game.generator)
        == (100 * 1200 + 1200) + (1200 * 1200 + 1200) + (1200 * 784 + 784)
        == 2_503_984
    )
    assert (
        count(game.discriminator)
        == (784 * 1200 + 1200) + (240 * 1200 + 1200) + (240 + 1)
        == 1_231_441
    )


def test_the_defaults_are_the_papers():
    config = Config()
    assert (config.batch_size, config.lr, config.optimizer, config.split) == (
        100,
        0.1,
        "sgd",
        "train-50000",
    )
    assert config.steps == 250 * 50_000 // 100
    game = small("paper")
    dropouts = [
        module.p for module in game.discriminator.modules() if isinstance(module, nn.Dropout)
    ]
    assert dropouts == [0.2, 0.5, 0.5]  # it keeps .8 of the input, .5 of the hidden units
    assert [
        module.pieces for module in game.discriminator.modules() if isinstance(module, Maxout)
    ] == [5, 5]
    rates = {
        "discriminator": 0.05,
        "generator": 0.1,
    }  # the authors' code halves the discriminator's objective
    for phase in game.phases():
        (group,) = phase.optimizer(phase.parameters).param_groups
        assert group["lr"] == rates[phase.name] == phase.schedule(0)["lr"]
        assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.5, False, 0)


def test_adam_has_the_numbers_of_the_config():
    for phase in small("mlp", lr=3e-4, beta1=0.25).phases():
        optimizer = phase.optimizer(phase.parameters)
        assert isinstance(optimizer, torch.optim.Adam)
        assert [phase.schedule(step) for step in (0, 299)] == [{"lr": 3e-4}] * 2
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (3e-4, (0.25, 0.999))


def test_the_papers_initial_weights_are_uniform():
    game = Config().build()
    for network, limit in ((game.generator, 0.05), (game.discriminator, 0.005)):
        for layer in (module for module in network.modules() if isinstance(module, nn.Linear)):
            assert layer.weight.abs().max() <= limit and not layer.bias.any()
            assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.15)


def test_batchnorm_has_the_default_eps_and_momentum():
    """Museum 1: `BatchNorm2d(n, 0.8)` reads as momentum and sets eps."""
    norms = [module for module in small("dcgan").modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 3, "at 28 px: two in the generator, one in the discriminator"
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}


def test_dcgan_has_batchnorm_but_at_gs_output_and_ds_input_and_no_conv_bias():
    game = small("dcgan", shape=(1, 64, 64))
    kinds = {
        name: [type(module).__name__ for module in getattr(game, name)]
        for name in ("generator", "discriminator")
    }
    assert (
        kinds["generator"][1:4] == ["Project", "BatchNorm2d", "ReLU"]
        and "ReadOut" in kinds["discriminator"]
    )
    assert kinds["generator"][-2:] == ["ConvTranspose2d", "Tanh"]
    assert kinds["discriminator"][:2] == ["Conv2d", "LeakyReLU"]
    assert (
        kinds["generator"].count("BatchNorm2d") == 4
        and kinds["discriminator"].count("BatchNorm2d") == 3
    )
    convolutions = [
        module for module in game.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    assert len(convolutions) == 10 and all(module.bias is None for module in convolutions)
    assert {
        module.negative_slope for module in game.modules() if isinstance(module, nn.LeakyReLU)
    } == {0.2}
    weights = torch.cat([module.weight.flatten() for module in convolutions])
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(
    ("side", "base", "widths"),
    [
        (28, 7, [4, 2]),
        (32, 4, [8, 4, 2]),
        (40, 5, [8, 4, 2]),
        (64, 4, [16, 8, 4, 2]),
        (96, 6, [16, 8, 4, 2]),
        (8, 4, [2]),
    ],
)
def test_dcgan_sizes(side, base, widths):
    game = small("dcgan", shape=(3, side, side))
    maps = [layer for layer in game.generator if isinstance(layer, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in maps[1:]] == widths
    assert maps[0].out_channels == widths[0] and maps[0].kernel_size == (base, base)
    assert game.sample(2).shape == (2, 3, side, side)
    assert game.discriminator(torch.randn(2, 3, side, side)).shape == (2,)


@pytest.mark.parametrize("shape", [(1, 30, 30), (1, 28, 32), (1, 4, 4), (1, 1, 1), (1, 72, 72)])
def test_dcgan_of_an_impossible_size_says_which_are_possible(shape):
    with pytest.raises(
        CourseError, match=r"^shape=.*: convolutions cannot halve it .*such as 28, 32 or 96"
    ):
        small("dcgan", shape=shape)


@pytest.mark.parametrize("form", FORMS)
def test_shapes_and_ranges(form):
    game = small(form)
    samples = game.sample(5, seed=1)
    assert samples.shape == (5, *game.config.shape) and samples.dtype == torch.float32
    assert game.key == ("point" if form == "toy" else "image")
    for player in (
        "generator",
        "discriminator",
    ):  # driven hard, each shows the range of its last layer
        getattr(game, player).apply(louder)
    logits = game.discriminator(batch_of(game)[game.key])
    assert logits.shape == (8,) and logits.abs().max() > 1, "logits, not probabilities"
    samples = game.sample(5, seed=1)
    if form == "toy":
        assert samples.abs().max() > 1, "points lie anywhere in the plane"
    else:
        assert samples.min() < -0.99 and samples.max() > 0.99 and samples.abs().max() <= 1


@torch.no_grad()
def louder(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        module.weight.mul_(300)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_every_layer_is_called(form, player):
    """Museum 13: an up-block that never calls its ReLU.

    Every leaf module runs exactly once a forward.
    """
    game = small(form)
    network, calls = getattr(game, player), []
    leaves = {
        name: module for name, module in network.named_modules() if not list(module.children())
    }
    for name, module in leaves.items():
        module.register_forward_hook(lambda module, inputs, output, name=name: calls.append(name))
    network(torch.randn(4, 6) if player == "generator" else batch_of(game)[game.key])
    assert sorted(calls) == sorted(leaves)


@pytest.mark.parametrize("form", FORMS)
def test_no_two_layers_collapse_into_one(form):
    """Museum 13 from the other side: between any two layers with weights stands something that is
    not linear.
    """
    linear = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    bends = (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)
    for network in (small(form).generator, small(form).discriminator):
        order = [m for m in network.modules() if isinstance(m, (*linear, *bends, Maxout))]
        # A Maxout is listed before the linear map inside it, and bends after it.
        kinds = "".join(
            "M" if isinstance(m, Maxout) else "b" if isinstance(m, bends) else "w" for m in order
        )
        assert "ww" not in kinds.replace("Mw", "wb"), kinds


# The game


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_turn_differentiates_its_own_player_and_no_other(form, loss):
    game = small(form, loss=loss).train()
    for player, other in (("discriminator", "generator"), ("generator", "discriminator")):
        game.zero_grad(set_to_none=True)
        terms = play(game, player)
        assert all(value.shape == () and torch.isfinite(value) for value in terms.values())
        own, others = getattr(game, player), getattr(game, other)
        assert all(parameter.grad is not None for parameter in own.parameters())
        assert sum(parameter.grad.abs().sum() for parameter in own.parameters()) > 0
        assert all(parameter.grad is None for parameter in others.parameters())


@pytest.mark.parametrize("form", FORMS)
def test_ds_turn_builds_no_graph_through_g_even_where_g_asks_for_gradients(form):
    """The waste of most public code: a second graph through G, thrown away by .detach()."""
    game, outputs = small(form).train().requires_grad_(True), []
    game.generator.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    sum(game.discriminator_loss(batch_of(game)).values()).backward()
    assert [output.requires_grad for output in outputs] == [False]
    assert all(parameter.grad is None for parameter in game.generator.parameters())


def test_real_and_fake_are_two_batches_for_batchnorm():
    """Museum 16: joined in one batch, each is normalised by the statistics of both, and D reads the
    mixture.
    """
    game, seen = small("dcgan").train(), []
    norm = next(
        module for module in game.discriminator.modules() if isinstance(module, nn.BatchNorm2d)
    )
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    play(game, "discriminator", n=6)
    assert seen == [6, 6]
    seen.clear()
    play(game, "generator", n=6)
    assert seen == [6]


def test_the_losses_take_float_logits_and_the_batch_alone():
    """Museum 12: integer targets. There are none: what a loss needs is in the logits' signs."""
    game = small("mlp").train()
    dtypes = []
    game.discriminator.register_forward_hook(
        lambda module, inputs, output: dtypes.append(output.dtype)
    )
    play(game, "discriminator")
    play(game, "generator")
    assert set(dtypes) == {torch.float32}


def test_the_turns_see_fresh_latents_every_time():
    game, seen = small("mlp").train(), []
    game.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    for player in ("discriminator", "generator") * 2:
        play(game, player)
    assert all(z.shape == (8, 6) for z in seen)
    assert len({z.sum().item() for z in seen}) == 4


def test_loss_at_chance_is_2_ln_2():
    game = small("mlp")
    nn.init.zeros_(game.discriminator[-2].weight)
    nn.init.zeros_(game.discriminator[-2].bias)
    assert sum(game.discriminator_loss(batch_of(game)).values()).item() == pytest.approx(
        2 * math.log(2)
    )
    assert game.generator_loss(batch_of(game))["fake"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("number", "term"), [("r1", "r1"), ("r2", "r2"), ("gradient_penalty", "slope")]
)
def test_a_penalty_is_a_term_of_its_own_with_its_weight(number, term):
    values = {}
    for weight in (0.0, 1.0, 10.0):
        game = small("mlp", **{number: weight}).train()
        torch.manual_seed(1)
        terms = game.discriminator_loss(batch_of(game))
        assert (term in terms) == bool(weight)
        values[weight] = terms[term].item() if weight else 0
    assert values[10.0] == pytest.approx(10 * values[1.0], rel=1e-4) and values[1.0] > 0


def test_r1_is_measured_on_real_and_r2_on_fake():
    """A discriminator whose slope is x itself: the penalty is half the mean squared length of what
    it was shown.
    """

    class Bowl(nn.Module):
        def forward(self, x):
            return x.square().sum(1) / 2

    game = small("toy", r1=1.0, r2=1.0).with_networks(discriminator=Bowl())
    fakes = []
    game.generator.register_forward_hook(lambda module, inputs, output: fakes.append(output))
    batch = {"point": torch.full((8, 2), 3.0)}
    terms = game.discriminator_loss(batch)
    assert terms["r1"].item() == pytest.approx(9)
    assert terms["r2"].item() == pytest.approx(
        (fakes[0].square().sum(1).mean() / 2).item(), rel=1e-5
    )


def test_generator_every_is_the_generators_alone():
    phases = {phase.name: phase.every for phase in small("mlp", generator_every=5).phases()}
    assert phases == {"discriminator": 1, "generator": 5}


def test_phases_cover_all_parameters_once():
    for form in FORMS:
        game = small(form)
        listed = [id(parameter) for phase in game.phases() for parameter in phase.parameters]
        assert sorted(listed) == sorted(id(parameter) for parameter in game.parameters())


@pytest.mark.parametrize("form", ["dcgan", "mlp"])
def test_annealed_rates_fall_along_a_line_at_the_end_each_from_its_own(form):
    config = gan.Config.at("check", form, width=4, steps=10, anneal=4, lr=0.1, lr_generator=0.5)
    rates = {
        phase.name: [phase.schedule(step)["lr"] for step in range(10)]
        for phase in config.build().phases()
    }
    line = [1.0] * 7 + [0.75, 0.5, 0.25]
    assert rates == {
        "discriminator": pytest.approx([0.1 * part for part in line]),
        "generator": pytest.approx([0.5 * part for part in line]),
    }


def test_the_papers_schedule():
    """lr .1 / 1.000004^t down to 1e-6; momentum .5 to .7 over 250 epochs of 500 updates, then
    constant.
    """
    for step in (0, 1, 500, 62_500, 125_000):
        expected = {
            "lr": 0.1 * math.exp(-step * math.log(1.000004)),
            "momentum": 0.5 + 0.2 * step / 125_000,
        }
        assert gan.paper_schedule(0.1, step) == pytest.approx(expected, rel=1e-12)
    assert gan.paper_schedule(0.1, 125_000) == pytest.approx(
        {"lr": 0.06065, "momentum": 0.7}, rel=1e-4
    )
    assert gan.paper_schedule(0.1, 10_000_000) == {"lr": 1e-6, "momentum": 0.7}
    assert gan.paper_schedule(0.1, 100_000, decay=2.0)["lr"] == 1e-6, "2 to the 100,000 is no float"
    assert {phase.name: phase.schedule(0)["lr"] for phase in small("paper", lr=0.5).phases()} == {
        "discriminator": 0.25,
        "generator": 0.5,
    }


@pytest.mark.parametrize("form", FORMS)
def test_data_of_another_shape_are_refused_before_training(form):
    game = small(form)
    grey, points = torch.zeros(4, 1, 28, 28, dtype=torch.uint8), torch.zeros(4, 2)
    right, wrong = (
        (points, {"image": grey})
        if form == "toy"
        else (grey, {"image": grey.expand(-1, 3, -1, -1)})
    )
    for data in (
        wrong,
        {"label": torch.zeros(4)},
        [{name: value[0] for name, value in wrong.items()}],
    ):
        with pytest.raises(
            CourseError,
            match=f"^shape=.*: this game learns from '{game.key}' of this shape, and the data have .*; give shape=",
        ):
            game.begin(data)
    game.begin({game.key: right})
    if form == "dcgan":
        game.begin([{game.key: right[0]}])  # a data set that is read row by row


def test_the_papers_game_begins_at_the_mean_picture():
    generator = torch.Generator().manual_seed(0)
    image = (torch.rand(50, 1, 28, 28, generator=generator) ** 3 * 255).byte()
    image[:, :, :4] = 0  # paper that no digit touches
    mean = image.float().mean(0) / 127.5 - 1
    game = small("paper")
    nn.init.zeros_(game.generator.layers[-2].weight)
    game.begin({"image": image})
    assert torch.allclose(game.sample(1, seed=0)[0], mean, atol=1e-4)
    for form in ("mlp", "dcgan", "toy"):
        other = small(form)
        before = {name: value.clone() for name, value in other.state_dict().items()}
        other.begin({other.key: image if form != "toy" else torch.randn(5, 2)})
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


# Samples


@pytest.mark.parametrize("form", FORMS)
def test_a_seed_is_a_sample(form):
    game = small(form).train()
    first = game.sample(4, seed=1)
    assert torch.equal(game.sample(4, seed=1), first), "the same seed, called twice"
    assert not torch.equal(game.sample(4, seed=2), first)
    state = torch.get_rng_state()
    assert torch.equal(game.sample(4, seed=1), first) and torch.equal(torch.get_rng_state(), state)


def test_a_larger_sample_of_an_mlp_goes_on_where_the_smaller_one_ends():
    """Latents are drawn row by row, so that n is no part of what the first pictures are."""
    game = small("mlp")
    assert torch.allclose(game.sample(32, seed=1)[:16], game.sample(16, seed=1), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_sampling_ignores_train_mode_and_leaves_no_trace(form):
    """Museum 15: BatchNorm by batch statistics and live dropout make a picture depend on its
    neighbours and on chance.
    """
    game = small(form)
    for module in game.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -1, 1)
    before = {name: value.clone() for name, value in game.state_dict().items()}
    evaluated = game.eval().sample(6, seed=0)
    trained = game.train().sample(6, seed=0)
    assert torch.equal(trained, evaluated)
    assert all(module.training for module in game.modules())
    assert all(torch.equal(value, before[name]) for name, value in game.state_dict().items())
    alone = game.sample(latent=torch.randn(6, 6, generator=torch.Generator().manual_seed(0))[:1])
    assert torch.allclose(alone, evaluated[:1], atol=1e-6), "a picture depends on its neighbours"
    assert not trained.requires_grad


def test_dropout_sleeps_when_the_discriminator_is_asked_in_eval_mode():
    game = small("paper")
    picture = batch_of(game)["image"]
    assert torch.equal(game.eval().discriminator(picture), game.discriminator(picture))
    game.train()
    assert not torch.equal(game.discriminator(picture), game.discriminator(picture))


def test_own_latents():
    game = small("mlp").eval()
    latent = torch.randn(3, 6)
    samples = game.sample(latent=latent)
    assert samples.shape == (3, 1, 28, 28)
    assert torch.equal(samples, game.generator(latent).detach())
    drawn = torch.randn(3, 6, generator=torch.Generator().manual_seed(7))
    assert torch.equal(game.sample(latent=drawn), game.sample(3, seed=7))


@pytest.mark.parametrize("n", [None, 0, -1, "a", 2.5])
def test_no_number_of_samples(n):
    with pytest.raises(CourseError, match="from 1 up, or give latent="):
        small("mlp").sample(n)


@pytest.mark.parametrize("shape", [(3, 5), (6,), (1, 6, 1)])
def test_latents_of_another_shape(shape):
    with pytest.raises(CourseError, match=r"^latent: shape .*; give \(n, 6\)"):
        small("mlp").sample(latent=torch.zeros(shape))


def test_latents_that_are_no_tensor():
    with pytest.raises(CourseError, match="latent: of type list, not a tensor; give"):
        small("mlp").sample(latent=[[0.0] * 6])
    assert small("mlp").sample(numpy.int64(2)).shape[0] == 2, (
        "a whole number is one whoever made it"
    )


# Config


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_every_scale(scale, form):
    config = Config.at(scale, form)
    assert config.form == form
    largest = Config.at("gpu", form)
    assert config.steps <= largest.steps and config.width <= largest.width


def test_the_gpu_scale_of_the_paper_is_the_paper():
    assert Config.at("gpu", "paper") == Config()


def test_changes_outrank_the_recipe():
    config = Config.at("check", "dcgan", steps=7, loss="hinge")
    assert (config.steps, config.loss) == (7, "hinge") and config.width == Config.at(
        "check", "dcgan"
    ).width


def test_a_config_cannot_be_changed_behind_a_games_back():
    with pytest.raises(AttributeError):
        Config().lr = 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": "vae"}, "form='vae': not known; choose one of: paper, mlp, dcgan, toy"),
        ({"loss": "bce"}, "loss='bce': not known; choose one of: non-saturating"),
        ({"optimizer": "lion"}, "optimizer='lion': not known; choose one of: sgd, adam"),
        ({"steps": 0}, "steps=0: out of range"),
        ({"batch_size": -1}, "batch_size=-1: out of range"),
        ({"lr": float("nan")}, "lr=nan: out of range"),
        ({"generator_every": 0}, "generator_every=0: out of range"),
        ({"width": 0}, "width=0: out of range"),
        ({"latent": 0}, "latent=0: out of range"),
        ({"lr": float("inf")}, "lr=inf: out of range"),
        *(
            ({name: -1}, f"{name}=-1: out of range; give 0 or more")
            for name in (
                "dense",
                "lr_generator",
                "weight_decay",
                "r1",
                "r2",
                "gradient_penalty",
                "beta1",
                "ema",
            )
        ),
        ({"ema": 2.0}, "ema=2.0: out of range"),
        ({"beta1": 2.0}, "beta1=2.0: out of range"),
        ({"lr_decay": 0.0}, "lr_decay=0.0: out of range"),
        (
            {"form": "dcgan", "optimizer": "adam", "steps": 5, "anneal": 6},
            "anneal=6: more than steps=5; give fewer",
        ),
        ({"form": "dcgan", "optimizer": "adam", "anneal": -1}, "anneal=-1: out of range"),
        (
            {"anneal": 10},
            "anneal=10: optimizer='sgd' does not use it; leave it out, or choose optimizer=adam",
        ),
        ({"r1": float("nan")}, "r1=nan: out of range"),
        *(
            (
                {"shape": shape},
                f"shape={shape}: {len(shape)} numbers; form='paper' has 3, as in (1, 28",
            )
            for shape in ((1, 28), (1, 28, 28, 28), (), (2,))
        ),
        (
            {"form": "toy", "shape": (1, 28, 28)},
            "3 numbers; form='toy' has 1, as in (2,)",
        ),
    ],
)
def test_impossible_numbers_are_refused_in_words(change, words):
    with pytest.raises(CourseError) as error:
        replace(Config(), **change)
    assert words in str(error.value)
