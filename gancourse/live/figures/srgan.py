"""Chapter 5's live figure: photos enlarged in three ways, under a magnifier."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from gancourse import models
from gancourse.bicubic import enlarge
from gancourse.data import load
from gancourse.live.figures import Figure
from gancourse.metrics.inputs import as_uint8
from gancourse.metrics.restoration import degrade
from gancourse.show.style import Plate, house

NETWORKS = {"srresnet": "SRResNet", "srgan": "SRGAN"}
HEIGHT, WIDTH = 288, 432  # px of a crop
LENS = 48  # px under the magnifier, as in enlarging.js
QUALITY = 90  # of the originals' JPEG in the page

# Bundled photo, of which no network has seen any -> (its name on the page, the crop's left and top
# in px, where the magnifier stands first: 0 to 1 of the way from the left and from the top).
PHOTOS = {
    "stream": ("A stream", (60, 40), (0.7, 0.22)),
    "temple": ("A pagoda", (40, 30), (0.22, 0.33)),
    "cat": ("A cat", (6, 6), (0.36, 0.34)),
}


@cache
def crops() -> dict[str, tuple[Tensor, Tensor]]:
    """Photo -> the crop shrunk to a quarter (1, 3, h, w), and the crop (1, 3, H, W), uint8."""
    photos = load("photos", "test", source="bundled")
    found = {}
    for name, (_, (left, top), _) in PHOTOS.items():
        photo = photos.photo(photos.names.index(name))
        found[name] = degrade(photo[None, :, top : top + HEIGHT, left : left + WIDTH], 4)
    return found


def array(picture: Tensor) -> np.ndarray:
    """(1, 3, H, W) -> (H, W, 3) uint8."""
    return as_uint8(picture)[0].permute(1, 2, 0).contiguous().numpy()


def data() -> dict:
    """The photos, and how far the networks look."""
    photos = []
    for name, (low, original) in crops().items():
        title, _, at = PHOTOS[name]
        buffer = io.BytesIO()
        Image.fromarray(array(original)).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        jpeg = base64.b64encode(buffer.getvalue()).decode()
        photos.append(
            {
                "name": title,
                "at": list(at),
                "height": low.shape[2],
                "width": low.shape[3],
                "low": base64.b64encode(array(low).tobytes()).decode(),
                "original": f"data:image/jpeg;base64,{jpeg}",
            }
        )
    return {"photos": photos, "reach": max(models.load(name).reach for name in NETWORKS)}


def still() -> Image.Image:
    """The first photo as it stands when all is done."""
    low, original = next(iter(crops().values()))
    _, _, (x, y) = next(iter(PHOTOS.values()))
    made = {"bicubic": array(enlarge(low / 127.5 - 1, 4).clamp(-1, 1))}
    made |= {title: array(models.load(name).upscale(low)) for name, title in NETWORKS.items()}
    made["original"] = array(original)
    left, top = round(x * (WIDTH - LENS)), round(y * (HEIGHT - LENS))
    plate = Plate(width=7, height=3.1, layout=None)
    with house():
        whole = plate.add_axes((0.01, 0.03, 0.53, 0.94))
        whole.imshow(made["SRGAN"], interpolation="bilinear")
        for colour, width in (("black", 4), ("white", 2)):
            frame = {"fill": False, "edgecolor": colour, "linewidth": width}
            whole.add_patch(Rectangle((left, top), LENS, LENS, **frame))
        whole.set_axis_off()
        for i, (title, picture) in enumerate(made.items()):
            lens = plate.add_axes((0.57 + 0.215 * (i % 2), 0.5 - 0.48 * (i // 2), 0.2, 0.4))
            lens.imshow(picture[top : top + LENS, left : left + LENS], interpolation="nearest")
            lens.set_title(title, fontsize=11.5, pad=4)
            lens.set_axis_off()
    return plate.picture()


FIGURES = {
    "enlarging": Figure(
        still=still,
        alt="A photo of a stream among rocks with a small square on it, and what lies in the "
        "square in four versions: bicubic is blurred, SRResNet has clear edges and even surfaces, "
        "SRGAN has grain and fine detail, and the original has other detail.",
        models=tuple(NETWORKS),
        data=data,
    )
}
