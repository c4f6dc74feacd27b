"""Batches without end. Which pictures step t sees depends on the seed and t alone, so the feed has no place to lose."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gancourse.files import CourseError


class Rows(Dataset):
    """Tensors of equal length, read a row at a time: for sets that do not fit beside the networks."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = tensors

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: value[index] for name, value in self.tensors.items()}


class Order:
    """The rows of every step from `start` on: a fresh shuffle each epoch, incomplete last batches left out."""

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
                f"batch_size={batch_size} cannot be split over {processes} processes; give a multiple."
            )
        if rows < batch_size:
            raise CourseError(
                f"The data has {rows} samples, a batch {batch_size}. Give more data or a smaller batch_size."
            )
        self.rows, self.batch_size, self.seed, self.start = rows, batch_size, seed, start
        self.mine = slice(rank, None, processes)

    def __iter__(self) -> Iterator[Tensor]:
        per_epoch = self.rows // self.batch_size
        epoch, place = divmod(self.start, per_epoch)
        while True:
            shuffle = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = torch.randperm(self.rows, generator=shuffle)
            for step in range(place, per_epoch):
                yield order[step * self.batch_size : (step + 1) * self.batch_size][self.mine]
            epoch, place = epoch + 1, 0


class Indices:
    """An order's rows as lists of ints, for a data set may look an index up in a dict or a list of files."""

    def __init__(self, order: Order):
        self.order = order

    def __iter__(self) -> Iterator[list[int]]:
        for rows in self.order:
            yield rows.tolist()


class Feed:
    """Batches of tensors on the device, from a mapping of tensors or a map-style dataset whose rows are dicts.

    Tensors that fit stay on the device as stored (uint8 pictures), and a batch is one gather there. Larger ones, and
    datasets, go through a DataLoader with `workers` processes, in the same order.
    """

    def __init__(
        self,
        data: Mapping[str, Tensor] | Dataset,
        order: Order,
        device: torch.device,
        workers: int = 2,
    ):
        self.order, self.device = order, device
        if isinstance(data, Mapping) and fits(data, device):
            self.tensors = {name: value.to(device) for name, value in data.items()}
        else:
            self.tensors = None
            self.loader = DataLoader(
                Rows(data) if isinstance(data, Mapping) else data,
                batch_sampler=Indices(order),
                num_workers=workers,
                pin_memory=device.type == "cuda",
                generator=torch.Generator().manual_seed(
                    order.seed
                ),  # or it would draw from the run's own random state
            )

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self.tensors is not None:
            for rows in self.order:
                rows = rows.to(self.device, non_blocking=True)
                yield {name: value[rows] for name, value in self.tensors.items()}
        else:
            for batch in self.loader:
                yield {
                    name: value.to(self.device, non_blocking=True) for name, value in batch.items()
                }


def fits(data: Mapping[str, Tensor], device: torch.device) -> bool:
    """Whether the tensors take less than half of the GPU's free memory; on other devices they are there already."""
    if device.type != "cuda":
        return True
    return 2 * sum(value.nbytes for value in data.values()) < torch.cuda.mem_get_info(device)[0]


def rows_of(data) -> int:
    """Number of samples, after checking that all tensors of a mapping agree on it."""
    if not isinstance(data, Mapping):
        return len(data)
    lengths = {name: len(value) for name, value in data.items()}
    if len(set(lengths.values())) != 1:
        raise CourseError(
            f"The tensors of a data set must have one length, and were given with {lengths or 'none'}."
        )
    return next(iter(lengths.values()))


def identity(data) -> dict:
    """What a run that goes on knows its data by: the rows, and of tensors a checksum of all bytes, in the order of names."""
    rows, crc32 = rows_of(data), 0
    if not isinstance(data, Mapping):
        return {"rows": rows}
    for name in sorted(data):
        crc32 = zlib.crc32(data[name].detach().cpu().contiguous().view(torch.uint8).numpy(), crc32)
    return {"rows": rows, "crc32": crc32}
