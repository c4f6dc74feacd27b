"""Museum, chapter 3's exhibits: each bug as public ports of InfoGAN have it, what it does, and that
ours does not.

Numbers as in the museum's list: 2 softmax before cross-entropy, 3 a third optimizer, 16 real and
fake in one BatchNorm batch, 18 N(-1, 1) for a uniform code. The others are this chapter's own.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from gancourse.chapters.infogan import Config
from gancourse.training.hardware import Machine, accelerator
from gancourse.training.loop import Play


def game(**changes):
    torch.manual_seed(0)
    return Config.at("check", "digits", **{"width": 4, "latent": 6, **changes}).build()


def pictures(n: int = 8) -> dict[str, torch.Tensor]:
    return {"image": torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1}


class Seen:
    """What the networks are given and answer while a loss is computed."""

    def __init__(self, ours):
        self.latents, self.answers, self.trunks = [], [], []
        ours.generator.register_forward_pre_hook(
            lambda module, inputs: self.latents.append(inputs[0])
        )
        ours.discriminator.register_forward_hook(
            lambda module, inputs, output: self.answers.append((inputs[0], output))
        )
        ours.discriminator.trunk.register_forward_pre_hook(
            lambda module, inputs: self.trunks.append(len(inputs[0]))
        )


PLAYERS = ("discriminator", "generator")


def test_2_a_softmax_before_the_cross_entropy():
    """The floor is ln(e + 9) - 1 = 1.46 nats, not 0: a Q that is always right and sure looks as if
    it learned little.
    """
    value = torch.arange(10)
    sure = 100 * one_hot(value, 10).float()
    floor = cross_entropy(sure.softmax(1), value)
    assert floor.item() == pytest.approx(math.log(math.e + 9) - 1, abs=1e-4), (
        "the bug is cured elsewhere"
    )
    ours = game(continuous=0)
    code = torch.zeros(10, 6), value[:, None], torch.zeros(10, 0)
    assert ours.surprise(sure, code, 1.0)["category"].item() < 1e-4
    assert ours.surprise(torch.zeros(10, 10), code, 1.0)["category"].item() == pytest.approx(
        math.log(10)
    )
    softmaxes = [
        module for module in ours.modules() if isinstance(module, (nn.Softmax, nn.LogSoftmax))
    ]
    assert softmaxes == []


def test_3_no_weight_is_moved_twice():
    """Two turns whose players share nothing, and one step of either optimizer an iteration."""
    ours = game()
    turns = [set(phase.parameters) for phase in ours.phases()]
    assert len(turns) == 2 and not turns[0] & turns[1]
    assert turns[0] | turns[1] == set(ours.parameters())
    play = Play(ours.train(), accelerator("cpu", "no"), Machine(channels_last=False))
    counted = []
    for phase, optimizer, _ in play.turns:
        optimizer.register_step_post_hook(lambda *_, name=phase.name: counted.append(name))
    play.step(pictures(), 0)
    assert counted == list(PLAYERS)


def test_3_a_third_adam_would_make_lambda_mean_nothing():
    """Adam divides by the gradient's own size: alone with the information, it moves as far at a
    thousandth of lambda.
    """

    def moved(slopes: list[float]) -> float:
        weight = nn.Parameter(torch.zeros(()))
        for slope in slopes:  # an optimizer each
            weight.grad = torch.tensor(slope)
            torch.optim.Adam([weight], lr=0.1).step()
        return weight.item()

    for information in (
        0.5,
        0.001,
    ):  # the game pulls up, the information pulls down by so much less
        assert moved([-1.0, information]) == pytest.approx(0.0, abs=1e-4), (
            "the bug is cured elsewhere"
        )
        assert moved([-1.0 + information]) == pytest.approx(0.1, abs=1e-4)
    terms = []
    for information in (0.25, 1.0):
        ours = game(information=information)
        torch.manual_seed(1)
        terms.append(ours.generator_loss(pictures()))
    for name in ("category", "continuous"):
        assert terms[1][name].item() == pytest.approx(4 * terms[0][name].item(), rel=1e-3)


def test_16_real_and_made_pictures_go_through_the_trunk_apart_and_once():
    ours = game().train()
    seen = Seen(ours)
    ours.discriminator_loss(pictures())
    assert seen.trunks == [8, 8]
    seen.trunks.clear()
    ours.generator_loss(pictures())
    assert seen.trunks == [8]


def test_18_two_limits_taken_for_a_mean_and_a_deviation():
    """`normal_(-1, 1)`: five codes in six lie below 0, so one half of the slider is hardly ever
    trained.
    """
    bug = torch.empty(20_000).normal_(-1, 1, generator=torch.Generator().manual_seed(0))
    assert (bug < 0).float().mean() > 0.8 and bug.min() < -3
    for dice in (None, torch.Generator().manual_seed(1)):
        noise, _, continuous = game().draw(20_000, dice)
        for ours in (noise, continuous):
            assert ours.min() >= -1 and ours.max() <= 1
            assert (ours < 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
            assert ours.var().item() == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("sizes", [(10,), (2, 3, 7)])
def test_every_value_of_a_category_is_drawn_equally_often(sizes):
    """`randint(0, 9)` in numpy never draws a 9, and rounding draws the outer values half as
    often.
    """
    _, category, _ = game(categories=sizes).draw(20_000, torch.Generator().manual_seed(0))
    for drawn, size in zip(category.T, sizes, strict=True):
        shares = drawn.bincount(minlength=size) / len(drawn)
        assert shares.tolist() == pytest.approx([1 / size] * size, abs=0.02)


@pytest.mark.parametrize("player", PLAYERS)
def test_q_is_asked_for_the_very_code_that_made_the_picture(player):
    """Drawn anew for the loss, or asked of real pictures, the code has nothing to do with the
    picture: Q learns nothing.
    """
    ours = game(categories=(10, 3), continuous=2)
    seen = Seen(ours)
    terms = getattr(ours, f"{player}_loss")(pictures())
    (latent,) = seen.latents
    _, guess = seen.answers[-1][1]
    first, second, means = guess[:, :10], guess[:, 10:13], guess[:, 13:]
    category = cross_entropy(first, latent[:, 6:16].argmax(1)) + cross_entropy(
        second, latent[:, 16:19].argmax(1)
    )
    continuous = (latent[:, 19:] - means).square().sum(1).mean() / 2
    assert terms["category"].item() == pytest.approx(category.item(), rel=1e-4)
    assert terms["continuous"].item() == pytest.approx(continuous.item(), rel=1e-4)
    with torch.no_grad():
        assert torch.allclose(
            seen.answers[-1][0], ours.generator(latent), atol=1e-5
        )  # and not of real pictures


@pytest.mark.parametrize("player", PLAYERS)
def test_both_players_are_paid_for_a_code_that_can_be_read(player):
    """The term is missing in one player's loss, is cut off by a detach, or has the sign of eq. 6
    without its minus.
    """
    ours = game()
    terms = getattr(ours, f"{player}_loss")(pictures())
    weights = list(getattr(ours, player).parameters())
    for name in ("category", "continuous"):
        assert terms[name].item() > 0  # a cost: going down it makes the code easier to read
        slopes = torch.autograd.grad(
            terms[name], weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        assert sum(slope.abs().sum() for slope in slopes) > 0, name


def test_q_shares_the_trunk():
    """A Q of its own doubles the work and teaches D nothing; in ours, the codes shape what D
    sees.
    """
    ours = game()
    trunk = list(ours.discriminator.trunk.parameters())
    terms = ours.discriminator_loss(pictures())
    for name in ("fake", "category", "continuous"):
        slopes = torch.autograd.grad(terms[name], trunk, retain_graph=True)
        assert all(slope.abs().sum() > 0 for slope in slopes if slope.dim() > 1), name
    heads = sum(p.numel() for p in ours.discriminator.code.parameters())
    assert heads < 0.2 * sum(p.numel() for p in ours.discriminator.parameters())


def test_the_control_only_watches():
    """With information=0 Q still learns, and changes nothing in either player: else the control is
    no control.
    """
    ours = game(information=0.0)
    terms = ours.discriminator_loss(pictures())
    trunk = list(ours.discriminator.trunk.parameters())
    slopes = torch.autograd.grad(
        terms["category"], trunk, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    assert not any(slope.any() for slope in slopes)
    assert torch.autograd.grad(terms["category"], ours.discriminator.code[0].weight)[0].any()
    assert ours.generator_loss(pictures()).keys() == {"fake"}


def test_a_learned_deviation_pays_without_end():
    """-log N(c; mean, sigma) falls for ever as sigma shrinks about a code that is easy: it drowns
    every other term.
    """
    miss = torch.tensor(0.01)
    bug = [(miss / sigma).square() / 2 + math.log(sigma) for sigma in (1.0, 0.1, 0.01)]
    assert bug[0] > bug[1] > bug[2] and bug[2] < -4
    ours = game(categories=(10,), continuous=2)
    guess = ours.discriminator(pictures()["image"])[1]
    assert guess.shape == (8, 10 + 2)  # no column left for a deviation
    continuous = torch.linspace(-1, 1, 16).view(8, 2)
    perfect = torch.cat([torch.zeros(8, 10), continuous], 1)
    code = torch.zeros(8, 6), torch.zeros(8, 1, dtype=torch.long), continuous
    assert ours.surprise(perfect, code, 1.0)["continuous"].item() == 0
    off = perfect + 0.01
    assert ours.surprise(off, code, 1.0)["continuous"].item() == pytest.approx(
        1e-4, rel=1e-3
    )  # 2 codes of .01^2 / 2


def test_the_generator_learns_faster_than_the_discriminator():
    """The authors' rates, 1e-3 and 2e-4, often stand in ports the other way round, or as one."""
    rates = {
        phase.name: phase.optimizer(phase.parameters).param_groups[0]
        for phase in Config().build().phases()
    }
    assert (rates["discriminator"]["lr"], rates["generator"]["lr"]) == (2e-4, 1e-3)
    assert all(group["betas"] == (0.5, 0.999) for group in rates.values())
