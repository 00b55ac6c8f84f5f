"""Why a row is unusual: the surprise of each value, and what was expected in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.cluster import AgglomerativeClustering

from isthmus.errors import InvalidInputError

__all__ = ["Explanation", "Reason", "group", "heat_map", "shown"]


@dataclass(frozen=True)
class Reason:
    """One value of one row that is not as expected.

    Attributes
    ----------
    feature : str
        Name of the column, or the position in an image or a window.
    value, expected : float, or what the column of a table holds
        In the units of the data; texts and dates as they are in the table.
    spread : float
        Standard deviation of the training rows around what is expected; NaN where there is none, as
        for classes and dates.
    contribution : float
        Surprise above what is usual for this value, in nats.
    """

    feature: str
    value: Any
    expected: Any
    spread: float
    contribution: float

    def __str__(self) -> str:
        if not np.isnan(self.spread):
            around = f"{self.expected:.4g} ± {self.spread:.3g}"
            return f"{self.feature} was {self.value:.4g}, expected {around}"
        about = "around " if isinstance(self.expected, np.datetime64) else ""
        return f"{self.feature} was {shown(self.value)}, expected {about}{shown(self.expected)}"


@dataclass(frozen=True)
class Explanation:
    """The reasons of some rows.

    Attributes
    ----------
    values : ndarray of shape (n, *sample_shape)
        The rows; of a table with texts and dates, its own values.
    contributions : ndarray of shape (n, *sample_shape)
        Surprise of each value above what is usual for it, in nats; around 0 for normal values, NaN
        where missing. Over an image it is a heat map, over a series the stretch of time.
    expected : ndarray of shape (n, *sample_shape)
        What the rest of the row lets one expect, in the units of the data: the row repaired.
    spread : ndarray of shape sample_shape or (n, *sample_shape)
        Standard deviation of the training rows around that; NaN for classes and dates.
    names : sequence of str
        Names of the features; positions where they have none.
    """

    values: NDArray[Any]
    contributions: NDArray[Any]
    expected: NDArray[Any]
    spread: NDArray[Any]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.values)

    def reasons(self, row: int, most: int = 3) -> list[Reason]:
        """Return the values of a row that contribute most, largest first.

        Parameters
        ----------
        row : int
            Which row.
        most : int, default=3
            How many at most; values that are as usual, or as expected, are left out.
        """
        flat = np.nan_to_num(self.contributions[row].ravel(), nan=-np.inf)
        values, expected = self.values[row].ravel(), self.expected[row].ravel()
        spread = np.broadcast_to(self.spread, self.values.shape)[row].ravel()
        found: list[Reason] = []
        for i in np.argsort(-flat, kind="stable"):
            if flat[i] <= 0 or len(found) == most:
                break
            # The likeliest class may be less likely than it usually is: nothing to tell.
            if np.isnan(spread[i]) and shown(values[i]) == shown(expected[i]):
                continue
            what = (values[i], expected[i], float(spread[i]), float(flat[i]))
            found.append(Reason(self.names[i], *what))
        return found


def shown(value: Any) -> str:
    """Return a value of a table as people write it.

    Examples
    --------
    >>> shown("tcp"), shown(2.0), shown(None), shown(np.datetime64("2026-03-01T07:30:12"))
    ("'tcp'", '2', 'missing', '2026-03-01 07:30')
    """
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return "missing"
    if hasattr(value, "to_datetime64"):
        value = value.to_datetime64()
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[m]")).replace("T", " ")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | float | np.number):
        return f"{float(value):.6g}"
    return f"'{value}'" if isinstance(value, str) else str(value)


def group(explanation: Explanation, similarity: float = 0.5) -> NDArray[np.int64]:
    """Put rows together that are unusual for similar reasons.

    Rows are compared by the cosine between their contributions, negative ones set to 0, and
    clustered by average linkage.

    Parameters
    ----------
    explanation : Explanation
        The explanation of the anomalies; a few thousand at most, since every pair is compared.
    similarity : float, default=0.5
        The mean cosine that rows of one group have at least.

    Returns
    -------
    ndarray of shape (n,), int64
        The number of each row's group; 0 is the largest.
    """
    n = len(explanation)
    if n < 2:
        return np.zeros(n, dtype=np.int64)
    profile = np.nan_to_num(explanation.contributions.reshape(n, -1), nan=0.0).clip(min=0)
    profile = np.log1p(profile)  # ten times as far off is the same reason
    profile += 1e-9
    profile /= np.linalg.norm(profile, axis=1, keepdims=True)
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - similarity
    )
    labels = model.fit_predict(profile)
    names, counts = np.unique(labels, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    return np.asarray(rank[np.searchsorted(names, labels)])


def heat_map(contributions: Any, *, smoothing: float = 1.0) -> NDArray[np.float64]:
    """Turn the contributions of pixels and channels into one smooth map an image.

    Contributions are summed over channels and smoothed by a Gaussian: a defect covers neighbouring
    pixels, and what is unusual in a single one is noise more often than not. Smoothing keeps the
    sum of a map, as far as it does not reach the border.

    Parameters
    ----------
    contributions : array-like of shape (n, height, width[, channels])
        Nats a value, such as ``AnomalyDetector.explain(X).contributions``; NaN, where a value was
        missing, counts as 0.
    smoothing : float, default=1.0
        Standard deviation of the Gaussian in pixels; 0 leaves the map as it is.

    Returns
    -------
    ndarray of shape (n, height, width), float64
        Nats a pixel.

    Raises
    ------
    InvalidInputError
        If the shape is another one, or the smoothing is negative.

    Examples
    --------
    >>> point = np.zeros((1, 5, 5, 2))
    >>> point[0, 2, 2] = [1.0, 2.0]
    >>> float(heat_map(point, smoothing=0)[0, 2, 2])
    3.0
    """
    values = np.nan_to_num(np.asarray(contributions, dtype=np.float64))
    if values.ndim not in (3, 4) or not values.size:
        raise InvalidInputError(
            "contributions: expected (n, height, width) or (n, height, width, channels); got shape "
            f"{values.shape}"
        )
    if not smoothing >= 0:
        raise InvalidInputError(f"smoothing: expected at least 0 pixels; got {smoothing!r}")
    maps = values if values.ndim == 3 else values.sum(3)
    if smoothing == 0:
        return maps
    smooth: NDArray[np.float64] = gaussian_filter(maps, (0, smoothing, smoothing), mode="nearest")
    return smooth
