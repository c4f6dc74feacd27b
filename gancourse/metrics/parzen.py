"""The log-likelihood of 2014: test pictures under a Parzen window, a Gaussian put on every sample.

Kept only to compare with the papers of 2014. Above the score of real pictures a larger number means averaging, not
quality: see `gancourse.metrics.cheats`, and Theis et al. 2016, "A note on the evaluation of generative models".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_unit

SIGMAS = tuple(10 ** (exponent / 9 - 1) for exponent in range(10))  # logspace(-1, 0, 10)


def parzen(
    samples: Tensor, test: Tensor, validation: Tensor, sigmas: Sequence[float] = SIGMAS
) -> dict:
    """Mean log-likelihood of the test pictures (Goodfellow et al. 2014, section 5; Breuleux et al. 2011).

        log p(x) = log mean_i exp(-|x - s_i|^2 / (2 sigma^2)) - D log(sigma sqrt(2 pi))

    Sigma is the one of `sigmas` under which the validation pictures are likeliest. The paper's protocol on MNIST: 10,000
    samples, the 10,000 test pictures, and for validation the first 1,000 of the training pictures 50,000 to 60,000.

    Args:
        samples, test, validation: pictures (N, C, H, W), uint8 or float in [-1, 1]; pixels are scaled to [0, 1] here.
        sigmas: window widths to choose from, in units of a pixel of [0, 1].

    Returns:
        dict of `nats` (natural logarithms a picture), `standard_error` over the test pictures, and the `sigma` chosen.

    Raises:
        CourseError: pictures of different sizes, none at all, or values out of range.
    """
    samples, test, validation = as_unit(samples), as_unit(test), as_unit(validation)
    if not (len(samples) and len(test) and len(validation)):
        raise CourseError(
            "The Parzen window needs samples, test and validation pictures, and one of them is empty."
        )
    if not samples.shape[1] == test.shape[1] == validation.shape[1]:
        raise CourseError(
            f"Samples have {samples.shape[1]} numbers a picture, test pictures {test.shape[1]}, "
            f"validation pictures {validation.shape[1]}: all three must be of one size."
        )
    likelihoods = log_likelihoods(samples, validation, sigmas).mean(1)
    sigma = sigmas[int(likelihoods.argmax())]
    nats = log_likelihoods(samples, test, [sigma])[0]
    return {
        "nats": nats.mean().item(),
        "standard_error": nats.std().item() / math.sqrt(len(test)),
        "sigma": sigma,
    }


def log_likelihoods(
    samples: Tensor, points: Tensor, sigmas: Sequence[float], chunk: int = 500
) -> Tensor:
    """Log densities (S, M) in nats of `points` (M, D) under a window on `samples` (N, D), a row for each of S sigmas.

    `chunk` points are compared with all samples at a time: chunk * N * 8 bytes, twice over.
    """
    count, width = samples.shape
    columns = []
    for part in points.split(chunk):
        squared = torch.cdist(part, samples).square_()  # (chunk, N)
        columns.append(
            torch.stack([torch.logsumexp(squared / (-2 * s * s), 1) for s in sigmas])
        )  # (S, chunk)
    constants = [math.log(count) + width * math.log(s * math.sqrt(2 * math.pi)) for s in sigmas]
    return torch.cat(columns, 1) - torch.tensor(constants, dtype=points.dtype)[:, None]
