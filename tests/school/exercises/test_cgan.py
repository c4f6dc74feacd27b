"""Chapter 2's checkers, each held against stubs, typical wrong answers and right answers that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a word of it.
"""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gancourse.school.exercises import cgan as check
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- one_hot ---


@right(check.one_hot)
def by_the_library(labels, classes):
    return F.one_hot(labels, classes).float()


@right(check.one_hot)
def by_scatter(labels, classes):
    return torch.zeros(len(labels), classes).scatter_(1, labels[:, None], 1.0)


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


@wrong(check.one_hot, "all zeros", "nothing")
def compared_and_unchecked(labels, classes):
    return (labels[:, None] == torch.arange(classes)).float()


@wrong(check.one_hot, "floats", "refused")
def whole_numbers(labels, classes):
    """Museum 12: int64 where a layer wants floats."""
    return F.one_hot(labels, classes)


@wrong(check.one_hot, "softmax", ".23")
def softened(labels, classes):
    return by_the_library(labels, classes).softmax(1)


@wrong(check.one_hot, "One row for each label")
def columns_for_labels(labels, classes):
    return by_the_library(labels, classes).T


@wrong(check.one_hot, "counted from 0")
def counted_from_one(labels, classes):
    return by_the_library((labels - 1) % classes, classes)


@wrong(check.one_hot, "shouts")
def the_number_itself(labels, classes):
    return labels[:, None] * by_the_library(labels, classes)


@wrong(check.one_hot, "changed places")
def one_cold(labels, classes):
    return 1 - by_the_library(labels, classes)


@wrong(check.one_hot, "single 1")
def thermometer(labels, classes):
    return (labels[:, None] >= torch.arange(classes)).float()


@wrong(check.one_hot, "One row for each label")
def the_labels_as_they_are(labels, classes):
    return labels.float()


@wrong(check.one_hot, "a tensor")
def as_text(labels, classes):
    return "one-hot"


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


@right(check.join_maps)
def by_interpolation(maps, weights):
    return torch.cat([maps, F.interpolate(weights[..., None, None], size=maps.shape[2:])], 1)


@wrong(check.join_maps, "wrong places", "row by row")
def dealt_out_by_view(maps, weights):
    n, _, h, w = maps.shape
    return torch.cat([maps, weights.repeat(1, h * w).view(n, -1, h, w)], 1)


@wrong(check.join_maps, "before the maps", "append")
def label_first(maps, weights):
    return torch.cat([weights[:, :, None, None].expand(-1, -1, *maps.shape[2:]), maps], 1)


@wrong(check.join_maps, "corner")
def in_one_corner(maps, weights):
    label = torch.zeros(len(maps), weights.shape[1], *maps.shape[2:])
    label[:, :, 0, 0] = weights
    return torch.cat([maps, label], 1)


@wrong(check.join_maps, "K more channels")
def beside_the_picture(maps, weights):
    label = weights[:, None, :, None].expand(-1, maps.shape[1], -1, maps.shape[3])
    return torch.cat([maps, label], 2)


@wrong(check.join_maps, "K more channels")
def the_label_as_one_number(maps, weights):
    number = weights.argmax(1).float()[:, None, None, None].expand(-1, 1, *maps.shape[2:])
    return torch.cat([maps, number], 1)


@wrong(check.join_maps, "weights[i, k]")
def largest_only(maps, weights):
    return expanded(maps, F.one_hot(weights.argmax(1), weights.shape[1]).float())


@wrong(check.join_maps, "without a gradient", "cuts it off")
def joined_data(maps, weights):
    return expanded(maps.detach(), weights)


@wrong(check.join_maps, "Sizes of tensors")
def not_spread_out(maps, weights):
    return torch.cat([maps, weights[:, :, None, None]], 1)


# --- discriminator_loss ---


@right(check.discriminator_loss)
def usual_d(generator, discriminator, images, labels, z):
    with torch.no_grad():
        fake = generator(z, labels)
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, labels)).mean()
    )


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


@wrong(check.discriminator_loss, "discriminator was not told", "no reason to listen")
def label_for_g_only(generator, discriminator, images, labels, z):
    fake = generator(z, labels).detach()
    return F.softplus(-discriminator(images)).mean() + F.softplus(discriminator(fake)).mean()


@wrong(check.discriminator_loss, "generator was not told")
def label_for_d_only(generator, discriminator, images, labels, z):
    fake = generator(z).detach()
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, labels)).mean()
    )


@wrong(check.discriminator_loss, "asked for as a", "draw it once, use it twice")
def reshuffled_for_d(generator, discriminator, images, labels, z):
    fake = generator(z, labels).detach()
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, labels.roll(1))).mean()
    )


@wrong(check.discriminator_loss, "asked for as a", "draw it once")
def drawn_twice(generator, discriminator, images, labels, z):
    fake = generator(z, torch.tensor([3, 2, 1, 0, 0, 1, 2, 3])).detach()
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, labels)).mean()
    )


@wrong(check.discriminator_loss, "a real", "own label")
def real_under_other_labels(generator, discriminator, images, labels, z):
    fake = generator(z, labels).detach()
    return (
        F.softplus(-discriminator(images, labels.flip(0))).mean()
        + F.softplus(discriminator(fake, labels)).mean()
    )


@wrong(check.discriminator_loss, "all fakes were asked for as 0")
def zeros_for_all_fakes(generator, discriminator, images, labels, z):
    zeros = torch.zeros_like(labels)
    fake = generator(z, zeros).detach()
    return (
        F.softplus(-discriminator(images, labels)).mean()
        + F.softplus(discriminator(fake, zeros)).mean()
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


@wrong(check.discriminator_loss, "rounds to 0 or 1", "logits")
def sigmoid_then_bce(generator, discriminator, images, labels, z):
    """Museum 8."""
    real, fake = discriminator(images, labels), discriminator(generator(z, labels).detach(), labels)
    one, zero = torch.ones(len(real)), torch.zeros(len(fake))
    return F.binary_cross_entropy(real.sigmoid(), one) + F.binary_cross_entropy(
        fake.sigmoid(), zero
    )


@wrong(check.discriminator_loss, "Long", "float")
def whole_number_targets(generator, discriminator, images, labels, z):
    """Museum 12."""
    real, fake = discriminator(images, labels), discriminator(generator(z, labels).detach(), labels)
    ones, zeros = torch.ones(len(real), dtype=torch.long), torch.zeros(len(fake), dtype=torch.long)
    return F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(
        fake, zeros
    )


@wrong(check.discriminator_loss, "saw no fake")
def real_only(generator, discriminator, images, labels, z):
    generator(z, labels)
    return F.softplus(-discriminator(images, labels)).mean()


@wrong(check.discriminator_loss, "saw no real")
def fake_only(generator, discriminator, images, labels, z):
    return F.softplus(discriminator(generator(z, labels).detach(), labels)).mean()


@wrong(check.discriminator_loss, "changed places")
def swapped(generator, discriminator, images, labels, z):
    fake = generator(z, labels).detach()
    return (
        F.softplus(discriminator(images, labels)).mean()
        + F.softplus(-discriminator(fake, labels)).mean()
    )


@wrong(check.discriminator_loss, "half of it", "2 ln 2")
def averaged(*given):
    return usual_d(*given) / 2


@wrong(check.discriminator_loss, "without a gradient", ".item()")
def as_a_number(*given):
    return usual_d(*given).item()


@wrong(check.discriminator_loss, "never asked")
def chance(*given):
    return torch.tensor(1.386, requires_grad=True)


@wrong(check.discriminator_loss, "the gradient is not")
def half_detached(generator, discriminator, images, labels, z):
    fake = generator(z, labels).detach()
    with torch.no_grad():
        on_fake = F.softplus(discriminator(fake, labels)).mean()
    return F.softplus(-discriminator(images, labels)).mean() + on_fake


# --- generator_loss ---


@right(check.generator_loss)
def usual_g(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels), labels)).mean()


@right(check.generator_loss)
def with_drawn_labels(generator, discriminator, labels, z):
    drawn = torch.tensor(random.Random(0).choices(range(4), k=len(z)))
    return nn.BCEWithLogitsLoss()(discriminator(generator(z, drawn), drawn), torch.ones(len(z)))


@right(check.generator_loss)
def with_d_frozen_for_the_time(generator, discriminator, labels, z):
    discriminator.requires_grad_(False)
    logits = discriminator(generator(z, labels), labels)
    discriminator.requires_grad_(True)
    return (-F.logsigmoid(logits),) if logits.dim() == 0 else (-F.logsigmoid(logits).mean(),)


@right(check.generator_loss)
def one_at_a_time(generator, discriminator, labels, z):
    losses = [
        F.softplus(-discriminator(generator(z[i : i + 1], labels[i : i + 1]), labels[i : i + 1]))
        for i in range(len(z))
    ]
    return torch.cat(losses).mean()


@wrong(check.generator_loss, "discriminator was not told", "no reason to listen")
def d_not_told(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels))).mean()


@wrong(check.generator_loss, "generator was not told")
def g_not_told(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z), labels)).mean()


@wrong(check.generator_loss, "does not matter")
def judged_under_another_label(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels), labels.flip(0).roll(3))).mean()


@wrong(check.generator_loss, "way is cut")
def fake_detached(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels).detach(), labels)).mean()


@wrong(check.generator_loss, "minimax", "flat")
def minimax(generator, discriminator, labels, z):
    return -F.softplus(discriminator(generator(z, labels), labels)).mean()


@wrong(check.generator_loss, "caught")
def what_d_wants(generator, discriminator, labels, z):
    return F.softplus(discriminator(generator(z, labels), labels)).mean()


@wrong(check.generator_loss, "sum over the batch")
def summed(generator, discriminator, labels, z):
    return F.softplus(-discriminator(generator(z, labels), labels)).sum()


@wrong(check.generator_loss, "rounds to 0 or 1")
def log_of_a_sigmoid(generator, discriminator, labels, z):
    return -torch.log(discriminator(generator(z, labels), labels).sigmoid().clamp(min=1e-7)).mean()


@wrong(check.generator_loss, "only that one")
def always_an_eight(generator, discriminator, labels, z):
    three = torch.full_like(labels, 3)
    return F.softplus(-discriminator(generator(z, three), three)).mean()


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


@wrong(check.mixtures, "names, not amounts")
def walking_the_number(first, second, steps, classes):
    return F.one_hot(torch.linspace(first, second, steps).round().long(), classes).float()


@wrong(check.mixtures, "one step short")
def short_of_the_end(first, second, steps, classes):
    t = (torch.arange(steps) / steps)[:, None]
    return (1 - t) * torch.eye(classes)[first] + t * torch.eye(classes)[second]


@wrong(check.mixtures, "ends are missing")
def without_the_ends(first, second, steps, classes):
    return by_lerp(first, second, steps + 2, classes)[1:-1]


@wrong(check.mixtures, "changed places")
def backwards(first, second, steps, classes):
    return by_lerp(second, first, steps, classes)


@wrong(check.mixtures, "softmax")
def with_a_softmax(first, second, steps, classes):
    return by_lerp(first, second, steps, classes).softmax(1)


@wrong(check.mixtures, "sums to 1")
def overwritten_where_both_are_one(first, second, steps, classes):
    weights = torch.zeros(steps, classes)
    weights[:, first] = torch.linspace(1, 0, steps)
    weights[:, second] = torch.linspace(0, 1, steps)
    return weights


@wrong(check.mixtures, "row a step")
def a_column_a_step(first, second, steps, classes):
    return by_lerp(first, second, steps, classes).T


@wrong(check.mixtures, "middle")
def only_the_middle(first, second, steps, classes):
    return by_lerp(first, second, 3, classes)[1].expand(steps, -1)


# --- balanced_labels ---


@right(check.balanced_labels)
def dealt_and_shuffled(n, classes, seed):
    return torch.arange(n).remainder(classes)[
        torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    ]


@right(check.balanced_labels)
def in_numpy(n, classes, seed):
    labels = np.resize(np.arange(classes), n)
    return np.random.default_rng(seed).permutation(labels)


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


@wrong(check.balanced_labels, "Shuffle")
def in_blocks(n, classes, seed):
    return in_turn(n, classes, seed).sort().values


@wrong(check.balanced_labels, "shape", "no multiple")
def no_remainder(n, classes, seed):
    labels = torch.arange(classes).repeat_interleave(n // classes)
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]


@wrong(check.balanced_labels, "stream of your own")
def rewinding_the_program(n, classes, seed):
    torch.manual_seed(seed)
    return in_turn(n, classes, seed)[torch.randperm(n)]


@wrong(check.balanced_labels, "agree")
def unseeded(n, classes, seed):
    return in_turn(n, classes, seed)[torch.randperm(n)]


@wrong(check.balanced_labels, "seed used")
def one_order_for_all(n, classes, seed):
    return dealt_and_shuffled(n, classes, 0)


@wrong(check.balanced_labels, "from 0")
def from_one(n, classes, seed):
    return dealt_and_shuffled(n, classes, seed) + 1


@wrong(check.balanced_labels, "whole numbers")
def as_floats(n, classes, seed):
    return dealt_and_shuffled(n, classes, seed).float()


# --- projection_logit ---


@right(check.projection_logit)
def two_products(features, labels, real, of_class):
    return features @ real + (of_class[labels] * features).sum(1)


@right(check.projection_logit)
def one_product_with_the_sum(features, labels, real, of_class):
    return torch.einsum("nf,nf->n", features, real + of_class[labels])


@right(check.projection_logit)
def all_classes_then_one(features, labels, real, of_class):
    scores = features @ of_class.T
    return (features @ real[:, None]).squeeze(1) + scores.gather(1, labels[:, None]).squeeze(1)


@right(check.projection_logit)
def with_an_embedding_layer(features, labels, real, of_class):
    vectors = nn.Embedding.from_pretrained(of_class)(labels)
    return (
        torch.bmm(vectors[:, None], features[:, :, None]).flatten()
        + F.linear(features, real[None])[:, 0]
    )


@wrong(check.projection_logit, "label changes nothing", "whether it is real")
def without_the_class(features, labels, real, of_class):
    return features @ real


@wrong(check.projection_logit, "learned anew")
def without_the_common_part(features, labels, real, of_class):
    return (of_class[labels] * features).sum(1)


@wrong(check.projection_logit, "every picture with every label")
def a_matrix(features, labels, real, of_class):
    return features @ real + features @ of_class[labels].T


@wrong(check.projection_logit, "added up")
def all_classes(features, labels, real, of_class):
    return features @ real + (features @ of_class.T).sum(1)


@wrong(check.projection_logit, "fits best")
def best_class(features, labels, real, of_class):
    return features @ real + (features @ of_class.T).amax(1)


@wrong(check.projection_logit, "added to the features")
def shifted_features(features, labels, real, of_class):
    return (features + of_class[labels]) @ real


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


@right(check.class_accuracy)
def the_diagonal_of_a_table(judge, samples, asked, classes):
    read = judge.eval()(samples).topk(1).indices[:, 0]
    table = F.one_hot(asked, classes).float().T @ F.one_hot(read, classes).float()  # asked x read
    return (table / table.sum(1, keepdim=True)).diagonal()


@wrong(check.class_accuracy, "train mode", "neighbours")
def in_train_mode(judge, samples, asked, classes):
    """Museum 15."""
    read = judge(samples).argmax(1)
    return torch.stack([(read[asked == k] == k).float().mean() for k in range(classes)])


@wrong(check.class_accuracy, "one number", "hides")
def one_for_all(judge, samples, asked, classes):
    return (judge.eval()(samples).argmax(1) == asked).float().mean()


@wrong(check.class_accuracy, "how often the judge read")
def precision(judge, samples, asked, classes):
    read = judge.eval()(samples).argmax(1)
    return torch.stack([(asked[read == k] == k).float().mean() for k in range(classes)])


@wrong(check.class_accuracy, "numbers of hits")
def hits_only(judge, samples, asked, classes):
    read = judge.eval()(samples).argmax(1)
    return [int(((read == asked) & (asked == k)).sum()) for k in range(classes)]


@wrong(check.class_accuracy, "divided by all samples")
def of_all_samples(judge, samples, asked, classes):
    read = judge.eval()(samples).argmax(1)
    return [((read == asked) & (asked == k)).float().mean() for k in range(classes)]


@wrong(check.class_accuracy, "percentages")
def in_percent(judge, samples, asked, classes):
    return 100 * class_by_class(judge, samples, asked, classes)


@wrong(check.class_accuracy, "how sure")
def confidence(judge, samples, asked, classes):
    belief = judge.eval()(samples).softmax(1)
    return torch.stack([belief[asked == k, k].mean() for k in range(classes)])


@wrong(check.class_accuracy, "read wrongly")
def error_rate(judge, samples, asked, classes):
    return 1 - class_by_class(judge, samples, asked, classes)


# --- the tests ---


TestCheckers = answers.tests(
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
