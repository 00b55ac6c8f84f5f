"""A check of the user's own networks: whether they take and give the shapes that they should."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from isthmus.errors import InvalidInputError
from isthmus.nn.modes import evaluation_mode
from isthmus.nn.modules.base import AutoencoderModule
from isthmus.nn.record import Batch, Record

__all__ = ["check_shapes", "encoder_width"]


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
    with evaluation_mode(module), torch.no_grad():
        record = _encoded(module, sample_shape)
        h = record.h
        wanted = None if latent_dim is None else latent.outputs(latent_dim)
        size = latent_dim or h.shape[-1] * 6 // latent.outputs(6)
        flat = len(latent.code_shape(size)) == 1
        if (flat and h.ndim != 2) or h[0].numel() != latent.outputs(size):
            shape = ", ".join(map(str, record.seen.shape[1:]))
            raise InvalidInputError(
                f"network: the encoder must give (n, {wanted or 'latent_dim'}) from (n, {shape}); "
                f"it gave {tuple(h.shape)} for n = 2"
            )
        record.z = latent.mean(h).new_zeros(2, *latent.code_shape(size))
        codes = latent.decoded(record.z)
        _try(module.decode_record, record, f"decoder on codes of size {codes[0].numel()}")
    expected = (2, module.likelihood.parameter_channels(sample_shape[0]), *sample_shape[1:])
    if tuple(record.parameters.shape) != expected:
        raise InvalidInputError(
            f"network: the decoder must give {expected} for n = 2 codes (channels first); "
            f"it gave {tuple(record.parameters.shape)}"
        )
    return size


def encoder_width(module: AutoencoderModule, sample_shape: Sequence[int]) -> int:
    """Return how many numbers a sample the encoder gives.

    Parameters
    ----------
    module : AutoencoderModule
        With the user's encoder.
    sample_shape : sequence of int
        (channels, …) of one sample.
    """
    with evaluation_mode(module), torch.no_grad():
        return int(_encoded(module, sample_shape).h[0].numel())


def _encoded(module: AutoencoderModule, sample_shape: Sequence[int]) -> Record:
    """Return the record of two blank samples that went through the encoder."""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    record = module.observe(Batch(torch.zeros(2, *sample_shape, device=device)))
    module.resize(record)
    _try(module.encode_record, record, f"encoder on a batch of {tuple(record.seen.shape[1:])}")
    return record


def _try(stage: Callable[[Record], None], record: Record, what: str) -> None:
    try:
        stage(record)
    except InvalidInputError as error:
        name, given = what.split()[0], str(error).rpartition(" a ")[2]
        raise InvalidInputError(
            f"network: the {name} must give one tensor; it gave a {given}"
        ) from error
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInputError(f"network: the {what} failed: {reason}") from error
