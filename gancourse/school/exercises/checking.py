"""The pattern of every exercise: a check calls the student's function and answers in words.

    @exercise(minutes=5, difficulty="easy", call="(x, y)")
    def hypotenuse(answer):
        compare(answer, [(3.0, 4.0), (5.0, 12.0)], math.hypot, "Think of the squares.")
        return "Pythagoras would agree."

    @hypotenuse.mistake("That is the way round the corner.")
    def around_the_corner(x, y):
        return x + y

`hypotenuse(students_function)` gives a `Result`, never a traceback: passed, wrong, or not done yet.
A check looks at behaviour (values, gradients, which weights moved, how numbers are distributed), so
any right answer passes, whatever its style or library. A wrong answer is shown with its input, what
came out, what was expected and why that matters. The explanation hints; it never gives the
solution.

A mistake is a complete wrong answer. When a check refuses an answer with evidence (the numbers that
it measured), the exercise runs the check on its mistakes: the first one with the same evidence
explains it. The tests run them too. `probes` holds what checks have in common, `turns` what the
turns of a game have in common.
"""

from __future__ import annotations

import html
import linecache
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import NamedTuple

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
        """The same words on the course's panel, readable on a light page and on a dark one."""
        from gancourse.show.style import GREEN, INK, MUTED, PANEL, VERMILION

        bar = GREEN if self.passed else VERMILION if self.started else MUTED
        code = r'<code style="color: inherit; background: none; border: none; padding: 0">\1</code>'
        first, *rest = (
            re.sub(r"`([^`]+)`", code, html.escape(line.strip())) for line in self.lines()
        )
        style = (
            f"background: {PANEL}; color: {INK}; border-left: .3em solid {bar}; padding: .4em .9em"
        )
        lines = "".join(f"<div>{line}</div>" for line in rest)
        return f'<div style="{style}"><strong>{first}</strong>{lines}</div>'

    def lines(self) -> list[str]:
        return [f"{self.heading}: {self.exercise}", *self.message.splitlines()]


class NotDone(Exception):
    """The answer is still the stub."""


class Wrong(Exception):
    """An answer that does not do what was asked: what went in, came out, was expected, and why.

    Attributes:
        evidence: the numbers that came out, (N,), by which a mistake can be recognised.
    """

    def __init__(self, given, got, expected, why: str, evidence: Tensor | None = None):
        rows = {"given": given, "got": got, "expected": expected}
        self.table = "".join(
            f"  {name:<10}{plain(show(value))}\n"
            for name, value in rows.items()
            if value is not None
        )
        self.given, self.why, self.evidence = given, plain(why), evidence
        super().__init__(self.table + self.why)

    def is_like(self, known) -> bool:
        """Whether `known` was refused on the same input, with the same numbers."""
        return (
            isinstance(known, Wrong)
            and self.evidence is not None
            and known.evidence is not None
            and self.given == known.given
            and near(self.evidence, known.evidence)
        )


class Mistake(NamedTuple):
    """A complete answer that is wrong in a usual way, and what to say to whoever hands it in."""

    answer: Callable
    why: str


class Exercise:
    """A check with what a page says about it. Call it with the student's function or class.

    Attributes:
        name, minutes, difficulty: for the page; difficulty is one of `DIFFICULTIES`.
        call: the arguments that the student's function takes, as in "(real, fake)".
        mistakes: the usual wrong answers, each with its explanation.
    """

    def __init__(self, check: Callable[[Answer], str], minutes: int, difficulty: str, call: str):
        assert difficulty in DIFFICULTIES, difficulty
        update_wrapper(self, check)
        self.check, self.name = check, check.__name__
        self.minutes, self.difficulty, self.call = minutes, difficulty, call
        self.mistakes: list[Mistake] = []
        self._refused = {}  # id of a mistake -> what the check says of it

    def mistake(self, why: str) -> Callable[[Callable], Callable]:
        """Register a wrong answer; `why` says what it does, and why that matters."""

        def register(answer: Callable) -> Callable:
            self.mistakes.append(Mistake(answer, plain(why)))
            return answer

        return register

    def inherit(self, other: Exercise, remade: Callable[[Callable], Callable]) -> None:
        """Take over another exercise's mistakes, each remade into an answer to this one."""
        for answer, why in other.mistakes:
            self.mistake(why)(remade(answer))

    def __call__(self, answer) -> Result:
        # A check leaves the notebook's random state alone.
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            found = self._outcome(answer)
            if isinstance(found, str):
                return Result(self.name, True, plain(found))
            if isinstance(found, NotDone):
                return Result(self.name, False, str(found), started=False)
            return Result(self.name, False, found.table + self._explanation(found))

    def _outcome(self, answer) -> str | NotDone | Wrong:
        """What the check says. It looks at a registered mistake once: some checks take seconds."""
        if not any(answer is known for known, _ in self.mistakes):
            return self._checked(answer)
        if id(answer) not in self._refused:
            self._refused[id(answer)] = self._checked(answer)
        return self._refused[id(answer)]

    def _checked(self, answer) -> str | NotDone | Wrong:
        try:
            return self.check(Answer(answer, self.name, self.call))
        except (NotDone, Wrong) as refusal:
            return refusal.with_traceback(None)  # whose frames would keep the networks alive
        except Exception as error:  # what came back is of a kind that the check did not expect
            why = "The checker cannot work with what your function returned."
            return Wrong(None, describe(error, self), None, why)

    def _explanation(self, refusal: Wrong) -> str:
        """Of the first mistake that is refused for the same reason; else what the check says."""
        known = self.mistakes if refusal.evidence is not None else ()
        alike = (why for answer, why in known if refusal.is_like(self._outcome(answer)))
        return next(alike, refusal.why)

    def __repr__(self) -> str:
        return f"{self.name}: {self.minutes} minutes, {self.difficulty}"


def exercise(*, minutes: int, difficulty: str, call: str) -> Callable[[Callable], Exercise]:
    """Make an exercise of a check: it takes an `Answer` and returns what to say if it is right.

    It raises `Wrong` when it is not; `Answer` raises `NotDone` for a stub.
    """
    return lambda check: Exercise(check, minutes, difficulty, call)


def in_order(module: dict) -> tuple[Exercise, ...]:
    """The exercises that a module (its `globals()`) defines, in the order of its lines."""
    return tuple(value for value in module.values() if isinstance(value, Exercise))


class Answer:
    """The student's function, called safely. A class is made an object first."""

    def __init__(self, given, name: str, call: str):
        if given is None or given is ...:
            raise NotDone(f"There is no `{name}` yet. {WRITE_IT}")
        self.name, self.call = name, call
        self.function = self._safely(given) if isinstance(given, type) else given
        if not callable(self.function):
            why = f"Hand over the function itself, `{name}`, not its result."
            raise Wrong(None, given, f"a function {name}{call}", why)

    def __call__(self, *inputs):
        """What the student's function returns. It gets copies of tensors and lists.

        Raises:
            NotDone: it returned nothing.
            Wrong: it raised an error.
        """
        value = self.do(*map(copied, inputs))
        if value is None or value is ... or value is NotImplemented:
            look = "If it is written, look for a missing `return`."
            raise NotDone(f"`{self.name}` returns nothing. {WRITE_IT} {look}")
        return value

    def do(self, *inputs):
        """The same for a function that changes its inputs: no copies, and it may return nothing."""
        return self._safely(self.function, *inputs)

    def given(self, *inputs) -> str:
        """The inputs by their names: "real = [0, 0], fake = [1, 1]"."""
        names = self.call.strip("()").split(", ")
        return ", ".join(f"{name} = {show(x)}" for name, x in zip(names, inputs, strict=False))

    def _safely(self, function: Callable, *inputs):
        try:
            return function(*inputs)
        except Exception as error:
            # PyTorch raises NotImplementedError too, for an operation that a type of numbers lacks.
            missing = re.search("implemented for|Could not run", str(error))
            if isinstance(error, NotImplementedError) and not missing:
                raise NotDone(f"`{self.name}` is still to be written. {WRITE_IT}") from error
            given = self.given(*inputs) or None
            raise Wrong(given, describe(error, self), None, advice(error)) from error


WRITE_IT = "Write it in the cell above, run that cell, then this one."


def copied(x):
    if isinstance(x, Tensor) and not x.requires_grad:
        return x.clone()
    return list(x) if isinstance(x, list) else x


def plain(text: str) -> str:
    """A text of several lines as one line."""
    return " ".join(text.split())


# Where code that is not the student's lies: Python, what is installed, this package.
LIBRARIES = (
    *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[2]),
    "<frozen",
)


def describe(error: Exception, called: Answer | Exercise) -> str:
    """A student's error: its kind, its words, and the line of theirs that it comes from."""
    text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    theirs = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(LIBRARIES)
    ]
    if not theirs:
        return f"{text} (it was called as {called.name}{called.call})"
    source = linecache.getline(*theirs[-1]).strip()
    return f"{text} (line {theirs[-1][1]}{f': `{source}`' if source else ''})"


ADVICE = {
    "does not require grad": "No gradient can flow back from this: the graph was cut before it.",
    "numpy() on Tensor that requires grad": "NumPy records no gradients. Stay with PyTorch here.",
    "NoneType": "Something here is None. Is an earlier exercise still to be done?",
    "in-place operation": "Changing a weight is not part of a loss: it must not be recorded.",
    "type Long": "A float belongs here: give the targets the type of the logits.",
    "for 'Long'": "Not every tensor is a float: BatchNorm counts its batches in integers.",
    "positional argument": "The checker passes the arguments of the stub, in their order.",
    "retain": "The same graph was walked twice. Compute what the second walk needs again.",
    "not defined": "Has the cell that defines this name been run?",
}


def advice(error: Exception) -> str:
    """What to look for after an error, for those that everybody meets once."""
    text = f"{type(error).__name__} {error}"
    return next(
        (hint for sign, hint in ADVICE.items() if sign in text),
        "Your function stopped with this error.",
    )


def show(value) -> str:
    """A value as people write it: four digits, six numbers of a tensor, otherwise its shape."""
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


def close(a: Tensor, b: Tensor, tolerance: float = 1e-3) -> Tensor:
    """Where numbers agree, absolutely below 1 and relatively above; nan and inf never do."""
    return ((a - b).abs() <= tolerance * b.abs().clamp(min=1)) & b.isfinite()


def near(a: Tensor, b: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether two tensors have one shape and all their numbers agree."""
    return a.shape == b.shape and bool(close(a, b, tolerance).all())
