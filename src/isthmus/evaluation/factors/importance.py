"""Measures from which codes a predictor of each factor makes use of: DCI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.evaluation.factors._table import FactorTable, factor_table, generator

__all__ = ["DCI", "dci"]

_TREES = 10
_SMALLEST_LEAF = 5  # samples: smaller leaves learn noise by heart and blame codes of noise for it


@dataclass(frozen=True, eq=False)
class DCI:
    """Disentanglement, completeness and informativeness; see `dci`.

    Attributes
    ----------
    disentanglement : float
        0 to 1; 1 where no code is of use for two factors.
    completeness : float
        0 to 1; 1 where no factor needs two codes.
    informativeness : float
        Share of held-out samples whose factor is predicted from all codes, mean over the factors.
    importance : ndarray of shape (latent_dim, n_factors)
        Share that each code has in the prediction of each factor; a column sums to 1, or to 0 where
        no code is of any use.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: NDArray[np.float64]


def dci(codes: Any, factors: Any, *, random_state: Any = None) -> DCI:
    """Return disentanglement, completeness and informativeness (Eastwood & Williams 2018).

    For each factor, a random forest learns to tell its value from all codes. Its impurity
    importances are the columns of a matrix R. With the entropy Hₖ to the base k,

        disentanglement = Σᵢ ρᵢ (1 − H_K(Rᵢ· / Σⱼ Rᵢⱼ)),   ρᵢ = Σⱼ Rᵢⱼ / Σᵢⱼ Rᵢⱼ,
        completeness    = mean over factors j of 1 − H_D(R·ⱼ / Σᵢ Rᵢⱼ)

    for D codes and K factors; informativeness is the accuracy of the forests on the half of the
    samples that they did not learn from.

    Parameters
    ----------
    codes : array-like of shape (n_samples, latent_dim)
        Codes; for a variational model the posterior means, which ``transform`` returns.
    factors : array-like of shape (n_samples, n_factors)
        Ground-truth factors, each value a class.
    random_state : int, RandomState or None, default=None
        Which half is learned from, and the forests.

    Returns
    -------
    DCI

    Raises
    ------
    InvalidInputError
        If codes or factors are unusable: NaN, different lengths, a factor with one value only.

    Notes
    -----
    Ten trees that see all codes at every split, with at least five samples a leaf: about two
    seconds for 10,000 samples, ten codes and the factors of dSprites. Eastwood and Williams use
    lasso and forests, Locatello et al. boosted trees: the numbers depend on that choice, and only
    those of one predictor can be compared. Codes of noise take a share of the importance of a
    factor that is only partly known, which lowers both scores.

    References
    ----------
    .. [1] C. Eastwood and C. K. I. Williams, "A framework for the quantitative evaluation of
       disentangled representations", ICLR 2018. No DOI.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 4, size=(600, 2))
    >>> found = dci(factors, factors, random_state=0)
    >>> found.disentanglement, found.completeness, found.informativeness
    (1.0, 1.0, 1.0)
    >>> twice = np.hstack([factors, rng.normal(size=(600, 2))])  # and two codes of noise
    >>> dci(twice, factors, random_state=0).importance.round(1).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    """
    table, random = factor_table(codes, factors), generator(random_state)
    importance, accuracy = _forests(table, random)
    d, k = importance.shape
    by_code, by_factor = importance.sum(axis=1), importance.sum(axis=0)
    total = by_code.sum()
    of_codes = 1 - _entropy(
        importance / np.where(by_code > 0, by_code, 1.0)[:, None], axis=1, base=k
    )
    of_factors = 1 - _entropy(importance / np.where(by_factor > 0, by_factor, 1.0), axis=0, base=d)
    return DCI(
        disentanglement=float((of_codes * by_code).sum() / total) if total > 0 else 0.0,
        completeness=float(np.where(by_factor > 0, of_factors, 0.0).mean()),
        informativeness=accuracy,
        importance=importance,
    )


def _forests(
    table: FactorTable, random: np.random.RandomState
) -> tuple[NDArray[np.float64], float]:
    from sklearn.ensemble import RandomForestClassifier

    seen, judged = table.halves(random)
    importance = np.zeros((table.codes.shape[1], len(table.sizes)))
    accuracies = []
    for j, factor in enumerate(table.factors.T):
        forest = RandomForestClassifier(
            _TREES,
            max_features=None,
            min_samples_leaf=_SMALLEST_LEAF,
            random_state=random.randint(2**31 - 1),
        )
        forest.fit(table.codes[seen], factor[seen])
        importance[:, j] = forest.feature_importances_
        accuracies.append(float((forest.predict(table.codes[judged]) == factor[judged]).mean()))
    return importance, float(np.mean(accuracies))


def _entropy(p: NDArray[np.float64], *, axis: int, base: int) -> NDArray[np.float64]:
    """Return the entropy along an axis as a share of the largest there can be; 0 for one place."""
    if base == 1:
        return np.zeros(p.shape[1 - axis])
    logs = np.log(np.where(p > 0, p, 1.0))
    return np.asarray(-(p * logs).sum(axis=axis) / np.log(base))
