"""Chapter 1 beside its plain form."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.game import Batch
from gancourse.press.bench import PlainForm
from gancourse.recipe import Recipe

ROWS = (("dcgan", "class"), ("dcgan", "gpu"), ("mlp", "gpu"), ("paper", "gpu"))


class Plain(PlainForm):
    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor]:
        pictures = torch.randint(0, 256, (rows, *config.shape), dtype=torch.uint8)
        return {"image": pictures}

    def adam(self, *networks):
        optimizer = super().adam(*networks)
        optimizer.param_groups[0]["weight_decay"] = self.config.weight_decay
        return optimizer

    def fake(self, batch: Batch) -> Tensor:
        return self.game.fake(batch)
