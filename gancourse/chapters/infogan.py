"""Chapter 3. InfoGAN (Chen et al. 2016, arXiv 1606.03657): find, without labels, what could be asked for.

Chapter 2 with two things swapped: nobody tells the labels, the game draws codes c instead; and beside its verdict the
discriminator guesses which code a generated picture was made from. Both players are paid for a right guess. That pay is
a lower bound on the mutual information between code and picture (eq. 4):

    I(c; G(z, c)) >= L_I = E log Q(c | G(z, c)) + H(c)

digits   MNIST: ten categories and two continuous codes; the sizes and learning rates are those of the authors' code
faces    32 px in colour, many small codes
sprites  64 px shapes whose true factors are known
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import torch
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softmax

from gancourse.chapters import gan
from gancourse.files import CourseError
from gancourse.game import Batch, Phase, Terms, in_parts, is_count, sampling
from gancourse.layers import dcgan_init, halvings, random_affine, require_tensor
from gancourse.losses import LOSSES

FACES = {
    "pictures": "faces", "split": "train", "shape": (3, 32, 32), "categories": (2, 2), "continuous": 4, "block": 2,
}  # fmt: skip
SPRITES = {"pictures": "sprites", "split": "train", "shape": (1, 64, 64), "categories": (3,), "continuous": 4}
FORMS: dict[str, dict] = {
    "digits": {},
    "faces": {**FACES, "steps": 20_000},
    "sprites": {**SPRITES, "steps": 60_000},
}
# A network a quarter as wide learns at four times the rate; between the players the ratio stays the authors' 1 to 5.
CHECK = {"width": 16, "steps": 300, "batch_size": 64, "lr": 8e-4, "lr_generator": 4e-3, "ema": 0.98}
CLASS = {**CHECK, "steps": 2_000, "ema": 0.998}
SCALES: dict[str, dict[str, dict]] = {
    "check": dict.fromkeys(FORMS, CHECK),
    "class": dict.fromkeys(FORMS, CLASS),
    "full": {},
}


@dataclass(frozen=True)
class Config(gan.Config):
    """Chapter 1's numbers with those of the authors' code for MNIST. `Config.at(scale, form=...)` as before.

    Attributes:
        latent: incompressible noise, U(-1, 1).
        categories: size of each categorical code, drawn uniformly.
        continuous: how many continuous codes, each U(-1, 1).
        information: lambda, the weight of L_I in both players' losses; 0 leaves a GAN beside which Q only watches.
        lr, lr_generator: rates of the discriminator with Q, and of the generator.
        augment: Q reads a copy of the picture that was moved at random, so far (see `random_affine`); at 0 the picture
            itself, as in the paper. What a slightly turned or shifted copy does not show is then no code.
        unmoved: so many continuous codes, the first ones, Q reads off the picture itself even so: knobs for what the
            moves hide, such as slant.
        deviation: standard deviation of the Gaussian that Q gives a continuous code. At a half an error costs four times
            as much.
        leak: slope of LeakyReLU below 0: .1 in the paper's appendix, .01 in the authors' code.
        block: pixel art is drawn in blocks of so many px; the networks then see and make a block as one pixel. With
            each px free, a discriminator need only look whether the blocks are even, and learns nothing of faces.
    """

    FORMS: ClassVar[dict[str, dict]] = FORMS
    SCALES: ClassVar[dict[str, dict[str, dict]]] = SCALES
    DEFAULT: ClassVar[str] = "digits"
    CHOICES: ClassVar[dict] = {
        "form": FORMS, "optimizer": ("adam",), "loss": [name for name, rules in LOSSES.items() if not rules.pairs],
    }  # fmt: skip
    POSITIVE: ClassVar[tuple[str, ...]] = (*gan.Config.POSITIVE, "block", "deviation")
    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        **gan.Config.RANGES, "information": (0, math.inf), "leak": (0, math.inf), "augment": (0, 2),
    }  # fmt: skip

    form: str = "digits"
    latent: int = 62
    width: int = 64
    optimizer: str = "adam"
    lr: float = 2e-4
    steps: int = 5_000
    batch_size: int = 128
    ema: float = 0.999
    categories: tuple[int, ...] = (10,)
    continuous: int = 2
    information: float = 1.0
    augment: float = 0.0
    unmoved: int = 0
    deviation: float = 1.0
    lr_generator: float = 1e-3
    leak: float = 0.01
    block: int = 1

    def __post_init__(self):
        super().__post_init__()
        for field in ("r1", "r2", "gradient_penalty", "weight_decay", "generator_every"):
            if getattr(self, field) != getattr(type(self), field):
                raise CourseError(f"{field}={getattr(self, field)!r} was given; InfoGAN's game has no such part.")
        sizes = self.categories if isinstance(self.categories, (tuple, list)) else (None,)
        if not all(isinstance(size, int) and size > 1 for size in sizes) or self.continuous < 0 or not self.codes:
            raise CourseError(
                f"categories={self.categories}, continuous={self.continuous} was given. Categories are a row of sizes, "
                "such as (10,), of 2 values or more, continuous codes are counted from 0 up, and there must be one code of "
                "either kind."
            )
        if not 0 <= self.unmoved <= self.continuous:
            raise CourseError(f"unmoved={self.unmoved} was given; it counts continuous codes: 0 to {self.continuous}.")

    @property
    def codes(self) -> int:
        """Length of the code vector c: one number a category value, one a continuous code."""
        return sum(self.categories) + self.continuous

    def build(self) -> InfoGAN:
        """The game with fresh weights, drawn from torch's global random state."""
        return InfoGAN(self)


def generator(latent: int, shape: tuple[int, ...], width: int, block: int = 1) -> nn.Sequential:
    """(N, noise and codes) -> (N, *shape) in [-1, 1]: two full layers, then doublings (appendix C.1)."""
    times, base = halvings((shape[0], *(side // block for side in shape[1:])))
    top = width << (times - 1)
    layers = [
        nn.Linear(latent, 16 * width, bias=False), nn.BatchNorm1d(16 * width), nn.ReLU(),
        nn.Linear(16 * width, top * base**2, bias=False), nn.BatchNorm1d(top * base**2), nn.ReLU(),
        nn.Unflatten(1, (top, base, base)),
    ]  # fmt: skip
    for i in range(times - 1):
        to = top >> (i + 1)
        layers += [nn.ConvTranspose2d(top >> i, to, 4, 2, 1, bias=False), nn.BatchNorm2d(to), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, shape[0], 4, 2, 1), nn.Tanh()]
    if block > 1:
        layers.append(nn.Upsample(scale_factor=block))  # every pixel becomes a block
    return nn.Sequential(*layers).apply(dcgan_init)


class Discriminator(nn.Module):
    """One trunk, two heads: D says whether a picture is real, Q which code made it (appendix C.1).

    (N, *shape) -> logits (N,), code (N, codes): a logit a category value, then a mean a continuous code
    """

    def __init__(
        self, shape: tuple[int, ...], width: int, codes: int, leak: float, *, watches: bool = False, block: int = 1
    ):
        super().__init__()
        self.watches = watches  # Q learns from the trunk and may not change it: the control of a plain GAN
        times, base = halvings((shape[0], *(side // block for side in shape[1:])))
        layers = [nn.AvgPool2d(block)] if block > 1 else []
        layers += [nn.Conv2d(shape[0], width, 4, 2, 1), nn.LeakyReLU(leak)]  # no BatchNorm on the input layer
        for i in range(times - 1):
            to = width << (i + 1)
            layers += [nn.Conv2d(width << i, to, 4, 2, 1, bias=False), nn.BatchNorm2d(to), nn.LeakyReLU(leak)]
        features = (width << (times - 1)) * base**2
        self.trunk = nn.Sequential(
            *layers, nn.Flatten(),
            nn.Linear(features, 16 * width, bias=False), nn.BatchNorm1d(16 * width), nn.LeakyReLU(leak),
        )  # fmt: skip
        self.real = nn.Linear(16 * width, 1)
        self.code = nn.Sequential(
            nn.Linear(16 * width, 2 * width, bias=False), nn.BatchNorm1d(2 * width), nn.LeakyReLU(leak),
            nn.Linear(2 * width, codes),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.real(features).squeeze(1), self.code(features.detach() if self.watches else features)


class InfoGAN(gan.GAN):
    """Generator against a discriminator that also guesses the code. A batch holds "image" (N, C, H, W) in [-1, 1]."""

    averaged = ("generator", "discriminator")  # what infer() sees with is averaged too

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config = self.config
        return (
            generator(config.latent + config.codes, config.shape, config.width, config.block),
            Discriminator(
                config.shape,
                config.width,
                config.codes,
                config.leak,
                watches=not config.information,
                block=config.block,
            ),
        )

    def phases(self) -> list[Phase]:
        config = self.config
        rates = config.lr, config.lr_generator
        d_adam, g_adam = (partial(torch.optim.Adam, lr=lr, betas=(config.beta1, 0.999)) for lr in rates)
        d_schedule, g_schedule = (gan.annealing(config, lr) for lr in rates)
        # Two turns, as in any GAN. A third optimizer for the information would move the generator twice a step.
        return [
            Phase("discriminator", tuple(self.discriminator.parameters()), self.discriminator_loss, d_adam, d_schedule),
            Phase("generator", tuple(self.generator.parameters()), self.generator_loss, g_adam, g_schedule),
        ]

    def discriminator_loss(self, batch: Batch) -> Terms:
        real = batch["image"]
        with torch.no_grad():  # the generator is not playing: no graph through it
            code = self.draw(len(real), device=real.device)
            fake = self.generator(self.latent_of(*code))
        real_logits, _ = self.discriminator(real)
        fake_logits, guess = self.read(fake)
        weight = self.config.information or 1.0  # a Q that only watches learns all the same
        return self.rules.discriminator(real_logits, fake_logits) | self.surprise(guess, code, weight)

    def generator_loss(self, batch: Batch) -> Terms:
        real = batch["image"]
        code = self.draw(len(real), device=real.device)
        logits, guess = self.read(self.generator(self.latent_of(*code)))
        terms = self.rules.generator(logits, None)
        return terms | self.surprise(guess, code, self.config.information) if self.config.information else terms

    def read(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """D's verdict on generated pictures (N,), and Q's guess at their code (N, codes).

        With `augment` Q guesses from a copy that was moved at random: the generator is paid for codes that outlast the move.
        The first `unmoved` continuous codes are guessed from the picture itself.
        """
        logits, guess = self.discriminator(pictures)
        if self.config.augment:
            _, moved = self.discriminator(random_affine(pictures, self.config.augment))
            first = sum(self.config.categories)
            last = first + self.config.unmoved
            guess = torch.cat([moved[:, :first], guess[:, first:last], moved[:, last:]], 1)
        return logits, guess

    def draw(self, n: int, generator: torch.Generator | None = None, device=None) -> tuple[Tensor, Tensor, Tensor]:
        """(noise (n, latent), category (n, K) whole numbers, continuous (n, C)), drawn from the prior.

        A row is a picture's: the first of n pictures do not depend on n.
        """
        sizes = torch.tensor(self.config.categories, device=device)
        widths = [self.config.latent, len(sizes), self.config.continuous]
        where = generator.device if generator else device
        uniform = torch.rand(n, sum(widths), generator=generator, device=where).to(device)  # U(0, 1)
        noise, category, continuous = uniform.split(widths, dim=1)
        return 2 * noise - 1, (category * sizes).long(), 2 * continuous - 1

    def latent_of(self, noise: Tensor, category: Tensor, continuous: Tensor) -> Tensor:
        """What the generator takes: noise, then every category one-hot, then the continuous codes."""
        parts = [one_hot(part, size).float() for part, size in zip(category.T, self.config.categories, strict=True)]
        return torch.cat([noise, *parts, continuous], 1)

    def split(self, guess: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Q's output (N, codes) -> logits (N, size) for each categorical code, means (N, C) of the continuous ones."""
        *categories, means = guess.split([*self.config.categories, self.config.continuous], dim=1)
        return tuple(categories), means

    def surprise(self, guess: Tensor, code: tuple[Tensor, Tensor, Tensor], weight: float) -> Terms:
        """-weight log Q(c | x), up to constants: what L_I lacks of the code's entropy. Summed over codes, mean over N."""
        _, category, continuous = code
        logits, means = self.split(guess)
        terms = {}
        if logits:  # cross_entropy takes logits; a softmax before it would raise the floor from 0 to 1.46 nats
            pairs = zip(logits, category.T, strict=True)
            terms["category"] = weight * sum(cross_entropy(each, value) for each, value in pairs)
        if self.config.continuous:  # Gaussian: ((c - mean) / deviation)^2 / 2
            terms["continuous"] = weight * ((continuous - means) / self.config.deviation).square().sum(1).mean() / 2
        return terms

    def sample(
        self,
        n: int | None = None,
        *,
        category: int | Sequence[int | None] | Tensor | None = None,
        continuous: float | Sequence[float | None] | Tensor | None = None,
        seed: int = 0,
        noise: Tensor | None = None,
    ) -> Tensor:
        """`n` pictures, (n, *shape) in [-1, 1]; what is left out is drawn at random from `seed`.

        Args:
            n: how many; may be left out when a tensor with a row a picture says it.
            category: a value for the first categorical code, or one entry a categorical code (None: drawn), or a
                tensor (n,) or (n, K) with values for each picture.
            continuous: the same for the continuous codes; trained on -1 .. 1, worth trying to -2 .. 2.
            seed: of all that is drawn. One seed with two codes shows what the code changes and nothing else.
            noise: your own noise, (n, config.latent) in [-1, 1].

        Raises:
            CourseError: a category that does not exist, or shapes that do not fit the game's codes.
        """
        given = {"noise": noise, "category": category, "continuous": continuous}
        given = {
            name: torch.from_numpy(value) if isinstance(value, ndarray) and value.dtype.kind in "if" else value
            for name, value in given.items()
        }
        rows = {name: len(value) for name, value in given.items() if isinstance(value, Tensor) and value.dim()}
        n = n if n is not None else next(iter(rows.values()), None)
        if not is_count(n) or any(length != n for length in rows.values()):
            raise CourseError(
                f"sample(n={n!r}) was called with {rows or 'no rows of codes'}; n is a whole number from 1 up, and "
                "tensors of codes have a row for each picture."
            )
        drawn = dict(zip(given, self.draw(n, torch.Generator().manual_seed(seed)), strict=True))
        if (noise := given["noise"]) is not None:
            require_tensor("noise", noise)
            if noise.shape != drawn["noise"].shape:
                raise CourseError(f"noise has shape {tuple(noise.shape)}; here it is {tuple(drawn['noise'].shape)}.")
            drawn["noise"] = noise.float()
        for name in ("category", "continuous"):
            if given[name] is not None:
                drawn[name] = filled(name, given[name], drawn[name])
        for i, size in enumerate(self.config.categories):
            wrong = drawn["category"][(drawn["category"][:, i] < 0) | (drawn["category"][:, i] >= size), i]
            if len(wrong):
                raise CourseError(
                    f"category={int(wrong[0])} was asked of categorical code {i}; it goes from 0 to {size - 1}."
                )
        with sampling(self):
            return in_parts(self.generator, self.latent_of(*drawn.values()).to(self.device))

    def infer(self, images: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What Q reads in pictures (N, C, H, W), float in [-1, 1] or uint8, real ones too.

        Returns:
            For each categorical code its probabilities (N, size), and the means (N, C) of the continuous codes.

        Raises:
            CourseError: no tensor, or pictures of another shape.
        """
        require_tensor("images", images)
        images = self.prepare({"image": images.to(self.device)})["image"]
        if tuple(images.shape[1:]) != tuple(self.config.shape):
            raise CourseError(f"The pictures have shape {tuple(images.shape)}; here it is (N, {self.config.shape}).")
        with sampling(self):
            logits, means = self.split(in_parts(lambda part: self.discriminator(part)[1], images))
        return tuple(softmax(each, dim=1) for each in logits), means


def filled(name: str, given, drawn: Tensor) -> Tensor:
    """`drawn` codes (n, K) with the columns that are given written over.

    Raises:
        CourseError: more or fewer entries than codes, or a value that is no number of the code's kind.
    """
    n, k = drawn.shape
    kind, codes = ("whole numbers", "categorical") if name == "category" else ("numbers", "continuous")
    expected = (
        f"{name}={given!r} was given. This game has {k} {codes} code{'s' * (k != 1)}: give {kind}, one for each code"
    )
    if isinstance(given, Tensor):
        given = given[:, None] if given.dim() == 1 and k == 1 else given
        if (
            given.shape != drawn.shape
            or (name == "category" and given.is_floating_point())
            or not given.isfinite().all()
        ):
            raise CourseError(f"{expected}, or a tensor of shape ({n}, {k}).")
        return given.to(drawn)
    entries = list(given) if isinstance(given, (list, tuple)) else [given] + [None] * (k - 1)
    result = drawn.clone()
    for i, value in enumerate(entries):
        if value is None:
            continue
        right = isinstance(value, Integral) if name == "category" else isinstance(value, Real) and abs(value) < 1e6
        if len(entries) != k or not right or isinstance(value, bool):
            raise CourseError(f"{expected} (None: drawn), or a tensor of shape ({n}, {k}).")
        result[:, i] = int(value) if name == "category" else float(value)
    return result
