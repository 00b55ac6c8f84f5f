"""The rules that set a threshold: by held-out rows, their tail, a contamination, or labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import genpareto
from sklearn.metrics import precision_recall_curve

from isthmus.applications.anomaly.calibration import BlockCalibration, Calibration
from isthmus.errors import InvalidInputError

__all__ = [
    "Threshold",
    "calibration_in_words",
    "conformal",
    "conformal_blocks",
    "labelled",
    "peaks_over_threshold",
    "percent",
    "promised",
    "quantile",
    "threshold_in_words",
]

_DEFAULT_RATE = 0.01
_FEWEST_PEAKS = 20
_LEAST_SHAPE = -0.5


@dataclass(frozen=True)
class Threshold:
    """A row whose anomaly score is above `value` is an anomaly.

    Attributes
    ----------
    rule : {"false alarm rate", "peaks over threshold", "contamination", "labels"}
        On what ground it was chosen.
    value : float
        The anomaly score, which is minus `score_samples`.
    details : dict of str to float
        The numbers that belong to the rule: rates, counts, what was reached.
    """

    rule: str
    value: float
    details: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        said = ", ".join(f"{name} {number:.4g}" for name, number in self.details.items())
        return f"{self.rule}: anomaly score above {self.value:.4g} ({said})"


def promised(
    calibration: Calibration | None, rate: float | str | None, tail: str
) -> Threshold | None:
    """Return the threshold of a false-alarm rate; None without a rate, or nothing to count on.

    Parameters
    ----------
    calibration : Calibration or None
        The held-out rows.
    rate : float, "auto" or None
        "auto" is 0.01, or twice the smallest that the rows can promise.
    tail : {"conformal", "pot"}
        Count the rows beyond a rate that is given, or extrapolate.

    Raises
    ------
    InvalidInputError
        If a rate is given that these rows cannot promise.
    """
    if calibration is None or rate is None:
        return None
    if isinstance(rate, str):
        # Twice the smallest: then the most unusual of the held-out rows is itself beyond the
        # threshold.
        rate = max(_DEFAULT_RATE, 2 * calibration.smallest_rate)
        return conformal(calibration, rate)
    if not calibration.held_out:
        raise InvalidInputError(
            f"false_alarm_rate: {rate:g} needs held-out rows, and these are too few to hold "
            f"any out ({len(calibration)} rows); give more rows, or false_alarm_rate='auto'"
        )
    if tail == "pot":
        return peaks_over_threshold(calibration, float(rate))
    return conformal(calibration, float(rate))


def conformal(calibration: Calibration, rate: float) -> Threshold:
    """Return the threshold beyond which at most a share `rate` of normal rows lies.

    Parameters
    ----------
    calibration : Calibration
        The held-out rows.
    rate : float
        The false-alarm rate.

    Raises
    ------
    InvalidInputError
        If there are too few held-out rows for the rate.
    """
    value = calibration.threshold(rate)
    low, high = calibration.interval(rate, 10_000)
    details = {
        "false_alarm_rate": rate,
        "calibration_rows": float(len(calibration)),
        "rate_low": low,
        "rate_high": high,
    }
    return Threshold("false alarm rate", value, details)


def conformal_blocks(calibration: BlockCalibration, rate: float | str) -> Threshold:
    """Return the threshold beyond which the expected share of normal steps is `rate`.

    Parameters
    ----------
    calibration : BlockCalibration
        The held-out steps.
    rate : float or "auto"
        "auto" is 0.01, or the smallest that the blocks can promise.

    Raises
    ------
    InvalidInputError
        If there are too few blocks for the rate.
    """
    if isinstance(rate, str):
        rate = max(_DEFAULT_RATE, calibration.smallest_rate)
    details = {
        "false_alarm_rate": float(rate),
        "calibration_blocks": float(calibration.n_blocks),
        "block_steps": float(calibration.block),
    }
    return Threshold("false alarm rate", calibration.threshold(rate), details)


def peaks_over_threshold(calibration: Calibration, rate: float, peaks: float = 0.1) -> Threshold:
    """Extrapolate the tail of the held-out rows to a rate that is too small to be counted.

    A generalised Pareto distribution is fitted to the excesses over the (1 − peaks) quantile
    (Pickands 1975; Siffer et al. 2017, doi:10.1145/3097983.3098144). It is an extrapolation, and
    has no finite-sample guarantee.

    Parameters
    ----------
    calibration : Calibration
        The held-out rows.
    rate : float
        The false-alarm rate that is wanted.
    peaks : float, default=0.1
        The share of the rows that counts as the tail.

    Raises
    ------
    InvalidInputError
        If there are fewer than 20 rows in the tail, or the rate lies inside the body.
    """
    oddness = calibration.oddness
    start = float(np.quantile(oddness, 1 - peaks))
    excess = oddness[oddness > start] - start
    if len(excess) < _FEWEST_PEAKS:
        raise InvalidInputError(
            f"tail: 'pot' needs {_FEWEST_PEAKS} different held-out rows beyond the "
            f"{1 - peaks:.0%} quantile; there are {len(excess)} of {len(oddness)}"
        )
    share = len(excess) / len(oddness)
    if rate >= share:
        raise InvalidInputError(
            f"false_alarm_rate: tail='pot' is for rates below {share:.3g}; got {rate:g}; "
            "use tail='conformal'"
        )
    shape, _, scale = genpareto.fit(excess, floc=0)
    if shape < _LEAST_SHAPE:  # a tail that ends just beyond the largest row is an artefact
        shape, scale = _LEAST_SHAPE, genpareto.fit(excess, f0=_LEAST_SHAPE, floc=0)[2]
    value = start + float(genpareto.isf(rate / share, shape, scale=scale))
    # Never lower than counting would have it: below the rate, no held-out row may lie beyond.
    value = max(value, float(oddness[-1 - math.floor(rate * len(oddness))]))
    details = {"false_alarm_rate": rate, "shape": float(shape), "scale": float(scale)}
    return Threshold(
        "peaks over threshold", value, {**details, "calibration_rows": float(len(oddness))}
    )


def quantile(training: NDArray[Any], contamination: float) -> Threshold:
    """Return the threshold beyond which a share of the training rows lies.

    Parameters
    ----------
    training : ndarray of shape (n,)
        Their anomaly scores.
    contamination : float
        The share.
    """
    value = -float(np.percentile(-training, 100 * contamination))
    details = {"contamination": contamination, "training_rows": float(len(training))}
    return Threshold("contamination", value, details)


def labelled(oddness: NDArray[Any], anomalies: NDArray[Any], recall: float | None) -> Threshold:
    """Return the threshold that suits rows whose labels are known.

    Parameters
    ----------
    oddness : ndarray of shape (n,)
        The anomaly score of each row.
    anomalies : ndarray of bool, of shape (n,)
        Which of them are anomalies; both kinds are needed.
    recall : float or None
        The share of the anomalies that must be found, with the best precision; None takes the
        largest F1 instead.

    Returns
    -------
    Threshold
        With precision, recall and F1 on these rows: on fresh rows they will be somewhat lower.
    """
    if anomalies.all() or not anomalies.any():
        raise InvalidInputError("y: expected normal rows and anomalies; got rows of one kind")
    precision, reached, levels = precision_recall_curve(anomalies, oddness)
    precision, reached = precision[:-1], reached[:-1]
    f1 = 2 * precision * reached / np.maximum(precision + reached, 1e-12)
    goal = f1 if recall is None else np.where(reached >= recall, precision, -1.0)
    best = int(len(goal) - 1 - np.argmax(goal[::-1]))
    below = oddness[oddness < levels[best]]  # halfway to the next row below
    value = float((levels[best] + below.max()) / 2) if len(below) else float(levels[best]) - 1e-9
    details = {
        "precision": float(precision[best]),
        "recall": float(reached[best]),
        "f1": float(f1[best]),
        "rows": float(len(oddness)),
        "anomalies": float(anomalies.sum()),
    }
    return Threshold("labels", value, details)


def threshold_in_words(
    threshold: Mapping[str, Any] | None, calibration: Mapping[str, Any] | None
) -> str:
    """Say where the threshold of a detector lies, and what is promised.

    Parameters
    ----------
    threshold : mapping or None
        ``Threshold.to_json()``.
    calibration : mapping or None
        Under "rows" and "held_out" what `isthmus.persistence.describe` says.

    Examples
    --------
    >>> line = {"rule": "contamination", "value": 3.0}
    >>> line["details"] = {"contamination": 0.05, "training_rows": 200.0}
    >>> threshold_in_words(line, None)
    'score below -3: 5 % of the 200 training rows lie there, as the contamination says'
    """
    if threshold is None:
        return "none was drawn"
    details = threshold["details"]
    said = f"score below {-threshold['value']:.4g}: "
    rule = threshold["rule"]
    if rule == "contamination":
        share, count = percent(details["contamination"]), int(details["training_rows"])
        return f"{said}{share} of the {count} training rows lie there, as the contamination says"
    if rule == "labels":
        return (
            f"{said}drawn by {details['rows']:.0f} labelled rows, {details['anomalies']:.0f} of "
            f"them anomalies, with precision {details['precision']:.3f} and recall "
            f"{details['recall']:.3f} there"
        )
    rate, count = percent(details["false_alarm_rate"]), int(details["calibration_rows"])
    if rule == "peaks over threshold":
        return (
            f"{said}{rate} of normal rows, extrapolated from the tail of {count} held-out rows "
            "(peaks over threshold); no guarantee"
        )
    if calibration is not None and not calibration["held_out"]:
        return (
            f"{said}beyond {rate} of the {count} rows of the fit, which were too few to hold any "
            "out; no guarantee"
        )
    return (
        f"{said}at most {rate} of normal rows raise an alarm (conformal, {count} held-out rows; "
        f"of 10,000 fresh ones {percent(details['rate_low'])} to {percent(details['rate_high'])}, "
        "19 times of 20)"
    )


def calibration_in_words(calibration: Mapping[str, Any] | None) -> str:
    """Say what p-values are counted on."""
    if calibration is None:
        return "none"
    if not calibration["held_out"]:
        return f"{calibration['rows']} rows of the fit itself, for want of others"
    rows = int(calibration["rows"])
    return f"{rows} held-out rows; the smallest p-value is {1 / (rows + 1):.2g}"


def percent(share: float) -> str:
    """Write a share for people.

    Examples
    --------
    >>> percent(0.01), percent(1 / 81), percent(1e-5)
    ('1 %', '1.23 %', '0.001 %')
    """
    return f"{float(f'{100 * share:.3g}'):.10f}".rstrip("0").rstrip(".") + " %"
