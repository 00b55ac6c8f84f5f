"""Sparsity penalties: on how much, or how often, the units of a code are active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.penalties.base import PENALTIES
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["L1", "KLSparsity"]


@PENALTIES.register("l1")
@dataclass(frozen=True)
class L1(Part):
    """Σⱼ |zⱼ|, averaged over the batch.

    Examples
    --------
    >>> import torch
    >>> L1()(None, None, torch.tensor([[1.0, -2.0], [0.0, 1.0]]))
    tensor(2.)
    """

    def __call__(
        self,
        module: AutoencoderModule | None,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean absolute sum of `z` (n, latent_dim)."""
        return z.abs().sum() / len(z)


@PENALTIES.register("kl_sparsity")
@dataclass(frozen=True)
class KLSparsity(Part):
    """Σⱼ KL(ρ ‖ ρ̂ⱼ) in nats, ρ̂ⱼ the mean activity of unit j over the batch (Ng 2011).

    The codes must lie between 0 and 1, as a sigmoid gives them.

    Parameters
    ----------
    rho : float, default=0.05
        The wanted mean activity of each unit, strictly between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> KLSparsity(0.5)(None, None, torch.full((3, 2), 0.5))
    tensor(0.)
    """

    rho: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.rho < 1:
            raise InvalidInputError(f"rho: expected a number between 0 and 1; got {self.rho!r}")

    def __call__(
        self,
        module: AutoencoderModule | None,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the divergence of the mean activities of `z` (n, latent_dim) from ρ."""
        activity = z.mean(0).clamp(1e-12, 1 - 1e-6)  # finite logs; gradients for dead units too
        rho = torch.as_tensor(self.rho, dtype=z.dtype, device=z.device)
        on = torch.xlogy(rho, rho) - rho * activity.log()
        off = torch.xlogy(1 - rho, 1 - rho) - (1 - rho) * torch.log1p(-activity)
        return (on + off).sum()
