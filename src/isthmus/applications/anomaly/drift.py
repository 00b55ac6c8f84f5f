"""A test whether a stream of rows still has the distribution of the held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from isthmus.applications.anomaly.calibration import Calibration
from isthmus.errors import InvalidInputError, check_count

__all__ = ["Block", "Drift", "measure_drift"]

_FEWEST_ROWS = 20


@dataclass(frozen=True)
class Block:
    """One stretch of the stream.

    Attributes
    ----------
    start, stop : int
        Its rows.
    mean_p_value : float
        Near ½ while nothing changes.
    alarm_rate : float
        Share of p-values of at most 0.05.
    test_p_value : float
        The p-value of the two-sample test of Kolmogorov & Smirnov against the held-out rows, times
        the number of blocks (Bonferroni).
    """

    start: int
    stop: int
    mean_p_value: float
    alarm_rate: float
    test_p_value: float


@dataclass(frozen=True)
class Drift:
    """What was found.

    Attributes
    ----------
    blocks : list of Block
        In the order of the stream.
    level : float
        The probability, at most, of reporting a drift where there is none.
    since : int or None
        First row of the first block that differs; None if none does.
    """

    blocks: list[Block]
    level: float
    since: int | None

    @property
    def drifted(self) -> bool:
        """Whether the model no longer fits the stream."""
        return self.since is not None

    def __str__(self) -> str:
        n = self.blocks[-1].stop
        if self.since is None:
            return f"no drift in {n} rows (level {self.level:g})"
        worst = min(self.blocks, key=lambda block: block.test_p_value)
        return (
            f"the rows differ from the calibration rows since row {self.since} "
            f"(p = {worst.test_p_value:.2g}, mean p-value {worst.mean_p_value:.2f} in place of "
            "0.50): fit again, or calibrate on rows as they are now"
        )


def measure_drift(
    calibration: Calibration, oddness: NDArray[Any], n_blocks: int = 10, level: float = 0.01
) -> Drift:
    """Compare each block of a stream with the held-out rows.

    The two-sample test takes into account that the held-out rows are finitely many, which a test of
    p-values against the uniform distribution would not: on a long stream it would always reject.

    Parameters
    ----------
    calibration : Calibration
        The held-out rows.
    oddness : ndarray of shape (n,)
        The anomaly score of the stream's rows, in order.
    n_blocks : int, default=10
        Into how many blocks of equal size; fewer where they would have under 20 rows.
    level : float, default=0.01
        The level of the test over all blocks.

    Raises
    ------
    InvalidInputError
        If there are fewer than 20 rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> calibration = Calibration(np.sort(rng.normal(size=1000)))
    >>> measure_drift(calibration, rng.normal(size=500)).drifted
    False
    >>> stream = np.concatenate([rng.normal(size=500), rng.normal(2, 1, size=500)])
    >>> measure_drift(calibration, stream).since
    500
    """
    check_count("n_blocks", n_blocks)
    if len(oddness) < _FEWEST_ROWS:
        raise InvalidInputError(
            f"X: a drift is judged from at least {_FEWEST_ROWS} rows; got {len(oddness)}"
        )
    n_blocks = min(int(n_blocks), len(oddness) // _FEWEST_ROWS)
    edges = np.linspace(0, len(oddness), n_blocks + 1).astype(int)
    p_values = calibration.p_values(oddness)
    blocks = []
    for start, stop in pairwise(edges):
        test = ks_2samp(oddness[start:stop], calibration.oddness)
        part = p_values[start:stop]
        blocks.append(
            Block(
                int(start),
                int(stop),
                float(part.mean()),
                float((part <= 0.05).mean()),
                min(float(test.pvalue) * n_blocks, 1.0),
            )
        )
    since = next((block.start for block in blocks if block.test_p_value <= level), None)
    return Drift(blocks, level, since)
