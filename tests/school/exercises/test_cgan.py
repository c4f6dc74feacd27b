"""Chapter 2's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gancourse.losses import log_loss
from gancourse.school.exercises import cgan as check
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- one_hot ---


@right(check.one_hot)
def by_the_library(labels, classes):
    return F.one_hot(labels, classes).float()


@right(check.one_hot)
def in_a_loop(labels, classes):
    rows = []
    for label in labels.tolist():
        row = [0.0] * classes
        assert label >= 0
        row[label] = 1.0
        rows.append(row)
    return rows


@right(check.one_hot)
def by_comparison_in_numpy(labels, classes):
    labels = labels.numpy()
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError("no such class")
    return (labels[:, None] == np.arange(classes)).astype(np.float32)


@wrong(check.one_hot, "-1 from the end", "last class")
def rows_of_the_identity(labels, classes):
    """Museum: a label of -1 picks the last row, and nothing is said."""
    return torch.eye(classes)[labels]


wrong(check.one_hot, "row of zeros", "nothing")(
    lambda labels, classes: (labels[:, None] == torch.arange(classes)).float()
)


@wrong(check.one_hot, "floats", "refuses")
def whole_numbers(labels, classes):
    """Museum 12: int64 where a layer wants floats."""
    return F.one_hot(labels, classes)


wrong(check.one_hot, "single 1")(
    lambda labels, classes: (labels[:, None] >= torch.arange(classes)).float()
)
wrong(check.one_hot, "floats", "refuses")(
    lambda labels, classes: labels[:, None] == torch.arange(classes)
)
wrong(check.one_hot, "One row for each label")(lambda labels, classes: labels.float())


# --- join_maps ---


@right(check.join_maps)
def expanded(maps, weights):
    return torch.cat([maps, weights[:, :, None, None].expand(-1, -1, *maps.shape[2:])], dim=1)


@right(check.join_maps)
def as_an_outer_product(maps, weights):
    ones = torch.ones_like(maps[:, :1])
    return torch.concat((maps, torch.einsum("nk,nchw->nkhw", weights, ones)), 1)


@right(check.join_maps)
def written_into_place(maps, weights):
    n, c, h, w = maps.shape
    joined = maps.new_empty(n, c + weights.shape[1], h, w)
    joined[:, :c] = maps
    for k in range(weights.shape[1]):
        joined[:, c + k] = weights[:, k].view(n, 1, 1)
    return joined


@wrong(check.join_maps, "K more channels")
def beside_the_picture(maps, weights):
    label = weights[:, None, :, None].expand(-1, maps.shape[1], -1, maps.shape[3])
    return torch.cat([maps, label], 2)


@wrong(check.join_maps, "K more channels")
def the_label_as_one_number(maps, weights):
    number = weights.argmax(1).float()[:, None, None, None].expand(-1, 1, *maps.shape[2:])
    return torch.cat([maps, number], 1)


wrong(check.join_maps, "weights[i, k]")(
    lambda maps, weights: expanded(maps, F.one_hot(weights.argmax(1), weights.shape[1]).float())
)
wrong(check.join_maps, "without a gradient", "cuts it off")(
    lambda maps, weights: expanded(maps.detach(), weights)
)
wrong(check.join_maps, "Sizes of tensors")(
    lambda maps, weights: torch.cat([maps, weights[:, :, None, None]], 1)
)


# --- discriminator_loss ---


def played(of_real=lambda y: (y,), asked=lambda y: (y,), of_fake=lambda y: (y,), loss=None):
    """A discriminator's loss, with what the real pictures, the generator and the fakes go with."""

    def answer(generator, discriminator, images, labels, z):
        real = discriminator(images, *of_real(labels))
        fake = discriminator(generator(z, *asked(labels)).detach(), *of_fake(labels))
        if loss is not None:
            return loss(real, fake)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    return answer


def nothing(labels):
    return ()


usual_d = right(check.discriminator_loss)(played())


@right(check.discriminator_loss)
def with_fresh_labels(generator, discriminator, images, labels, z):
    other = labels[torch.randperm(len(labels))]
    fake = generator(z, other).detach()
    return {
        "real": -F.logsigmoid(discriminator(images, labels)).mean(),
        "fake": -F.logsigmoid(-discriminator(fake, other)).mean(),
    }


@right(check.discriminator_loss)
def in_one_batch(generator, discriminator, images, labels, z):
    pictures = torch.cat([generator(z, labels).detach(), images])
    logits = discriminator(pictures, torch.cat([labels, labels]))
    targets = torch.cat([torch.zeros(len(z)), torch.ones(len(images))])
    return 2 * F.binary_cross_entropy_with_logits(logits, targets)


@right(check.discriminator_loss)
class WithOneHotRows:
    def __call__(self, generator, discriminator, images, labels, z):
        rows = torch.eye(4)[labels]
        order = torch.arange(len(labels)).flip(0)
        fake = generator(z, rows).detach()
        real = discriminator(images[order], rows[order])
        return (
            torch.logaddexp(-real, torch.zeros(())).mean()
            + F.softplus(discriminator(fake, rows)).mean()
        )


wrong(check.discriminator_loss, "discriminator was not given", "no reason to use")(
    played(of_real=nothing, of_fake=nothing)
)
wrong(check.discriminator_loss, "generator was not given")(played(asked=nothing))
wrong(check.discriminator_loss, "asked for as a", "draw it once, use it twice")(
    played(of_fake=lambda y: (y.roll(1),))
)
wrong(check.discriminator_loss, "asked for as a")(
    played(asked=lambda y: (torch.tensor([3, 2, 1, 0, 0, 1, 2, 3]),))
)
wrong(check.discriminator_loss, "a real", "own label")(played(of_real=lambda y: (y.flip(0),)))
wrong(check.discriminator_loss, "all fakes were asked for as 0")(
    played(asked=lambda y: (0 * y,), of_fake=lambda y: (0 * y,))
)
wrong(check.discriminator_loss, "swapped")(played(loss=lambda real, fake: log_loss(-real, -fake)))
wrong(check.discriminator_loss, "half", "2 ln 2")(lambda *given: usual_d(*given) / 2)
wrong(check.discriminator_loss, "the gradient is not")(
    played(loss=lambda real, fake: log_loss(real, fake.detach()))
)
wrong(check.discriminator_loss, "rounds to 0 or 1", "logits")(
    played(loss=lambda real, fake: -(real.sigmoid().log() + (1 - fake.sigmoid()).log()).mean())
)
wrong(check.discriminator_loss, "never asked")(
    lambda *given: torch.tensor(1.386, requires_grad=True)
)


@wrong(check.discriminator_loss, "reaches the generator", "does not play")
def graph_through_g(generator, discriminator, images, labels, z):
    fake = generator(z, labels)
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, labels)).mean()
    )


@wrong(check.discriminator_loss, "left frozen")
def left_frozen(generator, discriminator, images, labels, z):
    generator.requires_grad_(False)
    return usual_d(generator, discriminator, images, labels, z)


@wrong(check.discriminator_loss, "saw no fake")
def real_only(generator, discriminator, images, labels, z):
    generator(z, labels)
    return F.softplus(-discriminator(images, labels)).mean()


@wrong(check.discriminator_loss, "saw no real")
def fake_only(generator, discriminator, images, labels, z):
    return F.softplus(discriminator(generator(z, labels).detach(), labels)).mean()


# --- generator_loss ---


@right(check.generator_loss)
def usual_g(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels), labels)).mean()


@right(check.generator_loss)
def with_drawn_labels(generator, discriminator, labels, z):
    drawn = torch.tensor(random.Random(0).choices(range(4), k=len(z)))
    return nn.BCEWithLogitsLoss()(discriminator(generator(z, drawn), drawn), torch.ones(len(z)))


@right(check.generator_loss)
def one_at_a_time(generator, discriminator, labels, z):
    losses = [
        F.softplus(-discriminator(generator(z[i : i + 1], labels[i : i + 1]), labels[i : i + 1]))
        for i in range(len(z))
    ]
    return torch.cat(losses).mean()


def paid(asked=lambda y: (y,), of_fake=lambda y: (y,), loss=lambda u: F.softplus(-u).mean()):
    """A generator's loss, with what it is asked for and what its fakes go with."""

    def answer(generator, discriminator, labels, z):
        return loss(discriminator(generator(z, *asked(labels)), *of_fake(labels)))

    return answer


wrong(check.generator_loss, "discriminator was not given", "no reason to use")(
    paid(of_fake=nothing)
)
wrong(check.generator_loss, "generator was not given")(paid(asked=nothing))
wrong(check.generator_loss, "does not matter")(paid(of_fake=lambda y: (y.flip(0).roll(3),)))
wrong(check.generator_loss, "only that one")(
    paid(asked=lambda y: (0 * y + 3,), of_fake=lambda y: (0 * y + 3,))
)
wrong(check.generator_loss, "minimax", "flat")(paid(loss=lambda u: -F.softplus(u).mean()))
wrong(check.generator_loss, "rounds to 0 or 1")(
    paid(loss=lambda u: -u.sigmoid().clamp(min=1e-7).log().mean())
)


@wrong(check.generator_loss, "way is cut")
def fake_detached(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels).detach(), labels)).mean()


# --- mixtures ---


@right(check.mixtures)
def by_lerp(first, second, steps, classes):
    ends = torch.eye(classes)
    return torch.lerp(ends[first], ends[second], torch.linspace(0, 1, steps)[:, None])


@right(check.mixtures)
def by_adding_shares(first, second, steps, classes):
    weights = np.zeros((steps, classes))
    for row, t in enumerate(np.linspace(0, 1, steps)):
        weights[row, first] += 1 - t
        weights[row, second] += t
    return weights


@right(check.mixtures)
def by_interpolation_of_two_rows(first, second, steps, classes):
    ends = F.one_hot(torch.tensor([first, second]), classes).float()
    return F.interpolate(ends.T[None], size=steps, mode="linear", align_corners=True)[0].T


@wrong(check.mixtures, "sums to 1")
def overwritten_where_both_are_one(first, second, steps, classes):
    weights = torch.zeros(steps, classes)
    weights[:, first] = torch.linspace(1, 0, steps)
    weights[:, second] = torch.linspace(0, 1, steps)
    return weights


wrong(check.mixtures, "row per step")(
    lambda first, second, steps, classes: by_lerp(first, second, steps, classes).T
)


# --- balanced_labels ---


@right(check.balanced_labels)
def dealt_and_shuffled(n, classes, seed):
    return torch.arange(n).remainder(classes)[
        torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    ]


@right(check.balanced_labels)
def pack_by_pack(n, classes, seed):
    dice, labels = random.Random(seed), []
    while len(labels) < n:
        pack = list(range(classes))
        dice.shuffle(pack)
        labels += pack
    return labels[:n]


@right(check.balanced_labels)
def ranks_of_noise(n, classes, seed):
    return torch.rand(n, generator=torch.Generator().manual_seed(seed)).argsort() % classes


@wrong(check.balanced_labels, "one by one", "unevenly")
def drawn_one_by_one(n, classes, seed):
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


@wrong(check.balanced_labels, "Shuffle")
def in_turn(n, classes, seed):
    return torch.arange(n) % classes


wrong(check.balanced_labels, "Shuffle")(
    lambda n, classes, seed: in_turn(n, classes, seed).sort().values
)


@wrong(check.balanced_labels, "shape", "no multiple")
def no_remainder(n, classes, seed):
    labels = torch.arange(classes).repeat_interleave(n // classes)
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]


@wrong(check.balanced_labels, "stream of your own")
def rewinding_the_program(n, classes, seed):
    torch.manual_seed(seed)
    return in_turn(n, classes, seed)[torch.randperm(n)]


wrong(check.balanced_labels, "from 0")(
    lambda n, classes, seed: dealt_and_shuffled(n, classes, seed) + 1
)
wrong(check.balanced_labels, "integers")(
    lambda n, classes, seed: dealt_and_shuffled(n, classes, seed).float()
)


# --- projection_logit ---


right(check.projection_logit)(
    lambda features, labels, real, of_class: features @ real + (of_class[labels] * features).sum(1)
)


@right(check.projection_logit)
def one_product_with_the_sum(features, labels, real, of_class):
    return torch.einsum("nf,nf->n", features, real + of_class[labels])


@right(check.projection_logit)
def all_classes_then_one(features, labels, real, of_class):
    scores = features @ of_class.T
    return (features @ real[:, None]).squeeze(1) + scores.gather(1, labels[:, None]).squeeze(1)


wrong(check.projection_logit, "every picture with every label")(
    lambda features, labels, real, of_class: features @ real + features @ of_class[labels].T
)


@wrong(check.projection_logit, "Two products")
def a_product_of_both(features, labels, real, of_class):
    return (features @ real) * (of_class[labels] * features).sum(1)


# --- class_accuracy ---


@right(check.class_accuracy)
def class_by_class(judge, samples, asked, classes):
    judge.eval()
    read = judge(samples).argmax(1)
    return torch.stack([(read[asked == k] == k).float().mean() for k in range(classes)])


@right(check.class_accuracy)
def by_counting(judge, samples, asked, classes):
    with torch.no_grad():
        read = judge.train(False)(samples).argmax(dim=-1)
    hits = torch.bincount(asked[read == asked], minlength=classes)
    return (hits / torch.bincount(asked, minlength=classes)).numpy()


@right(check.class_accuracy)
def one_picture_at_a_time(judge, samples, asked, classes):
    judge.eval()
    hits, total = [0] * classes, [0] * classes
    for picture, label in zip(samples, asked.tolist(), strict=True):
        total[label] += 1
        hits[label] += int(judge(picture[None])[0].max(0).indices) == label
    return [hit / of for hit, of in zip(hits, total, strict=True)]


wrong(check.class_accuracy, "one number", "hides")(
    lambda judge, samples, asked, classes: (judge.eval()(samples).argmax(1) == asked).float().mean()
)


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "F.one_hot",
        "scatter",
        "expand(",
        "softplus",
        "detach()",
        "lerp",
        "linspace",
        "randperm",
        "argmax",
        "gather",
    ]
)
