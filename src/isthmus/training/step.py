"""One step of training: the state and a batch in, the named losses out.

The loop calls a step and knows nothing of how it works; another rule, or a faster implementation of
this one, is another function of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from isthmus.nn import AutoencoderModule, Losses
from isthmus.nn.record import Batch
from isthmus.training.history import History
from isthmus.training.objective import LossFunction

__all__ = ["Batch", "Step", "TrainingState", "backpropagation", "descend"]


@dataclass
class TrainingState:
    """Everything that changes while training, and what a step needs to know.

    There is no generator in it: the order of the rows and all noise are functions of the seed, the
    epoch and the number of the batch, and a batch brings its noise with it.

    Attributes
    ----------
    module : AutoencoderModule
        The network that is trained.
    optimizer : torch.optim.Optimizer
        With its moments.
    objective : Objective
        The module's losses as a forward pass, or a wrapper of torch's around that.
    seed : int
        The seed of the order of the rows and of the noise.
    coefficients : dict of str to float
        The coefficient of each term that has one, in this epoch.
    autocast : bool
        Whether losses are computed in bfloat16 where that is safe.
    gradient_clip : float or None
        Largest norm of the whole gradient.
    max_epochs : int
        Epochs that the schedule is made for.
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
    data : dict of str to float
        What the data have to remember, see `Batches.state`.
    outcome : str
        Why the fit ended: "" while it goes on, "epochs", "early stopping", "callback", "diverged".
    """

    module: AutoencoderModule
    optimizer: torch.optim.Optimizer
    objective: nn.Module
    seed: int = 0
    coefficients: dict[str, float] = field(default_factory=dict)
    autocast: bool = False
    gradient_clip: float | None = None
    max_epochs: int = 0
    epoch: int = 0
    steps: int = 0
    rate_scale: float = 1.0
    best_value: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    history: History = field(default_factory=History)
    seconds: float = 0.0
    data: dict[str, float] = field(default_factory=dict)
    outcome: str = ""


Step = Callable[[TrainingState, Batch], Losses]


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
    return descend(state, batch)


def descend(
    state: TrainingState,
    batch: Batch,
    which: str | LossFunction = "losses",
    coefficients: Mapping[str, float] | None = None,
) -> Losses:
    """Take one step along the gradient of some losses: what such rules have in common.

    Parameters
    ----------
    state : TrainingState
        Its module and optimiser are updated in place.
    batch : Batch
        Rows of the data, scaled, on the module's device.
    which : str or callable ``(module, batch) -> Losses``, default="losses"
        Which losses of the module, see `Objective`; worked out in bfloat16 where the state says so.
    coefficients : mapping of str to float, optional
        The factor of each named loss, 1 where not named; those of the state when absent.

    Returns
    -------
    Losses
        The terms before the step.
    """
    for group in state.optimizer.param_groups:  # zero_grad() costs ten times as much
        for parameter in group["params"]:
            parameter.grad = None
    if state.autocast:
        device = next(state.module.parameters()).device
        with torch.autocast(device.type, dtype=torch.bfloat16):
            losses: Losses = state.objective(batch, which)
    else:
        losses = state.objective(batch, which)
    losses.weighted(state.coefficients if coefficients is None else coefficients).backward()
    if state.gradient_clip is not None:
        torch.nn.utils.clip_grad_norm_(state.module.parameters(), state.gradient_clip)
    state.optimizer.step()
    return losses
