from __future__ import annotations

import pytest
import torch
from torch import nn

from gancourse.game import Game, Phase, sampling


class Pair(Game):
    """Two small networks with everything that has a mode or a memory; the second may be frozen."""

    def __init__(self, frozen=()):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.frozen = frozen

    def phases(self):
        return []


def test_a_game_without_phases_is_no_game():
    with pytest.raises(TypeError, match="phases"):
        Game()


def test_prepare_maps_bytes_onto_minus_1_to_1_and_leaves_the_rest():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    batch = {
        "image": image,
        "label": torch.tensor([3, 1, 2]),
        "point": torch.tensor([[9.0], [-9.0], [0.5]]),
    }
    prepared = Pair().prepare(batch)
    assert prepared.keys() == batch.keys()
    assert prepared["image"].dtype == torch.float32
    assert prepared["image"].flatten().tolist() == pytest.approx([-1, -0.6, 1])
    assert prepared["label"] is batch["label"] and prepared["point"] is batch["point"]


def test_a_frozen_network_stays_in_eval_mode_and_its_statistics_stand_still():
    """Museum 10: a frozen Stage I left in train mode; no gradient reaches it, and its BatchNorm drifts all the same."""
    game = Pair(frozen=("second",))
    assert game.train() is game
    assert game.first.training and game.first[1].training
    assert not any(module.training for module in game.second.modules())
    before = {name: value.clone() for name, value in game.second.state_dict().items()}
    with torch.no_grad():
        game.second(5 + game.first(torch.randn(16, 2)))
    assert all(torch.equal(value, before[name]) for name, value in game.second.state_dict().items())
    game.eval()
    assert not game.first.training
    assert not any(module.training for module in game.train(True).second.modules())


def test_sampling_is_eval_and_inference_and_gives_every_module_its_mode_back():
    """Museum 15, and worse: a sampler that ends with .train() wakes what was frozen by hand."""
    game = Pair().train()
    game.second[1].eval()  # a mixed state
    modes = {name: module.training for name, module in game.named_modules()}
    buffers = {name: value.clone() for name, value in game.named_buffers()}
    state = torch.get_rng_state()
    with sampling(game, seed=3):
        assert torch.is_inference_mode_enabled()
        assert torch.initial_seed() == 3
        assert not any(module.training for module in game.modules())
        game.second(game.first(torch.randn(8, 2)))
    assert not torch.is_inference_mode_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert {name: module.training for name, module in game.named_modules()} == modes
    assert all(torch.equal(value, buffers[name]) for name, value in game.named_buffers())


def test_sampling_gives_the_modes_back_when_it_fails():
    game = Pair().train()
    with pytest.raises(RuntimeError, match="inside"), sampling(game):
        raise RuntimeError("inside")
    assert all(module.training for module in game.modules())
    assert not torch.is_inference_mode_enabled()


def test_with_networks_replaces_the_named_and_shares_the_rest():
    game, other = Pair(), nn.Linear(4, 4)
    view = game.with_networks(second=other)
    assert type(view) is Pair and view is not game
    assert view.second is other and view.first is game.first
    assert game.second is not other, "the original changed"
    assert {name for name, _ in view.named_parameters()} == {
        "first.0.weight",
        "first.0.bias",
        "first.1.weight",
        "first.1.bias",
        "second.weight",
        "second.bias",
    }
    with torch.no_grad():
        game.first[0].bias.add_(1)
    assert torch.equal(view.first[0].bias, game.first[0].bias)
    assert view.state_dict()["second.weight"].data_ptr() == other.weight.data_ptr()


def test_the_device_is_where_the_parameters_are():
    assert Pair().device == torch.device("cpu")
    assert Pair().to("meta").device == torch.device("meta")


def test_a_phase_is_data():
    weight = nn.Parameter(torch.zeros(1))
    phase = Phase("only", (weight,), lambda batch: {"x": weight.sum()}, torch.optim.SGD)
    assert (phase.schedule, phase.every) == (None, 1)
    with pytest.raises(AttributeError):
        phase.every = 2
