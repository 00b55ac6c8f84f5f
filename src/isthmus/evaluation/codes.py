"""What a code is worth: to a linear classifier, and how much of it is in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError
from isthmus.evaluation._arrays import as_rows

__all__ = ["active_units", "fit_pca", "linear_probe", "mean_active_codes", "pca_codes"]


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
