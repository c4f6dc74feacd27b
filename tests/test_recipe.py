"""Recipe, the base of every Config: forms, scales, rules, and what is refused; and how values are
read and written.
"""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from gancourse.chapters import CHAPTERS, configure
from gancourse.files import CourseError
from gancourse.recipe import Recipe, read, setting, spell


@dataclass(frozen=True)
class Tea(Recipe):
    chapter, DEFAULT = "tea", "green"
    FORMS = {"green": {}, "black": {"minutes": 4, "sugar": 2}, "point": {"shape": (5,)}}
    SCALES = {"sip": {"black": {"minutes": 1}, "black ice": {"minutes": 2, "milk": 0}}, "full": {}}

    form: str = "green"
    shape: tuple[int, ...] = (2, 3)
    cup: str = setting("small", "what it is drunk from", choices=("small", "large"))
    minutes: float = setting(3, "how long it draws", above=0)
    sugar: int = setting(0, "lumps", least=0, only={"form": ["black"]})
    milk: float = setting(0.5, "the fraction of the cup", least=0, below=1)
    lid: bool = setting(True, "whether it is covered")


@dataclass(frozen=True)
class Iced(Tea):
    unused = ("milk",)

    minutes: float = 60


def test_a_change_outranks_the_scale_the_scale_the_form_and_the_form_the_default():
    assert Tea.at() == Tea()
    assert Tea.at("full", "black") == Tea("black", minutes=4, sugar=2)
    assert Tea.at("sip", "black") == Tea("black", minutes=1, sugar=2)
    assert Tea.at("sip", "black", minutes=9).minutes == 9
    assert Tea.at("sip") == Tea(), "a scale need not know every form"
    assert Tea.at("sip", "black", pictures="ice") == Tea(
        "black", minutes=2, sugar=2, milk=0, pictures="ice"
    )
    assert Tea.at("sip", "black", pictures="ice", milk=0.1).milk == 0.1
    assert Tea.at("full", "black", pictures="ice").minutes == 4, "has no recipe of its own there"
    assert Tea.FORMS["black"] == {"minutes": 4, "sugar": 2}, "recipes are read, never written"


@pytest.mark.parametrize(
    ("scale", "form", "words"),
    [
        ("gulp", "green", "^scale='gulp': not known; choose one of: sip, full.$"),
        ("full", "white", "^form='white': not known; choose one of: green, black, point.$"),
    ],
)
def test_an_unknown_form_or_scale_lists_the_known(scale, form, words):
    with pytest.raises(CourseError, match=words):
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
        ("lid", 1, "True or False"),
        ("lid", "False", "True or False"),
        ("cup", 3, "text"),
        ("shape", [2, 3], "whole numbers with commas"),
        ("shape", (2, 1.5), "whole numbers with commas"),
    ],
)
def test_a_value_of_another_type_is_refused(field, value, what):
    with pytest.raises(CourseError, match=f"^{field}=.*: not {what}.*; give a value such as"):
        Tea(**{field: value})
    assert Tea(milk=0).milk == 0, "a whole number is a number"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cup", "bucket", "^cup='bucket': not known; choose one of: small, large.$"),
        ("minutes", 0, "^minutes=0: out of range; give above 0.$"),
        ("minutes", math.inf, "^minutes=inf: out of range"),
        ("minutes", math.nan, "^minutes=nan: out of range"),
        ("milk", -0.1, "^milk=-0.1: out of range; give 0 or more and less than 1.$"),
        ("milk", 1, "^milk=1: out of range"),
        ("shape", (0, 2), r"^shape=\(0, 2\): out of range; give 1 or more.$"),
        ("shape", (1, 2, 3), "^shape=.*: 3 numbers; form='green' has 2, as in"),
        ("shape", (), "^shape=.*: 0 numbers"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused(field, value, words):
    with pytest.raises(CourseError, match=words):
        Tea(**{field: value})


def test_a_setting_that_a_form_ignores_is_refused():
    with pytest.raises(
        CourseError,
        match="^sugar=2: form='green' does not use it; leave it out, or choose form=black.$",
    ):
        Tea(sugar=2)
    assert Tea(sugar=0) == Tea(), "its default says nothing"
    assert Tea("black", sugar=5).sugar == 5
    with pytest.raises(CourseError, match="^milk=0.1: the game of chapter tea does not use it"):
        Iced(milk=0.1)


def test_a_default_that_changes_keeps_the_rule():
    assert Iced().minutes == 60 and Iced.rule("minutes") == Tea.rule("minutes")
    with pytest.raises(CourseError, match="^minutes=0: out of range"):
        Iced(minutes=0)


def test_a_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Tea().sugar = 1


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bool", "False", False),
        ("bool", "no", False),
        ("bool", "0", False),
        ("bool", "true", True),
        ("bool", " ON ", True),
        ("int", "12", 12),
        ("float", "1e-3", 1e-3),
        ("str", "a, b = c", "a, b = c"),
        ("tuple[int, ...]", "3,64,64", (3, 64, 64)),
        ("tuple[int, ...]", "(3, 64, 64)", (3, 64, 64)),
        ("tuple[int, ...]", "10,", (10,)),
    ],
)
def test_a_value_is_read_by_its_declared_type(kind, text, value):
    found = read("name", text, kind)
    assert found == value and type(found) is type(value)
    assert read("name", spell(value), kind) == value, "what is spelled can be read"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bool", "perhaps"),
        ("bool", ""),
        ("int", "1.5"),
        ("int", ""),
        ("float", "x"),
        ("tuple[int, ...]", "3;4"),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(kind, text):
    with pytest.raises(CourseError, match=f"^name={text}: not .*; write, for example, name="):
        read("name", text, kind)


def test_changes_are_read_as_their_settings_types():
    assert Tea.read("sip", ["form=black", "lid=False", "milk=0"]) == Tea.at(
        "sip", "black", lid=False, milk=0.0
    )
    with pytest.raises(
        CourseError, match="^ice=1: chapter tea has no such setting; it has form, shape, .*, lid.$"
    ):
        Tea.read("full", ["ice=1"])
    with pytest.raises(CourseError, match="^lid: not of the form name=value"):
        Tea.read("full", ["lid"])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_stored_config_comes_back_through_json(chapter):
    config = CHAPTERS[chapter].config.at("check")
    stored = json.loads(json.dumps({**config.stored(), "seed": 3, "data": {"rows": 1}}))
    assert stored["chapter"] == chapter
    assert configure(stored) == config
    with pytest.raises(CourseError, match="^chapter=None: not known; choose one of: gan, "):
        configure({})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_setting_of_a_chapter_says_what_it_means_and_is_read_from_text(chapter):
    config = CHAPTERS[chapter].config
    rows = {name: meaning for name, _, meaning in config.table()}
    assert set(rows) == {each.name for each in fields(config)} - set(config.unused)
    assert all(rows.values())
    for each in fields(config):
        assert read(each.name, spell(each.default), each.type) == each.default


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_number_of_a_chapter_may_be_infinite_or_none_at_all(chapter):
    config = CHAPTERS[chapter].config
    floats = [field.name for field in fields(config) if isinstance(field.default, float)]
    assert {"lr", "beta1", "ema"} <= set(floats)
    for name in floats:
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(CourseError, match=f"{name}="):
                config.at("check", **{name: value})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_every_form_at_every_scale(chapter):
    config = CHAPTERS[chapter].config
    assert (
        issubclass(config, Recipe) and config.DEFAULT in config.FORMS and config.chapter == chapter
    )
    assert set(config.SCALES) == {"check", "class", "full", "gpu"}
    names = {field.name for field in fields(config)}
    assert set(config.OWN) | set(config.unused) <= names
    for scale, forms in config.SCALES.items():
        assert {each.partition(" ")[0] for each in forms} <= set(config.FORMS), scale
        for form in config.FORMS:
            made = config.at(scale, form)
            assert made.form == form and isinstance(made.options, dict)
