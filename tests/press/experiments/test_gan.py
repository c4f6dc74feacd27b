from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gancourse.data.toy import ring
from gancourse.files import read_json
from gancourse.press.experiments import gan as experiment

TINY = replace(experiment.CONFIG, steps=2, batch_size=8, width=4)


def built(**options) -> experiment.Bounded:
    torch.manual_seed(0)
    return experiment.Bounded(TINY, **options)


def batch(n: int = 16) -> dict[str, torch.Tensor]:
    return {"point": ring(std=0.1).sample(n, seed=0)["point"]}


def test_a_spectral_norm_bounds_the_slope_everywhere():
    game = built(spectral=True)
    with torch.no_grad():
        for layer in game.discriminator.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.parametrizations.weight.original.mul_(30)
    game.train()
    for _ in range(30):  # rounds of power iteration
        game.discriminator(torch.randn(4, 2))
    game.eval()
    steepest = experiment.slope(game.discriminator, 3 * torch.randn(500, 2)).norm(dim=1).max()
    assert steepest <= 1.01
    plain = built()
    with torch.no_grad():
        for layer in plain.discriminator.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.mul_(30)
    assert experiment.slope(plain.discriminator, torch.randn(500, 2)).norm(dim=1).max() > 1.01


def seen_by(game: experiment.Bounded, turn: str) -> list[torch.Tensor]:
    """What the discriminator is shown in a turn, call by call."""
    shown = []
    game.discriminator.register_forward_pre_hook(lambda _, given: shown.append(given[0].detach()))
    torch.manual_seed(1)
    getattr(game, f"{turn}_loss")(batch())
    return shown


@pytest.mark.parametrize("kinds", [(), ("real",), ("real", "fake")])
def test_only_the_kinds_that_are_named_are_moved(kinds, monkeypatch):
    far = 1_000.0
    monkeypatch.setattr(experiment, "moved", lambda points: points + far)
    real, fake = seen_by(built(move=kinds), "discriminator")
    assert bool((real > far / 2).all()) == ("real" in kinds)
    assert bool((fake > far / 2).all()) == ("fake" in kinds)
    (fake,) = seen_by(built(move=kinds), "generator")
    assert bool((fake > far / 2).all()) == ("fake" in kinds)


def test_the_generator_learns_through_the_move():
    game = built(move=("real", "fake"))
    loss = sum(game.generator_loss(batch()).values())
    gradients = torch.autograd.grad(loss, list(game.generator.parameters()))
    assert any(each.abs().max() > 0 for each in gradients)


def test_a_move_shifts_each_point_by_a_draw_of_its_own():
    points = torch.zeros(4_000, 2)
    shift = experiment.moved(points)
    assert shift.std().item() == pytest.approx(experiment.SHIFT, rel=0.05)
    assert shift.unique(dim=0).shape == points.shape


def test_a_discriminator_that_knows_its_points_is_found_out():
    points = batch(40)["point"]
    game = built()

    def by_heart(given: torch.Tensor) -> torch.Tensor:
        same = (given[:, None] == points).all(2).any(1)
        return 5 * same.float() + 0 * given.sum(1)

    game.discriminator = torch.nn.Identity()
    game.discriminator.forward = by_heart
    assert experiment.measure(game, points)["known"] == pytest.approx(5, abs=0.01)
    game.discriminator.forward = lambda given: 0 * given.sum(1)
    assert experiment.measure(game, points)["known"] == 0


def test_the_runs_are_kept_and_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "BOUNDS", {"none": {}, "R1": {"r1": 0.1}})
    monkeypatch.setattr(experiment, "SCARCE", {"both": {"move": ("real", "fake")}})
    runs = experiment.run(TINY, seeds=[0], folder=tmp_path)
    assert [run["change"] for run in runs] == experiment.rows()
    assert read_json(tmp_path / "regularisation.json")["runs"] == runs
    monkeypatch.setattr(experiment, "play", lambda *given, **how: pytest.fail("done already"))
    assert experiment.run(TINY, seeds=[0], folder=tmp_path) == runs
    page = (tmp_path / "regularisation.md").read_text(encoding="utf-8")
    assert page.count("\n| ") == 5  # two heads and three rows


def test_a_row_of_the_table_is_median_and_range_of_its_own_runs():
    runs = [
        {"change": change, "seed": seed, "modes": 8, "quality": 0.1 * seed, "slope": 1.0,
         "known": place}
        for seed in (1, 2, 3)
        for place, change in enumerate(experiment.rows())
    ]  # fmt: skip
    page = experiment.page(experiment.CONFIG, runs)
    assert "| R1 | 8 (8 to 8) | 0.20 (0.10 to 0.30) | 1.00 (1.00 to 1.00) |" in page
    title, place = list(experiment.SCARCE)[1], len(experiment.BOUNDS) + 1
    assert f"| {title} | 8 (8 to 8) | 0.20 (0.10 to 0.30) | {place}.00 " in page
