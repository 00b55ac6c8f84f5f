"""Measures of the aggregate posterior: mutual information, and its distance from the prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isthmus.errors import InvalidInputError, check_count
from isthmus.nn import squared_mmd
from isthmus.nn.latent import ConcreteLatent, GaussianLatent, StochasticLatent
from isthmus.training import draw_seed

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = [
    "aggregate_posterior_divergence",
    "aggregate_posterior_mmd",
    "mutual_information",
]

_PAIRS = 1 << 22  # densities at a time
_LOG_2PI = math.log(2 * math.pi)
_BLOCK = 2000  # codes that are compared with each other


def mutual_information(
    model: BaseAutoencoder, X: Any, y: Any = None, *, n_draws: int = 1, random_state: Any = 0
) -> float:
    """Return how much a code tells of which row it is from, in nats.

    I(x; z) = E KL(q(z|x) ‖ q(z)) with q(z) = 1/n Σⱼ q(z|xⱼ), the mixture over *these* n rows, so
    that it is at most log n. The mean divergence of a variational autoencoder is this and
    `aggregate_posterior_divergence` together (Hoffman & Johnson 2016).

    Parameters
    ----------
    model : estimator of the family with a Gaussian or a discrete code that is drawn
        Fitted. A conditional one knows y beforehand: it is I(x; z) of encoders that are told y.
    X : array-like, one sample a row
        The data. Where the result comes near log n, it says how many rows there were and little
        else: give more.
    y : array-like, optional
        The condition, for conditional models.
    n_draws : int, default=1
        Codes drawn for each row. The time is of the order of n_draws · n².
    random_state : int, RandomState or None, default=0
        The seed of the draws.

    Returns
    -------
    float
        0 for codes that are not used, at most log n.

    Raises
    ------
    InvalidInputError
        If the density of the code is not known at any z, or the data cannot be used.

    References
    ----------
    .. [1] M. D. Hoffman and M. J. Johnson, "ELBO surgery: yet another way to carve up the
       variational evidence lower bound", NIPS 2016 workshop on approximate inference. No DOI.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VariationalAutoencoder
    >>> X = load_digits().data[:500] / 16
    >>> model = VariationalAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> bool(0 < mutual_information(model, X) < np.log(len(X)))
    True
    """
    posterior, aggregate, _ = _log_densities(model, X, y, n_draws, random_state)
    return float((posterior - aggregate).mean())


def aggregate_posterior_divergence(
    model: BaseAutoencoder, X: Any, y: Any = None, *, n_draws: int = 1, random_state: Any = 0
) -> float:
    """Return KL(q(z) ‖ p(z)) in nats, where q(z) = 1/n Σⱼ q(z|xⱼ) is the mixture over these rows.

    What `sample` draws are codes from p(z); what the decoder has learned are codes from q(z). The
    difference is this part of the divergence, and not `mutual_information`, which is the other.

    Parameters
    ----------
    model, X, y, n_draws, random_state
        As in `mutual_information`. p(z) is the prior of the model's own, whatever `fit_density` has
        put in its place.

    Returns
    -------
    float
        0 where the codes fill their prior; negative by the error of the draws alone. With few rows
        or many codes that are used, the mixture of n posteriors has gaps which q(z) of all data has
        not, and the result is too large.

    Raises
    ------
    InvalidInputError
        If the density of the code is not known at any z, or the data cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VariationalAutoencoder
    >>> X = load_digits().data[:500] / 16
    >>> model = VariationalAutoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> aggregate_posterior_divergence(model, X) > 0
    True
    """
    _, aggregate, prior = _log_densities(model, X, y, n_draws, random_state)
    return float((aggregate - prior).mean())


def aggregate_posterior_mmd(
    model: BaseAutoencoder, X: Any, y: Any = None, *, random_state: Any = 0
) -> float:
    """Return the squared maximum mean discrepancy of the codes of rows from what is sampled.

    The mean over blocks of rows, in a random order, of the unbiased estimate
    `isthmus.nn.squared_mmd` between one code of each row, drawn where the code is stochastic, and
    as many codes of those that `sample` draws: from `fit_density`, else from the prior.

    Parameters
    ----------
    model : estimator of the family that has `sample`
        Fitted. Codes of any kind.
    X : array-like, one sample a row
        The data, at least two rows; of more than 2,000, a rest smaller than a block is not used.
    y : array-like, optional
        The condition, for conditional models.
    random_state : int, RandomState or None, default=0
        The seed of the order and the draws.

    Returns
    -------
    float
        0 on average where the two distributions are equal, so that it can be below; at most 2.

    Raises
    ------
    InvalidInputError
        If there is nothing to sample codes from, or the data cannot be used.

    References
    ----------
    .. [1] I. Tolstikhin, O. Bousquet, S. Gelly and B. Schölkopf, "Wasserstein auto-encoders", ICLR
       2018, arXiv:1711.01558.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder
    >>> X = load_digits().data[:500] / 16
    >>> model = Autoencoder(latent_dim=4, max_epochs=3, random_state=0).fit(X)
    >>> model = model.fit_density(X, random_state=0)
    >>> abs(aggregate_posterior_mmd(model, X)) < 0.01
    True
    """
    x, condition = model.to_tensors(X, y)
    if len(x) < 2:
        raise InvalidInputError("X: expected at least 2 rows; got one; pairs of codes are compared")
    seed = draw_seed(random_state)
    module = model.module_
    device = next(module.parameters()).device
    with torch.inference_mode():
        if isinstance(module.latent, StochasticLatent):
            h = torch.from_numpy(model.map_rows(module.posterior, x, condition)).to(device)
            codes = module.latent(h, torch.Generator(device).manual_seed(seed)).cpu()
        else:
            codes = torch.from_numpy(model.map_rows(module.encode, x, condition))
        generator = torch.Generator().manual_seed(seed + 1)
        drawn = model.draw_codes(len(codes), generator).double()
        codes = codes[torch.randperm(len(codes), generator=generator)].flatten(1).double()
        size = min(_BLOCK, len(codes))
        starts = range(0, len(codes) - size + 1, size)
        blocks = [squared_mmd(codes[i : i + size], drawn[i : i + size]) for i in starts]
    return float(torch.stack(blocks).mean())


def _log_densities(
    model: BaseAutoencoder, X: Any, y: Any, n_draws: int, random_state: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Return log q(z|x), log q(z) and log p(z) of codes drawn for each row, in nats."""
    check_count("n_draws", n_draws)
    x, condition = model.to_tensors(X, y)
    latent = model.module_.latent
    if not isinstance(latent, GaussianLatent | ConcreteLatent):
        raise InvalidInputError(
            "model: expected a Gaussian code or a discrete one that is drawn; that of "
            f"{type(model).__name__} is {type(latent).__name__}, whose density is known at its own "
            "draws alone; aggregate_posterior_mmd takes any"
        )
    rng = np.random.default_rng(draw_seed(random_state))
    device = next(model.module_.parameters()).device
    with torch.inference_mode():
        h = torch.from_numpy(model.map_rows(model.module_.posterior, x, condition)).to(device)
        found = []
        for _ in range(int(n_draws)):
            shape = (len(h), *latent.noise(h[:1]).shape[1:])
            noise = rng.standard_normal(shape, np.float32)
            z, ratio = latent.log_ratio(h, torch.from_numpy(noise).to(device))
            if isinstance(latent, GaussianLatent):
                own, mixture = _gaussian(z.flatten(1).double(), *h.double().chunk(2, dim=1))
            else:
                own, mixture = latent.log_posterior(h, z), _discrete(latent, h, z)
            found.append(torch.stack([own, mixture, own - ratio]).double())
    posterior, aggregate, prior = torch.cat(found, dim=1).cpu()
    return posterior, aggregate, prior


def _gaussian(z: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return log N(zᵢ; μᵢ, diag σᵢ²), and log 1/n Σⱼ N(zᵢ; μⱼ, diag σⱼ²), both (n,)."""
    precision = (-log_variance).exp()
    constant = (log_variance + _LOG_2PI).sum(1)
    own = -0.5 * (((z - mean).square() * precision).sum(1) + constant)
    constant = constant + (mean.square() * precision).sum(1)
    parts = []
    for part in z.split(max(1, _PAIRS // len(mean))):
        # ‖(z − μ)/σ‖² multiplied out, in float64: products of matrices, no (m, n, latent_dim).
        squares = part.square() @ precision.T - 2 * part @ (mean * precision).T
        parts.append(torch.logsumexp(-0.5 * (squares + constant), dim=1))
    return own, torch.cat(parts) - math.log(len(mean))


def _discrete(latent: ConcreteLatent, h: Tensor, z: Tensor) -> Tensor:
    """Return log 1/n Σⱼ q(zᵢ|xⱼ) of each code (n,)."""
    parts = []
    for part in z.split(max(1, _PAIRS // h.numel())):
        pairs = latent.log_posterior(h.repeat(len(part), 1), part.repeat_interleave(len(h), dim=0))
        parts.append(torch.logsumexp(pairs.view(len(part), len(h)).double(), dim=1))
    return torch.cat(parts) - math.log(len(h))
