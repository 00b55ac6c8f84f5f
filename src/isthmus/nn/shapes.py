"""Whether networks of the user's own take and give what the family needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import LadderLatent
from isthmus.nn.modes import evaluation_mode
from isthmus.nn.module import AutoencoderModule

__all__ = ["check_shapes"]


def check_shapes(
    module: AutoencoderModule, sample_shape: Sequence[int], latent_dim: int | None
) -> int:
    """Run two blank samples through networks of the user's own and name what does not fit.

    Parameters
    ----------
    module : AutoencoderModule
        With the user's encoder and decoder.
    sample_shape : sequence of int
        (channels, …) of one sample.
    latent_dim : int or None
        The size asked for; None takes what the encoder gives.

    Returns
    -------
    int
        The size of the code.

    Raises
    ------
    InvalidInputError
        If a network fails on its input or gives a shape other than the one that is needed.
    """
    latent = module.latent
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    features = module.likelihood.features(torch.zeros(2, *sample_shape, device=device))
    shape = tuple(features.shape[1:])
    with evaluation_mode(module), torch.no_grad():
        h = _try(module.encoder, features, f"encoder on a batch of {shape}")
        wanted = None if latent_dim is None else latent.outputs(latent_dim)
        size = latent_dim or h.shape[-1] * 6 // latent.outputs(6)
        if h.ndim != 2 or h.shape[1] != latent.outputs(size):
            raise InvalidInputError(
                f"network: the encoder must give (n, {wanted or 'latent_dim'}) from (n, "
                f"{', '.join(map(str, shape))}); it gave {tuple(h.shape)} for n = 2"
            )
        codes = torch.zeros(2, size, device=device)
        codes = latent.decoded(codes) if isinstance(latent, LadderLatent) else codes
        output = _try(module.decoder, codes, f"decoder on codes of size {codes.shape[1]}")
    expected = (2, module.likelihood.parameter_channels(sample_shape[0]), *sample_shape[1:])
    if tuple(output.shape) != expected:
        raise InvalidInputError(
            f"network: the decoder must give {expected} for n = 2 codes (channels first); "
            f"it gave {tuple(output.shape)}"
        )
    return size


def _try(network: nn.Module, x: Tensor, what: str) -> Tensor:
    try:
        result: Any = network(x)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInputError(f"network: the {what} failed: {reason}") from error
    if not isinstance(result, Tensor):
        name, kind = what.split()[0], type(result).__name__
        raise InvalidInputError(f"network: the {name} must give one tensor; it gave a {kind}")
    return result
