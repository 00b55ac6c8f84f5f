"""Which autoencoders make up a detector, and how one is asked: the scores it is asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from isthmus.applications.anomaly.evidence import Network, evidence
from isthmus.applications.anomaly.explanation import expect
from isthmus.applications.anomaly.scores import Reconstruction, Score, make_score
from isthmus.applications.anomaly.surprise import TailScale
from isthmus.models import Autoencoder, BaseAutoencoder, DeepSVDD, DenoisingAutoencoder

__all__ = ["DEFAULT_SCORES", "Member", "codec", "default_members", "fit_scores", "reseeded"]

DEFAULT_SCORES = ("reconstruction", "mahalanobis", "neighbours")
_CHUNK = 1 << 19  # values at a time: the intermediates in float64 stay small
_BATCH = 256
_TAIL_ROWS = 2_000  # of which 200 lie in the tail that is fitted
_WIDEST = 256  # numbers of a code: the neighbours among a few thousand codes are in the file


def default_members(shape: Sequence[int]) -> list[tuple[BaseAutoencoder, Sequence[str]]]:
    """Return the unfitted members of the default detector, and the scores of each.

    Tables get two denoising autoencoders whose codes are as wide as the data and keep the distances
    between rows: with little noise, near the data, and with as much as the data, which only what
    the columns have to do with each other can undo. Images and signals get what `Autoencoder` makes
    of them.

    Parameters
    ----------
    shape : sequence of int
        (n, ...) of the training data.
    """
    n_rows, *sample_shape = shape
    if len(sample_shape) > 1:
        return [(Autoencoder(likelihood="gaussian", scaling="standard"), DEFAULT_SCORES)]
    settings: dict[str, Any] = {
        "likelihood": "gaussian",
        "scaling": "standard",
        "batch_size": _BATCH,
        "max_epochs": math.ceil(_steps(n_rows) / math.ceil(n_rows / _BATCH)),
        "learning_rate": 4e-3,
        "early_stopping": False,
    }
    latent_dim = min(max(sample_shape[0], 8), _WIDEST)
    wide = {"latent_dim": latent_dim, "hidden_layer_sizes": (128,), **settings}
    near, far = (
        DenoisingAutoencoder(corruption="gaussian", corruption_level=level, **wide)
        for level in (0.2, 1.0)
    )
    return [(near, ("reconstruction", "local")), (far, ("reconstruction", "mahalanobis", "local"))]


def _steps(n_rows: int) -> int:
    """Return the steps of training: 80 for a few rows, 200 from 4,800 on, more from 51,000 on."""
    return max(min(80 + n_rows // 40, 200), n_rows // _BATCH)


def codec(estimator: Network) -> BaseAutoencoder:
    """Return the autoencoder that knows the form and the scaling of the data."""
    return estimator.autoencoder_ if isinstance(estimator, DeepSVDD) else estimator


def reseeded(estimator: Network, i: int, seed: int) -> Network:
    """Return an unfitted copy of an estimator with a seed and a checkpoint of its own."""
    member: Network = clone(estimator)
    member.set_params(random_state=seed + i)
    if member.checkpoint is not None:
        member.set_params(checkpoint=f"{os.fspath(member.checkpoint)}.{i}")
    return member


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


def _scaled(estimator: Network, array: NDArray[Any]) -> Tensor:
    return codec(estimator)._inputs(array, None)[0]


def _in_chunks(function: Any, estimator: Network, array: NDArray[Any]) -> NDArray[Any]:
    rows = max(_CHUNK // max(int(np.prod(array.shape[1:])), 1), 64)
    parts = [
        function(_scaled(estimator, array[start : start + rows]))
        for start in range(0, len(array), rows)
    ]
    return np.concatenate(parts)
