"""Chapter 6's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gancourse.chapters.pix2pix import PATCHES, UNet, patch_discriminator
from gancourse.game import falling
from gancourse.school.exercises import pix2pix as check
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- receptive_field ---


@right(check.receptive_field)
def from_the_picture(layers):
    px, jump = 1, 1
    for kernel, stride in layers:
        px += (kernel - 1) * jump
        jump *= stride
    return px


@right(check.receptive_field)
def emptying_the_list_in_numpy(layers):
    if not layers:
        return np.array([1.0])
    kernel, stride = layers.pop(0)
    return (emptying_the_list_in_numpy(layers) - 1) * stride + kernel


@right(check.receptive_field)
def by_its_gradient(layers):
    x = torch.zeros(1, 1, 400, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
    y[0, 0, 0].backward()
    return x.grad.count_nonzero()


wrong(check.receptive_field, "Begin with one pixel")(lambda layers: 70)


# --- judge_input ---


right(check.judge_input)(lambda input, picture: torch.cat([input, picture], dim=1))


@right(check.judge_input)
def into_an_empty_one(input, picture):
    n, c, h, w = input.shape
    both = torch.zeros(n, c + picture.shape[1], h, w)
    both[:, :c] = input
    both[:, c:] = picture
    return both


@right(check.judge_input)
class PairByPair:
    def __call__(self, input, picture):
        return torch.stack([torch.vstack(list(pair)) for pair in zip(input, picture, strict=True)])


wrong(check.judge_input, "in the batch")(lambda input, picture: torch.cat([input, picture]))
wrong(check.judge_input, "at the seam only")(lambda input, picture: torch.cat([input, picture], 3))
wrong(check.judge_input, "at the seam only")(lambda input, picture: torch.cat([input, picture], 2))
wrong(check.judge_input, "input is missing")(lambda input, picture: picture)
wrong(check.judge_input, "picture is missing")(lambda input, picture: input)
wrong(check.judge_input, "cannot be told apart")(lambda input, picture: input + picture)
wrong(check.judge_input, "input is there twice")(
    lambda input, picture: torch.cat([input, input], 1)
)
wrong(check.judge_input, "Here it was cut")(
    lambda input, picture: torch.cat([input, picture.detach()], 1)
)


@wrong(check.judge_input, "whatever C and D are")
def three_channels_of_each(input, picture):
    return torch.cat([input.expand(-1, 3, -1, -1), picture.expand(-1, 3, -1, -1)], 1)


# --- generator_loss ---


@right(check.generator_loss)
def usual_loss(logits, output, target, weight):
    return F.softplus(-logits).mean() + weight * (target - output).abs().mean()


@right(check.generator_loss)
def by_the_library(logits, output, target, weight):
    return {
        "game": F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)),
        "l1": weight * F.l1_loss(output, target),
    }


@right(check.generator_loss)
def as_a_tuple_by_logsigmoid(logits, output, target, weight):
    return -F.logsigmoid(logits).sum() / logits.numel(), weight * torch.maximum(
        target - output, output - target
    ).mean()


@wrong(check.generator_loss, "float32", "log 0")
def by_the_formula(logits, output, target, weight):
    return -logits.sigmoid().log().mean() + weight * F.l1_loss(output, target)


@wrong(check.generator_loss, "slope is gone")
def clamped(logits, output, target, weight):
    value = F.softplus(-logits).mean()
    return value.detach() + 0 * logits.sum() + weight * F.l1_loss(output, target)


@wrong(check.generator_loss, "no slope at the output")
def output_detached(logits, output, target, weight):
    return F.softplus(-logits).mean() + weight * F.l1_loss(output.detach(), target)


# --- jitter ---


def cut(picture, top, left, side):
    return picture[..., top : top + side, left : left + side]


@right(check.jitter)
def pair_by_pair(input, target, side):
    pairs = []
    for x, y in zip(input, target, strict=True):
        top, left = torch.randint(x.shape[-1] - side + 1, (2,)).tolist()
        x, y = cut(x, top, left, side), cut(y, top, left, side)
        pairs.append((x.flip(-1), y.flip(-1)) if torch.rand(()) < 0.5 else (x, y))
    return tuple(torch.stack(each) for each in zip(*pairs, strict=True))


@right(check.jitter)
def joined_and_gathered(input, target, side):
    """Mirrors by counting the columns backwards, all pairs at once."""
    both = torch.cat([input, target], 1)
    n, size = len(both), both.shape[-1]
    top, left = torch.randint(size - side + 1, (2, n, 1))
    across = torch.arange(side).expand(n, side)
    across = torch.where(torch.rand(n, 1) < 0.5, across, side - 1 - across)
    rows, columns = (top + torch.arange(side))[:, None, :, None], (left + across)[:, None, None, :]
    both = both[
        torch.arange(n)[:, None, None, None],
        torch.arange(both.shape[1])[:, None, None],
        rows,
        columns,
    ]
    return both[:, : input.shape[1]], both[:, input.shape[1] :]


@right(check.jitter)
def mirrors_first_with_pythons_dice(input, target, side):
    out = []
    for pair in zip(input.numpy(), target.numpy(), strict=True):
        step, room = random.choice((1, -1)), pair[0].shape[-1] - side
        top, left = random.randint(0, room), random.randint(0, room)
        out.append([np.ascontiguousarray(cut(each[..., ::step], top, left, side)) for each in pair])
    return [torch.from_numpy(np.stack(each)) for each in zip(*out, strict=True)]


def anywhere(i, room):
    return torch.randint(room + 1, (2,)).tolist()


def fair(i, corner):
    return torch.rand(()) < 0.5


def jittered(place=anywhere, coin=fair):
    """A jitter made of a rule for the corner and one for the mirror."""

    def answer(input, target, side):
        pairs = []
        for i, both in enumerate(zip(input, target, strict=True)):
            corner = place(i, input.shape[-1] - side)
            both = [cut(each, *corner, side) for each in both]
            pairs.append([each.flip(-1) for each in both] if coin(i, corner) else both)
        return tuple(torch.stack(each) for each in zip(*pairs, strict=True))

    return answer


def mirrored(pictures, axis):
    """Half of the pictures, mirrored along the axis."""
    return torch.where(torch.rand(len(pictures), 1, 1, 1) < 0.5, pictures, pictures.flip(axis))


wrong(check.jitter, "Draw once per pair")(
    lambda x, y, side: (pair_by_pair(x, x, side)[0], pair_by_pair(y, y, side)[0])
)
wrong(check.jitter, "Draw once per pair")(
    lambda x, y, side: (x[..., :side, :side], mirrored(y[..., :side, :side], 3))
)
wrong(check.jitter, "only one is used", "the centre")(
    jittered(lambda i, room: (room // 2, room // 2))
)
wrong(check.jitter, "only one is used")(jittered(lambda i, room: (0, room)))
wrong(check.jitter, "a pair that was not in the data")(jittered(coin=lambda i, corner: False))
wrong(check.jitter, "never seen")(jittered(coin=lambda i, corner: True))
wrong(check.jitter, "equally likely")(jittered(coin=lambda i, corner: torch.rand(()) < 0.3))
wrong(check.jitter, "both ends included")(jittered(lambda i, room: anywhere(i, max(0, room - 1))))
wrong(check.jitter, "move together")(jittered(lambda i, room: 2 * anywhere(i, room)[:1]))
wrong(check.jitter, "Every place")(
    jittered(lambda i, room: (torch.rand(2) * room).round().int().tolist())
)
wrong(check.jitter, "one coin")(
    jittered(coin=lambda i, corner: corner[0] == 0 or (corner[0] == 1 and fair(0, 0)))
)
wrong(check.jitter, "input is returned first")(lambda *given: pair_by_pair(*given)[::-1])
wrong(check.jitter, "Nothing was cut off")(
    lambda x, y, side: mirrored(torch.cat([x, y], 1), 3).split([1, 3], 1)
)
wrong(check.jitter, "Return both pictures")(lambda *given: pair_by_pair(*given)[0])
wrong(check.jitter, "stay what they are")(
    lambda x, y, side: (F.interpolate(x, size=(side, side)), F.interpolate(y, size=(side, side)))
)


@wrong(check.jitter, "are upside down")
def upside_down(input, target, side):
    both = mirrored(torch.cat([input, target], 1)[..., :side, :side], 2)
    return both[:, :1], both[:, 1:]


@wrong(check.jitter, "Only the pixels are to move")
def shuffled(input, target, side):
    order = torch.randperm(len(input))
    return pair_by_pair(input[order], target[order], side)


@wrong(check.jitter, "stay what they are")
def columns_shuffled(input, target, side):
    across = torch.randperm(input.shape[-1])[:side]
    return input[..., :side, across], target[..., :side, across]


# Right, until the picture is as large as the cut: there is no number below 0.
wrong(check.jitter, "stopped with this error")(
    jittered(lambda i, room: (random.randrange(room + (room > 0)), *anywhere(i, room)[1:]))
)


# --- unet_forward ---


@right(check.unet_forward)
def with_a_list_of_maps(x, down, up):
    maps = []
    for block in down:
        x = block(x)
        maps.append(x)
    x = up[0](x)
    for block, skip in zip(up[1:], reversed(maps[:-1]), strict=True):
        x = block(torch.cat([x, skip], 1))
    return x


@right(check.unet_forward)
def from_the_outside_in(x, down, up):
    """Every level is a smaller U-Net between two blocks."""
    x = down[0](x)
    if len(down) > 1:
        x = torch.cat([from_the_outside_in(x, down[1:], up[:-1]), x], 1)
    return up[-1](x)


@right(check.unet_forward)
class ByTheSizesOfTheMaps:
    def __call__(self, x, down, up):
        known = {}
        for block in down:
            x = block(x)
            known[x.shape[-1]] = x
        del known[x.shape[-1]]
        for block in up:
            if x.shape[-1] in known:
                x = torch.hstack((x, known.pop(x.shape[-1])))
            x = block(x)
        return x


def down_and_up(join):
    """A U-Net that joins so before each block of the decoder: (i, x, the encoder's maps) -> x."""

    def answer(x, down, up):
        maps = []
        for block in down:
            x = block(x)
            maps.append(x)
        for i, block in enumerate(up):
            x = block(join(i, x, maps))
        return x

    return answer


wrong(check.unet_forward, "different size", "as large as the one it holds")(
    down_and_up(lambda i, x, maps: torch.cat([x, maps[i]], 1) if i else x)
)
wrong(check.unet_forward, "way back is not")(
    down_and_up(lambda i, x, maps: torch.cat([x, maps[-1 - i].detach()], 1) if i else x)
)
wrong(check.unet_forward, "the last word")(
    lambda x, down, up: torch.cat([with_a_list_of_maps(x, down, up), x], 1)
)
wrong(check.unet_forward, "the last word")(lambda x, down, up: torch.nn.Sequential(*down)(x))


# --- spread ---


@right(check.spread)
def usual_spread(translate, line_art, n):
    return torch.stack([translate(line_art, seed=seed) for seed in range(n)]).std(0).mean()


@right(check.spread)
def in_numpy_with_other_seeds(translate, line_art, n):
    return np.std([translate(line_art, seed=100 + 7 * k).numpy() for k in range(n)], axis=0).mean()


@right(check.spread)
def picture_by_picture_from_the_moments(translate, line_art, n):
    found = []
    for picture in line_art.split(1):
        y = torch.cat([translate(picture, seed=k).double() for k in range(1, n + 1)])
        found.append((y.square().mean(0) - y.mean(0).square()).clamp(min=0).sqrt().mean())
    return sum(found).item() / len(found)


def opinions(translate, line_art, n):
    return torch.stack([translate(line_art, seed=seed) for seed in range(n)])


@wrong(check.spread, "One seed gives one opinion")
def one_seed(translate, line_art, n):
    return torch.stack([translate(line_art, seed=0) for _ in range(n)]).std(0).mean()


wrong(check.spread, "no more and no fewer")(
    lambda translate, line_art, n: opinions(translate, line_art, n - 1).std(0).mean()
)


@wrong(check.spread, "without noise")
def in_silence(translate, line_art, n):
    return torch.stack([translate(line_art, seed=k, noise=False) for k in range(n)]).std(0).mean()


wrong(check.spread, "have to be asked for")(lambda translate, line_art, n: line_art.std())
wrong(check.spread, "not asked about every picture")(
    lambda translate, line_art, n: opinions(translate, line_art[:1], n).std(0).mean()
)


@wrong(check.spread, "as it is")
def enlarged_first(translate, line_art, n):
    return opinions(translate, F.interpolate(line_art, scale_factor=2), n).std(0).mean()


# --- class_iou ---


@right(check.class_iou)
def class_by_class(predicted, truth, classes):
    found = []
    for k in range(classes):
        ours, theirs = predicted == k, truth == k
        if theirs.any():
            found.append((ours & theirs).sum() / (ours | theirs).sum())
    return sum(found) / len(found)


@right(check.class_iou)
def by_a_table(predicted, truth, classes):
    table = torch.zeros(classes, classes).index_put_(
        (truth.flatten(), predicted.flatten()), torch.ones(()), accumulate=True
    )
    union = table.sum(0) + table.sum(1) - table.diag()
    return (table.diag() / union)[table.sum(1) > 0].mean().item()


@right(check.class_iou)
class ByNanmeanOfOneHot:
    def __call__(self, predicted, truth, classes):
        p, t = (F.one_hot(each.flatten(), classes).bool() for each in (predicted, truth))
        each = (p & t).sum(0) / (p | t).sum(0)
        return torch.where(t.any(0), each, torch.nan).nanmean()


def areas(predicted, truth, classes):
    """(both, there, painted), pixels of each class."""
    p, t = (F.one_hot(each.flatten(), classes).bool() for each in (predicted, truth))
    return (p & t).sum(0).float(), t.sum(0).float(), p.sum(0).float()


@wrong(check.class_iou, "0 / 0 is nan")
def over_all_classes_with_nan(predicted, truth, classes):
    both, there, painted = areas(predicted, truth, classes)
    return (both / (there + painted - both)).mean()


# --- learning_rate ---


@right(check.learning_rate)
def by_min_and_max(step, steps, lr):
    return lr * max(0, min(1, 2 - 2 * step / steps))


right(check.learning_rate)(
    lambda step, steps, lr: np.interp(step, [0, steps / 2, steps], [lr, lr, 0])
)


@right(check.learning_rate)
def from_a_table(step, steps, lr):
    half = steps // 2
    rates = [lr] * half + [lr * (1 - k / half) for k in range(half)]
    return rates[step] if step < steps else 0.0


wrong(check.learning_rate, "uphill")(lambda step, steps, lr: lr * min(1, 2 - 2 * step / steps))
wrong(check.learning_rate, "0 at step `steps`")(
    lambda step, steps, lr: lr if step < 0.75 * steps else lr * 4 * (1 - step / steps)
)


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "torch.",
        "cat(",
        "softplus",
        ".flip",
        "randint",
        ".std(",
        "reversed",
        "bincount",
        "max(",
        "min(",
    ]
)


@pytest.mark.parametrize("dice", range(5))
def test_an_honest_jitter_passes_with_any_dice(dice):
    """A check of chance may not fail by chance: its limits are five deviations away."""
    torch.manual_seed(dice)
    assert check.jitter(joined_and_gathered).passed


# What is asked is what the chapter does


def test_the_answers_are_the_chapters():
    for patch in PATCHES:
        layers = [
            m for m in patch_discriminator(2, patch, 2, "running") if isinstance(m, torch.nn.Conv2d)
        ]
        assert from_the_picture([(m.kernel_size[0], m.stride[0]) for m in layers]) == patch
    torch.manual_seed(0)
    network, x = UNet(1, 3, 32, 2, 0.0, "instance"), torch.randn(2, 1, 32, 32)
    assert torch.equal(with_a_list_of_maps(x, network.down, network.up), network(x))
    assert [by_min_and_max(step, 8, 2e-4) for step in range(9)] == pytest.approx(
        [falling(2e-4, step, 8, last=4)["lr"] for step in range(9)]
    )
