"""Which autoencoders make up a detector: their kinds, seeds and scores, before any is fitted."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from isthmus.applications.anomaly.evidence import Network
from isthmus.applications.anomaly.parameters import check_columns
from isthmus.models import Autoencoder, BaseAutoencoder, DeepSVDD, DenoisingAutoencoder

if TYPE_CHECKING:
    from isthmus.applications.anomaly.detector import AnomalyDetector

__all__ = ["choose_members"]

_SCORES = ("reconstruction", "mahalanobis", "neighbours")  # of one network
_BATCH = 256
_WIDEST = 256  # numbers of a code: the neighbours among a few thousand codes are in the file


def choose_members(
    detector: AnomalyDetector, training: NDArray[Any], seed: int
) -> list[tuple[Network, Sequence[str]]]:
    """Return the unfitted members of a detector, and the names of the scores of each.

    Parameters
    ----------
    detector : AnomalyDetector
        Its parameters are checked, and it knows whether the columns are of many kinds.
    training : ndarray of shape (n, ...)
        What the members will learn.
    seed : int
        Of the first; each further one has the next.

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
        check_columns(detector)
    if detector.encoder_ is not None:
        changes |= {"likelihood": detector.encoder_.likelihoods_, "scaling": "auto"}
    count = len(kinds) if isinstance(detector.n_members, str) else int(detector.n_members)
    given = [detector.scores] if isinstance(detector.scores, str) else list(detector.scores)
    chosen = []
    for i in range(count):
        estimator, names = kinds[i % len(kinds)]
        member = _reseeded(estimator, i, seed).set_params(**changes)
        chosen.append((member, names if detector.scores == "auto" else given))
    return chosen


def _default_members(shape: Sequence[int]) -> list[tuple[BaseAutoencoder, Sequence[str]]]:
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
        return [(Autoencoder(likelihood="gaussian", scaling="standard"), _SCORES)]
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


def _reseeded(estimator: Network, i: int, seed: int) -> Network:
    """Return an unfitted copy of an estimator with a seed and a checkpoint of its own."""
    member: Network = clone(estimator)
    member.set_params(random_state=seed + i)
    if member.checkpoint is not None:
        member.set_params(checkpoint=f"{os.fspath(member.checkpoint)}.{i}")
    return member
