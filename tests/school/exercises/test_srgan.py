"""Chapter 5's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from gancourse.bicubic import shrink
from gancourse.chapters import srgan
from gancourse.features import Vgg
from gancourse.metrics.restoration import psnr
from gancourse.school.exercises import srgan as check
from tests.school.exercises.answers import Answers

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- pixel_shuffle ---


@right(check.pixel_shuffle)
def usual_shuffle(x, scale):
    n, channels, height, width = x.shape
    x = x.reshape(n, channels // scale**2, scale, scale, height, width)
    x = x.permute(0, 1, 4, 2, 5, 3)
    return x.reshape(n, -1, scale * height, scale * width)


@right(check.pixel_shuffle)
def into_every_other_pixel(x, scale):
    n, channels, height, width = x.shape
    high = torch.zeros(n, channels // scale**2, scale * height, scale * width)
    for k in range(scale**2):
        high[:, :, k // scale :: scale, k % scale :: scale] = x[:, k :: scale**2]
    return high


@right(check.pixel_shuffle)
def by_a_transposed_convolution(x, scale):
    colours = x.shape[1] // scale**2
    kernel = torch.eye(scale**2).view(scale**2, 1, scale, scale).repeat(colours, 1, 1, 1)
    return F.conv_transpose2d(x, kernel, stride=scale, groups=colours)


@right(check.pixel_shuffle)
class OfTheLibrary:
    def __call__(self, x, scale):
        return nn.PixelShuffle(scale)(x)


wrong(check.pixel_shuffle, "scale^2 times fewer")(
    lambda x, scale: F.interpolate(x, scale_factor=scale)
)
wrong(check.pixel_shuffle, "scale^2 times fewer")(lambda x, scale: usual_shuffle(x, scale).mT)
wrong(check.pixel_shuffle, "Follow one pixel")(
    lambda x, scale: F.interpolate(x[:, :: scale**2], scale_factor=scale)
)
wrong(check.pixel_shuffle, "detach or no_grad cuts")(
    lambda x, scale: usual_shuffle(x.detach(), scale)
)


# --- degrade ---


def to_bytes(low):
    return low.round().clamp(0, 255).to(torch.uint8)


@right(check.degrade)
def usual_degrade(pictures, scale):
    return to_bytes(shrink(pictures.float(), scale))


@right(check.degrade)
def by_pytorch_on_floats(pictures, scale):
    size = [side // scale for side in pictures.shape[2:]]
    low = F.interpolate(pictures.float(), size=size, mode="bicubic", antialias=True)
    return low.clip(0, 255).round().int()


@right(check.degrade)
def by_pytorch_on_bytes(pictures, scale):
    size = [side // scale for side in pictures.shape[2:]]
    return F.interpolate(pictures, size=size, mode="bicubic", antialias=True)


@right(check.degrade)
def by_pillow(pictures, scale):
    low = []
    for picture in pictures.permute(0, 2, 3, 1).numpy():
        image = Image.fromarray(picture)
        low.append(np.asarray(image.resize([s // scale for s in image.size], Image.BICUBIC)))
    return np.stack(low).transpose(0, 3, 1, 2)


wrong(check.degrade, "times shorter")(lambda x, scale: x)
wrong(check.degrade, "times shorter")(lambda x, scale: usual_degrade(x, scale)[:, 0])
wrong(check.degrade, "fractions", "detail from digits")(
    lambda x, scale: shrink(x.float(), scale).clamp(0, 255)
)
wrong(check.degrade, "holds nothing beyond")(lambda x, scale: shrink(x.float(), scale).round())
wrong(check.degrade, "another unit")(lambda x, scale: usual_degrade(x, scale) / 255)
wrong(check.degrade, "another unit")(lambda x, scale: usual_degrade(x, scale) / 127.5 - 1)
wrong(check.degrade, "cut off", "nearest level")(
    lambda x, scale: shrink(x.float(), scale).clamp(0, 255).to(torch.uint8)
)
wrong(check.degrade, "weighted mean")(lambda x, scale: usual_degrade(x.flip(3), scale))


# --- psnr ---


@right(check.psnr)
def usual_psnr(made, true, border):
    weights = torch.tensor([65.481, 128.553, 24.966]) / 255
    difference = torch.einsum("c,nchw->nhw", weights, made.float() - true.float())
    difference = difference[:, border:-border, border:-border]
    return (10 * torch.log10(255**2 / difference.square().mean((1, 2)))).mean()


@right(check.psnr)
def with_y_rounded_in_numpy(made, true, border):
    def y(x):
        red, green, blue = x.numpy().astype(float).transpose(1, 0, 2, 3) / 255
        levels = np.round(16 + 65.481 * red + 128.553 * green + 24.966 * blue)
        return levels[:, border:-border, border:-border]

    return np.mean(
        [
            -10 * np.log10(np.mean((a - b) ** 2) / 255**2)
            for a, b in zip(y(made), y(true), strict=True)
        ]
    )


@right(check.psnr)
def by_scikit_image(made, true, border):
    scores = []
    for pair in zip(made, true, strict=True):
        cut = (each[:, border:-border, border:-border].permute(1, 2, 0).numpy() for each in pair)
        a, b = (rgb2ycbcr(each)[..., 0] for each in cut)
        scores.append(peak_signal_noise_ratio(b, a, data_range=255))
    return sum(scores) / len(scores)


wrong(check.psnr, "leads to the worst answer")(lambda *pair: -usual_psnr(*pair))
wrong(check.psnr, "sum over the batch")(lambda *pair: len(pair[0]) * usual_psnr(*pair))
wrong(check.psnr, "10 log10 of 255^2")(lambda made, true, border: 30.0)
wrong(check.psnr, "10 log10 of 255^2")(
    lambda made, true, border: usual_psnr(made, true, border + 1)
)


# --- perceptual_loss ---


def normalised(pictures):
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    return ((pictures + 1) / 2 - mean) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]


@right(check.perceptual_loss)
def usual_perceptual_loss(network, made, true):
    network.eval().requires_grad_(False)
    return F.mse_loss(network(normalised(made)), network(normalised(true)))


@right(check.perceptual_loss)
def both_at_once_by_a_copy(network, made, true):
    network = copy.deepcopy(network).eval().requires_grad_(False)
    a, b = network(normalised(torch.cat([made, true]))).chunk(2)
    return {"content": (a - b).pow(2).mean()}


@right(check.perceptual_loss)
def with_weights_lent(network, made, true):
    network.eval()
    lent = {name: value.detach() for name, value in network.state_dict().items()}
    with torch.no_grad():
        goal = network(normalised(true))
    seen = torch.func.functional_call(network, lent, normalised(made))
    network.train()
    return ((seen - goal) ** 2).sum() / goal.numel()


def of_features(fold, prepare=normalised):
    """A frozen loss that folds the features of made and true."""

    def answer(network, made, true):
        network.eval().requires_grad_(False)
        return fold(network(prepare(made)), network(prepare(true)))

    return answer


wrong(check.perceptual_loss, "new tensor made of the number")(
    of_features(lambda a, b: torch.tensor(F.mse_loss(a, b).item()))
)
wrong(check.perceptual_loss, "Only the weights are frozen")(
    of_features(lambda a, b: F.mse_loss(a.detach(), b))
)
wrong(check.perceptual_loss, "slope is not")(
    of_features(lambda a, b: F.mse_loss(a, b).detach() + 0 * a.sum())
)
wrong(check.perceptual_loss, "brought to the range")(of_features(lambda a, b: F.mse_loss(a, 2 * b)))
wrong(check.perceptual_loss, "half of it")(of_features(lambda a, b: F.mse_loss(a, b) / 2))


@wrong(check.perceptual_loss, "Only the weights are frozen")
@torch.no_grad()
def without_gradients(network, made, true):
    return usual_perceptual_loss(network, made, true)


@wrong(check.perceptual_loss, "train mode", "running_mean")
def in_train_mode(network, made, true):
    network.requires_grad_(False)
    return F.mse_loss(network(normalised(made)), network(normalised(true)))


@wrong(check.perceptual_loss, "going blind")
def with_weights_that_learn(network, made, true):
    network.eval()
    with torch.no_grad():
        goal = network(normalised(true))
    return F.mse_loss(network(normalised(made)), goal)


# --- between ---


@right(check.between)
def usual_between(first, second, share):
    third = copy.deepcopy(first)
    state, other = third.state_dict(), second.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = (1 - share) * value + share * other[name]
    third.load_state_dict(state)
    return third


@right(check.between)
def parameters_and_buffers_apart(first, second, share):
    third = copy.deepcopy(second).train()
    with torch.no_grad():
        for kind in (nn.Module.parameters, nn.Module.buffers):
            for mine, theirs in zip(kind(third), kind(first), strict=True):
                mine.copy_(theirs + share * (mine - theirs))
    return third


@right(check.between)
def as_a_function(first, second, share):
    """Keeps no network: it calls the first one with other numbers."""
    ends = (dict(end.state_dict()) for end in (first, second))
    mixed = {
        name: (1 - share) * a + share * b
        for (name, a), b in zip(
            *(end.items() if i == 0 else end.values() for i, end in enumerate(ends)), strict=True
        )
    }
    return lambda x: torch.func.functional_call(first, mixed, x)


wrong(check.between, "a network", "return the network")(
    lambda first, second, share: usual_between(first, second, share).state_dict()
)
wrong(check.between, "first network changed", "written over")(
    lambda first, second, share: (
        first.load_state_dict(usual_between(first, second, share).state_dict()) and first
    )
)


@wrong(check.between, "second network changed", "work on a copy")
def in_place_in_the_second(first, second, share):
    with torch.no_grad():
        for mine, theirs in zip(second.parameters(), first.parameters(), strict=True):
            mine.lerp_(theirs, 1 - share)
    return second


@wrong(check.between, "share their memory")
def a_shallow_copy(first, second, share):
    third = usual_between(first, second, share)
    third[-2] = second[-2]
    return third


@wrong(check.between, "counts its batches in integers")
def integers_too(first, second, share):
    third, other = copy.deepcopy(first), second.state_dict()
    for name, value in third.state_dict().items():
        value.lerp_(other[name], share)
    return third


wrong(check.between, "lies between its two")(
    lambda first, second, share: usual_between(first, second, share**2)
)


# --- two_answers ---


STRIPES = torch.tensor([0.5, -0.5]).repeat(4)


def mean(low):
    return low.repeat_interleave(2, 1)


def striped(low):
    return mean(low) + STRIPES


def train(network, loss, pairs, steps=300, rate=5e-3):
    adam = torch.optim.Adam(network.parameters(), rate)
    for _ in range(steps):
        low, high = pairs(64)
        adam.zero_grad()
        loss(network(low), high).backward()
        adam.step()
    return network


def perceptron(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs))


def usual_game(pairs):
    """The solution of the notebook. It takes seconds, so it is run in a slow test below."""
    regression = train(perceptron(4, 8), F.mse_loss, pairs)
    player, judge = copy.deepcopy(regression), perceptron(8, 1)
    judging, playing = (
        torch.optim.Adam(x.parameters(), 2e-3, betas=(0.5, 0.99)) for x in (judge, player)
    )
    for _ in range(1000):
        low, high = pairs(64)
        made = player(low)
        judging.zero_grad()
        (F.softplus(-judge(high)).mean() + F.softplus(judge(made.detach())).mean()).backward()
        judging.step()
        shrunk = made.unflatten(1, (4, 2)).mean(2)
        playing.zero_grad()
        (F.softplus(-judge(made)).mean() + 10 * F.mse_loss(shrunk, low)).backward()
        playing.step()
    return regression, player


@right(check.two_answers)
def a_root_of_the_error_seeks_a_mode(pairs):
    """The mean of |difference| ** 0.5 over whole rows is least at one of the originals."""

    def rooted(made, high):
        return ((made - high).square().mean(1) + 1e-4).pow(0.25).mean()

    regression = train(perceptron(4, 8), F.mse_loss, pairs)
    return regression, train(perceptron(4, 8), rooted, pairs, steps=500)


@right(check.two_answers)
class MeanAndNearestOfManyNeighbours:
    """What was seen of the 200 nearest rows, on average, and of the nearest alone."""

    def __call__(self, pairs):
        low, high = pairs(4000)
        detail = high - mean(low)

        def drawn(k):
            return lambda x: mean(x) + detail[torch.cdist(x, low).topk(k, largest=False)[1]].mean(1)

        return drawn(200), drawn(1)


@right(check.two_answers)
def by_least_squares_and_by_looking_up(pairs):
    """No network: the best linear answer, and the brightness of one row in another's stripes."""
    low, high = pairs(2000)
    ones = torch.ones(len(low), 1)
    weights = torch.linalg.lstsq(torch.cat([low, ones], 1), high).solution
    stripes = high[0] - low[0].repeat_interleave(2)
    return (
        lambda x: torch.cat([x, torch.ones(len(x), 1)], 1) @ weights,
        lambda x: x.repeat_interleave(2, 1) + stripes,
    )


def drawing(first, second):
    """An answer that looks at the originals, and returns these two all the same."""

    def answer(pairs):
        pairs(2)
        return first, second

    return answer


wrong(check.two_answers, "two networks")(lambda pairs: mean)
wrong(check.two_answers, "never called")(lambda pairs: (mean, striped))
wrong(check.two_answers, "what draws them")(lambda pairs: (mean(pairs(2)[0]), striped))
wrong(check.two_answers, "was two")(drawing(lambda low: low, striped))
wrong(check.two_answers, "ran away")(drawing(mean, lambda low: mean(low) * torch.nan))
wrong(check.two_answers, "changed places")(drawing(striped, mean))
wrong(check.two_answers, "not learned", "even that")(drawing(lambda low: 0 * mean(low), striped))
wrong(check.two_answers, "halfway between")(drawing(striped, striped))
wrong(check.two_answers, "still draws grey")(drawing(mean, mean))
wrong(check.two_answers, "still draws grey")(drawing(mean, lambda low: mean(low) + 0.3 * STRIPES))
wrong(check.two_answers, "higher than any original's")(
    drawing(mean, lambda low: mean(low) + 2 * STRIPES)
)
wrong(check.two_answers, "of another picture")(drawing(mean, lambda low: striped(low.flip(0))))
wrong(check.two_answers, "change sides")(
    drawing(mean, lambda low: mean(low) + torch.tensor([0.5, -0.5, -0.5, 0.5]).repeat(2))
)
wrong(check.two_answers, "undecided")(
    drawing(mean, lambda low: mean(low) + (0.1 + (low[:, :1] > 0.05)) * STRIPES)
)


@wrong(check.two_answers, "learned by heart")
def the_same_few_pairs(pairs):
    low, high = pairs(8)
    return lambda new: mean(new) + (high - mean(low))[torch.cdist(new, low).argmin(1)], striped


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "torch.",
        "PixelShuffle",
        "permute",
        "reshape",
        "antialias=",
        "clamp",
        "round(",
        "einsum",
        "mse_loss",
        "eval()",
        "requires_grad",
        "deepcopy",
        "lerp",
        "is_floating_point",
        "softplus",
    ]
)


# What is asked is what the chapter does


def test_the_small_picture_is_the_games():
    game = srgan.Config(network="compact", width=4, blocks=1, shape=(3, 32, 32)).build()
    pictures = torch.randint(0, 256, (2, 3, 48, 48), generator=torch.Generator().manual_seed(0))
    low = usual_degrade(pictures, 4)[:, :, 2:-2, 2:-2]
    theirs = game.halve(pictures / 127.5 - 1)["low"]
    assert torch.allclose(theirs, low / 127.5 - 1, atol=1e-5)


def test_the_decibels_are_the_courses():
    made, true = check.noisy([13, 23], seed=5)
    assert usual_psnr(made, true, 4).item() == pytest.approx(psnr(made, true, border=4), abs=1e-3)


def test_the_perceptual_loss_is_the_papers_but_for_its_unit():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    made, true = torch.rand(2, 2, 3, 8, 8) * 2 - 1
    theirs = Vgg(network).distance(made, true)
    assert torch.allclose(usual_perceptual_loss(network, made, true), theirs * 12.75**2)


def test_the_network_between_is_the_games():
    config = srgan.Config(form="srgan", network="compact", width=4, blocks=1, content=0.0)
    first, game = (srgan.Config(network="compact", width=4, blocks=1).build(), config.build())
    game.borrowed["first"] = first
    low = torch.rand(1, 3, 8, 8) * 2 - 1
    theirs = game.network(blend=0.3)(low)
    assert torch.allclose(
        usual_between(first.generator, game.generator, 0.3)(low), theirs, atol=1e-6
    )


@pytest.mark.parametrize("seed", range(3))
def test_originals_shrink_to_what_was_given_and_tell_nothing_else(seed):
    low, high = check.Pairs(seed)(400)
    assert torch.allclose(high.unflatten(1, (4, 2)).mean(2), low)
    begins = (high[:, 0] > high[:, 1]).double()
    assert abs(begins.mean() - 0.5) < 0.1
    assert high.abs().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_an_honest_game_passes_with_any_dice(seed, monkeypatch):
    """A check of chance may not fail by chance."""
    monkeypatch.setattr(torch, "manual_seed", lambda _: torch.default_generator.manual_seed(seed))
    result = check.two_answers(usual_game)
    assert result.passed, result
