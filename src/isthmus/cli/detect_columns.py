"""Which columns of a table are features of a detector, and which are labels or names of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.errors import InvalidInputError

__all__ = ["Selection", "select"]

_INDEX = ("", "Unnamed: 0", "__index_level_0__")


@dataclass(frozen=True)
class Selection:
    """Places of the columns.

    Attributes
    ----------
    features : list of int
        In the order in which the detector wants them.
    names : list of str or None
        Their names; None where neither the file nor the detector has any.
    labels, row_names : int or None
        Places of the labels and of the names of the rows, where there are such.
    """

    features: list[int]
    names: list[str] | None
    labels: int | None
    row_names: int | None

    def take(self, frame: Any) -> Any:
        """Return the features of a DataFrame, rows numbered from 0."""
        features = frame.iloc[:, self.features].reset_index(drop=True)
        if self.names is not None:
            features.columns = self.names
        return features


def select(
    path: Path,
    frame: Any,
    *,
    named: bool,
    drop: Sequence[str] = (),
    labels: str | None = None,
    known: Sequence[str] | None = None,
    n_features: int | None = None,
) -> Selection:
    """Choose the columns.

    Parameters
    ----------
    path : Path
        For messages.
    frame : DataFrame
        Some rows of the table.
    named : bool
        Whether the file has names; without, the columns are called "0", "1", …
    drop : sequence of str, default=()
        Columns that are no features. Of a detector that finds its columns by their names, these
        need not be there.
    labels : str, optional
        The column of the labels, if it is there.
    known : sequence of str, optional
        Features of a fitted detector.
    n_features : int, optional
        How many a fitted detector takes.

    Raises
    ------
    InvalidInputError
        If columns are not there, or too many are.
    """
    from isthmus.data.files.dataset import position

    titles = [str(title) for title in frame.columns]
    by_name = known is not None and all(name in titles for name in known)
    there = labels is not None and (labels in titles or (not named and labels.isdigit()))
    at = position(labels, titles, path, "--labels") if labels is not None and there else None
    if known is not None and at is not None and titles[at] in known:
        raise InvalidInputError(
            f"--labels: the detector was fitted on the column {labels!r}; fit again without it"
        )
    out = set() if by_name else {position(name, titles, path, "--drop") for name in drop}
    row_names = 0 if named and _names_rows(frame) and 0 not in (at, *out) else None
    if known is not None and titles[0] in known:
        row_names = None
    left = [i for i in range(len(titles)) if i not in out and i not in (at, row_names)]
    if known is None:
        features, names = left, [titles[i] for i in left] if named else None
    elif by_name:
        features, names = [titles.index(name) for name in known], list(known)
    elif not named and len(left) == len(known):
        features, names = left, list(known)
    else:
        absent = [name for name in known if name not in titles]
        shown = ", ".join(repr(name) for name in absent[:5])
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise InvalidInputError(
            f"{path}: it lacks column{'s' if len(absent) > 1 else ''} {shown}{more}, on which the "
            "detector was fitted; give a table with the same columns"
        )
    if not features:
        raise InvalidInputError(f"{path}: no column is left as a feature; drop fewer columns")
    if n_features is not None and len(features) != n_features:
        hint = " (--drop leaves some out)" if len(features) > n_features else ""
        raise InvalidInputError(
            f"{path}: the detector takes {n_features} features a row, this has {len(features)}; "
            f"give the same columns{hint}"
        )
    return Selection(features, names, at, row_names)


def _names_rows(frame: Any) -> bool:
    """Whether the first column is an index, or text under the title "name"."""
    from isthmus.data.containers import text_columns
    from isthmus.data.files.tables import ROW_NAME

    title = str(frame.columns[0])
    return title in _INDEX or (title == ROW_NAME and bool(text_columns(frame.iloc[:, :1])))
