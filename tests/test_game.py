from __future__ import annotations

import pytest
import torch
from torch import nn

from gancourse.dice import drop
from gancourse.files import CourseError
from gancourse.game import Game, Phase, falling, fingerprint, require_rows, sampling, to_float
from tests.games import Numbers, Small


class Pair(Small):
    """Two small networks with everything that has a mode or a memory."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))

    def phases(self):
        return []


def test_a_game_without_phases_is_no_game():
    with pytest.raises(TypeError, match="phases"):
        Game(Numbers())


def test_to_float_maps_bytes_onto_minus_1_to_1_and_leaves_the_rest():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    batch = {
        "image": image,
        "label": torch.tensor([3, 1, 2]),
        "point": torch.tensor([[9.0], [-9.0], [0.5]]),
    }
    prepared = to_float(batch)
    assert prepared.keys() == batch.keys()
    assert prepared["image"].dtype == torch.float32
    assert prepared["image"].flatten().tolist() == pytest.approx([-1, -0.6, 1])
    assert prepared["label"] is batch["label"] and prepared["point"] is batch["point"]


def test_a_borrowed_network_stays_in_eval_mode_and_its_statistics_stand_still():
    """Museum 10: a frozen Stage I left in train mode; no gradient reaches it, and its BatchNorm
    drifts all the same.
    """
    game, lender = Pair(), Pair().train()
    game.borrow("first", lender)
    assert game.train() is game
    assert game.first.training and not any(module.training for module in lender.modules())
    assert not any(parameter.requires_grad for parameter in lender.parameters())
    before = fingerprint(lender)
    with torch.no_grad():
        game.borrowed["first"].second(5 + game.first(torch.randn(16, 2)))
    assert fingerprint(lender) == before


def test_a_borrowed_network_is_no_part_of_the_game_but_moves_with_it():
    game = Pair()
    names = set(game.state_dict())
    game.borrow("other", nn.Linear(2, 2))
    assert set(game.state_dict()) == names and len(list(game.parameters())) == 8
    assert game.to("meta").borrowed["other"].weight.is_meta
    assert game.with_networks(first=nn.Identity()).borrowed is game.borrowed


def test_a_fingerprint_knows_every_weight_and_buffer():
    first, second = Pair(), Pair()
    second.load_state_dict(first.state_dict())
    assert fingerprint(first) == fingerprint(second)
    second.second[1].running_mean[0] += 1
    assert fingerprint(first) != fingerprint(second)


def test_a_game_starts_from_the_networks_that_have_the_same_name():
    first, second = Pair(), Pair()
    second.start_from(first)
    assert fingerprint(first) == fingerprint(second) and first.origin is None
    assert second.lineage() == {"starts_from": fingerprint(first)}
    stranger = Pair()
    del stranger.first, stranger.second
    stranger.third = nn.Linear(1, 1)
    with pytest.raises(
        CourseError, match="it has no network that this game has; choose another run"
    ):
        second.start_from(stranger)
    stranger.first = nn.Linear(9, 9)
    with pytest.raises(CourseError, match="its networks have other layers"):
        second.start_from(stranger)


def test_sampling_is_eval_and_inference_and_gives_every_module_its_mode_back():
    """Museum 15, and worse: a sampler that ends with .train() wakes what was frozen by hand."""
    game = Pair().train()
    game.second[1].eval()  # a mixed state
    modes = {name: module.training for name, module in game.named_modules()}
    buffers = {name: value.clone() for name, value in game.named_buffers()}
    state = torch.get_rng_state()
    with sampling(game, seed=3):
        assert torch.is_inference_mode_enabled()
        drop(torch.ones(8, 2), 0.5)
        assert not any(module.training for module in game.modules())
        game.second(game.first(torch.ones(8, 2)))
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


def test_falling_rates_fall_at_the_end_along_a_line():
    rates = [falling(2.0, step, steps=10, last=4)["lr"] for step in (0, 6, 7, 8, 9, 10, 12)]
    assert rates == pytest.approx([2, 2, 1.5, 1, 0.5, 0, 0])
    assert {falling(2.0, step, steps=10, last=0)["lr"] for step in range(12)} == {2.0}


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"image": torch.zeros(1, 4, 4), "label": torch.tensor(0)}


@pytest.mark.parametrize(
    "data", [Rows(), {"image": torch.zeros(3, 1, 4, 4), "label": torch.zeros(3)}]
)
def test_rows_of_another_shape_or_name_are_refused(data):
    require_rows(data, {"image": (1, 4, 4)})
    with pytest.raises(
        CourseError,
        match=r"^shape=\(3, 4, 4\): this game learns from 'image' of this shape, and the data have",
    ):
        require_rows(data, {"image": (3, 4, 4)})
    with pytest.raises(CourseError, match="learns from 'point'"):
        require_rows(data, {"point": (2,)})
