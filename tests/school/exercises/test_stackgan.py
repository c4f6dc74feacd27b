"""Chapter 4's exercises, held against wrong answers and right ones that look unusual.

A wrong answer must be refused with an explanation that speaks of the mistake: every row names a
word of it.
"""

from __future__ import annotations

import copy
import math
import random
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gancourse.chapters import stackgan
from gancourse.layers import join
from gancourse.losses import LOSSES
from gancourse.school.exercises import stackgan as check
from gancourse.school.exercises.checking import plain
from tests.school.exercises.answers import Answers, run

answers = Answers(check.EXERCISES)
wrong, right = answers.wrong, answers.right


# --- wrong_captions ---


@right(check.wrong_captions)
def usual_captions(facts, said):
    table = ((said >= 0) & (facts[:, None] != said)).any(2)
    return table, torch.multinomial(table.float(), 1).squeeze(1)


@right(check.wrong_captions)
def in_loops(facts, said):
    table = [
        [
            any(told not in (-1, shown) for shown, told in zip(picture, caption, strict=True))
            for caption in said.tolist()
        ]
        for picture in facts.tolist()
    ]
    return table, [random.choice([j for j, bad in enumerate(row) if bad]) for row in table]


@right(check.wrong_captions)
def by_counting_what_is_true(facts, said):
    agree = (facts.unsqueeze(1) == said).logical_and(said >= 0).sum(-1)
    lies = (said >= 0).sum(-1) - agree
    return {"lies": lies > 0, "worst": lies.argmax(1).numpy()}


wrong(check.wrong_captions, "One row for each picture")(
    lambda facts, said: (check.contradicted(facts, said)[:, 0], torch.zeros(len(facts)).long())
)
wrong(check.wrong_captions, "Return both")(check.contradicted)
wrong(check.wrong_captions, "anything that the picture does not show")(
    lambda facts, said: (0 * check.contradicted(facts, said), torch.zeros(len(facts)).long())
)
wrong(check.wrong_captions, "its column in the table")(
    lambda facts, said: (check.contradicted(facts, said),) * 2
)
wrong(check.wrong_captions, "numbers of type float32", "by its number")(
    lambda facts, said: (check.contradicted(facts, said), torch.full((len(facts),), 0.5))
)
wrong(check.wrong_captions, "0 to 4", "counted from 0")(
    lambda facts, said: (check.contradicted(facts, said), torch.arange(len(facts)) + 1)
)


@wrong(check.wrong_captions, "nothing but the truth")
def by_lot_without_the_table(facts, said):
    table = check.contradicted(facts, said)
    return table, torch.randint(len(said), (len(facts),))


# --- matching_loss ---


@right(check.matching_loss)
def usual_loss(real, wrong, fake):
    no = F.softplus(wrong).mean() + F.softplus(fake).mean()
    return F.softplus(-real).mean() + no / 2


@right(check.matching_loss)
def of_one_batch(real, wrong, fake):
    pairs = torch.cat([real, wrong, fake])
    targets = torch.cat([torch.ones_like(real), torch.zeros_like(wrong), torch.zeros_like(fake)])
    weights = torch.cat([torch.full_like(real, 2.0), torch.ones_like(wrong), torch.ones_like(fake)])
    return F.binary_cross_entropy_with_logits(pairs, targets, weights, reduction="sum") / len(
        real
    ) / 2  # fmt: skip


@right(check.matching_loss)
class AsTerms(nn.Module):
    def forward(self, real, wrong, fake):
        return {
            "real": -F.logsigmoid(real).mean(),
            "wrong": -F.logsigmoid(-wrong).mean() / 2,
            "fake": torch.logaddexp(fake, torch.zeros(())).mean() / 2,
        }


@wrong(check.matching_loss, "rounds to 0 or 1", "slope")
def sigmoid_then_bce(real, wrong, fake):
    """Museum 8."""
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    no = sum(F.binary_cross_entropy(u.sigmoid(), zero) for u in (wrong, fake))
    return F.binary_cross_entropy(real.sigmoid(), one) + no / 2


wrong(check.matching_loss, "log 0")(
    lambda *u: -(u[0].sigmoid().log() + sum((1 - v.sigmoid()).log() for v in u[1:]) / 2).mean()
)
wrong(check.matching_loss, "half of it")(lambda *u: usual_loss(*u) / 2)
wrong(check.matching_loss, "without a gradient")(lambda *u: usual_loss(*u).item())
wrong(check.matching_loss, "Three kinds of pairs")(lambda real, wrong, fake: real.mean())
wrong(check.matching_loss, "each by its share")(
    lambda real, wrong, fake: usual_loss(real, wrong.detach(), fake)
)


# --- every_pair ---


@right(check.every_pair)
def usual_pairs(maps, text):
    m, n = len(maps), len(text)
    maps = maps.repeat_interleave(n, 0)
    text = text.repeat(m, 1)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
    return torch.cat([maps, text], 1)


@right(check.every_pair)
def by_broadcasting(maps, text):
    m, n, places = len(maps), len(text), maps.shape[2:]
    left = maps[:, None].expand(m, n, *maps.shape[1:])
    below = text[None, :, :, None, None].expand(m, n, -1, *places)
    return torch.cat([left, below], 2).flatten(0, 1)


@right(check.every_pair)
def one_by_one(maps, text):
    rows = []
    for picture in maps:
        for sentence in text:
            planes = [number * torch.ones_like(picture[:1]) for number in sentence]
            rows.append(torch.cat([picture, *planes]))
    return torch.stack(rows)


wrong(check.every_pair, "All pairs, one after the other")(
    lambda maps, text: usual_pairs(maps, text).unflatten(0, (len(maps), len(text)))
)
wrong(check.every_pair, "All pairs, one after the other")(
    lambda maps, text: join(maps, text[: len(maps)])
)


@wrong(check.every_pair, "All pairs, one after the other")
def along_the_rows(maps, text):
    maps = maps.repeat_interleave(len(text), 0)
    text = text.repeat(len(maps) // len(text), 1)
    return torch.cat([maps, text[:, None, :, None].expand(-1, maps.shape[1], -1, maps.shape[3])], 2)


wrong(check.every_pair, "cuts that off")(lambda maps, text: usual_pairs(maps.detach(), text))
wrong(check.every_pair, "cuts that off")(lambda maps, text: usual_pairs(maps, text.detach()))
wrong(check.every_pair, "holds text[j, k]")(lambda maps, text: usual_pairs(maps, text.flip(1)))


# --- augment ---


@right(check.augment)
def usual_augmentation(text, linear):
    mean, log_variance = linear(text).chunk(2, 1)
    c = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    return c, (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2


@right(check.augment)
def by_distributions(text, linear):
    mean, log_variance = linear(text).split(linear.out_features // 2, dim=1)
    cloud = torch.distributions.Normal(mean, log_variance.exp().sqrt())
    unit = torch.distributions.Normal(0.0, 1.0)
    return cloud.rsample(), torch.distributions.kl_divergence(cloud, unit).mean()


@right(check.augment)
class WithDiceOfItsOwn:
    def __init__(self):
        self.dice = torch.Generator().manual_seed(3)

    def __call__(self, text, linear):
        half = linear.out_features // 2
        out = linear(text)
        sigma = torch.pow(math.e, 0.5 * out[:, half:])
        noise = torch.empty(len(text), half).normal_(generator=self.dice)
        terms = out[:, :half] ** 2 + sigma**2 - 1 - 2 * sigma.log()
        return {"c": torch.addcmul(out[:, :half], sigma, noise), "kl": 0.5 * terms.mean()}


wrong(check.augment, "c has C numbers")(
    lambda text, linear: (linear(text), usual_augmentation(text, linear)[1])
)
wrong(check.augment, "Return both")(lambda text, linear: usual_augmentation(text, linear)[0])
wrong(check.augment, "one number")(
    lambda text, linear: (usual_augmentation(text, linear)[0], linear(text))
)
wrong(check.augment, "middle of each cloud")(
    lambda text, linear: (
        usual_augmentation(text, linear)[0] + 0.3,
        usual_augmentation(text, linear)[1],
    )
)
wrong(check.augment, "divergence without a gradient", "cuts the way back")(
    lambda text, linear: (
        usual_augmentation(text, linear)[0],
        usual_augmentation(text, linear)[1].item(),
    )
)
wrong(check.augment, "noise of its own")(check.cloud(deviation=lambda v: 0.8 * (v / 2).exp()))
wrong(check.augment, "mean^2 + variance")(check.cloud(fold=lambda d: 0 * d.mean()))


@wrong(check.augment, "part of the slope is missing")
def variance_that_cannot_learn(text, linear):
    mean, log_variance = linear(text).chunk(2, 1)
    c = mean + (log_variance.detach() / 2).exp() * torch.randn_like(mean)
    return c, usual_augmentation(text, linear)[1]


@wrong(check.augment, "Draw the noise apart")
@torch.no_grad()
def without_gradients(text, linear):
    return usual_augmentation(text, linear)


# --- stage_two_input ---


@right(check.stage_two_input)
def usual_input(first, text, latent):
    modes = {module: module.training for module in first.modules()}
    first.eval()
    with torch.no_grad():
        small = first(text, latent)
    for module, mode in modes.items():
        module.training = mode
    return small


@right(check.stage_two_input)
def by_a_copy(first, text, latent):
    return copy.deepcopy(first).eval()(text, latent).detach()


@right(check.stage_two_input)
@torch.no_grad()
def only_what_trains(first, text, latent):
    learning = [module for module in first.modules() if module.training]
    for module in learning:
        module.training = False
    try:
        return first(text, latent)
    finally:
        for module in learning:
            module.training = True


wrong(check.stage_two_input, "whole picture")(lambda *given: usual_input(*given)[:1])
wrong(check.stage_two_input, "every layer of it is in eval mode")(
    lambda *given: usual_input(*given) / 2
)
wrong(check.stage_two_input, "takes a tensor")(lambda *given: usual_input(*given).numpy())


@wrong(check.stage_two_input, "averages moved", "norm.running_mean")
def and_once_more_in_train_mode(first, text, latent):
    small = usual_input(first, text, latent)
    with torch.no_grad():
        first(text, latent)
    return small


@wrong(check.stage_two_input, "not all in one mode")
def modes_of_the_wrong_layers(first, text, latent):
    small = usual_input(first, text, latent)
    first.norm.eval()
    return small


@wrong(check.stage_two_input, "look at what each was")
def one_weight_frozen(first, text, latent):
    first.linear.bias.requires_grad_(False)
    return usual_input(first, text, latent)


# --- encoder ---


class Convolutions(nn.Module):
    """The solution of the notebook."""

    def __init__(self, words, size):
        super().__init__()
        self.embedding = nn.Embedding(words, 64, padding_idx=0)
        self.layers = nn.ModuleList(nn.Conv1d(64, 64, 3, padding=1) for _ in range(2))
        self.last = nn.Linear(64, size)

    def forward(self, tokens):
        there = (tokens > 0)[:, None]
        x = self.embedding(tokens).mT
        for layer in self.layers:
            x = (x + layer(x).relu()) * there
        return self.last(x.masked_fill(~there, -torch.inf).amax(2))


@right(check.encoder)
def usual_encoder(words, size):
    return Convolutions(words, size)


class LastWord(nn.Module):
    """A recurrent network's state after the last word that is one."""

    def __init__(self, words, size):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.rnn = nn.GRU(size, size, batch_first=True)

    def forward(self, tokens):
        states, _ = self.rnn(self.embedding(tokens))
        last = (tokens > 0).sum(1) - 1
        return states[torch.arange(len(tokens)), last]


right(check.encoder)(lambda words, size: LastWord(words, size))


class Attention(nn.Module):
    """Takes five times as long as the others, so only the slow test below hands it in."""

    def __init__(self, words, size):
        super().__init__()
        self.words, self.places = nn.Embedding(words, size), nn.Embedding(16, size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(2)
        )

    def forward(self, tokens):
        nowhere = tokens == 0
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=nowhere)
        there = (~nowhere)[..., None]
        return (x * there).sum(1) / there.sum(1)


class PairsOfWords(nn.Module):
    """A bag after all, but of pairs: which word comes right after which."""

    def __init__(self, words, size):
        super().__init__()
        self.words, self.pairs = words, nn.EmbeddingBag(words**2, size, mode="sum", padding_idx=0)

    def forward(self, tokens):
        pair = tokens[:, :-1] * self.words + tokens[:, 1:]
        pair = pair * (tokens[:, 1:] > 0)
        return (
            self.pairs(pair)
            if pair.shape[1]
            else torch.zeros(len(tokens), self.pairs.embedding_dim)
        )


right(check.encoder)(lambda words, size: PairsOfWords(words, size))

wrong(check.encoder, "a network", "Return the network")(lambda words, size: torch.zeros(3, size))
wrong(check.encoder, "One vector of `size` numbers")(lambda words, size: nn.Embedding(words, size))
wrong(check.encoder, "nan or inf")(
    lambda words, size: lambda tokens: torch.zeros(len(tokens), size) / 0
)
wrong(check.encoder, "can be read in part only")(
    lambda words, size: Convolutions(words, size).requires_grad_(False)
)


# --- the tests ---


TestExercises = answers.tests(
    giveaways=[
        "torch.",
        "any(",
        "argmax",
        "multinomial",
        "softplus",
        "repeat_interleave(",
        "expand(",
        "exp(",
        "randn",
        "rsample",
        "no_grad()",
        "eval()",
        "modules()",
        "Conv1d",
        "GRU",
        "masked_fill",
    ]
)


# What is asked is what the chapter does


def test_the_table_is_the_games():
    facts, said = torch.tensor(check.SHOWN), torch.tensor(check.TOLD)
    assert torch.equal(usual_captions(facts, said)[0], stackgan.mismatch(facts, said))


def test_every_picture_has_a_wrong_caption_and_its_neighbours_are_not_all_wrong():
    """Otherwise choosing the next one would pass."""
    table = check.contradicted(torch.tensor(check.SHOWN), torch.tensor(check.TOLD))
    assert not table.diagonal().any() and table.any(1).all()
    rows = torch.arange(len(table))
    for shift in (1, -1):
        assert not table[rows, rows.roll(shift)].all()


def test_the_loss_is_the_games():
    real, wrong_pair, fake = torch.randn(3, 6)
    d = LOSSES["non-saturating"].discriminator
    terms = d(real, fake)
    theirs = terms["real"] + (terms["fake"] + d(real, wrong_pair)["fake"]) / 2
    assert torch.allclose(usual_loss(real, wrong_pair, fake), theirs)


def test_a_pair_is_joined_as_the_games_discriminator_joins_it():
    maps, text = torch.randn(3, 2, 4, 4), torch.randn(3, 5)
    own = usual_pairs(maps, text)[:: len(text) + 1]
    assert torch.equal(own, join(maps, text))


def test_the_augmentation_is_the_games():
    ours = stackgan.Augmentation(3, check.C)
    ours.linear = check.reading()
    state = torch.get_rng_state()
    c, divergence = usual_augmentation(check.TEXTS, ours.linear)
    torch.set_rng_state(state)
    theirs = ours(check.TEXTS, torch.randn(len(check.TEXTS), check.C))
    assert torch.allclose(c, theirs[0]) and torch.allclose(divergence, theirs[1])


@pytest.mark.parametrize("held_out", [False, True])
def test_the_toy_sentences_say_what_they_say(held_out):
    tokens, said = check.Toy(held_out, seed=0)(400)
    assert (tokens > 0).sum(1).min() >= 5 and tokens.shape[1] <= check.LONGEST
    assert tokens.max() < check.WORDS
    for row, colours in zip(tokens.tolist(), said.tolist(), strict=True):
        found = [check.COLOURS] * check.SHAPES
        for before, word in zip(row, row[1:], strict=False):
            if check.COLOURS < word <= check.COLOURS + check.SHAPES:
                found[word - 1 - check.COLOURS] = before - 1
        assert found == colours and colours.count(check.COLOURS) == check.SHAPES - 2


def test_held_out_combinations_are_never_trained_on_and_their_parts_are():
    train, test = (check.Toy(held_out, seed=0) for held_out in (False, True))
    assert not set(train.sets) & set(test.sets) and len(test.sets) == 42
    met = {(c, s) for colours, shapes in train.sets for c in colours for s in shapes}
    assert len(met) == check.COLOURS * check.SHAPES


def test_a_bag_of_words_is_near_chance():
    """Both ways to give two colours to two things are as likely."""
    bag = next(answer for answer, why in check.encoder.mistakes if why == plain(check.BAG))
    result, _ = run(check.encoder, bag)
    share = int(re.search(r"right things in\s+(\d+)%", str(result))[1])
    assert 10 < share < 60, result


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("network", [Convolutions, LastWord, Attention])
def test_an_honest_encoder_passes_with_any_dice(network, seed, monkeypatch):
    """A check of chance may not fail by chance."""
    monkeypatch.setattr(torch, "manual_seed", lambda _: torch.default_generator.manual_seed(seed))
    result = check.encoder(lambda words, size: network(words, size))
    assert result.passed, result
