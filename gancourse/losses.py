"""Adversarial losses on logits, each beside the formula it implements.

A discriminator returns a logit u, and D(x) = sigmoid(u) is its probability that x is real.
On logits, a loss keeps its precision and its gradient where a probability would have been
rounded to exactly 0 or 1. Two identities are all it takes:

    softplus(-u) = -log sigmoid(u) = -log D
    softplus(u) = -log(1 - sigmoid(u)) = -log(1 - D)

Each function returns named scalar terms, to be summed; the training record shows them under
these names. Logits are float tensors of shape (N, ...), one value per picture or patch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Terms = dict[str, Tensor]
Critic = Callable[[Tensor], Tensor]  # inputs (N, ...) -> logits


class AdversarialLoss(NamedTuple):
    """The losses of the two players.

    Attributes:
        discriminator: (real logits, fake logits) -> terms.
        generator: (fake logits, real logits) -> terms.
        pairs: the generator's loss needs the real logits. Otherwise they may be None.
    """

    discriminator: Callable[[Tensor, Tensor], Terms]
    generator: Callable[[Tensor, Tensor | None], Terms]
    pairs: bool = False


def log_loss(real: Tensor, fake: Tensor) -> Terms:
    """Goodfellow et al. 2014, eq. 1, negated.

    A discriminator that always answers D = 1/2 pays 2 ln 2 = 1.386 nats.
    """
    return {
        "real": softplus(-real).mean(),  # -log D(x)
        "fake": softplus(fake).mean(),  # -log(1 - D(G(z)))
    }


def non_saturating_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Goodfellow et al. 2014, section 3: maximise log D(G(z)).

    The gradient is largest where D is sure that the picture is fake.
    """
    return {"fake": softplus(-fake).mean()}  # -log D(G(z))


def minimax_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Goodfellow et al. 2014, eq. 1: minimise log(1 - D(G(z))).

    The gradient vanishes where D is sure that the picture is fake.
    """
    return {"fake": -softplus(fake).mean()}  # log(1 - D(G(z)))


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Mao et al. 2017 (LSGAN), eq. 9: targets 1 for real and 0 for fake, on the logit itself."""
    return {"real": (real - 1).square().mean() / 2, "fake": fake.square().mean() / 2}


def least_squares_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Mao et al. 2017 (LSGAN), eq. 9: the generator wants 1 for its fakes."""
    return {"fake": (fake - 1).square().mean() / 2}


def hinge_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Lim & Ye 2017; Miyato et al. 2018, eq. 16: a margin beyond 1 earns nothing."""
    return {"real": relu(1 - real).mean(), "fake": relu(1 + fake).mean()}


def critic_loss(real: Tensor, fake: Tensor) -> Terms:
    """Arjovsky et al. 2017 (WGAN), eq. 2, negated.

    The critic must be 1-Lipschitz: add `gradient_penalty`.
    """
    return {"real": -real.mean(), "fake": fake.mean()}


def critic_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Minimise -D(G(z)), as WGAN and the hinge loss do."""
    return {"fake": -fake.mean()}


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Which picture of a pair is the real one?

    Jolicoeur-Martineau 2018 (relativistic pairing); Huang et al. 2024 (R3GAN), sect. 2.
    Each fake is compared with a real picture, so no single threshold separates them
    all, and dropping a mode no longer pays. Add `zero_centred` on both sides (R1 + R2):
    without it the game need not converge.
    """
    return {"pair": softplus(fake - real).mean()}  # -log sigmoid(D(x) - D(G(z)))


def relativistic_generator(fake: Tensor, real: Tensor | None) -> Terms:
    """The same comparison, won by the fake."""
    return {"pair": softplus(real - fake).mean()}  # -log sigmoid(D(G(z)) - D(x))


LOSSES: dict[str, AdversarialLoss] = {
    "non-saturating": AdversarialLoss(log_loss, non_saturating_generator),
    "minimax": AdversarialLoss(log_loss, minimax_generator),
    "least-squares": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "hinge": AdversarialLoss(hinge_discriminator, critic_generator),
    "wasserstein": AdversarialLoss(critic_loss, critic_generator),
    "relativistic": AdversarialLoss(relativistic_discriminator, relativistic_generator, pairs=True),
}


def slope(discriminator: Critic, inputs: Tensor) -> Tensor:
    """The gradient of each logit with respect to its own input, itself differentiable.

    It has the shape of `inputs`. One differentiation of the summed logits gives every
    input its own gradient only if no logit depends on another's input, so the
    discriminator must not have BatchNorm.
    """
    inputs = inputs.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
    return gradient


def zero_centred(discriminator: Critic, inputs: Tensor) -> Tensor:
    """Half the mean squared slope: R1 on real inputs, R2 on fake ones.

    Mescheder et al. 2018, eq. 9 and 10.
    """
    gradient = slope(discriminator, inputs).flatten(1)
    return gradient.square().sum(1).mean() / 2  # E |grad D|^2 / 2


def gradient_penalty(discriminator: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Slope 1 at random points between real and fake inputs.

    Gulrajani et al. 2017 (WGAN-GP), eq. 3.
    """
    one_each = len(real), *[1] * (real.dim() - 1)  # (N, 1, 1, 1) for pictures
    t = torch.rand(one_each, device=real.device, dtype=real.dtype)
    between = t * real + (1 - t) * fake
    length = slope(discriminator, between).flatten(1).norm(dim=1)
    return (length - 1).square().mean()  # E (|grad D| - 1)^2


def penalties(judge: Critic, real: Tensor, fake: Tensor, *, r1=0.0, r2=0.0, slope=0.0) -> Terms:
    """The discriminator's penalties whose weight is above 0, each times its weight."""
    terms = {}
    if r1:
        terms["r1"] = r1 * zero_centred(judge, real)
    if r2:
        terms["r2"] = r2 * zero_centred(judge, fake)
    if slope:
        terms["slope"] = slope * gradient_penalty(judge, real, fake)
    return terms
