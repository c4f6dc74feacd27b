"""Points in the plane: real ones, generated ones, and the discriminator's D(x)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.special import expit

from gancourse.files import CourseError
from gancourse.show.grids import shape_of_sheet
from gancourse.show.style import (
    FAKE,
    FIELD,
    INK,
    MUTED,
    PROBABILITY,
    REAL,
    SMALL,
    Plate,
    as_array,
    caption_below,
    house,
    legend_above,
)

Limits = tuple[float, float, float, float]  # left, right, bottom, top


def scatter(
    real, fake, *, centres=None, limits: Limits | None = None, caption: str | None = None
) -> Plate:
    """A figure of real and generated points (N, 2), with centres (K, 2) as crosses if given.

    `limits` are (left, right, bottom, top), by default a square around the real points with a
    margin of a fifth. The figure states how many generated points lie outside.

    Raises:
        CourseError: points of another shape.
    """
    plate = Plate(height=4.9)
    with house():
        axes = plate.add_subplot()
        outside = draw_points(axes, real, fake, centres=centres, limits=limits)
        name_axes(axes, outside)
        legend_above(axes, columns=3, handlelength=0.9)
        caption_below(plate, caption)
    drawn = f"{len(real)} real points as rings and {len(fake)} generated ones as dots"
    plate.alt = f"{drawn}, {outside} of them outside the frame. {caption or ''}".strip()
    return plate


def chase(
    frames: Sequence[tuple[int, object]],
    real,
    *,
    centres=None,
    limits: Limits | None = None,
    caption=None,
) -> Plate:
    """A figure with one panel per (step, generated points (N, 2)) in `frames`: the generator moves.

    `real`, `centres` and `limits` are as for `scatter`, the same in each panel.

    Raises:
        CourseError: no frames, or points of another shape than (N, 2).
    """
    if not frames:
        raise CourseError(
            "frames=[]: nothing to draw; give a list of (step, points), one per panel."
        )
    rows, columns = shape_of_sheet(len(frames), min(3, len(frames)))
    outside = []
    plate = Plate(height=1.95 * rows + 0.5 if columns == 3 else 2.8 * rows + 0.5)
    limits = limits or square(real)
    with house():
        panels = plate.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (step, fake) in zip(panels, frames, strict=False):
            outside.append(draw_points(axes, real, fake, centres=centres, limits=limits, size=5))
            axes.set_title(f"step {step:,}", fontsize=SMALL)
            axes.tick_params(labelbottom=False, labelleft=False)
            axes.grid(visible=False)
            axes.set_xlabel(f"{outside[-1]:,} outside" if outside[-1] else "", color=MUTED)
        for axes in panels[len(frames) :]:
            axes.axis("off")
        handles, _ = panels[0].get_legend_handles_labels()
        plate.legend(
            handles=handles,
            loc="outside upper left",
            ncols=3,
            markerscale=2,
            handlelength=0.9,
            columnspacing=1.4,
        )
        caption_below(plate, caption)
    moments = ", ".join(
        f"step {step:,}" + (f" with {count:,} outside the frame" if count else "")
        for (step, _), count in zip(frames, outside, strict=True)
    )
    drawn = "panels of real points as rings and generated ones as dots"
    plate.alt = f"{len(frames)} {drawn}: {moments}. {caption or ''}".strip()
    return plate


def field(
    discriminator: Callable,
    limits: Limits,
    *,
    real=None,
    fake=None,
    caption: str | None = None,
    resolution: int = 120,
) -> Plate:
    """A figure of D(x), the probability that x is real, over the plane, with points if given.

    `discriminator` maps a float32 CPU tensor (N, 2) to N logits; the colour is their sigmoid. The
    line is D(x) = 1/2.

    Raises:
        CourseError: the callable returned another number of logits, or points have another shape.
    """
    plate = Plate(height=4.9)
    with house():
        axes = plate.add_subplot()
        surface = draw_probability(axes, discriminator, limits, resolution)
        name_axes(axes, draw_points(axes, real, fake, limits=limits))
        bar = plate.colorbar(
            surface, ax=axes, location="bottom", ticks=(0, 0.5, 1), shrink=0.9, aspect=32, pad=0.02
        )
        bar.set_label("D(x), the probability that x is real")
        bar.outline.set_visible(False)
        if real is not None or fake is not None:
            legend_above(axes, columns=3, handlelength=0.9)
        caption_below(plate, caption)
    values = np.asarray(surface.get_array())
    means = "".join(
        f"; on average {_probability(discriminator, given).mean():.2f} at the {name} points"
        for name, given in (("real", real), ("generated", fake))
        if given is not None
    )
    drawn = "Map of the discriminator's probability that a point is real, from"
    plate.alt = f"{drawn} {values.min():.2f} to {values.max():.2f}{means}. {caption or ''}".strip()
    return plate


def draw_points(
    axes: Axes, real=None, fake=None, *, centres=None, limits: Limits | None = None, size: float = 9
) -> int:
    """Draw points (N, 2) on `axes`: real ones as rings, generated ones as dots, centres as crosses.

    Returns the number of generated points outside `limits`.
    """
    left, right, bottom, top = limits or square(real if real is not None else fake)
    outside = 0
    if real is not None:
        axes.scatter(
            *points(real).T,
            s=size * 1.6,
            facecolors="none",
            edgecolors=REAL,
            linewidths=0.9,
            label="real",
            zorder=2,
        )
    if fake is not None:
        x, y = points(fake).T
        axes.scatter(
            x, y, s=size, color=FAKE, linewidths=0, alpha=0.85, label="generated", zorder=3
        )
        outside = int(np.count_nonzero(~((x >= left) & (x <= right) & (y >= bottom) & (y <= top))))
    if centres is not None:
        axes.scatter(
            *points(centres).T,
            s=size * 5,
            marker="+",
            color=INK,
            linewidths=1.2,
            label="centre",
            zorder=4,
        )
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    return outside


def draw_probability(axes: Axes, discriminator: Callable, limits: Limits, resolution: int = 120):
    """Draw D(x), the sigmoid of the logits, over the plane on `axes`; return the image."""
    across, up = np.linspace(*limits[:2], resolution), np.linspace(*limits[2:], resolution)
    plane = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)
    probability = _probability(discriminator, plane).reshape(resolution, resolution)
    surface = axes.imshow(
        probability,
        origin="lower",
        extent=limits,
        cmap=PROBABILITY,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
        zorder=0,
    )
    axes.contour(across, up, probability, levels=[0.5], colors=[MUTED], linewidths=1.2, zorder=1)
    axes.grid(visible=False)
    return surface


def _probability(discriminator: Callable, places) -> np.ndarray:
    """D(x), the sigmoid of the discriminator's logits, at points (N, 2): (N,)."""
    import torch

    given = torch.from_numpy(points(places).astype(np.float32))
    with torch.no_grad():
        logits = as_array(discriminator(given))
    if logits.size != len(given):
        raise CourseError(
            f"discriminator: returned logits of shape {logits.shape} for {len(given)} points; "
            "return one logit per point."
        )
    return expit(logits.ravel().astype(float))


def square(values, margin: float = 0.2) -> Limits:
    """(left, right, bottom, top) of a square around points (N, 2), larger by `margin`."""
    low, high = points(values).min(0), points(values).max(0)
    (x, y), reach = (low + high) / 2, float((high - low).max()) / 2 * (1 + margin) or 1.0
    return float(x - reach), float(x + reach), float(y - reach), float(y + reach)


def points(values) -> np.ndarray:
    """Points as an array (N, 2). Raises a CourseError for another shape."""
    array = as_array(values)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise CourseError(
            f"points.shape={array.shape}: not (N, 2); give at least one point, one per row."
        )
    return array


def name_axes(axes: Axes, outside: int = 0) -> None:
    """Label the two coordinates, and state how many generated points lie outside the frame."""
    axes.set_xlabel("x\N{SUBSCRIPT ONE}")
    axes.set_ylabel("x\N{SUBSCRIPT TWO}")
    if outside:
        box = {"facecolor": FIELD, "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
        axes.text(
            0.01,
            0.02,
            f"{outside:,} outside",
            transform=axes.transAxes,
            fontsize=SMALL,
            color=MUTED,
            bbox=box,
            zorder=5,
        )
