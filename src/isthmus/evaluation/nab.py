"""The scoring rules of the Numenta Anomaly Benchmark, standard profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.errors import InvalidInputError

__all__ = ["NabScore", "nab_probation", "nab_score", "nab_weights"]

# What an anomaly that is found, a false alarm and an anomaly that is missed count.
_TRUE, _FALSE, _MISSED = 1.0, 0.11, 1.0

Windows = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class NabScore:
    """A detector's result on a corpus.

    Parameters
    ----------
    score : float
        0 for a detector that never alarms, 100 for one that alarms in the first step of every
        window and never else; negative where false alarms outweigh what was found.
    threshold : float
        Scores of at least this are alarms.
    raw : list of float
        Sum of the weights of each file, before it is normalised.
    n_windows : int
        Labelled windows in all files.
    """

    score: float
    threshold: float
    raw: list[float]
    n_windows: int


def nab_probation(n_steps: int) -> int:
    """Return the steps at the start of a file in which nothing counts: 15 %, at most 750.

    Examples
    --------
    >>> nab_probation(4032), nab_probation(22695)
    (604, 750)
    """
    return math.floor(min(0.15 * n_steps, 750))


def nab_weights(n_steps: int, windows: Windows) -> NDArray[np.float64]:
    """Return what an alarm at each step is worth.

    Within a window it is 1 at the first step and falls to nearly 0 at the last; after a window an
    alarm costs little at first and 0.11 further away; before the first window it costs 0.11.

    Parameters
    ----------
    n_steps : int
        Steps of the file.
    windows : sequence of (int, int)
        First and last step of each labelled window, both within it, in order of time.

    Returns
    -------
    ndarray of shape (n_steps,), float64

    Raises
    ------
    InvalidInputError
        If windows overlap, are out of order or lie outside.

    Examples
    --------
    >>> nab_weights(6, [(2, 4)]).round(2)
    array([-0.11, -0.11,  1.  ,  0.94,  0.69, -0.09])
    """
    steps = np.arange(n_steps, dtype=np.float64)
    weights = np.full(n_steps, -_FALSE)
    end = -1
    for first, last in windows:
        if not end < first <= last < n_steps:
            raise InvalidInputError(
                f"windows: expected first and last steps in order, without overlap, below "
                f"{n_steps}; got {tuple(windows)}"
            )
        width = last - first + 1
        inside = (steps[first : last + 1] - last - 1) / width
        weights[first : last + 1] = _TRUE * _sigmoid(inside) / _sigmoid(np.array(-1.0))
        after = (steps[last + 1 :] - last) / max(width - 1, 1)
        weights[last + 1 :] = _FALSE * np.where(after >= 3, -1.0, _sigmoid(after))
        end = last
    return weights


def nab_score(
    scores: Sequence[ArrayLike], windows: Sequence[Windows], threshold: float | None = None
) -> NabScore:
    """Score a detector on a corpus by the rules of NAB's standard profile.

    A window counts once, by its most valuable alarm; every alarm outside of windows costs. The sum
    over all files is set between that of no alarms (0) and that of a perfect detector (100).

    Parameters
    ----------
    scores : sequence of array-like of shape (n_steps,)
        A score for each step of each file; higher is more anomalous. Steps before
        `nab_probation` do not count.
    windows : sequence of sequences of (int, int)
        First and last step of the labelled windows of each file.
    threshold : float, optional
        Scores of at least this are alarms. When absent, the one threshold for all files that gives
        the best result, which is the rule of the benchmark: the result is then the best that the
        scores allow, and not what a threshold chosen beforehand would give.

    Returns
    -------
    NabScore

    Raises
    ------
    InvalidInputError
        If there are not as many files with windows as with scores, no windows, or NaN.

    References
    ----------
    .. [1] A. Lavin and S. Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta
       Anomaly Benchmark", ICMLA 2015, doi:10.1109/ICMLA.2015.141.

    Examples
    --------
    >>> perfect, never = np.zeros(40), np.zeros(40)
    >>> perfect[20] = 1
    >>> nab_score([perfect], [[(20, 25)]]).score, nab_score([never], [[(20, 25)]], 0.5).score
    (100.0, 0.0)
    """
    if len(scores) != len(windows):
        raise InvalidInputError(
            f"windows: expected a list for each of {len(scores)} files; got {len(windows)}"
        )
    values, gains, files, n_windows = [], [], [], 0
    for number, (each, labelled) in enumerate(zip(scores, windows, strict=True)):
        score = np.asarray(each, dtype=np.float64)
        if score.ndim != 1 or np.isnan(score).any():
            raise InvalidInputError(
                f"scores: expected one number a step, none of them NaN; got shape {score.shape} "
                f"in file {number}"
            )
        begin = nab_probation(len(score))
        gain, counted = _gains(score, nab_weights(len(score), labelled), labelled, begin)
        values.append(score[begin:])
        gains.append(gain[begin:])
        files.append(np.full(len(score) - begin, number))
        n_windows += counted
    if not n_windows:
        raise InvalidInputError("windows: expected at least one after the probation; got none")
    value, gain, file = np.concatenate(values), np.concatenate(gains), np.concatenate(files)
    if threshold is None:
        threshold = _best_threshold(value, gain)
    seen = value >= threshold
    raw = np.bincount(file, gain * seen, minlength=len(scores))
    missed = [
        sum(last >= nab_probation(len(np.asarray(each))) for _, last in labelled)
        for each, labelled in zip(scores, windows, strict=True)
    ]
    total = float(raw.sum())  # over what no alarms at all would give
    return NabScore(
        score=100 * total / ((_TRUE + _MISSED) * n_windows),
        threshold=float(threshold),
        raw=(raw - _MISSED * np.array(missed)).tolist(),
        n_windows=n_windows,
    )


def _sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2 / (1 + np.exp(5 * position)) - 1


def _gains(
    score: NDArray[np.float64], weights: NDArray[np.float64], windows: Windows, begin: int
) -> tuple[NDArray[np.float64], int]:
    """Return what each step adds to the sum once the threshold has come down to its score.

    In a window that is what it adds to the best of the steps with higher scores (of equal ones, any
    order comes to the same sum), so that a sum over alarms is the score of the file.
    """
    gains, counted = weights.copy(), 0
    for first, last in windows:
        first = max(first, begin)
        if last < first:
            continue  # all of it lies in the probation
        counted += 1
        inside = slice(first, last + 1)
        order = np.argsort(-score[inside], kind="stable")
        best = np.maximum.accumulate(weights[inside][order])
        gains[inside][order] = np.diff(best, prepend=-_MISSED)
    return gains, counted


def _best_threshold(value: NDArray[np.float64], gain: NDArray[np.float64]) -> float:
    order = np.argsort(-value, kind="stable")
    value, total = value[order], np.cumsum(gain[order])
    ends = np.flatnonzero(np.append(value[1:] != value[:-1], True))  # equal scores alarm together
    best = int(ends[np.argmax(total[ends])])
    if total[best] <= 0:  # to be silent is better
        return float(np.nextafter(value[0], np.inf))
    return float(value[best])
