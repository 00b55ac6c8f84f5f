"""Checking data: whatever scikit-learn accepts becomes one numeric array, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch import Tensor

from isthmus.data.containers import in_one_line, to_arrays
from isthmus.data.scaling import LARGEST
from isthmus.errors import InvalidInputError

__all__ = ["check_size", "numeric_array"]


def numeric_array(estimator: BaseEstimator, X: Any, reset: bool) -> NDArray[Any]:
    """Return the data as an array, with the checks of scikit-learn; NaN and infinity may be in it.

    Parameters
    ----------
    estimator : estimator
        Whose `n_features_in_` and `feature_names_in_` are set, or compared.
    X : array-like or DataFrame, one sample a row
        The data.
    reset : bool
        Whether this is a fit.

    Raises
    ------
    InvalidInputError
        If it is no table, signal or image of numbers, or not that of the fit.
    """
    X = to_arrays(X)
    try:
        array: NDArray[Any] = validate_data(
            estimator,
            X,
            reset=reset,
            dtype="numeric",
            ensure_all_finite=False,
            allow_nd=True,
            ensure_min_samples=2 if reset else 1,
        )
    except ValueError as error:
        raise InvalidInputError(in_one_line(error)) from None
    except TypeError as error:
        # scikit-learn's word for a sparse matrix, and for names that are not all text.
        if "parse" in str(error) or str(error).startswith("Feature names"):
            raise InvalidInputError(in_one_line(error)) from None
        raise
    return np.asarray(array)


def check_size(x: Tensor) -> None:
    """Refuse to learn from values that the scaling had to clip; new ones may be as unusual as that.

    Parameters
    ----------
    x : Tensor
        The scaled training data.

    Raises
    ------
    InvalidInputError
        If a value is too large for the arithmetic.
    """
    low, high = torch.aminmax(x)
    if torch.isnan(low):  # missing values do not count
        low, high = torch.aminmax(torch.nan_to_num(x))
    if max(-float(low), float(high)) >= LARGEST:
        raise InvalidInputError(
            "X: some values are too large for the arithmetic, even after scaling; divide them, or "
            "replace such values"
        )
