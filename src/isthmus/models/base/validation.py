"""Checking data: whatever scikit-learn accepts becomes one numeric array, or a clear error."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch import Tensor

from isthmus.data.containers import in_one_line, to_arrays
from isthmus.data.scaling import LARGEST
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.models.base.estimator import BaseAutoencoder

__all__ = ["check_size", "numeric_array", "refuse_a_target", "warn_of_fractions"]


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


def refuse_a_target(estimator: BaseAutoencoder, array: NDArray[Any], y: Any) -> None:
    """Refuse data to be restored in the place of y, which nothing would be learned from.

    Parameters
    ----------
    estimator : estimator of the family
        Which is fitted.
    array : ndarray of shape (n, *sample_shape)
        The data of the fit.
    y : array-like or None
        What was given besides.

    Raises
    ------
    InvalidInputError
        If y has the shape of the data, and the estimator takes no condition.
    """
    takes_y = estimator.is_conditional or estimator.__sklearn_tags__().target_tags.required
    shape = tuple(getattr(y, "shape", ()))
    if takes_y or len(shape) < 2 or shape != array.shape or shape[1] == 1:
        return
    raise InvalidInputError(
        f"y: {type(estimator).__name__} takes no pairs of damaged and clean data; fit(X) to the "
        "clean ones, with the damage as a function: DenoisingAutoencoder(corruption=...)"
    )


def warn_of_fractions(array: NDArray[Any]) -> None:
    """Warn of values that were divided by 255 already, before a model of bytes.

    Parameters
    ----------
    array : ndarray of shape (n, *sample_shape)
        New data.
    """
    if array.dtype.kind == "f" and array.size and not np.nanmax(array, initial=0) > 1:
        warnings.warn(
            "X: the model was fitted on bytes, 0 to 255, and no value is above 1: they seem to be "
            "divided by 255 already; give bytes",
            UserWarning,
            stacklevel=6,
        )


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
