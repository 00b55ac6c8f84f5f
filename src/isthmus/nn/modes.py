"""Evaluation mode for the length of a block, and full precision for what autocast has computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

__all__ = ["evaluation_mode", "full_precision", "ordinary_mode"]


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


@contextmanager
def ordinary_mode() -> Iterator[None]:
    """Have gradients, float32 and the CPU as torch has them when nobody has changed them.

    A fit is the same whatever mode the caller is in, which is put back. It is a decorator as well.

    Examples
    --------
    >>> with torch.inference_mode(), ordinary_mode():
    ...     (2 * torch.ones(1, requires_grad=True)).requires_grad
    True
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        if (dtype := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


def full_precision(values: Tensor) -> Tensor:
    """Return float32 for the bfloat16 that a network gives under autocast."""
    return values.float() if values.dtype == torch.bfloat16 else values
