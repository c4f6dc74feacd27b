"""The log-likelihood estimate of 2014: a Parzen window, a Gaussian around every sample.

Kept only for comparison with papers of that time. Above the score of real pictures, a higher value
means averaging and not quality: see `gancourse.metrics.cheats`, and Theis et al. 2016, "A note on
the evaluation of generative models".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gancourse.files import CourseError
from gancourse.metrics.inputs import as_unit, same_width

SIGMAS = tuple(10 ** (exponent / 9 - 1) for exponent in range(10))  # logspace(-1, 0, 10)


def parzen(
    samples: Tensor, test: Tensor, validation: Tensor, sigmas: Sequence[float] = SIGMAS
) -> dict:
    """Mean log-likelihood of pictures (Goodfellow et al. 2014, section 5; Breuleux et al. 2011).

        log p(x) = log mean_i exp(-|x - s_i|^2 / (2 sigma^2)) - D log(sigma sqrt(2 pi))

    Sigma is the one of `sigmas` that gives the validation pictures the highest likelihood. The
    protocol of the paper on MNIST: 10,000 samples, the 10,000 test pictures, and for validation the
    first 1,000 of training pictures 50,000 to 59,999.

    Args:
        samples, test, validation: pictures (N, C, H, W), uint8 or float in [-1, 1]; rescaled to [0,
            1] here.
        sigmas: candidate widths of the window, in units of a pixel value in [0, 1].

    Returns:
        dict of `nats`, the mean per picture; `standard_error` over the test pictures; and the
        chosen `sigma`.

    Raises:
        CourseError: pictures of different sizes, none at all, or values out of range.
    """
    given = (("samples", samples), ("test", test), ("validation", validation))
    sets = {name: as_unit(pictures, name) for name, pictures in given}
    for name, rows in sets.items():
        if not len(rows):
            raise CourseError(f"{name}: no pictures; give at least one.")
        same_width(sets["samples"], rows, ("samples", name))
    samples, test, validation = sets.values()
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
    """Log densities (S, M) in nats of `points` (M, D), samples (N, D), one row per sigma.

    `chunk` points are compared with all samples at once, which takes 2 * chunk * N * 8 bytes.
    """
    count, width = samples.shape
    columns = []
    for part in points.split(chunk):
        squared = torch.cdist(part, samples).square_()  # (chunk, N)
        rows = [torch.logsumexp(squared / (-2 * s * s), 1) for s in sigmas]
        columns.append(torch.stack(rows))  # (S, chunk)
    constants = [math.log(count) + width * math.log(s * math.sqrt(2 * math.pi)) for s in sigmas]
    return torch.cat(columns, 1) - torch.tensor(constants, dtype=points.dtype)[:, None]
