"""Chapter 3's exercises. Each checker's docstring says what is asked and which answers it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from gancourse.losses import log_loss, non_saturating_generator
from gancourse.metrics import codes
from gancourse.school.exercises import probes
from gancourse.school.exercises.checking import Answer, Wrong, exercise, in_order, near, show
from gancourse.school.exercises.probes import draws, logits, whole
from gancourse.school.exercises.turns import check_turn

# --- information ---


@exercise(minutes=5, difficulty="easy", call="(probabilities)")
def entropy(answer: Answer) -> str:
    """Probabilities (K,) that add up to 1 -> their entropy in nats, one number.

    A value that never comes adds nothing.
    """
    cases = [(logits(0.5, 0.25, 0.125, 0.125),), (torch.full((10,), 0.1),), (logits(0.9, 0.1),)]
    why = "Surprise is minus the logarithm of the probability; entropy is the mean surprise."
    probes.compare(answer, cases, in_nats, why)
    why = "A value that never comes adds nothing, but 0 times minus infinity is nan."
    probes.compare(answer, [(logits(0.5, 0.5, 0),), (logits(0, 1, 0),)], in_nats, why)
    return """ln 10 = 2.303 for a fair code of ten values, 0 for one that never changes and so tells
        nothing."""


def in_nats(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum()


@entropy.mistake("The sign is flipped: a probability's logarithm is below 0, an entropy is not.")
def negative(p):
    return -in_nats(p)


@entropy.mistake("That is a mean over the values, but probabilities are already weights: add up.")
def averaged(p):
    return in_nats(p) / len(p)


@entropy.mistake("That holds where all values are equally likely. A lopsided code holds less.")
def of_the_size_alone(p):
    return math.log(len(p))


@entropy.mistake("Each surprise counts as often as its value comes, not equally often.")
def unweighted_mean(p):
    return -p.log().mean()


@entropy.mistake("Each surprise counts as often as its value comes: weigh it by its probability.")
def unweighted_sum(p):
    return -p.log().sum()


@entropy.mistake("That many equally likely values would be as hard to guess. Take the logarithm.")
def perplexity(p):
    return in_nats(p).exp()


@exercise(minutes=10, difficulty="easy", call="(n, categories, continuous, seed)")
def draw_codes(answer: Answer) -> str:
    """n, sizes of categorical codes, number of continuous ones, seed -> (n, columns) float32.

    A block of columns for each category, one-hot and even; then U(-1, 1). Same seed, same codes;
    all drawn independently. A NumPy array will do. The global random states must stay as they were.
    """
    given = "n = 6, categories = (4, 3), continuous = 2, seed = 7"
    code = probes.array(answer(6, (4, 3), 2, 7))
    if code.shape != (6, 9):
        why = "One row per picture: 4 + 3 columns for the categories, 2 for the continuous codes."
        if code.shape == (6, 4):
            why += " A category goes in one-hot, one column per value: 3 is not three times 1."
        raise Wrong(given, code, "a tensor of shape (6, 9)", why)
    probes.is_float32(code, given)
    why = "Progress pictures need the same codes each time."
    probes.own_stream(lambda seed: probes.array(answer(6, (4, 3), 2, seed)), "codes", why)
    given = "n = 6000, categories = (4, 3), continuous = 2, seed = 3"
    many = probes.array(answer(6000, (4, 3), 2, 3)).double()
    for block in many[:, :4], many[:, 4:7]:
        check_even(block, given)
    check_uniform(many[:, 7:], given)
    check_independent(many, given)
    for categories, continuous, width in ((), 3, 3), ((2, 2), 0, 4):
        if (alone := probes.array(answer(5, categories, continuous, 1))).shape != (5, width):
            given = f"n = 5, categories = {categories}, continuous = {continuous}"
            why = "A game may have codes of one kind only."
            raise Wrong(given, alone, f"shape (5, {width})", why)
    return """Every value equally likely, continuous codes on both sides of 0, all of them
        independent."""


def check_even(block: Tensor, given: str) -> None:
    """Raise `Wrong` unless the columns (N, K) are one-hot and every value comes equally often."""
    size = block.shape[1]
    bad = ((block != 0) & (block != 1)).any(1) | (block.sum(1) != 1)
    if bad.any():
        got = f"a row {show(block[bad][0])} in a category's columns"
        why = """One-hot is a single 1 and zeros: one weight vector per value; nothing says that 3
            is near 2."""
        raise Wrong(given, got, f"{size - 1} zeros and a one", why)
    shares = block.mean(0)
    if (shares - 1 / size).abs().max() > 0.03:
        why = "H(c) is largest, and every value trained, where all are equally likely."
        if (shares == 0).any():
            why += " One of the values never comes; look at where your random numbers end."
        raise Wrong(given, f"shares of {show(shares)}", f"about {1 / size:.3f} each", why)


def check_uniform(drawn: Tensor, given: str) -> None:
    """Raise `Wrong` unless the columns (N, C) look like U(-1, 1)."""
    centre, spread = drawn.mean().item(), drawn.std().item()
    seen = f"mean {centre:.2f}, deviation {spread:.2f}"
    if drawn.abs().max() > 1:
        why = f"""Numbers from -1 to 1 are asked for, all equally likely. With {seen}, are these
            Gaussian?"""
        if abs(centre + 1) < 0.1:
            why = """Two limits were handed to a function that takes a mean and a deviation: that
                draws a Gaussian about -1, and the slider's right half is hardly ever trained."""
        got = f"continuous codes from {drawn.min():.2f} to {drawn.max():.2f}"
        raise Wrong(given, got, "from -1 to 1", why)
    if abs(centre) > 0.04 or abs(spread - 1 / math.sqrt(3)) > 0.03:
        why = "All values from -1 to 1 are to be equally likely."
        if drawn.min() >= 0:
            why = """Half of the range is never drawn: a slider there would show what was never
                trained."""
        raise Wrong(given, seen, "mean 0, deviation 0.58", why)
    ranks = (torch.arange(drawn.numel(), dtype=drawn.dtype) + 0.5) / drawn.numel()
    if ((drawn.flatten().sort().values + 1) / 2 - ranks).abs().max() > 0.03:
        why = "Between -1 and 1 no value is preferred."
        raise Wrong(given, "some values more often than others", "all equally often", why)


def check_independent(drawn: Tensor, given: str) -> None:
    """Raise `Wrong` if rows (N, 4 + 3 + 2) repeat each other or one code tells of another."""
    if len(drawn[:, 7:].unique(dim=0)) < len(drawn):
        why = "Every picture gets a code of its own; otherwise a batch trains one code at a time."
        raise Wrong(given, "codes that repeat themselves", f"{len(drawn)} different ones", why)
    together, block = torch.corrcoef(drawn.T), whole(0, 0, 0, 0, 1, 1, 1, 2, 3)
    together[block[:, None] == block] = 0
    if (worst := together.abs().max()) > 0.08:
        why = """Codes that move together are one code: Q need see only one, and neither can be
            turned alone."""
        raise Wrong(given, f"two codes with correlation {worst:.2f}", "about 0", why)


@exercise(minutes=10, difficulty="medium", call="(logits, value)")
def information(answer: Answer) -> str:
    """Q's logits (N, K), the values drawn (N,), all K equally likely -> H(c) + E log Q in nats.

    One number, exact at logits of +-100.
    """
    some, value = draws(5, 10, seed=0), whole(3, 0, 9, 3, 5)
    few = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, -1.0]])
    cases = {
        "a Q of 10 values that says the same of all": (torch.zeros(5, 10), value),
        "a Q of 10 values with random logits": (some, value),
        "logits = [[2, 0, 0], [0, 1, -1]], value = [0, 2]": (few, whole(0, 2)),
    }
    why = "L_I = H(c) + mean log Q(value): what the code holds, less the surprise left to Q."
    probes.compare(answer, cases, bound, why)
    sure = 200 * one_hot(value, 10).float() - 100
    cases = {
        "a Q that is sure and right, logits of +-100": (sure, value),
        "a Q that is sure and wrong": (sure, (value + 1) % 10),
    }
    why = """A probability of exp(-200) rounds to 0, and its logarithm to minus infinity. There is a
        form that starts from the logit and never makes the probability."""
    probes.compare(answer, cases, bound, why)
    return """0 for a Q that knows nothing, ln K for one that is always right, and far below 0 for
        one that is sure and wrong: it is a lower bound, and a poor Q makes it a poor one."""


def bound(logits: Tensor, value: Tensor) -> Tensor:
    return math.log(logits.shape[1]) - cross_entropy(logits, value)


@information.mistake("That is Q's loss, which falls to 0. The bound is what it leaves of H(c).")
def the_loss(logits, value):
    return cross_entropy(logits, value)


@information.mistake("The sign is flipped: a Q that guesses right raises the bound.")
def the_wrong_way_up(logits, value):
    return -bound(logits, value)


@information.mistake("The entropy is missing: a Q that knows nothing would have less than nothing.")
def without_the_entropy(logits, value):
    return -cross_entropy(logits, value)


@information.mistake("""A softmax seems to be taken twice, once by you and once inside a function
    that takes logits. A Q that is sure could then show at most 0.84 of 2.30 nats.""")
def softmax_twice(logits, value):
    return bound(logits.softmax(1), value)


@information.mistake("The surprise is added up over the pictures; take its mean.")
def surprises_summed(logits, value):
    return math.log(logits.shape[1]) - cross_entropy(logits, value, reduction="sum")


@information.mistake("That is ln 10 whatever the code's size. How many values does this one have?")
def always_ln_10(logits, value):
    return math.log(10) - cross_entropy(logits, value)


@information.mistake("""That is how sure Q is, not how right: the drawn values do not appear in it,
    so sure and wrong would be paid.""")
def how_sure_q_is(logits, value):
    q = torch.distributions.Categorical(logits=logits)
    return math.log(logits.shape[1]) - q.entropy().mean()


@information.mistake("""That is the fraction of right guesses. The bound pays for the probability of
    the right value.""")
def accuracy(logits, value):
    return (logits.argmax(1) == value).float().mean()


HALF_LOG_2_PI = math.log(2 * math.pi) / 2


@exercise(minutes=10, difficulty="medium", call="(mean, code)")
def continuous_surprise(answer: Answer) -> str:
    """Q's means and the codes drawn, (N, C) each -> -log of a Gaussian of deviation 1, a scalar.

    Summed over codes, averaged over pictures, with its gradient. The constant ln(2 pi) / 2 per code
    may be there or not; a dict or tuple of terms is summed.
    """
    code = 2 * torch.rand(4, 2, generator=torch.Generator().manual_seed(1)) - 1
    guess = draws(4, 2, seed=2)
    at_best = probes.loss_value(answer(code, code))
    constant = HALF_LOG_2_PI if near(at_best, torch.tensor(2 * HALF_LOG_2_PI)) else 0.0

    def truth(mean: Tensor, code: Tensor) -> Tensor:
        return ((code - mean).square() / 2 + constant).sum(1).mean()

    cases = {
        "mean = code": (code, code),
        "4 pictures, 2 codes": (guess, code),
        "5 pictures, 3 codes": (draws(5, 3, seed=3), draws(5, 3, seed=4)),
    }
    why = """-log N(c; mean, 1) is a square and a constant. Add it up over the codes of a picture,
        and take the mean over the pictures."""
    probes.compare(answer, cases, truth, why, read=probes.loss_value)
    given = "4 pictures, 2 codes"
    cut = """Going through .item(), NumPy, detach or no_grad cuts the loss off from Q, and from the
        generator behind it."""
    why = """Downhill, each mean goes to its code, by as much as it is away; a clamp cuts that where
        it is needed most."""
    probes.compare_gradients(answer, truth, (guess, code), why, given=given, cut=cut)
    return """Half the squared error, a sum over the codes. A Q that always says 0 pays 1/6 = 0.167
        per code: that is the variance of U(-1, 1), halved, and all a continuous code can earn."""


@continuous_surprise.mistake("""That is the squared error without the half that a Gaussian of
    deviation 1 has: its weight in the game is doubled.""")
def without_the_half(mean, code):
    return (code - mean).square().sum(1).mean()


@continuous_surprise.mistake("That is a mean over the codes; the surprises of all codes add up.")
def mean_over_codes(mean, code):
    return (code - mean).square().mean() / 2


@continuous_surprise.mistake("""That is the mean squared error: the half is missing, and the codes
    are averaged where their surprises add up.""")
def mean_squared_error(mean, code):
    return (code - mean).square().mean()


@continuous_surprise.mistake("That is the absolute error (Laplace). A Gaussian squares.")
def absolute_error(mean, code):
    return (code - mean).abs().sum(1).mean()


@continuous_surprise.mistake("That is a distance; a Gaussian's surprise grows with its square.")
def distance(mean, code):
    return (code - mean).norm(dim=1).mean()


# --- the two turns ---


class TwoHeads(nn.Module):
    """A tiny discriminator with Q on its trunk: (N, 2) -> logits (N,), code logits (N, 3)."""

    def __init__(self):
        super().__init__()
        self.trunk, self.real, self.code = nn.Linear(2, 4), nn.Linear(4, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x).tanh()
        return self.real(features).squeeze(1), self.code(features)


def players_with_q() -> tuple[nn.Sequential, TwoHeads]:
    """A generator (N, 2 + 3) -> (N, 2) and its discriminator with Q; always the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)), TwoHeads()


WEIGHT = 3.0  # of the information: far from 1, so that one left out is seen
CODES = whole(0, 2, 1, 1, 0, 2, 2, 0)
LATENT = torch.cat([draws(8, 2, seed=2), one_hot(CODES, 3).float()], 1)


@exercise(
    minutes=15,
    difficulty="medium",
    call="(generator, discriminator, optimizer, real, latent, code, weight)",
)
def discriminator_turn(answer: Answer) -> str:
    """Play a turn of the discriminator: its loss plus `weight` times the code's cross-entropy.

    `discriminator(x)` gives logits (N,) and the code's logits (N, 3); `optimizer` holds all its
    parameters, in which an old gradient is left. `latent` (N, 5) was made with `code` (N,). No
    gradient may arrive in the generator.
    """
    generator, discriminator = players_with_q()
    real = draws(8, 2, seed=1) + 1
    (on_real, _), (on_fake, guess) = discriminator(real), discriminator(generator(LATENT).detach())
    loss = probes.total(log_loss(on_real, on_fake)) + WEIGHT * cross_entropy(guess, CODES)
    given = f"two small networks, 8 real points, 8 latents with their codes, weight = {WEIGHT:.0f}"
    data = real, LATENT.clone(), CODES.clone(), WEIGHT
    check_turn(answer, "discriminator", generator, discriminator, data, loss, given)
    return "Trunk, verdict and Q moved in one step; Q was asked about generated pictures only."


@exercise(
    minutes=10,
    difficulty="medium",
    call="(generator, discriminator, optimizer, latent, code, weight)",
)
def generator_turn(answer: Answer) -> str:
    """Play a turn of the generator: its non-saturating loss plus `weight` times the cross-entropy.

    Arguments as in `discriminator_turn`; `optimizer` holds the generator's parameters, in which an
    old gradient is left. One step; neither trunk nor heads may move.
    """
    generator, discriminator = players_with_q()
    on_fake, guess = discriminator(generator(LATENT))
    loss = softplus(-on_fake).mean() + WEIGHT * cross_entropy(guess, CODES)
    given = f"two small networks, 8 latents with their codes, weight = {WEIGHT:.0f}"
    data = LATENT.clone(), CODES.clone(), WEIGHT
    check_turn(answer, "generator", generator, discriminator, data, loss, given)
    return "One loss, one step: verdict and information share it as the weight says."


def d_turn(information: Callable, verdict: Callable = log_loss) -> Callable:
    """A turn of the discriminator with this information term of (Q's logits, code, weight)."""

    def turn(generator, discriminator, optimizer, real, latent, code, weight):
        optimizer.zero_grad()
        on_fake, guess = discriminator(generator(latent).detach())
        verdicts = verdict(discriminator(real)[0], on_fake)
        (probes.total(verdicts) + information(guess, code, weight)).backward()
        optimizer.step()

    return turn


def g_turn(information: Callable, verdict: Callable = non_saturating_generator) -> Callable:
    """The same for the generator."""

    def turn(generator, discriminator, optimizer, latent, code, weight):
        optimizer.zero_grad()
        on_fake, guess = discriminator(generator(latent))
        (probes.total(verdict(on_fake)) + information(guess, code, weight)).backward()
        optimizer.step()

    return turn


def in_both_turns(why: str) -> Callable[[Callable], Callable]:
    """Register a wrong information term as a mistake of both players."""

    def register(information: Callable) -> Callable:
        discriminator_turn.mistake(why)(d_turn(information))
        generator_turn.mistake(why)(g_turn(information))
        return information

    return register


@in_both_turns("""It moved as if there were no information term, or as if its gradient had been cut
    off. Who is paid here, and for what? Without the term Q never learns to read a code, and nobody
    could be paid.""")
def unpaid(guess, code, weight):
    return 0 * guess.sum()


@in_both_turns("The information term has the wrong sign: it pays for codes that cannot be guessed.")
def fined(guess, code, weight):
    return -weight * cross_entropy(guess, code)


@in_both_turns("The information term counts once, whatever its weight is.")
def unweighed(guess, code, weight):
    return cross_entropy(guess, code)


@in_both_turns("""A softmax seems to be taken before a function of logits: Q can then never be sure,
    and the slope is wrong.""")
def softmax_before_the_logits(guess, code, weight):
    return weight * cross_entropy(guess.softmax(1), code)


def paid(guess: Tensor, code: Tensor, weight: float) -> Tensor:
    return weight * cross_entropy(guess, code)


discriminator_turn.mistake("Only the information counts: nobody learns to tell real from made.")(
    d_turn(paid, lambda on_real, on_fake: 0 * on_fake.sum())
)
generator_turn.mistake("""Only the information counts: pictures need not look real, only show their
    code.""")(g_turn(paid, lambda on_fake: 0 * on_fake.sum()))
generator_turn.mistake("""It learned to be caught: for the verdict, its wish is the opposite of the
    discriminator's. Only for the code do the two want the same.""")(
    g_turn(paid, lambda on_fake: softplus(on_fake).mean())
)


@discriminator_turn.mistake("Q is asked for the code of real pictures, for which none was drawn.")
def codes_of_real_pictures(generator, discriminator, optimizer, real, latent, code, weight):
    guess = discriminator(real)[1]
    turn = d_turn(lambda *of_fake: paid(guess, code, weight))
    turn(generator, discriminator, optimizer, real, latent, code, weight)


@discriminator_turn.mistake("""Q's head learns, but the gradient ends before the trunk, which then
    keeps only what helps to tell real from made.""")
def trunk_not_shared(generator, discriminator, optimizer, real, latent, code, weight):
    features = discriminator.trunk(generator(latent)).tanh().detach()
    turn = d_turn(lambda *of_fake: paid(discriminator.code(features), code, weight))
    turn(generator, discriminator, optimizer, real, latent, code, weight)


# --- what was found ---


@exercise(minutes=15, difficulty="medium", call="(category, label)")
def matching(answer: Answer) -> str:
    """Categories and labels (N,), 0 to K - 1 -> each category's class, one to one, best matched.

    A list, tensor or array of K integers, or a dict from category to class. Where several are
    equally good, any.
    """
    tables = {
        "3 categories, each a class of its own": [[0, 0, 9], [8, 0, 0], [0, 9, 0]],
        "3 categories, two of them mostly of class 0": [[8, 5, 0], [9, 0, 0], [0, 3, 4]],
        "3 categories, where the largest pair is a bad start": [[10, 9, 0], [9, 0, 0], [0, 1, 2]],
        "6 categories": [
            *([1, 0, 7, 0, 2, 0], [0, 6, 0, 6, 0, 1], [5, 0, 4, 0, 0, 0]),
            *([0, 0, 0, 5, 3, 0], [0, 4, 0, 0, 0, 4], [0, 0, 1, 0, 6, 5]),
        ],
    }
    cases = {name: pairs(torch.tensor(table)) for name, table in tables.items()}
    got = {name: one_to_one(answer(*pair), name, len(tables[name])) for name, pair in cases.items()}
    for name, pair in cases.items():
        table = torch.tensor(tables[name])
        found, most = (
            int(table[torch.arange(len(table)), mapping].sum())
            for mapping in (got[name], codes.matched(*pair))
        )
        if found < most:
            right = f"{got[name].tolist()}: {found} pictures right"
            why = "Another pairing has more pictures right. There are few enough to try them all."
            raise Wrong(name, right, f"{most} right", why, torch.cat([*got.values()]).double())
    return """No one-to-one naming gets more right. Labels are only for naming: the categories were
        found without them."""


def pairs(table: Tensor) -> tuple[Tensor, Tensor]:
    """Counts (K, K) of category and class -> categories and labels (N,), in mixed order."""
    category, label = table.nonzero().repeat_interleave(table[table > 0], 0).T
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(0))
    return category[order], label[order]


def one_to_one(returned, given: str, size: int) -> Tensor:
    """An answer as classes of categories 0 to K - 1. Raises `Wrong` unless a permutation."""
    if isinstance(returned, Mapping):
        returned = [returned.get(k, returned.get(str(k), -1)) for k in range(size)]
    try:
        mapping = probes.tensor([int(x) for x in returned])
    except (TypeError, ValueError) as error:
        why = "Return the class of category 0, of category 1, and so on."
        raise Wrong(given, returned, f"{size} integers", why) from error
    if len(mapping) != size:
        why = "Return the class of each category, in order."
        raise Wrong(given, f"{len(mapping)} entries", f"{size}, one per category", why)
    if sorted(mapping.tolist()) != list(range(size)):
        why = """Two categories have one name, and some class has none. If categories may share a
            name, then with enough of them every picture is right, and the error says nothing."""
        raise Wrong(given, mapping, f"every class from 0 to {size - 1} once", why)
    return mapping


@matching.mistake("That is the category of each class; the class of each category is asked for.")
def inverted(category, label):
    return codes.matched(category, label).argsort()


@matching.mistake("""The largest pair first, then the largest of what is left: an early pair can
    take the only good partner of another.""")
def greedy(category, label):
    size = int(label.max()) + 1
    left = torch.bincount(category * size + label, minlength=size**2).view(size, size)
    mapping = [0] * size
    for _ in range(size):
        row, column = divmod(int(left.argmax()), size)
        mapping[row] = column
        left[row], left[:, column] = -1, -1
    return mapping


@matching.mistake("Nothing has told category 3 to be the threes: the numbers mean nothing yet.")
def as_they_are(category, label):
    return range(int(label.max()) + 1)


@exercise(minutes=10, difficulty="medium", call="(a, b)")
def spearman(answer: Answer) -> str:
    """Two rows (N,) -> the correlation of their ranks, -1 to 1; ties share their mean rank."""
    a, b = draws(2, 12, seed=5)
    cases = {
        "a = [1, 2, 3, 4], b = [1, 8, 27, 64]": (torch.arange(1.0, 5), torch.arange(1.0, 5) ** 3),
        "a falls as b rises": (a, -a.exp()),
        "two rows of 12 random numbers": (a, a + b),
    }
    why = "Give every number its place in its row, then correlate the places."
    probes.compare(answer, cases, codes.spearman, why)
    ties = logits(1, 2, 2, 2, 5, 9), logits(3, 1, 4, 4, 8, 7)
    why = "Equal numbers share the mean of their places; else the order of the pictures decides."
    probes.compare(
        answer, {"a = [1, 2, 2, 2, 5, 9], b = [3, 1, 4, 4, 8, 7]": ties}, codes.spearman, why
    )
    return """1 for anything that rises together, bent or straight, -1 for the opposite; ties are
        shared."""


def pearson(a: Tensor, b: Tensor) -> Tensor:
    return torch.corrcoef(torch.stack([a, b]).double())[0, 1]


@spearman.mistake("""That is Pearson's correlation, which asks for a straight line: a code that
    turns a digit by its cube would look worse than it is. Compare ranks.""")
def plain_correlation(a, b):
    return pearson(a, b)


@spearman.mistake("An argsort says which number comes first, not its place. Sort the order again.")
def argsort_for_rank(a, b):
    return pearson(a.argsort(), b.argsort())


@spearman.mistake("The sign is lost: a code may turn its digit to the left.")
def without_its_sign(a, b):
    return abs(codes.spearman(a, b))


@spearman.mistake("That is Kendall's tau, which counts ordered pairs: another good measure.")
def kendall(a, b):
    signs = [torch.sign(row[:, None] - row) for row in (a, b)]
    return (signs[0] * signs[1]).sum() / (len(a) * (len(a) - 1))


@spearman.mistake("The short formula with 6 and d squared holds only where there are no ties.")
def short_formula(a, b):
    n, apart = len(a), codes.ranks(a) - codes.ranks(b)
    return 1 - 6 * apart.square().sum() / (n * (n**2 - 1))


EXERCISES = in_order(globals())
