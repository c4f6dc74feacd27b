"""A program and its weights as one file of JavaScript.

Matrices are rounded to eight bits, each row with a scale of its own, which makes a quarter of the
bytes (Jacob et al. 2018, section 2.1, with symmetric ranges). Everything else stays float32.
"""

from __future__ import annotations

import base64
import json

import torch
from torch import Tensor

from gancourse.game import Game
from gancourse.live.program import Program, program

LEAST = 1024  # numbers of a matrix that is worth rounding; last layers of few colours stay exact
REUSE = ("affine", "relu", "leaky_relu", "prelu", "tanh", "sigmoid", "exp", "at_least", "above")
SHARES = ("reshape", "unsqueeze", "noise")  # their results may lie in the memory of what they read


def rounded(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eight bits per number and a scale per row: (R, ...) -> int8 of the same shape, float32 (R,).

    The matrix is about levels x scale; no number is off by more than half a scale.
    """
    rows = matrix.detach().float().flatten(1)
    scale = rows.abs().amax(1).clamp(min=1e-12) / 127
    levels = (rows / scale[:, None]).round().to(torch.int8)
    return levels.view(matrix.shape), scale


class Blob:
    """Tensors one after the other, each at a multiple of four bytes."""

    def __init__(self):
        self.bytes = bytearray()
        self.tensors: list[dict] = []

    def put(self, array: Tensor) -> int:
        self.bytes.extend(bytes(-len(self.bytes) % 4))
        at = len(self.bytes)
        self.bytes.extend(array.contiguous().numpy().tobytes())
        return at

    def add(self, tensor: Tensor, exact: bool) -> int:
        """Append a tensor and return its number."""
        entry: dict = {"shape": list(tensor.shape)}
        if exact or tensor.dim() < 2 or tensor.numel() < LEAST:
            entry["at"] = self.put(tensor.detach().float())
        else:
            levels, scale = rounded(tensor)
            entry |= {"at": self.put(levels), "scale": self.put(scale)}
        self.tensors.append(entry)
        return len(self.tensors) - 1


def pack(name: str, made: Program, exact: bool = False) -> tuple[dict, bytes]:
    """What the engine opens: a description as JSON can hold it, and the weights' bytes.

    Args:
        exact: leave all weights float32.
    """
    blob, first, readers = Blob(), len(made.inputs), made.readers()
    operations = []
    for i, each in enumerate(made.operations):
        line = {"op": each.name, **each.numbers}
        if each.tensors:
            line["tensors"] = {key: blob.add(value, exact) for key, value in each.tensors.items()}
        line["from"] = [
            value if isinstance(value, int) else {"tensor": blob.add(value, exact)}
            for value in each.given
        ]
        source = line["from"][0]
        if (
            each.name in REUSE
            and isinstance(source, int)
            and source >= first
            and readers[source] == [i]
        ):
            line["reuse"] = made.operations[source - first].name not in SHARES
        operations.append(line)
    last = {value: max(found) for value, found in enumerate(readers) if found}
    description = {
        "name": name,
        "inputs": [{"name": key, "shape": shape} for key, shape in made.inputs.items()],
        "ops": operations,
        "tensors": blob.tensors,
        "last": {value: i for value, i in last.items() if value != made.output},
        "output": made.output,
    }
    return description, bytes(blob.bytes)


def of(game: Game, name: str) -> str:
    """A classic script that registers a game's network under `name`.

    Raises:
        CourseError: the engine lacks one of its layers.
    """
    description, weights = pack(name, program(*game.drawing()))
    line = json.dumps(description, separators=(",", ":"))
    return f'Live.model({json.dumps(name)},{line},"{base64.b64encode(weights).decode()}");\n'
