"""A series as it comes from people: its rows in order of time, and what is refused of them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.scores import Network
from isthmus.data.containers import is_frame, is_tensor, to_arrays
from isthmus.errors import InvalidInputError

__all__ = ["Rows", "as_list", "check_channels", "read_rows", "refuse_missing"]

_REPAIR = "sort and average them yourself, or set repair=True"


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
        Names of the channels; empty where they have none.
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


def check_channels(rows: Rows, names: list[str], named: bool) -> None:
    """Refuse a series whose channels are not those of the fit.

    Parameters
    ----------
    rows : Rows
        The series.
    names : list of str
        The channels of the fit.
    named : bool
        Whether they came with these names, which are then compared.

    Raises
    ------
    InvalidInputError
        If there are more or fewer, or others.
    """
    n_channels = rows.values.shape[1]
    if n_channels != len(names):
        raise InvalidInputError(
            f"X: expected {len(names)} channels, as in the fit; got {n_channels}"
        )
    if rows.names and named and rows.names != names:
        raise InvalidInputError(
            f"X: expected the channels {', '.join(names[:8])}; got {', '.join(rows.names[:8])}"
        )


def refuse_missing(rows: Rows, names: Sequence[str], members: Sequence[Network]) -> None:
    """Refuse a series with NaN where a network has not learned to do without a value.

    Parameters
    ----------
    rows : Rows
        The series.
    names : sequence of str
        The names of its channels.
    members : sequence of estimator
        The networks.

    Raises
    ------
    InvalidInputError
        Names the first such step and channel.
    """
    ignored = all(member.missing == "ignore" for member in members)
    if not ignored and (missing := np.isnan(rows.values)).any():
        step, channel = (int(i) for i in np.argwhere(missing)[0])
        raise InvalidInputError(
            f"X: expected finite numbers; got NaN in step {step}, "
            f"{names[channel]!r} ({int(missing.sum())} such values); fill them "
            "in, or fit an estimator with missing='ignore'"
        )


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


def as_list(X: Any) -> list[Any]:
    """Return several series as a list, and one as a list of one."""
    if isinstance(X, list | tuple) and len(X):
        first = X[0]
        several = is_frame(first) or is_tensor(first) or isinstance(first, np.ndarray)
        if several or _is_column(first):
            return list(X)
    return [X]


def _is_column(X: Any) -> bool:
    """Whether `X` is a pandas or polars Series; neither is imported to find out."""
    libraries = (sys.modules.get(name) for name in ("pandas", "polars"))
    return any(isinstance(X, getattr(library, "Series", ())) for library in libraries)
