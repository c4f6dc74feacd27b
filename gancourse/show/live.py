"""A picture in a notebook that follows a training and remains as a PNG when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gancourse.files import CourseError
from gancourse.show.grids import tile
from gancourse.show.plots import LOSS, curve_names, draw_curves
from gancourse.show.style import DPI, LINES, TEXT, WIDTH, Plate, as_array, house, legend_above
from gancourse.show.toy import draw_points, name_axes

TITLE = 0.35  # inches


@dataclass(kw_only=True)
class Live:
    """Samples above, training curves below, redrawn in place: pass `watch=[Live()]` to training.

    It is called with any object that has `.step`, `.steps`, `.metrics` (a list of records) and
    `.pictures` (images (N, C, H, W), points (N, 2) or None). Drawing takes at most a tenth of the
    training time, but the last step is always drawn. Outside a notebook nothing is drawn. It is no
    widget, so the notebook stores one picture and no widget state.

    Attributes:
        columns: pictures per row.
        real, centres: points (N, 2) and (K, 2) to draw behind generated points.
        names: metrics to draw; by default the first five.
        healthy, references, log_steps, smoothing, ylabel: as for `curves`.
        time_fraction: the largest fraction of the training time to spend on drawing.
    """

    columns: int | None = None
    real: object = None
    centres: object = None
    names: Sequence[str] | None = None
    healthy: tuple[float, float] | None = None
    references: Mapping[str, float] | None = None
    log_steps: bool = False
    smoothing: int | None = None
    ylabel: str = LOSS
    time_fraction: float = 0.1

    def __post_init__(self):
        self._handle, self._pictures, self._step, self._not_before = None, None, -1, 0.0

    def __call__(self, view) -> None:
        if view.step < self._step:  # another training, which gets its own picture
            self.__post_init__()
        self._step = view.step
        self._pictures = view.pictures if view.pictures is not None else self._pictures
        nothing = self._pictures is None and len(view.metrics) < 2
        too_soon = time.monotonic() < self._not_before and view.step < view.steps
        if nothing or too_soon or not in_notebook():
            return
        began = time.monotonic()
        try:
            self._show(self.figure(view.step, view.steps, view.metrics, self._pictures).bundle())
        except CourseError as error:  # no reason to stop the training
            self._show({"text/plain": f"Step {view.step:,} was not drawn. {error}"})
        ended = time.monotonic()
        self._not_before = ended + (ended - began) / self.time_fraction

    def figure(self, step: int, steps: int, metrics, pictures=None) -> Plate:
        """The figure at one step: samples above, if any; curves below, from two records on."""
        samples, above = _prepared(pictures, self.columns)
        below = 3.0 if len(metrics) > 1 else 0.0
        height = TITLE + above + below
        plate = Plate(height=height, layout="constrained" if below else None)
        shown = {0: "", 2: " Generated points above."}.get(np.ndim(samples), " Samples above.")
        plate.alt = f"Training at step {step:,} of {steps:,}.{shown}"
        with house():
            title = {"va": "center", "fontsize": TEXT, "fontweight": "bold"}
            plate.text(0.02, 1 - TITLE / 2 / height, f"step {step:,} of {steps:,}", **title)
            if samples is not None:
                self._draw_samples(plate, samples, below / height, above / height)
            if below:
                plate.get_layout_engine().set(rect=(0, 0, 1, below / height))
                names = self.names or curve_names(metrics)[: len(LINES)]
                how = (self.healthy, self.references, self.log_steps, self.smoothing, self.ylabel)
                draw_curves(plate.add_subplot(), metrics, names, *how)
        return plate

    def _draw_samples(
        self, plate: Plate, samples: np.ndarray, bottom: float, height: float
    ) -> None:
        if samples.ndim == 2:
            axes = plate.add_axes((0.1, bottom + 0.12 * height, 0.87, 0.8 * height))
            name_axes(axes, draw_points(axes, self.real, samples, centres=self.centres))
            legend_above(axes, columns=3, handlelength=0.9)
        else:
            scale = _scale(samples)
            inches = np.multiply(samples.shape[:2], scale / DPI)
            high, wide = inches / (plate.get_figheight(), WIDTH)
            axes = plate.add_axes(((1 - wide) / 2, bottom + height - high, wide, high))
            axes.imshow(samples, aspect="auto", interpolation="nearest" if scale >= 1 else None)
            axes.axis("off")

    def _show(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _prepared(pictures, columns: int | None) -> tuple[np.ndarray | None, float]:
    """Points unchanged or pictures as one sheet, and the height that they need, in inches."""
    if pictures is None:
        return None, 0.0
    if len(pictures.shape) == 2:
        return as_array(pictures), 4.8
    sheet = tile(pictures, columns)
    return sheet, sheet.shape[0] * _scale(sheet) / DPI + 0.1


def _scale(sheet: np.ndarray) -> float:
    """Figure pixels per pixel of `sheet`: an integer, unless the sheet is too wide."""
    room = 0.96 * WIDTH * DPI / sheet.shape[1]
    return float(int(room)) if room >= 1 else room


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, in Jupyter, Colab or papermill."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
