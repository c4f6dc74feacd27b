"""Models by name: the published weights, verified, or a run of your own.

A published model is a folder of data/weights:

    model.safetensors   the networks that drawing needs, the averaged ones in place of the last ones
    config.json         the chapter and its Config
    README.md           the card: data, recipe, scores, licence
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from gancourse.chapters import configure
from gancourse.files import BUNDLED, CourseError, DamagedFile, read_json

if TYPE_CHECKING:  # the list of names answers without torch
    import torch
    from torch import Tensor

    from gancourse.game import Game
    from gancourse.recipe import Recipe
    from gancourse.training import Record


def published() -> list[str]:
    """Names of the published models."""
    return sorted(path.parent.name for path in BUNDLED.glob("weights/*/config.json"))


def load(name: str | Path, device: str | torch.device | None = None, **instead: str | Path) -> Game:
    """A published model, or the newest checkpoint of a run's folder, ready for `sample`.

    Args:
        name: a published name such as "gan", or the path of a folder that `gancourse train` made.
        device: where to put it, such as "cuda" (default: the CPU).
        instead: another network in place of one that the model borrows, by the name under which it
            borrows it: a published one that has learned to answer alike, or the folder of a run.

    Returns:
        The chapter's game in eval mode. `sample` takes the chapter's conditions as keyword
        arguments. A published model holds the networks that drawing needs; of others, such as the
        discriminator, only a run's folder knows the weights.

    Raises:
        CourseError: no model has this name, and no folder either; this machine has no such device;
            or another network cannot take the place of the borrowed one.
        DamagedFile: the weights are not the published ones.
    """
    import torch

    settings, tensors = stored(name)
    # Weights are drawn, and written over at once: on the meta device, where they would not be, the
    # first draw imports torch's compiler, for seconds and 160 MB.
    with torch.random.fork_rng(devices=[]):
        game = configure(settings).build()
    for network, part in list(game.named_children()):
        if not any(key.startswith(f"{network}.") for key in tensors) and part.state_dict():
            delattr(game, network)
    tensors = {
        key: value.float() if value.is_floating_point() else value for key, value in tensors.items()
    }
    try:
        game.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CourseError(
            f"{name}: its weights do not fit the networks of its config.json ({error}); train it "
            "again."
        ) from error
    lend(game)
    for borrowed, source in instead.items():
        replace(game, borrowed, source)
    return game.requires_grad_(False).eval().to(on(device))


def on(device) -> torch.device | str:
    """The device to load to. Only one that is not the CPU needs a look at the hardware."""
    if device in (None, "cpu"):
        return "cpu"
    from gancourse.training.hardware import offered

    return offered(device)


def stored(name: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """(settings, tensors) of a published model or a run's folder.

    Raises:
        CourseError: there is neither.
        DamagedFile: the weights are not the published ones.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from gancourse.data.sources import bundled

    if not isinstance(name, (str, os.PathLike)):
        raise CourseError(
            f"name={name!r}: no name; give that of a published model, or the path of a run's "
            "folder."
        )
    if str(name) in published():
        path = bundled(f"weights/{name}/model.safetensors")
        try:
            return read_json(bundled(f"weights/{name}/config.json")), load_file(path)
        except SafetensorError as error:
            raise DamagedFile(
                f"{path}: no safetensors file ({error}); install the course again."
            ) from error
    if (
        str(name) and (Path(name) / "config.json").is_file()
    ):  # an empty text would be the folder one is in
        return of_run(Path(name))
    raise CourseError(
        f"{str(name)!r}: neither a published model nor the folder of a run (which holds a "
        f"config.json); choose one of: {', '.join(published()) or 'none is published'}."
    )


def of_run(folder: Path) -> tuple[dict, dict[str, Tensor]]:
    """(settings, tensors) of a run's newest whole checkpoint, with the averaged networks in place
    of the last ones. What only changes what is drawn is taken from the newest call.
    """
    from gancourse.training import checkpoint

    found = checkpoint.latest(folder / "checkpoints")
    if found is None:
        raise CourseError(
            f"{folder}: holds no complete checkpoint yet; let the run reach its first one, or its "
            "end."
        )
    tensors, numbers = found
    game = checkpoint.with_prefix(tensors, "game")
    for key, value in checkpoint.with_prefix(tensors, "ema").items():
        network, _, rest = key.partition("/")
        if rest.startswith("module."):
            game[f"{network}.{rest.removeprefix('module.')}"] = value
    settings, newest = numbers["settings"], read_json(folder / "config.json")
    free = configure(settings).drawing()
    return {**settings, **{name: newest[name] for name in free if name in newest}}, game


def lend(game: Game) -> Game:
    """Give a game the networks that its Config says it borrows, and those that read for it."""
    from gancourse import language

    for name, source in game.config.borrows.items():
        game.borrow(name, load(source))
    for name, source in game.config.readers.items():
        game.borrow(name, language.load(source))
    return game


def replace(game: Game, name: str, source: str | Path) -> None:
    """Let a game borrow another network in place of the one that its Config names.

    Raises:
        CourseError: it borrows none of this name, or the other one answers otherwise.
    """
    borrows = game.config.borrows
    if name not in borrows:
        raise CourseError(
            f"{name}={str(source)!r}: this model borrows no network of that name; it borrows "
            f"{', '.join(borrows) or 'none'}."
        )
    network = load(source)
    if not network.answers_as(game.borrowed[name]):
        raise CourseError(
            f"{name}={str(source)!r}: has not learned to answer as {borrows[name]}, by which this "
            "model was trained; choose one that was taught by it."
        )
    game.borrow(name, network)


def begin(config: Recipe, seed: int = 0) -> Game:
    """A game ready to be trained: fresh weights that `seed` decides, or those that it starts from,
    and what it borrows.
    """
    import torch

    from gancourse import features

    torch.manual_seed(seed)
    game = lend(config.build())
    for name, source in config.teachers.items():
        game.borrow(name, features.load(source))
    if config.starts_from:
        game.start_from(load(config.starts_from))
    return game


def play(
    config: Recipe, data, *, seed: int = 0, folder: str | Path | None = None, **options
) -> Record:
    """Begin a game by its Config and train it.

    Args:
        data: `Pictures`, tensors by name, or another data set that `training.train` takes.
        seed: of the weights, and of all that `training.train` draws.
        options: further arguments of `training.train`, and fields of its `Machine`.
    """
    from gancourse.training import Machine, train

    names = {field.name for field in fields(Machine)} & options.keys()
    machine = Machine(**{name: options.pop(name) for name in names})
    rows = getattr(data, "columns", data)
    return train(
        begin(config, seed), rows, seed=seed, folder=folder or None, machine=machine, **options
    )
