"""Museum, chapter 2's exhibits: each bug as popular code has it, what it does, and that ours does
not.

Numbers as in the museum's list: 2 softmax where none belongs, 8 sigmoid and log, 12 integers
where floats belong, 15 samples in train mode, 16 real and fake in one BatchNorm batch, 18 the
wrong draw of a uniform code. The others are about the label: one player is not told, the fakes'
labels are drawn twice, a label is a number, a map or a row that it should not be.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, one_hot

from gancourse.chapters.cgan import Config
from gancourse.files import CourseError
from gancourse.layers import as_weights, join, uniform_latents
from tests.games import play

KINDS = [("paper", "one-hot"), ("conv", "one-hot"), ("conv", "embedding"), ("conv", "projection")]
each_kind = pytest.mark.parametrize(
    "form, condition", KINDS, ids=["-".join(kind) for kind in KINDS]
)
LABELS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])


def game(form: str = "conv", condition: str = "one-hot", **changes):
    torch.manual_seed(0)
    numbers = {"width": 12 if form == "paper" else 4, "latent": 6, "batch_size": 8, "ema": 0.0}
    return Config.at("check", form, condition=condition, **{**numbers, **changes}).build()


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def norms(network: nn.Module) -> list[nn.Module]:
    return [
        module
        for module in network.modules()
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    ]


def heard(network: nn.Module) -> list[torch.Tensor]:
    """A list to which every later call of a network adds the label it is given."""
    labels = []
    network.register_forward_pre_hook(lambda module, inputs: labels.append(inputs[1]))
    return labels


# --- who is told, and what ---


@each_kind
def test_a_player_that_is_not_told_cannot_answer_to_the_label(form, condition):
    """`D(x)` beside `G(z, y)`: it runs, the curves look well, and the generator learns to
    ignore y.
    """
    ours = game(form, condition).eval()
    y, other = LABELS, (LABELS + 1) % 10
    z = uniform_latents(8, 6, torch.Generator().manual_seed(1))
    for network, x in ((ours.generator, z), (ours.discriminator, pictures(8))):
        assert not torch.allclose(network(x, y), network(x, other), rtol=1e-3, atol=0)
    label = as_weights(y, 10).requires_grad_()
    batch = {"image": pictures(8), "label": label}
    for answer in ours.fake(batch), ours.judge(batch["image"], batch):
        (slope,) = torch.autograd.grad(answer.sum(), label)
        assert (slope.abs().sum(0) > 0).all(), "every class is heard"


@pytest.mark.parametrize("condition, size", [("one-hot", 10), ("embedding", 50)])
def test_a_label_told_at_the_first_layer_alone_has_to_survive_the_others(condition, size):
    """Ours is joined at each: every layer's weights for the label get a gradient."""
    ours = game("conv", condition).train()
    ours.judge(
        ours.generator(uniform_latents(8, 6), LABELS), {"label": LABELS}
    ).square().sum().backward()
    for block in [*ours.generator.blocks, *ours.discriminator.blocks]:
        layer = next(module for module in block.modules() if hasattr(module, "weight"))
        inputs = 0 if isinstance(layer, nn.ConvTranspose2d) else 1  # the axis
        told = layer.weight.grad.movedim(inputs, 0)[-size:].flatten(1).any(1)
        assert told[LABELS.unique()].all() if size == 10 else told.all(), block


@each_kind
def test_the_fakes_labels_are_drawn_once(form, condition):
    """`G(z, randint(10))` judged as `D(fake, y)`: D meets 3s under every name, and cannot learn
    what a 3 is.
    """
    ours = game(form, condition).train()
    batch = {"image": pictures(8), "label": LABELS}
    by_g, by_d = heard(ours.generator), heard(ours.discriminator)
    ours.discriminator_loss(batch)
    assert len(by_g) == 1 and len(by_d) == 2
    assert torch.equal(by_d[0], LABELS), "the real ones keep their own"
    assert torch.equal(by_d[1], by_g[0]), "the fakes are judged as what they were asked for"
    ours.generator_loss(batch)
    assert torch.equal(by_d[-1], by_g[-1])
    assert not torch.equal(LABELS, LABELS[torch.randperm(8)]), "the bug is cured elsewhere"


def test_pictures_and_labels_in_two_orders():
    """Two loaders, one for pictures and one for labels, each shuffled by itself: every label is a
    lie, and nothing fails.
    """
    label = torch.arange(40) % 10
    image = (25 * label).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 28, 28).contiguous()
    apart = image[torch.randperm(40)][:, 0, 0, 0].long() // 25
    assert not torch.equal(apart, label[torch.randperm(40)]), "the bug is cured elsewhere"

    ours, seen = game("paper"), []
    loss = ours.discriminator_loss
    ours.discriminator_loss = lambda batch: seen.append(batch) or loss(batch)
    play(ours, {"image": image, "label": label}, 6, batch_size=8)
    assert len(seen) == 6
    for batch in seen:
        assert torch.equal(
            ((batch["image"][:, 0, 0, 0] + 1) * 127.5 / 25).round().long(), batch["label"]
        )


# --- a label as a vector ---


def test_a_label_is_a_name_and_no_amount():
    """`label / 9` as one channel: a 4 is then halfway between a 3 and a 5, and a 9 nine times as
    much as a 1.
    """
    number = torch.arange(10.0)[:, None] / 9
    assert torch.cdist(number, number)[3, 4] < torch.cdist(number, number)[3, 9], (
        "the bug is cured elsewhere"
    )
    rows = as_weights(torch.arange(10), 10)
    apart = torch.cdist(rows, rows)[~torch.eye(10, dtype=torch.bool)]
    assert torch.allclose(apart, apart[0].expand_as(apart))


def test_2_a_softmax_after_the_one_hot():
    """It leaves the right class .23 and each wrong one .09: the label is nearly the same for
    all.
    """
    bug = one_hot(LABELS, 10).float().softmax(1)
    assert bug.max() < 0.25 and torch.cdist(bug, bug).max() < 0.21
    assert torch.equal(as_weights(LABELS, 10), torch.eye(10)[LABELS])


def test_12_one_hot_gives_whole_numbers():
    """torch.one_hot is int64: a layer refuses it, and pasted to float16 features it once made them
    whole numbers.
    """
    with pytest.raises(RuntimeError, match="dtype|Long"):
        nn.Linear(10, 4)(one_hot(LABELS, 10))
    assert as_weights(LABELS, 10).dtype == torch.float32
    features = torch.randn(8, 3, dtype=torch.bfloat16)
    assert join(features, as_weights(LABELS, 10)).dtype == torch.bfloat16


def test_a_label_that_is_no_class():
    """eye[-1] is the last class; a comparison makes a row of zeros; on a GPU an embedding ends the
    process. Ours says so.
    """
    assert torch.equal(torch.eye(10)[torch.tensor([-1])], torch.eye(10)[9:]), (
        "the bug is cured elsewhere"
    )
    ours = game()
    for label in (-1, 10):
        with pytest.raises(CourseError, match=f"label={label}.*0 to 9"):
            ours.sample(2, label=label)
        with pytest.raises(CourseError, match=f"label={label}.*0 to 9"):
            ours.begin({"image": pictures(2), "label": torch.tensor([0, label])})
    with pytest.raises(CourseError, match="bool"):  # True is the int 1 to Python
        ours.sample(2, label=torch.tensor([True, False]))


def test_a_label_dealt_out_over_the_map_by_view():
    """`y.repeat(1, H * W).view(N, K, H, W)` has the right shape, and every class at every other
    place.
    """
    weights = as_weights(LABELS[:2], 10)
    bug = weights.repeat(1, 49).view(2, 10, 7, 7)
    assert bug.std((2, 3)).max() > 0.2, "the bug is cured elsewhere"
    joined = join(torch.randn(2, 3, 7, 7), weights)
    assert joined.shape == (2, 13, 7, 7)
    assert torch.equal(joined[:, 3:], weights[:, :, None, None].expand(2, 10, 7, 7))


# --- chapter 1's bugs, which labels do not cure ---


@each_kind
def test_8_a_discriminator_that_ends_in_a_sigmoid(form, condition):
    """With BCELoss: a sure and wrong D has no gradient left to change its mind.

    Ours ends in a logit.
    """
    logit = torch.full((3,), -120.0, requires_grad=True)
    (lost,) = torch.autograd.grad(binary_cross_entropy(logit.sigmoid(), torch.ones(3)), logit)
    assert not lost.any(), "the bug is cured elsewhere"
    ours = game(form, condition).eval()
    layers = [module for module in ours.discriminator.modules() if isinstance(module, nn.Linear)]
    nn.init.constant_(next(layer for layer in layers if layer.out_features == 1).bias, -120.0)
    logits = ours.discriminator(pictures(8), LABELS)
    assert (logits < -100).all()
    (slope,) = torch.autograd.grad(ours.rules.discriminator(logits, logits)["real"], logits)
    assert torch.allclose(slope, torch.full((8,), -1 / 8))


def test_15_a_picture_that_depends_on_its_neighbours_labels():
    """In train mode an 8 drawn beside 0s is another 8 than one beside 8s: BatchNorm averages over
    what else was asked.
    """
    ours, latent = game().train(), uniform_latents(8, 6, torch.Generator().manual_seed(1))
    before = [norm.running_var.clone() for norm in norms(ours.generator)]
    eights, mixed = torch.full((8,), 8), torch.tensor([8, 0, 0, 0, 0, 0, 0, 0])
    first = [ours.sample(label=label, latent=latent)[0] for label in (eights, mixed)]
    assert torch.allclose(*first, atol=1e-6)
    assert all(
        torch.equal(norm.running_var, value)
        for norm, value in zip(norms(ours.generator), before, strict=True)
    )
    with torch.no_grad():  # the bug
        assert not torch.allclose(
            ours.generator(latent, eights)[0], ours.generator(latent, mixed)[0], atol=1e-3
        )


@pytest.mark.parametrize("condition", ["one-hot", "embedding", "projection"])
def test_16_joined_in_one_batch_the_fakes_change_what_is_said_of_the_real(condition):
    ours = game("conv", condition).train()
    real, fake = pictures(8), -torch.ones(8, 1, 28, 28)
    with torch.no_grad():
        apart = ours.discriminator(real, LABELS)
        joined = ours.discriminator(torch.cat([real, fake]), LABELS.repeat(2))[:8]
    assert not torch.allclose(apart, joined, rtol=1e-2, atol=0), "the bug is cured elsewhere"
    seen = heard(ours.discriminator)
    ours.discriminator_loss({"image": real, "label": LABELS})
    assert [len(labels) for labels in seen] == [8, 8]


def test_18_noise_from_another_box():
    """N(-1, 1) or U(0, 1) where U(-1, 1) is meant; and what is sampled must be drawn as what was
    trained on.
    """
    ours, drawn = game(), []
    ours.generator.register_forward_pre_hook(lambda module, inputs: drawn.append(inputs[0]))
    ours.fake({"image": pictures(8).repeat(50, 1, 1, 1), "label": LABELS.repeat(50)})
    ours.sample(400, seed=0)
    for z in drawn:
        assert -1 <= z.min() < -0.98 and 0.98 < z.max() <= 1 and abs(z.mean()) < 0.05
