"""What a `Summary` holds of each column: extremes, whole numbers, moments, levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from isthmus.data.schema import Schema

__all__ = ["Extremes", "Levels", "Moments", "Whole", "flat_parts"]

_CHUNK = 1 << 22  # values at a time: the float64 intermediate stays small beside the data
_CACHED = 1 << 16  # values at a time where nothing but memory costs time
_ABREAST = 512  # values that are compared at a time: narrow rows are taken several at a time
_ROUNDING = 8 * np.finfo(np.float64).eps
_HEAD = 1024  # nearly every column of fractions shows that it is one in its first rows


def flat_parts(array: NDArray[Any], schema: Schema, size: int = 0) -> Iterator[NDArray[Any]]:
    """Yield the data in chunks (values, columns), in their own dtype.

    Parameters
    ----------
    array : ndarray of shape (n, *sample_shape)
        The data.
    schema : Schema
        The form of a sample.
    size : int, default=0
        Values of a chunk, at most; 0 is what fits well beside the data.
    """
    rows = max(1, (size or _CHUNK) // max(schema.n_values, 1))
    for start in range(0, len(array), rows):
        part = schema.channels_first(array[start : start + rows])
        yield np.moveaxis(part, 1, -1).reshape(-1, part.shape[1])


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest known value of each entry of a sample, and how many are missing.

    Parameters
    ----------
    low, high : ndarray of float64, of shape sample_shape
        NaN where no row has a value.
    missing : ndarray of int64, of shape sample_shape
        Number of rows without a value.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    missing: NDArray[np.int64]

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema) -> Self:
        """Return the extremes of the rows (n, *sample_shape).

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        """
        low = _over_rows(np.minimum, array).astype(np.float64)
        high = _over_rows(np.maximum, array).astype(np.float64)
        missing = np.zeros(schema.sample_shape, dtype=np.int64)
        if np.isnan(low).any():  # rare, and the fast path allocates nothing
            low = _over_rows(np.fmin, array).astype(np.float64)
            high = _over_rows(np.fmax, array).astype(np.float64)
            rows = max(1, _CHUNK // max(schema.n_values, 1))
            for start in range(0, len(array), rows):
                missing += np.isnan(array[start : start + rows]).sum(0)
        return cls(low, high, missing)

    def merge(self, other: Extremes) -> Extremes:
        """Return the extremes of the rows of both."""
        return Extremes(
            np.fmin(self.low, other.low),
            np.fmax(self.high, other.high),
            self.missing + other.missing,
        )


def _over_rows(compare: np.ufunc, array: NDArray[Any]) -> NDArray[Any]:
    """Reduce over the rows; several rows are compared abreast where they are narrow."""
    n_values = array[0].size
    abreast = _ABREAST // n_values
    whole = len(array) // abreast * abreast if abreast > 1 and array.flags.c_contiguous else 0
    found = []
    with np.errstate(invalid="ignore"):
        if whole:
            wide = array[:whole].reshape(-1, abreast * n_values)
            found.append(compare.reduce(wide, axis=0).reshape(abreast, *array.shape[1:]))
        if whole < len(array):
            found.append(compare.reduce(array[whole:], axis=0)[None])
        reduced: NDArray[Any] = compare.reduce(np.concatenate(found), axis=0)
    return reduced


@dataclass(frozen=True)
class Whole:
    """Whether all known values of a column are whole numbers: as they are, and in float32.

    Parameters
    ----------
    exact, rounded : ndarray of bool, of shape (columns,)
        In the dtype of the data, and after rounding to float32; a column of nothing is whole.
    """

    exact: NDArray[np.bool_]
    rounded: NDArray[np.bool_]

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema) -> Self:
        """Return what holds of the rows (n, *sample_shape).

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        """
        width = schema.module_shape[0]
        if array.dtype.kind in "biu":
            return cls(np.ones(width, dtype=bool), np.ones(width, dtype=bool))
        exact = _all_whole(array, schema, np.ones(width, dtype=bool), array.dtype)
        if exact.all() or array.dtype.itemsize <= 4:
            return cls(exact, exact)
        return cls(exact, exact | _all_whole(array, schema, ~exact, np.dtype(np.float32)))

    def merge(self, other: Whole) -> Whole:
        """Return what holds of the rows of both."""
        return Whole(self.exact & other.exact, self.rounded & other.rounded)


def _all_whole(
    array: NDArray[Any], schema: Schema, asked: NDArray[np.bool_], dtype: np.dtype[Any]
) -> NDArray[np.bool_]:
    """Tell of the columns asked for whether all is whole in a dtype; False for the others."""
    left = np.flatnonzero(asked)
    heads = flat_parts(array[:_HEAD], schema)
    for parts in (heads, flat_parts(array, schema, _CACHED)):
        for part in parts:
            if not len(left):
                break
            values = part if len(left) == part.shape[1] else part[:, left]
            with np.errstate(over="ignore"):
                values = values.astype(dtype, copy=False)
            broken = values != np.rint(values)
            if broken.any():  # NaN as well
                left = left[~(broken & ~np.isnan(values)).any(0)]
    found = np.zeros(len(asked), dtype=bool)
    found[left] = True
    return found


@dataclass(frozen=True)
class Moments:
    """Mean and squared deviation of each column, by Chan, Golub & LeVeque's update (1983).

    Parameters
    ----------
    count : ndarray of shape (columns,)
        Known values: all rows, and for images and signals all places.
    mean, squares : ndarray of float64, of shape (columns,)
        The mean, and the sum of the squares of what differs from it; 0 for a column of nothing.
    """

    count: NDArray[Any]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(
        cls, array: NDArray[Any], schema: Schema, columns: NDArray[np.bool_] | None = None
    ) -> Moments:
        """Return the moments of the rows (n, *sample_shape), in all columns or some.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        columns : ndarray of bool, of shape (columns,), optional
            The columns to look at; all when absent.
        """
        width = schema.module_shape[0] if columns is None else int(columns.sum())
        moments = Moments(np.zeros(width), np.zeros(width), np.zeros(width))
        for flat in flat_parts(array, schema):
            part = flat if columns is None or columns.all() else flat[:, columns]
            moments = moments.merge(cls.of_values(part.astype(np.float64)))
        return moments

    @classmethod
    def of_values(cls, part: NDArray[np.float64]) -> Moments:
        """Return the moments of a chunk (values, columns), which is changed; NaN is no value."""
        mean = part.mean(0)
        if np.isnan(mean).any():
            seen = ~np.isnan(part)
            n = seen.sum(0)
            mean = np.where(seen, part, 0.0).sum(0) / np.maximum(n, 1)
            return cls(n, mean, np.where(seen, np.square(part - mean), 0.0).sum(0))
        part -= mean
        return cls(np.full(len(mean), len(part)), mean, np.einsum("ij,ij->j", part, part))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of each column: exactly 0 for a constant one."""
        deviation: NDArray[np.float64] = np.sqrt(self.squares / np.maximum(self.count, 1))
        # Rounding leaves a constant column a deviation of some 1e-16 of its size, not of 0.
        deviation[deviation <= _ROUNDING * np.abs(self.mean)] = 0.0
        return deviation

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the rows of both."""
        count, n = self.count, other.count
        total = np.maximum(count + n, 1)
        delta = other.mean - self.mean
        squares = self.squares + other.squares + np.square(delta) * count * n / total
        return Moments(count + n, self.mean + delta * n / total, squares)


@dataclass(frozen=True)
class Levels:
    """The different values of each column, in order, while there are few.

    Parameters
    ----------
    seen : list of (ndarray of float64 or None)
        One entry a column; None where there are more than `most`. NaN is no level.
    most : int
        How many a column may have.
    """

    seen: list[NDArray[np.float64] | None]
    most: int

    @classmethod
    def of(cls, array: NDArray[Any], schema: Schema, most: int) -> Self:
        """Return the levels of the rows (n, *sample_shape).

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The rows.
        schema : Schema
            The form of a sample.
        most : int
            How many levels a column may have.
        """
        if array.dtype in (np.uint8, np.bool_):
            return cls([v if len(v) <= most else None for v in _of_bytes(array, schema)], most)
        seen: list[NDArray[np.float64] | None] = [np.empty(0)] * schema.module_shape[0]
        for parts in (flat_parts(array[:_HEAD], schema), flat_parts(array, schema)):
            for part in parts:
                for column, before in enumerate(seen):
                    if before is not None:
                        seen[column] = _few(before, _different(part[:, column]), most)
        return cls(seen, most)

    def merge(self, other: Levels) -> Levels:
        """Return the levels of the rows of both."""
        most = min(self.most, other.most)
        pairs = zip(self.seen, other.seen, strict=True)
        return Levels(
            [None if a is None or b is None else _few(a, b, most) for a, b in pairs], most
        )


def _few(a: NDArray[np.float64], b: NDArray[np.float64], most: int) -> NDArray[np.float64] | None:
    both = np.union1d(a, b) if len(a) else b
    return both if len(both) <= most else None


def _different(values: NDArray[Any]) -> NDArray[np.float64]:
    known = values[~np.isnan(values)].astype(np.float64)
    return np.unique(known) + 0.0  # 0 and −0 are one level


def _of_bytes(array: NDArray[Any], schema: Schema) -> list[NDArray[np.float64]]:
    """Return the levels of each column of bytes: a table of 256 flags a column is filled in."""
    width = schema.module_shape[0]
    first, seen = np.arange(width) * 256, np.zeros(width * 256, dtype=bool)
    for part in flat_parts(array, schema, _CACHED):
        seen[(first + part).ravel()] = True
    return [np.flatnonzero(flags).astype(np.float64) for flags in seen.reshape(width, 256)]
