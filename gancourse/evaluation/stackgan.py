"""How pictures are measured against the sentences that they were asked for by: chapter 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from gancourse import language
from gancourse.data import scenes
from gancourse.data.sources import Pictures
from gancourse.evaluation.protocol import Column, Protocol, Where
from gancourse.evaluation.readers import READERS
from gancourse.game import Game
from gancourse.metrics import attribute_cnn, sentences
from gancourse.metrics.coverage import manifold
from gancourse.metrics.frechet import frechet
from gancourse.recipe import Recipe

BOUND = {"scenes": ("first", "first_colour", "second", "second_colour")}
DRAWS, ASKED = 16, 40  # draws of each sentence, and sentences, for the spread
SHOWN = 8  # sentences of the dossier's sheet
LESSONS = 4_000  # sentences that a slow reader reads for a probe
EACH = 12  # sentences with each word that a vocabulary lacks

WHOLE = Column("whole", "whole sentence", ".1%")
PICTURES = (
    WHOLE,
    Column("mean", "mean of attributes", ".1%"),
    Column("frechet", "Fréchet distance", ".2f"),
    Column("frechet_train", "the same, combinations that were trained", ".2f"),
    Column("spread", "spread of one sentence", ".2f"),
    Column("nearest", "distance to the nearest training picture", ".2f"),
)
READING = (
    Column("probe", "attributes read from the vector", ".1%"),
    Column("finds", "pictures found by their sentence", ".1%"),
    Column("named", "sentences found by their picture", ".1%"),
)
OTHER = (
    Column("other", "attributes said by words that the vocabulary lacks", ".1%"),
    Column("own_other", "the same, the encoder that taught", ".1%"),
    Column("pooled_other", "the same, one pooled vector", ".1%"),
)
FREE = (
    READING[0],
    Column("pooled_probe", "the same, one pooled vector", ".1%"),
    *READING[1:],
    Column("cosine", "cosine with the encoder that taught", ".3f"),
)


class Captions(Protocol):
    """Do pictures show what their sentences say, of combinations that were never trained?

    A network reads the attributes of samples: it has seen none of the training pictures, and no
    game may learn from it. Real pictures are the ceiling; the floor is the same samples with each
    other's sentences. Of a text encoder it is measured what a linear layer can read from its
    vectors.
    """

    tables = {"scenes": PICTURES, "portraits": PICTURES}
    judges = tuple(READERS.values())
    no_own = "nothing is known of what they show; look at the pictures of progress"

    def columns(self, config: Recipe) -> tuple[Column, ...]:
        found = super().columns(config)
        free = (*OTHER, *FREE) if config.pictures == "scenes" else FREE
        return {"words": READING, "free": free}.get(config.form, found)

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        config = game.config
        train, test = (where.load(config, split) for split in ("train", "test"))
        test = test.select(torch.arange(min(n, len(test))))
        if config.form == "words":
            return encoder_scores(game, game, train, test, seed)
        if config.form == "free":
            few = train.select(torch.arange(min(LESSONS, len(train))))
            return free_scores(game, few, test, seed)
        judge = attribute_cnn.load(READERS[config.pictures])
        asked = test["said"]
        small, samples = drawn(game, test, seed)
        scores = {
            **picture_scores(judge, samples, test, config.pictures),
            **prefixed("real", picture_scores(judge, test["image"], test, config.pictures)),
            **prefixed("floor", picture_scores(judge, samples, test.select(around(test)),
                                               config.pictures)),
        }  # fmt: skip
        real, features = judge.features(test["image"]), judge.features(samples)
        known = train.take(len(test), seed)
        known_small, of_known = drawn(game, known, seed)
        real_known = judge.features(known["image"])
        learned = judge.features(train["image"][:10_000])
        scores |= {
            "frechet": frechet(real, features),
            "frechet_real": frechet(real, learned),
            "frechet_train": frechet(real_known, judge.features(of_known)),
            "spread": spread_of(game, judge, test, seed),
            "coverage": manifold(real, features)["coverage"],
            "nearest": nearest(features, learned) / nearest(real, learned),
        }
        if config.form == "stage2":
            large = [enlarged(each, config.shape[1]) for each in (small, known_small)]
            scores |= prefixed("first", {
                **picture_scores(judge, large[0], test, config.pictures),
                "frechet": frechet(real, judge.features(large[0])),
                "frechet_train": frechet(real_known, judge.features(large[1])),
            })  # fmt: skip
        return {**scores, "sentences": len(asked), "pictures_test": f"{test.name} ({test.source})"}

    def sentence(self, row: Mapping) -> str:
        if "other" in row:
            return (
                f"{row['other_sentences']:,} sentences hold one word that no training sentence "
                f"has, each of {row['other_words']} such words equally often; what it says is read "
                "by linear layers that were fitted on vectors of the encoder that taught, whose "
                f"own vectors leave the word out. Guessing the most frequent value would be right "
                f"in {row['floor_other']:.1%}. The other scores are of {row['sentences']:,} "
                f"sentences of {row['pictures_test']}, all with combinations that no training "
                "sentence has. The pooled vector is the mean of what the reader makes of the "
                "pieces, with linear layers of its own."
            )
        if "probe" in row:
            return (
                f"Of {row['sentences']:,} sentences of {row['pictures_test']}, all with "
                "combinations that no training sentence has. A linear layer, fitted on sentences "
                "of the training split, reads the attributes that each mentions; a picture is "
                "found if the best of all fits the sentence."
            )
        text = (
            f"One sample for each of {row['sentences']:,} sentences of {row['pictures_test']}, all "
            "with combinations that no training picture has. Of real pictures the judge finds "
            f"{row['real_whole']:.1%} of the sentences wholly right, and with each other's "
            f"sentences {row['floor_whole']:.1%} of the samples."
        )
        if "first_whole" in row:
            text += (
                f" Stage I, enlarged: {row['first_whole']:.1%}, {row['first_mean']:.1%}, Fréchet "
                f"{row['first_frechet']:.2f} and {row['first_frechet_train']:.2f}."
            )
        return text

    def use(self, name: str, config: Recipe) -> str:
        if config.form == "words":
            return (
                f'`gancourse.load("{name}").encode(["a red boat"])` returns vectors '
                f"(1, {config.embedding})."
            )
        if config.form == "free":
            return (
                f'`gancourse.load("stackgan", text="{name}")` draws sentences of any words, and '
                f'`gancourse draw "a crimson yacht" --encoder {name}` does it for files. Both need '
                f"`{language.INSTALL}`."
            )
        return (
            f'{super().use(name, config)} `text="a red boat"` asks for a sentence; '
            f'`gancourse draw "a red boat" --model {name}` does it for files.'
        )

    def showcase(self, game: Game, where: Where) -> Tensor:
        """A row of ten draws for each of eight sentences of the test split."""
        config = game.config
        test = where.load(config, "test").take(SHOWN, seed=0)
        texts = [text for text in test["caption"] for _ in range(10)]
        if config.form in ("words", "free"):
            return torch.cat([game.sample(10, text=text) for text in test["caption"]])
        return game.sample(len(texts), text=texts, seed=0)


def drawn(game: Game, asked: Pictures, seed: int) -> tuple[Tensor | None, Tensor]:
    """A picture of each caption after Stage I, if the game has two stages, and at the end."""
    how = {"text": asked["caption"], "seed": seed}
    if game.config.form != "stage2":
        return None, game.sample(len(asked), **how).cpu()
    small, large = game.stages(len(asked), **how)
    return small.cpu(), large.cpu()


def prefixed(prefix: str, scores: Mapping) -> dict:
    return {f"{prefix}_{key}": value for key, value in scores.items()}


def around(pictures: Pictures) -> Tensor:
    """Rows in which every picture has another one's place."""
    return torch.arange(len(pictures)).roll(len(pictures) // 2)


def picture_scores(
    judge: attribute_cnn.AttributeCNN, samples: Tensor, asked: Pictures, name: str
) -> dict:
    """What the judge reads in samples against what their sentences say."""
    read, said, names = judge.read(samples), asked["said"], list(judge.values)
    found = sentences.by_attribute(read, said, names)
    scores = {"whole": sentences.whole(read, said), "mean": sum(found.values()) / len(found)}
    if name in BOUND:
        first, colour, second, other = map(names.index, BOUND[name])
        bound = sentences.binding(read, said, [(first, colour), (second, other)])
        scores |= {"bound": bound["bound"], "swapped": bound["swapped"]}
    return scores | {f"says_{key}": value for key, value in found.items()}


def spread_of(game: Game, judge: attribute_cnn.AttributeCNN, test: Pictures, seed: int) -> float:
    texts = [text for text in test["caption"][:ASKED] for _ in range(DRAWS)]
    features = judge.features(game.sample(len(texts), text=texts, seed=seed).cpu())
    return sentences.spread(features.unflatten(0, (-1, DRAWS)))


def nearest(points: Tensor, others: Tensor) -> float:
    """The median distance of points (N, F) to the nearest of others (M, F)."""
    return torch.cdist(points, others).amin(1).median().item()


def enlarged(pictures: Tensor, side: int) -> Tensor:
    return interpolate(pictures, (side, side), mode="bilinear").clamp(-1, 1)


def encoder_scores(game: Game, sight: Game, train: Pictures, test: Pictures, seed: int) -> dict:
    """What can be read from a text encoder's vectors, and found by them.

    Args:
        sight: the encoder whose other half sees pictures.
    """
    vectors = [game.encode(each["caption"]).cpu() for each in (train, test)]
    found = probe(vectors[0], train["said"], vectors[1], test["said"], train.words, seed)
    with torch.inference_mode():
        sight.eval()
        seen = (test["image"] / 127.5 - 1).to(sight.device)
        agreement = sight.agreement(seen, vectors[1].to(sight.device)).cpu()
    wrong = sight.wrong(test.columns)
    every = torch.arange(len(test))
    return {
        "probe": sum(found.values()) / len(found),
        **prefixed("probe", found),
        "finds": (~wrong[agreement.argmax(0), every]).double().mean().item(),
        "named": (~wrong[every, agreement.argmax(1)]).double().mean().item(),
        "sentences": len(test),
        "pictures_test": f"{test.name} ({test.source})",
    }


def free_scores(game: Game, train: Pictures, test: Pictures, seed: int) -> dict:
    """As `encoder_scores`, and of scenes also how words are read that the teacher does not know.

    One pooled vector of the reader's stands beside, with linear layers of its own.
    """
    teacher, reader = game.borrowed["text"], game.borrowed["reader"]

    def pooled(texts: Sequence[str]) -> Tensor:
        return language.pooled(reader.read(texts))

    def taught_by(texts: Sequence[str]) -> Tensor:
        return teacher.encode(texts).cpu()

    def learned(texts: Sequence[str]) -> Tensor:
        return game.encode(texts).cpu()

    taught, held = (taught_by(each["caption"]) for each in (train, test))
    lines = fitted(taught, train["said"], train.words, seed)
    pooled_lines = fitted(pooled(train["caption"]), train["said"], train.words, seed)
    of_pooled = read_right(pooled_lines, pooled(test["caption"]), test["said"])
    cosines = torch.cosine_similarity(learned(test["caption"]), held)
    found = {
        **encoder_scores(game, teacher, train, test, seed),
        "pooled_probe": sum(of_pooled.values()) / len(of_pooled),
        **prefixed("pooled_probe", of_pooled),
        **prefixed("own_probe", read_right(lines, held, test["said"])),
        "cosine": cosines.mean().item(),
    }
    if game.config.pictures == "scenes":
        texts, _, about = scenes.with_other_words(EACH, seed)
        found |= {
            "other": right_words(lines, learned(texts), about, train.words),
            "own_other": right_words(lines, taught_by(texts), about, train.words),
            "pooled_other": right_words(pooled_lines, pooled(texts), about, train.words),
            "floor_other": most_frequent(train["said"], about, train.words),
            "other_sentences": len(texts),
            "other_words": len({each["word"] for each in about}),
        }
    return found


def right_words(
    lines: Mapping[str, nn.Linear], vectors: Tensor, about: Sequence[Mapping], words: Mapping
) -> float:
    """The fraction of sentences (N, T) of which the attribute that a word says is read rightly."""
    right = [
        words[each["attribute"]][int(lines[each["attribute"]](vector).argmax())] == each["value"]
        for vector, each in zip(vectors, about, strict=True)
    ]
    return sum(right) / len(right)


def most_frequent(said: Tensor, about: Sequence[Mapping], words: Mapping) -> float:
    """How often an attribute's most frequent value, of what is `said`, is the one asked for."""
    usual = {
        name: values[int(torch.bincount(column[column >= 0]).argmax())]
        for (name, values), column in zip(words.items(), said.t(), strict=True)
    }
    return sum(usual[each["attribute"]] == each["value"] for each in about) / len(about)


def probe(
    vectors: Tensor, said: Tensor, held: Tensor, held_said: Tensor, words: Mapping, seed: int
) -> dict[str, float]:
    """How well a linear layer reads each attribute from vectors: fitted on (N, T), held out (M, T).

    What it cannot read, no generator can draw.
    """
    return read_right(fitted(vectors, said, words, seed), held, held_said)


def fitted(vectors: Tensor, said: Tensor, words: Mapping, seed: int) -> dict[str, nn.Linear]:
    """A linear layer for each attribute that reads it from vectors (N, T)."""
    found = {}
    for i, (name, values) in enumerate(words.items()):
        rows = said[:, i] >= 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            linear = nn.Linear(vectors.shape[1], len(values))
        adam = torch.optim.Adam(linear.parameters(), lr=0.02)
        x, y = vectors[rows].clone(), said[rows, i]
        for _ in range(300):
            loss = cross_entropy(linear(x), y)
            adam.zero_grad()
            loss.backward()
            adam.step()
        found[name] = linear.requires_grad_(False)
    return found


def read_right(lines: Mapping[str, nn.Linear], vectors: Tensor, said: Tensor) -> dict[str, float]:
    """How often linear layers read each attribute rightly, of the sentences that say it."""
    found = {}
    for (name, linear), column in zip(lines.items(), said.t(), strict=True):
        rows = column >= 0
        if rows.any():
            right = linear(vectors[rows]).argmax(1) == column[rows]
            found[name] = right.double().mean().item()
    return found


PROTOCOL = Captions()
