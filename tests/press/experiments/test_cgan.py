from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest
import torch

from gancourse.chapters import cgan
from gancourse.data.sources import Pictures
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import labels
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


def test_the_untold_discriminator_answers_the_same_whatever_the_label():
    torch.manual_seed(0)
    game = labels.Untold(TINY).eval()
    pictures, label = torch.rand(6, 1, 28, 28) * 2 - 1, torch.arange(6)
    with torch.no_grad():
        answers = [
            game.judge(pictures, {"label": each})
            for each in (label, label + 3, torch.zeros_like(label))
        ]
        told = [cgan.CGAN.judge(game, pictures, {"label": each}) for each in (label, label + 3)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    assert not torch.allclose(told[0], told[1]), "which a discriminator that is told does not"


def test_both_games_begin_with_the_same_weights_and_the_same_order(digits):
    config = replace(TINY, steps=1)
    games = [
        labels.play(config, digits, told=told, seed=3, progress=False).game
        for told in (True, False)
    ]
    assert [type(game) for game in games] == [cgan.CGAN, labels.Untold]
    fresh = []
    for told in (True, False):
        torch.manual_seed(3)
        fresh.append((config.build() if told else labels.Untold(config)).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(fresh[0].values(), fresh[1].values(), strict=True))
    for game in games:  # and each was trained
        moved = [
            not torch.equal(value, fresh[0][name]) for name, value in game.state_dict().items()
        ]
        assert any(moved)


def test_thumbnails_are_means_of_sixteen_pixels_on_one_scale():
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[0, 0, :4, 4:8] = 255
    small = labels.thumbnails(image)
    assert small.shape == (1, 49) and small[0, 1] == 1 and (small[0, [0, 2, 7, 48]] == -1).all()
    assert torch.allclose(labels.thumbnails(image / 127.5 - 1), small)


def test_measured_watches_from_the_first_step_asked_for(digits):
    measured = labels.Measured(digits["image"], n=20, first=10)
    record = labels.play(
        replace(TINY, steps=12), digits, told=True, watch=[measured], progress=False
    )
    assert [line["step"] for line in measured.lines] == [
        step for step in log_spaced(12) if step >= 10
    ]
    last, samples = measured.lines[-1], record.game.sample(20, seed=1)
    real, made = labels.thumbnails(digits["image"]), labels.thumbnails(samples)
    assert last["thumbnails"] == pytest.approx(labels.frechet(real, made))
    assert 0 <= last["accuracy"] <= 1 and last["judge"] > 0


def curve(*values: float) -> list[dict]:
    return [
        {"step": step, "judge": value, "thumbnails": value / 10}
        for step, value in zip((10, 100, 1000), values, strict=True)
    ]


def test_the_step_at_which_a_level_is_reached_lies_on_a_power_law():
    falling = curve(100, 10, 1)
    assert labels.level_at(falling, "judge", 100) == 10
    assert labels.level_at(falling, "judge", 10) == pytest.approx(100)
    assert labels.level_at(falling, "judge", math.sqrt(10)) == pytest.approx(10**2.5)
    assert labels.level_at(falling, "judge", 0.5) == math.inf
    assert labels.level_at(curve(100, 50, 80), "judge", 60) == pytest.approx(
        10 * 10 ** (math.log(100 / 60) / math.log(2))
    )


def test_the_page_compares_whole_seeds_only():
    runs = [
        {"told": True, "seed": 0, "curve": curve(100, 10, 1), "losses": [1.0, 2.0, 3.0]},
        {"told": False, "seed": 0, "curve": curve(100, 50, 10), "losses": [1.0, 3.0, 1.0]},
        {"told": True, "seed": 1, "curve": curve(100, 20, 4), "losses": [1.0, 1.2, 1.0]},
    ]
    one = labels.page(TINY, runs)
    assert (
        "seeds 0, with" in one and "| judge: seeds at the end, most by least | 1.00 | 1.00 |" in one
    )
    assert (
        "| judge: steps until as near as the untold one ends (10) | 100 (100 to 100) | 1,000 (1,000 to 1,000) |"
        in one
    )
    runs.append({"told": False, "seed": 1, "curve": curve(100, 10, 40), "losses": [1.0, 1.0]})
    both = labels.page(TINY, runs)
    assert "seeds 0, 1, with" in both
    assert (
        "| judge (its features): Fréchet distance at the end | 2.5 (1 to 4) | 25 (10 to 40) |"
        in both
    )
    assert "| judge: seeds at the end, most by least | 4.00 | 4.00 |" in both
    assert "| judge: reports that were worse than the one before | 0 of 4 | 1 of 4 |" in both
    steady = "0.0471 (0.0000 to 0.0943) | 0.4714 (0.0000 to 0.9428)"
    assert f"| deviation of the generator's loss from a line, second half | {steady} |" in both
    assert "No seed" in labels.page(TINY, runs[:1])


def test_a_level_that_a_run_never_reached_is_said():
    runs = [
        {"told": told, "seed": seed, "curve": curve(100, 50, end), "losses": [1.0]}
        for seed, ends in enumerate([(40, 9), (40, 10), (40, 11)])
        for told, end in zip((True, False), ends, strict=True)
    ]
    assert "| never (never to never) | 1,000 (" in labels.page(TINY, runs)


def test_training_keeps_each_run_and_goes_on(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(labels.data, "load", lambda *names, **how: digits)
    monkeypatch.setattr(Pictures, "take", lambda self, n, seed: self)
    played, play = [], labels.play

    def counted(config, pictures, **wanted):
        played.append((wanted["told"], wanted["seed"]))
        return play(config, pictures, **wanted, progress=False)

    monkeypatch.setattr(labels, "play", counted)
    runs = labels.train(TINY, [0], tmp_path)
    assert played == [(True, 0), (False, 0)] and read_json(tmp_path / "labels.json")["runs"] == runs
    assert (
        runs[0]["curve"][-1]["step"] == 60
        and runs[0]["losses"]
        and runs[0]["curve"] != runs[1]["curve"]
    )
    assert (tmp_path / "labels.md").read_text(encoding="utf-8") == labels.page(TINY, runs)
    assert labels.train(TINY, [0], tmp_path) == runs and len(played) == 2
    with pytest.raises(CourseError, match="another recipe"):
        labels.train(replace(TINY, lr=0.5), [0], tmp_path)


def test_the_module_says_what_is_wrong_without_a_traceback(tmp_path, monkeypatch):
    (tmp_path / "labels.json").write_text('{"recipe": {}, "runs": []}')
    monkeypatch.setattr(sys, "argv", ["labels", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit, match="gancourse.press.experiments.labels: .* another recipe"):
        labels.main()
