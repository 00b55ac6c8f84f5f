"""What one sample is: its shape, the meaning of its axes, and the kind of its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.summary import Summary
from isthmus.errors import InvalidInputError

__all__ = ["Schema", "column_ranges", "infer_kinds", "infer_schema"]

_MOST_CLASSES = 10  # whole numbers 0 … 9 are classes; above that they are amounts


@dataclass(frozen=True)
class Schema:
    """The form of one sample, as the user has it (channels last) and as the networks have it.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of one sample, channels last, without the batch.
    layout : {"table", "signal", "image"}
        What the axes are: (features,), (length, channels), (height, width[, channels]).

    Examples
    --------
    >>> Schema((28, 28), "image").module_shape
    (1, 28, 28)
    >>> Schema((140, 2), "signal").module_shape
    (2, 140)
    """

    sample_shape: tuple[int, ...]
    layout: str

    @property
    def module_shape(self) -> tuple[int, ...]:
        """Shape of one sample inside the network, channels first."""
        if self.layout == "table":
            return self.sample_shape
        if self._implicit_channel:
            return (1, *self.sample_shape)
        return (self.sample_shape[-1], *self.sample_shape[:-1])

    @property
    def n_values(self) -> int:
        """Values in one sample."""
        return math.prod(self.sample_shape)

    @property
    def _implicit_channel(self) -> bool:
        return self.layout == "image" and len(self.sample_shape) == 2

    def channels_first(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view (n, *module_shape) of an array (n, *sample_shape)."""
        if self.layout == "table":
            return array
        return array[:, None] if self._implicit_channel else np.moveaxis(array, -1, 1)

    def channels_last(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view (n, *sample_shape) of an array (n, *module_shape)."""
        if self.layout == "table":
            return array
        return array[:, 0] if self._implicit_channel else np.moveaxis(array, 1, -1)


def infer_schema(array: NDArray[Any], layout: str = "auto") -> Schema:
    """Read the form of a sample off an array.

    Three axes are ambiguous: (n, length, channels) or (n, height, width). With ``layout="auto"``
    they are images if the values are bytes, or if the last axis has at least 8 entries and the one
    before it at most 8 times as many; signals otherwise.

    Parameters
    ----------
    array : ndarray of shape (n, ...)
        The data, two to four axes.
    layout : {"auto", "table", "signal", "image"}, default="auto"
        What the axes are, if that is known.

    Raises
    ------
    InvalidInputError
        If the number of axes does not fit the layout.

    Examples
    --------
    >>> infer_schema(np.zeros((5, 140, 1))).layout, infer_schema(np.zeros((5, 28, 28))).layout
    ('signal', 'image')
    """
    shape = tuple(int(side) for side in array.shape[1:])
    if 0 in shape:
        raise InvalidInputError(f"X: expected samples with values in them; got shape {shape}")
    allowed = {1: ("table",), 2: ("signal", "image"), 3: ("image",)}.get(len(shape), ())
    if not allowed:
        raise InvalidInputError(
            "X: expected (n, features), (n, length, channels) or (n, height, width[, channels]); "
            f"got {array.ndim} axes, shape {array.shape}"
        )
    if layout == "auto":
        layout = allowed[0]
        if len(shape) == 2 and (
            array.dtype == np.uint8 or (shape[1] >= 8 and shape[0] <= 8 * shape[1])
        ):
            layout = "image"
    if layout not in allowed:
        raise InvalidInputError(
            f"layout: an array of shape {array.shape} can be {' or '.join(allowed)}; got {layout!r}"
        )
    return Schema(shape, layout)


def infer_kinds(data: NDArray[Any] | Summary) -> list[str]:
    """Tell what the values of each column are; one entry if that is the same for all.

    The rules, in order, over all columns: only 0 and 1, ``"binary"``; bytes with more,
    ``"bytes"``; whole numbers 0 … K−1 with K at most 10, ``"classes:K"``; everything from 0 to 1,
    ``"unit"``. Otherwise it is ``"real"``; but in a table that has a column of fractions, columns
    of 0 and 1, or of small whole numbers, are told apart. (A table of whole numbers alone is one
    grid of counts or levels.) Missing values do not count.

    Parameters
    ----------
    data : Summary, or ndarray of shape (n, ...)
        The data; NaN where missing.

    Returns
    -------
    list of str
        One kind, or one for each column of a mixed table.

    Examples
    --------
    >>> infer_kinds(np.array([[0.0, 1.5], [1.0, 2.5]]))
    ['binary', 'real']
    """
    summary = data if isinstance(data, Summary) else Summary.of(data, infer_schema(data))
    if summary.dtype == np.bool_:
        return ["binary"]
    lows, highs, nothing = summary.low, summary.high, summary.all_missing
    low, high = (0.5, 0.5) if nothing else (np.fmin.reduce(lows), np.fmax.reduce(highs))
    whole = summary.whole.exact
    if low >= 0 and high <= 1:
        return ["binary"] if whole.all() else ["unit"]
    if summary.dtype == np.uint8 and high >= _MOST_CLASSES:
        return ["bytes"]
    if whole.all() and low >= 0 and high < _MOST_CLASSES:
        return [f"classes:{int(high) + 1}"]
    if whole.all() or summary.schema.layout != "table":
        return ["real"]
    # A column of nothing is like a constant one.
    few = whole & ~summary.constant & (lows >= 0) & (highs < _MOST_CLASSES)
    kinds = [_of_few(high) if it else "real" for it, high in zip(few, highs, strict=True)]
    return kinds if len(set(kinds)) > 1 else ["real"]


def column_ranges(data: NDArray[Any] | Summary) -> list[str]:
    """Tell of each column of a table whether it lies in [0, 1].

    Parameters
    ----------
    data : Summary, or ndarray of shape (n, features)
        The data; NaN where missing.

    Returns
    -------
    list of str
        ``"unit"`` or ``"real"``, one a column; a column without a value is in [0, 1].

    Examples
    --------
    >>> column_ranges(np.array([[0.0, 1.5], [1.0, 2.5]]))
    ['unit', 'real']
    """
    summary = data if isinstance(data, Summary) else Summary.of(data, infer_schema(data))
    outside = (summary.low < 0) | (summary.high > 1)  # not where it is NaN
    return ["real" if out else "unit" for out in outside.tolist()]


def _of_few(high: float) -> str:
    return "binary" if high <= 1 else f"classes:{int(high) + 1}"
