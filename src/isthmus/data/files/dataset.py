"""What every reader gives back: the numbers, their names, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = ["Array", "DataSet", "Kind", "as_native", "numbers_only", "position"]

Array: TypeAlias = NDArray[Any]
Kind: TypeAlias = Literal["table", "array", "images"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set as it was read from a file or a folder.

    Attributes
    ----------
    X : ndarray of shape (n_samples, ...)
        The samples, in the type in which they are stored; images are ``uint8``, channels last,
        and grey ones have no channel axis.
    y : ndarray of shape (n_samples,) or None
        The target column of a table, the labels beside an IDX file, or the array ``y`` of an
        NPZ archive.
    feature_names : list of str or None
        The names of the columns, where the file has a header.
    names : list of str or None
        The names of the rows, such as the file names of images.
    kind : {"table", "array", "images"}
        What was read.

    Examples
    --------
    >>> import numpy as np
    >>> DataSet(np.zeros((2, 3))).kind
    'array'
    """

    X: Array
    y: Array | None = None
    feature_names: list[str] | None = None
    names: list[str] | None = None
    kind: Kind = "array"


def numbers_only(array: Array, source: Path | str) -> Array:
    """Return the array if it holds at least one sample of real numbers.

    Parameters
    ----------
    array : ndarray
        What a file holds.
    source : path or str
        The file, as a message names it.

    Raises
    ------
    InvalidInputError
        If it is a scalar, has no element, or holds text, complex numbers, dates or records.
    """
    if array.dtype.kind not in "buif":
        raise InvalidInputError(
            f"{source}: an array of real numbers is expected, this one holds {array.dtype}; "
            "store it as numbers, e.g. with array.astype('float32')"
        )
    if array.ndim == 0:
        raise InvalidInputError(
            f"{source}: an array with one row a sample is expected, this is a single number; "
            "store an array of shape (samples, features)"
        )
    if array.size == 0:
        raise InvalidInputError(
            f"{source}: it holds no data (shape {array.shape}); at least one sample is needed"
        )
    return array


def position(column: str | int, names: Sequence[str], source: Path | str, option: str) -> int:
    """Find a column by its name, or by its position (0 is the first, -1 the last).

    Parameters
    ----------
    column : str or int
        The name or the position.
    names : sequence of str
        The names of all columns, in order.
    source : path or str
        The file, as a message names it.
    option : str
        The argument that named the column, as a message names it.

    Raises
    ------
    InvalidInputError
        If there is no such column; the message names the nearest one.
    """
    if isinstance(column, str) and column in names:
        return names.index(column)
    try:
        index = int(column)
    except ValueError:
        index = len(names)
    if -len(names) <= index < len(names):
        return index % len(names)
    import difflib

    near = difflib.get_close_matches(str(column), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {_listed(names)}"
    raise InvalidInputError(f"{source}: {option} names no column {column!r}; {hint}")


def _listed(names: Sequence[str]) -> str:
    if list(names) == [str(i) for i in range(len(names))]:
        return f"{len(names)} columns without names: give a position from 0 to {len(names) - 1}"
    shown = ", ".join(repr(name) for name in names[:8])
    return f"the columns {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def as_native(array: Array) -> Array:
    """Return the array in this machine's byte order; torch and pandas take no other."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
