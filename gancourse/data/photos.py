"""Photos of many sizes, held as one flat buffer; a batch is random crops, cut on the device.

Pictures of different sizes make no tensor, and crops that loader processes cut at random cannot be
cut again when a run is resumed. Here all pixels lie in one row of bytes, on the device if they
fit, and where a crop is cut depends on numbers that the feed draws from the run's seed and step.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancourse.data.picture_file import read
from gancourse.data.picture_folder import collect, distinct, listed
from gancourse.data.sources import one_of
from gancourse.files import CourseError

SPLITS = ("train", "test", "all")
# A word of a path by which data sets for super-resolution tell the photos from their shrunken
# copies: DIV2K_train_HR and DIV2K_train_LR_bicubic/X4, LRbicx4, img_001_SRF_4_LR.png.
RESOLUTION = re.compile(r"(?:^|[_\W])(HR|LR)(?=$|[_\W]|bic|x?\d)", re.IGNORECASE)


@dataclass(frozen=True, eq=False, repr=False)
class Photos:
    """Photos held whole in memory, which give their crops as batches (a `Source` of the feed).

    Args:
        buffer: (B,) uint8, photo after photo; each row by row, red, green and blue of each pixel.
        shapes: (N, 2) int64 on the CPU, height and width of each photo in pixels.
        side: of the crops, in pixels.
        name: what they are, for captions.
        source: "bundled", "full" or "yours".
        licence: of the photos.
        credit: who took them, as whoever shows them must name them.
        names: of each photo, its file's without the suffix.
        credits: of each photo, who took it and its licence; none for photos of your own.
        shown: photos of which published weights and films may hold crops, if these may not be
            passed on.

    Raises:
        CourseError: there is no photo, one is smaller than the crops, or the buffer is of another
            length.
    """

    buffer: Tensor
    shapes: Tensor
    side: int
    name: str
    source: str
    licence: str
    credit: str = ""
    names: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    shown: Photos | None = None

    draws = 2  # random numbers that a crop takes: how far down and how far to the right

    def __post_init__(self) -> None:
        if not len(self.shapes):
            raise CourseError(f"{self.name}: no photos; give at least one.")
        if self.side < 1 or (self.shapes < self.side).any():
            height, width = self.shapes[self.shapes.amin(1).argmin()].tolist()
            raise CourseError(
                f"side={self.side!r}: no crop of every photo of {self.name}, the smallest has "
                f"{width} x {height} pixels; give a side of 1 to {min(height, width)}."
            )
        if len(self.buffer) != self.offsets[-1]:
            raise CourseError(
                f"{self.name}: {len(self.buffer):,} bytes, but photos of these shapes take "
                f"{self.offsets[-1]:,}; give the buffer and the shapes of the same photos."
            )

    @cached_property
    def offsets(self) -> Tensor:
        """(N + 1,) int64 on the CPU: where each photo begins in the buffer; the end of it."""
        return torch.cat([torch.zeros(1, dtype=torch.int64), (3 * self.shapes.prod(1)).cumsum(0)])

    def __len__(self) -> int:
        return len(self.shapes)

    def __repr__(self) -> str:
        return (
            f"Photos({self.name}, {self.source}: {len(self):,} photos, "
            f"{self.nbytes / 1e6:,.0f} MB, crops of {self.side} x {self.side}; {self.licence})"
        )

    @property
    def columns(self) -> Photos:
        """What a batch is cut from: the photos themselves."""
        return self

    @property
    def nbytes(self) -> int:
        return self.buffer.nbytes

    def to(self, device: torch.device | str) -> Photos:
        """The same photos with their pixels on `device`."""
        return replace(self, buffer=self.buffer.to(device))

    def crops(self, side: int) -> Photos:
        """The same photos, cut into crops of another side."""
        return replace(self, side=side, shown=self.shown and self.shown.crops(side))

    def photo(self, i: int) -> Tensor:
        """Photo `i` whole: (3, H, W) uint8, a view of the buffer."""
        pixels = self.buffer[self.offsets[i] : self.offsets[i + 1]]
        return pixels.view(*self.shapes[i].tolist(), 3).permute(2, 0, 1)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        """The middle crop of photo `i`: "image" (3, side, side)."""
        middle = self.batch(torch.tensor([i]), torch.full((1, 2), 0.5, dtype=torch.float64))
        return {"image": middle["image"][0]}

    def batch(self, rows: Tensor, uniform: Tensor) -> dict[str, Tensor]:
        """A crop of each of the given photos: "image" (M, 3, side, side) uint8 on their device.

        Every crop of a photo is equally likely. Crops are narrow views until one copy gathers them,
        which does not depend on the size of the photos.

        Args:
            rows: (M,) int64 on the CPU, which photos.
            uniform: (M, 2) float64 in [0, 1) on the CPU, where each is cut: from the top, and from
                the left.
        """
        height, width = self.shapes[rows].unbind(1)
        top = (uniform[:, 0] * (height - self.side + 1)).long()  # floor: 0 to height - side
        left = (uniform[:, 1] * (width - self.side + 1)).long()
        first = self.offsets[rows] + 3 * (top * width + left)
        views = [
            self.buffer[at:].as_strided((self.side, 3 * self.side), (3 * across, 1))
            for at, across in zip(first.tolist(), width.tolist(), strict=True)
        ]
        image = torch.stack(views).view(-1, self.side, self.side, 3)
        return {"image": image.permute(0, 3, 1, 2)}

    def identity(self) -> dict:
        """What a resumed run knows its data by: "rows", and "crc32" of side, sizes and pixels."""
        sizes = zlib.crc32(self.shapes.numpy().tobytes(), self.side)
        return {"rows": len(self), "crc32": zlib.crc32(self.buffer.cpu().numpy(), sizes)}


def load(
    folder: str | Path, split: str = "train", *, side: int, limit: int | None = None
) -> Photos:
    """The photos of a folder and of the folders inside it, to be cut into crops of `side` pixels.

    Copies of a file count once. Where names of folders or files tell HR (high resolution) from LR,
    as in DIV2K and Flickr2K, what is LR is passed over: it shows the same photos, shrunken. The
    split depends on the bytes of the files alone, not on their names or places: the tenth with the
    smallest SHA-256, at least one photo of several, is for testing.

    Args:
        split: "train", "test" or "all".
        limit: no more than this many photos, from the first names on (default: all).

    Raises:
        CourseError: no such folder or split, or no photo of `side` pixels or more. Files that
            cannot be used are left out with one CourseWarning that names them.
    """
    one_of("split", split, SPLITS, "photos")
    found, reasons = distinct(_full_size(folder))
    held_out = set(sorted(found.values())[: max(len(found) // 10, int(len(found) > 1))])
    paths = [
        path
        for path, digest in found.items()
        if split in ("all", ("train", "test")[digest in held_out])
    ]
    if not paths:
        raise CourseError(
            f"{folder}: {len(found)} photos, which leave none for {split}; give more photos, "
            "or split='all'."
        )
    name = Path(folder).resolve().name
    return decode(
        paths, side, f"{name} {split}", "yours", "your own pictures", limit=limit, reasons=reasons
    )


def _full_size(folder: str | Path) -> list[Path]:
    """The photos of a folder, without those that are LR beside others that are HR."""
    paths = [path for path in listed(folder) if path.suffix.lower() != ".svg"]
    words = [
        {word.upper() for word in RESOLUTION.findall(str(path.relative_to(folder)))}
        for path in paths
    ]
    paired = {"HR", "LR"} <= set().union(*words)
    return [path for path, own in zip(paths, words, strict=True) if not (paired and "LR" in own)]


def decode(
    paths: Iterable[Path],
    side: int,
    name: str,
    source: str,
    licence: str,
    credit: str = "",
    *,
    credits: Mapping[Path, str] | None = None,
    limit: int | None = None,
    reasons: Iterable[str] = (),
) -> Photos:
    """Photos from files, in their order. Those that cannot be used are left out with a warning.

    Args:
        credits: who took the photo in a file, and its licence.
        others: see `Photos` and `load`.

    Raises:
        CourseError: no file can be used.
    """

    def pixels(path: Path) -> np.ndarray:
        image = read(path)
        if min(image.size) < side:
            raise CourseError(
                f"{path}: {image.width} x {image.height} pixels, smaller than the crops of {side}; "
                "give larger photos or a smaller side."
            )
        return np.asarray(image)

    read_in = collect(name, paths, pixels, limit=limit, reasons=reasons)
    used, kept = map(list, zip(*read_in, strict=True))
    del read_in
    shapes = torch.tensor([array.shape[:2] for array in kept])
    buffer = torch.empty(sum(array.size for array in kept), dtype=torch.uint8)
    end = 0
    for i, array in enumerate(kept):
        start, end, kept[i] = end, end + array.size, None  # let go at once: photos fill the memory
        buffer.numpy()[start:end] = array.ravel()
    names = tuple(path.stem for path in used)
    each = tuple(credits[path] for path in used) if credits else ()
    return Photos(buffer, shapes, side, name, source, licence, credit, names, each)
