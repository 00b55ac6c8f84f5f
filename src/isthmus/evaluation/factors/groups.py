"""Measures from groups of samples that share one factor: the scores of β-VAE and FactorVAE."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation.factors._table import FactorTable, factor_table, generator

__all__ = ["beta_vae_score", "factor_vae_score"]

_CHUNK = 2**22  # numbers at a time
_MOST_STEPS = 1000  # of the linear classifier


def beta_vae_score(
    codes: Any,
    factors: Any,
    *,
    n_points: int = 10_000,
    batch_size: int = 64,
    random_state: Any = None,
) -> float:
    """Return the β-VAE score: does a linear classifier see which factor two samples share?

    A point is made of `batch_size` pairs of samples that share one factor, chosen at random: the
    mean over the pairs of |z − z'|, a number for each code. The score is the accuracy of a
    logistic regression that tells the factor from the point (Higgins et al. 2017).

    Parameters
    ----------
    codes : array-like of shape (n_samples, latent_dim)
        Codes; for a variational model the posterior means, which ``transform`` returns.
    factors : array-like of shape (n_samples, n_factors)
        Ground-truth factors, each value a class.
    n_points : int, default=10_000
        Points that the classifier learns from; half as many again judge it.
    batch_size : int, default=64
        Pairs a point.
    random_state : int, RandomState or None, default=None
        Where the pairs come from.

    Returns
    -------
    float
        1 / n_factors is chance, 1 perfect.

    Raises
    ------
    InvalidInputError
        If codes or factors are unusable: NaN, different lengths, a factor with one value only.

    Notes
    -----
    Nothing is rendered: a pair is a row of the table, drawn among those whose value of the factor
    occurs twice or more, and another row with the same value. The other factors are as they come,
    so they should be independent in the table. Each code is divided by its deviation.

    A code for all factors but one is enough for a score of 1, and so is a factor spread over
    several codes: it is an easy score (Kim & Mnih 2018).

    References
    ----------
    .. [1] I. Higgins et al., "beta-VAE: Learning basic visual concepts with a constrained
       variational framework", ICLR 2017. No DOI.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 5, size=(500, 3))
    >>> beta_vae_score(factors, factors, n_points=500, random_state=0)
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_count("n_points", n_points)
    check_count("batch_size", batch_size)
    table, random = factor_table(codes, factors), generator(random_state)
    n_points = int(n_points)
    points, labels = _points(
        table, n_points + (n_points + 1) // 2, int(batch_size), random, pairs=True
    )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_MOST_STEPS))
    seen = labels[:n_points]
    if len(np.unique(seen)) < 2:
        raise InvalidInputError(
            f"n_points: expected points of two factors or more; got {n_points}, all of one; "
            "ask for more"
        )
    classifier.fit(points[:n_points], seen)
    return float((classifier.predict(points[n_points:]) == labels[n_points:]).mean())


def factor_vae_score(
    codes: Any,
    factors: Any,
    *,
    n_points: int = 10_000,
    batch_size: int = 64,
    random_state: Any = None,
) -> float:
    """Return the FactorVAE score: is the code that varies least the one of the factor held fixed?

    A vote is made of `batch_size` samples that share one factor, chosen at random: the code whose
    variance among them, as a share of its variance over all samples, is smallest votes for the
    factor. The score is the accuracy of the majority: each code stands for the factor that it
    votes for most often (Kim & Mnih 2018).

    Parameters
    ----------
    codes, factors, random_state
        As in `beta_vae_score`.
    n_points : int, default=10_000
        Votes that decide which factor each code stands for; half as many again judge.
    batch_size : int, default=64
        Samples a vote, at least 2.

    Returns
    -------
    float
        About 1 / n_factors is chance, 1 perfect.

    Raises
    ------
    InvalidInputError
        As `beta_vae_score`.

    Notes
    -----
    The samples of a vote are drawn with replacement from the rows of the table that share the value
    of the factor with a row drawn among those whose value occurs twice or more. Codes that are
    constant do not vote. Published scores leave out codes of small variance too; here none is
    judged by its scale.

    It does not see whether a second code knows the factor as well.

    References
    ----------
    .. [1] H. Kim and A. Mnih, "Disentangling by factorising", ICML 2018, arXiv:1802.05983.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.integers(0, 5, size=(500, 3))
    >>> factor_vae_score(factors, factors, n_points=500, random_state=0)
    1.0
    """
    check_count("n_points", n_points)
    check_count("batch_size", batch_size)
    if batch_size < 2:
        raise InvalidInputError("batch_size: expected at least 2, for one has no variance; got 1")
    table, random = factor_table(codes, factors), generator(random_state)
    k = len(table.sizes)
    n_points = int(n_points)
    variances, labels = _points(
        table, n_points + (n_points + 1) // 2, int(batch_size), random, pairs=False
    )
    if not table.varies.any():
        votes = np.zeros(len(labels), dtype=np.int64)
    else:
        # Among codes that are tied, chance decides: the first is no better than the others.
        least = variances <= variances.min(axis=1, keepdims=True) * (1 + 1e-9) + 1e-15
        votes = np.where(least, random.uniform(size=least.shape), -1.0).argmax(axis=1)
    d = table.codes.shape[1]
    counts = np.bincount(votes[:n_points] * k + labels[:n_points], minlength=d * k).reshape(d, k)
    return float((counts.argmax(axis=1)[votes[n_points:]] == labels[n_points:]).mean())


def _points(
    table: FactorTable,
    n_points: int,
    batch_size: int,
    random: np.random.RandomState,
    *,
    pairs: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a number for each code of each point (n_points, d), and the factor that is shared.

    Mean absolute differences of pairs that share the factor, or variances of groups that do.
    """
    codes = table.codes
    labels = random.randint(len(table.sizes), size=n_points)
    points = np.empty((n_points, codes.shape[1]))
    step = max(1, _CHUNK // (batch_size * codes.shape[1]))
    for factor, (column, size) in enumerate(zip(table.factors.T, table.sizes, strict=True)):
        counts = np.bincount(column, minlength=size)
        # Rows by value: those of one value are neighbours in `order`, from `starts` on.
        order = np.argsort(column, kind="stable")
        starts = np.cumsum(counts) - counts
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        common = np.flatnonzero(counts[column] > 1)
        members = np.flatnonzero(labels == factor)
        for begin in range(0, len(members), step):
            chosen = members[begin : begin + step]
            first = random.choice(common, size=(len(chosen), batch_size if pairs else 1))
            value = column[first]
            if pairs:
                # Another row: one to (count − 1) places on, round and round among those alike.
                away = 1 + (random.uniform(size=value.shape) * (counts[value] - 1)).astype(int)
                other = (place[first] - starts[value] + away) % counts[value] + starts[value]
                points[chosen] = np.abs(codes[first] - codes[order[other]]).mean(axis=1)
            else:
                inside = random.uniform(size=(len(chosen), batch_size)) * counts[value]
                points[chosen] = codes[order[starts[value] + inside.astype(int)]].var(axis=1)
    if not pairs:
        points[:, ~table.varies] = np.inf
    return points, labels
