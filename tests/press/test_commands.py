"""`gancourse bench` and `gancourse experiment`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gancourse.cli import app
from gancourse.data.sources import Pictures
from gancourse.files import DOSSIERS, CourseError, read_json
from gancourse.press import bench, chapters_in, experiments, of_chapter

KEPT = {
    "gan": "regularisation",
    "cgan": "labels",
    "infogan": "variants",
    "stackgan": "time",
    "pix2pix": "ablations",
}


def gancourse(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_the_benchmark_measures_the_chapters_that_are_named(monkeypatch):
    asked = []
    monkeypatch.setattr(
        bench, "lines", lambda name, **how: asked.append((name, how)) or [f"{name}: 2x", "1x"]
    )
    how = {"rounds": 3, "device": "cpu"}
    assert gancourse("bench", "gan", "cgan", "--rounds", "3", "--device", "cpu").split("\n") == [
        "gan: 2x", "1x", "cgan: 2x", "1x", "",
    ]  # fmt: skip
    assert asked == [("gan", how), ("cgan", how)]
    asked.clear()
    gancourse("bench")
    assert [name for name, _ in asked] == chapters_in(bench.__name__)


def test_a_line_names_the_row_and_both_ratios(monkeypatch):
    found = {"median": 1.234, "least": 1.0, "most": 2.0}
    monkeypatch.setattr(
        bench, "ratios", lambda config, **how: {"plain": found, "other": {**found, "median": 1.05}}
    )
    first, *_ = bench.lines("gan")
    for words in (
        "dcgan",
        "class",
        "width   16",
        "1.23x the plain form (1.00 to 2.00)",
        "1.05x our",
    ):
        assert words in first


@pytest.mark.parametrize("command", ["bench", "experiment"])
def test_a_chapter_without_a_file_is_refused_with_those_that_have_one(command):
    with pytest.raises(CourseError, match="chapter='sketch': .*choose one of: .*cgan, infogan"):
        gancourse(command, "sketch")


def test_every_experiment_is_found():
    assert chapters_in(experiments.__name__) == list(KEPT)


def test_an_experiment_is_given_what_was_asked_and_its_own_recipe_otherwise(monkeypatch, tmp_path):
    room, asked = of_chapter(experiments.__name__, "pix2pix"), []
    monkeypatch.setattr(room, "run", lambda *given: asked.append(given) or [{}, {}])
    assert gancourse("experiment", "pix2pix").startswith("2 runs and their table: ")
    assert asked.pop() == (room.CONFIG, (0, 1, 2), DOSSIERS / "pix2pix", None)
    gancourse(
        "experiment", "pix2pix", "--seed", "5", "--seed", "7", "--scale", "class",
        "--steps", "9", "--width", "8", "--folder", str(tmp_path), "--data-root", "there",
    )  # fmt: skip
    config = room.CONFIG.at("class", "unet", steps=9, width=8)
    assert asked.pop() == (config, [5, 7], tmp_path, Path("there"))


@pytest.mark.parametrize("name", KEPT)
def test_the_books_runs_are_those_of_a_call_without_options(name, tmp_path, monkeypatch):
    """Nothing is left to train, and the table in the book is the one that the code writes."""
    room = of_chapter(experiments.__name__, name)
    kept = room.FOLDER / f"{KEPT[name]}.json"
    shutil.copy(kept, tmp_path)
    # MNIST's own training digits are not in the repository.
    digits = Pictures({"image": [], "label": []}, "MNIST train-50000", "full", "CC BY-SA 3.0")
    monkeypatch.setattr(Pictures, "take", lambda self, n, seed: self)
    monkeypatch.setattr(room.data, "load", lambda *names, **how: digits)
    monkeypatch.setattr(room, "play", lambda *given, **how: pytest.fail("a run is missing"))
    runs = room.run(folder=tmp_path)
    assert runs == read_json(kept)["runs"]
    page = kept.with_suffix(".md").read_text(encoding="utf-8")
    assert page == room.page(room.CONFIG, runs)
