"""Museum, chapter 5's exhibits: each bug as ports of SRGAN have it, what it does, and that ours
does not.

Numbers as in the museum's list: 6 a perceptual loss without a gradient, 8 sigmoid and log, 15
pictures drawn in train mode, 19 features of pictures that were not normalised, 20 a PSNR that no
paper means, 22 clamp in a loss.
Every exhibit is a check that our game or score passes and that a copy of it with the bug in does
not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, interpolate, pad

from gancourse import models
from gancourse.bicubic import enlarge, shrink
from gancourse.chapters.srgan import SRGAN, Config, SRResNet
from gancourse.data import load
from gancourse.data.photos import Photos
from gancourse.features import IMAGENET, Features, Vgg
from gancourse.game import to_float
from gancourse.metrics.restoration import degrade, psnr

SIDE = 16
TERMS = ("content", "adversarial", "l1", "consistency", "grid")


@cache
def photos() -> Photos:
    return load("photos", "test", side=160, source="bundled")


def game(kind: type[SRGAN] = SRGAN, **weights) -> SRGAN:
    """A small game of the named terms alone, each with its weight."""
    numbers = {**dict.fromkeys(TERMS, 0.0), **weights}
    config = Config.at(
        "check", "srgan", width=4, blocks=1, shape=(3, SIDE, SIDE), starts_from="", **numbers
    )
    ours = models.begin(config, 0)
    ours.__class__ = kind
    ours.requires_grad_(False).generator.requires_grad_(True)
    return ours


def batch_of(ours: SRGAN) -> dict[str, Tensor]:
    crops = photos().crops(SIDE + 16)
    given = torch.stack([crops[i]["image"] for i in range(len(crops))])
    return ours.share(ours.halve(to_float({"image": given})["image"]))


def caught(check: Callable, *bugged) -> bool:
    """Whether a check that ours passes refuses this copy."""
    try:
        check(*bugged)
    except AssertionError:
        return True
    return False


# The generator's loss


class Wrapped(SRGAN):
    """`torch.Tensor([loss])`, or `.item()` on the way: the number is right, and only a number."""

    def generator_loss(self, batch):
        terms = super().generator_loss(batch)
        return {**terms, "content": torch.Tensor([terms["content"].item()])}


def test_6_a_perceptual_loss_wrapped_in_a_new_tensor():
    """Nothing stops as long as another term has a gradient: the curve of the perceptual loss looks
    right, and no weight ever hears of it.
    """

    def pulls_the_generator(kind: type[SRGAN]) -> None:
        gradients = []
        for content in (0.0, 1.0):
            ours = game(kind, content=1.0, l1=1.0)
            terms = ours.generator_loss(batch_of(ours))
            assert terms["content"] > 0
            loss = terms["l1"] + content * terms["content"]
            last = ours.generator.fine[-1].weight
            gradients.append(torch.autograd.grad(loss.sum(), last)[0])
        assert not torch.equal(*gradients)

    pulls_the_generator(SRGAN)
    assert caught(pulls_the_generator, Wrapped)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_8_a_sigmoid_where_logits_belong(loss):
    """BCELoss guards its logarithm against a probability of 0, and pulls no more where D is sure.
    A loss on logits that is handed a probability hardly pulls either.
    """

    def learns_from_a_sure_discriminator(judged: Callable[[Tensor], Tensor]) -> None:
        u = torch.tensor([-40.0], requires_grad=True)  # of a made picture
        judged(u).backward()
        assert u.grad.item() == pytest.approx(-1, abs=1e-3)

    def ours(u: Tensor) -> Tensor:
        (term,) = game(adversarial=1.0, loss=loss).rules.generator(u, torch.zeros(1)).values()
        return term

    def probabilities(u: Tensor) -> Tensor:
        p = torch.sigmoid(u)
        return binary_cross_entropy(p, torch.ones_like(p))

    def both(u: Tensor) -> Tensor:
        return ours(torch.sigmoid(u))

    learns_from_a_sure_discriminator(ours)
    for bug in (probabilities, both):
        assert caught(learns_from_a_sure_discriminator, bug)


def test_8_a_discriminator_that_ends_in_a_sigmoid_pays_for_being_right():
    """A loss on logits takes its 0 to 1 for logits: the best that it can say costs 1.006 nats."""

    def pays_nothing_for_being_right(ours: SRGAN) -> None:
        batch = batch_of(ours)
        for layer in ours.discriminator:
            if isinstance(layer, nn.Conv2d):
                last = layer
        nn.init.zeros_(last.weight)
        verdicts = []
        for name, logit in (("true", 30.0), ("made", -30.0)):
            nn.init.constant_(last.bias, logit)
            verdicts.append(ours.discriminator(batch[name]))
        assert sum(ours.rules.discriminator(*verdicts).values()) < 1e-6

    pays_nothing_for_being_right(game(adversarial=1.0, loss="non-saturating"))
    bug = game(adversarial=1.0, loss="non-saturating")
    bug.discriminator.append(nn.Sigmoid())
    assert caught(pays_nothing_for_being_right, bug)


class Clamped(SRGAN):
    """Brings the output to [-1, 1] before it is compared, as a file would."""

    def share(self, batch):
        batch = super().share(batch)
        return {**batch, **{name: batch[name].clamp(-1, 1) for name in ("output", "made")}}


@pytest.mark.parametrize("term", TERMS)
def test_22_clamp_in_a_loss_gives_no_gradient_outside(term):
    """White that came out whiter than white is never told so: those pixels stay where they are."""

    def brings_back_what_is_too_bright(kind: type[SRGAN]) -> None:
        ours = game(kind, **{term: 1.0})
        ours.generator.fine[-1].bias.data += 3.0  # all of the output is above 1
        terms = ours.generator_loss(batch_of(ours))
        sum(terms.values()).backward()
        assert ours.generator.fine[-1].weight.grad.abs().sum() > 0

    brings_back_what_is_too_bright(SRGAN)
    assert caught(brings_back_what_is_too_bright, Clamped)


def test_22_what_is_drawn_is_clamped_and_what_is_learned_from_is_not():
    ours = game(l1=1.0)
    ours.generator.fine[-1].bias.data += 3.0
    batch = batch_of(ours)
    assert batch["output"].min() > 1
    assert ours.upscale(batch["low"]).max() == 1


# Features


def tiny_vgg(kind: type[Vgg] = Vgg) -> Vgg:
    """VGG's first two convolutions with random weights; no download."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
    return kind(nn.Sequential(*layers)).requires_grad_(False).eval()


def test_19_features_of_pictures_that_were_not_normalised():
    """The network was trained on photos of mean 0 and deviation 1 in each channel. Any other range
    gives numbers too, and a loss that falls: of features that mean nothing.
    """

    class Raw(Vgg):
        """What G makes, -1 to 1."""

        def forward(self, pictures):
            return [self.layers(pictures)]

    class HalfWay(Vgg):
        """0 to 1, as most data loaders give."""

        def forward(self, pictures):
            return [self.layers((pictures + 1) / 2)]

    class Bytes(Vgg):
        """0 to 255, as the older VGG of Caffe took."""

        def forward(self, pictures):
            return [self.layers((pictures + 1) * 127.5)]

    class Unshifted(Vgg):
        """ImageNet's mean and deviation, applied to -1 to 1."""

        def forward(self, pictures):
            return [self.layers((pictures - self.mean) / self.deviation)]

    def sees_imagenets_average_as_zero(network: Features) -> None:
        given = []
        hook = network.layers[0].register_forward_pre_hook(
            lambda module, inputs: given.append(inputs[0])
        )
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
        for picture in (mean, mean + deviation):
            network((2 * picture - 1).expand(1, 3, 4, 4))
        hook.remove()
        for seen, level in zip(given, (0.0, 1.0), strict=True):
            assert (seen - level).abs().max() < 1e-5

    sees_imagenets_average_as_zero(tiny_vgg())
    for bug in (Raw, HalfWay, Bytes, Unshifted):
        assert caught(sees_imagenets_average_as_zero, tiny_vgg(bug))
    true = photos()[0]["image"][None] / 127.5 - 1
    blurred = enlarge(shrink(true, 4), 4)
    right, *wrong = (
        tiny_vgg(kind).distance(blurred, true).item() for kind in (Vgg, HalfWay, Bytes)
    )
    # The weight of a loss, of which the paper states one, is off as well.
    assert wrong[0] < right / 10 and wrong[1] > 100 * right


# Scores


def decibels(a: Tensor, b: Tensor) -> Tensor:
    return 10 * (255**2 / (a - b).square().flatten(1).mean(1)).log10()


def on_rgb(made: Tensor, true: Tensor) -> float:
    made, true = (each.double()[..., 4:-4, 4:-4] for each in (made, true))
    return decibels(made, true).mean().item()


def on_y(made: Tensor, true: Tensor, weights: Tensor) -> float:
    made, true = (
        torch.einsum("c,nchw->nhw", weights, each.double())[..., 4:-4, 4:-4]
        for each in (made, true)
    )
    return decibels(made, true).mean().item()


BT_601 = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64) / 255  # 16 to 235


def on_full_range(made: Tensor, true: Tensor) -> float:
    """Y of JPEG files, 0 to 255, which most libraries call luma or grey."""
    return on_y(made, true, torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64))


def with_the_border(made: Tensor, true: Tensor) -> float:
    return psnr(made, true, border=0)


@cache
def enlarged() -> list[tuple[Tensor, Tensor]]:
    """The whole test photos, enlarged bicubically, and what they should be."""
    pairs = []
    for i in range(len(photos())):
        low, true = degrade(photos().photo(i)[None], 4)
        made = enlarge(low.double(), 4).round().clamp(0, 255).byte()
        pairs.append((made, true))
    return pairs


def mean_of(score: Callable[[Tensor, Tensor], float]) -> float:
    found = [score(made, true) for made, true in enlarged()]
    return sum(found) / len(found)


def test_20_a_psnr_that_no_paper_means():
    """On photos enlarged bicubically. RGB costs about as much as SRResNet's lead over bicubic on
    BSD100 (1.64 dB): whoever compares such a number with a paper's sees no progress, or too much.
    """

    def is_the_papers(score: Callable[[Tensor, Tensor], float]) -> None:
        for made, true in enlarged():
            assert score(made, true) == pytest.approx(on_y(made, true, BT_601), abs=1e-3)

    is_the_papers(psnr)
    bugs = {on_rgb: -1.451, on_full_range: -1.322, with_the_border: 0.055}
    for bug, difference in bugs.items():
        assert caught(is_the_papers, bug)
        assert mean_of(bug) - mean_of(psnr) == pytest.approx(difference, abs=0.002)


def test_20_full_range_y_is_the_same_error_on_a_longer_scale():
    """219 levels against 255, whatever the pictures: 20 log10(219 / 255) dB."""
    for made, true in enlarged():
        difference = on_full_range(made, true) - psnr(made, true)
        assert difference == pytest.approx(20 * math.log10(219 / 255), abs=1e-3)


def test_20_the_border_alone_can_decide():
    """What a method believes to lie beyond the picture shows in the outermost pixels alone."""
    true = torch.zeros(1, 3, 48, 48, dtype=torch.uint8)
    true[..., 20:28, 20:28] = 255
    made = true.clone()
    made[..., :4, :] = 60
    assert psnr(made, true) == math.inf and with_the_border(made, true) < 26


# Pictures, given and made


def test_low_resolution_by_another_filter():
    """`interpolate` without antialiasing reads 4 of every 16 samples of a line, so that detail
    comes out as coarse patterns. A network learns to undo that, and fails on what a paper gave.
    """

    def plain(photo: Tensor) -> Tensor:
        low = interpolate(photo[None], scale_factor=0.25, mode="bicubic", align_corners=False)
        return low[0].clamp(0, 255).round()

    def ours(photo: Tensor) -> Tensor:
        """The game's own, put back where it was cut from."""
        low = game(l1=1.0).halve(photo[None] / 127.5 - 1)["low"][0]
        return pad((low + 1) * 127.5, (2, 2, 2, 2))

    def shrinks_as_the_papers_do(halve: Callable[[Tensor], Tensor]) -> None:
        for i in range(len(photos())):
            low, true = degrade(photos().photo(i)[None], 4)
            found = halve(true[0].float())
            assert (found - low[0])[:, 2:-2, 2:-2].abs().max() < 1.01, "but for a rounded half"

    shrinks_as_the_papers_do(ours)
    assert caught(shrinks_as_the_papers_do, plain)
    assert caught(shrinks_as_the_papers_do, lambda photo: photo[:, ::4, ::4])
    for made, true in enlarged():
        low = plain(true[0].double())
        aliased = enlarge(low, 4).round().clamp(0, 255).byte()[None]
        assert psnr(aliased, true) < psnr(made, true) - 0.8, "bicubic itself loses by it"


def test_turns_that_do_not_add_up():
    """Mirrored, upside down, transposed: each drawn by itself, but made from the first picture. The
    last one wins, and four of the eight ways never come.
    """

    class OfTheFirst(SRGAN):
        def augment(self, batch):
            image = first = batch["image"]
            draws = torch.rand(3, len(image), 1, 1, 1) < 0.5
            for draw, other in zip(draws, (first.flip(2), first.flip(3), first.mT), strict=True):
                image = torch.where(draw, other, image)
            return self.halve(image)

    def turns_in_eight_ways(kind: type[SRGAN]) -> None:
        ours = game(kind, l1=1.0)
        crop = photos().crops(ours.config.options["side"])[0]["image"]
        images = ours.augment(to_float({"image": crop.expand(400, -1, -1, -1)}))["image"]
        _, counts = images.flatten(1).unique(dim=0, return_counts=True)
        assert len(counts) == 8 and counts.min() > 25

    turns_in_eight_ways(SRGAN)
    assert caught(turns_in_eight_ways, OfTheFirst)


def test_15_enlarged_in_train_mode():
    """BatchNorm then takes the statistics of the picture at hand: what is made of a part depends on
    what else is in the picture, and tiles show as squares.
    """

    class InTrainMode(SRResNet):
        def upscale(self, given, scale=None):
            with torch.no_grad():
                return self.generator.train()(given / 127.5 - 1).clamp(-1, 1)

    def makes_a_part_as_in_the_whole(kind: type[SRResNet]) -> None:
        torch.manual_seed(0)
        ours = kind(Config(network="paper", width=4, blocks=1))
        for _ in range(3):  # averages need something to average
            ours.generator.train()(torch.rand(4, 3, 12, 12) * 2 - 1)
        low = photos()[0]["image"][None, :, :50, :50]
        whole, part = ours.upscale(low), ours.upscale(low[:, :, :34, :34])
        cut = slice(0, 4 * (34 - ours.reach))
        torch.testing.assert_close(whole[:, :, cut, cut], part[:, :, cut, cut])

    makes_a_part_as_in_the_whole(SRResNet)
    assert caught(makes_a_part_as_in_the_whole, InTrainMode)
