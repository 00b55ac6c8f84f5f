"""Anomalies in time series: each step judged by the windows that it lies in."""

from isthmus.applications.anomaly.series.alarms import Alarm
from isthmus.applications.anomaly.series.detector import SeriesDetector
from isthmus.applications.anomaly.series.saving import SeriesForm

__all__ = ["Alarm", "SeriesDetector", "SeriesForm"]
