"""The seed of a fit, on which everything random in it depends, drawn from `random_state`."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from isthmus.errors import InvalidInputError

__all__ = ["draw_seed"]


def draw_seed(random_state: Any) -> int:
    """Return a seed; from the system where none is given, never from a global generator.

    Raises
    ------
    InvalidInputError
        If it is neither a whole number, nor a RandomState, nor None.

    Examples
    --------
    >>> draw_seed(3)
    3
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 8))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 8))
    if not isinstance(random_state, Integral) or random_state < 0:
        raise InvalidInputError(
            f"random_state: expected a whole number, a RandomState or None; got {random_state!r}"
        )
    return int(random_state)
