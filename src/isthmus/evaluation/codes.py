"""Measures of a code: PCA as its control, linear classifiers on it, active and dead units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows

__all__ = [
    "CodeStatistics",
    "active_units",
    "code_statistics",
    "fit_pca",
    "linear_probe",
    "mean_active_codes",
    "pca_codes",
]


def fit_pca(X: Any, n_components: int) -> Any:
    """Fit scikit-learn's PCA by the exact solver, which draws no random number.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Training data; each sample is flattened.
    n_components : int
        Number of components, at most ``min(n_samples, values a sample)``.

    Returns
    -------
    sklearn.decomposition.PCA
        Fitted.

    Raises
    ------
    InvalidInputError
        If `n_components` is out of range, or `X` is empty or holds NaN or infinity.

    Examples
    --------
    >>> fit_pca([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]], 1).n_components_
    1
    """
    from sklearn.decomposition import PCA

    rows = as_rows(X, "X_train")
    if not 1 <= n_components <= min(rows.shape):
        raise InvalidInputError(
            f"n_components: expected 1 to {min(rows.shape)} for data of shape {rows.shape}, "
            f"got {n_components}; ask for fewer components"
        )
    return PCA(int(n_components), svd_solver="full").fit(rows)


def pca_codes(
    X_train: Any, X_test: Any, n_components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Codes of PCA for both data sets: the linear control of learned codes.

    Parameters
    ----------
    X_train : array-like of shape (n_train, ...)
        Data from which mean and components are estimated.
    X_test : array-like of shape (n_test, ...)
        Data to encode; samples of the shape of those of `X_train`.
    n_components : int
        Number of components.

    Returns
    -------
    Z_train : ndarray of shape (n_train, n_components)
    Z_test : ndarray of shape (n_test, n_components)

    Raises
    ------
    InvalidInputError
        If `n_components` is out of range, the shapes do not fit, or a value is NaN or infinite.

    Examples
    --------
    >>> Z_train, Z_test = pca_codes([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], [[3.0, 0.0]], 1)
    >>> float(abs(Z_test[0, 0]))
    2.0
    """
    pca = fit_pca(X_train, n_components)
    test = as_rows(X_test, "X_test")
    if test.shape[1] != pca.n_features_in_:
        raise InvalidInputError(
            f"X_test: expected {pca.n_features_in_} values a sample as in X_train, "
            f"got {test.shape[1]}; prepare both in the same way"
        )
    return pca.transform(as_rows(X_train, "X_train")), pca.transform(test)


def linear_probe(Z_train: Any, y_train: Any, Z_test: Any, y_test: Any) -> float:
    """Accuracy of a linear classifier on the codes.

    Logistic regression, on codes standardised with the mean and deviation of `Z_train`: the
    standard test of whether classes the training never saw lie apart in the codes.

    Parameters
    ----------
    Z_train : array-like of shape (n_train, latent_dim)
        Codes the classifier learns from.
    y_train : array-like of shape (n_train,)
        Their classes; at least two different ones.
    Z_test : array-like of shape (n_test, latent_dim)
        Codes it is judged on.
    y_test : array-like of shape (n_test,)
        Their classes.

    Returns
    -------
    float
        Share of `Z_test` classified correctly, 0 to 1.

    Raises
    ------
    InvalidInputError
        If lengths or widths do not fit, there is one class only, or a code is NaN or infinite.

    Examples
    --------
    >>> linear_probe([[0.0], [1.0], [9.0], [10.0]], [0, 0, 1, 1], [[2.0], [8.0]], [0, 1])
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = as_rows(Z_train, "Z_train"), as_rows(Z_test, "Z_test")
    labels = {"y_train": (np.asarray(y_train), train), "y_test": (np.asarray(y_test), test)}
    for name, (y, Z) in labels.items():
        if y.shape != (len(Z),):
            raise InvalidInputError(
                f"{name}: expected one class a code, shape ({len(Z)},), got {y.shape}; "
                "pass the labels of the same samples in the same order"
            )
    if train.shape[1] != test.shape[1]:
        raise InvalidInputError(
            f"Z_test: expected {train.shape[1]} codes a sample as in Z_train, got {test.shape[1]}; "
            "encode both with the same model"
        )
    if len(np.unique(labels["y_train"][0])) < 2:
        raise InvalidInputError(
            "y_train: expected two or more classes, got one; a classifier has nothing to separate"
        )
    # Enough iterations for lbfgs to converge on any standardised codes of sensible size.
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    probe.fit(train, labels["y_train"][0])
    return float(np.mean(probe.predict(test) == labels["y_test"][0]))


def active_units(Z: Any, threshold: float = 0.01) -> int:
    """Count the codes that vary with the data.

    A latent variable that a variational autoencoder does not use has a posterior mean that is the
    same for every sample; its variance over samples is then near zero (Burda et al., 2016).

    Parameters
    ----------
    Z : array-like of shape (n_samples, latent_dim)
        Codes; for a variational model the posterior means, which `transform` returns.
    threshold : float, default 0.01
        A code counts if its variance over the samples is larger than this, in units of the code².

    Returns
    -------
    int
        0 to latent_dim.

    Raises
    ------
    InvalidInputError
        If `Z` is empty or holds NaN or infinity.

    Examples
    --------
    >>> active_units([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    1
    """
    return int(np.count_nonzero(as_rows(Z, "Z").var(axis=0) > threshold))


def mean_active_codes(Z: Any, tolerance: float = 1e-6) -> float:
    """Average number of codes that are not zero in a sample: the size of a sparse code.

    Parameters
    ----------
    Z : array-like of shape (n_samples, latent_dim)
        Codes.
    tolerance : float, default 1e-6
        A code counts as zero if its magnitude is at most this share of the largest magnitude in
        `Z`; relative, because the scale of a code is arbitrary.

    Returns
    -------
    float
        0 to latent_dim.

    Raises
    ------
    InvalidInputError
        If `Z` is empty or holds NaN or infinity.

    Examples
    --------
    >>> mean_active_codes([[0.0, 5.0, 0.0], [1.0, 5.0, 0.0]])
    1.5
    """
    magnitude = np.abs(as_rows(Z, "Z"))
    largest = float(magnitude.max())
    if largest == 0:
        return 0.0
    return float((magnitude > tolerance * largest).sum(axis=1).mean())


@dataclass(frozen=True, eq=False)
class CodeStatistics:
    """How the units of a code are used; see `code_statistics`.

    Attributes
    ----------
    n_samples : int
        Samples that were counted.
    mean_activity : ndarray of shape (latent_dim,)
        Mean of |zⱼ| over the samples, in units of the code.
    active_share : ndarray of shape (latent_dim,)
        Share of the samples on which unit j is active, 0 to 1.
    dead : ndarray of bool of shape (latent_dim,)
        Units that are never active, or have the same value for every sample.
    mean_active, min_active, max_active : float, int, int
        Active units a sample.
    hoyer : float
        Mean sparseness of a sample, (√n − ‖z‖₁ / ‖z‖₂) / (√n − 1): 0 where all units are equally
        large, 1 where one alone is active (Hoyer 2004). Samples of which all units are 0 do not
        count; NaN if there are no others, or one unit only.
    """

    n_samples: int
    mean_activity: NDArray[np.float64]
    active_share: NDArray[np.float64]
    dead: NDArray[np.bool_]
    mean_active: float
    min_active: int
    max_active: int
    hoyer: float

    @property
    def n_units(self) -> int:
        """Units of the code."""
        return len(self.dead)

    @property
    def n_dead(self) -> int:
        """Units that say nothing of any sample."""
        return int(self.dead.sum())

    def __str__(self) -> str:
        low, middle, high = np.quantile(self.active_share, [0, 0.5, 1])
        return (
            f"{self.n_units} units, {self.n_dead} dead, over {self.n_samples} samples\n"
            f"active units a sample: {self.mean_active:.1f} on average, "
            f"{self.min_active} to {self.max_active}\n"
            f"share of samples on which a unit is active: {middle:.1%} (median), "
            f"{low:.1%} to {high:.1%}\n"
            f"mean activity of a unit: {self.mean_activity.mean():.3g}, "
            f"{self.mean_activity.min():.3g} to {self.mean_activity.max():.3g}\n"
            f"Hoyer sparseness: {self.hoyer:.3f} (0 dense, 1 one unit)"
        )


def code_statistics(
    estimator_or_codes: Any, X: Any = None, *, tolerance: float = 1e-6
) -> CodeStatistics:
    """Diagnose a sparse code: which units are used, by how many samples, and how many at a time.

    Parameters
    ----------
    estimator_or_codes : fitted estimator or array-like of shape (n_samples, latent_dim)
        What has a ``transform``, or the codes themselves.
    X : array-like, optional
        The data to encode; needed with an estimator, not allowed with codes.
    tolerance : float, default 1e-6
        A unit is active if its magnitude is more than this share of the largest magnitude of all
        codes; as in `mean_active_codes`. Units of a sigmoid are never 0: 0.1 or so tells those that
        are on from the others.

    Returns
    -------
    CodeStatistics
        Its text is a readable summary.

    Raises
    ------
    InvalidInputError
        If `X` is missing or too much, or the codes are empty or hold NaN or infinity.

    References
    ----------
    .. [1] P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", Journal of
       Machine Learning Research 5 (2004), 1457-1469.

    Examples
    --------
    >>> statistics = code_statistics([[0.0, 3.0, 0.0], [0.0, 4.0, 0.0], [0.0, 5.0, 5.0]])
    >>> statistics.n_dead, statistics.active_share.round(2).tolist()
    (1, [0.0, 1.0, 0.33])
    >>> print(statistics)
    3 units, 1 dead, over 3 samples
    active units a sample: 1.3 on average, 1 to 2
    share of samples on which a unit is active: 33.3% (median), 0.0% to 100.0%
    mean activity of a unit: 1.89, 0 to 4
    Hoyer sparseness: 0.811 (0 dense, 1 one unit)
    """
    codes = estimator_or_codes
    if hasattr(codes, "transform") and not hasattr(codes, "__array__"):  # a DataFrame has both
        if X is None:
            raise InvalidInputError(
                "X: expected the data to encode; got None; pass the data, or codes alone"
            )
        codes = codes.transform(X)
    elif X is not None:
        raise InvalidInputError(
            "X: expected none with codes; got data; pass an estimator and data, or codes alone"
        )
    Z = as_rows(to_arrays(codes), "Z")
    magnitude = np.abs(Z)
    largest = float(magnitude.max())
    active = magnitude > tolerance * largest
    each = active.sum(axis=1)
    constant = Z.max(axis=0) - Z.min(axis=0) <= tolerance * largest
    return CodeStatistics(
        n_samples=len(Z),
        mean_activity=magnitude.mean(axis=0),
        active_share=active.mean(axis=0),
        dead=~active.any(axis=0) | constant,
        mean_active=float(each.mean()),
        min_active=int(each.min()),
        max_active=int(each.max()),
        hoyer=_hoyer(magnitude),
    )


def _hoyer(magnitude: NDArray[np.float64]) -> float:
    root = float(np.sqrt(magnitude.shape[1]))
    largest = magnitude.max(axis=1, keepdims=True)
    used = largest[:, 0] > 0
    if root == 1 or not used.any():
        return float("nan")
    rows = magnitude[used] / largest[used]  # the measure has no scale; squares may not underflow
    ratio = rows.sum(axis=1) / np.sqrt((rows**2).sum(axis=1))
    return float(((root - ratio) / (root - 1)).mean())
