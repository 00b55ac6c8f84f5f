"""What each number of the code does: one is moved, the others stay, and the code is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError
from isthmus.evaluation.probes import posterior_measures
from isthmus.geometry._codes import Codes, decode, encode, first_for_all, one_each
from isthmus.geometry._maps import as_float, check_family, prepare
from isthmus.geometry.uncertainty import posterior_width
from isthmus.models import BaseAutoencoder
from isthmus.nn import StochasticLatent

__all__ = ["Traversal", "traversals"]


class Traversal(NamedTuple):
    """Walks along single numbers of the code, decoded.

    Parameters
    ----------
    dimensions : ndarray of shape (n_dimensions,), int
        Which number of the code each walk moves.
    values : ndarray of shape (n_dimensions, n_steps), float32
        What that number is at each step.
    codes : ndarray of shape (n_dimensions, n_steps, latent_dim), float32
        The codes.
    samples : ndarray of shape (n_dimensions, n_steps, *sample_shape), float32
        The codes decoded, in the data's units, channels last.
    weights : ndarray of shape (n_dimensions,), float32
        How much each number says of the data, by `measure`.
    measure : {"KL", "variance"}
        The mean divergence of the number from the prior in nats, or the variance of the codes.
    """

    dimensions: NDArray[np.intp]
    values: NDArray[np.float32]
    codes: Codes
    samples: NDArray[np.float32]
    weights: NDArray[np.float32]
    measure: str


def traversals(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    start: Any = None,
    dimensions: Sequence[int] | None = None,
    n_steps: int = 9,
    span: float | tuple[float, float] = 2.5,
) -> Traversal:
    """Move each number of a code along its range, keep the others, and decode.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like of shape (n, *sample_shape)
        Data whose codes say how far each number ranges, and how much it says; at least two rows.
    y : array-like of shape (n,), or one condition for all, optional
        For conditional models: the condition of `X`. All walks are decoded with the first of them.
    start : array-like of shape (latent_dim,), optional
        The code whose numbers are moved, such as ``estimator.transform(X[:1])[0]``; the mean of the
        codes without it.
    dimensions : sequence of int, optional
        Which numbers, in that order; all without it, those that say most first.
    n_steps : int, default=9
        Steps of each walk, at least 2.
    span : float or (float, float), default=2.5
        A number: each walk goes so many deviations to both sides of the mean of that number of the
        code. The deviation is that of drawn codes, √(Var μⱼ + E σⱼ²), so that a number that is left
        at its prior is moved as far as the prior reaches. A pair: from the first to the second.

    Returns
    -------
    Traversal
        The walks; `isthmus.plotting.traversal_grid` draws them.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used.

    Notes
    -----
    The number itself is set, wherever `start` had it. Where a number does nothing to what is
    decoded, its KL is near 0 (it is left at the prior), or its variance is.

    References
    ----------
    .. [1] I. Higgins et al., "beta-VAE: Learning basic visual concepts with a constrained
       variational framework", ICLR 2017. No DOI.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> walks = traversals(model, X, n_steps=5)
    >>> walks.samples.shape, walks.measure
    ((2, 5, 4), 'variance')
    """
    check_family(estimator, smooth=False)
    if isinstance(n_steps, bool) or not isinstance(n_steps, int | np.integer) or n_steps < 2:
        raise InvalidInputError(f"n_steps: expected a whole number of at least 2; got {n_steps!r}")
    codes = encode(estimator, X, y).astype(np.float64)
    if len(codes) < 2:
        raise InvalidInputError("X: expected at least two rows, whose codes have a range; got 1")
    variance = codes.var(axis=0)
    rows = prepare(estimator, X, one_each(y, len(codes)))
    divergence = posterior_measures(estimator.module_, *rows).divergence_per_code
    weights, measure = (divergence, "KL") if divergence.size else (variance, "variance")
    chosen = _chosen(dimensions, weights)
    origin = codes.mean(axis=0) if start is None else _start(start, codes.shape[1])
    lowest, highest = _ends(span, codes.mean(axis=0), _deviation(estimator, X, y, variance))
    t = np.linspace(0.0, 1.0, int(n_steps))
    values = (1 - t) * lowest[chosen, None] + t * highest[chosen, None]
    walks = np.tile(origin, (len(chosen), len(t), 1))
    for row, dimension in enumerate(chosen):
        walks[row, :, dimension] = values[row]
    flat = walks.reshape(-1, codes.shape[1])
    samples = decode(estimator, flat, first_for_all(y, len(flat)))
    return Traversal(
        dimensions=chosen,
        values=values.astype(np.float32),
        codes=walks.astype(np.float32),
        samples=samples.reshape(len(chosen), len(t), *samples.shape[1:]),
        weights=weights[chosen].astype(np.float32),
        measure=measure,
    )


def _chosen(dimensions: Sequence[int] | None, weights: NDArray[np.float64]) -> NDArray[np.intp]:
    if dimensions is None:
        return np.argsort(-weights, kind="stable")
    chosen = np.asarray(dimensions)
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        raise InvalidInputError(
            f"dimensions: expected whole numbers from 0 to {len(weights) - 1}, such as [0, 3]; "
            f"got {dimensions!r}"
        )
    if chosen.min() < 0 or chosen.max() >= len(weights):
        raise InvalidInputError(
            f"dimensions: expected numbers from 0 to {len(weights) - 1}, the places in the code; "
            f"got {chosen.tolist()}"
        )
    return chosen.astype(np.intp)


def _start(start: Any, latent_dim: int) -> NDArray[np.float64]:
    try:
        code = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        code = np.empty(0)
    if code.shape != (latent_dim,) or not np.isfinite(code).all():
        raise InvalidInputError(
            f"start: expected a code of {latent_dim} finite numbers; got shape {np.shape(start)}; "
            "pass estimator.transform(X[:1])[0]"
        )
    return code


def _ends(
    span: Any, mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if np.ndim(span) == 0:
        reach = as_float(span, "span", 0.0) * deviation
        return mean - reach, mean + reach
    if np.shape(span) != (2,) or not np.isfinite(span).all() or not span[0] < span[1]:
        raise InvalidInputError(
            f"span: expected a number of deviations, or (lowest, highest); got {span!r}"
        )
    low, high = float(span[0]), float(span[1])
    return np.full_like(mean, low), np.full_like(mean, high)


def _deviation(
    estimator: BaseAutoencoder, X: Any, y: Any, variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the deviation of drawn codes: the aggregate posterior's where there is one."""
    if isinstance(estimator.module_.latent, StochasticLatent):
        variance = variance + np.square(posterior_width(estimator, X, y), dtype=float).mean(0)
    return np.asarray(np.sqrt(variance))
