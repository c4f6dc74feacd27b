"""How much faster our training step is than the plain form of public code.

The plain form: float32 pictures through a DataLoader with torchvision's transforms, contiguous
memory, default Adam, and gradients for both networks in both turns. Where our networks write a
layer in a cheaper way (`layers.Project`, `layers.ReadOut`, `layers.JoinedConv2d`, GroupNorm with
one group per channel), the plain form has the usual layer, which computes the same.

Both train the same networks at the same batch size and play the same game: a batch generated anew
for each turn (Goodfellow et al. 2014, algorithm 1), or one batch for both turns where our game
does that too (Pix2Pix). Much public code for chapters 1 and 2 uses one batch for both turns. That
is another game, in which G answers for pictures on which D was just trained; it saves a pass of
the generator, and would make our step 1.08 to 1.15 times as fast (on one core).

Our step is also compared with itself in the other memory order, to check the rule by which
`training.loop.Play` chooses it: see `training.Machine`.

The forms take turns in one process, so that a drifting clock or a busy machine slows all alike;
the median of the ratios is what counts. A chapter's file in this folder holds its ROWS, (form,
scale) or (form, scale, {setting: value}) each, and its `Plain` form.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import instance_norm
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gancourse import models
from gancourse.chapters import chapter
from gancourse.game import Batch, Game
from gancourse.layers import JoinedConv2d, JoinedConvTranspose2d, Project, ReadOut, join
from gancourse.press import of_chapter
from gancourse.recipe import Recipe
from gancourse.training import hardware
from gancourse.training.feed import Feed, Order, rows_of
from gancourse.training.hardware import Machine
from gancourse.training.loop import Play

Step = Callable[[], None]


class Floats(Dataset):
    """uint8 pictures as torchvision's datasets give them: one at a time, by PIL and transforms."""

    def __init__(self, data: dict[str, Tensor]):
        self.data = data
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )

    def __len__(self) -> int:
        return rows_of(self.data)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rows = {name: values[index] for name, values in self.data.items()}
        return {name: self.transform(row) if row.dim() == 3 else row for name, row in rows.items()}


class PlainForm:
    """A training step as public code writes it. A chapter's `Plain` overrides what its game needs.

    Class attributes:
        picture: the batch's name for the real pictures.
        shares: one generated batch serves both turns.
    """

    picture: ClassVar[str] = "image"
    shares: ClassVar[bool] = False

    def __init__(self, game: Game, data: dict[str, Tensor], device: torch.device):
        self.game = written_out(game).to(device).train().requires_grad_(True)
        self.config, self.device = game.config, device
        self.generator = game.generator
        rows, batch_size = self.rows(game, data), game.config.batch_size
        loader = DataLoader(rows, batch_size, shuffle=True, drop_last=True)
        self.batches = endless(loader)

    @property
    def discriminator(self) -> nn.Module:
        return self.game.discriminator

    @cached_property
    def optimizer_g(self) -> torch.optim.Optimizer:
        return self.adam(self.generator)

    @cached_property
    def optimizer_d(self) -> torch.optim.Optimizer:
        return self.adam(self.discriminator)

    @staticmethod
    def data(config: Recipe, rows: int) -> dict[str, Tensor]:
        """Random pictures of the shapes that a game with this Config takes."""
        raise NotImplementedError

    def rows(self, game: Game, data: dict[str, Tensor]) -> Dataset:
        return Floats(data)

    def fake(self, batch: Batch) -> Tensor:
        """A generated picture for each row of the batch."""
        raise NotImplementedError

    def judge(self, x: Tensor, batch: Batch) -> Tensor:
        """The discriminator's logits."""
        return self.game.judge(x, batch)

    def caught(self, real: Tensor, false: Tensor) -> Tensor:
        """The discriminator's loss, of its logits."""
        return bce(real, torch.ones_like(real)) + bce(false, torch.zeros_like(false))

    def fooled(self, false: Tensor, batch: Batch) -> Tensor:
        """The game in the generator's loss, of the discriminator's logits."""
        return bce(false, torch.ones_like(false))

    def more(self, fake: Tensor, batch: Batch) -> Tensor | float:
        """Further terms of the generator's loss."""
        return 0.0

    def afterwards(self, batch: Batch) -> None:
        """What follows the two turns."""

    def adam(self, *networks: nn.Module) -> torch.optim.Optimizer:
        parameters = chain(*(network.parameters() for network in networks))
        return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))

    def __call__(self) -> None:
        batch = {name: value.to(self.device) for name, value in next(self.batches).items()}
        fake = self.fake(batch)
        self.optimizer_d.zero_grad()
        real, false = self.judge(batch[self.picture], batch), self.judge(fake.detach(), batch)
        self.caught(real, false).backward()
        self.optimizer_d.step()
        if not self.shares:
            fake = self.fake(batch)
        self.optimizer_g.zero_grad()
        false = self.judge(fake, batch)
        loss = self.fooled(false, batch) + self.more(fake, batch)
        loss.backward()
        self.optimizer_g.step()
        self.afterwards(batch)


def written_out(game: Game) -> Game:
    """The game with the usual layers in place of our cheaper ones: same functions, same weights."""
    for module in game.modules():
        if isinstance(module, (Project, ReadOut)):
            module.__class__ = nn.ConvTranspose2d if isinstance(module, Project) else nn.Conv2d
        elif isinstance(module, (JoinedConv2d, JoinedConvTranspose2d)):
            usual = super(type(module), module).forward  # of maps with constant maps appended
            module.forward = lambda x, condition, usual=usual: usual(join(x, condition))
        elif isinstance(module, nn.GroupNorm) and module.num_groups == module.num_channels:
            how = {"weight": module.weight, "bias": module.bias, "eps": module.eps}
            module.forward = partial(instance_norm, **how)
    return game


def ours(game: Game, data: dict[str, Tensor], handle, *, other: bool = False) -> Step:
    """One step of the course's loop, its averages included; `other`: in the other memory order."""
    usual = handle.device.type not in game.contiguous_on
    game.contiguous_on = ()
    play = Play(game.train(), handle, Machine(channels_last=usual is not other))
    batches = iter(Feed(data, Order(rows_of(data), game.config.batch_size, seed=0), handle.device))
    return lambda: play.step(next(batches), 0)


def endless(loader: DataLoader) -> Iterator[Batch]:
    while True:
        yield from loader


def seconds(step: Step, times: int, device: torch.device) -> float:
    began = time.perf_counter()
    for _ in range(times):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def fresh(config: Recipe) -> Game:
    """A game with fresh weights and what teaches it; none of what it would go on from."""
    return models.begin(replace(config, starts_from=""))


def ratios(
    config: Recipe, *, rounds: int = 9, steps: int = 4, device: str | None = None
) -> dict[str, dict[str, float]]:
    """Seconds of each other form over ours: median, least and most of `rounds` of `steps` each.

    Returns:
        {"plain": {"median", "least", "most"}, "other": the same for the other memory order}
    """
    handle, chosen = hardware.accelerator(device), of_chapter(__name__, config.chapter)
    data = chosen.Plain.data(config, rows=4096)
    forms = {
        "ours": ours(fresh(config), data, handle),
        "plain": chosen.Plain(fresh(config), data, handle.device),
        "other": ours(fresh(config), data, handle, other=True),
    }
    for form in forms.values():
        seconds(form, 3, handle.device)
    taken = [
        {name: seconds(form, steps, handle.device) for name, form in forms.items()}
        for _ in range(rounds)
    ]
    found = {}
    for name in ("plain", "other"):
        each = [one[name] / one["ours"] for one in taken]
        found[name] = {"median": statistics.median(each), "least": min(each), "most": max(each)}
    return found


def lines(name: str, **how) -> Iterator[str]:
    """One line of results per row of a chapter."""
    for form, scale, *rest in of_chapter(__name__, name).ROWS:
        changes: dict[str, Any] = rest[0] if rest else {}
        config = chapter(name).config.at(scale, form, **changes)
        plain, other = ratios(config, **how).values()
        changed = "".join(f"{key}={value} " for key, value in changes.items())
        yield (
            f"{name:8} {form:6} {scale:6} {changed}"
            f"width {config.width:4}  batch {config.batch_size:3}:  "
            f"{plain['median']:.2f}x the plain form ({plain['least']:.2f} to {plain['most']:.2f}), "
            f"{other['median']:.2f}x our step in the other memory order"
        )
