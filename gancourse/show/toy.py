"""Points in the plane: where the real ones lie, where the generator puts its own, what the discriminator believes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from gancourse.files import CourseError
from gancourse.show.grids import shape_of_sheet
from gancourse.show.style import (
    BELIEF,
    FAKE,
    FIELD,
    INK,
    MUTED,
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
    """A figure of real and generated points (N, 2), with the modes' centres (K, 2) as crosses when given.

    `limits` are (left, right, bottom, top); without them a square round the real points with a fifth to spare.
    Generated points outside are counted in the figure, never dropped in silence.

    Raises:
        CourseError: points of another shape.
    """
    plate = Plate(height=4.9)
    with house():
        axes = plate.add_subplot()
        name_axes(axes, draw_points(axes, real, fake, centres=centres, limits=limits))
        legend_above(axes, columns=3, handlelength=0.9)
        caption_below(plate, caption)
    plate.alt = (
        f"{len(real)} real and {len(fake)} generated points in the plane. {caption or ''}".strip()
    )
    return plate


def chase(
    frames: Sequence[tuple[int, object]],
    real,
    *,
    centres=None,
    limits: Limits | None = None,
    caption=None,
) -> Plate:
    """Small multiples of the generator chasing the data: a panel for each (step, generated points (N, 2)) in `frames`.

    Raises:
        CourseError: no frames, or points of another shape than (N, 2).
    """
    if not frames:
        raise CourseError(
            "No frames were given; expected a list of (step, points), for instance one for each picture of a run."
        )
    rows, columns = shape_of_sheet(len(frames), min(3, len(frames)))
    plate = Plate(height=1.95 * rows + 0.5 if columns == 3 else 2.8 * rows + 0.5)
    limits = limits or square(real)
    with house():
        panels = plate.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (step, fake) in zip(panels, frames, strict=False):
            outside = draw_points(axes, real, fake, centres=centres, limits=limits, size=5)
            axes.set_title(f"step {step:,}", fontsize=SMALL)
            axes.tick_params(labelbottom=False, labelleft=False)
            axes.grid(visible=False)
            axes.set_xlabel(f"{outside:,} outside" if outside else "", color=MUTED)
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
    steps = f"steps {frames[0][0]:,} to {frames[-1][0]:,}"
    plate.alt = (
        f"{len(frames)} panels of real and generated points, {steps}. {caption or ''}".strip()
    )
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
    """A figure of the discriminator's belief over the plane, with points above it when given.

    `discriminator` maps a float32 CPU tensor (N, 2) to N logits. The colour is their sigmoid, the probability of being
    real; the line is 1/2, where it can only guess.

    Raises:
        CourseError: the callable returned another number of logits.
    """
    plate = Plate(height=4.9)
    with house():
        axes = plate.add_subplot()
        surface = draw_belief(axes, discriminator, limits, resolution)
        name_axes(axes, draw_points(axes, real, fake, limits=limits))
        bar = plate.colorbar(
            surface, ax=axes, location="bottom", ticks=(0, 0.5, 1), shrink=0.9, aspect=32, pad=0.02
        )
        bar.set_label("D(x): probability that x is real")
        bar.outline.set_visible(False)
        if real is not None or fake is not None:
            legend_above(axes, columns=3, handlelength=0.9)
        caption_below(plate, caption)
    plate.alt = (
        f"The discriminator's belief that a point of the plane is real. {caption or ''}".strip()
    )
    return plate


def draw_points(
    axes: Axes, real=None, fake=None, *, centres=None, limits: Limits | None = None, size: float = 9
) -> int:
    """Draw points (N, 2) on `axes`, real ones as rings, generated ones as dots, centres as crosses.

    Returns how many generated points lie outside `limits`.
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


def draw_belief(axes: Axes, discriminator: Callable, limits: Limits, resolution: int = 120):
    """Draw sigmoid(discriminator(x)) over the plane on `axes`; return the surface, for a colour bar."""
    import torch

    across, up = np.linspace(*limits[:2], resolution), np.linspace(*limits[2:], resolution)
    plane = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2).astype(np.float32)
    with torch.no_grad():
        logits = as_array(discriminator(torch.from_numpy(plane)))
    if logits.size != len(plane):
        raise CourseError(
            f"The discriminator returned logits of shape {logits.shape} for {len(plane)} points; expected one each."
        )
    belief = 1 / (
        1 + np.exp(-np.clip(logits.reshape(resolution, resolution).astype(float), -60, 60))
    )
    surface = axes.imshow(
        belief,
        origin="lower",
        extent=limits,
        cmap=BELIEF,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
        zorder=0,
    )
    axes.contour(across, up, belief, levels=[0.5], colors=[MUTED], linewidths=1.2, zorder=1)
    axes.grid(visible=False)
    return surface


def square(values, margin: float = 0.2) -> Limits:
    """(left, right, bottom, top) of a square round points (N, 2), with `margin` of its half-width to spare."""
    low, high = points(values).min(0), points(values).max(0)
    (x, y), reach = (low + high) / 2, float((high - low).max()) / 2 * (1 + margin) or 1.0
    return float(x - reach), float(x + reach), float(y - reach), float(y + reach)


def points(values) -> np.ndarray:
    """Points as an array (N, 2). Raises `CourseError` for any other shape."""
    array = as_array(values)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise CourseError(
            f"Points of shape {array.shape} were given; expected (N, 2) with at least one point."
        )
    return array


def name_axes(axes: Axes, outside: int = 0) -> None:
    """Name the two coordinates, and say how many generated points lie outside the frame."""
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
