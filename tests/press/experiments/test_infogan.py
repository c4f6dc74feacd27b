from __future__ import annotations

import sys

import pytest

from gancourse.chapters import infogan
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import faces

TINY = infogan.Config.at("class", "faces", width=2, steps=2, batch_size=8)


def runs_of(change: dict, *areas: float) -> list[dict]:
    return [
        {
            "change": change,
            "seed": seed,
            "scores": {
                "glasses_auc": area,
                "hair_length_auc": area / 2,
                "codes_test": "faces test, 1,000 (bundled)",
            },
        }
        for seed, area in enumerate(areas)
    ]


def test_a_row_has_the_median_its_ends_and_how_many_found_it():
    page = faces.page(TINY, [*runs_of({}, 0.95, 0.7, 0.9), *runs_of({"information": 0.3}, 0.6)])
    assert (
        "| 2, 2 | 4 | 1 | 0, 1, 2 | 0.900 (0.700 to 0.950) | 2 of 3 | 0.450 (0.350 to 0.475) | 0 of 3 |"
        in page
    )
    assert (
        "| 2, 2 | 4 | 0.3 | 0 | 0.600 (0.600 to 0.600) | 0 of 1 | 0.300 (0.300 to 0.300) | 0 of 1 |"
        in page
    )
    assert page.count("\n|") == 3, "rows that no run has yet are left out"
    assert "faces test, 1,000 (bundled)" in page


def test_codes_that_are_not_there_have_a_row_of_their_own():
    page = faces.page(TINY, runs_of({"categories": [2, 2, 2], "continuous": 0}, 0.8))
    assert "| 2, 2, 2 | 0 | 1 | 0 | 0.800" in page


def test_each_run_is_trained_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "ROWS", faces.ROWS[:1] + faces.ROWS[-1:])
    runs = faces.train(TINY, [4], tmp_path)
    assert [(run["change"], run["seed"]) for run in runs] == [(change, 4) for change in faces.ROWS]
    assert all(0 <= run["scores"]["glasses_auc"] <= 1 for run in runs)
    assert read_json(tmp_path / "variants.json")["runs"] == runs
    monkeypatch.setattr(faces, "play", lambda *given, **how: pytest.fail("it was trained already"))
    assert faces.train(TINY, [4], tmp_path) == runs
    assert "| 2, 2, 2 | 0 | 1 | 4 |" in (tmp_path / "variants.md").read_text(encoding="utf-8")


def test_runs_of_another_recipe_are_not_mixed_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(faces, "ROWS", faces.ROWS[:1])
    faces.train(TINY, [0], tmp_path)
    with pytest.raises(CourseError, match="another recipe"):
        faces.train(
            infogan.Config.at("class", "faces", width=2, steps=3, batch_size=8), [0], tmp_path
        )
    monkeypatch.setattr(sys, "argv", ["faces", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit, match="another recipe"):
        faces.main()
