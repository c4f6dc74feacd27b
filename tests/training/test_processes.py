"""Two processes that share their gradients (`accelerate launch --num_processes 2`), through gloo on
this machine.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gancourse.chapters import CHAPTERS
from gancourse.training import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
HERE = Path(__file__).resolve()
SCRIPT = HERE.with_name("two_processes.py")
FORMS = [(name, form) for name, row in CHAPTERS.items() for form in row.config.FORMS]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """What each rank ended with, by game: ends[name] is a pair."""
    folder = tmp_path_factory.mktemp("two")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
    )
    assert done.returncode == 0, done.stderr
    names = {path.name.rpartition("-")[0] for path in folder.glob("*.safetensors")}
    return folder, {
        name: [load_file(folder / f"{name}-{rank}.safetensors") for rank in range(2)]
        for name in names
    }


def learned(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without BatchNorm's statistics: each process keeps those of its own half."""
    return {name: value for name, value in tensors.items() if "running" not in name}


@pytest.mark.parametrize("name", ["fit", "dcgan", "strangers", "whole", "parts"])
def test_both_end_with_the_same_parameters(ends, name):
    """Strangers began with different weights: the first process's count."""
    first, second = (learned(tensors) for tensors in ends[1][name])
    assert first.keys() == second.keys()
    assert [key for key, value in first.items() if not torch.equal(value, second[key])] == []


@pytest.mark.parametrize(("chapter", "form"), FORMS)
def test_every_chapter_trains_in_two_processes(ends, chapter, form):
    first, second = (learned(tensors) for tensors in ends[1][f"{chapter}, {form}"])
    assert [key for key, value in first.items() if not torch.equal(value, second[key])] == []
    start = load_script().begin(CHAPTERS[chapter].config.at("check", form)).state_dict()
    weights = [name for name in start if name.endswith("weight") and start[name].dim() > 1]
    assert any(not torch.equal(start[name], first[name]) for name in weights)


def test_they_learned_at_all(ends):
    start = load_script().gan("dcgan", seed=0, width=2).state_dict()
    end = ends[1]["dcgan"][0]
    assert all(
        not torch.equal(value, end[name])
        for name, value in start.items()
        if name.endswith("weight")
    )


def test_two_halves_of_a_batch_take_the_step_of_the_whole(ends):
    script = load_script()
    points = {"point": torch.randn(40, 2, generator=torch.Generator().manual_seed(0))}
    alone = script.play(script.Fit(), points, 7)
    for name, value in alone.items():
        assert torch.allclose(value, ends[1]["fit"][0][name], rtol=1e-5, atol=1e-6), name
    assert not torch.allclose(alone["line.0.weight"], script.Fit().line[0].weight, atol=1e-3)


def test_n_steps_and_n_steps_are_2n_steps_bit_for_bit(ends):
    folder, games = ends
    for rank in range(2):
        whole, parts = games["whole"][rank], games["parts"][rank]
        assert [key for key, value in whole.items() if not torch.equal(value, parts[key])] == []
    whole, parts = (checkpoint.latest(folder / name / "checkpoints") for name in ("whole", "parts"))
    assert whole[0].keys() == parts[0].keys()
    assert [key for key, value in whole[0].items() if not torch.equal(value, parts[0][key])] == []
    states = [whole[0][f"random/{rank}/torch"] for rank in range(2)]
    assert not torch.equal(*states), "both ranks draw the same latents"
    assert json.loads((folder / "whole" / "config.json").read_text())["processes"] == 2


def load_script():
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
