"""Measures from how well simple predictors tell the factors: explicitness and SAP."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.evaluation.factors._table import factor_table, generator

__all__ = ["explicitness", "sap_score"]

_MOST_STEPS = 1000  # of a linear classifier


def explicitness(codes: Any, factors: Any, *, random_state: Any = None) -> float:
    """Return the explicitness: do linear classifiers read the factors from all codes together?

    For each value of each factor, a logistic regression learns from one half of the samples to tell
    it from the other values; its area under the ROC curve on the other half, as (AUC − ½) / ½; the
    mean over the values and then over the factors (Ridgeway & Mozer 2018).

    Parameters
    ----------
    codes : array-like of shape (n_samples, latent_dim)
        Codes; for a variational model the posterior means, which ``transform`` returns.
    factors : array-like of shape (n_samples, n_factors)
        Ground-truth factors, each value a class.
    random_state : int, RandomState or None, default=None
        Which half is learned from.

    Returns
    -------
    float
        About 0 is chance, 1 perfect.

    Raises
    ------
    InvalidInputError
        If codes or factors are unusable: NaN, different lengths, a factor with one value only.

    Notes
    -----
    It does not see entanglement: a rotation of the codes changes nothing. And one code that rises
    evenly with a factor does not reach 1, for no line separates a value from both its neighbours:
    for K values equally often it is K / (2 (K − 1)) with K even, (K + 1) / 2K with K odd, just over
    a half for many. A code for each value has 1.

    References
    ----------
    .. [1] K. Ridgeway and M. C. Mozer, "Learning deep disentangled embeddings with the F-statistic
       loss", NeurIPS 2018, arXiv:1802.05312.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 2, size=(400, 2))
    >>> explicitness(factors, factors, random_state=0)
    1.0
    >>> round(explicitness(factors @ [[1, 1], [1, -1]], factors, random_state=0), 2)
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    table = factor_table(codes, factors)
    seen, judged = table.halves(generator(random_state))
    means = []
    for factor, size in zip(table.factors.T, table.sizes, strict=True):
        areas = []
        for value in range(size):
            here, there = factor[seen] == value, factor[judged] == value
            if 0 < here.sum() < len(here) and 0 < there.sum() < len(there):  # rare values: neither
                classifier = LogisticRegression(max_iter=_MOST_STEPS)
                classifier.fit(table.codes[seen], here)
                scores = classifier.decision_function(table.codes[judged])
                areas.append(2 * float(roc_auc_score(there, scores)) - 1)
        means.append(float(np.mean(areas)) if areas else 0.0)
    return float(np.mean(means))


def sap_score(codes: Any, factors: Any, *, random_state: Any = None) -> float:
    """Return the SAP score: how much worse is the second best code at predicting a factor?

    For each factor and each single code, thresholds on the code are learned from one half of the
    samples that tell the values of the factor apart: a decision tree with a leaf for each value.
    The score is the balanced accuracy on the other half of the best code less that of the second
    best, the mean over factors: separated attribute predictability (Kumar et al. 2018).

    Parameters
    ----------
    codes, factors, random_state
        As in `explicitness`.

    Returns
    -------
    float
        0 (two codes predict every factor equally well) to the mean of 1 − 1/K over factors with K
        values: the second code is at least as good as chance.

    Raises
    ------
    InvalidInputError
        As `explicitness`.

    Notes
    -----
    All factors are taken for classes, as in Locatello et al. (2019), so that a code which knows a
    factor of 40 values roughly scores little. The thresholds are Kumar et al.'s for classes, where
    Locatello et al. have linear support vector machines.

    References
    ----------
    .. [1] A. Kumar, P. Sattigeri and A. Balakrishnan, "Variational inference of disentangled latent
       concepts from unlabeled observations", ICLR 2018, arXiv:1711.00848.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 2, size=(2000, 3))
    >>> round(sap_score(factors, factors, random_state=0), 1)
    0.5
    >>> sap_score(np.hstack([factors, factors]), factors, random_state=0)
    0.0
    """
    from sklearn.tree import DecisionTreeClassifier

    table, random = factor_table(codes, factors), generator(random_state)
    seen, judged = table.halves(random)
    scores = np.zeros((table.codes.shape[1], len(table.sizes)))
    for i, code in enumerate(table.codes.T):
        for j, (factor, size) in enumerate(zip(table.factors.T, table.sizes, strict=True)):
            tree = DecisionTreeClassifier(
                max_leaf_nodes=size, class_weight="balanced", random_state=0
            )
            tree.fit(code[seen, None], factor[seen])
            scores[i, j] = _balanced_accuracy(factor[judged], tree.predict(code[judged, None]))
    scores.sort(axis=0)
    # The second of one code alone is what can be had without any.
    second = scores[-2] if len(scores) > 1 else 1 / np.array(table.sizes)
    return float((scores[-1] - second).mean())


def _balanced_accuracy(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    right = np.bincount(truth, weights=truth == predicted)
    counts = np.bincount(truth)
    return float((right[counts > 0] / counts[counts > 0]).mean())
