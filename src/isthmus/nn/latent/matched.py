"""A deterministic code that is trained to be distributed like a prior."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.nn.latent.base import LATENTS
from isthmus.nn.latent.deterministic import Deterministic

__all__ = ["Matched"]


@LATENTS.register("matched")
class Matched(Deterministic):
    """z = s(h), of which all codes of the data together are meant to be distributed as p(z).

    The code of one sample has no distribution, and so no divergence; what makes the codes of all
    like the prior is a term of the loss, see `isthmus.nn.AdversarialModule`.

    Parameters
    ----------
    activation : str, default="identity"
        Name of the activation s, see `isthmus.nn.ACTIVATIONS`.
    uniform : bool, default=False
        Whether p(z) is uniform in (−1, 1)ᵈ; it is N(0, I) otherwise.

    Examples
    --------
    >>> import torch
    >>> Matched().sample_prior(3, 2, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """

    def __init__(self, activation: str = "identity", uniform: bool = False) -> None:
        super().__init__(activation)
        self.uniform = bool(uniform)

    def sample_prior(
        self, n_samples: int, latent_dim: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw codes from the prior: (n_samples, latent_dim).

        Parameters
        ----------
        n_samples : int
            How many codes.
        latent_dim : int
            Numbers in a code.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        device = None if generator is None else generator.device
        shape = (n_samples, latent_dim)
        if self.uniform:
            return 2 * torch.rand(shape, generator=generator, device=device) - 1
        return torch.randn(shape, generator=generator, device=device)

    def extra_repr(self) -> str:
        return f"uniform={self.uniform}"
