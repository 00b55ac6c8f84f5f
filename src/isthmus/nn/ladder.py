"""The module of a code in levels, of which the decoder sees the lowest."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.latent.ladder import LadderLatent
from isthmus.nn.module import AutoencoderModule

__all__ = ["LadderModule"]


class LadderModule(AutoencoderModule):
    """An autoencoder with a `LadderLatent`: p(x|z) = p(x|z₁) (Sønderby et al. 2016).

    Parameters
    ----------
    encoder, decoder, latent, likelihood, ...
        See `AutoencoderModule`; the decoder maps z₁ (n, levels[0]).

    Raises
    ------
    InvalidInputError
        If the code is not a `LadderLatent`.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense, LadderLatent
    >>> latent = LadderLatent((3, 2), 8)
    >>> module = LadderModule(Dense((4,), (14,)), Dense((3,), (4,)), latent)
    >>> sorted(module.losses(torch.randn(6, 4)))
    ['divergence', 'reconstruction']
    """

    def decode_parameters(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the parameters of p(x|z) for a code z (n, latent_dim)."""
        if not isinstance(self.latent, LadderLatent):
            raise InvalidInputError(
                f"latent: expected a LadderLatent; got {type(self.latent).__name__}"
            )
        return super().decode_parameters(self.latent.decoded(z), condition, generator)
