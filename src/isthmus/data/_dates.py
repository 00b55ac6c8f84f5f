"""Dates as numbers: seconds since the first, and the place in the day and in the week as waves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moment", "fit_moment"]

_DAY, _WEEK = 86_400, 7 * 86_400
_MONDAY = np.datetime64("1970-01-05", "us")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Moment:
    """A date: seconds since the first of the fit, and its place in the day and in the week.

    Parameters
    ----------
    first, last : str
        The first and the last date of the fit, ISO 8601.
    zone : str or None
        Time zone of the column.
    elapsed, day, week : bool
        Which of the three are encoded; none of them where nothing in a log comes back.
    """

    first: str
    last: str
    zone: str | None
    elapsed: bool
    day: bool
    week: bool

    kind: ClassVar[str] = "time"
    unseen: ClassVar[None] = None

    @property
    def parts(self) -> list[str]:
        names = ["seconds"] * self.elapsed
        for given, name in ((self.day, "time of day"), (self.week, "day of week")):
            names += [f"{name}, {wave}" for wave in ("sine", "cosine")] * given
        return names

    @property
    def likelihoods(self) -> list[str]:
        return ["gaussian"] * len(self.parts)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        codes = [_seconds(values - np.datetime64(self.first, "us"))] * self.elapsed
        day, week = _clock(values)
        for given, turns in ((self.day, day), (self.week, week)):
            if given:
                codes += [np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)]
        return np.column_stack(codes) if codes else np.empty((len(values), 0))

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        """Return datetime64[ms]; where the seconds are not encoded, text such as "Monday 14:05"."""
        if self.elapsed:
            elapsed = np.full(len(codes), np.timedelta64("NaT", "ms"))
            known = np.isfinite(codes[:, 0])
            elapsed[known] = np.rint(1000 * codes[known, 0]).astype("timedelta64[ms]")
            times: NDArray[Any] = np.datetime64(self.first, "ms") + elapsed
            return times
        turns = [
            np.arctan2(codes[:, i], codes[:, i + 1]) / (2 * np.pi) % 1
            for i in range(0, codes.shape[1], 2)
        ]
        text = np.empty(len(codes), dtype=object)
        for row in np.flatnonzero(np.isfinite(codes).all(1)) if turns else ():
            words = [_WEEKDAYS[int(np.rint(7 * turns[-1][row])) % 7]] * self.week
            minute = int(np.rint(1440 * turns[0][row])) % 1440
            text[row] = " ".join(words + [f"{minute // 60:02}:{minute % 60:02}"] * self.day)
        return text

    def outside(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which times lie before the first or after the last of the fit."""
        first, last = np.datetime64(self.first, "us"), np.datetime64(self.last, "us")
        return np.asarray((values < first) | (values > last))


def fit_moment(known: NDArray[Any], zone: str | None) -> Moment:
    """Decide what is encoded of the dates of a column.

    Parameters
    ----------
    known : ndarray of shape (n,), datetime64[us]
        Those that are not missing; at least one.
    zone : str or None
        Time zone of the column.
    """
    span = (known.max() - known.min()) / np.timedelta64(1, "s")
    day, week = (
        # Of a cycle that was seen only once nobody knows what comes back.
        bool(span >= 2 * period and len(np.unique(turns)) > 1)
        for period, turns in zip((_DAY, _WEEK), _clock(known), strict=True)
    )
    # Rows in the order of their times are a log: a new row is later than all of them.
    log = len(known) > 2 and span > 0 and bool((np.diff(known) >= np.timedelta64(0)).all())
    return Moment(str(known.min()), str(known.max()), zone, not log, day, week)


def _seconds(duration: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(duration / np.timedelta64(1, "s"), dtype=np.float64)


def _clock(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far through the day each time is, and through the week in whole days: 0 to 1."""
    seconds = _seconds(values - _MONDAY)
    return seconds % _DAY / _DAY, seconds % _WEEK // _DAY / 7
