"""Chapter 2's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import sigmoid, softplus

from gancourse.layers import as_weights
from gancourse.school.exercises.checking import (
    Answer,
    Wrong,
    exercise,
    near,
    number,
    recognise,
    show,
)
from gancourse.school.exercises.gan import global_dice, loss_value, total
from gancourse.school.exercises.turns import Watch, draws

CLASSES = 4  # of the small players below


def whole(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def tensor(returned, what: str) -> Tensor:
    """What the student returned as a tensor: an array or a list will do too. Raises `Wrong` for the rest."""
    try:
        if isinstance(returned, (list, tuple)) and any(
            isinstance(each, Tensor) for each in returned
        ):
            return torch.stack([torch.as_tensor(each) for each in returned])
        if isinstance(returned, (list, tuple)):
            return torch.as_tensor(np.asarray(returned))
        if isinstance(returned, (Tensor, np.ndarray, np.generic, float)):
            return torch.as_tensor(returned)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise Wrong(None, returned, what, "A tensor, an array or a list of numbers will do.")


def compare_tensors(
    answer: Answer,
    cases: Mapping[str, tuple],
    truth: Callable[..., Tensor],
    mistakes: Sequence[tuple[Callable[..., Tensor], str]],
    otherwise: str,
    shapes: str,
) -> None:
    """As `checking.compare`, for answers that are tensors.

    Args:
        cases: inputs by their description.
        shapes: what to say of an answer whose shape is wrong.
    """
    got = {given: tensor(answer(*inputs), "a tensor").detach() for given, inputs in cases.items()}
    flat = [value for each in got.values() for value in each.flatten().tolist()]
    for given, inputs in cases.items():
        right, value = truth(*inputs), got[given]
        if value.shape != right.shape:
            raise Wrong(given, f"shape {tuple(value.shape)}", f"shape {tuple(right.shape)}", shapes)
    for given, inputs in cases.items():
        right, value = truth(*inputs).double(), got[given].double()
        away = ~torch.isclose(value, right, rtol=1e-3, atol=1e-3)
        if away.any():
            wrongs = [(all_values(wrong, cases.values()), text) for wrong, text in mistakes]
            place = away.nonzero()[0]
            row = tuple(place[:-1].tolist())  # the last axis is shown whole where it is short
            why = recognise(
                flat, [(values, text) for values, text in wrongs if len(values) == len(flat)]
            )
            where = f" at {list(row)}" if row else ""
            raise Wrong(given, f"{show(value[row])}{where}", show(right[row]), why or otherwise)


def all_values(function: Callable[..., Tensor], cases) -> list[float]:
    return [value for inputs in cases for value in function(*inputs).flatten().tolist()]


# --- labels as vectors ---


@exercise(minutes=10, difficulty="easy", call="(labels, classes)")
def one_hot(answer: Answer) -> str:
    """labels (N,) int64, classes -> (N, classes) floats: 1 in the label's column, 0 elsewhere.

    A label that is no class, -1 or `classes`, must end in an error of any kind.
    """
    cases = {
        "labels = [2, 0, 1, 1], classes = 3": (whole(2, 0, 1, 1), 3),
        "labels = [4, 0], classes = 5": (whole(4, 0), 5),
    }
    compare_tensors(
        answer,
        cases,
        truth=as_weights,
        mistakes=[
            (
                lambda labels, classes: 1 - as_weights(labels, classes),
                "Ones and zeros have changed places.",
            ),
            (
                lambda labels, classes: as_weights((labels - 1) % classes, classes),
                "Columns are counted from 1. Classes are counted from 0, so that label 0 has a column too.",
            ),
            (
                lambda labels, classes: as_weights(labels, classes).softmax(1),
                "A softmax has been taken of the ones and zeros. It squeezes them together: of ten classes the right one is "
                "left with .23 and each wrong one has .09.",
            ),
            (
                lambda labels, classes: labels[:, None] * as_weights(labels, classes),
                "The column holds the label's number instead of 1. Class 0 is then a row of zeros, and 9 shouts nine times as "
                "loud as 1.",
            ),
        ],
        otherwise="Row i has a single 1, in the column that labels[i] counts from 0.",
        shapes="One row for each label, one column for each class.",
    )
    if not tensor(answer(whole(0, 1), 2), "a tensor").is_floating_point():
        why = "A layer multiplies this with its weights, which are floats. Whole numbers are refused there."
        raise Wrong("labels = [0, 1], classes = 2", "whole numbers", "floats", why)
    for labels, says in (
        (
            whole(0, 3),
            "With a table of rows there is no row 3; with a comparison the row is all zeros, a picture of nothing.",
        ),
        (
            whole(1, -1),
            "Python counts -1 from the end: a missing label, often stored as -1, silently becomes the last class.",
        ),
    ):
        if (returned := unrefused(answer, labels, 3)) is not None:
            got = f"the row {show(tensor(returned, 'a tensor')[1])}"
            raise Wrong(answer.given(labels, 3), got, "an error, whichever", says)
    return "One column a class, and a label that is no class is refused instead of drawn."


def unrefused(answer: Answer, *inputs):
    """What the student's function returns where it should raise an error; None if it does raise one."""
    try:
        return answer.function(*(x.clone() if isinstance(x, Tensor) else x for x in inputs))
    except Exception:
        return None


@exercise(minutes=10, difficulty="medium", call="(maps, weights)")
def join_maps(answer: Answer) -> str:
    """maps (N, C, H, W), weights (N, K) -> (N, C + K, H, W): after the maps, a constant map for each of the K numbers.

    The gradient must find its way back to the maps.
    """
    maps, other = (
        draws(2, 3 * 4 * 5, seed=1).view(2, 3, 4, 5),
        draws(3, 2 * 2 * 2, seed=2).view(3, 2, 2, 2),
    )
    mixture = torch.tensor([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]])
    cases = {
        "maps (2, 3, 4, 5), labels 1 and 3 of 4": (maps, as_weights(whole(1, 3), 4)),
        "maps (3, 2, 2, 2), weights [0.5, 0.5], [0, 1], [1, 0]": (other, mixture),
    }
    compare_tensors(
        answer,
        cases,
        truth=joined,
        mistakes=[
            (
                lambda x, y: torch.cat([y[:, :, None, None].expand(-1, -1, *x.shape[2:]), x], 1),
                "The label stands before the maps. A network would learn just as well, but weights trained the other way round "
                "would read it as ink: append it.",
            ),
            (
                lambda x, y: torch.cat(
                    [x, y.repeat(1, x[0, 0].numel()).view(len(x), -1, *x.shape[2:])], 1
                ),
                "The numbers are all there, and in the wrong places: each map should hold one number everywhere. `view` and "
                "`reshape` deal numbers out row by row and do not know what they mean.",
            ),
            (
                lambda x, y: torch.cat([x, corner(y, x)], 1),
                "The label stands in one corner. A convolution sees a few pixels at a time; whoever draws the other corner is "
                "not told.",
            ),
        ],
        otherwise="Channel C + k of picture i is weights[i, k] at every place.",
        shapes="The label comes as K more channels: (N, C + K, H, W).",
    )
    leaf = maps.clone().requires_grad_()
    returned = answer(leaf, as_weights(whole(1, 3), 4))
    if not (isinstance(returned, Tensor) and returned.requires_grad):
        why = "The maps come from a layer that wants to learn; going through NumPy, detach or .data cuts it off."
        raise Wrong(
            None,
            "an answer without a gradient",
            "a tensor through which a gradient flows to the maps",
            why,
        )
    return "The same number at every place of a map, one map a class: now every pixel's neighbourhood knows the label."


def joined(maps: Tensor, weights: Tensor) -> Tensor:
    return torch.cat([maps, weights[:, :, None, None].expand(-1, -1, *maps.shape[2:])], 1)


def corner(weights: Tensor, maps: Tensor) -> Tensor:
    found = maps.new_zeros(len(maps), weights.shape[1], *maps.shape[2:])
    found[:, :, 0, 0] = weights
    return found


@exercise(minutes=5, difficulty="easy", call="(first, second, steps, classes)")
def mixtures(answer: Answer) -> str:
    """Two labels, steps, classes -> (steps, classes) weights that lead in equal steps from all `first` to all `second`."""

    def by_number(first: int, second: int, steps: int, classes: int) -> Tensor:
        return as_weights(torch.linspace(first, second, steps).round().long(), classes)

    def shares(first: int, second: int, t: Tensor, classes: int) -> Tensor:
        ends = as_weights(whole(first, second), classes)
        return (1 - t)[:, None] * ends[0] + t[:, None] * ends[1]

    def ways(make: Callable[[int], Tensor]) -> Callable[..., Tensor]:
        return lambda first, second, steps, classes: shares(first, second, make(steps), classes)

    compare_tensors(
        answer,
        {
            "first = 3, second = 0, steps = 5, classes = 5": (3, 0, 5, 5),
            "first = 1, second = 2, steps = 3, classes = 3": (1, 2, 3, 3),
            "first = 2, second = 2, steps = 2, classes = 3": (2, 2, 2, 3),
        },
        truth=ways(lambda steps: torch.linspace(0, 1, steps)),
        mistakes=[
            (
                by_number,
                "The label's number is walked, from 3 over 2 and 1 to 0. But classes are names, not amounts: halfway between a 3 "
                "and a 1 lies no 2. Walk the weights.",
            ),
            (
                ways(lambda steps: 1 - torch.linspace(0, 1, steps)),
                "First and second have changed places.",
            ),
            (
                ways(lambda steps: torch.arange(steps) / steps),
                "The walk stops one step short: its last row should be all second.",
            ),
            (
                ways(lambda steps: torch.linspace(0, 1, steps + 2)[1:-1]),
                "The two ends are missing: the first row should be all first, the last one all second.",
            ),
            (
                lambda first, second, steps, classes: ways(lambda n: torch.linspace(0, 1, n))(
                    first, second, steps, classes
                ).softmax(1),
                "A softmax mixes every class in, even those that nobody asked for.",
            ),
            (
                lambda first, second, steps, classes: (
                    as_weights(whole(first, second), classes).mean(0).expand(steps, -1)
                ),
                "Every row is the mixture of the middle.",
            ),
        ],
        otherwise="Each row sums to 1: a share of `first`, which falls from 1 to 0 in equal steps, and the rest of `second`.",
        shapes="A row a step, a column a class.",
    )
    return (
        "Straight from one corner to the other, with both ends on it and every row adding up to 1."
    )


# --- the two losses ---


class Forger(nn.Module):
    """A generator whose samples carry what it was asked for: (N, 3), label -> (N, 1 + CLASSES + 2).

    A sample is (1, the weights it was asked for, two numbers that its own weights decide); a real picture begins with 0.
    Called without a label it is not told: `asked` then holds None.
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3 + CLASSES, 2)
        self.asked: list[Tensor | None] = []

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        self.asked.append(told(label))
        weights = z.new_zeros(len(z), CLASSES) if label is None else told(label)
        return torch.cat([z.new_ones(len(z), 1), weights, self.body(torch.cat([z, weights], 1))], 1)


class Critic(nn.Module):
    """A discriminator that remembers what it was shown: pictures (N, 1 + CLASSES + 2), label -> (N,) logits.

    `sure` makes it as certain as can be, and wrong: fakes are real and real ones fake, with logits about 60.
    """

    def __init__(self, sure: float = 0.0):
        super().__init__()
        self.layer = nn.Linear(1 + CLASSES + 2 + CLASSES, 1)
        self.sure = sure
        self.calls: list[tuple[Tensor, Tensor | None, Tensor]] = []

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        weights = x.new_zeros(len(x), CLASSES) if label is None else told(label)
        with (
            torch.enable_grad()
        ):  # what is remembered can be differentiated, whatever the student does
            logits = self.layer(torch.cat([x, weights], 1)).squeeze(1) + self.sure * (
                2 * x[:, 0] - 1
            )
        self.calls.append((x.detach(), told(label), logits))
        return logits if torch.is_grad_enabled() else logits.detach()

    def logits(self, fake: bool) -> Tensor:
        """What it said of all fakes, or of all real pictures."""
        return torch.cat([logits[(x[:, 0] > 0.5) == fake] for x, _, logits in self.calls])


def told(label: Tensor | None) -> Tensor | None:
    return None if label is None else as_weights(label, CLASSES).float()


def small_players(sure: float = 0.0) -> tuple[Forger, Critic]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Forger(), Critic(sure)


LABELS = whole(0, 3, 1, 1, 2, 0, 3, 2)
GIVEN = "8 real pictures with the labels [0, 3, 1, 1, 2, 0, 3, 2], 8 latents"


def real_pictures() -> Tensor:
    detail = draws(len(LABELS), 2, seed=5) + LABELS[:, None]
    return torch.cat([torch.zeros(len(LABELS), 1 + CLASSES), detail], 1)


@exercise(minutes=15, difficulty="medium", call="(generator, discriminator, images, labels, z)")
def discriminator_loss(answer: Answer) -> str:
    """Return the loss of a discriminator that is told the label: -mean log D(x, y) - mean log(1 - D(G(z, y), y)).

    `generator(z, label)` and `discriminator(x, label)` take labels as whole numbers or as weights; `discriminator` returns
    logits. Real pictures keep their labels. A fake may be asked for any label (those of the batch, or fresh ones), and is
    shown with the one it was asked for. No gradient may reach the generator. Terms in a dict or tuple are summed.
    """
    images = real_pictures()
    for sure in 0.0, 60.0:
        forger, critic = small_players(sure)
        watched = Watch(forger, "generator"), Watch(critic, "discriminator")
        loss = total(answer(forger, critic, images, LABELS, draws(len(LABELS), 3, seed=6)))
        check_left(watched)
        check_shown(forger, critic, images, generators=False)
        real, fake = critic.logits(fake=False), critic.logits(fake=True)
        truth = softplus(-real).mean() + softplus(fake).mean()
        check_loss(
            loss,
            truth,
            mistakes=[
                (
                    truth / 2,
                    "That is half of it: the two halves are added, so that knowing nothing costs 2 ln 2.",
                ),
                (truth * len(real), "That is a sum over the batch; take the mean."),
                (
                    softplus(real).mean() + softplus(-fake).mean(),
                    "Real and fake have changed places.",
                ),
                (
                    softplus(-real).mean() + softplus(-fake).mean(),
                    "Both halves pull the same way: fakes should be called fake.",
                ),
                (-truth, "The sign is turned round."),
                (softplus(-real).mean(), "Only the real pictures count here."),
                (softplus(fake).mean(), "Only the fakes count here."),
                (
                    softplus(-sigmoid(real)).mean() + softplus(sigmoid(fake)).mean(),
                    "A sigmoid is taken twice, once by you and once inside a function that takes logits.",
                ),
            ],
            sure=bool(sure),
        )
        if reaches(loss, forger):
            why = (
                "Labels change nothing about the turns: in this one the generator does not play, and no way may lead back into "
                "it. The fakes are data."
            )
            raise Wrong(GIVEN, "a gradient reaches the generator", "none does", why)
        check_slope(loss, truth, critic)
    return (
        "Every picture is judged under its own label, every fake under the one it was ordered with. A discriminator so trained "
        "sends back a good 3 that was sold as an 8."
    )


@exercise(minutes=10, difficulty="medium", call="(generator, discriminator, labels, z)")
def generator_loss(answer: Answer) -> str:
    """Return the non-saturating loss of a generator that is told the label: -mean log D(G(z, y), y).

    Players and labels as in `discriminator_loss`; the gradient has to reach the generator.
    """
    for sure in 0.0, -60.0:
        forger, critic = small_players(sure)
        watched = Watch(forger, "generator"), Watch(critic, "discriminator")
        loss = total(answer(forger, critic, LABELS, draws(len(LABELS), 3, seed=6)))
        check_left(watched)
        check_shown(forger, critic, None, generators=True)
        fake = critic.logits(fake=True)
        truth = softplus(-fake).mean()
        check_loss(
            loss,
            truth,
            mistakes=[
                (
                    -softplus(fake).mean(),
                    "That is the minimax loss: where D is sure that a sample is fake, it is flat.",
                ),
                (
                    softplus(fake).mean(),
                    "That is what the discriminator wants for a fake: it teaches to be caught.",
                ),
                (-truth, "The sign is turned round."),
                (truth * len(fake), "That is a sum over the batch; take the mean."),
                (softplus(-sigmoid(fake)).mean(), "A sigmoid is taken twice."),
            ],
            sure=bool(sure),
        )
        if not reaches(loss, forger):
            why = "The generator learns through the discriminator. Somewhere between the two (detach, no_grad) the way is cut."
            raise Wrong(GIVEN, "no gradient reaches the generator", "one does", why)
        check_slope(loss, truth, forger)
    return "Asked for an 8 and judged as an 8: now the cheapest way to fool the discriminator is to draw what was asked for."


def check_left(watched: Sequence[Watch]) -> None:
    for watch in watched:
        if state := watch.left():
            raise Wrong(
                GIVEN,
                f"the {watch.name} was left {state}",
                "as it was before",
                "The next turn finds it so.",
            )


def check_shown(forger: Forger, critic: Critic, images: Tensor | None, *, generators: bool) -> None:
    """Raise `Wrong` unless both players were told the labels, and each picture was judged under its own."""
    if not critic.calls:
        raise Wrong(
            GIVEN,
            "the discriminator was never asked",
            "it judges the pictures",
            "Whose loss is this, without it?",
        )
    if not forger.asked:
        why = "Fakes come from `generator(z, label)`."
        raise Wrong(GIVEN, "the generator was never asked", "it makes the fakes", why)
    if any(asked is None for asked in forger.asked):
        why = "It has to know what to draw. Give the label along: `generator(z, label)`."
        raise Wrong(GIVEN, "the generator was not told the label", "both players are told", why)
    if any(weights is None for _, weights, _ in critic.calls):
        why = (
            "A discriminator without the label can only say whether a picture looks real. A perfect 3 passes for an 8, and the "
            "generator has no reason to listen to the label at all."
        )
        raise Wrong(GIVEN, "the discriminator was not told the label", "both players are told", why)
    x, weights = (torch.cat([call[i] for call in critic.calls]) for i in (0, 1))
    is_fake = x[:, 0] > 0.5
    if images is not None:
        check_real(x[~is_fake], weights[~is_fake], images)
    if not is_fake.any():
        raise Wrong(
            GIVEN,
            "the discriminator saw no fake",
            "it judges the fakes too",
            "Half of the loss is about them.",
        )
    check_fakes(x[is_fake, 1 : 1 + CLASSES], weights[is_fake], generators)


def check_real(x: Tensor, weights: Tensor, images: Tensor) -> None:
    if not len(x):
        why = "Half of the loss is about real pictures."
        raise Wrong(
            GIVEN, "the discriminator saw no real picture", "it judges the real ones too", why
        )
    place = torch.cdist(x, images).argmin(1)
    differ = (weights - told(LABELS)[place]).abs().amax(1) > 1e-4
    if differ.any():
        first = int(differ.nonzero()[0])
        label, as_label = int(LABELS[place[first]]), int(weights[first].argmax())
        why = (
            "A real picture belongs with its own label. Judged under another one, the discriminator learns that labels mean "
            "nothing."
        )
        raise Wrong(
            GIVEN,
            f"a real {label} shown as a {as_label}",
            f"a real {label} shown as a {label}",
            why,
        )


def check_fakes(asked: Tensor, weights: Tensor, generators: bool) -> None:
    """`asked`, the weights that the fakes were made for, against those the discriminator was given, (N, CLASSES) each."""
    differ = (asked - weights).abs().amax(1) > 1e-4
    if differ.any():
        first = int(differ.nonzero()[0])
        ordered, sold = int(asked[first].argmax()), int(weights[first].argmax())
        why = (
            "Paid for looking like another class than it was asked for, the generator learns that what it is asked for does "
            "not matter."
            if generators
            else "The discriminator then meets 3s under every name and cannot learn what a 3 is. A fake is judged under the "
            "label that its generator was given: draw it once, use it twice."
        )
        raise Wrong(
            GIVEN,
            f"a fake asked for as a {ordered}, shown as a {sold}",
            "the same label for both players",
            why,
        )
    if (asked == asked[0]).all():
        why = "Whoever is always asked for the same class learns only that one."
        raise Wrong(
            GIVEN,
            f"all fakes were asked for as {int(asked[0].argmax())}",
            "labels of every class",
            why,
        )


def check_loss(loss, truth: Tensor, mistakes: Sequence[tuple[Tensor, str]], sure: bool) -> None:
    """Raise `Wrong` unless the loss is `truth`, which was computed from the logits that the student's calls gave."""
    value, right = loss_value(loss), truth.item()
    if not near(value, right):
        why = recognise([value], [([wrong.item()], text) for wrong, text in mistakes])
        if sure:
            why = (
                "With logits of 60 a probability rounds to 0 or 1, and its logarithm is lost. Start from the logits, as in "
                "chapter 1."
            )
        given = f"{GIVEN}, a discriminator that is sure and wrong" if sure else GIVEN
        raise Wrong(
            given,
            value,
            right,
            why or "The labels are right; the loss of these logits is not. It is chapter 1's.",
        )
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        why = "Going through .item(), NumPy or no_grad cuts the loss off from the weights. Nobody can learn from it."
        raise Wrong(GIVEN, "a number without a gradient", "a tensor with one", why)


def reaches(loss: Tensor, network: nn.Module) -> bool:
    slopes = torch.autograd.grad(
        loss, tuple(network.parameters()), retain_graph=True, allow_unused=True
    )
    return any(slope is not None for slope in slopes)


def check_slope(loss: Tensor, truth: Tensor, network: nn.Module) -> None:
    """Raise `Wrong` unless the loss pulls at the network's weights as `truth` does."""
    ways = [
        torch.cat(
            [
                slope.flatten()
                for slope in torch.autograd.grad(
                    each,
                    tuple(network.parameters()),
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
            ]
        )
        for each in (loss, truth)
    ]
    if not torch.allclose(*ways, rtol=1e-3, atol=1e-5):
        why = "The value is right and the gradient is not: was something clamped, rounded or detached on the way?"
        raise Wrong(
            GIVEN, f"a gradient of length {ways[0].norm():.3g}", f"length {ways[1].norm():.3g}", why
        )


# --- the projection discriminator ---


@exercise(minutes=10, difficulty="medium", call="(features, labels, real, of_class)")
def projection_logit(answer: Answer) -> str:
    """features (N, F), labels (N,), real (F,), of_class (K, F) -> logits (N,): real . f + of_class[label] . f."""
    features, labels = draws(5, 3, seed=1), whole(1, 0, 1, 3, 2)
    real, of_class = draws(1, 3, seed=2)[0], draws(4, 3, seed=3)

    def class_part(features: Tensor, labels: Tensor, of_class: Tensor) -> Tensor:
        return (of_class[labels] * features).sum(1)

    compare_tensors(
        answer,
        {
            "5 pictures with 3 features, labels = [1, 0, 1, 3, 2]": (
                features,
                labels,
                real,
                of_class,
            ),
            "1 picture with features [1, 2], label 1": (
                torch.tensor([[1.0, 2.0]]),
                whole(1),
                torch.tensor([1.0, 0.0]),
                torch.tensor([[0.0, 0.0], [0.0, 3.0]]),
            ),
        },
        truth=lambda f, y, real, of_class: f @ real + class_part(f, y, of_class),
        mistakes=[
            (
                lambda f, y, real, of_class: f @ real,
                "Only one question is asked, whether it is real. Without the class's part the label changes nothing.",
            ),
            (
                lambda f, y, real, of_class: class_part(f, y, of_class),
                "Only one question is asked, whether it is like its class. What all real pictures share would have to be learned "
                "anew for every class.",
            ),
            (
                lambda f, y, real, of_class: f @ real + (f @ of_class.T).sum(1),
                "The products with all classes are added up, so that the label changes nothing. Which one is asked about?",
            ),
            (
                lambda f, y, real, of_class: f @ real + (f @ of_class.T).amax(1),
                "The class that fits best is taken, whichever was asked for: a 3 sold as an 8 passes.",
            ),
            (
                lambda f, y, real, of_class: (f + of_class[y]) @ real,
                "The class's vector is added to the features. Then it shifts the logit by the same amount for every picture of "
                "the class: it says how likely the class is, not whether this picture looks like it.",
            ),
            (
                lambda f, y, real, of_class: f @ real - class_part(f, y, of_class),
                "The class's part is subtracted: the better a picture fits its label, the less it is believed.",
            ),
        ],
        otherwise="Two products with the features, added: with `real`, and with the row of `of_class` that is the label's.",
        shapes="One logit a picture: (N,). A matrix (N, N) compares every picture with every label.",
    )
    return "Is it real, and is it like its class? Two questions, two products, one logit."


# --- samples and their measure ---


@exercise(minutes=10, difficulty="easy", call="(n, classes, seed)")
def balanced_labels(answer: Answer) -> str:
    """n, classes, seed -> (n,) int64: each class as often as the others, or once more, in random order.

    The same seed gives the same labels; Python's, NumPy's and PyTorch's global random states stand still.
    """
    given = "n = 100, classes = 10, seed = 7"
    before = global_dice()
    first = labels_of(answer(100, 10, 7), given, 100)
    if not torch.equal(first, labels_of(answer(100, 10, 7), given, 100)):
        raise Wrong(
            "seed = 7, twice",
            "different labels",
            "the same labels",
            "Two tables with one seed should agree.",
        )
    if global_dice() != before:
        why = "The whole program draws from those dice: they should be as they were. Draw from a stream of your own."
        raise Wrong("seed = 7", "the global random state changed", "it stays as it was", why)
    for n, classes in ((100, 10), (47, 10), (6, 3), (4, 10)):
        given = f"n = {n}, classes = {classes}, seed = 3"
        labels = labels_of(answer(n, classes, 3), given, n)
        if labels.min() < 0 or labels.max() >= classes:
            got = f"labels from {int(labels.min())} to {int(labels.max())}"
            raise Wrong(given, got, f"0 to {classes - 1}", "Classes are counted from 0.")
        counts = labels.bincount(minlength=classes)
        if counts.max() - counts.min() > 1:
            got = f"between {int(counts.min())} and {int(counts.max())} of a class"
            why = (
                "Drawn one by one, labels come unevenly, and what comes seldom is measured badly. Deal them out as cards are "
                "dealt: count first, shuffle afterwards."
            )
            raise Wrong(given, got, f"{n // classes} of each, or one more", why)
    if torch.equal(first, first.sort().values) or torch.equal(first, torch.arange(100) % 10):
        why = "Any few in a row should be a fair draw, and the same place should not always hold the same class. Shuffle."
        raise Wrong(
            "n = 100, classes = 10, seed = 7", "labels in order", "labels in random order", why
        )
    if torch.equal(first, labels_of(answer(100, 10, 8), given, 100)):
        raise Wrong(
            "seed = 7, then seed = 8", "the same order", "another order", "Is the seed used?"
        )
    return "Equal shares, whatever the remainder, in an order that only the seed knows."


def labels_of(returned, given: str, n: int) -> Tensor:
    labels = tensor(returned, "a tensor of labels")
    if labels.shape != (n,):
        why = "One label a picture. When n is no multiple of the number of classes, some classes come once more."
        raise Wrong(given, f"shape {tuple(labels.shape)}", f"shape ({n},)", why)
    if labels.is_floating_point() or labels.dtype == torch.bool:
        why = "A label counts which column holds the 1; a layer refuses one and a half."
        raise Wrong(
            given,
            f"numbers of type {str(labels.dtype).removeprefix('torch.')}",
            "whole numbers",
            why,
        )
    return labels.long()


class Reader(nn.Module):
    """A judge whose pictures are its logits (N, CLASSES), given as (N, 1, 2, 2). In train mode BatchNorm bends them."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(CLASSES, affine=False, eps=1e-12)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(images.flatten(1))


@exercise(minutes=15, difficulty="medium", call="(judge, samples, asked, classes)")
def class_accuracy(answer: Answer) -> str:
    """judge, samples (N, ...), asked (N,), classes -> (classes,): the part 0..1 of each class's samples that are read right.

    `judge(samples)` gives logits (N, classes) and comes in train mode; it has to read in eval mode. Every class was asked for.
    """
    asked = whole(0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 3)
    read = whole(0, 0, 0, 1, 1, 0, 2, 2, 3, 3, 3, 3)
    samples = draws(12, CLASSES, seed=4) * torch.tensor([0.5, 1.0, 2.0, 4.0])
    narrowly = samples.amax(1) + 0.1  # so that the batch's own statistics read other digits
    samples.scatter_(1, read[:, None], narrowly[:, None])
    samples = samples.view(12, 1, 2, 2)

    def rate(hits: Tensor, among: Tensor) -> Tensor:
        """The mean of `hits` (N,) in each class of `among` (N,)."""
        return torch.stack([hits[among == k].double().mean() for k in range(CLASSES)])

    def number_of(hits: Tensor) -> Tensor:
        return torch.stack([hits[asked == k].sum() for k in range(CLASSES)]).double()

    sure = samples.flatten(1).softmax(1).gather(1, asked[:, None])[:, 0]
    bent = Reader().train()(samples).argmax(1)
    value = answer(Reader().train(), samples, asked, CLASSES)
    flat = tensor(value, "a number for each class")
    if flat.numel() == 1:
        why = "One number for all hides the class that is lost. Take each class's mean by itself."
        raise Wrong(
            "12 samples of 4 classes", f"one number, {show(number(flat))}", "4 numbers", why
        )
    right = rate(read == asked, asked)

    def fixed(result: Tensor) -> Callable[..., Tensor]:
        return lambda *inputs: result

    compare_tensors(
        answer,
        {
            "12 samples asked for as 0 0 0 0 1 1 2 2 2 2 2 3": (
                Reader().train(),
                samples,
                asked,
                CLASSES,
            )
        },
        truth=fixed(right),
        mistakes=[
            (
                fixed(rate(bent == asked, asked)),
                "The judge was left in train mode, where BatchNorm reads a picture by its neighbours in the batch. What is said "
                "of one sample may not depend on the others.",
            ),
            (
                fixed(rate(read == asked, read)),
                "This is divided by how often the judge read the class, not by how often it was asked for. Of a class that "
                "is read wherever something is unclear, it says nothing good.",
            ),
            (
                fixed(number_of(read == asked)),
                "Those are numbers of hits. A class that was asked for more often would look better.",
            ),
            (
                fixed(number_of(read == asked) / len(asked)),
                "This is divided by all samples. The mean goes over those of the class alone.",
            ),
            (fixed(100 * right), "Those are percentages; asked is a part, 0 to 1."),
            (fixed(1 - right), "That is the part that was read wrongly."),
            (
                fixed(rate(sure, asked)),
                "That is how sure the judge is, not how often it is right: what counts is that it reads what was asked for.",
            ),
        ],
        otherwise="For each class: of the samples asked for as it, the part in which the judge's largest logit is its own.",
        shapes="One number for each class.",
    )
    return "A number a class, from a judge at rest: the worst of them is the one to look at."


# In the order of the notebook.
EXERCISES = (
    one_hot,
    join_maps,
    discriminator_loss,
    generator_loss,
    mixtures,
    balanced_labels,
    projection_logit,
    class_accuracy,
)
