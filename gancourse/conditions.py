"""What a picture can be asked for: labels, codes, captions; read from a command line, checked when
given in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from numpy import ndarray
from torch import Tensor

from gancourse.files import CourseError
from gancourse.recipe import split_pair

LARGEST = 2**63  # torch's int64 ends there


@dataclass(frozen=True)
class Condition:
    """A keyword argument of a game's `sample`, as a command line may give it.

    Attributes:
        name: of the argument.
        kind: int, float or str.
        meaning: for a list of what a model takes.
        in_turn: several values are given to the pictures in turn. Otherwise they are one value
            per code. Text is never split, so that it may hold commas.
    """

    name: str
    kind: type
    meaning: str
    in_turn: bool = False

    def read(self, text: str, n: int):
        """The value that `sample` takes for `n` pictures.

        Raises:
            CourseError: the text holds no numbers of this kind.
        """
        if self.kind is str:
            return text
        try:
            values = [self.kind(part) for part in text.split(",")]
        except ValueError:
            numbers = "whole numbers" if self.kind is int else "numbers"
            raise CourseError(
                f"{self.name}={text}: not {numbers} with commas between them; "
                f"write {self.name}=8 or {self.name}=8,0."
            ) from None
        if self.kind is int and max(map(abs, values)) >= LARGEST:
            raise CourseError(f"{self.name}={text}: no model has so many; write small numbers.")
        return [values[i % len(values)] for i in range(n)] if self.in_turn else values


def read(known: Sequence[Condition], given: Iterable[str], n: int) -> dict:
    """Texts such as "label=8,0" as the keyword arguments of `sample` for `n` pictures.

    Raises:
        CourseError: a text of another form, an unknown or repeated name, or a value of another
            kind.
    """
    by_name = {condition.name: condition for condition in known}
    values: dict = {}
    for pair in given:
        name, text = split_pair(pair)
        if name not in by_name:
            takes = "; ".join(f"{each.name} ({each.meaning})" for each in known)
            raise CourseError(
                f"{pair}: this model has no condition {name!r}; it takes "
                f"{takes or 'no conditions'}."
            )
        if name in values:
            raise CourseError(f"{pair}: {name} was given twice; give it once.")
        values[name] = by_name[name].read(text, n)
    return values


def is_count(n) -> bool:
    """Whether `n` is a whole number from 1 up; True is not."""
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= 1


def require_count(n, otherwise: str = "") -> None:
    """Raise a CourseError unless `n` is a number of pictures; `otherwise`: what else will do."""
    if not is_count(n):
        raise CourseError(
            f"n={n!r}: not a number of pictures; give a whole number from 1 up{otherwise}."
        )


def require_tensor(name: str, given) -> None:
    """Raise a CourseError if what a user gave as `name` is no tensor."""
    if not isinstance(given, Tensor):
        raise CourseError(
            f"{name}: of type {type(given).__name__}, not a tensor; give torch.tensor({name})."
        )


def latents(given: Tensor | None, n: int | None, size: int, seed: int, draw: Callable) -> Tensor:
    """The given latents (n, size), else `n` that `draw(n, size, generator)` makes from `seed`.

    Raises:
        CourseError: nothing says how many, or the given ones have another shape.
    """
    if given is None:
        require_count(n, ", or give latent=")
        given = draw(n, size, torch.Generator().manual_seed(seed))
    require_tensor("latent", given)
    if given.dim() != 2 or given.shape[1] != size:
        raise CourseError(f"latent: shape {tuple(given.shape)}; give (n, {size}).")
    return given.float()


def length_of(given) -> int | None:
    """How many pictures a list or tensor of conditions is for; None for a single value."""
    try:
        return len(given)
    except TypeError:  # a number, a tensor without dimensions, or None
        return None


def labels(given, n: int, classes: int) -> Tensor:
    """One label per picture: int64 (n,), or float32 weights of a mixture (n, classes).

    Args:
        given: a class for all pictures, one for each, weights (n, classes), or None for the
            classes in turn.
        n: how many pictures.

    Raises:
        CourseError: a label that is no class, or more or fewer than `n`.
    """
    if given is None:
        return torch.arange(n) % classes
    try:
        label = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise CourseError(
            f"label={given!r}: not a number; give a whole number, or one for each picture."
        ) from None
    label = checked_labels(label.expand(n) if label.dim() == 0 else label, classes)
    if len(label) != n:
        raise CourseError(
            f"label: {len(label)} labels for {n} pictures; give one label for all, or one for each."
        )
    return label


def checked_labels(label: Tensor, classes: int) -> Tensor:
    """Labels (N,) as int64, or mixtures (N, classes) as float32.

    Raises:
        CourseError: another shape, numbers that are not whole, or a label outside 0 .. classes - 1.
    """
    is_mixture = label.dim() == 2 and label.shape[1] == classes and label.is_floating_point()
    if is_mixture and label.isfinite().all():
        return label.float()
    if label.dim() != 1 or label.is_floating_point() or label.dtype == torch.bool:
        raise CourseError(
            f"label: shape {tuple(label.shape)} and type {label.dtype}; give a whole number, one "
            f"for each picture, or for mixtures a row of {classes} floats each."
        )
    wrong = label[(label < 0) | (label >= classes)]
    if len(wrong):
        raise CourseError(
            f"label={int(wrong[0])}: no such class; labels go from 0 to {classes - 1}."
        )
    return label.long()


def as_given(value):
    """NumPy's numbers as a tensor; anything else as it is."""
    is_numbers = isinstance(value, ndarray) and value.dtype.kind in "if"
    return torch.from_numpy(value) if is_numbers else value


def rows(n: int | None, **given) -> int:
    """How many pictures: `n`, else the length of the first tensor that is given.

    Raises:
        CourseError: neither says it, or they disagree.
    """
    lengths = {
        name: len(each) for name, each in given.items() if isinstance(each, Tensor) and each.dim()
    }
    n = n if n is not None else next(iter(lengths.values()), None)
    require_count(n, ", or tensors with one row per picture")
    wrong = [f"{name} has {length} rows" for name, length in lengths.items() if length != n]
    if wrong:
        raise CourseError(f"n={n}: {' and '.join(wrong)}; give tensors with one row per picture.")
    return n


def codes(name: str, given, drawn: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
    """`drawn` codes (n, K) with the given ones written over.

    Args:
        given: one value per code, where None keeps the drawn one; a single value for the first
            code; or a tensor (n, K).
        sizes: for categorical codes, how many values each has. None: continuous codes.

    Raises:
        CourseError: more or fewer entries than codes, or a value that the code cannot have.
    """
    n, k = drawn.shape
    kinds, what = ("whole numbers", "categorical") if sizes else ("numbers", "continuous")
    wanted = f"this model has {k} {what} code{'s' * (k != 1)}; give {kinds}, one per code"
    if isinstance(given, Tensor):
        table = given[:, None] if given.dim() == 1 and k == 1 else given
        is_whole = not table.is_floating_point()
        if table.shape != drawn.shape or not table.isfinite().all() or (sizes and not is_whole):
            raise CourseError(
                f"{name}: a tensor of shape {tuple(given.shape)} and type {given.dtype}, but "
                f"{wanted}, or a tensor of shape ({n}, {k})."
            )
        for i, size in enumerate(sizes or ()):
            require_value(name, i, size, table[:, i].tolist())
        return table.to(drawn)
    entries = list(given) if isinstance(given, (list, tuple)) else [given] + [None] * (k - 1)
    result = drawn.clone()
    for i, value in enumerate(entries):
        if value is None:
            continue
        fits = isinstance(value, Integral if sizes else Real) and not isinstance(value, bool)
        if len(entries) != k or not fits or (not sizes and not abs(value) < 1e6):
            raise CourseError(
                f"{name}={given!r}: {wanted} (None: drawn), or a tensor of shape ({n}, {k})."
            )
        if sizes:
            require_value(name, i, sizes[i], [value])
        result[:, i] = int(value) if sizes else float(value)
    return result


def require_value(name: str, code: int, size: int, values: Iterable[int]) -> None:
    """Raise a CourseError unless all values of a categorical code are from 0 to `size` - 1."""
    for value in values:
        if not 0 <= value < size:
            raise CourseError(
                f"{name}={value}: code {code} has no such value; give 0 to {size - 1}."
            )


def pictures(given: Tensor, channels: int) -> Tensor:
    """Pictures (N, channels, H, W), uint8 or floats in [-1, 1], as floats in [-1, 1].

    Raises:
        CourseError: no tensor, another number of channels or dimensions, no pictures, or numbers
            far from [-1, 1].
    """
    require_tensor("pictures", given)
    if given.dim() != 4 or given.shape[1] != channels or not given.numel():
        raise CourseError(
            f"pictures: shape {tuple(given.shape)}; give (N, {channels}, H, W), uint8 or floats in "
            "[-1, 1]."
        )
    x = given / 127.5 - 1 if given.dtype == torch.uint8 else given
    if not (
        x.is_floating_point() and (x.abs() < 2).all()
    ):  # a resized one may go a little beyond 1
        raise CourseError(
            f"pictures: type {given.dtype}, from {given.min():g} to {given.max():g}; give uint8, 0 "
            "to 255, or floats in [-1, 1], such as pictures.byte() or pictures / 127.5 - 1."
        )
    return x
