"""Chapter 2 beside its plain form."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse.press.bench import gan
from gancourse.recipe import Recipe

ROWS = (("conv", "class"), ("conv", "gpu"))


class Plain(gan.Plain):
    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor]:
        label = torch.arange(rows) % config.classes
        return gan.Plain.data(config, rows) | {"label": label}
