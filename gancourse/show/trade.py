"""Two scores that pull apart: points of a curve, one of them marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gancourse.files import CourseError
from gancourse.show.style import BLUE, FAKE, INK, SMALL, Plate, caption_below, house


def tradeoff(
    rows: Sequence[Mapping[str, float]],
    x: tuple[str, str],
    y: tuple[str, str],
    *,
    by: str = "blend",
    others: Mapping[str, Mapping[str, float]] | None = None,
    marked: float | None = None,
    caption: str | None = None,
) -> Plate:
    """A figure of one score against another, a point per row, joined in the order of `by`.

    Args:
        rows: each holds the values of `x`, `y` and `by`.
        x, y: key in the rows, and the axis' label with its unit.
        by: what moves along the curve; its first and last value are written beside the points.
        others: name -> a row that is no part of the curve, such as that of a baseline.
        marked: value of `by` to mark, between those of the rows as well.
        caption: what the figure shows.

    Raises:
        CourseError: fewer than two rows.
    """
    rows = sorted(rows, key=lambda row: row[by])
    if len(rows) < 2:
        raise CourseError(f"rows: {len(rows)}; give two points or more.")
    plate = Plate(height=3.6)
    with house():
        axes = plate.add_subplot()
        points = [(row[x[0]], row[y[0]]) for row in rows]
        axes.plot(*zip(*points, strict=True), "o-", color=BLUE, markersize=6)
        notes = {f"{by} {rows[i][by]:g}": points[i] for i in (0, -1)}
        for name, row in (others or {}).items():
            notes[name] = (row[x[0]], row[y[0]])
            axes.plot(*notes[name], "D", color=INK, markersize=7)
        middle = sum(axes.get_xlim()) / 2
        for name, point in notes.items():
            side, shift = ("right", -9) if point[0] > middle else ("left", 9)  # inside the figure
            axes.annotate(
                name, point, (shift, 3), textcoords="offset points", ha=side, fontsize=SMALL
            )
        if marked is not None:
            place = [_between(rows, by, key, marked) for key in (x[0], y[0])]
            axes.plot(*place, "o", color=FAKE, markersize=13, fillstyle="none", markeredgewidth=3)
        axes.margins(0.16)
        axes.set_xlabel(x[1])
        axes.set_ylabel(y[1])
        caption_below(plate, caption)
    ends = "; ".join(f"{name}: {a:.3g}, {b:.3g}" for name, (a, b) in notes.items())
    plate.alt = f"{y[1]} against {x[1]}, {len(rows)} points. {ends}. {caption or ''}".strip()
    return plate


def _between(rows: Sequence[Mapping[str, float]], by: str, key: str, at: float) -> float:
    return float(np.interp(at, [row[by] for row in rows], [row[key] for row in rows]))
