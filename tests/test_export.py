"""A network exported to ONNX answers as PyTorch does: what the in-page models stand on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from gancourse import published


@pytest.mark.slow
@pytest.mark.parametrize("name", published.published())
def test_the_published_generator_in_onnx_equals_pytorch(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    game = published.load(name)
    latent = torch.randn(5, game.config.latent, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "generator.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own parts
        torch.onnx.export(
            game.generator, (latent,), path, dynamo=True, verbose=False, input_names=["latent"], output_names=["image"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )  # fmt: skip
    session = onnxruntime.InferenceSession(path)
    for n in (1, 5):
        (images,) = session.run(None, {"latent": latent[:n].numpy()})
        np.testing.assert_allclose(images, game.sample(latent=latent[:n]).numpy(), atol=1e-5)
