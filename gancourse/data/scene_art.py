"""Scenes in flat colours, drawn from words at any size.

A scene is a sky, a light, weather, a ground, and one or two things. What no word says (the shape of
the hills, where the sun stands, a step to the left) is drawn by lot, so that one sentence has many
pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

FINER = 4  # everything is drawn so many times as large, and shrunk: smooth edges
COLOURS: dict[str, Colour] = {
    "red": (222, 48, 52), "orange": (246, 140, 30), "yellow": (252, 214, 60),
    "green": (52, 158, 78), "blue": (48, 110, 226), "purple": (132, 72, 196),
    "pink": (250, 134, 182), "white": (250, 248, 242),
}  # fmt: skip
SKIES: dict[str, tuple[Colour, Colour]] = {  # at the top and at the horizon
    "day": ((104, 178, 244), (206, 234, 252)),
    "sunset": ((110, 74, 148), (255, 170, 104)),
    "night": ((14, 20, 62), (54, 64, 124)),
}
GROUNDS: dict[str, tuple[Colour, Colour]] = {  # at the horizon and at the bottom
    "grass": ((118, 186, 88), (74, 146, 64)),
    "sand": ((242, 214, 150), (218, 180, 108)),
    "snow": ((236, 242, 250), (208, 220, 238)),
    "water": ((70, 136, 200), (34, 84, 150)),
}
LIGHTS = {"sun": (255, 222, 84), "moon": (248, 246, 220), "stars": (250, 248, 226)}
WOOD, DARK, GLASS = (116, 74, 44), (44, 42, 54), (206, 232, 248)


def mix(a: Colour, b: Colour, part: float) -> Colour:
    """`a` with `part` of it replaced by `b`."""
    return tuple(round((1 - part) * x + part * y) for x, y in zip(a, b, strict=True))


def darker(colour: Colour, part: float = 0.25) -> Colour:
    return mix(colour, (24, 20, 48), part)


def lighter(colour: Colour, part: float = 0.35) -> Colour:
    return mix(colour, (255, 255, 255), part)


class Sheet:
    """A square to draw on. Places and sizes are fractions of its side, from the upper left."""

    def __init__(self, side: int):
        self.side = FINER * side
        self.image = Image.new("RGB", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.image)

    def at(self, *places: Point) -> list[Point]:
        return [(x * self.side, y * self.side) for x, y in places]

    def shape(self, colour: Colour, *corners: Point) -> None:
        self.draw.polygon(self.at(*corners), fill=colour)

    def box(self, colour: Colour, x: float, y: float, width: float, height: float, round_=0.0):
        """A rectangle with its lower edge's middle at (x, y)."""
        corners = self.at((x - width / 2, y - height), (x + width / 2, y))
        self.draw.rounded_rectangle([*corners[0], *corners[1]], round_ * self.side, fill=colour)

    def disc(self, colour: Colour, x: float, y: float, width: float, height: float | None = None):
        height = width if height is None else height
        corners = self.at((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
        self.draw.ellipse([*corners[0], *corners[1]], fill=colour)

    def line(self, colour: Colour, width: float, *places: Point) -> None:
        self.draw.line(self.at(*places), fill=colour, width=max(1, round(width * self.side)))

    def fade(self, upper: Colour, lower: Colour, top: float, bottom: float) -> None:
        """One colour that becomes another, from the height `top` down to `bottom`."""
        first, last = round(top * self.side), round(bottom * self.side)
        part = (np.arange(last - first) / (last - first))[:, None, None]
        column = np.rint((1 - part) * np.array(upper) + part * np.array(lower)).astype(np.uint8)
        self.image.paste(Image.fromarray(column.repeat(self.side, axis=1)), (0, first))

    def done(self) -> np.ndarray:
        """(side, side, 3) uint8 at the size that was asked for."""
        return np.asarray(self.image.reduce(FINER))


def house(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    sheet.box(colour, x, y, 1.7 * w, 1.25 * w)
    sheet.box(darker(colour), x + 0.68 * w, y, 0.34 * w, 1.25 * w)
    eaves = (x - 1.05 * w, y - 1.2 * w), (x + 1.05 * w, y - 1.2 * w)
    sheet.shape((122, 62, 50), eaves[0], (x - 0.1 * w, y - 2.15 * w), eaves[1])
    sheet.box(WOOD, x - 0.35 * w, y, 0.42 * w, 0.8 * w)
    sheet.box((255, 226, 120) if night else GLASS, x + 0.25 * w, y - 0.45 * w, 0.4 * w, 0.4 * w)


def tree(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    sheet.box(WOOD, x, y, 0.36 * w, 1.3 * w)
    for shade, dx, dy, size in (
        (darker(colour, 0.15), -0.5, 1.25, 1.1), (darker(colour, 0.15), 0.5, 1.3, 1.1),
        (colour, 0.0, 1.75, 1.5), (lighter(colour, 0.2), -0.2, 2.0, 0.7),
    ):  # fmt: skip
        sheet.disc(shade, x + dx * w, y - dy * w, size * w)


def fir(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    sheet.box(WOOD, x, y, 0.3 * w, 0.5 * w)
    for i, wide in enumerate((1.0, 0.8, 0.58)):
        foot, tip = y - (0.35 + 0.62 * i) * w, y - (1.5 + 0.62 * i) * w
        sheet.shape(colour, (x - wide * w, foot), (x, tip), (x + wide * w, foot))
        sheet.shape(darker(colour), (x + 0.3 * wide * w, foot), (x, tip), (x + wide * w, foot))


def car(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    roof = ((-0.75, 0.85), (-0.42, 1.42), (0.48, 1.42), (0.85, 0.85))
    sheet.shape(colour, *((x + dx * w, y - dy * w) for dx, dy in roof))
    glass = ((-0.52, 0.88), (-0.3, 1.26), (0.36, 1.26), (0.6, 0.88))
    sheet.shape(GLASS, *((x + dx * w, y - dy * w) for dx, dy in glass))
    sheet.box(colour, x, y - 0.2 * w, 2.4 * w, 0.7 * w, 0.2 * w)
    sheet.box(darker(colour), x, y - 0.2 * w, 2.4 * w, 0.18 * w)
    for dx in (-0.66, 0.66):
        sheet.disc(DARK, x + dx * w, y - 0.2 * w, 0.56 * w)
        sheet.disc((196, 200, 208), x + dx * w, y - 0.2 * w, 0.24 * w)


def balloon(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    y -= 0.75 * w  # it floats
    for dx in (-0.22, 0.22):
        sheet.line(DARK, 0.06 * w, (x + 2.2 * dx * w, y - 1.1 * w), (x + dx * w, y - 0.35 * w))
    sheet.box(WOOD, x, y, 0.5 * w, 0.38 * w, 0.06 * w)
    skirt = ((-0.72, 1.45), (0.72, 1.45), (0.3, 0.75), (-0.3, 0.75))
    sheet.shape(colour, *((x + dx * w, y - dy * w) for dx, dy in skirt))
    sheet.disc(colour, x, y - 1.85 * w, 1.8 * w)
    sheet.disc(lighter(colour), x, y - 1.85 * w, 0.7 * w, 1.75 * w)


def flower(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    green = (46, 128, 62)
    sheet.line(green, 0.16 * w, (x, y), (x, y - 1.5 * w))
    for side in (-1, 1):
        leaf = (x, y - 0.25 * w), (x + side * 0.7 * w, y - 0.75 * w), (x, y - 0.6 * w)
        sheet.shape(green, *leaf)
    for i in range(6):
        dx, dy = np.cos(i * np.pi / 3 + 0.5), np.sin(i * np.pi / 3 + 0.5)
        sheet.disc(colour, x + 0.52 * w * dx, y - (1.75 + 0.52 * dy) * w, 0.82 * w)
    heart = (150, 84, 34) if colour in (COLOURS["yellow"], COLOURS["orange"]) else (255, 206, 58)
    sheet.disc(heart, x, y - 1.75 * w, 0.6 * w)


def boat(sheet: Sheet, colour: Colour, x: float, y: float, w: float, night: bool) -> None:
    sheet.line(WOOD, 0.1 * w, (x, y - 0.5 * w), (x, y - 2.45 * w))
    sheet.shape(colour, (x + 0.1 * w, y - 2.35 * w), (x + 0.1 * w, y - 0.72 * w),
                (x + 1.1 * w, y - 0.72 * w))  # fmt: skip
    sheet.shape(lighter(colour, 0.25), (x - 0.1 * w, y - 2.1 * w), (x - 0.1 * w, y - 0.72 * w),
                (x - 0.8 * w, y - 0.72 * w))  # fmt: skip
    hull = (-1.15, 0.58), (1.2, 0.58), (0.8, 0.0), (-0.8, 0.0)
    sheet.shape(darker(colour, 0.2), *((x + dx * w, y - dy * w) for dx, dy in hull))


THINGS: dict[str, Callable] = {
    "house": house, "tree": tree, "fir": fir, "car": car, "balloon": balloon, "flower": flower,
    "boat": boat,
}  # fmt: skip
SIZES = {"small": 0.095, "big": 0.155}  # half the width of a thing's body


def draw(words: Mapping[str, str], lot: np.random.Generator, side: int = 64) -> np.ndarray:
    """The picture of a scene, (side, side, 3) uint8.

    Args:
        words: by the names of `gancourse.data.scenes.ATTRIBUTES`; "none": no second thing, no
            light.
        lot: decides what no word says. The same numbers give the same scene at every size.
        side: in px, 16 or more.
    """
    lots = lot.random(64)
    sheet, horizon = Sheet(side), 0.6 + 0.05 * lots[0]
    draw_sky(sheet, words, horizon, lots[1:24])
    draw_ground(sheet, words, horizon, lots[24:40])
    night = words["sky"] == "night"
    single = words["second"] == "none"
    for i, slot in enumerate(("first", "second")):
        if words[slot] == "none":
            continue
        x = 0.5 if single else (0.26, 0.74)[i]
        x, y = x + 0.07 * (lots[40 + i] - 0.5), horizon + 0.16 + 0.1 * lots[42 + i]
        w = SIZES[words[f"{slot}_size"]] * (1.2 if single else 1) * (0.94 + 0.12 * lots[44 + i])
        sheet.disc(shadow(words["ground"], night), x, y, 2.3 * w, 0.4 * w)
        THINGS[words[slot]](sheet, COLOURS[words[f"{slot}_colour"]], x, y, w, night)
    draw_weather(sheet, words["weather"], lots[46], np.random.default_rng(int(lots[47] * 2**32)))
    return sheet.done()


def draw_sky(sheet: Sheet, words: Mapping[str, str], horizon: float, lots: np.ndarray) -> None:
    top, low = SKIES[words["sky"]]
    if words["weather"] in ("rain", "snow"):  # overcast
        top, low = (mix(each, (150, 156, 170), 0.45) for each in (top, low))
    sheet.fade(top, low, 0, horizon)
    light = words["light"]
    x = 0.15 + 0.7 * lots[0]
    y = 0.16 + 0.06 * lots[1] if words["sky"] != "sunset" else horizon - 0.11
    if light == "sun":
        colour = LIGHTS["sun"] if words["sky"] == "day" else (255, 120, 70)
        sheet.disc(mix(low, colour, 0.45), x, y, 0.27)
        sheet.disc(colour, x, y, 0.19)
    elif light == "moon":
        sheet.disc(LIGHTS["moon"], x, y, 0.2)
        sheet.disc(mix(top, low, (y - 0.03) / horizon), x + 0.06, y - 0.03, 0.17)
    elif light == "stars":
        for i in range(9):
            place = (i + 0.2 + 0.6 * lots[2 + i]) / 9, 0.05 + 0.3 * lots[11 + i]
            sheet.disc(LIGHTS["stars"], *place, 0.028 + 0.012 * lots[2 + i])
    far = mix(darker(low, 0.35), GROUNDS[words["ground"]][0], 0.25)
    for i in range(3):  # hills
        x, wide = (i + lots[20]) / 2.5, 0.5 + 0.35 * lots[20 + i]
        sheet.disc(lighter(far, 0.08 * i), x, horizon + 0.02, wide, 0.1 + 0.16 * lots[20 + i])


def draw_ground(sheet: Sheet, words: Mapping[str, str], horizon: float, lots: np.ndarray) -> None:
    ground = words["ground"]
    upper, lower = GROUNDS[ground]
    if words["sky"] == "night":
        upper, lower = (mix(each, (24, 30, 80), 0.3) for each in (upper, lower))
    sheet.fade(upper, lower, horizon, 1)
    for i in range(8):
        x, y = lots[i], horizon + 0.05 + (1 - horizon - 0.08) * ((i + lots[8 + i]) / 8)
        if ground == "grass":
            for dx in (-0.012, 0, 0.012):
                sheet.line(lighter(lower, 0.15), 0.007, (x, y), (x + 1.5 * dx, y - 0.035))
        elif ground == "water":
            sheet.line(lighter(upper, 0.3), 0.01, (x - 0.06, y), (x + 0.06, y))
        elif ground == "sand":
            sheet.disc(darker(lower, 0.12), x, y, 0.02, 0.012)
        else:
            sheet.disc(lighter(upper, 0.6), x, y, 0.2, 0.05)


def shadow(ground: str, night: bool) -> Colour:
    colour = darker(GROUNDS[ground][1], 0.25)
    return mix(colour, (24, 30, 80), 0.3) if night else colour


def draw_weather(sheet: Sheet, weather: str, place: float, lot: np.random.Generator) -> None:
    if weather == "clear":
        return
    colour = (255, 255, 255) if weather == "clouds" else (116, 122, 138)
    for i in range(3):
        x, y = (i + 0.25 + 0.5 * place) / 3, 0.1 + 0.06 * ((i + round(3 * place)) % 2)
        for dx, dy, size in ((-0.08, 0.03, 0.1), (0, 0, 0.15), (0.08, 0.03, 0.1)):
            sheet.disc(colour, x + dx, y + dy, size, 0.75 * size)
    if weather == "clouds":
        return
    for x, y in lot.random((40, 2)) * (1, 0.8) + (0, 0.18):
        if weather == "rain":
            sheet.line((176, 200, 236), 0.009, (x, y), (x - 0.03, y + 0.075))
        else:
            sheet.disc((255, 255, 255), x, y, 0.028)
