from __future__ import annotations

import zlib
from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from gancourse.files import CourseError
from gancourse.training.feed import Feed, Order, Rows, Source, fits, identity, rows_of, size_of

CPU = torch.device("cpu")


def steps(n: int, **changes) -> list[list[int]]:
    arguments = {"rows": 20, "batch_size": 6, "seed": 0, **changes}
    return [rows.tolist() for rows in islice(Order(**arguments), n)]


def test_an_epoch_repeats_no_row_and_leaves_the_incomplete_batch_out():
    batches = steps(9)
    assert all(len(batch) == 6 for batch in batches)
    for epoch in range(3):  # 20 rows make three batches of 6, and two rows wait for another epoch
        seen = [row for batch in batches[3 * epoch : 3 * epoch + 3] for row in batch]
        assert len(set(seen)) == 18 and set(seen) <= set(range(20))
    assert set(range(20)) == {row for batch in steps(30) for row in batch}, (
        "the same rows are left out for ever"
    )


def test_every_row_comes_once_an_epoch_where_batches_divide_the_rows():
    seen = [row for batch in steps(4, rows=24) for row in batch]
    assert sorted(seen) == list(range(24)) and seen != sorted(seen)


def test_epochs_are_shuffled_anew_and_seeds_differ():
    assert steps(3) != steps(6)[3:]
    assert steps(3) != steps(3, seed=1)
    assert steps(3, seed=1) != steps(6)[3:], "seed 1 must not be seed 0 an epoch later"


@pytest.mark.parametrize("start", [1, 2, 3, 4, 7, 100])
def test_a_step_is_a_function_of_seed_and_step_alone(start):
    assert steps(5, start=start) == steps(start + 5)[start:]


def test_the_global_random_state_has_no_part_in_it():
    torch.manual_seed(1)
    first = steps(5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert steps(5) == first and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_a_batch_without_overlap(processes):
    shares = [steps(4, rank=rank, processes=processes) for rank in range(processes)]
    for whole, *parts in zip(steps(4), *shares, strict=True):
        assert sorted(row for part in parts for row in part) == sorted(whole)
        assert {len(part) for part in parts} == {6 // processes}


def test_impossible_batches_are_explained():
    with pytest.raises(
        CourseError, match="batch_size=6: cannot be split over 4 processes; give a multiple"
    ):
        Order(20, 6, 0, processes=4)
    with pytest.raises(
        CourseError,
        match="batch_size=6: more than the 5 rows of the data; give more data or a smaller batch",
    ):
        Order(5, 6, 0)


def test_batches_are_the_rows_as_stored(pictures):
    order = Order(48, 10, seed=3)
    for rows, batch in islice(zip(order, Feed(pictures, order, CPU), strict=False), 6):
        assert batch.keys() == {"image", "label"} and batch["image"].dtype == torch.uint8
        assert torch.equal(batch["image"], pictures["image"][rows]) and torch.equal(
            batch["label"], pictures["label"][rows]
        )


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_data_loader_gives_what_the_device_gives(pictures, workers):
    order = Order(48, 10, seed=3, start=2)
    state = torch.get_rng_state()
    pairs = zip(Feed(pictures, order, CPU), Feed(Rows(pictures), order, CPU, workers), strict=False)
    for ours, loaded in islice(pairs, 6):
        assert ours.keys() == loaded.keys()
        for name, value in ours.items():
            assert torch.equal(value, loaded[name]) and value.dtype == loaded[name].dtype
    assert torch.equal(torch.get_rng_state(), state), "the loader drew from the run's random state"


def test_a_data_set_is_asked_for_rows_by_int():
    """A tensor of no axes hashes by identity: a data set that keeps its rows in a dict would find
    none.
    """

    class Files(Dataset):
        rows = {index: torch.tensor(index) for index in range(20)}

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            assert type(index) is int
            return {"row": self.rows[index]}

    order = Order(20, 6, seed=3)
    for rows, batch in islice(zip(order, Feed(Files(), order, CPU, workers=0), strict=False), 4):
        assert torch.equal(batch["row"], rows)


@pytest.mark.parametrize("wrap", [dict, Rows], ids=["on the device", "through the loader"])
def test_strings_travel_with_their_rows(wrap):
    data = {"row": torch.arange(20), "caption": [f"a red bird, number {row}" for row in range(20)]}
    order = Order(20, 6, seed=3, rank=1, processes=2)
    for rows, batch in islice(zip(order, Feed(wrap(data), order, CPU, 0), strict=False), 5):
        assert torch.equal(batch["row"], rows)
        assert batch["caption"] == [f"a red bird, number {row}" for row in rows.tolist()]


class Cutter:
    """A source whose batches show what they were made from."""

    shown = None

    draws, nbytes = 3, 100

    def __init__(self, device=CPU):
        self.device = device

    def __len__(self):
        return 20

    def __getitem__(self, row):
        return {"row": torch.tensor(row)}

    def to(self, device):
        return Cutter(device)

    def batch(self, rows, uniform):
        return {"row": rows, "uniform": uniform, "on": torch.zeros(1, device=self.device)}

    def identity(self):
        return {"rows": 20, "crc32": 7}


def cut(n: int, start=0, seed=3, **processes) -> list[dict]:
    order = Order(20, 6, seed, start, **processes)
    return list(islice(Feed(Cutter(), order, CPU), n))


def test_what_a_source_cuts_is_a_function_of_seed_and_step_alone():
    assert isinstance(Cutter(), Source) and not isinstance(Rows({}), Source)
    torch.manual_seed(1)
    whole = cut(9)
    torch.manual_seed(2)
    for before, after in zip(whole[4:], cut(5, start=4), strict=True):
        assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(batch["uniform"].shape == (6, 3) for batch in whole)
    drawn = torch.cat([batch["uniform"] for batch in [*whole, *cut(9, seed=4)]])
    assert len(drawn.unique()) == drawn.numel() and drawn.min() >= 0 and drawn.max() < 1


@pytest.mark.parametrize("processes", [2, 3])
def test_a_row_is_cut_alike_in_any_number_of_processes(processes):
    shares = [cut(4, rank=rank, processes=processes) for rank in range(processes)]
    for whole, *parts in zip(cut(4), *shares, strict=True):
        for name in ("row", "uniform"):
            together = torch.stack([part[name] for part in parts], dim=1).flatten(0, 1)
            assert torch.equal(together, whole[name])


def test_a_source_that_does_not_fit_cuts_in_main_memory(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "gancourse.training.feed.fits",
        lambda nbytes, device: asked.append((nbytes, device.type)) or device.type == "cpu",
    )
    homes = []
    monkeypatch.setattr(Cutter, "to", lambda self, device: homes.append(device.type) or self)
    for device in ("cpu", "meta"):
        Feed(Cutter(), Order(20, 6, seed=3), torch.device(device))
    assert asked == [(100, "cpu"), (100, "meta")] and homes == ["cpu", "cpu"]


def test_tensors_that_do_not_fit_go_through_the_loader(pictures, monkeypatch):
    monkeypatch.setattr("gancourse.training.feed.fits", lambda nbytes, device: False)
    order = Order(48, 10, seed=3)
    feed = Feed(pictures, order, CPU, workers=0)
    assert isinstance(feed.batches, DataLoader)
    assert torch.equal(next(iter(feed))["image"], pictures["image"][next(iter(order))])


def test_half_of_a_gpus_free_memory_is_the_bound(monkeypatch):
    data = {
        "image": torch.zeros(100, dtype=torch.uint8),
        "label": torch.zeros(10, dtype=torch.int64),
        "caption": ["strings stay in main memory"] * 10,
    }
    assert size_of(data) == 180
    for free, expected in ((361, True), (360, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 1000))
        assert fits(180, torch.device("cuda")) is expected
    assert fits(180, CPU)


def test_rows_of_tensors_and_data_sets(pictures):
    assert rows_of(pictures) == 48 == rows_of(Rows(pictures))
    with pytest.raises(CourseError, match="'a': 2.*'b': 3.*different lengths"):
        rows_of({"a": torch.zeros(2), "b": torch.zeros(3)})
    with pytest.raises(CourseError, match="none"):
        rows_of({})


def test_data_are_known_by_every_byte_of_every_tensor_in_the_order_of_names():
    data = {"b": torch.arange(6).view(3, 2), "a": torch.tensor([True, False, True])}
    by_hand = zlib.crc32(data["b"].numpy().tobytes(), zlib.crc32(b"\1\0\1"))
    assert identity(data) == {"rows": 3, "crc32": by_hand}
    for other in (
        {"b": data["b"].t().contiguous().t(), "a": data["a"]},
        {"a": data["a"], "b": data["b"]},
    ):
        assert identity(other) == identity(data), (
            "neither memory order nor the mapping's order counts"
        )
    assert identity({**data, "b": data["b"].flip(0)}) != identity(data)
    assert identity(Rows(data)) == {"rows": 3}
    assert identity(Cutter()) == {"rows": 20, "crc32": 7}


def test_data_are_known_by_their_strings_too():
    points = torch.zeros(3)
    known = identity({"point": points, "caption": ["a red bird", "small", ""]})
    assert known == identity({"point": points, "caption": ["a red bird", "small", ""]})
    for other in (
        ["a red bird", "Small", ""],
        ["a red birds", "mall", ""],
        ["small", "a red bird", ""],
    ):
        assert identity({"point": points, "caption": other}) != known
