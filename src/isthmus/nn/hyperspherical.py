"""The module of a code on the sphere, which the decoder sees at the scale of other codes."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.module import AutoencoderModule

__all__ = ["HypersphericalModule"]


class HypersphericalModule(AutoencoderModule):
    """An autoencoder whose decoder is given √d z, for codes of length 1.

    A unit vector of d numbers has 1 / d as the mean of their squares, and a decoder starts out from
    numbers of about 1: with z itself all that it says is faint, and the more so the larger d is.

    Parameters
    ----------
    encoder, decoder, latent, ...
        See `AutoencoderModule`; the latent is `VonMisesFisher`.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense, VonMisesFisher
    >>> module = HypersphericalModule(Dense((5,), (4,)), Dense((4,), (5,)), VonMisesFisher())
    >>> z = torch.eye(4)[:1]
    >>> torch.equal(module.decode(z), module.decoder(2 * z))
    True
    """

    def decode_parameters(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the parameters of p(x|z) for a code z (n, latent_dim)."""
        return super().decode_parameters(z.shape[1] ** 0.5 * z, condition, generator)
