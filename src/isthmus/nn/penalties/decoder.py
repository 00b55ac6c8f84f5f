"""Penalties that keep a decoder smooth: of the codes, its weights or its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.nn.modes import evaluation_mode
from isthmus.nn.networks import TiedDense
from isthmus.nn.penalties.base import PENALTIES, random_signs
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["CodeNorm", "DecoderGradient", "DecoderWeights"]


@PENALTIES.register("code_norm")
@dataclass(frozen=True)
class CodeNorm(Part):
    """½ ‖z‖², averaged over the batch: what a N(0, I) would cost, without its constant.

    Examples
    --------
    >>> import torch
    >>> CodeNorm()(None, None, torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
    tensor(1.5000)
    """

    def __call__(
        self,
        module: AutoencoderModule | None,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return half the mean squared length of `z` (n, latent_dim)."""
        return 0.5 * z.square().sum() / len(z)


@PENALTIES.register("decoder_weights")
@dataclass(frozen=True)
class DecoderWeights(Part):
    """½ Σ w² over the weights of the decoder, without its biases (Ghosh et al. 2020).

    Those of a tied decoder are the encoder's.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense
    >>> module = AutoencoderModule(Dense((1,), (1,)), Dense((1,), (2,)))
    >>> _ = module.decoder.linears[0].weight.data.fill_(3.0)
    >>> DecoderWeights()(module, None, torch.zeros(1, 1)).item()
    9.0
    """

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return half the sum of the squared weights."""
        decoder = module.decoder
        network = decoder.tied_to if isinstance(decoder, TiedDense) else decoder
        total = z.new_zeros(())
        for parameter in network.parameters():
            if parameter.ndim > 1:  # a vector is a bias, or a normalisation's gain
                total = total + parameter.square().sum()
        return 0.5 * total


@PENALTIES.register("decoder_gradient")
@dataclass(frozen=True)
class DecoderGradient(Part):
    """½ ‖∂θ/∂z‖²_F at the codes of the batch, θ the parameters of p(x|z) (Ghosh et al. 2020).

    Estimated without bias by ½ ‖vᵀ ∂θ/∂z‖² for random signs v (Hutchinson 1990): one backward pass
    more. The decoder is in evaluation mode, as batch normalisation would tie the codes together;
    the encoder learns from it too, to keep codes where the decoder is smooth.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense
    >>> module = AutoencoderModule(Dense((1,), (1,)), Dense((1,), (1,)))
    >>> _ = module.decoder.linears[0].weight.data.fill_(3.0)
    >>> DecoderGradient()(module, None, torch.zeros(4, 1)).item()
    4.5
    """

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return half the mean squared norm of the decoder's Jacobian at `z` (n, latent_dim)."""
        training = torch.is_grad_enabled()
        # Also for a validation loss, under no_grad, the Jacobian is needed.
        with torch.enable_grad(), evaluation_mode(module.decoder):
            at = z if z.requires_grad else z.detach().requires_grad_()
            output = module.decode_parameters(at, None, generator)
            signs = random_signs(output, generator)
            (row,) = torch.autograd.grad(output, at, signs, create_graph=training)
        value = 0.5 * row.square().sum() / len(z)
        return value if training else value.detach()
