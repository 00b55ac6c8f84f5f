"""A softmax head on the code: the network of a classifier whose encoder was pretrained."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.initialisation import blank, initialise_
from isthmus.nn.module import AutoencoderModule, Losses

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

    def logits(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return unnormalised log p(class | x) (n, n_classes) of data `x` (n, channels, …)."""
        h = self._encode(self._features(x), None, generator)
        output: Tensor = self.head(self.latent.mean(h))
        return output

    def losses(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return −log p(class | x) in nats a sample, as ``"classification"``.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        condition : Tensor of shape (n,), int64
            The class of each sample.
        generator : torch.Generator, optional
            Where dropout comes from.

        Raises
        ------
        InvalidInputError
            If there are no classes.
        """
        if condition is None:
            raise InvalidInputError("condition: expected the class of each sample; got None")
        logits = self.logits(x, None, generator).float()
        return Losses(classification=F.cross_entropy(logits, condition))
