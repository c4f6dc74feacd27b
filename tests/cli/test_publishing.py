"""`gancourse run`, `publish` and `judge`."""

from __future__ import annotations

import json

import pytest
import torch

from gancourse import evaluation
from gancourse.data import Pictures
from gancourse.files import DOSSIERS
from gancourse.metrics import digit_hog
from gancourse.metrics.digit_cnn import DigitCNN, load
from gancourse.metrics.digit_hog import DigitHOG
from tests.cli.shell import mistake, plain


@pytest.mark.parametrize("chapter", ["stargan", "nosuch", "*", "../01_gan"])
@pytest.mark.parametrize("option", [["--list"], []])
def test_a_run_of_no_chapter_and_no_model_blames_the_name(gancourse, tmp_path, chapter, option):
    message = mistake(gancourse("run", chapter, *option, "--folder", tmp_path / "run"))
    assert message.startswith(f"name={chapter}: neither a chapter nor a published model; give one")
    assert "gan, cgan, " in message and " gan-mlp, " in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "own"), [("gan", "form "), ("gan-mlp", "model ")])
def test_a_notebooks_parameters_are_listed(gancourse, name, own):
    status, out, _ = gancourse("run", name, "--list")
    assert status == 0 and "seed         int = 0  # of the weights" in out
    assert (own in out) == (name == "gan"), "the model was given"


def test_a_published_model_is_trained_in_the_workbench(gancourse, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("gancourse.press.running.execute", lambda *how: asked.append(how) or "made")
    for name in ("gan", "gan-mlp"):
        gancourse("run", name, "-p", "seed=3", "--folder", tmp_path)
    assert asked == [
        ("gan", "full", {"seed": "3"}, tmp_path),
        ("workbench", "full", {"model": "gan-mlp", "seed": "3"}, tmp_path),
    ]
    gancourse("run", "gan-mlp", "--scale", "check")
    assert asked[-1] == ("workbench", "check", {"model": "gan-mlp"}, DOSSIERS / "gan-mlp-check")
    message = mistake(gancourse("run", "gan-mlp", "-p", "model=gan"))
    assert message.startswith("model=gan: the model is gan-mlp, this command's argument; leave")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("sead=1", "sead='1': the notebook has no such parameter"),
        ("seed=first", "seed=first: not a whole number"),
        ("seed", "seed: not of the form name=value"),
        ("scale=full", "scale='full': has an option of its own; give --scale full"),
    ],
)
def test_a_parameter_that_the_notebook_cannot_take(gancourse, tmp_path, given, words):
    run = ["run", "gan", "--scale", "check", "--folder", tmp_path / "run", "-p", given]
    assert mistake(gancourse(*run)).startswith(words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("of", "network", "read"),
    [("digits", DigitCNN, load), ("digits-hog", DigitHOG, digit_hog.load)],
)
def test_judge_leaves_out_the_bundled_digits_and_writes_network_and_card(
    gancourse, tmp_path, monkeypatch, of, network, read
):
    """The training of minutes is left out; everything around it runs."""
    asked, seen = [], []

    def full(name, split, **options):
        n = 10_020 if split == "train" else 30
        asked.append((name, split, options))
        image = torch.arange(n)[:, None, None, None].expand(n, 1, 28, 28).remainder(251).byte()
        return Pictures({"image": image, "label": torch.arange(n) % 10}, name, "full", "")

    def fit(images, labels, *, seed):
        seen.append((images[0, 0, 0, 0].item(), len(images), labels.tolist(), seed))
        return network()

    monkeypatch.setattr(evaluation.data, "load", full)
    where = {DigitCNN: evaluation, DigitHOG: evaluation.digit_hog}[network]
    monkeypatch.setattr(where, "fit", fit)
    folder = tmp_path / "new" / "judge"
    asks = ["judge", "--of", of, "--folder", folder, "--data-root", tmp_path, "--seed", 3]
    status, out, err = gancourse(*asks)
    assert (status, out, err) == (0, f"{folder / 'model.safetensors'}\n", "")
    options = {"root": tmp_path, "source": "full", "strict": True}
    assert asked == [("digits", "train", options), ("digits", "test", options)]
    assert seen == [(10_000 % 251, 20, [place % 10 for place in range(20)], 3)]
    card = json.loads((folder / "card.json").read_text())
    assert card["seed"] == 3 and 0 <= card["test_accuracy"] <= 1
    assert read(folder).sha256 == card["sha256"]
    message = mistake(gancourse("judge", "--folder", folder))
    assert message.startswith(f"{folder}: is not an empty folder"), "a judge is not written over"
    assert len(seen) == 1


def test_judge_says_at_once_what_it_lacks(gancourse, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert mistake(gancourse("judge", "--folder", file)).startswith(f"{file}: is not an empty")
    judge = ["judge", "--folder", tmp_path / "judge", "--data-root", tmp_path / "empty"]
    assert "MNIST could not be downloaded" in mistake(gancourse(*judge))
    assert not (tmp_path / "judge").exists()
    status, _, err = gancourse("judge")
    assert status == 2 and "--folder" in plain(err)


def test_what_is_asked_of_publish_is_handed_on(gancourse, monkeypatch, tmp_path):
    asked = {}

    def publish(name, folders, **how):
        asked.update(how, name=name, folders=folders)
        return {"median": {"coverage": 0.9}}

    monkeypatch.setattr("gancourse.press.publishing.publish", publish)
    given = ["--keep-seeds", "--also", "discriminator", "--also", "encoder", "-n", 100]
    status, out, _ = gancourse("publish", "tiny", tmp_path / "run", *given)
    assert (status, json.loads(out)) == (0, {"coverage": 0.9})
    assert asked["name"] == "tiny" and asked["folders"] == [tmp_path / "run"]
    assert asked["also"] == ["discriminator", "encoder"]
    assert asked["keep_seeds"] and asked["n"] == 100
