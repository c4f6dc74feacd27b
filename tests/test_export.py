"""A network exported to ONNX answers as PyTorch does: what the in-page models stand on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from gancourse import models
from gancourse.layers import Noise, gaussian_latents, uniform_latents
from gancourse.studio.upscaling import Upscaler


def inputs_of(game, n: int) -> dict[str, torch.Tensor]:
    """What the generator of each chapter takes, by name."""
    dice = torch.Generator().manual_seed(0)
    chapter = game.config.chapter
    if chapter == "cgan":
        return {
            "latent": uniform_latents(n, game.config.latent, dice),
            "label": torch.arange(n) % game.config.classes,
        }
    if chapter == "pix2pix":
        return {
            "input": torch.randint(
                0, 256, (n, game.config.inputs, *game.config.shape[1:]), generator=dice
            )
            / 127.5
            - 1
        }
    if chapter == "srgan":
        return {"low": torch.randint(0, 256, (n, 3, 11, 17), generator=dice) / 127.5 - 1}
    if chapter == "infogan":
        return {"latent": game.latent_of(*game.draw(n, dice))}
    return {"latent": gaussian_latents(n, game.config.latent, dice)}


@pytest.mark.slow
@pytest.mark.parametrize("name", models.published())
def test_the_published_generator_in_onnx_equals_pytorch(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    game = models.load(name)
    for module in game.modules():
        if isinstance(module, Noise):
            module.p = 0.0  # a network that throws dice has no one answer to compare
    inputs = inputs_of(game, 5)
    path = tmp_path / "generator.onnx"
    network, free = game.generator, {0: torch.export.Dim("n")}
    if isinstance(game, Upscaler):  # photos have any size
        network = game.network()
        free |= {2: torch.export.Dim("h"), 3: torch.export.Dim("w")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own parts
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            path,
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=["image"],
            dynamic_shapes=tuple(free for _ in inputs),
        )
    session = onnxruntime.InferenceSession(path)
    for n in (1, 5):
        some = {key: value[:n] for key, value in inputs.items()}
        if 3 in free:
            some = {key: value[..., : 3 + n] for key, value in some.items()}
        (images,) = session.run(None, {key: value.numpy() for key, value in some.items()})
        with torch.inference_mode():
            expected = network(*some.values()).numpy()
        # Sums are taken in another order, and a steep edge multiplies that; one of 256 shades is
        # 8e-3.
        np.testing.assert_allclose(images, expected, atol=1e-4)
