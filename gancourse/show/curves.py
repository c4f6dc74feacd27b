"""Curves of a training: every record faint, their running mean bold, and the lines a reader should know by heart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from gancourse.files import CourseError
from gancourse.show.style import (
    DASHES,
    FIELD,
    GREEN,
    INK,
    LINES,
    MUTED,
    SMALL,
    Plate,
    caption_below,
    house,
    legend_above,
)

# A discriminator that can only guess says 1/2: each of its two terms is ln 2, their sum 2 ln 2 (Goodfellow 2014, 4.1).
CHANCE = {"ln 2": math.log(2), "2 ln 2": 2 * math.log(2)}
NOT_CURVES = ("step", "seconds", "images_per_second")


def curves(
    metrics: Sequence[Mapping[str, float]],
    names: Sequence[str] | None = None,
    *,
    healthy: tuple[float, float] | None = None,
    references: Mapping[str, float] | None = None,
    log_steps: bool = False,
    smoothing: int | None = None,
    unit: str = "nats",
    caption: str | None = None,
) -> Plate:
    """A figure of metrics against training steps.

    Args:
        metrics: records as in a run's metrics.jsonl, {"step": 100, "generator/fake": 0.81, ...}; some may lack names.
        names: which to draw, at most five; without it every number but step and speed.
        healthy: (low, high) of the band where a healthy training stays.
        references: horizontal lines, label to height; without it ln 2 and 2 ln 2 when `unit` is nats. Those outside the
            drawn range are left out.
        log_steps: space the steps by ratio, so that the first hundred are as wide as the last ten thousand.
        smoothing: records in the running mean; without it a twentieth of the run. The figure says which.
        unit: of the vertical axis.

    Raises:
        CourseError: no records, an unknown name, or more names than lines can be told apart.
    """
    plate = Plate(height=3.5)
    with house():
        axes = plate.add_subplot()
        names, window = draw_curves(
            axes, metrics, names, healthy, references, log_steps, smoothing, unit
        )
        note = f"Faint: every record. Bold: running mean of {window} records." if window > 1 else ""
        caption_below(plate, "\n".join(filter(None, (caption, note))))
    first, last = metrics[0]["step"], metrics[-1]["step"]
    plate.alt = (
        f"Curves of {', '.join(names)} from step {first:,} to {last:,}. {caption or ''}".strip()
    )
    return plate


def draw_curves(
    axes: Axes,
    metrics,
    names=None,
    healthy=None,
    references=None,
    log_steps=False,
    smoothing=None,
    unit="nats",
) -> tuple[list[str], int]:
    """Draw on `axes` what `curves` describes; return the names drawn and the records in the running mean."""
    names = _chosen(metrics, names)
    window = max(1, len(metrics) // 20) if smoothing is None else smoothing
    ranges = []
    for name, colour, dash in zip(names, LINES, DASHES, strict=False):
        steps, values = _series(metrics, name, log_steps)
        smooth = running_mean(values, window)
        if window > 1:
            axes.plot(steps, values, color=colour, alpha=0.28, linewidth=1, linestyle="-")
        axes.plot(steps, smooth, color=colour, linestyle=dash, label=name.replace("/", ", "))
        finite = values[np.isfinite(values)]
        ranges += [*np.percentile(finite, [1, 99]), np.nanmin(smooth), np.nanmax(smooth)]
    _frame(axes, ranges, healthy, log_steps, unit)
    _references(axes, CHANCE if references is None and unit == "nats" else references or {})
    widest = sorted(len(name) for name in names)[-2:]
    legend_above(axes, columns=2 if sum(widest) <= 40 else 1)
    return names, window


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the finite values among `window` neighbours, centred, fewer at both ends; nan where none is finite."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    places = np.arange(len(values))
    low, high = (
        np.maximum(places - (window - 1) // 2, 0),
        np.minimum(places + window // 2 + 1, len(values)),
    )
    with np.errstate(invalid="ignore"):
        return (sums[high] - sums[low]) / (counts[high] - counts[low])


def curve_names(metrics) -> list[str]:
    """Names in `metrics` that can be drawn as curves, in the order in which they first appear."""
    names = dict.fromkeys(
        name
        for record in metrics
        for name, value in record.items()
        if isinstance(value, (int, float))
    )
    return [name for name in names if name not in NOT_CURVES]


def _chosen(metrics, names) -> list[str]:
    if not metrics:
        raise CourseError(
            "No metrics were given; expected the records of a run, such as the lines of its metrics.jsonl."
        )
    known = curve_names(metrics)
    chosen = known if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise CourseError(
            f"No records of {', '.join(unknown) or 'any metric'} were found; there is: {', '.join(known) or 'none'}."
        )
    if len(chosen) > len(LINES):
        raise CourseError(
            f"{len(chosen)} curves were asked for; {len(LINES)} are as many as a reader tells apart. "
            f"Choose with names=[...] from: {', '.join(known)}."
        )
    return chosen


def _series(metrics, name: str, log_steps: bool) -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        (record["step"], record[name])
        for record in metrics
        if isinstance(record.get(name), (int, float))
    ]
    steps, values = (
        np.array([pair for pair in pairs if pair[0] > 0 or not log_steps], float).reshape(-1, 2).T
    )
    if not np.isfinite(values).any():
        raise CourseError(
            f"Metric {name!r} holds no finite number: the training diverged before its first record."
        )
    return steps, values


def _frame(axes: Axes, ranges: list[float], healthy, log_steps: bool, unit: str) -> None:
    """Limits from what is typical, so that one early spike does not flatten the rest; the band; the axes' names."""
    low, high = np.nanmin(ranges), np.nanmax(ranges)
    if healthy is not None:
        low, high = min(low, healthy[0]), max(high, healthy[1])
        band = axes.axhspan(*healthy, color=GREEN, alpha=0.12, linewidth=0, zorder=0.5)
        band.set_label("healthy")
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)
    if log_steps:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("step, log scale" if log_steps else "step")
    axes.set_ylabel(unit)


def _references(axes: Axes, references: Mapping[str, float]) -> None:
    low, high = axes.get_ylim()
    for label, value in references.items():
        if low < value < high:
            axes.axhline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=1.5)
            note = f"{label} = {value:.3g}"
            place = {
                "xy": (1, value),
                "xycoords": ("axes fraction", "data"),
                "ha": "right",
                "va": "bottom",
            }
            text = axes.annotate(
                note,
                xytext=(-2, 2),
                textcoords="offset points",
                fontsize=SMALL,
                color=MUTED,
                **place,
            )
            text.set_path_effects([effects.withStroke(linewidth=3, foreground=FIELD)])
