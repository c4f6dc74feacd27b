"""Explorers: controls of the right kind, a picture that keeps up, and mistakes that are seen."""

from __future__ import annotations

import asyncio
import io
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import show
from gancourse.chapters import infogan
from gancourse.files import CourseError
from gancourse.show import explorers
from gancourse.show.explorers import Soon

widgets = pytest.importorskip("ipywidgets")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of ipywidgets 7 and its comms


def grey(value, count=4):
    return np.full((count, 1, 28, 28), value, np.uint8)


def parts(explorer, kind):
    found = [explorer] if isinstance(explorer, kind) else []
    return found + [
        part for child in getattr(explorer, "children", ()) for part in parts(child, kind)
    ]


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
    assert (
        parts(explorer, widgets.ToggleButtons)[0].value == 8
        and parts(explorer, widgets.Dropdown)[0].value == "a"
    )
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
    assert (
        "ValueError" in trouble.value
        and "level &lt;100&gt; only" in trouble.value
        and pixel(explorer) == 50
    )
    slider.value = 60
    assert trouble.value == "" and pixel(explorer) == 60


@pytest.mark.parametrize(
    ("controls", "start", "message"),
    [
        ({"level": (0, 1)}, {}, r"level=\(0, 1\): .*\(low, high, step\)"),
        ({"level": (1, 0, 0.1)}, {}, r"level=\(1, 0, 0.1\): .* low < high"),
        ({"level": (0, 1, 0)}, {}, "step > 0"),
        ({"label": []}, {}, r"label=\[\]: no choices"),
        ({"label": [0, 8]}, {"label": 7}, r"label=7: .* \[0, 8\]"),
        ({"label": [0, 8]}, {"digit": 8}, "no control named digit; choose from: label"),
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
    assert (
        not np.allclose(end, other_end)
        and not np.allclose(start, other_start)
        and not np.allclose(start, end)
    )
    again = []
    show.latent_walk(
        lambda latents: again.append(latents.numpy().copy()) or grey(0, 3), 5, count=3, seed=1
    )
    np.testing.assert_array_equal(again[0], start)


def test_walk_keeps_to_the_length_of_its_ends():
    start, end = np.random.default_rng(0).standard_normal((2, 200, 100))
    np.testing.assert_allclose(show.walk(start, end, 0.0), start)
    np.testing.assert_allclose(show.walk(start, end, 1.0), end, atol=1e-12)
    middle = np.linalg.norm(show.walk(start, end, 0.5), axis=1).mean()
    assert middle == pytest.approx(10, rel=0.03)  # a straight line has 7.1 here
    np.testing.assert_allclose(show.walk(start, start, 0.5), start, rtol=1e-3)


class Coded:
    """Draws its first categorical code as brightness, and writes down what it is asked."""

    def __init__(self, categories=(10, 2), continuous=2):
        self.config = SimpleNamespace(categories=categories, continuous=continuous, latent=3)
        self.asked = []

    def sample(self, *, noise, category, continuous):
        self.asked.append((noise.clone(), category, continuous))
        return grey(20 * category[0] if category else 0, len(noise))


def test_codes_offer_every_value_of_every_code_and_keep_the_noise():
    game = Coded()
    explorer = show.codes(game, count=4)
    digit, switch = parts(explorer, widgets.ToggleButtons)
    first, second = parts(explorer, widgets.FloatSlider)
    assert [control.description for control in (digit, switch, first, second)] == [
        *("category 0", "category 1"),
        *("code 0", "code 1"),
    ]
    assert (digit.options, switch.options) == (tuple(range(10)), (0, 1)) and (
        first.min,
        first.max,
    ) == (-2, 2)
    digit.value = 7
    assert pixel(explorer) == 140
    switch.value, second.value = 1, -1.5
    (noise, category, continuous), started = game.asked[-1], game.asked[0]
    assert category == [7, 1] and continuous == [pytest.approx(0), -1.5]
    assert started[1:] == ([0, 0], [pytest.approx(0)] * 2)
    assert (
        noise.shape == (4, 3)
        and noise.abs().max() <= 1
        and noise.min() < 0
        and noise.equal(started[0])
    )
    parts(explorer, widgets.Button)[0].click()
    assert game.asked[-1][1:] == (category, continuous) and not game.asked[-1][0].equal(noise)
    again = Coded()
    show.codes(again, count=4)
    assert again.asked[0][0].equal(noise)


def test_codes_take_names_and_words():
    game = Coded(categories=(12, 2), continuous=1)
    explorer = show.codes(
        game, names=["kind", "eyes", "turn"], words={"eyes": ["bare", "glasses"]}, reach=1.0
    )
    (kind,), (eyes,) = parts(explorer, widgets.Dropdown), parts(explorer, widgets.ToggleButtons)
    (turn,) = parts(explorer, widgets.FloatSlider)
    assert [c.description for c in (kind, eyes, turn)] == ["kind", "eyes", "turn"] and turn.max == 1
    eyes.value, kind.value = "glasses", 11
    assert game.asked[-1][1] == [11, 1]


@pytest.mark.parametrize(("categories", "continuous"), [((), 3), ((4,), 0)])
def test_codes_of_one_kind_are_enough(categories, continuous):
    game = Coded(categories, continuous)
    show.codes(game)
    assert game.asked[0][1:] == ([0] * len(categories), [pytest.approx(0)] * continuous)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"names": ["digit", "eyes"]}, "2 categorical, 2 continuous"),
        ({"names": ["a", "a", "b", "c"]}, "a name of its own"),
        ({"words": {"category 1": ["bare"]}}, r"'category 1': 1.*'category 1': 2"),
        ({"words": {"code 0": ["bare"]}}, "'code 0': 1"),
    ],
)
def test_wrong_names_of_codes_are_refused(how, message):
    with pytest.raises(CourseError, match=message):
        show.codes(Coded(), **how)


def test_codes_play_an_infogan():
    game = infogan.Config.at(
        "check", "digits", width=4, latent=5, categories=(3, 2), continuous=1
    ).build()
    with torch.no_grad():  # fresh weights draw grey, whatever the codes
        game.generator[-2].weight.normal_()
    explorer = show.codes(game, count=4)
    before = bytes(parts(explorer, widgets.Image)[0].value)
    parts(explorer, widgets.FloatSlider)[0].value = 2.0
    parts(explorer, widgets.ToggleButtons)[0].value = 2
    assert (
        bytes(parts(explorer, widgets.Image)[0].value) != before
        and not parts(explorer, widgets.HTML)[0].value
    )


def test_a_sentence_is_drawn_as_written_and_as_its_words_are_pressed():
    asked = []

    def draw(text, seed):
        asked.append((text, seed))
        return np.full((2, 3, 8, 8), len(asked), np.uint8)

    column = show.sentences(
        draw, "a red boat", words={"colour": ["red", "blue"]}, unknown=lambda text: {"bote": "boat"}
    )
    field, row, again, note, _ = column.children
    assert asked == [("a red boat", 0)]
    row.children[2].click()
    assert field.value == "a blue boat" and asked[-1] == ("a blue boat", 0)
    assert "bote" in note.value and "boat" in note.value
    again.click()
    assert asked[-1] == ("a blue boat", 1)


@pytest.mark.parametrize(
    ("word", "sentence", "expected"),
    [
        ("blue", "a red boat", "a blue boat"),
        ("red", "a boat", "a boat red"),
        ("on a lake", "a boat on grass", "a boat on a lake"),
        ("red", "", "red"),
    ],
)
def test_a_word_takes_the_place_of_another_of_its_kind(word, sentence, expected):
    known = ["red", "blue", "on grass", "on a lake"]
    assert explorers.put(word, known, sentence) == expected
