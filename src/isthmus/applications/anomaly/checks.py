"""What a detector finds out about its rows and its networks before it says anything of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.clock import Rows
from isthmus.applications.anomaly.evidence import Network
from isthmus.data.containers import is_frame
from isthmus.errors import InvalidInputError
from isthmus.evaluation.detection import anomaly_labels
from isthmus.models import BaseAutoencoder

__all__ = [
    "check_channels",
    "check_learned",
    "known_labels",
    "refuse_empty",
    "refuse_missing",
    "table_encoder",
]

_FEWEST_EPOCHS = 5  # before, chance may have it
_ROUNDING = 1e-6


def table_encoder(X: Any) -> Any:
    """Return a fitted encoder for a DataFrame with columns that are no numbers, else None."""
    if not is_frame(X):
        return None
    from isthmus.data.table import TableEncoder, is_mixed

    return TableEncoder().fit(X) if is_mixed(X) else None


def check_learned(estimator: Network) -> None:
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
            stacklevel=3,
        )


def refuse_empty(array: NDArray[Any]) -> None:
    """Refuse rows of which nothing is known: any score of them would be made up."""
    empty = np.isnan(array.reshape(len(array), -1)).all(axis=1)
    if empty.any():
        raise InvalidInputError(
            f"X: row {int(np.argmax(empty))} has no value at all ({int(empty.sum())} such "
            "rows); drop such rows, they cannot be scored"
        )


def check_channels(rows: Rows, names: list[str], named: bool) -> None:
    """Refuse a series whose channels are not those of the fit.

    Parameters
    ----------
    rows : Rows
        The series.
    names : list of str
        The channels of the fit.
    named : bool
        Whether they came with these names, which are then compared.

    Raises
    ------
    InvalidInputError
        If there are more or fewer, or others.
    """
    n_channels = rows.values.shape[1]
    if n_channels != len(names):
        raise InvalidInputError(
            f"X: expected {len(names)} channels, as in the fit; got {n_channels}"
        )
    if rows.names and named and rows.names != names:
        raise InvalidInputError(
            f"X: expected the channels {', '.join(names[:8])}; got {', '.join(rows.names[:8])}"
        )


def refuse_missing(rows: Rows, names: Sequence[str], members: Sequence[Network]) -> None:
    """Refuse a series with NaN where a network has not learned to do without a value.

    Parameters
    ----------
    rows : Rows
        The series.
    names : sequence of str
        Of its channels.
    members : sequence of estimator
        The networks.

    Raises
    ------
    InvalidInputError
        Names the first such step and channel.
    """
    ignored = all(member.missing == "ignore" for member in members)
    if not ignored and (missing := np.isnan(rows.values)).any():
        step, channel = (int(i) for i in np.argwhere(missing)[0])
        raise InvalidInputError(
            f"X: expected finite numbers; got NaN in step {step}, "
            f"{names[channel]!r} ({int(missing.sum())} such values); fill them "
            "in, or fit an estimator with missing='ignore'"
        )


def known_labels(y: Any, n_rows: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows have a label, and which of those are anomalies.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        See `isthmus.evaluation.detection.anomaly_labels`.
    n_rows : int
        How many there must be.

    Returns
    -------
    known : ndarray of shape (n_rows,)
    anomalies : ndarray of shape (number of known rows,)

    Raises
    ------
    InvalidInputError
        If there are more or fewer, or it cannot be told which are the anomalies.
    """
    labels = anomaly_labels(y)
    if len(labels) != n_rows:
        raise InvalidInputError(f"y: expected {n_rows} labels, one a row; got {len(labels)}")
    known = ~np.isnan(labels)
    return known, labels[known] == 1
