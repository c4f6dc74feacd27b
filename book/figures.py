"""Draw the small pictures of the book's pages again: `make figures`, or some of them by name.

Each function below draws one file, book/assets/figures/NAME.webp, from published weights, from the
bundled pictures or from arithmetic. Nothing is trained. What a picture shows in words is its alt
text on the page.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from matplotlib.patches import Circle
from torch import Tensor
from torch.nn import functional as F

import gancourse
from gancourse import bicubic, data, layers, losses, show
from gancourse.data import sprites
from gancourse.data.toy import ring
from gancourse.files import DOSSIERS, read_json
from gancourse.metrics import cheats, floors, handwriting
from gancourse.metrics.codes import matched
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.digit_hog import second_judge
from gancourse.metrics.readable import SURE
from gancourse.press.experiments import stackgan as stackgan_runs
from gancourse.show.style import BLUE, INK, MUTED, REAL, VERMILION, Plate, house
from gancourse.show.toy import draw_points
from gancourse.studio import colouring
from gancourse.training import read_metrics

FOLDER = Path(__file__).parent / "assets" / "figures"
QUALITY = 78  # of the WebP
CELL = 28  # side of the squares that `swatches` makes
YELLOW = (252, 234, 43)  # of most emoji
FIGURES: dict[str, Callable[[], Plate]] = {}


def figure(draw: Callable[[], Plate]) -> Callable[[], Plate]:
    FIGURES[draw.__name__.replace("_", "-")] = draw
    return draw


load = cache(gancourse.load)


@cache
def digits(split: str = "train"):
    return data.load("digits", split, source="bundled")


@cache
def emoji(split: str = "test"):
    return data.load("emoji", split, **load("pix2pix").config.options)


def of_digit(digit: int, n: int) -> Tensor:
    part = digits()
    return part["image"][part["label"] == digit][:n]


def colours(pictures: Tensor) -> Tensor:
    """Grey pictures (N, 1, H, W) in three channels."""
    return pictures.expand(-1, 3, -1, -1)


def noise(n: int, size: int, seed: int = 0) -> Tensor:
    return torch.rand(n, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def photo(side: int = 96, top: int = 60, left: int = 130) -> Tensor:
    """A piece of the bundled cat, (1, 3, side, side) uint8. By Stéfan van der Walt, CC0."""
    photos = data.load("photos", "test", source="bundled")
    return photos.photo(photos.names.index("cat"))[None, :, top : top + side, left : left + side]


def axes_of(plate: Plate, xlabel: str, ylabel: str):
    with house():
        axes = plate.add_subplot()
        axes.set(xlabel=xlabel, ylabel=ylabel)
    return axes


def lines(
    xlabel: str, ylabel: str, rows: dict, flat: dict | None = None, where: str = "best"
) -> Plate:
    """Named curves (x, y), with dotted lines at named heights."""
    plate = Plate(height=2.6)
    with house():
        axes = axes_of(plate, xlabel, ylabel)
        for name, (x, y) in rows.items():
            axes.plot(x, y, label=name)
        for name, height in (flat or {}).items():
            axes.axhline(height, color=INK, linestyle=(0, (1.5, 1.5)), linewidth=1.3, label=name)
        axes.legend(loc=where)
    return plate


def upright(names: list[str], values: list[float], ylabel: str, xlabel: str, marked=()) -> Plate:
    plate = Plate(height=2.4)
    with house():
        axes = axes_of(plate, xlabel, ylabel)
        ink = [VERMILION if name in marked else BLUE for name in names]
        axes.bar(names, values, color=ink, width=0.7)
        axes.grid(visible=False, axis="x")
    return plate


# --- the front page ---


@figure
def gallery_gan():
    return show.grid(load("gan").sample(20, seed=2), columns=10)


@figure
def gallery_cgan():
    game = load("cgan")
    rows = {f"asked for {digit}": game.sample(10, label=digit, seed=3) for digit in (8, 0)}
    return show.compare(rows)


@figure
def gallery_infogan():
    game, rows = load("infogan"), {}
    for code, name in enumerate(("code 0", "code 1")):
        values = [[0.0, 0.0] for _ in range(9)]
        for place, value in enumerate(torch.linspace(-1.5, 1.5, 9).tolist()):
            values[place][code] = value
        made = [
            game.sample(noise=noise(1, game.config.latent), category=0, continuous=tuple(v))
            for v in values
        ]
        rows[name] = torch.cat(made)
    return show.compare(rows)


@figure
def gallery_stackgan():
    sentences = [
        "a small red boat on a lake under the moon",
        "a big purple house on grass under the sun",
        "a small yellow boat on the sea at sunset",
        "a red boat left of a blue tree",
    ]
    return show.grid(load("stackgan").sample(4, text=sentences, seed=0), columns=4)


@figure
def gallery_srgan():
    true = photo()
    low = bicubic.shrink(true.float(), 4).round().clamp(0, 255).to(torch.uint8)
    made = {
        "given": low,
        "bicubic": bicubic.enlarge(low.float(), 4).round().clamp(0, 255).to(torch.uint8),
        "SRGAN": as_uint8(load("srgan").upscale(low)),
    }
    return beside(made)


@figure
def gallery_pix2pix():
    given = emoji()["input"][torch.tensor([5, 20, 60, 90, 140, 200])]
    return show.compare(
        {"given": colours(given), "made": as_uint8(load("pix2pix").translate(given))}, scale=1
    )


@figure
def own_drawings():
    game = load("pix2pix")
    ours = data.load("drawings", "test", **game.config.options)["input"]
    one, mean = game.translate(ours).cpu(), colouring.calm(game, ours)
    even = colouring.evened(mean, ours)
    rows = {}
    for hand, part in (("by script", slice(0, 10)), ("as by mouse", slice(10, 20))):
        rows[hand] = colours(ours[part])
        rows[f"{hand}: one answer"] = as_uint8(one[part])
        rows[f"{hand}: the mean of eight views"] = as_uint8(mean[part])
        rows[f"{hand}: one colour for each region"] = as_uint8(even[part])
    return show.compare(rows, scale=1)


def as_uint8(pictures: Tensor) -> Tensor:
    return ((pictures.cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def beside(pictures: dict[str, Tensor], scale: int = 2) -> Plate:
    """Named pictures (1, C, H, W) in one row, each under its name."""
    side = max(each.shape[-1] for each in pictures.values())
    sheets = [
        each.repeat_interleave(side // each.shape[-1], 2).repeat_interleave(
            side // each.shape[-1], 3
        )
        for each in pictures.values()
    ]
    plate = Plate(width=5.0, height=5.0 / len(sheets) + 0.35)
    with house():
        for place, (name, sheet) in enumerate(zip(pictures, sheets, strict=True)):
            axes = plate.add_subplot(1, len(sheets), place + 1)
            picture = colours(sheet)[0] if sheet.shape[1] == 1 else sheet[0]
            axes.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set_title(name, fontsize=10)
            axes.axis("off")
    return plate


# --- failures ---


@figure
def collapse():
    made = {
        "collapsed": load("gan-paper").sample(10, seed=0),
        "healthy": load("gan").sample(10, seed=0),
    }
    return show.compare(made)


@figure
def saturated():
    u = torch.linspace(-8, 4, 121, requires_grad=True)
    rows = {}
    for name, loss in (
        ("minimax", losses.minimax_generator),
        ("non-saturating", losses.non_saturating_generator),
    ):
        (slope,) = torch.autograd.grad(loss(u)["fake"], u)
        rows[name] = (u.detach().numpy(), slope.abs().numpy() * len(u))
    return lines("logit of a generated picture", "size of the gradient", rows)


@figure
def coin():
    record = read_metrics(DOSSIERS / "gan")
    steps = [line["step"] for line in record]
    paid = [line["discriminator/real"] + line["discriminator/fake"] for line in record]
    return lines(
        "step",
        "loss of D (nats)",
        {"a healthy run": (steps, paid)},
        {"2 ln 2: D does not learn": 2 * math.log(2)},
    )


def duel(r1: float, steps: int = 600, rate: float = 0.1) -> tuple[list[float], list[float]]:
    """D(x) = psi x against a generator of one point theta; the real data are 0."""
    psi, theta = torch.tensor(0.0), torch.tensor(1.0)
    path = []
    for _ in range(steps):
        path.append((theta.item(), psi.item()))
        psi, theta = psi.requires_grad_(), theta.requires_grad_()
        real, fake = psi * 0.0, psi * theta
        paid = sum(losses.log_loss(real[None], fake[None]).values()) + r1 / 2 * psi**2
        (down_d,) = torch.autograd.grad(paid, psi, retain_graph=True)
        asked = losses.non_saturating_generator(fake[None])["fake"]
        (down_g,) = torch.autograd.grad(asked, theta)
        psi, theta = (psi - rate * down_d).detach(), (theta - rate * down_g).detach()
    return tuple(map(list, zip(*path, strict=True)))


@figure
def circles():
    plate = Plate(height=3.0)
    with house():
        axes = axes_of(plate, "the generator's number", "the discriminator's number")
        axes.plot(*duel(0.0), label="no penalty")
        axes.plot(*duel(0.3), label="with R1")
        axes.plot([0], [0], "+", color=INK, markersize=11, label="solution", linestyle="none")
        axes.set_aspect("equal")
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return plate


@figure
def unheard():
    made = {
        "an 8 is asked for": load("cgan").sample(10, label=8, seed=1),
        "the label is ignored": load("gan").sample(10, seed=4),
    }
    return show.compare(made)


@figure
def rare_class():
    found = by_class()
    return upright([str(digit) for digit in range(10)], found, "coverage", "class", marked=("8",))


def by_class() -> list[float]:
    """Coverage of test digits, class by class, by training digits of which most 8s are gone."""
    from gancourse.metrics.coverage import manifold
    from gancourse.metrics.digit_cnn import judge

    real, made = digits("test"), digits()
    found = []
    for digit in range(10):
        true = real["image"][real["label"] == digit][:150]
        fake = made["image"][made["label"] == digit][: 15 if digit == 8 else 150]
        found.append(manifold(judge().features(true), judge().features(fake), k=5)["coverage"])
    return found


@figure
def ignored_code():
    game = load("infogan")
    one = noise(1, game.config.latent, seed=1)
    read = [game.sample(noise=one, category=value, continuous=(0.0, 0.0)) for value in range(10)]
    return show.compare(
        {
            "a code that is used": torch.cat(read),
            "a code that is ignored": read[0].expand(10, -1, -1, -1),
        }
    )


@figure
def two_softmaxes():
    sure = torch.linspace(0, 12, 121)
    logits = torch.zeros(121, 10)
    logits[:, 0] = sure
    truth = torch.zeros(121, dtype=torch.long)
    rows = {
        "logits": (sure.numpy(), F.cross_entropy(logits, truth, reduction="none").numpy()),
        "softmax first": (
            sure.numpy(),
            F.cross_entropy(logits.softmax(1), truth, reduction="none").numpy(),
        ),
    }
    floor = {"1.46": math.log(math.e + 9) - 1}
    return lines(
        "how sure Q is of the right value (logit)", "cost (nats)", rows, floor, "upper right"
    )


@figure
def other_knobs():
    seeds = read_json(DOSSIERS / "infogan-paper" / "scores.json")["seeds"]
    wrong = [100 * row["matching_error"] for row in seeds]
    return upright([str(row["seed"]) for row in seeds], wrong, "digits filed wrongly (%)", "seed")


@figure
def chequers():
    flat = torch.ones(1, 1, 8, 8)
    five = F.conv_transpose2d(flat, torch.ones(1, 1, 5, 5), stride=2, padding=2, output_padding=1)
    four = F.conv_transpose2d(flat, torch.ones(1, 1, 4, 4), stride=2, padding=1)
    blown = F.conv2d(F.interpolate(flat, scale_factor=2), torch.ones(1, 1, 3, 3), padding=1)
    names = "5 × 5, stride 2", "4 × 4, stride 2", "resize, 3 × 3"
    sheets = [255 * (each[..., 3:13, 3:13] / each.max()) for each in (five, four, blown)]
    return beside({n: s.to(torch.uint8) for n, s in zip(names, sheets, strict=True)})


@figure
def other_mode():
    game, z = (
        load("gan"),
        torch.randn(10, load("gan").config.latent, generator=torch.Generator().manual_seed(5)),
    )
    right = game.sample(latent=z)
    kept = {name: value.clone() for name, value in game.generator.state_dict().items()}
    for module in game.generator.modules():
        if hasattr(module, "running_mean"):
            module.reset_running_stats()
    wrong = game.sample(latent=z)
    game.generator.load_state_dict(kept)
    return show.compare({"as it was trained": right, "with other averages in its norms": wrong})


def recoloured(picture: Tensor, n: int) -> Tensor:
    """(3, H, W) uint8 with its colours turned round the wheel, (n, 3, H, W)."""
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    hsv = rgb_to_hsv(picture.permute(1, 2, 0).numpy() / 255)
    turned = []
    for step in range(n):
        copy = hsv.copy()
        copy[..., 0] = (copy[..., 0] + step / n) % 1
        turned.append(torch.from_numpy(hsv_to_rgb(copy) * 255).permute(2, 0, 1))
    return torch.stack(turned).round().to(torch.uint8)


@figure
def mud():
    possible = recoloured(emoji()["target"][20], 7)
    best = possible.float().median(0).values[None].to(torch.uint8)
    return show.compare(
        {"seven answers, and what costs least in L1": torch.cat([possible, best])}, scale=1
    )


@figure
def unrelated():
    given, other = emoji()["input"][[5, 20, 60, 90, 140]], emoji()["target"][[200, 33, 7, 150, 81]]
    return show.compare({"given": colours(given), "drawn": other}, scale=1)


@figure
def unseen_input():
    given, true = colours(emoji()["input"][[20, 60, 90]]), emoji()["target"][[20, 60, 90]]
    fits, wrong = (torch.cat([x, true], 3) for x in (given, given.roll(1, 0)))
    return show.compare({"true pairs": fits, "should be believed less": wrong}, scale=1)


def with_norm(norm: str) -> torch.nn.Module:
    """The published translator with another norm at the places of its own."""
    from gancourse.chapters.pix2pix import UNet

    game = load("pix2pix")
    config = game.config
    network = UNet(config.inputs, 3, config.shape[-1], config.width, config.noise, norm)
    network.load_state_dict(game.generator.state_dict(), strict=False)  # averages stay as built
    return network


@torch.no_grad()
def coloured(network: torch.nn.Module, given: Tensor) -> Tensor:
    torch.manual_seed(0)
    return as_uint8(network(given.float() / 127.5 - 1))


@figure
def eval_mode():
    given = emoji()["input"][5:95:15]
    network = with_norm("running")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches that follow
    for part in emoji("train")["input"][:256].split(64):
        coloured(network.train(), part)
    with layers.silenced(network):
        wrong = coloured(network.eval(), given)
    right = torch.cat([coloured(with_norm("instance"), each) for each in given.split(1)])
    rows = {"given": colours(given), "as it was trained": right, "in eval mode": wrong}
    return show.compare(rows, scale=1)


@figure
def alone():
    given, network = emoji()["input"][5::20][:16], with_norm("batch")
    one = torch.cat([coloured(network, each) for each in given[:6].split(1)])
    rows = {
        "given": colours(given[:6]),
        "translated alone": one,
        "among sixteen": coloured(network, given)[:6],
    }
    return show.compare(rows, scale=1)


@figure
def one_pixel():
    values = torch.randn(12, generator=torch.Generator().manual_seed(0))
    plate = Plate(height=2.3)
    with house():
        axes = axes_of(plate, "channel of the 1 × 1 map", "value")
        place = torch.arange(12)
        axes.bar(place - 0.2, values, 0.4, label="before the norm", color=BLUE)
        axes.bar(place + 0.2, values - values, 0.4, label="after it: all 0", color=VERMILION)
        axes.set_xticks([])
        axes.legend()
    return plate


@figure
def same_answer():
    one = emoji()["input"][60:61]
    opinions = [as_uint8(load("pix2pix").translate(one, seed=seed)) for seed in range(6)]
    return show.compare({"six seeds, one drawing": torch.cat(opinions)}, scale=1)


@figure
def twins():
    """Pairs of one concept whose line art differs least, but for the first, a brand's logo."""
    part, found = emoji("train"), []
    for concept in part["concept"].unique():
        places = (part["concept"] == concept).nonzero()[:, 0][:2].tolist()
        if len(places) == 2:
            one, other = part["input"][places].float()
            found.append(((one - other).abs().mean().item(), places))
    closest = [place for _, places in sorted(found)[1:4] for place in places]
    return show.compare({"three pairs of twins": part["target"][closest]}, scale=1)


@figure
def swapped():
    given, true = (
        colours(emoji()["input"][[5, 20, 60, 90, 140]]),
        emoji()["target"][[5, 20, 60, 90, 140]],
    )
    return show.compare({"goes in": true, "should come out": given}, scale=1)


@figure
def misaligned():
    given, true = (
        colours(emoji()["input"][[20, 60, 90, 140, 5]]),
        emoji()["target"][[20, 60, 90, 140, 5]],
    )
    off = torch.minimum(given, true.roll((4, 5), (2, 3)))
    return show.compare(
        {
            "aligned": torch.minimum(given, true),
            "shifted": off,
        },
        scale=1,
    )


def scenes(text: str | list[str], n: int, seed: int = 0) -> Tensor:
    return load("stackgan").sample(n, text=text, seed=seed)


@figure
def swapped_colours():
    asked, other = "a red boat left of a blue tree", "a blue boat left of a red tree"
    return show.compare(
        {
            f"asked for: {asked}": scenes(asked, 4),
            "what a mean over the words may draw": scenes(other, 4),
        },
        scale=2,
    )


SENTENCES = [
    "a red boat on a lake under the moon",
    "a yellow house on grass under the sun",
    "a green tree in snow at night",
    "a blue boat on the sea at sunset",
]


@figure
def deaf():
    heard, one = scenes(SENTENCES, 4), scenes(SENTENCES[0], 1)
    return show.compare(
        {"four sentences": heard, "four sentences, not read": one.expand(4, -1, -1, -1)}, scale=2
    )


@figure
def one_draw():
    made = scenes(SENTENCES[1], 4)
    return show.compare(
        {
            "four draws of a sentence": made,
            "the same draw four times": made[:1].expand(4, -1, -1, -1),
        },
        scale=2,
    )


@figure
def other_stage():
    game = load("stackgan")
    small, large = game.stages(4, text=SENTENCES, seed=0)
    strange = game.stages(4, text=SENTENCES[::-1], seed=0)[1]
    return show.compare(
        {"Stage I": small, "Stage II": large, "Stage II after another Stage I": strange}, scale=2
    )


@figure
def new_order():
    wordings = ["a red boat under the moon on a lake", "under the moon, on a lake, a red boat"]
    rows = {text: scenes(text, 4) for text in (SENTENCES[0], *wordings)}
    return show.compare(rows, scale=2)


COMPARED = {
    "one stage, 32 px": stackgan_runs.BASE,
    "one stage, 64 px": stackgan_runs.LARGE,
    "two stages, 32 and 64 px": "two stages, 32 and 64 px",
    "the paper's networks, 64 px": "the same, as narrow as the lean ones",
}  # what the legend says -> row of the experiment


@figure
def equal_time():
    runs = read_json(DOSSIERS / "stackgan" / "time.json")["runs"]
    found = {run["row"]: run for run in runs if run["seed"] == 0}

    def own(name: str) -> float:
        return stackgan_runs.own_minutes(found[name])

    def curve(name: str) -> tuple[list[float], list[float]]:
        end, seen = stackgan_runs.minutes(name, own), found[name]["curve"]
        left = [own(name) * (1 - at["step"] / found[name]["steps"]) for at in seen]
        return [end - each for each in left], [at["mean"] for at in seen]

    curves = {label: curve(name) for label, name in COMPARED.items()}
    plate = lines("minutes of one CPU thread", "attributes right", curves)
    plate.axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return plate


@cache
def enlarged() -> dict[str, Tensor]:
    """One photo, its small version, and what each network makes of that; uint8."""
    true = photo()
    low = bicubic.shrink(true.float(), 4).round().clamp(0, 255).to(torch.uint8)
    return {
        "true": true,
        "low": low,
        "bicubic": bicubic.enlarge(low.float(), 4).round().clamp(0, 255).to(torch.uint8),
        "regression": as_uint8(load("srresnet").upscale(low)),
        "game": as_uint8(load("srgan").upscale(low)),
    }


@figure
def soft():
    made = enlarged()
    return beside(
        {"regression": made["regression"], "game": made["game"], "original": made["true"]}
    )


@figure
def squares():
    made = enlarged()["regression"]
    return beside({"clean": made, "a grid of 4 pixels": floors.gridded(made, 4, 24)})


@figure
def dots_in_rows():
    made = enlarged()["game"].clone()
    dotted = made.int()
    sign = torch.randint(0, 2, (1, 1, 24, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1
    dotted[..., 1::4, 2::4] += 70 * sign
    return beside({"clean": made, "with grain in rows": dotted.clamp(0, 255).to(torch.uint8)})


@figure
def other_shrinking():
    true = enlarged()["true"]
    picked = true[..., 1::4, 1::4]
    return beside(
        {
            "shrunk as in training": enlarged()["regression"],
            "every fourth pixel taken": as_uint8(load("srresnet").upscale(picked)),
        }
    )


@figure
def lower_psnr():
    from gancourse.metrics.restoration import psnr

    made = enlarged()
    names = {"regression": "SRResNet", "game": "SRGAN"}
    return beside(
        {
            f"{title}, {psnr(made[key], made['true']):.1f} dB": made[key]
            for key, title in names.items()
        }
    )


@figure
def number_plate():
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (96, 96), "white")
    pen = ImageDraw.Draw(sheet)
    for row, text in enumerate(("B8 3S", "KX 706", "O0 Q5")):
        pen.text((8, 6 + 30 * row), text, fill="black", font=ImageFont.load_default(22))
    true = (
        torch.tensor(list(sheet.tobytes()), dtype=torch.uint8)
        .view(96, 96, 3)
        .permute(2, 0, 1)[None]
    )
    low = bicubic.shrink(true.float(), 4).round().clamp(0, 255).to(torch.uint8)
    return beside({"given": low, "SRGAN": as_uint8(load("srgan").upscale(low)), "original": true})


# --- metrics ---


@figure
def parzen():
    some = digits()["image"][:4000]
    return show.compare(
        {
            "real": cheats.memorised(some, 10),
            "averaged with its neighbours": cheats.blurred_neighbours(some, 10),
            "centres of k-means": cheats.centroids(some, 100)[:10],
        }
    )


@figure
def distance():
    test = digits("test")
    some = test["image"][:10]
    lost = floors.without(test["image"], test["label"], 8)[:10]
    return show.compare(
        {
            "real": some,
            "noise of deviation 0.1": floors.noisy(some),
            "no digit 8": lost,
            "3 × 3 blur": floors.blurred(some),
        }
    )


@figure
def neighbourhoods():
    dice = torch.Generator().manual_seed(3)
    real = torch.cat([torch.randn(18, 2, generator=dice) * 0.5, torch.tensor([[3.0, 1.6]])])
    fake = torch.cat(
        [torch.randn(8, 2, generator=dice) * 0.3, torch.tensor([[2.3, 0.4], [3.6, 2.6]])]
    )
    reach = torch.cdist(real, real).topk(4, largest=False).values[:, 3]
    inside = torch.cdist(fake, real) <= reach
    plate = Plate(height=3.6)
    with house():
        axes = plate.add_subplot()
        for centre, radius, hit in zip(real, reach, inside.any(0), strict=True):
            axes.add_patch(
                Circle(
                    centre.tolist(),
                    radius.item(),
                    color=REAL,
                    alpha=0.13 if hit else 0.04,
                    linewidth=0,
                )
            )
        draw_points(axes, real, fake, limits=(-2.2, 6.6, -2.6, 5.6), size=26)
        axes.set_title(
            f"precision {inside.any(1).float().mean():.2f}, "
            f"coverage {inside.any(0).float().mean():.2f}"
        )
        axes.legend(loc="lower right")
        axes.axis("off")
    return plate


@figure
def counted():
    toy = ring(std=0.1)
    points = toy.sample(600, seed=0)
    kept = points["point"][(points["label"] != 2) & (points["label"] != 5)][:300]
    plate = Plate(height=3.6)
    with house():
        axes = plate.add_subplot()
        draw_points(axes, points["point"][:300], kept, limits=(-2.9, 2.9, -2.9, 2.9), size=7)
        for place, centre in enumerate(toy.centres):
            near = int((torch.cdist(kept, toy.centres).argmin(1) == place).sum())
            axes.text(
                *(centre * 1.3).tolist(),
                str(near),
                ha="center",
                va="center",
                color=VERMILION if not near else MUTED,
            )
        axes.axis("off")
    return plate


@figure
def two_judges():
    test = digits("test")
    pictures = test["image"]
    found = [each().probabilities(pictures).amax(1) for each in (judge, second_judge)]
    sure = (torch.stack(found) > SURE).sum(0)
    rows = {"both judges are sure": pictures[sure == 2], "one of them is": pictures[sure == 1]}
    rows["the means of two digits"] = floors.overlaid(pictures, test["label"], 0)
    return show.compare({name: row[:10] for name, row in rows.items()}, scale=1)


@figure
def by_heart():
    real = torch.cat([of_digit(3, 10)])
    return show.compare(
        {"ten real threes": real, "one real three, ten times": real[:1].expand(10, -1, -1, -1)}
    )


@figure
def pairing():
    test = digits("test").take(1000, 0)
    put = load("infogan-paper").infer(test["image"])[0][0].argmax(1)
    table = torch.zeros(10, 10)
    for row, column in zip(put.tolist(), test["label"].tolist(), strict=True):
        table[row, column] += 1
    names = matched(put, test["label"])
    plate = Plate(height=4.2)
    with house():
        axes = axes_of(plate, "digit", "category")
        axes.imshow(table.numpy(), cmap="Blues")
        for row, column in enumerate(names.tolist()):
            axes.plot(column, row, "o", mfc="none", mec=VERMILION, markersize=15, mew=2)
        axes.set_xticks(range(10))
        axes.set_yticks(range(10))
        axes.grid(visible=False)
    return plate


@figure
def handwriting_measured():
    test = digits("test")["image"][:1000]
    rows = {}
    for name, measure in (("slant", handwriting.slant), ("stroke width", handwriting.stroke_width)):
        order = measure(test).argsort()
        rows[f"{name}, from least to most"] = test[
            order[torch.linspace(9, len(test) - 10, 10).long()]
        ]
    return show.compare(rows)


@figure
def factors():
    still = torch.tensor([[1, 3, 8, 16, 16]]).repeat(7, 1)
    rows = {}
    size, turn = still.clone(), still.clone()
    size[:, 1] = torch.tensor([0, 1, 2, 3, 4, 5, 5])
    turn[:, 2] = torch.linspace(0, 19, 7).long()
    both = still.clone()
    both[:, 1], both[:, 2] = size[:, 1], turn[:, 2]
    for name, given in (
        ("one factor: scale", size),
        ("one factor: orientation", turn),
        ("a code that mixes the two", both),
    ):
        rows[name] = sprites.render(given, size=32)
    return show.compare(rows, scale=2)


@figure
def rows():
    clothes = data.load("fashion", "test", source="bundled")["image"][:8] / 127.5 - 1
    grain = torch.randn(clothes.shape, generator=torch.Generator().manual_seed(0))
    rows = {
        "real": clothes,
        "brighter rows": clothes + 16 / 127.5 * (torch.arange(28) % 2)[:, None],
        "grain": clothes + 16 / 127.5 * grain,
    }
    return show.compare({name: each.clamp(-1, 1) for name, each in rows.items()}, scale=2)


@figure
def pots_of_paint():
    given, true = emoji()["input"][[5, 20, 60, 90, 140]], emoji()["target"]
    return show.compare(
        {
            "line art": colours(given),
            "one pot of yellow": floors.filled(given, YELLOW),
            "other drawings' colours": true[[200, 33, 7, 150, 81]],
            "the truth": true[[5, 20, 60, 90, 140]],
        },
        scale=1,
    )


@figure
def six_enlargements():
    made = enlarged()
    true, cubic = made["true"], made["bicubic"]
    grain = torch.randn(cubic.shape, generator=torch.Generator().manual_seed(0)) * 0.03 * 255
    blocks = made["low"].repeat_interleave(4, 2).repeat_interleave(4, 3)
    rows = [
        cubic,
        (cubic + grain).round().clamp(0, 255).to(torch.uint8),
        blocks,
        floors.moved(true),
        floors.gridded(true, 4, 8),
        true,
    ]
    names = "bicubic", "with noise", "repeated", "shifted", "a grid", "original"
    plate = Plate(height=3.7)
    with house():
        for place, (name, picture) in enumerate(zip(names, rows, strict=True)):
            axes = plate.add_subplot(2, 3, place + 1)
            axes.imshow(picture[0].permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set_title(name, fontsize=10)
            axes.axis("off")
    return plate


@figure
def spread_of_draws():
    return show.compare(
        {
            "four draws of one sentence": scenes(SENTENCES[3], 4),
            "one draw of four sentences": scenes(SENTENCES, 4),
        },
        scale=2,
    )


def draw(names: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or FIGURES:
        picture = FIGURES[name]().picture()
        picture.save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
        print(f"{name:22} {(FOLDER / f'{name}.webp').stat().st_size:7,} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    draw(sys.argv[1:])
