"""A second game on a first: it borrows a frozen game, starts from another run, and keeps neither in
its files.
"""

from __future__ import annotations

import json

import pytest
import torch

from gancourse import chapters, models
from gancourse.files import CourseError
from gancourse.game import fingerprint
from gancourse.training import Machine, checkpoint, train
from tests.two_stages import Config


@pytest.fixture
def pictures():
    dice = torch.Generator().manual_seed(0)
    return {"image": torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=dice)}


@pytest.fixture(autouse=True)
def in_the_table(monkeypatch):
    """The chapter as a row of the table: that is all it takes."""
    row = chapters.Chapter(
        "Two stages", ("first", "second"), "tests.two_stages", "tests.two_stages"
    )
    monkeypatch.setitem(chapters.CHAPTERS, "two_stages", row)


def run(folder, pictures, *, seed=0, **changes):
    config = Config(
        **{
            name: str(value) if name in ("first", "starts_from") else value
            for name, value in changes.items()
        }
    )
    game = models.begin(config, seed)
    return train(
        game, pictures, seed=seed, folder=folder, machine=Machine(device="cpu"), progress=False
    )


@pytest.fixture
def first(tmp_path, pictures):
    run(tmp_path / "first", pictures)
    return tmp_path / "first"


@pytest.fixture
def warm(tmp_path, pictures, first):
    """Another run of the second stage, whose weights a further one starts from."""
    run(tmp_path / "warm", pictures, form="second", first=first, seed=5)
    return tmp_path / "warm"


def tensors(folder):
    return checkpoint.latest(folder / "checkpoints")[0]


def test_it_starts_from_one_run_and_borrows_another(tmp_path, pictures, first, warm):
    game = models.begin(Config(form="second", first=str(first), starts_from=str(warm)))
    begun_with = models.load(warm)
    assert fingerprint(game.generator) == fingerprint(begun_with.generator)
    assert fingerprint(game.borrowed["first"]) == fingerprint(models.load(first))
    assert game.lineage() == {
        "borrowed first": fingerprint(models.load(first)),
        "starts_from": fingerprint(begun_with),
    }


def test_what_is_borrowed_does_not_learn_and_is_not_stored(tmp_path, pictures, first):
    before = fingerprint(models.load(first))
    record = run(tmp_path / "second", pictures, form="second", first=first)
    borrowed = record.game.borrowed["first"]
    assert fingerprint(borrowed) == before, "its BatchNorm drifted, or its weights moved"
    assert not any(module.training for module in borrowed.modules())
    record.game.train()
    assert not any(module.training for module in borrowed.modules()), "train() must not wake it"
    names = {
        name.split("/")[1].split(".")[0]
        for name in tensors(tmp_path / "second")
        if name.startswith("game/")
    }
    assert names == {"generator", "critic"}
    assert not any(
        "64" in str(tuple(value.shape))
        for name, value in tensors(tmp_path / "second").items()
        if "random" not in name
    )


def test_n_steps_and_n_steps_are_2n_steps_bit_for_bit(tmp_path, pictures, first, warm):
    stages = {"form": "second", "first": first, "starts_from": warm}
    run(tmp_path / "whole", pictures, **stages, steps=8)
    run(tmp_path / "parts", pictures, **stages, steps=4)
    run(tmp_path / "parts", pictures, **stages, steps=8)
    whole, parts = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert [name for name, value in whole.items() if not torch.equal(value, parts[name])] == []


@pytest.mark.parametrize(
    ("changed", "words"), [("first", "^borrowed first"), ("warm", "^starts_from")]
)
def test_a_changed_first_run_is_refused_on_resume(tmp_path, pictures, first, warm, changed, words):
    stages = {"form": "second", "first": first, "starts_from": warm}
    run(tmp_path / "second", pictures, **stages, steps=4)
    settings = json.loads((tmp_path / changed / "config.json").read_text())
    further = {name: settings[name] for name in ("form", "first")}
    run(
        tmp_path / changed, pictures, **further, seed=settings["seed"], steps=6
    )  # trained on: other weights
    with pytest.raises(
        CourseError,
        match=f"{words}: these weights are not those that the run in .*second was begun with",
    ):
        run(tmp_path / "second", pictures, **stages, steps=8)


def test_a_run_loads_and_draws_with_what_it_borrows(tmp_path, pictures, first):
    record = run(tmp_path / "second", pictures, form="second", first=first)
    loaded = models.load(tmp_path / "second")
    assert torch.allclose(loaded.sample(3, seed=1), record.game.sample(3, seed=1), atol=1e-6)
    assert set(loaded.borrowed) == {"first"}
    moved = models.load(tmp_path / "second").to("meta")
    assert {p.device.type for p in moved.borrowed["first"].parameters()} == {"meta"}


def test_a_lender_that_is_gone_is_named(tmp_path, pictures):
    with pytest.raises(
        CourseError, match="nowhere.*: neither a published model nor the folder of a run"
    ):
        models.begin(Config(form="second", first=str(tmp_path / "nowhere")))


def test_a_start_that_does_not_fit_is_refused(tmp_path, pictures, first):
    with pytest.raises(CourseError, match="starts_from=.*first: its networks have other layers"):
        models.begin(Config(form="second", first=str(first), starts_from=str(first)))
