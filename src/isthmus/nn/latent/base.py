"""Base classes of the codes: q(z|x), and p(z) with its divergence where there is a prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.nn.noise import normal_like
from isthmus.nn.prior import Prior, StandardNormal
from isthmus.registry import Part, Registry

__all__ = ["LATENTS", "Latent", "StochasticLatent"]

_DRAWS = 16  # where a divergence has no closed form and nobody says which draws to take


class Latent(Part, nn.Module):
    """Base of the codes: what becomes of the encoder's output h.

    A new one needs `mean`; `outputs` if the encoder has to give more numbers than the code has;
    `code_shape` if a code is no vector but a map (channels, height, width) or some tokens
    (number, width); `sample` and `divergence` if the code is drawn, or has a term in the loss. Most
    codes that are drawn derive from `StochasticLatent`.

    Attributes
    ----------
    stochastic : bool
        Whether a score averages over draws.
    """

    stochastic = False

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return latent_dim

    def code_shape(self, latent_dim: int) -> tuple[int, ...]:
        """Return the shape of a code of `latent_dim` numbers: their product is `latent_dim`."""
        return (latent_dim,)

    def mean(self, h: Tensor) -> Tensor:
        """Return the code z (n, *code_shape) that is shown for h: the mean where it is drawn."""
        raise NotImplementedError

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the code z (n, *code_shape) of the encoder's output h, drawn where it is.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        return self.sample(h, generator)[0]

    def sample(
        self, h: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the code z of h, drawn where it is, and its divergence (n,) in nats or None.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        return self.mean(h), self.divergence(h)

    def divergence(self, h: Tensor) -> Tensor | None:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats; None without a prior."""
        return None

    def decoded(self, z: Tensor) -> Tensor:
        """Return what the decoder sees of a code z (n, *code_shape): all of it."""
        return z

    def decoded_dim(self, latent_dim: int) -> int:
        """Return how many numbers of a code of `latent_dim` the decoder sees."""
        return latent_dim


LATENTS: Registry[type[Latent]] = Registry("latent")


class StochasticLatent(Latent):
    """Base of the codes that are drawn: q(z|x), p(z) and their divergence.

    A new one needs `mean` and `log_ratio`; `divergence`, with ``closed_form = True``, where that
    can be written down; `sample_prior` where p(z) is not the standard normal; and `outputs` where
    the encoder has to give other than two numbers for each one of the code. All noise is standard
    normal: a latent that needs another one converts it, so that whoever scores can choose the
    draws.

    Parameters
    ----------
    prior : Prior, optional
        p(z); the standard normal when absent.
    shape : sequence of int, optional
        The shape of a code that is no vector: a map (channels, height, width) or tokens (number,
        width).

    Attributes
    ----------
    closed_form : bool
        Whether `divergence` is exact and `draw` gives the same.
    """

    stochastic = True
    closed_form = False

    def __init__(self, prior: Prior | None = None, shape: Sequence[int] | None = None) -> None:
        super().__init__()
        self.prior = prior
        self.shape = None if shape is None else tuple(int(side) for side in shape)

    def outputs(self, latent_dim: int) -> int:
        """Return how many numbers the encoder must give for `latent_dim` numbers of code."""
        return 2 * latent_dim

    def code_shape(self, latent_dim: int) -> tuple[int, ...]:
        """Return the shape of a code of `latent_dim` numbers."""
        return (latent_dim,) if self.shape is None else self.shape

    def noise(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the standard normal noise that `at` takes for the encoder's output h.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        generator : torch.Generator, optional
            The source of the draws; torch's global one when absent.
        """
        return normal_like(self.mean(h), generator)

    def sample(
        self, h: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return a draw z (n, *code_shape), differentiable in h, and its divergence (n,)."""
        return self.draw(h, self.noise(h, generator))

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw z ~ q(z|x) (n, *code_shape) for the encoder's output h, differentiable in h."""
        return self.at(h, self.noise(h, generator))

    def at(self, h: Tensor, noise: Tensor) -> Tensor:
        """Return the draw z (n, *code_shape) of some noise, which is broadcast to its shape.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        noise : Tensor
            Standard normal noise, broadcast to the shape of the code.
        """
        return self.log_ratio(h, noise)[0]

    def log_ratio(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and log q(z|x) − log p(z) (n,) in nats.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        noise : Tensor
            Standard normal noise, broadcast to the shape of the code.
        """
        raise NotImplementedError

    def draw(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the draw z that belongs to the noise, and the divergence of each sample (n,).

        The divergence KL(q(z|x) ‖ p(z)), in nats, is in closed form where there is one; else it
        is estimated by this draw, without bias.

        Parameters
        ----------
        h : Tensor of shape (n, outputs(latent_dim))
            The encoder's output.
        noise : Tensor
            Standard normal noise, broadcast to the shape of the code.
        """
        if self.closed_form:
            return self.at(h, noise), self.divergence(h)
        return self.log_ratio(h, noise)

    def divergence(self, h: Tensor) -> Tensor:
        """Return KL(q(z|x) ‖ p(z)) of each sample (n,), in nats.

        Without a closed form it is the mean over 16 draws that are always the same.
        """
        size = self.mean(h[:1]).shape[1:]
        generator = torch.Generator().manual_seed(0)
        half = torch.randn(_DRAWS // 2, *size, generator=generator).to(h.device, h.dtype)
        ratios = [self.log_ratio(h, noise)[1] for draw in half for noise in (draw, -draw)]
        return torch.stack(ratios).mean(0)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) of each code (n,), in nats."""
        z = z.flatten(1)
        if self.prior is not None:
            return self.prior.log_prob(z)
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

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
        prior: Any = StandardNormal(latent_dim) if self.prior is None else self.prior
        drawn: Tensor = prior.sample(n_samples, generator)
        return drawn
