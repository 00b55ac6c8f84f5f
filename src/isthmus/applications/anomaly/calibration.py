"""Conformal p-values: what share of held-out normal rows is at least as odd as this one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from isthmus.errors import InvalidInputError

__all__ = ["Calibration"]


@dataclass(frozen=True)
class Calibration:
    """The oddness of m held-out rows, and what follows from it.

    If the held-out rows and a new normal row are exchangeable, the p-value of the new row is at
    most α with a probability of at most α (Vovk, Gammerman & Shafer 2005; Bates et al. 2023,
    doi:10.1214/22-AOS2244). Anomalies among the held-out rows make p-values larger: alarms get
    fewer, not more.

    Parameters
    ----------
    oddness : ndarray of shape (m,)
        Sorted, rising; higher is odder.
    held_out : bool, default=True
        False where the rows were those of the fit, for want of others: p-values are then too small.

    Examples
    --------
    >>> calibration = Calibration(np.arange(99.0))
    >>> calibration.p_values(np.array([-1.0, 98.5]))
    array([1.  , 0.01])
    >>> calibration.threshold(0.01)
    98.0
    """

    oddness: NDArray[np.float64]
    held_out: bool = True

    def __len__(self) -> int:
        return len(self.oddness)

    def p_values(self, oddness: NDArray[Any]) -> NDArray[np.float64]:
        """Return (1 + #{held-out rows at least as odd}) / (m + 1) of each row."""
        m = len(self.oddness)
        as_odd = m - np.searchsorted(self.oddness, oddness, side="left")
        return np.asarray((1 + as_odd) / (m + 1), dtype=np.float64)

    @property
    def smallest_rate(self) -> float:
        """The smallest false-alarm rate that so many rows can promise: 1 / (m + 1)."""
        return 1 / (len(self.oddness) + 1)

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the oddness above which the p-value is at most the rate.

        Raises
        ------
        InvalidInputError
            If there are too few held-out rows for the rate.
        """
        rank = self._rank(false_alarm_rate)
        return float(self.oddness[len(self.oddness) - rank])

    def interval(
        self, false_alarm_rate: float, n_rows: int, level: float = 0.95
    ) -> tuple[float, float]:
        """Return where the share of alarms among fresh normal rows lies, with a probability.

        The rate that these m rows give is itself Beta(k, m + 1 − k) with k = ⌊α (m + 1)⌋, and the
        alarms among n rows are beta-binomial.

        Parameters
        ----------
        false_alarm_rate : float
            α.
        n_rows : int
            Fresh rows.
        level : float, default=0.95
            Probability that the interval holds the share.

        Returns
        -------
        low, high : float
        """
        k = self._rank(false_alarm_rate)
        alarms = betabinom(n_rows, k, len(self.oddness) + 1 - k)
        low, high = alarms.ppf((1 - level) / 2), alarms.ppf((1 + level) / 2)
        return float(low) / n_rows, float(high) / n_rows

    def _rank(self, false_alarm_rate: float) -> int:
        m = len(self.oddness)
        rank = math.floor(false_alarm_rate * (m + 1) + 1e-9)
        if rank < 1:
            needed = math.ceil(1 / false_alarm_rate) - 1
            raise InvalidInputError(
                f"false_alarm_rate: {false_alarm_rate:g} needs at least {needed} held-out rows; "
                f"there are {m}; give more rows, a larger calibration_fraction, a rate of at least "
                f"{self.smallest_rate:.3g}, or tail='pot'"
            )
        return min(rank, m)
