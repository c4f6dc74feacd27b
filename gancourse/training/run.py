"""A run under way, and its watchers: each is begun once, called after every step, and does one
thing.

Log writes a line of means, Look draws pictures, Meter counts energy, Save writes checkpoints, Bar
shows how far it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from gancourse.files import CourseError, read_json
from gancourse.game import Game
from gancourse.training import checkpoint, energy, hardware
from gancourse.training.feed import Order, identity, rows_of
from gancourse.training.record import Record, log_spaced

CHECKPOINTS = "checkpoints"


@dataclass
class Progress:
    """What a function in `watch` sees; `pictures` are the game's preview."""

    step: int
    steps: int
    metrics: list[dict]
    pictures: Tensor
    game: Game


class Run:
    """Where a run stands.

    Attributes:
        play: the game with its optimizers, a `loop.Play`.
        record: what the run leaves behind.
        settings: what it is known by when it goes on: its config, seed, data, and the weights
            that it borrows or began with.
        order: which rows each coming step sees.
        step: how many steps are done.
        over: no further step will be taken.
        joules: "cpu" and "gpu" -> the energy of all its training; None where it was not counted.
    """

    def __init__(self, play, data, seed: int, folder: str | Path | None):
        config, self.handle = play.game.config, play.handle
        self.play, self.folder = play, Path(folder) if folder else None
        self.record = Record(self.folder, game=play.averaged_game())
        self.steps, self.batch_size = config.steps, config.batch_size
        self.settings = {
            **config.stored(),
            "seed": seed,
            "processes": self.handle.num_processes,
            "data": identity(data),
            "lineage": play.game.lineage(),
        }
        rank, processes = self.handle.process_index, self.handle.num_processes
        self.order = Order(rows_of(data), config.batch_size, seed, 0, rank, processes)
        self.step, self.over, self.began = 0, False, 0.0
        self.joules: dict[str, float | None] = {"cpu": 0.0, "gpu": 0.0}

    @property
    def is_main(self) -> bool:
        return self.handle.is_main_process

    @property
    def seconds(self) -> float:
        """Of all its training, before a stop and after."""
        return time.perf_counter() - self.began

    def begin(self) -> None:
        """Go on from the newest whole checkpoint, if any, and note what is run on what."""
        seconds = self.resume() if self.folder else 0.0
        if self.is_main:
            self.record.write("config", self.settings)
            self.record.write("environment", hardware.describe(self.handle))
        self.order.start, self.over = self.step, self.step >= self.steps
        self.began = time.perf_counter() - seconds

    def resume(self) -> float:
        """Restore the newest checkpoint, and return the seconds that were spent until then.

        Raises:
            CourseError: the folder's run had other settings, data or foreign weights. It may be
                made longer, if the steps that it has done would have been the same.
        """
        found = checkpoint.latest(self.folder / CHECKPOINTS)
        config = self.folder / "config.json"
        before = found[1]["settings"] if found else read_json(config) if config.is_file() else None
        if before:
            self.refuse_another(before)
        seconds = 0.0
        if found:
            tensors, numbers = found
            longer = before["steps"] != self.steps
            if longer and numbers["scheduled"] != self.play.scheduled(numbers["step"] - 1):
                raise CourseError(
                    f"{self.folder}: holds a run of {before['steps']:,} steps whose rates fall "
                    f"towards its end, and of {self.steps:,} steps it would have been another run; "
                    "choose another folder."
                )
            self.play.restore(tensors, numbers)
            self.step, seconds = numbers["step"], numbers["seconds"]
            self.joules = numbers.get("joules", dict.fromkeys(self.joules))
        if self.is_main:
            self.record.rewind(self.step)
        return seconds

    def refuse_another(self, before: dict) -> None:
        """Raise a CourseError unless the folder's run was this one, but for its length and for what
        only changes the pictures that are drawn.
        """
        config = self.play.game.config
        free = dict.fromkeys(["steps", "lineage", *config.drawing()])
        known = config.completed(before)
        changed = checkpoint.differences({**known, **free}, {**self.settings, **free})
        if changed:
            raise CourseError(
                f"{self.folder}: holds a run with other settings or data; continue with the same "
                "ones, or choose another folder.\n  " + "\n  ".join(changed)
            )
        for name, weights in self.settings["lineage"].items():
            if before["lineage"].get(name) != weights:
                raise CourseError(
                    f"{name}: these weights are not those that the run in {self.folder} was begun "
                    "with; put the old ones back, or choose another folder."
                )

    def end(self) -> Record:
        """Write the summary. Raises `KeyboardInterrupt` when steps are missing."""
        seconds, record = self.seconds, self.record
        record.summary = {
            "step": self.step,
            "seconds": round(seconds, 1),
            "images_per_second": round(self.step * self.batch_size / seconds, 1),
            "peak_memory": hardware.peak_memory(self.handle.device),
            "joules": self.joules,
        }
        if self.is_main:
            record.write("summary", record.summary)
        if self.handle.trackers:
            self.handle.end_training()
        if self.step < self.steps:
            where = "It had no folder to keep it in."
            if self.folder:
                where = f"Its checkpoint is in {self.folder}; the same call goes on from there."
            raise KeyboardInterrupt(
                f"Training was stopped at step {self.step} of {self.steps}. {where}"
            )
        return record


class Watcher:
    """It acts at steps that are multiples of a number in `every`, and after the last one."""

    def __init__(self, run: Run, *every: int):
        self.run, self.every = run, every or (1,)

    def begin(self) -> None:
        """Called once, before the first step."""

    def __call__(self) -> None:
        if self.run.over or any(self.run.step % each == 0 for each in self.every):
            self.act()

    def act(self) -> None:
        raise NotImplementedError


class Log(Watcher):
    """A line of means, before each checkpoint too; it ends a run whose loss is no number."""

    def begin(self) -> None:
        self.since, self.step = time.perf_counter(), self.run.step
        if self.run.handle.log_with:
            self.run.handle.init_trackers("tensorboard", {})

    def act(self) -> None:
        run, now = self.run, time.perf_counter()
        images = run.batch_size * (run.step - self.step)
        line = {
            "step": run.step,
            "seconds": round(run.seconds, 3),
            "images_per_second": round(images / (now - self.since), 1),
            **run.play.means(),
        }
        self.since, self.step = now, run.step
        if run.is_main:
            run.record.log(line)
            run.handle.log(line, step=run.step)
        bad = [name for name, value in line.items() if not math.isfinite(value)]
        if bad:
            where = "again; nothing was kept"
            if run.folder:
                where = f"in a new folder; checkpoints in {run.folder} are from before"
            raise CourseError(
                f"step {run.step}: {', '.join(bad)} is no longer a finite number; lower the "
                "learning rate, or the weight of a penalty such as r1 if there is one, and train "
                f"{where}."
            )


class Look(Watcher):
    """Pictures at log-spaced steps, for the record and for the functions in `watch`."""

    def __init__(self, run: Run, watch: Iterable[Callable[[Progress], None]]):
        super().__init__(run)
        self.watch, self.steps = tuple(watch), set(log_spaced(run.steps))

    def begin(self) -> None:
        if self.run.step == 0:
            self.act()

    def act(self) -> None:
        run, record = self.run, self.run.record
        if not run.is_main or run.step not in self.steps:
            return
        device = run.handle.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            pictures = record.game.preview()
            record.pictures(run.step, pictures)
            for watcher in self.watch:
                watcher(Progress(run.step, run.steps, record.metrics, pictures, record.game))


class Meter(Watcher):
    """The run's energy, often enough that no counter comes round in between."""

    def begin(self) -> None:
        handle = self.run.handle
        self.counters = energy.counters(handle.device, handle.num_processes)

    def act(self) -> None:
        for kind, counters in self.counters.items():
            before = self.run.joules[kind]
            used = sum(counter.since() for counter in counters)
            known = counters and before is not None
            self.run.joules[kind] = round(before + used, 1) if known else None


class Save(Watcher):
    """Checkpoints from which the run goes on as if it had not been stopped."""

    def act(self) -> None:
        run = self.run
        if not run.folder:
            return
        tensors, numbers = run.play.state()
        if run.is_main:
            numbers |= {
                "settings": run.settings,
                "seconds": run.seconds,
                "joules": run.joules,
                "scheduled": run.play.scheduled(run.step - 1),
            }
            checkpoint.save(run.folder / CHECKPOINTS, run.step, tensors, numbers)
        run.handle.wait_for_everyone()


class Bar(Watcher):
    """A progress bar."""

    def __init__(self, run: Run, show: bool):
        super().__init__(run)
        self.show = show

    def begin(self) -> None:
        run = self.run
        off = not (self.show and run.is_main)
        self.bar = tqdm(total=run.steps, initial=run.step, unit="step", mininterval=1, disable=off)

    def act(self) -> None:
        self.bar.update()
        if self.run.over:
            self.bar.close()
