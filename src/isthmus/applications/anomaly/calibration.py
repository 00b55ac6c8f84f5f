"""Conformal p-values: what share of held-out normal rows or steps is at least as unusual.

The anomaly score is minus `score_samples`, in nats: the higher, the more unusual.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from isthmus.errors import InvalidInputError

__all__ = ["BlockCalibration", "Calibration", "whole_blocks"]


@dataclass(frozen=True)
class Calibration:
    """The anomaly scores of m held-out rows, and what follows from it.

    If the held-out rows and a new normal row are exchangeable, the p-value of the new row is at
    most α with a probability of at most α (Vovk, Gammerman & Shafer 2005; Bates et al. 2023,
    doi:10.1214/22-AOS2244). Anomalies among the held-out rows make p-values larger: alarms get
    fewer, not more.

    Parameters
    ----------
    oddness : ndarray of shape (m,)
        Sorted, rising; higher is more unusual.
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
        """Return the p-values (n,): (1 + #{held-out rows at least as unusual}) / (m + 1)."""
        m = len(self.oddness)
        as_odd = m - np.searchsorted(self.oddness, oddness, side="left")
        return np.asarray((1 + as_odd) / (m + 1), dtype=np.float64)

    @property
    def smallest_rate(self) -> float:
        """The smallest false-alarm rate that so many rows can promise: 1 / (m + 1)."""
        return 1 / (len(self.oddness) + 1)

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the anomaly score above which the p-value is at most the rate.

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
            The rate α that was promised.
        n_rows : int
            How many fresh rows there are.
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


@dataclass(frozen=True)
class BlockCalibration:
    """The anomaly scores of held-out steps, in blocks of neighbours.

    Steps that follow one another have much the same score, so that a thousand of them say less than
    a thousand rows of a table. A block of L steps counts as one. With n blocks, the p-value of an
    anomaly score s is

        p(s) = (1 + Σ_b share of block b with an anomaly score of at least s) / (n + 1)

    and an alarm at p ≤ α holds α for the expected share of a further block that raises alarms, if
    that block and the n held-out ones are exchangeable: conformal risk control of the share
    (Angelopoulos et al. 2024, arXiv:2208.02814).

    Parameters
    ----------
    oddness : ndarray of shape (n_blocks · block,)
        Sorted, rising; higher is more unusual.
    block : int
        Steps of a block.

    Examples
    --------
    >>> calibration = BlockCalibration(np.arange(400.0), block=4)
    >>> calibration.n_blocks, calibration.p_values(np.array([399.5, 200.0])).round(4)
    (100, array([0.0099, 0.505 ]))
    """

    oddness: NDArray[np.float64]
    block: int

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.oddness) // self.block

    @property
    def smallest_rate(self) -> float:
        """The smallest false-alarm rate that so many blocks can promise: 1 / (n + 1)."""
        return 1 / (self.n_blocks + 1)

    def p_values(self, oddness: NDArray[Any]) -> NDArray[np.float64]:
        """Return the p-value of each step; NaN where the anomaly score is NaN."""
        as_odd = len(self.oddness) - np.searchsorted(self.oddness, oddness, side="left")
        p_values = (1 + as_odd / self.block) / (self.n_blocks + 1)
        return np.where(np.isnan(oddness), np.nan, p_values)

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the anomaly score above which the p-value is at most the rate.

        Raises
        ------
        InvalidInputError
            If there are too few blocks for the rate.
        """
        shares = false_alarm_rate * (self.n_blocks + 1) - 1
        if shares < -1e-9:
            raise InvalidInputError(
                f"false_alarm_rate: {false_alarm_rate:g} needs at least "
                f"{math.ceil(1 / false_alarm_rate) - 1} held-out blocks of {self.block} steps; "
                f"there are {self.n_blocks}; give a longer series, a larger calibration_fraction, "
                f"a shorter window, or a rate of at least {self.smallest_rate:.3g}"
            )
        beyond = math.floor(shares * self.block + 1e-9)
        return float(self.oddness[max(len(self.oddness) - 1 - beyond, 0)])


def whole_blocks(
    oddness: NDArray[np.float64], pieces: Sequence[tuple[int, int]], block: int
) -> NDArray[np.float64]:
    """Return the anomaly score of the steps that come to whole blocks, stretch by stretch.

    Parameters
    ----------
    oddness : ndarray of shape (n,)
        The anomaly score of each step; those that have none, NaN, are left out.
    pieces : sequence of (int, int)
        First step of each stretch without a gap, and the step after its last: no block spans one.
    block : int
        Steps of a block; what is left over at the end of a stretch is left out.
    """
    parts = [np.empty(0)]
    for first, end in pieces:
        known = oddness[first:end]
        known = known[~np.isnan(known)]
        parts.append(known[: len(known) // block * block])
    return np.concatenate(parts)
