"""What learns the windows of a series: a detector that draws no line of its own."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from isthmus.applications.anomaly.detector import AnomalyDetector
from isthmus.errors import InvalidInputError
from isthmus.models import Autoencoder, DeepSVDD

__all__ = ["window_detector"]


def window_detector(
    detector: AnomalyDetector | None,
    missing: bool,
    random_state: int | np.random.RandomState | None,
) -> AnomalyDetector:
    """Return an unfitted detector of windows (n, window, channels).

    Parameters
    ----------
    detector : AnomalyDetector or None
        What it is made from; not changed. None takes a convolutional autoencoder.
    missing : bool
        Whether there are missing values, which that autoencoder is then to ignore.
    random_state : int, RandomState or None
        For a detector that has none.

    Raises
    ------
    InvalidInputError
        If it is one of `DeepSVDD`.
    """
    if detector is None:
        treatment = "ignore" if missing else "error"
        detector = AnomalyDetector(
            estimator=Autoencoder(network="convolutional", missing=treatment),
            scores="reconstruction",
        )
    if isinstance(detector.estimator, DeepSVDD):
        raise InvalidInputError(
            "detector: DeepSVDD scores windows, and not the steps in them; use an autoencoder"
        )
    unfitted: AnomalyDetector = clone(detector)
    unfitted.set_params(calibration_fraction=0, false_alarm_rate="auto", contamination="auto")
    if unfitted.random_state is None:
        unfitted.set_params(random_state=random_state)
    if unfitted.estimator is not None and unfitted.estimator.layout == "auto":
        unfitted.set_params(estimator__layout="signal")
    return unfitted
