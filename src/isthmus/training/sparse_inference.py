"""The training rule of dictionaries: infer the codes, take a step on the weights, renormalise."""

from __future__ import annotations

from typing import cast

from isthmus.nn import Losses, PredictiveSparseModule
from isthmus.training.step import Batch, TrainingState, backpropagation

__all__ = ["sparse_inference"]


def sparse_inference(state: TrainingState, batch: Batch) -> Losses:
    """Infer sparse codes with the weights fixed, then take a step on the weights with codes fixed.

    The codes are inferred inside the module's `losses`, without a graph, so that the gradient is
    that of the weights alone. Then each atom gets a norm of 1 again.

    Parameters
    ----------
    state : TrainingState
        Its module is a `PredictiveSparseModule`.
    batch : Batch
        Rows of the data, scaled, on the module's device.

    Returns
    -------
    Losses
        The terms before the step.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense, Gained
    >>> from isthmus.training import TrainingConfig, train
    >>> module = PredictiveSparseModule(Dense((4,), (8,)), Dense((8,), (4,)), Gained(8))
    >>> config = TrainingConfig(max_epochs=2, coefficients={"sparsity": 0.1})
    >>> state = train(module, torch.rand(64, 4), config=config, step=sparse_inference)
    >>> bool(torch.allclose(module.dictionary.norm(dim=0), torch.ones(8)))
    True
    """
    losses = backpropagation(state, batch)
    cast(PredictiveSparseModule, state.module).normalise_()
    return losses
