from __future__ import annotations

import json
import os
import pickle
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from gancourse import files
from gancourse.files import CourseError, DamagedFile
from gancourse.training import checkpoint


def state_at(step: int) -> tuple[dict[str, torch.Tensor], dict]:
    return {
        "game/weight": torch.full((3, 2), float(step)),
        "random/0/torch": torch.arange(5, dtype=torch.uint8),
    }, {
        "settings": {"lr": 1e-4},
        "seconds": 0.5,
    }


def save(folder: Path, *steps: int) -> Path:
    for step in steps:
        path = checkpoint.save(folder, step, *state_at(step))
    return path


def step_of(folder: Path) -> int | None:
    found = checkpoint.latest(folder)
    return found and found[1]["step"]


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_it_comes_back_as_it_was(tmp_path):
    path = save(tmp_path, 1000)
    assert path.name == "step-00001000" and sorted(os.listdir(path)) == [
        "state.json",
        "tensors.safetensors",
    ]
    tensors, numbers = checkpoint.load(path)
    expected, given = state_at(1000)
    assert tensors.keys() == expected.keys()
    assert all(
        torch.equal(value, expected[name]) and value.dtype == expected[name].dtype
        for name, value in tensors.items()
    )
    assert numbers["step"] == 1000 and given.items() <= numbers.items()


def test_views_channels_last_and_empty_tensors_keep_their_values(tmp_path):
    base = torch.randn(4, 6)
    tensors = {
        "whole": base,
        "part": base[1:3, ::2],
        "transposed": base.t(),
        "nothing": torch.empty(0, dtype=torch.uint8),
        "nhwc": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "scalar": torch.tensor(7.0),
        "learned": torch.nn.Parameter(base),
    }
    found, _ = checkpoint.load(checkpoint.save(tmp_path, 1, tensors, {}))
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


def test_the_last_two_are_kept_and_nothing_else_is_left_behind(tmp_path):
    save(tmp_path, 5, 10, 99_999_995, 15)
    assert sorted(os.listdir(tmp_path)) == ["step-00000015", "step-99999995"]


def test_a_step_may_be_saved_again(tmp_path):
    save(tmp_path, 1, 2)
    checkpoint.save(tmp_path, 2, {"game/weight": torch.ones(1)}, {})
    assert sorted(os.listdir(tmp_path)) == ["step-00000001", "step-00000002"]
    assert checkpoint.latest(tmp_path)[0]["game/weight"].tolist() == [1]


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    leftover = tmp_path / ".step-00000003.12345.part"
    leftover.mkdir()
    (leftover / "tensors.safetensors").write_bytes(bytes(1000))
    assert step_of(tmp_path) is None
    save(tmp_path, 4)
    assert os.listdir(tmp_path) == ["step-00000004"]


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("what", ["save_file", "sync", "write_json", "rename"])
def test_an_error_while_saving_leaves_the_state_before(tmp_path, monkeypatch, what):
    save(tmp_path, 1, 2)
    before = everything(tmp_path)

    def cut(*arguments, **named):
        if what == "save_file":  # half of it is on the disk already
            Path(arguments[1]).write_bytes(b"half")
        raise PowerCut

    monkeypatch.setattr(*((os, "replace") if what == "rename" else (checkpoint, what)), cut)
    with pytest.raises(PowerCut):
        save(tmp_path, 3)
    monkeypatch.undo()
    assert everything(tmp_path) == before
    assert step_of(tmp_path) == 2


def test_at_no_moment_of_saving_is_there_no_whole_checkpoint(tmp_path, monkeypatch):
    """Look after every step of a save, as a process started after a power cut would."""
    save(tmp_path, 1)
    seen = []

    def looking(function):
        def wrapped(*arguments, **named):
            result = function(*arguments, **named)
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "error"
                )  # a half-written checkpoint under its final name would warn
                seen.append(step_of(tmp_path))
            return result

        return wrapped

    for owner, name in (
        (checkpoint, "save_file"),
        (checkpoint, "sync"),
        (checkpoint, "write_json"),
        (os, "replace"),
    ):
        monkeypatch.setattr(owner, name, looking(getattr(owner, name)))
    save(tmp_path, 2)
    assert seen[0] == 1 and seen[-1] == 2 and seen == sorted(seen) and len(seen) >= 6


def test_bytes_are_synced_before_the_rename_and_the_name_after(tmp_path, monkeypatch):
    order = []
    really_replace = os.replace
    for module in (files, checkpoint):
        really_sync = module.sync
        monkeypatch.setattr(
            module,
            "sync",
            lambda path, sync=really_sync: (order.append(Path(path).name), sync(path)),
        )
    monkeypatch.setattr(
        os, "replace", lambda a, b: (order.append(f"rename {Path(b).name}"), really_replace(a, b))
    )
    save(tmp_path, 1)
    renamed = order.index("rename step-00000001")
    assert "tensors.safetensors" in order[:renamed] and "rename state.json" in order[:renamed]
    assert f".step-00000001.{os.getpid()}.part" in order[:renamed]
    assert order[renamed + 1 :] == [tmp_path.name]


# Files that are not what they should be


def test_a_truncated_one_is_damaged_and_the_one_before_is_used(tmp_path):
    path = save(tmp_path, 1, 2) / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match=r"tensors.safetensors.*SHA-256.*Delete this checkpoint"):
        checkpoint.load(path.parent)
    with pytest.warns(
        UserWarning, match="Checkpoint step-00000002 cannot be used and is passed over"
    ):
        assert step_of(tmp_path) == 1


def test_tensors_of_another_checkpoint_are_refused(tmp_path):
    newest = save(tmp_path, 1, 2)
    shutil.copy(tmp_path / "step-00000001" / "tensors.safetensors", newest)
    with pytest.raises(DamagedFile, match="SHA-256"):
        checkpoint.load(newest)


@pytest.mark.parametrize("lost", ["tensors.safetensors", "state.json"])
def test_a_lost_file_is_passed_over(tmp_path, lost):
    newest = save(tmp_path, 1, 2)
    (newest / lost).unlink()
    with pytest.warns(UserWarning, match="step-00000002"):
        assert step_of(tmp_path) == 1


def test_a_flipped_digit_in_the_state_is_damage_too(tmp_path):
    """It is valid JSON, and would train on with another number: any digit of it, the hash's own
    included.
    """
    state = save(tmp_path, 1, 2) / "state.json"
    written = state.read_text()
    for place in (place for place, letter in enumerate(written) if letter.isdigit()):
        state.write_text(
            written[:place] + str((int(written[place]) + 1) % 10) + written[place + 1 :]
        )
        with pytest.raises(
            (DamagedFile, KeyError), match="damaged|sha"
        ):  # KeyError: it was in the name of a number
            checkpoint.load(state.parent)
    with pytest.warns(
        UserWarning, match=r"step-00000002 cannot be used.*state.json is damaged.*the one before"
    ):
        assert step_of(tmp_path) == 1
    state.write_text(written)
    assert step_of(tmp_path) == 2


def test_a_state_without_its_own_hash_is_passed_over(tmp_path):
    state = save(tmp_path, 1, 2) / "state.json"
    numbers = json.loads(state.read_text())
    del numbers[checkpoint.SEAL]
    state.write_text(json.dumps(numbers))
    with pytest.warns(UserWarning, match="step-00000002"):
        assert step_of(tmp_path) == 1


NONSENSE = [
    "",
    '{"step": 2',
    "[]",
    "null",
    '"step"',
    "{}",
    '{"sha256": 5}',
    '{"step": 2, "sha256": null}',
]


@pytest.mark.parametrize("state", NONSENSE)
def test_any_nonsense_for_a_state_is_passed_over(tmp_path, state):
    newest = save(tmp_path, 1, 2)
    (newest / "state.json").write_text(state)
    with pytest.warns(UserWarning, match="step-00000002"):
        assert step_of(tmp_path) == 1


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("form", ["pickle", "torch.save", "header"])
def test_a_hostile_file_runs_nothing(tmp_path, form):
    """Its hash is right, for whoever writes the tensors writes the state too: the format itself
    must be harmless.
    """
    newest, marker = save(tmp_path, 1, 2), tmp_path / "ran"
    tensors = newest / "tensors.safetensors"
    if form == "pickle":
        tensors.write_bytes(pickle.dumps(Bomb(marker)))
    elif form == "torch.save":
        torch.save(Bomb(marker), tensors)
    else:
        tensors.write_bytes(
            (2**62).to_bytes(8, "little") + b"{}"
        )  # a header that claims to be larger than any disk
    state = json.loads((newest / "state.json").read_text())
    (newest / "state.json").write_text(
        json.dumps(checkpoint.sealed({**state, "sha256": files.sha256(tensors)}))
    )
    with pytest.raises(DamagedFile, match="is not a safetensors file"):
        checkpoint.load(newest)
    with pytest.warns(UserWarning, match="passed over"):
        assert step_of(tmp_path) == 1
    assert not marker.exists()
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists(), "the bomb is a dud, and this test proves nothing"


def test_nothing_is_nothing(tmp_path):
    assert checkpoint.latest(tmp_path) is None and checkpoint.latest(tmp_path / "nowhere") is None
    with pytest.raises((CourseError, OSError)):
        checkpoint.load(tmp_path / "nowhere")


def test_differences_name_both_values():
    saved, given = {"lr": 2e-4, "seed": 0, "ema": 0.9}, {"lr": 1e-4, "seed": 0, "loss": "hinge"}
    assert checkpoint.differences(saved, given) == [
        "ema: 0.9 in the checkpoint, 'absent' now",
        "loss: 'absent' in the checkpoint, 'hinge' now",
        "lr: 0.0002 in the checkpoint, 0.0001 now",
    ]
    assert checkpoint.differences(saved, dict(saved)) == []


# Optimizers


def trained(make, steps: int, seed: int):
    torch.manual_seed(seed)
    network = torch.nn.Linear(3, 2)
    optimizer = make(network.parameters())
    play(network, optimizer, range(steps))
    return network, optimizer


def play(network, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        (network.weight * (step + 1)).sum().sin().backward()
        optimizer.step()


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.5, 0.9)),
    "fused adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, fused=True),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
    "plain": lambda parameters: torch.optim.SGD(parameters, lr=0.01),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_an_optimizer_goes_on_exactly_where_it_was(tmp_path, make):
    network, optimizer = trained(make, 3, seed=0)
    tensors = checkpoint.pack_optimizer("optimizer/fit", optimizer)
    tensors, _ = checkpoint.load(checkpoint.save(tmp_path, 3, tensors, {}))
    other, fresh = trained(make, 1, seed=1)
    other.load_state_dict(network.state_dict())
    checkpoint.unpack_optimizer("optimizer/fit", fresh, tensors)
    play(network, optimizer, range(3, 6))
    play(other, fresh, range(3, 6))
    assert torch.equal(network.weight, other.weight)


def test_moments_come_back_in_the_memory_order_of_their_parameters(tmp_path):
    """A fused Adam walks parameter and moments side by side in memory; in another order it mixes
    them up, silently.
    """

    def made(seed):
        torch.manual_seed(seed)
        network = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return network, torch.optim.Adam(network.parameters(), lr=0.1, fused=True)

    network, optimizer = made(0)
    play(network, optimizer, range(3))
    tensors, _ = checkpoint.load(
        checkpoint.save(tmp_path, 3, checkpoint.pack_optimizer("o", optimizer), {})
    )
    other, fresh = made(1)
    other.load_state_dict(network.state_dict())
    checkpoint.unpack_optimizer("o", fresh, tensors)
    assert fresh.state[other.weight]["exp_avg"].stride() == other.weight.stride()
    play(network, optimizer, range(3, 5))
    play(other, fresh, range(3, 5))
    assert torch.equal(network.weight, other.weight)


def test_prefixes_end_at_a_slash():
    tensors = {"game/a": torch.zeros(1), "game2/a": torch.ones(1), "ema/game/a": torch.ones(1)}
    assert (
        list(checkpoint.with_prefix(tensors, "game")) == ["a"]
        and not checkpoint.with_prefix(tensors, "game")["a"].any()
    )


def test_a_full_disk_is_said_in_words_and_leaves_the_state_before(tmp_path, monkeypatch):
    save(tmp_path, 1, 2)
    before = everything(tmp_path)

    def full(tensors, path):
        Path(path).write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        CourseError,
        match=r"step-00000003 cannot be written \(I/O error: No space left.*Make room there",
    ):
        save(tmp_path, 3)
    assert everything(tmp_path) == before and step_of(tmp_path) == 2
