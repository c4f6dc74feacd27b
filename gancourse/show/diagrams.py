"""Diagrams measured on the modules, as inline SVG: text can be selected and read aloud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import count, groupby, pairwise
from typing import Any

from gancourse.show.style import BLUE, FAKE, FIELD, INK, LINES, MUTED, PANEL

WIDE = 640  # units of the viewBox; text of size 15 is about 9 pixels on a phone and 15 on a desktop
DASH, DOTS = 'stroke-dasharray="6 4"', 'stroke-dasharray="2 4"'
_numbers = count()


@dataclass(frozen=True)
class Diagram:
    """An SVG drawing with a title and a description for screen readers. Notebooks display it."""

    title: str
    description: str
    shapes: str
    height: float

    def _repr_html_(self) -> str:
        name = f"diagram-{next(_numbers)}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {self.height:.0f}" '
            f'style="width: 100%; max-width: {WIDE}px; height: auto" '
            f'role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(self.title)}</title>'
            f'<desc id="{name}-d">{escape(self.description)}</desc>'
            f'<rect width="{WIDE}" height="{self.height:.0f}" rx="10" fill="{PANEL}"/>'
            f'<g font-family="inherit" font-size="15" fill="{INK}">{self.shapes}</g></svg>'
        )


def layers(network, example, title: str) -> Diagram:
    """The feature maps of a network in a forward pass of `example` (N, ...) or a tuple of inputs.

    A map (channels, side, side) is drawn as a block, whose height stands for the side and whose
    width for the channels. Above each arrow are the layers passed, with kernel and stride of
    convolutions. The network's mode is not changed.
    """
    steps = trace(network, example)
    rows = [steps[i : i + 4] for i in range(0, len(steps), 4)]  # four blocks are legible on a phone
    shapes, top = [], 20.0
    for row in rows:
        shapes.append(_row(row, top))
        top += 205
    words = "; ".join(f"{', '.join(names) or 'input'}: {_size(shape)}" for names, shape in steps)
    return Diagram(title, f"{title}, from input to output. {words}.", "".join(shapes), top)


def trace(network, example) -> list[tuple[list[str], tuple[int, ...]]]:
    """[(names of the layers passed, shape of a sample after them)], input first, no reshapes."""
    inputs = example if isinstance(example, tuple) else (example,)
    steps: list[tuple[list[str], tuple[int, ...]]] = [([], tuple(inputs[0].shape[1:]))]

    def note(module, _, output) -> None:
        has_weights = any(True for _ in module.parameters(recurse=False))
        if has_weights and "Norm" not in type(module).__name__:
            steps.append(([_name(module)], tuple(output.shape[1:])))
        elif type(module).__name__ not in ("Flatten", "Unflatten", "Identity") and len(steps) > 1:
            steps[-1][0].append(_name(module))

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    mode = network.training
    try:
        network.eval()
        network(*inputs)
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    return steps


def _name(module) -> str:
    kind = type(module).__name__.removeprefix("Joined")
    arrow = {
        "Conv2d": "conv",
        "ReadOut": "conv",
        "ConvTranspose2d": "up-conv",
        "Project": "project",
    }.get(kind)
    if arrow:
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{arrow} {module.kernel_size[0]}×{module.kernel_size[1]}{stride}"
    return "linear" if kind == "Linear" else re.sub(r"(?<=Norm)[12]d$", "", kind)


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1 logit"


def _row(steps, top: float) -> str:
    slot, middle, parts = WIDE / len(steps), top + 118, []
    for place, (names, shape) in enumerate(steps):
        x = place * slot + slot / 2
        side = 26 + 2.2 * min(shape[-1], 28) if len(shape) == 3 else 12
        deep = min(40.0, 6 + 3.2 * max(shape[0], 1) ** 0.5) if len(shape) == 3 else 12
        long = side if len(shape) == 3 else 88
        parts.append(
            f'<rect x="{x - deep / 2:.1f}" y="{middle - long / 2:.1f}" width="{deep:.1f}" '
            f'height="{long:.1f}" rx="3" fill="{FIELD}" stroke="{BLUE}" stroke-width="2"/>'
            f'<text x="{x:.1f}" y="{middle + 72:.1f}" text-anchor="middle" '
            f'font-weight="600">{_size(shape)}</text>'
        )
        for line, name in enumerate(names):
            at = f'x="{x:.1f}" y="{top + 14 + 17 * line:.1f}"'
            parts.append(f'<text {at} text-anchor="middle" font-size="14">{escape(name)}</text>')
        if place:
            parts.append(_arrow(x - slot + 30, middle, x - 30, middle))
    return "".join(parts)


def _arrow(x1: float, y1: float, x2: float, y2: float, colour: str = MUTED, dash: str = "") -> str:
    """A straight arrow with a drawn tip: SVG markers would need ids that are unique on a page."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bx, by = x2 - 9 * ux, y2 - 9 * uy
    return (
        _line(f"M{x1:.1f} {y1:.1f}L{bx:.1f} {by:.1f}", colour, dash)
        + f'<path d="M{x2:.1f} {y2:.1f}L{bx - 5 * uy:.1f} {by + 5 * ux:.1f}'
        f'L{bx + 5 * uy:.1f} {by - 5 * ux:.1f}Z" fill="{colour}"/>'
    )


def _line(path: str, colour: str, dash: str = "") -> str:
    return f'<path d="{path}" stroke="{colour}" stroke-width="2" fill="none" {dash}/>'


def turns(conditional: bool = False) -> Diagram:
    """One training step: the discriminator's turn, then the generator's. Dashed: gradients.

    With `conditional`, both networks are conditioned on the label.
    """
    shapes, above = [], 62 if conditional else 0
    for top, player, title in (
        (16, "D", "Turn 1. D learns; G is frozen and has no graph"),
        (216 + above, "G", "Turn 2. G learns; gradients pass through the frozen D"),
    ):
        shapes.append(f'<text x="18" y="{top + 14}" font-weight="600">{title}</text>')
        y = top + 68 + above
        if conditional:
            shapes.append(_box(274, y - 62, 96, "label y", False))
            shapes += [_arrow(270, y - 50, 204, y - 28), _arrow(374, y - 50, 440, y - 28)]
        made = "G(z, y)" if conditional else "G(z)"
        fake_path = [(18, 60, "z", False), (128, 96, "G", player == "G"), (274, 96, made, False)]
        end = [(420, 96, "D", player == "D"), (566, 56, "logit", False)]
        for x, width, label, learns in fake_path + end:
            shapes.append(_box(x, y, width, label, learns))
        shapes += [
            _arrow(a + w + 4, y, b - 4, y) for (a, w, *_), (b, *_) in pairwise(fake_path + end)
        ]
        if player == "D":
            shapes += [_box(274, y + 72, 96, "real x", False), _arrow(374, y + 60, 424, y + 28)]
            back, stop, words = 592, 470, f"loss: x → real, {made} → fake"
        else:
            back, stop, words = 592, 180, f"loss: {made} → real"
        low = y + 48
        shapes.append(_line(f"M{back} {y + 24}V{low}H{stop}", FAKE, DASH))
        shapes.append(_arrow(stop, low, stop, y + 26, FAKE))
        anchor = f'x="{back + 26}" text-anchor="end"'
        shapes.append(f'<text {anchor} y="{low + 22}" fill="{INK}">{words}</text>')
    description = (
        "Two turns. In the first, a latent z passes through the frozen generator G. Its "
        "output G of z and a real picture x both pass through the discriminator D, and the "
        "gradient of the loss changes D only. In the second, a new latent passes through G "
        "and the frozen D, and the gradient passes back through D and changes G only."
    )
    title = "One training step is two turns"
    if conditional:
        title += ", with both networks conditioned on the label"
        description += (
            " In both turns, G and D get the same label y; a real picture comes with its own label."
        )
    return Diagram(title, description, "".join(shapes), 370 + 2 * above)


def coded() -> Diagram:
    """A generator with codes: Q, a second head on the discriminator's trunk, predicts the code."""
    shapes = [
        _box(18, 74, 92, "noise z", False),
        _box(18, 150, 92, "code c", False),
        _box(160, 112, 56, "G", True),
        _box(266, 112, 84, "G(z, c)", False),
        _box(266, 200, 84, "real x", False),
        _box(398, 148, 72, "trunk", True),
        _box(520, 74, 106, "D: real?", True),
        _box(520, 222, 106, "Q: which c?", True),
        _arrow(114, 78, 156, 100),
        _arrow(114, 146, 156, 124),
        _arrow(220, 112, 262, 112),
        _arrow(354, 116, 394, 138),
        _arrow(354, 196, 394, 160),
        _arrow(474, 138, 516, 86),
        _arrow(474, 158, 516, 210),
    ]
    shapes.append(_line("M573 246V288H64", FAKE, DASH))
    shapes.append(_arrow(64, 288, 64, 178, FAKE))
    words = "log Q(c | G(z, c)): the reward of G, the trunk and Q"
    shapes.append(f'<text x="318" y="312" text-anchor="middle">{words}</text>')
    description = (
        "Noise z and a code c pass through the generator G. Its picture G of z and c, and "
        "real pictures x, pass through one trunk with two heads. The head D classifies "
        "pictures as real or generated. The head Q predicts the code that a generated picture "
        "was made from. A dashed arrow leads from Q back to the code c: G, the trunk and Q "
        "all maximise the log-probability that Q gives to the right code."
    )
    title = "A code goes in, and a second head predicts it"
    return Diagram(title, description, "".join(shapes), 330)


def paired() -> Diagram:
    """One training step on pairs: D judges (input, picture), and G learns through D and from L1."""
    shapes = []
    for top, player, title in (
        (16, "D", "Turn 1. D learns to tell (input, target) from (input, output)"),
        (262, "G", "Turn 2. G learns to fool D, and to come close to the target"),
    ):
        learns = player == "G"
        shapes.append(f'<text x="18" y="{top + 14}" font-weight="600">{title}</text>')
        y = top + 80
        boxes = [
            (18, 84, "input x", False),
            (150, 56, "G", learns),
            (254, 100, "output G(x)", False),
        ]
        end = [(430, 70, "D", not learns), (560, 66, "logits", False)]
        shapes += [_box(each[0], y, *each[1:]) for each in boxes + end]
        shapes += [_arrow(a + w + 4, y, b - 4, y) for (a, w, *_), (b, *_) in pairwise(boxes + end)]
        over = y - 44  # the input passes above G on its way to D
        shapes.append(_line(f"M60 {y - 24}V{over}H465", MUTED))
        shapes.append(_arrow(465, over, 465, y - 28))
        shapes.append(_box(254, y + 92, 100, "target y", False))
        if learns:
            shapes.append(_line(f"M594 {y + 24}V{y + 48}H178", FAKE, DASH))
            shapes.append(_arrow(178, y + 48, 178, y + 28, FAKE))
            shapes.append(_line(f"M254 {y + 92}H178V{y + 48}", FAKE, DASH))
            words = (
                ("through D: (x, G(x)) → real", 384, y + 70),
                ("100 · |y − G(x)|", 60, y + 96),
            )
        else:
            shapes.append(_arrow(358, y + 78, 428, y + 28))
            shapes.append(_line(f"M594 {y + 24}V{y + 62}H478", FAKE, DASH))
            shapes.append(_arrow(478, y + 62, 478, y + 28, FAKE))
            words = (("(x, y) → real, (x, G(x)) → fake", 384, y + 86),)
        shapes += [f'<text x="{x}" y="{at}">{escape(text)}</text>' for text, x, at in words]
    description = (
        "Two turns. In the first, the input x passes through the generator G, whose output is "
        "used in both turns. The discriminator D sees the input beside the output G of x, and "
        "the input beside the target y, and learns to classify the second pair as real and "
        "the first as generated. In the second, the gradient passes back through the frozen D "
        "to G, which learns to have its pair classified as real. A second gradient comes "
        "directly from the target: one hundred times the mean absolute difference."
    )
    return Diagram("One training step on pairs is two turns", description, "".join(shapes), 480)


def unet(network, example) -> Diagram:
    """The feature maps of a U-Net in a forward pass of `example` (N, C, H, W).

    The network has blocks `down` and `up`, and `skips`, whether they are connected. Its mode is not
    changed.
    """
    sizes: dict[str, list[tuple[int, ...]]] = {"down": [tuple(example.shape[1:])], "up": []}
    for way, _, shape in _watched(network, example, {way: getattr(network, way) for way in sizes}):
        sizes[way].append(shape)
    rows, shapes = list(zip(sizes["down"], reversed(sizes["up"]), strict=False)), []
    high, wide = 76, 168
    for level, (below, above) in enumerate(rows):
        y, step = 44 + high * level, 14 * level
        left, right = 18 + step, WIDE - 18 - wide - step
        shapes += [
            _box(left, y, wide, _size(below), False),
            _box(right, y, wide, _size(above), False),
        ]
        if network.skips and level:
            shapes.append(_arrow(left + wide + 4, y, right - 4, y, BLUE, DOTS))
        if level:
            shapes.append(_arrow(left + 30, y - high + 26, left + 30, y - 26))
            shapes.append(_arrow(right + wide - 30, y - 26, right + wide - 30, y - high + 26))
    bottom, last = sizes["down"][-1], 44 + high * len(rows)
    middle, step = (WIDE - wide) / 2, 14 * len(rows)
    shapes.append(_box(middle, last, wide, _size(bottom), False))
    shapes.append(_arrow(18 + step + 40, last - high + 26, middle - 4, last - 6))
    shapes.append(_arrow(middle + wide + 4, last - 6, WIDE - 18 - step - 40, last - high + 26))
    words = "; ".join(map(_size, [*sizes["down"], *sizes["up"]]))
    skips = (
        "Dotted skip connections join maps of equal size."
        if network.skips
        else "No skip connections."
    )
    title = "A U-Net" if network.skips else "An encoder and a decoder"
    description = f"Maps, channels first, from input to output: {words}. {skips}"
    return Diagram(title, description, "".join(shapes), last + 44)


def _box(x: float, y: float, width: float, label: str, learns: bool, height: float = 48) -> str:
    colour, line = (FAKE, 3.5) if learns else (MUTED, 1.5)
    return (
        f'<rect x="{x}" y="{y - height / 2:g}" width="{width}" height="{height}" rx="7" '
        f'fill="{FIELD}" stroke="{colour}" stroke-width="{line}"/>'
        f'<text x="{x + width / 2}" y="{y + 5}" text-anchor="middle" '
        f'font-weight="{700 if learns else 400}">{label}</text>'
    )


def upscaler(network, example) -> Diagram:
    """The feature maps of a network that enlarges, in a forward pass of `example` (N, C, h, w).

    The network has `head`, `body` (residual blocks, each with its layers in `change`, then more
    layers, whose result is added to the head's) and `tail`. If it has `fine` as well, the enlarged
    input is added to the tail's result, and the sum to that of `fine`. Its mode is not changed.
    """
    rows, last = [("", tuple(example.shape[1:]))], {}
    for part, steps in _passed(network, example).items():
        rows += steps
        last[part] = len(rows) - 1
    skips = [(last["head"], last["body"], "added")]
    if "fine" in last:
        skips += [(0, last["tail"], "enlarged, added"), (last["tail"], last["fine"], "added")]
    x, wide, apart, shapes = 238, 160, 64, []
    for i, (layers, shape) in enumerate(rows):
        y = 34 + apart * i
        shapes.append(_box(x, y, wide, _size(shape), False, 34))
        if i:
            shapes.append(_arrow(x + wide / 2, y - apart + 19, x + wide / 2, y - 19))
            shapes.append(f'<text x="{x + wide / 2 + 16}" y="{y - 27}">{escape(layers)}</text>')
    for above, below, words in skips:
        left, bottom = x - 40 - 60 * (above == 0), 34 + apart * below
        top = 34 + apart * above + 8 * (above > 0)
        shapes.append(_line(f"M{x - 2} {top}H{left}V{bottom}H{x - 10}", BLUE, DOTS))
        shapes.append(_arrow(x - 11, bottom, x - 3, bottom, BLUE))
        at = f'x="{left - 8}" y="{(top + bottom) / 2 + 5}" text-anchor="end"'
        shapes.append(f"<text {at}>{words}</text>")
    block = ", ".join(_name(each) for each in network.body[0].change if _works(each))
    low = 34 + apart * len(rows)
    shapes.append(f'<text x="18" y="{low}">A residual block: x + f(x), f is {escape(block)}</text>')
    flow = "; ".join(f"{layers or 'input'}: {_size(shape)}" for layers, shape in rows)
    added = "; ".join(
        f"{rows[above][0] or 'the input'} to {rows[below][0]}" for above, below, _ in skips
    )
    description = (
        f"Maps, channels first. {flow}. A residual block adds to its input what {block} make of "
        f"it. Dotted lines add maps: {added}."
    )
    return Diagram("A network that enlarges", description, "".join(shapes), low + 22)


def _passed(network, example) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Part of the network -> [(layers passed, shape of a sample after them)].

    A step is a convolution or PixelShuffle with the layers around it, or all residual blocks.
    """
    parts = {part: list(each.children()) or [each] for part, each in network.named_children()}
    met: dict[str, list] = {part: [] for part in parts}
    for part, layer, shape in _watched(network, example, parts):
        met[part].append((layer, shape))
    return {part: _steps(passed) for part, passed in met.items()}


def _watched(network, example, parts) -> list[tuple[str, Any, tuple[int, ...]]]:
    """(part, layer, shape of a sample after it) of the given layers, in the order of a forward pass
    in eval mode. The network's mode is not changed.
    """
    met: list[tuple[str, Any, tuple[int, ...]]] = []
    hooks = [
        layer.register_forward_hook(
            lambda layer, _, made, part=part: met.append((part, layer, tuple(made.shape[1:])))
        )
        for part, layers in parts.items()
        for layer in layers
    ]
    mode = network.training
    try:
        network.eval()
        network(example)
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    return met


def _steps(passed) -> list[tuple[str, tuple[int, ...]]]:
    steps, before = [], []  # names of layers that have no step to belong to yet
    for kind, group in groupby(passed, lambda step: hasattr(step[0], "change")):
        group = list(group)
        if kind:
            steps.append(([f"{len(group)} residual blocks"], group[-1][1]))
            continue
        for layer, shape in group:
            if type(layer).__name__ in ("Conv2d", "PixelShuffle"):
                steps.append(([*before, _name(layer)], shape))
                before = []
            elif steps:
                steps[-1][0].append(_name(layer))
            else:
                before.append(_name(layer))
    return [(", ".join(names), shape) for names, shape in steps]


def _works(layer) -> bool:
    return type(layer).__name__ != "Identity"


def shuffle(scale: int = 2) -> Diagram:
    """What PixelShuffle does, asked of the layer itself: scale ** 2 maps -> one larger map.

    Each map has a colour and a letter; the numbers are those of its pixels.
    """
    import torch

    low, kinds = 2, scale**2
    order = torch.arange(kinds * low**2, dtype=torch.float32).view(1, kinds, low, low)
    placed = torch.nn.PixelShuffle(scale)(order)[0, 0].int()
    cell, shapes = 34, []

    def square(x: float, y: float, value: int) -> None:
        kind, pixel = divmod(int(value), low**2)
        shapes.append(
            f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="{FIELD}" '
            f'stroke="{LINES[kind % len(LINES)]}" stroke-width="3"/>'
            f'<text x="{x + cell / 2}" y="{y + 22}" text-anchor="middle" font-weight="600" '
            f'fill="{LINES[kind % len(LINES)]}">{chr(97 + kind)}{pixel + 1}</text>'
        )

    for kind in range(kinds):
        left, top = 30 + kind % scale * 92, 30 + kind // scale * 92
        for value in order[0, kind].flatten().int().tolist():
            down, across = divmod(value % low**2, low)
            square(left + across * cell, top + down * cell, value)
    left = 30 + scale * 92 + 130
    for down, line in enumerate(placed.tolist()):
        for across, value in enumerate(line):
            square(left + across * (cell + 5), 40 + down * (cell + 5), value)
    middle = 30 + scale * 92 / 2 + 28
    shapes.append(_arrow(30 + scale * 92, middle - 14, left - 16, middle - 14))
    shapes.append(
        f'<text x="{(30 + scale * 92 + left - 16) / 2}" y="{middle - 26}" '
        f'text-anchor="middle">PixelShuffle({scale})</text>'
    )
    foot = 30 + scale * 92 + 10
    rows = "; ".join(
        " ".join(f"{chr(97 + v // low**2)}{v % low**2 + 1}" for v in line)
        for line in placed.tolist()
    )
    return Diagram(
        f"PixelShuffle({scale}): {kinds} small maps become one that is {scale} times as large",
        f"Left, {kinds} maps of {low} by {low} pixels, a, b and so on, their pixels numbered from "
        f"1. Right, one map, row by row: {rows}. Each pixel of the small maps became a square of "
        f"{scale} by {scale} pixels, one from each map.",
        "".join(shapes),
        foot,
    )
