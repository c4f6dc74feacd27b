from __future__ import annotations

import pytest
import torch

from gancourse.press import bench
from gancourse.training import hardware

TINY = {"width": 2, "latent": 6, "batch_size": 8}
ROWS = [
    (chapter, form)
    for chapter, (_, rows) in bench.ROWS.items()
    for form in dict.fromkeys(form for form, _ in rows)
]


def tiny(chapter: str, form: str, **changes):
    small = {**TINY, "width": 12} if form == "paper" else TINY
    if chapter == "pix2pix":
        small = {"width": 2, "batch_size": 8, "shape": (3, 32, 32)}
    torch.manual_seed(0)
    return bench.ROWS[chapter][0].Config.at("check", form, **{**small, **changes}).build()


@pytest.mark.parametrize("kind", ["ours", "plain", "shared"])
@pytest.mark.parametrize(("chapter", "form"), ROWS)
def test_every_form_of_every_row_moves_both_players(chapter, form, kind):
    game = tiny(chapter, form)
    data = bench.noise(game.config, 24)
    handle = hardware.accelerator("cpu")
    before = {name: value.clone() for name, value in game.named_parameters()}
    if kind == "ours":
        step = bench.ours(game, data, handle)
    else:
        step = bench.plain(game, data, handle.device, shared=kind == "shared")
    step()
    moved = {
        name.partition(".")[0]
        for name, value in game.named_parameters()
        if not torch.equal(value, before[name])
    }
    assert moved == {"generator", "discriminator"}


@pytest.mark.parametrize("shared", [False, True])
def test_the_plain_form_runs_the_generator_twice_unless_it_shares_the_batch(shared):
    game, calls = tiny("gan", "dcgan"), []
    game.generator.register_forward_hook(
        lambda module, inputs, output: calls.append(output.requires_grad)
    )
    bench.plain(game, bench.noise(game.config, 24), torch.device("cpu"), shared=shared)()
    assert calls == ([True] if shared else [True, True])


def test_layers_written_out_are_the_same_function():
    game = tiny("gan", "dcgan", full=0)
    kinds = {type(module).__name__ for module in game.modules()}
    with torch.no_grad():
        z = torch.randn(4, 6)
        image = game.generator(z)
        found = image, game.discriminator(image)
        bench.written_out(game)
        assert {"Project", "ReadOut"} <= kinds and not {"Project", "ReadOut"} & {
            type(m).__name__ for m in game.modules()
        }
        for a, b in zip(found, (game.generator(z), game.discriminator(image)), strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_the_plain_form_has_pytorchs_instance_norm(monkeypatch):
    game = tiny("pix2pix", "unet").train()
    assert game.config.norm == "instance"
    x, calls = torch.rand(2, game.config.inputs, *game.config.shape[1:]) * 2 - 1, []
    norm = bench.instance_norm
    monkeypatch.setattr(
        bench, "instance_norm", lambda x, **how: calls.append(x.shape) or norm(x, **how)
    )
    norms = sum(isinstance(module, torch.nn.GroupNorm) for module in game.generator.modules())
    found = []
    for written_out in (False, True):
        torch.manual_seed(0)  # of the dropout
        found.append((bench.written_out(game) if written_out else game).generator(x))
    assert torch.allclose(*found, atol=1e-5) and len(calls) == norms > 0


def test_the_plain_form_joins_the_label_as_constant_maps():
    """Public code gives each convolution the pictures' channels and ten more; ours gives it the pictures' alone."""
    game = tiny("cgan", "conv")
    z, label = torch.rand(4, 6), torch.arange(4)
    with torch.no_grad():
        image = game.generator(z, label)
        found = image, game.discriminator(image, label)
        bench.written_out(game)
        seen = []
        convolve = torch.nn.functional.conv2d
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                torch.nn.functional,
                "conv2d",
                lambda x, *rest: seen.append(x.shape[1]) or convolve(x, *rest),
            )
            for a, b in zip(
                found, (game.generator(z, label), game.discriminator(image, label)), strict=True
            ):
                assert torch.allclose(a, b, atol=1e-6)
    assert seen == [1 + 10, game.config.width + 10]


def test_a_ratio_is_of_seconds(monkeypatch):
    """Ours takes one second, the plain form three, the one that shares two."""
    for name, form in (("ours", "ours"), ("plain", "plain")):
        monkeypatch.setattr(
            bench, name, lambda *given, form=form, shared=False: "shared" if shared else form
        )
    times = {"ours": 1.0, "plain": 3.0, "shared": 2.0}
    monkeypatch.setattr(bench, "seconds", lambda form, steps, device: times[form])
    found = bench.ratios(bench.gan.Config.at("check", "mlp"), rounds=3, device="cpu")
    assert found == {
        "plain": {"median": 3, "least": 3, "most": 3},
        "shared": {"median": 2, "least": 2, "most": 2},
    }
