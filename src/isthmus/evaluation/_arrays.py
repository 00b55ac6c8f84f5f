"""The checks that all measures share: finite float64 rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = ["as_rows", "same_features", "same_shape_rows"]

Rows = NDArray[np.float64]


def as_rows(X: Any, name: str) -> Rows:
    """Return `X` as finite float64 of shape (n_samples, values a sample)."""
    try:
        array = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name}: expected an array of numbers, got {type(X).__name__} ({error}); "
            "encode texts and categories as numbers first"
        ) from error
    if array.ndim < 2 or array.size == 0:
        raise InvalidInputError(
            f"{name}: expected a non-empty array (n_samples, ...) of two or more dimensions, "
            f"got shape {array.shape}; use X.reshape(n_samples, -1)"
        )
    if not np.isfinite(array).all():
        bad = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise InvalidInputError(
            f"{name}: expected finite numbers, got NaN or infinity, first in row {bad}; "
            "drop or impute those rows"
        )
    return array.reshape(len(array), -1)


def same_shape_rows(X: Any, X_hat: Any) -> tuple[Rows, Rows]:
    """Return both as rows, or say that their shapes differ."""
    if np.shape(X) != np.shape(X_hat):
        raise InvalidInputError(
            f"X_hat: expected the shape of X, {np.shape(X)}, got {np.shape(X_hat)}; "
            "compare each sample with its own reconstruction"
        )
    return as_rows(X, "X"), as_rows(X_hat, "X_hat")


def same_features(samples: Any, reference: Any) -> tuple[Rows, Rows]:
    """Return two sets of rows of one width, or say that the widths differ."""
    first, second = as_rows(samples, "samples"), as_rows(reference, "reference")
    if first.shape[1] != second.shape[1]:
        raise InvalidInputError(
            f"samples: expected {second.shape[1]} values a row as in reference, got "
            f"{first.shape[1]}; compute both in the same way"
        )
    return first, second
