"""Endless batches. What step t sees depends on the seed and t alone: there is no state to save."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from itertools import count

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gancourse.files import CourseError
from gancourse.game import Source

Column = Tensor | list[str]
Batch = dict[str, Column]


class Rows(Dataset):
    """Columns of equal length, read row by row: for sets that do not fit beside the networks."""

    def __init__(self, columns: Mapping[str, Column]):
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor | str]:
        return {name: column[index] for name, column in self.columns.items()}


class Order:
    """The rows of every step from `start` on: a new shuffle each epoch, no incomplete batches.

    Raises:
        CourseError: a batch cannot be split over the processes, or the data have fewer rows than a
            batch.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        processes: int = 1,
    ):
        if batch_size % processes:
            raise CourseError(
                f"batch_size={batch_size}: cannot be split over {processes} processes; "
                "give a multiple."
            )
        if rows < batch_size:
            raise CourseError(
                f"batch_size={batch_size}: more than the {rows} rows of the data; "
                "give more data or a smaller batch."
            )
        self.rows, self.batch_size, self.seed, self.start = rows, batch_size, seed, start
        self.mine = slice(rank, None, processes)

    def __iter__(self) -> Iterator[Tensor]:
        """This process's rows of each step, (batch_size / processes,) int64."""
        per_epoch = self.rows // self.batch_size
        epoch, place = divmod(self.start, per_epoch)
        while True:
            shuffle = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = torch.randperm(self.rows, generator=shuffle)
            for step in range(place, per_epoch):
                yield order[step * self.batch_size : (step + 1) * self.batch_size][self.mine]
            epoch, place = epoch + 1, 0

    def uniform(self, draws: int) -> Iterator[Tensor]:
        """This process's numbers of each step, (batch_size / processes, draws) float64 in [0, 1).

        Those of the whole batch are drawn and then shared out, so that a row has the same ones in
        any number of processes.
        """
        for step in count(self.start):
            drawn = np.random.default_rng((self.seed, step)).random((self.batch_size, draws))
            yield torch.from_numpy(drawn)[self.mine]


class Indices:
    """An order's rows as lists of ints, as a data set that looks them up in a dict needs them."""

    def __init__(self, order: Order):
        self.order = order

    def __iter__(self) -> Iterator[list[int]]:
        for rows in self.order:
            yield rows.tolist()


class Feed:
    """Batches on the device, from a mapping of columns, a `Source`, or a dataset of dicts.

    Tensors that fit stay on the device as stored (uint8 pictures), and a batch is one gather there.
    Larger ones, and datasets, go through a DataLoader with `workers` processes, in the same order.
    A source that fits is held on the device as well; a larger one cuts its batches in main memory.
    Strings stay where they are.
    """

    def __init__(
        self,
        data: Mapping[str, Column] | Source | Dataset,
        order: Order,
        device: torch.device,
        workers: int = 2,
    ):
        self.order, self.device = order, device
        if isinstance(data, Source):
            home = device if fits(data.nbytes, device) else torch.device("cpu")
            self.batches = self.cut(data.to(home))
        elif isinstance(data, Mapping) and fits(size_of(data), device):
            self.batches = self.gather(data)
        else:
            self.batches = DataLoader(
                Rows(data) if isinstance(data, Mapping) else data,
                batch_sampler=Indices(order),
                num_workers=workers,
                pin_memory=device.type == "cuda",
                # Its own generator, or it would draw from the run's random state.
                generator=torch.Generator().manual_seed(order.seed),
            )

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            yield {
                name: column.to(self.device, non_blocking=True)
                if isinstance(column, Tensor)
                else column
                for name, column in batch.items()
            }

    def cut(self, source: Source) -> Iterator[Batch]:
        for rows, uniform in zip(self.order, self.order.uniform(source.draws), strict=True):
            yield source.batch(rows, uniform)

    def gather(self, data: Mapping[str, Column]) -> Iterator[Batch]:
        tensors = {
            name: column.to(self.device)
            for name, column in data.items()
            if isinstance(column, Tensor)
        }
        texts = {name: column for name, column in data.items() if name not in tensors}
        for rows in self.order:
            there = rows.to(self.device, non_blocking=True)
            yield {
                **{name: column[there] for name, column in tensors.items()},
                **{name: [column[i] for i in rows.tolist()] for name, column in texts.items()},
            }


def size_of(data: Mapping[str, Column]) -> int:
    """The bytes of a mapping's tensors. Strings do not count: they never reach a device."""
    return sum(column.nbytes for column in data.values() if isinstance(column, Tensor))


def fits(nbytes: int, device: torch.device) -> bool:
    """Whether so much takes less than half of a GPU's free memory; on a CPU it is there already."""
    return device.type != "cuda" or 2 * nbytes < torch.cuda.mem_get_info(device)[0]


def rows_of(data: Mapping[str, Column] | Source | Dataset) -> int:
    """Number of samples, after checking that all columns of a mapping agree on it.

    Raises:
        CourseError: they do not, or there are none.
    """
    if not isinstance(data, Mapping):
        return len(data)
    lengths = {name: len(column) for name, column in data.items()}
    if len(set(lengths.values())) != 1:
        raise CourseError(
            f"data={lengths or '{}'}: columns of different lengths, or none; "
            "give each column the same number of rows."
        )
    return next(iter(lengths.values()))


def identity(data: Mapping[str, Column] | Source | Dataset) -> dict:
    """What a run that goes on knows its data by: "rows", and "crc32" of all bytes.

    Columns count in the order of their names. A dataset that is neither a mapping nor a `Source`
    has no checksum, and is known by its rows only.
    """
    if isinstance(data, Source):
        return data.identity()
    rows, crc32 = rows_of(data), 0
    if not isinstance(data, Mapping):
        return {"rows": rows}
    for name in sorted(data):
        crc32 = zlib.crc32(as_bytes(data[name]), crc32)
    return {"rows": rows, "crc32": crc32}


def as_bytes(column: Column) -> bytes | np.ndarray:
    """All bytes of a column; of strings their UTF-8, each ended by a byte that UTF-8 never has."""
    if isinstance(column, Tensor):
        return column.detach().cpu().contiguous().view(torch.uint8).numpy()
    return b"".join(text.encode() + b"\xff" for text in column)
