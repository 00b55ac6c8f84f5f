"""A series that comes in pieces: what must be remembered of it, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.series.clock import Series, check_clock, on_clock
from isthmus.applications.anomaly.series.reading import Rows
from isthmus.data.containers import is_frame, is_tensor
from isthmus.errors import InvalidInputError

__all__ = ["Stream", "as_steps"]


class Stream:
    """The last window of a stream, but for one step.

    Parameters
    ----------
    window : int
        Steps of a window.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.values: NDArray[np.float64] | None = None
        self.stamps: NDArray[np.datetime64] | None = None

    def take(
        self, rows: Rows, interval: np.timedelta64 | None, max_gap: int
    ) -> tuple[Series, NDArray[np.intp]]:
        """Put new rows behind those that are remembered, and remember the last ones.

        Parameters
        ----------
        rows : Rows
            The new ones.
        interval : timedelta64 or None
            The time between two steps.
        max_gap : int
            Up to so many missing steps are filled in.

        Returns
        -------
        series : Series
            What is remembered, and the new rows.
        new : ndarray of int
            The step of each new row in it.

        Raises
        ------
        InvalidInputError
            If the new rows do not come after those before them.
        """
        check_clock(rows, interval)
        if self.values is None:
            both, known = rows, 0
        else:
            if rows.stamps is not None:
                assert self.stamps is not None
                if rows.stamps[0] <= self.stamps[-1]:
                    raise InvalidInputError(
                        f"X: expected steps after {self.stamps[-1]}, where the stream has come to; "
                        f"got {rows.stamps[0]}; call restart() for another stream"
                    )
            known = len(self.values)
            both = Rows(
                np.concatenate([self.values, rows.values]),
                None
                if rows.stamps is None or self.stamps is None
                else np.concatenate([self.stamps, rows.stamps]),
                np.concatenate([np.arange(known), known + rows.places]),
                rows.names,
            )
        series = on_clock(both, interval, max_gap)
        first, end = series.pieces[-1]
        first = max(first, end - self.window + 1)
        self.values = series.values[first:end].copy()
        self.stamps = None if series.stamps is None else series.stamps[first:end].copy()
        return series, series.rows[known:]


def as_steps(X: Any, n_channels: int) -> Any:
    """Return one step of several channels, that came as a row, as a series of one step.

    Parameters
    ----------
    X : array-like or DataFrame
        Some steps.
    n_channels : int
        Channels of the series.
    """
    if np.ndim(X) == 1 and n_channels > 1 and not is_frame(X):
        return X[None] if is_tensor(X) else np.asarray(X)[None]
    return X
