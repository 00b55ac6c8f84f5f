"""Values of a column read as values of another kind, where that is possible without a guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CASTS", "UnreadableError", "is_flag", "is_iso_dates", "to_text"]

_FLAGS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


class UnreadableError(Exception):
    """A value that cannot be read as another kind."""


def _label(value: Any) -> str:
    """Return the text of one value: 3 and 3.0 are the same category, and so is "3"."""
    if isinstance(value, str | bool | np.bool_):
        return str(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return str(int(number)) if number.is_integer() else str(number)
    return str(value)


def to_text(values: Sequence[Any]) -> NDArray[Any]:
    """Return the text of each value; None where it is missing."""
    array = np.empty(len(values), dtype=object)
    array[:] = [None if value is None or value != value else _label(value) for value in values]
    return array


def _text_to_numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    numbers = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is not None:
            try:
                numbers[i] = float(value)
            except ValueError:
                raise UnreadableError(value) from None
    return numbers


def _text_to_times(values: NDArray[Any]) -> NDArray[np.datetime64]:
    """Return the times that text in ISO 8601 names, without a time zone."""
    for value in values:
        if value is not None and not (len(value) >= 10 and value[4] == value[7] == "-"):
            raise UnreadableError(value)
        if value is not None and (value.endswith("Z") or "+" in value or "-" in value[10:]):
            raise UnreadableError(value)  # a zone, which numpy would drop
    try:
        return np.array([value or "NaT" for value in values], dtype="datetime64[us]")
    except ValueError:
        return np.array([_time(value) for value in values], dtype="datetime64[us]")


def is_iso_dates(values: NDArray[Any]) -> bool:
    """Whether every known text is a date, or a date and a time of day, in ISO 8601."""
    try:
        _text_to_times(values)
    except UnreadableError:
        return False
    return True


def _time(value: str | None) -> np.datetime64:
    try:
        return np.datetime64(value or "NaT", "us")
    except ValueError:
        raise UnreadableError(value) from None


def _text_to_flags(values: NDArray[Any]) -> NDArray[np.float64]:
    flags = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is not None:
            if not is_flag(value):
                raise UnreadableError(value)
            flags[i] = _FLAGS[value.strip().lower()]
    return flags


def is_flag(value: Any) -> bool:
    """Whether a value that is not missing can be read as True or False.

    Examples
    --------
    >>> is_flag(" FALSE"), is_flag(1.0), is_flag("yes")
    (True, True, False)
    """
    return _label(value).strip().lower() in _FLAGS


def _numbers_to_flags(values: NDArray[np.float64]) -> NDArray[np.float64]:
    other = values[(values != 0) & (values != 1) & (values == values)]
    if len(other):
        raise UnreadableError(float(other[0]))
    return values


def _numbers_to_text(values: NDArray[np.float64]) -> NDArray[Any]:
    return to_text(values.tolist())


def _flags_to_text(values: NDArray[np.float64]) -> NDArray[Any]:
    return to_text([None if v != v else str(bool(v)) for v in values.tolist()])


CASTS: dict[tuple[str, str], Callable[[NDArray[Any]], NDArray[Any]]] = {
    ("text", "number"): _text_to_numbers,
    ("text", "time"): _text_to_times,
    ("text", "flag"): _text_to_flags,
    ("number", "flag"): _numbers_to_flags,
    ("number", "text"): _numbers_to_text,
    ("flag", "number"): lambda values: values,
    ("flag", "text"): _flags_to_text,
}
