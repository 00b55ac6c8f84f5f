"""What was found in a file of new rows: alarms, reasons, groups, drift, measures."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.applications.anomaly.drift import Drift, measure_drift
from isthmus.applications.anomaly.explanation import Explanation, group, heat_map
from isthmus.applications.anomaly.files.columns import Reading
from isthmus.applications.anomaly.files.scoring import Scored, score_rows
from isthmus.applications.anomaly.files.table import write_table
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.evaluation.detection import DetectionMetrics, anomaly_labels, detection_metrics
from isthmus.models import DeepSVDD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.applications.anomaly import AnomalyDetector

__all__ = ["FileResult", "is_image", "score_file"]

_SHOWN = 5
_FEWEST_FOR_DRIFT = 20
_MOST_COUNTED = 10_000
_FEWEST_NATS = 1.0  # a value that adds less is not worth a word, unless it is the most unusual
_TOGETHER = "no single value stands out; they do not go together"


@dataclass
class FileResult:
    """What a detector says of the rows of a file.

    Attributes
    ----------
    path : Path
        The file.
    scored : Scored
        Its scores and its most unusual rows.
    p_values : ndarray of shape (n,)
        NaN where there is none.
    alarms : ndarray of bool, of shape (n,)
        Rows beyond the threshold.
    threshold : Threshold or None
        The threshold of the detector.
    drift : Drift or None
        Whether the rows, in the order of the file, drift away from the held-out rows.
    no_drift : str
        Why there is none, where there is none.
    usual : dict of str to float, or None
        Alarms that so many rows would raise if all were normal: "mean", and where 19 of 20
        detectors would lie, "low" and "high"; None where no rate was promised.
    truth : ndarray of shape (n,) or None
        1 for anomalies, 0 for normal rows, NaN for neither.
    metrics : DetectionMetrics or None
        Where the truth is known.
    explanation : Explanation or None
        The explanation of the most unusual rows; None where the detector has none to give.
    reasons : list of str
        Why each of the most unusual rows is unusual; empty texts where there is no explanation.
    groups : ndarray of int, of shape (n_oddest,)
        From 1, the largest; 0 for rows that raised no alarm.
    seconds : dict of str to float
        What took how long.
    """

    path: Path
    scored: Scored
    p_values: NDArray[Any]
    alarms: NDArray[Any]
    threshold: Threshold | None
    drift: Drift | None
    no_drift: str
    usual: dict[str, float] | None
    truth: NDArray[Any] | None
    metrics: DetectionMetrics | None
    explanation: Explanation | None
    reasons: list[str]
    groups: NDArray[Any]
    seconds: dict[str, float]

    def order(self) -> NDArray[Any]:
        """Return the places of the most unusual rows among those kept, the most unusual first."""
        return np.argsort(self.scored.scores[self.scored.oddest], kind="stable")

    def name(self, row: int) -> str:
        """Return the name of a row, or its number."""
        return str(row) if self.scored.names is None else self.scored.names[row]

    def label(self, row: int) -> str:
        """Return "anomaly", "normal", "unscored", or "" where there is no threshold."""
        if row in self.scored.unscored:
            return "unscored"
        if self.threshold is None:
            return ""
        return "anomaly" if self.alarms[row] else "normal"

    def group_sizes(self) -> list[int]:
        """Return how many alarms each group has, the largest first."""
        sizes: list[int] = np.bincount(self.groups[self.groups > 0])[1:].tolist()
        return sizes

    def write(self, path: str | os.PathLike[str], *, alarms_only: bool = False) -> None:
        """Write a table with score, p-value, label, group and reasons of each row.

        Parameters
        ----------
        path : path-like
            The file: .csv, .tsv (also with .gz) or .parquet.
        alarms_only : bool, default=False
            Whether only the rows that raised an alarm are written.
        """
        write_table(Path(path), self, alarms_only=alarms_only)

    def summary(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        scored = self.scored
        drift = self.drift
        n_scored = len(scored.scores) - len(scored.unscored)
        shown = self.order()[:_SHOWN]
        return {
            "scored_file": str(self.path),
            "rows": len(scored.scores),
            "scored": n_scored,
            "unscored": [
                {"row": self.name(row), "reason": scored.unscored[row]}
                for row in sorted(scored.unscored)[:100]
            ],
            "n_unscored": len(scored.unscored),
            "alarms": int(self.alarms.sum()),
            "explained": 0 if self.explanation is None else int((self.groups > 0).sum()),
            "expected_of_normal_rows": self.usual,
            "groups": self.group_sizes(),
            "drift": {
                "drifted": None if drift is None else drift.drifted,
                "since": None if drift is None else drift.since,
                "said": self.no_drift if drift is None else str(drift),
            },
            "metrics": None if self.metrics is None else self.metrics.to_dict(),
            "oddest": [self._record(int(place)) for place in shown],
            "seconds": dict(self.seconds),
        }

    def _record(self, place: int) -> dict[str, Any]:
        row = int(self.scored.oddest[place])
        return {
            "row": self.name(row),
            "score": float(self.scored.scores[row]),
            "p_value": float(self.p_values[row]),
            "label": self.label(row),
            "group": int(self.groups[place]) or None,
            "reasons": self.reasons[place],
        }


def score_file(
    detector: AnomalyDetector,
    path: str | os.PathLike[str],
    reading: Reading | None = None,
    *,
    most_reasons: int = 3,
    of_the_fit: bool = False,
    progress: Callable[[int], None] | None = None,
) -> FileResult:
    """Score a file and say why its alarms are alarms.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    path : path-like
        The file or folder.
    reading : Reading, optional
        How it is read.
    most_reasons : int, default=3
        Reasons of a row, at most.
    of_the_fit : bool, default=False
        Whether these are the rows of the fit, of which no drift is judged.
    progress : callable, optional
        Called with the number of rows done.

    Returns
    -------
    FileResult

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is of another form than the detector was fitted on, or not
        one of its rows can be scored.
    """
    path, reading = Path(path), Reading() if reading is None else reading
    start = time.perf_counter()
    scored = score_rows(detector, path, reading, progress)
    scores, known = scored.scores, ~np.isnan(scored.scores)
    p_values = np.full(len(scores), np.nan)
    if detector.calibration_ is not None:
        p_values[known] = detector.calibration_.p_values(-scores[known])
    threshold = detector.threshold_
    alarms = np.zeros(len(scores), dtype=bool)
    if threshold is not None:
        alarms[known] = -scores[known] > threshold.value
    drift, no_drift = _drift(detector, scores[known], of_the_fit)
    truth = metrics = None
    if scored.labels is not None:
        truth = anomaly_labels(scored.labels)
        metrics = detection_metrics(
            truth, scores, offset=None if threshold is None else -threshold.value
        )
    seconds = {"score": time.perf_counter() - start}
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these rows all was told when they were scored
        one_class = isinstance(detector.members_[0], DeepSVDD)  # which expects nothing
        explanation = None if one_class else detector.explain(scored.rows)
    groups = np.zeros(len(scored.oddest), dtype=np.int64)
    loud = alarms[scored.oddest]
    if explanation is None:
        reasons = [""] * len(loud)
    else:
        reasons = _reasons(detector, explanation, most_reasons)
        reasons = [r or (_TOGETHER if odd else "") for r, odd in zip(reasons, loud, strict=True)]
    if explanation is not None and loud.any():
        alarming = replace(
            explanation,
            values=explanation.values[loud],
            contributions=explanation.contributions[loud],
            expected=explanation.expected[loud],
        )
        groups[loud] = 1 + group(alarming)
    seconds["explain"] = time.perf_counter() - start
    return FileResult(
        path,
        scored,
        p_values,
        alarms,
        threshold,
        drift,
        no_drift,
        _usual(detector, int(known.sum())),
        truth,
        metrics,
        explanation,
        reasons,
        groups,
        seconds,
    )


def _drift(detector: AnomalyDetector, scores: Any, of_the_fit: bool) -> tuple[Drift | None, str]:
    calibration = detector.calibration_
    if of_the_fit:
        return None, "not judged: these are the rows of the fit"
    if calibration is None or not calibration.held_out:
        return None, "not judged: no rows were held out to compare with"
    if len(scores) < _FEWEST_FOR_DRIFT:
        return None, f"not judged: {len(scores)} rows are too few, {_FEWEST_FOR_DRIFT} are needed"
    return measure_drift(calibration, -scores), ""


def _usual(detector: AnomalyDetector, n_rows: int) -> dict[str, float] | None:
    threshold, calibration = detector.threshold_, detector.calibration_
    if threshold is None or calibration is None or not calibration.held_out:
        return None
    if threshold.rule != "false alarm rate":
        return None
    rate = threshold.details["false_alarm_rate"]
    # Of more rows the share does not spread less: what spreads is the rate of the detector.
    low, high = calibration.interval(rate, min(n_rows, _MOST_COUNTED))
    return {"mean": rate * n_rows, "low": low * n_rows, "high": high * n_rows}


def is_image(detector: AnomalyDetector) -> bool:
    """Whether the detector was fitted on images."""
    member = detector.members_[0]
    return not isinstance(member, DeepSVDD) and member.schema_.layout == "image"


def _reasons(detector: AnomalyDetector, explanation: Explanation, most: int) -> list[str]:
    """Return a text for each explained row, such as "temperature was 91, expected 40 ± 6"."""
    texts = []
    if is_image(detector):  # single pixels say nothing to people
        for one in heat_map(explanation.contributions):
            top, left = np.unravel_index(int(one.argmax()), one.shape)
            texts.append(f"most unusual around row {top}, column {left}")
        return texts
    for row in range(len(explanation)):
        found = explanation.reasons(row, most)
        told = found[:1] + [r for r in found[1:] if r.contribution >= _FEWEST_NATS]
        texts.append("; ".join(map(str, told)))
    return texts
