"""What a score is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isthmus.applications.anomaly.evidence import Evidence, Network

__all__ = ["Arrays", "Score"]

Arrays = dict[str, NDArray[Any]]


class Score:
    """Base of the scores.

    Attributes
    ----------
    name : str
        The name by which a user asks for it.
    arrays : dict of str to ndarray
        What was fitted.
    """

    name: ClassVar[str]

    def __init__(self, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.arrays: Arrays = dict(arrays or {})

    def fit(self, member: Network, found: Evidence, rng: np.random.Generator) -> None:
        """Take what is needed from the evidence on the training rows."""

    def __call__(self, member: Network, x: Tensor, found: Evidence) -> NDArray[Any]:
        """Return the score (n,) of scaled rows `x`, of which `found` is the evidence."""
        raise NotImplementedError

    def fits(self, latent_dim: int) -> bool:
        """Whether the arrays, read from a file, are those of a code of this size."""
        return not self.arrays
