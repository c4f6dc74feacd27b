"""The energy that hardware counts: processors by Linux powercap (RAPL), GPUs by NVIDIA's NVML.

Where it is not counted, or may not be read, there is no number: nothing is estimated. Processors
count for all programs of the machine, so that a number means little on a busy one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")  # since Linux 5.10 only root may read its counters


@dataclass
class Counter:
    """A count that only grows, in units of so many `joules`; after `top` it begins again at 0."""

    read: Callable[[], int]
    joules: float
    top: int = 0

    def __post_init__(self):
        self.last = self.read()

    def since(self) -> float:
        """Joules since the last call. It must be asked again before the count comes round."""
        now = self.read()
        units, self.last = now - self.last, now
        return (units + self.top if units < 0 else units) * self.joules


def of_processors(root: Path = POWERCAP) -> list[Counter]:
    """Counters of all processors and of memory that is counted by itself; none if one is barred."""
    counters = []
    try:
        for zone in sorted(root.glob("intel-rapl:*")):  # AMD's processors too; psys would be double
            name = (zone / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                top = int((zone / "max_energy_range_uj").read_text())
                counters.append(Counter(partial(number_in, zone / "energy_uj"), 1e-6, top))
    except (OSError, ValueError):
        return []
    return counters


def number_in(path: Path) -> int:
    return int(path.read_text())


def of_gpus(indices: Iterable[int]) -> list[Counter]:
    """Counters of NVIDIA GPUs by their numbers in torch; none without nvidia-ml-py or support."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        ids = [f"GPU-{torch.cuda.get_device_properties(index).uuid}" for index in indices]
        handles = [pynvml.nvmlDeviceGetHandleByUUID(each) for each in ids]
        ask = pynvml.nvmlDeviceGetTotalEnergyConsumption  # millijoules since the driver was loaded
        return [Counter(partial(ask, handle), 1e-3) for handle in handles]
    except pynvml.NVMLError:
        return []


def counters(device: torch.device, processes: int = 1) -> dict[str, list[Counter]]:
    """ "cpu" and "gpu" -> the counters of what a run uses; empty where nothing can be measured.

    Processes on other machines cannot be measured here, and then nothing is.
    """
    if processes != int(os.environ.get("LOCAL_WORLD_SIZE", "1")):
        return {"cpu": [], "gpu": []}
    gpus: Iterable[int] = ()
    if device.type == "cuda":
        own = device.index if device.index is not None else torch.cuda.current_device()
        gpus = range(processes) if processes > 1 else [own]
    return {"cpu": of_processors(), "gpu": of_gpus(gpus)}
