"""The networks of a detector with their scores: which they are, how they are fitted and asked."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from isthmus.applications.anomaly.parameters import shown_value
from isthmus.applications.anomaly.scores import (
    SCORES,
    Network,
    Reconstruction,
    Score,
    TailScale,
    evidence,
)
from isthmus.errors import InvalidInputError
from isthmus.models import Autoencoder, BaseAutoencoder, DeepSVDD, DenoisingAutoencoder
from isthmus.models.base.aside import within_fences
from isthmus.models.base.phase import Phase

if TYPE_CHECKING:
    from isthmus.applications.anomaly.rows.detector import AnomalyDetector

__all__ = ["Member", "choose_members", "fit_ensemble", "fit_scores", "mean_surprise"]

_SCORES = ("reconstruction", "mahalanobis", "neighbours")  # of one network
_BATCH = 256
_WIDEST = 256  # numbers of a code: the neighbours among a few thousand codes are in the file
_DEFAULT_TRIM = 0.05
_FEWEST_EPOCHS = 5  # in fewer, a loss that happens not to fall proves nothing
_ROUNDING = 1e-6
_CHUNK = 1 << 19  # values at a time: the intermediates in float64 stay small
_TAIL_ROWS = 2_000  # of which 200 lie in the tail that is fitted
_SCORE_VALUES = 1 << 23
_FEWEST_SCORE_ROWS = 1_000
_SCORE_ROWS = 50_000  # tails and densities of a few numbers do not change with more


@dataclass
class Member:
    """A fitted network, its scores, and the tail of each score on the training rows.

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

    @property
    def autoencoder(self) -> BaseAutoencoder:
        """The autoencoder that knows the form and the scaling of the data."""
        estimator = self.estimator
        return estimator.autoencoder_ if isinstance(estimator, DeepSVDD) else estimator

    @property
    def spread(self) -> NDArray[np.float64]:
        """Spread of the training rows around their reconstructions, in units of the data."""
        schema, scaler = self.autoencoder.schema_, self.autoencoder.scaler_
        assert self.reference is not None
        spread = self.reference.arrays["spread"].reshape(1, *schema.module_shape)
        return np.asarray(schema.channels_last(spread * np.exp(scaler.log_scale(schema)))[0])

    def scaled(self, array: NDArray[Any]) -> Tensor:
        """Return rows in the units of the data as the network takes them."""
        return self.autoencoder.scale(array, None)[0]

    def raw(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """Return the raw scores (n, n_scores) of rows in the units of the data."""
        rows = max(_CHUNK // max(int(np.prod(array.shape[1:])), 1), 64)
        parts = []
        for start in range(0, len(array), rows):
            x = self.scaled(array[start : start + rows])
            found = evidence(self.estimator, x)
            parts.append(np.stack([s(self.estimator, x, found) for s in self.scores], axis=1))
        return np.concatenate(parts)

    def surprise(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of the scores (n,), each in nats of the training rows' tail."""
        raw = self.raw(array)
        parts = [tail(raw[:, i]) for i, tail in enumerate(self.tails)]
        return np.asarray(np.mean(parts, axis=0))


def mean_surprise(members: Sequence[Member], array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the anomaly score (n,) of rows: the mean surprise of all members, in nats.

    Parameters
    ----------
    members : sequence of Member
        Fitted.
    array : ndarray of shape (n, *sample_shape)
        In the units of the data.
    """
    return np.asarray(np.mean([member.surprise(array) for member in members], axis=0))


# Fitting ---------------------------------------------------------------------------------------


def fit_ensemble(
    detector: AnomalyDetector, training: NDArray[Any], seed: int, rng: np.random.Generator
) -> list[Member]:
    """Fit the networks of a detector, and their scores.

    Parameters
    ----------
    detector : AnomalyDetector
        Its parameters are checked, and it knows whether the columns are of many kinds.
    training : ndarray of shape (n, ...)
        What is learned.
    seed : int
        Seed of the first network; each further one has the next.
    rng : numpy.random.Generator
        Chooses the rows on which the scores are fitted.

    Raises
    ------
    InvalidInputError
        If the estimator cannot be used with these data.
    DivergedError
        If the loss of a network is NaN or infinite before there is one usable state.
    """
    chosen = choose_members(detector, training, seed)
    auto = _DEFAULT_TRIM if isinstance(detector.estimator, BaseAutoencoder) else 0.0
    trim = auto if isinstance(detector.trim, str) else float(detector.trim)
    for estimator, _ in chosen:
        estimator.phase = Phase(trim=trim)
        _check_learned(estimator.fit(training))
    most = max(min(_SCORE_ROWS, _SCORE_VALUES // max(training[0].size, 1)), _FEWEST_SCORE_ROWS)
    if len(training) > most:
        training = training[np.sort(rng.choice(len(training), most, replace=False))]
    return [fit_scores(estimator, names, training, rng) for estimator, names in chosen]


def choose_members(
    detector: AnomalyDetector, training: NDArray[Any], seed: int
) -> list[tuple[Network, Sequence[str]]]:
    """Return the unfitted networks of a detector, and the names of the scores of each.

    Parameters
    ----------
    detector : AnomalyDetector
        Its parameters are checked, and it knows whether the columns are of many kinds.
    training : ndarray of shape (n, ...)
        What the networks will learn.
    seed : int
        Seed of the first; each further one has the next.

    Raises
    ------
    InvalidInputError
        If the estimator has a likelihood or scaling, and each column gets its own.
    """
    changes: dict[str, Any] = {"verbose": detector.verbose}
    kinds: Sequence[tuple[Network, Sequence[str]]]
    if detector.estimator is None:
        kinds = _default_members(training.shape)
        if np.isnan(training.min()):
            changes["missing"] = "ignore"
    else:
        one_class = isinstance(detector.estimator, DeepSVDD)
        kinds = [(detector.estimator, ("distance",) if one_class else _SCORES)]
    if detector.encoder_ is not None:
        for name in ("likelihood", "scaling"):
            if getattr(detector.estimator, name, "auto") != "auto":
                raise InvalidInputError(
                    f"{name}: the columns of this table are of several kinds and each gets its "
                    "own; leave it at 'auto'; got "
                    f"{shown_value(getattr(detector.estimator, name))}"
                )
        changes |= {"likelihood": detector.encoder_.likelihoods_, "scaling": "auto"}
    count = len(kinds) if isinstance(detector.n_members, str) else int(detector.n_members)
    given = [detector.scores] if isinstance(detector.scores, str) else list(detector.scores)
    chosen = []
    for i in range(count):
        estimator, names = kinds[i % len(kinds)]
        member: Network = clone(estimator).set_params(random_state=seed + i, **changes)
        if member.checkpoint is not None:
            member.set_params(checkpoint=f"{os.fspath(member.checkpoint)}.{i}")
        chosen.append((member, names if detector.scores == "auto" else given))
    return chosen


def _default_members(shape: Sequence[int]) -> list[tuple[BaseAutoencoder, Sequence[str]]]:
    """Return the unfitted networks of the default detector, and the scores of each.

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
        return [(Autoencoder(likelihood="gaussian", scaling="robust"), _SCORES)]
    # 80 steps of training for a few rows, 200 from 4,800 on, more from 51,000 on.
    steps = max(min(80 + n_rows // 40, 200), n_rows // _BATCH)
    settings: dict[str, Any] = {
        "likelihood": "gaussian",
        "scaling": "robust",
        "batch_size": _BATCH,
        "max_epochs": math.ceil(steps / math.ceil(n_rows / _BATCH)),
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


def _check_learned(estimator: Network) -> None:
    """Warn of a network that never came to reproduce more: its scores look like any others."""
    # Not the whole loss: that rises while the coefficient of a divergence does.
    if not isinstance(estimator, BaseAutoencoder):
        return  # Deep SVDD warns of its own collapse
    losses = [record["reconstruction"] for record in estimator.history_.records]
    if len(losses) >= _FEWEST_EPOCHS and min(losses[1:]) >= losses[0] - _ROUNDING * abs(losses[0]):
        warnings.warn(
            f"{type(estimator).__name__} has not learned: its reconstruction loss was "
            f"{losses[0]:.4g} nats in the first of {len(losses)} epochs and never lower; change "
            "learning_rate, or see isthmus.diagnose(detector.members_[0], X)",
            UserWarning,
            stacklevel=4,
        )


def fit_scores(
    estimator: Network,
    names: Sequence[str],
    array: NDArray[Any],
    rng: np.random.Generator,
) -> Member:
    """Fit the scores of a fitted network on its training rows, or on a part of them.

    Parameters
    ----------
    estimator : estimator of the family, or `DeepSVDD`
        Fitted.
    names : sequence of str
        Names of the scores.
    array : ndarray of shape (n, *sample_shape)
        The rows, in the units of the data.
    rng : numpy.random.Generator
        Chooses which rows a score keeps.

    Returns
    -------
    Member
    """
    member = Member(estimator, [], [], None, np.empty(0))
    x = member.scaled(array)
    # The spread and the codes of what was learned from; the tails of all there is.
    values = x.numpy()
    learned = within_fences(values, member.autoencoder.scaler_)
    found = evidence(estimator, x if learned is values else torch.from_numpy(learned))
    by_value = found.surprise
    if isinstance(estimator, BaseAutoencoder):
        member.reference = Reconstruction()
        member.reference.fit(estimator, found, rng)
        by_value = member.reference.by_value(found.surprise)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(by_value)
        member.usual = np.where(seen, by_value, 0.0).sum(0) / np.maximum(seen.sum(0), 1)
    some = np.sort(rng.permutation(len(x))[:_TAIL_ROWS])
    few = found.take(some) if learned is values else evidence(estimator, x[some])
    for name in names:
        if member.reference is not None and name == member.reference.name:
            score: Score = member.reference
        else:
            score = SCORES[name]()
            score.fit(estimator, found, rng)
        member.scores.append(score)
        member.tails.append(TailScale.fit(score(estimator, x[some], few)))
    return member
