from __future__ import annotations

import warnings
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from gancourse import language, models
from gancourse.chapters import stackgan, stackgan_networks
from gancourse.chapters.stackgan import (
    Augmentation,
    Config,
    PaperDiscriminator,
    PaperGenerator,
    PaperRefiner,
    StageOne,
    StageTwo,
    WordEncoder,
    Words,
    mismatch,
)
from gancourse.data import load
from gancourse.files import CourseError
from gancourse.game import fingerprint
from gancourse.layers import gaussian_latents
from gancourse.training import checkpoint
from tests import games
from tests.readers import Dictionary

FORMS = ("words", "stage1", "stage2")
PAPER = {"network": "paper", "embedding": 1024, "text": "x"}
SMALL = {"width": 8, "width_d": 8, "condition": 6, "latent": 5, "batch_size": 8}


@cache
def scenes(size: int = 32, n: int = 32):
    return load("scenes", "train", size=size, n=n, source="bundled")


@cache
def encoder() -> Words:
    """A text encoder that has learned nothing but its words."""
    torch.manual_seed(0)
    game = Words(Config(form="words", shape=(3, 32, 32), embedding=16))
    game.begin(scenes().columns)
    return game.eval()


def stage_one(seed: int = 0, **changes) -> StageOne:
    torch.manual_seed(seed)
    numbers = {"shape": (3, 32, 32), "network": "compact", "embedding": 16, **SMALL, **changes}
    game = StageOne(Config(form="stage1", text="x", **numbers))
    game.borrow("text", encoder())
    game.begin(scenes(numbers["shape"][1]).columns)
    return game


def stage_two(**changes) -> StageTwo:
    numbers = {"shape": (3, 64, 64), "network": "compact", "embedding": 16, **SMALL, **changes}
    numbers["small"] = 16 if numbers["network"] == "paper" else 32
    first = stage_one(shape=(3, numbers["small"], numbers["small"]))
    torch.manual_seed(1)
    game = StageTwo(Config(form="stage2", text="x", first="x", **numbers))
    game.borrow("text", encoder())
    game.borrow("first", first)
    game.begin(scenes(64).columns)
    return game


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# What the authors' code counts: a convolution has no bias, a fully connected layer has one, and a
# norm has a gain and an offset for each channel (misc/custom_ops.py).


def conv(below: int, above: int, kernel: int) -> int:
    return below * above * kernel**2


def norm(channels: int) -> int:
    return 2 * channels


def dense(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


GF, DF, EF, Z, TEXT = 128, 64, 128, 100, 1024  # cfg/birds.yml, misc/config.py


def test_parameter_counts_of_the_papers_first_generator():
    """stageI/model.py, `generate_condition` and `generator`, layer by layer."""
    condition = dense(TEXT, 2 * EF)
    first = dense(EF + Z, 4 * 4 * 8 * GF) + norm(4 * 4 * 8 * GF)  # fc_batch_norm: all units
    narrow = conv(8 * GF, 2 * GF, 1) + norm(2 * GF)
    narrow += conv(2 * GF, 2 * GF, 3) + norm(2 * GF)
    narrow += conv(2 * GF, 8 * GF, 3) + norm(8 * GF)
    to_8 = conv(8 * GF, 4 * GF, 3) + norm(4 * GF)
    narrow_8 = conv(4 * GF, GF, 1) + norm(GF)
    narrow_8 += conv(GF, GF, 3) + norm(GF)
    narrow_8 += conv(GF, 4 * GF, 3) + norm(4 * GF)
    to_16 = conv(4 * GF, 2 * GF, 3) + norm(2 * GF)
    to_32 = conv(2 * GF, GF, 3) + norm(GF)
    to_64 = conv(GF, 3, 3)
    total = condition + first + narrow + to_8 + narrow_8 + to_16 + to_32 + to_64
    with torch.device("meta"):
        network = PaperGenerator(Config(form="stage1", **PAPER))
        assert count(network.augmentation) == condition
        assert count(network) == total == TOTALS["first generator"]
        made, divergence = network(torch.zeros(2, TEXT), torch.zeros(2, EF + Z))
    assert made.shape == (2, 3, 64, 64) and divergence.shape == ()


def test_parameter_counts_of_the_papers_first_discriminator():
    """stageI/model.py, `d_encode_image`, `context_embedding` and `discriminator`."""
    halved = conv(3, DF, 4)
    halved += conv(DF, 2 * DF, 4) + norm(2 * DF)
    halved += conv(2 * DF, 4 * DF, 4) + norm(4 * DF)
    halved += conv(4 * DF, 8 * DF, 4) + norm(8 * DF)
    total = halved + narrow_of_d() + joint_of_d()
    with torch.device("meta"):
        network = PaperDiscriminator(Config(form="stage1", **PAPER))
        assert count(network) == total == TOTALS["first discriminator"]
        seen = network.picture(torch.zeros(2, 3, 64, 64))
        assert seen.shape == (2, 8 * DF, 4, 4)
        assert network(seen, torch.zeros(2, TEXT)).shape == (2,)


def narrow_of_d() -> int:
    narrow = conv(8 * DF, 2 * DF, 1) + norm(2 * DF)
    narrow += conv(2 * DF, 2 * DF, 3) + norm(2 * DF)
    return narrow + conv(2 * DF, 8 * DF, 3) + norm(8 * DF)


def joint_of_d() -> int:
    """The sentence's own layer, the layer that sees both, and one logit from 4 x 4 places."""
    return dense(TEXT, EF) + conv(8 * DF + EF, 8 * DF, 1) + norm(8 * DF) + conv(8 * DF, 1, 4)


def test_parameter_counts_of_the_papers_second_generator():
    """stageII/model.py, `hr_g_encode_image`, `hr_g_joint_img_text`, four times `residual_block`,
    `hr_generator`.
    """
    condition = dense(TEXT, 2 * EF)
    down = conv(3, GF, 3)
    down += conv(GF, 2 * GF, 4) + norm(2 * GF)
    down += conv(2 * GF, 4 * GF, 4) + norm(4 * GF)
    joint = conv(4 * GF + EF, 4 * GF, 3) + norm(4 * GF)
    residual = 2 * (conv(4 * GF, 4 * GF, 3) + norm(4 * GF))
    up = conv(4 * GF, 2 * GF, 3) + norm(2 * GF)
    up += conv(2 * GF, GF, 3) + norm(GF)
    up += conv(GF, GF // 2, 3) + norm(GF // 2)
    up += conv(GF // 2, GF // 4, 3) + norm(GF // 4)
    last = conv(GF // 4, 3, 3)
    total = condition + down + joint + 4 * residual + up + last
    with torch.device("meta"):
        network = PaperRefiner(Config(form="stage2", first="x", shape=(3, 256, 256), **PAPER))
        assert count(network) == total == TOTALS["second generator"]
        small = torch.zeros(2, 3, 64, 64)
        assert network.down(small).shape == (2, 4 * GF, 16, 16)
        made, _ = network(small, torch.zeros(2, TEXT), torch.zeros(2, EF))
    assert made.shape == (2, 3, 256, 256)


def test_parameter_counts_of_the_papers_second_discriminator():
    """stageII/model.py, `hr_d_encode_image`: six halvings, then back to 8 df maps."""
    halved = conv(3, DF, 4)
    for below in (1, 2, 4, 8, 16):
        halved += conv(below * DF, 2 * below * DF, 4) + norm(2 * below * DF)
    back = conv(32 * DF, 16 * DF, 1) + norm(16 * DF)
    back += conv(16 * DF, 8 * DF, 1) + norm(8 * DF)
    total = halved + back + narrow_of_d() + joint_of_d()
    with torch.device("meta"):
        network = PaperDiscriminator(Config(form="stage2", first="x", shape=(3, 256, 256), **PAPER))
        assert count(network) == total == TOTALS["second discriminator"]
        seen = network.picture(torch.zeros(2, 3, 256, 256))
        assert seen.shape == (2, 8 * DF, 4, 4)
        assert network(seen, torch.zeros(2, TEXT)).shape == (2,)


TOTALS = {
    "first generator": 14_264_192,
    "first discriminator": 4_029_824,
    "second generator": 26_290_080,
    "second discriminator": 48_603_520,
}


def test_the_papers_discriminator_also_judges_pictures_smaller_than_the_papers():
    config = Config(form="stage1", network="paper", text="x", shape=(3, 32, 32), width_d=4)
    network = PaperDiscriminator(config).eval()
    seen = network.picture(torch.zeros(2, 3, 32, 32))
    assert seen.shape == (2, 32, 4, 4)
    assert network(seen, torch.zeros(2, config.embedding)).shape == (2,)


@pytest.mark.parametrize(("side", "halved"), [(64, 4), (256, 6)])
def test_the_papers_discriminator_before_its_bottleneck(side, halved):
    """The code has no activation before Stage I's last halving, and one before each of Stage II's.

    A place sees 46 px of Stage I's picture and 190 px of Stage II's: 1 + 3 (1 + 2 + 4 + ...).
    """
    stage = {"form": "stage2", "first": "x"} if side == 256 else {"form": "stage1"}
    config = Config(**stage, text="x", network="paper", shape=(3, side, side), width_d=2)
    *layers, narrow = PaperDiscriminator(config).eval().picture
    kinds = [type(layer) for layer in layers]
    normed = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    expected = [nn.Conv2d, nn.LeakyReLU, *normed * (halved - 1)]
    if side == 64:
        del expected[-4]
    else:
        expected += 2 * normed
    assert kinds == expected[:-1] and isinstance(narrow, stackgan_networks.Bottleneck)
    assert {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)} == {0.2}
    picture = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    nn.Sequential(*layers).double()(picture)[0, :, 1, 1].sum().backward()
    rows = picture.grad[0].abs().sum((0, 2)).nonzero().flatten().tolist()
    reach = 1 + 3 * (2**halved - 1)
    assert rows == list(range(1, 1 + reach)) and reach == {4: 46, 6: 190}[halved]


def test_the_sentence_joins_every_place_of_the_map():
    """Every place hears the same, and each hears it: no place is a matter of the picture alone."""
    network = PaperDiscriminator(Config(form="stage1", network="paper", text="x", width_d=4)).eval()
    given = []
    network.joint[0].register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    with torch.no_grad():
        network(torch.zeros(2, 32, 4, 4), torch.randn(2, 128))
    heard = given[0][:, 32:]
    assert heard.shape == (2, 128, 4, 4) and not torch.equal(heard[0], heard[1])
    assert torch.equal(heard, heard[:, :, :1, :1].expand_as(heard))


# Conditioning augmentation


def test_the_divergence_is_that_of_two_normal_distributions():
    torch.manual_seed(0)
    layer = Augmentation(7, 5)
    text = torch.randn(9, 7)
    mean, log_variance = layer.linear(text).chunk(2, 1)
    cloud = torch.distributions.Normal(mean, (log_variance / 2).exp())
    unit = torch.distributions.Normal(0.0, 1.0)
    c, divergence = layer(text, torch.zeros(9, 5))
    torch.testing.assert_close(divergence, torch.distributions.kl_divergence(cloud, unit).mean())
    assert torch.equal(c, mean)
    moved = layer(text, torch.ones(9, 5))[0] - mean
    torch.testing.assert_close(moved, cloud.scale)


def test_without_augmentation_c_is_its_mean():
    layer = Augmentation(7, 5, on=False)
    text = torch.randn(3, 7)
    c, divergence = layer(text, torch.randn(3, 5))
    assert torch.equal(c, layer.linear(text)[:, :5]) and divergence == 0


# Captions that are wrong


def test_a_caption_is_wrong_if_it_says_what_the_picture_does_not_show():
    facts = torch.tensor([[0, 2, -1], [1, 2, 3]])
    said = torch.tensor([[0, -1, -1], [-1, 2, -1], [1, 2, 3], [-1, -1, 3], [-1, -1, -1]])
    assert mismatch(facts, said).tolist() == [
        [False, False, True, True, False],  # what is not there has no colour either
        [True, False, False, False, False],
    ]


def test_no_scene_contradicts_its_own_caption():
    assert not mismatch(scenes()["facts"], scenes()["said"]).diagonal().any()


def test_without_facts_only_equal_captions_fit():
    batch = {"image": torch.zeros(3, 1), "caption": ["a boat", "a tree", "a boat"]}
    wrong = mismatch(*stackgan.known_facts(batch))
    assert wrong.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


# Sampling


STAGES = {
    "stage one": stage_one,
    "stage two": stage_two,
    "the paper's stage one": lambda: stage_one(network="paper"),
    "the paper's stage two": lambda: stage_two(network="paper"),
}
each_stage = pytest.mark.parametrize("make", STAGES.values(), ids=STAGES)


@each_stage
def test_the_same_seed_gives_the_same_pictures_and_leaves_all_as_it_was(make):
    game = make().train()
    before = {name: value.clone() for name, value in game.state_dict().items()}
    state = torch.get_rng_state()
    first = game.sample(3, text="a red boat", seed=4)
    assert first.shape == (3, *game.config.shape) and first.abs().max() <= 1
    assert torch.equal(game.sample(3, text="a red boat", seed=4), first)
    assert not torch.equal(game.sample(3, text="a red boat", seed=5), first)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(torch.get_rng_state(), state) and not first.requires_grad
    assert all(module.training for module in game.modules())
    assert all(torch.equal(value, before[name]) for name, value in game.state_dict().items())


@each_stage
def test_a_picture_depends_on_its_own_sentence_and_latent_alone(make):
    game = make()
    texts = ["a red boat", "a big blue tree", "a car"]
    latent = torch.randn(3, game.latent_size)
    together = game.sample(3, text=texts, latent=latent)
    for i, text in enumerate(texts):
        alone = game.sample(1, text=text, latent=latent[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=1e-4)
    other = game.sample(3, text=texts[::-1], latent=latent)
    assert not torch.equal(other[0], together[0])


def test_a_sentence_may_come_as_a_vector():
    game = stage_one()
    vectors = game.encode(["a red boat", "a car"])
    by_words = game.sample(text=["a red boat", "a car"], seed=2)
    assert torch.equal(game.sample(2, text=vectors, seed=2), by_words)


def test_without_a_sentence_the_kept_captions_come_in_turn():
    game = stage_one()
    kept = game.kept
    assert kept[:2] == scenes()["caption"][:1] * 2 and len(kept) == stackgan.KEPT
    torch.testing.assert_close(
        game.sample(5, seed=1), game.sample(5, text=kept[:5], seed=1), atol=0, rtol=0
    )
    assert game.preview().shape == (64, 3, 32, 32)
    other = stage_one(seed=1)
    other.load_state_dict(game.state_dict())
    assert other.kept == kept


def test_both_stages_of_the_same_picture():
    game = stage_two()
    small, large = game.stages(2, text="a red boat", seed=3)
    assert small.shape == (2, 3, 32, 32) and large.shape == (2, 3, 64, 64)
    assert torch.equal(large, game.sample(2, text="a red boat", seed=3))
    latent = torch.randn(2, game.latent_size)
    size = game.borrowed["first"].latent_size
    small, _ = game.stages(2, text="a red boat", latent=latent)
    again = game.borrowed["first"].sample(2, text="a red boat", latent=latent[:, :size])
    assert torch.equal(small, again)


def test_what_is_drawn_is_clamped_and_what_is_learned_from_is_not():
    """The lean second stage adds to the small picture, and nothing holds the sum to [-1, 1]."""
    game = stage_two()
    nn.init.constant_(game.generator.last.bias, 3.0)
    assert game.sample(2, text="a red boat").max() == 1
    batch = {**scenes(64).columns, "image": scenes(64)["image"] / 127.5 - 1}
    assert game.share(batch)["made"].max() > 1


def test_a_second_stage_that_is_not_told_the_sentence_does_not_hear_it():
    for reads in (True, False):
        game = stage_two(reads=reads)
        nn.init.normal_(game.generator.last.weight)
        game.borrowed["first"].draw = lambda text, latent: (torch.zeros(len(text), 3, 32, 32), 0)
        latent = torch.randn(1, game.latent_size)
        a, b = (game.sample(1, text=text, latent=latent) for text in ("a red boat", "a blue tree"))
        assert torch.equal(a, b) != reads


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"n": 0}, "give a whole number from 1 up"),
        ({"n": 2.5}, "give a whole number from 1 up"),
        ({"n": 2, "text": ""}, "no word in it"),
        ({"n": 2, "text": "!?"}, "no word in it"),
        ({"n": 2, "text": "\N{SAILBOAT}"}, "no word in it"),
        ({"n": 2, "text": "ein rotes Schiff"}, "knows none of these words; it knows"),
        ({"n": 2, "text": "boat " * 10_000}, "10,000 words; write 64 or fewer"),
        ({"n": 2, "text": ["a boat"]}, "1 sentences for 2 pictures"),
        ({"n": 2, "text": 8}, "text=8: no sentence"),
        ({"n": 2, "text": ["a boat", None]}, "no sentence"),
        ({"n": 2, "text": torch.zeros(2, 5)}, r"text: shape \(2, 5\); give \(2, 16\)"),
        ({"n": 3, "text": torch.zeros(2, 16)}, r"text: shape \(2, 16\); give \(3, 16\)"),
        ({"n": 2, "text": "a boat", "latent": torch.zeros(2, 3)}, "latent"),
    ],
)
def test_what_cannot_be_drawn(how, words):
    with pytest.raises(CourseError, match=words):
        stage_one().sample(**how)


# The numbers of a run


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "^text='': form='stage1' reads sentences"),
        ({"form": "stage2", "text": "x"}, "^first='': form='stage2' repaints"),
        ({"form": "gan"}, "^form='gan'"),
        ({"text": "x", "network": "gigagan"}, "^network='gigagan'"),
        ({"text": "x", "wrong": "some"}, "^wrong='some'"),
        ({"text": "x", "contrast": 1.0}, "^contrast=1.0.*choose network=compact"),
        ({"text": "x", "r1": 1.0}, "^r1=1.0.*choose network=compact"),
        ({"text": "x", "shape": (3, 33, 33)}, "33"),
        ({"text": "x", "reads": False}, "^reads=False"),
        ({"text": "x", "kl": -1.0}, "^kl=-1.0"),
        ({"form": "words", "text": "x"}, "^text='x'"),
        ({"form": "stage1", "text": "x", "drop": 0.1}, "^drop=0.1: form='stage1' does not use it"),
        ({"text": "x", "small": 32}, "^small=32"),
        (
            {"form": "stage2", "text": "x", "first": "y", "shape": (3, 128, 128)},
            r"draws small=64 px; give a side of 256 px",
        ),
    ],
)
def test_numbers_that_cannot_be(change, words):
    with pytest.raises(CourseError, match=words):
        Config(**change)


def test_the_defaults_are_the_papers():
    """Section 4 and cfg/birds.yml."""
    config = Config(text="x")
    assert (config.form, config.network, config.shape) == ("stage1", "paper", (3, 64, 64))
    assert (config.width, config.width_d, config.condition, config.latent) == (GF, DF, EF, Z)
    assert (config.lr, config.beta1, config.batch_size, config.kl) == (2e-4, 0.5, 64, 2.0)
    assert (config.loss, config.augmentation, config.wrong) == ("non-saturating", True, "true")
    assert Config.at("gpu") == Config(text="stackgan-words")
    second = {"form": "stage2", "shape": (3, 256, 256), "first": "stage1-gpu"}
    assert Config.at("gpu", "stage2") == Config(text="stackgan-words", **second)


@pytest.mark.parametrize("scale", ["check", "class", "full", "gpu"])
@pytest.mark.parametrize("form", [*FORMS, "free"])
def test_every_form_has_every_scale(scale, form):
    config, largest = Config.at(scale, form), Config.at("gpu", form)
    assert config.form == form and config.options["size"] == config.shape[1]
    assert config.steps <= largest.steps


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"image": torch.zeros(2, 3, 16, 16, dtype=torch.uint8)}, "image"),
        ({"image": torch.zeros(2, 3, 32, 32, dtype=torch.uint8)}, "no caption"),
        ({"caption": ["a", "b"], "picture": torch.zeros(2, 3, 32, 32)}, "image"),
    ],
)
@pytest.mark.parametrize("form", ["words", "stage1"])
def test_data_that_it_cannot_learn_from(form, data, words):
    game = encoder() if form == "words" else stage_one()
    with pytest.raises(CourseError, match=words):
        game.begin(data)


# Learning


def play(folder, form: str, seed: int = 0, steps: int = 3, change=(), **options):
    """A few steps of a small game, its recipe changed, into a folder."""
    side = 64 if form == "stage2" else 32
    numbers = {"shape": (3, side, side), "batch_size": 8, "anneal": 0.5}
    if form == "words":
        numbers["embedding"] = 16
    else:
        numbers |= {**SMALL, "embedding": 16, "ema": 0.9, **dict(change)}
    borrowed = {name: str(options.pop(name)) for name in ("text", "first") if name in options}
    config = Config.at("check", form, **numbers, **borrowed)
    return games.play(models.begin(config, seed), scenes(side).columns, steps, folder, **options)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of a run of each form, one on the other, which nobody changes."""
    root, made = tmp_path_factory.mktemp("runs"), {}
    for form, takes in zip(FORMS, ((), ("words",), ("words", "stage1")), strict=True):
        how = {{"words": "text", "stage1": "first"}[name]: root / name for name in takes}
        made[form] = play(root / form, form, **how)
    return root, made


def lent(root, form: str) -> dict:
    of_form = {"words": (), "stage1": ("text",), "stage2": ("text", "first")}
    homes = {"text": root / "words", "first": root / "stage1"}
    return {name: homes[name] for name in of_form[form]}


def stored(folder, step: int = 3) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoints" / f"step-{step:08d}")[0]


@pytest.mark.parametrize("form", FORMS)
def test_three_steps_of_every_form(runs, form):
    root, records = runs
    game, fresh = records[form].game, models.begin(records[form].game.config, 0)
    assert game.config.form == form
    own = [name for name, _ in game.named_children()]
    for name in own:
        assert fingerprint(getattr(game, name)) != fingerprint(getattr(fresh, name)), name
    loaded = models.load(root / form)
    assert loaded.sample(3, text="a red boat").shape == (3, *game.config.shape)
    assert loaded.unknown("a red submarine") == {"submarine": ""}


@pytest.mark.parametrize("form", ["stage1", "stage2"])
def test_what_is_borrowed_stands_still_and_is_in_no_checkpoint(runs, form):
    root, records = runs
    game = records[form].game
    for name, home in lent(root, form).items():
        assert fingerprint(game.borrowed[name]) == fingerprint(models.load(home))
        assert not any(module.training for module in game.borrowed[name].modules())
    assert game.lineage() == {
        f"borrowed {name}": fingerprint(models.load(home))
        for name, home in lent(root, form).items()
    }
    kept = {
        name.split("/")[1].split(".")[0] for name in stored(root / form) if name.startswith("game/")
    }
    assert kept == {"generator", "discriminator", "captions"}


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path, runs, form):
    """Latents, wrong captions, the slope's own dice, the schedule, optimizers and averages."""
    how = {**lent(runs[0], form), "steps": 6, "save_every": 3}
    whole = play(tmp_path / "whole", form, **how)
    play(tmp_path / "parts", form, stop_at=4, **how)
    torch.manual_seed(123)
    parts = play(tmp_path / "parts", form, seed=99, **how)
    expected, found = (stored(tmp_path / name, 6) for name in ("whole", "parts"))
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    samples = [run.game.sample(3, text="a red boat") for run in (whole, parts)]
    assert torch.equal(*samples)


@pytest.mark.parametrize("form", ["stage1", "stage2"])
def test_a_finished_run_may_be_given_another_temperature_and_nothing_else(tmp_path, runs, form):
    how = lent(runs[0], form)
    play(tmp_path, form, **how)
    game = play(tmp_path, form, change={"temperature": 0.25}, **how).game
    loaded = models.load(tmp_path)
    assert loaded.config.temperature == game.config.temperature == 0.25
    noise = gaussian_latents(2, loaded.latent_size, torch.Generator().manual_seed(3))
    by_hand = loaded.sample(2, text="a red boat", latent=noise / 4)
    assert torch.equal(loaded.sample(2, text="a red boat", seed=3), by_hand)
    with pytest.raises(CourseError) as error:
        play(tmp_path, form, change={"temperature": 0.5, "kl": 0.5}, **how)
    assert "kl: 0.02 in the checkpoint, 0.5 now" in str(error.value)
    assert "temperature" not in str(error.value)


def test_terms_of_each_turn():
    """What the record shows: the paper's terms, and those of the lean form."""
    batch = {**scenes().columns, "image": scenes()["image"] / 127.5 - 1}
    lean = {"loss": "hinge", "contrast": 1.0, "r1": 2.0}
    for numbers, more in (({}, set()), (lean, {"contrast"})):
        game = stage_one(**numbers)
        shared = game.share(batch)
        judged, played = game.discriminator_loss(shared), game.generator_loss(shared)
        slope = {"r1"} if numbers else set()
        assert judged.keys() == {"real", "fake", "wrong"} | more | slope
        assert played.keys() == {"fake", "kl"} | more
        assert all(term.isfinite() for term in (*judged.values(), *played.values()))
    game = stage_one(wrong="none", augmentation=False)
    shared = game.share(batch)
    assert game.discriminator_loss(shared).keys() == {"real", "fake"}
    assert game.generator_loss(shared).keys() == {"fake"}


def test_halfway_between_two_sentences():
    text = encoder().read(scenes()["caption"][:5])
    halfway = stackgan.between(text)
    assert halfway.shape == (3, 16)
    assert torch.allclose(halfway.norm(dim=1), text.norm(dim=1)[:3], rtol=1e-4)
    for i, (a, b) in enumerate([(0, 4), (2, 1), (4, 3)]):
        near = [torch.cosine_similarity(halfway[i], text[j], dim=0) for j in (a, b)]
        assert torch.allclose(*near, atol=1e-5) and near[0] > 0
    assert torch.allclose(stackgan.between(text[:1]), text[:1], rtol=1e-4)  # no neighbour


def test_pictures_between_two_sentences_teach_the_generator_and_no_one_else():
    batch = {**scenes().columns, "image": scenes()["image"] / 127.5 - 1}
    game = stage_one(between=2.0)
    terms = game.generator_loss(game.share(batch))
    assert terms.keys() == {"fake", "kl", "between"}
    terms["between"].backward()
    moved = [
        any(each.grad is not None and each.grad.any() for each in network.parameters())
        for network in (game.generator, game.borrowed["text"])
    ]
    assert moved == [True, False]
    assert game.discriminator_loss(game.share(batch)).keys() == {"real", "fake", "wrong"}


def test_the_papers_loss_weighs_wrong_and_fake_half_each():
    game = stage_one()
    zero = stage_one()
    for parameter in game.discriminator.parameters():
        nn.init.zeros_(parameter)
    batch = {**scenes().columns, "image": scenes()["image"] / 127.5 - 1}
    terms = game.discriminator_loss(zero.share(batch))
    ln2 = float(torch.tensor(2.0).log())
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"real": ln2, "fake": ln2 / 2, "wrong": ln2 / 2}
    )


def test_rates_fall_at_the_end():
    game = stage_one(anneal=0.5, steps=100, lr=1e-3)
    for phase in game.phases():
        rates = [phase.schedule(step)["lr"] for step in range(101)]
        assert rates[:51] == [1e-3] * 51 and rates[100] == 0
        assert all(a > b for a, b in pairwise(rates[50:]))


# The text encoder


def test_the_encoder_sees_order_and_not_what_fills_up():
    torch.manual_seed(0)
    network = WordEncoder(30, 16).eval()
    rows = torch.tensor([[1, 2, 3, 4, 5, 0, 0], [1, 4, 3, 2, 5, 0, 0], [6, 7, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        whole, swapped, short = network(rows)
        assert (whole - swapped).abs().max() > 0.01
        torch.testing.assert_close(network(rows[:1, :5])[0], whole, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(network(rows[2:, :2])[0], short, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        torch.stack([whole, swapped, short]).norm(dim=1), torch.full((3,), 4.0)
    )


def test_a_word_sees_fifteen_to_each_side():
    """1 + 2 + 4 + 8; the maximum over all words follows."""
    torch.manual_seed(0)
    network, seen = WordEncoder(60, 16).eval(), []
    network.last.register_forward_pre_hook(lambda module, given: seen.append(given[0][0, 20]))
    for place in range(41):
        tokens = torch.full((1, 41), 5)
        tokens[0, place] = 7
        network(tokens)
    network(torch.full((1, 41), 5))
    *each, none = seen
    changed = [place for place, found in enumerate(each) if (found - none).abs().max() > 1e-7]
    assert changed == list(range(5, 36))


# Export


def in_onnx(network: nn.Module, inputs: dict, free: dict, path, outputs: list[str]):
    onnxruntime = pytest.importorskip("onnxruntime")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own parts
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            path,
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=tuple(free for _ in inputs),
        )
    return onnxruntime.InferenceSession(path)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["compact", "paper"])
def test_the_first_generator_in_onnx_equals_pytorch(network, tmp_path):
    game = stage_one(network=network)
    inputs = {"text": torch.randn(5, 16), "latent": torch.randn(5, game.latent_size)}
    for _ in range(3):
        game.generator(*inputs.values())  # averages of something
    game.eval()
    path = tmp_path / "generator.onnx"
    free = {0: torch.export.Dim("n")}
    session = in_onnx(game.generator, inputs, free, path, ["image", "divergence"])
    for n in (1, 5):
        some = {key: value[:n] for key, value in inputs.items()}
        taken = {each.name for each in session.get_inputs()}
        found = session.run(
            ["image"], {key: value.numpy() for key, value in some.items() if key in taken}
        )
        with torch.inference_mode():
            expected, _ = game.generator(*some.values())
        np.testing.assert_allclose(found[0], expected.numpy(), atol=1e-4)


@pytest.mark.slow
def test_the_word_encoder_in_onnx_equals_pytorch(tmp_path):
    network = encoder().encoder
    tokens = network.vocabulary(scenes()["caption"][:6])
    free = {0: torch.export.Dim("n"), 1: torch.export.Dim("length")}
    path = tmp_path / "encoder.onnx"
    session = in_onnx(network, {"tokens": tokens}, free, path, ["text"])
    for n, length in ((1, 5), (6, tokens.shape[1]), (3, 20)):
        some = nn.functional.pad(tokens, (0, 20))[:n, :length]
        (found,) = session.run(None, {"tokens": some.numpy()})
        with torch.inference_mode():
            expected = network(some).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4)


# Sentences of any words


def free(**changes) -> stackgan.FreeWords:
    torch.manual_seed(0)
    numbers = {"embedding": 16, "states": 24, **changes}
    game = stackgan.FreeWords(Config(form="free", text="x", shape=(3, 32, 32), **numbers))
    game.borrow("text", encoder())
    game.borrow("reader", Dictionary())
    return game.eval()


def test_an_encoder_of_any_words_learns_its_teachers_vectors_and_reads_further():
    """Of "crimson" it has read nothing but that it is like "red"."""
    game, teacher = free(drop=0.0), encoder()
    texts = ["a red boat", "a blue boat", "a red house", "a blue house", "a green tree"]
    batch = {"caption": texts}
    adam = torch.optim.Adam(game.encoder.parameters(), 5e-3)
    game.train()
    for _ in range(200):
        loss = sum(game.likeness(batch).values())
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert game.borrowed["reader"].calls == len(texts), "each is read once"
    assert all(parameter.grad is None for parameter in teacher.parameters())
    found = [game.encode(each, 1) for each in ("a crimson yacht", "a red boat")]
    taught = [teacher.encode(each, 1) for each in texts]
    assert torch.cosine_similarity(found[1], taught[0]) > 0.95
    closest = max(range(5), key=lambda i: float(torch.cosine_similarity(found[0], taught[i])))
    assert texts[closest] == "a red boat"
    assert teacher.unknown("a crimson yacht") == {"crimson": ""} and game.unknown("a crimson") == {}


def test_an_encoder_of_any_words_sees_order_and_not_what_fills_up():
    game = free()
    short, long = "a red boat", "a big blue house beside a small green tree"
    alone, padded = game.encode([short]), game.encode([short, long])
    assert torch.allclose(alone[0], padded[0], atol=1e-5)
    assert alone.norm(dim=1).item() == pytest.approx(4, rel=1e-5)
    turned = game.encode("a small green house beside a big blue tree", 1)
    assert not torch.allclose(turned[0], padded[1], atol=1e-2)


@pytest.mark.parametrize("make", [stage_one, stage_two])
def test_stages_draw_by_the_vectors_of_another_encoder(make):
    other, game = free(), make()
    game.borrow("text", other)
    text = "a crimson yacht"
    made = game.sample(2, text=text, seed=3)
    assert torch.equal(made, make().sample(2, text=other.encode(text, 2), seed=3))
    if isinstance(game, StageTwo):
        small, large = game.stages(2, text=text, seed=3)
        assert torch.equal(large, made)
        assert torch.equal(small, make().stages(2, text=other.encode(text, 2), seed=3)[0])


def test_what_an_encoder_of_any_words_cannot_read():
    game = free()
    with pytest.raises(CourseError, match="reader='minilm' can read none of these words"):
        game.encode("zzip zzap")
    assert game.unknown("a zzip") == {"zzip": ""} and game.encode("a zzip").shape == (1, 16)
    with pytest.raises(CourseError, match="states=9: reader='minilm' has vectors of 24 numbers"):
        free(states=9)
    with pytest.raises(CourseError, match="embedding=8: the encoder that teaches .* of 16 numbers"):
        free(embedding=8)


def test_an_encoder_stands_in_for_the_one_that_taught_it_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "load", lambda name: Dictionary())
    numbers = {"embedding": 16, "shape": (3, 32, 32), "batch_size": 8, "anneal": 0.5}
    homes = {name: tmp_path / name for name in ("words", "other", "stage1", "free")}
    for seed, name in enumerate(("words", "other")):
        play(homes[name], "words", seed=seed)
    play(homes["stage1"], "stage1", text=homes["words"])
    config = Config.at("check", "free", text=str(homes["words"]), states=24, **numbers)
    how = {"steps": 6, "save_every": 3}
    games.play(models.begin(config, 0), scenes().columns, folder=homes["free"], **how)
    parts = tmp_path / "parts"
    for stop in ({"stop_at": 4}, {}):
        games.play(models.begin(config, 0), scenes().columns, folder=parts, **how, **stop)
    expected, found = stored(homes["free"], 6), stored(parts, 6)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert not any("reader" in name or "/text" in name for name in expected)

    game = models.load(homes["stage1"], text=homes["free"])
    assert isinstance(game.borrowed["text"], stackgan.FreeWords)
    assert game.sample(2, text="a crimson yacht").shape == (2, 3, 32, 32)
    models.load(homes["stage1"], text=homes["words"])
    with pytest.raises(CourseError, match="has not learned to answer as .*words, by which"):
        models.load(homes["stage1"], text=homes["other"])
    with pytest.raises(CourseError, match="sight='x': this model borrows no .*; it borrows text"):
        models.load(homes["stage1"], sight="x")
