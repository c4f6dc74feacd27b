"""Chapter 1's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gancourse.school.exercises import gan as check
from gancourse.school.exercises.turns import RATE
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- discriminator_loss ---


@right(check.discriminator_loss)
def usual(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@right(check.discriminator_loss)
def with_logits_over_one_batch(real, fake):
    targets = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return 2 * F.binary_cross_entropy_with_logits(torch.cat([real, fake]), targets)


@right(check.discriminator_loss)
class AsAModuleWithTerms(nn.Module):
    def forward(self, real, fake):
        return {
            "real": -F.logsigmoid(real).mean(),
            "fake": torch.logaddexp(fake, torch.zeros(())).mean(),
        }


@right(check.discriminator_loss)
def by_the_formula_and_a_loop(logits_real, logits_fake):
    terms = [u.clamp(min=0) - u + torch.log1p(torch.exp(-abs(u))) for u in logits_real]
    terms += [u.clamp(min=0) + torch.log1p(torch.exp(-abs(u))) for u in logits_fake]
    return sum(terms) / len(logits_real)


@wrong(check.discriminator_loss, "rounds to 0 or 1", "slope")
def sigmoid_then_bce(real, fake):
    """Museum 8. PyTorch clamps the logarithm at -100: the value is right, the gradient is not."""
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return F.binary_cross_entropy(real.sigmoid(), one) + F.binary_cross_entropy(
        fake.sigmoid(), zero
    )


wrong(check.discriminator_loss, "log 0", "-100")(
    lambda real, fake: -(torch.log(real.sigmoid()) + torch.log(1 - fake.sigmoid())).mean()
)


@wrong(check.discriminator_loss, "only hides it")
def logarithm_with_an_epsilon(real, fake):
    return -(torch.log(real.sigmoid() + 1e-8) + torch.log(1 - fake.sigmoid() + 1e-8)).mean()


@wrong(check.discriminator_loss, "only hides it")
def clamped_logits(real, fake):
    """Museum 22."""
    return usual(real.clamp(-20, 20), fake.clamp(-20, 20))


wrong(check.discriminator_loss, "sigmoid(u)")(
    lambda real, fake: -(torch.log(real) + torch.log(1 - fake)).mean()
)


@wrong(check.discriminator_loss, "Long", "float", "line")
def whole_number_targets(real, fake):
    """Museum 12."""
    ones, zeros = torch.ones(len(real), dtype=torch.long), torch.zeros(len(fake), dtype=torch.long)
    return F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(
        fake, zeros
    )


wrong(check.discriminator_loss, "gradient", ".item()")(lambda real, fake: usual(real, fake).item())


@wrong(check.discriminator_loss, "NumPy")
def in_numpy(real, fake):
    real, fake = real.numpy(), fake.numpy()
    return np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()


# --- generator_loss ---


right(check.generator_loss)(lambda fake: -F.logsigmoid(fake).mean())
right(check.generator_loss)(lambda fake: nn.BCEWithLogitsLoss()(fake, torch.ones_like(fake)))


@right(check.generator_loss)
class AsAnObject:
    def __call__(self, u):
        return torch.stack([u * 0, -u]).logsumexp(0).sum() / u.numel()


wrong(check.generator_loss, "slope", "clamp")(
    lambda fake: F.binary_cross_entropy(fake.sigmoid(), torch.ones_like(fake))
)


@wrong(check.generator_loss, "-log")
def one_minus_d(fake):
    """Museum 8: 1 - D(x) called BCE."""
    return (1 - fake.sigmoid()).mean()


# --- latents ---


@right(check.latents)
def from_a_generator(n, size, seed):
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


right(check.latents)(
    lambda n, size, seed: np.random.default_rng(seed).standard_normal((n, size), dtype=np.float32)
)


@right(check.latents)
def from_python(n, size, seed):
    dice = random.Random(seed)
    return torch.tensor([[dice.gauss(0, 1) for _ in range(size)] for _ in range(n)])


@right(check.latents)
def with_the_global_dice_put_back(n, size, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.empty(n, size).normal_()


@wrong(check.latents, "uniform", "mean")
def uniform(n, size, seed):
    return torch.rand(n, size, generator=torch.Generator().manual_seed(seed))


@wrong(check.latents, "uniform", "standard deviation 0.57")
def uniform_on_both_sides(n, size, seed):
    return 2 * uniform(n, size, seed) - 1


wrong(check.latents, "tails")(
    lambda n, size, seed: math.sqrt(3) * uniform_on_both_sides(n, size, seed)
)


@wrong(check.latents, "mean")
def centred_elsewhere(n, size, seed):
    """Museum 18."""
    return from_a_generator(n, size, seed) - 1


@wrong(check.latents, "random state")
def rewinding_the_program(n, size, seed):
    torch.manual_seed(seed)
    return torch.randn(n, size)


@wrong(check.latents, "random state")
def rewinding_numpy(n, size, seed):
    np.random.seed(seed)  # noqa: NPY002 - the mistake under test
    return np.random.randn(n, size).astype("float32")  # noqa: NPY002


wrong(check.latents, "same latents")(lambda n, size, seed: torch.randn(n, size))
wrong(check.latents, "seed used")(lambda n, size, seed: from_a_generator(n, size, 0))
wrong(check.latents, "shape", "changed places")(
    lambda n, size, seed: from_a_generator(size, n, seed)
)
wrong(check.latents, "repeat")(
    lambda n, size, seed: from_a_generator(1, size, seed).expand(n, size)
)
wrong(check.latents, "repeat")(lambda n, size, seed: from_a_generator(n, 1, seed).expand(n, size))


@wrong(check.latents, "correlation")
def coordinates_that_move_together(n, size, seed):
    z = from_a_generator(n, size, seed)
    return (z + z.roll(1, 1)) / math.sqrt(2)


wrong(check.latents, "float64")(
    lambda n, size, seed: np.random.default_rng(seed).standard_normal((n, size))
)
wrong(check.latents, "tensor")(lambda n, size, seed: from_a_generator(n, size, seed).tolist())


# --- discriminator_step ---


def d_loss(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@right(check.discriminator_step)
def detached(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad()
    loss = d_loss(discriminator(real), discriminator(generator(z).detach()))
    loss.backward()
    optimizer.step()
    return loss.item()


@right(check.discriminator_step)
def two_ways_back(generator, discriminator, optimizer, real, z):
    """As in the DCGAN tutorial: each half by itself, the gradients add up."""
    with torch.no_grad():
        fake = generator(z)
    discriminator.zero_grad()
    F.softplus(discriminator(fake)).mean().backward()
    F.softplus(-discriminator(real)).mean().backward()
    optimizer.step()


@right(check.discriminator_step)
def one_batch_and_a_closure(generator, discriminator, optimizer, real, z):
    generator.requires_grad_(False)
    together = torch.cat([real, generator(z)])
    generator.requires_grad_(True)

    def closure():
        optimizer.zero_grad()
        loss = d_loss(*discriminator(together).chunk(2))
        loss.backward()
        return loss

    return optimizer.step(closure)


@wrong(check.discriminator_step, "gradients in the generator", "Where should the way back end")
def not_detached(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad()
    d_loss(discriminator(real), discriminator(generator(z))).backward()
    optimizer.step()


@wrong(check.discriminator_step, "gradients in the generator", "wasted")
def cleared_afterwards(generator, discriminator, optimizer, real, z):
    not_detached(generator, discriminator, optimizer, real, z)
    generator.zero_grad()


@wrong(check.discriminator_step, "old gradient", "adds gradients up")
def not_cleared(generator, discriminator, optimizer, real, z):
    d_loss(discriminator(real), discriminator(generator(z).detach())).backward()
    optimizer.step()
    optimizer.zero_grad()


@wrong(check.discriminator_step, "did not move", "after the new gradient")
def cleared_too_late(generator, discriminator, optimizer, real, z):
    d_loss(discriminator(real), discriminator(generator(z).detach())).backward()
    optimizer.zero_grad()
    optimizer.step()


@wrong(check.discriminator_step, "did not move", "step taken")
def no_step(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad()
    d_loss(discriminator(real), discriminator(generator(z).detach())).backward()


@wrong(check.discriminator_step, "old gradient", "before the step")
def step_first(generator, discriminator, optimizer, real, z):
    optimizer.step()
    optimizer.zero_grad()
    d_loss(discriminator(real), discriminator(generator(z).detach())).backward()


@wrong(check.discriminator_step, "generator changed", "nobody knows")
def both_move(generator, discriminator, optimizer, real, z):
    detached(generator, discriminator, optimizer, real, z)
    with torch.no_grad():
        next(generator.parameters()).sub_(0.1)


@wrong(check.discriminator_step, "generator was left frozen")
def g_left_frozen(generator, discriminator, optimizer, real, z):
    generator.requires_grad_(False)
    detached(generator, discriminator, optimizer, real, z)


@wrong(check.discriminator_step, "generator was left in eval mode")
def g_left_in_eval_mode(generator, discriminator, optimizer, real, z):
    generator.eval()
    detached(generator, discriminator, optimizer, real, z)


@wrong(check.discriminator_step, "2 steps")
def a_step_for_each_half(generator, discriminator, optimizer, real, z):
    """Museum 23."""
    for loss in (
        lambda: F.softplus(-discriminator(real)),
        lambda: F.softplus(discriminator(generator(z).detach())),
    ):
        optimizer.zero_grad()
        loss().mean().backward()
        optimizer.step()


@wrong(check.discriminator_step, "optimizer that it was given")
def an_optimizer_of_its_own(generator, discriminator, optimizer, real, z):
    detached(generator, discriminator, torch.optim.Adam(discriminator.parameters()), real, z)


@wrong(check.discriminator_step, "earlier exercise")
def with_a_loss_that_is_not_written(generator, discriminator, optimizer, real, z):
    loss = None
    loss.backward()


# --- generator_step ---


@right(check.generator_step)
def g_usual(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    F.softplus(-discriminator(generator(z))).mean().backward()
    optimizer.step()


@right(check.generator_step)
def with_a_frozen_discriminator(generator, discriminator, optimizer, z):
    discriminator.requires_grad_(False)
    generator.zero_grad(set_to_none=False)
    fake = generator(z)
    F.binary_cross_entropy_with_logits(discriminator(fake), torch.ones(len(z))).backward()
    discriminator.requires_grad_(True)
    optimizer.step()
    discriminator.zero_grad()


@right(check.generator_step)
def by_the_chain_rule(generator, discriminator, optimizer, z):
    fake = generator(z)
    seen = fake.detach().requires_grad_()
    (slope,) = torch.autograd.grad(F.softplus(-discriminator(seen)).mean(), seen)
    optimizer.zero_grad()
    fake.backward(slope)
    optimizer.step()


@wrong(check.generator_step, "did not move", "graph cut")
def g_fake_detached(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    F.softplus(-discriminator(generator(z).detach())).mean().backward()
    optimizer.step()


@wrong(check.generator_step, "RuntimeError", "graph was cut", "backward")
def g_without_graph(generator, discriminator, optimizer, z):
    with torch.no_grad():
        loss = F.softplus(-discriminator(generator(z))).mean()
    loss.backward()


@wrong(check.generator_step, "discriminator was left frozen")
def d_left_frozen(generator, discriminator, optimizer, z):
    discriminator.requires_grad_(False)
    g_usual(generator, discriminator, optimizer, z)


@wrong(check.generator_step, "discriminator changed")
def d_moves_too(generator, discriminator, optimizer, z):
    g_usual(generator, discriminator, optimizer, z)
    torch.optim.SGD(discriminator.parameters(), lr=0.1).step()


@wrong(check.generator_step, "2 steps")
def twice_an_iteration(generator, discriminator, optimizer, z):
    """Museum 3."""
    g_usual(generator, discriminator, optimizer, z)
    g_usual(generator, discriminator, optimizer, z)


# --- modes_covered ---


right(check.modes_covered)(
    lambda points, centres, std: (torch.cdist(centres, points) <= 3 * std).any(1).sum()
)


@right(check.modes_covered)
def in_plain_python(points, centres, std):
    hit = {
        k
        for x, y in points.tolist()
        for k, (a, b) in enumerate(centres.tolist())
        if math.dist((x, y), (a, b)) <= 3 * std
    }
    return len(hit)


@right(check.modes_covered)
def by_mahalanobis_in_numpy(points, centres, std):
    away = (points.numpy()[None] - centres.numpy()[:, None]) / std
    return np.sum(np.min(np.sum(away**2, axis=-1), axis=1) <= 9)


wrong(check.modes_covered, "each mode in turn")(
    lambda points, centres, std: (torch.cdist(points, centres) <= 0.06).any(0).sum()
)


# --- ema_update ---


@right(check.ema_update)
@torch.no_grad()
def by_lerp(average, network, decay):
    for a, b in zip(average.parameters(), network.parameters(), strict=True):
        a.lerp_(b, 1 - decay)
    for a, b in zip(average.buffers(), network.buffers(), strict=True):
        a.copy_(b)


@right(check.ema_update)
def by_state_dict(average, network, decay):
    theirs = network.state_dict()
    mixed = {
        name: decay * value + (1 - decay) * theirs[name]
        for name, value in average.state_dict().items()
    }
    average.load_state_dict(mixed)


@right(check.ema_update)
def as_a_new_module(average, network, decay):
    mixed = copy.deepcopy(network)
    for name, parameter in mixed.named_parameters():
        parameter.data = decay * average.get_parameter(name).data + (1 - decay) * parameter.data
    return mixed


@right(check.ema_update)
def of_a_frozen_average(average, network, decay):
    average.requires_grad_(False)
    by_state_dict(average, network, decay)


def copy_buffers(average, network):
    for a, b in zip(average.buffers(), network.buffers(), strict=True):
        a.copy_(b)


@wrong(check.ema_update, "buffers", "running_mean")
@torch.no_grad()
def parameters_only(average, network, decay):
    for a, b in zip(average.parameters(), network.parameters(), strict=True):
        a.lerp_(b, 1 - decay)


@wrong(check.ema_update, "network changed", "never the other way")
def the_other_way(average, network, decay):
    by_lerp(network, average, decay)


@wrong(check.ema_update, "in-place", "not part of a loss")
def recorded(average, network, decay):
    for a, b in zip(average.parameters(), network.parameters(), strict=True):
        a.mul_(decay).add_((1 - decay) * b)


@wrong(check.ema_update, "graph behind it", "memory is full")
def recorded_in_silence(average, network, decay):
    """PyTorch objects only where the average's weights could learn."""
    recorded(average.requires_grad_(False), network, decay)
    copy_buffers(average, network)


@wrong(check.ema_update, "did not change", "in place")
def names_bound_anew(average, network, decay):
    for a, b in zip(average.parameters(), network.parameters(), strict=True):
        a = decay * a + (1 - decay) * b
    return average.state_dict()


@wrong(check.ema_update, "in integers")
@torch.no_grad()
def lerp_of_everything(average, network, decay):
    for name, value in average.state_dict().items():
        value.lerp_(network.state_dict()[name], 1 - decay)


@wrong(check.ema_update, "shares memory")
def statistics_shared(average, network, decay):
    mixed = as_a_new_module(average, network, decay)
    mixed[1].running_mean = network[1].running_mean
    return mixed


# --- parzen ---


@right(check.parzen)
def with_logsumexp(samples, points, sigma):
    exponents = -((points[:, None] - samples) / sigma).square() / 2
    return (exponents.logsumexp(1) - math.log(len(samples) * sigma * math.sqrt(2 * math.pi))).mean()


@right(check.parzen)
def as_a_mixture(samples, points, sigma):
    kernels = torch.distributions.Normal(samples, sigma)
    weights = torch.distributions.Categorical(torch.ones_like(samples))
    return torch.distributions.MixtureSameFamily(weights, kernels).log_prob(points).mean()


@right(check.parzen)
def in_numpy_by_reduction(samples, points, sigma):
    away = (points.numpy()[:, None] - samples.numpy()[None]) / sigma
    return np.logaddexp.reduce(
        -(away**2) / 2 - np.log(sigma * np.sqrt(2 * np.pi)), axis=1
    ).mean() - np.log(len(samples))


def gaussians(samples, points, sigma):
    return torch.distributions.Normal(samples, sigma).log_prob(points[:, None]).exp()


wrong(check.parzen, "rounds to 0", "largest term")(
    lambda samples, points, sigma: gaussians(samples, points, sigma).mean(1).log().mean()
)


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "softplus",
        "logsigmoid",
        "logsumexp",
        "zero_grad",
        "detach()",
        "torch.Generator",
        "cdist",
        "lerp",
    ]
)


def test_the_rate_that_steps_are_read_off_with_is_the_optimizers():
    seen = []
    check.generator_step(
        lambda generator, discriminator, optimizer, z: seen.append(optimizer.param_groups[0]["lr"])
    )
    assert seen == [RATE]
