"""Local intrinsic dimension: of a fitted model's Jacobian, and of the data alone."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows
from isthmus.geometry._maps import as_float
from isthmus.geometry.tangent import tangent_space
from isthmus.models import BaseAutoencoder

__all__ = ["intrinsic_dimension", "local_dimension", "participation_ratio"]

_TIED = 1e-12  # a mean log ratio of distances below which they are equal but for rounding


def participation_ratio(singular_values: Any) -> NDArray[np.float32]:
    """Return (Σ s²)² / Σ s⁴: how many singular values take part.

    d equal ones count as d; the number falls smoothly to 1 as one outgrows the others.

    Parameters
    ----------
    singular_values : array-like of shape (..., k)
        At least 0.

    Returns
    -------
    ndarray of shape (...), float32
        1 to k; 0 where all are 0.

    Examples
    --------
    >>> participation_ratio([[2.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
    array([2., 1.], dtype=float32)
    """
    values = np.asarray(singular_values, dtype=np.float64)
    largest = values.max(-1, keepdims=True)
    squares = np.square(values / np.where(largest > 0, largest, 1.0))
    fourth = np.square(squares).sum(-1)
    ratio = np.square(squares.sum(-1)) / np.where(fourth > 0, fourth, 1.0)
    return np.asarray(ratio, dtype=np.float32)


def local_dimension(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    of: str = "encoder",
    threshold: float | None = None,
) -> NDArray[np.float32]:
    """Return how many directions a fitted model moves in at each sample, from its Jacobian.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        Where.
    y : array-like, optional
        The condition, for conditional models.
    of : {"encoder", "decoder"}, default="encoder"
        Whose singular values.
    threshold : float, optional
        Count the singular values above this share of the largest, above 0 and below 1. Without
        it, the participation ratio (Σ s²)² / Σ s⁴, which needs no threshold.

    Returns
    -------
    ndarray of shape (n,), float32
        0 to min(latent_dim, values a sample).

    Raises
    ------
    InvalidInputError
        If `threshold` is out of range, or as `tangent_space`.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> bool((local_dimension(model, X) <= 2).all())
    True
    """
    if threshold is not None and as_float(threshold, "threshold", 0.0) >= 1:
        raise InvalidInputError(f"threshold: expected a number from 0 to 1; got {threshold!r}")
    values = tangent_space(estimator, X, y, of=of).singular_values
    if threshold is None:
        return participation_ratio(values)
    above = (values > threshold * values.max(1, keepdims=True)) & (values > 0)
    return np.asarray(above.sum(1), dtype=np.float32)


def intrinsic_dimension(
    X: Any, *, n_neighbors: tuple[int, int] | int = (10, 20)
) -> tuple[float, NDArray[np.float32]]:
    """Estimate the dimension of data from distances to neighbours (Levina & Bickel 2004).

    The numbers of neighbours within growing spheres are taken for a Poisson process, whose rate
    tells the dimension: m_k(x) = [1/(k−2) Σ_{j<k} log(T_k(x)/T_j(x))]⁻¹, with T_j the distance to
    the j-th neighbour; the mean over k and then over x is the estimate. Only the data are used: a
    comparison for `local_dimension`.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        The data; finite. Copies of a row count once.
    n_neighbors : tuple of int, or int, default=(10, 20)
        k from the first to the last, 3 to n − 1; one number is both.

    Returns
    -------
    overall : float
        The mean over the different samples for which the estimate is finite.
    local : ndarray of shape (n,), float32
        The estimate at each sample: a standard error of about d / √k. Infinite where the nearest
        neighbours are all at one distance.

    Raises
    ------
    InvalidInputError
        If `n_neighbors` is out of range, a value is NaN or infinite, or no sample has neighbours at
        different distances (one-hot rows).

    Notes
    -----
    Low by some percent where many samples lie at an edge, and more in high dimensions, where
    nearly all do. Noise counts as dimensions once its size reaches the distance to neighbours.

    References
    ----------
    .. [1] E. Levina and P. J. Bickel, "Maximum likelihood estimation of intrinsic dimension",
       NIPS 17 (2004), 777-784. No DOI.

    Examples
    --------
    >>> t = np.random.default_rng(0).uniform(size=(500, 2))
    >>> overall, local = intrinsic_dimension(np.hstack([t, t, t]))
    >>> round(overall), local.shape
    (2, (500,))
    """
    rows = as_rows(to_arrays(X), "X")
    different, place = np.unique(rows, axis=0, return_inverse=True)
    given = n_neighbors if isinstance(n_neighbors, tuple | list) else (n_neighbors, n_neighbors)
    whole = len(given) == 2 and all(isinstance(k, Integral) for k in given)
    if not whole or not 3 <= given[0] <= given[1] < len(different):
        raise InvalidInputError(
            f"n_neighbors: expected two numbers from 3 to {len(different) - 1}, the other samples "
            f"that differ, the smaller one first; got {n_neighbors!r}"
        )
    first, last = (int(k) for k in given)
    search = NearestNeighbors(n_neighbors=last).fit(different)
    distances, _ = search.kneighbors()
    # The tree takes squared differences, which can round to 0 for rows that are nearly equal.
    logs = np.log(np.maximum(distances, np.finfo(float).tiny))
    logs -= logs[:, :1]  # exact for distances that are equal
    sums = np.cumsum(logs, axis=1)
    total = np.zeros(len(different))
    for k in range(first, last + 1):
        ratios = (k - 1) * logs[:, k - 1] - sums[:, k - 2]
        tied = ratios <= _TIED * (k - 1)
        total += np.where(tied, np.inf, (k - 2) / np.where(tied, 1.0, ratios))
    local = total / (last - first + 1)
    finite = np.isfinite(local)
    if not finite.any():
        raise InvalidInputError(
            "X: expected samples at different distances; each has all its neighbours equally far "
            "away, which is no dimension"
        )
    return float(local[finite].mean()), local[place.reshape(-1)].astype(np.float32)
