"""Activation functions by name, and the slope of a unit written in terms of its output."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError

__all__ = ["ACTIVATIONS", "SLOPES", "activation"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

# s'(a) as a function of h = s(a): what the closed form of the contractive penalty needs.
SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Identity: torch.ones_like,
    nn.ReLU: lambda h: (h > 0).to(h.dtype),
    nn.Tanh: lambda h: 1 - h.square(),
    nn.Sigmoid: lambda h: h * (1 - h),
}


def activation(name: str) -> nn.Module:
    """Return a new activation module.

    Parameters
    ----------
    name : str
        One of the keys of `ACTIVATIONS`.

    Raises
    ------
    InvalidInputError
        If there is no activation of that name.

    Examples
    --------
    >>> activation("relu")
    ReLU()
    """
    if name not in ACTIVATIONS:
        raise InvalidInputError(
            f"activation: expected one of {', '.join(ACTIVATIONS)}; got {name!r}"
        )
    return ACTIVATIONS[name]()
