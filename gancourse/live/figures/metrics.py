"""The live figure of the page on metrics: digits spoilt in two ways, and what each metric says."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gancourse.data import digits
from gancourse.live.figures import Figure
from gancourse.metrics import floors
from gancourse.metrics.coverage import manifold
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.frechet import frechet
from gancourse.metrics.parzen import parzen
from gancourse.show.style import BLUE, INK, MUTED, VERMILION, Plate, house

SAMPLES = 1000  # of the 2,000 bundled test digits, against the 8,000 for training
SIGMA_ON, PARZEN_TEST = 250, 1000  # training digits: for choosing sigma, and for the estimate
DRAWS = 5  # of 1,000 real digits; what differs less than they do among themselves is no difference
GONE = (8, 2, 5, 3, 9, 4, 6, 0, 7)  # in this order: 8 first, as on the page, and 1 is left alone
BLUR = (0, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3)  # standard deviation of the Gaussian, pixels
NOISE = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)  # standard deviation, of pixels in [0, 1]
START = ("blur", 3, 0)  # kind, level and number of missing digits that are shown first
ROWS = 3  # of pictures on show, with a column for each digit

# Name -> (decimals, the values at the bottom and at the top of its chart). Up is better, so that
# the Frechet distance is drawn downwards; as a squared distance it has an axis of square roots.
MEASURES = {
    "Parzen": (0, (-300, 225)),
    "FID": (1, (600, 0)),
    "precision": (2, (0, 1)),
    "recall": (2, (0, 1)),
    "coverage": (2, (0, 1)),
    "label accuracy": (2, (0, 1)),
}


class Scorer:
    """What samples are compared with: the bundled training digits, or some of them at random."""

    def __init__(self):
        images = digits.load("train", source="bundled")["image"]
        self.reference = judge().features(images)  # (8000, 128)
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        self.neighbours = self.reference[order[:SAMPLES]]
        parts = (SIGMA_ON, PARZEN_TEST, len(images) - SIGMA_ON - PARZEN_TEST)
        self.sigma_on, self.parzen_test, _ = images[order].split(parts)

    def scores(self, images: Tensor, labels: Tensor, choices: list[Tensor]) -> list[list[float]]:
        """The measures of each choice (N,) among pictures (M, 1, 28, 28) with labels (M,)."""
        features = judge().features(images)
        right = judge().head(features).argmax(1) == labels
        table = []
        for chosen in choices:
            found = {
                "Parzen": parzen(images[chosen], self.parzen_test, self.sigma_on)["nats"],
                "FID": frechet(self.reference, features[chosen]),
                "label accuracy": right[chosen].double().mean().item(),
                **manifold(self.neighbours, features[chosen]),
            }
            table.append([round(found[name], 4) for name in MEASURES])
        return table


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Real pictures (N, 1, 28, 28) uint8 and their labels (N,)."""
    some = digits.load("test", source="bundled").take(SAMPLES, seed)
    return some["image"], some["label"]


def narrowed(labels: Tensor, seed: int = 0) -> list[Tensor]:
    """Which pictures are shown when 0 to 9 digits are missing: (N,) each, for labels (N,).

    A picture keeps its place until its own digit goes; then a random one that is left takes it.
    """
    generator = torch.Generator().manual_seed(seed)
    choices = [torch.arange(len(labels))]
    for count in range(1, len(GONE) + 1):
        left = (~torch.isin(labels, torch.tensor(GONE[:count]))).nonzero()[:, 0]
        chosen = choices[-1].clone()
        missing = labels[chosen] == GONE[count - 1]
        chosen[missing] = left[torch.randint(len(left), (missing.sum(),), generator=generator)]
        choices.append(chosen)
    return choices


def spoilt(images: Tensor) -> dict[str, list[Tensor]]:
    """Kind -> the pictures at each of its levels; the first is the pictures as they are."""
    blurred = [gaussian_blur(images, 13, sigma) for sigma in BLUR[1:]]
    return {
        "blur": [images, *blurred],
        "noise": [images, *(floors.noisy(images, sigma) for sigma in NOISE[1:])],
    }


@cache
def measures() -> dict:
    """All that the script shows: values [kind][level][digits missing][measure], and pictures."""
    scorer, (images, labels) = Scorer(), drawn(0)
    choices = narrowed(labels)
    whole = scorer.scores(images, labels, choices)
    real = [whole[0]]
    for seed in range(1, DRAWS):
        real += scorer.scores(*drawn(seed), choices[:1])
    (uniform,) = scorer.scores(floors.uniform(images), labels, choices[:1])
    kinds = spoilt(images)
    values = {
        kind: [whole, *(scorer.scores(each, labels, choices) for each in levels[1:])]
        for kind, levels in kinds.items()
    }
    # The first few of each digit, in a column, and whoever takes their places.
    places = torch.stack([(labels == digit).nonzero()[:ROWS, 0] for digit in range(10)], 1)
    tiles, shown = torch.stack(choices)[:, places.flatten()].unique(return_inverse=True)
    return {
        "samples": SAMPLES,
        "gone": list(GONE),
        "start": list(START),
        "levels": {"blur": list(BLUR), "noise": list(NOISE)},
        "measures": [
            {
                "name": name,
                "decimals": decimals,
                "axis": list(axis),
                "real": [min(each), max(each)],
                "uniform": floor,
            }
            for (name, (decimals, axis)), each, floor in zip(
                MEASURES.items(), zip(*real, strict=True), uniform, strict=True
            )
        ],
        "values": values,
        "shown": shown.tolist(),  # [digits missing][place] -> tile
        "tiles": {kind: [url(each[tiles]) for each in levels] for kind, levels in kinds.items()},
    }


def url(images: Tensor) -> str:
    """Pictures (N, 1, H, W) uint8 side by side as a PNG of 16 grey levels, in a data URL."""
    row = images[:, 0].permute(1, 0, 2).flatten(1).float()  # (H, N * W)
    picture = Image.fromarray((row / 17).round().to(torch.uint8).numpy())
    picture.putpalette([level * 17 for level in range(16) for _ in "rgb"])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", bits=4, optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def still() -> Image.Image:
    """The figure where it starts."""
    data = measures()
    kind, level, missing = START
    values = np.array(data["values"][kind])  # (level, missing, measure)
    plate = Plate(width=7, height=5.9, layout=None)
    with house():
        sheet = plate.add_axes((0.02, 0.745, 0.62, 0.245))
        sheet.imshow(pictures(data, kind, level, missing))
        sheet.set_axis_off()
        across = f"{kind}, 0 to {BLUR[-1]} px", f"digits missing, 0 to {len(GONE)}"
        for i, measure in enumerate(data["measures"]):
            bottom = 0.61 - 0.118 * i
            now = f"{values[level, missing, i]:.{measure['decimals']}f}"
            plate.text(0.02, bottom + 0.035, measure["name"], fontsize=13)
            plate.text(0.35, bottom + 0.035, now, fontsize=13, color=VERMILION, ha="right")
            for left, curve, at in (
                (0.4, values[:, missing, i], level),
                (0.71, values[level, :, i], missing),
            ):
                axes = plate.add_axes((left, bottom, 0.27, 0.1))
                axes.set(ylim=measure["axis"], xticks=[], yticks=[])
                if measure["name"] == "FID":
                    axes.set_yscale("function", functions=(np.sqrt, np.square))
                    axes.set(ylim=measure["axis"], yticks=[])
                axes.axhspan(*measure["real"], color=BLUE, linewidth=1)
                axes.plot(curve, color=VERMILION)
                axes.plot(at, curve[at], "o", color=VERMILION, markersize=9, clip_on=False)
        for left, text in zip((0.4, 0.71), across, strict=True):
            plate.text(left, 0.72, text, fontsize=11.5, color=MUTED)
        plate.text(
            0.67, 0.87, "vermilion: these digits\nblue: real digits", fontsize=11.5, color=INK
        )
    return plate.picture()


def pictures(data: dict, kind: str, level: int, missing: int) -> np.ndarray:
    """The sheet of the pictures on show: (ROWS * 30, 300) uint8, with white between them."""
    file = base64.b64decode(data["tiles"][kind][level].partition(",")[2])
    tiles = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).reshape(28, -1, 28, 3)
    framed = np.pad(tiles, ((0, 2), (0, 0), (0, 2), (0, 0)), constant_values=255)
    shown = framed[:, data["shown"][missing]].reshape(30, ROWS, 10, 30, 3)
    return shown.transpose(1, 0, 2, 3, 4).reshape(ROWS * 30, 300, 3)[:-2, :-2]


FIGURES = {
    "measures": Figure(
        still=still,
        alt="Three rows of the digits 0 to 9, blurred but easy to read, above a pair of small "
        "charts for each of six metrics: on the left with more blur, on the right with more digits "
        "missing from the blurred ones. With more blur the Parzen score rises above that of real "
        "digits, precision hardly moves, FID gets worse, recall and coverage fall to 0, and label "
        "accuracy falls last. Where digits are missing too, Parzen and FID get worse, and the "
        "others move little.",
        data=measures,
        made_from=("digit-cnn",),
        sources=("metrics", "data"),
    )
}
