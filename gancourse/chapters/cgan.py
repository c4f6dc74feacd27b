"""Chapter 2. Conditional generative adversarial nets (Mirza & Osindero 2014).

arXiv 1411.1784. Chapter 1 with two things swapped: the generator is conditioned on the
label, and so is the discriminator. Turns and schedules are chapter 1's, and so is the
loss, to which `mismatched` can add a term.

paper   the 2014 networks: z and y in layers of their own, then joined; momentum SGD
conv    convolutions with the label joined at every layer (Radford et al. 2015; the
        sizes are those of their code)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from gancourse.chapters import gan
from gancourse.conditions import Condition, checked_labels, labels, latents, length_of
from gancourse.files import CourseError
from gancourse.game import Batch, Drawing, in_parts, sampling
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
    uniform_init,
    uniform_latents,
)
from gancourse.losses import Terms
from gancourse.recipe import setting

ADAM = {"optimizer": "adam", "lr": 2e-4, "weight_decay": 2.5e-5}
CONV = {**ADAM, "width": 64, "batch_size": 128, "ema": 0.999, "steps": 40_000}
FORMS: dict[str, dict] = {"paper": {}, "conv": CONV}
# No L2 in the short runs: at their learning rate it holds the small networks back.
SHORT = {"batch_size": 64, "lr": 1e-3, "weight_decay": 0.0}
CHECK = {**SHORT, "batch_size": 32, "width": 16, "steps": 300, "ema": 0.98}
# Published before wrong labels were tried.
CLOTHES = {"split": "train", "width": 16, "anneal": 4_000, "ema": 0.998, "mismatched": 0.0}
SCALES: dict[str, dict[str, dict]] = {
    "check": {"paper": {"width": 240, "steps": 300}, "conv": CHECK},
    "class": {
        "paper": {"width": 600, "steps": 10_000},
        "conv": {**SHORT, "width": 32, "steps": 3_000, "ema": 0.998},
    },
    "full": {
        "paper": {"steps": 45_000},
        "conv": {**SHORT, "width": 32, "steps": 8_000, "anneal": 2_000, "mismatched": 0.2},
        "conv fashion": CLOTHES,
    },
    "gpu": {},
}
CONDITIONS = ("one-hot", "embedding", "projection")
COMPARING = ("wasserstein", "relativistic")  # a constant added to all logits costs nothing


@dataclass(frozen=True)
class Config(gan.Config):
    """Chapter 1's numbers with those of the paper's section 4.1, and three more.

    `condition` is how "conv" is given the label. one-hot: as in the paper. embedding: a
    learned vector of 50 numbers (shared by all layers, Brock et al. 2019, section 3).
    projection: the discriminator compares a picture's features with a vector for each
    class (Miyato & Koyama 2018); the generator's label stays one-hot.

    `mismatched`: D also sees real pictures under wrong labels, and must refuse them (Reed
    et al. 2016, section 4.2). Then a picture that looks more like another class earns less.
    """

    chapter, FORMS, SCALES, DEFAULT = "cgan", FORMS, SCALES, "conv"
    takes = "classes"

    lr_decay: float = 1.00004
    classes: int = setting(10, "labels are 0 to classes - 1", least=1)
    condition: str = setting(
        "one-hot", "how the label joins", choices=CONDITIONS, only={"form": ["conv"]}
    )
    mismatched: float = setting(0.0, "weight of real pictures under wrong labels", least=0)

    def __post_init__(self):
        super().__post_init__()
        if self.mismatched and self.classes < 2:
            raise CourseError(
                f"mismatched={self.mismatched}, classes=1: no label could be wrong; give "
                "mismatched=0, or more classes."
            )
        if self.mismatched and self.loss in COMPARING:
            raise CourseError(
                f"mismatched={self.mismatched}, loss={self.loss!r}: this loss compares real and "
                "fake pictures and has no level for either; give mismatched=0, or another loss."
            )

    def build(self) -> CGAN:
        """The game with fresh weights, drawn from torch's global random state."""
        return CGAN(self)

    def suited(self, data) -> Self:
        return replace(super().suited(data), classes=int(data["label"].max()) + 1)


class PaperGenerator(nn.Module):
    """z -> 200 ReLU, y -> 1000 ReLU, joint 1200 ReLU -> sigmoid (section 4.1).

    (N, latent), label -> (N, *shape). The dropout after each hidden layer stays on: it
    makes most of the difference between two pictures of a class.
    """

    start_at = gan.PaperGenerator.start_at

    def __init__(self, latent: int, shape: tuple[int, ...], width: int, classes: int):
        super().__init__()
        self.shape, self.classes = shape, classes
        of_z, of_y = width // 6, width - width // 6
        self.from_latent = nn.Sequential(nn.Linear(latent, of_z), nn.ReLU(), Noise(0.5))
        self.from_label = nn.Sequential(nn.Linear(classes, of_y), nn.ReLU(), Noise(0.5))
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), Noise(0.5),
            nn.Linear(width, math.prod(shape)), nn.Sigmoid(),
        )  # fmt: skip
        self.apply(partial(uniform_init, limit=0.05))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        y = as_weights(label, self.classes)
        hidden = join(self.from_latent((z + 1) / 2), self.from_label(y))  # z in [0, 1]
        return 2 * self.layers(hidden).unflatten(1, self.shape) - 1


class PaperDiscriminator(nn.Module):
    """x -> maxout 240 x 5, y -> maxout 50 x 5, joint maxout 240 x 4 -> 1 (section 4.1).

    (N, *shape), label -> (N,) logits
    """

    def __init__(self, shape: tuple[int, ...], units: int, classes: int):
        super().__init__()
        self.classes = classes
        of_y = max(1, units * 50 // 240)
        of_x = Maxout(math.prod(shape), units, pieces=5)
        self.from_image = nn.Sequential(of_x, nn.Dropout(0.5))
        self.from_label = nn.Sequential(Maxout(classes, of_y, pieces=5), nn.Dropout(0.5))
        joint = Maxout(units + of_y, units, pieces=4)
        self.layers = nn.Sequential(joint, nn.Dropout(0.5), nn.Linear(units, 1))
        self.apply(partial(uniform_init, limit=0.005))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        image = self.from_image((x.flatten(1) + 1) / 2)
        label = self.from_label(as_weights(label, self.classes))
        return self.layers(join(image, label)).squeeze(1)


class Label(nn.Module):
    """A label as the vector that layers join: one-hot, or learned.

    (N,) whole numbers or (N, classes) -> (N, size)
    """

    def __init__(self, classes: int, learned: bool):
        super().__init__()
        self.classes, self.size = classes, 50 if learned else classes
        self.vector = nn.Identity()
        if learned:
            self.vector = nn.Linear(classes, self.size, bias=False)

    def forward(self, label: Tensor) -> Tensor:
        return self.vector(as_weights(label, self.classes))


class Generator(nn.Module):
    """Two full layers, then doublings by 5x5 transposed convolutions.

    The label joins before each of them. (N, latent), label -> (N, *shape) in [-1, 1]
    """

    def __init__(self, latent: int, shape: tuple[int, ...], width: int, label: Label):
        super().__init__()
        times, base = halvings(shape)
        k, top = label.size, width << (times - 1)  # channels of the smallest map
        size = top * base**2
        self.label = label
        first = JoinedLinear(latent + k, 16 * width, bias=False)
        second = JoinedLinear(16 * width + k, size, bias=False)
        reshape = nn.Unflatten(1, (top, base, base))
        self.blocks = nn.ModuleList([
            Joining(first, nn.BatchNorm1d(16 * width), nn.ReLU()),
            Joining(second, nn.BatchNorm1d(size), nn.ReLU(), reshape),
        ])  # fmt: skip
        for i in range(times - 1):
            to = top >> (i + 1)
            layers = doubling(top >> i, to, k), nn.BatchNorm2d(to), nn.ReLU()
            self.blocks.append(Joining(*layers))
        self.blocks.append(Joining(doubling(width, shape[0], k), nn.Tanh()))
        self.apply(dcgan_init)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        x, y = z, self.label(label)
        for block in self.blocks:
            x = block(x, y)
        return x


SIZE = {"kernel_size": 5, "stride": 2, "padding": 2, "bias": False}


def doubling(channels: int, to: int, k: int) -> nn.ConvTranspose2d:
    """Twice the side; a label of `k` numbers joins.

    (N, channels, H, W), (N, k) -> (N, to, 2H, 2W)
    """
    return JoinedConvTranspose2d(channels + k, to, output_padding=1, **SIZE)


def halving(channels: int, to: int, k: int) -> nn.Conv2d:
    """Half the side; a label of `k` numbers joins unless k is 0.

    (N, channels, 2H, 2W), (N, k) -> (N, to, H, W)
    """
    return (JoinedConv2d if k else nn.Conv2d)(channels + k, to, **SIZE)


def trunk(shape: tuple[int, ...], width: int, k: int) -> nn.ModuleList:
    """Halvings, then a full layer; `k` numbers join before each block.

    (N, *shape) -> (N, 16 width). The input layer has no BatchNorm.
    """
    times, base = halvings(shape)
    blocks = [Joining(halving(shape[0], width, k), nn.LeakyReLU(0.2))]
    for i in range(times - 1):
        to = width << (i + 1)
        layers = halving(width << i, to, k), nn.BatchNorm2d(to), nn.LeakyReLU(0.2)
        blocks.append(Joining(*layers))
    blocks[-1].append(nn.Flatten())
    features = (width << (times - 1)) * base**2
    linear = (JoinedLinear if k else nn.Linear)(features + k, 16 * width, bias=False)
    blocks.append(Joining(linear, nn.BatchNorm1d(16 * width), nn.LeakyReLU(0.2)))
    return nn.ModuleList(blocks)


class Discriminator(nn.Module):
    """The generator's mirror, the label joined before each layer.

    (N, *shape), label -> (N,) logits
    """

    def __init__(self, shape: tuple[int, ...], width: int, label: Label):
        super().__init__()
        self.label = label
        self.blocks = trunk(shape, width, label.size)
        self.blocks.append(JoinedLinear(16 * width + label.size, 1))
        self.apply(dcgan_init)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        y = self.label(label)
        for block in self.blocks:
            x = block(x, y)
        return x.squeeze(1)


class ProjectionDiscriminator(nn.Module):
    """logit = psi . phi(x) + v_y . phi(x): is it real, and is it like this class?

    (Miyato & Koyama 2018, eq. 8). (N, *shape), label -> (N,) logits
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
        v = self.of_class(as_weights(label, self.classes))
        return self.real(phi).squeeze(1) + (v * phi).sum(1)


class CGAN(gan.GAN):
    """The game of chapter 1, both players conditioned on the label.

    A batch holds "image" (N, C, H, W) in [-1, 1] and "label" (N,), 0 to classes - 1.
    """

    conditions = (Condition("label", int, "a class, or several in turn", in_turn=True),)

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config, shape, width = self.config, self.config.shape, self.config.width
        latent, classes = config.latent, config.classes
        if config.form == "paper":
            generator = PaperGenerator(latent, shape, width, classes)
            return generator, PaperDiscriminator(shape, width // 5, classes)
        learned = config.condition == "embedding"
        generator = Generator(latent, shape, width, Label(classes, learned))
        if config.condition == "projection":
            return generator, ProjectionDiscriminator(shape, width, classes)
        return generator, Discriminator(shape, width, Label(classes, learned))

    def begin(self, data: Mapping[str, Tensor]) -> None:
        if "label" not in data:
            raise CourseError(
                f"data: {', '.join(data)} and no label; a conditional GAN learns from "
                "pictures with a label each."
            )
        checked_labels(data["label"], self.config.classes)
        super().begin(data)

    def fake(self, batch: Batch) -> Tensor:
        label = batch["label"]
        z = uniform_latents(len(label), self.config.latent, device=label.device)
        return self.generator(z, label)

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        return self.discriminator(x, batch["label"])

    def discriminator_loss(self, batch: Batch) -> Terms:
        terms, weight = super().discriminator_loss(batch), self.config.mismatched
        if weight:
            wrong = batch | {"label": self.mislabel(batch["label"])}
            logits = self.judge(batch["image"], wrong)
            # What the discriminator pays for fakes with these logits.
            terms["mismatched"] = weight * self.rules.discriminator(logits, logits)["fake"]
        return terms

    def mislabel(self, label: Tensor) -> Tensor:
        """For each label one of the others, all equally likely."""
        classes = self.config.classes
        return (label + torch.randint_like(label, 1, classes)) % classes

    def preview(self) -> Tensor:
        """A column for each class."""
        classes = self.config.classes
        return self.sample(classes * max(8, classes))

    def drawing(self) -> Drawing:
        latent, classes = self.config.latent, self.config.classes
        inputs = {"latent": torch.zeros(1, latent), "label": torch.eye(classes)[:1]}
        return Drawing(self.generator, inputs)

    def sample(
        self,
        n: int | None = None,
        *,
        label: int | Sequence[int] | Tensor | None = None,
        seed: int = 0,
        latent: Tensor | None = None,
    ) -> Tensor:
        """`n` pictures of what is asked for, (n, *shape) in [-1, 1].

        One seed with two labels shows the same "handwriting" of two classes.

        Args:
            label: a class for all, or one per picture: whole numbers (n,), or weights
                of a mixture (n, classes). None takes the classes in turn.
            seed: of the latents, and in "paper" of the dropout.
            latent: your own latents, (n, config.latent) in [-1, 1].

        Raises:
            CourseError: a label that is no class, or shapes that do not fit each other.
        """
        if n is None and latent is None:
            n = length_of(label)
        z = latents(latent, n, self.config.latent, seed, uniform_latents)
        asked = labels(label, len(z), self.config.classes)
        if n not in (None, len(z)):
            raise CourseError(f"n={n}: latent has {len(z)} rows; give one per picture.")
        with sampling(self, ~seed):  # the dropout's numbers are not those of the latents
            return in_parts(self.generator, z.to(self.device), asked.to(self.device))
