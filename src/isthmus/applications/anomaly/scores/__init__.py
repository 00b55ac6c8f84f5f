"""The raw scores: what of a member's evidence makes a row odd. All are higher for odder rows.

A score is fitted on the training rows of its member and then kept as a few arrays, whose size does
not depend on how many rows there were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from isthmus.applications.anomaly.scores.base import Score
from isthmus.applications.anomaly.scores.codes import (
    Distance,
    Local,
    Mahalanobis,
    Mixture,
    Neighbours,
)
from isthmus.applications.anomaly.scores.likelihood import (
    Bound,
    Divergence,
    Importance,
    Reconstruction,
)
from isthmus.errors import InvalidInputError

__all__ = ["DECODED", "SCORES", "Reconstruction", "Score", "make_score"]

_ALL: tuple[type[Score], ...] = (
    Reconstruction,
    Bound,
    Importance,
    Divergence,
    Distance,
    Mahalanobis,
    Mixture,
    Neighbours,
    Local,
)
SCORES: dict[str, type[Score]] = {score.name: score for score in _ALL}
DECODED = ("reconstruction", "bound", "importance", "divergence")  # nothing that Deep SVDD has


def make_score(name: str, arrays: Mapping[str, NDArray[Any]] | None = None) -> Score:
    """Return the score of a name, fitted if its arrays are given.

    Raises
    ------
    InvalidInputError
        If there is no such score.
    """
    if name not in SCORES:
        raise InvalidInputError(f"scores: expected one of {', '.join(SCORES)}; got {name!r}")
    make: Callable[..., Score] = SCORES[name]
    return make(arrays)
