"""Runs that are stopped: asked to (Ctrl-C, a scheduler's SIGTERM), or killed without a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from gancourse.chapters.gan import Config
from gancourse.files import CourseError
from gancourse.training import checkpoint, read_metrics
from gancourse.training.loop import asked_to_stop
from tests.games import play

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and fork as POSIX has them")
HERE = Path(__file__).resolve()


def toy_run(folder, steps: int, **changes):
    torch.manual_seed(0)
    game = Config.at("check", "toy", width=8, batch_size=8, ema=0.9).build()
    points = {"point": torch.randn(40, 2, generator=torch.Generator().manual_seed(0))}
    options = {"preview": lambda game: game.sample(1), "log_every": 1000}
    return play(game, points, steps, folder, **{**options, **changes})


def after(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoints" / f"step-{step:08d}")[0]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_the_step_saves_and_says_where(tmp_path, number):
    def ask(progress):
        if progress.step == 4:
            os.kill(os.getpid(), number)

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        KeyboardInterrupt,
        match=f"stopped at step 5 of 20.*checkpoint is in {tmp_path}.*same call goes on",
    ):
        toy_run(tmp_path / "parts", 20, watch=[ask])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert [path.name for path in (tmp_path / "parts" / "checkpoints").iterdir()] == [
        "step-00000005"
    ]
    assert [line["step"] for line in read_metrics(tmp_path / "parts")] == [5]
    assert json.loads((tmp_path / "parts" / "summary.json").read_text())["step"] == 5

    toy_run(tmp_path / "parts", 20)
    toy_run(tmp_path / "whole", 20)
    assert same(after(tmp_path / "parts", 20), after(tmp_path / "whole", 20))


@POSIX
def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def ask_twice(progress):
        if progress.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    handler, began = signal.getsignal(signal.SIGINT), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, 20, watch=[ask_twice])
    assert time.monotonic() - began < 5
    assert not (tmp_path / "checkpoints").exists()
    assert signal.getsignal(signal.SIGINT) is handler


@POSIX
def test_what_a_launcher_or_a_scheduler_sends_again_asks_no_more_than_once(monkeypatch):
    """Both signal a process of `accelerate launch`; its checkpoint must still be written."""
    with asked_to_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    monkeypatch.setenv("RANK", "0")
    with asked_to_stop() as stop:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert stop.is_set()


def test_without_a_folder_it_says_that_nothing_was_kept():
    def ask(progress):
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(
        KeyboardInterrupt, match="stopped at step .* of 9. It had no folder to keep it in."
    ):
        toy_run(None, 9, watch=[ask])


def test_in_a_thread_it_trains_without_touching_the_signals():
    done = []
    worker = threading.Thread(target=lambda: done.append(toy_run(None, 3).summary["step"]))
    worker.start()
    worker.join()
    assert done == [3]


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@POSIX
def test_a_second_process_in_one_folder_is_refused_until_the_first_is_gone_even_killed(tmp_path):
    toy_run(tmp_path, 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / ".lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(
            CourseError,
            match=f"Another process is training in {tmp_path}. Wait .* choose another folder",
        ):
            toy_run(tmp_path, 4)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        assert toy_run(tmp_path / "other", 2).summary["step"] == 2
    finally:
        other.kill()
        other.communicate()
    assert toy_run(tmp_path, 4).summary["step"] == 4


@POSIX
def test_the_folder_is_held_while_training_lasts_and_not_longer(tmp_path):
    """What another process would be told, asked from a watcher and after a run that failed."""
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    def free() -> bool:
        return (
            subprocess.run(
                [sys.executable, "-c", ask, tmp_path / ".lock"], capture_output=True
            ).returncode
            == 0
        )

    def fail(progress):
        answers.append(free())
        raise RuntimeError("a watcher's")

    answers = []
    with pytest.raises(RuntimeError, match="a watcher's"):
        toy_run(tmp_path, 1, watch=[fail])
    assert answers == [False] and free()


@POSIX
def test_a_disk_without_locks_stops_nobody(tmp_path, monkeypatch):
    def unknown(*arguments):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.lockf", unknown)
    assert toy_run(tmp_path / "run", 1).summary["step"] == 1
    monkeypatch.setattr("gancourse.training.record.fcntl", None)  # Windows
    assert toy_run(tmp_path / "run", 2).summary["step"] == 2


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_folder_that_cannot_be_is_said_before_anything_runs(tmp_path, place):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(CourseError, match=f"{place} cannot be written"):
        toy_run(tmp_path / place, 1)
    assert (tmp_path / "file").read_text() == "kept"


@POSIX
@pytest.mark.slow
def test_ctrl_c_in_the_terminal(tmp_path):
    """The command as a person runs it: stopped, it says so; called again, it goes on."""
    command = [
        sys.executable,
        "-m",
        "gancourse.cli",
        "train",
        "gan",
        "--folder",
        tmp_path / "run",
        "--scale",
        "check",
        "-s",
        "form=toy",
        "-s",
        "width=8",
        "-s",
        "batch_size=8",
        "--device",
        "cpu",
        "-s",
    ]
    process = subprocess.Popen(
        [*command, "steps=1000000"],
        cwd=HERE.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 240
    while (
        not read_metrics(tmp_path / "run") and process.poll() is None and time.monotonic() < limit
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130 and "Traceback" not in err, err
    _, numbers = checkpoint.latest(tmp_path / "run" / "checkpoints")
    assert f"gancourse: Training was stopped at step {numbers['step']} of 1000000" in err
    assert numbers["step"] == read_metrics(tmp_path / "run")[-1]["step"]

    steps = numbers["step"] + 2
    done = subprocess.run(
        [*command, f"steps={steps}"], cwd=HERE.parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0 and f"Step {steps:,} after" in done.stdout, done.stderr


@POSIX
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_20_moments_it_ends_where_the_undisturbed_run_ends(tmp_path):
    script = HERE.with_name("killed_often.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path, "0", "20"],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
    )
    assert done.returncode == 0, done.stderr
    lives = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lives) == 21
    assert sum(life["how"] == "killed" for life in lives[:-1]) >= 15, lives
    assert all(life["how"] != "failed" for life in lives), done.stderr
    assert lives[-1] == {"how": "finished", "newest": "step-00000099"}
    reached = [life["newest"] for life in lives if life["newest"] != "none"]
    assert reached == sorted(reached) and len(set(reached)) >= 8, "a kill threw the run back"

    assert same(after(tmp_path / "parts", 99), after(tmp_path / "whole", 99))
    timeless = [
        [
            {name: value for name, value in line.items() if "second" not in name}
            for line in read_metrics(tmp_path / part)
        ]
        for part in ("parts", "whole")
    ]
    assert timeless[0] == timeless[1] and len(timeless[0]) == 33
    samples = [
        sorted(path.name for path in (tmp_path / part / "samples").glob("step-*"))
        for part in ("parts", "whole")
    ]
    assert samples[0] == samples[1]
    for name in samples[0]:
        first, second = (
            (tmp_path / part / "samples" / name).read_bytes() for part in ("parts", "whole")
        )
        assert first == second, name
    names = sorted(path.name for path in (tmp_path / "parts" / "checkpoints").iterdir())
    assert names == ["step-00000096", "step-00000099"], (
        "what a killed process left was not swept away"
    )
