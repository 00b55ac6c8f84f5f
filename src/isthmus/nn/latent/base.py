"""What every code with a posterior offers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from isthmus.nn.prior import Prior, StandardNormal

__all__ = ["StochasticLatent"]

_DRAWS = 16  # where a divergence has no closed form and nobody says which draws to take


class StochasticLatent(nn.Module):
    """Base of the codes that are drawn: q(z|x), p(z) and their divergence.

    A new one needs `outputs`, `at`, `mean` and `log_ratio`, and `draw` and `divergence` where the
    divergence has a closed form. All noise is standard normal: a latent that needs another one
    converts it, so that whoever scores can choose the draws.

    Parameters
    ----------
    prior : Prior, optional
        p(z); the standard normal when absent.

    Attributes
    ----------
    stochastic : bool
        True: a score averages over draws.
    closed_form : bool
        Whether `divergence` is exact and `draw` gives the same.
    """

    stochastic = True
    closed_form = False

    def __init__(self, prior: Prior | None = None) -> None:
        super().__init__()
        self.prior = prior

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return 2 * latent_dim

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the standard normal noise that `at` takes for the encoder's output h."""
        return torch.empty_like(self.mean(h)).normal_(generator=generator)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw z ~ q(z|x) (n, latent_dim) for the encoder's output h, differentiable in h."""
        return self.at(h, self.noise(h, generator))

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw z (n, latent_dim) that belongs to some noise, broadcast to its shape."""
        return self.log_ratio(h, noise)[0]

    def mean(self, h: Tensor) -> Tensor:
        """Return the code that `transform` shows (n, latent_dim)."""
        raise NotImplementedError

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and log q(z|x) − log p(z) (n,) in nats."""
        raise NotImplementedError

    def draw(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and the divergence of each sample (n,).

        The divergence KL(q(z|x) ‖ p(z)), in nats, is in closed form where there is one; else it
        is estimated by this draw, without bias.
        """
        return self.log_ratio(h, noise)

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats.

        Without a closed form it is the mean over 16 draws that are always the same.
        """
        size = self.mean(h[:1]).shape[1]
        generator = torch.Generator().manual_seed(0)
        half = torch.randn(_DRAWS // 2, size, generator=generator).to(h.device, h.dtype)
        ratios = [self.log_ratio(h, noise)[1] for draw in half for noise in (draw, -draw)]
        return torch.stack(ratios).mean(0)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats."""
        if self.prior is not None:
            return self.prior.log_prob(z)
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw codes from the prior: (n_samples, latent_dim)."""
        prior = StandardNormal(latent_dim) if self.prior is None else self.prior
        return prior.sample(n_samples, generator)
