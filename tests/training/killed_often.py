"""Play one small run twice, once undisturbed and once killed again and again, from one process that
has torch loaded.

    python killed_often.py FOLDER SEED KILLS

Starting Python with torch takes seconds; a fork of this process, which has one thread and has
trained nothing yet, takes a moment. Half of the kills come some steps and a random time after the
start, the other half at a random call that touches the run's folder (open, mkdir, rename, remove
...), which is where a checkpoint could be caught half-written. Prints one JSON line a kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import torch
import torch._dynamo  # torch.optim would import it in every child
import torchvision  # noqa: F401

from gancourse.chapters.gan import Config
from gancourse.training import checkpoint
from tests.games import play

STEPS, EVERY, CALLS = 99, 3, 150


def run(folder: Path, every_step=lambda: None) -> None:
    config = Config.at(
        "check", "mlp", width=8, latent=4, batch_size=8, ema=0.9, steps=STEPS, r1=0.1
    )
    torch.manual_seed(0)
    images = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)
    begun = checkpoint.latest(folder / "checkpoints")
    torch.manual_seed(
        os.getpid() if begun else 1
    )  # a resumed run has its weights from the checkpoint or not at all
    game = config.build()
    augment = game.augment
    game.augment = lambda batch: (every_step(), augment(batch))[1]
    rhythm = {"save_every": EVERY, "log_every": EVERY}
    play(game, {"image": images}, STEPS, folder, preview=lambda game: game.sample(1), **rhythm)


def die_at_call(number: int, folder: Path) -> None:
    """SIGKILL this process at its `number`-th call on a file below `folder`."""
    seen = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event.startswith(("open", "os.", "shutil.")) and any(
            str(folder) in str(each) for each in arguments
        ):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def child(folder: Path, call: int | None = None) -> tuple[int, int]:
    """A fork that plays the run: its process id, and a pipe in which it puts a byte at every
    step.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            warnings.simplefilter("ignore")  # damaged checkpoints are expected here
            if call:
                die_at_call(call, folder)
            run(folder, lambda: os.write(writing, b"."))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    return pid, reading


def ended(pid: int, pipe: int) -> str:
    _, status = os.waitpid(pid, 0)
    os.close(pipe)
    return (
        "killed"
        if os.WIFSIGNALED(status)
        else "finished"
        if os.WEXITSTATUS(status) == 0
        else "failed"
    )


def newest(folder: Path) -> str:
    return max((path.name for path in folder.glob("checkpoints/step-*")), default="none")


def main(folder: Path, seed: int, kills: int) -> None:
    assert ended(*child(folder / "whole")) == "finished"
    chance, parts = random.Random(seed), folder / "parts"
    for number in range(kills):
        if number % 2:
            alive = child(parts, call=chance.randint(1, CALLS))
        else:
            alive = child(parts)
            for _ in range(chance.randint(1, 10)):  # steps it may begin
                os.read(alive[1], 1)
            time.sleep(chance.uniform(0, 0.02))
            os.kill(alive[0], signal.SIGKILL)
        print(json.dumps({"how": ended(*alive), "newest": newest(parts)}), flush=True)
    print(json.dumps({"how": ended(*child(parts)), "newest": newest(parts)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
