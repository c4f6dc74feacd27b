"""Play games in two processes that share their gradients, as `accelerate launch --num_processes 2`
would start them.

    python two_processes.py FOLDER

Forks of one process that has torch loaded stand in for the launcher, whose every process loads it
anew. Each rank writes what it ended with to FOLDER/NAME-RANK.safetensors.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from pathlib import Path

import torch
import torch._dynamo  # torch.optim would import it in every process
import torchvision  # noqa: F401
from safetensors.torch import save_file
from torch import nn

from gancourse.chapters import CHAPTERS
from gancourse.chapters.gan import Config
from gancourse.data import load
from gancourse.game import Game, Phase
from gancourse.models import begin
from tests import games as tools

FORMS = [(name, form) for name, row in CHAPTERS.items() for form in row.config.FORMS]


class Fit(tools.Small):
    """A regression without chance: two halves of a batch and the whole batch must take the same
    steps.
    """

    averaged = ("line",)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))

    def phases(self):
        make = partial(torch.optim.SGD, lr=0.1, momentum=0.5)
        return [Phase("line", tuple(self.line.parameters()), self.loss, make)]

    def loss(self, batch):
        return {
            "error": (self.line(batch["point"]) - batch["point"].sum(1, keepdim=True))
            .square()
            .mean()
        }


def play(
    game: Game, data: dict, steps: int, folder: Path | None = None, **changes
) -> dict[str, torch.Tensor]:
    options = {"batch_size": 8, "ema": 0.5, "preview": lambda game: torch.zeros(1, 2)}
    record = tools.play(game, data, steps, folder, **{**options, **changes})
    return {
        **game.state_dict(),
        **{f"ema/{name}": value for name, value in record.game.state_dict().items()},
    }


def gan(form: str, seed: int, **changes) -> Game:
    torch.manual_seed(seed)
    return Config.at("check", form, latent=4, batch_size=8, **changes).build()


def learn(chapter: str, form: str) -> dict[str, torch.Tensor]:
    """A chapter's form on its bundled data, as `gancourse train` plays it."""
    recipe = CHAPTERS[chapter].config
    few = {"rows": 64} if recipe.takes == "captions" else {}
    config = recipe.at("check", form, batch_size=8, **few)
    rows = load(config.pictures, config.split, source="bundled", **config.options)
    return play(begin(config), rows.columns, 3)


def games(folder: Path, rank: int) -> None:
    generator = torch.Generator().manual_seed(0)
    points = {"point": torch.randn(40, 2, generator=generator)}
    images = {
        "image": torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=generator)
    }
    ends = {
        "fit": play(Fit(), points, 7),
        "dcgan": play(gan("dcgan", seed=0, width=2), images, 4),
        "strangers": play(
            gan("mlp", seed=rank, width=8), images, 4
        ),  # each began with weights of its own
    }
    # No BatchNorm: its running means are of each process's own share, and only the first
    # process's are kept.
    toy = partial(gan, "toy", width=8)
    ends["whole"] = play(toy(0), points, 8, folder / "whole", save_every=4)
    play(toy(0), points, 4, folder / "parts", save_every=4)
    ends["parts"] = play(toy(7), points, 8, folder / "parts", save_every=4)
    ends |= {f"{chapter}, {form}": learn(chapter, form) for chapter, form in FORMS}
    for name, tensors in ends.items():
        save_file(
            {key: value.clone().contiguous() for key, value in tensors.items()},
            folder / f"{name}-{rank}.safetensors",
        )


def main(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
    }
    children = []
    for rank in range(2):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
                games(folder, rank)
                status = 0
            except Exception:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
