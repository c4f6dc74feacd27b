"""Chapter 4: pictures of words that the text encoder was not taught, by three ways of reading them.

Nothing is trained. Each way makes vectors of the same sentences, the published stages draw them
with the same latents, and the judge reads the pictures. To measure anew after the stages were
trained again, delete words.json in the dossier and type

    python -c "from gancourse.press.experiments import stackgan_free; stackgan_free.run()"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from gancourse import data, language, models
from gancourse.chapters import ANY_WORDS, STUDIO
from gancourse.data import scenes
from gancourse.evaluation.readers import READERS
from gancourse.files import DOSSIERS
from gancourse.game import Game, fingerprint
from gancourse.metrics import attribute_cnn, sentences
from gancourse.press.experiments import keep, table

FOLDER = DOSSIERS / ANY_WORDS
STAGES, ENCODER = STUDIO["draw"], ANY_WORDS
EACH = 8  # sentences with each word
ASKED = 500  # sentences of the test split, all of whose words were taught
LESSONS = 4_000  # sentences of the training split, for the map of pooled vectors
OWN, POOLED, PIECES = "own vocabulary", "MiniLM, one pooled vector", "MiniLM, every piece"


def run(
    stages: str | Path = STAGES,
    encoder: str | Path = ENCODER,
    folder: Path = FOLDER,
    each: int = EACH,
    asked: int = ASKED,
    lessons: int = LESSONS,
) -> list[dict]:
    """Every way of reading, kept in the folder's words.json and words.md; see `keep`.

    Args:
        stages: a model that draws.
        encoder: of any words, which was taught by the encoder of `stages`.
    """
    drawing, free = models.load(stages), models.load(encoder)
    texts, _, about = scenes.with_other_words(each)
    test = data.load("scenes", "test", size=drawing.config.shape[1], n=asked)
    judge = attribute_cnn.load(READERS["scenes"])
    ways = readings(free, lessons)
    recipe = {
        "each": each, "asked": asked, "lessons": lessons, "stages": fingerprint(drawing),
        "encoder": fingerprint(free.encoder),
    }  # fmt: skip

    def drawn(vectors: Tensor) -> Tensor:
        return judge.read(drawing.sample(len(vectors), text=vectors, seed=0).cpu())

    def measured(wanted: Mapping) -> dict:
        read = ways[wanted["reading"]]
        known = drawn(read(test["caption"]))
        found = sentences.by_attribute(known, test["said"], list(scenes.ATTRIBUTES))
        return {
            "words": by_word(drawn(read(texts)), about),
            "mean": sum(found.values()) / len(found),
            "whole": sentences.whole(known, test["said"]),
        }

    return keep(folder / "words.json", recipe, [{"reading": way} for way in ways], measured, page)


def readings(free: Game, lessons: int) -> dict[str, Callable[[Sequence[str]], Tensor]]:
    """The ways of reading: sentences -> vectors (N, T) such as the stages know."""
    own, reader = free.borrowed["text"], free.borrowed["reader"]

    def pooled(texts: Sequence[str]) -> Tensor:
        vectors = language.pooled(reader.read(texts))
        return torch.cat([vectors, torch.ones(len(vectors), 1)], 1)

    taught = data.load("scenes", "train", size=16, n=lessons)["caption"]
    linear = best_map(pooled(taught), own.encode(taught))

    def mapped(texts: Sequence[str]) -> Tensor:
        return torch.nn.functional.normalize(pooled(texts) @ linear) * linear.shape[1] ** 0.5

    return {OWN: own.encode, POOLED: mapped, PIECES: free.encode}


def best_map(inputs: Tensor, outputs: Tensor, price: float = 1e-3) -> Tensor:
    """The matrix (F, T) that takes inputs (N, F) closest to outputs (N, T) in squares.

    Args:
        price: of the matrix's own squares, per row (ridge regression).
    """
    inputs, outputs = inputs.double(), outputs.double()
    squares = inputs.t() @ inputs
    squares.diagonal().add_(price * len(inputs) / inputs.shape[1])
    return torch.linalg.solve(squares, inputs.t() @ outputs).float()


def by_word(read: Tensor, about: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """How often a picture shows what a word says, for each word in turn: {"red: crimson": .75}."""
    right: dict[str, list[bool]] = {}
    names = list(scenes.ATTRIBUTES)
    for row, each in zip(read, about, strict=True):
        shown = scenes.ATTRIBUTES[each["attribute"]][row[names.index(each["attribute"])]]
        key = f"{each['attribute']}, {each['value']}: {each['word']}"
        right.setdefault(key, []).append(shown == each["value"])
    return {key: sum(found) / len(found) for key, found in right.items()}


KINDS = {
    "things": ("first",), "colours": ("first_colour",), "sizes": ("first_size",),
    "ground": ("ground",), "sky, light, weather": ("sky", "light", "weather"),
}  # fmt: skip


def page(runs: Sequence[Mapping]) -> str:
    """The results in Markdown: a row per way of reading, then one per word."""
    words = runs[0]["words"]

    def mean(run: Mapping, attributes: Sequence[str] | None = None) -> str:
        values = [
            value
            for key, value in run["words"].items()
            if attributes is None or key.partition(",")[0] in attributes
        ]
        return f"{sum(values) / len(values):.1%}"

    rows = [
        [
            run["reading"],
            mean(run),
            *(mean(run, attributes) for attributes in KINDS.values()),
            f"{run['mean']:.1%}",
            f"{run['whole']:.1%}",
        ]
        for run in runs
    ]
    heads = [
        "sentences read by", f"all {len(words)} words", *KINDS, "known words: mean of attributes",
        "whole sentence",
    ]  # fmt: skip
    single = [
        [key.partition(", ")[2], *(f"{run['words'][key]:.0%}" for run in runs)] for key in words
    ]
    each = table(["means: word", *(run["reading"] for run in runs)], single)
    return f"{table(heads, rows)}\n\n{each}\n"
