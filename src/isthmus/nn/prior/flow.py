"""A normalising flow over codes."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.prior.base import PRIORS, Prior
from isthmus.nn.prior.flows import CouplingFlow
from isthmus.nn.prior.normal import StandardNormal

__all__ = ["FlowPrior"]


@PRIORS.register("flow")
class FlowPrior(Prior):
    """p(z) = N(T(z); 0, I) |det ∂T/∂z|, T a stack of affine couplings (Dinh et al. 2017).

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    n_layers : int, default=6
        Couplings.
    hidden : int, default=64
        Units of the hidden layer of each.
    generator : torch.Generator, optional
        Where the initial weights come from. At first T is the identity, and p the standard normal.

    Examples
    --------
    >>> import torch
    >>> prior = FlowPrior(2, generator=torch.Generator().manual_seed(0))
    >>> prior.log_prob(torch.zeros(1, 2))
    tensor([-1.8379], grad_fn=<AddBackward0>)
    """

    def __init__(
        self,
        latent_dim: int,
        n_layers: int = 6,
        hidden: int = 64,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.base = StandardNormal(latent_dim)
        self.flow = CouplingFlow(latent_dim, n_layers, hidden, generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats, for z (n, latent_dim)."""
        noise, log_determinant = self.flow(z)
        log_prob: Tensor = self.base.log_prob(noise) + log_determinant
        return log_prob

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes: (n_samples, latent_dim)."""
        noise = self.base.sample(n_samples, generator)
        return self.flow.inverse(noise.to(self.flow.shift.dtype))
