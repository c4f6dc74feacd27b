"""The live figures of chapters 4 and 6: the scripts read and count as the course's own code does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from gancourse import models, text
from gancourse.data import scenes
from gancourse.live.figures import figure, pix2pix, stackgan
from gancourse.studio.colouring import VIEWS, calm, evened, painted

SCRIPTS = Path(__file__).parents[2] / "book" / "assets" / "live"
# A page without a page: enough of the kit for a script to register its figure.
RUN = """
const fs = require("fs");
const { script, given } = JSON.parse(fs.readFileSync(0, "utf8"));
let figure;
globalThis.Live = { figure: (name, wake) => { figure = wake; } };
(0, eval)(fs.readFileSync(script, "utf8"));
const answer = (function (figure, given) { %s })(figure, given);
process.stdout.write(JSON.stringify(answer));
"""


@pytest.fixture(scope="module")
def node():
    """node(script, body, given) -> what the body of a function (figure, given) returns."""
    found = shutil.which("node")
    if not found:
        hint = "no node; install Node.js 18 or newer to test the scripts of the live figures"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(hint)

    def run(script: str, body: str, given):
        message = json.dumps({"script": str(SCRIPTS / script), "given": given})
        done = subprocess.run(
            [found, "-e", RUN % body], input=message, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def vocabulary():
    return models.load("stackgan-words").encoder.vocabulary


# --- words

ODD = [
    "A hot-air Balloon!", "fir-tree, fir--tree -fir fir- it's 'its' it''s", "snow_snow under_the sun",
    "ＲＥＤ ﬁr", "Σ ΣΑΣ İstanbul ß ẞ", "the ① ² ½ ٣ 三 5th", "café café CAFÉ", "a\u00a0red\u2003boat\tat\nnight",
    "", "  ", "!?", "🙂 boat 🙂boat", "-", "a" * 30, "é" * 13, "é" * 12 + "x", "a’s", "boat’s", "blue " * 80,
    "𝐫𝐞𝐝 𝒃𝒐𝒂𝒕", "a crimson castle beside a litle tree", "ไทย हिन्दी 한국어 日本語",
]  # fmt: skip


def captions(n: int) -> list[str]:
    lot = np.random.default_rng(0)
    return [scenes.sentence(scenes.draw_words(lot), lot)[0] for _ in range(n)]


def test_the_script_reads_sentences_as_the_vocabulary_does(node, vocabulary):
    texts = [*ODD, *captions(2_000)]
    body = """
        const { words, tokens } = figure.reader(given.data);
        return given.texts.map((text) => [words(text), tokens(text)]);
    """
    answers = node("words.js", body, {"data": figure("words").data(), "texts": texts})
    for sentence, (words, tokens) in zip(texts, answers, strict=True):
        assert words == text.words(sentence), sentence
        expected = [number for number in vocabulary([sentence])[0].tolist() if number]
        assert tokens == expected, sentence


def test_words_that_are_cut_are_found_by_what_is_kept(node):
    words = ["é" * 12, "a" * 24, "x" + "é" * 11]
    given = {"data": {"vocabulary": words, "longest": 64, "letters": text.LETTERS}}
    given["texts"] = ["é" * 20, "a" * 25, "x" + "é" * 12, "é" * 11]
    known = text.Vocabulary(4)
    known.fill([" ".join(words)])
    body = "const { tokens } = figure.reader(given.data); return given.texts.map(tokens);"
    given["data"]["vocabulary"] = sorted(known.numbers, key=known.numbers.get)
    expected = [[i for i in known([each])[0].tolist() if i] for each in given["texts"]]
    assert node("words.js", body, given) == expected
    assert [len(each) for each in expected] == [1, 1, 1, 0]


def test_the_script_names_unknown_words_and_the_nearest_as_the_vocabulary_does(node, vocabulary):
    lot = np.random.default_rng(1)
    letters = list("abcdefghilmnorstuwy")
    spoilt = []
    for word in vocabulary.numbers:
        at = int(lot.integers(len(word)))
        letter = str(lot.choice(letters))
        spoilt += [word[:at] + letter + word[at:], word[:at] + word[at + 1 :], word + word[::-1]]
    texts = [*ODD, *filter(None, spoilt)]
    body = """
        const { unknown } = figure.reader(given.data);
        return given.texts.map((text) => [...unknown(text)]);
    """
    answers = node("words.js", body, {"data": figure("words").data(), "texts": texts})
    for sentence, answer in zip(texts, answers, strict=True):
        assert dict(answer) == vocabulary.unknown(sentence), sentence


def test_whatever_is_picked_is_a_sentence_that_the_encoder_knows_wholly(node, vocabulary):
    data = figure("words").data()
    options = {
        name: ["", *data["lists"][name.removeprefix("second ")]]
        for name in data["start"] if name != "place"
    }  # fmt: skip
    options["place"] = ["", *data["places"]]
    for name in ("thing", "second thing"):
        options[name].remove("")
    lot = np.random.default_rng(2)
    picked = [{name: str(lot.choice(each)) for name, each in options.items()} for _ in range(500)]
    body = "return given.picked.map((said) => figure.compose(said, given.places));"
    picked = [data["start"], *picked]
    composed = node("words.js", body, {"picked": picked, "places": data["places"]})
    assert composed[0] == stackgan.SENTENCE
    for said, sentence in zip(picked, composed, strict=True):
        assert not vocabulary.unknown(sentence)
        second = (
            {name for name in said if name.startswith("second")} if not said["place"] else set()
        )
        for name in said.keys() - second - {"place"}:
            assert said[name] in sentence


def test_what_was_never_trained_is_in_no_training_caption():
    never = figure("words").data()["neverTrained"]
    assert {"purple house", "violet cottage", "pink leafy tree", "golden yacht"} <= set(never)
    spoken = [f" {' '.join(text.words(each))} " for each in captions(500)]
    held_out = scenes.load("test", size=16, n=200)
    assert any(f" {each} " in sentence for each in never for sentence in spoken)  # all scenes
    train = scenes.load("train", size=16, n=500)["caption"]
    assert not any(f" {each} " in f" {line} " for each in never for line in train)
    assert any(f" {each} " in f" {line} " for each in never for line in held_out["caption"])


# --- colouring


def test_examples_lie_on_the_sheet_where_openmojis_drawings_lie():
    data = figure("colouring").data()
    assert [each["name"] for each in data["examples"]] == list(pix2pix.EXAMPLES)
    for example in data["examples"]:
        places = np.concatenate([np.reshape(each, (-1, 2)) for each in example["strokes"]])
        assert places.min() >= 8 and places.max() <= pix2pix.UNITS - 8, example["name"]
        extent = np.ptp(places, axis=0).max() / pix2pix.UNITS
        assert 0.64 < extent < 0.8, example["name"]
        middle = (places.min(axis=0) + places.max(axis=0)) / 2
        assert abs(middle - pix2pix.UNITS / 2).max() < 4, example["name"]


def test_lines_are_as_wide_as_those_that_were_trained():
    ink = pix2pix.drawn([[(36, 10), (36, 62)]])
    assert ink[pix2pix.SIDE // 2].sum() == pix2pix.SIDE / 36
    dot = pix2pix.drawn([[(36, 36)]])
    assert dot.sum() == pytest.approx(np.pi * (pix2pix.SIDE / 72) ** 2, rel=0.05)


@pytest.fixture(scope="module")
def counted(node):
    """The examples as the script counts them, (64 * 64) each, added whole and piece by piece."""
    body = """
        return given.examples.map(({ strokes }) => {
          const whole = figure.sheetOf(given), pieces = figure.sheetOf(given);
          for (const stroke of strokes) {
            whole.add(stroke);
            for (let end = 2; end <= stroke.length; end += 2) {
              pieces.add(stroke.slice(0, end), Math.max(0, end / 2 - 2));
            }
          }
          return [[...whole.seen()], [...pieces.seen()]];
        });
    """
    return node("colouring.js", body, figure("colouring").data())


def test_the_script_counts_ink_as_python_does(counted):
    for example, (whole, pieces) in zip(
        figure("colouring").data()["examples"], counted, strict=True
    ):
        strokes = [np.reshape(each, (-1, 2)).tolist() for each in example["strokes"]]
        expected = pix2pix.reduced(pix2pix.drawn(strokes), 64).flatten().tolist()
        assert whole == expected, example["name"]
        assert pieces == expected, example["name"]


def by_the_script(node, function: str, pictures: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    """What a function of the script makes of pictures (N, 3, 64, 64) and their line art."""
    body = f"""
        return given.map(({{ colours, seen }}) => {{
          const output = {{ data: Float32Array.from(colours), shape: [1, 3, 64, 64] }};
          return [...figure.{function}(output, Uint8Array.from(seen)).data];
        }});
    """
    given = [
        {"colours": picture.flatten().tolist(), "seen": line.flatten().tolist()}
        for picture, line in zip(pictures, lines, strict=True)
    ]
    return torch.tensor(node("colouring.js", body, given)).view_as(pictures)


def test_the_script_grows_colours_as_the_studio_does(node, counted):
    lines = torch.tensor([whole for whole, _ in counted], dtype=torch.uint8).view(-1, 1, 64, 64)
    colours = torch.rand(len(lines), 3, 64, 64, generator=torch.Generator().manual_seed(0))
    colours = (2.2 * colours - 1.1).clamp(-1, 1)
    plain = torch.full_like(lines, 255)
    expected = painted(colours, lines, plain)
    found = by_the_script(node, "grown", colours, lines)
    assert (found - expected).abs().max() < 1e-4


class Crooked:
    """An answer that depends on place, side and neighbours, so that no view equals another."""

    def translate(self, given, *, seed=0, noise=True):
        x = given.float() / 127.5 - 1
        ramp = torch.linspace(0, 1, x.shape[-1])
        return torch.cat([x * ramp, x * ramp[:, None], x.roll(1, 3) * 0.5], 1)


def test_the_script_takes_the_mean_of_views_as_the_studio_does(node, counted):
    body = """
        const side = 64, area = side * side;
        const network = { run({ input }) {
          const data = new Float32Array(3 * area);
          input.forEach((v, p) => {
            const x = p % side, y = Math.floor(p / side);
            data[p] = v * x / (side - 1);
            data[area + p] = v * y / (side - 1);
            data[2 * area + p] = 0.5 * input[y * side + (x + side - 1) % side];
          });
          return { data };
        } };
        return [...figure.calm(network, Uint8Array.from(given.seen), given.views, side).data];
    """
    assert figure("colouring").data()["views"] == [list(view) for view in VIEWS]
    seen = counted[0][0]
    lines = torch.tensor(seen, dtype=torch.uint8).view(1, 1, 64, 64)
    found = torch.tensor(node("colouring.js", body, {"seen": seen, "views": VIEWS}))
    expected = calm(Crooked(), lines)
    assert (found.view_as(expected) - expected).abs().max() < 1e-5
    assert (expected - Crooked().translate(lines)).abs().max() > 0.1


def test_the_script_gives_each_region_the_colour_that_the_studio_gives_it(node, counted):
    lines = torch.tensor([whole for whole, _ in counted], dtype=torch.uint8).view(-1, 1, 64, 64)
    dice = torch.Generator().manual_seed(0)
    wide = torch.rand(len(lines), 3, 4, 4, generator=dice)
    blotched = interpolate(2 * wide - 1, size=64, mode="bicubic").clamp(-1, 1)
    expected = evened(blotched, lines)
    found = by_the_script(node, "evened", blotched, lines)
    assert (found - expected).abs().max() < 1e-4
    assert (expected - blotched).abs().mean() > 0.05


# --- both


@pytest.mark.parametrize("name", ["words", "colouring"])
def test_stills_are_the_same_every_time_and_data_fit_into_json(name):
    each = figure(name)
    first, second = each.still(), each.still()
    assert first.width == 840 and first.tobytes() == second.tobytes()
    assert len(each.alt) > 100
    assert json.loads(json.dumps(each.data())) == each.data()
