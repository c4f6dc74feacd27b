"""How much faster our training step is than the plain form of public code, as a ratio of paired runs.

The plain form: float32 pictures through a DataLoader with torchvision's transforms, contiguous memory, default Adam, and
both networks differentiated in both turns. It runs the generator anew in each turn, as ours does but for pix2pix. The two
most copied repositories instead judge one generated batch in both turns, which spares them a run of the generator; the last
column compares with that. For InfoGAN it has their third optimizer, which moves both networks once more for the information.

All forms train the same networks at the same batch size, in turn in one process, so that a drifting clock or a busy
machine touches all alike; the median of the ratios is what counts. Where our networks write a layer in another way
(`layers.Project`, `layers.ReadOut`, `layers.JoinedConv2d`, a group a channel for an instance norm), the plain form keeps
the layer that it equals.

    python -m gancourse.press.bench [chapter ...]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import instance_norm
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gancourse.chapters import cgan, gan, infogan, pix2pix
from gancourse.game import Batch, Game
from gancourse.layers import JoinedConv2d, JoinedConvTranspose2d, Project, ReadOut, join
from gancourse.training import hardware
from gancourse.training.feed import Feed, Order, rows_of
from gancourse.training.loop import Play

Step = Callable[[], None]
ROWS = {
    "gan": (gan, [("dcgan", "class"), ("dcgan", "full"), ("mlp", "full"), ("paper", "full")]),
    "cgan": (cgan, [("conv", "class"), ("conv", "full")]),
    "infogan": (infogan, [("digits", "class"), ("digits", "full")]),
    "pix2pix": (pix2pix, [("unet", "check"), ("unet", "class")]),
}


class Floats(Dataset):
    """uint8 pictures through PIL and torchvision's transforms, one row at a time, as torchvision's datasets give them."""

    def __init__(self, data: dict[str, torch.Tensor]):
        self.data = data
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )

    def __len__(self) -> int:
        return len(next(iter(self.data.values())))

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rows = {name: values[index] for name, values in self.data.items()}
        return {name: self.transform(row) if row.dim() == 3 else row for name, row in rows.items()}


def plain(
    game: Game, data: dict[str, torch.Tensor], device: torch.device, *, shared: bool = False
) -> Step:
    """One step of the plain form, ready to be called again and again; `shared`: one generated batch for both turns."""
    written_out(game).to(device).train().requires_grad_(True)
    config, generator, discriminator = game.config, game.generator, game.discriminator
    informed, paired = isinstance(game, infogan.InfoGAN), isinstance(game, pix2pix.Pix2Pix)

    def adam(*networks: nn.Module) -> torch.optim.Optimizer:
        parameters = chain(*(network.parameters() for network in networks))
        return torch.optim.Adam(
            parameters, lr=2e-4, betas=(0.5, 0.999), weight_decay=getattr(config, "weight_decay", 0)
        )

    optimizer_g, optimizer_d, optimizer_info = (
        adam(generator),
        adam(discriminator),
        adam(generator, discriminator),
    )
    batches = endless(DataLoader(Floats(data), config.batch_size, shuffle=True, drop_last=True))

    def fake(batch: Batch) -> torch.Tensor:
        if paired:
            return generator(batch["input"])
        return (
            generator(game.latent_of(*game.draw(config.batch_size, device=device)))
            if informed
            else game.fake(batch)
        )

    def judge(x: torch.Tensor, batch: Batch) -> torch.Tensor:
        return discriminator(x)[0] if informed else game.judge(x, batch)

    def step() -> None:
        batch = {name: value.to(device) for name, value in next(batches).items()}
        image = batch["target" if paired else "image"]
        made = fake(batch)
        optimizer_d.zero_grad()
        real, false = judge(image, batch), judge(made.detach(), batch)
        loss = bce(real, torch.ones_like(real)) + bce(false, torch.zeros_like(false))
        loss.backward()
        optimizer_d.step()
        if not shared:
            made = fake(batch)
        optimizer_g.zero_grad()
        false = judge(made, batch)
        loss = bce(false, torch.ones_like(false))
        if paired:
            loss = loss + config.l1 * (made - image).abs().mean()
        loss.backward()
        optimizer_g.step()
        if informed:
            code = game.draw(config.batch_size, device=device)
            optimizer_info.zero_grad()
            loss = sum(
                game.surprise(
                    discriminator(generator(game.latent_of(*code)))[1], code, 1.0
                ).values()
            )
            loss.backward()
            optimizer_info.step()

    return step


def written_out(game: Game) -> Game:
    """The game with the layers of public code where ours are cheaper: the same function, the same weights."""
    for module in game.modules():
        if isinstance(module, (Project, ReadOut)):
            module.__class__ = nn.ConvTranspose2d if isinstance(module, Project) else nn.Conv2d
        elif isinstance(
            module, (JoinedConv2d, JoinedConvTranspose2d)
        ):  # on constant maps, which are made
            ordinary = super(type(module), module).forward
            module.forward = lambda x, condition, ordinary=ordinary: ordinary(join(x, condition))
        elif isinstance(module, nn.GroupNorm) and module.num_groups == module.num_channels:
            module.forward = partial(
                instance_norm, weight=module.weight, bias=module.bias, eps=module.eps
            )
    return game


def ours(game: Game, data: dict[str, torch.Tensor], handle) -> Step:
    """One step of the course's loop, its averaged generator included."""
    play = Play(game.train(), handle, ema=0.999, compile=False, channels_last=True)
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


def ratios(
    config, *, rounds: int = 9, steps: int = 4, device: str | None = None
) -> dict[str, dict[str, float]]:
    """How many times our seconds the plain forms take: median, least and most over `rounds` of `steps` of each in turn.

    Returns:
        {"plain": {"median", "least", "most"}, "shared": the same, for one generated batch in both turns}
    """
    handle = hardware.accelerator(device)
    data = noise(config)
    forms = {
        "ours": ours(config.build(), data, handle),
        "plain": plain(config.build(), data, handle.device),
        "shared": plain(config.build(), data, handle.device, shared=True),
    }
    for form in forms.values():
        seconds(form, 3, handle.device)
    taken = [
        {name: seconds(form, steps, handle.device) for name, form in forms.items()}
        for _ in range(rounds)
    ]
    found = {}
    for name in ("plain", "shared"):
        each = [one[name] / one["ours"] for one in taken]
        found[name] = {"median": statistics.median(each), "least": min(each), "most": max(each)}
    return found


def noise(config, rows: int = 4096) -> dict[str, torch.Tensor]:
    """Pictures without meaning, of the shapes that a game with this Config takes."""
    pictures = torch.randint(0, 256, (rows, *config.shape), dtype=torch.uint8)
    if isinstance(config, pix2pix.Config):
        return {"input": pictures[:, : config.inputs].clone(), "target": pictures}
    return {"image": pictures, "label": torch.arange(rows) % 10}


def main(*chapters: str) -> None:
    for chapter in chapters or ROWS:
        module, rows = ROWS[chapter]
        for form, scale in rows:
            config = module.Config.at(scale, form)
            found = ratios(config)
            plain, shared = found["plain"], found["shared"]
            print(
                f"{chapter:7} {form:6} {scale:5} width {config.width:4} batch {config.batch_size:3}: "
                f"{plain['median']:.2f}x the plain form ({plain['least']:.2f} to {plain['most']:.2f}), "
                f"{shared['median']:.2f}x where it shares the generated batch",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
