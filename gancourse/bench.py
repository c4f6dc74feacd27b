"""How much faster our training step is than the plain form of public code, as a ratio of paired runs.

The plain form: float32 pictures through a DataLoader with torchvision's transforms, contiguous memory, default Adam, and
both networks differentiated in both turns. It runs the generator anew in each turn, as ours does. The two most copied
repositories instead judge one generated batch in both turns, which spares them a run of the generator; the last column
compares with that. For InfoGAN it has their third optimizer, which moves both networks once more for the information.

All forms train the same networks at the same batch size, in turn in one process, so that a drifting clock or a busy
machine touches all alike; the median of the ratios is what counts. Where our networks write a layer in another way
(`layers.Project`, `layers.ReadOut`), the plain form keeps the convolution that it equals.

    python -m gancourse.bench [chapter ...]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gancourse.chapters import cgan, gan, infogan
from gancourse.game import Batch, Game
from gancourse.layers import Project, ReadOut
from gancourse.training import hardware
from gancourse.training.feed import Feed, Order
from gancourse.training.loop import Play

Step = Callable[[], None]
ROWS = {
    "gan": (gan, [("dcgan", "class"), ("dcgan", "full"), ("mlp", "full"), ("paper", "full")]),
    "cgan": (cgan, [("conv", "class"), ("conv", "full")]),
    "infogan": (infogan, [("digits", "class"), ("digits", "full")]),
}


class Floats(Dataset):
    """uint8 pictures through PIL and torchvision's transforms, one at a time, as torchvision's datasets give them."""

    def __init__(self, data: dict[str, torch.Tensor]):
        self.images, self.labels = data["image"], data["label"].tolist()
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def plain(game: Game, data: dict[str, torch.Tensor], device: torch.device, *, shared: bool = False) -> Step:
    """One step of the plain form, ready to be called again and again; `shared`: one generated batch for both turns."""
    written_out(game).to(device).train().requires_grad_(True)
    config, generator, discriminator = game.config, game.generator, game.discriminator
    informed = isinstance(game, infogan.InfoGAN)

    def adam(*networks: nn.Module) -> torch.optim.Optimizer:
        parameters = chain(*(network.parameters() for network in networks))
        return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999), weight_decay=config.weight_decay)

    optimizer_g, optimizer_d, optimizer_info = adam(generator), adam(discriminator), adam(generator, discriminator)
    batches = endless(DataLoader(Floats(data), config.batch_size, shuffle=True, drop_last=True))

    def fake(batch: Batch) -> torch.Tensor:
        return generator(game.latent_of(*game.draw(config.batch_size, device=device))) if informed else game.fake(batch)

    def judge(x: torch.Tensor, batch: Batch) -> torch.Tensor:
        return discriminator(x)[0] if informed else game.judge(x, batch)

    def step() -> None:
        image, label = (each.to(device) for each in next(batches))
        batch = {"image": image, "label": label}
        ones, zeros = torch.ones(len(image), device=device), torch.zeros(len(image), device=device)
        made = fake(batch)
        optimizer_d.zero_grad()
        loss = bce(judge(image, batch), ones) + bce(judge(made.detach(), batch), zeros)
        loss.backward()
        optimizer_d.step()
        if not shared:
            made = fake(batch)
        optimizer_g.zero_grad()
        loss = bce(judge(made, batch), ones)
        loss.backward()
        optimizer_g.step()
        if informed:
            code = game.draw(len(image), device=device)
            optimizer_info.zero_grad()
            loss = sum(game.surprise(discriminator(generator(game.latent_of(*code)))[1], code, 1.0).values())
            loss.backward()
            optimizer_info.step()

    return step


def written_out(game: Game) -> Game:
    """The game with the convolutions of public code where ours are matrix products: the same function, the same weights."""
    for module in game.modules():
        if isinstance(module, (Project, ReadOut)):
            module.__class__ = nn.ConvTranspose2d if isinstance(module, Project) else nn.Conv2d
    return game


def ours(game: Game, data: dict[str, torch.Tensor], handle) -> Step:
    """One step of the course's loop, its averaged generator included."""
    play = Play(game.train(), handle, ema=0.999, compile=False, channels_last=True)
    batches = iter(Feed(data, Order(len(data["image"]), game.config.batch_size, seed=0), handle.device))
    return lambda: play.step(next(batches), 0)


def endless(loader: DataLoader) -> Iterator[list[torch.Tensor]]:
    while True:
        yield from loader


def seconds(step: Step, times: int, device: torch.device) -> float:
    began = time.perf_counter()
    for _ in range(times):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def ratios(config, *, rounds: int = 9, steps: int = 4, device: str | None = None) -> dict[str, dict[str, float]]:
    """How many times our seconds the plain forms take: median, least and most over `rounds` of `steps` of each in turn.

    Returns:
        {"plain": {"median", "least", "most"}, "shared": the same, for one generated batch in both turns}
    """
    handle = hardware.accelerator(device)
    data = {"image": torch.randint(0, 256, (4096, *config.shape), dtype=torch.uint8), "label": torch.arange(4096) % 10}
    forms = {
        "ours": ours(config.build(), data, handle),
        "plain": plain(config.build(), data, handle.device),
        "shared": plain(config.build(), data, handle.device, shared=True),
    }
    for form in forms.values():
        seconds(form, 3, handle.device)
    taken = [{name: seconds(form, steps, handle.device) for name, form in forms.items()} for _ in range(rounds)]
    found = {}
    for name in ("plain", "shared"):
        each = [one[name] / one["ours"] for one in taken]
        found[name] = {"median": statistics.median(each), "least": min(each), "most": max(each)}
    return found


def main(*chapters: str) -> None:
    for chapter in chapters or ROWS:
        module, rows = ROWS[chapter]
        for form, scale in rows:
            config = module.Config.at(scale, form)
            found = ratios(config)
            plain, shared = found["plain"], found["shared"]
            print(f"{chapter:7} {form:6} {scale:5} width {config.width:4} batch {config.batch_size:3}: "
                  f"{plain['median']:.2f}x the plain form ({plain['least']:.2f} to {plain['most']:.2f}), "
                  f"{shared['median']:.2f}x where it shares the generated batch", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
