"""Recipe, the base of every Config: forms, scales, changes, and what is refused."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, dataclass, fields
from importlib import import_module
from typing import ClassVar

import pytest

from gancourse.files import CourseError
from gancourse.models import CHAPTERS
from gancourse.recipe import Recipe


@dataclass(frozen=True)
class Tea(Recipe):
    FORMS: ClassVar[dict[str, dict]] = {"green": {}, "black": {"minutes": 4, "sugar": 2}}
    SCALES: ClassVar[dict[str, dict[str, dict]]] = {"sip": {"black": {"minutes": 1}}, "full": {}}
    DEFAULT: ClassVar[str] = "green"
    CHOICES: ClassVar[dict] = {"form": FORMS, "cup": ("small", "large")}
    POSITIVE: ClassVar[tuple[str, ...]] = ("minutes",)
    RANGES: ClassVar[dict] = {"milk": (0, 1), "sugar": (0, math.inf)}

    form: str = "green"
    cup: str = "small"
    minutes: float = 3
    sugar: int = 0
    milk: float = 0.5


def test_a_change_outranks_the_scale_the_scale_the_form_and_the_form_the_default():
    assert Tea.at() == Tea()
    assert Tea.at("full", "black") == Tea("black", minutes=4, sugar=2)
    assert Tea.at("sip", "black") == Tea("black", minutes=1, sugar=2)
    assert Tea.at("sip", "black", minutes=9).minutes == 9
    assert Tea.at("sip") == Tea(), "a scale need not know every form"
    assert Tea.FORMS["black"] == {"minutes": 4, "sugar": 2}, "recipes are read, never written"


@pytest.mark.parametrize(("scale", "form"), [("gulp", "green"), ("full", "white")])
def test_an_unknown_form_or_scale_lists_the_known(scale, form):
    with pytest.raises(
        CourseError, match=f"form='{form}' at scale='{scale}'.*green, black.*sip, full"
    ):
        Tea.at(scale, form)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("sugar", 2.5, "a whole number"),
        ("sugar", True, "a whole number"),
        ("sugar", "2", "a whole number"),
        ("milk", "much", "a number"),
        ("milk", None, "a number"),
        ("milk", False, "a number"),
    ],
)
def test_a_value_of_another_kind_is_refused(field, value, what):
    with pytest.raises(CourseError, match=f"^{field}={value!r} was given; it must be {what}"):
        Tea(**{field: value})
    assert Tea(milk=0).milk == 0, "a whole number is a number"


def test_values_that_are_none_of_the_choices_or_not_above_zero():
    with pytest.raises(CourseError, match="cup='bucket' is not known. Choose one of: small, large"):
        Tea(cup="bucket")
    for minutes in (0, -1, float("nan")):
        with pytest.raises(CourseError, match="minutes=.* above 0"):
            Tea.at(minutes=minutes)
    assert Tea(sugar=0).options == {}
    with pytest.raises(FrozenInstanceError):
        Tea().sugar = 1


def test_values_out_of_their_range():
    for milk in (-0.1, 1, math.nan, math.inf):
        with pytest.raises(
            CourseError, match=f"milk={milk} was given; it must be 0 or more, and below 1"
        ):
            Tea(milk=milk)
    with pytest.raises(CourseError, match="sugar=-1 was given; it must be 0 or more, and finite"):
        Tea(sugar=-1)
    with pytest.raises(CourseError, match="minutes=inf was given; it must be above 0 and finite"):
        Tea(minutes=math.inf)
    assert Tea(milk=0, sugar=10**9).milk == 0


@dataclass(frozen=True)
class Sheet(Recipe):
    FORMS: ClassVar[dict[str, dict]] = {"flat": {}, "line": {"shape": (5,)}}
    SCALES: ClassVar[dict[str, dict[str, dict]]] = {"full": {}}
    DEFAULT: ClassVar[str] = "flat"

    form: str = "flat"
    shape: tuple[int, ...] = (2, 3)


def test_a_shape_has_as_many_numbers_as_its_forms():
    assert Sheet.at(shape=(7, 1)).shape == (7, 1) and Sheet.at(form="line").shape == (5,)
    for shape in ((), (1,), (1, 2, 3), (0, 2), (2, -1), (2, 1.5)):
        with pytest.raises(
            CourseError, match=r"shape=.* was given; of form='flat' it must be .* as in \(2, 3\)"
        ):
            Sheet(shape=shape)
    with pytest.raises(CourseError, match=r"form='line' .* as many as in \(5,\)"):
        Sheet(form="line", shape=(2, 3))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_number_of_a_chapter_may_be_infinite_or_none_at_all(chapter):
    config = import_module(f"gancourse.chapters.{chapter}").Config
    floats = [field.name for field in fields(config) if isinstance(field.default, float)]
    assert {"lr", "beta1", "ema"} <= set(floats)
    for name in floats:
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(CourseError, match=f"{name}="):
                config.at("check", **{name: value})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_every_form_at_every_scale(chapter):
    config = import_module(f"gancourse.chapters.{chapter}").Config
    assert issubclass(config, Recipe) and config.DEFAULT in config.FORMS
    assert set(config.SCALES) == {"check", "class", "full"}
    names = {field.name for field in fields(config)}
    for rules in (config.CHOICES, config.POSITIVE, config.RANGES):
        assert set(rules) <= names
    for scale, forms in config.SCALES.items():
        assert set(forms) <= set(config.FORMS), scale
        for form in config.FORMS:
            made = config.at(scale, form)
            assert made.form == form and isinstance(made.options, dict)
