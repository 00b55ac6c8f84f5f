"""Data between 0 and 1 as probabilities: drawn anew as 0 or 1 each time they are looked at."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.module import Losses
from isthmus.training.step import Batch, Step, TrainingState

__all__ = ["binarized", "drawn_binary"]


def drawn_binary(x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each value as 1 with the probability `x` (any shape), else 0; NaN stays NaN."""
    noise = torch.empty_like(x).uniform_(generator=generator)
    return torch.where(torch.isnan(x), x, (noise < x).to(x.dtype))


def binarized(step: Step) -> Step:
    """Return the step that first draws its batch as 0 and 1 (Salakhutdinov & Murray 2008).

    Parameters
    ----------
    step : callable
        The training rule.

    Examples
    --------
    >>> import torch
    >>> drawn_binary(torch.tensor([0.0, 1.0]), torch.Generator().manual_seed(0))
    tensor([0., 1.])
    """

    def draw(state: TrainingState, batch: Batch) -> Losses:
        return step(state, Batch(drawn_binary(batch.x, state.generator), batch.condition))

    return draw
