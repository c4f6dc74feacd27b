from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gancourse.chapters import cgan, gan
from gancourse.chapters.cgan import Config
from gancourse.files import CourseError
from gancourse.layers import Maxout, Noise, silenced
from gancourse.losses import LOSSES

SMALL = {"paper": {"width": 24, "latent": 6}, "conv": {"width": 2, "latent": 6}}
KINDS = [("paper", "one-hot"), *(("conv", condition) for condition in cgan.CONDITIONS)]


def small(form: str = "conv", seed: int = 0, **changes) -> cgan.CGAN:
    torch.manual_seed(seed)
    return Config.at("check", form, **{**SMALL[form], **changes}).build()


def batch_of(n: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "image": torch.rand(n, 1, 28, 28, generator=generator) * 2 - 1,
        "label": torch.arange(n) % 10,
    }


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# Networks and their numbers


def test_parameter_counts_of_the_paper():
    """Section 4.1: z -> 200, y -> 1000, joint 1200 -> 784; x -> maxout 240 x 5, y -> 50 x 5, joint
    240 x 4 -> 1.
    """
    game = Config().build()
    joint, output = 1200 * 1200 + 1200, 1200 * 784 + 784
    assert (
        count(game.generator)
        == (100 * 200 + 200) + (10 * 1000 + 1000) + joint + output
        == 2_413_984
    )
    of_image, of_label = 784 * 1200 + 1200, 10 * 250 + 250
    assert (
        count(game.discriminator)
        == of_image + of_label + (290 * 960 + 960) + (240 + 1)
        == 1_224_351
    )


def test_parameter_counts_of_radfords_conditional_networks():
    """5x5 kernels and no bias; 10 more inputs for the label at the door of each layer; 2 a channel
    for BatchNorm.
    """
    game = Config.at("gpu", "conv").build()
    generator = 110 * 1024 + 2 * 1024 + 1034 * 6272 + 2 * 6272 + 138 * 64 * 25 + 2 * 64 + 74 * 25
    discriminator = 11 * 64 * 25 + 74 * 128 * 25 + 2 * 128 + 6282 * 1024 + 2 * 1024 + 1034 + 1
    assert (count(game.generator), count(game.discriminator)) == (generator, discriminator)


def test_the_defaults_are_the_papers():
    config = Config()
    assert (config.batch_size, config.lr, config.lr_decay, config.optimizer) == (
        100,
        0.1,
        1.00004,
        "sgd",
    )
    game = small("paper")
    assert [m.p for m in game.generator.modules() if isinstance(m, Noise)] == [0.5] * 3
    assert [m.p for m in game.discriminator.modules() if isinstance(m, nn.Dropout)] == [0.5] * 3
    assert [m.pieces for m in game.discriminator.modules() if isinstance(m, Maxout)] == [5, 5, 4]
    for phase in game.phases():
        assert phase.schedule(1000)["lr"] == pytest.approx(phase.schedule(0)["lr"] / 1.00004**1000)
        assert phase.schedule(10**6)["lr"] == 1e-6


def test_the_convolutional_recipe_is_the_codes():
    for phase in small().phases():
        assert phase.optimizer(phase.parameters).defaults["lr"] == Config.at("check").lr
    codes = Config.at("gpu", "conv")
    assert (codes.lr, codes.beta1, codes.weight_decay) == (2e-4, 0.5, 2.5e-5)
    assert (codes.batch_size, codes.width) == (128, 64)
    (phase, _) = codes.build().phases()
    assert phase.optimizer(phase.parameters).defaults["weight_decay"] == 2.5e-5


@pytest.mark.parametrize(("form", "condition"), KINDS)
def test_shapes_and_ranges(form, condition):
    game = small(form, condition=condition)
    samples = game.sample(5, seed=1)
    assert samples.shape == (5, 1, 28, 28) and samples.abs().max() <= 1
    batch = batch_of()
    assert game.discriminator(batch["image"], batch["label"]).shape == (8,)


@pytest.mark.parametrize("side", [28, 32, 64])
@pytest.mark.parametrize("condition", cgan.CONDITIONS)
def test_other_sizes_colours_and_numbers_of_classes(side, condition):
    game = small(shape=(3, side, side), classes=4, condition=condition)
    assert game.sample(4).shape == (4, 3, side, side)
    assert game.discriminator(torch.randn(2, 3, side, side), torch.tensor([0, 3])).shape == (2,)


@pytest.mark.parametrize(("form", "condition"), KINDS)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_every_layer_is_called_once(form, condition, player):
    game = small(form, condition=condition)
    network, calls = getattr(game, player), []
    leaves = {
        name: module for name, module in network.named_modules() if not list(module.children())
    }
    for name, module in leaves.items():
        module.register_forward_hook(lambda module, inputs, output, name=name: calls.append(name))
    batch = batch_of()
    network(torch.randn(8, 6) if player == "generator" else batch["image"], batch["label"])
    assert sorted(calls) == sorted(leaves)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_the_label_joins_at_the_door_of_every_layer(player):
    ten, four = (getattr(small(classes=classes), player).blocks for classes in (10, 4))
    for wide, narrow in zip(ten, four, strict=True):
        wide, narrow = (
            next(p for p in block.parameters() if p.dim() > 1).shape for block in (wide, narrow)
        )
        assert sum(a - b for a, b in zip(wide, narrow, strict=True)) == 6, (
            "six classes more, six inputs more"
        )


@pytest.mark.parametrize(("form", "condition"), KINDS)
def test_both_players_hear_the_label(form, condition):
    game = small(form, condition=condition).eval()
    image, zeros = batch_of()["image"], torch.zeros(8, dtype=torch.long)
    latent = torch.rand(8, 6)
    assert not torch.allclose(
        game.generator(latent, zeros), game.generator(latent, zeros + 1), atol=1e-7
    )
    assert not torch.equal(game.discriminator(image, zeros), game.discriminator(image, zeros + 1))


def test_projection_is_the_inner_product_of_equation_8():
    game = small(condition="projection").eval()
    d, batch = game.discriminator, batch_of()
    phi = d.features(batch["image"])
    expected = (
        phi @ d.real.weight[0] + d.real.bias + (phi * d.of_class.weight.T[batch["label"]]).sum(1)
    )
    assert torch.allclose(d(batch["image"], batch["label"]), expected, atol=1e-6)


def test_a_learned_vector_is_an_embedding():
    label = cgan.Label(10, learned=True)
    table = label.vector.weight.T  # (10, 50)
    asked = torch.tensor([3, 3, 7])
    assert torch.equal(label(asked), nn.functional.embedding(asked, table))
    half = torch.zeros(1, 10)
    half[0, 3] = half[0, 7] = 0.5
    assert torch.allclose(label(half)[0], (table[3] + table[7]) / 2)


# The game


@pytest.mark.parametrize(("form", "condition"), KINDS)
def test_a_turn_differentiates_its_own_player_and_no_other(form, condition):
    game = small(form, condition=condition).train()
    for phase, other in zip(game.phases(), (game.generator, game.discriminator), strict=True):
        game.zero_grad(set_to_none=True)
        game.requires_grad_(False)
        for parameter in phase.parameters:
            parameter.requires_grad_(True)
        sum(phase.loss(batch_of()).values()).backward()
        assert all(parameter.grad is not None for parameter in phase.parameters)
        assert all(parameter.grad is None for parameter in other.parameters())


def test_generated_pictures_are_judged_by_the_label_they_were_made_for():
    game, made, judged = small().train(), [], []
    game.generator.register_forward_pre_hook(lambda module, inputs: made.append(inputs[1].clone()))
    game.discriminator.register_forward_pre_hook(
        lambda module, inputs: judged.append(inputs[1].clone())
    )
    batch = batch_of()
    game.discriminator_loss(batch)
    game.generator_loss(batch)
    assert len(made) == 2 and len(judged) == 3
    assert all(torch.equal(label, batch["label"]) for label in made + judged)


def test_a_real_picture_under_a_wrong_label_is_to_be_refused():
    game, judged = small(mismatched=0.3).train(), []
    game.discriminator.register_forward_hook(
        lambda _, inputs, logits: judged.append((*inputs, logits))
    )
    batch = batch_of(400)
    terms = game.discriminator_loss(batch)
    (pictures, right, _), _, (again, wrong, logits) = judged
    assert pictures is again is batch["image"] and right is batch["label"]
    assert terms["mismatched"].item() == pytest.approx(0.3 * softplus(logits).mean().item())
    shifts = ((wrong - right) % 10).bincount(minlength=10)
    assert shifts[0] == 0 and shifts[1:].min() > 20, "never its own label, and any other"


@pytest.mark.parametrize("loss", sorted(LOSSES.keys() - set(cgan.COMPARING)))
def test_wrong_labels_are_refused_as_fakes_are_by_each_loss(loss):
    game = small(loss=loss, mismatched=1.0).train()
    logits = torch.linspace(-2, 2, 8)
    game.judge = lambda x, batch: logits
    terms = game.discriminator_loss(batch_of())
    assert terms["mismatched"] == terms["fake"]


def test_wrong_labels_are_shown_only_if_asked_for():
    game, asked = small().train(), []
    game.mislabel = asked.append
    assert game.discriminator_loss(batch_of()).keys() == {"real", "fake"}
    assert not asked


def test_latents_are_uniform():
    game, seen = small().train(), []
    game.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    for _ in range(50):
        game.fake(batch_of())
    z = torch.cat(seen)
    assert z.min() >= -1 and z.max() <= 1
    assert z.std().item() == pytest.approx(1 / 3**0.5, rel=0.05) and abs(z.mean().item()) < 0.03


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient_penalty"])
def test_penalties_see_the_label_too(penalty):
    terms = small("paper", **{penalty: 1.0}).train().discriminator_loss(batch_of())
    assert len(terms) == 3 and all(value.isfinite() for value in terms.values())


def test_the_papers_game_begins_at_the_mean_picture():
    game = small("paper")
    nn.init.zeros_(game.generator.layers[-2].weight)
    image = torch.full((4, 1, 28, 28), 51, dtype=torch.uint8)
    game.begin({"image": image, "label": torch.arange(4)})
    assert torch.allclose(game.sample(2), torch.full((2, 1, 28, 28), 51 / 127.5 - 1), atol=1e-4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"image": torch.zeros(2, 1, 28, 28)}, "image and no label; a conditional GAN learns"),
        (
            {"image": torch.zeros(2, 1, 28, 28), "label": torch.tensor([0, 10])},
            "label=10.*from 0 to 9",
        ),
    ],
)
def test_data_without_fitting_labels_are_refused_before_training(data, words):
    with pytest.raises(CourseError, match=words):
        small().begin(data)


# Samples


def test_pictures_of_another_shape_are_refused_before_training():
    with pytest.raises(
        CourseError, match=r"^shape=\(1, 28, 28\): .* the data have \{'image': \(3, 28, 28\)"
    ):
        small().begin({"image": torch.zeros(4, 3, 28, 28), "label": torch.arange(4)})


def test_one_label_for_all_one_for_each_and_the_classes_in_turn():
    game = small()
    eights = game.sample(12, label=8, seed=4)
    assert torch.equal(game.sample(label=[8] * 12, seed=4), eights)
    assert torch.equal(game.sample(label=torch.full((12,), 8), seed=4), eights)
    assert torch.equal(game.sample(12, seed=4), game.sample(label=[*range(10), 0, 1], seed=4))
    assert not torch.equal(game.sample(12, label=0, seed=4), eights)


def test_a_mixture_of_one_class_is_that_class():
    game = small()
    weights = torch.zeros(3, 10)
    weights[:, 8] = 1
    assert torch.equal(game.sample(label=weights, seed=1), game.sample(3, label=8, seed=1))
    weights[:, 0] = weights[:, 8] = 0.5
    assert not torch.equal(game.sample(label=weights, seed=1), game.sample(3, label=8, seed=1))


def test_a_seed_is_a_sample_and_leaves_no_trace():
    game = small("paper").train()
    state = torch.get_rng_state()
    first = game.sample(4, seed=1)
    assert torch.equal(game.sample(4, seed=1), first) and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(game.sample(4, seed=2), first)
    assert all(module.training for module in game.modules()), (
        "dropout and BatchNorm are as they were"
    )


def test_the_first_of_a_seed_do_not_depend_on_how_many_come():
    game = small("conv")
    assert torch.allclose(game.sample(12, seed=1)[:4], game.sample(4, seed=1), atol=1e-6)


def test_the_dropout_of_2014_stays_on_when_pictures_are_drawn():
    game, latent = small("paper").eval(), torch.zeros(6, 6)
    drawn = game.sample(label=3, latent=latent)
    assert len(drawn.flatten(1).unique(dim=0)) == 6, "one latent, one label, six pictures"
    with silenced(game.generator):
        assert len(game.sample(label=3, latent=latent).flatten(1).unique(dim=0)) == 1
    assert torch.equal(game.sample(label=3, latent=latent), drawn)


def test_the_dropout_does_not_repeat_the_numbers_that_the_latents_were_drawn_from():
    game, states = small("paper"), []
    game.generator.register_forward_pre_hook(lambda *_: states.append(torch.get_rng_state()))
    game.sample(2, seed=5)
    assert not torch.equal(states[0], torch.Generator().manual_seed(5).get_state())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n": 3, "label": 10}, "label=10: no such class; labels go from 0 to 9"),
        ({"n": 3, "label": -1}, "label=-1"),
        ({"n": 3, "label": [1, 2]}, "2 labels for 3 pictures"),
        ({"n": 3, "label": 2.5}, "give a whole number"),
        ({"n": 3, "label": True}, "give a whole number"),
        ({"n": 2, "label": torch.zeros(2, 9)}, "a row of 10 floats"),
        ({"n": 2, "label": torch.full((2, 10), torch.nan)}, "a row of 10 floats"),
        ({}, "give a whole number from 1 up"),
        ({"n": 0, "label": 1}, "from 1 up"),
        ({"n": True, "label": 1}, "from 1 up"),
        ({"n": "a", "label": 1}, "n='a': not a number of pictures"),
        (
            {"n": 3, "label": "8"},
            "label='8': not a number; give a whole number, or one for each picture",
        ),
        ({"n": 2, "label": ["8", None]}, "give a whole number, or one"),
        ({"latent": [[0.0] * 6]}, "latent: of type list, not a tensor; give"),
        ({"label": 3}, "from 1 up"),
        ({"latent": torch.zeros(2, 5)}, r"latent: shape .*; give \(n, 6\)"),
        ({"n": 3, "latent": torch.zeros(2, 6)}, "n=3: latent has 2 rows"),
    ],
)
def test_bad_questions(given, words):
    with pytest.raises(CourseError, match=words):
        small().sample(**given)


# Config


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", cgan.FORMS)
def test_every_form_has_every_scale(scale, form):
    config = Config.at(scale, form)
    assert isinstance(config, gan.Config) and config.form == form
    largest = Config.at("gpu", form)
    assert config.steps <= largest.steps and config.width <= largest.width


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": "dcgan"}, "form='dcgan'.*paper, conv"),
        (
            {"condition": "film"},
            "condition='film': not known; choose one of: one-hot, embedding, projection",
        ),
        (
            {"form": "paper", "condition": "projection"},
            "form='paper' does not use it; leave it out, or choose form=conv",
        ),
        ({"mismatched": 0.2, "classes": 1}, "classes=1: no label could be wrong; give"),
        *(
            ({"mismatched": 0.2, "loss": loss}, f"loss='{loss}': .* no level for either; give")
            for loss in ("relativistic", "wasserstein")
        ),
    ],
)
def test_unknown_names(change, words):
    with pytest.raises(CourseError, match=words):
        Config.at(
            "check", change.get("form", "conv"), **{k: v for k, v in change.items() if k != "form"}
        )


def test_latents_may_be_doubles():
    game, latent = small(), torch.zeros(2, 6)
    assert torch.equal(
        game.sample(label=1, latent=latent.double()), game.sample(label=1, latent=latent)
    )
