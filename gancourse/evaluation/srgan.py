"""How enlarged photos are measured against their originals: chapter 5."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from statistics import fmean, geometric_mean

import torch
from torch import Tensor

from gancourse import data, features
from gancourse.bicubic import enlarge
from gancourse.data.photos import Photos
from gancourse.evaluation.protocol import YOURS, Column, Protocol, Where
from gancourse.files import CourseError, DamagedFile
from gancourse.game import Game
from gancourse.metrics import shift_tolerant
from gancourse.metrics.inputs import as_uint8
from gancourse.metrics.restoration import degrade, luma, restoration_scores
from gancourse.recipe import Recipe

JUDGE = "efficientnet-lite2"
BENCHMARKS = {"set5": "Set5", "kodak24": "Kodak24"}
TITLES = {**BENCHMARKS, "bundled": "The bundled photos", YOURS: "Your photos"}
SCORES = (
    Column("psnr", "PSNR (dB)", ".2f"),
    Column("ssim", "SSIM", ".4f"),
    Column("consistency", "consistency (dB)", ".1f"),
    Column("stlpips", "ST-LPIPS", ".3f"),
    Column("distance", "distance", ".3f"),
    Column("spectrum", "spectrum error", ".2f"),
)
GRIDS = ("grid_2", "grid_4")
BLENDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def columns_of(name: str, title: str) -> tuple[Column, ...]:
    return tuple(Column(f"{name}_{key}", f"{title} {head}", form) for key, head, form in SCORES)


class Enlargements(Protocol):
    """Scores of whole photos that were shrunk and enlarged again, whatever n is.

    The photos are those of the benchmarks Set5 and Kodak24 which can be had, else the four that are
    bundled, and the keys say whose each score is: set5_psnr, kodak24_psnr, bundled_psnr, or
    yours_psnr for a reader's own. ST-LPIPS is left out where its weights are not installed.
    Published scores need both benchmarks and these weights. Of a reader's own photos all are
    measured: give a folder that the game was not trained on.
    """

    tables = {
        "photos": tuple(
            column for name, title in BENCHMARKS.items() for column in columns_of(name, title)
        ),
        # Without the score whose weights a reader may not have installed.
        YOURS: tuple(
            Column(f"{YOURS}_{key}", head, form) for key, head, form in SCORES if key != "stlpips"
        ),
    }
    judges = (JUDGE,)

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        """Of each set: mean scores of the game, and of bicubic enlarging as floor_..."""
        if where.strict:
            shift_tolerant.network()  # an error now rather than after minutes
        scale, found = game.config.scale, {}
        sets = originals(game.config, where)
        for name, photos in sets.items():
            for prefix, method in (("", game.upscale), ("floor_", bicubic(scale))):
                scores = mean_scores(photos, scale, method)
                found |= {f"{prefix}{name}_{key}": value for key, value in scores.items()}
        said = (f"{photos.name}, {len(photos):,} ({photos.source})" for photos in sets.values())
        return {**found, "sets": list(sets), "pictures_test": "; ".join(said), "scale": scale}

    def sentence(self, row: Mapping) -> str:
        scale = row["scale"]
        text = (
            f"Photos: {row['pictures_test']}. Each is cut to sides that are multiples of {scale}, "
            f"shrunk {scale} times (bicubic with antialiasing, rounded) and enlarged again. PSNR "
            f"and SSIM are those of Y (16 to 235), with {scale} px cut off at the borders; "
            "consistency is the PSNR of the picture shrunk again; distance is in features of "
            f"{JUDGE}, which no loss uses; spectrum error is in decades of power."
        )
        for name in row["sets"]:
            shown = ", ".join(
                f"{head} {row[f'floor_{name}_{key}']:{form}}"
                for key, head, form in SCORES
                if f"floor_{name}_{key}" in row
            )
            grids = " and ".join(f"{row[f'{name}_{key}']:.2f}" for key in GRIDS)
            text += (
                f" {TITLES[name]}: bicubic enlarging has {shown}; the energy at "
                f"periods of 2 and 4 px is {grids} times the originals'."
            )
        return text

    def use(self, name: str, config: Recipe) -> str:
        scale = config.scale
        return (
            f'`gancourse.load("{name}").upscale(photos)` takes (N, 3, H, W), uint8 or floats in '
            f"[-1, 1], and returns (N, 3, {scale} H, {scale} W), floats in [-1, 1]; "
            f"`gancourse upscale photo.jpg --model {name}` does it for files."
        )

    def showcase(self, game: Game, where: Where) -> Tensor:
        """Twenty crops of the bundled test photos: rows of ten enlarged bicubically, above what
        the game makes, above the originals. They are the five cells of each photo that bicubic
        enlarging gets most wrong.
        """
        config, rows = game.config, []
        for low, true in shrunken(data.load("photos", "test", source="bundled"), config.scale):
            plain = as_uint8(bicubic(config.scale)(low))
            kinds = torch.cat([plain, as_uint8(game.upscale(low)).cpu(), true])
            rows.append(cells(kinds, config.shape[1])[:, hardest(plain, true, config.shape[1])])
        kinds = torch.cat(rows, 1)[:, :20] / 127.5 - 1  # (3, 20, 3, S, S)
        return torch.cat([kinds[:, :10], kinds[:, 10:]]).flatten(0, 1)


def originals(config: Recipe, where: Where) -> dict[str, Photos]:
    """The photos to measure on, by the name that begins their scores' keys.

    Raises:
        CourseError: with `where.strict`, a benchmark that cannot be had; own pictures that are no
            photos.
    """
    if config.pictures == YOURS:
        if not isinstance(where.own, Photos):
            raise CourseError(
                f"data={where.own.name!r}: {type(where.own).__name__}, not photos to be measured "
                "whole; load them with gancourse.data.photos.load."
            )
        return {YOURS: where.own}
    found = {}
    for name in BENCHMARKS if where.source != "bundled" else ():
        try:
            found[name] = data.load(name, "test", root=where.root, source=where.source)
        except DamagedFile:
            raise
        except CourseError:
            if where.strict:
                raise
    return found or {"bundled": data.load("photos", "test", source="bundled")}


def shrunken(photos: Photos, scale: int) -> Iterable[tuple[Tensor, Tensor]]:
    """Of each photo what a network is given, (1, 3, h, w), and the original; see `degrade`."""
    return (degrade(photos.photo(i)[None], scale) for i in range(len(photos)))


def bicubic(scale: int) -> Callable[[Tensor], Tensor]:
    """The floor: uint8 (N, 3, h, w) -> (N, 3, scale h, scale w) in [-1, 1]."""
    return lambda low: (enlarge(low.double(), scale) / 127.5 - 1).clamp(-1, 1)


def mean_scores(photos: Photos, scale: int, method: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """The scores of `gancourse.metrics.restoration`, averaged over whole photos.

    Args:
        method: uint8 (1, 3, h, w) -> (1, 3, scale h, scale w) in [-1, 1]; what it makes is rounded
            to the levels of a file.
    """
    judge = features.load(JUDGE)
    rows = [
        restoration_scores(as_uint8(method(low)), true, low, scale, judge)
        for low, true in shrunken(photos, scale)
    ]
    return {
        key: (geometric_mean if key in GRIDS else fmean)(row[key] for row in rows)
        for key in rows[0]
    }


def curve(game: Game, photos: Photos, blends: Iterable[float] = BLENDS) -> list[dict]:
    """The trade of error for likeness: a row of scores for each point between two networks.

    Blau and Michaeli 2018: what comes nearer to the original on average looks less like a photo,
    and the other way round. The points lie on a line between the weights of the regression (0)
    and those of the game (1); see `SRGAN.network`.

    Args:
        game: one that began with another's weights.
        photos: whole ones; see `gancourse.data.load`.
        blends: 0 to 1.

    Returns:
        A dict per blend, of `blend` and of the scores of `mean_scores`.
    """
    rows = []
    for blend in blends:
        point = game.with_networks()
        point.config = replace(game.config, blend=blend)
        scores = mean_scores(photos, game.config.scale, point.upscale)
        rows.append({"blend": blend, **scores})
    return rows


def cells(pictures: Tensor, side: int) -> Tensor:
    """Pictures (N, 3, H, W) cut into squares from the upper left: (N, cells, 3, side, side)."""
    squares = pictures.unfold(2, side, side).unfold(3, side, side)  # (N, 3, down, across, S, S)
    return squares.flatten(2, 3).transpose(1, 2)


def hardest(made: Tensor, true: Tensor, side: int, count: int = 5) -> Tensor:
    """Indices of the cells of a picture (1, 3, H, W) with the largest error, in their order."""
    error = (luma(made) - luma(true)).square()[:, None]
    return cells(error, side).mean((2, 3, 4))[0].topk(count).indices.sort().values


PROTOCOL = Enlargements()
