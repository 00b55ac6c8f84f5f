"""A fit that is a part of another one: a layer of a stack, a second phase, a detector's member."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Phase"]


@dataclass(frozen=True)
class Phase:
    """How a fit differs from one by itself, where it is a part of another one.

    Parameters
    ----------
    name : str, default=""
        What the progress bar calls it; the estimator's class when empty.
    split_seed : int, optional
        The seed of the choice of held-out rows; that of the fit when absent.
    origin : str, optional
        The fingerprint of the fit whose codes are the data. By it a checkpoint is known, and not
        by the codes: their last bits depend on the number of threads.
    trim : float, default=0.0
        The share of each batch that is not learned from, see `isthmus.training.trimmed`.
    """

    name: str = ""
    split_seed: int | None = None
    origin: str | None = None
    trim: float = 0.0
