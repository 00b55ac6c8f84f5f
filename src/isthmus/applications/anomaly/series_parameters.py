"""What the parameters of a detector of series may be."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from isthmus.applications.anomaly.detector import AnomalyDetector
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.applications.anomaly.series import SeriesDetector

__all__ = ["check_series_detector"]


def check_series_detector(detector: SeriesDetector) -> None:
    """Check the constructor arguments of a detector of series.

    Raises
    ------
    InvalidInputError
        Names the argument, what was expected and what came.
    """
    for name, least in (("window", 2), ("stride", 1), ("merge", 0), ("max_gap", 0)):
        value: Any = getattr(detector, name)
        other = "" if name == "max_gap" else ", or 'auto'"
        if other and isinstance(value, str) and value == "auto":
            continue
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise InvalidInputError(
                f"{name}: expected a whole number of at least {least}{other}; got {value!r}"
            )
    rate: Any = detector.false_alarm_rate
    fraction: Any = detector.calibration_fraction
    if rate != "auto" and (not isinstance(rate, Real) or not 0 < float(rate) < 1):
        raise InvalidInputError(
            f"false_alarm_rate: expected a number between 0 and 1, or 'auto'; got {rate!r}"
        )
    if not isinstance(fraction, Real) or not 0 <= float(fraction) < 1:
        raise InvalidInputError(
            f"calibration_fraction: expected a number from 0 to below 1; got {fraction!r}"
        )
    if detector.detector is not None and not isinstance(detector.detector, AnomalyDetector):
        raise InvalidInputError(
            "detector: expected an AnomalyDetector, for example AnomalyDetector(estimator="
            f"Autoencoder(network='lstm')); got {type(detector.detector).__name__}"
        )
