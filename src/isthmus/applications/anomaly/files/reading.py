"""Rows for a detector, out of files: training rows whole, new rows in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.applications.anomaly.files.columns import Reading, Selection, is_table, select
from isthmus.applications.anomaly.files.usable import to_numbers
from isthmus.data import files
from isthmus.data.files.dataset import DataSet, position
from isthmus.data.files.idx import is_idx
from isthmus.data.files.sniffing import sniff
from isthmus.data.table import is_mixed
from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["Batch", "batches", "check_form", "training_rows"]

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
        Names of the rows.
    """

    samples: Any
    labels: Any = None
    names: list[str] | None = None


def training_rows(path: Path, reading: Reading) -> Any:
    """Read what a detector is fitted on: a DataFrame where columns have names or are mixed.

    Parameters
    ----------
    path : Path
        The file or folder.
    reading : Reading
        How it is read.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or there are no two rows.
    """
    reading = reading.suited(path)
    if is_table(path):
        (frame,) = files.read_frames(path, rows=None, header=reading.header)
        chosen = select(path, frame, reading, named=_is_named(path, reading))
        samples = chosen.take(frame)
        if chosen.names is None and not is_mixed(samples):
            samples = to_numbers(samples)
    else:
        try:
            found = _read_array(path, _with_labels(reading, path, needed=False))
        except InvalidInputError:  # most likely there are no labels among the training rows
            found = _read_array(path, reading)
        samples = found.X
        if found.feature_names is not None and samples.ndim == 2:
            samples = require("pandas", "table").DataFrame(samples, columns=found.feature_names)
    if len(samples) < 2:
        raise InvalidInputError(f"{path}: at least two samples are needed to fit, this has one")
    return samples


def batches(detector: AnomalyDetector, path: Path, reading: Reading) -> Iterator[Batch]:
    """Read a file for a fitted detector; of a table one batch at a time.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    path : Path
        The file or folder.
    reading : Reading
        How it is read.

    Raises
    ------
    InvalidInputError
        If it cannot be read, has no such labels, or is of another form than the detector was
        fitted on.
    """
    reading = reading.suited(path)
    known = getattr(detector, "feature_names_in_", None)
    known = None if known is None else [str(name) for name in known]
    if not is_table(path):
        yield from _array_batches(detector, path, reading, known)
        return
    if len(detector.sample_shape_) > 1:
        raise InvalidInputError(
            f"{path}: the detector takes samples of shape {detector.sample_shape_}, this is a "
            "table; give data of the same shape"
        )
    size = max(min(_BATCH // detector.n_features_in_, _MOST_ROWS), _FEWEST_ROWS)
    chosen: Selection | None = None
    # A column that was text in the fit is read as text: there "007" is a name, not 7.
    columns = [] if detector.encoder_ is None else detector.encoder_.fields_
    text = [
        name for name, column in zip(known or [], columns, strict=False) if column.kind == "text"
    ]
    for frame in files.read_frames(path, rows=size, header=reading.header, text=text):
        if chosen is None:
            named = _is_named(path, reading)
            n_features = detector.n_features_in_
            chosen = select(path, frame, reading, named=named, known=known, n_features=n_features)
            if reading.labels is not None and chosen.labels is None:
                titles = [str(title) for title in frame.columns]
                position(reading.labels, titles, path, reading.said("labels"))
        truth = None if chosen.labels is None else frame.iloc[:, chosen.labels].to_numpy(object)
        names = None
        if chosen.row_names is not None:
            column = frame.iloc[:, chosen.row_names]
            names = ["" if value != value else str(value) for value in column]
        yield Batch(chosen.take(frame), truth, names)


def _array_batches(
    detector: AnomalyDetector, path: Path, reading: Reading, known: list[str] | None
) -> Iterator[Batch]:
    if detector.encoder_ is not None:
        shown = ", ".join(repr(name) for name in (known or [])[:5])
        raise InvalidInputError(
            f"{path}: the detector was fitted on a table of mixed columns ({shown}, …); give a "
            "CSV or Parquet file"
        )
    found = _read_array(path, _with_labels(reading, path, needed=True), known)
    check_form(path, found, tuple(detector.sample_shape_), reading)
    truth = None if reading.labels is None else found.y
    if reading.labels is not None and truth is None:
        raise InvalidInputError(f"{path}: it holds no labels; leave {reading.said('labels')} out")
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


def _read_array(path: Path, reading: Reading, columns: list[str] | None = None) -> DataSet:
    return files.read(
        path,
        header="auto" if reading.header is None else reading.header,
        target=reading.target,
        drop=reading.drop,
        columns=columns,
        key=reading.key,
        image_size=reading.image_size,
        mode=reading.mode,  # type: ignore[arg-type]
    )


def _is_named(path: Path, reading: Reading) -> bool:
    if path.name.lower().endswith(".parquet"):
        return True
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    return sniff(path, header=reading.header, suffix=suffix).header


def _with_labels(reading: Reading, path: Path, *, needed: bool) -> Reading:
    """Have the labels of an array read as its target; training rows need not have any."""
    labels = reading.labels
    if labels is None or is_idx(path):  # the labels of an IDX file lie beside it
        return reading
    if path.is_dir() or not (needed or labels.lstrip("-").isdigit()):
        return reading
    return replace(reading, target=labels, drop=reading.dropped)


def check_form(path: Path, data: DataSet, expected: tuple[int, ...], reading: Reading) -> None:
    """Refuse samples of another shape than a model was fitted on, with what will help.

    Parameters
    ----------
    path : Path
        Where they came from, for the message.
    data : DataSet
        What was read.
    expected : tuple of int
        Shape of one sample, channels last.
    reading : Reading
        How it was read.

    Raises
    ------
    InvalidInputError
        If the shape is another one.
    """
    found = data.X.shape[1:]
    if found == expected:
        return
    if data.kind == "images" and len(expected) >= 2:
        grey, wants_grey = len(found) == 2, len(expected) == 2
        if found[:2] != expected[:2]:
            remedy = f"resize with {reading.said('image_size')} {expected[0]}x{expected[1]}"
        elif grey == wants_grey:
            remedy = "give images of the same kind"
        else:
            remedy = f"read them with {reading.said('mode')} {'L' if wants_grey else 'RGB'}"
        raise InvalidInputError(
            f"{path}: the model takes {_image(expected)}, these are {_image(found)}; {remedy}"
        )
    if len(found) == len(expected) == 1:
        drop, target = reading.said("drop"), reading.said("target")
        hint = f" ({drop} and {target} leave some out)" if found[0] > expected[0] else ""
        raise InvalidInputError(
            f"{path}: the model takes {expected[0]} features a row, this has {found[0]}; give the "
            f"same columns{hint}"
        )
    raise InvalidInputError(
        f"{path}: the model takes samples of shape {expected}, these have shape {found}; give "
        "data of the same shape"
    )


def _image(shape: tuple[int, ...]) -> str:
    colour = "grey" if len(shape) == 2 or shape[2] == 1 else f"{shape[2]}-channel"
    return f"{colour} images of {shape[0]}x{shape[1]}"
