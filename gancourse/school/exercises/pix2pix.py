"""Chapter 6's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, softplus

from gancourse.metrics.colour import segmentation_scores
from gancourse.school.exercises.cgan import compare_tensors, tensor
from gancourse.school.exercises.checking import (
    Answer,
    Wrong,
    compare,
    exercise,
    near,
    number,
    recognise,
    show,
)
from gancourse.school.exercises.gan import FLAT, ROUNDING, logits, loss_value, total
from gancourse.school.exercises.turns import draws

# --- what the discriminator sees ---

Stack = Sequence[tuple[int, int]]  # kernel and stride of each convolution, from the picture on


@exercise(minutes=10, difficulty="easy", call="(layers)")
def receptive_field(answer: Answer) -> str:
    """A list of (kernel, stride), from the picture to the logit -> px of the picture that one logit sees, one number."""

    def truth(stack: Stack) -> float:
        px, jump = 1, 1
        for kernel, stride in stack:
            px, jump = px + (kernel - 1) * jump, jump * stride
        return px

    def jump_first(stack: Stack) -> float:
        px, jump = 1, 1
        for kernel, stride in stack:
            jump *= stride
            px += (kernel - 1) * jump
        return px

    def whole_kernels(stack: Stack) -> float:
        px, jump = 1, 1
        for kernel, stride in stack:
            px, jump = px + kernel * jump, jump * stride
        return px

    def strides(stack: Stack) -> int:
        return int(torch.tensor([stride for _, stride in stack]).prod())

    stacks = {
        "one convolution, (3, 1)": [(3, 1)],
        "three of (3, 1)": [(3, 1)] * 3,
        "(5, 2), (3, 1)": [(5, 2), (3, 1)],
        "the paper's: three of (4, 2), two of (4, 1)": [(4, 2)] * 3 + [(4, 1)] * 2,
        "two of (1, 1)": [(1, 1)] * 2,
        "(7, 1), (2, 3), (4, 2), (3, 3)": [(7, 1), (2, 3), (4, 2), (3, 3)],
    }
    compare(
        lambda stack: answer(list(stack)),
        {given: (stack,) for given, stack in stacks.items()},
        truth,
        mistakes=[
            (
                lambda stack: truth(stack[::-1]),
                "The layers seem to be read from the logit's end with the picture's rule. They are listed from the picture on: a "
                "stride makes all later kernels reach further.",
            ),
            (
                jump_first,
                "A layer's own stride is counted for its own kernel. The stride says how far apart its outputs lie; only the "
                "layers above it step that far.",
            ),
            (
                lambda stack: 1 + sum(kernel - 1 for kernel, _ in stack),
                "The strides have no effect here. After a stride of 2 two neighbours are 2 px of the picture apart, and a kernel "
                "reaches twice as far.",
            ),
            (
                lambda stack: sum(kernel for kernel, _ in stack),
                "The kernels are added up. A kernel of 3 on a kernel of 3 sees 5 px, not 6: they overlap. And strides count too.",
            ),
            (
                whole_kernels,
                "Each kernel adds one pixel too many: the first of its pixels is one that was seen already.",
            ),
            (
                strides,
                "That is how far apart the patches of two neighbouring logits lie, not how large a patch is.",
            ),
            (
                lambda stack: truth(stack) ** 2,
                "That is the number of pixels in the patch; asked is its side.",
            ),
        ],
        otherwise="Begin with one pixel. Each layer adds its kernel less one, in steps that the strides below it have made.",
    )
    return "70 px for the paper's five convolutions. Seen so, a discriminator's size is a choice of what may count as texture."


@exercise(minutes=5, difficulty="easy", call="(input, picture)")
def judge_input(answer: Answer) -> str:
    """input (N, C, H, W), picture (N, D, H, W) -> (N, C + D, H, W): what a discriminator of pairs is given, input first.

    The gradient must find its way back to the picture.
    """

    def pair(input: Tensor, picture: Tensor) -> Tensor:
        return torch.cat([input, picture], 1)

    def maps(n: int, channels: int, side: int, seed: int) -> Tensor:
        return draws(n, channels * side * side, seed).view(n, channels, side, side)

    same = maps(2, 3, 4, seed=1), maps(2, 3, 4, seed=2)
    given = "input (2, 3, 4, 4), picture (2, 3, 4, 4)"
    first = tensor(answer(*same), "a tensor").detach()
    if first.shape != (2, 6, 4, 4):
        alone = "The {} is missing. {}"
        why = {
            (
                4,
                3,
                4,
                4,
            ): "They stand one after the other in the batch: the discriminator would judge four pictures, and never "
            "see which belongs to which.",
            (
                2,
                3,
                4,
                8,
            ): "Side by side, a convolution of a few pixels sees both at the seam only. A pixel and the pixel that it "
            "was made from should meet in the first layer.",
        }
        why[2, 3, 8, 4] = why[2, 3, 4, 8]
        text = why.get(
            tuple(first.shape),
            "Channels are what a convolution sees at one place: (N, C + D, H, W).",
        )
        if first.shape == (2, 3, 4, 4):
            text = "Added up, the two cannot be told apart again. Give each its own channels."
            if torch.equal(first, same[1]):
                text = alone.format(
                    "input", "So shown, any picture that looks real will do, whatever was drawn."
                )
            elif torch.equal(first, same[0]):
                text = alone.format(
                    "picture", "Whatever was made of the input, the judgement would be the same."
                )
        raise Wrong(given, f"shape {tuple(first.shape)}", "shape (2, 6, 4, 4)", text)
    for once, name, other in ((same[0], "input", "picture"), (same[1], "picture", "input")):
        if torch.equal(first, torch.cat([once, once], 1)):
            raise Wrong(
                given,
                "the same three channels twice",
                "three of each",
                f"The {name} stands there twice, and the {other} not at all.",
            )
    line_art = maps(3, 1, 2, seed=3), maps(3, 3, 2, seed=4)
    compare_tensors(
        lambda *inputs: explained(
            answer,
            inputs,
            "Line art has one channel, a colour picture three. What counts is that they agree in everything but that.",
        ),
        {given: same, "input (3, 1, 2, 2), picture (3, 3, 2, 2)": line_art},
        truth=pair,
        mistakes=[
            (
                lambda x, y: torch.cat([y, x], 1),
                "The picture stands before the input. A network would learn just as well, but weights trained the other way "
                "round would take line art for red: the input comes first.",
            ),
        ],
        otherwise="First the channels of the input as they are, then those of the picture.",
        shapes="C channels of the input and D of the picture, whatever C and D are.",
    )
    leaf = line_art[1].clone().requires_grad_()
    returned = answer(line_art[0], leaf)
    if not (isinstance(returned, Tensor) and returned.requires_grad):
        why = "In the generator's turn the way back to its weights goes through the picture. Here it was cut."
        raise Wrong(
            None,
            "an answer without a gradient",
            "a tensor through which a gradient flows to the picture",
            why,
        )
    return "Pixel beside pixel: the first layer can already ask whether this colour belongs within this line."


def explained(answer: Answer, inputs: tuple, why: str):
    """The answer's result; an error of PyTorch about sizes that do not fit gets an explanation of its own."""
    try:
        return answer(*inputs)
    except Wrong as error:
        text = str(error)
        if "Sizes of tensors must match" in text or "must match the size" in text:
            raise Wrong(None, None, None, "\n".join([*text.splitlines()[:-1], why])) from error
        raise


# --- what the generator pays ---


@exercise(minutes=10, difficulty="easy", call="(logits, output, target, weight)")
def generator_loss(answer: Answer) -> str:
    """Logits (N, H', W') of the outputs, outputs and targets (N, 3, H, W), the weight of L1 -> the generator's loss, a scalar.

    -mean log D + weight * mean |target - output|, D the sigmoid of the logit, with its gradient, exact at logits of +-100. A
    dict or tuple of terms is summed.
    """

    def l1(y: Tensor, t: Tensor) -> float:
        return (t - y).double().abs().mean().item()

    def verdict(u: Tensor) -> float:
        return softplus(-u.double()).mean().item()

    def truth(u: Tensor, y: Tensor, t: Tensor, weight: float) -> float:
        return verdict(u) + weight * l1(y, t)

    u, y, t = (
        draws(2, 9, 1).view(2, 3, 3),
        draws(2, 48, 2).view(2, 3, 4, 4),
        draws(2, 48, 3).view(2, 3, 4, 4),
    )
    cases = {
        "2 pictures with 3 x 3 logits each, weight = 2": (u, y, t, 2.0),
        "the same, weight = 100": (u, y, t, 100.0),
        "the same, weight = 0": (u, y, t, 0.0),
        "output = target, weight = 100": (-u, t, t, 100.0),
    }
    compare(
        answer,
        cases,
        truth,
        mistakes=[
            (
                lambda u, y, t, w: w * verdict(u) + l1(y, t),
                "The weight stands before the wrong term: the game would count a hundred times as much as the target.",
            ),
            (
                lambda u, y, t, w: w * (verdict(u) + l1(y, t)),
                "Both terms are weighed. Then the weight changes the size of the loss, which Adam does not even see, and not the "
                "balance of its terms.",
            ),
            (lambda u, y, t, w: verdict(u) + l1(y, t), "L1 counts once, whatever its weight is."),
            (
                lambda u, y, t, w: verdict(u),
                "L1 is missing: nobody asks for this target, only for a picture that passes.",
            ),
            (
                lambda u, y, t, w: w * l1(y, t),
                "The game is missing: what is left is regression, whose best answer to a doubt is the grey between.",
            ),
            (
                lambda u, y, t, w: verdict(u) + w * (t - y).double().square().mean().item(),
                "That is the squared error, L2. The paper takes L1, which blurs less.",
            ),
            (
                lambda u, y, t, w: verdict(u) + w * (t - y).double().abs().sum().item(),
                "|target - output| is added up over the pixels. A mean does not depend on the size of the pictures, and the "
                "weight of 100 is meant for that.",
            ),
            (
                lambda u, y, t, w: verdict(u) + w * (t - y).double().abs().sum().item() / len(t),
                "|target - output| is added up over the pixels of a picture. Take the mean over everything: the weight of 100 "
                "is meant for that.",
            ),
            (
                lambda u, y, t, w: verdict(u) + w * (t - y).double().mean().item(),
                "The absolute value is missing: too bright here and too dark there would cancel out.",
            ),
            (
                lambda u, y, t, w: verdict(-u) + w * l1(y, t),
                "It pays for being believed: the sign of the logit is the discriminator's. Who wants what here?",
            ),
            (
                lambda u, y, t, w: w * l1(y, t) - verdict(-u),
                "That is log(1 - D), which saturates: where D is sure that a picture is made, it has no slope. Take -log D.",
            ),
            (
                lambda u, y, t, w: verdict(u.sigmoid()) + w * l1(y, t),
                "A sigmoid seems to be taken twice, once by you and once inside a function that takes logits.",
            ),
            (
                lambda u, y, t, w: verdict(u) * u.numel() + w * l1(y, t),
                "The verdicts are added up. Each logit judges one patch; take their mean.",
            ),
            (
                lambda u, y, t, w: verdict(u) / 2 + w * l1(y, t),
                "The game's term is halved. In pix2pix that is done to the discriminator's loss, not to the generator's.",
            ),
            (
                lambda u, y, t, w: verdict(u) - w * l1(y, t),
                "L1 has the wrong sign: it would be paid for being far from the target.",
            ),
        ],
        otherwise="Two terms, added: the mean of -log D over all logits, and the weight times the mean of |target - output|.",
        read=loss_value,
    )
    hard = {"logits = [[[100, -100]]], weight = 2": (logits(100, -100).view(1, 1, 2), y, t, 2.0)}
    compare(answer, hard, truth, mistakes=[], otherwise=ROUNDING, read=loss_value)
    leaves = [
        torch.tensor([[[100.0, -100.0, 1.0]]], requires_grad=True),
        y.clone().requires_grad_(),
    ]
    loss = total(answer(*leaves, t, 2.0))
    given = "logits = [[[100, -100, 1]]], weight = 2"
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        cut = (
            "Going through .item(), NumPy, detach or no_grad cuts the loss off from the generator."
        )
        raise Wrong(given, "a number without a gradient", "a tensor with one", cut)
    slopes = torch.autograd.grad(loss.sum(), leaves, allow_unused=True, materialize_grads=True)
    wanted = -(-leaves[0].detach()).sigmoid() / 3, 2 * (y - t).sign() / t.numel()
    whys = (
        FLAT,
        "The value is right, but L1 has no slope at the output: the generator is not told where the target lies.",
    )
    for got, right, why in zip(slopes, wanted, whys, strict=True):
        if not torch.allclose(got, right, rtol=1e-3, atol=1e-4):
            raise Wrong(
                given,
                f"the gradient {show(got.flatten()[:3])} ...",
                f"{show(right.flatten()[:3])} ...",
                why,
            )
    return "One pull towards the target, by the same step however near it is, and one towards what the judge takes for real."


# --- pairs ---

GRID = 100  # a pixel's number: GRID * row + column


@exercise(minutes=15, difficulty="medium", call="(input, target, side)")
def jitter(answer: Answer) -> str:
    """input (N, C, S, S), target (N, D, S, S), side -> both, (N, ., side, side): cut at random and half mirrored, still aligned.

    For each pair a place of its own, all equally likely, and its own coin for left-right. Any random numbers will do.
    """
    n, size, side = 1800, 7, 5
    given = f"{n} pairs of {size} x {size} px, side = {side}"
    x, y = located(n, size)
    places, mirrored = check_aligned(answer, x, y, side, given)
    if not mirrored.any():
        raise Wrong(
            given,
            "no pair mirrored",
            "about half",
            "A mirrored pair is a pair that was not in the data: it is free.",
        )
    if mirrored.all():
        raise Wrong(
            given,
            "every pair mirrored",
            "about half",
            "Then the pictures as they were are never seen.",
        )
    corners, counts = places.unique(dim=0, return_counts=True)
    if len(corners) == 1:
        centre = " It is the centre." if corners.tolist() == [[1, 1]] else ""
        why = f"There are {(size - side + 1) ** 2} places to cut, and only one is used.{centre} Draw one for each pair."
        raise Wrong(given, "one place for all pairs", "a place for each pair", why)
    together = torch.cat([places, mirrored[:, None].long()], 1)
    if (corners.amax(0) < size - side).any() or (corners.amin(0) > 0).any():
        why = f"From 0 to {size - side} there are {size - side + 1} places, both ends included. Where do yours stop?"
        seen = f"rows {sorted(set(corners[:, 0].tolist()))}, columns {sorted(set(corners[:, 1].tolist()))}"
        raise Wrong(given, f"corners in {seen}", f"0 to {size - side} in both", why)
    if len(corners) < (size - side + 1) ** 2:
        why = "Row and column move together. Draw them apart, or most places are never seen."
        raise Wrong(given, f"{len(corners)} different places", f"{(size - side + 1) ** 2}", why)
    if (half := mirrored.double().mean().item()) < 0.44 or half > 0.56:
        raise Wrong(
            given, f"{half:.0%} mirrored", "about half", "Left and right are to be equally likely."
        )
    if counts.min() < 140 or counts.max() > 265:  # 200 expected, deviation 13
        why = "Every place is to be equally likely."
        raise Wrong(
            given,
            f"places used from {counts.min()} to {counts.max()} times",
            "about 200 times each",
            why,
        )
    if together.unique(dim=0, return_counts=True)[1].min() < 55 or len(
        together.unique(dim=0)
    ) < 2 * len(corners):
        why = "Place and mirror hang together: one coin seems to decide both."
        raise Wrong(given, "some places always mirrored, some never", "each place both ways", why)
    whole = located(50, side)
    check_aligned(answer, *whole, side, f"50 pairs of {side} x {side} px, side = {side}")
    return "The same cut and the same mirror for both, a new one for each pair: more pairs out of those that there are."


def located(n: int, size: int) -> tuple[Tensor, Tensor]:
    """Pairs whose pixels say where they are: input (n, 1, size, size), and target (n, 3, size, size) in its first channel."""
    at = torch.arange(float(size))
    x = (GRID * at[:, None] + at).expand(n, 1, size, size).clone()
    number_of = torch.arange(float(n)).view(n, 1, 1, 1).expand_as(x)
    return x, torch.cat([x, -x, number_of], 1)


def check_aligned(
    answer: Answer, x: Tensor, y: Tensor, side: int, given: str
) -> tuple[Tensor, Tensor]:
    """Corners (N, 2) of the cuts and which are mirrored (N,). Raises `Wrong` unless both pictures were cut alike."""
    returned = answer(x, y, side)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise Wrong(
            given, returned, "two tensors, input and target", "Return both pictures of the pairs."
        )
    new_x, new_y = (tensor(each, "a tensor").detach().float() for each in returned)
    shapes, right = (
        (tuple(new_x.shape), tuple(new_y.shape)),
        tuple((*z.shape[:2], side, side) for z in (x, y)),
    )
    if shapes != right:
        why = "Pictures of `side` px are asked for, as many as there were."
        if shapes == right[::-1]:
            why = "Input and target have changed places: the input is returned first."
        elif shapes == (tuple(x.shape), tuple(y.shape)):
            why = "Nothing was cut off: a smaller picture leaves room for a place to draw."
        raise Wrong(given, f"shapes {shapes[0]} and {shapes[1]}", f"{right[0]} and {right[1]}", why)
    if not torch.equal(new_x[:, 0], new_y[:, 0]):
        off = (new_x[:, 0] != new_y[:, 0]).flatten(1).any(1)
        why = (
            "The pictures of a pair were treated differently: the pixel that the generator is asked for lies elsewhere in the "
            "target. Draw once a pair, and use it for both."
        )
        raise Wrong(given, f"{off.double().mean():.0%} of the pairs no longer aligned", "none", why)
    if not torch.equal(new_y[:, 2, 0, 0], y[:, 2, 0, 0]):
        raise Wrong(
            given,
            "pairs in another order, or twice",
            "pair i at place i",
            "Only the pixels are to move.",
        )
    rows, columns = new_x[:, 0].div(GRID, rounding_mode="floor"), new_x[:, 0] % GRID
    top, left = rows[:, :1, :1], columns.amin((1, 2), keepdim=True)
    across = torch.arange(float(side))
    if (rows[:, 0] > rows[:, -1]).any():
        why = "Some pairs stand on their head. Faces and houses are mirrored left to right only."
        raise Wrong(given, "pictures upside down", "rows in their order", why)
    straight = ((rows == top + across[:, None]) & (columns == left + across)).all(2).all(1)
    turned = ((rows == top + across[:, None]) & (columns == left + across.flip(0))).all(2).all(1)
    if not (straight | turned).all() or not torch.equal(new_y[:, 1], -new_y[:, 0]):
        why = "Pixels are to stay what they are and where they are beside each other: one square of the picture, cut out whole."
        raise Wrong(
            given, "pixels that are mixed, moved or made up", "a square of the picture", why
        )
    return torch.stack([top, left], 1).flatten(1).long(), turned


# --- the U-Net ---


class Halve(nn.Module):
    """A block of an encoder without weights to learn, which takes any number of channels: (N, C, H, W) -> (N, 2, H/2, W/2)."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def resized(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2)

    def forward(self, x: Tensor) -> Tensor:
        at = torch.arange(2.0)[:, None] * 3 + torch.arange(float(x.shape[1])) * 2 + self.number
        return torch.einsum("oc,nchw->nohw", at.cos(), self.resized(x)).tanh()


class Double(Halve):
    """The same for a decoder: (N, C, H, W) -> (N, 2, 2 H, 2 W)."""

    def resized(self, x: Tensor) -> Tensor:
        return interpolate(x, scale_factor=2)


def walk_unet(
    x: Tensor,
    down: Sequence[nn.Module],
    up: Sequence[nn.Module],
    join: Callable[[Tensor, Tensor], Tensor] = lambda x, skip: torch.cat([x, skip], 1),
    skipped: Callable[[int, int], bool] = lambda i, blocks: i > 0,
) -> Tensor:
    """A U-Net that joins the maps so, before each block of the decoder that is not left out. The first has no partner."""
    maps = []
    for block in down:
        x = block(x)
        maps.append(x)
    for i, block in enumerate(up):
        x = block(join(x, maps[-1 - i]) if skipped(i, len(up)) else x)
    return x


@exercise(minutes=15, difficulty="medium", call="(x, down, up)")
def unet_forward(answer: Answer) -> str:
    """A picture, the encoder's blocks and the decoder's, as many -> the output. Blocks halve and double the side.

    Before each block of the decoder but the first, the encoder's map of the same size is joined behind the channels.
    """

    def picture(channels: int, height: int, width: int) -> Tensor:
        return draws(2, channels * height * width, seed=channels).view(2, channels, height, width)

    def blocks(levels: int) -> tuple[list[nn.Module], list[nn.Module]]:
        return [Halve(i) for i in range(levels)], [Double(10 + i) for i in range(levels)]

    cases = {
        "3 blocks down, 3 up, a picture (2, 1, 16, 16)": (picture(1, 16, 16), 3),
        "2 blocks down, 2 up, a picture (2, 3, 8, 4)": (picture(3, 8, 4), 2),
    }

    def on_lists(x: Tensor, levels: int) -> Tensor:
        down, up = blocks(levels)
        if levels == 2:
            down, up = nn.ModuleList(down), nn.ModuleList(up)
        why = (
            "Two maps of different size were to be joined. The decoder begins at the smallest: which map of the encoder is "
            "as large as the one that it holds, after one block, after two?"
        )
        return explained(answer, (x, down, up), why)

    def told(**options) -> Callable[[Tensor, int], Tensor]:
        return lambda x, levels: walk_unet(x, *blocks(levels), **options)

    def backwards(x: Tensor, levels: int) -> Tensor:
        down, up = blocks(levels)
        return walk_unet(x, down, up[::-1])

    compare_tensors(
        on_lists,
        cases,
        truth=told(),
        mistakes=[
            (
                told(skipped=lambda i, n: False),
                "No map was handed across: everything has passed the bottleneck, and lines are lost there.",
            ),
            (
                told(join=lambda x, skip: torch.cat([skip, x], 1)),
                "The encoder's map stands before the decoder's. A network would learn just as well, but trained weights expect "
                "the other order.",
            ),
            (
                told(skipped=lambda i, n: True),
                "The bottleneck is joined to itself: the first block of the decoder already gets that map, and nothing else.",
            ),
            (
                told(skipped=lambda i, n: 0 < i < n - 1),
                "The last block of the decoder got no map: just the largest one, which knows where every line is.",
            ),
            (
                told(skipped=lambda i, n: i > 1),
                "The second block of the decoder got no map. Only the first has none to wait for.",
            ),
            (
                told(skipped=lambda i, n: i == n - 1),
                "Only the last block got a map; each but the first has its own.",
            ),
            (
                told(join=lambda x, skip: x + skip),
                "The maps are added, as in a ResNet. A U-Net puts them behind each other: the next layer can weigh them.",
            ),
            (
                told(join=lambda x, skip: skip),
                "The decoder's own map is thrown away for the encoder's: nothing that was decided lower down arrives.",
            ),
            (
                backwards,
                "The blocks of the decoder are called from the last to the first. They are listed in the order of their turns.",
            ),
        ],
        otherwise="Keep every map on the way down. On the way up the last one is where you begin, and the others wait for their "
        "turn, from the smallest to the largest.",
        shapes="The decoder doubles as often as the encoder has halved, and its last block has the last word.",
    )
    x = picture(1, 16, 16)
    slopes = []
    for forward in (answer, walk_unet):
        leaf = x.clone().requires_grad_()
        y = forward(leaf, *blocks(3))
        if not (isinstance(y, Tensor) and y.requires_grad):
            raise Wrong(
                None,
                "an output without a gradient",
                "a tensor with one",
                "The way back to the encoder was cut.",
            )
        slopes.append(torch.autograd.grad(y.sum(), leaf, materialize_grads=True)[0])
    if not torch.allclose(*slopes, rtol=1e-3, atol=1e-5):
        why = "The output is right, the way back is not: through the maps handed across the encoder should learn too."
        raise Wrong(
            "3 blocks down, 3 up",
            "another gradient at the picture",
            "the gradient through all paths",
            why,
        )
    return "Large shapes by the long way, lines by the short one: every map of the encoder met its equal."


# --- what was learned ---


class Opinions:
    """A translator of three known pictures, whose opinion on each depends on the seed; it remembers what it was asked."""

    def __init__(self, n: int, seed: int):
        self.line_art = draws(n, 36, seed).view(n, 1, 6, 6).clamp(-1, 1)
        self.base = draws(n, 108, seed + 1).view(n, 3, 6, 6) / 3
        self.width = (
            draws(n, 108, seed + 2).view(n, 3, 6, 6).square() / 10
        )  # sure here, in doubt there
        self.asked: list[list[int]] = [[] for _ in range(n)]
        self.strange = self.silent = False

    def translate(self, pictures: Tensor, *, seed: int = 0, noise: bool = True) -> Tensor:
        self.silent |= not noise
        out = []
        for picture in pictures:
            found = [
                i
                for i, known in enumerate(self.line_art)
                if picture.shape == known.shape and picture.equal(known)
            ]
            self.strange |= not found
            if found:
                self.asked[found[0]].append(int(seed))
            out.append(self.opinion(found[0] if found else 0, int(seed), noise))
        return torch.stack(out)

    def opinion(self, i: int, seed: int, noise: bool = True) -> Tensor:
        dice = torch.Generator().manual_seed(1000 * i + seed)
        chance = torch.randn(3, 6, 6, generator=dice)
        return (self.base[i] + self.width[i] * chance * noise).clamp(-1, 1)

    def answers(self) -> Tensor:
        """What it said, (n seeds, N, 3, 6, 6)."""
        seeds = [sorted(set(asked)) for asked in self.asked]
        return torch.stack(
            [torch.stack([self.opinion(i, s) for s in each]) for i, each in enumerate(seeds)], 1
        ).double()


@exercise(minutes=10, difficulty="medium", call="(translate, line_art, n)")
def spread(answer: Answer) -> str:
    """translate(pictures, seed=...) as a game's, line art (N, 1, S, S), n -> how far n seeds' translations lie apart.

    The standard deviation over n different seeds, for each value of each picture, then the mean of all: one number. Divided by
    n or by n - 1, both are taken, and any n seeds.
    """
    rooms = [(Opinions(3, seed=1), 4), (Opinions(2, seed=7), 7)]
    got = []
    for room, n in rooms:
        given = f"{len(room.line_art)} pictures, n = {n}"
        got.append(number(answer(room.translate, room.line_art, n)))
        check_questions(room, n, given)
    truths = [
        [room.answers().std(0, correction=c).mean().item() for room, _ in rooms] for c in (0, 1)
    ]
    if any(all(map(near, got, right, [1e-4] * 2)) for right in truths):
        return (
            "0 would mean that the noise is ignored. The paper found it small: ask where in the picture it is, and you see what "
            "the network is unsure of."
        )
    mistakes: list[tuple[Callable[[Tensor, int], Tensor], str]] = [
        (
            lambda y, c: y.std(correction=c),
            "That is the spread of all values together: of bright and dark places, of one picture and the next. One and the same "
            "place has to be compared over the seeds.",
        ),
        (
            lambda y, c: y.var(0, correction=c).mean(),
            "That is the mean of the variances; the standard deviation is in the units of the picture.",
        ),
        (
            lambda y, c: y.var(0, correction=c).mean().sqrt(),
            "The root is taken after the mean. Asked is the mean of the standard deviations, place by place.",
        ),
        (
            lambda y, c: y.flatten(2).std(2, correction=c).mean(),
            "That is the contrast within each picture. Opinions are compared over the seeds.",
        ),
        (
            lambda y, c: y.flatten(3).std(3, correction=c).mean(),
            "That is the contrast within each picture. Opinions are compared over the seeds.",
        ),
        (
            lambda y, c: y.flatten(2).mean(2).std(0, correction=c).mean(),
            "The mean over the pixels came first. Red here and blue there, and the other way round, would be no difference.",
        ),
        (
            lambda y, c: y.flatten(1).mean(1).std(0, correction=c),
            "The mean over the pixels came first. Red here and blue there, and the other way round, would be no difference.",
        ),
        (
            lambda y, c: y.std(1, correction=c).mean(),
            "That is how much the pictures differ from each other. Compare a picture with itself under another seed.",
        ),
        (
            lambda y, c: y.std(0, correction=c).sum(),
            "That is a sum over all pixels. Take the mean.",
        ),
        (
            lambda y, c: y.std(0, correction=c).amax(),
            "That is the place where it is most in doubt; asked is the mean.",
        ),
        (
            lambda y, c: y.amax(0) - y.amin(0),
            "That is the range, which grows with every seed that is tried. A standard deviation does not.",
        ),
        (
            lambda y, c: 127.5 * y.std(0, correction=c).mean(),
            "That is in grey levels; leave the units as they are.",
        ),
    ]
    said = [room.answers() for room, _ in rooms]
    candidates = [
        ([f(y, c).mean().item() for y in said], why) for f, why in mistakes for c in (0, 1)
    ]
    why = recognise(
        [1000 * x for x in got], [([1000 * x for x in each], why) for each, why in candidates]
    )
    otherwise = "For each value of each picture the standard deviation of what the n seeds gave it; then the mean of them all."
    first = next(i for i in range(2) if not near(got[i], truths[1][i], 1e-4))
    raise Wrong(
        f"{len(rooms[first][0].line_art)} pictures, n = {rooms[first][1]}",
        got[first],
        truths[1][first],
        why or otherwise,
    )


def check_questions(room: Opinions, n: int, given: str) -> None:
    """Raise `Wrong` unless each picture was translated with n different seeds."""
    if room.strange:
        why = "Hand the line art over as it is, a batch (N, 1, S, S)."
        raise Wrong(given, "`translate` was given other pictures", "the line art", why)
    if not all(room.asked):
        never = "never called" if not any(room.asked) else "not asked about every picture"
        raise Wrong(
            given,
            f"`translate` was {never}",
            f"{n} seeds for each picture",
            "Opinions have to be asked for.",
        )
    if room.silent:
        why = "With noise=False the dropout is off, and there is nothing left that could differ."
        raise Wrong(given, "`translate` was called without noise", "with it", why)
    for asked in room.asked:
        if len(set(asked)) != n:
            why = f"{n} different seeds are asked for, no more and no fewer."
            if len(set(asked)) == 1 and n > 1:
                why = "One seed gives one opinion, however often it is asked. Give each translation its own."
            count = len(set(asked))
            raise Wrong(given, f"{count} different seed{'s' * (count != 1)}", f"{n}", why)


@exercise(minutes=15, difficulty="medium", call="(predicted, truth, classes)")
def class_iou(answer: Answer) -> str:
    """Two maps of classes (N, S, S), 0 to classes - 1 -> the mean over classes of intersection over union, one number.

    Pixels of all pictures are counted together. A class that the truth does not have is left out of the mean.
    """

    def right(p: Tensor, t: Tensor, k: int) -> float:
        return segmentation_scores(p, t, k)["class_iou"]

    def counts(p: Tensor, t: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels that are right, there and painted, of each class."""
        both = p[p == t].flatten().bincount(minlength=k)
        return (
            both.double(),
            t.flatten().bincount(minlength=k).double(),
            p.flatten().bincount(minlength=k).double(),
        )

    def of_counts(
        score: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> Callable[[Tensor, Tensor, int], float]:
        return lambda p, t, k: float(score(*counts(p, t, k)))

    def present(values: Tensor, there: Tensor) -> Tensor:
        return values[there > 0].mean()

    dice = torch.Generator().manual_seed(0)
    truth_map = torch.randint(0, 3, (2, 6, 6), generator=dice)
    truth_map[0] = truth_map[0].clamp(max=1)  # pictures of different make-up
    painted = torch.where(
        torch.rand(2, 6, 6, generator=dice) < 0.6, truth_map, truth_map.roll(1, 2)
    )
    paper = torch.zeros(1, 4, 4, dtype=torch.long)
    spot = paper.clone()
    spot[0, 0, :2] = 1
    half = paper.clone()
    half[0, :2, 0] = 1
    compare(
        answer,
        {
            "2 pictures of 6 x 6 px, 3 classes": (painted, truth_map, 3),
            "all paper, though two of 16 px are red, 2 classes": (paper, spot, 2),
            "two red px in 16, one of them in its place, 2 classes": (half, spot, 2),
        },
        right,
        mistakes=[
            (
                lambda p, t, k: (p == t).double().mean().item(),
                "That is the share of right pixels. On white paper nearly all are right before anything is coloured; each class "
                "is to count alike.",
            ),
            (
                of_counts(lambda both, there, painted: present(both / there, there)),
                "That is the share of each class's pixels that were found. Painting everything red finds all red: pixels wrongly "
                "given to a class have to cost something.",
            ),
            (
                of_counts(
                    lambda both, there, painted: present((both / painted).nan_to_num(), there)
                ),
                "This is divided by what was painted alone: a class that is hardly ever dared would look perfect.",
            ),
            (
                of_counts(lambda both, there, painted: present(both / (there + painted), there)),
                "The pixels that are in both maps are counted twice below the line. A union has each once.",
            ),
            (
                of_counts(
                    lambda both, there, painted: present(2 * both / (there + painted), there)
                ),
                "That is Dice's coefficient, F1, which is never below the IoU. A relative, and another number.",
            ),
            (
                lambda p, t, k: (
                    sum(right(a[None], b[None], k) for a, b in zip(p, t, strict=True)) / len(p)
                ),
                "That is taken picture by picture. A class that a picture hardly has would count as much there as where it fills "
                "everything: count the pixels of all pictures together.",
            ),
            (
                of_counts(lambda both, there, painted: both.sum() / (there + painted - both).sum()),
                "Intersections and unions are added up over the classes first. Then the paper, with most pixels, decides.",
            ),
            (
                of_counts(
                    lambda both, there, painted: (
                        (there * (both / (there + painted - both)).nan_to_num()).sum() / there.sum()
                    )
                ),
                "The classes are weighed by their size: the paper decides again.",
            ),
            (lambda p, t, k: 100 * right(p, t, k), "That is in percent; asked is a part, 0 to 1."),
            (lambda p, t, k: 1 - right(p, t, k), "That is a distance: 0 where all is right."),
        ],
        otherwise="For each class: the pixels that both maps give to it, divided by those that at least one map gives to it.",
    )
    compare(
        answer,
        {
            "4 classes of which the truth has 2, and a third one was painted": (
                half * 2 + spot - half * spot,
                spot,
                4,
            )
        },
        right,
        mistakes=[
            (
                of_counts(
                    lambda both, there, painted: (
                        (both / (there + painted - both)).nan_to_num().mean()
                    )
                ),
                "Classes that the truth does not have take part in the mean. Painting one has already cost the class that it "
                "covers.",
            ),
            (
                of_counts(
                    lambda both, there, painted: (both / (there + painted - both))[
                        there + painted > 0
                    ].mean(),
                ),
                "A class that was painted and is not there takes part with a 0. Painting it has already cost the class that it "
                "covers.",
            ),
            (
                of_counts(
                    lambda both, there, painted: torch.where(
                        there + painted > 0, both / (there + painted - both), 1.0
                    ).mean()
                ),
                "A class that nobody has counts as perfect. Leave out what the truth does not have.",
            ),
        ],
        otherwise="Leave the classes that the truth does not have out of the mean: 0 / 0 is nan, and a mean with a nan is one.",
    )
    return "With two classes, a page left white scores half of the paper's share, not nine in ten: rare colours count."


@exercise(minutes=5, difficulty="easy", call="(step, steps, lr)")
def learning_rate(answer: Answer) -> str:
    """step (from 0), steps (even), lr -> the rate at this step: lr for half of the steps, then a line to 0 at step `steps`."""

    def truth(step: int, steps: int, lr: float) -> float:
        return lr * max(0.0, min(1.0, 2 * (steps - step) / steps))

    def late(share: Callable[[float], float]) -> Callable[[int, int, float], float]:
        return lambda step, steps, lr: lr * (1.0 if step < steps / 2 else share(step / steps))

    cases = [
        (0, 100, 1.0),
        (49, 100, 1.0),
        (50, 100, 1.0),
        (60, 100, 1.0),
        (75, 100, 1.0),
        (99, 100, 1.0),
        (6, 8, 20.0),
    ]
    compare(
        answer,
        cases,
        truth,
        mistakes=[
            (
                lambda step, steps, lr: lr * (1 - step / steps),
                "The rate falls from the first step on. For half of the run it stays as it is.",
            ),
            (lambda step, steps, lr: lr, "The rate never falls."),
            (
                late(lambda t: 1 - t),
                "Halfway there is a jump, from the full rate to half of it: the line should begin where the flat part ends.",
            ),
            (
                lambda step, steps, lr: lr * 2 * (steps - step) / steps,
                "In the first half this is more than the rate itself, twice as much at the start.",
            ),
            (late(lambda t: 0.5), "The rate is halved once. Asked is a line down to 0."),
            (late(lambda t: 0.1), "The rate drops once. Asked is a line down to 0."),
            (
                late(lambda t: 0.0),
                "The rate drops to 0 at once: the second half of the run would change nothing.",
            ),
            (
                late(lambda t: 0.5 * (1 + torch.tensor(2 * torch.pi * (t - 0.5)).cos().item())),
                "That is half a wave of a cosine: a good schedule, and another one.",
            ),
            (
                lambda step, steps, lr: lr * min(1.0, 2 * step / steps),
                "It rises in the first half: that is a warm-up.",
            ),
            (
                lambda step, steps, lr: min(1.0, 2 * (steps - step) / steps),
                "That is the part that is left of the rate; multiply.",
            ),
        ],
        otherwise="Halfway through the run it is still lr, a quarter before the end half of it, and 0 at step `steps`.",
    )
    compare(
        answer,
        [(100, 100, 1.0), (120, 100, 1.0)],
        truth,
        mistakes=[],
        otherwise="A run may be made longer than its schedule. A rate below 0 would walk uphill; stay at 0.",
    )
    return "Large steps while the game moves, small ones at the end; a function of the step alone, so a resume cannot lose it."


# In the order of the notebook.
EXERCISES = (
    receptive_field,
    judge_input,
    generator_loss,
    jitter,
    unet_forward,
    spread,
    class_iou,
    learning_rate,
)
