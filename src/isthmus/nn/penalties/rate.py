"""Free bits and capacity: penalties that hold the divergence above or at a number of nats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import GaussianLatent
from isthmus.nn.penalties.base import PENALTIES
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["Capacity", "FreeBits"]


@PENALTIES.register("free_bits")
class FreeBits(Part):
    """Ω = Σⱼ max(λ − KLⱼ, 0): what the divergence lacks to λ nats in each number of the code.

    Added to the divergence with its coefficient it makes Σⱼ max(λ, KLⱼ), KLⱼ the mean over the
    batch: below λ nats nothing is gained by saying less (Kingma et al. 2016).

    Parameters
    ----------
    nats : float
        λ, at least 0.

    References
    ----------
    .. [1] D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow",
       NeurIPS 2016, arXiv:1606.04934, appendix C.8.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense, GaussianLatent
    >>> module = AutoencoderModule(Dense((4,), (4,)), Dense((2,), (4,)), GaussianLatent())
    >>> FreeBits(0.5)(module, torch.zeros(3, 4), torch.zeros(3, 2), None, torch.zeros(3, 4))
    tensor(1.)
    """

    def __init__(self, nats: float) -> None:
        if not nats >= 0:
            raise InvalidInputError(f"free_bits: expected a number of at least 0; got {nats!r}")
        self.nats = float(nats)

    def __call__(
        self,
        module: AutoencoderModule,
        seen: Tensor,
        z: Tensor,
        generator: torch.Generator | None,
        h: Tensor,
    ) -> Tensor:
        """Return Ω for the encoder's output h of a batch."""
        latent = module.latent
        if not isinstance(latent, GaussianLatent) or not latent.closed_form:
            raise InvalidInputError(
                "free_bits: needs the divergence of each number of the code, which only a Gaussian "
                "posterior with the standard normal prior has; leave it at 0"
            )
        return (self.nats - latent.divergences(h).mean(0)).clamp(min=0).sum()


@PENALTIES.register("capacity")
class Capacity(Part):
    """Ω = |KL − C|: the divergence is held at C nats, which rises while training (Burgess 2018).

    Parameters
    ----------
    nats : float
        C at the end of its rise, at least 0.

    Attributes
    ----------
    current : float
        C in training mode; `isthmus.training.CapacitySchedule` moves it. In evaluation mode the
        last C holds, so that the losses of two epochs compare.

    References
    ----------
    .. [1] C. P. Burgess et al., "Understanding disentangling in beta-VAE", 2018, arXiv:1804.03599.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense, GaussianLatent
    >>> module = AutoencoderModule(Dense((4,), (4,)), Dense((2,), (4,)), GaussianLatent())
    >>> Capacity(3.0)(module, torch.zeros(5, 4), torch.zeros(5, 2), None, torch.zeros(5, 4))
    tensor(3.)
    """

    def __init__(self, nats: float) -> None:
        if not nats >= 0:
            raise InvalidInputError(f"capacity: expected a number of at least 0; got {nats!r}")
        self.nats = self.current = float(nats)

    def __call__(
        self,
        module: AutoencoderModule,
        seen: Tensor,
        z: Tensor,
        generator: torch.Generator | None,
        h: Tensor,
    ) -> Tensor:
        """Return Ω for the encoder's output h of a batch."""
        divergence = module.latent.divergence(h)
        if divergence is None:
            raise InvalidInputError("capacity: the code has no posterior; leave it at None")
        return (divergence.mean() - (self.current if module.training else self.nats)).abs()
