"""How much the numbers of a code have to do with each other, from the posteriors of one batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import GaussianLatent
from isthmus.nn.penalties.base import PENALTIES
from isthmus.nn.prior.normal import LOG_2PI
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["TotalCorrelation"]

_VALUES = 1 << 20  # numbers at a time where no gradient has to be kept


@PENALTIES.register("total_correlation")
@dataclass(frozen=True)
class TotalCorrelation(Part):
    """KL(q(z) ‖ Πⱼ q(zⱼ)) in nats, q(z) the mean of the posteriors of all data (Chen et al. 2018).

    Both densities are estimated at the codes of a batch, from the posteriors of the same batch:

    ``"weighted"`` counts all M posteriors alike, the one that the code was drawn from included.
    With all N rows in one batch that is q(z) itself; in a smaller batch the own posterior counts
    N / M times too much, which raises the joint density more than the marginals: the estimate is
    too high. The paper divides by N M and not by M, which adds the constant (D − 1) log N for a
    code of D numbers; no gradient sees it, and it is left out here.

    ``"stratified"`` counts the own posterior 1 / N and each other (N − 1) / (N (M − 1)): without
    bias for the densities. The logarithms are too low, that of the joint most, and noisier.

    Parameters
    ----------
    n_rows : int
        N, the rows of the training data.
    estimator : {"weighted", "stratified"}, default="weighted"
        See above.

    Raises
    ------
    InvalidInputError
        If a parameter is out of range; when called, if the posterior is not a Gaussian one.

    Notes
    -----
    It needs memory for M² D numbers.

    References
    ----------
    .. [1] R. T. Q. Chen, X. Li, R. Grosse and D. Duvenaud, "Isolating sources of disentanglement
       in variational autoencoders", NeurIPS 2018, arXiv:1802.04942.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense, GaussianLatent
    >>> module = AutoencoderModule(
    ...     Dense((4,), (6,)),
    ...     Dense((3,), (4,)),
    ...     GaussianLatent(),
    ...     penalties={"total_correlation": TotalCorrelation(n_rows=1000)},
    ... )
    >>> sorted(module.losses(torch.randn(32, 4)))
    ['divergence', 'reconstruction', 'total_correlation']
    """

    n_rows: int
    estimator: str = "weighted"

    def __post_init__(self) -> None:
        if self.n_rows < 1:
            raise InvalidInputError(f"n_rows: expected at least 1; got {self.n_rows!r}")
        if self.estimator not in ("weighted", "stratified"):
            raise InvalidInputError(
                f"estimator: expected 'weighted' or 'stratified'; got {self.estimator!r}"
            )

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
        h: Tensor | None = None,
    ) -> Tensor:
        """Return the estimate at the codes `z` (n, latent_dim) drawn from the posteriors `h`."""
        if not isinstance(module.latent, GaussianLatent) or h is None:
            raise InvalidInputError(
                "total_correlation: needs a Gaussian posterior, whose density is known; got "
                f"{type(module.latent).__name__}"
            )
        if len(z) == 1:  # one posterior tells nothing of the data
            return (z * 0).sum()
        mean, log_variance = h.chunk(2, dim=1)
        if torch.is_grad_enabled():
            return self._at(z, mean, log_variance, 0).mean()
        rows = max(1, _VALUES // mean.numel())
        parts = [
            self._at(part, mean, log_variance, index * rows)
            for index, part in enumerate(z.split(rows))
        ]
        return torch.cat(parts).mean()

    def _at(self, z: Tensor, mean: Tensor, log_variance: Tensor, first: int) -> Tensor:
        """Return log q(z) − Σⱼ log q(zⱼ) at codes z, which are rows `first`, … of the batch."""
        scaled = (z[:, None] - mean) * (-0.5 * log_variance).exp()
        log_normal = -0.5 * (scaled.square() + log_variance + LOG_2PI)  # (rows, M, D)
        weight = self._log_weight(len(z), len(mean), first, z)
        joint = torch.logsumexp(log_normal.sum(2) + weight, dim=1)
        marginals = torch.logsumexp(log_normal + weight[:, :, None], dim=1)
        return joint - marginals.sum(1)

    def _log_weight(self, rows: int, size: int, first: int, like: Tensor) -> Tensor:
        if self.estimator == "weighted":
            return like.new_full((rows, size), -math.log(size))
        n_rows = max(self.n_rows, size)
        weight = like.new_full((rows, size), math.log((n_rows - 1) / (n_rows * (size - 1))))
        weight.diagonal(first).fill_(-math.log(n_rows))
        return weight
