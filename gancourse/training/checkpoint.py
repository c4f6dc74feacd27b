"""Exact checkpoints: written whole or not at all, verified when read, and without any code in them.

    step-00001000/
        tensors.safetensors   networks, averages, optimizers' moments, random states
        state.json            step, numbers, hyper-parameters, the SHA-256 of the tensors, and its
        own

safetensors and JSON hold data only, so opening somebody's checkpoint runs nothing (a pickle can
run anything).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gancourse.files import (
    CourseError,
    DamagedFile,
    read_json,
    sha256,
    sync,
    verify,
    write_json,
    writing,
)


def save(
    folder: str | Path, step: int, tensors: dict[str, torch.Tensor], numbers: dict, keep: int = 2
) -> Path:
    """Write `folder/step-NNNNNNNN` whole or not at all; then drop all but the last `keep`."""
    folder = Path(folder)
    final = folder / f"step-{step:08d}"
    temporary = folder / f".{final.name}.{os.getpid()}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    # A clone each: safetensors refuses tensors that share memory, and views need their own bytes.
    own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    try:
        with writing(final, SafetensorError):
            temporary.mkdir(parents=True)
            save_file(own, temporary / TENSORS)
            sync(temporary / TENSORS)
            known = {"step": step, "sha256": sha256(temporary / TENSORS), **numbers}
            write_json(temporary / STATE, sealed(known))
            sync(temporary)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
            sync(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    left_behind = folder.glob(".step-*.part")  # by a process that was killed
    for old in [*sorted(folder.glob("step-*"))[:-keep], *left_behind]:
        shutil.rmtree(old)
    return final


TENSORS, STATE, SEAL = "tensors.safetensors", "state.json", "checksum"


def sealed(numbers: dict) -> dict:
    """`numbers` with the SHA-256 of all of them, written as JSON with sorted names."""
    open_values = {name: value for name, value in numbers.items() if name != SEAL}
    text = json.dumps(open_values, sort_keys=True)
    return {**numbers, SEAL: hashlib.sha256(text.encode()).hexdigest()}


def load(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, numbers) of one checkpoint.

    Raises `DamagedFile` when its bytes are not those that were written.
    """
    path, remedy = Path(path), "Delete this checkpoint; training goes on from the one before."
    numbers = read_json(path / STATE)
    verify(path / TENSORS, numbers["sha256"], remedy)
    if sealed(numbers) != numbers:
        raise DamagedFile(
            f"{path / STATE} is damaged: its values are not those that were written. {remedy}"
        )
    try:
        return load_file(path / TENSORS), numbers
    except SafetensorError as error:
        raise DamagedFile(f"{path / TENSORS} is not a safetensors file ({error}).") from error


def latest(folder: str | Path) -> tuple[dict[str, torch.Tensor], dict] | None:
    """The newest whole checkpoint, or None; with a warning for each newer one that is damaged."""
    for path in sorted(Path(folder).glob("step-*"), reverse=True):
        try:
            return load(path)
        except (CourseError, OSError, KeyError, TypeError) as error:
            warnings.warn(
                f"Checkpoint {path.name} cannot be used and is passed over: {error}", stacklevel=2
            )
    return None


def differences(saved: dict, given: dict) -> list[str]:
    """Lines such as "lr: 0.0002 in the checkpoint, 0.0001 now", one for each value that differs."""
    lines = []
    for name in sorted(saved.keys() | given.keys()):
        before, now = saved.get(name, "absent"), given.get(name, "absent")
        if before != now:
            lines.append(f"{name}: {before!r} in the checkpoint, {now!r} now")
    return lines


def pack_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """An optimizer's moments and counters as named tensors."""
    return {
        f"{prefix}/{index}/{name}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def unpack_optimizer(
    prefix: str, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Put `pack_optimizer`'s tensors back.

    Learning rates are the phase's, not state: they come from its schedule.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict] = {}
    for key, value in with_prefix(tensors, prefix).items():
        index, name = key.split("/", 1)
        parameter = parameters[int(index)]
        if (
            value.shape == parameter.shape
        ):  # a fused optimizer reads moments in its parameter's memory order, unchecked
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors below `prefix/`, named without it."""
    return {
        name.removeprefix(prefix + "/"): value
        for name, value in tensors.items()
        if name.startswith(prefix + "/")
    }
