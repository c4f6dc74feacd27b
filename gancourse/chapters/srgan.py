"""Chapter 5. SRGAN: photos, four times as large (Ledig et al. 2016, arXiv 1609.04802).

A photo is shrunk, and a network is asked for what it was. Many originals shrink to the same
pixels. A regression answers with their average, which is blurred; a discriminator lets pass only
what could be one of them.

srresnet  regression: the generator by itself, on pixels
srgan     starts from it and plays the game, with a perceptual loss for what pixels cannot say
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import lcm

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_unshuffle
from torch.nn.utils.parametrizations import spectral_norm

from gancourse.bicubic import resize, shrink
from gancourse.conditions import pictures as to_pictures
from gancourse.conditions import require_count
from gancourse.files import CourseError
from gancourse.game import (
    Batch,
    Drawing,
    Game,
    Phase,
    Terms,
    examples,
    falling,
    in_tiles,
    require_rows,
    sampling,
)
from gancourse.losses import LOSSES
from gancourse.recipe import Recipe, setting

__all__ = ["SRGAN", "Compact", "Config", "PaperGenerator", "SRResNet"]

# What a CPU can do in hours instead of a GPU in days; each difference stands with `Compact` and
# `patch_judge`. Small batches and a rate that falls all the way are worth more than width.
LEAN = {"network": "compact", "width": 48, "blocks": 8, "batch_size": 8, "ema": 0.999}
# At such a rate one batch in ten thousand can throw a network without BatchNorm off for good, if
# its gradient is far longer than the others': it is cut to .1, several times the usual length.
REGRESSION = {**LEAN, "pixel": "l1", "lr": 2e-3, "beta2": 0.99, "clip": 0.1, "anneal": 1.0}
GAME = {
    **LEAN, "starts_from": "srresnet", "features": "efficientnet-lite0", "loss": "relativistic",
    "content": 1.0, "adversarial": 0.7, "l1": 1.0, "consistency": 4.0, "grid": 0.2,
    "lr": 2e-4, "lr_d": 1e-4, "beta1_d": 0.5, "anneal": 0.5, "blend": 0.63,
}  # fmt: skip
# The paper's rate falls at once, to a tenth, after the first half of the game.
FORMS: dict[str, dict] = {
    "srresnet": {},
    "srgan": {"starts_from": "srresnet-gpu", "steps": 200_000, "anneal": 0.5},
}
SCALES: dict[str, dict[str, dict]] = {
    "check": {
        "srresnet": {**REGRESSION, "width": 32, "blocks": 4, "steps": 200, "ema": 0.98},
        "srgan": {**GAME, "steps": 40, "batch_size": 4, "ema": 0.9},
    },
    "class": {
        "srresnet": {**REGRESSION, "steps": 2_000, "ema": 0.99},
        "srgan": {**GAME, "steps": 1_000, "ema": 0.99},
    },
    "full": {"srresnet": {**REGRESSION, "steps": 18_000}, "srgan": {**GAME, "steps": 7_000}},
    "gpu": {},
}
EXAMPLES = 16  # small pictures kept with the weights, which `sample` enlarges
FEATURES = ("vgg22", "vgg54", "efficientnet-lite0")
GAME_ONLY = {"form": ("srgan",)}
EXCESS = 0.2  # log power at the period that a crop may have more than its original: a fifth


@dataclass(frozen=True)
class Config(Recipe):
    """Every number of a run. The defaults are the paper's (section 3.2)."""

    chapter, FORMS, SCALES, DEFAULT = "srgan", FORMS, SCALES, "srresnet"
    takes, OWN = "photos", {"split": "train"}

    form: str = "srresnet"
    shape: tuple[int, ...] = setting((3, 96, 96), "of a crop of the originals", least=1)
    pictures: str = "photos"
    steps: int = 1_000_000
    batch_size: int = 16
    scale: int = setting(4, "how many times as large", choices=(2, 3, 4))
    network: str = setting("paper", "the paper's or a lean one", choices=("paper", "compact"))
    width: int = setting(64, "channels of G's maps", least=1)
    blocks: int = setting(16, "residual blocks of G", least=1)
    pixel: str = setting(
        "mse", "difference of pixels", choices=("mse", "l1"), only={"form": ("srresnet",)}
    )
    lr: float = setting(1e-4, "Adam's rate for G", above=0)
    beta1: float = setting(0.9, "Adam's first moment for G", least=0, below=1)
    beta2: float = setting(0.999, "Adam's second moment", least=0, below=1)
    clip: float = setting(
        0.0, "longest gradient of a step; 0: any", least=0, only={"form": ("srresnet",)}
    )
    anneal: float = setting(
        0.0, "last part of the steps, over which rates fall to 0", least=0, most=1
    )
    features: str = setting(
        "vgg54", "network of the perceptual loss", choices=FEATURES, only=GAME_ONLY
    )
    content: float = setting(1.0, "weight of the perceptual loss", least=0, only=GAME_ONLY)
    adversarial: float = setting(1e-3, "weight of the game; 0: no D", least=0, only=GAME_ONLY)
    l1: float = setting(0.0, "weight of the pixel difference in G's loss", least=0, only=GAME_ONLY)
    consistency: float = setting(0.0, "weight of |shrunk output - input|", least=0, only=GAME_ONLY)
    grid: float = setting(0.0, "weight of the grid that G leaves", least=0, only=GAME_ONLY)
    loss: str = setting("non-saturating", "of gancourse.losses", choices=LOSSES, only=GAME_ONLY)
    lr_d: float = setting(1e-4, "Adam's rate for D", above=0, only=GAME_ONLY)
    beta1_d: float = setting(0.9, "Adam's first moment for D", least=0, below=1, only=GAME_ONLY)
    blend: float = setting(
        1.0, "how far from starts_from's weights to the trained ones pictures are drawn", least=0,
        most=1, only=GAME_ONLY, trains=False,
    )  # fmt: skip

    def __post_init__(self):
        super().__post_init__()
        channels, height, side = self.shape
        multiple, least = self.scale, 1
        if self.form == "srgan":
            # The paper's D halves four times; the lean one sees pairs of pixels, 4 px less.
            multiple, least = (48, 48) if self.network == "paper" else (lcm(self.scale, 2), 6)
        if channels != 3 or height != side or side % multiple or side < least:
            raise CourseError(
                f"shape={self.shape}: not (3, side, side) with a side that is a multiple of "
                f"{multiple} px, {max(multiple, least)} or more; give such a shape."
            )
        terms = "content", "adversarial", "l1", "consistency", "grid"
        if self.form == "srgan" and not any(getattr(self, term) for term in terms):
            raise CourseError(
                f"{', '.join(f'{term}=0' for term in terms)}: nothing is left to learn from; give "
                "one of them a weight."
            )

    @property
    def options(self) -> dict:
        """Crops with a border, which is cut off: what is shrunk there sees the crop's edge."""
        return {"side": self.shape[1] + 4 * self.scale}

    @property
    def borrows(self) -> dict[str, str]:
        return {"first": self.starts_from} if self.form == "srgan" and self.starts_from else {}

    @property
    def teachers(self) -> dict[str, str]:
        return {"features": self.features} if self.form == "srgan" and self.content else {}

    def build(self) -> SRResNet:
        """The game with fresh weights, drawn from torch's global random state."""
        return (SRGAN if self.form == "srgan" else SRResNet)(self)


class Residual(nn.Module):
    """x + f(x), f two convolutions of 3 x 3 px: (N, C, h, w) -> the same."""

    def __init__(self, width: int, norm: bool):
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=not norm) for _ in range(2))
        norms = [nn.BatchNorm2d(width), nn.BatchNorm2d(width)] if norm else [nn.Identity()] * 2
        self.change = nn.Sequential(first, norms[0], nn.PReLU(), second, norms[1])
        if not norm:
            # Small at first, as if the block were not there: what BatchNorm's statistics did for
            # deep sums, the start does by itself (Zhang et al. 2019, Fixup).
            nn.init.kaiming_normal_(second.weight)
            second.weight.data *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


class PaperGenerator(nn.Module):
    """SRResNet (section 2.1.1 and figure 4): (N, 3, h, w) -> (N, 3, scale h, scale w).

    All work is done on the small picture. Two layers at the end make it twice as large each: a
    convolution gives four values per pixel, which PixelShuffle lays out as 2 x 2 pixels.
    """

    def __init__(self, scale: int, width: int = 64, blocks: int = 16):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*(Residual(width, norm=True) for _ in range(blocks)))
        self.body.append(nn.Conv2d(width, width, 3, padding=1, bias=False))
        self.body.append(nn.BatchNorm2d(width))
        steps = (2, 2) if scale == 4 else (scale,)
        self.tail = nn.Sequential()
        for step in steps:
            self.tail.append(nn.Conv2d(width, width * step**2, 3, padding=1))
            self.tail.extend([nn.PixelShuffle(step), nn.PReLU()])
        self.tail.append(nn.Conv2d(width, 3, 9, padding=4))

    def forward(self, low: Tensor) -> Tensor:
        x = self.head((low + 1) / 2)  # the paper's range: [0, 1] in, [-1, 1] out (section 3.2)
        return self.tail(x + self.body(x))


class Compact(nn.Module):
    """A lean SRResNet, for a CPU: (N, 3, h, w) -> (N, 3, scale h, scale w).

    Five differences from the paper's network, each for the same quality in less time:

    - no BatchNorm: it ties a pixel to the contrast of its batch (Lim et al. 2017, EDSR,
      section 3.1);
    - a first layer of 3 x 3 px, and half as many blocks;
    - one PixelShuffle straight to the size (Shi et al. 2016, ESPCN): the paper's tail
      takes more than a third of its multiplications;
    - two small convolutions at full size, because PixelShuffle alone leaves a grid of
      its own period that only a layer above it can see (Odena et al. 2016);
    - the picture enlarged bilinearly is added, so that only detail is to be learned
      (Kim et al. 2016, VDSR, section 3.2).
    """

    def __init__(self, scale: int, width: int, blocks: int, fine: int = 16):
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(Residual(width, norm=False) for _ in range(blocks)))
        self.body.append(nn.Conv2d(width, width, 3, padding=1))
        spread = nn.Conv2d(width, 3 * scale**2, 3, padding=1)
        self.tail = nn.Sequential(nn.PReLU(), spread, nn.PixelShuffle(scale))
        last = nn.Conv2d(fine, 3, 3, padding=1)
        first = nn.Conv2d(3, fine, 3, padding=1)
        self.fine = nn.Sequential(first, nn.LeakyReLU(0.2), last)
        spread.weight.data *= 0.1
        for layer in (spread, last):
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(last.weight)

    def forward(self, low: Tensor) -> Tensor:
        x = self.head(low)
        detail = self.tail(x + self.body(x))  # (N, 3, scale h, scale w)
        smooth = interpolate(low, scale_factor=self.scale, mode="bilinear")
        high = smooth + detail
        return high + self.fine(high)


def dense_judge(side: int, width: int = 64) -> nn.Module:
    """The paper's discriminator (section 2.1.2 and figure 4): (N, 3, side, side) -> logits (N, 1).

    Eight convolutions, every second of which halves the picture, then 1024 units.
    """
    widths = [width << i for i in range(4) for _ in range(2)]  # 64 64 128 128 256 256 512 512
    layers, below = [], 3
    for i, above in enumerate(widths):
        layers.append(nn.Conv2d(below, above, 3, 1 + i % 2, 1, bias=not i))
        layers += [nn.BatchNorm2d(above)] if i else []
        layers.append(nn.LeakyReLU(0.2))
        below = above
    size = below * (side // 16) ** 2
    dense = nn.Flatten(), nn.Linear(size, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)
    return nn.Sequential(*layers, *dense)


def patch_judge(width: int = 32) -> nn.Module:
    """A lean discriminator: (N, 3, H, W) -> a logit for each patch (N, 1, H / 8, W / 8).

    Texture is local, so a verdict per patch says more than one per picture (chapter 6). Spectral
    normalisation bounds D's slope instead of BatchNorm (Miyato et al. 2018), and 2 x 2 pixels
    become channels at once, which quarters the work.
    """
    shapes = (12, 1, 1), (1, 2, 2), (2, 3, 2), (3, 3, 1)  # channels below and above, stride
    layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
    for below, above, stride in shapes:
        below = below if below == 12 else below * width
        layers.append(spectral_norm(nn.Conv2d(below, above * width, 3, stride, 1)))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Conv2d(3 * width, 1, 3, padding=1))


def grid(made: Tensor, true: Tensor, scale: int) -> Tensor:
    """How far outputs differ from the originals in the two ways in which a grid shows.

    PixelShuffle makes each place within an input pixel by weights of its own. If these
    do not agree, some places get more detail than others, such as dots that all lie at
    one of them, or rows of pixels swing at the grid's period. Both are ratios, compared
    as logs. The swing must be right over the batch, and in no crop too strong: a weave
    on dim rock would be lost among the edges of another crop.
    (N, 3, S, S) twice -> one number.
    """
    details = detail_by_place(made, scale) - detail_by_place(true, scale)
    powers = line_power(made), line_power(true)
    batch = heights(powers[0].mean(1), scale) - heights(powers[1].mean(1), scale)
    crops = heights(powers[0], scale) - heights(powers[1], scale)
    return details.abs().mean() + batch.abs().mean() + (crops - EXCESS).relu().mean()


def detail_by_place(x: Tensor, scale: int) -> Tensor:
    """log of each place's mean squared detail over that of all: (N, 3, S, S) -> (N, 3, scale^2).

    What is far below a shade of 255 counts as none.
    """
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    detail = pad(x[..., 1:-1, 1:-1] - around / 4, (1, 1, 1, 1))
    whole = detail[..., scale:-scale, scale:-scale]  # without the cells at the edge
    whole = whole if whole.numel() else detail
    power = pixel_unshuffle(whole.square(), scale).mean((2, 3)).unflatten(1, (3, -1))
    power = (power + 1e-5).log()
    return power - power.mean(2, keepdim=True)


def line_power(x: Tensor) -> Tensor:
    """Power of rows and of columns by frequency: (N, 3, S, S) -> (2, N, 3, S), rows first."""
    window = torch.hann_window(x.shape[3], device=x.device)
    both = torch.stack([x, x.transpose(2, 3)])
    return torch.fft.fft(both * window).abs().square().mean(3)


def heights(power: Tensor, scale: int) -> Tensor:
    """log power at the grid's periods over that beside: (..., S) -> (K, ...).

    A grid of 4 px has periods of 4 and 2 px.
    """
    side, power = power.shape[-1], (power + 1e-2).log()
    found = []
    for period in (period for period in range(2, scale + 1) if scale % period == 0):
        at = side // period
        beside = [(at + bins) % side for bins in (-3, -2, 2, 3)]  # +-1 holds a part of it
        found.append(power[..., at] - power[..., beside].mean(-1))
    return torch.stack(found)


class SRResNet(Game):
    """A network that enlarges, and one phase: come as near to the original as you can.

    Data hold "image", crops (N, 3, S, S). `augment` leaves "image" and makes "low", what a
    camera of a quarter of the resolution would have seen, rounded to bytes as files are.
    """

    averaged = ("generator",)

    def __init__(self, config: Config):
        super().__init__(config)
        network = PaperGenerator if config.network == "paper" else Compact
        self.generator = network(config.scale, config.width, config.blocks)
        small = config.shape[1] // config.scale
        white = torch.full((EXAMPLES, 3, small, small), 255, dtype=torch.uint8)
        self.register_buffer("examples", white)

    def begin(self, data) -> None:
        side = self.config.options["side"]
        require_rows(data, {"image": (3, side, side)})
        crops = examples(data, "image", EXAMPLES)
        low = self.halve(crops / 127.5 - 1)["low"]
        self.examples.copy_(((low + 1) * 127.5).round())

    def halve(self, image: Tensor) -> Batch:
        """A crop with its border -> "image" without it, and "low", shrunk."""
        scale = self.config.scale
        low = (shrink(image, scale).clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1
        border = slice(2 * scale, -2 * scale)
        return {"image": image[:, :, border, border], "low": low[:, :, 2:-2, 2:-2]}

    def augment(self, batch: Batch) -> Batch:
        """Mirror and turn each crop at random, in eight ways, then shrink it."""
        image = batch["image"]
        draws = torch.rand(3, len(image), 1, 1, 1, device=image.device) < 0.5
        turns = partial(torch.flip, dims=[2]), partial(torch.flip, dims=[3]), torch.adjoint
        for draw, turn in zip(draws, turns, strict=True):  # each turns what the last one left
            image = torch.where(draw, turn(image), image)
        return self.halve(image)

    def phases(self) -> list[Phase]:
        adam = self.learn(self.config.lr, self.config.beta1)
        clip = self.config.clip or None
        return [self.turn("generator", self.regression, *adam, clip=clip)]

    def learn(self, lr: float, beta1: float) -> tuple[Callable, Callable]:
        """Adam, and its schedule."""
        steps, part = self.config.steps, self.config.anneal
        adam = partial(torch.optim.Adam, lr=lr, betas=(beta1, self.config.beta2))
        return adam, partial(falling, lr, steps=steps, last=int(part * steps))

    def regression(self, batch: Batch) -> Terms:
        difference = self.generator(batch["low"]) - batch["image"]
        if self.config.pixel == "l1":
            return {"l1": difference.abs().mean()}
        return {"mse": difference.square().mean()}

    def network(self) -> nn.Module:
        """What enlarges: (N, 3, h, w) -> (N, 3, scale h, scale w), which may leave [-1, 1]."""
        return self.generator

    @property
    def reach(self) -> int:
        """Pixels of the small picture to each side on which an output can depend (at most)."""
        layers = self.generator.modules()
        return 1 + sum(each.kernel_size[0] // 2 for each in layers if isinstance(each, nn.Conv2d))

    def upscale(self, given: Tensor, scale: int | None = None) -> Tensor:
        """Pictures (N, 3, H, W) -> enlarged ones (N, 3, scale H, scale W) in [-1, 1].

        Args:
            given: uint8, or floats in [-1, 1].
            scale: at most the network's own, the default; what is made is then shrunk to it.

        Raises:
            CourseError: the network makes no such scale; see `gancourse.conditions.pictures`.
        """
        own = self.config.scale
        scale = own if scale is None else scale
        if scale not in range(1, own + 1):
            raise CourseError(
                f"scale={scale!r}: this network enlarges {own} times; give a whole number from 1 "
                f"to {own}."
            )
        x = to_pictures(given, 3).float()
        with sampling(self):
            network = self.network()

            def run(tile: Tensor) -> Tensor:
                return network(tile.to(self.device)).float()

            side = max(256, 4 * self.reach)
            high = torch.stack([in_tiles(run, picture, side, self.reach) for picture in x])
            if scale != own:
                high = resize(high, (scale * x.shape[2], scale * x.shape[3]))
        return high.clamp(-1, 1)

    def drawing(self) -> Drawing:
        return Drawing(self.network(), {"low": torch.zeros(1, 3, 16, 16)}, {"low": (2, 3)})

    def sample(self, n: int | None = None, *, seed: int = 0) -> Tensor:
        """The kept examples enlarged, (n, 3, S, S) in [-1, 1], in turn; `seed` changes nothing."""
        n = EXAMPLES if n is None else n
        require_count(n)
        return self.upscale(self.examples[torch.arange(n) % EXAMPLES].cpu())

    def preview(self) -> Tensor:
        return self.sample()


class SRGAN(SRResNet):
    """SRResNet's network goes on against a discriminator (section 2.2).

    Its loss is five terms, of which the paper has the first two:

    - content: the difference of features, which do not mind where exactly a blade of grass lies;
    - the game;
    - l1: of pixels;
    - consistency: what is made, shrunk again, must be what was given;
    - grid: nothing may show where one pixel of the input ends and the next begins.
    """

    def __init__(self, config: Config):
        super().__init__(config)
        self.rules = LOSSES[config.loss]
        if config.adversarial:
            paper = config.network == "paper"
            self.discriminator = dense_judge(config.shape[1]) if paper else patch_judge()

    def phases(self) -> list[Phase]:
        config = self.config
        player = self.learn(config.lr, config.beta1)
        phases = [self.turn("generator", self.generator_loss, *player)]
        if config.adversarial:
            judge = self.learn(config.lr_d, config.beta1_d)
            phases.insert(0, self.turn("discriminator", self.discriminator_loss, *judge))
        return phases

    def share(self, batch: Batch) -> Batch:
        """One output for both turns, and where its judges look: each step begins elsewhere.

        Networks with strides see a pixel's place in their grid. If the crops always began
        at the same place, G would learn that grid.
        """
        top, left = torch.randint(4, (2,)).tolist()
        output = self.generator(batch["low"]).float()  # 16 bits would lose grey levels
        views = {"made": output, "true": batch["image"]}
        size = [side - 4 for side in output.shape[2:]]
        cut = slice(top, top + size[0]), slice(left, left + size[1])
        if self.config.network == "paper":  # its D has one size
            cut = slice(None), slice(None)
        views = {name: view[:, :, cut[0], cut[1]] for name, view in views.items()}
        return {**batch, "output": output, **views}

    def discriminator_loss(self, batch: Batch) -> Terms:
        real = self.discriminator(batch["true"])
        return self.rules.discriminator(real, self.discriminator(batch["made"].detach()))

    def generator_loss(self, batch: Batch) -> Terms:
        config, output, terms = self.config, batch["output"], {}
        if config.content:
            terms["content"] = self.borrowed["features"].distance(batch["made"], batch["true"])
        if config.adversarial:
            real = self.discriminator(batch["true"]).detach() if self.rules.pairs else None
            (won,) = self.rules.generator(self.discriminator(batch["made"]), real).values()
            terms["adversarial"] = won
        if config.l1:
            terms["l1"] = (output - batch["image"]).abs().mean()
        if config.consistency:
            terms["consistency"] = (shrink(output, config.scale) - batch["low"]).abs().mean()
        if config.grid:
            terms["grid"] = grid(output, batch["image"], config.scale)
        return {name: getattr(config, name) * term for name, term in terms.items()}

    def network(self, blend: float | None = None) -> nn.Module:
        """What enlarges, with weights between those of the regression (0) and of the game (1).

        Wang et al. 2018 (ESRGAN), section 3.4: interpolating weights, unlike pictures, removes the
        game's excesses first, and its detail later.

        Args:
            blend: 0 to 1 (default: the Config's; 1 for a game that started from no other).

        Raises:
            CourseError: another number, or there is no regression to blend with.
        """
        if blend is None:
            blend = self.config.blend if "first" in self.borrowed else 1.0
        if not 0 <= blend <= 1:
            raise CourseError(f"blend={blend}: out of range; give 0 (regression) to 1 (game).")
        if blend == 1:
            return self.generator
        if "first" not in self.borrowed:
            raise CourseError(
                f"blend={blend}: this game started from no other, so that there is nothing to "
                "blend with; leave it out, or train with starts_from=srresnet."
            )
        between = copy.deepcopy(self.generator)
        ends = between.state_dict(), self.borrowed["first"].generator.state_dict()
        for value, first in zip(*(end.values() for end in ends), strict=True):
            if value.is_floating_point():
                value.lerp_(first, 1 - blend)
        return between
