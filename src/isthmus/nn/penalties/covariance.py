"""How far the covariance of the codes is from that of the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import GaussianLatent
from isthmus.nn.penalties.base import PENALTIES
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["CovariancePenalty"]


@PENALTIES.register("covariance")
@dataclass(frozen=True)
class CovariancePenalty(Part):
    """Σᵢ≠ⱼ Cᵢⱼ² or Σⱼ (Cⱼⱼ − 1)², C a covariance of the codes (Kumar et al. 2018).

    A prior N(0, I) has C = I. Means over the batch stand for means over the data, divided by the
    rows of the batch.

    Parameters
    ----------
    part : {"off_diagonal", "diagonal"}
        Which of the two.
    of : {"means", "codes"}, default="codes"
        ``"means"`` (type I): C = Cov(μ(x)), of the posterior means. ``"codes"`` (type II):
        C = Cov(μ(x)) + E[diag σ²(x)], of q(z), by the law of total covariance.

    Raises
    ------
    InvalidInputError
        If a parameter is none of these; when called, if the posterior is not a Gaussian one.

    References
    ----------
    .. [1] A. Kumar, P. Sattigeri and A. Balakrishnan, "Variational inference of disentangled
       latent concepts from unlabeled observations", ICLR 2018, arXiv:1711.00848.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense, GaussianLatent
    >>> module = AutoencoderModule(Dense((4,), (6,)), Dense((3,), (4,)), GaussianLatent())
    >>> h = torch.tensor([[1.0, 1.0, 0.0, 0.0], [-1.0, -1.0, 0.0, 0.0]])  # σ² = 1
    >>> CovariancePenalty("off_diagonal")(module, None, h[:, :2], None, h)
    tensor(2.)
    >>> CovariancePenalty("diagonal")(module, None, h[:, :2], None, h)
    tensor(2.)
    >>> CovariancePenalty("diagonal", of="means")(module, None, h[:, :2], None, h)
    tensor(0.)
    """

    part: str
    of: str = "codes"

    def __post_init__(self) -> None:
        if self.part not in ("off_diagonal", "diagonal"):
            raise InvalidInputError(
                f"part: expected 'off_diagonal' or 'diagonal'; got {self.part!r}"
            )
        if self.of not in ("means", "codes"):
            raise InvalidInputError(f"of: expected 'means' or 'codes'; got {self.of!r}")

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
        h: Tensor | None = None,
    ) -> Tensor:
        """Return the penalty of the posteriors `h` (n, 2 · latent_dim)."""
        if not isinstance(module.latent, GaussianLatent) or h is None:
            raise InvalidInputError(
                "covariance: needs a Gaussian posterior, whose mean and variance are known; got "
                f"{type(module.latent).__name__}"
            )
        mean, log_variance = h.chunk(2, dim=1)
        apart = mean - mean.mean(0)
        if self.part == "off_diagonal":  # σ² is on the diagonal: both types agree here
            covariance = apart.T @ apart / len(apart)
            return covariance.square().sum() - covariance.diagonal().square().sum()
        variance = apart.square().mean(0)
        if self.of == "codes":
            variance = variance + log_variance.exp().mean(0)
        return (variance - 1).square().sum()
