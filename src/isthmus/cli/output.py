"""What verbs say and deliver: results on standard output or in files, remarks on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from isthmus.data.files.dataset import Array

__all__ = [
    "check_output",
    "refuse_input",
    "deliver",
    "readable_bytes",
    "remark",
    "show_json",
    "show_table",
    "titles_of",
    "white_of",
]


def refuse_input(output: str | Path | None, *inputs: Path) -> None:
    """Refuse to write over what is read.

    Parameters
    ----------
    output : str, Path or None
        Where the result goes.
    *inputs : Path
        The files that are read.

    Raises
    ------
    InvalidInputError
        If one of them is the output, by whatever name.
    """
    if output is not None and Path(output).resolve() in {path.resolve() for path in inputs}:
        raise InvalidInputError(f"{output}: this file is read from as well; name another")


def check_output(path: str | None, shape: Sequence[int], *inputs: Path) -> None:
    """Refuse, before the work, a place or format that cannot take samples of this shape.

    Parameters
    ----------
    path : str or None
        Where they go; standard output when absent.
    shape : sequence of int
        The shape of one of them.
    *inputs : Path
        The files that are read, which are never written to.

    Raises
    ------
    InvalidInputError
        In one line, with what will do.
    """
    from isthmus.data import files

    shape = tuple(int(side) for side in shape)
    flat = len(shape) <= 1
    if path is None:
        if not flat:
            raise InvalidInputError(
                f"--output: samples of shape {shape} do not go into CSV; name a folder for "
                "PNG images, or a .npy or .npz file, with -o"
            )
        require("pandas", "table")
        return
    files.check_writable(path)
    refuse_input(path, *inputs)
    if not flat and path.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".parquet")):
        raise InvalidInputError(
            f"{path}: samples of shape {shape} do not go into a table; name a folder for "
            "PNG images, or a .npy or .npz file, with -o"
        )


def deliver(
    array: Array,
    path: str | None,
    *,
    what: str,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    white: float = 255.0,
) -> None:
    """Write a result where the user asked, or as CSV to standard output; `what` is its plural."""
    from isthmus.data import files

    if path is None:
        files.write_csv(sys.stdout, array, columns=columns, names=names)
        return
    files.write(path, array, columns=columns, names=names, white=white)
    remark(f"{len(array)} {what} written to {path}")


def titles_of(estimator: Any) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, if they had any."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def white_of(estimator: Any) -> float:
    """Return the number that is white in images of a model: 1 where its data lie in [0, 1]."""
    bounded = getattr(estimator.module_.likelihood, "support", None) == (0.0, 1.0)
    return 1.0 if bounded and estimator.scaler_.method == "none" else 255.0


def remark(text: str) -> None:
    """Say something that is not the result."""
    print(text, file=sys.stderr)  # noqa: T201


def show_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object and nothing else; numbers that JSON lacks become null."""
    print(json.dumps(_plain(value), indent=2, allow_nan=False))  # noqa: T201


def show_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print two columns, the first one dim."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))  # Text: a value is never markup
    Console(file=sys.stdout, highlight=False).print(table)


def readable_bytes(size: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> readable_bytes(512), readable_bytes(3_400_000)
    ('512 B', '3.4 MB')
    """
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy numbers and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
