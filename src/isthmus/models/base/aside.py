"""Values of a fit that are not learned from: those far beyond all others, and those held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.data.scaling import Scaler
from isthmus.models.base.likelihoods import LikelihoodSpec, make_likelihood

__all__ = ["set_aside", "settle_held_out", "within_fences"]

_NAMED = 5  # columns in a warning


def set_aside(
    x: NDArray[np.float32], scaler: Scaler, names: Sequence[str] | None
) -> NDArray[np.float32]:
    """Return scaled rows of a fit with NaN for what lies beyond the fences, and say so.

    Parameters
    ----------
    x : ndarray of shape (n, *module_shape)
        Scaled rows; not changed.
    scaler : Scaler
        With the fences of the fit, if any value lies beyond them.
    names : sequence of str, optional
        The names of the columns.
    """
    learned = within_fences(x, scaler)
    if learned is x:
        return x
    beyond = np.isnan(learned) & ~np.isnan(x)
    counts = beyond.sum((0, *range(2, x.ndim)))
    far = np.where(beyond, x, np.nan)
    shown = []
    for column in np.argsort(-counts)[: min(_NAMED, np.count_nonzero(counts))]:
        ends = far[:, column] * scaler.scale[column] + scaler.shift[column]
        name = f"column {column}" if names is None else repr(names[column])
        farthest = ends.flat[int(np.nanargmax(np.abs(far[:, column])))]
        shown.append(f"{counts[column]} of {name} (such as {farthest:.6g})")
    more = ", …" if np.count_nonzero(counts) > _NAMED else ""
    warnings.warn(
        f"X: values so far from all others that they are set aside, {', '.join(shown)}{more}: they "
        "are scored, but not learned from; if they stand for missing values, make them NaN and set "
        "missing='ignore'; if they are to be learned, set scaling='standard'",
        UserWarning,
        stacklevel=5,
    )
    return learned


def within_fences(x: NDArray[np.float32], scaler: Scaler) -> NDArray[np.float32]:
    """Return scaled rows with NaN for what lies beyond the fences of the fit.

    Parameters
    ----------
    x : ndarray of shape (n, *module_shape)
        Scaled rows; not changed, and returned as they are if nothing lies beyond.
    scaler : Scaler
        With the fences of the fit, if there are any.
    """
    if scaler.fences is None:
        return x
    trailing = (1,) * (x.ndim - 2)
    bounds = ((each - scaler.shift) / scaler.scale for each in scaler.fences)
    low, high = (each.reshape(-1, *trailing).astype(np.float32) for each in bounds)
    beyond = (x < low) | (x > high)
    return np.where(beyond, np.float32(np.nan), x) if beyond.any() else x


def settle_held_out(
    x: NDArray[np.float32], spec: LikelihoodSpec, held_out: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return scaled rows of which those held out have a likelihood, whatever their values are.

    They were not looked at when it was chosen: what lies outside of an interval counts as its end,
    and a class that no row of the training part has is not known.

    Parameters
    ----------
    x : ndarray of shape (n, *module_shape)
        Scaled rows; not changed.
    spec : str, list or Spec
        The likelihood.
    held_out : ndarray of bool, of shape (n,)
        Which rows.
    """
    groups = [(spec, slice(None))] if not isinstance(spec, list) else spec
    rows = np.flatnonzero(held_out)
    for name, columns in groups:
        support = make_likelihood(name).support if isinstance(name, str) else None
        if support is None:
            continue
        part = x[rows][:, columns]
        settled = np.clip(part, *support)
        if str(name).startswith("categorical"):
            settled = np.where((part == settled) & (part == np.rint(part)), part, np.nan)
        if not np.array_equal(settled, part, equal_nan=True):
            x = x.copy()
            x[rows[:, None], np.arange(x.shape[1])[columns]] = settled.astype(np.float32)
    return x
