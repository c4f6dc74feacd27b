"""What has a code learned to control? Categories against classes, codes against what can be measured in a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_class, as_points, as_uint8

TEMPERATURES = [
    2 ** (k / 4) for k in range(-8, 41)
]  # 1/4 .. 1024, which is as good as knowing nothing


def matched(predicted: Tensor, labels: Tensor) -> Tensor:
    """Name each category after a class, one to one, so that as many pictures as can be are right (Hungarian method).

    Fit it on training pictures and use it on others: fitted on the pictures it is judged on, it flatters.

    Args:
        predicted: (N,), the category found in each picture, 0..K-1.  labels: (N,), its class, 0..C-1.

    Returns:
        (max(K, C),) int64: the class of each category, -1 for those that are left over when K > C.

    Raises:
        CourseError: shapes that do not fit, or labels that are not whole numbers from 0 on.
    """
    predicted, labels = _pair(predicted, labels)
    classes = int(labels.max()) + 1
    size = max(int(predicted.max()) + 1, classes)
    table = (
        (size * predicted + labels).bincount(minlength=size**2).view(size, size)
    )  # pictures of category, class
    mapping = torch.from_numpy(linear_sum_assignment(table, maximize=True)[1])
    return mapping.where(mapping < classes, torch.tensor(-1))


def matching_error(predicted: Tensor, labels: Tensor, mapping: Tensor) -> float:
    """The part, 0..1, of pictures whose category (N,) stands, by `mapping` (K,), for another class than `labels` (N,).

    Guessing among ten classes has .9. Raises a CourseError as `matched`, and for a category that `mapping` lacks.
    """
    predicted, labels = _pair(predicted, labels)
    if predicted.max() >= len(mapping):
        raise CourseError(
            f"Category {predicted.max()} has no class: the mapping holds {len(mapping)}, from 0 on."
        )
    return (mapping[predicted] != labels).double().mean().item()


class Reader(nn.Module):
    """The fresh Q: the judge's kind of network for pictures of any size. (N, C, H, W) uint8 -> logits (N, classes)."""

    def __init__(self, shape: tuple[int, int, int], classes: int):
        super().__init__()
        channels, height, width = shape
        self.body = nn.Sequential(
            *[
                *_halved(channels, 32),
                *_halved(32, 64),
                *_halved(64, 64),
                nn.Flatten(),
            ],  # H/2 x W/2, H/4, H/8
            *[
                nn.Linear(64 * (height // 8) * (width // 8), 128),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(128, classes),
            ],
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.body(pictures.float() / 127.5 - 1)


def _halved(before: int, after: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


def mutual_information(
    pictures: Tensor,
    codes: Tensor,
    classes: int,
    *,
    seed: int = 0,
    epochs: int = 5,
    device: str | torch.device = "cpu",
) -> float:
    """A lower bound, in nats, of what a picture tells of its categorical code (Barber & Agakov 2003; Chen et al. 2016,
    equation 4):

        I(c; x) >= H(c) + E[log Q(c | x)]

    Q is a fresh network that learns from a random half of the pairs and is scored on the other: the generator never
    played with it, so nothing can have been agreed between the two. Pictures are rounded to bytes, for the same reason.

    Args:
        pictures: (N, C, H, W), uint8 or float in [-1, 1], each generated from its own code; N = 20,000 or so. Under 4,000 Q
            has no time to learn.
        codes: (N,), 0..classes-1.
        seed: of the halves and of Q.
        epochs: times through the half that Q learns from.

    Returns:
        nats: log(classes), 2.303 for ten, when every picture shows its code; 0, within some thousandths and sometimes
        below, when none does. It is a bound: what Q has not learned to see, or had too few pictures to learn, is missing.

    Raises:
        CourseError: shapes or ranges that do not fit, fewer than 100 pictures, or pictures under 16 x 16 pixels.
    """
    pictures = as_uint8(pictures).cpu()
    codes = as_class(codes, len(pictures), "pictures", classes)
    if len(pictures) < 100 or min(pictures.shape[2:]) < 16:
        raise CourseError(
            f"Q needs 100 pictures or more, of 16 x 16 pixels or more, not {tuple(pictures.shape)}."
        )
    generator = torch.Generator().manual_seed(seed)
    learn, score = torch.randperm(len(pictures), generator=generator).chunk(2)
    learn, check = learn[: -len(learn) // 10], learn[-len(learn) // 10 :]
    q = _learned(pictures[learn], codes[learn], classes, generator, epochs, device)
    with torch.no_grad():
        logits = torch.cat([q(part.to(device)).cpu().double() for part in pictures.split(1000)])
    # An overconfident Q pays for it in nats. One number, chosen on pictures it has not learned, takes that back.
    temperature = min(TEMPERATURES, key=lambda t: F.cross_entropy(logits[check] / t, codes[check]))
    entropy = torch.special.entr(
        codes[score].bincount().double() / len(score)
    ).sum()  # of the codes that were drawn
    return (entropy - F.cross_entropy(logits[score] / temperature, codes[score])).item()


def _learned(
    pictures: Tensor,
    codes: Tensor,
    classes: int,
    generator: torch.Generator,
    epochs: int,
    device: str | torch.device,
) -> Reader:
    """A Q that has learned codes from pictures, Adam under a one-cycle rate. Nothing is shifted: a code may be a place."""
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(generator.initial_seed())  # the first weights and dropout
        q = Reader(tuple(pictures.shape[1:]), classes).to(device)
        optimizer = torch.optim.Adam(q.parameters(), lr=3e-3)
        steps = epochs * -(-len(pictures) // 125)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        for _ in range(epochs):
            for chosen in torch.randperm(len(pictures), generator=generator).split(125):
                loss = F.cross_entropy(q(pictures[chosen].to(device)), codes[chosen].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return q.eval()


def spearman(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation of two rows of numbers (N,), -1..1: does one rise when the other does, in any shape?

    Ties share their mean rank. A row that is the same everywhere follows nothing: 0. Between independent rows the
    value is within 2 / sqrt(N - 1) of 0 nineteen times in twenty.

    Raises:
        CourseError: not two rows of one length, fewer than two numbers, or numbers that are not finite.
    """
    a, b = (ranks(x, least=2) for x in (a, b))
    if len(a) != len(b):
        raise CourseError(
            f"Rank correlation compares rows of one length, but these have {len(a):,} and {len(b):,}."
        )
    a, b = a - a.mean(), b - b.mean()
    scale = a.norm() * b.norm()
    return (a @ b / scale).clamp(-1, 1).item() if scale else 0.0


def auc(scores: Tensor, labels: Tensor) -> float:
    """The chance, 0..1, that a picture with the attribute scores higher than one without (Mann-Whitney; a tie is half).

    Args:
        scores: (N,), any real numbers.  labels: (N,), 1 or True with the attribute, 0 or False without.

    .5 is what a coin has; 0 finds it as surely as 1, backwards.

    Raises:
        CourseError: shapes that do not fit, other labels, scores that are not finite, or a side without pictures.
    """
    rank = ranks(scores)
    labels = as_class(
        labels.long() if labels.dtype == torch.bool else labels, len(rank), "scores", 2
    ).bool()
    with_it, without = int(labels.sum()), int((~labels).sum())
    if not (with_it and without):
        raise CourseError(
            f"AUC needs pictures with and without the attribute, but there are {with_it} and {without}."
        )
    return (rank[labels].sum().item() - with_it * (with_it + 1) / 2) / (with_it * without)


def best_code(scores: Tensor, labels: Tensor, names: list[str] | None = None) -> dict:
    """Which code, if any, has found a binary attribute that it was never told of?

    Args:
        scores: (N, K), what each of K codes says of each picture: a mean, or a category's probability.
        labels: (N,), 1 with the attribute, 0 without.
        names: of the codes; "code 0", "code 1" ... when there are none.

    Returns:
        dict of `code`, the name of the best, `column`, its index, `auc` folded to .5..1, `direction`, +1 if the score
        rises with the attribute and -1 if it falls, and `all`: every name with its AUC, not folded.
        The best of K useless codes is above .5, on average by up to sqrt(log(2 K) / (6 n)), n being the rarer side.

    Raises:
        CourseError: as `auc`, or another number of names than of columns.
    """
    scores = as_points(scores, "Scores")
    names = names or [f"code {k}" for k in range(scores.shape[1])]
    if len(names) != scores.shape[1]:
        raise CourseError(f"There are {scores.shape[1]} columns of scores, but {len(names)} names.")
    found = [auc(column, labels) for column in scores.T]
    column = max(range(len(found)), key=lambda k: abs(found[k] - 0.5))
    return {
        "code": names[column],
        "column": column,
        "auc": max(found[column], 1 - found[column]),
        "direction": 1 if found[column] >= 0.5 else -1,
        "all": dict(zip(names, found, strict=True)),
    }


def ranks(row: Tensor, least: int = 1) -> Tensor:
    """The places (N,) float64, from 1 on, of the numbers (N,) in ascending order; equal ones share their mean place."""
    values = as_points(
        row.reshape(-1, 1) if row.ndim == 1 else row, "Numbers to rank", least
    ).squeeze(1)
    if values.ndim != 1:
        raise CourseError(f"Ranks are of one row of numbers (N,), not of shape {tuple(row.shape)}.")
    _, place, count = values.unique(return_inverse=True, return_counts=True)
    return (count.cumsum(0) - (count - 1) / 2)[place].double()


def _pair(predicted: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    predicted = as_class(predicted, len(predicted), "predicted categories")
    return predicted, as_class(labels, len(predicted), "pictures")
