"""Rows for a detector: training rows whole, new rows in batches, and what cannot be scored."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.detect_usable import to_numbers, usable_rows
from isthmus.cli.options import Reading
from isthmus.cli.source import read_input
from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.applications.anomaly import AnomalyDetector

__all__ = [
    "MOST_EXPLAINED",
    "Scored",
    "is_table",
    "score_rows",
    "tell_unscored",
    "training_rows",
]

MOST_EXPLAINED = 2000
_ODDEST = 10  # rows that are kept to be shown even where nothing raised an alarm
_BATCH = 1 << 22  # values at a time
_MOST_VALUES = 20_000_000  # of the rows that are explained
_MOST_ROWS = 1 << 16
_FEWEST_ROWS = 256


@dataclass
class Scored:
    """The scores of new rows, and the oddest of the rows themselves.

    Attributes
    ----------
    scores : ndarray of shape (n,)
        Higher is more normal; NaN for rows that could not be scored, and finite for all others.
    labels : ndarray of shape (n,) or None
        As they stand in the file.
    names : list of str or None
        Of the rows.
    unscored : dict of int to str
        Row and reason.
    oddest : ndarray of int
        Rows that were kept, in the order of the file: alarms, `MOST_EXPLAINED` at most, and the
        oddest where there are few alarms.
    rows : DataFrame or ndarray
        These rows, as the detector takes them; None where nothing could be scored.
    """

    scores: NDArray[Any]
    labels: NDArray[Any] | None
    names: list[str] | None
    unscored: dict[int, str]
    oddest: NDArray[Any]
    rows: Any


@dataclass
class _Batch:
    samples: Any
    labels: Any = None
    names: list[str] | None = None


@dataclass
class _Kept:
    """The oddest rows seen so far."""

    line: float
    most: int
    places: list[Any] = field(default_factory=list)
    oddness: list[Any] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    def add(self, places: Any, oddness: Any, rows: Any) -> None:
        import numpy as np

        chosen = oddness > self.line
        if chosen.sum() < _ODDEST:
            chosen[np.argsort(-oddness, kind="stable")[:_ODDEST]] = True
        self.places.append(places[chosen])
        self.oddness.append(oddness[chosen])
        self.rows.append(rows[chosen])
        if sum(map(len, self.places)) > 2 * self.most:
            self.settle()

    def settle(self) -> None:
        import numpy as np

        if not self.places:
            return
        oddness = np.concatenate(self.oddness)
        count = max(min(int((oddness > self.line).sum()), self.most), _ODDEST)
        best = np.sort(np.argsort(-oddness, kind="stable")[:count])
        rows = _joined(self.rows)
        self.places = [np.concatenate(self.places)[best]]
        self.oddness = [oddness[best]]
        self.rows = [rows.iloc[best] if hasattr(rows, "iloc") else rows[best]]


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


def score_rows(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
    labels: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Score a file; of a table no more than one batch is in memory at a time.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    path : Path
        The file or the folder.
    reading : Reading
        How it is read.
    labels : str, optional
        The column, or array of an NPZ archive, that holds the labels.
    progress : callable, optional
        Called with the number of rows done.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is of another form than the detector was fitted on, or not
        one of its rows can be scored.
    """
    import numpy as np

    line = np.inf if detector.threshold_ is None else detector.threshold_.value
    scores, truth, names = [], [], []
    unscored: dict[int, str] = {}
    values = math.prod(int(side) for side in detector.sample_shape_)
    kept = _Kept(line, max(min(MOST_EXPLAINED, _MOST_VALUES // values), _ODDEST))
    done = 0
    with _told_once():
        for batch in _batches(detector, path, reading, labels):
            count = len(batch.samples)
            rows, reasons = usable_rows(detector, batch.samples)
            unscored |= {done + row: reason for row, reason in reasons.items()}
            good = np.setdiff1d(np.arange(count), list(reasons))
            part = np.full(count, np.nan)
            if len(good):
                rows = rows if not reasons else _rows(rows, good)
                part[good] = _finite(detector.score_samples(rows))
                kept.add(done + good, -part[good], rows)
            scores.append(part)
            truth.append(batch.labels)
            names.append(batch.names)
            done += count
            if progress is not None:
                progress(done)
    if len(unscored) == done:
        raise InvalidInputError(
            f"{path}: none of the {done} rows can be scored; row {min(unscored)}: "
            f"{unscored[min(unscored)]}"
        )
    kept.settle()
    return Scored(
        scores=np.concatenate(scores),
        labels=np.concatenate(truth) if truth[0] is not None else None,
        names=None if names[0] is None else [n for part in names if part for n in part],
        unscored=unscored,
        oddest=kept.places[0],
        rows=kept.rows[0],
    )


def _finite(scores: Any) -> Any:
    """Return scores of which an infinite one, or NaN, is only very low: JSON and pictures lack it.

    Where arithmetic overflows the row is far off.
    """
    import numpy as np

    most = float(np.finfo(np.float32).max)
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=-most).clip(-most, most)


def tell_unscored(scored: Scored, path: Path) -> None:
    """Warn of rows that could not be scored."""
    if scored.unscored:
        first = min(scored.unscored)
        warnings.warn(
            f"{path}: {len(scored.unscored)} of {len(scored.scores)} rows could not be scored; "
            f"the first is row {first}: {scored.unscored[first]}",
            UserWarning,
            stacklevel=2,
        )


def _batches(
    detector: AnomalyDetector, path: Path, reading: Reading, labels: str | None
) -> Iterator[_Batch]:
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
        yield _Batch(chosen.take(frame), truth, names)


def _array_batches(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
    labels: str | None,
    known: list[str] | None,
) -> Iterator[_Batch]:
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
        yield _Batch(
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


def _rows(samples: Any, places: Any) -> Any:
    return samples.iloc[places] if hasattr(samples, "iloc") else samples[places]


def _joined(parts: list[Any]) -> Any:
    import numpy as np

    if hasattr(parts[0], "iloc"):
        return require("pandas", "table").concat(parts, ignore_index=True)
    return np.concatenate(parts)


@contextmanager
def _told_once() -> Iterator[None]:
    """Show a warning that every batch repeats, with other counts, only once."""
    seen: set[str] = set()
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, *rest: Any, **more: Any) -> None:
            kind = str(message).partition(":")[0]
            if kind not in seen:
                seen.add(kind)
                shown(message, *rest, **more)

        warnings.showwarning = show
        yield
