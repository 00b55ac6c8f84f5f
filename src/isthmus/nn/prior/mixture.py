"""A mixture of Gaussians over codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.prior.base import PRIORS, Prior
from isthmus.nn.prior.normal import LOG_2PI

__all__ = ["MixturePrior"]


@PRIORS.register("mixture")
class MixturePrior(Prior):
    """p(z) = Σₖ πₖ N(z; μₖ, Σₖ).

    Each component keeps the Cholesky factor of its precision, P with Σ⁻¹ = P Pᵀ, as scikit-learn's
    GaussianMixture does: a density needs products and no solving.

    Parameters
    ----------
    latent_dim : int
        Numbers in the code.
    n_components : int, default=10
        K.
    full : bool, default=False
        Whether the covariances are full ones, and not diagonal.
    generator : torch.Generator, optional
        Where the initial means come from: a standard normal, so that components differ.

    Attributes
    ----------
    logits : Tensor of shape (n_components,)
        log πₖ up to a constant.
    mean : Tensor of shape (n_components, latent_dim)
        μₖ.
    log_scale : Tensor of shape (n_components, latent_dim)
        Minus the log of the diagonal of P: the log of the standard deviation where it is diagonal.
    off_diagonal : Tensor of shape (n_components, latent_dim, latent_dim)
        P above its diagonal; with ``full=True`` only.

    Examples
    --------
    >>> import torch
    >>> prior = MixturePrior(2, 3, generator=torch.Generator().manual_seed(0))
    >>> prior.log_prob(torch.zeros(5, 2)).shape, prior.sample(4).shape
    (torch.Size([5]), torch.Size([4, 2]))
    """

    def __init__(
        self,
        latent_dim: int,
        n_components: int = 10,
        *,
        full: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_components < 1:
            raise InvalidInputError(f"n_components: expected at least 1; got {n_components!r}")
        self.latent_dim = latent_dim
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.mean = nn.Parameter(torch.empty(n_components, latent_dim))
        if not self.mean.is_meta:
            with torch.no_grad():
                self.mean.normal_(generator=generator)
        self.log_scale = nn.Parameter(torch.zeros(n_components, latent_dim))
        self.off_diagonal = (
            nn.Parameter(torch.zeros(n_components, latent_dim, latent_dim)) if full else None
        )

    def _precision_factor(self) -> Tensor:
        factor = torch.diag_embed((-self.log_scale).exp())
        return factor if self.off_diagonal is None else factor + self.off_diagonal.triu(1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats, for z (n, latent_dim)."""
        apart = z.unsqueeze(1) - self.mean
        if self.off_diagonal is None:
            standard = apart * (-self.log_scale).exp()
        else:
            standard = torch.einsum("nkd,kde->nke", apart, self._precision_factor())
        log_normal = -0.5 * (standard.square() + LOG_2PI).sum(2) - self.log_scale.sum(1)
        return torch.logsumexp(log_normal + self.logits.log_softmax(0), dim=1)

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes: (n_samples, latent_dim)."""
        weights = self.logits.softmax(0)
        which = torch.multinomial(weights, n_samples, replacement=True, generator=generator)
        noise = torch.empty_like(self.mean[which]).normal_(generator=generator)
        if self.off_diagonal is None:
            return self.mean[which] + self.log_scale.exp()[which] * noise
        factor = self._precision_factor()[which]
        # A row ε Pᶦ, with Pᶦ = P⁻¹, has the covariance (P Pᵀ)⁻¹.
        apart = torch.linalg.solve_triangular(factor, noise.unsqueeze(1), upper=True, left=False)
        drawn: Tensor = self.mean[which] + apart.squeeze(1)
        return drawn
