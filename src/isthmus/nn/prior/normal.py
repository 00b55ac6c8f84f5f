"""The standard normal prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.nn.prior.base import PRIORS, Prior

__all__ = ["LOG_2PI", "StandardNormal"]

LOG_2PI = math.log(2 * math.pi)


@PRIORS.register("normal")
class StandardNormal(Prior):
    """p(z) = N(0, I).

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.

    Examples
    --------
    >>> import torch
    >>> StandardNormal(2).log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats, for z (n, latent_dim)."""
        return -0.5 * (z.square() + LOG_2PI).sum(1)

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes: (n_samples, latent_dim)."""
        device = generator.device if generator is not None else None
        return torch.randn(n_samples, self.latent_dim, generator=generator, device=device)
