"""Chapter 4 beside its plain form.

As in public code, D sees the real pictures once for the right sentences and once for the wrong
ones, and sentences come as vectors that were computed beforehand.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, relu
from torch.utils.data import Dataset

from gancourse.chapters.stackgan import mismatch, spoiled, tell_apart
from gancourse.data import load
from gancourse.game import Batch, Game
from gancourse.losses import zero_centred
from gancourse.press.bench import Floats, PlainForm
from gancourse.recipe import Recipe

ROWS = (("stage1", "class"), ("stage2", "class"))


class Plain(PlainForm):
    shares = True

    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor | list[str]]:
        return load("scenes", "train", size=config.shape[1], n=rows).columns

    def rows(self, game: Game, data: dict[str, Tensor | list[str]]) -> Dataset:
        captions = data["caption"]
        columns = {name: value for name, value in data.items() if name != "caption"}
        return Floats({**columns, "text": game.encode(captions).cpu()})

    def __call__(self) -> None:
        batch = {name: value.to(self.device) for name, value in next(self.batches).items()}
        config, game, text = self.config, self.game, batch["text"]
        latent = torch.randn(len(text), game.latent_size, device=self.device)
        fake, divergence = game.draw(text, latent)
        wrong = mismatch(batch["facts"], batch["said"])
        self.optimizer_d.zero_grad()
        self.refused(fake.detach(), wrong, batch).backward()
        self.optimizer_d.step()
        self.optimizer_g.zero_grad()
        seen = self.discriminator.picture(fake)
        loss = -self.discriminator(seen, text).mean() + config.kl * divergence
        apart = tell_apart(self.discriminator.agreement(seen, text), wrong)
        loss = loss + config.contrast * apart
        if config.restore:
            noise = torch.randn(len(text), config.condition, device=self.device)
            made, _ = self.generator(spoiled(batch["image"], config.small), text, noise)
            loss = loss + config.restore * l1_loss(made, batch["image"])
        loss.backward()
        self.optimizer_g.step()

    def refused(self, fake: Tensor, wrong: Tensor, batch: Batch) -> Tensor:
        """The discriminator's loss of a batch and what was generated from its sentences."""
        config, d = self.config, self.discriminator
        image, text = batch["image"], batch["text"]
        seen = d.picture(image)
        real, false = d(seen, text), d(d.picture(fake), text)
        other = d(d.picture(image), text[self.game.others(wrong)])
        loss = relu(1 - real).mean() + (relu(1 + false).mean() + relu(1 + other).mean()) / 2
        loss = loss + config.contrast * tell_apart(d.agreement(seen, text), wrong)
        if torch.rand(()) < 1 / 8:
            slope = zero_centred(lambda x: d(d.picture(x), text), image)
            loss = loss + 8 * config.r1 * slope
        return loss
