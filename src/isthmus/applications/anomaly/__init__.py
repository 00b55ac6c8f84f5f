"""Anomaly detection: scores, stated error rates, reasons, drift."""

from isthmus.applications.anomaly.calibration import BlockCalibration, Calibration
from isthmus.applications.anomaly.drift import Block, Drift, measure_drift
from isthmus.applications.anomaly.explanation import Explanation, Reason, group
from isthmus.applications.anomaly.rows import AnomalyDetector, untrained_control
from isthmus.applications.anomaly.series import Alarm, SeriesDetector
from isthmus.applications.anomaly.threshold import Threshold

__all__ = [
    "Alarm",
    "AnomalyDetector",
    "Block",
    "BlockCalibration",
    "Calibration",
    "Drift",
    "Explanation",
    "Reason",
    "SeriesDetector",
    "Threshold",
    "group",
    "measure_drift",
    "untrained_control",
]
