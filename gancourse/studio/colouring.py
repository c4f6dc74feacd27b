"""Colour a drawing of any size: what `gancourse colour` and the notebook on translation do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torchvision.transforms.functional import gaussian_blur

from gancourse.data.line_art import line_art
from gancourse.files import CourseError
from gancourse.metrics.outlines import enclosed, in_lab

# Pixels (right, down) by which a drawing is moved in each view; every second one is mirrored too.
VIEWS = ((0, 0), (2, 1), (-1, 2), (1, -2), (-2, -1), (3, 2), (-3, 1), (1, 3))
NEAR = 12.0  # Lab units, in which 2 is hardly visible
VOTES = 500  # colours of a region that stand for election


@runtime_checkable
class Translator(Protocol):
    """A game that makes one picture from another.

    Attributes:
        config: has `shape` (C, H, W) of what it makes and `inputs`, the channels that it takes.
    """

    config: Any

    def translate(self, given: Tensor, *, seed: int = 0, noise: bool = True) -> Tensor:
        """Pictures (N, inputs, H, W) uint8 -> their translations (N, C, H, W) in [-1, 1]."""


def colour(
    game: Translator,
    drawing: str | Path | Image.Image,
    *,
    size: int = 512,
    seed: int = 0,
    even: bool = True,
) -> Image.Image:
    """A drawing in colour: `size` x `size` pixels, RGB.

    The drawing is cleaned and centred to look like the training data. The network paints it at the
    size that it was trained at, in several views whose mean is taken (see `calm`); what lines
    enclose becomes one colour (see `evened`); the colours are then enlarged under the drawing's own
    lines.

    Args:
        game: a translator of line art, such as `gancourse.load("pix2pix")`.
        drawing: a file (PNG, JPEG, WebP, SVG ...) or a picture: a scan, a photo, digital line art.
        size: 16 to 1024.
        seed: of the noise; another may choose other colours.
        even: False leaves the colours as the network paints them.

    Raises:
        CourseError: the file cannot be read, no lines are found in it, or the game is no translator
            of line art.
    """
    check(game)
    small, large = (line_art(drawing, size=side)[None] for side in (game.config.shape[1], size))
    colours = calm(game, small, seed=seed)
    return to_image(painted(evened(colours, small) if even else colours, small, large))


def calm(game: Translator, drawings: Tensor, *, seed: int = 0) -> Tensor:
    """The mean of a translator's answers to several views of each drawing: (N, 3, s, s) on the CPU.

    A view is the drawing mirrored or moved by a few pixels, as pairs are at random in training, and
    has noise of its own. What the network paints in a wide plain area depends on the view and comes
    out in blotches; in the mean they fade. Colours on which the views disagree are mixed.

    Args:
        drawings: (N, inputs, s, s) uint8. What is moved over an edge comes in at the other.
        seed: of the noise.
    """
    views = [drawings.roll((down, right), (2, 3)) for right, down in VIEWS]
    views[1::2] = [view.flip(3) for view in views[1::2]]
    made = list(game.translate(torch.cat(views), seed=seed).cpu().chunk(len(VIEWS)))
    made[1::2] = [each.flip(3) for each in made[1::2]]
    back = [
        each.roll((-down, -right), (2, 3)) for each, (right, down) in zip(made, VIEWS, strict=True)
    ]
    return torch.stack(back).mean(0)


def evened(pictures: Tensor, drawings: Tensor) -> Tensor:
    """Pictures in which all that a line encloses has one colour: (N, 3, s, s) in [-1, 1].

    Its pixels vote: the colour that most of them are near wins, and the region takes the mean of
    those. A mean of all would be a colour that none of them has. What nothing encloses stays, as do
    the lines and their smooth edges.

    Args:
        pictures: (N, 3, s, s), uint8 or float in [-1, 1], what a translator made of the drawings.
        drawings: (N, 1, s, s) uint8, black on white.

    Raises:
        CourseError: shapes that do not match, or values out of range.
    """
    in_colour, _ = in_lab(pictures, drawings)
    made = pictures.cpu() / 127.5 - 1 if pictures.dtype == torch.uint8 else pictures.cpu().clone()
    for picture, colours, regions in zip(made, in_colour, enclosed(drawings), strict=True):
        for number in regions.unique()[1:]:  # 0 is what no line encloses
            region = regions == number
            voters = colours[:, region].T
            close = torch.cdist(voters, voters[:: len(voters) // VOTES + 1]) < NEAR
            elected = close[:, close.sum(0).argmax()]
            picture[:, region] = picture[:, region][:, elected].mean(1, keepdim=True)
    return made


def check(game: Any) -> None:
    """Raise a CourseError unless the game colours drawings: line art in, colour pictures out."""
    if not isinstance(game, Translator):
        raise CourseError(
            "model: it draws from nothing and colours no drawings; "
            "take a translator of line art, such as the default."
        )
    inputs, shape = game.config.inputs, game.config.shape
    if inputs != 1:
        raise CourseError(
            f"model: it translates pictures of {inputs} channels, and line art has one; "
            "take a translator of line art, such as the default."
        )
    if shape[0] != 3:
        raise CourseError(
            f"model: it makes pictures of shape {shape}, and colours need 3 channels; "
            "take a translator to colour, such as the default."
        )


def painted(colours: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """Colours (N, 3, s, s) in [-1, 1], enlarged under sharp lines: (N, 3, S, S) in [-1, 1].

    The network draws the lines too, but blurred. So pixels next to a line take the colour of their
    neighbours on the same side, the lines are filled with the colours beside them, and the sharp
    lines are drawn on top.

    Args:
        small: the line art that the network saw (N, 1, s, s) uint8, black on white.
        large: the same line art at the size of the result (N, 1, S, S) uint8.
    """
    colours, free = (colours + 1) / 2, small.float() / 255  # free: 0 on a line, 1 beside it
    known = (-max_pool2d(-free, 3, 1, 1) > 0.9).float()  # no line touches it
    for _ in range(2):  # the second step fills corners
        share = avg_pool2d(known, 3, 1, 1)
        fresh = (share > 0) & (known == 0) & (free > 0.9)
        near = avg_pool2d(colours * known, 3, 1, 1) / share.clamp_min(1e-4)
        colours = torch.where(fresh, near, colours)  # where nothing is known, it stays
        known = known.maximum(fresh.float())
    for sigma in (0.7, 1.5):  # near colours first; the second pass reaches into wide lines
        weight = free**4
        reached = gaussian_blur(weight, 7, sigma).clamp_min(1e-4)
        colours = torch.where(
            free > 0.9, colours, gaussian_blur(colours * weight, 7, sigma) / reached
        )
    paint = interpolate(colours, size=large.shape[2:], mode="bicubic").clamp(0, 1)
    return 2 * paint * (large.float() / 255) - 1


def to_image(pictures: Tensor) -> Image.Image:
    """The first of (N, 3, H, W) in [-1, 1], as RGB."""
    return Image.fromarray(((pictures[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
