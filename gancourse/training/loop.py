"""The training loop. It plays a game's phases in turn and knows no chapter.

Fast by construction: pictures stay uint8 on the device, each turn differentiates with respect to
its own player only, Adam is fused, and nothing waits for the device but a log line.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate.utils import broadcast, gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gancourse.files import CourseError
from gancourse.game import Game, Phase, to_float
from gancourse.training import checkpoint, hardware
from gancourse.training.feed import Feed
from gancourse.training.hardware import Machine
from gancourse.training.record import Record, alone_in, mean_terms
from gancourse.training.run import Bar, Log, Look, Meter, Progress, Run, Save


def train(
    game: Game,
    data: Mapping[str, Tensor],
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    machine: Machine | None = None,
    watch: Iterable[Callable[[Progress], None]] = (),
    log_every: int = 50,
    save_every: int = 1000,
    progress: bool = True,
) -> Record:
    """Play `game` on `data` for its steps, going on from `folder`'s last checkpoint if any.

    Args:
        game: networks and phases; it is moved to the device and trained in place.
        data: tensors by name, (rows, ...) each, pictures as uint8; or a data set that `feed.Feed`
            takes.
        seed: of the order of the data and of every random draw.
        folder: where the record and the checkpoints go; None keeps the record in memory only.
        watch: called with a `Progress` at log-spaced steps.
        log_every, save_every: in steps; both also happen at the end and on Ctrl-C.

    Raises:
        CourseError: another process trains in the folder, it holds another run, or a loss is no
            longer finite.
        KeyboardInterrupt: the run was stopped; its checkpoint is written.
    """
    machine = machine or Machine()
    handle = machine.start(folder)
    torch.manual_seed(seed + handle.process_index)
    game.begin(data)
    play = Play(game, handle, machine)
    run = Run(play, data, seed, folder)
    log, look = Log(run, log_every, save_every), Look(run, watch)
    meter, save = Meter(run, log_every, save_every), Save(run, save_every)
    watchers = log, look, meter, save, Bar(run, progress)
    with alone_in(run.folder if run.is_main else None), asked_to_stop() as stop:
        run.begin()
        batches = iter(Feed(data, run.order, handle.device, machine.workers))
        game.train()
        for watcher in watchers:
            watcher.begin()
        while not run.over:
            play.step(next(batches), run.step)
            run.step += 1
            run.over = run.step == run.steps or all_stop(handle, stop, run.step % log_every == 0)
            for watcher in watchers:
                watcher()
    return run.end()


class Play:
    """A game being played: its optimizers and averages, one step at a time."""

    def __init__(self, game: Game, handle, machine: Machine | None = None):
        self.game, self.handle = game, handle
        machine = machine or Machine()
        usual = machine.channels_last and handle.device.type not in game.contiguous_on
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
        compile, ema = machine.compile, game.config.ema
        self.turns = [
            (phase, fused(phase), compiled(phase) if compile else phase.loss)
            for phase in game.phases()
        ]
        self.share = torch.compile(game.share, fullgraph=True) if compile else game.share
        names = game.averaged if ema else ()
        self.averages = {name: average(getattr(game, name), ema) for name in names}
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def step(self, batch: dict[str, Tensor], step: int) -> None:
        batch = self.game.augment(to_float(batch))
        batch = {name: self.in_order(value) for name, value in batch.items()}
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
            if phase.clip is not None:
                nn.utils.clip_grad_norm_(phase.parameters, phase.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            for name, value in terms.items():
                key = f"{phase.name}/{name}"
                self.sums[key] = self.sums.get(key, 0) + value.detach().float()
                self.counts[key] = self.counts.get(key, 0) + 1
        for name, averaged in self.averages.items():
            averaged.update_parameters(getattr(self.game, name))

    def in_order(self, value):
        """Pictures in the memory order of the convolutions; anything else as it is."""
        is_picture = isinstance(value, Tensor) and value.dim() == 4
        return value.contiguous(memory_format=self.format) if is_picture else value

    def share_gradients(self, phase: Phase) -> None:
        """Mean gradient over all processes, as DistributedDataParallel takes it, for a phase."""
        if self.handle.num_processes > 1:
            gradients = [p.grad for p in phase.parameters if p.grad is not None]
            mean = self.handle.reduce(
                torch.cat([gradient.flatten() for gradient in gradients]), "mean"
            )
            for gradient, part in zip(
                gradients, mean.split([g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(part.view_as(gradient))

    def means(self) -> dict[str, float]:
        """Mean of each term since the last call, over all processes: all see one's NaN."""
        sums, counts, self.sums, self.counts = self.sums, self.counts, {}, {}
        if self.handle.num_processes > 1:
            sums = self.handle.reduce(sums, "mean")
        return mean_terms(sums, counts)

    def averaged_game(self) -> Game:
        return self.game.with_networks(
            **{name: each.module for name, each in self.averages.items()}
        )

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """(tensors, numbers) that `restore` takes.

        All processes call it, and the first one's answer is whole.
        """
        states = gather_object([hardware.random_state()])
        tensors = {f"game/{name}": value for name, value in self.game.state_dict().items()}
        for name, averaged in self.averages.items():
            tensors |= {f"ema/{name}/{key}": value for key, value in averaged.state_dict().items()}
        for phase, optimizer, _ in self.turns:
            tensors |= checkpoint.pack_optimizer(f"optimizer/{phase.name}", optimizer)
        for rank, state in enumerate(states):
            tensors |= {f"random/{rank}/{name}": state[name] for name in ("torch", "cuda", "numpy")}
        return tensors, {"random": [state["plain"] for state in states]}

    def restore(self, tensors: dict[str, Tensor], numbers: dict) -> None:
        self.game.load_state_dict(checkpoint.with_prefix(tensors, "game"))
        for name, averaged in self.averages.items():
            averaged.load_state_dict(checkpoint.with_prefix(tensors, f"ema/{name}"))
        for phase, optimizer, _ in self.turns:
            checkpoint.unpack_optimizer(f"optimizer/{phase.name}", optimizer, tensors)
        rank = self.handle.process_index
        random = checkpoint.with_prefix(tensors, f"random/{rank}")
        hardware.set_random_state({**random, "plain": numbers["random"][rank]})

    def scheduled(self, step: int) -> dict[str, dict[str, float]]:
        """What each phase's schedule, if it has one, says of a step."""
        return {phase.name: phase.schedule(step) for phase, _, _ in self.turns if phase.schedule}


def fused(phase: Phase) -> torch.optim.Optimizer:
    """The phase's optimizer, in its fused form where it has one: all parameters in one kernel."""
    options = {"fused": True} if "fused" in inspect.signature(phase.optimizer).parameters else {}
    return phase.optimizer(phase.parameters, **options)


def compiled(phase: Phase) -> Callable:
    if phase.twice:
        raise CourseError(
            f"compile=True: the {phase.name}'s loss differentiates a gradient once more (a penalty "
            "such as r1), which torch.compile cannot do; train without compile, or without the "
            "penalty."
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
    """Exponential moving average of parameters and buffers, with a warm-up: decay (1 + n) / (10 +
    n) at first.
    """

    def update(averaged, current, n):
        get_ema_multi_avg_fn(min(decay, (1 + int(n)) / (10 + int(n))))(averaged, current, n)

    averaged = AveragedModel(network, multi_avg_fn=update, use_buffers=True).requires_grad_(False)
    averaged.n_averaged = (
        averaged.n_averaged.cpu()
    )  # the library compares it with 0 at every step: on a GPU, a wait
    return averaged


def all_stop(handle, stop: threading.Event, may_wait: bool) -> bool:
    """Whether to stop now.

    Several processes stop together or wait for each other for ever, so they ask rarely.
    """
    if handle.num_processes == 1:
        return stop.is_set()
    asked = torch.tensor(float(stop.is_set()), device=handle.device)
    return may_wait and bool(handle.reduce(asked) > 0)


@contextmanager
def asked_to_stop():
    """An event that Ctrl-C or SIGTERM sets, so that the step under way is finished and saved.

    A second Ctrl-C stops at once, but not in a process of `accelerate launch`: the launcher hands
    on a signal that the process got from the terminal or the scheduler as well. Outside the main
    thread signals cannot be caught, and the event is never set.
    """
    stop, launched = threading.Event(), "RANK" in os.environ
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        if stop.is_set() and number == signal.SIGINT and not launched:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
