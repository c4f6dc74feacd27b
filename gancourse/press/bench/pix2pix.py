"""Chapter 6 beside its plain form.

As in the authors' PyTorch code, one output serves both turns, and pairs are enlarged, cut and
mirrored one at a time as PIL pictures.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor
from torchvision.transforms import functional

from gancourse.game import Batch, Game
from gancourse.press.bench import Floats, PlainForm
from gancourse.recipe import Recipe

ROWS = (("unet", "check"), ("unet", "class"))


class Pairs(Floats):
    """Pairs with the paper's random jitter (appendix 6.2)."""

    def __init__(self, data: dict[str, Tensor], config: Recipe):
        super().__init__(data)
        self.side, self.enlarge, self.flip = config.shape[1], config.enlarge, config.flip

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        corner = [random.randint(0, self.enlarge) for _ in range(2)]
        mirrored = self.flip and random.random() < 0.5
        pair = {name: pictures[index] for name, pictures in self.data.items()}
        return {name: self.jittered(each, corner, mirrored) for name, each in pair.items()}

    def jittered(self, picture: Tensor, corner: list[int], mirrored: bool) -> Tensor:
        picture = functional.to_pil_image(picture)
        if self.enlarge:
            picture = functional.resize(picture, self.side + self.enlarge)
            picture = functional.crop(picture, *corner, self.side, self.side)
        if mirrored:
            picture = functional.hflip(picture)
        return functional.normalize(functional.to_tensor(picture), (0.5,), (0.5,))


class Plain(PlainForm):
    picture, shares = "target", True

    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor]:
        targets = torch.randint(0, 256, (rows, *config.shape), dtype=torch.uint8)
        return {"input": targets[:, : config.inputs].clone(), "target": targets}

    def rows(self, game: Game, data: dict[str, Tensor]) -> Pairs:
        return Pairs(data, game.config)

    def fake(self, batch: Batch) -> Tensor:
        return self.generator(batch["input"])

    def more(self, fake: Tensor, batch: Batch) -> Tensor:
        return self.config.l1 * (fake - batch["target"]).abs().mean()
