"""The numbers that a diagnosis judges from."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["USED", "Evidence", "plain"]

Rows = NDArray[np.float64]

USED = 0.01  # nats from which a number of a code with a posterior counts as used


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured. Errors are shares of the data's variance: 0 is exact, 1 is the mean row.

    All errors are squared ones, of the values as the network has them (scaled, classes one-hot),
    relative to the variance about the mean row; NaN where something cannot be measured.

    Attributes
    ----------
    rows, rows_given, train_rows : int
        Rows that were looked at, that were given, and that were looked at of the training rows
        (0 without ``X_train``).
    values, latent_dim : int
        Values in a sample, and numbers in a code.
    error, train_error, shuffled_error : float
        The reconstruction error of `X`; of ``X_train``; and of rows of which each value comes from
        another row of `X`.
    r2_per_column : ndarray of shape (features,)
        1 − the squared error of each value as a share of its own variance, in a sample's order; NaN
        for what is constant, or nearly always one value. Values far beyond all others are left out
        of this and of all errors.
    worst_column : str
        The name of the value with the least of them; "" without one.
    location, spread : ndarray of shape (columns,)
        Mean and deviation of the scaled columns, or channels: about 0 and 1 where the fit
        standardised them, NaN where it did not.
    in_bytes : float
        The largest value, as a share of 255, of data that were bytes in the fit; NaN for others.
    pca_error, error_beside_pca : float
        The reconstruction error of PCA with ``pca_codes`` components, fitted on ``X_train`` or on
        half of `X`; and the model's on the same rows. NaN where PCA would be exact.
    pca_codes : int
        The numbers in a code; of one with a posterior those that are in use.
    jacobian_trace : float
        Mean slope of a reconstructed value along its own input: 1 for a copy.
    nearest, in_code, random, disorder : float
        See `isthmus.evaluation.probes.Neighbours`; of the training rows if they were given.
    row_error, between_error, between_distance : float
        The reconstruction error of the same rows; that of rows halfway between each and its nearest
        row; and the squared distance of those from the nearest row.
    variance_per_code, active_share : ndarray of shape (latent_dim,)
        Variance; and share of rows for which a code is not 0.
    divergence, divergence_per_code, information_per_code : float, ndarray of shape (latent_dim,)
        See `isthmus.evaluation.probes.PosteriorMeasures`.
    dead_codes, effective_codes : float
        Codes that are constant or never active; and the participation ratio of their covariance.
    kept_codes : int
        The k of a code of which the k largest are kept; 0 for any other.
    relu_units, dead_units, bounded_units, saturated_units : int
        See `isthmus.evaluation.probes.UnitActivity`.
    epochs, best_epoch : int
        Done, and of the smallest monitored loss; 0 without a history.
    outcome : str
        Why the fit ended.
    late_gain : float
        Share of the whole fall of the monitored loss that came in the last fifth of the epochs.
    gap : float
        Held-out minus training reconstruction loss at the best epoch, relative to how far the
        training one had fallen; NaN if no rows were held out.
    curve : dict of str to list of float
        The losses over the epochs.
    """

    rows: int
    rows_given: int
    train_rows: int
    values: int
    latent_dim: int
    error: float
    train_error: float
    shuffled_error: float
    r2_per_column: Rows
    worst_column: str
    location: Rows
    spread: Rows
    in_bytes: float
    pca_error: float
    error_beside_pca: float
    pca_codes: int
    jacobian_trace: float
    nearest: float
    in_code: float
    random: float
    disorder: float
    row_error: float
    between_error: float
    between_distance: float
    variance_per_code: Rows
    active_share: Rows
    divergence: float
    divergence_per_code: Rows
    information_per_code: Rows
    dead_codes: int
    effective_codes: float
    kept_codes: int
    relu_units: int
    dead_units: int
    bounded_units: int
    saturated_units: int
    epochs: int
    best_epoch: int
    outcome: str
    late_gain: float
    gap: float
    curve: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; None for NaN."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def plain(value: Any) -> Any:
    """Return a value in what JSON can hold; None for what is not finite."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
