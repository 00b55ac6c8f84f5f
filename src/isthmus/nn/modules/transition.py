"""One step of the Markov chain of a model with noise: corrupt, encode, draw the code, decode."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption import AnyCorruption
from isthmus.nn.modules.base import AutoencoderModule
from isthmus.nn.record import Batch, Record

__all__ = ["transition"]


def transition(
    module: AutoencoderModule,
    x: Tensor,
    corruption: AnyCorruption | None,
    condition: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Record:
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
    Record
        What the move goes through; draw the next x with
        ``module.likelihood.sample(record.parameters, generator)``.

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
    record = module.observe(Batch(x, condition=condition, noise=generator))
    if corruption is not None:
        clean = record.seen
        module.apply_corruption(corruption, record)
        if record.seen.shape != clean.shape:
            raise InvalidInputError(
                f"corruption: expected to keep the shape {tuple(clean.shape)}; "
                f"got {tuple(record.seen.shape)}"
            )
    module.encode_record(record)
    record.z = module.latent(record.h, generator)
    module.decode_record(record)
    return record
