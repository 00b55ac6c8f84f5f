"""A deterministic code in which every unit has a gain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.nn.latent.base import LATENTS
from isthmus.nn.latent.deterministic import Deterministic

__all__ = ["Gained"]


@LATENTS.register("gained")
class Gained(Deterministic):
    """z = g ⊙ s(h): a bounded activation whose range is learned, a gain for each number.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    activation : str, default="tanh"
        Name of the activation s.

    Attributes
    ----------
    gain : Tensor of shape (latent_dim,)
        g, 1 at first.

    Examples
    --------
    >>> Gained(2)(torch.tensor([[0.0, 100.0]]))
    tensor([[0., 1.]], grad_fn=<MulBackward0>)
    """

    def __init__(self, latent_dim: int, activation: str = "tanh") -> None:
        super().__init__(activation)
        self.gain = nn.Parameter(torch.ones(latent_dim))

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the code z (n, latent_dim) of the encoder's output h (n, latent_dim)."""
        return self.gain * super().forward(h)
