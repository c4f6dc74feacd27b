"""The second judge of digits: it sees in which directions strokes run, and learned to be unsure.

The first judge, `digit_cnn`, learned its filters from clean digits, and calls noise a digit with
full confidence. This one differs from it in everything that could lead both astray together: fixed
filters instead of learned ones (histograms of oriented gradients, Dalal & Triggs 2005), digits bent
instead of shifted, and pictures that it is told to be unsure of: blends of two digits (after mixup,
Zhang et al. 2018), flat grey and noise (Lee et al. 2018). Its confidence is calibrated on digits
that it has not learned from (Guo et al. 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancourse.files import BUNDLED
from gancourse.metrics.digit_reader import DigitReader, restore, rounded
from gancourse.metrics.teaching import teach

FOLDER = BUNDLED / "weights" / "digit-hog"
DIRECTIONS = 8
CELLS = 7  # a side: 4 px each, of which neighbours share a pixel
FAINT = 0.2  # a rise below this, in ink per two pixels, has no vote: grain is not a stroke
EMPTY = 12  # in training, one picture without a digit for so many digits
HELD_OUT = 2_000  # pictures that calibrate and do not teach


class DigitHOG(DigitReader):
    """Gradients in 8 directions and 7 x 7 cells, 256 hidden units, 10 logits: 104,000 weights."""

    def __init__(self):
        super().__init__()
        turn = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
        compass = torch.stack([turn.cos(), turn.sin()], 1)[:, :, None, None]
        self.register_buffer("compass", compass, persistent=False)  # (8, 2, 1, 1)
        self.register_buffer("temperature", torch.ones(()))
        inputs = DIRECTIONS * CELLS**2
        self.body = nn.Sequential(
            nn.BatchNorm1d(inputs),
            nn.Linear(inputs, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(256, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Pictures (N, 1, 28, 28), uint8 or float in [-1, 1] -> logits (N, 10)."""
        return self.body(self.histograms(self._given(images) / 2 + 0.5)) / self.temperature

    def histograms(self, ink: Tensor) -> Tensor:
        """How much ink (N, 1, 28, 28), 0..1, rises in each direction, by cell: (N, 392) >= 0.

        Rises count by what they exceed `FAINT` by. The picture's edge is no stroke either: beyond
        it the last pixel goes on, so a picture of one grey has no rises at all.
        """
        framed = F.pad(ink, [1] * 4, mode="replicate")
        right = framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]
        down = framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]
        rises = F.conv2d(torch.cat([right, down], 1), self.compass)  # (N, 8, 28, 28)
        rises = (rises - FAINT).relu()
        return F.avg_pool2d(rises, 6, stride=4, padding=1).flatten(1).sqrt()


def bent(ink: Tensor, generator: torch.Generator, strength: float = 0.06) -> Tensor:
    """Pictures (N, 1, 28, 28), each pulled smoothly out of shape at 4 x 4 points of its own.

    `strength` is the standard deviation of a point's move, in half widths of the picture: just
    under a pixel. Moves that agree shift, turn, shear or stretch; others bend strokes.
    """
    points = strength * torch.randn(len(ink), 2, 4, 4, generator=generator)
    moves = F.interpolate(points, ink.shape[2:], mode="bicubic", align_corners=True)
    still = F.affine_grid(torch.eye(2, 3).expand(len(ink), 2, 3), ink.shape, align_corners=False)
    return F.grid_sample(ink, still + moves.permute(0, 2, 3, 1), align_corners=False)


def blended(ink: Tensor, told: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A sixth of a batch blended with others: pictures, and probabilities (N, 10), half for each.

    Of the first digit 40 to 60 % shows, of the other the rest.
    """
    count = len(ink) // 6
    others = torch.randint(len(ink), (count,), generator=generator)
    part = 0.4 + 0.2 * torch.rand(count, 1, 1, 1, generator=generator)
    mixed = part * ink[:count] + (1 - part) * ink[others]
    truth = (told[:count] + told[others]) / 2
    return torch.cat([mixed, ink[count:]]), torch.cat([truth, told[count:]])


def grainy(ink: Tensor, generator: torch.Generator, most: float = 0.15) -> Tensor:
    """Pictures (N, 1, 28, 28) with noise, of a standard deviation of its own up to `most` each.

    It is `most` times the square of a uniform number, so that half of them have a quarter or less.
    """
    sigma = most * torch.rand(len(ink), 1, 1, 1, generator=generator).square()
    return (ink + sigma * torch.randn(ink.shape, generator=generator)).clamp(0, 1)


def empty(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, 28, 28) without a digit, and probabilities (N, 10), a tenth for each.

    One grey each, with anything from no grain to noise that hides it.
    """
    grey = torch.rand(count, 1, 1, 1, generator=generator).expand(-1, 1, 28, 28)
    return grainy(grey, generator, most=0.6), torch.full((count, 10), 0.1)


def fit(
    images: Tensor,
    labels: Tensor,
    *,
    seed: int = 0,
    epochs: int = 18,
    batch_size: int = 125,
    rate: float = 5e-3,
    watch: Callable[[int, float], None] | None = None,
) -> DigitHOG:
    """Train the second judge with cross-entropy, AdamW and a one-cycle rate, then calibrate it.

    Digits are bent, blended and made grainy; pictures without a digit come between them.
    The last pictures, at most 2,000 or a tenth, are held out for the calibration. Weights are
    rounded to float16, as they are stored. A minute or two of one CPU core for 50,000 pictures.

    Args:
        images: (N, 1, 28, 28) uint8 on the CPU.
        labels: (N,) int64.
        rate: the highest learning rate of the cycle.
        watch: called as `watch(epoch, mean_loss)` after each epoch.
    """
    held_out = min(HELD_OUT, -(-len(images) // 10))
    learn, others = slice(len(images) - held_out), slice(len(images) - held_out, None)
    ink, told = images[learn], F.one_hot(labels[learn], 10).float()
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights and dropout
        hog = DigitHOG()
        optimizer = torch.optim.AdamW(hog.parameters(), lr=rate, weight_decay=0.01)

        def loss(rows: Tensor) -> Tensor:
            moved = bent(ink[rows].float() / 255, generator)
            seen, truth = blended(moved, told[rows], generator)
            blank, unknown = empty(-(-len(rows) // EMPTY), generator)
            seen = torch.cat([grainy(seen, generator), blank])
            return F.cross_entropy(hog(2 * seen - 1), torch.cat([truth, unknown]))

        how = {"rate": rate, "epochs": epochs, "batch_size": batch_size, "watch": watch}
        teach(hog, optimizer, loss, len(ink), generator=generator, **how)
    return rounded(calibrate(hog, images[others], labels[others])).requires_grad_(False)


@torch.no_grad()
def calibrate(hog: DigitHOG, images: Tensor, labels: Tensor) -> DigitHOG:
    """Choose, in place, the temperature at which the labels of unseen pictures are likeliest.

    Dividing the logits by a number changes no reading, only the confidence in it (Guo et al. 2017,
    section 4.2). Many training pictures are blends or grainy, so without this it is too low.
    """
    hog.temperature.fill_(1)
    logits = hog._in_batches(hog, images, 250)
    tried = torch.logspace(-1, 1, 101)
    wrong = torch.stack([F.cross_entropy(logits / each, labels) for each in tried])
    hog.temperature.copy_(tried[wrong.argmin()])
    return hog.eval()


def load(folder: str | Path, device: str | torch.device = "cpu") -> DigitHOG:
    """A published second judge in eval mode without gradient, checked against its card's hash.

    Raises:
        CourseError: a file is missing.
        DamagedFile: the hash of the weights differs from the one on the card.
    """
    return restore(DigitHOG(), folder, device)


@cache
def second_judge() -> DigitHOG:
    """The course's second judge, verified by hash, loaded once, on the CPU."""
    return load(FOLDER)
