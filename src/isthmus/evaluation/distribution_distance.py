"""How far two sets of rows are apart, as draws from two distributions: Fréchet and kernel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svdvals

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation._arrays import same_features

__all__ = ["KernelDistance", "frechet_distance", "kernel_distance"]


class KernelDistance(NamedTuple):
    """A squared maximum mean discrepancy over disjoint blocks; see `kernel_distance`.

    Attributes
    ----------
    value : float
        Mean over the blocks; its expectation is 0 for equal distributions, so that it can be below.
    spread : float
        Standard deviation over the blocks; NaN for one block.
    n_blocks : int
        How many there were: `value` has a standard error of spread / √n_blocks.
    """

    value: float
    spread: float
    n_blocks: int


def frechet_distance(samples: Any, reference: Any) -> float:
    """Return the Fréchet distance of the two normal distributions with the moments of the rows.

    ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½): the squared 2-Wasserstein distance of normal
    distributions (Dowson & Landau 1982), which is called FID where the rows are features of
    Inception (Heusel et al. 2017). Only means and covariances count.

    tr (Σ₁Σ₂)^½ is the sum of the singular values of A₁A₂ᵀ with Aᵢ the centred rows over √(nᵢ − 1):
    no root and no inverse of a covariance is taken, so that fewer rows than features, or features
    that are constant, need no correction. Few rows make the distance too large all the same.

    Parameters
    ----------
    samples, reference : array-like of shape (n, n_features) and (m, n_features)
        At least two rows each.

    Returns
    -------
    float
        In squared units of the features; 0 for equal moments.

    Raises
    ------
    InvalidInputError
        If there are fewer than two rows, the widths differ, or a value is NaN or infinite.

    References
    ----------
    .. [1] D. C. Dowson and B. V. Landau, "The Fréchet distance between multivariate normal
       distributions", Journal of Multivariate Analysis 12 (1982), 450-455,
       doi:10.1016/0047-259X(82)90077-X.
    .. [2] M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler and S. Hochreiter, "GANs trained by a
       two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017,
       arXiv:1706.08500.

    Examples
    --------
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    pair = same_features(samples, reference)
    means, factors, total = [], [], 0.0
    for name, rows in zip(("samples", "reference"), pair, strict=True):
        if len(rows) < 2:
            raise InvalidInputError(f"{name}: expected at least 2 rows, got {len(rows)}; draw more")
        mean = rows.mean(axis=0)
        factor = (rows - mean) / np.sqrt(len(rows) - 1)
        means.append(mean)
        total += float(np.square(factor).sum())
        # The triangle R of A = QR has the same AᵀA in fewer rows.
        tall = len(factor) > factor.shape[1]
        factors.append(np.asarray(np.linalg.qr(factor, mode="r")) if tall else factor)
    overlap = float(svdvals(factors[0] @ factors[1].T, check_finite=False).sum())
    distance = float(np.square(means[0] - means[1]).sum()) + total - 2 * overlap
    return max(distance, 0.0)  # below 0 by rounding alone


def kernel_distance(
    samples: Any, reference: Any, *, block_size: int = 1000, random_state: int = 0
) -> KernelDistance:
    """Return the squared maximum mean discrepancy with the kernel (x·y / n_features + 1)³.

    Called KID where the rows are features of Inception (Bińkowski et al. 2018). Both sets are
    shuffled and cut into disjoint blocks of the same size; each pair of blocks gives one unbiased
    estimate: means of k over pairs of different rows, less twice the mean over pairs of one row
    from each. Unlike the Fréchet distance it has no bias that depends on the number of rows.

    Parameters
    ----------
    samples, reference : array-like of shape (n, n_features) and (m, n_features)
        At least two rows each.
    block_size : int, default=1000
        Rows of a block, at least 2; fewer where there are fewer. Rows left over are not used.
    random_state : int, default=0
        The seed of the shuffling, which comes before the division into blocks: rows are often
        sorted by something.

    Returns
    -------
    KernelDistance
        Value, spread over the blocks and their number.

    Raises
    ------
    InvalidInputError
        If there are fewer than two rows, the widths differ, or a value is NaN or infinite.

    References
    ----------
    .. [1] M. Bińkowski, D. J. Sutherland, M. Arbel and A. Gretton, "Demystifying MMD GANs", ICLR
       2018, arXiv:1801.01401.
    .. [2] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf and A. Smola, "A kernel two-sample
       test", Journal of Machine Learning Research 13 (2012), 723-773. No DOI.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> near, far = rng.normal(size=(2, 4000, 3)) + [[[0.0]], [[1.0]]]
    >>> same = kernel_distance(near, rng.normal(size=(4000, 3)))
    >>> abs(same.value) < 3 * same.spread / same.n_blocks**0.5
    True
    >>> kernel_distance(near, far).value > 1
    True
    """
    check_count("block_size", block_size)
    first, second = same_features(samples, reference)
    fewest = min(len(first), len(second))
    size = min(int(block_size), fewest)
    if size < 2:
        name = "block_size" if fewest > 1 else "samples, reference"
        raise InvalidInputError(
            f"{name}: expected at least 2 rows a block, got {size}; the estimate is of pairs"
        )
    rng = np.random.default_rng(random_state)
    first, second = (rows[rng.permutation(len(rows))] for rows in (first, second))
    count = fewest // size
    values = [
        _unbiased(first[start : start + size], second[start : start + size])
        for start in range(0, count * size, size)
    ]
    spread = float(np.std(values, ddof=1)) if count > 1 else float("nan")
    return KernelDistance(float(np.mean(values)), spread, count)


def _unbiased(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the unbiased estimate from two blocks of n rows."""
    n, features = x.shape
    within = 0.0
    for rows in (x, y):
        kernel = (rows @ rows.T / features + 1) ** 3
        within += (kernel.sum() - np.trace(kernel)) / (n * (n - 1))
    return float(within - 2 * ((x @ y.T / features + 1) ** 3).mean())
