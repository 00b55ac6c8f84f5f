"""Which rows a detector can score, and why it cannot score the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.columns import is_flag
from isthmus.errors import require

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["to_numbers", "usable_rows"]


def usable_rows(detector: AnomalyDetector, samples: Any) -> tuple[Any, dict[int, str]]:
    """Return the rows as the detector takes them, and why some cannot be scored.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    samples : DataFrame or ndarray
        The rows as they were read.

    Returns
    -------
    rows : DataFrame or ndarray
        All of them; those that cannot be scored must be left out before `score_samples`.
    reasons : dict of int to str
        Number and reason of each row that cannot be scored.

    Notes
    -----
    A number that is no number, a flag that is neither True nor False, infinity, a value that is
    missing where the fit saw none missing, a row without any value: each would make the detector
    refuse the whole file.
    """
    if detector.encoder_ is not None:
        return _usable_mixed(detector.encoder_, samples)
    reasons: dict[int, str] = {}
    names = None
    if hasattr(samples, "columns"):
        names = [str(name) for name in samples.columns]
        array = to_numbers(samples, reasons)
    else:
        array = np.asarray(samples)
    flat = array.reshape(len(array), -1)
    if flat.dtype.kind == "f" and not np.isfinite(flat.sum(dtype=np.float64)):
        missing = np.isnan(flat)
        _note(reasons, missing.all(1), lambda row: "no value at all")
        places = _places(names, array.shape[1:])
        _note_values(reasons, np.isinf(flat), places, "is infinite")
        if detector.members_[0].missing != "ignore":
            _note_values(reasons, missing, places, "is missing, and the fit saw none missing")
    if hasattr(detector, "feature_names_in_") and array.ndim == 2:
        columns = list(detector.feature_names_in_)
        array = require("pandas", "table").DataFrame(array, columns=columns)
    return array, reasons


def _usable_mixed(encoder: Any, frame: Any) -> tuple[Any, dict[int, str]]:
    pandas = require("pandas", "table")
    reasons: dict[int, str] = {}
    _note(reasons, frame.isna().to_numpy().all(1), lambda row: "no value at all")
    changed = {}
    for name, column, complete in zip(
        encoder.names_, encoder.fields_, encoder.complete_, strict=True
    ):
        series = frame[name]
        missing = series.isna().to_numpy(dtype=bool)
        if column.kind == "number" and _kind(series) not in "mM":
            numbers = to_numbers(frame[[name]], reasons)[:, 0]
            _note_values(reasons, np.isinf(numbers)[:, None], [name], "is infinite")
            changed[name], missing = numbers, np.isnan(numbers)
        if column.kind == "time" and _kind(series) == "O":
            times = pandas.to_datetime(series, errors="coerce", format="ISO8601", utc=True)
            bad = times.isna().to_numpy() & ~missing
            _note_words(reasons, bad, series, "no date")
            changed[name] = series.where(~bad)
            missing = missing | bad
        if column.kind == "flag" and _kind(series) not in "bmM":
            bad = ~missing & ~series.map(is_flag, na_action="ignore").eq(True).to_numpy(dtype=bool)
            _note_words(reasons, bad, series, "neither True nor False")
            changed[name] = series.where(~bad)
            missing = missing | bad
        if complete and column.unseen is None:
            _note_values(
                reasons, missing[:, None], [name], "is missing, and the fit saw none missing"
            )
    return frame.assign(**changed) if changed else frame, reasons


def to_numbers(frame: Any, reasons: dict[int, str] | None = None) -> Any:
    """Return the columns as numbers; what is none becomes NaN and a reason.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    reasons : dict of int to str, optional
        Takes why a row has no number, where it has none yet.
    """
    pandas = require("pandas", "table")
    columns = []
    for _, series in frame.items():
        if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
            columns.append(series.to_numpy())
            continue
        numbers = pandas.to_numeric(series, errors="coerce")
        values = numbers.to_numpy(dtype="float64", na_value=np.nan)
        if reasons is not None:
            bad = np.isnan(values) & ~series.isna().to_numpy()
            _note_words(reasons, bad, series, "no number")
        columns.append(values)
    if not columns:
        return np.empty((len(frame), 0))
    return np.stack(columns, axis=1)


def _kind(series: Any) -> str:
    return str(getattr(series.dtype, "kind", "O"))


def _note(reasons: dict[int, str], rows: Any, text: Callable[[int], str]) -> None:
    for row in np.flatnonzero(rows).tolist():
        reasons.setdefault(row, text(row))


def _note_words(reasons: dict[int, str], bad: Any, series: Any, what: str) -> None:
    def said(row: int) -> str:
        return f"{series.name!r} is {str(series.iloc[row])[:40]!r}, {what}"

    _note(reasons, bad, said)


def _note_values(reasons: dict[int, str], bad: Any, places: list[str], what: str) -> None:
    """Note the first bad value of each row."""
    first = bad.argmax(1)
    _note(reasons, bad.any(1), lambda row: f"{places[first[row]]!r} {what}")


def _places(names: list[str] | None, shape: tuple[int, ...]) -> list[str]:
    if names is not None:
        return names
    if len(shape) == 1:
        return [f"x{i}" for i in range(shape[0])]
    return [str(tuple(map(int, place))) for place in np.ndindex(*shape)]
