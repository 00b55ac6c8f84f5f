"""A prior that is the posterior of inputs which are learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.modes import full_precision
from isthmus.nn.prior.base import PRIORS, Prior
from isthmus.nn.prior.normal import LOG_2PI

__all__ = ["VampPrior"]


@PRIORS.register("vamp")
class VampPrior(Prior):
    """p(z) = 1/K Σₖ q(z|uₖ): a mixture of the encoder's own posteriors (Tomczak & Welling 2018).

    The prior that is best for the bound is the mean of the posteriors of all data; K pseudo-inputs
    uₖ, learned with the rest, stand for the data.

    Parameters
    ----------
    feature_shape : sequence of int
        Shape of what the encoder sees of one sample.
    n_components : int, default=500
        K.
    generator : torch.Generator, optional
        Where the first pseudo-inputs come from; `start_from` puts rows of the data in their place.

    Attributes
    ----------
    pseudo_inputs : Tensor of shape (n_components, *feature_shape)
        uₖ.

    Notes
    -----
    `bind` says which encoder; `isthmus.nn.AutoencoderModule` does so for the prior of its code.

    References
    ----------
    .. [1] J. M. Tomczak and M. Welling, "VAE with a VampPrior", AISTATS 2018, arXiv:1705.07120.
    """

    def __init__(
        self,
        feature_shape: Sequence[int],
        n_components: int = 500,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_components < 1:
            raise InvalidInputError(f"n_components: expected at least 1; got {n_components!r}")
        self.pseudo_inputs = nn.Parameter(torch.empty(n_components, *feature_shape))
        if not self.pseudo_inputs.is_meta:
            with torch.no_grad():
                self.pseudo_inputs.uniform_(generator=generator)
        self._encode: Callable[[Tensor], Tensor] | None = None

    def bind(self, encode: Callable[[Tensor], Tensor]) -> None:
        """Say what maps features to the mean and the log variance, side by side."""
        self._encode = encode

    def start_from(self, features: Tensor) -> None:
        """Begin with rows of the data, as the encoder sees them (n_components, *feature_shape)."""
        with torch.no_grad():
            self.pseudo_inputs.copy_(torch.nan_to_num(features))

    def _components(self) -> tuple[Tensor, Tensor]:
        if self._encode is None:
            raise InvalidInputError("prior: a VampPrior needs its encoder; call bind first")
        h = full_precision(self._encode(self.pseudo_inputs))
        mean, log_variance = h.chunk(2, dim=1)
        return mean, log_variance

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats, for z (n, latent_dim)."""
        mean, log_variance = self._components()
        # ‖(z − μ)/σ‖² multiplied out: three products of matrices, and no (n, K, latent_dim).
        precision = (-log_variance).exp()
        squares = z.square() @ precision.T - 2 * z @ (mean * precision).T
        squares = squares + (mean.square() * precision).sum(1)
        constant = (log_variance + LOG_2PI).sum(1)
        log_normal = -0.5 * (squares + constant)
        return torch.logsumexp(log_normal, dim=1) - math.log(len(mean))

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes: (n_samples, latent_dim)."""
        mean, log_variance = self._components()
        which = torch.randint(
            len(mean), (n_samples,), generator=generator, device=self.pseudo_inputs.device
        )
        noise = torch.empty_like(mean[which]).normal_(generator=generator)
        return mean[which] + (0.5 * log_variance[which]).exp() * noise
