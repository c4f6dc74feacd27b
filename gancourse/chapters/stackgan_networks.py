"""The networks of chapter 4: both stages as the paper has them, and lean, for a CPU.

The paper's follow the authors' code (github.com/hanzhanggit/StackGAN), which is more exact than
the text: convolutions have no bias, and BatchNorm follows all but the first and the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, normalize, relu

from gancourse.layers import dcgan_init, halvings, join

if TYPE_CHECKING:
    from gancourse.chapters.stackgan import Config


class Augmentation(nn.Module):
    """Conditioning augmentation (section 3.2): a sentence is a cloud, not a point.

    text (N, T), noise (N, C) from N(0, 1) -> c (N, C), and the divergence of its
    distribution from N(0, 1) in nats per number. Between the few sentences of a set
    there is nothing; where their clouds overlap, G learns to draw from what lies
    between. Mean and log variance are a linear layer's outputs and nothing follows. A
    ReLU, as in popular copies, allows no mean below 0 and no deviation below 1; the
    authors' code has a LeakyReLU.
    """

    def __init__(self, text: int, size: int, on: bool = True):
        super().__init__()
        self.linear, self.on = nn.Linear(text, 2 * size), on

    def forward(self, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.linear(text).chunk(2, 1)
        if not self.on:
            return mean, mean.new_zeros(())
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        return mean + (log_variance / 2).exp() * noise, divergence


class Bottleneck(nn.Module):
    """x + f(x), then the activation; f narrows to a quarter (the authors' code)."""

    def __init__(self, width: int, narrow: int, slope: float = 0.0):
        super().__init__()
        self.slope = slope
        self.change = nn.Sequential(
            *block(width, narrow, 1, slope), *block(narrow, narrow, 3, slope),
            *block(narrow, width, 3)[:2],
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x + self.change(x), self.slope)


def block(below: int, above: int, kernel: int, slope: float = 0.0, stride: int = 1) -> list:
    """Convolution, BatchNorm, activation; `slope` of LeakyReLU, 0: ReLU."""
    pad = (kernel - 1) // 2
    conv = nn.Conv2d(below, above, kernel, stride, pad, bias=False)
    return [conv, nn.BatchNorm2d(above), nn.LeakyReLU(slope)]


def upward(below: int, above: int) -> list:
    """Nearest neighbours, then a convolution: twice the side, without chequers."""
    return [nn.Upsample(scale_factor=2), *block(below, above, 3)]


class PaperGenerator(nn.Module):
    """Stage I (section 3.3.1; the authors' code): text (N, T), latent (N, C + Z) -> 64 x 64 px."""

    def __init__(self, config: Config):
        super().__init__()
        w, self.c, side = config.width, config.condition, config.shape[1] // 16
        self.augmentation = Augmentation(config.embedding, self.c, config.augmentation)
        size = 8 * w * side**2
        first = nn.Linear(self.c + config.latent, size), nn.BatchNorm1d(size)
        self.layers = nn.Sequential(
            *first, nn.Unflatten(1, (8 * w, side, side)), Bottleneck(8 * w, 2 * w),
            *upward(8 * w, 4 * w)[:3], Bottleneck(4 * w, w),
            *upward(4 * w, 2 * w), *upward(2 * w, w),
            nn.Upsample(scale_factor=2), nn.Conv2d(w, 3, 3, padding=1, bias=False), nn.Tanh(),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, text: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        noise, z = latent[:, : self.c], latent[:, self.c :]
        c, divergence = self.augmentation(text, noise)
        return self.layers(join(c, z)), divergence


class PaperRefiner(nn.Module):
    """Stage II (section 3.3.2): a picture of s px, text (N, T), noise (N, C) -> 4 s px.

    The small picture is taken down to a quarter of its side, the sentence joins it everywhere, and
    four residual blocks decide what becomes of it. z is not needed: the first stage had it.
    """

    def __init__(self, config: Config):
        super().__init__()
        w, c = config.width, config.condition
        self.augmentation = Augmentation(config.embedding, c, config.augmentation)
        self.down = nn.Sequential(
            nn.Conv2d(3, w, 3, padding=1, bias=False), nn.ReLU(),
            *block(w, 2 * w, 4, stride=2), *block(2 * w, 4 * w, 4, stride=2),
        )  # fmt: skip
        self.up = nn.Sequential(
            *block(4 * w + c, 4 * w, 3), *(Residual(4 * w) for _ in range(4)),
            *upward(4 * w, 2 * w), *upward(2 * w, w), *upward(w, w // 2), *upward(w // 2, w // 4),
            nn.Conv2d(w // 4, 3, 3, padding=1, bias=False), nn.Tanh(),
        )  # fmt: skip
        self.apply(dcgan_init)

    def forward(self, small: Tensor, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        c, divergence = self.augmentation(text, noise)
        return self.up(join(self.down(small), c)), divergence


class Residual(nn.Module):
    """relu(x + f(x)), f two convolutions of 3 x 3 px: (N, C, H, W) -> the same."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(*block(width, width, 3), *block(width, width, 3)[:2])

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.change(x))


class PaperDiscriminator(nn.Module):
    """Does this picture look real, and like this sentence? (section 3.3; the authors' code)

    The sentence passes a layer of D's own, and joins the picture's 4 x 4 map at every place.
    """

    def __init__(self, config: Config):
        super().__init__()
        w, side = config.width_d, config.shape[1]
        widths = [w << i for i in range(halvings(config.shape)[0])]
        layers = [nn.Conv2d(3, w, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for below, above in zip(widths, widths[1:], strict=False):
            layers += block(below, above, 4, 0.2, stride=2)
        if side > 64:  # back to 8 w maps
            layers += [*block(widths[-1], 16 * w, 1, 0.2), *block(16 * w, 8 * w, 1, 0.2)]
        elif side == 64:
            del layers[-4]  # the code has no activation before its last halving
        else:  # smaller than the code draws: up to 8 w maps
            layers += block(widths[-1], 8 * w, 1, 0.2)
        self.picture = nn.Sequential(*layers[:-1], Bottleneck(8 * w, 2 * w, 0.2))
        self.text = nn.Sequential(nn.Linear(config.embedding, config.condition), nn.LeakyReLU(0.2))
        joint = block(8 * w + config.condition, 8 * w, 1, 0.2)
        self.joint = nn.Sequential(*joint, nn.Conv2d(8 * w, 1, 4, bias=False), nn.Flatten(0))
        self.apply(dcgan_init)

    def forward(self, seen: Tensor, text: Tensor) -> Tensor:
        """What `picture` has seen (N, 8 w, 4, 4), text (N, T) -> logits (N,)."""
        return self.joint(join(seen, self.text(text)))


class ConditionalNorm(nn.Module):
    """BatchNorm, its gain and offset read off the condition (de Vries et al. 2017).

    (N, C, H, W), (N, K) -> (N, C, H, W)
    """

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.offset = nn.Linear(size, channels), nn.Linear(size, channels)
        for linear in (self.gain, self.offset):
            nn.init.normal_(linear.weight, 0, 0.02)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, offset = self.gain(condition), self.offset(condition)
        return self.norm(x) * (1 + gain[:, :, None, None]) + offset[:, :, None, None]


class Up(nn.Module):
    """Twice the side, and the condition heard again: (N, B, H, W), (N, K) -> (N, A, 2 H, 2 W).

    `resize`: by nearest neighbours and a convolution, which cost twice as much and leave no
    chequers (Odena et al. 2016).
    """

    def __init__(self, below: int, above: int, size: int, resize: bool = False):
        super().__init__()
        self.conv = nn.ConvTranspose2d(below, above, 4, 2, 1, bias=False)
        if resize:
            conv = nn.Conv2d(below, above, 3, padding=1, bias=False)
            self.conv = nn.Sequential(nn.Upsample(scale_factor=2), conv)
        self.norm = ConditionalNorm(above, size)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return relu(self.norm(self.conv(x), condition))


class Generator(nn.Module):
    """A lean Stage I: text (N, T), latent (N, C + Z) -> (N, *shape).

    c and z are heard in every layer, by conditional norms, and not only in the first.
    """

    def __init__(self, config: Config):
        super().__init__()
        times, self.base = halvings(config.shape)
        self.c, heard = config.condition, config.condition + config.latent
        widths = [config.width * k for k in (1, 2, 4, 6, 8, 8, 8)[: times + 1]][::-1]
        self.augmentation = Augmentation(config.embedding, self.c, config.augmentation)
        self.first = nn.Linear(heard, widths[0] * self.base**2, bias=False)
        self.norm = ConditionalNorm(widths[0], heard)
        pairs = zip(widths, widths[1:], strict=False)
        self.ups = nn.ModuleList(Up(*pair, heard, config.resize) for pair in pairs)
        self.last = nn.Conv2d(widths[-1], config.shape[0], 3, padding=1)

    def forward(self, text: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        noise, z = latent[:, : self.c], latent[:, self.c :]
        c, divergence = self.augmentation(text, noise)
        heard = join(c, z)
        x = self.first(heard).unflatten(1, (-1, self.base, self.base))
        x = relu(self.norm(x, heard))
        for up in self.ups:
            x = up(x, heard)
        return self.last(x).tanh(), divergence


class Refiner(nn.Module):
    """A lean Stage II: a picture of s px, text (N, T), noise (N, C) -> (N, *shape), larger.

    As in chapter 5 the small picture, enlarged, is added, so that only what is better is to be
    learned.
    """

    def __init__(self, config: Config):
        super().__init__()
        w, c, side = config.width, config.condition, config.shape[1]
        self.side = side
        self.augmentation = Augmentation(config.embedding, c, config.augmentation)
        self.head = nn.Conv2d(3, w, 3, padding=1)
        self.down = nn.Conv2d(w, 2 * w, 4, 2, 1)
        self.norm = ConditionalNorm(2 * w, c)
        self.blocks = nn.ModuleList(ConditionalResidual(2 * w, c) for _ in range(2))
        self.back = Up(2 * w, w, c, resize=True)
        self.ups, times = nn.ModuleList(), (side // config.small).bit_length() - 1
        for i in range(times):
            self.ups.append(Up(w >> i, w >> (i + 1), c, resize=True))
        self.last = nn.Conv2d(w >> times, 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, small: Tensor, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        c, divergence = self.augmentation(text, noise)
        head = leaky_relu(self.head(small), 0.2)
        x = relu(self.norm(self.down(head), c))
        for layer in self.blocks:
            x = layer(x, c)
        x = self.back(x, c) + head
        for up in self.ups:
            x = up(x, c)
        smooth = interpolate(small, (self.side, self.side), mode="bilinear")
        return smooth + self.last(x), divergence


class ConditionalResidual(nn.Module):
    """x + f(x, c): (N, C, H, W), (N, K) -> (N, C, H, W)."""

    def __init__(self, width: int, size: int):
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2)
        )
        self.norm = ConditionalNorm(width, size)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return x + self.second(relu(self.norm(self.first(x), condition)))


class Discriminator(nn.Module):
    """A lean D: its logit is a picture's worth, and how well it fits the sentence.

    (Miyato & Koyama 2018, eq. 8: projection.) The same two vectors tell the pairs of a
    batch apart.
    """

    def __init__(self, config: Config, size: int = 96):
        super().__init__()
        times, base = halvings(config.shape)
        w, below, layers = config.width_d, config.shape[0], []
        for i in range(times):
            above = w << min(i, 2)
            layers += [nn.Conv2d(below, above, 4, 2, 1), nn.LeakyReLU(0.2)]
            below = above
        whole = nn.Conv2d(below, 8 * w, base), nn.LeakyReLU(0.2), nn.Flatten()
        self.picture = nn.Sequential(*layers, *whole)
        self.real, self.of_picture = nn.Linear(8 * w, 1), nn.Linear(8 * w, size)
        hidden = 2 * config.embedding
        first, last = nn.Linear(config.embedding, hidden), nn.Linear(hidden, size)
        self.text = nn.Sequential(first, nn.LeakyReLU(0.2), last)
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def forward(self, seen: Tensor, text: Tensor) -> Tensor:
        """What `picture` has seen (N, 8 w), text (N, T) -> logits (N,)."""
        fit = self.of_picture(seen) * self.text(text)
        return self.real(seen).squeeze(1) + fit.sum(1) / fit.shape[1] ** 0.5

    def agreement(self, seen: Tensor, text: Tensor) -> Tensor:
        """Cosines of pictures and sentences, times a learned factor: (N, N)."""
        picture = normalize(self.of_picture(seen), dim=1)
        cosines = picture @ normalize(self.text(text), dim=1).t()
        return self.sharpness.exp() * cosines
