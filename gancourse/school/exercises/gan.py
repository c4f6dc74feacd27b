"""Chapter 1's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import sigmoid, softplus

from gancourse.losses import log_loss, minimax_generator, non_saturating_generator
from gancourse.metrics.modes import toy_modes
from gancourse.metrics.parzen import log_likelihoods
from gancourse.school.exercises.checking import (
    Answer,
    NotDone,
    Wrong,
    compare,
    exercise,
    near,
    number,
    recognise,
    show,
)
from gancourse.school.exercises.turns import (
    Steps,
    Watch,
    check_turn,
    draws,
    gradient,
    leave_gradients,
    players,
)

# --- losses ---

SUM = "That is a sum over the batch: twice the batch would make twice the step. A mean does not depend on the batch's size."
TWICE = (
    "A sigmoid seems to be taken twice, once by you and once inside a function that takes logits."
)
ROUNDING = (
    "In float32 sigmoid(100) is exactly 1, so log(1 - sigmoid(100)) is log 0; a small number added inside the logarithm only "
    "hides it. There is a form that starts from the logit and never makes the probability."
)
FLAT = "The value is right, but the slope is gone: neither a clamp nor a probability that rounds to 0 or 1 passes one on."


@exercise(minutes=10, difficulty="easy", call="(real, fake)")
def discriminator_loss(answer: Answer) -> str:
    """Logits of real and of fake samples, (N,) each -> the discriminator's loss, a scalar with a gradient.

    -mean log D(x) - mean log(1 - D(G(z))), where D is the sigmoid of the logit: 2 ln 2 at chance, exact and with its full
    gradient at logits of +-100. A dict or tuple of terms is summed, as the course's own losses are.
    """
    compare(
        answer,
        [
            (torch.zeros(2), torch.zeros(2)),
            (logits(2, -1, 0.5, 3), logits(-1, 0.5, 1, -2)),
            (logits(-3, 1), logits(2, -4)),
        ],
        truth=both_halves,
        mistakes=[
            (
                lambda r, f: both_halves(r, f) / 2,
                "That is half of what is asked. Some papers (pix2pix) halve it on purpose, to slow the discriminator; here the "
                "two halves are added, so that knowing nothing costs 2 ln 2 = 1.386.",
            ),
            (lambda r, f: both_halves(r, f) * len(r), SUM),
            (
                lambda r, f: both_halves(-r, -f),
                "Real and fake have changed places: so paid, the discriminator learns to call real samples fake.",
            ),
            (
                lambda r, f: -both_halves(r, f),
                "The sign is turned round: going downhill on this makes the discriminator as wrong as it can be.",
            ),
            (
                lambda r, f: mean(softplus(-r)),
                "Only the real samples count here. A discriminator that calls everything real would pay nothing.",
            ),
            (
                lambda r, f: mean(softplus(f)),
                "Only the fake samples count here. A discriminator that calls everything fake would pay nothing.",
            ),
            (
                lambda r, f: both_halves(r, -f),
                "Both halves pull the same way: a discriminator that calls everything real would pay nothing. What should it "
                "answer for a fake?",
            ),
            (lambda r, f: both_halves(sigmoid(r), sigmoid(f)), TWICE),
            (
                lambda r, f: mean(softplus(f - r)),
                "This compares each real sample with one fake sample (a relativistic loss, which comes later). Here each is "
                "judged by itself.",
            ),
        ],
        otherwise="A logit u is any number; the probability that D gives is sigmoid(u). The loss is -log of the probability "
        "given to the right answer, averaged over the batch, real half plus fake half.",
        read=loss_value,
    )
    compare(
        answer, [(logits(-100, -100), logits(100, 100))], both_halves, [], ROUNDING, read=loss_value
    )
    why = "Downhill, real logits should rise and fake ones fall, each by its share of the batch."
    for real, fake, lesson in (
        (logits(2, -1), logits(0.5, -2), why),
        (logits(-100, -60), logits(100, 60), FLAT),
    ):
        check_gradient(answer, (real, fake), (-sigmoid(-real) / 2, sigmoid(fake) / 2), lesson)
    return (
        "2 ln 2 for knowing nothing, and at logits of -100 and 100 it still says which way to go. "
        "Keep the 1.386 in mind: a curve that stays there belongs to a discriminator that only guesses."
    )


@exercise(minutes=5, difficulty="easy", call="(fake)")
def generator_loss(answer: Answer) -> str:
    """Logits of fake samples, (N,) -> the generator's non-saturating loss -mean log D(G(z)), a scalar with a gradient."""

    def truth(fake: Tensor) -> float:
        return float(non_saturating_generator(fake.double())["fake"])

    compare(
        answer,
        [(torch.zeros(2),), (logits(2, -1, 0.5, 3),), (logits(-4, -2),)],
        truth,
        mistakes=[
            (
                lambda f: float(minimax_generator(f)["fake"]),
                "That is the minimax loss of the paper's equation 1. It is right as a game, but saturates: where D is sure that "
                "a sample is fake, its slope vanishes, and at the start D is always sure.",
            ),
            (
                lambda f: mean(softplus(f)),
                "That is the discriminator's loss for fakes: its sign teaches the generator to be caught.",
            ),
            (
                lambda f: -truth(f),
                "The sign is turned round: going downhill on this makes D(G(z)) smaller.",
            ),
            (lambda f: truth(f) * len(f), SUM),
            (lambda f: truth(sigmoid(f)), TWICE),
            (
                lambda f: -mean(f),
                "That is the generator's loss of WGAN, in which there is no logarithm.",
            ),
        ],
        otherwise="What does the generator want D to say about its samples? It pays -log of the probability of just that.",
        read=loss_value,
    )
    compare(answer, [(logits(-100, -100),)], truth, [], ROUNDING, read=loss_value)
    why = "Downhill, the logits of the fakes should rise, each by its share of the batch."
    for fake, lesson in (logits(2, -1), why), (logits(-100, -20), FLAT):
        check_gradient(answer, (fake,), (-sigmoid(-fake) / 2,), lesson)
    return (
        "The slope is steepest, -1 a sample, where D is sure that the sample is fake: the worst forgeries learn most. "
        "Under the minimax loss they would learn nothing."
    )


def logits(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def mean(values: Tensor) -> float:
    return float(values.double().mean())


def both_halves(real: Tensor, fake: Tensor) -> float:
    return float(sum(log_loss(real.double(), fake.double()).values()))


def total(returned):
    """A loss as one value: terms in a dict, tuple or list are summed."""
    if isinstance(returned, Mapping):
        returned = tuple(returned.values())
    return sum(returned) if isinstance(returned, (tuple, list)) else returned


def loss_value(returned) -> float:
    loss = total(returned)
    return number(loss.detach() if isinstance(loss, Tensor) else loss)


def check_gradient(
    answer: Answer, inputs: tuple[Tensor, ...], right: tuple[Tensor, ...], why: str
) -> None:
    """Raise `Wrong` unless the answer's loss has the gradients `right` by its inputs."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    loss = total(answer(*leaves))
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        cut = "Going through .item(), NumPy, detach or no_grad cuts the loss off from the logits. Nobody can learn from it."
        raise Wrong(answer.given(*inputs), "a number without a gradient", "a tensor with one", cut)
    slopes = torch.autograd.grad(loss.sum(), leaves, allow_unused=True, materialize_grads=True)
    for got, wanted in zip(slopes, right, strict=True):
        if not all(near(a, b) for a, b in zip(got.tolist(), wanted.tolist(), strict=True)):
            raise Wrong(
                answer.given(*inputs),
                f"the gradient {show(got)}",
                f"the gradient {show(wanted)}",
                why,
            )


# --- latents ---


@exercise(minutes=10, difficulty="easy", call="(n, size, seed)")
def latents(answer: Answer) -> str:
    """n, size, seed -> (n, size) float32 draws of N(0, 1), the same for the same seed, from a stream of their own.

    A NumPy array is taken as well. Python's, NumPy's and PyTorch's global random states must stand still.
    """
    given = "n = 6, size = 3, seed = 7"
    before = global_dice()
    z = rows(answer(6, 3, 7))
    if z.shape != (6, 3):
        swapped = " Number and size have changed places." if z.shape == (3, 6) else ""
        raise Wrong(given, z, "a tensor of shape (6, 3)", f"A row is one latent.{swapped}")
    if z.dtype != torch.float32:
        why = "Weights are float32, and a layer refuses numbers of another type."
        raise Wrong(given, f"numbers of type {str(z.dtype).removeprefix('torch.')}", "float32", why)
    if not torch.equal(z, rows(answer(6, 3, 7))):
        why = "Pictures of progress are drawn from the same latents each time; else they show different pictures."
        raise Wrong("seed = 7, twice", "different latents", "the same latents", why)
    if global_dice() != before:
        why = (
            "The numbers came out of the dice that the whole program shares, or set them back. Then every preview also changes "
            "the order of the data and the dropout of the training that follows. Draw from a stream of your own."
        )
        raise Wrong("seed = 7", "the global random state changed", "it stays as it was", why)
    if torch.equal(z, rows(answer(6, 3, 8))):
        raise Wrong(
            "seed = 7, then seed = 8", "the same latents", "different latents", "Is the seed used?"
        )
    check_normal(rows(answer(4096, 16, 3)).double(), "n = 4096, size = 16, seed = 3")
    return "N(0, 1) in every coordinate, the same for the same seed, and nobody else's dice were touched."


def rows(returned) -> Tensor:
    if not isinstance(returned, (Tensor, np.ndarray)):
        raise Wrong(None, returned, "a tensor", "The generator is a network: it takes a tensor.")
    return torch.as_tensor(returned).detach().cpu()


def global_dice() -> tuple:
    numpy = np.random.get_state()  # noqa: NPY002 - the global state is the point
    return torch.get_rng_state().numpy().tobytes(), numpy[1].tobytes(), numpy[2], random.getstate()


def check_normal(z: Tensor, given: str) -> None:
    """Raise `Wrong` unless the rows of (N, D) look like independent draws of N(0, 1)."""
    if len(z.unique(dim=0)) < len(z) or bool((z == z[:, :1]).all()):
        why = "Each latent, and each coordinate of it, is a draw of its own; else the generator makes copies."
        raise Wrong(given, "latents that repeat themselves", f"{len(z)} different ones", why)
    if abs(average := z.mean().item()) > 0.02:
        why = "N(0, 1) is centred on 0." + (
            " These numbers are uniform: none is below 0." if z.min() >= 0 else ""
        )
        raise Wrong(given, f"mean {average:.3f}", "mean 0", why)
    if abs((deviation := z.std().item()) - 1) > 0.02:
        uniform = (
            " These numbers are uniform: none lies beyond -1 and 1." if z.abs().max() <= 1 else ""
        )
        why = f"The 1 of N(0, 1) is the standard deviation.{uniform}"
        raise Wrong(given, f"standard deviation {deviation:.3f}", "1", why)
    ranks = (torch.arange(z.numel(), dtype=z.dtype) + 0.5) / z.numel()
    if (
        torch.special.ndtr(z.flatten().sort().values) - ranks
    ).abs().max() > 0.012:  # Kolmogorov-Smirnov, p < 1e-7
        why = "Mean and deviation are right, the form is not: a bell has tails, a uniform distribution has none."
        raise Wrong(
            given,
            f"{100 * mean(z.abs() > 2):.1f} % beyond -2 and 2",
            "4.6 %, as for a Gaussian",
            why,
        )
    if (together := torch.corrcoef(z.T).fill_diagonal_(0).abs().max()) > 0.12:
        why = "Coordinates that move together are fewer coordinates than they seem."
        raise Wrong(given, f"two coordinates with correlation {together:.2f}", "about 0", why)


# --- the two turns ---


@exercise(minutes=15, difficulty="medium", call="(generator, discriminator, optimizer, real, z)")
def discriminator_step(answer: Answer) -> str:
    """Play one turn of the discriminator with the loss of `discriminator_loss`, and return nothing.

    `generator` and `discriminator` are networks without BatchNorm or dropout, so that real and fake samples may go through
    D together or apart; `optimizer` holds D's parameters, in which the turn before has left a gradient. `real` (N, 2) and
    `z` (N, 3) are float. No gradient may arrive in the generator. What is returned is ignored.
    """
    generator, discriminator = players()
    optimizer = Steps(discriminator.parameters())
    real, z = draws(8, 2, seed=1) + 1, draws(8, 3, seed=2)
    fake = generator(z).detach()

    def slope(loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return gradient(loss(discriminator(real), discriminator(fake)), discriminator)

    right = slope(lambda r, f: softplus(-r).mean() + softplus(f).mean())
    mistakes = [
        (
            slope(lambda r, f: softplus(-r).mean()),
            "It moved as if only the real samples counted: calling everything real would be enough.",
        ),
        (
            slope(lambda r, f: softplus(f).mean()),
            "It moved as if only the fake samples counted: calling everything fake would be enough.",
        ),
        (
            slope(lambda r, f: softplus(-r).mean() + softplus(-f).mean()),
            "It learned that fakes are real. That is what the generator wants.",
        ),
        (
            slope(lambda r, f: softplus(r).mean() + softplus(-f).mean()),
            "Real and fake have changed places.",
        ),
        (right / 2, "Half a step: the real half and the fake half are to be added, not averaged."),
    ]
    leave_gradients(discriminator)
    player, other = Watch(discriminator, "discriminator"), Watch(generator, "generator")
    given = "two small networks, 8 real points, 8 latents"
    returned = answer.do(generator, discriminator, optimizer, real, z)
    if other.reached:
        why = (
            "The generator is not playing, yet a gradient went back through it: half of the work was in vain, and its own turn "
            "may start with a gradient that belongs to nobody. Where should the way back end?"
        )
        raise Wrong(given, "gradients in the generator", "none: in this turn fakes are data", why)
    check_turn(player, other, optimizer, returned, right, mistakes, given, n=len(real))
    return (
        "The discriminator took one step down its own gradient, and the generator noticed nothing."
    )


@exercise(minutes=10, difficulty="medium", call="(generator, discriminator, optimizer, z)")
def generator_step(answer: Answer) -> str:
    """Play one turn of the generator with the loss of `generator_loss`, and return nothing.

    `generator` has BatchNorm and learns in train mode; `optimizer` holds its parameters, in which an old gradient is left.
    `discriminator` is sure that every sample is fake; gradients may arrive in its parameters, but none may move.
    What is returned is ignored.
    """
    generator, discriminator = players(batch_norm=True)
    with torch.no_grad():
        discriminator[2].bias.sub_(8.0)
    optimizer = Steps(generator.parameters())
    z = draws(8, 3, seed=2) + 0.5

    def slope(loss: Callable[[Tensor], Tensor], mode: bool = True) -> Tensor:
        copied = copy.deepcopy(generator).train(mode)
        return gradient(loss(discriminator(copied(z))), copied)

    right = slope(lambda f: softplus(-f).mean())
    mistakes = [
        (
            slope(lambda f: -softplus(f).mean()),
            "It hardly moved: where D is sure that a sample is fake, log(1 - D) is flat. Hence the non-saturating loss.",
        ),
        (
            slope(lambda f: softplus(f).mean()),
            "It learned to be caught: that is what the discriminator wants for a fake, not the generator.",
        ),
        (
            slope(lambda f: softplus(-f).mean(), mode=False),
            "The generator played in eval mode, where BatchNorm takes its running statistics in place of the batch's. Players "
            "learn in train mode.",
        ),
    ]
    leave_gradients(generator)
    player, other = Watch(generator, "generator"), Watch(discriminator, "discriminator")
    given = "a generator with BatchNorm, a discriminator that is sure of itself, 8 latents"
    returned = answer.do(generator, discriminator, optimizer, z)
    check_turn(player, other, optimizer, returned, right, mistakes, given, n=len(z))
    return "The gradient went through the discriminator and moved the generator alone, although D was sure of itself."


# --- modes ---


@exercise(minutes=15, difficulty="medium", call="(points, centres, std)")
def modes_covered(answer: Answer) -> str:
    """points (N, 2), the modes' centres (K, 2), a mode's std -> how many modes have a point within 3 std of their centre.

    An int or a tensor or array of one element will do. No point lies near two centres.
    """
    ring, elsewhere = 2 * circle(8), 5 * circle(12) + torch.tensor([1.0, -3.0])
    cloud = 0.04 * circle(5)  # all within 3 std of 0.02
    cases = {
        "5 points near each of 8 centres": (around(ring, cloud), ring, 0.02),
        "50 points, all near one of 8 centres": (
            around(ring[2:3], cloud.repeat(10, 1)),
            ring,
            0.02,
        ),
        "8 points, each halfway between two of 8 centres": (
            (ring + ring.roll(1, 0)) / 2,
            ring,
            0.02,
        ),
        "12 centres elsewhere, 5 of them with points": (
            around(elsewhere[3:8], 5 * cloud),
            elsewhere,
            0.1,
        ),
        "8 centres, std = 0.02, a point 0.058 from each": (
            ring + torch.tensor([0.058, 0.0]),
            ring,
            0.02,
        ),
        "8 centres, std = 0.02, a point 0.064 from each": (
            ring + torch.tensor([0.0, 0.064]),
            ring,
            0.02,
        ),
        "8 centres, std = 0.02, a point (0.05, 0.05) from each": (ring + 0.05, ring, 0.02),
    }

    def covered(hit: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, Tensor, float], float]:
        return lambda points, centres, std: float(hit(points[:, None] - centres, std).any(0).sum())

    compare(
        answer,
        cases,
        truth=lambda points, centres, std: toy_modes(points, centres, std)["modes"],
        mistakes=[
            (
                lambda points, centres, std: float(
                    len(torch.cdist(points, centres).argmin(1).unique())
                ),
                "A mode is counted wherever it is the nearest one, however far the point. A generator that hits nothing would "
                "cover everything.",
            ),
            (
                lambda points, centres, std: float(
                    (torch.cdist(points, centres) <= 3 * std).any(1).sum()
                ),
                "That is the number of points that hit a mode, not the number of modes that are hit.",
            ),
            (
                covered(lambda away, std: (away.abs() <= 3 * std).all(2)),
                "A coordinate at a time makes a square about the centre, not a circle: (0.05, 0.05) is 0.071 away.",
            ),
            (
                covered(lambda away, std: away.norm(dim=2) <= std),
                "Within one standard deviation lies only 39 % of a Gaussian in the plane. Asked is a radius of 3.",
            ),
            (
                covered(lambda away, std: away.square().sum(2) <= 3 * std),
                "A squared distance is compared with a plain one.",
            ),
            (lambda points, centres, std: 8.0, "That is 8 whatever the points are."),
        ],
        otherwise="A mode is covered when at least one point lies within 3 std of its centre. Ask it of each mode in turn.",
    )
    return "It sees collapse, strays and near misses, and works for 12 modes elsewhere."


def circle(n: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(n) / n
    return torch.stack([angle.cos(), angle.sin()], 1)


def around(centres: Tensor, offsets: Tensor) -> Tensor:
    """Each centre (K, 2) with all the offsets (M, 2): (K M, 2)."""
    return (centres[:, None] + offsets).flatten(0, 1)


# --- averages ---


@exercise(minutes=10, difficulty="medium", call="(average, network, decay)")
def ema_update(answer: Answer) -> str:
    """average <- decay * average + (1 - decay) * network, for two networks of the same form.

    Every parameter is averaged; running statistics may be averaged or copied. `average` is changed in place, or a new module
    is returned; `network` stays as it is.
    """
    average, network = players(batch_norm=True, seed=0)[0], players(batch_norm=True, seed=1)[0]
    network[1].running_mean.fill_(5.0)
    network[1].running_var.fill_(4.0)
    for decay in 0.9, 0.75:
        old, learner, follower = (
            copy.deepcopy(average),
            Watch(network, "network"),
            Watch(average, "average"),
        )
        returned = answer.do(average, network, decay)
        new = returned if isinstance(returned, nn.Module) else average
        if new is average and not follower.moved() and not learner.moved():
            if returned is None or returned is ...:
                raise NotDone(
                    "`average` stays as it was. Write the update in the cell above, run that cell, then this one."
                )
            why = "Change the weights of `average` in place, or return a new network."
            raise Wrong(
                f"decay = {decay}",
                "the average did not change",
                "it moves towards the network",
                why,
            )
        if learner.moved():
            why = "The average follows the network, never the other way: training must not notice that it is watched."
            raise Wrong(f"decay = {decay}", "the network changed", "only the average changes", why)
        check_average(*(flat(module) for module in (new, old, network)), decay)
        check_statistics(new[1], old[1], network[1], decay)
        if any(parameter.grad_fn is not None for parameter in new.parameters()):
            why = "Each update would hang on to all those before it, until the memory is full."
            raise Wrong(
                f"decay = {decay}", "an average with a graph behind it", "plain weights", why
            )
        theirs = {tensor.data_ptr() for tensor in network.state_dict().values()}
        if theirs & {tensor.data_ptr() for tensor in new.state_dict().values()}:
            why = "From now on every step of the network changes the average too."
            raise Wrong(
                f"decay = {decay}",
                "an average that shares memory with the network",
                "memory of its own",
                why,
            )
        average = new
    return "It moves 1 - decay of the way, takes BatchNorm's statistics along, and leaves the network alone."


def flat(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def check_average(new: Tensor, old: Tensor, network: Tensor, decay: float) -> None:
    """Raise `Wrong` unless all weights (P,) moved as they should."""
    right = decay * old + (1 - decay) * network
    if torch.allclose(new, right, rtol=1e-3, atol=1e-5):
        return
    mistakes = [
        (
            (1 - decay) * old + decay * network,
            "The two weights have changed places: the average forgets nearly everything at each step.",
        ),
        (network, "The average is a copy of the network: nothing is averaged."),
        (old, "The parameters stayed as they were."),
        ((1 - decay) * network, "The old average is lost."),
        (old + (1 - decay) * network, "It grows: the two weights should add up to 1."),
        (0.9 * old + 0.1 * network, "That is a decay of 0.9, whatever decay is given."),
    ]
    why = recognise(new.tolist(), [(wrong.tolist(), text) for wrong, text in mistakes])
    worst = int((new - right).abs().argmax())
    given = f"decay = {decay}, a weight of {old[worst]:.3f} in the average and of {network[worst]:.3f} in the network"
    otherwise = (
        "Each weight goes a part 1 - decay of the way to the network's. Did every weight go?"
    )
    raise Wrong(given, f"{new[worst]:.3f}", f"{right[worst]:.3f}", why or otherwise)


def check_statistics(
    new: nn.BatchNorm1d, old: nn.BatchNorm1d, network: nn.BatchNorm1d, decay: float
) -> None:
    """Raise `Wrong` unless running mean and variance follow the network's or jump to them."""
    for name in "running_mean", "running_var":
        got, before, theirs = (getattr(module, name) for module in (new, old, network))
        averaged = decay * before + (1 - decay) * theirs
        if not any(
            torch.allclose(got, right, rtol=1e-3, atol=1e-5) for right in (averaged, theirs)
        ):
            why = (
                "BatchNorm's running statistics are buffers, not parameters. Averaged weights with statistics that are not "
                "theirs give grey or garish pictures in eval mode."
            )
            given = f"decay = {decay}, a {name} of {before[0]:.3f} in the average and of {theirs[0]:.3f} in the network"
            raise Wrong(
                given, f"{got[0]:.3f}", f"{averaged[0]:.3f}, or {theirs[0]:.3f} if you copy it", why
            )


# --- the Parzen window ---


@exercise(minutes=20, difficulty="hard", call="(samples, points, sigma)")
def parzen(answer: Answer) -> str:
    """samples (N,), points (M,), sigma -> mean over the points of the log density, in nats, under Gaussians on the samples.

    Exact where every Gaussian rounds to 0.
    """

    def truth(samples: Tensor, points: Tensor, sigma: float) -> float:
        return mean(log_likelihoods(samples[:, None].double(), points[:, None].double(), [sigma]))

    def exponents(samples: Tensor, points: Tensor, sigma: float) -> Tensor:
        return -((points[:, None] - samples) / sigma).double().square() / 2  # (M, N)

    def factor(sigma: float) -> float:
        return math.log(sigma * math.sqrt(2 * math.pi))

    some, others = torch.tensor([0.0, 1.0, 2.5]), torch.tensor([0.25, 2.0])
    compare(
        answer,
        [(torch.zeros(1), torch.zeros(1), 1.0), (some, others, 0.5), (some, others, 2.0)],
        truth,
        mistakes=[
            (
                lambda s, p, sigma: -truth(s, p, sigma),
                "That is minus the log-likelihood: here larger is better.",
            ),
            (
                lambda s, p, sigma: truth(s, p, sigma) + math.log(len(s)),
                "The Gaussians are added up, so that ten samples make ten times the probability. The integral of a density is "
                "1: average over the samples.",
            ),
            (
                lambda s, p, sigma: truth(s, p, sigma) + factor(sigma),
                "The factor before the Gaussian's exponential is missing, and with it the price of a wide window: the widest "
                "would always win.",
            ),
            (
                lambda s, p, sigma: mean(exponents(s, p, sigma)) - factor(sigma),
                "The mean of logarithms is not the logarithm of a mean: so counted, a point must be near every sample, while one "
                "sample is enough.",
            ),
            (
                lambda s, p, sigma: truth(s, p, sigma) * len(p),
                "That is a sum over the points; asked is the mean for one point.",
            ),
            (
                lambda s, p, sigma: math.log(exponents(s, p, sigma).exp().mean()) - factor(sigma),
                "That is the logarithm of a mean over the points too. Each point has a likelihood of its own; the mean is taken "
                "of their logarithms.",
            ),
            (
                lambda s, p, sigma: (
                    mean((2 * exponents(s, p, sigma)).logsumexp(1))
                    - math.log(len(s))
                    - factor(sigma)
                ),
                "The 2 of 2 sigma^2 is missing.",
            ),
            (
                lambda s, p, sigma: truth(s, p, math.sqrt(sigma)),
                "Sigma is a deviation; it is taken for a variance.",
            ),
        ],
        otherwise="On every sample stands a Gaussian of width sigma; their mean is the density at a point; its logarithm is "
        "averaged over the points.",
    )
    compare(
        answer,
        [
            (torch.tensor([0.0, 1.0]), torch.tensor([60.0]), 1.0),
            (torch.tensor([0.0, 1.0]), torch.tensor([0.5]), 0.01),
        ],
        truth,
        mistakes=[],
        otherwise="Far from every sample exp(-1740) rounds to 0, and log 0 is minus infinity, although the answer is a plain "
        "number. Can the largest term be taken out before anything is rounded?",
    )
    return "Right, and finite far from every sample, which is where nearly every picture is."


# In the order of the notebook.
EXERCISES = (
    discriminator_loss,
    generator_loss,
    latents,
    discriminator_step,
    generator_step,
    modes_covered,
    ema_update,
    parzen,
)
