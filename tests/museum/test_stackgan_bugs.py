"""Museum, chapter 4's exhibits: each bug as ports of StackGAN have it, what it does, and that ours
does not.

Numbers as in the museum's list: 9 a ReLU on mean and log variance, 10 a Stage I that is left in
train mode, 11 a wrong caption that may be a right one, 13 an up block without its activation.
Every exhibit is a check that our game passes and that a copy of it with the bug in does not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from gancourse.chapters import stackgan, stackgan_networks
from gancourse.chapters.stackgan import Augmentation, Config, StageOne, StageTwo, Words
from gancourse.data import load
from gancourse.data import scenes as scenes_data
from gancourse.game import fingerprint, to_float

N = 24
SIDES = {"compact": (32, 64), "paper": (16, 64)}  # of a Stage I and of a Stage II


@cache
def scenes(size: int):
    return load("scenes", "train", size=size, n=N, source="bundled")


@cache
def words() -> Words:
    """A text encoder that has learned nothing but its words."""
    torch.manual_seed(0)
    game = Words(Config(form="words", shape=(3, 32, 32), embedding=16))
    game.begin(scenes(32).columns)
    return game


def config(form: str, network: str, **numbers) -> Config:
    side = SIDES[network][form == "stage2"]
    lean = {"network": network, "shape": (3, side, side), "width": 8, "width_d": 8}
    if form == "stage2":
        lean |= {"first": "x", "small": SIDES[network][0]}
    return Config(form=form, text="x", embedding=16, condition=6, latent=5, **{**lean, **numbers})


def stage_one(network: str = "compact", kind: type[StageOne] = StageOne, **numbers) -> StageOne:
    torch.manual_seed(0)
    game = kind(config("stage1", network, **numbers))
    game.borrow("text", words())
    return game


def stage_two(network: str = "compact", kind: type[StageTwo] = StageTwo, **numbers) -> StageTwo:
    """A small Stage II whose Stage I has seen a little."""
    first = stage_one(network)
    for _ in range(2):  # averages need something to average
        first.generator(torch.randn(8, 16), torch.randn(8, first.latent_size))
    game = kind(config("stage2", network, **numbers))
    game.borrow("text", words())
    game.borrow("first", first)
    return game


def batch_of(game: StageOne) -> dict:
    return to_float(dict(scenes(game.config.shape[1]).columns))


def caught(check: Callable, *bugged) -> bool:
    """Whether a check that ours passes refuses this copy."""
    try:
        check(*bugged)
    except AssertionError:
        return True
    return False


# Conditioning augmentation


class Rectified(Augmentation):
    """A ReLU on all of the layer's outputs, as popular copies have it."""

    def forward(self, text, noise):
        mean, log_variance = relu(self.linear(text)).chunk(2, 1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        return mean + (log_variance / 2).exp() * noise, divergence


def is_a_cloud_anywhere_and_of_any_width(augmentation: Augmentation) -> None:
    text, size = torch.randn(200, 16), augmentation.linear.out_features // 2
    with torch.no_grad():
        mean, _ = augmentation(text, torch.zeros(200, size))
        deviation = augmentation(text, torch.ones(200, size))[0] - mean
    for number, bound in ((mean, 0.0), (deviation, 1.0)):
        assert 0.2 < (number < bound).float().mean() < 0.8


def test_9_a_relu_on_mean_and_log_variance():
    """No mean is below 0 and no deviation below 1: half of the room is closed to every sentence,
    and no sentence can say exactly what it means.
    """
    for seed in range(3):
        torch.manual_seed(seed)
        is_a_cloud_anywhere_and_of_any_width(Augmentation(16, 32))
        assert caught(is_a_cloud_anywhere_and_of_any_width, Rectified(16, 32))


def test_9_a_rectified_layer_is_deaf_where_it_is_below_zero():
    """Not only is the value cut: no gradient tells the layer to come back."""
    torch.manual_seed(0)
    slopes = []
    for kind in (Augmentation, Rectified):
        layer = kind(16, 4)
        nn.init.constant_(layer.linear.bias, -9.0)
        c, divergence = layer(torch.randn(8, 16), torch.randn(8, 4))
        slopes.append(torch.autograd.grad(c.sum() + divergence, layer.linear.weight)[0])
    assert slopes[0].abs().min() > 0 and not slopes[1].any()


@pytest.mark.parametrize("network", SIDES)
def test_9_every_generator_has_ours(network):
    for game in (stage_one(network), stage_two(network)):
        assert type(game.generator.augmentation) is Augmentation
        for module in (game.generator.augmentation, *game.generator.augmentation.children()):
            assert not isinstance(module, (nn.ReLU, nn.LeakyReLU))


# Stage I inside Stage II


class LeftInTrainMode(StageTwo):
    """Stage I as its own training left it: frozen are the weights only."""

    def draw(self, text, latent):
        self.borrowed["first"].train()
        return super().draw(text, latent)


class FollowsTheGame(StageTwo):
    """Stage I as one of the game's own modules: `game.train()` reaches it."""

    def train(self, mode=True):
        for network in getattr(self, "borrowed", {}).values():
            network.train(mode)
        return super().train(mode)


class LearnsOn(StageTwo):
    """Stage I drawn with its graph, and with weights that want gradients."""

    def draw(self, text, latent):
        first = self.borrowed["first"].requires_grad_(True)
        size = first.latent_size
        small, _ = first.draw(text, latent[:, :size])
        return self.generator(small, text, latent[:, size:])


def plays(game: StageTwo, steps: int = 3) -> None:
    """Some steps of both players, as the loop plays them."""
    phases = game.train().phases()
    optimizers = [phase.optimizer(phase.parameters) for phase in phases]
    for _ in range(steps):
        batch = game.share(batch_of(game))
        for phase, optimizer in zip(phases, optimizers, strict=True):
            optimizer.zero_grad()
            sum(phase.loss(batch).values()).backward(retain_graph=True)
            optimizer.step()
            batch = game.share(batch_of(game))


def leaves_the_first_stage_alone(game: StageTwo) -> None:
    first, before = game.borrowed["first"], fingerprint(game.borrowed["first"])
    mine = fingerprint(game.generator)
    plays(game)
    assert fingerprint(game.generator) != mine, "nothing was learned"
    assert fingerprint(first) == before
    assert not any(module.training for module in first.modules())
    assert all(weight.grad is None for weight in first.parameters())


@pytest.mark.parametrize("network", SIDES)
def test_10_a_first_stage_left_in_train_mode(network):
    """Nothing stops and no curve shows it: BatchNorm's averages move a little in each step, and
    at the end Stage I draws other pictures than those that its own run published.
    """
    leaves_the_first_stage_alone(stage_two(network))
    for bug in (LeftInTrainMode, FollowsTheGame, LearnsOn):
        assert caught(leaves_the_first_stage_alone, stage_two(network, bug))


def test_10_what_drifts_is_the_picture():
    """The same sentence and latents before and after: ours draws the same, the copy does not."""
    for kind, same in ((StageTwo, True), (LeftInTrainMode, False)):
        game = stage_two("compact", kind)
        first = game.borrowed["first"]
        before = first.sample(4, text="a red boat", seed=1)
        plays(game)
        after = first.sample(4, text="a red boat", seed=1)
        assert torch.equal(before, after) == same


# Wrong captions


def chosen(game: StageOne, wrong: Tensor, times: int = 300) -> Tensor:
    """How often each caption (column) was chosen for each picture (row)."""
    counts, rows = torch.zeros(wrong.shape), torch.arange(len(wrong))
    for _ in range(times):
        counts[rows, game.others(wrong)] += 1
    return counts


def first_thing_only(said: Tensor) -> Tensor:
    """What captions say that are as short as people's: "a boat"."""
    short, column = torch.full_like(said, -1), list(scenes_data.ATTRIBUTES).index("first")
    short[:, column] = said[:, column]
    return short


def never_refuses_a_caption_that_fits(game: StageOne) -> None:
    wrong = stackgan.mismatch(scenes(32)["facts"], first_thing_only(scenes(32)["said"]))
    assert wrong.any(1).all()
    assert not chosen(game, wrong)[~wrong].any()


def test_11_a_wrong_caption_that_may_be_a_right_one():
    """The caption of the next row, as ports have it. "A tree" fits many pictures: D is punished for
    seeing that it does.
    """
    never_refuses_a_caption_that_fits(stage_one(wrong="true"))
    assert caught(never_refuses_a_caption_that_fits, stage_one(wrong="next"))


def test_11_every_caption_that_is_wrong_is_refused_in_its_turn():
    """Not only one of them: each as often as the others."""
    facts, said = torch.tensor([[0], [1], [2], [2]]), torch.tensor([[0], [1], [2], [-1]])
    wrong = stackgan.mismatch(facts, said)
    assert wrong.sum(1).tolist() == [2, 2, 2, 2]
    counts = chosen(stage_one(wrong="true"), wrong, 1000)
    assert counts[wrong].min() > 430 and not counts[~wrong].any()


def test_11_how_often_another_caption_fits():
    """The less captions say, the more the bug costs. Our scenes' say seven things on average, and
    hardly ever fit another picture; one that names a thing fits every seventh.
    """
    many = load("scenes", "train", size=16, n=1000, source="bundled")
    shares = []
    for said in (many["said"], first_thing_only(many["said"])):
        fits = ~stackgan.mismatch(many["facts"], said)
        shares.append((fits.sum() - len(fits)).item() / (len(fits) * (len(fits) - 1)))
    assert shares[0] < 0.001 and shares[1] == pytest.approx(1 / 7, abs=0.03)


# Activations


class Linear(stackgan_networks.Up):
    """An up block that has an activation and never calls it."""

    def forward(self, x, condition):
        return self.norm(self.conv(x), condition)


def run(game: StageOne) -> None:
    generator, text = game.generator, torch.randn(6, 16)
    if isinstance(game, StageTwo):
        side = SIDES[game.config.network][0]
        generator(torch.randn(6, 3, side, side), text, torch.randn(6, game.config.condition))
    else:
        generator(text, torch.randn(6, game.latent_size))


def bends_after_each_enlarging(game: StageOne) -> None:
    """What is enlarged (by the lean form's up blocks: what they hand on) and what the last layer
    gets: nowhere below 0, and somewhere 0.
    """
    seen: list[Tensor] = []
    *_, last = (layer for layer in game.generator.modules() if isinstance(layer, nn.Conv2d))
    ups = [each for each in game.generator.modules() if isinstance(each, stackgan_networks.Up)]
    for module in ups:
        module.register_forward_hook(lambda module, given, made: seen.append(made))
    for module in game.generator.modules():
        if module is last or (isinstance(module, nn.Upsample) and not ups):
            module.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    run(game)
    assert len(seen) >= 3
    for maps in seen:
        assert maps.min() == 0 < maps.max()


@pytest.mark.parametrize("network", SIDES)
@pytest.mark.parametrize("stage", [stage_one, stage_two])
def test_13_an_up_block_that_never_calls_its_activation(stage, network):
    """It runs and it learns: several layers that are one linear layer, and BatchNorm between."""
    bends_after_each_enlarging(stage(network))
    bug = stage(network)
    if network == "compact":
        modules = bug.generator.modules()
        ups = [module for module in modules if isinstance(module, stackgan_networks.Up)]
        ups[-1].__class__ = Linear
    else:
        layers = bug.generator.layers if stage is stage_one else bug.generator.up
        last = max(i for i, layer in enumerate(layers) if isinstance(layer, nn.LeakyReLU))
        layers[last] = nn.Identity()
    assert caught(bends_after_each_enlarging, bug)


def averages_are_those_of_what_it_is_given(game: StageTwo) -> None:
    """BatchNorm's running averages after one turn of G: those of Stage I's pictures alone."""
    torch.manual_seed(0)
    batch = game.share(batch_of(game))
    expected = {name: value.clone() for name, value in game.generator.named_buffers()}
    game.generator_loss(batch)
    found = dict(game.generator.named_buffers())
    for name, value in expected.items():
        if name.endswith(("running_mean", "running_var")):
            torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_two_kinds_of_pictures_through_one_batchnorm(monkeypatch):
    """Train mode looks healthy: each batch is normalised by itself. In eval mode the averages lie
    between Stage I's pictures and the spoiled real ones; the Fréchet distance was four times as
    large.
    """
    averages_are_those_of_what_it_is_given(stage_two(restore=1.0))
    monkeypatch.setattr(stackgan, "unmoved", lambda network: nullcontext())
    assert caught(averages_are_those_of_what_it_is_given, stage_two(restore=1.0))
