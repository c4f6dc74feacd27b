"""Chapter 3's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from gancourse.metrics import codes
from gancourse.school.exercises.checking import Answer, Wrong, compare, exercise, near, show
from gancourse.school.exercises.gan import SUM, global_dice, logits, loss_value, rows, total
from gancourse.school.exercises.turns import (
    Steps,
    Watch,
    check_turn,
    draws,
    gradient,
    leave_gradients,
)

# --- information ---


@exercise(minutes=5, difficulty="easy", call="(probabilities)")
def entropy(answer: Answer) -> str:
    """Probabilities (K,) that add up to 1 -> their entropy in nats, one number. A value that never comes adds nothing."""

    def truth(p: Tensor) -> float:
        return float(torch.special.entr(p.double()).sum())

    even, lopsided = torch.full((10,), 0.1), logits(0.5, 0.25, 0.125, 0.125)
    compare(
        answer,
        [(lopsided,), (even,), (logits(0.9, 0.1),)],
        truth,
        mistakes=[
            (
                lambda p: truth(p) / math.log(2),
                "That is in bits. Nats, as everywhere in this course, take the natural logarithm.",
            ),
            (
                lambda p: -truth(p),
                "The sign is turned round: the logarithm of a probability is below 0, an entropy is not.",
            ),
            (
                lambda p: truth(p) / len(p),
                "That is a mean over the values; the probabilities are already the weights. Add up.",
            ),
            (
                lambda p: math.log(len(p)),
                "That is right only where all values are equally likely. A lopsided code holds less.",
            ),
            (
                lambda p: float(-p.log().mean()),
                "Each surprise counts as often as its value comes, not equally often.",
            ),
            (
                lambda p: float(-p.log().sum()),
                "Each surprise counts as often as its value comes: weigh it by its probability.",
            ),
            (
                lambda p: math.exp(truth(p)),
                "That is the number of equally likely values that would be as hard to guess. Asked is its logarithm.",
            ),
        ],
        otherwise="The surprise at a value is minus the logarithm of its probability; entropy is the mean surprise.",
    )
    compare(
        answer,
        [(logits(0.5, 0.5, 0.0),), (logits(0.0, 1.0, 0.0),)],
        truth,
        mistakes=[],
        otherwise="A value that never comes adds nothing, but a computer takes 0 times minus infinity for nan.",
    )
    return "ln 10 = 2.303 for a fair code of ten values, and 0 for one that is always the same: that tells nobody anything."


@exercise(minutes=10, difficulty="easy", call="(n, categories, continuous, seed)")
def draw_codes(answer: Answer) -> str:
    """n, sizes of categorical codes, number of continuous ones, seed -> (n, sum of sizes + continuous) float32.

    A block of columns for each category, one-hot and even; then U(-1, 1). Same seed, same codes; all drawn independently. A
    NumPy array is taken as well. The global random states must stand still.
    """
    given = "n = 6, categories = (4, 3), continuous = 2, seed = 7"
    before = global_dice()
    code = rows(answer(6, (4, 3), 2, 7))
    if code.shape != (6, 9):
        whole = (
            " A category goes in one-hot, a column a value: 3 is not three times 1."
            if code.shape == (6, 4)
            else ""
        )
        why = f"A row is one picture's code: 4 + 3 columns for the categories, 2 for the continuous codes.{whole}"
        raise Wrong(given, code, "a tensor of shape (6, 9)", why)
    if code.dtype != torch.float32:
        why = "Weights are float32, and a layer refuses numbers of another type."
        raise Wrong(
            given, f"numbers of type {str(code.dtype).removeprefix('torch.')}", "float32", why
        )
    if not torch.equal(code, rows(answer(6, (4, 3), 2, 7))):
        why = "Pictures of progress need the same codes each time."
        raise Wrong("seed = 7, twice", "different codes", "the same codes", why)
    if global_dice() != before:
        why = (
            "The codes came out of the dice that the whole program shares, or set them back. Draw from a stream of "
            "your own."
        )
        raise Wrong("seed = 7", "the global random state changed", "it stays as it was", why)
    if torch.equal(code, rows(answer(6, (4, 3), 2, 8))):
        raise Wrong(
            "seed = 7, then seed = 8", "the same codes", "different codes", "Is the seed used?"
        )
    given = "n = 6000, categories = (4, 3), continuous = 2, seed = 3"
    many = rows(answer(6000, (4, 3), 2, 3)).double()
    for block in many[:, :4], many[:, 4:7]:
        check_even(block, given)
    check_uniform(many[:, 7:], given)
    check_independent(many, given)
    for categories, continuous, width in ((), 3, 3), ((2, 2), 0, 4):
        if (alone := rows(answer(5, categories, continuous, 1))).shape != (5, width):
            told = f"n = 5, categories = {categories}, continuous = {continuous}"
            raise Wrong(
                told, alone, f"shape (5, {width})", "A game may have codes of one kind only."
            )
    return "Every value as likely as every other, continuous codes on both sides of 0, and no code tells of another."


def check_even(block: Tensor, given: str) -> None:
    """Raise `Wrong` unless a categorical code's columns (N, K) are one-hot and every value comes equally often."""
    size = block.shape[1]
    if not ((block == 0) | (block == 1)).all() or not (block.sum(1) == 1).all():
        row = block[((block != 0) & (block != 1)).any(1) | (block.sum(1) != 1)][0]
        why = (
            "One-hot is a single 1 and zeros: the generator gets one weight vector a value, and nothing says that 3 "
            "is near 2."
        )
        raise Wrong(
            given, f"a row {show(row)} in a category's columns", f"{size - 1} zeros and a one", why
        )
    shares = block.mean(0)
    if (shares - 1 / size).abs().max() > 0.03:
        never = (
            " One of the values never comes; look at where your random numbers end."
            if (shares == 0).any()
            else ""
        )
        why = f"H(c) is largest, and every value trained, where all are equally likely.{never}"
        raise Wrong(given, f"shares of {show(shares)}", f"about {1 / size:.3f} each", why)


def check_uniform(drawn: Tensor, given: str) -> None:
    """Raise `Wrong` unless the columns (N, C) look like U(-1, 1)."""
    centre, spread = drawn.mean().item(), drawn.std().item()
    if drawn.abs().max() > 1:
        why = (
            f"Asked are numbers from -1 to 1, all equally likely. These have mean {centre:.2f} and deviation "
            f"{spread:.2f}: are they Gaussian?"
        )
        if abs(centre + 1) < 0.1:
            why = (
                "Two limits were handed to a function that takes a mean and a deviation: that draws a Gaussian about -1, and the "
                "slider's right half is hardly ever trained."
            )
        raise Wrong(
            given,
            f"continuous codes from {drawn.min():.2f} to {drawn.max():.2f}",
            "from -1 to 1",
            why,
        )
    if abs(centre) > 0.04 or abs(spread - 1 / math.sqrt(3)) > 0.03:
        why = "All values from -1 to 1 are to be equally likely."
        if drawn.min() >= 0:
            why = "Half of the range is never drawn: a slider moved there would show what was never trained."
        raise Wrong(
            given, f"mean {centre:.2f}, deviation {spread:.2f}", "mean 0, deviation 0.58", why
        )
    ranks = (torch.arange(drawn.numel(), dtype=drawn.dtype) + 0.5) / drawn.numel()
    if ((drawn.flatten().sort().values + 1) / 2 - ranks).abs().max() > 0.03:
        raise Wrong(
            given,
            "some values more often than others",
            "all equally often",
            "Between -1 and 1 no value is preferred.",
        )


def check_independent(drawn: Tensor, given: str) -> None:
    """Raise `Wrong` if rows (N, 4 + 3 + 2) repeat each other or one code tells of another."""
    if len(drawn[:, 7:].unique(dim=0)) < len(drawn):
        why = "Every picture gets a code of its own; else a batch trains one code at a time."
        raise Wrong(given, "codes that repeat themselves", f"{len(drawn)} different ones", why)
    together = torch.corrcoef(drawn.T)
    block = torch.tensor([0] * 4 + [1] * 3 + [2, 3])
    together[block[:, None] == block] = 0
    if (worst := together.abs().max()) > 0.08:
        why = "Codes that move together are one code: Q needs to see only one of them, and neither can be turned alone."
        raise Wrong(given, f"two codes with correlation {worst:.2f}", "about 0", why)


@exercise(minutes=10, difficulty="medium", call="(logits, value)")
def information(answer: Answer) -> str:
    """Q's logits (N, K) and the values (N,) that were drawn, all K equally likely -> L_I = H(c) + E log Q in nats, one number.

    Exact at logits of +-100.
    """

    def truth(u: Tensor, value: Tensor) -> float:
        return math.log(u.shape[1]) - surprise(u, value)

    def surprise(u: Tensor, value: Tensor) -> float:
        return cross_entropy(u.double(), value).item()

    some, value = draws(5, 10, seed=0), torch.tensor([3, 0, 9, 3, 5])
    few = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, -1.0]])
    compare(
        answer,
        {
            "a Q of 10 values that says the same of all": (torch.zeros(5, 10), value),
            "a Q of 10 values with random logits": (some, value),
            "logits = [[2, 0, 0], [0, 1, -1]], value = [0, 2]": (few, torch.tensor([0, 2])),
        },
        truth,
        mistakes=[
            (
                surprise,
                "That is the loss that Q pays, which falls to 0. The bound is what is left of H(c) once it is paid.",
            ),
            (
                lambda u, v: -surprise(u, v),
                "The entropy is missing: so counted, a Q that knows nothing has less than nothing.",
            ),
            (
                lambda u, v: -truth(u, v),
                "The sign is turned round: a Q that guesses right raises the bound.",
            ),
            (
                lambda u, v: truth(u.softmax(1), v),
                "A softmax seems to be taken twice, once by you and once inside a function that takes logits. A Q "
                "that is sure could then show at most 0.84 of 2.30 nats.",
            ),
            (
                lambda u, v: truth(u, v) / math.log(2),
                "That is in bits; nats take the natural logarithm.",
            ),
            (
                lambda u, v: truth(u, v) * len(u),
                "That is a sum over the pictures; the bound is a mean.",
            ),
            (
                lambda u, v: len(u) * (truth(u, v) - math.log(u.shape[1])) + math.log(u.shape[1]),
                "The surprise is added up over the pictures; take its mean.",
            ),
            (
                lambda u, v: math.log(10) - surprise(u, v),
                "That is ln 10 whatever the code's size. How many values does this one have?",
            ),
            (
                lambda u, v: (
                    math.log(u.shape[1])
                    - torch.distributions.Categorical(logits=u.double()).entropy().mean().item()
                ),
                "That is how sure Q is, not how right: the drawn values do not appear in it. Sure and wrong would be "
                "paid.",
            ),
            (
                lambda u, v: (u.argmax(1) == v).double().mean().item(),
                "That is the share of right guesses. The bound pays for the probability given to the right value.",
            ),
        ],
        otherwise="L_I = H(c) + mean log Q(value): what the code holds, less the surprise that is left to Q.",
    )
    sure = 200 * one_hot(value, 10).float() - 100
    compare(
        answer,
        {
            "a Q that is sure and right, logits of +-100": (sure, value),
            "a Q that is sure and wrong": (sure, (value + 1) % 10),
        },
        truth,
        mistakes=[],
        otherwise="A probability of exp(-200) rounds to 0, and its logarithm to minus infinity. There is a form that starts from "
        "the logit and never makes the probability.",
    )
    return (
        "0 for a Q that knows nothing, ln K for one that is always right, and far below 0 for one that is sure and wrong: it is "
        "a lower bound, and a poor Q makes it a poor one."
    )


HALF_LOG_2_PI = math.log(2 * math.pi) / 2


@exercise(minutes=10, difficulty="medium", call="(mean, code)")
def continuous_surprise(answer: Answer) -> str:
    """Q's means and the codes that were drawn, (N, C) each -> -log of a Gaussian of deviation 1, a scalar with a gradient.

    Summed over codes, averaged over pictures. The constant ln(2 pi) / 2 a code may be there or not; a dict or tuple of terms
    is summed.
    """
    code, guess = (
        2 * torch.rand(4, 2, generator=torch.Generator().manual_seed(1)) - 1,
        draws(4, 2, seed=2),
    )
    three = (draws(5, 3, seed=3), draws(5, 3, seed=4))
    at_best = loss_value(answer(code, code))
    constant = HALF_LOG_2_PI if near(at_best, 2 * HALF_LOG_2_PI) else 0.0

    def truth(m: Tensor, c: Tensor) -> float:
        return ((c - m).double().square() / 2 + constant).sum(1).mean().item()

    def apart(m: Tensor, c: Tensor) -> float:
        return truth(m, c) - constant * m.shape[1]

    compare(
        answer,
        {
            "mean = code": (code, code),
            "4 pictures, 2 codes": (guess, code),
            "5 pictures, 3 codes": three,
        },
        truth,
        mistakes=[
            (
                lambda m, c: 2 * apart(m, c),
                "That is the squared error without the half that a Gaussian of deviation 1 has: its weight in the "
                "game is doubled.",
            ),
            (
                lambda m, c: apart(m, c) / m.shape[1],
                "That is a mean over the codes. Each code is a guess of its own, and the surprises of all of them add "
                "up.",
            ),
            (
                lambda m, c: 2 * apart(m, c) / m.shape[1],
                "That is the mean squared error: the half is missing, and the codes are averaged where their "
                "surprises add up.",
            ),
            (lambda m, c: apart(m, c) * len(m), SUM),
            (
                lambda m, c: -truth(m, c),
                "The sign is turned round: going downhill on this drives Q away from the code.",
            ),
            (
                lambda m, c: (c - m).double().abs().sum(1).mean().item(),
                "That is the absolute error, which belongs to a Laplace distribution. A Gaussian squares.",
            ),
            (
                lambda m, c: (c - m).double().square().sum(1).sqrt().mean().item(),
                "That is a distance; a Gaussian's surprise grows with its square.",
            ),
        ],
        otherwise="-log N(c; mean, 1) is a square and a constant. Add it up over the codes of a picture, and take the mean over "
        "the pictures.",
        read=loss_value,
    )
    leaf = guess.clone().requires_grad_()
    loss = total(answer(leaf, code))
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        why = (
            "Going through .item(), NumPy, detach or no_grad cuts the loss off from Q, and from the generator behind "
            "it."
        )
        raise Wrong("4 pictures, 2 codes", "a number without a gradient", "a tensor with one", why)
    (slope,) = torch.autograd.grad(loss.sum(), leaf, materialize_grads=True)
    if not torch.allclose(slope, right := (guess - code) / 4, atol=1e-4):
        why = (
            "Downhill, each mean should go to its code, by as much as it is away. A clamp cuts that where it is "
            "needed most."
        )
        raise Wrong(
            "4 pictures, 2 codes",
            f"the gradient {show(slope[0])} ...",
            f"the gradient {show(right[0])} ...",
            why,
        )
    return (
        "Half the squared error, a sum over the codes. A Q that always says 0 pays 1/6 = 0.167 a code: that is the variance of "
        "U(-1, 1), halved, and all that a continuous code can earn."
    )


# --- the two turns ---


class TwoHeads(nn.Module):
    """A tiny discriminator with Q on its trunk: (N, 2) -> logits (N,), logits of the code (N, 3)."""

    def __init__(self):
        super().__init__()
        self.trunk, self.real, self.code = nn.Linear(2, 4), nn.Linear(4, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x).tanh()
        return self.real(features).squeeze(1), self.code(features)


def paid_players() -> tuple[nn.Sequential, TwoHeads]:
    """A generator (N, 2 + 3) -> (N, 2) and its discriminator with Q; always the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)), TwoHeads()


WEIGHT = 3.0  # of the information: far from 1, so that one left out is seen
CODES = torch.tensor([0, 2, 1, 1, 0, 2, 2, 0])
TWICE = "A softmax seems to be taken before a function that takes logits: Q can then never be sure, and the slope is wrong."
UNPAID = (
    "It moved as if there were no information term, or as if its gradient had been cut off. Who is paid here, and for "
    "what?"
)
FINED = "The information term has the wrong sign: {} is paid for codes that cannot be guessed."
UNWEIGHED = "The information term counts once, whatever its weight is."


@exercise(
    minutes=15,
    difficulty="medium",
    call="(generator, discriminator, optimizer, real, latent, code, weight)",
)
def discriminator_turn(answer: Answer) -> str:
    """Play one turn of the discriminator, with Q: its usual loss plus `weight` times the cross-entropy of the code.

    `discriminator(x)` gives logits (N,) and the code's logits (N, 3); `optimizer` holds all its parameters, in which an old
    gradient is left. `latent` (N, 5) was made with `code` (N,). No gradient may arrive in the generator.
    """
    generator, discriminator = paid_players()
    optimizer = Steps(discriminator.parameters())
    real, latent = (
        draws(8, 2, seed=1) + 1,
        torch.cat([draws(8, 2, seed=2), one_hot(CODES, 3).float()], 1),
    )
    fake = generator(latent).detach()

    def slope(loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        (real_logits, of_real), (fake_logits, of_fake) = discriminator(real), discriminator(fake)
        verdict = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        return gradient(verdict + loss(of_real, of_fake), discriminator)

    def on_head(of_real: Tensor, of_fake: Tensor) -> Tensor:
        return WEIGHT * cross_entropy(
            discriminator.code(discriminator.trunk(fake).tanh().detach()), CODES
        )

    right = slope(lambda of_real, of_fake: WEIGHT * cross_entropy(of_fake, CODES))
    verdict = slope(lambda of_real, of_fake: 0 * of_fake.sum())
    mistakes = [
        (verdict, UNPAID + " Q would never learn to read a code, and nobody could be paid."),
        (2 * verdict - right, FINED.format("Q")),
        (slope(lambda of_real, of_fake: cross_entropy(of_fake, CODES)), UNWEIGHED),
        (right - verdict, "Only the information counts: nobody learns to tell real from made."),
        (
            slope(lambda of_real, of_fake: WEIGHT * cross_entropy(of_real, CODES)),
            "Q is asked for the code of real pictures, for which none was drawn.",
        ),
        (
            slope(on_head),
            "Q's head learns, but the gradient ends before the trunk, which then keeps only what helps to tell real from "
            "made.",
        ),
        (slope(lambda of_real, of_fake: WEIGHT * cross_entropy(of_fake.softmax(1), CODES)), TWICE),
    ]
    leave_gradients(discriminator)
    player, other = Watch(discriminator, "discriminator"), Watch(generator, "generator")
    given = f"two small networks, 8 real points, 8 latents with their codes, weight = {WEIGHT:.0f}"
    returned = answer.do(generator, discriminator, optimizer, real, latent, CODES.clone(), WEIGHT)
    if other.reached:
        why = "Here fakes are data: the generator is paid in its own turn. Where should the way back end?"
        raise Wrong(given, "gradients in the generator", "none in this turn", why)
    check_turn(player, other, optimizer, returned, right, mistakes, given, n=len(real))
    return (
        "Trunk, verdict and Q moved together in one step, and Q was asked about made pictures only."
    )


@exercise(
    minutes=10,
    difficulty="medium",
    call="(generator, discriminator, optimizer, latent, code, weight)",
)
def generator_turn(answer: Answer) -> str:
    """Play one turn of the generator: its non-saturating loss plus `weight` times the cross-entropy of the code, one step.

    Arguments as in `discriminator_turn`; `optimizer` holds the generator's parameters, in which an old gradient is left.
    Neither trunk nor heads may move.
    """
    generator, discriminator = paid_players()
    optimizer = Steps(generator.parameters())
    latent = torch.cat([draws(8, 2, seed=2), one_hot(CODES, 3).float()], 1)

    def slope(loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return gradient(loss(*discriminator(generator(latent))), generator)

    def verdict(u: Tensor) -> Tensor:
        return softplus(-u).mean()

    right = slope(lambda u, guess: verdict(u) + WEIGHT * cross_entropy(guess, CODES))
    unpaid = slope(lambda u, guess: verdict(u))
    mistakes = [
        (unpaid, UNPAID),
        (2 * unpaid - right, FINED.format("the generator")),
        (slope(lambda u, guess: verdict(u) + cross_entropy(guess, CODES)), UNWEIGHED),
        (
            right - unpaid,
            "Only the information counts: pictures need not look real, as long as they show their code.",
        ),
        (
            slope(lambda u, guess: softplus(u).mean() + WEIGHT * cross_entropy(guess, CODES)),
            "It learned to be caught: for the verdict, its wish is the opposite of the discriminator's. Only for the code do the "
            "two want the same.",
        ),
        (
            slope(lambda u, guess: verdict(u) + WEIGHT * cross_entropy(guess.softmax(1), CODES)),
            TWICE,
        ),
    ]
    leave_gradients(generator)
    player, other = Watch(generator, "generator"), Watch(discriminator, "discriminator")
    given = f"two small networks, 8 latents with their codes, weight = {WEIGHT:.0f}"
    returned = answer.do(generator, discriminator, optimizer, latent, CODES.clone(), WEIGHT)
    check_turn(player, other, optimizer, returned, right, mistakes, given, n=len(latent))
    return "One loss, one step: verdict and information share it, in the proportion that the weight says."


# --- what was found ---


@exercise(minutes=15, difficulty="medium", call="(category, label)")
def matching(answer: Answer) -> str:
    """Categories and labels (N,), 0 to K - 1 -> the class of each category, one to one, with as many right as can be.

    A list, tensor or array of K whole numbers, or a dict from category to class. Where several are equally good, any.
    """
    tables = {
        "3 categories, each a class of its own": [[0, 0, 9], [8, 0, 0], [0, 9, 0]],
        "3 categories, two of them mostly of class 0": [[8, 5, 0], [9, 0, 0], [0, 3, 4]],
        "3 categories, where the largest pair is a bad start": [[10, 9, 0], [9, 0, 0], [0, 1, 2]],
        "6 categories": [
            *([1, 0, 7, 0, 2, 0], [0, 6, 0, 6, 0, 1], [5, 0, 4, 0, 0, 0]),
            *([0, 0, 0, 5, 3, 0], [0, 4, 0, 0, 0, 4], [0, 0, 1, 0, 6, 5]),
        ],
    }
    cases = {name: pairs(torch.tensor(table)) for name, table in tables.items()}
    got = {name: one_to_one(answer(*pair), name, len(tables[name])) for name, pair in cases.items()}
    for name, (category, label) in cases.items():
        table, best = torch.tensor(tables[name]), codes.matched(category, label)
        found, wanted = (right_pictures(table, mapping) for mapping in (got[name], best))
        if found < wanted:
            everywhere = [tuple(torch.tensor(t) for t in tables.values()), tuple(got.values())]
            why = (
                recognise_mapping(*everywhere)
                or "Another pairing has more pictures right. There are few enough to look at all."
            )
            raise Wrong(
                name, f"{got[name].tolist()}: {found} pictures right", f"{wanted} right", why
            )
    return "As many right as one-to-one names can have. Naming is all that labels are used for; the finding was done without."


def pairs(table: Tensor) -> tuple[Tensor, Tensor]:
    """Counts (K, K) of category and class -> a category and a label for each picture, (N,) each, in a mixed order."""
    category, label = table.nonzero().repeat_interleave(table[table > 0], 0).T
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(0))
    return category[order], label[order]


def one_to_one(returned, given: str, size: int) -> Tensor:
    """An answer as the classes of categories 0 to K - 1. Raises `Wrong` unless it is a permutation."""
    if isinstance(returned, Mapping):
        returned = [returned.get(k, returned.get(str(k), -1)) for k in range(size)]
    try:
        mapping = torch.as_tensor(np.asarray([int(x) for x in returned]))
    except (TypeError, ValueError) as error:
        raise Wrong(
            given,
            returned,
            f"{size} whole numbers",
            "Return the class of category 0, of category 1, and so on.",
        ) from error
    if len(mapping) != size:
        raise Wrong(
            given,
            f"{len(mapping)} entries",
            f"{size}, one a category",
            "Return the class of each category, in order.",
        )
    if sorted(mapping.tolist()) != list(range(size)):
        why = (
            "Two categories have one name, and some class has none. If categories may share a name, then with enough of them "
            "every picture is right, and the error says nothing."
        )
        raise Wrong(given, mapping, f"every class from 0 to {size - 1} once", why)
    return mapping


def right_pictures(table: Tensor, mapping: Tensor) -> int:
    return int(table[torch.arange(len(table)), mapping].sum())


def recognise_mapping(tables: Sequence[Tensor], got: Sequence[Tensor]) -> str | None:
    """The explanation of a mapping made in a usual wrong way."""
    best = [codes.matched(*pairs(table)) for table in tables]
    mistakes = [
        (
            [mapping.argsort() for mapping in best],
            "That is the category of each class; asked is the class of each category.",
        ),
        (
            [greedy(table) for table in tables],
            "The largest pair first, then the largest of what is left: an early pair can take the only good partner of another.",
        ),
        (
            [torch.arange(len(table)) for table in tables],
            "Nobody has told category 3 to be the threes: the numbers mean nothing yet.",
        ),
    ]
    return next((why for wrong, why in mistakes if all(map(torch.equal, wrong, got))), None)


def greedy(table: Tensor) -> Tensor:
    left, mapping = table.clone(), torch.zeros(len(table), dtype=torch.long)
    for _ in range(len(table)):
        row, column = divmod(int(left.argmax()), len(table))
        mapping[row] = column
        left[row], left[:, column] = -1, -1
    return mapping


@exercise(minutes=10, difficulty="medium", call="(a, b)")
def spearman(answer: Answer) -> str:
    """Two rows of numbers (N,) -> the correlation of their ranks, -1 to 1, one number; ties share their mean rank."""
    a, b = draws(2, 12, seed=5)
    ties = (
        torch.tensor([1.0, 2.0, 2.0, 2.0, 5.0, 9.0]),
        torch.tensor([3.0, 1.0, 4.0, 4.0, 8.0, 7.0]),
    )
    cases = {
        "a = [1, 2, 3, 4], b = [1, 8, 27, 64]": (torch.arange(1.0, 5), torch.arange(1.0, 5) ** 3),
        "a falls as b rises": (a, -a.exp()),
        "two rows of 12 random numbers": (a, a + b),
    }
    mistakes = [
        (
            pearson,
            "That is Pearson's correlation, which asks for a straight line: a code that turns a digit by its cube would "
            "look worse than it is. Compare ranks.",
        ),
        (
            lambda a, b: pearson(a.argsort().double(), b.argsort().double()),
            "An argsort says which number comes first, not which place a number has. Sort the order once more.",
        ),
        (
            lambda a, b: abs(codes.spearman(a, b)),
            "The sign is lost: a code may turn its digit to the left.",
        ),
        (
            kendall,
            "That is Kendall's tau, which counts pairs in the right order. It is a good measure and another one.",
        ),
        (lambda a, b: codes.spearman(a, b) ** 2, "That is the square."),
        (lambda a, b: 1 - codes.spearman(a, b), "That is a distance: 0 where the two agree."),
    ]
    compare(
        answer,
        cases,
        codes.spearman,
        mistakes,
        "Give every number its place in its row, then correlate the places.",
    )

    def places(row: Tensor) -> Tensor:
        return row.argsort(stable=True).argsort().double()

    def short_form(a: Tensor, b: Tensor) -> float:
        n, apart = len(a), codes.ranks(a) - codes.ranks(b)
        return 1 - 6 * apart.square().sum().item() / (n * (n**2 - 1))

    tied = {"a = [1, 2, 2, 2, 5, 9], b = [3, 1, 4, 4, 8, 7]": ties}
    why = "Equal numbers have an equal rank, the mean of the places they fill; else the order of the pictures decides."
    compare(
        answer,
        tied,
        codes.spearman,
        mistakes=[
            (lambda a, b: pearson(places(a), places(b)), why),
            (
                short_form,
                "The short formula with 6 and d squared holds only where no two numbers are equal.",
            ),
            (lambda a, b: pearson(places(a) + 1, codes.ranks(b)), why),
        ],
        otherwise=why,
    )
    return "1 for anything that rises together, bent or straight, -1 for the opposite, and ties are shared fairly."


def pearson(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack([a, b]).double())[0, 1].item()


def kendall(a: Tensor, b: Tensor) -> float:
    signs = [torch.sign(row[:, None] - row) for row in (a, b)]
    return (signs[0] * signs[1]).sum().item() / (len(a) * (len(a) - 1))


# In the order of the notebook.
EXERCISES = (
    entropy,
    draw_codes,
    information,
    continuous_surprise,
    discriminator_turn,
    generator_turn,
    matching,
    spearman,
)
