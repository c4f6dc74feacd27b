"""What a run leaves behind.

config.json        the hyper-parameters, and what the data are known by
environment.json   device, precision, versions
metrics.jsonl      a line of means every so many steps
samples/           grids of samples from fixed latents, at log-spaced steps
checkpoints/       see checkpoint.py
summary.json       seconds, images a second, peak memory, energy
.lock              held while a process trains here
"""

from __future__ import annotations

import json
import math
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from gancourse.files import CourseError, make_folder, replacing, write_json, write_text, writing
from gancourse.game import Game

try:
    import fcntl
except ImportError:  # Windows has no such lock: two processes in one folder are not noticed there
    fcntl = None


@dataclass
class Record:
    """A run's numbers and pictures, in memory and, if it has a folder, on disk.

    Attributes:
        metrics: one dict a line: step, seconds, images_per_second, and the mean of each loss term
            since the line before.
        summary: step, seconds, images_per_second, peak_memory (bytes) and joules of the whole run.
        game: the game with its averaged networks in place, ready for `sample`.
    """

    folder: Path | None = None
    metrics: list[dict] = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    game: Game | None = None

    def rewind(self, step: int) -> None:
        """Forget lines after `step`, which the run is about to write again."""
        if self.folder:
            self.metrics = [line for line in read_metrics(self.folder) if line["step"] <= step]
            write_text(
                self.folder / METRICS, "".join(json.dumps(line) + "\n" for line in self.metrics)
            )

    def log(self, line: dict) -> None:
        self.metrics.append(line)
        if self.folder:
            path = self.folder / METRICS
            with writing(path), open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def pictures(self, step: int, images: Tensor) -> None:
        """Save a grid of (N, C, H, W) pictures in [-1, 1]; anything else, such as points, is left
        to the watchers.
        """
        if self.folder and images.dim() == 4:
            columns = math.ceil(math.sqrt(len(images)))
            grid = make_grid(
                images.float().cpu(),
                columns,
                padding=1,
                normalize=True,
                value_range=(-1, 1),
                pad_value=1,
            )
            path = self.folder / "samples" / f"step-{step:08d}.png"
            with replacing(path) as temporary:
                to_pil_image(grid).save(temporary)

    def write(self, name: str, value: dict) -> None:
        if self.folder:
            write_json(self.folder / f"{name}.json", value)


@contextmanager
def alone_in(folder: Path | None):
    """Make a folder and hold its .lock, so that a second process is refused; None holds nothing.

    The operating system lets go of the lock when the process ends, killed or not. The empty file
    stays.

    Raises:
        CourseError: another process trains in the folder, or it cannot be written to.
    """
    if folder is None:
        yield
        return
    make_folder(folder)
    with writing(folder):
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl:
            hold(lock, folder)
        yield
    finally:
        os.close(lock)


def hold(lock: int, folder: Path) -> None:
    try:
        fcntl.lockf(
            lock, fcntl.LOCK_EX | fcntl.LOCK_NB
        )  # flock's would live on in a killed run's data loaders
    except (BlockingIOError, PermissionError) as error:
        raise CourseError(
            f"Another process is training in {folder}. Wait for its end, or stop it, or choose "
            "another folder."
        ) from error
    except OSError:  # a network disk that knows no locks
        pass


METRICS = "metrics.jsonl"


def read_metrics(folder: str | Path) -> list[dict]:
    """The lines of a run's metrics.jsonl.

    A last line that a killed process left half-written is passed over.
    """
    path = Path(folder) / METRICS
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    return [json.loads(line) for line in lines[:-1] if line]


def log_spaced(steps: int, count: int = 24) -> list[int]:
    """About `count` whole steps from 0 to `steps`, dense at the start, where a GAN changes most."""
    return sorted({0, steps, *(round(steps ** (i / (count - 1))) for i in range(count))})


def mean_terms(sums: dict[str, Tensor], counts: dict[str, int]) -> dict[str, float]:
    """Means of what accumulated on the device, in one transfer."""
    if not sums:
        return {}
    values = torch.stack(list(sums.values())).tolist()
    return {name: value / counts[name] for name, value in zip(sums, values, strict=True)}
