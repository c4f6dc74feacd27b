"""Does the Pix2Pix chapter's generator learn to translate? Bounds come from three seeds, with a wide margin to the control."""

from __future__ import annotations

import pytest

from gancourse.chapters.pix2pix import Config
from gancourse.data import load
from gancourse.metrics.colour import colour_scores, palette
from gancourse.school import lesson


def trained(seed: int, shift: int = 0) -> tuple[float, float]:
    """(L1 on held-out pairs, scale -1 to 1; the share of pixels right where colour is needed) after 150 steps at 32 px.

    `shift` gives every input the target of the pair so many places before.
    """
    pairs, held_out = (load("emoji", split, size=32) for split in ("train", "test"))
    config = Config.at("check", shape=(3, 32, 32))
    data = {"input": pairs["input"], "target": pairs["target"].roll(shift, 0)}
    record = lesson.play(config, data, seed=seed, device="cpu", progress=False)
    made = record.game.translate(held_out["input"])
    scores = colour_scores(
        made, held_out["target"], held_out["input"], palette=palette(pairs["target"])
    )
    return (made - (held_out["target"] / 127.5 - 1)).abs().mean().item(), scores["inside"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_drawings_that_it_has_never_seen_are_coloured(seed):
    """Measured: L1 .162, .158, .163 after 150 steps (about .9 before); inside .125, .143, .131, of line art 0."""
    distance, inside = trained(seed)
    assert distance < 0.19 and inside > 0.08


def test_with_the_pairs_mixed_up_there_is_nothing_to_learn():
    """Measured on seeds 0 to 2: L1 .280, .248, .240."""
    distance, _ = trained(0, shift=1)
    assert distance > 0.22
