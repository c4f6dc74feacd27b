"""The pattern of every exercise: a checker calls the student's function, watches what it does and answers in words.

    @exercise(minutes=5, difficulty="easy", call="(n, size, seed)")
    def latents(answer):
        z = answer(6, 3, 0)
        if z.shape != (6, 3):
            raise Wrong("n = 6, size = 3", f"shape {tuple(z.shape)}", "shape (6, 3)", "One row is one latent.")
        return "One row a latent."

Calling `latents(students_function)` gives a `Result`, never a traceback: passed, wrong, or not done yet. A checker looks at
behaviour (values, gradients, which weights moved, how numbers are distributed), so that any right answer passes,
whichever library or style it is written in. Where an answer is wrong it shows the input, what came out, what was
expected and why that matters; it hints, and never gives the solution.
"""

from __future__ import annotations

import html
import linecache
import math
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, repr=False)
class Result:
    """What a checker found. True when the exercise is passed.

    Attributes:
        exercise: its name.
        passed: whether the answer does what was asked.
        message: what it does well, what is wrong with it, or what to do first.
        started: False while the exercise is not done yet.
    """

    exercise: str
    passed: bool
    message: str
    started: bool = True

    @property
    def heading(self) -> str:
        return "Passed" if self.passed else "Not right yet" if self.started else "Not done yet"

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        lines = [
            textwrap.fill(line, 88, subsequent_indent=" " * 12 * line.startswith("  "))
            for line in self.lines()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The same words on the house's panel, which stays readable on a light page and on a dark one."""
        from gancourse.show.style import GREEN, INK, MUTED, PANEL, VERMILION

        bar = GREEN if self.passed else VERMILION if self.started else MUTED
        code = r'<code style="color: inherit; background: none; border: none; padding: 0">\1</code>'
        first, *rest = (
            re.sub(r"`([^`]+)`", code, html.escape(line.strip())) for line in self.lines()
        )
        style = (
            f"background: {PANEL}; color: {INK}; border-left: .3em solid {bar}; padding: .4em .9em"
        )
        return f'<div style="{style}"><strong>{first}</strong>{"".join(f"<div>{line}</div>" for line in rest)}</div>'

    def lines(self) -> list[str]:
        return [f"{self.heading}: {self.exercise}", *self.message.splitlines()]


class NotDone(Exception):
    """The answer is still the stub."""


class Wrong(Exception):
    """An answer that does not do what was asked: the input, what came out, what was expected, and why it matters."""

    def __init__(self, given, got, expected, why: str):
        rows = {"given": given, "got": got, "expected": expected}
        table = "".join(
            f"  {name:<10}{show(value)}\n" for name, value in rows.items() if value is not None
        )
        super().__init__(table + why)


class Exercise:
    """A checker with what a page says about it. Call it with the student's function, class or object.

    Attributes:
        name, minutes, difficulty: for the page; difficulty is one of `DIFFICULTIES`.
        call: the arguments that the student's function takes, as in "(real, fake)".
    """

    def __init__(self, check: Callable[[Answer], str], minutes: int, difficulty: str, call: str):
        assert difficulty in DIFFICULTIES, difficulty
        update_wrapper(self, check)
        self.check, self.name = check, check.__name__
        self.minutes, self.difficulty, self.call = minutes, difficulty, call

    def __call__(self, answer) -> Result:
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
        ):  # a check leaves the notebook's dice alone
            try:
                return Result(self.name, True, self.check(Answer(answer, self.name, self.call)))
            except NotDone as error:
                return Result(self.name, False, str(error), started=False)
            except Wrong as error:
                return Result(self.name, False, str(error))

    def __repr__(self) -> str:
        return f"{self.name}: {self.minutes} minutes, {self.difficulty}"


def exercise(
    *, minutes: int, difficulty: str, call: str
) -> Callable[[Callable[[Answer], str]], Exercise]:
    """Make a checker of a function that takes an `Answer` and returns what to say when it is right.

    The function raises `Wrong` when it is not; `Answer` raises `NotDone` for a stub.
    """
    return lambda check: Exercise(check, minutes, difficulty, call)


class Answer:
    """The student's function, called safely. A class is made an object first."""

    def __init__(self, given, name: str, call: str):
        if given is None or given is ...:
            raise NotDone(
                f"There is no `{name}` yet. Write it in the cell above, run that cell, then this one."
            )
        self.name, self.call = name, call
        self.function = self._safely(given) if isinstance(given, type) else given
        if not callable(self.function):
            why = f"Hand over the function itself, `{name}`, not its result."
            raise Wrong(None, given, f"a function {name}{call}", why)

    def __call__(self, *inputs):
        """What the student's function returns. Tensors are handed over as copies, so none is changed by the call.

        Raises:
            NotDone: it returned nothing.
            Wrong: it raised an error.
        """
        value = self.do(
            *(x.clone() if isinstance(x, Tensor) and not x.requires_grad else x for x in inputs)
        )
        if value is None or value is ... or value is NotImplemented:
            raise NotDone(
                f"`{self.name}` returns nothing. Write it in the cell above, run that cell, then this one. "
                "If it is written, look for a missing `return`."
            )
        return value

    def do(self, *inputs):
        """The same for a function that is asked to change something: it may return nothing, and inputs are no copies."""
        return self._safely(self.function, *inputs)

    def given(self, *inputs) -> str:
        """The inputs by their names: "real = [0, 0], fake = [1, 1]"."""
        names = self.call.strip("()").split(", ")
        return ", ".join(
            f"{name} = {show(value)}" for name, value in zip(names, inputs, strict=False)
        )

    def _safely(self, function: Callable, *inputs):
        try:
            return function(*inputs)
        except Exception as error:
            # PyTorch raises NotImplementedError too, for an operation that a type of numbers lacks.
            if isinstance(error, NotImplementedError) and not re.search(
                "implemented for|Could not run", str(error)
            ):
                raise NotDone(
                    f"`{self.name}` is still to be written, in the cell above."
                ) from error
            raise Wrong(
                self.given(*inputs) or None, describe(error, self), None, advice(error)
            ) from error


# Where code that is not the student's lies: Python, what is installed, this package.
LIBRARIES = (
    *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[2]),
    "<frozen",
)


def describe(error: Exception, answer: Answer) -> str:
    """A student's error: its kind, its words, and the line of theirs that it comes from."""
    text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    theirs = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(LIBRARIES)
    ]
    if not theirs:
        return f"{text} (it was called as {answer.name}{answer.call})"
    source = linecache.getline(*theirs[-1]).strip()
    return f"{text} (line {theirs[-1][1]}{f': `{source}`' if source else ''})"


ADVICE = {
    "does not require grad": "No gradient can flow back from this: somewhere before it the graph was cut.",
    "numpy() on Tensor that requires grad": "NumPy does not record gradients. Stay with PyTorch's functions here.",
    "NoneType": "Something here is None. Is a function that you use, perhaps from an earlier exercise, still to be written?",
    "in-place operation": "PyTorch was about to record this change for a gradient. Changing a weight is not part of a loss.",
    "type Long": "A whole number stands where a float belongs: give the targets the type of the logits.",
    "for 'Long'": "Not every tensor in a network is a float: BatchNorm counts its batches in whole numbers.",
    "positional argument": "The checker calls your function with the arguments of the stub, in their order.",
    "retain": "The same graph was walked twice. Compute anew what the second walk needs.",
    "not defined": "Is the cell that defines this name run?",
}


def advice(error: Exception) -> str:
    """What to look for after an error, for those that everybody meets once."""
    text = f"{type(error).__name__} {error}"
    return next(
        (hint for sign, hint in ADVICE.items() if sign in text),
        "Your function stopped with this error.",
    )


def show(value) -> str:
    """A value as a person would write it: four digits of a float, six numbers of a tensor, else its shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        value = torch.as_tensor(value)
    if isinstance(value, Tensor):
        if value.dim() == 1 and 1 <= len(value) <= 6:
            return f"[{', '.join(show(x) for x in value.tolist())}]"
        return (
            show(value.item()) if value.numel() == 1 else f"a tensor of shape {tuple(value.shape)}"
        )
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (bool, int)):
        return str(value)
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def near(a: float, b: float, tolerance: float = 1e-3) -> bool:
    """Whether two numbers agree to `tolerance`, absolute below 1 and relative above; nan and inf agree with nothing."""
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= tolerance * max(1.0, abs(b))


def number(value) -> float:
    """One number, whatever holds it: a float, an array or tensor of one element. Raises `Wrong` for anything else."""
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        tensor = torch.as_tensor(value)
        if tensor.numel() == 1:
            return float(tensor)
        raise Wrong(None, tensor, "one number", "Bring these values down to one number.")
    raise Wrong(None, value, "one number", "A tensor with one element, or a plain number, will do.")


def compare(
    answer: Answer,
    cases: Sequence[tuple] | Mapping[str, tuple],
    truth: Callable[..., float],
    mistakes: Sequence[tuple[Callable[..., float], str]],
    otherwise: str,
    read: Callable[..., float] = number,
) -> None:
    """Hold the answer's numbers against the truth on every case, and recognise the usual mistakes by theirs.

    Args:
        cases: inputs of each call, or inputs by their description.
        truth: inputs -> the right number.
        mistakes: functions that are wrong in a usual way, each with its explanation. The first that gives the student's
            number on every case explains it.
        otherwise: the explanation when none does.

    Raises:
        Wrong: for the first case that differs.
    """
    if not isinstance(cases, Mapping):
        cases = {answer.given(*inputs): inputs for inputs in cases}
    got = [read(answer(*inputs)) for inputs in cases.values()]
    for (given, inputs), value in zip(cases.items(), got, strict=True):
        if not near(value, right := truth(*inputs)):
            why = recognise(
                got, [([wrong(*x) for x in cases.values()], text) for wrong, text in mistakes]
            )
            raise Wrong(given, value, right, why or otherwise)


def recognise(got: Sequence[float], mistakes: Iterable[tuple[Sequence[float], str]]) -> str | None:
    """The explanation of the first mistake that leads to these very numbers."""
    for wrong, why in mistakes:
        if all(near(a, b) for a, b in zip(got, wrong, strict=True)):
            return why
    return None
