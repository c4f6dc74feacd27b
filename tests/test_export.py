"""A network exported to ONNX answers as PyTorch does, for any number of pictures of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancourse import models
from gancourse.layers import silenced
from gancourse.studio.exporting import to_onnx


def examples(game, n: int, side: int = 13) -> dict[str, torch.Tensor]:
    """`n` random inputs of a game's network, free sizes as `side` says."""
    _, inputs, free = game.drawing()
    dice = torch.Generator().manual_seed(0)
    made = {}
    for name, like in inputs.items():
        shape = [side + d if d in free.get(name, ()) else s for d, s in enumerate(like.shape)]
        shape[0] = n
        if like.dtype == torch.int64:
            made[name] = torch.randint(1, 50, shape, generator=dice)
        else:
            made[name] = 2 * torch.rand(shape, generator=dice) - 1
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", models.published())
def test_the_published_network_in_onnx_equals_pytorch(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    game = models.load(name)
    path = tmp_path / "network.onnx"
    to_onnx(game, path)
    session = onnxruntime.InferenceSession(path)
    for n, side in ((1, 13), (5, 6)):
        inputs = examples(game, n, side)
        (made,) = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        network = game.drawing().network
        with torch.inference_mode(), silenced(network):
            expected = network(*inputs.values())
        expected = expected[0] if isinstance(expected, tuple) else expected
        # Sums are taken in another order, and a steep edge multiplies that; one of 256 shades is
        # 8e-3.
        np.testing.assert_allclose(made, expected.numpy(), atol=1e-4)
