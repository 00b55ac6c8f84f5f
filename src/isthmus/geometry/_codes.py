"""Codes as plain arrays, and what is decoded from them, whatever the container of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder

__all__ = ["Codes", "decode", "encode", "first_for_all", "one_each"]

Codes = NDArray[np.float32]


def one_each(y: Any, count: int) -> Any:
    """Return a condition for each of `count` rows: a single one is repeated."""
    return [y] * count if y is not None and np.ndim(y) == 0 else y


def first_for_all(y: Any, count: int) -> Any:
    """Return the first condition, or the only one, `count` times."""
    if y is None or np.ndim(y) == 0:
        return one_each(y, count)
    return np.repeat(np.asarray(to_arrays(y))[:1], count, axis=0)


def encode(estimator: BaseAutoencoder, X: Any, y: Any = None, name: str = "X") -> Codes:
    """Return the codes (n, latent_dim) of data, as an array whatever `set_output` says.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X, y
        Data, and their conditions or one for all rows.
    name : str
        What the data are called in an error.
    """
    try:
        codes = estimator.transform(X, one_each(y, len(X) if hasattr(X, "__len__") else 0))
    except InvalidInputError as error:
        message = str(error)
        if name != "X" and message.startswith(("X:", "X has")):  # the latter is scikit-learn's
            message = f"{name}:{message[1:].removeprefix(':')}"
        raise InvalidInputError(message) from None
    return np.asarray(to_arrays(codes), dtype=np.float32)


def decode(estimator: BaseAutoencoder, codes: NDArray[Any], y: Any = None) -> NDArray[np.float32]:
    """Return codes decoded (n, *sample_shape), in the data's units, with a condition each."""
    rows = np.ascontiguousarray(codes, dtype=np.float32)
    decoded: NDArray[np.float32] = estimator.inverse_transform(rows, one_each(y, len(rows)))
    return decoded
