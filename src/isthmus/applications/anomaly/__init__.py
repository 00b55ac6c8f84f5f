"""Anomaly detection: scores, stated error rates, reasons, drift."""

from isthmus.applications.anomaly.alarms import Alarm
from isthmus.applications.anomaly.blocks import BlockCalibration
from isthmus.applications.anomaly.calibration import Calibration
from isthmus.applications.anomaly.control import untrained_control
from isthmus.applications.anomaly.detector import AnomalyDetector
from isthmus.applications.anomaly.drift import Block, Drift, measure_drift
from isthmus.applications.anomaly.explanation import Explanation, Reason, group
from isthmus.applications.anomaly.series import SeriesDetector
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
