"""Adversarial losses on logits, each beside the formula it equals.

A discriminator returns a logit u, so D(x) = sigmoid(u) is its probability that x is real. Written on logits, every loss
keeps its precision and its gradient where a probability would have rounded to exactly 0 or 1. Two identities do the work:

    softplus(-u) = -log sigmoid(u) = -log D         softplus(u) = -log(1 - sigmoid(u)) = -log(1 - D)

Each function returns its terms by name, as scalars to be summed; the names are what the training record shows. All
logits are float tensors of shape (N, ...), one value a picture or a patch.
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
    """The two players' losses. `generator(fake, real)` may ignore `real`; `pairs` says that it does not."""

    discriminator: Callable[[Tensor, Tensor], Terms]  # (real logits, fake logits)
    generator: Callable[[Tensor, Tensor | None], Terms]  # (fake logits, real logits)
    pairs: bool = False


def log_loss(real: Tensor, fake: Tensor) -> Terms:
    """Goodfellow et al. 2014, eq. 1, negated. A discriminator that knows nothing pays 2 ln 2 = 1.386 nats."""
    return {
        "real": softplus(-real).mean(),  # -log D(x)
        "fake": softplus(fake).mean(),  # -log(1 - D(G(z)))
    }


def non_saturating_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Goodfellow et al. 2014, section 3: maximise log D(G(z)). The gradient is largest where D is sure of itself."""
    return {"fake": softplus(-fake).mean()}  # -log D(G(z))


def minimax_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Goodfellow et al. 2014, eq. 1: minimise log(1 - D(G(z))), whose gradient vanishes where D is sure of itself."""
    return {"fake": -softplus(fake).mean()}  # log(1 - D(G(z)))


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Mao et al. 2017 (LSGAN), eq. 9: targets 1 for real and 0 for fake, on the logit itself."""
    return {"real": (real - 1).square().mean() / 2, "fake": fake.square().mean() / 2}


def least_squares_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    return {"fake": (fake - 1).square().mean() / 2}


def hinge_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Lim & Ye 2017; Miyato et al. 2018, eq. 16: no reward for a margin beyond 1."""
    return {"real": relu(1 - real).mean(), "fake": relu(1 + fake).mean()}


def critic_loss(real: Tensor, fake: Tensor) -> Terms:
    """Arjovsky et al. 2017 (WGAN), eq. 2, negated. Needs a 1-Lipschitz critic: add `gradient_penalty`."""
    return {"real": -real.mean(), "fake": fake.mean()}


def critic_generator(fake: Tensor, real: Tensor | None = None) -> Terms:
    """Minimise -D(G(z)): the generator of WGAN and of the hinge loss."""
    return {"fake": -fake.mean()}


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Terms:
    """Jolicoeur-Martineau 2018 (relativistic pairing); Huang et al. 2024 (R3GAN), section 2: which of a pair is real?

    Pairing each fake with a real picture leaves no way to win by one threshold for all of them, so dropping a mode no
    longer pays. Add `zero_centred` on both sides (R1 + R2), without which it need not converge.
    """
    return {"pair": softplus(fake - real).mean()}  # -log sigmoid(D(x) - D(G(z)))


def relativistic_generator(fake: Tensor, real: Tensor | None) -> Terms:
    return {"pair": softplus(real - fake).mean()}  # -log sigmoid(D(G(z)) - D(x))


LOSSES: dict[str, AdversarialLoss] = {
    "non-saturating": AdversarialLoss(log_loss, non_saturating_generator),
    "minimax": AdversarialLoss(log_loss, minimax_generator),
    "least-squares": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "hinge": AdversarialLoss(hinge_discriminator, critic_generator),
    "wasserstein": AdversarialLoss(critic_loss, critic_generator),
    "relativistic": AdversarialLoss(relativistic_discriminator, relativistic_generator, pairs=True),
}


def slope(discriminator: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """The gradient of each logit by its own input, shape of `inputs`, itself differentiable.

    Summing the logits before differentiating gives every input its own gradient only if no logit sees another's input:
    no BatchNorm in the discriminator.
    """
    inputs = inputs.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
    return gradient


def zero_centred(discriminator: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Mean squared slope over 2: R1 on real inputs, R2 on fake ones (Mescheder et al. 2018, eq. 9 and 10)."""
    return slope(discriminator, inputs).flatten(1).square().sum(1).mean() / 2  # E |grad D|^2 / 2


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
) -> Tensor:
    """Gulrajani et al. 2017 (WGAN-GP), eq. 3: slope 1 on random points between a real and a fake input."""
    t = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    between = t * real + (1 - t) * fake
    return (
        (slope(discriminator, between).flatten(1).norm(dim=1) - 1).square().mean()
    )  # E (|grad D| - 1)^2


def penalties(judge: Critic, real: Tensor, fake: Tensor, *, r1=0.0, r2=0.0, slope=0.0) -> Terms:
    """The discriminator's penalties that have a weight above 0, each times its weight."""
    terms = {}
    if r1:
        terms["r1"] = r1 * zero_centred(judge, real)
    if r2:
        terms["r2"] = r2 * zero_centred(judge, fake)
    if slope:
        terms["slope"] = slope * gradient_penalty(judge, real, fake)
    return terms
