"""What is held out of the fit to calibrate: some rows of a table, the end of each series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.clock import Series
from isthmus.errors import InvalidInputError

__all__ = ["hold_out_ends", "hold_out_rows"]

_MOST = 10_000
_FEWEST = 10


def hold_out_rows(
    n_rows: int, fraction: float | str, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which rows are held out, chosen at random.

    Parameters
    ----------
    n_rows : int
        How many there are.
    fraction : float or "auto"
        The share of them; "auto" is a fifth of up to 2,500 rows, 500 of up to 10,000, and a
        twentieth of more, and none where that would be fewer than 10 rows.
    rng : numpy.random.Generator
        For the choice.

    Returns
    -------
    ndarray of bool, of shape (n_rows,)
        At most 10,000 are True.

    Raises
    ------
    InvalidInputError
        If the share is a number and comes to fewer than 10 rows, but is not 0.
    """
    if isinstance(fraction, str):
        count = max(min(n_rows // 5, 500), n_rows // 20)
    else:
        count = int(fraction * n_rows)
        if fraction > 0 and count < _FEWEST:
            raise InvalidInputError(
                f"calibration_fraction: {fraction:g} of {n_rows} rows are "
                f"{count}, and at least {_FEWEST} are needed; give more rows, a "
                "larger share, or 0 and call calibrate"
            )
    count = min(count, _MOST)
    chosen = np.zeros(n_rows, dtype=bool)
    if count >= _FEWEST:
        chosen[rng.permutation(n_rows)[:count]] = True
    return chosen


def hold_out_ends(series: Sequence[Series], fraction: float) -> tuple[list[Series], list[Series]]:
    """Cut each series in two: what comes first is for the fit, what comes last is held out.

    Parameters
    ----------
    series : sequence of Series
        On their clocks.
    fraction : float
        The share of the steps of each that is held out, rounded down.

    Returns
    -------
    training, held_out : list of Series
        Series of which no step is held out are missing from the latter.
    """
    cuts = [len(each) - int(fraction * len(each)) for each in series]
    training = [_part(each, 0, cut) for each, cut in zip(series, cuts, strict=True)]
    held_out = [
        _part(each, cut, len(each))
        for each, cut in zip(series, cuts, strict=True)
        if cut < len(each)
    ]
    return training, held_out


def _part(series: Series, first: int, end: int) -> Series:
    """Return the steps from `first` up to `end`, without it."""
    stamps = None if series.stamps is None else series.stamps[first:end]
    pieces = [
        (max(a, first) - first, min(b, end) - first)
        for a, b in series.pieces
        if max(a, first) < min(b, end)
    ]
    return Series(series.values[first:end], stamps, pieces, np.arange(end - first), series.names)
