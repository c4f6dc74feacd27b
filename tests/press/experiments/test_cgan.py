from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from gancourse.chapters import cgan
from gancourse.data.sources import Pictures
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import cgan as experiment
from gancourse.training.record import log_spaced

TINY = cgan.Config.at("class", width=2, steps=60, batch_size=4)


@pytest.fixture(scope="module")
def digits() -> Pictures:
    dice = torch.Generator().manual_seed(0)
    tensors = {
        "image": torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8, generator=dice),
        "label": torch.arange(64) % 10,
    }
    return Pictures(tensors, "digits", "made", "CC0")


def test_the_unconditional_discriminator_answers_the_same_whatever_the_label():
    torch.manual_seed(0)
    game = experiment.Unconditional(TINY).eval()
    pictures, label = torch.rand(6, 1, 28, 28) * 2 - 1, torch.arange(6)
    labels = label, label + 3, torch.zeros_like(label)
    with torch.no_grad():
        answers = [game.judge(pictures, {"label": each}) for each in labels]
        others = [cgan.CGAN.judge(game, pictures, {"label": each}) for each in labels[:2]]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    assert not torch.allclose(*others), "which a conditional discriminator does not"


def test_both_games_begin_with_the_weights_that_the_chapters_game_has(digits):
    config, games, fresh = replace(TINY, steps=1), [], []
    for conditional in (True, False):
        record = experiment.play(config, digits, conditional=conditional, seed=3, progress=False)
        games.append(record.game)
        torch.manual_seed(3)
        game = config.build() if conditional else experiment.Unconditional(config)
        fresh.append(game.state_dict())
    assert [type(game) for game in games] == [cgan.CGAN, experiment.Unconditional]
    assert all(torch.equal(a, b) for a, b in zip(*(each.values() for each in fresh), strict=True))
    for game in games:  # and each was trained
        state = game.state_dict().items()
        assert any(not torch.equal(value, fresh[0][name]) for name, value in state)


def test_thumbnails_are_means_of_sixteen_pixels_on_one_scale():
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[0, 0, :4, 4:8] = 255
    small = experiment.thumbnails(image)
    assert small.shape == (1, 49) and small[0, 1] == 1 and (small[0, [0, 2, 7, 48]] == -1).all()
    assert torch.allclose(experiment.thumbnails(image / 127.5 - 1), small)


def test_measured_watches_from_the_first_step_asked_for(digits):
    measured = experiment.Measured(digits["image"], n=20, first=10)
    config = replace(TINY, steps=12)
    record = experiment.play(config, digits, conditional=True, watch=[measured], progress=False)
    steps = [line["step"] for line in measured.lines]
    assert steps == [step for step in log_spaced(12) if step >= 10]
    last, samples = measured.lines[-1], record.game.sample(20, seed=1)
    real, made = experiment.thumbnails(digits["image"]), experiment.thumbnails(samples)
    assert last["thumbnails"] == pytest.approx(experiment.frechet(real, made))
    assert 0 <= last["accuracy"] <= 1 and last["judge"] > 0


def curve(*values: float) -> list[dict]:
    return [
        {"step": step, "judge": value, "thumbnails": value / 10}
        for step, value in zip((10, 100, 1000), values, strict=True)
    ]


def test_the_step_at_which_a_level_is_reached_lies_on_a_power_law():
    falling = curve(100, 10, 1)
    assert experiment.level_at(falling, "judge", 100) == 10
    assert experiment.level_at(falling, "judge", 10) == pytest.approx(100)
    assert experiment.level_at(falling, "judge", math.sqrt(10)) == pytest.approx(10**2.5)
    assert experiment.level_at(falling, "judge", 0.5) == math.inf
    assert experiment.level_at(curve(100, 50, 80), "judge", 60) == pytest.approx(
        10 * 10 ** (math.log(100 / 60) / math.log(2))
    )


def ran(conditional: bool, seed: int, values: tuple, losses: list[float]) -> dict:
    return {"conditional": conditional, "seed": seed, "curve": curve(*values), "losses": losses}


def test_the_page_compares_seeds_with_both_games_only():
    runs = [
        ran(True, 0, (100, 10, 1), [1.0, 2.0, 3.0]),
        ran(False, 0, (100, 50, 10), [1.0, 3.0, 1.0]),
        ran(True, 1, (100, 20, 4), [1.0, 1.2, 1.0]),
    ]
    name = "classifier features"
    one = experiment.page(TINY, runs)
    assert "over seeds 0." in one
    assert f"| {name}: largest final distance of a seed over the smallest | 1.00 | 1.00 |" in one
    steps = "100 (100 to 100) | 1,000 (1,000 to 1,000)"
    assert f"| {name}: steps to the unconditional game's final distance (10) | {steps} |" in one
    runs.append(ran(False, 1, (100, 10, 40), [1.0, 1.0]))
    both = experiment.page(TINY, runs)
    assert "over seeds 0, 1." in both
    assert f"| {name}: final Fréchet distance | 2.5 (1 to 4) | 25 (10 to 40) |" in both
    assert f"| {name}: largest final distance of a seed over the smallest | 4.00 | 4.00 |" in both
    assert f"| {name}: reports that are worse than the one before | 0 of 4 | 1 of 4 |" in both
    steady = "0.0471 (0.0000 to 0.0943) | 0.4714 (0.0000 to 0.9428)"
    assert f"deviation from a straight line, second half | {steady} |" in both
    assert "No seed" in experiment.page(TINY, runs[:1])


def test_a_level_that_a_run_never_reached_is_said():
    runs = [
        ran(conditional, seed, (100, 50, end), [1.0])
        for seed, ends in enumerate([(40, 9), (40, 10), (40, 11)])
        for conditional, end in zip((True, False), ends, strict=True)
    ]
    assert "| never (never to never) | 1,000 (" in experiment.page(TINY, runs)


def test_training_keeps_each_run_and_goes_on(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment.data, "load", lambda *names, **how: digits)
    monkeypatch.setattr(Pictures, "take", lambda self, n, seed: self)
    played, play = [], experiment.play

    def counted(config, pictures, **wanted):
        played.append((wanted["conditional"], wanted["seed"]))
        return play(config, pictures, **wanted, progress=False)

    monkeypatch.setattr(experiment, "play", counted)
    monkeypatch.setattr(experiment, "SAMPLES", 100)
    runs = experiment.run(TINY, [0], tmp_path)
    assert played == [(True, 0), (False, 0)]
    assert read_json(tmp_path / "labels.json")["runs"] == runs
    assert runs[0]["curve"][-1]["step"] == 60 and runs[0]["losses"]
    assert runs[0]["curve"] != runs[1]["curve"]
    page = (tmp_path / "labels.md").read_text(encoding="utf-8")
    assert page == experiment.page(TINY, runs)
    assert experiment.run(TINY, [0], tmp_path) == runs and len(played) == 2
    with pytest.raises(CourseError, match="labels.json: holds runs of another recipe"):
        experiment.run(replace(TINY, lr=0.5), [0], tmp_path)
