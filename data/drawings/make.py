"""Draw the 20 drawings as SVG files beside this script: ten by script, ten as by mouse.

    python data/drawings/make.py

writes the same bytes each time; with --check it only compares. Needs fontTools, which comes with
matplotlib.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from itertools import pairwise
from pathlib import Path

from fontTools.misc.bezierTools import cubicPointAtT
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path

HERE = Path(__file__).resolve().parent
STROKE = 2  # units of 72, as in OpenMoji's drawings
SCREEN = 4  # pixels per unit of the sheet that the mouse draws on: 288 in all
EVERY = 1.6  # units between two places where the mouse is seen
CORNER = 50  # degrees; a sharper turn is a corner
SWAYS = ((18, 45), (0.3, 0.6)), ((9, 16), (0.15, 0.3)), ((4, 7), (0.05, 0.12))  # width, height

Point = tuple[float, float]
Stroke = list[Point]


def ring(x: float, y: float, r: float) -> str:
    return f"M{x - r:g} {y:g}A{r:g} {r:g} 0 1 1 {x + r:g} {y:g}A{r:g} {r:g} 0 1 1 {x - r:g} {y:g}Z"


def dot(x: float, y: float) -> str:
    """A filled dot: a ring so small that its stroke leaves no middle."""
    return ring(x, y, 1)


def box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}Z"


def polar(x: float, y: float, r: float, turn: float) -> str:
    angle = 2 * math.pi * turn
    return f"{x + r * math.cos(angle):.2f} {y + r * math.sin(angle):.2f}"


def petals(x: float, y: float, inner: float, outer: float, bulge: float, n: int) -> list[str]:
    """A flower: `n` round petals about a ring, divided by straight lines."""
    ends = [(k - 0.5) / n for k in range(n + 1)]
    rim = "".join(f"A{bulge:g} {bulge:g} 0 1 1 {polar(x, y, outer, turn)}" for turn in ends[1:])
    lines = [f"M{polar(x, y, inner, turn)}L{polar(x, y, outer, turn)}" for turn in ends[:-1]]
    return [f"M{polar(x, y, outer, ends[0])}{rim}Z", ring(x, y, inner), *lines]


def rays(x: float, y: float, inner: float, outer: float, n: int, half: float = 0.03) -> list[str]:
    """`n` closed triangles that point away from (x, y)."""
    found = []
    for k in range(n):
        turn = (k + 0.5) / n
        left, right = (polar(x, y, inner, turn + side) for side in (-half, half))
        found.append(f"M{left}L{polar(x, y, outer, turn)}L{right}Z")
    return found


def spiral(x: float, y: float, first: float, last: float, turns: float, start: float) -> str:
    steps = round(24 * turns)
    places = [
        polar(x, y, first + (last - first) * k / steps, start + turns * k / steps)
        for k in range(steps + 1)
    ]
    return f"M{places[0]}L{' '.join(places[1:])}"


BY_SCRIPT = {
    "apple": [
        "M36 24C31 20 21 18 14 26C7 36 14 53 24 61C28 64 32 61 36 61C40 61 44 64 48 61"
        "C58 53 65 36 58 26C51 18 41 20 36 24Z",
        "M36 24C36 18 34 13 30 10",
        "M37 19C39 10 48 7 57 9C55 17 47 22 37 19Z",
    ],
    "boat": [
        "M10 48H62L55 60H18Z",
        "M36 48V9",
        "M32 14V42H12Z",
        "M40 19L58 42H40Z",
    ],
    "car": [
        "M15 50H9V42C9 38 12 36 17 35L24 25C25 23.5 26 23 28 23H44C46 23 47 23.5 48 25"
        "L55 35C60 36 63 38 63 42V50H57",
        "M29 50H43",
        ring(22, 50, 7),
        ring(22, 50, 2.5),
        ring(50, 50, 7),
        ring(50, 50, 2.5),
        "M23 36L29 28H34V36Z",
        "M39 28H44L49 36H39Z",
    ],
    "cat": [
        "M14 33L15 11L27 20C33 18 39 18 45 20L57 11L58 33C61 43 55 53 48 57"
        "C41 61.5 31 61.5 24 57C17 53 11 43 14 33Z",
        dot(27, 36),
        dot(45, 36),
        "M33 43H39L36 46.5Z",
        "M36 46.5C36 51 31 53 28 50",
        "M36 46.5C36 51 41 53 44 50",
        "M20 44L8 42",
        "M20 49L9 53",
        "M52 44L64 42",
        "M52 49L63 53",
    ],
    "cup": [
        "M13 26H48V50C48 56 44 61 38 61H23C17 61 13 56 13 50Z",
        "M48 30H52C59 30 63 34 63 40C63 46 59 50 52 50H48",
        "M48 35H52C55.5 35 58 37 58 40C58 43 55.5 45 52 45H48",
        "M23 20C19 16 27 13 23 9",
        "M31 20C27 16 35 13 31 9",
        "M39 20C35 16 43 13 39 9",
    ],
    "fish": [
        "M8 37C15 26 27 20 38 21C46 22 51 27 55 33L65 24C61 33 61 41 65 50L55 41"
        "C51 47 46 52 38 53C27 54 15 48 8 37Z",
        dot(20, 33),
        "M29 25C33 32 33 42 29 49",
        "M31 21.5C36 12 46 12 51 17C48 20 47 22 46.5 24.5",
        "M38 35C43 32 48 34 49 38C45 41 40 41 38 35Z",
        "M34 53C37 59 44 60 48 57C46 54 45 52 45 50",
    ],
    "flower": [
        *petals(36, 24, 4.5, 8.5, 5.2, 6),
        "M36 39.5V61",
        "M36 61C29 61 22 57 19 48C28 48 35 53 36 61Z",
        "M36 61C37 53 44 48 53 48C50 57 43 61 36 61Z",
    ],
    "house": [
        "M8 34L36 10L64 34Z",
        "M15 34V61H57V34",
        "M31 61V45H41V61",
        box(20, 40, 7, 7),
        box(45, 40, 7, 7),
        "M48 20V12H54V25",
    ],
    "tree": [
        "M27 45C17 47 10 40 12 32C8 23 17 14 25 15C29 7 43 7 47 15C55 14 64 23 60 32"
        "C62 40 55 47 45 45C40 49 32 49 27 45Z",
        "M31 48V63H41V48",
        "M20 63H52",
        ring(26, 29, 3),
        ring(37, 22, 3),
        ring(44, 34, 3),
    ],
    "umbrella": [
        "M8 37C9 22 21 11 36 11C51 11 63 22 64 37C59 32 50 32 45.5 37C41 32 31 32 26.5 37"
        "C22 32 13 32 8 37Z",
        "M36 11C30 17 27 26 26.5 37",
        "M36 11C42 17 45 26 45.5 37",
        "M36 11V7",
        "M36 34V56C36 64.5 48 64.5 48 56",
    ],
}
BY_MOUSE = {
    "bird": [
        "M19 30C18 20 26 13 35 15C44 17 46 25 46 30C51 35 58 36 65 33C64 46 53 56 39 55"
        "C26 54 19 44 19 30Z",
        "M19.5 24L9 29L19 33",
        dot(28, 25),
        "M30 36C37 32 48 36 53 43C46 49 33 48 30 36Z",
        "M34 55V63H29",
        "M43 54V63H38",
    ],
    "cake": [
        "M12 41H60V61H12Z",
        "M12 48C15 54 20 54 23 48C26 54 32 54 36 48C40 54 46 54 49 48C52 54 57 54 60 48",
        "M19 41V28H53V41",
        "M26 28V18H30V28",
        "M42 28V18H46V28",
        "M28 15C25 12 27 10 28 7C29 10 31 12 28 15Z",
        "M44 15C41 12 43 10 44 7C45 10 47 12 44 15Z",
        "M7 61H65",
    ],
    "dog": [
        "M21 24C25 15 47 15 51 24C56 34 55 49 48 56C42 61.5 30 61.5 24 56C17 49 16 34 21 24Z",
        "M23 20C13 14 6 24 7 36C8 45 15 46 18 39",
        "M49 20C59 14 66 24 65 36C64 45 57 46 54 39",
        dot(29, 34),
        dot(43, 34),
        "M31 43C32 40 40 40 41 43C41 46 38 48 36 48C34 48 31 46 31 43Z",
        "M36 48V50C35 54 30 54 28 51",
        "M36 50C37 54 42 54 44 51",
    ],
    "hat": [
        "M21 46L19 14C29 11 43 11 53 14L51 46C41 50 31 50 21 46Z",
        "M20.5 37C30 41 42 41 51.5 37",
        "M21 45C12 46 7 49 9 53C15 61 57 61 63 53C65 49 60 46 51 45",
    ],
    "lamp": [
        "M26 10H46L57 36H15Z",
        "M33 36V56H39V36",
        "M20 56H52V62H20Z",
        "M49 36V45",
        ring(49, 47, 1.6),
    ],
    "leaf": [
        "M18 54C6 33 24 11 61 10C63 44 44 64 18 54Z",
        "M9 63C20 50 35 35 49 22",
        "M28 42C27 36 27 32 27 28",
        "M28 42C34 44 39 44 44 43",
        "M38 32C37 27 37 24 38 20",
        "M38 32C43 34 47 34 52 33",
    ],
    "mushroom": [
        "M8 38C8 22 21 11 36 11C51 11 64 22 64 38C52 43 20 43 8 38Z",
        "M28 41C29 47 27 53 25 58C30 63 42 63 47 58C45 53 43 47 44 41",
        ring(23, 28, 4),
        ring(39, 20, 4),
        ring(50, 31, 3.5),
    ],
    "rocket": [
        "M36 7C46 15 49 29 46 47H26C23 29 26 15 36 7Z",
        "M28 19H44",
        ring(36, 29, 4.5),
        "M25 34C17 39 14 47 14 56L26 47",
        "M47 34C55 39 58 47 58 56L46 47",
        "M30 47C29 56 33 59 36 65C39 59 43 56 42 47",
    ],
    "snail": [
        ring(43, 33, 16),
        spiral(43, 33, 2.5, 11.5, 1.9, 0.1),
        "M31 44C26 46 23 43 22 38C21 33 19 31 15 31C10 31 8 36 8 43C8 54 13 59 22 59H65"
        "C62 53 58 49 54 45",
        "M12 32L9 22",
        "M17 31L20 21",
        dot(9, 21),
        dot(20.5, 20),
    ],
    "sun": [
        ring(36, 36, 15),
        *rays(36, 36, 19, 28, 8),
        dot(30, 33),
        dot(42, 33),
        "M28 40C31 46 41 46 44 40",
    ],
}


# As by mouse ------------------------------------------------------------------


def sampled(path: str) -> list[Stroke]:
    """Each stroke of a path as points, about a fifth of a unit apart."""
    pen = RecordingPen()
    parse_path(path, pen)
    strokes: list[Stroke] = []
    for what, given in pen.value:
        if what == "moveTo":
            strokes.append([given[0]])
            continue
        if what == "endPath":
            continue
        stroke = strokes[-1]
        ends = given if what != "closePath" else (stroke[0],)
        start = stroke[-1]
        steps = max(1, round(5 * sum(map(math.dist, [start, *ends], ends))))
        if len(ends) == 1:  # a straight line
            stroke += [_between(start, ends[0], k / steps) for k in range(1, steps + 1)]
        else:
            stroke += [cubicPointAtT(start, *ends, k / steps) for k in range(1, steps + 1)]
    return strokes


def _between(a: Point, b: Point, t: float) -> Point:
    return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])


def pieces(stroke: Stroke, dice: random.Random) -> list[Stroke]:
    """The stroke, cut at some of its corners, where the hand stops and begins again."""
    cuts, reach = [0], 5  # samples: a unit before and after
    for i in range(reach, len(stroke) - reach):
        before, here, after = stroke[i - reach], stroke[i], stroke[i + reach]
        turn = math.atan2(after[1] - here[1], after[0] - here[0])
        turn -= math.atan2(here[1] - before[1], here[0] - before[0])
        turn = abs((turn + math.pi) % (2 * math.pi) - math.pi)
        if math.degrees(turn) > CORNER and i - cuts[-1] > 4 * reach and dice.random() < 0.7:
            cuts.append(i + 1)
    cuts.append(len(stroke) - 1)
    return [stroke[a : b + 1] for a, b in pairwise(cuts) if b - a > reach]


def unsteady(stroke: Stroke, dice: random.Random) -> Stroke:
    """A stroke as a hand draws it with a mouse.

    It sways in slow waves, runs past its end or stops before it, is seen only every few pixels,
    and at whole ones.
    """
    length = sum(map(math.dist, stroke, stroke[1:]))
    small = min(1.0, length / 40)  # a small thing is drawn with more care
    waves = [
        [
            (dice.uniform(*wide), dice.uniform(0, 2 * math.pi), dice.uniform(*high))
            for wide, high in SWAYS
        ]
        for _ in "xy"
    ]
    along, swayed = 0.0, []
    for here, there in zip(stroke, [*stroke[1:], stroke[-1]], strict=True):
        offsets = [
            small * sum(a * math.sin(2 * math.pi * along / wide + p) for wide, p, a in each)
            for each in waves
        ]
        swayed.append((here[0] + offsets[0], here[1] + offsets[1]))
        along += math.dist(here, there)
    if length > 12:
        swayed = _ended(swayed, dice.uniform(-3.4, 1.8))
    step = max(1, round(5 * EVERY * (0.5 + 0.5 * small)))
    seen = [*swayed[:-1:step], swayed[-1]]
    return [(round(x * SCREEN) / SCREEN, round(y * SCREEN) / SCREEN) for x, y in seen]


def _ended(stroke: Stroke, by: float) -> Stroke:
    """The stroke, `by` units longer along its last direction, or shorter."""
    if by < 0:
        return stroke[: len(stroke) + round(5 * by)]
    before, last = stroke[-6], stroke[-1]
    return [*stroke, _between(before, last, 1 + by / (math.dist(before, last) or 1))]


def by_mouse(name: str, paths: list[str]) -> list[str]:
    dice = random.Random(name)
    strokes = [piece for path in paths for whole in sampled(path) for piece in pieces(whole, dice)]
    drawn = []
    for stroke in strokes:
        sides = [(min(places), max(places)) for places in zip(*stroke, strict=True)]
        if max(high - low for low, high in sides) < 2.5:  # a click
            x, y = (sum(side) / 2 for side in sides)
            drawn.append(dot(round(x * SCREEN) / SCREEN, round(y * SCREEN) / SCREEN))
            continue
        points = " ".join(f"{x:g} {y:g}" for x, y in unsteady(stroke, dice))
        drawn.append(f"M{points}")
    return drawn


# Files ------------------------------------------------------------------------


def svg(paths: list[str]) -> str:
    lines = "\n".join(f'  <path d="{path}"/>' for path in paths)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72" width="72" height="72"\n'
        f'  fill="none" stroke="#000" stroke-width="{STROKE}" stroke-linecap="round" '
        f'stroke-linejoin="round">\n{lines}\n</svg>\n'
    )


def files() -> dict[str, bytes]:
    """The path of each file below this folder -> its bytes."""
    drawn = {f"script/{name}.svg": paths for name, paths in BY_SCRIPT.items()}
    drawn |= {f"mouse/{name}.svg": by_mouse(name, paths) for name, paths in BY_MOUSE.items()}
    return {name: svg(paths).encode() for name, paths in drawn.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    wrong = []
    for name, contents in files().items():
        path = HERE / name
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(contents)
        elif not path.is_file() or path.read_bytes() != contents:
            wrong.append(name)
    if wrong:
        sys.exit(f"{', '.join(wrong)}: not what this script draws; run it without --check.")
