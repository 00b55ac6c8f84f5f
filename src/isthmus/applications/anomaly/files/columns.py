"""How files are read, and which columns of a table are features, labels or names of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isthmus.data.containers import text_columns
from isthmus.data.files.dataset import position
from isthmus.data.files.images import IMAGE_SUFFIXES
from isthmus.data.files.tables import ROW_NAME
from isthmus.errors import InvalidInputError

__all__ = ["Reading", "Selection", "is_table", "select"]

_INDEX = ("", "Unnamed: 0", "__index_level_0__")


@dataclass(frozen=True)
class Reading:
    """How files are read, and which of their columns are no features.

    Parameters
    ----------
    target : str, optional
        A column that is left out.
    drop : sequence of str, default=()
        More columns that are left out.
    labels : str, optional
        The column (or the array of an NPZ archive) that says which rows are anomalies; it is no
        feature, and measures the detector.
    header : bool, optional
        Whether the first row of a text table holds names; None looks for it.
    image_size : tuple (height, width), optional
        The size that images are brought to.
    mode : {"L", "RGB"}, optional
        Read images as grey or as colour.
    key : str, optional
        The array of an NPZ archive that holds the samples.
    prefix : str, default=""
        What errors write before the name of one of these; the command line has "--".
    """

    target: str | None = None
    drop: Sequence[str] = ()
    labels: str | None = None
    header: bool | None = None
    image_size: tuple[int, int] | None = None
    mode: str | None = None
    key: str | None = None
    prefix: str = ""

    @property
    def dropped(self) -> list[str]:
        """The columns that are left out."""
        return [*self.drop, *([] if self.target is None else [self.target])]

    def said(self, name: str) -> str:
        """Return the name of a parameter as errors call it."""
        return self.prefix + (name.replace("_", "-") if self.prefix else name)

    def suited(self, path: Path) -> Reading:
        """Leave out what is not about this kind of file: two files may be of two kinds."""
        suffix = path.suffix.lower()
        images = path.is_dir() or suffix in IMAGE_SUFFIXES
        return replace(
            self,
            target=None if images else self.target,
            drop=() if images else self.drop,
            header=self.header if is_table(path) and suffix != ".parquet" else None,
            image_size=self.image_size if images else None,
            mode=self.mode if images else None,
            key=self.key if suffix == ".npz" else None,
        )


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its suffix.

    Examples
    --------
    >>> is_table(Path("rows.csv.gz")), is_table(Path("rows.npy"))
    (True, False)
    """
    name = path.name.lower()
    text = name.removesuffix(".gz").endswith((".csv", ".tsv", ".txt"))
    return (text or name.endswith(".parquet")) and not path.is_dir()


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
    reading: Reading,
    *,
    named: bool,
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
    reading : Reading
        Its `drop` and `target` are no features; for a detector that finds its columns by their
        names they need not be there. Its `labels` is the column of the labels, if it is there.
    named : bool
        Whether the file has names; without, the columns are called "0", "1", …
    known : sequence of str, optional
        The features of a fitted detector.
    n_features : int, optional
        How many a fitted detector takes.

    Raises
    ------
    InvalidInputError
        If columns are not there, or too many are.
    """
    labels, said = reading.labels, reading.said
    titles = [str(title) for title in frame.columns]
    by_name = known is not None and all(name in titles for name in known)
    there = labels is not None and (labels in titles or (not named and labels.isdigit()))
    at = position(labels, titles, path, said("labels")) if labels is not None and there else None
    if known is not None and at is not None and titles[at] in known:
        raise InvalidInputError(
            f"{said('labels')}: the detector was fitted on the column {labels!r}; fit again "
            "without it"
        )
    out = (
        set()
        if by_name
        else {position(name, titles, path, said("drop")) for name in reading.dropped}
    )
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
        hint = f" ({said('drop')} leaves some out)" if len(features) > n_features else ""
        raise InvalidInputError(
            f"{path}: the detector takes {n_features} features a row, this has {len(features)}; "
            f"give the same columns{hint}"
        )
    return Selection(features, names, at, row_names)


def _names_rows(frame: Any) -> bool:
    """Whether the first column is an index, or text under the title "name"."""
    title = str(frame.columns[0])
    return title in _INDEX or (title == ROW_NAME and bool(text_columns(frame.iloc[:, :1])))
