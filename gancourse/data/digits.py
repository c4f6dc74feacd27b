"""Handwritten digits: the 70,000 of MNIST, the bundled 10,000, and three at a time (stacked).

MNIST: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
1998.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from gancourse.data import idx
from gancourse.data.idx import NAMES, SOURCES, SPLITS
from gancourse.data.sources import About, Pictures, generator
from gancourse.files import CourseError

__all__ = ["ABOUT", "MNIST", "NAMES", "SOURCES", "SPLITS", "load", "stacked"]

# SHA-256 of the official files, as torchvision unpacks them and as they are published.
OFFICIAL = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
ABOUT = {
    "digits": About(
        title="MNIST",
        credit="Yann LeCun and Corinna Cortes",
        licence="CC BY-SA 3.0",
        weights_licence="CC BY-SA 3.0, as the data",
        limits="Black-and-white digits of 28 x 28 px and nothing else. The only hands it knows are "
        "those of the training digits' writers, census workers and pupils in the United States.",
        holds="image (1, 28, 28) with label",
        sizes={"bundled": (8_000, 2_000), "full": (60_000, 10_000)},
        splits={
            "train": "the whole training part",
            "train-50000": "the first 50,000 training digits",
            "validation": "the last 10,000 training digits",
        },
        full=tuple(f"MNIST/raw/{name}" for name in NAMES),
    )
}
ABOUT["stacked"] = replace(
    ABOUT["digits"],
    title="Stacked MNIST",
    limits="Three black-and-white digits at a time, one in each colour of a picture of 28 x 28 px, "
    "and nothing else.",
    holds="image (3, 28, 28) with label",
    sizes=dict.fromkeys(("bundled", "full"), (25_600, 25_600)),
)
MNIST = idx.Published("MNIST", "MNIST", "digits", "10,000", ABOUT["digits"].terms, OFFICIAL)


def load(
    split: str = "train",
    *,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Digits: "image" (N, 1, 28, 28) uint8 (0 paper, 255 ink) and "label" (N,) int64, 0..9.

    | split         | full                     | bundled                                |
    |---------------|--------------------------|----------------------------------------|
    | "train"       | 60,000                   | 8,000                                  |
    | "test"        | 10,000                   | 2,000                                  |
    | "train-50000" | first 50,000             | first 6,666 (five sixths) of its train |
    | "validation"  | the last 10,000 of train | the last 1,334 (a sixth) of its train  |

    Goodfellow et al. 2014 train on the first 50,000 as well, and validate on the last 10,000.

    The bundled digits, test ones too, are MNIST's first 10,000 *training* pictures: never evaluate
    a network that was trained on the full set with them.

    Args:
        source: "full" takes the official files from the root and downloads them through torchvision
            when they are not there; "bundled" takes the digits that ship with the course; "auto"
            takes the full set when it already lies in the root, never downloads, and takes the
            bundled digits otherwise.
        root: folder that holds MNIST/raw, plain or .gz files (default: see `sources.root`).
        strict: raise where this function would warn and go on with the bundled digits. Published
            runs use it.

    Raises:
        CourseError: an unknown split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file in the root, or a bundled one, is truncated, swapped or changed.
    """
    return idx.load(MNIST, split, source=source, root=root, strict=strict)


def stacked(
    n: int = 25_600,
    seed: int | torch.Generator = 0,
    split: str = "train",
    *,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Stacked MNIST: three digits a, b, c drawn at random become red, green and blue of a picture.

    Its 1,000 modes can be counted, which is what it is for (Metz et al. 2017, "Unrolled GANs",
    arXiv 1611.02163; Srivastava et al. 2017, "VEEGAN", arXiv 1705.07761; Lin et al. 2018, "PacGAN",
    arXiv 1712.04086).

    Args:
        n: how many pictures to make.
        split, source, root, strict: which digits to draw from, as in `load`.

    Returns:
        "image" (n, 3, 28, 28) uint8 and "label" (n,) int64 = 100 a + 10 b + c, 0..999.

    Raises:
        CourseError: `n` is not positive, and all that `load` raises.
    """
    if n < 1:
        raise CourseError(f"n={n!r}: too few pictures of Stacked MNIST; give 1 or more.")
    digits = load(split, source=source, root=root, strict=strict)
    chosen = torch.randint(len(digits), (n, 3), generator=generator(seed))
    image = digits["image"][chosen].squeeze(2)  # (n, 3, 1, 28, 28) -> (n, 3, 28, 28)
    label = digits["label"][chosen] @ torch.tensor([100, 10, 1])
    return Pictures(
        {"image": image, "label": label}, f"Stacked MNIST {split}", digits.source, digits.licence
    )
