"""Rows for a detector, out of files: training rows whole, new rows in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.detect_usable import to_numbers
from isthmus.cli.options import Reading
from isthmus.cli.source import read_input
from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["Batch", "batches", "is_table", "training_rows"]

_BATCH = 1 << 22  # values at a time
_MOST_ROWS = 1 << 16
_FEWEST_ROWS = 256


@dataclass
class Batch:
    """Some rows of a file, one after the other.

    Attributes
    ----------
    samples : DataFrame or ndarray
        What the detector scores.
    labels : ndarray of shape (n,) or None
        As they stand in the file.
    names : list of str or None
        Of the rows.
    """

    samples: Any
    labels: Any = None
    names: list[str] | None = None


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


def training_rows(path: Path, reading: Reading, labels: str | None) -> Any:
    """Read what a detector is fitted on: a DataFrame where columns have names or are mixed.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or there are no two rows.
    """
    from isthmus.data.table import is_mixed

    if is_table(path):
        (frame,) = _frames(path, reading, rows=None)
        chosen = _select(path, frame, reading, labels)
        samples = chosen.take(frame)
        if chosen.names is None and not is_mixed(samples):
            samples = to_numbers(samples)
    else:
        try:
            found = read_input(path, _with_labels(reading, path, labels, needed=False))
        except InvalidInputError:  # most likely there are no labels among the training rows
            found = read_input(path, reading)
        samples = found.X
        if found.feature_names is not None and samples.ndim == 2:
            samples = require("pandas", "table").DataFrame(samples, columns=found.feature_names)
    if len(samples) < 2:
        raise InvalidInputError(f"{path}: at least two samples are needed to fit, this has one")
    return samples


def batches(
    detector: AnomalyDetector, path: Path, reading: Reading, labels: str | None
) -> Iterator[Batch]:
    """Read a file for a fitted detector; of a table one batch at a time.

    Raises
    ------
    InvalidInputError
        If it cannot be read, has no such labels, or is of another form than the detector was
        fitted on.
    """
    known = getattr(detector, "feature_names_in_", None)
    known = None if known is None else [str(name) for name in known]
    if not is_table(path):
        wanted = _with_labels(reading, path, labels, needed=True)
        yield from _array_batches(detector, path, wanted, labels, known)
        return
    if len(detector.sample_shape_) > 1:
        raise InvalidInputError(
            f"{path}: the detector takes samples of shape {detector.sample_shape_}, this is a "
            "table; give data of the same shape"
        )
    size = max(min(_BATCH // detector.n_features_in_, _MOST_ROWS), _FEWEST_ROWS)
    chosen = None
    for frame in _frames(path, reading, rows=size, text=_text_columns(detector)):
        if chosen is None:
            chosen = _select(path, frame, reading, labels, known, detector.n_features_in_)
            if labels is not None and chosen.labels is None:
                from isthmus.data.files.dataset import position

                position(labels, [str(title) for title in frame.columns], path, "--labels")
        truth = None if chosen.labels is None else frame.iloc[:, chosen.labels].to_numpy(object)
        names = None
        if chosen.row_names is not None:
            column = frame.iloc[:, chosen.row_names]
            names = ["" if value != value else str(value) for value in column]
        yield Batch(chosen.take(frame), truth, names)


def _array_batches(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
    labels: str | None,
    known: list[str] | None,
) -> Iterator[Batch]:
    if detector.encoder_ is not None:
        shown = ", ".join(repr(name) for name in (known or [])[:5])
        raise InvalidInputError(
            f"{path}: the detector was fitted on a table of mixed columns ({shown}, …); give a "
            "CSV or Parquet file"
        )
    found = read_input(path, reading, detector)
    truth = None if labels is None else found.y
    if labels is not None and truth is None:
        raise InvalidInputError(f"{path}: it holds no labels; leave --labels out")
    size = max(min(_BATCH // max(int(found.X[0].size), 1), _MOST_ROWS), 64)
    for start in range(0, len(found.X), size):
        part = slice(start, start + size)
        samples = found.X[part]
        if known is not None and samples.ndim == 2:
            samples = require("pandas", "table").DataFrame(samples, columns=known)
        yield Batch(
            samples,
            None if truth is None else truth[part],
            None if found.names is None else found.names[part],
        )


def _frames(
    path: Path, reading: Reading, rows: int | None, text: tuple[str, ...] = ()
) -> Iterator[Any]:
    from isthmus.data.files import read_frames

    return read_frames(path, rows=rows, header=reading.header, text=text)


def _select(
    path: Path,
    frame: Any,
    reading: Reading,
    labels: str | None,
    known: list[str] | None = None,
    n_features: int | None = None,
) -> Any:
    from isthmus.cli.detect_columns import select

    drop = [*(reading.drop or ()), *([] if reading.target is None else [reading.target])]
    return select(
        path,
        frame,
        named=_is_named(path, reading),
        drop=drop,
        labels=labels,
        known=known,
        n_features=n_features,
    )


def _is_named(path: Path, reading: Reading) -> bool:
    if path.name.lower().endswith(".parquet"):
        return True
    from isthmus.data.files.sniffing import sniff

    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    return sniff(path, header=reading.header, suffix=suffix).header


def _with_labels(reading: Reading, path: Path, labels: str | None, *, needed: bool) -> Reading:
    """Have the labels of an array read as its target; training rows need not have any."""
    if labels is None or _is_idx(path):  # the labels of an IDX file lie beside it
        return reading
    if path.is_dir() or not (needed or labels.lstrip("-").isdigit()):
        return reading
    drop = [*(reading.drop or ()), *([] if reading.target is None else [reading.target])]
    return replace(reading, target=labels, drop=drop)


def _is_idx(path: Path) -> bool:
    from isthmus.data.files.idx import is_idx

    return is_idx(path)


def _text_columns(detector: AnomalyDetector) -> tuple[str, ...]:
    """Return the columns that were text in the fit: there "007" is a name, not 7."""
    encoder = detector.encoder_
    if encoder is None:
        return ()
    pairs = zip(encoder.names_, encoder.fields_, strict=True)
    return tuple(str(name) for name, column in pairs if column.kind == "text")
