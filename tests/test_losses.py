"""Losses against their formulas on probabilities.

In float64, where probabilities near 0 and 1 can still be told from 0 and 1.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from gancourse.losses import (
    LOSSES,
    AdversarialLoss,
    gradient_penalty,
    slope,
    zero_centred,
)


def logits(n: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, FAKE = logits(512, 0), logits(512, 1)
D_REAL, D_FAKE = 1 / (1 + torch.exp(-REAL)), 1 / (1 + torch.exp(-FAKE))

# name -> (discriminator's terms, generator's term), in D(x) = sigmoid(u) and plain arithmetic
FORMULAS = {
    "non-saturating": (
        {"real": -D_REAL.log().mean(), "fake": -(1 - D_FAKE).log().mean()},
        {"fake": -D_FAKE.log().mean()},
    ),
    "minimax": (
        {"real": -D_REAL.log().mean(), "fake": -(1 - D_FAKE).log().mean()},
        {"fake": (1 - D_FAKE).log().mean()},
    ),
    "least-squares": (
        {"real": ((REAL - 1) ** 2).mean() / 2, "fake": (FAKE**2).mean() / 2},
        {"fake": ((FAKE - 1) ** 2).mean() / 2},
    ),
    "hinge": (
        {
            "real": torch.maximum(1 - REAL, torch.zeros(())).mean(),
            "fake": torch.maximum(1 + FAKE, torch.zeros(())).mean(),
        },
        {"fake": -FAKE.mean()},
    ),
    "wasserstein": ({"real": -REAL.mean(), "fake": FAKE.mean()}, {"fake": -FAKE.mean()}),
    "relativistic": (
        {"pair": -(1 / (1 + torch.exp(FAKE - REAL))).log().mean()},
        {"pair": -(1 / (1 + torch.exp(REAL - FAKE))).log().mean()},
    ),
}


def test_every_loss_has_a_formula_here():
    assert LOSSES.keys() == FORMULAS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_terms_are_the_formulas(name):
    for terms, expected in zip(
        (LOSSES[name].discriminator(REAL, FAKE), LOSSES[name].generator(FAKE, REAL)),
        FORMULAS[name],
        strict=True,
    ):
        assert terms.keys() == expected.keys()
        for key, value in expected.items():
            assert terms[key].item() == pytest.approx(value.item(), rel=1e-9), f"{name} {key}"


@pytest.mark.parametrize("name", FORMULAS)
def test_terms_are_scalars_with_a_gradient_for_any_shape_of_logits(name):
    for shape in ((7,), (7, 1), (2, 1, 3, 3)):  # per picture, or per patch
        real, fake = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
        for terms in (LOSSES[name].discriminator(real, fake), LOSSES[name].generator(fake, real)):
            for value in terms.values():
                assert value.shape == () and value.requires_grad


@pytest.mark.parametrize("name", FORMULAS)
def test_only_a_loss_that_pairs_needs_the_real_logits_for_its_generator(name):
    if LOSSES[name].pairs:
        with pytest.raises(TypeError):
            LOSSES[name].generator(FAKE, None)
    else:
        assert LOSSES[name].generator(FAKE, None) == LOSSES[name].generator(FAKE, REAL)


def test_log_losses_are_binary_cross_entropy_with_targets_1_and_0():
    ones, zeros = torch.ones(512), torch.zeros(512)
    discriminator = LOSSES["non-saturating"].discriminator(REAL, FAKE)
    assert discriminator["real"].item() == pytest.approx(bce(REAL, ones.double()).item(), rel=1e-12)
    assert discriminator["fake"].item() == pytest.approx(
        bce(FAKE, zeros.double()).item(), rel=1e-12
    )
    assert LOSSES["non-saturating"].generator(FAKE)["fake"].item() == pytest.approx(
        bce(FAKE, ones.double()).item(), rel=1e-12
    )


def test_values_of_a_discriminator_that_knows_nothing():
    zeros = torch.zeros(9)
    chance = {
        "non-saturating": (2 * math.log(2), math.log(2)),
        "minimax": (2 * math.log(2), -math.log(2)),
        "least-squares": (1 / 2, 1 / 2),
        "hinge": (2, 0),
        "wasserstein": (0, 0),
        "relativistic": (math.log(2), math.log(2)),
    }
    for name, rules in LOSSES.items():
        got = (
            sum(rules.discriminator(zeros, zeros).values()).item(),
            sum(rules.generator(zeros, zeros).values()).item(),
        )
        assert got == pytest.approx(chance[name]), name


def wrong_side(rules: AdversarialLoss, size: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(loss, logits) of players that are entirely wrong.

    D calls real pictures fake, D calls fakes real, and G's fakes are recognised.
    """
    real, fake = (
        torch.full((4,), -size, requires_grad=True),
        torch.full((4,), size, requires_grad=True),
    )
    seen = torch.full((4,), -size, requires_grad=True)
    return [
        (sum(rules.discriminator(real, fake.detach()).values()), real),
        (sum(rules.discriminator(real.detach(), fake).values()), fake),
        (sum(rules.generator(seen, -seen.detach()).values()), seen),
    ]


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "minimax"])
@pytest.mark.parametrize("size", [100.0, 1000.0])
def test_the_loss_of_a_wrong_player_is_finite_and_has_a_gradient(name, size):
    """Museum 8 and 22: at +-100 a sigmoid rounds to 0 or 1, and its log is infinite.

    A clamp against that leaves no gradient.
    """
    for loss, logit in wrong_side(LOSSES[name], size):
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(logit.grad).all()
        assert (logit.grad.abs() > 1e-3).all(), "no gradient where the player is most wrong"


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_logits_stay_finite_in_either_direction(name, sign):
    real, fake = (torch.full((4,), side * sign * 100.0, requires_grad=True) for side in (1, -1))
    for terms in (LOSSES[name].discriminator(real, fake), LOSSES[name].generator(fake, real)):
        total = sum(terms.values())
        total.backward()
        assert torch.isfinite(total)
    assert torch.isfinite(real.grad).all() and torch.isfinite(fake.grad).all()


def test_minimax_gives_no_gradient_where_the_generator_needs_it_and_non_saturating_does():
    """d/du log(1 - sigmoid u) = -D vanishes at D = 0, d/du -log sigmoid u = D - 1 does not."""
    for logit in (-12.0, -6.0, 0.0, 3.0):
        expected = 1 / (1 + math.exp(-logit))
        slopes = {}
        for name in ("minimax", "non-saturating"):
            fake = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
            (slopes[name],) = torch.autograd.grad(LOSSES[name].generator(fake, None)["fake"], fake)
        assert slopes["minimax"].item() == pytest.approx(-expected, rel=1e-9)
        assert slopes["non-saturating"].item() == pytest.approx(-(1 - expected), rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_gains_in_the_right_direction(name):
    """A step down its own loss: D raises real and lowers fake, G raises fake."""
    real, fake = torch.zeros(5, requires_grad=True), torch.zeros(5, requires_grad=True)
    sum(LOSSES[name].discriminator(real, fake).values()).backward()
    assert (
        (real.grad <= 0).all()
        and (fake.grad >= 0).all()
        and (real.grad.abs() + fake.grad.abs() > 0).all()
    )
    fake = torch.zeros(5, requires_grad=True)
    sum(LOSSES[name].generator(fake, torch.zeros(5)).values()).backward()
    assert (fake.grad < 0).all()


def test_relativistic_pairs_do_not_feel_a_shift_of_all_logits():
    rules = LOSSES["relativistic"]
    for shift in (-50.0, 7.0):
        for before, after in (
            (rules.discriminator(REAL, FAKE), rules.discriminator(REAL + shift, FAKE + shift)),
            (rules.generator(FAKE, REAL), rules.generator(FAKE + shift, REAL + shift)),
        ):
            assert after["pair"].item() == pytest.approx(before["pair"].item(), rel=1e-12)


def test_slope_of_each_input_is_its_own():
    x = torch.randn(6, 2, 3)
    assert torch.allclose(slope(lambda x: (x**3).flatten(1).sum(1), x), 3 * x**2)


def test_r1_of_a_linear_discriminator_is_half_its_squared_weights():
    weights = torch.tensor([3.0, -4.0], requires_grad=True)
    penalty = zero_centred(lambda x: x @ weights + 7, torch.randn(10, 2))
    assert penalty.item() == pytest.approx(25 / 2)
    (gradient,) = torch.autograd.grad(penalty, weights)
    assert torch.allclose(gradient, weights)  # d/dw |w|^2 / 2 = w: the penalty can be trained on


def test_r1_of_a_quadratic_discriminator_is_its_squared_distance():
    """D(x) = a |x|^2 / 2 has slope a x, so the penalty is a^2 E|x|^2 / 2, over all pixels."""
    a, x = torch.tensor(1.5, requires_grad=True), torch.randn(8, 1, 4, 4)
    penalty = zero_centred(lambda x: a * x.flatten(1).square().sum(1) / 2, x)
    distance = x.flatten(1).square().sum(1).mean()
    assert penalty.item() == pytest.approx((a**2 * distance / 2).item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(penalty, a)
    assert gradient.item() == pytest.approx((a * distance).item(), rel=1e-5)


def test_penalties_leave_no_gradient_on_the_pictures():
    fake = torch.randn(4, 2, requires_grad=True)
    weights = torch.randn(2, requires_grad=True)
    zero_centred(lambda x: x @ weights, fake).backward()
    assert fake.grad is None and weights.grad is not None


@pytest.mark.parametrize("length", [1.0, 3.0, 0.25])
def test_gradient_penalty_of_a_linear_critic_is_its_slopes_distance_from_1(length):
    weights = length * torch.tensor([0.6, 0.8])
    penalty = gradient_penalty(lambda x: x @ weights, torch.randn(32, 2), torch.randn(32, 2))
    assert penalty.item() == pytest.approx((length - 1) ** 2, abs=1e-6)


def test_gradient_penalty_looks_between_each_real_and_its_fake():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = torch.zeros(500, 1, 2, 2), torch.ones(500, 1, 2, 2)
    gradient_penalty(critic, real, fake)
    (points,) = seen
    assert points.shape == real.shape
    t = points.flatten(1)
    assert torch.equal(t.amax(1), t.amin(1)), "one t per picture, not per pixel"
    assert t.min() >= 0 and t.max() <= 1
    assert t[:, 0].std() == pytest.approx(12**-0.5, rel=0.1)  # as of a uniform distribution
