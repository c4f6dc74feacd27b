"""Recipe, the base of every Config: forms, scales, changes, and what is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from importlib import import_module
from typing import ClassVar

import pytest

from gancourse.files import CourseError
from gancourse.published import CHAPTERS
from gancourse.recipe import Recipe


@dataclass(frozen=True)
class Tea(Recipe):
    FORMS: ClassVar[dict[str, dict]] = {"green": {}, "black": {"minutes": 4, "sugar": 2}}
    SCALES: ClassVar[dict[str, dict[str, dict]]] = {"sip": {"black": {"minutes": 1}}, "full": {}}
    DEFAULT: ClassVar[str] = "green"
    CHOICES: ClassVar[dict] = {"form": FORMS, "cup": ("small", "large")}
    POSITIVE: ClassVar[tuple[str, ...]] = ("minutes",)

    form: str = "green"
    cup: str = "small"
    minutes: float = 3
    sugar: int = 0


def test_a_change_outranks_the_scale_the_scale_the_form_and_the_form_the_default():
    assert Tea.at() == Tea()
    assert Tea.at("full", "black") == Tea("black", minutes=4, sugar=2)
    assert Tea.at("sip", "black") == Tea("black", minutes=1, sugar=2)
    assert Tea.at("sip", "black", minutes=9).minutes == 9
    assert Tea.at("sip") == Tea(), "a scale need not know every form"
    assert Tea.FORMS["black"] == {"minutes": 4, "sugar": 2}, "recipes are read, never written"


@pytest.mark.parametrize(("scale", "form"), [("gulp", "green"), ("full", "white")])
def test_an_unknown_form_or_scale_lists_the_known(scale, form):
    with pytest.raises(CourseError, match=f"form='{form}' at scale='{scale}'.*green, black.*sip, full"):
        Tea.at(scale, form)


def test_values_that_are_none_of_the_choices_or_not_above_zero():
    with pytest.raises(CourseError, match="cup='bucket' is not known. Choose one of: small, large"):
        Tea(cup="bucket")
    for minutes in (0, -1, float("nan")):
        with pytest.raises(CourseError, match="minutes=.* above 0"):
            Tea.at(minutes=minutes)
    assert Tea(sugar=0).options == {}
    with pytest.raises(FrozenInstanceError):
        Tea().sugar = 1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_every_form_at_every_scale(chapter):
    config = import_module(f"gancourse.chapters.{chapter}").Config
    assert issubclass(config, Recipe) and config.DEFAULT in config.FORMS
    assert set(config.SCALES) == {"check", "class", "full"}
    names = {field.name for field in fields(config)}
    for rules in (config.CHOICES, config.POSITIVE):
        assert set(rules) <= names
    for scale, forms in config.SCALES.items():
        assert set(forms) <= set(config.FORMS), scale
        for form in config.FORMS:
            made = config.at(scale, form)
            assert made.form == form and isinstance(made.options, dict)
