from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest

from gancourse import models
from gancourse.chapters import cgan, gan, infogan
from gancourse.files import BUNDLED, CourseError
from gancourse.press import dossier
from gancourse.press.dossier import Dossier, changes, ledger, recipe_of
from gancourse.press.publishing import with_medians


@pytest.mark.parametrize("name", models.published())
def test_tables_cards_and_ledger_are_those_that_the_files_say(name):
    run = Dossier(name)
    assert (run.folder / "table.md").read_text(encoding="utf-8") == run.table()
    assert (run.shelf / "README.md").read_text(encoding="utf-8") == run.card()
    assert (dossier.DOSSIERS / "LEDGER.md").read_text(encoding="utf-8") == ledger()


def test_each_file_is_read_once(monkeypatch):
    read, seen = dossier.read_json, []
    monkeypatch.setattr(dossier, "read_json", lambda path: seen.append(path.name) or read(path))
    run = Dossier("gan")
    run.card(), run.table(), run.line()
    assert sorted(seen) == ["config.json", "environment.json", "scores.json", "summary.json"]


def test_a_table_has_a_row_per_seed_and_the_medians():
    run = Dossier("gan")
    lines = run.table().splitlines()
    heads = [column.head for column in run.protocol.columns(run.config)]
    assert lines[0] == f"| seed | {' | '.join(heads)} |"
    assert lines[1] == f"|{'---|' * (len(heads) + 1)}"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 0", "| 1", "| 2", "| median"]
    assert f"| {run.scores['median']['classifier_fid']:.2f} |" in lines[-1]


def test_a_score_that_came_later_has_dashes_no_median_and_a_reason():
    run = Dossier("gan")
    shown = [column.key for column in run.protocol.columns(run.config)]
    rows = [dict.fromkeys(shown, 0.5) | row for row in run.scores["seeds"]]
    run.scores = with_medians(run.config, rows)
    assert "–" not in run.table() and "A dash" not in run.card()
    for row in rows[1:]:
        del row["kid"]
    run.scores = with_medians(run.config, rows)
    assert run.scores["median"].keys() == {*shown} - {"kid"}
    place = shown.index("kid") + 1
    column = [line.strip("| ").split(" | ")[place] for line in run.table().splitlines()[2:]]
    assert column == [f"{rows[0]['kid']:.4f}", "–", "–", "–"]
    said = "A dash: this score (KID) is newer than the runs, and could only be measured where "
    assert f"{said}the weights are kept, for seed 0." in run.card()


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


@pytest.mark.parametrize("name", models.published())
def test_the_recipe_of_a_card_gives_the_config_that_was_run(name):
    run = Dossier(name)
    (recipe,) = re.findall(r"`gancourse train (.*?)`", run.card())
    assert recipe.startswith(f"{run.config.chapter} --scale full ")
    settings = re.findall(r"-s (\S+)", recipe)
    made = type(run.config).read("full", settings)
    stored = {key: value for key, value in run.settings.items() if key in vars(made)}
    assert {**made.stored(), **stored} == made.stored(), "as config.json says"
    assert made == run.config
    assert f"--seed {run.settings['seed']} " in recipe


def test_full_is_what_was_published():
    """Besides form and pictures, a command may only say what tells a model from one of its kind."""
    kinds: dict[tuple, list[set]] = {}
    for name in models.published():
        config = Dossier(name).config
        kind = config.chapter, config.form, config.pictures
        kinds.setdefault(kind, []).append(changes(config).keys() - {"form", "pictures"})
    for kind, further in kinds.items():
        assert further.count(set()) == 1, f"{kind}: one of them is the full recipe"


@pytest.mark.parametrize("name", models.published())
def test_a_published_game_has_a_recipe_at_every_scale_of_a_notebook(name):
    run = Dossier(name)
    assert run.recipe() == run.config
    for scale in ("check", "class"):
        made = run.recipe(scale)
        assert made.steps <= {"check": 300, "class": 20_000}[scale]
        assert (made.form, made.pictures) == (run.config.form, run.config.pictures)
        assert (made.borrows, made.teachers) == (run.config.borrows, run.config.teachers)


def test_what_sets_a_run_apart_stays_at_another_scale():
    plain, hinted = (Dossier(name).recipe("full") for name in ("infogan-paper", "infogan"))
    assert (plain.steps, plain.augment, hinted.augment) == (2_000, 0.0, 1.0)
    plain, hinted = (recipe_of(name, "class") for name in ("infogan-paper", "infogan"))
    assert plain.steps == hinted.steps == infogan.Config.at("class").steps
    odd = Dossier("gan")
    odd.config = gan.Config.at("full", "dcgan", steps=9, r1=0.5)
    assert (odd.recipe("check").r1, odd.recipe("check").steps) == (0.5, 300)
    assert odd.recipe().steps == 9
    with pytest.raises(CourseError, match="model='gone': no published model; give one of cgan"):
        recipe_of("gone", "check")


def test_a_config_is_compared_with_a_scale():
    config = gan.Config.at("full", "mlp", steps=9)
    assert changes(config) == {"form": "mlp", "steps": 9}
    assert changes(config, "gpu")["width"] == config.width
    assert changes(cgan.Config.at("full")) == {"form": "conv"}
    clothes = cgan.Config.at("full", pictures="fashion", ema=0.5)
    assert changes(clothes) == {"form": "conv", "pictures": "fashion", "ema": 0.5}
    settings = {**config.stored(), "seed": 0, "processes": 1, "data": {"rows": 3, "crc32": 5}}
    assert changes(gan.Config.of(settings)) == changes(config), "what the loop added is left out"


@pytest.mark.parametrize(
    ("scale", "pictures", "wanted"),
    [
        ("class", "digits", "the gpu recipe"),
        ("full", "digits", "the gpu recipe"),
        ("gpu", "digits", ""),
        ("gpu", "fashion", ""),
    ],
)
def test_what_is_wanted_is_the_gpu_recipe(scale, pictures, wanted):
    run = Dossier("gan")
    run.config = gan.Config.at(scale, "dcgan", pictures=pictures)
    assert run.wanted == wanted
    assert run.line()[-1] == (wanted or "nothing")


def test_one_changed_number_makes_another_recipe():
    run = Dossier("gan")
    run.config = replace(gan.Config.at("gpu", "dcgan"), steps=39_999)
    assert run.wanted == "the gpu recipe"


def test_the_ledger_has_a_line_per_model():
    for name in models.published():
        (line,) = [line for line in ledger().splitlines() if line.startswith(f"| {name} |")]
        run = Dossier(name)
        assert run.headline in line and line.endswith(f"| {run.wanted or 'nothing'} |")


def test_hardware_is_said_in_words():
    run = Dossier("gan")
    made = {"kind": "cpu", "threads": 1, "precision": "no", "device": "x86_64"}
    for changed, words in (
        ({}, "1 CPU thread, float32"),
        ({"threads": 4}, "4 CPU threads, float32"),
        ({"kind": "cuda", "device": "H100", "precision": "bf16"}, "H100, bf16"),
    ):
        run.environment = {**made, **changed}
        assert run.hardware == words
