"""Continuation of music: each step of a piece with those before it, and new steps by a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from isthmus.applications.generation.music import Roll, as_roll, same_keys
from isthmus.errors import InvalidInputError, check_count

__all__ = ["continue_roll", "steps_and_history"]


def steps_and_history(rolls: Sequence[ArrayLike], length: int = 4) -> tuple[Roll, Roll]:
    """Give every step of some pieces, and the steps before it: what a conditional model learns.

    ``VariationalAutoencoder(conditional=True).fit(*steps_and_history(rolls))`` is a model
    p(xₜ | xₜ₋₁ … xₜ₋ₗ) of a whole piece, the product over its steps: its keys are independent only
    given the code.

    Parameters
    ----------
    rolls : sequence of ndarray (n_steps, n_keys)
        Pieces.
    length : int, default=4
        l, steps of the history. Before the start of a piece there is silence.

    Returns
    -------
    steps : ndarray of uint8, shape (n, n_keys)
        All steps of all pieces.
    history : ndarray of uint8, shape (n, length · n_keys)
        The steps before each, the oldest first.

    Examples
    --------
    >>> steps, history = steps_and_history([[[1, 0], [0, 1], [1, 1]]], length=2)
    >>> history
    array([[0, 0, 0, 0],
           [0, 0, 1, 0],
           [1, 0, 0, 1]], dtype=uint8)
    """
    check_count("length", length)
    arrays = same_keys(rolls)
    histories = []
    for roll in arrays:
        padded = np.concatenate([np.zeros((length, roll.shape[1]), np.uint8), roll[:-1]])
        before = np.lib.stride_tricks.sliding_window_view(padded, length, axis=0)
        histories.append(before.swapaxes(1, 2).reshape(len(roll), -1))
    return np.concatenate(arrays), np.concatenate(histories)


def continue_roll(
    model: Any,
    roll: ArrayLike,
    n_steps: int,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> Roll:
    """Write on at a piece, step by step, each drawn given those before it.

    Parameters
    ----------
    model : conditional estimator
        Fitted with `steps_and_history`.
    roll : array-like of shape (n, n_keys)
        The beginning, at least one step.
    n_steps : int
        Steps to add.
    random_state : int, RandomState or None, default=None
        Where the draws come from.

    Returns
    -------
    ndarray of uint8, shape (n + n_steps, n_keys)
        The beginning and what follows.

    Raises
    ------
    InvalidInputError
        If the model is not one of steps given their history, or the roll has other keys.

    Examples
    --------
    >>> from isthmus import VariationalAutoencoder
    >>> scale = np.tile(np.eye(4, dtype=np.uint8), (10, 1))
    >>> model = VariationalAutoencoder(conditional=True, max_epochs=1, random_state=0)
    >>> model = model.fit(*steps_and_history([scale], length=2))
    >>> continue_roll(model, scale[:3], 5, random_state=0).shape
    (8, 4)
    """
    check_count("n_steps", n_steps)
    begun = as_roll(roll)
    n_keys = begun.shape[1]
    condition = getattr(model, "condition_", None)
    dim = 0 if condition is None else int(condition.dim)
    if getattr(model, "sample_shape_", None) != (n_keys,) or not dim or dim % n_keys:
        raise InvalidInputError(
            f"model: expected a conditional model of steps of {n_keys} keys given their history; "
            "fit one with conditional=True on steps_and_history(rolls)"
        )
    rng = check_random_state(random_state)
    steps = dim // n_keys
    written = np.concatenate([np.zeros((steps, n_keys), np.uint8), begun])
    for _ in range(n_steps):
        history = written[-steps:].reshape(1, -1)
        drawn = model.sample(1, history, output="draw", random_state=rng)
        written = np.concatenate([written, np.asarray(drawn).astype(np.uint8)])
    return written[steps:]
