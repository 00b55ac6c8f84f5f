"""A Gaussian posterior with a diagonal covariance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from isthmus.nn.latent.base import LATENTS, StochasticLatent
from isthmus.nn.prior import Prior
from isthmus.nn.prior.normal import LOG_2PI

__all__ = ["GaussianLatent"]


@LATENTS.register("gaussian")
class GaussianLatent(StochasticLatent):
    """q(z|x) = N(μ(x), diag σ²(x)) (Kingma & Welling 2014).

    The encoder gives μ and log σ² side by side: h has shape (n, 2 · latent_dim).

    Parameters
    ----------
    prior : Prior, optional
        p(z); N(0, I) when absent, for which the divergence has a closed form.
    shape : sequence of int, optional
        The shape of a code that is no vector: a map (channels, height, width) or tokens (number,
        width).

    Examples
    --------
    >>> import torch
    >>> latent = GaussianLatent()
    >>> h = torch.zeros(1, 4)  # two codes: the prior itself
    >>> latent.mean(h), latent.divergence(h)
    (tensor([[0., 0.]]), tensor([0.]))
    """

    def __init__(self, prior: Prior | None = None, shape: Sequence[int] | None = None) -> None:
        super().__init__(prior, shape)
        self.closed_form = prior is None

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return μ + σ · noise, for noise that is broadcast to (n, *code_shape)."""
        mean, log_variance = self._heads(h)
        return torch.addcmul(mean, (0.5 * log_variance).exp(), noise)

    def mean(self, h: Tensor) -> Tensor:
        """Return the posterior mean μ (n, *code_shape)."""
        return self._heads(h)[0]

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = μ + σ · noise, and log q(z|x) − log p(z) (n,) in nats."""
        z = self.at(h, noise)
        log_variance = self._heads(h)[1]
        log_q = -0.5 * (noise.square() + log_variance + LOG_2PI).flatten(1).sum(1)
        return z, log_q - self.log_prior(z)

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats."""
        if not self.closed_form:
            return super().divergence(h)
        return self.divergences(h).flatten(1).sum(1)

    def divergences(self, h: Tensor) -> Tensor:
        """Return KL(q(zⱼ|x) ‖ N(0, 1)) of each number of each code (n, *code_shape), in nats."""
        mean, log_variance = self._heads(h)
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)

    def _heads(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return μ and log σ² (n, *code_shape)."""
        mean, log_variance = h.chunk(2, dim=1)
        if self.shape is not None:
            mean, log_variance = (part.reshape(-1, *self.shape) for part in (mean, log_variance))
        return mean, log_variance
