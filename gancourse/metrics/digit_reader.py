"""What the networks that read digits have in common: what they take, what they say, their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from gancourse.files import CourseError, read_json, replacing, sha256, verify, write_json
from gancourse.metrics.inputs import as_uint8


class DigitReader(nn.Module):
    """A network of ten logits for pictures (N, 1, 28, 28), uint8 or float in [-1, 1].

    `sha256` is the hash of the weights file, or "" if the network was never published.
    """

    def __init__(self):
        super().__init__()
        self.sha256 = ""

    def labels(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """The digit read in each picture: (N,) int64, 0..9, on the CPU.

        Runs in eval mode without gradient, on the network's device, `batch_size` pictures at a
        time.

        Raises:
            CourseError: pictures that are not 28 x 28 with one channel, or values out of range.
        """
        return self._in_batches(lambda x: self(x).argmax(1), images, batch_size)

    def probabilities(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """How likely each picture shows each digit: (N, 10) in 0..1, on the CPU; see `labels`."""
        return self._in_batches(lambda x: self(x).softmax(1), images, batch_size)

    def _given(self, images: Tensor) -> Tensor:
        """Pictures as the network takes them: float in [-1, 1], rounded to a file's levels."""
        images = as_uint8(images)
        if images.shape[1:] != (1, 28, 28):
            raise CourseError(
                f"images.shape={tuple(images.shape)}: the digit classifier reads (N, 1, 28, 28); "
                "give pictures of this size."
            )
        return images.float() / 127.5 - 1

    @torch.no_grad()
    def _in_batches(
        self, function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int
    ) -> Tensor:
        self.eval()
        device = next(self.parameters()).device
        parts = images.split(batch_size) if len(images) else [images]
        return torch.cat([function(part.to(device)).cpu() for part in parts])


Reader = TypeVar("Reader", bound=DigitReader)


def accuracy(reader: DigitReader, images: Tensor, labels: Tensor) -> float:
    """The fraction of pictures, 0..1, that the classifier assigns to their label."""
    return (reader.labels(images) == labels.cpu()).double().mean().item()


@torch.no_grad()
def rounded(reader: Reader) -> Reader:
    """The network with its weights at float16's precision, in place: it can be stored so."""
    for value in reader.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    return reader


def publish(folder: str | Path, reader: DigitReader, numbers: dict, *, half: bool = False) -> Path:
    """Write `model.safetensors` and its `card.json`: the file's SHA-256, bytes, and `numbers`.

    `half` stores the weights as float16: give a network that is `rounded`.
    """
    path = Path(folder) / "model.safetensors"
    weights = {
        name: (x.half() if half and x.is_floating_point() else x).detach().cpu().contiguous()
        for name, x in reader.state_dict().items()
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(weights))
    reader.sha256 = sha256(path)
    card = {"sha256": reader.sha256, "bytes": path.stat().st_size, **numbers}
    write_json(path.with_name("card.json"), card)
    return path


def restore(reader: Reader, folder: str | Path, device: str | torch.device = "cpu") -> Reader:
    """The network with published weights, in eval mode without gradient.

    Raises:
        CourseError: a file is missing.
        DamagedFile: the hash of the weights differs from the one on the card.
    """
    path = Path(folder) / "model.safetensors"
    remedy = "Restore the folder from the repository, or train the digit classifier again."
    card = path.with_name("card.json")
    if not card.is_file():
        raise CourseError(f"{card}: missing; restore the folder from the repository.")
    expected = read_json(card)["sha256"]
    reader.load_state_dict(load_file(verify(path, expected, remedy)))
    reader.sha256 = expected
    return reader.to(device).eval().requires_grad_(False)
