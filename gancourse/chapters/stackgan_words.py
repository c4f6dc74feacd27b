"""The text encoders of chapter 4: a sentence as a vector, from which both stages draw.

words   learned from sentences and pictures that belong together, as the paper's was
free    the same vectors for sentences of any words, from what another network has read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, dropout, normalize, relu
from torch.nn.utils.rnn import pad_sequence

from gancourse.conditions import Condition, require_count
from gancourse.files import CourseError
from gancourse.game import (
    Batch,
    Drawing,
    Game,
    Phase,
    Terms,
    every_text,
    examples,
    falling,
    require_rows,
    sampling,
)
from gancourse.layers import halvings
from gancourse.text import Vocabulary, sentences, shortened, words

if TYPE_CHECKING:
    from gancourse.chapters.stackgan import Config

KEPT = 64  # pictures and captions that are kept with the weights


class WordEncoder(nn.Module):
    """Sentence -> vector: words as vectors, their neighbours, the maximum over all.

    Tokens (N, L) int64, 0 where a sentence is over -> (N, size), of length sqrt(size).
    The convolutions look 1, 2, 4 and 8 words to each side, so that the last sees 15: "a
    red boat to the left of a blue tree" is read as one thing, not as a bag of words.
    """

    def __init__(self, vocabulary: int, size: int, width: int = 96):
        super().__init__()
        self.vocabulary = Vocabulary(vocabulary)
        self.embedding = nn.Embedding(vocabulary + 1, width, padding_idx=0)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 4, 8)
        )
        self.last = nn.Linear(width, 2 * size)
        self.project = nn.Linear(2 * size, size)
        self.size = size

    def forward(self, tokens: Tensor) -> Tensor:
        there = (tokens > 0)[:, None]  # (N, 1, L)
        x = self.embedding(tokens).transpose(1, 2)  # (N, width, L)
        for layer in self.layers:
            x = (x + relu(layer(x))) * there
        each = relu(self.last(x.transpose(1, 2)))  # (N, L, 2 size)
        sentence = (each * there.transpose(1, 2)).amax(1)
        return normalize(self.project(sentence), dim=1) * self.size**0.5

    def read(self, texts: Sequence[str]) -> Tensor:
        """Sentences as vectors (N, size); words that are not known are left out."""
        return self(self.vocabulary(texts))


class StateEncoder(nn.Module):
    """Pieces of a sentence, as another network has read them -> vector.

    States (N, L, F), 0 where a sentence is over -> (N, size), of length sqrt(size). Built
    as `WordEncoder`, without a vocabulary: each piece comes as a vector that already
    knows its sentence, and words of like meaning have vectors that are alike.
    """

    def __init__(self, states: int, size: int, width: int = 80, drop: float = 0.0):
        super().__init__()
        self.drop = drop
        self.narrow = nn.Linear(states, width)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 4)
        )
        self.last = nn.Linear(width, 2 * size)
        self.project = nn.Linear(2 * size, size)
        self.size = size

    def forward(self, states: Tensor) -> Tensor:
        there = states.square().amax(2, keepdim=True) > 0  # (N, L, 1)
        states = dropout(states, self.drop) if self.training else states
        x = relu(self.narrow(states)) * there
        x, here = x.transpose(1, 2), there.transpose(1, 2)  # (N, width, L), (N, 1, L)
        for layer in self.layers:
            x = (x + relu(layer(x))) * here
        each = relu(self.last(x.transpose(1, 2)))  # (N, L, 2 size)
        sentence = (each * there).amax(1)
        return normalize(self.project(sentence), dim=1) * self.size**0.5


def sight(shape: tuple[int, ...], size: int, width: int = 32) -> nn.Sequential:
    """The encoder's other half: pictures (N, *shape) -> vectors (N, size)."""
    times, base = halvings(shape)
    layers, below = [], shape[0]
    for i in range(times):
        above = width << min(i, 2)
        layers += [nn.Conv2d(below, above, 4, 2, 1), nn.BatchNorm2d(above), nn.LeakyReLU(0.2)]
        below = above
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(below * base**2, size))


def mismatch(facts: Tensor, said: Tensor) -> Tensor:
    """Which captions are wrong for which pictures: (M, K), (N, K) -> (M, N) bool.

    A caption is wrong if it says anything that the picture does not show. What it
    leaves open (-1) may be as it likes. Another picture's caption may well be right:
    "a red boat" fits many.
    """
    return ((said >= 0) & (facts[:, None] != said)).any(2)


def known_facts(batch: Batch) -> tuple[Tensor, Tensor]:
    """ "facts" and "said" of a batch; where the data have none, only its own caption fits."""
    if "facts" in batch:
        return batch["facts"], batch["said"]
    number = {text: i for i, text in enumerate(dict.fromkeys(batch["caption"]))}
    own = torch.tensor([[number[text]] for text in batch["caption"]], device=batch["image"].device)
    return own, own


def tell_apart(agreement: Tensor, wrong: Tensor) -> Tensor:
    """Which caption of the batch is this picture's? (N, N) scores -> mean nats.

    Zhang et al. 2021 (XMC-GAN), section 3.1. Captions of others that fit as well are
    left out.
    """
    own = torch.eye(len(agreement), dtype=torch.bool, device=agreement.device)
    candidates = agreement.masked_fill(~(wrong | own), -torch.inf)
    mine = torch.arange(len(agreement), device=agreement.device)
    return cross_entropy(candidates, mine)


class Words(Game):
    """The text encoder, learned from sentences and pictures together.

    Reed et al. 2016 (arXiv 1605.05395) trained theirs so that a picture and its caption score
    higher than other pairs; the loss here is today's form of that (Radford et al. 2021, CLIP,
    figure 3). A batch holds "image" and "caption", and "facts" and "said" where they are known.
    """

    conditions = (Condition("text", str, "a sentence"),)
    for_sampling = ("encoder", "sight")

    def __init__(self, config: Config):
        super().__init__(config)
        self.encoder = WordEncoder(config.vocabulary, config.embedding)
        self.sight = sight(config.shape, config.embedding)
        white = torch.full((KEPT, *config.shape), 255, dtype=torch.uint8)
        self.register_buffer("examples", white)

    def begin(self, data: Mapping) -> None:
        require_captions(data, self.config.shape)
        self.encoder.vocabulary.fill(every_text(data, "caption"))
        self.examples.copy_(examples(data, "image", KEPT))

    def phases(self) -> list[Phase]:
        players = *self.encoder.parameters(), *self.sight.parameters()
        return [Phase("encoder", players, self.pairing, *adam(self.config))]

    def read(self, texts: Sequence[str]) -> Tensor:
        """Sentences as vectors (N, T); words that are not known are left out."""
        return self.encoder.read(texts)

    def pairing(self, batch: Batch) -> Terms:
        agreement = self.agreement(batch["image"], self.read(batch["caption"]))
        wrong = self.wrong(batch)
        return {
            "caption": tell_apart(agreement, wrong) / 2,  # of this picture
            "picture": tell_apart(agreement.t(), wrong.t()) / 2,  # of this caption
        }

    def wrong(self, batch: Mapping) -> Tensor:
        """Which captions are wrong for which pictures, (M, N) of True and False."""
        return mismatch(*known_facts(batch))

    def agreement(self, pictures: Tensor, text: Tensor) -> Tensor:
        """Cosines of pictures (M, *shape) and vectors (N, T), times 16: (M, N)."""
        return 16 * normalize(self.sight(pictures), dim=1) @ normalize(text, dim=1).t()

    def encode(self, text: str | Sequence[str], n: int | None = None) -> Tensor:
        """Sentences as vectors (n, T).

        Raises:
            CourseError: as `gancourse.text.sentences`, or a sentence without a word that is known.
        """
        texts = sentences(text, n)
        numbers = self.encoder.vocabulary.numbers
        for each in set(texts):
            if not self.encoder.vocabulary([each]).any():
                some = ", ".join(list(numbers)[:12])
                raise CourseError(
                    f"text={shortened(each)}: this model knows none of these words; it knows "
                    f"{len(numbers)}, such as {some}."
                )
        with sampling(self):
            once = list(dict.fromkeys(texts))
            vectors = dict(zip(once, self.encoder.read(once), strict=True))
            return torch.stack([vectors[each] for each in texts])

    def unknown(self, text: str) -> dict[str, str]:
        """The words of a sentence that are not known, each with the nearest that is, or ""."""
        return self.encoder.vocabulary.unknown(text)

    def drawing(self) -> Drawing:
        tokens = torch.ones(1, 12, dtype=torch.int64)
        return Drawing(self.encoder, {"tokens": tokens}, {"tokens": (1,)})

    def sample(self, n: int | None = None, *, text: str | None = None, seed: int = 0) -> Tensor:
        """The `n` kept training pictures that fit a sentence best, (n, *shape) in [-1, 1].

        `seed` changes nothing. Without a sentence: the kept pictures in turn.
        """
        n = len(self.examples) if n is None else n
        vector = None if text is None else self.encode(text, 1)
        return self.nearest(n, vector)

    def nearest(self, n: int, vector: Tensor | None = None) -> Tensor:
        """The `n` kept pictures that fit a vector (1, T) best; without one, the kept in turn."""
        require_count(n)
        pictures = self.examples / 127.5 - 1
        order = torch.arange(n, device=self.device)
        if vector is not None:
            with sampling(self):
                order = self.agreement(pictures, vector)[:, 0].argsort(descending=True)
        return pictures[order[torch.arange(n) % len(order)]]


class FreeWords(Game):
    """The text encoder's vectors for sentences of any words, by a network that has read much.

    A frozen reader makes a vector of each piece of a sentence. A small network on top of it learns
    to answer as `Words` does (Hinton et al. 2015, arXiv 1503.02531: distillation), on sentences
    whose words both know. "Crimson" is no such word; but its vector is like that of "red". Stages
    that were trained by the teacher's vectors draw from these without being trained again.

    A batch holds "image" and "caption"; of the pictures nothing is learned.
    """

    conditions = (Condition("text", str, "a sentence"),)
    for_sampling = ("encoder",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.encoder = StateEncoder(config.states, config.embedding, drop=config.drop)
        self.was_read: dict[str, Tensor] = {}

    def borrow(self, name: str, network: nn.Module) -> None:
        config = self.config
        if name == "text" and network.config.embedding != config.embedding:
            raise CourseError(
                f"embedding={config.embedding}: the encoder that teaches has vectors of "
                f"{network.config.embedding} numbers; give embedding={network.config.embedding}."
            )
        if name == "reader" and network.size != config.states:
            raise CourseError(
                f"states={config.states}: reader={config.reader!r} has vectors of {network.size} "
                f"numbers; give states={network.size}."
            )
        super().borrow(name, network)

    def answers_as(self, other: Game) -> bool:
        return super().answers_as(other) or self.borrowed["text"].answers_as(other)

    def begin(self, data: Mapping) -> None:
        require_captions(data, self.config.shape)

    def phases(self) -> list[Phase]:
        return [self.turn("encoder", self.likeness, *adam(self.config))]

    def likeness(self, batch: Batch) -> Terms:
        with torch.no_grad():
            taught = self.borrowed["text"].read(batch["caption"])
        found = self.encoder(self.states(batch["caption"], keep=True))
        return {"distance": 1 - cosine_similarity(found, taught, dim=1).mean()}

    def states(self, texts: Sequence[str], keep: bool = False) -> Tensor:
        """Sentences as their pieces' vectors (N, L, F), short ones filled up with 0.

        Args:
            keep: the reader, which costs most, reads each of them once only.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self.was_read]
        states = self.borrowed["reader"].read(new)
        fresh = {text: state.half() for text, state in zip(new, states, strict=True)}
        found = [fresh[text] if text in fresh else self.was_read[text] for text in texts]
        if keep:
            self.was_read |= fresh
        return pad_sequence([state.float() for state in found], batch_first=True).to(self.device)

    def read(self, texts: Sequence[str]) -> Tensor:
        """Sentences as vectors (N, T)."""
        return self.encoder(self.states(texts))

    def encode(self, text: str | Sequence[str], n: int | None = None) -> Tensor:
        """Sentences as vectors (n, T).

        Raises:
            CourseError: as `gancourse.text.sentences`; a sentence of which no word can be read; or
                what the reader needs is not installed.
        """
        texts = sentences(text, n)
        once = list(dict.fromkeys(texts))
        for each in once:
            if len(self.unknown(each)) == len(set(words(each))):
                raise CourseError(
                    f"text={shortened(each)}: reader={self.config.reader!r} can read none of these "
                    "words; write it in English."
                )
        with sampling(self):
            vectors = dict(zip(once, self.read(once), strict=True))
            return torch.stack([vectors[each] for each in texts])

    def unknown(self, text: str) -> dict[str, str]:
        """The words of a sentence that the reader cannot read, each with ""."""
        reader = self.borrowed["reader"]
        return {word: "" for word in words(text) if reader.unknown(word)}

    def drawing(self) -> Drawing:
        states = torch.ones(1, 12, self.config.states)
        return Drawing(self.encoder, {"states": states}, {"states": (1,)})

    def sample(self, n: int | None = None, *, text: str | None = None, seed: int = 0) -> Tensor:
        """The teacher's kept pictures that fit a sentence best; see `Words.sample`."""
        teacher = self.borrowed["text"]
        n = len(teacher.examples) if n is None else n
        return teacher.nearest(n, None if text is None else self.encode(text, 1))


def require_captions(data: Mapping, shape: tuple[int, ...]) -> None:
    """Raise a CourseError unless the data are pictures of this shape with a caption each."""
    require_rows(data, {"image": shape})
    if "caption" not in data:
        raise CourseError(
            f"data: {', '.join(data)} and no caption; StackGAN learns from pictures with a "
            "sentence each."
        )


def adam(config: Config) -> tuple:
    """Adam, and its schedule."""
    steps, betas = config.steps, (config.beta1, config.beta2)
    last = int(config.anneal * steps)
    return partial(torch.optim.Adam, lr=config.lr, betas=betas), partial(
        falling, config.lr, steps=steps, last=last
    )
