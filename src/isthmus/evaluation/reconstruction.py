"""How far reconstructions are from the data, in the data's own units.

All averages are taken over samples; "a sample" means one row, image or series, so that
``squared_error`` grows with the number of values a sample has and ``mean_squared_error`` does not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows, same_shape_rows

__all__ = [
    "explained_variance",
    "mean_squared_error",
    "pca_reconstruction",
    "psnr",
    "reconstruction_error",
    "squared_error",
]


def squared_error(X: Any, X_hat: Any) -> float:
    """Squared error a sample: summed over its values, averaged over the samples.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The data.
    X_hat : array-like of the same shape
        Their reconstructions.

    Returns
    -------
    float
        In the square of the data's units, a sample. A linear autoencoder of k codes can reach at
        best the sum of the eigenvalues of the covariance that PCA discards after the k-th.

    Raises
    ------
    InvalidInputError
        If the shapes differ, an array is empty, or it holds NaN or infinity.

    Examples
    --------
    >>> squared_error([[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 4.0]])
    5.0
    """
    rows, rows_hat = same_shape_rows(X, X_hat)
    return float(np.square(rows - rows_hat).sum(axis=1).mean())


def mean_squared_error(X: Any, X_hat: Any) -> float:
    """Squared error a value: `squared_error` divided by the number of values of a sample.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The data.
    X_hat : array-like of the same shape
        Their reconstructions.

    Returns
    -------
    float
        In the square of the data's units.

    Raises
    ------
    InvalidInputError
        If the shapes differ, an array is empty, or it holds NaN or infinity.

    Examples
    --------
    >>> mean_squared_error([[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 4.0]])
    2.5
    """
    rows, rows_hat = same_shape_rows(X, X_hat)
    return float(np.square(rows - rows_hat).mean())


def psnr(X: Any, X_hat: Any, data_range: float) -> float:
    """Peak signal-to-noise ratio, from the error pooled over all samples.

    ``10 log10(data_range² / mean_squared_error)``. Pooled, because the average of ratios a sample
    is infinite as soon as a single sample is reconstructed exactly.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The data.
    X_hat : array-like of the same shape
        Their reconstructions.
    data_range : float
        Distance between the smallest and the largest value possible: 255 for 8-bit images, 1 for
        images in [0, 1]. Not guessed from the data, because a guess changes with the sample.

    Returns
    -------
    float
        Decibels; infinite if the reconstruction is exact.

    Raises
    ------
    InvalidInputError
        If `data_range` is not a positive number, or for the reasons of `mean_squared_error`.

    Examples
    --------
    >>> round(psnr([[0.0, 255.0]], [[25.5, 229.5]], data_range=255), 6)
    20.0
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise InvalidInputError(
            f"data_range: expected a positive number, got {data_range!r}; "
            "use 255 for 8-bit images, 1.0 for images in [0, 1]"
        )
    error = mean_squared_error(X, X_hat)
    return math.inf if error == 0 else 10.0 * math.log10(float(data_range) ** 2 / error)


def explained_variance(X: Any, X_hat: Any) -> float:
    """Share of the data's variance that the reconstructions keep.

    ``1 - Σ (x - x̂)² / Σ (x - x̄)²``, both sums over all samples and values, x̄ the mean sample of
    `X`. For PCA on its own training data, it equals the sum of ``explained_variance_ratio_``.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The data; at least two different samples.
    X_hat : array-like of the same shape
        Their reconstructions.

    Returns
    -------
    float
        1 for an exact reconstruction, 0 for the mean sample, negative for anything worse.

    Raises
    ------
    InvalidInputError
        If all samples are equal, the shapes differ, or a value is NaN or infinite.

    Examples
    --------
    >>> explained_variance([[0.0], [2.0]], [[1.0], [1.0]])
    0.0
    """
    rows, rows_hat = same_shape_rows(X, X_hat)
    total = float(np.square(rows - rows.mean(axis=0)).sum())
    if total == 0:
        raise InvalidInputError(
            f"X: expected samples that differ, got {len(rows)} equal ones, which have no variance "
            "to explain; use squared_error"
        )
    return 1.0 - float(np.square(rows - rows_hat).sum()) / total


def reconstruction_error(
    X: Any, X_hat: Any, *, data_range: float | None = None
) -> dict[str, float]:
    """Every reconstruction measure of this module at once.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        The data.
    X_hat : array-like of the same shape
        Their reconstructions.
    data_range : float, optional
        Range of the values for `psnr`; without it, ``psnr`` is left out.

    Returns
    -------
    dict of str to float
        ``squared_error`` (units², a sample), ``mean_squared_error`` (units², a value),
        ``explained_variance`` (share, at most 1; NaN if all samples are equal) and, if
        `data_range` is given, ``psnr`` (decibels).

    Raises
    ------
    InvalidInputError
        If the shapes differ, an array is empty, or it holds NaN or infinity.

    Examples
    --------
    >>> reconstruction_error([[0.0, 0.0], [2.0, 2.0]], [[0.0, 0.0], [2.0, 1.0]])
    {'squared_error': 0.5, 'mean_squared_error': 0.25, 'explained_variance': 0.75}
    """
    rows, rows_hat = same_shape_rows(X, X_hat)
    constant = bool((rows == rows[0]).all())
    errors = {
        "squared_error": squared_error(rows, rows_hat),
        "mean_squared_error": mean_squared_error(rows, rows_hat),
        "explained_variance": math.nan if constant else explained_variance(rows, rows_hat),
    }
    if data_range is not None:
        errors["psnr"] = psnr(rows, rows_hat, data_range)
    return errors


def pca_reconstruction(X_train: Any, X_test: Any, n_components: int) -> NDArray[np.float64]:
    """Reconstruct `X_test` from its first principal components: the linear control.

    No linear autoencoder with that many codes has a smaller squared error on the training data
    (Baldi and Hornik, 1989), so a deeper one has to beat this to be worth its training.

    Parameters
    ----------
    X_train : array-like of shape (n_train, ...)
        Data from which mean and components are estimated.
    X_test : array-like of shape (n_test, ...)
        Data to reconstruct; the shape of a sample is that of `X_train`.
    n_components : int
        Number of components, at most ``min(n_train, values a sample)``.

    Returns
    -------
    ndarray of the shape of X_test
        Reconstructions in the units of the data.

    Raises
    ------
    InvalidInputError
        If `n_components` is out of range, the shapes do not fit, or a value is NaN or infinite.

    Examples
    --------
    >>> line = [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]
    >>> pca_reconstruction(line, [[3.0, 6.0]], n_components=1).round(6).tolist()
    [[3.0, 6.0]]
    """
    from isthmus.evaluation.codes import fit_pca

    pca = fit_pca(X_train, n_components)
    rows = as_rows(X_test, "X_test")
    if np.shape(X_test)[1:] != np.shape(X_train)[1:]:
        raise InvalidInputError(
            f"X_test: expected samples of shape {np.shape(X_train)[1:]} as in X_train, "
            f"got {np.shape(X_test)[1:]}; prepare both in the same way"
        )
    X_hat: NDArray[np.float64] = pca.inverse_transform(pca.transform(rows))
    return X_hat.reshape(np.shape(X_test))
