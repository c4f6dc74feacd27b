"""From a drawing in a file, of any size, to a coloured picture: what `gancourse colour` and chapter 6's notebook do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torchvision.transforms.functional import gaussian_blur

from gancourse.data.line_art import line_art
from gancourse.files import CourseError, replacing

FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def colour(
    game, drawing: str | Path | Image.Image, *, size: int = 512, seed: int = 0
) -> Image.Image:
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
    check(game)
    try:
        small, large = (line_art(drawing, size=side)[None] for side in (game.config.shape[1], size))
    except CourseError as error:
        if isinstance(drawing, Image.Image) or str(drawing) in str(error):
            raise
        raise CourseError(f"{drawing}: {error}") from error
    return to_image(painted(game.translate(small, seed=seed).cpu(), small, large))


def check(game) -> None:
    """
    Raises:
        CourseError: the game is no translator of line art.
    """
    if not hasattr(game, "translate"):
        raise CourseError(
            "This model makes pictures from nothing and colours no drawings. Take one of pix2pix."
        )
    if game.config.inputs != 1:
        raise CourseError(
            f"This model translates pictures of {game.config.inputs} channels; line art has one. Take another of pix2pix."
        )
    if game.config.shape[0] != 3:
        raise CourseError(
            f"This model makes pictures of shape {game.config.shape}; colours need 3 channels. Take another."
        )


def painted(colours: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """Colours (N, 3, s, s) in [-1, 1] enlarged under lines: (N, 3, S, S) in [-1, 1].

    The network has drawn the lines too, blunter than they are. The pixels that touch a line take the colour of the next
    ones, on their own side of it; the lines are painted over with the colours beside them, and the sharp ones drawn again.

    Args:
        small, large: the line art that the network saw (N, 1, s, s), and the same art as large as the result (N, 1, S, S);
            uint8, black on white.
    """
    colours, free = (colours + 1) / 2, small.float() / 255  # free: 0 on a line, 1 beside it
    known = (
        -max_pool2d(-free, 3, 1, 1) > 0.9
    ).float()  # no line touches it; where nothing is known, the network's word
    for _ in range(2):  # the second step fills corners
        share = avg_pool2d(known, 3, 1, 1)
        fresh = (share > 0) & (known == 0) & (free > 0.9)
        colours = torch.where(
            fresh, avg_pool2d(colours * known, 3, 1, 1) / share.clamp_min(1e-4), colours
        )
        known = known.maximum(fresh.float())
    for sigma in (0.7, 1.5):  # near colours first; wide lines are reached by the second pass
        weight = free**4
        near = gaussian_blur(colours * weight, 7, sigma) / gaussian_blur(
            weight, 7, sigma
        ).clamp_min(1e-4)
        colours = torch.where(free > 0.9, colours, near)
    paint = interpolate(colours, size=large.shape[2:], mode="bicubic").clamp(0, 1)
    return 2 * paint * (large.float() / 255) - 1


def to_image(pictures: Tensor) -> Image.Image:
    """The first of (N, 3, H, W) in [-1, 1]."""
    return Image.fromarray(((pictures[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())


def plan(
    drawings: Iterable[Path], output: Path | None, force: bool
) -> dict[Path, Path | CourseError]:
    """Where each drawing's picture goes, or why it cannot go there: each beside its drawing, or in a folder, or as told.

    Raises:
        CourseError: no drawing; or several, and `output` is the name of one picture.
    """
    drawings = list(
        {os.path.realpath(drawing): drawing for drawing in reversed(list(drawings))}.values()
    )[::-1]
    if not drawings:
        raise CourseError("No drawing was given. Name one file or more.")
    single = output is not None and output.suffix.lower() in FORMATS and not os.path.isdir(output)
    if single and len(drawings) > 1:
        raise CourseError(
            f"{len(drawings)} drawings were given, and {output} is one picture. Give a folder with -o."
        )
    if output is not None and not single and output.suffix and not os.path.isdir(output):
        raise CourseError(
            f"{output} was given; pictures are written as {', '.join(FORMATS)}, or into a folder."
        )
    places: dict[Path, Path | CourseError] = {}
    taken: set[str] = set()
    for drawing in drawings:
        place = output if single else (output or drawing.parent) / f"{drawing.stem}-coloured.png"
        really = os.path.realpath(place)
        if drawn := next((each for each in drawings if same(each, place)), None):
            places[drawing] = CourseError(
                f"{drawn} would be written over by {'its own colours' if drawn == drawing else f'those of {drawing}'}. "
                "Give another name with -o."
            )
        elif really in taken:
            places[drawing] = CourseError(
                f"{drawing} would go to {place} like another one. Colour it by itself."
            )
        elif os.path.lexists(place) and not force:
            places[drawing] = CourseError(
                f"{place} exists already. Give another place with -o, or write over it with --force."
            )
        else:
            places[drawing] = place
            taken.add(really)
    return places


def same(one: Path, other: Path) -> bool:
    """Whether two names mean one file that is there."""
    try:
        return os.path.samefile(one, other)
    except (
        OSError
    ):  # one is missing, or its folder may not be searched: what reads or writes it will say so
        return False


def save(image: Image.Image, path: Path) -> None:
    """Write a picture in the format of its name, whole or not at all.

    Raises:
        CourseError: the folder cannot be written to.
    """
    with replacing(path) as temporary:
        image.save(temporary)
