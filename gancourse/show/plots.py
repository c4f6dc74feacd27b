"""Training curves: each record faint, the running mean bold, the losses of guessing as lines."""

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

# Where D(x) = 1/2, each of D's two terms is ln 2, their sum 2 ln 2 (Goodfellow et al. 2014, 4.1).
CHANCE = {"ln 2": math.log(2), "2 ln 2": 2 * math.log(2)}
LOSS = "loss (nats)"
NOT_CURVES = ("step", "seconds", "images_per_second")


def curves(
    metrics: Sequence[Mapping[str, float]],
    names: Sequence[str] | None = None,
    *,
    healthy: tuple[float, float] | None = None,
    references: Mapping[str, float] | None = None,
    log_steps: bool = False,
    smoothing: int | None = None,
    ylabel: str = LOSS,
    caption: str | None = None,
) -> Plate:
    """A figure of metrics against training steps.

    Args:
        metrics: records as in a run's metrics.jsonl, {"step": 100, "generator/fake": 0.81, ...}; a
            record need not contain every name.
        names: of the metrics to draw, at most five; by default all but step, seconds and speed.
        healthy: (low, high), the band in which a healthy training stays.
        references: horizontal lines, label to height; by default ln 2 and 2 ln 2 if the axis is
            "loss (nats)". Lines outside the drawn range are left out.
        log_steps: draw steps on a logarithmic scale.
        smoothing: number of records in the running mean; by default a twentieth of the run. The
            figure states it.
        ylabel: label of the vertical axis: the quantity, with its unit in parentheses.

    Raises:
        CourseError: no records, an unknown name, too many names, or a metric without a finite
            value.
    """
    plate = Plate(height=3.5)
    with house():
        axes = plate.add_subplot()
        window = draw_curves(
            axes, metrics, names, healthy, references, log_steps, smoothing, ylabel
        )
        note = f"Faint: every record. Bold: running mean of {window} records." if window > 1 else ""
        caption_below(plate, "\n".join(filter(None, (caption, note))))
    first, last = metrics[0]["step"], metrics[-1]["step"]
    ends = "; ".join(
        f"{line.get_label()} from {line.get_ydata()[0]:.3g} to {line.get_ydata()[-1]:.3g}"
        for line in plate.axes[0].get_lines()
        if not line.get_label().startswith("_")
    )
    plate.alt = f"Curves from step {first:,} to {last:,}, {ylabel}: {ends}. {caption or ''}".strip()
    return plate


def draw_curves(
    axes: Axes,
    metrics,
    names=None,
    healthy=None,
    references=None,
    log_steps=False,
    smoothing=None,
    ylabel=LOSS,
) -> int:
    """Draw on `axes` as described in `curves`; return the number of records in the running mean."""
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
    _frame(axes, ranges, healthy, log_steps, ylabel)
    _references(axes, CHANCE if references is None and ylabel == LOSS else references or {})
    widest = sorted(len(name) for name in names)[-2:]
    legend_above(axes, columns=2 if sum(widest) <= 40 else 1)
    return window


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred mean of the finite values among `window` neighbours; nan where there are none."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    places = np.arange(len(values))
    low = np.maximum(places - (window - 1) // 2, 0)
    high = np.minimum(places + window // 2 + 1, len(values))
    with np.errstate(invalid="ignore"):
        return (sums[high] - sums[low]) / (counts[high] - counts[low])


def curve_names(metrics) -> list[str]:
    """Names in `metrics` that can be drawn as curves, in order of first appearance."""
    names = dict.fromkeys(
        name
        for record in metrics
        for name, value in record.items()
        if isinstance(value, (int, float))
    )
    return [name for name in names if name not in NOT_CURVES]


def _chosen(metrics, names) -> list[str]:
    if not metrics:
        raise CourseError("metrics=[]: no records; give those of a run, as in its metrics.jsonl.")
    known = curve_names(metrics)
    chosen = known if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise CourseError(
            f"names={chosen}: no records of {', '.join(unknown) or 'any metric'}; "
            f"choose from: {', '.join(known) or 'none, no record has a number'}."
        )
    if len(chosen) > len(LINES):
        raise CourseError(
            f"names={chosen}: {len(chosen)} curves, more than {len(LINES)} cannot be told apart; "
            f"choose fewer of: {', '.join(known)}."
        )
    return chosen


def _series(metrics, name: str, log_steps: bool) -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        (record["step"], record[name])
        for record in metrics
        if isinstance(record.get(name), (int, float))
    ]
    drawn = [pair for pair in pairs if pair[0] > 0 or not log_steps]
    steps, values = np.array(drawn, float).reshape(-1, 2).T
    if not np.isfinite(values).any():
        raise CourseError(
            f"{name}: no finite value, so the training diverged before its first record; "
            "lower the learning rate."
        )
    return steps, values


def _frame(axes: Axes, ranges: list[float], healthy, log_steps: bool, ylabel: str) -> None:
    """Limits from typical values, so that an early spike flattens nothing; the band; the labels."""
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
    axes.set_xlabel("training step (log scale)" if log_steps else "training step")
    axes.set_ylabel(ylabel)


def _references(axes: Axes, references: Mapping[str, float]) -> None:
    low, high = axes.get_ylim()
    for label, value in references.items():
        if low < value < high:
            axes.axhline(value, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=1.5)
            text = axes.annotate(
                f"{label} = {value:.3g}",
                (1, value),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=SMALL,
                color=MUTED,
            )
            text.set_path_effects([effects.withStroke(linewidth=3, foreground=FIELD)])
