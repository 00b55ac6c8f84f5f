"""Alternating updates: an autoencoder and its critics, each with the other held fixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from torch import nn

from isthmus.nn import Losses
from isthmus.training.step import Batch, TrainingState, descend

if TYPE_CHECKING:
    from isthmus.nn.modules.critic import CriticisedModule

__all__ = ["adversarial"]


def adversarial(state: TrainingState, batch: Batch) -> Losses:
    """Take one step of the autoencoder against its critics, then one of the critics.

    The first goes along the gradient of the weighted `losses`, with the critics held fixed; the
    second along that of `critic_losses`, with everything else held fixed (Goodfellow et al. 2014).
    Both are of the same batch and by the same optimiser: a parameter without a gradient keeps its
    value and its moments, so that it does not notice the half step in which it is fixed.

    Parameters
    ----------
    state : TrainingState
        Its module has a part `critic` and a method `critic_losses`, see
        `isthmus.nn.AdversarialModule`.
    batch : Batch
        Rows of the data, scaled, on the module's device.

    Returns
    -------
    Losses
        The terms of both before the step. Those of the critics are descended as they are: a
        coefficient says only how much they count in the loss that is shown and monitored, and it
        should be 0.

    References
    ----------
    .. [1] I. J. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014, arXiv:1406.2661.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AdversarialModule, Critic, Dense, Matched
    >>> from isthmus.training import TrainingConfig, train
    >>> critic = torch.nn.ModuleDict({"code": Critic(Dense((2,), (16,)), 16)})
    >>> module = AdversarialModule(Dense((4,), (2,)), Dense((2,), (4,)), Matched(), critic=critic)
    >>> config = TrainingConfig(max_epochs=3, coefficients={"code_critic": 0.0})
    >>> history = train(module, torch.rand(64, 4), config=config, step=adversarial).history
    >>> history["code_critic"][-1] > 0
    True
    """
    module = cast("CriticisedModule", state.module)
    critics = list(module.critic.parameters())
    own = {id(parameter) for parameter in critics}
    others = [parameter for parameter in module.parameters() if id(parameter) not in own]
    with _fixed(critics):
        losses = descend(state, batch)
    with _fixed(others):
        losses |= descend(state, batch, "critic_losses", coefficients={})
    return losses


@contextmanager
def _fixed(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Keep some parameters from getting a gradient."""
    moving = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
