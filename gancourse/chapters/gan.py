"""Chapter 1. Generative adversarial nets (Goodfellow et al. 2014, arXiv 1406.2661), and the two forms that followed.

paper   the 2014 game on MNIST: a ReLU generator against a maxout discriminator with dropout, momentum SGD
mlp     the same widths with what is usual today: LeakyReLU, BatchNorm in the generator, Adam
dcgan   convolutions (Radford et al. 2015, arXiv 1511.06434)
toy     two dimensions, to watch the game being played
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from gancourse.files import CourseError
from gancourse.game import Batch, Game, Phase, Terms, falling, in_parts, is_count, sampling
from gancourse.layers import (
    Maxout,
    Project,
    ReadOut,
    dcgan_init,
    gaussian_latents,
    halvings,
    require_tensor,
)
from gancourse.losses import LOSSES, gradient_penalty, zero_centred
from gancourse.recipe import Recipe

ADAM = {"optimizer": "adam", "lr": 2e-4, "ema": 0.999}
FORMS: dict[str, dict] = {
    "paper": {},
    "mlp": {**ADAM, "steps": 100_000},
    "dcgan": {**ADAM, "width": 64, "full": 1024, "batch_size": 128, "steps": 40_000},
    "toy": {
        "optimizer": "adam", "lr": 3e-3, "shape": (2,), "latent": 2, "width": 64, "batch_size": 256, "steps": 5_000,
        "pictures": "ring", "split": "train",
    },
}  # fmt: skip
# Small networks learn well at several times the papers' learning rates, and a short run has no time for less. A DCGAN's
# generator then does best at five times its discriminator's, the ratio of InfoGAN's authors: 19 classifier-FID after 600
# steps where equal rates of 1e-3 had 73 (seed 0, width 16).
SMALL_DCGAN = {"width": 16, "full": 256, "batch_size": 64, "lr": 8e-4, "lr_generator": 4e-3}
SCALES: dict[str, dict[str, dict]] = {
    "check": {
        "paper": {"width": 240, "steps": 300},
        "mlp": {"width": 256, "steps": 300, "ema": 0.98, "lr": 1e-3},
        "dcgan": {**SMALL_DCGAN, "steps": 300, "ema": 0.98},
        "toy": {"steps": 1_000},
    },
    "class": {
        "paper": {"width": 600, "steps": 10_000},
        "mlp": {"width": 600, "steps": 8_000, "lr": 1e-3},
        "dcgan": {**SMALL_DCGAN, "steps": 4_000, "ema": 0.998},
    },
    "full": {},
}


@dataclass(frozen=True)
class Config(Recipe):
    """Every number of a run. The defaults are the paper's; `Config.at(scale, form=...)` gives the other recipes.

    Attributes:
        form: "paper", "mlp", "dcgan" or "toy", see the top of this file.
        loss: a name in `gancourse.losses.LOSSES`.
        shape: of one sample: (channels, height, width) of a picture, (2,) for points.
        latent: size of z.
        width: units of a hidden layer; for "dcgan", channels at the finest hidden resolution (ngf and ndf).
        full: for "dcgan", units of a full layer between z and the smallest map, and between that map and the logit: 1024
            in the authors' own networks for MNIST; 0 leaves it out, as the paper's figure does.
        optimizer, lr, beta1: "sgd" with the paper's schedule, or "adam" with constant numbers.
        lr_generator: the generator's own rate; 0 gives it the discriminator's.
        lr_decay: what the paper's schedule divides lr by, each step, down to 1e-6.
        anneal: over so many steps at the end Adam's rates fall along a line to 0. Two players at constant rates circle
            about the point where neither can gain; as the rates fall, so does the circle.
        weight_decay: Adam's L2 penalty.
        generator_every: steps of the discriminator for one of the generator.
        r1, r2, gradient_penalty: weights of the discriminator's penalties (see `gancourse.losses`); 0 leaves one out.
        pictures, split: which data, as `gancourse.data.load` calls it.
        steps, batch_size: length of the run, in steps of so many samples.
        ema: decay per step of the averaged generator that samples are drawn from; 0 keeps none.
    """

    FORMS: ClassVar[dict[str, dict]] = FORMS
    SCALES: ClassVar[dict[str, dict[str, dict]]] = SCALES
    DEFAULT: ClassVar[str] = "dcgan"
    CHOICES: ClassVar[dict] = {"form": FORMS, "loss": LOSSES, "optimizer": ("sgd", "adam")}
    POSITIVE: ClassVar[tuple[str, ...]] = ("latent", "width", "steps", "batch_size", "generator_every", "lr")
    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        **dict.fromkeys(("full", "lr_generator", "weight_decay", "r1", "r2", "gradient_penalty"), (0, math.inf)),
        **dict.fromkeys(("beta1", "ema"), (0, 1)), "lr_decay": (1, math.inf),
    }  # fmt: skip

    form: str = "paper"
    loss: str = "non-saturating"
    shape: tuple[int, ...] = (1, 28, 28)
    latent: int = 100
    width: int = 1200
    full: int = 0
    optimizer: str = "sgd"
    lr: float = 0.1
    beta1: float = 0.5
    lr_generator: float = 0.0
    lr_decay: float = 1.000004
    anneal: int = 0
    weight_decay: float = 0.0
    generator_every: int = 1
    r1: float = 0.0
    r2: float = 0.0
    gradient_penalty: float = 0.0
    pictures: str = "digits"
    split: str = "train-50000"
    steps: int = 125_000  # 250 epochs of 50,000 / 100
    batch_size: int = 100
    ema: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.anneal <= self.steps or (self.anneal and self.optimizer == "sgd"):
            raise CourseError(
                f"anneal={self.anneal} was given. Of steps={self.steps} it takes 0 to all, and it is for Adam: the paper's "
                "SGD has a schedule of its own."
            )

    def build(self) -> GAN:
        """The game with fresh weights, drawn from torch's global random state."""
        return GAN(self)


class PaperGenerator(nn.Module):
    """z -> 1200 ReLU -> 1200 ReLU -> sigmoid. (N, latent) -> (N, *shape) in [-1, 1]."""

    def __init__(self, latent: int, shape: tuple[int, ...], width: int):
        super().__init__()
        self.shape = shape
        self.layers = nn.Sequential(
            nn.Linear(latent, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, math.prod(shape)), nn.Sigmoid(),
        )  # fmt: skip
        self.layers.apply(partial(uniform_init, limit=0.05))

    @torch.no_grad()
    def start_at(self, mean: Tensor) -> None:
        """Set the output bias so that an untrained network draws about `mean`, pixels (C, H, W) in [0, 1].

        From grey, SGD would never catch up: the discriminator is sure within a few hundred steps.
        """
        self.layers[-2].bias.copy_(torch.logit(mean.flatten(), eps=1e-6))

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.layers(z).unflatten(1, self.shape) - 1  # the paper's pixels are in [0, 1], a game's in [-1, 1]


class PaperDiscriminator(nn.Module):
    """Two maxout layers of 240 units x 5 pieces under dropout. (N, *shape) in [-1, 1] -> (N,) logits."""

    def __init__(self, shape: tuple[int, ...], units: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(0.2), Maxout(math.prod(shape), units, pieces=5),
            nn.Dropout(0.5), Maxout(units, units, pieces=5),
            nn.Dropout(0.5), nn.Linear(units, 1),
        )  # fmt: skip
        self.layers.apply(partial(uniform_init, limit=0.005))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x.flatten(1) + 1) / 2).squeeze(1)


def uniform_init(module: nn.Module, limit: float) -> None:
    """U(-limit, limit) and zero bias: the numbers of the authors' configuration file for MNIST."""
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.zeros_(module.bias)


def mlp_generator(latent: int, shape: tuple[int, ...], width: int) -> nn.Sequential:
    """(N, latent) -> (N, *shape): pictures in [-1, 1], points anywhere.

    For pictures each hidden layer has BatchNorm: without it strokes stay strewn with grey dots for many thousand steps.
    """
    pictures = len(shape) == 3
    norm = nn.BatchNorm1d if pictures else nn.Identity
    return nn.Sequential(
        nn.Linear(latent, width), norm(width), nn.LeakyReLU(0.2),
        nn.Linear(width, width), norm(width), nn.LeakyReLU(0.2),
        nn.Linear(width, math.prod(shape)), nn.Tanh() if pictures else nn.Identity(),
        nn.Unflatten(1, shape),
    )  # fmt: skip


def mlp_discriminator(shape: tuple[int, ...], width: int) -> nn.Sequential:
    """(N, *shape) -> (N,) logits."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(math.prod(shape), width), nn.LeakyReLU(0.2),
        nn.Linear(width, width), nn.LeakyReLU(0.2),
        nn.Linear(width, 1), nn.Flatten(0),
    )  # fmt: skip


def dcgan_widths(shape: tuple[int, ...], width: int) -> tuple[int, list[int]]:
    """The smallest map's side and the channels from there up: 64 px -> (4, [512, 256, 128, 64])."""
    times, base = halvings(shape)
    return base, [width << i for i in reversed(range(times))]


def dcgan_generator(latent: int, shape: tuple[int, ...], width: int, full: int = 0) -> nn.Sequential:
    """Project z onto the smallest map, then double it with 4x4 transposed convolutions. (N, latent) -> (N, *shape).

    A kernel divisible by its stride overlaps itself evenly, which keeps checkerboards away (Odena et al. 2016).
    """
    base, widths = dcgan_widths(shape, width)
    if full:  # each place of the map is normalised by itself
        layers = [nn.Linear(latent, full, bias=False), nn.BatchNorm1d(full), nn.ReLU()]
        layers += [nn.Linear(full, widths[0] * base**2, bias=False), nn.BatchNorm1d(widths[0] * base**2), nn.ReLU()]
        layers += [nn.Unflatten(1, (widths[0], base, base))]
    else:
        layers = [nn.Unflatten(1, (latent, 1, 1)), Project(latent, widths[0], base), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for above, below in pairwise(widths):
        layers += [nn.ConvTranspose2d(above, below, 4, 2, 1, bias=False), nn.BatchNorm2d(below), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, shape[0], 4, 2, 1, bias=False), nn.Tanh()).apply(dcgan_init)


def dcgan_discriminator(shape: tuple[int, ...], width: int, full: int = 0) -> nn.Sequential:
    """Halve with 4x4 convolutions, then read the smallest map whole. (N, *shape) -> (N,) logits."""
    base, widths = dcgan_widths(shape, width)
    layers = [nn.Conv2d(shape[0], width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]  # no BatchNorm on the input layer
    for below, above in pairwise(reversed(widths)):
        layers += [nn.Conv2d(below, above, 4, 2, 1, bias=False), nn.BatchNorm2d(above), nn.LeakyReLU(0.2)]
    if full:
        layers += [nn.Flatten(), nn.Linear(widths[0] * base**2, full, bias=False), nn.BatchNorm1d(full), nn.LeakyReLU(0.2)]
    head = nn.Linear(full, 1) if full else ReadOut(widths[0], 1, base)
    return nn.Sequential(*layers, head, nn.Flatten(0)).apply(dcgan_init)


class GAN(Game):
    """Generator against discriminator.

    A batch holds "image" (N, C, H, W) in [-1, 1], or "point" (N, 2) for the toy form.
    """

    averaged = ("generator",)

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.key = "image" if len(config.shape) == 3 else "point"
        self.rules = LOSSES[config.loss]
        self.generator, self.discriminator = self.networks()

    def networks(self) -> tuple[nn.Module, nn.Module]:
        latent, shape, width = self.config.latent, self.config.shape, self.config.width
        if self.config.form == "paper":
            return PaperGenerator(latent, shape, width), PaperDiscriminator(shape, units=width // 5)
        if self.config.form == "dcgan":
            full = self.config.full
            return dcgan_generator(latent, shape, width, full), dcgan_discriminator(shape, width, full)
        return mlp_generator(latent, shape, width), mlp_discriminator(shape, width)

    def begin(self, data: Mapping[str, Tensor]) -> None:
        row = data[0] if not isinstance(data, Mapping) else {name: value[0] for name, value in data.items()}
        found = {name: tuple(value.shape) for name, value in row.items()}
        if found.get(self.key) != tuple(self.config.shape):
            raise CourseError(
                f"This Config is for {self.key!r} of shape={tuple(self.config.shape)}; the data have {found}. "
                "Give it the shape of the data, or other data."
            )
        if self.config.form == "paper":
            self.generator.start_at(data["image"].float().mean(0) / 255)

    def phases(self) -> list[Phase]:
        config = self.config
        rates = config.lr, config.lr_generator or config.lr
        if config.optimizer == "sgd":
            # The authors' code halves the discriminator's objective; for SGD that is half the learning rate.
            rates = rates[0] / 2, rates[1]
            optimizers = [partial(torch.optim.SGD, lr=lr, momentum=0.5) for lr in rates]
            schedules = [partial(paper_schedule, lr, decay=config.lr_decay) for lr in rates]
        else:
            betas, decay = (config.beta1, 0.999), config.weight_decay
            optimizers = [partial(torch.optim.Adam, lr=lr, betas=betas, weight_decay=decay) for lr in rates]
            schedules = [annealing(config, lr) for lr in rates]
        discriminator, generator = tuple(self.discriminator.parameters()), tuple(self.generator.parameters())
        twice = bool(config.r1 or config.r2 or config.gradient_penalty)
        return [
            Phase("discriminator", discriminator, self.discriminator_loss, optimizers[0], schedules[0], twice=twice),
            Phase(
                "generator", generator, self.generator_loss, optimizers[1], schedules[1], every=config.generator_every
            ),
        ]

    def fake(self, batch: Batch) -> Tensor:
        """A generated sample for each row of the batch."""
        real = batch[self.key]
        return self.generator(gaussian_latents(len(real), self.config.latent, device=real.device))

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        """Logits (N,) for real or generated samples; `batch` is for the chapters whose discriminator sees more."""
        return self.discriminator(x)

    def discriminator_loss(self, batch: Batch) -> Terms:
        real = batch[self.key]
        with torch.no_grad():  # the generator is not playing: no graph through it
            fake = self.fake(batch)
        judge = partial(self.judge, batch=batch)
        terms = self.rules.discriminator(judge(real), judge(fake))
        if self.config.r1:
            terms["r1"] = self.config.r1 * zero_centred(judge, real)
        if self.config.r2:
            terms["r2"] = self.config.r2 * zero_centred(judge, fake)
        if self.config.gradient_penalty:
            terms["slope"] = self.config.gradient_penalty * gradient_penalty(judge, real, fake)
        return terms

    def generator_loss(self, batch: Batch) -> Terms:
        fake = self.judge(self.fake(batch), batch)
        return self.rules.generator(fake, self.judge(batch[self.key], batch) if self.rules.pairs else None)

    def sample(self, n: int | None = None, *, seed: int = 0, latent: Tensor | None = None) -> Tensor:
        """`n` samples, (n, *shape), pictures in [-1, 1]. The same seed gives the same latents on every device.

        Args:
            n: how many; needed unless `latent` is given.
            seed: of the latents.
            latent: your own latents, (n, config.latent), instead of drawn ones.

        Raises:
            CourseError: `latent` has another shape, or neither `n` nor `latent` says how many.
        """
        with sampling(self):
            return in_parts(self.generator, self.latents(n, seed, latent))

    def latents(self, n: int | None, seed: int, given: Tensor | None, draw=gaussian_latents) -> Tensor:
        """The latents of `sample` on the game's device: the given ones, else `n` drawn by `draw` from `seed`."""
        if given is None:
            if not is_count(n):
                raise CourseError(f"sample(n={n!r}) was called; n is a whole number from 1 up, or give `latent`.")
            given = draw(n, self.config.latent, torch.Generator().manual_seed(seed))
        require_tensor("latent", given)
        if given.dim() != 2 or given.shape[1] != self.config.latent:
            raise CourseError(f"latent has shape {tuple(given.shape)}; this game takes (n, {self.config.latent}).")
        return given.to(self.device, torch.float32)


def annealing(config: Config, lr: float) -> Callable[[int], dict[str, float]] | None:
    """The schedule of `Config.anneal` for one player's rate; None leaves it constant."""
    return partial(falling, lr, config.steps, last=config.anneal) if config.anneal else None


def paper_schedule(lr: float, step: int, decay: float = 1.000004, steps_per_epoch: int = 500) -> dict[str, float]:
    """The authors' schedule: lr / decay a step, down to 1e-6; momentum .5 -> .7 over epochs 1 to 250."""
    epoch = min(step / steps_per_epoch, 250)
    return {"lr": max(lr * decay**-step, 1e-6), "momentum": 0.5 + 0.2 * epoch / 250}
