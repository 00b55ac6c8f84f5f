"""Data between 0 and 1 as probabilities: drawn anew as 0 or 1 each time they are looked at."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from isthmus.nn import Losses
from isthmus.nn.noise import uniform_like
from isthmus.training.step import Batch, Step, TrainingState

__all__ = ["binarized", "drawn_binary"]


def drawn_binary(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw each value as 1 with the probability that it is, else as 0; NaN stays NaN.

    Parameters
    ----------
    x : Tensor, one sample a row
        Probabilities.
    generator : torch.Generator or None
        Where the draws come from; torch's global one when None.

    Examples
    --------
    >>> drawn_binary(torch.tensor([0.0, 1.0]), torch.Generator().manual_seed(0))
    tensor([0., 1.])
    """
    drawn = (uniform_like(x, generator) < x).to(x.dtype)
    return torch.where(torch.isnan(x), x, drawn)


def binarized(step: Step) -> Step:
    """Return the step that first draws its batch as 0 and 1 (Salakhutdinov & Murray 2008).

    Parameters
    ----------
    step : callable
        The training rule.

    Examples
    --------
    >>> from isthmus.training import backpropagation
    >>> rule = binarized(backpropagation)
    """

    def draw(state: TrainingState, batch: Batch) -> Losses:
        return step(state, dataclasses.replace(batch, x=drawn_binary(batch.x, batch.noise)))

    return draw
