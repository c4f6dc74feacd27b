"""Scores of several things side by side."""

from __future__ import annotations

from collections.abc import Mapping

from gancourse.files import CourseError
from gancourse.show.style import DASHES, LINES, Plate, caption_below, house, legend_above

THICK = 0.8  # of the room for a group of bars
HATCHES = ("", "//", "..", "xx")  # a second mark beside colour


def bars(
    scores: Mapping[str, Mapping[str, float]],
    *,
    xlabel: str = "score",
    references: Mapping[str, float] | None = None,
    caption: str | None = None,
) -> Plate:
    """A group of horizontal bars per score, with a bar for each thing that has it.

    Args:
        scores: thing -> score's name -> value of 0 or more, such as
            {"encoder": {"sky": 0.99, "ground": 1.0}}. At most four things.
        xlabel: what the length of a bar is, with its unit in parentheses.
        references: label -> a value at which a line stands, such as that of guessing.

    Raises:
        CourseError: no scores, or more than four things.
    """
    things = list(scores)
    names = list(dict.fromkeys(name for row in scores.values() for name in row))
    if not names or len(things) > len(HATCHES):
        raise CourseError(
            f"scores: {len(things)} things with {len(names)} scores; give one to "
            f"{len(HATCHES)} things with a score or more."
        )
    plate = Plate(height=0.9 + len(names) * (0.16 + 0.14 * len(things)))
    with house():
        axes = plate.add_subplot()
        height = THICK / len(things)
        for i, (thing, row) in enumerate(scores.items()):
            places = [names.index(name) + (i - (len(things) - 1) / 2) * height for name in row]
            axes.barh(
                places, list(row.values()), height, color=LINES[i], label=thing,
                hatch=HATCHES[i], edgecolor="white", linewidth=0,
            )  # fmt: skip
        for label, value in (references or {}).items():
            axes.axvline(value, color="black", linestyle=DASHES[1], linewidth=1.2, label=label)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(xlabel)
        legend_above(axes, columns=len(things))
        caption_below(plate, caption)
    said = "; ".join(
        f"{thing}: " + ", ".join(f"{name} {value:.2f}" for name, value in row.items())
        for thing, row in scores.items()
    )
    plate.alt = f"Bars, {xlabel}. {said}. {caption or ''}".strip()
    return plate
