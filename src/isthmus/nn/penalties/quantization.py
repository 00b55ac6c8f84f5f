"""The commitment loss of quantised codes, and the perplexity, which is recorded only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.nn.latent.quantized import QuantizedLatent
from isthmus.nn.penalties.base import PENALTIES
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["Commitment", "Perplexity"]


@PENALTIES.register("commitment")
@dataclass(frozen=True)
class Commitment(Part):
    """‖h − sg(z)‖²: the encoder keeps near the codewords it has chosen (van den Oord et al. 2017).

    The gradient stops at z; the codewords come to the encoder by themselves.

    Examples
    --------
    >>> import torch
    >>> h, z = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])
    >>> Commitment()(None, None, z, None, h)
    tensor(5.)
    """

    def __call__(
        self,
        module: AutoencoderModule | None,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None,
        h: Tensor,
    ) -> Tensor:
        """Return the squared distance of `h` from `z`, both (n, latent_dim): mean over n."""
        return (h - z.detach()).square().sum() / len(h)


@PENALTIES.register("perplexity")
@dataclass(frozen=True)
class Perplexity(Part):
    """The number of codewords in use (perplexity), recorded in the history; it is not minimised.

    Examples
    --------
    >>> Perplexity()
    Perplexity()
    """

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the perplexity of the running usage of the module's codewords."""
        assert isinstance(module.latent, QuantizedLatent)
        return module.latent.perplexity()
