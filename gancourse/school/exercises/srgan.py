"""Chapter 5's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gancourse.bicubic import shrink
from gancourse.features import IMAGENET
from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import Answer, Wrong, exercise, in_order, show
from gancourse.school.exercises.probes import draws
from gancourse.school.exercises.turns import Watch

# --- the last layer ---


@exercise(minutes=10, difficulty="medium", call="(x, scale)")
def pixel_shuffle(answer: Answer) -> str:
    """(N, C scale^2, H, W), scale -> (N, C, scale H, scale W), with its gradient.

    Of each colour's scale^2 channels the first fills the upper left pixel of every square, the
    next the pixel to the right of it, and so on, row by row.
    """
    cases = {
        "4 channels of 1 x 1 px, [1, 2, 3, 4], scale = 2": (numbered(1, 4, 1, 1), 2),
        "2 pictures, 3 colours x 4 channels of 2 x 3 px, scale = 2": (numbered(2, 12, 2, 3), 2),
        "2 colours x 9 channels of 3 x 2 px, scale = 3": (numbered(1, 18, 3, 2), 3),
    }
    why = """Follow one pixel of the small map: its scale x scale values, which lie in as many
        channels, become one square of the picture."""
    shapes = "The channels are spent on pixels: scale^2 times fewer, and each side scale times."
    probes.compare(answer, cases, shuffled(), why, read=probes.tensor, shapes=shapes)
    no_way_back = "Each channel learns from its own pixels. Here some would learn from others'."
    x = draws(1, 8, 2, 3, seed=1), 2
    given = "2 colours x 4 channels of 2 x 3 px"
    probes.compare_gradients(answer, shuffled(), x, no_way_back, given=given)
    return """Nothing is computed: all the work was done on the small map, and its channels are laid
        out as pixels."""


def numbered(*shape: int) -> Tensor:
    """Numbers from 1 on, each once."""
    return torch.arange(1.0, 1 + math.prod(shape)).view(shape)


def shuffled(order: str = "nchiwj", channels: str = "cij") -> Callable:
    """An answer that reads the channels in one order and lays them out in another.

    c is the colour, i and j are row and column within a square, h and w the square's own.
    """

    def answer(x, scale):
        sizes = {"c": x.shape[1] // scale**2, "i": scale, "j": scale}
        maps = x.unflatten(1, [sizes[axis] for axis in channels])
        maps = torch.einsum(f"n{channels}hw->{order}", maps)
        return maps.reshape(len(x), -1, scale * x.shape[2], scale * x.shape[3])

    return answer


pixel_shuffle.mistake("""The shape is right and the pixels are not: numbers were only read in
    another shape, so that a row of the picture is filled from one channel. Axes have to change
    places before they are joined.""")(shuffled("ncijhw"))
pixel_shuffle.mistake("""Whole maps stand side by side, the picture small and scale^2 times over. A
    place within a square has to vary faster than the square's own place.""")(shuffled("ncihjw"))
pixel_shuffle.mistake("""Every square is flipped along its diagonal: the second channel belongs to
    the right of the first, not below it.""")(shuffled("nchjwi"))
pixel_shuffle.mistake("""The channels are read with the colours side by side, as TensorFlow lays
    them out. Here all channels of the first colour come first.""")(shuffled(channels="ijc"))
pixel_shuffle.mistake("""Rows and columns have their places in the square, but the colours are read
    the other way: a square mixes red with green.""")(shuffled(channels="icj"))


# --- the data ---

BEYOND = "Beside an edge the weights, some of them negative, lead beyond black and white."
OPEN = 2  # px at each border whose value depends on how lines go on beyond it


@exercise(minutes=10, difficulty="easy", call="(pictures, scale)")
def degrade(answer: Answer) -> str:
    """Pictures (N, 3, H, W) of bytes, scale -> (N, 3, H / scale, W / scale), bytes too.

    Bicubic with antialiasing. Any type will do that holds whole numbers from 0 to 255. How lines go
    on beyond the border is left open, and so is rounding between rows and columns: 1 level.
    """
    kinds = {"noise": noise(), "fine stripes": stripes(), "white bars on black": bars()}
    cases = [(name, x, scale) for scale in (4, 3) for name, x in kinds.items()]
    told = [f"{name}, {x.shape[3]} x {x.shape[2]} px, scale = {s}" for name, x, s in cases]
    got = [
        read_bytes(answer(x, s), x, s, given) for given, (_, x, s) in zip(told, cases, strict=True)
    ]
    right = [inner(degraded()(x, scale)) for _, x, scale in cases]
    evidence = torch.cat([each.flatten() for each in got]) / 2000  # alike to a level and a half
    why = """A pixel of the small picture is a weighted mean of those around its place in the large
        one, out to two small pixels each way. The weights are bicubic and stretched by the
        scale."""
    for given, a, b in zip(told, got, right, strict=True):
        wrong = ((a - b).abs() > 1).nonzero()
        if len(wrong):
            row, column = wrong[0, :-1].tolist(), min(int(wrong[0, -1]), b.shape[-1] - 6)
            a, b = (f"... {show(each[*row][column : column + 6])} ..." for each in (a, b))
            raise Wrong(given, a, b, why, evidence)
    bias = (got[0] - right[0]).mean().item()
    if abs(bias) > 0.25:
        why = """Fractions were cut off or rounded up, not to the nearest level. Every picture then
            has another brightness than its original, and the network learns to correct it."""
        raise Wrong(told[0], f"{bias:+.2f} levels on average", "0", why)
    return """What the original had finer than two small pixels is gone and not folded into
        something else: that is what the network is asked for."""


def noise() -> Tensor:
    dice = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, 48, 60), generator=dice, dtype=torch.uint8)


def stripes() -> Tensor:
    """Columns black and white in turn, and rows in the second picture."""
    x = torch.zeros(2, 3, 48, 60, dtype=torch.uint8)
    x[0, :, :, ::2] = x[1, :, ::2] = 255
    return x


def bars() -> Tensor:
    """A wide white column on black, and a row: nothing that both directions lead beyond white."""
    x = torch.zeros(2, 3, 48, 60, dtype=torch.uint8)
    x[0, :, :, 18:41] = x[1, :, 14:33] = 255
    return x


def inner(low: Tensor) -> Tensor:
    return low[..., OPEN:-OPEN, OPEN:-OPEN].double()


def read_bytes(returned, pictures: Tensor, scale: int, given: str) -> Tensor:
    """The inner part of a small picture. Raises `Wrong` unless a file could hold the picture."""
    low = probes.tensor(returned).double()
    height, width = (side // scale for side in pictures.shape[2:])
    if low.shape != (*pictures.shape[:2], height, width):
        why = "Each side is to be `scale` times shorter."
        got, right = tuple(low.shape), (*pictures.shape[:2], height, width)
        raise Wrong(given, f"shape {got}", f"shape {right}", why)
    least, most = low.min().item(), low.max().item()
    if most <= 1.5:
        why = "That is another unit; a file holds whole numbers from 0 to 255."
        raise Wrong(given, f"{show(least)} to {show(most)}", "0 to 255", why)
    if not (least >= 0 and most <= 255):
        why = f"{BEYOND} A file holds nothing beyond."
        raise Wrong(given, f"{show(least)} to {show(most)}", "0 to 255", why)
    if not torch.equal(low, low.round()):
        why = """A file holds whole numbers, 0 to 255. Trained on finer ones, a network would read
            detail from digits that no file has."""
        raise Wrong(given, "fractions", "whole numbers", why)
    return inner(low)


def resized(**how) -> Callable:
    """PyTorch's own way from a picture to one `scale` times smaller."""
    return lambda x, scale: interpolate(x, size=[side // scale for side in x.shape[2:]], **how)


def degraded(
    shrunk: Callable = shrink, fit: Callable[[Tensor], Tensor] = lambda x: x.clamp(0, 255)
) -> Callable:
    """An answer that shrinks so, rounds, and makes what is left fit into a byte."""
    return lambda pictures, scale: fit(shrunk(pictures.double(), scale).round())


ALIASED = """Most pixels had no say. Stripes finer than two small pixels come out as coarse ones
    that nobody photographed (aliasing): the small picture shows things that are not there, and the
    network learns to undo a camera that does not exist."""
degrade.mistake(ALIASED)(degraded(lambda x, scale: x[..., ::scale, ::scale]))
degrade.mistake(ALIASED)(
    degraded(lambda x, scale: x[..., scale // 2 :: scale, scale // 2 :: scale])
)
degrade.mistake("""The weights are bicubic but reach two pixels of the large picture instead of the
    small one: antialiasing is off, and stripes finer than two small pixels come out as others.""")(
    degraded(resized(mode="bicubic"))
)
degrade.mistake("""Four neighbours decide, whatever the scale: that is bilinear, with antialiasing
    off.""")(degraded(resized(mode="bilinear")))
degrade.mistake("""The corners of both pictures were aligned, and antialiasing is off. The pictures
    are shifted against each other, most in their corners.""")(
    degraded(resized(mode="bicubic", align_corners=True))
)
degrade.mistake("""That is the mean of each square: softer than bicubic, and not what the papers'
    numbers are for. A network trained on one does worse on the other.""")(degraded(avg_pool2d))
degrade.mistake("That is bilinear, which is softer. The papers' numbers are for bicubic.")(
    degraded(resized(mode="bilinear", antialias=True))
)
degrade.mistake(f"""{BEYOND} There a byte begins again from the other end: -3 became 253. What is
    beyond has to stop at the end.""")(degraded(fit=lambda x: x % 256))


# --- the measure ---

PAPERS = 65.481 / 255, 128.553 / 255, 24.966 / 255  # red, green and blue in Y, 16 to 235


@exercise(minutes=15, difficulty="medium", call="(made, true, border)")
def psnr(answer: Answer) -> str:
    """Two batches of pictures (N, 3, H, W), bytes, and a border in px -> PSNR in dB, one number.

    Of Y in 16..235 with the peak at 255, without the border, the mean over the pictures. Y may be
    rounded or not.
    """
    cases = {
        "3 pictures, 24 x 20 px, border = 4": (*noisy([13, 23, 47], seed=1), 4),
        "1 picture, only its red is wrong, border = 2": (*noisy([40], seed=2, colours=[0]), 2),
        "1 picture, worse at its edge, border = 4": (*noisy([20], seed=3, edge=4), 4),
    }
    why = """10 log10 of 255^2 over the mean squared error of Y, for each picture without its
        border; then the mean over the pictures."""
    probes.compare(answer, cases, scored(), why)
    return """That is the number in the papers' tables. In RGB it would be a decibel or two less,
        and no paper's."""


def noisy(deviations: list[float], seed: int, colours=(0, 1, 2), edge=0) -> tuple[Tensor, Tensor]:
    """Pictures with noise of these deviations, and without; three times as much at the edge."""
    true = torch.randint(
        64, 192, (len(deviations), 3, 24, 20), generator=torch.Generator().manual_seed(seed)
    )
    error = draws(*true.shape, seed=seed + 10) * torch.tensor(deviations)[:, None, None, None]
    mask = torch.zeros(3, 1, 1)
    mask[list(colours)] = 1
    worse = torch.full(true.shape[2:], 3.0)
    worse[edge : 24 - edge, edge : 20 - edge] = 1
    made = (true + error * mask * worse).round().clamp(0, 255)
    return made.byte(), true.byte()


def weighed(weights: tuple[float, ...] = PAPERS) -> Callable[[Tensor], Tensor]:
    """(N, 3, H, W) -> (N, 1, H, W), a weighted sum of the colours."""
    return lambda x: torch.einsum("c,nchw->nhw", torch.tensor(weights).double(), x)[:, None]


def cropped(x: Tensor, border: int) -> Tensor:
    return x[..., border:-border, border:-border]


def decibels(error: Tensor, peak: float = 255) -> Tensor:
    return 10 * (peak**2 / error).log10()


def scored(
    seen: Callable | None = None,
    crop: Callable = cropped,
    fold: Callable = lambda d: decibels(d.square().mean((1, 2, 3))).mean(),
) -> Callable:
    """An answer that folds the difference (N, C, H, W) of what is seen of two pictures, or of Y."""
    seen = seen or weighed()

    def answer(made, true, border):
        return fold(crop(seen(made.double()) - seen(true.double()), border))

    return answer


psnr.mistake("""That is over red, green and blue. The papers measure Y, brightness alone: errors of
    colour hardly count, and the number is higher.""")(scored(lambda x: x))
psnr.mistake("""Y runs from 0 to 255 here, as JPEG has it, or, which comes to the same, the peak is
    219. In the papers' Y black is 16 and white 235, while the peak stays 255: that alone is worth
    1.3 dB.""")(scored(weighed((0.299, 0.587, 0.114))))
psnr.mistake("""That is the mean of the colours. Y weighs them as the eye does, green most.""")(
    scored(weighed((1 / 3,) * 3))
)
psnr.mistake("Red and blue have changed places, as in files read by OpenCV.")(
    scored(weighed(PAPERS[::-1]))
)
psnr.mistake("""The border takes part. There a network sees less of the picture and is worse, which
    the papers leave out.""")(scored(crop=lambda x, border: x))
psnr.mistake("""The border is cut off above and at the left only, or only half of it: cut it off all
    four sides.""")(scored(crop=lambda x, border: x[..., border:, border:]))
psnr.mistake("""The border is cut above and below only; left and right have one too.""")(
    scored(crop=lambda x, border: x[..., border:-border, :])
)
psnr.mistake("""The errors are averaged over the pictures first, so the worst picture decides. The
    papers average decibels.""")(scored(fold=lambda d: decibels(d.square().mean())))
psnr.mistake("""The peak is 1, and the errors are those of bytes: 48 dB are missing. Both need the
    same unit.""")(scored(fold=lambda d: decibels(d.square().mean((1, 2, 3)), 1).mean()))
psnr.mistake("The natural logarithm is taken; a decibel is a tenth of a power of 10.")(
    scored(fold=lambda d: decibels(d.square().mean((1, 2, 3))).mean() * math.log(10))
)
psnr.mistake("""That is twice as many decibels: 20 belongs to the root of the error, 10 to the
    square.""")(scored(fold=lambda d: 2 * decibels(d.square().mean((1, 2, 3))).mean()))
psnr.mistake("The error is the absolute one; the S of MSE stands for squared.")(
    scored(fold=lambda d: decibels(d.abs().mean((1, 2, 3)).square()).mean())
)
psnr.mistake("That is the mean squared error itself; decibels are asked for.")(
    scored(fold=lambda d: d.square().mean((1, 2, 3)).mean())
)


@psnr.mistake("""Bytes are subtracted from bytes: 100 - 101 is 255 there. Make them floats
    first.""")
def bytes_subtracted(made, true, border):
    difference = weighed()((made - true).double())
    return scored(seen=lambda x: x)(difference, torch.zeros_like(difference), border)


# --- the perceptual loss ---

MEAN, DEVIATION = (torch.tensor(values)[:, None, None] for values in IMAGENET)


def freshly_loaded() -> nn.Sequential:
    """A network (N, 3, H, W) -> (N, 4, H / 2, W / 2) in train mode, its weights ready to learn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        norm.running_mean.uniform_(-0.3, 0.3)
        norm.running_var.uniform_(0.5, 2)
        return nn.Sequential(first, norm, nn.ReLU(), nn.Conv2d(6, 4, 3, 2, 1), nn.ReLU())


@exercise(minutes=15, difficulty="medium", call="(network, made, true)")
def perceptual_loss(answer: Answer) -> str:
    """A feature network, pictures made and true (N, 3, H, W) in [-1, 1] -> the loss, one number.

    The mean squared difference of the features, with its gradient by `made`. The network comes in
    train mode, with weights that want gradients, and takes photos of [0, 1] normalised with
    ImageNet's mean and deviation. It must read in eval mode and get no gradients; it may stay
    frozen.
    """
    made, true = (draws(3, 3, 6, 8, seed=seed).tanh() for seed in (1, 2))
    given = "a network, 3 pictures made and true"

    def asked(made: Tensor, true: Tensor) -> Tensor:
        network = freshly_loaded()
        watch = Watch(network, "network")
        value = probes.total(answer(network, made, true))
        if moved := watch.moved():
            got = f"the network changed ({', '.join(moved[:2])} ...)"
            why = """It was left in train mode: BatchNorm takes mean and deviation from the pictures
                at hand, which is another network for every batch, and moves its averages towards
                what the generator draws."""
            raise Wrong(given, got, "it stays what it was", why)
        return value

    truth = remade(freshly_loaded)
    why = """Both pictures, brought to the range that the network was trained on, go through it;
        then the mean of the squared difference over everything."""
    cases = {given: (made, true), "the same two, swapped": (true, made)}
    probes.compare(asked, cases, truth, why, read=probes.number)
    cut = """The number is right, and nothing can learn from it: the way back to the made picture
        was cut (detach, no_grad, .item() or a new tensor made of the number). Only the weights are
        frozen; a gradient passes through them to the picture."""
    why = "The value is right, the slope is not: does all of it depend on the made picture?"
    probes.compare_gradients(asked, truth, (made, true), why, given=given, cut=cut)
    network, leaf = freshly_loaded(), made.clone().requires_grad_()
    probes.total(answer(network, leaf, true)).backward()
    if any(weight.grad is not None for weight in network.parameters()):
        why = """A gradient was computed for each of the network's weights, in vain if nobody steps
            and badly if somebody does: a judge that is allowed to learn gets rid of the difference
            by going blind. Freeze it."""
        raise Wrong(given, "gradients in the network's weights", "none", why)
    return """The picture learns and its judge does not. The judge sees what it was trained to see:
        a photo of the usual brightness."""


def imagenet(pictures: Tensor) -> Tensor:
    return ((pictures + 1) / 2 - MEAN) / DEVIATION


def remade(
    network: Callable,
    prepare: Callable[[Tensor], Tensor] = imagenet,
    fold: Callable[[Tensor], Tensor] = lambda d: d.square().mean(),
    other: Callable[[Tensor], Tensor] | None = None,
) -> Callable:
    """The loss of two pictures by a network that is made, frozen, for each call.

    `other` prepares the original, if not `prepare`.
    """

    def loss(made, true):
        frozen = network().eval().requires_grad_(False)
        return fold(frozen(prepare(made)) - frozen((other or prepare)(true)))

    return loss


def perceiving(*changes, **named) -> Callable:
    """An answer: `remade` for the network that is handed over."""
    return lambda network, made, true: remade(lambda: network, *changes, **named)(made, true)


perceptual_loss.mistake("""The network gets pictures in [-1, 1], as the game has them. It was
    trained on others: its features are those of a photo far too dark and of too much contrast.""")(
    perceiving(lambda x: x)
)
perceptual_loss.mistake("""The range is [0, 1], but mean and deviation are not taken out. The
    network runs and says something, of pictures paler than any it knows.""")(
    perceiving(lambda x: (x + 1) / 2)
)
perceptual_loss.mistake("""Mean and deviation are those of photos in [0, 1], and they were applied
    to [-1, 1]. First bring the pictures there.""")(perceiving(lambda x: (x - MEAN) / DEVIATION))
perceptual_loss.mistake(
    """The network gets numbers up to 255. Its weights expect about -2 to 2."""
)(perceiving(lambda x: 127.5 * (x + 1)))
NOT_ALIKE = """The two pictures are prepared differently, so that even a perfect one would pay.
    Prepare both alike."""
perceptual_loss.mistake(NOT_ALIKE)(perceiving(imagenet, other=lambda x: x))
perceptual_loss.mistake(NOT_ALIKE)(perceiving(lambda x: x, other=imagenet))
perceptual_loss.mistake("""Mean and deviation have changed places.""")(
    perceiving(lambda x: ((x + 1) / 2 - DEVIATION) / MEAN)
)
perceptual_loss.mistake("That is the absolute difference. The paper's loss is squared (eq. 5).")(
    perceiving(fold=lambda d: d.abs().mean())
)
perceptual_loss.mistake("""The squares are added up. A sum grows with the picture and the number of
    channels, and its weight would have to be found anew for each.""")(
    perceiving(fold=lambda d: d.square().sum())
)
perceptual_loss.mistake("""The squares are added up for each picture. A sum grows with the picture
    and the number of channels; take the mean over everything.""")(
    perceiving(fold=lambda d: d.square().sum() / len(d))
)
perceptual_loss.mistake(
    "The root is taken. Its slope does not fade near the goal; the paper has none."
)(perceiving(fold=lambda d: d.square().mean().sqrt()))
perceptual_loss.mistake("""Only the mean of each feature over the picture is compared. Then a face
    with its eyes below its mouth would be perfect: compare place by place.""")(
    perceiving(fold=lambda d: d.mean((2, 3)).square().mean())
)


@perceptual_loss.mistake("That is the difference of the pixels; the network is not asked.")
def pixels(network, made, true):
    return (made - true).square().mean()


# --- between two networks ---


def upscaler(seed: int) -> nn.Sequential:
    """A network (N, 1, H, W) -> (N, 1, 2 H, 2 W) with BatchNorm that has seen something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        norm = nn.BatchNorm2d(4)
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
        norm.num_batches_tracked.fill_(100 * seed)
        first, last = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        return nn.Sequential(first, norm, nn.PReLU(), last, nn.PixelShuffle(2)).eval()


@exercise(minutes=10, difficulty="medium", call="(first, second, share)")
def between(answer: Answer) -> str:
    """Two networks of one build, in eval mode, and a share -> a third one, with weights between.

    share = 0 gives the first one's, 1 the second one's; averages of BatchNorm are weights too. The
    two stay what they are, and the third has weights of its own. A function that runs the third
    network will do.
    """
    x = draws(2, 1, 4, 5, seed=1)

    def asked(share: float) -> Tensor:
        ends = upscaler(1), upscaler(2)
        watches = [Watch(ends[0], "first network"), Watch(ends[1], "second network")]
        given, third = f"share = {share}", answer(*ends, share)
        if not callable(third):
            why = "Fill a network with the numbers, and return the network."
            raise Wrong(given, third, "a network", why)
        for watch in watches:
            if watch.moved():
                why = """It was written over. The next point on the way would begin at this one, and
                    the trained weights are gone: work on a copy."""
                raise Wrong(given, f"the {watch.name} changed", "it stays what it was", why)
        if isinstance(third, nn.Module):
            check_own_weights(third, ends, given)
            third = third.eval()
        with torch.no_grad():
            return probes.tensor(third(x))

    cases = {f"share = {share}": (share,) for share in (0.5, 0.2, 0.0, 1.0)}
    truth = lambda share: blended()(upscaler(1), upscaler(2), share)(x).detach()  # noqa: E731
    why = "Every number of the third network lies between its two, and one share says where."
    shapes = "The third network is of the same build as the two."
    probes.compare(asked, cases, truth, why, read=probes.tensor, shapes=shapes)
    return """One network with a slider, at the cost of one. Not every two networks have working
        networks between them; these do, because the second started from the first."""


def check_own_weights(third: nn.Module, ends: tuple[nn.Module, ...], given: str) -> None:
    """Raise `Wrong` if a change of the third network would change one of its ends."""
    theirs = {value.data_ptr() for end in ends for value in end.state_dict().values()}
    if any(value.data_ptr() in theirs for value in third.state_dict().values()):
        why = """The third network and one of the two share their memory: whoever trains one changes
            the other."""
        raise Wrong(given, "weights that belong to one of the two", "a network of its own", why)


def blended(
    parameters: Callable[..., Tensor] = torch.lerp, buffers: Callable[..., Tensor] = torch.lerp
) -> Callable:
    """An answer with one rule for what is learned and one for BatchNorm's averages.

    A rule makes a number of the first one's, the second one's and the share.
    """

    def answer(first, second, share):
        third, learned = copy.deepcopy(first), {name for name, _ in first.named_parameters()}
        state, other = third.state_dict(), second.state_dict()
        for name, value in state.items():
            if value.is_floating_point():
                rule = parameters if name in learned else buffers
                value.copy_(rule(value.clone(), other[name], share))
        return third

    return answer


between.mistake("""BatchNorm's averages are those of the first network. They are no parameters, and
    yet belong to the weights: each layer would be normalised for maps that it no longer gets.""")(
    blended(buffers=lambda a, b, share: a)
)
between.mistake("""BatchNorm's averages are those of the second network. They should lie in between,
    like everything else.""")(blended(buffers=lambda a, b, share: b))
between.mistake("The share is counted from the second network: 0 is to give the first one.")(
    blended(*[lambda a, b, share: torch.lerp(b, a, share)] * 2)
)
between.mistake("That is halfway, whatever the share.")(
    blended(*[lambda a, b, share: (a + b) / 2] * 2)
)
between.mistake("""The second network's weights are added to the first one's whole ones. What one
    gains the other has to lose.""")(blended(*[lambda a, b, share: a + share * b] * 2))
between.mistake("That is the first network, whatever the share.")(
    blended(*[lambda a, b, share: a] * 2)
)
between.mistake("That is one of the two networks, the nearer one; one between them is asked for.")(
    blended(*[lambda a, b, share: b if share >= 0.5 else a] * 2)
)


@between.mistake("""The outputs are mixed, not the weights. A mean of a smooth picture and a
    detailed one is the detail at half strength, errors included, and costs two networks.""")
def outputs_mixed(first, second, share):
    return lambda x: torch.lerp(first(x), second(x), share)


# --- why it blurs ---

WIDTH = 4  # px of a row of low resolution
HEIGHT = 0.5  # of a stripe above and below the row's own brightness


class Pairs:
    """Rows of low resolution and what they were: the same brightness, in stripes of one pixel.

    Whether a row begins with its bright or its dark stripe is a fair coin, which the row of low
    resolution does not show.
    """

    def __init__(self, seed: int):
        self.dice, self.drawn = torch.Generator().manual_seed(seed), 0

    def __call__(self, n: int) -> tuple[Tensor, Tensor]:
        """n pairs: low (n, WIDTH) in [-0.5, 0.5], high (n, 2 WIDTH) in [-1, 1]."""
        self.drawn += n
        low = torch.rand(n, WIDTH, generator=self.dice) - 0.5
        begins = 2.0 * torch.randint(0, 2, (n, 1, 1), generator=self.dice) - 1
        stripe = begins * torch.tensor([HEIGHT, -HEIGHT])
        return low, (low[:, :, None] + stripe).flatten(1)


class Rows:
    """What a network makes of rows of low resolution, read as brightness and stripes.

    Attributes:
        off: how far the pixels of a pair are from the pixel that they shrink to, on average.
        height: of the stripes, on average.
        steady: the fraction of rows whose stripes begin everywhere alike.
        true: the fraction of rows that could be one of the two originals.
    """

    def __init__(self, high: Tensor, low: Tensor):
        left, right = high.unflatten(1, (WIDTH, 2)).unbind(2)
        away, stripe = (left + right) / 2 - low, (left - right) / 2
        self.off = away.square().mean().sqrt().item()
        self.height = stripe.abs().mean().item()
        self.steady = (stripe.sign().sum(1).abs() == WIDTH).double().mean().item()
        nearest = (stripe.mean(1, keepdim=True).sign() * HEIGHT - stripe).square()
        self.true = ((away.square() + nearest).mean(1).sqrt() < HEIGHT / 2).double().mean().item()


@exercise(minutes=25, difficulty="hard", call="(pairs)")
def two_answers(answer: Answer) -> str:
    """pairs(n) -> low (n, 4), high (n, 8), new ones each time -> two functions low -> high.

    The first is trained on the squared error and draws the mean of the two possible originals. The
    second, trained in a game or by any other rule, draws one of the two in at least half of the
    rows: nearer to it than halfway to the mean.
    """
    pairs, given = Pairs(seed=1), "rows of 4 px, which were 8 px in stripes"
    torch.manual_seed(0)  # an answer is judged alike each time, even if it rolls no dice of its own
    returned = answer(pairs)
    if not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        why = "Return both networks, the one of the squared error first."
        raise Wrong(given, returned, "two networks", why)
    low, _ = Pairs(seed=2)(500)
    drawn = [Rows(draw(network, low, given), low) for network in returned]
    if not pairs.drawn:
        why = "What is returned was not learned from anything."
        raise Wrong(given, "`pairs` was never called", "originals to learn from", why)
    check_mean(*drawn, given)
    check_one_of_two(drawn[1], given)
    return """The first is grey, the mean of two originals and never one of them; the second took
        sides. Half of the time it is wrong, and then everywhere: an answer that could be true has
        twice the squared error, 3 dB less."""


def draw(network, low: Tensor, given: str) -> Tensor:
    """What a network makes of new rows. Raises `Wrong` unless it makes rows twice as long."""
    if not callable(network):
        why = "New rows will be drawn, so return what draws them, not the drawing."
        raise Wrong(given, network, "a network low -> high", why)
    if isinstance(network, nn.Module):
        network = network.eval()
    with torch.no_grad():
        high = probes.tensor(network(low.clone()))
    right = len(low), 2 * WIDTH
    if high.shape != right:
        why = "Each pixel of low resolution was two."
        raise Wrong("low (500, 4)", f"shape {tuple(high.shape)}", f"shape {right}", why)
    if not high.isfinite().all():
        why = "The training ran away. A lower rate, or a slower discriminator?"
        raise Wrong("low (500, 4)", "nan or inf", "numbers", why)
    return high.double()


def check_mean(first: Rows, second: Rows, given: str) -> None:
    """Raise `Wrong` unless the first network draws no stripes, in the row's brightness."""
    got = f"the first: stripes {first.height:.2f} high, brightness {first.off:.2f} off"
    right = "0.00 high, 0.00 off"
    if first.height > HEIGHT / 2 > second.height:
        why = "They seem to have changed places: the one of the squared error is returned first."
        raise Wrong(given, f"{got}; the second: {second.height:.2f} high", right, why)
    if first.off > 0.15:
        why = """Two pixels should have the pixel that they shrink to as their mean. It has not
            learned even that: more steps, or a higher rate?"""
        raise Wrong(given, got, right, why)
    if first.height > 0.15:
        why = """Where both originals are as likely, the squared error is least halfway between
            them. Was it trained on that error? And with new pairs in each step? A few pairs that
            return are learned by heart."""
        raise Wrong(given, got, right, why)


def check_one_of_two(second: Rows, given: str) -> None:
    """Raise `Wrong` unless most rows of the second network could be originals."""
    got = f"""the second: stripes {second.height:.2f} high, brightness {second.off:.2f} off,
        {second.true:.0%} of the rows near an original"""
    right = f"{HEIGHT:.2f} high, 0.00 off, half of the rows or more"
    if second.height < HEIGHT / 2:
        why = """It still draws grey, the mean. Does a gradient reach it through the discriminator,
            and does its own optimizer step? Does the squared error outweigh the game?"""
    elif second.height > 1.5 * HEIGHT:
        why = """The stripes are higher than any original's. Has the discriminator learned to say no
            to what it has not seen?"""
    elif second.off > 0.2:
        why = """Stripes it has, but of another picture: a discriminator asks for a row that could
            be real, not for the one that was given. What does a pair of pixels have to shrink
            to?"""
    elif second.steady < 0.5:
        why = """Within a row the stripes change sides. The discriminator would have to see the row
            as a whole, or be trained for longer."""
    elif second.true < 0.5:
        why = """It is on its way, and in too many rows undecided. A few hundred steps more, or
            rates that fall?"""
    else:
        return
    raise Wrong(given, " ".join(got.split()), right, why)


EXERCISES = in_order(globals())
