"""Films of a training as animated WebP or GIF, and a still for readers who prefer no motion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from gancourse.files import CourseError, replacing
from gancourse.show.style import INK, PANEL, as_array

WIDE = 480  # pixels; smaller frames are enlarged by an integer factor to about this width
STILL = 4.0  # grey levels; opening frames that differ less from the first on average show the same
FORMATS = {".webp": "WEBP", ".gif": "GIF"}
LARGEST = 600_000  # bytes: what a page can bear, which has other pictures too
QUALITIES = (80, 70, 60, 50, 40, 20, 0)  # of the encoder; the first whose film is no larger


def film(
    frames: Sequence,
    path: str | Path,
    *,
    seconds: float = 6.0,
    captions: Sequence[str] | None = None,
    hold: float = 2.0,
) -> Path:
    """Write `frames` as an endless film and the last one as `<stem>-still.png`; return its path.

    Args:
        frames: uint8 arrays (H, W) or (H, W, 3), or paths of PNG files, all of one size.
        path: ends in .webp (small, sharp) or .gif (shown everywhere).
        seconds: duration of all frames but the last.
        captions: one line below each frame, such as its step.
        hold: duration of the last frame in seconds.

    Raises:
        CourseError: no frames, frames of different sizes, an unreadable file, another suffix, or a
            number of captions other than that of frames. Nothing is written then.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise CourseError(f"{path}: not a film; give a name in {' or '.join(FORMATS)}.")
    if not len(frames):
        raise CourseError("frames=[]: a film needs frames; give at least one picture.")
    if captions is not None and len(captions) != len(frames):
        raise CourseError(
            f"captions: {len(captions)} for {len(frames)} frames; give one per frame."
        )
    for name, duration in (("seconds", seconds), ("hold", hold)):
        if duration <= 0:
            raise CourseError(f"{name}={duration}: not a duration; give more than 0 seconds.")
    pictures = _of_one_size([_picture(frame) for frame in frames])
    times = max(1, round(WIDE / pictures[0].width))
    pictures = [_enlarged(picture, times) for picture in pictures]
    if captions is not None:
        pictures = [_captioned(*pair) for pair in zip(pictures, captions, strict=True)]
    # In milliseconds; browsers slow down anything below 20.
    each = max(20, round(1000 * seconds / max(1, len(pictures) - 1)))
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
        how |= {"format": FORMATS[path.suffix.lower()], "method": 4}
        # Enlarged pixels must stay sharp, unless the file would be too large for a page. Of other
        # frames the encoder chooses the smaller form.
        forms = [{"lossless": times > 1, "allow_mixed": times == 1, "quality": QUALITIES[0]}]
        forms += [{"quality": quality} for quality in QUALITIES if how["format"] == "WEBP"]
        for form in forms:
            pictures[0].save(temporary, **how, **form)
            if temporary.stat().st_size <= LARGEST:
                break
    return path


def film_of_run(folder: str | Path, path: str | Path, *, seconds: float = 6.0) -> Path:
    """Make a film of a run's samples/step-*.png, in order, each captioned with its step.

    A generator's first samples can be the same flat grey for hundreds of steps. Of the opening
    frames that look like the first one, only the first is shown.

    Raises:
        CourseError: the folder has no such picture, or one cannot be read.
    """
    steps = {}
    for file in Path(folder).glob("samples/step-*.png"):
        if match := re.fullmatch(r"step-(\d+)", file.stem):
            steps[int(match[1])] = file
    if not steps:
        raise CourseError(
            f"{folder}: no pictures samples/step-*.png; give the folder of a run, as in "
            "train(..., folder=...)."
        )
    order = sorted(steps)
    pictures = _of_one_size([_picture(steps[step]) for step in order])
    first = np.asarray(pictures[0], float)
    moved = [np.abs(np.asarray(picture) - first).mean() > STILL for picture in pictures]
    opening = moved.index(True) if any(moved) else 1
    shown = [0, *range(opening, len(order))]
    captions = [f"step {order[place]:,}" for place in shown]
    return film([pictures[place] for place in shown], path, seconds=seconds, captions=captions)


def _picture(frame) -> Image.Image:
    if isinstance(frame, (str, Path)):
        try:
            with Image.open(frame) as image:
                return image.convert("RGB")
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            raise CourseError(
                f"{frame}: not a readable picture ({error}); delete it, or train again."
            ) from error
    array = as_array(frame)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise CourseError(
            f"frame.shape={array.shape}, {array.dtype}: not uint8 (H, W) or (H, W, 3); "
            "make frames with gancourse.show.tile."
        )
    return Image.fromarray(array).convert("RGB")


def _of_one_size(pictures: list[Image.Image]) -> list[Image.Image]:
    sizes = {picture.size for picture in pictures}
    if len(sizes) > 1:
        given = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise CourseError(f"frames: different sizes ({given} pixels); give frames of one size.")
    return pictures


def _enlarged(picture: Image.Image, times: int) -> Image.Image:
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _captioned(picture: Image.Image, caption: str) -> Image.Image:
    size = max(16, picture.width // 27)  # 13 on a phone, where a film is 360 pixels wide
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
    whole = Image.new("RGB", (picture.width, picture.height + 2 * size), PANEL)
    whole.paste(picture)
    place = (size // 2, picture.height + size)
    ImageDraw.Draw(whole).text(place, str(caption), fill=INK, font=font, anchor="lm")
    return whole
