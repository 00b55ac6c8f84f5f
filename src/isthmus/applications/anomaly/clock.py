"""A series as it comes from people, and its clock."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError

__all__ = ["Rows", "Series", "check_clock", "find_interval", "on_clock", "read_rows"]

_JITTER = 0.5  # of an interval: a stamp further off than this is in another place
_IRREGULAR = 0.1  # the share of such stamps from which there is no clock to speak of
_REPAIR = "sort and average them yourself, or set repair=True"


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
        Of the channels.
    """

    values: NDArray[np.float64]
    stamps: NDArray[np.datetime64] | None
    pieces: list[tuple[int, int]]
    rows: NDArray[np.intp]
    names: list[str]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Rows:
    """Rows as they came, in order of time.

    Attributes
    ----------
    values : ndarray of shape (n, channels), float64
        One row a time.
    stamps : ndarray of shape (n,), datetime64[ns], or None
        Rising.
    places : ndarray of shape (n_rows,), int
        Which of them each row that came in is.
    names : list of str
        Of the channels; empty where they have none.
    """

    values: NDArray[np.float64]
    stamps: NDArray[np.datetime64] | None
    places: NDArray[np.intp]
    names: list[str]


def read_rows(X: Any, time_column: str | None = None, repair: bool = False) -> Rows:
    """Read a series, and its time stamps where it has some.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, channels), or DataFrame
        The series, one row a step. A DataFrame may have a column of time stamps, or an index of
        them.
    time_column : str, optional
        Its name; found by its type when absent.
    repair : bool, default=False
        Whether rows may be put in order of time, and rows of the same time averaged.

    Returns
    -------
    Rows

    Raises
    ------
    InvalidInputError
        If there is nothing to read, or stamps are out of order or repeated.
    """
    table, stamps, names = _take_apart(X, time_column)
    if stamps is None:
        return Rows(table, None, np.arange(len(table)), names)
    order, places = _in_order(stamps, repair)
    if len(order) < len(table):  # rows of the same time
        sums = np.zeros((len(order), table.shape[1]))
        np.add.at(sums, places, table)
        return Rows(sums / np.bincount(places)[:, None], stamps[order], places, names)
    return Rows(table[order], stamps[order], places, names)


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


def _take_apart(
    X: Any, time_column: str | None
) -> tuple[NDArray[np.float64], NDArray[np.datetime64] | None, list[str]]:
    """Return values, stamps and names of channels."""
    stamps, unnamed = None, False
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(X, pandas.Series):
        unnamed = X.name is None
        X = X.to_frame()
    if pandas is not None and isinstance(X, pandas.DataFrame):
        column = _time_column(X, [pandas.api.types.is_datetime64_any_dtype(t) for t in X.dtypes],
                              time_column)  # fmt: skip
        if column is not None:
            stamps = _utc(pandas.DatetimeIndex(_as_times(pandas, X[column], column)))
            X = X.drop(columns=column)
        elif isinstance(X.index, pandas.DatetimeIndex):
            stamps = _utc(X.index)
    elif polars is not None and isinstance(X, polars.DataFrame):
        column = _time_column(X, [dtype.is_temporal() for dtype in X.dtypes], time_column)
        if column is not None:
            try:
                times = X[column]
                if times.dtype == polars.String:
                    times = times.str.to_datetime()
                if times.dtype.is_numeric():
                    raise _not_times(column)
                stamps = times.cast(polars.Datetime("ns")).to_numpy()
            except (polars.exceptions.PolarsError, TypeError) as error:
                raise _not_times(column) from error
            X = X.drop(column)
    elif time_column is not None:
        raise InvalidInputError(
            f"time_column: {time_column!r} needs a DataFrame; got {type(X).__name__}"
        )
    names = [] if unnamed else [str(name) for name in getattr(X, "columns", [])]
    try:
        array = np.asarray(to_arrays(X), dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError("X: expected numbers, one row a step; got text") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1] or not len(array):
        raise InvalidInputError(
            "X: expected a series (n,) or (n, channels), one row a step; "
            f"got shape {array.shape}; pass several series as a list"
        )
    if np.isinf(array).any():
        raise InvalidInputError("X: expected finite numbers; got infinity; drop such rows first")
    if stamps is not None and np.isnat(stamps).any():
        raise InvalidInputError("X: expected a time stamp in every row; got NaT; drop such rows")
    return array, stamps, names


def _time_column(X: Any, temporal: Sequence[bool], wanted: str | None) -> Any:
    if wanted is not None:
        if wanted not in list(X.columns):
            raise InvalidInputError(
                f"time_column: there is no column {wanted!r}; there are "
                f"{', '.join(map(repr, list(X.columns)[:8]))}"
            )
        return wanted
    found = [name for name, flag in zip(X.columns, temporal, strict=True) if flag]
    if len(found) > 1:
        raise InvalidInputError(
            f"time_column: several columns hold times ({', '.join(map(repr, found))}); name one"
        )
    return found[0] if found else None


def _as_times(pandas: Any, column: Any, name: str) -> Any:
    if pandas.api.types.is_numeric_dtype(column):
        raise _not_times(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it has to guess the format
            return pandas.to_datetime(column)
    except (ValueError, TypeError) as error:
        raise _not_times(name) from error


def _not_times(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"time_column: {name!r} cannot be read as time stamps; convert it with pandas.to_datetime "
        "(unit='s' for seconds)"
    )


def _utc(index: Any) -> NDArray[np.datetime64]:
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return np.asarray(index.to_numpy(), dtype="datetime64[ns]")


def _in_order(
    stamps: NDArray[np.datetime64], repair: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows whose stamps are all the times there are, in order, and each row's place."""
    differences = np.diff(stamps).astype(np.int64)
    if (differences > 0).all():
        rows = np.arange(len(stamps))
        return rows, rows
    if not repair:
        back = np.flatnonzero(differences < 0)
        what = f"{int((differences == 0).sum())} repeated"
        if len(back):
            what = f"row {int(back[0]) + 1} earlier than the row before it"
        raise InvalidInputError(f"X: expected time stamps that rise; got {what}; {_REPAIR}")
    _, first, place = np.unique(stamps, return_index=True, return_inverse=True)
    return first, place.ravel()
