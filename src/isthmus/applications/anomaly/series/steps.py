"""From windows back to time steps: how surprising each step of a series is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.scores import evidence
from isthmus.applications.anomaly.series.clock import Series
from isthmus.applications.anomaly.series.windows import window_starts, windows_at

__all__ = ["step_surprise", "window_surprise"]

_CHUNK = 1 << 22  # values at a time
_MOST = float(np.finfo(np.float32).max)  # the surprise of what is beyond the network's numbers


def window_surprise(detector: AnomalyDetector, windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how surprising each value is above what is usual for it, averaged over the members.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted on windows.
    windows : ndarray of shape (n, window, channels)
        In the units of the data.

    Returns
    -------
    ndarray of shape (n, window, channels)
        In nats; NaN where missing, and nowhere else.
    """
    total = np.zeros(windows.shape)
    for member in detector.ensemble_:
        estimator = member.autoencoder
        assert member.reference is not None
        x = member.scaled(windows)
        with np.errstate(over="ignore", invalid="ignore"):
            by_value = member.reference.by_value(evidence(estimator, x).surprise) - member.usual
        total += estimator.schema_.channels_last(by_value.reshape(tuple(x.shape)))
    # A value that overflows in the network is as unusual as can be: it is there, and not missing.
    known = np.nan_to_num(total / len(detector.ensemble_), nan=_MOST, posinf=_MOST, neginf=-_MOST)
    return np.where(np.isnan(windows), np.nan, known)


def step_surprise(
    detector: AnomalyDetector, series: Series, window: int, stride: int, *, causal: bool
) -> NDArray[np.float64]:
    """Return how surprising each step of a series is in each channel.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted on windows.
    series : Series
        The series.
    window, stride : int
        In steps.
    causal : bool
        Whether a step is judged by the window that ends there: by the mean over its last quarter,
        so that an alarm comes soon after something begins, and ends soon after it. Otherwise by the
        mean of what it is in all the windows that it lies in.

    Returns
    -------
    ndarray of shape (n, channels)
        In nats above what is usual, 0 for a value that is missing; NaN where a step has no window,
        or all its values are missing.
    """
    n, channels = series.values.shape
    starts = window_starts(series.pieces, window, stride)
    sums, counts = np.zeros((n, channels)), np.zeros((n, 1))
    rows = max(1, _CHUNK // (window * channels))
    recent = max(1, window // 4)
    for begin in range(0, len(starts), rows):
        some = starts[begin : begin + rows]
        surprise = window_surprise(detector, windows_at(series.values, some, window))
        surprise = np.nan_to_num(surprise, nan=0.0)
        if causal:
            sums[some + window - 1] = surprise[:, -recent:].mean(1)
            counts[some + window - 1] = 1
            continue
        for step in range(window):
            sums[some + step] += surprise[:, step]
            counts[some + step] += 1
    # A step of which nothing was observed is neither normal nor unusual.
    known = (counts > 0) & ~np.isnan(series.values).all(1, keepdims=True)
    return np.where(known, sums / np.maximum(counts, 1), np.nan)
