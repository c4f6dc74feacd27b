"""What has a code learned to control? Categories against classes, codes against measurements."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from scipy.stats import mannwhitneyu, rankdata, spearmanr
from torch import Tensor, nn

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_class, as_points, as_uint8

TEMPERATURES = [2 ** (k / 4) for k in range(-8, 41)]  # 1/4 .. 1024, where every prediction is flat


def matched(predicted: Tensor, labels: Tensor) -> Tensor:
    """Match categories to classes, one to one, with fewest errors (Hungarian algorithm).

    Fit the assignment on training pictures and apply it to others: on the pictures it was fitted
    on, the error is too small.

    Args:
        predicted: (N,), the category found in each picture, 0..K-1.
        labels: (N,), the class of each picture, 0..C-1.

    Returns:
        (max(K, C),) int64: the class of each category, -1 for the categories left over when K > C.

    Raises:
        CourseError: shapes that do not match, or labels that are not integers of 0 or more.
    """
    predicted, labels = _pair(predicted, labels)
    classes = int(labels.max()) + 1
    size = max(int(predicted.max()) + 1, classes)
    table = (size * predicted + labels).bincount(minlength=size**2).view(size, size)
    mapping = torch.from_numpy(linear_sum_assignment(table, maximize=True)[1])
    return mapping.where(mapping < classes, torch.tensor(-1))


def matching_error(predicted: Tensor, labels: Tensor, mapping: Tensor) -> float:
    """The fraction of pictures, 0..1, whose category maps to the wrong class; .9 by guessing.

    Args:
        predicted, labels: (N,), as for `matched`.
        mapping: (K,), the class of each category, from `matched`.

    Raises:
        CourseError: as `matched`, or a category that `mapping` does not contain.
    """
    predicted, labels = _pair(predicted, labels)
    if predicted.max() >= len(mapping):
        raise CourseError(
            f"predicted={predicted.max()}: no class for this category, mapping has {len(mapping)}; "
            "fit the mapping on pictures of all categories."
        )
    return (mapping[predicted] != labels).double().mean().item()


class Reader(nn.Module):
    """A fresh Q: the digit classifier's architecture for pictures of any size.

    (N, C, H, W) uint8 -> logits (N, classes).
    """

    def __init__(self, shape: tuple[int, int, int], classes: int):
        super().__init__()
        channels, height, width = shape
        self.body = nn.Sequential(
            *_halved(channels, 32),  # H/2 x W/2
            *_halved(32, 64),  # H/4 x W/4
            *_halved(64, 64),  # H/8 x W/8
            nn.Flatten(),
            nn.Linear(64 * (height // 8) * (width // 8), 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
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
    """A lower bound, in nats, on what a picture reveals of its categorical code (Barber & Agakov
    2003; Chen et al. 2016, equation 4):

        I(c; x) >= H(c) + E[log Q(c | x)]

    Q is a new network, trained on a random half of the pairs and scored on the other half. It took
    no part in training the generator, so the two cannot share a hidden signal. Pictures are rounded
    to uint8 for the same reason.

    Args:
        pictures: (N, C, H, W), uint8 or float in [-1, 1], each generated from its own code. N of
            about 20,000 is enough; below 4,000, Q is trained too briefly.
        codes: (N,), 0..classes-1.
        seed: for the halves and for Q.
        epochs: passes over the half that Q is trained on.

    Returns:
        nats: log(classes), 2.303 for ten, when every picture reveals its code; 0 when none does,
        give or take a few thousandths, so it can be slightly negative. It is a lower bound: what Q
        has failed to learn is missing.

    Raises:
        CourseError: shapes or ranges that do not match, fewer than 100 pictures, or pictures below
            16 x 16 pixels.
    """
    pictures = as_uint8(pictures, "pictures").cpu()
    codes = as_class(codes, len(pictures), "codes", classes)
    if len(pictures) < 100 or min(pictures.shape[2:]) < 16:
        raise CourseError(
            f"pictures.shape={tuple(pictures.shape)}: too few or too small to train Q; "
            "give at least 100 pictures of at least 16 x 16 pixels."
        )
    generator = torch.Generator().manual_seed(seed)
    learn, score = torch.randperm(len(pictures), generator=generator).chunk(2)
    learn, check = learn[: -len(learn) // 10], learn[-len(learn) // 10 :]
    q = fit_reader(pictures[learn], codes[learn], classes, generator, epochs, device)
    with torch.no_grad():
        logits = torch.cat([q(part.to(device)).cpu().double() for part in pictures.split(1000)])
    # Overconfidence costs nats. A temperature, fitted outside Q's training set, corrects that.
    temperature = min(TEMPERATURES, key=lambda t: F.cross_entropy(logits[check] / t, codes[check]))
    entropy = torch.special.entr(codes[score].bincount().double() / len(score)).sum()
    return (entropy - F.cross_entropy(logits[score] / temperature, codes[score])).item()


def fit_reader(
    pictures: Tensor,
    codes: Tensor,
    classes: int,
    generator: torch.Generator,
    epochs: int,
    device: str | torch.device = "cpu",
) -> Reader:
    """A Q trained with Adam and a one-cycle rate. No shifts: a code may be a position."""
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(generator.initial_seed())  # initial weights and dropout
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
    """Spearman's rank correlation of two rows of numbers (N,), -1..1: does one rise with the other?

    Ties share their mean rank. If all numbers of a row are equal, the correlation is undefined; 0
    is returned. For independent rows the value lies within 2 / sqrt(N - 1) of 0 in 95 % of cases.

    Raises:
        CourseError: rows of different lengths, fewer than two numbers, or numbers that are not
            finite.
    """
    a, b = _row(a, "a", least=2), _row(b, "b", least=2)
    if len(a) != len(b):
        raise CourseError(
            f"b.shape=({len(b)},): not as long as a, which has {len(a)}; give rows of one length."
        )
    constant = (a == a[0]).all() or (b == b[0]).all()
    return 0.0 if constant else float(spearmanr(a, b).statistic)


def auc(scores: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve, 0..1.

    It is the probability that a picture with the attribute scores higher than one without, where a
    tie counts one half (the Mann-Whitney statistic). .5 is chance; constant scores get it. 0
    separates the two as well as 1, with the sign reversed.

    Args:
        scores: (N,), any real numbers.
        labels: (N,), 1 or True with the attribute, 0 or False without.

    Raises:
        CourseError: shapes that do not match, other labels, scores that are not finite, or only one
            of the labels.
    """
    scores = _row(scores, "scores")
    labels = labels.long() if labels.dtype == torch.bool else labels
    labels = as_class(labels, len(scores), "labels", 2).bool()
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not (positive and negative):
        raise CourseError(
            f"labels: {positive} pictures with the attribute and {negative} without; "
            "give at least one of each."
        )
    test = mannwhitneyu(scores[labels], scores[~labels], method="asymptotic")
    return float(test.statistic) / (positive * negative)


def best_code(scores: Tensor, labels: Tensor, names: list[str] | None = None) -> dict:
    """The code that best predicts a binary attribute, which played no part in training.

    Args:
        scores: (N, K), the value of K codes for each picture: a mean, or the probability of a
            category.
        labels: (N,), 1 with the attribute, 0 without.
        names: of the codes; by default "code 0", "code 1", ...

    Returns:
        dict of `code`, the name of the best one; `column`, its index; `auc`, its AUC or 1 - AUC,
        whichever is larger, so .5..1; `direction`, +1 if the score rises with the attribute and -1
        if it falls; and `all`, the AUC of every name as it is. Even the best of K useless codes
        exceeds .5, on average by up to sqrt(log(2 K) / (6 n)), where n is the number of pictures
        with the rarer label.

    Raises:
        CourseError: as `auc`, or a number of names other than K.
    """
    scores = as_points(scores, "scores")
    names = names or [f"code {k}" for k in range(scores.shape[1])]
    if len(names) != scores.shape[1]:
        raise CourseError(
            f"names={names}: {len(names)} names for {scores.shape[1]} columns of scores; "
            "give one name per column."
        )
    found = [auc(column, labels) for column in scores.T]
    column = max(range(len(found)), key=lambda k: abs(found[k] - 0.5))
    return {
        "code": names[column],
        "column": column,
        "auc": max(found[column], 1 - found[column]),
        "direction": 1 if found[column] >= 0.5 else -1,
        "all": dict(zip(names, found, strict=True)),
    }


def ranks(row: Tensor) -> Tensor:
    """The ranks (N,) float64 of the numbers (N,), ascending from 1; ties share their mean rank.

    Raises:
        CourseError: not one row of numbers, or numbers that are not finite.
    """
    return torch.from_numpy(rankdata(_row(row, "row")))


def _row(row: Tensor, name: str, least: int = 1) -> Tensor:
    """One row of finite numbers (N,) as float64 on the CPU."""
    if row.ndim != 1:
        raise CourseError(f"{name}.shape={tuple(row.shape)}: not (N,); give one row of numbers.")
    return as_points(row[:, None], name, least).squeeze(1)


def _pair(predicted: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    predicted = as_class(predicted, len(predicted), "predicted")
    return predicted, as_class(labels, len(predicted), "labels")
