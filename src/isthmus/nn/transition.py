"""One move of the Markov chain that every autoencoder with noise is: x̃ ~ C(x̃|x), z ~ q(z|x̃)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption import Corruption
from isthmus.nn.module import AutoencoderModule

__all__ = ["Move", "transition"]


class Move(NamedTuple):
    """What a move goes through.

    Attributes
    ----------
    seen : Tensor of shape (n, *feature_shape)
        The corrupted input, as the encoder sees it.
    h : Tensor of shape (n, latent.outputs(latent_dim))
        The encoder's output.
    z : Tensor of shape (n, latent_dim)
        The code, drawn where it is stochastic.
    parameters : Tensor
        The decoder's output: the parameters of p(x|z), from which the next x is drawn.
    """

    seen: Tensor
    h: Tensor
    z: Tensor
    parameters: Tensor


def transition(
    module: AutoencoderModule,
    x: Tensor,
    corruption: Corruption | None,
    condition: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Move:
    """Move from `x` to a distribution of the next one: corrupt, encode, draw the code, decode.

    Unlike `AutoencoderModule.losses` it corrupts in evaluation mode as well, because a chain does.

    Parameters
    ----------
    module : AutoencoderModule
        In training mode its dropout takes part.
    x : Tensor of shape (n, channels, ...)
        Where the chain is; NaN where missing, if the module takes that.
    corruption : callable ``(x, generator) -> x̃`` or None
        C(x̃|x), on what the encoder sees.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models.
    generator : torch.Generator, optional
        Where corruption, dropout and code are drawn from.

    Returns
    -------
    Move
        Draw the next x with ``module.likelihood.sample(move.parameters, generator)``.

    Raises
    ------
    InvalidInputError
        If the corruption changes the shape of its input.

    References
    ----------
    .. [1] Y. Bengio, L. Yao, G. Alain and P. Vincent, "Generalized denoising auto-encoders as
       generative models", NeurIPS 2013, arXiv:1305.6663.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Bernoulli, Dense, Masking
    >>> module = AutoencoderModule(Dense((6,), (2,)), Dense((2,), (6,)), likelihood=Bernoulli())
    >>> generator = torch.Generator().manual_seed(0)
    >>> move = transition(module, torch.ones(4, 6), Masking(0.5), generator=generator)
    >>> module.likelihood.sample(move.parameters, generator).shape
    torch.Size([4, 6])
    """
    seen = clean = module._features(x)
    if corruption is not None:
        seen = corruption(clean, generator)
        if seen.shape != clean.shape:
            raise InvalidInputError(
                f"corruption: expected to keep the shape {tuple(clean.shape)}; "
                f"got {tuple(seen.shape)}"
            )
    h = module._encode(seen, condition, generator)
    if h.dtype == torch.bfloat16:
        h = h.float()
    z = module.latent(h, generator)
    return Move(seen, h, z, module.decode_parameters(z, condition, generator))
