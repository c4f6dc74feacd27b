"""What the gpu recipes would cost, counted from the modules."""

from __future__ import annotations

import pytest
from torch import nn

from gancourse.chapters import CHAPTERS
from gancourse.files import DOSSIERS
from gancourse.press import estimates


def cells(table: str) -> list[list[str]]:
    return [line.strip("|\n ").split(" | ") for line in table.splitlines()[2:]]


@pytest.mark.slow
def test_the_table_is_the_modules():
    """Another version of PyTorch may call other kernels, as many operations they must have."""
    stored = cells((DOSSIERS / "ESTIMATES.md").read_text(encoding="utf-8"))
    counted = cells(estimates.table())
    calls = estimates.HEADS.index("calls per step")
    assert [row[:calls] for row in stored] == [row[:calls] for row in counted], "make estimates"
    for old, new in zip(stored, counted, strict=True):
        ratio = int(old[calls].replace(",", "")) / int(new[calls].replace(",", ""))
        assert 0.7 < ratio < 1.4, "make estimates"


def test_a_step_has_the_operations_that_pencil_and_paper_find():
    """Each pass of a layer of a x b weights takes 2 a b per row, and its gradients as many each."""
    config = CHAPTERS["gan"].config.at("gpu", "mlp", width=50, batch_size=16)
    game = config.build()

    def of(network: nn.Module) -> list[int]:
        return [
            2 * each.weight.numel() for each in network.modules() if isinstance(each, nn.Linear)
        ]

    g, d = of(game.generator), of(game.discriminator)
    # D's turn: G forwards; D on real and fake pictures, of which the first layer's inputs need no
    # gradient. G's turn: both forwards, D's inputs back to the picture, and all of G but z.
    judging = sum(g) + 2 * (3 * sum(d) - d[0])
    making = sum(g) + 2 * sum(d) + (2 * sum(g) - g[0])
    assert estimates.step_of(config).flops == 16 * (judging + making)


def test_a_step_takes_the_longer_of_sums_and_calls():
    assert estimates.Step(1e15, 1).seconds == pytest.approx(1e15 / 62.4e12)
    assert estimates.Step(1.0, 500).seconds == pytest.approx(5e-3)


def test_what_was_published_at_its_size_is_not_estimated():
    forms = {(config.chapter, config.form) for config in estimates.recipes()}
    for name, row in CHAPTERS.items():
        for form in row.forms:
            same = row.config.at("full", form) == row.config.at("gpu", form)
            assert ((name, form) in forms) != same


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nothing_is_computed(chapter):
    """A step of the largest recipe would take minutes here."""
    game = estimates.shaped(CHAPTERS[chapter].config.at("gpu"))
    assert {each.device.type for each in game.parameters()} == {"meta"}
