"""From what a detector is given to rows of numbers, and which of them are held out to calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import check_values, is_frame
from isthmus.data.table import TableEncoder, is_mixed
from isthmus.errors import InvalidInputError
from isthmus.evaluation.detection import anomaly_labels
from isthmus.models.base.validation import numeric_array

if TYPE_CHECKING:
    from isthmus.applications.anomaly.rows.detector import AnomalyDetector

__all__ = ["hold_out_rows", "known_labels", "numeric_rows", "value_names"]

_MOST_HELD_OUT = 10_000
_FEWEST_HELD_OUT = 10


def numeric_rows(detector: AnomalyDetector, X: Any, reset: bool) -> NDArray[Any]:
    """Return the rows as numbers; a fit learns the columns of a table, later calls compare them.

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
        detector.encoder_ = TableEncoder().fit(X) if is_frame(X) and is_mixed(X) else None
        may_miss = detector.estimator is None or detector.estimator.missing == "ignore"
    else:
        may_miss = detector.ensemble_[0].estimator.missing == "ignore"
    if detector.encoder_ is not None:
        array: NDArray[Any] = detector.encoder_.transform(X)
        detector.n_features_in_ = len(detector.encoder_.names_)
        detector.feature_names_in_ = np.asarray(detector.encoder_.names_, dtype=object)
    else:
        # Before scikit-learn's own check, which would take a height for a number of features.
        if not reset and len(detector.sample_shape_) > 1:
            shape = tuple(np.shape(X)[1:])
            if shape != detector.sample_shape_:
                raise InvalidInputError(
                    f"X: expected samples of shape {detector.sample_shape_}, as in the fit; "
                    f"got {shape}"
                )
        array = numeric_array(detector, X, reset)
    check_values(array, allow_nan=may_miss, names=_column_names(detector))
    if reset:
        detector.sample_shape_ = array.shape[1:]
    elif may_miss and (empty := np.isnan(array.reshape(len(array), -1)).all(axis=1)).any():
        raise InvalidInputError(  # any score of such a row would be made up
            f"X: row {int(np.argmax(empty))} has no value at all ({int(empty.sum())} such "
            "rows); drop such rows, they cannot be scored"
        )
    return array


def value_names(detector: AnomalyDetector) -> list[str]:
    """Return the names of the values of a sample: those of columns, or positions in it."""
    names = _column_names(detector)
    if names is not None:
        return names
    shape = detector.sample_shape_
    if len(shape) == 1:
        return [f"x{i}" for i in range(shape[0])]
    return [str(tuple(int(i) for i in place)) for place in np.ndindex(*shape)]


def _column_names(detector: AnomalyDetector) -> list[str] | None:
    """Return the names of the columns that the networks see."""
    if detector.encoder_ is not None:
        return list(detector.encoder_.get_feature_names_out())
    names = getattr(detector, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def hold_out_rows(
    n_rows: int, fraction: float | str, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which rows are held out, chosen at random.

    Parameters
    ----------
    n_rows : int
        How many there are.
    fraction : float or "auto"
        The share of them; "auto" is a fifth of up to 2,500 rows, 500 of up to 10,000, and a
        twentieth of more, and none where that would be fewer than 10 rows.
    rng : numpy.random.Generator
        For the choice.

    Returns
    -------
    ndarray of bool, of shape (n_rows,)
        At most 10,000 are True.

    Raises
    ------
    InvalidInputError
        If the share is a number and comes to fewer than 10 rows, but is not 0.
    """
    if isinstance(fraction, str):
        count = max(min(n_rows // 5, 500), n_rows // 20)
    else:
        count = int(fraction * n_rows)
        if fraction > 0 and count < _FEWEST_HELD_OUT:
            raise InvalidInputError(
                f"calibration_fraction: {fraction:g} of {n_rows} rows are "
                f"{count}, and at least {_FEWEST_HELD_OUT} are needed; give more rows, a "
                "larger share, or 0 and call calibrate"
            )
    count = min(count, _MOST_HELD_OUT)
    chosen = np.zeros(n_rows, dtype=bool)
    if count >= _FEWEST_HELD_OUT:
        chosen[rng.permutation(n_rows)[:count]] = True
    return chosen


def known_labels(y: Any, n_rows: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows have a label, and which of those are anomalies.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        See `isthmus.evaluation.detection.anomaly_labels`.
    n_rows : int
        How many there must be.

    Returns
    -------
    known : ndarray of shape (n_rows,)
    anomalies : ndarray of shape (number of known rows,)

    Raises
    ------
    InvalidInputError
        If there are more or fewer, or it cannot be told which are the anomalies.
    """
    labels = anomaly_labels(y)
    if len(labels) != n_rows:
        raise InvalidInputError(f"y: expected {n_rows} labels, one a row; got {len(labels)}")
    known = ~np.isnan(labels)
    return known, labels[known] == 1
