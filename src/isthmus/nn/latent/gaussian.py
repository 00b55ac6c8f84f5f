"""A Gaussian posterior with a diagonal covariance, and its divergence from the standard normal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["GaussianLatent"]


class GaussianLatent(nn.Module):
    """q(z|x) = N(μ(x), diag σ²(x)) with prior p(z) = N(0, I) (Kingma & Welling 2014).

    The encoder gives μ and log σ² side by side: h has shape (n, 2 · latent_dim).

    Attributes
    ----------
    n_parameters : int
        Encoder outputs needed for each number of the code: 2.

    Examples
    --------
    >>> import torch
    >>> latent = GaussianLatent()
    >>> h = torch.zeros(1, 4)  # two codes: the prior itself
    >>> latent.mean(h), latent.divergence(h)
    (tensor([[0., 0.]]), tensor([0.]))
    """

    n_parameters = 2
    stochastic = True

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw z = μ + σε (n, latent_dim), differentiable in μ and σ."""
        noise = torch.empty_like(self.mean(h)).normal_(generator=generator)
        return self.at(h, noise)

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return μ + σ · noise, for noise that is broadcast to (n, latent_dim)."""
        mean, log_variance = h.chunk(2, dim=1)
        return torch.addcmul(mean, (0.5 * log_variance).exp(), noise)

    def mean(self, h: Tensor) -> Tensor:
        """Return the posterior mean μ (n, latent_dim)."""
        return h.chunk(2, dim=1)[0]

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats."""
        mean, log_variance = h.chunk(2, dim=1)
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw from the prior: (n_samples, latent_dim)."""
        device = generator.device if generator is not None else None
        return torch.randn(n_samples, latent_dim, generator=generator, device=device)
