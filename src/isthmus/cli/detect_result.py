"""What was found in new rows: alarms, groups, drift, measures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.cli.detect_reasons import explained, reasons_of
from isthmus.cli.detect_score import Scored, score_rows
from isthmus.cli.options import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.applications.anomaly import AnomalyDetector, Drift, Explanation
    from isthmus.evaluation.detection import DetectionMetrics

__all__ = ["Result", "result_of"]

_SHOWN = 5
_FEWEST_FOR_DRIFT = 20
_MOST_COUNTED = 10_000
_TOGETHER = "no single value stands out; they do not go together"


@dataclass
class Result:
    """What a detector says of the rows of a file.

    Attributes
    ----------
    path : Path
        The file.
    scored : Scored
        Its scores and its oddest rows.
    p_values : ndarray of shape (n,)
        NaN where there is none.
    alarms : ndarray of bool, of shape (n,)
        Rows beyond the line.
    line : Threshold or None
        The line.
    drift : Drift or None
        Of the rows in the order of the file.
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
        Of the oddest rows; None where the detector has none to give.
    reasons : list of str
        Of the oddest rows; empty where there is no explanation.
    groups : ndarray of int, of shape (n_oddest,)
        From 1, the largest; 0 for rows that raised no alarm.
    seconds : dict of str to float
        What took how long.
    """

    path: Path
    scored: Scored
    p_values: NDArray[Any]
    alarms: NDArray[Any]
    line: Any
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
        """Return the places of the oddest rows among those kept, the oddest first."""
        return np.argsort(self.scored.scores[self.scored.oddest], kind="stable")

    def name(self, row: int) -> str:
        """Return the name of a row, or its number."""
        return str(row) if self.scored.names is None else self.scored.names[row]

    def label(self, row: int) -> str:
        """Return "anomaly", "normal", "unscored", or "" where no line was drawn."""
        if row in self.scored.unscored:
            return "unscored"
        if self.line is None:
            return ""
        return "anomaly" if self.alarms[row] else "normal"

    def group_sizes(self) -> list[int]:
        """Return how many alarms each group has, the largest first."""
        sizes: list[int] = np.bincount(self.groups[self.groups > 0])[1:].tolist()
        return sizes

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


def result_of(
    detector: AnomalyDetector,
    path: Path,
    reading: Reading,
    labels: str | None,
    *,
    most: int,
    same: bool,
    seconds: dict[str, float],
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Score a file and say why its alarms are alarms.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted.
    path : Path
        The file or folder.
    reading : Reading
        How it is read.
    labels : str or None
        Its column of labels.
    most : int
        Reasons of a row.
    same : bool
        Whether these are the rows of the fit.
    seconds : dict
        Takes what took how long.
    progress : callable, optional
        Called with the number of rows done.
    """
    from isthmus.applications.anomaly import group
    from isthmus.evaluation.detection import anomaly_labels, detection_metrics

    start = time.perf_counter()
    scored = score_rows(detector, path, reading, labels, progress)
    scores, known = scored.scores, ~np.isnan(scored.scores)
    p_values = np.full(len(scores), np.nan)
    if detector.calibration_ is not None:
        p_values[known] = detector.calibration_.p_values(-scores[known])
    line = detector.threshold_
    alarms = np.zeros(len(scores), dtype=bool)
    if line is not None:
        alarms[known] = -scores[known] > line.value
    drift, no_drift = _drift(detector, scores[known], same)
    truth = metrics = None
    if scored.labels is not None:
        truth = anomaly_labels(scored.labels)
        metrics = detection_metrics(truth, scores, offset=None if line is None else -line.value)
    seconds["score"] = time.perf_counter() - start
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these rows all was told when they were scored
        explanation = explained(detector, scored.rows)
    groups = np.zeros(len(scored.oddest), dtype=np.int64)
    loud = alarms[scored.oddest]
    if explanation is None:
        reasons = [""] * len(loud)
    else:
        reasons = reasons_of(detector, explanation, most)
        reasons = [r or (_TOGETHER if odd else "") for r, odd in zip(reasons, loud, strict=True)]
    if explanation is not None and loud.any():
        groups[loud] = 1 + group(_part(explanation, loud))
    seconds["explain"] = time.perf_counter() - start
    return Result(
        path,
        scored,
        p_values,
        alarms,
        line,
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


def _drift(detector: AnomalyDetector, scores: Any, same: bool) -> tuple[Drift | None, str]:
    from isthmus.applications.anomaly import measure_drift

    calibration = detector.calibration_
    if same:
        return None, "not judged: these are the rows of the fit"
    if calibration is None or not calibration.held_out:
        return None, "not judged: no rows were held out to compare with"
    if len(scores) < _FEWEST_FOR_DRIFT:
        return None, f"not judged: {len(scores)} rows are too few, {_FEWEST_FOR_DRIFT} are needed"
    return measure_drift(calibration, -scores), ""


def _usual(detector: AnomalyDetector, n_rows: int) -> dict[str, float] | None:
    line, calibration = detector.threshold_, detector.calibration_
    if line is None or calibration is None or not calibration.held_out:
        return None
    if line.rule != "false alarm rate":
        return None
    rate = line.details["false_alarm_rate"]
    # Of more rows the share does not spread less: what spreads is the rate of the detector.
    low, high = calibration.interval(rate, min(n_rows, _MOST_COUNTED))
    return {"mean": rate * n_rows, "low": low * n_rows, "high": high * n_rows}


def _part(explanation: Explanation, rows: Any) -> Explanation:
    from dataclasses import replace

    return replace(
        explanation,
        values=explanation.values[rows],
        contributions=explanation.contributions[rows],
        expected=explanation.expected[rows],
    )
