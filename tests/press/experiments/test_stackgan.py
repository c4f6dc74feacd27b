from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gancourse.chapters import stackgan
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import stackgan as experiment

TINY = stackgan.Config.at(
    "check", "stage1", width=2, width_d=2, rows=64, batch_size=16, steps=2, ema=0.5
)
SMALL = {"width": 2, "width_d": 2, "batch_size": 16}


def test_rows_differ_from_the_base_in_what_they_name():
    base = experiment.CONFIG
    for name, row in experiment.ROWS.items():
        config = experiment.of(row, base, Path("first"))
        lean = stackgan.Config.at("full", "stage2", ema=base.ema, first="first")
        start = lean if row.first else base
        changed = {each for each in row.change if getattr(start, each) != row.change[each]}
        assert {
            each for each in base.stored() if config.stored()[each] != start.stored()[each]
        } == (changed), name
    paper = experiment.of(
        experiment.ROWS["the paper's networks and recipe, as long"], base, Path("first")
    )
    own = stackgan.Config(text=base.text)
    kept = {"steps": own.steps, "ema": own.ema}
    assert replace(paper, **kept) == own


def test_each_row_can_be_built():
    for row in experiment.ROWS.values():
        game = experiment.of(row, experiment.CONFIG, Path("-")).build()
        side = game.config.shape[1]
        seen = game.discriminator.picture(torch.zeros(2, 3, side, side))
        assert game.discriminator(seen, torch.zeros(2, game.config.embedding)).shape == (2,)


def test_a_second_stage_stands_on_a_row_that_fits():
    for row in experiment.ROWS.values():
        if row.first:
            first = experiment.of(experiment.ROWS[row.first], experiment.CONFIG, Path("-"))
            assert experiment.of(row, experiment.CONFIG, Path("-")).small == first.shape[1]


@pytest.fixture
def few(monkeypatch):
    names = experiment.BASE, "two stages, 32 and 64 px", experiment.LARGE
    rows = {name: experiment.ROWS[name] for name in names}
    rows[names[1]] = replace(rows[names[1]], change=SMALL)
    monkeypatch.setattr(experiment, "ROWS", rows)
    monkeypatch.setattr(experiment, "ASKED", 40)
    return names


def test_each_row_gets_the_same_time(tmp_path, monkeypatch, few):
    costs = {(32, "stage1"): 0.3, (64, "stage1"): 0.4, (64, "stage2"): 0.1}

    def cost(config, pictures):
        assert pictures["image"].shape[2] == config.shape[1]
        return costs[config.shape[1], config.form]

    how = {"folder": tmp_path, "work": tmp_path / "work", "cost": cost}
    runs = experiment.run(TINY, [5], **how)
    assert [(run["row"], run["seed"], run["steps"]) for run in runs] == [
        (few[0], 5, 2), (few[1], 5, 6), (few[2], 5, 3),
    ]  # fmt: skip
    for run in runs:
        last = run["curve"][-1]
        assert last["step"] == run["steps"] and 0 <= last["mean"] <= 1 and last["frechet"] > 0
    assert read_json(tmp_path / "time.json")["runs"] == runs
    assert sorted(each.name for each in (tmp_path / "work").iterdir()) == [f"{few[0]}, seed 5"]
    monkeypatch.setattr(experiment, "play", lambda *given, **how: pytest.fail("trained again"))
    assert experiment.run(TINY, [5], **how) == runs
    with pytest.raises(CourseError, match="time.json: holds runs of another recipe"):
        experiment.run(replace(TINY, steps=3), [5], **how)


def test_a_line_has_the_minutes_of_both_stages_and_medians_over_seeds(few):
    def of(row, seed, steps, mean):
        curve = [
            {"step": 1, "mean": 0.0, "whole": 0.0, "frechet": 99.0},
            {"step": steps, "mean": mean, "whole": mean / 2, "frechet": 10 * mean},
        ]
        return {
            "row": row, "seed": seed, "steps": steps, "seconds_per_step": 0.6, "curve": curve,
        }  # fmt: skip

    runs = [
        of(few[0], 0, 1_000, 0.7), of(few[0], 1, 1_000, 0.8), of(few[1], 0, 500, 0.75),
    ]  # fmt: skip
    page = experiment.page(TINY, runs)
    assert "medians over seeds 0, 1" in page
    assert f"| {few[0]} | 10 | 1,000 | 75.0% | 37.5% | 7.50 |" in page
    assert f"| {few[1]} | 15 | 500 | 75.0% | 37.5% | 7.50 |" in page
    assert few[2] not in page, "rows without a run are left out"


def test_the_time_of_a_step_is_a_mean_without_the_first(monkeypatch):
    clock = []
    monkeypatch.setattr(experiment, "ours", lambda *given: lambda: clock.append(len(clock) or 99))
    monkeypatch.setattr(experiment.time, "process_time", lambda: float(sum(clock)))
    pictures = experiment.data.load("scenes", "train", size=32, n=64)
    expected = sum(range(1, experiment.TRIED + 1)) / experiment.TRIED
    assert experiment.seconds(TINY, pictures) == expected
