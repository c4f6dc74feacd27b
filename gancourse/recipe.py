"""Every number of a run, stated once: its default, its bounds, its meaning and where it is used, in
one line.

A chapter's Config is a frozen dataclass on top of `Recipe`, with one recipe for each form and
scale. What a command line, a model card or a notebook's parameter says is read by `read`, and
written by `spell`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from gancourse.files import CourseError

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "text",
    "tuple[int, ...]": "whole numbers with commas between them",
}


@dataclass(frozen=True)
class Rule:
    """What a setting may be, and what it means.

    `only` says where it is used: elsewhere it must keep its default. What does not train changes
    what a model draws and none of its weights, so that a finished run may still change it.
    """

    meaning: str = ""
    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    choices: Iterable | None = None
    only: Mapping[str, tuple] = field(default_factory=dict)
    trains: bool = True

    def holds(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and self.least <= value <= self.most
            and (value > self.above and value < self.below)
        )

    @property
    def range(self) -> str:
        """The bounds in words: "0 or more and less than 1"."""
        said = {
            "above {}": self.above,
            "{} or more": self.least,
            "at most {}": self.most,
            "less than {}": self.below,
        }
        return " and ".join(
            words.format(bound) for words, bound in said.items() if math.isfinite(bound)
        )


def setting(default, meaning: str, **rule):
    """A field of a Config: its default, its meaning, and the further parts of a `Rule`."""
    return field(default=default, metadata={"rule": Rule(meaning, **rule)})


@dataclass(frozen=True)
class Recipe:
    """The base of a chapter's Config. A Config that only changes a default keeps the rule.

    Class attributes:
        chapter: its name in `gancourse.chapters.CHAPTERS`.
        FORMS: form -> the values in which it differs from the Config's defaults.
        SCALES: scale -> form -> the values in which that scale differs from the form's. Where a
            data set has a recipe of its own, as "conv fashion" has, it comes on top.
        DEFAULT: the form that `at` takes when none is named.
        OWN: what changes for a reader's own data; empty where it cannot be trained on any.
        takes: what kind of data it learns from, a kind of `gancourse.data.folders.own`.
        unused: settings of a base class that this chapter's game has no use for.
    """

    chapter: ClassVar[str] = ""
    FORMS: ClassVar[dict[str, dict]]
    SCALES: ClassVar[dict[str, dict[str, dict]]]
    DEFAULT: ClassVar[str]
    OWN: ClassVar[dict] = {}
    takes: ClassVar[str] = "pictures"
    unused: ClassVar[tuple[str, ...]] = ()

    form: str = setting("", "which game is played; see the top of the chapter's file")
    shape: tuple[int, ...] = setting(
        (1, 28, 28), "of one sample: (channels, height, width)", least=1
    )
    pictures: str = setting(
        "digits", "the data set, as gancourse.data.load calls it; yours: your own"
    )
    split: str = setting("train", "which part of the data set is learned from")
    steps: int = setting(1, "length of the run", least=1)
    batch_size: int = setting(1, "samples per step", least=1)
    ema: float = setting(0.0, "decay per step of the averaged networks; 0: none", least=0, below=1)
    starts_from: str = setting("", "published model or run whose weights this run begins with")

    def __post_init__(self):
        for each in fields(self):
            self.check(each.name, each.type)
        usual = self.FORMS[self.form].get("shape", type(self).shape)
        if len(self.shape) != len(usual):
            raise CourseError(
                f"shape={self.shape}: {len(self.shape)} numbers; form={self.form!r} has "
                f"{len(usual)}, as in {usual}."
            )

    def check(self, name: str, kind: str) -> None:
        """Raise a CourseError unless a value is of its kind, within its bounds, and used."""
        value, rule = getattr(self, name), self.rule(name)
        if not is_a(kind, value):
            raise CourseError(
                f"{name}={value!r}: not {KINDS[kind]}; give a value such as "
                f"{type(self).default(name)!r}."
            )
        choices = self.FORMS if name == "form" else rule.choices
        if choices is not None and value not in choices:
            raise CourseError(
                f"{name}={value!r}: not known; choose one of: {', '.join(map(str, choices))}."
            )
        numbers = value if isinstance(value, tuple) else [value] if isinstance(value, Real) else []
        if not all(rule.holds(number) for number in numbers):
            raise CourseError(
                f"{name}={value!r}: out of range; give {rule.range or 'a finite number'}."
            )
        if value == type(self).default(name):
            return
        if name in self.unused:
            raise CourseError(
                f"{name}={value!r}: the game of chapter {self.chapter} does not use it; leave it "
                "out."
            )
        for other, values in rule.only.items():
            if getattr(self, other) not in values:
                raise CourseError(
                    f"{name}={value!r}: {other}={getattr(self, other)!r} does not use it; leave it "
                    f"out, or choose {other}={' or '.join(map(str, values))}."
                )

    @classmethod
    def rule(cls, name: str) -> Rule:
        """The rule of a setting: its own class's, or that of the nearest base that states one."""
        for base in cls.__mro__:
            stated = getattr(base, "__dataclass_fields__", {}).get(name)
            if stated is not None and "rule" in stated.metadata:
                return stated.metadata["rule"]
        return Rule()

    @classmethod
    def drawing(cls) -> tuple[str, ...]:
        """The settings that change what a model draws and none of its weights."""
        return tuple(each.name for each in fields(cls) if not cls.rule(each.name).trains)

    @classmethod
    def default(cls, name: str):
        return cls.__dataclass_fields__[name].default

    @classmethod
    def at(cls, scale: str = "full", /, form: str | None = None, **changes) -> Self:
        """The recipe of a form at a scale.

        Args:
            scale: "check" (seconds), "class" (minutes), "full" (what made the published weights)
                or "gpu" (the paper's sizes and steps).
            changes: outrank the recipe. pictures also chooses it, where there is one for them.

        Raises:
            CourseError: an unknown form or scale, or a value that is not allowed.
        """
        form = form or cls.DEFAULT
        for name, given, known in (("form", form, cls.FORMS), ("scale", scale, cls.SCALES)):
            if given not in known:
                raise CourseError(
                    f"{name}={given!r}: not known; choose one of: {', '.join(known)}."
                )
        of_form, scaled = cls.FORMS[form], cls.SCALES[scale]
        of_pictures = scaled.get(f"{form} {changes.get('pictures')}", {})
        return cls(form=form, **{**of_form, **scaled.get(form, {}), **of_pictures, **changes})

    @classmethod
    def read(cls, scale: str, changes: Iterable[str]) -> Self:
        """The recipe at a scale with changes such as "steps=500", each value read as its setting's
        type.

        Raises:
            CourseError: no such setting, or a value that is not allowed.
        """
        values = dict(split_pair(change) for change in changes)
        kinds = {each.name: each.type for each in fields(cls)}
        for name, text in values.items():
            if name not in kinds:
                raise CourseError(
                    f"{name}={text}: chapter {cls.chapter} has no such setting; it has "
                    f"{', '.join(kinds)}."
                )
        return cls.at(
            scale, **{name: read(name, text, kinds[name]) for name, text in values.items()}
        )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The Config that a run's config.json holds; what the training loop added is left out."""
        known = {each.name for each in fields(cls)}
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
        return cls(**{name: value for name, value in values.items() if name in known})

    @classmethod
    def completed(cls, settings: Mapping[str, Any]) -> dict:
        """What a run's config.json holds, with the settings that the course has gained since. Their
        defaults do what it did before it had them.
        """
        return {**cls.of(settings).stored(), **settings}

    def stored(self) -> dict:
        """This Config as a run's config.json holds it: plain values, and the chapter's name."""
        values = asdict(self).items()
        return {
            "chapter": self.chapter,
            **{name: list(value) if isinstance(value, tuple) else value for name, value in values},
        }

    def suited(self, data) -> Self:
        """This recipe for a reader's own data, as `gancourse.data.folders.own` has read them."""
        return replace(self, pictures="yours", split="train")

    @property
    def options(self) -> dict:
        """What `gancourse.data.load` is given besides the name and the split."""
        return {}

    @property
    def borrows(self) -> dict[str, str]:
        """Frozen networks of others: name -> a published model, or a run's folder."""
        return {}

    @property
    def teachers(self) -> dict[str, str]:
        """Frozen networks that only the training needs: name -> one of `gancourse.features`."""
        return {}

    @property
    def readers(self) -> dict[str, str]:
        """Frozen networks that read sentences: name -> one of `gancourse.language`."""
        return {}

    @classmethod
    def table(cls) -> list[tuple[str, str, str]]:
        """(name, default, meaning with bounds) of every setting, for a list that a person reads."""
        rows = []
        for each in fields(cls):
            rule = cls.rule(each.name)
            notes = [rule.range]
            notes += [f"one of {', '.join(map(str, rule.choices))}"] if rule.choices else []
            notes += [f"{name}={' or '.join(map(str, of))} only" for name, of in rule.only.items()]
            said = "; ".join(filter(None, [rule.meaning, *notes]))
            if each.name not in cls.unused:
                rows.append((each.name, spell(each.default), said))
        return rows


def split_pair(text: str) -> tuple[str, str]:
    """ "name=value" in two; the value may hold further equals signs."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CourseError(f"{text}: not of the form name=value; write, for example, seed=1.")
    return name, value


def is_a(kind: str, value) -> bool:
    """Whether a value is of a setting's declared type.

    True and False are no numbers, whole numbers are floats.
    """
    if kind == "tuple[int, ...]":
        return isinstance(value, tuple) and all(is_a("int", each) for each in value)
    if kind == "bool":
        return isinstance(value, bool)
    wanted = {"int": Integral, "float": Real, "str": str}[kind]
    return isinstance(value, wanted) and not isinstance(value, bool)


def read(name: str, text: str, kind: str):
    """A setting's value from text, by its declared type: "int", "float", "bool", "str" or
    "tuple[int, ...]".

    Raises:
        CourseError: the text is no value of this type.
    """
    try:
        if kind == "bool":
            return {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}[text.strip().lower()]
        if kind == "tuple[int, ...]":
            return tuple(
                int(part) for part in text.strip().strip("()[]").split(",") if part.strip()
            )
        return {"int": int, "float": float, "str": str}[kind](text)
    except (ValueError, KeyError):
        raise CourseError(
            f"{name}={text}: not {KINDS[kind]}; write, for example, {name}={EXAMPLES[kind]}."
        ) from None


EXAMPLES = {"int": "500", "float": "0.5", "bool": "False", "tuple[int, ...]": "3,64,64"}


def spell(value) -> str:
    """A setting's value as `read` takes it: (2, 3) as 2,3."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
