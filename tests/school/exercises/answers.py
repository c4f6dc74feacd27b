"""What every chapter's exercises are tested for, once; a chapter's file holds what is special.

    answers = Answers(check.EXERCISES)
    wrong, right = answers.wrong, answers.right

    @wrong(check.one_hot, "-1 from the end")
    def rows_of_the_identity(labels, classes): ...

    TestExercises = answers.tests(giveaways=["F.one_hot", "scatter"])

The mistakes that an exercise registers are wrong answers too. pytest finds `TestExercises` in the
chapter's file like any class of tests, and a failure names that file and the answer.
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
    """What an exercise says of an answer, and whether it left the dice alone. It runs once."""
    before = torch.get_rng_state()
    result = exercise(answer)
    return result, torch.equal(torch.get_rng_state(), before)


def of(exercise: Exercise, cases: list) -> list:
    """The cases that are answers to this exercise."""
    return [case for case in cases if case.values[0] is exercise]


def case(exercise: Exercise, answer: Callable, *words: str):
    """A row of a test, known by the answer's name, or by its words if it was made by another."""
    name = getattr(answer, "__qualname__", "<partial>")
    label = " ".join(words)[:40] if "<" in name else name
    return pytest.param(exercise, answer, words, id=f"{exercise.name}-{label}")


class Answers:
    """A chapter's answers, collected by `wrong` and `right`, and the tests that they are for."""

    def __init__(self, exercises: Sequence[Exercise]):
        self.exercises = exercises
        self.all_wrong = [case(x, *mistake) for x in exercises for mistake in x.mistakes]
        self.all_right = []

    def wrong(self, exercise: Exercise, *words: str) -> Callable[[Callable], Callable]:
        """Mark an answer that `exercise` must refuse, with these words in the explanation."""

        def collect(answer):
            self.all_wrong.append(case(exercise, answer, *words))
            return answer

        return collect

    def right(self, exercise: Exercise) -> Callable[[Callable], Callable]:
        """Mark an answer that `exercise` must accept."""

        def collect(answer):
            self.all_right.append(case(exercise, answer))
            return answer

        return collect

    def tests(self, giveaways: Sequence[str]) -> type:
        """A class of tests. `giveaways` are words of solutions, which no explanation may use."""
        all_wrong, all_right = self.all_wrong, self.all_right
        each_exercise = pytest.mark.parametrize(
            "exercise", self.exercises, ids=lambda exercise: exercise.name
        )

        class Tests:
            @pytest.mark.parametrize("exercise, answer, words", all_wrong)
            def test_a_wrong_answer_is_explained(self, exercise, answer, words):
                result, left_alone = run(exercise, answer)
                assert not result.passed and result.started, result
                assert [word for word in words if word not in result.message] == [], result
                assert left_alone

            @pytest.mark.parametrize("exercise, answer, words", all_right)
            def test_a_right_answer_passes_however_it_is_written(self, exercise, answer, words):
                result, left_alone = run(exercise, answer)
                assert result.passed and left_alone, result

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
                """Messages hint: they name none of the functions that an answer is made of."""
                for each in of(exercise, all_wrong):
                    why = run(*each.values[:2])[0].message.splitlines()[-1]
                    assert [word for word in giveaways if word in why] == [], f"{each.id}: {why}"

        return Tests
