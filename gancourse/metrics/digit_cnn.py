"""The digit classifier, a small network whose 128 features are the basis of every digit metric.

FID usually takes its features from Inception, a classifier of photos, for which all handwritten
digits look alike. A network that reads more than 99 % of digits correctly places a 3 far from an 8,
and a smudge far from both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancourse.files import BUNDLED
from gancourse.metrics.digit_reader import DigitReader, accuracy, publish, restore
from gancourse.metrics.teaching import teach

__all__ = ["DigitCNN", "accuracy", "fit", "judge", "load", "publish"]

FOLDER = BUNDLED / "weights" / "digit-cnn"
TOTAL_VARIANCE = 220.0  # of the features, by convention: see `set_unit`


class DigitCNN(DigitReader):
    """Three convolutions, 128 features, 10 logits: about 265,000 parameters, 1 MB."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(  # (N, 1, 28, 28) in [-1, 1]
            nn.Conv2d(1, 32, 3, padding=1, bias=False),
            nn.MaxPool2d(2),  # 14 x 14
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False),
            nn.MaxPool2d(2),  # 7 x 7
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, bias=False),  # 5 x 5
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 5 * 5, 128),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(128, 10))
        self.to(memory_format=torch.channels_last)  # three times faster on a CPU

    def forward(self, images: Tensor) -> Tensor:
        """Pictures (N, 1, 28, 28), uint8 or float in [-1, 1] -> logits (N, 10)."""
        return self.head(self._body(images))

    def features(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """Pictures (N, 1, 28, 28), uint8 or float in [-1, 1] -> features (N, 128) >= 0.

        Runs in eval mode without gradient, on the network's device, `batch_size` pictures at a
        time. The features are float32 on the CPU.

        Raises:
            CourseError: pictures that are not 28 x 28 with one channel, or values out of range.
        """
        return self._in_batches(self._body, images, batch_size)

    def _body(self, images: Tensor) -> Tensor:
        return self.body(self._given(images))


def shifted(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Shift each picture (N, 1, H, W) by a random -pixels..pixels both ways, padding with black."""
    count, _, height, width = images.shape
    images = F.pad(images, [pixels] * 4)
    down, right = torch.randint(2 * pixels + 1, (2, count, 1), generator=generator)
    rows, columns = torch.arange(height) + down, torch.arange(width) + right  # (N, H), (N, W)
    picture = torch.arange(count)[:, None, None, None]
    return images[picture, 0, rows[:, None, :, None], columns[:, None, None, :]]


def fit(
    images: Tensor,
    labels: Tensor,
    *,
    seed: int = 0,
    epochs: int = 10,
    batch_size: int = 125,
    rate: float = 3e-3,
    shift: int = 2,
    device: str | torch.device = "cpu",
    watch: Callable[[int, float], None] | None = None,
) -> DigitCNN:
    """Train a digit classifier with cross-entropy, Adam and a one-cycle learning rate.

    The same seed gives the same weights, bit for bit, on the same machine with the same number of
    threads.

    Args:
        images: (N, 1, 28, 28) uint8 on the CPU.
        labels: (N,) int64.
        rate: the highest learning rate of the cycle.
        shift: pixels by which each training picture is shifted at most, in both directions.
        watch: called as `watch(epoch, mean_loss)` after each epoch.
    """
    device = torch.device(device)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)  # initial weights and dropout
        cnn = DigitCNN().to(device)
        optimizer = torch.optim.Adam(cnn.parameters(), lr=rate)

        def loss(rows: Tensor) -> Tensor:
            pictures = shifted(images[rows], shift, generator).to(device)
            return F.cross_entropy(cnn(pictures), labels[rows].to(device))

        how = {"rate": rate, "epochs": epochs, "batch_size": batch_size, "watch": watch}
        teach(cnn, optimizer, loss, len(images), generator=generator, **how)
    return set_unit(cnn, images[:10_000]).eval().requires_grad_(False)


@torch.no_grad()
def set_unit(cnn: DigitCNN, images: Tensor) -> DigitCNN:
    """Scale the features, in place, so that their variances over `images` sum to 220; logits stay.

    A Frechet distance has the unit of the features squared, and ReLU leaves that unit arbitrary:
    doubling the weights below the features and halving those above gives the same classifier with
    four times the FID. A fixed unit makes two trainings comparable. With 220, noise of standard
    deviation .1 on real digits scores about 12.
    """
    factor = (TOTAL_VARIANCE / cnn.features(images).var(0).sum()).sqrt()
    features, head = cnn.body[-2], cnn.head[-1]
    features.weight *= factor
    features.bias *= factor
    head.weight /= factor
    return cnn


def load(folder: str | Path, device: str | torch.device = "cpu") -> DigitCNN:
    """A published digit classifier in eval mode without gradient, checked against its card's hash.

    Raises:
        CourseError: a file is missing.
        DamagedFile: the hash of the weights differs from the one on the card.
    """
    return restore(DigitCNN(), folder, device)


def judge(device: str | torch.device | None = None) -> DigitCNN:
    """The course's digit classifier, verified by hash, loaded once per device (None: the CPU)."""
    return _judge(str(device or "cpu"))


@cache
def _judge(device: str) -> DigitCNN:
    return load(FOLDER, device)
