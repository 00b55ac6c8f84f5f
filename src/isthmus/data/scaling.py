"""A shift and a scale for each feature: how data enter the network and leave it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from isthmus.data.containers import to_arrays
from isthmus.data.schema import Schema
from isthmus.data.summary import Summary
from isthmus.registry import Registry

__all__ = ["LARGEST", "SCALINGS", "Scaler", "Scaling", "fit_scaler", "precision_of"]

LARGEST = 2.0**50
_CHUNK = 1 << 22  # values at a time: the float64 intermediate stays small beside the data


@dataclass(frozen=True)
class Scaler:
    """x ↦ (x − shift) / scale for each feature, or each channel of signals and images.

    Parameters
    ----------
    method : str
        "none", "robust", "standard", "center", "minmax", "bytes", "levels:K", or "mixed" for a
        table with several.
    shift, scale : ndarray of float64, of shape (features,) or (channels,)
        In the units of the data; scales are above 0.
    fences : tuple of ndarray of shape (features,) or (channels,), optional
        Where some values of the fit lie beyond them: the lowest and the highest value that counts,
        in the units of the data. They are for the fit, and in no file.

    Examples
    --------
    >>> scaler = Scaler("standard", np.array([1.0]), np.array([2.0]))
    >>> scaler.forward(np.array([[5.0]]), Schema((1,), "table"))
    array([[2.]], dtype=float32)
    """

    method: str
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    fences: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

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

    def backward(
        self, array: NDArray[np.float32], schema: Schema, dtype: DTypeLike = np.float32
    ) -> NDArray[Any]:
        """Return data (n, *sample_shape) in their own units from scaled data, channels first.

        Parameters
        ----------
        array : ndarray of shape (n, *module_shape), float32
            Scaled data, channels first.
        schema : Schema
            The form of a sample.
        dtype : dtype, default=numpy.float32
            The precision of the result: seconds since 1970 have no fractions in float32.
        """
        shift, scale = self._broadcast(schema)
        data = array if self.is_identity else array * scale + shift
        return np.ascontiguousarray(schema.channels_last(data.astype(dtype, copy=False)))

    def bounds(self, summary: Summary) -> NDArray[np.float32]:
        """Return the least and the greatest scaled value of each column: (2, columns).

        They are those of `forward`'s result, to the last bit; NaN where a column has no value.
        """
        ends = np.stack([summary.low, summary.high])
        if summary.dtype == np.float32:
            ends = ends.astype(np.float32)
        return self.forward(ends, Schema((summary.width,), "table"))

    def log_scale(self, schema: Schema) -> NDArray[np.float64]:
        """Return log(scale), to be broadcast against (n, *module_shape): the Jacobian in nats."""
        return np.log(self._broadcast(schema)[1])

    def _broadcast(self, schema: Schema) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        trailing = (1,) * (len(schema.module_shape) - 1)
        return self.shift.reshape(-1, *trailing), self.scale.reshape(-1, *trailing)


# What a way of scaling does: for the columns that have it, a shift and a scale, one number or one
# each. The text is what stands after a colon in its name.
Scaling = Callable[[Summary, NDArray[np.bool_], str], tuple[Any, Any]]
SCALINGS: Registry[Scaling] = Registry("scaling")


@SCALINGS.register("none")
def _as_they_are(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    return 0.0, 1.0


@SCALINGS.register("standard")
def _standard(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    moments = summary.moments(columns)
    return moments.mean, np.where(summary.constant[columns], 0.0, moments.deviation)


@SCALINGS.register("robust")
def _robust(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    moments = summary.usual_moments(columns)
    return moments.mean, np.where(summary.constant[columns], 0.0, moments.deviation)


@SCALINGS.register("center")
def _center(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    return summary.moments(columns).mean, 1.0


@SCALINGS.register("minmax")
def _minmax(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    low, high = summary.low[columns], summary.high[columns]
    return low, high - low


@SCALINGS.register("bytes")
def _bytes(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    return 0.0, 255.0


@SCALINGS.register("levels")
def _levels(summary: Summary, columns: NDArray[np.bool_], text: str) -> tuple[Any, Any]:
    return 0.0, int(text) - 1


def precision_of(X: Any) -> np.dtype[Any]:
    """Return the dtype that data come back in: float32, or float64 where that has too few digits.

    Parameters
    ----------
    X : array-like
        The data.

    Examples
    --------
    >>> [str(precision_of(np.zeros(1, t))) for t in ("uint8", "float32", "int64", "float64")]
    ['float32', 'float32', 'float64', 'float64']
    """
    arrays = to_arrays(X)
    dtype = arrays.dtype if hasattr(arrays, "dtype") else np.asarray(arrays).dtype
    return np.result_type(dtype, np.float32) if dtype.kind in "fiub" else np.dtype(np.float64)


def fit_scaler(data: NDArray[Any] | Summary, schema: Schema, methods: Sequence[str]) -> Scaler:
    """Find the shift and scale of each feature.

    Parameters
    ----------
    data : Summary, or ndarray of shape (n, *sample_shape)
        The data; NaN where missing.
    schema : Schema
        The form of a sample.
    methods : sequence of str
        Names of `SCALINGS` for all, or one for each column: "none", "robust" (as "standard", but
        without values beyond the `Fences`), "standard", "center" (the mean taken away), "minmax",
        "bytes" (divided by 255), "levels:K" (by K − 1), or one of your own.

    Returns
    -------
    Scaler
        A constant feature gets a scale of 1.
    """
    summary = data if isinstance(data, Summary) else Summary.of(data, schema)
    width = schema.module_shape[0]
    per_column = list(methods) * width if len(methods) == 1 else list(methods)
    shift, scale = np.zeros(width), np.ones(width)
    for method in dict.fromkeys(per_column):
        columns = np.array([name == method for name in per_column])
        name, _, text = method.partition(":")
        shift[columns], scale[columns] = SCALINGS[name](summary, columns, text)
    scale[~(np.isfinite(scale) & (scale > 0))] = 1.0
    shift[~np.isfinite(shift)] = 0.0
    name = methods[0] if len(set(methods)) == 1 else "mixed"
    robust = np.array([each == "robust" for each in per_column])
    if not (robust.any() and (wild := robust & summary.wild).any()):
        return Scaler(name, shift, scale)
    low, high = summary.fences.low, summary.fences.high
    return Scaler(name, shift, scale, (np.where(wild, low, -np.inf), np.where(wild, high, np.inf)))
