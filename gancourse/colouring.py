"""From a drawing in a file, of any size, to a coloured picture: what `gancourse colour` and chapter 6's notebook do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torchvision.transforms.functional import gaussian_blur

from gancourse.data.pairs import line_art
from gancourse.files import CourseError, replacing

FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def colour(game, drawing: str | Path | Image.Image, *, size: int = 512, seed: int = 0) -> Image.Image:
    """A drawing, cleaned and centred as the network has seen drawings, and coloured: `size` x `size` px, RGB.

    The network paints at the side it was trained at; its colours are then enlarged under the drawing's own lines.

    Args:
        game: a `Pix2Pix` that takes line art, such as `gancourse.load("pix2pix")`.
        drawing: a file (png, jpg, webp, svg ...) or a picture: a scan, a photo, digital line art.
        size: 16 to 1024.
        seed: of the noise: another one may choose other colours.

    Raises:
        CourseError: the file cannot be read, no lines are found in it, or the game translates something else.
    """
    if not hasattr(game, "translate") or game.config.inputs != 1:
        raise CourseError('This model does not take line art (one channel). Take `gancourse.load("pix2pix")`.')
    small, large = (line_art(drawing, size=side)[None] for side in (game.config.shape[1], size))
    return to_image(painted(game.translate(small, seed=seed).cpu(), small, large))


def painted(colours: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """Colours (N, 3, s, s) in [-1, 1] enlarged under lines: (N, 3, S, S) in [-1, 1].

    The network has drawn the lines too, blunter than they are. The pixels that touch a line take the colour of the next
    ones, on their own side of it; the lines are painted over with the colours beside them, and the sharp ones drawn again.

    Args:
        small, large: the line art that the network saw (N, 1, s, s), and the same art as large as the result (N, 1, S, S);
            uint8, black on white.
    """
    colours, free = (colours + 1) / 2, small.float() / 255  # free: 0 on a line, 1 beside it
    known = (-max_pool2d(-free, 3, 1, 1) > 0.9).float()  # no line touches it; where nothing is known, the network's word
    for _ in range(2):  # the second step fills corners
        share = avg_pool2d(known, 3, 1, 1)
        fresh = (share > 0) & (known == 0) & (free > 0.9)
        colours = torch.where(fresh, avg_pool2d(colours * known, 3, 1, 1) / share.clamp_min(1e-4), colours)
        known = known.maximum(fresh.float())
    for sigma in (0.7, 1.5):  # near colours first; wide lines are reached by the second pass
        weight = free**4
        near = gaussian_blur(colours * weight, 7, sigma) / gaussian_blur(weight, 7, sigma).clamp_min(1e-4)
        colours = torch.where(free > 0.9, colours, near)
    paint = interpolate(colours, size=large.shape[2:], mode="bicubic").clamp(0, 1)
    return 2 * paint * (large.float() / 255) - 1


def to_image(pictures: Tensor) -> Image.Image:
    """The first of (N, 3, H, W) in [-1, 1]."""
    return Image.fromarray(((pictures[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())


def plan(drawings: Iterable[Path], output: Path | None, force: bool) -> dict[Path, Path | CourseError]:
    """Where each drawing's picture goes, or why it cannot go there: each beside its drawing, or in a folder, or as told.

    Raises:
        CourseError: no drawing; or several, and `output` is the name of one picture.
    """
    drawings = list(dict.fromkeys(drawings))
    if not drawings:
        raise CourseError("No drawing was given. Name one file or more.")
    single = output is not None and output.suffix.lower() in FORMATS and not output.is_dir()
    if single and len(drawings) > 1:
        raise CourseError(f"{len(drawings)} drawings were given, and {output} is one picture. Give a folder with -o.")
    if output is not None and not single and output.suffix and not output.is_dir():
        raise CourseError(f"{output} was given; pictures are written as {', '.join(FORMATS)}, or into a folder.")
    places: dict[Path, Path | CourseError] = {}
    for drawing in drawings:
        place = output if single else (output or drawing.parent) / f"{drawing.stem}-coloured.png"
        if place.exists() and drawing.exists() and place.samefile(drawing):
            places[drawing] = CourseError(
                f"{drawing} would be written over by its own colours. Give another name with -o."
            )
        elif place in places.values():
            places[drawing] = CourseError(f"{drawing} would go to {place} like another one. Colour it by itself.")
        elif place.exists() and not force:
            places[drawing] = CourseError(
                f"{place} exists already. Give another place with -o, or write over it with --force."
            )
        else:
            places[drawing] = place
    return places


def save(image: Image.Image, path: Path) -> None:
    """Write a picture in the format of its name, whole or not at all.

    Raises:
        CourseError: the folder cannot be written to.
    """
    try:
        with replacing(path) as temporary:
            image.save(temporary)
    except OSError as error:
        raise CourseError(
            f"{path} cannot be written ({error.strerror or error}). Give another place with -o."
        ) from error
