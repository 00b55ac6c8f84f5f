"""The score ∇ log p(x), as a denoising autoencoder estimates it, and steps along it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count
from isthmus.geometry._maps import as_float, check_family, prepare, scale_of
from isthmus.models import BaseAutoencoder
from isthmus.nn import GaussianNoise, Laplace, Mixed

__all__ = ["project", "score_field"]


def score_field(
    estimator: BaseAutoencoder, X: Any, y: Any = None, *, sigma: float | None = None
) -> NDArray[np.float32]:
    """Estimate the score ∇ₓ log p_σ(x) by (g(f(x)) − x) / σ², in the data's units.

    The denoiser of least squared error under Gaussian noise is r(x̃) = E[x|x̃], and
    E[x|x̃] − x̃ = σ² ∇ log p_σ(x̃) exactly, p_σ being the density of the data smoothed by that noise
    (Robbins 1956, Miyasawa 1961; for autoencoders Vincent 2011, Alain & Bengio 2014). As good as
    the network is near to that minimum.

    The noise is added to scaled data s = (x − m) / c. In the data's units its standard deviation is
    σ c_j in feature j, p_σ is the density smoothed by that, and the estimate is
    (r(x)_j − x_j) / (σ c_j)².

    Parameters
    ----------
    estimator : estimator of the family
        Fitted; a `DenoisingAutoencoder` with ``corruption="gaussian"``, or any with `sigma`.
    X : array-like, one sample a row, in the shape of the fit
        Where. It need not be near the data, but the network has learnt only what it has seen.
    y : array-like, optional
        The condition, for conditional models: the score of p_σ(x|y).
    sigma : float, optional
        σ, in units of the scaled data. Without it, that of the noise the estimator was trained
        with; needed for ``walk_back_steps`` above 1, which undoes more than one noise.

    Returns
    -------
    ndarray of shape (n, *sample_shape), float32
        In 1 / (units of the data); NaN where a value is missing.

    Raises
    ------
    InvalidInputError
        If there is no Gaussian noise to take σ from, or the likelihood's optimum is not the mean
        (Laplace, classes).

    References
    ----------
    .. [1] P. Vincent, "A connection between score matching and denoising autoencoders", Neural
       Computation 23 (2011), 1661-1674, doi:10.1162/NECO_a_00142.
    .. [2] G. Alain and Y. Bengio, "What regularized auto-encoders learn from the data-generating
       distribution", JMLR 15 (2014), 3743-3773, arXiv:1211.4246.
    .. [3] K. Miyasawa, "An empirical Bayes estimator of the mean of a normal population", Bulletin
       of the International Statistical Institute 38 (1961), 181-188. No DOI.

    Examples
    --------
    >>> from isthmus import DenoisingAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = DenoisingAutoencoder(corruption="gaussian", max_epochs=2, random_state=0).fit(X)
    >>> score_field(model, X).shape
    (100, 2)
    """
    _check_mean(estimator)
    level = _noise_of(estimator) if sigma is None else as_float(sigma, "sigma", 0.0)
    x, condition = prepare(estimator, X, y)
    output = estimator.map_rows(estimator.module_, x, condition).astype(np.float64)
    scale = scale_of(estimator).reshape(estimator.schema_.module_shape)
    field = (output - x.numpy()) / (level**2 * scale)
    return np.ascontiguousarray(estimator.schema_.channels_last(field), dtype=np.float32)


def project(
    estimator: BaseAutoencoder, X: Any, y: Any = None, *, n_steps: int = 10, step: float = 1.0
) -> NDArray[np.float32]:
    """Move samples onto the manifold by repeated reconstruction, and return the way.

    x ← x + step · (g(f(x)) − x): for a denoiser, gradient ascent on log p_σ with steps of
    step · σ². With ``step=1`` it is the reconstruction of the reconstruction and so on.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        Where to start. Missing values start at their reconstruction.
    y : array-like, optional
        The condition, for conditional models.
    n_steps : int, default=10
        Steps, at least 1.
    step : float, default=1.0
        Share of the way to the reconstruction, above 0 and at most 1.

    Returns
    -------
    ndarray of shape (n_steps + 1, n, *sample_shape), float32
        The start and every step, in the data's units.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used, or the data are classes.

    Notes
    -----
    Many steps gather on the modes, since noise of size σ is taken off at each: few clean, many
    collapse.

    Examples
    --------
    >>> from isthmus import DenoisingAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = DenoisingAutoencoder(corruption="gaussian", max_epochs=2, random_state=0).fit(X)
    >>> project(model, X, n_steps=3).shape
    (4, 100, 2)
    """
    check_family(estimator)
    share = as_float(step, "step", 0.0)
    if share > 1:
        raise InvalidInputError(f"step: expected a number above 0 and at most 1; got {step!r}")
    check_count("n_steps", n_steps)
    x, condition = prepare(estimator, X, y)
    path = [x.numpy()]
    for _ in range(int(n_steps)):
        target = estimator.map_rows(estimator.module_, torch.from_numpy(path[-1]), condition)
        if len(path) == 1:
            path[0] = np.where(np.isnan(path[0]), target, path[0])
        path.append((path[-1] + share * (target - path[-1])).astype(np.float32))
    return np.stack([estimator.in_units(point) for point in path])


def _check_mean(estimator: Any) -> None:
    check_family(estimator)
    likelihood = estimator.module_.likelihood
    parts = likelihood.parts if isinstance(likelihood, Mixed) else [likelihood]
    if any(isinstance(part, Laplace) for part in parts):
        raise InvalidInputError(
            "estimator: the best reconstruction under a Laplace likelihood is the median, and the "
            "score needs the mean; fit with likelihood='gaussian'"
        )


def _noise_of(estimator: BaseAutoencoder) -> float:
    corruption = estimator.module_.corruption  # of the fit, whatever was set since
    # Walk-back trains on the noise of several steps, for which there is no one σ.
    one = getattr(estimator, "walk_back_steps", 1) == 1
    plain = isinstance(corruption, GaussianNoise) and corruption.clip is None
    if one and plain and (sigma := float(getattr(corruption, "sigma", 0.0))) > 0:
        return sigma
    raise InvalidInputError(
        "sigma: this estimator was not trained with Gaussian noise without bounds, from which it "
        "would be taken; use DenoisingAutoencoder(corruption='gaussian'), or pass sigma"
    )
