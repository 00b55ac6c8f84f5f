"""Alarms of a series: stretches of time, and which channels are responsible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.calibration import BlockCalibration
from isthmus.applications.anomaly.rows import AnomalyDetector
from isthmus.applications.anomaly.series.clock import Series

__all__ = ["Alarm", "find_alarms"]

_RESPONSIBLE = 0.2  # the share of an alarm from which a channel is named


@dataclass(frozen=True)
class Alarm:
    """A stretch of time that is not normal.

    Attributes
    ----------
    start, end, peak : numpy.datetime64 or int
        First, last and most unusual step, both ends included: time stamps, or numbers of steps
        where the series has none.
    p_value : float
        The p-value of the most unusual step.
    oddness : float
        The anomaly score of the most unusual step, in nats above what is usual.
    channels : tuple of str
        The channels that are responsible, most of all first.
    steps : (int, int)
        First and last step by its number in the series, filled-in steps counted.
    """

    start: Any
    end: Any
    peak: Any
    p_value: float
    oddness: float
    channels: tuple[str, ...]
    steps: tuple[int, int]

    def __str__(self) -> str:
        start, end, peak = (_spoken(step) for step in (self.start, self.end, self.peak))
        when = start if self.start == self.end else f"{start} to {end}, at its worst {peak}"
        return f"{when}: {', '.join(self.channels)} (p = {self.p_value:.2g})"


def _spoken(step: Any) -> str:
    if isinstance(step, np.datetime64):
        return str(np.datetime_as_string(step, unit="auto")).replace("T", " ")
    return str(step)


def find_alarms(
    series: Series,
    surprise: NDArray[np.float64],
    threshold: float,
    apart: int,
    calibration: BlockCalibration,
    detector: AnomalyDetector,
) -> list[Alarm]:
    """Return the stretches of a series in which the anomaly score is above a threshold.

    Parameters
    ----------
    series : Series
        The series.
    surprise : ndarray of shape (n, channels)
        See `isthmus.applications.anomaly.series.steps.step_surprise`.
    threshold : float
        A step with an anomaly score above it raises an alarm.
    apart : int
        Alarms at most so many steps apart are one; none spans a gap.
    calibration : BlockCalibration
        Gives the p-values.
    detector : AnomalyDetector
        Fitted on windows; it says which channels are responsible.
    """
    window = detector.sample_shape_[0]
    odd = np.nan_to_num(surprise.sum(1), nan=-np.inf) > threshold
    clock: Any = np.arange(len(series)) if series.stamps is None else series.stamps
    found = []
    for first, end in series.pieces:
        steps = first + np.flatnonzero(odd[first:end])
        for run in np.split(steps, np.flatnonzero(np.diff(steps) > apart + 1) + 1):
            if not len(run):
                continue
            oddness = surprise[run].sum(1)
            peak = int(run[np.argmax(oddness)])
            start = min(max(peak - window // 2, first), end - window)
            blame = _blame(detector, series, run, start, window)
            most = float(oddness.max())
            found.append(
                Alarm(
                    start=clock[run[0]],
                    end=clock[run[-1]],
                    peak=clock[peak],
                    p_value=float(calibration.p_values(np.array(most))),
                    oddness=most,
                    channels=blame,
                    steps=(int(run[0]), int(run[-1])),
                )
            )
    return found


def _blame(
    detector: AnomalyDetector, series: Series, run: NDArray[np.intp], start: int, window: int
) -> tuple[str, ...]:
    """Return the channels that are responsible for a run of steps, most of all first.

    By the explanation of the window around its peak, and not by the surprise itself: a
    reconstruction follows an unusual value some of the way, and is then off in the other channels
    too.
    """
    part = series.values[start : start + window]
    contributions = np.nan_to_num(detector.explain(part[None]).contributions[0], nan=0.0)
    inside = run[(run >= start) & (run < start + window)] - start
    share = np.clip(contributions[inside].sum(0), 0, None)
    share = share / max(float(share.sum()), 1e-300)
    order = np.argsort(-share, kind="stable")
    names = [series.names[i] for i in order if share[i] >= _RESPONSIBLE]
    return tuple(names or [series.names[order[0]]])
