from __future__ import annotations

import ast
import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gancourse import data, evaluation, models
from gancourse.chapters import cgan, gan, infogan, pix2pix
from gancourse.data.sources import Pictures, manifest
from gancourse.files import BUNDLED, CourseError, read_json, sha256
from gancourse.press import runs
from gancourse.school import lesson


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A repository of its own: two short runs, and BUNDLED and DOSSIERS in a temporary folder."""
    monkeypatch.setattr(runs, "BUNDLED", tmp_path / "data")
    monkeypatch.setattr(runs, "DOSSIERS", tmp_path / "runs")
    monkeypatch.setattr(models, "BUNDLED", tmp_path / "data")
    scores = dict.fromkeys([each.key for each in evaluation.columns(gan.Config())], 1.0)
    names = {
        "samples": 10,
        "reference": "digits",
        "reference_samples": 20,
        "neighbourhood_samples": 10,
        "k": 5,
    }
    monkeypatch.setattr(
        runs, "evaluate", lambda game, **how: {**scores, **names, "parzen_test": "test", "seed": 0}
    )
    digits = Pictures(
        {"image": torch.zeros(40, 1, 28, 28, dtype=torch.uint8)}, "digits", "made", "CC0"
    )
    monkeypatch.setattr(runs, "data", SimpleNamespace(load=lambda *names, **how: digits))
    config = gan.Config.at("check", "dcgan", steps=2, width=4, batch_size=8)
    folders = []
    for seed in (0, 1):
        folders.append(tmp_path / f"run-{seed}")
        lesson.play(config, digits, seed=seed, folder=folders[-1], progress=False, device="cpu")
    return tmp_path, folders


def test_publishing_leaves_a_model_that_loads_and_a_dossier(small, monkeypatch):
    place, folders = small
    scores = runs.publish("tiny", folders)
    assert [row["seed"] for row in scores["seeds"]] == [0, 1]
    dossier, weights = place / "runs" / "tiny", place / "data" / "weights" / "tiny"
    assert {path.name for path in dossier.iterdir()} == {
        "config.json",
        "environment.json",
        "summary.json",
        "metrics.jsonl",
        "scores.json",
        "film.webp",
        "film-still.png",
        "samples.png",
        "table.md",
    }
    card = (weights / "README.md").read_text()
    assert sha256(weights / "model.safetensors") in card
    assert "-s form=dcgan" in card and "-s width=4" in card and "--seed 0" in card
    assert read_json(place / "data" / "manifest.json") == manifest(place / "data")
    assert "| tiny | gan |" in (place / "runs" / "LEDGER.md").read_text()
    monkeypatch.setattr("gancourse.data.sources.bundled", lambda name: place / "data" / name)
    assert torch.equal(
        models.load("tiny").sample(3, seed=0), models.load(folders[0]).sample(3, seed=0)
    )


@pytest.mark.parametrize(
    "name", [name for name in models.published() if name.startswith("infogan")]
)
def test_the_codes_that_a_card_asks_for_can_be_asked_for(name):
    card = (BUNDLED / "weights" / name / "README.md").read_text(encoding="utf-8")
    asked = dict(re.findall(r"`(category|continuous)=([^`]*)`", card))
    assert asked.keys() == {"category", "continuous"}
    codes = {kind: ast.literal_eval(value) for kind, value in asked.items()}
    game = models.load(name)
    assert game.sample(2, **codes).shape == (2, *game.config.shape)


@pytest.mark.parametrize("large", [False, True])
def test_what_is_measured_is_what_is_stored(small, monkeypatch, large):
    place, folders = small
    monkeypatch.setattr(runs, "in_half", lambda game: large)
    measured, evaluate = [], runs.evaluate
    monkeypatch.setattr(
        runs,
        "evaluate",
        lambda game, **how: measured.append(game.sample(3, seed=0)) or evaluate(game, **how),
    )
    runs.publish("tiny", folders)
    stored = load_file(place / "data" / "weights" / "tiny" / "model.safetensors")
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {
        torch.float16 if large else torch.float32
    }
    monkeypatch.setattr("gancourse.data.sources.bundled", lambda name: place / "data" / name)
    assert torch.equal(models.load("tiny").sample(3, seed=0), measured[0])
    assert torch.equal(models.load(folders[0]).sample(3, seed=0), measured[0]) != large


def test_weights_of_more_than_two_megabytes_are_stored_in_half():
    sizes = {
        width: gan.Config.at("check", "dcgan", width=width, full=0).build() for width in (4, 64)
    }
    assert {width: runs.in_half(game) for width, game in sizes.items()} == {4: False, 64: True}


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "Gan", "gan mlp", "-gan", "gan\n"])
def test_a_name_that_is_no_name_of_a_folder_is_not_published(small, name):
    place, folders = small
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(
        CourseError, match="was given as the model's name; .*lower-case letters, digits and dashes"
    ):
        runs.publish(name, folders)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_nothing_is_published_that_was_not_measured_on_the_full_data(small, monkeypatch):
    place, folders = small
    monkeypatch.setattr(runs, "data", data)
    with pytest.raises(CourseError, match="full MNIST could not be downloaded.*may not stand in"):
        runs.publish("tiny", folders, root=place / "empty", n=100)
    assert not (place / "runs").exists() and not (place / "data").exists()


def test_nothing_is_published_that_was_not_trained_on_the_full_data(small, monkeypatch):
    place, folders = small
    for changed in (
        torch.zeros(41, 1, 28, 28, dtype=torch.uint8),
        torch.ones(40, 1, 28, 28, dtype=torch.uint8),
    ):
        whole = Pictures({"image": changed}, "all digits", "full", "CC0")
        asked = []
        fake = SimpleNamespace(
            load=lambda *names, whole=whole, asked=asked, **how: asked.append((names, how)) or whole
        )
        monkeypatch.setattr(runs, "data", fake)
        with pytest.raises(
            CourseError,
            match=rf"run-0 was not trained on all digits: it saw 40 rows.* has {len(changed)}",
        ):
            runs.publish("tiny", folders, root="somewhere")
        assert asked == [
            (("digits", "train-50000"), {"root": "somewhere", "source": "full", "strict": True})
        ]
    assert not (place / "runs").exists() and not (place / "data").exists()


@pytest.fixture
def pairs(small, monkeypatch):
    """Pairs of flat colour under a line, 40 for training and 30 to test, and a run of two steps on them."""
    place, _ = small
    monkeypatch.undo()
    for module, name, folder in (
        (runs, "BUNDLED", "data"),
        (runs, "DOSSIERS", "runs"),
        (models, "BUNDLED", "data"),
    ):
        monkeypatch.setattr(module, name, place / folder)
    colours = torch.tensor(
        [[i % 3 * 100, i // 3 % 3 * 100, i // 9 * 100] for i in range(24)], dtype=torch.uint8
    )

    def load(name, split, *, root=None, source="full", strict=True, **how):
        assert (name, how) == ("emoji", {"size": 32})
        n = 40 if split == "train" else 30
        target = colours[torch.arange(n) % 24, :, None, None].expand(n, 3, 32, 32).clone()
        drawn = torch.full((n, 1, 32, 32), 255, dtype=torch.uint8)
        drawn[..., 16], target[..., 16] = 0, 0
        return Pictures(
            {"input": drawn, "target": target}, f"emoji {split}", "made", "CC BY-SA 4.0"
        )

    monkeypatch.setattr(runs.data, "load", load)
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=2, batch_size=2)
    folder = place / "pairs-run"
    lesson.play(
        config, load("emoji", "train", size=32), folder=folder, progress=False, device="cpu"
    )
    return place, folder, load


def test_a_run_on_pairs_is_published_with_its_floor_and_licence(pairs, monkeypatch):
    place, folder, load = pairs
    scores = runs.publish("tiny", [folder])
    row = scores["seeds"][0]
    assert row["draws"] == 5 and row["pairs_test"] == "emoji test, 30 (made)"
    card = (place / "data" / "weights" / "tiny" / "README.md").read_text()
    assert (
        '`gancourse.load("tiny").translate(line_art)` takes (N, 1, H, W)' in card
        and "gives (N, 3, H, W)" in card
    )
    assert ".sample(" not in card and "gancourse colour" in card
    assert (
        "OpenMoji (CC BY-SA 4.0)" in card
        and "**Licence of the weights:** CC BY-SA 4.0, as the data" in card
    )
    assert (
        f"5 draws of each pair of {row['pairs_test']}" in card
        and "The line art unchanged scores" in card
    )
    for floor in ("floor_per_pixel", "floor_per_class", "floor_class_iou", "floor_inside"):
        assert f"{row[floor]:.3f}" in card
    assert "{" not in card, "every gap is filled"
    with Image.open(place / "runs" / "tiny" / "samples.png") as sheet:
        assert sheet.size == (10 * 34 + 2, 9 * 34 + 2), (
            "three times rows of input, translation and target"
        )
    monkeypatch.setattr("gancourse.data.sources.bundled", lambda name: place / "data" / name)
    drawn = load("emoji", "test", size=32)["input"]
    assert torch.equal(models.load("tiny").translate(drawn), models.load(folder).translate(drawn))


def test_the_sheet_of_a_translator_shows_input_translation_and_target(pairs):
    _, folder, load = pairs
    game, test = models.load(folder), load("emoji", "test", size=32).take(30, seed=0)
    inputs, targets = (test[name].float() / 127.5 - 1 for name in ("input", "target"))
    sheet, made = runs.showcase(game), game.translate(test["input"])
    assert sheet.shape == (90, 3, 32, 32)
    for i, row in enumerate(sheet.unflatten(0, (9, 10))):
        kind = (inputs.expand(-1, 3, -1, -1), made, targets)[i % 3]
        assert torch.allclose(row, kind[i // 3 * 10 : i // 3 * 10 + 10]), i


def test_translations_are_scored_on_held_out_pairs_with_other_noise_each(pairs, monkeypatch):
    _, folder, load = pairs
    game, asked, given = models.load(folder), [], []
    translate = game.translate
    monkeypatch.setattr(
        game,
        "translate",
        lambda x, *, seed: asked.append((len(x), seed)) or translate(x, seed=seed),
    )
    score = evaluation.colour.colour_scores
    monkeypatch.setattr(
        evaluation.colour,
        "colour_scores",
        lambda *pictures, **how: given.append(how) or score(*pictures, **how),
    )
    scores = evaluation.evaluate(game, seed=7)
    assert asked == [(30, 7 + draw) for draw in range(5)] and scores["seed"] == 7
    assert torch.equal(
        given[0]["palette"], evaluation.colour.palette(load("emoji", "train", size=32)["target"])
    )
    assert all(isinstance(scores[each.key], float) for each in evaluation.columns(game.config))
    json.dumps(scores)


def test_runs_of_different_recipes_make_no_table(small):
    place, (first, _) = small
    other = place / "run-other"
    config = gan.Config.at("check", "dcgan", steps=2, width=4, batch_size=8, lr=1.0)
    digits = {"image": torch.zeros(40, 1, 28, 28, dtype=torch.uint8)}
    lesson.play(config, digits, seed=1, folder=other, progress=False, device="cpu")
    with pytest.raises(CourseError, match="more than their seed"):
        runs.publish("tiny", [first, other])
    assert not (place / "runs").exists()


@pytest.mark.parametrize("summary", [None, {"step": 1}])
def test_an_unfinished_run_is_not_published(small, summary):
    place, folders = small
    (folders[1] / "summary.json").unlink()
    if summary:
        (folders[1] / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(CourseError, match="run-1 is unfinished: step . of 2"):
        runs.publish("tiny", folders)
    assert not (place / "runs").exists()


def test_the_ledger_says_what_is_wanted():
    for name in models.published():
        (line,) = [line for line in runs.ledger().splitlines() if line.startswith(f"| {name} |")]
        cpu = read_json(runs.DOSSIERS / name / "environment.json")["kind"] == "cpu"
        assert ("a GPU" in line) == cpu


def test_evaluate_gives_plain_numbers_and_says_what_they_were_measured_on():
    game = gan.Config.at("check", "dcgan", width=4).build()
    scores = evaluation.evaluate(game, n=100, source="bundled")
    assert scores["samples"] == 100
    assert "bundled" in scores["reference"] and "bundled" in scores["parzen_test"]
    assert all(isinstance(scores[each.key], float) for each in evaluation.columns(game.config))
    assert scores["classifier_fid"] > 100  # an untrained generator
    json.dumps(scores)


def test_a_game_without_digits_is_not_scored_as_one():
    with pytest.raises(CourseError, match="'ring'"):
        evaluation.evaluate(gan.Config.at("check", "toy").build())


@pytest.mark.parametrize(
    ("config", "n"),
    [
        (cgan.Config.at("check", width=2), 200),
        (cgan.Config.at("check", width=2, pictures="fashion", split="train"), 100),
        (infogan.Config.at("check", width=2), 200),
        (infogan.Config.at("check", "faces", width=2), 100),
    ],
    ids=["cgan", "cgan-fashion", "infogan", "infogan-faces"],
)
def test_every_score_of_a_chapters_table_is_measured(config, n):
    torch.manual_seed(0)
    scores = evaluation.evaluate(config.build(), n=n, source="bundled")
    shown = [each.key for each in evaluation.columns(config)]
    assert all(isinstance(scores[key], float) for key in shown), shown
    assert "bundled" in runs.protocol(scores)
    json.dumps(scores)


@pytest.mark.parametrize(("n", "taught"), [(100, 500), (2_000, 6_666)])
def test_what_learns_from_samples_gets_five_for_each_but_no_more_than_there_are_training_pictures(
    monkeypatch, n, taught
):
    game, given = cgan.Config.at("check", width=2).build(), []
    monkeypatch.setattr(
        evaluation.conditional,
        "trained_on_generated",
        lambda *told, **how: given.append(told) or 0.5,
    )
    monkeypatch.setattr(
        evaluation.conditional, "class_coverage", lambda *told, **how: {"min": 0.0, "coverage": []}
    )
    scores = evaluation.labels_scores(game, game.sample(n, seed=3), seed=3, source="bundled")
    ((lessons, asked, *_),) = given
    assert len(lessons) == len(asked) == scores["taught_samples"] == taught
    assert torch.equal(lessons[:200], game.sample(200, label=asked[:200], seed=3)), (
        "each under the label it was asked for"
    )
    assert f"Trained on {taught:,} samples." in runs.protocol({**scores, "samples": n})


@pytest.mark.parametrize("module", [gan, cgan, infogan])
def test_a_strict_evaluation_needs_the_full_data(module, tmp_path):
    with pytest.raises(CourseError, match="full MNIST could not be downloaded"):
        game = module.Config.at("check", width=4).build()
        evaluation.evaluate(game, n=100, root=tmp_path, source="full", strict=True)


def test_a_strict_evaluation_of_clothes_needs_them_all_and_one_of_faces_has_them(tmp_path):
    strict = {"n": 100, "root": tmp_path, "source": "full", "strict": True}
    with pytest.raises(CourseError, match="full Fashion-MNIST could not be downloaded"):
        evaluation.evaluate(
            cgan.Config.at("check", width=2, pictures="fashion", split="train").build(), **strict
        )
    scores = evaluation.evaluate(infogan.Config.at("check", "faces", width=2).build(), **strict)
    assert "bundled" in scores["codes_test"], "there are no others"


def test_codes_of_sprites_are_scored_beside_those_of_the_untrained_network(monkeypatch):
    pictures = data.load("sprites", "test", n=4_000, seed=0)
    monkeypatch.setattr(evaluation.data, "load", lambda *names, **how: pictures)
    config = infogan.Config.at("check", "sprites", width=2, latent=4)
    state = torch.get_rng_state()
    scores = evaluation.evaluate(config.build(), n=10, seed=4)
    torch.manual_seed(4)
    fresh = evaluation.evaluate(config.build(), n=10, seed=4)
    assert fresh["mig"] == fresh["untrained_mig"] == scores["untrained_mig"] != scores["mig"]
    assert fresh["factor_vae"] == fresh["untrained_factor_vae"]
    torch.set_rng_state(state)
    evaluation.codes_scores(config.build(), torch.zeros(10), seed=4)
    drawn = torch.rand(1)
    torch.set_rng_state(state)
    config.build()
    assert torch.equal(drawn, torch.rand(1)), "nobody else's dice are touched"
    assert "before training the same networks have fresh weights" in runs.protocol(fresh)
    keys = [column.key for column in evaluation.columns(config)]
    assert (
        keys == ["factor_vae", "untrained_factor_vae", "mig", "untrained_mig"]
        and set(keys) <= fresh.keys()
    )


def test_slant_and_width_are_found_by_codes_of_their_own():
    """A game that draws what its codes say: code 0 thickens a stroke, code 1 slants it, code 2 does nothing."""

    class Drawn:
        config = infogan.Config(continuous=3, categories=(2,))

        def sample(self, *, category, continuous, seed):
            rows, columns = torch.arange(28).view(28, 1), torch.arange(28).view(1, 28)
            middle = 13.5 + 0.4 * continuous[:, 1, None, None] * (13.5 - rows)
            half = 2.5 + continuous[:, 0, None, None]
            ink = (half + 0.5 - (columns - middle).abs()).clamp(0, 1) * ((rows > 4) & (rows < 23))
            return 2 * ink[:, None] - 1

    found = evaluation.stroke_scores(Drawn(), seed=0, each=60)
    assert (found["slant_code"], found["width_code"]) == (1, 0)
    assert found["slant_spearman"] > 0.95 and found["width_spearman"] > 0.95


def test_an_attribute_is_found_by_the_code_that_reads_it():
    """A game whose Q reads glasses in its second category and nothing anywhere else."""

    class Seeing:
        def infer(self, images):
            seen = images[:, 0, 0, 0].float()
            return (
                torch.full((len(images), 2), 0.5),
                torch.stack([1 - seen, seen], 1),
            ), torch.zeros(len(images), 1)

    def faces(n):
        glasses = torch.arange(n) % 2
        image = torch.zeros(n, 3, 4, 4, dtype=torch.uint8)
        image[:, :, 0, 0] = 1 - glasses[:, None]  # the code falls with glasses: found, backwards
        others = {name: (torch.arange(n) // 2) % 2 for name in ("hat", "beard", "hair_length")}
        return Pictures({"image": image, "glasses": glasses, **others}, "faces", "made", "CC0")

    found = evaluation.attribute_scores(Seeing(), faces(40), faces(20))
    assert (found["glasses_code"], found["glasses_auc"]) == ("category 1 = 1", 1.0)
    assert found["hat_auc"] == 0.5


def test_a_published_model_scores_far_better_than_an_untrained_one():
    scores = evaluation.evaluate(models.load("gan"), n=500, source="bundled")
    assert scores["classifier_fid"] < 100
    assert scores["coverage"] > 0.2


def test_published_weights_are_refused_when_changed(tmp_path, monkeypatch):
    copy = tmp_path / "data"
    shutil.copytree(BUNDLED / "weights" / "gan", copy / "weights" / "gan")
    shutil.copy(BUNDLED / "manifest.json", copy / "manifest.json")
    weights = copy / "weights" / "gan" / "model.safetensors"
    spoilt = bytearray(weights.read_bytes())
    spoilt[-1] ^= 1
    weights.write_bytes(spoilt)
    monkeypatch.setattr(models, "BUNDLED", copy)
    monkeypatch.setattr("gancourse.files.BUNDLED", copy)
    with pytest.raises(CourseError, match="model.safetensors"):
        models.load("gan")


def test_the_first_folders_weights_are_published_and_the_table_goes_by_seed(small):
    place, (first, second) = small
    scores = runs.publish("tiny", [second, first])
    assert [row["seed"] for row in scores["seeds"]] == [0, 1]
    card = (place / "data" / "weights" / "tiny" / "README.md").read_text()
    assert "--seed 1" in card and "The weights are those of seed 1." in card
