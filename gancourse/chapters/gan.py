"""Chapter 1. Generative adversarial nets (Goodfellow et al. 2014, arXiv 1406.2661).

paper   the 2014 game: a ReLU generator against a maxout discriminator, momentum SGD
mlp     the same widths as they are built today: LeakyReLU, BatchNorm, Adam
dcgan   convolutions (Radford et al. 2015, arXiv 1511.06434)
toy     two dimensions, to watch the game being played
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from gancourse.conditions import latents
from gancourse.files import CourseError
from gancourse.game import (
    Batch,
    Drawing,
    Game,
    Phase,
    Terms,
    falling,
    in_parts,
    require_rows,
    sampling,
)
from gancourse.layers import (
    Maxout,
    Project,
    ReadOut,
    dcgan_init,
    gaussian_latents,
    halvings,
    uniform_init,
)
from gancourse.losses import LOSSES, penalties
from gancourse.recipe import Recipe, setting

ADAM = {"optimizer": "adam", "lr": 2e-4, "ema": 0.999}
TOY = {"optimizer": "adam", "lr": 3e-3, "shape": (2,), "latent": 2, "width": 64}
RING = {"pictures": "ring", "split": "train", "batch_size": 256, "steps": 5_000}
FORMS: dict[str, dict] = {
    "paper": {},
    "mlp": {**ADAM, "steps": 100_000},
    "dcgan": {**ADAM, "width": 64, "dense": 1024, "batch_size": 128, "steps": 40_000},
    "toy": {**TOY, **RING},
}
# Small networks learn well at several times the papers' rates, and a short run has no
# time for less. A small DCGAN does best when its generator learns five times as fast as
# its discriminator: after 600 steps FID 19, with equal rates 73 (seed 0, width 16).
SMALL = {"width": 16, "dense": 256, "batch_size": 64, "lr": 8e-4, "lr_generator": 4e-3}
WIDER = {"width": 32, "dense": 512, "lr": 4e-4, "lr_generator": 2e-3}
SCALES: dict[str, dict[str, dict]] = {
    "check": {
        "paper": {"width": 240, "steps": 300},
        "mlp": {"width": 256, "steps": 300, "ema": 0.98, "lr": 1e-3},
        "dcgan": {**SMALL, "steps": 300, "ema": 0.98},
        "toy": {"steps": 1_000},
    },
    "class": {
        "paper": {"width": 600, "steps": 6_000},
        "mlp": {"width": 600, "steps": 8_000, "lr": 1e-3},
        "dcgan": {**SMALL, "steps": 4_000, "ema": 0.998},
    },
    "full": {
        "paper": {"width": 600, "steps": 6_000},
        "mlp": {"width": 600, "steps": 20_000, "lr": 1e-3},
        "dcgan": {**SMALL, **WIDER, "steps": 6_000, "ema": 0.998},
    },
    "gpu": {},
}
OF_DCGAN, BY_SGD, BY_ADAM = ({"form": ["dcgan"]}, {"optimizer": ["sgd"]}, {"optimizer": ["adam"]})


@dataclass(frozen=True)
class Config(Recipe):
    """Every number of a run. The defaults are the paper's, `at` gives other recipes.

    `dense` is 1024 in DCGAN's own networks for MNIST, and 0 in the paper's figure.
    `anneal` lets the rates fall to 0 at the end: at constant rates two players circle
    the point where neither can gain, and as the rates fall, so does the circle.
    """

    chapter, FORMS, SCALES, DEFAULT = "gan", FORMS, SCALES, "dcgan"
    OWN = {"shape": (3, 64, 64)}

    form: str = "paper"
    shape: tuple[int, ...] = (1, 28, 28)
    split: str = "train-50000"
    steps: int = 125_000  # 250 epochs of 50,000 / 100
    batch_size: int = 100
    loss: str = setting("non-saturating", "of gancourse.losses", choices=LOSSES)
    latent: int = setting(100, "numbers in z", least=1)
    width: int = setting(1200, "hidden units, or channels of the largest map", least=1)
    dense: int = setting(0, "units between z and maps", least=0, only=OF_DCGAN)
    optimizer: str = setting("sgd", "sgd: as in the paper", choices=("sgd", "adam"))
    lr: float = setting(0.1, "learning rate", above=0)
    lr_generator: float = setting(0.0, "the generator's own rate; 0: lr", least=0)
    lr_decay: float = setting(1.000004, "lr is divided by it", least=1, only=BY_SGD)
    beta1: float = setting(0.5, "Adam's first moment", least=0, below=1, only=BY_ADAM)
    weight_decay: float = setting(0.0, "Adam's L2 penalty", least=0, only=BY_ADAM)
    anneal: int = setting(0, "last steps, in which rates fall to 0", least=0, only=BY_ADAM)
    generator_every: int = setting(1, "steps of D for one of G", least=1)
    r1: float = setting(0.0, "weight of the penalty on real samples", least=0)
    r2: float = setting(0.0, "weight of the penalty on fake samples", least=0)
    gradient_penalty: float = setting(0.0, "weight of WGAN-GP's penalty", least=0)

    def __post_init__(self):
        super().__post_init__()
        if self.anneal > self.steps:
            raise CourseError(f"anneal={self.anneal}: more than steps={self.steps}; give fewer.")

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
        """Set the output bias so that an untrained network draws about `mean`.

        `mean` are pixels (C, H, W) in [0, 1]. From grey, SGD would never catch up: the
        discriminator is sure within a few hundred steps.
        """
        self.layers[-2].bias.copy_(torch.logit(mean.flatten(), eps=1e-6))

    def forward(self, z: Tensor) -> Tensor:
        pixels = self.layers(z).unflatten(1, self.shape)  # in [0, 1], as the paper's
        return 2 * pixels - 1


class PaperDiscriminator(nn.Module):
    """Two maxout layers of 240 x 5 pieces, with dropout. (N, *shape) -> (N,) logits."""

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


def mlp_generator(latent: int, shape: tuple[int, ...], width: int) -> nn.Sequential:
    """(N, latent) -> (N, *shape): pictures in [-1, 1], points anywhere.

    For pictures each hidden layer has BatchNorm: without it, grey dots stay strewn
    between the strokes for many thousand steps.
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


def dcgan_generator(
    latent: int, shape: tuple[int, ...], width: int, dense: int = 0
) -> nn.Sequential:
    """Project z onto the smallest map, then double it with 4x4 transposed convolutions.

    (N, latent) -> (N, *shape) in [-1, 1]. A kernel divisible by its stride overlaps
    itself evenly, which keeps checkerboards away (Odena et al. 2016).
    """
    times, base = halvings(shape)  # 64 px: 4 halvings down to 4 px
    widths = [width << i for i in reversed(range(times))]  # 512, 256, 128, 64
    size = widths[0] * base**2
    if dense:  # each place of the map is normalised by itself
        layers = [nn.Linear(latent, dense, bias=False)]
        layers += [nn.BatchNorm1d(dense), nn.ReLU()]
        layers += [nn.Linear(dense, size, bias=False), nn.BatchNorm1d(size), nn.ReLU()]
        layers += [nn.Unflatten(1, (widths[0], base, base))]
    else:
        layers = [nn.Unflatten(1, (latent, 1, 1)), Project(latent, widths[0], base)]
        layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for above, below in pairwise(widths):
        layers += [nn.ConvTranspose2d(above, below, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(below), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, shape[0], 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers).apply(dcgan_init)


def dcgan_discriminator(shape: tuple, width: int, dense: int = 0) -> nn.Sequential:
    """Halve with 4x4 convolutions, then read the smallest map whole.

    (N, *shape) -> (N,) logits. The input layer has no BatchNorm.
    """
    times, base = halvings(shape)
    widths = [width << i for i in range(times)]  # 64 px: 64, 128, 256, 512
    layers = [nn.Conv2d(shape[0], width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for below, above in pairwise(widths):
        layers += [nn.Conv2d(below, above, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(above), nn.LeakyReLU(0.2)]
    if dense:
        size = widths[-1] * base**2
        layers += [nn.Flatten(), nn.Linear(size, dense, bias=False)]
        layers += [nn.BatchNorm1d(dense), nn.LeakyReLU(0.2), nn.Linear(dense, 1)]
    else:
        layers += [ReadOut(widths[-1], 1, base)]
    return nn.Sequential(*layers, nn.Flatten(0)).apply(dcgan_init)


class GAN(Game):
    """Generator against discriminator.

    A batch holds "image" (N, C, H, W) in [-1, 1], or "point" (N, 2) for the toy form.
    """

    averaged = ("generator",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.key = "image" if len(config.shape) == 3 else "point"
        self.rules = LOSSES[config.loss]
        weights = config.r1, config.r2, config.gradient_penalty
        self.penalties = dict(zip(("r1", "r2", "slope"), weights, strict=True))
        self.generator, self.discriminator = self.networks()

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config, shape, width = self.config, self.config.shape, self.config.width
        if config.form == "paper":
            generator = PaperGenerator(config.latent, shape, width)
            return generator, PaperDiscriminator(shape, units=width // 5)
        if config.form == "dcgan":
            generator = dcgan_generator(config.latent, shape, width, config.dense)
            return generator, dcgan_discriminator(shape, width, config.dense)
        return mlp_generator(config.latent, shape, width), mlp_discriminator(shape, width)

    def begin(self, data: Mapping[str, Tensor]) -> None:
        require_rows(data, {self.key: self.config.shape})
        if self.config.form == "paper":
            self.generator.start_at(data["image"].float().mean(0) / 255)

    def phases(self) -> list[Phase]:
        config = self.config
        lr_d, lr_g = config.lr, config.lr_generator or config.lr
        if config.optimizer == "sgd":
            lr_d /= 2  # the authors halve D's objective; for SGD that is half the rate
            optimizer = partial(torch.optim.SGD, momentum=0.5)
            schedule = partial(paper_schedule, decay=config.lr_decay)
        else:
            how = {"betas": (config.beta1, 0.999), "weight_decay": config.weight_decay}
            optimizer = partial(torch.optim.Adam, **how)
            schedule = partial(falling, steps=config.steps, last=config.anneal)
        step_d, step_g = (partial(optimizer, lr=lr) for lr in (lr_d, lr_g))
        rate_d, rate_g = (partial(schedule, lr) for lr in (lr_d, lr_g))
        twice, every = bool(sum(self.penalties.values())), config.generator_every
        loss_d, loss_g = self.discriminator_loss, self.generator_loss
        return [
            self.turn("discriminator", loss_d, step_d, rate_d, twice=twice),
            self.turn("generator", loss_g, step_g, rate_g, every=every),
        ]

    def fake(self, batch: Batch) -> Tensor:
        """A generated sample for each row of the batch."""
        real = batch[self.key]
        z = gaussian_latents(len(real), self.config.latent, device=real.device)
        return self.generator(z)

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        """Logits (N,) for real or generated samples.

        `batch` is for the chapters whose discriminator sees more.
        """
        return self.discriminator(x)

    def discriminator_loss(self, batch: Batch) -> Terms:
        real = batch[self.key]
        with torch.no_grad():  # the generator is not playing: no graph through it
            fake = self.fake(batch)
        judge = partial(self.judge, batch=batch)
        terms = self.rules.discriminator(judge(real), judge(fake))
        return terms | penalties(judge, real, fake, **self.penalties)

    def generator_loss(self, batch: Batch) -> Terms:
        fake = self.judge(self.fake(batch), batch)
        real = self.judge(batch[self.key], batch) if self.rules.pairs else None
        return self.rules.generator(fake, real)

    def drawing(self) -> Drawing:
        return Drawing(self.generator, {"latent": torch.zeros(1, self.config.latent)})

    def sample(
        self, n: int | None = None, *, seed: int = 0, latent: Tensor | None = None
    ) -> Tensor:
        """`n` samples, (n, *shape), pictures in [-1, 1].

        The seed gives the same latents on every device; `latent` are your own, (n, size).
        """
        z = latents(latent, n, self.config.latent, seed, gaussian_latents)
        with sampling(self):
            return in_parts(self.generator, z.to(self.device))


def paper_schedule(lr: float, step: int, decay: float = 1.000004, per_epoch: int = 500) -> dict:
    """The authors': lr / decay per step, to 1e-6; momentum .5 -> .7 by epoch 250."""
    epoch = min(step / per_epoch, 250)
    return {"lr": max(lr * decay**-step, 1e-6), "momentum": 0.5 + 0.2 * epoch / 250}
