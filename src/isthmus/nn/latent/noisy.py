"""A code with noise before and after its activation."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.activation import activation as make_activation
from isthmus.nn.latent.base import LATENTS, Latent
from isthmus.nn.noise import normal_like

__all__ = ["NoisyCode"]


@LATENTS.register("noisy")
class NoisyCode(Latent):
    """z = s(h + ε₁) + ε₂ with ε₁, ε₂ ~ N(0, σ²) (Bengio, Laufer, Alain & Yosinski 2014).

    The noise is there whenever a code is drawn: in training, in the loss of held-out rows and in a
    sampling chain. `mean`, which `transform`, `reconstruct` and scores use, is s(h).

    Parameters
    ----------
    noise : float
        σ, at least 0, in units of the encoder's output and of the code.
    activation : str, default="tanh"
        Name of the activation s, see `isthmus.nn.ACTIVATIONS`.

    Examples
    --------
    >>> import torch
    >>> latent, h = NoisyCode(0.5), torch.zeros(1, 3)
    >>> latent.mean(h)
    tensor([[0., 0., 0.]])
    >>> bool((latent(h, torch.Generator().manual_seed(0)) != 0).all())
    True
    """

    def __init__(self, noise: float, activation: str = "tanh") -> None:
        super().__init__()
        if not noise >= 0:
            raise InvalidInputError(f"noise: expected a number of at least 0; got {noise!r}")
        self.noise = float(noise)
        self.activation = make_activation(activation)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the code z (n, latent_dim) of the encoder's output h (n, latent_dim)."""
        z: Tensor = self.activation(self._noisy(h, generator))
        return self._noisy(z, generator)

    def mean(self, h: Tensor) -> Tensor:
        """Return the code without noise, s(h)."""
        z: Tensor = self.activation(h)
        return z

    def sample(
        self, h: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return a draw z of h; its noise is fixed, and the code has no prior."""
        return self.forward(h, generator), None

    def _noisy(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        return normal_like(values, generator, self.noise) + values

    def extra_repr(self) -> str:
        return f"noise={self.noise}"
