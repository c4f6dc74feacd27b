"""Widgets for a running kernel: sliders and buttons above pictures that they control."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from gancourse.files import CourseError
from gancourse.show.grids import png, tile
from gancourse.show.style import as_array
from gancourse.show.trade import tradeoff

PAUSE = 0.005  # seconds, at least, to wait for newer positions of a slider before drawing


class Soon:
    """Calls `action` once for all calls that arrive before it starts.

    A slider sends more positions than can be drawn. In an event loop, as in a notebook, a call
    schedules `action`, which then reads the latest position; outside an event loop, `action` runs
    at once. The wait is as long as the last run, so that half of the time is left for receiving
    positions.
    """

    def __init__(self, action: Callable[[], None]):
        self.action, self._waiting, self._pause = action, False, PAUSE

    def __call__(self, *_) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self.action()
        if not self._waiting:
            self._waiting = True
            loop.call_later(self._pause, self._run)

    def _run(self) -> None:
        self._waiting, began = False, time.monotonic()
        self.action()
        self._pause = max(PAUSE, time.monotonic() - began)


def knobs(
    draw: Callable,
    controls: Mapping[str, Sequence],
    *,
    columns: int | None = None,
    scale: int = 2,
    start: Mapping | None = None,
):
    """A widget with one control per name, above the pictures that `draw(**values)` returns.

    Args:
        draw: takes the values of the controls by name, and returns pictures (N, 1 or 3, H, W),
            float in [-1, 1] or uint8.
        controls: name -> a tuple (low, high, step) for a slider, of integers if all three are; or a
            list of choices.
        columns, scale: as for `grid`.
        start: initial values by name; by default the middle of a slider and the first choice.

    Raises:
        CourseError: an invalid control, or an initial value for a control that does not exist.
    """
    start = dict(start or {})
    if unknown := set(start) - set(controls):
        raise CourseError(
            f"start={start}: no control named {', '.join(sorted(unknown))}; "
            f"choose from: {', '.join(controls)}."
        )
    inputs = {name: _control(name, choice, start.get(name)) for name, choice in controls.items()}
    redraw, screen = _screen(
        lambda: draw(**{name: control.value for name, control in inputs.items()}), columns, scale
    )
    for control in inputs.values():
        control.observe(redraw, names="value")
    return _column(*inputs.values(), screen)


def latent_walk(
    sample_from_latent: Callable,
    latent_dim: int,
    *,
    count: int = 10,
    columns: int | None = None,
    scale: int = 3,
    seed: int = 0,
):
    """A widget with a slider from one random latent to another, for `count` pictures at once.

    Buttons draw new start and end latents. `sample_from_latent` maps a float32 CPU tensor (count,
    latent_dim) to pictures (count, 1 or 3, H, W); `columns` and `scale` are as for `grid`.
    """
    import ipywidgets as widgets
    import torch

    random = np.random.default_rng(seed)
    ends = random.standard_normal((2, count, latent_dim), dtype=np.float32)
    slider = _control("walk", (0.0, 1.0, 0.01), 0.0)
    redraw, screen = _screen(
        lambda: sample_from_latent(torch.from_numpy(walk(*ends, slider.value))), columns, scale
    )

    def renew(end: int) -> None:
        ends[end] = random.standard_normal((count, latent_dim), dtype=np.float32)
        redraw()

    buttons = [widgets.Button(description="new start"), widgets.Button(description="new end")]
    for end, button in enumerate(buttons):
        button.on_click(lambda _, end=end: renew(end))
    slider.observe(redraw, names="value")
    return _column(slider, widgets.HBox(buttons, layout={"flex_flow": "row wrap"}), screen)


def codes(
    game,
    *,
    names: Sequence[str] | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
    reach: float = 2.0,
    count: int = 10,
    columns: int | None = None,
    scale: int = 3,
    seed: int = 0,
):
    """A widget with buttons per categorical code, a slider per continuous one, and pictures.

    The noise of each picture is fixed, so that only the codes change it. A button draws new noise.

    Args:
        game: has `config.categories` (sizes), `config.continuous` (a number), `config.latent` and
            `sample(noise=, category=, continuous=)`.
        names: of the codes, categorical ones first; by default "category 0", ..., "code 0", ...
        words: name of a categorical code -> a word for each of its values, shown instead of
            numbers.
        reach: sliders cover -reach to reach; codes are trained in -1 to 1.
        count, columns, scale, seed: number of pictures, their layout as for `grid`, and the seed of
            their noise.

    Raises:
        CourseError: a wrong number of names, or of words for a code.
    """
    import ipywidgets as widgets
    import torch

    sizes = tuple(game.config.categories)
    names = _code_names(sizes, game.config.continuous, names)
    choices = _choices(dict(zip(names, sizes, strict=False)), words or {})
    inputs = [_control(name, choice, None) for name, choice in choices.items()]
    inputs += [_control(name, (-reach, reach, 0.05), 0.0) for name in names[len(sizes) :]]
    dice = torch.Generator().manual_seed(seed)
    noise = []

    def draw():
        picked, moved = inputs[: len(sizes)], inputs[len(sizes) :]
        category = [
            choice.index(control.value)
            for choice, control in zip(choices.values(), picked, strict=True)
        ]
        return game.sample(
            noise=noise[0], category=category, continuous=[control.value for control in moved]
        )

    def renew() -> None:
        noise[:] = [torch.rand(count, game.config.latent, generator=dice) * 2 - 1]

    renew()
    redraw, screen = _screen(draw, columns, scale)
    for control in inputs:
        control.observe(redraw, names="value")
    button = widgets.Button(description="new noise")
    button.on_click(lambda _: (renew(), redraw()))
    return _column(*inputs, button, screen)


def slide(
    draw: Callable[[float], object],
    rows: Sequence[Mapping[str, float]],
    x: tuple[str, str],
    y: tuple[str, str],
    *,
    by: str = "blend",
    start: float | None = None,
    scale: int = 2,
    **options,
):
    """A slider along the curve of `tradeoff`, above the picture of that point and the curve.

    Args:
        draw: value of `by` -> pictures (N, 1 or 3, H, W), float in [-1, 1] or uint8.
        rows, x, y, by: as for `tradeoff`; `options` are its further arguments.
        start: value of `by` at the start (default: the middle).
        scale: screen pixels per picture pixel.
    """
    import ipywidgets as widgets

    values = sorted(row[by] for row in rows)
    slider = _control(by, (float(values[0]), float(values[-1]), 0.05), start)
    shown = widgets.Image(format="png", layout={"max_width": "100%", "align_self": "flex-start"})
    curve = widgets.Image(format="png", layout={"max_width": "100%", "align_self": "flex-start"})

    def redraw() -> None:
        shown.value = _png(draw(slider.value), None, scale)
        curve.value = tradeoff(rows, x, y, by=by, marked=slider.value, **options).png()

    redraw()
    slider.observe(Soon(redraw), names="value")
    return _column(slider, shown, curve)


def sentences(
    draw: Callable[[str, int], object],
    start: str,
    *,
    words: Mapping[str, Sequence[str]] | None = None,
    unknown: Callable[[str], Mapping[str, str]] | None = None,
    columns: int | None = None,
    scale: int = 2,
):
    """A field for a sentence and a button for other draws, above the pictures of it.

    Args:
        draw: (sentence, seed) -> pictures (N, 1 or 3, H, W), float in [-1, 1] or uint8.
        start: the first sentence.
        words: kind -> words of that kind; a click on one writes it in the place of another of its
            kind in the sentence, or at its end.
        unknown: sentence -> the words that the model does not know, each with the nearest that it
            knows, or "".
        columns, scale: as for `grid`.
    """
    import ipywidgets as widgets

    wide = {"width": "100%", "max_width": "44em"}
    field = widgets.Text(start, continuous_update=False, description="sentence", layout=wide)
    again = widgets.Button(description="again")
    note, seeds = widgets.HTML(), [0]
    redraw, screen = _screen(lambda: draw(field.value, seeds[0]), columns, scale)

    def written(_) -> None:
        missing = unknown(field.value) if unknown else {}
        note.value = "; ".join(
            f"<i>{html.escape(word)}</i> is not known"
            + (f", but <i>{html.escape(near)}</i> is" if near else "")
            for word, near in missing.items()
        )
        redraw()

    def renew(_) -> None:
        seeds[0] += 1
        redraw()

    field.observe(written, names="value")
    again.on_click(renew)
    rows = []
    for kind, known in (words or {}).items():
        buttons = [widgets.Button(description=word, layout={"width": "auto"}) for word in known]
        for button in buttons:
            button.on_click(
                lambda pressed, known=known: setattr(
                    field, "value", put(pressed.description, known, field.value)
                )
            )
        label = widgets.Label(kind, layout={"width": "5em"})
        rows.append(widgets.HBox([label, *buttons], layout={"flex_flow": "row wrap"}))
    return _column(field, *rows, again, note, screen)


def put(word: str, known: Sequence[str], sentence: str) -> str:
    """A sentence with `word` in the place of the first of the `known` ones in it, or at its end."""
    for other in sorted(known, key=len, reverse=True):
        before, found, after = f" {sentence} ".partition(f" {other} ")
        if found:
            return f"{before} {word} {after}".strip()
    return f"{sentence} {word}".strip()


def _code_names(sizes: tuple[int, ...], continuous: int, given: Sequence[str] | None) -> list[str]:
    """The names of the codes, categorical ones first: as given, or numbered as in `sample`."""
    kinds = {"category": len(sizes), "code": continuous}
    numbered = [
        f"{kind} {i}" if count > 1 else kind for kind, count in kinds.items() for i in range(count)
    ]
    names = numbered if given is None else list(given)
    if len(names) != len(numbered) or len(set(names)) != len(names):
        raise CourseError(
            f"names={names}: the game has {len(sizes)} categorical, {continuous} continuous codes; "
            "give each a name of its own."
        )
    return names


def _choices(sizes: Mapping[str, int], words: Mapping[str, Sequence[str]]) -> dict[str, list]:
    """Name of a categorical code -> the labels of its values: words, or numbers from 0."""
    choices = {name: list(words.get(name, range(size))) for name, size in sizes.items()}
    given = {name: len(choices[name]) for name in sizes} | {
        name: len(words[name]) for name in words
    }
    if given != dict(sizes):
        raise CourseError(
            f"words: counts per code are {given}; give as many as values, {dict(sizes)}."
        )
    return choices


def walk(start, end, t) -> np.ndarray:
    """Spherical interpolation: latents at fraction `t` from `start` to `end`, both (..., D).

    A straight line would pass through short vectors, which a Gaussian hardly ever draws and no
    generator is trained on; the arc keeps typical lengths (White 2016, arXiv 1609.04468, section
    2.1).
    """
    start, end = as_array(start), as_array(end)
    lengths = [np.linalg.norm(latent, axis=-1, keepdims=True) for latent in (start, end)]
    cosine = (start * end).sum(-1, keepdims=True) / np.maximum(np.prod(lengths, 0), 1e-12)
    angle = np.arccos(np.clip(cosine, -0.9999, 0.9999))
    return ((np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)).astype(
        start.dtype
    )


def _screen(draw: Callable, columns: int | None, scale: int):
    """A function that schedules a redraw, and the widget that shows the picture."""
    import ipywidgets as widgets

    picture = widgets.Image(format="png", layout={"max_width": "100%", "align_self": "flex-start"})
    trouble = widgets.HTML()

    def show() -> None:
        try:
            picture.value, trouble.value = _png(draw(), columns, scale), ""
        except Exception as error:  # or an event loop would hide it in a log
            trouble.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"

    picture.value = _png(draw(), columns, scale)
    return Soon(show), _column(picture, trouble)


def _column(*children):
    import ipywidgets as widgets

    return widgets.VBox(list(children), layout={"max_width": "100%"})


def _control(name: str, choice, value):
    """A slider for (low, high, step), buttons for up to ten choices, a drop-down list for more."""
    import ipywidgets as widgets

    how = {
        "description": name.replace("_", " "),
        "style": {"description_width": "7em"},
        "layout": {"width": "100%", "max_width": "34em"},
    }
    if isinstance(choice, tuple):
        return _slider(widgets, name, choice, value, how)
    options = list(choice)
    if not options:
        raise CourseError(f"{name}=[]: no choices; give at least one.")
    if value is not None and value not in options:
        raise CourseError(
            f"{name}={value!r}: not among the choices {options}; start at one of them."
        )
    value = options[0] if value is None else value
    if len(options) > 10:
        return widgets.Dropdown(options=options, value=value, **how)
    how["style"]["button_width"] = "auto"
    return widgets.ToggleButtons(options=options, value=value, **how)


def _slider(widgets, name: str, choice: tuple, value, how: dict):
    if len(choice) != 3 or not all(isinstance(number, (int, float)) for number in choice):
        raise CourseError(
            f"{name}={choice!r}: no control; give (low, high, step) or a list of choices."
        )
    low, high, step = choice
    if not (low < high and step > 0):
        raise CourseError(
            f"{name}={choice!r}: no range (low, high, step); give low < high and step > 0."
        )
    if value is None:
        value = low + round((high - low) / 2 / step) * step
    whole = all(isinstance(number, int) for number in choice)
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    return kind(value=value, min=low, max=high, step=step, **how)


def _png(pictures, columns: int | None, scale: int) -> bytes:
    return png(Image.fromarray(tile(pictures, columns).repeat(scale, 0).repeat(scale, 1)))
