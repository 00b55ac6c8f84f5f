"""A posterior that is more than a diagonal Gaussian: pushed through an autoregressive flow."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.latent.base import LATENTS, StochasticLatent
from isthmus.nn.noise import normal_like
from isthmus.nn.prior import Prior
from isthmus.nn.prior.flows import InverseAutoregressiveFlow
from isthmus.nn.prior.normal import LOG_2PI

__all__ = ["FlowLatent"]


@LATENTS.register("flow")
class FlowLatent(StochasticLatent):
    """z = T(μ + σε; c): a Gaussian draw through an inverse autoregressive flow (Kingma 2016).

    The encoder gives μ, log σ² and a context c side by side: h has shape (n, 3 · latent_dim).
    `mean` is T(μ; c), one code of the posterior and not its mean, which has no closed form.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    prior : Prior, optional
        p(z); N(0, I) when absent.
    n_layers : int, default=2
        Steps of the flow.
    hidden : int, default=64
        Units of the hidden layer of each step.
    generator : torch.Generator, optional
        Where the initial weights come from.

    Examples
    --------
    >>> import torch
    >>> latent = FlowLatent(2, generator=torch.Generator().manual_seed(0))
    >>> z, divergence = latent.draw(torch.zeros(5, 6), torch.randn(5, 2))
    >>> z.shape, divergence.shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    def __init__(
        self,
        latent_dim: int,
        prior: Prior | None = None,
        *,
        n_layers: int = 2,
        hidden: int = 64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(prior)
        self.flow = InverseAutoregressiveFlow(
            latent_dim, latent_dim, n_layers, hidden, generator=generator
        )

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return 3 * latent_dim

    def mean(self, h: Tensor) -> Tensor:
        """Return T(μ; c) (n, latent_dim)."""
        mean, _, context = h.chunk(3, dim=1)
        z: Tensor = self.flow(mean, context)[0]
        return z

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the standard normal noise that `at` takes for the encoder's output h."""
        return normal_like(h.chunk(3, dim=1)[0], generator)

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and log q(z|x) − log p(z) (n,) in nats."""
        mean, log_variance, context = h.chunk(3, dim=1)
        start = torch.addcmul(mean, (0.5 * log_variance).exp(), noise)
        z, log_determinant = self.flow(start, context)
        log_q = -0.5 * (noise.square() + log_variance + LOG_2PI).sum(1) - log_determinant
        return z, log_q - self.log_prior(z)
