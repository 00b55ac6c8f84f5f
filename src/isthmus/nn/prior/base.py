"""Base class of the priors p(z), and their registry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isthmus.registry import Part, Registry

__all__ = ["PRIORS", "Prior"]


class Prior(Part, nn.Module):
    """Base of the distributions of codes, flattened to (n, latent_dim).

    A new one needs `log_prob` and `sample`. Trained with a model it is a prior, fitted to the codes
    of a model afterwards a density; a constructor may ask for ``latent_dim``, ``feature_shape`` (of
    what the encoder sees) and ``generator``.
    """

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats, for z (n, latent_dim)."""
        raise NotImplementedError

    def sample(self, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes: (n_samples, latent_dim).

        Parameters
        ----------
        n_samples : int
            How many codes.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        raise NotImplementedError


PRIORS: Registry[type[Prior]] = Registry("prior")
