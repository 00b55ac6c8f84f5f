"""A fitted autoencoder of a detector, and the scores it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isthmus.applications.anomaly.evidence import Network, evidence
from isthmus.applications.anomaly.explanation import Explanation, expect
from isthmus.applications.anomaly.scores import Reconstruction, Score, make_score
from isthmus.applications.anomaly.surprise import TailScale
from isthmus.models import BaseAutoencoder, DeepSVDD

__all__ = ["Member", "codec", "explain", "fit_scores", "score_rows"]

_CHUNK = 1 << 19  # values at a time: the intermediates in float64 stay small
_TAIL_ROWS = 2_000  # of which 200 lie in the tail that is fitted
_SCORE_VALUES = 1 << 23
_FEWEST_SCORE_ROWS = 1_000
_SCORE_ROWS = 50_000  # tails and densities of a few numbers do not change with more


def codec(estimator: Network) -> BaseAutoencoder:
    """Return the autoencoder that knows the form and the scaling of the data."""
    return estimator.autoencoder_ if isinstance(estimator, DeepSVDD) else estimator


@dataclass
class Member:
    """A fitted autoencoder, its scores, and the tail of each score on the training rows.

    Attributes
    ----------
    estimator : estimator of the family, or `DeepSVDD`
        Fitted.
    scores : list of Score
        Fitted.
    tails : list of TailScale
        One a score.
    reference : Reconstruction or None
        For explanations; None for `DeepSVDD`, which reconstructs nothing.
    usual : ndarray of shape (n_values,)
        Mean surprise of each value on the training rows, in nats.
    """

    estimator: Network
    scores: list[Score]
    tails: list[TailScale]
    reference: Reconstruction | None
    usual: NDArray[np.float64]

    def raw(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """Return the raw scores (n, n_scores) of rows in the units of the data."""
        return _in_chunks(self._raw, self.estimator, array)

    def _raw(self, x: Tensor) -> NDArray[Any]:
        found = evidence(self.estimator, x)
        return np.stack([score(self.estimator, x, found) for score in self.scores], axis=1)

    def surprise(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of the scores (n,), each in nats of the training rows' tail."""
        raw = self.raw(array)
        parts = [tail(raw[:, i]) for i, tail in enumerate(self.tails)]
        return np.asarray(np.mean(parts, axis=0))

    def explain(self, array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return contributions and expectation, both in the shape of `array`."""
        estimator = codec(self.estimator)
        assert self.reference is not None
        x = _scaled(estimator, array)
        contributions, expected = expect(estimator, x, self.reference, self.usual)
        schema = estimator.schema_
        shaped = contributions.reshape(tuple(x.shape))
        return (
            np.ascontiguousarray(schema.channels_last(shaped)),
            estimator.scaler_.backward(expected, schema),
        )

    @property
    def spread(self) -> NDArray[np.float64]:
        """Spread of the training rows around their reconstructions, in units of the data."""
        schema, scaler = codec(self.estimator).schema_, codec(self.estimator).scaler_
        assert self.reference is not None
        spread = self.reference.arrays["spread"].reshape(1, *schema.module_shape)
        return np.asarray(schema.channels_last(spread * np.exp(scaler.log_scale(schema)))[0])


def score_rows(training: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return the training rows that scores are fitted on: all of them, or enough."""
    most = max(min(_SCORE_ROWS, _SCORE_VALUES // max(training[0].size, 1)), _FEWEST_SCORE_ROWS)
    if len(training) <= most:
        return training
    some: NDArray[Any] = training[np.sort(rng.choice(len(training), most, replace=False))]
    return some


def fit_scores(
    estimator: Network,
    names: Sequence[str],
    array: NDArray[Any],
    rng: np.random.Generator,
) -> Member:
    """Fit the scores of a fitted autoencoder on its training rows, or on a part of them.

    Parameters
    ----------
    estimator : estimator of the family, or `DeepSVDD`
        Fitted.
    names : sequence of str
        Of the scores.
    array : ndarray of shape (n, *sample_shape)
        In the units of the data.
    rng : numpy.random.Generator
        Which rows a score keeps.

    Returns
    -------
    Member
    """
    x = _scaled(estimator, array)
    found = evidence(estimator, x)
    reference, by_value = None, found.surprise
    if isinstance(estimator, BaseAutoencoder):
        reference = Reconstruction()
        reference.fit(estimator, found, rng)
        by_value = reference.by_value(found.surprise)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(by_value)
        usual = np.where(seen, by_value, 0.0).sum(0) / np.maximum(seen.sum(0), 1)
    some = np.sort(rng.permutation(len(x))[:_TAIL_ROWS])
    few = found.take(some)
    scores, tails = [], []
    for name in names:
        own = reference is not None and name == reference.name
        score: Score = reference if reference is not None and own else make_score(name)
        if not own:
            score.fit(estimator, found, rng)
        scores.append(score)
        tails.append(TailScale.fit(score(estimator, x[some], few)))
    return Member(estimator, scores, tails, reference, usual)


def explain(members: Sequence[Member], array: NDArray[Any], names: Sequence[str]) -> Explanation:
    """Return the reasons that the members give together: the mean of each of theirs.

    Parameters
    ----------
    members : sequence of Member
        Each with a decoder.
    array : ndarray of shape (n, *sample_shape)
        In the units of the data.
    names : sequence of str
        Of the values of a sample.
    """
    parts = [member.explain(array) for member in members]
    contributions = np.mean([part[0] for part in parts], axis=0)
    expected = np.mean([part[1] for part in parts], axis=0, dtype=np.float64)
    spread: NDArray[Any] = np.mean([member.spread for member in members], axis=0)
    # Classes have no mean: what the first member expects stands for all.
    expected = np.where(np.isnan(spread), parts[0][1], expected)
    return Explanation(array, contributions, expected, spread, names)


def _scaled(estimator: Network, array: NDArray[Any]) -> Tensor:
    return codec(estimator)._inputs(array, None)[0]


def _in_chunks(function: Any, estimator: Network, array: NDArray[Any]) -> NDArray[Any]:
    rows = max(_CHUNK // max(int(np.prod(array.shape[1:])), 1), 64)
    parts = [
        function(_scaled(estimator, array[start : start + rows]))
        for start in range(0, len(array), rows)
    ]
    return np.concatenate(parts)
