from __future__ import annotations

import json
import random
from pathlib import Path

import numpy
import pytest
import torch

from gancourse.files import CourseError
from gancourse.training import hardware


def draws() -> list[float]:
    numpy_draws = [numpy.random.rand(), numpy.random.randn()]  # noqa: NPY002 (the global state is what is tested)
    return [torch.rand(1).item(), *numpy_draws, random.random(), random.gauss(0, 1)]


def test_random_state_covers_torch_numpy_and_python_through_json():
    draws()  # leaves half a pair of Gaussians behind in numpy and in Python: that is state too
    state = hardware.random_state()
    state["plain"] = json.loads(json.dumps(state["plain"]))  # as a checkpoint keeps it
    first, second = draws(), draws()
    assert first != second
    hardware.set_random_state(state)
    assert draws() == first and draws() == second


def test_the_cpu_runs_in_float32_unless_asked():
    handle = hardware.accelerator("cpu")
    assert handle.device.type == "cpu" and handle.mixed_precision == "no"
    assert hardware.accelerator("cpu", "bf16").mixed_precision == "bf16"
    assert hardware.accelerator("cpu", "no").mixed_precision == "no", (
        "a second call keeps the first one's precision"
    )


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "cuda:99", "", 7.5, torch.device("meta")])
def test_unknown_hardware_is_explained(device):
    with pytest.raises(
        CourseError, match=r"^device='.*': this machine's torch does not offer it; choose .*cpu"
    ):
        hardware.accelerator(device)


def test_unknown_precision_is_explained():
    with pytest.raises(CourseError, match="^precision='fp8': not known; choose auto, bf16 or no.$"):
        hardware.accelerator("cpu", "fp8")


@pytest.mark.parametrize("device", ["cpu", "cpu:0", torch.device("cpu"), torch.device("cpu", 0)])
def test_a_device_may_be_given_in_any_of_torchs_ways(device):
    assert hardware.offered(device) == torch.device("cpu")
    assert hardware.accelerator(device).device == torch.device("cpu")


@pytest.mark.parametrize(
    ("told", "name"),
    [("processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\n", "Some CPU @ 2 GHz"), ("x: y\n", "arm")],
)
def test_the_processor_is_called_what_the_system_calls_it(tmp_path, monkeypatch, told, name):
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(hardware.platform, "processor", lambda: "arm")
    assert hardware.processor() == name


def test_the_description_is_json_and_says_what_ran():
    found = json.loads(json.dumps(hardware.describe(hardware.accelerator("cpu"))))
    assert (found["kind"], found["processes"], found["precision"], found["cuda"]) == (
        "cpu",
        1,
        "no",
        None,
    )
    assert found["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["threads"] == torch.get_num_threads() and found["device"]


def test_peak_memory_is_in_bytes():
    found = hardware.peak_memory(torch.device("cpu"))
    status = Path("/proc/self/status")
    if status.is_file():  # Linux keeps the same mark ("VmHWM:  123456 kB") by another path
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert found == pytest.approx(1024 * int(line.split()[1]), rel=0.2)
    assert 50e6 < found < 500e9  # torch alone takes more than the first
