"""Chapter 4's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import Answer, Wrong, exercise, in_order, near, show
from gancourse.school.exercises.probes import draws, logits
from gancourse.school.exercises.turns import Watch

# --- captions that are wrong ---

# A thing, its colour, a second thing (0: none) and its colour (-1: there is none to see).
SHOWN = [[0, 2, 1, 3], [0, 2, 0, -1], [1, 2, 0, -1], [0, 2, 1, 1], [1, 0, 2, 3]]
# Each picture's own caption; that of picture 0 or 2 fits others as well.
TOLD = [[0, 2, -1, -1], [0, -1, 0, -1], [-1, 2, -1, -1], [0, -1, -1, 1], [1, 0, 2, 3]]


@exercise(minutes=10, difficulty="easy", call="(facts, said)")
def wrong_captions(answer: Answer) -> str:
    """facts (M, K), said (N, K) of whole numbers -> a table (M, N), and a row number (M,).

    Caption j is wrong for picture i if it says anything (0 or more; -1 is silence) that the
    picture does not show. Beside the table, which may hold anything that reads as true and false,
    for each picture the number of any one caption that is wrong for it: the same each time, or
    drawn by lot.
    """
    facts, said = torch.tensor(SHOWN), torch.tensor(TOLD)
    batch = "5 pictures and their 5 captions, 4 attributes"
    why = """Of all that a caption says (0 or more), is there anything that the picture does not
        show? Where it says nothing (-1), the picture may be as it likes."""
    shapes = "One row for each picture, one column for each caption."

    def table(facts: Tensor, said: Tensor) -> Tensor:
        return pair_of(answer(facts, said), "the table and the captions")[0]

    for cases in {batch: (facts, said)}, {"3 pictures, 5 captions": (facts[2:], said)}:
        probes.compare(table, cases, contradicted, why, read=probes.tensor, shapes=shapes)
    for _ in range(20):
        check_chosen(pair_of(answer(facts, said), "")[1], contradicted(facts, said), batch)
    return """A caption that says little fits many pictures, and is wrong for few. What is refused
        now is refused with reason."""


def pair_of(returned, what: str) -> tuple:
    """What came back as two. Raises `Wrong` for anything else."""
    if isinstance(returned, dict):
        returned = tuple(returned.values())
    if not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        raise Wrong(None, returned, f"two: {what}", "Return both, in this order.")
    return tuple(returned)


def contradicted(facts: Tensor, said: Tensor) -> Tensor:
    return ((said >= 0) & (facts[:, None] != said)).any(2)


def check_chosen(returned, wrong: Tensor, given: str) -> None:
    """Raise `Wrong` unless each picture has the number of a caption that is wrong for it."""
    chosen = probes.tensor(returned, "the number of a caption for each picture")
    m, n = wrong.shape
    if chosen.shape != (m,):
        why = "One caption for each picture is enough: its column in the table."
        raise Wrong(given, f"captions of shape {tuple(chosen.shape)}", f"shape ({m},)", why)
    if chosen.dtype == torch.bool or not torch.equal(chosen.double(), chosen.double().round()):
        why = "A caption is chosen by its number, which picks the row of its vector."
        raise Wrong(given, f"numbers of type {probes.kind(chosen)}", "whole numbers", why)
    if not (chosen.min() >= 0 and chosen.max() < n):
        got = f"numbers from {int(chosen.min())} to {int(chosen.max())}"
        raise Wrong(given, got, f"0 to {n - 1}", "Captions are counted from 0.")
    fits = ~wrong[torch.arange(m), chosen.long()]
    if fits.any():
        picture = int(fits.nonzero()[0])
        got = f"caption {int(chosen[picture])} for picture {picture}, which it fits"
        why = """The table is right and does not decide: a caption was chosen that says nothing but
            the truth. D would be taught to refuse it."""
        raise Wrong(given, got, "one that is wrong", why, chosen.double())


def choosing(table: Callable = contradicted, choose: Callable | None = None) -> Callable:
    """An answer with another table, or with another choice (m, n) -> (m,)."""

    def answer(facts, said):
        wrong = table(facts, said)
        return wrong, choose(*wrong.shape) if choose else wrong.int().argmax(1)

    return answer


wrong_captions.mistake("""Silence is taken for a statement: -1 differs from whatever is shown. Then
    every caption that leaves something open is wrong, even for its own picture.""")(
    choosing(lambda facts, said: (facts[:, None] != said).any(2))
)
wrong_captions.mistake("""Every caption but a picture's own is called wrong. "A red boat" fits every
    picture with a red boat; D would be taught to refuse what is true.""")(
    choosing(lambda facts, said: ~torch.eye(len(facts), len(said), dtype=torch.bool))
)
wrong_captions.mistake("""The table is transposed: its rows are captions. A caption that fits a
    picture by saying little does not make the picture's own caption fit the other one.""")(
    choosing(lambda facts, said: contradicted(facts, said).T)
)
wrong_captions.mistake("""Only a caption of which nothing is true is called wrong. One word that is
    false will do: a blue boat is no red boat.""")(
    choosing(lambda facts, said: ((said < 0) | (facts[:, None] != said)).all(2))
)
wrong_captions.mistake("""Where there is nothing to see (-1 in `facts`), anything may be said here.
    But a caption that gives a colour to a thing which is not there is wrong.""")(
    choosing(
        lambda facts, said: ((said >= 0) & (facts[:, None] >= 0) & (facts[:, None] != said)).any(2)
    )
)
wrong_captions.mistake("""That is the table of the captions that fit; asked is which are wrong.""")(
    choosing(lambda facts, said: ~contradicted(facts, said))
)
SHIFTED = """Each picture got its neighbour's caption, without a look at the table. As popular
    copies have it; it may be a right one, and then D is punished for seeing that it fits."""
wrong_captions.mistake(SHIFTED)(choosing(choose=lambda m, n: (torch.arange(m) + 1) % n))
wrong_captions.mistake(SHIFTED)(choosing(choose=lambda m, n: (torch.arange(m) - 1) % n))
wrong_captions.mistake("Each picture got its own caption, which is right.")(
    choosing(choose=lambda m, n: torch.arange(m))
)


# --- the loss of a discriminator that reads ---


@exercise(minutes=5, difficulty="easy", call="(real, wrong, fake)")
def matching_loss(answer: Answer) -> str:
    """Logits (N,) of three kinds of pairs -> the matching-aware discriminator's loss, a scalar.

    -mean log D(real) - (mean log(1 - D(wrong)) + mean log(1 - D(fake))) / 2, exact and with its
    full gradient at logits of +-100. Terms in a dict or tuple are summed.
    """
    cases = [
        (torch.zeros(2),) * 3,
        (logits(2, -1, 0.5, 3), logits(-1, 1, 0, 2), logits(-1, 0.5, 1, -2)),
        (logits(-3, 1), logits(0.5, 2), logits(2, -4)),
    ]
    why = """Three kinds of pairs: a real picture with its sentence is to be called real, a real
        picture with a wrong sentence fake, a made picture fake. Each costs -log of the probability
        given to the right answer, averaged over the batch."""
    probes.compare(answer, cases, matched, why, read=probes.loss_value)
    far = logits(-100, -100), logits(100, 100), logits(100, 100)
    probes.compare(answer, [far], matched, probes.ROUNDING, read=probes.loss_value)
    why = """Downhill, the logits of real pairs should rise and those of both other kinds fall, each
        by its share of the batch."""
    near_zero = logits(2, -1), logits(1, 0.5), logits(0.5, -2)
    probes.compare_gradients(answer, matched, near_zero, why, why, why)
    sure = logits(-100, -60), logits(100, 60), logits(60, 100)
    probes.compare_gradients(answer, matched, sure, *[probes.FLAT] * 3)
    return """Yes once, no once, and the no shared by two reasons: it looks made, or it is another
        picture than the sentence's. Without the second, D would never have to read."""


def matching(yes: float = 1, wrong: float = 0.5, fake: float = 0.5, fold=Tensor.mean) -> Callable:
    """An answer with these weights of the three; `wrong` < 0: wrong pairs are called real."""

    def loss(real, other, made):
        read = softplus(other if wrong >= 0 else -other)
        parts = (yes, softplus(-real)), (abs(wrong), read), (fake, softplus(made))
        return sum(weight * fold(costs) for weight, costs in parts)

    return loss


matched = matching()
matching_loss.mistake("""The wrong pairs are missing. A discriminator that is never shown a right
    picture with a wrong sentence has no reason to read, and the generator none to obey.""")(
    matching(wrong=0, fake=1)
)
matching_loss.mistake("""The wrong pairs are missing, and the fakes count half. Who tells D that the
    sentence matters?""")(matching(wrong=0))
matching_loss.mistake("""A real picture with a wrong sentence is called real here. The picture is;
    the pair is not, and the pair is what D judges.""")(matching(wrong=-0.5))
matching_loss.mistake("""The two kinds of no are added in full. Then no counts twice as much as yes,
    and a D that says no to everything is nearly right.""")(matching(wrong=1, fake=1))
matching_loss.mistake("""That is the mean of the three kinds: no weighs two thirds. Yes and no
    should weigh the same.""")(matching(1 / 3, 1 / 3, 1 / 3))
matching_loss.mistake("""The fakes are missing: the generator would never be judged.""")(
    matching(wrong=1, fake=0)
)
matching_loss.mistake("""The fakes are missing, and the wrong pairs count half.""")(
    matching(fake=0)
)
matching_loss.mistake(f"{probes.SUM} Twice the batch is then the larger loss, not the worse one.")(
    matching(fold=Tensor.sum)
)


@matching_loss.mistake(probes.SIGMOID_TWICE)
def of_probabilities(real, wrong, fake):
    return matched(real.sigmoid(), wrong.sigmoid(), fake.sigmoid())


@matching_loss.mistake("Yes and no are swapped: D learns to call real pairs fake.")
def swapped(real, wrong, fake):
    return matched(-real, -wrong, -fake)


# --- every picture with every sentence ---


@exercise(minutes=10, difficulty="medium", call="(maps, text)")
def every_pair(answer: Answer) -> str:
    """maps (M, C, H, W), text (N, K) -> (M N, C + K, H, W): row i N + j is picture i, sentence j.

    The sentence is appended at every place of the map, with a gradient to both.
    """
    cases = {
        "2 maps (3, 4, 5), 3 sentences of 2 numbers": (
            draws(2, 3, 4, 5, seed=1),
            draws(3, 2, seed=2),
        ),
        "3 maps (2, 2, 2), 3 sentences of 4 numbers": (
            draws(3, 2, 2, 2, seed=3),
            draws(3, 4, seed=4),
        ),
    }
    why = """Row i N + j: the maps of picture i, and channel C + k holds text[j, k] at every
        place."""
    shapes = """All pairs, one after the other (M N), and the sentence as K more channels: (M N,
        C + K, H, W)."""
    probes.compare(answer, cases, paired(), why, read=probes.tensor, shapes=shapes)
    cut = """Both want to learn: the layers below the map, and D's own layer that reads the
        sentence. NumPy, detach or .data cuts that off."""
    given, inputs = next(iter(cases.items()))
    probes.compare_gradients(answer, paired(), inputs, cut, cut, given=given, cut=cut)
    return """With this in front of its last layers D gives a table of logits, M x N: in every row
        the right sentence should win."""


def paired(
    picture: Callable = lambda m, n: torch.arange(m).repeat_interleave(n),
    sentence: Callable = lambda m, n: torch.arange(n).repeat(m),
    spread: Callable = lambda text, h, w: text[:, :, None, None].expand(-1, -1, h, w),
) -> Callable:
    """An answer with these rows of maps and of sentences, each laid out over h x w places so."""

    def answer(maps, text):
        m, n = len(maps), len(text)
        sentences = spread(text[sentence(m, n)], *maps.shape[2:])
        return torch.cat([maps[picture(m, n)], sentences], 1)

    return answer


every_pair.mistake("""All pairs are there, sorted by sentence: row j M + i. Read as a table, its
    rows and columns have changed places, and with M other than N not even that.""")(
    paired(
        lambda m, n: torch.arange(m).repeat(n), lambda m, n: torch.arange(n).repeat_interleave(m)
    )
)
every_pair.mistake("""Both are repeated item by item. Then some pairs come several times and others
    never: one of the two has to run faster.""")(
    paired(sentence=lambda m, n: torch.arange(n).repeat_interleave(m))
)
every_pair.mistake("""Both are repeated as a whole. Then they run in step, and with M equal to N a
    picture meets its own sentence only.""")(paired(lambda m, n: torch.arange(m).repeat(n)))
every_pair.mistake("""The numbers are all there, in the wrong places: each map should hold one
    number everywhere. `view` and `reshape` deal numbers out row by row and do not know what they
    mean.""")(paired(spread=lambda t, h, w: t.repeat(1, h * w).view(len(t), -1, h, w)))


@every_pair.mistake("""The sentence stands in one corner. A layer that judges place by place reads
    it there and nowhere else.""")
def in_one_corner(maps, text):
    def spread(text, h, w):
        corner = torch.zeros(*text.shape, h, w)
        corner[:, :, 0, 0] = text
        return corner

    return paired(spread=spread)(maps, text)


@every_pair.mistake("""The sentence stands before the maps. D would learn as well, but weights
    trained the other way round would take it for a picture: append it.""")
def sentence_first(maps, text):
    return paired()(maps, text).roll(text.shape[1], 1)


# --- conditioning augmentation ---

C = 3  # numbers of a condition
ROWS = 20_000  # of each sentence, so that a deviation is known to half a percent


def reading() -> nn.Linear:
    """A layer (N, 3) -> (N, 2 C): the means, then the log variances, either sign in each."""
    layer = nn.Linear(3, 2 * C)
    means = [[1.0, 0.0, 0.5], [-1.0, 1.0, 0.0], [0.3, -0.6, 0.9]]
    log_variances = [[1.5, -1.0, 0.5], [-0.5, 0.8, 0.2], [0.4, 0.6, -0.7]]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(means + log_variances))
        layer.bias.copy_(torch.tensor([0.2, -0.3, 0.1, 0.1, 0.4, -0.5]))
    return layer


TEXTS = torch.tensor([[1.0, 0.5, -0.5], [-1.0, 0.5, 1.0]])


@exercise(minutes=15, difficulty="medium", call="(text, linear)")
def augment(answer: Answer) -> str:
    """text (N, T), a layer (N, T) -> (N, 2 C) -> c (N, C), and the divergence, one number.

    The layer's first C outputs are the mean, the others the log variance. c = mean + deviation x
    noise, with noise of its own from N(0, 1) for every number, and a gradient to the layer. The
    divergence is KL(N(mean, variance) || N(0, 1)) in nats, the mean over all numbers.
    """
    given = f"{ROWS:,} times a sentence, {ROWS:,} times another, C = {C}"
    many = TEXTS.repeat_interleave(ROWS, 0)
    c, _ = clouds(answer(many, reading()), len(many), given)
    check_clouds(c.double().unflatten(0, (2, ROWS)), given)
    why = """For each number (mean^2 + variance - 1 - log variance) / 2; then the mean over the
        numbers of all sentences. It is 0 where mean and log variance are 0."""

    def divergence(text: Tensor) -> Tensor:
        return pair_of(answer(text, reading()), "c and the divergence")[1]

    cases = {"one sentence": (TEXTS[:1],), "two sentences": (TEXTS,)}
    truth = lambda text: cloud()(text, reading())[1]  # noqa: E731
    probes.compare(divergence, cases, truth, why)
    check_clouds_learn(answer, "two sentences")
    return """One sentence, a cloud of conditions. The divergence keeps clouds from shrinking to
        points, and the generator learns to draw whatever lies where they overlap."""


def clouds(returned, n: int, given: str) -> tuple[Tensor, Tensor]:
    """c (n, C) and the divergence. Raises `Wrong` for other shapes."""
    c, divergence = pair_of(returned, "c and the divergence")
    found = probes.tensor(c)
    if found.shape != (n, C):
        why = "Half of the layer's outputs are means, half log variances: c has C numbers."
        raise Wrong(given, f"c of shape {tuple(found.shape)}", f"shape ({n}, {C})", why)
    return found, probes.number(divergence)


def check_clouds(c: Tensor, given: str) -> None:
    """Raise `Wrong` unless rows c (2, ROWS, C) are spread as the layer says, each by itself."""
    mean, log_variance = (half.double() for half in reading()(TEXTS).detach().chunk(2, 1))
    deviation = (log_variance / 2).exp()
    spread = c.std(1) / deviation
    middle = (c.mean(1) - mean) / deviation
    away = c - c.mean(1, keepdim=True)
    pairs = away * away.roll(1, 2) / (c.std(1) * c.std(1).roll(1, 1) + 1e-9)[:, None]
    together = pairs.mean(1).flatten()
    lag = ((c[:, 1:] - c[:, :-1]).square().mean(1) / (2 * c.var(1) + 1e-9)).mean()
    point = float((c - mean[:, None]).abs().max() < 1e-4)
    # Numbers that were measured agree to a twentieth.
    evidence = torch.cat([spread.flatten(), together, lag[None]]) / 50
    evidence = torch.cat([evidence, torch.tensor([point])])
    apart = (spread - 1).abs().max() < 0.05 and together.abs().max() < 0.05 and abs(lag - 1) < 0.05
    if not apart:
        got = f"""deviations {show((spread * deviation).flatten())}, correlation of its numbers
            {together.abs().max():.2f}"""
        right = f"deviations {show(deviation.flatten())}, correlation 0"
        why = """Every number of every row has noise of its own from N(0, 1), times the deviation;
            the deviation is the root of the variance, and the layer gives the logarithm of
            that."""
        raise Wrong(given, " ".join(got.split()), right, why, evidence)
    if middle.abs().max() > 0.05:
        got = f"means {show(c.mean(1).flatten())}"
        why = "The middle of each cloud is what the layer says, whatever its sign."
        raise Wrong(given, got, f"means {show(mean.flatten())}", why, middle.flatten() / 50)


def check_clouds_learn(answer: Answer, given: str) -> None:
    """Raise `Wrong` unless both results have the right gradient at the layer's bias."""
    right = reading()
    _, true = cloud()(TEXTS, right)
    layer = reading()
    c, divergence = pair_of(answer(TEXTS, layer), "c and the divergence")
    cut = """The layer cannot learn from it. Noise is drawn apart from the layer, then multiplied
        and added: a distribution's plain `sample`, `no_grad`, `detach` or `.item()` cuts the way
        back."""
    for name, part in ("c", c), ("divergence", divergence):
        if not (isinstance(part, Tensor) and part.requires_grad):
            evidence = torch.tensor([float(name == "c")])
            raise Wrong(given, f"{name} without a gradient", "one with a gradient", cut, evidence)
    mean = right(TEXTS).detach()[:, :C]
    # d c / d mean = 1, and d c / d log variance = deviation x noise / 2, whatever the noise was.
    expected = torch.cat([torch.full((C,), 2.0), (c.detach() - mean).sum(0) / 2])
    slopes = {
        "c": (torch.autograd.grad(c.sum(), layer.bias, retain_graph=True)[0], expected),
        "the divergence": (
            torch.autograd.grad(probes.total(divergence).sum(), layer.bias)[0],
            torch.autograd.grad(true, right.bias)[0],
        ),
    }
    for name, (got, expected) in slopes.items():
        if not near(got, expected):
            why = """The value is right and part of the slope is missing: both mean and log variance
                are to learn, from c and from the divergence."""
            got, expected = (f"slopes of {name} {show(each)}" for each in (got, expected))
            evidence = slopes["c"][0] if name == "c" else slopes[name][0]
            raise Wrong(given, got, expected, why, (evidence != 0).double())


def cloud(
    outputs: Callable = lambda x: x,
    deviation: Callable = lambda log_variance: (log_variance / 2).exp(),
    noise: Callable = torch.randn_like,
    fold: Callable = lambda d: d.mean() / 2,
    kl: Callable = lambda mean, log_variance: mean.square() + log_variance.exp() - 1 - log_variance,
) -> Callable:
    """An answer: what is done to the layer's outputs, the deviation, the noise, the divergence."""

    def answer(text, linear):
        mean, log_variance = outputs(linear(text)).chunk(2, 1)
        c = mean + deviation(log_variance) * noise(mean)
        return c, fold(kl(mean, log_variance))

    return answer


augment.mistake("""Mean and log variance passed a ReLU: no mean is below 0 and no deviation below 1.
    Popular copies have it. Sentences can then lie on one side of the origin only, and every cloud
    is as wide as N(0, 1) or wider.""")(cloud(torch.relu))
augment.mistake("""The mean passed a ReLU: no mean is below 0. Nothing follows the layer.""")(
    cloud(lambda x: torch.cat([x[:, :C].relu(), x[:, C:]], 1))
)
augment.mistake("""The variance is taken for the deviation. The layer gives the logarithm of the
    variance, and the deviation is its root: halve the logarithm.""")(cloud(deviation=torch.exp))
augment.mistake("""The log variance itself is taken for the deviation. Where it is 0, the deviation
    should be 1.""")(cloud(deviation=lambda v: v))
augment.mistake("Mean and log variance have changed places: the first half is the mean.")(
    cloud(lambda x: x.roll(C, 1))
)
augment.mistake("""The noise was drawn once, for the whole batch. All sentences are then moved the
    same way together, and one sentence still has one condition in each batch.""")(
    cloud(noise=lambda mean: torch.randn(1, C))
)
augment.mistake("""A sentence has one number of noise, which moves all of its C numbers alike: a
    line of conditions, not a cloud.""")(cloud(noise=lambda mean: torch.randn(len(mean), 1)))
augment.mistake("""There is no noise: a sentence is a point, and nothing is learned of what lies
    between two.""")(cloud(noise=torch.zeros_like))
augment.mistake("""The noise is uniform from 0 to 1: all of it on one side, and a third as wide as
    N(0, 1).""")(cloud(noise=torch.rand_like))
augment.mistake("""The sign of the divergence is flipped: going downhill drives the clouds as far
    from N(0, 1) as they can get.""")(cloud(fold=lambda d: -d.mean() / 2))
augment.mistake("""The divergence is summed over all numbers. Its weight would have to be found anew
    for every batch size and every C; take the mean.""")(cloud(fold=lambda d: d.sum() / 2))
augment.mistake("""The divergence is summed over a sentence's numbers and averaged over sentences,
    as in most code for autoencoders. Here its weight is per number: take the mean over both.""")(
    cloud(fold=lambda d: d.sum(1).mean() / 2)
)
augment.mistake("That is twice the divergence: the half of the formula is missing.")(
    cloud(fold=lambda d: d.mean())
)
augment.mistake("""The log variance stands where the log deviation belongs, or is halved: the
    deviation's square is the variance.""")(
    cloud(kl=lambda mean, v: mean.square() + (2 * v).exp() - 1 - 2 * v)
)
augment.mistake("""The -1 is missing: for mean 0 and variance 1 the divergence from N(0, 1) is
    0.""")(cloud(kl=lambda mean, v: mean.square() + v.exp() - v))


@augment.mistake("""c is drawn and cut off from what it was drawn with: the generator could never
    tell the layer what it needs. Draw the noise apart, and multiply and add.""")
def drawn_without_a_way_back(text, linear):
    c, divergence = cloud()(text, linear)
    return c.detach(), divergence


# --- the first stage inside the second ---


class First(nn.Module):
    """A small Stage I: text (N, 3), latent (N, 2) -> (N, 1, 4, 4), with BatchNorm and dropout."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(5, 16), nn.BatchNorm1d(16)
        self.drop, self.last = nn.Dropout(0.25), nn.Linear(16, 16)

    def forward(self, text: Tensor, latent: Tensor) -> Tensor:
        x = self.drop(self.norm(self.linear(torch.cat([text, latent], 1))).relu())
        return self.last(x).tanh().unflatten(1, (1, 4, 4))


def trained_first() -> First:
    """A Stage I as somebody left it: training, one layer in eval mode, one frozen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = First()
        first.norm.running_mean.uniform_(-1, 1)
        first.norm.running_var.uniform_(0.5, 2)
    first.drop.eval()
    first.last.bias.requires_grad_(False)
    return first


@exercise(minutes=15, difficulty="medium", call="(first, text, latent)")
def stage_two_input(answer: Answer) -> str:
    """A Stage I, text (N, 3), latent (N, 2) -> what Stage II repaints: its picture (N, 1, 4, 4).

    Drawn in eval mode, without a gradient to Stage I, and such that what follows can learn from it.
    Every module's mode, every weight's `requires_grad` and every average is afterwards what it was;
    the modules come in different modes. So is the program's own gradient mode.
    """
    text, latent = draws(6, 3, seed=1), draws(6, 2, seed=2)
    given = "6 sentences and latents, a Stage I in train mode but for one layer"
    first = trained_first()
    watch = Watch(first, "first stage")
    flags = [weight.requires_grad for weight in first.parameters()]
    made = answer(first, text, latent)
    recording = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    why = "The picture is that of `first(text, latent)` when every layer of it is in eval mode."
    small = lambda: trained_first().eval()(text, latent).detach()  # noqa: E731
    shapes = "Stage II gets the whole picture, one for each sentence."
    probes.compare(
        lambda: made, {given: ()}, small, why, read=lambda x: probes.tensor(x), shapes=shapes
    )
    check_first(watch, flags, recording, given)
    check_is_data(made, given)
    return """Stage I draws as it will draw for its readers, learns nothing, and nobody can see that
        it was here."""


def check_first(watch: Watch, flags: list[bool], recording: bool, given: str) -> None:
    """Raise `Wrong` unless a Stage I is as it was."""
    first = watch.network
    if moved := watch.moved():
        got = f"the first stage changed ({', '.join(moved[:2])} ...)"
        why = """It was run in train mode, if only for a moment: BatchNorm's averages moved. At the
            end of Stage II's training Stage I would be another network."""
        raise Wrong(given, got, "it stays what it was", why)
    modes = [module.training for module in first.modules()]
    if modes != watch.modes:
        got = f"{sum(modes)} modules in train mode"
        why = """It was left in another mode. Whoever trains or draws with Stage I next finds it so,
            and nobody will look for the cause here. Its layers were not all in one mode."""
        evidence = torch.tensor(modes).double()
        raise Wrong(given, got, f"{sum(watch.modes)}, the same as before", why, evidence)
    after = [weight.requires_grad for weight in first.parameters()]
    if after != flags:
        got = f"{sum(after)} of {len(after)} weights learn"
        why = """Frozen weights were left frozen, or weights that were frozen were set free: look at
            what each was before, or leave the weights alone."""
        evidence = 2 + torch.tensor(after).double()
        raise Wrong(given, got, f"{sum(flags)}, the same as before", why, evidence)
    if not recording:
        why = """Gradients were switched off for the whole program and not on again: Stage II, which
            comes next, would learn nothing either. There is a `with` for that."""
        evidence = torch.tensor([4.0])
        raise Wrong(given, "gradients are off afterwards", "on, as before", why, evidence)


def check_is_data(made, given: str) -> None:
    """Raise `Wrong` unless a picture has no gradient and a network can learn from it."""
    if not isinstance(made, Tensor):
        raise Wrong(given, made, "a tensor", "Stage II is a network: it takes a tensor.")
    if made.requires_grad:
        why = """A gradient goes back through the picture into Stage I: half of the memory and the
            time for nothing, and Stage I learns as soon as somebody lets it."""
        raise Wrong(given, "a picture with a gradient", "one without", why, torch.tensor([5.0]))
    if made.is_inference():
        why = """Stage II cannot be trained on this: what was made in inference mode may not take
            part in a graph, and PyTorch says so at the first layer."""
        evidence = torch.tensor([6.0])
        raise Wrong(given, "a tensor of inference mode", "an ordinary one", why, evidence)


def drawn(before: Callable, after: Callable, how: Callable = torch.no_grad) -> Callable:
    """An answer that prepares the first stage, draws, and does something more to it."""

    def answer(first, text, latent):
        kept = before(first)
        with how():
            made = first(text, latent)
        after(first, kept)
        return made

    return answer


def modes_of(first: nn.Module) -> list[bool]:
    """Every layer's mode; the whole is left in eval mode."""
    modes = [module.training for module in first.modules()]
    first.eval()
    return modes


def as_before(first: nn.Module, modes: list[bool]) -> None:
    for module, mode in zip(first.modules(), modes, strict=True):
        module.training = mode


def nothing(*anything) -> None:
    pass


stage_two_input.mistake("""Stage I was left in train mode. BatchNorm then mixes the pictures of a
    batch and its averages drift, step by step, for as long as Stage II trains: at the end Stage I
    is not the network that was trained.""")(drawn(nothing, nothing))
stage_two_input.mistake("""It was left in eval mode. If it goes on training, BatchNorm and dropout
    will be those of a finished network, and no error says so.""")(
    drawn(lambda first: first.eval(), nothing)
)
stage_two_input.mistake("""All of it was put in train mode at the end. One layer was not before: ask
    each module how it was.""")(drawn(lambda first: first.eval(), lambda first, _: first.train()))
stage_two_input.mistake("""Its weights were left frozen. Freezing them is one way, but then somebody
    has to thaw those, and only those, that were not frozen before.""")(
    drawn(
        lambda first: modes_of(first.requires_grad_(False)),
        as_before,
    )
)
stage_two_input.mistake("""All weights were set to learn at the end. One was frozen before.""")(
    drawn(
        lambda first: modes_of(first.requires_grad_(False)),
        lambda first, modes: as_before(first.requires_grad_(True), modes),
    )
)
stage_two_input.mistake("""The gradient flows on into Stage I. It costs memory and time for each of
    its layers, and whoever forgets to leave it out of the optimizer trains it.""")(
    drawn(modes_of, as_before, torch.enable_grad)
)
stage_two_input.mistake("""Gradients are off for the whole program from here on. Stage II would
    learn nothing either.""")(
    drawn(lambda first: (modes_of(first), torch.set_grad_enabled(False))[0], as_before)
)
stage_two_input.mistake("""Inference mode is for what nobody learns from. Stage II takes this
    picture into its own graph, which PyTorch refuses.""")(
    drawn(modes_of, as_before, torch.inference_mode)
)


# --- an encoder that knows what belongs to what ---

COLOURS, SHAPES = 8, 4
A, SMALL, LARGE, AND, LEFT, OF = range(1 + COLOURS + SHAPES, 7 + COLOURS + SHAPES)
WORDS = 1 + OF  # numbers 0 (no word) to OF
SIZE, LONGEST = 64, 16
STEPS, BATCH, RATE = 600, 64, 6e-3
GOAL = 0.9


class Toy:
    """Sentences about two things of two colours, and what they say.

    "a small red circle and a blue square": the words are numbers from 1 up, colours first, then
    shapes. A quarter of all sets of two colours and two shapes is held out: its sentences are for
    testing only. Every colour is met in training on every shape.
    """

    def __init__(self, held_out: bool, seed: int):
        colours, shapes = (list(combinations(range(n), 2)) for n in (COLOURS, SHAPES))
        self.sets = [
            (pair, other)
            for i, other in enumerate(shapes)
            for j, pair in enumerate(colours)
            if ((i + j) % 4 == 0) == held_out
        ]
        self.dice = torch.Generator().manual_seed(seed)

    def lot(self, n: int) -> int:
        return int(torch.randint(n, (), generator=self.dice))

    def __call__(self, n: int) -> tuple[Tensor, Tensor]:
        """Tokens (n, L) int64, and the colour of each shape (n, SHAPES), COLOURS if not there."""
        said, rows = torch.full((n, SHAPES), COLOURS), []
        for row in said:
            colours, shapes = self.sets[self.lot(len(self.sets))]
            colours = colours if self.lot(2) else colours[::-1]
            shapes = shapes if self.lot(2) else shapes[::-1]
            row[list(shapes)] = torch.tensor(colours)
            joint = [[AND], [LEFT, OF]][self.lot(2)]
            first, second = (self.phrase(c, s) for c, s in zip(colours, shapes, strict=True))
            rows.append([*first, *joint, *second])
        return padded(rows), said

    def phrase(self, colour: int, shape: int) -> list[int]:
        """[a] [small or large] colour shape."""
        words = [1 + colour, 1 + COLOURS + shape]
        size = [[], [SMALL], [LARGE]][self.lot(3)]
        return [*[A] * self.lot(2), *size, *words]


def padded(rows: list[list[int]], length: int = 0) -> Tensor:
    """Rows of words as one tensor, filled up with 0 to the longest, or to `length`."""
    tokens = torch.zeros(len(rows), max(length, *map(len, rows)), dtype=torch.int64)
    for row, words in zip(tokens, rows, strict=True):
        row[: len(words)] = torch.tensor(words)
    return tokens


@exercise(minutes=25, difficulty="hard", call="(words, size)")
def encoder(answer: Answer) -> str:
    """How many words there are (numbers 0 to words - 1), and a size -> a network.

    The network: tokens (N, L) int64, 1 <= L <= 16, filled up with 0 -> (N, size). It is trained
    here for 600 steps with a linear layer that reads each shape's colour off the vector, on a CPU
    within half a minute. On held-out combinations both colours have to be on the right shapes in
    more than 90 % of the sentences, and what fills up a sentence may not change its vector. A
    function without weights will do, if a linear layer can read its vectors.
    """
    torch.manual_seed(0)  # an answer is judged alike each time
    network = answer(WORDS, SIZE)
    if not callable(network):
        why = "Return the network; it will be trained and asked here."
        raise Wrong(f"words = {WORDS}, size = {SIZE}", network, "a network", why)
    tokens, said = Toy(held_out=True, seed=1)(500)
    check_padding(network, tokens)
    probe = train_to_read(network, Toy(held_out=False, seed=2))
    check_padding(network, tokens)
    with torch.no_grad():
        read = probe(vectors(network, tokens)).unflatten(1, (SHAPES, -1)).argmax(2)
    there = said < COLOURS
    bound = ((read == said) | ~there).all(1).double().mean().item()
    if not bound > GOAL:
        explain_reading(network, bound, read, said)
    return f"""On combinations that it never read, both colours are on the right things in
        {bound:.0%} of the sentences. A generator that is told so can draw it."""


def vectors(network, tokens: Tensor) -> Tensor:
    """What the network makes of sentences in eval mode. Raises `Wrong` for other shapes."""
    if isinstance(network, nn.Module):
        network.eval()
    found, right = network(tokens), (len(tokens), SIZE)
    if not isinstance(found, Tensor) or found.shape != right:
        why = "One vector of `size` numbers for each sentence, however many words it has."
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else found
        raise Wrong(f"tokens {tuple(tokens.shape)}", got, f"shape {right}", why)
    if not found.isfinite().all():
        why = "Is a maximum or a mean taken over no word at all?"
        raise Wrong(f"tokens {tuple(tokens.shape)}", "nan or inf", "numbers", why)
    return found


@torch.no_grad()
def check_padding(network, tokens: Tensor) -> None:
    """Raise `Wrong` unless a sentence's vector is its own, however far it is filled up."""
    shown = tokens[:20]
    whole = vectors(network, shown)
    far = vectors(network, padded([row[row > 0].tolist() for row in shown], LONGEST))
    alone = torch.cat([vectors(network, row[row > 0][None]) for row in shown])
    scale = whole.abs().max().clamp(min=1e-6)
    off = max((each - whole).abs().max() for each in (far, alone)) / scale
    if off > 1e-3:
        given = f"a sentence alone, among others, and filled up to {LONGEST} words with 0"
        got = f"vectors that differ by {off:.1%}"
        why = """What stands after a sentence's last word changes its vector. A reader's sentence
            comes alone; among longer ones it would ask for another picture. Where is a word, and
            where none?"""
        raise Wrong(given, got, "the same vector", why, torch.tensor([1.0]))


def train_to_read(network, sentences: Toy) -> nn.Linear:
    """Train the network with a linear layer that reads the colour of each shape; the layer."""
    probe = nn.Linear(SIZE, SHAPES * (COLOURS + 1))
    weights = list(probe.parameters())
    if isinstance(network, nn.Module):
        weights += [weight for weight in network.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(weights, RATE)
    tokens, said = sentences(4000)
    for step in range(STEPS):
        rows = torch.randint(len(tokens), (BATCH,), generator=sentences.dice)
        if isinstance(network, nn.Module):
            network.train()
        for group in adam.param_groups:
            group["lr"] = RATE * min(1, 2 * (1 - step / STEPS))
        read = probe(network(tokens[rows])).unflatten(1, (SHAPES, -1))
        adam.zero_grad()
        cross_entropy(read.flatten(0, 1), said[rows].flatten()).backward()
        adam.step()
    return probe


@torch.no_grad()
def explain_reading(network, bound: float, read: Tensor, said: Tensor) -> None:
    """Raise `Wrong` for an encoder of which colours cannot be read, with what it misses."""
    one = [A, SMALL, 1, 1 + COLOURS, AND, A, 2, 2 + COLOURS]  # a small red circle and a blue square
    swapped = [A, SMALL, 2, 1 + COLOURS, AND, A, 1, 2 + COLOURS]
    another = [*one[:-2], 3, 2 + COLOURS]
    ours, same_words, end = vectors(network, padded([one, swapped, another]))
    scale = ours.abs().max().clamp(min=1e-6)
    order, last = (float((ours - other).abs().max() / scale > 1e-3) for other in (same_words, end))
    sets = one_hot(read, COLOURS + 1).amax(1), one_hot(said, COLOURS + 1).amax(1)
    known = (sets[0] == sets[1]).all(1).double().mean().item()
    got = f"both colours on the right things in {bound:.0%}, the two colours known in {known:.0%}"
    why = """The colours can be read in part only. Does each word see its neighbours before all
        words are folded into one vector? Is the vector as wide as `size`, and can its weights
        learn?"""
    given = "500 sentences with combinations that training did not have"
    evidence = torch.tensor([order, last])
    raise Wrong(given, got, f"more than {GOAL:.0%}", why, evidence)


class Encoder(nn.Module):
    """An encoder: what is seen of each word (N, L, size), and what is left of all words.

    Args:
        see: embedded words (N, L, size) -> (N, L, size).
        fold: those, and where there is a word (N, L, 1) -> (N, size).
    """

    def __init__(self, words: int, size: int, see: Callable, fold: Callable):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.see, self.fold = see(size), fold

    def forward(self, tokens: Tensor) -> Tensor:
        there = (tokens > 0)[..., None]
        return self.fold(self.see(self.embedding(tokens) * there), there)


class Along(nn.Sequential):
    """Layers that want (N, size, L), for (N, L, size)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mT).mT


class Places(nn.Embedding):
    """The words, and to each a vector of its place."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


def encoded(see: Callable, fold: Callable) -> Callable:
    return lambda words, size: Encoder(words, size, see, fold)


def summed(x: Tensor, there: Tensor) -> Tensor:
    return (x * there).sum(1)


def averaged(x: Tensor, there: Tensor) -> Tensor:
    return summed(x, there) / there.sum(1)


def neighbours(size: int) -> nn.Module:
    """Two layers, each of which sees a word and those beside it."""
    first, second = (nn.Conv1d(size, size, 3, padding=1) for _ in range(2))
    return Along(first, nn.ReLU(), second, nn.ReLU())


PADDED = """What fills up a sentence takes part: 0 is no word, yet it changes the mean, the maximum
    or the last state. The same sentence then has another vector in every batch, and a reader's,
    which comes alone, one that the generator has never met."""
encoder.mistake(PADDED)(encoded(lambda size: nn.Identity(), lambda x, there: x.mean(1)))
encoder.mistake(PADDED)(encoded(neighbours, lambda x, there: x.mean(1)))
encoder.mistake(PADDED)(encoded(neighbours, lambda x, there: x.amax(1)))
encoder.mistake(PADDED)(encoded(neighbours, summed))


class LastState(nn.Module):
    """What a recurrent network remembers after the last column."""

    def __init__(self, words: int, size: int):
        super().__init__()
        self.embedding, self.gru = nn.Embedding(words, size), nn.GRU(size, size, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.gru(self.embedding(tokens))[1][0]


encoder.mistake(PADDED)(lambda words, size: LastState(words, size))


class FirstWords(Encoder):
    """Reads the first four words."""

    def forward(self, tokens: Tensor) -> Tensor:
        return super().forward(tokens[:, :4])


encoder.mistake("""Only the beginning of a sentence is read: with another colour at its end it has
    the same vector. The second thing is named last.""")(
    lambda words, size: FirstWords(words, size, neighbours, averaged)
)


BAG = """A bag of words: "a red circle and a blue square" and "a blue circle and a red square" give
    the same vector, so that which colour is whose can only be guessed, half of the time. A sum, a
    mean or a maximum over words forgets their order; so does a sum of what layers without a bend
    made of them, and places that are only added add up to the same for every order."""
for see, fold in (
    (lambda size: nn.Identity(), averaged),
    (lambda size: nn.Identity(), summed),
    (lambda size: nn.Identity(), lambda x, there: x.masked_fill(~there, -9.0).amax(1)),
    (lambda size: nn.Sequential(nn.Linear(size, size), nn.ReLU()), averaged),
    (lambda size: Places(LONGEST, size), averaged),
    (lambda size: Along(nn.Conv1d(size, size, 3, padding=1, bias=False)), summed),
):
    encoder.mistake(BAG)(encoded(see, fold))


EXERCISES = in_order(globals())
