"""Chapter 2's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gancourse.layers import as_weights
from gancourse.losses import log_loss, non_saturating_generator
from gancourse.school.exercises import gan, probes
from gancourse.school.exercises.checking import (
    Answer,
    Exercise,
    Wrong,
    exercise,
    in_order,
    near,
    show,
)
from gancourse.school.exercises.probes import draws, logits, whole
from gancourse.school.exercises.turns import Watch, gradient

CLASSES = 4  # of the small players below

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
    why = "Row i has a single 1, in the column that labels[i] counts from 0."
    shapes = "One row for each label, one column for each class."
    probes.compare(answer, cases, as_weights, why, read=probes.tensor, shapes=shapes)
    if not probes.tensor(answer(whole(0, 1), 2)).is_floating_point():
        why = "A layer multiplies this by its weights, which are floats; it refuses integers."
        raise Wrong("labels = [0, 1], classes = 2", "integers", "floats", why)
    with_a_table = "A table has no row 3; a comparison gives a row of zeros, a picture of nothing."
    from_the_end = """Python counts -1 from the end: a missing label, often -1, silently becomes the
        last class."""
    for labels, why in (whole(0, 3), with_a_table), (whole(1, -1), from_the_end):
        try:
            returned = answer.function(labels.clone(), 3)
        except Exception:
            continue
        if returned is not None:
            got = f"the row {show(probes.tensor(returned)[1])}"
            raise Wrong(answer.given(labels, 3), got, "an error, whichever", why)
    return "One column per class, and a label that is not a class is refused instead of drawn."


@one_hot.mistake("Columns are counted from 1 here, but classes from 0: label 0 has a column too.")
def counted_from_one(labels, classes):
    return as_weights((labels - 1) % classes, classes)


@one_hot.mistake("""A softmax was taken of the ones and zeros. It squeezes them together: of ten
    classes the right one is left with .23 and each wrong one has .09.""")
def softened(labels, classes):
    return as_weights(labels, classes).softmax(1)


@one_hot.mistake("""The column holds the label's number instead of 1. Class 0 is then a row of
    zeros, and 9 is nine times as loud as 1.""")
def the_number_itself(labels, classes):
    return labels[:, None] * as_weights(labels, classes)


@exercise(minutes=10, difficulty="medium", call="(maps, weights)")
def join_maps(answer: Answer) -> str:
    """maps (N, C, H, W), weights (N, K) -> (N, C + K, H, W): one constant map per number, appended.

    The gradient must find its way back to the maps.
    """
    maps, labels = draws(2, 3, 4, 5, seed=1), as_weights(whole(1, 3), 4)
    mixture = torch.tensor([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]])
    cases = {
        "maps (2, 3, 4, 5), labels 1 and 3 of 4": (maps, labels),
        "maps (3, 2, 2, 2), weights [0.5, 0.5], [0, 1], [1, 0]": (
            draws(3, 2, 2, 2, seed=2),
            mixture,
        ),
    }
    why = "Channel C + k of picture i is weights[i, k] at every place."
    shapes = "The label comes as K more channels: (N, C + K, H, W)."
    probes.compare(answer, cases, joined, why, read=probes.tensor, shapes=shapes)
    cut = "The maps come from a layer that wants to learn; NumPy, detach or .data cuts it off."
    probes.compare_gradients(
        answer, joined, (maps, labels), cut, given="maps (2, 3, 4, 5)", cut=cut
    )
    return "One constant map per class: now every pixel's neighbourhood knows the label."


def joined(maps: Tensor, weights: Tensor) -> Tensor:
    return torch.cat([maps, weights[:, :, None, None].expand(-1, -1, *maps.shape[2:])], 1)


@join_maps.mistake("""The label stands before the maps. A network would learn just as well, but
    weights trained the other way round would read it as ink: append it.""")
def label_first(maps, weights):
    return joined(maps, weights).roll(weights.shape[1], 1)


@join_maps.mistake("""The numbers are all there, in the wrong places: each map should hold one
    number everywhere. `view` and `reshape` deal numbers out row by row and do not know what they
    mean.""")
def dealt_out_by_view(maps, weights):
    n, _, h, w = maps.shape
    return torch.cat([maps, weights.repeat(1, h * w).view(n, -1, h, w)], 1)


@join_maps.mistake("""The label stands in one corner. A convolution sees a few pixels at a time; the
    others are drawn without it.""")
def in_one_corner(maps, weights):
    label = torch.zeros(len(maps), weights.shape[1], *maps.shape[2:])
    label[:, :, 0, 0] = weights
    return torch.cat([maps, label], 1)


# --- the two losses ---


class Forger(nn.Module):
    """A generator whose samples carry their label: (N, 3), label -> (N, 1 + CLASSES + 2).

    A sample is (1, the weights of its label, two numbers that its own weights decide); a real
    picture begins with 0. `asked` remembers the labels, with None for a call without one.
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3 + CLASSES, 2)
        self.asked: list[Tensor | None] = []

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        self.asked.append(label)
        weights = weights_of(label, z)
        return torch.cat([z.new_ones(len(z), 1), weights, self.body(torch.cat([z, weights], 1))], 1)


class Critic(nn.Module):
    """A discriminator that remembers what it was shown: (N, 1 + CLASSES + 2), label -> (N,) logits.

    `sure` makes it as certain as can be, and wrong: fakes are real and real ones fake, with logits
    about 60.
    """

    def __init__(self, sure: float = 0.0):
        super().__init__()
        self.layer = nn.Linear(1 + CLASSES + 2 + CLASSES, 1)
        self.sure = sure
        self.calls: list[tuple[Tensor, Tensor | None, Tensor]] = []

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        weights = weights_of(label, x)
        with (
            torch.enable_grad()
        ):  # so that `calls` can be differentiated, whatever the student does
            logits = self.layer(torch.cat([x, weights], 1)).squeeze(1)
            logits = logits + self.sure * (2 * x[:, 0] - 1)
        self.calls.append((x.detach(), None if label is None else weights, logits))
        return logits if torch.is_grad_enabled() else logits.detach()

    def logits(self, fake: bool) -> Tensor:
        """What it said of all fakes, or of all real pictures."""
        return torch.cat([logits[(x[:, 0] > 0.5) == fake] for x, _, logits in self.calls])


def weights_of(label: Tensor | None, x: Tensor) -> Tensor:
    """A label as weights (N, CLASSES), zeros without one."""
    return x.new_zeros(len(x), CLASSES) if label is None else as_weights(label, CLASSES).float()


LABELS = whole(0, 3, 1, 1, 2, 0, 3, 2)
GIVEN = "8 real pictures with the labels [0, 3, 1, 1, 2, 0, 3, 2], 8 latents"


@exercise(minutes=15, difficulty="medium", call="(generator, discriminator, images, labels, z)")
def discriminator_loss(answer: Answer) -> str:
    """Return a conditioned discriminator's loss: -mean log D(x, y) - mean log(1 - D(G(z, y), y)).

    `generator(z, label)` and `discriminator(x, label)` take labels as integers or as weights;
    `discriminator` returns logits. Real pictures keep their labels. A fake may be asked for any
    label (those of the batch, or fresh ones), and is judged under it. No gradient may reach the
    generator. Terms in a dict or tuple are summed.
    """
    detail = draws(len(LABELS), 2, seed=5) + LABELS[:, None]
    images = torch.cat([torch.zeros(len(LABELS), 1 + CLASSES), detail], 1)
    for sure in 0.0, 60.0:
        forger, critic, loss = play(answer, sure, images)
        real, fake = critic.logits(fake=False), critic.logits(fake=True)
        check_loss(loss, log_loss, (real, fake), gan.discriminator_loss, sure)
        if gradient(loss, forger).any():
            why = """The label does not change whose turn it is: in this one the generator does not
                play, and no gradient may lead back into it. The fakes are data."""
            raise Wrong(GIVEN, "a gradient reaches the generator", "none does", why)
        check_slope(loss, log_loss(real, fake), critic)
    return """Every picture is judged under its own label, every fake under the one it was ordered
        with. A discriminator trained like this rejects a good 3 that was sold as an 8."""


@exercise(minutes=10, difficulty="medium", call="(generator, discriminator, labels, z)")
def generator_loss(answer: Answer) -> str:
    """Return a conditioned generator's non-saturating loss: -mean log D(G(z, y), y).

    Players and labels as in `discriminator_loss`; the gradient has to reach the generator.
    """
    for sure in 0.0, -60.0:
        forger, critic, loss = play(answer, sure)
        fake = critic.logits(fake=True)
        check_loss(loss, non_saturating_generator, (fake,), gan.generator_loss, sure)
        if not gradient(loss, forger).any():
            why = """The generator learns through the discriminator. Between the two (detach,
                no_grad) the way is cut."""
            raise Wrong(GIVEN, "no gradient reaches the generator", "one does", why)
        check_slope(loss, non_saturating_generator(fake), forger)
    return """Asked for an 8 and judged as an 8: now the cheapest way to fool D is to draw what was
        asked for."""


def play(
    answer: Answer, sure: float, images: Tensor | None = None
) -> tuple[Forger, Critic, Tensor]:
    """The players after the student's function has used them, and the loss that it returned.

    Raises:
        Wrong: a label was left out, or a picture was judged under another one than its own.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        forger, critic = Forger(), Critic(sure)
    watches = Watch(forger, "generator"), Watch(critic, "discriminator")
    pictures = () if images is None else (images,)
    loss = probes.total(answer(forger, critic, *pictures, LABELS, draws(len(LABELS), 3, seed=6)))
    for watch in watches:
        watch.check_left(GIVEN)
    if not critic.calls:
        got, expected = "the discriminator was never asked", "it judges the pictures"
        raise Wrong(GIVEN, got, expected, "Whose loss is this, without it?")
    if not forger.asked:
        got, why = "the generator was never asked", "Fakes come from `generator(z, label)`."
        raise Wrong(GIVEN, got, "it makes the fakes", why)
    if any(asked is None for asked in forger.asked):
        why = "It has to know what to draw. Pass the label: `generator(z, label)`."
        raise Wrong(GIVEN, "the generator was not given the label", "both players are", why)
    if any(weights is None for _, weights, _ in critic.calls):
        why = """A discriminator without the label can only say whether a picture looks real. A
            perfect 3 passes for an 8, and the generator has no reason to use the label at all."""
        raise Wrong(GIVEN, "the discriminator was not given the label", "both players are", why)
    x, weights = (torch.cat([call[i] for call in critic.calls]) for i in (0, 1))
    is_fake = x[:, 0] > 0.5
    real, asked = x[~is_fake], x[is_fake, 1 : 1 + CLASSES]
    if images is not None and not len(real):
        got, expected = "the discriminator saw no real picture", "it judges the real ones too"
        raise Wrong(GIVEN, got, expected, "Half of the loss is about real pictures.")
    if images is not None:
        labels = as_weights(LABELS, CLASSES)[torch.cdist(real, images).argmin(1)]
        why = """A real picture belongs with its own label. Judged under another one, the
            discriminator learns that labels mean nothing."""
        check_labels("a real {} judged as a {}", weights[~is_fake], labels, why)
    if not len(asked):
        got, expected = "the discriminator saw no fake", "it judges the fakes too"
        raise Wrong(GIVEN, got, expected, "Half of the loss is about them.")
    why = """The discriminator then meets 3s under every name and cannot learn what a 3 is. A fake
        is judged under the label that its generator was given: draw it once, use it twice."""
    if images is None:
        why = """Paid for looking like another class than it was asked for, the generator learns
            that what it is asked for does not matter."""
    check_labels("a fake asked for as a {}, judged as a {}", weights[is_fake], asked, why)
    if (asked == asked[0]).all():
        got = f"all fakes were asked for as {asked[0].argmax()}"
        why = "A generator that is always asked for the same class learns only that one."
        raise Wrong(GIVEN, got, "labels of every class", why)
    return forger, critic, loss


def check_labels(words: str, weights: Tensor, right: Tensor, why: str) -> None:
    """Raise `Wrong` unless pictures were judged under the right labels, as weights (N, CLASSES)."""
    differ = (weights - right).abs().amax(1) > 1e-4
    if differ.any():
        label, other = (each[differ][0].argmax() for each in (right, weights))
        raise Wrong(GIVEN, words.format(label, other), words.format(label, label), why)


def check_loss(
    loss, truth: Callable, logits: tuple[Tensor, ...], unconditional: Exercise, sure: float
) -> None:
    """Raise `Wrong` unless the loss is the true one of the logits that the student's calls gave.

    Its mistakes are those of chapter 1's exercise, `unconditional`.
    """
    value, right = probes.loss_value(loss), probes.loss_value(truth(*logits))
    if not near(value, right) and sure:
        given = f"{GIVEN}, a discriminator that is sure and wrong"
        why = """At logits of 60 a probability rounds to 0 or 1, and its logarithm is lost. Start
            from the logits, as in chapter 1."""
        raise Wrong(given, value, right, why)
    if not near(value, right):
        why = "The labels are right; the loss of these logits is not. It is chapter 1's."
        known = unconditional.mistakes if len({len(u) for u in logits}) == 1 else ()
        alike = (text for wrong, text in known if near(probes.loss_value(wrong(*logits)), value))
        related = f"{probes.relation(value, right, len(logits[0]))} {why}"
        raise Wrong(GIVEN, value, right, next(alike, related))
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        raise Wrong(GIVEN, "a result without a gradient", "one with a gradient", probes.CUT)


def check_slope(loss: Tensor, terms: dict[str, Tensor], network: nn.Module) -> None:
    """Raise `Wrong` unless the loss pulls at the network's weights as the true one does."""
    got, right = gradient(loss, network), gradient(probes.total(terms), network)
    if not near(got, right):
        why = """The value is right, the gradient is not: was something clamped, rounded or
            detached?"""
        length = f"length {right.norm():.3g}"
        raise Wrong(GIVEN, f"a gradient of length {got.norm():.3g}", length, why)


# --- mixtures ---


@exercise(minutes=5, difficulty="easy", call="(first, second, steps, classes)")
def mixtures(answer: Answer) -> str:
    """Two labels, steps, classes -> (steps, classes): weights from all `first` to all `second`."""
    cases = {
        "first = 3, second = 0, steps = 5, classes = 5": (3, 0, 5, 5),
        "first = 1, second = 2, steps = 3, classes = 3": (1, 2, 3, 3),
        "first = 2, second = 2, steps = 2, classes = 3": (2, 2, 2, 3),
    }
    why = """Each row sums to 1: a fraction of `first`, which falls from 1 to 0 in equal steps, and
        the rest of `second`."""
    shapes = "One row per step, one column per class."
    probes.compare(answer, cases, mixed(), why, read=probes.tensor, shapes=shapes)
    return "Straight from one corner to the other, both ends included, and every row adds up to 1."


def mixed(shares: Callable[[int], Tensor] = lambda steps: torch.linspace(0, 1, steps)) -> Callable:
    """An answer with these shares of `second`, one per step."""

    def mix(first, second, steps, classes):
        ends = as_weights(whole(first, second), classes)
        return torch.lerp(ends[0], ends[1], shares(steps)[:, None])

    return mix


mixtures.mistake("First and second have changed places.")(
    mixed(lambda steps: torch.linspace(1, 0, steps))
)
mixtures.mistake("The walk stops one step short: its last row should be all second.")(
    mixed(lambda steps: torch.arange(steps) / steps)
)
mixtures.mistake("The ends are missing: the first row should be all first, the last all second.")(
    mixed(lambda steps: torch.linspace(0, 1, steps + 2)[1:-1])
)
mixtures.mistake("Every row is the mixture of the middle.")(
    mixed(lambda steps: torch.full((steps,), 0.5))
)


@mixtures.mistake("A softmax mixes every class in, even those that nobody asked for.")
def softened_mixtures(*inputs):
    return mixed()(*inputs).softmax(1)


@mixtures.mistake("""This walks along the label's number, from 3 over 2 and 1 to 0. But classes are
    names, not amounts: there is no 2 halfway between a 3 and a 1. Walk along the weights.""")
def by_number(first, second, steps, classes):
    return as_weights(torch.linspace(first, second, steps).round().long(), classes)


# --- samples and their measure ---


@exercise(minutes=10, difficulty="easy", call="(n, classes, seed)")
def balanced_labels(answer: Answer) -> str:
    """n, classes, seed -> (n,) int64: each class as often as the others, or once more, shuffled.

    The same seed gives the same labels; Python's, NumPy's and PyTorch's global random states stay
    as they were.
    """

    def draw(n: int, classes: int, seed: int) -> Tensor:
        given = f"n = {n}, classes = {classes}, seed = {seed}"
        labels = probes.tensor(answer(n, classes, seed), "a tensor of labels")
        if labels.shape != (n,):
            why = """One label per picture. When n is no multiple of the number of classes, some
                classes come once more."""
            raise Wrong(given, f"shape {tuple(labels.shape)}", f"shape ({n},)", why)
        if labels.is_floating_point() or labels.dtype == torch.bool:
            why = "A label says which column holds the 1; a layer refuses one and a half."
            raise Wrong(given, f"numbers of type {probes.kind(labels)}", "integers", why)
        return labels.long()

    first = draw(100, 10, 7)
    if torch.equal(first, first.sort().values) or torch.equal(first, torch.arange(100) % 10):
        why = """Any few in a row should be a fair draw, and no place should always hold the same
            class. Shuffle."""
        given = "n = 100, classes = 10, seed = 7"
        raise Wrong(given, "labels in order", "labels in random order", why)
    why = "Two tables with one seed should agree."
    probes.own_stream(lambda seed: draw(100, 10, seed), "labels", why)
    for n, classes in ((100, 10), (47, 10), (6, 3), (4, 10)):
        given, labels = f"n = {n}, classes = {classes}, seed = 3", draw(n, classes, 3)
        if labels.min() < 0 or labels.max() >= classes:
            got = f"labels from {int(labels.min())} to {int(labels.max())}"
            raise Wrong(given, got, f"0 to {classes - 1}", "Classes are counted from 0.")
        counts = labels.bincount(minlength=classes)
        if counts.max() - counts.min() > 1:
            got = f"between {int(counts.min())} and {int(counts.max())} of a class"
            why = """Drawn one by one, labels come unevenly, and a class that comes rarely is
                measured badly. Deal them out as cards are dealt: count first, shuffle
                afterwards."""
            raise Wrong(given, got, f"{n // classes} of each, or one more", why)
    return "Equal shares, whatever the remainder, in an order that only the seed knows."


# --- the projection discriminator ---


@exercise(minutes=10, difficulty="medium", call="(features, labels, real, of_class)")
def projection_logit(answer: Answer) -> str:
    """features (N, F), labels (N,), real (F,), of_class (K, F) -> (real + of_class[label]) . f."""
    many = draws(5, 3, seed=1), whole(1, 0, 1, 3, 2), draws(1, 3, seed=2)[0], draws(4, 3, seed=3)
    one = logits(1, 2)[None], whole(1), logits(1, 0), torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    cases = {
        "5 pictures with 3 features, labels = [1, 0, 1, 3, 2]": many,
        "1 picture with features [1, 2], label 1": one,
    }
    why = """Two products with the features, added: with `real`, and with the label's row of
        `of_class`."""
    shapes = """One logit per picture: (N,). A matrix (N, N) compares every picture with every
        label."""
    probes.compare(answer, cases, projected, why, read=probes.tensor, shapes=shapes)
    return "Is it real, and is it like its class? Two questions, two products, one logit."


def projected(features: Tensor, labels: Tensor, real: Tensor, of_class: Tensor) -> Tensor:
    return features @ real + (of_class[labels] * features).sum(1)


@projection_logit.mistake("""Only "is it real?" is asked. Without the class's part the label changes
    nothing.""")
def without_the_class(features, labels, real, of_class):
    return features @ real


@projection_logit.mistake("""Only "is it like its class?" is asked. What all real pictures share
    would have to be learned anew for every class.""")
def without_the_common_part(features, labels, real, of_class):
    return (of_class[labels] * features).sum(1)


@projection_logit.mistake("""The products with all classes are added, so the label changes nothing.
    Which one is asked about?""")
def all_classes(features, labels, real, of_class):
    return features @ real + (features @ of_class.T).sum(1)


@projection_logit.mistake("""The class that fits best is taken, whichever was asked for: a 3 sold as
    an 8 passes.""")
def best_class(features, labels, real, of_class):
    return features @ real + (features @ of_class.T).amax(1)


@projection_logit.mistake("""The class's vector is added to the features. Then it shifts the logit
    by the same amount for every picture of the class: it says how likely the class is, not whether
    this picture looks like it.""")
def shifted_features(features, labels, real, of_class):
    return (features + of_class[labels]) @ real


@projection_logit.mistake("""It is subtracted: the better a picture fits its label, the less it is
    believed.""")
def class_subtracted(features, labels, real, of_class):
    return projected(features, labels, real, -of_class)


# --- a judge of samples ---


class Reader(nn.Module):
    """A judge whose pictures (N, 1, 2, 2) are its logits. In train mode BatchNorm bends them."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(CLASSES, affine=False, eps=1e-12)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(images.flatten(1))


@exercise(minutes=15, difficulty="medium", call="(judge, samples, asked, classes)")
def class_accuracy(answer: Answer) -> str:
    """judge, samples (N, ...), asked (N,), classes -> (classes,): the fraction of each read right.

    `judge(samples)` gives logits (N, classes) and comes in train mode; it has to read in eval mode.
    Every class was asked for.
    """
    asked = whole(0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 3)
    read = whole(0, 0, 0, 1, 1, 0, 2, 2, 3, 3, 3, 3)
    samples = draws(12, CLASSES, seed=4) * torch.tensor([0.5, 1.0, 2.0, 4.0])
    narrowly = samples.amax(1) + 0.1  # so that the batch's own statistics read other digits
    samples = samples.scatter(1, read[:, None], narrowly[:, None]).view(12, 1, 2, 2)
    given = "12 samples asked for as 0 0 0 0 1 1 2 2 2 2 2 3"
    flat = probes.tensor(answer(Reader(), samples, asked, CLASSES), "a number for each class")
    if flat.numel() == 1:
        why = "One number for all hides the class that is lost. Average each class by itself."
        raise Wrong(given, f"one number, {show(flat)}", "4 numbers", why)
    why = """For each class: of the samples asked for as it, the fraction in which the judge's
        largest logit is its own."""
    # A judge remembers how it was left: each answer gets a new one.
    probes.compare(
        lambda *inputs: answer(Reader(), *inputs),
        {given: (samples, asked, CLASSES)},
        lambda *inputs: right_in_each(Reader(), *inputs),
        why,
        read=probes.tensor,
        shapes="One number for each class.",
    )
    return "One number per class, from a judge in eval mode: look at the worst of them."


def hits(judge: nn.Module, samples: Tensor, asked: Tensor, classes: int) -> Tensor:
    """How many samples of each class are read right, (classes,)."""
    return asked[judge.eval()(samples).argmax(1) == asked].bincount(minlength=classes)


def right_in_each(judge: nn.Module, samples: Tensor, asked: Tensor, classes: int) -> Tensor:
    return hits(judge, samples, asked, classes) / asked.bincount(minlength=classes)


@class_accuracy.mistake("""The judge was left in train mode, where BatchNorm reads a picture by its
    neighbours in the batch. What is said of one sample may not depend on the others.""")
def in_train_mode(judge, samples, asked, classes):
    hit = judge(samples).argmax(1) == asked
    return torch.stack([hit[asked == k].float().mean() for k in range(classes)])


@class_accuracy.mistake("""This is divided by how often the judge read the class, not by how often
    it was asked for. A class that is read wherever something is unclear looks bad.""")
def precision(judge, samples, asked, classes):
    read = judge.eval()(samples).argmax(1)
    return hits(judge, samples, asked, classes) / read.bincount(minlength=classes)


@class_accuracy.mistake("Those are counts: a class asked for more often would look better.")
def hits_only(judge, samples, asked, classes):
    return hits(judge, samples, asked, classes)


@class_accuracy.mistake("This is divided by all samples. Average over those of the class alone.")
def of_all_samples(judge, samples, asked, classes):
    return hits(judge, samples, asked, classes) / len(samples)


@class_accuracy.mistake("""That is how sure the judge is, not how often it is right: what counts is
    that it reads what was asked for.""")
def confidence(judge, samples, asked, classes):
    belief = judge.eval()(samples).softmax(1)
    return torch.stack([belief[asked == k, k].mean() for k in range(classes)])


EXERCISES = in_order(globals())
