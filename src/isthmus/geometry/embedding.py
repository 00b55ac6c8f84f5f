"""Maps in two dimensions beside the code, and how well each keeps the neighbourhoods."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, ClassicalMDS
from sklearn.manifold import trustworthiness as _trustworthiness

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError, require
from isthmus.evaluation._arrays import as_rows
from isthmus.geometry._maps import check_family
from isthmus.models import BaseAutoencoder
from isthmus.training import draw_seed

__all__ = ["METHODS", "Embedding", "compare_embeddings", "continuity", "embed", "trustworthiness"]

METHODS = ("pca", "mds", "tsne", "umap")


def embed(
    X: Any, method: str = "pca", *, random_state: int | np.random.RandomState | None = None
) -> NDArray[np.float32]:
    """Put samples into the plane by a method of another library, with its defaults.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        The data, at least 4 samples; each is flattened.
    method : {"pca", "mds", "tsne", "umap"}, default="pca"
        "pca" and classical "mds" of Euclidean distances are the same map but for its signs, and
        linear; "tsne" and "umap" are not. Perplexity and neighbours are cut for small data.
    random_state : int, RandomState or None
        For "tsne" and "umap".

    Returns
    -------
    ndarray of shape (n, 2), float32

    Raises
    ------
    InvalidInputError
        If `method` is unknown, or `X` is too small or not finite.
    MissingDependencyError
        If umap-learn is not installed.

    References
    ----------
    .. [1] W. S. Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika 17
       (1952), 401-419, doi:10.1007/BF02288916.
    .. [2] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9 (2008),
       2579-2605. No DOI.
    .. [3] L. McInnes, J. Healy and J. Melville, "UMAP: Uniform manifold approximation and
       projection for dimension reduction", 2018, arXiv:1802.03426.

    Examples
    --------
    >>> embed(np.random.default_rng(0).normal(size=(50, 5))).shape
    (50, 2)
    """
    if method not in METHODS:
        raise InvalidInputError(f"method: expected one of {', '.join(METHODS)}; got {method!r}")
    rows = as_rows(to_arrays(X), "X")
    n = len(rows)
    if n < 4 or rows.shape[1] < 2:
        raise InvalidInputError(
            f"X: expected at least 4 samples of 2 values or more; got shape {rows.shape}"
        )
    seed = draw_seed(random_state)
    if method == "pca":
        maker: Any = PCA(2, svd_solver="full")
    elif method == "mds":
        maker = ClassicalMDS(2)
    elif method == "tsne":
        maker = TSNE(2, perplexity=min(30.0, (n - 1) / 3), random_state=seed)
    else:
        with warnings.catch_warnings():
            # It warns of a part of its own that needs TensorFlow, and is not used here.
            warnings.simplefilter("ignore", ImportWarning)
            umap = require("umap", "embed")
        # One job: with more, the seed would count for nothing, and it says so in a warning.
        maker = umap.UMAP(n_components=2, n_neighbors=min(15, n - 1), random_state=seed, n_jobs=1)
        threads = torch.get_num_threads()
        try:
            return np.asarray(maker.fit_transform(rows), dtype=np.float32)
        finally:  # numba gives its own number of threads to the OpenMP that torch uses as well
            torch.set_num_threads(threads)
    return np.asarray(maker.fit_transform(rows), dtype=np.float32)


def trustworthiness(X: Any, Z: Any, *, n_neighbors: int = 10) -> float:
    """Return how far neighbours on a map are neighbours in the data (Venna & Kaski 2001).

    1 − 2/(nk(2n − 3k − 1)) Σᵢ Σ_{j ∈ Uᵢ} (r(i, j) − k), with Uᵢ the samples that are among the k
    nearest to i on the map and not in the data, and r their rank in the data.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        The data.
    Z : array-like of shape (n, ...)
        The map, or the code.
    n_neighbors : int, default=10
        k, less than n / 2.

    Returns
    -------
    float
        At most 1, which no false neighbour reaches; about 0.5 for a map drawn at random.

    Raises
    ------
    InvalidInputError
        If `n_neighbors` is out of range, or lengths differ.

    References
    ----------
    .. [1] J. Venna and S. Kaski, "Neighborhood preservation in nonlinear projection methods: an
       experimental study", ICANN 2001, 485-491, doi:10.1007/3-540-44668-0_68.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 5))
    >>> trustworthiness(X, 2 * X)
    1.0
    """
    data, points = as_rows(to_arrays(X), "X"), as_rows(to_arrays(Z), "Z")
    if len(data) != len(points):
        raise InvalidInputError(
            f"Z: expected one point a sample, {len(data)}; got {len(points)}; "
            "pass the same samples in the same order"
        )
    if isinstance(n_neighbors, bool) or not 1 <= n_neighbors < len(data) / 2:
        raise InvalidInputError(
            f"n_neighbors: expected 1 to less than half of the {len(data)} samples; "
            f"got {n_neighbors!r}"
        )
    return float(_trustworthiness(data, points, n_neighbors=n_neighbors))


def continuity(X: Any, Z: Any, *, n_neighbors: int = 10) -> float:
    """Return how far neighbours in the data are neighbours on a map (Venna & Kaski 2001).

    `trustworthiness` with the roles exchanged: what a map tears apart lowers continuity, what it
    lays on top of each other lowers trustworthiness.

    Parameters
    ----------
    X, Z, n_neighbors
        As in `trustworthiness`.

    Returns
    -------
    float
        At most 1.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 5))
    >>> continuity(X, 2 * X)
    1.0
    """
    return trustworthiness(Z, X, n_neighbors=n_neighbors)


@dataclass(frozen=True, eq=False)
class Embedding:
    """One map, and how well it keeps the neighbourhoods of the data.

    Parameters
    ----------
    name : str
        What it is.
    points : ndarray of shape (n, dimensions), float32
        The map; of a code of more than two numbers, the code itself.
    labels : ndarray of shape (n,) or None
        The labels of the rows, when given.
    trustworthiness, continuity : float
        See the functions of those names; of the data against `points`.
    rows : ndarray of shape (n,)
        Which rows of the data these are.
    """

    name: str
    points: NDArray[np.float32]
    labels: NDArray[Any] | None
    trustworthiness: float
    continuity: float
    rows: NDArray[np.intp]


def compare_embeddings(
    estimator: BaseAutoencoder,
    X: Any,
    labels: Any = None,
    *,
    y: Any = None,
    methods: Sequence[str] = METHODS,
    n_neighbors: int = 10,
    max_rows: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> list[Embedding]:
    """Compare the code of a fitted model with maps of the same data by other methods.

    `isthmus.plotting.embeddings` draws the result. The maps and the neighbourhoods are of the data
    as the network sees them, scaled.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        The data.
    labels : array-like of shape (n,), optional
        For the picture.
    y : array-like, optional
        The condition, for conditional models.
    methods : sequence of str, default=("pca", "mds", "tsne", "umap")
        What to compare with, see `embed`.
    n_neighbors : int, default=10
        Size of the neighbourhoods of the two measures.
    max_rows : int, default=2000
        The most rows that are mapped. Of more, so many are drawn without replacement, once for all
        maps: all distances are needed, and their number grows with the square.
    random_state : int, RandomState or None
        For that draw and for the methods.

    Returns
    -------
    list of Embedding
        The code first; then, if it has more than two numbers, its principal plane; then one a
        method. A code of one number is a map in one dimension.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used; values that are missing cannot be mapped.
    MissingDependencyError
        If umap-learn is asked for and not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> model = Autoencoder(latent_dim=3, max_epochs=1, random_state=0).fit(X)
    >>> [one.name for one in compare_embeddings(model, X, methods=["pca"])]
    ['code (3 numbers)', 'code, principal plane', 'PCA']
    """
    check_family(estimator, smooth=False)
    for method in methods:
        if method not in METHODS:
            raise InvalidInputError(f"methods: expected any of {METHODS}; got {method!r}")
    x, condition = estimator.to_tensors(X, y)
    names = None if labels is None else np.asarray(labels)
    if names is not None and names.shape != (len(x),):
        raise InvalidInputError(
            f"labels: expected one a sample, shape ({len(x)},); got {names.shape}"
        )
    if max_rows < 4:
        raise InvalidInputError(f"max_rows: expected at least 4; got {max_rows!r}")
    seed = draw_seed(random_state)
    chosen = np.arange(len(x))
    if len(x) > max_rows:
        chosen = np.sort(np.random.default_rng(seed).choice(len(x), max_rows, replace=False))
    data = as_rows(x.numpy()[chosen], "X")
    codes = estimator.map_rows(
        estimator.module_.encode, x[chosen], None if condition is None else condition[chosen]
    )
    codes = codes.reshape(len(codes), -1)
    size = codes.shape[1]
    maps = {f"code ({size} number{'s' if size > 1 else ''})": codes}
    if size > 2:
        maps["code, principal plane"] = embed(codes)
    titles = {"pca": "PCA", "mds": "classical MDS", "tsne": "t-SNE", "umap": "UMAP"}
    for method in methods:
        maps[titles[method]] = embed(data, method, random_state=seed)
    part = None if names is None else names[chosen]
    return [
        Embedding(
            name,
            points,
            part,
            trustworthiness(data, points, n_neighbors=n_neighbors),
            continuity(data, points, n_neighbors=n_neighbors),
            chosen,
        )
        for name, points in maps.items()
    ]
