from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch import nn

from gancourse.chapters import cgan, srgan
from gancourse.chapters.pix2pix import UNet
from gancourse.show import diagrams

CONV = nn.Sequential(
    nn.Conv2d(1, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 14), nn.Flatten(0)
)
EYE, HOURGLASS = (UNet(1, 3, 32, 4, 0.5, "running", skips) for skips in (True, False))
SQUARE = torch.zeros(2, 1, 32, 32)
PAPER, COMPACT = srgan.PaperGenerator(4, 8, 3), srgan.Compact(4, 8, 2)
SMALL = torch.zeros(2, 3, 6, 6)


def test_a_trace_has_the_shapes_that_really_occur():
    assert diagrams.trace(CONV, torch.zeros(2, 1, 28, 28)) == [
        ([], (1, 28, 28)),
        (["conv 4×4, stride 2", "BatchNorm", "ReLU"], (8, 14, 14)),
        (["conv 14×14"], (1, 1, 1)),
    ]


def test_drawing_leaves_the_network_as_it_was():
    CONV.train()
    before = {name: value.clone() for name, value in CONV.state_dict().items()}
    diagrams.layers(CONV, torch.randn(2, 1, 28, 28), "A network")
    assert CONV.training
    assert all(torch.equal(value, before[name]) for name, value in CONV.state_dict().items())
    assert not any(module._forward_hooks for module in CONV.modules())


def test_a_network_of_two_inputs_is_called_with_both():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))

        def forward(self, x, y):
            return self.layer(x + y)

    found = diagrams.trace(Sum(), (torch.zeros(2, 3), torch.ones(2, 3)))
    assert found == [([], (3,)), (["linear", "BatchNorm"], (5,))]


def test_a_layer_that_a_condition_joins_is_named_as_the_layer_that_it_is():
    game = cgan.Config.at("check", width=2, latent=6).build()
    found = diagrams.trace(
        game.generator.eval(), (torch.zeros(2, 6), torch.zeros(2, dtype=torch.long))
    )
    assert found[1][0][0] == "linear" and found[-1][0][0] == "up-conv 5×5, stride 2"


def test_only_a_conditional_game_shows_a_label():
    plain, conditional = (diagrams.turns(each)._repr_html_() for each in (False, True))
    assert plain.count("label y") == 0 and conditional.count(">label y<") == 2
    assert (
        "G(z, y)" in conditional
        and "G(z, y)" not in plain
        and conditional.count("stroke-dasharray") == plain.count("stroke-dasharray")
    )


@pytest.mark.parametrize(
    "diagram",
    [
        diagrams.layers(CONV, torch.zeros(2, 1, 28, 28), "A network"),
        diagrams.turns(),
        diagrams.turns(conditional=True),
        diagrams.coded(),
        diagrams.paired(),
        diagrams.unet(EYE, SQUARE),
        diagrams.unet(HOURGLASS, SQUARE),
        diagrams.upscaler(PAPER, SMALL),
        diagrams.upscaler(COMPACT, SMALL),
        diagrams.shuffle(2),
        diagrams.shuffle(3),
    ],
)
def test_the_svg_is_well_formed_named_and_keeps_its_text(diagram):
    svg = ElementTree.fromstring(diagram._repr_html_())
    space = {"s": "http://www.w3.org/2000/svg"}
    names = svg.get("aria-labelledby").split()
    assert [svg.find(f"s:{tag}", space).get("id") for tag in ("title", "desc")] == names
    assert svg.find("s:desc", space).text.endswith(".")
    texts = [text.text for text in svg.findall(".//s:text", space)]
    assert texts and all(texts)


def test_two_drawings_on_a_page_have_different_ids():
    assert diagrams.turns()._repr_html_() != diagrams.turns()._repr_html_()


def sizes(network) -> list[str]:
    """The maps of a U-Net as its own blocks make them, one after the other."""
    found = ["1 × 32 × 32"]
    hooks = [
        block.register_forward_hook(
            lambda _, given, made: found.append(" × ".join(map(str, made.shape[1:])))
        )
        for block in [*network.down, *network.up]
    ]
    network(SQUARE)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("network", [EYE, HOURGLASS], ids=["skips", "No skip"])
def test_a_unet_shows_the_sizes_its_modules_have(network):
    diagram, expected = diagrams.unet(network, SQUARE), sizes(network)
    svg = ElementTree.fromstring(diagram._repr_html_())
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(texts) == sorted(expected) and len(expected) == 11
    assert f": {'; '.join(expected)}." in diagram.description, "in the order of the way through"


def test_skips_are_drawn_where_there_are_skips():
    eye, hourglass = (diagrams.unet(network, SQUARE) for network in (EYE, HOURGLASS))
    assert (
        eye.shapes.count("stroke-dasharray") == len(EYE.down) - 1
        and "Dotted skip" in eye.description
    )
    assert hourglass.shapes.count("stroke-dasharray") == 0 and "No skip" in hourglass.description
    assert eye.title != hourglass.title


def test_drawing_a_unet_leaves_it_as_it_was():
    EYE.train()
    before = {name: value.clone() for name, value in EYE.state_dict().items()}
    diagrams.unet(EYE, SQUARE)
    assert EYE.training and all(
        torch.equal(value, before[name]) for name, value in EYE.state_dict().items()
    )
    assert not any(module._forward_hooks for module in EYE.modules())


def test_a_step_of_pix2pix_is_two_turns_in_which_the_other_player_learns():
    diagram = diagrams.paired()
    assert diagram.shapes.count(">Turn 1.") == diagram.shapes.count(">Turn 2.") == 1
    turns = diagram.shapes.split(">Turn 2.")
    bold = [re.findall(r'font-weight="700">(.*?)<', turn) for turn in turns]
    assert bold == [["D"], ["G"]]
    assert "100 · |y − G(x)|" in turns[1] and "100 ·" not in turns[0]


def texts(diagram) -> list[str]:
    svg = ElementTree.fromstring(diagram._repr_html_())
    return [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_a_network_that_enlarges_shows_the_sizes_its_modules_have():
    found = texts(diagrams.upscaler(PAPER, SMALL))
    maps = [text for text in found if "×" in text and "conv" not in text]
    assert maps == [
        "3 × 6 × 6", *["8 × 6 × 6"] * 3, "32 × 6 × 6", "8 × 12 × 12", "32 × 12 × 12", "8 × 24 × 24",
        "3 × 24 × 24",
    ]  # fmt: skip
    assert found.count("PixelShuffle, PReLU") == 2 and "3 residual blocks" in found
    assert found[-1].endswith("f is conv 3×3, BatchNorm, PReLU, conv 3×3, BatchNorm")


def test_what_the_lean_network_adds_is_drawn():
    paper, compact = (diagrams.upscaler(each, SMALL) for each in (PAPER, COMPACT))
    assert [each.shapes.count("stroke-dasharray") for each in (paper, compact)] == [1, 3]
    assert "the input to PixelShuffle" in compact.description
    found = texts(compact)
    assert "enlarged, added" in found and "2 residual blocks" in found
    assert found[-1].endswith("f is conv 3×3, PReLU, conv 3×3"), "it has no norm"
    assert found.count("3 × 24 × 24") == 2 and "16 × 24 × 24" in found


def test_drawing_a_network_that_enlarges_leaves_it_as_it_was():
    PAPER.train()
    before = {name: value.clone() for name, value in PAPER.state_dict().items()}
    diagrams.upscaler(PAPER, torch.randn(2, 3, 6, 6))
    assert PAPER.training
    assert all(torch.equal(value, before[name]) for name, value in PAPER.state_dict().items())
    assert not any(module._forward_hooks for module in PAPER.modules())


@pytest.mark.parametrize("scale", [2, 3])
def test_pixelshuffle_is_drawn_as_the_layer_does_it(scale):
    maps = torch.arange(scale**2 * 4.0).view(1, scale**2, 2, 2)
    names = [f"{chr(97 + kind)}{pixel}" for kind in range(scale**2) for pixel in (1, 2, 3, 4)]
    placed = [names[int(value)] for value in nn.PixelShuffle(scale)(maps).flatten()]
    assert texts(diagrams.shuffle(scale)) == [*names, *placed, f"PixelShuffle({scale})"]
