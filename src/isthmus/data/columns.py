"""The columns of a table as people have them: numbers, flags, times and text."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data._casts import CASTS, UnreadableError, is_flag, is_iso_dates, to_text
from isthmus.data.containers import frame_library, is_tensor
from isthmus.errors import InvalidInputError

__all__ = ["Column", "is_flag", "is_iso_dates", "to_columns"]

_SECOND = np.timedelta64(1, "s")
_NEEDS = {
    "number": "numbers",
    "flag": "True and False",
    "time": "dates (2026-11-21, or with a time of day)",
    "text": "text or categories",
}


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str or int
        Its name, or its place where it has none.
    kind : {"number", "flag", "time", "text"}
        What its values are.
    values : ndarray of shape (n,)
        float64 for numbers and flags (0 and 1), NaN where missing; datetime64[us] for times, as the
        clock on the wall shows them, NaT where missing; str or None for text.
    zone : str, optional
        The time zone of times that have one.

    Examples
    --------
    >>> Column("flag", "text", np.array(["yes", None], dtype=object)).missing
    array([False,  True])
    """

    name: str | int
    kind: str
    values: NDArray[Any]
    zone: str | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        if self.kind == "text":
            return np.fromiter((v is None for v in self.values), bool, len(self.values))
        missing: NDArray[np.bool_] = self.values != self.values
        return missing

    def to(self, kind: str) -> Column:
        """Return the same column read as another kind, where that is possible without a guess.

        Raises
        ------
        InvalidInputError
            If a value cannot be read so; names the column and the value.
        """
        if kind == self.kind:
            return self
        if (self.kind, kind) not in CASTS:
            raise self.misfit(kind, f"{self.kind}s")
        try:
            return Column(self.name, kind, CASTS[self.kind, kind](self.values))
        except UnreadableError as error:
            raise self.misfit(kind, repr(error.args[0])) from None

    def misfit(self, kind: str, what: str) -> InvalidInputError:
        """Return the error for a column that is not of the kind that is needed.

        Parameters
        ----------
        kind : str
            The kind that is needed.
        what : str
            What the column holds instead, in words.
        """
        return InvalidInputError(
            f"X: expected {_NEEDS[kind]} in column {self.name!r}, as in the fit; got {what}; "
            "convert the column"
        )


def to_columns(X: Any) -> tuple[list[str] | None, list[Column]]:
    """Take a table apart.

    Parameters
    ----------
    X : DataFrame of pandas or polars, or array-like of shape (n, columns)
        Objects of different types are allowed.

    Returns
    -------
    names : list of str or None
        Names of the columns, where there are any.
    columns : list of Column
        In the order of the table.

    Raises
    ------
    InvalidInputError
        If this is no table with rows and columns, or a column holds what no kind fits.

    Examples
    --------
    >>> names, columns = to_columns([["a", 1.5], ["b", None]])
    >>> [column.kind for column in columns]
    ['text', 'number']
    """
    if X is None or hasattr(X, "collect"):
        what = "None" if X is None else f"a lazy {type(X).__name__}; call .collect() first"
        raise InvalidInputError(f"X: expected an array or a DataFrame; got {what}")
    library = frame_library(X)
    if library is not None:
        names = [str(name) for name in X.columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidInputError(
                f"X: expected every column to have a name of its own; {twice[0]!r} is there twice; "
                "rename one"
            )
        _check_size(len(X), len(names))
        read = _from_pandas if library == "pandas" else _from_polars
        series = [X.iloc[:, i] for i in range(len(names))] if library == "pandas" else list(X)
        return names, [read(name, one) for name, one in zip(names, series, strict=True)]
    array = _as_table(X)
    _check_size(*array.shape)
    return None, [_from_array(i, array[:, i]) for i in range(array.shape[1])]


def _as_table(X: Any) -> NDArray[Any]:
    if is_tensor(X):
        X = X.detach().cpu().numpy()
    array: NDArray[Any] = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if isinstance(X, np.ma.MaskedArray):
        array = np.ma.filled(X.astype(object), None)
    if array.ndim == 1 and len(array) and isinstance(array[0], list | tuple | np.ndarray):
        raise InvalidInputError("X: expected rows of one length; got rows of several")
    if array.ndim != 2:
        raise InvalidInputError(
            f"X: expected a table (n, columns); got {array.ndim} axes, shape {array.shape}"
        )
    return array


def _check_size(n_rows: int, n_columns: int) -> None:
    if n_rows == 0 or n_columns == 0:
        raise InvalidInputError(
            f"X: expected a table with rows and columns; got {n_rows} rows, {n_columns} columns"
        )


def _from_pandas(name: str, series: Any) -> Column:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if kind == "M":
        zone = getattr(dtype, "tz", None)
        local = series if zone is None else series.dt.tz_localize(None)
        values = local.to_numpy(dtype="datetime64[us]")
        return Column(name, "time", values, None if zone is None else str(zone))
    if kind == "m":
        return Column(name, "number", series.to_numpy(dtype="timedelta64[us]") / _SECOND)
    if kind in "biuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return Column(name, "flag" if kind == "b" else "number", values)
    values = series.astype(object).to_numpy(dtype=object, copy=True)
    values[series.isna().to_numpy(dtype=bool)] = None
    if str(dtype) == "category":  # whole numbers may be categories too
        return Column(name, "text", to_text(values.tolist()))
    return _from_array(name, values)


def _from_polars(name: str, series: Any) -> Column:
    dtype, text = series.dtype, str(series.dtype)
    if dtype.is_numeric() or text in ("Boolean", "Null"):
        kind = "flag" if text == "Boolean" else "number"
        numbers = series.cast(_polars("Float64")).fill_null(float("nan")).to_numpy()
        return Column(name, kind, numbers)
    if text == "Date" or text.startswith("Datetime"):
        zone = getattr(dtype, "time_zone", None)
        local = series if zone is None else series.dt.replace_time_zone(None)
        return Column(name, "time", local.to_numpy().astype("datetime64[us]"), zone)
    if text.startswith("Duration"):
        return Column(name, "number", series.to_numpy().astype("timedelta64[us]") / _SECOND)
    if text.startswith(("List", "Array", "Struct", "Binary")):
        raise InvalidInputError(
            f"X: expected numbers, flags, dates or text in column {name!r}; got {text}; split it "
            "into columns or drop it"
        )
    objects = np.empty(len(series), dtype=object)
    objects[:] = series.to_list()
    return _from_array(name, objects)


def _polars(name: str) -> Any:
    import polars

    return getattr(polars, name)


def _from_array(name: str | int, values: NDArray[Any]) -> Column:
    """Tell what an array holds; an array of objects is asked value by value."""
    kind = values.dtype.kind
    if kind in "biuf":
        return Column(name, "flag" if kind == "b" else "number", values.astype(np.float64))
    if kind == "M":
        return Column(name, "time", values.astype("datetime64[us]"))
    if kind == "m":
        return Column(name, "number", values.astype("timedelta64[us]") / _SECOND)
    if kind == "c":
        raise InvalidInputError(f"X: expected real numbers in column {name!r}; got complex ones")
    objects = [None if _is_missing(value) else value for value in values.tolist()]
    known = {type(value) for value in objects if value is not None}
    if known and all(issubclass(t, bool | np.bool_) for t in known):
        return Column(name, "flag", _floats(objects))
    if all(issubclass(t, Real) or t.__name__ == "Decimal" for t in known):
        return Column(name, "number", _floats(objects))
    if all(issubclass(t, datetime.date | np.datetime64) for t in known):
        if any(getattr(value, "tzinfo", None) is not None for value in objects):
            raise InvalidInputError(
                f"X: expected dates of one time zone in column {name!r}; got objects with one of "
                "their own; convert the column (pandas.to_datetime(..., utc=True))"
            )
        times = np.array(objects, dtype="datetime64[us]")
        return Column(name, "time", times)
    return Column(name, "text", to_text(objects))


def _is_missing(value: Any) -> bool:
    # pandas.NA is neither equal nor unequal to itself.
    if value is None or type(value).__name__ == "NAType":
        return True
    return bool(isinstance(value, float | np.floating | np.datetime64) and value != value) or (
        type(value).__name__ == "NaTType"
    )


def _floats(objects: Sequence[Any]) -> NDArray[np.float64]:
    numbers = (np.nan if value is None else float(value) for value in objects)
    return np.fromiter(numbers, np.float64, len(objects))
