"""Enlarge photos four times, beside other programs: PSNR, and seconds per megapixel.

All are given the same small pictures, and what they make is measured by the same
`restoration.psnr`. They take turns, picture by picture, in every round, so that a busy machine
slows all alike. A time is CPU seconds of one thread, from the bytes of a picture in memory to the
bytes of the enlarged one: reading and writing files is not in it. The median of the rounds counts.

The other programs are Pillow, which the course needs anyway, and what `make peers` puts into a
folder: OpenCV, and UpscalerJS (MIT), whose networks are the largest for enlarging that an npm
package carries. What is missing there is named and left out.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gancourse import bicubic, models
from gancourse.chapters import configure
from gancourse.data.photos import Photos
from gancourse.files import BUNDLED, read_json
from gancourse.game import Game
from gancourse.metrics.inputs import as_uint8
from gancourse.metrics.restoration import degrade, psnr
from gancourse.press.bench import upscalerjs

SCALE = 4
SMALLEST = 16  # px of a photo's shorter side: after shrinking and cutting, something must be left
# (h, w, 3) uint8 -> (4 h, 4 w, 3) uint8, and the CPU seconds that it took.
Upscaler = Callable[[np.ndarray], tuple[np.ndarray, float]]


@dataclass(frozen=True)
class Score:
    """How one program did.

    Attributes:
        psnr: mean over the photos in dB.
        seconds: per megapixel of enlarged pictures; the median of the rounds.
        least, most: the same of the quickest and of the slowest round.
    """

    name: str
    psnr: float
    seconds: float
    least: float
    most: float

    def __str__(self) -> str:
        spread = f"({self.least:.3f} to {self.most:.3f})"
        return f"{self.name:32} {self.psnr:5.2f} dB {self.seconds:8.3f} s per megapixel {spread}"


def timed(enlarge: Callable[[np.ndarray], np.ndarray]) -> Upscaler:
    def run(low: np.ndarray) -> tuple[np.ndarray, float]:
        began = time.process_time()
        high = enlarge(low)
        return high, time.process_time() - began

    return run


def as_pictures(array: np.ndarray) -> Tensor:
    """(h, w, 3) uint8 -> (1, 3, h, w) uint8."""
    return torch.tensor(array).permute(2, 0, 1)[None]


def as_array(pictures: Tensor) -> np.ndarray:
    """(1, 3, h, w) uint8 -> (h, w, 3) uint8."""
    return np.ascontiguousarray(pictures[0].permute(1, 2, 0).numpy())


def by_bicubic(low: np.ndarray) -> np.ndarray:
    high = bicubic.enlarge(as_pictures(low).float(), SCALE)
    return as_array(high.round().clamp(0, 255).byte())


def by_pillow(low: np.ndarray) -> np.ndarray:
    height, width, _ = low.shape
    size = SCALE * width, SCALE * height
    return np.asarray(Image.fromarray(low).resize(size, Image.Resampling.BICUBIC))


def by_game(game: Game, low: np.ndarray) -> np.ndarray:
    return as_array(as_uint8(game.upscale(as_pictures(low))))


def by_network(network: nn.Module, low: np.ndarray) -> np.ndarray:
    given = as_pictures(low).float().contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        high = network(given * (network.most / 255)) * (255 / network.most)
    return as_array(high.round().clamp(0, 255).byte())


def enlargers() -> list[str]:
    """The published models that enlarge photos."""
    found = {
        name: read_json(BUNDLED / "weights" / name / "config.json") for name in models.published()
    }
    return [name for name, settings in found.items() if configure(settings).takes == "photos"]


@contextmanager
def upscalers(
    names: Sequence[str], folder: Path | None = None
) -> Iterator[tuple[dict[str, Upscaler], list[str]]]:
    """({title: how to enlarge} of bicubic, the peers and our models, titles that are missing).

    Args:
        names: published models, or folders of runs.
        folder: of the other programs.
    """
    found: dict[str, Upscaler] = {"bicubic": timed(by_bicubic), "bicubic, Pillow": timed(by_pillow)}
    missing = []
    with ExitStack() as stack:
        if cv2 := opencv(folder):
            enlarge = partial(
                cv2.resize, dsize=None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC
            )
            found["bicubic, OpenCV"] = timed(enlarge)
        else:
            missing.append("OpenCV")
        for size in upscalerjs.SIZES:
            title = f"UpscalerJS {size}"
            package = upscalerjs.package(folder or Path(), size)
            if folder is None or not package.is_dir():
                missing.append(title)
                continue
            found[f"{title}, TensorFlow.js"] = stack.enter_context(upscalerjs.Process(folder, size))
            network = upscalerjs.Network(package, 1 if size == "thick" else 255)
            network.eval().to(memory_format=torch.channels_last)
            found[f"{title}, PyTorch"] = timed(partial(by_network, network))
        for name in names:
            found[f"ours, {Path(name).name}"] = timed(partial(by_game, models.load(name)))
        yield found, missing


def opencv(folder: Path | None):
    """The module cv2, on one thread, from the folder or as it is installed; None without either."""
    sys.path.append(str(folder or Path()))
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError:
        return None
    finally:
        sys.path.pop()
    cv2.setNumThreads(1)
    return cv2


def compare(photos: Photos, upscalers: dict[str, Upscaler], *, rounds: int = 3) -> list[Score]:
    """How each of the upscalers does on the photos, each cut to sides that are multiples of 4."""
    pairs = [degrade(photos.photo(i)[None], SCALE) for i in range(len(photos))]
    lows = [as_array(low) for low, _ in pairs]
    megapixels = sum(true[0, 0].numel() for _, true in pairs) / 1e6
    for upscaler in upscalers.values():
        upscaler(lows[0])  # compilers and caches warm up
    errors: dict[str, list[float]] = {name: [] for name in upscalers}
    taken = {name: [0.0] * rounds for name in upscalers}
    for turn in range(rounds):
        for low, (_, true) in zip(lows, pairs, strict=True):
            for name, upscaler in upscalers.items():
                high, seconds = upscaler(low)
                taken[name][turn] += seconds / megapixels
                if not turn:
                    errors[name].append(psnr(as_pictures(high), true, SCALE))
    return [
        Score(name, statistics.fmean(errors[name]), statistics.median(each), min(each), max(each))
        for name, each in taken.items()
    ]
