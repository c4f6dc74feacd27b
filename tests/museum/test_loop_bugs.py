"""Museum, the loop's exhibits: each bug as popular code has it, what it does, and that ours does
not.

Numbers as in the museum's list: 3 a third update an iteration, 7 EMA with its weights swapped, 10
a frozen network in train mode, 14 a resume that forgets, 23 two updates of one player an
iteration.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from gancourse.chapters.gan import Config
from gancourse.game import Game, Phase, fingerprint, to_float
from gancourse.training import checkpoint
from gancourse.training.loop import average
from tests import games

IMAGES = torch.randint(
    0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def build(seed: int = 0, **changes):
    torch.manual_seed(seed)
    return Config.at(
        "check", "dcgan", **{"width": 2, "latent": 6, "batch_size": 8, **changes}
    ).build()


def play(game: Game, steps: int, folder=None, **changes):
    options = {"batch_size": 8, "ema": 0.9, "preview": lambda game: torch.zeros(1, 2)}
    return games.play(game, {"image": IMAGES}, steps, folder, **{**options, **changes})


def test_3_and_23_each_player_is_updated_once_an_iteration(monkeypatch):
    updates = []
    really_step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *a, **k: (updates.append(self), really_step(self, *a, **k))[1],
    )
    game = build()
    play(game, 3)
    assert len(updates) == 6 and len(set(map(id, updates))) == 2
    assert [id(update) for update in updates] == [id(updates[0]), id(updates[1])] * 3, "in turn"
    owned = [
        {id(parameter) for group in update.param_groups for parameter in group["params"]}
        for update in updates[:2]
    ]
    assert not owned[0] & owned[1], "a parameter that two optimizers update is updated twice"


def test_7_an_average_with_its_weights_swapped_remembers_nothing():
    """`ema = (1 - decay) * ema + decay * weights`: with decay .999 that is the last step, and no
    error is raised.
    """
    torch.manual_seed(0)
    path = torch.cumsum(torch.randn(300), 0)
    network = nn.Linear(1, 1, bias=False)
    averaged, swapped, right = average(network, 0.9), 0.0, 0.0
    for step, value in enumerate(path):
        nn.init.constant_(network.weight, value.item())
        averaged.update_parameters(network)
        rate = min(0.9, (1 + step) / (10 + step)) if step else 0.0
        swapped, right = (1 - rate) * swapped + rate * value, rate * right + (1 - rate) * value
    found = averaged.module.weight.item()
    assert found == pytest.approx(right.item(), rel=1e-4)
    assert abs(found - swapped.item()) > 0.5


def test_7_batchnorm_statistics_are_averaged_with_the_weights():
    """Averaged weights with the last step's statistics, or with none, are a network that never
    was.
    """
    game = build()
    record = play(game, 6)
    for name, buffer in record.game.generator.named_buffers():
        if "running" in name:
            assert not torch.equal(buffer, game.generator.get_buffer(name)), (
                "the last step's statistics"
            )
            assert not torch.equal(buffer, build().generator.get_buffer(name)), (
                "the first step's statistics"
            )


class SecondStage(games.Small):
    """A stage that learns on top of one that is frozen."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.borrow("first", nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.BatchNorm1d(4)))
        self.second = nn.Linear(4, 1)

    def phases(self):
        return [
            Phase(
                "second",
                tuple(self.second.parameters()),
                self.loss,
                partial(torch.optim.SGD, lr=0.1),
            )
        ]

    def loss(self, batch):
        return {"error": (self.second(self.borrowed["first"](batch["image"])) - 1).square().mean()}


def test_10_a_frozen_stage_in_train_mode_drifts():
    bug = SecondStage().requires_grad_(False)
    bug.borrowed["first"].train()  # what borrow() has put right
    before = fingerprint(bug.borrowed["first"])
    bug.loss(to_float({"image": IMAGES}))
    assert fingerprint(bug.borrowed["first"]) != before, "the bug is cured elsewhere"

    ours = SecondStage()
    before = fingerprint(ours.borrowed["first"]), fingerprint(ours.second)
    play(ours, 4, ema=0.0)
    assert fingerprint(ours.borrowed["first"]) == before[0]
    assert fingerprint(ours.second) != before[1]


def test_14_a_resume_that_forgets_is_another_run(tmp_path, monkeypatch):
    """Leave one kind of state out of the checkpoint, as popular code does, and the run ends
    elsewhere. Ours has them all.
    """

    def end(folder, step=6):
        return checkpoint.load(tmp_path / folder / "checkpoints" / f"step-{step:08d}")[0]

    play(build(), 6, tmp_path / "whole")
    play(build(), 3, tmp_path / "ours")
    play(build(seed=9), 1, tmp_path / "fresh")
    half, fresh = checkpoint.latest(tmp_path / "ours" / "checkpoints"), end("fresh", 1)
    play(build(seed=9), 6, tmp_path / "ours")
    assert all(torch.equal(value, end("whole")[name]) for name, value in end("ours").items())

    for lost in ("optimizer", "random", "ema", "game"):
        forgetful = {
            name: fresh[name] if name.startswith(lost) else value for name, value in half[0].items()
        }
        with monkeypatch.context() as patch:
            patch.setattr(
                checkpoint, "latest", lambda folder, tensors=forgetful: (tensors, half[1])
            )
            play(build(seed=9), 6, tmp_path / lost)
        assert any(
            not torch.equal(value, end("whole")[name]) for name, value in end(lost).items()
        ), lost
