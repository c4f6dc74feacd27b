"""How translations are measured against the true pictures: chapter 6."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gancourse.evaluation.protocol import YOURS, Column, Protocol, Where
from gancourse.game import Game, require_rows
from gancourse.metrics import colour
from gancourse.recipe import Recipe

DRAWS = 5  # translations of each picture, with other noise
SCORES = (
    Column("per_pixel", "per-pixel accuracy", ".3f"),
    Column("per_class", "per-class accuracy", ".3f"),
    Column("class_iou", "class IoU", ".3f"),
    Column("inside", "accuracy where colour is needed", ".3f"),
    Column("inside_best", f"the same, best of {DRAWS}", ".3f"),
    Column("histogram_a", "histogram overlap, a", ".3f"),
    Column("histogram_b", "histogram overlap, b", ".3f"),
    Column("colourfulness_ratio", "colourfulness ratio", ".2f"),
)


class Translations(Protocol):
    """Colour scores of every test pair, translated `DRAWS` times and pooled, whatever n is.

    The palette comes from the training pairs. A reader's own pairs are both: give a folder that
    the game was not trained on to measure what it makes of new pictures. Their targets must be
    flat art, of at least twenty colours; for photos no score here means anything, and the palette
    refuses them.
    """

    tables = {"emoji": SCORES, YOURS: SCORES}

    def measure(self, game: Game, *, n: int, seed: int, where: Where) -> dict:
        config = game.config
        train, test = (where.load(config, split) for split in ("train", "test"))
        side = config.shape[1:]
        require_rows(test.tensors, {"input": (config.inputs, *side), "target": config.shape})
        made = torch.stack(
            [game.translate(test["input"], seed=seed + draw).cpu() for draw in range(DRAWS)]
        )
        palette = colour.palette(train["target"])
        return {
            **colour.colour_scores(made, test["target"], test["input"], palette=palette),
            "pairs_test": f"{test.name}, {len(test):,} ({test.source})",
        }

    def sentence(self, row: Mapping) -> str:
        return (
            f"Each pair of {row['pairs_test']} is translated {row['draws']} times. Pixels are "
            f"assigned to the {row['colours']} most common colours of the training pictures, of "
            f"which {row['covered']:.1%} of the true pixels have one exactly. The line art "
            f"unchanged scores {row['floor_per_pixel']:.3f}, {row['floor_per_class']:.3f} and "
            f"{row['floor_class_iou']:.3f}, and {row['floor_inside']:.3f} in the "
            f"{row['region']:.1%} of the pixels that need colour."
        )

    def use(self, name: str, config: Recipe) -> str:
        return (
            f'`gancourse.load("{name}").translate(line_art)` takes (N, {config.inputs}, H, W), '
            f"uint8 or floats in [-1, 1], and returns (N, {config.shape[0]}, H, W), floats in [-1, "
            "1]; `gancourse colour drawing.png` does it for files."
        )

    def showcase(self, game: Game, where: Where) -> Tensor:
        """Thirty test pairs: rows of ten inputs, each above its translations and their targets."""
        test = where.load(game.config, "test").take(30, seed=0)
        inputs, targets = (test[name].float() / 127.5 - 1 for name in ("input", "target"))
        answers = game.translate(test["input"]).cpu()
        rows = inputs.expand_as(targets), answers, targets  # (30, 3, S, S)
        return torch.stack([row.unflatten(0, (3, 10)) for row in rows], 1).flatten(0, 2)


PROTOCOL = Translations()
