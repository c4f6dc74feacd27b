"""How much faster our training step is than the plain form of most public code, as a ratio of paired runs.

The plain form: float32 pictures through a DataLoader with torchvision transforms, contiguous memory, default Adam, the
generator run once more with its graph for the discriminator's turn, and both networks differentiated in both turns.
Both forms train the same networks at the same batch size, in turn in one process, so that a drifting clock or a busy
machine touches both alike; the median of the ratios is what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gancourse.chapters import gan
from gancourse.game import Game
from gancourse.training import hardware
from gancourse.training.feed import Feed, Order
from gancourse.training.loop import Play


class Floats(Dataset):
    """uint8 pictures through PIL and torchvision's transforms, one at a time, as torchvision's datasets give them."""

    def __init__(self, images: torch.Tensor):
        self.images = images
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(self.images[index])


def plain(game: Game, images: torch.Tensor, batch_size: int, device: torch.device) -> Callable[[], None]:
    """One step of the plain form, ready to be called again and again."""
    generator, discriminator = game.to(device).train().generator, game.discriminator
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    batches = endless(DataLoader(Floats(images), batch_size, shuffle=True, drop_last=True))

    def step() -> None:
        real = next(batches).to(device)
        ones, zeros = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
        optimizer_d.zero_grad()
        fake = generator(torch.randn(len(real), game.config.latent, device=device))
        loss = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
        loss.backward()
        optimizer_d.step()
        optimizer_g.zero_grad()
        fake = generator(torch.randn(len(real), game.config.latent, device=device))
        loss = bce(discriminator(fake), ones)
        loss.backward()
        optimizer_g.step()

    return step


def ours(game: Game, images: torch.Tensor, batch_size: int, handle) -> Callable[[], None]:
    """One step of the course's loop, its averaged generator included."""
    play = Play(game.train(), handle, ema=0.999, compile=False, channels_last=True)
    batches = iter(Feed({"image": images}, Order(len(images), batch_size, seed=0), handle.device))
    return lambda: play.step(next(batches), 0)


def endless(loader: DataLoader) -> Iterator[torch.Tensor]:
    while True:
        yield from loader


def seconds(step: Callable[[], None], times: int, device: torch.device) -> float:
    began = time.perf_counter()
    for _ in range(times):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def ratio(config: gan.Config, *, pairs: int = 7, steps: int = 10, device: str | None = None) -> dict[str, float]:
    """Median, smallest and largest ratio of the plain form's seconds to ours, over `pairs` paired runs of `steps`."""
    handle = hardware.accelerator(device)
    images = torch.randint(0, 256, (4096, *config.shape), dtype=torch.uint8)
    forms = (
        plain(config.build(), images, config.batch_size, handle.device),
        ours(config.build(), images, config.batch_size, handle),
    )
    for form in forms:
        seconds(form, 3, handle.device)
    ratios = sorted(
        seconds(forms[0], steps, handle.device) / seconds(forms[1], steps, handle.device) for _ in range(pairs)
    )
    return {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}


if __name__ == "__main__":
    for form, scale in (("dcgan", "class"), ("dcgan", "full"), ("mlp", "full"), ("paper", "full")):
        config = gan.Config.at(scale, form)
        result = ratio(config)
        print(f"{form:6} {scale:6} width {config.width:5} batch {config.batch_size:4}: "
              f"{result['median']:.2f}x the plain form ({result['least']:.2f} to {result['most']:.2f})", flush=True)  # fmt: skip
