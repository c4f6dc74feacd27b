"""What checks have in common: reading what came back; probes of values, gradients and dice."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gancourse.school.exercises.checking import Answer, Wrong, close, near, show

# --- inputs ---


def draws(*shape: int, seed: int) -> Tensor:
    """Numbers from N(0, 1), the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def logits(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def whole(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


# --- what came back ---


def tensor(returned, what: str = "a tensor") -> Tensor:
    """An answer as a tensor, without its graph: an array, a list or a number will do too.

    Raises:
        Wrong: it holds no real numbers.
    """
    found = returned
    try:
        if isinstance(found, (list, tuple)):
            some = any(isinstance(each, Tensor) for each in found)
            found = torch.stack([*map(torch.as_tensor, found)]) if some else np.array(found)
        if isinstance(found, (Tensor, np.ndarray, np.generic, bool, int, float)):
            found = torch.as_tensor(found).detach().cpu()
            if not found.is_complex():
                return found
    except (TypeError, ValueError, RuntimeError):
        pass
    raise Wrong(None, returned, what, "A tensor, an array or a list of numbers will do.")


def number(returned) -> Tensor:
    """One number, whatever holds it, as a scalar. Raises `Wrong` for anything else."""
    if isinstance(returned, (list, tuple, str, Mapping)):
        why = "A tensor with one element, or a plain number, will do."
        raise Wrong(None, returned, "one number", why)
    found = tensor(returned, "one number")
    if found.numel() != 1:
        raise Wrong(None, found, "one number", "Bring these values down to one number.")
    return found.double().reshape(())


def array(returned) -> Tensor:
    """What is fed to a network, as a tensor. Raises `Wrong` unless it is a tensor or an array."""
    if not isinstance(returned, (Tensor, np.ndarray)):
        why = "The generator is a network: it takes a tensor."
        raise Wrong(None, returned, "a tensor", why)
    return tensor(returned)


def total(returned):
    """A loss as one value: terms in a dict, tuple or list are summed."""
    if isinstance(returned, Mapping):
        returned = tuple(returned.values())
    return sum(returned) if isinstance(returned, (tuple, list)) else returned


def loss_value(returned) -> Tensor:
    return number(total(returned))


# --- values ---

SIGN = "The sign is flipped: going downhill on this leads to the worst answer, not the best."
BITS = "That is in bits; nats, as everywhere in this course, take the natural logarithm."
SUM = "That is a sum over the batch: twice the batch would make twice the step. Take the mean."


def compare(
    answer: Answer,
    cases: Sequence[tuple] | Mapping[str, tuple],
    truth: Callable,
    why: str,
    *,
    read: Callable[..., Tensor] = number,
    shapes: str = "",
) -> None:
    """Hold the answer against a right one on every case. All that came back is evidence.

    Args:
        cases: the inputs of each call, or inputs by their description.
        truth: the right answer, read as the student's is.
        why: what to say where no mistake is recognised.
        shapes: what to say of a wrong shape.

    Raises:
        Wrong: for the first case that differs.
    """
    if not isinstance(cases, Mapping):
        cases = {answer.given(*inputs): inputs for inputs in cases}
    got = [read(answer(*inputs)).double() for inputs in cases.values()]
    right = [read(truth(*inputs)).double() for inputs in cases.values()]
    for given, a, b in zip(cases, got, right, strict=True):
        if a.shape != b.shape:
            raise Wrong(given, f"shape {tuple(a.shape)}", f"shape {tuple(b.shape)}", shapes)
    sizes = [torch.full_like(b, rows(*x)) for x, b in zip(cases.values(), right, strict=True)]
    evidence, all_right, n = (
        torch.cat([each.flatten() for each in part]) for part in (got, right, sizes)
    )
    for given, a, b in zip(cases, got, right, strict=True):
        if (row := differing_row(a, b)) is not None:
            where = f" at {list(row)}" if row else ""
            why = f"{relation(evidence, all_right, n)} {why}"
            raise Wrong(given, f"{show(a[row])}{where}", show(b[row]), why, evidence)


def differing_row(got: Tensor, right: Tensor, tolerance: float = 1e-3) -> tuple[int, ...] | None:
    """The row (all axes but the last) of the first wrong number; None if all are right."""
    wrong = (~close(got, right, tolerance)).nonzero()
    return tuple(wrong[0, :-1].tolist()) if len(wrong) else None


def rows(*inputs) -> int:
    """The batch size: how many rows the first tensor has."""
    return next((len(x) for x in inputs if isinstance(x, Tensor) and x.dim()), 1)


def relation(got: Tensor, right: Tensor, n: Tensor | int) -> str:
    """How wrong numbers (N,) follow from the right ones, or ""; n is the batch size."""
    relations = {
        SIGN: -right,
        SUM: n * right,
        "That is half of it.": right / 2,
        BITS: right / math.log(2),
        "That is in percent; give a fraction, 0 to 1.": 100 * right,
        "That is 1 minus the right number.": 1 - right,
        "That is the square of the right number.": right.square(),
    }
    return next((why for why, wrong in relations.items() if near(got, wrong)), "")


# --- gradients ---

ROUNDING = """In float32 sigmoid(100) is exactly 1, so log(1 - sigmoid(100)) is log 0; a small
    number added inside the logarithm only hides it. There is a form that starts from the logit and
    never makes the probability."""
FLAT = """The value is right, but the slope is gone, as after a clamp or a probability that rounds
    to 0 or 1."""
SIGMOID_TWICE = "A sigmoid seems to be taken twice, by you and by a function that takes logits."
CUT = "Going through .item(), NumPy, detach or no_grad cuts this off: nothing can learn from it."


def compare_gradients(
    answer: Answer, truth: Callable, inputs: tuple, *whys: str, given: str = "", cut: str = CUT
) -> None:
    """Raise `Wrong` unless the sum of the result has the right gradient by the first inputs.

    Args:
        whys: what to say of a wrong gradient by the first input, by the second, and so on.
        cut: what to say where there is no gradient at all.
    """
    given = given or answer.given(*inputs)
    slopes = []
    for function in answer, truth:
        leaves = [x.clone().requires_grad_() for x in inputs[: len(whys)]]
        value = total(function(*leaves, *inputs[len(whys) :]))
        if not (isinstance(value, Tensor) and value.requires_grad):
            raise Wrong(given, "a result without a gradient", "one with a gradient", cut)
        slopes.append(
            torch.autograd.grad(value.sum(), leaves, allow_unused=True, materialize_grads=True)
        )
    for got, right, why in zip(*slopes, whys, strict=True):
        if (row := differing_row(got, right, 1e-4)) is not None:
            got, right = (f"the gradient {show(slope[row][:4])} ..." for slope in (got, right))
            raise Wrong(given, got, right, why)


# --- random numbers ---


def global_dice() -> tuple:
    """The random states that the whole program shares: PyTorch's, NumPy's and Python's."""
    numpy = np.random.get_state()  # noqa: NPY002 - the global state is the point
    return torch.get_rng_state().numpy().tobytes(), numpy[1].tobytes(), numpy[2], random.getstate()


def own_stream(draw: Callable[[int], Tensor], what: str, why: str) -> None:
    """Raise `Wrong` unless `draw` uses its seed, and no random state that others share.

    `what` is drawn; `why` says why the same seed should give the same.
    """
    other, before, first, again = draw(8), global_dice(), draw(7), draw(7)
    if not torch.equal(first, again):
        raise Wrong("seed = 7, twice", f"different {what}", f"the same {what}", why)
    if global_dice() != before:
        why = """The numbers came from the random state that the whole program shares, or reset it.
            Then every preview also changes the order of the data and the dropout of the training
            that follows. Draw from a stream of your own."""
        raise Wrong("seed = 7", "the global random state changed", "it stays as it was", why)
    if torch.equal(first, other):
        given = "seed = 7, then seed = 8"
        raise Wrong(given, f"the same {what}", f"different {what}", "Is the seed used?")


def is_float32(drawn: Tensor, given: str) -> None:
    if drawn.dtype != torch.float32:
        why = "Weights are float32, and a layer refuses numbers of another type."
        raise Wrong(given, f"numbers of type {kind(drawn)}", "float32", why)


def kind(numbers: Tensor) -> str:
    return str(numbers.dtype).removeprefix("torch.")
