"""Chapter 3. InfoGAN (Chen et al. 2016): find, without labels, what could be asked for.

arXiv 1606.03657. Chapter 2 with two things swapped. There are no labels: the game draws
codes c instead. And besides its verdict, the discriminator guesses which code a generated
picture was made from. Both players gain from a right guess. What they gain is a lower
bound on the mutual information between code and picture (eq. 4):

    I(c; G(z, c)) >= L_I = E log Q(c | G(z, c)) + H(c)

digits   MNIST: ten categories and two continuous codes, at the sizes and learning rates
         of the authors' code
faces    32 px in colour, many small codes
sprites  64 px shapes whose true factors are known
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softmax

from gancourse.chapters import gan
from gancourse.conditions import Condition, as_given, codes, require_tensor, rows
from gancourse.files import CourseError
from gancourse.game import Batch, Drawing, Terms, in_parts, sampling, to_float
from gancourse.layers import dcgan_init, halvings, random_affine
from gancourse.losses import LOSSES
from gancourse.recipe import setting

FACES = {"pictures": "faces", "split": "train", "shape": (3, 32, 32), "block": 2}
SPRITES = {"pictures": "sprites", "split": "train", "shape": (1, 64, 64)}
FORMS: dict[str, dict] = {
    "digits": {},
    "faces": {**FACES, "categories": (2, 2), "continuous": 4, "steps": 20_000},
    "sprites": {**SPRITES, "categories": (3,), "continuous": 4, "steps": 60_000},
}
# A network a quarter as wide learns at four times the rate. Between the players the ratio
# stays the authors' 1 to 5.
SMALL = {"width": 16, "batch_size": 64, "lr": 8e-4, "lr_generator": 4e-3}
CLASS = {**SMALL, "steps": 2_000, "ema": 0.998}
LONGER = {**CLASS, "steps": 8_000, "anneal": 4_000}
HINTED = {"augment": 1.0, "unmoved": 1, "deviation": 0.5}  # see Config
SCALES: dict[str, dict[str, dict]] = {
    "check": dict.fromkeys(FORMS, {**SMALL, "steps": 300, "ema": 0.98}),
    "class": dict.fromkeys(FORMS, CLASS),
    "full": {
        "digits": {**CLASS, **HINTED, "steps": 3_500, "anneal": 500},
        "faces": {**LONGER, "continuous": 8},
        "sprites": LONGER,
    },
    "gpu": {},
}
UNPAIRED = [name for name, rules in LOSSES.items() if not rules.pairs]


@dataclass(frozen=True)
class Config(gan.Config):
    """Chapter 1's numbers with those of the authors' code for MNIST.

    `augment`: Q reads a copy of the picture that was moved at random by so much (see
    `random_affine`); at 0 the picture itself, as in the paper. What a slightly turned or
    shifted copy does not show cannot be a code then. The first `unmoved` continuous codes
    Q reads off the picture itself even so, for what the moves hide, such as slant.
    `deviation`: at a half, an error in a continuous code costs four times as much.
    `leak`: the paper's appendix has .1, the authors' code .01.
    `block`: pixel art is drawn in blocks of so many px, which the networks see and make
    as one pixel. Otherwise a discriminator need only check that the blocks are even, and
    learns nothing of faces.
    """

    chapter, FORMS, SCALES, DEFAULT = "infogan", FORMS, SCALES, "digits"
    OWN = {"shape": (3, 64, 64), "block": 1}
    unused = ("r1", "r2", "gradient_penalty", "weight_decay", "generator_every")

    form: str = "digits"
    latent: int = 62
    width: int = 64
    optimizer: str = setting("adam", "of both players", choices=("adam",))
    loss: str = setting("non-saturating", "of gancourse.losses", choices=UNPAIRED)
    lr: float = 2e-4
    lr_generator: float = 1e-3
    steps: int = 5_000
    batch_size: int = 128
    ema: float = 0.999
    categories: tuple[int, ...] = setting((10,), "sizes of categorical codes", least=2)
    continuous: int = setting(2, "continuous codes, each U(-1, 1)", least=0)
    information: float = setting(1.0, "lambda, the weight of L_I; 0: a GAN", least=0)
    augment: float = setting(0.0, "how far Q's copy is moved", least=0, below=2)
    unmoved: int = setting(0, "first continuous codes that are not moved", least=0)
    deviation: float = setting(1.0, "of Q's Gaussian for a continuous code", above=0)
    leak: float = setting(0.01, "slope of LeakyReLU below 0", least=0)
    block: int = setting(1, "px that are drawn as one", least=1)

    def __post_init__(self):
        super().__post_init__()
        if not self.codes:
            raise CourseError(
                f"categories={self.categories}, continuous={self.continuous}: no code at "
                "all; give one of either kind, such as categories=(10,)."
            )
        if self.unmoved > self.continuous:
            raise CourseError(
                f"unmoved={self.unmoved}: there are {self.continuous} continuous codes; "
                "give no more than that."
            )

    @property
    def codes(self) -> int:
        """Length of the code vector c: one number per category value and continuous code."""
        return sum(self.categories) + self.continuous

    def build(self) -> InfoGAN:
        """The game with fresh weights, drawn from torch's global random state."""
        return InfoGAN(self)


def in_blocks(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """The shape that the networks work at when `block` px are one."""
    return (shape[0], shape[1] // block, shape[2] // block)


def generator(latent: int, shape: tuple[int, ...], width: int, block: int = 1) -> nn.Sequential:
    """Two full layers, then doublings (appendix C.1).

    (N, noise and codes) -> (N, *shape) in [-1, 1]
    """
    times, base = halvings(in_blocks(shape, block))
    top = width << (times - 1)
    size = top * base**2
    layers = [nn.Linear(latent, 16 * width, bias=False)]
    layers += [nn.BatchNorm1d(16 * width), nn.ReLU()]
    layers += [nn.Linear(16 * width, size, bias=False), nn.BatchNorm1d(size), nn.ReLU()]
    layers += [nn.Unflatten(1, (top, base, base))]
    for i in range(times - 1):
        to = top >> (i + 1)
        layers += [nn.ConvTranspose2d(top >> i, to, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(to), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, shape[0], 4, 2, 1), nn.Tanh()]
    if block > 1:
        layers.append(nn.Upsample(scale_factor=block))  # every pixel becomes a block
    return nn.Sequential(*layers).apply(dcgan_init)


class Discriminator(nn.Module):
    """One trunk, two heads (appendix C.1): is it real (D), and which code made it (Q)?

    The input layer has no BatchNorm.

    (N, *shape) -> logits (N,), code (N, codes): one logit per category value, then one
    mean per continuous code. A Q that `watches` learns from the trunk and cannot change
    it: the control of a plain GAN.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        codes: int,
        leak: float,
        *,
        watches: bool = False,
        block: int = 1,
    ):
        super().__init__()
        self.watches = watches
        times, base = halvings(in_blocks(shape, block))
        layers = [nn.AvgPool2d(block)] if block > 1 else []
        layers += [nn.Conv2d(shape[0], width, 4, 2, 1), nn.LeakyReLU(leak)]
        for i in range(times - 1):
            to = width << (i + 1)
            layers += [nn.Conv2d(width << i, to, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(to), nn.LeakyReLU(leak)]
        features = (width << (times - 1)) * base**2
        layers += [nn.Flatten(), nn.Linear(features, 16 * width, bias=False)]
        layers += [nn.BatchNorm1d(16 * width), nn.LeakyReLU(leak)]
        self.trunk = nn.Sequential(*layers)
        self.real = nn.Linear(16 * width, 1)
        self.code = nn.Sequential(
            nn.Linear(16 * width, 2 * width, bias=False), nn.BatchNorm1d(2 * width),
            nn.LeakyReLU(leak), nn.Linear(2 * width, codes),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        logits = self.real(features).squeeze(1)
        return logits, self.code(features.detach() if self.watches else features)


class InfoGAN(gan.GAN):
    """Generator against a discriminator that also guesses the code, in a GAN's two turns.

    A batch holds "image" (N, C, H, W) in [-1, 1]. A third optimizer for the information,
    as popular code has it, would move the generator twice per step.
    """

    conditions = (
        Condition("category", int, "a value per categorical code"),
        Condition("continuous", float, "a number per continuous code, -1 to 1"),
    )
    averaged = ("generator", "discriminator")  # what infer() sees with is averaged too
    for_sampling = averaged

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config, shape, width = self.config, self.config.shape, self.config.width
        size, block = config.latent + config.codes, config.block
        watches = not config.information
        return generator(size, shape, width, block), Discriminator(
            shape, width, config.codes, config.leak, watches=watches, block=block
        )

    def discriminator_loss(self, batch: Batch) -> Terms:
        real = batch["image"]
        with torch.no_grad():  # the generator is not playing: no graph through it
            code = self.draw(len(real), device=real.device)
            fake = self.generator(self.latent_of(*code))
        real_logits, _ = self.discriminator(real)
        fake_logits, guess = self.read(fake)
        weight = self.config.information or 1.0  # a Q that only watches learns as well
        terms = self.rules.discriminator(real_logits, fake_logits)
        return terms | self.surprise(guess, code, weight)

    def generator_loss(self, batch: Batch) -> Terms:
        real, weight = batch["image"], self.config.information
        code = self.draw(len(real), device=real.device)
        logits, guess = self.read(self.generator(self.latent_of(*code)))
        terms = self.rules.generator(logits, None)
        return terms | self.surprise(guess, code, weight) if weight else terms

    def read(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """D's verdict on generated pictures (N,), and Q's guess at their code (N, codes).

        With `augment` Q guesses from a moved copy: the generator is rewarded for codes
        that outlast the move. The first `unmoved` continuous codes are guessed from the
        picture itself.
        """
        logits, guess = self.discriminator(pictures)
        if self.config.augment:
            _, moved = self.discriminator(random_affine(pictures, self.config.augment))
            first = sum(self.config.categories)
            last = first + self.config.unmoved
            parts = moved[:, :first], guess[:, first:last], moved[:, last:]
            guess = torch.cat(parts, 1)
        return logits, guess

    def draw(
        self, n: int, generator: torch.Generator | None = None, device=None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Noise (n, latent), category (n, K) whole numbers, continuous (n, C).

        Drawn from the prior, row by row: the first pictures do not depend on n.
        """
        sizes = torch.tensor(self.config.categories, device=device)
        widths = [self.config.latent, len(sizes), self.config.continuous]
        where = generator.device if generator else device
        uniform = torch.rand(n, sum(widths), generator=generator, device=where)
        noise, category, continuous = uniform.to(device).split(widths, dim=1)
        return 2 * noise - 1, (category * sizes).long(), 2 * continuous - 1

    def latent_of(self, noise: Tensor, category: Tensor, continuous: Tensor) -> Tensor:
        """What the generator takes: noise, one-hot categories, continuous codes."""
        pairs = zip(category.T, self.config.categories, strict=True)
        one_hots = [one_hot(*pair).float() for pair in pairs]
        return torch.cat([noise, *one_hots, continuous], 1)

    def split(self, guess: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Q's output (N, codes) -> logits (N, size) per category, means (N, C)."""
        widths = [*self.config.categories, self.config.continuous]
        *categories, means = guess.split(widths, dim=1)
        return tuple(categories), means

    def surprise(self, guess: Tensor, code: tuple[Tensor, ...], weight: float) -> Terms:
        """-weight log Q(c | x) up to constants; summed over codes, averaged over N."""
        _, category, continuous = code
        logits, means = self.split(guess)
        terms = {}
        if logits:  # cross_entropy takes logits: after a softmax its floor is 1.46 nats
            pairs = zip(logits, category.T, strict=True)
            terms["category"] = weight * sum(cross_entropy(*pair) for pair in pairs)
        if self.config.continuous:  # Gaussian: ((c - mean) / deviation)^2 / 2
            error = (continuous - means) / self.config.deviation
            terms["continuous"] = weight * error.square().sum(1).mean() / 2
        return terms

    def drawing(self) -> Drawing:
        size = self.config.latent + self.config.codes
        return Drawing(self.generator, {"latent": torch.zeros(1, size)})

    def sample(
        self,
        n: int | None = None,
        *,
        category: int | Sequence[int | None] | Tensor | None = None,
        continuous: float | Sequence[float | None] | Tensor | None = None,
        seed: int = 0,
        noise: Tensor | None = None,
    ) -> Tensor:
        """`n` pictures, (n, *shape) in [-1, 1]. What is not given is drawn from `seed`.

        One seed with two codes shows what the code changes.

        Args:
            category: one value per categorical code (None: drawn), a single value for
                the first one, or a tensor (n,) or (n, K).
            continuous: the same for continuous codes, trained on -1 to 1.
            noise: your own noise, (n, config.latent) in [-1, 1].

        Raises:
            CourseError: a value that a code cannot have, or shapes that do not fit.
        """
        config = self.config
        noise, category, continuous = map(as_given, (noise, category, continuous))
        n = rows(n, noise=noise, category=category, continuous=continuous)
        z, c, d = self.draw(n, torch.Generator().manual_seed(seed))
        if noise is not None:
            require_tensor("noise", noise)
            if noise.shape != z.shape:
                raise CourseError(f"noise: shape {tuple(noise.shape)}; give {tuple(z.shape)}.")
            z = noise.float()
        if category is not None:
            c = codes("category", category, c, config.categories)
        if continuous is not None:
            d = codes("continuous", continuous, d)
        with sampling(self):
            return in_parts(self.generator, self.latent_of(z, c, d).to(self.device))

    def infer(self, images: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What Q reads in pictures (N, C, H, W), float in [-1, 1] or uint8, real or not.

        Returns:
            For each categorical code its probabilities (N, size), and the means (N, C)
            of the continuous codes.

        Raises:
            CourseError: no tensor, or pictures of another shape.
        """
        require_tensor("images", images)
        x = to_float({"x": images.to(self.device)})["x"]
        if tuple(x.shape[1:]) != tuple(self.config.shape):
            raise CourseError(f"images: shape {tuple(x.shape)}; give (N, *{self.config.shape}).")
        with sampling(self):
            guess = in_parts(lambda part: self.discriminator(part)[1], x)
        logits, means = self.split(guess)
        return tuple(softmax(each, dim=1) for each in logits), means
