"""What nearest neighbours say of a manifold, without a model: local principal directions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows

__all__ = ["TangentSpace", "local_directions", "neighbour_tangents"]

_VALUES = 1 << 22  # differences to neighbours at a time


class TangentSpace(NamedTuple):
    """An orthonormal basis at each sample, and how long each direction is.

    Parameters
    ----------
    bases : ndarray of shape (n, k, *sample_shape), float32
        Orthonormal vectors, the most important first.
    singular_values : ndarray of shape (n, k), float32
        In falling order.
    """

    bases: NDArray[np.float32]
    singular_values: NDArray[np.float32]


def neighbour_tangents(X: Any, n_components: int, *, n_neighbors: int = 20) -> TangentSpace:
    """Return the principal directions of each sample's nearest neighbours.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        The data; finite.
    n_components : int
        Vectors a sample, 1 to the values a sample and at most `n_neighbors`.
    n_neighbors : int, default=20
        How many others, 1 to n − 1. Few follow a bend, many average noise out.

    Returns
    -------
    TangentSpace
        ``bases`` (n, n_components, ...), and ``singular_values`` (n, n_components): the standard
        deviation of the neighbours about their mean along each, in the data's units.

    Raises
    ------
    InvalidInputError
        If a number is out of range, or a value is NaN or infinite.

    Examples
    --------
    >>> t = np.linspace(0, 1, 30)[:, None]
    >>> bases, _ = neighbour_tangents(np.hstack([t, t]), 1, n_neighbors=5)
    >>> bool(np.allclose(abs(bases), 0.5**0.5))
    True
    """
    array = np.asarray(to_arrays(X))
    rows = as_rows(array, "X")
    if not 1 <= n_neighbors < len(rows):
        raise InvalidInputError(
            f"n_neighbors: expected 1 to {len(rows) - 1}, the other samples; got {n_neighbors!r}"
        )
    most = min(rows.shape[1], n_neighbors)
    if not 1 <= n_components <= most:
        raise InvalidInputError(
            f"n_components: expected 1 to {most}, the smaller of n_neighbors and the values a "
            f"sample; got {n_components!r}"
        )
    directions, deviations = local_directions(rows, n_components, n_neighbors, centred=True)
    shape = (len(rows), n_components, *array.shape[1:])
    return TangentSpace(directions.reshape(shape).astype(np.float32), deviations.astype(np.float32))


def local_directions(
    rows: NDArray[np.float64], n_components: int, n_neighbors: int, *, centred: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return principal directions of the neighbours of each row, the row itself not among them.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        The data.
    n_components, n_neighbors : int
        How many; already checked.
    centred : bool
        Whether about the mean of the neighbours, or about the row.

    Returns
    -------
    directions : ndarray of shape (n, n_components, D)
    deviations : ndarray of shape (n, n_components)
        Root mean squares along them.
    """
    index = NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors(return_distance=False)
    directions = np.empty((len(rows), n_components, rows.shape[1]))
    deviations = np.empty((len(rows), n_components))
    step = max(1, _VALUES // (n_neighbors * rows.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        near = rows[index[part]]
        around = near - (near.mean(1, keepdims=True) if centred else rows[part, None])
        _, lengths, vectors = np.linalg.svd(around, full_matrices=False)
        directions[part] = vectors[:, :n_components]
        deviations[part] = lengths[:, :n_components] / np.sqrt(n_neighbors)
    return directions, deviations
