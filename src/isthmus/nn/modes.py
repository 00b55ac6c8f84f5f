"""Evaluation mode for a while, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluation_mode"]


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
