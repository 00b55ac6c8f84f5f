"""Evaluation mode for the length of a block, and full precision for what autocast has computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["evaluation_mode", "full_precision"]


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back into its own mode afterwards.

    Parameters
    ----------
    module : torch.nn.Module
        Whose dropout is to be off and whose running statistics are to be used.

    Examples
    --------
    >>> dropout = nn.Dropout()
    >>> with evaluation_mode(dropout):
    ...     dropout.training
    False
    >>> dropout.training
    True
    """
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def full_precision(values: Tensor) -> Tensor:
    """Return float32 for the bfloat16 that a network gives under autocast."""
    return values.float() if values.dtype == torch.bfloat16 else values
