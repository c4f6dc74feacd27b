"""Explorers: controls of the right kind, a picture that keeps up, and mistakes that are seen."""

from __future__ import annotations

import asyncio
import io
import time

import numpy as np
import pytest
from PIL import Image

from gancourse import show
from gancourse.files import CourseError
from gancourse.show.explorers import Soon

widgets = pytest.importorskip("ipywidgets")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of ipywidgets 7 and its comms


def grey(value, count=4):
    return np.full((count, 1, 28, 28), value, np.uint8)


def parts(explorer, kind):
    found = [explorer] if isinstance(explorer, kind) else []
    return found + [part for child in getattr(explorer, "children", ()) for part in parts(child, kind)]


def pixel(explorer):
    (picture,) = parts(explorer, widgets.Image)
    return Image.open(io.BytesIO(bytes(picture.value))).convert("RGB").getpixel((10, 10))[0]


def test_knobs_have_the_kind_of_their_values_and_move_the_picture():
    asked = []

    def draw(level, width, label, breed):
        asked.append((level, width, label, breed))
        return grey(level)

    controls = {
        "level": (0, 200, 10),
        "width": (-2.0, 2.0, 0.1),
        "label": list(range(10)),
        "breed": list("abcdefghijkl"),
    }
    explorer = show.knobs(draw, controls, start={"label": 8})
    level, width = parts(explorer, widgets.IntSlider)[0], parts(explorer, widgets.FloatSlider)[0]
    assert (level.min, level.max, level.step, width.min, width.max) == (0, 200, 10, -2, 2)
    assert parts(explorer, widgets.ToggleButtons)[0].value == 8 and parts(explorer, widgets.Dropdown)[0].value == "a"
    assert asked == [(100, pytest.approx(0), 8, "a")] and pixel(explorer) == 100
    level.value = 30
    assert asked[-1][0] == 30 and pixel(explorer) == 30


def test_a_burst_of_slider_events_draws_the_last_and_few_others():
    asked = []
    explorer = show.knobs(lambda level: asked.append(level) or grey(level), {"level": (0, 200, 1)})
    slider = parts(explorer, widgets.IntSlider)[0]

    async def drag():
        for level in range(100):
            slider.value = level
        await asyncio.sleep(0.05)
        slider.value = 150
        await asyncio.sleep(0.05)

    asyncio.run(drag())
    assert asked == [100, 99, 150] and pixel(explorer) == 150


def test_it_keeps_up_with_twenty_pictures_a_second():
    explorer = show.knobs(lambda level: grey(level, 64), {"level": (0, 200, 1)})
    slider = parts(explorer, widgets.IntSlider)[0]
    times = []
    for level in range(40):
        began = time.process_time()
        slider.value = level
        times.append(time.process_time() - began)
    assert np.median(times) < 1 / 20


def test_soon_runs_again_after_an_error():
    calls = []

    def action():
        calls.append(len(calls))
        if len(calls) == 1:
            raise ValueError

    async def twice():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        soon = Soon(action)
        soon()
        await asyncio.sleep(0.02)
        soon()
        await asyncio.sleep(0.02)

    asyncio.run(twice())
    assert calls == [0, 1]


def test_a_mistake_in_draw_is_shown_and_then_forgotten():
    def draw(level):
        if level > 100:
            raise ValueError("level <100> only")
        return grey(level)

    explorer = show.knobs(draw, {"level": (0, 200, 1)}, start={"level": 50})
    slider, trouble = parts(explorer, widgets.IntSlider)[0], parts(explorer, widgets.HTML)[0]
    slider.value = 150
    assert "ValueError" in trouble.value and "level &lt;100&gt; only" in trouble.value and pixel(explorer) == 50
    slider.value = 60
    assert trouble.value == "" and pixel(explorer) == 60


@pytest.mark.parametrize(
    ("controls", "start", "message"),
    [
        ({"level": (0, 1)}, {}, r"'level'.*\(low, high, step\)"),
        ({"level": (1, 0, 0.1)}, {}, "low below high"),
        ({"level": (0, 1, 0)}, {}, "a step above 0"),
        ({"label": []}, {}, "at least one choice"),
        ({"label": [0, 8]}, {"label": 7}, r"\[0, 8\].*starts at 7"),
        ({"label": [0, 8]}, {"digit": 8}, "start names digit; the controls are: label"),
    ],
)
def test_wrong_controls_are_refused(controls, start, message):
    with pytest.raises(CourseError, match=message):
        show.knobs(lambda **values: grey(0), controls, start=start)


def test_latent_walk_goes_from_one_end_to_the_other_and_finds_new_ends():
    seen = []

    def sample(latents):
        seen.append(latents.numpy().copy())
        return grey(0, len(latents))

    explorer = show.latent_walk(sample, 5, count=3, seed=1)
    slider = parts(explorer, widgets.FloatSlider)[0]
    slider.value = 1.0
    new_start, new_end = parts(explorer, widgets.Button)
    new_end.click()
    slider.value = 0.0
    new_start.click()
    start, end, other_end, same_start, other_start = seen
    assert start.shape == (3, 5) and start.dtype == np.float32
    np.testing.assert_allclose(start, same_start, atol=1e-6)
    assert not np.allclose(end, other_end) and not np.allclose(start, other_start) and not np.allclose(start, end)
    again = []
    show.latent_walk(lambda latents: again.append(latents.numpy().copy()) or grey(0, 3), 5, count=3, seed=1)
    np.testing.assert_array_equal(again[0], start)


def test_walk_keeps_to_the_length_of_its_ends():
    start, end = np.random.default_rng(0).standard_normal((2, 200, 100))
    np.testing.assert_allclose(show.walk(start, end, 0.0), start)
    np.testing.assert_allclose(show.walk(start, end, 1.0), end, atol=1e-12)
    middle = np.linalg.norm(show.walk(start, end, 0.5), axis=1).mean()
    assert middle == pytest.approx(10, rel=0.03)  # a straight line has 7.1 here
    np.testing.assert_allclose(show.walk(start, start, 0.5), start, rtol=1e-3)
