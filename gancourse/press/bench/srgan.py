"""Chapter 5 beside its plain form.

As in public code, the loader cuts, mirrors and turns each crop as a PIL picture, lets PIL shrink
it, and makes floats of both; one output serves both turns. Public code also decodes the photo each
time, which is left out here.
"""

from __future__ import annotations

import random

import torch
from PIL.Image import Transpose
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import interpolate, l1_loss, mse_loss
from torchvision.transforms import InterpolationMode, functional

from gancourse.chapters.srgan import grid
from gancourse.game import Batch, Game
from gancourse.press.bench import Floats, PlainForm
from gancourse.recipe import Recipe

# The paper's networks, with features that are bundled, and the batch cut to a quarter for a CPU.
PAPER = {"network": "paper", "width": 64, "blocks": 16, "batch_size": 4}
ROWS = (
    ("srresnet", "check"),
    ("srresnet", "class"),
    ("srgan", "class"),
    ("srresnet", "class", {**PAPER, "pixel": "mse"}),
    ("srgan", "class", PAPER),
)


class Crops(Floats):
    """A random crop of each photo, and the same shrunk."""

    def __init__(self, data: dict[str, Tensor], config: Recipe):
        super().__init__(data)
        self.side, self.small = config.shape[1], config.shape[1] // config.scale

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        photo = functional.to_pil_image(self.data["image"][index])
        left, top = (random.randint(0, size - self.side) for size in photo.size)
        crop = functional.crop(photo, top, left, self.side, self.side)
        for way in (Transpose.FLIP_TOP_BOTTOM, Transpose.FLIP_LEFT_RIGHT, Transpose.TRANSPOSE):
            crop = crop.transpose(way) if random.random() < 0.5 else crop
        low = functional.resize(crop, self.small, InterpolationMode.BICUBIC)
        pair = {"image": crop, "low": low}
        return {
            name: functional.normalize(functional.to_tensor(each), (0.5,), (0.5,))
            for name, each in pair.items()
        }


class Plain(PlainForm):
    shares = True

    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor]:
        side = config.options["side"]
        return {"image": torch.randint(0, 256, (rows, 3, side, side), dtype=torch.uint8)}

    def rows(self, game: Game, data: dict[str, Tensor]) -> Crops:
        return Crops(data, game.config)

    def __call__(self) -> None:
        if self.config.form == "srgan":
            return super().__call__()
        batch = {name: value.to(self.device) for name, value in next(self.batches).items()}
        self.optimizer_g.zero_grad()
        difference = l1_loss if self.config.pixel == "l1" else mse_loss
        difference(self.fake(batch), batch["image"]).backward()
        self.optimizer_g.step()

    def fake(self, batch: Batch) -> Tensor:
        return self.generator(batch["low"])

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        return self.discriminator(self.seen(x))

    def seen(self, x: Tensor) -> Tensor:
        """What our game shows its judges: as many pixels, so that none has more to do."""
        return x if self.config.network == "paper" else x[:, :, 2:-2, 2:-2]

    def caught(self, real: Tensor, false: Tensor) -> Tensor:
        return bce(real - false, torch.ones_like(real))  # relativistic

    def fooled(self, false: Tensor, batch: Batch) -> Tensor:
        real = self.judge(batch["image"], batch).detach()
        return self.config.adversarial * bce(false - real, torch.ones_like(real))

    def more(self, fake: Tensor, batch: Batch) -> Tensor:
        config, true = self.config, batch["image"]
        features = self.game.borrowed["features"]
        small = interpolate(fake, scale_factor=1 / config.scale, mode="bicubic", antialias=True)
        return (
            config.content * features.distance(self.seen(fake), self.seen(true))
            + config.l1 * l1_loss(fake, true)
            + config.consistency * l1_loss(small, batch["low"])
            + config.grid * grid(fake, true, config.scale)
        )
