"""Energy is what counters say, and nothing where there are none."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch

from gancourse.press.dossier import Dossier
from gancourse.training import energy
from tests.games import play

CPU = torch.device("cpu")


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """A tree of counters as Linux shows it: two zones that count, and two that would count twice."""
    root = tmp_path / "powercap"
    names = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    for zone, name in names.items():
        (root / zone).mkdir(parents=True)
        (root / zone / "name").write_text(f"{name}\n")
        (root / zone / "max_energy_range_uj").write_text("10000000\n")
        (root / zone / "energy_uj").write_text("4000000\n")
    monkeypatch.setattr(energy.of_processors, "__defaults__", (root,))
    return root


def test_packages_and_memory_count_and_what_holds_them_does_not(powercap):
    package, memory = energy.of_processors()
    for zone in powercap.iterdir():
        (zone / "energy_uj").write_text("5500000\n")
    assert (package.since(), memory.since()) == (1.5, 1.5)
    assert package.since() == 0


def test_a_counter_that_came_round_goes_on(powercap):
    package, _ = energy.of_processors()
    (powercap / "intel-rapl:0" / "energy_uj").write_text("1000000\n")
    assert package.since() == 7.0


@pytest.mark.parametrize("spoil", ["unreadable", "absent"])
def test_without_readable_counters_there_is_no_number(powercap, spoil):
    counter = powercap / "intel-rapl:0:1" / "energy_uj"
    counter.write_text("?") if spoil == "unreadable" else counter.unlink()
    assert energy.of_processors() == []
    assert energy.of_processors(powercap / "nowhere") == []


def test_a_run_writes_what_was_counted(powercap, tmp_path, line_game, points):
    def burn(progress):
        path = powercap / "intel-rapl:0" / "energy_uj"
        path.write_text(str((int(path.read_text()) + 2_500_000) % 10_000_000))

    record = play(line_game(), points, 4, tmp_path / "run", watch=[burn], save_every=2, log_every=1)
    looks = 4  # after each step; the one before the first is not of the training
    assert record.summary["joules"] == {"cpu": 2.5 * looks, "gpu": None}
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == record.summary

    record = play(line_game(), points, 6, tmp_path / "run", watch=[burn], log_every=1)
    assert record.summary["joules"]["cpu"] == 2.5 * (looks + 2), "with what it took before the stop"
    powercap.rename(tmp_path / "gone")
    record = play(line_game(), points, 8, tmp_path / "run", log_every=1)
    assert record.summary["joules"] == {"cpu": None, "gpu": None}, "a part of it is unknown"


def test_gpus_are_asked_by_their_own_identity(monkeypatch):
    used = {"GPU-aa": 1_000, "GPU-bb": 50_000}
    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: used[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    of = {0: SimpleNamespace(uuid="aa"), 1: SimpleNamespace(uuid="bb")}
    monkeypatch.setattr(torch.cuda, "get_device_properties", of.get)
    (counter,) = energy.counters(torch.device("cuda", 1))["gpu"]
    used["GPU-bb"] += 3_000
    assert counter.since() == 3.0
    monkeypatch.setattr(nvml, "nvmlDeviceGetTotalEnergyConsumption", fails)
    assert energy.counters(torch.device("cuda", 1))["gpu"] == [], "a GPU that does not count"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy.counters(torch.device("cuda", 1))["gpu"] == [], "nvidia-ml-py is not installed"


def fails(handle):
    raise RuntimeError("not supported")


def test_processes_of_other_machines_are_not_guessed(powercap, monkeypatch):
    assert energy.counters(CPU)["cpu"]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert len(energy.counters(CPU, processes=2)["cpu"]) == 2
    assert energy.counters(CPU, processes=4) == {"cpu": [], "gpu": []}


def test_a_dossier_says_what_was_counted():
    run = Dossier("gan")
    for joules, words in (
        ({"cpu": None, "gpu": None}, ""),
        ({"cpu": 360_000.0, "gpu": None}, "0.1 kWh by the CPU's counters"),
        ({"cpu": 3.6e6, "gpu": 7.2e6}, "1 kWh by the CPU's and 2 kWh by the GPU's counters"),
    ):
        run.summary = {**run.summary, "joules": joules}
        assert run.energy == words
