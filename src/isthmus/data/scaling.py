"""A shift and a scale for each feature: how data enter the network and leave it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.schema import Schema

__all__ = ["LARGEST", "Scaler", "fit_scaler"]

LARGEST = 2.0**50
_CHUNK = 1 << 22  # values at a time: the float64 intermediate stays small beside the data


@dataclass(frozen=True)
class Scaler:
    """x ↦ (x − shift) / scale for each feature, or each channel of signals and images.

    Parameters
    ----------
    method : str
        "none", "standard", "center", "minmax", "bytes", "levels:K", or "mixed" for a table with
        several.
    shift, scale : ndarray of float64, of shape (features,) or (channels,)
        In the units of the data; scales are above 0.

    Examples
    --------
    >>> scaler = Scaler("standard", np.array([1.0]), np.array([2.0]))
    >>> scaler.forward(np.array([[5.0]]), Schema((1,), "table"))
    array([[2.]], dtype=float32)
    """

    method: str
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return not self.shift.any() and bool((self.scale == 1).all())

    def forward(self, array: NDArray[Any], schema: Schema) -> NDArray[np.float32]:
        """Return the scaled data, channels first, in float32.

        Parameters
        ----------
        array : ndarray of shape (n, *sample_shape)
            The data; not changed, and not copied if there is nothing to do.
        schema : Schema
            The form of a sample.

        Returns
        -------
        ndarray of shape (n, *module_shape)
        """
        if self.is_identity and array.dtype == np.float32 and array.flags.writeable:
            return np.ascontiguousarray(schema.channels_first(array))
        scaled = np.empty((len(array), *schema.module_shape), dtype=np.float32)
        shift, scale = self._broadcast(schema)
        rows = max(1, _CHUNK // max(schema.n_values, 1))
        for start in range(0, len(array), rows):
            part = slice(start, start + rows)
            # Finite in float32, and squared as well: what is huge stays huge, and is not missing.
            with np.errstate(over="ignore"):
                values = (schema.channels_first(array[part]) - shift) / scale
            np.clip(values, -LARGEST, LARGEST, out=scaled[part], casting="same_kind")
        return scaled

    def backward(self, array: NDArray[np.float32], schema: Schema) -> NDArray[np.float32]:
        """Return data (n, *sample_shape) in their own units from scaled data, channels first."""
        if not self.is_identity:
            shift, scale = self._broadcast(schema)
            array = (array * scale + shift).astype(np.float32)
        return np.ascontiguousarray(schema.channels_last(array))

    def log_scale(self, schema: Schema) -> NDArray[np.float64]:
        """Return log(scale), to be broadcast against (n, *module_shape): the Jacobian in nats."""
        return np.log(self._broadcast(schema)[1])

    def _broadcast(self, schema: Schema) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        trailing = (1,) * (len(schema.module_shape) - 1)
        return self.shift.reshape(-1, *trailing), self.scale.reshape(-1, *trailing)


def fit_scaler(array: NDArray[Any], schema: Schema, methods: Sequence[str]) -> Scaler:
    """Find the shift and scale of each feature.

    Parameters
    ----------
    array : ndarray of shape (n, *sample_shape)
        The data; NaN where missing.
    schema : Schema
        The form of a sample.
    methods : sequence of str
        One of "none", "standard", "center" (the mean taken away), "minmax", "bytes" (divided by
        255) and "levels:K" (by K − 1) for all, or one for each column.

    Returns
    -------
    Scaler
        A constant feature gets a scale of 1.
    """
    width = schema.module_shape[0]
    per_column = list(methods) * width if len(methods) == 1 else list(methods)
    shift, scale = np.zeros(width), np.ones(width)
    for method in dict.fromkeys(per_column):
        columns = np.array([name == method for name in per_column])
        if method == "bytes":
            scale[columns] = 255.0
        elif method.startswith("levels:"):
            scale[columns] = int(method.removeprefix("levels:")) - 1
        elif method == "standard":
            shift[columns], scale[columns] = _moments(array, schema, columns)
        elif method == "center":
            shift[columns] = _moments(array, schema, columns)[0]
        elif method == "minmax":
            shift[columns], scale[columns] = _extent(array, schema, columns)
    scale[~(np.isfinite(scale) & (scale > 0))] = 1.0
    shift[~np.isfinite(shift)] = 0.0
    name = methods[0] if len(set(methods)) == 1 else "mixed"
    return Scaler(name, shift, scale)


def _parts(array: NDArray[Any], schema: Schema, columns: NDArray[np.bool_]) -> Any:
    """Yield float64 chunks (values, columns) of the data."""
    rows = max(1, _CHUNK // max(schema.n_values, 1))
    for start in range(0, len(array), rows):
        part = schema.channels_first(array[start : start + rows])
        flat = np.moveaxis(part, 1, -1).reshape(-1, part.shape[1])
        yield flat[:, columns].astype(np.float64) if not columns.all() else flat.astype(np.float64)


def _moments(
    array: NDArray[Any], schema: Schema, columns: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation by the pairwise update of Chan, Golub & LeVeque (1983)."""
    count = np.zeros(columns.sum())
    mean = np.zeros(columns.sum())
    squares = np.zeros(columns.sum())
    for part in _parts(array, schema, columns):
        part_mean = part.mean(0)
        if np.isnan(part_mean).any():
            seen = ~np.isnan(part)
            n = seen.sum(0)
            part_mean = np.where(seen, part, 0.0).sum(0) / np.maximum(n, 1)
            part_squares = np.where(seen, np.square(part - part_mean), 0.0).sum(0)
        else:
            n = np.full(len(part_mean), len(part))
            part -= part_mean
            part_squares = np.einsum("ij,ij->j", part, part)
        total = np.maximum(count + n, 1)
        delta = part_mean - mean
        mean = mean + delta * n / total
        squares = squares + part_squares + np.square(delta) * count * n / total
        count = count + n
    deviation = np.sqrt(squares / np.maximum(count, 1))
    # Rounding leaves a constant column a deviation of some 1e-16 of its size, not of 0.
    deviation[deviation <= 1e-12 * np.abs(mean)] = 0.0
    return mean, deviation


def _extent(
    array: NDArray[Any], schema: Schema, columns: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.full(columns.sum(), np.inf)
    high = np.full(columns.sum(), -np.inf)
    for part in _parts(array, schema, columns):
        low = np.fmin(low, np.fmin.reduce(part))
        high = np.fmax(high, np.fmax.reduce(part))
    return low, high - low
