"""Codes that are a function of the input: as the encoder gives them, or its k largest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import activation as make_activation

__all__ = ["Deterministic", "TopK"]


class Deterministic(nn.Module):
    """z = s(h): the encoder's output through an activation.

    Parameters
    ----------
    activation : str, default="identity"
        Name of the activation s, see `isthmus.nn.ACTIVATIONS`.

    Attributes
    ----------
    n_parameters : int
        Encoder outputs needed for each number of the code: 1.

    Examples
    --------
    >>> import torch
    >>> Deterministic("relu")(torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """

    n_parameters = 1
    stochastic = False

    def __init__(self, activation: str = "identity") -> None:
        super().__init__()
        self.activation = make_activation(activation)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the code z (n, latent_dim) of the encoder's output h (n, latent_dim)."""
        z: Tensor = self.activation(h)
        return z

    def mean(self, h: Tensor) -> Tensor:
        """Return the code that `transform` shows: z itself."""
        return self.forward(h)

    def divergence(self, h: Tensor) -> Tensor | None:
        """Return None: a deterministic code has no prior."""
        return None


class TopK(Deterministic):
    """Keep the k largest numbers of each code and set the others to zero (Makhzani & Frey 2013).

    Parameters
    ----------
    k : int
        How many are kept, at least 1; all of them when k is larger than the code.
    activation : str, default="identity"
        Applied before the choice.

    Examples
    --------
    >>> import torch
    >>> TopK(1)(torch.tensor([[1.0, 3.0, 2.0]]))
    tensor([[0., 3., 0.]])
    """

    def __init__(self, k: int, activation: str = "identity") -> None:
        super().__init__(activation)
        if k < 1:
            raise InvalidInputError(f"k: expected a whole number of at least 1; got {k!r}")
        self.k = k

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the sparse code z (n, latent_dim) of the encoder's output h."""
        z = super().forward(h)
        if self.k >= z.shape[1]:
            return z
        values, units = z.topk(self.k, dim=1, sorted=False)
        return torch.zeros_like(z).scatter(1, units, values)

    def extra_repr(self) -> str:
        return f"k={self.k}"
