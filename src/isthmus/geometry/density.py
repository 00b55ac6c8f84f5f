"""Manifold Parzen windows: a density of flat local Gaussians, to compare an autoencoder with."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.validation import check_is_fitted, validate_data

from isthmus.data.containers import in_one_line
from isthmus.errors import InvalidInputError, check_count
from isthmus.geometry.neighbours import local_directions
from isthmus.models.base.parameters import above, at_least, check_parameters
from isthmus.training import draw_seed

__all__ = ["ManifoldParzen"]

_VALUES = 1 << 22  # of query rows times kernels (times directions) at a time


@dataclass(kw_only=True, eq=False, repr=False)
class ManifoldParzen(DensityMixin, BaseEstimator):
    """A kernel density whose kernels are stretched along the data (Vincent & Bengio 2003).

    p(x) = 1/n Σᵢ N(x; xᵢ, Cᵢ),  Cᵢ = Vᵢ diag(sᵢ²) Vᵢᵀ + σ² I: around each training sample a
    Gaussian with variance s² + σ² along the principal directions V of its neighbours, taken about
    the sample itself, and σ² in all others. A sample costs O(n · D · n_components), with no D × D
    matrix.

    Parameters
    ----------
    bandwidth : float, default=1.0
        σ, in the data's units: the thickness of the manifold. Choose it, like the others, by
        cross-validation.
    n_components : int, default=1
        Directions of each kernel; 0 is scikit-learn's `KernelDensity` with a Gaussian kernel. Cut
        to the number of features and of neighbours.
    n_neighbors : int, default=10
        Neighbours that tell directions and variances; cut to n − 1.

    Attributes
    ----------
    samples_ : ndarray of shape (n, D)
        The centres of the kernels.
    directions_ : ndarray of shape (n, n_components, D)
        V, orthonormal.
    variances_ : ndarray of shape (n, n_components)
        s² + σ².
    bandwidth_ : float
        σ of the fit.

    References
    ----------
    .. [1] P. Vincent and Y. Bengio, "Manifold Parzen windows", NIPS 15 (2002), 849-856. No DOI.

    Examples
    --------
    >>> t = np.random.default_rng(0).uniform(0, 6, size=300)
    >>> X = np.column_stack([np.cos(t), np.sin(t)])
    >>> density = ManifoldParzen(bandwidth=0.05, n_components=1).fit(X)
    >>> on, off = density.score_samples([[1.0, 0.0], [0.0, 0.0]])
    >>> bool(on > off)
    True
    """

    bandwidth: float = 1.0
    n_components: int = 1
    n_neighbors: int = 10

    constraints: ClassVar[dict[str, list[Any]]] = {
        "bandwidth": [above(0)],
        "n_components": [at_least(0, Integral)],
        "n_neighbors": [at_least(1, Integral)],
    }

    samples_: NDArray[np.float64] = field(init=False)
    directions_: NDArray[np.float64] = field(init=False)
    variances_: NDArray[np.float64] = field(init=False)
    bandwidth_: float = field(init=False)
    n_features_in_: int = field(init=False)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the directions and variances of each kernel.

        Parameters
        ----------
        X : array-like of shape (n, D)
            The data: a table; flatten images first.
        y : object, optional
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter or the data cannot be used.
        """
        check_parameters(self.constraints, self.get_params(deep=False), type(self).__name__)
        rows = self._validate(X, reset=True)
        neighbors = min(self.n_neighbors, len(rows) - 1)
        count = min(self.n_components, rows.shape[1], neighbors)
        if count:
            directions, deviations = local_directions(rows, count, neighbors, centred=False)
            squares = np.square(deviations)
        else:
            directions, squares = np.zeros((len(rows), 0, rows.shape[1])), np.zeros((len(rows), 0))
        self.samples_ = rows
        self.directions_ = directions
        self.bandwidth_ = float(self.bandwidth)
        self.variances_ = squares + self.bandwidth_**2
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return log p(x) of each sample, in nats.

        Parameters
        ----------
        X : array-like of shape (m, D)
            The data.

        Returns
        -------
        ndarray of shape (m,), float64
            Log densities: differences of large numbers, which float32 would round.
        """
        check_is_fitted(self, "samples_")
        queries = self._validate(X, reset=False)
        centre = self.samples_.mean(0)  # distances by products lose digits far from the origin
        samples, queries = self.samples_ - centre, queries - centre
        n, count, values = self.directions_.shape
        basis = self.directions_.reshape(-1, values)
        offsets = np.einsum("ikd,id->ik", self.directions_, samples)
        constant = -0.5 * (
            values * np.log(2 * np.pi)
            + np.log(self.variances_).sum(1)
            + 2 * (values - count) * np.log(self.bandwidth_)
        ) - np.log(n)
        result = np.empty(len(queries))
        step = max(1, _VALUES // (n * (count + 1)))
        for start in range(0, len(queries), step):
            part = queries[start : start + step]
            distance = euclidean_distances(part, samples, squared=True)
            exponent = np.broadcast_to(constant, distance.shape).copy()
            if count:
                along = np.square((part @ basis.T).reshape(-1, n, count) - offsets)
                distance = np.maximum(distance - along.sum(2), 0.0)  # what is left, across
                exponent -= 0.5 * (along / self.variances_).sum(2)
            exponent -= distance / (2 * self.bandwidth_**2)
            result[start : start + step] = logsumexp(exponent, axis=1)
        return result

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats a sample."""
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.float64]:
        """Draw from the density.

        Parameters
        ----------
        n_samples : int, default=1
            How many, at least 1.
        random_state : int, RandomState or None
            Where the draws come from.

        Returns
        -------
        ndarray of shape (n_samples, D), float64
        """
        check_is_fitted(self, "samples_")
        check_count("n_samples", n_samples)
        rng = np.random.default_rng(draw_seed(random_state))
        kernel = rng.integers(len(self.samples_), size=int(n_samples))
        noise = rng.normal(size=(int(n_samples), self.samples_.shape[1]))
        directions = self.directions_[kernel]
        along = np.einsum("nkd,nd->nk", directions, noise)
        stretch = (np.sqrt(self.variances_[kernel]) - self.bandwidth_) * along
        moved = self.bandwidth_ * noise + np.einsum("nk,nkd->nd", stretch, directions)
        return np.asarray(self.samples_[kernel] + moved)

    def _validate(self, X: Any, reset: bool) -> NDArray[np.float64]:
        try:
            return np.asarray(
                validate_data(
                    self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1
                )
            )
        except ValueError as error:
            raise InvalidInputError(in_one_line(error)) from None
