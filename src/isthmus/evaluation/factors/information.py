"""Measures from the mutual information between each code and each factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import check_count
from isthmus.evaluation.factors._table import FactorTable, factor_table

__all__ = ["entropies", "information_matrix", "modularity", "mutual_information_gap"]

_EDGE = 9  # decimals of a bin: rounding may not move a value over its edge


def mutual_information_gap(codes: Any, factors: Any, *, n_bins: int = 20) -> float:
    """Return the mutual information gap (MIG): does one code alone know each factor?

    For each factor, the mutual information with the code that knows most of it less that with the
    second best, as a share of the factor's entropy; the mean over factors (Chen et al. 2018).

    Parameters
    ----------
    codes : array-like of shape (n_samples, latent_dim)
        Codes; for a variational model the posterior means, which ``transform`` returns.
    factors : array-like of shape (n_samples, n_factors)
        Ground-truth factors, each value a class.
    n_bins : int, default=20
        Bins of equal width that each code is cut into, between its smallest and largest value, as
        in Locatello et al. (2019).

    Returns
    -------
    float
        0 (two codes know every factor equally well) to 1.

    Raises
    ------
    InvalidInputError
        If codes or factors are unusable: NaN, different lengths, a factor with one value only.

    Notes
    -----
    A factor with more than `n_bins` values cannot reach 1: 40 values in 20 bins give at most
    log 20 / log 40 = 0.81, and codes that equal the factors of dSprites 0.91. Chen et al. integrate
    over the posterior instead of taking its mean. The information of a few samples is too high
    (by about (bins − 1)(values − 1) / 2n nats); the gap takes most of that off.

    References
    ----------
    .. [1] R. T. Q. Chen, X. Li, R. Grosse and D. Duvenaud, "Isolating sources of disentanglement
       in variational autoencoders", NeurIPS 2018, arXiv:1802.04942.
    .. [2] F. Locatello et al., "Challenging common assumptions in the unsupervised learning of
       disentangled representations", ICML 2019, arXiv:1811.12359.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 5, size=(2000, 3))
    >>> round(mutual_information_gap(factors, factors), 2)
    1.0
    >>> twice = np.hstack([factors, factors[:, :1]])  # the first factor has two codes
    >>> round(mutual_information_gap(twice, factors), 2)
    0.67
    """
    table = factor_table(codes, factors)
    information = np.sort(information_matrix(table, n_bins), axis=0)
    second = information[-2] if len(information) > 1 else np.zeros(len(table.sizes))
    return float(((information[-1] - second) / entropies(table)).mean())


def modularity(codes: Any, factors: Any, *, n_bins: int = 20) -> float:
    """Return the modularity: does each code know of one factor alone?

    For each code with information mᵢⱼ on factor j, 1 − Σ_{j ≠ j*} m²ᵢⱼ / (m²ᵢⱼ* (K − 1)) with j*
    the factor that it knows most of; the mean over codes (Ridgeway & Mozer 2018).

    Parameters
    ----------
    codes, factors, n_bins
        As in `mutual_information_gap`.

    Returns
    -------
    float
        0 (every code knows all factors equally well) to 1. Codes that know nothing, the constant
        ones, do not count; 0 if there are no others.

    Raises
    ------
    InvalidInputError
        As `mutual_information_gap`.

    Notes
    -----
    Two codes may share a factor, and a factor may have no code at all: the measure does not see
    either. A code of pure noise has the information that chance gives it, and counts.

    References
    ----------
    .. [1] K. Ridgeway and M. C. Mozer, "Learning deep disentangled embeddings with the F-statistic
       loss", NeurIPS 2018, arXiv:1802.05312.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 5, size=(2000, 2))
    >>> round(modularity(factors, factors), 2)
    1.0
    >>> both = (factors @ [[1.0], [1.0]])  # one code, the sum of two factors
    >>> round(modularity(both, factors), 2)
    0.0
    """
    squares = np.square(information_matrix(factor_table(codes, factors), n_bins))
    largest = squares.max(axis=1)
    known = largest > 0
    if not known.any():
        return 0.0
    share = squares[known] / largest[known, None]
    return float(1 - ((share.sum(axis=1) - 1) / (squares.shape[1] - 1)).mean())


def information_matrix(table: FactorTable, n_bins: int = 20) -> NDArray[np.float64]:
    """Return the mutual information of each code, cut into bins, and each factor, in nats.

    Parameters
    ----------
    table : FactorTable
        Codes and factors.
    n_bins : int
        Bins of equal width, at least 1.

    Returns
    -------
    ndarray of shape (latent_dim, n_factors)
        At least 0; exactly 0 for a constant code.
    """
    check_count("n_bins", n_bins)
    low, high = table.codes.min(axis=0), table.codes.max(axis=0)
    position = (table.codes - low) / np.where(high > low, high - low, 1.0) * n_bins
    bins = np.floor(position.round(_EDGE)).clip(max=n_bins - 1).astype(np.int64)
    return np.array(
        [
            [
                _mutual_information(column, int(n_bins), factor, size)
                for factor, size in zip(table.factors.T, table.sizes, strict=True)
            ]
            for column in bins.T
        ]
    )


def entropies(table: FactorTable) -> NDArray[np.float64]:
    """Return the entropy of each factor, in nats; above 0, for each has two values or more."""
    counts = [np.bincount(factor) for factor in table.factors.T]
    return np.array([_entropy(count / len(table.codes)) for count in counts])


def _mutual_information(a: NDArray[np.int64], n_a: int, b: NDArray[np.int64], n_b: int) -> float:
    joint = np.bincount(a * n_b + b, minlength=n_a * n_b).reshape(n_a, n_b) / len(a)
    if (joint.any(axis=1)).sum() == 1:
        return 0.0
    apart = _entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0))
    return max(0.0, apart - _entropy(joint.ravel()))


def _entropy(p: NDArray[np.float64]) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
