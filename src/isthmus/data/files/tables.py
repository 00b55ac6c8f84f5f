"""Tables as data sets: CSV, TSV and TXT (also with ``.gz``) and Parquet, through pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from isthmus.data.files.dataset import Array, DataSet, position
from isthmus.data.files.frames import open_parquet, open_text, parsing, unpacking
from isthmus.data.files.sniffing import sniff
from isthmus.errors import InvalidInputError, require

__all__ = ["ROW_NAME", "read_parquet", "read_text", "write_csv", "write_parquet"]

ROW_NAME = "name"  # the column that Isthmus writes names of rows into


def read_text(
    path: Path,
    *,
    suffix: str,
    header: bool | None = None,
    target: str | int | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> DataSet:
    """Read a text table; see `isthmus.data.files.read` for the arguments.

    Parameters
    ----------
    path : Path
        The file.
    suffix : str
        What says the delimiter: ".csv", ".tsv" or ".txt".
    header : bool, optional
        Whether the first row holds the names of the columns; found out when absent.
    target : str or int, optional
        The column that is the target ``y``, by name or position.
    drop : sequence of str, default=()
        Columns to leave out, by name or position.
    columns : sequence of str, optional
        The columns that are features, in this order; all others when absent.

    Raises
    ------
    InvalidInputError
        If it is empty, ragged, not text, or holds columns that are not numbers.
    """
    form = sniff(path, header=header, suffix=suffix)
    with parsing(path):
        frame = open_text(path, form)
    frame.columns = [str(name).strip() for name in frame.columns]
    return _data_set(frame, path, named=form.header, target=target, drop=drop, columns=columns)


def read_parquet(
    path: Path,
    *,
    target: str | int | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> DataSet:
    """Read a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    target : str or int, optional
        The column that is the target ``y``, by name or position.
    drop : sequence of str, default=()
        Columns to leave out, by name or position.
    columns : sequence of str, optional
        The columns that are features, in this order; all others when absent.

    Raises
    ------
    InvalidInputError
        If it is damaged or holds columns that are not numbers.
    """
    with unpacking(path), open_parquet(path) as file:
        frame = file.read().to_pandas()
    frame.columns = [str(name) for name in frame.columns]
    return _data_set(frame, path, named=True, target=target, drop=drop, columns=columns)


def write_csv(
    stream: IO[str] | Path,
    array: Array,
    *,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    separator: str = ",",
) -> None:
    """Write rows as text, with a header; numbers are written so that they read back the same.

    Parameters
    ----------
    stream : text stream or Path
        Where it goes; a path that ends with ".gz" is compressed.
    array : ndarray of shape (n,) or (n, d)
        The rows.
    columns : sequence of str, optional
        Titles of the columns; x0, x1, ... when absent.
    names : sequence of str, optional
        Names of the rows, which become the first column.
    separator : str, default=","
        What stands between two values.
    """
    frame = _frame(array, columns, names)
    packed = {"compression": "gzip"} if str(stream).lower().endswith(".gz") else {}
    frame.to_csv(stream, sep=separator, index=False, lineterminator="\n", **packed)


def write_parquet(
    path: Path,
    array: Array,
    *,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> None:
    """Write rows as a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    array : ndarray of shape (n,) or (n, d)
        The rows.
    columns : sequence of str, optional
        Titles of the columns; x0, x1, ... when absent.
    names : sequence of str, optional
        Names of the rows, which become the first column.
    """
    require("pyarrow", "table")
    _frame(array, columns, names).to_parquet(path, engine="pyarrow", index=False)


def _frame(array: Array, columns: Sequence[str] | None, names: Sequence[str] | None) -> Any:
    pandas = require("pandas", "table")
    two = array[:, None] if array.ndim == 1 else array
    titles = [f"x{i}" for i in range(two.shape[1])] if columns is None else list(columns)
    frame = pandas.DataFrame(two, columns=titles)
    if names is not None:
        title = ROW_NAME
        while title in titles:
            title = f"row_{title}"
        frame.insert(0, title, list(names))
    return frame


def _data_set(
    frame: Any,
    path: Path,
    *,
    named: bool,
    target: str | int | None,
    drop: Sequence[str],
    columns: Sequence[str] | None,
) -> DataSet:
    if not len(frame.columns):
        raise InvalidInputError(f"{path}: the table has no columns; at least one is needed")
    if not len(frame):
        raise InvalidInputError(f"{path}: the table has no rows below its header; one is needed")
    titles = list(frame.columns)
    out = {position(column, titles, path, "drop") for column in drop}
    y = None
    if target is not None:
        at = position(target, titles, path, "target")
        out.add(at)
        y = _target(frame.iloc[:, at], path)
    names = _row_names(frame, out) if named else None
    if names is not None:
        out.add(0)
    if columns is None:
        kept = [i for i in range(len(titles)) if i not in out]
    else:
        kept = _wanted(columns, titles, path)
    if not kept:
        raise InvalidInputError(f"{path}: no column is left as a feature; drop fewer columns")
    X = _numbers(frame.iloc[:, kept], path)
    return DataSet(X, y, [titles[i] for i in kept] if named else None, names, "table")


def _row_names(frame: Any, taken: set[int]) -> list[str] | None:
    """Take the first column as names of the rows if it is an index, or text called "name"."""
    title = frame.columns[0]
    index = title in ("", "Unnamed: 0", "__index_level_0__")
    if 0 in taken or not (index or (title == ROW_NAME and _is_text(frame.iloc[:, 0]))):
        return None
    return ["" if value != value else str(value) for value in frame.iloc[:, 0]]


def _wanted(columns: Sequence[str], titles: Sequence[str], path: Path) -> list[int]:
    absent = [name for name in columns if name not in titles]
    if absent:
        raise InvalidInputError(
            f"{path}: it lacks {_named(absent)}, on which the model was fitted; give a table with "
            "the same columns"
        )
    return [titles.index(name) for name in columns]


def _is_text(series: Any) -> bool:
    types = require("pandas", "table").api.types
    if types.is_bool_dtype(series) or types.is_numeric_dtype(series):
        return bool(types.is_complex_dtype(series))
    known = series.dropna()
    # True, False and a missing cell make a column of Python objects
    return not (len(known) and known.map(lambda value: isinstance(value, bool)).all())


def _numbers(frame: Any, path: Path) -> Array:
    text = [title for title, column in frame.items() if _is_text(column)]
    if text:
        drops = " ".join(f"--drop {_quoted(title)}" for title in text[:5])
        raise InvalidInputError(
            f"{path}: numbers are expected, {_named(text)} hold{'' if len(text) > 1 else 's'} text "
            f"or dates; drop with {drops}{' ...' if len(text) > 5 else ''}, or encode as numbers"
        )
    return np.stack([_plain(column) for _, column in frame.items()], axis=1)


def _plain(series: Any) -> Array:
    types = require("pandas", "table").api.types
    missing = bool(series.isna().any())
    if series.dtype == object or (types.is_bool_dtype(series) and missing):
        return np.asarray(series.astype("Float64").to_numpy(dtype="float64", na_value=np.nan))
    if types.is_bool_dtype(series):
        # not uint8, which would be taken for pixels
        return np.asarray(series.to_numpy(dtype="int64"))
    if missing and types.is_extension_array_dtype(series):
        return np.asarray(series.to_numpy(dtype="float64", na_value=np.nan))
    return np.asarray(series.to_numpy())


def _target(series: Any, path: Path) -> Array:
    if not _is_text(series):
        return _plain(series)
    if series.isna().any():
        row = int(np.flatnonzero(series.isna().to_numpy())[0])
        raise InvalidInputError(
            f"{path}: the target {series.name!r} has no value in row {row} (counted from 0); "
            "fill it in or take the row out"
        )
    return np.asarray([str(value) for value in series], dtype=str)


def _named(titles: Sequence[str]) -> str:
    shown = ", ".join(repr(title) for title in titles[:5])
    more = f" and {len(titles) - 5} more" if len(titles) > 5 else ""
    return f"column{'s' if len(titles) > 1 else ''} {shown}{more}"


def _quoted(title: str) -> str:
    import shlex

    return shlex.quote(title)
