"""Training that leaves the worst rows of each batch out: for data that are not all normal."""

from __future__ import annotations

import math

import torch

from isthmus.nn import Losses
from isthmus.nn.modes import evaluation_mode
from isthmus.nn.noise import Noise
from isthmus.training.step import Batch, Step, TrainingState

__all__ = ["trimmed"]


def trimmed(step: Step, share: float) -> Step:
    """Return a rule that takes the step of another on all but the worst reconstructed rows.

    The least trimmed squares of Rousseeuw (1984, doi:10.1080/01621459.1984.10477105), a batch at a
    time: a row that the network does not reproduce is not learned from, so that a few anomalies
    among the training rows stay anomalies.

    Parameters
    ----------
    step : callable
        The rule.
    share : float
        The share of each batch that is left out, from 0 to below 1; at least one row stays.

    Returns
    -------
    callable
        A rule of the same shape.

    Examples
    --------
    >>> from isthmus.training import backpropagation
    >>> rule = trimmed(backpropagation, 0.1)
    """

    def trimmed_step(state: TrainingState, batch: Batch) -> Losses:
        keep = math.ceil(len(batch) * (1 - share))
        if keep == len(batch):
            return step(state, batch)
        module = state.module
        with torch.no_grad(), evaluation_mode(module):
            log_prob, divergence = module.log_prob(batch.x, batch.condition)
            value = log_prob.flatten(1).sum(1)
            if module.missing:  # judged by what is there, as if there were as much as elsewhere
                seen = torch.isnan(batch.x).logical_not().flatten(1).sum(1)
                value = value * (log_prob[0].numel() / seen.clamp(min=1))
            value = value if divergence is None else value - divergence
        rows = value.topk(keep).indices
        if isinstance(batch.noise, Noise) and batch.noise.total:  # a part of a batch
            batch.noise.rows(batch.noise.start, keep, batch.noise.total)
        return step(state, batch.select(rows))

    return trimmed_step
