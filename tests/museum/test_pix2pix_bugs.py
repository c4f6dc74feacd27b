"""Museum, chapter 6's exhibits: each bug as ports of pix2pix have it, what it does, and that ours
does not.

Every exhibit is a check that our game passes and that a copy of it with the bug in does not. Test
pictures that got into the training split have their case beside the data.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from gancourse.chapters import pix2pix
from gancourse.chapters.pix2pix import (
    Config,
    Pix2Pix,
    UNet,
    jitter,
    patch_discriminator,
    receptive_field,
)
from gancourse.game import falling, to_float
from gancourse.layers import Noise
from gancourse.training import Machine, checkpoint
from gancourse.training.hardware import accelerator
from gancourse.training.loop import Play
from tests.games import play

SIDE = 32


def config(**changes) -> Config:
    return Config.at("check", **{"width": 4, "shape": (3, SIDE, SIDE), "noise": 0.0, **changes})


def game(kind: type[Pix2Pix] = Pix2Pix, **changes) -> Pix2Pix:
    torch.manual_seed(0)
    return kind(config(**changes)).train()


def pairs(n: int = 4) -> dict[str, Tensor]:
    dice = torch.Generator().manual_seed(0)
    return {
        "input": torch.rand(n, 1, SIDE, SIDE, generator=dice) * 2 - 1,
        "target": torch.rand(n, 3, SIDE, SIDE, generator=dice) * 2 - 1,
    }


def caught(check: Callable, *bugged) -> bool:
    """Whether a check that ours passes refuses this copy."""
    try:
        check(*bugged)
    except AssertionError:
        return True
    return False


def louder(network: nn.Module) -> None:
    """Weights large enough that no path through ten layers is lost in rounding."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.3)


# The discriminator


def test_patches_of_94_or_46_px():
    """One stride of 2 too many, or one too few: the network looks the same in print and judges
    another size.
    """

    def sees_70(network: nn.Module) -> None:
        assert receptive_field(network, 2, side=200) == 70

    def with_strides(*strides: int) -> nn.Module:
        network = patch_discriminator(2, 70, 2, "running")
        layers = [layer for layer in network if isinstance(layer, nn.Conv2d)]
        for layer, stride in zip(layers, strides, strict=True):
            layer.stride = (stride, stride)
        return network

    sees_70(patch_discriminator(2, 70, 2, "running"))
    sees_70(with_strides(2, 2, 2, 1, 1))
    for strides, px in (((2, 2, 2, 2, 1), 94), ((2, 2, 1, 1, 1), 46)):
        assert caught(sees_70, with_strides(*strides))
        assert receptive_field(with_strides(*strides), 2, side=200) == px


def shown(ours: Pix2Pix, batch: dict) -> list[Tensor]:
    """What the discriminator is given in its own turn, then in the generator's."""
    seen = []
    hook = ours.discriminator.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach())
    )
    batch = ours.share(batch)
    ours.discriminator_loss(batch)
    ours.generator_loss(batch)
    hook.remove()
    return seen


def judges_pairs(ours: Pix2Pix) -> None:
    batch = pairs()
    output = ours.generator(batch["input"])
    expected = [
        torch.cat([batch["input"], picture], 1) for picture in (batch["target"], output, output)
    ]
    for given, right in zip(shown(ours, batch), expected, strict=True):
        assert given.shape == right.shape and torch.allclose(given, right, atol=1e-5)


def test_a_discriminator_that_is_never_shown_the_input():
    """Any bold colours please it, whatever was drawn: a GAN beside a regression."""

    class Blind(Pix2Pix):
        def judge(self, picture, batch):
            return self.discriminator(torch.cat([torch.zeros_like(batch["input"]), picture], 1))

    judges_pairs(game())
    assert caught(judges_pairs, game(Blind)) and caught(judges_pairs, game(conditional=False))


def test_a_and_b_swapped():
    """Half of the data sets have the drawing on the left, half on the right: the facades then learn
    to become labels.
    """

    class Swapped(Pix2Pix):
        def augment(self, batch):
            batch = super().augment(batch)
            return {**batch, "input": batch["target"], "target": batch["input"]}

    def draws_from_the_input(ours: Pix2Pix) -> None:
        batch = ours.augment(pairs())
        assert (
            batch["input"].shape[1] == ours.config.inputs
            and batch["target"].shape[1:] == ours.config.shape
        )
        for name, picture in pairs().items():
            assert torch.equal(batch[name], picture)

    changes = {"flip": False, "enlarge": 0}
    draws_from_the_input(game(**changes))
    assert caught(draws_from_the_input, game(Swapped, **changes))
    # Where both have three channels nothing stops.
    colours = {"input": pairs()["target"], "target": -pairs()["target"]}
    swapped = game(Swapped, inputs=3, **changes)
    assert swapped.generator_loss(swapped.share(swapped.augment(colours)))["l1"].isfinite()


def test_real_and_made_swapped():
    class Swapped(Pix2Pix):
        def discriminator_loss(self, batch):
            output, target = (
                self.judge(batch["output"].detach(), batch),
                self.judge(batch["target"], batch),
            )
            terms = self.rules.discriminator(output, target)
            return {name: term / 2 for name, term in terms.items()}

    def believes_the_targets(ours: Pix2Pix) -> None:
        optimizer = torch.optim.Adam(ours.discriminator.parameters(), lr=2e-3)
        batch = ours.share(pairs())
        for _ in range(5):
            optimizer.zero_grad()
            sum(ours.discriminator_loss(batch).values()).backward()
            optimizer.step()
        output = ours.generator(batch["input"])
        assert ours.judge(batch["target"], batch).mean() > ours.judge(output, batch).mean()

    believes_the_targets(game())
    assert caught(believes_the_targets, game(Swapped))


# The noise


def test_noise_is_in_the_decoders_first_three_blocks_only():
    """In the encoder, dropout would rub out parts of the drawing before anybody has seen it."""

    def reads_the_whole_drawing(network: UNet) -> None:
        x, maps = pairs()["input"], []
        for _ in range(2):
            h, seen = x, []
            for block in network.down:
                h = block(h)
                seen.append(h)
            maps.append(seen)
        assert all(map(torch.equal, *maps))
        assert not torch.equal(network(x), network(x)), "and there is noise after it"

    ours = game(noise=0.5).generator
    reads_the_whole_drawing(ours)
    bug = copy.deepcopy(ours)
    bug.down[2].append(Noise(0.5))
    assert caught(reads_the_whole_drawing, bug)


def test_dropout_switched_off_with_eval():
    """`nn.Dropout` in the decoder: after `.eval()` a picture has one answer, and the chapter's
    latent is gone.
    """

    def has_opinions(ours: Pix2Pix) -> None:
        x = pairs()["input"]
        assert not torch.equal(ours.translate(x, seed=1), ours.translate(x, seed=2))
        assert torch.equal(ours.translate(x, seed=1), ours.translate(x, seed=1))

    ours = game(noise=0.5)
    has_opinions(ours)
    bug = copy.deepcopy(ours)
    for block in bug.generator.up[:3]:
        assert isinstance(block[-1], Noise)
        block[-1] = nn.Dropout(0.5)
    assert caught(has_opinions, bug)


# Normalisation


def test_running_averages_where_the_paper_takes_the_pictures_own():
    """In eval mode `nn.BatchNorm2d` takes averages of training: at batch size 1 a picture is no
    longer normalised alike.
    """

    def normalises_by_the_picture_at_hand(ours: Pix2Pix) -> None:
        x = pairs()["input"]
        for picture in (x[:1], 0.1 * x[:1]):
            with torch.no_grad():
                trained = ours.train().generator(picture)
            assert torch.allclose(ours.translate(picture, noise=False), trained, atol=1e-5)

    bug = game(norm="running")
    for network in (bug.generator, game(norm="batch").generator):
        for _ in range(3):
            network(pairs()["input"])  # averages need something to average
    assert Config().norm == "batch"
    for norm in ("batch", "instance"):
        normalises_by_the_picture_at_hand(game(norm=norm))
    assert caught(normalises_by_the_picture_at_hand, bug)


def test_a_batch_of_pictures_normalised_together_when_drawing():
    """The batch's statistics are right at batch size 1; handed sixteen pictures, each comes out
    coloured by the others.
    """

    class Together(Pix2Pix):
        def translate(self, pictures, *, seed=0, noise=True):
            with torch.no_grad():
                return self.generator(pictures)

    def keeps_neighbours_apart(ours: Pix2Pix) -> None:
        x = pairs()["input"]
        assert torch.allclose(ours.translate(x)[:1], ours.translate(x[:1]), atol=1e-5)

    keeps_neighbours_apart(game(norm="batch"))
    assert caught(keeps_neighbours_apart, game(Together, norm="batch"))


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_norm_on_the_bottleneck_leaves_only_zeros(norm):
    """One pixel less its own mean is 0: at batch size 1 the bottleneck says nothing.

    The paper's own code had this once.
    """

    def passes_something(network: UNet) -> None:
        found = []
        hook = network.down[-1].register_forward_hook(
            lambda module, inputs, output: found.append(output)
        )
        for picture in pairs()["input"].split(1):
            network(picture)
        hook.remove()
        first, *others = found
        assert first.shape[2:] == (1, 1) and first.abs().max() > 0
        assert not any(torch.allclose(first, other) for other in others)

    ours = game(norm=norm).generator
    louder(ours)
    passes_something(ours)

    class Normalised(nn.Module):
        """By hand: in training PyTorch refuses a single value a channel, in eval mode and elsewhere
        it is taken.
        """

        def forward(self, x: Tensor) -> Tensor:
            over = (2, 3) if norm == "instance" else (0, 2, 3)
            return (x - x.mean(over, keepdim=True)) / (
                x.var(over, correction=0, keepdim=True) + 1e-5
            ).sqrt()

    with pytest.raises(ValueError, match="more than 1"):
        pix2pix.NORMS[norm](4)(torch.ones(1, 4, 1, 1))
    bug, seen = copy.deepcopy(ours), []
    bug.down[-1].insert(1, Normalised())
    assert caught(passes_something, bug)
    bug.down[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    bug(pairs(1)["input"])
    assert not seen[0].any()


# Pairs


def coordinates(n: int = 40) -> dict[str, Tensor]:
    """Pairs whose input says where a pixel was, in x, and whose target says it in x, y and x."""
    x = torch.arange(float(SIDE)).expand(n, 1, SIDE, SIDE)
    return {"input": x, "target": torch.cat([x, x.transpose(2, 3), x], 1)}


def test_jitter_drawn_apart_for_input_and_target():
    """The pair no longer fits: L1 pulls towards a blur as wide as the jitter, and every second face
    is mirrored.
    """

    class Apart(Pix2Pix):
        def augment(self, batch):
            shake = partial(jitter, enlarge=self.config.enlarge, flip=self.config.flip)
            return {"input": shake(batch["input"]), "target": shake(batch["target"])}

    def keeps_pairs_together(ours: Pix2Pix) -> None:
        batch = ours.augment(coordinates())
        assert torch.allclose(batch["input"][:, 0], batch["target"][:, 0])

    for changes in ({"enlarge": 6}, {"enlarge": 6, "flip": False}, {"enlarge": 0}):
        keeps_pairs_together(game(**changes))
        assert caught(keeps_pairs_together, game(Apart, **changes))


def test_one_draw_of_jitter_for_the_whole_batch():
    class Once(Pix2Pix):
        def augment(self, batch):
            both = torch.cat([batch["input"], batch["target"]], 1)
            n, channels, *_ = both.shape
            both = jitter(both.flatten(0, 1)[None], self.config.enlarge, self.config.flip)[
                0
            ].unflatten(0, (n, channels))
            return {"input": both[:, :1], "target": both[:, 1:]}

    def differs_between_pairs(ours: Pix2Pix) -> None:
        corners = ours.augment(coordinates())["target"][:, :2, 0, 0]
        assert len(corners.unique(dim=0)) > 20

    differs_between_pairs(game(enlarge=6))
    assert caught(differs_between_pairs, game(Once, enlarge=6))


# The U-Net


def outputs_of(network: UNet, forward: Callable[[UNet, Tensor], Tensor] | None = None) -> Tensor:
    x = pairs()["input"]
    with torch.no_grad():
        return forward(network, x) if forward else network(x)


def walk(network: UNet, x: Tensor, skips: Callable[[list[Tensor], list[Tensor]], list]) -> Tensor:
    """A U-Net whose decoder joins what `skips` makes of the maps after and before their
    activations.
    """
    after, before = [], []
    for block in network.down:
        inside = x
        for layer in list(block)[:-1]:
            inside = layer(inside)
        before.append(inside)
        x = block[-1](inside)
        after.append(x)
    for i, (block, skip) in enumerate(zip(network.up, skips(after, before), strict=True)):
        x = block(torch.cat([x, skip], 1) if i else x)
    return x


def right_skips(after: list[Tensor], before: list[Tensor]) -> list:
    return [None, *reversed(after[:-1])]


def test_a_skip_joined_to_the_wrong_map():
    """Turned round, or taken one level too deep and enlarged until it fits: nothing stops, only the
    lines are lost.
    """

    def mirrored(after: list[Tensor], before: list[Tensor]) -> list:
        return [None, *(skip.flip(3) for skip in right_skips(after, before)[1:])]

    def one_too_deep(after: list[Tensor], before: list[Tensor]) -> list:
        joined = [None]
        for right, deeper in zip(right_skips(after, before)[1:], reversed(after[1:]), strict=True):
            joined.append(
                nn.functional.interpolate(deeper, size=right.shape[2:])[:, : right.shape[1]]
            )
        return joined

    def joins_equal_maps(forward) -> None:
        assert torch.allclose(outputs_of(ours), outputs_of(ours, forward), atol=1e-5)

    ours = game(norm="instance").generator
    louder(ours)
    joins_equal_maps(partial(walk, skips=right_skips))
    for bug in (mirrored, one_too_deep):
        assert caught(joins_equal_maps, partial(walk, skips=bug))


def test_a_line_stays_where_it_is():
    """Moved by one stride of the coarsest skip, a drawing comes out moved by as much: no skip is
    mirrored or shifted.
    """

    def follows_the_drawing(forward) -> None:
        x = torch.zeros(1, 1, 2 * SIDE, 2 * SIDE)
        x[:, :, 20:24, 17:23] = 1
        with torch.no_grad():
            change = (forward(x) - forward(torch.zeros_like(x))).abs().sum((0, 1))
        rows, columns = change.sum(1), change.sum(0)
        at = torch.arange(2.0 * SIDE)
        assert (
            abs((rows * at).sum() / rows.sum() - 21.5) < 5
            and abs((columns * at).sum() / columns.sum() - 19.5) < 5
        )

    ours = game(norm="running").eval().generator
    louder(ours)
    for block in ours.up[:-1]:  # the deep maps change everywhere; the fine ones say where a line is
        nn.init.zeros_(block[1].weight)
    follows_the_drawing(ours)

    def mirrored(after: list[Tensor], before: list[Tensor]) -> list:
        return [None, *(skip.flip(3) for skip in right_skips(after, before)[1:])]

    assert caught(follows_the_drawing, partial(walk, ours, skips=mirrored))


def test_before_or_after_the_activation_is_the_same_as_long_as_a_relu_follows():
    """The authors join maps before their LeakyReLU.

    Ours joins them after it: the decoder's ReLU makes both one.
    """
    ours = game(norm="instance").generator
    louder(ours)

    def before_the_activation(after: list[Tensor], before: list[Tensor]) -> list:
        return [None, *reversed(before[:-1])]

    def same(skips) -> None:
        assert torch.allclose(
            outputs_of(ours), outputs_of(ours, partial(walk, skips=skips)), atol=1e-5
        )

    same(right_skips)
    same(before_the_activation)
    for block in ours.up:
        block[0] = nn.Identity()
    assert caught(same, before_the_activation)


def test_blocks_of_the_decoder_that_never_call_their_relu():
    """Defined in `__init__`, forgotten in `forward`: between two norms a decoder is then a linear
    map.
    """

    def calls_its_relus(network: UNet) -> None:
        for block in network.up:
            channels = next(
                layer for layer in block if isinstance(layer, nn.ConvTranspose2d)
            ).in_channels
            x = torch.randn(1, channels, 4, 4, generator=torch.Generator().manual_seed(2))
            assert torch.allclose(block(x), block(x.relu()), atol=1e-6)

    ours = game(norm="instance").generator
    louder(ours)
    calls_its_relus(ours)
    for at in (0, 2, len(ours.up) - 1):
        bug = copy.deepcopy(ours)
        bug.up[at][0] = nn.Identity()
        assert caught(calls_its_relus, bug)


# The two turns


def test_made_pictures_are_data_in_the_discriminators_turn():
    class Attached(Pix2Pix):
        def discriminator_loss(self, batch):
            real, fake = self.judge(batch["target"], batch), self.judge(batch["output"], batch)
            return {name: term / 2 for name, term in self.rules.discriminator(real, fake).items()}

    def leaves_the_generator_alone(ours: Pix2Pix) -> None:
        sum(ours.discriminator_loss(ours.share(pairs())).values()).backward()
        assert all(parameter.grad is None for parameter in ours.generator.parameters())

    leaves_the_generator_alone(game())
    assert caught(leaves_the_generator_alone, game(Attached))


def test_the_generator_moved_in_the_discriminators_turn():
    """One optimizer over both players: the generator then also walks towards being caught."""

    class Both(Pix2Pix):
        def phases(self):
            discriminator, generator = super().phases()
            return [replace(discriminator, parameters=tuple(self.parameters())), generator]

    def moves_one_player_a_turn(ours: Pix2Pix) -> None:
        play = Play(ours, accelerator("cpu", "no"), Machine(channels_last=False))
        for i, name in enumerate(("discriminator", "generator")):
            before = {key: value.clone() for key, value in ours.state_dict().items()}
            turns, play.turns = play.turns, play.turns[i : i + 1]
            play.step(pairs(), 0)
            play.turns = turns
            moved = {
                key.partition(".")[0]
                for key, value in ours.state_dict().items()
                if not torch.equal(value, before[key])
            }
            assert moved == {name}
        owned = [set(phase.parameters) for phase, _, _ in play.turns]
        assert not owned[0] & owned[1]

    moves_one_player_a_turn(game())
    assert caught(moves_one_player_a_turn, game(Both))


def test_the_weight_of_l1_belongs_to_the_generators_l1():
    """Forgotten, the drawing is hardly asked for; multiplied into the game, the game counts a
    hundredfold.
    """

    class Forgotten(Pix2Pix):
        def generator_loss(self, batch):
            terms = super().generator_loss(batch)
            return {**terms, "l1": terms["l1"] / self.config.l1}

    class OnAll(Pix2Pix):
        def generator_loss(self, batch):
            terms = super().generator_loss(batch)
            return {**terms, "fake": terms["fake"] * self.config.l1}

    class OnTheDiscriminator(Pix2Pix):
        def discriminator_loss(self, batch):
            return {
                name: self.config.l1 * term
                for name, term in super().discriminator_loss(batch).items()
            }

    def weighs_l1_alone(kind: type[Pix2Pix]) -> None:
        light, heavy = (
            {
                **ours.generator_loss(batch),
                **{f"D {name}": term for name, term in ours.discriminator_loss(batch).items()},
            }
            for ours in (game(kind, l1=1.0), game(kind, l1=100.0))
            for batch in [ours.share(pairs())]
        )
        ratios = {name: (heavy[name] / light[name]).item() for name in heavy}
        assert ratios == pytest.approx({"fake": 1, "l1": 100, "D real": 1, "D fake": 1}, rel=1e-3)

    weighs_l1_alone(Pix2Pix)
    for bug in (Forgotten, OnAll, OnTheDiscriminator):
        assert caught(weighs_l1_alone, bug)


def test_the_discriminators_objective_is_halved():
    """Section 3.3: so it learns more slowly than the generator.

    Adam hides it, SGD and a shared optimizer do not.
    """

    class Whole(Pix2Pix):
        def discriminator_loss(self, batch):
            return {name: 2 * term for name, term in super().discriminator_loss(batch).items()}

    def pays_ln_2_at_chance(ours: Pix2Pix) -> None:
        last = [layer for layer in ours.discriminator if isinstance(layer, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
        assert sum(ours.discriminator_loss(ours.share(pairs())).values()).item() == pytest.approx(
            math.log(2)
        )

    pays_ln_2_at_chance(game())
    assert caught(pays_ln_2_at_chance, game(Whole))


# The run


class ForgetfulSchedule(Pix2Pix):
    """Counts its own steps, as a scheduler object does that nobody saves."""

    def phases(self):
        phases, counts = super().phases(), {}

        def rate(name: str, step: int) -> dict[str, float]:
            counts[name] = counts.get(name, -1) + 1
            return falling(
                self.config.lr, counts[name], self.config.steps, last=self.config.steps / 2
            )

        return [replace(phase, schedule=partial(rate, phase.name)) for phase in phases]


def test_a_schedule_that_begins_anew_after_a_resume(tmp_path):
    def goes_on_as_if_nothing_had_been(kind: type[Pix2Pix]) -> None:
        data = {name: ((value + 1) * 127.5).byte() for name, value in pairs(6).items()}
        options = {"batch_size": 2, "save_every": 4, "preview": lambda game: torch.zeros(1, 2)}
        ends = []
        for stops in ((None,), (4, None)):
            folder = tmp_path / kind.__name__ / str(len(stops))
            for stop_at in stops:
                play(game(kind, width=2, patch=16), data, 6, folder, stop_at=stop_at, **options)
            ends.append(checkpoint.load(folder / "checkpoints" / "step-00000006")[0])
        assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])

    goes_on_as_if_nothing_had_been(Pix2Pix)
    assert caught(goes_on_as_if_nothing_had_been, ForgetfulSchedule)


def test_targets_from_0_to_1_for_an_output_from_minus_1_to_1():
    """Half of tanh's range is never asked for; D tells real from made by the sign, and black comes
    out as grey.
    """

    class Halved(Pix2Pix):
        def augment(self, batch):
            return super().augment({**batch, "target": (batch["target"] + 1) / 2})

    def asks_for_the_whole_range(ours: Pix2Pix) -> None:
        black_and_white = torch.tensor([0, 255], dtype=torch.uint8).repeat(2, 3, SIDE, SIDE // 2)
        batch = ours.augment(to_float({"input": black_and_white[:, :1], "target": black_and_white}))
        for picture in batch.values():
            assert (picture.min().item(), picture.max().item()) == (-1.0, 1.0)

    asks_for_the_whole_range(game())
    assert caught(asks_for_the_whole_range, game(Halved))
