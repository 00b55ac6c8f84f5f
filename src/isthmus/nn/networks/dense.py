"""Fully connected networks, and the decoder that shares its weights with its encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import activation as make_activation
from isthmus.nn.initialisation import Dropout, blank, initialise_

__all__ = ["Dense", "TiedDense"]

_NORMALIZATIONS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Dense(nn.Module):
    """A fully connected network from one sample shape to another; linear without hidden layers.

    ``flatten → [linear → normalisation → activation → dropout] × depth → linear → unflatten``

    Parameters
    ----------
    in_shape, out_shape : tuple of int
        Shape of one sample at either end, without the batch.
    hidden : sequence of int, default=()
        Units of each hidden layer, in order.
    activation : str, default="relu"
        After each hidden layer; a key of `isthmus.nn.ACTIVATIONS`.
    normalization : {"batch", "layer"}, optional
        Before each activation.
    dropout : float, default=0.0
        Probability that a hidden unit is dropped while training.
    condition_dim : int, default=0
        Numbers of a condition that is laid beside the input.
    generator : torch.Generator, optional
        Where the initial weights come from.

    Examples
    --------
    >>> import torch
    >>> Dense((1, 28, 28), (32,), hidden=[512, 256])(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 32])
    """

    takes_generator = True

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        hidden: Sequence[int] = (),
        *,
        activation: str = "relu",
        normalization: str | None = None,
        dropout: float = 0.0,
        condition_dim: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.out_shape = tuple(out_shape)
        self.hidden_activation = activation
        units = [math.prod(in_shape) + condition_dim, *hidden, math.prod(out_shape)]
        self.layers = nn.ModuleList()
        for i, (fan_in, fan_out) in enumerate(pairwise(units)):
            self.layers.append(blank(nn.Linear, fan_in, fan_out))
            if i == len(hidden):
                break
            if normalization is not None:
                self.layers.append(blank(_NORMALIZATIONS[normalization], fan_out))
            self.layers.append(make_activation(activation))
            if dropout:
                self.layers.append(Dropout(dropout))
        initialise_(self, generator)

    @property
    def linears(self) -> list[nn.Linear]:
        """The linear layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Map `x` (n, *in_shape), and the condition (n, condition_dim), to (n, *out_shape).

        Parameters
        ----------
        x : Tensor of shape (n, *in_shape)
            What the encoder sees.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            The source of what dropout draws; torch's global one when absent.
        """
        h = x.flatten(1) if x.ndim > 2 else x
        if condition is not None:
            h = torch.cat([h, condition], dim=1)
        for layer in self.layers:
            h = layer(h, generator) if isinstance(layer, Dropout) else layer(h)
        return h if len(self.out_shape) == 1 else h.unflatten(1, self.out_shape)


class TiedDense(nn.Module):
    """A decoder that uses the transposed weights of its encoder, with biases of its own.

    The weights are the encoder's, not copies: they are trained from both sides, and stored once.

    Parameters
    ----------
    encoder : Dense
        The encoder; without a condition.
    out_shape : tuple of int
        Shape of one sample of data, without the batch.
    latent_dim : int
        Numbers in the code; of an encoder that gives more (μ and log σ²) the first rows are tied.
    activation : str, default="relu"
        After each hidden layer.
    generator : torch.Generator, optional
        Where the initial biases come from.

    Raises
    ------
    InvalidInputError
        If the encoder's input is not of the size of `out_shape`.

    Examples
    --------
    >>> import torch
    >>> encoder = Dense((64,), (8,))
    >>> TiedDense(encoder, (64,), 8)(torch.zeros(5, 8)).shape
    torch.Size([5, 64])
    """

    takes_generator = True
    tied_to: Dense

    def __init__(
        self,
        encoder: Dense,
        out_shape: Sequence[int],
        latent_dim: int,
        *,
        activation: str = "relu",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        size = math.prod(out_shape)
        if encoder.linears[0].in_features != size:
            raise InvalidInputError(
                "tied_weights: expected a decoder output as large as the encoder's input "
                f"({encoder.linears[0].in_features} values); got {size}; use "
                "tied_weights=False with this likelihood"
            )
        # Not registered as a submodule, or its weights would be counted and saved twice.
        object.__setattr__(self, "tied_to", encoder)
        self.out_shape = tuple(out_shape)
        self.latent_dim = latent_dim
        # One module a layer, so that who watches units can tell the layers apart.
        self.activations = nn.ModuleList(make_activation(activation) for _ in encoder.linears[1:])
        self.biases = nn.ParameterList()
        for linear in reversed(encoder.linears):
            bias = torch.empty(linear.in_features)
            bound = 1 / math.sqrt(linear.out_features)
            nn.init.uniform_(bias, -bound, bound, generator=generator)
            self.biases.append(nn.Parameter(bias))

    def forward(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Map a code (n, latent_dim) to (n, *out_shape).

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim) or (n, *code_shape)
            The code.
        condition, generator
            Not used: a tied decoder takes no condition and has no dropout.
        """
        linears = list(reversed(self.tied_to.linears))
        h = F.linear(z.flatten(1), linears[0].weight[: self.latent_dim].t(), self.biases[0])
        for linear, bias, s in zip(
            linears[1:], list(self.biases)[1:], self.activations, strict=True
        ):
            h = F.linear(s(h), linear.weight.t(), bias)
        return h if len(self.out_shape) == 1 else h.unflatten(1, self.out_shape)
