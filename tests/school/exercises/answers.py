"""What every chapter's checkers are tested for, written once; a chapter's file holds its answers and what is special.

    answers = Answers(check.EXERCISES)
    wrong, right = answers.wrong, answers.right

    @wrong(check.one_hot, "shouts")
    def the_number_itself(labels, classes): ...

    TestCheckers = answers.tests(giveaways=["F.one_hot", "scatter"])

pytest finds `TestCheckers` in the chapter's file like any class of tests, and a failure names that file and the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import pytest
import torch

from gancourse.school.exercises.checking import Exercise, Result


def stub(*arguments): ...


def bare_raise(*arguments):
    raise NotImplementedError


def returns_dots(*arguments):
    return ...


UNDONE = {
    "None": None,
    "dots": ...,
    "stub": stub,
    "raise": bare_raise,
    "returns dots": returns_dots,
}


@cache
def run(exercise: Exercise, answer: Callable) -> tuple[Result, bool]:
    """What a checker says of an answer, and whether it left the dice alone. Several tests ask; it runs once."""
    before = torch.get_rng_state()
    result = exercise(answer)
    return result, torch.equal(torch.get_rng_state(), before)


def of(exercise: Exercise, cases: list) -> list:
    """The cases that are answers to this exercise."""
    return [case for case in cases if case.values[0] is exercise]


class Answers:
    """A chapter's answers, collected by the decorators `wrong` and `right`, and the tests that they are there for."""

    def __init__(self, exercises: Sequence[Exercise]):
        self.exercises = exercises
        self.all_wrong, self.all_right = [], []

    def wrong(self, exercise: Exercise, *words: str) -> Callable[[Callable], Callable]:
        """Mark an answer that `exercise` must refuse, with these words in the explanation."""

        def collect(answer):
            self.all_wrong.append(
                pytest.param(exercise, answer, words, id=f"{exercise.name}-{answer.__name__}")
            )
            return answer

        return collect

    def right(self, exercise: Exercise) -> Callable[[Callable], Callable]:
        """Mark an answer that `exercise` must accept."""

        def collect(answer):
            self.all_right.append(
                pytest.param(exercise, answer, id=f"{exercise.name}-{answer.__name__}")
            )
            return answer

        return collect

    def tests(self, giveaways: Sequence[str]) -> type:
        """A class of tests for pytest to find. `giveaways` are words of the solutions, which no explanation may use."""
        all_wrong, all_right = self.all_wrong, self.all_right
        each_exercise = pytest.mark.parametrize(
            "exercise", self.exercises, ids=lambda exercise: exercise.name
        )

        class Tests:
            @pytest.mark.parametrize("exercise, answer, words", all_wrong)
            def test_a_wrong_answer_is_explained(self, exercise, answer, words):
                result, _ = run(exercise, answer)
                assert not result.passed and result.started, result
                assert [word for word in words if word not in result.message] == [], result

            @pytest.mark.parametrize("exercise, answer", all_right)
            def test_a_right_answer_passes_however_it_is_written(self, exercise, answer):
                result, _ = run(exercise, answer)
                assert result.passed, result

            @pytest.mark.parametrize("answer", UNDONE.values(), ids=UNDONE)
            @each_exercise
            def test_a_stub_is_not_done_yet(self, exercise, answer):
                result = exercise(answer)
                assert not result.passed and not result.started, result
                assert str(result).startswith("Not done yet")

            @each_exercise
            def test_every_exercise_is_held_against_enough_answers(self, exercise):
                assert len(of(exercise, all_wrong)) >= 3
                assert len(of(exercise, all_right)) >= 3  # the usual one and two unusual ones

            @each_exercise
            def test_no_explanation_gives_the_solution(self, exercise):
                """Messages hint: they name none of the functions and methods that an answer is made of."""
                for case in of(exercise, all_wrong):
                    result, _ = run(*case.values[:2])
                    why = result.message.splitlines()[-1]
                    assert [word for word in giveaways if word in why] == [], f"{case.id}: {why}"

            def test_a_check_leaves_the_dice_alone(self):
                for case in [*all_wrong, *all_right]:
                    _, left_alone = run(*case.values[:2])
                    assert left_alone, case.id

        return Tests
