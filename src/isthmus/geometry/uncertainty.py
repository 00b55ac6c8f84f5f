"""How sure a code is: the width of its posterior, and how far it lies from the centre of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.geometry._codes import encode, one_each
from isthmus.geometry._maps import check_family, prepare
from isthmus.models import BaseAutoencoder
from isthmus.models.base.inference import fixed_noise, map_rows
from isthmus.nn import StochasticLatent

__all__ = ["code_distance", "posterior_width"]

Rows = NDArray[np.float64]

_FLOOR = 1e-6  # of the mean variance: a number of the code that never moves has no unit


def posterior_width(estimator: BaseAutoencoder, X: Any, y: Any = None) -> NDArray[np.float32]:
    """Return the deviation of each number of the code under q(z|x).

    Parameters
    ----------
    estimator : estimator of the family
        Fitted, with a posterior, such as `VariationalAutoencoder`.
    X : array-like of shape (n, *sample_shape)
        Data.
    y : array-like of shape (n,), or one condition for all, optional
        For conditional models.

    Returns
    -------
    ndarray of shape (n, latent_dim), float32
        σⱼ(x), in the units of the code. Beside a standard normal prior, 1 says that x leaves that
        number as unknown as it was, and 0.1 that it is known to a tenth.

    Raises
    ------
    InvalidInputError
        If the code is deterministic.

    Notes
    -----
    From sixteen draws that are the same for every sample and whose second moments are exactly 1:
    exact for a Gaussian posterior, an estimate for any other.

    Examples
    --------
    >>> from isthmus import VariationalAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = VariationalAutoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> posterior_width(model, X).shape
    (50, 2)
    """
    check_family(estimator, smooth=False)
    latent = estimator.module_.latent
    if not isinstance(latent, StochasticLatent):
        raise InvalidInputError(
            f"estimator: the code of {type(estimator).__name__} has no posterior and so no width; "
            "use code_distance, or VariationalAutoencoder"
        )
    x, condition = prepare(estimator, X, one_each(y, len(X) if hasattr(X, "__len__") else 0))
    module = estimator.module_
    draws = fixed_noise(estimator.latent_dim_).to(next(module.parameters()).device)
    noise = module.shaped_noise(draws)

    def width(part: Tensor, c: Tensor | None) -> Tensor:
        h = module.posterior(part, c)
        codes: Tensor = torch.stack([latent.at(h, one).flatten(1) for one in noise])
        return codes.std(0, correction=0)

    return map_rows(module, width, x, condition, cost=len(noise))


def code_distance(
    estimator: BaseAutoencoder,
    X: Any,
    reference: Any,
    y: Any = None,
    *,
    labels: Any = None,
    reference_labels: Any = None,
    reference_y: Any = None,
) -> NDArray[np.float32]:
    """Return the Mahalanobis distance of codes from the centre of the reference, or of a class.

    Without labels it is √((z − m)ᵀ S⁻¹ (z − m)) with the mean m and the covariance S of the codes
    of the reference. With labels, m is the mean of a class and S the covariance within the classes,
    the same for all of them (Lee et al. 2018).

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like of shape (n, *sample_shape)
        Data whose codes are judged.
    reference : array-like of shape (m, *sample_shape)
        Data that say what is usual, such as those of the fit; at least two rows.
    y, reference_y : array-like, or one condition for all, optional
        For conditional models: the conditions of `X` and of `reference`.
    labels : array-like of shape (n,), optional
        The class of each row of `X`, whose centre it is measured from; with `reference_labels`
        alone it is the nearest centre.
    reference_labels : array-like of shape (m,), optional
        The class of each row of `reference`.

    Returns
    -------
    ndarray of shape (n,), float32
        In deviations: of a normal code of k numbers about √k, of a row like those of the reference.

    Raises
    ------
    InvalidInputError
        If lengths differ, `labels` come without `reference_labels` or have a class that those do
        not have, or the reference is too small.

    Notes
    -----
    S is estimated by Ledoit & Wolf (2004), who shrink it towards a round one, so that a code of
    many numbers and few rows can be used.

    References
    ----------
    .. [1] K. Lee, K. Lee, H. Lee and J. Shin, "A simple unified framework for detecting
       out-of-distribution samples and adversarial attacks", NeurIPS 2018, arXiv:1807.03888.
    .. [2] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004), doi:10.1016/S0047-259X(03)00096-4.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> near, far = code_distance(model, [X.mean(0), X.mean(0) + 100], X)
    >>> bool(near < 1 < far)
    True
    """
    check_family(estimator, smooth=False)
    usual = encode(estimator, reference, reference_y, "reference").astype(np.float64)
    if len(usual) < 2:
        raise InvalidInputError("reference: expected at least two rows; got 1")
    if labels is not None and reference_labels is None:
        raise InvalidInputError("reference_labels: expected the classes of reference; got None")
    codes = encode(estimator, X, y).astype(np.float64)
    classes, of = _classes(reference_labels, len(usual), "reference_labels")
    centres = np.stack([usual[of == index].mean(axis=0) for index in range(len(classes))])
    whitening = _whitening(usual - centres[of])
    white, white_centres = codes @ whitening.T, centres @ whitening.T
    if labels is not None:
        own = _places(labels, classes, len(codes))
        distance = np.linalg.norm(white - white_centres[own], axis=1)
        return np.asarray(distance, dtype=np.float32)
    distances = np.stack([np.linalg.norm(white - centre, axis=1) for centre in white_centres])
    return np.asarray(distances.min(axis=0), dtype=np.float32)


def _classes(labels: Any, count: int, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the classes, and the place of each row's among them; one class without labels."""
    values = np.zeros(count, dtype=int) if labels is None else np.asarray(to_arrays(labels))
    if values.shape != (count,):
        raise InvalidInputError(
            f"{name}: expected {count} labels, one a sample; got shape {values.shape}"
        )
    classes, places = np.unique(values, return_inverse=True)
    return classes, places


def _places(labels: Any, classes: NDArray[Any], count: int) -> NDArray[np.intp]:
    own, places = _classes(labels, count, "labels")
    if unknown := sorted(set(own.tolist()) - set(classes.tolist())):
        raise InvalidInputError(
            f"labels: {unknown[0]!r} is not among the classes of reference_labels: "
            f"{', '.join(map(repr, classes.tolist()[:12]))}"
        )
    return np.searchsorted(classes, own)[places]


def _whitening(centred: Rows) -> Rows:
    """Return W with WᵀW the inverse of the covariance."""
    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    floor = max(_FLOOR * float(np.trace(covariance)) / len(covariance), 1e-12)
    factor = np.linalg.cholesky(covariance + floor * np.eye(len(covariance)))
    return np.asarray(np.linalg.inv(factor))
