"""The random numbers of one call belong to that call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn.functional import dropout

from gancourse.dice import Dice, drop, thrown

X = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))


def test_with_the_same_seed_dice_and_torchs_own_dropout_agree_bit_for_bit():
    torch.manual_seed(5)
    theirs = dropout(X, 0.3, training=True), dropout(X, 0.5, training=True)
    with thrown(Dice(5)):
        ours = drop(X, 0.3), drop(X, 0.5)
    assert torch.equal(theirs[0], ours[0]) and torch.equal(theirs[1], ours[1])


def test_without_dice_the_global_generator_is_drawn_from():
    torch.manual_seed(5)
    theirs = dropout(X, 0.5, training=True)
    torch.manual_seed(5)
    assert torch.equal(drop(X, 0.5), theirs)


def test_dice_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    with thrown(Dice(5)):
        drop(X, 0.5)
    assert torch.equal(torch.get_rng_state(), state)


def test_silent_dice_leave_the_noise_out():
    with thrown(Dice(5, silent=True)):
        assert drop(X, 0.5) is X


def test_dice_are_put_away_when_the_call_fails():
    with pytest.raises(RuntimeError), thrown(Dice(5)):
        raise RuntimeError
    torch.manual_seed(1)
    first = drop(X, 0.5)
    torch.manual_seed(2)
    assert not torch.equal(drop(X, 0.5), first)


def test_threads_do_not_hear_each_others_dice():
    def many(seed):
        with thrown(Dice(seed)):
            return torch.stack([drop(X, 0.5) for _ in range(200)])

    seeds = [1, 2, 1, 3] * 4
    alone = {seed: many(seed) for seed in set(seeds)}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(many, seeds))
    assert all(torch.equal(found, alone[seed]) for seed, found in zip(seeds, together, strict=True))
