"""Chapter 3's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from scipy.optimize import linear_sum_assignment

from gancourse.school.exercises import infogan as check
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- entropy ---


right(check.entropy)(lambda probabilities: -torch.xlogy(probabilities, probabilities).sum())
right(check.entropy)(
    lambda probabilities: torch.distributions.Categorical(probs=probabilities).entropy()
)
right(check.entropy)(lambda p: sum(-x * math.log(x) for x in p.tolist() if x > 0))
wrong(check.entropy, "0 times minus infinity is nan")(lambda p: -(p * p.log()).sum())


# --- draw_codes ---


def dice(seed):
    return torch.Generator().manual_seed(seed)


def joined(n, categories, continuous, g):
    """The usual answer, given its dice."""
    parts = [F.one_hot(torch.randint(size, (n,), generator=g), size) for size in categories]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@right(check.draw_codes)
def usual(n, categories, continuous, seed):
    return joined(n, categories, continuous, dice(seed))


@right(check.draw_codes)
def by_numpy(n, categories, continuous, seed):
    random = np.random.default_rng(seed)
    blocks = [np.eye(size)[random.integers(size, size=n)] for size in categories]
    return np.concatenate([*blocks, random.uniform(-1, 1, (n, continuous))], axis=1).astype(
        "float32"
    )


@right(check.draw_codes)
def with_the_dice_put_back_and_scattered(n, categories, continuous, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        code = torch.zeros(n, sum(categories) + continuous)
        at = 0
        for size in categories:
            code[torch.arange(n), at + torch.multinomial(torch.ones(size), n, replacement=True)] = 1
            at += size
        code[:, at:].uniform_(-1, 1)
        return code


@wrong(check.draw_codes, "Two limits", "Gaussian about -1")
def normal_from_minus_1_to_1(n, categories, continuous, seed):
    """Museum 18."""
    g = dice(seed)
    return torch.cat([joined(n, categories, 0, g), torch.randn(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "Gaussian?")
def standard_normal(n, categories, continuous, seed):
    g = dice(seed)
    return torch.cat([joined(n, categories, 0, g), torch.randn(n, continuous, generator=g)], 1)


@wrong(check.draw_codes, "Half of the range")
def from_0_to_1(n, categories, continuous, seed):
    code = usual(n, categories, continuous, seed)
    code[:, sum(categories) :] = (code[:, sum(categories) :] + 1) / 2
    return code


@wrong(check.draw_codes, "no value is preferred")
def at_both_ends(n, categories, continuous, seed):
    code = usual(n, categories, continuous, seed)
    ends = code[:, sum(categories) :]
    code[:, sum(categories) :] = ends.sign() * ends.abs().sqrt() * math.sqrt(2 / 3)
    return code


@wrong(check.draw_codes, "three times 1")
def whole_numbers(n, categories, continuous, seed):
    g = dice(seed)
    parts = [torch.randint(size, (n, 1), generator=g).float() for size in categories]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "never comes")
def one_value_short(n, categories, continuous, seed):
    g = dice(seed)
    parts = [F.one_hot(torch.randint(size - 1, (n,), generator=g), size) for size in categories]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "every value trained")
def rounded_to_nearest(n, categories, continuous, seed):
    """The two outer values get half of the others' share."""
    g = dice(seed)
    parts = [
        F.one_hot((torch.rand(n, generator=g) * (size - 1)).round().long(), size)
        for size in categories
    ]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "single 1")
def softened(n, categories, continuous, seed):
    g = dice(seed)
    parts = [torch.rand(n, size, generator=g).softmax(1) for size in categories]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "move together")
def one_number_for_both_categories(n, categories, continuous, seed):
    g = dice(seed)
    share = torch.rand(n, generator=g)
    parts = [F.one_hot((share * size).long(), size) for size in categories]
    return torch.cat([*parts, 2 * torch.rand(n, continuous, generator=g) - 1], 1)


@wrong(check.draw_codes, "repeat")
def values_in_turn_with_one_continuous_code(n, categories, continuous, seed):
    code = usual(n, categories, continuous, seed)
    code[:, sum(categories) :] = code[torch.arange(n) // 2 * 2, sum(categories) :]
    return code


@wrong(check.draw_codes, "random state")
def rewinding_the_program(n, categories, continuous, seed):
    torch.manual_seed(seed)
    return joined(n, categories, continuous, None)


wrong(check.draw_codes, "one kind only")(
    lambda n, categories, continuous, seed: usual(n, categories, max(1, continuous), seed)
)


# --- information ---


right(check.information)(
    lambda logits, value: math.log(logits.shape[1]) - F.cross_entropy(logits, value)
)


@right(check.information)
def in_numpy_in_a_loop(logits, value):
    rows = zip(logits.tolist(), value.tolist(), strict=True)
    return np.mean([np.log(len(row)) + row[v] - np.logaddexp.reduce(row) for row, v in rows])


@right(check.information)
def by_distributions(logits, value):
    q = torch.distributions.Categorical(logits=logits.double())
    return (
        q.log_prob(value).mean()
        + torch.distributions.Categorical(torch.ones(logits.shape[1])).entropy()
    )


@wrong(check.information, "rounds to 0")
def log_of_softmax(logits, value):
    return (
        math.log(logits.shape[1]) + logits.softmax(1).log()[torch.arange(len(value)), value].mean()
    )


@wrong(check.information, "rounds to 0")
def log_with_an_epsilon(logits, value):
    return (
        math.log(logits.shape[1])
        + (logits.softmax(1) + 1e-8).log()[torch.arange(len(value)), value].mean()
    )


# --- continuous_surprise ---


@right(check.continuous_surprise)
def half_the_squares(mean, code):
    return (code - mean).square().sum(1).mean() / 2


right(check.continuous_surprise)(
    lambda mean, code: -torch.distributions.Normal(mean, 1.0).log_prob(code).sum(1).mean()
)
right(check.continuous_surprise)(
    lambda mean, code: F.gaussian_nll_loss(mean, code, torch.ones_like(mean)) * mean.shape[1]
)


@right(check.continuous_surprise)
class AsTermsOfEachCode:
    def __call__(self, mean, code):
        return {f"code {k}": F.mse_loss(mean[:, k], code[:, k]) / 2 for k in range(mean.shape[1])}


@wrong(check.continuous_surprise, "square and a constant")
def with_a_learned_deviation(mean, code):
    """The deviation that fits best: its logarithm falls without end as Q gets better."""
    deviation = (code - mean).square().mean(0).sqrt() + 1e-3
    return (((code - mean) / deviation).square() / 2 + deviation.log()).sum(1).mean()


wrong(check.continuous_surprise, "without a gradient")(
    lambda mean, code: half_the_squares(mean, code).item()
)
wrong(check.continuous_surprise, "Downhill", "clamp")(
    lambda mean, code: half_the_squares(mean, code).detach() + 0 * mean.clamp(-1, 1).sum()
)


# --- discriminator_turn ---


def verdict(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@right(check.discriminator_turn)
def d_usual(generator, discriminator, optimizer, real, latent, code, weight):
    with torch.no_grad():
        fake = generator(latent)
    on_real, _ = discriminator(real)
    on_fake, guess = discriminator(fake)
    optimizer.zero_grad()
    (verdict(on_real, on_fake) + weight * F.cross_entropy(guess, code)).backward()
    optimizer.step()


@right(check.discriminator_turn)
def d_in_three_ways_back(generator, discriminator, optimizer, real, latent, code, weight):
    optimizer.zero_grad()
    F.softplus(-discriminator(real)[0]).mean().backward()
    on_fake, guess = discriminator(generator(latent).detach())
    F.softplus(on_fake).mean().backward(retain_graph=True)
    (-weight * torch.log_softmax(guess, 1)[torch.arange(len(code)), code].mean()).backward()
    optimizer.step()


@right(check.discriminator_turn)
def d_one_batch_and_a_closure(generator, discriminator, optimizer, real, latent, code, weight):
    together = torch.cat([real, generator(latent).detach()])

    def closure():
        optimizer.zero_grad()
        (on_real, on_fake), (_, guess) = (each.chunk(2) for each in discriminator(together))
        loss = (
            verdict(on_real, on_fake)
            - weight * torch.distributions.Categorical(logits=guess).log_prob(code).mean()
        )
        loss.backward()
        return loss

    return optimizer.step(closure).item()


# --- generator_turn ---


@right(check.generator_turn)
def g_usual(generator, discriminator, optimizer, latent, code, weight):
    on_fake, guess = discriminator(generator(latent))
    optimizer.zero_grad()
    (F.softplus(-on_fake).mean() + weight * F.cross_entropy(guess, code)).backward()
    optimizer.step()


@right(check.generator_turn)
def g_gradients_added_by_hand(generator, discriminator, optimizer, latent, code, weight):
    parameters = list(generator.parameters())
    on_fake, guess = discriminator(generator(latent))
    game = torch.autograd.grad(
        F.binary_cross_entropy_with_logits(on_fake, torch.ones(8)), parameters, retain_graph=True
    )
    pay = torch.autograd.grad(F.nll_loss(guess.log_softmax(1), code), parameters)
    for parameter, a, b in zip(parameters, game, pay, strict=True):
        parameter.grad = a + weight * b
    optimizer.step()


@right(check.generator_turn)
def g_with_d_frozen_meanwhile(generator, discriminator, optimizer, latent, code, weight):
    discriminator.requires_grad_(False)
    g_usual(generator, discriminator, optimizer, latent, code, weight)
    discriminator.requires_grad_(True)


@wrong(check.generator_turn, "discriminator changed")
def one_optimizer_over_both(generator, discriminator, optimizer, latent, code, weight):
    """Museum 3, as popular code has it: a third optimizer for the information."""
    both = torch.optim.SGD([*generator.parameters(), *discriminator.parameters()], lr=0.1)
    g_usual(generator, discriminator, both, latent, code, weight)


# --- matching ---


def counts(category, label):
    size = int(max(category.max(), label.max())) + 1
    return torch.bincount(category * size + label, minlength=size**2).view(size, size)


@right(check.matching)
def hungarian(category, label, sign=-1):
    return linear_sum_assignment(sign * counts(category, label).numpy())[1]


@right(check.matching)
def looking_at_all_orders(category, label):
    seen = Counter(zip(category.tolist(), label.tolist(), strict=True))
    size = len(counts(category, label))
    return max(
        itertools.permutations(range(size)),
        key=lambda order: sum(seen[pair] for pair in enumerate(order)),
    )


right(check.matching)(lambda category, label: dict(enumerate(hungarian(category, label))))


wrong(check.matching, "one name", "says nothing")(
    lambda category, label: counts(category, label).argmax(1)
)
wrong(check.matching, "few enough to try them all")(
    lambda category, label: hungarian(category, label, sign=1)
)
wrong(check.matching, "class of each category, in order")(
    lambda category, label: hungarian(category, label).repeat(2)
)
wrong(check.matching, "integers")(lambda category, label: 0.1)


# --- spearman ---


right(check.spearman)(lambda a, b: stats.spearmanr(a, b).statistic)
right(check.spearman)(lambda a, b: np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])


@right(check.spearman)
def by_counting_the_smaller(a, b):
    def places(x):
        return (x[:, None] > x).sum(1) + ((x[:, None] == x).sum(1) + 1) / 2

    return torch.corrcoef(torch.stack([places(a), places(b)]))[0, 1]


@wrong(check.spearman, "Equal numbers")
def ties_by_position(a, b):
    return torch.corrcoef(torch.stack([x.argsort(stable=True).argsort() for x in (a, b)]).float())[
        0, 1
    ]


@wrong(check.spearman, "Equal numbers")
def ties_all_take_the_first_place(a, b):
    return torch.corrcoef(torch.stack([(x[:, None] > x).sum(1) for x in (a, b)]).float())[0, 1]


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "cross_entropy",
        "log_softmax",
        "zero_grad",
        "detach()",
        "torch.Generator",
        "linear_sum_assignment",
        "xlogy",
    ]
)
