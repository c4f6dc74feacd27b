"""Curves: the right values, the lines every reader should know, and the smoothing said aloud."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gancourse import show
from gancourse.files import CourseError
from gancourse.show.plots import running_mean
from gancourse.show.style import LINES


def records(count=100):
    speed = {"seconds": 1.0, "images_per_second": 900.0}
    steps = range(1, count + 1)
    return [
        {"step": 10 * i, **speed, "discriminator/real": 0.7, "generator/fake": 1 + 1 / i}
        for i in steps
    ]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def bold(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_running_mean_is_the_mean_of_the_window():
    values = np.random.default_rng(0).normal(size=50)
    for window in (1, 2, 5, 8, 100):
        expected = [
            values[max(0, i - (window - 1) // 2) : i + window // 2 + 1].mean()
            for i in range(len(values))
        ]
        np.testing.assert_allclose(running_mean(values, window), expected)


def test_running_mean_steps_over_what_is_not_finite():
    smooth = running_mean(np.array([1.0, np.nan, 3.0, np.inf, np.nan, np.nan]), 3)
    assert smooth[:4].tolist() == [1, 2, 3, 3] and np.isnan(smooth[5])


def test_every_loss_is_drawn_and_speed_is_not():
    (axes,) = show.curves(records()).axes
    assert legend(axes) == ["discriminator, real", "generator, fake"]
    assert axes.get_xlabel() == "training step" and axes.get_ylabel() == "loss (nats)"
    line = bold(axes)["discriminator, real"]
    np.testing.assert_allclose(line.get_ydata(), 0.7)
    assert line.get_xdata()[[0, -1]].tolist() == [10, 1000]


def test_faint_values_stand_behind_a_smoothing_that_is_named():
    plate = show.curves(records(100), "generator/fake", caption="Falls.")
    raw, smooth = (line for line in plate.axes[0].lines if len(line.get_ydata()) == 100)
    np.testing.assert_allclose(raw.get_ydata(), 1 + 1 / np.arange(1, 101))
    assert raw.get_alpha() < 0.5 and smooth.get_linewidth() > raw.get_linewidth()
    assert (
        plate._supxlabel.get_text()
        == "Falls.\nFaint: every record. Bold: running mean of 5 records."
    )
    alone = show.curves(records(100), "generator/fake", smoothing=1)
    assert (
        alone._supxlabel is None
        and len([line for line in alone.axes[0].lines if len(line.get_ydata()) == 100]) == 1
    )


def test_reference_lines_are_labelled_where_they_lie_in_sight():
    (axes,) = show.curves(records()).axes
    assert {text.get_text(): text.xy[1] for text in axes.texts} == {
        "ln 2 = 0.693": math.log(2),
        "2 ln 2 = 1.39": 2 * math.log(2),
    }
    assert not show.curves(records(), ylabel="fraction of pictures").axes[0].texts
    (axes,) = show.curves(records(), references={"chance": 0.9, "far": 50.0}).axes
    assert [text.get_text() for text in axes.texts] == ["chance = 0.9"]


def test_healthy_band_is_in_sight_and_in_the_legend():
    (axes,) = show.curves(records(), "discriminator/real", healthy=(0.2, 3.0)).axes
    assert axes.get_ylim()[0] < 0.2 and axes.get_ylim()[1] > 3 and "healthy" in legend(axes)


def test_log_steps_leave_out_step_zero():
    (axes,) = show.curves(
        [{"step": 0, "generator/fake": 2.0}, *records()], "generator/fake", log_steps=True
    ).axes
    assert axes.get_xscale() == "log" and "log" in axes.get_xlabel()
    assert bold(axes)["generator, fake"].get_xdata().min() == 10


def test_records_may_lack_names_and_hold_nan():
    metrics = [
        *records(20),
        {"step": 210, "generator/fake": math.nan},
        {"step": 220, "frechet": 3.0},
    ]
    plate = show.curves(metrics)
    assert legend(plate.axes[0])[-1] == "frechet" and plate.png()


def test_one_early_spike_does_not_flatten_the_rest():
    metrics = [{"step": 1, "generator/fake": 1e6}, *records(400)]
    low, high = show.curves(metrics, "generator/fake", smoothing=1).axes[0].get_ylim()
    assert high > 1e5  # unsmoothed the spike is the curve, and is shown
    noisy = [
        dict(record, **{"generator/fake": 1.0 + (i == 200)})
        for i, record in enumerate(records(400))
    ]
    low, high = show.curves(noisy, "generator/fake", references={}).axes[0].get_ylim()
    assert high < 1.2


@pytest.mark.parametrize(
    ("metrics", "names", "message"),
    [
        ([], None, "no records"),
        ([{"step": 1, "seconds": 2.0}], None, "no record has a number"),
        (records(3), ["generator/loss"], "generator/loss.*discriminator/real, generator/fake"),
        (
            [{"step": 1} | {f"loss {i}": 1.0 for i in range(len(LINES) + 1)}],
            None,
            "names=.*6 curves",
        ),
        ([{"step": 1, "loss": math.nan}], None, "loss: no finite value"),
    ],
)
def test_what_cannot_be_drawn_is_refused(metrics, names, message):
    with pytest.raises(CourseError, match=message):
        show.curves(metrics, names)


def test_long_names_stay_on_the_page():
    metrics = [dict(record, **{"discriminator/gradient penalty": 0.1}) for record in records()]
    plate = show.curves(metrics)
    plate.png()
    box = plate.axes[0].get_legend().get_window_extent()
    assert box.x0 >= 0 and box.x1 <= plate.bbox.x1


def test_the_alternative_text_says_where_each_curve_starts_and_ends():
    """So that it is true of what was drawn: no sentence written before the training can be."""
    lines = [
        {"step": step, "accuracy": value} for step, value in ((0, 0.1), (50, 0.4), (100, 0.97))
    ]
    plate = show.curves(lines, ylabel="fraction of samples", smoothing=1, caption="Look.")
    assert plate.alt == (
        "Curves from step 0 to 100, fraction of samples: accuracy from 0.1 to 0.97. Look."
    )
