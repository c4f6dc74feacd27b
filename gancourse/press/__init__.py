"""The press: runs and their notebooks, dossiers, publishing, experiments, the benchmark, and what
gpu recipes would cost.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from gancourse.chapters import CHAPTERS
from gancourse.files import CourseError


def chapters_in(room: str) -> list[str]:
    """The chapters that have a file of their own in a room such as "gancourse.press.bench"."""
    return [name for name in CHAPTERS if find_spec(f"{room}.{name}")]


def of_chapter(room: str, name: str) -> ModuleType:
    """A chapter's file in a room.

    Raises:
        CourseError: the chapter has none, or there is no such chapter.
    """
    known = chapters_in(room)
    if name not in known:
        raise CourseError(
            f"chapter={name!r}: no such chapter in {room}; choose one of: {', '.join(known)}."
        )
    return import_module(f"{room}.{name}")
