"""Enlarge a photo of any size in bounded memory: what `gancourse upscale` does.

The picture goes through the network in overlapping tiles, and each is turned into bytes at once:
besides the result, memory holds the work on one tile.
"""

from __future__ import annotations

import importlib
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from tqdm import tqdm

from gancourse import bicubic, models
from gancourse.data import raster
from gancourse.data.raster import Raster
from gancourse.files import CourseError
from gancourse.game import cores, in_tiles

BICUBIC = "bicubic"  # the name of the model that has learned nothing
KERNEL = 2  # pixels to each side that bicubic looks at
SPREAD = 4  # pixels that colours spread below full transparency
TILE = 256  # pixels of a tile's side, at most
ROOM = 100 * 2**20  # bytes that the largest layer may take in and give out
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601)


@runtime_checkable
class Upscaler(Protocol):
    """A game that enlarges pictures.

    Attributes:
        config: has `scale`, how many times as large the network makes them.
        reach: pixels of the small picture to each side on which a pixel of the large one depends.
    """

    config: Any
    reach: int

    def network(self) -> nn.Module:
        """(N, 3, h, w) in [-1, 1] -> (N, 3, scale h, scale w), which may leave [-1, 1]."""


@dataclass(frozen=True)
class Enlarger:
    """What enlarges a tile, and how tiles must be cut for it.

    Attributes:
        run: (1, 3, h, w) in [-1, 1] and a scale -> (1, 3, scale h, scale w), on the CPU.
        most: the largest scale.
        overlap: pixels to each side that a tile needs as context.
        tile: pixels of its side.
    """

    run: Callable[[Tensor, int], Tensor]
    most: int
    overlap: int
    tile: int


def load(name: str | Path, device: str | None = None, blend: float | None = None) -> Enlarger:
    """An enlarger by the name of a model, or the folder of a run.

    Args:
        name: a published model that enlarges, a run's folder, or "bicubic".
        device: where the network runs. On the CPU, onnxruntime runs it if it is installed.
        blend: see the config of the model, if it has such a setting.

    Raises:
        CourseError: there is no such model or device, it does not enlarge, or has nothing to blend.
    """
    if str(name) == BICUBIC:
        if blend is not None:
            raise CourseError(f"blend={blend:g}: bicubic has nothing to blend; leave it out.")
        place = models.on(device)
        return Enlarger(
            lambda tile, scale: bicubic.enlarge(tile.to(place), scale).cpu(), 4, KERNEL, TILE
        )
    return of_game(models.load(name, device), blend)


def of_game(game: Any, blend: float | None = None) -> Enlarger:
    """An enlarger that runs a game's network; see `load`."""
    if not isinstance(game, Upscaler):
        raise CourseError(
            "model: it enlarges no pictures; take one that does, such as the default, or bicubic."
        )
    if blend is not None:
        if "blend" not in {field.name for field in fields(game.config)}:
            raise CourseError(f"blend={blend:g}: this model has nothing to blend; leave it out.")
        game.config = replace(game.config, blend=blend)
    network, own = game.network().eval(), game.config.scale
    fast = on_cpu(network) if game.device.type == "cpu" else on(network, game.device)

    def run(tile: Tensor, scale: int) -> Tensor:
        made = fast(tile)
        size = scale * tile.shape[2], scale * tile.shape[3]
        return made if scale == own else bicubic.resize(made, size)

    overlap = game.reach + KERNEL
    return Enlarger(run, own, overlap, largest_tile(network, overlap))


def on(network: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The network as a function of tiles on the CPU, which PyTorch runs on a device.

    A pixel's channels lie side by side, which makes its convolutions faster and smaller.
    """
    network = network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(tile: Tensor) -> Tensor:
        tile = tile.to(device).contiguous(memory_format=torch.channels_last)
        return network(tile).float().cpu()

    return run


def on_cpu(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The same on the CPU: by onnxruntime if it is installed and can, else by PyTorch."""
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        made = exported(network)
    # Not installed, or a part of the exporter is not, or a layer is unknown to it.
    except (ImportError, RuntimeError, TypeError):
        return on(network, torch.device("cpu"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    # Fast at the price of memory by default: it would hold a third as much again, to the end.
    options.enable_mem_pattern = False
    thrift = onnxruntime.RunOptions()
    thrift.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
    return lambda tile: torch.from_numpy(session.run(None, {"low": tile.numpy()}, thrift)[0])


def exported(network: nn.Module) -> bytes:
    """The network as an ONNX model: "low" (1, 3, h, w) -> "high", for every h and w."""
    model = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is called legacy. It takes .4 s, its successor 9 s and 240 MiB,
        # more than a photo.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 8, 8),),
            model,
            dynamo=False,
            input_names=["low"],
            output_names=["high"],
            dynamic_axes={"low": {2: "h", 3: "w"}, "high": {2: "H", 3: "W"}},
        )
    return model.getvalue()


def largest_tile(network: nn.Module, overlap: int) -> int:
    """The side of the largest tile, in pixels, with which no layer takes more than `ROOM`."""
    side, numbers = 16, [1]

    def measure(module, taken, given):
        if not any(module.children()):
            numbers.append(given.numel() + sum(each.numel() for each in taken))

    hooks = [module.register_forward_hook(measure) for module in network.modules()]
    place = next(network.parameters()).device
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side, device=place))
    for hook in hooks:
        hook.remove()
    affordable = int(side * (ROOM / (4 * max(numbers))) ** 0.5)
    return max(min(TILE, affordable), 4 * overlap)  # with less, most of a tile is overlap


def upscale(
    enlarger: Enlarger, picture: Raster, scale: int = 4, *, deep: bool = True, name: str = ""
) -> Raster:
    """A picture `scale` times as large, with what else its file says.

    Grey stays grey, opacity is enlarged by bicubic interpolation, and 16 bits stay 16. The dpi grow
    with the scale: the picture has more pixels per inch and prints as large as before, so that it
    can stand where the small one stood.

    Args:
        scale: 2 to the enlarger's most; a smaller one than the network's own is made by shrinking
            what the network makes, antialiased.
        deep: whether the result may have 16 bits per level.
        name: what the bar of progress says.

    Raises:
        CourseError: the enlarger cannot make this scale, or the result does not fit into memory.
    """
    if not 2 <= scale <= enlarger.most:
        raise CourseError(
            f"scale={scale}: this model enlarges {enlarger.most} times; give a whole number from 2 "
            f"to {enlarger.most}."
        )
    levels = torch.tensor(picture.levels).permute(2, 0, 1)
    channels, height, width = levels.shape
    check_memory(scale * width, scale * height, channels, levels.dtype.itemsize)
    overlap = enlarger.overlap + (SPREAD if channels in (2, 4) else 0)
    tile = max(enlarger.tile, 2 * overlap + 1)
    count = len(cores(height, tile, overlap)) * len(cores(width, tile, overlap))
    with tqdm(total=count, unit="tile", desc=name, leave=False, disable=None) as bar:

        def draw(part: Tensor) -> Tensor:
            made = enlarged(enlarger, part, scale, deep)
            bar.update()
            return made

        large = in_tiles(draw, levels, tile, overlap).permute(1, 2, 0)
    exif = raster.enlarged_exif(picture.exif, scale * width, scale * height, scale)
    dpi = picture.dpi and tuple(scale * each for each in picture.dpi)
    return replace(picture, levels=large.numpy(), exif=exif, dpi=dpi)


@torch.inference_mode()
def enlarged(enlarger: Enlarger, part: Tensor, scale: int, deep: bool) -> Tensor:
    """Levels of a tile (1, C, h, w), as `Raster` has them -> (1, C, scale h, scale w)."""
    x = part.float() * (2 / torch.iinfo(part.dtype).max) - 1
    colours, opacity = (x[:, :-1], x[:, -1:]) if x.shape[1] in (2, 4) else (x, None)
    if opacity is not None:
        colours = spread(colours, opacity > -1)
    made = enlarger.run(colours.expand(-1, 3, -1, -1).contiguous(), scale)
    if colours.shape[1] == 1:
        made = torch.einsum("nchw,c->nhw", made, made.new_tensor(LUMA))[:, None]
    if opacity is not None:
        made = torch.cat([made, bicubic.enlarge(opacity, scale)], 1)
    kind = part.dtype if deep else torch.uint8
    half = torch.iinfo(kind).max / 2
    return made.clamp(-1, 1).add(1).mul(half).round().to(kind)


def spread(colours: Tensor, seen: Tensor) -> Tensor:
    """Colours (1, C, h, w) where pixels (1, 1, h, w) that are not seen take those of neighbours.

    Below full transparency files often hold black, which would show at the edges once they are
    enlarged.
    """
    known = seen.float()
    colours = colours * known
    for _ in range(SPREAD):
        share = avg_pool2d(known, 3, 1, 1)
        near = avg_pool2d(colours, 3, 1, 1) / share.clamp_min(1e-6)
        colours = torch.where(known > 0, colours, near * (share > 0))
        known = (share > 0).float()
    return colours


def check_memory(width: int, height: int, channels: int, depth: int) -> None:
    """Raise a CourseError if this machine's memory cannot hold a result of so many pixels.

    Args:
        depth: bytes per level.
    """
    needed = width * height * (channels * depth + (4 if depth == 1 else 0))  # 4: Pillow's own copy
    there = memory()
    if needed > there:
        raise CourseError(
            f"the result, {width:,} x {height:,} pixels, takes {needed / 2**30:.1f} GiB of memory, "
            f"and this machine has {there / 2**30:.1f}; give a smaller --scale, or cut the picture."
        )


def memory() -> float:
    """Bytes of this machine's memory; infinity where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def upscale_file(enlarger: Enlarger, path: Path, place: Path, scale: int = 4) -> Raster:
    """The picture of a file enlarged, as the format of `place` takes it.

    Raises:
        CourseError: the file cannot be read, or the format takes no such picture, which is said
            before any work is done; see also `upscale`.
    """
    picture = raster.read(path)
    height, width, channels = picture.levels.shape
    deep = place.suffix.lower() in raster.DEEP
    depth = picture.levels.itemsize if deep else 1
    raster.check_format(place, scale * width, scale * height, channels, depth)
    return upscale(enlarger, picture, scale, deep=deep, name=path.name)
