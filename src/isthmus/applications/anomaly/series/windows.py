"""The windows that can be cut from a series, how long they should be, and what learns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import clone

from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.series.clock import Series
from isthmus.errors import InvalidInputError
from isthmus.models import Autoencoder, DeepSVDD

__all__ = [
    "auto_window",
    "choose_window",
    "dominant_period",
    "observed_windows",
    "window_detector",
    "window_starts",
    "windows_at",
]

_SHORTEST, _LONGEST = 16, 256  # of an automatic window
_WITHOUT_PERIOD = 64
_MOST_WINDOWS = 20_000  # in the fit, with an automatic stride
_HUGE = 1e100  # larger values are made smaller, so that their squares are finite
_PERIODIC = 0.3  # an autocorrelation from which a period is believed


def dominant_period(values: NDArray[Any]) -> int | None:
    """Return the period of a series in steps, by its autocorrelation; None if there is none.

    The lag of the highest peak after the autocorrelation, averaged over channels, has first fallen
    below 0, if it is at least 0.3 there.

    Parameters
    ----------
    values : ndarray of shape (n, channels)
        The series; NaN counts as the mean.

    Examples
    --------
    >>> dominant_period(np.sin(2 * np.pi * np.arange(300) / 24)[:, None])
    24
    """
    n = len(values)
    missing = np.isnan(values)
    known = np.where(missing, 0.0, values)
    known = known / np.maximum(np.abs(known).max(axis=0) / _HUGE, 1.0)
    mean = known.sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)  # 0 where all is missing
    known = np.where(missing, 0.0, known - mean)
    # A straight line has no period, and would hide one.
    t = np.arange(n) - (n - 1) / 2
    known = known - t[:, None] * (t @ known) / max(float(t @ t), 1.0)
    spectrum = np.abs(np.fft.rfft(known, 2 * n, axis=0)) ** 2
    correlation = np.fft.irfft(spectrum, axis=0)[:n]
    power = correlation[0]
    if not (power > 1e-12 * n).any():
        return None
    mean = (
        (correlation[:, power > 0] / power[power > 0]).mean(1) * n / np.maximum(n - np.arange(n), 1)
    )
    mean = mean[: n // 3]
    below = np.flatnonzero(mean < 0)
    if not len(below) or below[0] + 1 >= len(mean):
        return None
    start = int(below[0])
    peak = start + int(np.argmax(mean[start:]))
    # A multiple of the period may be a little higher than the period itself.
    for lag in range(start + 1, peak):
        if mean[lag] > 0.9 * mean[peak] and mean[lag - 1] < mean[lag] >= mean[lag + 1]:
            peak = lag
            break
    return peak if mean[peak] >= _PERIODIC and peak > 1 else None


def auto_window(series: Sequence[Series], most: int) -> int:
    """Return the length of a window: a period, or enough of them to come to 16 steps, up to 256.

    Without a period it is 64.

    Parameters
    ----------
    series : sequence of Series
        What is to be learned; the longest is looked at.
    most : int
        The window is never longer than this.
    """
    longest = max(series, key=len)
    period = dominant_period(longest.values)
    length = _WITHOUT_PERIOD
    if period is not None:
        length = min(period * max(1, -(-_SHORTEST // period)), _LONGEST)
    return max(2, min(length, most))


def choose_window(
    series: Sequence[Series], window: int | str, stride: int | str
) -> tuple[int, int]:
    """Return the length of a window and how far one is from the next, both in steps.

    Parameters
    ----------
    series : sequence of Series
        What is to be learned.
    window : int or "auto"
        "auto" is `auto_window`, at most a tenth of the longest series.
    stride : int or "auto"
        "auto" is an eighth of the window, and more where there would be above 20,000 windows.

    Raises
    ------
    InvalidInputError
        If the stride is longer than the window.
    """
    longest = max(len(each) for each in series)
    length = auto_window(series, longest // 10) if isinstance(window, str) else int(window)
    if isinstance(stride, str):
        steps = sum(len(each) for each in series)
        apart = max(1, length // 8, -(-steps // _MOST_WINDOWS))
    else:
        apart = int(stride)
    if apart > length:
        raise InvalidInputError(
            f"stride: expected at most the window of {length} steps, so that every step "
            f"lies in a window; got {apart}"
        )
    return length, apart


def window_starts(pieces: Sequence[tuple[int, int]], window: int, stride: int) -> NDArray[np.intp]:
    """Return where windows begin: every `stride` steps of a piece, and one at its very end.

    Parameters
    ----------
    pieces : sequence of (int, int)
        First step of each stretch without a gap, and the step after its last.
    window, stride : int
        In steps.
    """
    starts: list[int] = []
    for first, end in pieces:
        last = end - window
        if last < first:
            continue  # shorter than a window
        starts.extend(range(first, last, stride))
        starts.append(last)
    return np.array(starts, dtype=np.intp)


def windows_at(
    values: NDArray[np.float64], starts: NDArray[np.intp], window: int
) -> NDArray[np.float64]:
    """Return the windows that begin at some steps.

    Parameters
    ----------
    values : ndarray of shape (n_steps, channels)
        The series.
    starts : ndarray of shape (n,), int
        First step of each window.
    window : int
        Steps of a window.

    Returns
    -------
    ndarray of shape (n, window, channels)
    """
    return np.swapaxes(sliding_window_view(values, window, axis=0)[starts], 1, 2)


def observed_windows(series: Series, window: int, stride: int) -> NDArray[np.float64]:
    """Return the windows of a series in which there is at least one value.

    Parameters
    ----------
    series : Series
        The series.
    window, stride : int
        In steps.

    Returns
    -------
    ndarray of shape (n, window, channels)
    """
    starts = window_starts(series.pieces, window, stride)
    if not len(starts):
        return np.empty((0, window, series.values.shape[1]))
    windows = windows_at(series.values, starts, window)
    return windows[~np.isnan(windows).all((1, 2))]


def window_detector(
    detector: AnomalyDetector | None,
    missing: bool,
    random_state: int | np.random.RandomState | None,
) -> AnomalyDetector:
    """Return an unfitted detector of windows (n, window, channels).

    Parameters
    ----------
    detector : AnomalyDetector or None
        What it is made from; not changed. None takes a convolutional autoencoder.
    missing : bool
        Whether there are missing values, which that autoencoder is then to ignore.
    random_state : int, RandomState or None
        For a detector that has none.

    Raises
    ------
    InvalidInputError
        If it is one of `DeepSVDD`.
    """
    if detector is None:
        treatment = "ignore" if missing else "error"
        detector = AnomalyDetector(
            estimator=Autoencoder(network="convolutional", missing=treatment),
            scores="reconstruction",
        )
    if isinstance(detector.estimator, DeepSVDD):
        raise InvalidInputError(
            "detector: DeepSVDD scores windows, and not the steps in them; use an autoencoder"
        )
    unfitted: AnomalyDetector = clone(detector)
    unfitted.set_params(calibration_fraction=0, false_alarm_rate="auto", contamination="auto")
    if unfitted.random_state is None:
        unfitted.set_params(random_state=random_state)
    if unfitted.estimator is not None and unfitted.estimator.layout == "auto":
        unfitted.set_params(estimator__layout="signal")
    return unfitted
