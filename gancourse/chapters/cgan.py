"""Chapter 2. Conditional generative adversarial nets (Mirza & Osindero 2014, arXiv 1411.1784): ask for a class, get it.

Chapter 1 with two things swapped: the generator is told the label, and so is the discriminator. Loss, turns and schedules
are chapter 1's.

paper   the 2014 networks: z and y in layers of their own, then joined; momentum SGD
conv    convolutions with the label joined at every layer (Radford et al. 2015; the sizes are those of their code)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from gancourse.chapters import gan
from gancourse.files import CourseError
from gancourse.game import Batch, in_parts, sampling
from gancourse.layers import (
    JoinedConv2d,
    JoinedConvTranspose2d,
    JoinedLinear,
    Joining,
    Maxout,
    Noise,
    as_weights,
    dcgan_init,
    halvings,
    join,
    uniform_latents,
)

ADAM = {"optimizer": "adam", "lr": 2e-4, "weight_decay": 2.5e-5, "width": 64, "batch_size": 128, "ema": 0.999}
FORMS: dict[str, dict] = {"paper": {}, "conv": {**ADAM, "steps": 40_000}}
# No L2 in the short runs: at their learning rate it holds the small networks back.
SHORT = {"batch_size": 64, "lr": 1e-3, "weight_decay": 0.0}
SCALES: dict[str, dict[str, dict]] = {
    "check": {
        "paper": {"width": 240, "steps": 300},
        "conv": {**SHORT, "batch_size": 32, "width": 16, "steps": 300, "ema": 0.98},
    },
    "class": {"paper": {"width": 600, "steps": 10_000}, "conv": {**SHORT, "width": 32, "steps": 3_000, "ema": 0.998}},
    "full": {},
}
CONDITIONS = ("one-hot", "embedding", "projection")


@dataclass(frozen=True)
class Config(gan.Config):
    """Chapter 1's numbers with those of the paper's section 4.1, and two more. `Config.at(scale, form=...)` as before.

    Attributes:
        width: units of the joint layer ("paper"), channels at the finest hidden resolution ("conv").
        classes: how many labels there are; a label is a whole number from 0 to classes - 1.
        condition: how "conv" is told the label. "one-hot": as the paper does. "embedding": as a learned vector of 50
            numbers (such as Brock et al. 2019, section 3, share among their layers). "projection": the discriminator
            scores a picture's features against a vector a class instead (Miyato & Koyama 2018); the generator's label
            stays one-hot.
    """

    FORMS: ClassVar[dict[str, dict]] = FORMS
    SCALES: ClassVar[dict[str, dict[str, dict]]] = SCALES
    DEFAULT: ClassVar[str] = "conv"
    CHOICES: ClassVar[dict] = {**gan.Config.CHOICES, "form": FORMS, "condition": CONDITIONS}
    POSITIVE: ClassVar[tuple[str, ...]] = (*gan.Config.POSITIVE, "classes")

    lr_decay: float = 1.00004
    classes: int = 10
    condition: str = "one-hot"

    def __post_init__(self):
        super().__post_init__()
        if self.form == "paper" and self.condition != "one-hot":
            raise CourseError(f'condition={self.condition!r} is for form="conv"; the paper\'s networks take "one-hot".')

    def build(self) -> CGAN:
        """The game with fresh weights, drawn from torch's global random state."""
        return CGAN(self)


class PaperGenerator(nn.Module):
    """z -> 200 ReLU, y -> 1000 ReLU, joint 1200 ReLU -> sigmoid (section 4.1). (N, latent), label -> (N, *shape).

    The dropout after each hidden layer stays on: most of what tells two pictures of a class apart comes from it.
    """

    start_at = gan.PaperGenerator.start_at

    def __init__(self, latent: int, shape: tuple[int, ...], width: int, classes: int):
        super().__init__()
        self.shape, self.classes = shape, classes
        self.from_latent = nn.Sequential(nn.Linear(latent, width // 6), nn.ReLU(), Noise(0.5))
        self.from_label = nn.Sequential(nn.Linear(classes, width - width // 6), nn.ReLU(), Noise(0.5))
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), Noise(0.5),
            nn.Linear(width, shape[0] * shape[1] * shape[2]), nn.Sigmoid(),
        )  # fmt: skip
        self.apply(partial(gan.uniform_init, limit=0.05))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        hidden = join(self.from_latent((z + 1) / 2), self.from_label(as_weights(label, self.classes)))  # unit hypercube
        return 2 * self.layers(hidden).unflatten(1, self.shape) - 1


class PaperDiscriminator(nn.Module):
    """x -> maxout 240 x 5, y -> maxout 50 x 5, joint maxout 240 x 4 -> 1 (section 4.1). (N, *shape), label -> (N,)."""

    def __init__(self, shape: tuple[int, ...], units: int, classes: int):
        super().__init__()
        self.classes = classes
        of_label = max(1, units * 50 // 240)
        self.from_image = nn.Sequential(Maxout(shape[0] * shape[1] * shape[2], units, pieces=5), nn.Dropout(0.5))
        self.from_label = nn.Sequential(Maxout(classes, of_label, pieces=5), nn.Dropout(0.5))
        self.layers = nn.Sequential(Maxout(units + of_label, units, pieces=4), nn.Dropout(0.5), nn.Linear(units, 1))
        self.apply(partial(gan.uniform_init, limit=0.005))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        image = self.from_image((x.flatten(1) + 1) / 2)
        return self.layers(join(image, self.from_label(as_weights(label, self.classes)))).squeeze(1)


class Label(nn.Module):
    """A label as the vector that layers join: one-hot, or learned. (N,) whole numbers or (N, classes) -> (N, size)."""

    def __init__(self, classes: int, learned: bool):
        super().__init__()
        self.classes, self.size = classes, 50 if learned else classes
        self.vector = nn.Linear(classes, self.size, bias=False) if learned else nn.Identity()

    def forward(self, label: Tensor) -> Tensor:
        return self.vector(as_weights(label, self.classes))


class Generator(nn.Module):
    """Two full layers, then doublings by 5x5 transposed convolutions; the label joins at the door of each.

    (N, latent), label -> (N, *shape) in [-1, 1]
    """

    def __init__(self, latent: int, shape: tuple[int, ...], width: int, label: Label):
        super().__init__()
        times, base = halvings(shape)
        k, top = label.size, width << (times - 1)  # channels of the smallest map
        self.label = label
        self.blocks = nn.ModuleList([
            Joining(JoinedLinear(latent + k, 16 * width, bias=False), nn.BatchNorm1d(16 * width), nn.ReLU()),
            Joining(
                JoinedLinear(16 * width + k, top * base**2, bias=False), nn.BatchNorm1d(top * base**2), nn.ReLU(),
                nn.Unflatten(1, (top, base, base)),
            ),
            *(Joining(doubling(top >> i, top >> (i + 1), k), nn.BatchNorm2d(top >> (i + 1)), nn.ReLU())
              for i in range(times - 1)),
            Joining(doubling(width, shape[0], k), nn.Tanh()),
        ])  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        x, y = z, self.label(label)
        for block in self.blocks:
            x = block(x, y)
        return x


def doubling(channels: int, to: int, k: int) -> nn.ConvTranspose2d:
    """Twice the side; a label of `k` numbers joins. (N, channels, H, W), (N, k) -> (N, to, 2H, 2W)."""
    return JoinedConvTranspose2d(channels + k, to, 5, stride=2, padding=2, output_padding=1, bias=False)


def halving(channels: int, to: int, k: int) -> nn.Conv2d:
    """Half the side; a label of `k` numbers joins unless k is 0. (N, channels, 2H, 2W), (N, k) -> (N, to, H, W)."""
    return (JoinedConv2d if k else nn.Conv2d)(channels + k, to, 5, stride=2, padding=2, bias=False)


def trunk(shape: tuple[int, ...], width: int, k: int) -> nn.ModuleList:
    """Halvings, then a full layer: blocks that turn (N, *shape) into (N, 16 width), `k` numbers joined before each."""
    times, base = halvings(shape)
    blocks = [Joining(halving(shape[0], width, k), nn.LeakyReLU(0.2))]  # no BatchNorm on the input layer
    for i in range(times - 1):
        blocks.append(Joining(
            halving(width << i, width << (i + 1), k), nn.BatchNorm2d(width << (i + 1)), nn.LeakyReLU(0.2),
        ))  # fmt: skip
    blocks[-1].append(nn.Flatten())
    features = (width << (times - 1)) * base**2
    linear = JoinedLinear if k else nn.Linear
    return nn.ModuleList([*blocks, Joining(
        linear(features + k, 16 * width, bias=False), nn.BatchNorm1d(16 * width), nn.LeakyReLU(0.2),
    )])  # fmt: skip


class Discriminator(nn.Module):
    """The generator's mirror, the label joined at the door of each layer. (N, *shape), label -> (N,) logits."""

    def __init__(self, shape: tuple[int, ...], width: int, label: Label):
        super().__init__()
        self.label = label
        self.blocks = nn.ModuleList([*trunk(shape, width, label.size), JoinedLinear(16 * width + label.size, 1)])
        self.apply(dcgan_init)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        y = self.label(label)
        for block in self.blocks:
            x = block(x, y)
        return x.squeeze(1)


class ProjectionDiscriminator(nn.Module):
    """logit = psi . phi(x) + v_y . phi(x): is it real, and is it like this class? (Miyato & Koyama 2018, eq. 8)

    (N, *shape), label -> (N,) logits
    """

    def __init__(self, shape: tuple[int, ...], width: int, classes: int):
        super().__init__()
        self.classes = classes
        self.features = nn.Sequential(*trunk(shape, width, 0))
        self.real = nn.Linear(16 * width, 1)
        self.of_class = nn.Linear(classes, 16 * width, bias=False)
        self.apply(dcgan_init)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        phi = self.features(x)
        return self.real(phi).squeeze(1) + (self.of_class(as_weights(label, self.classes)) * phi).sum(1)


class CGAN(gan.GAN):
    """The game of chapter 1, in which both players see the label.

    A batch holds "image" (N, C, H, W) in [-1, 1] and "label" (N,) int64 from 0 to classes - 1.
    """

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config = self.config
        latent, shape, width, classes = config.latent, config.shape, config.width, config.classes
        if config.form == "paper":
            return PaperGenerator(latent, shape, width, classes), PaperDiscriminator(shape, width // 5, classes)
        learned = config.condition == "embedding"
        generator = Generator(latent, shape, width, Label(classes, learned))
        if config.condition == "projection":
            return generator, ProjectionDiscriminator(shape, width, classes)
        return generator, Discriminator(shape, width, Label(classes, learned))

    def begin(self, data: Mapping[str, Tensor]) -> None:
        if "label" not in data:
            raise CourseError(f"A conditional GAN learns from pictures with a label; these have {', '.join(data)}.")
        checked_label(data["label"], self.config.classes)
        super().begin(data)

    def fake(self, batch: Batch) -> Tensor:
        z = uniform_latents(len(batch["label"]), self.config.latent, device=batch["label"].device)
        return self.generator(z, batch["label"])

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        return self.discriminator(x, batch["label"])

    def sample(
        self,
        n: int | None = None,
        *,
        label: int | Sequence[int] | Tensor | None = None,
        seed: int = 0,
        latent: Tensor | None = None,
    ) -> Tensor:
        """`n` pictures of what is asked for, (n, *shape) in [-1, 1]. The same seed gives the same latents everywhere.

        Args:
            n: how many; may be left out when `latent`, or one label a picture, says it.
            label: a class for all, or one a picture: whole numbers (n,), or weights of a mixture (n, classes).
                None takes the classes in turn.
            seed: of the latents, and in "paper" of the dropout, which another `n` draws anew. One seed with two labels
                shows the same "handwriting" of two classes.
            latent: your own latents, (n, config.latent) in [-1, 1], instead of drawn ones.

        Raises:
            CourseError: a label that is no class, or shapes that do not fit each other.
        """
        try:
            asked = None if label is None else torch.as_tensor(label)
        except (TypeError, ValueError, RuntimeError):
            raise CourseError(f"label={label!r} was given. Give a whole number, or one for each picture.") from None
        if n is None and latent is None and asked is not None and asked.dim():
            n = len(asked)
        latent = self.latents(n, seed, latent, draw=uniform_latents)
        if asked is None:
            asked = torch.arange(len(latent)) % self.config.classes
        asked = checked_label(asked.expand(len(latent)) if asked.dim() == 0 else asked, self.config.classes)
        if len(asked) != len(latent) or n not in (None, len(latent)):
            raise CourseError(f"{n or len(latent)} pictures, {len(latent)} latents and {len(asked)} labels were given; "
                              "give one label for all, or one for each.")  # fmt: skip
        with sampling(self, ~seed):  # the dropout's numbers; the latents are drawn from those of `seed`
            return in_parts(self.generator, latent, asked.to(self.device))


def checked_label(label: Tensor, classes: int) -> Tensor:
    """Labels (N,) as int64 or mixtures (N, classes) as float32.

    Raises:
        CourseError: another shape, numbers that are not whole, or a label outside 0 .. classes - 1.
    """
    if label.dim() == 2 and label.shape[1] == classes and label.is_floating_point() and label.isfinite().all():
        return label.float()
    if label.dim() != 1 or label.is_floating_point() or label.dtype == torch.bool:
        raise CourseError(
            f"label has shape {tuple(label.shape)} and type {label.dtype}. Give a whole number, one for each picture, "
            f"or for mixtures a row of {classes} floats each."
        )
    wrong = label[(label < 0) | (label >= classes)]
    if len(wrong):
        raise CourseError(f"label={int(wrong[0])} was asked for; labels go from 0 to {classes - 1}.")
    return label.long()
