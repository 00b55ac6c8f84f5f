"""What the parameters of a detector of series may be."""

from __future__ import annotations

from typing import Any

from isthmus.applications.anomaly.parameters import Choice, Instance, Number
from isthmus.applications.anomaly.rows import AnomalyDetector

__all__ = ["CONSTRAINTS"]

CONSTRAINTS: dict[str, list[Any]] = {
    "detector": [
        Instance(
            "an AnomalyDetector, for example AnomalyDetector(estimator="
            "Autoencoder(network='lstm'))",
            AnomalyDetector,
        ),
        None,
    ],
    "window": [Number(2, whole=True, closed="left"), Choice("auto")],
    "stride": [Number(1, whole=True, closed="left"), Choice("auto")],
    "false_alarm_rate": [Number(0, 1, closed="neither"), Choice("auto")],
    "calibration_fraction": [Number(0, 1, closed="left")],
    "max_gap": [Number(0, whole=True, closed="left")],
    "merge": [Number(0, whole=True, closed="left"), Choice("auto")],
}
