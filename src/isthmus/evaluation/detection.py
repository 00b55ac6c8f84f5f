"""How good a detector is where the truth is known: ranking, and the alarms at the threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = ["DetectionMetrics", "anomaly_labels", "detection_metrics"]

_NORMAL = {"0", "normal", "inlier", "ok", "good", "false", "no", "benign"}
_ANOMALY = {
    *("1", "-1", "anomaly", "anomalous", "abnormal", "outlier", "true", "yes", "bad", "attack"),
    *("defect", "fault"),
}


@dataclass(frozen=True)
class DetectionMetrics:
    """Measures of a detector on rows whose labels are known.

    Attributes
    ----------
    rows, anomalies, alarms : int
        Rows that have a label and a score; how many are anomalies; how many raised an alarm.
    auroc : float
        Probability that an anomaly is more unusual than a normal row; 0.5 is chance. NaN where all
        rows are of one kind.
    average_precision : float
        Area under the curve of precision over recall; the share of anomalies is chance.
    precision, recall, f1 : float
        How many alarms are anomalies, how many anomalies are alarms, and the harmonic mean of both;
        NaN where undefined: no alarms, no anomalies.
    false_alarm_rate : float
        Share of the normal rows that raised an alarm; NaN without normal rows.
    """

    rows: int
    anomalies: int
    alarms: int
    auroc: float
    average_precision: float
    precision: float
    recall: float
    f1: float
    false_alarm_rate: float

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, but for NaN."""
        return asdict(self)


def anomaly_labels(y: Any) -> NDArray[np.float64]:
    """Read labels of any of the usual conventions.

    Parameters
    ----------
    y : array-like of shape (n,)
        −1 for anomalies and 1 for normal rows; or 1 (True) for anomalies and 0 (False) for normal
        rows; or words. Of words, those that say normal (normal, inlier, ok, good, benign, no,
        false) are normal and the others anomalies: "normal" beside names of attacks will do, but
        one word of either kind must be there.

    Returns
    -------
    ndarray of shape (n,)
        1 for anomalies, 0 for normal rows, NaN where there is no label.

    Raises
    ------
    InvalidInputError
        If it cannot be told which are the anomalies.

    Examples
    --------
    >>> anomaly_labels([1, 1, -1]), anomaly_labels(["normal", "smurf"])
    (array([0., 0., 1.]), array([0., 1.]))
    """
    values = np.asarray(y).ravel()
    if values.dtype.kind not in "biuf":
        words = np.array(["" if _is_missing(v) else str(v).strip().lower() for v in values])
        try:
            values = np.array([float(w) if w else np.nan for w in words])
        except ValueError:
            return _read_words(words)
    numbers = values.astype(np.float64)
    kinds = set(np.unique(numbers[~np.isnan(numbers)]).tolist())
    if kinds and kinds <= {-1.0, 1.0} and -1.0 in kinds:
        anomalies = numbers == -1
    elif kinds and kinds <= {0.0, 1.0}:
        anomalies = numbers == 1
    else:
        raise _unknown([f"{kind:g}" for kind in sorted(kinds)])
    return np.where(np.isnan(numbers), np.nan, anomalies.astype(np.float64))


def detection_metrics(
    anomalies: Any, scores: Any, *, offset: float | None = None
) -> DetectionMetrics:
    """Measure a detector on labelled rows.

    Parameters
    ----------
    anomalies : array-like of shape (n,)
        1 for anomalies, 0 for normal rows; rows with NaN are left out. See `anomaly_labels`.
    scores : array-like of shape (n,)
        Higher is more normal, as `AnomalyDetector.score_samples` has it; rows with NaN are left
        out.
    offset : float, optional
        Rows with a lower score are alarms: the `offset_` of a detector. Without it the measures of
        alarms are NaN.

    Returns
    -------
    DetectionMetrics

    Raises
    ------
    InvalidInputError
        If the lengths differ, or no row has both a label and a score.

    Examples
    --------
    >>> found = detection_metrics([0, 0, 0, 1], [-1.0, -2.0, -5.0, -9.0], offset=-4.0)
    >>> found.auroc, found.precision, found.recall
    (1.0, 0.5, 1.0)
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = np.asarray(anomalies, dtype=np.float64).ravel()
    values = np.asarray(scores, dtype=np.float64).ravel()
    if len(truth) != len(values):
        raise InvalidInputError(
            f"anomalies: expected one label a score, {len(values)} in all; got {len(truth)}"
        )
    known = ~(np.isnan(truth) | np.isnan(values))
    if not known.any():
        raise InvalidInputError("anomalies: expected rows with a label and a score; there are none")
    odd, values = truth[known] == 1, values[known]
    both = bool(odd.any() and not odd.all())
    line = -np.inf if offset is None or np.isnan(offset) else offset
    drawn = bool(np.isfinite(line))
    alarms = values < line
    hits = int((alarms & odd).sum())
    precision = _share(hits, int(alarms.sum()), drawn)
    recall = _share(hits, int(odd.sum()), drawn)
    return DetectionMetrics(
        rows=len(values),
        anomalies=int(odd.sum()),
        alarms=int(alarms.sum()),
        auroc=float(roc_auc_score(odd, -values)) if both else float("nan"),
        average_precision=float(average_precision_score(odd, -values)) if both else float("nan"),
        precision=precision,
        recall=recall,
        f1=_share(2 * hits, int(alarms.sum() + odd.sum()), drawn),
        false_alarm_rate=_share(int((alarms & ~odd).sum()), int((~odd).sum()), drawn),
    )


def _share(part: int, whole: int, drawn: bool) -> float:
    return part / whole if drawn and whole else float("nan")


def _read_words(words: NDArray[Any]) -> NDArray[np.float64]:
    kinds = set(words.tolist()) - {""}
    normal = kinds & _NORMAL
    if not normal and not kinds <= _ANOMALY:
        raise _unknown(sorted(kinds))
    anomalies = np.array([word not in _NORMAL for word in words], dtype=np.float64)
    return np.where(words == "", np.nan, anomalies)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _unknown(kinds: list[str]) -> InvalidInputError:
    shown = ", ".join(repr(kind) for kind in kinds[:5]) or "no label at all"
    return InvalidInputError(
        "labels: expected −1 for anomalies and 1 for normal rows, 1 and 0, or words such as "
        f"'anomaly' and 'normal'; got {shown}{', …' if len(kinds) > 5 else ''}"
    )
