from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gancourse.bicubic import shrink
from gancourse.chapters import CHAPTERS, chapter
from gancourse.game import to_float
from gancourse.press import bench, chapters_in, of_chapter
from gancourse.training import hardware

CPU = torch.device("cpu")
TINY = {"width": 2, "latent": 6, "batch_size": 8}
SIZES = {
    "pix2pix": {"width": 2, "batch_size": 8, "shape": (3, 32, 32)},
    "stackgan": {"width": 4, "width_d": 4, "latent": 6, "batch_size": 8},
    "srgan": {"width": 2, "batch_size": 8, "shape": (3, 48, 48), "blocks": 1},
}
FILES = {name: of_chapter(bench.__name__, name) for name in chapters_in(bench.__name__)}
ROWS = [
    pytest.param(name, form, *rest or ({},), id=f"{name}-{form}{'-changed' if rest else ''}")
    for name in FILES
    for form, *rest in {
        (row[0], *map(str, row[2:])): (row[0], *row[2:]) for row in FILES[name].ROWS
    }.values()
]


def tiny(name: str, form: str, changes=None, **others):
    small = {**SIZES.get(name, TINY), **({"width": 12} if form == "paper" else {})}
    settings = {**(changes or {}), **small, **others}
    return bench.fresh(chapter(name).config.at("check", form, **settings))


def data_of(game):
    return FILES[game.config.chapter].Plain.data(game.config, 24)


def test_every_chapter_is_measured():
    assert list(FILES) == list(CHAPTERS)


@pytest.mark.parametrize("kind", ["ours", "plain", "other"])
@pytest.mark.parametrize(("name", "form", "changes"), ROWS)
def test_every_form_of_every_row_moves_all_players(name, form, changes, kind):
    game = tiny(name, form, changes)
    before = {name: value.clone() for name, value in game.named_parameters()}
    if kind == "plain":
        step = FILES[name].Plain(game, data_of(game), CPU)
    else:
        step = bench.ours(game, data_of(game), hardware.accelerator("cpu"), other=kind == "other")
    step()
    parameters = game.named_parameters()
    moved = {name for name, value in parameters if not torch.equal(value, before[name])}
    players = {phase.name for phase in game.phases()} & {"generator", "discriminator"}
    assert {name.partition(".")[0] for name in moved} == players


@pytest.mark.parametrize(("name", "form"), [("gan", "dcgan"), ("pix2pix", "unet")])
def test_the_other_memory_order_is_the_one_that_the_rule_does_not_choose(name, form):
    orders = []
    for other in (False, True):
        game = tiny(name, form)
        bench.ours(game, data_of(game), hardware.accelerator("cpu"), other=other)
        last = [module for module in game.modules() if isinstance(module, torch.nn.Conv2d)][1]
        orders.append(last.weight.is_contiguous(memory_format=torch.channels_last))
    assert orders == ([True, False] if name == "gan" else [False, True])


@pytest.mark.parametrize(("name", "form", "changes"), ROWS)
def test_the_plain_form_plays_our_game(name, form, changes):
    """As many generated batches per step as our loop; one more for InfoGAN's third optimizer."""
    calls = {}
    for kind in ("ours", "plain"):
        game, calls[kind] = tiny(name, form, changes), 0

        def count(module, inputs, output, kind=kind):
            calls[kind] += 1

        game.generator.register_forward_hook(count)
        if kind == "ours":
            bench.ours(game, data_of(game), hardware.accelerator("cpu"))()
        else:
            FILES[name].Plain(game, data_of(game), CPU)()
    assert calls["plain"] - calls["ours"] == (name == "infogan")
    restores = form == "stage2"  # a second run, on real pictures
    shares = name in ("stackgan", "srgan", "pix2pix")
    assert calls["ours"] == (1 if shares and not restores else 2)


def test_layers_written_out_are_the_same_function():
    game = tiny("gan", "dcgan", dense=0)

    def kinds():
        return {type(module).__name__ for module in game.modules()}

    assert {"Project", "ReadOut"} <= kinds()
    with torch.no_grad():
        z = torch.randn(4, 6)
        image = game.generator(z)
        found = image, game.discriminator(image)
        bench.written_out(game)
        assert not {"Project", "ReadOut"} & kinds()
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


def test_the_plain_form_joins_the_label_as_constant_maps(monkeypatch):
    """Public code convolves the pictures' channels and ten more; ours the pictures' alone."""
    game = tiny("cgan", "conv")
    z, label, seen = torch.rand(4, 6), torch.arange(4), []
    convolve = functional.conv2d

    def noted(x, *rest):
        seen.append(x.shape[1])
        return convolve(x, *rest)

    with torch.no_grad():
        image = game.generator(z, label)
        found = image, game.discriminator(image, label)
        bench.written_out(game)
        monkeypatch.setattr(functional, "conv2d", noted)
        again = game.generator(z, label), game.discriminator(image, label)
    for a, b in zip(found, again, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert seen == [1 + 10, game.config.width + 10]


def test_plain_pairs_are_cut_and_mirrored_alike():
    """A picture and its own copy as target: they stay equal, and are jittered as ours are."""
    config = tiny("pix2pix", "unet", enlarge=4).config
    picture = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    pairs = FILES["pix2pix"].Pairs({"input": picture, "target": picture}, config)
    drawn = [pairs[0] for _ in range(20)]
    assert all(torch.equal(each["input"], each["target"]) for each in drawn)
    assert drawn[0]["input"].shape == (3, 32, 32) and drawn[0]["input"].abs().max() <= 1
    assert len({each["input"].sum().item() for each in drawn}) > 10


def test_plain_pairs_without_jitter_are_the_pictures():
    config = tiny("pix2pix", "unet", enlarge=0, flip=False).config
    picture = torch.randint(0, 256, (1, 1, 32, 32), dtype=torch.uint8)
    (row,) = FILES["pix2pix"].Pairs({"input": picture}, config)[0].values()
    assert torch.allclose(row, picture[0] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("changes", [{}, {"network": "paper"}], ids=["compact", "paper"])
def test_the_plain_games_losses_are_ours(changes):
    """Of the same crops and outputs; the plain form only computes them in another way."""
    game = tiny("srgan", "srgan", changes).eval()  # BatchNorm's averages stay where they are
    crops = to_float({"image": data_of(game)["image"][:8]})
    batch = game.halve(crops["image"])
    with torch.no_grad():
        plain = FILES["srgan"].Plain(game, data_of(game), CPU)
        game.eval()
        output = plain.fake(batch)
        seen = {"made": plain.seen(output), "true": plain.seen(batch["image"])}
        ours = {**batch, **seen, "output": output}
        real, false = plain.judge(batch["image"], batch), plain.judge(output, batch)
        found = {
            "discriminator": plain.caught(real, false),
            "generator": plain.fooled(false, batch) + plain.more(output, batch),
        }
        for phase in game.phases():
            wanted = sum(phase.loss(ours).values())
            assert found[phase.name].item() == pytest.approx(wanted.item(), rel=5e-3), (
                phase.name
            )  # shrinking has other borders


def test_plain_crops_are_shrunk_by_pillow():
    config = tiny("srgan", "srresnet").config
    picture = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    crops = FILES["srgan"].Crops({"image": picture}, config)
    drawn = [crops[0] for _ in range(8)]
    assert len({each["image"].sum().item() for each in drawn}) > 4  # cut and turned at random
    for each in drawn:
        assert each["image"].shape == (3, 48, 48) and each["low"].shape == (3, 12, 12)
        inside = (each["low"] - shrink(each["image"], 4).clamp(-1, 1))[:, 2:-2, 2:-2]
        assert inside.abs().max() < 1.5 / 127.5  # Pillow rounds twice, and has other borders


def test_a_ratio_is_of_seconds(monkeypatch):
    """Ours takes one second, the plain form three, the other memory order two."""
    monkeypatch.setattr(bench, "ours", lambda *given, other=False: "other" if other else "ours")
    plain = type(
        "Plain", (str,), {"data": FILES["gan"].Plain.data, "__new__": lambda *given: "plain"}
    )
    monkeypatch.setattr(FILES["gan"], "Plain", plain)
    times = {"ours": 1.0, "plain": 3.0, "other": 2.0}
    monkeypatch.setattr(bench, "seconds", lambda form, steps, device: times[form])
    found = bench.ratios(chapter("gan").config.at("check", "mlp"), rounds=3, device="cpu")
    assert found == {
        "plain": {"median": 3, "least": 3, "most": 3},
        "other": {"median": 2, "least": 2, "most": 2},
    }
