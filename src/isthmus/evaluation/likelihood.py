"""log p(x) of a model with a stochastic code, by importance sampling within a stated memory."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation._memory import peak_bytes
from isthmus.models.base.inference import log_jacobian
from isthmus.nn.latent import StochasticLatent
from isthmus.training import draw_seed

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = ["LogLikelihood", "bits_per_dimension", "log_likelihood"]

_FEW = 16  # codes of the trial run that measures memory
_VALUES = 1 << 20  # decoded values at a time on a CPU: 1 << 22 takes twice as long


class LogLikelihood(NamedTuple):
    """Estimates of log p(x), and how sure they are; see `log_likelihood`.

    Attributes
    ----------
    values : ndarray of shape (n,), float32
        In nats.
    errors : ndarray of shape (n,), float32
        Standard error of each, in nats, by the delta method. Weights of which a few dominate are
        worse than it says.
    """

    values: NDArray[np.float32]
    errors: NDArray[np.float32]


class _Sum:
    """log mean exp of numbers that come in parts, for each row, and the mean of the squares."""

    def __init__(self, n_rows: int, device: torch.device) -> None:
        self.top = torch.full((n_rows,), -math.inf, dtype=torch.float64, device=device)
        self.sums = torch.zeros(2, n_rows, dtype=torch.float64, device=device)
        self.count = 0

    def add(self, log_weights: Tensor) -> None:
        """Take in numbers (n_rows, draws)."""
        log_weights = log_weights.double()
        top = torch.maximum(self.top, log_weights.amax(1))
        # Rows that have no weight yet: 0 and not −∞ − (−∞).
        shift = torch.where(top.isinf(), 0.0, top)
        factor = (self.top - shift).exp()
        weights = (log_weights - shift[:, None]).exp()
        self.sums[0] = self.sums[0] * factor + weights.sum(1)
        self.sums[1] = self.sums[1] * factor.square() + weights.square().sum(1)
        self.top = top
        self.count += log_weights.shape[1]

    def result(self) -> tuple[Tensor, Tensor]:
        """Return the estimates and their standard errors."""
        value = self.top + (self.sums[0] / self.count).log()
        spread = self.count * self.sums[1] / self.sums[0].square() - 1  # variance over mean²
        return value, (spread.clamp(min=0) / self.count).sqrt()


def log_likelihood(
    model: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    n_samples: int = 5000,
    max_memory: int = 256 * 2**20,
    random_state: Any = 0,
) -> LogLikelihood:
    """Return log p(x) of each sample, estimated with many draws of its code.

    log 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x) with zᵢ ~ q(z|x): too low on average, less so with more
    draws, and not below the evidence lower bound (Burda, Grosse & Salakhutdinov 2016).

    Parameters
    ----------
    model : estimator of the family with a stochastic code
        Fitted, such as a `VariationalAutoencoder`.
    X : array-like, one sample a row
        The data; missing values do not count, where the model takes them.
    y : array-like, optional
        The condition, for conditional models.
    n_samples : int, default=5000
        k, draws of the code for each row.
    max_memory : int, default=256 MiB
        Bytes of tensors at a time, without the model and the data. What one code needs is measured
        in a trial run. What a kernel allocates for itself is not counted.
    random_state : int, RandomState or None, default=0
        The seed of the draws. Each row has its own, by its place in `X`; they do not depend on
        `max_memory`.

    Returns
    -------
    LogLikelihood
        Values and their standard errors, in nats, in the units of the data like `score_samples`.

    Raises
    ------
    InvalidInputError
        If the code is not drawn, `max_memory` is too little for one code, or the data cannot be
        used.

    References
    ----------
    .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       arXiv:1509.00519.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VariationalAutoencoder
    >>> X = load_digits().data[:500] / 16
    >>> model = VariationalAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> values, errors = log_likelihood(model, X[:20], n_samples=200)
    >>> bool(values.mean() > model.score(X[:20]))
    True
    """
    check_count("n_samples", n_samples)
    check_count("max_memory", max_memory)
    x, condition = model.to_tensors(X, y)
    module = model.module_.eval()
    latent = module.latent
    if not isinstance(latent, StochasticLatent) or not latent.stochastic:
        raise InvalidInputError(
            f"model: expected a code that is drawn; that of {type(model).__name__} is one "
            "point a row, of which more draws tell nothing; use score_samples"
        )
    seed = draw_seed(random_state)
    jacobian = log_jacobian(model)
    device = jacobian.device

    def rows_of(part: slice) -> tuple[Tensor, Tensor | None, Tensor]:
        c = None if condition is None else condition[part].to(device)
        rows = x[part].to(device)
        return rows, c, module.posterior(rows, c)

    def log_weights(rows: Tensor, c: Tensor | None, h: Tensor, noise: Tensor) -> Tensor:
        """Return log p(x, z) − log q(z|x) (n, draws) for noise (n, draws, ...)."""
        draws = noise.shape[1]
        again = partial(torch.repeat_interleave, repeats=draws, dim=0)
        z, ratio = latent.log_ratio(again(h), noise.flatten(0, 1))
        parameters = module.decode_parameters(z, None if c is None else again(c))
        values, seen = again(rows), None
        if module.missing:
            seen = values.isnan().logical_not()
            values = values.nan_to_num()
        log_prob = module.likelihood.log_prob(parameters, values) - jacobian
        if seen is not None:
            log_prob = log_prob * seen
        total = log_prob.flatten(1).sum(1, dtype=torch.float64)
        return (total - ratio).view(len(rows), draws)

    with torch.inference_mode():
        width = latent.noise(rows_of(slice(0, 1))[2], torch.Generator(device)).shape[1]
        at_once, rows_at_once = _plan(rows_of, log_weights, x, width, int(max_memory))
        if device.type == "cpu":
            at_once = min(at_once, max(_FEW, _VALUES // x[0].numel()))
        draws = min(int(n_samples), at_once)
        step = min(rows_at_once, max(1, at_once // draws))
        found = []
        for start in range(0, len(x), step):
            part = slice(start, min(start + step, len(x)))
            rows, c, h = rows_of(part)
            generators = [np.random.default_rng((seed, row)) for row in range(len(x))[part]]
            total = _Sum(len(rows), device)
            for done in range(0, int(n_samples), draws):
                count = min(draws, int(n_samples) - done)
                noise = np.stack(
                    [g.standard_normal((count, width), np.float32) for g in generators]
                )
                total.add(log_weights(rows, c, h, torch.from_numpy(noise).to(device, h.dtype)))
            found.append(torch.stack(total.result()).float().cpu())
    values, errors = torch.cat(found, dim=1).numpy()
    return LogLikelihood(values, errors)


def _plan(
    rows_of: Any, log_weights: Any, x: Tensor, width: int, max_memory: int
) -> tuple[int, int]:
    """Return how many codes may be decoded at a time, and how many rows encoded.

    Bytes grow by the same number for each code and for each row: two trial runs tell which.
    """

    def codes(count: int) -> int:
        noise = torch.zeros(1, count, width, device=first[2].device, dtype=first[2].dtype)
        # The noise itself stays outside, twice while it is put together.
        return peak_bytes(lambda: log_weights(*first, noise)) + 2 * noise.nbytes

    def rows(count: int) -> int:
        return peak_bytes(lambda: rows_of(slice(0, count)))

    first = rows_of(slice(0, 1))
    few, more = codes(_FEW), codes(2 * _FEW)
    each = max((more - few) / _FEW, 1.0)
    fixed = max(more - 2 * _FEW * each, 0.0)
    # Encoded rows stay while their codes are decoded: half for the one, half for the other.
    count = min(len(x), 2)
    a_row = rows(count) / count
    at_once = int((max_memory / 2 - fixed) / each)
    rows_at_once = int(max_memory / 2 / a_row)
    if min(at_once, rows_at_once) < 1:
        least = 2 * max(fixed + each, a_row)
        raise InvalidInputError(
            f"max_memory: expected at least {math.ceil(least)} bytes for one code of this model; "
            f"got {max_memory}"
        )
    return at_once, rows_at_once


def bits_per_dimension(
    log_likelihood: Any, n_values: int, *, levels: int = 1
) -> NDArray[np.float64]:
    """Return −log₂ p(x) a value, from nats a sample.

    Parameters
    ----------
    log_likelihood : array-like
        log p(x) in nats a sample, or a bound on it.
    n_values : int
        Values of a sample: pixels times channels.
    levels : int, default=1
        Steps of the data in one of their units: 1 where log p(x) is a probability, as of binary
        data and classes, or a density of whole numbers 0, 1, 2, …; 256 for a density of bytes that
        were divided by 256, which has log₂ 256 = 8 bits a value more, and 255 for division by 255.

    Returns
    -------
    ndarray of float64, in the shape of `log_likelihood`
        Bits a value; lower is better.

    Notes
    -----
    A density of data that lie on steps can be made as large as one likes, by peaks on the steps.
    Bits of such data mean something only if the density was fitted *and* scored with uniform noise
    of one step added: (byte + u) / 256 with u from 0 to 1. Then they are, on average, at least
    those of the probability that the density puts into the steps (Theis, van den Oord & Bethge
    2016).

    Raises
    ------
    InvalidInputError
        If `n_values` or `levels` is below 1.

    References
    ----------
    .. [1] L. Theis, A. van den Oord and M. Bethge, "A note on the evaluation of generative models",
       ICLR 2016, arXiv:1511.01844.

    Examples
    --------
    The uniform density on [0, 1] is 8 bits a byte, and so is p = 1/256 for each of 256 classes.

    >>> float(bits_per_dimension(0.0, 784, levels=256))
    8.0
    >>> float(bits_per_dimension(-784 * np.log(256), 784))
    8.0
    """
    check_count("n_values", n_values)
    check_count("levels", levels)
    nats = np.asarray(log_likelihood, dtype=np.float64)
    return np.asarray(-nats / (int(n_values) * math.log(2)) + math.log2(int(levels)))
