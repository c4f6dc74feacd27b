"""A trained network for other programs: as ONNX."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from gancourse.files import CourseError, replacing
from gancourse.game import Game
from gancourse.layers import silenced


class Picture(nn.Module):
    """A network, or the first of its outputs if it has several."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        made = self.network(*inputs)
        return made[0] if isinstance(made, tuple) else made


def require_new(path: Path, force: bool) -> None:
    """Raise a CourseError if something stands at `path` already and may not be written over."""
    if os.path.lexists(path) and not force:
        raise CourseError(
            f"{path}: exists already; give another name, or write over it with --force."
        )


def to_onnx(game: Game, path: str | Path) -> None:
    """Write the network that draws a game's pictures as an ONNX model.

    Inputs are those of `Game.drawing`, any number at a time; the output is called "image". Noise
    that stays on (chapter 6) is left out: a stored network throws no dice.

    Raises:
        CourseError: a package that this takes is missing, or `path` cannot be written.
    """
    network, inputs, free = game.drawing()
    batch = torch.export.Dim("n")
    # An example of two: with one, the exporter could take the size of the batch for fixed.
    examples = tuple(each.repeat(2, *[1] * (each.dim() - 1)) for each in inputs.values())
    sizes = tuple(
        {0: batch, **{dim: torch.export.Dim(f"{name}_{dim}") for dim in free.get(name, ())}}
        for name in inputs
    )
    with replacing(path) as temporary, silenced(network), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own parts
        try:
            torch.onnx.export(
                Picture(network).eval(),
                examples,
                temporary,
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=list(inputs),
                output_names=["image"],
                dynamic_shapes=(sizes,),
            )
        except ImportError as error:
            raise CourseError(
                f"{path}: ONNX needs a package that is not installed ({error}); type: pip install "
                "onnx onnxscript"
            ) from error
