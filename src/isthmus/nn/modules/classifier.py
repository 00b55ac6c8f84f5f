"""A softmax head on the code: the network of a classifier whose encoder was pretrained."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import blank, initialise_
from isthmus.nn.modules.base import AutoencoderModule
from isthmus.nn.modules.losses import Losses
from isthmus.nn.record import Batch, Record

__all__ = ["ClassifierModule"]


class ClassifierModule(AutoencoderModule):
    """The encoder of an autoencoder, and a linear layer from its code to the classes.

    ``x → encoder → h → latent → z → head → log p(class | x)``

    Parameters
    ----------
    autoencoder : AutoencoderModule
        Whose parts are used, not copied.
    latent_dim, n_classes : int
        Numbers in the code, and classes.
    generator : torch.Generator, optional
        Where the initial weights of the head come from.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense
    >>> autoencoder = AutoencoderModule(Dense((4,), (2,)), Dense((2,), (4,)))
    >>> module = ClassifierModule(autoencoder, 2, 3)
    >>> module.logits(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        autoencoder: AutoencoderModule,
        latent_dim: int,
        n_classes: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            autoencoder.encoder,
            autoencoder.decoder,
            autoencoder.latent,
            autoencoder.likelihood,
            missing=autoencoder.missing,
        )
        self.head: nn.Linear = blank(nn.Linear, latent_dim, n_classes)
        initialise_(self.head, generator)

    encoder_takes_condition: ClassVar[bool] = False  # the condition of its batches is the class

    def run(self, batch: Batch) -> Record:
        """Return the record of a batch up to its code; nothing is decoded."""
        record = self.observe(batch)
        self.encode_record(record)
        record.z = self.latent.mean(record.h)
        return record

    def logits(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return unnormalised log p(class | x) (n, n_classes).

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        condition : None
            There is none.
        generator : torch.Generator, optional
            Where dropout comes from.
        """
        output: Tensor = self.head(self.run(Batch(x, noise=generator)).z)
        return output

    def terms(self, record: Record) -> Losses:
        """Return −log p(class | x) in nats a sample, as ``"classification"``.

        The condition of the batch is the class of each sample (n,), int64.

        Raises
        ------
        InvalidInputError
            If there are no classes.
        """
        labels = record.batch.condition
        if labels is None:
            raise InvalidInputError("condition: expected the class of each sample; got None")
        logits = self.head(record.z).float()
        if record.batch.weight is None:
            return Losses(classification=F.cross_entropy(logits, labels))
        nats = F.cross_entropy(logits, labels, reduction="none")
        return Losses(classification=self._mean(nats, record))
