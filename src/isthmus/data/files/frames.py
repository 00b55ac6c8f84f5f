"""Tables as DataFrames: opened, read in stretches, and told in one line what is wrong with them."""

from __future__ import annotations

import gzip
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isthmus.data.files.sniffing import MISSING, Dialect, sniff
from isthmus.errors import (
    InvalidInputError,
    MissingDependencyError,
    check_count,
    require,
)

__all__ = ["open_parquet", "open_text", "parsing", "read_frames", "unpacking"]


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
    with parsing(path):
        opened = open_text(path, form, chunksize=rows, dtype=dict.fromkeys(text, str))
    if rows is None:
        yield opened
        return
    with opened:
        while True:
            with parsing(path):  # around each stretch: what is in force must not leak to others
                part = next(opened, None)
            if part is None:
                return
            yield part


def _parquet_parts(path: Path, rows: int | None) -> Iterator[Any]:
    pyarrow = require("pyarrow", "table")
    with unpacking(path):
        file = open_parquet(path)
    with file:
        if rows is None:
            with unpacking(path):
                frame = file.read().to_pandas()
            yield frame
            return
        batches = file.iter_batches(batch_size=int(rows))
        while True:
            with unpacking(path):
                batch = next(batches, None)
                if batch is None:
                    return
                frame = pyarrow.Table.from_batches([batch]).to_pandas()
            yield frame


def open_text(path: Path, form: Dialect, **options: Any) -> Any:
    """Return the DataFrame, or with `chunksize` the reader, of a text table.

    Parameters
    ----------
    path : Path
        The file.
    form : Dialect
        Its delimiter, its decimal sign, and whether it has a header.
    **options
        Further arguments of `pandas.read_csv`.
    """
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


def open_parquet(path: Path) -> Any:
    """Return the ``ParquetFile``, to be closed by the caller."""
    require("pandas", "table")
    # ParquetFile and not read_table, which would look for partitions in the folder's name; what is
    # buffered ahead is not given back before the end, and memory would grow with the file
    return require("pyarrow.parquet", "table").ParquetFile(path, pre_buffer=False)


def _to_the_last_digit(pandas: Any) -> dict[str, str]:
    # From 3.1 on every float is read exactly, and asking for it is deprecated.
    version = tuple(int(part) for part in pandas.__version__.split(".")[:2])
    return {} if version >= (3, 1) else {"float_precision": "round_trip"}


@contextmanager
def parsing(path: Path) -> Iterator[None]:
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
def unpacking(path: Path) -> Iterator[None]:
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
