"""Layers whose randomness comes from a generator handed to them, never from a global one."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from isthmus.nn.noise import bernoulli_like

__all__ = ["Dropout", "blank", "initialise_"]

LayerT = TypeVar("LayerT", bound=nn.Module)


def blank(layer: type[LayerT], *args: Any, **kwargs: Any) -> LayerT:
    """Build a layer with storage but without values, so that no global generator is drawn from.

    The storage goes to the current default device: under ``torch.device("meta")`` nothing is
    allocated, which is how a model file is checked against its network before any memory is used.

    Parameters
    ----------
    layer : type of torch.nn.Module
        A layer class that takes ``device``.
    *args, **kwargs
        Its constructor arguments.

    Returns
    -------
    torch.nn.Module
        The layer; call `initialise_` before using it.
    """
    empty = layer(*args, device="meta", **kwargs)
    # In torch 2.6 `get_default_device` is "cpu" even under ``torch.device("meta")``.
    device = torch.empty(0).device
    return empty if device.type == "meta" else empty.to_empty(device=device)


def initialise_(module: nn.Module, generator: torch.Generator | None = None) -> None:
    """Give every linear and convolutional layer PyTorch's default initial weights, in place.

    Weights and biases are uniform in ±1/√fan_in (LeCun, Bottou, Orr & Müller 1998).

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    generator : torch.Generator, optional
        Where the numbers come from; torch's global generator when absent.

    Examples
    --------
    >>> import torch
    >>> layer = blank(torch.nn.Linear, 3, 2)
    >>> initialise_(layer, torch.Generator().manual_seed(0))
    >>> bool(layer.weight.abs().max() <= 3 ** -0.5)
    True
    """
    for layer in module.modules():
        if any(p.is_meta for p in layer.parameters(recurse=False)):
            continue
        if isinstance(layer, nn.Linear | _ConvNd):
            fan_in, _ = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            bound = 1 / math.sqrt(max(fan_in, 1))
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_parameters()  # running statistics too
        elif isinstance(layer, nn.LayerNorm | nn.GroupNorm):
            layer.reset_parameters()


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws from the generator it is handed.

    Parameters
    ----------
    p : float
        Probability that a value is set to zero while training; the others are divided by 1 − p.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Drop values of `x` (any shape) while training; return it as it is otherwise.

        Parameters
        ----------
        x : Tensor of any shape
            The values.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        if not self.training:
            return x
        keep = 1 - self.p
        return x * bernoulli_like(x, generator, keep).div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"
