from __future__ import annotations

import pytest

from gancourse.chapters import infogan
from gancourse.files import CourseError, read_json, write_json
from gancourse.press.experiments import infogan as experiment

TINY = infogan.Config.at("class", "faces", width=2, steps=2, batch_size=8)
TEST = "faces test, 1,000 (bundled)"


def runs_of(change: dict, *areas: float) -> list[dict]:
    return [
        {
            "change": change,
            "seed": seed,
            "scores": {"glasses_auc": area, "hair_length_auc": area / 2, "codes_test": TEST},
        }
        for seed, area in enumerate(areas)
    ]


def test_a_row_has_the_median_its_ends_and_how_many_found_it():
    runs = [*runs_of({}, 0.95, 0.7, 0.9), *runs_of({"information": 0.3}, 0.6)]
    page = experiment.page(TINY, runs)
    three = "0.900 (0.700 to 0.950) | 2 of 3 | 0.450 (0.350 to 0.475) | 0 of 3"
    assert f"| 2, 2 | 4 | 1 | 0, 1, 2 | {three} |" in page
    one = "0.600 (0.600 to 0.600) | 0 of 1 | 0.300 (0.300 to 0.300) | 0 of 1"
    assert f"| 2, 2 | 4 | 0.3 | 0 | {one} |" in page
    assert page.count("\n|") == 3, "rows without a run are left out"
    assert TEST in page


def test_codes_that_are_not_there_have_a_row_of_their_own():
    page = experiment.page(TINY, runs_of({"categories": [2, 2, 2], "continuous": 0}, 0.8))
    assert "| 2, 2, 2 | 0 | 1 | 0 | 0.800" in page


def test_each_run_is_trained_once_and_kept(tmp_path, monkeypatch):
    changes = experiment.CHANGES[:1] + experiment.CHANGES[-1:]
    monkeypatch.setattr(experiment, "CHANGES", changes)
    runs = experiment.run(TINY, [4], tmp_path)
    assert [(run["change"], run["seed"]) for run in runs] == [(change, 4) for change in changes]
    assert all(0 <= run["scores"]["glasses_auc"] <= 1 for run in runs)
    assert read_json(tmp_path / "variants.json")["runs"] == runs
    monkeypatch.setattr(experiment, "play", lambda *given, **how: pytest.fail("trained again"))
    assert experiment.run(TINY, [4], tmp_path) == runs
    assert "| 2, 2, 2 | 0 | 1 | 4 |" in (tmp_path / "variants.md").read_text(encoding="utf-8")
    older = read_json(tmp_path / "variants.json")
    del older["recipe"]["deviation"]  # as if the setting had come after the runs
    write_json(tmp_path / "variants.json", older)
    assert experiment.run(TINY, [4], tmp_path) == runs
    longer = infogan.Config.at("class", "faces", width=2, steps=3, batch_size=8)
    with pytest.raises(CourseError, match="variants.json: holds runs of another recipe"):
        experiment.run(longer, [4], tmp_path)
