"""One step of training: the state and a batch in, the named losses out.

The loop calls a step and knows nothing of how it works; another rule, or a faster implementation of
this one, is another function of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.nn.module import AutoencoderModule, Losses
from isthmus.training.history import History

__all__ = ["Batch", "Objective", "Step", "TrainingState", "backpropagation", "descend"]


class Batch(NamedTuple):
    """Some rows of the data."""

    x: Tensor
    condition: Tensor | None


@dataclass
class TrainingState:
    """Everything that changes while training, and so everything that a checkpoint holds.

    Attributes
    ----------
    module : AutoencoderModule
        The network that is trained.
    optimizer : torch.optim.Optimizer
        With its moments.
    generator : torch.Generator
        Corruption, dropout and draws of the code, on the module's device.
    shuffler : torch.Generator
        The order of the rows, on the CPU.
    coefficients : dict of str to float
        The coefficient of each term that has one, in this epoch.
    autocast : bool
        Whether losses are computed in bfloat16 where that is safe.
    gradient_clip : float or None
        Largest norm of the whole gradient.
    epoch : int
        Epochs done.
    steps : int
        Steps done.
    rate_scale : float
        Factor of the learning rate that the plateau rule has set.
    best_value, best_epoch, best
        The lowest monitored loss (nats a sample), its epoch and the weights of that epoch.
    waited : int
        Epochs since the last improvement.
    history : History
        The record of each epoch.
    seconds : float
        Time spent, over all resumptions.
    outcome : str
        Why the fit ended: "" while it goes on, "epochs", "early stopping", "callback", "diverged".
    """

    module: AutoencoderModule
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    shuffler: torch.Generator
    coefficients: dict[str, float] = field(default_factory=dict)
    autocast: bool = False
    gradient_clip: float | None = None
    epoch: int = 0
    steps: int = 0
    rate_scale: float = 1.0
    best_value: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    history: History = field(default_factory=History)
    seconds: float = 0.0
    outcome: str = ""


Step = Callable[[TrainingState, Batch], Losses]


# What a rule that follows a gradient has to minimise: rows, their condition and a generator in.
Objective = Callable[[Tensor, Tensor | None, torch.Generator], Losses]


def backpropagation(state: TrainingState, batch: Batch) -> Losses:
    """Take one step along the gradient of the weighted losses.

    Parameters
    ----------
    state : TrainingState
        Its module and optimiser are updated in place.
    batch : Batch
        Rows of the data, scaled, on the module's device.

    Returns
    -------
    Losses
        The terms before the step.
    """
    return descend(state, batch, state.module.losses)


def descend(
    state: TrainingState,
    batch: Batch,
    objective: Objective,
    coefficients: Mapping[str, float] | None = None,
) -> Losses:
    """Take one step along the gradient of an objective: what such rules have in common.

    Parameters
    ----------
    state : TrainingState
        Its module and optimiser are updated in place.
    batch : Batch
        Rows of the data, scaled, on the module's device.
    objective : callable ``(x, condition, generator) -> Losses``
        Called once, in bfloat16 where the state says so.
    coefficients : mapping of str to float, optional
        Of its terms, 1 where not named; those of the state when absent.

    Returns
    -------
    Losses
        What the objective gave.
    """
    for group in state.optimizer.param_groups:  # zero_grad() costs ten times as much
        for parameter in group["params"]:
            parameter.grad = None
    if state.autocast:
        with torch.autocast(batch.x.device.type, dtype=torch.bfloat16):
            losses = objective(batch.x, batch.condition, state.generator)
    else:
        losses = objective(batch.x, batch.condition, state.generator)
    losses.weighted(state.coefficients if coefficients is None else coefficients).backward()
    if state.gradient_clip is not None:
        torch.nn.utils.clip_grad_norm_(state.module.parameters(), state.gradient_clip)
    state.optimizer.step()
    return losses
