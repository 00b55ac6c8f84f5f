"""What the parameters of a detector may be."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from isthmus.applications.anomaly.scores import DECODED, SCORES
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder, DeepSVDD

if TYPE_CHECKING:
    from isthmus.applications.anomaly.detector import AnomalyDetector

__all__ = ["check_columns", "check_detector", "check_recall"]


def check_detector(detector: AnomalyDetector) -> None:
    """Check the constructor arguments of a detector.

    Raises
    ------
    InvalidInputError
        Names the argument, what was expected and what came.
    """
    estimator = detector.estimator
    one_class = isinstance(estimator, DeepSVDD)
    if estimator is not None and not one_class and not isinstance(estimator, BaseAutoencoder):
        raise InvalidInputError(
            "estimator: expected an unfitted estimator of the family, such as "
            f"VariationalAutoencoder(), or None; got {_shown(estimator)}"
        )
    if isinstance(estimator, BaseAutoencoder) and estimator._conditional:
        raise InvalidInputError(
            "estimator: a conditional model needs y for every row, which a detector does not get; "
            "set conditional=False"
        )
    _number("n_members", detector.n_members, 1, None, whole=True, auto=True)
    _number("trim", detector.trim, 0, 1, auto=True, below=True)
    _number("calibration_fraction", detector.calibration_fraction, 0, 1, auto=True, below=True)
    if detector.false_alarm_rate is not None:
        _number("false_alarm_rate", detector.false_alarm_rate, 0, 1, auto=True, inside=True)
    _number("contamination", detector.contamination, 0, 0.5, auto=True, positive=True)
    if detector.tail not in ("conformal", "pot"):
        raise InvalidInputError(f"tail: expected 'conformal' or 'pot'; got {detector.tail!r}")
    if not isinstance(detector.contamination, str) and isinstance(detector.false_alarm_rate, Real):
        raise InvalidInputError(
            "contamination: the line can be drawn by a contamination or by a false_alarm_rate, not "
            "by both; leave one of them at 'auto'"
        )
    if detector.tail == "pot" and not isinstance(detector.false_alarm_rate, Real):
        raise InvalidInputError(
            "tail: 'pot' extrapolates to a rate that is given; set false_alarm_rate, such as 1e-4"
        )
    names = [detector.scores] if isinstance(detector.scores, str) else detector.scores
    if not isinstance(names, Sequence) or not len(names):
        raise InvalidInputError(f"scores: expected a name or several; got {_shown(names)}")
    for name in names:
        if name not in SCORES and not (name == "auto" and isinstance(detector.scores, str)):
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
            "trim: the rows that are reproduced worst are left out, and DeepSVDD reproduces none; "
            f"leave it at 'auto'; got {_shown(detector.trim)}"
        )


def check_columns(detector: AnomalyDetector) -> None:
    """Refuse a likelihood or scaling for a table whose columns are of many kinds.

    Raises
    ------
    InvalidInputError
        If the estimator has one: each encoded column gets its own.
    """
    estimator = detector.estimator
    if detector.encoder_ is None or estimator is None:
        return
    for name in ("likelihood", "scaling"):
        if getattr(estimator, name) != "auto":
            raise InvalidInputError(
                f"{name}: the columns of this table are of several kinds and each gets its own; "
                f"leave it at 'auto'; got {_shown(getattr(estimator, name))}"
            )


def check_recall(recall: Any) -> None:
    """Refuse what is no share above 0.

    Raises
    ------
    InvalidInputError
        Names what came.
    """
    if recall is None:
        return
    _number("recall", recall, 0, 1, positive=True)


def _number(
    name: str,
    value: Any,
    low: float,
    high: float | None,
    *,
    whole: bool = False,
    auto: bool = False,
    below: bool = False,
    inside: bool = False,
    positive: bool = False,
) -> None:
    if auto and isinstance(value, str) and value == "auto":
        return
    good = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if good:
        number = float(value)
        good = number >= low and (high is None or number <= high)
        good = good and not ((below or inside) and number == high)
        good = good and not ((inside or positive) and number == low)
    if not good:
        span = f"of at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        word = "a whole number" if whole else "a number"
        choice = " or 'auto'" if auto else ""
        raise InvalidInputError(f"{name}: expected {word} {span}{choice}; got {_shown(value)}")


def _shown(value: Any) -> str:
    return " ".join(repr(value).split())[:80]
