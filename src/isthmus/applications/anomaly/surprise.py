"""One unit for all scores: how far out in the tail of the training rows a score lies."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TailScale"]

_TAIL = 0.1  # the share of the rows beyond which the tail is taken for exponential
_POINTS = 91
_TIED = 1e-9


class TailScale:
    """Maps a score s to −log P(S ≥ s) of the training rows, in nats.

    Up to the 90th percentile it follows the ranks; beyond it an exponential tail, whose scale is
    the median excess over log 2, so that a few anomalies among the training rows do not stretch
    it. Scores of any kind then add up.

    Parameters
    ----------
    levels : ndarray of shape (91,)
        The scores at the percentiles 0, 1, …, 90.
    scale : float
        Scale of the tail, in units of the score; above 0.

    Examples
    --------
    >>> s = np.random.default_rng(0).exponential(3.0, 100_000)
    >>> np.round(TailScale.fit(s)(np.array([3.0, 30.0])), 1)
    array([1. , 9.9])
    """

    def __init__(self, levels: NDArray[Any], scale: float) -> None:
        self.levels = levels
        self.scale = scale

    @classmethod
    def fit(cls, scores: NDArray[Any]) -> TailScale:
        """Learn the scale from the scores (n,) of training rows."""
        levels = np.quantile(scores, np.linspace(0, 1 - _TAIL, _POINTS))
        excess = scores[scores > levels[-1]] - levels[-1]
        scale = float(np.median(excess)) / math.log(2) if len(excess) else 0.0
        # Scores that are all alike, or all but a few: the width of the body is what there is.
        body = float(levels[-1] - levels[0])
        floor = max(1e-3 * body, 1e-9 * max(abs(float(levels[-1])), 1.0))
        return cls(levels, max(scale, floor))

    @cached_property
    def _steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The levels that differ, and the share of the rows below each.

        Of tied levels the first counts: the rows at a tie are not below it. What differs by
        rounding alone is tied, or a score would depend on how many rows are scored at once.
        """
        width = max(float(self.levels[-1] - self.levels[0]), float(np.abs(self.levels).max()))
        apart = np.diff(self.levels) > _TIED * width
        first = np.concatenate([[0], 1 + np.flatnonzero(apart)])
        return self.levels[first], np.linspace(0, 1 - _TAIL, _POINTS)[first]

    def __call__(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Return the surprise (n,) of scores (n,), in nats; from −0.001 up."""
        levels, shares = self._steps
        inside = -np.log1p(-np.interp(scores, levels, shares))
        beyond = np.maximum(scores - levels[-1], 0) / self.scale
        below = np.minimum(scores - levels[0], 0) / self.scale
        # What is more usual than every training row still has an order.
        return np.asarray(inside + beyond + 1e-3 * below / (1 - below), dtype=np.float64)
