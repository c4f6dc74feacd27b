"""The probes that checks share: what they read, what they say of wrong values and of dice."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import Wrong, exercise


@pytest.mark.parametrize("value", [2, 2.0, torch.tensor([[2.0]]), np.float32(2), np.array(2)])
def test_number(value):
    assert probes.number(value) == 2.0


@pytest.mark.parametrize("value", [[2], "2", torch.zeros(2), {"a": 2}, torch.tensor(2j)])
def test_what_is_no_number(value):
    with pytest.raises(Wrong, match="one number"):
        probes.number(value)


@pytest.mark.parametrize(
    "value", [[[1.0, 2.0]], np.array([[1, 2]]), [torch.tensor([1, 2])], torch.tensor([[1, 2]])]
)
def test_tensor(value):
    assert probes.tensor(value).tolist() == [[1, 2]]


@pytest.mark.parametrize("value", ["one-hot", None, {}, [[1], [2, 3]], [{}]])
def test_what_is_no_tensor(value):
    with pytest.raises(Wrong, match="list of numbers"):
        probes.tensor(value)


@exercise(minutes=1, difficulty="easy", call="(x)")
def mean_square(answer):
    x = torch.tensor([3.0, 4.0])
    probes.compare(answer, [(x,), (2 * x,)], lambda x: x.square().mean(), "Think.")
    probes.compare_gradients(
        answer, lambda x: x.square().mean(), (x,), "Another slope.", cut="Cut."
    )
    return "fine"


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda right, n: -right, "sign is flipped"),
        (lambda right, n: n * right, "sum over the batch"),
        (lambda right, n: right / 2, "half of it"),
        (lambda right, n: right / math.log(2), "in bits"),
        (lambda right, n: 100 * right, "in percent"),
        (lambda right, n: 1 - right, "1 minus"),
        (lambda right, n: right**2, "square of the right"),
    ],
)
def test_numbers_that_follow_simply_from_the_right_ones_are_recognised(wrong, words):
    message = mean_square(lambda x: wrong(x.square().mean(), len(x))).message
    assert words in message and "Think." in message


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda x: x.square().mean().item(), "Cut."),
        (lambda x: x.square().mean().detach() + 0 * x.sum(), "Another slope."),
        (lambda x: x.square(), "down to one number"),
        (lambda x: 5.0, "Think."),
    ],
)
def test_values_and_gradients(answer, words):
    assert mean_square(lambda x: x.square().mean()).passed
    assert mean_square(answer).message.endswith(words) or words in mean_square(answer).message


def test_a_wrong_shape_comes_before_wrong_values():
    @exercise(minutes=1, difficulty="easy", call="(n)")
    def ones(answer):
        read, shapes = probes.tensor, "One for each."
        probes.compare(answer, [(2,), (3,)], torch.ones, "Ones.", read=read, shapes=shapes)
        return "fine"

    assert ones(torch.ones).passed
    assert ones(lambda n: torch.zeros(2)).message.endswith("One for each.")
    assert "got       [0, 0, 0] at [1]" in mean_of_rows(
        torch.zeros(2, 3) + torch.tensor([[1], [0]])
    )


def mean_of_rows(returned):
    with pytest.raises(Wrong) as caught:
        probes.compare(lambda: returned, {"": ()}, lambda: torch.ones(2, 3), "", read=probes.tensor)
    return str(caught.value)


def drawn(seed):
    return torch.rand(3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "draw, words",
    [
        (lambda seed: torch.manual_seed(seed) and torch.rand(3), "random state"),
        (lambda seed: drawn(seed) + 0 * np.random.rand(), "random state"),  # noqa: NPY002
        (lambda seed: drawn(seed) + 0 * random.random(), "random state"),
        (lambda seed: torch.rand(3), "Why."),
        (lambda seed: drawn(0), "Is the seed used?"),
    ],
)
def test_a_stream_of_its_own(draw, words):
    probes.own_stream(drawn, "numbers", "Why.")
    with torch.random.fork_rng(devices=[]), pytest.raises(Wrong, match=words.replace("?", ".")):
        probes.own_stream(draw, "numbers", "Why.")
