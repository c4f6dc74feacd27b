"""The pattern of all exercises: what a checker says, whatever a student hands over."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from gancourse.school.exercises import checking
from gancourse.school.exercises.checking import Wrong, exercise, near, show
from gancourse.school.exercises.probes import compare


@exercise(minutes=5, difficulty="easy", call="(x, y)")
def hypotenuse(answer):
    """Two sides of a right angle -> the third."""
    compare(answer, [(3.0, 4.0), (5.0, 12.0)], right, "Think of the squares.")
    return "`hypotenuse` knows Pythagoras."


@hypotenuse.mistake("That is the way round the corner.")
def around_the_corner(x, y):
    return x + y


@hypotenuse.mistake("No answer at all.")
def fails(x, y):
    raise ValueError


def right(x, y):
    return (x**2 + y**2) ** 0.5


def test_a_right_answer():
    result = hypotenuse(right)
    assert result.passed and result.started and result
    assert str(result) == "Passed: hypotenuse\n`hypotenuse` knows Pythagoras."


def test_a_wrong_answer_is_shown_with_its_input():
    result = hypotenuse(lambda x, y: x * y)
    assert not result and result.started
    assert str(result).splitlines() == [
        "Not right yet: hypotenuse",
        "  given     x = 3, y = 4",
        "  got       12",
        "  expected  5",
        "Think of the squares.",
    ]


def test_a_usual_mistake_is_recognised():
    assert hypotenuse(lambda x, y: y + x).message.endswith("That is the way round the corner.")


def test_a_mistake_is_recognised_only_when_every_case_agrees():
    """3 + 4 = 7 by chance is no proof of anything."""
    assert "Think of the squares" in hypotenuse(lambda x, y: 7.0).message


@pytest.mark.parametrize(
    "answer", [None, ..., lambda x, y: None, lambda x, y: ..., lambda x, y: NotImplemented]
)
def test_nothing_handed_over_is_not_done_yet(answer):
    result = hypotenuse(answer)
    assert not result.passed and not result.started
    assert str(result).startswith("Not done yet: hypotenuse")


def test_a_missing_return_is_thought_of():
    assert "missing `return`" in hypotenuse(lambda x, y: None).message


class Sides:
    def __call__(self, x, y):
        return abs(complex(x, y))


@pytest.mark.parametrize(
    "answer", [Sides, Sides(), np.hypot, lambda x, y: torch.tensor([x, y]).norm()]
)
def test_any_callable_will_do(answer):
    assert hypotenuse(answer).passed


def test_a_result_in_place_of_the_function_is_named():
    assert "the function itself" in hypotenuse(5.0).message


def test_an_error_of_the_students_is_reported_with_its_line():
    def broken(x, y):
        sides = [x, y]
        return sides[2]

    message = hypotenuse(broken).message
    assert "IndexError: list index out of range" in message
    assert "`return sides[2]`" in message
    assert f"line {broken.__code__.co_firstlineno + 2}" in message
    assert "x = 3, y = 4" in message


def test_the_line_is_the_students_even_if_the_error_comes_from_a_library():
    def broken(x, y):
        return np.linalg.norm([x, y], axis=7)

    assert "`return np.linalg.norm([x, y], axis=7)`" in hypotenuse(broken).message


def test_an_error_in_a_helper_of_theirs_points_into_the_helper():
    def helper(x):
        return 1 / (x - x)

    assert "`return 1 / (x - x)`" in hypotenuse(lambda x, y: helper(x)).message


def test_code_without_a_file_is_reported_without_a_source_line():
    room = {}
    exec("def broken(x, y):\n    return x / 0", room)
    assert "ZeroDivisionError" in hypotenuse(room["broken"]).message
    assert "line 2" in hypotenuse(room["broken"]).message


def test_wrong_arguments_are_answered_with_the_call():
    message = hypotenuse(lambda x: x).message
    assert "hypotenuse(x, y)" in message and "arguments of the stub" in message


def test_no_traceback_comes_through():
    class Hostile:
        def __init__(self):
            raise ValueError("no object for you")

    assert "no object for you" in hypotenuse(Hostile).message


def test_an_operation_that_pytorch_lacks_is_no_stub():
    """PyTorch raises NotImplementedError for it, as a stub does."""

    def of_whole_numbers(x, y):
        return torch.tensor([1, 2]).lerp_(torch.tensor([3, 4]), 0.5)

    assert hypotenuse(of_whole_numbers).started


def test_a_result_that_breaks_the_check_is_no_traceback():
    class Strange(torch.Tensor):
        def detach(self):
            raise OSError("not even detached")

    assert "not even detached" in hypotenuse(lambda x, y: Strange()).message


def test_keyboard_interrupt_is_not_swallowed():
    def endless(x, y):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hypotenuse(endless)


def test_inputs_are_copies():
    @exercise(minutes=1, difficulty="easy", call="(x)")
    def unchanged(answer):
        x = torch.zeros(3)
        answer(x)
        assert not x.any()
        return "fine"

    assert unchanged(lambda x: x.add_(1)).passed


def test_the_same_number_for_another_input_is_another_mistake():
    @exercise(minutes=1, difficulty="easy", call="(x)")
    def in_two_parts(answer):
        compare(answer, [(1.0,)], lambda x: x, "First part.")
        compare(answer, [(2.0,)], lambda x: x, "Second part.")
        return "fine"

    in_two_parts.mistake("That is always 7.")(lambda x: 7.0)
    assert in_two_parts(lambda x: 7.0 if x == 1 else x).message.endswith("That is always 7.")
    assert in_two_parts(lambda x: 7.0 if x == 2 else x).message.endswith("Second part.")


def test_one_exercise_can_take_over_the_mistakes_of_another():
    @exercise(minutes=1, difficulty="easy", call="(x)")
    def half(answer):
        compare(answer, [(8.0,)], lambda x: x / 2, "Try again.")
        return "fine"

    half.inherit(hypotenuse, lambda mistake: lambda x: mistake(x, x))
    assert half(lambda x: 2 * x).message.endswith("That is the way round the corner.")


def test_a_check_can_differentiate_inside_no_grad():
    @exercise(minutes=1, difficulty="easy", call="(x)")
    def slope(answer):
        x = torch.ones((), requires_grad=True)
        assert torch.autograd.grad(answer(x), x)[0] == 2
        return "fine"

    with torch.no_grad():
        assert slope(lambda x: x * x).passed


def test_the_html_says_the_same_and_is_safe():
    def broken(x, y):
        raise ValueError("<script>alert(1)</script> & co")

    markup = hypotenuse(broken)._repr_html_()
    assert "&lt;script&gt;" in markup and "<script>" not in markup
    assert "Not right yet: hypotenuse" in markup
    assert re.search(
        "<code[^>]*>hypotenuse</code> knows Pythagoras", hypotenuse(right)._repr_html_()
    )


def test_lines_fit_a_page():
    @exercise(minutes=1, difficulty="hard", call="(x)")
    def wordy(answer):
        raise Wrong("x = 1", "word " * 60, "silence", "why " * 60)

    assert max(len(line) for line in str(wordy(right)).splitlines()) <= 88


def test_what_a_page_says_of_an_exercise():
    assert (hypotenuse.name, hypotenuse.minutes, hypotenuse.difficulty) == ("hypotenuse", 5, "easy")
    assert hypotenuse.__doc__ == "Two sides of a right angle -> the third."
    assert repr(hypotenuse) == "hypotenuse: 5 minutes, easy"


@pytest.mark.parametrize(
    "value, shown",
    [
        (1.0, "1"),
        (0.123456, "0.1235"),
        (3, "3"),
        (True, "True"),
        ("text", "text"),
        (torch.tensor([0.5, 2]), "[0.5, 2]"),
        (torch.zeros(4, 2), "a tensor of shape (4, 2)"),
        (torch.tensor([[7]]), "7"),
        (torch.zeros(9), "a tensor of shape (9,)"),
        (np.array([1.5]), "[1.5]"),
        (np.float32(2), "2"),
        (np.float64(2), "2"),
        ([1], "a list"),
        (float("nan"), "nan"),
        (torch.nn.Identity(), "an Identity"),
    ],
)
def test_show(value, shown):
    assert show(value) == shown


def test_near():
    def both(a, b):
        return near(torch.tensor([1.0, a]), torch.tensor([1.0, b]))

    assert both(1000.5, 1000.0) and both(0.0005, 0.0)
    assert not both(1.01, 1.0) and not both(0.002, 0.0)
    nan, inf = float("nan"), float("inf")
    assert not both(nan, nan) and not both(1.0, inf) and not both(inf, inf)
    assert not near(torch.zeros(2), torch.zeros(1))


def test_every_piece_of_advice_is_for_a_real_error():
    """Errors are known by PyTorch's and Python's words, which may change with their versions."""
    weight = torch.nn.Parameter(torch.ones(2))

    def twice():
        y = (weight * weight).sum()
        y.backward()
        y.backward()

    errors = [
        lambda: torch.ones(2).sum().backward(),
        weight.numpy,
        lambda: None.backward(),
        lambda: weight.mul_(2),
        lambda: torch.nn.functional.binary_cross_entropy_with_logits(
            torch.zeros(2), torch.ones(2, dtype=torch.long)
        ),
        lambda: torch.tensor([1]).lerp_(torch.tensor([2]), 0.5),
        lambda: right(1),
        twice,
        lambda: undefined_name,  # noqa: F821
    ]
    given = []
    for error in errors:
        with pytest.raises(Exception) as caught:
            error()
        given.append(checking.advice(caught.value))
    assert given == list(checking.ADVICE.values())
