"""gancourse: six generative adversarial networks, from the papers to running code.

`gancourse.load("gan").sample(64, seed=0)` gives 64 pictures, (N, C, H, W) floats in [-1, 1], from
published weights.
"""

from __future__ import annotations

from importlib import import_module, metadata

# Imported when first used, so that `import gancourse` and `gancourse --help` do not wait for torch.
_HOMES = {
    "load": "gancourse.models",
    "published": "gancourse.models",
    "train": "gancourse.training",
}


def __getattr__(name: str):
    if name == "__version__":
        return metadata.version("gancourse")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gancourse' has no attribute {name!r}")


def __dir__():
    return [*globals(), *_HOMES, "__version__"]
