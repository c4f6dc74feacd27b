"""Chapter 6. Pix2Pix: image-to-image translation (Isola et al. 2016, arXiv 1611.07004).

Pairs instead of single pictures: the generator is given a picture and makes another, and
the discriminator sees both. A known answer also allows a plain regression, L1, which gets
the large shapes right and leaves the decisions to the game.

unet             an encoder and a decoder, with skips between maps of one size
encoder-decoder  the same without skips: everything must pass the bottleneck
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from gancourse.conditions import pictures, require_count
from gancourse.files import CourseError
from gancourse.game import (
    Batch,
    Drawing,
    Game,
    Phase,
    Terms,
    examples,
    falling,
    in_parts,
    require_rows,
    sampling,
)
from gancourse.layers import Noise, dcgan_init, receptive_field
from gancourse.losses import LOSSES
from gancourse.recipe import Recipe, setting

__all__ = ["Config", "Pix2Pix", "UNet", "jitter", "patch_discriminator", "receptive_field"]

EMOJI = {"pictures": "emoji", "inputs": 1, "norm": "instance", "batch_size": 4, "ema": 0.999}
# Short runs want a larger batch and rate, and then statistics that do not depend on who
# else is in the batch. The jitter is the paper's, scaled to 64 px; without it a network of
# width 32 knew its training pairs by heart after 2,000 steps. In the 150 steps of the
# smallest scale hardly any pair is seen twice.
SHORT = {"shape": (3, 64, 64), "norm": "instance", "patch": 34}
CHECK = {"lr": 2e-3, "width": 16, "batch_size": 8, "steps": 150, "ema": 0.98, "enlarge": 0}
CLASS = {"lr": 1e-3, "width": 24, "batch_size": 16, "steps": 1_500, "ema": 0.998, "enlarge": 8}
FORMS: dict[str, dict] = dict.fromkeys(("unet", "encoder-decoder"), {**EMOJI, "steps": 58_000})
SCALES: dict[str, dict[str, dict]] = {
    "check": dict.fromkeys(FORMS, {**SHORT, **CHECK}),
    "class": dict.fromkeys(FORMS, {**SHORT, **CLASS}),
    "full": dict.fromkeys(FORMS, {**SHORT, **CLASS, "patch": 16, "steps": 4_000}),
    "gpu": {},
}
# Receptive field of one logit in px -> how many of D's convolutions halve the picture.
PATCHES = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
SIDES = (32, 64, 128, 256)
EXAMPLES = 32  # inputs kept with the weights: with their translations a sheet of 8 x 8
UNPAIRED = ("non-saturating", "minimax", "least-squares", "hinge")


@dataclass(frozen=True)
class Config(Recipe):
    """Every number of a run. The defaults are the paper's (section 3.3 and appendix 6).

    `noise` is dropout in the first three blocks of the decoder. It stays on when pictures
    are drawn: it is the latent. `norm`: "batch" takes the statistics of the batch at hand,
    when drawing too, as in the paper, so pictures are translated one at a time; "running"
    takes averages of the training batches; "instance" each picture by itself, which at
    batch size 1 is the same as "batch".
    """

    chapter, FORMS, SCALES, DEFAULT = "pix2pix", FORMS, SCALES, "unet"
    takes, OWN = "pairs", {"split": "train"}

    form: str = "unet"
    shape: tuple[int, ...] = setting((3, 256, 256), "of the output: (1 or 3, side, side)", least=1)
    pictures: str = "facades"
    steps: int = 80_000  # 200 epochs of the 400 facades
    loss: str = setting("non-saturating", "of gancourse.losses", choices=UNPAIRED)
    adversarial: float = setting(
        1.0, "weight of the game in G's loss; 0: no discriminator", least=0
    )
    l1: float = setting(100.0, "weight of |target - output|; 0: none", least=0)
    conditional: bool = setting(True, "D sees the input beside the picture that it judges")
    patch: int = setting(70, "px that one logit of D sees", choices=PATCHES)
    inputs: int = setting(3, "channels of the input picture", least=1)
    width: int = setting(64, "channels of the first maps of G and D", least=1)
    noise: float = setting(0.5, "dropout in the decoder", least=0, below=1)
    norm: str = setting("batch", "of the maps", choices=("batch", "running", "instance"))
    enlarge: int = setting(30, "jitter: px by which pairs are enlarged, then cut", least=0)
    flip: bool = setting(True, "jitter: mirror half of the pairs")
    lr: float = setting(2e-4, "Adam's rate; it falls to 0 over the second half", above=0)
    beta1: float = setting(0.5, "Adam's first moment", least=0, below=1)

    def __post_init__(self):
        super().__post_init__()
        channels, height, side = self.shape
        if channels not in (1, 3) or height != side or side not in SIDES:
            raise CourseError(
                f"shape={self.shape}: not (1 or 3, side, side) with a side of "
                f"{', '.join(map(str, SIDES))} px; give such a shape."
            )
        if not (self.adversarial or self.l1):
            raise CourseError(
                "adversarial=0, l1=0: nothing is left to learn from; give one of them."
            )
        fits = [patch for patch, halvings in PATCHES.items() if side >> halvings >= 4]
        if self.adversarial and self.patch not in fits:
            raise CourseError(
                f"patch={self.patch}: halves pictures of {side} px until nothing is left; "
                f"give patch={fits[-1]} or less."
            )

    @property
    def options(self) -> dict:
        return {"size": self.shape[1]}

    def suited(self, data) -> Self:
        return replace(super().suited(data), inputs=data["input"].shape[1])

    def build(self) -> Pix2Pix:
        """The game with fresh weights, drawn from torch's global random state."""
        return Pix2Pix(self)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": partial(nn.BatchNorm2d, track_running_stats=False),
    "running": nn.BatchNorm2d,
    "instance": lambda channels: nn.GroupNorm(channels, channels),  # InstanceNorm2d, but faster
}


class UNet(nn.Module):
    """Halve the picture down to 1 x 1 px, then double it back (appendix 6.1.1).

    (N, inputs, side, side) -> (N, outputs, side, side). C64-C128-C256-C512-... down and
    back up, with `width` for 64. A skip hands each map of the encoder to the block of
    the decoder that doubles a map of its size: a line need not pass the bottleneck.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, width: int,
        noise: float, norm: str, skips: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.skips, self.stride = skips, side
        widths = [min(width << i, 8 * width) for i in range(int(math.log2(side)))]
        self.down = nn.ModuleList()
        for above, below in pairwise([inputs, *widths]):
            # No norm on the first map, and none on the last: of one pixel it leaves 0.
            bare = len(self.down) in (0, len(widths) - 1)
            block = nn.Sequential(nn.Conv2d(above, below, 4, 2, 1, bias=bare))
            block.extend([] if bare else [NORMS[norm](below)])
            self.down.append(block.append(nn.LeakyReLU(0.2)))
        self.up = nn.ModuleList()
        for below, above in pairwise(reversed(widths)):
            below *= 2 if skips and self.up else 1
            double = nn.ConvTranspose2d(below, above, 4, 2, 1, bias=False)
            block = nn.Sequential(nn.ReLU(), double, NORMS[norm](above))
            self.up.append(block.append(Noise(noise)) if len(self.up) < 3 else block)
        last = nn.ConvTranspose2d(2 * width if skips else width, outputs, 4, 2, 1)
        self.up.append(nn.Sequential(nn.ReLU(), last, nn.Tanh()))
        self.apply(pix2pix_init)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for block in self.down:
            x = block(x)  # (N, C, H, W) -> (N, 2 C, H / 2, W / 2)
            maps.append(x)
        for block, skip in zip(self.up, [None, *reversed(maps[:-1])], strict=True):
            if self.skips and skip is not None:
                x = torch.cat([x, skip], 1)
            x = block(x)  # (N, C, H, W) -> (N, C / 2, 2 H, 2 W)
        return x


def patch_discriminator(channels: int, patch: int, width: int, norm: str) -> nn.Module:
    """A logit for every patch of `patch` px (appendix 6.1.2).

    (N, channels, H, W) -> (N, H', W'). 70 px: C64-C128-C256-C512 with strides
    2, 2, 2, 1, then one channel. 1 px: C64-C128 of single pixels. No norm on the input.
    """
    halvings = PATCHES[patch]
    widths = [min(width << i, 8 * width) for i in range(max(halvings, 1) + 1)]
    layers, below = [], channels
    for i, above in enumerate(widths):
        # Kernel, stride and padding.
        size = (4, 2 if i < halvings else 1, 1) if halvings else (1, 1, 0)
        layers.append(nn.Conv2d(below, above, *size, bias=not i))
        layers += [NORMS[norm](above)] if i else []
        layers.append(nn.LeakyReLU(0.2))
        below = above
    layers.append(nn.Conv2d(below, 1, *((4, 1, 1) if halvings else (1, 1, 0))))
    layers.append(nn.Flatten(1, 2))  # (N, 1, H', W') -> (N, H', W')
    return nn.Sequential(*layers).apply(pix2pix_init)


def pix2pix_init(module: nn.Module) -> None:
    """N(0, 0.02) for weights, N(1, 0.02) for a norm's gain, as DCGAN's; zero for biases."""
    dcgan_init(module)
    if isinstance(module, nn.GroupNorm):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
        nn.init.zeros_(module.bias)


class Pix2Pix(Game):
    """A generator that translates pictures against a discriminator that judges pairs.

    A batch holds "input" (N, inputs, S, S) and "target" (N, 3, S, S), both in [-1, 1];
    `share` adds "output", G's. Some inputs from all over the training data are kept with
    the weights, so that `sample` shows the same pictures wherever the game is loaded.
    """

    averaged = ("generator",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.rules = LOSSES[config.loss]
        outputs, side, _ = config.shape
        inputs, width, norm = config.inputs, config.width, config.norm
        skips = config.form == "unet"
        self.generator = UNet(inputs, outputs, side, width, config.noise, norm, skips)
        if config.adversarial:
            seen = outputs + (inputs if config.conditional else 0)
            self.discriminator = patch_discriminator(seen, config.patch, width, norm)
        self.contiguous_on = ("cpu",) if norm == "instance" else ()
        white = torch.full((EXAMPLES, inputs, side, side), 255, dtype=torch.uint8)
        self.register_buffer("examples", white)

    def begin(self, data: Mapping[str, Tensor]) -> None:
        side = self.config.shape[1:]
        shapes = {"input": (self.config.inputs, *side), "target": self.config.shape}
        require_rows(data, shapes)
        self.examples.copy_(examples(data, "input", EXAMPLES))

    def augment(self, batch: Batch) -> Batch:
        """The paper's random jitter, one draw per pair: both pictures stay aligned."""
        both = torch.cat([batch["input"], batch["target"]], 1)
        both = jitter(both, self.config.enlarge, self.config.flip)
        inputs = self.config.inputs
        return {**batch, "input": both[:, :inputs], "target": both[:, inputs:]}

    def phases(self) -> list[Phase]:
        config = self.config
        adam = partial(torch.optim.Adam, lr=config.lr, betas=(config.beta1, 0.999))
        last = config.steps / 2  # the schedule of the authors' code
        schedule = partial(falling, config.lr, steps=config.steps, last=last)
        phases = [self.turn("generator", self.generator_loss, adam, schedule)]
        if config.adversarial:
            turn = self.turn("discriminator", self.discriminator_loss, adam, schedule)
            phases.insert(0, turn)
        return phases

    def judge(self, picture: Tensor, batch: Batch) -> Tensor:
        """Logits (N, H', W') for pictures, each beside its input."""
        if self.config.conditional:
            picture = torch.cat([batch["input"], picture], 1)
        return self.discriminator(picture)

    def share(self, batch: Batch) -> Batch:
        """One output for both turns, as in the authors' PyTorch code.

        G answers for the very picture that D was shown.
        """
        return {**batch, "output": self.generator(batch["input"])}

    def discriminator_loss(self, batch: Batch) -> Terms:
        target = self.judge(batch["target"], batch)
        output = self.judge(batch["output"].detach(), batch)
        terms = self.rules.discriminator(target, output)
        # Half, to slow D down (section 3.3). Adam divides the 2 out again.
        return {name: term / 2 for name, term in terms.items()}

    def generator_loss(self, batch: Batch) -> Terms:
        output, terms = batch["output"], {}
        if self.config.adversarial:
            terms = self.rules.generator(self.judge(output, batch), None)
        terms = {name: self.config.adversarial * term for name, term in terms.items()}
        if self.config.l1:
            terms["l1"] = self.config.l1 * (batch["target"] - output).abs().mean()
        return terms

    def translate(self, given: Tensor, *, seed: int = 0, noise: bool = True) -> Tensor:
        """Pictures (N, inputs, H, W) -> their translations (N, 3, H, W) in [-1, 1].

        The network takes sides that are multiples of the one it was trained at; others are
        padded with their own edge and cut back. It has learned strokes and shapes of that
        size: enlarge or shrink a picture to it first.

        Args:
            given: uint8, or floats in [-1, 1].
            seed: of the noise. Another seed gives another opinion, the same one every time.
            noise: False turns the dropout off, for one answer without chance.

        Raises:
            CourseError: see `gancourse.conditions.pictures`.
        """
        x = pictures(given, self.config.inputs).to(self.device)
        height, width = x.shape[2:]
        stride = self.generator.stride
        x = pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")
        with sampling(self, seed, noise=noise):
            size = 1 if self.config.norm == "batch" else 64
            y = in_parts(self.generator, x, size=size)
        return y[:, :, :height, :width]

    def drawing(self) -> Drawing:
        shape = self.config.inputs, *self.config.shape[1:]
        return Drawing(self.generator, {"input": torch.zeros(1, *shape)})

    def sample(self, n: int | None = None, *, seed: int = 0) -> Tensor:
        """Translations (n, 3, S, S) in [-1, 1] of the kept examples, in turn; of all by default."""
        n = EXAMPLES if n is None else n
        require_count(n)
        return self.translate(self.examples[torch.arange(n) % EXAMPLES], seed=seed)

    def preview(self) -> Tensor:
        """The kept examples in rows of eight, each above the row of their translations."""
        channels = self.config.shape[0]
        given = pictures(self.examples, self.config.inputs).expand(-1, channels, -1, -1)
        rows = given.unflatten(0, (-1, 8)), self.sample().unflatten(0, (-1, 8))
        return torch.stack(rows, 1).flatten(0, 2)


def jitter(pairs: Tensor, enlarge: int, flip: bool) -> Tensor:
    """Enlarge (N, C, S, S), cut S x S px at random, mirror half of them (appendix 6.2)."""
    n, _, side, _ = pairs.shape
    if enlarge:
        larger = interpolate(pairs, size=side + enlarge, mode="bilinear", antialias=False)
        corners = torch.randint(enlarge + 1, (n, 2)).tolist()
        cuts = zip(larger, corners, strict=True)
        pairs = torch.stack([x[:, i : i + side, j : j + side] for x, (i, j) in cuts])
    if flip:
        mirrored = torch.rand(n, 1, 1, 1, device=pairs.device) < 0.5
        pairs = torch.where(mirrored, pairs.flip(3), pairs)
    return pairs
