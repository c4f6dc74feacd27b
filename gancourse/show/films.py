"""Films of a training: an animated WebP or GIF that needs no player, and a still for readers who want no motion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from gancourse.files import CourseError, replacing
from gancourse.show.style import INK, PANEL, as_array

WIDE = 480  # pixels; smaller frames are enlarged by a whole number to about this
FORMATS = {".webp": "WEBP", ".gif": "GIF"}


def film(
    frames: Sequence,
    path: str | Path,
    *,
    seconds: float = 6.0,
    captions: Sequence[str] | None = None,
    hold: float = 2.0,
) -> Path:
    """Write `frames` as a film that repeats for ever and its last frame as `<stem>-still.png`; return the film's path.

    Args:
        frames: uint8 arrays (H, W), (H, W, 3) or PNG files, all of one size.
        path: ends in .webp (small, sharp) or .gif (for places that show nothing else).
        seconds: that the frames before the last take together.
        captions: a line under each frame, such as its step.
        hold: seconds that the last frame stays.

    Raises:
        CourseError: no frames, frames of different sizes, an unreadable file, another suffix. Nothing is written then.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise CourseError(
            f"A film named {path.name} was asked for; expected a name that ends in {' or '.join(FORMATS)}."
        )
    if not len(frames):
        raise CourseError("A film of no frames was asked for; expected at least one picture.")
    if captions is not None and len(captions) != len(frames):
        raise CourseError(
            f"{len(captions)} captions were given for {len(frames)} frames; expected one each."
        )
    if seconds <= 0 or hold <= 0:
        raise CourseError(f"seconds={seconds} and hold={hold} were given; expected both above 0.")
    pictures = _of_one_size([_picture(frame) for frame in frames])
    times = max(1, round(WIDE / pictures[0].width))
    pictures = [_enlarged(picture, times) for picture in pictures]
    if captions is not None:
        pictures = [_captioned(*pair) for pair in zip(pictures, captions, strict=True)]
    each = max(
        20, round(1000 * seconds / max(1, len(pictures) - 1))
    )  # milliseconds; browsers slow anything under 20
    durations = [each] * (len(pictures) - 1) + [round(1000 * hold)]
    with replacing(path.with_name(f"{path.stem}-still.png")) as temporary:
        pictures[-1].save(temporary, optimize=True)
    with replacing(path) as temporary:
        how = {
            "save_all": True,
            "append_images": pictures[1:],
            "duration": durations,
            "loop": 0,
            "minimize_size": True,
        }
        # Enlarged pixels stay sharp without loss; of large frames the encoder takes the smaller form of each.
        kind = (
            {"lossless": True, "method": 4}
            if times > 1
            else {"allow_mixed": True, "quality": 80, "method": 4}
        )
        pictures[0].save(temporary, format=FORMATS[path.suffix.lower()], **how, **kind)
    return path


def film_of_run(folder: str | Path, path: str | Path, *, seconds: float = 6.0) -> Path:
    """Make a film of a run's folder from its samples/step-*.png, in the order of their steps, each with its step below.

    Raises:
        CourseError: the folder holds no such picture, or one that cannot be read.
    """
    steps = {}
    for file in Path(folder).glob("samples/step-*.png"):
        if match := re.fullmatch(r"step-(\d+)", file.stem):
            steps[int(match[1])] = file
    if not steps:
        raise CourseError(
            f"No pictures named samples/step-*.png were found in {folder}. "
            "Give the folder of a run: what train(..., folder=...) wrote to."
        )
    order = sorted(steps)
    return film(
        [steps[step] for step in order],
        path,
        seconds=seconds,
        captions=[f"step {step:,}" for step in order],
    )


def _picture(frame) -> Image.Image:
    if isinstance(frame, (str, Path)):
        try:
            with Image.open(frame) as image:
                return image.convert("RGB")
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            raise CourseError(
                f"{frame} cannot be read as a picture ({error}). Delete it, or train again to write it anew."
            ) from error
    array = as_array(frame)
    if (
        array.dtype != np.uint8
        or array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] != 3)
    ):
        raise CourseError(
            f"A frame of type {array.dtype} and shape {array.shape} was given; expected uint8 (H, W) or (H, W, 3), "
            "as gancourse.show.tile makes it."
        )
    return Image.fromarray(array).convert("RGB")


def _of_one_size(pictures: list[Image.Image]) -> list[Image.Image]:
    sizes = {picture.size for picture in pictures}
    if len(sizes) > 1:
        given = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise CourseError(
            f"Frames of different sizes were given ({given} pixels); expected one size."
        )
    return pictures


def _enlarged(picture: Image.Image, times: int) -> Image.Image:
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _captioned(picture: Image.Image, caption: str) -> Image.Image:
    size = max(16, picture.width // 27)  # on a phone the film is 360 pixels wide: type of 13 there
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
    whole = Image.new("RGB", (picture.width, picture.height + 2 * size), PANEL)
    whole.paste(picture)
    ImageDraw.Draw(whole).text(
        (size // 2, picture.height + size), str(caption), fill=INK, font=font, anchor="lm"
    )
    return whole
