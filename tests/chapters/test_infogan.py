from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from gancourse.chapters import infogan
from gancourse.chapters.infogan import Config
from gancourse.files import CourseError


def small(form: str = "digits", seed: int = 0, **changes) -> infogan.InfoGAN:
    torch.manual_seed(seed)
    return Config.at("check", form, **{"width": 2, "latent": 6, **changes}).build()


def batch_of(game: infogan.InfoGAN, n: int = 8) -> dict[str, torch.Tensor]:
    return {
        "image": torch.rand(n, *game.config.shape, generator=torch.Generator().manual_seed(3)) * 2
        - 1
    }


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# Networks and their numbers


def test_parameter_counts_of_the_mnist_networks():
    """Appendix C.1: G 74 -> 1024 -> 7x7x128 -> 14x14x64 -> 28x28; trunk 64, 128, 1024; D 1; Q 128
    -> 10 + 2.
    """
    game = Config().build()
    generator = 74 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 6272 + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1
    trunk = 64 * 16 + 64 + 64 * 128 * 16 + 2 * 128 + 6272 * 1024 + 2 * 1024
    assert count(game.generator) == generator == 6_645_121
    assert count(game.discriminator.trunk) == trunk
    assert count(game.discriminator.real) == 1025
    assert count(game.discriminator.code) == 1024 * 128 + 2 * 128 + 128 * 12 + 12


def test_the_defaults_are_the_codes():
    config = Config()
    assert (config.latent, config.categories, config.continuous, config.codes) == (62, (10,), 2, 12)
    assert (config.steps, config.batch_size, config.information, config.leak) == (
        5_000,
        128,
        1.0,
        0.01,
    )
    discriminator, generator = small(lr=2e-4, lr_generator=1e-3).phases()
    assert discriminator.optimizer(discriminator.parameters).defaults["lr"] == 2e-4
    assert generator.optimizer(generator.parameters).defaults["lr"] == 1e-3
    assert (config.lr, config.lr_generator, config.beta1) == (2e-4, 1e-3, 0.5)
    assert Config.at("gpu") == config


def test_two_turns_two_optimizers_and_q_learns_with_d():
    """Museum 3: a third optimizer for the information updates the generator twice a step."""
    game = small()
    discriminator, generator = game.phases()
    assert {id(p) for p in discriminator.parameters} == {
        id(p) for p in game.discriminator.parameters()
    }
    assert {id(p) for p in generator.parameters} == {id(p) for p in game.generator.parameters()}
    assert {id(p) for p in game.discriminator.code.parameters()} <= {
        id(p) for p in discriminator.parameters
    }


@pytest.mark.parametrize("form", infogan.FORMS)
def test_shapes_and_ranges(form):
    game = small(form)
    samples = game.sample(5, seed=1)
    assert samples.shape == (5, *game.config.shape) and samples.abs().max() <= 1
    logits, code = game.discriminator(batch_of(game, 5)["image"])
    assert logits.shape == (5,) and code.shape == (5, game.config.codes)
    probabilities, means = game.infer(samples)
    assert [tuple(p.shape) for p in probabilities] == [(5, size) for size in game.config.categories]
    assert means.shape == (5, game.config.continuous)
    assert all(torch.allclose(p.sum(1), torch.ones(5)) for p in probabilities)


@pytest.mark.parametrize(
    "categories, continuous", [((10,), 0), ((), 3), ((2, 3, 4), 1), ((2,) * 7, 6)]
)
def test_codes_of_any_number_and_size(categories, continuous):
    game = small(categories=categories, continuous=continuous)
    terms = game.discriminator_loss(batch_of(game))
    assert ("category" in terms, "continuous" in terms) == (bool(categories), bool(continuous))
    assert game.sample(3).shape == (3, 1, 28, 28)
    probabilities, means = game.infer(game.sample(3))
    assert len(probabilities) == len(categories) and means.shape == (3, continuous)


def test_pixel_art_is_made_and_judged_in_blocks():
    """A block is one pixel to both networks: even to the eye, and no way for D to win by looking
    inside one.
    """
    game = small("faces")
    assert game.config.block == 2
    pictures = game.sample(3)
    corners = pictures[:, :, ::2, ::2]
    assert torch.equal(pictures, corners.repeat_interleave(2, 2).repeat_interleave(2, 3))
    free = torch.rand(3, 3, 32, 32)
    even = nn.functional.avg_pool2d(free, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(game.infer(free * 2 - 1)[1], game.infer(even * 2 - 1)[1], atol=1e-5)


# The codes


def test_codes_are_drawn_from_the_prior():
    """Museum 18: N(-1, 1) for a code that is uniform on -1 .. 1."""
    noise, category, continuous = small(categories=(10, 3)).draw(
        6000, torch.Generator().manual_seed(0)
    )
    assert (
        noise.shape == (6000, 6) and category.shape == (6000, 2) and continuous.shape == (6000, 2)
    )
    for uniform in (noise, continuous):
        assert -1 <= uniform.min() < -0.99 and 0.99 < uniform.max() <= 1
        assert abs(uniform.mean().item()) < 0.03 and uniform.std().item() == pytest.approx(
            1 / math.sqrt(3), rel=0.03
        )
    for column, size in zip(category.T, (10, 3), strict=True):
        shares = column.bincount(minlength=size) / 6000
        assert len(shares) == size and (shares - 1 / size).abs().max() < 0.03


def test_the_generator_takes_noise_then_categories_one_hot_then_continuous_codes():
    game = small(categories=(2, 3))
    latent = game.latent_of(
        torch.full((1, 6), 7.0), torch.tensor([[1, 2]]), torch.tensor([[0.5, -0.5]])
    )
    assert latent.tolist() == [[7.0] * 6 + [0, 1] + [0, 0, 1] + [0.5, -0.5]]


def test_q_is_asked_for_the_very_code_that_was_drawn():
    """A code drawn again for the loss would be independent of the picture: nothing to be
    learned.
    """
    game, codes, asked = small().train(), [], []
    draw, surprise = game.draw, game.surprise
    game.draw = lambda *args, **options: codes.append(draw(*args, **options)) or codes[-1]
    game.surprise = lambda guess, code, weight: asked.append(code) or surprise(guess, code, weight)
    latents = []
    game.generator.register_forward_pre_hook(lambda module, inputs: latents.append(inputs[0]))
    for turn in (game.discriminator_loss, game.generator_loss):
        turn(batch_of(game))
    assert len(codes) == len(asked) == len(latents) == 2
    for drawn, used, latent in zip(codes, asked, latents, strict=True):
        assert drawn is used and torch.equal(game.latent_of(*drawn), latent)


def test_the_information_terms_are_minus_log_q():
    """Closed forms: log of the number of values for a Q that knows nothing, 0 for one that is sure
    and right.
    """
    game = small(categories=(10, 4), continuous=2, information=3.0)
    code = (None, torch.tensor([[3, 1], [7, 0]]), torch.tensor([[0.5, -1.0], [0.0, 1.0]]))
    knows_nothing = game.surprise(torch.zeros(2, 16), code, 1.0)
    assert knows_nothing["category"].item() == pytest.approx(math.log(10) + math.log(4))
    assert knows_nothing["continuous"].item() == pytest.approx((0.25 + 1 + 0 + 1) / 2 / 2)
    sure = torch.cat(
        [100 * nn.functional.one_hot(code[1][:, i], size) for i, size in enumerate((10, 4))], 1
    )
    right = game.surprise(torch.cat([sure.float(), code[2]], 1), code, 1.0)
    assert right["category"].item() == pytest.approx(0, abs=1e-6), (
        "no softmax before the cross entropy"
    )
    assert right["continuous"].item() == 0


@pytest.mark.parametrize("turn", ["discriminator_loss", "generator_loss"])
def test_both_players_are_paid_lambda_times(turn):
    values = {}
    for weight in (1.0, 5.0):
        game = small(information=weight)
        torch.manual_seed(7)
        values[weight] = getattr(game, turn)(batch_of(game))
    for term in ("category", "continuous"):
        assert values[5.0][term].item() == pytest.approx(5 * values[1.0][term].item(), rel=1e-5)
        assert values[1.0][term] > 0


def test_the_pay_reaches_the_generator_through_the_picture():
    game = small().train().requires_grad_(False)
    game.generator.requires_grad_(True)
    terms = game.generator_loss(batch_of(game))
    (terms["category"] + terms["continuous"]).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in game.generator.parameters())
    assert all(p.grad is None for p in game.discriminator.parameters())


def test_q_shares_ds_trunk():
    game = small().train()
    terms = game.discriminator_loss(batch_of(game))
    (terms["category"] + terms["continuous"]).backward()
    assert all(p.grad.abs().sum() > 0 for p in game.discriminator.trunk.parameters() if p.dim() > 1)
    assert all(p.grad is None for p in game.discriminator.real.parameters())


@pytest.mark.parametrize("turn", ["discriminator_loss", "generator_loss"])
def test_with_augment_q_reads_a_moved_copy_and_the_verdict_the_picture(turn):
    seen = {}
    for augment in (0.0, 1.0):
        game, seen[augment] = small(augment=augment, continuous=1).train(), []
        game.discriminator.register_forward_hook(
            lambda module, x, y, seen=seen[augment]: seen.append((x[0], y))
        )
        surprise, asked = game.surprise, []
        game.surprise = lambda guess, *rest, asked=asked, ask=surprise: (
            asked.append(guess) or ask(guess, *rest)
        )
        torch.manual_seed(5)
        terms = getattr(game, turn)(batch_of(game))
        assert torch.equal(asked[0], seen[augment][-1][1][1])  # what Q said in the last pass
        sum(terms.values()).backward()
        assert all(
            p.grad.abs().sum() > 0 for p in game.discriminator.code.parameters() if p.dim() > 1
        )
    plain, moved = seen[0.0], seen[1.0]
    assert len(moved) == len(plain) + 1
    assert torch.equal(moved[-2][0], plain[-1][0]) and torch.equal(moved[-2][1][0], plain[-1][1][0])
    assert not torch.allclose(moved[-1][0], moved[-2][0], atol=0.1)


@pytest.mark.parametrize("unmoved", [0, 1, 2])
def test_unmoved_codes_are_read_off_the_picture_itself(unmoved):
    game, said = small(categories=(4, 3), continuous=2, augment=1.0, unmoved=unmoved).train(), []
    game.discriminator.register_forward_hook(lambda module, x, y: said.append(y[1]))
    torch.manual_seed(5)
    _, guess = game.read(torch.rand(8, *game.config.shape) * 2 - 1)
    picture, copy = said
    kept = slice(7, 7 + unmoved)  # behind the two categories
    assert torch.equal(guess[:, kept], picture[:, kept])
    others = [i for i in range(9) if not 7 <= i < 7 + unmoved]
    assert torch.equal(guess[:, others], copy[:, others])
    assert not torch.allclose(picture, copy)


@pytest.mark.parametrize("unmoved", [-1, 3])
def test_no_more_codes_can_stay_unmoved_than_there_are(unmoved):
    with pytest.raises(
        CourseError, match="^unmoved=(-1: out of range|3: there are 2 continuous codes)"
    ):
        Config(unmoved=unmoved)


def test_annealed_rates_fall_to_zero_at_the_end():
    phases = small(steps=10, anneal=4, lr=0.1, lr_generator=0.5).phases()
    ends = {phase.name: [phase.schedule(step)["lr"] for step in (0, 6, 8, 10)] for phase in phases}
    assert ends == {
        "discriminator": pytest.approx([0.1, 0.1, 0.05, 0]),
        "generator": pytest.approx([0.5, 0.5, 0.25, 0]),
    }
    assert [
        phase.schedule(step)["lr"] for phase in small(lr=0.1).phases()[:1] for step in (0, 299)
    ] == [0.1, 0.1]


def test_half_the_deviation_is_four_times_the_price():
    code = (
        torch.zeros(3, 5),
        torch.zeros(3, 1, dtype=torch.long),
        torch.tensor([[0.5], [-1.0], [0.0]]),
    )
    games = [small(deviation=deviation, categories=(4,), continuous=1) for deviation in (1.0, 0.5)]
    prices = [game.surprise(torch.zeros(3, 5), code, 1.0)["continuous"].item() for game in games]
    assert prices == pytest.approx([1.25 / 3 / 2, 4 * 1.25 / 3 / 2])
    with pytest.raises(CourseError, match="deviation"):
        Config(deviation=0.0)


@pytest.mark.parametrize("amount", [-0.1, 2.0, 2.5, float("nan")])
def test_augment_has_limits(amount):
    with pytest.raises(CourseError, match="augment=.*: out of range"):
        Config(augment=amount)


def test_the_control_is_a_gan_that_q_only_watches():
    """lambda = 0: neither the generator nor the trunk hears of the code, and Q learns what it
    can.
    """
    game = small(information=0.0).train()
    assert set(game.generator_loss(batch_of(game))) == {"fake"}
    terms = game.discriminator_loss(batch_of(game))
    (terms["category"] + terms["continuous"]).backward()
    assert all(p.grad is None for p in game.discriminator.trunk.parameters())
    assert all(p.grad is None for p in game.generator.parameters())
    assert game.discriminator.code[0].weight.grad.abs().sum() > 0


# Samples


def test_a_seed_is_a_sample_whose_start_does_not_depend_on_its_length():
    game = small().train()
    state = torch.get_rng_state()
    first = game.sample(4, seed=1)
    assert torch.equal(game.sample(4, seed=1), first) and torch.equal(torch.get_rng_state(), state)
    assert torch.allclose(game.sample(32, seed=1)[:4], first, atol=1e-6)
    assert not torch.equal(game.sample(4, seed=2), first)
    assert all(module.training for module in game.modules())


def test_what_is_given_is_used_and_the_rest_is_as_the_seed_drew_it():
    game, seen = small(categories=(10, 3)), []
    game.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    game.sample(4, seed=5)
    game.sample(4, seed=5, category=(3, None), continuous=(None, -2.0))
    free, set_ = seen
    assert torch.equal(set_[:, :6], free[:, :6]) and torch.equal(set_[:, 16:20], free[:, 16:20])
    assert set_[:, 6:16].argmax(1).tolist() == [3] * 4 and set_[:, -1].tolist() == [-2.0] * 4


def test_one_code_may_be_given_bare_and_tensors_say_how_many():
    game = small(continuous=1)
    assert torch.equal(
        game.sample(2, category=3, continuous=0.5), game.sample(2, category=(3,), continuous=[0.5])
    )
    category = torch.tensor([1, 5, 9])
    assert torch.equal(game.sample(category=category), game.sample(3, category=category[:, None]))
    assert torch.equal(game.sample(category=category)[:1], game.sample(3, category=1)[:1])
    noise = torch.rand(2, 6) * 2 - 1
    assert game.sample(noise=noise, category=3).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"n": 3, "category": 10},
            "category=10: code 0 has no such value; give 0 to 9",
        ),
        ({"n": 3, "category": -1}, "category=-1"),
        ({"n": 3, "category": 2.5}, "1 categorical code; give whole numbers"),
        ({"n": 3, "category": True}, "give whole numbers"),
        ({"n": 3, "category": (1, 2)}, "1 categorical code"),
        ({"n": True}, "give a whole number from 1 up"),
        ({"n": 2, "category": np.array(["3", "4"])}, "give whole numbers"),
        ({"n": 3, "continuous": (1.0, 2.0, 3.0)}, "2 continuous codes; give numbers"),
        ({"n": 3, "continuous": (math.nan, 0.0)}, "2 continuous codes"),
        ({"n": 3, "continuous": "a"}, "2 continuous codes"),
        ({"n": 3, "continuous": torch.zeros(3, 3)}, r"a tensor of shape \(3, 2\)"),
        ({"n": 3, "continuous": torch.zeros(2, 2)}, "n=3: continuous has 2 rows"),
        ({"n": 3, "category": torch.zeros(3)}, "whole numbers"),
        ({"noise": torch.zeros(3, 5)}, r"noise: shape \(3, 5\); give \(3, 6\)"),
        ({}, "give a whole number from 1 up"),
        ({"n": 0}, "from 1 up"),
        ({"n": 2.5}, "n=2.5: not a number of pictures"),
        ({"n": 1, "noise": [[0.0] * 6]}, "noise: of type list, not a tensor"),
    ],
)
def test_bad_questions(given, words):
    with pytest.raises(CourseError, match=words):
        small().sample(**given)


def test_q_reads_bytes_and_floats_alike_and_refuses_other_sizes():
    game = small()
    image = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(game.infer(image)[1], game.infer(image / 127.5 - 1)[1])
    with pytest.raises(CourseError, match=r"shape \(3, 1, 32, 32\)"):
        game.infer(torch.zeros(3, 1, 32, 32))


# Config


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", infogan.FORMS)
def test_every_form_has_every_scale(scale, form):
    config = Config.at(scale, form)
    assert config.form == form
    largest = Config.at("gpu", form)
    assert config.steps <= largest.steps and config.width <= largest.width


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"categories": (1,)}, r"^categories=\(1,\): out of range; give 2 or more"),
        ({"continuous": -1}, "^continuous=-1: out of range; give 0 or more"),
        ({"categories": (), "continuous": 0}, "no code at all; give one of either kind"),
    ],
)
def test_codes_that_cannot_be(change, words):
    with pytest.raises(CourseError, match=words):
        Config(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"r1": 1.0}, "r1=1.0: the game of chapter infogan does not use it"),
        ({"generator_every": 5}, "generator_every=5"),
        ({"loss": "relativistic"}, "loss='relativistic': not known"),
        ({"information": -1.0}, "information=-1.0: out of range"),
        ({"block": 0}, "block=0: out of range"),
        ({"optimizer": "sgd"}, "optimizer='sgd': not known; choose one of: adam"),
    ],
)
def test_what_the_game_would_ignore_is_refused(change, words):
    with pytest.raises(CourseError, match=words):
        Config.at("check", **change)


@pytest.mark.parametrize("pictures", [[[0.0]], None, 3])
def test_what_is_no_tensor_cannot_be_read(pictures):
    with pytest.raises(CourseError, match="images: of type .*, not a tensor"):
        small().infer(pictures)


def test_numpys_numbers_arrays_and_doubles_are_taken():
    game = small()
    wanted = game.sample(3, category=3, continuous=(0.5, -1.0), seed=1)
    assert torch.equal(
        game.sample(3, category=np.int64(3), continuous=(np.float32(0.5), np.float64(-1)), seed=1),
        wanted,
    )
    rows = np.tile([0.5, -1.0], (3, 1))
    assert torch.equal(game.sample(category=np.array([3, 3, 3]), continuous=rows, seed=1), wanted)
    noise = torch.zeros(3, game.config.latent)
    assert torch.equal(
        game.sample(category=3, noise=noise.double(), seed=1),
        game.sample(category=3, noise=noise, seed=1),
    )


@pytest.mark.parametrize("categories", [10, ("10",), (2.5,), None])
def test_categories_are_a_row_of_sizes(categories):
    with pytest.raises(CourseError, match=r"not whole numbers .*; give a value such as \(10,\)"):
        Config.at("check", categories=categories)
