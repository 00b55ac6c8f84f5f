"""Scores of new rows, and the most unusual of the rows themselves, in memory that does not grow."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.applications.anomaly.files.columns import Reading
from isthmus.applications.anomaly.files.reading import batches
from isthmus.applications.anomaly.files.usable import usable_rows
from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["MOST_EXPLAINED", "Scored", "score_rows"]

MOST_EXPLAINED = 2000
_ODDEST = 10  # rows that are kept to be shown even where nothing raised an alarm
_MOST_VALUES = 20_000_000  # of the rows that are explained


@dataclass
class Scored:
    """The scores of new rows, and the most unusual of the rows themselves.

    Attributes
    ----------
    scores : ndarray of shape (n,)
        Higher is more normal; NaN for rows that could not be scored, and finite for all others.
    labels : ndarray of shape (n,) or None
        As they stand in the file.
    names : list of str or None
        Names of the rows.
    unscored : dict of int to str
        Row and reason.
    oddest : ndarray of int
        Rows that were kept, in the order of the file: alarms, `MOST_EXPLAINED` at most, and the
        most unusual where there are few alarms.
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
class _Kept:
    """The most unusual rows seen so far."""

    threshold: float
    most: int
    places: list[Any] = field(default_factory=list)
    oddness: list[Any] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    def add(self, places: Any, oddness: Any, rows: Any) -> None:
        chosen = oddness > self.threshold
        if chosen.sum() < _ODDEST:
            chosen[np.argsort(-oddness, kind="stable")[:_ODDEST]] = True
        self.places.append(places[chosen])
        self.oddness.append(oddness[chosen])
        self.rows.append(rows[chosen])
        if sum(map(len, self.places)) > 2 * self.most:
            self.settle()

    def settle(self) -> None:
        if not self.places:
            return
        oddness = np.concatenate(self.oddness)
        count = max(min(int((oddness > self.threshold).sum()), self.most), _ODDEST)
        best = np.sort(np.argsort(-oddness, kind="stable")[:count])
        rows = _joined(self.rows)
        self.places = [np.concatenate(self.places)[best]]
        self.oddness = [oddness[best]]
        self.rows = [_taken(rows, best)]


def score_rows(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
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
    progress : callable, optional
        Called with the number of rows done.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is of another form than the detector was fitted on, or not
        one of its rows can be scored.
    """
    threshold = np.inf if detector.threshold_ is None else detector.threshold_.value
    scores, truth, names = [], [], []
    unscored: dict[int, str] = {}
    values = math.prod(int(side) for side in detector.sample_shape_)
    kept = _Kept(threshold, max(min(MOST_EXPLAINED, _MOST_VALUES // values), _ODDEST))
    done = 0
    with _told_once():
        for batch in batches(detector, path, reading):
            count = len(batch.samples)
            rows, reasons = usable_rows(detector, batch.samples)
            unscored |= {done + row: reason for row, reason in reasons.items()}
            good = np.setdiff1d(np.arange(count), list(reasons))
            part = np.full(count, np.nan)
            if len(good):
                rows = rows if not reasons else _taken(rows, good)
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
    if unscored:
        first = min(unscored)
        warnings.warn(
            f"{path}: {len(unscored)} of {done} rows could not be scored; the first is row "
            f"{first}: {unscored[first]}",
            UserWarning,
            stacklevel=3,
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
    most = float(np.finfo(np.float32).max)
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=-most).clip(-most, most)


def _taken(samples: Any, places: Any) -> Any:
    return samples.iloc[places] if hasattr(samples, "iloc") else samples[places]


def _joined(parts: list[Any]) -> Any:
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
