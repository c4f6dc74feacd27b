"""What the run runs on: device, precision, random states, and a description for the record."""

from __future__ import annotations

import os
import platform
import random
import sys
from importlib import metadata

import numpy
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from gancourse.files import CourseError


def offered(device: str | None = None) -> str:
    """`device`, or for None the best there is: "cuda", else "mps", else "cpu".

    Raises:
        CourseError: this machine's torch does not offer it.
    """
    best = (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    if device not in (None, "cpu", best):
        raise CourseError(
            f"device={device!r} was asked for; this machine's torch offers: {', '.join({best, 'cpu'})}."
        )
    return device or best


def accelerator(device: str | None = None, precision: str = "auto", **options) -> Accelerator:
    """Accelerate's handle on device, precision and processes.

    Args:
        device: "cpu", or None for the best there is (CUDA, MPS, else CPU).
        precision: "bf16", "no" (float32) or "auto": bf16 autocast on GPUs that compute in it, which needs no loss scaler.
    """
    chosen = offered(device)
    if precision not in ("auto", "bf16", "no"):
        raise CourseError(f"precision={precision!r} was asked for. Choose auto, bf16 or no.")
    if precision == "auto":
        precision = "bf16" if chosen == "cuda" and torch.cuda.is_bf16_supported(False) else "no"
    # Accelerate keeps one state a process; a notebook trains many times, each time as it was asked.
    AcceleratorState._reset_state(reset_partial_state="RANK" not in os.environ)
    return Accelerator(cpu=device == "cpu", mixed_precision=precision, **options)


def random_state() -> dict:
    """Every random state that a run draws from, as tensors and plain numbers."""
    version, words, gauss = random.getstate()
    _, keys, *rest = numpy.random.get_state(legacy=True)  # noqa: NPY002 - the global state is what must be kept
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state()
        if torch.cuda.is_available()
        else torch.empty(0, dtype=torch.uint8),
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


def describe(handle: Accelerator) -> dict:
    """Device, precision, threads and versions, for a run's environment.json."""
    device = handle.device
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device)
        if cuda
        else platform.processor() or platform.machine(),
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
