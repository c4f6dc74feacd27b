"""The lines of the page on clusters, run on this machine's CPU with two processes.

What is run is read from the page. Only the recipe, the folder and the addresses are others, and
ACCELERATE_USE_CPU stands in for GPUs.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from accelerate.commands.launch import launch_command_parser

from gancourse.files import read_json
from gancourse.training import checkpoint, read_metrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "cluster.md").read_text(encoding="utf-8")
RECIPE = "--scale gpu --source full"
SMALL = (
    "--scale check -s form=toy -s steps=600 -s batch_size=8 -s width=8 -s ema=0.9 "
    "--checkpoint-every 100000"
)
# Both nodes are this machine. A real srun, too, signals the workers as well as their launcher.
SRUN = """#!/bin/bash
set -m
SLURM_NODEID=0 "$@" & first=$!
SLURM_NODEID=1 "$@" & second=$!
trap 'kill -TERM -- -$first -$second' TERM
wait $first; wait $second; wait $first; status=$?; wait $second || status=1
exit $status
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> requeued.txt; fi
"""
needs_posix = pytest.mark.skipif(os.name == "nt", reason="signals and bash")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def launches() -> list[str]:
    """The page's lines that start the launcher, each as one line."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    return re.findall(r"^accelerate launch .*$", text, re.MULTILINE)


def on_this_machine(text: str, folder: Path, port: int) -> str:
    assert RECIPE in text
    text = re.sub(r"--folder [\w/.-]+", f"--folder {folder}", text.replace(RECIPE, SMALL))
    for given, used in (
        (r"--num_processes \d+", "--num_processes 2"),
        (r"--main_process_ip [\d.]+", "--main_process_ip 127.0.0.1"),
        (r"--main_process_port \d+", f"--main_process_port {port}"),
    ):
        text = re.sub(given, used, text)
    return text


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        **more,
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run(*lines: str) -> None:
    """Run command lines side by side."""
    started = [
        subprocess.Popen(
            shlex.split(line), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for line in lines
    ]
    said = [each.communicate(timeout=600)[0].decode() for each in started]
    assert [each.returncode for each in started] == [0] * len(lines), said


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Networks, averages and moments of a finished run of two processes."""
    assert read_json(folder / "config.json")["processes"] == 2
    assert read_json(folder / "summary.json")["step"] == 600
    tensors, _ = checkpoint.latest(folder / "checkpoints")
    return {name: each for name, each in tensors.items() if not name.startswith("random/")}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(each, second[name]) for name, each in first.items()
    )


def test_the_launcher_knows_every_option_of_the_page():
    script = blocks("bash")[0].replace("\\\n", " ")
    (inner,) = re.findall(r"exec (accelerate launch .*?)'", script, re.DOTALL)
    lines = [*launches(), re.sub(r"\$\(\(.*?\)\)|\$\w+", "2", inner)]
    assert len(lines) == 4
    for line in lines:
        given = launch_command_parser().parse_args(shlex.split(line)[2:])
        assert given.module and given.training_script == "gancourse.cli", line


@needs_posix
@pytest.mark.slow
def test_two_machines_and_slurm_train_as_one_machine_does(tmp_path):
    one, *two = launches()
    run(on_this_machine(one, tmp_path / "one", free_port()))
    expected = weights(tmp_path / "one")
    port = free_port()
    run(*(on_this_machine(line, tmp_path / "two", port) for line in two))
    assert same(weights(tmp_path / "two"), expected)

    script = tmp_path / "job.sh"
    script.write_text(on_this_machine(blocks("bash")[0], tmp_path / "job", 0))
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    more = {
        "SLURM_JOB_ID": str(free_port()), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "1",
    }  # fmt: skip
    env = environment(**more)
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"
    job = subprocess.Popen(
        ["bash", script], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + 600
    while not read_metrics(tmp_path / "job"):
        assert job.poll() is None and time.monotonic() < until, job.communicate()[0].decode()
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    said = job.communicate(timeout=600)[0].decode()
    requeued = tmp_path / "requeued.txt"
    assert requeued.read_text().split() == ["requeue", more["SLURM_JOB_ID"]], said
    assert 0 < read_json(tmp_path / "job" / "summary.json")["step"] < 600, said

    done = subprocess.run(["bash", script], cwd=tmp_path, env=env, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    assert same(weights(tmp_path / "job"), expected), "stopped and continued"
    assert len(requeued.read_text().splitlines()) == 1, "a finished job is not queued again"
