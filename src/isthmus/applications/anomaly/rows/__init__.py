"""Anomalies among rows: the samples of a table, signals or images, each judged by itself."""

from isthmus.applications.anomaly.rows.control import untrained_control
from isthmus.applications.anomaly.rows.detector import AnomalyDetector
from isthmus.applications.anomaly.rows.saving import DetectorForm

__all__ = ["AnomalyDetector", "DetectorForm", "untrained_control"]
