"""How far a value may lie from the others of its column and still tell of their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from isthmus.data.schema import Schema

__all__ = ["Fences"]

_SHARE = 0.05  # of the values at either end, which may be anything
_WIDTHS = 20.0  # for a normal distribution 67 standard deviations: heavy tails are no mistake
_FEWEST = 20  # values of which a spread can be told
_MOST = 1 << 14  # values that are looked at in a column


@dataclass(frozen=True)
class Fences:
    """The bounds beyond which a value is set aside: scaling is worked out without it.

    Between the fifth and the 95th percentile of a column lies its width; the fences stand 20
    widths beyond both. So up to 5 % of wild values at either end, whatever they are, move no fence
    by more than the width. Of a column that is mostly one value (such as 0) the others are taken by
    themselves, and the fences stand beyond that value as well.

    Parameters
    ----------
    low, high : ndarray of float64, of shape (columns,)
        In the units of the data; infinite where there are too few values to tell.

    Examples
    --------
    >>> from isthmus.data.schema import Schema
    >>> column = np.append(np.linspace(0, 1, 101), -9999.0)[:, None]
    >>> bounds = Fences.of(column, Schema((1,), "table"))
    >>> bool(-20 < bounds.low[0] < -16), bool(17 < bounds.high[0] < 21)
    (True, True)
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[Any], schema: Schema) -> Self:
        """Return the fences of each column of some rows.

        Parameters
        ----------
        rows : ndarray of shape (n, *sample_shape)
            The rows; NaN where a value is missing.
        schema : Schema
            The form of a sample.
        """
        channels = schema.channels_first(rows)
        table = np.moveaxis(channels, 1, -1).reshape(-1, channels.shape[1])
        table = table[:: max(1, -(-len(table) // _MOST))].astype(np.float64)
        table[~np.isfinite(table)] = np.nan
        ordered = np.sort(table, axis=0)  # NaN comes last
        counts = np.isfinite(table).sum(0)
        bounds = np.stack(_ends(ordered, counts))
        usual = ordered[np.maximum(counts - 1, 0) // 2, np.arange(table.shape[1])]
        for column in np.flatnonzero((table == usual).sum(0) > 0.5 * counts):
            bounds[:, column] = _apart_from(usual[column], ordered[:, column])
        with np.errstate(invalid="ignore"):
            width = bounds[1] - bounds[0]
            told = width > 0
            reach = np.where(told, _WIDTHS * width, np.inf)
        return cls(
            np.where(told, bounds[0] - reach, -np.inf), np.where(told, bounds[1] + reach, np.inf)
        )


def _ends(
    ordered: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the percentiles 5 and 95 of ordered columns, of which so many values are known."""
    last = np.maximum(counts - 1, 0)
    columns = np.arange(ordered.shape[1])
    low = ordered[np.floor(_SHARE * last).astype(int), columns]
    high = ordered[np.ceil((1 - _SHARE) * last).astype(int), columns]
    return low, high


def _apart_from(usual: float, ordered: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the values of a column that differ from the usual one, and of that."""
    others = ordered[np.isfinite(ordered) & (ordered != usual)]
    if len(others) < _FEWEST:
        return usual, usual
    low, high = _ends(others[:, None], np.array([len(others)]))
    return min(usual, float(low[0])), max(usual, float(high[0]))
