"""Deep SVDD as modules: an encoder without constants, and the distance of its codes to a centre."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isthmus.nn.latent import Latent
from isthmus.nn.likelihood import Likelihood
from isthmus.nn.modules.base import MODULES, AutoencoderModule
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Batch, Record

__all__ = ["OneClassModule", "UnbiasedModule"]


@MODULES.register("unbiased")
class UnbiasedModule(AutoencoderModule):
    """An autoencoder whose encoder adds no constants to its layers.

    With a bias one layer could give c whatever its input is, the trivial answer of Deep SVDD (Ruff
    et al. 2018, proposition 2). The decoder keeps its biases.

    Parameters
    ----------
    encoder : torch.nn.Module
        Its biases are taken away, in place; those of a normalisation too.
    decoder, latent, likelihood, **parts
        See `AutoencoderModule`.

    Examples
    --------
    >>> from isthmus.nn import Dense
    >>> module = UnbiasedModule(Dense((4,), (2,), [8]), Dense((2,), (4,), [8]))
    >>> module.encode(torch.zeros(1, 4))
    tensor([[0., 0.]], grad_fn=<...>)
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Latent | None = None,
        likelihood: Likelihood | None = None,
        **parts: Any,
    ) -> None:
        super().__init__(encoder, decoder, latent, likelihood, **parts)
        for layer in encoder.modules():
            if isinstance(getattr(layer, "bias", None), nn.Parameter):
                layer.register_parameter("bias", None)


class OneClassModule(AutoencoderModule):
    """The encoder of an autoencoder, and ‖f(x) − c‖² as the loss.

    ``x → encoder → latent → z → ‖z − c‖²``

    Parameters
    ----------
    autoencoder : AutoencoderModule
        Whose encoder and code are used, not copied; there is no decoder.
    centre : Tensor of shape (latent_dim,)
        c; not trained.

    Examples
    --------
    >>> from isthmus.nn import Dense
    >>> autoencoder = UnbiasedModule(Dense((4,), (2,)), Dense((2,), (4,)))
    >>> module = OneClassModule(autoencoder, torch.tensor([3.0, 4.0]))
    >>> module.distances(torch.zeros(1, 4))
    tensor([25.], grad_fn=<...>)
    """

    centre: Tensor

    def __init__(self, autoencoder: AutoencoderModule, centre: Tensor) -> None:
        super().__init__(
            autoencoder.encoder,
            nn.Identity(),
            autoencoder.latent,
            autoencoder.likelihood,
            missing=autoencoder.missing,
        )
        self.register_buffer("centre", centre.detach().clone())

    def run(self, batch: Batch) -> Record:
        """Return the record of a batch up to its code; nothing is decoded."""
        record = self.observe(batch)
        self.encode_record(record)
        record.z = self.latent.mean(record.h)
        return record

    def terms(self, record: Record) -> Losses:
        """Return ``"distance"``: the mean squared distance to the centre, in units of the code."""
        return Losses(distance=self._mean(self._apart(record), record))

    def distances(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return ‖f(x) − c‖² (n,) of data.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        generator : torch.Generator, optional
            For networks that draw while training.
        """
        return self._apart(self.run(Batch(x, noise=generator)))

    def _apart(self, record: Record) -> Tensor:
        distances: Tensor = (record.z.float() - self.centre).square().sum(1)
        return distances
