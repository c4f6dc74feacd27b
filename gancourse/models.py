"""Models by name: the published weights, verified, or a run of your own.

A published model is a folder of data/weights:

    model.safetensors   every network of the game, the averaged ones in place of the last ones
    config.json         the chapter and its Config
    README.md           the card: data, recipe, scores, licence
"""

from __future__ import annotations

import os
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.files import BUNDLED, CourseError, DamagedFile, read_json

if TYPE_CHECKING:  # the list of names answers without torch
    from torch import Tensor

    from gancourse.game import Game

CHAPTERS = {
    "gan": "Generative adversarial nets",
    "cgan": "Conditional generative adversarial nets",
    "infogan": "InfoGAN: interpretable representation learning",
    "pix2pix": "Pix2Pix: image-to-image translation",
}


def published() -> list[str]:
    """Names of the published models."""
    return sorted(path.parent.name for path in BUNDLED.glob("weights/*/config.json"))


def load(name: str | Path, device: str | None = None) -> Game:
    """A published model, or the newest checkpoint of a run's folder, ready for `sample`.

    Args:
        name: a published name such as "gan", or the path of a folder that `gancourse train` made.
        device: where to put it, "cpu" (default), "cuda" or "mps".

    Returns:
        The chapter's game in eval mode. `sample` takes the chapter's conditions as keyword arguments.

    Raises:
        CourseError: it is neither a name nor a path; no model has this name, and no folder either; or this machine has no
            such device.
        DamagedFile: the weights are not the published ones.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from gancourse.data.sources import bundled

    if not isinstance(name, (str, os.PathLike)):
        raise CourseError(
            f"load({name!r}) was called; give the name of a published model, or the path of a run's folder."
        )
    if device not in (None, "cpu"):
        from gancourse.training.hardware import offered

        offered(device)
    if str(name) in published():
        settings = read_json(bundled(f"weights/{name}/config.json"))
        path = bundled(f"weights/{name}/model.safetensors")
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise DamagedFile(f"{path} is not a safetensors file ({error}).") from error
    elif (
        str(name) and (Path(name) / "config.json").is_file()
    ):  # an empty text would be the folder one is in
        settings, tensors = of_run(Path(name))
    else:
        raise CourseError(
            f"There is no published model, and no folder of a run, called {str(name)!r}. "
            f"Published: {', '.join(published()) or 'none'}. A run's folder holds a config.json."
        )
    game = configure(settings).build()
    try:
        game.load_state_dict(tensors)
    except RuntimeError as error:
        raise CourseError(
            f"The weights in {name} do not fit the networks of its config.json: {error}"
        ) from error
    return game.requires_grad_(False).eval().to(device or "cpu")


def of_run(folder: Path) -> tuple[dict, dict[str, Tensor]]:
    """(settings, tensors) of a run's newest whole checkpoint, with the averaged networks in place of the last ones."""
    from gancourse.training import checkpoint

    found = checkpoint.latest(folder / "checkpoints")
    if found is None:
        raise CourseError(
            f"{folder} holds no whole checkpoint yet. Let the run reach its first one, or its end."
        )
    tensors, numbers = found
    game = checkpoint.with_prefix(tensors, "game")
    for key, value in checkpoint.with_prefix(tensors, "ema").items():
        network, _, rest = key.partition("/")
        if rest.startswith("module."):
            game[f"{network}.{rest.removeprefix('module.')}"] = value
    return numbers["settings"], game


def configure(settings: dict):
    """The chapter's Config from stored settings; lists become tuples again, and what the loop added is left out."""
    chapter = settings.get("chapter")
    if chapter not in CHAPTERS:
        raise CourseError(
            f"The settings name the chapter {chapter!r}. This version knows: {', '.join(CHAPTERS)}."
        )
    config = import_module(f"gancourse.chapters.{chapter}").Config
    known = {field.name for field in fields(config)}
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return config(**{name: value for name, value in values.items() if name in known})
