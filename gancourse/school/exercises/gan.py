"""Chapter 1's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gancourse.losses import log_loss, minimax_generator, non_saturating_generator
from gancourse.metrics.modes import toy_modes
from gancourse.metrics.parzen import log_likelihoods
from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import (
    WRITE_IT,
    Answer,
    NotDone,
    Wrong,
    exercise,
    in_order,
    near,
)
from gancourse.school.exercises.probes import draws, logits
from gancourse.school.exercises.turns import Watch, check_turn, players

# --- losses ---


@exercise(minutes=10, difficulty="easy", call="(real, fake)")
def discriminator_loss(answer: Answer) -> str:
    """Logits of real and of fake samples, (N,) each -> the discriminator's loss, a scalar.

    -mean log D(x) - mean log(1 - D(G(z))), where D is the sigmoid of the logit: 2 ln 2 at chance,
    exact and with its full gradient at logits of +-100. A dict or tuple of terms is summed, as the
    course's own losses are.
    """
    cases = [
        (torch.zeros(2), torch.zeros(2)),
        (logits(2, -1, 0.5, 3), logits(-1, 0.5, 1, -2)),
        (logits(-3, 1), logits(2, -4)),
    ]
    why = """A logit u is any number; the probability that D gives is sigmoid(u). The loss is -log
        of the probability given to the right answer, averaged over the batch, real half plus fake
        half."""
    probes.compare(answer, cases, log_loss, why, read=probes.loss_value)
    far = logits(-100, -100), logits(100, 100)
    probes.compare(answer, [far], log_loss, probes.ROUNDING, read=probes.loss_value)
    why = "Downhill, real logits should rise and fake ones fall, each by its share of the batch."
    probes.compare_gradients(answer, log_loss, (logits(2, -1), logits(0.5, -2)), why, why)
    probes.compare_gradients(
        answer, log_loss, (logits(-100, -60), logits(100, 60)), probes.FLAT, probes.FLAT
    )
    return """2 ln 2 for knowing nothing, and at logits of -100 and 100 it still says which way to
        go. Keep the 1.386 in mind: a curve that stays there belongs to a discriminator that only
        guesses."""


@discriminator_loss.mistake("""That is half. Some papers (pix2pix) halve it on purpose, to slow the
    discriminator; here the two halves are added: knowing nothing costs 2 ln 2 = 1.386.""")
def halved(real, fake):
    return probes.total(log_loss(real, fake)) / 2


@discriminator_loss.mistake("Real and fake are swapped: D learns to call real samples fake.")
def swapped(real, fake):
    return log_loss(-real, -fake)


@discriminator_loss.mistake("Only real samples count: a D that calls everything real pays nothing.")
def real_only(real, fake):
    return softplus(-real).mean()


@discriminator_loss.mistake("Only fake samples count: a D that calls everything fake pays nothing.")
def fake_only(real, fake):
    return softplus(fake).mean()


@discriminator_loss.mistake("""Both halves pull the same way: fakes are called real, as the
    generator wants; a D that calls everything real pays nothing. What should a fake be called?""")
def all_real(real, fake):
    return log_loss(real, -fake)


@discriminator_loss.mistake(probes.SIGMOID_TWICE)
def sigmoid_twice(real, fake):
    return log_loss(real.sigmoid(), fake.sigmoid())


@discriminator_loss.mistake("""This compares each real sample with a fake one (a relativistic loss,
    which comes later). Here each is judged by itself.""")
def relativistic(real, fake):
    return softplus(fake - real).mean()


@exercise(minutes=5, difficulty="easy", call="(fake)")
def generator_loss(answer: Answer) -> str:
    """Logits of fake samples, (N,) -> the non-saturating loss -mean log D(G(z)), a scalar."""
    cases = [(torch.zeros(2),), (logits(2, -1, 0.5, 3),), (logits(-4, -2),)]
    why = "What does the generator want D to say of its samples? It pays -log of that probability."
    probes.compare(answer, cases, non_saturating_generator, why, read=probes.loss_value)
    probes.compare(
        answer,
        [(logits(-100, -100),)],
        non_saturating_generator,
        probes.ROUNDING,
        read=probes.loss_value,
    )
    why = "Downhill, the logits of the fakes should rise, each by its share of the batch."
    probes.compare_gradients(answer, non_saturating_generator, (logits(2, -1),), why)
    probes.compare_gradients(answer, non_saturating_generator, (logits(-100, -20),), probes.FLAT)
    return """The slope is steepest, -1 per sample, where D is sure that the sample is fake: the
        worst forgeries learn most. Under the minimax loss they would learn nothing."""


@generator_loss.mistake("""That is the minimax loss of the paper's equation 1. It is right as a
    game, but saturates: where D is sure that a sample is fake it is flat, and at the start D always
    is.""")
def minimax(fake):
    return minimax_generator(fake)


@generator_loss.mistake("That is the discriminator's loss for fakes: it teaches G to be caught.")
def what_the_discriminator_wants(fake):
    return softplus(fake).mean()


@generator_loss.mistake(probes.SIGMOID_TWICE)
def sigmoid_twice_in_the_generator(fake):
    return softplus(-fake.sigmoid()).mean()


@generator_loss.mistake("That is the generator's loss of WGAN, in which there is no logarithm.")
def critic(fake):
    return -fake.mean()


# --- latents ---


@exercise(minutes=10, difficulty="easy", call="(n, size, seed)")
def latents(answer: Answer) -> str:
    """n, size, seed -> (n, size) float32 draws of N(0, 1), the same for the same seed.

    A NumPy array will do. Python's, NumPy's and PyTorch's global random states must stay
    as they were.
    """
    given = "n = 6, size = 3, seed = 7"
    z = probes.array(answer(6, 3, 7))
    if z.shape != (6, 3):
        swapped = " Number and size have changed places." if z.shape == (3, 6) else ""
        raise Wrong(given, z, "a tensor of shape (6, 3)", f"A row is one latent.{swapped}")
    probes.is_float32(z, given)
    why = "Progress pictures must show the same latents each time."
    probes.own_stream(lambda seed: probes.array(answer(6, 3, seed)), "latents", why)
    check_normal(probes.array(answer(4096, 16, 3)).double(), "n = 4096, size = 16, seed = 3")
    return """N(0, 1) in every coordinate, the same for the same seed; no global random state was
        touched."""


def check_normal(z: Tensor, given: str) -> None:
    """Raise `Wrong` unless the rows of (N, D) look like independent draws of N(0, 1)."""
    if len(z.unique(dim=0)) < len(z) or bool((z == z[:, :1]).all()):
        why = """Each latent, and each coordinate of it, is drawn anew; otherwise the generator
            makes copies."""
        raise Wrong(given, "latents that repeat themselves", f"{len(z)} different ones", why)
    if abs(average := z.mean().item()) > 0.02:
        uniform = " These numbers are uniform: none is below 0." if z.min() >= 0 else ""
        raise Wrong(given, f"mean {average:.3f}", "mean 0", f"N(0, 1) is centred on 0.{uniform}")
    if abs((deviation := z.std().item()) - 1) > 0.02:
        uniform = " These are uniform: none lies beyond -1 and 1." if z.abs().max() <= 1 else ""
        why = f"The 1 of N(0, 1) is the standard deviation.{uniform}"
        raise Wrong(given, f"standard deviation {deviation:.3f}", "1", why)
    ranks = (torch.arange(z.numel(), dtype=z.dtype) + 0.5) / z.numel()
    distance = (torch.special.ndtr(z.flatten().sort().values) - ranks).abs().max()
    if distance > 0.012:  # Kolmogorov-Smirnov, p < 1e-7
        got = f"{100 * (z.abs() > 2).double().mean():.1f} % beyond -2 and 2"
        why = """Mean and deviation are right, the shape is not: a bell has tails, a uniform has
            none."""
        raise Wrong(given, got, "4.6 %, as for a Gaussian", why)
    if (together := torch.corrcoef(z.T).fill_diagonal_(0).abs().max()) > 0.12:
        why = "Coordinates that move together are fewer coordinates than they seem."
        raise Wrong(given, f"two coordinates with correlation {together:.2f}", "about 0", why)


# --- the two turns ---


@exercise(minutes=15, difficulty="medium", call="(generator, discriminator, optimizer, real, z)")
def discriminator_step(answer: Answer) -> str:
    """Play one turn of the discriminator with the loss of `discriminator_loss`, and return nothing.

    `generator` and `discriminator` are networks without BatchNorm or dropout, so that real and fake
    samples may go through D together or apart; `optimizer` holds D's parameters, in which the turn
    before has left a gradient. `real` (N, 2) and `z` (N, 3) are float. No gradient may arrive in
    the generator. What is returned is ignored.
    """
    generator, discriminator = players()
    real, z = draws(8, 2, seed=1) + 1, draws(8, 3, seed=2)
    loss = probes.total(log_loss(discriminator(real), discriminator(generator(z).detach())))
    given = "two small networks, 8 real points, 8 latents"
    check_turn(answer, "discriminator", generator, discriminator, (real, z), loss, given)
    return "The discriminator took one step down its own gradient; the generator noticed nothing."


def down_d(loss: Callable) -> Callable:
    """A turn of the discriminator, right but for its loss of (real logits, fake logits)."""

    @wraps(loss)
    def turn(generator, discriminator, optimizer, real, z):
        optimizer.zero_grad()
        probes.total(loss(discriminator(real), discriminator(generator(z).detach()))).backward()
        optimizer.step()

    return turn


discriminator_step.inherit(discriminator_loss, down_d)


@exercise(minutes=10, difficulty="medium", call="(generator, discriminator, optimizer, z)")
def generator_step(answer: Answer) -> str:
    """Play one turn of the generator with the loss of `generator_loss`, and return nothing.

    `generator` has BatchNorm and learns in train mode; `optimizer` holds its parameters, in which
    an old gradient is left. `discriminator` may be sure that every sample is fake; gradients may
    arrive in its parameters, but none may move. What is returned is ignored.
    """
    z = draws(8, 3, seed=2) + 0.5
    for sure, kind in (8.0, "is sure of itself"), (0.0, "is in doubt"):
        generator, discriminator = players(batch_norm=True)
        with torch.no_grad():
            discriminator[2].bias.sub_(sure)
        loss = probes.total(non_saturating_generator(discriminator(generator(z))))
        given = f"a generator with BatchNorm, a discriminator that {kind}, 8 latents"
        check_turn(answer, "generator", generator, discriminator, (z,), loss, given)
    return "The gradient passed through D, sure as it was, and moved the generator alone."


def down_g(loss: Callable) -> Callable:
    """A turn of the generator, right but for its loss of the fakes' logits."""

    @wraps(loss)
    def turn(generator, discriminator, optimizer, z):
        optimizer.zero_grad()
        probes.total(loss(discriminator(generator(z)))).backward()
        optimizer.step()

    return turn


generator_step.inherit(generator_loss, down_g)


@generator_step.mistake("""The generator played in eval mode, where BatchNorm takes its running
    statistics in place of the batch's. Players learn in train mode.""")
def in_eval_mode(generator, discriminator, optimizer, z):
    generator.eval()
    down_g(non_saturating_generator)(generator, discriminator, optimizer, z)
    generator.train()


# --- modes ---


@exercise(minutes=15, difficulty="medium", call="(points, centres, std)")
def modes_covered(answer: Answer) -> str:
    """points (N, 2), centres (K, 2), std of a mode -> how many centres have a point within 3 std.

    An int or a tensor or array of one element will do. No point lies near two centres.
    """
    ring, elsewhere = 2 * circle(8), 5 * circle(12) + torch.tensor([1.0, -3.0])
    cloud = 0.04 * circle(5)  # all within 3 std of 0.02
    between, beside, above = (ring + ring.roll(1, 0)) / 2, logits(0.058, 0), logits(0, 0.064)
    cases = {
        "5 points near each of 8 centres": (around(ring, cloud), ring, 0.02),
        "50 points, all near one of 8 centres": (
            around(ring[2:3], cloud.repeat(10, 1)),
            ring,
            0.02,
        ),
        "8 points, each halfway between two of 8 centres": (between, ring, 0.02),
        "12 centres, 5 of them with points": (around(elsewhere[3:8], 5 * cloud), elsewhere, 0.1),
        "8 centres, std = 0.02, a point 0.058 from each": (ring + beside, ring, 0.02),
        "8 centres, std = 0.02, a point 0.064 from each": (ring + above, ring, 0.02),
        "8 centres, std = 0.02, a point (0.05, 0.05) from each": (ring + 0.05, ring, 0.02),
    }
    why = """A mode is covered when a point lies within 3 std of its centre. Ask it of each mode in
        turn."""
    probes.compare(answer, cases, lambda *inputs: toy_modes(*inputs)["modes"], why)
    return "It sees collapse, strays and near misses, and works for 12 modes elsewhere."


def circle(n: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(n) / n
    return torch.stack([angle.cos(), angle.sin()], 1)


def around(centres: Tensor, offsets: Tensor) -> Tensor:
    """Each centre (K, 2) with all the offsets (M, 2): (K M, 2)."""
    return (centres[:, None] + offsets).flatten(0, 1)


@modes_covered.mistake("""A mode counts wherever it is the nearest, however far the point. A
    generator that hits nothing would cover everything.""")
def nearest(points, centres, std):
    return len(torch.cdist(points, centres).argmin(1).unique())


@modes_covered.mistake("That is the number of points on a mode, not of modes with a point.")
def points_on_modes(points, centres, std):
    return (torch.cdist(points, centres) <= 3 * std).any(1).sum()


@modes_covered.mistake("Coordinate by coordinate is a square: (0.05, 0.05) is 0.071 away.")
def in_a_square(points, centres, std):
    return ((points[:, None] - centres).abs() <= 3 * std).all(2).any(0).sum()


@modes_covered.mistake("One standard deviation holds 39 % of a Gaussian in the plane. Take 3.")
def within_one_deviation(points, centres, std):
    return (torch.cdist(points, centres) <= std).any(0).sum()


@modes_covered.mistake("A squared distance is compared with a plain one.")
def squared_distance(points, centres, std):
    return (torch.cdist(points, centres).square() <= 3 * std).any(0).sum()


@modes_covered.mistake("That is 8 whatever the points are.")
def eight(points, centres, std):
    return 8


# --- averages ---


@exercise(minutes=10, difficulty="medium", call="(average, network, decay)")
def ema_update(answer: Answer) -> str:
    """average <- decay * average + (1 - decay) * network, for two networks of the same form.

    Every parameter is averaged; running statistics may be averaged or copied. `average` is changed
    in place, or a new module is returned; `network` stays as it is.
    """
    average, network = players(batch_norm=True, seed=0)[0], players(batch_norm=True, seed=1)[0]
    network[1].running_mean.fill_(5.0)
    network[1].running_var.fill_(4.0)
    for decay in 0.9, 0.75:
        given, old = f"decay = {decay}", copy.deepcopy(average)
        learner, follower = Watch(network, "network"), Watch(average, "average")
        returned = answer.do(average, network, decay)
        new = returned if isinstance(returned, nn.Module) else average
        if new is average and not follower.moved() and not learner.moved():
            if returned is None or returned is ...:
                raise NotDone(f"`average` stays as it was. {WRITE_IT}")
            got, expected = "the average did not change", "it moves towards the network"
            why = "Change the weights of `average` in place, or return a new network."
            raise Wrong(given, got, expected, why)
        if learner.moved():
            why = "The average follows the network, never the other way: training must not notice."
            raise Wrong(given, "the network changed", "only the average changes", why)
        check_average(*map(weights, (new, old, network)), decay)
        check_statistics(new[1], old[1], network[1], decay)
        if any(parameter.grad_fn is not None for parameter in new.parameters()):
            why = "Each update would hang on to all those before it, until the memory is full."
            raise Wrong(given, "an average with a graph behind it", "plain weights", why)
        memory, theirs = (
            {tensor.data_ptr() for tensor in module.state_dict().values()}
            for module in (new, network)
        )
        if memory & theirs:
            got = "an average that shares memory with the network"
            why = "From now on every step of the network changes the average too."
            raise Wrong(given, got, "memory of its own", why)
        average = new
    return """It goes 1 - decay of the way, takes BatchNorm's statistics along, leaves the network
        alone."""


def weights(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach()


def check_average(new: Tensor, old: Tensor, network: Tensor, decay: float) -> None:
    """Raise `Wrong` unless all weights (P,) moved as they should."""
    right = decay * old + (1 - decay) * network
    if not near(new, right):
        worst = int((new - right).abs().argmax())
        given = (
            f"decay = {decay}, a weight of {old[worst]:.3f}, in the network {network[worst]:.3f}"
        )
        why = "Each weight goes 1 - decay of the way to the network's. Did every weight go?"
        raise Wrong(given, f"{new[worst]:.3f}", f"{right[worst]:.3f}", why, evidence=new)


def check_statistics(new: nn.Module, old: nn.Module, network: nn.Module, decay: float) -> None:
    """Raise `Wrong` unless running mean and variance follow the network's or jump to them."""
    for name in "running_mean", "running_var":
        got, before, theirs = (getattr(module, name) for module in (new, old, network))
        averaged = decay * before + (1 - decay) * theirs
        if not near(got, averaged) and not near(got, theirs):
            why = """BatchNorm's running statistics are buffers, not parameters. Averaged weights
                with statistics that are not theirs give grey or garish pictures in eval mode."""
            given = f"decay = {decay}, a {name} of {before[0]:.3f}, in the network {theirs[0]:.3f}"
            right = f"{averaged[0]:.3f}, or {theirs[0]:.3f} if you copy it"
            raise Wrong(given, f"{got[0]:.3f}", right, why)


def each_weight(rule: Callable) -> Callable:
    """An update of the weights by a rule of (average, network, decay); statistics are copied."""

    @torch.no_grad()
    def update(average, network, decay):
        for old, new in zip(average.parameters(), network.parameters(), strict=True):
            old.copy_(rule(old, new, decay))
        for old, new in zip(average.buffers(), network.buffers(), strict=True):
            old.copy_(new)

    return update


ema_update.mistake("The two weights are swapped: the average forgets nearly all at each step.")(
    each_weight(lambda average, network, decay: (1 - decay) * average + decay * network)
)
ema_update.mistake("The average is a copy of the network: nothing is averaged.")(
    each_weight(lambda average, network, decay: network)
)
ema_update.mistake("The parameters stayed as they were.")(
    each_weight(lambda average, network, decay: average)
)
ema_update.mistake("The old average is lost.")(
    each_weight(lambda average, network, decay: (1 - decay) * network)
)
ema_update.mistake("It grows: the two weights should add up to 1.")(
    each_weight(lambda average, network, decay: average + (1 - decay) * network)
)
ema_update.mistake("That is a decay of 0.9, whatever decay is given.")(
    each_weight(lambda average, network, decay: 0.9 * average + 0.1 * network)
)


# --- the Parzen window ---


@exercise(minutes=20, difficulty="hard", call="(samples, points, sigma)")
def parzen(answer: Answer) -> str:
    """samples (N,), points (M,), sigma -> mean log density of the points, in nats.

    The density is that of Gaussians on the samples. Exact where every Gaussian rounds to 0.
    """
    some, others = logits(0, 1, 2.5), logits(0.25, 2)
    cases = [(torch.zeros(1), torch.zeros(1), 1.0), (some, others, 0.5), (some, others, 2.0)]
    why = """Put a Gaussian of width sigma on every sample. Their mean is the density at a point,
        whose logarithm is averaged over the points."""
    probes.compare(answer, cases, log_density, why)
    cases = [(logits(0, 1), logits(60), 1.0), (logits(0, 1), logits(0.5), 0.01)]
    why = """Far from every sample exp(-1740) rounds to 0, and log 0 is minus infinity, although the
        answer is a plain number. Can the largest term be taken out before anything is rounded?"""
    probes.compare(answer, cases, log_density, why)
    return "Right, and finite far from every sample, which is where nearly every picture is."


def log_density(samples: Tensor, points: Tensor, sigma: float) -> Tensor:
    return log_likelihoods(samples[:, None].double(), points[:, None].double(), [sigma]).mean()


def log_gaussians(samples: Tensor, points: Tensor, sigma: float) -> Tensor:
    """The log density of each point under a Gaussian on each sample, (M, N)."""
    return torch.distributions.Normal(samples, sigma).log_prob(points[:, None])


@parzen.mistake("That is minus the log-likelihood: here larger is better.")
def negated(samples, points, sigma):
    return -log_density(samples, points, sigma)


@parzen.mistake("""The Gaussians are summed, so ten samples make ten times the probability. A
    density integrates to 1: average over the samples.""")
def kernels_added(samples, points, sigma):
    return log_gaussians(samples, points, sigma).logsumexp(1).mean()


@parzen.mistake("""The factor before the Gaussian's exponential is missing, and with it the price of
    a wide window: the widest would always win.""")
def without_the_factor(samples, points, sigma):
    return log_density(samples, points, sigma) + math.log(sigma * math.sqrt(2 * math.pi))


@parzen.mistake("""The mean of logarithms is not the logarithm of a mean: a point need not be near
    every sample, one is enough.""")
def mean_of_logarithms(samples, points, sigma):
    return log_gaussians(samples, points, sigma).mean()


@parzen.mistake("That is a sum over the points; the mean per point is asked for.")
def points_summed(samples, points, sigma):
    return len(points) * log_density(samples, points, sigma)


@parzen.mistake("""That is the logarithm of a mean over the points too. Each point has its own
    likelihood; average their logarithms.""")
def points_averaged_first(samples, points, sigma):
    return log_gaussians(samples, points, sigma).exp().mean().log()


@parzen.mistake("The 2 of 2 sigma^2 is missing.")
def without_the_two(samples, points, sigma):
    return log_density(samples, points, sigma / math.sqrt(2)) - math.log(2) / 2


@parzen.mistake("Sigma is a standard deviation; here it is taken for a variance.")
def sigma_as_variance(samples, points, sigma):
    return log_density(samples, points, math.sqrt(sigma))


EXERCISES = in_order(globals())
