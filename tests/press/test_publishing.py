from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gancourse import chapters, data, models
from gancourse.chapters import cgan, gan, infogan, pix2pix
from gancourse.data.sources import Pictures, manifest
from gancourse.files import BUNDLED, CourseError, read_json, sha256
from gancourse.game import fingerprint
from gancourse.press import dossier, publishing
from gancourse.recipe import Recipe
from gancourse.school import lesson


def columns(config: Recipe):
    return chapters.protocol(config.chapter).columns(config)


def everything(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository of its own."""
    for module in (publishing, dossier, models):
        monkeypatch.setattr(module, "BUNDLED", tmp_path / "data")
    for module in (publishing, dossier):
        monkeypatch.setattr(module, "DOSSIERS", tmp_path / "runs")
    monkeypatch.setattr("gancourse.data.sources.bundled", lambda name: tmp_path / "data" / name)
    return tmp_path


DIGITS = Pictures({"image": torch.zeros(40, 1, 28, 28, dtype=torch.uint8)}, "digits", "made", "CC0")


def run(folder: Path, *, seed: int = 0, given: Pictures = DIGITS, **changes) -> Path:
    """A run of two steps."""
    values = {"steps": 2, "width": 4, "batch_size": 8, **changes}
    config = gan.Config.at("check", "dcgan", **values)
    lesson.play(config, given, seed=seed, folder=folder, progress=False, device="cpu")
    return folder


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [run(place / f"run-{seed}", seed=seed) for seed in (0, 1)]


@pytest.fixture
def small(repository, two_runs, monkeypatch):
    """Two runs of one recipe in a repository of their own; all that is measured scores 1."""
    scores = dict.fromkeys([each.key for each in columns(gan.Config())], 1.0)
    counts = {"samples": 10, "reference_samples": 20, "neighbourhood_samples": 10, "k": 5}
    row = {**scores, **counts, "reference": "digits", "parzen_test": "test", "seed": 0}
    monkeypatch.setattr(publishing, "evaluate", lambda game, **how: dict(row))
    monkeypatch.setattr(data, "load", lambda *names, **how: DIGITS)
    return repository, [shutil.copytree(each, repository / each.name) for each in two_runs]


def test_publishing_leaves_a_model_that_loads_and_a_dossier(small):
    place, folders = small
    scores = publishing.publish("tiny", folders)
    assert [row["seed"] for row in scores["seeds"]] == [0, 1]
    folder, shelf = place / "runs" / "tiny", place / "data" / "weights" / "tiny"
    files = "config.json environment.json summary.json metrics.jsonl scores.json film.webp"
    expected = {*files.split(), "film-still.png", "samples.png", "table.md"}
    assert {path.name for path in folder.iterdir()} == expected
    card = (shelf / "README.md").read_text()
    assert sha256(shelf / "model.safetensors") in card
    assert "-s form=dcgan" in card and "-s width=4" in card and "--seed 0" in card
    assert read_json(place / "data" / "manifest.json") == manifest(place / "data")
    assert "| tiny | gan |" in (place / "runs" / "LEDGER.md").read_text()
    assert torch.equal(
        models.load("tiny").sample(3, seed=0), models.load(folders[0]).sample(3, seed=0)
    )


def test_the_first_folders_weights_are_published_and_the_table_goes_by_seed(small):
    place, (first, second) = small
    scores = publishing.publish("tiny", [second, first])
    assert [row["seed"] for row in scores["seeds"]] == [0, 1]
    card = (place / "data" / "weights" / "tiny" / "README.md").read_text()
    assert "--seed 1" in card and "The weights are those of seed 1." in card


def test_other_seeds_of_the_dossier_are_kept_when_asked_for(small, monkeypatch):
    place, (first, second) = small
    publishing.publish("tiny", [first, second])
    other = {**read_json(place / "runs" / "tiny" / "scores.json")["seeds"][0], "coverage": 0.5}
    monkeypatch.setattr(publishing, "evaluate", lambda game, **how: dict(other))
    scores = publishing.publish("tiny", [second], keep_seeds=True)
    assert [(row["seed"], row["coverage"]) for row in scores["seeds"]] == [(0, 1.0), (1, 0.5)]
    assert scores["median"]["coverage"] == 0.75
    assert read_json(place / "runs" / "tiny" / "scores.json") == scores
    assert [row["seed"] for row in publishing.publish("tiny", [second])["seeds"]] == [1]


def test_seeds_of_another_recipe_are_not_kept(small, tmp_path):
    place, (first, _) = small
    with pytest.raises(CourseError, match="tiny has no dossier yet; publish all its seeds"):
        publishing.publish("tiny", [first], keep_seeds=True)
    publishing.publish("tiny", [first])
    before = everything(place)
    wider = run(tmp_path / "wider", seed=1, width=5)
    with pytest.raises(CourseError, match="by another recipe; train them again"):
        publishing.publish("tiny", [wider], keep_seeds=True)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_only_what_drawing_needs_is_published_and_what_was_asked_for(small):
    place, folders = small
    shelf = place / "data" / "weights" / "tiny"
    publishing.publish("tiny", folders)
    whole, stored = models.load(folders[0]), load_file(shelf / "model.safetensors")
    assert {key.partition(".")[0] for key in stored} == {"generator"}
    assert all(torch.equal(whole.state_dict()[key], value) for key, value in stored.items())
    assert "**Networks in the file:** generator (averaged over training).\n" in (
        shelf / "README.md"
    ).read_text(encoding="utf-8")
    with pytest.raises(AttributeError, match="discriminator"):
        models.load("tiny").discriminator  # noqa: B018

    publishing.publish("tiny", folders, also=["discriminator"])
    assert fingerprint(models.load("tiny")) == fingerprint(whole)
    assert "generator (averaged over training), discriminator.\n" in (
        shelf / "README.md"
    ).read_text(encoding="utf-8")
    publishing.publish("tiny", folders)
    assert fingerprint(models.load("tiny")) == fingerprint(whole), "what was asked for once stays"
    with pytest.raises(CourseError, match="also='critic': no network .* generator, discriminator"):
        publishing.publish("tiny", folders, also=["critic"])


def test_a_games_own_buffers_are_published_and_networks_that_read_codes():
    translator = pix2pix.Config.at("check", shape=(3, 32, 32), width=2).build()
    assert {key.partition(".")[0] for key in publishing.kept(translator)} == {
        "generator",
        "examples",
    }
    reader = infogan.Config.at("check", width=2).build()
    assert publishing.kept(reader).keys() == reader.state_dict().keys()


@pytest.mark.parametrize("large", [False, True])
def test_what_is_measured_is_what_is_stored(small, monkeypatch, large):
    place, folders = small
    monkeypatch.setattr(publishing, "is_large", lambda tensors: large)
    measured, evaluate = [], publishing.evaluate
    monkeypatch.setattr(
        publishing,
        "evaluate",
        lambda game, **how: measured.append(game.sample(3, seed=0)) or evaluate(game, **how),
    )
    publishing.publish("tiny", folders)
    stored = load_file(place / "data" / "weights" / "tiny" / "model.safetensors")
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {
        torch.float16 if large else torch.float32
    }
    assert torch.equal(models.load("tiny").sample(3, seed=0), measured[0])
    assert torch.equal(models.load(folders[0]).sample(3, seed=0), measured[0]) != large


def test_weights_of_more_than_two_megabytes_are_stored_in_half():
    for width, large in ((4, False), (64, True)):
        game = gan.Config.at("check", "dcgan", width=width, dense=0).build()
        assert publishing.is_large(publishing.kept(game)) == large
        kinds = {value.dtype for value in publishing.stored_tensors(game).values()}
        assert (torch.float16 in kinds) == large and (torch.float32 in kinds) != large


# What is refused, before anything is written


@pytest.fixture
def refused(small):
    """A function that publishes in vain: it checks the words, and that no file has changed."""
    place, folders = small

    def check(match: str, name: str = "tiny", folders=folders, **how) -> None:
        before = everything(place)
        with pytest.raises(CourseError, match=match):
            publishing.publish(name, folders, **how)
        assert everything(place) == before

    check.place, check.folders = place, folders
    return check


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "Gan", "gan mlp", "-gan", "gan\n"])
def test_a_name_that_is_no_name_of_a_folder_is_not_published(refused, name):
    refused("no name for a model's folders; give lower-case letters, digits and dashes", name)


def test_a_judges_weights_are_not_written_over(refused):
    (refused.place / "data" / "weights" / "digit-cnn").mkdir(parents=True)
    refused("name='digit-cnn': .*choose another", "digit-cnn")


def test_nothing_is_published_that_was_not_measured_on_the_full_data(refused, monkeypatch):
    monkeypatch.undo()
    load = data.load
    for module in (publishing, dossier):
        monkeypatch.setattr(module, "DOSSIERS", refused.place / "runs")
        monkeypatch.setattr(module, "BUNDLED", refused.place / "data")
    assert data.load is load
    refused("full MNIST could not be downloaded", root=refused.place / "empty", n=100)


def test_nothing_is_published_that_was_not_trained_on_the_full_data(refused, monkeypatch):
    for changed in (
        torch.zeros(41, 1, 28, 28, dtype=torch.uint8),
        torch.ones(40, 1, 28, 28, dtype=torch.uint8),
    ):
        whole = Pictures({"image": changed}, "all digits", "full", "CC0")
        asked = []
        monkeypatch.setattr(
            data,
            "load",
            lambda *names, whole=whole, asked=asked, **how: asked.append((names, how)) or whole,
        )
        refused(
            rf"run-0: trained on 40 rows that are not all digits, which has {len(changed)}",
            root="somewhere",
        )
        where = {"root": "somewhere", "source": "full", "strict": True}
        assert asked == [(("digits", "train-50000"), where)]


def test_a_run_that_was_not_given_the_labels_is_published(small, monkeypatch):
    place, folders = small
    labelled = {**DIGITS.tensors, "label": torch.arange(40)}
    whole = Pictures(labelled, "all digits", "full", "CC0")
    monkeypatch.setattr(data, "load", lambda *names, **how: whole)
    publishing.publish("tiny", folders)
    assert (place / "data" / "weights" / "tiny" / "config.json").is_file()
    mine = Pictures({**labelled, "label": torch.zeros(40)}, "mine", "made", "CC0")
    with pytest.raises(CourseError, match="trained on 40 rows that are not all digits"):
        publishing.publish("tiny", [run(place / "run-mine", given=mine)])


def test_a_run_on_ones_own_data_is_not_published_and_how_to_load_it_is_said(refused):
    mine = run(refused.place / "mine", pictures="yours")
    refused(
        rf"pictures='yours': no data set of the course.*gancourse.load\('{mine}'\)", folders=[mine]
    )


def test_runs_of_different_recipes_make_no_table(refused):
    other = run(refused.place / "run-other", seed=1, lr=1.0)
    refused("more than their seed", folders=[refused.folders[0], other])


@pytest.mark.parametrize("summary", [None, {"step": 1}])
def test_an_unfinished_run_is_not_published(refused, summary):
    (refused.folders[1] / "summary.json").unlink()
    if summary:
        (refused.folders[1] / "summary.json").write_text(json.dumps(summary))
    refused("run-1: unfinished, step . of 2")


# Runs that depend on other weights


@pytest.fixture
def second(small):
    """A published first model, and a run that began with its weights."""
    place, folders = small
    publishing.publish("first", folders)
    return place, run(place / "second", starts_from="first")


def test_a_run_that_began_with_published_weights_is_published(second):
    place, folder = second
    publishing.publish("second", [folder])
    card = (place / "data" / "weights" / "second" / "README.md").read_text(encoding="utf-8")
    assert "-s starts_from=first" in card
    config = read_json(place / "data" / "weights" / "second" / "config.json")
    assert config["lineage"] == {"starts_from": fingerprint(models.load("first"))}
    for path in [*(place / "runs").rglob("*.*"), *(place / "data").rglob("*.*")]:
        if path.suffix in (".json", ".md", ".jsonl"):
            assert str(place) not in path.read_text(encoding="utf-8"), "no path of this machine"


def test_a_run_that_began_with_a_folder_of_this_machine_is_not_published(second):
    place, _ = second
    folder = run(place / "third", starts_from=str(place / "run-0"))
    before = everything(place)
    with pytest.raises(CourseError, match="starts_from is .*run-0, which nobody else has; publish"):
        publishing.publish("third", [folder])
    assert everything(place) == before


def test_a_run_whose_first_weights_have_changed_since_is_not_published(second):
    place, folder = second
    shutil.rmtree(place / "data" / "weights" / "first")
    publishing.publish("first", [place / "run-1"])
    before = everything(place)
    with pytest.raises(CourseError, match="starts_from is first.* no longer those that the run"):
        publishing.publish("second", [folder])
    assert everything(place) == before


def test_what_a_run_borrows_must_be_published_too(second):
    class Borrowing(gan.Config):
        borrows = {"critic": "first"}

    place, folder = second
    config = Borrowing.at("check", "dcgan", width=4)
    right = {"borrowed critic": fingerprint(models.load("first"))}
    publishing.check_lineage(config, folder, right)
    for lineage in ({"borrowed critic": "0" * 64}, {}):
        with pytest.raises(CourseError, match="borrowed critic is first.* no longer those"):
            publishing.check_lineage(config, folder, lineage)
    Borrowing.borrows = {"critic": str(place / "run-0")}
    with pytest.raises(CourseError, match="borrowed critic is .*run-0, which nobody else has"):
        publishing.check_lineage(config, folder, right)


# Pairs


@pytest.fixture
def pairs(repository, monkeypatch):
    """Pairs of flat colour under a line, 40 for training and 30 to test, and a run on them."""
    colours = torch.tensor(
        [[i % 3 * 100, i // 3 % 3 * 100, i // 9 * 100] for i in range(24)], dtype=torch.uint8
    )

    def load(name, split, *, size, **where):
        assert (name, size) == ("emoji", 32)
        n = 40 if split == "train" else 30
        target = colours[torch.arange(n) % 24, :, None, None].expand(n, 3, 32, 32).clone()
        drawn = torch.full((n, 1, 32, 32), 255, dtype=torch.uint8)
        drawn[..., 16], target[..., 16] = 0, 0
        return Pictures({"input": drawn, "target": target}, f"emoji {split}", "made", "CC BY-SA")

    monkeypatch.setattr(data, "load", load)
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=2, batch_size=2)
    train, folder = load("emoji", "train", size=32), repository / "pairs-run"
    lesson.play(config, train, folder=folder, progress=False, device="cpu")
    return repository, folder, load


def test_a_run_on_pairs_is_published_with_its_floor_and_licence(pairs):
    place, folder, load = pairs
    scores = publishing.publish("tiny", [folder])
    row = scores["seeds"][0]
    assert row["draws"] == 5 and row["pairs_test"] == "emoji test, 30 (made)"
    card = (place / "data" / "weights" / "tiny" / "README.md").read_text(encoding="utf-8")
    assert '`gancourse.load("tiny").translate(line_art)` takes (N, 1, H, W)' in card
    assert "returns (N, 3, H, W)" in card
    assert ".sample(" not in card and "gancourse colour" in card
    assert "OpenMoji" in card and "**Licence of the weights:** CC BY-SA 4.0, as the data" in card
    assert f"Each pair of {row['pairs_test']} is translated 5 times." in card
    assert "The line art unchanged scores" in card
    for floor in ("floor_per_pixel", "floor_per_class", "floor_class_iou", "floor_inside"):
        assert f"{row[floor]:.3f}" in card
    assert "{" not in card, "every gap is filled"
    with Image.open(place / "runs" / "tiny" / "samples.png") as sheet:
        assert sheet.size == (10 * 34 + 2, 9 * 34 + 2), "nine rows of ten"
    drawn = load("emoji", "test", size=32)["input"]
    assert torch.equal(models.load("tiny").translate(drawn), models.load(folder).translate(drawn))


# What the repository holds


@pytest.mark.parametrize("name", models.published())
def test_published_files_hold_what_drawing_needs(name):
    """One other network is used: chapter 2 compares the published discriminator with two others."""
    game = models.load(name)
    also = {"discriminator"} if name == "cgan" else set()
    assert dict(game.named_children()).keys() == {*game.for_sampling, *also}
    dossier = (BUNDLED / "weights" / name / "config.json").read_bytes()
    assert dossier == (BUNDLED.parent / "runs" / name / "config.json").read_bytes()


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


@pytest.mark.parametrize("module", [gan, cgan, infogan, pix2pix])
def test_every_chapter_names_networks_that_its_game_has(module):
    with torch.device("meta"):
        game = module.Config.at("check").build()
    assert set(game.for_sampling) <= dict(game.named_children()).keys()
