"""Tables: CSV, TSV and TXT (also with ``.gz``) and Parquet, through pandas."""

from __future__ import annotations

import gzip
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from isthmus.data.files.dataset import Array, DataSet, position
from isthmus.data.files.sniffing import MISSING, Dialect, sniff
from isthmus.errors import (
    InvalidInputError,
    MissingDependencyError,
    check_count,
    require,
)

__all__ = ["ROW_NAME", "read_frames", "read_parquet", "read_text", "write_csv", "write_parquet"]

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

    Raises
    ------
    InvalidInputError
        If it is empty, ragged, not text, or holds columns that are not numbers.
    """
    form = sniff(path, header=header, suffix=suffix)
    with _parsing(path):
        frame = _open_text(path, form)
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

    Raises
    ------
    InvalidInputError
        If it is damaged or holds columns that are not numbers.
    """
    with _unpacking(path), _open_parquet(path) as file:
        frame = file.read().to_pandas()
    frame.columns = [str(name) for name in frame.columns]
    return _data_set(frame, path, named=True, target=target, drop=drop, columns=columns)


def read_frames(
    path: str | os.PathLike[str],
    *,
    rows: int | None = 65_536,
    header: bool | None = None,
    text: Sequence[str] = (),
) -> Iterator[Any]:
    r"""Read a table in stretches, in memory that does not grow with the file.

    Columns stay what they are: numbers, text, dates; see `isthmus.data.table.TableEncoder`.

    Parameters
    ----------
    path : str or path
        CSV, TSV or TXT (also with ``.gz``), or Parquet.
    rows : int or None, default=65536
        Rows at a time at most; None reads the whole file.
    header : bool, optional
        Whether the first row of a text table holds names; None looks for it.
    text : sequence of str, default=()
        Columns of a text table that are text whatever they look like: a stretch in which every
        code happens to be of digits would otherwise be read as numbers.

    Yields
    ------
    pandas.DataFrame
        Not empty; its index goes on from one to the next.

    Raises
    ------
    InvalidInputError
        If the file is absent, of another kind, damaged or has no rows; where the damage lies
        behind the first rows, after these have been read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "log.csv")
    ...     _ = file.write_text("code,size\n007,1.5\n012,2.5\n3,0.5\n")
    ...     [part["code"].tolist() for part in read_frames(file, rows=2, text=["code"])]
    [['007', '012'], ['3']]
    """
    path = Path(path)
    if rows is not None:
        check_count("rows", rows)
    if not path.is_file():
        raise InvalidInputError(
            f"{path}: there is no such file; check the name and the folder you are in"
        )
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in (".csv", ".tsv", ".txt", ".parquet"):
        raise InvalidInputError(
            f"{path}: a table is expected (.csv, .tsv, .txt, also with .gz, or .parquet); "
            "convert it"
        )
    if suffix == ".parquet":
        parts = _parquet_parts(path, rows)
    else:
        parts = _text_parts(path, sniff(path, header=header, suffix=suffix), rows, text)
    count = 0
    for frame in parts:
        frame.columns = [str(name).strip() for name in frame.columns]
        if len(frame):
            frame.index = range(count, count + len(frame))
            count += len(frame)
            yield frame
    if not count:
        raise InvalidInputError(f"{path}: the table has no rows below its header; one is needed")


def _text_parts(path: Path, form: Dialect, rows: int | None, text: Sequence[str]) -> Iterator[Any]:
    with _parsing(path):
        opened = _open_text(path, form, chunksize=rows, dtype=dict.fromkeys(text, str))
    if rows is None:
        yield opened
        return
    with opened:
        while True:
            with _parsing(path):  # around each stretch: what is in force must not leak to others
                part = next(opened, None)
            if part is None:
                return
            yield part


def _parquet_parts(path: Path, rows: int | None) -> Iterator[Any]:
    pyarrow = require("pyarrow", "table")
    with _unpacking(path):
        file = _open_parquet(path)
    with file:
        if rows is None:
            with _unpacking(path):
                frame = file.read().to_pandas()
            yield frame
            return
        batches = file.iter_batches(batch_size=int(rows))
        while True:
            with _unpacking(path):
                batch = next(batches, None)
                if batch is None:
                    return
                frame = pyarrow.Table.from_batches([batch]).to_pandas()
            yield frame


def _open_text(path: Path, form: Dialect, **options: Any) -> Any:
    pandas = require("pandas", "table")
    return pandas.read_csv(
        path,
        sep=r"\s+" if form.delimiter is None else form.delimiter,
        decimal=form.decimal,
        header=0 if form.header else None,
        index_col=False,
        skipinitialspace=True,
        na_values=list(MISSING),
        encoding="utf-8-sig",
        low_memory=False,
        **options,
        **_to_the_last_digit(pandas),
    )


def _open_parquet(path: Path) -> Any:
    require("pandas", "table")
    # ParquetFile and not read_table, which would look for partitions in the folder's name; what is
    # buffered ahead is not given back before the end, and memory would grow with the file
    return require("pyarrow.parquet", "table").ParquetFile(path, pre_buffer=False)


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    """Say of a text table what is wrong with it, in one line."""
    pandas = require("pandas", "table")
    try:
        with warnings.catch_warnings():
            # a row longer than the header would lose its last cells with only a warning
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            yield
    except pandas.errors.EmptyDataError as error:
        raise InvalidInputError(f"{path}: the file is empty; rows are expected") from error
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise InvalidInputError(
            f"{path}: rows of one length are expected ({reason.strip()}); repair the file"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: not text in UTF-8; save it as CSV in UTF-8") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{path}: the gzip data are cut off or broken; fetch the file again"
        ) from error


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    """Say of a Parquet file what is wrong with it, in one line."""
    try:
        yield
    except MissingDependencyError:
        raise
    except Exception as error:
        # A damaged file fails in Arrow, or later in what reads the schema that pandas stored.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "damaged"
        raise InvalidInputError(
            f"{path}: not a whole Parquet file ({reason}); fetch or write the file again"
        ) from error


def write_csv(
    stream: IO[str] | Path,
    array: Array,
    *,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    separator: str = ",",
) -> None:
    """Write rows as text, with a header; numbers are written so that they read back the same."""
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
    """Write rows as a Parquet file."""
    require("pyarrow", "table")
    _frame(array, columns, names).to_parquet(path, engine="pyarrow", index=False)


def _to_the_last_digit(pandas: Any) -> dict[str, str]:
    # From 3.1 on every float is read exactly, and asking for it is deprecated.
    version = tuple(int(part) for part in pandas.__version__.split(".")[:2])
    return {} if version >= (3, 1) else {"float_precision": "round_trip"}


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
