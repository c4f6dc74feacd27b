"""Clothes: the 70,000 pictures of Fashion-MNIST, or the 7,000 of them that ship with the course.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017 (arXiv 1708.07747).
"""

from __future__ import annotations

from pathlib import Path

from gancourse.data import idx
from gancourse.data.idx import SOURCES, SPLITS
from gancourse.data.sources import About, Pictures

__all__ = ["ABOUT", "FASHION", "NAMES", "SOURCES", "SPLITS", "load"]

NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# SHA-256 of the official files, as torchvision unpacks them and as they are published.
OFFICIAL = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
ABOUT = {
    "fashion": About(
        title="Fashion-MNIST",
        credit="Zalando SE",
        licence="MIT",
        weights_licence="MIT, as the data",
        limits="Grey pictures of 28 x 28 px of ten kinds of clothes and nothing else.",
        holds="image (1, 28, 28) with label",
        sizes={"bundled": (6_000, 1_000), "full": (60_000, 10_000)},
        splits={
            "train": "the whole training part",
            "train-50000": "the first 50,000 training pictures",
            "validation": "the last 10,000 training pictures",
        },
        full=tuple(f"FashionMNIST/raw/{name}" for name in idx.NAMES),
    )
}
FASHION = idx.Published(
    "Fashion-MNIST", "FashionMNIST", "clothes", "7,000", ABOUT["fashion"].terms, OFFICIAL
)


def load(
    split: str = "train",
    *,
    source: str = "auto",
    root: str | Path | None = None,
    strict: bool = False,
) -> Pictures:
    """Clothes: "image" (N, 1, 28, 28) uint8 (0 paper), "label" (N,) int64 with the words `NAMES`.

    | split         | full                      | bundled                                |
    |---------------|---------------------------|----------------------------------------|
    | "train"       | 60,000                    | 6,000, the first 600 of each class     |
    | "test"        | 10,000                    | 1,000, the first 100 of each class     |
    | "train-50000" | first 50,000              | first 5,000 (five sixths) of its train |
    | "validation"  | the last 10,000 of train  | the last 1,000 (a sixth) of its train  |

    Unlike the bundled digits, the bundled test clothes come from the official test part; and in any
    ten bundled clothes in a row, counted from the first, each class comes once.

    Args:
        source, strict: as `gancourse.data.digits.load` takes them.
        root: folder that holds FashionMNIST/raw, plain or .gz files (default: see `sources.root`).

    Raises:
        CourseError: an unknown split or source; with `strict`, a full set that cannot be had.
        DamagedFile: a file in the root, or a bundled one, is truncated, swapped or changed.
    """
    return idx.load(FASHION, split, source=source, root=root, strict=strict)
