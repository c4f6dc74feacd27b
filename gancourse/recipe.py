"""What every chapter's Config is: a frozen dataclass of the run's numbers, with one recipe a form and scale."""

from __future__ import annotations

import math
from dataclasses import fields
from numbers import Integral, Real
from typing import ClassVar, Self

from gancourse.files import CourseError


class Recipe:
    """The base of a chapter's Config, whose class variables say which recipes there are.

    Attributes:
        FORMS: form -> the values in which its full recipe differs from the Config's defaults.
        SCALES: scale -> form -> the values in which that scale differs from the full recipe.
        DEFAULT: the form that `at` takes when none is named.
        CHOICES: field -> the values it may have.
        POSITIVE: fields that must be above 0 and finite.
        RANGES: field -> (low, high): it must be low or more, and below high.

    A `shape` must have as many numbers as that of the form's recipe.
    """

    FORMS: ClassVar[dict[str, dict]]
    SCALES: ClassVar[dict[str, dict[str, dict]]]
    DEFAULT: ClassVar[str]
    CHOICES: ClassVar[dict] = {}
    POSITIVE: ClassVar[tuple[str, ...]] = ()
    RANGES: ClassVar[dict[str, tuple[float, float]]] = {}

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = {"int": Integral, "float": Real}.get(field.type)
            if wanted and (isinstance(value, bool) or not isinstance(value, wanted)):
                what = "a whole number" if wanted is Integral else "a number"
                raise CourseError(f"{field.name}={value!r} was given; it must be {what}.")
        for field, allowed in self.CHOICES.items():
            if getattr(self, field) not in allowed:
                raise CourseError(
                    f"{field}={getattr(self, field)!r} is not known. Choose one of: {', '.join(map(str, allowed))}."
                )
        for field in self.POSITIVE:
            if not 0 < getattr(self, field) < math.inf:
                raise CourseError(
                    f"{field}={getattr(self, field)!r} was given; it must be above 0 and finite."
                )
        for field, (low, high) in self.RANGES.items():
            if not low <= getattr(self, field) < high:
                most = "finite" if high == math.inf else f"below {high}"
                raise CourseError(
                    f"{field}={getattr(self, field)!r} was given; it must be {low} or more, and {most}."
                )
        usual = self.FORMS[self.form].get("shape", getattr(type(self), "shape", ()))
        shape = getattr(self, "shape", ())
        if len(shape) != len(usual) or not all(
            isinstance(size, int) and size > 0 for size in shape
        ):
            raise CourseError(
                f"shape={shape} was given; of form={self.form!r} it must be whole numbers above 0, as many as in {usual}."
            )

    @property
    def options(self) -> dict:
        """What `gancourse.data.load` must be told beside the name and the split of the pictures."""
        return {}

    @classmethod
    def at(cls, scale: str = "full", form: str | None = None, **changes) -> Self:
        """The recipe of a form at a scale: "check" (seconds), "class" (minutes) or "full" (the published run)."""
        form = form or cls.DEFAULT
        if form not in cls.FORMS or scale not in cls.SCALES:
            raise CourseError(
                f"form={form!r} at scale={scale!r} was asked for. "
                f"Forms: {', '.join(cls.FORMS)}. Scales: {', '.join(cls.SCALES)}."
            )
        return cls(form=form, **{**cls.FORMS[form], **cls.SCALES[scale].get(form, {}), **changes})
