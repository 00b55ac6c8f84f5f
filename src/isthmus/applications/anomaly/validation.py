"""The door of a detector: the rows as numbers, and the names of what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.checks import refuse_empty, table_encoder
from isthmus.data.containers import check_values
from isthmus.errors import InvalidInputError
from isthmus.models.validation import numeric_array

if TYPE_CHECKING:
    from isthmus.applications.anomaly.detector import AnomalyDetector

__all__ = ["numeric_rows", "value_names"]


def numeric_rows(detector: AnomalyDetector, X: Any, reset: bool) -> NDArray[Any]:
    """Return the rows as numbers; the schema of a DataFrame of many kinds is learned once.

    Parameters
    ----------
    detector : AnomalyDetector
        Whose `encoder_`, `n_features_in_`, `feature_names_in_` and `sample_shape_` are set, or
        compared.
    X : array-like or DataFrame, one sample a row
        The rows.
    reset : bool
        Whether this is a fit.

    Raises
    ------
    InvalidInputError
        If they are no table, signal or image, not that of the fit, or values are missing or
        infinite that may not be.
    """
    if reset:
        detector.encoder_ = table_encoder(X)
    if detector.encoder_ is not None:
        array: NDArray[Any] = detector.encoder_.transform(X)
        detector.n_features_in_ = len(detector.encoder_.names_)
        detector.feature_names_in_ = np.asarray(detector.encoder_.names_, dtype=object)
    else:
        if not reset:
            _check_shape(detector.sample_shape_, X)
        array = numeric_array(detector, X, reset)
    allowed = reset if detector.estimator is None else detector.estimator.missing == "ignore"
    if not reset:
        allowed = detector.members_[0].missing == "ignore"
    check_values(array, allow_nan=allowed, names=_columns(detector))
    if not reset and allowed:
        refuse_empty(array)
    if reset:
        detector.sample_shape_ = array.shape[1:]
    return array


def value_names(detector: AnomalyDetector) -> list[str]:
    """Return the names of the values of a sample: those of columns, or positions in it."""
    names = _columns(detector)
    if names is not None:
        return names
    shape = detector.sample_shape_
    if len(shape) == 1:
        return [f"x{i}" for i in range(shape[0])]
    return [str(tuple(int(i) for i in place)) for place in np.ndindex(*shape)]


def _check_shape(expected: tuple[int, ...], X: Any) -> None:
    """Name the shape of a sample before scikit-learn takes a height for a feature count."""
    if len(expected) == 1:
        return
    shape = tuple(np.shape(X)[1:])
    if shape != expected:
        raise InvalidInputError(
            f"X: expected samples of shape {expected}, as in the fit; got {shape}"
        )


def _columns(detector: AnomalyDetector) -> list[str] | None:
    """Return the names of the columns that the members see."""
    if detector.encoder_ is not None:
        return list(detector.encoder_.get_feature_names_out())
    names = getattr(detector, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]
