"""Base class of the detectors of rows and of series: the alarms and p-values of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from isthmus.applications.anomaly.threshold import Threshold
from isthmus.errors import InvalidInputError

__all__ = ["BaseDetector"]


class BaseDetector(OutlierMixin, BaseEstimator):
    """Base of the detectors: `score_samples` is theirs; alarms and p-values follow from it."""

    calibration_: Any
    threshold_: Threshold | None

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how normal each row or time step is; higher is more normal."""
        raise NotImplementedError

    @property
    def offset_(self) -> float:
        """`decision_function` is `score_samples` minus this; NaN where there is no threshold."""
        return float("nan") if self.threshold_ is None else -self.threshold_.value

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return `score_samples` minus `offset_`: below 0 for anomalies.

        NaN for time steps without a score.

        Raises
        ------
        InvalidInputError
            If there is no threshold.
        """
        scores = self.score_samples(X)
        if self.threshold_ is None:
            raise InvalidInputError(
                "false_alarm_rate: no threshold was chosen; call calibrate(X) with normal data "
                "that the fit has not seen, or hold some out (calibration_fraction), set "
                "false_alarm_rate and fit again"
            )
        return np.asarray(scores - self.offset_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return −1 for anomalies and 1 for what is normal.

        A time step without a score is none; `score_samples` tells which they are.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """Return the share of held-out normal data that is at least as unusual.

        See `Calibration` for rows and `BlockCalibration` for the steps of a series. Where the rows
        were too few to hold any out (``calibration_.held_out`` is False) they are the rows of the
        fit, and p-values of new rows are too small.

        Parameters
        ----------
        X : array-like, as for `score_samples`
            The data.

        Returns
        -------
        ndarray of shape (n,)
            From 1 / (m + 1) for m held-out rows or blocks, up to 1; NaN without a score.
        """
        scores = self.score_samples(X)
        p_values: NDArray[np.float64] = self._calibrated().p_values(-scores)
        return p_values

    def _calibrated(self) -> Any:
        """Return `calibration_`.

        Raises
        ------
        InvalidInputError
            If nothing was held out to calibrate on.
        """
        check_is_fitted(self)
        if self.calibration_ is None:
            raise InvalidInputError(
                "calibration_fraction: nothing was held out; call calibrate(X) with normal data "
                "that the fit has not seen"
            )
        return self.calibration_
