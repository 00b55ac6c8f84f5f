"""The samples whose codes are nearest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count
from isthmus.geometry._codes import Codes, encode
from isthmus.geometry._maps import check_family
from isthmus.models import BaseAutoencoder

__all__ = ["CodeNeighbours", "nearest_codes"]


class CodeNeighbours(NamedTuple):
    """The samples of nearest code, the nearest first.

    Parameters
    ----------
    indices : ndarray of shape (n, n_neighbors), int
        Their rows in the data that were searched.
    distances : ndarray of shape (n, n_neighbors), float64
        Euclidean, in the units of the code.
    """

    indices: NDArray[np.intp]
    distances: NDArray[np.float64]


def nearest_codes(
    estimator: BaseAutoencoder,
    X: Any,
    data: Any,
    n_neighbors: int = 5,
    *,
    y: Any = None,
    data_y: Any = None,
) -> CodeNeighbours:
    """Find the samples whose codes are nearest to those of others.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like of shape (n, *sample_shape)
        What is looked for.
    data : array-like of shape (m, *sample_shape)
        Where it is looked for. A row of `X` that is among them finds itself.
    n_neighbors : int, default=5
        How many, at most m.
    y, data_y : array-like, or one condition for all, optional
        For conditional models: the conditions of `X` and of `data`.

    Returns
    -------
    CodeNeighbours
        Rows of `data` and their distances.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> nearest_codes(model, X[7:9], X, 3).indices[:, 0].tolist()
    [7, 8]
    """
    from sklearn.neighbors import NearestNeighbors

    check_family(estimator, smooth=False)
    check_count("n_neighbors", n_neighbors)
    searched = encode(estimator, data, data_y, "data")
    if n_neighbors > len(searched):
        raise InvalidInputError(
            f"n_neighbors: expected at most {len(searched)}, the rows of data; got {n_neighbors}"
        )
    index = NearestNeighbors(n_neighbors=int(n_neighbors)).fit(_exact(searched))
    distances, indices = index.kneighbors(_exact(encode(estimator, X, y)))
    return CodeNeighbours(indices, distances)


def _exact(codes: Codes) -> NDArray[np.float64]:
    # float32 would leave a code a distance of 1e-4 and more from itself.
    return codes.astype(np.float64)
