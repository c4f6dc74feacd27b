"""Chapter 3 beside its plain form, which has a third optimizer.

It moves both networks once more, for the information, as most public ports do.
"""

from __future__ import annotations

from torch import Tensor

from gancourse.game import Batch
from gancourse.press.bench import gan

ROWS = (("digits", "class"), ("digits", "gpu"))


class Plain(gan.Plain):
    def __init__(self, *given):
        super().__init__(*given)
        self.optimizer_info = self.adam(self.generator, self.discriminator)

    def draw(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.game.draw(len(batch["image"]), device=self.device)

    def fake(self, batch: Batch) -> Tensor:
        return self.generator(self.game.latent_of(*self.draw(batch)))

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        return self.discriminator(x)[0]

    def afterwards(self, batch: Batch) -> None:
        code = self.draw(batch)
        self.optimizer_info.zero_grad()
        _, guess = self.discriminator(self.generator(self.game.latent_of(*code)))
        sum(self.game.surprise(guess, code, 1.0).values()).backward()
        self.optimizer_info.step()
