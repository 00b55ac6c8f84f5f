"""Concept directions: which way in the code a thing is added to a sample, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import like, to_arrays
from isthmus.errors import InvalidInputError
from isthmus.geometry._codes import decode, encode, one_each
from isthmus.geometry._maps import check_family
from isthmus.geometry.effect import ConceptEffect, measure_effect
from isthmus.models import BaseAutoencoder

__all__ = ["ConceptDirection"]

Rows = NDArray[np.float64]

_METHODS = ("mean_difference", "logistic")


@dataclass(frozen=True, eq=False)
class ConceptDirection:
    """A direction in the code along which a concept changes, such as "has a smile".

    Found by `from_labels` or `from_pairs`. A strength of 1 is the whole way from the samples
    without the concept to those with it, in the mean; −1 takes it off again.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    vector : ndarray of shape (latent_dim,), float32
        What a strength of 1 adds to a code.

    References
    ----------
    .. [1] A. B. L. Larsen, S. K. Sønderby, H. Larochelle and O. Winther, "Autoencoding beyond
       pixels using a learned similarity metric", ICML 2016, arXiv:1512.09300 (differences of
       means).
    .. [2] Y. Shen, J. Gu, X. Tang and B. Zhou, "Interpreting the latent space of GANs for semantic
       face editing", CVPR 2020, arXiv:1907.10786 (normals of a classifier).
    .. [3] S. Haufe et al., "On the interpretation of weight vectors of linear models in
       multivariate neuroimaging", NeuroImage 87 (2014), doi:10.1016/j.neuroimage.2013.10.067
       (why the two differ).

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 4))
    >>> X[:100, 0] += 4
    >>> model = Autoencoder(latent_dim=2, max_epochs=60, random_state=0).fit(X)
    >>> shift = ConceptDirection.from_labels(model, X, np.arange(200) < 100)
    >>> edited = shift.apply(X[100:], strength=1.0)
    >>> bool(edited[:, 0].mean() > model.reconstruct(X[100:])[:, 0].mean() + 2)
    True
    """

    estimator: BaseAutoencoder
    vector: NDArray[np.float32]

    @classmethod
    def from_labels(
        cls,
        estimator: BaseAutoencoder,
        X: Any,
        labels: Any,
        y: Any = None,
        *,
        method: str = "mean_difference",
    ) -> Self:
        """Find a direction from samples with and without the concept.

        Parameters
        ----------
        estimator : estimator of the family
            Fitted.
        X : array-like of shape (n, *sample_shape)
            Samples of both kinds.
        labels : array-like of shape (n,)
            Two values; the greater (``True``, 1, the later in the alphabet) has the concept.
        y : array-like of shape (n,), or one condition for all, optional
            For conditional models.
        method : {"mean_difference", "logistic"}, default="mean_difference"
            "mean_difference" goes from the mean code without to the mean code with the concept, and
            so takes along what comes with it in these samples. "logistic" is normal to the plane
            by which a logistic regression tells the two apart, in codes of unit deviation: the
            shortest way over that plane, as long as the means lie apart along it.

        Returns
        -------
        ConceptDirection

        Raises
        ------
        InvalidInputError
            If there are not two kinds of labels, their codes do not differ, or an argument
            cannot be used.
        """
        check_family(estimator, smooth=False)
        if method not in _METHODS:
            raise InvalidInputError(
                f"method: expected {' or '.join(map(repr, _METHODS))}; got {method!r}"
            )
        codes = encode(estimator, X, y).astype(np.float64)
        has = _two_kinds(labels, len(codes))
        step = codes[has].mean(axis=0) - codes[~has].mean(axis=0)
        if method == "logistic":
            step = _normal(codes, has, step)
        return cls(estimator, _checked(step, "labels"))

    @classmethod
    def from_pairs(cls, estimator: BaseAutoencoder, before: Any, after: Any, y: Any = None) -> Self:
        """Find a direction from samples without the concept and the same samples with it.

        Parameters
        ----------
        estimator : estimator of the family
            Fitted.
        before, after : array-like of shape (n, *sample_shape)
            Pairs, row by row. One pair is enough; more average out what else differs.
        y : array-like of shape (n,), or one condition for all, optional
            For conditional models: the condition of both.

        Returns
        -------
        ConceptDirection
            Along the mean difference of the codes.

        Raises
        ------
        InvalidInputError
            If the numbers of rows differ, or the codes do not.
        """
        check_family(estimator, smooth=False)
        first, second = encode(estimator, before, y, "before"), encode(estimator, after, y, "after")
        if len(first) != len(second):
            raise InvalidInputError(
                f"after: expected {len(first)} samples, one for each of before; got {len(second)}"
            )
        return cls(estimator, _checked((second.astype(np.float64) - first).mean(axis=0), "after"))

    @property
    def unit(self) -> NDArray[np.float32]:
        """The direction with length 1."""
        return self.vector / np.float32(np.linalg.norm(self.vector))

    def apply(self, X: Any, strength: Any = 1.0, y: Any = None) -> Any:
        """Encode samples, go along the direction, and decode.

        Parameters
        ----------
        X : array-like of shape (n, *sample_shape)
            Samples.
        strength : float or array-like of shape (n,), default=1.0
            How far, for all or for each: 0 is the reconstruction, 1 adds the concept, −1 takes it
            off.
        y : array-like of shape (n,), or one condition for all, optional
            For conditional models.

        Returns
        -------
        array of shape (n, *sample_shape), float32
            In the container of `X`, in the units of the data.

        Raises
        ------
        InvalidInputError
            If a strength is no finite number, or there is another number of them.
        """
        codes = encode(self.estimator, X, y)
        steps = _strengths(strength, len(codes))[:, None]
        moved = codes + steps * self.vector.astype(np.float64)
        return like(decode(self.estimator, moved, one_each(y, len(codes))), X)

    def effect(
        self,
        X: Any,
        strengths: Sequence[float] = (-1.0, -0.5, 0.0, 0.5, 1.0),
        *,
        probe: Any,
        rest: Any = None,
        y: Any = None,
        n_controls: int = 10,
        random_state: int | np.random.RandomState | None = 0,
    ) -> ConceptEffect:
        """Measure what the edit does, by judges from outside, beside random directions.

        Parameters
        ----------
        X : array-like of shape (n, *sample_shape)
            Samples that neither the direction nor the judges have seen; at least two.
        strengths : sequence of float, default=(-1, -0.5, 0, 0.5, 1)
            Rising, at least two.
        probe : classifier or callable
            The judge of the concept: a classifier of two classes with ``decision_function`` or
            ``predict_proba``, fitted on data (not on codes), which is given flat samples; its
            second class has the concept. Or a callable that maps samples to a score each.
        rest : classifier or callable, optional
            The judge of what should stay: a classifier with ``predict``, or a callable that maps
            samples to a label each.
        y : array-like of shape (n,), or one condition for all, optional
            For conditional models.
        n_controls : int, default=10
            Random directions of the same length, drawn with the covariance of the codes of `X`, so
            that they point where codes vary.
        random_state : int, RandomState or None, default=0
            Where those come from.

        Returns
        -------
        ConceptEffect
            Curves over the strengths for the direction and for each control, and what they come to:
            ``slope``, ``control_slopes``, ``monotone``.

        Raises
        ------
        InvalidInputError
            If the probe cannot judge, or an argument cannot be used.
        """
        return measure_effect(
            self.estimator, self.vector, X, strengths, y, probe=probe, rest=rest,
            n_controls=n_controls, random_state=random_state,
        )  # fmt: skip


def _two_kinds(labels: Any, count: int) -> NDArray[np.bool_]:
    values = np.asarray(to_arrays(labels))
    if values.shape != (count,):
        raise InvalidInputError(
            f"labels: expected {count} labels, one a sample; got shape {values.shape}"
        )
    kinds = np.unique(values)
    if len(kinds) != 2:
        raise InvalidInputError(
            f"labels: expected two kinds, with and without the concept; got {len(kinds)}; compare "
            "one class with the others by labels == class"
        )
    return np.asarray(values == kinds[1])


def _normal(codes: Rows, has: NDArray[np.bool_], step: Rows) -> Rows:
    """Return the normal of a logistic regression, as long as the means lie apart along it."""
    from sklearn.linear_model import LogisticRegression

    scale = codes.std(axis=0)
    scale[scale == 0] = 1.0
    fitted = LogisticRegression(max_iter=1000).fit((codes - codes.mean(axis=0)) / scale, has)
    length = float(np.linalg.norm(fitted.coef_[0]))
    if not length:
        return np.zeros_like(step)
    unit = fitted.coef_[0] / length
    return np.asarray((step / scale) @ unit * unit * scale)


def _checked(step: Rows, name: str) -> NDArray[np.float32]:
    vector = step.astype(np.float32)
    if not np.linalg.norm(vector) > 0:
        raise InvalidInputError(
            f"{name}: expected samples whose codes differ; got the same code with and without the "
            "concept; isthmus.diagnose tells whether the code says anything"
        )
    return vector


def _strengths(strength: Any, count: int) -> Rows:
    try:
        values = np.asarray(to_arrays(strength), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.full(0, np.nan)
    if values.shape not in ((), (count,)) or not np.isfinite(values).all():
        got = repr(strength) if np.ndim(strength) == 0 else f"shape {np.shape(strength)}"
        raise InvalidInputError(
            f"strength: expected a finite number, or {count} of them, one a sample; got {got}"
        )
    return np.broadcast_to(values, (count,))
