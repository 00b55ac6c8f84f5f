"""Whether a new table agrees with that of the fit: what is refused, and what is warned of."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data._dates import Moment
from isthmus.data.columns import Column, to_columns
from isthmus.data.containers import check_values
from isthmus.errors import InvalidInputError

__all__ = ["check_complete", "check_finite", "check_times", "match_columns", "report_unseen"]


def match_columns(X: Any, known: Sequence[str] | None, n_columns: int) -> list[Column]:
    """Return the columns of the fit, in its order.

    Parameters
    ----------
    X : DataFrame of pandas or polars, or array-like of shape (n, columns)
        A new table.
    known : sequence of str or None
        Names of the columns in the fit, where they had any.
    n_columns : int
        How many there were.

    Raises
    ------
    InvalidInputError
        If a column is absent or new.
    """
    names, columns = to_columns(X)
    if known is not None and names is not None:
        absent = [name for name in known if name not in names]
        if absent:
            raise InvalidInputError(
                f"X: it lacks {_named(absent)} of the fit; give a table with the same columns"
            )
        new = [name for name in names if name not in known]
        if new:
            raise InvalidInputError(f"X: {_named(new)} was not in the fit; drop it")
        return [columns[names.index(name)] for name in known]
    if len(columns) != n_columns:
        raise InvalidInputError(
            f"X: expected {n_columns} columns, as in the fit; got {len(columns)}"
        )
    if (known is None) != (names is None):
        had, has = ("no names", "names") if known is None else ("names", "none")
        warnings.warn(
            f"X: the columns had {had} in the fit and have {has} now; they are taken by place",
            UserWarning,
            stacklevel=4,  # scikit-learn wraps transform
        )
    return columns


def check_finite(column: Column) -> None:
    """Refuse infinity among numbers."""
    if column.kind == "number":
        name = column.name
        check_values(column.values[:, None], allow_nan=True, names=[str(name)])


def check_complete(column: Column) -> None:
    """Refuse a missing value, in a column that had none in the fit."""
    missing = column.missing
    if missing.any():
        raise InvalidInputError(
            f"X: column {column.name!r} had no missing values in the fit; got {missing.sum()}, the "
            f"first in row {int(missing.argmax())}; fill them in, or fit with rows that lack it"
        )


def check_times(column: Column, field: Moment) -> None:
    """Refuse dates of another time zone than in the fit; warn if most lie outside those of it."""
    if column.zone != field.zone:
        raise column.misfit("time", f"times of zone {column.zone}, and {field.zone} in the fit")
    known = column.values[~column.missing]
    if field.elapsed and len(known) and 2 * field.outside(known).sum() > len(known):
        warnings.warn(
            f"most dates in column {column.name!r} lie outside the {field.first} to {field.last} "
            "of the fit, and every such row is unusual for that; to judge rows by the rest, drop "
            "the column or replace it by an age",
            UserWarning,
            stacklevel=4,
        )


def report_unseen(unseen: Sequence[tuple[Column, NDArray[np.intp]]], unknown: str) -> None:
    """Warn of values that the fit has not seen, given as columns and rows; or refuse them."""
    column, rows = unseen[0]
    if unknown == "error":
        raise InvalidInputError(
            f"X: {_values(column, rows)} in column {column.name!r} was never seen in the fit; "
            f"first in row {rows[0]} ({len(rows)} such rows); drop such rows, or set "
            "unknown='rare'"
        )
    found = [f"{_values(c, r)} in column {c.name!r} ({len(r)} rows)" for c, r in unseen[:5]]
    more = f" and {len(unseen) - 5} more columns" if len(unseen) > 5 else ""
    warnings.warn(
        f"X has values that were never seen in the fit and count as improbable: "
        f"{'; '.join(found)}{more}",
        UserWarning,
        stacklevel=5,
    )


def _values(column: Column, rows: NDArray[np.intp]) -> str:
    """Name a few of the values in some rows."""
    missing = column.missing
    values = [
        "a missing value" if missing[row] else repr(column.values[row]) for row in rows[:1000]
    ]
    values = [value.removeprefix("np.float64(").removesuffix(")") for value in values]
    different = list(dict.fromkeys(values))
    return ", ".join(different[:3]) + (" …" if len(different) > 3 else "")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' if len(names) > 1 else ''} {shown}{more}"
