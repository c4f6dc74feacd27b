"""A blind comparison: two pictures in random order, the reader's choice, and the tally."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from itertools import combinations

import ipywidgets
import numpy as np
from PIL import Image

from gancourse.files import CourseError
from gancourse.show.grids import png, to_bytes
from gancourse.show.style import as_array


def blind(
    pictures: Mapping[str, object],
    *,
    question: str = "Which is the better photo?",
    reference: tuple[str, Mapping[str, float]] | None = None,
    scale: int = 2,
    seed: int = 0,
):
    """A widget that asks for the better of two pictures, and hides which is which.

    Each pair shows one subject by two methods, left and right at random; every pair of methods
    comes equally often. The tally is hidden until the reader asks for it.

    Args:
        pictures: method -> pictures (N, 1 or 3, H, W), float in [-1, 1] or uint8, of the same N
            subjects.
        question: above the pair.
        reference: heading and values by method, shown beside the tally, such as a paper's scores.
        scale: screen pixels per picture pixel.
        seed: of the order.

    Raises:
        CourseError: fewer than two methods, or other pictures than described.
    """
    sheets = {name: to_bytes(as_array(each)) for name, each in pictures.items()}
    shapes = {each.shape for each in sheets.values()}
    if len(sheets) < 2 or len(shapes) > 1:
        given = ", ".join(f"{name}: {each.shape}" for name, each in sheets.items())
        raise CourseError(
            f"pictures: {given or 'none'}; give two methods or more, with equally many pictures of "
            "one size."
        )
    count, height, width, _ = shapes.pop()
    order = trials(list(sheets), count, seed)
    shown: dict[str, int] = dict.fromkeys(sheets, 0)
    won: dict[str, int] = dict.fromkeys(sheets, 0)
    pair: list[str] = []
    screens = [
        ipywidgets.Image(format="png", width=scale * width, height=scale * height) for _ in range(2)
    ]
    buttons = [ipywidgets.Button(description=word) for word in ("left", "right")]
    reveal = ipywidgets.Button(description="show the tally")
    answer = ipywidgets.HTML()

    def ask() -> None:
        subject, *methods = next(order)
        pair[:] = methods
        for screen, method in zip(screens, methods, strict=True):
            screen.value = png(Image.fromarray(sheets[method][subject]))

    def choose(side: int) -> None:
        for method in pair:
            shown[method] += 1
        won[pair[side]] += 1
        answer.value = f"{sum(won.values())} answered."
        ask()

    for side, button in enumerate(buttons):
        button.on_click(lambda _, side=side: choose(side))
    reveal.on_click(lambda _: setattr(answer, "value", tally(won, shown, reference)))
    ask()
    row = {"flex_flow": "row wrap", "grid_gap": "8px"}
    halves = [
        ipywidgets.VBox([screen, button]) for screen, button in zip(screens, buttons, strict=True)
    ]
    return ipywidgets.VBox(
        [
            ipywidgets.HTML(html.escape(question)),
            ipywidgets.HBox(halves, layout=row),
            reveal,
            answer,
        ],
        layout={"max_width": "100%"},
    )


def trials(methods: list[str], count: int, seed: int) -> Iterator[tuple[int, str, str]]:
    """(subject, left, right) without end: each pair of methods once in every round, subjects and
    sides at random.
    """
    random = np.random.default_rng(seed)
    pairs = list(combinations(methods, 2))
    while True:
        for i in random.permutation(len(pairs)):
            left, right = random.permutation(pairs[i]).tolist()
            yield int(random.integers(count)), left, right


def tally(
    won: Mapping[str, int],
    shown: Mapping[str, int],
    reference: tuple[str, Mapping[str, float]] | None = None,
) -> str:
    """How often each method was shown and preferred, beside the reference: a table in HTML."""
    head, values = reference or ("", {})
    heads = ["", "preferred", "shown", "share"] + ([head] if reference else [])
    rows = [[f"<th>{html.escape(each)}</th>" for each in heads]]
    for method, times in shown.items():
        share = f"{won[method] / times:.0%}" if times else "–"
        cells = [html.escape(method), str(won[method]), str(times), share]
        cells += [f"{values[method]:.2f}" if method in values else "–"] if reference else []
        rows.append([f"<td>{cell}</td>" for cell in cells])
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{body}</table>"
