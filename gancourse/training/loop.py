"""The training loop. It plays a game's phases in turn and knows no chapter.

Fast by construction: pictures stay uint8 on the device, each turn differentiates with respect to its own player only,
Adam is fused, and nothing waits for the device but a log line.
"""

from __future__ import annotations

import inspect
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path

import torch
from accelerate.utils import broadcast, gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from gancourse.files import CourseError, read_json
from gancourse.game import Game, Phase
from gancourse.training import checkpoint, hardware
from gancourse.training.feed import Feed, Order, identity, rows_of
from gancourse.training.record import Record, alone_in, log_spaced, mean_terms


@dataclass
class Progress:
    """What a watcher sees: `watch=[print]` is one. `pictures` are samples from fixed latents."""

    step: int
    steps: int
    metrics: list[dict]
    pictures: Tensor | None
    game: Game


def train(
    game: Game,
    data: Mapping[str, Tensor],
    *,
    steps: int,
    batch_size: int,
    seed: int = 0,
    ema: float = 0.0,
    folder: str | Path | None = None,
    config=None,
    device: str | None = None,
    precision: str = "auto",
    compile: bool = False,
    channels_last: bool = True,
    workers: int = 2,
    log_every: int = 50,
    checkpoint_every: int = 1000,
    preview: Callable[[Game], Tensor] | None = None,
    watch: Iterable[Callable[[Progress], None]] = (),
    tensorboard: bool = False,
    progress: bool = True,
) -> Record:
    """Play `game` on `data` until `steps` steps are done, going on from `folder`'s last checkpoint if there is one.

    Args:
        game: networks and phases, on any device; it is moved and trained in place.
        data: tensors by name, (rows, ...) each, pictures as uint8; or a map-style dataset of such dicts.
        steps, batch_size: length of the whole run; a batch is split over the processes of `accelerate launch`.
        seed: of the order of the data and of every random draw.
        ema: decay per step of the averaged networks (`game.averaged`), from which samples are drawn; 0 keeps none.
        folder: where the record and the checkpoints go; None keeps the record in memory only.
        config: the hyper-parameters (a dataclass), stored and compared on resume, as is a checksum of the data.
            Default: `game.config`, if any.
        device, precision: see `hardware.accelerator`.
        compile: compile each phase's loss, and what they share, with torch.compile (fullgraph). Not where a phase
            differentiates twice.
        channels_last: memory order of pictures and convolutions, but for devices in `game.contiguous_on`.
        log_every, checkpoint_every: in steps; a checkpoint is also written at the end and on Ctrl-C.
        preview: game -> samples for the pictures of progress. Default: 64 samples of seed 0.
        watch: called with a `Progress` at log-spaced steps.
        tensorboard: log through Accelerate's tracker too, into `folder`.

    Returns:
        The `Record`: metrics, summary, and `.game`, the game with its averaged networks.

    Raises:
        CourseError: the folder's run had other hyper-parameters or data, another process trains there, a loss is no
            longer finite, or torch.compile was asked for with a loss that differentiates twice.
    """
    options = (
        {"log_with": "tensorboard", "project_dir": str(folder)} if tensorboard and folder else {}
    )
    handle = hardware.accelerator(device, precision, **options)
    config = config or getattr(game, "config", None)
    settings = {
        **describe_config(config),
        "seed": seed,
        "batch_size": batch_size,
        "ema": ema,
        "processes": handle.num_processes,
        "data": identity(data),
    }
    torch.manual_seed(seed + handle.process_index)
    game.begin(data)
    play = Play(game, handle, ema, compile, channels_last)
    record = Record(Path(folder) if folder else None, game=play.averaged_game())
    preview = preview or (lambda game: game.sample(64, seed=0))
    looks = set(log_spaced(steps))

    def look(step: int) -> None:
        if handle.is_main_process:
            with torch.random.fork_rng(
                devices=[handle.device] if handle.device.type == "cuda" else []
            ):
                pictures = preview(record.game)
                record.pictures(step, pictures)
                for watcher in watch:
                    watcher(Progress(step, steps, record.metrics, pictures, record.game))

    with alone_in(record.folder if handle.is_main_process else None), asked_to_stop() as stop:
        if options:
            handle.init_trackers("tensorboard", {})
        step, seconds = resume(play, record, settings, defaults(config)) if folder else (0, 0.0)
        if handle.is_main_process and folder:
            record.write("config", settings)
            record.write("environment", hardware.describe(handle))
        order = Order(
            rows_of(data), batch_size, seed, step, handle.process_index, handle.num_processes
        )
        batches = iter(Feed(data, order, handle.device, workers))
        bar = tqdm(
            total=steps,
            initial=step,
            unit="step",
            mininterval=1,
            disable=not (progress and handle.is_main_process),
        )

        game.train()
        logged = time.perf_counter()
        began = logged - seconds
        logged_step = step
        if step == 0:
            look(0)
        while step < steps:
            play.step(next(batches), step)
            step += 1
            bar.update()
            last = step == steps or all_stop(handle, stop, step % log_every == 0)
            if step % log_every == 0 or step % checkpoint_every == 0 or last:
                now = time.perf_counter()
                line = {
                    "step": step,
                    "seconds": round(now - began, 3),
                    "images_per_second": round(
                        batch_size * (step - logged_step) / (now - logged), 1
                    ),
                    **play.means(),
                }
                logged, logged_step = now, step
                if handle.is_main_process:
                    record.log(line)
                    handle.log(line, step=step)
                refuse_non_finite(line, folder)
            if step in looks:
                look(step)
            if folder and (step % checkpoint_every == 0 or last):
                play.save(record.folder, step, settings, time.perf_counter() - began)
            if last:  # not the event itself: asked during a look, the run stops after the next step, which is saved
                break
    bar.close()
    seconds = time.perf_counter() - began
    record.summary = {
        "step": step,
        "seconds": round(seconds, 1),
        "images_per_second": round(step * batch_size / seconds, 1),
        "peak_memory": hardware.peak_memory(handle.device),
    }
    if handle.is_main_process:
        record.write("summary", record.summary)
    if options:
        handle.end_training()
    if step < steps:
        where = (
            f"Its checkpoint is in {folder}; the same call goes on from there."
            if folder
            else "It had no folder to keep it in."
        )
        raise KeyboardInterrupt(f"Training was stopped at step {step} of {steps}. {where}")
    return record


class Play:
    """A game being played: its optimizers and averages, one step at a time."""

    def __init__(self, game: Game, handle, ema: float, compile: bool, channels_last: bool):
        self.game, self.handle = game, handle
        usual = channels_last and handle.device.type not in game.contiguous_on
        self.format = torch.channels_last if usual else torch.contiguous_format
        game.to(handle.device)
        if (
            handle.num_processes > 1
        ):  # all begin with the first one's weights, or they would drift apart unseen
            for value in game.state_dict().values():
                value.copy_(broadcast(value.contiguous()))
        for module in game.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.to(memory_format=self.format)
        game.requires_grad_(False)
        self.turns = [
            (phase, fused(phase), compiled(phase) if compile else phase.loss)
            for phase in game.phases()
        ]
        self.share = torch.compile(game.share, fullgraph=True) if compile else game.share
        self.averages = {
            name: average(getattr(game, name), ema) for name in (game.averaged if ema else ())
        }
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def step(self, batch: dict[str, Tensor], step: int) -> None:
        batch = {
            name: value.contiguous(memory_format=self.format) if value.dim() == 4 else value
            for name, value in self.game.prepare(batch).items()
        }
        turns = [turn for turn in self.turns if not (step + 1) % turn[0].every]
        with learning(*(phase for phase, _, _ in turns)), self.handle.autocast():
            batch = self.share(batch)
        for phase, optimizer, loss in turns:
            if phase.schedule:
                optimizer.param_groups[0].update(phase.schedule(step))
            with learning(phase):
                with self.handle.autocast():
                    terms = loss(batch)
                self.handle.backward(sum(terms.values()))
            self.share_gradients(phase)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            for name, value in terms.items():
                key = f"{phase.name}/{name}"
                self.sums[key] = self.sums.get(key, 0) + value.detach().float()
                self.counts[key] = self.counts.get(key, 0) + 1
        for name, averaged in self.averages.items():
            averaged.update_parameters(getattr(self.game, name))

    def share_gradients(self, phase: Phase) -> None:
        """Mean gradient over all processes: what DistributedDataParallel does, for any subset of a game's networks."""
        if self.handle.num_processes > 1:
            gradients = [
                parameter.grad for parameter in phase.parameters if parameter.grad is not None
            ]
            mean = self.handle.reduce(
                torch.cat([gradient.flatten() for gradient in gradients]), "mean"
            )
            for gradient, part in zip(
                gradients, mean.split([g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(part.view_as(gradient))

    def means(self) -> dict[str, float]:
        """Mean of each term since the last call, over all processes: a NaN in one is then seen, and ends the run, in all."""
        sums, counts, self.sums, self.counts = self.sums, self.counts, {}, {}
        if self.handle.num_processes > 1:
            sums = self.handle.reduce(sums, "mean")
        return mean_terms(sums, counts)

    def averaged_game(self) -> Game:
        return self.game.with_networks(
            **{name: averaged.module for name, averaged in self.averages.items()}
        )

    def save(self, folder: Path, step: int, settings: dict, seconds: float) -> None:
        states = gather_object([hardware.random_state()])
        if self.handle.is_main_process:
            tensors = {f"game/{name}": value for name, value in self.game.state_dict().items()}
            for name, averaged in self.averages.items():
                tensors |= {
                    f"ema/{name}/{key}": value for key, value in averaged.state_dict().items()
                }
            for phase, optimizer, _ in self.turns:
                tensors |= checkpoint.pack_optimizer(f"optimizer/{phase.name}", optimizer)
            for rank, state in enumerate(states):
                tensors |= {
                    f"random/{rank}/{name}": state[name] for name in ("torch", "cuda", "numpy")
                }
            numbers = {
                "settings": settings,
                "seconds": seconds,
                "scheduled": self.scheduled(step - 1),
                "random": [state["plain"] for state in states],
            }
            checkpoint.save(folder / CHECKPOINTS, step, tensors, numbers)
        self.handle.wait_for_everyone()

    def scheduled(self, step: int) -> dict[str, dict[str, float]]:
        """What each phase's schedule, if it has one, says of a step."""
        return {phase.name: phase.schedule(step) for phase, _, _ in self.turns if phase.schedule}

    def restore(self, tensors: dict[str, Tensor], numbers: dict) -> None:
        self.game.load_state_dict(checkpoint.with_prefix(tensors, "game"))
        for name, averaged in self.averages.items():
            averaged.load_state_dict(checkpoint.with_prefix(tensors, f"ema/{name}"))
        for phase, optimizer, _ in self.turns:
            checkpoint.unpack_optimizer(f"optimizer/{phase.name}", optimizer, tensors)
        rank = self.handle.process_index
        hardware.set_random_state(
            {**checkpoint.with_prefix(tensors, f"random/{rank}"), "plain": numbers["random"][rank]}
        )


CHECKPOINTS = "checkpoints"


def resume(play: Play, record: Record, settings: dict, usual: dict) -> tuple[int, float]:
    """(step, seconds) of the folder's newest whole checkpoint, restored into `play`; (0, 0) in a new folder."""
    found = checkpoint.latest(record.folder / CHECKPOINTS)
    config = record.folder / "config.json"
    before = found[1]["settings"] if found else read_json(config) if config.is_file() else None
    # A run may be made longer, if its last step would have been the same. An old one may lack its data's checksum, and
    # numbers that its chapter did not have yet: what they usually are is what it did.
    now = {**describe(settings), "steps": 0}
    changed = before and checkpoint.differences(
        {**usual, "data": now["data"], **before, "steps": 0}, now
    )
    if changed:
        raise CourseError(
            f"{record.folder} holds a run with other hyper-parameters or data:\n  "
            + "\n  ".join(changed)
            + "\nGo on with the same ones, or choose another folder."
        )
    if found:
        scheduled = found[1].get("scheduled")
        if before.get("steps") != settings.get("steps") and scheduled not in (
            None,
            play.scheduled(found[1]["step"] - 1),
        ):
            raise CourseError(
                f"{record.folder} holds a run of {before['steps']:,} steps whose rates fall towards its end; of "
                f"{settings['steps']:,} steps it would have been another run. Choose another folder for that."
            )
        play.restore(*found)
    step, seconds = (found[1]["step"], found[1]["seconds"]) if found else (0, 0.0)
    if play.handle.is_main_process:
        record.rewind(step)
    return step, seconds


def describe_config(config) -> dict:
    """A chapter's Config as plain values, with the chapter's name, or any mapping as it is."""
    if not is_dataclass(config):
        return describe(dict(config or {}))
    return {"chapter": type(config).__module__.rpartition(".")[2], **describe(asdict(config))}


def defaults(config) -> dict:
    """The default of each of a dataclass's fields that has one; nothing for another config."""
    if not is_dataclass(config):
        return {}
    return describe(
        {field.name: field.default for field in fields(config) if field.default is not MISSING}
    )


def describe(settings: dict) -> dict:
    """Settings as JSON gives them back: tuples become lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()
    }


def fused(phase: Phase) -> torch.optim.Optimizer:
    """The phase's optimizer, in its fused form where it has one: all parameters in one kernel."""
    options = {"fused": True} if "fused" in inspect.signature(phase.optimizer).parameters else {}
    return phase.optimizer(phase.parameters, **options)


def compiled(phase: Phase) -> Callable:
    if phase.twice:
        raise CourseError(
            f"compile=True was asked for, but the {phase.name}'s loss differentiates a gradient once more (a penalty such "
            "as r1), which torch.compile cannot do. Train without compile, or without the penalty."
        )
    return torch.compile(phase.loss, fullgraph=True)


@contextmanager
def learning(*phases: Phase):
    """The phases' parameters ask for a gradient, and no longer on leaving."""
    parameters = [parameter for phase in phases for parameter in phase.parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    yield
    for parameter in parameters:
        parameter.requires_grad_(False)


def average(network: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of parameters and buffers, with a warm-up: decay (1 + n) / (10 + n) at first."""

    def update(averaged, current, n):
        get_ema_multi_avg_fn(min(decay, (1 + int(n)) / (10 + int(n))))(averaged, current, n)

    averaged = AveragedModel(network, multi_avg_fn=update, use_buffers=True).requires_grad_(False)
    averaged.n_averaged = (
        averaged.n_averaged.cpu()
    )  # the library compares it with 0 at every step: on a GPU, a wait
    return averaged


def all_stop(handle, stop: threading.Event, may_wait: bool) -> bool:
    """Whether to stop now. Several processes stop together or wait for each other for ever, so they ask at log lines only."""
    if handle.num_processes == 1:
        return stop.is_set()
    return may_wait and bool(
        handle.reduce(torch.tensor(float(stop.is_set()), device=handle.device)) > 0
    )


def refuse_non_finite(line: dict, folder: str | Path | None) -> None:
    bad = [
        name
        for name, value in line.items()
        if value != value or value in (float("inf"), float("-inf"))
    ]
    if bad:
        where = (
            f"in a new folder; checkpoints in {folder} are from before"
            if folder
            else "again; nothing was kept"
        )
        raise CourseError(
            f"At step {line['step']} {', '.join(bad)} is no longer a finite number. Lower the learning rate, or the weight of "
            f"a penalty such as r1 if there is one, and train {where}."
        )


@contextmanager
def asked_to_stop():
    """An event that Ctrl-C or a scheduler's SIGTERM sets, so that the step under way is finished and saved.

    A second Ctrl-C stops at once. Outside the main thread signals cannot be caught, and the event is never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
