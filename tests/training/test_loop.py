from __future__ import annotations

import json
import random
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from torch import nn

from gancourse.chapters.gan import GAN, Config
from gancourse.files import CourseError
from gancourse.game import Game, Phase
from gancourse.training import Machine, Progress, checkpoint, hardware, read_metrics
from gancourse.training.loop import Play, average, fused
from gancourse.training.record import log_spaced
from tests import games
from tests.games import Small

CPU = torch.device("cpu")
FORMS = {
    "dcgan": {"form": "dcgan", "width": 2, "latent": 6},
    "paper": {"form": "paper", "width": 10, "latent": 6, "ema": 0.9},
    "hinge": {
        "form": "mlp",
        "width": 8,
        "latent": 6,
        "loss": "hinge",
        "generator_every": 2,
        "r1": 1.0,
    },
}


def build(seed: int = 0, **changes) -> Game:
    torch.manual_seed(seed)
    return Config.at("check", **{**FORMS["dcgan"], "batch_size": 8, **changes}).build()


def play(game, data, steps: int, folder=None, **changes):
    if isinstance(game, GAN):
        changes = {"preview": few, **changes}
    return games.play(game, data, steps, folder, **changes)


def few(game) -> torch.Tensor:
    return game.sample(4, seed=0)


def weights(game) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in game.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def timeless(metrics: list[dict]) -> list[dict]:
    return [
        {name: value for name, value in line.items() if "second" not in name} for line in metrics
    ]


def stored(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoints" / f"step-{step:08d}")[0]


# Exact resume


@pytest.mark.parametrize("form", FORMS)
def test_n_steps_and_n_steps_are_2n_steps_bit_for_bit(tmp_path, pictures, form):
    """Museum 14: networks, averages, moments, random states and metrics; the second half starts
    from other weights.
    """
    rhythm = {"save_every": 4, "log_every": 3}
    whole = play(build(**FORMS[form]), pictures, 8, tmp_path / "whole", **rhythm)
    play(build(**FORMS[form]), pictures, 4, tmp_path / "parts", **rhythm)
    torch.manual_seed(123)
    parts = play(build(seed=99, **FORMS[form]), pictures, 8, tmp_path / "parts", **rhythm)

    expected = stored(tmp_path / "whole", 8)
    kinds = {name.split("/")[0] for name in expected}
    assert kinds == {"game", "ema", "optimizer", "random"}
    assert same(expected, stored(tmp_path / "parts", 8))
    assert [line["step"] for line in parts.metrics] == [3, 4, 6, 8]
    assert (
        timeless(parts.metrics)
        == timeless(whole.metrics)
        == timeless(read_metrics(tmp_path / "parts"))
    )
    assert torch.equal(parts.game.sample(3), whole.game.sample(3))


class Chancy(Small):
    """Draws from all three random generators that a game may use, as an augmentation would."""

    def __init__(self, seed=0):
        super().__init__(batch_size=8)
        torch.manual_seed(seed)
        self.fit = nn.Linear(1, 1)

    def phases(self):
        return [
            Phase("fit", tuple(self.fit.parameters()), self.loss, partial(torch.optim.SGD, lr=0.01))
        ]

    def loss(self, batch):
        noise = random.random() + float(numpy.random.rand()) + torch.rand(1)  # noqa: NPY002
        return {"error": (self.fit(batch["point"]) - noise).square().mean()}


def test_pythons_and_numpys_chance_is_restored_too(tmp_path, points):
    def run(steps, folder):
        return play(Chancy(), points, steps, tmp_path / folder)

    def seeds(seed):
        random.seed(seed)
        numpy.random.seed(seed)  # noqa: NPY002

    seeds(0)
    run(6, "whole")
    seeds(0)
    run(3, "parts")
    seeds(1)
    run(6, "parts")
    assert same(stored(tmp_path / "whole", 6), stored(tmp_path / "parts", 6))


def test_a_finished_run_is_left_as_it_is(tmp_path, pictures):
    first = play(build(), pictures, 4, tmp_path, log_every=1)
    before = stored(tmp_path, 4)
    again = play(build(seed=5), pictures, 4, tmp_path, log_every=1)
    assert again.metrics == first.metrics and again.summary["step"] == 4
    assert same(weights(again.game), weights(first.game)) and same(stored(tmp_path, 4), before)


def test_speed_after_a_resume_does_not_count_the_time_before(tmp_path, points, line_game):
    play(line_game(), points, 4, tmp_path, log_every=2)
    path = tmp_path / "checkpoints" / "step-00000004" / "state.json"
    numbers = checkpoint.sealed(
        {**json.loads(path.read_text()), "seconds": 1e6}
    )  # as if the first part had been long
    path.write_text(json.dumps(numbers))
    record = play(line_game(), points, 8, tmp_path, log_every=2)
    assert record.metrics[2]["seconds"] > 1e6 and record.summary["seconds"] >= 1e6
    assert record.metrics[2]["images_per_second"] > 1, "8 x 2 points in some milliseconds"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"lr": 1e-4}, "lr: 0.0002 in the checkpoint, 0.0001 now"),
        ({"starts_from": "gan"}, "starts_from: '' in the checkpoint, 'gan' now"),
        ({"seed": 7}, "seed: 0 in the checkpoint, 7 now"),
        ({"batch_size": 4}, "batch_size: 8 in the checkpoint, 4 now"),
        ({"ema": 0.5}, "ema: 0.9 in the checkpoint, 0.5 now"),
    ],
)
@pytest.mark.parametrize("lost", [False, True], ids=["checkpoint", "config.json alone"])
def test_resume_refuses_other_numbers_and_shows_both(
    tmp_path, points, line_game, change, line, lost
):
    same_run = {"lr": 2e-4, "ema": 0.9}
    play(line_game(), points, 2, tmp_path, **same_run)
    if lost:  # killed before the first checkpoint
        checkpoints = sorted((tmp_path / "checkpoints").glob("*/*"))
        assert len(checkpoints) == 2
        for path in checkpoints:
            path.unlink()
        checkpoints[0].parent.rmdir()
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(CourseError) as error:
        play(line_game(), points, 4, tmp_path, **{**same_run, **change})
    assert str(error.value).endswith(f"\n  {line}") and str(tmp_path) in str(error.value)
    assert "choose another folder" in str(error.value)
    assert (tmp_path / "config.json").read_bytes() == before
    assert play(line_game(), points, 4, tmp_path, **same_run).summary["step"] == 4


def test_resume_refuses_other_data_of_the_same_shape_and_shows_both(tmp_path, points, line_game):
    data = {"point": points["point"], "other": points["point"].flip(0)}
    play(line_game(), data, 2, tmp_path)
    known = json.loads((tmp_path / "config.json").read_text())["data"]
    assert known.keys() == {"rows", "crc32"} and known["rows"] == 40
    for changed in (
        {"point": data["other"], "other": data["point"]},
        {**data, "point": data["point"] + 1e-3},
        {name: value[:39] for name, value in data.items()},
        {"point": data["point"]},
    ):
        words = rf"other settings or data; (.|\n)*\n  data: \{{'rows': 40, 'crc32': {known['crc32']}\}} in the checkpoint, "
        with pytest.raises(CourseError, match=words + r"\{'rows': .* now$"):
            play(line_game(), changed, 4, tmp_path)
    again = dict(reversed({name: value.clone() for name, value in data.items()}.items()))
    assert play(line_game(), again, 4, tmp_path).summary["step"] == 4


def test_a_run_older_than_a_setting_goes_on_with_its_default(tmp_path, pictures):
    whole = build(steps=4)
    play(whole, pictures, 4, tmp_path / "whole")
    play(build(steps=4), pictures, 2, tmp_path / "old")
    (path,) = (tmp_path / "old" / "checkpoints").glob("*/state.json")
    state = json.loads(path.read_text())
    del state["settings"]["r2"], state["settings"]["gradient_penalty"]
    path.write_text(json.dumps(checkpoint.sealed(state)))

    with pytest.raises(CourseError, match="\n  r2: 0.0 in the checkpoint, 1.0 now$"):
        play(build(steps=4, r2=1.0), pictures, 4, tmp_path / "old")
    again = build(steps=4)
    assert play(again, pictures, 4, tmp_path / "old").summary["step"] == 4
    assert same(weights(again), weights(whole))


def test_a_longer_run_is_the_same_run(tmp_path, pictures):
    play(build(steps=2), pictures, 2, tmp_path)
    record = play(build(steps=4), pictures, 4, tmp_path)
    assert record.summary["step"] == 4
    assert json.loads((tmp_path / "config.json").read_text())["steps"] == 4


def test_a_run_whose_rates_have_begun_to_fall_is_not_made_longer(tmp_path, pictures):
    play(build(steps=6, anneal=3), pictures, 6, tmp_path)
    with pytest.raises(
        CourseError,
        match=r"of 6 steps whose rates fall towards its end, and of 8 steps .* another folder",
    ):
        play(build(steps=8, anneal=3), pictures, 8, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["steps"] == 6
    assert play(build(steps=6, anneal=3), pictures, 6, tmp_path).summary["step"] == 6


def test_before_its_rates_fall_a_run_can_still_be_made_longer(tmp_path, pictures):
    games = {}
    for name, first in {"parts": 6, "whole": 8}.items():
        if name == "parts":
            stopped = build(steps=first, anneal=3)
            stop_at = [lambda progress: progress.step == 2 and signal.raise_signal(signal.SIGTERM)]
            with pytest.raises(KeyboardInterrupt):
                play(stopped, pictures, first, tmp_path / name, watch=stop_at)
        games[name] = play(build(steps=8, anneal=3), pictures, 8, tmp_path / name).game
    assert same(weights(games["parts"]), weights(games["whole"]))


def test_after_a_damaged_checkpoint_the_one_before_goes_on_to_the_same_end(tmp_path, pictures):
    play(build(), pictures, 8, tmp_path / "whole", save_every=2, log_every=1)
    play(build(), pictures, 6, tmp_path / "parts", save_every=2, log_every=1)
    assert sorted(path.name for path in (tmp_path / "parts" / "checkpoints").iterdir()) == [
        "step-00000004",
        "step-00000006",
    ]
    path = tmp_path / "parts" / "checkpoints" / "step-00000006" / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with open(tmp_path / "parts" / "metrics.jsonl", "a") as file:
        file.write('{"step": 7, "gener')
    with pytest.warns(UserWarning, match="step-00000006 cannot be used and is passed over"):
        record = play(build(seed=9), pictures, 8, tmp_path / "parts", save_every=2, log_every=1)
    assert same(stored(tmp_path / "whole", 8), stored(tmp_path / "parts", 8))
    assert [line["step"] for line in record.metrics] == list(range(1, 9))
    assert timeless(read_metrics(tmp_path / "parts")) == timeless(read_metrics(tmp_path / "whole"))


# What a step does


def test_data_sets_go_through_the_loader_to_the_same_result(pictures):
    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(pictures["image"])

        def __getitem__(self, index):
            return {name: value[index] for name, value in pictures.items()}

    on_device = play(build(), pictures, 4)
    loaded = play(build(), Rows(), 4, workers=0)
    assert same(weights(on_device.game), weights(loaded.game))


def test_the_seed_decides_everything(pictures):
    first, again, other = (play(build(), pictures, 3, seed=seed) for seed in (0, 0, 1))
    assert same(weights(first.game), weights(again.game)) and timeless(first.metrics) == timeless(
        again.metrics
    )
    assert not same(weights(first.game), weights(other.game))


def test_previews_and_watchers_do_not_disturb_the_run(pictures):
    def greedy(game):
        torch.manual_seed(77)
        torch.randn(1000)
        return game.sample(9, seed=5)

    plain = play(build(), pictures, 5)
    looked_at = play(build(), pictures, 5, preview=greedy, watch=[lambda progress: torch.randn(3)])
    assert same(weights(plain.game), weights(looked_at.game))


class Recording(torch.optim.SGD):
    """SGD that writes down the numbers it steps with."""

    numbers: list = []

    def step(self, closure=None):
        group = self.param_groups[0]
        self.numbers.append((group["lr"], group["momentum"]))
        super().step(closure)


def test_the_schedule_is_written_into_the_optimizer_before_each_step(tmp_path, points, line_game):
    Recording.numbers = []
    make = partial(
        line_game,
        partial(Recording, lr=99.0),
        lambda step: {"lr": 0.1 / (step + 1), "momentum": step / 10},
    )
    play(make(), points, 3, tmp_path)
    play(make(), points, 5, tmp_path)  # a function of the step alone: a resume has none to lose
    expected = [(0.1 / (step + 1), step / 10) for step in range(5)]
    assert Recording.numbers == [pytest.approx(pair) for pair in expected]


class TwoPlayers(Small):
    """Writes down who played when, and what was open to learning meanwhile."""

    def __init__(self, every=(1, 1)):
        super().__init__(batch_size=8)
        self.first, self.second, self.third = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
        self.every, self.seen = every, []

    def phases(self):
        make = partial(torch.optim.SGD, lr=0.1)
        return [
            Phase(
                "first",
                tuple(self.first.parameters()),
                partial(self.loss, "first"),
                make,
                every=self.every[0],
            ),
            Phase(
                "second",
                tuple(self.second.parameters()),
                partial(self.loss, "second"),
                make,
                every=self.every[1],
            ),
        ]

    def loss(self, name, batch):
        learning = {each for each, parameter in self.named_parameters() if parameter.requires_grad}
        self.seen.append((name, learning, [self.first.weight.item(), self.second.weight.item()]))
        everyone = self.third(self.second(self.first(batch["point"])))
        return {"error": everyone.square().mean(), "other": getattr(self, name).bias.square().sum()}


def test_each_turn_opens_its_own_player_and_freezes_all_others(points):
    game = TwoPlayers()
    before = weights(game)
    play(game, points, 2)
    assert [name for name, *_ in game.seen] == ["first", "second"] * 2
    for name, learning, _ in game.seen:
        assert learning == {f"{name}.weight", f"{name}.bias"}
    values = [value for *_, value in game.seen]
    for turn in range(3):  # between two turns only the player of the first of them has changed
        changed = [a != b for a, b in zip(values[turn], values[turn + 1], strict=True)]
        assert changed == ([True, False] if turn % 2 == 0 else [False, True])
    assert torch.equal(game.third.weight, before["third.weight"])
    assert all(parameter.grad is None for parameter in game.parameters())


def test_every_k_plays_at_steps_k_minus_1_and_so_on(points):
    game = TwoPlayers(every=(1, 3))
    record = play(game, points, 7, log_every=1)
    turns = [name for name, *_ in game.seen]
    expected = [["first"], ["first"], ["first", "second"]] * 2 + [["first"]]
    assert turns == [name for step in expected for name in step]
    logged = [{key.split("/")[0] for key in line if "/" in key} for line in record.metrics]
    assert logged == [set(step) for step in expected]


def test_a_logged_term_is_the_mean_since_the_line_before(points, line_game):
    each = play(line_game(), points, 6, log_every=1).metrics
    pairs = play(line_game(), points, 6, log_every=2).metrics
    assert [line["step"] for line in pairs] == [2, 4, 6]
    for line, first, second in zip(pairs, each[::2], each[1::2], strict=True):
        assert line["fit/error"] == pytest.approx((first["fit/error"] + second["fit/error"]) / 2)


@pytest.mark.parametrize(("clip", "moved"), [(None, 5.0), (10.0, 5.0), (0.5, 0.5)])
def test_a_gradient_that_is_too_long_is_shortened_as_a_whole(points, clip, moved):
    class Slope(Small):
        def __init__(self):
            super().__init__(batch_size=8)
            self.pair = nn.ParameterList([torch.zeros(1), torch.zeros(1)])

        def phases(self):
            descent = partial(torch.optim.SGD, lr=1.0)
            return [Phase("only", tuple(self.pair), self.loss, descent, clip=clip)]

        def loss(self, batch):
            return {"slope": (3 * self.pair[0] + 4 * self.pair[1]).sum()}

    game = Slope()
    play(game, points, 1)
    found = [-value.item() for value in game.pair]
    assert found == pytest.approx([moved * 0.6, moved * 0.8], rel=1e-4)


def test_one_step_is_one_step_of_gradient_descent_on_the_sum_of_terms(points):
    class Sum(Small):
        def __init__(self):
            super().__init__(batch_size=8)
            self.weight = nn.Parameter(torch.tensor(2.0))

        def phases(self):
            return [Phase("only", (self.weight,), self.loss, partial(torch.optim.SGD, lr=0.1))]

        def loss(self, batch):
            return {"square": self.weight**2, "linear": 3 * self.weight}

    game = Sum()
    record = play(game, points, 2, log_every=1)
    after = 2.0 - 0.1 * (2 * 2.0 + 3)
    assert game.weight.item() == pytest.approx(after - 0.1 * (2 * after + 3))
    assert record.metrics[0]["only/square"] == pytest.approx(4) and record.metrics[1][
        "only/linear"
    ] == pytest.approx(3 * after)


def test_adam_is_fused_and_an_optimizer_without_a_fused_form_is_taken_as_it_is():
    parameters = (nn.Parameter(torch.zeros(2)),)
    assert fused(Phase("a", parameters, None, torch.optim.Adam)).defaults["fused"] is True
    assert isinstance(
        fused(Phase("a", parameters, None, partial(torch.optim.Rprop, lr=1))), torch.optim.Rprop
    )


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("contiguous_on", [(), ("cpu",), ("cuda",)], ids=str)
def test_pictures_reach_the_game_as_floats_in_the_memory_order_of_its_convolutions(
    asked, contiguous_on
):
    class Look(Small):
        def __init__(self):
            super().__init__(batch_size=8)
            self.fit = nn.Conv2d(3, 2, 2)

        def phases(self):
            return [
                Phase(
                    "fit",
                    tuple(self.fit.parameters()),
                    self.loss,
                    partial(torch.optim.Adam, lr=0.1),
                )
            ]

        def loss(self, batch):
            self.image = batch["image"]
            return {"mean": self.fit(batch["image"]).mean()}

    game = Look()
    game.contiguous_on = contiguous_on
    channels_last = asked and "cpu" not in contiguous_on
    data = {"image": torch.full((8, 3, 4, 4), 255, dtype=torch.uint8), "label": torch.zeros(8)}
    play(game, data, 1, channels_last=asked)
    assert game.image.dtype == torch.float32 and game.image.unique().tolist() == [1]
    for tensor in (game.image, game.fit.weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient_penalty"])
def test_compiling_a_loss_that_differentiates_twice_is_refused_before_the_first_step(
    pictures, tmp_path, penalty
):
    game = build(form="mlp", width=8, **{penalty: 1.0})
    with pytest.raises(
        CourseError, match="discriminator's loss differentiates.*train without compile, or without"
    ):
        play(game, pictures, 1, tmp_path / "run", compile=True)
    assert not (tmp_path / "run").exists()
    assert [phase.twice for phase in game.phases()] == [True, False]
    assert not any(phase.twice for phase in build().phases())


def test_losses_are_not_compiled_unless_asked(pictures, monkeypatch):
    asked = []
    monkeypatch.setattr(
        torch, "compile", lambda function, **options: (asked.append(options), function)[1]
    )
    play(build(), pictures, 1)
    assert asked == []
    play(build(), pictures, 1, compile=True)
    assert asked == [{"fullgraph": True}] * 3, "two losses, and what they share"


def test_what_the_turns_share_is_made_once_a_step_while_every_player_learns(pictures):
    game, learning, shared = build(), [], []

    def share(batch):
        learning.append(all(parameter.requires_grad for parameter in game.parameters()))
        return {**batch, "shared": torch.tensor(float(len(learning)))}

    def noted(loss):
        return lambda batch: (shared.append(batch["shared"].item()), loss(batch))[1]

    game.share = share
    game.discriminator_loss, game.generator_loss = (
        noted(game.discriminator_loss),
        noted(game.generator_loss),
    )
    play(game, pictures, 3)
    assert learning == [True] * 3 and shared == [1, 1, 2, 2, 3, 3]
    assert not any(parameter.requires_grad for parameter in game.parameters())


# Averages


def test_the_average_is_the_recursion_written_by_hand(pictures):
    """Museum 7: weights swapped, the average is the last step.

    BatchNorm's statistics are averaged like the weights.
    """
    decay = 0.3
    game = build()
    game.config = replace(game.config, ema=decay)
    played = Play(game.train(), hardware.accelerator("cpu"), Machine(channels_last=False))
    expected: dict[str, torch.Tensor] = {}
    for step in range(6):
        played.step(pictures, step)
        rate = min(
            decay, (1 + step) / (10 + step)
        )  # 2/11, 3/12, then .3: the warm-up is shorter memory
        for name, now in game.generator.state_dict().items():
            now = now.double()
            expected[name] = rate * expected[name] + (1 - rate) * now if step else now
    averaged = played.averages["generator"].module.state_dict()
    floats = [name for name, value in averaged.items() if value.is_floating_point()]
    assert any("running_var" in name for name in floats)
    for name in floats:
        assert torch.allclose(averaged[name].double(), expected[name], rtol=1e-5, atol=1e-7), name
    last = game.generator.state_dict()
    assert not any(torch.equal(averaged[name], last[name]) for name in floats), (
        "the average is the last step"
    )
    assert "generator" in played.averages and "discriminator" not in played.averages


def test_a_long_memory_is_reached():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    averaged = average(network, 0.9)
    averaged.update_parameters(network)
    averaged.n_averaged.fill_(10_000)
    nn.init.ones_(network.weight)
    averaged.update_parameters(network)
    assert averaged.module.weight.item() == pytest.approx(0.1)


def test_samples_come_from_the_averages_and_the_game_itself_keeps_its_last_step(pictures):
    game = build(ema=0.9)
    record = play(game, pictures, 5)
    assert record.game is not game and record.game.discriminator is game.discriminator
    assert not same(weights(record.game.generator), weights(game.generator))
    assert not any(parameter.requires_grad for parameter in record.game.parameters())
    without = play(build(ema=0.0), pictures, 5)
    assert same(weights(without.game), weights(game)), (
        "averaging changes nothing in the game that is played"
    )


# Looking


def test_watchers_are_called_at_log_spaced_steps_with_what_there_is(tmp_path, pictures):
    seen: list[Progress] = []
    lines = []
    record = play(
        build(),
        pictures,
        30,
        tmp_path,
        log_every=5,
        watch=[seen.append, lambda p: lines.append(len(p.metrics))],
    )
    assert [progress.step for progress in seen] == log_spaced(30)
    assert {progress.steps for progress in seen} == {30}
    assert lines == [progress.step // 5 for progress in seen]
    for progress in seen:
        assert progress.pictures.shape == (4, 1, 28, 28) and progress.game is record.game
    assert not torch.equal(seen[0].pictures, seen[-1].pictures)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == [f"step-{step:08d}.png" for step in log_spaced(30)]


def test_the_first_look_is_before_the_first_step(pictures):
    untouched = build()
    seen: list[Progress] = []
    play(build(), pictures, 1, watch=[seen.append])
    assert torch.equal(seen[0].pictures, untouched.sample(4, seed=0))


def test_a_new_run_begins_with_the_data_and_a_resumed_one_where_it_was(tmp_path, points, line_game):
    class Beginning(line_game):
        def begin(self, data):
            nn.init.constant_(self.fit.weight, len(data["point"]))
            nn.init.zeros_(self.fit.bias)

    seen = []
    play(
        Beginning(),
        points,
        1,
        tmp_path,
        watch=[lambda progress: seen.append(progress.game.fit.weight.item())],
    )
    assert seen[0] == 40 and seen[1] != 40
    assert play(Beginning(), points, 1, tmp_path).game.fit.weight.item() == seen[1]


def test_without_a_preview_64_samples_of_seed_0_are_shown(pictures):
    seen: list[Progress] = []
    record = games.play(build(), pictures, 1, watch=[seen.append])
    assert torch.equal(seen[-1].pictures, record.game.sample(64, seed=0))


def test_training_is_in_train_mode_though_samples_are_drawn_in_between(pictures):
    game, modes = build(), []
    game.generator.register_forward_hook(
        lambda module, inputs, output: modes.append((len(output), module.training))
    )
    play(game, pictures, 4, ema=0.0, watch=[lambda progress: progress.game.sample(3)])
    assert {mode for n, mode in modes if n == 8} == {True}
    assert {mode for n, mode in modes if n != 8} == {False}


# The record


def test_a_run_leaves_its_record(tmp_path, pictures):
    record = play(build(), pictures, 6, tmp_path, log_every=4, seed=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".lock",
        "checkpoints",
        "config.json",
        "environment.json",
        "metrics.jsonl",
        "samples",
        "summary.json",
    ]
    read = {
        name: json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("config", "environment", "summary")
    }
    assert read["config"]["chapter"] == "gan" and read["config"]["shape"] == [1, 28, 28]
    assert (read["config"]["seed"], read["config"]["processes"], read["config"]["lr"]) == (
        3,
        1,
        record.game.config.lr,
    )
    assert read["environment"]["kind"] == "cpu" and "torch" in read["environment"]["packages"]
    assert read["summary"] == record.summary and read["summary"]["step"] == 6
    assert (
        read["summary"]["seconds"] >= 0 < read["summary"]["images_per_second"]
        and read["summary"]["peak_memory"] > 0
    )
    assert [line["step"] for line in read_metrics(tmp_path)] == [4, 6]
    terms = {"discriminator/real", "discriminator/fake", "generator/fake"}
    for line in read_metrics(tmp_path):
        assert line.keys() == {"step", "seconds", "images_per_second", *terms}
        assert all(isinstance(value, (int, float)) for value in line.values())
    with Image.open(tmp_path / "samples" / "step-00000006.png") as picture:
        assert picture.size == (59, 59)  # 2 x 2 pictures of 28 px with gaps of 1


def test_without_a_folder_nothing_is_written(tmp_path, pictures, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = play(build(), pictures, 2)
    assert record.metrics and record.summary["step"] == 2 and list(tmp_path.iterdir()) == []


def test_tensorboard_when_asked(tmp_path, pictures):
    pytest.importorskip("tensorboard")
    play(build(), pictures, 3, tmp_path, log_every=1, tensorboard=True)
    contents = b"".join(path.read_bytes() for path in tmp_path.rglob("events.out.tfevents*"))
    assert b"discriminator/real" in contents and b"images_per_second" in contents


def test_progress_is_one_line_that_can_be_silenced(pictures, capsys):
    play(build(), pictures, 3)
    assert capsys.readouterr() == ("", "")
    play(build(), pictures, 3, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "3/3" in err and err.count("\n") <= 1


# Runs that go wrong


class Breaking(Small):
    """Its loss is not a number from step `at` on."""

    def __init__(self, at: int, value: float):
        super().__init__(batch_size=8)
        self.fit, self.at, self.value, self.step = nn.Linear(1, 1), at, value, 0

    def phases(self):
        return [
            Phase("fit", tuple(self.fit.parameters()), self.loss, partial(torch.optim.SGD, lr=0.1))
        ]

    def loss(self, batch):
        self.step += 1
        factor = self.value if self.step > self.at else 1.0
        return {
            "fine": self.fit.bias.square().sum(),
            "error": factor * self.fit(batch["point"]).square().mean(),
        }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_and_the_checkpoint_from_before_survives(
    tmp_path, points, value
):
    with pytest.raises(
        CourseError,
        match=r"step 8: .*fit/error.* no longer a finite number; lower .*new folder; checkpoints in .* before",
    ):
        play(
            Breaking(5, value),
            points,
            100,
            tmp_path,
            save_every=4,
            log_every=100,
        )
    tensors, numbers = checkpoint.latest(tmp_path / "checkpoints")
    assert numbers["step"] == 4
    assert all(
        torch.isfinite(value).all() for name, value in tensors.items() if name.startswith("game/")
    )


def test_without_a_folder_nothing_is_said_of_checkpoints(points):
    with pytest.raises(
        CourseError,
        match="weight of a penalty such as r1 if there is one, and train again; nothing",
    ) as error:
        play(Breaking(0, float("nan")), points, 1)
    assert "checkpoint" not in str(error.value)


def test_too_little_data_is_explained_before_anything_runs(points, line_game):
    with pytest.raises(CourseError, match="batch_size=41: more than the 40 rows"):
        play(line_game(), points, 1, batch_size=41)
