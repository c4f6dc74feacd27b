"""What the run runs on: device, precision, random states, and a description for the record."""

from __future__ import annotations

import os
import platform
import random
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from gancourse.files import CourseError


def offered(device: str | torch.device | None = None) -> torch.device:
    """`device`, or for None the best there is: CUDA, else MPS, else the CPU.

    Args:
        device: such as "cpu", "cuda", "cuda:1" or a torch.device.

    Raises:
        CourseError: this machine's torch does not offer it, or it is no device.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    best = "cuda" if gpus else "mps" if torch.backends.mps.is_available() else "cpu"
    counts = {"cpu": 1, best: gpus or 1}
    try:
        wanted = torch.device(best if device is None else device)
    except (RuntimeError, TypeError, ValueError):
        wanted = None
    if wanted is None or (wanted.index or 0) >= counts.get(wanted.type, 0):
        raise CourseError(
            f"device={str(device)!r}: this machine's torch does not offer it; choose "
            f"{' or '.join(counts)}."
        )
    return torch.device("cpu") if wanted.type == "cpu" else wanted


@dataclass(frozen=True)
class Machine:
    """What a run is computed on, and how.

    It decides how numbers are rounded, and nothing else of what is learned. The memory order
    follows a rule and is not timed at the start of a run, because a seed must give the same
    weights again: after five steps of a DCGAN, those of the two orders differ by up to 0.03.
    `gancourse bench` measures the rule. On one CPU core, with AVX2 as with AVX-512, channels_last
    is 1.0 to 1.1 times as fast with BatchNorm, and 0.8 to 0.9 times with instance norm.

    Attributes:
        device: "cpu", "cuda" or "mps"; None for the best there is.
        precision: "bf16", "no" (float32), or "auto": bf16 on GPUs that compute in it.
        compile: compile the losses, and what they share, with torch.compile (fullgraph).
        channels_last: memory order of pictures and convolutions, except on the devices in
            `game.contiguous_on`, where it is contiguous.
        workers: processes that read data which are not held in memory.
        tensorboard: also log for TensorBoard, into the run's folder.
    """

    device: str | None = None
    precision: str = "auto"
    compile: bool = False
    channels_last: bool = True
    workers: int = 2
    tensorboard: bool = False

    def start(self, folder: Path | None = None) -> Accelerator:
        """Accelerate's handle on it."""
        tracker = {"log_with": "tensorboard", "project_dir": str(folder)}
        options = tracker if self.tensorboard and folder else {}
        return accelerator(self.device, self.precision, **options)


def accelerator(device: str | None = None, precision: str = "auto", **options) -> Accelerator:
    """Accelerate's handle on device, precision and processes.

    Args:
        device: as `offered` takes it.
        precision: "bf16", "no" (float32) or "auto": bf16 autocast on GPUs that compute in it,
            which needs no loss scaler.

    Raises:
        CourseError: a device or precision that this machine does not offer.
    """
    chosen = offered(device)
    if precision not in ("auto", "bf16", "no"):
        raise CourseError(f"precision={precision!r}: not known; choose auto, bf16 or no.")
    if precision == "auto":
        bf16 = chosen.type == "cuda" and torch.cuda.is_bf16_supported(False)
        precision = "bf16" if bf16 else "no"
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    # Accelerate keeps one state per process; a notebook trains many times, each time as it was
    # asked.
    AcceleratorState._reset_state(reset_partial_state="RANK" not in os.environ)
    asked_for_cpu = device is not None and chosen.type == "cpu"
    return Accelerator(cpu=asked_for_cpu, mixed_precision=precision, **options)


NOTHING = torch.empty(0, dtype=torch.uint8)


def random_state() -> dict:
    """Every random state that a run draws from, as tensors and plain numbers."""
    version, words, gauss = random.getstate()
    _, keys, *rest = numpy.random.get_state(legacy=True)  # noqa: NPY002 - the global state is what must be kept
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else NOTHING,
        "numpy": torch.from_numpy(keys.astype("int64")),
        "plain": {"python": [version, list(words), gauss], "numpy": rest},
    }


def set_random_state(state: dict) -> None:
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    keys = state["numpy"].numpy().astype("uint32")
    numpy.random.set_state(("MT19937", keys, *state["plain"]["numpy"]))  # noqa: NPY002
    version, words, gauss = state["plain"]["python"]
    random.setstate((version, tuple(words), gauss))


def peak_memory(device: torch.device) -> int:
    """Largest memory held so far, in bytes: the GPU's allocator, or this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows has no such count
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    """The CPU's name as the system says it: on Linux, platform.processor() gives no more than
    x86_64.
    """
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name" and name.strip():
                return " ".join(name.split())
    return platform.processor() or platform.machine()


def describe(handle: Accelerator) -> dict:
    """Device, precision, threads and versions, for a run's environment.json."""
    device = handle.device
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else processor(),
        "kind": device.type,
        "processes": handle.num_processes,
        "precision": handle.mixed_precision,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cuda": torch.version.cuda if cuda else None,
        "packages": {
            name: metadata.version(name) for name in ("torch", "torchvision", "accelerate", "numpy")
        },
    }
