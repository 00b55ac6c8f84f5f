"""Whether samples lie among the reference (precision) and reach all of it (recall)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation._arrays import same_features

__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "density_coverage",
    "overlap",
    "precision_recall",
]

Rows = NDArray[np.float64]

_PAIRS = 1 << 22  # distances at a time


class PrecisionRecall(NamedTuple):
    """See `precision_recall`.

    Attributes
    ----------
    precision : float
        Share of the samples that lie in the neighbourhood of a reference row, 0 to 1.
    recall : float
        Share of the reference rows that lie in the neighbourhood of a sample, 0 to 1.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """See `density_coverage`.

    Attributes
    ----------
    density : float
        Neighbourhoods of reference rows that a sample lies in, over k: 1 for equal
        distributions, more where samples crowd where the reference is dense.
    coverage : float
        Share of the reference rows that have a sample in their neighbourhood, 0 to 1.
    """

    density: float
    coverage: float


def precision_recall(samples: Any, reference: Any, *, n_neighbors: int = 3) -> PrecisionRecall:
    """Return the improved precision and recall of Kynkäänniemi et al. (2019).

    The manifold of a set is the union of balls, one around each row, out to its k-th nearest row of
    the same set. Precision is the share of samples in the manifold of the reference: how many are
    good. Recall is the share of the reference in the manifold of the samples: how much of the data
    is reached.

    Parameters
    ----------
    samples, reference : array-like of shape (n, n_features) and (m, n_features)
        More than `n_neighbors` rows each. The balls shrink with the number of rows: take the same
        number of both, and compare only results of equal numbers.
    n_neighbors : int, default=3
        k.

    Returns
    -------
    PrecisionRecall

    Raises
    ------
    InvalidInputError
        If there are too few rows, the widths differ, or a value is NaN or infinite.

    Notes
    -----
    One outlier has a ball as large as its distance to the others, and whatever falls into it counts
    as good; see `density_coverage`. Time and numbers of distances are of the order of n · m.

    References
    ----------
    .. [1] T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen and T. Aila, "Improved precision and
       recall metric for assessing generative models", NeurIPS 2019, arXiv:1904.06991.

    Examples
    --------
    >>> reference = [[0.0], [1.0], [10.0], [11.0]]
    >>> precision_recall([[0.0], [0.5], [1.0], [90.0]], reference, n_neighbors=1)
    PrecisionRecall(precision=0.75, recall=1.0)
    >>> precision_recall([[0.0], [0.2], [0.4], [1.0]], reference, n_neighbors=1)
    PrecisionRecall(precision=1.0, recall=0.5)
    """
    first, second = _pair(samples, reference, n_neighbors)
    return _overlap(first, second, k=n_neighbors)[0]


def density_coverage(samples: Any, reference: Any, *, n_neighbors: int = 5) -> DensityCoverage:
    """Return density and coverage of Naeem et al. (2020).

    Both use the balls of the reference alone, out to the k-th nearest row. Density counts in how
    many of them a sample lies, so that the ball of one outlier gives 1/k of a point and not a whole
    one. Coverage asks which balls have a sample in them, so that samples far off cannot raise it.

    Parameters
    ----------
    samples, reference : array-like of shape (n, n_features) and (m, n_features)
        More than `n_neighbors` rows each.
    n_neighbors : int, default=5
        k.

    Returns
    -------
    DensityCoverage

    Raises
    ------
    InvalidInputError
        If there are too few rows, the widths differ, or a value is NaN or infinite.

    Notes
    -----
    For equal distributions without ties the expected coverage of n samples and m reference rows
    is 1 − (m − 1)! (m + n − k − 1)! / ((m − k − 1)! (m + n − 1)!), near 1 − 2⁻ᵏ for n = m.

    References
    ----------
    .. [1] M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi and J. Yoo, "Reliable fidelity and diversity
       metrics for generative models", ICML 2020, arXiv:2002.09797.

    Examples
    --------
    >>> reference = [[0.0], [1.0], [10.0], [11.0]]
    >>> density_coverage([[0.0], [0.5], [1.0], [90.0]], reference, n_neighbors=1)
    DensityCoverage(density=1.5, coverage=0.5)
    """
    first, second = _pair(samples, reference, n_neighbors)
    return _overlap(first, second, k_density=n_neighbors)[1]


def overlap(samples: Any, reference: Any) -> tuple[PrecisionRecall, DensityCoverage]:
    """Return `precision_recall` and `density_coverage` from the same distances.

    Parameters
    ----------
    samples : array-like of shape (n, d)
        The samples to be judged.
    reference : array-like of shape (m, d)
        Real rows.
    """
    return _overlap(*_pair(samples, reference, 5), k=3, k_density=5)


def _pair(samples: Any, reference: Any, n_neighbors: int) -> tuple[Rows, Rows]:
    check_count("n_neighbors", n_neighbors)
    first, second = same_features(samples, reference)
    for name, rows in (("samples", first), ("reference", second)):
        if len(rows) <= n_neighbors:
            raise InvalidInputError(
                f"{name}: expected more rows than n_neighbors={n_neighbors}, got {len(rows)}; give "
                "more rows, or lower n_neighbors"
            )
    return first, second


def _parts(queries: Rows, others: Rows) -> Any:
    """Yield slices of the queries and their squared distances to all others.

    They are sums of squared differences, not expanded products: equal rows are at exactly 0, and a
    distance is the same number from both ends, so that ties are ties.
    """
    step = max(1, _PAIRS // len(others))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        yield part, cdist(queries[part], others, "sqeuclidean")


def _overlap(
    samples: Rows, reference: Rows, k: int = 1, k_density: int = 1
) -> tuple[PrecisionRecall, DensityCoverage]:
    """Return both pairs of measures, each with its own k, from one pass over the pairs."""
    radii = _radii(samples, k)
    near, wide = _radii(reference, k, k_density)
    good = np.zeros(len(samples), dtype=bool)
    reached = np.zeros(len(reference), dtype=bool)
    nearest = np.full(len(reference), np.inf)
    inside = 0
    for part, squared in _parts(samples, reference):
        good[part] = (squared <= near).any(axis=1)
        reached |= (squared <= radii[0][part, None]).any(axis=0)
        inside += int(np.count_nonzero(squared <= wide))
        np.minimum(nearest, squared.min(axis=0), out=nearest)
    return (
        PrecisionRecall(float(good.mean()), float(reached.mean())),
        DensityCoverage(inside / (k_density * len(samples)), float((nearest <= wide).mean())),
    )


def _radii(rows: Rows, *ks: int) -> list[Rows]:
    """Return the squared distances of each row to its k-th nearest other row, for each k."""
    radii = np.empty((len(ks), len(rows)))
    for part, squared in _parts(rows, rows):
        # The row itself is nearest, so that the k-th other one has place k.
        radii[:, part] = np.partition(squared, sorted(set(ks)), axis=1)[:, ks].T
    return list(radii)
