"""Chapter 6's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from gancourse.metrics.colour import segmentation_scores
from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import Answer, Wrong, exercise, in_order, plain
from gancourse.school.exercises.probes import draws, logits

# --- what the discriminator sees ---

Stack = Sequence[tuple[int, int]]  # kernel and stride of each convolution, from the picture on


@exercise(minutes=10, difficulty="easy", call="(layers)")
def receptive_field(answer: Answer) -> str:
    """A list of (kernel, stride), from the picture to the logit -> the px that one logit sees."""
    stacks = {
        "one convolution, (3, 1)": [(3, 1)],
        "three of (3, 1)": [(3, 1)] * 3,
        "(5, 2), (3, 1)": [(5, 2), (3, 1)],
        "the paper's: three of (4, 2), two of (4, 1)": [(4, 2)] * 3 + [(4, 1)] * 2,
        "two of (1, 1)": [(1, 1)] * 2,
        "(7, 1), (2, 3), (4, 2), (3, 3)": [(7, 1), (2, 3), (4, 2), (3, 3)],
    }
    why = """Begin with one pixel. Each layer adds its kernel less one, in steps made by the strides
        below it."""
    probes.compare(answer, {given: (stack,) for given, stack in stacks.items()}, field, why)
    return """70 px for the paper's five convolutions: a discriminator's size says what may count as
        texture."""


def field(layers: Stack) -> int:
    px = 1
    for kernel, stride in reversed(layers):
        px = (px - 1) * stride + kernel
    return px


@receptive_field.mistake("""The layers seem to be read from the logit's end with the picture's rule.
    They are listed from the picture on: a stride makes all later kernels reach further.""")
def read_from_the_wrong_end(layers):
    return field(layers[::-1])


@receptive_field.mistake("""A layer's own stride is counted for its own kernel. The stride says how
    far apart its outputs lie; only the layers above it step that far.""")
def own_stride_first(layers):
    px, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        px += (kernel - 1) * jump
    return px


@receptive_field.mistake("""The strides have no effect here. After a stride of 2 two neighbours are
    2 px of the picture apart, and a kernel reaches twice as far.""")
def without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@receptive_field.mistake("""The kernels are added up. A 3 on a 3 sees 5 px, not 6: they overlap. And
    strides count too.""")
def kernels_added(layers):
    return sum(kernel for kernel, _ in layers)


@receptive_field.mistake("One pixel too many per kernel: its first pixel was seen already.")
def whole_kernels(layers):
    px, jump = 1, 1
    for kernel, stride in layers:
        px, jump = px + kernel * jump, jump * stride
    return px


@receptive_field.mistake("That is how far apart neighbouring logits' patches lie, not their size.")
def distance_of_patches(layers):
    return math.prod(stride for _, stride in layers)


@receptive_field.mistake("That is the number of pixels in the patch; its side is asked for.")
def area(layers):
    return field(layers) ** 2


@exercise(minutes=5, difficulty="easy", call="(input, picture)")
def judge_input(answer: Answer) -> str:
    """input (N, C, H, W), picture (N, D, H, W) -> (N, C + D, H, W), for a discriminator of pairs.

    The gradient must find its way back to the picture.
    """
    same = draws(2, 3, 4, 4, seed=1), draws(2, 3, 4, 4, seed=2)
    line_art = draws(3, 1, 2, 2, seed=3), draws(3, 3, 2, 2, seed=4)
    given = "input (2, 3, 4, 4), picture (2, 3, 4, 4)"
    first = probes.tensor(answer(*same))
    if first.shape != (2, 6, 4, 4):
        why = alone(first, *same)
        raise Wrong(given, f"shape {tuple(first.shape)}", "shape (2, 6, 4, 4)", why)
    for once, name, other in ((same[0], "input", "picture"), (same[1], "picture", "input")):
        if torch.equal(first, torch.cat([once, once], 1)):
            why = f"The {name} is there twice, and the {other} not at all."
            raise Wrong(given, "the same three channels twice", "three of each", why)
    sizes = "Line art has one channel, a picture three. They need to agree in everything but that."
    cases = {given: same, "input (3, 1, 2, 2), picture (3, 3, 2, 2)": line_art}
    why = "First the channels of the input as they are, then those of the picture."
    shapes = "C channels of the input and D of the picture, whatever C and D are."
    probes.compare(about_sizes(answer, sizes), cases, pair, why, read=probes.tensor, shapes=shapes)
    cut = "In the generator's turn the gradient goes back through the picture. Here it was cut off."
    probes.compare_gradients(
        lambda picture, input: answer(input, picture),
        lambda picture, input: pair(input, picture),
        line_art[::-1],
        cut,
        given=given,
        cut=cut,
    )
    return """Pixel beside pixel: the first layer can already ask whether a colour belongs within a
        line."""


def pair(input: Tensor, picture: Tensor) -> Tensor:
    return torch.cat([input, picture], 1)


def alone(got: Tensor, input: Tensor, picture: Tensor) -> str:
    """What is wrong with a pair of (2, 3, 4, 4) whose shape is not (2, 6, 4, 4)."""
    if torch.equal(got, picture):
        return "The input is missing: any picture that looks real will do, whatever was drawn."
    if torch.equal(got, input):
        return "The picture is missing: whatever was made of the input, it is judged the same."
    seam = """Side by side, a convolution of a few pixels sees both at the seam only. A pixel and
        the pixel that it was made from should meet in the first layer."""
    batch = """They stand one after the other in the batch: the discriminator would judge four
        pictures, and never see which belongs to which."""
    return {
        (4, 3, 4, 4): batch,
        (2, 3, 4, 8): seam,
        (2, 3, 8, 4): seam,
        (2, 3, 4, 4): "Added up, the two cannot be told apart again. Give each its own channels.",
    }.get(tuple(got.shape), "Channels are what a convolution sees at one place: (N, C + D, H, W).")


def about_sizes(answer: Answer, why: str) -> Callable:
    """The answer, with an explanation of its own for PyTorch's error about sizes."""

    def explained(*inputs):
        try:
            return answer(*inputs)
        except Wrong as error:
            if re.search("Sizes of tensors must match|must match the size", error.table):
                error.why = plain(why)
            raise

    return explained


@judge_input.mistake("""The picture stands before the input. A network would learn just as well, but
    weights trained the other way round would take line art for red: the input comes first.""")
def picture_first(input, picture):
    return pair(picture, input)


# --- what the generator pays ---


@exercise(minutes=10, difficulty="easy", call="(logits, output, target, weight)")
def generator_loss(answer: Answer) -> str:
    """Logits (N, H', W') of the outputs, outputs and targets (N, 3, H, W), L1's weight -> the loss.

    -mean log D + weight * mean |target - output|, D the sigmoid of the logit, with its gradient,
    exact at logits of +-100. A dict or tuple of terms is summed.
    """
    u, y, t = draws(2, 3, 3, seed=1), draws(2, 3, 4, 4, seed=2), draws(2, 3, 4, 4, seed=3)
    cases = {
        "2 pictures with 3 x 3 logits each, weight = 2": (u, y, t, 2.0),
        "the same, weight = 100": (u, y, t, 100.0),
        "the same, weight = 0": (u, y, t, 0.0),
        "output = target, weight = 100": (-u, t, t, 100.0),
    }
    why = "Two terms, added: mean -log D over all logits, and weight times mean |target - output|."
    probes.compare(answer, cases, paying(), why, read=probes.loss_value)
    far = {"logits = [[[100, -100]]], weight = 2": (logits(100, -100)[None, None], y, t, 2.0)}
    probes.compare(answer, far, paying(), probes.ROUNDING, read=probes.loss_value)
    given = "logits = [[[100, -100, 1]]], weight = 2"
    no_slope = """The value is right, but L1 has no slope at the output: nothing leads to the
        target."""
    far = logits(100, -100, 1)[None, None], y, t, 2.0
    probes.compare_gradients(answer, paying(), far, probes.FLAT, no_slope, given=given)
    return """One pull towards the target, just as strong however near it is, and one towards what
        looks real."""


def paying(
    combine: Callable = lambda game, l1, weight: game + weight * l1,
    game: Callable = lambda u: softplus(-u).mean(),
    l1: Callable = lambda away: away.abs().mean(),
) -> Callable:
    """An answer that combines a term of the logits and one of target - output."""

    def loss(logits, output, target, weight):
        return combine(game(logits), l1(target - output), weight)

    return loss


generator_loss.mistake("""The weight multiplies the game, which would count a hundred times as much
    as the target.""")(paying(lambda game, l1, weight: weight * game + l1))
generator_loss.mistake("""Both terms are weighted. Then the weight changes the size of the loss,
    which Adam does not even see, and not the balance of its terms.""")(
    paying(lambda game, l1, weight: weight * (game + l1))
)
generator_loss.mistake("L1 counts once, whatever its weight is.")(
    paying(lambda game, l1, weight: game + l1)
)
generator_loss.mistake("L1 is missing: any picture that passes will do, whatever the target.")(
    paying(lambda game, l1, weight: game)
)
generator_loss.mistake("The game is missing: regression is left, which answers doubt with grey.")(
    paying(lambda game, l1, weight: weight * l1)
)
generator_loss.mistake("The game's term is halved. Pix2pix does that to D's loss, not to G's.")(
    paying(lambda game, l1, weight: game / 2 + weight * l1)
)
generator_loss.mistake("L1 has the wrong sign: it would be paid for being far from the target.")(
    paying(lambda game, l1, weight: game - weight * l1)
)
generator_loss.mistake("That is the squared error, L2. The paper takes L1, which blurs less.")(
    paying(l1=lambda away: away.square().mean())
)
generator_loss.mistake("""|target - output| is added up over the pixels. A mean does not depend on
    the size of the pictures, and the weight of 100 is meant for that.""")(
    paying(l1=lambda away: away.abs().sum())
)
generator_loss.mistake("""|target - output| is added up over the pixels of a picture. Take the mean
    over everything: the weight of 100 is meant for that.""")(
    paying(l1=lambda away: away.abs().sum() / len(away))
)
generator_loss.mistake("The absolute value is missing: too bright and too dark cancel out.")(
    paying(l1=lambda away: away.mean())
)
generator_loss.mistake("It pays for being believed, as the discriminator does. Who wants what?")(
    paying(game=lambda u: softplus(u).mean())
)
generator_loss.mistake("""That is log(1 - D), flat where D is sure that a picture is generated. Take
    -log D.""")(paying(game=lambda u: -softplus(u).mean()))
generator_loss.mistake(probes.SIGMOID_TWICE)(paying(game=lambda u: softplus(-u.sigmoid()).mean()))
generator_loss.mistake("The verdicts are added up. Each logit judges one patch; take their mean.")(
    paying(game=lambda u: softplus(-u).sum())
)


# --- pairs ---

GRID = 100  # a pixel's number: GRID * row + column


@exercise(minutes=15, difficulty="medium", call="(input, target, side)")
def jitter(answer: Answer) -> str:
    """input (N, C, S, S), target (N, D, S, S), side -> both, cut to (side, side), mirrored alike.

    For each pair a place of its own, all equally likely, and its own coin for left-right. Any
    random numbers will do.
    """
    n, size, side = 1800, 7, 5
    given, room = f"{n} pairs of {size} x {size} px, side = {side}", size - side
    places, mirrored = check_aligned(answer, *located(n, size), side, given)
    if not mirrored.any():
        why = "A mirrored pair is a pair that was not in the data: it is free."
        raise Wrong(given, "no pair mirrored", "about half", why)
    if mirrored.all():
        why = "Then the pictures as they were are never seen."
        raise Wrong(given, "every pair mirrored", "about half", why)
    corners, counts = places.unique(dim=0, return_counts=True)
    if len(corners) == 1:
        centre = " It is the centre." if corners.tolist() == [[1, 1]] else ""
        why = f"""There are {(room + 1) ** 2} places to cut, and only one is used.{centre} Draw one
            for each pair."""
        raise Wrong(given, "one place for all pairs", "a place for each pair", why)
    if (corners.amax(0) < room).any() or (corners.amin(0) > 0).any():
        rows, columns = (sorted(set(each)) for each in corners.T.tolist())
        why = f"""From 0 to {room} there are {room + 1} places, both ends included. Where do yours
            stop?"""
        got = f"corners in rows {rows}, columns {columns}"
        raise Wrong(given, got, f"0 to {room} in both", why)
    if len(corners) < (room + 1) ** 2:
        why = "Row and column move together. Draw them separately, or most places are never seen."
        raise Wrong(given, f"{len(corners)} different places", f"{(room + 1) ** 2}", why)
    if not 0.44 <= (half := mirrored.double().mean().item()) <= 0.56:
        why = "Left and right are to be equally likely."
        raise Wrong(given, f"{half:.0%} mirrored", "about half", why)
    if counts.min() < 140 or counts.max() > 265:  # 200 expected, deviation 13
        got = f"places used from {counts.min()} to {counts.max()} times"
        raise Wrong(given, got, "about 200 times each", "Every place is to be equally likely.")
    both = torch.cat([places, mirrored[:, None].long()], 1).unique(dim=0, return_counts=True)[1]
    if len(both) < 2 * len(corners) or both.min() < 55:
        why = "Place and mirroring depend on each other: one coin seems to decide both."
        raise Wrong(given, "some places always mirrored, some never", "each place both ways", why)
    check_aligned(
        answer, *located(50, side), side, f"50 pairs of {side} x {side} px, side = {side}"
    )
    return """The same cut and mirror for both, new ones for each pair: more pairs out of those
        there are."""


def located(n: int, size: int) -> tuple[Tensor, Tensor]:
    """Pairs whose pixels say where they are: inputs (n, 1, size, size), targets with 3 channels."""
    at = torch.arange(float(size))
    x = (GRID * at[:, None] + at).expand(n, 1, size, size).clone()
    number_of = torch.arange(float(n)).view(n, 1, 1, 1).expand_as(x)
    return x, torch.cat([x, -x, number_of], 1)


def check_aligned(
    answer: Answer, x: Tensor, y: Tensor, side: int, given: str
) -> tuple[Tensor, Tensor]:
    """Corners (N, 2) of the cuts and which are mirrored (N,), of pairs that were cut alike.

    Raises:
        Wrong: they were not.
    """
    returned = answer(x, y, side)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        why = "Return both pictures of the pairs."
        raise Wrong(given, returned, "two tensors, input and target", why)
    new_x, new_y = (probes.tensor(each).float() for each in returned)
    got = tuple(new_x.shape), tuple(new_y.shape)
    right = tuple((*z.shape[:2], side, side) for z in (x, y))
    if got != right:
        why = "Pictures of `side` px are asked for, as many as there were."
        if got == right[::-1]:
            why = "Input and target have changed places: the input is returned first."
        elif got == (tuple(x.shape), tuple(y.shape)):
            why = "Nothing was cut off: a smaller picture leaves room for a place to draw."
        raise Wrong(given, f"shapes {got[0]} and {got[1]}", f"{right[0]} and {right[1]}", why)
    if (off := (new_x[:, 0] != new_y[:, 0]).flatten(1).any(1)).any():
        why = """The pictures of a pair were treated differently: the pixel that the generator is
            asked for lies elsewhere in the target. Draw once per pair, and use it for both."""
        raise Wrong(given, f"{off.double().mean():.0%} of the pairs no longer aligned", "none", why)
    if not torch.equal(new_y[:, 2, 0, 0], y[:, 2, 0, 0]):
        why = "Only the pixels are to move."
        raise Wrong(given, "pairs in another order, or twice", "pair i at place i", why)
    rows, columns = new_x[:, 0].div(GRID, rounding_mode="floor"), new_x[:, 0] % GRID
    if (rows[:, 0] > rows[:, -1]).any():
        why = "Some pairs are upside down. Faces and houses are mirrored left to right only."
        raise Wrong(given, "pictures upside down", "rows in their order", why)
    top, left = rows[:, :1, :1], columns.amin((1, 2), keepdim=True)
    across = torch.arange(float(side))
    straight, turned = (
        ((rows == top + across[:, None]) & (columns == left + way)).all(2).all(1)
        for way in (across, across.flip(0))
    )
    if not (straight | turned).all() or not torch.equal(new_y[:, 1], -new_y[:, 0]):
        why = """Pixels are to stay what they are, each beside its neighbours: cut out one whole
            square."""
        got = "pixels that are mixed, moved or made up"
        raise Wrong(given, got, "a square of the picture", why)
    return torch.stack([top, left], 1).flatten(1).long(), turned


# --- the U-Net ---


class Block(nn.Module):
    """A block without weights to learn: (N, C, H, W) -> (N, 2, scale H, scale W), for any C."""

    def __init__(self, number: int, scale: float):
        super().__init__()
        self.number, self.scale = number, scale

    def forward(self, x: Tensor) -> Tensor:
        at = torch.arange(2.0)[:, None] * 3 + torch.arange(float(x.shape[1])) * 2 + self.number
        resized = interpolate(x, scale_factor=self.scale, mode="area")
        return torch.einsum("oc,nchw->nohw", at.cos(), resized).tanh()


def blocks(levels: int) -> tuple[Sequence[nn.Module], Sequence[nn.Module]]:
    """An encoder's and a decoder's blocks, in lists or, for two levels, in `ModuleList`s."""
    down, up = ([Block(i + 10 * scale, scale) for i in range(levels)] for scale in (0.5, 2))
    return (nn.ModuleList(down), nn.ModuleList(up)) if levels == 2 else (down, up)


def walk_unet(
    x: Tensor,
    down: Sequence[nn.Module],
    up: Sequence[nn.Module],
    join: Callable[[Tensor, Tensor], Tensor] = pair,
    joined: Callable[[int, int], bool] = lambda i, blocks: i > 0,
) -> Tensor:
    """A U-Net. Before block i of the decoder the encoder's map of its size is joined, or not."""
    maps = []
    for block in down:
        x = block(x)
        maps.append(x)
    for i, block in enumerate(up):
        x = block(join(x, maps[-1 - i]) if joined(i, len(up)) else x)
    return x


@exercise(minutes=15, difficulty="medium", call="(x, down, up)")
def unet_forward(answer: Answer) -> str:
    """A picture, the encoder's blocks and the decoder's, as many -> the output.

    Blocks halve and double the side. Before each block of the decoder but the first, the encoder's
    map of the same size is joined behind the channels.
    """
    x = draws(2, 1, 16, 16, seed=1)
    cases = {
        "3 blocks down, 3 up, a picture (2, 1, 16, 16)": (x, *blocks(3)),
        "2 blocks down, 2 up, a picture (2, 3, 8, 4)": (draws(2, 3, 8, 4, seed=3), *blocks(2)),
    }
    sizes = """Two maps of different size were to be joined. The decoder begins at the smallest:
        which map of the encoder is as large as the one it holds, after one block, after two?"""
    why = """Keep every map on the way down. On the way up the last one is where you begin, and the
        others wait for their turn, from the smallest to the largest."""
    shapes = (
        "The decoder doubles as often as the encoder halves, and its last block has the last word."
    )
    probes.compare(
        about_sizes(answer, sizes), cases, walk_unet, why, read=probes.tensor, shapes=shapes
    )
    cut = "The way back to the encoder was cut."
    why = """The output is right, the way back is not: the encoder learns through the joined maps
        too."""
    probes.compare_gradients(
        answer, walk_unet, (x, *blocks(3)), why, given="3 blocks down, 3 up", cut=cut
    )
    return """Large shapes by the long way, lines by the short one: every map of the encoder met its
        equal."""


unet_forward.mistake(
    "No map was joined: everything passes through the bottleneck, and lines are lost there."
)(partial(walk_unet, joined=lambda i, blocks: False))
unet_forward.mistake("""The encoder's map stands before the decoder's. A network would learn just as
    well, but trained weights expect the other order.""")(
    partial(walk_unet, join=lambda x, skip: pair(skip, x))
)
unet_forward.mistake("The bottleneck is joined to itself: the first block already gets that map.")(
    partial(walk_unet, joined=lambda i, blocks: True)
)
unet_forward.mistake("""The last block got no map, although its map is the largest and knows where
    every line is.""")(partial(walk_unet, joined=lambda i, blocks: 0 < i < blocks - 1))
unet_forward.mistake(
    "The second block of the decoder got no map. Only the first has none to wait for."
)(partial(walk_unet, joined=lambda i, blocks: i > 1))
unet_forward.mistake("Only the last block got a map; each but the first has its own.")(
    partial(walk_unet, joined=lambda i, blocks: i == blocks - 1)
)
unet_forward.mistake("The maps are added, as in a ResNet. Joined, the next layer can weigh them.")(
    partial(walk_unet, join=torch.add)
)
unet_forward.mistake("The decoder's own map is thrown away, with all that was decided lower down.")(
    partial(walk_unet, join=lambda x, skip: skip)
)


@unet_forward.mistake("""The decoder's blocks are called from last to first. They are listed in the
    order of their turns.""")
def decoder_backwards(x, down, up):
    return walk_unet(x, down, up[::-1])


# --- what was learned ---


class Opinions:
    """A translator of known pictures with an opinion per seed; it remembers what it was asked.

    A picture's first seed, whatever its number, gives the first opinion, the next one the
    second.
    """

    def __init__(self, n: int, most: int):
        self.line_art = draws(n, 1, 6, 6, seed=n).clamp(-1, 1)
        self.base = draws(n, 3, 6, 6, seed=n + 10) / 3
        width = draws(n, 3, 6, 6, seed=n + 20).square() / 10  # sure here, in doubt there
        self.said = (self.base + width * draws(most, n, 3, 6, 6, seed=n + 30)).clamp(-1, 1)
        self.seeds: list[list[int]] = [[] for _ in range(n)]
        self.strange = self.silent = False

    def translate(self, pictures: Tensor, *, seed: int = 0, noise: bool = True) -> Tensor:
        self.silent |= not noise
        return torch.stack([self.opinion(picture, seed, noise) for picture in pictures])

    def opinion(self, picture: Tensor, seed: int, noise: bool) -> Tensor:
        known = [i for i, art in enumerate(self.line_art) if torch.equal(picture, art)]
        self.strange |= not known
        if not known or not noise:
            return self.base[known[0] if known else 0]
        seeds = self.seeds[known[0]]
        if seed not in seeds:
            seeds.append(seed)
        return self.said[seeds.index(seed) % len(self.said), known[0]]


@exercise(minutes=10, difficulty="medium", call="(translate, line_art, n)")
def spread(answer: Answer) -> str:
    """translate(pictures, seed=...), line art (N, 1, S, S), n -> how far n translations lie apart.

    The standard deviation over n different seeds, for each value of each picture, then the mean of
    all: one number. Divided by n or by n - 1, both are taken, and any n seeds.
    """

    def asked(pictures: int, n: int) -> Tensor:
        room = Opinions(pictures, n)
        value = probes.number(answer(room.translate, room.line_art, n))
        check_questions(room, n, f"{pictures} pictures, n = {n}")
        return value

    cases = {f"{pictures} pictures, n = {n}": (pictures, n) for pictures, n in ((3, 80), (2, 100))}
    why = """For each value of each picture the standard deviation over the seeds; then the mean of
        all."""
    probes.compare(asked, cases, lambda pictures, n: Opinions(pictures, n).said.std(0).mean(), why)
    return """0 would mean that the noise is ignored. The paper found it small: ask where in the
        picture it is, and you see what the network is unsure of."""


def check_questions(room: Opinions, n: int, given: str) -> None:
    """Raise `Wrong` unless each picture was translated with n different seeds."""
    if room.strange:
        why = "Hand the line art over as it is, a batch (N, 1, S, S)."
        raise Wrong(given, "`translate` was given other pictures", "the line art", why)
    if room.silent:
        why = "With noise=False the dropout is off, and there is nothing left that could differ."
        raise Wrong(given, "`translate` was called without noise", "with it", why)
    if not all(room.seeds):
        never = "not asked about every picture" if any(room.seeds) else "never called"
        why = "Opinions have to be asked for."
        raise Wrong(given, f"`translate` was {never}", f"{n} seeds for each picture", why)
    for count in map(len, room.seeds):
        if count != n:
            why = f"{n} different seeds are asked for, no more and no fewer."
            if count == 1:
                why = """One seed gives one opinion, however often you ask. Give each translation
                    its own."""
            raise Wrong(given, f"{count} different seed{'s' * (count != 1)}", f"{n}", why)


def of_opinions(fold: Callable) -> Callable:
    """An answer that folds the opinions (n, N, 3, S, S) into a number."""

    def answer(translate, line_art, n):
        return fold(torch.stack([translate(line_art, seed=seed) for seed in range(n)]))

    return answer


CONTRAST = "That is the contrast within each picture. Opinions are compared over the seeds."
MEAN_FIRST = """The mean over the pixels came first: red here and blue there would equal blue here
    and red there."""
spread.mistake("""That is the spread of all values together: of bright and dark places, of one
    picture and the next. One and the same place has to be compared over the seeds.""")(
    of_opinions(lambda y: y.std())
)
spread.mistake("That is the mean variance; a deviation has the units of the picture.")(
    of_opinions(lambda y: y.var(0).mean())
)
spread.mistake("The root is taken after the mean. Average the deviations, place by place.")(
    of_opinions(lambda y: y.var(0).mean().sqrt())
)
spread.mistake(CONTRAST)(of_opinions(lambda y: y.std((2, 3, 4)).mean()))
spread.mistake(CONTRAST)(of_opinions(lambda y: y.std((3, 4)).mean()))
spread.mistake(MEAN_FIRST)(of_opinions(lambda y: y.mean((2, 3, 4)).std(0).mean()))
spread.mistake(MEAN_FIRST)(of_opinions(lambda y: y.mean((1, 2, 3, 4)).std(0)))
spread.mistake("""That compares one picture with another. Compare each with itself under another
    seed.""")(of_opinions(lambda y: y.std(1).mean()))
spread.mistake("That is a sum over all pixels. Take the mean.")(
    of_opinions(lambda y: y.std(0).sum())
)
spread.mistake("That is the place where it is most in doubt; the mean is asked for.")(
    of_opinions(lambda y: y.std(0).amax())
)
spread.mistake("That is the range, which grows with every seed; a deviation does not.")(
    of_opinions(lambda y: (y.amax(0) - y.amin(0)).mean())
)
spread.mistake("That is in grey levels; leave the units as they are.")(
    of_opinions(lambda y: 127.5 * y.std(0).mean())
)


@exercise(minutes=15, difficulty="medium", call="(predicted, truth, classes)")
def class_iou(answer: Answer) -> str:
    """Two maps of classes (N, S, S) -> intersection over union, averaged over the classes.

    Pixels of all pictures are counted together. A class that the truth does not have is left out.
    """
    dice = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (2, 6, 6), generator=dice)
    truth[0] = truth[0].clamp(max=1)  # pictures of different make-up
    painted = torch.where(torch.rand(2, 6, 6, generator=dice) < 0.6, truth, truth.roll(1, 2))
    paper, spot, half = torch.zeros(3, 1, 4, 4, dtype=torch.long)
    spot[0, 0, :2] = half[0, :2, 0] = 1
    cases = {
        "2 pictures of 6 x 6 px, 3 classes": (painted, truth, 3),
        "all paper, though two of 16 px are red, 2 classes": (paper, spot, 2),
        "two red px in 16, one of them in its place, 2 classes": (half, spot, 2),
    }
    why = """For each class: the pixels that both maps give it, over those that at least one gives
        it."""
    probes.compare(answer, cases, iou, why)
    given = "4 classes of which the truth has 2, and a third one was painted"
    why = """Leave out the classes that the truth does not have: 0 / 0 is nan, and so is a mean with
        nan."""
    probes.compare(answer, {given: (half * 2 + spot - half * spot, spot, 4)}, iou, why)
    return """With two classes, a page left white scores half of the paper's share, not nine in ten:
        rare colours count."""


def iou(predicted: Tensor, truth: Tensor, classes: int) -> float:
    return segmentation_scores(predicted, truth, classes)["class_iou"]


def of_areas(score: Callable) -> Callable:
    """An answer made of how many pixels of each class are (right, there, painted)."""

    def answer(predicted, truth, classes):
        maps = predicted[predicted == truth], truth.flatten(), predicted.flatten()
        return score(*(each.bincount(minlength=classes).double() for each in maps))

    return answer


def where_there(score: Callable) -> Callable:
    """The same, averaged over the classes that the truth has."""
    return of_areas(lambda *areas: score(*areas).nan_to_num()[areas[1] > 0].mean())


class_iou.mistake("""That is the fraction of right pixels. On white paper nearly all are right
    before anything is coloured; each class should count alike.""")(
    of_areas(lambda right, there, painted: right.sum() / there.sum())
)
class_iou.mistake("""That is the fraction of each class's pixels that were found. Painting
    everything red finds all red: pixels wrongly given to a class have to cost something.""")(
    where_there(lambda right, there, painted: right / there)
)
class_iou.mistake("Divided by what was painted alone, a class hardly ever painted looks perfect.")(
    where_there(lambda right, there, painted: right / painted)
)
class_iou.mistake("Pixels in both maps are counted twice below the line; a union has each once.")(
    where_there(lambda right, there, painted: right / (there + painted))
)
class_iou.mistake("That is Dice's coefficient (F1), a relative that is never below the IoU.")(
    where_there(lambda right, there, painted: 2 * right / (there + painted))
)
class_iou.mistake("""Intersections and unions are added over the classes first: the paper, with most
    pixels, decides.""")(
    of_areas(lambda right, there, painted: right.sum() / (there + painted - right).sum())
)
class_iou.mistake("The classes are weighted by their size: the paper decides again.")(
    of_areas(
        lambda right, there, painted: (
            there * (right / (there + painted - right)).nan_to_num() / there.sum()
        ).sum()
    )
)


@class_iou.mistake("""That is taken picture by picture. A class that a picture hardly has would
    count as much there as where it fills everything: count the pixels of all pictures together.""")
def a_mean_over_pictures(predicted, truth, classes):
    pictures = zip(predicted.split(1), truth.split(1), strict=True)
    return sum(iou(p, t, classes) for p, t in pictures) / len(truth)


class_iou.mistake("""Classes that the truth does not have take part in the mean. Painting one has
    already cost the class that it covers.""")(
    of_areas(lambda right, there, painted: (right / (there + painted - right)).nan_to_num().mean())
)
class_iou.mistake("""A class that was painted and is not there takes part with a 0. Painting it has
    already cost the class that it covers.""")(
    of_areas(lambda right, there, painted: (right / (there + painted - right)).nanmean())
)
class_iou.mistake(
    "A class that nobody has counts as perfect. Leave out what the truth does not have."
)(of_areas(lambda right, there, painted: (right / (there + painted - right)).nan_to_num(1).mean()))


@exercise(minutes=5, difficulty="easy", call="(step, steps, lr)")
def learning_rate(answer: Answer) -> str:
    """step (from 0), steps (even), lr -> lr for half of the steps, then a line to 0 at `steps`."""
    at = 0, 49, 50, 60, 75, 99
    why = """Halfway through it is still lr, a quarter before the end half of it, and 0 at step
        `steps`."""
    cases = [*((step, 100, 1.0) for step in at), (6, 8, 20.0)]
    probes.compare(answer, cases, rate(lambda t: min(1, 2 - 2 * t)), why)
    why = "A run may be made longer than its schedule. A rate below 0 would walk uphill; stay at 0."
    probes.compare(answer, [(100, 100, 1.0), (120, 100, 1.0)], lambda step, steps, lr: 0.0, why)
    return """Large steps while the game moves, small ones at the end; it depends on the step alone,
        so a resumed run cannot lose it."""


def rate(share: Callable[[float], float]) -> Callable:
    """An answer with a share of lr for each part of the run, 0 to 1."""
    return lambda step, steps, lr: lr * share(step / steps)


def late(share: Callable[[float], float]) -> Callable:
    """The same, with all of lr in the first half."""
    return rate(lambda t: share(t) if t >= 0.5 else 1)


learning_rate.mistake("The rate falls from the first step on; it should stay for half of the run.")(
    rate(lambda t: 1 - t)
)
learning_rate.mistake("The rate never falls.")(rate(lambda t: 1))
learning_rate.mistake("There is a jump halfway: the line should begin where the flat part ends.")(
    late(lambda t: 1 - t)
)
learning_rate.mistake("In the first half this is more than the rate, twice as much at the start.")(
    rate(lambda t: 2 - 2 * t)
)
learning_rate.mistake("The rate is halved once. A line down to 0 is asked for.")(
    late(lambda t: 0.5)
)
learning_rate.mistake("The rate drops once. A line down to 0 is asked for.")(late(lambda t: 0.1))
learning_rate.mistake("The rate drops to 0: the second half of the run would change nothing.")(
    late(lambda t: 0)
)
learning_rate.mistake("That is half a wave of a cosine: a good schedule, and another one.")(
    late(lambda t: 0.5 - 0.5 * math.cos(2 * math.pi * t))
)
learning_rate.mistake("It rises in the first half: that is a warm-up.")(
    rate(lambda t: min(1, 2 * t))
)


@learning_rate.mistake("That is the fraction of the rate that is left; multiply.")
def the_share_alone(step, steps, lr):
    return min(1, 2 - 2 * step / steps)


EXERCISES = in_order(globals())
