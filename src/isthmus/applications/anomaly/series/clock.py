"""The clock of a series: the time between its steps, its gaps, and the end that is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.series.reading import Rows
from isthmus.errors import InvalidInputError

__all__ = ["Series", "check_clock", "find_interval", "hold_out_ends", "on_clock"]

_JITTER = 0.5  # of an interval: a stamp further off than this is in another place
_IRREGULAR = 0.1  # the share of such stamps from which there is no clock to speak of


@dataclass(frozen=True)
class Series:
    """A series on its clock.

    Attributes
    ----------
    values : ndarray of shape (n, channels), float64
        In order of time; steps of a small gap that was filled are among them.
    stamps : ndarray of shape (n,), datetime64[ns], or None
        When each was taken; None where the series came without a clock.
    pieces : list of (int, int)
        First step of each stretch without a gap, and the step after its last.
    rows : ndarray of shape (n_rows,), int
        The step of each row that came in.
    names : list of str
        Names of the channels.
    """

    values: NDArray[np.float64]
    stamps: NDArray[np.datetime64] | None
    pieces: list[tuple[int, int]]
    rows: NDArray[np.intp]
    names: list[str]

    def __len__(self) -> int:
        return len(self.values)


def find_interval(rows: Rows) -> np.timedelta64 | None:
    """Return the time between two steps: the median of the differences; None without stamps.

    Raises
    ------
    InvalidInputError
        If there are too few stamps.
    """
    if rows.stamps is None:
        return None
    if len(rows.stamps) < 3:
        raise InvalidInputError(
            f"X: the time between steps cannot be found from {len(rows.stamps)} time stamps"
        )
    return np.timedelta64(int(np.median(np.diff(rows.stamps).astype(np.int64))), "ns")


def check_clock(rows: Rows, interval: np.timedelta64 | None) -> None:
    """Refuse stamps that are on no clock of that interval, and a clock where there was none.

    Parameters
    ----------
    rows : Rows
        The series.
    interval : timedelta64 or None
        The time between two steps; None where the fit had no time stamps.

    Raises
    ------
    InvalidInputError
        Says what to do.
    """
    if (interval is None) != (rows.stamps is None):
        has, had = ("no", "some") if rows.stamps is None else ("some", "none")
        raise InvalidInputError(
            f"X: expected time stamps as in the fit, which had {had}; got {has}"
        )
    if interval is None or rows.stamps is None or len(rows.stamps) < 2:
        return
    ratio = np.diff(rows.stamps) / interval
    off = (np.abs(ratio - np.rint(ratio)) > _JITTER / 2) | (ratio < 1 - _JITTER)
    if off.mean() > _IRREGULAR:
        seconds = interval / np.timedelta64(1, "s")
        raise InvalidInputError(
            f"X: expected steps of one length; {off.mean():.0%} of the time stamps are not on a "
            f"clock of {seconds:g} s; resample first, for example frame.resample('5min').mean()"
        )


def on_clock(rows: Rows, interval: np.timedelta64 | None, max_gap: int = 0) -> Series:
    """Put rows on a clock: fill small gaps on a straight line, and cut at larger ones.

    Parameters
    ----------
    rows : Rows
        The series.
    interval : timedelta64 or None
        The time between two steps.
    max_gap : int, default=0
        Up to so many missing steps in a row are filled in.

    Returns
    -------
    Series
    """
    table, stamps, n = rows.values, rows.stamps, len(rows.values)
    names = rows.names or [f"channel {i}" for i in range(table.shape[1])]
    if interval is None or stamps is None:
        return Series(table, None, [(0, n)], rows.places, names)
    missing = np.maximum(np.rint(np.diff(stamps) / interval).astype(np.intp) - 1, 0)
    filled = np.where(missing <= max_gap, missing, 0)
    place = np.concatenate([[0], np.cumsum(1 + filled)]).astype(np.intp)
    cuts = np.flatnonzero(missing > max_gap)
    edges = [0, *(int(place[cut]) + 1 for cut in cuts), int(place[-1]) + 1]
    if filled.any():
        steps = np.arange(place[-1] + 1)
        table = np.stack([np.interp(steps, place, column) for column in table.T], axis=1)
        since = np.interp(steps, place, (stamps - stamps[0]).astype(np.int64))
        stamps = stamps[0] + np.rint(since).astype("timedelta64[ns]")
    return Series(table, stamps, list(pairwise(edges)), place[rows.places], names)


def hold_out_ends(series: Sequence[Series], fraction: float) -> tuple[list[Series], list[Series]]:
    """Cut each series in two: what comes first is for the fit, what comes last is held out.

    Parameters
    ----------
    series : sequence of Series
        On their clocks.
    fraction : float
        The share of the steps of each that is held out, rounded down.

    Returns
    -------
    training, held_out : list of Series
        Series of which no step is held out are missing from the latter.
    """
    cuts = [len(each) - int(fraction * len(each)) for each in series]
    training = [_part(each, 0, cut) for each, cut in zip(series, cuts, strict=True)]
    held_out = [
        _part(each, cut, len(each))
        for each, cut in zip(series, cuts, strict=True)
        if cut < len(each)
    ]
    return training, held_out


def _part(series: Series, first: int, end: int) -> Series:
    """Return the steps from `first` up to `end`, without it."""
    stamps = None if series.stamps is None else series.stamps[first:end]
    pieces = [
        (max(a, first) - first, min(b, end) - first)
        for a, b in series.pieces
        if max(a, first) < min(b, end)
    ]
    return Series(series.values[first:end], stamps, pieces, np.arange(end - first), series.names)
