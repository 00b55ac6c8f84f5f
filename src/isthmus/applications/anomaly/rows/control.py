"""A control for detectors: the same scores from networks that have not been trained."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.applications.anomaly.rows.data import numeric_rows
from isthmus.applications.anomaly.rows.detector import AnomalyDetector
from isthmus.applications.anomaly.rows.ensemble import fit_scores
from isthmus.models.base.control import untrained

__all__ = ["untrained_control"]


def untrained_control(detector: AnomalyDetector, X: Any) -> AnomalyDetector:
    """Return a detector whose members have their initial weights, and scores fitted on those.

    Parameters
    ----------
    detector : AnomalyDetector
        Fitted; not changed.
    X : array-like
        The rows of its fit. All of them serve the scores; none is held out, so that the control has
        no p-values and no threshold.

    Returns
    -------
    AnomalyDetector
        For `score_samples` alone.
    """
    check_is_fitted(detector)
    array = numeric_rows(detector, X, reset=False)
    rng = np.random.default_rng(0)
    control = copy.copy(detector)
    control.ensemble_ = [
        fit_scores(
            untrained(member.estimator, array),
            [score.name for score in member.scores],
            array,
            rng,
        )
        for member in detector.ensemble_
    ]
    control.calibration_ = control.threshold_ = None
    return control
