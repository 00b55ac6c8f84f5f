"""What was found in new rows, as a table: CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import require
from isthmus.storage.atomic import whole_file

if TYPE_CHECKING:
    from isthmus.applications.anomaly.files.result import FileResult

__all__ = ["write_table"]

_CHUNK = 100_000


def write_table(path: Path, result: FileResult, *, alarms_only: bool) -> None:
    """Write a table of the rows, in their order, whole or not at all.

    Parameters
    ----------
    path : Path
        The file: .csv, .tsv (also with .gz) or .parquet.
    result : FileResult
        What was found.
    alarms_only : bool
        Whether only the rows that raised an alarm are written.
    """
    name = path.name.lower()
    with whole_file(path) as draft:
        frames = _frames(result, alarms_only)
        if name.endswith(".parquet"):
            pyarrow = require("pyarrow", "table")
            writer = None
            for frame in frames:
                table = pyarrow.Table.from_pandas(
                    frame, schema=_schema(pyarrow, result), preserve_index=False
                )
                if writer is None:
                    writer = require("pyarrow.parquet", "table").ParquetWriter(draft, table.schema)
                writer.write_table(table)
            assert writer is not None
            writer.close()
            return
        packed = "gzip" if name.endswith(".gz") else None
        separator = "\t" if name.removesuffix(".gz").endswith(".tsv") else ","
        for place, frame in enumerate(frames):
            frame.to_csv(
                draft,
                sep=separator,
                index=False,
                mode="a" if place else "w",
                header=not place,
                compression=packed,
                lineterminator="\n",
            )


def _frames(result: FileResult, alarms_only: bool) -> Iterator[Any]:
    """Yield the rows as DataFrames; at least one, if only for its header."""
    pandas = require("pandas", "table")
    scored = result.scored
    why = dict(scored.unscored)
    groups: dict[int, int | None] = {}
    for place, row in enumerate(scored.oddest.tolist()):
        if result.alarms[row]:
            why[row], groups[row] = result.reasons[place], int(result.groups[place]) or None
    rows = np.flatnonzero(result.alarms) if alarms_only else np.arange(len(scored.scores))
    for start in range(0, max(len(rows), 1), _CHUNK):
        part = rows[start : start + _CHUNK]
        numbers = part.tolist()
        first = (
            {"row": part}
            if scored.names is None
            else {"name": [scored.names[row] for row in numbers]}
        )
        yield pandas.DataFrame(
            {
                **first,
                "score": scored.scores[part],
                "p_value": result.p_values[part],
                "label": np.array([result.label(row) for row in numbers], dtype=object),
                "group": pandas.array([groups.get(row) for row in numbers], dtype="Int64"),
                "reasons": np.array([why.get(row, "") for row in numbers], dtype=object),
            }
        )


def _schema(pyarrow: Any, result: FileResult) -> Any:
    first = ("row", pyarrow.int64()) if result.scored.names is None else ("name", pyarrow.string())
    return pyarrow.schema(
        [
            first,
            ("score", pyarrow.float64()),
            ("p_value", pyarrow.float64()),
            ("label", pyarrow.string()),
            ("group", pyarrow.int64()),
            ("reasons", pyarrow.string()),
        ]
    )
