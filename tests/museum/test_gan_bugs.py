"""Museum, chapter 1's exhibits: each bug as popular code has it, what it does, and that ours does
not.

Numbers as in the museum's list: 1 BatchNorm's eps, 8 sigmoid and log, 12 integer targets, 13 the
forgotten activation, 15 samples in train mode, 16 real and fake in one BatchNorm batch, 22 clamp
in a loss.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

from gancourse.chapters.gan import Config
from gancourse.losses import log_loss, non_saturating_generator


def game(form: str = "dcgan", **changes):
    torch.manual_seed(0)
    return Config.at(
        "check", form, **{"width": 10 if form == "paper" else 4, "latent": 6, **changes}
    ).build()


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_1_eps_in_momentums_place():
    """`BatchNorm2d(n, 0.8)`: the output is not normalised at all where the input is small, as it is
    after N(0, .02).
    """
    x = 0.1 * torch.randn(256, 3, 4, 4)
    bug, right = nn.BatchNorm2d(3, 0.8), nn.BatchNorm2d(3, momentum=0.8)
    assert (
        bug.eps == 0.8
        and bug(x).std() < 0.2
        and right(x).std().item() == pytest.approx(1, abs=0.01)
    )
    for norm in norms(game()):
        assert (norm.eps, norm.momentum) == (1e-5, 0.1)


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_8_and_22_a_probability_forgets_what_a_logit_knows(logit):
    """Sigmoid, then log: at +-100 float32 has rounded D to 0 or 1.

    A clamp hides the infinity and leaves no gradient.
    """
    x = torch.full((3,), logit, requires_grad=True)
    naive = (
        -torch.log(1 - torch.sigmoid(x)).mean()
        if logit > 0
        else -torch.log(torch.sigmoid(x)).mean()
    )
    assert torch.isinf(naive) or naive > 80
    target = torch.zeros(3) if logit > 0 else torch.ones(3)
    clamped = binary_cross_entropy(torch.sigmoid(x).clamp(1e-7, 1 - 1e-7), target)
    (gradient,) = torch.autograd.grad(clamped, x)
    assert not gradient.any() and clamped < 20, "the bug is cured elsewhere"

    ours = log_loss(x, x)["fake" if logit > 0 else "real"]
    (gradient,) = torch.autograd.grad(ours, x)
    assert ours.item() == pytest.approx(100) and torch.allclose(
        gradient.abs(), torch.full((3,), 1 / 3)
    )


def test_8_one_minus_a_sigmoid_is_not_the_cross_entropy_it_is_called():
    """`loss = 1 - D(G(z))` on sigmoids is bounded, so its gradient vanishes where the generator is
    worst.
    """
    x = torch.tensor([-12.0], requires_grad=True)
    (bug,) = torch.autograd.grad((1 - torch.sigmoid(x)).mean(), x)
    (ours,) = torch.autograd.grad(non_saturating_generator(x)["fake"], x)
    assert abs(bug.item()) < 1e-4 and ours.item() == pytest.approx(-1, abs=1e-4)


def test_12_integer_targets():
    """torch refuses int64 targets today; the older cure, logits.long(), cuts the graph.

    Ours takes no target at all.
    """
    logits = torch.randn(4, requires_grad=True)
    with pytest.raises(RuntimeError, match="Float|dtype|Long"):
        binary_cross_entropy_with_logits(logits, torch.ones(4, dtype=torch.int64)).backward()
    sum(log_loss(logits, logits).values()).backward()
    assert logits.grad.abs().sum() > 0


def test_13_an_activation_that_is_built_and_never_called():
    """An up-block whose forward passes its ReLU by: two linear maps in a row, and nothing
    crashes.
    """

    class Up(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.activation = nn.ConvTranspose2d(2, 2, 4, 2, 1), nn.ReLU()

        def forward(self, x):
            return self.convolution(x)

    assert idle(Up(), torch.randn(1, 2, 4, 4)) == ["activation"]
    for form in ("paper", "mlp", "dcgan"):
        ours = game(form)
        assert (
            idle(ours.generator, torch.randn(2, 6)) == [] == idle(ours.discriminator, pictures(2))
        )


def idle(network: nn.Module, x: torch.Tensor) -> list[str]:
    """Names of the leaf modules that a forward pass does not call."""
    called = set()
    leaves = {
        name: module for name, module in network.named_modules() if not list(module.children())
    }
    for name, module in leaves.items():
        module.register_forward_hook(lambda module, inputs, output, name=name: called.add(name))
    network(x)
    return sorted(leaves.keys() - called)


def test_15_a_picture_that_depends_on_its_neighbours():
    """Drawn in train mode, the first of 16 pictures is not the first of 2, and drawing moves
    BatchNorm's statistics.
    """
    ours, latent = game().train(), torch.randn(16, 6, generator=torch.Generator().manual_seed(1))
    before = [norm.running_var.clone() for norm in norms(ours.generator)]
    assert torch.allclose(ours.sample(latent=latent)[:2], ours.sample(latent=latent[:2]), atol=1e-6)
    assert all(
        torch.equal(norm.running_var, value)
        for norm, value in zip(norms(ours.generator), before, strict=True)
    )
    with torch.no_grad():  # the bug
        assert not torch.allclose(ours.generator(latent)[:2], ours.generator(latent[:2]), atol=1e-3)
    assert not torch.equal(norms(ours.generator)[0].running_var, before[0])


def test_15_dropout_that_never_sleeps():
    """`F.dropout(x)` without `training=self.training` stays awake in eval mode."""
    x = torch.ones(100)
    assert (nn.functional.dropout(x) == 0).any(), "the bug is cured elsewhere"
    ours = game("paper").eval()
    assert torch.equal(ours.discriminator(pictures(4)), ours.discriminator(pictures(4)))


def test_16_joined_in_one_batch_the_fakes_change_what_is_said_of_the_real():
    ours = game().train()
    real, fake = pictures(8), -torch.ones(8, 1, 28, 28)
    with torch.no_grad():
        apart, joined = ours.discriminator(real), ours.discriminator(torch.cat([real, fake]))[:8]
    assert not torch.allclose(apart, joined, atol=1e-3), "the bug is cured elsewhere"
    seen = []
    ours.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    ours.discriminator_loss({"image": real})
    assert seen == [8, 8]
