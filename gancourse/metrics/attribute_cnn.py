"""A network that reads a picture's attributes: what is on it, where, and in which colour.

It judges pictures that were generated from sentences, so it has never seen any of those that a
generator learned from, and no generator has learned from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from gancourse.files import BUNDLED, CourseError, read_json, replacing, sha256, verify, write_json
from gancourse.metrics.inputs import as_uint8
from gancourse.metrics.teaching import teach

SIDE = 64  # px of what it sees; other sizes are resampled
FEATURES = 128
WEIGHTS = BUNDLED / "weights"


class AttributeCNN(nn.Module):
    """Four convolutions, 128 features, logits for each attribute: about 480,000 parameters.

    `sha256` is the hash of the weights file, or "" if the network was never published.

    Args:
        values: attribute -> how many values it has.
    """

    def __init__(self, values: Mapping[str, int]):
        super().__init__()
        self.values, self.sha256 = dict(values), ""
        layers, below = [], 3
        for above in (24, 48, 96, 128):
            conv = nn.Conv2d(below, above, 4, 2, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(above), nn.ReLU()]
            below = above
        features = nn.Flatten(), nn.Linear(below * (SIDE // 16) ** 2, FEATURES), nn.ReLU()
        self.body = nn.Sequential(*layers, *features)
        self.head = nn.Linear(FEATURES, sum(self.values.values()))
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Pictures (N, 3, S, S), uint8 or float in [-1, 1] -> logits (N, values) of each
        attribute.
        """
        return self.head(self.body(seen(pictures))).split(tuple(self.values.values()), 1)

    def features(self, pictures: Tensor) -> Tensor:
        """Pictures as for `forward` -> features (N, 128) >= 0, float32 on the CPU."""
        return self._in_batches(lambda part: self.body(seen(part)), pictures)

    def read(self, pictures: Tensor) -> Tensor:
        """Pictures as for `forward` -> the value read of each attribute: (N, K) int64."""
        return self._in_batches(
            lambda part: torch.stack([logits.argmax(1) for logits in self(part)], 1), pictures
        )

    @torch.no_grad()
    def _in_batches(self, function: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        self.eval()
        device = next(self.parameters()).device
        return torch.cat([function(part.to(device)).cpu() for part in pictures.split(250)])


def seen(pictures: Tensor) -> Tensor:
    """What the network is given: rounded to a file's levels, at `SIDE` px, in [-1, 1].

    Raises:
        CourseError: pictures that are not square or not in colour, or out of range.
    """
    pictures = as_uint8(pictures)
    _, channels, height, width = pictures.shape
    if channels != 3 or height != width:
        raise CourseError(
            f"pictures: shape {tuple(pictures.shape)}; the attributes of (N, 3, S, S) are read."
        )
    x = pictures.float() / 127.5 - 1
    if height != SIDE:
        x = interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=height > SIDE)
    return x.to(memory_format=torch.channels_last)


def fit(
    pictures: Tensor,
    facts: Tensor,
    values: Mapping[str, int],
    *,
    seed: int = 0,
    epochs: int = 8,
    batch_size: int = 128,
    rate: float = 3e-3,
    watch: Callable[[int, float], None] | None = None,
) -> AttributeCNN:
    """Train the reader with cross-entropy on each attribute, Adam and a one-cycle rate.

    Half of the pictures are seen as small ones enlarged, at half or a third of their side: it is
    to read what a small picture shows, and not to mark it down for being soft.

    Args:
        pictures: (N, 3, S, S) uint8 on the CPU.
        facts: (N, K) int64, -1 where an attribute is not to be seen, which counts for nothing.
        values: attribute -> how many values it has, in the order of the columns of `facts`.
        watch: called as `watch(epoch, mean_loss)` after each epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cnn = AttributeCNN(values)
    optimizer = torch.optim.Adam(cnn.parameters(), lr=rate)

    def loss(rows: Tensor) -> Tensor:
        part = soften(pictures[rows], generator)
        pairs = zip(cnn(part), facts[rows].t(), strict=True)
        return sum(cross_entropy(logits, true, ignore_index=-1) for logits, true in pairs)

    how = {"rate": rate, "epochs": epochs, "batch_size": batch_size, "watch": watch}
    teach(cnn, optimizer, loss, len(pictures), generator=generator, **how)
    return set_unit(cnn, pictures[:4_000]).eval().requires_grad_(False)


@torch.no_grad()
def set_unit(cnn: AttributeCNN, pictures: Tensor) -> AttributeCNN:
    """Scale the features, in place, so that their variances over `pictures` sum to `FEATURES`.

    The logits stay. A Frechet distance has the unit of the features squared, and ReLU leaves that
    unit open; with a fixed one, two readers can be compared.
    """
    factor = (FEATURES / cnn.features(pictures).var(0).sum()).sqrt()
    features = cnn.body[-2]
    features.weight *= factor
    features.bias *= factor
    cnn.head.weight /= factor
    return cnn


def soften(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """A batch of uint8 as it is, or each picture as if enlarged from a half or a third."""
    part = int(torch.randint(4, (), generator=generator))
    if part < 2:
        return pictures
    side = pictures.shape[2]
    small = interpolate(pictures.float(), side // part, mode="bilinear", antialias=True)
    return interpolate(small, side, mode="bilinear").round().clamp(0, 255).byte()


def publish(folder: str | Path, cnn: AttributeCNN, numbers: dict) -> Path:
    """Write `model.safetensors` and its `card.json`: the file's SHA-256, bytes, and `numbers`."""
    path = Path(folder) / "model.safetensors"
    weights = {name: x.detach().half().contiguous() for name, x in cnn.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(weights))
    cnn.sha256 = sha256(path)
    card = {"sha256": cnn.sha256, "bytes": path.stat().st_size, "values": cnn.values, **numbers}
    write_json(path.with_name("card.json"), card)
    return path


@cache
def load(name: str) -> AttributeCNN:
    """A bundled reader in eval mode without gradient, e.g. "scene-cnn", checked by its hash.

    Raises:
        CourseError: a file is missing.
        DamagedFile: the hash of the weights differs from the one on the card.
    """
    path = WEIGHTS / name / "model.safetensors"
    card = path.with_name("card.json")
    if not card.is_file():
        raise CourseError(f"{card}: missing; restore the folder from the repository.")
    known = read_json(card)
    cnn = AttributeCNN(known["values"])
    remedy = "Restore the folder from the repository, or train the reader again."
    weights = load_file(verify(path, known["sha256"], remedy))
    cnn.load_state_dict({key: value.float() for key, value in weights.items()})
    cnn.sha256 = known["sha256"]
    return cnn.eval().requires_grad_(False)
