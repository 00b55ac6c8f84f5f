"""What the parameters of a detector of rows may be."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from isthmus.applications.anomaly.parameters import (
    Choice,
    Instance,
    Number,
    check_detector_parameters,
    shown_value,
)
from isthmus.applications.anomaly.scores import DECODED, SCORES
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder, DeepSVDD

if TYPE_CHECKING:
    from isthmus.applications.anomaly.rows.detector import AnomalyDetector

__all__ = ["CONSTRAINTS", "RECALL", "check_detector"]

RECALL = Number(0, 1, closed="right")
CONSTRAINTS: dict[str, list[Any]] = {
    "estimator": [
        Instance(
            "an unfitted estimator of the family, such as VariationalAutoencoder(),",
            BaseAutoencoder,
            DeepSVDD,
        ),
        None,
    ],
    "n_members": [Number(1, whole=True, closed="left"), Choice("auto")],
    "scores": [Choice("auto", *SCORES), Instance("a list of several", list, tuple)],
    "trim": [Number(0, 1, closed="left"), Choice("auto")],
    "calibration_fraction": [Number(0, 1, closed="left"), Choice("auto")],
    "false_alarm_rate": [Number(0, 1, closed="neither"), Choice("auto"), None],
    "tail": [Choice("conformal", "pot")],
    "contamination": [Number(0, 0.5, closed="right"), Choice("auto")],
}


def check_detector(detector: AnomalyDetector) -> None:
    """Check the constructor arguments of a detector, each by itself and together.

    Raises
    ------
    InvalidInputError
        Names the argument, what was expected and what came.
    """
    check_detector_parameters(detector)
    estimator, one_class = detector.estimator, isinstance(detector.estimator, DeepSVDD)
    if isinstance(estimator, BaseAutoencoder) and estimator.is_conditional:
        raise InvalidInputError(
            "estimator: a conditional model needs y for every row, which a detector does not "
            "get; set conditional=False"
        )
    known_rate = isinstance(detector.false_alarm_rate, Real)
    if not isinstance(detector.contamination, str) and known_rate:
        raise InvalidInputError(
            "contamination: the threshold can be chosen by a contamination or by a "
            "false_alarm_rate, not by both; leave one of them at 'auto'"
        )
    if detector.tail == "pot" and not known_rate:
        raise InvalidInputError(
            "tail: 'pot' extrapolates to a rate that is given; set false_alarm_rate, such as 1e-4"
        )
    if not len(detector.scores):
        raise InvalidInputError(f"scores: expected a name or several; got {detector.scores!r}")
    for name in [detector.scores] if isinstance(detector.scores, str) else detector.scores:
        if name not in SCORES and not detector.scores == "auto":
            raise InvalidInputError(f"scores: expected one of {', '.join(SCORES)}; got {name!r}")
        if one_class and name in DECODED:
            raise InvalidInputError(
                f"scores: {name!r} needs a decoder, and DeepSVDD has none; use 'distance'"
            )
        if name == "distance" and not one_class:
            raise InvalidInputError(
                "scores: 'distance' is that to the centre of Deep SVDD; set estimator=DeepSVDD()"
            )
    if one_class and not isinstance(detector.trim, str) and detector.trim > 0:
        raise InvalidInputError(
            "trim: the rows that are reproduced worst are left out, and DeepSVDD reproduces "
            f"none; leave it at 'auto'; got {shown_value(detector.trim)}"
        )
